//! Background tasks: what the server does for itself, kept in the database until it is done.
//!
//! A schedule in UTC ([`schedule`]) only puts tasks into the queue; a worker on every node takes them, one at a
//! time and by a lease, so that a task is done once for all nodes and a dead node's task is taken up by another.
//! A failure is tried again after a while, or given up when that would not help. Kinds are in [`kinds`], one file
//! each; what they do may be done twice.

pub mod kinds;
pub mod schedule;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use crate::App;
use crate::status::causes;
use crate::store::tasks::{self, Task};
use crate::store::{StoreError, StoreResult};
use kinds::Kind;

/// Time between two looks at the queue when nobody wakes the worker.
const LOOK: Duration = Duration::from_secs(5);

/// How long a worker may have a task before others take it for dead.
const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// Wait before the second try; twice as long each time.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// Longest wait between two tries.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// Tries until a task is given up.
const MOST_ATTEMPTS: u32 = 8;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The database refused; later it may not.
    #[error("the database refused")]
    Again(#[from] StoreError),
    /// It cannot succeed: what it works on is not there, or not understood.
    #[error("{0}")]
    Never(&'static str),
}

/// Puts a task into the queue for now; one of its kind that is there already is enough.
///
/// # Errors
/// When the database refuses.
pub async fn enqueue(app: &App, kind: Kind) -> StoreResult<bool> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let new = tasks::enqueue(&tx, kind.as_str(), Some(kind.as_str()), &Json::Null, at, at).await?;
    tx.commit().await?;
    Ok(new)
}

/// Works until the node stops.
pub async fn run(app: App) {
    while !app.stop.is_cancelled() {
        if let Err(error) = work_off(&app).await {
            tracing::error!(error = causes(&error), "background tasks could not be taken");
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Does everything that is due; gives the number of tasks that were done or given up.
///
/// # Errors
/// When the database refuses to give or take back a task.
pub async fn work_off(app: &App) -> StoreResult<u64> {
    let mut done = 0;
    while !app.stop.is_cancelled() {
        let at = app.clock.now();
        if !tasks::any_due(&app.store, at).await? {
            break;
        }
        let tx = app.store.begin().await?;
        let until = at.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let task = tasks::take(&tx, &app.node, at, until).await?;
        tx.commit().await?;
        // On PostgreSQL another node may have been faster.
        let Some(task) = task else { break };
        done += u64::from(attempt(app, &task).await?);
    }
    Ok(done)
}

/// Tries a task that was taken; `true` when it is over.
async fn attempt(app: &App, task: &Task) -> StoreResult<bool> {
    let result = match Kind::parse(&task.kind) {
        Some(kind) => kind.run(app).await,
        // Of a newer program on the same database: it takes its task when the lease is over.
        None if task.attempts < MOST_ATTEMPTS => return Ok(false),
        None => Err(TaskError::Never("nobody knows this kind of task")),
    };
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let over = match result {
        Ok(number) => {
            tracing::debug!(task = task.kind, number, "a background task is done");
            tasks::finish(&tx, task, &app.node).await?
        }
        Err(TaskError::Again(error)) if task.attempts < MOST_ATTEMPTS => {
            let wait = wait_after(task.attempts);
            let next = at.saturating_add(wait).unwrap_or(Timestamp::MAX);
            let text = causes(&error);
            tracing::warn!(
                task = task.kind,
                error = text,
                seconds = wait.as_secs(),
                "a background task is tried again"
            );
            tasks::again(&tx, task, &app.node, next, &text).await?;
            false
        }
        Err(error) => {
            tracing::error!(
                task = task.kind,
                attempts = task.attempts,
                error = causes(&error),
                "a background task is given up"
            );
            tasks::finish(&tx, task, &app.node).await?
        }
    };
    tx.commit().await?;
    Ok(over)
}

fn wait_after(attempts: u32) -> SignedDuration {
    let doubled = FIRST_WAIT.checked_mul(1 << attempts.saturating_sub(1).min(16));
    doubled.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::wait_after;

    #[test]
    fn waits_grow_to_an_hour() {
        let minutes: Vec<i64> = (1..=8).map(|attempts| wait_after(attempts).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
