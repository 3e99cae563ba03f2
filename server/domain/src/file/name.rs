//! Names of files. Phones show and store them, and they stand in addresses, headers and other people's file systems,
//! so what could be taken for more than a name is refused.

use super::LONGEST_FILE_NAME;

/// Name given when nothing of another one can be kept.
const FALLBACK: &str = "file";

/// Characters no name may have: separators and wildcards of the systems files come from and go to.
const FORBIDDEN: [char; 9] = ['/', '\\', ':', '"', '<', '>', '|', '?', '*'];

/// Why a text is no name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// It is empty.
    Empty,
    /// It has more than [`LONGEST_FILE_NAME`] bytes.
    TooLong,
    /// It has a control character, or one that changes the direction of writing.
    Control,
    /// It has a character that separates or is a wildcard: `/ \ : " < > | ? *`.
    Forbidden(char),
    /// It begins with a dot, which hides files and names directories.
    LeadingDot,
    /// It ends with a space or a dot, which some systems drop.
    TrailingSpaceOrDot,
}

/// Whether a text can be the name of a file: 1 to [`LONGEST_FILE_NAME`] bytes, one part of a path, nothing hidden.
///
/// # Errors
/// [`NameFault`] says what is wrong with it.
pub fn check_name(name: &str) -> Result<(), NameFault> {
    if name.is_empty() {
        return Err(NameFault::Empty);
    }
    if name.len() > LONGEST_FILE_NAME {
        return Err(NameFault::TooLong);
    }
    if name.chars().any(is_hidden) {
        return Err(NameFault::Control);
    }
    if let Some(found) = name.chars().find(|letter| FORBIDDEN.contains(letter)) {
        return Err(NameFault::Forbidden(found));
    }
    if name.starts_with('.') {
        return Err(NameFault::LeadingDot);
    }
    if name.ends_with(is_dropped) || name.trim().is_empty() {
        return Err(NameFault::TrailingSpaceOrDot);
    }
    Ok(())
}

/// The nearest text that is a name ([`check_name`]): of a path the last part, without what is not allowed. An extension
/// is kept when the name is cut.
pub fn clean_name(text: &str) -> String {
    let last = text.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|letter| !is_hidden(*letter))
        .map(|letter| if FORBIDDEN.contains(&letter) { '_' } else { letter })
        .collect();
    let kept = kept.trim().trim_start_matches('.').trim_start().trim_end_matches(is_dropped);
    let cut = shortened(kept);
    let cut = cut.trim_end_matches(is_dropped);
    if check_name(cut).is_ok() { cut.to_owned() } else { FALLBACK.to_owned() }
}

/// At most [`LONGEST_FILE_NAME`] bytes of it, with a short extension at its end.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST_FILE_NAME {
        return name.to_owned();
    }
    let extension = name.rfind('.').and_then(|dot| name.get(dot..)).filter(|extension| extension.len() <= 12);
    let extension = extension.unwrap_or_default();
    let room = name.floor_char_boundary(LONGEST_FILE_NAME - extension.len());
    format!("{}{extension}", name.get(..room).unwrap_or_default())
}

fn is_dropped(letter: char) -> bool {
    letter == '.' || letter.is_whitespace()
}

/// Control characters, and the invisible ones that turn the direction of writing (Unicode Standard Annex 9): they make
/// a name look like another one.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(letter, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NameFault, check_name, clean_name};

    #[test]
    fn names_are_one_part_of_a_path() {
        for good in ["marimba.mp3", "OS40 SIP V3_R5.img", "Tür & Tor 100%.png", "a", "a.b.c", " a"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("", NameFault::Empty),
            ("a/b", NameFault::Forbidden('/')),
            ("..\\b", NameFault::Forbidden('\\')),
            ("a:b", NameFault::Forbidden(':')),
            ("a?b", NameFault::Forbidden('?')),
            (".", NameFault::LeadingDot),
            ("..", NameFault::LeadingDot),
            (".htaccess", NameFault::LeadingDot),
            ("a\nb", NameFault::Control),
            ("a\0", NameFault::Control),
            ("a\u{202e}gnp.exe", NameFault::Control),
            ("a.", NameFault::TrailingSpaceOrDot),
            ("a ", NameFault::TrailingSpaceOrDot),
            (" ", NameFault::TrailingSpaceOrDot),
        ] {
            assert_eq!(check_name(bad), Err(fault), "{bad:?}");
        }
        assert_eq!(check_name(&"a".repeat(121)), Err(NameFault::TooLong));
        assert_eq!(check_name(&"ü".repeat(60)), Ok(()));
    }

    #[test]
    fn names_are_made_of_paths() {
        for (text, name) in [
            ("firmware/os40/image.img", "image.img"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\logo.bmp", "logo.bmp"),
            ("folder/", "folder"),
            ("..", "file"),
            ("", "file"),
            ("///", "file"),
            ("..hidden.png", "hidden.png"),
            ("a*b?.wav. ", "a_b_.wav"),
            ("\u{7}bell\n.wav", "bell.wav"),
        ] {
            assert_eq!(clean_name(text), name, "{text:?}");
        }
        let long = clean_name(&format!("{}.img", "é".repeat(100)));
        assert!(long.ends_with("é.img") && long.len() <= 120, "{long}");
    }

    proptest! {
        #[test]
        fn whatever_comes_a_name_is_made_of_it(text in any::<String>()) {
            prop_assert_eq!(check_name(&clean_name(&text)), Ok(()));
        }

        #[test]
        fn a_name_stays_as_it_is(name in "[a-zA-Z0-9ü_-][a-zA-Z0-9ü ._-]{0,50}[a-zA-Z0-9]") {
            prop_assert_eq!(clean_name(&name), name);
        }

        #[test]
        fn hostile_paths_make_names(text in "[./\\\\a \\x00-\\x1f:*]{0,200}") {
            let name = clean_name(&text);
            prop_assert!(check_name(&name).is_ok() && !name.contains(['/', '\\']));
        }
    }
}
