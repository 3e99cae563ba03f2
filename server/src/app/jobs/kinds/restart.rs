//! Restarting a phone (`wpi.md` §4.5.7). It is over when the phone starts up.

use super::{Order, Prepared, send};

/// Restart, without items.
pub(super) fn order() -> Prepared {
    send(Order::Restart(Vec::new()))
}
