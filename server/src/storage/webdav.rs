//! Lists of WebDAV servers: the answer to PROPFIND (RFC 4918 §9.1). Of each member its address and whether it is a
//! collection are looked at; sizes and tags are asked one by one, so that they are those of reading.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Fault, StorageError};

/// What is asked: which members are collections.
pub(super) const QUESTION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";

/// Deepest nesting of elements.
const DEEPEST: usize = 32;

/// Most members of one collection.
const MOST_MEMBERS: usize = 20_000;

/// Longest address of a member, in bytes: a key with everything escaped, and what stands before it.
const LONGEST_HREF: usize = 8 * 1024;

/// A member of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    /// Its address, as the server writes it.
    pub(super) href: String,
    pub(super) is_collection: bool,
}

/// What an open element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Multistatus,
    Response,
    Href,
    Other,
}

/// Reads an answer. Names are compared without their prefixes, since servers choose those freely.
///
/// # Errors
/// [`Fault::BadAnswer`] when it is no such document, [`Fault::TooLarge`] when it has too many members.
pub(super) fn members(document: &[u8]) -> Result<Vec<Member>, StorageError> {
    let bad = |why: &str| StorageError::new(Fault::BadAnswer, why);
    let text = std::str::from_utf8(document).map_err(|_| bad("a list that is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut reading = Members::default();
    loop {
        match reader.read_event().map_err(|error| StorageError::caused(Fault::BadAnswer, &error))? {
            Event::Start(start) => reading.open(&start)?,
            Event::Empty(start) => {
                reading.open(&start)?;
                reading.close()?;
            }
            Event::End(_) => reading.close()?,
            Event::Text(text) => reading.add(&text)?,
            Event::CData(text) => reading.add(&text)?,
            Event::GeneralRef(name) => {
                let mut buffer = [0; 4];
                let character = reference(&name).ok_or_else(|| bad("an unknown entity"))?;
                reading.add(character.encode_utf8(&mut buffer))?;
            }
            Event::DocType(_) => return Err(bad("a document type")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if reading.is_complete => return Ok(reading.members),
            Event::Eof => return Err(bad("no complete list")),
        }
    }
}

#[derive(Default)]
struct Members {
    places: Vec<Place>,
    member: Member,
    members: Vec<Member>,
    is_complete: bool,
}

impl Members {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), StorageError> {
        if self.places.len() >= DEEPEST {
            return Err(StorageError::new(Fault::BadAnswer, "nested too deep"));
        }
        let name = start.local_name();
        let place = match (self.places.last(), name.as_ref()) {
            (None, "multistatus") if !self.is_complete => Place::Multistatus,
            (None, _) => return Err(StorageError::new(Fault::BadAnswer, "no answer of a WebDAV server")),
            (Some(Place::Multistatus), "response") => {
                self.member = Member::default();
                Place::Response
            }
            (Some(Place::Response), "href") => {
                self.member.href.clear();
                Place::Href
            }
            (Some(_), "collection") if self.places.contains(&Place::Response) => {
                self.member.is_collection = true;
                Place::Other
            }
            (Some(_), _) => Place::Other,
        };
        self.places.push(place);
        Ok(())
    }

    fn close(&mut self) -> Result<(), StorageError> {
        match self.places.pop() {
            Some(Place::Response) => {
                if self.members.len() >= MOST_MEMBERS {
                    return Err(StorageError::new(Fault::TooLarge, "too many members"));
                }
                self.members.push(std::mem::take(&mut self.member));
            }
            Some(Place::Multistatus) => self.is_complete = true,
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), StorageError> {
        if self.places.last() == Some(&Place::Href) {
            if self.member.href.len() + text.len() > LONGEST_HREF {
                return Err(StorageError::new(Fault::BadAnswer, "an address that is too long"));
            }
            self.member.href.push_str(text);
        }
        Ok(())
    }
}

/// The character that a reference means: the five of XML, or a number.
fn reference(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, Member, members};
    use crate::storage::Fault;
    use proptest::prelude::{any, proptest};

    fn fault(document: &str) -> Fault {
        members(document.as_bytes()).expect_err(document).fault()
    }

    #[test]
    fn members_and_collections_are_told_apart() {
        let document = r#"<?xml version="1.0" encoding="utf-8"?>
            <D:multistatus xmlns:D="DAV:" xmlns:lp1="DAV:">
            <D:response><D:href> /dav/ </D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype>
            </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
            <D:response><D:href>/dav/a&amp;b&#x20;c.bin</D:href><D:propstat><D:prop><lp1:resourcetype/></D:prop>
            </D:propstat></D:response></D:multistatus>"#;
        let found = members(document.as_bytes()).expect("a list");
        let expected = [(" /dav/ ", true), ("/dav/a&b c.bin", false)];
        let expected: Vec<_> =
            expected.map(|(href, is_collection)| Member { href: href.to_owned(), is_collection }).into();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in [
            "",
            "garbage",
            "<html><body>It works!</body></html>",
            "<!DOCTYPE html><html></html>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><multistatus><response><href>&b;</href></response></multistatus>",
            "<multistatus><response><href>&b;</href></response></multistatus>",
            "<multistatus><response><href>/a</href></response>",
            "<multistatus/><multistatus/>",
            "<multistatus></response></multistatus>",
        ] {
            assert_eq!(fault(bad), Fault::BadAnswer, "{bad}");
        }
        assert_eq!(fault(&format!("<multistatus>{}", "<a>".repeat(DEEPEST))), Fault::BadAnswer);
        let many = format!("<multistatus>{}</multistatus>", "<response/>".repeat(20_001));
        assert_eq!(fault(&many), Fault::TooLarge);
        let long =
            format!("<multistatus><response><href>{}</href></response></multistatus>", "x".repeat(9_000));
        assert_eq!(fault(&long), Fault::BadAnswer);
    }

    proptest! {
        #[test]
        fn nothing_from_outside_panics(bytes in any::<Vec<u8>>(), text in "[<>/&;a-c\"= !?-]{0,80}") {
            let _ = members(&bytes);
            let _ = members(text.as_bytes());
            let _ = members(format!("<multistatus><response>{text}</response></multistatus>").as_bytes());
        }
    }
}
