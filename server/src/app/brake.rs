//! A brake against guessing passwords: failures of the last minute, by address and account and by address.
//!
//! In memory and bounded; locking accounts is another matter. An attempt counts when it begins, so that
//! many at once are not let through, and is taken back when the password was right.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::{AppError, AppResult};
use crate::store::accounts::fold;

/// How long a failure counts.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Failures of one address with one account.
const PER_ACCOUNT: u32 = 10;
/// Failures of one address with whatever accounts.
const PER_ADDRESS: u32 = 60;
/// Most windows kept; when full, closed ones make room, else any.
const MOST: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    address: IpAddr,
    account: Option<String>,
}

#[derive(Clone, Copy)]
struct Window {
    began: Timestamp,
    failures: u32,
}

/// The failures of the last minute.
#[derive(Default)]
pub struct Brake(Mutex<HashMap<Key, Window>>);

impl Brake {
    /// Begins an attempt, which counts as failed until [`Brake::succeeded`] says otherwise.
    ///
    /// # Errors
    /// When there were too many; the error says when to try again.
    pub fn begin(&self, address: IpAddr, user_name: &str, now: Timestamp) -> AppResult<()> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [pair, alone] = keys(address, user_name);
        count(&mut windows, [(pair, PER_ACCOUNT), (alone, PER_ADDRESS)], now)
    }

    /// Begins an attempt with something that names nobody, like a token that there is not.
    ///
    /// # Errors
    /// When there were too many of this address; the error says when to try again.
    pub fn begin_unnamed(&self, address: IpAddr, now: Timestamp) -> AppResult<()> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key { address: source(address), account: None };
        count(&mut windows, [(key, PER_ADDRESS)], now)
    }

    /// The password was right, and a code is still to come: the attempt does not count against the address, whose people
    /// all sign in like that, but it counts against the account, so that a password alone lets nobody try for ever.
    pub fn half_succeeded(&self, address: IpAddr) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(&Key { address: source(address), account: None }) {
            window.failures = window.failures.saturating_sub(1);
        }
    }

    /// Password or code were right: earlier failures with this account are forgotten, and the attempt does not
    /// count against the address.
    pub fn succeeded(&self, address: IpAddr, user_name: &str) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [pair, alone] = keys(address, user_name);
        windows.remove(&pair);
        if let Some(window) = windows.get_mut(&alone) {
            window.failures = window.failures.saturating_sub(1);
        }
    }
}

/// Counts a failure in some windows, unless one of them is full.
fn count<const N: usize>(
    windows: &mut HashMap<Key, Window>,
    keys: [(Key, u32); N],
    now: Timestamp,
) -> AppResult<()> {
    for (key, most) in &keys {
        if let Some(window) = windows.get(key).filter(|window| window.is_open(now))
            && window.failures >= *most
        {
            let left = WINDOW - now.duration_since(window.began).abs();
            return Err(AppError::too_many_attempts(round_up(left)));
        }
    }
    for (key, _) in keys {
        make_room(windows, &key, now);
        let window = windows.entry(key).or_insert(Window { began: now, failures: 0 });
        if !window.is_open(now) {
            *window = Window { began: now, failures: 0 };
        }
        window.failures += 1;
    }
    Ok(())
}

impl Window {
    fn is_open(&self, now: Timestamp) -> bool {
        now.duration_since(self.began).abs() < WINDOW
    }
}

fn keys(address: IpAddr, user_name: &str) -> [Key; 2] {
    let address = source(address);
    // Names are bounded where they are read; a name that no account can have needs no window of its own.
    let account = fold(user_name).chars().take(64).collect();
    [Key { address, account: Some(account) }, Key { address, account: None }]
}

/// Whoever has one IPv6 address has a whole /64 of them.
pub(super) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn make_room(windows: &mut HashMap<Key, Window>, key: &Key, now: Timestamp) {
    if windows.len() < MOST || windows.contains_key(key) {
        return;
    }
    windows.retain(|_, window| window.is_open(now));
    if windows.len() >= MOST {
        // Several at once, so that a flood does not pay for the search each time.
        let some: Vec<Key> = windows.keys().take(MOST / 8).cloned().collect();
        for key in &some {
            windows.remove(key);
        }
    }
}

fn round_up(left: SignedDuration) -> Duration {
    Duration::from_secs(u64::try_from(left.as_millis().max(0)).unwrap_or(0).div_ceil(1000).max(1))
}

#[cfg(test)]
mod tests {
    use super::{Brake, MOST, PER_ACCOUNT, PER_ADDRESS};
    use api::Code;
    use jiff::Timestamp;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn guessing_one_account_is_stopped_for_the_rest_of_the_minute() {
        let brake = Brake::default();
        for _ in 0..PER_ACCOUNT {
            brake.begin(HERE, "anna", at(0)).unwrap();
        }
        let refused = brake.begin(HERE, "ANNA", at(20)).unwrap_err();
        assert_eq!(refused.code(), Code::TooManyAttempts);
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(40)));
        brake.begin(HERE, "bert", at(20)).unwrap();
        brake.begin("127.0.0.2".parse().unwrap(), "anna", at(20)).unwrap();
        brake.begin(HERE, "anna", at(60)).unwrap();
    }

    #[test]
    fn guessing_many_accounts_is_stopped_too() {
        let brake = Brake::default();
        for number in 0..PER_ADDRESS {
            brake.begin(HERE, &format!("user{number}"), at(0)).unwrap();
        }
        assert!(brake.begin(HERE, "somebody", at(1)).is_err());
    }

    #[test]
    fn success_takes_the_failures_back() {
        let brake = Brake::default();
        for _ in 0..1000 {
            brake.begin(HERE, "anna", at(0)).unwrap();
            brake.succeeded(HERE, "anna");
        }
    }

    #[test]
    fn half_a_success_counts_against_the_account_alone() {
        let brake = Brake::default();
        for _ in 0..PER_ACCOUNT {
            brake.begin(HERE, "anna", at(0)).unwrap();
            brake.half_succeeded(HERE);
        }
        assert!(brake.begin(HERE, "anna", at(0)).is_err());
        for number in 0..PER_ADDRESS {
            brake.begin(HERE, &format!("user{number}"), at(0)).unwrap();
        }
    }

    #[test]
    fn a_neighbour_in_the_same_64_is_the_same_source() {
        let brake = Brake::default();
        for number in 0..PER_ACCOUNT {
            brake.begin(format!("2001:db8::{number:x}").parse().unwrap(), "anna", at(0)).unwrap();
        }
        assert!(brake.begin("2001:db8::ffff".parse().unwrap(), "anna", at(0)).is_err());
        assert!(brake.begin("2001:db8:0:1::1".parse().unwrap(), "anna", at(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let brake = Brake::default();
        for number in 0..20_000_u32 {
            let address = IpAddr::V4(Ipv4Addr::from(0x7f00_0000 + number));
            brake.begin(address, "anna", at(0)).unwrap();
        }
        assert!(brake.0.lock().unwrap().len() <= MOST);
    }
}
