//! Calling phones: where a contact-me may go, what stands in it, when the next one is due, and who polls
//! instead (`wpi.md` §1.5 and §6, D-9, D-10).
//!
//! Pure code: no sockets, no database; the time is an argument. A careless sender kills the small web server
//! of old firmware, and one that goes where a phone tells it is a way into other people's networks; the rules
//! against both stand here and nowhere else.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::client::Access;
use crate::network::{Networks, Subnet};

/// Ports on which phones listen for contact-me (`wpi.md` §1.2). No other port is ever called.
pub const PORTS: [u16; 3] = [8085, 443, 80];

/// Path of contact-me on all known firmware.
pub const PATH: &str = "/contact_dls.html/ContactDLS";

/// Last part a path must have to be called although it is not [`PATH`].
const LAST_PART: &str = "/ContactDLS";

/// Longest path that is called, in bytes.
const LONGEST_PATH: usize = 128;

/// How long after its gap a phone may still come (`wpi.md` §1.5 rule 3: 330 s in all).
pub const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Rest of a phone after a restart (`wpi.md` §1.5 rule 6).
pub const AFTER_RESTART: SignedDuration = SignedDuration::from_secs(150);

/// Shortest gap that is believed of a phone: more than once a minute may crash it (`wpi.md` §1.5 rule 1).
const SHORTEST_GAP: SignedDuration = SignedDuration::from_secs(60);

/// Longest gap that is believed of a phone: a value from outside must not silence it for ever.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(24);

/// Longest wait between two tries.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(4);

/// Contact-me without a session after which a phone polls instead (D-10).
const MISSED_UNTIL_POLLING: u32 = 3;

/// How often a polling phone that could be called is tried all the same, so that it finds its way back.
const PROBE: SignedDuration = SignedDuration::from_hours(1);

/// Where a contact-me goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// An address; names are never resolved for it.
    pub address: IpAddr,
    /// One of [`PORTS`].
    pub port: u16,
    /// Path, beginning with a slash.
    pub path: String,
}

impl Destination {
    /// Where to call a phone that last came from `peer` and says it listens at `contact_me_uri`.
    ///
    /// The word of the phone counts for port and path, and for the host only where an administrator allows
    /// it: otherwise anybody could make the server send requests into any network.
    pub fn of(peer: IpAddr, contact_me_uri: Option<&str>, allowed: &Networks) -> Self {
        let peer = peer.to_canonical();
        let said = contact_me_uri.and_then(Uri::read);
        let host = said.as_ref().and_then(|uri| uri.address);
        let address = host.filter(|host| *host == peer || allowed.contains(*host)).unwrap_or(peer);
        let port = said.as_ref().map(|uri| uri.port).filter(|port| PORTS.contains(port)).unwrap_or(8085);
        let path = said.map(|uri| uri.path).filter(|path| is_callable(path)).unwrap_or(PATH);
        Self { address, port, path: path.to_owned() }
    }

    /// Whether TLS is spoken there; the phone's certificate is its own (`wpi.md` §1.5).
    pub fn is_tls(&self) -> bool {
        self.port == 443
    }
}

/// Whether the phone says it listens at another address than it comes from, and not at an allowed one: it
/// stands behind NAT, and a contact-me would not reach it (D-10).
pub fn is_out_of_reach(peer: IpAddr, contact_me_uri: Option<&str>, allowed: &Networks) -> bool {
    contact_me_uri
        .and_then(Uri::read)
        .and_then(|uri| uri.address)
        .is_some_and(|host| host != peer.to_canonical() && !allowed.contains(host))
}

/// The parts of a `contact-me-uri` that matter.
struct Uri<'u> {
    /// Absent when the host is a name.
    address: Option<IpAddr>,
    port: u16,
    path: &'u str,
}

impl<'u> Uri<'u> {
    fn read(text: &'u str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://")?;
        let usual = match scheme.to_ascii_lowercase().as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(slash)?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => usual,
        };
        Some(Self { address: host.parse().ok().map(|host: IpAddr| host.to_canonical()), port, path })
    }
}

fn is_callable(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    path.len() <= LONGEST_PATH
        && path.bytes().all(plain)
        && !path.contains("..")
        && path
            .get(path.len().saturating_sub(LAST_PART.len())..)
            .is_some_and(|end| end.eq_ignore_ascii_case(LAST_PART))
}

/// Body of a contact-me. With `server` the phone calls that address and port instead of its configured ones;
/// an administrator must have said which (D-9).
pub fn body(server: Option<(IpAddr, u16)>) -> String {
    match server {
        Some((address, port)) => format!("ContactMe=true&dls_ip_addr={address}&dls_ip_port={port}"),
        None => "ContactMe=true".to_owned(),
    }
}

/// The contact gap of a phone: its own item `dls-contact-interval` (seconds) where it reports one, else the
/// setting. What a phone reports is taken for no less than a minute, unless the setting is shorter.
pub fn gap(reported: Option<&str>, setting: SignedDuration) -> SignedDuration {
    let seconds = reported.and_then(|text| text.trim().parse::<u32>().ok());
    match seconds {
        Some(seconds) => {
            SignedDuration::from_secs(seconds.into()).max(setting.min(SHORTEST_GAP)).min(LONGEST_GAP)
        }
        None => setting,
    }
}

