//! The kinds of background tasks, one file each. A new kind is a file here, a variant and its arms.
//!
//! Words are stored: a retired kind keeps its word until no database holds it any more.

mod answers;
mod certificates;
mod contact_counts;
mod diffs;
mod jobs;
mod plans;
mod scans;

use super::TaskError;
use crate::App;

/// Rows changed in one transaction; others wait that long for the write lock.
const BATCH: u64 = 500;

/// Most targets deleted in one transaction; a job for a whole fleet has 100,000.
const MOST_ROWS: u64 = 1_000;

/// A kind of background task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Deletes finished jobs that are older than the setting `job-lifetime`.
    PurgeJobs,
    /// Deletes plans that expired.
    PurgePlans,
    /// Deletes diffs that no plan and no job refers to.
    PurgeDiffs,
    /// Deletes answers of creating calls that are no longer kept.
    PurgeAnswers,
    /// Forgets the contacts of days that the welcome page does not show any more.
    PurgeContactCounts,
    /// Deletes scans that were over long ago.
    PurgeScans,
    /// Tells administrators of certificates that are about to expire.
    CheckCertificates,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::PurgeJobs,
        Self::PurgePlans,
        Self::PurgeDiffs,
        Self::PurgeAnswers,
        Self::PurgeContactCounts,
        Self::PurgeScans,
        Self::CheckCertificates,
    ];

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PurgeJobs => "purge-jobs",
            Self::PurgePlans => "purge-plans",
            Self::PurgeDiffs => "purge-diffs",
            Self::PurgeAnswers => "purge-answers",
            Self::PurgeContactCounts => "purge-contact-counts",
            Self::PurgeScans => "purge-scans",
            Self::CheckCertificates => "check-certificates",
        }
    }

    /// The kind a stored word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// When it is due, in UTC: second, minute, hour, day of the month, month, day of the week. Apart from each
    /// other, and never on the full hour, when everybody else's tasks run.
    pub fn times(self) -> &'static str {
        match self {
            Self::PurgeJobs => "0 17 * * * *",
            Self::PurgePlans => "0 7,37 * * * *",
            Self::PurgeDiffs => "0 23 2 * * *",
            Self::PurgeAnswers => "0 47 * * * *",
            Self::PurgeContactCounts => "0 33 1 * * *",
            Self::PurgeScans => "0 43 1 * * *",
            Self::CheckCertificates => "0 13 5 * * *",
        }
    }

    /// Does it; gives the number of things it dealt with.
    pub(super) async fn run(self, app: &App) -> Result<u64, TaskError> {
        match self {
            Self::PurgeJobs => jobs::run(app).await,
            Self::PurgePlans => plans::run(app).await,
            Self::PurgeDiffs => diffs::run(app).await,
            Self::PurgeAnswers => answers::run(app).await,
            Self::PurgeContactCounts => contact_counts::run(app).await,
            Self::PurgeScans => scans::run(app).await,
            Self::CheckCertificates => certificates::run(app).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn words_are_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("purge-everything"), None);
    }
}
