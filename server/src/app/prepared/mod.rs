//! Clients before their phone has made contact: prepared and changed by an administrator (OSEM §4.1, D-1, D-3, D-20).

mod decide;
pub(super) mod entry;

use std::collections::BTreeMap;

use api::client::ClientView;
use api::prepared::{ChangeClient, NewClient};
use api::{Code, FieldError, field};
use domain::client::{ClientState, SecureMode};
use domain::{ClientId, TemplateId};
use serde_json::{Value as Json, json};

pub use self::decide::{approve, release};
use self::entry::{device_id, model, note, number, pin, software_type, template};
use super::caller::Caller;
use super::contacts::pin_digest;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::layers::{self, Snapshot};
use super::revision::Expected;
use super::{client_fields, clients, onboarding};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::clients::{self as client_rows, Client};
use crate::store::prepared::{self as rows, Entry, Other};
use crate::store::{StoreError, Tx, audit, client_fields as field_rows};

/// What must not be entered twice (D-1, D-3).
async fn check_unique(
    tx: &Tx,
    entry: &Entry,
    pin_digest: Option<&[u8]>,
    own: Option<ClientId>,
    force: bool,
) -> AppResult<()> {
    if let Some(device) = &entry.device_id
        && let Some(other) = rows::other_with_device(tx, device, own).await?
    {
        return Err(device_in_use_by(other));
    }
    if let Some(number) = entry.e164.as_deref().filter(|_| !force)
        && rows::other_with_number(tx, number, own).await?.is_some()
    {
        let text = "Another client has this number. Send force to take it all the same.";
        return Err(AppError::new(Code::NumberInUse, text).arg("number", number));
    }
    if let Some(digest) = pin_digest
        && rows::other_with_pin(tx, digest, own).await?.is_some()
    {
        let text = "Another prepared client waits for this deployment PIN.";
        return Err(AppError::new(Code::DeploymentPinInUse, text));
    }
    Ok(())
}

fn device_in_use() -> AppError {
    AppError::new(Code::DeviceIdInUse, "Another client has this device id.")
}

/// The same, when it is known who has it. A retired client is in nobody's way once it is deleted.
pub(super) fn device_in_use_by(other: Other) -> AppError {
    if !other.retired {
        return device_in_use().arg("client", other.id.0);
    }
    let text = "A client whose place another phone has taken has this device id. Delete that client first.";
    AppError::new(Code::DeviceIdInUse, text).arg("client", other.id.0).arg("retired", true)
}

/// Somebody was faster between the question and the answer.
pub(super) fn taken(error: StoreError) -> AppError {
    match error {
        StoreError::Taken { .. } => device_in_use(),
        other => other.into(),
    }
}

/// As an audit record describes it.
fn described(entry: &Entry, has_pin: bool, layers: &Snapshot, template: Option<TemplateId>) -> Json {
    json!({
        "model": entry.model, "software_type": entry.software_type,
        "device_id": entry.device_id.as_ref().map(ToString::to_string), "e164": entry.e164,
        "secure_mode": entry.secure_mode, "deployment_pin": has_pin,
        "template": template.and_then(|id| layers.template_name(id)),
    })
}

/// Prepares a client. It is approved: somebody has entered it.
///
/// # Errors
/// `invalid_fields`, `device_id_in_use`, `number_in_use`, `deployment_pin_in_use`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewClient,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<ClientView>> {
    // The same call again must get its answer, whatever became of fields and templates.
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let mut faults = Vec::new();
    let model = new.model.as_deref().and_then(|name| note(model(name), &mut faults));
    let software_type = note(software_type(model, new.software_type.as_deref()), &mut faults);
    let device_id = new.device_id.as_deref().and_then(|text| note(device_id(text), &mut faults));
    let e164 = new.e164.as_deref().and_then(|text| note(number(text), &mut faults));
    let pin = new.deployment_pin.as_ref().and_then(|secret| note(pin(secret), &mut faults));
    let layers = layers::snapshot(app, &app.store).await?;
    let fields = client_fields::checked_values(&layers, &new.fields);
    let fields = fields.unwrap_or_else(|mut wrong| {
        faults.append(&mut wrong);
        BTreeMap::new()
    });
    let (Some(software_type), true) = (software_type, faults.is_empty()) else {
        return Err(AppError::fields(faults));
    };
    if device_id.is_none() && e164.is_none() && pin.is_none() {
        let text = "must be given, or e164, or deployment_pin: by one of them the phone is known";
        return Err(AppError::field(FieldError::new("/device_id", field::MISSING, text)));
    }
    let entry = Entry {
        device_id,
        e164,
        device_type: model.map(|model| model.device_type.clone()),
        model: model.map(|model| model.name.clone()),
        software_type,
        secure_mode: new.secure_mode.unwrap_or(SecureMode::Default),
    };
    let digest = pin.map(|pin| pin_digest(app, pin));
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    check_unique(&tx, &entry, digest.as_deref(), None, new.force).await?;
    let id = rows::insert(&tx, &entry, digest.as_deref(), at).await.map_err(taken)?;
    // What it is given is what templates hold at the moment it is made.
    let layers = layers::snapshot(app, &tx).await?;
    let mut values = 0;
    if let Some(chosen) = new.template {
        template(&layers, chosen, &entry).map_err(AppError::field)?;
        values = onboarding::choose_first(app, &tx, id, &layers, chosen, at).await?;
    }
    if !fields.is_empty() {
        field_rows::set(&tx, id, &fields).await?;
    }
    let after = described(&entry, digest.is_some(), &layers, new.template);
    let details = json!({"after": after, "fields": fields, "values": values, "force": new.force});
    write_audit(app, &tx, caller, "client.prepare", id, details).await?;
    let value = clients::find_in(app, &tx, id).await?;
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    changed(app, id, Change::Created);
    Ok(Created { value, replayed: false })
}

