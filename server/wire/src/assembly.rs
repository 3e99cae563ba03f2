//! Parts of a fragmented phone message put together again (`wpi.md` §3.7).
//!
//! Any reason may be fragmented; `fragment="next"` alone decides. This file knows nothing of what the
//! items mean and does not ask for the next part itself.

use thiserror::Error;

use crate::{Fragment, Item, ItemStatus, Limits, PhoneMessage, Reason, ReplyStatus};

/// Most parts of one message (`wpi.md` §3.7 proposes 500).
pub const PARTS: u32 = 500;

/// Why the parts of a message were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum AssemblyError {
    /// More parts than allowed.
    #[error("collecting a fragmented message: more than {limit} parts")]
    TooManyParts {
        /// The bound that was passed.
        limit: u32,
    },
    /// More items in all parts together than allowed.
    #[error("collecting a fragmented message: more than {limit} items in all parts")]
    TooManyItems {
        /// The bound that was passed.
        limit: usize,
    },
    /// More bytes of names and values in all parts together than allowed.
    #[error("collecting a fragmented message: more than {limit} bytes in all parts")]
    TooLarge {
        /// The bound that was passed.
        limit: usize,
    },
}

impl AssemblyError {
    /// Stable word for this kind of error, for counters and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooManyParts { .. } => "too_many_parts",
            Self::TooManyItems { .. } => "too_many_items",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

/// What came of adding a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// More parts follow; ask for them with `GetNextFragment`.
    More(Assembly),
    /// All parts are there, merged into one message.
    Complete(PhoneMessage),
}

/// The parts of a message that were received so far; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    message: PhoneMessage,
    parts: u32,
    bytes: usize,
}

impl Assembly {
    /// Takes the first part, which may be the only one.
    ///
    /// # Errors
    /// When this part alone breaks a limit.
    pub fn start(first: PhoneMessage, limits: &Limits) -> Result<Collected, AssemblyError> {
        let mut bytes = 0;
        account(&mut bytes, 0, &first.items, limits)?;
        Ok(Self { message: first, parts: 1, bytes }.settle())
    }

    /// Takes the next part.
    ///
    /// The merged message keeps the reason and action of the first part, because the `action` of
    /// follow-ups may be the original one or `GetNextFragment`; it takes the nonce of the last part,
    /// which is the one to be answered, and `maxItems` of the last part that names one. A follow-up
    /// that says `busy` or `failed` ends the collection with this status: what is there is incomplete.
    ///
    /// # Errors
    /// When all parts together break a limit; the parts are gone then.
    pub fn add(mut self, part: PhoneMessage, limits: &Limits) -> Result<Collected, AssemblyError> {
        if self.parts >= PARTS {
            return Err(AssemblyError::TooManyParts { limit: PARTS });
        }
        account(&mut self.bytes, self.message.items.len(), &part.items, limits)?;
        self.parts += 1;
        self.message.items.extend(part.items);
        self.message.nonce = part.nonce;
        self.message.max_items = part.max_items.or(self.message.max_items);
        self.message.fragment = part.fragment;
        if let Reason::ReplyTo { status: Some(late), .. } = part.reason
            && let Reason::ReplyTo { status, .. } = &mut self.message.reason
        {
            if late != ReplyStatus::Accepted {
                self.message.fragment = Fragment::Final;
                *status = Some(late);
            } else if status.is_none() {
                *status = Some(late);
            }
        }
        Ok(self.settle())
    }

    /// The message as far as it was received.
    pub fn so_far(&self) -> &PhoneMessage {
        &self.message
    }

    /// How many parts were received.
    pub fn parts(&self) -> u32 {
        self.parts
    }

    fn settle(self) -> Collected {
        match self.message.fragment {
            Fragment::Next => Collected::More(self),
            Fragment::Final => Collected::Complete(self.message),
        }
    }
}

