//! Group commit: many small changes of phones in one transaction.
//!
//! A commit costs a disk synchronisation, whatever its size. While one commit runs, further changes queue
//! up and share the next one; nobody waits longer than for the commits before. A change is answered only
//! after its commit, so that a killed process loses nothing it acknowledged (D-39).
//!
//! When a change of a group fails, the group is rolled back and each change runs again in a transaction of
//! its own: one bad change must not take others with it. Changes therefore may run twice, and have no lasting
//! effect but on the transaction.
//!
//! A change whose caller has given up is not made: the phone was told to come again, and says all of it again. Nobody
//! would send the piece of work it takes. Where the caller gives up while it is being committed,
//! [`Change::unheard`] undoes what only the caller could have gone on with.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use sea_orm::DbBackend;
use tokio::sync::{mpsc, oneshot};

use super::{Store, StoreError, StoreResult, Tx};
use crate::status::causes;

/// Most changes in one transaction; bounds how long others wait for the write lock.
const GROUP: usize = 128;
/// Changes that may wait for a place; beyond it, callers wait to queue.
const QUEUE: usize = 4096;
/// Writers on PostgreSQL, where transactions run side by side. SQLite has one writer.
const POSTGRES_LANES: usize = 4;

/// How long a phone waits for its commit: it wants an answer within ten seconds (`wpi.md` §2.6).
const PATIENCE: Duration = Duration::from_secs(8);

/// A change that may share its transaction with others.
pub trait Change: Send + Sync + 'static {
    /// What the caller gets back after the commit.
    type Output: Send + 'static;

    /// Makes the change. May be called twice, and for a transaction that is rolled back: beside the transaction it may only
    /// begin what does no harm then, and must not wait for that.
    fn run(&self, tx: &Tx) -> impl Future<Output = StoreResult<Self::Output>> + Send;

    /// The change was committed, and its caller has gone without taking the output. Must not wait for anything.
    fn unheard(&self, _output: Self::Output) {}
}

/// A change that was made, on its way to the caller. Wherever it gets lost, the change is told.
struct Letter<C: Change> {
    content: Option<(C, C::Output)>,
}

impl<C: Change> Letter<C> {
    fn open(mut self) -> Option<C::Output> {
        self.content.take().map(|(_, output)| output)
    }
}

impl<C: Change> Drop for Letter<C> {
    fn drop(&mut self) {
        if let Some((change, output)) = self.content.take() {
            change.unheard(output);
        }
    }
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
                run_writer(store, receiver);
                sender
            })
            .collect();
        Self { lanes }
    }

    /// Makes a change together with others and waits for the commit. Changes with the same `key` (a device)
    /// keep their order.
    ///
    /// # Errors
    /// What the change answered; [`StoreError::Unavailable`] when the database does not commit, or not in time;
    /// [`StoreError::Stopped`] when the server is shutting down.
    pub async fn submit<C: Change>(&self, key: u64, change: C) -> StoreResult<C::Output> {
        let (answer, wait) = oneshot::channel();
        let queued: Box<dyn Queued> =
            Box::new(Entry { change: Some(change), output: None, answer: Some(answer) });
        let count = self.lanes.len().max(1) as u64;
        let lane = usize::try_from(key % count).ok().and_then(|lane| self.lanes.get(lane));
        let lane = lane.ok_or(StoreError::Stopped)?;
        let written = async {
            lane.send(queued).await.map_err(|_| StoreError::Stopped)?;
            let letter: Letter<C> = wait.await.map_err(|_| StoreError::Stopped)??;
            letter.open().ok_or(StoreError::Stopped)
        };
        // A change given up here is not begun any more. One that is being made stays; the phone repeats it, and it is
        // the same then.
        tokio::time::timeout(PATIENCE, written).await.unwrap_or(Err(StoreError::Unavailable))
    }
}

