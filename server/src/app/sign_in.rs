//! Signing in with a browser, in one step or in two, and signing out (OSEM §2.2, §2.8, D-31, D-32).
//!
//! An unknown name, a wrong password, a disabled and a locked account look and cost the same: one password is hashed
//! whoever is named. That there is a second step learns only who knows the password.

use std::net::IpAddr;

use api::auth::{SecondFactorNeeded, SecondStep, SessionInfo, SignIn};
use api::{Code, FieldError, field};
use domain::setting::SettingKey;
use domain::{Secret, SessionId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::brake::Brake;
use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::failures::{self, Failure};
use super::lock_out::LockOut;
use super::second_factor::{self, Proof};
use super::sessions::Renewed;
use super::{own_account, password, secret_text};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::accounts::Account;
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::challenges::Challenge;
use crate::store::sessions::{Factor, Kind, NewSession};
use crate::store::{Tx, accounts, audit, challenges, sessions};

/// A longer name is nobody's; it is not looked for.
const LONGEST_USER_NAME: usize = 64;
/// Longest description of a browser that is kept, in characters.
const LONGEST_USER_AGENT: usize = 256;
/// Time for the second step.
const SECOND_STEP_TIME: SignedDuration = SignedDuration::from_mins(5);
/// Codes that may be tried in one sign-in.
const MOST_TRIES: u32 = 5;

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

impl Visitor {
    pub(super) fn address(&self) -> String {
        self.address.to_canonical().to_string()
    }

    /// As the audit table names whoever signs in. What was typed as a name nobody has may be a password typed in the
    /// wrong field: it is not kept.
    pub(super) fn actor(&self, account: Option<&Account>) -> Actor {
        Actor {
            kind: ActorKind::Account,
            id: account.map(|account| account.id.0),
            name: account.map_or_else(|| "unknown".to_owned(), |account| account.user_name.clone()),
            address: Some(self.address()),
        }
    }
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The cookie. Nothing but its hash is kept.
    pub session: Renewed,
    /// What the browser learns.
    pub info: SessionInfo,
}

/// What the first step leads to.
#[derive(Debug)]
pub enum FirstStep {
    /// A session.
    SignedIn(Box<SignedIn>),
    /// The second step.
    SecondFactorNeeded(SecondFactorNeeded),
}

/// Checks name and password. Opens a session, or asks for a code.
///
/// # Errors
/// `sign_in_failed`; `too_many_attempts`.
pub async fn sign_in(app: &App, brake: &Brake, request: SignIn, visitor: &Visitor) -> AppResult<FirstStep> {
    let now = app.clock.now();
    let keep = request.keep_signed_in;
    let checked = check_password(app, brake, &request.user_name, &request.password, visitor).await?;
    let (tx, account) = admit(app, &checked, visitor).await?;
    if account.second_factor {
        let challenge = secret_text::random(&app.entropy)?;
        let expires_at = now.checked_add(SECOND_STEP_TIME).unwrap_or(Timestamp::MAX);
        let row = Challenge {
            token_hash: &secret_text::hash(challenge.expose()),
            account: account.id,
            password_digest: &secret_text::hash(&account.password_hash),
            kept: keep,
            expires_at,
        };
        challenges::insert(&tx, &row, now).await?;
        tx.commit().await?;
        brake.half_succeeded(visitor.address);
        return Ok(FirstStep::SecondFactorNeeded(SecondFactorNeeded { challenge, expires_at }));
    }
    let signed_in = open(app, tx, &account, (keep, Factor::Password), visitor).await?;
    brake.succeeded(visitor.address, &account.user_name);
    Ok(FirstStep::SignedIn(Box::new(signed_in)))
}

/// A transaction that holds the row of an account whose password was found right. Checking it took time: an account that
/// was deleted, disabled, locked or given another password meanwhile gets neither a session nor a second step.
pub(super) async fn admit(app: &App, checked: &Account, visitor: &Visitor) -> AppResult<(Tx, Account)> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let fresh = accounts::by_id_locked(&tx, checked.id).await?;
    let account = fresh.as_ref().map(|fresh| fresh.id);
    let reason = match fresh {
        None => "deleted",
        Some(fresh) if fresh.disabled => "disabled",
        Some(fresh) if fresh.password_hash != checked.password_hash => "password-changed",
        Some(fresh) if LockOut::of(&app.settings).refuses(&fresh, visitor.address, now) => "locked",
        Some(fresh) => return Ok((tx, fresh)),
    };
    let (actor, action) = (&visitor.actor(Some(checked)), "session.sign-in-failed");
    let told = failures::record_in(app, &tx, Failure { account, actor, action, reason }).await?;
    tx.commit().await?;
    told.publish(app);
    Err(failed())
}

