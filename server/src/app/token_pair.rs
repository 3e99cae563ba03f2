//! Pairs of a short-lived access token and a refresh token, for programs that sign in with a password (OSEM §13.10).
//!
//! A pair is a session like that of a browser: it is in the list of sessions, has their limits, ends with them at once,
//! must confirm before something dangerous, and does nothing before a first password was changed. Each refresh token
//! counts once: whoever comes with a used one ends the session, because two have it (RFC 9700 §4.14.2). All refresh
//! tokens of a pair begin alike, so that also one that was used long ago is known.

use api::auth::{GrantType, TokenPair, TokenRequest};
use api::{Code, FieldError, field};
use domain::Secret;
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::access_token::{self, Bearer, Signer, TokenKeys};
use super::brake::Brake;
use super::error::{AppError, AppResult};
use super::failures::{self, Failure};
use super::second_factor::{self, Proof};
use super::sign_in::{Visitor, admit, check_password, shortened};
use super::{secret_text, sessions};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::accounts::Account;
use crate::store::audit::NewRecord;
use crate::store::sessions::{self as rows, Factor, Kind, NewSession, Session};
use crate::store::{Source, Tx, accounts, audit};

/// An answer may be lost on its way: who comes with the refresh token before within this time is only refused.
const LOST: SignedDuration = SignedDuration::from_secs(10);

/// Gives a pair of tokens, for a password or for a refresh token.
///
/// # Errors
/// `invalid_fields`; `sign_in_failed`; `second_factor_failed` when a code is needed too, or is wrong; `unauthenticated`
/// when the refresh token does not count; `too_many_attempts`.
pub async fn grant(
    app: &App,
    brake: &Brake,
    keys: &TokenKeys,
    request: TokenRequest,
    visitor: &Visitor,
) -> AppResult<TokenPair> {
    match request.grant_type {
        GrantType::Password => by_password(app, brake, keys, request, visitor).await,
        GrantType::RefreshToken => refresh(app, brake, keys, request, visitor).await,
    }
}

fn needed<T>(value: Option<T>, place: &str) -> AppResult<T> {
    let missing = || AppError::field(FieldError::new(place, field::MISSING, "is needed for this grant_type"));
    value.ok_or_else(missing)
}

async fn by_password(
    app: &App,
    brake: &Brake,
    keys: &TokenKeys,
    request: TokenRequest,
    visitor: &Visitor,
) -> AppResult<TokenPair> {
    let user_name = needed(request.user_name, "/user_name")?;
    let password = needed(request.password, "/password")?;
    let checked = check_password(app, brake, &user_name, &password, visitor).await?;
    let proof = match (request.code, request.recovery_code) {
        (Some(code), _) => Some(Proof::Code(code)),
        (None, Some(code)) => Some(Proof::RecoveryCode(code)),
        (None, None) => None,
    };
    let signer = keys.prepare(app).await?;
    let now = app.clock.now();
    let (tx, account) = admit(app, &checked, visitor).await?;
    let mut factor = Factor::Password;
    if account.second_factor {
        let who = (account.id, account.user_name.as_str());
        let passed = match &proof {
            Some(proof) => second_factor::use_up(app, &tx, who, proof, now).await?,
            None => false,
        };
        if !passed {
            // Who sends no code only asks whether one is needed; the brake counts it all the same.
            if proof.is_some() {
                let actor = &visitor.actor(Some(&account));
                let (action, reason) = ("session.sign-in-failed", "wrong-code");
                let failure = Failure { account: Some(account.id), actor, action, reason };
                let told = failures::record_in(app, &tx, failure).await?;
                tx.commit().await?;
                told.publish(app);
            }
            let text = "This account needs a code too, and this one is missing, wrong, or was used before.";
            return Err(AppError::new(Code::SecondFactorFailed, text));
        }
        factor = proof.as_ref().map_or(factor, Proof::factor);
    }
    let lifetime = SignedDuration::from_secs(app.settings.integer(SettingKey::SignInLifetime));
    let expires_at = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let refresh_token = secret_text::session_cookie(&app.entropy)?;
    rows::purge(&tx, now, sessions::idle_before(app, now)).await?;
    let new = NewSession {
        account: account.id,
        kind: Kind::TokenPair,
        kept: false,
        token_hash: &secret_text::hash(refresh_token.expose()),
        // Has no cookie, and therefore no CSRF token.
        csrf_hash: &secret_text::lasting_hash(refresh_token.expose()),
        confirmed_with: factor,
        user_agent: &shortened(&visitor.user_agent),
        address: &visitor.address(),
        expires_at,
    };
    let session = rows::insert(&tx, &new, now).await?;
    accounts::record_success(&tx, account.id, &visitor.address(), now).await?;
    let details = json!({ "kind": "token-pair", "factor": factor.as_str() });
    write_audit(app, &tx, visitor, &account, ("session.sign-in", session.to_string(), details)).await?;
    let bearer = Bearer { account: account.id, session, expires_at };
    let pair = pair(app, &signer, bearer, refresh_token)?;
    tx.commit().await?;
    brake.succeeded(visitor.address, &account.user_name);
    app.events.publish_for(account.id, Resource::Sessions, Change::Created, session);
    Ok(pair)
}

