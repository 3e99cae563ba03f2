//! What time does to jobs: scheduled targets become due, old ones expire, lost ones come back, jobs get their
//! state from their targets. Runs once a second and whenever something happened; every pass finds its work in
//! the database, so that nothing depends on having been told.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::job::{Happening, JobCause, JobState, TargetState};
use domain::setting::SettingKey;
use domain::{JobId, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::{BATCH, cancel_rest, is_called_for, outcome, unless_deadlock};
use crate::App;
use crate::app::deployments::{overdue, pump, result};
use crate::app::{clients, deployments};
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::store::job_targets::{self, JobTarget};
use crate::store::{StoreResult, calls, clients as client_rows, job_list, jobs, notifications};

/// Time between two passes when nobody wakes the pulse.
const TICK: Duration = Duration::from_secs(1);

/// Shortest time between two passes.
const PAUSE: Duration = Duration::from_millis(50);

/// Jobs whose states are worked out at once.
const JOBS_AT_ONCE: usize = 500;

/// Passes between two looks at all unfinished jobs.
const SCAN: u64 = 30;

/// Passes between two looks for what other runs left under way.
const ORPHANS: u64 = 5;

/// Runs until the node stops.
pub async fn run(app: App) {
    if let Err(error) = recover(&app).await {
        tracing::error!(error = causes(&error), "what an earlier run left under way could not be taken up");
    }
    let mut round: u64 = 0;
    while !app.stop.is_cancelled() {
        let orphans = round.is_multiple_of(ORPHANS);
        let begun = tokio::time::Instant::now();
        if let Err(error) = beat(&app, round.is_multiple_of(SCAN), orphans).await {
            tracing::error!(error = causes(&error), "the states of jobs could not be brought up to date");
        }
        round = round.wrapping_add(1);
        // Under load something happens all the time, and a look at a large job is not free.
        let rest = PAUSE.max(begun.elapsed() * 9);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = app.stop.cancelled() => {}
        }
        let woken = tokio::time::timeout(TICK, app.signals.jobs.notified());
        tokio::select! {
            _ = woken => {}
            () = app.stop.cancelled() => {}
        }
    }
}

/// One pass.
///
/// # Errors
/// When the database refuses; the next pass tries again.
pub async fn beat(app: &App, all: bool, orphans: bool) -> StoreResult<()> {
    let at = app.clock.now();
    unless_deadlock(overdue::extend(app, at).await)?;
    for passage in [Passage::Due, Passage::Expired, Passage::Overdue] {
        pass(app, passage, at).await?;
    }
    if orphans {
        let idle = SignedDuration::from_secs(app.settings.integer(SettingKey::SessionIdleTimeout));
        put_back(app, at.saturating_sub(idle).unwrap_or(at), at).await?;
    }
    delete_clients(app, at).await?;
    let mut touched = app.signals.take_touched();
    if all {
        touched.extend(jobs::unfinished(&app.store, 10_000).await?);
    }
    let touched: Vec<_> = touched.into_iter().collect();
    if !unless_deadlock(tally(app, &touched, at).await)? {
        // Some of them may have been done; it does no harm to look again.
        touched.into_iter().for_each(|job| app.signals.job_touched(job));
    }
    // Behind it: a job that has come to its limit lets nobody in any more.
    pump::run(app, at).await
}

/// What an earlier run of this node sent and nobody answers for any more.
async fn recover(app: &App) -> StoreResult<()> {
    let at = app.clock.now();
    // On PostgreSQL other nodes may be at work; theirs are left until their sessions must be over.
    let idle = SignedDuration::from_secs(app.settings.integer(SettingKey::SessionIdleTimeout));
    let before =
        if app.store.backend_name() == "sqlite" { at } else { at.saturating_sub(idle).unwrap_or(at) };
    put_back(app, before, at).await
}

async fn put_back(app: &App, before: Timestamp, at: Timestamp) -> StoreResult<()> {
    let mut after = TargetId(0);
    loop {
        let targets = job_targets::orphaned(&app.store, before, after, BATCH).await?;
        let Some(last) = targets.last() else { return Ok(()) };
        after = last.id;
        let mut left = Vec::new();
        for target in targets {
            if !target.kind.is_fenced() && !is_under_way(app, &target).await? {
                left.push(target);
            }
        }
        all_or_each(app, Step::PutBack, &left, at).await?;
    }
}

