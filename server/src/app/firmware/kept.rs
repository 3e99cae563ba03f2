//! What is counted over the whole fleet, kept for some seconds: a page that is open asks again whenever a client changes,
//! and many may be open.
//!
//! Only the counts of a large fleet are kept; which files are here and what templates say is always as it is now.

use std::sync::Arc;

use domain::ClientId;
use domain::group_filter::Filter;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::App;
use crate::app::deployments::rule::Survey;
use crate::app::error::AppResult;
use crate::app::layers::Snapshot;
use crate::store::StoreResult;
use crate::store::firmware::{self as rows, Running};

/// Counts of a fleet of no more clients are not kept: they cost next to nothing.
const FEW: u64 = 5_000;

/// How long counts are kept.
const KEEP: SignedDuration = SignedDuration::from_secs(5);

/// How long it is kept who is due when each client had to be looked at.
const KEEP_LOOKED_AT: SignedDuration = SignedDuration::from_secs(60);

/// Clients looked at together when each is.
const AT_ONCE: usize = 1_000;

/// Which software runs where, by the filters it was asked for.
type Counted = Known<Vec<Filter>, Arc<Vec<Running>>>;

/// What was counted last. Whoever comes while it is counted waits for that.
#[derive(Default)]
pub struct Kept {
    counted: Mutex<Option<Counted>>,
    looked_at: Mutex<Option<Known<i64, Arc<[ClientId]>>>>,
}

/// Something that is known, for what it was asked, and since when.
struct Known<Q, A> {
    question: Q,
    answer: A,
    at: Timestamp,
}

impl<Q: PartialEq, A: Clone> Known<Q, A> {
    fn answer(&self, question: &Q, now: Timestamp, keep: SignedDuration) -> Option<A> {
        let holds = self.question == *question && now.duration_since(self.at).abs() < keep;
        holds.then(|| self.answer.clone())
    }
}

/// Phones counted by what they are and run, and by the filters that take them.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn running(app: &App, filters: Vec<Filter>) -> StoreResult<Arc<Vec<Running>>> {
    let mut counted = app.firmware.counted.lock().await;
    let now = app.clock.now();
    if let Some(answer) = counted.as_ref().and_then(|known| known.answer(&filters, now, KEEP)) {
        return Ok(answer);
    }
    let answer = Arc::new(rows::running(&app.store, &filters).await?);
    let clients: u64 = answer.iter().map(|one| one.clients).sum();
    *counted = (clients > FEW).then(|| Known { question: filters, answer: Arc::clone(&answer), at: now });
    Ok(answer)
}

/// The clients that the rule of their templates would update, each looked at.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn due(app: &App, layers: &Snapshot) -> AppResult<Arc<[ClientId]>> {
    let mut looked_at = app.firmware.looked_at.lock().await;
    let now = app.clock.now();
    let known = looked_at.as_ref().and_then(|known| known.answer(&layers.version, now, KEEP_LOOKED_AT));
    if let Some(answer) = known {
        return Ok(answer);
    }
    let mut survey = Survey::begin(app).await?;
    let clients = survey.clients(now).await?;
    let mut due = Vec::new();
    for some in clients.chunks(AT_ONCE) {
        let stands = survey.stand(&app.store, some, now).await?;
        due.extend(stands.iter().filter(|stand| stand.software.outcome == "update").map(|one| one.client));
    }
    let answer: Arc<[ClientId]> = due.into();
    let known = Known { question: layers.version, answer: Arc::clone(&answer), at: now };
    *looked_at = (clients.len() as u64 > FEW).then_some(known);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::{KEEP, Known};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn what_is_kept_answers_the_same_question_for_some_seconds() {
        let at = Timestamp::UNIX_EPOCH;
        let known = Known { question: 7, answer: "some", at };
        let just = at + KEEP - SignedDuration::from_millis(1);
        assert_eq!(known.answer(&7, just, KEEP), Some("some"));
        assert_eq!(known.answer(&8, just, KEEP), None, "templates reach others");
        assert_eq!(known.answer(&7, at + KEEP, KEEP), None);
        assert_eq!(
            known.answer(&7, at - KEEP, KEEP),
            None,
            "a clock that was set back keeps nothing for long"
        );
    }
}
