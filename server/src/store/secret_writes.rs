//! Which secrets a phone was given and which it acknowledged, as keyed digests (D-16, D-24).

use domain::ClientId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::desired::index_number;
use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// What is known of one secret item of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretWrite {
    /// Number of the item's name.
    pub item: i64,
    /// Its index.
    pub index: Option<u16>,
    /// Digest of the text that was sent last.
    pub handed_out: Option<Vec<u8>>,
    /// Digest of the text that was acknowledged last.
    pub acknowledged: Option<Vec<u8>>,
}

/// The secret items of a client.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_client(on: &impl Source, client: ClientId) -> StoreResult<Vec<SecretWrite>> {
    let attempt = "read which secrets a phone was given";
    let connection = on.connection();
    let sql = "SELECT item_id, item_index, handed_out, acknowledged FROM secret_write WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let index: i32 = row.try_get_by_index(1).attempt(attempt)?;
            Ok(SecretWrite {
                item: row.try_get_by_index(0).attempt(attempt)?,
                index: u16::try_from(index).ok(),
                handed_out: row.try_get_by_index(2).attempt(attempt)?,
                acknowledged: row.try_get_by_index(3).attempt(attempt)?,
            })
        })
        .collect()
}

/// A secret is about to leave.
///
/// # Errors
/// When the database refuses.
pub async fn hand_out(
    tx: &Tx,
    client: ClientId,
    item: i64,
    index: Option<u16>,
    digest: &[u8],
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO secret_write (client_id, item_id, item_index, handed_out, handed_out_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id, item_id, item_index) \
        DO UPDATE SET handed_out = excluded.handed_out, handed_out_at = excluded.handed_out_at";
    write(tx, sql, client, item, index, digest, at).await
}

/// The phone took it.
///
/// # Errors
/// When the database refuses.
pub async fn acknowledge(
    tx: &Tx,
    client: ClientId,
    item: i64,
    index: Option<u16>,
    digest: &[u8],
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO secret_write (client_id, item_id, item_index, acknowledged, acknowledged_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id, item_id, item_index) \
        DO UPDATE SET acknowledged = excluded.acknowledged, acknowledged_at = excluded.acknowledged_at";
    write(tx, sql, client, item, index, digest, at).await
}

async fn write(
    tx: &Tx,
    sql: &str,
    client: ClientId,
    item: i64,
    index: Option<u16>,
    digest: &[u8],
    at: Timestamp,
) -> StoreResult<()> {
    let values: [Value; 5] = [
        client.0.into(),
        item.into(),
        index_number(index).into(),
        digest.to_vec().into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record that a secret was given to a phone").map(|_| ())
}

/// The phone has none of its secrets any more; which it was given stays known.
///
/// # Errors
/// When the database refuses.
pub async fn forget_acknowledged(tx: &Tx, client: ClientId) -> StoreResult<()> {
    let sql = "UPDATE secret_write SET acknowledged = NULL, acknowledged_at = NULL WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("forget which secrets a phone has").map(|_| ())
}

/// Everything begins anew, after a reset that we ordered.
///
/// # Errors
/// When the database refuses.
pub async fn forget(tx: &Tx, client: ClientId) -> StoreResult<()> {
    let sql = "DELETE FROM secret_write WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("forget which secrets a phone was given").map(|_| ())
}
