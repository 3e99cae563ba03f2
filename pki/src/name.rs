//! Names that go into certificates: host names, addresses and the subject of an authority.
//!
//! Refuses to know whether a name resolves or who owns it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest common name and organisation (RFC 5280, upper bounds), in characters.
const MAX_ATTRIBUTE: usize = 64;

/// Longest host name in the DNS (RFC 1035 §2.3.4), in characters.
const MAX_HOST: usize = 253;

/// Longest label of a host name, in characters.
const MAX_LABEL: usize = 63;

/// A name a server is reached by: what goes into subjectAltName.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A host name in lower case without the final dot; may begin with `*.`.
    Dns(String),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

/// Why a text is no name for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// Longer than the standard allows.
    #[error("the name has more than {limit} characters")]
    TooLong {
        /// The most that is allowed.
        limit: usize,
    },
    /// A label of a host name is empty, too long, begins or ends with a hyphen, or holds a character
    /// other than letters, digits, hyphen and underscore.
    #[error("label {position} of the host name is not well formed")]
    Label {
        /// Which label, counted from 1.
        position: usize,
    },
    /// A control character in a common name or organisation.
    #[error("the name holds a control character")]
    Control,
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(Self::Ip(address));
        }
        let host = text.strip_suffix('.').unwrap_or(text);
        if host.is_empty() {
            return Err(NameError::Empty);
        }
        if host.len() > MAX_HOST {
            return Err(NameError::TooLong { limit: MAX_HOST });
        }
        for (index, label) in host.split('.').enumerate() {
            let wildcard = index == 0 && label == "*" && host.len() > 2;
            if !wildcard && !is_label(label) {
                return Err(NameError::Label { position: index + 1 });
            }
        }
        Ok(Self::Dns(host.to_ascii_lowercase()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(host) => formatter.write_str(host),
            Self::Ip(address) => address.fmt(formatter),
        }
    }
}

/// Letters, digits and inner hyphens; the underscore too, which many Windows hosts have.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The subject of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    common_name: String,
    organization: Option<String>,
}

impl Subject {
    /// A subject with a common name and, where wanted, an organisation.
    ///
    /// # Errors
    /// When one of them is empty, longer than 64 characters or holds a control character.
    pub fn new(common_name: &str, organization: Option<&str>) -> Result<Self, NameError> {
        check_attribute(common_name)?;
        organization.map(check_attribute).transpose()?;
        Ok(Self { common_name: common_name.to_owned(), organization: organization.map(str::to_owned) })
    }

    /// The common name (CN).
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    pub(crate) fn to_distinguished_name(&self) -> rcgen::DistinguishedName {
        let mut name = rcgen::DistinguishedName::new();
        if let Some(organization) = &self.organization {
            name.push(rcgen::DnType::OrganizationName, organization.as_str());
        }
        name.push(rcgen::DnType::CommonName, self.common_name.as_str());
        name
    }
}

fn check_attribute(text: &str) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().count() > MAX_ATTRIBUTE {
        return Err(NameError::TooLong { limit: MAX_ATTRIBUTE });
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_hosts_are_told_apart() {
        assert_eq!("192.0.2.7".parse(), Ok(Name::Ip(IpAddr::from([192, 0, 2, 7]))));
        assert_eq!("[2001:db8::1]".parse::<Name>().expect("an address").to_string(), "2001:db8::1");
        assert_eq!("DLS.Example.ORG.".parse(), Ok(Name::Dns("dls.example.org".into())));
        assert_eq!("*.example.org".parse(), Ok(Name::Dns("*.example.org".into())));
    }

    #[test]
    fn what_is_no_host_name_is_refused_with_its_place() {
        let refused = |text: &str| text.parse::<Name>().expect_err(text);
        assert_eq!(refused(""), NameError::Empty);
        assert_eq!(refused("a..b"), NameError::Label { position: 2 });
        assert_eq!(refused("-a.b"), NameError::Label { position: 1 });
        assert_eq!(refused("a.*.b"), NameError::Label { position: 2 });
        assert_eq!(refused("*"), NameError::Label { position: 1 });
        assert_eq!(refused("a b"), NameError::Label { position: 1 });
        assert_eq!(refused(&"a.".repeat(200)), NameError::TooLong { limit: MAX_HOST });
        assert_eq!(refused(&"a".repeat(64)), NameError::Label { position: 1 });
    }

    #[test]
    fn subjects_are_bounded() {
        assert!(Subject::new("Workpoint", Some("Example")).is_ok());
        assert_eq!(Subject::new(" ", None), Err(NameError::Empty));
        assert_eq!(Subject::new("a\nb", None), Err(NameError::Control));
        assert_eq!(Subject::new("a", Some(&"ä".repeat(65))), Err(NameError::TooLong { limit: 64 }));
    }
}
