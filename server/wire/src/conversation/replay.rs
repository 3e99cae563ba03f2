//! Nonces of opening messages that were seen before (`wpi.md` §3.4), in bounded memory.
//!
//! A nonce is remembered as a 64-bit hash with the connection it came on. Two generations are kept: when
//! the younger one is full or old, the older one is forgotten. So a nonce is remembered at least
//! [`ReplayGuard::REMEMBERED`] unless more than half the capacity of others came in between. This file
//! does not know sessions; what to do about a replay is decided elsewhere.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use super::rules::Millis;

/// What is known of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Never seen, or long ago. It is remembered now.
    Fresh,
    /// Seen on the same connection: the phone repeats itself, which is not suspicious.
    SameConnection,
    /// Seen on another connection: log it and answer CleanUp, unless the message is an identical one
    /// within a few seconds, which is a retry (see [`super::Conversation::stored_answer`]).
    Replayed,
}

type Generation = HashMap<u64, u64, BuildHasherDefault<DefaultHasher>>;

/// Remembers the nonces of opening messages of all devices.
#[derive(Debug)]
pub struct ReplayGuard {
    key: u64,
    half: usize,
    young: Generation,
    old: Generation,
    turned: Millis,
}

impl ReplayGuard {
    /// How long a nonce is remembered at least.
    pub const REMEMBERED: Millis = Millis(10 * 60 * 1000);

    /// Nonces remembered by default. An entry takes 16 bytes and the table at most as much again for its
    /// empty places, so this is bounded by 4 MiB.
    pub const CAPACITY: usize = 100_000;

    /// A guard that remembers at most `capacity` nonces (at least 2). `key` is a random number, so that
    /// nobody can prepare nonces that look like those of other devices.
    pub fn new(capacity: usize, key: u64) -> Self {
        Self {
            key,
            half: (capacity / 2).max(1),
            young: Generation::default(),
            old: Generation::default(),
            turned: Millis::default(),
        }
    }

    /// Looks a nonce up and remembers it. `device` is the device key in one fixed form, `connection` a
    /// number that no two connections share.
    pub fn check(&mut self, device: &str, nonce: &str, connection: u64, now: Millis) -> Replay {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.key);
        hasher.write_usize(device.len());
        hasher.write(device.as_bytes());
        hasher.write(nonce.as_bytes());
        let hash = hasher.finish();
        if now.since(self.turned) >= Self::REMEMBERED {
            // After twice the time even the younger generation has nothing recent in it.
            if now.since(self.turned).0 >= 2 * Self::REMEMBERED.0 {
                self.young.clear();
            }
            self.turn(now);
        }
        if let Some(first) = self.young.get(&hash).or_else(|| self.old.get(&hash)) {
            return if *first == connection { Replay::SameConnection } else { Replay::Replayed };
        }
        if self.young.len() >= self.half {
            self.turn(now);
        }
        self.young.insert(hash, connection);
        Replay::Fresh
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether no nonce is remembered.
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    fn turn(&mut self, now: Millis) {
        self.old = std::mem::take(&mut self.young);
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn a_known_nonce_on_another_connection_is_a_replay() {
        let mut guard = ReplayGuard::new(100, 1);
        assert_eq!(guard.check("A", "1", 7, Millis(0)), Replay::Fresh);
        assert_eq!(guard.check("A", "1", 7, Millis(1)), Replay::SameConnection);
        assert_eq!(guard.check("A", "1", 8, Millis(2)), Replay::Replayed);
        assert_eq!(guard.check("A", "1", 7, Millis(3)), Replay::SameConnection);
        assert_eq!(guard.check("B", "1", 8, Millis(4)), Replay::Fresh);
        assert_eq!(guard.check("A", "2", 8, Millis(5)), Replay::Fresh);
        assert_eq!(guard.check("A1", "", 8, Millis(6)), Replay::Fresh);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_half_stays() {
        let mut guard = ReplayGuard::new(100, 1);
        for number in 0..10_000 {
            assert_eq!(guard.check("A", &number.to_string(), number, Millis(0)), Replay::Fresh);
            assert!(guard.len() <= 100);
        }
        for number in 9_950..10_000 {
            assert_eq!(guard.check("A", &number.to_string(), 1, Millis(0)), Replay::Replayed);
        }
        assert_eq!(guard.check("A", "0", 1, Millis(0)), Replay::Fresh);
    }

    #[test]
    fn a_nonce_is_remembered_ten_minutes_and_forgotten_after_twenty() {
        let mut guard = ReplayGuard::new(100, 1);
        guard.check("A", "early", 1, Millis(0));
        guard.check("A", "late", 1, Millis(9 * MINUTE));
        guard.check("A", "later", 1, Millis(10 * MINUTE));
        assert_eq!(guard.check("A", "late", 2, Millis(19 * MINUTE)), Replay::Replayed);
        assert_eq!(guard.check("A", "late", 2, Millis(20 * MINUTE)), Replay::Fresh);
        assert_eq!(guard.check("A", "later", 2, Millis(50 * MINUTE)), Replay::Fresh);
        assert_eq!(guard.len(), 1);
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing() {
        let mut guard = ReplayGuard::new(100, 1);
        guard.check("A", "1", 1, Millis(100 * MINUTE));
        assert_eq!(guard.check("A", "1", 2, Millis(0)), Replay::Replayed);
    }
}
