//! Contacts over time for the welcome page (OSEM §2.1): counted in memory, written down from time to time.
//!
//! A phone's session pays for no statement more. Nodes on one database add up. What was counted since the last
//! writing is lost when the node is killed: some seconds of a statistic, nothing that was acknowledged to anybody.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::store::{StoreResult, contact_counts as rows};

/// An hour in milliseconds.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// How long counts are kept; the welcome page shows 30 days.
const KEPT: SignedDuration = SignedDuration::from_hours(32 * 24);

/// The counts of a node that are not written yet.
#[derive(Default)]
pub struct ContactCounts {
    pending: Mutex<BTreeMap<i64, u64>>,
    /// Held while counts are on their way into the database: whoever reads meanwhile would miss them or see them
    /// twice.
    moving: tokio::sync::Mutex<()>,
}

impl ContactCounts {
    /// A phone has made contact.
    pub fn count(&self, at: Timestamp) {
        let hour = at.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS;
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner).entry(hour).or_default() += 1;
    }

    fn take(&self) -> BTreeMap<i64, u64> {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, counts: BTreeMap<i64, u64>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (hour, contacts) in counts {
            *pending.entry(hour).or_default() += contacts;
        }
    }
}

/// Writes down what was counted. When the database refuses, it is tried again the next time.
///
/// # Errors
/// When the database refuses.
pub async fn flush(app: &App) -> StoreResult<()> {
    let _moving = app.contact_counts.moving.lock().await;
    let counts = app.contact_counts.take();
    if counts.is_empty() {
        return Ok(());
    }
    let written = async {
        let tx = app.store.begin().await?;
        rows::add(&tx, &counts).await?;
        tx.commit().await
    };
    let written = written.await;
    if written.is_err() {
        app.contact_counts.give_back(counts);
    }
    written
}

/// Contacts by the beginning of their hour in milliseconds, from a time on: those of all nodes that are written
/// down, and those of this one that are not.
///
/// # Errors
/// When the database cannot be asked.
pub async fn since(app: &App, from: Timestamp) -> StoreResult<BTreeMap<i64, u64>> {
    let _moving = app.contact_counts.moving.lock().await;
    let mut counts = rows::since(&app.store, from).await?;
    let pending = app.contact_counts.pending.lock().unwrap_or_else(PoisonError::into_inner);
    for (hour, contacts) in pending.range(from.as_millisecond()..) {
        *counts.entry(*hour).or_default() += contacts;
    }
    Ok(counts)
}

/// Forgets what is too old to be shown; gives how many hours.
///
/// # Errors
/// When the database refuses.
pub async fn purge(app: &App) -> StoreResult<u64> {
    let before = app.clock.now().saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    let tx = app.store.begin().await?;
    let gone = rows::forget(&tx, before).await?;
    tx.commit().await?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::{ContactCounts, HOUR_MS};
    use jiff::Timestamp;

    #[test]
    fn contacts_are_counted_by_their_hour_and_may_be_given_back() {
        let counts = ContactCounts::default();
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        for ms in [HOUR_MS, 2 * HOUR_MS - 1, 2 * HOUR_MS] {
            counts.count(at(ms));
        }
        let taken = counts.take();
        assert_eq!(taken.clone().into_iter().collect::<Vec<_>>(), [(HOUR_MS, 2), (2 * HOUR_MS, 1)]);
        counts.count(at(HOUR_MS + 1));
        counts.give_back(taken);
        assert_eq!(counts.take().into_iter().collect::<Vec<_>>(), [(HOUR_MS, 3), (2 * HOUR_MS, 1)]);
        assert!(counts.take().is_empty());
    }
}
