//! One transaction for a reply: what was read or written is recorded, and the next work is taken.

use domain::JobId;
use domain::client::ClientState;
use domain::contact::DeviceReport;
use jiff::Timestamp;

use super::opening::by_rule;
use super::{Then, describe, hand_back, phone, write_audit};
use crate::App;
use crate::app::deployments::result;
use crate::app::jobs::converge;
use crate::app::jobs::dossier::Dossier;
use crate::app::jobs::outcome::{self, Result as JobResult};
use crate::app::jobs::work::{self, Attempt, Piece, Visit};
use crate::app::onboarding::{self, Onboarded};
use crate::store::group::Change;
use crate::store::items::{self, Difference, NewItem, Scope};
use crate::store::{StoreResult, Tx, diffs, full_reads, layers, standing};

/// Holds the client before anything is read of it, so that a plan applied at this moment is seen whole. `false` when it
/// no longer stands for the phone: it was deleted while the phone was answering, another phone has taken its place, or
/// it waits for its phone anew.
async fn still_stands_for(tx: &Tx, visit: &Visit) -> StoreResult<bool> {
    let Some(held) = standing::hold(tx, visit.client).await? else { return Ok(false) };
    let known = !matches!(held.state, ClientState::Prepared | ClientState::Retired);
    Ok(known && held.device.as_deref() == Some(visit.device.as_str()))
}

/// The change that records everything a phone has.
pub(super) struct RecordFullRead {
    pub(super) app: App,
    pub(super) visit: Visit,
    pub(super) attempt: Option<Attempt>,
    pub(super) report: DeviceReport,
    pub(super) items: Vec<NewItem>,
    pub(super) digest: Vec<u8>,
    pub(super) at: Timestamp,
}

/// What it came to.
pub(super) struct Continued {
    pub(super) changed: bool,
    pub(super) notified: bool,
    pub(super) touched: Vec<JobId>,
    pub(super) piece: Option<Piece>,
}

impl Change for RecordFullRead {
    type Output = Continued;

    async fn run(&self, tx: &Tx) -> StoreResult<Continued> {
        let client = self.visit.client;
        let mut continued = Continued { changed: false, notified: false, touched: Vec::new(), piece: None };
        if !still_stands_for(tx, &self.visit).await? {
            return Ok(continued);
        }
        let mut dossier = Dossier::new(client);
        let Some(standing) = dossier.standing(tx).await? else { return Ok(continued) };
        let (state, read_before) = (standing.client.state, standing.client.full_read_at.is_some());
        let is_new = standing.client.onboarded_at.is_none();
        let moved = self.report.server_address.is_some()
            && self.report.server_address != standing.client.server_address;
        let unchanged = standing.items_digest.as_deref() == Some(self.digest.as_slice());
        let differences = if unchanged {
            Vec::new()
        } else {
            items::store(tx, client, &self.items, Scope::Everything, false, self.at).await?
        };
        continued.changed = !differences.is_empty();
        let overrides = differences.iter().any(|difference| !difference.new);
        let (report, changed) = (&self.report, continued.changed);
        full_reads::record_full_read(tx, client, &self.digest, report, changed, overrides, self.at).await?;
        if moved {
            dossier.forget_client();
        }
        // The first full read is the phone's whole configuration: it is the inventory, not a change of it.
        if read_before && let Some(details) = describe(tx, &differences) {
            let actor = phone(&self.visit.device, client, None);
            write_audit(tx, &actor, client, "client.items-changed", details, self.at).await?;
        }
        if let Some(attempt) = self.attempt {
            let result = JobResult::Read;
            let job =
                outcome::record(&self.app, tx, &self.visit, &mut dossier, attempt, &result, self.at).await?;
            continued.touched.extend(job);
        }
        if state == ClientState::Quarantined {
            // It may be another phone than the one that was offered something: what it has and runs proves nothing.
            return Ok(continued);
        }
        let running = (report.software_version.as_deref(), report.software_type.as_deref());
        let read_back = result::read_back(&self.app, tx, client, &mut dossier, running, self.at);
        continued.touched.extend(Box::pin(read_back).await?);
        if is_new {
            let onboarded = self.onboard(tx, &mut dossier).await?;
            continued.changed |= onboarded.values > 0;
            continued.notified |= onboarded.notified;
        }
        let known: &[Difference] = if read_before { &differences } else { &[] };
        continued
            .touched
            .extend(converge::look(&self.app, tx, &self.visit, &mut dossier, known, self.at).await?);
        if let Some(standing) = dossier.standing(tx).await?
            && standing.layers_seen != Some(standing.layers_version)
        {
            layers::set_seen(tx, client, standing.layers_version).await?;
        }
        continued.touched.extend(by_rule(&self.app, tx, &self.visit, &mut dossier, is_new, self.at).await?);
        let taken = work::take(&self.app, tx, &self.visit, &mut dossier, self.at).await?;
        continued.touched.extend(taken.touched);
        continued.piece = taken.piece;
        Ok(continued)
    }

