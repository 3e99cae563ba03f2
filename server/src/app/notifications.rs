//! Notifications for administrators (OSEM §2.7): each account sees what it may read, and clears it for itself. They
//! are raised by the use cases they are about, and by [`super::watch`].

use api::notification::{
    ClearNotifications, NotificationList, NotificationQuery, NotificationView, NotificationsRemoved,
    NotificationsRestored, NotificationsSeen,
};
use domain::NotificationId;
use domain::notification::NotificationCode;
use serde_json::json;

use super::caller::Caller;
use super::cursor;
use super::error::{AppError, AppResult};
use super::paging::Paging;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::notifications::{self as rows, Notification, Told};
use crate::store::{Tx, audit};

/// What the caller is told of.
fn told(caller: &Caller) -> Told {
    let codes = NotificationCode::ALL.iter().copied().filter(|code| caller.roles.may(code.permission()));
    Told { account: caller.account, codes: codes.collect() }
}

fn view(row: Notification) -> NotificationView {
    NotificationView {
        id: row.id,
        at: row.at,
        code: row.code,
        args: row.args,
        client_id: row.client,
        seen: row.seen,
    }
}

/// Notifications the caller has not cleared, newest first; by page, or behind a cursor.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, caller: &Caller, query: &NotificationQuery) -> AppResult<NotificationList> {
    let told = told(caller);
    let order = ("notifications", caller.account);
    let after = query.after.as_deref().filter(|text| !text.is_empty());
    let after: Option<NotificationId> =
        after.map(|text| cursor::decode(&order, text, "after")).transpose()?;
    let paged = after.is_none();
    let paging = Paging::new(if paged { query.page } else { None }, query.size, Some("after"))?;
    let (found, (total, unread)) = tokio::try_join!(
        rows::list(&app.store, &told, after, paging.skip(), paging.size),
        rows::count(&app.store, &told),
    )?;
    let full = found.len() as u64 == paging.size;
    let more = if paged { full && paging.has_more(total) } else { full };
    let next = found.last().filter(|_| more).map(|last| cursor::encode(&order, &last.id)).transpose()?;
    let items = found.into_iter().map(view).collect();
    let page = paged.then_some(paging.page);
    Ok(NotificationList { items, total, unread, page, size: paging.size, next })
}

/// Number of notifications the caller has not cleared, and of those of them the caller has not seen.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(app: &App, caller: &Caller) -> AppResult<(u64, u64)> {
    Ok(rows::count(&app.store, &told(caller)).await?)
}

/// Clears one for the caller's account.
///
/// # Errors
/// `not_found`, also when it was cleared before.
pub async fn delete(app: &App, caller: &Caller, id: NotificationId) -> AppResult<()> {
    let tx = app.store.begin().await?;
    if !rows::clear_one(&tx, &told(caller), id).await? {
        return Err(AppError::not_found());
    }
    write_audit(app, &tx, caller, "notification.delete", id.to_string(), json!({})).await?;
    tx.commit().await?;
    app.events.publish_for(caller.account, Resource::Notifications, Change::Deleted, id);
    Ok(())
}

/// Clears all for the caller's account, or all up to one.
///
/// # Errors
/// When the database refuses.
pub async fn delete_all(
    app: &App,
    caller: &Caller,
    query: &ClearNotifications,
) -> AppResult<NotificationsRemoved> {
    let tx = app.store.begin().await?;
    let removed = rows::clear_all(&tx, &told(caller), query.up_to).await?;
    write_audit(app, &tx, caller, "notification.delete-all", String::new(), json!({ "removed": removed }))
        .await?;
    tx.commit().await?;
    if removed > 0 {
        app.events.publish_for(caller.account, Resource::Notifications, Change::Deleted, "");
    }
    Ok(NotificationsRemoved { removed })
}

/// Undoes the last time the account cleared all that it has not undone yet. What is gone since, because newer ones
/// took its place, stays gone.
///
/// # Errors
/// When the database refuses.
pub async fn restore(app: &App, caller: &Caller) -> AppResult<NotificationsRestored> {
    let tx = app.store.begin().await?;
    let restored = rows::restore(&tx, caller.account).await?;
    if restored > 0 {
        let details = json!({ "restored": restored });
        write_audit(app, &tx, caller, "notification.restore", String::new(), details).await?;
    }
    tx.commit().await?;
    if restored > 0 {
        app.events.publish_for(caller.account, Resource::Notifications, Change::Created, "");
    }
    Ok(NotificationsRestored { restored })
}

/// Marks everything up to one as seen by the account. Changes nothing that anybody else sees, and so leaves no
/// record in the audit table.
///
/// # Errors
/// When the database refuses.
pub async fn see(app: &App, caller: &Caller, request: &NotificationsSeen) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let changed = rows::see(&tx, caller.account, request.up_to).await?;
    tx.commit().await?;
    if changed {
        app.events.publish_for(caller.account, Resource::Notifications, Change::Updated, "");
    }
    Ok(())
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
