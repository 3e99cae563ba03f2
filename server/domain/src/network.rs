//! Networks: the subnets the product reckons with (/24 for IPv4, /64 for IPv6; D-4, D-28), and the lists of
//! networks in settings.

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

/// Most networks in a list.
pub const MOST_NETWORKS: usize = 64;

/// A network as `address/prefix`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: u128,
    is_v4: bool,
    /// Bits that count, from the left of the 128 (IPv4: of its 32).
    prefix: u32,
}

/// A text that is no network, or no list of at most [`MOST_NETWORKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of networks")]
pub struct NetworksFault;

fn bits(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
        IpAddr::V6(v6) => (v6.to_bits(), false),
    }
}

fn cut(bits: u128, prefix: u32) -> u128 {
    bits & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}

impl Network {
    /// Whether an address lies in it; an IPv4 address mapped into IPv6 counts as the IPv4 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, is_v4) = bits(address);
        is_v4 == self.is_v4 && cut(bits, self.prefix) == self.first
    }

    /// Its first and its last address.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        let last = self.first | u128::MAX.checked_shr(self.prefix).unwrap_or(0);
        let address = |bits: u128| -> IpAddr {
            // The 32 bits of an IPv4 address stand at the left.
            match u32::try_from(bits >> 96) {
                Ok(v4) if self.is_v4 => Ipv4Addr::from_bits(v4).into(),
                _ => Ipv6Addr::from_bits(bits).into(),
            }
        };
        (address(self.first), address(last))
    }
}

/// An address as a text that sorts like the address: `4` and eight, or `6` and 32 upper-case hexadecimal digits. An IPv4
/// address mapped into IPv6 counts as the IPv4 one.
pub fn address_sort(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("4{:08X}", v4.to_bits()),
        IpAddr::V6(v6) => format!("6{:032X}", v6.to_bits()),
    }
}

impl std::str::FromStr for Network {
    type Err = NetworksFault;

    fn from_str(text: &str) -> Result<Self, NetworksFault> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (bits, is_v4) = bits(address.parse().map_err(|_| NetworksFault)?);
        let longest = if is_v4 { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| NetworksFault)?,
            None => longest,
        };
        if prefix > longest {
            return Err(NetworksFault);
        }
        Ok(Self { first: cut(bits, prefix), is_v4, prefix })
    }
}

/// A list of networks; the empty one contains nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Reads a list separated by commas.
    ///
    /// # Errors
    /// When one of them is no network, or there are more than [`MOST_NETWORKS`].
    pub fn parse(text: &str) -> Result<Self, NetworksFault> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks: Vec<Network> =
            parts.take(MOST_NETWORKS + 1).map(str::parse).collect::<Result<_, _>>()?;
        if networks.len() > MOST_NETWORKS { Err(NetworksFault) } else { Ok(Self(networks)) }
    }

    /// Whether an address lies in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// All of them, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &Network> {
        self.0.iter()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_NETWORKS, Network, Networks, Subnet, address_sort};
    use std::net::IpAddr;

    #[test]
    fn neighbours_share_a_subnet() {
        let of = |text: &str| Subnet::of(text.parse().unwrap()).to_string();
        assert_eq!(of("127.10.3.4"), "127.10.3.0/24");
        assert_eq!(of("::ffff:127.10.3.4"), "127.10.3.0/24");
        assert_eq!(of("2001:db8:1:2:3::9"), "2001:db8:1:2::/64");
    }

    #[test]
    fn a_list_contains_what_its_networks_contain() {
        let networks = Networks::parse("10.20.0.0/16, 192.0.2.7,2001:db8:1::/48").unwrap();
        let has = |text: &str| networks.contains(text.parse().unwrap());
        assert!(has("10.20.255.1") && has("::ffff:10.20.1.1") && has("192.0.2.7") && has("2001:db8:1:9::1"));
        assert!(!has("10.21.0.1") && !has("192.0.2.8") && !has("2001:db8:2::1") && !has("::1"));
        assert!(Networks::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(!Networks::parse("0.0.0.0/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(!Networks::parse("").unwrap().contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_network_reaches_from_its_first_to_its_last_address() {
        for (text, first, last) in [
            ("10.1.2.3/16", "10.1.0.0", "10.1.255.255"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("10.1.2.3/32", "10.1.2.3", "10.1.2.3"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::9/127", "2001:db8::8", "2001:db8::9"),
            ("2001:db8::9", "2001:db8::9", "2001:db8::9"),
        ] {
            let network: Network = text.parse().unwrap();
            let address = |text: &str| text.parse::<IpAddr>().unwrap();
            assert_eq!(network.bounds(), (address(first), address(last)), "{text}");
        }
    }

    #[test]
    fn addresses_sort_as_texts() {
        let sort = |text: &str| address_sort(text.parse().unwrap());
        assert_eq!(sort("10.0.0.1"), "40A000001");
        assert_eq!(sort("::ffff:10.0.0.1"), "40A000001");
        assert_eq!(sort("2001:db8::1"), "620010DB8000000000000000000000001");
        assert!(sort("9.255.255.255") < sort("10.0.0.0") && sort("255.255.255.255") < sort("::"));
        assert!(sort("::9") < sort("::a") && sort("::a") < sort("::10"));
    }

    #[test]
    fn what_is_no_list_of_networks_is_refused() {
        for bad in ["10.20.0.0/33", "10.20.0/16", "host", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129"] {
            assert!(Networks::parse(bad).is_err(), "{bad}");
        }
        assert!(Networks::parse(&"10.0.0.1,".repeat(MOST_NETWORKS)).is_ok());
        assert!(Networks::parse(&"10.0.0.1,".repeat(MOST_NETWORKS + 1)).is_err());
    }
}
