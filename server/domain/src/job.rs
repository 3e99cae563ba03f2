//! Jobs and their targets: kinds, states, and what may follow on what (D-26, OSEM §12).
//!
//! A target is one client of a job. Its life is a small state machine that knows neither clocks nor
//! databases: [`Target::apply`] takes what happened and gives the next state, or refuses.
//!
//! ```text
//!  scheduled ── due ──> waiting <── no session ── active
//!                         │  └───── called ────────^ │
//!                         └───────── sent ──────────>sent ── reply ──> success, partial, failed
//!                         ^                           │
//!                         └── busy, unanswered ───────┘   (restart, reset, deployment: stays sent until it is told)
//!  waiting, active, sent ── time is up ──> timeout;  not sent yet ── user ──> cancelled
//! ```

use serde::{Deserialize, Serialize};

use crate::words::words;

/// How often an order without effect is sent on its own before it counts as failed (`wpi.md` §9).
pub const MOST_ATTEMPTS: u32 = 3;

words! {
    /// What a job does.
    JobKind {
        /// Writes items that an administrator changed.
        WriteConfiguration = "write-configuration",
        /// Writes what differs from the desired configuration (D-22).
        Converge = "converge",
        /// Reads everything again (OSEM §4.5.2).
        ReadConfiguration = "read-configuration",
        /// Lets phones fetch or delete files (OSEM §4.5.4).
        DeployFiles = "deploy-files",
        /// Lets phones fetch and start firmware.
        DeploySoftware = "deploy-software",
        /// Restarts the phone.
        Restart = "restart",
        /// Resets the phone to its factory values (OSEM §4.5.7, D-25).
        FactoryReset = "factory-reset",
        /// Deletes the client; the phone is not asked (OSEM §4.5.9).
        DeleteClient = "delete-client",
    }
}

impl JobKind {
    /// Whether its effect must never be repeated on its own: sent once, then only looked for.
    pub fn is_dangerous(self) -> bool {
        matches!(self, Self::Restart | Self::FactoryReset)
    }

    /// Whether it is sent once and then only looked for: what is dangerous, and what a phone goes on with after its
    /// session (`wpi.md` §4.6).
    pub fn is_fenced(self) -> bool {
        self.is_dangerous() || self.deploys()
    }

    /// Whether it takes a phone out of service for a while.
    pub fn interrupts(self) -> bool {
        self.is_dangerous() || self == Self::DeploySoftware
    }

    /// Whether phones fetch something: its end is told in a later session (`wpi.md` §4.6).
    pub fn deploys(self) -> bool {
        matches!(self, Self::DeployFiles | Self::DeploySoftware)
    }

    /// Whether it waits for a session with the phone. The others are done by the server alone.
    pub fn needs_phone(self) -> bool {
        self != Self::DeleteClient
    }

    /// Whether it writes items, from a stored diff (D-22).
    pub fn writes(self) -> bool {
        matches!(self, Self::WriteConfiguration | Self::Converge)
    }

    /// Place in the order that has proved good: write, read, restart (`wpi.md` §4.4).
    pub fn rank(self) -> u8 {
        match self {
            Self::WriteConfiguration | Self::Converge => 0,
            Self::ReadConfiguration => 1,
            Self::DeployFiles => 2,
            Self::DeploySoftware => 3,
            Self::Restart => 4,
            Self::FactoryReset => 5,
            Self::DeleteClient => 6,
        }
    }
}

words! {
    /// State of a job as a whole (D-26).
    JobState {
        /// Nothing was done yet.
        Created = "created",
        /// Something was done, not all.
        Active = "active",
        /// Nothing new starts until it is resumed.
        Paused = "paused",
        /// Some targets succeeded, not all.
        PartialSuccessful = "partial-successful",
        /// All targets succeeded.
        Success = "success",
        /// No target succeeded and all timed out.
        Timeout = "timeout",
        /// No target succeeded.
        Failed = "failed",
        /// A user ended it.
        Cancelled = "cancelled",
    }
}

words! {
    /// State of one target (D-26).
    TargetState {
        /// It waits for the phone.
        Waiting = "waiting",
        /// Its time has not come.
        Scheduled = "scheduled",
        /// The phone was called and has acknowledged.
        Active = "active",
        /// The order is on its way, or done without an answer. Committed before the bytes leave.
        Sent = "sent",
        /// Done.
        Success = "success",
        /// Done in part; the results say what was not.
        Partial = "partial",
        /// Not done.
        Failed = "failed",
        /// Not done in time.
        Timeout = "timeout",
        /// Ended by a user before it was sent.
        Cancelled = "cancelled",
        /// There was nothing to do any more.
        Skipped = "skipped",
    }
}

