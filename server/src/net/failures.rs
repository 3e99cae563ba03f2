//! Failed handshakes, counted per address: what the console shows as "phones that cannot connect".
//!
//! Bounded: the address seen longest ago makes room. Also decides which failures are worth a log line,
//! so that a phone that retries every second does not fill the disk. Refuses to know the clock and the
//! socket.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::diagnosis::{HelloDiagnosis, Verdict};

/// The same address and verdict is logged again after this time.
const LOG_AGAIN: SignedDuration = SignedDuration::from_secs(600);

/// At most this many lines are logged in one [`LOG_WINDOW`], whatever the addresses.
const LOG_LINES: u32 = 30;

/// See [`LOG_LINES`].
const LOG_WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// What is known of one address whose handshakes fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandshakeFailure {
    /// The address.
    pub address: IpAddr,
    /// The listener that saw the last failure.
    pub listener: String,
    /// How many handshakes failed.
    pub count: u64,
    /// How many per verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// When the first one failed.
    pub first_seen: Timestamp,
    /// When the last one failed.
    pub last_seen: Timestamp,
    /// The last failure.
    pub last: HelloDiagnosis,
}

/// Whether a failure is to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logging {
    /// Write a line; so many lines of others were left out since the last one.
    Write {
        /// Lines left out.
        left_out: u64,
    },
    /// Write nothing.
    Skip,
}

/// The table. Shared by all listeners of a server.
#[derive(Debug)]
pub struct HandshakeFailures {
    table: Mutex<Table>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<IpAddr, Entry>,
    /// Addresses in the order they were last seen; the number is unique and rises.
    order: BTreeMap<u64, IpAddr>,
    next: u64,
    window_start: Option<Timestamp>,
    window_lines: u32,
    left_out: u64,
}

#[derive(Debug)]
struct Entry {
    failure: HandshakeFailure,
    place: u64,
    logged: BTreeMap<Verdict, Timestamp>,
}

impl Default for HandshakeFailures {
    /// Room for 1,000 addresses.
    fn default() -> Self {
        Self::new(1000)
    }
}

impl HandshakeFailures {
    /// A table for at most `capacity` addresses, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { table: Mutex::default(), capacity: capacity.max(1) }
    }

    /// All addresses, the one seen last first.
    #[must_use]
    pub fn snapshot(&self) -> Vec<HandshakeFailure> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = table.order.values().rev().filter_map(|address| table.entries.get(address));
        entries.map(|entry| entry.failure.clone()).collect()
    }

    /// Counts a failure.
    pub(super) fn record(
        &self,
        listener: &str,
        address: IpAddr,
        diagnosis: &HelloDiagnosis,
        now: Timestamp,
    ) -> Logging {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let place = table.next;
        table.next += 1;

        if let Some(known) = table.entries.get(&address).map(|entry| entry.place) {
            table.order.remove(&known);
        } else if table.entries.len() >= self.capacity
            && let Some((_, oldest)) = table.order.pop_first()
        {
            table.entries.remove(&oldest);
        }
        table.order.insert(place, address);

        let entry = table.entries.entry(address).or_insert_with(|| Entry {
            failure: HandshakeFailure {
                address,
                listener: String::new(),
                count: 0,
                verdicts: BTreeMap::new(),
                first_seen: now,
                last_seen: now,
                last: diagnosis.clone(),
            },
            place,
            logged: BTreeMap::new(),
        });
        entry.place = place;
        let failure = &mut entry.failure;
        failure.count += 1;
        *failure.verdicts.entry(diagnosis.verdict).or_default() += 1;
        failure.last_seen = now;
        failure.last.clone_from(diagnosis);
        if failure.listener != listener {
            listener.clone_into(&mut failure.listener);
        }

        let due = entry
            .logged
            .get(&diagnosis.verdict)
            .is_none_or(|logged| now.duration_since(*logged).abs() >= LOG_AGAIN);
        if !diagnosis.verdict.is_notable() || !due {
            return Logging::Skip;
        }
        entry.logged.insert(diagnosis.verdict, now);
        table.line(now)
    }
}

impl Table {
    /// Takes one line out of the window's allowance.
    fn line(&mut self, now: Timestamp) -> Logging {
        let over = self.window_start.is_none_or(|start| now.duration_since(start).abs() >= LOG_WINDOW);
        if over {
            self.window_start = Some(now);
            self.window_lines = 0;
        }
        if self.window_lines >= LOG_LINES {
            self.left_out += 1;
            return Logging::Skip;
        }
        self.window_lines += 1;
        Logging::Write { left_out: std::mem::take(&mut self.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnosis::{Cause, diagnose};
    use super::super::hello::tests::hello_record;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn old() -> HelloDiagnosis {
        diagnose(&hello_record(0x0301, &[0x000a], &[]), &Cause::Closed)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn failures_are_counted_per_address_and_verdict() {
        let failures = HandshakeFailures::default();
        failures.record("phones", address(1), &old(), at(0));
        failures.record("phones", address(2), &old(), at(1));
        failures.record("secure", address(1), &diagnose(b"GET / ", &Cause::Closed), at(5));

        let found = failures.snapshot();
        assert_eq!(found.iter().map(|failure| failure.address).collect::<Vec<_>>(), [address(1), address(2)]);
        let first = &found[0];
        assert_eq!((first.count, first.first_seen, first.last_seen), (2, at(0), at(5)));
        assert_eq!(first.listener, "secure");
        assert_eq!(first.last.verdict, Verdict::PlainHttp);
        let verdicts = BTreeMap::from([(Verdict::TlsVersionTooOld, 1), (Verdict::PlainHttp, 1)]);
        assert_eq!(first.verdicts, verdicts);
    }

    #[test]
    fn the_address_seen_longest_ago_makes_room() {
        let failures = HandshakeFailures::new(2);
        for (second, last) in [1, 2, 1, 3].into_iter().enumerate() {
            failures.record("phones", address(last), &old(), at(second as i64));
        }
        let left: Vec<IpAddr> = failures.snapshot().into_iter().map(|failure| failure.address).collect();
        assert_eq!(left, [address(3), address(1)]);
        let table = failures.table.lock().expect("not poisoned");
        assert_eq!(table.order.len(), table.entries.len());
    }

    #[test]
    fn a_phone_that_keeps_trying_is_logged_now_and_then() {
        let failures = HandshakeFailures::default();
        let log = |seconds| failures.record("phones", address(1), &old(), at(seconds));
        assert_eq!(log(0), Logging::Write { left_out: 0 });
        assert_eq!(log(1), Logging::Skip);
        assert_eq!(log(599), Logging::Skip);
        assert_eq!(log(600), Logging::Write { left_out: 0 });
    }

    #[test]
    fn many_addresses_share_a_limited_number_of_lines() {
        let failures = HandshakeFailures::default();
        let mut written = 0;
        for last in 1..=100 {
            if failures.record("phones", address(last), &old(), at(0)) != Logging::Skip {
                written += 1;
            }
        }
        assert_eq!(written, LOG_LINES);
        let later = failures.record("phones", address(200), &old(), at(60));
        assert_eq!(later, Logging::Write { left_out: u64::from(100 - LOG_LINES) });
    }

    #[test]
    fn connections_that_just_close_are_counted_but_not_logged() {
        let failures = HandshakeFailures::default();
        let logging = failures.record("phones", address(1), &diagnose(b"", &Cause::Closed), at(0));
        assert_eq!(logging, Logging::Skip);
        assert_eq!(failures.snapshot()[0].count, 1);
    }
}
