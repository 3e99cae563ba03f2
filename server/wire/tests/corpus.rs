//! Every file of the corpus with its expected outcome. A file without one, and one without a file, fails.
//!
//! Files named `same-*` are variants of one message (`wpi.md` §3.3) and must mean the same.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

use std::collections::BTreeSet;

use wire::{
    Action, Fragment, Item, ItemStatus, Limits, ParseErrorKind, PhoneMessage, Reason, ReplyStatus,
    ServerMessage, fuzzing,
};

/// Name and content of each named file of a folder.
macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        vec![$(($name, include_bytes!(concat!("../corpus/", $folder, "/", $name, ".xml")).as_slice())),*]
    };
}

type File = (&'static str, &'static [u8]);

fn phone_files() -> Vec<File> {
    files!("phone":
        "same-documented", "same-byte-order-mark", "same-cr-lf", "same-no-prolog-no-namespace",
        "same-prefix", "same-attribute-order", "same-word-with-line-breaks", "same-root-in-capitals",
        "same-list-outside", "same-several-lists", "same-empty-element", "same-cdata-and-comments",
        "same-bare-ampersand", "same-unknown-elements", "same-extra-empty-reason",
        "same-closing-zero-byte", "same-other-encoding-declared", "same-control-character-in-value",
        "reply-new-line-words", "fragment-on-reason", "unknown-words",
        "bad-empty", "bad-json", "bad-html", "bad-server-root", "bad-truncated-in-value",
        "bad-truncated-in-attribute", "bad-doctype-entity", "bad-entity-bomb", "bad-named-entity",
        "bad-character-reference", "bad-latin-1", "bad-two-documents", "bad-two-messages",
        "bad-two-reasons", "bad-no-message", "bad-no-nonce", "bad-empty-nonce", "bad-long-nonce",
        "bad-no-reason", "bad-index", "bad-item-without-name", "bad-mismatched-tags", "bad-nesting",
        "bad-attribute-length", "bad-attribute-count", "bad-attribute-twice",
    )
}

fn server_files() -> Vec<File> {
    files!("server":
        "same-documented", "same-mixed-case-root", "same-bare", "same-byte-order-mark-cr-lf",
        "same-list-outside", "same-extra-reason", "same-signed", "same-left-over-end",
        "clean-up-other-case", "unknown-action", "bad-phone-root", "bad-no-action",
        "bad-signed-nothing", "bad-signed-twice", "bad-two-documents", "bad-stray-text",
        "bad-truncated-in-signature",
    )
}

fn content(files: &[File], name: &str) -> &'static [u8] {
    files.iter().find(|(file, _)| *file == name).unwrap().1
}

fn phone(name: &str) -> PhoneMessage {
    PhoneMessage::parse(content(&phone_files(), name), &Limits::default()).unwrap()
}

/// The kind of error, and the text that begins at its place.
fn refusal(bytes: &[u8], error: &wire::ParseError) -> (ParseErrorKind, String) {
    let rest = bytes.get(usize::try_from(error.position).unwrap()..).unwrap();
    (error.kind, String::from_utf8_lossy(rest).into_owned())
}

#[test]
fn every_file_is_named_here() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (sub, files) in [("phone", phone_files()), ("server", server_files())] {
        let named: BTreeSet<String> = files.iter().map(|(name, _)| format!("{name}.xml")).collect();
        let there: BTreeSet<String> = std::fs::read_dir(folder.join(sub))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(named, there, "{sub}");
        assert_eq!(named.len(), files.len(), "a file is named twice");
    }
}

#[test]
fn variants_of_a_phone_message_mean_the_same() {
    let expected = PhoneMessage {
        nonce: "7C1D09A4E2B85F3361D0A7B94CE8F205".to_owned(),
        max_items: Some(25),
        fragment: Fragment::Final,
        reason: Reason::StartUp,
        items: vec![
            Item::new("device-type", "OpenStage 40"),
            Item::new("mac-addr", "00:1A:E8:5B:20:C7"),
            Item::new("display-id-unicode", "Tür & Tor"),
            Item::indexed("key-label-unicode", 3, "Door"),
            Item::new("blf-modules", "").with_status(ItemStatus::Failed),
        ],
    };
    for (name, bytes) in phone_files().into_iter().filter(|(name, _)| name.starts_with("same-")) {
        assert_eq!(PhoneMessage::parse(bytes, &Limits::default()).as_ref(), Ok(&expected), "{name}");
    }
}

#[test]
fn variants_of_a_server_message_mean_the_same() {
    let expected = ServerMessage {
        nonce: "7C1D09A4".to_owned(),
        action: Action::WriteItems,
        items: vec![
            Item::new("reg-addr", "sip1.example.net"),
            Item::indexed("function-key-def", 1, "1"),
            Item::new("sip-mobility-state", "0").with_status(ItemStatus::Other("secure".to_owned())),
        ],
    };
    for (name, bytes) in server_files().into_iter().filter(|(name, _)| name.starts_with("same-")) {
        assert_eq!(ServerMessage::parse(bytes, &Limits::default()).as_ref(), Ok(&expected), "{name}");
    }
    // The documented file is also exactly what is written.
    let documented = content(&server_files(), "same-documented");
    assert_eq!(String::from_utf8(expected.to_bytes().unwrap()).unwrap(), String::from_utf8_lossy(documented));
}

