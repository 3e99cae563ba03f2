//! Storage providers: listed, added, changed, deleted (OSEM §10). Tried in [`check`], scanned for files in [`scan`],
//! [`run`] and `walk`; how one is reached by whoever needs its files is [`open()`].
//!
//! A secret is sealed for its provider and never shown. It belongs to the server it was typed for: another address needs
//! it anew, so that nobody with a stolen session has it sent somewhere else.

pub mod check;
mod fields;
mod open;
pub mod run;
pub mod scan;
mod walk;

pub use check::{note_health, note_takes_files};
pub use open::{failed, ftp_secret, open, stored};

use std::collections::HashMap;

use api::configuration::Reason;
use api::file::{FileUse, TemplateUse};
use api::storage_provider::{
    ChangeProvider, DeleteProviders, NewProvider, ProviderInUse, ProviderQuery, ProviderScan, ProviderView,
    ProvidersDeleted,
};
use api::{Code, FieldError, Page, field};
use domain::ProviderId;
use domain::file::{ProviderHealth, ProviderKind};
use futures_util::{Stream, stream};
use serde_json::{Value as Json, json};

use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::paging::{Paging, sort};
use super::revision::Expected;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::file_list::Uses;
use crate::store::storage_providers::{self as rows, Provider};
use crate::store::{StoreError, Tx, audit, files, provider_scans};

/// The built-in provider.
pub const BUILT_IN: ProviderId = ProviderId(1);

/// Most providers.
const MOST: usize = 100;

/// Providers named in one call that deletes.
const MOST_DELETED: usize = 500;

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sort {
    #[default]
    Name,
    Kind,
    Url,
    Files,
    Bytes,
    Health,
    Updated,
}

const SORTS: [(&str, Sort); 7] = [
    ("name", Sort::Name),
    ("kind", Sort::Kind),
    ("url", Sort::Url),
    ("files", Sort::Files),
    ("bytes", Sort::Bytes),
    ("health", Sort::Health),
    ("updated_at", Sort::Updated),
];

fn view(provider: Provider, (files, bytes): (u64, u64)) -> ProviderView {
    let progress = provider.scan.progress;
    ProviderView {
        id: provider.id,
        name: provider.name,
        kind: provider.kind,
        url: provider.url,
        username: provider.username,
        has_secret: provider.secret.is_some(),
        bucket: provider.bucket,
        region: provider.region,
        path_style: provider.path_style,
        listing: provider.listing,
        serving: provider.serving,
        ftp_url: provider.ftp_url,
        ftp_username: provider.ftp_username,
        has_ftp_secret: provider.ftp_secret.is_some(),
        // Nobody needs to try the directory of this installation.
        writable: provider.takes_files.or((provider.kind == ProviderKind::BuiltIn).then_some(true)),
        health: provider.health,
        checked_at: provider.checked_at,
        error: provider.error.map(|(code, args)| Reason { code, args }),
        files,
        bytes,
        scan: ProviderScan {
            state: provider.scan.state,
            seen: progress.seen,
            added: progress.added,
            changed: progress.changed,
            missing: progress.missing,
            skipped: progress.skipped,
            started_at: provider.scan.started_at,
            finished_at: provider.scan.finished_at,
        },
        created_at: provider.created_at,
        updated_at: provider.updated_at,
        updated_by: provider.updated_by,
        revision: provider.revision,
    }
}

async fn views(app: &App) -> AppResult<Vec<ProviderView>> {
    let (providers, mut figures): (_, HashMap<_, _>) =
        tokio::try_join!(rows::all(&app.store), rows::figures(&app.store))?;
    let views = providers.into_iter().map(|provider| {
        let figures = figures.remove(&provider.id).unwrap_or_default();
        view(provider, figures)
    });
    Ok(views.collect())
}

/// Providers of a filter, in its order.
async fn selected(app: &App, query: &ProviderQuery) -> AppResult<Vec<ProviderView>> {
    let (order, descending) = sort(query.sort.as_deref(), &SORTS)?;
    let search = query.search.as_deref().unwrap_or_default().trim().to_lowercase();
    let mut views = views(app).await?;
    views.retain(|provider| {
        let found = [&provider.name, &provider.url].iter().any(|text| text.to_lowercase().contains(&search));
        found
            && query.kind.is_none_or(|kind| kind == provider.kind)
            && query.health.is_none_or(|health| health == provider.health)
    });
    views.sort_by(|a, b| {
        let by = match order {
            Sort::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            Sort::Kind => a.kind.as_str().cmp(b.kind.as_str()),
            Sort::Url => a.url.cmp(&b.url),
            Sort::Files => a.files.cmp(&b.files),
            Sort::Bytes => a.bytes.cmp(&b.bytes),
            Sort::Health => a.health.cmp(&b.health),
            Sort::Updated => a.updated_at.cmp(&b.updated_at),
        };
        let by = by.then(a.id.cmp(&b.id));
        if descending { by.reverse() } else { by }
    });
    Ok(views)
}

