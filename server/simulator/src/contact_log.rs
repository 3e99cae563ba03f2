//! What a phone noticed of being called: each contact-me with its time, and whether the caller kept the
//! contact gap (`wpi.md` §1.5 rules 1 and 2), and the polls it made itself (`wpi.md` §6).
//!
//! Time is passed in. Nothing here opens a socket or decides what a contact-me leads to but by the rules
//! it is given.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::contact_gap::ContactGap;

/// Most arrivals that are kept; older ones are only counted.
const MOST_ARRIVALS: usize = 256;

/// What became of a contact-me.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactOutcome {
    /// Acknowledged, and the phone comes.
    Accepted,
    /// Acknowledged, and the phone does not come.
    Ignored,
    /// Not acknowledged: the phone was restarting, or its listener hung.
    Lost,
}

/// One contact-me.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, counted from the making of the phone.
    pub at: Duration,
    /// What became of it.
    pub outcome: ContactOutcome,
    /// It came so soon after the last acknowledged one that it broke the contact gap: the time between
    /// the two.
    pub too_soon: Option<Duration>,
}

/// How a phone was called and how it polled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactLog {
    /// Contact-me requests that the phone follows.
    pub accepted: u32,
    /// Acknowledged ones it does not follow.
    pub ignored: u32,
    /// Ones it did not acknowledge.
    pub lost: u32,
    /// Contact-me requests that arrived inside the contact gap after an acknowledged one. Counted
    /// besides the outcome.
    pub violations: u32,
    /// Polls sent.
    pub polls: u32,
    /// Polls answered with 202: jobs wait.
    pub polls_with_work: u32,
    /// Polls without an answer, or with another one than 200 and 202.
    pub polls_failed: u32,
    /// The latest contact-me requests, oldest first.
    pub arrivals: VecDeque<Arrival>,
}

/// What a poll was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollOutcome {
    Nothing,
    Work,
    Failed,
}

/// The rules by which a phone follows contact-me requests at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContactRules {
    /// Contact gap; zero is none.
    pub(crate) gap: Duration,
    /// Every so many-th one outside the gap is ignored; 0 ignores none.
    pub(crate) ignore_every: u32,
    /// Never come.
    pub(crate) silent: bool,
}

/// The book that is kept.
#[derive(Debug)]
pub(crate) struct ContactBook {
    begin: Instant,
    gap: ContactGap,
    last_acknowledged: Option<Instant>,
    outside_gap: u32,
    log: ContactLog,
}

impl ContactBook {
    pub(crate) fn new(begin: Instant) -> Self {
        let (gap, log) = (ContactGap::default(), ContactLog::default());
        Self { begin, gap, last_acknowledged: None, outside_gap: 0, log }
    }

    pub(crate) fn log(&self) -> &ContactLog {
        &self.log
    }

    /// A contact-me that is acknowledged arrives: whether the phone follows it.
    pub(crate) fn acknowledged(&mut self, now: Instant, rules: ContactRules) -> bool {
        let since = self.last_acknowledged.map(|last| now.saturating_duration_since(last));
        let too_soon = since.filter(|since| *since < rules.gap);
        self.last_acknowledged = Some(now);
        let mut followed = !rules.silent && self.gap.admit(now, rules.gap);
        if followed && rules.ignore_every > 0 {
            self.outside_gap += 1;
            followed = !self.outside_gap.is_multiple_of(rules.ignore_every);
        }
        let outcome = if followed { ContactOutcome::Accepted } else { ContactOutcome::Ignored };
        self.note(now, outcome, too_soon);
        followed
    }

    /// A contact-me arrives that is not acknowledged. It cannot break the gap: its sender knows that the
    /// phone did not hear it.
    pub(crate) fn lost(&mut self, now: Instant) {
        self.note(now, ContactOutcome::Lost, None);
    }

