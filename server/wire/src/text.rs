//! Characters and white space: what XML allows, what is trimmed, how references are resolved.
//!
//! This file knows nothing of elements and messages.

/// Whether XML 1.0 allows this character in a document (section 2.2, `Char`).
pub(crate) fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    }
}

/// White space of XML: space, tab, line feed, carriage return.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Text without XML white space at both ends; inner white space stays (`wpi.md` §3.3).
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Whether two texts are the same word: no regard to case or to the amount of white space.
pub(crate) fn same_word(text: &str, word: &str) -> bool {
    if text.len() == word.len() && text.eq_ignore_ascii_case(word) {
        return true;
    }
    let mut left = text.split(is_space).filter(|part| !part.is_empty());
    let mut right = word.split(' ');
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
            _ => return false,
        }
    }
}

/// Adds raw character data to `target`: line ends become line feeds (XML 1.0 section 2.11) and
/// characters XML does not allow are left out (`wpi.md` §3.5).
pub(crate) fn push_raw(target: &mut String, raw: &str) {
    // 0xEF begins U+FFFE and U+FFFF (and some allowed characters, which the slow way keeps).
    let plain = |byte: &u8| (*byte >= 0x20 && *byte != 0xEF) || *byte == b'\n' || *byte == b'\t';
    if raw.as_bytes().iter().all(plain) {
        target.push_str(raw);
        return;
    }
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                if characters.peek() == Some(&'\n') {
                    characters.next();
                }
                target.push('\n');
            }
            allowed if is_allowed(allowed) => target.push(allowed),
            _ => {}
        }
    }
}

/// What a text between `&` and `;` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// One of the five entities, or a valid character reference.
    Character(char),
    /// A reference to a character XML does not allow.
    NotAllowed,
    /// A well-formed name of another entity.
    Entity,
    /// No reference at all: a bare ampersand and, by chance, a later semicolon.
    Literal,
}

/// Classifies the text between `&` and `;`.
///
/// A bare ampersand is not well-formed, but cannot be mistaken for anything else. Old firmware is
/// known not to decode `&amp;` (`wpi.md` §3.5), so it may well not write it; it is taken literally.
pub(crate) fn reference(name: &str) -> Reference {
    let predefined = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    };
    if let Some(character) = predefined {
        return Reference::Character(character);
    }
    if let Some(number) = name.strip_prefix('#') {
        let parsed = match number.strip_prefix(['x', 'X']) {
            Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok(),
            None if number.bytes().all(|b| b.is_ascii_digit()) => number.parse().ok(),
            _ => None,
        };
        return match parsed.and_then(char::from_u32).filter(|c| is_allowed(*c)) {
            Some(character) => Reference::Character(character),
            None => Reference::NotAllowed,
        };
    }
    let mut characters = name.chars();
    let starts_a_name = characters.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == ':');
    if starts_a_name && characters.all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.')) {
        Reference::Entity
    } else {
        Reference::Literal
    }
}

/// Why an attribute value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeProblem {
    /// A named entity.
    Entity,
    /// A character XML does not allow, plain or as a reference.
    Character,
}

/// Resolves references in a raw attribute value; `None` when the raw value is already the value.
pub(crate) fn attribute_value(raw: &str) -> Result<Option<String>, AttributeProblem> {
    if raw.bytes().all(|b| b >= 0x20 && b != b'&' && b != 0xEF) {
        return Ok(None);
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        rest = match character {
            '&' => {
                let end = after.find([';', '&']).filter(|end| after.as_bytes().get(*end) == Some(&b';'));
                match end.and_then(|end| Some((after.get(..end)?, after.get(end + 1..)?))) {
                    Some((name, behind)) => match reference(name) {
                        Reference::Character(resolved) => {
                            value.push(resolved);
                            behind
                        }
                        Reference::NotAllowed => return Err(AttributeProblem::Character),
                        Reference::Entity => return Err(AttributeProblem::Entity),
                        Reference::Literal => {
                            value.push('&');
                            after
                        }
                    },
                    None => {
                        value.push('&');
                        after
                    }
                }
            }
            // Attribute value normalization (XML 1.0 section 3.3.3).
            '\t' | '\n' | '\r' => {
                value.push(' ');
                after
            }
            allowed if is_allowed(allowed) => {
                value.push(allowed);
                after
            }
            _ => return Err(AttributeProblem::Character),
        };
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> String {
        let mut target = String::new();
        push_raw(&mut target, text);
        target
    }

    #[test]
    fn line_ends_become_line_feeds_and_control_characters_vanish() {
        assert_eq!(raw("a\r\nb\rc\nd\te"), "a\nb\nc\nd\te");
        assert_eq!(raw("a\u{0}b\u{1f}c\u{FFFE}d\u{FFFD}e\u{7f}"), "abcd\u{FFFD}e\u{7f}");
    }

    #[test]
    fn words_are_compared_without_case_and_white_space() {
        assert!(same_word(" \n Reply-To \r\n", "reply-to"));
        assert!(same_word("READ \t\n only", "read only"));
        assert!(!same_word("read", "read only"));
        assert!(!same_word("read only now", "read only"));
        assert!(!same_word("readonly", "read only"));
        assert!(!same_word("", "busy"));
    }

    #[test]
    fn references_are_told_apart() {
        assert_eq!(reference("amp"), Reference::Character('&'));
        assert_eq!(reference("#13"), Reference::Character('\r'));
        assert_eq!(reference("#x1F600"), Reference::Character('\u{1F600}'));
        for bad in ["#0", "#1", "#xFFFE", "#xD800", "#x110000", "#", "#x", "#+5", "#99999999999", "#x-1"] {
            assert_eq!(reference(bad), Reference::NotAllowed, "{bad}");
        }
        for entity in ["nbsp", "xxe", "AMP", "a.b-c", "_x", "ü"] {
            assert_eq!(reference(entity), Reference::Entity, "{entity}");
        }
        for literal in ["", " b", "b c", "1"] {
            assert_eq!(reference(literal), Reference::Literal, "{literal}");
        }
    }

    #[test]
    fn attribute_values_are_resolved_and_normalized() {
        assert_eq!(attribute_value("plain"), Ok(None));
        let resolved = |text: &str| attribute_value(text).map(Option::unwrap_or_default);
        assert_eq!(resolved("a&amp;b&#9;\n&lt;"), Ok("a&b\t <".to_owned()));
        assert_eq!(resolved("Tom & Jerry; & Co"), Ok("Tom & Jerry; & Co".to_owned()));
        assert_eq!(resolved("a&&amp;"), Ok("a&&".to_owned()));
        assert_eq!(resolved("\u{FF21}"), Ok("\u{FF21}".to_owned()));
        assert_eq!(resolved("a&b;"), Err(AttributeProblem::Entity));
        assert_eq!(resolved("a&#0;"), Err(AttributeProblem::Character));
        assert_eq!(resolved("a\u{1}"), Err(AttributeProblem::Character));
    }
}