/// Providers of a filter, sorted. They are few: all are read, and counted in memory.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &ProviderQuery) -> AppResult<Page<ProviderView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let views = selected(app, query).await?;
    let total = views.len() as u64;
    let page = views.into_iter().skip(usize::try_from(paging.skip()).unwrap_or(usize::MAX));
    let items = page.take(usize::try_from(paging.size).unwrap_or(usize::MAX)).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// All providers of a filter, in one piece: they are few.
///
/// # Errors
/// `invalid_fields`.
pub async fn export(
    app: &App,
    query: &ProviderQuery,
) -> AppResult<impl Stream<Item = AppResult<Vec<ProviderView>>> + use<>> {
    let views = selected(app, query).await?;
    Ok(stream::iter([Ok(views)]))
}

/// One provider.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: ProviderId) -> AppResult<ProviderView> {
    let provider = rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let figures = rows::figures(&app.store).await?.remove(&id).unwrap_or_default();
    Ok(view(provider, figures))
}

/// What the audit table keeps of a provider: no secret, only whether there is one.
fn told(provider: &Provider) -> Json {
    json!({
        "name": provider.name, "kind": provider.kind, "url": provider.url, "username": provider.username,
        "has_secret": provider.secret.is_some(), "bucket": provider.bucket, "region": provider.region,
        "path_style": provider.path_style, "listing": provider.listing, "serving": provider.serving,
        "ftp_url": provider.ftp_url, "ftp_username": provider.ftp_username,
        "has_ftp_secret": provider.ftp_secret.is_some(),
    })
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> AppError + use<> {
    let name = name.to_owned();
    move |error| match error {
        StoreError::Taken { .. } => AppError::name_taken(&name),
        other => other.into(),
    }
}

/// Adds a provider, and starts a scan of it when that is wished. It is not tried: that is `check`.
///
/// # Errors
/// `invalid_fields`, `name_taken`, `too_many`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewProvider,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<ProviderView>> {
    let scanned = new.scan;
    let (mut provider, secrets) = fields::new(app, caller, new)?;
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    if rows::all(&tx).await?.len() >= MOST {
        let text = "There are as many storage providers as there can be.";
        return Err(AppError::new(Code::TooMany, text).arg("most", MOST));
    }
    provider.id = rows::insert(&tx, &provider).await.map_err(taken(&provider.name))?;
    if let Some(secret) = secrets.own {
        let sealed = app.vault.seal(&open::place(provider.id), &secret)?;
        rows::set_secret(&tx, provider.id, &sealed).await?;
    }
    if let Some(secret) = secrets.ftp {
        let sealed = app.vault.seal(&open::ftp_place(provider.id), &secret)?;
        rows::set_ftp_secret(&tx, provider.id, &sealed).await?;
    }
    if scanned {
        provider_scans::start(&tx, provider.id, provider.created_at).await?;
    }
    let id = provider.id;
    let stored = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    let details = json!({ "after": told(&stored), "scan": scanned });
    write_audit(app, &tx, caller, "storage-provider.create", id, details).await?;
    let value = view(stored, (0, 0));
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish(Resource::StorageProviders, Change::Created, id);
    Ok(Created { value, replayed: false })
}

/// Changes a provider; an absent field stays. Of the built-in one only the name can be changed.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`, `name_taken`, `provider_built_in`.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: ProviderId,
    expected: &Expected,
    request: ChangeProvider,
) -> AppResult<ProviderView> {
    let tx = app.store.begin().await?;
    let before = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(before.revision)?;
    let scanned = request.scan;
    let after = fields::changed(app, caller, &before, request)?;
    let differs = told(&after) != told(&before)
        || after.secret != before.secret
        || after.ftp_secret != before.ftp_secret;
    if differs {
        if !rows::update(&tx, &after).await.map_err(taken(&after.name))? {
            return Err(AppError::stale());
        }
        if fields::reaches_elsewhere(&before, &after) {
            // What was found out about the old place says nothing of the new one.
            rows::set_health(&tx, id, after.revision + 1, ProviderHealth::Unknown, None, None).await?;
            rows::set_takes_files(&tx, id, after.revision + 1, None).await?;
            // A scan that runs begins anew, there.
            provider_scans::take_away(&tx, id).await?;
        }
        if (&before.url, &before.bucket) != (&after.url, &after.bucket) {
            // The same key may be another content there.
            files::forget_contents(&tx, id, after.updated_at).await?;
        }
        let mut details = json!({ "before": told(&before), "after": told(&after) });
        if after.secret != before.secret {
            details["secret"] = json!("changed");
        }
        if after.ftp_secret != before.ftp_secret {
            details["ftp_secret"] = json!("changed");
        }
        write_audit(app, &tx, caller, "storage-provider.change", id, details).await?;
    }
    if scanned && provider_scans::start(&tx, id, app.clock.now()).await? {
        write_audit(app, &tx, caller, "storage-provider.scan", id, json!({})).await?;
    }
    tx.commit().await?;
    if differs || scanned {
        app.events.publish(Resource::StorageProviders, Change::Updated, id);
    }
    if differs {
        app.file_server.ask_again();
        // Files say where they are.
        app.events.publish(Resource::Files, Change::Updated, "");
    }
    find(app, id).await
}

