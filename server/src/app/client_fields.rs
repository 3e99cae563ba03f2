//! Fields an administrator adds to clients: they stand in filters of groups and as variables in templates (OSEM §8).
//!
//! Their definitions are a part of what is kept in memory with templates and groups, so each change of one makes a new
//! version of that. Values of a client can move it into a group: they are saved like a change of templates (D-22).

use std::collections::{BTreeMap, BTreeSet};

use api::client::ClientView;
use api::client_field::{
    ChangeClientField, ClientFieldView, LONGEST_FIELD, MOST_FIELDS, NewClientField, SetClientFields,
};
use api::template::LONGEST_NAME;
use api::{Code, FieldError, Page, field};
use domain::ClientId;
use domain::expand::{MOST_NAME_LENGTH, is_built_in, is_name, value_variables};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::groups::text;
use super::idempotency::{self, Created, IdempotencyKey};
use super::layers::change::{FieldsChange, FleetChange};
use super::layers::save::new_version;
use super::layers::{self, Snapshot};
use super::revision::Expected;
use super::{clients, onboarding, plans};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::clients as client_rows;
use crate::store::groups::{self as rows, Field};
use crate::store::{StoreError, Tx, audit, client_fields, layers as versions};

/// Groups whose filter looks at a field, and templates that hold it as a variable, by name; groups first.
fn used_by(layers: &Snapshot, name: &str) -> Vec<String> {
    let groups =
        layers.layers.groups.values().filter(|group| {
            group.filter.as_ref().is_some_and(|filter| filter.client_fields().contains(name))
        });
    let mut named: Vec<String> = groups.map(|group| group.name.clone()).collect();
    named.extend(templates_with(layers, name));
    named
}

/// The names of templates that hold a variable.
pub(super) fn templates_with(layers: &Snapshot, variable: &str) -> Vec<String> {
    let templates = layers.layers.templates.values().filter(|template| {
        let mut values = template.values.values().filter_map(domain::layers::Wish::value);
        values.any(|value| value_variables(&value).contains(variable))
    });
    templates.map(|template| template.name.clone()).collect()
}

/// Refuses what is needed: by these groups and templates, each named once, and by what so many clients were given.
pub(super) fn in_use(text: &str, mut users: Vec<String>, clients: u64) -> AppError {
    let mut seen = BTreeSet::new();
    users.retain(|name| seen.insert(name.clone()));
    AppError::new(Code::InUse, text).arg("used_by", users).arg("clients", clients)
}

fn view(layers: &Snapshot, field: &Field, clients: u64) -> ClientFieldView {
    ClientFieldView {
        name: field.name.clone(),
        label: field.label.clone(),
        clients,
        used_by: used_by(layers, &field.name),
        created_at: field.created_at,
        revision: field.revision,
    }
}

/// All fields, by name.
///
/// # Errors
/// When the database cannot be asked.
pub async fn list(app: &App) -> AppResult<Page<ClientFieldView>> {
    let layers = layers::snapshot(app, &app.store).await?;
    let counts = client_fields::counts(&app.store).await?;
    let number = |field: &Field| counts.get(&field.name).copied().unwrap_or(0);
    Ok(Page::whole(layers.fields.values().map(|field| view(&layers, field, number(field))).collect()))
}

/// The name of a new field.
fn checked_name(name: &str, faults: &mut Vec<FieldError>) -> String {
    let name = name.trim();
    let fault = if name.is_empty() {
        Some(FieldError::new("/name", field::MISSING, "must not be empty"))
    } else if !is_name(name) {
        let text = format!(
            "must be a small letter, then small letters, digits and _; up to {MOST_NAME_LENGTH} characters"
        );
        Some(FieldError::new("/name", "not_a_variable_name", text).arg("max", MOST_NAME_LENGTH))
    } else if is_built_in(name) {
        let text = "is a variable that every client has already";
        Some(FieldError::new("/name", "built_in_variable", text).arg("name", name))
    } else {
        None
    };
    faults.extend(fault);
    name.to_owned()
}

fn refuse(faults: Vec<FieldError>) -> AppResult<()> {
    if faults.is_empty() { Ok(()) } else { Err(AppError::fields(faults)) }
}

/// Makes a field. No client has a value yet, so nothing is desired of any that was not before.
///
/// # Errors
/// `invalid_fields`, `name_taken`, `too_many`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: &NewClientField,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<ClientFieldView>> {
    let mut faults = Vec::new();
    let name = checked_name(&new.name, &mut faults);
    let label = text("/label", &new.label, LONGEST_NAME, &mut faults);
    refuse(faults)?;
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    versions::lock(&tx).await?;
    if rows::fields(&tx).await?.len() >= MOST_FIELDS {
        let text = "There are as many fields as there can be.";
        return Err(AppError::new(Code::TooMany, text).arg("most", MOST_FIELDS));
    }
    rows::insert_field(&tx, &name, &label, at).await.map_err(|error| match error {
        StoreError::Taken { .. } => AppError::name_taken(&name),
        other => other.into(),
    })?;
    new_version(app, &tx).await?;
    record(&tx, caller, "client-field.create", &name, json!({"after": {"name": name, "label": label}}), at)
        .await?;
    // Nobody can use it yet, nor has a value.
    let value = ClientFieldView {
        name: name.clone(),
        label,
        clients: 0,
        used_by: Vec::new(),
        created_at: at,
        revision: 1,
    };
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish(Resource::ClientFields, Change::Created, name.as_str());
    Ok(Created { value, replayed: false })
}

