//! Variables in the values of templates: `{e164}`, `{extension}`, `{device_id}`, `{mac}`, `{model}` and the fields
//! an administrator gives to clients, for instance `{site}`; `{{` and `}}` are literal braces.
//!
//! The parts of a template's text are typed and everything is bounded. Nothing here knows clients, templates or
//! layers: names and their values come in as [`Variables`].

mod value;

pub use value::{
    ExpandValueFault, TemplateValueFault, check_value, escape_value, expand_value, has_variables,
    value_variables,
};

use std::collections::{BTreeMap, BTreeSet};

/// Variables every client has by itself; no client field may have one of these names.
pub const BUILT_IN: &[&str] = &["e164", "extension", "device_id", "mac", "model"];

/// Most bytes of a text that may hold variables. A text without any brace is bounded by its parameter alone
/// (certificates are long).
pub const MOST_TEXT_BYTES: usize = 131_072;

/// Most variables in one text.
pub const MOST_VARIABLES: usize = 32;

/// Most bytes of a text with variables once it is expanded.
pub const MOST_EXPANDED_BYTES: usize = 4_096;

/// Most characters of a variable's name.
pub const MOST_NAME_LENGTH: usize = 32;

/// Whether a text can be the name of a variable: `[a-z][a-z0-9_]{0,31}`.
pub fn is_name(text: &str) -> bool {
    text.len() <= MOST_NAME_LENGTH
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether a name is that of a variable every client has by itself ([`BUILT_IN`]).
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// What is wrong with a text that may hold variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandFault {
    /// A brace that opens or closes nothing. A literal one is written twice.
    #[error("has a single brace at character {at}; write it twice, or put the name of a variable in braces")]
    Brace {
        /// Which character of the text, from 1.
        at: usize,
    },
    /// `{}`.
    #[error("has braces without the name of a variable")]
    EmptyName,
    /// What stands in braces cannot be a name. It is not told: the text may be a secret.
    #[error("has braces at character {at} with something that cannot be the name of a variable")]
    BadName {
        /// Which character of the text the braces begin at, from 1.
        at: usize,
    },
    /// Longer than [`MOST_TEXT_BYTES`].
    #[error("has more than {MOST_TEXT_BYTES} bytes")]
    TooLong,
    /// More than [`MOST_VARIABLES`] variables.
    #[error("has more than {MOST_VARIABLES} variables")]
    TooMany,
}

/// Why a text cannot be expanded for a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexpanded {
    /// The client has no value for this variable.
    #[error("could not expand a text: the client has no {{{0}}}")]
    Missing(String),
    /// The result would have more than [`MOST_EXPANDED_BYTES`] bytes.
    #[error("could not expand a text: the result has more than {MOST_EXPANDED_BYTES} bytes")]
    TooLong,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Variable(String),
}

/// A text with variables, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    segments: Vec<Segment>,
}

impl Text {
    /// Reads a text. Whether its variables exist is asked elsewhere ([`check_value`]).
    ///
    /// # Errors
    /// The first thing that is wrong with the braces, or that the text is too long or holds too many variables.
    pub fn parse(text: &str) -> Result<Self, ExpandFault> {
        if text.len() > MOST_TEXT_BYTES {
            return Err(ExpandFault::TooLong);
        }
        let mut segments = Vec::new();
        let mut literal = String::new();
        let mut variables = 0;
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braces) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = braces.strip_prefix("{{") {
                literal.push('{');
                rest = after;
                continue;
            }
            if let Some(after) = braces.strip_prefix("}}") {
                literal.push('}');
                rest = after;
                continue;
            }
            let inner = braces.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (name, after) = inner.ok_or_else(|| ExpandFault::Brace { at: place(text, braces) })?;
            if name.is_empty() {
                return Err(ExpandFault::EmptyName);
            }
            if !is_name(name) {
                return Err(ExpandFault::BadName { at: place(text, braces) });
            }
            variables += 1;
            if variables > MOST_VARIABLES {
                return Err(ExpandFault::TooMany);
            }
            if !literal.is_empty() {
                segments.push(Segment::Literal(std::mem::take(&mut literal)));
            }
            segments.push(Segment::Variable(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            segments.push(Segment::Literal(literal));
        }
        Ok(Self { segments })
    }

    /// Names of the variables, each once, in alphabetical order.
    pub fn variables(&self) -> BTreeSet<&str> {
        self.segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Literal(_) => None,
                Segment::Variable(name) => Some(name.as_str()),
            })
            .collect()
    }

    /// The text for a client.
    ///
    /// # Errors
    /// When the client has no value for a variable, or a text with variables becomes too long.
    pub fn expand(&self, variables: &Variables) -> Result<String, Unexpanded> {
        let mut expanded = String::new();
        let mut with_variables = false;
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => expanded.push_str(text),
                Segment::Variable(name) => {
                    with_variables = true;
                    let value = variables.get(name).ok_or_else(|| Unexpanded::Missing(name.clone()))?;
                    expanded.push_str(value);
                }
            }
            if with_variables && expanded.len() > MOST_EXPANDED_BYTES {
                return Err(Unexpanded::TooLong);
            }
        }
        Ok(expanded)
    }

    /// A text that is only itself.
    fn of(literal: &str) -> Self {
        let segments =
            if literal.is_empty() { Vec::new() } else { vec![Segment::Literal(literal.to_owned())] };
        Self { segments }
    }

    /// The text when it holds no variable.
    fn literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Number of characters the text has at least, whatever its variables are.
    fn least_characters(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.chars().count(),
                Segment::Variable(_) => 0,
            })
            .sum()
    }
}

/// Number of the character at which `rest`, which is the end of `text`, begins; from 1.
fn place(text: &str, rest: &str) -> usize {
    let before = text.len().saturating_sub(rest.len());
    text.get(..before).unwrap_or_default().chars().count() + 1
}

/// A text in which every brace is doubled, so that it expands to itself.
pub fn escape(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// What is known of a client, for expanding. What is unknown or empty is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// `{e164}`: the client's own number (D-21).
    pub e164: Option<String>,
    /// `{extension}`: the last digits of the number.
    pub extension: Option<String>,
    /// `{device_id}`: lower case with colons.
    pub device_id: Option<String>,
    /// `{mac}`: upper case without colons.
    pub mac: Option<String>,
    /// `{model}`: name of the model.
    pub model: Option<String>,
    /// Client fields by name. A built-in name here is never looked at.
    pub fields: BTreeMap<String, String>,
}

impl Variables {
    /// The value of a variable; `None` when it is unknown or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = match name {
            "e164" => self.e164.as_ref(),
            "extension" => self.extension.as_ref(),
            "device_id" => self.device_id.as_ref(),
            "mac" => self.mac.as_ref(),
            "model" => self.model.as_ref(),
            field => self.fields.get(field),
        };
        value.map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The last digits of a number: `{extension}`. The whole number when it is shorter; `None` when there are no digits
/// or none are asked for. Signs and spaces of the number are not counted.
pub fn extension_of(e164: &str, digits: usize) -> Option<String> {
    let all: Vec<char> = e164.chars().filter(char::is_ascii_digit).collect();
    let extension: String = all.iter().skip(all.len().saturating_sub(digits)).collect();
    (!extension.is_empty()).then_some(extension)
}

#[cfg(test)]
mod tests;
