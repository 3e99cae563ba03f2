//! Signing in with a browser, signing out, the own session and the own password (OSEM §2.2, §2.8, D-31, D-32).
//!
//! An unknown name, a wrong password and a disabled account look and last the same.

use std::net::IpAddr;

use api::auth::{ChangePassword, SessionInfo, SignIn};
use api::{Code, FieldError, field};
use domain::setting::SettingKey;
use domain::{Permission, Secret, SessionId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::brake::Brake;
use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::{password, secret_text};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::accounts::Account;
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::sessions::NewSession;
use crate::store::{Tx, accounts, audit, sessions};

/// A longer name is nobody's; it is not looked for.
const LONGEST_USER_NAME: usize = 64;
/// Longest description of a browser that is kept, in characters.
const LONGEST_USER_AGENT: usize = 256;

/// Where a sign-in comes from.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Address.
    pub address: IpAddr,
    /// What the browser says it is.
    pub user_agent: String,
    /// Session cookie the browser sent along; that session ends when the sign-in succeeds.
    pub cookie: Option<Secret>,
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Value of the session cookie. Nothing but its hash is kept.
    pub cookie: Secret,
    /// How long the browser may keep the cookie when it is closed; `None`: not at all.
    pub keep_for: Option<SignedDuration>,
    /// What the browser learns.
    pub info: SessionInfo,
}

/// Opens a session.
///
/// # Errors
/// `sign_in_failed`; `too_many_attempts`.
pub async fn sign_in(app: &App, brake: &Brake, request: SignIn, visitor: &Visitor) -> AppResult<SignedIn> {
    let now = app.clock.now();
    let user_name = request.user_name.trim();
    brake.begin(visitor.address, user_name, now)?;
    let account = match user_name.chars().count() {
        0..=LONGEST_USER_NAME => accounts::by_name(&app.store, user_name).await?,
        _ => None,
    };
    let stored = account.as_ref().map(|account| account.password_hash.as_str());
    let right = password::is_right(stored, &request.password).await?;
    let Some(account) = account.as_ref().filter(|account| right && !account.disabled) else {
        record_sign_in_failure(app, account.as_ref(), right, visitor.address).await?;
        return Err(failed());
    };
    brake.succeeded(visitor.address, user_name);
    open(app, account, request.keep_signed_in, visitor, now).await
}

fn failed() -> AppError {
    AppError::new(Code::SignInFailed, "User name or password is wrong, or the account is disabled.")
}

async fn record_sign_in_failure(
    app: &App,
    account: Option<&Account>,
    right: bool,
    address: IpAddr,
) -> AppResult<()> {
    let reason = match account {
        None => "unknown-name",
        Some(_) if right => "disabled",
        Some(_) => "wrong-password",
    };
    // What was typed as a name nobody has may be a password typed in the wrong field: it is not kept.
    let actor = Actor {
        kind: ActorKind::Account,
        id: account.map(|account| account.id.0),
        name: account.map_or_else(|| "unknown".to_owned(), |account| account.user_name.clone()),
        address: Some(address.to_canonical().to_string()),
    };
    record_failure(app, account, &actor, "session.sign-in-failed", reason).await
}

async fn record_failure(
    app: &App,
    account: Option<&Account>,
    actor: &Actor,
    action: &'static str,
    reason: &str,
) -> AppResult<()> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    if let Some(account) = account {
        accounts::record_failure(&tx, account.id, at).await?;
    }
    let object_id = account.map(|account| account.id.to_string()).unwrap_or_default();
    audit::append(
        &tx,
        &NewRecord {
            at,
            actor,
            action,
            object_kind: "account",
            object_id,
            details: json!({ "reason": reason }),
        },
    )
    .await?;
    Ok(tx.commit().await?)
}

async fn open(
    app: &App,
    account: &Account,
    keep: bool,
    visitor: &Visitor,
    now: Timestamp,
) -> AppResult<SignedIn> {
    let cookie = secret_text::random(&app.entropy)?;
    let csrf = secret_text::csrf_of(cookie.expose());
    let lifetime = SignedDuration::from_secs(app.settings.integer(SettingKey::SignInLifetime));
    let expires_at = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let address = visitor.address.to_canonical().to_string();
    let user_agent: String =
        visitor.user_agent.chars().filter(|c| !c.is_control()).take(LONGEST_USER_AGENT).collect();
    let tx = app.store.begin().await?;
    // Checking the password takes time: an account that was deleted, disabled or given another password
    // meanwhile ended its sessions then, and must not get a new one for the old password.
    let unchanged = accounts::by_id(&tx, account.id)
        .await?
        .is_some_and(|now| !now.disabled && now.password_hash == account.password_hash);
    if !unchanged {
        return Err(failed());
    }
    // Signing in again in the same browser replaces its session; ended ones go on this occasion.
    let replaced = match &visitor.cookie {
        Some(old) => sessions::by_token(&tx, &secret_text::hash(old.expose())).await?,
        None => None,
    };
    if let Some(old) = &replaced {
        sessions::delete(&tx, old.id).await?;
    }
    sessions::purge(&tx, now, super::sessions::idle_before(app, now)).await?;
    let new = NewSession {
        account: account.id,
        token_hash: &secret_text::hash(cookie.expose()),
        csrf_hash: &secret_text::hash(&csrf),
        user_agent: &user_agent,
        address: &address,
        expires_at,
    };
    let id = sessions::insert(&tx, &new, now).await?;
    accounts::record_success(&tx, account.id, now).await?;
    let actor = Actor {
        kind: ActorKind::Account,
        id: Some(account.id.0),
        name: account.user_name.clone(),
        address: Some(address),
    };
    write_audit(&tx, &actor, "session.sign-in", id, now).await?;
    tx.commit().await?;
    if let Some(old) = replaced {
        app.events.publish(Resource::Sessions, Change::Deleted, old.id);
    }
    app.events.publish(Resource::Sessions, Change::Created, id);
    let mut info = describe(account, account.roles.as_slice().to_vec());
    info.session_id = Some(id);
    info.expires_at = Some(expires_at);
    info.csrf_token = Some(csrf);
    Ok(SignedIn { cookie, keep_for: keep.then_some(lifetime), info })
}

