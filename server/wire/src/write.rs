//! Messages to bytes, in exactly the documented form (`wpi.md` §3.1, §3.2).
//!
//! Nothing is ever written as CDATA, and characters XML cannot carry are refused instead of dropped:
//! a value that would arrive changed is a mistake of the caller. A carriage return is written as a
//! character reference, because every reader turns a plain one into a line feed; old firmware that does
//! not decode references shows the reference, which is the smaller damage (`wpi.md` §3.5). Quotes in
//! text stay as they are; `<`, `>` and `&` are always escaped.

use crate::error::{Place, WriteError};
use crate::limits::NONCE_CHARACTERS;
use crate::text::{is_allowed, trim};
use crate::{Fragment, Item, PhoneMessage, Reason, ServerMessage};

const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAME_SPACES: &str = " xmlns=\"http://www.siemens.com/DLS\"\n    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n    xsi:schemaLocation=\"http://www.siemens.com/DLS\">\n";

/// Bytes of a message beside its items, rounded up.
const ENVELOPE_BYTES: usize = 512;
/// Bytes of an item element beside name, status and value, rounded up.
const ITEM_BYTES: usize = 64;

impl PhoneMessage {
    /// The body of the request, as in `wpi.md` §3.1.
    ///
    /// # Errors
    /// A nonce that is none, an empty word or name, a character XML cannot carry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = start("WorkpointMessage", &self.nonce, &self.items)?;
        out.push_str("\" maxItems=\"");
        match self.max_items {
            Some(number) => out.push_str(&number.to_string()),
            None => out.push_str("-1"),
        }
        out.push_str("\" fragment=\"");
        out.push_str(match self.fragment {
            Fragment::Next => "next",
            Fragment::Final => "final",
        });
        out.push_str("\">\n    <ReasonForContact");
        if let Reason::ReplyTo { action, status } = &self.reason {
            if let Some(action) = action {
                out.push_str(" action=\"");
                word(&mut out, action.as_str(), Context::Attribute)?;
                out.push('"');
            }
            if let Some(status) = status {
                out.push_str(" status=\"");
                word(&mut out, status.as_str(), Context::Attribute)?;
                out.push('"');
            }
        }
        out.push('>');
        word(&mut out, self.reason.as_str(), Context::Text)?;
        out.push_str("</ReasonForContact>\n");
        // A phone always has something to say about itself; an empty list is the documented way to
        // accept everything (`wpi.md` §4.2).
        item_list(&mut out, &self.items)?;
        out.push_str("  </Message>\n</WorkpointMessage>\n");
        Ok(out.into_bytes())
    }
}

impl ServerMessage {
    /// The body of the response, as in `wpi.md` §3.2. Without items there is no item list.
    ///
    /// # Errors
    /// A nonce that is none, an empty word or name, a character XML cannot carry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = start("DLSMessage", &self.nonce, &self.items)?;
        out.push_str("\">\n    <Action>");
        word(&mut out, self.action.as_str(), Context::Text)?;
        out.push_str("</Action>\n");
        if !self.items.is_empty() {
            item_list(&mut out, &self.items)?;
        }
        out.push_str("  </Message>\n</DLSMessage>\n");
        Ok(out.into_bytes())
    }
}

/// Bytes an item takes in a message, before escaping; used to size buffers and to split.
pub(crate) fn item_bytes(item: &Item) -> usize {
    let status = item.status.as_ref().map_or(0, |status| status.as_str().len() + 10);
    ITEM_BYTES + item.name.len() + status + item.value.len()
}

/// Whether items can be written, without writing them.
pub(crate) fn check_items(items: &[Item]) -> Result<(), WriteError> {
    let refused = |text: &str| text.chars().find(|character| !is_allowed(*character));
    for (position, item) in items.iter().enumerate() {
        if trim(&item.name).is_empty() {
            return Err(WriteError::MissingName { position });
        }
        let status = item.status.as_ref().and_then(|status| refused(status.as_str()));
        if let Some(character) = refused(&item.name).or_else(|| refused(&item.value)).or(status) {
            return Err(WriteError::Character { place: Place::Item(item.key()), character });
        }
    }
    Ok(())
}

fn start(root: &str, nonce: &str, items: &[Item]) -> Result<String, WriteError> {
    if trim(nonce).is_empty() || nonce.chars().count() > NONCE_CHARACTERS {
        return Err(WriteError::BadNonce);
    }
    let mut out = String::with_capacity(ENVELOPE_BYTES + items.iter().map(item_bytes).sum::<usize>());
    out.push_str(PROLOG);
    out.push('<');
    out.push_str(root);
    out.push_str(NAME_SPACES);
    out.push_str("  <Message nonce=\"");
    escape(&mut out, nonce, Context::Attribute)
        .map_err(|character| WriteError::Character { place: Place::Nonce, character })?;
    Ok(out)
}

fn word(out: &mut String, text: &str, context: Context) -> Result<(), WriteError> {
    if trim(text).is_empty() {
        return Err(WriteError::EmptyWord);
    }
    escape(out, text, context).map_err(|character| WriteError::Character { place: Place::Word, character })
}

fn item_list(out: &mut String, items: &[Item]) -> Result<(), WriteError> {
    out.push_str("    <ItemList>\n");
    for (position, item) in items.iter().enumerate() {
        if trim(&item.name).is_empty() {
            return Err(WriteError::MissingName { position });
        }
        write_item(out, item)
            .map_err(|character| WriteError::Character { place: Place::Item(item.key()), character })?;
    }
    out.push_str("    </ItemList>\n");
    Ok(())
}

