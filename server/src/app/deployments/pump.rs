//! Which phones are called for their deployment, and when: as many as there are free places, the oldest first. Never
//! the whole job: firmware is large, and a fleet that restarts at once cannot telephone.

use std::collections::BTreeSet;

use domain::deployment::FileAction;
use domain::file::FileState;
use domain::job::JobKind;
use domain::setting::SettingKey;
use domain::{FileId, JobId};
use jiff::{SignedDuration, Timestamp};

use super::offer::{FILE_MISSING, LOOK_AGAIN, options_of};
use super::{patience, places, result};
use crate::App;
use crate::app::jobs::unless_deadlock;
use crate::events::{Change, Resource};
use crate::fileserver::{Entities, Ways, outlook};
use crate::store::deployments::{self as rows, Callable};
use crate::store::{StoreResult, calls, files, jobs};

/// Targets that are postponed in one transaction.
const BATCH: u64 = 500;

/// How often others are looked for in a pass, when jobs have to wait.
const ROUNDS: usize = 10;

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
    let taken = rows::under_way(&app.store, kind, at).await? + rows::expected(&app.store, kind, kept).await?;
    let free = places(app, kind).saturating_sub(taken);
    if free == 0 {
        return Ok(());
    }
    let mut next = rows::to_dispatch(&app.store, kind, at, kept, free).await?;
    for _ in 0..ROUNDS {
        if !hold_back(app, &next, at, kept).await? {
            break;
        }
        next = rows::to_dispatch(&app.store, kind, at, kept, free).await?;
    }
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

/// Lets jobs wait of which no phone would get anything now, for reasons that lie with us: nobody is called in vain, and
/// others have the places. `true` when there were any.
async fn hold_back(app: &App, next: &[Callable], at: Timestamp, kept: Timestamp) -> StoreResult<bool> {
    let mut jobs: BTreeSet<JobId> = next.iter().map(|found| found.job).collect();
    if jobs.is_empty() {
        return Ok(false);
    }
    if app.settings.bool(SettingKey::FileServerEnabled) && app.home.is_here() {
        // Mostly all files are here.
        let ids: Vec<JobId> = jobs.into_iter().collect();
        jobs = rows::elsewhere(&app.store, &ids).await?.into_iter().collect();
    }
    let until = at.saturating_add(LOOK_AGAIN).unwrap_or(at);
    let mut any = false;
    for job in jobs {
        let Some(reason) = nobody_gets(app, job, at).await? else { continue };
        // When phones report at this moment, the next pass finds the rest.
        any |= unless_deadlock(postpone(app, job, (at, kept), (until, reason)).await)?;
        app.events.publish(Resource::Jobs, Change::Updated, job);
    }
    Ok(any)
}

async fn postpone(
    app: &App,
    job: JobId,
    now: (Timestamp, Timestamp),
    wait: (Timestamp, &'static str),
) -> StoreResult<()> {
    loop {
        let tx = app.store.begin().await?;
        let number = rows::postpone(&tx, job, now, wait, BATCH).await?;
        tx.commit().await?;
        if number < BATCH {
            return Ok(());
        }
    }
}

/// Why no phone of a job would get any of its files now; `None` when one may.
async fn nobody_gets(app: &App, job: JobId, at: Timestamp) -> StoreResult<Option<&'static str>> {
    let job = jobs::by_id(&app.store, job).await?;
    let Some(options) = job.as_ref().and_then(options_of) else { return Ok(None) };
    let ids: Vec<FileId> = options.files.iter().filter_map(|file| file.file).collect();
    let files = files::by_ids(&app.store, &ids).await?;
    let mut ways = Ways::of(app, &app.store, files.iter()).await?;
    let (lifetime, mut why) = (patience(options.kind()), None);
    for deployed in &options.files {
        let file = files.iter().find(|file| Some(file.id) == deployed.file);
        let Some(file) = file.filter(|_| deployed.action == FileAction::Deploy) else { return Ok(None) };
        let reason = match file.state {
            FileState::Missing => FILE_MISSING,
            FileState::Ready => match ways.find(file, &deployed.name, Entities::Read, lifetime, at).await {
                Err(nowhere) => nowhere.code(),
                Ok(_) => match outlook(app, &app.store, file, &deployed.name).await? {
                    Err(reason) => reason,
                    Ok(()) => return Ok(None),
                },
            },
            // It ends when its phone is there.
            FileState::Changed | FileState::Incomplete => return Ok(None),
        };
        why = why.or(Some(reason));
    }
    Ok(why)
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
