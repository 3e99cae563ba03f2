//! Groups: who belongs to them by a filter, and which templates their members get (OSEM §8, D-19, D-21).
//!
//! They are few and looked at in memory; only their members are counted in the database. A change that alters what is
//! desired of anybody is not saved but planned (D-22): [`plans::save_or_plan`] decides that.

mod preview;

pub use preview::preview;

use std::collections::{BTreeMap, BTreeSet};

use api::group::{ChangeGroup, GroupQuery, GroupView, NewGroup};
use api::template::{DeleteMany, DeletedMany, LONGEST_DESCRIPTION, LONGEST_NAME, NamedTemplate};
use api::{FieldError, Page, field};
use domain::group_filter::Filter;
use domain::{GroupId, TemplateId};
use serde_json::Value as Json;

use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::layers::change::{FleetChange, GroupChange, GroupHead};
use super::layers::{self, Snapshot};
use super::paging::{Paging, sort};
use super::plans;
use super::revision::Expected;
use crate::App;
use crate::store::group_counts;
use crate::store::groups::Group;

/// Templates a group can have.
const MOST_TEMPLATES: usize = 50;

/// Groups named in one call that deletes.
const MOST_DELETED: usize = 500;

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sort {
    #[default]
    Name,
    Members,
    Updated,
}

const SORTS: [(&str, Sort); 3] =
    [("name", Sort::Name), ("members", Sort::Members), ("updated_at", Sort::Updated)];

fn view(layers: &Snapshot, group: &Group, members: u64) -> GroupView {
    let mut templates: Vec<_> = group.templates.iter().filter_map(|id| layers.templates.get(id)).collect();
    templates.sort_by_key(|template| (template.rank, template.name.to_lowercase(), template.id));
    GroupView {
        id: group.id,
        name: group.name.clone(),
        description: group.description.clone(),
        subjects: group.filter.iter().flat_map(Filter::subjects).collect(),
        filter: group.filter.clone(),
        templates: templates
            .into_iter()
            .map(|template| NamedTemplate { id: Some(template.id), name: template.name.clone() })
            .collect(),
        members,
        created_at: group.created_at,
        updated_at: group.updated_at,
        updated_by: group.updated_by.clone(),
        revision: group.revision,
    }
}

/// Number of members of groups; those without a filter have none.
async fn count(app: &App, groups: &[&Group]) -> AppResult<BTreeMap<GroupId, u64>> {
    let filtered: Vec<(GroupId, &Filter)> =
        groups.iter().filter_map(|group| Some((group.id, group.filter.as_ref()?))).collect();
    let filters: Vec<&Filter> = filtered.iter().map(|(_, filter)| *filter).collect();
    let counts = group_counts::counts(&app.store, &filters).await?;
    Ok(filtered.into_iter().map(|(id, _)| id).zip(counts).collect())
}

/// Whether a search takes a thing of this name and description. An empty search takes all.
fn found(search: &str, name: &str, description: &str) -> bool {
    let search = search.trim().to_lowercase();
    [name, description].iter().any(|text| text.to_lowercase().contains(&search))
}

/// Groups of a filter, sorted.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &GroupQuery) -> AppResult<Page<GroupView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let (order, descending) = sort(query.sort.as_deref(), &SORTS)?;
    let layers = layers::snapshot(app, &app.store).await?;
    let search = query.search.as_deref().unwrap_or_default();
    let mut groups: Vec<&Group> = layers
        .groups
        .values()
        .filter(|group| found(search, &group.name, &group.description))
        .filter(|group| query.template.is_none_or(|template| group.templates.contains(&template)))
        .collect();
    let total = groups.len() as u64;
    // Members are counted for the page only, unless they say which groups are on it.
    let mut members = if order == Sort::Members { count(app, &groups).await? } else { BTreeMap::new() };
    let number =
        |members: &BTreeMap<GroupId, u64>, group: &Group| members.get(&group.id).copied().unwrap_or(0);
    groups.sort_by(|a, b| {
        let by = match order {
            Sort::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            Sort::Members => number(&members, a).cmp(&number(&members, b)),
            Sort::Updated => a.updated_at.cmp(&b.updated_at),
        };
        let by = by.then(a.id.cmp(&b.id));
        if descending { by.reverse() } else { by }
    });
    let page = groups.into_iter().skip(usize::try_from(paging.skip()).unwrap_or(usize::MAX));
    let page: Vec<&Group> = page.take(usize::try_from(paging.size).unwrap_or(usize::MAX)).collect();
    if order != Sort::Members {
        members = count(app, &page).await?;
    }
    let items = page.into_iter().map(|group| view(&layers, group, number(&members, group))).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// One group.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: GroupId) -> AppResult<GroupView> {
    let layers = layers::snapshot(app, &app.store).await?;
    let group = layers.groups.get(&id).ok_or_else(AppError::not_found)?;
    let members = count(app, &[group]).await?.get(&id).copied().unwrap_or(0);
    Ok(view(&layers, group, members))
}