fn write_item(out: &mut String, item: &Item) -> Result<(), char> {
    out.push_str("      <Item name=\"");
    escape(out, &item.name, Context::Attribute)?;
    if let Some(index) = item.index {
        out.push_str("\" index=\"");
        out.push_str(&index.to_string());
    }
    // An empty status word says nothing, as when reading.
    if let Some(status) = item.status.as_ref().filter(|status| !trim(status.as_str()).is_empty()) {
        out.push_str("\" status=\"");
        escape(out, status.as_str(), Context::Attribute)?;
    }
    out.push_str("\">");
    escape(out, &item.value, Context::Text)?;
    out.push_str("</Item>\n");
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Between double quotes, where white space must be referenced to survive.
    Attribute,
    /// Between tags.
    Text,
}

/// Appends escaped text; the error is the character that XML cannot carry.
fn escape(out: &mut String, text: &str, context: Context) -> Result<(), char> {
    let plain = |byte: u8| byte >= 0x20 && !matches!(byte, b'<' | b'>' | b'&' | b'"' | 0xEF);
    if text.bytes().all(plain) {
        out.push_str(text);
        return Ok(());
    }
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            '"' if context == Context::Attribute => out.push_str("&quot;"),
            '\n' if context == Context::Attribute => out.push_str("&#10;"),
            '\t' if context == Context::Attribute => out.push_str("&#9;"),
            refused if !is_allowed(refused) => return Err(refused),
            other => out.push(other),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, ItemKey, ItemStatus, ReplyStatus};

    fn server(items: Vec<Item>) -> ServerMessage {
        ServerMessage { nonce: "7C1D09A4".to_owned(), action: Action::WriteItems, items }
    }

    #[test]
    fn a_server_message_has_exactly_the_documented_form() {
        let message = server(vec![
            Item::new("reg-addr", "sip1.example.net"),
            Item::indexed("function-key-def", 1, ""),
            Item::new("sip-mobility-state", "0").with_status(ItemStatus::Other("secure".to_owned())),
        ]);
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<DLSMessage xmlns=\"http://www.siemens.com/DLS\"
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"
    xsi:schemaLocation=\"http://www.siemens.com/DLS\">
  <Message nonce=\"7C1D09A4\">
    <Action>WriteItems</Action>
    <ItemList>
      <Item name=\"reg-addr\">sip1.example.net</Item>
      <Item name=\"function-key-def\" index=\"1\"></Item>
      <Item name=\"sip-mobility-state\" status=\"secure\">0</Item>
    </ItemList>
  </Message>
</DLSMessage>
";
        assert_eq!(String::from_utf8(message.to_bytes().unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_server_message_without_items_has_no_list() {
        let bytes = server(vec![]).to_bytes().unwrap();
        assert!(!String::from_utf8(bytes).unwrap().contains("ItemList"));
    }

    #[test]
    fn a_reply_has_exactly_the_documented_form() {
        let message = PhoneMessage {
            nonce: "A1".to_owned(),
            max_items: None,
            fragment: Fragment::Final,
            reason: Reason::ReplyTo { action: Some(Action::WriteItems), status: Some(ReplyStatus::Accepted) },
            items: vec![],
        };
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<WorkpointMessage xmlns=\"http://www.siemens.com/DLS\"
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"
    xsi:schemaLocation=\"http://www.siemens.com/DLS\">
  <Message nonce=\"A1\" maxItems=\"-1\" fragment=\"final\">
    <ReasonForContact action=\"WriteItems\" status=\"accepted\">reply-to</ReasonForContact>
    <ItemList>
    </ItemList>
  </Message>
</WorkpointMessage>
";
        assert_eq!(String::from_utf8(message.to_bytes().unwrap()).unwrap(), expected);
    }

    #[test]
    fn text_and_attributes_are_escaped() {
        let bytes = server(vec![Item::new("a\"<b>", "1 < 2 & \"3\" > 'x'\r\n\t.")]).to_bytes().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("name=\"a&quot;&lt;b&gt;\">1 &lt; 2 &amp; \"3\" &gt; 'x'&#13;\n\t.</Item>"));
    }

    #[test]
    fn control_characters_and_non_characters_are_refused_with_their_place() {
        for character in ['\0', '\u{1}', '\u{b}', '\u{1f}', '\u{FFFE}', '\u{FFFF}'] {
            let message = server(vec![Item::indexed("x", 4, format!("a{character}"))]);
            let place = Place::Item(ItemKey::new("x", Some(4)));
            assert_eq!(message.to_bytes(), Err(WriteError::Character { place, character }));
        }
        let mut message = server(vec![]);
        message.nonce = "\u{2}".to_owned();
        assert_eq!(
            message.to_bytes(),
            Err(WriteError::Character { place: Place::Nonce, character: '\u{2}' })
        );
        message.nonce = "1".to_owned();
        message.action = Action::Unknown("\u{3}x".to_owned());
        assert_eq!(message.to_bytes(), Err(WriteError::Character { place: Place::Word, character: '\u{3}' }));
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let mut message = server(vec![Item::new("a", ""), Item::new(" ", "")]);
        assert_eq!(message.to_bytes(), Err(WriteError::MissingName { position: 1 }));
        message.items.clear();
        message.nonce = "n".repeat(65);
        assert_eq!(message.to_bytes(), Err(WriteError::BadNonce));
        message.nonce = " ".to_owned();
        assert_eq!(message.to_bytes(), Err(WriteError::BadNonce));
        message.nonce = "n".repeat(64);
        assert!(message.to_bytes().is_ok());
        message.action = Action::Unknown(String::new());
        assert_eq!(message.to_bytes(), Err(WriteError::EmptyWord));
    }
}
