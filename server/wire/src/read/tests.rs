//! Tests of reading: every variant that is taken, and every refusal with its exact kind and place.

use super::*;
use crate::ParseErrorKind as Kind;

fn phone(text: &str) -> Result<PhoneMessage, ParseError> {
    PhoneMessage::parse(text.as_bytes(), &Limits::default())
}

fn server(text: &str) -> Result<ServerMessage, ParseError> {
    ServerMessage::parse(text.as_bytes(), &Limits::default())
}

/// A phone message around the content of `Message`.
fn around(content: &str) -> String {
    format!("<WorkpointMessage><Message nonce=\"A1\">{content}</Message></WorkpointMessage>")
}

/// A phone message around the content of `ItemList`.
fn items(content: &str) -> String {
    around(&format!("<ReasonForContact>start-up</ReasonForContact><ItemList>{content}</ItemList>"))
}

fn values(text: &str) -> Vec<Item> {
    phone(text).unwrap().items
}

/// The error of a phone message, with the text that begins at its place.
fn refused(text: &str) -> (Kind, &str) {
    let error = phone(text).unwrap_err();
    (error.kind, text.get(usize::try_from(error.position).unwrap()..).unwrap())
}

#[test]
fn appendix_a1_all_forms_of_a_phone_message_mean_the_same() {
    let expected = PhoneMessage {
        nonce: "A1".to_owned(),
        max_items: Some(10),
        fragment: Fragment::Final,
        reason: Reason::ReplyTo { action: Some(Action::ReadItems), status: Some(ReplyStatus::Accepted) },
        items: vec![Item::new("e164", "4201"), Item::indexed("key", 1, "a b")],
    };
    let documented = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<WorkpointMessage \
        xmlns=\"http://www.siemens.com/DLS\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
        xsi:schemaLocation=\"http://www.siemens.com/DLS\">\n<Message nonce=\"A1\" maxItems=\"10\" \
        fragment=\"final\">\n<ReasonForContact action=\"ReadItems\" status=\"accepted\">reply-to\
        </ReasonForContact>\n<ItemList>\n<Item name=\"e164\">4201</Item>\n<Item name=\"key\" \
        index=\"1\">a b</Item>\n</ItemList>\n</Message>\n</WorkpointMessage>\n";
    assert_eq!(phone(documented), Ok(expected.clone()));
    let bare = "<workpointmessage><MESSAGE MaxItems=' 10 ' nonce=' A1 '><ReasonForContact \
        status='Accepted' action='readitems'>\r\n Reply-To \r\n</ReasonForContact><itemlist><item \
        name='e164'><![CDATA[42]]><!-- x -->01</item></itemlist></MESSAGE><ItemList><Item type='t' \
        index='1' name='key' other='x'> a b\n</Item></ItemList></workpointmessage>";
    let prefixed = documented
        .replace("<WorkpointMessage xmlns=", "<d:WorkpointMessage xmlns:d=")
        .replace("</Work", "</d:Work")
        .replace("<Message", "<d:Message")
        .replace("</Message", "</d:Message");
    let with_mark = format!("\u{FEFF}{documented}");
    let crlf = documented.replace('\n', "\r\n");
    let with_zero = format!("{documented}\0");
    let latin = documented.replace("UTF-8", "ISO-8859-1");
    for text in [bare, &prefixed, &with_mark, &crlf, &with_zero, &latin] {
        assert_eq!(phone(text), Ok(expected.clone()), "{text}");
    }
}

