//! Bytes to messages: liberal reading with hard limits (`wpi.md` §3.3, §3.9, §8).
//!
//! What is taken leniently: any name space and prefix, elements and roots in any case, unknown elements
//! and attributes, item lists inside or beside `Message`, CDATA, a byte order mark, zero bytes and white
//! space around the document, a bare ampersand, control characters in values (left out).
//!
//! The declared encoding is not looked at: the bytes must be UTF-8. A message that declares another
//! encoding and is plain ASCII means the same either way, and one that is not ASCII is practically never
//! valid UTF-8 by chance and is refused with its position.
//!
//! Content after the root element is refused: two messages in one body would leave it to chance which
//! of them counts. The one exception is a left-over closing tag after a server message, which stands in
//! samples of the guide (`wpi.md` §3.8). This file knows nothing of sessions or flows.

use quick_xml::Reader;
use quick_xml::errors::{Error as XmlError, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};

use crate::document::{Attributes, Known, Place, Root};
use crate::error::{ParseError, ParseErrorKind};
use crate::limits::NONCE_CHARACTERS;
use crate::text::{Reference, push_raw, reference, trim};
use crate::{Action, Fragment, Item, ItemStatus, Limits, PhoneMessage, Reason, ReplyStatus, ServerMessage};

impl PhoneMessage {
    /// Reads the body of a phone's request.
    ///
    /// Time and memory are bounded by `limits`; no input makes this panic.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place. Answer HTTP 400 or 413 (`wpi.md` §8).
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let parsed = parse(bytes, limits, Root::Phone)?;
        let word = parsed.word.ok_or(ParseError::new(ParseErrorKind::MissingReason, parsed.message_at))?;
        let mut reason = Reason::parse(&word.text);
        if let Reason::ReplyTo { action, status } = &mut reason {
            *action = word.action.as_deref().filter(|text| !text.is_empty()).map(Action::parse);
            *status = word.status.as_deref().filter(|text| !text.is_empty()).map(ReplyStatus::parse);
        }
        Ok(Self {
            nonce: parsed.nonce,
            max_items: parsed.max_items,
            fragment: parsed.fragment,
            reason,
            items: parsed.items,
        })
    }
}

impl ServerMessage {
    /// Reads the body of a server's response, also one wrapped in an XML signature (`wpi.md` §3.8);
    /// the signature is not checked.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let parsed = parse(bytes, limits, Root::Server)?;
        let word = parsed.word.ok_or(ParseError::new(ParseErrorKind::MissingAction, parsed.message_at))?;
        Ok(Self { nonce: parsed.nonce, action: Action::parse(&word.text), items: parsed.items })
    }
}

/// A reason or action with its attributes, as it came.
#[derive(Debug, Default)]
struct Word {
    text: String,
    action: Option<String>,
    status: Option<String>,
}

/// What both directions have in common.
#[derive(Debug, Default)]
struct Parsed {
    nonce: String,
    max_items: Option<u32>,
    fragment: Fragment,
    word: Option<Word>,
    items: Vec<Item>,
    /// Where `Message` begins; errors about what it lacks point there.
    message_at: u64,
}

fn parse(bytes: &[u8], limits: &Limits, root: Root) -> Result<Parsed, ParseError> {
    if bytes.len() > limits.bytes {
        return Err(ParseError::new(ParseErrorKind::TooLarge { limit: limits.bytes }, limits.bytes as u64));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ParseError::new(ParseErrorKind::InvalidUtf8, error.valid_up_to() as u64))?;
    let document = text.trim_start_matches('\u{FEFF}').trim_start_matches([' ', '\t', '\r', '\n']);
    let offset = (text.len() - document.len()) as u64;
    // Programs in C like to count the closing zero byte as part of the text.
    let document = document.trim_end_matches(['\0', ' ', '\t', '\r', '\n']);
    if document.is_empty() {
        return Err(ParseError::new(ParseErrorKind::Empty, offset));
    }
    let mut parser = Parser {
        limits,
        root,
        offset,
        at: offset,
        places: Vec::with_capacity(8),
        text: String::with_capacity(256),
        item: None,
        word: None,
        state: Seen::default(),
        parsed: Parsed {
            // An item of the documented form has some 50 to 100 bytes; a guess too small only costs time.
            items: Vec::with_capacity((document.len() / 64).min(limits.items)),
            ..Parsed::default()
        },
    };
    parser.run(document)?;
    parser.finish()
}

/// Which of the elements that occur once were seen.
#[derive(Debug, Default)]
struct Seen {
    root: bool,
    message: bool,
    /// The outermost element was closed.
    closed: bool,
}