/// Runs a writer until the last sender is gone.
///
/// SQLite's driver answers every statement from a thread of its own. Waking a task of the shared runtime for
/// each answer costs more than the statement (a look at all its sockets, and other workers woken to search for
/// work); a thread that waits for nothing else is woken at the price of one lock. What a change begins beside its
/// transaction, as asking a storage provider whether it is there again, runs on with the server's own runtime.
fn run_writer(store: &Store, receiver: mpsc::Receiver<Box<dyn Queued>>) {
    let writer = write(store.clone(), receiver);
    if store.backend == DbBackend::Postgres {
        tokio::spawn(writer);
        return;
    }
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("writer".to_owned());
    if let Err(error) = thread.spawn(move || runtime.block_on(writer)) {
        // The receiver is gone with the closure: every change is refused as stopped.
        tracing::error!(error = causes(&error), "the thread that writes phone reports cannot be started");
    }
}

/// A change with its waiting caller, of whatever type.
trait Queued: Send {
    /// Whether somebody still waits for it.
    fn is_awaited(&self) -> bool;
    fn run<'a>(&'a mut self, tx: &'a Tx) -> Pin<Box<dyn Future<Output = StoreResult<()>> + Send + 'a>>;
    fn committed(&mut self);
    fn failed(&mut self, error: StoreError);
}

struct Entry<C: Change> {
    change: Option<C>,
    output: Option<C::Output>,
    answer: Option<oneshot::Sender<StoreResult<Letter<C>>>>,
}

impl<C: Change> Queued for Entry<C> {
    fn run<'a>(&'a mut self, tx: &'a Tx) -> Pin<Box<dyn Future<Output = StoreResult<()>> + Send + 'a>> {
        Box::pin(async move {
            if let Some(change) = &self.change {
                self.output = Some(change.run(tx).await?);
            }
            Ok(())
        })
    }

    fn is_awaited(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }

    fn committed(&mut self) {
        if let (Some(answer), Some(change), Some(output)) =
            (self.answer.take(), self.change.take(), self.output.take())
        {
            // The caller may have gone (its connection closed); the change stays.
            let _ = answer.send(Ok(Letter { content: Some((change, output)) }));
        }
    }

    fn failed(&mut self, error: StoreError) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Err(error));
        }
    }
}

/// Why a group was not committed.
enum Broken {
    /// One of the changes failed: the others are good and run again without it.
    Change(StoreError),
    /// The database gave no transaction or did not commit: trying each of them would only take longer.
    Database(StoreError),
}

async fn write(store: Store, mut queue: mpsc::Receiver<Box<dyn Queued>>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        group.retain(|entry| entry.is_awaited());
        if group.is_empty() {
            continue;
        }
        match together(&store, &mut group).await {
            Ok(()) => {}
            Err(Broken::Database(error)) => {
                tracing::error!(
                    error = causes(&error),
                    changes = group.len(),
                    "phone reports were not written"
                );
                group.iter_mut().for_each(|entry| entry.failed(StoreError::Unavailable));
            }
            Err(Broken::Change(error)) => {
                tracing::warn!(
                    error = causes(&error),
                    changes = group.len(),
                    "a phone report failed; repeating one by one"
                );
                one_by_one(&store, &mut group).await;
            }
        }
        group.clear();
    }
}

async fn one_by_one(store: &Store, group: &mut [Box<dyn Queued>]) {
    for entry in group {
        match together(store, std::slice::from_mut(entry)).await {
            Ok(()) => {}
            Err(Broken::Change(error) | Broken::Database(error)) => entry.failed(error),
        }
    }
}

/// A change that panics fails like any other: the writer must go on for everybody else.
async fn together(store: &Store, group: &mut [Box<dyn Queued>]) -> Result<(), Broken> {
    let done = AssertUnwindSafe(commit(store, group)).catch_unwind().await;
    done.unwrap_or(Err(Broken::Change(StoreError::Panicked)))
}

async fn commit(store: &Store, group: &mut [Box<dyn Queued>]) -> Result<(), Broken> {
    let tx = store.begin().await.map_err(Broken::Database)?;
    for entry in group.iter_mut() {
        entry.run(&tx).await.map_err(Broken::Change)?;
    }
    tx.commit().await.map_err(Broken::Database)?;
    group.iter_mut().for_each(|entry| entry.committed());
    Ok(())
}

#[cfg(test)]
mod tests;
