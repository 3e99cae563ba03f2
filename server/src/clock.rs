//! The machine's clock and its randomness, the only places that read them. Both are handed to everything
//! else, so that tests drive time and repeat chance.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Gives the time. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    monotonic: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        let start = std::time::Instant::now();
        let elapsed = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { wall: Arc::new(Timestamp::now), monotonic: Arc::new(elapsed) }
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let hand = ManualClock(Arc::new(AtomicI64::new(start.as_millisecond())));
        let (wall, monotonic) = (hand.clone(), hand.clone());
        let elapsed = move || u64::try_from(monotonic.now().as_millisecond()).unwrap_or(0);
        (Self { wall: Arc::new(move || wall.now()), monotonic: Arc::new(elapsed) }, hand)
    }

    /// The time now, in whole milliseconds as the database keeps it.
    pub fn now(&self) -> Timestamp {
        let now = (self.wall)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl Clock {
    /// Milliseconds since some point in the past; never jumps when the machine's clock is set. For spans.
    pub fn monotonic_millis(&self) -> u64 {
        (self.monotonic)()
    }
}

/// Moves a manual clock.
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Moves time forward (or back).
    pub fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// Gives random bytes fit for keys, tokens and cookies. Cheap to clone.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) -> Result<(), EntropyError> + Send + Sync;

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct EntropyError;

impl Entropy {
    /// The operating system's randomness.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's randomness")]
    pub fn system() -> Self {
        Self(Arc::new(|bytes| aws_lc_rs::rand::fill(bytes).map_err(|_| EntropyError)))
    }

    /// Random bytes.
    ///
    /// # Errors
    /// When the operating system gives none; nothing may be done with a guessable value instead.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        (self.0)(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Entropy};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        hand.advance(SignedDuration::from_secs(5));
        assert_eq!(clock.now().as_second(), 5);
    }

    #[test]
    fn random_bytes_differ() {
        let entropy = Entropy::system();
        assert_ne!(entropy.bytes::<32>().unwrap(), entropy.bytes::<32>().unwrap());
    }
}
