//! One transaction for an opening message: the client is found or made, judged, and its next work is taken.

use std::net::{IpAddr, SocketAddr};

use domain::client::{ClientState, ContactReason, FaultSet, QuarantineReason};
use domain::contact::{self, DeviceReport, FullReadReason};
use domain::deployment::outcome::OnPhone;
use domain::network::{Subnet, address_sort};
use domain::setting::SettingKey;
use domain::{ClientId, DeviceId, JobId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Contact, describe, hand_back, phone, write_audit};
use crate::App;
use crate::app::calling;
use crate::app::copies::replacement;
use crate::app::deployments::{result, wishes};
use crate::app::jobs::dossier::Dossier;
use crate::app::jobs::work::{self, Visit};
use crate::app::jobs::{converge, outcome};
use crate::store::group::Change;
use crate::store::items::{Difference, NewItem, Scope};
use crate::store::{StoreResult, Tx, calls, clients, items, layers, notifications, prepared, refusals};

/// The change that records an opening message.
pub(super) struct RecordOpening {
    pub(super) app: App,
    pub(super) pin: Option<Vec<u8>>,
    pub(super) device: DeviceId,
    pub(super) device_text: String,
    pub(super) peer: IpAddr,
    pub(super) local: SocketAddr,
    pub(super) reason: ContactReason,
    pub(super) attached_complete: bool,
    pub(super) most_items: Option<u32>,
    /// What it says of files it was to fetch or delete.
    pub(super) told: Vec<OnPhone>,
    pub(super) report: DeviceReport,
    pub(super) model: Option<&'static str>,
    pub(super) software_sort: Option<String>,
    pub(super) software_order: Option<i64>,
    pub(super) items: Vec<NewItem>,
    pub(super) digest: Vec<u8>,
    pub(super) interval: SignedDuration,
    pub(super) at: Timestamp,
}

/// What it came to.
pub(super) struct Recorded {
    pub(super) contact: Contact,
    pub(super) created: bool,
    pub(super) lists_change: bool,
    pub(super) notified: bool,
    pub(super) touched: Vec<JobId>,
    /// The client whose place this one has taken now.
    pub(super) retired: Option<ClientId>,
    /// A deployment PIN was looked for in vain.
    pub(super) wrong_pin: bool,
}

impl Change for RecordOpening {
    type Output = Recorded;

    async fn run(&self, tx: &Tx) -> StoreResult<Recorded> {
        match clients::for_contact(tx, &self.device).await? {
            None => self.unknown(tx).await,
            Some(known) => self.update(tx, &known, false).await,
        }
    }

    fn unheard(&self, recorded: Recorded) {
        hand_back(&self.app, recorded.contact.visit, recorded.contact.piece);
    }
}