#[test]
fn appendix_a1_all_forms_of_a_server_message_mean_the_same() {
    let expected =
        ServerMessage { nonce: "A1".to_owned(), action: Action::CleanUp, items: vec![Item::new("a", "b")] };
    let message = "<Message nonce='A1'><Action>CleanUp</Action>\
        <ItemList><Item name='a'>b</Item></ItemList></Message>";
    let documented = format!("<DLSMessage xmlns='http://www.siemens.com/DLS'>{message}</DLSMessage>");
    let signed = format!(
        "<Signature xmlns='x'><SignedInfo><Message nonce='Z'/></SignedInfo><SignatureValue>AA==\
         </SignatureValue><Object Id='DLSMessage'>{documented}</Object></Signature>"
    );
    let outside = "<DlsMessage><Message nonce='A1'><ReasonForContact/><Action>Cleanup</Action></Message>\
        <ItemList/><ItemList><Item name='a'>b</Item></ItemList></DlsMessage>";
    let left_over = format!("{documented}</Object>\n");
    for text in [documented.as_str(), &signed, outside, &left_over] {
        assert_eq!(server(text), Ok(expected.clone()), "{text}");
    }
}

#[test]
fn appendix_a3_an_empty_element_is_the_empty_text() {
    let expected = [Item::new("x", ""), Item::new("y", ""), Item::new("z", "")];
    assert_eq!(values(&items("<Item name='x'/><Item name='y'></Item><Item name='z'> \n </Item>")), expected);
}

#[test]
fn appendix_a6_name_and_index_together_tell_items_apart() {
    let text = items(
        "<Item name='x'>a</Item><Item name='x' index='0'>b</Item><Item name='x' index='65535'>c</Item>\
         <Item name='x' index=''>d</Item>",
    );
    let expected = [
        Item::new("x", "a"),
        Item::indexed("x", 0, "b"),
        Item::indexed("x", 65535, "c"),
        Item::new("x", "d"),
    ];
    assert_eq!(values(&text), expected);
}

#[test]
fn appendix_a4_document_types_and_entities_are_refused() {
    let entity = format!("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>{}", items("&e;"));
    assert_eq!(refused(&entity).0, Kind::DocumentType);
    assert_eq!(phone(&entity).unwrap_err().position, 0);
    for doctype in
        ["<!DOCTYPE html>", "<!DOCTYPE", "<!DOCTYPE x [<!ENTITY a 'aaaa'>", "<!doctype x>", "<!DOCTYPE>"]
    {
        assert_eq!(refused(doctype).0, Kind::DocumentType, "{doctype}");
    }
    assert_eq!(refused(&items("<Item name='x'>a&nbsp;b</Item>")).0, Kind::Entity);
    assert!(refused(&items("<Item name='x'>a&nbsp;b</Item>")).1.starts_with("&nbsp;"));
    assert_eq!(refused(&items("<Item name='x&y;'/>")).0, Kind::Entity);
    assert_eq!(refused(&items("<Unknown>&y;</Unknown>")).0, Kind::Entity);
    assert_eq!(refused(&items("<Item name='x' unknown='&y;'/>")).0, Kind::Entity);
    assert_eq!(refused(&items("<Item name='x'>&#0;</Item>")).0, Kind::Character);
    assert_eq!(refused(&items("<Item name='x'>&#xD800;</Item>")).0, Kind::Character);
    assert_eq!(refused(&items("<Item name='x\u{1}'/>")).0, Kind::Character);
}

#[test]
fn references_and_bare_ampersands_are_resolved() {
    let text =
        items("<Item name='a&amp;b'>1 &lt; 2 &amp;&#38; Tom & Jerry; &#x1F600; &apos;&quot;&gt;&</Item>");
    assert_eq!(values(&text), [Item::new("a&b", "1 < 2 && Tom & Jerry; \u{1F600} '\">&")]);
}

#[test]
fn inner_white_space_stays_and_line_ends_and_control_characters_are_cleaned() {
    let text = items("<Item name='x'>\r\n a \t b\r\nc&#13;d\u{1}\u{0} \r\n</Item>");
    assert_eq!(values(&text), [Item::new("x", "a \t b\nc\rd")]);
}

#[test]
fn text_of_unknown_elements_inside_an_item_is_no_value() {
    assert_eq!(
        values(&items("<Item name='x'>a<b>c<Item name='y'>d</Item></b>e</Item>")),
        [Item::new("x", "ae")]
    );
}

