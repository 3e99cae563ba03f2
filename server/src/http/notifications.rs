//! `/notifications`: what administrators should look at.

use api::Page;
use api::notification::{NotificationQuery, NotificationView, NotificationsRemoved};
use axum::extract::State;
use domain::{NotificationId, Permission};

use super::answer::{Answer, gone, plain};
use super::extract::{Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, notifications};

/// List notifications, newest first.
#[utoipa::path(get, path = "/notifications", tag = "notifications", params(NotificationQuery),
    responses((status = 200, description = "Notifications", body = Page<NotificationView>)))]
pub(crate) async fn list_notifications(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NotificationQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&notifications::list(&app, &query?.0).await?))
}

/// Remove a notification.
#[utoipa::path(delete, path = "/notifications/{id}", tag = "notifications",
    params(("id" = i64, Path, description = "Notification")),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete_notification(
    State(app): State<App>,
    caller: Caller,
    id: Id<NotificationId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    notifications::delete(&app, &caller, id.0).await?;
    Ok(gone())
}

/// Remove all notifications.
#[utoipa::path(delete, path = "/notifications", tag = "notifications",
    responses((status = 200, description = "Removed", body = NotificationsRemoved)))]
pub(crate) async fn delete_notifications(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    Ok(plain(&notifications::delete_all(&app, &caller).await?))
}
