//! Clients before their phone has made contact, and what an administrator decides about a client: it is
//! approved, it is released from quarantine (OSEM §4.1, D-1, D-3, D-4, D-24).

use api::client::ClientView;
use api::prepared::{ChangeClient, NewClient};
use api::{Code, FieldError, field};
use domain::client::{ClientState, SecureMode, is_e164};
use domain::model::{DeviceModel, models};
use domain::{ClientId, DeviceId, Secret};
use serde_json::{Value as Json, json};

use super::caller::Caller;
use super::clients;
use super::contacts::pin_digest;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::revision::Expected;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::clients::{self as client_rows, Client};
use crate::store::prepared::{self as rows, Entry};
use crate::store::{StoreError, Tx, audit, calls, fleet, job_targets};

/// Shortest and longest deployment PIN, in characters.
const PIN_LENGTH: std::ops::RangeInclusive<usize> = 4..=64;

/// Software types of phones whose model nobody has said; the usual one first.
const SOFTWARE_TYPES: [&str; 2] = ["SIP", "HFA"];

fn model(name: &str) -> Result<&'static DeviceModel, FieldError> {
    models().iter().find(|model| model.name == name).ok_or_else(|| {
        let choices: Vec<&str> = models().iter().map(|model| model.name.as_str()).collect();
        let text = "is no model of the list of device models";
        FieldError::new("/model", field::NOT_A_CHOICE, text).arg("choices", choices)
    })
}

/// The software type a client is prepared with: what was asked for, if the model runs it.
fn software_type(model: Option<&DeviceModel>, asked: Option<&str>) -> Result<String, FieldError> {
    let known = match model {
        Some(model) => model.software_types.clone(),
        None => SOFTWARE_TYPES.map(str::to_owned).to_vec(),
    };
    let word = match asked {
        Some(asked) => known.iter().find(|word| *word == asked),
        None => known.iter().find(|word| *word == SOFTWARE_TYPES[0]).or(known.first()),
    };
    word.cloned().ok_or_else(|| {
        let text = format!("must be one of: {}", known.join(", "));
        FieldError::new("/software_type", field::NOT_A_CHOICE, text).arg("choices", known.clone())
    })
}

fn device_id(text: &str) -> Result<DeviceId, FieldError> {
    text.parse().map_err(|error: domain::device_id::DeviceIdError| {
        FieldError::new("/device_id", field::INVALID, error.to_string())
    })
}

fn number(text: &str) -> Result<String, FieldError> {
    if is_e164(text) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new("/e164", field::INVALID, "must have one to fifteen digits").arg("max", 15))
}

fn pin(secret: &Secret) -> Result<&Secret, FieldError> {
    let text = secret.expose();
    if PIN_LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(secret);
    }
    let (min, max) = (*PIN_LENGTH.start(), *PIN_LENGTH.end());
    let text = format!("must have {min} to {max} visible characters");
    Err(FieldError::new("/deployment_pin", field::INVALID, text).arg("min", min).arg("max", max))
}