/// Makes a group.
///
/// # Errors
/// `invalid_fields`, `name_taken`, `too_many`, `plan_required` with the plan that makes it, `confirmation_required`,
/// `too_many_targets`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewGroup,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<GroupView>> {
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let layers = layers::snapshot(app, &app.store).await?;
    let confirm = new.confirm;
    let head = GroupHead {
        name: new.name,
        description: new.description,
        filter: new.filter,
        templates: new.templates,
    };
    let head = checked(&layers, head, None)?;
    let change = GroupChange { id: None, revision: 0, after: Some(head) };
    let saved = plans::save_or_plan(app, caller, of_groups(vec![change]), confirm).await?;
    let id = saved.groups.first().copied().ok_or_else(AppError::not_found)?;
    idempotency::keep_after(app, caller, key, find(app, id).await?).await
}

fn of_groups(groups: Vec<GroupChange>) -> FleetChange {
    FleetChange { groups, ..FleetChange::default() }
}

/// Changes a group; an absent field stays.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`, `name_taken`, `plan_required` with the plan that changes it,
/// `confirmation_required`, `too_many_targets`.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: GroupId,
    expected: &Expected,
    request: ChangeGroup,
) -> AppResult<GroupView> {
    let layers = layers::snapshot(app, &app.store).await?;
    let group = layers.groups.get(&id).ok_or_else(AppError::not_found)?;
    expected.check(group.revision)?;
    let (before, confirm) = (GroupHead::of(group), request.confirm);
    let head = GroupHead {
        name: request.name.unwrap_or_else(|| before.name.clone()),
        description: request.description.unwrap_or_else(|| before.description.clone()),
        filter: request.filter.unwrap_or_else(|| before.filter.clone()),
        templates: request.templates.unwrap_or_else(|| before.templates.clone()),
    };
    let head = checked(&layers, head, Some(&before))?;
    if !head.differing(&before).is_empty() {
        let change = GroupChange { id: Some(id), revision: group.revision, after: Some(head) };
        plans::save_or_plan(app, caller, of_groups(vec![change]), confirm).await?;
    }
    find(app, id).await
}

/// Deletes a group.
///
/// # Errors
/// `not_found`, `precondition_failed`, `plan_required` with the plan that deletes it, `confirmation_required`,
/// `too_many_targets`.
pub async fn delete(
    app: &App,
    caller: &Caller,
    id: GroupId,
    expected: &Expected,
    confirm: Option<u64>,
) -> AppResult<()> {
    let layers = layers::snapshot(app, &app.store).await?;
    let group = layers.groups.get(&id).ok_or_else(AppError::not_found)?;
    expected.check(group.revision)?;
    let change = GroupChange { id: Some(id), revision: group.revision, after: None };
    plans::save_or_plan(app, caller, of_groups(vec![change]), confirm).await.map(|_| ())
}

/// Deletes many groups in one change: all of them, or none.
///
/// # Errors
/// `invalid_fields`, `plan_required` with the plan that deletes them, `confirmation_required`, `too_many_targets`.
pub async fn delete_many(app: &App, caller: &Caller, request: &DeleteMany) -> AppResult<DeletedMany> {
    let layers = layers::snapshot(app, &app.store).await?;
    let changes: Vec<GroupChange> = layers
        .groups
        .values()
        .filter(deleted(request)?)
        .map(|group| GroupChange { id: Some(group.id), revision: group.revision, after: None })
        .collect();
    let deleted = changes.len() as u64;
    if deleted > 0 {
        plans::save_or_plan(app, caller, of_groups(changes), request.confirm).await?;
    }
    Ok(DeletedMany { deleted })
}

