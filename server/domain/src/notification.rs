//! Notifications for administrators (OSEM §2.7): which there are, and who is told.
//!
//! A notification is a code with arguments (D-35). Knows nothing of how one is stored, cleared or worded.

use crate::role::Permission;
use crate::words::words;

/// Most notifications of one code that are kept; the oldest make room.
pub const MOST_OF_A_CODE: u64 = 300;

words! {
    /// What a notification says. Arguments stand behind each.
    NotificationCode {
        /// A client was put into quarantine (D-4): `device_id`, `reason`, `address`.
        ClientQuarantined = "client-quarantined",
        /// A phone reports a fault it did not report before (D-6): `device_id`, `e164`, `fault`.
        PhoneFault = "phone-fault",
        /// A job of a user came to its end (D-26): `job`, `kind`, `state`, `counts`. The state says how.
        JobFinished = "job-finished",
        /// Wrong passwords or codes were given for an account, one after the other: `account`, `user_name`,
        /// `failures`, `address`.
        FailedSignIns = "failed-sign-ins",
        /// An account was locked after them: as before.
        AccountLocked = "account-locked",
        /// A certificate of this server is about to expire, or has: `certificate` (`authority`, `phones`,
        /// `console`), `not_after`, `days` left, 0 when it has expired.
        CertificateExpiring = "certificate-expiring",
        /// Phones fail to connect, most often because their firmware is too old (`wpi.md` §2.5): `verdict`,
        /// `addresses` (how many), `address` (the last one), `listener`.
        HandshakeFailures = "handshake-failures",
        /// Onboarding templates of equal rank want different values, so a phone that came got none of them (D-19):
        /// `templates` (their names), `values` (how many).
        OnboardingConflict = "onboarding-conflict",
        /// A storage provider with files does not do what it should: `provider`, `error`.
        StorageProviderFailed = "storage-provider-failed",
        /// A file fails on so many phones that templates bring it to no others: `file`, `name`, `failed`, `of`.
        FileFails = "file-fails",
    }
}

impl NotificationCode {
    /// What one must be allowed to read to be told.
    pub fn permission(self) -> Permission {
        match self {
            Self::ClientQuarantined
            | Self::PhoneFault
            | Self::JobFinished
            | Self::OnboardingConflict
            | Self::StorageProviderFailed
            | Self::FileFails => Permission::ReadClients,
            Self::FailedSignIns | Self::AccountLocked => Permission::ReadAccounts,
            Self::CertificateExpiring | Self::HandshakeFailures => Permission::ReadSettings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NotificationCode;
    use crate::{Permission, Role, RoleSet};

    #[test]
    fn words_are_read_back() {
        for code in NotificationCode::ALL {
            assert_eq!(NotificationCode::parse(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn everybody_with_a_role_is_told_something_and_nobody_of_what_they_may_not_read() {
        let told = |role| {
            let roles = RoleSet::new([role]);
            NotificationCode::ALL.iter().filter(|code| roles.may(code.permission())).count()
        };
        assert_eq!(told(Role::Admin), NotificationCode::ALL.len());
        assert!(told(Role::Auditor) > 0 && told(Role::Viewer) > 0);
        assert!(!RoleSet::new([Role::Viewer]).may(NotificationCode::AccountLocked.permission()));
        assert_eq!(NotificationCode::JobFinished.permission(), Permission::ReadClients);
    }
}
