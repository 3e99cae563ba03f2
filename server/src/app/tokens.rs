//! API tokens of accounts. A token never has more rights than its account, and none made with a token has
//! more than that one, in roles or in time.

use api::token::{NewToken, TokenMade, TokenQuery, TokenView};
use api::{FieldError, Page, field};
use domain::{AccountId, Permission, RoleSet, Secret, TokenId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::account_fields::too_many;
use super::caller::{Caller, covers, require_all_rights};
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::secret_text;
use crate::App;
use crate::clock::{Clock, Entropy};
use crate::events::{Change, Resource};
use crate::store::audit::{Actor, NewRecord};
use crate::store::tokens::{self as rows, Token};
use crate::store::{Store, StoreError, Tx, accounts, audit};

/// Longest name of a token, in characters.
const LONGEST_NAME: usize = 100;
/// Characters of a token that are kept to tell tokens apart.
const HINT: usize = 4;

fn view(token: Token) -> TokenView {
    TokenView {
        id: token.id,
        account_id: token.account,
        name: token.name,
        hint: token.hint,
        roles: token.roles.map(|roles| roles.as_slice().to_vec()),
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}

/// Tokens of the caller's account, or of another one for those who may read accounts.
///
/// # Errors
/// `forbidden`; `not_found` when there is no such account.
pub async fn list(app: &App, caller: &Caller, query: &TokenQuery) -> AppResult<Page<TokenView>> {
    let account = query.account_id.unwrap_or(caller.account);
    if account != caller.account {
        caller.require(Permission::ReadAccounts)?;
        accounts::by_id(&app.store, account).await?.ok_or_else(AppError::not_found)?;
    }
    let tokens = rows::of_account(&app.store, account).await?;
    Ok(Page::whole(tokens.into_iter().map(view).collect()))
}

/// A token of the caller's account, or of any account for those who may read accounts.
///
/// # Errors
/// `not_found`, also for a token that is not the caller's business.
pub async fn find(app: &App, caller: &Caller, id: TokenId) -> AppResult<TokenView> {
    let token = rows::by_id(&app.store, id).await?;
    let allowed =
        |token: &Token| token.account == caller.account || caller.roles.may(Permission::ReadAccounts);
    token.filter(allowed).map(view).ok_or_else(AppError::not_found)
}

/// Makes a token for the caller's account. The token itself is in this answer only.
///
/// # Errors
/// `invalid_fields`, `name_taken`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewToken,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<TokenMade>> {
    let now = app.clock.now();
    let mut faults = name_faults(&new.name);
    let roles = roles_of_new(caller, new.roles.as_deref(), &mut faults);
    let expires_at = expiry_of_new(caller, new.expires_at, now, &mut faults);
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let tx = app.store.begin().await?;
    caller.still_valid(&tx).await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    let asked = Asked { account: caller.account, name: new.name.trim(), roles: roles.as_ref(), expires_at };
    let (details, token) = insert(&tx, &app.entropy, &caller.actor(), &asked, now).await?;
    let value = TokenMade { details: view(details), token };
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish_for(caller.account, Resource::Tokens, Change::Created, value.details.id);
    Ok(Created { value, replayed: false })
}

fn name_faults(name: &str) -> Vec<FieldError> {
    let name = name.trim();
    if name.is_empty() {
        return vec![FieldError::new("/name", field::MISSING, "must not be empty")];
    }
    if name.chars().count() > LONGEST_NAME {
        let text = format!("has more than {LONGEST_NAME} characters");
        return vec![FieldError::new("/name", field::TOO_LONG, text).arg("max", LONGEST_NAME)];
    }
    if name.chars().any(char::is_control) {
        return vec![FieldError::new("/name", field::CONTROL_CHARACTER, "has a control character")];
    }
    Vec::new()
}

fn roles_of_new(
    caller: &Caller,
    asked: Option<&[domain::Role]>,
    faults: &mut Vec<FieldError>,
) -> Option<RoleSet> {
    let Some(asked) = asked else {
        // With a browser all roles of the account, also future ones; with a token what that one has.
        return caller.token().map(|_| caller.roles.clone());
    };
    if let Some(fault) = too_many(asked) {
        faults.push(fault);
        return None;
    }
    for (position, role) in asked.iter().enumerate() {
        if !covers(&caller.roles, *role) {
            let text = "allows more than the caller's own roles";
            faults.push(FieldError::new(format!("/roles/{position}"), field::ROLE_NOT_HELD, text));
        }
    }
    Some(RoleSet::new(asked.iter().copied()))
}

fn expiry_of_new(
    caller: &Caller,
    asked: Option<Timestamp>,
    now: Timestamp,
    faults: &mut Vec<FieldError>,
) -> Option<Timestamp> {
    let latest = caller.token().and(caller.expires_at);
    match (asked, latest) {
        (Some(asked), _) if asked <= now => {
            faults.push(FieldError::new("/expires_at", field::NOT_IN_TIME, "lies in the past"));
            None
        }
        (Some(asked), Some(latest)) if asked > latest => {
            let text = "must not be later than the token this request was made with";
            faults.push(FieldError::new("/expires_at", field::NOT_IN_TIME, text));
            None
        }
        (asked, latest) => asked.or(latest),
    }
}

struct Asked<'a> {
    account: AccountId,
    name: &'a str,
    roles: Option<&'a RoleSet>,
    expires_at: Option<Timestamp>,
}