async fn put_back_these(app: &App, targets: &[JobTarget], at: Timestamp) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    for mut target in targets.iter().cloned() {
        let from = target.machine();
        outcome::doubt(app, &tx, &target, at).await?;
        if target.apply(Happening::Unanswered, Some("no-answer"), Json::Null, at).is_ok()
            && job_targets::write(&tx, &target, from).await?
        {
            app.signals.job_touched(target.job);
            if let Some(client) = target.client.filter(|_| target.state == TargetState::Waiting) {
                calls::want(&tx, client, at).await?;
            }
        }
    }
    tx.commit().await
}

/// Whether this run sent it, in a session that is not over. Without one, its result could not be recorded.
async fn is_under_way(app: &App, target: &JobTarget) -> StoreResult<bool> {
    if target.owner.as_deref() != Some(&*app.node) {
        return Ok(false);
    }
    let Some(client) = target.client else { return Ok(false) };
    let device = client_rows::by_id(&app.store, client).await?.and_then(|client| client.device_id);
    Ok(device.is_some_and(|device| app.phones.has_session(&device)))
}

/// What time does to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// The planned time of a scheduled target has come.
    Due,
    /// It has waited for its phone for too long.
    Expired,
    /// The phone has not answered in time.
    Overdue,
}

impl Passage {
    /// Looked for on the reading side: a pass that finds nothing must not take the one writing connection.
    async fn targets(self, app: &App, at: Timestamp) -> StoreResult<Vec<JobTarget>> {
        match self {
            Self::Due => job_targets::due(&app.store, at, BATCH).await,
            Self::Expired => job_targets::expired(&app.store, at, BATCH).await,
            Self::Overdue => job_targets::overdue(&app.store, at, BATCH).await,
        }
    }

    fn happening(self) -> (Happening, Option<&'static str>) {
        match self {
            Self::Due => (Happening::Due, None),
            Self::Expired => (Happening::TimeIsUp, Some("lifetime")),
            Self::Overdue => (Happening::TimeIsUp, Some("running-time-out")),
        }
    }

    /// Why, when something was deployed: the phone never said what became of it.
    fn reason(self, target: &JobTarget) -> Option<&'static str> {
        match self.happening().1 {
            Some("running-time-out") if target.kind.deploys() => Some(result::NO_STATUS),
            reason => reason,
        }
    }
}

/// What the pulse does to targets in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Time passes.
    Pass(Passage),
    /// Nobody answers for them any more.
    PutBack,
    /// Their clients are deleted.
    DeleteClients,
}

impl Step {
    async fn take(self, app: &App, targets: &[JobTarget], at: Timestamp) -> StoreResult<()> {
        match self {
            Self::Pass(passage) => pass_these(app, passage, targets, at).await,
            Self::PutBack => put_back_these(app, targets, at).await,
            Self::DeleteClients => delete_clients_of(app, targets, at).await,
        }
    }
}

/// Takes a step with all targets in one transaction. When the database gives that up in favour of another one, because
/// phones report at this moment, each gets one of its own: those that lose again are left to the next pass, and nobody
/// else waits for them. `false` when some were left.
async fn all_or_each(app: &App, step: Step, targets: &[JobTarget], at: Timestamp) -> StoreResult<bool> {
    if targets.is_empty() || unless_deadlock(step.take(app, targets, at).await)? {
        return Ok(true);
    }
    let mut all = true;
    for target in targets {
        all &= unless_deadlock(step.take(app, std::slice::from_ref(target), at).await)?;
    }
    if !all {
        app.signals.jobs.notify_one();
    }
    Ok(all)
}

/// Lets time pass for all targets it concerns, in bounded transactions.
async fn pass(app: &App, passage: Passage, at: Timestamp) -> StoreResult<()> {
    loop {
        let targets = passage.targets(app, at).await?;
        let full = targets.len() as u64 >= BATCH;
        let all = all_or_each(app, Step::Pass(passage), &targets, at).await?;
        if !targets.is_empty() {
            app.signals.calls.notify_one();
        }
        // What was left would be found again at once.
        if !full || !all {
            return Ok(());
        }
    }
}

