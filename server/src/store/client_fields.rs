//! The values clients have for the fields an administrator has added.

use std::collections::BTreeMap;

use domain::ClientId;
use sea_orm::{ConnectionTrait, Statement};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx, fleet};

/// Values of a client by the names of the fields.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_client(on: &impl Source, client: ClientId) -> StoreResult<BTreeMap<String, String>> {
    let mut found = of_clients(on, &[client]).await?;
    Ok(found.remove(&client).unwrap_or_default())
}

/// Values of those clients that have some.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_clients(
    on: &impl Source,
    ids: &[ClientId],
) -> StoreResult<BTreeMap<ClientId, BTreeMap<String, String>>> {
    let attempt = "read the fields of clients";
    let sql = "SELECT client_id, name, value FROM client_field WHERE client_id IN ({ids})";
    let mut found: BTreeMap<ClientId, BTreeMap<String, String>> = BTreeMap::new();
    for row in fleet::ask(on, sql, ids, &[], attempt).await? {
        let client = ClientId(row.try_get_by_index(0).attempt(attempt)?);
        let name = row.try_get_by_index(1).attempt(attempt)?;
        found.entry(client).or_default().insert(name, row.try_get_by_index(2).attempt(attempt)?);
    }
    Ok(found)
}

/// Number of clients that have a value, by field.
///
/// # Errors
/// When the database cannot be asked.
pub async fn counts(on: &impl Source) -> StoreResult<BTreeMap<String, u64>> {
    let attempt = "count the fields of clients";
    let connection = on.connection();
    let sql = "SELECT name, COUNT(*) FROM client_field GROUP BY name";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let number: i64 = row.try_get_by_index(1).attempt(attempt)?;
            Ok((row.try_get_by_index(0).attempt(attempt)?, number.unsigned_abs()))
        })
        .collect()
}

/// Sets the values of a client: all of them, others are gone.
///
/// # Errors
/// When the database refuses.
pub async fn set(tx: &Tx, client: ClientId, fields: &BTreeMap<String, String>) -> StoreResult<()> {
    let attempt = "set the fields of a client";
    let sql = "DELETE FROM client_field WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    tx.inner.execute_raw(statement).await.attempt(attempt)?;
    let rows = fields
        .iter()
        .map(|(name, value)| vec![client.0.into(), name.as_str().into(), value.as_str().into()])
        .collect();
    let head = "INSERT INTO client_field (client_id, name, value) VALUES";
    fleet::insert_rows(tx, head, "", rows, attempt).await.map(|_| ())
}
