//! `multipart/form-data` (RFC 7578) read as it comes: the parts one after the other, each in pieces. What is kept of it
//! is bounded, whatever is sent.

use bytes::{Bytes, BytesMut};
use domain::file::LONGEST_FILE_NAME;
use futures_util::{Stream, StreamExt as _};

use api::{Code, FieldError, field};

use crate::app::{AppError, AppResult};

/// Longest boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// Most bytes of the headers of a part, and of what stands before the first part.
const LARGEST_HEAD: usize = 8 * 1024;

/// Most parts.
const MOST_PARTS: usize = 16;

/// Longest name of a file that is looked at; a path may stand before it.
const LONGEST_PATH: usize = 16 * LONGEST_FILE_NAME;

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Name of the field.
    pub(super) name: String,
    /// Name of the file, if it is one.
    pub(super) file_name: Option<String>,
}

/// A form that is being read.
#[derive(Debug)]
pub(super) struct Form<S> {
    bytes: S,
    buffer: BytesMut,
    /// CR, LF, two hyphens and the boundary: what ends a part.
    delimiter: Vec<u8>,
    parts: usize,
    /// Whether the bytes that come next belong to a part.
    inside: bool,
    over: bool,
}

fn malformed(text: &str) -> AppError {
    AppError::new(Code::MalformedRequest, text)
}

/// The boundary in a `Content-Type`.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (1..=LONGEST_BOUNDARY).contains(&boundary.len()).then_some(boundary)
}

/// A parameter of a header: `name=word` or `name="text"`.
fn parameter(mut text: &str, wanted: &str) -> Option<String> {
    loop {
        text = text.trim_start_matches([';', ' ', '\t']);
        let (name, rest) = text.split_once('=')?;
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = rest.find(';').unwrap_or(rest.len());
                (rest.get(..end)?.trim().to_owned(), rest.get(end..)?)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        text = after;
    }
}

/// What stands before the closing quotation mark, and what behind it. Browsers write a quotation mark in a name as
/// `%22` and leave backslashes alone; others put a backslash before it.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value.replace("%22", "\""), text.get(at + 1..)?)),
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                characters.next();
            }
            character => value.push(character),
        }
    }
    None
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

impl<S: Stream<Item = AppResult<Bytes>> + Unpin> Form<S> {
    pub(super) fn new(bytes: S, boundary: &str) -> Self {
        // The first delimiter may stand at the very beginning, without the end of a line before it.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        Self { bytes, buffer, delimiter, parts: 0, inside: false, over: false }
    }

    async fn fill(&mut self) -> AppResult<()> {
        match self.bytes.next().await {
            Some(piece) => {
                self.buffer.extend_from_slice(&piece?);
                Ok(())
            }
            None => Err(malformed("The form did not arrive completely.")),
        }
    }

    /// The next part; what is left of the one before is skipped. `None` at the end.
    ///
    /// # Errors
    /// `malformed_request`; errors of the stream.
    pub(super) async fn next_part(&mut self) -> AppResult<Option<Part>> {
        if self.over {
            return Ok(None);
        }
        if !self.inside && self.parts == 0 {
            self.skip_preamble().await?;
        }
        while self.inside {
            self.chunk().await?;
        }
        // Behind the delimiter: two hyphens at the end, else the end of the line.
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.over = true;
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(malformed("The form has too many parts."));
        }
        // The end of the line stays: it is the first half of the empty line when there are no headers.
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break self.buffer.split_to(end + 4);
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(malformed("A part of the form has too long headers."));
            }
            self.fill().await?;
        };
        if head.len() > LARGEST_HEAD {
            return Err(malformed("A part of the form has too long headers."));
        }
        self.inside = true;
        part(&head).map(Some)
    }

    async fn skip_preamble(&mut self) -> AppResult<()> {
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                let _ = self.buffer.split_to(at + self.delimiter.len());
                return Ok(());
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(malformed("The body is no form with the boundary it names."));
            }
            self.fill().await?;
        }
    }

    /// The next bytes of the part; `None` at its end.
    ///
    /// # Errors
    /// As [`Form::next_part`].
    pub(super) async fn chunk(&mut self) -> AppResult<Option<Bytes>> {
        while self.inside {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                let rest = self.buffer.split_to(at);
                let _ = self.buffer.split_to(self.delimiter.len());
                self.inside = false;
                return Ok(Some(rest.freeze()).filter(|rest| !rest.is_empty()));
            }
            // The end may be the beginning of a delimiter.
            let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
        Ok(None)
    }

    /// All of a part that is a short text.
    ///
    /// # Errors
    /// `malformed_request` when it is longer than `most` bytes, or no text; errors of the stream.
    pub(super) async fn text(&mut self, most: usize) -> AppResult<String> {
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if text.len() + chunk.len() > most {
                return Err(malformed("A field of the form is too long."));
            }
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).map_err(|_| malformed("A field of the form is no text."))
    }

    /// The bytes of the part, as a stream. It must be the last one: what follows comes too late to be obeyed.
    pub(super) fn into_last_bytes(self) -> impl Stream<Item = AppResult<Bytes>> {
        futures_util::stream::try_unfold(self, |mut form| async move {
            if let Some(chunk) = form.chunk().await? {
                return Ok(Some((chunk, form)));
            }
            match form.next_part().await? {
                None => Ok(None),
                Some(part) => {
                    let text = "must stand before the file";
                    Err(AppError::field(FieldError::new(format!("/{}", part.name), field::INVALID, text)))
                }
            }
        })
    }
}

