//! Clients whose place another phone takes, and clients that wait for their phone once more (D-29).

use domain::client::SecureMode;
use domain::{ClientId, DeviceId, TemplateId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::error::{Attempt, StoreResult};
use super::{Source, Tx};

/// What a copy takes over from the client it replaces, besides values and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inheritance {
    /// The client it takes the place of.
    pub replaces: ClientId,
    /// Whether that one was approved (D-24 a).
    pub approved: bool,
    /// When values were copied to it.
    pub onboarded_at: Option<Timestamp>,
    /// Template chosen when it was prepared.
    pub onboarding_template: Option<TemplateId>,
}

/// Notes what a copy takes over. It was made in this transaction.
///
/// # Errors
/// When the database refuses.
pub async fn inherit(tx: &Tx, copy: ClientId, from: &Inheritance) -> StoreResult<()> {
    let sql = "UPDATE client SET replaces = $2, approved = $3, onboarded_at = $4, onboarding_template = $5 \
        WHERE id = $1";
    let values: [Value; 5] = [
        copy.0.into(),
        from.replaces.0.into(),
        from.approved.into(),
        from.onboarded_at.map(Timestamp::as_millisecond).into(),
        from.onboarding_template.map(|template| template.0).into(),
    ];
    run(tx, sql, values.into(), "note whose place a client takes").await.map(|_| ())
}

/// The client whose place a client takes, when it has not left it yet.
///
/// # Errors
/// When the database cannot be asked.
pub async fn predecessor(on: &impl Source, client: ClientId) -> StoreResult<Option<ClientId>> {
    let sql = "SELECT old.id FROM client AS new JOIN client AS old ON old.id = new.replaces \
        WHERE new.id = $1 AND old.state <> 'retired'";
    first(on, sql, client.0.into(), "look for the client that is replaced").await
}

/// A prepared client that waits with a number, besides one.
///
/// # Errors
/// When the database cannot be asked.
pub async fn waits_with_number(
    on: &impl Source,
    number: &str,
    but: ClientId,
) -> StoreResult<Option<ClientId>> {
    let sql = format!(
        "SELECT id FROM client WHERE e164 = $1 AND state = 'prepared' AND id <> {but} ORDER BY id LIMIT 1"
    );
    first(on, &sql, number.into(), "look for a prepared client").await
}

/// A prepared client that waits to take the place of another one.
///
/// # Errors
/// When the database cannot be asked.
pub async fn waiting_copy(on: &impl Source, of: ClientId) -> StoreResult<Option<ClientId>> {
    let sql = "SELECT id FROM client WHERE replaces = $1 AND state = 'prepared' ORDER BY id LIMIT 1";
    first(on, sql, of.0.into(), "look for a copy of a client").await
}

async fn first(
    on: &impl Source,
    sql: &str,
    value: Value,
    attempt: &'static str,
) -> StoreResult<Option<ClientId>> {
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [value]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    row.map(|row| row.try_get_by_index(0).map(ClientId)).transpose().attempt(attempt)
}

/// A client leaves its place to another phone. What asks for somebody's attention goes; its history stays. `false`
/// when it has left it already, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn retire(tx: &Tx, client: ClientId, at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE client SET state = 'retired', quarantine_reason = NULL, faults = '', approved = FALSE, \
        updated_at = $2, revision = revision + 1 WHERE id = $1 AND state <> 'retired'";
    let values = vec![client.0.into(), at.as_millisecond().into()];
    if run(tx, sql, values, "retire a client").await? == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM drift WHERE client_id = $1";
    run(tx, sql, vec![client.0.into()], "forget the drift of a client").await?;
    Ok(true)
}

/// Nobody takes the place of this client any more: it is back.
///
/// # Errors
/// When the database refuses.
pub async fn takes_back(tx: &Tx, client: ClientId) -> StoreResult<()> {
    let sql = "UPDATE client SET replaces = NULL WHERE replaces = $1";
    run(tx, sql, vec![client.0.into()], "note that a client is not replaced").await.map(|_| ())
}

/// A client waits for its phone once more, which was reset or is another one: what was reported and what was worked
/// out from it is forgotten; what is desired, its history and its number stay.
///
/// # Errors
/// [`super::StoreError::Taken`] when another client has the device id; else when the database refuses.
pub async fn wait_again(
    tx: &Tx,
    client: ClientId,
    device: &DeviceId,
    secure_mode: SecureMode,
    at: Timestamp,
) -> StoreResult<()> {
    let attempt = "let a client wait for its phone";
    // What the phone is must be the same as before; which one it is need not, nor its modules.
    let sql = "UPDATE client SET state = 'prepared', quarantine_reason = NULL, device_id = $2, \
        device_id_text = NULL, e164 = COALESCE(NULLIF(basic_e164, ''), e164), basic_e164 = NULL, \
        part_number = NULL, key_modules = NULL, contact_me_uri = NULL, peer_address = NULL, address_sort = NULL, \
        bound_network = NULL, trusted_address = NULL, secure_mode = 'default', secure_mode_wanted = $3, \
        mobility = 'disabled', access = 'direct', faults = '', last_contact_at = NULL, last_contact_reason = NULL, \
        full_read_at = NULL, full_read_version = NULL, full_read_wanted = FALSE, basic_digest = NULL, \
        items_digest = NULL, server_address = NULL, approved = TRUE, deployment_pin_digest = NULL, \
        updated_at = $4, revision = revision + 1 WHERE id = $1";
    let values = vec![
        client.0.into(),
        device.as_str().into(),
        secure_mode.as_str().into(),
        at.as_millisecond().into(),
    ];
    run(tx, sql, values, attempt).await?;
    for table in ["reported_item", "drift", "item_refusal", "secret_write", "client_call"] {
        run(tx, &format!("DELETE FROM {table} WHERE client_id = $1"), vec![client.0.into()], attempt).await?;
    }
    Ok(())
}

async fn run(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<u64> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
}