/// The account of a name and its password, when it may sign in.
pub(super) async fn check_password(
    app: &App,
    brake: &Brake,
    user_name: &str,
    password: &Secret,
    visitor: &Visitor,
) -> AppResult<Account> {
    let now = app.clock.now();
    let user_name = user_name.trim();
    brake.begin(visitor.address, user_name, now)?;
    let account = match user_name.chars().count() {
        0..=LONGEST_USER_NAME => accounts::by_name(&app.store, user_name).await?,
        _ => None,
    };
    let stored = account.as_ref().map(|account| account.password_hash.as_str());
    let right = password::is_right(stored, password).await?;
    let rules = LockOut::of(&app.settings);
    let reason = match &account {
        None => "unknown-name",
        Some(_) if !right => "wrong-password",
        Some(account) if account.disabled => "disabled",
        Some(account) if rules.refuses(account, visitor.address, now) => "locked",
        Some(account) => return Ok(account.clone()),
    };
    let (actor, action) = (&visitor.actor(account.as_ref()), "session.sign-in-failed");
    let account = account.map(|account| account.id);
    failures::record(app, Failure { account, actor, action, reason }).await?;
    Err(failed())
}

pub(super) fn failed() -> AppError {
    let text = "User name or password is wrong, or the account is disabled or locked.";
    AppError::new(Code::SignInFailed, text)
}

/// The second step: checks the code, which is used up by it, and opens the session.
///
/// # Errors
/// `sign_in_expired`; `second_factor_failed`; `too_many_attempts`; `invalid_fields` without exactly one kind of code.
pub async fn second_step(
    app: &App,
    brake: &Brake,
    request: SecondStep,
    visitor: &Visitor,
) -> AppResult<SignedIn> {
    let proof = match (request.code, request.recovery_code) {
        (Some(code), None) => Proof::Code(code),
        (None, Some(code)) => Proof::RecoveryCode(code),
        _ => {
            let text = "send either code or recovery_code";
            return Err(AppError::field(FieldError::new("/code", field::MISSING, text)));
        }
    };
    let now = app.clock.now();
    let token_hash = secret_text::hash(request.challenge.expose());
    // Who sends nonsense costs no transaction.
    let waiting = match challenges::account_of(&app.store, &token_hash, now).await? {
        Some(id) => accounts::by_id(&app.store, id).await?,
        None => None,
    };
    let Some(waiting) = waiting else {
        brake.begin_unnamed(visitor.address, now)?;
        return Err(expired());
    };
    brake.begin(visitor.address, &waiting.user_name, now)?;
    // Counted and committed before anything is compared.
    let tx = app.store.begin().await?;
    let attempt = challenges::count_try(&tx, &token_hash, MOST_TRIES, now).await?;
    tx.commit().await?;
    let attempt = attempt.ok_or_else(expired)?;

    let tx = app.store.begin().await?;
    let rules = LockOut::of(&app.settings);
    let account = accounts::by_id_locked(&tx, attempt.account).await?;
    let may = |account: &Account| {
        !account.disabled
            && !rules.refuses(account, visitor.address, now)
            && secret_text::hash(&account.password_hash) == attempt.password_digest
    };
    let account = account.filter(may).ok_or_else(expired)?;
    let who = (account.id, account.user_name.as_str());
    if !second_factor::use_up(app, &tx, who, &proof, now).await? {
        let actor = &visitor.actor(Some(&account));
        let (action, reason) = ("session.sign-in-failed", "wrong-code");
        let failure = Failure { account: Some(account.id), actor, action, reason };
        let told = failures::record_in(app, &tx, failure).await?;
        tx.commit().await?;
        told.publish(app);
        let left = MOST_TRIES.saturating_sub(attempt.number);
        let text = "This code is wrong, or was used before.";
        return Err(AppError::new(Code::SecondFactorFailed, text).arg("tries", left));
    }
    // Somebody else with the same challenge was faster: a sign-in opens one session.
    if !challenges::delete(&tx, &token_hash).await? {
        return Err(expired());
    }
    let signed_in = open(app, tx, &account, (attempt.kept, proof.factor()), visitor).await?;
    brake.succeeded(visitor.address, &account.user_name);
    Ok(signed_in)
}

