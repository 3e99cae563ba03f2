//! Guesses of deployment PINs (D-1, `wpi.md` §8): whoever may try them all finds one, and takes the place of
//! the phone that was meant. After some wrong ones of a network its PINs are not looked at for a while; its
//! phones are recorded as phones nobody expects.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::network::Subnet;
use jiff::{SignedDuration, Timestamp};

/// Most wrong PINs of a network in an [`HOUR`].
const MOST_OF_A_NETWORK: u32 = 10;

/// Most wrong PINs of all networks together in an hour: an attacker may have many addresses.
const MOST_OF_ALL: u32 = 100;

/// How long a wrong PIN is remembered, counted from the first.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Wrong PINs, as this node saw them.
#[derive(Debug, Default)]
pub struct PinGuesses(Mutex<Guesses>);

#[derive(Debug, Default)]
struct Guesses {
    since: Option<Timestamp>,
    all: u32,
    /// At most [`MOST_OF_ALL`] entries: one for each wrong PIN that was looked at.
    networks: HashMap<Subnet, u32>,
}

impl PinGuesses {
    /// Whether a PIN from this address is looked at.
    pub fn may_try(&self, peer: IpAddr, at: Timestamp) -> bool {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.since.is_some_and(|since| at.duration_since(since) >= HOUR) {
            *guesses = Guesses::default();
        }
        let of_network = guesses.networks.get(&Subnet::of(peer)).copied().unwrap_or(0);
        guesses.all < MOST_OF_ALL && of_network < MOST_OF_A_NETWORK
    }

    /// A PIN was wrong; gives whether this was the last one that is looked at from this address for now.
    pub fn wrong(&self, peer: IpAddr, at: Timestamp) -> bool {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.since.get_or_insert(at);
        guesses.all += 1;
        let all = guesses.all;
        let of_network = guesses.networks.entry(Subnet::of(peer)).or_insert(0);
        *of_network += 1;
        *of_network == MOST_OF_A_NETWORK || all == MOST_OF_ALL
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_OF_A_NETWORK, MOST_OF_ALL, PinGuesses};
    use jiff::{SignedDuration, Timestamp};
    use std::net::IpAddr;

    fn peer(network: u32) -> IpAddr {
        IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0001 + network * 256))
    }

    #[test]
    fn a_network_that_guesses_is_not_listened_to_for_an_hour() {
        let (guesses, at) = (PinGuesses::default(), Timestamp::UNIX_EPOCH);
        for number in 1..=MOST_OF_A_NETWORK {
            assert!(guesses.may_try(peer(1), at));
            assert_eq!(guesses.wrong(peer(1), at), number == MOST_OF_A_NETWORK);
        }
        assert!(!guesses.may_try(peer(1), at));
        assert!(guesses.may_try(peer(2), at), "others go on");
        assert!(guesses.may_try(peer(1), at + SignedDuration::from_hours(1)));
    }

    #[test]
    fn many_networks_together_have_a_limit_too() {
        let (guesses, at) = (PinGuesses::default(), Timestamp::UNIX_EPOCH);
        for network in 0..MOST_OF_ALL {
            assert!(guesses.may_try(peer(network), at));
            guesses.wrong(peer(network), at);
        }
        assert!(!guesses.may_try(peer(1_000), at));
    }
}
