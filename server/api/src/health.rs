//! Whether the server is alive and ready, for load balancers and monitoring.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`; what is not well is a problem document.
    pub status: String,
}
