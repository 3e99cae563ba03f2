//! Which addresses this server connects to for an administrator's storage provider. What is asked from inside a data
//! centre reaches more than its administrator may: the machine's own services, the cloud's metadata service. Those are
//! refused unless a setting names them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::network::Networks;

/// Addresses that need to be named before they are connected to, and those that never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Everything else, private networks among it: there the providers of companies are.
    Usual,
    /// The machine itself.
    Loopback,
    /// The machine's own cable, and the metadata services of clouds.
    LinkLocal,
    /// Unspecified, multicast, broadcast: no server is there.
    Never,
}

/// Whether an address is not connected to.
///
/// Loopback and link-local addresses are refused unless a network of `allowed` contains them that lies wholly inside
/// loopback or inside link-local: `0.0.0.0/0` does not name them. Unspecified, multicast and broadcast addresses are
/// refused always. An IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4) is judged as the IPv4 one.
pub fn is_refused(address: IpAddr, allowed: &Networks) -> bool {
    match class(address) {
        Class::Usual => false,
        Class::Never => true,
        named @ (Class::Loopback | Class::LinkLocal) => !allowed.iter().any(|network| {
            let (first, last) = network.bounds();
            network.contains(innermost(address)) && class(first) == named && class(last) == named
        }),
    }
}

fn class(address: IpAddr) -> Class {
    match innermost(address) {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

/// The IPv4 address inside an IPv6 one, or the address itself.
fn innermost(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
    }
}

fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        // mapped (RFC 4291 §2.5.5.2)
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(last(high, low)),
        // ::, ::1 and addresses as small are no IPv4-compatible ones
        [0, 0, 0, 0, 0, 0, 0, _] => None,
        // IPv4-compatible (RFC 4291 §2.5.5.1)
        [0, 0, 0, 0, 0, 0, high, low] => Some(last(high, low)),
        // NAT64 (RFC 6052 §2.1), and with a prefix of the own network (RFC 8215), taken as /96
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            Some(last(high, low))
        }
        // 6to4 (RFC 3056 §2)
        [0x2002, high, low, ..] => Some(last(high, low)),
        _ => None,
    }
}

/// Where some clouds tell their machines secrets outside link-local, and meant like it (Alibaba, Oracle).
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

fn class_v4(v4: Ipv4Addr) -> Class {
    // All of 0.0.0.0/8 means "this host" (RFC 1122 §3.2.1.3 a, b); 240.0.0.0/4 holds the broadcast address.
    if v4.octets()[0] == 0 || v4.octets()[0] >= 240 || v4.is_multicast() {
        Class::Never
    } else if v4.is_loopback() {
        Class::Loopback
    } else if v4.is_link_local() || METADATA_V4.contains(&v4) {
        Class::LinkLocal
    } else {
        Class::Usual
    }
}

/// Where a cloud tells its machines their secrets by IPv6: outside link-local, and meant like it.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn class_v6(v6: Ipv6Addr) -> Class {
    if v6.is_loopback() {
        Class::Loopback
    } else if v6.is_unspecified() || v6.is_multicast() || matches!(v6.segments(), [0, 0, 0, 0, 0, 0, 0, _]) {
        Class::Never
    } else if v6.is_unicast_link_local() || v6 == METADATA_V6 {
        Class::LinkLocal
    } else {
        Class::Usual
    }
}

#[cfg(test)]
mod tests {
    use super::is_refused;
    use domain::network::Networks;
    use std::net::IpAddr;

    fn refused(address: &str, allowed: &str) -> bool {
        let address: IpAddr = address.parse().expect("an address");
        is_refused(address, &Networks::parse(allowed).expect("networks"))
    }

    #[test]
    fn addresses_of_other_machines_are_connected_to() {
        for address in
            ["192.0.2.1", "10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1", "100.64.0.1"]
        {
            assert!(!refused(address, ""), "{address}");
        }
    }

    #[test]
    fn the_machine_itself_and_its_cable_must_be_named() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "192.0.0.192",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1:2:3:4:a9fe:a9fe",
        ] {
            assert!(refused(address, ""), "{address}");
            assert!(
                refused(address, "0.0.0.0/0, ::/0, 10.0.0.0/8"),
                "{address}: named by a network of everything"
            );
        }
    }

    #[test]
    fn a_network_inside_names_what_it_contains() {
        assert!(!refused("127.0.0.1", "127.0.0.0/8"));
        assert!(!refused("127.0.0.1", "127.0.0.1"));
        assert!(!refused("::ffff:127.0.0.1", "127.0.0.1"));
        assert!(!refused("64:ff9b::7f00:1", "127.0.0.1"));
        assert!(refused("127.0.0.2", "127.0.0.1"));
        assert!(!refused("::1", "::1"));
        assert!(!refused("169.254.7.7", "169.254.0.0/16"));
        assert!(refused("169.254.7.7", "127.0.0.0/8"));
        assert!(!refused("fe80::7", "fe80::/10"));
        assert!(!refused("fd00:ec2::254", "fd00:ec2::254"));
        assert!(refused("fd00:ec2::254", "fd00:ec2::/32"));
        assert!(!refused("fd00:ec2::253", ""));
        // A network that is larger than link-local does not name it.
        assert!(refused("169.254.7.7", "169.0.0.0/8"));
    }

    #[test]
    fn nobody_is_at_these_addresses() {
        for address in
            ["0.0.0.0", "0.1.2.3", "::", "::2", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"]
        {
            assert!(refused(address, ""), "{address}");
            assert!(refused(address, &format!("{address}, 0.0.0.0/0, ::/0")), "{address}");
        }
    }
}
