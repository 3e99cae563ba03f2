//! The rules of a careful sender, one by one (`wpi.md` §1.5, D-9, D-10, `landscape.md` C2 rows 2 and 6).

use super::{
    Candidate, Destination, Next, PATH, Pace, PollMode, again_in, body, decide, gap, is_out_of_reach,
    poll_item,
};
use crate::client::Access;
use crate::network::{Networks, Subnet};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;

const GAP: SignedDuration = SignedDuration::from_secs(300);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn destination(peer: &str, uri: &str) -> (String, u16, String) {
    let found = Destination::of(ip(peer), Some(uri), &Networks::default());
    (found.address.to_string(), found.port, found.path)
}

#[test]
fn a_phone_is_called_where_it_says_it_listens() {
    let usual = |port| ("10.20.30.77".to_owned(), port, PATH.to_owned());
    assert_eq!(
        destination("10.20.30.77", "http://10.20.30.77:8085/contact_dls.html/ContactDLS"),
        usual(8085)
    );
    assert_eq!(destination("10.20.30.77", "http://10.20.30.77/contact_dls.html/ContactDLS"), usual(80));
    assert_eq!(destination("10.20.30.77", "https://10.20.30.77/contact_dls.html/ContactDLS"), usual(443));
    assert_eq!(destination("::ffff:10.20.30.77", ""), usual(8085));
    let six = Destination::of(
        ip("2001:db8::7"),
        Some("http://[2001:db8::7]:8085/ContactDLS"),
        &Networks::default(),
    );
    assert_eq!((six.address, six.port, six.path.as_str()), (ip("2001:db8::7"), 8085, "/ContactDLS"));
    assert!(!six.is_tls());
}

/// `landscape.md` C2 row 2.
#[test]
fn attack_2_a_contact_me_uri_cannot_send_the_server_elsewhere() {
    let peer = "10.20.30.77";
    let usual = ("10.20.30.77".to_owned(), 8085, PATH.to_owned());
    for uri in [
        "http://169.254.169.254/latest/meta-data",
        "http://169.254.169.254:8085/contact_dls.html/ContactDLS",
        "http://127.0.0.1:5432/contact_dls.html/ContactDLS",
        "http://localhost:8085/contact_dls.html/ContactDLS",
        "http://10.20.30.77@169.254.169.254:8085/contact_dls.html/ContactDLS",
        "http://10.20.30.77:8085@169.254.169.254/contact_dls.html/ContactDLS",
        "http://[::1]:8085/contact_dls.html/ContactDLS",
        "http://10.20.30.77:22/contact_dls.html/ContactDLS",
        "http://10.20.30.77:99999/",
        "file:///etc/passwd",
        "gopher://10.20.30.77:8085/contact_dls.html/ContactDLS",
        "http://10.20.30.77:8085/admin/reboot",
        "http://10.20.30.77:8085/contact_dls.html/ContactDLS?next=http://elsewhere",
        "http://10.20.30.77:8085/../../ContactDLS",
        "http://10.20.30.77:8085/a\r\nHost: elsewhere\r\n/ContactDLS",
        "http://10.20.30.77:8085/a b/ContactDLS",
        "http://2130706433/contact_dls.html/ContactDLS",
        "\u{a0}http://[",
        "http://é/",
    ] {
        let (address, port, path) = destination(peer, uri);
        assert_eq!(address, usual.0, "{uri}");
        assert!(super::PORTS.contains(&port), "{uri}");
        assert_eq!(path, usual.2, "{uri}");
    }
}

#[test]
fn an_administrator_may_allow_other_addresses() {
    let allowed = Networks::parse("10.99.0.0/16").unwrap();
    let uri = Some("http://10.99.1.2:8085/contact_dls.html/ContactDLS");
    assert_eq!(Destination::of(ip("192.0.2.1"), uri, &allowed).address, ip("10.99.1.2"));
    assert_eq!(Destination::of(ip("192.0.2.1"), uri, &Networks::default()).address, ip("192.0.2.1"));
    assert!(!is_out_of_reach(ip("192.0.2.1"), uri, &allowed));
    assert!(is_out_of_reach(ip("192.0.2.1"), uri, &Networks::default()));
    assert!(!is_out_of_reach(ip("::ffff:10.99.1.2"), uri, &Networks::default()));
    assert!(!is_out_of_reach(ip("192.0.2.1"), Some("http://phone7:8085/ContactDLS"), &Networks::default()));
    assert!(!is_out_of_reach(ip("192.0.2.1"), None, &Networks::default()));
}

#[test]
fn the_body_names_a_server_only_when_told() {
    assert_eq!(body(None), "ContactMe=true");
    let named = body(Some((ip("10.20.30.40"), 18443)));
    assert_eq!(named, "ContactMe=true&dls_ip_addr=10.20.30.40&dls_ip_port=18443");
    assert_eq!(named.len(), 56);
}

#[test]
fn the_gap_is_the_phones_own_within_reason() {
    let seconds = SignedDuration::from_secs;
    assert_eq!(gap(None, GAP), GAP);
    assert_eq!(gap(Some("600"), GAP), seconds(600));
    assert_eq!(gap(Some("120"), GAP), seconds(120));
    assert_eq!(gap(Some("0"), GAP), seconds(60), "twice in a second may kill the phone's web server");
    assert_eq!(gap(Some("0"), seconds(5)), seconds(5), "the administrator's own word");
    assert_eq!(gap(Some("4294967295"), GAP), SignedDuration::from_hours(24));
    assert_eq!(gap(Some("soon"), GAP), GAP);
}