#[test]
fn other_messages_are_read_as_they_are() {
    let reply = phone("reply-new-line-words");
    let action = Some(Action::ReadAllItems);
    assert_eq!(reply.reason, Reason::ReplyTo { action, status: Some(ReplyStatus::Accepted) });
    assert_eq!((reply.max_items, reply.items.len()), (None, 0));
    let part = phone("fragment-on-reason");
    assert_eq!(part.fragment, Fragment::Next);
    assert_eq!(part.items, [Item::indexed("a", 0, "1"), Item::new("a", "2")]);
    let unknown = phone("unknown-words");
    assert_eq!(unknown.reason, Reason::Unknown("Woken-Up".to_owned()));
    assert_eq!(unknown.items[0].status, Some(ItemStatus::Other("Too Late".to_owned())));
    let server = |name| ServerMessage::parse(content(&server_files(), name), &Limits::default()).unwrap();
    assert_eq!(server("clean-up-other-case").action, Action::CleanUp);
    assert_eq!(server("unknown-action").action, Action::Unknown("UploadFile".to_owned()));
}

#[test]
fn bad_phone_messages_are_refused_by_kind_and_place() {
    let expected = [
        ("empty", ParseErrorKind::Empty, ""),
        ("json", ParseErrorKind::NotXml, "{\"nonce\""),
        ("html", ParseErrorKind::NotWpi, "<html>"),
        ("server-root", ParseErrorKind::NotWpi, "<DLSMessage "),
        ("truncated-in-value", ParseErrorKind::Truncated, ""),
        ("truncated-in-attribute", ParseErrorKind::Truncated, "<Item name=\"ke"),
        ("doctype-entity", ParseErrorKind::DocumentType, "<!DOCTYPE"),
        ("entity-bomb", ParseErrorKind::DocumentType, "<!DOCTYPE"),
        ("named-entity", ParseErrorKind::Entity, "&uuml;"),
        ("character-reference", ParseErrorKind::Character, "&#8;"),
        ("latin-1", ParseErrorKind::InvalidUtf8, "\u{FFFD}r &amp;"),
        ("two-documents", ParseErrorKind::TrailingContent, "<WorkpointMessage"),
        ("two-messages", ParseErrorKind::Repeated("Message"), "<Message nonce=\"2\">"),
        ("two-reasons", ParseErrorKind::Repeated("ReasonForContact"), "</ReasonForContact>\n    <ItemList>"),
        ("no-message", ParseErrorKind::MissingMessage, ""),
        ("no-nonce", ParseErrorKind::MissingNonce, "<Message maxItems"),
        ("empty-nonce", ParseErrorKind::BadNonce, "<Message nonce"),
        ("long-nonce", ParseErrorKind::BadNonce, "<Message nonce"),
        ("no-reason", ParseErrorKind::MissingReason, "<Message nonce"),
        ("index", ParseErrorKind::BadIndex, "<Item name=\"key-label-unicode\""),
        ("item-without-name", ParseErrorKind::MissingName, "<Item>"),
        ("mismatched-tags", ParseErrorKind::NotXml, "</item>"),
        ("nesting", ParseErrorKind::TooDeep { limit: 16 }, "<a>"),
        ("attribute-length", ParseErrorKind::AttributeTooLong { limit: 1024 }, "<Item name=\"mmm"),
        ("attribute-count", ParseErrorKind::TooManyAttributes { limit: 32 }, "<Item a0"),
        ("attribute-twice", ParseErrorKind::NotXml, "<Item name=\"mac-addr\" name"),
    ];
    let files = phone_files();
    assert_eq!(expected.len(), files.iter().filter(|(name, _)| name.starts_with("bad-")).count());
    for (name, kind, start) in expected {
        let bytes = content(&files, &format!("bad-{name}"));
        let (found, rest) = refusal(bytes, &PhoneMessage::parse(bytes, &Limits::default()).unwrap_err());
        assert_eq!(found, kind, "{name}");
        assert!(rest.starts_with(start), "{name}: {rest}");
    }
}

#[test]
fn bad_server_messages_are_refused_by_kind_and_place() {
    let expected = [
        ("phone-root", ParseErrorKind::NotWpi, "<WorkpointMessage"),
        ("no-action", ParseErrorKind::MissingAction, "<Message"),
        ("signed-nothing", ParseErrorKind::NotWpi, ""),
        ("signed-twice", ParseErrorKind::Repeated("DLSMessage"), "<DLSMessage>"),
        ("two-documents", ParseErrorKind::TrailingContent, "<DLSMessage"),
        ("stray-text", ParseErrorKind::NotXml, "Warning"),
        ("truncated-in-signature", ParseErrorKind::Truncated, ""),
    ];
    let files = server_files();
    assert_eq!(expected.len(), files.iter().filter(|(name, _)| name.starts_with("bad-")).count());
    for (name, kind, start) in expected {
        let bytes = content(&files, &format!("bad-{name}"));
        let (found, rest) = refusal(bytes, &ServerMessage::parse(bytes, &Limits::default()).unwrap_err());
        assert_eq!(found, kind, "{name}");
        assert!(rest.starts_with(start), "{name}: {rest}");
    }
}

#[test]
fn the_fuzz_targets_hold_for_the_whole_corpus() {
    for (_, bytes) in phone_files().into_iter().chain(server_files()) {
        fuzzing::phone_message(bytes);
        fuzzing::server_message(bytes);
        fuzzing::assembly(bytes);
        fuzzing::conversation(bytes);
    }
    let parts: Vec<u8> = phone_files().into_iter().flat_map(|(_, bytes)| [bytes, &[0]].concat()).collect();
    fuzzing::assembly(&parts);
}