/// Reads the headers of a part.
fn part(head: &[u8]) -> AppResult<Part> {
    let head =
        std::str::from_utf8(head).map_err(|_| malformed("A part of the form has no readable headers."))?;
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        if !name.trim().eq_ignore_ascii_case("content-disposition") {
            continue;
        }
        let Some((kind, parameters)) = value.split_once(';') else { break };
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            break;
        }
        let Some(name) = parameter(parameters, "name") else { break };
        let file_name = parameter(parameters, "filename");
        if file_name.as_ref().is_some_and(|name| name.len() > LONGEST_PATH) {
            return Err(malformed("The name of the file is too long."));
        }
        return Ok(Part { name, file_name });
    }
    Err(malformed("A part of the form does not say which field it is."))
}

#[cfg(test)]
mod tests {
    use super::{Form, Part, boundary};
    use crate::app::{AppError, AppResult};
    use bytes::Bytes;
    use futures_util::stream;
    use proptest::prelude::*;

    /// The bytes in pieces of this size.
    fn pieces(bytes: &[u8], size: usize) -> impl stream::Stream<Item = AppResult<Bytes>> + Unpin + use<> {
        let all: Vec<_> = bytes.chunks(size.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(all)
    }

    async fn read(bytes: &[u8], size: usize) -> Result<Vec<(Part, Vec<u8>)>, AppError> {
        let mut form = Form::new(pieces(bytes, size), "xYz");
        let mut parts = Vec::new();
        while let Some(part) = form.next_part().await? {
            let mut content = Vec::new();
            while let Some(chunk) = form.chunk().await? {
                content.extend_from_slice(&chunk);
            }
            parts.push((part, content));
        }
        Ok(parts)
    }

    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (head, content) in parts {
            bytes.extend_from_slice(
                format!("--xYz\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
            );
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"--xYz--\r\n");
        bytes
    }

    #[tokio::test]
    async fn parts_come_as_they_were_sent() {
        let sent = form(&[
            ("name=\"file_type\"", b"logo"),
            (
                "name=\"file\"; filename=\"a \\\"b\\\" %22c%22.bmp\"\r\nContent-Type: image/bmp",
                b"BM\r\n--xY\r\n",
            ),
            ("name=empty", b""),
        ]);
        for size in [1, 2, 7, 64, 4_096] {
            let parts = read(&sent, size).await.unwrap();
            let contents: Vec<&[u8]> = parts.iter().map(|(_, content)| content.as_slice()).collect();
            assert_eq!(contents, [&b"logo"[..], b"BM\r\n--xY\r\n", b""], "{size}");
            assert_eq!(parts[0].0, Part { name: "file_type".to_owned(), file_name: None });
            assert_eq!(parts[1].0.file_name.as_deref(), Some("a \"b\" \"c\".bmp"));
            assert_eq!(parts[2].0.name, "empty");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let long = format!("--xYz\r\nContent-Disposition: form-data; name={}\r\n\r\n", "n".repeat(9_000));
        let many: Vec<(&str, &[u8])> = vec![("name=a", b"x"); 17];
        for (bytes, size) in [
            (b"".to_vec(), 10),
            (b"--xYz".to_vec(), 10),
            (b"--xYz\r\n\r\n".to_vec(), 10),
            (b"--xYz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xYz--".to_vec(), 10),
            (form(&[("name=a", b"x")])[..30].to_vec(), 10),
            (vec![b'x'; 20_000], 1_000),
            (long.into_bytes(), 1_000),
            (form(&many), 1_000),
        ] {
            let error = read(&bytes, size).await.unwrap_err();
            assert_eq!(error.code(), api::Code::MalformedRequest, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn the_boundary_is_read() {
        assert_eq!(boundary("multipart/form-data; boundary=abc").as_deref(), Some("abc"));
        assert_eq!(boundary("Multipart/Form-Data; charset=x; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("multipart/mixed; boundary=abc"), None);
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }

    proptest! {
        #[test]
        fn any_content_survives_in_any_pieces(
            content in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..300),
            size in 1_usize..40,
        ) {
            prop_assume!(!content.windows(7).any(|window| window == b"\r\n--xYz"));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let parts = runtime.block_on(read(&form(&[("name=\"f\"", &content)]), size)).unwrap();
            prop_assert_eq!(&parts[0].1, &content);
        }

        #[test]
        fn nonsense_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..40) {
            let mut sent = b"--xYz\r\n".to_vec();
            sent.extend_from_slice(&bytes);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read(&sent, size));
        }
    }
}