impl TargetState {
    /// Whether nothing follows on its own.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Waiting | Self::Scheduled | Self::Active | Self::Sent)
    }
}

impl JobState {
    /// Whether nothing follows on its own.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Created | Self::Active | Self::Paused)
    }
}

words! {
    /// What made a job.
    JobCause {
        /// A user or a script.
        User = "user",
        /// A contact found the phone different from the desired configuration.
        StartUp = "start-up",
        /// Templates, groups or fields of clients were changed.
        Templates = "templates",
        /// A value the server itself needs on the phone, for instance `dcmp-url` (D-10).
        System = "system",
    }
}

/// Number of targets in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// See [`TargetState`].
    pub waiting: u64,
    /// See [`TargetState`].
    pub scheduled: u64,
    /// See [`TargetState`].
    pub active: u64,
    /// See [`TargetState`].
    pub sent: u64,
    /// See [`TargetState`].
    pub success: u64,
    /// See [`TargetState`].
    pub partial: u64,
    /// See [`TargetState`].
    pub failed: u64,
    /// See [`TargetState`].
    pub timeout: u64,
    /// See [`TargetState`].
    pub cancelled: u64,
    /// See [`TargetState`].
    pub skipped: u64,
}

impl Counts {
    /// Adds targets in a state.
    pub fn add(&mut self, state: TargetState, number: u64) {
        let place = match state {
            TargetState::Waiting => &mut self.waiting,
            TargetState::Scheduled => &mut self.scheduled,
            TargetState::Active => &mut self.active,
            TargetState::Sent => &mut self.sent,
            TargetState::Success => &mut self.success,
            TargetState::Partial => &mut self.partial,
            TargetState::Failed => &mut self.failed,
            TargetState::Timeout => &mut self.timeout,
            TargetState::Cancelled => &mut self.cancelled,
            TargetState::Skipped => &mut self.skipped,
        };
        *place += number;
    }

    /// Targets in a state.
    pub fn of(&self, state: TargetState) -> u64 {
        match state {
            TargetState::Waiting => self.waiting,
            TargetState::Scheduled => self.scheduled,
            TargetState::Active => self.active,
            TargetState::Sent => self.sent,
            TargetState::Success => self.success,
            TargetState::Partial => self.partial,
            TargetState::Failed => self.failed,
            TargetState::Timeout => self.timeout,
            TargetState::Cancelled => self.cancelled,
            TargetState::Skipped => self.skipped,
        }
    }

    /// All targets.
    pub fn total(&self) -> u64 {
        self.open() + self.success + self.partial + self.failed + self.timeout + self.cancelled + self.skipped
    }

    /// Targets that are not at their end.
    pub fn open(&self) -> u64 {
        self.waiting + self.scheduled + self.active + self.sent
    }

    /// State of the job they belong to (D-26). A skipped target needed nothing and counts as a success.
    pub fn job_state(&self, stopping: bool) -> JobState {
        let good = self.success + self.skipped;
        if self.open() > 0 {
            let untouched = self.open() == self.total() && self.active + self.sent == 0;
            return if untouched { JobState::Created } else { JobState::Active };
        }
        if stopping && self.cancelled > 0 {
            JobState::Cancelled
        } else if good == self.total() {
            JobState::Success
        } else if good + self.partial > 0 {
            JobState::PartialSuccessful
        } else if self.timeout == self.total() {
            JobState::Timeout
        } else if self.cancelled == self.total() {
            JobState::Cancelled
        } else {
            JobState::Failed
        }
    }
}

/// What a target is, as far as its state machine goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// What its job does.
    pub kind: JobKind,
    /// Where it is.
    pub state: TargetState,
    /// How often it was sent.
    pub attempts: u32,
    /// A user has cancelled its job: it is not sent again.
    pub stopping: bool,
}

/// What happens to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Its planned time has come.
    Due,
    /// The phone acknowledged a contact-me.
    Called,
    /// The phone did not come after a contact-me, or cannot be reached.
    NotComing,
    /// Its order is about to leave.
    Sent,
    /// The order did not leave after all.
    NotSent,
    /// The phone is busy; this does not count as tried.
    Busy,
    /// The session ended before the reply, or the node that sent it is gone.
    Unanswered,
    /// The phone gave up the session (`wpi.md` §4.9).
    GaveUp,
    /// The phone did as it was told, and this server did not give it what it was sent for.
    NotServed,
    /// A part of it is done, and the next part goes out: the next file of a deployment.
    PartDone,
    /// It came to its end with this result.
    Ended(TargetState),
    /// Its lifetime, or the time for an answer, is over.
    TimeIsUp,
    /// A user cancels it.
    Cancel,
    /// A user wants it tried again.
    Retry,
}

