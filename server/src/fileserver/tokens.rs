//! Download addresses: `/file/TOKEN/NAME`. The token is the whole right to fetch the file, so only its hash is kept.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::clock::{Entropy, EntropyError};

/// First part of every path.
const PREFIX: &str = "/file/";

/// Characters of a token: lower case, because some web clients of phones change the case of nothing else; 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Length of a token: 160 bits.
const LENGTH: usize = 32;

/// Longest path that is looked at: a name of the longest kind with every byte escaped, and room to spare.
const LONGEST_PATH: usize = 512;

/// What stays as it is in a name; `&`, `?`, `#`, `/` and whatever else means something in an address does not.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A token that was made just now.
pub(super) struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(super) fn make(entropy: &Entropy) -> Result<Self, EntropyError> {
        let bytes: [u8; LENGTH] = entropy.bytes()?;
        Ok(Self::from_bytes(bytes))
    }

    fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        // 256 is a multiple of 32, so every character is equally likely.
        let character = |byte: u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('a', char::from);
        Self(bytes.into_iter().map(character).collect())
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }

    /// Path of a file of this name.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{PREFIX}{}/{}", self.0, utf8_percent_encode(name, ESCAPED))
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Hash of its token.
    pub(super) token_hash: [u8; 32],
    /// Name of the file, as the phone wrote it.
    pub(super) name: String,
}

/// Whether a path is one for files, good or not.
pub fn is_file_path(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Reads a path; `None` when it cannot be one that was made here.
pub(super) fn read(path: &str) -> Option<Asked> {
    if path.len() > LONGEST_PATH {
        return None;
    }
    let (token, name) = path.strip_prefix(PREFIX)?.split_once('/')?;
    let good = token.len() == LENGTH && token.bytes().all(|byte| ALPHABET.contains(&byte));
    // A phone may escape more or less than we did, so the name is compared as it reads.
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let whole = !name.is_empty() && !name.contains(|c: char| c.is_control() || c == '/' || c == '\\');
    (good && whole && name != "." && name != "..")
        .then(|| Asked { token_hash: hash(token), name: name.into_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Asked, LENGTH, Token, is_file_path, read};

    fn path(name: &str) -> String {
        Token::from_bytes([7; LENGTH]).path(name)
    }

    #[test]
    fn an_address_has_nothing_that_phones_or_xml_would_change() {
        let path = path("a&b?c#d%e f+g'ö.bmp");
        assert_eq!(path, format!("/file/{}/a%26b%3Fc%23d%25e%20f%2Bg%27%C3%B6.bmp", "h".repeat(32)));
        assert_eq!(read(&path).map(|asked| asked.name).as_deref(), Some("a&b?c#d%e f+g'ö.bmp"));
    }

    #[test]
    fn what_was_not_made_here_is_refused() {
        let token = "h".repeat(32);
        for bad in [
            "/file/".to_owned(),
            "/file".to_owned(),
            format!("/file/{token}"),
            format!("/file/{token}/"),
            format!("/files/{token}/a"),
            format!("/FILE/{token}/a"),
            format!("/file/{}/a", "H".repeat(32)),
            format!("/file/{}/a", "1".repeat(32)),
            format!("/file/{}/a", "h".repeat(31)),
            format!("/file/{}/a", "h".repeat(33)),
            format!("/file/{token}/a/b"),
            format!("/file/{token}/a%2fb"),
            format!("/file/{token}/a%2Fb"),
            format!("/file/{token}/a%5cb"),
            format!("/file/{token}/a%00"),
            format!("/file/{token}/%0d%0aX: y"),
            format!("/file/{token}/.."),
            format!("/file/{token}/%2e%2e"),
            format!("/file/{token}/../{token}/a"),
            format!("/file//{token}/a"),
            format!("/file/%68{}/a", "h".repeat(31)),
            format!("/file/{token}/%ff"),
            format!("/file/{token}/{}", "a".repeat(600)),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
        assert!(is_file_path("/file/x") && !is_file_path("/files/x") && !is_file_path("/DeploymentService"));
    }

    proptest! {
        #[test]
        fn what_was_made_is_read(bytes: [u8; LENGTH], name in "[^/\\\\\\p{C}]{1,30}") {
            prop_assume!(name != "." && name != "..");
            let token = Token::from_bytes(bytes);
            let path = token.path(&name);
            prop_assert!(path.is_ascii() && !path.contains(['&', '?', '#', ' ', '"', '<']));
            prop_assert_eq!(read(&path), Some(Asked { token_hash: token.hash(), name }));
        }

        #[test]
        fn nothing_else_ends_in_more_than_a_refusal(path in "\\PC{0,80}", tail in "(/file/)?[a-z2-7]{30,34}/?[ -~]{0,20}") {
            let _ = read(&path);
            if let Some(asked) = read(&tail) {
                prop_assert!(tail.starts_with("/file/") && tail.as_bytes().get(38) == Some(&b'/'));
                prop_assert!(!asked.name.contains(['/', '\\', '\0']));
            }
        }

        #[test]
        fn one_other_character_is_another_token(bytes: [u8; LENGTH], at in 0..LENGTH, other in "[a-z2-7]") {
            let token = Token::from_bytes(bytes);
            let path = token.path("a");
            let mut changed = path.clone();
            changed.replace_range(6 + at..7 + at, &other);
            let same = read(&changed).is_some_and(|asked| asked.token_hash == token.hash());
            prop_assert_eq!(same, changed == path);
        }
    }
}
