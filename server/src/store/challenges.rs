//! Sign-ins between their two steps: the password was right, the code is awaited. Found by the hash of a token that
//! only the browser has, and gone after a few tries.

use domain::AccountId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// A sign-in that waits for its second step.
#[derive(Clone, Debug)]
pub struct Challenge<'a> {
    /// SHA-256 of its token.
    pub token_hash: &'a [u8],
    /// Who signs in.
    pub account: AccountId,
    /// Digest of the stored password hash: with another password the sign-in is worth nothing.
    pub password_digest: &'a [u8],
    /// Whether the session is to be kept when the browser is closed.
    pub kept: bool,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A try at the second step.
#[derive(Clone, Debug)]
pub struct Try {
    /// Who signs in.
    pub account: AccountId,
    /// Digest of the password hash at the first step.
    pub password_digest: Vec<u8>,
    /// Whether the session is to be kept when the browser is closed.
    pub kept: bool,
    /// Which try it is, from 1.
    pub number: u32,
}

#[derive(FromQueryResult)]
struct Row {
    account_id: i64,
    password_digest: Vec<u8>,
    kept: bool,
    tries: i32,
}

/// Keeps a sign-in for its second step; those that are over go on this occasion.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, new: &Challenge<'_>, now: Timestamp) -> StoreResult<()> {
    let attempt = "keep a sign-in for its second step";
    let old = "DELETE FROM sign_in_challenge WHERE expires_at <= $1";
    let statement = Statement::from_sql_and_values(tx.backend, old, [now.as_millisecond().into()]);
    tx.inner.execute_raw(statement).await.attempt(attempt)?;
    let sql = "INSERT INTO sign_in_challenge (token_hash, account_id, password_digest, kept, tries, expires_at) \
        VALUES ($1, $2, $3, $4, 0, $5)";
    let values: [Value; 5] = [
        new.token_hash.to_vec().into(),
        new.account.0.into(),
        new.password_digest.to_vec().into(),
        new.kept.into(),
        new.expires_at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt(attempt).map(|_| ())
}

/// Whose sign-in waits for its second step; `None` when there is no such sign-in, or its time is over.
///
/// # Errors
/// When the database cannot be asked.
pub async fn account_of(
    on: &impl Source,
    token_hash: &[u8],
    now: Timestamp,
) -> StoreResult<Option<AccountId>> {
    let attempt = "find a sign-in that waits for its second step";
    let connection = on.connection();
    let sql = "SELECT account_id FROM sign_in_challenge WHERE token_hash = $1 AND expires_at > $2";
    let values: [Value; 2] = [token_hash.to_vec().into(), now.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let id: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose().attempt(attempt)?;
    Ok(id.map(AccountId))
}

/// Counts a try before it is looked at, so that many at once are not more than there may be. `None` when there is
/// no such sign-in, or its time or its tries are over.
///
/// # Errors
/// When the database refuses.
pub async fn count_try(tx: &Tx, token_hash: &[u8], most: u32, now: Timestamp) -> StoreResult<Option<Try>> {
    let attempt = "count a try at a code";
    let sql = "UPDATE sign_in_challenge SET tries = tries + 1 WHERE token_hash = $1 AND tries < $2 \
        AND expires_at > $3 RETURNING account_id, password_digest, kept, tries";
    let values: [Value; 3] = [
        token_hash.to_vec().into(),
        i32::try_from(most).unwrap_or(i32::MAX).into(),
        now.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = Row::find_by_statement(statement).one(&tx.inner).await.attempt(attempt)?;
    Ok(row.map(|row| Try {
        account: AccountId(row.account_id),
        password_digest: row.password_digest,
        kept: row.kept,
        number: row.tries.unsigned_abs(),
    }))
}

/// Removes a sign-in that has come to its end; `false` when somebody else did.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, token_hash: &[u8]) -> StoreResult<bool> {
    let sql = "DELETE FROM sign_in_challenge WHERE token_hash = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [token_hash.to_vec().into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("end a sign-in")?;
    Ok(done.rows_affected() > 0)
}
