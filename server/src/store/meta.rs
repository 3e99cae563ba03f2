//! Single values that belong to the whole installation: the built-in authority, the check of the key.

use sea_orm::{ConnectionTrait, Statement, Value};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// The value of a key.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read(on: &impl Source, key: &str) -> StoreResult<Option<String>> {
    let attempt = "read a value of the installation";
    let connection = on.connection();
    let sql = "SELECT value FROM meta WHERE key = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [key.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    row.map(|row| row.try_get_by_index(0).attempt(attempt)).transpose()
}

/// Sets a key that has no value yet; `false` when it has one (another node was faster).
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, key: &str, value: &str) -> StoreResult<bool> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    let values: [Value; 2] = [key.into(), value.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("keep a value of the installation")?;
    Ok(done.rows_affected() > 0)
}

/// Sets a key, whatever its value was.
///
/// # Errors
/// When the database refuses.
pub async fn set(tx: &Tx, key: &str, value: &str) -> StoreResult<()> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let values: [Value; 2] = [key.into(), value.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("keep a value of the installation").map(|_| ())
}
