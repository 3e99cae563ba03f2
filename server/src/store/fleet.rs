//! Many clients at once: what planning reads of a whole fleet, in pieces of set-based queries, and what applying
//! a plan writes to it. One client alone is read by `desired`, `items`, `drift`, `refusals` and `secret_writes`.
//!
//! Ids of clients and numbers of items are our own: they stand in the statements as they are. Whoever changes
//! several clients names them in the order of their ids, so that two such changes do not wait for each other.

use std::collections::BTreeSet;

use domain::ClientId;
use domain::catalogue::ParameterKey;
use domain::configuration::{Layer, Reported};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, Value};

use super::clients::{COLUMNS, Client, Row};
use super::desired::{self, NO_INDEX, StoredValue, index_number};
use super::error::{Attempt, StoreResult};
use super::secret_writes::SecretWrite;
use super::{Source, Tx};

/// Clients named in one statement.
const CHUNK: usize = 1_000;

/// Places of values in one statement; SQLite takes 32,766, PostgreSQL 65,535.
const PLACES: usize = 8_000;

/// An item of a client: client, number of the item's name, index.
pub type ItemOf = (ClientId, i64, Option<u16>);

fn numbers(ids: &[ClientId]) -> String {
    let numbers: Vec<String> = ids.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

/// Asks the same of all clients, piece by piece; `{ids}` in the text stands for their numbers.
pub(super) async fn ask(
    on: &impl Source,
    sql: &str,
    ids: &[ClientId],
    values: &[Value],
    attempt: &'static str,
) -> StoreResult<Vec<QueryResult>> {
    let connection = on.connection();
    let mut rows = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let sql = sql.replace("{ids}", &numbers(chunk));
        let statement =
            Statement::from_sql_and_values(connection.get_database_backend(), sql, values.to_vec());
        rows.append(&mut connection.query_all_raw(statement).await.attempt(attempt)?);
    }
    Ok(rows)
}

/// Changes the same of all clients; gives the number of changed rows.
async fn change(
    tx: &Tx,
    sql: &str,
    ids: &[ClientId],
    values: &[Value],
    attempt: &'static str,
) -> StoreResult<u64> {
    let mut changed = 0;
    for chunk in ids.chunks(CHUNK) {
        let sql = sql.replace("{ids}", &numbers(chunk));
        let statement = Statement::from_sql_and_values(tx.backend, sql, values.to_vec());
        changed += tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected();
    }
    Ok(changed)
}

/// Inserts rows of equal length, many in one statement; `head` ends with `VALUES`.
pub(super) async fn insert_rows(
    tx: &Tx,
    head: &str,
    tail: &str,
    rows: Vec<Vec<Value>>,
    attempt: &'static str,
) -> StoreResult<Vec<QueryResult>> {
    let columns = rows.first().map_or(1, Vec::len).max(1);
    let mut answers = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<Vec<Value>> = rows.by_ref().take((PLACES / columns).max(1)).collect();
        let sql = format!("{head} {} {tail}", places(tx.is_postgres(), chunk.len(), columns));
        let values: Vec<Value> = chunk.into_iter().flatten().collect();
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        answers.append(&mut tx.inner.query_all_raw(statement).await.attempt(attempt)?);
    }
    Ok(answers)
}

/// `(?,?),(?,?)`; PostgreSQL numbers them.
pub(super) fn places(is_postgres: bool, rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            if column > 0 {
                text.push(',');
            }
            if is_postgres {
                text.push('$');
                text.push_str(&(row * columns + column + 1).to_string());
            } else {
                // Named places are looked up one by one by the driver.
                text.push('?');
            }
        }
        text.push(')');
    }
    text
}

/// Those of the clients that there are, by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn clients(on: &impl Source, ids: &[ClientId]) -> StoreResult<Vec<Client>> {
    let connection = on.connection();
    let mut clients = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let sql = format!("SELECT {COLUMNS} FROM client WHERE id IN ({}) ORDER BY id", numbers(chunk));
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        for row in Row::find_by_statement(statement).all(connection).await.attempt("read clients")? {
            clients.push(row.into_client()?);
        }
    }
    Ok(clients)
}

/// Desired values of clients: all, or those of some parameters.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn values(
    on: &impl Source,
    ids: &[ClientId],
    parameters: Option<&BTreeSet<String>>,
) -> StoreResult<Vec<(ClientId, StoredValue)>> {
    let attempt = "read the desired configuration of clients";
    let mut sql =
        format!("SELECT client_id, {} FROM client_value WHERE client_id IN ({{ids}})", desired::COLUMNS);
    let mut values: Vec<Value> = Vec::new();
    if let Some(parameters) = parameters {
        if parameters.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=parameters.len()).map(|place| format!("${place}")).collect();
        sql.push_str(&format!(" AND parameter IN ({})", places.join(",")));
        values = parameters.iter().map(|parameter| parameter.as_str().into()).collect();
    }
    let rows = ask(on, &sql, ids, &values, attempt).await?;
    rows.iter()
        .map(|row| {
            let client: i64 = row.try_get_by_index(0).attempt(attempt)?;
            Ok((ClientId(client), desired::read_row(row, 1, attempt)?))
        })
        .collect()
}

