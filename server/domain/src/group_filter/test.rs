//! The tests of a filter: what each looks at, how it is written, which client passes. Knows nothing of the tree.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::pattern::takes;
use super::{Facts, Subject};
use crate::network::{Network, address_sort};
use crate::software::SoftwareVersion;

/// One test: an object with `field` and exactly one operator (`is`, `pattern`, `range`, `network`, `one_of`,
/// `at_least`, `below`), for a client field also its `name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Test {
    /// The device's own number (D-21).
    E164(NumberTest),
    /// Address it last came from.
    Address(AddressTest),
    /// Client type: short name of a model, or a reported device type no model matches; exactly.
    Model {
        /// One of these.
        one_of: Vec<String>,
    },
    /// Software type: `SIP`, `HFA` or `GW`; exactly.
    SoftwareType {
        /// One of these.
        one_of: Vec<String>,
    },
    /// Address of its registrar, as it reports it.
    ServerAddress(TextTest),
    /// Software version.
    SoftwareVersion(VersionTest),
    /// A client field.
    ClientField {
        /// Its name.
        name: String,
        /// What its value must be.
        test: TextTest,
    },
}

/// A test of a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NumberTest {
    /// These digits.
    Is(String),
    /// Digits with `*` (any) and `?` (one).
    Pattern(String),
    /// From one number to another, both included. A number with more digits is the larger one; leading zeros are
    /// digits like all others.
    Range {
        /// Smallest number.
        from: String,
        /// Largest number.
        to: String,
    },
}

/// A test of an address. An IPv4 address mapped into IPv6 counts as the IPv4 one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressTest {
    /// This one.
    Is(String),
    /// From one address to another of the same family, both included.
    Range {
        /// First address.
        from: String,
        /// Last address.
        to: String,
    },
    /// A network: `10.1.0.0/16`.
    Network(String),
}

/// A test of a text, without regard to the case of ASCII letters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextTest {
    /// This text.
    Is(String),
    /// A text with `*` (any) and `?` (one character).
    Pattern(String),
}

/// A test of a software version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VersionTest {
    /// This version, however it is spelled; what is no version known here is compared as text.
    Is(String),
    /// A text with `*` (any) and `?` (one character), compared with the version as reported.
    Pattern(String),
    /// This version or a later one.
    AtLeast(String),
    /// An earlier version.
    Below(String),
}

impl Test {
    /// What it looks at.
    pub fn subject(&self) -> Subject {
        match self {
            Self::E164(_) => Subject::E164,
            Self::Address(_) => Subject::Address,
            Self::Model { .. } => Subject::Model,
            Self::SoftwareType { .. } => Subject::SoftwareType,
            Self::ServerAddress(_) => Subject::ServerAddress,
            Self::SoftwareVersion(_) => Subject::SoftwareVersion,
            Self::ClientField { .. } => Subject::ClientField,
        }
    }

    /// Whether a client passes.
    pub(super) fn passes(&self, facts: &Facts<'_>) -> bool {
        let known = |fact: Option<&str>, passes: &dyn Fn(&str) -> bool| {
            fact.filter(|text| !text.is_empty()).is_some_and(passes)
        };
        match self {
            Self::E164(test) => known(facts.e164, &|number| test.passes(number)),
            Self::Address(test) => facts.address.is_some_and(|address| test.passes(address)),
            Self::Model { one_of } => known(facts.model, &|model| one_of.iter().any(|word| word == model)),
            Self::SoftwareType { one_of } => {
                known(facts.software_type, &|software| one_of.iter().any(|word| word == software))
            }
            Self::ServerAddress(test) => known(facts.server_address, &|address| test.passes(address)),
            Self::SoftwareVersion(test) => known(facts.software_version, &|version| test.passes(version)),
            Self::ClientField { name, test } => {
                known(facts.fields.get(name).map(String::as_str), &|value| test.passes(value))
            }
        }
    }
}

/// The order of numbers: by the count of digits, then by the digits.
pub(super) fn compare_numbers(one: &str, other: &str) -> Ordering {
    one.chars().count().cmp(&other.chars().count()).then_with(|| one.cmp(other))
}

impl NumberTest {
    fn passes(&self, number: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted == number,
            Self::Pattern(pattern) => takes(pattern, number),
            Self::Range { from, to } => {
                compare_numbers(from, number).is_le() && compare_numbers(number, to).is_le()
            }
        }
    }

    /// The last number of a range is smaller than the first: nothing lies in it.
    pub fn is_backwards(&self) -> bool {
        matches!(self, Self::Range { from, to } if compare_numbers(from, to).is_gt())
    }
}