fn account(bytes: &mut usize, items: usize, new: &[Item], limits: &Limits) -> Result<(), AssemblyError> {
    if items + new.len() > limits.items {
        return Err(AssemblyError::TooManyItems { limit: limits.items });
    }
    let size = |item: &Item| {
        item.name.len() + item.value.len() + item.status.as_ref().map_or(0, |s| ItemStatus::as_str(s).len())
    };
    *bytes = new.iter().map(size).fold(*bytes, usize::saturating_add);
    if *bytes > limits.bytes {
        return Err(AssemblyError::TooLarge { limit: limits.bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;

    fn part(nonce: &str, fragment: Fragment, action: Option<Action>, items: &[&str]) -> PhoneMessage {
        PhoneMessage {
            nonce: nonce.to_owned(),
            max_items: None,
            fragment,
            reason: Reason::ReplyTo { action, status: Some(ReplyStatus::Accepted) },
            items: items.iter().map(|name| Item::new(*name, "v")).collect(),
        }
    }

    fn more(collected: Collected) -> Assembly {
        match collected {
            Collected::More(assembly) => assembly,
            Collected::Complete(message) => panic!("complete: {message:?}"),
        }
    }

    fn complete(collected: Collected) -> PhoneMessage {
        match collected {
            Collected::Complete(message) => message,
            Collected::More(assembly) => panic!("more: {assembly:?}"),
        }
    }

    #[test]
    fn appendix_a15_items_of_all_parts_are_merged_in_order() {
        let limits = Limits::default();
        let first = part("1", Fragment::Next, Some(Action::ReadAllItems), &["a", "b"]);
        let assembly = more(Assembly::start(first, &limits).unwrap());
        let mut second = part("2", Fragment::Next, Some(Action::GetNextFragment), &["c"]);
        second.max_items = Some(7);
        let assembly = more(assembly.add(second, &limits).unwrap());
        assert_eq!(assembly.parts(), 2);
        let merged = complete(assembly.add(part("3", Fragment::Final, None, &["d"]), &limits).unwrap());
        let mut expected = part("3", Fragment::Final, Some(Action::ReadAllItems), &["a", "b", "c", "d"]);
        expected.max_items = Some(7);
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_single_part_is_complete_at_once() {
        let only = part("1", Fragment::Final, None, &["a"]);
        assert_eq!(complete(Assembly::start(only.clone(), &Limits::default()).unwrap()), only);
    }

    #[test]
    fn a_follow_up_that_is_busy_ends_the_collection() {
        let limits = Limits::default();
        let assembly = more(Assembly::start(part("1", Fragment::Next, None, &["a"]), &limits).unwrap());
        let mut late = part("2", Fragment::Next, None, &[]);
        late.reason = Reason::ReplyTo { action: None, status: Some(ReplyStatus::Busy) };
        let merged = complete(assembly.add(late, &limits).unwrap());
        assert_eq!(merged.reason, Reason::ReplyTo { action: None, status: Some(ReplyStatus::Busy) });
    }

    #[test]
    fn parts_items_and_bytes_are_bounded() {
        let limits = Limits { items: 2, bytes: 10, ..Limits::default() };
        let start = |items: &[&str]| Assembly::start(part("1", Fragment::Next, None, items), &limits);
        assert_eq!(start(&["a", "b", "c"]), Err(AssemblyError::TooManyItems { limit: 2 }));
        assert_eq!(start(&["0123456789"]), Err(AssemblyError::TooLarge { limit: 10 }));
        let assembly = more(start(&["a", "b"]).unwrap());
        let third = part("2", Fragment::Final, None, &["c"]);
        assert_eq!(assembly.add(third, &limits), Err(AssemblyError::TooManyItems { limit: 2 }));

        let mut assembly = more(start(&[]).unwrap());
        for _ in 1..PARTS {
            assembly = more(assembly.add(part("2", Fragment::Next, None, &[]), &limits).unwrap());
        }
        let beyond = assembly.add(part("3", Fragment::Final, None, &[]), &limits);
        assert_eq!(beyond, Err(AssemblyError::TooManyParts { limit: 500 }));
    }
}