fn expired() -> AppError {
    AppError::new(Code::SignInExpired, "This sign-in is over. Begin again with user name and password.")
}

/// Opens a session and commits.
async fn open(
    app: &App,
    tx: Tx,
    account: &Account,
    (kept, factor): (bool, Factor),
    visitor: &Visitor,
) -> AppResult<SignedIn> {
    let now = app.clock.now();
    let cookie = secret_text::session_cookie(&app.entropy)?;
    let csrf = secret_text::csrf_of(cookie.expose());
    let key = if kept { SettingKey::KeptSignInLifetime } else { SettingKey::SignInLifetime };
    let lifetime = SignedDuration::from_secs(app.settings.integer(key));
    let expires_at = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    // Signing in again in the same browser replaces its session; ended ones go on this occasion.
    let replaced = match &visitor.cookie {
        Some(old) => sessions::by_token(&tx, &secret_text::hash(old.expose())).await?,
        None => None,
    };
    if let Some(old) = &replaced {
        sessions::delete(&tx, old.id).await?;
        let details = json!({ "reason": "replaced", "account_id": old.account });
        write_audit(&tx, &visitor.actor(Some(account)), ("session.end", old.id), details, now).await?;
    }
    sessions::purge(&tx, now, super::sessions::idle_before(app, now)).await?;
    let new = NewSession {
        account: account.id,
        kind: Kind::Browser,
        kept,
        token_hash: &secret_text::hash(cookie.expose()),
        csrf_hash: &secret_text::hash(&csrf),
        confirmed_with: factor,
        user_agent: &shortened(&visitor.user_agent),
        address: &visitor.address(),
        expires_at,
    };
    let id = sessions::insert(&tx, &new, now).await?;
    accounts::record_success(&tx, account.id, &visitor.address(), now).await?;
    let details = json!({ "factor": factor.as_str() });
    write_audit(&tx, &visitor.actor(Some(account)), ("session.sign-in", id), details, now).await?;
    tx.commit().await?;
    if let Some(old) = replaced {
        app.events.publish_for(old.account, Resource::Sessions, Change::Deleted, old.id);
    }
    app.events.publish_for(account.id, Resource::Sessions, Change::Created, id);
    let mut info = own_account::describe(account, account.roles.as_slice().to_vec());
    info.session_id = Some(id);
    info.expires_at = Some(expires_at);
    info.confirmed_until = Some(super::step_up::confirmed_until(app, now));
    info.csrf_token = Some(csrf);
    Ok(SignedIn { session: Renewed { cookie, keep_for: kept.then_some(lifetime) }, info })
}

/// What is kept of what a browser says of itself.
pub(super) fn shortened(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(LONGEST_USER_AGENT).collect()
}

/// Ends the session of the caller. A token has none to end; it stays.
///
/// # Errors
/// When the database refuses.
pub async fn sign_out(app: &App, caller: &Caller) -> AppResult<()> {
    let Some(id) = caller.session() else { return Ok(()) };
    let tx = app.store.begin().await?;
    if sessions::delete(&tx, id).await? {
        let action = ("session.sign-out", id);
        write_audit(&tx, &caller.actor(), action, json!({}), app.clock.now()).await?;
    }
    tx.commit().await?;
    app.events.publish_for(caller.account, Resource::Sessions, Change::Deleted, id);
    Ok(())
}

async fn write_audit(
    tx: &Tx,
    actor: &Actor,
    (action, id): (&'static str, SessionId),
    details: serde_json::Value,
    at: Timestamp,
) -> AppResult<()> {
    let object_id = id.to_string();
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "session", object_id, details }).await?;
    Ok(())
}
