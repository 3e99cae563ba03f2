//! What is known here of a copy before a phone is sent for it. Nobody is asked.

use std::time::Duration;

use super::{Copies, FETCHES_OF_ONE, Wanted};

/// How long it is remembered that a copy failed: so long a phone is sent for it only when a copy is there.
pub(super) const REMEMBERED: Duration = Duration::from_mins(5);

/// What is known here of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fileserver) struct Look {
    /// There is something to read.
    pub(in crate::fileserver) readable: bool,
    /// It is being fetched.
    pub(in crate::fileserver) fetching: bool,
    /// It waits, or would wait, until others of the same provider are fetched.
    pub(in crate::fileserver) crowded: bool,
    /// It failed not long ago.
    pub(in crate::fileserver) failed: bool,
    /// Others of the same provider are being fetched.
    pub(in crate::fileserver) others: bool,
}

impl Copies {
    /// What is known here of a copy.
    pub(in crate::fileserver) fn look(&self, wanted: &Wanted) -> Look {
        let state = self.state();
        let kept = state.kept.get(&wanted.key).is_some_and(|kept| {
            kept.size == wanted.size && wanted.sha256.as_ref().is_none_or(|wanted| *wanted == kept.sha256)
        });
        let own = state.fetching.get(&wanted.key);
        let others = state.fetching.iter().filter(|(key, _)| **key != wanted.key);
        let others = others.filter(|(_, other)| other.provider == wanted.provider).count();
        let has_turn = own.is_some_and(|own| own.has_room);
        Look {
            readable: kept || own.is_some_and(|own| own.growth.borrow().written > 0),
            fetching: own.is_some(),
            crowded: !has_turn && others >= FETCHES_OF_ONE,
            failed: state.failed.contains_key(&wanted.key),
            others: others > 0,
        }
    }
}
