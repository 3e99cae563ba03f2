//! Why a message could not be read or written.
//!
//! Kinds are typed and have a stable text code for counting in logs. No error carries a piece of the
//! message itself: it may be a password.

use thiserror::Error;

/// A message that was not read, and where reading stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("reading a WPI message stopped at byte {position}: {kind}")]
pub struct ParseError {
    /// What was wrong.
    pub kind: ParseErrorKind,
    /// Byte offset into the message where the refused piece begins.
    pub position: u64,
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, position: u64) -> Self {
        Self { kind, position }
    }

    /// Stable word for this kind of error, for counters and logs.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// What was wrong with a message (`wpi.md` §3, §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ParseErrorKind {
    /// Nothing but white space.
    #[error("the message is empty")]
    Empty,
    /// Not well-formed XML.
    #[error("not well-formed XML")]
    NotXml,
    /// XML, but the root is not the one of a message in this direction.
    #[error("XML, but not a WPI message of this direction")]
    NotWpi,
    /// The bytes end inside the document.
    #[error("the message ends before its root element is closed")]
    Truncated,
    /// More bytes than allowed.
    #[error("the message has more than {limit} bytes")]
    TooLarge {
        /// The bound that was passed.
        limit: usize,
    },
    /// Elements nested deeper than allowed.
    #[error("elements are nested deeper than {limit}")]
    TooDeep {
        /// The bound that was passed.
        limit: usize,
    },
    /// More items than allowed.
    #[error("the message has more than {limit} items")]
    TooManyItems {
        /// The bound that was passed.
        limit: usize,
    },
    /// More attributes at one element than allowed.
    #[error("an element has more than {limit} attributes")]
    TooManyAttributes {
        /// The bound that was passed.
        limit: usize,
    },
    /// An attribute, or a reason or action word, longer than allowed.
    #[error("an attribute or word has more than {limit} bytes")]
    AttributeTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// The text of an item is longer than allowed.
    #[error("the value of an item has more than {limit} bytes")]
    ValueTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// A document type declaration. None is ever read.
    #[error("document type declarations are refused")]
    DocumentType,
    /// An entity that is not one of the five of XML.
    #[error("entities other than the five predefined ones are refused")]
    Entity,
    /// A reference to, or in an attribute the plain presence of, a character XML does not allow.
    #[error("a character that XML does not allow")]
    Character,
    /// Bytes that are not UTF-8.
    #[error("the message is not UTF-8")]
    InvalidUtf8,
    /// More than white space, comments and processing instructions after the root element.
    #[error("there is content after the root element")]
    TrailingContent,
    /// An element that may occur once occurs again.
    #[error("the element {0} occurs again")]
    Repeated(
        /// Local name of the element in its documented form.
        &'static str,
    ),
    /// The root has no `Message`.
    #[error("the root element has no Message")]
    MissingMessage,
    /// `Message` has no nonce.
    #[error("Message has no nonce")]
    MissingNonce,
    /// The nonce is empty or longer than 64 characters.
    #[error("the nonce does not have 1 to 64 characters")]
    BadNonce,
    /// A phone message without a reason.
    #[error("the phone message has no ReasonForContact")]
    MissingReason,
    /// A server message without an action.
    #[error("the server message has no Action")]
    MissingAction,
    /// An index that is not a number from 0 to 65535.
    #[error("the index of an item is not a number from 0 to 65535")]
    BadIndex,
    /// An item without a name.
    #[error("an item has no name")]
    MissingName,
}

impl ParseErrorKind {
    /// Stable word for this kind of error, for counters and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotXml => "not_xml",
            Self::NotWpi => "not_wpi",
            Self::Truncated => "truncated",
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyItems { .. } => "too_many_items",
            Self::TooManyAttributes { .. } => "too_many_attributes",
            Self::AttributeTooLong { .. } => "attribute_too_long",
            Self::ValueTooLong { .. } => "value_too_long",
            Self::DocumentType => "document_type",
            Self::Entity => "entity",
            Self::Character => "character",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TrailingContent => "trailing_content",
            Self::Repeated(_) => "repeated",
            Self::MissingMessage => "missing_message",
            Self::MissingNonce => "missing_nonce",
            Self::BadNonce => "bad_nonce",
            Self::MissingReason => "missing_reason",
            Self::MissingAction => "missing_action",
            Self::BadIndex => "bad_index",
            Self::MissingName => "missing_name",
        }
    }
}

/// A message that may not be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The nonce is empty or longer than 64 characters.
    #[error("writing a WPI message: the nonce does not have 1 to 64 characters")]
    BadNonce,
    /// A reason, action or status word is empty.
    #[error("writing a WPI message: a reason, action or status word is empty")]
    EmptyWord,
    /// An item has no name.
    #[error("writing a WPI message: item number {position} has no name")]
    MissingName {
        /// Position in the item list, from 0.
        position: usize,
    },
    /// A control character or non-character, which XML cannot carry.
    #[error("writing a WPI message: {place} holds U+{:04X}, which XML cannot carry", u32::from(*character))]
    Character {
        /// Where it is.
        place: Place,
        /// The character.
        character: char,
    },
}

/// Where in a message a character was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The nonce.
    Nonce,
    /// The reason or action, or one of its attributes.
    Word,
    /// Name, status or value of the item with this name and index.
    Item(crate::ItemKey),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nonce => f.write_str("the nonce"),
            Self::Word => f.write_str("the reason or action"),
            // The name itself may hold the refused character: debug form keeps the log line whole.
            Self::Item(key) => write!(f, "item {:?}", key.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_kind_and_place_but_no_content() {
        let error = ParseError::new(ParseErrorKind::TooDeep { limit: 16 }, 7);
        assert_eq!(error.code(), "too_deep");
        assert_eq!(
            error.to_string(),
            "reading a WPI message stopped at byte 7: elements are nested deeper than 16"
        );
    }

    #[test]
    fn a_refused_character_is_shown_by_its_number() {
        let error = WriteError::Character {
            place: Place::Item(crate::ItemKey::new("a\u{1}", Some(2))),
            character: '\u{1}',
        };
        assert_eq!(
            error.to_string(),
            "writing a WPI message: item \"a\\u{1}[2]\" holds U+0001, which XML cannot carry"
        );
    }
}
