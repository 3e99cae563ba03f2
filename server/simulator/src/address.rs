//! Hardware addresses, blocks of source addresses, and the guard that keeps a simulator inside the
//! machine (D-38). Nothing here opens a socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A hardware address, written as phones write it: `00:1A:E8:5B:20:C7` (`wpi.md` §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The address `offset` places further; `None` when it would leave the vendor block, that is the
    /// first three bytes.
    #[must_use]
    pub fn plus(self, offset: u32) -> Option<Self> {
        let [a, b, c, d, e, f] = self.0;
        let last = u32::from_be_bytes([0, d, e, f]).checked_add(offset)?;
        let [0, d, e, f] = last.to_be_bytes() else { return None };
        Some(Self([a, b, c, d, e, f]))
    }

    /// The twelve upper case digits without colons: the device id (D-1).
    #[must_use]
    pub fn plain(self) -> String {
        let [a, b, c, d, e, f] = self.0;
        format!("{a:02X}{b:02X}{c:02X}{d:02X}{e:02X}{f:02X}")
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{f:02X}")
    }
}

impl From<MacAddress> for String {
    fn from(address: MacAddress) -> Self {
        address.to_string()
    }
}

impl FromStr for MacAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::Mac { text: text.chars().take(40).collect() };
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

/// A block of IPv4 addresses in the form `127.10.0.0/16`, from which each phone takes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceBlock {
    network: Ipv4Addr,
    prefix: u8,
}

impl SourceBlock {
    /// The address of phone `number`, counted from 0. The first and the last address of the block are
    /// not used, except in a block of one.
    ///
    /// # Errors
    /// [`AddressError::BlockExhausted`] when the block is too small.
    pub fn address(self, number: u32) -> Result<Ipv4Addr, AddressError> {
        let size = 1_u64 << (32 - self.prefix);
        let place = if size == 1 { u64::from(number) } else { u64::from(number) + 1 };
        let last = if size == 1 { 1 } else { size - 1 };
        if place >= last {
            return Err(AddressError::BlockExhausted { block: self, number });
        }
        let offset =
            u32::try_from(place).map_err(|_| AddressError::BlockExhausted { block: self, number })?;
        Ok(Ipv4Addr::from(u32::from(self.network).wrapping_add(offset)))
    }

    /// Whether every address of the block is a loopback address (127.0.0.0/8).
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.prefix >= 8 && self.network.is_loopback()
    }
}

impl fmt::Display for SourceBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl From<SourceBlock> for String {
    fn from(block: SourceBlock) -> Self {
        block.to_string()
    }
}

impl FromStr for SourceBlock {
    type Err = AddressError;

    /// A bare address is a block of one; bits behind the prefix must be zero, because a typing mistake
    /// there would put the phones on other addresses than the user thinks.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::Block { text: text.chars().take(40).collect() };
        let (network, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let network: Ipv4Addr = network.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().ok().filter(|prefix| (1..=32).contains(prefix)).ok_or_else(wrong)?;
        let behind = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        if u32::from(network) & behind != 0 {
            return Err(wrong());
        }
        Ok(Self { network, prefix })
    }
}

impl TryFrom<String> for SourceBlock {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

/// Keeps simulated phones on this machine unless the user said otherwise (D-38).
///
/// A contact-me request may name any server (`wpi.md` §8 no. 1), so the guard is asked again before each
/// connection, not only when a run starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkGuard {
    allow_any: bool,
}

impl NetworkGuard {
    /// Only 127.0.0.0/8.
    pub const LOOPBACK_ONLY: Self = Self { allow_any: false };

    /// Every address, when `allow` is set: for a test network of the user's own.
    #[must_use]
    pub fn allow_any(allow: bool) -> Self {
        Self { allow_any: allow }
    }

    /// Whether phones may speak to this address.
    ///
    /// # Errors
    /// [`AddressError::ForeignTarget`] for an address outside 127.0.0.0/8.
    pub fn check_target(self, target: SocketAddr) -> Result<(), AddressError> {
        if self.permits(target.ip()) { Ok(()) } else { Err(AddressError::ForeignTarget { target }) }
    }