    fn unheard(&self, continued: Continued) {
        hand_back(&self.app, self.visit.clone(), continued.piece);
    }
}

impl RecordFullRead {
    /// All that groups and templates look at is known now: the phone gets what is for it when it comes for the first
    /// time (D-20).
    async fn onboard(&self, tx: &Tx, dossier: &mut Dossier) -> StoreResult<Onboarded> {
        let Some(standing) = dossier.standing(tx).await? else { return Ok(Onboarded::default()) };
        let onboarded = onboarding::onboard(&self.app, tx, standing, self.at).await?;
        if onboarded.values > 0 {
            dossier.forget_client();
        }
        if let Some(details) = onboarded.details.clone() {
            let client = self.visit.client;
            let actor = phone(&self.visit.device, client, None);
            write_audit(tx, &actor, client, "client.onboard", details, self.at).await?;
        }
        Ok(onboarded)
    }
}

/// The change that records what became of a piece of work.
pub(super) struct RecordResult {
    pub(super) app: App,
    pub(super) visit: Visit,
    pub(super) attempt: Attempt,
    pub(super) result: JobResult,
    pub(super) then: Then,
    pub(super) at: Timestamp,
}

impl Change for RecordResult {
    type Output = Continued;

    async fn run(&self, tx: &Tx) -> StoreResult<Continued> {
        if !still_stands_for(tx, &self.visit).await? {
            // What was under way with the phone was cancelled with that decision.
            return Ok(Continued { changed: false, notified: false, touched: Vec::new(), piece: None });
        }
        let mut dossier = Dossier::new(self.visit.client);
        let moves = self.may_move(tx, &mut dossier).await?;
        let job =
            outcome::record(&self.app, tx, &self.visit, &mut dossier, self.attempt, &self.result, self.at)
                .await?;
        let mut continued =
            Continued { changed: false, notified: false, touched: job.into_iter().collect(), piece: None };
        if moves {
            // Another server is another group, perhaps, and that may want other values at once.
            dossier.forget_client();
            let (app, visit) = (&self.app, &self.visit);
            continued.touched.extend(converge::look(app, tx, visit, &mut dossier, &[], self.at).await?);
        }
        match self.then {
            Then::TakeWork => {
                let taken = work::take(&self.app, tx, &self.visit, &mut dossier, self.at).await?;
                continued.touched.extend(taken.touched);
                continued.piece = taken.piece;
            }
            Then::Leave => {
                work::wait_for_call(&self.app, tx, &self.visit, &mut dossier, &self.result, self.at).await?;
            }
        }
        Ok(continued)
    }

    fn unheard(&self, continued: Continued) {
        hand_back(&self.app, self.visit.clone(), continued.piece);
    }
}

impl RecordResult {
    /// Whether what was written now is something that groups look at (D-21).
    async fn may_move(&self, tx: &Tx, dossier: &mut Dossier) -> StoreResult<bool> {
        if !matches!(self.result, JobResult::Written(_)) {
            return Ok(false);
        }
        let targets = dossier.targets(tx).await?;
        let Some(target) = targets.iter().find(|target| target.id == self.attempt.target) else {
            return Ok(false);
        };
        let rows = diffs::read(tx, target.diff).await?;
        Ok(rows.iter().any(|row| row.item.name == outcome::SERVER_ADDRESS && row.item.index.is_none()))
    }
}
