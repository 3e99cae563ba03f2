//! Asking a web server for an object or a range of it (RFC 9110 §14), the same for S3 and for others.

use std::ops::Range;
use std::path::Path;

use futures_util::StreamExt;
use http::HeaderMap;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, HeaderValue,
    IF_MATCH, LAST_MODIFIED, RANGE,
};
use jiff::Timestamp;
use reqwest::{Request, Response, StatusCode};

use super::client::Web;
use super::reading::{Reading, Wanted, exactly};
use super::{Fault, Object, StorageError};

/// Longest tag that is kept, in bytes.
const LONGEST_TAG: usize = 200;

/// What stands before a tag that is a time, which no ETag begins with.
const BY_TIME: &str = "modified:";

/// Adds what asks for a range, which must not be empty, and for one content.
///
/// Without a tag the answer's own is compared in any case. That is the way where one may be weak: Apache's are in the
/// second after a change, and a weak one never matches (RFC 9110 §13.1.1).
pub(super) fn ask(request: &mut Request, range: Option<&Range<u64>>, tag: Option<&str>) {
    let headers = request.headers_mut();
    // The bytes as they are: their number is what counts.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(range) = range
        && let Ok(value) =
            HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
    {
        headers.insert(RANGE, value);
    }
    if let Some(tag) = tag.filter(|tag| tag.starts_with('"'))
        && let Ok(value) = HeaderValue::from_str(tag)
    {
        headers.insert(IF_MATCH, value);
    }
}

/// What a successful answer to [`ask`] holds.
///
/// # Errors
/// When it is not what was asked for.
pub(super) fn reading(
    web: &Web,
    answer: Response,
    range: Option<&Range<u64>>,
    tag: Option<&str>,
) -> Result<Reading, StorageError> {
    let headers = answer.headers();
    if headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return Err(StorageError::new(Fault::BadAnswer, "compressed though that was not asked for"));
    }
    let found = tag_of(headers);
    if tag.is_some() && found.as_deref() != tag {
        return Err(Fault::ChangedMeanwhile.into());
    }
    let announced = length(headers);
    let (size, wanted) = match (answer.status(), range) {
        (StatusCode::PARTIAL_CONTENT, Some(range)) => partial(headers, range, announced)?,
        (StatusCode::OK, range) => {
            let Some(size) = announced else {
                return Err(StorageError::new(Fault::BadAnswer, "the length of the content is not told"));
            };
            // The range was not understood: what is not wanted of it is thrown away.
            let range = range.cloned().unwrap_or(0..size);
            if range.end > size {
                return Err(shorter());
            }
            let take = range.end.saturating_sub(range.start);
            (size, Wanted { skip: range.start, take, to_the_end: range.end == size })
        }
        _ => return Err(StorageError::new(Fault::BadAnswer, "neither the whole nor the part asked for")),
    };
    Ok(Reading { size, length: wanted.take, tag: found, bytes: exactly(web.pieces(answer), wanted) })
}

fn partial(
    headers: &HeaderMap,
    range: &Range<u64>,
    announced: Option<u64>,
) -> Result<(u64, Wanted), StorageError> {
    let Some((first, last, size)) = text(headers, CONTENT_RANGE).and_then(content_range) else {
        return Err(StorageError::new(Fault::BadAnswer, "a part that does not say which"));
    };
    if size < range.end {
        return Err(shorter());
    }
    if first != range.start || last.checked_add(1) != Some(range.end) {
        return Err(StorageError::new(Fault::BadAnswer, "another part than the one asked for"));
    }
    let take = range.end - range.start;
    if announced.is_some_and(|announced| announced != take) {
        return Err(StorageError::new(Fault::LiedAboutLength, "two lengths that differ"));
    }
    Ok((size, Wanted { skip: 0, take, to_the_end: true }))
}

fn shorter() -> StorageError {
    StorageError::new(Fault::ChangedMeanwhile, "shorter than the range that was asked for")
}

/// First and last byte and the size of the whole: `bytes 0-9/100`.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first, last, size))
}

/// No bytes of an object: a range that is empty cannot be asked for.
pub(super) fn nothing(object: Object, tag: Option<&str>) -> Result<Reading, StorageError> {
    if tag.is_some() && object.tag.as_deref() != tag {
        return Err(Fault::ChangedMeanwhile.into());
    }
    let bytes = futures_util::stream::empty().boxed();
    Ok(Reading { size: object.size, length: 0, tag: object.tag, bytes })
}

/// Makes sure that a file on this machine has the size it is said to have, before its size is announced.
pub(super) async fn is_of_size(path: &Path, size: u64) -> Result<(), StorageError> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.len() == size => Ok(()),
        Ok(_) => Err(StorageError::new(Fault::LiedAboutLength, "the file to be stored has another size")),
        Err(error) => Err(StorageError::caused(Fault::NotFound, &error)),
    }
}

/// Compares what is there after writing with what was written.
pub(super) fn written(object: Object, size: u64) -> Result<Object, StorageError> {
    if object.size == size {
        Ok(object)
    } else {
        Err(StorageError::new(Fault::LiedAboutLength, "another size than what was written"))
    }
}

/// An object from the head of an answer; `None` when its size is not told.
pub(super) fn object(key: &str, headers: &HeaderMap) -> Option<Object> {
    let modified = text(headers, LAST_MODIFIED).and_then(http_date);
    Some(Object { key: key.to_owned(), size: length(headers)?, tag: tag_of(headers), modified })
}

/// A time in one of the forms of RFC 9110 §5.6.7.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text).ok().and_then(|time| Timestamp::try_from(time).ok())
}

/// What changes with the content: the ETag, or the time of the last change. Whether it is a weak one is left out, because
/// the same may be weak now and strong a second later.
fn tag_of(headers: &HeaderMap) -> Option<String> {
    let etag = text(headers, ETAG).map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned());
    let tag = etag.or_else(|| text(headers, LAST_MODIFIED).map(|time| format!("{BY_TIME}{time}")));
    tag.filter(|tag| !tag.is_empty() && tag.len() <= LONGEST_TAG)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_LENGTH)?.parse().ok()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::{content_range, tag_of};
    use http::HeaderMap;

    #[test]
    fn a_part_says_which() {
        assert_eq!(content_range("bytes 0-9/100"), Some((0, 9, 100)));
        for bad in
            ["bytes 9-0/100", "bytes 0-100/100", "bytes 0-9/*", "0-9/100", "bytes */100", "bytes -1-9/10", ""]
        {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_is_a_tag_where_there_is_no_other() {
        let mut headers = HeaderMap::new();
        assert_eq!(tag_of(&headers), None);
        headers.insert("last-modified", "Sat, 21 Nov 2026 20:00:00 GMT".parse().expect("a value"));
        assert_eq!(tag_of(&headers).as_deref(), Some("modified:Sat, 21 Nov 2026 20:00:00 GMT"));
        for tag in ["W/\"7\"", "\"7\""] {
            headers.insert("etag", tag.parse().expect("a value"));
            assert_eq!(tag_of(&headers).as_deref(), Some("\"7\""));
        }
        headers.insert("etag", format!("\"{}\"", "x".repeat(999)).parse().expect("a value"));
        assert_eq!(tag_of(&headers), None);
    }
}
