//! Takes scans of storage providers for files and works on them, a few at once. A scan belongs to a node by a lease: when
//! the node dies, another one, or its next run, begins it anew when the lease is over; what is known by then is not read
//! again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::walk;
use crate::App;
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::store::StoreResult;
use crate::store::provider_scans as rows;
use crate::store::storage_providers::Provider;

/// Time between two looks for scans to begin, and for whether one goes on.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// How long a scan belongs to a node that gives no sign of life.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// Most scans of this node at once.
const MOST_AT_ONCE: usize = 4;

/// How long a stopping node waits for its scans to be left in order.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Until when a scan belongs to this node.
pub(super) fn lease(app: &App) -> Timestamp {
    app.clock.now().saturating_add(LEASE).unwrap_or(Timestamp::MAX)
}

/// Works on scans until the node stops.
pub async fn run(app: App) {
    let mut walks = JoinSet::new();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            Some(done) = walks.join_next(), if !walks.is_empty() => {
                if let Err(error) = done {
                    tracing::error!(%error, "a scan of a storage provider broke off");
                }
            }
            _ = looks.tick(), if walks.len() < MOST_AT_ONCE => match take(&app).await {
                Ok(Some(provider)) => {
                    app.events.publish(Resource::StorageProviders, Change::Updated, provider.id);
                    walks.spawn(walk::walk(app.clone(), provider));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = causes(&error), "scans of storage providers could not be taken");
                }
            },
        }
    }
    // They see by themselves that the node stops.
    let last = async { while walks.join_next().await.is_some() {} };
    if timeout(LAST_WORDS, last).await.is_err() {
        tracing::warn!(
            "scans of storage providers were not left in order; they go on when their lease is over"
        );
    }
}

async fn take(app: &App) -> StoreResult<Option<Provider>> {
    let at = app.clock.now();
    if !rows::any_to_take(&app.store, at).await? {
        return Ok(None);
    }
    let tx = app.store.begin().await?;
    let taken = rows::take(&tx, &app.node, at, lease(app)).await?;
    tx.commit().await?;
    Ok(taken)
}
