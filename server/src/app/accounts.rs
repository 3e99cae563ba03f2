//! Accounts of administrators and scripts (D-30 … D-32, OSEM §2.8.5).
//!
//! Somebody who can administer always remains: the last enabled administrator is neither deleted, disabled
//! nor stripped of the role. A disabled or deleted account loses its sessions and tokens at once, and so does one
//! that an administrator gives another password: that happens when it is in wrong hands, and who has it may have
//! made tokens. With other roles it loses its sessions; its tokens never have more rights than the account, and less
//! with the next request.

use api::account::{AccountQuery, AccountView, ChangeAccount, NewAccount};
use api::session::SessionsEnded;
use api::{Code, Page};
use domain::password::{MAX_LENGTH, PasswordPolicy};
use domain::{AccountId, Role, RoleSet, Secret, SessionId, TokenId};
use futures_util::{Stream, stream};
use serde_json::{Map, json};

use super::account_fields::Faults;
use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::lock_out::LockOut;
use super::paging::{Paging, sort};
use super::revision::Expected;
use super::{password, secret_text, sessions};
use crate::App;
use crate::clock::{Clock, Entropy};
use crate::events::{Change, Resource};
use crate::store::accounts::{self as rows, Account, Filter, Sort};
use crate::store::audit::{Actor, NewRecord};
use crate::store::sessions as session_rows;
use crate::store::{Store, StoreError, Tx, audit, second_factors, tokens};

/// Accounts read at once by an export.
const EXPORTED_AT_ONCE: u64 = 500;

const SORTS: [(&str, Sort); 3] =
    [("user_name", Sort::UserName), ("last_sign_in_at", Sort::LastSignIn), ("created_at", Sort::Created)];

fn view(app: &App, account: Account) -> AccountView {
    let (rules, now) = (LockOut::of(&app.settings), app.clock.now());
    AccountView {
        locked: rules.is_locked(&account, now),
        locked_until: rules.ends(&account, now),
        second_factor: account.second_factor,
        id: account.id,
        user_name: account.user_name,
        roles: account.roles.as_slice().to_vec(),
        language: account.language,
        email: account.email,
        disabled: account.disabled,
        must_change_password: account.must_change_password,
        failed_sign_ins: account.failed_sign_ins,
        last_failed_sign_in_at: account.last_failed_sign_in_at,
        last_sign_in_at: account.last_sign_in_at,
        created_at: account.created_at,
        updated_at: account.updated_at,
        revision: account.revision,
    }
}

/// Accounts of a filter.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: AccountQuery) -> AppResult<Page<AccountView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let order = sort(query.sort.as_deref(), &SORTS)?;
    let locked_after = LockOut::of(&app.settings).locked_after(app.clock.now());
    let filter = Filter {
        search: query.search,
        role: query.role,
        disabled: query.disabled,
        locked: query.locked.map(|locked| (locked, locked_after)),
    };
    let (accounts, total) = tokio::try_join!(
        rows::list(&app.store, &filter, order, paging.skip(), paging.size),
        rows::count(&app.store, &filter),
    )?;
    let items = accounts.into_iter().map(|account| view(app, account)).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// All accounts of a filter, sorted, in pieces.
///
/// # Errors
/// `invalid_fields`.
pub fn export(
    app: App,
    query: AccountQuery,
) -> AppResult<impl Stream<Item = AppResult<Vec<AccountView>>> + use<>> {
    // A wrong order is refused before the answer begins.
    sort(query.sort.as_deref(), &SORTS)?;
    Ok(stream::try_unfold((app, 1, false), move |(app, page, done)| {
        let query = AccountQuery { page: Some(page), size: Some(EXPORTED_AT_ONCE), ..query.clone() };
        async move {
            if done {
                return Ok(None);
            }
            let accounts = list(&app, query).await?.items;
            let done = (accounts.len() as u64) < EXPORTED_AT_ONCE;
            Ok::<_, AppError>(Some((accounts, (app, page + 1, done))))
        }
    }))
}

