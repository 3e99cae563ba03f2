//! Contacts of phones by the hour: what the welcome page draws (OSEM §2.1). Nodes add up in one row an hour.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// Adds contacts to hours, whose beginnings are given in milliseconds, in their order.
///
/// # Errors
/// When the database refuses.
pub async fn add(tx: &Tx, contacts: &BTreeMap<i64, u64>) -> StoreResult<()> {
    let sql = "INSERT INTO contact_count (hour_at, contacts) VALUES ($1, $2) \
        ON CONFLICT (hour_at) DO UPDATE SET contacts = contact_count.contacts + excluded.contacts";
    for (hour, contacts) in contacts {
        let values: [Value; 2] = [(*hour).into(), i64::try_from(*contacts).unwrap_or(i64::MAX).into()];
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        tx.inner.execute_raw(statement).await.attempt("count contacts")?;
    }
    Ok(())
}

/// Contacts by the beginning of their hour in milliseconds, from a time on.
///
/// # Errors
/// When the database cannot be asked.
pub async fn since(on: &impl Source, from: Timestamp) -> StoreResult<BTreeMap<i64, u64>> {
    let attempt = "read the number of contacts";
    let connection = on.connection();
    let sql = "SELECT hour_at, contacts FROM contact_count WHERE hour_at >= $1";
    let values: [Value; 1] = [from.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let contacts: i64 = row.try_get_by_index(1).attempt(attempt)?;
            Ok((row.try_get_by_index(0).attempt(attempt)?, contacts.unsigned_abs()))
        })
        .collect()
}

/// Forgets the hours before a time; gives how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget(tx: &Tx, before: Timestamp) -> StoreResult<u64> {
    let sql = "DELETE FROM contact_count WHERE hour_at < $1";
    let values: [Value; 1] = [before.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("forget old contacts").map(|done| done.rows_affected())
}
