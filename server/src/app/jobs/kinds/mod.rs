//! What each kind of job orders from a phone, one file a kind. A new kind is a variant of
//! `domain::job::JobKind`, a file here and an arm in [`order`]; see `docs/recipes/job-type.md`.

pub(super) mod deploy;
pub(super) mod factory_reset;
pub(super) mod read;
pub(super) mod restart;
pub(super) mod write;

use domain::DiffId;
use domain::configuration::ItemKey;
use domain::job::{JobKind, TargetState};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::dossier::Dossier;
use super::work::Visit;
use crate::App;
use crate::store::job_targets::{ItemResult, JobTarget};
use crate::store::{StoreResult, Tx};

/// An order for a phone, before it is put into a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Write these records, in this order.
    Write(Vec<WriteRecord>),
    /// Read everything.
    ReadAll,
    /// Let the phone fetch or delete a file.
    DeployFile(Vec<(ItemKey, String)>),
    /// Let the phone fetch and start firmware.
    DeploySoftware(Vec<(ItemKey, String)>),
    /// Restart; with items a factory reset.
    Restart(Vec<(ItemKey, String)>),
}

/// Items that go out in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRecord {
    /// Items with their texts.
    pub items: Vec<(ItemKey, String)>,
    /// In a message of their own.
    pub alone: bool,
}

/// What comes of looking at a target when its phone is there.
#[derive(Clone, Debug)]
pub(super) enum Prepared {
    /// Send this. The results name what was dropped from it.
    Send {
        /// The order.
        order: Order,
        /// What it writes, when that is not the stored diff any more.
        diff: Option<DiffId>,
        /// Items that are not sent, with the reason.
        results: Vec<ItemResult>,
        /// Secrets in it: item and keyed digest.
        secrets: Vec<(ItemKey, Vec<u8>)>,
    },
    /// It ends without being sent.
    End {
        /// How.
        state: TargetState,
        /// Why.
        reason: Option<String>,
        /// Arguments of the reason.
        args: Json,
        /// What became of its items.
        results: Vec<ItemResult>,
    },
    /// Not in this session: the phone has to be called first.
    NotNow,
    /// Not now, and nobody has to be called for it: the pump of deployments does that when there is room.
    Wait {
        /// Not before.
        until: Option<Timestamp>,
        /// Why.
        reason: Option<&'static str>,
    },
}

/// The order of a target, for the phone that is there now.
pub(super) async fn order(
    app: &App,
    tx: &Tx,
    target: &JobTarget,
    visit: &Visit,
    dossier: &mut Dossier,
    at: Timestamp,
) -> StoreResult<Prepared> {
    match target.kind {
        JobKind::WriteConfiguration | JobKind::Converge => {
            write::order(app, tx, target, visit, dossier).await
        }
        JobKind::ReadConfiguration => Ok(read::order()),
        JobKind::DeployFiles | JobKind::DeploySoftware => {
            deploy::order(app, tx, target, visit, dossier, at).await
        }
        JobKind::Restart => Ok(restart::order()),
        JobKind::FactoryReset => factory_reset::order(tx, target, dossier).await,
        // Done by the pulse; a phone has nothing to do with it.
        JobKind::DeleteClient => Ok(Prepared::NotNow),
    }
}

/// An order without anything else to say.
fn send(order: Order) -> Prepared {
    Prepared::Send { order, diff: None, results: Vec::new(), secrets: Vec::new() }
}
