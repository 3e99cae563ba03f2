//! What phones tell: recording a contact, a full read, changed items (D-1 … D-6, `wpi.md` §4).
//!
//! The rules are in `domain::contact`; the rows in `store`. Everything of one message is recorded in one
//! transaction, shared with other phones' messages, and the phone is answered after its commit.

use std::net::IpAddr;

use domain::client::{ClientState, ContactReason, FaultSet, QuarantineReason};
use domain::contact::{self, DeviceReport, FullReadReason, ReportedValue};
use domain::network::Subnet;
use domain::setting::SettingKey;
use domain::software::SoftwareVersion;
use domain::{ClientId, DeviceId, JobId, Secret, item, model};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::jobs::converge;
use super::jobs::outcome::{self, Result as JobResult};
use super::jobs::work::{self, Attempt, Piece, Visit};
use crate::App;
use crate::events::{Change as Happened, Resource};
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::group::Change;
use crate::store::items::{Difference, NewItem, Scope};
use crate::store::{
    StoreError, StoreResult, Tx, audit, calls, clients, item_names, items, notifications, refusals,
};
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
    items.retain(|item| is_kept(&item.name, opened.reason));
    let report = device_report(&items);
    let (items, digest) = prepare(app, &opened.device, items).await?;
    let model = report.device_type.as_deref().and_then(model::model_of).map(|model| model.name.as_str());
    let change = RecordOpening {
        app: app.clone(),
        pin: report.deployment_pin.as_ref().map(|pin| pin_digest(app, pin)),
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
    let client = recorded.contact.visit.client;
    app.events.publish(Resource::Clients, happened, client);
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

fn touched(app: &App, jobs: Vec<JobId>) {
    for job in jobs {
        app.signals.job_touched(job);
    }
}

/// Deployment PINs are looked up by their keyed digest: the table holds none in clear (D-1).
pub fn pin_digest(app: &App, pin: &Secret) -> Vec<u8> {
    app.vault.digest("deployment-pin", pin.expose())
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
    app: App,
    pin: Option<Vec<u8>>,
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
    touched: Vec<JobId>,
}

impl Change for RecordOpening {
    type Output = Recorded;

    async fn run(&self, tx: &Tx) -> StoreResult<Recorded> {
        match clients::for_contact(tx, &self.device).await? {
            None => self.unknown(tx).await,
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

    /// A device id never seen: a prepared client may wait for it (D-1).
    async fn unknown(&self, tx: &Tx) -> StoreResult<Recorded> {
        let mut candidates = Vec::new();
        if let Some(pin) = &self.pin {
            candidates = clients::prepared_by_pin(tx, pin).await?;
        }
        let window = self.app.settings.instant(SettingKey::OnboardingWindowUntil);
        if candidates.is_empty()
            && window.is_some_and(|until| self.at < until)
            && let Some(number) = self.report.e164.as_deref().filter(|number| !number.is_empty())
        {
            candidates = clients::prepared_by_number(tx, number).await?;
        }
        match candidates.as_slice() {
            [] => self.create(tx, None).await,
            [only] => {
                clients::adopt(tx, *only, &self.device).await?;
                let details = json!({"device_id": self.device.to_string(), "reason": self.reason.as_str()});
                self.audit(tx, *only, "client.match", details).await?;
                match clients::for_contact(tx, &self.device).await? {
                    Some(known) => self.update(tx, &known).await,
                    None => self.create(tx, None).await,
                }
            }
            _ => self.create(tx, Some(QuarantineReason::SeveralMatches)).await,
        }
    }

    async fn create(&self, tx: &Tx, quarantine: Option<QuarantineReason>) -> StoreResult<Recorded> {
        let client = clients::insert(tx, &self.device, &self.row()).await?;
        items::store(tx, client, &self.items, Scope::Some, true, self.at).await?;
        let details = json!({"after": {
            "device_id": self.device.to_string(), "device_type": self.report.device_type,
            "e164": self.report.e164, "reason": self.reason.as_str(),
        }});
        self.audit(tx, client, "client.create", details).await?;
        let none = FaultSet::default();
        let mut notified = self.notify_faults(tx, client, &none).await?;
        if let Some(reason) = quarantine {
            clients::record_contact(tx, client, &clients::Contact { quarantine, ..self.row() }).await?;
            notified |= self.notify_quarantine(tx, client, reason).await?;
        }
        let state = if quarantine.is_some() { ClientState::Quarantined } else { ClientState::Active };
        let visit = self.visit(client, false);
        let contact = Contact { visit, state, full_read: self.full_read(None), piece: None };
        Ok(Recorded { contact, created: true, lists_change: true, notified, touched: Vec::new() })
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
            notified |= self.notify_quarantine(tx, client, reason).await?;
        }
        let state = if quarantine.is_some() { ClientState::Quarantined } else { known.state };
        let call = calls::session_opened(tx, client).await?;
        let visit = self.visit(client, call.is_some_and(|call| self.answers(&call)));
        let mut contact =
            Contact { visit, state, full_read: self.full_read(Some(&known.known)), piece: None };
        let mut touched = Vec::new();
        if state != ClientState::Quarantined {
            touched = self.engine(tx, known, &differences, &mut contact).await?;
        }
        Ok(Recorded { contact, created: false, lists_change, notified, touched })
    }

    /// What the contact means for jobs.
    async fn engine(
        &self,
        tx: &Tx,
        known: &clients::ForContact,
        differences: &[Difference],
        contact: &mut Contact,
    ) -> StoreResult<Vec<JobId>> {
        let client = contact.visit.client;
        let starts = self.reason == ContactReason::StartUp;
        let mut touched = Vec::new();
        if starts {
            touched = outcome::started_up(tx, client, self.at).await?;
            refusals::forget_status(tx, client, "read only").await?;
            if self.report.software_version.is_some()
                && self.report.software_version != known.software_version
            {
                refusals::forget(tx, client, None).await?;
            }
            if touched.len() == 1 && contact.full_read.is_none() {
                // A reset we ordered asks for a full read in this very session.
                contact.full_read = self
                    .full_read(clients::for_contact(tx, &self.device).await?.map(|row| row.known).as_ref());
            }
        }
        if contact.full_read.is_some() {
            return Ok(touched);
        }
        if starts || !differences.is_empty() {
            let lost_configuration = starts && lost_number(known, &self.report);
            let news = converge::Contact { differences, lost_configuration };
            touched.extend(converge::look(&self.app, tx, &contact.visit, &news, self.at).await?);
        }
        let taken = work::take(&self.app, tx, &contact.visit, self.at).await?;
        touched.extend(taken.touched);
        contact.piece = taken.piece;
        Ok(touched)
    }

    /// Whether the session answers our contact-me, at the very address that was called (D-24 c).
    fn answers(&self, call: &calls::Call) -> bool {
        let gap = SignedDuration::from_secs(self.app.settings.integer(SettingKey::ContactMeGap) + 30);
        self.reason == ContactReason::Solicited
            && call.called_address.as_deref() == Some(self.peer.to_canonical().to_string().as_str())
            && call.called_at.is_some_and(|called| self.at.duration_since(called) <= gap)
    }

    fn visit(&self, client: ClientId, answers_call: bool) -> Visit {
        Visit {
            client,
            device: self.device.clone(),
            peer: self.peer,
            reason: self.reason,
            answers_call,
            secure: false,
        }
    }

    async fn notify_quarantine(
        &self,
        tx: &Tx,
        client: ClientId,
        reason: QuarantineReason,
    ) -> StoreResult<bool> {
        let details = json!({"reason": reason.as_str(), "address": self.peer.to_string()});
        self.audit(tx, client, "client.quarantine", details).await?;
        let args = json!({"device_id": self.device.to_string(), "reason": reason.as_str(), "address": self.peer.to_string()});
        let raised = notifications::insert(tx, self.at, "client-quarantined", &args, Some(client)).await?;
        Ok(raised.is_some())
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

/// A phone that had a number and starts up without one was reset at the phone: what it reports now is no wish
/// of its user (`wpi.md` §4.5.8).
fn lost_number(known: &clients::ForContact, report: &DeviceReport) -> bool {
    let had = known.e164.as_deref().is_some_and(|number| !number.is_empty());
    had && report.e164.as_deref().is_some_and(str::is_empty)
}

struct RecordFullRead {
    app: App,
    visit: Visit,
    attempt: Option<Attempt>,
    report: DeviceReport,
    items: Vec<NewItem>,
    digest: Vec<u8>,
    at: Timestamp,
}

struct Continued {
    changed: bool,
    touched: Vec<JobId>,
    piece: Option<Piece>,
}

impl Change for RecordFullRead {
    type Output = Continued;

    async fn run(&self, tx: &Tx) -> StoreResult<Continued> {
        let client = self.visit.client;
        let mut continued = Continued { changed: false, touched: Vec::new(), piece: None };
        let Some((digest, read_before)) = clients::items_digest(tx, client).await? else {
            // Deleted while the phone was answering: there is nothing to record on.
            return Ok(continued);
        };
        let unchanged = digest.as_deref() == Some(self.digest.as_slice());
        let differences = if unchanged {
            Vec::new()
        } else {
            items::store(tx, client, &self.items, Scope::Everything, false, self.at).await?
        };
        continued.changed = !differences.is_empty();
        let overrides = differences.iter().any(|difference| !difference.new);
        let (report, changed) = (&self.report, continued.changed);
        clients::record_full_read(tx, client, &self.digest, report, changed, overrides, self.at).await?;
        // The first full read is the phone's whole configuration: it is the inventory, not a change of it.
        if read_before && let Some(details) = describe(tx, &differences) {
            let actor = phone(&self.visit.device, client, None);
            write_audit(tx, &actor, client, "client.items-changed", details, self.at).await?;
        }
        if let Some(attempt) = self.attempt {
            let job = outcome::record(&self.app, tx, &self.visit, attempt, &JobResult::Read, self.at).await?;
            continued.touched.extend(job);
        }
        if clients::state_of(tx, client).await? == Some(ClientState::Quarantined) {
            return Ok(continued);
        }
        let lost_configuration = self.report.e164.as_deref().is_none_or(str::is_empty)
            && differences.iter().any(|difference| {
                &*tx.item_name(difference.name) == "e164"
                    && difference.before.as_deref().is_some_and(|text| !text.is_empty())
            });
        let known: Vec<Difference> = if read_before { differences } else { Vec::new() };
        let news = converge::Contact { differences: &known, lost_configuration };
        continued.touched.extend(converge::look(&self.app, tx, &self.visit, &news, self.at).await?);
        let taken = work::take(&self.app, tx, &self.visit, self.at).await?;
        continued.touched.extend(taken.touched);
        continued.piece = taken.piece;
        Ok(continued)
    }
}

struct RecordResult {
    app: App,
    visit: Visit,
    attempt: Attempt,
    result: JobResult,
    then: Then,
    at: Timestamp,
}

impl Change for RecordResult {
    type Output = Continued;

    async fn run(&self, tx: &Tx) -> StoreResult<Continued> {
        let job = outcome::record(&self.app, tx, &self.visit, self.attempt, &self.result, self.at).await?;
        let mut continued = Continued { changed: false, touched: job.into_iter().collect(), piece: None };
        match self.then {
            Then::TakeWork => {
                let taken = work::take(&self.app, tx, &self.visit, self.at).await?;
                continued.touched.extend(taken.touched);
                continued.piece = taken.piece;
            }
            Then::Leave => work::wait_for_call(&self.app, tx, &self.visit, &self.result, self.at).await?,
        }
        Ok(continued)
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
