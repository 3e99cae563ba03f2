//! For whom something is asked: clients by their ids, or all that a filter takes (OSEM §4.5).

use domain::ClientId;
use domain::client::ClientState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most clients that can be named by their ids; a filter has no such limit.
pub const MOST_IDS: usize = 100_000;

/// Clients by their ids, or those of a filter: one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Targets {
    /// Their ids; up to 100,000.
    #[schema(value_type = Option<Vec<i64>>)]
    pub ids: Option<Vec<ClientId>>,
    /// All that this filter takes at this moment; an empty one takes all clients.
    pub filter: Option<TargetFilter>,
}

/// Which clients; the filters of the list of clients, joined by "and".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetFilter {
    /// Part of the number, of the MAC address in any spelling, or of the software version (OSEM §4.3).
    pub search: Option<String>,
    /// `SIP`, `HFA` or another word.
    pub software_type: Option<String>,
    /// Short name of the model, or a device type that is not a known one.
    pub model: Option<String>,
    /// State.
    #[schema(schema_with = crate::schema::word_or_null::<ClientState>)]
    pub state: Option<ClientState>,
}
