//! Open sessions of the own account (OSEM §2.8.3).

use api::Page;
use api::session::{EndSessions, SessionKind, SessionView, SessionsEnded};
use domain::setting::SettingKey;
use domain::{AccountId, Secret, SessionId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::caller::{Caller, require_all_rights};
use super::error::{AppError, AppResult};
use super::{browser, secret_text};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::sessions::{IdleBefore, Kind};
use crate::store::{Tx, audit, sessions};

/// Sessions not used since then have ended.
pub(super) fn idle_before(app: &App, now: Timestamp) -> IdleBefore {
    let before = |key| {
        let idle = SignedDuration::from_secs(app.settings.integer(key));
        now.checked_sub(idle).unwrap_or(Timestamp::MIN)
    };
    IdleBefore {
        passing: before(SettingKey::SignInIdleTimeout),
        kept: before(SettingKey::KeptSignInIdleTimeout),
    }
}

/// A session with another cookie than before.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// Value of the session cookie from now on.
    pub cookie: Secret,
    /// How long the browser may keep it when it is closed; `None`: not at all.
    pub keep_for: Option<SignedDuration>,
}

/// Gives the caller's session another cookie, because its rights changed (ASVS 7.2.4): one that somebody else has
/// seen is worth nothing from then on, but that requests under way may still read for a moment. `None` with a token, and
/// when another request was faster.
pub(super) async fn renew(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    cookie: Option<&Secret>,
    now: Timestamp,
) -> AppResult<Option<Renewed>> {
    let (Some(id), Some(cookie)) = (caller.session(), cookie) else { return Ok(None) };
    let Some(session) = sessions::by_id(tx, id).await? else { return Ok(None) };
    let renewed = secret_text::renewed_cookie(&app.entropy, cookie.expose())?;
    let hashes = (secret_text::hash(cookie.expose()), secret_text::hash(renewed.expose()));
    if !sessions::rotate(tx, id, (&hashes.0, &hashes.1), now).await? {
        return Ok(None);
    }
    let keep_for = session.kept.then(|| session.expires_at.duration_since(now));
    Ok(Some(Renewed { cookie: renewed, keep_for }))
}

/// The open sessions of the caller's account, newest first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn list(app: &App, caller: &Caller) -> AppResult<Page<SessionView>> {
    let now = app.clock.now();
    let idle_before = idle_before(app, now);
    let sessions = sessions::of_account(&app.store, caller.account).await?;
    let open = sessions.into_iter().filter(|session| idle_before.is_open(session, now));
    let views = open.map(|session| SessionView {
        id: session.id,
        current: caller.session() == Some(session.id),
        kind: match session.kind {
            Kind::Browser => SessionKind::Browser,
            Kind::TokenPair => SessionKind::TokenPair,
        },
        browser: browser::browser(&session.user_agent),
        system: browser::system(&session.user_agent),
        user_agent: session.user_agent,
        address: session.address,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        kept: session.kept,
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
    // Account before sessions, as whoever uses one.
    caller.still_valid(&tx).await?;
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
    app.events.publish_for(caller.account, Resource::Sessions, Change::Deleted, id);
    Ok(())
}

/// Ends all sessions of the caller's account, that of this request only when wanted. A token that has fewer rights
/// than the account ends none.
///
/// # Errors
/// `forbidden`.
pub async fn end_all(app: &App, caller: &Caller, query: &EndSessions) -> AppResult<SessionsEnded> {
    require_all_rights(app, caller).await?;
    let but = caller.session().filter(|_| query.current != Some(true));
    let tx = app.store.begin().await?;
    caller.still_valid(&tx).await?;
    let ended = sessions::delete_of_account(&tx, caller.account, but).await?;
    let record = NewRecord {
        at: app.clock.now(),
        actor: &caller.actor(),
        action: if but.is_some() { "session.end-others" } else { "session.end-all" },
        object_kind: "account",
        object_id: caller.account.to_string(),
        details: json!({ "sessions_ended": ended.len() }),
    };
    audit::append(&tx, &record).await?;
    tx.commit().await?;
    publish_ended(app, caller.account, &ended);
    Ok(SessionsEnded { ended: ended.len() as u64 })
}

/// Tells those it concerns, and with them the streams of these sessions, which end.
pub(super) fn publish_ended(app: &App, account: AccountId, ended: &[SessionId]) {
    for id in ended {
        app.events.publish_for(account, Resource::Sessions, Change::Deleted, id);
    }
}
