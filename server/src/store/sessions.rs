//! Browser sessions of accounts: opaque, on the server's side, found by the hash of their token.

use domain::{AccountId, SessionId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// SHA-256 of the CSRF token.
    pub csrf_hash: Vec<u8>,
    /// What the browser says it is.
    pub user_agent: String,
    /// Address it was opened from.
    pub address: String,
    /// Start.
    pub created_at: Timestamp,
    /// Last use, to the minute.
    pub last_seen_at: Timestamp,
    /// End at the latest.
    pub expires_at: Timestamp,
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Whose it is.
    pub account: AccountId,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8],
    /// SHA-256 of the CSRF token.
    pub csrf_hash: &'a [u8],
    /// What the browser says it is.
    pub user_agent: &'a str,
    /// Address it is opened from.
    pub address: &'a str,
    /// End at the latest.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "id, account_id, csrf_hash, user_agent, address, created_at, last_seen_at, expires_at";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    account_id: i64,
    csrf_hash: Vec<u8>,
    user_agent: String,
    address: String,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
}

impl Row {
    fn into_session(self) -> StoreResult<Session> {
        let time = |ms: i64| {
            Timestamp::from_millisecond(ms)
                .map_err(|_| StoreError::Corrupt { attempt: "read a session", what: "account_session time" })
        };
        Ok(Session {
            id: SessionId(self.id),
            account: AccountId(self.account_id),
            csrf_hash: self.csrf_hash,
            user_agent: self.user_agent,
            address: self.address,
            created_at: time(self.created_at)?,
            last_seen_at: time(self.last_seen_at)?,
            expires_at: time(self.expires_at)?,
        })
    }
}

/// The session of a token, by the token's hash.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_token(on: &impl Source, token_hash: &[u8]) -> StoreResult<Option<Session>> {
    select(on, "token_hash = $1", token_hash.to_vec().into())
        .await
        .map(|sessions| sessions.into_iter().next())
}

/// A session by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: SessionId) -> StoreResult<Option<Session>> {
    select(on, "id = $1", id.0.into()).await.map(|sessions| sessions.into_iter().next())
}

/// Sessions of an account, newest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_account(on: &impl Source, account: AccountId) -> StoreResult<Vec<Session>> {
    select(on, "account_id = $1", account.0.into()).await
}

async fn select(on: &impl Source, condition: &str, value: Value) -> StoreResult<Vec<Session>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM account_session WHERE {condition} ORDER BY id DESC");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [value]);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read a session")?;
    rows.into_iter().map(Row::into_session).collect()
}

/// Number of sessions that are neither expired nor idle since before `idle_before`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_open(on: &impl Source, now: Timestamp, idle_before: Timestamp) -> StoreResult<u64> {
    let attempt = "count sessions";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM account_session WHERE expires_at > $1 AND last_seen_at > $2";
    let values: [Value; 2] = [now.as_millisecond().into(), idle_before.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Opens a session.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, new: &NewSession<'_>, at: Timestamp) -> StoreResult<SessionId> {
    let attempt = "open a session";
    let sql = "INSERT INTO account_session (account_id, token_hash, csrf_hash, user_agent, address, created_at, \
        last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) RETURNING id";
    let values: [Value; 7] = [
        new.account.0.into(),
        new.token_hash.to_vec().into(),
        new.csrf_hash.to_vec().into(),
        new.user_agent.into(),
        new.address.into(),
        at.as_millisecond().into(),
        new.expires_at.as_millisecond().into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(SessionId(id))
}

/// Notes that a session was used.
///
/// # Errors
/// When the database refuses.
pub async fn touch(tx: &Tx, id: SessionId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE account_session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    let values: [Value; 2] = [id.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note that a session was used").map(|_| ())
}

/// Ends a session; `false` when there was none.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: SessionId) -> StoreResult<bool> {
    let sql = "DELETE FROM account_session WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("end a session")?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sessions of an account but one; returns which.
///
/// # Errors
/// When the database refuses.
pub async fn delete_of_account(
    tx: &Tx,
    account: AccountId,
    but: Option<SessionId>,
) -> StoreResult<Vec<SessionId>> {
    let attempt = "end the sessions of an account";
    let sql = "DELETE FROM account_session WHERE account_id = $1 AND id <> $2 RETURNING id";
    // Ids begin at 1.
    let values: [Value; 2] = [account.0.into(), but.map_or(0, |id| id.0).into()];
    let rows = tx
        .inner
        .query_all_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    rows.iter().map(|row| Ok(SessionId(row.try_get_by_index(0).attempt(attempt)?))).collect()
}

/// Removes sessions that are expired, or idle since before `idle_before`.
///
/// # Errors
/// When the database refuses.
pub async fn purge(tx: &Tx, now: Timestamp, idle_before: Timestamp) -> StoreResult<u64> {
    let sql = "DELETE FROM account_session WHERE expires_at <= $1 OR last_seen_at <= $2";
    let values: [Value; 2] = [now.as_millisecond().into(), idle_before.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("remove expired sessions").map(|done| done.rows_affected())
}
