//! Who belongs to a group: a typed tree of tests over what is known of a client (OSEM §8, D-21).
//!
//! Membership is a pure function of [`Filter`] and [`Facts`]. The store says the same in SQL for counts and lists; a
//! property test on both databases compares the two. Knows nothing of SQL, groups' templates or stored clients.
//!
//! Letters are compared without regard to case in ASCII only: that is the one folding both databases share.

mod check;
mod pattern;
mod test;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub use check::{FaultReason, FilterFault};
pub use test::{AddressTest, NumberTest, Test, TextTest, VersionTest};

use crate::words::words;

/// Most levels of `all` and `any` inside each other.
pub const MOST_LEVELS: usize = 2;
/// Most parts inside each other, `not` and the test counted: what is deeper is not even read.
pub const MOST_NESTING: usize = 8;
/// Most tests of a filter; an empty `all` or `any` counts as one.
pub const MOST_TESTS: usize = 50;
/// Longest text of a test, in characters.
pub const LONGEST_TEXT: usize = 100;
/// Most words of a `one_of`.
pub const MOST_WORDS: usize = 50;

words! {
    /// What a test looks at (OSEM §8, "active filters").
    Subject {
        /// The device's own number.
        E164 = "e164",
        /// Address it last came from.
        Address = "address",
        /// Client type.
        Model = "model",
        /// Software type.
        SoftwareType = "software-type",
        /// Address of its registrar, as it reports it.
        ServerAddress = "server-address",
        /// Software version.
        SoftwareVersion = "software-version",
        /// A client field.
        ClientField = "client-field",
    }
}

/// A filter as a tree: `{"all": [..]}`, `{"any": [..]}`, `{"not": {..}}` or `{"test": {..}}`.
///
/// Reading one refuses what lies deeper than [`MOST_NESTING`]; all other limits are [`Filter::check`]'s.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Every part takes the client; without parts everybody belongs to it.
    All(Vec<Self>),
    /// At least one part takes the client; without parts nobody belongs to it.
    Any(Vec<Self>),
    /// The part does not take the client, for instance because what it looks at is not known.
    Not(Box<Self>),
    /// One test.
    Test(Test),
}

static NO_FIELDS: BTreeMap<String, String> = BTreeMap::new();

/// What is known of a client, as far as filters look at it. `None` and an empty text both mean "not known", and what
/// is not known passes no test.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The device's own number: [`Facts::own_number`].
    pub e164: Option<&'a str>,
    /// Address it last came from; an IPv4 address mapped into IPv6 counts as the IPv4 one.
    pub address: Option<IpAddr>,
    /// Short name of the model, or else the reported device type.
    pub model: Option<&'a str>,
    /// `SIP`, `HFA` or another word, as stored.
    pub software_type: Option<&'a str>,
    /// Firmware version as reported.
    pub software_version: Option<&'a str>,
    /// The reported `reg-addr` (D-21).
    pub server_address: Option<&'a str>,
    /// Client fields by name.
    pub fields: &'a BTreeMap<String, String>,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            e164: None,
            address: None,
            model: None,
            software_type: None,
            software_version: None,
            server_address: None,
            fields: &NO_FIELDS,
        }
    }
}

impl<'a> Facts<'a> {
    /// The number filters look at: `basic-e164`, the device's own (D-21), or else the number in use, which is all
    /// that is known of a prepared client.
    pub fn own_number(basic_e164: Option<&'a str>, e164: Option<&'a str>) -> Option<&'a str> {
        basic_e164.filter(|number| !number.is_empty()).or(e164)
    }
}

impl Filter {
    /// Whether a client with these facts belongs to it. What [`Filter::check`] refuses is answered too, with no.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(facts)),
            Self::Not(part) => !part.matches(facts),
            Self::Test(test) => test.passes(facts),
        }
    }

    /// What it looks at.
    pub fn subjects(&self) -> BTreeSet<Subject> {
        let mut subjects = BTreeSet::new();
        self.each_test(&mut |test| {
            subjects.insert(test.subject());
        });
        subjects
    }

    /// Names of the client fields it looks at.
    pub fn client_fields(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.each_test(&mut |test| {
            if let Test::ClientField { name, .. } = test {
                names.insert(name.as_str());
            }
        });
        names
    }

    fn each_test<'a>(&'a self, visit: &mut impl FnMut(&'a Test)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_test(visit)),
            Self::Not(part) => part.each_test(visit),
            Self::Test(test) => visit(test),
        }
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part { depth: 1 }.deserialize(deserializer)
    }
}

/// Reads a part that lies this deep. Written by hand, because a derived reader does not count.
#[derive(Clone, Copy)]
struct Part {
    depth: usize,
}

/// Reads the parts of an `all` or `any`, which lie this deep.
struct Parts(Part);

const KEYS: &[&str] = &["all", "any", "not", "test"];

impl Part {
    fn inner(self) -> Self {
        Self { depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Filter;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Filter, D::Error> {
        if self.depth > MOST_NESTING {
            return Err(D::Error::custom(format_args!(
                "is deeper than {MOST_NESTING} parts inside each other"
            )));
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Filter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `all`, `any`, `not` or `test`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Filter, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(A::Error::custom("must have one of `all`, `any`, `not`, `test`"));
        };
        let filter = match key.as_str() {
            "all" => Filter::All(map.next_value_seed(Parts(self.inner()))?),
            "any" => Filter::Any(map.next_value_seed(Parts(self.inner()))?),
            "not" => Filter::Not(Box::new(map.next_value_seed(self.inner())?)),
            "test" => Filter::Test(map.next_value()?),
            unknown => return Err(A::Error::unknown_field(unknown, KEYS)),
        };
        match map.next_key::<String>()? {
            None => Ok(filter),
            Some(second) if KEYS.contains(&second.as_str()) => {
                Err(A::Error::custom(format_args!("has `{key}` and `{second}`; only one can stand there")))
            }
            Some(unknown) => Err(A::Error::unknown_field(&unknown, KEYS)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Parts {
    type Value = Vec<Filter>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Filter>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<Filter>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of filters")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Filter>, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element_seed(self.0)? {
            parts.push(part);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
