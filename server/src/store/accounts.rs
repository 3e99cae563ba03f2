//! Accounts: who may sign in, with which roles (D-30). Passwords are stored as PHC strings only.

use domain::{AccountId, Role, RoleSet};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Name to sign in with.
    pub user_name: String,
    /// The hashed password with its scheme (PHC string).
    pub password_hash: String,
    /// Whether the password must be changed first.
    pub must_change_password: bool,
    /// Roles.
    pub roles: RoleSet,
    /// Language of texts: `en` or `de`.
    pub language: String,
    /// Mail address.
    pub email: Option<String>,
    /// Whether nobody can use it.
    pub disabled: bool,
    /// Failed sign-ins since it was created.
    pub failed_sign_ins: u64,
    /// Last failed sign-in.
    pub last_failed_sign_in_at: Option<Timestamp>,
    /// Failed sign-ins since the last successful one.
    pub failed_in_a_row: u64,
    /// When it was locked, for too many of them. Whether the lock still holds, a setting says.
    pub locked_at: Option<Timestamp>,
    /// Whether a second factor is active.
    pub second_factor: bool,
    /// Last successful sign-in.
    pub last_sign_in_at: Option<Timestamp>,
    /// Where it came from.
    pub last_sign_in_address: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// An account to be created.
#[derive(Clone, Debug)]
pub struct NewAccount<'a> {
    /// Name to sign in with.
    pub user_name: &'a str,
    /// The hashed password.
    pub password_hash: &'a str,
    /// Whether the password must be changed first.
    pub must_change_password: bool,
    /// Roles.
    pub roles: &'a RoleSet,
    /// Language.
    pub language: &'a str,
    /// Mail address.
    pub email: Option<&'a str>,
}

/// Which accounts a list shows; an empty filter takes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the user name or the mail address, in any case of letters.
    pub search: Option<String>,
    /// Has this role.
    pub role: Option<Role>,
    /// Is disabled, or is not.
    pub disabled: Option<bool>,
    /// Was locked after a time, or was not.
    pub locked: Option<(bool, LockedAfter)>,
}

/// Accounts locked after these times still are.
#[derive(Clone, Copy, Debug)]
pub struct LockedAfter {
    /// Administrators.
    pub administrators: Timestamp,
    /// Everybody else.
    pub others: Timestamp,
}

/// Column a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// User name.
    #[default]
    UserName,
    /// Last successful sign-in.
    LastSignIn,
    /// Creation.
    Created,
}

const COLUMNS: &str = "id, user_name, password_hash, must_change_password, roles, language, email, disabled, \
    failed_sign_ins, last_failed_sign_in_at, failed_in_a_row, locked_at, EXISTS (SELECT 1 FROM second_factor \
    WHERE second_factor.account_id = account.id AND second_factor.activated_at IS NOT NULL) AS second_factor, \
    last_sign_in_at, last_sign_in_address, created_at, updated_at, revision";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    user_name: String,
    password_hash: String,
    must_change_password: bool,
    roles: String,
    language: String,
    email: String,
    disabled: bool,
    failed_sign_ins: i64,
    last_failed_sign_in_at: Option<i64>,
    failed_in_a_row: i64,
    locked_at: Option<i64>,
    second_factor: bool,
    last_sign_in_at: Option<i64>,
    last_sign_in_address: String,
    created_at: i64,
    updated_at: i64,
    revision: i64,
}

impl Row {
    fn into_account(self) -> StoreResult<Account> {
        let time = |ms: i64| {
            Timestamp::from_millisecond(ms)
                .map_err(|_| StoreError::Corrupt { attempt: "read an account", what: "account time" })
        };
        Ok(Account {
            id: AccountId(self.id),
            user_name: self.user_name,
            password_hash: self.password_hash,
            must_change_password: self.must_change_password,
            roles: RoleSet::from_words(&self.roles),
            language: self.language,
            email: Some(self.email).filter(|email| !email.is_empty()),
            disabled: self.disabled,
            failed_sign_ins: self.failed_sign_ins.unsigned_abs(),
            last_failed_sign_in_at: self.last_failed_sign_in_at.map(time).transpose()?,
            failed_in_a_row: self.failed_in_a_row.unsigned_abs(),
            locked_at: self.locked_at.map(time).transpose()?,
            second_factor: self.second_factor,
            last_sign_in_at: self.last_sign_in_at.map(time).transpose()?,
            last_sign_in_address: Some(self.last_sign_in_address).filter(|address| !address.is_empty()),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            revision: self.revision,
        })
    }
}

