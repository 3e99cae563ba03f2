//! Which phones are called for their deployment, and when: as many as there are free places, the oldest first. Never
//! the whole job: firmware is large, and a fleet that restarts at once cannot telephone.

use domain::JobId;
use domain::job::JobKind;
use jiff::{SignedDuration, Timestamp};

use super::{places, result};
use crate::App;
use crate::app::jobs::unless_deadlock;
use crate::store::deployments::{self as rows, Callable};
use crate::store::{StoreResult, calls};

/// How long a place is kept for a phone that was called. One that does not come blocks nobody for longer, and one that
/// came and has not taken its order by then is called again.
pub(super) const KEPT: SignedDuration = SignedDuration::from_mins(1);

/// Most phones of a job that may be called at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As many as there are places.
    Everybody,
}

/// What a job lets happen now. Whoever divides jobs into waves says so here: it is asked before a phone is called, and
/// again before one that is there gets its order, because phones also come by themselves.
pub fn admission(_job: JobId) -> Admission {
    Admission::Everybody
}

/// One pass: those who are silent are looked for, and free places are given away.
///
/// # Errors
/// When the database refuses; the next pass tries again.
pub async fn run(app: &App, at: Timestamp) -> StoreResult<()> {
    let open = rows::open(&app.store).await?;
    if open.sent {
        // Somebody else changes the same clients at this moment: the next pass finds them again.
        unless_deadlock(result::look_for_silent(app, at).await)?;
    }
    if !open.waiting {
        return Ok(());
    }
    for kind in [JobKind::DeployFiles, JobKind::DeploySoftware] {
        dispatch(app, kind, at).await?;
    }
    Ok(())
}

async fn dispatch(app: &App, kind: JobKind, at: Timestamp) -> StoreResult<()> {
    let kept = at.saturating_sub(KEPT).unwrap_or(at);
    let taken = rows::under_way(&app.store, kind).await? + rows::expected(&app.store, kind, kept).await?;
    let free = places(app, kind).saturating_sub(taken);
    if free == 0 {
        return Ok(());
    }
    let mut next = rows::to_dispatch(&app.store, kind, at, kept, free).await?;
    // Asked after the oldest were chosen. Once a job can hold its phones back, their places have to go to other jobs: then
    // the statement must leave such jobs out, or be asked for more.
    next.retain(|found| match admission(found.job) {
        Admission::Everybody => true,
    });
    if next.is_empty() {
        return Ok(());
    }
    // In the order of the clients, as everybody who changes several; and the call before the deployment, as contacts do.
    next.sort_unstable_by_key(|found| (found.client, found.target));
    unless_deadlock(call(app, &next, at, kept).await).map(|_| ())
}

async fn call(app: &App, next: &[Callable], at: Timestamp, kept: Timestamp) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    for found in next {
        calls::want(&tx, found.client, at).await?;
        // Another node may have been faster; then two want the same call, and it is made once.
        rows::dispatch(&tx, found.target, at, kept).await?;
    }
    tx.commit().await?;
    app.signals.calls.notify_one();
    Ok(())
}