#[test]
fn waits_grow() {
    let seconds: Vec<i64> = (1..=8).map(|tries| again_in(GAP, tries).as_secs()).collect();
    assert_eq!(seconds, [330, 660, 1_320, 2_640, 5_280, 10_560, 14_400, 14_400]);
    let day = SignedDuration::from_hours(24);
    assert!(again_in(day, 1) > day, "never inside the gap");
}

fn now() -> Timestamp {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn candidate() -> Candidate {
    Candidate { access: Access::Direct, out_of_reach: false, tries: 0, called_at: None, gap: GAP }
}

fn ago(seconds: i64) -> Option<Timestamp> {
    Some(now() - SignedDuration::from_secs(seconds))
}

/// `landscape.md` C2 row 6.
#[test]
fn attack_6_nobody_is_called_inside_the_gap() {
    for mode in [PollMode::Automatic, PollMode::Disabled, PollMode::Enabled] {
        for access in [Access::Direct, Access::Dcmp] {
            for tries in 0..6 {
                for seconds in [0, 1, 60, 299] {
                    let candidate = Candidate { access, tries, called_at: ago(seconds), ..candidate() };
                    let (_, next) = decide(&candidate, mode, 3, now());
                    assert!(!matches!(next, Next::Call(_)), "{mode:?} {access:?} {tries} {seconds}");
                }
            }
        }
    }
    let called = Candidate { called_at: ago(300), ..candidate() };
    let (access, next) = decide(&called, PollMode::Disabled, 3, now());
    assert_eq!((access, next), (Access::Direct, Next::Call(SignedDuration::from_secs(330))));
}

#[test]
fn three_tries_then_offline() {
    let decide = |tries, seconds| {
        let candidate = Candidate { tries, called_at: ago(seconds), ..candidate() };
        decide(&candidate, PollMode::Disabled, 3, now()).1
    };
    assert_eq!(decide(1, 330), Next::Call(SignedDuration::from_secs(660)));
    assert_eq!(decide(2, 660), Next::Call(SignedDuration::from_secs(1_320)));
    assert_eq!(decide(3, 1_320), Next::GiveUp);
    assert_eq!(decide(2, 100), Next::Wait(now() + SignedDuration::from_secs(200)));
}

#[test]
fn who_cannot_be_called_polls_in_automatic_mode() {
    let in_mode = |mode, candidate: Candidate| decide(&candidate, mode, 3, now());
    let behind = Candidate { out_of_reach: true, ..candidate() };
    assert_eq!(in_mode(PollMode::Automatic, behind), (Access::Dcmp, Next::LeaveToPolling));
    assert!(matches!(in_mode(PollMode::Disabled, behind), (Access::Direct, Next::Call(_))));

    let missed = Candidate { tries: 3, called_at: ago(1_320), ..candidate() };
    assert_eq!(
        in_mode(PollMode::Automatic, missed),
        (Access::Dcmp, Next::Wait(now() + SignedDuration::from_secs(3_600 - 1_320)))
    );
    // Tried once an hour, so that it can come back.
    let long_ago = Candidate { access: Access::Dcmp, tries: 7, called_at: ago(3_600), ..candidate() };
    assert_eq!(
        in_mode(PollMode::Automatic, long_ago),
        (Access::Dcmp, Next::Call(SignedDuration::from_secs(3_600)))
    );
    assert_eq!(in_mode(PollMode::Enabled, candidate()), (Access::Dcmp, Next::LeaveToPolling));
    let was = Candidate { access: Access::Dcmp, ..candidate() };
    assert!(matches!(in_mode(PollMode::Disabled, was), (Access::Direct, Next::Call(_))));
}

#[test]
fn modes_and_the_address_they_need() {
    assert_eq!(PollMode::of("automatic", false), PollMode::Disabled);
    assert_eq!(PollMode::of("automatic", true), PollMode::Automatic);
    assert_eq!(PollMode::of("enabled", false), PollMode::Enabled);
    assert_eq!(PollMode::of("disabled", true), PollMode::Disabled);
    assert!(PollMode::Automatic.polls(Access::Dcmp) && !PollMode::Automatic.polls(Access::Direct));
    assert_eq!(poll_item("http://dcmp.example.net:8080/dcmp/"), "dcmp.example.net:8080/dcmp");
    assert_eq!(poll_item("https://dcmp.example.net/dcmp"), "https://dcmp.example.net/dcmp");
}

#[test]
fn calls_are_spaced_over_all_and_per_subnet() {
    let subnet = |text: &str| Subnet::of(ip(text));
    let mut pace = Pace::default();
    let mut admitted = |address: &str, now: u64| pace.admits(subnet(address), 10, 2, now);
    // Two into one subnet at once, then one each half second.
    let times: Vec<u64> = (0..30).map(|tenth| tenth * 100).filter(|now| admitted("10.1.1.7", *now)).collect();
    assert_eq!(times, [0, 100, 500, 1_000, 1_500, 2_000, 2_500]);

    // All together: ten at once, then one each tenth of a second.
    let mut pace = Pace::default();
    let mut at = |now: u64, number: u8| {
        (0..number).filter(|n| pace.admits(subnet(&format!("10.2.{n}.1")), 10, 2, now)).count()
    };
    assert_eq!((at(0, 50), at(50, 50), at(100, 50), at(1_100, 50), at(60_000, 50)), (10, 0, 1, 10, 10));
    // A clock that stands still admits nothing more.
    assert_eq!(at(60_000, 50), 0);
    pace.tidy(70_000);
    assert!(pace.subnets.is_empty());
}
