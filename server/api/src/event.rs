//! Live changes: what an event of `GET /events` carries. It only says what changed; readers fetch it again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Data of an event named `change`. Besides it there are `ready` (the stream listens from here on) and
/// `lag` (events were lost or too many: fetch everything again), both without fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeEvent {
    /// Word of the resource: `clients`, `jobs`, `plans`, `notifications`, `accounts`, `tokens`, `sessions`,
    /// `settings`, `templates`, `groups`, `client-fields`, `scans`, `files`,
    /// `storage-providers`. Only changes of what the caller may read are told; of sessions, tokens and the account also the
    /// own ones.
    pub resource: String,
    /// `created`, `updated` or `deleted`.
    pub change: String,
    /// Id of the thing, as in its address; empty when several things changed at once.
    pub id: String,
}
