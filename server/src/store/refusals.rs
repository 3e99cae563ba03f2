//! What phones refuse: one client the present value of an item, or a model with its firmware an item at all
//! (`wpi.md` §3.6, D-6).

use domain::ClientId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::desired::{index_number, is_one_of, of_items};
use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// What one phone refused: number of the item's name, index, status word.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_client(on: &impl Source, client: ClientId) -> StoreResult<Vec<(i64, Option<u16>, String)>> {
    let attempt = "read what a phone refuses";
    let sql = "SELECT item_id, item_index, status FROM item_refusal WHERE client_id = $1";
    of_items(on, client, sql, attempt).await
}

/// What was desired of the items that one phone refused: number of the item's name, index, digest. Those of which it is
/// not known are left out, and those it does not let be changed at all (D-6).
///
/// # Errors
/// When the database cannot be asked.
pub async fn about(on: &impl Source, client: ClientId) -> StoreResult<Vec<(i64, Option<u16>, Vec<u8>)>> {
    let attempt = "read what refusals are about";
    let sql = "SELECT item_id, item_index, about FROM item_refusal WHERE client_id = $1 AND about IS NOT NULL \
        AND LOWER(TRIM(status)) <> 'read only'";
    of_items(on, client, sql, attempt).await
}

/// A phone refused the present value of an item; `about` is a digest of what was desired of it.
///
/// # Errors
/// When the database refuses.
pub async fn note(
    tx: &Tx,
    client: ClientId,
    item: i64,
    index: Option<u16>,
    status: &str,
    about: Option<&[u8]>,
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO item_refusal (client_id, item_id, item_index, status, refused_at, about) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (client_id, item_id, item_index) \
        DO UPDATE SET status = excluded.status, refused_at = excluded.refused_at, about = excluded.about";
    let values: [Value; 6] = [
        client.0.into(),
        item.into(),
        index_number(index).into(),
        status.into(),
        at.as_millisecond().into(),
        about.map(<[u8]>::to_vec).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record what a phone refuses").map(|_| ())
}

/// These items of a client, or all, may be tried again: another value, another firmware, a reset.
///
/// # Errors
/// When the database refuses.
pub async fn forget(tx: &Tx, client: ClientId, items: Option<&[(i64, Option<u16>)]>) -> StoreResult<()> {
    let attempt = "forget what a phone refuses";
    let Some(items) = items else {
        let sql = "DELETE FROM item_refusal WHERE client_id = $1";
        let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
        return tx.inner.execute_raw(statement).await.attempt(attempt).map(|_| ());
    };
    if items.is_empty() {
        return Ok(());
    }
    let sql = format!("DELETE FROM item_refusal WHERE client_id = $1 AND {}", is_one_of(items));
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    tx.inner.execute_raw(statement).await.attempt(attempt).map(|_| ())
}

/// Items of a client that were refused with this status may be tried again.
///
/// # Errors
/// When the database refuses.
pub async fn forget_status(tx: &Tx, client: ClientId, status: &str) -> StoreResult<()> {
    let sql = "DELETE FROM item_refusal WHERE client_id = $1 AND status = $2";
    let values: [Value; 2] = [client.0.into(), status.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("forget what a phone refuses").map(|_| ())
}

/// What a model with a firmware version refuses, by number of the item's name.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_model(
    on: &impl Source,
    model: &str,
    software_version: &str,
) -> StoreResult<Vec<(i64, String)>> {
    let attempt = "read what a model refuses";
    let connection = on.connection();
    let sql = "SELECT item_id, status FROM model_refusal WHERE model = $1 AND software_version = $2";
    let values: [Value; 2] = [model.into(), software_version.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?)))
        .collect()
}

/// A phone of this model and firmware refused an item.
///
/// # Errors
/// When the database refuses.
pub async fn note_model(
    tx: &Tx,
    model: &str,
    software_version: &str,
    item: i64,
    status: &str,
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO model_refusal (model, software_version, item_id, status, refused_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (model, software_version, item_id) DO UPDATE \
        SET status = excluded.status, refused_at = excluded.refused_at";
    let values: [Value; 5] =
        [model.into(), software_version.into(), item.into(), status.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record what a model refuses").map(|_| ())
}
