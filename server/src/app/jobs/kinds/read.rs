//! Reading everything again (OSEM §4.5.2).

use super::{Order, Prepared, send};

/// ReadAllItems.
pub(super) fn order() -> Prepared {
    send(Order::ReadAll)
}
