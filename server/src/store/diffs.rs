//! Stored diffs: what a plan shows and a job writes. Equal ones are stored once.

use domain::DiffId;
use domain::configuration::Row;
use sea_orm::{ConnectionTrait, Statement, Value};
use sha2::{Digest, Sha256};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// Stores rows, or finds the equal ones that are stored already.
///
/// # Errors
/// When the database refuses.
pub async fn intern(tx: &Tx, rows: &[Row]) -> StoreResult<DiffId> {
    let attempt = "store a diff";
    let text =
        serde_json::to_string(rows).map_err(|_| StoreError::Corrupt { attempt, what: "rows of a diff" })?;
    let digest = Sha256::digest(text.as_bytes()).to_vec();
    // The update that changes nothing makes the row come back also when it was there.
    let sql = "INSERT INTO diff (digest, content) VALUES ($1, $2) \
        ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest RETURNING id";
    let values: [Value; 2] = [digest.into(), text.into()];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(DiffId)
}

/// The rows of a diff.
///
/// # Errors
/// When the database cannot be asked, or the rows are damaged.
pub async fn read(on: &impl Source, diff: DiffId) -> StoreResult<Option<Vec<Row>>> {
    let attempt = "read a diff";
    let connection = on.connection();
    let sql = "SELECT content FROM diff WHERE id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [diff.0.into()]);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let text: String = row.try_get_by_index(0).attempt(attempt)?;
    serde_json::from_str(&text).map(Some).map_err(|_| StoreError::Corrupt { attempt, what: "diff.content" })
}
