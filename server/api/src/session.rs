//! Open browser sessions of the own account (OSEM §2.8.3).

use domain::SessionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: SessionId,
    /// Whether this request belongs to it.
    pub current: bool,
    /// Browser and operating system, as the browser says.
    pub user_agent: String,
    /// Address it was opened from.
    pub address: String,
    /// Start.
    pub created_at: Timestamp,
    /// Last use, to the minute.
    pub last_seen_at: Timestamp,
    /// End at the latest; a session that is not used ends earlier.
    pub expires_at: Timestamp,
}

/// Sessions that were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsEnded {
    /// How many.
    pub ended: u64,
}
