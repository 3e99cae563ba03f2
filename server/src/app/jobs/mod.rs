//! The job engine: making jobs and ending them. What phones make of them is in [`work`] and [`outcome`], what
//! the engine orders on its own in [`converge`], and what time does to them in [`pulse`] (D-22, D-26).
//!
//! A job and its targets are stored in the transaction of their cause, so that neither exists without the
//! other. Which state follows on which is decided by `domain::job` alone.

mod about;
pub mod converge;
pub mod dossier;
mod kinds;
pub mod outcome;
pub mod pulse;
pub mod work;

use api::Code;
use domain::job::{Happening, JobCause, JobKind, TargetState};
use domain::setting::SettingKey;
use domain::{ClientId, JobId, PlanId, Role, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::caller::Caller;
use super::deployments;
use super::error::{AppError, AppResult};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::{Actor, NewRecord};
pub use crate::store::job_targets::NewTargets;
use crate::store::job_targets::{JobTarget, NewTarget};
use crate::store::jobs::Job;
use crate::store::{StoreError, StoreResult, Tx, audit, calls, job_targets, jobs, refusals, tasks};

/// Targets changed in one transaction by a cancellation, a retry or the pulse.
pub(crate) const BATCH: u64 = 1_000;

/// How often a transaction is run again when the database ended it in favour of another one.
const TRIES: u32 = 3;

/// A job to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// What made it.
    pub cause: JobCause,
    /// Who made it.
    pub initiator: Actor,
    /// Options of its kind; `null` when it has none.
    pub options: Json,
    /// The plan it comes from.
    pub plan: Option<PlanId>,
    /// When it is to start; `None`, or a time that has passed: at once.
    pub planned_at: Option<Timestamp>,
    /// Whom it is for.
    pub targets: NewTargets,
}

/// A job that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: JobId,
    /// Number of its targets.
    pub targets: u64,
}

/// How long a target may wait for its phone.
pub fn lifetime(app: &App) -> SignedDuration {
    SignedDuration::from_hours(24 * app.settings.integer(SettingKey::JobLifetime))
}

/// Stores a job with its targets in the transaction of its cause; [`announce`] it after the commit.
///
/// # Errors
/// When the database refuses.
pub async fn create(app: &App, tx: &Tx, job: NewJob) -> StoreResult<Created> {
    let at = app.clock.now();
    let planned_at = job.planned_at.filter(|planned| *planned > at);
    let due_at = planned_at.unwrap_or(at);
    let expires_at = due_at.saturating_add(lifetime(app)).unwrap_or(Timestamp::MAX);
    let new = jobs::NewJob {
        kind: job.kind,
        cause: job.cause,
        initiator: &job.initiator,
        options: &job.options,
        plan: job.plan,
        planned_at,
        expires_at,
        at,
    };
    let id = jobs::insert(tx, &new).await?;
    let state = if planned_at.is_some() { TargetState::Scheduled } else { TargetState::Waiting };
    let target = NewTarget { job: id, kind: job.kind, state, due_at, expires_at };
    let targets = job_targets::insert(tx, &target, &job.targets).await?;
    if state == TargetState::Waiting && is_called_for(job.kind) {
        calls::want_job(tx, id, at).await?;
    }
    Ok(Created { id, targets })
}

/// `false` when the database gave a transaction up in favour of another one: what was to be done is found again by the
/// next pass of whoever comes by regularly, and nobody else waits for it.
///
/// # Errors
/// All others.
pub(crate) fn unless_deadlock(done: StoreResult<()>) -> StoreResult<bool> {
    match done {
        Err(StoreError::Deadlock { .. }) => Ok(false),
        done => done.map(|()| true),
    }
}

/// Whether all phones of a job are called as soon as it is due. Deployments have their pump, which calls a few.
pub(crate) fn is_called_for(kind: JobKind) -> bool {
    kind.needs_phone() && !kind.deploys()
}

/// Tells everybody who waits that a job was made or changed; after the commit.
pub fn announce(app: &App, job: JobId) {
    app.signals.job_touched(job);
    app.signals.calls.notify_one();
    app.events.publish(Resource::Jobs, Change::Updated, job);
}

async fn find(tx: &Tx, id: JobId) -> AppResult<Job> {
    jobs::by_id(tx, id).await?.ok_or_else(AppError::not_found)
}

/// Ends a job: what was not sent yet is cancelled, what was sent ends by its answer. Ending it twice is no
/// error.
///
/// # Errors
/// `not_found`, `job_finished`.
pub async fn cancel(app: &App, caller: &Caller, id: JobId) -> AppResult<()> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let job = find(&tx, id).await?;
    if job.state.is_terminal() {
        return Err(AppError::new(Code::JobFinished, "The job has come to its end."));
    }
    jobs::set_stopping(&tx, id, true, None).await?;
    write_audit(app, &tx, caller, "job.cancel", id, json!({"kind": job.kind})).await?;
    tx.commit().await?;
    cancel_rest(app, &job, at).await?;
    announce(app, id);
    Ok(())
}