fn item_of(row: &QueryResult, attempt: &'static str) -> StoreResult<ItemOf> {
    let client: i64 = row.try_get_by_index(0).attempt(attempt)?;
    let index: i32 = row.try_get_by_index(2).attempt(attempt)?;
    Ok((ClientId(client), row.try_get_by_index(1).attempt(attempt)?, u16::try_from(index).ok()))
}

/// What clients report of some items. Secrets come without their text.
///
/// # Errors
/// When the database cannot be asked.
pub async fn reported(
    on: &impl Source,
    ids: &[ClientId],
    items: &BTreeSet<i64>,
) -> StoreResult<Vec<(ItemOf, Reported)>> {
    let attempt = "read what clients report";
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<String> = items.iter().map(i64::to_string).collect();
    let sql = format!(
        "SELECT client_id, item_id, item_index, value, status, sealed FROM reported_item \
         WHERE client_id IN ({{ids}}) AND item_id IN ({})",
        items.join(",")
    );
    let rows = ask(on, &sql, ids, &[], attempt).await?;
    rows.iter()
        .map(|row| {
            let text: String = row.try_get_by_index(3).attempt(attempt)?;
            let sealed: bool = row.try_get_by_index(5).attempt(attempt)?;
            let status = row.try_get_by_index(4).attempt(attempt)?;
            Ok((item_of(row, attempt)?, Reported { text: (!sealed).then_some(text), status }))
        })
        .collect()
}

/// Drifted items of clients.
///
/// # Errors
/// When the database cannot be asked.
pub async fn drift(on: &impl Source, ids: &[ClientId]) -> StoreResult<Vec<ItemOf>> {
    let attempt = "read the drift of clients";
    let sql = "SELECT client_id, item_id, item_index FROM drift WHERE client_id IN ({ids})";
    ask(on, sql, ids, &[], attempt).await?.iter().map(|row| item_of(row, attempt)).collect()
}

/// Secret items of clients: what was handed out and what was acknowledged.
///
/// # Errors
/// When the database cannot be asked.
pub async fn secret_writes(on: &impl Source, ids: &[ClientId]) -> StoreResult<Vec<(ClientId, SecretWrite)>> {
    let attempt = "read which secrets phones were given";
    let sql = "SELECT client_id, item_id, item_index, handed_out, acknowledged FROM secret_write \
        WHERE client_id IN ({ids})";
    let rows = ask(on, sql, ids, &[], attempt).await?;
    rows.iter()
        .map(|row| {
            let (client, item, index) = item_of(row, attempt)?;
            let handed_out = row.try_get_by_index(3).attempt(attempt)?;
            let acknowledged = row.try_get_by_index(4).attempt(attempt)?;
            Ok((client, SecretWrite { item, index, handed_out, acknowledged }))
        })
        .collect()
}

/// What clients refused, with the status word.
///
/// # Errors
/// When the database cannot be asked.
pub async fn refusals(on: &impl Source, ids: &[ClientId]) -> StoreResult<Vec<(ItemOf, String)>> {
    let attempt = "read what phones refuse";
    let sql = "SELECT client_id, item_id, item_index, status FROM item_refusal WHERE client_id IN ({ids})";
    let rows = ask(on, sql, ids, &[], attempt).await?;
    rows.iter().map(|row| Ok((item_of(row, attempt)?, row.try_get_by_index(3).attempt(attempt)?))).collect()
}

/// Numbers of the configuration of clients, which stay as they are until the transaction ends.
///
/// # Errors
/// When the database refuses.
pub async fn lock(tx: &Tx, ids: &[ClientId]) -> StoreResult<Vec<(ClientId, i64)>> {
    let attempt = "hold clients for a change of their configuration";
    let lock = if tx.is_postgres() { " FOR NO KEY UPDATE" } else { "" };
    let sql =
        format!("SELECT id, configuration_revision FROM client WHERE id IN ({{ids}}) ORDER BY id{lock}");
    let rows = ask(tx, &sql, ids, &[], attempt).await?;
    rows.iter()
        .map(|row| {
            let client: i64 = row.try_get_by_index(0).attempt(attempt)?;
            Ok((ClientId(client), row.try_get_by_index(1).attempt(attempt)?))
        })
        .collect()
}

/// Sets one value, which is JSON, for many clients.
///
/// # Errors
/// When the database refuses.
pub async fn set_value(
    tx: &Tx,
    ids: &[ClientId],
    key: &ParameterKey,
    value: &str,
    at: Timestamp,
) -> StoreResult<()> {
    let rows = ids.iter().map(|id| value_row(*id, key, value, false, at)).collect();
    insert_rows(tx, INSERT_VALUES, UPSERT_VALUES, rows, "set desired values").await.map(|_| ())
}

