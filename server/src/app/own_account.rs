//! What somebody signed in may know and change of themselves: session, password, details, confirmation
//! (OSEM §2.8.1, §2.8.2, D-31, D-32).

use api::auth::{ChangeDetails, ChangePassword, Confirm, PasswordRules, SessionInfo};
use api::{FieldError, field};
use domain::{Permission, Secret};
use serde_json::json;

use super::account_fields::Faults;
use super::brake::Brake;
use super::caller::{Caller, Credential};
use super::confirmation::{Attempt, refuse_locked};
use super::error::{AppError, AppResult};
use super::second_factor::{self, Proof, need_session, wrong_code};
use super::sessions::{self, Renewed};
use super::{password, secret_text, step_up};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::accounts::{self as rows, Account};
use crate::store::audit::NewRecord;
use crate::store::sessions::Factor;
use crate::store::{Tx, audit, sessions as session_rows};

/// What an account may know of itself, without its session or token.
pub(super) fn describe(account: &Account, roles: Vec<domain::Role>) -> SessionInfo {
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
        second_factor: account.second_factor,
        confirmed_until: None,
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
    let account = rows::by_id(&app.store, caller.account).await?.ok_or_else(AppError::unauthenticated)?;
    let mut info = describe(&account, caller.roles.as_slice().to_vec());
    info.session_id = caller.session();
    info.token_id = caller.token();
    info.expires_at = caller.expires_at;
    if let Some(id) = info.session_id {
        let session = session_rows::by_id(&app.store, id).await?.ok_or_else(AppError::unauthenticated)?;
        info.confirmed_until = Some(step_up::confirmed_until(app, session.confirmed_at));
        info.csrf_token = cookie.map(|cookie| secret_text::csrf_of(cookie.expose()));
    }
    Ok(info)
}

/// Rules for passwords in force.
pub fn password_rules(app: &App) -> PasswordRules {
    let policy = password::policy(&app.settings);
    let (min_length, max_length) = policy.lengths();
    PasswordRules { policy, min_length, max_length, rules: policy.rules().to_vec() }
}

/// The account of the caller, after its password was found right; [`settle`] comes next.
async fn with_password<'a>(
    app: &'a App,
    brake: &'a Brake,
    caller: &'a Caller,
    (given, place): (&Secret, &str),
    action: &'static str,
) -> AppResult<(Account, Attempt<'a>)> {
    let attempt = Attempt::begin(app, brake, caller, action).await?;
    let account = rows::by_id(&app.store, caller.account).await?.ok_or_else(AppError::unauthenticated)?;
    if !password::is_right(Some(&account.password_hash), given).await? {
        attempt.wrong(app.store.begin().await?, "wrong-password").await?;
        let text = "is not the password of this account";
        return Err(AppError::field(FieldError::new(place, field::WRONG_PASSWORD, text)));
    }
    Ok((account, attempt))
}

/// Begins the transaction that a right password allows, when it still does: checking it took time.
async fn settle(
    app: &App,
    caller: &Caller,
    checked: &Account,
    attempt: Option<Attempt<'_>>,
) -> AppResult<Tx> {
    let tx = app.store.begin().await?;
    let fresh = caller.still_valid(&tx).await?;
    if let Some(attempt) = attempt {
        if fresh.password_hash != checked.password_hash {
            return Err(AppError::stale());
        }
        refuse_locked(app, caller, &fresh)?;
        attempt.right(&tx, !fresh.second_factor).await?;
    }
    Ok(tx)
}

/// Changes the own password; all other sessions of the account end, and this one, when it is a browser's, gets another
/// cookie. A token pair, which has no cookie to renew, ends too. Tokens stay: whoever knows the old password sees them in
/// a list, and which to revoke.
///
/// # Errors
/// `invalid_fields` when the old password is wrong or the new one breaks the policy; `too_many_attempts`.
pub async fn change_password(
    app: &App,
    brake: &Brake,
    caller: &Caller,
    cookie: Option<&Secret>,
    request: ChangePassword,
) -> AppResult<Option<Renewed>> {
    let given = (&request.old_password, "/old_password");
    let action = "account.change-password-failed";
    let (account, attempt) = with_password(app, brake, caller, given, action).await?;
    let policy = password::policy(&app.settings);
    let mut faults = password::faults(policy, &account.user_name, &request.new_password, "/new_password");
    if request.new_password == request.old_password {
        let text = "must be another one than before";
        faults.push(FieldError::new("/new_password", field::INVALID, text));
    }
    if !faults.is_empty() {
        // The old password was right all the same.
        settle(app, caller, &account, Some(attempt)).await?.commit().await?;
        return Err(AppError::fields(faults));
    }
    let at = app.clock.now();
    let password_hash = password::hash(&app.entropy, &request.new_password).await?;
    let tx = settle(app, caller, &account, Some(attempt)).await?;
    let changed = Account { password_hash, must_change_password: false, ..account };
    if !rows::update(&tx, &changed, at).await? {
        return Err(AppError::stale());
    }
    let stays = match caller.credential {
        Credential::Session { id, .. } => Some(id),
        Credential::TokenPair { .. } | Credential::Token { .. } => None,
    };
    let ended = session_rows::delete_of_account(&tx, changed.id, stays).await?;
    let renewed = confirmed(app, &tx, caller, cookie, Factor::Password).await?;
    let details = json!({ "changed": ["password"], "sessions_ended": ended.len() });
    write_audit(app, &tx, caller, "account.change-password", details).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, changed.id);
    sessions::publish_ended(app, changed.id, &ended);
    Ok(renewed)
}

