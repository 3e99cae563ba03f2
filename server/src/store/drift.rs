//! Drift: items that were changed at the phone after they had been as desired (D-23).

use domain::ClientId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::desired::{index_number, is_one_of, of_items};
use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// Drifted items of a client: number of the item's name, index, since when.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_client(
    on: &impl Source,
    client: ClientId,
) -> StoreResult<Vec<(i64, Option<u16>, Timestamp)>> {
    let attempt = "read the drift of a client";
    let connection = on.connection();
    let sql = "SELECT item_id, item_index, since FROM drift WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let index: i32 = row.try_get_by_index(1).attempt(attempt)?;
            let since: i64 = row.try_get_by_index(2).attempt(attempt)?;
            let since = Timestamp::from_millisecond(since)
                .map_err(|_| StoreError::Corrupt { attempt, what: "drift.since" })?;
            Ok((row.try_get_by_index(0).attempt(attempt)?, u16::try_from(index).ok(), since))
        })
        .collect()
}

/// What was desired of the drifted items of a client when they drifted: number of the item's name, index, digest. Those
/// of which it is not known are left out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn about(on: &impl Source, client: ClientId) -> StoreResult<Vec<(i64, Option<u16>, Vec<u8>)>> {
    let attempt = "read what drift is about";
    let sql = "SELECT item_id, item_index, about FROM drift WHERE client_id = $1 AND about IS NOT NULL";
    of_items(on, client, sql, attempt).await
}

/// An item was changed at the phone. It keeps its time when it had drifted before; `about` is a digest of what is
/// desired of it.
///
/// # Errors
/// When the database refuses.
pub async fn open(
    tx: &Tx,
    client: ClientId,
    item: i64,
    index: Option<u16>,
    about: Option<&[u8]>,
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO drift (client_id, item_id, item_index, since, about) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (client_id, item_id, item_index) DO UPDATE SET about = excluded.about";
    let values: [Value; 5] = [
        client.0.into(),
        item.into(),
        index_number(index).into(),
        at.as_millisecond().into(),
        about.map(<[u8]>::to_vec).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record drift").map(|_| ())
}

/// Items are as desired again, or something else is desired.
///
/// # Errors
/// When the database refuses.
pub async fn close(tx: &Tx, client: ClientId, items: &[(i64, Option<u16>)]) -> StoreResult<()> {
    if items.is_empty() {
        return Ok(());
    }
    let sql = format!("DELETE FROM drift WHERE client_id = $1 AND {}", is_one_of(items));
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("end drift").map(|_| ())
}

/// Everything begins anew, after a reset.
///
/// # Errors
/// When the database refuses.
pub async fn forget(tx: &Tx, client: ClientId) -> StoreResult<()> {
    let sql = "DELETE FROM drift WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("forget the drift of a client").map(|_| ())
}