async fn insert(
    tx: &Tx,
    entropy: &Entropy,
    actor: &Actor,
    asked: &Asked<'_>,
    at: Timestamp,
) -> AppResult<(Token, Secret)> {
    let token = secret_text::api_token(entropy)?;
    let hint = token.expose().get(token.expose().len().saturating_sub(HINT)..).unwrap_or_default();
    let new = rows::NewToken {
        account: asked.account,
        name: asked.name,
        hint,
        token_hash: &secret_text::hash(token.expose()),
        roles: asked.roles,
        expires_at: asked.expires_at,
    };
    let id = rows::insert(tx, &new, at).await.map_err(|error| match error {
        StoreError::Taken { .. } => AppError::name_taken(asked.name),
        other => other.into(),
    })?;
    let details = json!({"after": {
        "name": asked.name, "account_id": asked.account, "roles": asked.roles, "expires_at": asked.expires_at,
    }});
    write_audit(tx, actor, "token.create", id, details, at).await?;
    let kept = rows::by_id(tx, id).await?.ok_or_else(AppError::not_found)?;
    Ok((kept, token))
}

async fn write_audit(
    tx: &Tx,
    actor: &Actor,
    action: &'static str,
    id: TokenId,
    details: serde_json::Value,
    at: Timestamp,
) -> AppResult<()> {
    let object_id = id.to_string();
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "token", object_id, details }).await?;
    Ok(())
}

/// Removes a token of the caller's account, or of any account for those who may change accounts.
/// With a token that has fewer rights than its account only that token itself. Removing somebody else's takes a
/// confirmation.
///
/// # Errors
/// `forbidden`; `step_up_required`; `not_found`, also for a token that is not the caller's business.
pub async fn delete(app: &App, caller: &Caller, id: TokenId) -> AppResult<()> {
    if caller.token() != Some(id) {
        require_all_rights(app, caller).await?;
    }
    let tx = app.store.begin().await?;
    let token = rows::by_id(&tx, id).await?;
    let token = token
        .filter(|token| token.account == caller.account || caller.roles.may(Permission::ChangeAccounts))
        .ok_or_else(AppError::not_found)?;
    if token.account != caller.account {
        caller.require_confirmed(app).await?;
    }
    rows::delete(&tx, id).await?;
    let details = json!({"before": {"name": token.name, "account_id": token.account}});
    write_audit(&tx, &caller.actor(), "token.delete", id, details, app.clock.now()).await?;
    tx.commit().await?;
    app.events.publish_for(token.account, Resource::Tokens, Change::Deleted, id);
    Ok(())
}

