//! API tokens: only their hashes are stored.

use domain::{AccountId, RoleSet, TokenId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A token, without the token itself.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is for.
    pub name: String,
    /// Its last characters.
    pub hint: String,
    /// Roles it is limited to.
    pub roles: Option<RoleSet>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Last use, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A token to be kept.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Whose it is.
    pub account: AccountId,
    /// What it is for; unique within the account.
    pub name: &'a str,
    /// Its last characters.
    pub hint: &'a str,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8],
    /// Roles it is limited to.
    pub roles: Option<&'a RoleSet>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, account_id, name, hint, roles, created_at, expires_at, last_used_at";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    account_id: i64,
    name: String,
    hint: String,
    roles: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl Row {
    fn into_token(self) -> StoreResult<Token> {
        let time = |ms: i64| {
            Timestamp::from_millisecond(ms)
                .map_err(|_| StoreError::Corrupt { attempt: "read a token", what: "api_token time" })
        };
        Ok(Token {
            id: TokenId(self.id),
            account: AccountId(self.account_id),
            name: self.name,
            hint: self.hint,
            roles: self.roles.as_deref().map(RoleSet::from_words),
            created_at: time(self.created_at)?,
            expires_at: self.expires_at.map(time).transpose()?,
            last_used_at: self.last_used_at.map(time).transpose()?,
        })
    }
}

/// The token with a hash.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_hash(on: &impl Source, token_hash: &[u8]) -> StoreResult<Option<Token>> {
    select(on, "token_hash = $1", token_hash.to_vec().into()).await.map(|tokens| tokens.into_iter().next())
}

/// A token by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: TokenId) -> StoreResult<Option<Token>> {
    select(on, "id = $1", id.0.into()).await.map(|tokens| tokens.into_iter().next())
}

/// Tokens of an account, newest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_account(on: &impl Source, account: AccountId) -> StoreResult<Vec<Token>> {
    select(on, "account_id = $1", account.0.into()).await
}

async fn select(on: &impl Source, condition: &str, value: Value) -> StoreResult<Vec<Token>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM api_token WHERE {condition} ORDER BY id DESC");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [value]);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read a token")?;
    rows.into_iter().map(Row::into_token).collect()
}

/// Keeps a new token.
///
/// # Errors
/// [`StoreError::Taken`] when the account has a token of this name; else when the database refuses.
pub async fn insert(tx: &Tx, new: &NewToken<'_>, at: Timestamp) -> StoreResult<TokenId> {
    let attempt = "create a token";
    let sql = "INSERT INTO api_token (account_id, name, hint, token_hash, roles, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
    let values: [Value; 7] = [
        new.account.0.into(),
        new.name.into(),
        new.hint.into(),
        new.token_hash.to_vec().into(),
        new.roles.map(RoleSet::to_words).into(),
        at.as_millisecond().into(),
        new.expires_at.map(Timestamp::as_millisecond).into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(TokenId(id))
}

/// Notes that a token was used.
///
/// # Errors
/// When the database refuses.
pub async fn touch(tx: &Tx, id: TokenId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE api_token SET last_used_at = $2 WHERE id = $1 AND COALESCE(last_used_at, 0) < $2";
    let values: [Value; 2] = [id.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note that a token was used").map(|_| ())
}

/// Removes a token; `false` when there was none.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: TokenId) -> StoreResult<bool> {
    let statement =
        Statement::from_sql_and_values(tx.backend, "DELETE FROM api_token WHERE id = $1", [id.0.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("remove a token")?;
    Ok(done.rows_affected() > 0)
}

/// Removes all tokens of an account; returns which.
///
/// # Errors
/// When the database refuses.
pub async fn delete_of_account(tx: &Tx, account: AccountId) -> StoreResult<Vec<TokenId>> {
    let attempt = "remove the tokens of an account";
    let sql = "DELETE FROM api_token WHERE account_id = $1 RETURNING id";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [account.0.into()]);
    let rows = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get("", "id").map(TokenId).attempt(attempt)).collect()
}
