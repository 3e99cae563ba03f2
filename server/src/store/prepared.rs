//! Rows of prepared clients, and what an administrator decides about a client: approved, released (D-1, D-4, D-24).

use domain::client::{ClientState, SecureMode};
use domain::{ClientId, DeviceId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// Everything an administrator enters of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Device id, when it is known.
    pub device_id: Option<DeviceId>,
    /// Number.
    pub e164: Option<String>,
    /// `device-type` as phones of the model report it.
    pub device_type: Option<String>,
    /// Short name of the model.
    pub model: Option<String>,
    /// `SIP` or `HFA`.
    pub software_type: String,
    /// Secure mode it is to have.
    pub secure_mode: SecureMode,
}

/// What a prepared client waits for, besides its device id and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Secure mode it is to have.
    pub secure_mode: SecureMode,
    /// Whether it waits for a deployment PIN.
    pub has_pin: bool,
}

/// Creates a prepared client. It is approved: somebody has entered it (D-24 a).
///
/// # Errors
/// [`super::StoreError::Taken`] when another client has the device id; else when the database refuses.
pub async fn insert(
    tx: &Tx,
    entry: &Entry,
    pin_digest: Option<&[u8]>,
    at: Timestamp,
) -> StoreResult<ClientId> {
    let attempt = "prepare a client";
    let sql = "INSERT INTO client (device_id, state, e164, basic_e164, device_type, model, software_type, \
        secure_mode, secure_mode_wanted, mobility, access, faults, full_read_wanted, approved, \
        deployment_pin_digest, created_at, updated_at, revision) \
        VALUES ($1, 'prepared', $2, NULL, $3, $4, $5, 'default', $6, 'disabled', 'direct', '', FALSE, TRUE, $7, \
        $8, $8, 1) RETURNING id";
    let values: [Value; 8] = [
        entry.device_id.as_ref().map(|device| device.as_str().to_owned()).into(),
        entry.e164.clone().into(),
        entry.device_type.clone().into(),
        entry.model.clone().into(),
        entry.software_type.as_str().into(),
        entry.secure_mode.as_str().into(),
        pin_digest.map(<[u8]>::to_vec).into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(ClientId)
}

/// What a client waits for, besides its device id and number.
///
/// # Errors
/// When the database cannot be asked.
pub async fn waiting(on: &impl Source, id: ClientId) -> StoreResult<Option<Waiting>> {
    let attempt = "read what a prepared client waits for";
    let connection = on.connection();
    let sql = "SELECT secure_mode_wanted, deployment_pin_digest IS NOT NULL FROM client WHERE id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let word: Option<String> = row.try_get_by_index(0).attempt(attempt)?;
    let secure_mode = word.as_deref().and_then(SecureMode::parse).unwrap_or(SecureMode::Default);
    Ok(Some(Waiting { secure_mode, has_pin: row.try_get_by_index(1).attempt(attempt)? }))
}

/// Changes a prepared client that still has this revision. `pin_digest`: `None` keeps the PIN, `Some(None)`
/// clears it. `false` when it has changed since, or a phone has matched it.
///
/// # Errors
/// [`super::StoreError::Taken`] when another client has the device id; else when the database refuses.
pub async fn update(
    tx: &Tx,
    id: ClientId,
    revision: i64,
    entry: &Entry,
    pin_digest: Option<Option<Vec<u8>>>,
    at: Timestamp,
) -> StoreResult<bool> {
    let sql = "UPDATE client SET device_id = $3, e164 = $4, device_type = $5, model = $6, software_type = $7, \
        secure_mode_wanted = $8, deployment_pin_digest = CASE WHEN $9 THEN $10 ELSE deployment_pin_digest END, \
        updated_at = $11, revision = revision + 1 WHERE id = $1 AND revision = $2 AND state = 'prepared'";
    let sql = if tx.is_postgres() { sql.replace("$10", "$10::bytea") } else { sql.to_owned() };
    let changes_pin = pin_digest.is_some();
    let values: [Value; 11] = [
        id.0.into(),
        revision.into(),
        entry.device_id.as_ref().map(|device| device.as_str().to_owned()).into(),
        entry.e164.clone().into(),
        entry.device_type.clone().into(),
        entry.model.clone().into(),
        entry.software_type.as_str().into(),
        entry.secure_mode.as_str().into(),
        changes_pin.into(),
        pin_digest.flatten().into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change a prepared client")?;
    Ok(done.rows_affected() > 0)
}

/// Another client with a number (D-3). One whose place another phone has taken does not use its number any more.
///
/// # Errors
/// When the database cannot be asked.
pub async fn other_with_number(
    on: &impl Source,
    number: &str,
    but: Option<ClientId>,
) -> StoreResult<Option<ClientId>> {
    let sql = "SELECT id, state FROM client WHERE (e164 = $1 OR basic_e164 = $1) AND id <> $2 \
        AND state <> 'retired' ORDER BY id LIMIT 1";
    Ok(other(on, sql, number.into(), but).await?.map(|other| other.id))
}

/// Another client, in whose way one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its id.
    pub id: ClientId,
    /// Another phone has taken its place (D-29): it is kept for its history.
    pub retired: bool,
}

/// Another client with a device id, a retired one too: there are no two with the same.
///
/// # Errors
/// When the database cannot be asked.
pub async fn other_with_device(
    on: &impl Source,
    device: &DeviceId,
    but: Option<ClientId>,
) -> StoreResult<Option<Other>> {
    let sql = "SELECT id, state FROM client WHERE device_id = $1 AND id <> $2 ORDER BY id LIMIT 1";
    other(on, sql, device.as_str().into(), but).await
}

/// Another client that waits for a deployment PIN.
///
/// # Errors
/// When the database cannot be asked.
pub async fn other_with_pin(
    on: &impl Source,
    digest: &[u8],
    but: Option<ClientId>,
) -> StoreResult<Option<ClientId>> {
    let sql =
        "SELECT id, state FROM client WHERE deployment_pin_digest = $1 AND id <> $2 ORDER BY id LIMIT 1";
    Ok(other(on, sql, digest.to_vec().into(), but).await?.map(|other| other.id))
}

async fn other(
    on: &impl Source,
    sql: &str,
    value: Value,
    but: Option<ClientId>,
) -> StoreResult<Option<Other>> {
    let attempt = "look for another client";
    let connection = on.connection();
    let values: [Value; 2] = [value, but.map_or(0, |client| client.0).into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let state: String = row.try_get_by_index(1).attempt(attempt)?;
    let id = ClientId(row.try_get_by_index(0).attempt(attempt)?);
    Ok(Some(Other { id, retired: state == ClientState::Retired.as_str() }))
}

/// Ends the quarantine of a client that still has this revision; its next contact binds it. `false` when it
/// has changed since.
///
/// # Errors
/// When the database refuses.
pub async fn release(tx: &Tx, id: ClientId, revision: i64, at: Timestamp) -> StoreResult<bool> {
    // What it is compared with is forgotten, or the next contact would bring it back into quarantine; the
    // digest goes, so that what the next contact says is taken over.
    let sql = "UPDATE client SET state = 'active', quarantine_reason = NULL, bound_network = NULL, trusted_address = NULL, \
        device_type = NULL, part_number = NULL, basic_digest = NULL, full_read_wanted = TRUE, updated_at = $3, \
        revision = revision + 1 WHERE id = $1 AND revision = $2 AND state = 'quarantined'";
    let values: [Value; 3] = [id.0.into(), revision.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("release a client from quarantine")?;
    Ok(done.rows_affected() > 0)
}

/// Prepared clients that wait for a phone with a deployment PIN (its keyed digest).
///
/// # Errors
/// When the database cannot be asked.
pub async fn prepared_by_pin(tx: &Tx, digest: &[u8]) -> StoreResult<Vec<ClientId>> {
    let sql = "SELECT id FROM client WHERE deployment_pin_digest = $1 AND state = 'prepared' AND device_id IS NULL ORDER BY id LIMIT 2";
    prepared(tx, sql, digest.to_vec().into()).await
}

/// Prepared clients that wait for a phone with a number.
///
/// # Errors
/// When the database cannot be asked.
pub async fn prepared_by_number(tx: &Tx, number: &str) -> StoreResult<Vec<ClientId>> {
    let sql = "SELECT id FROM client WHERE e164 = $1 AND state = 'prepared' AND device_id IS NULL ORDER BY id LIMIT 2";
    prepared(tx, sql, number.into()).await
}

async fn prepared(tx: &Tx, sql: &str, value: Value) -> StoreResult<Vec<ClientId>> {
    let attempt = "look for a prepared client";
    let rows = tx
        .inner
        .query_all_raw(Statement::from_sql_and_values(tx.backend, sql, [value]))
        .await
        .attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(ClientId)).collect()
}

/// A prepared client has found its phone; the number or PIN serves once (D-1).
///
/// # Errors
/// When the database refuses.
pub async fn adopt(tx: &Tx, id: ClientId, device: &DeviceId) -> StoreResult<()> {
    let sql = "UPDATE client SET device_id = $2, deployment_pin_digest = NULL, revision = revision + 1 WHERE id = $1";
    let values: [Value; 2] = [id.0.into(), device.as_str().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("match a phone with its prepared client").map(|_| ())
}
