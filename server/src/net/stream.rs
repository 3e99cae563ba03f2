//! Time limits on a connection that the HTTP library has no switch for: a request head that trickles in,
//! and a peer that does not read its answer.
//!
//! The library's one timer runs from the end of a request to the end of the next head, so it covers the
//! idle time, which must be long (`wpi.md` §2.2: 30 s at least), and cannot be short for a head that has
//! begun. This wrapper adds the short one. Refuses to know HTTP beyond "a request is running".

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How far the requests of a connection are; shared by its stream and its service.
#[derive(Debug, Default)]
pub(super) struct Progress {
    started: AtomicU64,
    finished: AtomicU64,
}

impl Progress {
    /// Marks the begin of a request, which ends when the answer is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.started.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// How many requests have begun, and whether one is running.
    fn read(&self) -> (u64, bool) {
        let finished = self.finished.load(Ordering::Relaxed);
        let started = self.started.load(Ordering::Relaxed);
        (started, started != finished)
    }
}

/// One running request.
#[derive(Debug)]
pub(super) struct Running(Arc<Progress>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// A moment by which something must have happened. The timer is made only when there is waiting to do.
#[derive(Debug, Default)]
struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn clear(&mut self) {
        self.at = None;
        self.timer = None;
    }

    fn start(&mut self, limit: Duration) {
        if self.at.is_none() {
            self.at = Some(Instant::now() + limit);
        }
    }

    /// Whether it has passed; arranges to be asked again when it does.
    fn has_passed(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.at else { return false };
        if at <= Instant::now() {
            return true;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        timer.as_mut().poll(context).is_ready()
    }
}

/// A stream with limits for request heads and stalled writing.
#[derive(Debug)]
pub(super) struct Paced<IO> {
    inner: IO,
    progress: Arc<Progress>,
    /// The limit for a head that has begun; none where one connection carries several requests at once.
    head_limit: Option<Duration>,
    head: Deadline,
    /// How many requests had begun when the head deadline was set.
    head_number: u64,
    write_limit: Duration,
    write: Deadline,
}

impl<IO> Paced<IO> {
    pub(super) fn new(
        inner: IO,
        progress: Arc<Progress>,
        head_limit: Option<Duration>,
        write_limit: Duration,
    ) -> Self {
        let (head, write) = (Deadline::default(), Deadline::default());
        Self { inner, progress, head_limit, head, head_number: 0, write_limit, write }
    }

    /// Watches a write: progress ends the waiting, and waiting too long is an error.
    fn watch<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write.clear();
            return result;
        }
        self.write.start(self.write_limit);
        if self.write.has_passed(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Paced<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.inner).poll_read(context, buffer);
        let Some(limit) = this.head_limit else { return result };

        let (number, running) = this.progress.read();
        if running || number != this.head_number {
            // The head is complete, or the bytes belonged to an earlier request.
            this.head.clear();
            this.head_number = number;
        }
        if running {
            return result;
        }
        if result.is_ready() && buffer.filled().len() > before {
            this.head.start(limit);
        } else if this.head.has_passed(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Paced<IO> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.watch(context, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.watch(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_flush(context);
        this.watch(context, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_shutdown(context);
        this.watch(context, result)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    // No test waits for time to pass: a limit of zero has passed at once, and of a long one the deadline
    // is looked at.

    fn paced(head: Duration, write: Duration) -> (DuplexStream, Paced<DuplexStream>, Arc<Progress>) {
        let (peer, own) = duplex(16);
        let progress = Arc::new(Progress::default());
        (peer, Paced::new(own, Arc::clone(&progress), Some(head), write), progress)
    }

    #[tokio::test]
    async fn a_head_that_stalls_is_cut_off() {
        let (mut peer, mut own, _) = paced(Duration::ZERO, LONG);
        peer.write_all(b"PO").await.expect("written");
        own.read_exact(&mut [0; 2]).await.expect("what has come");
        let error = own.read_u8().await.expect_err("the rest does not come");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn bytes_that_trickle_do_not_move_the_deadline() {
        let (mut peer, mut own, _) = paced(LONG, LONG);
        peer.write_all(b"P").await.expect("written");
        own.read_u8().await.expect("a byte");
        let deadline = own.head.at.expect("the head has begun");
        peer.write_all(b"O").await.expect("written");
        own.read_u8().await.expect("a byte");
        assert!(poll!(Box::pin(own.read_u8())).is_pending());
        assert_eq!(own.head.at, Some(deadline));
    }

    #[tokio::test]
    async fn silence_before_and_between_requests_is_not_this_limit() {
        let (mut peer, mut own, progress) = paced(LONG, LONG);
        assert!(poll!(Box::pin(own.read_u8())).is_pending());
        assert_eq!(own.head.at, None);

        peer.write_all(b"P").await.expect("written");
        own.read_u8().await.expect("the head");
        drop(progress.begin());
        assert!(poll!(Box::pin(own.read_u8())).is_pending());
        assert_eq!(own.head.at, None);

        peer.write_all(b"P").await.expect("written");
        own.read_u8().await.expect("the next head");
        assert!(own.head.at.is_some());
    }

    #[tokio::test]
    async fn a_running_request_may_send_its_body_slowly() {
        let (mut peer, mut own, progress) = paced(Duration::ZERO, LONG);
        peer.write_all(b"P").await.expect("written");
        own.read_u8().await.expect("the head");
        let running = progress.begin();
        assert!(poll!(Box::pin(own.read_u8())).is_pending());
        peer.write_all(b"body").await.expect("written");
        own.read_exact(&mut [0; 4]).await.expect("the body");
        drop(running);
        assert!(poll!(Box::pin(own.read_u8())).is_pending());
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut_off() {
        let (_peer, mut own, _) = paced(LONG, Duration::ZERO);
        let error = own.write_all(&[0; 64]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn progress_of_a_write_ends_its_deadline() {
        let (mut peer, mut own, _) = paced(LONG, LONG);
        own.write_all(&[0; 16]).await.expect("room for it");
        assert!(poll!(Box::pin(own.write_u8(0))).is_pending());
        assert!(own.write.at.is_some());
        peer.read_exact(&mut [0; 16]).await.expect("read");
        own.write_u8(0).await.expect("room again");
        assert_eq!(own.write.at, None);
    }
}
