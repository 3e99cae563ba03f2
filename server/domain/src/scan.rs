//! Scanning networks for phones whose DHCP data name no server (`wpi.md` §1.4.3, OSEM §4.2), or for storage providers
//! (OSEM §10.2): which addresses a scan has and in which order, where one may go at all, and what becomes of it. What a
//! web server is that answers is [`judge`]d in `finding.rs`.
//!
//! Pure code: no sockets, no database, no clock. A scan sends requests to addresses that somebody has typed; that it
//! is no way into other people's networks is decided by [`Allowed`] and nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use self::finding::{Answer, Finding, FindingKind, LONGEST_DETAIL, judge};
use crate::words::words;

mod finding;

/// Most addresses of a scan.
pub const MOST_ADDRESSES: u64 = 65_536;

/// Most ranges of a scan.
pub const MOST_RANGES: usize = 64;

/// Longest text of a range, in bytes.
pub const LONGEST_RANGE: usize = 100;

/// Port on which phones hear contact-me (`wpi.md` §1.2).
pub const USUAL_PORT: u16 = 8085;

/// Most scans that are not over at one time; they share one pace.
pub const MOST_ACTIVE: u64 = 16;

/// Ports that a scan for storage providers looks at unless it names others: HTTPS, MinIO's, the usual second one.
pub const STORAGE_PORTS: [u16; 3] = [443, 9000, 8443];

/// Most ports of a scan for storage providers.
pub const MOST_PORTS: usize = 8;

words! {
    /// What a scan looks for.
    ScanPurpose {
        /// Phones: each address is sent a contact-me.
        Phones = "phones",
        /// Storage providers: each port of each address is asked once over TLS.
        StorageProviders = "storage-providers",
    }
}

words! {
    /// Where a scan is in its life.
    ScanState {
        /// A node sends its contact-me, or will within seconds.
        Running = "running",
        /// The node has stopped; another one, or the same when it runs again, goes on.
        Interrupted = "interrupted",
        /// Every address had its turn.
        Finished = "finished",
        /// A user has stopped it.
        Stopped = "stopped",
        /// It could not go on; a [`ScanFailure`] says why.
        Failed = "failed",
    }
}

words! {
    /// Why a scan could not go on.
    ScanFailure {
        /// Its networks are not among the allowed ones any more.
        NetworkNotAllowed = "network-not-allowed",
        /// The address by which phones reach the server is not set any more.
        NoPhoneAddress = "no-phone-address",
    }
}

/// What happens to a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanEvent {
    /// A node takes it, at first or where another one has left it.
    Taken,
    /// Its node stops.
    Released,
    /// Every address had its turn.
    Finished,
    /// A user stops it.
    Stopped,
    /// It cannot go on.
    Failed,
}

/// Something that cannot happen to a scan in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a scan that is {}", state.as_str())]
pub struct ScanRefusal {
    /// The state.
    pub state: ScanState,
    /// What was to happen.
    pub event: ScanEvent,
}

impl ScanState {
    /// Whether nothing happens to it any more.
    pub fn is_over(self) -> bool {
        match self {
            Self::Running | Self::Interrupted => false,
            Self::Finished | Self::Stopped | Self::Failed => true,
        }
    }

    /// The state after something has happened.
    ///
    /// # Errors
    /// When it cannot happen in this state: what is over stays as it is.
    pub fn after(self, event: ScanEvent) -> Result<Self, ScanRefusal> {
        match (self, event) {
            // A dead node leaves it running; whoever takes it then finds it so.
            (Self::Running | Self::Interrupted, ScanEvent::Taken) => Ok(Self::Running),
            (Self::Running | Self::Interrupted, ScanEvent::Stopped) => Ok(Self::Stopped),
            (Self::Running, ScanEvent::Released) => Ok(Self::Interrupted),
            (Self::Running, ScanEvent::Finished) => Ok(Self::Finished),
            (Self::Running, ScanEvent::Failed) => Ok(Self::Failed),
            (state, event) => Err(ScanRefusal { state, event }),
        }
    }
}

