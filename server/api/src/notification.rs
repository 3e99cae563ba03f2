//! Notifications: a code and its arguments, worded by whoever shows them (D-35, OSEM §2.7). Everybody who may
//! read what one is about is told, and clears it for the own account alone.

use domain::notification::NotificationCode;
use domain::{ClientId, NotificationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// Its id; a later one has a larger one.
    #[schema(value_type = i64)]
    pub id: NotificationId,
    /// When it was raised.
    pub at: Timestamp,
    /// What it says.
    #[schema(schema_with = crate::schema::word::<NotificationCode>)]
    pub code: NotificationCode,
    /// Arguments of the text.
    #[schema(value_type = Object)]
    pub args: Value,
    /// The client it is about.
    #[schema(value_type = Option<i64>)]
    pub client_id: Option<ClientId>,
    /// Whether the caller has marked it as seen, or a later one.
    pub seen: bool,
}

/// A page of notifications. Bounded: of each code the newest 300 are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationList {
    /// The notifications, newest first.
    pub items: Vec<NotificationView>,
    /// All that the caller has not cleared.
    pub total: u64,
    /// Those of them that the caller has not seen.
    pub unread: u64,
    /// Number of the page; `null` behind a cursor.
    pub page: Option<u64>,
    /// Most notifications on a page.
    pub size: u64,
    /// Continue with `after` set to this; `null` on the last page.
    pub next: Option<String>,
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
    /// Cursor: the list's `next`.
    pub after: Option<String>,
}

/// Which notifications are cleared.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ClearNotifications {
    /// Only those up to this one, the newest that was shown; all unless set.
    #[param(value_type = Option<i64>)]
    pub up_to: Option<NotificationId>,
}

/// Notifications that were cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationsRemoved {
    /// How many.
    pub removed: u64,
}

/// Notifications that are shown again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationsRestored {
    /// How many; 0 when there was nothing to undo.
    pub restored: u64,
}

/// What the caller has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationsSeen {
    /// This one and everything before it. What was seen stays seen: an older one changes nothing.
    #[schema(value_type = i64)]
    pub up_to: NotificationId,
}
