//! Reading the audit table and checking its chain (D-34). Records are written by the use cases they are about.

use api::audit::{AuditCheck, AuditQuery, AuditView};
use api::{FieldError, Page, field};
use domain::AuditId;
use futures_util::{Stream, stream};

use super::error::{AppError, AppResult};
use super::paging::Paging;
use crate::App;
use crate::store::audit::{self as rows, Filter, Record};
use crate::store::audit_names::{self, Names};

/// Records read at once by an export.
const CHUNK: u64 = 500;
/// Records checked in one call.
const CHECKED: usize = 10_000;

fn view(record: Record, names: &Names) -> AuditView {
    let object_name = names.get(&(record.object_kind.clone(), record.object_id.clone())).cloned();
    AuditView {
        id: record.id,
        at: record.at,
        actor_kind: record.actor_kind,
        actor_id: record.actor_id,
        actor_name: record.actor_name,
        address: record.address,
        action: record.action,
        object_kind: record.object_kind,
        object_id: record.object_id,
        object_name,
        details: record.details,
        hash: hex::encode(record.hash),
    }
}

fn filter(query: &AuditQuery) -> AppResult<Filter> {
    // The store compares with a pattern, so no other character may get there.
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || b"-.".contains(&byte));
    if !query.action.as_deref().is_none_or(is_word) {
        let text = "consists of lower-case letters, - and .";
        return Err(AppError::field(FieldError::new("action", field::INVALID, text)));
    }
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (mut object_kind, mut object_id) = (text(&query.object_kind), text(&query.object_id));
    if let Some(object) = text(&query.object) {
        if object_kind.is_some() || object_id.is_some() {
            let words = "stands in place of object_kind and object_id";
            return Err(AppError::field(FieldError::new("object", field::INVALID, words)));
        }
        // Ids may have colons of their own, kinds have none.
        let parts = object.split_once(':').filter(|(kind, id)| !kind.is_empty() && !id.is_empty());
        let Some((kind, id)) = parts else {
            let words = "is a kind and an id, as client:17";
            return Err(AppError::field(FieldError::new("object", field::INVALID, words)));
        };
        (object_kind, object_id) = (Some(kind.to_owned()), Some(id.to_owned()));
    }
    Ok(Filter {
        action: text(&query.action),
        object_kind,
        object_id,
        search: text(&query.search),
        actor_name: text(&query.actor),
        from: query.from,
        until: query.until,
    })
}

/// Records of a filter, newest first.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: AuditQuery) -> AppResult<Page<AuditView>> {
    let paged = query.before.is_none();
    let page = if paged { query.page } else { None };
    let paging = Paging::new(page, query.size, Some("before"))?;
    let filter = filter(&query)?;
    let (records, total) = tokio::try_join!(
        rows::list(&app.store, &filter, query.before, paging.skip(), paging.size),
        total(app, &filter),
    )?;
    let full = records.len() as u64 == paging.size;
    let more = if paged { paging.has_more(total) } else { full };
    let next = records.last().filter(|_| more).map(|record| record.id.to_string());
    let names = audit_names::of(&app.store, &records).await?;
    let items = records.into_iter().map(|record| view(record, &names)).collect();
    Ok(Page { items, total, page: paged.then_some(paging.page), size: paging.size, next })
}

/// Numbers have no gaps: without a filter the newest one is the total, and no million rows are counted.
async fn total(app: &App, filter: &Filter) -> crate::store::StoreResult<u64> {
    let unfiltered = format!("{filter:?}") == format!("{:?}", Filter::default());
    if !unfiltered {
        return rows::count(&app.store, filter).await;
    }
    let newest = rows::list(&app.store, filter, None, 0, 1).await?;
    Ok(newest.first().map_or(0, |record| record.id.0.unsigned_abs()))
}

/// All records of a filter, newest first, in pieces: memory does not grow with their number.
///
/// # Errors
/// `invalid_fields`.
pub fn export(
    app: App,
    query: &AuditQuery,
) -> AppResult<impl Stream<Item = AppResult<Vec<AuditView>>> + use<>> {
    let filter = filter(query)?;
    Ok(stream::try_unfold((app, filter, None, false), |(app, filter, before, done)| async move {
        if done {
            return Ok(None);
        }
        let records = rows::list(&app.store, &filter, before, 0, CHUNK).await?;
        let done = (records.len() as u64) < CHUNK;
        let last = records.last().map(|record| record.id);
        let names = audit_names::of(&app.store, &records).await?;
        let views: Vec<AuditView> = records.into_iter().map(|record| view(record, &names)).collect();
        Ok::<_, AppError>(Some((views, (app, filter, last, done))))
    }))
}

/// Checks a piece of the chain, from the newest record (or below `before`) towards the first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn check(app: &App, before: Option<AuditId>) -> AppResult<AuditCheck> {
    let filter = Filter::default();
    // The last record of the piece before comes again, so that its link to this piece is checked.
    let mut below = before.map(|before| AuditId(before.0.saturating_add(1)));
    let mut newer: Option<Record> = None;
    let mut checked = 0;
    if before.is_none()
        && let Some(missing) = cut_off(app).await?
    {
        return Ok(AuditCheck { checked: 0, intact: false, broken: Some(missing), next: None });
    }
    while checked < CHECKED {
        let records = rows::list(&app.store, &filter, below, 0, CHUNK).await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            if !follows(newer.as_ref(), &record) {
                let broken =
                    newer.as_ref().filter(|_| record.is_intact()).map_or(record.id, |newer| newer.id);
                return Ok(AuditCheck {
                    checked: checked as u64,
                    intact: false,
                    broken: Some(broken),
                    next: None,
                });
            }
            checked += 1;
            below = Some(record.id);
            newer = Some(record);
        }
    }
    let oldest = newer.filter(|record| record.id.0 != 1);
    // The first record follows nothing; if the oldest left is another one, the beginning is missing.
    let missing = oldest.is_some() && checked < CHECKED;
    Ok(AuditCheck {
        checked: checked as u64,
        intact: !missing,
        broken: oldest.as_ref().filter(|_| missing).map(|record| record.id),
        next: oldest.filter(|_| !missing).map(|record| record.id),
    })
}

/// The newest record there should be, when it is not there: somebody removed the newest ones.
async fn cut_off(app: &App) -> AppResult<Option<AuditId>> {
    // Read before the records: one written in between is newer than what is asked for, never missing.
    let (newest, hash) = rows::newest(&app.store).await?;
    let at_or_below = rows::list(&app.store, &Filter::default(), Some(AuditId(newest.0 + 1)), 0, 1).await?;
    let there = at_or_below.first().is_some_and(|record| record.id == newest && record.hash == hash);
    Ok((newest.0 != 0 && !there).then_some(newest))
}

/// Whether a record is as it was written and the newer one follows it without a gap.
fn follows(newer: Option<&Record>, record: &Record) -> bool {
    let linked =
        newer.is_none_or(|newer| newer.id.0 == record.id.0 + 1 && newer.previous_hash == record.hash);
    let first = record.id.0 != 1 || record.previous_hash.is_empty();
    linked && first && record.is_intact()
}