#[test]
fn fragment_is_read_at_both_places() {
    let at = |message: &str, reason: &str| {
        let text = format!(
            "<WorkpointMessage><Message nonce='1'{message}><ReasonForContact{reason}>start-up\
             </ReasonForContact></Message></WorkpointMessage>"
        );
        phone(&text).unwrap().fragment
    };
    assert_eq!(at("", ""), Fragment::Final);
    assert_eq!(at(" fragment='Next'", ""), Fragment::Next);
    assert_eq!(at("", " fragment=' next '"), Fragment::Next);
    assert_eq!(at(" fragment='final'", " fragment='next'"), Fragment::Next);
    assert_eq!(at(" fragment='last'", ""), Fragment::Final);
}

#[test]
fn max_items_without_sense_is_no_limit() {
    let at = |value: &str| {
        let text = format!(
            "<WorkpointMessage><Message nonce='1' maxItems='{value}'><ReasonForContact>start-up\
             </ReasonForContact></Message></WorkpointMessage>"
        );
        phone(&text).unwrap().max_items
    };
    for none in ["-1", "0", "", "many", "1.5", "99999999999999999999", "-99999999999999999999"] {
        assert_eq!(at(none), None, "{none}");
    }
    assert_eq!(at(" 25 "), Some(25));
}

#[test]
fn action_and_status_belong_to_replies_only() {
    let text = around("<ReasonForContact action='WriteItems' status='busy'>solicited</ReasonForContact>");
    assert_eq!(phone(&text).unwrap().reason, Reason::Solicited);
    let text =
        around("<ReasonForContact/><ReasonForContact action='' status='Busy'>reply-to</ReasonForContact>");
    let reason = Reason::ReplyTo { action: None, status: Some(ReplyStatus::Busy) };
    assert_eq!(phone(&text).unwrap().reason, reason);
}

#[test]
fn what_is_not_a_message_is_refused_by_kind() {
    for (text, kind) in [
        ("", Kind::Empty),
        (" \r\n\u{FEFF}", Kind::NotXml),
        ("\u{FEFF} \r\n\0", Kind::Empty),
        ("hello", Kind::NotXml),
        ("{\"a\": 1}", Kind::NotXml),
        ("a=1&b=2", Kind::NotXml),
        ("&lt;WorkpointMessage/>", Kind::NotXml),
        ("<![CDATA[x]]>", Kind::NotXml),
        ("<!-- only this -->", Kind::NotXml),
        ("<!>", Kind::NotXml),
        ("</WorkpointMessage>", Kind::NotXml),
        ("<html><body/></html>", Kind::NotWpi),
        ("<DLSMessage/>", Kind::NotWpi),
        ("<Signature><Object><WorkpointMessage/></Object></Signature>", Kind::NotWpi),
        ("<WorkpointMessage/>", Kind::MissingMessage),
        ("<WorkpointMessage><a><Message nonce='1'/></a></WorkpointMessage>", Kind::MissingMessage),
        ("<WorkpointMessage><Message/></WorkpointMessage>", Kind::MissingNonce),
        ("<WorkpointMessage><Message x:nonce='1'/></WorkpointMessage>", Kind::MissingNonce),
        ("<WorkpointMessage><Message nonce=' '/></WorkpointMessage>", Kind::BadNonce),
        ("<WorkpointMessage><Message nonce='1'/></WorkpointMessage>", Kind::MissingReason),
        ("<WorkpointMessage><Message nonce=1/></WorkpointMessage>", Kind::NotXml),
        ("<WorkpointMessage><Message nonce='1' nonce='2'/></WorkpointMessage>", Kind::NotXml),
        ("<WorkpointMessage><Message></WorkpointMessage>", Kind::MissingNonce),
        ("<WorkpointMessage><a></WorkpointMessage>", Kind::NotXml),
        ("<WorkpointMessage><a></WorkpointMessage", Kind::Truncated),
        ("<WorkpointMessage><a", Kind::Truncated),
        ("<WorkpointMessage><Message nonce='1", Kind::Truncated),
        ("<WorkpointMessage><!-- ", Kind::Truncated),
        ("<WorkpointMessage", Kind::Truncated),
        ("<?xml version='1.0'", Kind::Truncated),
    ] {
        assert_eq!(refused(text).0, kind, "{text}");
    }
    assert_eq!(server("<WorkpointMessage/>").unwrap_err().kind, Kind::NotWpi);
    assert_eq!(server("<Signature><Object/></Signature>").unwrap_err().kind, Kind::NotWpi);
    let without = server("<DLSMessage><Message nonce='1'/></DLSMessage>").unwrap_err();
    assert_eq!(without, ParseError::new(Kind::MissingAction, 12));
}