async fn refresh(
    app: &App,
    brake: &Brake,
    keys: &TokenKeys,
    request: TokenRequest,
    visitor: &Visitor,
) -> AppResult<TokenPair> {
    let given = needed(request.refresh_token, "/refresh_token")?;
    let now = app.clock.now();
    let hash = secret_text::hash(given.expose());
    // Who sends nonsense costs no transaction.
    let hashes = (secret_text::lasting_hash(given.expose()), hash.clone());
    let current = rows::by_token(&app.store, &hash).await?;
    if current.is_none() {
        brake.begin_unnamed(visitor.address, now)?;
        if used_before(app, &app.store, &hashes).await?.is_none() {
            return Err(AppError::unauthenticated());
        }
    }
    let signer = keys.prepare(app).await?;
    let tx = app.store.begin().await?;
    let Some(session) = rows::by_token(&tx, &hash).await?.filter(|session| is_usable(app, session, now))
    else {
        end_when_used_before(app, tx, &hashes, visitor).await?;
        return Err(AppError::unauthenticated());
    };
    let account = accounts::by_id(&tx, session.account).await?;
    let account = account.filter(|account| !account.disabled).ok_or_else(AppError::unauthenticated)?;
    let next = secret_text::renewed_cookie(&app.entropy, given.expose())?;
    if !rows::rotate(&tx, session.id, (&hash, &secret_text::hash(next.expose())), now).await? {
        return Err(AppError::unauthenticated());
    }
    rows::touch(&tx, session.id, now).await?;
    let bearer = Bearer { account: account.id, session: session.id, expires_at: session.expires_at };
    let pair = pair(app, &signer, bearer, next)?;
    tx.commit().await?;
    Ok(pair)
}

fn is_usable(app: &App, session: &Session, now: Timestamp) -> bool {
    session.kind == Kind::TokenPair && sessions::idle_before(app, now).is_open(session, now)
}

/// The pair that had a refresh token before, unless it was the last one and only just replaced.
async fn used_before(
    app: &App,
    on: &impl Source,
    (lasting_hash, hash): &(Vec<u8>, Vec<u8>),
) -> AppResult<Option<Session>> {
    let now = app.clock.now();
    let just_now = now.checked_sub(LOST).unwrap_or(now);
    let used = rows::by_used_refresh_token(on, (lasting_hash, hash), just_now).await?;
    Ok(used.filter(|(_, just_replaced)| !just_replaced).map(|(session, _)| session))
}

async fn end_when_used_before(
    app: &App,
    tx: Tx,
    hashes: &(Vec<u8>, Vec<u8>),
    visitor: &Visitor,
) -> AppResult<()> {
    let Some(session) = used_before(app, &tx, hashes).await? else { return Ok(()) };
    let Some(account) = accounts::by_id(&tx, session.account).await? else { return Ok(()) };
    rows::delete(&tx, session.id).await?;
    let details = json!({ "kind": "token-pair" });
    let action = ("session.refresh-token-used-twice", session.id.to_string(), details);
    write_audit(app, &tx, visitor, &account, action).await?;
    tx.commit().await?;
    app.events.publish_for(session.account, Resource::Sessions, Change::Deleted, session.id);
    Ok(())
}

/// The pair of a session, whose end is that of its bearer; the access token ends earlier.
fn pair(app: &App, signer: &Signer, session: Bearer, refresh_token: Secret) -> AppResult<TokenPair> {
    let lifetime = SignedDuration::from_secs(app.settings.integer(SettingKey::AccessTokenLifetime));
    let ends = app.clock.now().checked_add(lifetime).unwrap_or(Timestamp::MAX).min(session.expires_at);
    // A token knows whole seconds.
    let ends = Timestamp::from_second(ends.as_second()).unwrap_or(ends);
    let access_token = access_token::sign(app, signer, Bearer { expires_at: ends, ..session })?;
    Ok(TokenPair {
        access_token,
        token_type: "Bearer".to_owned(),
        access_expires_at: ends,
        refresh_token,
        refresh_expires_at: session.expires_at,
        session_id: session.session,
    })
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    visitor: &Visitor,
    account: &Account,
    (action, object_id, details): (&'static str, String, serde_json::Value),
) -> AppResult<()> {
    let (at, actor) = (app.clock.now(), &visitor.actor(Some(account)));
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "session", object_id, details }).await?;
    Ok(())
}