/// Keeps a value, or notes what is wrong with it.
fn note<T>(result: Result<T, FieldError>, faults: &mut Vec<FieldError>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

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
        return Err(device_in_use().arg("client", other.0));
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

/// Somebody was faster between the question and the answer.
fn taken(error: StoreError) -> AppError {
    match error {
        StoreError::Taken { .. } => device_in_use(),
        other => other.into(),
    }
}

fn described(entry: &Entry, has_pin: bool) -> Json {
    json!({
        "model": entry.model, "software_type": entry.software_type,
        "device_id": entry.device_id.as_ref().map(ToString::to_string), "e164": entry.e164,
        "secure_mode": entry.secure_mode, "deployment_pin": has_pin,
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
    let mut faults = Vec::new();
    let model = new.model.as_deref().and_then(|name| note(model(name), &mut faults));
    let software_type = note(software_type(model, new.software_type.as_deref()), &mut faults);
    let device_id = new.device_id.as_deref().and_then(|text| note(device_id(text), &mut faults));
    let e164 = new.e164.as_deref().and_then(|text| note(number(text), &mut faults));
    let pin = new.deployment_pin.as_ref().and_then(|secret| note(pin(secret), &mut faults));
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
    let details = json!({"after": described(&entry, digest.is_some()), "force": new.force});
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
        device_id: client.device_id,
        e164: client.e164,
        device_type: client.device_type,
        model: client.model,
        software_type: client.software_type.unwrap_or_default(),
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
    let has_pin = pin_digest.as_ref().map_or(waiting.has_pin, Option::is_some);
    let at = app.clock.now();
    if !rows::update(&tx, id, client.revision, &entry, pin_digest, at).await.map_err(taken)? {
        return Err(AppError::stale());
    }
    let details = json!({
        "before": described(&before, waiting.has_pin), "after": described(&entry, has_pin),
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

/// Approves a client: it may get secrets in default mode (D-24 a), and is trusted at the address it has. Doing it twice
/// changes nothing.
///
/// # Errors
/// `not_found`, `precondition_failed`: an address that nobody has seen is not trusted; `client_quarantined`.
pub async fn approve(app: &App, caller: &Caller, id: ClientId, expected: &Expected) -> AppResult<ClientView> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let client = find(&tx, id, expected).await?;
    if client.state == ClientState::Quarantined {
        let text = "It is not sure that this is the phone it claims to be. Release it from quarantine first.";
        return Err(AppError::new(Code::ClientQuarantined, text));
    }
    // Who approves a client looks at it, its address too; a plan approves many and trusts no new address.
    let trusted = match &client.peer_address {
        Some(address) => {
            let trusted = fleet::trust_address(&tx, id, address, at).await?;
            if !trusted && client.trusted_address.as_ref() != Some(address) {
                // The phone moved between the two statements: it is at an address that nobody has seen.
                return Err(AppError::stale());
            }
            trusted
        }
        None => false,
    };
    if fleet::approve(&tx, &[id], at).await? > 0 || trusted {
        let details = json!({"address": client.peer_address, "before": client.trusted_address});
        write_audit(app, &tx, caller, "client.approve", id, details).await?;
    }
    let value = clients::find_in(app, &tx, id).await?;
    tx.commit().await?;
    changed(app, id, Change::Updated);
    Ok(value)
}

/// Releases a client from quarantine (D-4): what its next contact says of it counts, its network too.
///
/// # Errors
/// `not_found`, `precondition_failed`, `not_quarantined`.
pub async fn release(app: &App, caller: &Caller, id: ClientId, expected: &Expected) -> AppResult<ClientView> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let client = find(&tx, id, expected).await?;
    if client.state != ClientState::Quarantined {
        return Err(AppError::new(Code::NotQuarantined, "This client is not in quarantine."));
    }
    if !rows::release(&tx, id, client.revision, at).await? {
        return Err(AppError::stale());
    }
    let details = json!({
        "before": {"reason": client.quarantine_reason, "bound_network": client.bound_network},
    });
    write_audit(app, &tx, caller, "client.release", id, details).await?;
    let waits = !job_targets::open_of_client(&tx, id).await?.is_empty();
    if waits {
        calls::want(&tx, id, at).await?;
    }
    let value = clients::find_in(app, &tx, id).await?;
    tx.commit().await?;
    if waits {
        app.signals.calls.notify_one();
    }
    changed(app, id, Change::Updated);
    Ok(value)
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

#[cfg(test)]
mod tests {
    use super::{model, number, pin, software_type};
    use domain::Secret;

    #[test]
    fn what_a_client_is_prepared_with_is_checked() {
        let cp600 = Some(model("CP600").unwrap());
        assert_eq!(software_type(cp600, None).unwrap(), "SIP");
        assert_eq!(software_type(None, Some("HFA")).unwrap(), "HFA");
        assert_eq!(software_type(cp600, Some("GW")).unwrap_err().code, "not_a_choice");
        assert_eq!(model("CP6").unwrap_err().field, "/model");
        assert!(number("4989700732406").is_ok() && number("+49").is_err() && number("").is_err());
        for (text, good) in [("4711", true), ("471", false), ("47 11", false), (&"1".repeat(65), false)] {
            assert_eq!(pin(&Secret::new(text.to_owned())).is_ok(), good, "{text}");
        }
    }
}
