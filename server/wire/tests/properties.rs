//! Properties that hold for every message, every mutation of one and every course of a session.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::{
    Action, Fragment, Item, ItemStatus, Limits, PhoneMessage, Reason, Record, ReplyStatus, ServerMessage,
    SplitError, SplitLimits, fuzzing, split,
};

/// Any text XML can carry that reading leaves as it is.
fn text(most: usize) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        2 => proptest::sample::select(vec!['<', '>', '&', '"', '\'', ';', '#', ']', '\r', '\n', '\t']),
        2 => any::<char>(),
    ];
    let allowed = |c: &char| (*c >= ' ' || "\t\r\n".contains(*c)) && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    vec(character, 0..most).prop_map(move |characters| {
        let text: String = characters.into_iter().filter(allowed).collect();
        text.trim_matches([' ', '\t', '\r', '\n']).to_owned()
    })
}

fn word() -> impl Strategy<Value = String> {
    text(12).prop_map(|text| format!("w{text}"))
}

/// A word as reading gives it: a known one is never kept as unknown.
fn item_status() -> impl Strategy<Value = ItemStatus> {
    prop_oneof![
        proptest::sample::select(vec!["failed", "unknown item", "read only", "secure", "undefined status"])
            .prop_map(ItemStatus::parse),
        word().prop_map(|word| ItemStatus::parse(&word)),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        proptest::sample::select(vec!["ReadAllItems", "WriteItems", "GetNextFragment", "CleanUp", "Restart"])
            .prop_map(Action::parse),
        word().prop_map(|word| Action::parse(&word)),
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    let status = prop_oneof![
        Just(ReplyStatus::Accepted),
        Just(ReplyStatus::Busy),
        word().prop_map(|word| ReplyStatus::parse(&word)),
    ];
    prop_oneof![
        proptest::sample::select(vec!["start-up", "solicited", "local-changes", "status", "clean-up"])
            .prop_map(Reason::parse),
        word().prop_map(|word| Reason::parse(&word)),
        (proptest::option::of(action()), proptest::option::of(status))
            .prop_map(|(action, status)| Reason::ReplyTo { action, status }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    (word(), any::<Option<u16>>(), proptest::option::weighted(0.2, item_status()), text(60))
        .prop_map(|(name, index, status, value)| Item { name, index, status, value })
}

fn nonce() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9A-F]{32}", "[0-9a-f]{23}", word()]
}

fn phone_message() -> impl Strategy<Value = PhoneMessage> {
    let max_items = proptest::option::of(1..=u32::MAX);
    let fragment = prop_oneof![Just(Fragment::Next), Just(Fragment::Final)];
    (nonce(), max_items, fragment, reason(), vec(item(), 0..20)).prop_map(
        |(nonce, max_items, fragment, reason, items)| PhoneMessage {
            nonce,
            max_items,
            fragment,
            reason,
            items,
        },
    )
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    (nonce(), action(), vec(item(), 0..20)).prop_map(|(nonce, action, items)| ServerMessage {
        nonce,
        action,
        items,
    })
}

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(usize, u8),
    Cut(usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<usize>();
    let pieces: Vec<&[u8]> = vec![
        b"<",
        b">",
        b"&",
        b"\"",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"<!DOCTYPE x>",
        b"&#0;",
        b"&x;",
        b"</",
        b"/>",
        b"<Message nonce='1'>",
        b"<Item name='x' index='-1'/>",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"<?x?>",
    ];
    prop_oneof![
        (place, any::<u8>()).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        place.prop_map(Mutation::Cut),
        (place, 0..200_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (place, proptest::sample::select(pieces)).prop_map(|(at, new)| Mutation::Insert(at, new.to_vec())),
        (place, 0..50_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
    ]
}

fn mutate(mut bytes: Vec<u8>, mutations: Vec<Mutation>) -> Vec<u8> {
    for mutation in mutations {
        let length = bytes.len();
        let place = |at: usize| at % (length + 1);
        let end = |at: usize, count: usize| (place(at) + count).min(length);
        match mutation {
            Mutation::Flip(at, bits) => {
                bytes.iter_mut().skip(place(at)).take(1).for_each(|byte| *byte ^= bits);
            }
            Mutation::Cut(at) => bytes.truncate(place(at)),
            Mutation::Repeat(at, count) => {
                let piece = bytes[place(at)..end(at, count)].to_vec();
                bytes.splice(place(at)..place(at), piece);
            }
            Mutation::Insert(at, new) => {
                bytes.splice(place(at)..place(at), new);
            }
            Mutation::Remove(at, count) => {
                bytes.drain(place(at)..end(at, count));
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_phone_message_survives_writing_and_reading(message in phone_message()) {
        let bytes = message.to_bytes().unwrap();
        prop_assert_eq!(PhoneMessage::parse(&bytes, &Limits::default()), Ok(message));
    }

    #[test]
    fn a_server_message_survives_writing_and_reading(message in server_message()) {
        let bytes = message.to_bytes().unwrap();
        prop_assert_eq!(ServerMessage::parse(&bytes, &Limits::default()), Ok(message));
    }

    #[test]
    fn a_mutated_message_never_panics_and_keeps_the_limits(
        phone in phone_message(),
        server in server_message(),
        mutations in vec(mutation(), 1..6),
    ) {
        let mutated = mutate(phone.to_bytes().unwrap(), mutations.clone());
        fuzzing::phone_message(&mutated);
        fuzzing::assembly(&mutated);
        fuzzing::server_message(&mutate(server.to_bytes().unwrap(), mutations));
    }

    #[test]
    fn parts_of_a_message_are_collected_or_refused(parts in vec(phone_message(), 1..6)) {
        let bytes: Vec<Vec<u8>> = parts.iter().map(|part| part.to_bytes().unwrap()).collect();
        fuzzing::assembly(&bytes.join(&0));
    }

    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        fuzzing::phone_message(&bytes);
        fuzzing::server_message(&bytes);
        fuzzing::assembly(&bytes);
    }

    #[test]
    fn any_markup_never_panics(text in "[<>/!?&;#x'\"=\\[\\] \\-WorkpintMesagDOCTYPE0-9]{0,200}") {
        fuzzing::phone_message(text.as_bytes());
        fuzzing::server_message(text.as_bytes());
    }

    #[test]
    fn splitting_keeps_order_records_and_limits(
        sizes in vec(0..9_usize, 0..40),
        max_items in proptest::option::of(1..12_u32),
        items in 1..10_usize,
        bytes in 100..2_000_usize,
    ) {
        let record = |(number, size): (usize, &usize)| {
            Record::new((0..*size).map(|part| Item::new(number.to_string(), part.to_string())).collect())
        };
        let records: Vec<Record> = sizes.iter().enumerate().map(record).collect();
        let all: Vec<Item> = records.iter().flat_map(|record| record.items.clone()).collect();
        let most = max_items.map_or(usize::MAX, |number| number as usize);
        match split(records, max_items, SplitLimits { items, bytes }) {
            Ok(messages) => {
                prop_assert_eq!(messages.concat(), all);
                for message in &messages {
                    prop_assert!(!message.is_empty() && message.len() <= most);
                    // Whole records only, and more than one only within our own limits.
                    let first = message.first().unwrap();
                    let last = message.last().unwrap();
                    prop_assert_eq!(&first.value, "0");
                    prop_assert_eq!((sizes[last.name.parse::<usize>().unwrap()] - 1).to_string(), &*last.value);
                    prop_assert!(first.name == last.name || message.len() <= items);
                }
            }
            Err(SplitError::RecordTooLarge { items, .. }) => {
                prop_assert!(items > most && sizes.contains(&items));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_course_of_a_session_ends_with_nothing_lost(bytes in vec(any::<u8>(), 0..300)) {
        fuzzing::conversation(&bytes);
    }
}