/// Why a text is no range, or ranges are no scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeFault {
    /// Not an address, a network or two addresses.
    #[error("must be a network as 10.1.2.0/24, a range as 10.1.2.10-10.1.2.90, or an address")]
    Form,
    /// The second address comes before the first, or is of another kind.
    #[error("must go from an address to the same or a later one of its kind")]
    Order,
    /// More than [`MOST_ADDRESSES`].
    #[error("must have at most {MOST_ADDRESSES} addresses")]
    TooLarge,
}

impl RangeFault {
    /// Stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "not_a_range",
            Self::Order => "range_backwards",
            Self::TooLarge => "too_many_addresses",
        }
    }
}

/// Addresses from one to another of the same kind, both included. An IPv4 address mapped into IPv6 is the IPv4 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    is_v6: bool,
    first: u128,
    last: u128,
}

fn bits(address: IpAddr) -> (bool, u128) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (false, v4.to_bits().into()),
        IpAddr::V6(v6) => (true, v6.to_bits()),
    }
}

fn address(is_v6: bool, bits: u128) -> IpAddr {
    if is_v6 {
        Ipv6Addr::from_bits(bits).into()
    } else {
        Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into()
    }
}

impl Range {
    const fn v4(first: u128, last: u128) -> Self {
        Self { is_v6: false, first, last }
    }

    const fn v6(first: u128, last: u128) -> Self {
        Self { is_v6: true, first, last }
    }

    /// All addresses of a network, its own and the broadcast address too.
    fn whole(member: IpAddr, prefix: u32) -> Option<Self> {
        let (is_v6, bits) = bits(member);
        let host_bits = if is_v6 { 128_u32 } else { 32 }.checked_sub(prefix)?;
        let hosts = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
        Some(Self { is_v6, first: bits & !hosts, last: bits | hosts })
    }

    /// The hosts of a network that has this address: of an IPv4 network neither its own nor the broadcast address.
    ///
    /// # Errors
    /// When there is no such network, or it has more than [`MOST_ADDRESSES`] (IPv4 /16, IPv6 /112).
    pub fn network(member: IpAddr, prefix: u32) -> Result<Self, RangeFault> {
        let mut range = Self::whole(member, prefix).ok_or(RangeFault::Form)?;
        range.check_size()?;
        if !range.is_v6 && prefix < 31 {
            range.first += 1;
            range.last -= 1;
        }
        Ok(range)
    }

    /// As [`Range::network`], with the mask as people write it: `24` or `255.255.255.0`.
    ///
    /// # Errors
    /// As there.
    pub fn of_mask(address: &str, mask: &str) -> Result<Self, RangeFault> {
        let member: IpAddr = address.trim().parse().map_err(|_| RangeFault::Form)?;
        let prefix = prefix_of(mask.trim()).ok_or(RangeFault::Form)?;
        Self::network(member, prefix)
    }

    fn check_size(&self) -> Result<(), RangeFault> {
        if self.last - self.first < u128::from(MOST_ADDRESSES) { Ok(()) } else { Err(RangeFault::TooLarge) }
    }

    /// Number of its addresses.
    pub fn count(&self) -> u64 {
        u64::try_from(self.last - self.first).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Its first and last address.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        (address(self.is_v6, self.first), address(self.is_v6, self.last))
    }

    fn contains(&self, (is_v6, bits): (bool, u128)) -> bool {
        is_v6 == self.is_v6 && (self.first..=self.last).contains(&bits)
    }

    fn lies_in(&self, other: &Self) -> bool {
        self.is_v6 == other.is_v6 && self.first >= other.first && self.last <= other.last
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.is_v6 == other.is_v6 && self.first <= other.last && other.first <= self.last
    }
}

/// The length of a network mask, as a number or as four numbers.
fn prefix_of(mask: &str) -> Option<u32> {
    if let Ok(mask) = mask.parse::<Ipv4Addr>() {
        let ones = mask.to_bits().leading_ones();
        return (mask.to_bits().count_ones() == ones).then_some(ones);
    }
    let is_number = !mask.is_empty() && mask.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { mask.parse().ok() } else { None }
}

