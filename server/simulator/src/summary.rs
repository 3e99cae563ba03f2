//! Counts and times of a run, and the result that is shown at its end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::sync::watch;

use crate::machine::SessionEnd;
use crate::session::{SessionError, SessionOutcome};
use crate::simulated_phone::SessionSink;
use crate::totals::{ContactTotals, OrderTotals};

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Making the phones.
    #[default]
    Preparing,
    /// Phones open sessions by themselves.
    Rounds,
    /// Phones listen for contact-me.
    Staying,
    /// It is over.
    Done,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Phones in the fleet.
    pub phones: u32,
    /// Rounds begun.
    pub round: u32,
    /// Sessions that ran to their end.
    pub ok: u64,
    /// Sessions that broke off.
    pub failed: u64,
    /// Sessions the server was too busy for.
    pub overloaded: u64,
}

/// Times of one kind, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Half took no longer.
    pub p50_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Phones in the fleet.
    pub phones: u32,
    /// Rounds begun.
    pub rounds: u32,
    /// Sessions that ran to their end, while staying included.
    pub sessions_ok: u64,
    /// Sessions that broke off.
    pub sessions_failed: u64,
    /// Sessions the server was too busy for.
    pub sessions_overloaded: u64,
    /// Sessions the phone broke off by itself, as it was told to.
    pub sessions_left: u64,
    /// Chains of sessions given up because the server stayed too busy or kept on asking.
    pub given_up: u64,
    /// Chains of sessions of the rounds that came to their end: in a blackout, phones that are served.
    pub chains_complete: u64,
    /// When the last of them came to its end, in seconds from the begin of the rounds.
    pub last_complete_seconds: f64,
    /// When they came to their end, from the begin of the rounds.
    pub completion: Latency,
    /// Length of the rounds.
    pub seconds: f64,
    /// Sessions that ran to their end during the rounds, per second.
    pub sessions_per_second: f64,
    /// Requests of sessions that ran to their end or were overloaded.
    pub requests: u64,
    /// Connections of the same.
    pub connections: u64,
    /// Items in the phones' messages.
    pub items_sent: u64,
    /// Bytes of the phones' messages.
    pub bytes_sent: u64,
    /// Bytes of the server's messages.
    pub bytes_received: u64,
    /// Whole sessions, without think time.
    pub session_latency: Latency,
    /// TCP and TLS of sessions.
    pub connect_latency: Latency,
    /// Single requests without connecting.
    pub request_latency: Latency,
    /// What the phones were told.
    pub orders: OrderTotals,
    /// How the phones were called and polled.
    pub contacts: ContactTotals,
    /// Orders of the server by name.
    pub actions: BTreeMap<String, u64>,
    /// Broken-off sessions by kind.
    pub errors: BTreeMap<&'static str, u64>,
    /// The first error of each kind in full.
    pub error_examples: BTreeMap<&'static str, String>,
}

/// Counts sessions and tells a watcher how it goes.
pub(crate) struct Recorder {
    tally: Mutex<Tally>,
    progress: watch::Sender<Progress>,
}

struct Tally {
    summary: Summary,
    sessions: Histogram<u64>,
    connecting: Histogram<u64>,
    requests: Histogram<u64>,
    completion: Histogram<u64>,
}

impl Recorder {
    pub(crate) fn new(phones: u32, progress: watch::Sender<Progress>) -> Self {
        progress.send_modify(|progress| progress.phones = phones);
        let summary = Summary { phones, ..Summary::default() };
        let [sessions, connecting, requests] = [(); 3].map(|()| histogram(MINUTE));
        let completion = histogram(DAY);
        Self { tally: Mutex::new(Tally { summary, sessions, connecting, requests, completion }), progress }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.progress.send_modify(|progress| progress.phase = phase);
    }

    pub(crate) fn round(&self) {
        self.with(|tally| tally.summary.rounds += 1);
        self.progress.send_modify(|progress| progress.round += 1);
    }

    pub(crate) fn given_up(&self) {
        self.with(|tally| tally.summary.given_up += 1);
    }

    /// A chain of sessions of the rounds came to its end, so long after their begin.
    pub(crate) fn complete(&self, after: Duration) {
        self.with(|tally| {
            tally.completion.saturating_record(micros(after));
            let summary = &mut tally.summary;
            summary.chains_complete += 1;
            summary.last_complete_seconds = summary.last_complete_seconds.max(after.as_secs_f64());
        });
    }

    /// What the phones themselves noted.
    pub(crate) fn totals(&self, orders: OrderTotals, contacts: ContactTotals) {
        self.with(|tally| (tally.summary.orders, tally.summary.contacts) = (orders, contacts));
    }

    /// The rounds are over after this time: fix the rate.
    pub(crate) fn rounds_end(&self, length: Duration) {
        self.with(|tally| {
            let summary = &mut tally.summary;
            summary.seconds = length.as_secs_f64();
            if summary.seconds > 0.0 {
                summary.sessions_per_second = summary.sessions_ok as f64 / summary.seconds;
            }
        });
    }

    pub(crate) fn summary(&self) -> Summary {
        self.with(|tally| Summary {
            session_latency: latency(&tally.sessions),
            connect_latency: latency(&tally.connecting),
            request_latency: latency(&tally.requests),
            completion: latency(&tally.completion),
            ..tally.summary.clone()
        })
    }