struct Parser<'l> {
    limits: &'l Limits,
    root: Root,
    /// Bytes before the document that the reader does not see.
    offset: u64,
    /// Where the piece in hand begins.
    at: u64,
    /// The open elements, outermost first.
    places: Vec<Place>,
    /// Text collected for the open item or word.
    text: String,
    item: Option<Item>,
    word: Option<Word>,
    state: Seen,
    parsed: Parsed,
}

impl Parser<'_> {
    fn fail(&self, kind: ParseErrorKind) -> ParseError {
        ParseError::new(kind, self.at)
    }

    fn run(&mut self, document: &str) -> Result<(), ParseError> {
        let mut reader = Reader::from_str(document);
        reader.config_mut().allow_dangling_amp = true;
        loop {
            self.at = self.offset + reader.buffer_position();
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    if self.is_left_over_end(&error) {
                        continue;
                    }
                    return Err(self.refuse(&error, self.offset + reader.error_position()));
                }
            };
            match event {
                Event::Start(start) => self.open(&start)?,
                Event::Empty(start) => {
                    self.open(&start)?;
                    self.close()?;
                }
                Event::End(_) => self.close()?,
                Event::Text(text) => self.add_text(&text)?,
                Event::CData(text) => {
                    if self.places.is_empty() {
                        return Err(self.outside());
                    }
                    self.add_text(&text)?;
                }
                Event::GeneralRef(name) => self.add_reference(&name)?,
                Event::DocType(_) => return Err(self.fail(ParseErrorKind::DocumentType)),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => return Ok(()),
            }
        }
    }

    /// A closing tag without an opening one behind a complete server message (`wpi.md` §3.8).
    fn is_left_over_end(&self, error: &XmlError) -> bool {
        self.root == Root::Server
            && self.state.closed
            && matches!(error, XmlError::IllFormed(IllFormedError::UnmatchedEndTag(_)))
    }

    fn refuse(&self, error: &XmlError, at: u64) -> ParseError {
        let kind = match error {
            XmlError::Syntax(SyntaxError::UnclosedDoctype)
            | XmlError::IllFormed(IllFormedError::MissingDoctypeName) => ParseErrorKind::DocumentType,
            _ if self.state.closed => ParseErrorKind::TrailingContent,
            XmlError::Syntax(SyntaxError::InvalidBangMarkup) => ParseErrorKind::NotXml,
            XmlError::Syntax(_) => ParseErrorKind::Truncated,
            XmlError::Encoding(_) => ParseErrorKind::InvalidUtf8,
            _ => ParseErrorKind::NotXml,
        };
        ParseError::new(kind, at)
    }

    /// The error for content outside the root element.
    fn outside(&self) -> ParseError {
        self.fail(if self.state.closed { ParseErrorKind::TrailingContent } else { ParseErrorKind::NotXml })
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), ParseError> {
        if self.state.closed {
            return Err(self.fail(ParseErrorKind::TrailingContent));
        }
        if self.places.len() >= self.limits.depth {
            return Err(self.fail(ParseErrorKind::TooDeep { limit: self.limits.depth }));
        }
        let attributes = Attributes::read(start, self.limits).map_err(|kind| self.fail(kind))?;
        let name = start.local_name().into_inner();
        let Some(place) = Place::of(self.places.last().copied(), name, self.root) else {
            return Err(self.fail(ParseErrorKind::NotWpi));
        };
        match place {
            Place::Root if self.state.root => {
                return Err(self.fail(ParseErrorKind::Repeated(self.root.name())));
            }
            Place::Root => self.state.root = true,
            Place::Message => self.open_message(&attributes)?,
            Place::Word => {
                self.text.clear();
                if attributes.is(Known::Fragment, "next") {
                    self.parsed.fragment = Fragment::Next;
                }
                self.word = Some(Word {
                    text: String::new(),
                    action: attributes.trimmed(Known::Action).map(str::to_owned),
                    status: attributes.trimmed(Known::Status).map(str::to_owned),
                });
            }
            Place::Item => self.open_item(&attributes)?,
            Place::Wrapper | Place::ItemList | Place::Ignored => {}
        }
        self.places.push(place);
        Ok(())
    }

    fn open_message(&mut self, attributes: &Attributes<'_>) -> Result<(), ParseError> {
        if self.state.message {
            return Err(self.fail(ParseErrorKind::Repeated("Message")));
        }
        self.state.message = true;
        self.parsed.message_at = self.at;
        let nonce = attributes.trimmed(Known::Nonce).ok_or(self.fail(ParseErrorKind::MissingNonce))?;
        if nonce.is_empty() || nonce.chars().count() > NONCE_CHARACTERS {
            return Err(self.fail(ParseErrorKind::BadNonce));
        }
        nonce.clone_into(&mut self.parsed.nonce);
        // -1, 0, no number or none at all: the phone names no limit that could be kept.
        self.parsed.max_items = attributes
            .trimmed(Known::MaxItems)
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|number| *number > 0);
        if attributes.is(Known::Fragment, "next") {
            self.parsed.fragment = Fragment::Next;
        }
        Ok(())
    }

    fn open_item(&mut self, attributes: &Attributes<'_>) -> Result<(), ParseError> {
        if self.parsed.items.len() >= self.limits.items {
            return Err(self.fail(ParseErrorKind::TooManyItems { limit: self.limits.items }));
        }
        let name = attributes.trimmed(Known::Name).filter(|name| !name.is_empty());
        let name = name.ok_or(self.fail(ParseErrorKind::MissingName))?;
        let index = match attributes.trimmed(Known::Index) {
            None | Some("") => None,
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                Some(text.parse().map_err(|_| self.fail(ParseErrorKind::BadIndex))?)
            }
            Some(_) => return Err(self.fail(ParseErrorKind::BadIndex)),
        };
        let status = attributes.trimmed(Known::Status).filter(|text| !text.is_empty()).map(ItemStatus::parse);
        self.text.clear();
        self.item = Some(Item { name: name.to_owned(), index, status, value: String::new() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ParseError> {
        match self.places.pop() {
            Some(Place::Item) => {
                if let Some(mut item) = self.item.take() {
                    trim(&self.text).clone_into(&mut item.value);
                    self.parsed.items.push(item);
                }
            }
            Some(Place::Word) => {
                let word = self.word.take().unwrap_or_default();
                let text = trim(&self.text);
                // An extra empty ReasonForContact or Action says nothing (`wpi.md` §3.3).
                if !text.is_empty() {
                    if self.parsed.word.is_some() {
                        return Err(self.fail(ParseErrorKind::Repeated(self.root.word())));
                    }
                    self.parsed.word = Some(Word { text: text.to_owned(), ..word });
                }
            }
            _ => {}
        }
        if self.places.is_empty() {
            self.state.closed = true;
        }
        Ok(())
    }

    fn add_text(&mut self, raw: &str) -> Result<(), ParseError> {
        match self.places.last() {
            None if trim(raw).is_empty() => Ok(()),
            None => Err(self.outside()),
            Some(place) => {
                let Some(room) = self.room(*place)? else { return Ok(()) };
                if raw.len() > room {
                    return Err(self.too_long(*place));
                }
                push_raw(&mut self.text, raw);
                Ok(())
            }
        }
    }

    fn add_reference(&mut self, name: &str) -> Result<(), ParseError> {
        let resolved = match reference(name) {
            Reference::Entity => return Err(self.fail(ParseErrorKind::Entity)),
            Reference::NotAllowed => return Err(self.fail(ParseErrorKind::Character)),
            Reference::Character(character) => Some(character),
            Reference::Literal => None,
        };
        let Some(place) = self.places.last().copied() else { return Err(self.outside()) };
        let Some(room) = self.room(place)? else { return Ok(()) };
        let needed = resolved.map_or(name.len() + 2, char::len_utf8);
        if needed > room {
            return Err(self.too_long(place));
        }
        match resolved {
            Some(character) => self.text.push(character),
            None => {
                self.text.push('&');
                push_raw(&mut self.text, name);
                self.text.push(';');
            }
        }
        Ok(())
    }

    /// How many bytes the open element may still take; `None` when its text is ignored.
    fn room(&self, place: Place) -> Result<Option<usize>, ParseError> {
        let limit = match place {
            Place::Item => self.limits.value_length,
            Place::Word => self.limits.attribute_length,
            _ => return Ok(None),
        };
        limit.checked_sub(self.text.len()).map(Some).ok_or_else(|| self.too_long(place))
    }

    fn too_long(&self, place: Place) -> ParseError {
        self.fail(match place {
            Place::Item => ParseErrorKind::ValueTooLong { limit: self.limits.value_length },
            _ => ParseErrorKind::AttributeTooLong { limit: self.limits.attribute_length },
        })
    }

    /// The end of the bytes was reached without an error.
    fn finish(self) -> Result<Parsed, ParseError> {
        if !self.places.is_empty() {
            return Err(self.fail(ParseErrorKind::Truncated));
        }
        if !self.state.closed {
            // Comments and declarations only.
            return Err(self.fail(ParseErrorKind::NotXml));
        }
        if !self.state.root {
            return Err(self.fail(ParseErrorKind::NotWpi));
        }
        if !self.state.message {
            return Err(self.fail(ParseErrorKind::MissingMessage));
        }
        Ok(self.parsed)
    }
}

#[cfg(test)]
mod tests;
