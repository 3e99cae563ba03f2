//! What must hold for any bytes at all, as functions that panic when it does not.
//!
//! The fuzz targets call these, and so do the tests, over the corpus and over random bytes. Nothing here
//! is meant for other use.

mod driver;

pub use driver::conversation;

use crate::{Assembly, Collected, Limits, PhoneMessage, ServerMessage};

/// Bounds small enough that short inputs reach them.
fn small() -> Limits {
    Limits { bytes: 64 * 1024, depth: 6, items: 40, attribute_length: 80, value_length: 200 }
}

/// Reads bytes as a phone message; what was read keeps the limits and survives writing and reading.
pub fn phone_message(bytes: &[u8]) {
    for limits in [Limits::default(), small()] {
        let Ok(message) = PhoneMessage::parse(bytes, &limits) else { continue };
        assert!(message.items.len() <= limits.items, "more items than allowed");
        assert!(message.items.iter().all(|item| item.value.len() <= limits.value_length), "value too long");
        assert!((1..=64).contains(&message.nonce.chars().count()), "not a nonce");
        assert_ne!(message.max_items, Some(0), "no limit is not a limit of nothing");
        let written = message.to_bytes().unwrap_or_default();
        assert_eq!(PhoneMessage::parse(&written, &unbounded()), Ok(message), "changed by writing");
    }
}

/// Reads bytes as a server message; what was read keeps the limits and survives writing and reading.
pub fn server_message(bytes: &[u8]) {
    for limits in [Limits::default(), small()] {
        let Ok(message) = ServerMessage::parse(bytes, &limits) else { continue };
        assert!(message.items.len() <= limits.items, "more items than allowed");
        let written = message.to_bytes().unwrap_or_default();
        assert_eq!(ServerMessage::parse(&written, &unbounded()), Ok(message), "changed by writing");
    }
}

/// Takes the pieces between zero bytes as parts of one fragmented message.
pub fn assembly(bytes: &[u8]) {
    let limits = small();
    let mut parts = bytes.split(|byte| *byte == 0).filter_map(|part| PhoneMessage::parse(part, &limits).ok());
    let Some(first) = parts.next() else { return };
    let mut items = first.items.len();
    let mut collected = Assembly::start(first, &limits);
    for part in parts {
        let Ok(Collected::More(assembly)) = collected else { break };
        assert_eq!(assembly.so_far().items.len(), items, "items were lost");
        items += part.items.len();
        collected = assembly.add(part, &limits);
    }
    let merged = match &collected {
        Ok(Collected::More(assembly)) => assembly.so_far(),
        Ok(Collected::Complete(message)) => message,
        Err(_) => return,
    };
    assert_eq!(merged.items.len(), items, "items were lost");
    assert!(items <= limits.items, "more items than allowed");
}

/// Escaping makes a message longer than it came; that is not what these functions look for.
fn unbounded() -> Limits {
    Limits { bytes: usize::MAX, ..Limits::default() }
}