/// One account.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: AccountId) -> AppResult<AccountView> {
    let account = rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    Ok(view(app, account))
}

/// Creates an account; its password must be changed at first sign-in (OSEM §2.8.5).
///
/// # Errors
/// `invalid_fields`, `name_taken`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewAccount,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<AccountView>> {
    let mut faults = Faults::default();
    let roles = faults.roles(&new.roles);
    let user_name = faults.user_name(&new.user_name);
    let language = faults.language(new.language.as_deref().unwrap_or("en"));
    let email = faults.email(new.email.as_deref());
    faults.0.extend(password::faults(
        password::policy(&app.settings),
        &user_name,
        &new.password,
        "/password",
    ));
    faults.refuse()?;
    // Outside the transaction: it takes a while, and others wait to write.
    let password_hash = password::hash(&app.entropy, &new.password).await?;
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    let row = rows::NewAccount {
        user_name: &user_name,
        password_hash: &password_hash,
        must_change_password: true,
        roles: &roles,
        language: &language,
        email: email.as_deref(),
    };
    let account = insert(&tx, &caller.actor(), &row, app.clock.now()).await?;
    let value = view(app, account);
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Created, value.id);
    Ok(Created { value, replayed: false })
}

async fn insert(
    tx: &Tx,
    actor: &Actor,
    new: &rows::NewAccount<'_>,
    at: jiff::Timestamp,
) -> AppResult<Account> {
    let id = rows::insert(tx, new, at).await.map_err(|error| taken(error, new.user_name))?;
    let details = json!({"after": {
        "user_name": new.user_name, "roles": new.roles, "language": new.language, "email": new.email,
        "must_change_password": new.must_change_password,
    }});
    write_audit(tx, actor, "account.create", id, details, at).await?;
    rows::by_id(tx, id).await?.ok_or_else(AppError::not_found)
}

fn taken(error: StoreError, user_name: &str) -> AppError {
    match error {
        StoreError::Taken { .. } => AppError::name_taken(user_name),
        other => other.into(),
    }
}

async fn write_audit(
    tx: &Tx,
    actor: &Actor,
    action: &'static str,
    id: AccountId,
    details: serde_json::Value,
    at: jiff::Timestamp,
) -> AppResult<()> {
    let object_id = id.to_string();
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "account", object_id, details }).await?;
    Ok(())
}

/// Changes an account.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`, `name_taken`, `last_administrator`, `own_account`.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: AccountId,
    expected: &Expected,
    request: ChangeAccount,
) -> AppResult<AccountView> {
    let before = rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(before.revision)?;
    let (mut after, faults) = apply(app, &before, &request);
    faults.refuse()?;
    let own = caller.account == id;
    if own && (after.disabled || request.password.is_some()) {
        let text = "Nobody disables their own account; the own password is changed with the old one, at /auth/password.";
        return Err(AppError::new(Code::OwnAccount, text));
    }
    if let Some(password) = &request.password {
        after.password_hash = password::hash(&app.entropy, password).await?;
        after.must_change_password = true;
    }
    let details = differences(&before, &after);
    if details.is_null() {
        return Ok(view(app, before));
    }
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    if administers(&before) && !administers(&after) {
        keep_an_administrator(&tx, id).await?;
    }
    // The row still has the revision it was read with, or somebody was faster.
    let updated = rows::update(&tx, &after, at).await.map_err(|error| taken(error, &after.user_name))?;
    if !updated {
        return Err(AppError::stale());
    }
    let mut ended = Ended::default();
    let closed = after.disabled || request.password.is_some();
    if closed || before.roles != after.roles {
        ended.sessions = session_rows::delete_of_account(&tx, id, None).await?;
    }
    if closed {
        ended.tokens = tokens::delete_of_account(&tx, id).await?;
    }
    write_audit(&tx, &caller.actor(), "account.change", id, ended.counted(details), at).await?;
    let account = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, id);
    ended.publish(app, id);
    Ok(view(app, account))
}

