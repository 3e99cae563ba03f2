//! Software types and versions of phones (`wpi.md` §7.4, D-2).

use std::fmt;

/// Firmware family of a phone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SoftwareType {
    /// `Siemens SIP`.
    Sip,
    /// `Siemens HFA`.
    Hfa,
    /// `GW` of OSEM §4.5.5: a value without software for it (D-2).
    Gw,
    /// Anything else, as the phone says it.
    Other(String),
}

impl SoftwareType {
    /// From the wire text (`Siemens SIP`) or the short word (`SIP`), without regard to case.
    pub fn parse(text: &str) -> Self {
        let word = text.split_whitespace().next_back().unwrap_or_default();
        match word.to_ascii_uppercase().as_str() {
            "SIP" => Self::Sip,
            "HFA" => Self::Hfa,
            "GW" => Self::Gw,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// The short word that is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sip => "SIP",
            Self::Hfa => "HFA",
            Self::Gw => "GW",
            Self::Other(text) => text,
        }
    }
}

/// A firmware version as five numbers: major, submajor, minor, fix, hotfix.
///
/// `V3 R5.16.0` is 3.0.5.16.0 and `V1 R10.2.2` is 1.0.10.2.2. The dotted form `1.4.9.0` of
/// `file-sw-version` is read as major, minor, fix, hotfix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SoftwareVersion(pub [u16; 5]);

impl SoftwareVersion {
    /// Reads a version; `None` when the text has no form known here.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix(['V', 'v']) else {
            let [major, minor, fix, hotfix] = numbers::<4>(text)?;
            return Some(Self([major, 0, minor, fix, hotfix]));
        };
        let (version, release) = rest.split_once(char::is_whitespace)?;
        let release = release.trim_start().strip_prefix(['R', 'r'])?;
        let [major, submajor] = numbers::<2>(version)?;
        let [minor, fix, hotfix] = numbers::<3>(release)?;
        Some(Self([major, submajor, minor, fix, hotfix]))
    }

    /// A number that sorts like the version, for the database. Each part is capped at 4095.
    pub fn sort_key(self) -> i64 {
        self.0.iter().fold(0, |key, part| (key << 12) | i64::from((*part).min(0xfff)))
    }
}

/// Up to `N` dotted numbers; missing ones are 0, more or other characters are refused.
fn numbers<const N: usize>(text: &str) -> Option<[u16; N]> {
    let mut out = [0; N];
    for (position, part) in text.split('.').enumerate() {
        *out.get_mut(position)? = part.parse().ok()?;
    }
    Some(out)
}

impl fmt::Display for SoftwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, submajor, minor, fix, hotfix] = self.0;
        write!(f, "V{major}")?;
        if submajor != 0 {
            write!(f, ".{submajor}")?;
        }
        write!(f, " R{minor}.{fix}.{hotfix}")
    }
}

#[cfg(test)]
mod tests {
    use super::{SoftwareType, SoftwareVersion};

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text| SoftwareVersion::parse(text).unwrap();
        assert!(version("V3 R5.16.0") > version("V3 R5.9.0"));
        assert!(version("V1 R10.2.2") > version("V1 R9.11.0"));
        assert!(version("V2.1 R0.11.0") > version("V2 R9.11.0"));
        assert_eq!(version("1.4.9.0"), version("V1 R4.9.0"));
        assert!(version("V3 R5.16.0").sort_key() > version("V3 R5.9.4000").sort_key());
        assert_eq!(version("V2.1 R0.11.0").to_string(), "V2.1 R0.11.0");
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "V3", "R5.1.1", "V R1.2.3", "V3 R5.16.0.1", "V3 Rx", "1.2.3.4.5", "V99999 R1.1.1"] {
            assert_eq!(SoftwareVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn types_are_read_from_wire_and_short_words() {
        assert_eq!(SoftwareType::parse("Siemens SIP"), SoftwareType::Sip);
        assert_eq!(SoftwareType::parse(" hfa "), SoftwareType::Hfa);
        assert_eq!(SoftwareType::parse("Unify Teams").as_str(), "Unify Teams");
    }
}
