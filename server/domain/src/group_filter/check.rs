//! Whether a filter may be saved: its limits, and whether each test can be understood. The console asks the same code
//! while somebody types. Knows nothing of groups and of what their templates write.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use super::test::compare_numbers;
use super::{AddressTest, Filter, NumberTest, Test, TextTest, VersionTest};
use super::{LONGEST_TEXT, MOST_LEVELS, MOST_NESTING, MOST_TESTS, MOST_WORDS};
use crate::client::E164_MAX_DIGITS;
use crate::network::Network;
use crate::software::SoftwareVersion;

/// The software types a test may name; D-2 calls `GW` a value.
const SOFTWARE_TYPES: [&str; 3] = ["SIP", "HFA", "GW"];

/// Something in a filter that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FilterFault {
    /// JSON pointer inside the filter, such as `/any/0/test/range/to`; empty for the filter as a whole.
    pub path: String,
    /// What is wrong there.
    pub reason: FaultReason,
}

/// What is wrong with a part of a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultReason {
    /// Too many parts inside each other.
    #[error("can have at most {max} levels of `all` and `any`")]
    TooDeep {
        /// Most levels.
        max: usize,
    },
    /// Too many tests, or words of a `one_of`.
    #[error("can have at most {max} entries")]
    TooMany {
        /// Most entries.
        max: usize,
    },
    /// Too long a text.
    #[error("can have at most {max} characters")]
    TooLong {
        /// Most characters.
        max: usize,
    },
    /// Neither digits nor, in a pattern, `*` and `?`.
    #[error("must be digits; in a pattern also * and ?")]
    NotDigits,
    /// No IP address.
    #[error("must be an IP address")]
    NotAnAddress,
    /// The ends of a range are of different families.
    #[error("must be of the same family as the first address")]
    OtherFamily,
    /// The end of a range lies before its beginning.
    #[error("must not lie before the beginning of the range")]
    FromAfterTo,
    /// No network.
    #[error("must be a network such as 10.1.0.0/16")]
    NotANetwork,
    /// No name of a model.
    #[error("must be the name of a client type")]
    UnknownModel,
    /// No software type.
    #[error("must be SIP, HFA or GW")]
    UnknownSoftwareType,
    /// No client field has this name.
    #[error("there is no client field {name:?}")]
    UnknownField {
        /// The name.
        name: String,
    },
    /// No version known here.
    #[error("must be a software version such as V3 R5.16.0")]
    NotAVersion,
    /// Nothing to compare with.
    #[error("must not be empty")]
    Empty,
}

impl FaultReason {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooDeep { .. } => "too_deep",
            Self::TooMany { .. } => "too_many",
            Self::TooLong { .. } => "too_long",
            Self::NotDigits => "not_digits",
            Self::NotAnAddress => "not_an_address",
            Self::OtherFamily => "other_family",
            Self::FromAfterTo => "from_after_to",
            Self::NotANetwork => "not_a_network",
            Self::UnknownModel => "unknown_model",
            Self::UnknownSoftwareType => "unknown_software_type",
            Self::UnknownField { .. } => "unknown_field",
            Self::NotAVersion => "not_a_version",
            Self::Empty => "empty",
        }
    }

    /// Numbers and words for wording it in another language.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooDeep { max } | Self::TooMany { max } | Self::TooLong { max } => {
                vec![("max", max.to_string())]
            }
            Self::UnknownField { name } => vec![("name", name.clone())],
            _ => Vec::new(),
        }
    }
}

impl Filter {
    /// Whether it may be saved.
    ///
    /// # Errors
    /// Everything that cannot be accepted, in the order of the filter. After too many tests nothing more is looked at.
    pub fn check(&self, known_fields: &BTreeSet<String>) -> Result<(), Vec<FilterFault>> {
        let mut check = Check { known_fields, faults: Vec::new(), leaves: 0 };
        check.part(self, &Path::Root, 1, 0);
        if check.leaves > MOST_TESTS {
            check
                .faults
                .push(FilterFault { path: String::new(), reason: FaultReason::TooMany { max: MOST_TESTS } });
        }
        if check.faults.is_empty() { Ok(()) } else { Err(check.faults) }
    }
}

