//! Open browser sessions of the own account (OSEM §2.8.3).

use api::Page;
use api::session::{SessionView, SessionsEnded};
use domain::SessionId;
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::caller::{Caller, require_all_rights};
use super::error::{AppError, AppResult};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::{audit, sessions};

/// Sessions not used since then have ended.
pub(super) fn idle_before(app: &App, now: Timestamp) -> Timestamp {
    let idle = SignedDuration::from_secs(app.settings.integer(SettingKey::SignInIdleTimeout));
    now.checked_sub(idle).unwrap_or(Timestamp::MIN)
}

/// The open sessions of the caller's account, newest first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn list(app: &App, caller: &Caller) -> AppResult<Page<SessionView>> {
    let now = app.clock.now();
    let idle_before = idle_before(app, now);
    let sessions = sessions::of_account(&app.store, caller.account).await?;
    let open =
        sessions.into_iter().filter(|session| session.expires_at > now && session.last_seen_at > idle_before);
    let views = open.map(|session| SessionView {
        id: session.id,
        current: caller.session() == Some(session.id),
        user_agent: session.user_agent,
        address: session.address,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    });
    Ok(Page::whole(views.collect()))
}

/// Ends one session of the caller's account. A token that has fewer rights than the account ends none.
///
/// # Errors
/// `forbidden`; `not_found` when the account has no such session.
pub async fn end(app: &App, caller: &Caller, id: SessionId) -> AppResult<()> {
    require_all_rights(app, caller).await?;
    let tx = app.store.begin().await?;
    let session = sessions::by_id(&tx, id).await?;
    session.filter(|session| session.account == caller.account).ok_or_else(AppError::not_found)?;
    sessions::delete(&tx, id).await?;
    let record = NewRecord {
        at: app.clock.now(),
        actor: &caller.actor(),
        action: "session.end",
        object_kind: "session",
        object_id: id.to_string(),
        details: json!({}),
    };
    audit::append(&tx, &record).await?;
    tx.commit().await?;
    app.events.publish(Resource::Sessions, Change::Deleted, id);
    Ok(())
}

/// Ends all sessions of the caller's account but the one of this request. A token that has fewer rights than
/// the account ends none.
///
/// # Errors
/// `forbidden`.
pub async fn end_others(app: &App, caller: &Caller) -> AppResult<SessionsEnded> {
    require_all_rights(app, caller).await?;
    let tx = app.store.begin().await?;
    let ended = sessions::delete_of_account(&tx, caller.account, caller.session()).await?;
    let record = NewRecord {
        at: app.clock.now(),
        actor: &caller.actor(),
        action: "session.end-others",
        object_kind: "account",
        object_id: caller.account.to_string(),
        details: json!({ "sessions_ended": ended.len() }),
    };
    audit::append(&tx, &record).await?;
    tx.commit().await?;
    publish_ended(app, &ended);
    Ok(SessionsEnded { ended: ended.len() as u64 })
}

/// Tells everybody, and with them the streams of these sessions, which end.
pub(super) fn publish_ended(app: &App, ended: &[SessionId]) {
    for id in ended {
        app.events.publish(Resource::Sessions, Change::Deleted, id);
    }
}