/// Changes a prepared client. Once a phone has matched it, what the phone reports counts.
///
/// # Errors
/// `not_found`, `precondition_failed`, `not_prepared`, `invalid_fields`, `device_id_in_use`, `number_in_use`,
/// `deployment_pin_in_use`.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: ClientId,
    expected: &Expected,
    request: ChangeClient,
) -> AppResult<ClientView> {
    let tx = app.store.begin().await?;
    let client = find(&tx, id, expected).await?;
    if client.state != ClientState::Prepared {
        let text = "A phone has matched this client: what it reports cannot be changed here.";
        return Err(AppError::new(Code::NotPrepared, text));
    }
    let waiting = rows::waiting(&tx, id).await?.ok_or_else(AppError::not_found)?;
    let before = Entry {
        device_id: client.device_id.clone(),
        e164: client.e164.clone(),
        device_type: client.device_type.clone(),
        model: client.model.clone(),
        software_type: client.software_type.clone().unwrap_or_default(),
        secure_mode: waiting.secure_mode,
    };
    let entry = changed_entry(&before, &request)?;
    let pin = match &request.deployment_pin {
        Some(Some(secret)) => Some(Some(pin(secret).map_err(AppError::field)?)),
        Some(None) => Some(None),
        None => None,
    };
    let pin_digest = pin.map(|pin| pin.map(|pin| pin_digest(app, pin)));
    let new_pin = pin_digest.as_ref().and_then(Option::as_deref);
    // A number that stays is not taken once more.
    let force = request.force || entry.e164 == before.e164;
    check_unique(&tx, &entry, new_pin, Some(id), force).await?;
    let layers = layers::snapshot(app, &tx).await?;
    let chosen = request.template.unwrap_or(client.onboarding_template);
    // One that is gone was chosen while it was there.
    let is_new = chosen != client.onboarding_template;
    if let Some(chosen) = chosen.filter(|id| is_new || layers.templates.contains_key(id)) {
        template(&layers, chosen, &entry).map_err(AppError::field)?;
    }
    let has_pin = pin_digest.as_ref().map_or(waiting.has_pin, Option::is_some);
    let at = app.clock.now();
    if !rows::update(&tx, id, client.revision, &entry, pin_digest, at).await.map_err(taken)? {
        return Err(AppError::stale());
    }
    let values = onboarding::choose(app, &tx, &client, &layers, chosen, at).await?;
    let details = json!({
        "before": described(&before, waiting.has_pin, &layers, client.onboarding_template),
        "after": described(&entry, has_pin, &layers, chosen), "values": values,
    });
    write_audit(app, &tx, caller, "client.change", id, details).await?;
    let value = clients::find_in(app, &tx, id).await?;
    tx.commit().await?;
    changed(app, id, Change::Updated);
    Ok(value)
}

fn changed_entry(before: &Entry, request: &ChangeClient) -> AppResult<Entry> {
    let mut faults = Vec::new();
    let mut entry = before.clone();
    let name = request.model.as_ref().unwrap_or(&before.model);
    let model = name.as_deref().and_then(|name| note(model(name), &mut faults));
    entry.device_type = model.map(|model| model.device_type.clone());
    entry.model = model.map(|model| model.name.clone());
    // Another model may not run what the one before did.
    let asked = request.software_type.as_deref().unwrap_or(&before.software_type);
    if let Some(word) = note(software_type(model, Some(asked)), &mut faults) {
        entry.software_type = word;
    }
    if let Some(asked) = &request.device_id {
        entry.device_id = asked.as_deref().and_then(|text| note(device_id(text), &mut faults));
    }
    if let Some(asked) = &request.e164 {
        entry.e164 = asked.as_deref().and_then(|text| note(number(text), &mut faults));
    }
    entry.secure_mode = request.secure_mode.unwrap_or(before.secure_mode);
    if faults.is_empty() { Ok(entry) } else { Err(AppError::fields(faults)) }
}

async fn find(tx: &Tx, id: ClientId, expected: &Expected) -> AppResult<Client> {
    let client = client_rows::by_id(tx, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(client.revision)?;
    Ok(client)
}

fn changed(app: &App, id: ClientId, change: Change) {
    app.store.clients_changed();
    app.events.publish(Resource::Clients, change, id);
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: ClientId,
    details: Json,
) -> AppResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "client", object_id, details }).await?;
    Ok(())
}
