//! What phones tell: recording a contact, a full read, changed items (D-1 … D-6, `wpi.md` §4).
//!
//! The rules are in `domain::contact`; the rows in `store`. Everything of one message is recorded in one
//! transaction, shared with other phones' messages, and the phone is answered after its commit.

use std::net::IpAddr;

use domain::client::{ClientState, ContactReason, FaultSet};
use domain::contact::{self, DeviceReport, FullReadReason, ReportedValue};
use domain::network::Subnet;
use domain::setting::SettingKey;
use domain::software::SoftwareVersion;
use domain::{ClientId, DeviceId, Secret, item, model};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::App;
use crate::events::{Change as Happened, Resource};
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::group::Change;
use crate::store::items::{Difference, NewItem, Scope};
use crate::store::{StoreError, StoreResult, Tx, audit, clients, item_names, items, notifications};
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
    /// Why.
    pub reason: ContactReason,
    /// All items of the message.
    pub items: Vec<Reported>,
    /// A `local-changes` that brought every changed item with it.
    pub attached_complete: bool,
}

/// What a recorded contact means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The client.
    pub client: ClientId,
    /// Its state; a quarantined client is read but not written (D-4).
    pub state: ClientState,
    /// Why everything must be read, if it must (D-5).
    pub full_read: Option<FullReadReason>,
}

/// Records an opening message and decides whether everything must be read.
///
/// # Errors
/// When it could not be recorded; the phone must then not be told that all is well.
pub async fn record_opening(app: &App, opened: Opened) -> Result<Contact, ContactError> {
    let mut items = opened.items;
    items.retain(|item| is_kept(&item.name, opened.reason));
    let report = device_report(&items);
    let (items, digest) = prepare(app, &opened.device, items).await?;
    let model = report.device_type.as_deref().and_then(model::model_of).map(|model| model.name.as_str());
    let change = RecordOpening {
        software_sort: software_sort(&report),
        device: opened.device,
        device_text: opened.device_text,
        peer: opened.peer,
        reason: opened.reason,
        attached_complete: opened.attached_complete,
        report,
        model,
        items,
        digest,
        interval: SignedDuration::from_secs(app.settings.integer(SettingKey::FullReadInterval)),
        at: app.clock.now(),
    };
    let recorded = app.reports.submit(lane(&change.device), change).await?;
    if recorded.lists_change {
        app.store.clients_changed();
    }
    let happened = if recorded.created { Happened::Created } else { Happened::Updated };
    app.events.publish(Resource::Clients, happened, recorded.contact.client);
    if recorded.notified {
        app.events.publish(Resource::Notifications, Happened::Created, recorded.contact.client);
    }
    Ok(recorded.contact)
}

/// Records the complete reply to ReadAllItems: items that are not in it are gone.
///
/// # Errors
/// As [`record_opening`].
pub async fn record_full_read(
    app: &App,
    client: ClientId,
    device: &DeviceId,
    items: Vec<Reported>,
) -> Result<(), ContactError> {
    record_items(app, client, device, items, Scope::Everything).await
}

/// Records the reply to ReadItems: other items stay as they are.
///
/// # Errors
/// As [`record_opening`].
pub async fn record_some_items(
    app: &App,
    client: ClientId,
    device: &DeviceId,
    items: Vec<Reported>,
) -> Result<(), ContactError> {
    record_items(app, client, device, items, Scope::Some).await
}

async fn record_items(
    app: &App,
    client: ClientId,
    device: &DeviceId,
    mut items: Vec<Reported>,
    scope: Scope,
) -> Result<(), ContactError> {
    items.retain(|item| contact::is_state(&item.name));
    let report = device_report(&items);
    let (items, digest) = prepare(app, device, items).await?;
    let change =
        RecordItems { client, device: device.clone(), scope, report, items, digest, at: app.clock.now() };
    let changed = app.reports.submit(lane(device), change).await?;
    if changed {
        app.events.publish(Resource::Clients, Happened::Updated, client);
    }
    Ok(())
}

