//! Values copied to clients when they come for the first time, and when that was (D-20). Which values these are is
//! decided elsewhere.

use domain::catalogue::ParameterKey;
use domain::configuration::Layer;
use domain::{ClientId, TemplateId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::client_filter::contains;
use super::desired::{COLUMNS, StoredValue, index_number, read_row};
use super::error::{Attempt, StoreResult};
use super::fleet::insert_rows;
use super::{Source, Tx};

/// A desired value to be stored for a client.
#[derive(Clone, PartialEq, Eq)]
pub struct NewValue {
    /// Which parameter.
    pub key: ParameterKey,
    /// Its layer.
    pub layer: Layer,
    /// JSON of the value, or the sealed text of a secret.
    pub value: String,
    /// True when `value` is sealed.
    pub sealed: bool,
    /// The template it was copied from.
    pub template: Option<TemplateId>,
    /// Name of that template at this time.
    pub template_name: Option<String>,
}

/// Stores values of a client; one that is there already stays as it is.
///
/// # Errors
/// When the database refuses.
pub async fn add_values(tx: &Tx, client: ClientId, values: Vec<NewValue>, at: Timestamp) -> StoreResult<()> {
    insert(tx, client, values, "DO NOTHING", at).await
}

/// Stores values of a client; they take the place of those that are there.
///
/// # Errors
/// When the database refuses.
pub async fn set_values(tx: &Tx, client: ClientId, values: Vec<NewValue>, at: Timestamp) -> StoreResult<()> {
    let replace = "DO UPDATE SET value = excluded.value, sealed = excluded.sealed, \
        changed_at = excluded.changed_at, template_id = excluded.template_id, \
        template_name = excluded.template_name";
    insert(tx, client, values, replace, at).await
}

async fn insert(
    tx: &Tx,
    client: ClientId,
    values: Vec<NewValue>,
    otherwise: &str,
    at: Timestamp,
) -> StoreResult<()> {
    let head = "INSERT INTO client_value (client_id, layer, parameter, parameter_index, value, sealed, \
        changed_at, template_id, template_name) VALUES";
    let tail = format!("ON CONFLICT (client_id, layer, parameter, parameter_index) {otherwise}");
    let row = |new: NewValue| -> Vec<Value> {
        vec![
            client.0.into(),
            new.layer.as_str().into(),
            new.key.parameter.into(),
            index_number(new.key.index).into(),
            new.value.into(),
            new.sealed.into(),
            at.as_millisecond().into(),
            new.template.map(|template| template.0).into(),
            new.template_name.into(),
        ]
    };
    let rows = values.into_iter().map(row).collect();
    insert_rows(tx, head, &tail, rows, "copy values to a client").await.map(|_| ())
}

/// Removes the values that were copied from a template.
///
/// # Errors
/// When the database refuses.
pub async fn remove_values(tx: &Tx, client: ClientId, template: TemplateId) -> StoreResult<()> {
    let sql = "DELETE FROM client_value WHERE client_id = $1 AND layer = $2 AND template_id = $3";
    let values: [Value; 3] = [client.0.into(), Layer::Onboarding.as_str().into(), template.0.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("remove values copied to a client").map(|_| ())
}

/// Values copied to clients that may hold a variable: those in which its name stands in braces, and all secrets, which
/// only who has the key can read. By client, after one value, at most `most`; of clients that are not retired.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn maybe_with_variable(
    on: &impl Source,
    name: &str,
    after: Option<&(ClientId, ParameterKey)>,
    most: u64,
) -> StoreResult<Vec<(ClientId, StoredValue)>> {
    let attempt = "look for values with a variable";
    let connection = on.connection();
    let sql = format!(
        "SELECT client_id, {COLUMNS} FROM client_value WHERE layer = $1 \
         AND (sealed = TRUE OR value LIKE $2 ESCAPE '!') \
         AND (client_id, parameter, parameter_index) > ($3, $4, $5) \
         AND client_id NOT IN (SELECT id FROM client WHERE state = 'retired') \
         ORDER BY client_id, parameter, parameter_index LIMIT {most}"
    );
    let values: [Value; 5] = [
        Layer::Onboarding.as_str().into(),
        contains(&format!("{{{name}}}")).into(),
        after.map_or(0, |(client, _)| client.0).into(),
        after.map_or("", |(_, key)| key.parameter.as_str()).into(),
        after.map_or(i32::MIN, |(_, key)| index_number(key.index)).into(),
    ];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let client = ClientId(row.try_get_by_index(0).attempt(attempt)?);
            Ok((client, read_row(row, 1, attempt)?))
        })
        .collect()
}

/// Notes when values were copied; `None`: they will be copied at the next full read.
///
/// # Errors
/// When the database refuses.
pub async fn set_time(tx: &Tx, client: ClientId, onboarded_at: Option<Timestamp>) -> StoreResult<()> {
    let sql = "UPDATE client SET onboarded_at = $2 WHERE id = $1";
    let values: [Value; 2] = [client.0.into(), onboarded_at.map(Timestamp::as_millisecond).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note that a client has its first values").map(|_| ())
}

/// Notes the template chosen for a prepared client. Not a change by itself: it goes along with one.
///
/// # Errors
/// When the database refuses.
pub async fn choose(tx: &Tx, client: ClientId, template: Option<TemplateId>) -> StoreResult<()> {
    let sql = "UPDATE client SET onboarding_template = $2 WHERE id = $1";
    let values: [Value; 2] = [client.0.into(), template.map(|template| template.0).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note the template of a prepared client").map(|_| ())
}

/// Everything begins anew, after a reset that we ordered: copied values go, and come again at the next full read. Those
/// of the template that was chosen for this client stay when it is gone: nothing would bring them again.
///
/// # Errors
/// When the database refuses.
pub async fn begin_anew(tx: &Tx, client: ClientId) -> StoreResult<()> {
    let sql = "DELETE FROM client_value WHERE client_id = $1 AND layer = $2 AND NOT EXISTS (SELECT 1 FROM client AS c \
        WHERE c.id = client_value.client_id AND c.onboarding_template = client_value.template_id \
        AND NOT EXISTS (SELECT 1 FROM template AS t WHERE t.id = c.onboarding_template))";
    let values: [Value; 2] = [client.0.into(), Layer::Onboarding.as_str().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("remove all values copied to a client")?;
    set_time(tx, client, None).await
}