/// Changes the own details. Another mail address takes the password, because mail may become a way in; the language
/// alone does not.
///
/// # Errors
/// `invalid_fields`, also when the password is wrong or missing; `too_many_attempts`; `precondition_failed` when
/// somebody else changes the account at the same moment.
pub async fn change_details(
    app: &App,
    brake: &Brake,
    caller: &Caller,
    request: ChangeDetails,
) -> AppResult<()> {
    let mut faults = Faults::default();
    let language = faults.language(&request.language);
    let email = faults.email(request.email.as_deref());
    faults.refuse()?;
    let (account, attempt) = match &request.password {
        Some(given) => {
            let action = "account.change-details-failed";
            let (account, attempt) = with_password(app, brake, caller, (given, "/password"), action).await?;
            (account, Some(attempt))
        }
        None => {
            let account = rows::by_id(&app.store, caller.account).await?;
            (account.ok_or_else(AppError::unauthenticated)?, None)
        }
    };
    if account.email != email && request.password.is_none() {
        let text = "is needed to change the mail address";
        return Err(AppError::field(FieldError::new("/password", field::MISSING, text)));
    }
    let tx = settle(app, caller, &account, attempt).await?;
    if account.email == email && account.language == language {
        tx.commit().await?;
        return Ok(());
    }
    let details = json!({
        "before": {"language": account.language, "email": account.email},
        "after": {"language": language, "email": email},
    });
    let changed = Account { language, email, ..account };
    if !rows::update(&tx, &changed, app.clock.now()).await? {
        return Err(AppError::stale());
    }
    write_audit(app, &tx, caller, "account.change-details", details).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, changed.id);
    Ok(())
}

/// Confirms who uses the session, with the password or with a code; see [`step_up`]. The session gets another cookie.
///
/// # Errors
/// `session_needed`; `invalid_fields` when password or code are wrong, or there is not exactly one of them;
/// `too_many_attempts`.
pub async fn confirm(
    app: &App,
    brake: &Brake,
    caller: &Caller,
    cookie: Option<&Secret>,
    request: Confirm,
) -> AppResult<Option<Renewed>> {
    need_session(caller)?;
    let action = "session.confirm-failed";
    let (tx, factor) = match (request.password, request.code) {
        (Some(given), None) => {
            let (account, attempt) = with_password(app, brake, caller, (&given, "/password"), action).await?;
            (settle(app, caller, &account, Some(attempt)).await?, Factor::Password)
        }
        (None, Some(code)) => with_code(app, brake, caller, Proof::of(code), action).await?,
        _ => {
            let text = "send either password or code";
            return Err(AppError::field(FieldError::new("/password", field::MISSING, text)));
        }
    };
    let renewed = confirmed(app, &tx, caller, cookie, factor).await?;
    write_audit(app, &tx, caller, "session.confirm", json!({ "factor": factor.as_str() })).await?;
    tx.commit().await?;
    Ok(renewed)
}

/// The transaction in which a code was used up.
async fn with_code(
    app: &App,
    brake: &Brake,
    caller: &Caller,
    proof: Proof,
    action: &'static str,
) -> AppResult<(Tx, Factor)> {
    let attempt = Attempt::begin(app, brake, caller, action).await?;
    let tx = app.store.begin().await?;
    let account = caller.still_valid(&tx).await?;
    let who = (account.id, account.user_name.as_str());
    if !second_factor::use_up(app, &tx, who, &proof, app.clock.now()).await? {
        attempt.wrong(tx, "wrong-code").await?;
        return Err(wrong_code());
    }
    attempt.right(&tx, true).await?;
    Ok((tx, proof.factor()))
}

async fn confirmed(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    cookie: Option<&Secret>,
    factor: Factor,
) -> AppResult<Option<Renewed>> {
    let Some(id) = caller.session() else { return Ok(None) };
    let now = app.clock.now();
    session_rows::confirm(tx, id, factor, now).await?;
    sessions::renew(app, tx, caller, cookie, now).await
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    details: serde_json::Value,
) -> AppResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), caller.account.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "account", object_id, details }).await?;
    Ok(())
}