/// Time from one contact-me until the next try, after so many tries without a session: the gap with its
/// margin, and twice as long each time.
pub fn again_in(gap: SignedDuration, tries: u32) -> SignedDuration {
    let first = gap.saturating_add(MARGIN);
    let doubled = first.checked_mul(1 << tries.saturating_sub(1).min(8)).unwrap_or(LONGEST_WAIT);
    doubled.min(LONGEST_WAIT).max(first)
}

/// Who polls (D-10, OSEM §13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollMode {
    /// Phones that cannot be called.
    Automatic,
    /// None.
    Disabled,
    /// All.
    Enabled,
}

impl PollMode {
    /// The mode of the settings. Without an address to poll at nobody can poll on his own account.
    pub fn of(word: &str, has_address: bool) -> Self {
        match word {
            "enabled" => Self::Enabled,
            "automatic" if has_address => Self::Automatic,
            _ => Self::Disabled,
        }
    }

    /// Whether a phone with this access is told of its work when it polls.
    pub fn polls(self, access: Access) -> bool {
        match self {
            Self::Automatic => access == Access::Dcmp,
            Self::Disabled => false,
            Self::Enabled => true,
        }
    }
}

/// The address of [`PollMode`] as it is written to phones: they put `http://` before it themselves
/// (`wpi.md` §6).
pub fn poll_item(url: &str) -> &str {
    url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/')
}

/// What is known of a client that is due to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How it is reached at present.
    pub access: Access,
    /// See [`is_out_of_reach`].
    pub out_of_reach: bool,
    /// Contact-me since its last session.
    pub tries: u32,
    /// Last contact-me.
    pub called_at: Option<Timestamp>,
    /// Its contact gap.
    pub gap: SignedDuration,
}

/// What to do about a client that is due to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call it; when it does not come, look again after this time.
    Call(SignedDuration),
    /// Not before.
    Wait(Timestamp),
    /// It has been called often enough: it is offline until it comes by itself.
    GiveUp,
    /// It polls; a contact-me would not reach it.
    LeaveToPolling,
}

/// Decides about a client that is due, and how it is reached from now on.
pub fn decide(candidate: &Candidate, mode: PollMode, most_tries: u32, now: Timestamp) -> (Access, Next) {
    let after = |time: Option<Timestamp>, wait: SignedDuration| {
        time.and_then(|time| time.checked_add(wait).ok()).filter(|next| *next > now)
    };
    let gap_ends = after(candidate.called_at, candidate.gap);
    let call =
        |tries: u32, shortest: SignedDuration| Next::Call(again_in(candidate.gap, tries).max(shortest));
    let missed = candidate.tries >= MISSED_UNTIL_POLLING.min(most_tries);
    match mode {
        PollMode::Enabled => (Access::Dcmp, Next::LeaveToPolling),
        PollMode::Automatic if candidate.out_of_reach => (Access::Dcmp, Next::LeaveToPolling),
        PollMode::Automatic if candidate.access == Access::Dcmp || missed => {
            let rest = PROBE.max(candidate.gap);
            let next = match after(candidate.called_at, rest) {
                Some(at) => Next::Wait(at),
                None => call(1, rest),
            };
            (Access::Dcmp, next)
        }
        PollMode::Automatic | PollMode::Disabled => {
            let next = match gap_ends {
                // Inside the gap a phone ignores the call, and old firmware may break down.
                Some(at) => Next::Wait(at),
                None if candidate.tries >= most_tries => Next::GiveUp,
                None => call(candidate.tries + 1, SignedDuration::ZERO),
            };
            (Access::Direct, next)
        }
    }
}

/// How fast contact-me may leave, for all phones together and for each subnet (`wpi.md` §1.5 rule 5).
///
/// A bucket a second deep: after a rest that many may leave at once, then one after the other.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    all: Bucket,
    subnets: HashMap<Subnet, Bucket>,
}

/// Thousandths of a call, and when they were counted, in milliseconds of a monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    level: Option<(u64, u64)>,
}

impl Bucket {
    fn fill(&mut self, rate: u64, now: u64) -> u64 {
        let full = rate.saturating_mul(1_000);
        let level = match self.level {
            None => full,
            Some((level, at)) => level.saturating_add(now.saturating_sub(at).saturating_mul(rate)).min(full),
        };
        self.level = Some((level, now));
        level
    }

    fn take(&mut self) {
        if let Some((level, _)) = &mut self.level {
            *level = level.saturating_sub(1_000);
        }
    }
}

impl Pace {
    /// Whether a contact-me into this subnet may leave now; if so, it counts. Rates are per second, `now` in
    /// milliseconds of a monotonic clock.
    pub fn admits(&mut self, subnet: Subnet, rate: u64, rate_per_subnet: u64, now: u64) -> bool {
        if self.all.fill(rate, now) < 1_000 {
            return false;
        }
        let bucket = self.subnets.entry(subnet).or_default();
        if bucket.fill(rate_per_subnet, now) < 1_000 {
            return false;
        }
        bucket.take();
        self.all.take();
        true
    }

    /// Whether any contact-me may leave now.
    pub fn has_room(&mut self, rate: u64, now: u64) -> bool {
        self.all.fill(rate, now) >= 1_000
    }

    /// Forgets subnets that have rested for a second or longer: their buckets are full again.
    pub fn tidy(&mut self, now: u64) {
        self.subnets.retain(|_, bucket| bucket.level.is_some_and(|(_, at)| now.saturating_sub(at) < 1_000));
    }
}

#[cfg(test)]
mod tests;