/// Cancels all targets of a job that is being ended.
async fn cancel_rest(app: &App, job: &Job, at: Timestamp) -> StoreResult<()> {
    let open = [TargetState::Waiting, TargetState::Scheduled, TargetState::Active, TargetState::Sent];
    let limit = deployments::offer::options_of(job).filter(|_| job.kind.deploys()).and_then(|o| o.stopped);
    let reason = limit.map_or("cancelled", |limit| limit.as_str());
    change_all(app, job.id, &open, Happening::Cancel, Some(reason), at).await.map(|_| ())
}

/// Tries the targets again that did not succeed, as new attempts of the same job.
///
/// # Errors
/// `not_found`, `nothing_to_retry`; of what is dangerous also `too_many_targets`, `step_up_required`, and
/// `confirmation_required` with the number.
pub async fn retry(app: &App, caller: &Caller, id: JobId, confirm: Option<u64>) -> AppResult<()> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let job = find(&tx, id).await?;
    let counts = job_targets::counts(&tx, id).await?;
    if counts.failed + counts.timeout + counts.partial + counts.cancelled == 0 {
        return Err(AppError::new(Code::NothingToRetry, "Every target has succeeded or is still under way."));
    }
    if job.kind.interrupts() || !job.kind.needs_phone() {
        let number = counts.failed + counts.timeout + counts.partial + counts.cancelled;
        check_number(app, caller, number)?;
        check_confirmed(app, caller, number, confirm).await?;
    }
    write_audit(app, &tx, caller, "job.retry", id, json!({"kind": job.kind})).await?;
    let expires_at = at.saturating_add(lifetime(app)).unwrap_or(Timestamp::MAX);
    jobs::set_stopping(&tx, id, false, Some(expires_at)).await?;
    deployments::begin_retry(&tx, id, at).await?;
    tx.commit().await?;
    let ended = [TargetState::Failed, TargetState::Timeout, TargetState::Partial, TargetState::Cancelled];
    change_all(app, id, &ended, Happening::Retry, None, at).await?;
    // Files it needs are needed again from now on, and not only after the next pass.
    let tx = app.store.begin().await?;
    let state = job_targets::counts(&tx, id).await?.job_state(false);
    jobs::set_state(&tx, &[id], state, at).await?;
    deployments::end_retry(&tx, &find(&tx, id).await?).await?;
    tx.commit().await?;
    if job.kind.deploys() {
        app.file_server.ask_again();
    }
    announce(app, id);
    Ok(())
}

/// What one stolen token or one slip can do to a fleet is bounded: beyond a number only an administrator may.
///
/// # Errors
/// `too_many_targets`.
pub fn check_number(app: &App, caller: &Caller, number: u64) -> AppResult<()> {
    let most = app.settings.integer(SettingKey::JobsMostDangerousTargets).unsigned_abs();
    if number > most && !caller.roles.contains(Role::Admin) {
        let text = "Only an administrator may do this to so many clients at once.";
        return Err(AppError::new(Code::TooManyTargets, text).arg("targets", number).arg("most", most));
    }
    Ok(())
}

/// Beyond another number the caller must name it, and a browser must have confirmed not long ago who uses it.
///
/// # Errors
/// `step_up_required`; `confirmation_required` with the number.
pub(super) async fn check_confirmed(
    app: &App,
    caller: &Caller,
    number: u64,
    confirm: Option<u64>,
) -> AppResult<()> {
    if number <= app.settings.integer(SettingKey::JobsConfirmBeyond).unsigned_abs() {
        return Ok(());
    }
    caller.require_confirmed(app).await?;
    if confirm != Some(number) {
        let text = "Confirm this by naming the number of clients in confirm.";
        return Err(AppError::new(Code::ConfirmationRequired, text).arg("targets", number));
    }
    Ok(())
}

/// Deletes a job that has come to its end, with its targets: these in bounded pieces, because everybody else waits
/// for the write lock. What a power failure leaves of it can be deleted again.
///
/// # Errors
/// `not_found`, `job_not_finished`.
pub async fn delete(app: &App, caller: &Caller, id: JobId) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let job = find_finished(&tx, id).await?;
    write_audit(app, &tx, caller, "job.delete", id, json!({"kind": job.kind, "state": job.state})).await?;
    tx.commit().await?;
    loop {
        let tx = app.store.begin().await?;
        // Somebody may try it again meanwhile.
        find_finished(&tx, id).await?;
        if tasks::purge_job_targets(&tx, &[id], BATCH).await? < BATCH {
            jobs::delete(&tx, id).await?;
            tx.commit().await?;
            break;
        }
        tx.commit().await?;
    }
    app.events.publish(Resource::Jobs, Change::Deleted, id);
    Ok(())
}

