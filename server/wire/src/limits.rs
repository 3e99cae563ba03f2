//! Bounds on what is read (`wpi.md` §2.6, §8). Every one of them is checked before memory is spent.
//!
//! This file knows nothing of where the numbers are configured.

/// Bounds that a message must keep to be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one message body, and of all parts of a fragmented message together.
    pub bytes: usize,
    /// Most elements open at the same time. The documented form needs 4, a signed one 6.
    pub depth: usize,
    /// Most items of one message, and of all parts of a fragmented message together.
    pub items: usize,
    /// Most bytes of one attribute value, and of one reason or action word.
    pub attribute_length: usize,
    /// Most bytes of the text of one item.
    pub value_length: usize,
}

impl Default for Limits {
    /// The proposals of `wpi.md` §8: 4 MiB, depth 16, 20,000 items.
    ///
    /// A value may have 256 KiB: the largest known values are user data chunks (9,492 bytes,
    /// `wpi.md` §3.7) and certificate stores in base64 (some ten kB), so this leaves a factor of
    /// more than ten and still lets no single value fill a message. Attributes are names, words and
    /// name space addresses; 1 KiB is ten times the longest known.
    fn default() -> Self {
        Self {
            bytes: 4 * 1024 * 1024,
            depth: 16,
            items: 20_000,
            attribute_length: 1024,
            value_length: 256 * 1024,
        }
    }
}

/// Most attributes of one element. The documented form needs 4; without a bound an element could
/// cost time that grows faster than its length.
pub(crate) const ATTRIBUTES: usize = 32;

/// Most characters of a nonce (`wpi.md` §3.4).
pub(crate) const NONCE_CHARACTERS: usize = 64;
