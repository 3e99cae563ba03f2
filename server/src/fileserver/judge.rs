//! Whether an address may be used: a pure decision.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::store::downloads::Download;

/// Why an address is not used. The phone is told none of this, only that there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is no address of ours, or one that is forgotten.
    Unknown,
    /// It is for a file of another name.
    OtherName,
    /// Its time is over, or another one was made instead.
    Expired,
    /// It was made for another phone.
    OtherPeer,
    /// The target it was made for has come to its end.
    TargetOver,
    /// The file is not there any more, or is another one now.
    FileGone,
}

impl Refused {
    /// A stable word for counters.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Unknown => "file_unknown",
            Self::OtherName => "file_other_name",
            Self::Expired => "file_expired",
            Self::OtherPeer => "file_other_peer",
            Self::TargetOver => "file_target_over",
            Self::FileGone => "file_gone",
        }
    }
}

/// Who asks, for what, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// Name in the path.
    pub(super) name: &'a str,
    /// Address of who asks.
    pub(super) peer: IpAddr,
    /// Whether addresses work only for the phone they were made for.
    pub(super) bound: bool,
    /// Now.
    pub(super) at: Timestamp,
}

/// Judges a request by what was stored when its address was made.
pub(super) fn judge(download: &Download, request: Request<'_>) -> Result<(), Refused> {
    if download.name != request.name {
        return Err(Refused::OtherName);
    }
    if download.expires_at <= request.at {
        return Err(Refused::Expired);
    }
    let made_for = download.peer.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if request.bound && made_for != Some(request.peer.to_canonical()) {
        return Err(Refused::OtherPeer);
    }
    if download.target_state.is_some_and(domain::job::TargetState::is_terminal) {
        return Err(Refused::TargetOver);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use domain::job::TargetState;
    use domain::{ClientId, FileId, TargetId};
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{Download, Refused, Request, judge};

    fn download() -> Download {
        Download {
            id: 1,
            target: Some(TargetId(1)),
            target_state: Some(TargetState::Sent),
            job: None,
            client: ClientId(1),
            file: FileId(1),
            name: "a.bmp".to_owned(),
            peer: "192.0.2.7".to_owned(),
            size: 10,
            sent: 0,
            started_at: None,
            finished_at: None,
            expires_at: Timestamp::from_second(100).unwrap(),
            failure: None,
        }
    }

    fn request(peer: &str, second: i64) -> Request<'static> {
        let at = Timestamp::from_second(second).unwrap();
        Request { name: "a.bmp", peer: peer.parse().unwrap(), bound: true, at }
    }

    #[test]
    fn an_address_works_for_its_phone_until_its_time_is_over() {
        assert_eq!(judge(&download(), request("192.0.2.7", 99)), Ok(()));
        assert_eq!(judge(&download(), request("::ffff:192.0.2.7", 99)), Ok(()), "the same address");
        assert_eq!(judge(&download(), request("192.0.2.7", 100)), Err(Refused::Expired));
        assert_eq!(judge(&download(), request("192.0.2.8", 99)), Err(Refused::OtherPeer));
        let free = Request { bound: false, ..request("192.0.2.8", 99) };
        assert_eq!(judge(&download(), free), Ok(()));
        let damaged = Download { peer: "x".to_owned(), ..download() };
        assert_eq!(judge(&damaged, request("192.0.2.7", 99)), Err(Refused::OtherPeer));
        let other = Request { name: "b.bmp", ..request("192.0.2.7", 99) };
        assert_eq!(judge(&download(), other), Err(Refused::OtherName));
    }

    #[test]
    fn an_address_ends_with_its_target() {
        for state in TargetState::ALL {
            let download = Download { target_state: Some(*state), ..download() };
            let judged = judge(&download, request("192.0.2.7", 99));
            assert_eq!(judged == Err(Refused::TargetOver), state.is_terminal(), "{state:?}");
        }
        let without = Download { target: None, target_state: None, ..download() };
        assert_eq!(judge(&without, request("192.0.2.7", 99)), Ok(()));
    }

    /// Addresses of two phones, each as it is written in several ways: number of the phone, and the address.
    fn peer() -> impl Strategy<Value = (u8, IpAddr)> {
        let addresses: [(u8, &str); 6] = [
            (7, "192.0.2.7"),
            (7, "::ffff:192.0.2.7"),
            (8, "192.0.2.8"),
            (8, "::ffff:c000:208"),
            (9, "2001:db8::7"),
            (10, "::192.0.2.7"),
        ];
        prop::sample::select(addresses.to_vec()).prop_map(|(phone, text)| (phone, text.parse().unwrap()))
    }

    fn state() -> impl Strategy<Value = Option<TargetState>> {
        prop::option::of(prop::sample::select(TargetState::ALL.to_vec()))
    }

    proptest! {
        #[test]
        fn an_address_works_in_its_time_for_its_phone_and_its_open_target_alone(
            (of, made_for) in peer(), (from, asks) in peer(), bound: bool, target_state in state(),
            expires in -5_i64..5, now in -5_i64..5, milliseconds in -1_i64..=1, other_name: bool,
        ) {
            let at = Timestamp::from_millisecond(now * 1_000 + milliseconds).unwrap();
            let expires_at = Timestamp::from_second(expires).unwrap();
            let download = Download { peer: made_for.to_string(), target_state, expires_at, ..download() };
            let name = if other_name { "b.bmp" } else { "a.bmp" };
            let judged = judge(&download, Request { name, peer: asks, bound, at });
            let is_over = target_state.is_some_and(TargetState::is_terminal);
            let works = !other_name && at < expires_at && (of == from || !bound) && !is_over;
            prop_assert_eq!(judged.is_ok(), works, "{:?}", judged);
            // Each reason is true.
            let is_true = match judged {
                Ok(()) => true,
                Err(Refused::OtherName) => other_name,
                Err(Refused::Expired) => at >= expires_at,
                Err(Refused::OtherPeer) => bound && of != from,
                Err(Refused::TargetOver) => is_over,
                Err(Refused::Unknown | Refused::FileGone) => false,
            };
            prop_assert!(is_true, "{:?}", judged);
        }
    }
}