/// What an account loses when it is disabled, deleted or given another password or other roles.
#[derive(Default)]
struct Ended {
    sessions: Vec<SessionId>,
    tokens: Vec<TokenId>,
}

impl Ended {
    /// How many went, for the audit table.
    fn counted(&self, mut details: serde_json::Value) -> serde_json::Value {
        for (name, count) in [("sessions_ended", self.sessions.len()), ("tokens_removed", self.tokens.len())]
        {
            if count > 0 {
                details[name] = json!(count);
            }
        }
        details
    }

    fn publish(&self, app: &App, account: AccountId) {
        sessions::publish_ended(app, account, &self.sessions);
        for id in &self.tokens {
            app.events.publish_for(account, Resource::Tokens, Change::Deleted, id);
        }
    }
}

fn apply(app: &App, before: &Account, request: &ChangeAccount) -> (Account, Faults) {
    let mut faults = Faults::default();
    let mut after = before.clone();
    if let Some(user_name) = &request.user_name {
        after.user_name = faults.user_name(user_name);
    }
    if let Some(roles) = &request.roles {
        after.roles = faults.roles(roles);
    }
    if let Some(language) = &request.language {
        after.language = faults.language(language);
    }
    if let Some(email) = &request.email {
        after.email = faults.email(email.as_deref());
    }
    after.disabled = request.disabled.unwrap_or(after.disabled);
    after.must_change_password = request.must_change_password.unwrap_or(after.must_change_password);
    if let Some(password) = &request.password {
        let policy = password::policy(&app.settings);
        faults.0.extend(password::faults(policy, &after.user_name, password, "/password"));
    }
    (after, faults)
}

fn administers(account: &Account) -> bool {
    !account.disabled && account.roles.contains(Role::Admin)
}

async fn keep_an_administrator(tx: &Tx, leaving: AccountId) -> AppResult<()> {
    let administrators = rows::lock_administrators(tx).await?;
    if administrators.iter().any(|id| *id != leaving) {
        return Ok(());
    }
    let text = "This is the last account that can administer. Give another one the role admin first.";
    Err(AppError::new(Code::LastAdministrator, text))
}

/// Changed fields before and after, for the audit table; never the password. `null` when nothing changed.
fn differences(before: &Account, after: &Account) -> serde_json::Value {
    let fields = |account: &Account| {
        [
            ("user_name", json!(account.user_name)),
            ("roles", json!(account.roles)),
            ("language", json!(account.language)),
            ("email", json!(account.email)),
            ("disabled", json!(account.disabled)),
            ("must_change_password", json!(account.must_change_password)),
        ]
    };
    let (mut old, mut new) = (Map::new(), Map::new());
    for ((name, was), (_, is)) in fields(before).into_iter().zip(fields(after)) {
        if was != is {
            old.insert(name.to_owned(), was);
            new.insert(name.to_owned(), is);
        }
    }
    let password = before.password_hash != after.password_hash;
    match (new.is_empty(), password) {
        (true, false) => serde_json::Value::Null,
        (_, false) => json!({ "before": old, "after": new }),
        (_, true) => json!({ "before": old, "after": new, "changed": ["password"] }),
    }
}

/// Deletes an account with its sessions and tokens.
///
/// # Errors
/// `not_found`, `precondition_failed`, `last_administrator`, `own_account`.
pub async fn delete(app: &App, caller: &Caller, id: AccountId, expected: &Expected) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let account = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(account.revision)?;
    if caller.account == id {
        return Err(AppError::new(Code::OwnAccount, "Nobody deletes their own account."));
    }
    if administers(&account) {
        keep_an_administrator(&tx, id).await?;
    }
    // Account before sessions, as whoever signs in with it.
    rows::by_id_locked(&tx, id).await?.ok_or_else(AppError::not_found)?;
    let ended = Ended {
        sessions: session_rows::delete_of_account(&tx, id, None).await?,
        tokens: tokens::delete_of_account(&tx, id).await?,
    };
    if !rows::delete(&tx, id, account.revision).await? {
        return Err(AppError::stale());
    }
    let details = json!({"before": {
        "user_name": account.user_name, "roles": account.roles, "email": account.email, "disabled": account.disabled,
    }});
    write_audit(&tx, &caller.actor(), "account.delete", id, ended.counted(details), app.clock.now()).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Deleted, id);
    ended.publish(app, id);
    Ok(())
}

