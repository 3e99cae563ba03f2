//! What a whole fleet was told and how it was called: the sums of the phones' own logs, for summaries.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::address::MacAddress;
use crate::contact_log::ContactLog;
use crate::orders::{OrderCount, OrderLog};

/// Most broken contact gaps that are named one by one.
const MOST_EXAMPLES: usize = 20;

/// Orders to all phones. "Twice" counts what the same phone was told again: a job engine that repeats
/// itself shows here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OrderTotals {
    /// WriteItems messages received.
    pub writes: u64,
    /// WriteItems messages that were busy, failed or broken off.
    pub writes_refused: u64,
    /// Items taken, by name.
    pub items_taken: BTreeMap<String, u64>,
    /// Items answered with a status, by name.
    pub items_refused: BTreeMap<String, u64>,
    /// Items (of one phone, name and index) that were taken more than once.
    pub items_taken_twice: u64,
    /// Restarts received.
    pub restarts: u64,
    /// Phones that received more than one restart.
    pub phones_restarted_twice: u64,
    /// Factory resets received.
    pub factory_resets: u64,
    /// Factory resets with a wrong code or while busy.
    pub factory_resets_refused: u64,
    /// Phones that were reset more than once.
    pub phones_reset_twice: u64,
    /// Deployments of files and firmware received.
    pub deployments: u64,
    /// Deployments that were refused, or came to a busy phone.
    pub deployments_refused: u64,
    /// Downloads begun.
    pub downloads_started: u64,
    /// Downloads that ended with the whole file.
    pub downloads_completed: u64,
    /// Downloads that ended without it.
    pub downloads_failed: u64,
    /// Times a download went on after its connection broke.
    pub downloads_resumed: u64,
    /// Bytes of downloads.
    pub download_bytes: u64,
    /// Start-ups with the firmware of a deployment.
    pub updates: u64,
}

/// Contact-me requests and polls of all phones.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ContactTotals {
    /// Contact-me requests that were followed.
    pub accepted: u64,
    /// Acknowledged and not followed.
    pub ignored: u64,
    /// Not acknowledged.
    pub lost: u64,
    /// Contact-me requests inside the contact gap.
    pub violations: u64,
    /// The first of them.
    pub violation_examples: Vec<Violation>,
    /// Polls of the contact-me proxy.
    pub polls: u64,
    /// Polls answered with 202.
    pub polls_with_work: u64,
    /// Polls without a good answer.
    pub polls_failed: u64,
}

/// A contact-me that came too soon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// Hardware address of the phone.
    pub phone: String,
    /// Seconds from the making of the phone.
    pub at_seconds: f64,
    /// Seconds since the contact-me before.
    pub after_seconds: f64,
}

fn add(sums: &mut BTreeMap<String, u64>, name: &str, count: u32) {
    if count == 0 {
        return;
    }
    match sums.get_mut(name) {
        Some(sum) => *sum += u64::from(count),
        None => {
            sums.insert(name.to_owned(), u64::from(count));
        }
    }
}

impl OrderTotals {
    /// Add what one phone was told.
    pub fn add(&mut self, log: &OrderLog) {
        let refused = |count: OrderCount| u64::from(count.received.saturating_sub(count.obeyed));
        self.writes += u64::from(log.writes.received);
        self.writes_refused += refused(log.writes);
        for (key, count) in &log.items {
            add(&mut self.items_taken, &key.name, count.taken);
            add(&mut self.items_refused, &key.name, count.refused);
        }
        self.items_taken_twice += log.taken_twice().count() as u64;
        self.restarts += u64::from(log.restarts.received);
        self.phones_restarted_twice += u64::from(log.restarts.received > 1);
        self.factory_resets += u64::from(log.factory_resets.received);
        self.factory_resets_refused += refused(log.factory_resets);
        self.phones_reset_twice += u64::from(log.factory_resets.obeyed > 1);
        self.deployments += u64::from(log.deployments.received);
        self.deployments_refused += refused(log.deployments);
        self.downloads_started += u64::from(log.downloads.started);
        self.downloads_completed += u64::from(log.downloads.completed);
        self.downloads_failed += u64::from(log.downloads.failed);
        self.downloads_resumed += u64::from(log.downloads.resumed);
        self.download_bytes += log.downloads.bytes;
        self.updates += u64::from(log.updates);
    }
}

impl ContactTotals {
    /// Add how one phone was called.
    pub fn add(&mut self, mac: MacAddress, log: &ContactLog) {
        self.accepted += u64::from(log.accepted);
        self.ignored += u64::from(log.ignored);
        self.lost += u64::from(log.lost);
        self.violations += u64::from(log.violations);
        self.polls += u64::from(log.polls);
        self.polls_with_work += u64::from(log.polls_with_work);
        self.polls_failed += u64::from(log.polls_failed);
        let room = MOST_EXAMPLES.saturating_sub(self.violation_examples.len());
        let soon = log.arrivals.iter().filter_map(|arrival| Some((arrival.at, arrival.too_soon?)));
        self.violation_examples.extend(soon.take(room).map(|(at, after)| Violation {
            phone: mac.to_string(),
            at_seconds: at.as_secs_f64(),
            after_seconds: after.as_secs_f64(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use wire::{Action, Item};

    use super::*;
    use crate::contact_log::{ContactBook, ContactRules};

    #[test]
    fn the_sums_tell_what_was_told_again_from_what_many_were_told() {
        let items = [Item::new("reg-addr", "a"), Item::new("no-such-item", "b")];
        let reset = [Item::new("restart-type", "FactoryReset")];
        let mut once = OrderLog::default();
        once.received(&Action::WriteItems, &items);
        once.obeyed(&Action::WriteItems, &items);
        once.refused(&items[1..]);
        once.received(&Action::Restart, &reset);
        let mut twice = once.clone();
        twice.received(&Action::WriteItems, &items[..1]);
        twice.obeyed(&Action::WriteItems, &items[..1]);
        twice.received(&Action::WriteItems, &items);
        for _ in 0..2 {
            twice.received(&Action::Restart, &[]);
        }
        let mut totals = OrderTotals::default();
        for log in [&once, &once, &twice] {
            totals.add(log);
        }
        assert_eq!((totals.writes, totals.writes_refused), (5, 1));
        assert_eq!((totals.items_taken["reg-addr"], totals.items_refused["no-such-item"]), (4, 3));
        assert_eq!((totals.items_taken.len(), totals.items_taken_twice), (1, 1));
        assert_eq!((totals.restarts, totals.phones_restarted_twice), (2, 1));
        assert_eq!(
            (totals.factory_resets, totals.factory_resets_refused, totals.phones_reset_twice),
            (3, 3, 0)
        );
    }

    #[test]
    fn broken_gaps_are_counted_and_the_first_ones_named() {
        let begin = Instant::now();
        let rules = ContactRules { gap: Duration::from_secs(300), ignore_every: 0, silent: false };
        let mut book = ContactBook::new(begin);
        for second in 0..31 {
            book.acknowledged(begin + Duration::from_secs(second), rules);
        }
        let mut totals = ContactTotals::default();
        totals.add(MacAddress([0, 0x1A, 0xE8, 0, 0, 1]), book.log());
        assert_eq!((totals.accepted, totals.ignored, totals.violations), (1, 30, 30));
        assert_eq!(totals.violation_examples.len(), MOST_EXAMPLES);
        let first = Violation { phone: "00:1A:E8:00:00:01".to_owned(), at_seconds: 1.0, after_seconds: 1.0 };
        assert_eq!(totals.violation_examples[0], first);
    }
}
