//! The bandwidth that phones share (setting `other.integrated-file-server-bandwidth-limit`, OSEM §13.6).
//!
//! Whoever wants to send a piece queues up for it, one piece at a time. All pieces are of the same size, so everybody
//! who always has something to send gets the same share, and who is slower than that share is not waited for: it
//! simply is not in the queue.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

/// Bytes that may be sent at once after a rest, as time at the full rate. Timers are no finer than a millisecond.
const BURST: Duration = Duration::from_millis(50);

/// Part of a second that one piece takes of the whole rate: pieces that are few and large would come in fits.
const PIECES_PER_SECOND: u64 = 100;

/// Smallest and largest piece while there is a limit, in bytes.
const PIECE: (u64, u64) = (1_024, 128 * 1_024);

/// What can still be sent, in bytes; below zero while a piece is being paid for.
#[derive(Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

/// The limit of a node.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Bytes per second; 0 is no limit.
    rate: AtomicU64,
    changed: Notify,
    /// Its lock is the queue: it is given out in the order it was asked for, and who stops waiting leaves no gap.
    bucket: Mutex<Bucket>,
}

impl Throttle {
    /// A limit in bytes per second; 0 is none.
    pub(super) fn new(rate: u64) -> Self {
        let bucket = Bucket { level: 0.0, at: Instant::now() };
        Self { rate: AtomicU64::new(rate), changed: Notify::new(), bucket: Mutex::new(bucket) }
    }

    /// Changes the limit for everybody, those who wait included.
    pub(super) fn set(&self, rate: u64) {
        if self.rate.swap(rate, Ordering::Relaxed) != rate {
            self.changed.notify_waiters();
        }
    }

    /// Most bytes to ask for at once; `None` without a limit.
    pub(super) fn piece(&self) -> Option<u64> {
        let rate = self.rate.load(Ordering::Relaxed);
        (rate > 0).then(|| (rate / PIECES_PER_SECOND).clamp(PIECE.0, PIECE.1))
    }

    /// Waits until so many bytes may be sent.
    pub(super) async fn take(&self, bytes: u64) {
        if self.rate.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut bucket = self.bucket.lock().await;
        loop {
            // Before the rate is read, so that no change goes unnoticed.
            let changed = self.changed.notified();
            let rate = self.rate.load(Ordering::Relaxed);
            if rate == 0 {
                return;
            }
            let missing = bucket.missing(rate, Instant::now());
            if missing <= 0.0 {
                bucket.level -= bytes as f64;
                return;
            }
            let wait = Duration::from_secs_f64(missing / rate as f64).max(Duration::from_millis(1));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }
}

impl Bucket {
    /// Fills up to now; gives how many bytes are missing until something may be sent.
    fn missing(&mut self, rate: u64, now: Instant) -> f64 {
        let rate = rate as f64;
        let full = rate * BURST.as_secs_f64();
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = elapsed.mul_add(rate, self.level).min(full);
        self.at = now;
        -self.level
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::Throttle;

    /// Lets time pass; it is the runtime's own, which goes on when everybody waits.
    async fn pass(time: Duration) {
        let _ = timeout(time, std::future::pending::<()>()).await;
    }

    struct Reader {
        got: Arc<AtomicU64>,
        task: tokio::task::JoinHandle<()>,
    }

    /// Sends all the time, resting for `pause` after each piece.
    fn reader(throttle: &Arc<Throttle>, pause: Duration) -> Reader {
        let got = Arc::new(AtomicU64::new(0));
        let (throttle, count) = (Arc::clone(throttle), Arc::clone(&got));
        let task = tokio::spawn(async move {
            loop {
                let bytes = throttle.piece().unwrap_or(16_384);
                throttle.take(bytes).await;
                count.fetch_add(bytes, Ordering::Relaxed);
                pass(pause.max(Duration::from_nanos(1))).await;
            }
        });
        Reader { got, task }
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_gets_the_same_share_and_all_together_the_limit() {
        for rate in [20_000, 1_000_000, 50_000_000] {
            let throttle = Arc::new(Throttle::new(rate));
            let readers: Vec<Reader> = (0..10).map(|_| reader(&throttle, Duration::ZERO)).collect();
            pass(Duration::from_secs(60)).await;
            let got: Vec<u64> = readers.iter().map(|reader| reader.got.load(Ordering::Relaxed)).collect();
            let sum: u64 = got.iter().sum();
            let wanted = rate * 60;
            assert!(sum.abs_diff(wanted) * 20 <= wanted, "{rate}: {sum} of {wanted}");
            for one in &got {
                assert!(one.abs_diff(wanted / 10) * 10 <= wanted / 10, "{rate}: {got:?}");
            }
            readers.iter().for_each(|reader| reader.task.abort());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_phone_holds_nobody_up() {
        let throttle = Arc::new(Throttle::new(1_000_000));
        let slow = reader(&throttle, Duration::from_secs(5));
        let fast = reader(&throttle, Duration::ZERO);
        pass(Duration::from_secs(60)).await;
        let (slow_got, fast_got) = (slow.got.load(Ordering::Relaxed), fast.got.load(Ordering::Relaxed));
        assert!(slow_got <= 13 * 10_000, "{slow_got}");
        assert!(fast_got > 57_000_000, "{fast_got}");
        slow.task.abort();
        fast.task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_counts_for_those_who_wait() {
        let throttle = Arc::new(Throttle::new(1));
        throttle.take(1_000_000).await;
        assert!(timeout(Duration::from_secs(60), throttle.take(1)).await.is_err());
        let begin = Instant::now();
        let waiting = tokio::spawn({
            let throttle = Arc::clone(&throttle);
            async move { throttle.take(1).await }
        });
        pass(Duration::from_secs(1)).await;
        throttle.set(0);
        waiting.await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        assert_eq!(throttle.piece(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_costs_nothing() {
        let throttle = Arc::new(Throttle::new(10_000));
        let many: Vec<Reader> = (0..100).map(|_| reader(&throttle, Duration::ZERO)).collect();
        pass(Duration::from_secs(1)).await;
        many.iter().for_each(|reader| reader.task.abort());
        pass(Duration::from_secs(1)).await;
        let begin = Instant::now();
        for _ in 0..10 {
            throttle.take(1_000).await;
        }
        assert!(begin.elapsed() <= Duration::from_millis(1_100), "{:?}", begin.elapsed());
    }
}
