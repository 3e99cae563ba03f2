//! Names of objects: relative, bounded, and never a way out of the place they belong to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Fault, StorageError};

/// Longest key, in bytes, as S3 has it.
pub const LONGEST_KEY: usize = 1_024;

/// What is written as itself in a path (RFC 3986 §2.3: unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether a text can be a key: 1 to [`LONGEST_KEY`] bytes, segments between slashes, none of them empty, `.` or `..`,
/// no control characters and no backslash, which is a slash to some.
pub fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_KEY
        && !text.chars().any(|character| character.is_control() || character == '\\')
        && text.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Refuses what is no key as an object that is not there.
pub(super) fn check(text: &str) -> Result<(), StorageError> {
    if is_key(text) { Ok(()) } else { Err(StorageError::new(Fault::NotFound, "the name is no key")) }
}

/// A key as a path in an address.
pub(super) fn to_path(key: &str) -> String {
    let segments: Vec<String> =
        key.split('/').map(|segment| utf8_percent_encode(segment, ESCAPED).to_string()).collect();
    segments.join("/")
}

/// The segments of a path in an address; `None` when one is not UTF-8 or holds a slash of its own.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let decoded = path.split('/').filter(|segment| !segment.is_empty());
    decoded
        .map(|segment| {
            let segment = percent_decode_str(segment).decode_utf8().ok()?;
            (!segment.contains('/')).then(|| segment.into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_KEY, is_key, segments, to_path};
    use proptest::prelude::{any, proptest};

    #[test]
    fn no_key_leads_out() {
        for good in ["a", "a/b.bin", "äöü €.wav", "..a", "a..b/c", "a b&c?d#e%2f"] {
            assert!(is_key(good), "{good}");
        }
        let long = "x".repeat(LONGEST_KEY + 1);
        for bad in
            ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\\b", "a\0", "a\nb", &long]
        {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn an_encoded_slash_is_no_segment() {
        assert_eq!(segments("/a/b%20c/"), Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(segments("/a%2fb"), None);
        assert_eq!(segments("/%ff"), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(key in any::<String>()) {
            if is_key(&key) {
                let path = to_path(&key);
                assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte)));
                assert_eq!(segments(&path).expect("segments").join("/"), key);
            }
        }
    }
}
