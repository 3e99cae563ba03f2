//! Notifications for administrators: a code and its arguments, worded in the reader's language (D-35).

use domain::{ClientId, NotificationId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::Value as Json;

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A stored notification.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// When it was raised.
    pub at: Timestamp,
    /// What it says: `client-quarantined`, `phone-fault`.
    pub code: String,
    /// Arguments of the text.
    pub args: Json,
    /// The client it is about.
    pub client: Option<ClientId>,
}

/// Raises a notification in the transaction of its cause. `None` when the same one is there already: a phone
/// that repeats itself must not fill the table.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    tx: &Tx,
    at: Timestamp,
    code: &'static str,
    args: &Json,
    client: Option<ClientId>,
) -> StoreResult<Option<NotificationId>> {
    let attempt = "raise a notification";
    let known = "SELECT 1 FROM notification WHERE client_id = $1 AND code = $2 AND args = $3 LIMIT 1";
    let values: [Value; 3] = [client.map(|client| client.0).into(), code.into(), args.to_string().into()];
    let statement = Statement::from_sql_and_values(tx.backend, known, values);
    if tx.inner.query_one_raw(statement).await.attempt(attempt)?.is_some() {
        return Ok(None);
    }
    let sql = "INSERT INTO notification (at, code, args, client_id) VALUES ($1, $2, $3, $4) RETURNING id";
    let values: [Value; 4] = [
        at.as_millisecond().into(),
        code.into(),
        args.to_string().into(),
        client.map(|client| client.0).into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(Some(NotificationId(id)))
}

/// Newest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(on: &impl Source, skip: u64, size: u64) -> StoreResult<Vec<Notification>> {
    let attempt = "list notifications";
    let connection = on.connection();
    let sql = format!(
        "SELECT id, at, code, args, client_id FROM notification ORDER BY at DESC, id DESC LIMIT {size} OFFSET {skip}"
    );
    let rows = connection
        .query_all_raw(Statement::from_string(connection.get_database_backend(), sql))
        .await
        .attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let at: i64 = row.try_get_by_index(1).attempt(attempt)?;
            let args: String = row.try_get_by_index(3).attempt(attempt)?;
            let client: Option<i64> = row.try_get_by_index(4).attempt(attempt)?;
            Ok(Notification {
                id: NotificationId(row.try_get_by_index(0).attempt(attempt)?),
                at: Timestamp::from_millisecond(at)
                    .map_err(|_| StoreError::Corrupt { attempt, what: "notification.at" })?,
                code: row.try_get_by_index(2).attempt(attempt)?,
                args: serde_json::from_str(&args)
                    .map_err(|_| StoreError::Corrupt { attempt, what: "notification.args" })?,
                client: client.map(ClientId),
            })
        })
        .collect()
}

/// Number of notifications.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source) -> StoreResult<u64> {
    let attempt = "count notifications";
    let connection = on.connection();
    let statement =
        Statement::from_string(connection.get_database_backend(), "SELECT COUNT(*) FROM notification");
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Removes one, or all; returns how many went.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: Option<NotificationId>) -> StoreResult<u64> {
    let statement = match id {
        Some(id) => Statement::from_sql_and_values(
            tx.backend,
            "DELETE FROM notification WHERE id = $1",
            [id.0.into()],
        ),
        None => Statement::from_string(tx.backend, "DELETE FROM notification"),
    };
    tx.inner.execute_raw(statement).await.attempt("remove notifications").map(|done| done.rows_affected())
}
