//! Tells code, comments and literals of a Rust source apart, so that a rule about code does not stumble over a text
//! that only speaks of it. Not a parser: it knows where a token class begins and ends, and nothing about syntax.

/// A source with some of its parts replaced by spaces; offsets and line numbers stay what they were.
pub(crate) struct Masked {
    /// Code alone: comments and the content of literals are blank.
    pub(crate) code: String,
    /// Code and comments: only the content of literals is blank.
    pub(crate) prose: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Code,
    Comment,
    Literal,
}

/// Splits `source` into its classes.
pub(crate) fn mask(source: &str) -> Masked {
    let bytes = source.as_bytes();
    let mut classes = vec![Class::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (end, class) = token(bytes, at);
        classes[at..end].fill(class);
        at = end;
    }
    Masked {
        code: keep(source, &classes, |class| class == Class::Code),
        prose: keep(source, &classes, |class| class != Class::Literal),
    }
}

/// The line of `offset` in `text`, counted from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The identifiers of `code` with their offsets.
pub(crate) fn identifiers(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(part)?;
        let end =
            code[start..].find(|character| !part(character)).map_or(code.len(), |length| start + length);
        at = end;
        Some((start, &code[start..end]))
    })
}

fn keep(source: &str, classes: &[Class], wanted: impl Fn(Class) -> bool) -> String {
    let bytes = source.bytes().zip(classes);
    let kept = bytes.map(|(byte, class)| if byte == b'\n' || wanted(*class) { byte } else { b' ' });
    String::from_utf8_lossy(&kept.collect::<Vec<u8>>()).into_owned()
}

/// The end of the token that begins at `at`, and its class.
fn token(bytes: &[u8], at: usize) -> (usize, Class) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        (at + length_until(rest, b"\n"), Class::Comment)
    } else if rest.starts_with(b"/*") {
        (at + block_comment(rest), Class::Comment)
    } else if rest[0] == b'"' {
        (at + 1 + quoted(&rest[1..], b'"'), Class::Literal)
    } else if let Some(length) = raw_string(rest).filter(|_| !continues_a_word(bytes, at)) {
        (at + length, Class::Literal)
    } else if rest[0] == b'\'' && is_character(rest) {
        (at + 1 + quoted(&rest[1..], b'\''), Class::Literal)
    } else {
        (at + 1, Class::Code)
    }
}

/// Whether the byte at `at` belongs to a word that began before it, as the `r` of `for` does. The `b` of `br"` and
/// the `c` of `cr"` are prefixes themselves.
fn continues_a_word(bytes: &[u8], at: usize) -> bool {
    let word = |end: usize| end > 0 && (bytes[end - 1].is_ascii_alphanumeric() || bytes[end - 1] == b'_');
    let prefixed = at > 0 && matches!(bytes[at - 1], b'b' | b'c');
    word(if prefixed { at - 1 } else { at })
}

fn length_until(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length up to and with the closing quote; a backslash takes the next byte with it.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest.strip_prefix(b"r")?.iter().take_while(|byte| **byte == b'#').count();
    let content = rest.get(1 + hashes..)?.strip_prefix(b"\"")?;
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    Some((2 + hashes + length_until(content, &end) + end.len()).min(rest.len()))
}

/// Tells `'x'` from the lifetime `'x`.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(byte) if byte.is_ascii() => rest.get(2) == Some(&b'\''),
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{identifiers, line_of, mask};

    #[test]
    fn comments_and_literals_are_not_code() {
        let source =
            "let a = \"axum \\\" x\"; // axum\n/* axum /* nested */ axum */ let b = r#\"axum \" x\"#;";
        let masked = mask(source);
        assert!(!masked.code.contains("axum"), "{}", masked.code);
        assert_eq!(masked.prose.matches("axum").count(), 3, "{}", masked.prose);
        assert_eq!(masked.code.len(), source.len());
        assert!(masked.code.contains("let b ="));
    }

    #[test]
    fn lifetimes_and_characters_are_told_apart() {
        let masked = mask("fn f<'a>(x: &'a str) -> char { let q = '\"'; let e = '\\''; let u = 'ü'; axum }");
        assert!(masked.code.contains("fn f<'a>(x: &'a str)"), "{}", masked.code);
        assert!(masked.code.contains("let e ="), "{}", masked.code);
        assert!(masked.code.contains("axum }"), "{}", masked.code);
    }

    #[test]
    fn a_word_that_ends_in_r_does_not_open_a_raw_string() {
        let masked = mask("for\"x\" br\"axum\" br#\"axum\"# car\"y\" z");
        assert_eq!(masked.code.split_whitespace().collect::<Vec<_>>(), ["for", "b", "b", "car", "z"]);
    }

    #[test]
    fn unclosed_tokens_end_with_the_file() {
        for source in ["\"abc", "/* abc", "r#\"abc", "'\\", "// abc", "\"abc\\"] {
            assert_eq!(mask(source).code.len(), source.len());
        }
    }

    #[test]
    fn identifiers_come_with_their_place() {
        let found: Vec<_> = identifiers("use axum::a_b;\nx1").collect();
        assert_eq!(found, [(0, "use"), (4, "axum"), (10, "a_b"), (15, "x1")]);
        assert_eq!(line_of("use axum::a_b;\nx1", 15), 2);
    }
}