/// Sets a secret for many clients; it is sealed for each.
///
/// # Errors
/// When the database refuses.
pub async fn set_sealed(
    tx: &Tx,
    sealed: &[(ClientId, String)],
    key: &ParameterKey,
    at: Timestamp,
) -> StoreResult<()> {
    let rows = sealed.iter().map(|(id, value)| value_row(*id, key, value, true, at)).collect();
    insert_rows(tx, INSERT_VALUES, UPSERT_VALUES, rows, "set desired values").await.map(|_| ())
}

const INSERT_VALUES: &str = "INSERT INTO client_value \
    (client_id, layer, parameter, parameter_index, value, sealed, changed_at) VALUES";
const UPSERT_VALUES: &str = "ON CONFLICT (client_id, layer, parameter, parameter_index) DO UPDATE \
    SET value = excluded.value, sealed = excluded.sealed, changed_at = excluded.changed_at";

fn value_row(id: ClientId, key: &ParameterKey, value: &str, sealed: bool, at: Timestamp) -> Vec<Value> {
    vec![
        id.0.into(),
        Layer::Client.as_str().into(),
        key.parameter.as_str().into(),
        index_number(key.index).into(),
        value.into(),
        sealed.into(),
        at.as_millisecond().into(),
    ]
}

/// Removes one value of many clients.
///
/// # Errors
/// When the database refuses.
pub async fn remove_value(tx: &Tx, ids: &[ClientId], key: &ParameterKey) -> StoreResult<()> {
    let sql = "DELETE FROM client_value WHERE client_id IN ({ids}) AND layer = $1 AND parameter = $2 \
        AND parameter_index = $3";
    let values: [Value; 3] =
        [Layer::Client.as_str().into(), key.parameter.as_str().into(), index_number(key.index).into()];
    change(tx, sql, ids, &values, "remove desired values").await.map(|_| ())
}

/// The next number of the configuration of many clients; counts as a change of each.
///
/// # Errors
/// When the database refuses.
pub async fn bump_revisions(tx: &Tx, ids: &[ClientId], at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE client SET configuration_revision = configuration_revision + 1, revision = revision + 1, \
        updated_at = $1 WHERE id IN ({ids})";
    change(tx, sql, ids, &[at.as_millisecond().into()], "number the configuration of clients")
        .await
        .map(|_| ())
}

/// Counts as a change of each client.
///
/// # Errors
/// When the database refuses.
pub async fn touch(tx: &Tx, ids: &[ClientId], at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE client SET revision = revision + 1, updated_at = $1 WHERE id IN ({ids})";
    change(tx, sql, ids, &[at.as_millisecond().into()], "note a change of clients").await.map(|_| ())
}

/// Approves those clients that were not yet (D-24 a); gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn approve(tx: &Tx, ids: &[ClientId], at: Timestamp) -> StoreResult<u64> {
    let sql = "UPDATE client SET approved = TRUE, revision = revision + 1, updated_at = $1 \
        WHERE id IN ({ids}) AND approved = FALSE";
    change(tx, sql, ids, &[at.as_millisecond().into()], "approve clients").await
}

/// From now on a client is trusted at the address it was last seen at, when that is still this one; `false` when it
/// is another one, or was trusted already.
///
/// # Errors
/// When the database refuses.
pub async fn trust_address(tx: &Tx, id: ClientId, address: &str, at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE client SET trusted_address = peer_address, revision = revision + 1, updated_at = $1 \
        WHERE id IN ({ids}) AND peer_address = $2 AND COALESCE(trusted_address, '') <> peer_address";
    let values: [Value; 2] = [at.as_millisecond().into(), address.into()];
    Ok(change(tx, sql, &[id], &values, "trust the address of a client").await? > 0)
}

/// Other values are desired for these items: their drift is over, and refused values are forgotten. What a
/// phone does not let be changed at all stays remembered until it starts up (D-6).
///
/// # Errors
/// When the database refuses.
pub async fn begin_anew(tx: &Tx, ids: &[ClientId], item: i64, index: Option<u16>) -> StoreResult<()> {
    let attempt = "forget how items stood";
    let values: [Value; 2] = [item.into(), index.map_or(NO_INDEX, i32::from).into()];
    let place = "client_id IN ({ids}) AND item_id = $1 AND item_index = $2";
    change(tx, &format!("DELETE FROM drift WHERE {place}"), ids, &values, attempt).await?;
    let sql = format!("DELETE FROM item_refusal WHERE {place} AND LOWER(TRIM(status)) <> 'read only'");
    change(tx, &sql, ids, &values, attempt).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn places_are_numbered_where_the_database_wants_it() {
        assert_eq!(places(true, 2, 2), "($1,$2),($3,$4)");
        assert_eq!(places(false, 2, 3), "(?,?,?),(?,?,?)");
    }
}