/// What a mobile user types is a password of theirs, not a setting of the phone (`wpi.md` §4.7.1).
fn is_kept(name: &str, reason: ContactReason) -> bool {
    let typed = reason == ContactReason::InventoryChanges && matches!(name, "user-pwd" | "user-pwd-unicode");
    contact::is_state(name) && !typed
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

struct RecordOpening {
    device: DeviceId,
    device_text: String,
    peer: IpAddr,
    reason: ContactReason,
    attached_complete: bool,
    report: DeviceReport,
    model: Option<&'static str>,
    software_sort: Option<String>,
    items: Vec<NewItem>,
    digest: Vec<u8>,
    interval: SignedDuration,
    at: Timestamp,
}

struct Recorded {
    contact: Contact,
    created: bool,
    lists_change: bool,
    notified: bool,
}

impl Change for RecordOpening {
    type Output = Recorded;

    async fn run(&self, tx: &Tx) -> StoreResult<Recorded> {
        match clients::for_contact(tx, &self.device).await? {
            None => self.create(tx).await,
            Some(known) => self.update(tx, &known).await,
        }
    }
}

impl RecordOpening {
    fn row(&self) -> clients::Contact<'_> {
        clients::Contact {
            report: &self.report,
            model: self.model,
            software_sort: self.software_sort.clone(),
            device_id_text: &self.device_text,
            peer: Some(self.peer.to_canonical().to_string()),
            network: Subnet::of(self.peer).to_string(),
            reason: self.reason,
            basic_digest: Some(self.digest.clone()),
            quarantine: None,
            items_changed: false,
            is_change: true,
            at: self.at,
        }
    }

    fn full_read(&self, known: Option<&contact::Known>) -> Option<FullReadReason> {
        contact::full_read(known, &self.report, self.reason, self.attached_complete, self.at, self.interval)
    }

    async fn create(&self, tx: &Tx) -> StoreResult<Recorded> {
        let client = clients::insert(tx, &self.device, &self.row()).await?;
        items::store(tx, client, &self.items, Scope::Some, true, self.at).await?;
        let details = json!({"after": {
            "device_id": self.device.to_string(), "device_type": self.report.device_type,
            "e164": self.report.e164, "reason": self.reason.as_str(),
        }});
        self.audit(tx, client, "client.create", details).await?;
        let none = FaultSet::default();
        let notified = self.notify_faults(tx, client, &none).await?;
        let contact = Contact { client, state: ClientState::Active, full_read: self.full_read(None) };
        Ok(Recorded { contact, created: true, lists_change: true, notified })
    }

    async fn update(&self, tx: &Tx, known: &clients::ForContact) -> StoreResult<Recorded> {
        let client = known.id;
        let mut differences = Vec::new();
        if known.basic_digest.as_deref() != Some(self.digest.as_slice()) {
            differences = items::store(tx, client, &self.items, Scope::Some, false, self.at).await?;
        }
        let quarantine = (known.state != ClientState::Quarantined)
            .then(|| contact::quarantine(&known.known, &self.report, self.peer))
            .flatten();
        let lists_change = quarantine.is_some() || self.changes_lists(known);
        // Who the client is stays as it was before the quarantine, to be compared with.
        let kept_apart = quarantine.is_some() || known.state == ClientState::Quarantined;
        let report = if kept_apart { self.report.without_identity() } else { self.report.clone() };
        let row = clients::Contact {
            report: &report,
            model: self.model.filter(|_| !kept_apart),
            peer: (!kept_apart).then(|| self.peer.to_canonical().to_string()),
            quarantine,
            items_changed: !differences.is_empty(),
            is_change: lists_change || !differences.is_empty(),
            ..self.row()
        };
        // The usual contact says what is known: then only the row's time moves, and one index with it.
        let known_already = known.basic_digest.as_deref() == Some(self.digest.as_slice());
        if known_already && !row.is_change && !kept_apart {
            clients::touch(tx, client, &row).await?;
        } else {
            clients::record_contact(tx, client, &row).await?;
        }
        if self.reason == ContactReason::LocalChanges
            && let Some(details) = describe(tx, &differences)
        {
            self.audit(tx, client, "client.local-changes", details).await?;
        }
        let mut notified = self.notify_faults(tx, client, &known.faults).await?;
        if let Some(reason) = quarantine {
            let details = json!({"reason": reason.as_str(), "address": self.peer.to_string()});
            self.audit(tx, client, "client.quarantine", details.clone()).await?;
            let args = json!({"device_id": self.device.to_string(), "reason": reason.as_str(), "address": self.peer.to_string()});
            notified |= notifications::insert(tx, self.at, "client-quarantined", &args, Some(client))
                .await?
                .is_some();
        }
        let state = if quarantine.is_some() { ClientState::Quarantined } else { known.state };
        let contact = Contact { client, state, full_read: self.full_read(Some(&known.known)) };
        Ok(Recorded { contact, created: false, lists_change, notified })
    }

    /// Whether a column that lists show, filter or sort by changes; the last contact always does.
    fn changes_lists(&self, known: &clients::ForContact) -> bool {
        let said = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        let report = &self.report;
        said(&report.e164, &known.e164)
            || said(&report.device_type, &known.known.device_type)
            || said(&report.software_type, &known.software_type)
            || said(&report.software_version, &known.software_version)
            || said(&report.part_number, &known.known.part_number)
            || said(&report.key_modules, &known.known.key_modules)
            || report.mobility.is_some_and(|mobility| mobility != known.mobility)
            || report.faults.as_ref().is_some_and(|faults| *faults != known.faults)
            || known.state == ClientState::Prepared
    }

    async fn notify_faults(&self, tx: &Tx, client: ClientId, before: &FaultSet) -> StoreResult<bool> {
        let mut any = false;
        for fault in self.report.faults.iter().flat_map(|faults| faults.without(before)) {
            let args = json!({"device_id": self.device.to_string(), "e164": self.report.e164, "fault": fault.as_str()});
            any |= notifications::insert(tx, self.at, "phone-fault", &args, Some(client)).await?.is_some();
        }
        Ok(any)
    }

    async fn audit(
        &self,
        tx: &Tx,
        client: ClientId,
        action: &'static str,
        details: serde_json::Value,
    ) -> StoreResult<()> {
        let actor = phone(&self.device, client, Some(self.peer));
        write_audit(tx, &actor, client, action, details, self.at).await
    }
}

