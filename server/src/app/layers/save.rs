//! Saving a change of templates, groups or fields, with its audit records, in an open transaction (D-34).

use std::collections::BTreeMap;

use api::Code;
use domain::catalogue::Catalogue;
use domain::{FileId, GroupId, TemplateId};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::change::{
    FleetChange, GroupChange, GroupHead, TemplateChange, TemplateHead, group_row, template_row,
};
use super::snapshot::wish_of;
use super::{Snapshot, seal_template_value};
use crate::App;
use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult};
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::{
    StoreError, Tx, audit, client_fields, clients, fleet, groups, layers, template_files, templates,
};

/// Values named in an audit record; their number is always there.
const MOST_AUDITED: usize = 50;

/// Longest text of a value in an audit record, in characters: the record can never be removed.
const LONGEST_AUDITED: usize = 200;

/// Longest text of a filter in an audit record.
const LONGEST_FILTER: usize = 2_000;

/// What was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Templates that were made or changed, in the order of the change.
    pub templates: Vec<TemplateId>,
    /// Groups that were made or changed, in the order of the change.
    pub groups: Vec<GroupId>,
    /// Resources of which something was made, changed or deleted.
    happened: Vec<(Resource, Change, i64)>,
}

impl Saved {
    /// Tells everybody; after the commit.
    pub fn announce(&self, app: &App) {
        for (resource, change, id) in &self.happened {
            app.events.publish(*resource, *change, *id);
        }
        app.store.clients_changed();
    }
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> AppError + '_ {
    move |error| match error {
        StoreError::Taken { .. } => {
            AppError::new(Code::NameTaken, "There is one of this name already.").arg("name", name)
        }
        other => other.into(),
    }
}

/// Saves it. Whoever calls holds templates and groups ([`layers::lock`]) and has tried the change on the version that
/// is held: nothing is checked again but revisions.
///
/// # Errors
/// `precondition_failed`, `name_taken`; when the database refuses.
pub async fn save(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    change: &FleetChange,
    before: &Snapshot,
    at: Timestamp,
) -> AppResult<Saved> {
    let mut saved = Saved::default();
    for change in &change.templates {
        save_template(app, tx, caller, change, before, &mut saved, at).await?;
    }
    for change in &change.groups {
        save_group(tx, caller, change, before, &mut saved, at).await?;
    }
    if let Some(fields) = &change.fields {
        clients::by_id(tx, fields.client).await?.ok_or_else(AppError::not_found)?;
        if client_fields::of_client(tx, fields.client).await? != fields.before {
            return Err(AppError::stale());
        }
        client_fields::set(tx, fields.client, &fields.fields).await?;
        fleet::touch(tx, &[fields.client], at).await?;
        let details = json!({"before": fields.before, "after": fields.fields});
        record(tx, caller, "client.fields", "client", fields.client.0, details, at).await?;
        saved.happened.push((Resource::Clients, Change::Updated, fields.client.0));
    }
    if !change.templates.is_empty() || !change.groups.is_empty() {
        new_version(app, tx).await?;
    }
    Ok(saved)
}

/// From now on what others keep in memory holds no longer.
pub(in crate::app) async fn new_version(app: &App, tx: &Tx) -> AppResult<()> {
    let chance = app.entropy.bytes::<8>().map_err(AppError::internal)?;
    // Positive, and never the number of a snapshot that is only tried out.
    let version = (i64::from_be_bytes(chance) & i64::MAX).max(1);
    Ok(layers::set_version(tx, version).await?)
}

