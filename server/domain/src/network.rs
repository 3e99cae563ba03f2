//! Networks as the product means them: /24 for IPv4, /64 for IPv6 (D-4, D-28).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The subnet a peer belongs to: its /24 (IPv4, also when mapped into IPv6) or /64 (IPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subnet {
    /// First three octets.
    V4([u8; 3]),
    /// First four groups.
    V6([u16; 4]),
}

impl Subnet {
    /// The subnet of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6([a, b, c, d]) => write!(f, "{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
        }
    }
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// Most networks in a list.
const MOST_NETWORKS: usize = 64;

impl Network {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                u32::from(own) & mask == u32::from(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                u128::from(own) & mask == u128::from(other) & mask
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = text.split_once('/').ok_or(NotANetwork)?;
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let length: u8 = length.parse().map_err(|_| NotANetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if length <= most { Ok(Self { address, length }) } else { Err(NotANetwork) }
    }
}

/// A text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network is an address and a length, for instance 10.1.0.0/16")]
pub struct NotANetwork;

/// Networks separated by commas; an empty text is no network at all. `None` when one of them is none, or there
/// are too many.
pub fn parse_list(text: &str) -> Option<Vec<Network>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let networks: Option<Vec<Network>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    networks.filter(|networks| networks.len() <= MOST_NETWORKS)
}

#[cfg(test)]
mod tests {
    use super::{Network, parse_list};

    #[test]
    fn networks_contain_their_addresses() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains("10.1.2.3".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("10.2.2.3".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        let v6: Network = "2001:db8::/32".parse().unwrap();
        assert!(v6.contains("2001:db8:7::1".parse().unwrap()));
        assert_eq!(parse_list("10.0.0.0/8, 2001:db8::/32").unwrap().len(), 2);
        assert!(parse_list("10.0.0.0/33").is_none() && parse_list("x").is_none());
        assert_eq!(parse_list(" "), Some(Vec::new()));
    }

    use super::Subnet;

    #[test]
    fn neighbours_share_a_subnet() {
        let of = |text: &str| Subnet::of(text.parse().unwrap()).to_string();
        assert_eq!(of("127.10.3.4"), "127.10.3.0/24");
        assert_eq!(of("::ffff:127.10.3.4"), "127.10.3.0/24");
        assert_eq!(of("2001:db8:1:2:3::9"), "2001:db8:1:2::/64");
    }
}
