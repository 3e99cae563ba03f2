//! One transaction for a reply: what was read or written is recorded, and the next work is taken.

use domain::JobId;
use domain::client::ClientState;
use domain::contact::DeviceReport;
use jiff::Timestamp;

use super::{Then, describe, phone, write_audit};
use crate::App;
use crate::app::jobs::converge;
use crate::app::jobs::dossier::Dossier;
use crate::app::jobs::outcome::{self, Result as JobResult};
use crate::app::jobs::work::{self, Attempt, Piece, Visit};
use crate::store::group::Change;
use crate::store::items::{self, Difference, NewItem, Scope};
use crate::store::{StoreResult, Tx, clients};

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
    pub(super) touched: Vec<JobId>,
    pub(super) piece: Option<Piece>,
}

impl Change for RecordFullRead {
    type Output = Continued;

    async fn run(&self, tx: &Tx) -> StoreResult<Continued> {
        let client = self.visit.client;
        let mut continued = Continued { changed: false, touched: Vec::new(), piece: None };
        let mut dossier = Dossier::new(client);
        let Some(standing) = dossier.standing(tx).await? else {
            // Deleted while the phone was answering: there is nothing to record on.
            return Ok(continued);
        };
        let (state, read_before) = (standing.client.state, standing.client.full_read_at.is_some());
        let unchanged = standing.items_digest.as_deref() == Some(self.digest.as_slice());
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
            let result = JobResult::Read;
            let job =
                outcome::record(&self.app, tx, &self.visit, &mut dossier, attempt, &result, self.at).await?;
            continued.touched.extend(job);
        }
        if state == ClientState::Quarantined {
            return Ok(continued);
        }
        let known: &[Difference] = if read_before { &differences } else { &[] };
        continued
            .touched
            .extend(converge::look(&self.app, tx, &self.visit, &mut dossier, known, self.at).await?);
        let taken = work::take(&self.app, tx, &self.visit, &mut dossier, self.at).await?;
        continued.touched.extend(taken.touched);
        continued.piece = taken.piece;
        Ok(continued)
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
        let mut dossier = Dossier::new(self.visit.client);
        let job =
            outcome::record(&self.app, tx, &self.visit, &mut dossier, self.attempt, &self.result, self.at)
                .await?;
        let mut continued = Continued { changed: false, touched: job.into_iter().collect(), piece: None };
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
}
