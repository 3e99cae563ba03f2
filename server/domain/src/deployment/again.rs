//! When a phone is offered again what templates want on it and what did not succeed (`wpi.md` §4.6.6: a refused update is
//! not repeated on its own).

use jiff::{SignedDuration, Timestamp};

/// Rest after a try that did not succeed.
pub const REST: SignedDuration = SignedDuration::from_hours(24);

/// Failures after which it is not tried again on its own.
pub const MOST_FAILURES: usize = 3;

/// Successes within [`REST`] after which it rests: a phone that falls back to its old software after each of them would
/// load and restart without end.
pub const MOST_SUCCESSES: usize = 3;

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Open,
    /// The phone has it.
    Success,
    /// The phone did not get it.
    Failure,
    /// The phone did not take it: it would not take it again.
    Refusal,
    /// It was cancelled or left out, or the server could not do its part.
    Other,
}

/// A try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// How it ended.
    pub ending: Ending,
    /// When; `None` while it is open.
    pub at: Option<Timestamp>,
}

/// Why nothing is offered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// It is being done.
    UnderWay,
    /// It did not succeed, less than [`REST`] ago.
    Resting,
    /// It was refused, or failed [`MOST_FAILURES`] times.
    GivenUp,
    /// It succeeded [`MOST_SUCCESSES`] times within [`REST`] and is wanted again.
    DidNotStay,
}

impl NotNow {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::UnderWay, Self::Resting, Self::GivenUp, Self::DidNotStay];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnderWay => "under-way",
            Self::Resting => "resting",
            Self::GivenUp => "given-up",
            Self::DidNotStay => "did-not-stay",
        }
    }
}

/// When it last succeeded.
pub fn last_success(tries: &[Try]) -> Option<Timestamp> {
    tries.iter().filter(|one| one.ending == Ending::Success).filter_map(|one| one.at).max()
}

/// Whether it is offered once more. What ended before `changed_at`, when the file or its template was changed, or before
/// it succeeded, no longer counts.
///
/// # Errors
/// Why not.
pub fn check(tries: &[Try], changed_at: Timestamp, now: Timestamp) -> Result<(), NotNow> {
    if tries.iter().any(|one| one.ending == Ending::Open) {
        return Err(NotNow::UnderWay);
    }
    let success = last_success(tries);
    let counts = |at: &Timestamp| *at >= changed_at && success.is_none_or(|success| *at > success);
    let counted = tries.iter().filter(|one| one.ending != Ending::Success);
    let counted: Vec<(Ending, Timestamp)> =
        counted.filter_map(|one| Some((one.ending, one.at.filter(counts)?))).collect();
    let failures = counted.iter().filter(|(ending, _)| *ending != Ending::Other).count();
    let refused = counted.iter().any(|(ending, _)| *ending == Ending::Refusal);
    let rests = counted.iter().any(|(_, at)| now.duration_since(*at) < REST);
    let successes = tries.iter().filter(|one| one.ending == Ending::Success);
    let lately = |at: &Timestamp| *at >= changed_at && now.duration_since(*at) < REST;
    let successes = successes.filter_map(|one| one.at.filter(lately)).count();
    // What holds longest is said.
    if refused || failures >= MOST_FAILURES {
        Err(NotNow::GivenUp)
    } else if rests {
        Err(NotNow::Resting)
    } else if successes >= MOST_SUCCESSES {
        Err(NotNow::DidNotStay)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hour(number: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(number)
    }

    fn ended(ending: Ending, at: i64) -> Try {
        Try { ending, at: Some(hour(at)) }
    }

    #[test]
    fn a_failure_rests_a_day_and_the_third_is_the_last() {
        use Ending::{Failure, Other, Refusal, Success};
        let none = hour(0);
        let check = |tries: &[Try], now| check(tries, none, hour(now));
        assert_eq!(check(&[], 1), Ok(()));
        assert_eq!(check(&[Try { ending: Ending::Open, at: None }], 99), Err(NotNow::UnderWay));
        assert_eq!(check(&[ended(Failure, 1)], 24), Err(NotNow::Resting));
        assert_eq!(check(&[ended(Failure, 1)], 25), Ok(()));
        assert_eq!(check(&[ended(Other, 1)], 24), Err(NotNow::Resting));
        let three = [ended(Failure, 1), ended(Failure, 30), ended(Failure, 60)];
        assert_eq!(check(&three[..2], 90), Ok(()));
        assert_eq!(check(&three, 61), Err(NotNow::GivenUp));
        assert_eq!(check(&three, 9_000), Err(NotNow::GivenUp));
        assert_eq!(check(&[ended(Refusal, 1)], 9_000), Err(NotNow::GivenUp));
        assert_eq!(check(&[ended(Refusal, 1), ended(Success, 2)], 3), Ok(()));
        let successes = [ended(Success, 1), ended(Success, 2), ended(Success, 3)];
        assert_eq!(check(&successes[..2], 4), Ok(()));
        assert_eq!(check(&successes, 24), Err(NotNow::DidNotStay));
        assert_eq!(check(&successes, 25), Ok(()));
        let others = [ended(Other, 1), ended(Other, 30), ended(Other, 60)];
        assert_eq!(check(&others, 90), Ok(()));
    }

    #[test]
    fn a_change_begins_anew() {
        let refused = [ended(Ending::Refusal, 5)];
        assert_eq!(check(&refused, hour(6), hour(7)), Ok(()));
        assert_eq!(check(&refused, hour(5), hour(7)), Err(NotNow::GivenUp));
    }

    fn tries() -> impl Strategy<Value = Vec<Try>> {
        let ending =
            prop::sample::select(vec![Ending::Success, Ending::Failure, Ending::Refusal, Ending::Other]);
        prop::collection::vec((ending, 0_i64..200).prop_map(|(ending, at)| ended(ending, at)), 0..8)
    }

    proptest! {
        #[test]
        fn nothing_is_offered_twice_within_a_day_without_success_or_change(
            tries in tries(), changed in 0_i64..200, now in 200_i64..400,
        ) {
            let success = last_success(&tries).unwrap_or(hour(-1));
            let recent = |one: &Try| {
                one.ending != Ending::Success
                    && one.at.is_some_and(|at| at > success && at > hour(changed) && hour(now).duration_since(at) < REST)
            };
            if tries.iter().any(recent) {
                prop_assert!(check(&tries, hour(changed), hour(now)).is_err());
            }
            // Whatever happened before a change is forgotten.
            prop_assert_eq!(check(&tries, hour(200), hour(now)), Ok(()));
        }
    }
}
