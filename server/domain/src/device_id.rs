//! The device id: the MAC address a phone states in `mac-addr` (D-1, `wpi.md` §4.1).

use std::fmt;
use std::str::FromStr;

/// Longest accepted identifier of a soft client, in characters.
const MAX_LENGTH: usize = 64;

/// Key of a phone: its MAC address without colons in upper case, or the identifier of a soft client.
///
/// Inside, hardware phones have exactly twelve hexadecimal digits. Soft clients may state an identifier of
/// letters, digits and `: . - _ +` (`wpi.md` §4.1); it is kept in upper case as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(String);

/// Why a text is no device id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceIdError {
    /// Nothing but separators.
    #[error("a device id cannot be empty")]
    Empty,
    /// More than 64 characters.
    #[error("a device id has at most 64 characters")]
    TooLong,
    /// A character outside letters, digits and `: . - _ +`.
    #[error("a device id consists of letters, digits and `: . - _ +`")]
    Character,
}

impl DeviceId {
    /// The inner form: upper case, for a MAC address without separators. This is what is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a hardware address of six octets.
    pub fn is_mac(&self) -> bool {
        is_mac(&self.0)
    }
}

fn is_mac(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl FromStr for DeviceId {
    type Err = DeviceIdError;

    /// Accepts upper and lower case, colons, dashes, dots or no separators.
    fn from_str(text: &str) -> Result<Self, DeviceIdError> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(DeviceIdError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":.-_+".contains(&byte)) {
            return Err(DeviceIdError::Character);
        }
        let bare: String =
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        if bare.is_empty() {
            return Err(DeviceIdError::Empty);
        }
        Ok(Self(if is_mac(&bare) { bare } else { text.to_ascii_uppercase() }))
    }
}

/// The shown form: lower case with colons for a MAC address (D-1), otherwise the identifier itself.
impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_mac() {
            return f.write_str(&self.0);
        }
        for (position, digit) in self.0.chars().enumerate() {
            if position > 0 && position % 2 == 0 {
                f.write_str(":")?;
            }
            write!(f, "{}", digit.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceId, DeviceIdError};

    #[test]
    fn every_spelling_of_a_mac_is_the_same_device() {
        for text in ["00:1A:E8:5B:20:C7", "00-1a-e8-5b-20-c7", "001ae85b20c7", " 001A.E85B.20C7 "] {
            let id: DeviceId = text.parse().unwrap();
            assert_eq!(id.as_str(), "001AE85B20C7", "{text}");
            assert_eq!(id.to_string(), "00:1a:e8:5b:20:c7");
            assert!(id.is_mac());
        }
    }

    #[test]
    fn a_soft_client_keeps_its_identifier() {
        let id: DeviceId = "soft+user.4711".parse().unwrap();
        assert_eq!(id.as_str(), "SOFT+USER.4711");
        assert!(!id.is_mac());
    }

    #[test]
    fn what_is_no_device_id_is_refused() {
        assert_eq!("".parse::<DeviceId>(), Err(DeviceIdError::Empty));
        assert_eq!("::".parse::<DeviceId>(), Err(DeviceIdError::Empty));
        assert_eq!("<script>".parse::<DeviceId>(), Err(DeviceIdError::Character));
        assert_eq!("a".repeat(65).parse::<DeviceId>(), Err(DeviceIdError::TooLong));
    }
}