    pub(crate) fn polled(&mut self, outcome: PollOutcome) {
        let log = &mut self.log;
        log.polls = log.polls.saturating_add(1);
        match outcome {
            PollOutcome::Nothing => {}
            PollOutcome::Work => log.polls_with_work = log.polls_with_work.saturating_add(1),
            PollOutcome::Failed => log.polls_failed = log.polls_failed.saturating_add(1),
        }
    }

    fn note(&mut self, now: Instant, outcome: ContactOutcome, too_soon: Option<Duration>) {
        let log = &mut self.log;
        let count = match outcome {
            ContactOutcome::Accepted => &mut log.accepted,
            ContactOutcome::Ignored => &mut log.ignored,
            ContactOutcome::Lost => &mut log.lost,
        };
        *count = count.saturating_add(1);
        log.violations = log.violations.saturating_add(u32::from(too_soon.is_some()));
        if log.arrivals.len() >= MOST_ARRIVALS {
            log.arrivals.pop_front();
        }
        log.arrivals.push_back(Arrival { at: now.saturating_duration_since(self.begin), outcome, too_soon });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ContactRules =
        ContactRules { gap: Duration::from_secs(300), ignore_every: 0, silent: false };

    #[test]
    fn a_contact_me_inside_the_gap_is_ignored_and_held_against_the_caller() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut book = ContactBook::new(begin);
        assert!(book.acknowledged(after(10), RULES));
        assert!(!book.acknowledged(after(309), RULES));
        // Outside the gap of the followed one, but not of the last one: the phone comes, and still two
        // requests were too close to each other.
        assert!(book.acknowledged(after(310), RULES));
        assert!(book.acknowledged(after(610), RULES));
        let log = book.log();
        assert_eq!((log.accepted, log.ignored, log.lost, log.violations), (3, 1, 0, 2));
        let second = Arrival {
            at: Duration::from_secs(309),
            outcome: ContactOutcome::Ignored,
            too_soon: Some(Duration::from_secs(299)),
        };
        assert_eq!(log.arrivals[1], second);
        assert_eq!(log.arrivals[2].too_soon, Some(Duration::from_secs(1)));
    }

    #[test]
    fn without_a_gap_nothing_comes_too_soon() {
        let begin = Instant::now();
        let mut book = ContactBook::new(begin);
        let rules = ContactRules { gap: Duration::ZERO, ..RULES };
        assert!(book.acknowledged(begin, rules) && book.acknowledged(begin, rules));
        assert_eq!(book.log().violations, 0);
    }

    #[test]
    fn a_call_that_was_not_heard_may_be_repeated() {
        let begin = Instant::now();
        let mut book = ContactBook::new(begin);
        book.lost(begin);
        assert!(book.acknowledged(begin, RULES));
        let log = book.log();
        assert_eq!((log.accepted, log.lost, log.violations), (1, 1, 0));
    }

    #[test]
    fn every_nth_or_every_one_is_ignored_when_told_so() {
        let begin = Instant::now();
        let at = |number: u32| begin + number * RULES.gap;
        let mut third = ContactBook::new(begin);
        let rules = ContactRules { ignore_every: 3, ..RULES };
        let followed: Vec<_> = (0..6).map(|number| third.acknowledged(at(number), rules)).collect();
        assert_eq!(followed, [true, true, false, true, true, false]);
        assert_eq!((third.log().ignored, third.log().violations), (2, 0));
        let mut silent = ContactBook::new(begin);
        let rules = ContactRules { silent: true, ..RULES };
        assert!((0..3).all(|number| !silent.acknowledged(at(number), rules)));
    }

    #[test]
    fn only_the_latest_arrivals_are_kept() {
        let begin = Instant::now();
        let mut book = ContactBook::new(begin);
        for _ in 0..1000 {
            book.lost(begin);
        }
        assert_eq!((book.log().lost, book.log().arrivals.len()), (1000, MOST_ARRIVALS));
    }
}