/// Makes a token for somebody with access to the server's command line; works while a server runs on the
/// same database, and also before the account's first password was changed (D-32).
///
/// # Errors
/// `not_found` when there is no such account; `name_taken`, `invalid_fields`.
pub async fn create_from_command_line(
    store: &Store,
    clock: &Clock,
    entropy: &Entropy,
    user_name: &str,
    name: &str,
    expires_days: Option<u32>,
) -> AppResult<(TokenId, Secret)> {
    let faults = name_faults(name);
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let now = clock.now();
    let expires_at = expires_days.map(|days| {
        now.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MAX)
    });
    let tx = store.begin().await?;
    let account = accounts::by_name(&tx, user_name).await?;
    let account = account
        .ok_or_else(|| AppError::new(api::Code::NotFound, format!("There is no account {user_name}.")))?;
    let asked = Asked { account: account.id, name: name.trim(), roles: None, expires_at };
    let (kept, token) = insert(&tx, entropy, &Actor::command_line(), &asked, now).await?;
    tx.commit().await?;
    Ok((kept.id, token))
}

#[cfg(test)]
mod tests {
    use super::{expiry_of_new, name_faults, roles_of_new};
    use crate::app::caller::{Caller, Credential};
    use domain::{AccountId, Role, RoleSet, SessionId, TokenId};
    use jiff::Timestamp;

    fn caller(credential: Credential, expires: Option<i64>) -> Caller {
        Caller {
            account: AccountId(1),
            user_name: "anna".to_owned(),
            roles: RoleSet::new([Role::Viewer]),
            credential,
            expires_at: expires.map(at),
            must_change_password: false,
            address: [127, 0, 0, 1].into(),
        }
    }

    fn browser() -> Caller {
        caller(Credential::Session { id: SessionId(1), csrf_hash: Vec::new() }, Some(50))
    }

    fn script(expires: Option<i64>) -> Caller {
        caller(Credential::Token { id: TokenId(1) }, expires)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn nobody_gives_a_token_roles_they_lack() {
        let mut faults = Vec::new();
        roles_of_new(&browser(), Some(&[Role::Viewer, Role::Admin]), &mut faults);
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].field.as_str(), faults[0].code.as_str()), ("/roles/1", "role_not_held"));
        assert_eq!(roles_of_new(&browser(), None, &mut Vec::new()), None);
        assert_eq!(roles_of_new(&script(None), None, &mut Vec::new()), Some(RoleSet::new([Role::Viewer])));
    }

    #[test]
    fn more_roles_than_there_are_is_one_fault() {
        let mut faults = Vec::new();
        roles_of_new(&browser(), Some(&[Role::Admin; 1000]), &mut faults);
        let found: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), fault.code.as_str())).collect();
        assert_eq!(found, [("/roles", "too_long")]);
    }

    #[test]
    fn a_token_does_not_prolong_itself() {
        let expiry = |caller: &Caller, asked: Option<i64>| {
            let mut faults = Vec::new();
            let expiry = expiry_of_new(caller, asked.map(at), at(10), &mut faults);
            (expiry.map(Timestamp::as_second), faults.len())
        };
        assert_eq!(expiry(&browser(), None), (None, 0));
        assert_eq!(expiry(&browser(), Some(99)), (Some(99), 0));
        assert_eq!(expiry(&browser(), Some(10)), (None, 1));
        assert_eq!(expiry(&script(Some(50)), None), (Some(50), 0));
        assert_eq!(expiry(&script(Some(50)), Some(51)), (None, 1));
        assert_eq!(expiry(&script(None), Some(51)), (Some(51), 0));
    }

    #[test]
    fn a_token_has_a_name() {
        assert!(name_faults("nightly export").is_empty());
        assert_eq!(name_faults(" ")[0].code, "missing");
        assert_eq!(name_faults(&"x".repeat(101))[0].code, "too_long");
        assert_eq!(name_faults("a\nb")[0].code, "control_character");
    }
}
