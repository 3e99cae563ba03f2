//! The shape of the documents: which element may mean what at which place, and its attributes.
//!
//! This file knows names and nesting (`wpi.md` §3.1, §3.2, §3.9) and nothing of values.

use std::borrow::Cow;

use quick_xml::events::BytesStart;

use crate::Limits;
use crate::error::ParseErrorKind;
use crate::limits::ATTRIBUTES;
use crate::text::{AttributeProblem, attribute_value, same_word, trim};

/// Which of the two documents is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `WorkpointMessage`.
    Phone,
    /// `DLSMessage`, seen as `DlsMessage` too.
    Server,
}

impl Root {
    /// Name of the root element in its documented form.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Phone => "WorkpointMessage",
            Self::Server => "DLSMessage",
        }
    }

    /// Name of the element that holds the reason or action.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Phone => "ReasonForContact",
            Self::Server => "Action",
        }
    }
}

/// What an open element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `Signature`, or its `Object`, around a server message (`wpi.md` §3.8).
    Wrapper,
    /// The root of the message.
    Root,
    /// `Message`.
    Message,
    /// `ReasonForContact` of a phone, `Action` of a server.
    Word,
    /// `ItemList`, inside or beside `Message`.
    ItemList,
    /// `Item`.
    Item,
    /// Anything else; it and all it holds is skipped.
    Ignored,
}

impl Place {
    /// What an element with this local name is inside `parent`; `None` when it cannot be the
    /// outermost element of such a document.
    pub(crate) fn of(parent: Option<Self>, name: &str, root: Root) -> Option<Self> {
        let is = |expected: &str| name.eq_ignore_ascii_case(expected);
        let place = match parent {
            None if is(root.name()) => Self::Root,
            None if root == Root::Server && is("Signature") => Self::Wrapper,
            None => return None,
            Some(Self::Wrapper) if is(root.name()) => Self::Root,
            Some(Self::Wrapper) if is("Object") => Self::Wrapper,
            Some(Self::Root) if is("Message") => Self::Message,
            Some(Self::Root | Self::Message) if is("ItemList") => Self::ItemList,
            Some(Self::Message) if is(root.word()) => Self::Word,
            Some(Self::ItemList) if is("Item") => Self::Item,
            Some(_) => Self::Ignored,
        };
        Some(place)
    }
}

/// An attribute that means something (`wpi.md` §3.1); `type` is not used by anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// `Item/@name`.
    Name,
    /// `Item/@index`.
    Index,
    /// `Item/@status` and `ReasonForContact/@status`.
    Status,
    /// `Message/@nonce`.
    Nonce,
    /// `Message/@maxItems`.
    MaxItems,
    /// `fragment`, at `Message` or at `ReasonForContact`.
    Fragment,
    /// `ReasonForContact/@action`.
    Action,
}

impl Known {
    const ALL: [(&'static str, Self); 7] = [
        ("name", Self::Name),
        ("index", Self::Index),
        ("status", Self::Status),
        ("nonce", Self::Nonce),
        ("maxItems", Self::MaxItems),
        ("fragment", Self::Fragment),
        ("action", Self::Action),
    ];

    /// The attribute with this name, in any case.
    fn of(key: &str) -> Option<Self> {
        match key {
            // Nearly every attribute of a long message is one of these.
            "name" => Some(Self::Name),
            "index" => Some(Self::Index),
            _ => Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, known)| *known),
        }
    }
}

/// The attributes of an element that mean something, resolved.
///
/// Only attributes without a prefix count: a prefixed one belongs to another vocabulary.
pub(crate) struct Attributes<'e> {
    found: [Option<Cow<'e, str>>; Known::ALL.len()],
}