/// Where in the filter: made a text only for a fault.
enum Path<'a> {
    Root,
    Key(&'a Self, &'a str),
    Place(&'a Self, usize),
}

impl Path<'_> {
    fn text(&self) -> String {
        let behind = |outer: &Self, step: &dyn Display| format!("{}/{step}", outer.text());
        match self {
            Self::Root => String::new(),
            Self::Key(outer, key) => behind(outer, key),
            Self::Place(outer, place) => behind(outer, place),
        }
    }
}

struct Check<'a> {
    known_fields: &'a BTreeSet<String>,
    faults: Vec<FilterFault>,
    leaves: usize,
}

impl Check<'_> {
    fn fault(&mut self, path: &Path<'_>, reason: FaultReason) {
        self.faults.push(FilterFault { path: path.text(), reason });
    }

    fn part(&mut self, filter: &Filter, path: &Path<'_>, nesting: usize, levels: usize) {
        let levels = levels + usize::from(matches!(filter, Filter::All(_) | Filter::Any(_)));
        if levels > MOST_LEVELS || nesting > MOST_NESTING {
            return self.fault(path, FaultReason::TooDeep { max: MOST_LEVELS });
        }
        if self.leaves > MOST_TESTS {
            return;
        }
        match filter {
            Filter::All(parts) | Filter::Any(parts) => {
                let key = if matches!(filter, Filter::All(_)) { "all" } else { "any" };
                self.leaves += usize::from(parts.is_empty());
                let path = Path::Key(path, key);
                for (place, part) in parts.iter().enumerate() {
                    if self.leaves > MOST_TESTS {
                        return;
                    }
                    self.part(part, &Path::Place(&path, place), nesting + 1, levels);
                }
            }
            Filter::Not(part) => self.part(part, &Path::Key(path, "not"), nesting + 1, levels),
            Filter::Test(test) => {
                self.leaves += 1;
                if self.leaves <= MOST_TESTS {
                    self.test(test, &Path::Key(path, "test"));
                }
            }
        }
    }

    fn test(&mut self, test: &Test, path: &Path<'_>) {
        match test {
            Test::E164(test) => self.number(test, path),
            Test::Address(test) => self.address(test, path),
            Test::Model { one_of } => {
                self.words(one_of, path, &FaultReason::UnknownModel, |word| !word.trim().is_empty());
            }
            Test::SoftwareType { one_of } => {
                let known = |word: &str| SOFTWARE_TYPES.contains(&word);
                self.words(one_of, path, &FaultReason::UnknownSoftwareType, known);
            }
            Test::ServerAddress(test) => self.text_test(test, path),
            Test::SoftwareVersion(test) => self.version(test, path),
            Test::ClientField { name, test } => {
                let at = Path::Key(path, "name");
                if self.is_text(name, &at, LONGEST_TEXT) && !self.known_fields.contains(name) {
                    self.fault(&at, FaultReason::UnknownField { name: name.clone() });
                }
                self.text_test(test, path);
            }
        }
    }

    /// Whether there is a text, and it is not too long; if not, that is a fault.
    fn is_text(&mut self, text: &str, path: &Path<'_>, max: usize) -> bool {
        let reason = if text.trim().is_empty() {
            FaultReason::Empty
        } else if text.chars().count() > max {
            FaultReason::TooLong { max }
        } else {
            return true;
        };
        self.fault(path, reason);
        false
    }

    fn words(&mut self, one_of: &[String], path: &Path<'_>, unknown: &FaultReason, known: fn(&str) -> bool) {
        let path = Path::Key(path, "one_of");
        if one_of.is_empty() {
            return self.fault(&path, FaultReason::Empty);
        }
        if one_of.len() > MOST_WORDS {
            return self.fault(&path, FaultReason::TooMany { max: MOST_WORDS });
        }
        for (place, word) in one_of.iter().enumerate() {
            let path = Path::Place(&path, place);
            if word.chars().count() > LONGEST_TEXT {
                self.fault(&path, FaultReason::TooLong { max: LONGEST_TEXT });
            } else if !known(word) {
                self.fault(&path, unknown.clone());
            }
        }
    }

    fn text_test(&mut self, test: &TextTest, path: &Path<'_>) {
        match test {
            TextTest::Is(text) => self.is_text(text, &Path::Key(path, "is"), LONGEST_TEXT),
            TextTest::Pattern(text) => self.is_text(text, &Path::Key(path, "pattern"), LONGEST_TEXT),
        };
    }

    fn number(&mut self, test: &NumberTest, path: &Path<'_>) {
        match test {
            NumberTest::Is(digits) => {
                self.digits(digits, &Path::Key(path, "is"));
            }
            NumberTest::Pattern(pattern) => {
                let path = Path::Key(path, "pattern");
                let understood = pattern.bytes().all(|byte| byte.is_ascii_digit() || b"*?".contains(&byte));
                if self.is_text(pattern, &path, LONGEST_TEXT) && !understood {
                    self.fault(&path, FaultReason::NotDigits);
                }
            }
            NumberTest::Range { from, to } => {
                let range = Path::Key(path, "range");
                let end = Path::Key(&range, "to");
                let both = [self.digits(from, &Path::Key(&range, "from")), self.digits(to, &end)];
                if both == [true, true] && compare_numbers(from, to).is_gt() {
                    self.fault(&end, FaultReason::FromAfterTo);
                }
            }
        }
    }

    fn digits(&mut self, digits: &str, path: &Path<'_>) -> bool {
        if !self.is_text(digits, path, E164_MAX_DIGITS) {
            return false;
        }
        let understood = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !understood {
            self.fault(path, FaultReason::NotDigits);
        }
        understood
    }

    fn address(&mut self, test: &AddressTest, path: &Path<'_>) {
        match test {
            AddressTest::Is(text) => {
                self.one_address(text, &Path::Key(path, "is"));
            }
            AddressTest::Range { from, to } => {
                let range = Path::Key(path, "range");
                let end = Path::Key(&range, "to");
                let from = self.one_address(from, &Path::Key(&range, "from"));
                let to = self.one_address(to, &end);
                let Some((from, to)) = from.zip(to) else { return };
                if from.is_ipv4() != to.is_ipv4() {
                    self.fault(&end, FaultReason::OtherFamily);
                } else if from > to {
                    self.fault(&end, FaultReason::FromAfterTo);
                }
            }
            AddressTest::Network(text) => {
                let path = Path::Key(path, "network");
                if self.is_text(text, &path, LONGEST_TEXT) && text.parse::<Network>().is_err() {
                    self.fault(&path, FaultReason::NotANetwork);
                }
            }
        }
    }

    fn one_address(&mut self, text: &str, path: &Path<'_>) -> Option<IpAddr> {
        if !self.is_text(text, path, LONGEST_TEXT) {
            return None;
        }
        let address = text.parse().ok().map(|address: IpAddr| address.to_canonical());
        if address.is_none() {
            self.fault(path, FaultReason::NotAnAddress);
        }
        address
    }

    fn version(&mut self, test: &VersionTest, path: &Path<'_>) {
        let (key, text, must_be_known) = match test {
            VersionTest::Is(text) => ("is", text, false),
            VersionTest::Pattern(text) => ("pattern", text, false),
            VersionTest::AtLeast(text) => ("at_least", text, true),
            VersionTest::Below(text) => ("below", text, true),
        };
        let path = Path::Key(path, key);
        let understood = !must_be_known || SoftwareVersion::parse(text).is_some();
        if self.is_text(text, &path, LONGEST_TEXT) && !understood {
            self.fault(&path, FaultReason::NotAVersion);
        }
    }
}
