//! Letting a phone fetch or delete files, or fetch and start firmware (`wpi.md` §4.6). What it is offered is the matter
//! of `app::deployments`.

use jiff::Timestamp;

use super::{Order, Prepared};
use crate::App;
use crate::app::deployments::offer::{self, Next};
use crate::app::jobs::dossier::Dossier;
use crate::app::jobs::work::Visit;
use crate::store::job_targets::JobTarget;
use crate::store::{StoreResult, Tx};

/// What is offered to the phone now.
pub(super) async fn order(
    app: &App,
    tx: &Tx,
    target: &JobTarget,
    visit: &Visit,
    dossier: &mut Dossier,
    at: Timestamp,
) -> StoreResult<Prepared> {
    // Boxed, as all that few contacts need: the future of a contact stays small and shallow.
    Ok(match Box::pin(offer::next(app, tx, target, visit, dossier, at)).await? {
        Next::Order { software, items, secrets } => {
            let order = if software { Order::DeploySoftware(items) } else { Order::DeployFile(items) };
            Prepared::Send { order, diff: None, results: Vec::new(), secrets }
        }
        Next::End(end) => {
            Prepared::End { state: end.state, reason: end.reason, args: end.args, results: end.results }
        }
        Next::Wait { until, reason } => Prepared::Wait { until, reason },
    })
}
