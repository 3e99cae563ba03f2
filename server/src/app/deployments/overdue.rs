//! How long phones are waited for that have an order: longer while they are given bytes, and until then what is not in
//! their inventory may still come.

use domain::deployment::{DeploymentPhase, LAST_LOOK_MINUTES, deadline};
use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::store::deployments::{self as rows, Deployment};
use crate::store::job_targets::JobTarget;
use crate::store::{StoreResult, Tx};

/// Phones looked at in one transaction.
const BATCH: u64 = 500;

/// Who has so little time left gets more, if it is being given bytes: before its address ends.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// Gives phones more time that were given bytes not long ago.
///
/// # Errors
/// When the database refuses.
pub async fn extend(app: &App, at: Timestamp) -> StoreResult<()> {
    let soon = at.saturating_add(AHEAD).unwrap_or(at);
    let mut moving = rows::moving(&app.store, soon, BATCH).await?;
    moving.retain(|one| until(one) > one.deadline_at.max(at));
    if moving.is_empty() {
        return Ok(());
    }
    let tx = app.store.begin().await?;
    for one in &moving {
        rows::extend(&tx, one, until(one)).await?;
    }
    tx.commit().await
}

fn until(one: &rows::Moving) -> Timestamp {
    deadline(one.kind, one.offered_at, Some(one.moved_at))
}

/// Has an inventory that does not show what was ordered looked at once more, shortly before the phone's time is over;
/// `false` when this was the last look.
///
/// # Errors
/// When the database refuses.
pub(super) async fn look_later(
    tx: &Tx,
    deployment: &mut Deployment,
    target: &JobTarget,
    at: Timestamp,
) -> StoreResult<bool> {
    let ahead = SignedDuration::from_mins(LAST_LOOK_MINUTES);
    let last = target.deadline_at.and_then(|deadline| deadline.checked_sub(ahead).ok());
    let Some(last) = last.filter(|last| !deployment.last_look && *last > at) else { return Ok(false) };
    (deployment.phase, deployment.verify_at) = (DeploymentPhase::Offered, Some(last));
    rows::write(tx, deployment).await?;
    Ok(true)
}