/// What happened does not fit the state; nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {} target in state {} cannot take {happening:?}", .target.kind.as_str(), .target.state.as_str())]
pub struct NotPossible {
    /// The target.
    pub target: Target,
    /// What happened.
    pub happening: Happening,
}

impl Target {
    /// The target after something happened.
    ///
    /// # Errors
    /// When it does not fit the state, for instance a second answer.
    pub fn apply(self, happening: Happening) -> Result<Self, NotPossible> {
        use Happening as H;
        use TargetState as S;
        let to = |state| Ok(Self { state, ..self });
        match (self.state, happening) {
            (S::Scheduled, H::Due) | (S::Active, H::NotComing) | (S::Waiting, H::NotComing) => to(S::Waiting),
            (S::Waiting | S::Active, H::Called) => to(S::Active),
            (S::Waiting | S::Active, H::Sent) if !self.stopping => {
                Ok(Self { state: S::Sent, attempts: self.attempts + 1, ..self })
            }
            (S::Sent, H::NotSent) => {
                Ok(Self { attempts: self.attempts.saturating_sub(1), ..self }.put_back())
            }
            (S::Sent, H::Busy) => Ok(Self { attempts: self.attempts.saturating_sub(1), ..self }.put_back()),
            // It begins anew: this was no try of the phone's.
            (S::Sent, H::NotServed) if self.kind.deploys() => {
                Ok(Self { attempts: self.attempts.saturating_sub(1), ..self }.put_back())
            }
            (S::Sent, H::PartDone) if self.kind.deploys() => Ok(self.put_back()),
            // Whether it was done is only known when the phone starts up or tells its status, or never.
            (S::Sent, H::Unanswered | H::GaveUp) if self.kind.is_fenced() => Ok(self),
            (S::Sent, H::Unanswered) if self.attempts < MOST_ATTEMPTS => Ok(self.put_back()),
            (S::Sent, H::GaveUp) if self.attempts < 2 => Ok(self.put_back()),
            (S::Sent, H::Unanswered | H::GaveUp) => to(S::Failed),
            // What needs no phone, and what turns out to be done already, ends without being sent.
            (S::Waiting | S::Active | S::Sent, H::Ended(end)) if end.is_terminal() => to(end),
            (S::Waiting | S::Active | S::Scheduled | S::Sent, H::TimeIsUp) => to(S::Timeout),
            (S::Waiting | S::Active | S::Scheduled, H::Cancel) => {
                Ok(Self { stopping: true, state: S::Cancelled, ..self })
            }
            (S::Sent, H::Cancel) => Ok(Self { stopping: true, ..self }),
            (S::Failed | S::Timeout | S::Partial | S::Cancelled, H::Retry) => {
                Ok(Self { state: S::Waiting, attempts: 0, stopping: false, ..self })
            }
            _ => Err(NotPossible { target: self, happening }),
        }
    }

