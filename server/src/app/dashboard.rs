//! The figures of the welcome page (OSEM §2.1, §3.3).
//!
//! What is the same for everybody is worked out once and kept: until a client or a job changes, and then for a
//! while in proportion to what it cost, so that a fleet at work does not keep the database busy with counting.
//! Every number says by which filter a list shows what it counts.

mod figures;

use std::sync::Arc;
use std::time::Duration;

use api::dashboard::{Dashboard, PhoneFigures};
use domain::Permission;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::caller::Caller;
use super::error::AppResult;
use super::notifications;
use crate::App;
use crate::store::{accounts, sessions};
use figures::Figures;

/// Figures are not kept longer than this: changes of other nodes are not heard of here.
const KEEP: SignedDuration = SignedDuration::from_secs(5);

/// After a change, figures are kept for this many times the time it took to work them out …
const REST: u32 = 10;

/// … and no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// The figures that are the same for everybody, kept for a moment.
#[derive(Default)]
pub struct Kept {
    // Also the queue: whoever comes while figures are worked out waits for those.
    known: tokio::sync::Mutex<Option<Known>>,
}

struct Known {
    figures: Arc<Figures>,
    version: u64,
    at: Timestamp,
    done: Instant,
    cost: Duration,
}

impl Known {
    fn still_holds(&self, version: u64, now: Timestamp, instant: Instant) -> bool {
        let unchanged = self.version == version && now.duration_since(self.at).abs() < KEEP;
        let resting = instant.duration_since(self.done) < (self.cost * REST).min(LONGEST_REST);
        unchanged || (resting && now.duration_since(self.at).abs() < KEEP)
    }
}

async fn figures(app: &App) -> AppResult<Arc<Figures>> {
    let mut known = app.dashboard.known.lock().await;
    // Read before counting: what changes meanwhile makes the figures old, never new.
    let (version, now) = (app.events.fleet_version(), app.clock.now());
    if let Some(known) = known.as_ref().filter(|known| known.still_holds(version, now, Instant::now())) {
        return Ok(Arc::clone(&known.figures));
    }
    let begun = Instant::now();
    let figures = Arc::new(figures::read(app, now).await?);
    let done = Instant::now();
    let cost = done.duration_since(begun);
    *known = Some(Known { figures: Arc::clone(&figures), version, at: now, done, cost });
    Ok(figures)
}

/// All figures. Those of accounts only for callers who may read accounts; notifications are the caller's own.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read(app: &App, caller: &Caller) -> AppResult<Dashboard> {
    let figures = figures(app).await?;
    let figures = Figures::clone(&figures);
    let (accounts, sessions) = figures_of_accounts(app, caller, app.clock.now()).await?;
    let (notifications, unread_notifications) = notifications::count(app, caller).await?;
    Ok(Dashboard {
        calculated_at: figures.at,
        clients: figures.clients,
        by_state: figures.by_state,
        by_model: figures.by_model,
        by_software: figures.by_software,
        by_last_contact_reason: figures.by_last_contact_reason,
        by_fault: figures.by_fault,
        contacts_by_hour: figures.contacts_by_hour,
        contacts_by_day: figures.contacts_by_day,
        jobs: figures.jobs,
        job_results: figures.job_results,
        attention: figures.attention,
        notifications,
        unread_notifications,
        phones: phones(app),
        accounts,
        sessions,
    })
}

async fn figures_of_accounts(
    app: &App,
    caller: &Caller,
    now: Timestamp,
) -> AppResult<(Option<u64>, Option<u64>)> {
    if !caller.roles.may(Permission::ReadAccounts) {
        return Ok((None, None));
    }
    let filter = accounts::Filter::default();
    let idle_before = super::sessions::idle_before(app, now);
    let (accounts, sessions) = tokio::try_join!(
        accounts::count(&app.store, &filter),
        sessions::count_open(&app.store, now, idle_before),
    )?;
    Ok((Some(accounts), Some(sessions)))
}

fn phones(app: &App) -> PhoneFigures {
    PhoneFigures {
        open_sessions: app.phones.open_sessions() as u64,
        finished_sessions: app.phones.finished_sessions(),
        overloaded: app.phones.overloaded(),
        refused: app.phones.refused().into_iter().map(|(code, count)| (code.to_owned(), count)).collect(),
        handshake_failures: app.handshake_failures.snapshot().len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, KEEP, Known};
    use jiff::{SignedDuration, Timestamp};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn figures_are_kept_until_something_changes_and_a_while_longer_when_they_are_dear() {
        let (at, done) = (Timestamp::UNIX_EPOCH, Instant::now());
        let known = |cost| Known { figures: Arc::new(Figures::default()), version: 7, at, done, cost };
        let cheap = known(Duration::from_millis(1));
        let later = done + Duration::from_millis(20);
        assert!(cheap.still_holds(7, at, later));
        assert!(!cheap.still_holds(8, at, later), "a client changed");
        assert!(!cheap.still_holds(7, at + KEEP, later), "another node may have changed one");
        let dear = known(Duration::from_millis(100));
        assert!(dear.still_holds(8, at, later));
        assert!(!dear.still_holds(8, at, done + Duration::from_millis(1_001)));
        assert!(!dear.still_holds(8, at + KEEP + SignedDuration::from_secs(1), later));
        assert!(!known(Duration::from_secs(60)).still_holds(8, at, done + Duration::from_secs(2)));
    }
}
