//! What is made, and what is told, when the caller of a change goes before its commit; and what a change begins beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::{Change, GroupWriter};
use crate::store::{Store, StoreError, StoreOptions, StoreResult, Tx};

/// A change that says when it is made, waits to be let on, and says when nobody hears of it.
struct Slow {
    made: Arc<Semaphore>,
    lets_on: Arc<Semaphore>,
    lost: Arc<AtomicU32>,
}

impl Change for Slow {
    type Output = ();

    async fn run(&self, _tx: &Tx) -> StoreResult<()> {
        self.made.add_permits(1);
        self.lets_on.acquire().await.map_err(|_| StoreError::Stopped)?.forget();
        Ok(())
    }

    fn unheard(&self, (): ()) {
        self.lost.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_begun_and_what_is_being_made_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
    let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
    let writer = GroupWriter::start(&store);
    let lets_on = Arc::new(Semaphore::new(0));
    let slow = || {
        let (made, lost) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
        let change = Slow { made: Arc::clone(&made), lets_on: Arc::clone(&lets_on), lost: Arc::clone(&lost) };
        (change, made, lost)
    };
    let (change, first_made, first_lost) = slow();
    let mut first = Box::pin(writer.submit(7, change));
    assert!((&mut first).now_or_never().is_none());
    first_made.acquire().await.unwrap().forget();
    let (change, second_made, second_lost) = slow();
    let mut second = Box::pin(writer.submit(7, change));
    assert!((&mut second).now_or_never().is_none());
    // Both callers are gone: of the first while it is being made, of the second before.
    drop(first);
    drop(second);
    let (change, third_made, third_lost) = slow();
    lets_on.add_permits(3);
    writer.submit(7, change).await.unwrap();
    let made = [&first_made, &second_made, &third_made].map(|made| made.available_permits());
    assert_eq!(made, [0, 0, 1], "the first one was seen before");
    let lost = [&first_lost, &second_lost, &third_lost].map(|lost| lost.load(Ordering::SeqCst));
    assert_eq!(lost, [1, 0, 0]);
}

/// A change that asks another server for something, and does not wait for it.
struct Asks {
    server: std::net::SocketAddr,
    told: mpsc::Sender<std::io::Result<()>>,
}

impl Change for Asks {
    type Output = ();

    async fn run(&self, _tx: &Tx) -> StoreResult<()> {
        let (server, told) = (self.server, self.told.clone());
        tokio::spawn(async move { told.send(TcpStream::connect(server).await.map(drop)).await });
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_begins_may_speak_to_other_servers() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
    let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
    let writer = GroupWriter::start(&store);
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (told, mut asked) = mpsc::channel(1);
    writer.submit(7, Asks { server: other.local_addr().unwrap(), told }).await.unwrap();
    // Nothing comes when what was begun has died.
    asked.recv().await.expect("it goes on after the commit").unwrap();
}
