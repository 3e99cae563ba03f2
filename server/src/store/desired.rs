//! Desired values of clients by layer, and the number of their configuration (D-18, D-27).

use domain::catalogue::ParameterKey;
use domain::configuration::Layer;
use domain::{ClientId, TemplateId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, TryGetable, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// Stands for "not a repeated parameter".
pub(super) const NO_INDEX: i32 = -1;

/// A stored desired value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    /// Which parameter.
    pub key: ParameterKey,
    /// Its layer.
    pub layer: Layer,
    /// JSON of the value, or the sealed text of a secret.
    pub value: String,
    /// True when `value` is sealed.
    pub sealed: bool,
    /// When it was set.
    pub changed_at: Timestamp,
    /// The template it was copied from (D-20).
    pub template: Option<TemplateId>,
    /// Name of that template at the time.
    pub template_name: Option<String>,
}

/// Columns of [`read_row`], in its order.
pub(super) const COLUMNS: &str =
    "parameter, parameter_index, layer, value, sealed, changed_at, template_id, template_name";

/// A stored value, from the column `first` on.
pub(super) fn read_row(row: &QueryResult, first: usize, attempt: &'static str) -> StoreResult<StoredValue> {
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let index: i32 = row.try_get_by_index(first + 1).attempt(attempt)?;
    let layer: String = row.try_get_by_index(first + 2).attempt(attempt)?;
    let at: i64 = row.try_get_by_index(first + 5).attempt(attempt)?;
    let template: Option<i64> = row.try_get_by_index(first + 6).attempt(attempt)?;
    Ok(StoredValue {
        key: ParameterKey {
            parameter: row.try_get_by_index(first).attempt(attempt)?,
            index: u16::try_from(index).ok(),
        },
        layer: Layer::parse(&layer).ok_or(corrupt("client_value.layer"))?,
        value: row.try_get_by_index(first + 3).attempt(attempt)?,
        sealed: row.try_get_by_index(first + 4).attempt(attempt)?,
        changed_at: Timestamp::from_millisecond(at).map_err(|_| corrupt("client_value.changed_at"))?,
        template: template.map(TemplateId),
        template_name: row.try_get_by_index(first + 7).attempt(attempt)?,
    })
}

/// Number of an index as stored.
pub(super) fn index_number(index: Option<u16>) -> i32 {
    index.map_or(NO_INDEX, i32::from)
}

/// Condition: the row is one of these items. Numbers of our own making need no places.
pub(super) fn is_one_of(items: &[(i64, Option<u16>)]) -> String {
    let items: Vec<String> =
        items.iter().map(|(item, index)| format!("({item},{})", index_number(*index))).collect();
    format!("(item_id, item_index) IN (VALUES {})", items.join(","))
}

/// What is kept of items of a client: number of the item's name, index, and the third column of the statement, whose only
/// place is the client.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn of_items<T: TryGetable>(
    on: &impl Source,
    client: ClientId,
    sql: &str,
    attempt: &'static str,
) -> StoreResult<Vec<(i64, Option<u16>, T)>> {
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let index: i32 = row.try_get_by_index(1).attempt(attempt)?;
            let item = row.try_get_by_index(0).attempt(attempt)?;
            Ok((item, u16::try_from(index).ok(), row.try_get_by_index(2).attempt(attempt)?))
        })
        .collect()
}

/// All desired values of a client, in no order.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn values(on: &impl Source, client: ClientId) -> StoreResult<Vec<StoredValue>> {
    let attempt = "read the desired configuration of a client";
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM client_value WHERE client_id = $1");
    let statement =
        Statement::from_sql_and_values(connection.get_database_backend(), &sql, [client.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| read_row(row, 0, attempt)).collect()
}

/// Sets a value; `value` is JSON, or sealed.
///
/// # Errors
/// When the database refuses.
pub async fn set(
    tx: &Tx,
    client: ClientId,
    layer: Layer,
    key: &ParameterKey,
    value: &str,
    sealed: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO client_value (client_id, layer, parameter, parameter_index, value, sealed, changed_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (client_id, layer, parameter, parameter_index) DO UPDATE SET value = excluded.value, \
        sealed = excluded.sealed, changed_at = excluded.changed_at";
    let values: [Value; 7] = [
        client.0.into(),
        layer.as_str().into(),
        key.parameter.as_str().into(),
        index_number(key.index).into(),
        value.into(),
        sealed.into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("set a desired value").map(|_| ())
}

/// Removes a value. `false` when there was none.
///
/// # Errors
/// When the database refuses.
pub async fn remove(tx: &Tx, client: ClientId, layer: Layer, key: &ParameterKey) -> StoreResult<bool> {
    let sql = "DELETE FROM client_value WHERE client_id = $1 AND layer = $2 AND parameter = $3 AND parameter_index = $4";
    let values: [Value; 4] = [
        client.0.into(),
        layer.as_str().into(),
        key.parameter.as_str().into(),
        index_number(key.index).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("remove a desired value")?;
    Ok(done.rows_affected() > 0)
}

/// Number of a client's configuration; 0 when nothing was ever desired. `None` when there is no such client.
///
/// # Errors
/// When the database cannot be asked.
pub async fn revision_of(on: &impl Source, client: ClientId) -> StoreResult<Option<i64>> {
    let attempt = "read the configuration number of a client";
    let connection = on.connection();
    let sql = "SELECT configuration_revision FROM client WHERE id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    row.map(|row| row.try_get_by_index(0)).transpose().attempt(attempt)
}

/// The next number of a client's configuration; counts as a change of the client.
///
/// # Errors
/// When the database refuses.
pub async fn bump_revision(tx: &Tx, client: ClientId, at: Timestamp) -> StoreResult<i64> {
    let attempt = "number a client's configuration";
    let sql = "UPDATE client SET configuration_revision = configuration_revision + 1, revision = revision + 1, \
        updated_at = $2 WHERE id = $1 RETURNING configuration_revision";
    let values: [Value; 2] = [client.0.into(), at.as_millisecond().into()];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)
}
