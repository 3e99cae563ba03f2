//! Items to be written, cut into messages a phone can take (`wpi.md` §3.5, §3.7).
//!
//! A logical record stays in one message and the order of records stays as given, because a value may
//! only be valid after another (§4.10). This file knows nothing of which items form a record.

use thiserror::Error;

use crate::write::item_bytes;
use crate::{Item, ItemKey};

/// Items that belong together and must reach the phone in one message, for instance all items of one
/// key (`wpi.md` §3.5). An item that belongs to no record is a record of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The items.
    pub items: Vec<Item>,
    /// Goes out in a message of its own: it can cut the phone off, and what was written before it must not be
    /// in doubt then (`wpi.md` §7.5).
    pub alone: bool,
}

impl Record {
    /// A record that may share its message with others.
    pub fn new(items: Vec<Item>) -> Self {
        Self { items, alone: false }
    }

    /// A record that goes out alone.
    pub fn alone(items: Vec<Item>) -> Self {
        Self { items, alone: true }
    }
}

impl From<Item> for Record {
    fn from(item: Item) -> Self {
        Self::new(vec![item])
    }
}

/// Where messages are cut when the phone names no smaller number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitLimits {
    /// Items of one message.
    pub items: usize,
    /// Bytes of one message, estimated before escaping.
    pub bytes: usize,
}

impl Default for SplitLimits {
    /// 300 items or 100 kB, the safe choice of `wpi.md` §3.7.
    fn default() -> Self {
        Self { items: 300, bytes: 100_000 }
    }
}

/// Why records could not be cut into messages.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SplitError {
    /// A record has more items than the phone takes in one message.
    #[error("splitting a write: the record of {first} has {items} items, the phone takes {max_items}")]
    RecordTooLarge {
        /// First item of the record.
        first: ItemKey,
        /// Items of the record.
        items: usize,
        /// What the phone takes.
        max_items: u32,
    },
}

/// Cuts records into the item lists of successive messages.
///
/// `max_items` is the phone's own number and is never exceeded. `limits` are ours: a single record beyond
/// them goes out alone instead of being refused. Empty records are left out; no message is empty.
///
/// # Errors
/// A record that `max_items` does not allow in one message.
pub fn split(
    records: Vec<Record>,
    max_items: Option<u32>,
    limits: SplitLimits,
) -> Result<Vec<Vec<Item>>, SplitError> {
    let hard = max_items.filter(|number| *number > 0);
    let most = hard
        .and_then(|number| usize::try_from(number).ok())
        .map_or(limits.items, |number| number.min(limits.items));
    let mut messages = Vec::new();
    let mut current: Vec<Item> = Vec::new();
    let mut bytes = 0_usize;
    let mut closed = false;
    for Record { items, alone } in records {
        let Some(first) = items.first() else { continue };
        if let Some(max_items) = hard
            && usize::try_from(max_items).is_ok_and(|number| items.len() > number)
        {
            return Err(SplitError::RecordTooLarge { first: first.key(), items: items.len(), max_items });
        }
        let size = items.iter().map(item_bytes).sum::<usize>();
        let full = closed || alone || current.len() + items.len() > most || bytes + size > limits.bytes;
        if full && !current.is_empty() {
            messages.push(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += size;
        closed = alone;
        current.extend(items);
    }
    if !current.is_empty() {
        messages.push(current);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, items: u16) -> Record {
        Record::new((1..=items).map(|index| Item::indexed(name, index, "v")).collect())
    }

    fn lengths(messages: &[Vec<Item>]) -> Vec<usize> {
        messages.iter().map(Vec::len).collect()
    }

    #[test]
    fn appendix_a16_25_items_for_a_phone_that_takes_10_are_three_messages() {
        let single = (1..=25).map(|index| Item::indexed("x", index, "v").into()).collect();
        let messages = split(single, Some(10), SplitLimits::default()).unwrap();
        assert_eq!(lengths(&messages), [10, 10, 5]);
    }

    #[test]
    fn appendix_a16_a_record_is_not_torn_and_the_order_stays() {
        let records = vec![record("a", 4), record("b", 4), record("c", 4), record("d", 1)];
        let messages = split(records, Some(10), SplitLimits::default()).unwrap();
        assert_eq!(lengths(&messages), [8, 5]);
        let names: Vec<_> = messages.iter().flatten().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c", "c", "d"]);
    }

    #[test]
    fn a_record_beyond_the_phones_number_is_named() {
        let error = split(vec![record("a", 2), record("line", 11)], Some(10), SplitLimits::default());
        let first = ItemKey::new("line", Some(1));
        assert_eq!(error, Err(SplitError::RecordTooLarge { first, items: 11, max_items: 10 }));
    }

    #[test]
    fn without_a_number_our_own_limits_cut_but_never_refuse() {
        let limits = SplitLimits { items: 5, bytes: 100_000 };
        let messages = split(vec![record("a", 3), record("b", 7), record("c", 1)], None, limits).unwrap();
        assert_eq!(lengths(&messages), [3, 7, 1]);
        let limits = SplitLimits { items: 300, bytes: 1_000 };
        let large = |name: &str| Item::new(name, "x".repeat(900)).into();
        let messages = split(vec![large("a"), large("b"), Item::new("c", "").into()], None, limits).unwrap();
        assert_eq!(lengths(&messages), [1, 1, 1]);
    }

    #[test]
    fn what_can_cut_the_phone_off_goes_alone() {
        let alone = Record::alone(vec![Item::new("vlan-id", "7")]);
        let records = vec![record("a", 2), alone, record("b", 1), record("c", 1)];
        let messages = split(records, None, SplitLimits::default()).unwrap();
        assert_eq!(lengths(&messages), [2, 1, 2]);
    }

    #[test]
    fn nothing_to_write_is_no_message() {
        assert_eq!(split(vec![Record::new(vec![])], Some(1), SplitLimits::default()), Ok(vec![]));
    }
}