async fn pass_these(app: &App, passage: Passage, targets: &[JobTarget], at: Timestamp) -> StoreResult<()> {
    let (happening, _) = passage.happening();
    let tx = app.store.begin().await?;
    for mut target in targets.iter().cloned() {
        let before = target.machine();
        if passage == Passage::Overdue {
            outcome::doubt(app, &tx, &target, at).await?;
        }
        if target.apply(happening, passage.reason(&target), Json::Null, at).is_ok()
            && job_targets::write(&tx, &target, before).await?
        {
            app.signals.job_touched(target.job);
            if target.kind.deploys() && target.state.is_terminal() {
                result::over(&tx, &target, at).await?;
            }
            let calls_for = target.client.filter(|_| passage == Passage::Due && is_called_for(target.kind));
            if let Some(client) = calls_for {
                calls::want(&tx, client, at).await?;
            }
        }
    }
    tx.commit().await
}

/// Clients whose deletion is due. The phone is not asked (OSEM §4.5.9).
async fn delete_clients(app: &App, at: Timestamp) -> StoreResult<()> {
    loop {
        let targets = job_targets::without_phone(&app.store, at, BATCH).await?;
        if targets.is_empty() || !all_or_each(app, Step::DeleteClients, &targets, at).await? {
            return Ok(());
        }
    }
}

async fn delete_clients_of(app: &App, targets: &[JobTarget], at: Timestamp) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    let mut gone = Vec::new();
    for mut target in targets.iter().cloned() {
        let before = target.machine();
        // The list was read before this transaction: a target cancelled since stays as it is, and so does its client.
        if target.apply(Happening::Ended(TargetState::Success), None, Json::Null, at).is_err()
            || !job_targets::write(&tx, &target, before).await?
        {
            continue;
        }
        if let Some(client) = target.client {
            gone.extend(clients::delete_by_job(app, &tx, client, &target).await?);
        }
        app.signals.job_touched(target.job);
    }
    tx.commit().await?;
    app.store.clients_changed();
    for client in gone {
        app.events.publish(Resource::Clients, Change::Deleted, client);
    }
    Ok(())
}

/// Works out the states of jobs from their targets, and tells when they changed. Jobs are taken together: at
/// a phone's start-up the engine makes one for this phone alone, and thousands of phones start up at once.
async fn tally(app: &App, ids: &[JobId], at: Timestamp) -> StoreResult<()> {
    for ids in ids.chunks(JOBS_AT_ONCE) {
        let mut counts = job_targets::counts_of(&app.store, ids).await?;
        let mut changed: BTreeMap<JobState, Vec<JobId>> = BTreeMap::new();
        let (mut finished, mut kept) = (Vec::new(), Vec::new());
        for job in jobs::by_ids(&app.store, ids).await? {
            let open =
                counts.get(&job.id).map_or(0, |counts| counts.waiting + counts.scheduled + counts.active);
            let so_far = counts.get(&job.id).copied().unwrap_or_default();
            let mut job = job;
            if deployments::stop_at_limit(app, &job, &so_far, at).await? {
                job = jobs::by_id(&app.store, job.id).await?.unwrap_or(job);
            }
            if job.stopping && open > 0 {
                // A cancellation that did not get to its end, or one that has just begun.
                cancel_rest(app, &job, at).await?;
                counts.insert(job.id, job_targets::counts(&app.store, job.id).await?);
            }
            let counts = counts.get(&job.id).copied().unwrap_or_default();
            let state = counts.job_state(job.stopping);
            if state.is_terminal() && counts.total() >= job_list::KEPT_FROM {
                kept.push((job.id, counts));
            }
            if state == job.state {
                continue;
            }
            if state.is_terminal() && job.cause == JobCause::User {
                finished.push((job, state, counts));
            } else {
                changed.entry(state).or_default().push(job.id);
            }
        }
        if !changed.is_empty() || !finished.is_empty() || !kept.is_empty() {
            let tx = app.store.begin().await?;
            for (state, ids) in &changed {
                jobs::set_state(&tx, ids, *state, at).await?;
            }
            for (job, state, counts) in &finished {
                // Another node may have been faster; the notification is written once.
                if jobs::set_state(&tx, &[job.id], *state, at).await? > 0 {
                    let args = json!({"job": job.id, "kind": job.kind, "state": state, "counts": counts});
                    notifications::insert(&tx, at, "job-finished", &args, None).await?;
                }
            }
            job_list::keep_counts(&tx, &kept).await?;
            tx.commit().await?;
            if !finished.is_empty() {
                app.events.publish(Resource::Notifications, Change::Created, "");
            }
        }
        for id in ids {
            app.events.publish(Resource::Jobs, Change::Updated, *id);
        }
    }
    Ok(())
}
