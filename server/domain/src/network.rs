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

#[cfg(test)]
mod tests {
    use super::Subnet;

    #[test]
    fn neighbours_share_a_subnet() {
        let of = |text: &str| Subnet::of(text.parse().unwrap()).to_string();
        assert_eq!(of("127.10.3.4"), "127.10.3.0/24");
        assert_eq!(of("::ffff:127.10.3.4"), "127.10.3.0/24");
        assert_eq!(of("2001:db8:1:2:3::9"), "2001:db8:1:2::/64");
    }
}
