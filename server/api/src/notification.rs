//! Notifications for administrators: a code and its arguments, worded by whoever shows them (D-35).

use domain::{ClientId, NotificationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: NotificationId,
    /// When it was raised.
    pub at: Timestamp,
    /// What it says: `client-quarantined`, `phone-fault`, …
    pub code: String,
    /// Arguments of the text.
    #[schema(value_type = Object)]
    pub args: Value,
    /// The client it is about.
    #[schema(value_type = Option<i64>)]
    pub client_id: Option<ClientId>,
}

/// Which notifications a list shows, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct NotificationQuery {
    /// Page, from 1.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Notifications on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
}

/// Notifications that were removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationsRemoved {
    /// How many.
    pub removed: u64,
}
