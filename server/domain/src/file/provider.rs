//! Where a storage provider is: its address, bucket and region, as administrators type them (OSEM §10.3). Whether one may
//! go there at all is decided where addresses are resolved.

use crate::setting::host_and_port;

/// Longest address of a provider, in bytes.
pub const LONGEST_PROVIDER_URL: usize = 500;

/// Longest region, in bytes.
pub const LONGEST_REGION: usize = 40;

/// An address of a provider: `https://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderUrl {
    /// Whether it is `https`, not `http`.
    pub is_secure: bool,
    /// Host name or IP address, without brackets, in lower case.
    pub host: String,
    /// Port, also when it is the usual one.
    pub port: u16,
    /// Path, from its first `/` on; `/` when there is none.
    pub path: String,
}

/// Why a text is no address of a provider, or one that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderUrlFault {
    /// Not `https://host[:port][/path]`.
    #[error("must be an address as https://files.example.net/phones")]
    Form,
    /// A name or password stands in it: they have fields of their own, which are kept secret.
    #[error("must not have a user name or password in it")]
    Credentials,
    /// It has a query or a fragment.
    #[error("must not have a ? or # in it")]
    Query,
    /// More than [`LONGEST_PROVIDER_URL`].
    #[error("has more than {LONGEST_PROVIDER_URL} characters")]
    TooLong,
}

impl ProviderUrlFault {
    /// Stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "not_an_address",
            Self::Credentials => "credentials_in_address",
            Self::Query => "query_in_address",
            Self::TooLong => "too_long",
        }
    }
}

impl ProviderUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is none, or has what addresses of providers must not have.
    pub fn parse(text: &str) -> Result<Self, ProviderUrlFault> {
        if text.len() > LONGEST_PROVIDER_URL {
            return Err(ProviderUrlFault::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(ProviderUrlFault::Form)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(ProviderUrlFault::Form),
        };
        if rest.contains(['?', '#']) {
            return Err(ProviderUrlFault::Query);
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(ProviderUrlFault::Credentials);
        }
        let place = format!("https://{authority}");
        let (host, port) = host_and_port(&place).ok_or(ProviderUrlFault::Form)?;
        if !is_path(path) {
            return Err(ProviderUrlFault::Form);
        }
        Ok(Self {
            is_secure,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(if is_secure { 443 } else { 80 }),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        })
    }

    /// Whether both are the same server, spoken to in the same way: what one of them is told, the other one is told.
    pub fn is_same_server(&self, other: &Self) -> bool {
        (self.is_secure, &self.host, self.port) == (other.is_secure, &other.host, other.port)
    }
}

/// Whether a path stands in an address as it is, and goes nowhere but down.
fn is_path(path: &str) -> bool {
    let visible = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
    path.bytes().all(visible) && path.split('/').all(|part| part != "." && part != "..")
}

/// Whether a text can be the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens, the first and the last
/// a letter or digit, no two dots together, no IPv4 address (S3 User Guide, "General purpose bucket naming rules").
pub fn is_bucket(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    (3..=63).contains(&text.len())
        && text.bytes().all(inner)
        && outer(text.bytes().next())
        && outer(text.bytes().next_back())
        && !text.contains("..")
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

/// Whether a text can be the name of a region: letters, digits, hyphens and underscores.
pub fn is_region(text: &str) -> bool {
    (1..=LONGEST_REGION).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{ProviderUrl, ProviderUrlFault, is_bucket, is_region};
    use proptest::prelude::{any, prop_assert, proptest};

    fn parse(text: &str) -> Result<ProviderUrl, ProviderUrlFault> {
        ProviderUrl::parse(text)
    }

    #[test]
    fn an_address_has_host_port_and_path() {
        let url = parse("https://Files.example.net/phones/").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("files.example.net", 443, "/phones/"));
        let url = parse("HTTP://10.1.2.3:9000").unwrap();
        assert_eq!((url.is_secure, url.port, url.path.as_str()), (false, 9000, "/"));
        assert_eq!(parse("https://[2001:db8::1]:9000").unwrap().host, "2001:db8::1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "files",
            "ftp://host",
            "https://",
            "https:///x",
            "https://host:0",
            "https://host:x",
            "https://a b",
            "https://host/a b",
            "https://host/../x",
            "https://host/a/..",
            "https://host\\x",
            "https://host/ä",
        ] {
            assert_eq!(parse(text), Err(ProviderUrlFault::Form), "{text}");
        }
        assert_eq!(parse("https://u:p@host"), Err(ProviderUrlFault::Credentials));
        assert_eq!(parse("https://host/?x"), Err(ProviderUrlFault::Query));
        assert_eq!(parse("https://host/#x"), Err(ProviderUrlFault::Query));
        assert_eq!(parse(&format!("https://host/{}", "x".repeat(500))), Err(ProviderUrlFault::TooLong));
    }

    #[test]
    fn another_port_scheme_or_host_is_another_server_another_path_is_not() {
        let same = |a: &str, b: &str| parse(a).unwrap().is_same_server(&parse(b).unwrap());
        assert!(same("https://host/a", "https://HOST:443/b"));
        assert!(!same("https://host", "http://host:443"));
        assert!(!same("https://host", "https://host:444"));
        assert!(!same("https://host", "https://host.example.net"));
    }

    #[test]
    fn buckets_have_the_names_s3_takes() {
        for good in ["abc", "phone-files.2026", "1a2", &"x".repeat(63)] {
            assert!(is_bucket(good), "{good}");
        }
        for bad in ["", "ab", "Abc", "a_b", "-ab", "ab-", "a..b", "10.1.2.3", "a/b", &"x".repeat(64)] {
            assert!(!is_bucket(bad), "{bad}");
        }
        assert!(is_region("eu-central-1") && is_region("garage") && !is_region("") && !is_region("a b"));
    }

    proptest! {
        #[test]
        fn what_is_read_has_no_credentials_and_no_way_up(text in any::<String>(), tail in "[ -~]{0,30}") {
            for text in [text, format!("https://host{tail}")] {
                if let Ok(url) = parse(&text) {
                    prop_assert!(!url.host.contains(['@', '/']) && url.port != 0);
                    prop_assert!(!url.path.split('/').any(|part| part == ".."));
                }
            }
        }
    }
}
