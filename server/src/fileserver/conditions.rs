//! What of a file a request gets: all of it, a part, or only word that it has not changed (RFC 9110 §13, §14).

use std::ops::Range;
use std::time::SystemTime;

use headers::{
    ETag, HeaderMapExt as _, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, LastModified,
};
use http::header::RANGE;
use http::{HeaderMap, Method};

/// What is known of the file.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    /// A strong one.
    pub(super) etag: ETag,
    /// When its content or what is said of it changed last.
    pub(super) modified: SystemTime,
    /// Bytes.
    pub(super) size: u64,
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// All of it: 200.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Nothing, what the client has is still good: 304.
    NotModified,
    /// Nothing, it is not what the client takes it for: 412.
    ConditionFailed,
    /// Nothing, it is not that long: 416.
    OutOfRange,
}

/// Decides in the order of RFC 9110 §13.2.2.
pub(super) fn share(method: &Method, headers: &HeaderMap, entity: &Entity) -> Share {
    if let Some(condition) = headers.typed_get::<IfMatch>() {
        if !condition.precondition_passes(&entity.etag) {
            return Share::ConditionFailed;
        }
    } else if let Some(condition) = headers.typed_get::<IfUnmodifiedSince>()
        && !condition.precondition_passes(entity.modified)
    {
        return Share::ConditionFailed;
    }
    if let Some(condition) = headers.typed_get::<IfNoneMatch>() {
        if !condition.precondition_passes(&entity.etag) {
            return Share::NotModified;
        }
    } else if let Some(condition) = headers.typed_get::<IfModifiedSince>()
        && !condition.is_modified(entity.modified)
    {
        return Share::NotModified;
    }
    if method != Method::GET {
        return Share::Whole;
    }
    let condition = headers.typed_get::<IfRange>();
    let modified = LastModified::from(entity.modified);
    if condition.is_some_and(|condition| condition.is_modified(Some(&entity.etag), Some(&modified))) {
        return Share::Whole;
    }
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(text), None) => range(text, entity.size),
        _ => Share::Whole,
    }
}

/// Reads a range. Several ranges, other units and nonsense are answered with the whole (RFC 9110 §14.2 allows it).
fn range(text: &str, size: u64) -> Share {
    let Some((unit, range)) = text.split_once('=') else { return Share::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Share::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Share::Whole;
    }
    // As far as it is digits, too many of them mean more than any file has.
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if last < first => return Share::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(length)) if first.is_empty() => {
            if length == 0 {
                return Share::OutOfRange;
            }
            size.saturating_sub(length)..size
        }
        _ => return Share::Whole,
    };
    if range.start >= size { Share::OutOfRange } else { Share::Part(range) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::header::HeaderName;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;

    use super::{Entity, Share, range, share};

    fn entity() -> Entity {
        Entity {
            etag: "\"abc\"".parse().unwrap(),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
            size: 1_000,
        }
    }

    fn asked(method: &Method, fields: &[(&str, &str)]) -> Share {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        share(method, &headers, &entity())
    }

    fn get(fields: &[(&str, &str)]) -> Share {
        asked(&Method::GET, fields)
    }

    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn single_ranges_are_served() {
        for (text, wanted) in [
            ("bytes=0-0", Share::Part(0..1)),
            ("bytes=10-19", Share::Part(10..20)),
            ("bytes=10-", Share::Part(10..1_000)),
            ("bytes=-10", Share::Part(990..1_000)),
            ("bytes=-5000", Share::Part(0..1_000)),
            ("bytes=990-5000", Share::Part(990..1_000)),
            ("Bytes = 1-2", Share::Part(1..3)),
            ("bytes=0-99999999999999999999999999", Share::Part(0..1_000)),
            ("bytes=1000-", Share::OutOfRange),
            ("bytes=99999999999999999999999999-", Share::OutOfRange),
            ("bytes=-0", Share::OutOfRange),
            ("bytes=2-1", Share::Whole),
            ("bytes=0-1,5-6", Share::Whole),
            ("bytes=-", Share::Whole),
            ("bytes=", Share::Whole),
            ("bytes=+1-2", Share::Whole),
            ("bytes=a-b", Share::Whole),
            ("lines=1-2", Share::Whole),
            ("x", Share::Whole),
        ] {
            assert_eq!(get(&[("range", text)]), wanted, "{text}");
        }
        assert_eq!(get(&[("range", "bytes=0-1"), ("range", "bytes=3-4")]), Share::Whole);
        assert_eq!(asked(&Method::HEAD, &[("range", "bytes=0-1")]), Share::Whole);
        assert_eq!(range("bytes=0-", 0), Share::OutOfRange);
    }

    #[test]
    fn conditions_go_before_ranges() {
        let part = ("range", "bytes=0-1");
        assert_eq!(get(&[("if-none-match", "\"abc\""), part]), Share::NotModified);
        assert_eq!(get(&[("if-none-match", "\"x\", \"abc\"")]), Share::NotModified);
        assert_eq!(get(&[("if-none-match", "\"x\""), ("if-modified-since", SAME)]), Share::Whole);
        assert_eq!(get(&[("if-modified-since", SAME)]), Share::NotModified);
        assert_eq!(get(&[("if-modified-since", BEFORE)]), Share::Whole);
        assert_eq!(get(&[("if-match", "\"x\"")]), Share::ConditionFailed);
        assert_eq!(get(&[("if-match", "\"abc\""), part]), Share::Part(0..2));
        assert_eq!(get(&[("if-unmodified-since", BEFORE)]), Share::ConditionFailed);
        assert_eq!(get(&[("if-range", "\"abc\""), part]), Share::Part(0..2));
        assert_eq!(get(&[("if-range", "\"x\""), part]), Share::Whole);
        assert_eq!(get(&[("if-range", SAME), part]), Share::Part(0..2));
        assert_eq!(get(&[("if-range", BEFORE), part]), Share::Whole);
        assert_eq!(asked(&Method::HEAD, &[("if-none-match", "\"abc\"")]), Share::NotModified);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(text in "(bytes=)?[0-9]{0,22}-?[0-9]{0,22}[ ,x]?", size in 0..5_000_u64) {
            match range(&text, size) {
                Share::Part(part) => prop_assert!(part.start < part.end && part.end <= size, "{part:?}"),
                other => prop_assert!(matches!(other, Share::Whole | Share::OutOfRange)),
            }
        }
    }
}
