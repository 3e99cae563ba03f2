//! Tests of ranges, of what may be scanned, and of the states of a scan.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{Allowed, MOST_ADDRESSES, Range, RangeFault, Ranges, ScanEvent, ScanState};

fn range(text: &str) -> Result<Range, RangeFault> {
    text.parse()
}

fn ranges(texts: &[&str]) -> Ranges {
    Ranges::new(texts.iter().map(|text| range(text).unwrap())).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn bounds(text: &str) -> (String, String) {
    let (first, last) = range(text).unwrap().bounds();
    (first.to_string(), last.to_string())
}

fn pair(first: &str, last: &str) -> (String, String) {
    (first.to_owned(), last.to_owned())
}

#[test]
fn ranges_are_read_as_people_write_them() {
    assert_eq!(bounds("10.1.2.0/24"), pair("10.1.2.1", "10.1.2.254"));
    assert_eq!(bounds(" 10.1.2.77 / 24 "), pair("10.1.2.1", "10.1.2.254"));
    assert_eq!(bounds("10.1.2.77/255.255.255.0"), pair("10.1.2.1", "10.1.2.254"));
    assert_eq!(bounds("10.1.2.0/30"), pair("10.1.2.1", "10.1.2.2"));
    assert_eq!(bounds("10.1.2.0/31"), pair("10.1.2.0", "10.1.2.1"), "RFC 3021");
    assert_eq!(bounds("10.1.2.7/32"), pair("10.1.2.7", "10.1.2.7"));
    assert_eq!(bounds("10.1.3.10 - 10.1.3.90"), pair("10.1.3.10", "10.1.3.90"));
    assert_eq!(bounds("10.1.4.7"), pair("10.1.4.7", "10.1.4.7"));
    assert_eq!(bounds("::ffff:10.1.4.7"), pair("10.1.4.7", "10.1.4.7"));
    assert_eq!(bounds("2001:db8::5/112"), pair("2001:db8::", "2001:db8::ffff"));
    assert_eq!(Range::of_mask("10.1.2.77", "16").unwrap().count(), MOST_ADDRESSES - 2);
}

#[test]
fn what_is_no_range_is_refused() {
    let long = "1".repeat(101);
    for bad in [
        "",
        "-",
        "/",
        "10.1.2",
        "10.1.2.0/33",
        "10.1.2.0/",
        "10.1.2.0/+8",
        "10.1.2.0/255.0.255.0",
        "host",
        &long,
    ] {
        assert_eq!(range(bad), Err(RangeFault::Form), "{bad}");
    }
    for bad in ["10.1.2.0/24/24", "10.1.2.1-10.1.2.3-10.1.2.5", "fe80::1%eth0", "::/129", "10.1.2.1,10.1.2.2"]
    {
        assert_eq!(range(bad), Err(RangeFault::Form), "{bad}");
    }
    for bad in ["10.1.2.9-10.1.2.8", "10.1.2.9-2001:db8::1"] {
        assert_eq!(range(bad), Err(RangeFault::Order), "{bad}");
    }
    for bad in ["10.0.0.0/15", "0.0.0.0/0", "::/0", "2001:db8::/111", "10.0.0.0-10.1.0.0", "::-ffff::"] {
        assert_eq!(range(bad), Err(RangeFault::TooLarge), "{bad}");
    }
}

#[test]
fn a_scan_has_each_address_once() {
    let all = ranges(&["10.1.2.5-10.1.2.9", "10.1.2.8", "10.1.2.7-10.1.2.11", "2001:db8::1"]);
    assert_eq!(all.count(), 8);
    assert_eq!(all.nth(0), Some(address("10.1.2.5")));
    assert_eq!(all.nth(6), Some(address("10.1.2.11")));
    assert_eq!(all.nth(7), Some(address("2001:db8::1")));
    assert_eq!(all.nth(8), None);
    let halves = ["10.1.0.0/17", "10.1.128.0/17", "10.2.0.1", "10.2.0.2"].map(|text| range(text).unwrap());
    assert!(Ranges::new(halves[..3].to_vec()).is_ok());
    let whole = [range("10.1.0.0-10.1.255.255").unwrap(), halves[2]];
    assert_eq!(Ranges::new(whole), Err(RangeFault::TooLarge));
    assert!(Ranges::new([whole[0], halves[0]]).is_ok(), "twice is once");
}

#[test]
fn only_what_is_allowed_is_scanned() {
    let allowed = Allowed::parse("10.1.0.0/16, 192.0.2.7,2001:db8::/64");
    for good in ["10.1.0.0", "10.1.255.255", "192.0.2.7", "::ffff:10.1.2.3", "2001:db8::9"] {
        assert!(allowed.admits(address(good)), "{good}");
    }
    for bad in ["10.0.255.255", "10.2.0.0", "192.0.2.8", "2001:db8:0:1::", "127.0.0.1", "::1"] {
        assert!(!allowed.admits(address(bad)), "{bad}");
    }
    assert_eq!(allowed.first_refused(&range("10.1.2.0/24").unwrap()), None);
    let beyond = allowed.first_refused(&range("10.1.255.250-10.2.0.9").unwrap());
    assert_eq!(beyond, Some(address("10.2.0.0")));
    let two = Allowed::parse("10.1.0.0/25,10.1.0.128/25");
    assert_eq!(two.first_refused(&range("10.1.0.0/24").unwrap()), None, "networks side by side");
    assert!(Allowed::parse("").is_empty() && !Allowed::parse("").admits(address("10.1.2.3")));
    assert!(Allowed::parse("10.0.0.0/33,host,/8").is_empty());
}

#[test]
fn loopback_must_be_named_and_some_addresses_are_never_scanned() {
    let (everything, named) =
        (Allowed::parse("0.0.0.0/0,::/0"), Allowed::parse("127.10.0.0/16,169.254.0.0/16,::1,fe80::/10"));
    for special in ["127.10.3.4", "169.254.1.1", "::1", "fe80::1", "::ffff:127.10.3.4"] {
        assert!(!everything.admits(address(special)), "{special}");
        assert!(named.admits(address(special)), "{special}");
    }
    assert!(!named.admits(address("127.11.0.1")));
    assert!(everything.admits(address("8.8.8.8")) && everything.admits(address("126.255.255.255")));
    let own = Allowed::parse("0.0.0.0/8,224.0.0.0/4,255.255.255.255,::,ff00::/8");
    for never in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.9.9.9", "255.255.255.255", "::", "ff02::1"] {
        assert!(!everything.admits(address(never)) && !own.admits(address(never)), "{never}");
    }
}