impl std::str::FromStr for Range {
    type Err = RangeFault;

    fn from_str(text: &str) -> Result<Self, RangeFault> {
        let text = text.trim();
        if text.len() > LONGEST_RANGE {
            return Err(RangeFault::Form);
        }
        if let Some((address, mask)) = text.split_once('/') {
            return Self::of_mask(address, mask);
        }
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let read = |text: &str| text.trim().parse().map(bits).map_err(|_| RangeFault::Form);
        let ((is_v6, first), (other, last)) = (read(from)?, read(to)?);
        if is_v6 != other || last < first {
            return Err(RangeFault::Order);
        }
        let range = Self { is_v6, first, last };
        range.check_size()?;
        Ok(range)
    }
}

/// The addresses of a scan: each once, in ascending order, IPv4 before IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// The addresses of several ranges.
    ///
    /// # Errors
    /// When there are more than [`MOST_ADDRESSES`], those that stand there twice counted once.
    pub fn new(ranges: impl IntoIterator<Item = Range>) -> Result<Self, RangeFault> {
        let mut ranges: Vec<Range> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(before) if before.overlaps(&range) => before.last = before.last.max(range.last),
                _ => merged.push(range),
            }
        }
        let merged = Self(merged);
        if merged.count() > MOST_ADDRESSES { Err(RangeFault::TooLarge) } else { Ok(merged) }
    }

    /// Number of addresses.
    pub fn count(&self) -> u64 {
        self.0.iter().map(Range::count).fold(0, u64::saturating_add)
    }

    /// The address with this number, from 0.
    pub fn nth(&self, mut number: u64) -> Option<IpAddr> {
        for range in &self.0 {
            if number < range.count() {
                return Some(address(range.is_v6, range.first + u128::from(number)));
            }
            number -= range.count();
        }
        None
    }

    /// Whether an address is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|range| other.0.iter().any(|theirs| range.overlaps(theirs)))
    }

    /// The ranges: apart from each other, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &Range> {
        self.0.iter()
    }
}

/// Addresses that no contact-me goes to: this network, multicast, broadcast, unspecified.
const NEVER: [Range; 5] = [
    Range::v4(0, 0x00ff_ffff),
    Range::v4(0xe000_0000, 0xefff_ffff),
    Range::v4(0xffff_ffff, 0xffff_ffff),
    Range::v6(0, 0),
    Range::v6(0xff << 120, u128::MAX),
];

/// Addresses that only a network inside them allows, and none that has more around them: loopback, link-local.
const NAMED: [Range; 4] = [
    Range::v4(0x7f00_0000, 0x7fff_ffff),
    Range::v4(0xa9fe_0000, 0xa9fe_ffff),
    Range::v6(1, 1),
    Range::v6(0xfe80 << 112, (0xfec0 << 112) - 1),
];

/// The networks that an administrator has allowed to be scanned; the empty list allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Range>);

impl Allowed {
    /// Reads the setting: networks separated by commas. What is no network allows nothing; the setting's own check
    /// has refused it.
    pub fn parse(text: &str) -> Self {
        let network = |text: &str| {
            let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
            let address: IpAddr = address.parse().ok()?;
            let longest = if address.to_canonical().is_ipv4() { 32 } else { 128 };
            let prefix = if prefix.is_empty() { longest } else { prefix.parse().ok()? };
            Range::whole(address, prefix)
        };
        Self(text.split(',').filter_map(|part| network(part.trim())).collect())
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a contact-me of a scan may go to this address.
    pub fn admits(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        if NEVER.iter().any(|block| block.contains(bits)) {
            return false;
        }
        let named = NAMED.iter().find(|block| block.contains(bits));
        let allows =
            |network: &Range| network.contains(bits) && named.is_none_or(|block| network.lies_in(block));
        self.0.iter().any(allows)
    }

    /// The first address of a range that no contact-me may go to.
    pub fn first_refused(&self, range: &Range) -> Option<IpAddr> {
        (range.first..=range.last)
            .map(|bits| address(range.is_v6, bits))
            .find(|address| !self.admits(*address))
    }
}

#[cfg(test)]
mod tests;
