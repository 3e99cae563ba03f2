//! Deployments: files and firmware that phones fetch (OSEM §4.5.4, `wpi.md` §4.6). Pure rules: what is offered to
//! whom, when again, and what an answer means.

pub mod again;
pub mod brake;
pub mod choose;
pub mod outcome;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::FileId;
use crate::file::FileType;
use crate::job::JobKind;
use crate::words::words;

/// Most files of one deployment.
pub const MOST_FILES: usize = 20;

/// Least time between two offers of firmware to one phone, in minutes (`wpi.md` §4.6.6).
pub const OFFER_PAUSE_MINUTES: i64 = 15;

/// Time for a file until its status, in minutes (`wpi.md` §4.6.3).
pub const FILE_MINUTES: i64 = 15;

/// Time for firmware until the start-up with it, in minutes (`wpi.md` §4.6.6).
pub const SOFTWARE_MINUTES: i64 = 60;

/// Time without a status after which the inventory is read, in minutes and for each file (`wpi.md` §4.6.4).
pub const STATUS_MINUTES: i64 = 2;

/// Time without a status after which the inventory is read when the phone fetches the file from another server, in
/// minutes: nobody here sees when it has all of it. Less than [`FILE_MINUTES`].
pub const ELSEWHERE_MINUTES: i64 = 10;

/// Last minutes of the time for a file: what the inventory shows then is final. Before, a phone that has not got it may
/// still wait for the end of a call, or be fetching it.
pub const LAST_LOOK_MINUTES: i64 = 2;

/// Most hours a phone is waited for because it is still being given bytes.
pub const MOST_HOURS: i64 = 12;

/// How long a target rests after this server could not give the phone what it was sent for, in minutes; after the last of
/// these times it is given up.
const UNSERVED_MINUTES: [i64; 5] = [1, 5, 15, 30, 60];

/// How far the clocks of two nodes may be apart: a phone that one of them told something answers to the other.
pub const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(30);

words! {
    /// When a phone does it, item `file-priority`.
    Priority {
        /// When it is idle.
        Normal = "normal",
        /// At once.
        Immediate = "immediate",
    }
}

words! {
    /// What is done with a file, item `file-action`.
    FileAction {
        /// It is fetched.
        Deploy = "deploy",
        /// It is deleted.
        Delete = "delete",
    }
}

words! {
    /// How far the deployment for one phone is.
    DeploymentPhase {
        /// Nothing was offered yet.
        Waiting = "waiting",
        /// The phone was told; it has not asked for the file yet.
        Offered = "offered",
        /// The phone is fetching it.
        Downloading = "downloading",
        /// It has all of it; its status or start-up is awaited.
        Downloaded = "downloaded",
        /// No status came; the inventory is read instead.
        Verifying = "verifying",
        /// It has come to its end; the target says how.
        Over = "over",
    }
}

words! {
    /// Why a job stopped on its own.
    StopReason {
        /// So many phones failed.
        ErrorLimit = "error-limit",
        /// So many phones succeeded.
        SuccessLimit = "success-limit",
    }
}

/// How long a phone has for what it was told, when nothing moves (`wpi.md` §4.6.3, §4.6.6).
pub fn patience(kind: JobKind) -> SignedDuration {
    SignedDuration::from_mins(match kind {
        JobKind::DeploySoftware => SOFTWARE_MINUTES,
        _ => FILE_MINUTES,
    })
}

/// Until when a phone is waited for that was offered something at one time and was given bytes of it last at another: that
/// it says nothing means little while it is still fetching. Who drips for ever is given up all the same.
pub fn deadline(kind: JobKind, offered_at: Timestamp, moved_at: Option<Timestamp>) -> Timestamp {
    let after = |begin: Timestamp, time: SignedDuration| begin.saturating_add(time).unwrap_or(Timestamp::MAX);
    let (time, most) = (patience(kind), after(offered_at, SignedDuration::from_hours(MOST_HOURS)));
    let plain = after(offered_at, time);
    moved_at.map_or(plain, |moved| after(moved, time).min(most).max(plain))
}

/// How long a target rests that this server has failed so often before; `None` when it is given up.
pub fn rest_unserved(before: u32) -> Option<SignedDuration> {
    let minutes = usize::try_from(before).ok().and_then(|before| UNSERVED_MINUTES.get(before))?;
    Some(SignedDuration::from_mins(*minutes))
}