#[test]
fn what_is_over_stays_over() {
    use ScanEvent as E;
    use ScanState as S;
    let events = [E::Taken, E::Released, E::Finished, E::Stopped, E::Failed];
    let after = |state: S| events.map(|event| state.after(event).ok());
    assert_eq!(
        after(S::Running),
        [Some(S::Running), Some(S::Interrupted), Some(S::Finished), Some(S::Stopped), Some(S::Failed)]
    );
    assert_eq!(after(S::Interrupted), [Some(S::Running), None, None, Some(S::Stopped), None]);
    for state in S::ALL.iter().copied().filter(|state| state.is_over()) {
        assert_eq!(after(state), [None; 5], "{state:?}");
    }
    let refusal = S::Finished.after(E::Stopped).unwrap_err();
    assert_eq!(refusal.to_string(), "Stopped cannot happen to a scan that is finished");
}

/// Ranges in a small part of the address space, so that they meet.
fn some_ranges() -> impl Strategy<Value = Vec<Range>> {
    let range = (0_u32..400, 0_u32..60).prop_map(|(first, more)| {
        let address = |number| Ipv4Addr::from_bits(0x0a01_0000 + number);
        range(&format!("{}-{}", address(first), address(first + more))).unwrap()
    });
    proptest::collection::vec(range, 1..8)
}

fn one_by_one(ranges: &[Range]) -> BTreeSet<IpAddr> {
    ranges.iter().flat_map(|range| Ranges::new([*range]).into_iter().flat_map(|one| all(&one))).collect()
}

fn all(ranges: &Ranges) -> Vec<IpAddr> {
    (0..).map_while(|number| ranges.nth(number)).collect()
}

proptest! {
    #[test]
    fn a_scan_has_the_addresses_of_its_ranges_in_order(given in some_ranges()) {
        let merged = Ranges::new(given.clone()).unwrap();
        let expected: Vec<IpAddr> = one_by_one(&given).into_iter().collect();
        prop_assert_eq!(merged.count(), expected.len() as u64);
        prop_assert_eq!(all(&merged), expected);
        let mut other = given;
        other.reverse();
        prop_assert_eq!(Ranges::new(other).unwrap(), merged);
    }

    #[test]
    fn overlapping_is_having_an_address_in_common(left in some_ranges(), right in some_ranges()) {
        let common = one_by_one(&left).intersection(&one_by_one(&right)).next().is_some();
        let (left, right) = (Ranges::new(left).unwrap(), Ranges::new(right).unwrap());
        prop_assert_eq!(left.overlaps(&right), common);
        prop_assert_eq!(right.overlaps(&left), common);
    }

    #[test]
    fn a_network_has_its_hosts(bits: u32, prefix in 16_u32..=32) {
        let member = Ipv4Addr::from_bits(bits);
        let network = range(&format!("{member}/{prefix}")).unwrap();
        let size = 1_u64 << (32 - prefix);
        prop_assert_eq!(network.count(), if prefix < 31 { size - 2 } else { size });
        let (first, last) = network.bounds();
        let allowed = Allowed::parse(&format!("{member}/{prefix}"));
        // Where nothing is special, a network allows exactly itself.
        if (1..=126).contains(&member.octets()[0]) {
            prop_assert_eq!(allowed.first_refused(&network), None);
            for (edge, next) in [(first, Ipv4Addr::from_bits(bits & !(size as u32).wrapping_sub(1))), (last, member)] {
                prop_assert!(allowed.admits(edge) && allowed.admits(next.into()));
            }
            let beyond = u64::from(bits & !(size as u32).wrapping_sub(1)) + size;
            if let Ok(beyond) = u32::try_from(beyond) {
                prop_assert!(!allowed.admits(Ipv4Addr::from_bits(beyond).into()));
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,120}") {
        // Reading never fails in another way than saying so, and a range is never too large.
        if let Ok(range) = range(&text) {
            prop_assert!(range.count() <= MOST_ADDRESSES);
        }
        let _ = Allowed::parse(&text);
    }
}
