//! Answers of creating calls that carried an `Idempotency-Key`, so that a repeated call gets the same one.
//!
//! The place is reserved at the beginning of the creating transaction: a second call with the same key, at
//! the same moment on another node, waits for the first one's commit instead of creating a second thing.

use domain::AccountId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::Tx;
use super::error::{Attempt, StoreError, StoreResult};

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Reserved {
    /// The key is new; the answer is to be kept with [`keep`].
    New,
    /// The key was used.
    Used {
        /// Digest of the request it was used for.
        request_digest: Vec<u8>,
        /// The answer's body, sealed.
        body: String,
    },
}

#[derive(FromQueryResult)]
struct Row {
    request_digest: Vec<u8>,
    body: String,
}

/// Forgets keys and answers from `before` and earlier; gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn forget(tx: &Tx, before: Timestamp) -> StoreResult<u64> {
    let sql = "DELETE FROM idempotency WHERE created_at <= $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [before.as_millisecond().into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("forget old idempotency keys")?;
    Ok(done.rows_affected())
}

/// Reserves a key of an account.
///
/// # Errors
/// When the database refuses.
pub async fn reserve(
    tx: &Tx,
    account: AccountId,
    key: &str,
    request_digest: &[u8],
    at: Timestamp,
) -> StoreResult<Reserved> {
    let attempt = "reserve an idempotency key";
    let sql = "INSERT INTO idempotency (account_id, key, request_digest, status, body, created_at) \
        VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT (account_id, key) DO NOTHING";
    let values: [Value; 4] =
        [account.0.into(), key.into(), request_digest.to_vec().into(), at.as_millisecond().into()];
    let done = tx
        .inner
        .execute_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    if done.rows_affected() > 0 {
        return Ok(Reserved::New);
    }
    let sql = "SELECT request_digest, body FROM idempotency WHERE account_id = $1 AND key = $2";
    let values: [Value; 2] = [account.0.into(), key.into()];
    let row = Row::find_by_statement(Statement::from_sql_and_values(tx.backend, sql, values))
        .one(&tx.inner)
        .await
        .attempt(attempt)?
        .ok_or(StoreError::Corrupt { attempt, what: "idempotency" })?;
    Ok(Reserved::Used { request_digest: row.request_digest, body: row.body })
}

/// Keeps the answer of a reserved key.
///
/// # Errors
/// When the database refuses.
pub async fn keep(tx: &Tx, account: AccountId, key: &str, status: u16, body: &str) -> StoreResult<()> {
    let sql = "UPDATE idempotency SET status = $3, body = $4 WHERE account_id = $1 AND key = $2";
    let values: [Value; 4] = [account.0.into(), key.into(), i32::from(status).into(), body.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("keep the answer of a creating call").map(|_| ())
}
