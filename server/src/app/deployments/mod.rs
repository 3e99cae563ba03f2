//! Deployments: what phones are offered, what becomes of it, what templates bring on their own (OSEM §4.5.4,
//! `wpi.md` §4.6).
//!
//! A deployment is a job. [`pump`] calls its phones, only as many as there are free places; [`offer`] says what a
//! phone that is there gets; [`result`] takes what it says of it in later sessions. The rules are in
//! `domain::deployment`.

pub mod brake;
pub mod facts;
pub mod fitting;
pub mod ftp;
pub mod meanwhile;
pub mod offer;
pub mod options;
pub mod order;
pub mod overdue;
pub mod pump;
pub mod result;
pub mod rule;
pub mod served;
pub mod unserved;
pub mod view;
pub mod wanted;
pub mod wishes;

use std::collections::BTreeSet;

pub use domain::deployment::patience;
use domain::deployment::{DeploymentOptions, StopReason};
use domain::job::{Counts, JobCause, JobKind};
use domain::setting::SettingKey;
use domain::{FileId, JobId, PlanId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use self::facts::SOFTWARE_VERSION;
use self::offer::SERVER_FAILED;
use super::jobs::{self, Created, NewJob, NewTargets};
use crate::App;
use crate::store::audit::{Actor, NewRecord};
use crate::store::jobs::{self as jobs_table, Job};
use crate::store::{StoreError, StoreResult, Tx, audit, deployments as rows, diffs, job_targets};

/// A job that deploys, to be made.
#[derive(Clone, Debug)]
pub struct NewDeploymentJob {
    /// What made it.
    pub cause: JobCause,
    /// Who made it.
    pub initiator: Actor,
    /// What is deployed, and how; whether it is files or firmware follows from the types of its files.
    pub options: DeploymentOptions,
    /// Whom it is for.
    pub targets: NewTargets,
    /// The plan it comes from.
    pub plan: Option<PlanId>,
    /// When it is to start; `None`, or a time that has passed: at once.
    pub planned_at: Option<Timestamp>,
}

/// Stores a job that deploys with its targets, in the transaction of its cause; `jobs::announce` it after the commit.
/// Nobody is called yet: that is the matter of the pump.
///
/// # Errors
/// When the database refuses.
pub async fn create_job(app: &App, tx: &Tx, new: NewDeploymentJob) -> StoreResult<Created> {
    let attempt = "store a deployment";
    let options = serde_json::to_value(&new.options)
        .map_err(|_| StoreError::Corrupt { attempt, what: "options of a deployment" })?;
    let kind = new.options.kind();
    let files: BTreeSet<FileId> = new.options.files.iter().filter_map(|file| file.file).collect();
    let job = NewJob {
        kind,
        cause: new.cause,
        initiator: new.initiator,
        options,
        plan: new.plan,
        planned_at: new.planned_at,
        targets: new.targets,
    };
    let created = jobs::create(app, tx, job).await?;
    rows::insert(tx, created.id, &files.into_iter().collect::<Vec<_>>()).await?;
    if kind == JobKind::DeploySoftware {
        for diff in rows::diffs_of(tx, created.id).await? {
            let shown = diffs::read(tx, Some(diff)).await?;
            let row = shown.iter().find(|row| row.item.name == SOFTWARE_VERSION);
            if let Some(version) = row.and_then(|row| row.to.as_deref()) {
                rows::set_wanted(tx, created.id, diff, version).await?;
            }
        }
    }
    Ok(created)
}

/// How long a job counts as being tried again that nobody says to be through with it: that try was broken off by a crash.
const RETRYING: SignedDuration = SignedDuration::from_mins(5);

/// A job is about to be tried again: until [`end_retry`] no limit stops it, because what failed still counts while it
/// is put back. The limit of successes goes when it is reached: successes stay.
///
/// # Errors
/// When the database refuses.
pub async fn begin_retry(tx: &Tx, job: JobId, at: Timestamp) -> StoreResult<()> {
    let Some(job) = jobs_table::by_id(tx, job).await?.filter(|job| job.kind.deploys()) else { return Ok(()) };
    let Some(mut options) = offer::options_of(&job) else { return Ok(()) };
    let counts = job_targets::counts(tx, job.id).await?;
    if options.limits.successes.is_some_and(|most| counts.success >= most) {
        options.limits.successes = None;
    }
    options.retried_at = options.limits.errors.map(|_| at);
    set_stopped(tx, &job, options, None).await
}

/// Everything is put back: from now on the limits of the job count again.
///
/// # Errors
/// When the database refuses.
pub async fn end_retry(tx: &Tx, job: &Job) -> StoreResult<()> {
    let options = offer::options_of(job).filter(|options| job.kind.deploys() && options.retried_at.is_some());
    let Some(options) = options else { return Ok(()) };
    set_stopped(tx, job, DeploymentOptions { retried_at: None, ..options }, None).await
}

/// Notes why a job stopped on its own.
async fn set_stopped(
    tx: &Tx,
    job: &Job,
    options: DeploymentOptions,
    stopped: Option<StopReason>,
) -> StoreResult<()> {
    let attempt = "note why a deployment stopped";
    let options = serde_json::to_value(DeploymentOptions { stopped, ..options })
        .map_err(|_| StoreError::Corrupt { attempt, what: "options of a deployment" })?;
    rows::set_options(tx, job.id, &options).await
}

/// Stops a job that has come to a limit of its own: what was not sent yet is cancelled then. `true` when it is so.
///
/// # Errors
/// When the database refuses.
pub async fn stop_at_limit(app: &App, job: &Job, counts: &Counts, at: Timestamp) -> StoreResult<bool> {
    if !job.kind.deploys() || job.stopping || counts.open() == 0 {
        return Ok(false);
    }
    let Some(options) = offer::options_of(job) else { return Ok(false) };
    if options.retried_at.is_some_and(|retried| at.duration_since(retried) < RETRYING) {
        // It is being tried again at this moment.
        return Ok(false);
    }
    // A phone that got only some of its files has failed as well: a file that nobody can take stops the job.
    let failed = counts.failed + counts.timeout + counts.partial;
    let mut reached = options.limits.reached(failed, counts.success);
    if reached == Some(StopReason::ErrorLimit) {
        // Those whose clients were deleted can never be tried again: they would stop every other try. And what this
        // server failed at is no failure of phones.
        let failed = job_targets::failed_with_client(&app.store, job.id, SERVER_FAILED).await?;
        reached = options.limits.reached(failed, counts.success);
    }
    let Some(limit) = reached else {
        if options.retried_at.is_some() {
            // That try was broken off by a crash.
            let tx = app.store.begin().await?;
            end_retry(&tx, job).await?;
            tx.commit().await?;
        }
        return Ok(false);
    };
    let tx = app.store.begin().await?;
    if !jobs_table::begin_stopping(&tx, job.id).await? {
        return Ok(false);
    }
    set_stopped(&tx, job, DeploymentOptions { retried_at: None, ..options }, Some(limit)).await?;
    let details = json!({"kind": job.kind, "reason": limit, "counts": counts});
    let (actor, object_id) = (&Actor::system(), job.id.to_string());
    let record = NewRecord { at, actor, action: "job.stop", object_kind: "job", object_id, details };
    audit::append(&tx, &record).await?;
    tx.commit().await?;
    Ok(true)
}

/// Most phones that may be busy with deployments of a kind at the same time.
fn places(app: &App, kind: JobKind) -> u64 {
    let key = match kind {
        JobKind::DeploySoftware => SettingKey::DeploymentsParallelSoftware,
        _ => SettingKey::DeploymentsParallelFiles,
    };
    app.settings.integer(key).unsigned_abs()
}

/// Takes a place for a phone that is about to get its order; `false` when all are taken. It is given back with the end of
/// the target, or with the transaction.
///
/// # Errors
/// When the database refuses.
pub async fn take_place(app: &App, tx: &Tx, kind: JobKind) -> StoreResult<bool> {
    rows::take_place(tx, kind, places(app, kind), app.clock.now()).await
}
