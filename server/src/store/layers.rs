//! The version of templates and groups: whoever keeps them in memory compares it before using them.
//!
//! Every change of them sets another number in its transaction. It is drawn by chance, not counted: a number of a
//! transaction that was rolled back must never come again with another content.

use domain::ClientId;
use sea_orm::{ConnectionTrait, Statement};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// The version of this moment.
///
/// # Errors
/// When the database cannot be asked.
pub async fn version(on: &impl Source) -> StoreResult<i64> {
    let attempt = "read the version of templates and groups";
    let connection = on.connection();
    let sql = "SELECT version FROM layers_version WHERE id = 1";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)
}

/// Holds templates and groups against other changes until the transaction ends, and gives their version.
///
/// # Errors
/// When the database refuses.
pub async fn lock(tx: &Tx) -> StoreResult<i64> {
    let attempt = "hold templates and groups for a change";
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT version FROM layers_version WHERE id = 1{lock}");
    let row = tx.inner.query_one_raw(Statement::from_string(tx.backend, sql)).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)
}

/// Sets another version: what others keep in memory holds no longer.
///
/// # Errors
/// When the database refuses.
pub async fn set_version(tx: &Tx, version: i64) -> StoreResult<()> {
    let sql = "UPDATE layers_version SET version = $1 WHERE id = 1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [version.into()]);
    tx.inner.execute_raw(statement).await.attempt("number templates and groups").map(|_| ())
}

/// A client was looked at with this version: what differed has its job.
///
/// # Errors
/// When the database refuses.
pub async fn set_seen(tx: &Tx, client: ClientId, version: i64) -> StoreResult<()> {
    let sql = "UPDATE client SET layers_seen = $2 WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into(), version.into()]);
    tx.inner.execute_raw(statement).await.attempt("note that a client was looked at").map(|_| ())
}