    fn with<R>(&self, change: impl FnOnce(&mut Tally) -> R) -> R {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionSink for Recorder {
    fn session(&self, number: u32, result: &Result<SessionOutcome, SessionError>) {
        let overloaded = matches!(result, Ok(outcome) if outcome.end.is_overload());
        self.with(|tally| match result {
            Ok(outcome) => tally.outcome(outcome, overloaded),
            Err(error) => tally.error(error),
        });
        if let Err(error) = result {
            tracing::debug!(phone = number, kind = error.kind(), "a session broke off");
        }
        self.progress.send_modify(|progress| match result {
            Ok(_) if overloaded => progress.overloaded += 1,
            Ok(outcome) if !outcome.end.is_complete() => {}
            Ok(_) => progress.ok += 1,
            Err(_) => progress.failed += 1,
        });
    }
}

impl Tally {
    fn outcome(&mut self, outcome: &SessionOutcome, overloaded: bool) {
        let summary = &mut self.summary;
        if overloaded {
            summary.sessions_overloaded += 1;
        } else if !outcome.end.is_complete() {
            summary.sessions_left += 1;
        } else {
            summary.sessions_ok += 1;
            self.sessions.saturating_record(micros(outcome.duration));
        }
        self.connecting.saturating_record(micros(outcome.connecting));
        for time in &outcome.request_times {
            self.requests.saturating_record(micros(*time));
        }
        summary.requests += u64::from(outcome.requests);
        summary.connections += u64::from(outcome.connections);
        summary.items_sent += outcome.items_sent;
        summary.bytes_sent += outcome.bytes_sent;
        summary.bytes_received += outcome.bytes_received;
        for action in &outcome.actions {
            match summary.actions.get_mut(action.as_str()) {
                Some(count) => *count += 1,
                None => {
                    summary.actions.insert(action.as_str().to_owned(), 1);
                }
            }
        }
        if outcome.end == SessionEnd::NothingMore {
            *summary.actions.entry("(empty answer)".to_owned()).or_default() += 1;
        }
    }

    fn error(&mut self, error: &SessionError) {
        self.summary.sessions_failed += 1;
        *self.summary.errors.entry(error.kind()).or_default() += 1;
        self.summary.error_examples.entry(error.kind()).or_insert_with(|| in_full(error));
    }
}

/// An error with all its sources in one line, for people.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A minute and a day in microseconds.
const MINUTE: u64 = 60_000_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Microseconds up to `longest`, to three digits.
#[expect(clippy::expect_used, reason = "constant bounds that the library takes")]
fn histogram(longest: u64) -> Histogram<u64> {
    Histogram::new_with_bounds(1, longest, 3).expect("bounds are sound")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Latency {
        count: histogram.len(),
        p50_ms: at(0.50),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        max_ms: histogram.max() as f64 / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use wire::{Action, Reason};

    use super::*;

    fn outcome(milliseconds: u64, reason: Option<&str>) -> SessionOutcome {
        let time = Duration::from_millis(milliseconds);
        SessionOutcome {
            reason: Reason::StartUp,
            actions: vec![Action::ReadAllItems, Action::CleanUp],
            end: SessionEnd::CleanUp { reason: reason.map(ToOwned::to_owned), send_solicited: false },
            requests: 2,
            connections: 1,
            items_sent: 330,
            bytes_sent: 20_000,
            bytes_received: 500,
            duration: time,
            connecting: time / 4,
            request_times: vec![time / 4, time / 2],
        }
    }

    #[test]
    fn sessions_overloads_and_errors_are_counted_apart() {
        let (progress, watcher) = watch::channel(Progress::default());
        let recorder = Recorder::new(3, progress);
        recorder.round();
        for milliseconds in 1..=100 {
            recorder.session(0, &Ok(outcome(milliseconds, None)));
        }
        recorder.session(1, &Ok(outcome(5000, Some("overload"))));
        recorder.session(2, &Err(SessionError::WrongNonce));
        recorder.session(2, &Err(SessionError::WrongNonce));
        let vanished = SessionOutcome { end: SessionEnd::Vanished, ..outcome(5000, None) };
        recorder.session(1, &Ok(vanished));
        recorder.complete(Duration::from_secs(90));
        recorder.complete(Duration::from_secs(30));
        recorder.rounds_end(Duration::from_secs(10));
        let summary = recorder.summary();
        assert_eq!((summary.sessions_ok, summary.sessions_overloaded, summary.sessions_failed), (100, 1, 2));
        assert!((summary.sessions_per_second - 10.0).abs() < 1e-9);
        assert_eq!((summary.sessions_left, summary.chains_complete), (1, 2));
        assert!((summary.last_complete_seconds - 90.0).abs() < 1e-9);
        assert!((summary.completion.max_ms - 90_000.0).abs() < 100.0, "{:?}", summary.completion);
        let latency = summary.session_latency;
        assert_eq!(latency.count, 100);
        assert!((latency.p50_ms - 50.0).abs() < 0.5, "{latency:?}");
        assert!((latency.p99_ms - 99.0).abs() < 0.5, "{latency:?}");
        assert!((latency.max_ms - 100.0).abs() < 0.5, "{latency:?}");
        assert_eq!(summary.request_latency.count, 204);
        assert_eq!(summary.actions["ReadAllItems"], 102);
        assert_eq!(summary.errors["wrong-nonce"], 2);
        assert_eq!(summary.error_examples.len(), 1);
        let seen = *watcher.borrow();
        assert_eq!((seen.phones, seen.round, seen.ok, seen.failed, seen.overloaded), (3, 1, 100, 2, 1));
        assert!(serde_json::to_string(&summary).unwrap().contains("\"sessions_ok\":100"));
    }
}