fn describe(account: &Account, roles: Vec<domain::Role>) -> SessionInfo {
    let set = domain::RoleSet::new(roles.iter().copied());
    SessionInfo {
        account_id: account.id,
        user_name: account.user_name.clone(),
        roles,
        permissions: Permission::ALL.into_iter().filter(|permission| set.may(*permission)).collect(),
        language: account.language.clone(),
        email: account.email.clone(),
        must_change_password: account.must_change_password,
        failed_sign_ins: account.failed_sign_ins,
        last_failed_sign_in_at: account.last_failed_sign_in_at,
        session_id: None,
        token_id: None,
        expires_at: None,
        csrf_token: None,
    }
}

/// What a caller may know of itself. `cookie` is the session cookie of the request.
///
/// # Errors
/// `unauthenticated` when the account has gone meanwhile.
pub async fn info(app: &App, caller: &Caller, cookie: Option<&Secret>) -> AppResult<SessionInfo> {
    let account = accounts::by_id(&app.store, caller.account).await?.ok_or_else(AppError::unauthenticated)?;
    let mut info = describe(&account, caller.roles.as_slice().to_vec());
    info.session_id = caller.session();
    info.token_id = caller.token();
    info.expires_at = caller.expires_at;
    if info.session_id.is_some() {
        info.csrf_token = cookie.map(|cookie| secret_text::csrf_of(cookie.expose()));
    }
    Ok(info)
}

/// Ends the session of the caller. A token has none to end; it stays.
///
/// # Errors
/// When the database refuses.
pub async fn sign_out(app: &App, caller: &Caller) -> AppResult<()> {
    let Some(id) = caller.session() else { return Ok(()) };
    let tx = app.store.begin().await?;
    if sessions::delete(&tx, id).await? {
        write_audit(&tx, &caller.actor(), "session.sign-out", id, app.clock.now()).await?;
    }
    tx.commit().await?;
    app.events.publish(Resource::Sessions, Change::Deleted, id);
    Ok(())
}

async fn write_audit(
    tx: &Tx,
    actor: &Actor,
    action: &'static str,
    id: SessionId,
    at: Timestamp,
) -> AppResult<()> {
    let object_id = id.to_string();
    audit::append(
        tx,
        &NewRecord { at, actor, action, object_kind: "session", object_id, details: json!({}) },
    )
    .await?;
    Ok(())
}

/// Changes the own password; all other sessions of the account end.
///
/// # Errors
/// `invalid_fields` when the old password is wrong or the new one breaks the policy; `too_many_attempts`.
pub async fn change_password(
    app: &App,
    brake: &Brake,
    caller: &Caller,
    request: ChangePassword,
) -> AppResult<()> {
    let at = app.clock.now();
    let account = accounts::by_id(&app.store, caller.account).await?.ok_or_else(AppError::unauthenticated)?;
    // A stolen session must not become a way to guess the password.
    brake.begin(caller.address, &account.user_name, at)?;
    if !password::is_right(Some(&account.password_hash), &request.old_password).await? {
        let action = "account.change-password-failed";
        record_failure(app, Some(&account), &caller.actor(), action, "wrong-password").await?;
        let text = "is not the password of this account";
        return Err(AppError::field(FieldError::new("/old_password", field::WRONG_PASSWORD, text)));
    }
    brake.succeeded(caller.address, &account.user_name);
    let policy = password::policy(&app.settings);
    let mut faults = password::faults(policy, &account.user_name, &request.new_password, "/new_password");
    if request.new_password == request.old_password {
        let text = "must be another one than before";
        faults.push(FieldError::new("/new_password", field::INVALID, text));
    }
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let password_hash = password::hash(&app.entropy, &request.new_password).await?;
    let changed = Account { password_hash, must_change_password: false, ..account };
    let tx = app.store.begin().await?;
    if !accounts::update(&tx, &changed, at).await? {
        return Err(AppError::stale());
    }
    let ended = sessions::delete_of_account(&tx, changed.id, caller.session()).await?;
    let details = json!({ "changed": ["password"], "sessions_ended": ended.len() });
    let object_id = changed.id.to_string();
    let actor = caller.actor();
    let action = "account.change-password";
    audit::append(&tx, &NewRecord { at, actor: &actor, action, object_kind: "account", object_id, details })
        .await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, changed.id);
    super::sessions::publish_ended(app, &ended);
    Ok(())
}
