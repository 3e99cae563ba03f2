//! Group commit: many small changes of phones in one transaction.
//!
//! A commit costs a disk synchronisation, whatever its size. While one commit runs, further changes queue
//! up and share the next one; nobody waits longer than for the commits before. A change is answered only
//! after its commit, so that a killed process loses nothing it acknowledged (D-39).
//!
//! When a change of a group fails, the group is rolled back and each change runs again in a transaction of
//! its own: one bad change must not take others with it. Changes therefore have no effect but on the
//! transaction, and may run twice.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt as _;
use sea_orm::DbBackend;
use tokio::sync::{mpsc, oneshot};

use super::{Store, StoreError, StoreResult, Tx};

/// Most changes in one transaction; bounds how long others wait for the write lock.
const GROUP: usize = 128;
/// Changes that may wait for a place; beyond it, callers wait to queue.
const QUEUE: usize = 4096;
/// Writers on PostgreSQL, where transactions run side by side. SQLite has one writer.
const POSTGRES_LANES: usize = 4;

/// A change that may share its transaction with others.
pub trait Change: Send + Sync + 'static {
    /// What the caller gets back after the commit.
    type Output: Send + 'static;

    /// Makes the change. May be called twice; must not do anything but use the transaction.
    fn run(&self, tx: &Tx) -> impl Future<Output = StoreResult<Self::Output>> + Send;
}

/// Sends changes to the writers. Cheap to clone.
#[derive(Clone)]
pub struct GroupWriter {
    lanes: Vec<mpsc::Sender<Box<dyn Queued>>>,
}

impl GroupWriter {
    /// Starts the writers; they stop when the last clone of the sender is gone.
    pub fn start(store: &Store) -> Self {
        let lanes = if store.backend == DbBackend::Postgres { POSTGRES_LANES } else { 1 };
        let lanes = (0..lanes)
            .map(|_| {
                let (sender, receiver) = mpsc::channel(QUEUE);
                tokio::spawn(write(store.clone(), receiver));
                sender
            })
            .collect();
        Self { lanes }
    }

    /// Makes a change together with others and waits for the commit. Changes with the same `key` (a device)
    /// keep their order.
    ///
    /// # Errors
    /// What the change or the commit answered; [`StoreError::Stopped`] when the server is shutting down.
    pub async fn submit<C: Change>(&self, key: u64, change: C) -> StoreResult<C::Output> {
        let (answer, wait) = oneshot::channel();
        let queued: Box<dyn Queued> = Box::new(Entry { change, output: None, answer: Some(answer) });
        let count = self.lanes.len().max(1) as u64;
        let lane = usize::try_from(key % count).ok().and_then(|lane| self.lanes.get(lane));
        lane.ok_or(StoreError::Stopped)?.send(queued).await.map_err(|_| StoreError::Stopped)?;
        wait.await.map_err(|_| StoreError::Stopped)?
    }
}

/// A change with its waiting caller, of whatever type.
trait Queued: Send {
    fn run<'a>(&'a mut self, tx: &'a Tx) -> Pin<Box<dyn Future<Output = StoreResult<()>> + Send + 'a>>;
    fn committed(&mut self);
    fn failed(&mut self, error: StoreError);
}

struct Entry<C: Change> {
    change: C,
    output: Option<C::Output>,
    answer: Option<oneshot::Sender<StoreResult<C::Output>>>,
}

impl<C: Change> Queued for Entry<C> {
    fn run<'a>(&'a mut self, tx: &'a Tx) -> Pin<Box<dyn Future<Output = StoreResult<()>> + Send + 'a>> {
        Box::pin(async move {
            self.output = Some(self.change.run(tx).await?);
            Ok(())
        })
    }

    fn committed(&mut self) {
        if let (Some(answer), Some(output)) = (self.answer.take(), self.output.take()) {
            // The caller may have gone (its connection closed); the change stays.
            let _ = answer.send(Ok(output));
        }
    }

    fn failed(&mut self, error: StoreError) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Err(error));
        }
    }
}

async fn write(store: Store, mut queue: mpsc::Receiver<Box<dyn Queued>>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        if let Err(error) = together(&store, &mut group).await {
            if group.len() > 1 {
                tracing::warn!(%error, changes = group.len(), "a group of phone reports failed; repeating one by one");
            }
            for entry in &mut group {
                if let Err(error) = together(&store, std::slice::from_mut(entry)).await {
                    entry.failed(error);
                }
            }
        }
        group.clear();
    }
}

/// A change that panics fails like any other: the writer must go on for everybody else.
async fn together(store: &Store, group: &mut [Box<dyn Queued>]) -> StoreResult<()> {
    AssertUnwindSafe(commit(store, group)).catch_unwind().await.unwrap_or(Err(StoreError::Panicked))
}

async fn commit(store: &Store, group: &mut [Box<dyn Queued>]) -> StoreResult<()> {
    let tx = store.begin().await?;
    for entry in group.iter_mut() {
        entry.run(&tx).await?;
    }
    tx.commit().await?;
    group.iter_mut().for_each(|entry| entry.committed());
    Ok(())
}