    fn put_back(self) -> Self {
        let state = if self.stopping { TargetState::Cancelled } else { TargetState::Waiting };
        Self { state, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Happening as H, JobKind, JobState, Target, TargetState as S};

    fn target(kind: JobKind, state: S) -> Target {
        Target { kind, state, attempts: 0, stopping: false }
    }

    fn after(target: Target, happenings: &[H]) -> Target {
        happenings.iter().fold(target, |target, happening| target.apply(*happening).unwrap())
    }

    #[test]
    fn a_write_without_an_answer_is_sent_three_times() {
        let waiting = target(JobKind::WriteConfiguration, S::Waiting);
        let twice = after(waiting, &[H::Sent, H::Unanswered, H::Sent, H::Unanswered]);
        assert_eq!((twice.state, twice.attempts), (S::Waiting, 2));
        assert_eq!(after(twice, &[H::Sent, H::Unanswered]).state, S::Failed);
    }

    #[test]
    fn busy_does_not_count() {
        let waiting = target(JobKind::WriteConfiguration, S::Waiting);
        let busy = after(waiting, &[H::Called, H::Sent, H::Busy]);
        assert_eq!((busy.state, busy.attempts), (S::Waiting, 0));
    }

    #[test]
    fn a_restart_is_never_put_back_once_it_may_have_happened() {
        for kind in [JobKind::Restart, JobKind::FactoryReset] {
            let sent = after(target(kind, S::Waiting), &[H::Sent, H::Unanswered, H::GaveUp]);
            assert_eq!((sent.state, sent.attempts), (S::Sent, 1));
            assert!(sent.apply(H::Sent).is_err());
            assert_eq!(after(sent, &[H::TimeIsUp]).state, S::Timeout);
            assert_eq!(after(sent, &[H::Ended(S::Success)]).state, S::Success);
        }
    }

    #[test]
    fn a_deployment_is_never_put_back_once_the_phone_may_have_begun() {
        for kind in [JobKind::DeployFiles, JobKind::DeploySoftware] {
            let sent = after(target(kind, S::Waiting), &[H::Sent, H::Unanswered, H::GaveUp]);
            assert_eq!((sent.state, sent.attempts), (S::Sent, 1));
            assert!(sent.apply(H::Sent).is_err());
            let busy = after(sent, &[H::Busy]);
            assert_eq!((busy.state, busy.attempts), (S::Waiting, 0));
            let unserved = after(sent, &[H::NotServed]);
            assert_eq!((unserved.state, unserved.attempts), (S::Waiting, 0));
            assert_eq!(after(sent, &[H::Cancel, H::NotServed]).state, S::Cancelled);
            assert_eq!(after(sent, &[H::TimeIsUp]).state, S::Timeout);
        }
        assert!(target(JobKind::Restart, S::Sent).apply(H::NotServed).is_err());
        let next = after(target(JobKind::DeployFiles, S::Waiting), &[H::Sent, H::PartDone]);
        assert_eq!((next.state, next.attempts), (S::Waiting, 1));
        assert_eq!(after(next, &[H::Sent]).attempts, 2);
        let cancelled = after(target(JobKind::DeployFiles, S::Waiting), &[H::Sent, H::Cancel, H::PartDone]);
        assert_eq!(cancelled.state, S::Cancelled);
        assert!(target(JobKind::WriteConfiguration, S::Sent).apply(H::PartDone).is_err());
    }

    #[test]
    fn a_cancelled_target_is_not_sent_again_and_a_sent_one_ends_by_its_answer() {
        let sent = after(target(JobKind::WriteConfiguration, S::Waiting), &[H::Sent, H::Cancel]);
        assert_eq!(sent.state, S::Sent);
        assert_eq!(after(sent, &[H::Ended(S::Success)]).state, S::Success);
        assert_eq!(after(sent, &[H::Unanswered]).state, S::Cancelled);
        assert_eq!(after(target(JobKind::Restart, S::Scheduled), &[H::Cancel]).state, S::Cancelled);
    }

    #[test]
    fn an_end_is_an_end_until_somebody_retries() {
        for state in S::ALL.iter().copied().filter(|state| state.is_terminal()) {
            let ended = target(JobKind::Restart, state);
            for happening in
                [H::Due, H::Called, H::Sent, H::Busy, H::Ended(S::Success), H::TimeIsUp, H::Cancel]
            {
                assert!(ended.apply(happening).is_err(), "{state:?} {happening:?}");
            }
        }
        let again = after(target(JobKind::Restart, S::Timeout), &[H::Retry]);
        assert_eq!((again.state, again.attempts), (S::Waiting, 0));
        assert!(target(JobKind::Restart, S::Success).apply(H::Retry).is_err());
    }

    #[test]
    fn a_phone_that_gives_up_twice_is_left_alone() {
        let once = after(target(JobKind::ReadConfiguration, S::Waiting), &[H::Sent, H::GaveUp]);
        assert_eq!(once.state, S::Waiting);
        assert_eq!(after(once, &[H::Sent, H::GaveUp]).state, S::Failed);
    }

    #[test]
    fn a_job_is_what_its_targets_are() {
        let job = |states: &[(S, u64)], stopping| {
            let mut counts = Counts::default();
            states.iter().for_each(|(state, number)| counts.add(*state, *number));
            counts.job_state(stopping)
        };
        assert_eq!(job(&[(S::Waiting, 2)], false), JobState::Created);
        assert_eq!(job(&[(S::Waiting, 1), (S::Success, 1)], false), JobState::Active);
        assert_eq!(job(&[(S::Active, 1)], false), JobState::Active);
        assert_eq!(job(&[(S::Success, 2), (S::Skipped, 1)], false), JobState::Success);
        assert_eq!(job(&[(S::Success, 1), (S::Failed, 9)], false), JobState::PartialSuccessful);
        assert_eq!(job(&[(S::Partial, 1), (S::Timeout, 9)], false), JobState::PartialSuccessful);
        assert_eq!(job(&[(S::Timeout, 9)], false), JobState::Timeout);
        assert_eq!(job(&[(S::Timeout, 9), (S::Failed, 1)], false), JobState::Failed);
        assert_eq!(job(&[(S::Success, 1), (S::Cancelled, 1)], true), JobState::Cancelled);
        assert_eq!(job(&[], false), JobState::Success);
    }
}