impl<'e> Attributes<'e> {
    /// Reads and checks all attributes, also those that are not kept.
    pub(crate) fn read(start: &'e BytesStart<'_>, limits: &Limits) -> Result<Self, ParseErrorKind> {
        let mut found = [const { None }; Known::ALL.len()];
        // The reader's own search for duplicates compares every pair of attributes.
        for (number, attribute) in start.attributes().with_checks(false).enumerate() {
            if number >= ATTRIBUTES {
                return Err(ParseErrorKind::TooManyAttributes { limit: ATTRIBUTES });
            }
            let attribute = attribute.map_err(|_| ParseErrorKind::NotXml)?;
            let too_long = ParseErrorKind::AttributeTooLong { limit: limits.attribute_length };
            // A character takes up to six bytes as a reference.
            if attribute.value.len() / 6 > limits.attribute_length {
                return Err(too_long);
            }
            let resolved = attribute_value(&attribute.value).map_err(|problem| match problem {
                AttributeProblem::Entity => ParseErrorKind::Entity,
                AttributeProblem::Character => ParseErrorKind::Character,
            })?;
            if resolved.as_deref().unwrap_or(&attribute.value).len() > limits.attribute_length {
                return Err(too_long);
            }
            let known = Known::of(attribute.key.into_inner());
            if let Some(slot) = known.and_then(|known| found.get_mut(known as usize)) {
                if slot.is_some() {
                    return Err(ParseErrorKind::NotXml);
                }
                *slot = Some(resolved.map_or(attribute.value, Cow::Owned));
            }
        }
        Ok(Self { found })
    }

    /// The value of an attribute without white space around it.
    pub(crate) fn trimmed(&self, known: Known) -> Option<&str> {
        self.found.get(known as usize).and_then(Option::as_deref).map(trim)
    }

    /// Whether an attribute is there and is this word.
    pub(crate) fn is(&self, known: Known, word: &str) -> bool {
        self.trimmed(known).is_some_and(|value| same_word(value, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_means_something_only_at_its_place() {
        let phone = |parent, name| Place::of(parent, name, Root::Phone);
        assert_eq!(phone(None, "workpointMESSAGE"), Some(Place::Root));
        assert_eq!(phone(None, "DLSMessage"), None);
        assert_eq!(phone(None, "Signature"), None);
        assert_eq!(phone(Some(Place::Root), "Item"), Some(Place::Ignored));
        assert_eq!(phone(Some(Place::Message), "Action"), Some(Place::Ignored));
        assert_eq!(phone(Some(Place::Item), "Item"), Some(Place::Ignored));
        assert_eq!(phone(Some(Place::Ignored), "ItemList"), Some(Place::Ignored));
        let server = |parent, name| Place::of(parent, name, Root::Server);
        assert_eq!(server(None, "DlsMessage"), Some(Place::Root));
        assert_eq!(server(Some(Place::Wrapper), "Object"), Some(Place::Wrapper));
        assert_eq!(server(Some(Place::Wrapper), "SignedInfo"), Some(Place::Ignored));
        assert_eq!(server(Some(Place::Message), "ReasonForContact"), Some(Place::Ignored));
    }

    #[test]
    fn attributes_are_found_in_any_case_but_not_with_a_prefix() {
        let start = BytesStart::from_content(r#"Item NAME=" a&amp;b " x:index="3" status='x'"#, 4);
        let attributes = Attributes::read(&start, &Limits::default()).unwrap();
        assert_eq!(attributes.trimmed(Known::Name), Some("a&b"));
        assert_eq!(attributes.trimmed(Known::Index), None);
        assert!(attributes.is(Known::Status, "X"));
    }

    #[test]
    fn every_known_attribute_has_a_place_of_its_own() {
        for (place, (name, known)) in Known::ALL.into_iter().enumerate() {
            assert_eq!((Known::of(name), known as usize), (Some(known), place));
            assert_eq!(Known::of(&name.to_uppercase()), Some(known));
        }
        assert_eq!(Known::of("type"), None);
    }

    #[test]
    fn a_known_attribute_given_twice_is_refused() {
        let start = BytesStart::from_content(r#"Item name="a" Name="b""#, 4);
        assert_eq!(Attributes::read(&start, &Limits::default()).err(), Some(ParseErrorKind::NotXml));
    }
}
