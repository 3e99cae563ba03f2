//! The second factor of an account: time-based one-time passwords (RFC 6238, OSEM §2.8.4) and recovery codes.
//!
//! Only the words and numbers; computing codes, keeping secrets and asking for them is the server's business.

use serde::{Deserialize, Serialize};

/// Digits of a code.
pub const DIGITS: u32 = 6;
/// Seconds a code counts for (ASVS 6.5.5).
pub const PERIOD_SECONDS: u64 = 30;
/// Steps before and after the present one that are taken too, for clocks that are a little off (RFC 6238 §5.2).
pub const SKEW: u32 = 1;
/// Recovery codes an account gets at once.
pub const RECOVERY_CODES: usize = 10;

/// Hash of the codes (OSEM §13.10). Some authenticator apps know only SHA-1, which is no weakness here: what
/// breaks SHA-1 does not break HMAC (RFC 6238 §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TotpAlgorithm {
    /// HMAC-SHA-1.
    #[default]
    #[serde(rename = "sha-1")]
    Sha1,
    /// HMAC-SHA-256.
    #[serde(rename = "sha-256")]
    Sha256,
}

impl TotpAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
        }
    }

    /// The algorithm a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == word)
    }
}

/// The digits of a code as somebody typed it: authenticator apps show a gap in the middle, which is copied along.
/// `None` when it cannot be a code.
pub fn read_code(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(16).collect();
    let good = digits.chars().count() == DIGITS as usize && digits.bytes().all(|byte| byte.is_ascii_digit());
    good.then_some(digits)
}

/// A recovery code as somebody typed it: without gaps, in small letters. `None` when it cannot be one.
pub fn read_recovery_code(text: &str) -> Option<String> {
    let letters: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64).collect::<String>().to_lowercase();
    let good = letters.len() == RECOVERY_LENGTH && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(letters)
}

/// Letters and digits of a recovery code: 80 bits, so that nobody guesses one.
pub const RECOVERY_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::{TotpAlgorithm, read_code, read_recovery_code};

    #[test]
    fn words_are_read_back() {
        for algorithm in TotpAlgorithm::ALL {
            assert_eq!(TotpAlgorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
        assert_eq!(TotpAlgorithm::parse("md5"), None);
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(read_code(" 123 456 ").as_deref(), Some("123456"));
        assert_eq!(read_code("123-456").as_deref(), Some("123456"));
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(read_code(bad), None, "{bad}");
        }
        let code = "ABCD-efgh 2345-mnpq";
        assert_eq!(read_recovery_code(code).as_deref(), Some("abcdefgh2345mnpq"));
        for bad in ["", "abcd", "abcd-efgh-2345-mnp!", &"a".repeat(1000)] {
            assert_eq!(read_recovery_code(bad), None, "{bad}");
        }
    }
}
