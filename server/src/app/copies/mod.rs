//! Copies of clients (OSEM §4.5.5, D-29): another phone takes the place of this one, or this one was reset and waits for
//! its values.

mod fit;
pub mod replacement;

use std::collections::BTreeMap;

use api::Code;
use api::configuration::Reason;
use api::copy::{CopiedClient, CopyClient, DoesNotFit};
use api::plan::ParameterEntry;
use api::revision::RevisionChange;
use api::{FieldError, field};
use domain::ClientId;
use domain::catalogue::Value;
use domain::client::{ClientState, SecureMode};
use domain::configuration::{Layer, kind_of};
use domain::group_filter::Facts;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::caller::Caller;
use super::configuration::{open_value, seal_value};
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::prepared::entry::{device_id, model, note, software_type};
use super::prepared::{device_in_use_by, taken};
use super::{clients, jobs};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::clients::{self as rows, Client};
use crate::store::desired::StoredValue;
use crate::store::onboarding::{self, NewValue};
use crate::store::prepared::{self as prepared_rows, Entry};
use crate::store::replaced::{self, Inheritance};
use crate::store::revisions::{self, NewRevision};
use crate::store::{Source, StoreError, Tx, audit, client_fields, desired, fleet};

/// Another phone, as it was asked for.
struct Hardware {
    model: Option<String>,
    software_type: Option<String>,
    device_id: Option<String>,
    secure_mode: SecureMode,
}

