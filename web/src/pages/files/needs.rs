//! What somebody must say of a file whose content does not tell it: asked right where it was uploaded (`wpi.md` §7.4).

use crate::texts::{self, lang};

/// What is needed, in words: "type and version".
pub(super) fn in_words(needs: &[String]) -> String {
    let words: Vec<String> = needs.iter().map(|need| texts::word(lang(), "file-need", need)).collect();
    words.join(", ")
}

/// Whether a field is asked for: all of them when the whole file is edited.
pub(super) fn asks(only: Option<&[String]>, field: &str) -> bool {
    only.is_none_or(|only| only.iter().any(|need| need == field))
}

#[cfg(test)]
mod tests {
    use super::{asks, in_words};

    #[test]
    fn only_what_is_needed_is_asked() {
        let needs = ["models".to_owned(), "software_version".to_owned()];
        assert!(asks(None, "name") && asks(Some(&needs), "models") && !asks(Some(&needs), "name"));
        assert_eq!(in_words(&needs), "supported clients, software version");
    }
}
