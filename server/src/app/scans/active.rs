//! A scan this node works on: whose turn is next, what is under way, how far it is.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use domain::ScanId;
use domain::calling::{Destination, PATH};
use domain::scan::{Allowed, Ranges, ScanEvent, ScanFailure, ScanPurpose, ScanState};

use super::ranges_of;
use crate::clients::contact_me::Outcome;
use crate::store::scan_findings::Finding;
use crate::store::scans::Scan;

/// A scan this node works on.
pub(super) struct Active {
    pub(super) id: ScanId,
    pub(super) purpose: ScanPurpose,
    ranges: Ranges,
    ports: Vec<u16>,
    /// Number of its turns: one for each port of each address.
    count: u64,
    /// Number of the turn that is next.
    pub(super) next: u64,
    pub(super) answered: u64,
    /// Turns that are under way.
    under_way: BTreeSet<u64>,
    pub(super) failure: Option<ScanFailure>,
    /// Found, and not written down yet.
    pub(super) findings: Vec<Finding>,
    /// What was written down last.
    pub(super) written: (u64, u64),
}

/// A port of an address whose turn it is.
pub(super) struct Turn {
    pub(super) scan: ScanId,
    pub(super) number: u64,
    pub(super) errand: Errand,
}

/// What is done in a turn.
pub(super) enum Errand {
    /// A contact-me is sent.
    Call(Destination),
    /// It is looked whether a storage provider is there.
    Look(SocketAddr),
}

/// What came of a turn.
pub(super) enum Report {
    Called(Outcome),
    Looked(Option<Finding>),
}

impl Turn {
    /// The address that is sent a contact-me.
    pub(super) fn called(&self) -> Option<IpAddr> {
        match &self.errand {
            Errand::Call(to) => Some(to.address),
            Errand::Look(_) => None,
        }
    }
}

impl Active {
    /// A scan, from where it was left. `None` when this program cannot read its ranges.
    pub(super) fn of(scan: &Scan) -> Option<Self> {
        let ranges = ranges_of(scan)?;
        let ports = scan.ports.clone();
        let each = ports.len() as u64;
        Some(Self {
            id: scan.id,
            purpose: scan.purpose,
            count: ranges.count().saturating_mul(each),
            ranges,
            next: scan.probed.saturating_mul(each),
            ports,
            answered: scan.answered,
            under_way: BTreeSet::new(),
            failure: None,
            findings: Vec::new(),
            written: (scan.probed, scan.answered),
        })
    }

    /// Whether it has a turn that waits.
    pub(super) fn waits(&self) -> bool {
        self.failure.is_none() && self.next < self.count
    }

    /// Address and port of a turn.
    fn place(&self, number: u64) -> Option<(IpAddr, u16)> {
        let each = self.ports.len() as u64;
        let address = self.ranges.nth(number.checked_div(each)?)?;
        let port = usize::try_from(number % each).ok().and_then(|place| self.ports.get(place))?;
        Some((address, *port))
    }

    /// The next turn, and its address; `None` when nobody may go there. It waits until it is [`begun`](Self::begin).
    pub(super) fn peek(&self, allowed: &Allowed) -> Option<(IpAddr, Turn)> {
        let (address, port) = self.place(self.next)?;
        // Once more, right before it leaves: the setting may be another one by now.
        if !allowed.admits(address) {
            return None;
        }
        let errand = match self.purpose {
            ScanPurpose::Phones => Errand::Call(Destination { address, port, path: PATH.to_owned() }),
            ScanPurpose::StorageProviders => Errand::Look(SocketAddr::new(address, port)),
        };
        Some((address, Turn { scan: self.id, number: self.next, errand }))
    }

    /// A turn leaves.
    pub(super) fn begin(&mut self, number: u64) {
        self.under_way.insert(number);
    }

    /// A turn is over.
    pub(super) fn end_turn(&mut self, number: u64, report: Report) {
        self.under_way.remove(&number);
        match report {
            Report::Called(outcome) => self.answered += u64::from(outcome == Outcome::Acknowledged),
            Report::Looked(found) => {
                self.answered += u64::from(found.is_some());
                self.findings.extend(found);
            }
        }
    }

    /// Nobody knows any more what is under way.
    pub(super) fn forget_turns(&mut self) {
        self.under_way.clear();
    }

    /// How far it is: addresses that had their turn, and how many answered. What is looked at and not answered yet is
    /// looked at again when this node dies; what was sent to a phone is not sent again for its answer.
    pub(super) fn far(&self) -> (u64, u64) {
        let turns = match self.purpose {
            ScanPurpose::Phones => self.next,
            ScanPurpose::StorageProviders => self.under_way.first().copied().unwrap_or(self.next),
        };
        (turns.checked_div(self.ports.len() as u64).unwrap_or_default(), self.answered)
    }

    /// What has come of it, when it is over.
    pub(super) fn outcome(&self) -> Option<(ScanState, Option<ScanFailure>)> {
        let event = match self.failure {
            Some(_) => ScanEvent::Failed,
            None if self.next >= self.count && self.under_way.is_empty() => ScanEvent::Finished,
            None => return None,
        };
        ScanState::Running.after(event).ok().map(|state| (state, self.failure))
    }
}

#[cfg(test)]
mod tests {
    use super::{Active, Errand, Report};
    use domain::ScanId;
    use domain::scan::{Allowed, ScanPurpose, ScanState};
    use jiff::Timestamp;

    use crate::store::scans::Scan;

    fn scan(probed: u64) -> Scan {
        Scan {
            id: ScanId(1),
            purpose: ScanPurpose::StorageProviders,
            state: ScanState::Running,
            ranges: vec!["10.0.0.1-10.0.0.3".to_owned()],
            ports: vec![443, 9000],
            addresses: 3,
            probed,
            answered: 0,
            found: 0,
            author: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            failure: None,
        }
    }

    fn places(active: &mut Active) -> Vec<String> {
        let allowed = Allowed::parse("10.0.0.0/8");
        let mut places = Vec::new();
        while active.waits() {
            let (_, turn) = active.peek(&allowed).unwrap();
            let Errand::Look(to) = turn.errand else { panic!("not a look") };
            active.next += 1;
            active.begin(turn.number);
            places.push(to.to_string());
        }
        places
    }

    #[test]
    fn each_port_of_each_address_has_one_turn() {
        let mut active = Active::of(&scan(0)).unwrap();
        let all = [
            "10.0.0.1:443",
            "10.0.0.1:9000",
            "10.0.0.2:443",
            "10.0.0.2:9000",
            "10.0.0.3:443",
            "10.0.0.3:9000",
        ];
        assert_eq!(places(&mut active), all);
        assert_eq!(active.outcome(), None, "they are under way");
        for number in [5, 4, 3, 1] {
            active.end_turn(number, Report::Looked(None));
        }
        assert_eq!(active.far(), (0, 0), "the first one is not over");
        active.end_turn(0, Report::Looked(None));
        assert_eq!(active.far(), (1, 0));
        active.end_turn(2, Report::Looked(None));
        assert_eq!((active.far(), active.outcome()), ((3, 0), Some((ScanState::Finished, None))));
    }

    #[test]
    fn it_goes_on_where_it_was_left() {
        assert_eq!(places(&mut Active::of(&scan(2)).unwrap()), ["10.0.0.3:443", "10.0.0.3:9000"]);
        let active = Active::of(&scan(0)).unwrap();
        assert!(active.peek(&Allowed::parse("10.9.0.0/16")).is_none());
    }
}