impl AddressTest {
    /// First and last address, as [`address_sort`] writes them; `None` when it is not understood. All addresses it
    /// takes lie between, and no others: the two begin with the mark of the same family, or nothing lies between.
    pub fn bounds(&self) -> Option<(String, String)> {
        match self {
            Self::Is(address) => {
                let sorted = address_sort(address.parse().ok()?);
                Some((sorted.clone(), sorted))
            }
            Self::Range { from, to } => {
                let (from, to): (IpAddr, IpAddr) = (from.parse().ok()?, to.parse().ok()?);
                let same = from.to_canonical().is_ipv4() == to.to_canonical().is_ipv4();
                same.then(|| (address_sort(from), address_sort(to)))
            }
            Self::Network(network) => {
                let (first, last) = network.parse::<Network>().ok()?.bounds();
                Some((address_sort(first), address_sort(last)))
            }
        }
    }

    fn passes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Is(wanted) => wanted.parse().is_ok_and(|wanted: IpAddr| wanted.to_canonical() == address),
            Self::Range { from, to } => match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) => {
                    let (from, to): (IpAddr, IpAddr) = (from, to);
                    let (from, to) = (from.to_canonical(), to.to_canonical());
                    let same = from.is_ipv4() == address.is_ipv4() && to.is_ipv4() == address.is_ipv4();
                    same && from <= address && address <= to
                }
                _ => false,
            },
            Self::Network(network) => network.parse().is_ok_and(|network: Network| network.contains(address)),
        }
    }
}

impl TextTest {
    fn passes(&self, text: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted.eq_ignore_ascii_case(text),
            Self::Pattern(pattern) => takes(pattern, text),
        }
    }
}

impl VersionTest {
    fn passes(&self, version: &str) -> bool {
        let order = |text: &str| SoftwareVersion::parse(text).map(SoftwareVersion::sort_key);
        match self {
            Self::Is(wanted) => match order(wanted) {
                Some(wanted) => order(version) == Some(wanted),
                None => wanted.eq_ignore_ascii_case(version),
            },
            Self::Pattern(pattern) => takes(pattern, version),
            Self::AtLeast(first) => {
                order(first).zip(order(version)).is_some_and(|(first, version)| version >= first)
            }
            Self::Below(end) => order(end).zip(order(version)).is_some_and(|(end, version)| version < end),
        }
    }
}

/// A test as it is written: every operator side by side.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    field: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_of: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: String,
    to: String,
}

/// Why keys do not make a test.
#[derive(Debug, thiserror::Error)]
enum WrittenFault {
    #[error("needs one of {takes} to test `{field}`")]
    NoOperator { field: &'static str, takes: &'static str },
    #[error("can have only one of {takes} to test `{field}`")]
    SeveralOperators { field: &'static str, takes: &'static str },
    #[error("cannot test `{field}` with `{operator}`; needs one of {takes}")]
    Operator { field: &'static str, operator: &'static str, takes: &'static str },
    #[error("needs the `name` of the client field")]
    NoName,
    #[error("can have a `name` only to test `client-field`")]
    Name,
}

/// An operator with what stands behind it.
enum Operator {
    Is(String),
    Pattern(String),
    Range(Range),
    Network(String),
    OneOf(Vec<String>),
    AtLeast(String),
    Below(String),
}

impl Operator {
    fn word(&self) -> &'static str {
        match self {
            Self::Is(_) => "is",
            Self::Pattern(_) => "pattern",
            Self::Range(_) => "range",
            Self::Network(_) => "network",
            Self::OneOf(_) => "one_of",
            Self::AtLeast(_) => "at_least",
            Self::Below(_) => "below",
        }
    }
}

/// The operators of a field, in words.
fn operators(field: Subject) -> &'static str {
    match field {
        Subject::E164 => "`is`, `pattern`, `range`",
        Subject::Address => "`is`, `range`, `network`",
        Subject::Model | Subject::SoftwareType => "`one_of`",
        Subject::ServerAddress | Subject::ClientField => "`is`, `pattern`",
        Subject::SoftwareVersion => "`is`, `pattern`, `at_least`, `below`",
    }
}

impl TryFrom<Written> for Test {
    type Error = WrittenFault;

