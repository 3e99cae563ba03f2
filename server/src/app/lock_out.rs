//! Locking accounts after failed sign-ins in a row: when, and for how long. Only arithmetic; counting and storing is
//! `failures`.
//!
//! A lock refuses passwords and codes, nothing else: sessions and tokens go on, so that a stranger who guesses at an
//! account cannot keep its owner from working. Nor from signing in again: where the owner last signed in from, the lock
//! does not hold (the brake does), and that of an administrator always ends by itself.

use std::net::IpAddr;

use domain::Role;
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};

use super::brake::source;
use crate::settings::Settings;
use crate::store::accounts::{Account, LockedAfter};

/// How long administrators are locked when others are until somebody unlocks: who could unlock them?
const ADMINISTRATORS: SignedDuration = SignedDuration::from_mins(15);

/// The rules in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct LockOut {
    /// Failures in a row that lock; 0 never locks.
    after: u64,
    /// How long; `None` until somebody unlocks.
    duration: Option<SignedDuration>,
}

impl LockOut {
    pub(super) fn of(settings: &Settings) -> Self {
        let seconds = settings.integer(SettingKey::LockDuration);
        Self {
            after: settings.integer(SettingKey::LockAfterFailures).unsigned_abs(),
            duration: (seconds > 0).then(|| SignedDuration::from_secs(seconds)),
        }
    }

    /// Accounts locked after this time still are.
    pub(super) fn locked_after(self, now: Timestamp) -> LockedAfter {
        let before = |duration: Option<SignedDuration>| {
            duration.and_then(|duration| now.checked_sub(duration).ok()).unwrap_or(Timestamp::MIN)
        };
        LockedAfter {
            administrators: before(Some(self.duration.unwrap_or(ADMINISTRATORS))),
            others: before(self.duration),
        }
    }

    fn duration_of(self, account: &Account) -> Option<SignedDuration> {
        self.duration.or_else(|| administers(account).then_some(ADMINISTRATORS))
    }

    pub(super) fn is_locked(self, account: &Account, now: Timestamp) -> bool {
        let after = self.locked_after(now);
        let after = if administers(account) { after.administrators } else { after.others };
        account.locked_at.is_some_and(|at| at > after)
    }

    /// Whether somebody at an address is kept out. Where the last successful sign-in came from they are not, or a
    /// stranger could keep the owner of an account out by guessing at it.
    pub(super) fn refuses(self, account: &Account, address: IpAddr, now: Timestamp) -> bool {
        let last = account.last_sign_in_address.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
        self.is_locked(account, now) && last.is_none_or(|last| source(last) != source(address))
    }

    /// When the lock of an account ends by itself; `None` when it is not locked, or never ends.
    pub(super) fn ends(self, account: &Account, now: Timestamp) -> Option<Timestamp> {
        let at = account.locked_at.filter(|_| self.is_locked(account, now))?;
        at.checked_add(self.duration_of(account)?).ok()
    }

    /// Failures in a row and the time of the lock after one more failure.
    pub(super) fn after_failure(self, account: &Account, now: Timestamp) -> (u64, Option<Timestamp>) {
        if self.is_locked(account, now) {
            // Who goes on guessing must not prolong it for ever.
            return (account.failed_in_a_row, account.locked_at);
        }
        // A lock that has ended begins a new row.
        let before = if account.locked_at.is_some() { 0 } else { account.failed_in_a_row };
        let failures = before.saturating_add(1);
        (failures, (self.after > 0 && failures >= self.after).then_some(now))
    }
}

fn administers(account: &Account) -> bool {
    account.roles.contains(Role::Admin)
}

#[cfg(test)]
pub(super) mod tests {
    use super::LockOut;
    use crate::store::accounts::Account;
    use domain::{AccountId, RoleSet};
    use jiff::{SignedDuration, Timestamp};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// An account like any.
    pub(in crate::app) fn account() -> Account {
        Account {
            id: AccountId(1),
            user_name: "anna".into(),
            password_hash: "$argon2id$old".into(),
            must_change_password: false,
            roles: RoleSet::new([domain::Role::Viewer]),
            language: "en".into(),
            email: None,
            disabled: false,
            failed_sign_ins: 0,
            last_failed_sign_in_at: None,
            failed_in_a_row: 0,
            locked_at: None,
            second_factor: false,
            last_sign_in_at: None,
            last_sign_in_address: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            revision: 1,
        }
    }

    /// What becomes of an account after failures at these seconds.
    fn fail(rules: LockOut, seconds: impl IntoIterator<Item = i64>) -> Account {
        seconds.into_iter().fold(account(), |account, second| {
            let (failed_in_a_row, locked_at) = rules.after_failure(&account, at(second));
            Account { failed_in_a_row, locked_at, ..account }
        })
    }

    #[test]
    fn the_last_failure_locks_and_time_unlocks() {
        let rules = LockOut { after: 3, duration: Some(SignedDuration::from_secs(60)) };
        assert!(!rules.is_locked(&fail(rules, [1, 2]), at(2)));
        let locked = fail(rules, [1, 2, 3]);
        assert_eq!((rules.is_locked(&locked, at(3)), rules.ends(&locked, at(3))), (true, Some(at(63))));
        assert!(rules.is_locked(&locked, at(62)) && !rules.is_locked(&locked, at(63)));
        assert_eq!(rules.ends(&locked, at(63)), None);
        // Guessing on does not prolong it, and afterwards the row begins again.
        let still = fail(rules, [1, 2, 3, 40, 62]);
        assert_eq!((still.failed_in_a_row, still.locked_at), (3, Some(at(3))));
        let again = fail(rules, [1, 2, 3, 63]);
        assert_eq!((again.failed_in_a_row, again.locked_at), (1, None));
        assert_eq!(fail(rules, [1, 2, 3, 63, 64, 65]).locked_at, Some(at(65)));
    }

    #[test]
    fn a_lock_does_not_hold_where_the_owner_signed_in() {
        let rules = LockOut { after: 1, duration: None };
        let refused = |last: Option<&str>, from: &str| {
            let account = Account { last_sign_in_address: last.map(Into::into), ..fail(rules, [1]) };
            rules.refuses(&account, from.parse().unwrap(), at(2))
        };
        assert!(refused(None, "192.0.2.1") && refused(Some("192.0.2.1"), "192.0.2.2"));
        assert!(!refused(Some("192.0.2.1"), "192.0.2.1") && !refused(Some("192.0.2.1"), "::ffff:192.0.2.1"));
        assert!(
            !refused(Some("2001:db8::1"), "2001:db8::2") && refused(Some("2001:db8::1"), "2001:db8:1::1")
        );
    }

    #[test]
    fn without_an_end_only_somebody_unlocks_and_without_a_number_nothing_locks() {
        let rules = LockOut { after: 1, duration: None };
        let locked = fail(rules, [1]);
        assert!(rules.is_locked(&locked, at(1_000_000_000)));
        assert_eq!(rules.ends(&locked, at(2)), None);
        let administrator = Account { roles: RoleSet::new([domain::Role::Admin]), ..locked };
        assert_eq!(rules.ends(&administrator, at(2)), Some(at(901)));
        assert!(rules.is_locked(&administrator, at(900)) && !rules.is_locked(&administrator, at(901)));
        let never = LockOut { after: 0, duration: None };
        assert_eq!(fail(never, 0..5_000).locked_at, None);
    }
}
