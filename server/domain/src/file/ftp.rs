//! Where phones fetch files from an FTP server of the site (`wpi.md` §4.6.1): its address, as administrators type it,
//! and the place of a file on it. This server never connects to it.

use super::LONGEST_FILE_NAME;
use super::provider::{LONGEST_PROVIDER_URL, ProviderUrlFault};
use crate::setting::host_and_port;

/// Port when none is said.
pub const FTP_PORT: u16 = 21;

/// Longest directory that goes into an order, in bytes: the item of a phone has no room for more.
pub const LONGEST_FTP_PATH: usize = 255;

/// Code of a text that is no `ftp://host[:port][/path]`.
const NOT_AN_FTP_ADDRESS: &str = "not_an_ftp_address";

/// An address of an FTP server: `ftp://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FtpUrl {
    /// Host name or IP address, without brackets, in lower case.
    pub host: String,
    /// Port, also when it is the usual one.
    pub port: u16,
    /// Directory below the one in which a sign-in begins, in plain text, without a `/` at either end; empty for that
    /// one itself.
    pub path: String,
}

/// Why a text is no address of an FTP server, or one that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FtpUrlFault {
    /// Not `ftp://host[:port][/path]`.
    #[error("must be an address as ftp://ftp.example.net/phones")]
    Form,
    /// What is wrong with addresses of any provider.
    #[error(transparent)]
    General(ProviderUrlFault),
}

impl FtpUrlFault {
    /// Stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => NOT_AN_FTP_ADDRESS,
            Self::General(fault) => fault.code(),
        }
    }
}

impl FtpUrl {
    /// Reads an address. `%` and two digits in its path stand for a byte (RFC 1738, section 3.2.2).
    ///
    /// # Errors
    /// When it is none, or has what such addresses must not have: a name, a password, a query, a way up.
    pub fn parse(text: &str) -> Result<Self, FtpUrlFault> {
        if text.len() > LONGEST_PROVIDER_URL {
            return Err(FtpUrlFault::General(ProviderUrlFault::TooLong));
        }
        let (scheme, rest) = text.split_once("://").ok_or(FtpUrlFault::Form)?;
        if !scheme.eq_ignore_ascii_case("ftp") {
            return Err(FtpUrlFault::Form);
        }
        if rest.contains(['?', '#']) {
            return Err(FtpUrlFault::General(ProviderUrlFault::Query));
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(FtpUrlFault::General(ProviderUrlFault::Credentials));
        }
        let place = format!("https://{authority}");
        let (host, port) = host_and_port(&place).ok_or(FtpUrlFault::Form)?;
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let parts: Option<Vec<String>> = match path {
            "" => Some(Vec::new()),
            path => path.split('/').map(part).collect(),
        };
        let path = parts.ok_or(FtpUrlFault::Form)?.join("/");
        if path.len() > LONGEST_FTP_PATH {
            return Err(FtpUrlFault::General(ProviderUrlFault::TooLong));
        }
        Ok(Self { host: host.to_ascii_lowercase(), port: port.unwrap_or(FTP_PORT), path })
    }

    /// Whether both are the same server: what one of them is told, the other one is told.
    pub fn is_same_server(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }

    /// Directory and name of an object of the provider on this server; `None` when its key cannot be said to a phone:
    /// too long, with a way up, or with what would end a line of FTP.
    pub fn place_of(&self, key: &str) -> Option<(String, String)> {
        if !key.split('/').all(is_name) {
            return None;
        }
        let (directories, name) = key.rsplit_once('/').unwrap_or(("", key));
        let parts: Vec<&str> =
            [self.path.as_str(), directories].into_iter().filter(|p| !p.is_empty()).collect();
        let path = parts.join("/");
        let fits = path.len() <= LONGEST_FTP_PATH && name.len() <= LONGEST_FILE_NAME;
        fits.then(|| (path, name.to_owned()))
    }
}

/// One part of a path as it stands in an address, in plain text.
fn part(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                plain.push(u8::try_from(high * 16 + low).ok()?);
            }
            // `;` begins the type of a transfer, which phones choose themselves.
            b if b.is_ascii_graphic() && !b"\\\"<>^`{|};".contains(&b) => plain.push(b),
            _ => return None,
        }
    }
    String::from_utf8(plain).ok().filter(|plain| is_name(plain))
}

fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(['/', '\\']) && !part.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{FtpUrl, FtpUrlFault};
    use crate::file::ProviderUrlFault;
    use proptest::prelude::{any, prop_assert, proptest};

    fn parse(text: &str) -> Result<FtpUrl, FtpUrlFault> {
        FtpUrl::parse(text)
    }

    #[test]
    fn an_address_has_host_port_and_directory() {
        let url = parse("ftp://FTP.example.net").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("ftp.example.net", 21, ""));
        let url = parse("FTP://10.20.30.41:2121/media/ring%20tones/").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("10.20.30.41", 2121, "media/ring tones")
        );
        assert_eq!(parse("ftp://[2001:db8::1]/").unwrap().host, "2001:db8::1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ftp",
            "https://host",
            "ftps://host",
            "ftp://",
            "ftp:///x",
            "ftp://host:0",
            "ftp://host//x",
            "ftp://host/../x",
            "ftp://host/%2e%2e/x",
            "ftp://host/a%2Fb",
            "ftp://host/a%0d%0aDELE",
            "ftp://host/a;type=i",
            "ftp://host/%f",
            "ftp://host/%ff",
            "ftp://host/a b",
        ] {
            assert_eq!(parse(text), Err(FtpUrlFault::Form), "{text}");
        }
        let general = |fault| Err(FtpUrlFault::General(fault));
        assert_eq!(parse("ftp://me:pw@host"), general(ProviderUrlFault::Credentials));
        assert_eq!(parse("ftp://host/?x"), general(ProviderUrlFault::Query));
        assert_eq!(parse("ftp://host/#x"), general(ProviderUrlFault::Query));
        assert_eq!(parse(&format!("ftp://host/{}", "x".repeat(256))), general(ProviderUrlFault::TooLong));
        assert_eq!(parse(&format!("ftp://host/{}", "x".repeat(500))), general(ProviderUrlFault::TooLong));
    }

    #[test]
    fn another_port_or_host_is_another_server_another_directory_is_not() {
        let same = |a: &str, b: &str| parse(a).unwrap().is_same_server(&parse(b).unwrap());
        assert!(same("ftp://host/a", "ftp://HOST:21/b"));
        assert!(!same("ftp://host", "ftp://host:2121"));
        assert!(!same("ftp://host", "ftp://host.example.net"));
    }

    #[test]
    fn directories_of_a_key_belong_to_the_path() {
        let place = |url: &str, key: &str| parse(url).unwrap().place_of(key);
        let some = |path: &str, name: &str| Some((path.to_owned(), name.to_owned()));
        assert_eq!(place("ftp://host/media", "ring/marimba.mp3"), some("media/ring", "marimba.mp3"));
        assert_eq!(place("ftp://host", "ring/marimba.mp3"), some("ring", "marimba.mp3"));
        assert_eq!(place("ftp://host/media/", "marimba.mp3"), some("media", "marimba.mp3"));
        assert_eq!(place("ftp://host", "marimba.mp3"), some("", "marimba.mp3"));
        for key in ["", "a/", "/a", "a//b", "../a", "a\r\nDELE b", "a\\b", &"x".repeat(121)] {
            assert_eq!(place("ftp://host", key), None, "{key:?}");
        }
        assert_eq!(place("ftp://host", &format!("{}/a", "x".repeat(256))), None);
    }

    proptest! {
        #[test]
        fn what_is_told_to_phones_stays_on_its_line_and_below(
            text in any::<String>(),
            tail in "[ -~]{0,30}",
            key in "[ -~\r\n]{0,40}",
        ) {
            for text in [text, format!("ftp://host/{tail}")] {
                let Ok(url) = parse(&text) else { continue };
                prop_assert!(!url.host.contains(['@', '/']) && url.port != 0);
                prop_assert!(!url.path.split('/').any(|part| part == ".."));
                if let Some((path, name)) = url.place_of(&key) {
                    prop_assert!(!path.contains(['\r', '\n']) && !path.split('/').any(|part| part == ".."));
                    prop_assert!(!name.is_empty() && !name.contains(['\r', '\n', '/']));
                }
            }
        }
    }
}
