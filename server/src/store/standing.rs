//! How a client stands: its row with what there is of it in other tables, in one statement. Most phones have
//! no drift, refuse nothing and hold no secrets; a session must not ask for each of it.

use domain::ClientId;
use domain::client::ClientState;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::clients::{COLUMNS, Client, Row};
use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// What there is of a client in other tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    /// Desired values of its own, or copied when it came for the first time.
    pub desired: bool,
    /// Values of the fields an administrator has added.
    pub fields: bool,
    /// Items changed at the phone.
    pub drift: bool,
    /// Secrets it was given.
    pub secrets: bool,
    /// Items it refused.
    pub refusals: bool,
    /// Items its model with its firmware refuses.
    pub model_refusals: bool,
    /// Targets that wait for it.
    pub waiting: bool,
    /// Targets that are under way with it.
    pub sent: bool,
    /// Targets that are planned for later.
    pub scheduled: bool,
}

/// A client with what there is of it in other tables, so that nothing is looked for in vain.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The client.
    pub client: Client,
    /// Digest of its last full read, if it still holds.
    pub items_digest: Option<Vec<u8>>,
    /// What else there is.
    pub has: Has,
    /// Version of templates and groups at this moment.
    pub layers_version: i64,
    /// The version with which it was last looked at after a contact.
    pub layers_seen: Option<i64>,
}

#[derive(FromQueryResult)]
struct StandingRow {
    #[sea_orm(nested)]
    client: Row,
    items_digest: Option<Vec<u8>>,
    has_desired: bool,
    has_fields: bool,
    layers_version: Option<i64>,
    layers_seen: Option<i64>,
    has_drift: bool,
    has_secrets: bool,
    has_refusals: bool,
    has_model_refusals: bool,
    has_waiting: bool,
    has_sent: bool,
    has_scheduled: bool,
}

/// A client by its id, with what else there is of it.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn standing(on: &impl Source, id: ClientId) -> StoreResult<Option<Standing>> {
    let connection = on.connection();
    let of_client = |table: &str, more: &str| {
        format!("EXISTS (SELECT 1 FROM {table} AS t WHERE t.client_id = client.id{more})")
    };
    let sql = format!(
        "SELECT {COLUMNS}, items_digest, (SELECT version FROM layers_version WHERE layers_version.id = 1) AS layers_version, \
         layers_seen, \
         {} AS has_desired, {} AS has_fields, {} AS has_drift, {} AS has_secrets, {} AS has_refusals, \
         EXISTS (SELECT 1 FROM model_refusal AS t WHERE t.model = COALESCE(client.model, client.device_type) \
         AND t.software_version = client.software_version) AS has_model_refusals, \
         {} AS has_waiting, {} AS has_sent, {} AS has_scheduled FROM client WHERE id = $1",
        of_client("client_value", ""),
        of_client("client_field", ""),
        of_client("drift", ""),
        of_client("secret_write", ""),
        of_client("item_refusal", ""),
        // The whole condition of the partial index, or it would not be used.
        of_client("job_target", " AND t.state IN ('waiting', 'active', 'sent') AND t.state <> 'sent'"),
        of_client("job_target", " AND t.state IN ('waiting', 'active', 'sent') AND t.state = 'sent'"),
        of_client("job_target", " AND t.state = 'scheduled'"),
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let row = StandingRow::find_by_statement(statement).one(connection).await.attempt("read a client")?;
    row.map(|row| {
        Ok(Standing {
            client: row.client.into_client()?,
            items_digest: row.items_digest,
            has: Has {
                desired: row.has_desired,
                fields: row.has_fields,
                drift: row.has_drift,
                secrets: row.has_secrets,
                refusals: row.has_refusals,
                model_refusals: row.has_model_refusals,
                waiting: row.has_waiting,
                sent: row.has_sent,
                scheduled: row.has_scheduled,
            },
            layers_version: row.layers_version.unwrap_or_default(),
            layers_seen: row.layers_seen,
        })
    })
    .transpose()
}

/// What a client is at the moment it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its state.
    pub state: ClientState,
    /// Its phone.
    pub device: Option<String>,
}

/// Keeps a client as it is until the transaction ends; `None` when there is none. Whatever is read of it after this
/// is as the change before has left it: a plan that is applied holds its clients for seconds.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn hold(tx: &Tx, id: ClientId) -> StoreResult<Option<Held>> {
    let attempt = "hold a client";
    // SQLite lets one transaction write at a time: nobody else is in the middle of a change.
    let lock = if tx.is_postgres() { " FOR NO KEY UPDATE" } else { "" };
    let sql = format!("SELECT state, device_id FROM client WHERE id = $1{lock}");
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map(|row| {
        let state: String = row.try_get_by_index(0).attempt(attempt)?;
        let state =
            ClientState::parse(&state).ok_or(StoreError::Corrupt { attempt, what: "client.state" })?;
        Ok(Held { state, device: row.try_get_by_index(1).attempt(attempt)? })
    })
    .transpose()
}