/// How a user name is compared: without regard to case.
pub fn fold(user_name: &str) -> String {
    user_name.to_lowercase()
}

/// An account by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: AccountId) -> StoreResult<Option<Account>> {
    one(on, "id = $1", id.0.into()).await
}

/// An account by its user name, in any case of letters.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_name(on: &impl Source, user_name: &str) -> StoreResult<Option<Account>> {
    one(on, "user_name_folded = $1", fold(user_name).into()).await
}

async fn one(on: &impl Source, condition: &str, value: Value) -> StoreResult<Option<Account>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM account WHERE {condition}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [value]);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read an account")?;
    row.map(Row::into_account).transpose()
}

impl Filter {
    fn condition(&self) -> (String, Vec<Value>) {
        let mut parts: Vec<String> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        if let Some(search) = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let mut pattern = String::from("%");
            for c in fold(search).chars() {
                if matches!(c, '%' | '_' | '!') {
                    pattern.push('!');
                }
                pattern.push(c);
            }
            pattern.push('%');
            values.push(pattern.into());
            let place = values.len();
            parts.push(format!(
                "(user_name_folded LIKE ${place} ESCAPE '!' OR LOWER(email) LIKE ${place} ESCAPE '!')"
            ));
        }
        if let Some(role) = self.role {
            values.push(format!("%,{},%", role.as_str()).into());
            parts.push(format!("{HAS_ROLE} ${}", values.len()));
        }
        if let Some(disabled) = self.disabled {
            values.push(disabled.into());
            parts.push(format!("disabled = ${}", values.len()));
        }
        if let Some((locked, after)) = self.locked {
            values.push(format!("%,{},%", Role::Admin.as_str()).into());
            values.push(after.administrators.as_millisecond().into());
            values.push(after.others.as_millisecond().into());
            let last = values.len();
            parts.push(format!(
                "COALESCE(locked_at, {NEVER}) {} CASE WHEN {HAS_ROLE} ${} THEN ${} ELSE ${last} END",
                if locked { ">" } else { "<=" },
                last - 2,
                last - 1,
            ));
        }
        let text = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
        (text, values)
    }
}

/// Before every time there is: when an account was locked that was not.
const NEVER: i64 = -999_999_999_999_999;

/// Roles are words separated by commas; the commas around keep one word from being part of another.
const HAS_ROLE: &str = "(',' || roles || ',') LIKE";

