//! What phones tell: recording a contact, a full read, changed items (D-1 … D-6, `wpi.md` §4).
//!
//! The rules are in `domain::contact`; the rows in `store`. Everything of one message is recorded in one
//! transaction, shared with other phones' messages, and the phone is answered after its commit.

mod opening;
pub mod pins;
mod results;

use std::net::{IpAddr, SocketAddr};

use domain::client::{ClientState, ContactReason};
use domain::contact::{self, DeviceReport, FullReadReason, ReportedValue};
use domain::setting::SettingKey;
use domain::software::SoftwareVersion;
use domain::{ClientId, DeviceId, JobId, Secret, item, model};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use opening::RecordOpening;
use results::{RecordFullRead, RecordResult};

use super::deployments::facts::entries;
use super::jobs::outcome::Result as JobResult;
use super::jobs::work::{Attempt, Piece, Visit};
use crate::App;
use crate::events::{Change as Happened, Resource};
use crate::status::causes;
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::items::{Difference, NewItem};
use crate::store::{StoreError, StoreResult, Tx, audit, item_names};
use crate::vault::{Vault, VaultError};

/// Most differences written into one audit record; the number of all is always there.
const MOST_DIFFERENCES: usize = 50;

/// Longest text of a value in an audit record, in characters: the record can never be removed.
const LONGEST_VALUE: usize = 200;

/// Why a report of a phone could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// The database refused or cannot be reached.
    #[error("could not record what a phone reported")]
    Store(#[from] StoreError),
    /// A secret could not be sealed; it is not stored in clear instead.
    #[error("could not seal a secret a phone reported")]
    Vault(#[from] VaultError),
}

/// An item as a phone reports it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Item name.
    pub name: String,
    /// Instance number.
    pub index: Option<u16>,
    /// Text.
    pub value: String,
    /// Status word, when the value could not be read.
    pub status: Option<String>,
}

/// A phone's opening message.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Who.
    pub device: DeviceId,
    /// The device id as the phone wrote it.
    pub device_text: String,
    /// Where from.
    pub peer: IpAddr,
    /// Our address, by which it came.
    pub local: SocketAddr,
    /// Why.
    pub reason: ContactReason,
    /// All items of the message.
    pub items: Vec<Reported>,
    /// A `local-changes` that brought every changed item with it.
    pub attached_complete: bool,
    /// Most items it takes in one message; `None` when it names no limit.
    pub most_items: Option<u32>,
}

/// What a recorded contact means for the session.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The client, and what the engine needs to know of the session.
    pub visit: Visit,
    /// Its state; a quarantined client is read but not written (D-4).
    pub state: ClientState,
    /// Why everything must be read, if it must (D-5).
    pub full_read: Option<FullReadReason>,
    /// The next piece of work, committed as sent.
    pub piece: Option<Piece>,
}

/// What follows on a recorded result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The session goes on: the next piece of work is taken.
    TakeWork,
    /// The session is over, or the phone has said that it is busy.
    Leave,
}

/// Records an opening message and decides whether everything must be read.
///
/// # Errors
/// When it could not be recorded; the phone must then not be told that all is well.
pub async fn record_opening(app: &App, opened: Opened) -> Result<Contact, ContactError> {
    let mut items = opened.items;
    let told = if opened.reason == ContactReason::Status {
        entries(items.iter().map(|item| (item.name.as_str(), item.index, item.value.as_str())))
    } else {
        Vec::new()
    };
    items.retain(|item| is_kept(&item.name, opened.reason));
    let report = device_report(&items);
    let (items, digest) = prepare(app, &opened.device, items).await?;
    let model = report.device_type.as_deref().and_then(model::model_of).map(|model| model.name.as_str());
    let (at, peer) = (app.clock.now(), opened.peer);
    let pin = report.deployment_pin.as_ref().filter(|_| app.pins.may_try(peer, at));
    let change = RecordOpening {
        app: app.clone(),
        pin: pin.map(|pin| pin_digest(app, pin)),
        software_sort: software_sort(&report),
        software_order: software_order(&report),
        device: opened.device,
        device_text: opened.device_text,
        peer: opened.peer,
        local: opened.local,
        reason: opened.reason,
        attached_complete: opened.attached_complete,
        most_items: opened.most_items,
        told,
        report,
        model,
        items,
        digest,
        interval: SignedDuration::from_secs(app.settings.integer(SettingKey::FullReadInterval)),
        at,
    };
    let recorded = app.reports.submit(lane(&change.device), change).await?;
    app.contact_counts.count(at);
    if recorded.wrong_pin && app.pins.wrong(peer, at) {
        tracing::warn!(%peer, "too many wrong deployment PINs; they are not looked at for an hour");
    }
    if recorded.lists_change {
        app.store.clients_changed();
    }
    let happened = if recorded.created { Happened::Created } else { Happened::Updated };
    let client = recorded.contact.visit.client;
    app.events.publish(Resource::Clients, happened, client);
    if let Some(retired) = recorded.retired {
        app.events.publish(Resource::Clients, Happened::Updated, retired);
    }
    if recorded.notified {
        app.events.publish(Resource::Notifications, Happened::Created, client);
    }
    touched(app, recorded.touched);
    Ok(recorded.contact)
}