/// Copies a client, or only says what that would mean.
///
/// # Errors
/// `not_found`, `invalid_fields`, `not_copyable`, `client_quarantined`, `device_id_in_use`, `number_in_use`,
/// `idempotency_key_reused`.
pub async fn copy(
    app: &App,
    caller: &Caller,
    id: ClientId,
    request: CopyClient,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<CopiedClient>> {
    match request {
        CopyClient::HardwareChange { model, software_type, device_id, secure_mode, dry_run } => {
            let secure_mode = secure_mode.unwrap_or(SecureMode::Default);
            let wanted = Hardware { model, software_type, device_id, secure_mode };
            if dry_run {
                let look = look(app, &app.store, id, &wanted).await?;
                return Ok(Created { value: look.said(None), replayed: false });
            }
            change_hardware(app, caller, id, &wanted, key).await
        }
        CopyClient::FactoryReset { device_id, secure_mode, dry_run } => {
            let secure_mode = secure_mode.unwrap_or(SecureMode::Default);
            wait_again(app, caller, id, &device_id, secure_mode, dry_run, key).await
        }
    }
}

/// A copy that was thought through.
struct Look {
    old: Client,
    entry: Entry,
    /// Values that fit.
    values: Vec<StoredValue>,
    does_not_fit: Vec<DoesNotFit>,
    fields: BTreeMap<String, String>,
}

impl Look {
    fn said(&self, client: Option<api::client::ClientView>) -> CopiedClient {
        let (copied, does_not_fit) = (self.values.len() as u64, self.does_not_fit.clone());
        CopiedClient { client, copied, does_not_fit }
    }
}

fn not_copyable(client: &Client, text: &str) -> AppError {
    AppError::new(Code::NotCopyable, text).arg("state", client.state.as_str())
}

/// What another phone would take over.
async fn look(app: &App, on: &impl Source, id: ClientId, wanted: &Hardware) -> AppResult<Look> {
    let old = rows::by_id(on, id).await?.ok_or_else(AppError::not_found)?;
    let mut faults = Vec::new();
    let named = wanted.model.as_deref().or(old.model.as_deref());
    let model = named.and_then(|name| note(model(name), &mut faults));
    let known = model.map(|model| model.software_types.as_slice());
    // What it runs now, as far as the other model runs that.
    let same = old.software_type.as_deref();
    let same = same.filter(|word| known.is_none_or(|known| known.iter().any(|known| known == word)));
    let same = same.filter(|word| known.is_some() || matches!(*word, "SIP" | "HFA"));
    let asked = wanted.software_type.as_deref().or(same);
    let software_type = note(software_type(model, asked), &mut faults);
    let device_id = wanted.device_id.as_deref().and_then(|text| note(device_id(text), &mut faults));
    let (Some(software_type), true) = (software_type, faults.is_empty()) else {
        return Err(AppError::fields(faults));
    };
    match old.state {
        ClientState::Active | ClientState::Quarantined => {}
        ClientState::Prepared => {
            let text = "No phone has taken this place yet: change the client, or delete it.";
            return Err(not_copyable(&old, text));
        }
        ClientState::Retired => {
            return Err(not_copyable(&old, "Another phone has taken the place of this client."));
        }
    }
    let number = Facts::own_number(old.basic_e164.as_deref(), old.e164.as_deref());
    let number = number.filter(|number| !number.is_empty()).map(str::to_owned);
    if number.is_none() && device_id.is_none() {
        let text = "must be given: this client has no number by which the new phone could be known";
        return Err(AppError::field(FieldError::new("/device_id", field::MISSING, text)));
    }
    let device_type = match model {
        Some(model) => Some(model.device_type.clone()),
        None => old.device_type.clone(),
    };
    let entry = Entry {
        device_id,
        e164: number,
        device_type,
        model: model.map(|model| model.name.clone()),
        software_type,
        secure_mode: wanted.secure_mode,
    };
    check_unique(on, &old, &entry).await?;
    let kind = kind_of(Some(&entry.software_type));
    let (mut values, mut does_not_fit) = (Vec::new(), Vec::new());
    for stored in desired::values(on, id).await? {
        match fit::check(&app.catalogue, &stored.key, kind, model) {
            Ok(()) => values.push(stored),
            Err(reason) => does_not_fit.push(DoesNotFit {
                parameter: ParameterEntry { parameter: stored.key.parameter, index: stored.key.index },
                reason: Reason::new(reason.as_str()),
            }),
        }
    }
    does_not_fit.sort_by(|a, b| {
        (&a.parameter.parameter, a.parameter.index).cmp(&(&b.parameter.parameter, b.parameter.index))
    });
    // A parameter that was set and copied at onboarding is one that does not fit.
    does_not_fit.dedup();
    let fields = client_fields::of_client(on, id).await?;
    Ok(Look { old, entry, values, does_not_fit, fields })
}

/// The number of the old client is that of the new one: that is the point. Nobody else may wait with it, or neither
/// would be found by it; and one copy at a time takes a place.
async fn check_unique(on: &impl Source, old: &Client, entry: &Entry) -> AppResult<()> {
    if let Some(device) = &entry.device_id
        && let Some(other) = prepared_rows::other_with_device(on, device, None).await?
    {
        return Err(device_in_use_by(other));
    }
    let mut waiting = replaced::waiting_copy(on, old.id).await?;
    if waiting.is_none()
        && let Some(number) = &entry.e164
    {
        waiting = replaced::waits_with_number(on, number, old.id).await?;
    }
    match waiting {
        None => Ok(()),
        Some(other) => {
            let text = "Another prepared client waits with this number already.";
            let number = entry.e164.clone().unwrap_or_default();
            Err(AppError::new(Code::NumberInUse, text).arg("number", number).arg("client", other.0))
        }
    }
}

async fn change_hardware(
    app: &App,
    caller: &Caller,
    id: ClientId,
    wanted: &Hardware,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<CopiedClient>> {
    // The same call again must get its answer, and not learn that a copy waits already.
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    fleet::lock(&tx, &[id]).await?;
    let look = look(app, &tx, id, wanted).await?;
    let copy = prepared_rows::insert(&tx, &look.entry, None, at).await.map_err(taken)?;
    let from = Inheritance {
        replaces: id,
        approved: look.old.approved,
        onboarded_at: look.old.onboarded_at,
        onboarding_template: look.old.onboarding_template,
    };
    replaced::inherit(&tx, copy, &from).await?;
    let values = look
        .values
        .iter()
        .map(|stored| moved(app, id, copy, stored))
        .collect::<AppResult<Vec<NewValue>>>()?;
    onboarding::add_values(&tx, copy, values, at).await?;
    if !look.fields.is_empty() {
        client_fields::set(&tx, copy, &look.fields).await?;
    }
    first_revision(app, &tx, caller, copy, &look.values, at).await?;
    let entry = &look.entry;
    let details = json!({
        "from": id, "reason": "hardware-change", "values": look.values.len(),
        "does_not_fit": look.does_not_fit.len(), "after": {
            "model": entry.model, "software_type": entry.software_type, "e164": entry.e164,
            "device_id": entry.device_id.as_ref().map(ToString::to_string), "secure_mode": entry.secure_mode,
        },
    });
    write_audit(&tx, caller, "client.copy", copy, details, at).await?;
    let value = look.said(Some(clients::find_in(app, &tx, copy).await?));
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.store.clients_changed();
    app.events.publish(Resource::Clients, Change::Created, copy);
    Ok(Created { value, replayed: false })
}

/// A value of one client for another one; a secret is sealed for its new place.
fn moved(app: &App, from: ClientId, to: ClientId, stored: &StoredValue) -> AppResult<NewValue> {
    let value = if stored.sealed {
        let json = open_value(app, from, stored)?;
        let value: Value = serde_json::from_str(json.expose()).map_err(|_| StoreError::Corrupt {
            attempt: "copy a value of a client",
            what: "client_value.value",
        })?;
        seal_value(app, to, stored.layer, &stored.key, &value)?
    } else {
        stored.value.clone()
    };
    Ok(NewValue {
        key: stored.key.clone(),
        layer: stored.layer,
        value,
        sealed: stored.sealed,
        template: stored.template,
        template_name: stored.template_name.clone(),
    })
}

/// Its own values are the first revision of a copy.
async fn first_revision(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    copy: ClientId,
    values: &[StoredValue],
    at: Timestamp,
) -> AppResult<()> {
    let own = values.iter().filter(|stored| stored.layer == Layer::Client);
    let changes: Vec<RevisionChange> = own
        .map(|stored| {
            let secret = app.catalogue.parameter(&stored.key.parameter).is_none_or(|one| one.secret);
            let after = serde_json::from_str(&stored.value).ok().filter(|_| !secret && !stored.sealed);
            RevisionChange {
                parameter: stored.key.parameter.clone(),
                index: stored.key.index,
                secret,
                was_set: false,
                before: None,
                is_set: true,
                after,
            }
        })
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let number = desired::bump_revision(tx, copy, at).await?;
    let changes = serde_json::to_string(&changes).map_err(AppError::internal)?;
    let revision = NewRevision { client: copy, number, changes };
    Ok(revisions::insert(tx, vec![revision], &caller.actor(), None, at).await?)
}

async fn wait_again(
    app: &App,
    caller: &Caller,
    id: ClientId,
    device: &str,
    secure_mode: SecureMode,
    dry_run: bool,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<CopiedClient>> {
    let device = device_id(device).map_err(AppError::field)?;
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let key = key.filter(|_| !dry_run);
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    let client = rows::for_deletion(&tx, id).await?.ok_or_else(AppError::not_found)?;
    if client.state == ClientState::Retired {
        return Err(not_copyable(&client, "Another phone has taken the place of this client."));
    }
    if client.state == ClientState::Quarantined {
        // It would leave quarantine and be approved without anybody having decided that (D-4, D-24).
        let text = "It is not sure that this is the phone it claims to be. Release it from quarantine first.";
        return Err(AppError::new(Code::ClientQuarantined, text));
    }
    if let Some(other) = prepared_rows::other_with_device(&tx, &device, Some(id)).await? {
        return Err(device_in_use_by(other));
    }
    let copied = desired::values(&tx, id).await?.len() as u64;
    if dry_run {
        let value = CopiedClient { client: None, copied, does_not_fit: Vec::new() };
        return Ok(Created { value, replayed: false });
    }
    let touched = jobs::cancel_targets_of_client(app, &tx, id, "phone-expected", None).await?;
    replaced::wait_again(&tx, id, &device, secure_mode, at).await.map_err(taken)?;
    let details = json!({
        "reason": "factory-reset", "values": copied,
        "before": {"device_id": client.device_id.map(|device| device.to_string()), "state": client.state},
        "after": {"device_id": device.to_string(), "secure_mode": secure_mode},
    });
    write_audit(&tx, caller, "client.expect", id, details, at).await?;
    let shown = clients::find_in(app, &tx, id).await?;
    let value = CopiedClient { client: Some(shown), copied, does_not_fit: Vec::new() };
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.store.clients_changed();
    app.events.publish(Resource::Clients, Change::Updated, id);
    touched.into_iter().for_each(|job| app.signals.job_touched(job));
    Ok(Created { value, replayed: false })
}

async fn write_audit(
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: ClientId,
    details: Json,
    at: Timestamp,
) -> AppResult<()> {
    let (actor, object_id) = (&caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "client", object_id, details }).await?;
    Ok(())
}
