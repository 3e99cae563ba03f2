//! `/notifications`: what the caller should look at (OSEM §2.7). Each account clears and sees for itself.

use api::notification::{
    ClearNotifications, NotificationList, NotificationQuery, NotificationsRemoved, NotificationsRestored,
    NotificationsSeen,
};
use axum::extract::State;
use domain::{NotificationId, Permission};

use super::answer::{Answer, gone, plain};
use super::extract::{Id, Json, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, notifications};

/// List the notifications that the caller may be told and has not cleared, newest first.
#[utoipa::path(get, path = "/notifications", tag = "notifications", params(NotificationQuery),
    responses((status = 200, description = "Notifications", body = NotificationList)))]
pub(crate) async fn list_notifications(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NotificationQuery>>,
) -> Answer {
    caller.require(Permission::Own)?;
    Ok(plain(&notifications::list(&app, &caller, &query?.0).await?))
}

/// Clear a notification, for the own account alone.
#[utoipa::path(delete, path = "/notifications/{id}", tag = "notifications",
    params(("id" = i64, Path, description = "Notification")),
    responses((status = 204, description = "Cleared")))]
pub(crate) async fn delete_notification(
    State(app): State<App>,
    caller: Caller,
    id: Id<NotificationId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    notifications::delete(&app, &caller, id.0).await?;
    Ok(gone())
}

/// Clear all notifications, for the own account alone.
#[utoipa::path(delete, path = "/notifications", tag = "notifications", params(ClearNotifications),
    responses((status = 200, description = "Cleared", body = NotificationsRemoved)))]
pub(crate) async fn delete_notifications(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ClearNotifications>>,
) -> Answer {
    caller.require(Permission::Own)?;
    Ok(plain(&notifications::delete_all(&app, &caller, &query?.0).await?))
}

/// Undo clearing all: those that the account cleared together last are shown again.
#[utoipa::path(post, path = "/notifications/restore", tag = "notifications",
    responses((status = 200, description = "Shown again", body = NotificationsRestored)))]
pub(crate) async fn restore_notifications(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    Ok(plain(&notifications::restore(&app, &caller).await?))
}

/// Mark notifications as seen by the account.
#[utoipa::path(post, path = "/notifications/seen", tag = "notifications", request_body = NotificationsSeen,
    responses((status = 204, description = "Marked")))]
pub(crate) async fn mark_notifications_seen(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Json<NotificationsSeen>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    notifications::see(&app, &caller, &request?.0).await?;
    Ok(gone())
}