/// One file of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeployedFile {
    /// The file; `None` when something is deleted that is only on phones.
    #[serde(default)]
    pub file: Option<FileId>,
    /// Name on the phone.
    pub name: String,
    /// Its type.
    pub file_type: FileType,
    /// What is done with it.
    pub action: FileAction,
}

/// Number of targets after which a job stops on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Failed and timed out targets at which the rest is cancelled.
    pub errors: Option<u64>,
    /// Successful targets at which the rest is cancelled.
    pub successes: Option<u64>,
}

impl Limits {
    /// Which limit a job has come to, if it has. Errors are looked at first: they are the bad news.
    pub fn reached(self, errors: u64, successes: u64) -> Option<StopReason> {
        let beyond = |limit: Option<u64>, number: u64| limit.is_some_and(|limit| number >= limit);
        if beyond(self.errors, errors) {
            Some(StopReason::ErrorLimit)
        } else if beyond(self.successes, successes) {
            Some(StopReason::SuccessLimit)
        } else {
            None
        }
    }
}

/// Options of a job that deploys; stored with the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentOptions {
    /// Its files. Of software each phone gets the one that fits it; of other types all that fit.
    pub files: Vec<DeployedFile>,
    /// When the phones do it.
    pub priority: Priority,
    /// Phones may get firmware of the other family (SIP, HFA).
    #[serde(default)]
    pub allow_family_change: bool,
    /// Phones may get older firmware.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Phones that have it get it all the same.
    #[serde(default)]
    pub again: bool,
    /// When it stops on its own.
    #[serde(default)]
    pub limits: Limits,
    /// Why it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<StopReason>,
    /// Since when it is being tried again: what failed still counts while it is put back, and stops nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_at: Option<Timestamp>,
}

impl DeploymentOptions {
    /// What a job with these options is.
    pub fn kind(&self) -> JobKind {
        if self.files.iter().all(|file| file.file_type == FileType::Software) {
            JobKind::DeploySoftware
        } else {
            JobKind::DeployFiles
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::{
        FILE_MINUTES, JobKind, Limits, MOST_HOURS, SOFTWARE_MINUTES, StopReason, deadline, rest_unserved,
    };

    #[test]
    fn a_job_stops_at_its_limit_and_not_before() {
        let limits = Limits { errors: Some(3), successes: Some(10) };
        assert_eq!(limits.reached(2, 9), None);
        assert_eq!(limits.reached(3, 9), Some(StopReason::ErrorLimit));
        assert_eq!(limits.reached(2, 10), Some(StopReason::SuccessLimit));
        assert_eq!(limits.reached(3, 10), Some(StopReason::ErrorLimit));
        assert_eq!(Limits::default().reached(u64::MAX, u64::MAX), None);
    }
    #[test]
    fn who_is_given_bytes_is_waited_for() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let software = |moved| deadline(JobKind::DeploySoftware, at(0), moved);
        let file = |moved| deadline(JobKind::DeployFiles, at(0), moved);
        assert_eq!((software(None), file(None)), (at(SOFTWARE_MINUTES), at(FILE_MINUTES)));
        assert_eq!(software(Some(at(55))), at(55 + SOFTWARE_MINUTES));
        assert_eq!(file(Some(at(14))), at(14 + FILE_MINUTES));
        assert_eq!(file(Some(at(MOST_HOURS * 60 - 1))), at(MOST_HOURS * 60), "not for ever");
        assert_eq!(file(Some(Timestamp::MAX)), at(MOST_HOURS * 60));
    }

    #[test]
    fn what_this_server_fails_at_is_repeated_with_growing_pauses_and_then_given_up() {
        let rests: Vec<_> = (0..).map_while(rest_unserved).collect();
        assert!(rests.len() > 1 && rests.is_sorted_by(|one, next| one < next), "{rests:?}");
        assert_eq!(rest_unserved(u32::MAX), None);
    }

    proptest! {
        #[test]
        fn a_deadline_is_never_earlier_for_bytes_and_never_without_end(offered in 0_i64..1_000_000, moved in -1_000_000_i64..3_000_000) {
            let second = |second: i64| Timestamp::from_second(second).unwrap();
            for kind in [JobKind::DeployFiles, JobKind::DeploySoftware] {
                let plain = deadline(kind, second(offered), None);
                let moving = deadline(kind, second(offered), Some(second(moved)));
                prop_assert!(moving >= plain);
                prop_assert!(moving <= second(offered) + SignedDuration::from_hours(MOST_HOURS));
            }
        }
    }
}