async fn save_template(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    change: &TemplateChange,
    before: &Snapshot,
    saved: &mut Saved,
    at: Timestamp,
) -> AppResult<()> {
    let stored = change.id.and_then(|id| before.templates.get(&id));
    let old = stored.map(TemplateHead::of);
    let values = stored.and_then(|stored| before.layers.templates.get(&stored.id));
    let Some(head) = &change.after else {
        let Some(id) = change.id else { return Ok(()) };
        if !templates::delete(tx, id, change.revision).await? {
            return Err(AppError::stale());
        }
        let groups: Vec<&str> = before
            .groups
            .values()
            .filter(|group| group.templates.contains(&id))
            .map(|group| group.name.as_str())
            .collect();
        let details = json!({
            "before": old, "groups": groups, "values": values.map_or(0, |template| template.values.len()),
            "files": values.map(|template| &template.files),
        });
        record(tx, caller, "template.delete", "template", id.0, details, at).await?;
        saved.happened.push((Resource::Templates, Change::Deleted, id.0));
        return Ok(());
    };
    let mut row = template_row(change.id.unwrap_or(TemplateId(0)), head, at);
    row.updated_by = caller.actor().name;
    let (action, happened) = match change.id {
        None => {
            row.id = templates::insert(tx, &row).await.map_err(taken(&head.name))?;
            ("template.create", Change::Created)
        }
        Some(_) => {
            if !templates::update(tx, &row, change.revision).await.map_err(taken(&head.name))? {
                return Err(AppError::stale());
            }
            ("template.change", Change::Updated)
        }
    };
    for key in &change.remove {
        templates::remove_value(tx, row.id, key).await?;
    }
    let sealed: Vec<templates::TemplateValue> = change
        .set
        .iter()
        .map(|(key, value)| seal_template_value(app, row.id, key, &wish_of(&app.catalogue, key, value)))
        .collect::<Result<_, _>>()?;
    templates::set_values(tx, &sealed).await?;
    if let Some(files) = &change.files {
        let ids: Vec<FileId> = files.iter().copied().collect();
        // A plan is applied up to an hour after its files were looked for.
        if crate::store::files::lock(tx, &ids).await?.len() != ids.len() {
            return Err(AppError::stale());
        }
        template_files::set(tx, row.id, files).await?;
    }
    let details = json!({
        "before": old, "after": head, "set": audited(&app.catalogue, change),
        "number_set": change.set.len(), "number_removed": change.remove.len(),
        "removed": change.remove.iter().take(MOST_AUDITED).map(ToString::to_string).collect::<Vec<_>>(),
        "files": change.files,
    });
    record(tx, caller, action, "template", row.id.0, details, at).await?;
    saved.templates.push(row.id);
    saved.happened.push((Resource::Templates, happened, row.id.0));
    Ok(())
}

/// The values that are set, as an audit record names them: the first ones, and no secrets.
fn audited(catalogue: &Catalogue, change: &TemplateChange) -> BTreeMap<String, Json> {
    let named = change.set.iter().take(MOST_AUDITED);
    named
        .map(|(key, value)| {
            let secret = catalogue.parameter(&key.parameter).is_none_or(|parameter| parameter.secret);
            let text = serde_json::to_string(value).unwrap_or_default();
            let shown = if secret {
                json!({"secret": true})
            } else {
                json!(text.chars().take(LONGEST_AUDITED).collect::<String>())
            };
            (key.to_string(), shown)
        })
        .collect()
}

/// A group as an audit record names it: a filter can be long, and the record can never be removed.
fn audited_group(head: &GroupHead) -> Json {
    let filter = head.filter.as_ref().map(|filter| {
        let text = serde_json::to_string(filter).unwrap_or_default();
        text.chars().take(LONGEST_FILTER).collect::<String>()
    });
    json!({
        "name": head.name, "description": head.description.chars().take(LONGEST_AUDITED).collect::<String>(),
        "filter": filter, "templates": head.templates,
    })
}

async fn save_group(
    tx: &Tx,
    caller: &Caller,
    change: &GroupChange,
    before: &Snapshot,
    saved: &mut Saved,
    at: Timestamp,
) -> AppResult<()> {
    let old = change.id.and_then(|id| before.groups.get(&id)).map(GroupHead::of);
    let Some(head) = &change.after else {
        let Some(id) = change.id else { return Ok(()) };
        if !groups::delete(tx, id, change.revision).await? {
            return Err(AppError::stale());
        }
        let details = json!({"before": old.as_ref().map(audited_group)});
        record(tx, caller, "group.delete", "group", id.0, details, at).await?;
        saved.happened.push((Resource::Groups, Change::Deleted, id.0));
        return Ok(());
    };
    let mut row = group_row(change.id.unwrap_or(GroupId(0)), head, at);
    row.updated_by = caller.actor().name;
    let (action, happened) = match change.id {
        None => {
            row.id = groups::insert(tx, &row).await.map_err(taken(&head.name))?;
            ("group.create", Change::Created)
        }
        Some(_) => {
            if !groups::update(tx, &row, change.revision).await.map_err(taken(&head.name))? {
                return Err(AppError::stale());
            }
            ("group.change", Change::Updated)
        }
    };
    let details = json!({"before": old.as_ref().map(audited_group), "after": audited_group(head)});
    record(tx, caller, action, "group", row.id.0, details, at).await?;
    saved.groups.push(row.id);
    saved.happened.push((Resource::Groups, happened, row.id.0));
    Ok(())
}

async fn record(
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    object_kind: &'static str,
    id: i64,
    details: Json,
    at: Timestamp,
) -> AppResult<()> {
    let (actor, object_id) = (&caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind, object_id, details }).await?;
    Ok(())
}