/// Records the complete reply to ReadAllItems: items that are not in it are gone.
///
/// # Errors
/// As [`record_opening`].
pub async fn record_full_read(
    app: &App,
    visit: Visit,
    mut items: Vec<Reported>,
    attempt: Option<Attempt>,
) -> Result<Option<Piece>, ContactError> {
    items.retain(|item| contact::is_state(&item.name));
    let report = device_report(&items);
    let (items, digest) = prepare(app, &visit.device, items).await?;
    let (lane, client) = (lane(&visit.device), visit.client);
    let at = app.clock.now();
    let change = RecordFullRead { app: app.clone(), visit, attempt, report, items, digest, at };
    let recorded = app.reports.submit(lane, change).await?;
    if recorded.changed {
        app.events.publish(Resource::Clients, Happened::Updated, client);
    }
    if recorded.notified {
        app.events.publish(Resource::Notifications, Happened::Created, client);
    }
    touched(app, recorded.touched);
    Ok(recorded.piece)
}

/// Records what became of a piece of work, and takes the next one when the session goes on.
///
/// # Errors
/// As [`record_opening`].
pub async fn record_result(
    app: &App,
    visit: Visit,
    attempt: Attempt,
    result: JobResult,
    then: Then,
) -> Result<Option<Piece>, ContactError> {
    let (lane, client) = (lane(&visit.device), visit.client);
    let written = matches!(result, JobResult::Written(_));
    let change = RecordResult { app: app.clone(), visit, attempt, result, then, at: app.clock.now() };
    let recorded = app.reports.submit(lane, change).await?;
    if written {
        app.events.publish(Resource::Clients, Happened::Updated, client);
    }
    touched(app, recorded.touched);
    Ok(recorded.piece)
}

/// Nobody is there any more who would send a piece of work that is committed as sent: it is put back.
fn hand_back(app: &App, visit: Visit, piece: Option<Piece>) {
    let (Some(piece), Ok(runtime)) = (piece, tokio::runtime::Handle::try_current()) else { return };
    let app = app.clone();
    runtime.spawn(async move {
        let (device, attempt) = (visit.device.clone(), piece.attempt);
        if let Err(error) = record_result(&app, visit, attempt, JobResult::NotSent, Then::Leave).await {
            tracing::error!(%device, error = causes(&error), "a piece of work could not be put back");
        }
    });
}

fn touched(app: &App, jobs: Vec<JobId>) {
    for job in jobs {
        app.signals.job_touched(job);
    }
}

/// Deployment PINs are looked up by their keyed digest: the table holds none in clear (D-1).
pub fn pin_digest(app: &App, pin: &Secret) -> Vec<u8> {
    app.vault.digest("deployment-pin", pin.expose())
}

/// What a mobile user types is a password of theirs, not a setting of the phone (`wpi.md` §4.7.1). What a `status` says
/// is how one order went; which files a phone has, a full read says.
fn is_kept(name: &str, reason: ContactReason) -> bool {
    let typed = reason == ContactReason::InventoryChanges && matches!(name, "user-pwd" | "user-pwd-unicode");
    let result = reason == ContactReason::Status && name.starts_with("file-deployment-");
    contact::is_state(name) && !typed && !result
}