struct RecordItems {
    client: ClientId,
    device: DeviceId,
    scope: Scope,
    report: DeviceReport,
    items: Vec<NewItem>,
    digest: Vec<u8>,
    at: Timestamp,
}

impl Change for RecordItems {
    /// Whether anything was different from before.
    type Output = bool;

    async fn run(&self, tx: &Tx) -> StoreResult<bool> {
        let Some((digest, read_before)) = clients::items_digest(tx, self.client).await? else {
            // Deleted while the phone was answering: there is nothing to record on.
            return Ok(false);
        };
        let unchanged = digest.as_deref() == Some(self.digest.as_slice());
        let differences = if unchanged {
            Vec::new()
        } else {
            items::store(tx, self.client, &self.items, self.scope, false, self.at).await?
        };
        let changed = !differences.is_empty();
        let overrides = differences.iter().any(|difference| !difference.new);
        match self.scope {
            Scope::Everything => {
                clients::record_full_read(
                    tx,
                    self.client,
                    &self.digest,
                    &self.report,
                    changed,
                    overrides,
                    self.at,
                )
                .await?;
            }
            Scope::Some if changed => clients::forget_items_digest(tx, self.client, self.at).await?,
            Scope::Some => {}
        }
        // The first full read is the phone's whole configuration: it is the inventory, not a change of it.
        if read_before && let Some(details) = describe(tx, &differences) {
            let actor = phone(&self.device, self.client, None);
            write_audit(tx, &actor, self.client, "client.items-changed", details, self.at).await?;
        }
        Ok(changed)
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
