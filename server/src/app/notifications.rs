//! Notifications for administrators: reading and removing them. They are raised by the use cases they are about.

use api::Page;
use api::notification::{NotificationQuery, NotificationView, NotificationsRemoved};
use domain::NotificationId;
use serde_json::json;

use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::paging::Paging;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::{Tx, audit, notifications as rows};

/// Notifications, newest first.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &NotificationQuery) -> AppResult<Page<NotificationView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let (notifications, total) =
        tokio::try_join!(rows::list(&app.store, paging.skip(), paging.size), rows::count(&app.store))?;
    let views = notifications.into_iter().map(|row| NotificationView {
        id: row.id,
        at: row.at,
        code: row.code,
        args: row.args,
        client_id: row.client,
    });
    Ok(Page { items: views.collect(), total, page: Some(paging.page), size: paging.size, next: None })
}

/// Removes one.
///
/// # Errors
/// `not_found`.
pub async fn delete(app: &App, caller: &Caller, id: NotificationId) -> AppResult<()> {
    let tx = app.store.begin().await?;
    if rows::delete(&tx, Some(id)).await? == 0 {
        return Err(AppError::not_found());
    }
    write_audit(app, &tx, caller, "notification.delete", id.to_string(), json!({})).await?;
    tx.commit().await?;
    app.events.publish(Resource::Notifications, Change::Deleted, id);
    Ok(())
}

/// Removes all.
///
/// # Errors
/// When the database refuses.
pub async fn delete_all(app: &App, caller: &Caller) -> AppResult<NotificationsRemoved> {
    let tx = app.store.begin().await?;
    let removed = rows::delete(&tx, None).await?;
    write_audit(app, &tx, caller, "notification.delete-all", String::new(), json!({ "removed": removed }))
        .await?;
    tx.commit().await?;
    if removed > 0 {
        app.events.publish(Resource::Notifications, Change::Deleted, "");
    }
    Ok(NotificationsRemoved { removed })
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    object_id: String,
    details: serde_json::Value,
) -> AppResult<()> {
    let (at, actor) = (app.clock.now(), &caller.actor());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "notification", object_id, details })
        .await?;
    Ok(())
}
