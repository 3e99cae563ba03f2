//! Items: the named values phones report and accept (`wpi.md` §3.5, §3.6).
//!
//! An item is identified by its name *and* its index. An item without an index is not the item with
//! index 0. This file knows nothing of what an item means; that is catalogue data.

use std::fmt;

/// Identity of a value: name and, for indexed items, the instance number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// Item name as on the wire, case sensitive.
    pub name: String,
    /// Instance number; `None` is a value of its own, not 0.
    pub index: Option<u16>,
}

impl ItemKey {
    /// A key for an item with or without an index.
    pub fn new(name: impl Into<String>, index: Option<u16>) -> Self {
        Self { name: name.into(), index }
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}[{index}]", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One `Item` element of a message in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Item name as on the wire, case sensitive.
    pub name: String,
    /// Instance number, if the element has one.
    pub index: Option<u16>,
    /// Problem word of the phone (or `secure` written by a server), if the element has one.
    pub status: Option<ItemStatus>,
    /// Text of the element, trimmed at both ends; "no value" is the empty text.
    pub value: String,
}

impl Item {
    /// An item without index and status.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), index: None, status: None, value: value.into() }
    }

    /// An item with an index and no status.
    pub fn indexed(name: impl Into<String>, index: u16, value: impl Into<String>) -> Self {
        Self { name: name.into(), index: Some(index), status: None, value: value.into() }
    }

    /// The same item carrying a status word.
    #[must_use]
    pub fn with_status(mut self, status: ItemStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Name and index of this item.
    pub fn key(&self) -> ItemKey {
        ItemKey { name: self.name.clone(), index: self.index }
    }
}

/// What a phone says about a single item it could not read or write (`wpi.md` §3.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemStatus {
    /// `failed`: value refused, or could not be read.
    Failed,
    /// `unknown item`: this firmware does not know the name.
    UnknownItem,
    /// `read only`: may not be written.
    ReadOnly,
    /// `invalid index`: outside the range of this model.
    InvalidIndex,
    /// `unexpected item`: does not fit this message.
    UnexpectedItem,
    /// `not supported`: known, but not implemented in this firmware.
    NotSupported,
    /// `invalid data`: value not allowed.
    InvalidData,
    /// `undefined status`: another problem.
    Undefined,
    /// Any other word, kept as it came; a failure of that item only.
    Other(String),
}
