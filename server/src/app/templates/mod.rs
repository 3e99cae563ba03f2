//! Templates as administrators see them: lists, one template, making, changing, copying, deleting (OSEM §6, D-18 … D-20).
//!
//! Nothing is saved here: a change goes to `plans::save_or_plan`, which saves it when it alters nothing for anybody and
//! else refuses with the plan that will (D-22). What templates make of a client is `layers`.

pub mod configuration;
mod fields;
pub mod file;
pub mod files;
mod list;

use std::collections::{BTreeMap, BTreeSet};

use api::template::{
    ChangeTemplate, CopyTemplate, DeleteMany, DeletedMany, NamedGroup, NewTemplate, TemplateContent,
    TemplateView,
};
use api::{FieldError, field};
use domain::catalogue::{ParameterKey, Value};
use domain::layers::Wish;
use domain::{FileId, TemplateId};

pub use list::list;

use self::fields::{Faults, Place, Values};
use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::layers::change::{FleetChange, TemplateChange, TemplateHead};
use super::layers::{self, Snapshot};
use super::plans;
use super::revision::Expected;
use crate::App;
use crate::store::templates::{self as rows, Template};
use crate::store::{StoreError, StoreResult};

/// Most templates named by their ids to be deleted at once.
const MOST_IDS: usize = 500;

/// A template as it is shown; `prepared` says for how many clients each was chosen.
fn view(layers: &Snapshot, prepared: &BTreeMap<TemplateId, u64>, template: &Template) -> TemplateView {
    let values = values_of(layers, template.id);
    let count = |counts: &dyn Fn(&Wish) -> bool| values.values().filter(|wish| counts(wish)).count() as u64;
    let mut groups: Vec<NamedGroup> = layers
        .groups
        .values()
        .filter(|group| group.templates.contains(&template.id))
        .map(|group| NamedGroup { id: group.id, name: group.name.clone() })
        .collect();
    groups.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    TemplateView {
        id: template.id,
        name: template.name.clone(),
        description: template.description.clone(),
        kind: template.kind,
        rank: template.rank,
        models: template.models.clone(),
        software_types: template.software_types.clone(),
        software_update: template.software_update,
        secure_mode: template.secure_mode,
        content: TemplateContent {
            settings: values.len() as u64,
            secrets: count(&|wish| matches!(wish, Wish::Secret(_))),
            variables: count(&Wish::has_variables),
            secure_mode: template.secure_mode.is_some(),
            files: layers.files_of(template.id).len() as u64,
        },
        groups,
        prepared_clients: prepared.get(&template.id).copied().unwrap_or(0),
        created_at: template.created_at,
        updated_at: template.updated_at,
        updated_by: template.updated_by.clone(),
        revision: template.revision,
    }
}

/// The values of a template; none of one that is not there.
fn values_of(layers: &Snapshot, id: TemplateId) -> &BTreeMap<ParameterKey, Wish> {
    static NONE: BTreeMap<ParameterKey, Wish> = BTreeMap::new();
    layers.layers.templates.get(&id).map_or(&NONE, |template| &template.values)
}

fn stored(layers: &Snapshot, id: TemplateId) -> AppResult<&Template> {
    layers.templates.get(&id).ok_or_else(AppError::not_found)
}

/// One template.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: TemplateId) -> AppResult<TemplateView> {
    let layers = layers::snapshot(app, &app.store).await?;
    let prepared = rows::prepared_clients(&app.store).await?;
    Ok(view(&layers, &prepared, stored(&layers, id)?))
}

/// Makes a template.
///
/// # Errors
/// `invalid_fields`, `name_taken`, `too_many`, `plan_required`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewTemplate,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<TemplateView>> {
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let layers = layers::snapshot(app, &app.store).await?;
    let mut faults = Faults::new(Place::Body);
    let head = head(&mut faults, &new);
    let values = faults.values(&app.catalogue, &layers, &new.values, fields::Nulls::Refused);
    faults.together(&app.catalogue, &head.software_types, &BTreeMap::new(), &values);
    faults.refuse()?;
    let new = New { head, set: values.set, files: BTreeSet::new(), confirm: None };
    save_new(app, caller, new, key).await
}

/// A new template whose fields, values and files were checked.
struct New {
    head: TemplateHead,
    set: Vec<(ParameterKey, Value)>,
    files: BTreeSet<FileId>,
    confirm: Option<u64>,
}

/// Checks everything of a new template but its values.
fn head(faults: &mut Faults, new: &NewTemplate) -> TemplateHead {
    TemplateHead {
        name: faults.name(&new.name),
        description: faults.description(&new.description),
        kind: new.kind,
        rank: faults.rank(new.rank),
        models: faults.models(&new.models),
        software_types: faults.software_types(&new.software_types),
        software_update: new.software_update,
        secure_mode: new.secure_mode,
    }
}