async fn find_finished(tx: &Tx, id: JobId) -> AppResult<Job> {
    let job = find(tx, id).await?;
    if job_targets::counts(tx, id).await?.open() > 0 {
        return Err(AppError::new(Code::JobNotFinished, "Cancel the job first; it has not come to its end."));
    }
    Ok(job)
}

/// Cancels what waits for a client that is about to be deleted, or whose phone is no longer there, in the same
/// transaction and for this reason; but not the target that deletes it.
///
/// # Errors
/// When the database refuses.
pub async fn cancel_targets_of_client(
    app: &App,
    tx: &Tx,
    client: ClientId,
    reason: &'static str,
    except: Option<TargetId>,
) -> StoreResult<Vec<JobId>> {
    let at = app.clock.now();
    let mut touched = Vec::new();
    let open = job_targets::unfinished_of_client(tx, client).await?;
    for mut target in open.into_iter().filter(|target| Some(target.id) != except) {
        let before = target.machine();
        // What is under way with the phone has nobody left to answer for.
        let happening = if target.state == TargetState::Sent {
            Happening::Ended(TargetState::Cancelled)
        } else {
            Happening::Cancel
        };
        let done = target.apply(happening, Some(reason), Json::Null, at).is_ok();
        if done && job_targets::write(tx, &target, before).await? {
            if target.kind.deploys() && before.state == TargetState::Sent {
                // What becomes of the offer nobody will hear.
                deployments::result::over(tx, &target, at).await?;
            }
            touched.push(target.job);
        }
    }
    Ok(touched)
}

/// Lets the same happen to all targets of a job in some states, in bounded transactions; gives their number.
async fn change_all(
    app: &App,
    job: JobId,
    states: &[TargetState],
    happening: Happening,
    reason: Option<&str>,
    at: Timestamp,
) -> StoreResult<u64> {
    let mut after = TargetId(0);
    let (mut number, mut lost) = (0, 0);
    loop {
        match change_some(app, job, states, after, happening, reason, at).await {
            Ok(None) => return Ok(number),
            Ok(Some((last, changed))) => (after, number, lost) = (last, number + changed, 0),
            // Reports of phones lock the same targets in the order they come.
            Err(StoreError::Deadlock { .. }) if lost < TRIES => lost += 1,
            Err(error) => return Err(error),
        }
    }
}

/// One transaction of [`change_all`]: the last target it looked at, and how many changed.
async fn change_some(
    app: &App,
    job: JobId,
    states: &[TargetState],
    after: TargetId,
    happening: Happening,
    reason: Option<&str>,
    at: Timestamp,
) -> StoreResult<Option<(TargetId, u64)>> {
    let tx = app.store.begin().await?;
    if happening == Happening::Cancel && !jobs::by_id(&tx, job).await?.is_some_and(|job| job.stopping) {
        // Somebody tries it again meanwhile.
        return Ok(None);
    }
    let targets = job_targets::of_job(&tx, job, states, after, BATCH).await?;
    let Some(last) = targets.last().map(|target| target.id) else { return Ok(None) };
    let kind = targets.first().map(|target| target.kind);
    let mut number = 0;
    for target in targets {
        number += u64::from(change(app, &tx, target, happening, reason, at).await?);
    }
    if happening == Happening::Retry && kind.is_some_and(is_called_for) {
        calls::want_job(&tx, job, at).await?;
    }
    tx.commit().await?;
    Ok(Some((last, number)))
}

async fn change(
    app: &App,
    tx: &Tx,
    mut target: JobTarget,
    happening: Happening,
    reason: Option<&str>,
    at: Timestamp,
) -> StoreResult<bool> {
    let before = target.machine();
    if happening == Happening::Retry {
        // When its client was deleted, nobody is left to come.
        let Some(client) = target.client else { return Ok(false) };
        forget_refusals(app, tx, client, &target).await?;
    }
    if target.apply(happening, reason, Json::Null, at).is_err() {
        return Ok(false);
    }
    if happening == Happening::Retry {
        target.due_at = at;
        target.expires_at = at.saturating_add(lifetime(app)).unwrap_or(Timestamp::MAX);
    }
    let written = job_targets::write(tx, &target, before).await?;
    if written && happening == Happening::Retry && target.kind.deploys() {
        deployments::result::begin_anew(tx, &target).await?;
    }
    Ok(written)
}

/// Who asks for another try wants what was refused tried again.
async fn forget_refusals(app: &App, tx: &Tx, client: ClientId, target: &JobTarget) -> StoreResult<()> {
    let refused = target
        .results
        .iter()
        .filter(|result| !matches!(result.code.as_str(), "already-so" | "superseded" | "withheld"));
    let items: Vec<(i64, Option<u16>)> = refused
        .filter_map(|result| Some((app.store.item_number(&result.item.name)?, result.item.index)))
        .collect();
    refusals::forget(tx, client, Some(&items)).await
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: JobId,
    details: Json,
) -> StoreResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "job", object_id, details })
        .await
        .map(|_| ())
}
