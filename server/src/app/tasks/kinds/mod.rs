//! The kinds of background tasks, one file each. A new kind is a file here, a variant and its arms.
//!
//! Words are stored: a retired kind keeps its word until no database holds it any more.

mod answers;
mod certificates;
mod contact_counts;
mod diffs;
mod downloads;
mod files;
mod jobs;
mod plans;
mod scans;
mod software;
mod storage_providers;

use domain::setting::SettingKey;
use jiff::Timestamp;
use jiff::tz::TimeZone;

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
    /// Forgets download addresses whose time was over long ago, and offers of firmware that is gone.
    PurgeDownloads,
    /// Clears up after uploads and deleted files.
    SweepFiles,
    /// Tells administrators of certificates that are about to expire.
    CheckCertificates,
    /// Tries the storage providers that have files.
    CheckProviders,
    /// Scans storage providers for files.
    ScanProviders,
    /// Brings files and software of templates to clients that do not have them.
    BringFiles,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::PurgeJobs,
        Self::PurgePlans,
        Self::PurgeDiffs,
        Self::PurgeAnswers,
        Self::PurgeContactCounts,
        Self::PurgeScans,
        Self::PurgeDownloads,
        Self::SweepFiles,
        Self::CheckCertificates,
        Self::CheckProviders,
        Self::ScanProviders,
        Self::BringFiles,
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
            Self::SweepFiles => "sweep-files",
            Self::PurgeDownloads => "purge-downloads",
            Self::CheckCertificates => "check-certificates",
            Self::CheckProviders => "check-providers",
            Self::ScanProviders => "scan-providers",
            Self::BringFiles => "bring-files",
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
            Self::SweepFiles => "0 53 2 * * *",
            Self::PurgeDownloads => "0 53 * * * *",
            Self::CheckCertificates => "0 13 5 * * *",
            Self::CheckProviders => "20 4/5 * * * *",
            Self::ScanProviders => "0 57 1 * * *",
            Self::BringFiles => "0 27 * * * *",
        }
    }

    /// The setting that names the one hour of the day in which it is done, in UTC; `None` when [`Self::times`] is all.
    fn only_in(self) -> Option<SettingKey> {
        match self {
            Self::BringFiles => Some(SettingKey::DeploymentsByRuleHour),
            _ => None,
        }
    }

    /// Whether it is done at a time that is one of [`Self::times`], as settings have it.
    pub(super) fn is_due(self, setting: impl Fn(SettingKey) -> i64, at: Timestamp) -> bool {
        let hour = i64::from(at.to_zoned(TimeZone::UTC).hour());
        self.only_in().is_none_or(|key| setting(key) == hour)
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
            Self::SweepFiles => files::run(app).await,
            Self::PurgeDownloads => downloads::run(app).await,
            Self::CheckCertificates => certificates::run(app).await,
            Self::CheckProviders => storage_providers::check(app).await,
            Self::ScanProviders => storage_providers::scan(app).await,
            Self::BringFiles => software::run(app).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::setting::SettingKey;
    use jiff::{SignedDuration, Timestamp};

    use super::Kind;

    #[test]
    fn words_are_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("purge-everything"), None);
    }

    #[test]
    fn the_setting_and_the_docs_name_the_time_at_which_templates_bring_their_files() {
        let times: Vec<&str> = Kind::BringFiles.times().split(' ').collect();
        assert_eq!((times[0], times[2]), ("0", "*"), "every hour, of which the setting chooses one");
        let hour = SettingKey::DeploymentsByRuleHour.definition();
        let domain::setting::SettingDefault::Integer(usual) = hour.default else {
            panic!("{:?}", hour.default)
        };
        let said = [
            (hour.help, format!("{} minutes past", times[1])),
            (include_str!("../../../../../locales/en/codes.toml"), format!("{} minutes past", times[1])),
            (include_str!("../../../../../locales/de/codes.toml"), format!("{} Minuten nach", times[1])),
            (include_str!("../../../../../docs/files.md"), format!("{usual:0>2}:{:0>2} UTC", times[1])),
        ];
        for (text, time) in said {
            let is_beside = |line: &str| line.contains("deployments.by-rule-hour") && line.contains(&time);
            assert!(text.lines().any(is_beside) || text == hour.help && text.contains(&time), "{time}");
        }
    }

    #[test]
    fn templates_bring_their_files_in_the_hour_of_the_setting() {
        let hours = |kind: Kind, chosen: i64| -> Vec<i64> {
            let at =
                |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(60 * (24 * 200 + hour) + 27);
            (0..24).filter(|hour| kind.is_due(|_| chosen, at(*hour))).collect()
        };
        assert_eq!(hours(Kind::BringFiles, 0), [0]);
        assert_eq!(hours(Kind::BringFiles, 21), [21]);
        assert_eq!(hours(Kind::PurgeJobs, 21).len(), 24, "the others go by the clock alone");
    }
}