/// Saves a new template, by a caller who has looked for an earlier answer. This one
/// is kept after the template was saved, in a transaction of its own: whoever repeats a call that broke off in between
/// learns that the name is taken.
///
/// # Errors
/// `name_taken`, `too_many`, `plan_required`, `confirmation_required`, `idempotency_key_reused`.
async fn save_new(
    app: &App,
    caller: &Caller,
    new: New,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<TemplateView>> {
    let New { head, set, files, confirm } = new;
    let some = (!files.is_empty()).then_some(files);
    let template =
        TemplateChange { id: None, revision: 0, after: Some(head), set, remove: Vec::new(), files: some };
    let change = FleetChange { templates: vec![template], ..FleetChange::default() };
    let saved = plans::save_or_plan(app, caller, change, confirm).await?;
    let id = saved.templates.first().copied().ok_or_else(AppError::not_found)?;
    idempotency::keep_after(app, caller, key, find(app, id).await?).await
}

/// Changes a template; fields and values that are not named stay.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`, `name_taken`, `plan_required`, `confirmation_required`.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    expected: &Expected,
    change: ChangeTemplate,
) -> AppResult<TemplateView> {
    let layers = layers::snapshot(app, &app.store).await?;
    let template = stored(&layers, id)?;
    expected.check(template.revision)?;
    let before = TemplateHead::of(template);
    let mut faults = Faults::new(Place::Body);
    let after = changed_head(&mut faults, &before, &change);
    let has = values_of(&layers, id);
    let values = faults.values(&app.catalogue, &layers, &change.values, fields::Nulls::Remove);
    faults.together(&app.catalogue, &after.software_types, has, &values);
    faults.refuse()?;
    let Values { set, remove, .. } = values.differing(&app.catalogue, has);
    if before == after && set.is_empty() && remove.is_empty() {
        return find(app, id).await;
    }
    let template = TemplateChange {
        id: Some(id),
        revision: template.revision,
        after: Some(after),
        set,
        remove,
        files: None,
    };
    let fleet = FleetChange { templates: vec![template], ..FleetChange::default() };
    plans::save_or_plan(app, caller, fleet, change.confirm).await?;
    find(app, id).await
}

fn changed_head(faults: &mut Faults, before: &TemplateHead, change: &ChangeTemplate) -> TemplateHead {
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after.name = faults.name(name);
    }
    if let Some(description) = &change.description {
        after.description = faults.description(description);
    }
    if let Some(rank) = change.rank {
        after.rank = faults.rank(rank);
    }
    if let Some(models) = &change.models {
        after.models = faults.models(models);
    }
    if let Some(types) = &change.software_types {
        after.software_types = faults.software_types(types);
    }
    after.kind = change.kind.unwrap_or(after.kind);
    after.software_update = change.software_update.unwrap_or(after.software_update);
    after.secure_mode = change.secure_mode.unwrap_or(after.secure_mode);
    after
}

/// Deletes a template; groups lose it.
///
/// # Errors
/// `not_found`, `precondition_failed`, `plan_required`, `confirmation_required` and `too_many_targets` when the files of
/// another template come in place of its own.
pub async fn delete(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    expected: &Expected,
    confirm: Option<u64>,
) -> AppResult<()> {
    let layers = layers::snapshot(app, &app.store).await?;
    let template = stored(&layers, id)?;
    expected.check(template.revision)?;
    let change = FleetChange { templates: vec![removal(template)], ..FleetChange::default() };
    plans::save_or_plan(app, caller, change, confirm).await?;
    Ok(())
}

fn removal(template: &Template) -> TemplateChange {
    TemplateChange {
        id: Some(template.id),
        revision: template.revision,
        after: None,
        set: Vec::new(),
        remove: Vec::new(),
        files: None,
    }
}

/// Deletes several templates, all or none of them.
///
/// # Errors
/// `invalid_fields`, `plan_required`, `confirmation_required`, `too_many_targets`, and `precondition_failed` when one was changed at the same moment.
pub async fn delete_many(app: &App, caller: &Caller, which: &DeleteMany) -> AppResult<DeletedMany> {
    let layers = layers::snapshot(app, &app.store).await?;
    let fault = |code, text: &str| FieldError::new("/ids", code, text);
    let templates: Vec<&Template> = match (&which.ids, &which.search) {
        (Some(ids), None) if ids.len() > MOST_IDS => {
            let text = format!("names more than {MOST_IDS}");
            return Err(AppError::field(fault(field::TOO_LONG, &text).arg("max", MOST_IDS)));
        }
        (Some(ids), None) => {
            let ids: BTreeSet<TemplateId> = ids.iter().copied().map(TemplateId).collect();
            ids.iter().filter_map(|id| layers.templates.get(id)).collect()
        }
        (None, Some(search)) => {
            layers.templates.values().filter(|template| list::has_words(template, search)).collect()
        }
        _ => return Err(AppError::field(fault(field::MISSING, "needs either ids or search"))),
    };
    let deleted = templates.len() as u64;
    if deleted > 0 {
        let templates = templates.into_iter().map(removal).collect();
        let change = FleetChange { templates, ..FleetChange::default() };
        plans::save_or_plan(app, caller, change, which.confirm).await?;
    }
    Ok(DeletedMany { deleted })
}

/// Makes a copy of a template under another name: all of it but its places in groups, secrets and files too.
///
/// # Errors
/// `not_found`, `invalid_fields`, `name_taken`, `too_many`, `plan_required`, `confirmation_required`,
/// `idempotency_key_reused`.
pub async fn copy(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    copy: &CopyTemplate,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<TemplateView>> {
    // Also when the template is gone by the time of the repeated call.
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let layers = layers::snapshot(app, &app.store).await?;
    let template = stored(&layers, id)?;
    let mut faults = Faults::new(Place::Body);
    let head = TemplateHead { name: faults.name(&copy.name), ..TemplateHead::of(template) };
    faults.refuse()?;
    let corrupt = || StoreError::Corrupt { attempt: "copy a template", what: "template_value.value" };
    let set = values_of(&layers, id)
        .iter()
        .map(|(key, wish)| Ok((key.clone(), wish.value().ok_or_else(corrupt)?)))
        .collect::<StoreResult<_>>()?;
    let new = New { head, set, files: layers.files_of(id), confirm: copy.confirm };
    save_new(app, caller, new, key).await
}