#[test]
fn a_message_cut_at_any_place_is_never_taken() {
    let whole = items("<Item name='x' index='1'>a&amp;b</Item>");
    assert!(phone(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(phone(whole.get(..length).unwrap()).is_err(), "{length}");
    }
}

#[test]
fn what_follows_the_root_is_refused() {
    let whole = items("");
    for rest in ["x", "<a/>", "</Object>", "<![CDATA[]]>", "&amp;", "<", "<a"] {
        let text = format!("{whole}\n<!-- fine --><?fine?> {rest}");
        let (kind, at) = refused(&text);
        assert_eq!(kind, Kind::TrailingContent, "{rest}");
        assert!(at.trim_start().starts_with(rest), "{rest}: {at}");
    }
    assert_eq!(refused(&format!("{whole}{whole}")), (Kind::TrailingContent, whole.as_str()));
    let twice = "<DLSMessage><Message nonce='1'><Action>CleanUp</Action></Message></DLSMessage>";
    assert_eq!(server(&format!("{twice}{twice}")).unwrap_err().kind, Kind::TrailingContent);
}

#[test]
fn what_may_occur_once_is_refused_the_second_time() {
    let reason = "<ReasonForContact>start-up</ReasonForContact>";
    assert_eq!(refused(&around(&reason.repeat(2))).0, Kind::Repeated("ReasonForContact"));
    let message = format!("<Message nonce='1'>{reason}</Message>");
    let text = format!("<WorkpointMessage>{}</WorkpointMessage>", message.repeat(2));
    let (kind, at) = refused(&text);
    assert_eq!(kind, Kind::Repeated("Message"));
    assert_eq!(at, format!("{message}</WorkpointMessage>"));
    let action = "<Message nonce='1'><Action>CleanUp</Action></Message>";
    let signed = format!("<Signature>{0}{0}</Signature>", format!("<DLSMessage>{action}</DLSMessage>"));
    assert_eq!(server(&signed).unwrap_err().kind, Kind::Repeated("DLSMessage"));
}

#[test]
fn bad_items_are_refused_at_their_place() {
    for index in ["-1", "65536", "1x", "+1", "1.0", "99999999999999999999999", "\u{663}"] {
        let text = items(&format!("<Item name='a'/><Item name='x' index='{index}'/>"));
        let (kind, at) = refused(&text);
        assert_eq!(kind, Kind::BadIndex, "{index}");
        assert!(at.starts_with("<Item name='x'"), "{at}");
    }
    for nameless in ["<Item/>", "<Item name=''/>", "<Item name=' '>x</Item>", "<Item x:name='a'/>"] {
        let text = items(nameless);
        assert_eq!(refused(&text).0, Kind::MissingName, "{nameless}");
    }
}

#[test]
fn a_nonce_has_1_to_64_characters() {
    let with = |nonce: &str| items("").replace("A1", nonce);
    assert!(phone(&with(&"ä".repeat(64))).is_ok());
    assert_eq!(refused(&with(&"ä".repeat(65))).0, Kind::BadNonce);
}

#[test]
fn bytes_that_are_not_utf8_are_refused_at_their_place() {
    let mut bytes = items("<Item name='x'>M").into_bytes();
    let place = bytes.iter().position(|byte| *byte == b'M').unwrap();
    bytes[place] = 0xFC;
    let error = PhoneMessage::parse(&bytes, &Limits::default()).unwrap_err();
    assert_eq!(error, ParseError::new(Kind::InvalidUtf8, place as u64));
    let utf16: Vec<u8> = items("").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(PhoneMessage::parse(&utf16, &Limits::default()).unwrap_err().kind, Kind::NotXml);
}

#[test]
fn appendix_a5_limits_are_kept_exactly() {
    let limits = Limits { bytes: 400, depth: 5, items: 2, attribute_length: 10, value_length: 6 };
    let parse = |text: &str| PhoneMessage::parse(text.as_bytes(), &limits).map(|message| message.items.len());
    let kind = |text: &str| parse(text).unwrap_err().kind;
    let item = "<Item name='x'>123456</Item>";
    let fits = items(&item.repeat(2));
    assert_eq!(parse(&fits), Ok(2));
    assert_eq!(kind(&items(&item.repeat(3))), Kind::TooManyItems { limit: 2 });
    assert_eq!(parse(&format!("{fits}{}", " ".repeat(400 - fits.len()))), Ok(2));
    let too_large = PhoneMessage::parse(&[b' '; 401], &limits).unwrap_err();
    assert_eq!(too_large, ParseError::new(Kind::TooLarge { limit: 400 }, 400));
    assert_eq!(kind(&items("<Item name='x'>123&amp;567</Item>")), Kind::ValueTooLong { limit: 6 });
    assert_eq!(kind(&items("<Item name='x'>123456&amp;</Item>")), Kind::ValueTooLong { limit: 6 });
    assert_eq!(parse(&items("<Item name='x'>&amp;&amp;3456</Item>")), Ok(1));
    assert_eq!(kind(&items("<Item name='12345678901'/>")), Kind::AttributeTooLong { limit: 10 });
    assert_eq!(kind(&items("<Item name='x' other='12345678901'/>")), Kind::AttributeTooLong { limit: 10 });
    assert_eq!(parse(&items("<Item name='1234567890'/>")), Ok(1));
    assert_eq!(parse(&items("<Item name='123456&#x31;890'/>")), Ok(1));
    let word = around("<ReasonForContact>12345678901</ReasonForContact>");
    assert_eq!(kind(&word), Kind::AttributeTooLong { limit: 10 });
    assert_eq!(parse(&items("<Item name='x'><a></a></Item>")), Ok(1));
    assert_eq!(kind(&items("<Item name='x'><a><b/></a></Item>")), Kind::TooDeep { limit: 5 });
    let deep = format!("{}{}", "<WorkpointMessage>", "<a>".repeat(100));
    assert_eq!(kind(&deep), Kind::TooDeep { limit: 5 });
    let many: String = (0..33).map(|number| format!(" a{number}=''")).collect();
    assert_eq!(refused(&items(&format!("<Item{many}/>"))).0, Kind::TooManyAttributes { limit: 32 });
}

#[test]
fn ten_thousand_nested_elements_and_a_million_items_are_cheap_to_refuse() {
    let deep = format!("<WorkpointMessage>{}", "<a>".repeat(10_000));
    assert_eq!(refused(&deep).0, Kind::TooDeep { limit: 16 });
    let many = items(&"<Item name='a'/>".repeat(250_000));
    assert_eq!(refused(&many).0, Kind::TooManyItems { limit: 20_000 });
    let attributes = format!("<WorkpointMessage{}/>", " a=''".repeat(800_000));
    assert_eq!(refused(&attributes).0, Kind::TooManyAttributes { limit: 32 });
}
