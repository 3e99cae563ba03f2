//! Settings that were set through the API (D-33). What a setting is stands in `domain::setting`.

use domain::setting::SettingValue;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A stored setting; its id may be one that this program does not know.
#[derive(Clone, Debug)]
pub struct StoredSetting {
    /// Id of the setting.
    pub id: String,
    /// Its value; `None` when it cannot be understood.
    pub value: Option<SettingValue>,
    /// Last change.
    pub updated_at: Timestamp,
    /// The ETag.
    pub revision: i64,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    value: String,
    updated_at: i64,
    revision: i64,
}

impl Row {
    fn into_setting(self) -> StoreResult<StoredSetting> {
        Ok(StoredSetting {
            value: serde_json::from_str(&self.value).ok(),
            updated_at: Timestamp::from_millisecond(self.updated_at).map_err(|_| StoreError::Corrupt {
                attempt: "read the settings",
                what: "setting.updated_at",
            })?,
            id: self.id,
            revision: self.revision,
        })
    }
}

/// All stored settings.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn all(on: &impl Source) -> StoreResult<Vec<StoredSetting>> {
    let connection = on.connection();
    let sql = "SELECT id, value, updated_at, revision FROM setting";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read the settings")?;
    rows.into_iter().map(Row::into_setting).collect()
}

/// One stored setting.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: &str) -> StoreResult<Option<StoredSetting>> {
    let connection = on.connection();
    let sql = "SELECT id, value, updated_at, revision FROM setting WHERE id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.into()]);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read the settings")?;
    row.map(Row::into_setting).transpose()
}

/// Sets a value, when the setting still has this revision (0: it is not stored); `false` when somebody was
/// faster.
///
/// A new row begins with the time as its revision: numbers never come back after the row was removed, so that
/// a client that slept through "set, reset, set again" is told.
///
/// # Errors
/// When the database refuses.
pub async fn put(tx: &Tx, id: &str, value: &SettingValue, revision: i64, at: Timestamp) -> StoreResult<bool> {
    let attempt = "change a setting";
    let text =
        serde_json::to_string(value).map_err(|_| StoreError::Corrupt { attempt, what: "setting.value" })?;
    let sql = if revision == 0 {
        "INSERT INTO setting (id, value, updated_at, revision) VALUES ($1, $2, $3, $4 + $3) ON CONFLICT (id) DO NOTHING"
    } else {
        "UPDATE setting SET value = $2, updated_at = $3, revision = revision + 1 WHERE id = $1 AND revision = $4"
    };
    let values: [Value; 4] = [id.into(), text.into(), at.as_millisecond().into(), revision.into()];
    let done = tx
        .inner
        .execute_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    Ok(done.rows_affected() > 0)
}

/// Removes a stored value, when it still has this revision.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: &str, revision: i64) -> StoreResult<bool> {
    let sql = "DELETE FROM setting WHERE id = $1 AND revision = $2";
    let values: [Value; 2] = [id.into(), revision.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("reset a setting")?;
    Ok(done.rows_affected() > 0)
}