fn built_in() -> AppError {
    AppError::new(Code::ProviderBuiltIn, "The built-in storage provider belongs to the installation.")
}

/// Refuses to delete a provider with files somebody needs.
fn in_use(uses: &Uses) -> AppError {
    let templates: Vec<&str> = uses.templates.iter().map(|(_, name)| name.as_str()).collect();
    let jobs: Vec<i64> = uses.jobs.iter().map(|job| job.0).collect();
    AppError::new(Code::InUse, "Templates or jobs need files of this storage provider.")
        .arg("used_by", templates)
        .arg("jobs", jobs)
}

fn uses_view(uses: Uses) -> FileUse {
    let templates = uses.templates.into_iter().map(|(id, name)| TemplateUse { id, name });
    FileUse {
        templates: templates.collect(),
        templates_total: uses.templates_total,
        jobs: uses.jobs,
        jobs_total: uses.jobs_total,
    }
}

/// Deletes a provider with the files that are known of it; its objects stay where they are.
///
/// # Errors
/// `not_found`, `precondition_failed`, `provider_built_in`, `in_use` while templates or jobs need files of it.
pub async fn delete(app: &App, caller: &Caller, id: ProviderId, expected: &Expected) -> AppResult<()> {
    let tx = app.store.begin().await?;
    if !files::lock_provider(&tx, id).await? {
        return Err(AppError::not_found());
    }
    let provider = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(provider.revision)?;
    if provider.kind == ProviderKind::BuiltIn {
        return Err(built_in());
    }
    let uses = rows::uses(&tx, id).await?;
    if !uses.is_empty() {
        return Err(in_use(&uses));
    }
    remove(app, &tx, caller, &provider).await?;
    tx.commit().await?;
    app.events.publish(Resource::StorageProviders, Change::Deleted, id);
    app.events.publish(Resource::Files, Change::Deleted, "");
    Ok(())
}

async fn remove(app: &App, tx: &Tx, caller: &Caller, provider: &Provider) -> AppResult<()> {
    rows::delete(tx, provider.id).await?;
    let details = json!({ "before": told(provider) });
    write_audit(app, tx, caller, "storage-provider.delete", provider.id, details).await
}

/// Deletes several providers; those whose files are needed stay, and so does the built-in one.
///
/// # Errors
/// `invalid_fields`.
pub async fn delete_many(
    app: &App,
    caller: &Caller,
    request: &DeleteProviders,
) -> AppResult<ProvidersDeleted> {
    if request.ids.len() > MOST_DELETED {
        let text = format!("has more than {MOST_DELETED} entries");
        return Err(AppError::field(FieldError::new("/ids", field::TOO_LONG, text).arg("max", MOST_DELETED)));
    }
    let ids: std::collections::BTreeSet<ProviderId> = request.ids.iter().copied().collect();
    let (mut deleted, mut in_use) = (Vec::new(), Vec::new());
    let tx = app.store.begin().await?;
    for id in ids {
        if !files::lock_provider(&tx, id).await? {
            continue;
        }
        let Some(provider) = rows::by_id(&tx, id).await? else { continue };
        let uses = rows::uses(&tx, id).await?;
        if provider.kind == ProviderKind::BuiltIn || !uses.is_empty() {
            in_use.push(ProviderInUse { id, name: provider.name, used_by: uses_view(uses) });
            continue;
        }
        remove(app, &tx, caller, &provider).await?;
        deleted.push(id);
    }
    tx.commit().await?;
    for id in &deleted {
        app.events.publish(Resource::StorageProviders, Change::Deleted, id);
    }
    if !deleted.is_empty() {
        app.events.publish(Resource::Files, Change::Deleted, "");
    }
    Ok(ProvidersDeleted { deleted: deleted.len() as u64, in_use })
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: ProviderId,
    details: Json,
) -> AppResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "storage-provider", object_id, details })
        .await?;
    Ok(())
}