/// Accounts of a filter, sorted.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(
    on: &impl Source,
    filter: &Filter,
    (sort, descending): (Sort, bool),
    skip: u64,
    size: u64,
) -> StoreResult<Vec<Account>> {
    let (condition, values) = filter.condition();
    let order = if descending { "DESC" } else { "ASC" };
    let by = match sort {
        Sort::UserName => "user_name_folded",
        Sort::LastSignIn => "last_sign_in_at",
        Sort::Created => "created_at",
    };
    // Without a value last, in either direction and on either database.
    let sql = format!(
        "SELECT {COLUMNS} FROM account {condition} \
         ORDER BY CASE WHEN {by} IS NULL THEN 1 ELSE 0 END, {by} {order}, id {order} LIMIT {size} OFFSET {skip}"
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("list accounts")?;
    rows.into_iter().map(Row::into_account).collect()
}

/// Number of accounts a filter takes.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, filter: &Filter) -> StoreResult<u64> {
    let attempt = "count accounts";
    let (condition, values) = filter.condition();
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM account {condition}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Creates an account.
///
/// # Errors
/// [`StoreError::Taken`] when the user name is in use; else when the database refuses.
pub async fn insert(tx: &Tx, new: &NewAccount<'_>, at: Timestamp) -> StoreResult<AccountId> {
    let attempt = "create an account";
    let sql = "INSERT INTO account (user_name, user_name_folded, password_hash, must_change_password, roles, \
        language, email, disabled, failed_sign_ins, created_at, updated_at, revision) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, 0, $8, $8, 1) RETURNING id";
    let values: [Value; 8] = [
        new.user_name.into(),
        fold(new.user_name).into(),
        new.password_hash.into(),
        new.must_change_password.into(),
        new.roles.to_words().into(),
        new.language.into(),
        new.email.unwrap_or_default().into(),
        at.as_millisecond().into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(AccountId(id))
}

/// Writes everything about an account that can be changed, when it still has the revision it was read with;
/// `false` when somebody was faster.
///
/// # Errors
/// [`StoreError::Taken`] when the new user name is in use; else when the database refuses.
pub async fn update(tx: &Tx, account: &Account, at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE account SET user_name = $3, user_name_folded = $4, password_hash = $5, \
        must_change_password = $6, roles = $7, language = $8, email = $9, disabled = $10, updated_at = $11, \
        revision = revision + 1 WHERE id = $1 AND revision = $2";
    let values: [Value; 11] = [
        account.id.0.into(),
        account.revision.into(),
        account.user_name.as_str().into(),
        fold(&account.user_name).into(),
        account.password_hash.as_str().into(),
        account.must_change_password.into(),
        account.roles.to_words().into(),
        account.language.as_str().into(),
        account.email.as_deref().unwrap_or_default().into(),
        account.disabled.into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change an account")?;
    Ok(done.rows_affected() > 0)
}

/// Deletes an account with its sessions and tokens, when it still has this revision.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: AccountId, revision: i64) -> StoreResult<bool> {
    let sql = "DELETE FROM account WHERE id = $1 AND revision = $2";
    let values: [Value; 2] = [id.0.into(), revision.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("delete an account")?;
    Ok(done.rows_affected() > 0)
}

/// Accounts that can administer; the rows are locked where rows are locked, so that two administrators
/// cannot take each other's role at the same moment.
///
/// # Errors
/// When the database cannot be asked.
pub async fn lock_administrators(tx: &Tx) -> StoreResult<Vec<AccountId>> {
    let attempt = "find the administrators";
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT id FROM account WHERE disabled = $1 AND {HAS_ROLE} $2 ORDER BY id{lock}");
    let values: [Value; 2] = [false.into(), format!("%,{},%", Role::Admin.as_str()).into()];
    let rows = tx
        .inner
        .query_all_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    rows.iter().map(|row| Ok(AccountId(row.try_get_by_index(0).attempt(attempt)?))).collect()
}

/// An account whose row stays locked, where rows are locked, until the transaction ends: failures are counted and
/// codes used up one after the other.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id_locked(tx: &Tx, id: AccountId) -> StoreResult<Option<Account>> {
    if tx.is_postgres() {
        let sql = "SELECT id FROM account WHERE id = $1 FOR UPDATE";
        let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
        tx.inner.query_one_raw(statement).await.attempt("lock an account")?;
    }
    by_id(tx, id).await
}

/// Counts a failed sign-in; not a change of the account. `in_a_row` and `locked_at` are what they are from now on.
///
/// # Errors
/// When the database refuses.
pub async fn record_failure(
    tx: &Tx,
    id: AccountId,
    at: Timestamp,
    in_a_row: u64,
    locked_at: Option<Timestamp>,
) -> StoreResult<()> {
    let sql = "UPDATE account SET failed_sign_ins = failed_sign_ins + 1, last_failed_sign_in_at = $2, \
        failed_in_a_row = $3, locked_at = $4 WHERE id = $1";
    let values: [Value; 4] = [
        id.0.into(),
        at.as_millisecond().into(),
        i64::try_from(in_a_row).unwrap_or(i64::MAX).into(),
        locked_at.map(Timestamp::as_millisecond).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("count a failed sign-in").map(|_| ())
}

/// Forgets the failed sign-ins in a row and the lock they led to; not a change of the account.
///
/// # Errors
/// When the database refuses.
pub async fn unlock(tx: &Tx, id: AccountId) -> StoreResult<()> {
    let sql = "UPDATE account SET failed_in_a_row = 0, locked_at = NULL WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("unlock an account").map(|_| ())
}

/// Ends the row of failed sign-ins of an account that is not locked; a lock stays.
///
/// # Errors
/// When the database refuses.
pub async fn end_failures(tx: &Tx, id: AccountId) -> StoreResult<()> {
    let sql =
        "UPDATE account SET failed_in_a_row = 0 WHERE id = $1 AND locked_at IS NULL AND failed_in_a_row > 0";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("end a row of failed sign-ins").map(|_| ())
}

/// Notes a successful sign-in, which ends the row of failed ones; not a change of the account.
///
/// # Errors
/// When the database refuses.
pub async fn record_success(tx: &Tx, id: AccountId, address: &str, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE account SET last_sign_in_at = $2, last_sign_in_address = $3, failed_in_a_row = 0, \
        locked_at = NULL WHERE id = $1";
    let values: [Value; 3] = [id.0.into(), at.as_millisecond().into(), address.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note a sign-in").map(|_| ())
}
