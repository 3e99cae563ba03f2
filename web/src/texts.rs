//! Texts in the reader's language: typed functions made from `locales/`, and words of the API by their code.
//!
//! `texts::clients::title(lang())` is a text; a missing or differing one does not compile (see `build.rs`). When the
//! language changes, everything on the page is built anew, so a text needs no signal. There is no text in code.

use std::cell::Cell;

use api::Args;
use serde_json::Value;

/// Language of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German, with "Sie".
    German,
}

impl Language {
    /// Every language, in the order of the menu.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The word of the API and of `<html lang>`: `en`, `de`.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Its own name for itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// The language of a tag: `de-AT` is German; everything unknown is English.
    pub fn of_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.code()))
            .unwrap_or_default()
    }

    /// A whole number as this language groups it: `1,284`, `1.284`.
    pub fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let separator = match self {
            Self::English => ',',
            Self::German => '.',
        };
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }
}

thread_local! {
    static LANGUAGE: Cell<Language> = const { Cell::new(Language::English) };
}

/// The language of the page now.
pub fn lang() -> Language {
    LANGUAGE.get()
}

/// Sets the language of the page; whoever calls it builds the page anew.
pub(crate) fn set_lang(language: Language) {
    LANGUAGE.set(language);
}

/// The text of a word of the API in one of the tables of `codes.toml`, or the word itself when it is unknown.
pub fn word(language: Language, table: &str, code: &str) -> String {
    find(language, table, code).map_or_else(|| code.to_owned(), str::to_owned)
}

/// As [`word`], for texts with places: `{name}` becomes the argument `name`.
pub fn worded(language: Language, table: &str, code: &str, args: &Args) -> String {
    find(language, table, code).map_or_else(|| code.to_owned(), |text| fill(language, text, args))
}

/// Why something is as it is: the sentence of its code, and behind it that of the reason in its arguments, when it has
/// one: "It does not fit this client. This type of client takes other formats."
pub fn reason(language: Language, code: &str, args: &Args) -> String {
    const TABLE: &str = "reason";
    let said = worded(language, TABLE, code, args);
    let inner = args.get(TABLE).and_then(Value::as_str).and_then(|inner| find(language, TABLE, inner));
    inner.map_or_else(|| said.clone(), |inner| format!("{said} {}", fill(language, inner, args)))
}

/// The text of a word, when there is one.
pub fn find(language: Language, table: &str, code: &str) -> Option<&'static str> {
    let key = format!("{table}.{code}");
    let at = CODES.binary_search_by(|(known, ..)| (*known).cmp(key.as_str())).ok()?;
    let (_, english, german) = CODES.get(at)?;
    Some(match language {
        Language::English => english,
        Language::German => german,
    })
}

/// The words of a table that have a text, in the order of the alphabet.
#[cfg(test)]
pub(crate) fn known(table: &str) -> Vec<&'static str> {
    CODES.iter().filter_map(|(key, ..)| key.strip_prefix(table)?.strip_prefix('.')).collect()
}

/// Puts arguments into the places of a text; a place without an argument shows a dash.
fn fill(language: Language, text: &str, args: &Args) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((place, behind)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match args.get(place) {
            Some(value) => push_value(language, &mut filled, value),
            None => filled.push('–'),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

fn push_value(language: Language, text: &mut String, value: &Value) {
    match value {
        Value::String(value) => text.push_str(value),
        Value::Number(number) => match number.as_u64() {
            Some(number) => text.push_str(&language.number(number)),
            None if language == Language::German => text.push_str(&number.to_string().replace('.', ",")),
            None => text.push_str(&number.to_string()),
        },
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    text.push_str(", ");
                }
                push_value(language, text, value);
            }
        }
        Value::Null => text.push('–'),
        Value::Bool(_) | Value::Object(_) => text.push_str(&value.to_string()),
    }
}

/// Writes an argument. Not generic inside, which keeps the program small.
fn push(text: &mut String, value: &dyn std::fmt::Display) {
    use std::fmt::Write as _;
    let _ = write!(text, "{value}");
}

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

#[cfg(test)]
mod tests;