impl RecordOpening {
    fn row(&self) -> clients::Contact<'_> {
        clients::Contact {
            report: &self.report,
            model: self.model,
            software_sort: self.software_sort.clone(),
            software_order: self.software_order,
            device_id_text: &self.device_text,
            most_items: self.most_items,
            peer: Some(self.peer.to_canonical().to_string()),
            address_sort: Some(address_sort(self.peer)),
            network: Subnet::of(self.peer).to_string(),
            reason: self.reason,
            basic_digest: Some(self.digest.clone()),
            quarantine: None,
            items_changed: false,
            is_change: true,
            ends_approval: false,
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
            candidates = prepared::prepared_by_pin(tx, pin).await?;
        }
        let by_pin = !candidates.is_empty();
        let window = self.app.settings.instant(SettingKey::OnboardingWindowUntil);
        if candidates.is_empty()
            && window.is_some_and(|until| self.at < until)
            && let Some(number) = self.report.e164.as_deref().filter(|number| !number.is_empty())
        {
            candidates = prepared::prepared_by_number(tx, number).await?;
        }
        match candidates.as_slice() {
            [] => {
                let created = self.create(tx, None).await?;
                Ok(Recorded { wrong_pin: self.pin.is_some(), ..created })
            }
            [only] => {
                prepared::adopt(tx, *only, &self.device).await?;
                let details = json!({"device_id": self.device.to_string(), "reason": self.reason.as_str()});
                self.audit(tx, *only, "client.match", details).await?;
                match clients::for_contact(tx, &self.device).await? {
                    Some(known) => self.update(tx, &known, by_pin).await,
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
        Ok(Recorded {
            contact,
            created: true,
            lists_change: true,
            notified,
            touched: Vec::new(),
            retired: None,
            wrong_pin: false,
        })
    }

    async fn update(&self, tx: &Tx, known: &clients::ForContact, by_pin: bool) -> StoreResult<Recorded> {
        let client = known.id;
        let mut differences = Vec::new();
        if known.basic_digest.as_deref() != Some(self.digest.as_slice()) {
            differences = items::store(tx, client, &self.items, Scope::Some, false, self.at).await?;
        }
        let quarantine = match known.state {
            ClientState::Quarantined => None,
            // Another phone has taken its place, and it is here all the same (D-29).
            ClientState::Retired => Some(QuarantineReason::Replaced),
            ClientState::Prepared | ClientState::Active => {
                contact::quarantine(&known.known, &self.report, self.peer)
            }
        };
        // Who the client is stays as it was before the quarantine, to be compared with.
        let kept_apart = quarantine.is_some() || known.state == ClientState::Quarantined;
        let peer = self.peer.to_canonical().to_string();
        // Whoever decides about the client must have seen the address it has.
        let moved = !kept_apart && known.peer_address.as_ref().is_some_and(|before| *before != peer);
        let lists_change = quarantine.is_some() || moved || self.changes_lists(known);
        let report = if kept_apart { self.report.without_identity() } else { self.report.clone() };
        let row = clients::Contact {
            report: &report,
            model: self.model.filter(|_| !kept_apart),
            peer: (!kept_apart).then(|| peer.clone()),
            address_sort: (!kept_apart).then(|| address_sort(self.peer)),
            quarantine,
            items_changed: !differences.is_empty(),
            is_change: lists_change || !differences.is_empty(),
            ends_approval: known.state == ClientState::Prepared && !by_pin && !self.comes_from_onboarding(),
            ..self.row()
        };
        // The usual contact says what is known: then only the row's time moves, and one index with it.
        let known_already = known.basic_digest.as_deref() == Some(self.digest.as_slice())
            && known.peer_address.as_ref() == Some(&peer)
            && known.most_items == self.most_items;
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
        if moved {
            // Another lease, or somebody else who says its device id: whoever asks later can see it.
            let details =
                json!({"before": known.peer_address, "after": peer, "reason": self.reason.as_str()});
            self.audit(tx, client, "client.address", details).await?;
        }
        let mut notified = self.notify_faults(tx, client, &known.faults).await?;
        if let Some(reason) = quarantine {
            notified |= self.notify_quarantine(tx, client, reason).await?;
        }
        let state = if quarantine.is_some() { ClientState::Quarantined } else { known.state };
        if let Some(call) = &known.call {
            calls::session_opened(tx, client, call).await?;
        }
        let mut visit = self.visit(client, known.call.as_ref().is_some_and(|call| self.answers(call)));
        visit.calling_helps = known.call.as_ref().is_none_or(|call| self.calling_helps(call));
        visit.only_reads = state == ClientState::Quarantined;
        let lists_change = visit.answers_call
            && calling::came_when_called(&self.app, tx, client, self.at).await?
            || lists_change;
        let mut contact =
            Contact { visit, state, full_read: self.full_read(Some(&known.known)), piece: None };
        let mut touched = Vec::new();
        if state == ClientState::Quarantined {
            // It is read all the same when somebody asks for it (D-4).
            if contact.full_read.is_none() {
                let mut dossier = Dossier::new(client);
                let taken = work::take(&self.app, tx, &contact.visit, &mut dossier, self.at).await?;
                (touched, contact.piece) = (taken.touched, taken.piece);
            }
        } else {
            touched = self.engine(tx, known, &differences, &mut contact).await?;
        }
        let mut retired = None;
        if known.state == ClientState::Prepared && state != ClientState::Quarantined {
            let actor = phone(&self.device, client, Some(self.peer));
            let left = replacement::take_place(&self.app, tx, client, &actor, self.at).await?;
            retired = left.client;
            touched.extend(left.jobs);
        }
        Ok(Recorded { contact, created: false, lists_change, notified, touched, retired, wrong_pin: false })
    }

    /// Whoever prepared a client knew its device id or number, and so may others. A phone that claims the place
    /// with no more than that is trusted with secrets where phones are expected; anywhere else somebody looks at
    /// it first (D-24 b: the network it is bound to from now on is the claimant's own).
    fn comes_from_onboarding(&self) -> bool {
        self.app.settings.networks(SettingKey::OnboardingNetworks).contains(self.peer)
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
        let mut dossier = Dossier::new(client);
        let has = dossier.standing(tx).await?.map(|standing| standing.has).unwrap_or_default();
        if starts {
            let lost = lost_number(known, &self.report);
            let since = known.last_contact_at.filter(|_| lost);
            let ended = outcome::started_up(tx, client, &mut dossier, since, self.at).await?;
            touched = ended.jobs;
            if has.refusals && self.changes_modules(known) {
                refusals::forget_status(tx, client, "invalid index").await?;
            }
            if !has.refusals {
                // Nothing may be tried again.
            } else if self.report.software_version.is_some()
                && self.report.software_version != known.software_version
            {
                refusals::forget(tx, client, None).await?;
            } else {
                refusals::forget_status(tx, client, "read only").await?;
            }
            contact.visit.lost_configuration = lost || ended.reset;
            if contact.visit.lost_configuration && contact.full_read.is_none() {
                // What is left of its configuration is read in this very session.
                contact.full_read = self
                    .full_read(clients::for_contact(tx, &self.device).await?.map(|row| row.known).as_ref());
            }
        }
        let noted = self.deployments(tx, client, &mut dossier).await?;
        touched.extend(noted.jobs);
        if noted.read && contact.full_read.is_none() {
            // In this very session; or in the next one, should it end before.
            clients::want_full_read(tx, client, self.at).await?;
            contact.full_read = Some(FullReadReason::Wanted);
        }
        if contact.full_read.is_some() {
            // Should the session end before its work is taken.
            work::want_call_later(&self.app, tx, client, &mut dossier, self.at).await?;
            return Ok(touched);
        }
        // Another address is another group, perhaps.
        let moved = known.peer_address.as_deref() != Some(self.peer.to_canonical().to_string().as_str());
        // Templates or groups have changed since it was last here. Mostly the job of that change has it among its
        // targets; not when it came, or changed its group, while that job was being made.
        let standing = dossier.standing(tx).await?;
        let version = standing
            .filter(|standing| standing.layers_seen != Some(standing.layers_version))
            .map(|standing| standing.layers_version);
        if starts || moved || version.is_some() || !differences.is_empty() {
            touched.extend(
                converge::look(&self.app, tx, &contact.visit, &mut dossier, differences, self.at).await?,
            );
        }
        if let Some(version) = version {
            layers::set_seen(tx, client, version).await?;
        }
        touched.extend(by_rule(&self.app, tx, &contact.visit, &mut dossier, false, self.at).await?);
        let taken = work::take(&self.app, tx, &contact.visit, &mut dossier, self.at).await?;
        touched.extend(taken.touched);
        contact.piece = taken.piece;
        Ok(touched)
    }

    /// What the contact says of files and firmware that the phone was to fetch.
    async fn deployments(
        &self,
        tx: &Tx,
        client: ClientId,
        dossier: &mut Dossier,
    ) -> StoreResult<result::Noted> {
        let running = (self.report.software_version.as_deref(), self.report.software_type.as_deref());
        if self.reason == ContactReason::StartUp {
            return Box::pin(result::starts(tx, client, dossier, running, self.at)).await;
        }
        let told: &[OnPhone] = if self.reason == ContactReason::Status { &self.told } else { &[] };
        Box::pin(result::says(&self.app, tx, client, dossier, told, running, self.at)).await
    }

    /// Whether the session answers our contact-me, at the very address that was called (D-24 c).
    fn answers(&self, call: &calls::Call) -> bool {
        let gap = SignedDuration::from_secs(self.app.settings.integer(SettingKey::ContactMeGap) + 30);
        self.reason == ContactReason::Solicited
            && call.called_address.as_deref() == Some(self.peer.to_canonical().to_string().as_str())
            && call.called_at.is_some_and(|called| self.at.duration_since(called) <= gap)
    }

    /// Whether a call could still bring an answer that counts: not after it was called in vain, and not when it
    /// answers from another address than the one that is called.
    fn calling_helps(&self, call: &calls::Call) -> bool {
        let tries = self.app.settings.integer(SettingKey::ContactMeTries).unsigned_abs();
        let elsewhere = self.reason == ContactReason::Solicited
            && call
                .called_address
                .as_deref()
                .is_some_and(|address| address != self.peer.to_canonical().to_string());
        self.answers(call) || (u64::from(call.tries) < tries && !elsewhere)
    }

    fn visit(&self, client: ClientId, answers_call: bool) -> Visit {
        Visit {
            client,
            device: self.device.clone(),
            peer: self.peer,
            local: self.local,
            reason: self.reason,
            answers_call,
            secure: false,
            lost_configuration: false,
            calling_helps: true,
            only_reads: false,
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
            || said(&report.basic_e164, &known.basic_e164)
            || said(&report.server_address, &known.server_address)
            || said(&report.device_type, &known.known.device_type)
            || said(&report.software_type, &known.software_type)
            || said(&report.software_version, &known.software_version)
            || said(&report.part_number, &known.known.part_number)
            || said(&report.key_modules, &known.known.key_modules)
            || report.mobility.is_some_and(|mobility| mobility != known.mobility)
            || report.faults.as_ref().is_some_and(|faults| *faults != known.faults)
            || known.state == ClientState::Prepared
    }

    /// Whether it has other key modules than before, and so other indexes.
    fn changes_modules(&self, known: &clients::ForContact) -> bool {
        self.report.key_modules.is_some() && self.report.key_modules != known.known.key_modules
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

/// What templates bring to the phone on their own, when it is there; `first` when it comes for the first time.
pub(super) async fn by_rule(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    first: bool,
    at: Timestamp,
) -> StoreResult<Vec<JobId>> {
    if wishes::due(app, first) == (false, false) {
        return Ok(Vec::new());
    }
    Box::pin(wishes::look(app, tx, visit, dossier, first, at)).await
}

/// A phone that had a number and starts up without one was reset at the phone: what it reports now is no wish
/// of its user (`wpi.md` §4.5.8).
fn lost_number(known: &clients::ForContact, report: &DeviceReport) -> bool {
    let had = known.e164.as_deref().is_some_and(|number| !number.is_empty());
    had && report.e164.as_deref().is_some_and(str::is_empty)
}