fn device_report(items: &[Reported]) -> DeviceReport {
    DeviceReport::from_items(items.iter().map(|item| ReportedValue {
        name: &item.name,
        index: item.index,
        value: &item.value,
        problem: item.status.is_some(),
    }))
}

/// Sorts by type, then by version as numbers.
fn software_sort(report: &DeviceReport) -> Option<String> {
    let version = report.software_version.as_deref()?;
    let software_type = report.software_type.as_deref().unwrap_or_default();
    let key = SoftwareVersion::parse(version).map_or(0, SoftwareVersion::sort_key);
    Some(format!("{software_type} {key:016x} {version}"))
}

/// The version as a number, for filters of groups.
fn software_order(report: &DeviceReport) -> Option<i64> {
    report.software_version.as_deref().and_then(SoftwareVersion::parse).map(SoftwareVersion::sort_key)
}

/// Reports of one device keep their order.
fn lane(device: &DeviceId) -> u64 {
    device
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Names become numbers, secrets are sealed, and the whole gets a digest that does not depend on the order.
async fn prepare(
    app: &App,
    device: &DeviceId,
    reported: Vec<Reported>,
) -> Result<(Vec<NewItem>, Vec<u8>), ContactError> {
    let names: Vec<&str> = reported.iter().map(|item| item.name.as_str()).collect();
    let numbers = item_names::resolve(&app.store, &names).await?;
    let mut items = Vec::with_capacity(reported.len());
    for (item, number) in reported.into_iter().zip(numbers) {
        let Some(name) = number else { continue };
        let sealed = item::holds_secret(&item.name, &item.value);
        let value = if sealed { seal(&app.vault, device, &item)? } else { item.value };
        items.push(NewItem { name, index: item.index, value, status: item.status, sealed });
    }
    // Stable: of two items with one key the last one counts, in the digest as in the table.
    items.sort_by_key(|item| (item.name, item.index));
    let digest = digest(&items);
    Ok((items, digest))
}

fn seal(vault: &Vault, device: &DeviceId, item: &Reported) -> Result<String, VaultError> {
    let index = item.index.map(|index| index.to_string()).unwrap_or_default();
    let place = format!("reported:{}:{}:{index}", device.as_str(), item.name);
    vault.seal(&place, &Secret::new(item.value.clone()))
}

fn digest(items: &[NewItem]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for item in items {
        hasher.update(item.name.to_be_bytes());
        hasher.update(item.index.map_or(-1, i32::from).to_be_bytes());
        for text in [Some(item.value.as_str()), item.status.as_deref()] {
            hasher.update(text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            hasher.update(text.unwrap_or_default());
        }
    }
    hasher.finalize().to_vec()
}

fn phone(device: &DeviceId, client: ClientId, peer: Option<IpAddr>) -> Actor {
    Actor {
        kind: ActorKind::Phone,
        id: Some(client.0),
        name: device.to_string(),
        address: peer.map(|peer| peer.to_string()),
    }
}

async fn write_audit(
    tx: &Tx,
    actor: &Actor,
    client: ClientId,
    action: &'static str,
    details: serde_json::Value,
    at: Timestamp,
) -> StoreResult<()> {
    let object_id = client.to_string();
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "client", object_id, details })
        .await
        .map(|_| ())
}

/// Differences for an audit record: bounded, and without the texts of secrets. `None` when the configuration
/// is the same.
fn describe(tx: &Tx, differences: &[Difference]) -> Option<serde_json::Value> {
    let changes: Vec<&Difference> = differences
        .iter()
        .filter(|difference| contact::is_configuration(&tx.item_name(difference.name)))
        .collect();
    let rows: Vec<serde_json::Value> = changes
        .iter()
        .take(MOST_DIFFERENCES)
        .map(|difference| {
            json!({
                "item": &*tx.item_name(difference.name), "index": difference.index, "secret": difference.secret,
                "before": difference.before.as_deref().map(clip), "after": difference.after.as_deref().map(clip),
            })
        })
        .collect();
    (!changes.is_empty()).then(|| json!({"count": changes.len(), "items": rows}))
}

/// A value for an audit record; a longer one ends with an ellipsis.
fn clip(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
    }
}