/// Which groups a call deletes.
fn deleted(request: &DeleteMany) -> AppResult<impl Fn(&&Group) -> bool> {
    let fault = |code, text: String| FieldError::new("/ids", code, text);
    let (ids, search) = match (&request.ids, &request.search) {
        (Some(ids), None) if ids.len() > MOST_DELETED => {
            let text = format!("has more than {MOST_DELETED} entries");
            return Err(AppError::field(fault(field::TOO_LONG, text).arg("max", MOST_DELETED)));
        }
        (Some(ids), None) => (Some(ids.iter().copied().collect::<BTreeSet<i64>>()), String::new()),
        (None, Some(search)) => (None, search.clone()),
        (None, None) | (Some(_), Some(_)) => {
            let text = "must be given, or search: one of the two".to_owned();
            return Err(AppError::field(fault(field::MISSING, text)));
        }
    };
    Ok(move |group: &&Group| match &ids {
        Some(ids) => ids.contains(&group.id.0),
        None => found(&search, &group.name, &group.description),
    })
}

/// A group as it is saved, if it can be accepted; of what stays as it was nothing is said. Whether it loops (D-21), its
/// name is free and its templates are there, says [`FleetChange::try_out`].
fn checked(layers: &Snapshot, head: GroupHead, before: Option<&GroupHead>) -> AppResult<GroupHead> {
    let mut faults = Vec::new();
    let name = text("/name", &head.name, LONGEST_NAME, &mut faults);
    let description = description(&head.description, &mut faults);
    let same = before.is_some_and(|before| before.filter == head.filter);
    if let Some(filter) = head.filter.as_ref().filter(|_| !same) {
        faults.extend(filter_faults(layers, filter));
    }
    faults.extend(template_faults(&head.templates));
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    Ok(GroupHead { name, description, filter: head.filter, templates: head.templates })
}

/// A name or a label: one line of visible text.
pub(super) fn text(pointer: &str, text: &str, longest: usize, faults: &mut Vec<FieldError>) -> String {
    let text = text.trim();
    if text.is_empty() {
        faults.push(FieldError::new(pointer, field::MISSING, "must not be empty"));
    } else if text.chars().count() > longest {
        let message = format!("has more than {longest} characters");
        faults.push(FieldError::new(pointer, field::TOO_LONG, message).arg("max", longest));
    } else if text.chars().any(char::is_control) {
        faults.push(FieldError::new(pointer, field::CONTROL_CHARACTER, "has a control character"));
    }
    text.to_owned()
}

/// Lines of text, or none.
fn description(text: &str, faults: &mut Vec<FieldError>) -> String {
    let text = text.trim();
    let pointer = "/description";
    if text.chars().count() > LONGEST_DESCRIPTION {
        let message = format!("has more than {LONGEST_DESCRIPTION} characters");
        faults.push(FieldError::new(pointer, field::TOO_LONG, message).arg("max", LONGEST_DESCRIPTION));
    } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        faults.push(FieldError::new(pointer, field::CONTROL_CHARACTER, "has a control character"));
    }
    text.to_owned()
}

/// What cannot be accepted of a filter.
fn filter_faults(layers: &Snapshot, filter: &Filter) -> Vec<FieldError> {
    let known: BTreeSet<String> = layers.fields.keys().cloned().collect();
    let faults = filter.check(&known).err().unwrap_or_default();
    let error = |fault: domain::group_filter::FilterFault| {
        let reason = fault.reason;
        let error = FieldError::new(format!("/filter{}", fault.path), reason.code(), reason.to_string());
        // Numbers are numbers, as in all other problems.
        let value = |text: String| text.parse::<u64>().map_or(Json::String(text), Json::from);
        reason.args().into_iter().fold(error, |error, (name, text)| error.arg(name, value(text)))
    };
    faults.into_iter().map(error).collect()
}

fn template_faults(templates: &[TemplateId]) -> Vec<FieldError> {
    if templates.len() > MOST_TEMPLATES {
        let text = format!("has more than {MOST_TEMPLATES} entries");
        return vec![FieldError::new("/templates", "too_many", text).arg("max", MOST_TEMPLATES)];
    }
    let mut seen = BTreeSet::new();
    let twice = templates.iter().enumerate().filter(|(_, id)| !seen.insert(**id));
    twice
        .map(|(place, _)| {
            FieldError::new(format!("/templates/{place}"), field::GIVEN_TWICE, "stands there more than once")
        })
        .collect()
}
