//! Templates, groups and fields in memory, and what they make of a client (D-18 … D-20).
//!
//! They are few and looked at for every client, so they are kept as one [`Snapshot`]. Its version stands in the
//! database and is compared whenever a client is looked at, in the transaction that looks: a change made by another
//! node a moment ago counts at once.

pub mod change;
mod loops;
mod reach;
pub mod save;
pub mod settle;
mod snapshot;

pub use reach::Reach;
pub(super) use snapshot::wish_of;
pub use snapshot::{Kept, Snapshot, Won, seal_template_value, snapshot, snapshot_of};