/// A field, held until the transaction ends; refused when the caller saw another revision.
async fn held(tx: &Tx, name: &str, expected: &Expected) -> AppResult<Field> {
    versions::lock(tx).await?;
    let fields = rows::fields(tx).await?;
    let field = fields.into_iter().find(|field| field.name == name).ok_or_else(AppError::not_found)?;
    expected.check(field.revision)?;
    Ok(field)
}

/// Gives a field another label.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`.
pub async fn change(
    app: &App,
    caller: &Caller,
    name: &str,
    expected: &Expected,
    request: &ChangeClientField,
) -> AppResult<ClientFieldView> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let before = held(&tx, name, expected).await?;
    let mut faults = Vec::new();
    let label = text("/label", &request.label, LONGEST_NAME, &mut faults);
    refuse(faults)?;
    let same = label == before.label;
    if !same {
        if !rows::set_label(&tx, name, &label, before.revision).await? {
            return Err(AppError::stale());
        }
        new_version(app, &tx).await?;
        let details = json!({"before": {"label": before.label}, "after": {"label": label}});
        record(&tx, caller, "client-field.change", name, details, at).await?;
        tx.commit().await?;
        app.events.publish(Resource::ClientFields, Change::Updated, name);
    }
    let found = list(app).await?.items.into_iter().find(|field| field.name == name);
    found.ok_or_else(AppError::not_found)
}

/// Deletes a field with the values clients have for it.
///
/// # Errors
/// `not_found`, `precondition_failed`, `in_use` while a group, a template, or a value that clients were given by one needs
/// it.
pub async fn delete(app: &App, caller: &Caller, name: &str, expected: &Expected) -> AppResult<()> {
    let at = app.clock.now();
    // Before anything is held: it takes its time. They come of templates only, and none is left that has it.
    let given = onboarding::given_with(app, name).await?;
    let tx = app.store.begin().await?;
    let before = held(&tx, name, expected).await?;
    // Nobody attaches it to a group or template before this transaction ends.
    let mut users = used_by(&*layers::snapshot(app, &tx).await?, name);
    if !users.is_empty() || given.clients > 0 {
        users.extend(given.templates);
        return Err(in_use(
            "Groups, templates or values that clients were given need this field.",
            users,
            given.clients,
        ));
    }
    let clients = client_fields::counts(&tx).await?.get(name).copied().unwrap_or(0);
    if !rows::delete_field(&tx, name, before.revision).await? {
        return Err(AppError::stale());
    }
    new_version(app, &tx).await?;
    let details = json!({"before": {"name": name, "label": before.label}, "number_of_clients": clients});
    record(&tx, caller, "client-field.delete", name, details, at).await?;
    tx.commit().await?;
    app.store.clients_changed();
    app.events.publish(Resource::ClientFields, Change::Deleted, name);
    Ok(())
}

async fn record(
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    name: &str,
    details: Json,
    at: Timestamp,
) -> AppResult<()> {
    let (actor, object_id, object_kind) = (&caller.actor(), name.to_owned(), "client-field");
    audit::append(tx, &NewRecord { at, actor, action, object_kind, object_id, details }).await?;
    Ok(())
}

/// A step of a JSON pointer (RFC 6901).
fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Values of a client as they are saved, for fields there are.
pub(super) fn checked_values(
    layers: &Snapshot,
    fields: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Vec<FieldError>> {
    if fields.len() > MOST_FIELDS {
        let text = format!("has more than {MOST_FIELDS} entries");
        return Err(vec![FieldError::new("/fields", "too_many", text).arg("max", MOST_FIELDS)]);
    }
    let mut faults = Vec::new();
    let mut values = BTreeMap::new();
    for (name, value) in fields {
        let pointer = format!("/fields/{}", step(name));
        if layers.fields.contains_key(name) {
            values.insert(name.clone(), text(&pointer, value, LONGEST_FIELD, &mut faults));
        } else {
            faults.push(FieldError::new(pointer, field::UNKNOWN_FIELD, "is no field of clients"));
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// Sets the fields of a client: all of them, what is not named is cleared.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`, `plan_required` with the plan that sets them, `confirmation_required`.
pub async fn set_of_client(
    app: &App,
    caller: &Caller,
    id: ClientId,
    expected: &Expected,
    request: &SetClientFields,
) -> AppResult<ClientView> {
    let client = client_rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(client.revision)?;
    let layers = layers::snapshot(app, &app.store).await?;
    let fields = checked_values(&layers, &request.fields).map_err(AppError::fields)?;
    let before = client_fields::of_client(&app.store, id).await?;
    if before != fields {
        let device = client.device_id.map(|device| device.to_string());
        let name = client.e164.or(client.device_id_text).or(device).unwrap_or_else(|| id.to_string());
        let fields = FieldsChange { client: id, name, before, fields };
        let change = FleetChange { fields: Some(fields), ..FleetChange::default() };
        plans::save_or_plan(app, caller, change, request.confirm).await?;
    }
    clients::find(app, id).await
}