    /// Whether phones may use this address as their own.
    ///
    /// # Errors
    /// [`AddressError::ForeignSource`] for an address outside 127.0.0.0/8.
    pub fn check_source(self, source: Ipv4Addr) -> Result<(), AddressError> {
        if self.permits(IpAddr::V4(source)) {
            Ok(())
        } else {
            Err(AddressError::ForeignSource { address: source })
        }
    }

    fn permits(self, address: IpAddr) -> bool {
        self.allow_any || matches!(address, IpAddr::V4(v4) if v4.is_loopback())
    }
}

/// An address that cannot be read or must not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Not six pairs of hex digits.
    #[error("`{text}` is not a hardware address of the form 00:1A:E8:00:00:01")]
    Mac {
        /// What was given, at most 40 characters of it.
        text: String,
    },
    /// Not an IPv4 block.
    #[error("`{text}` is not an address block of the form 127.10.0.0/16")]
    Block {
        /// What was given, at most 40 characters of it.
        text: String,
    },
    /// More phones than addresses.
    #[error("phone {number} has no address left in {block}")]
    BlockExhausted {
        /// The block that is too small.
        block: SourceBlock,
        /// The phone that got none.
        number: u32,
    },
    /// More phones than hardware addresses behind the first one.
    #[error("phone {number} has no hardware address left after {first}")]
    MacExhausted {
        /// First address of the fleet.
        first: MacAddress,
        /// The phone that got none.
        number: u32,
    },
    /// A server outside the machine.
    #[error("simulated phones do not speak to {target}: it lies outside 127.0.0.0/8 (see allow-any-target)")]
    ForeignTarget {
        /// The refused address.
        target: SocketAddr,
    },
    /// A source address outside the machine.
    #[error(
        "simulated phones do not use {address} as their address: it lies outside 127.0.0.0/8 (see allow-any-target)"
    )]
    ForeignSource {
        /// The refused address.
        address: Ipv4Addr,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_read_and_written_as_phones_write_them() {
        let mac: MacAddress = "00:1a:e8:00:00:ff".parse().unwrap();
        assert_eq!(mac.to_string(), "00:1A:E8:00:00:FF");
        assert_eq!(mac.plain(), "001AE80000FF");
        assert_eq!(mac.plus(1).unwrap().to_string(), "00:1A:E8:00:01:00");
        assert_eq!(MacAddress([0, 0x1A, 0xE8, 0xFF, 0xFF, 0xFF]).plus(1), None);
        for wrong in ["", "00:1A:E8:00:00", "00:1A:E8:00:00:00:00", "0:1A:E8:00:00:00", "00:1A:E8:00:00:0G"] {
            assert!(wrong.parse::<MacAddress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_phone_has_its_own_address_until_the_block_is_used_up() {
        let block: SourceBlock = "127.10.0.0/30".parse().unwrap();
        assert_eq!(block.address(0).unwrap(), Ipv4Addr::new(127, 10, 0, 1));
        assert_eq!(block.address(1).unwrap(), Ipv4Addr::new(127, 10, 0, 2));
        assert!(matches!(block.address(2), Err(AddressError::BlockExhausted { number: 2, .. })));
        let one: SourceBlock = "127.0.0.1".parse().unwrap();
        assert_eq!(one.address(0).unwrap(), Ipv4Addr::LOCALHOST);
        assert!(one.address(1).is_err());
    }

    #[test]
    fn a_block_with_bits_behind_its_prefix_is_refused() {
        for wrong in ["127.10.1.0/16", "127.10.0.0/33", "127.10.0.0/0", "127.10.0/16", "::1/128"] {
            assert!(wrong.parse::<SourceBlock>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_loopback_is_permitted_without_the_explicit_wish() {
        let foreign: SocketAddr = "192.0.2.1:18443".parse().unwrap();
        let near: SocketAddr = "127.3.2.1:18443".parse().unwrap();
        assert_eq!(NetworkGuard::LOOPBACK_ONLY.check_target(near), Ok(()));
        assert!(NetworkGuard::LOOPBACK_ONLY.check_target(foreign).is_err());
        assert!(NetworkGuard::LOOPBACK_ONLY.check_source(Ipv4Addr::new(192, 0, 2, 1)).is_err());
        assert_eq!(NetworkGuard::allow_any(true).check_target(foreign), Ok(()));
    }
}