/// Ends the lock after failed sign-ins; an account that is not locked stays as it is.
///
/// # Errors
/// `not_found`.
pub async fn unlock(app: &App, caller: &Caller, id: AccountId) -> AppResult<AccountView> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let before = rows::by_id_locked(&tx, id).await?.ok_or_else(AppError::not_found)?;
    if before.failed_in_a_row == 0 && before.locked_at.is_none() {
        return Ok(view(app, before));
    }
    rows::unlock(&tx, id).await?;
    let details = json!({ "failures": before.failed_in_a_row, "locked_at": before.locked_at });
    write_audit(&tx, &caller.actor(), "account.unlock", id, details, at).await?;
    let account = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, id);
    Ok(view(app, account))
}

/// Ends the lock after failed sign-ins for somebody with access to the server's command line; works while a server runs
/// on the same database. `false` when nothing was to be forgotten.
///
/// # Errors
/// `not_found` when there is no such account.
pub async fn unlock_from_command_line(store: &Store, clock: &Clock, user_name: &str) -> AppResult<bool> {
    let nobody = || AppError::new(Code::NotFound, format!("There is no account {user_name}."));
    let tx = store.begin().await?;
    let id = rows::by_name(&tx, user_name.trim()).await?.ok_or_else(nobody)?.id;
    let before = rows::by_id_locked(&tx, id).await?.ok_or_else(nobody)?;
    if before.failed_in_a_row == 0 && before.locked_at.is_none() {
        return Ok(false);
    }
    rows::unlock(&tx, id).await?;
    let details = json!({ "failures": before.failed_in_a_row, "locked_at": before.locked_at });
    write_audit(&tx, &Actor::command_line(), "account.unlock", id, details, clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Ends all sessions of an account; its tokens stay.
///
/// # Errors
/// `not_found`.
pub async fn end_sessions(app: &App, caller: &Caller, id: AccountId) -> AppResult<SessionsEnded> {
    let tx = app.store.begin().await?;
    rows::by_id_locked(&tx, id).await?.ok_or_else(AppError::not_found)?;
    let sessions = session_rows::delete_of_account(&tx, id, None).await?;
    let (number, details) = (sessions.len() as u64, json!({ "sessions_ended": sessions.len() }));
    write_audit(&tx, &caller.actor(), "account.end-sessions", id, details, app.clock.now()).await?;
    tx.commit().await?;
    Ended { sessions, ..Ended::default() }.publish(app, id);
    Ok(SessionsEnded { ended: number })
}

/// Removes the second factor of somebody who lost theirs, and ends their sessions and API tokens: whoever has the thing
/// that was lost may have used it, and made tokens.
///
/// # Errors
/// `not_found`; `no_second_factor`; `own_account`, because one's own is removed at `/auth/second-factor`.
pub async fn remove_second_factor(app: &App, caller: &Caller, id: AccountId) -> AppResult<()> {
    let tx = app.store.begin().await?;
    rows::by_id_locked(&tx, id).await?.ok_or_else(AppError::not_found)?;
    if caller.account == id {
        let text = "The own second factor is removed at /auth/second-factor.";
        return Err(AppError::new(Code::OwnAccount, text));
    }
    if !second_factors::delete(&tx, id).await? {
        return Err(AppError::new(Code::NoSecondFactor, "This account has no second factor."));
    }
    let ended = Ended {
        sessions: session_rows::delete_of_account(&tx, id, None).await?,
        tokens: tokens::delete_of_account(&tx, id).await?,
    };
    let details = ended.counted(json!({}));
    write_audit(&tx, &caller.actor(), "account.remove-second-factor", id, details, app.clock.now()).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, id);
    ended.publish(app, id);
    Ok(())
}

/// An account to be created on the command line.
#[derive(Clone, Debug)]
pub struct NewFromCommandLine {
    /// Name to sign in with.
    pub user_name: String,
    /// Roles.
    pub roles: RoleSet,
    /// Password; the policy applies.
    pub password: Secret,
    /// Whether it must be changed at first sign-in.
    pub must_change_password: bool,
}

/// Creates an account for somebody with access to the server's command line; works while a server runs on
/// the same database. `policy` is the one in force, of file and environment too.
///
/// # Errors
/// `invalid_fields`, `name_taken`.
pub async fn create_from_command_line(
    store: &Store,
    clock: &Clock,
    entropy: &Entropy,
    new: NewFromCommandLine,
    policy: PasswordPolicy,
) -> AppResult<AccountId> {
    let mut faults = Faults::default();
    let user_name = faults.user_name(&new.user_name);
    faults.0.extend(password::faults(policy, &user_name, &new.password, "/password"));
    faults.refuse()?;
    let password_hash = password::hash(entropy, &new.password).await?;
    let row = rows::NewAccount {
        user_name: &user_name,
        password_hash: &password_hash,
        must_change_password: new.must_change_password,
        roles: &new.roles,
        language: "en",
        email: None,
    };
    let tx = store.begin().await?;
    let account = insert(&tx, &Actor::command_line(), &row, clock.now()).await?;
    tx.commit().await?;
    Ok(account.id)
}

/// Creates the account `admin` when there is no account at all, with the password of the environment or a
/// random one, which is returned to be shown once. Either must be changed at first sign-in (D-32); the given
/// one may therefore break the policy, but a longer one than anybody can sign in with is refused.
///
/// # Errors
/// `invalid_fields` when the password of the environment is too long; when the database refuses or there is no randomness.
pub async fn ensure_first_account(app: &App, given: Option<Secret>) -> AppResult<Option<Secret>> {
    if rows::count(&app.store, &Filter::default()).await? > 0 {
        return Ok(None);
    }
    let (password, shown) = match given.filter(|password| !password.expose().is_empty()) {
        Some(password) if password.expose().chars().count() > MAX_LENGTH => {
            let text = format!("WORKPOINT_ADMIN_PASSWORD has more than {MAX_LENGTH} characters.");
            return Err(AppError::new(Code::InvalidFields, text));
        }
        Some(password) => (password, None),
        None => {
            let random = secret_text::one_time_password(&app.entropy)?;
            (random.clone(), Some(random))
        }
    };
    let password_hash = password::hash(&app.entropy, &password).await?;
    let row = rows::NewAccount {
        user_name: "admin",
        password_hash: &password_hash,
        must_change_password: true,
        roles: &RoleSet::new([Role::Admin]),
        language: "en",
        email: None,
    };
    let tx = app.store.begin().await?;
    match insert(&tx, &Actor::system(), &row, app.clock.now()).await {
        Ok(_) => tx.commit().await?,
        // Another node starting at the same moment was faster: its password counts.
        Err(error) if error.code() == Code::NameTaken => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::app::lock_out::tests::account;
    use crate::store::accounts::Account;
    use domain::{Role, RoleSet};

    #[test]
    fn the_audit_table_gets_changed_fields_and_no_hash() {
        let before = account();
        assert!(differences(&before, &before).is_null());
        let after = Account {
            roles: RoleSet::new([Role::Viewer, Role::Operator]),
            password_hash: "$argon2id$new".into(),
            ..before.clone()
        };
        let details = differences(&before, &after);
        assert_eq!(details["before"], serde_json::json!({"roles": ["viewer"]}));
        assert_eq!(details["changed"], serde_json::json!(["password"]));
        assert!(!details.to_string().contains("argon2"));
    }
}