    fn try_from(written: Written) -> Result<Self, WrittenFault> {
        use Operator as O;
        let Written { field, name, is, pattern, range, network, one_of, at_least, below } = written;
        let (word, takes) = (field.as_str(), operators(field));
        let mut given = [
            is.map(O::Is),
            pattern.map(O::Pattern),
            range.map(O::Range),
            network.map(O::Network),
            one_of.map(O::OneOf),
            at_least.map(O::AtLeast),
            below.map(O::Below),
        ]
        .into_iter()
        .flatten();
        let operator = given.next().ok_or(WrittenFault::NoOperator { field: word, takes })?;
        if given.next().is_some() {
            return Err(WrittenFault::SeveralOperators { field: word, takes });
        }
        let name = match (field, name) {
            (Subject::ClientField, Some(name)) => name,
            (Subject::ClientField, None) => return Err(WrittenFault::NoName),
            (_, Some(_)) => return Err(WrittenFault::Name),
            (_, None) => String::new(),
        };
        Ok(match (field, operator) {
            (Subject::E164, O::Is(text)) => Self::E164(NumberTest::Is(text)),
            (Subject::E164, O::Pattern(text)) => Self::E164(NumberTest::Pattern(text)),
            (Subject::E164, O::Range(Range { from, to })) => Self::E164(NumberTest::Range { from, to }),
            (Subject::Address, O::Is(text)) => Self::Address(AddressTest::Is(text)),
            (Subject::Address, O::Range(Range { from, to })) => {
                Self::Address(AddressTest::Range { from, to })
            }
            (Subject::Address, O::Network(text)) => Self::Address(AddressTest::Network(text)),
            (Subject::Model, O::OneOf(one_of)) => Self::Model { one_of },
            (Subject::SoftwareType, O::OneOf(one_of)) => Self::SoftwareType { one_of },
            (Subject::ServerAddress, O::Is(text)) => Self::ServerAddress(TextTest::Is(text)),
            (Subject::ServerAddress, O::Pattern(text)) => Self::ServerAddress(TextTest::Pattern(text)),
            (Subject::ClientField, O::Is(text)) => Self::ClientField { name, test: TextTest::Is(text) },
            (Subject::ClientField, O::Pattern(text)) => {
                Self::ClientField { name, test: TextTest::Pattern(text) }
            }
            (Subject::SoftwareVersion, O::Is(text)) => Self::SoftwareVersion(VersionTest::Is(text)),
            (Subject::SoftwareVersion, O::Pattern(text)) => Self::SoftwareVersion(VersionTest::Pattern(text)),
            (Subject::SoftwareVersion, O::AtLeast(text)) => Self::SoftwareVersion(VersionTest::AtLeast(text)),
            (Subject::SoftwareVersion, O::Below(text)) => Self::SoftwareVersion(VersionTest::Below(text)),
            (_, other) => {
                return Err(WrittenFault::Operator { field: word, operator: other.word(), takes });
            }
        })
    }
}

impl From<Test> for Written {
    fn from(test: Test) -> Self {
        let field = test.subject();
        let mut written = Self {
            field,
            name: None,
            is: None,
            pattern: None,
            range: None,
            network: None,
            one_of: None,
            at_least: None,
            below: None,
        };
        let mut text = |test| match test {
            TextTest::Is(text) => written.is = Some(text),
            TextTest::Pattern(text) => written.pattern = Some(text),
        };
        match test {
            Test::ServerAddress(test) => text(test),
            Test::ClientField { name, test } => {
                text(test);
                written.name = Some(name);
            }
            Test::E164(NumberTest::Is(text)) | Test::Address(AddressTest::Is(text)) => {
                written.is = Some(text);
            }
            Test::E164(NumberTest::Pattern(text)) => written.pattern = Some(text),
            Test::E164(NumberTest::Range { from, to }) | Test::Address(AddressTest::Range { from, to }) => {
                written.range = Some(Range { from, to });
            }
            Test::Address(AddressTest::Network(text)) => written.network = Some(text),
            Test::Model { one_of } | Test::SoftwareType { one_of } => written.one_of = Some(one_of),
            Test::SoftwareVersion(VersionTest::Is(text)) => written.is = Some(text),
            Test::SoftwareVersion(VersionTest::Pattern(text)) => written.pattern = Some(text),
            Test::SoftwareVersion(VersionTest::AtLeast(text)) => written.at_least = Some(text),
            Test::SoftwareVersion(VersionTest::Below(text)) => written.below = Some(text),
        }
        written
    }
}
