//! Second factors of accounts and their recovery codes. Secrets come sealed, codes as digests; what they are and
//! whether they are right, `app` knows.

use domain::AccountId;
use domain::second_factor::TotpAlgorithm;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A second factor.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// Whose it is.
    pub account: AccountId,
    /// Hash of its codes.
    pub algorithm: TotpAlgorithm,
    /// Its secret, sealed.
    pub secret: String,
    /// When the secret was made.
    pub created_at: Timestamp,
    /// Since when it counts; `None` while its first code is awaited.
    pub activated_at: Option<Timestamp>,
    /// Step of the last code that was used.
    pub last_step: i64,
}

#[derive(FromQueryResult)]
struct Row {
    account_id: i64,
    algorithm: String,
    secret: String,
    created_at: i64,
    activated_at: Option<i64>,
    last_step: i64,
}

impl Row {
    fn into_factor(self) -> StoreResult<SecondFactor> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a second factor", what };
        let activated_at = self.activated_at.map(Timestamp::from_millisecond).transpose();
        Ok(SecondFactor {
            account: AccountId(self.account_id),
            algorithm: TotpAlgorithm::parse(&self.algorithm)
                .ok_or_else(|| corrupt("second_factor.algorithm"))?,
            secret: self.secret,
            created_at: Timestamp::from_millisecond(self.created_at)
                .map_err(|_| corrupt("second_factor.created_at"))?,
            activated_at: activated_at.map_err(|_| corrupt("second_factor.activated_at"))?,
            last_step: self.last_step,
        })
    }
}

/// The second factor of an account, active or not.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn of_account(on: &impl Source, account: AccountId) -> StoreResult<Option<SecondFactor>> {
    let connection = on.connection();
    let sql = "SELECT account_id, algorithm, secret, created_at, activated_at, last_step FROM second_factor \
        WHERE account_id = $1";
    let statement =
        Statement::from_sql_and_values(connection.get_database_backend(), sql, [account.0.into()]);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read a second factor")?;
    row.map(Row::into_factor).transpose()
}

/// Keeps a new second factor that waits for its first code; one that waited before is replaced. `false` when the
/// account has an active one, which stays.
///
/// # Errors
/// When the database refuses.
pub async fn begin(
    tx: &Tx,
    account: AccountId,
    algorithm: TotpAlgorithm,
    sealed: &str,
    at: Timestamp,
) -> StoreResult<bool> {
    let sql = "INSERT INTO second_factor (account_id, algorithm, secret, created_at, last_step) \
        VALUES ($1, $2, $3, $4, 0) ON CONFLICT (account_id) DO UPDATE SET algorithm = $2, secret = $3, \
        created_at = $4, last_step = 0 WHERE second_factor.activated_at IS NULL";
    let values: [Value; 4] =
        [account.0.into(), algorithm.as_str().into(), sealed.into(), at.as_millisecond().into()];
    changed(tx, sql, values, "begin a second factor").await
}

/// Has a second factor count from now on; `step` is that of its first code. `false` when none waits.
///
/// # Errors
/// When the database refuses.
pub async fn activate(tx: &Tx, account: AccountId, step: i64, at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE second_factor SET activated_at = $3, last_step = $2 \
        WHERE account_id = $1 AND activated_at IS NULL";
    let values: [Value; 3] = [account.0.into(), step.into(), at.as_millisecond().into()];
    changed(tx, sql, values, "activate a second factor").await
}

/// Uses up the step of a code; `false` when it, or a later one, was used before. Of two who come with the same code
/// at the same moment, the database lets one through.
///
/// # Errors
/// When the database refuses.
pub async fn use_step(tx: &Tx, account: AccountId, step: i64) -> StoreResult<bool> {
    let sql = "UPDATE second_factor SET last_step = $2 \
        WHERE account_id = $1 AND activated_at IS NOT NULL AND last_step < $2";
    let values: [Value; 2] = [account.0.into(), step.into()];
    changed(tx, sql, values, "use up a code").await
}

/// Removes the second factor of an account with its recovery codes; `false` when there was none.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, account: AccountId) -> StoreResult<bool> {
    replace_recovery_codes(tx, account, &[]).await?;
    let sql = "DELETE FROM second_factor WHERE account_id = $1";
    changed(tx, sql, [account.0.into()], "remove a second factor").await
}

/// Keeps the digests of new recovery codes in place of all old ones.
///
/// # Errors
/// When the database refuses.
pub async fn replace_recovery_codes(tx: &Tx, account: AccountId, digests: &[Vec<u8>]) -> StoreResult<()> {
    let attempt = "keep recovery codes";
    let sql = "DELETE FROM recovery_code WHERE account_id = $1";
    changed(tx, sql, [account.0.into()], attempt).await?;
    for digest in digests {
        let sql = "INSERT INTO recovery_code (account_id, code_digest) VALUES ($1, $2)";
        let values: [Value; 2] = [account.0.into(), digest.clone().into()];
        changed(tx, sql, values, attempt).await?;
    }
    Ok(())
}

/// Uses up a recovery code; `false` when there is none with this digest. Of two who come with the same code at the
/// same moment, the database lets one through.
///
/// # Errors
/// When the database refuses.
pub async fn use_recovery_code(tx: &Tx, account: AccountId, digest: &[u8]) -> StoreResult<bool> {
    let sql = "DELETE FROM recovery_code WHERE account_id = $1 AND code_digest = $2";
    let values: [Value; 2] = [account.0.into(), digest.to_vec().into()];
    changed(tx, sql, values, "use up a recovery code").await
}

/// Number of recovery codes that were not used yet.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_recovery_codes(on: &impl Source, account: AccountId) -> StoreResult<u64> {
    let attempt = "count recovery codes";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM recovery_code WHERE account_id = $1";
    let statement =
        Statement::from_sql_and_values(connection.get_database_backend(), sql, [account.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

async fn changed(
    tx: &Tx,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
    attempt: &'static str,
) -> StoreResult<bool> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt(attempt)?;
    Ok(done.rows_affected() > 0)
}
