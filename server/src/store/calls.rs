//! Whom to call and when: one row per client that waits for a contact-me, or ever got one (`wpi.md` §1.5).
//!
//! The time of a contact-me is committed before it leaves, so that no crash can call a phone twice inside its
//! gap.

use domain::{ClientId, JobId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// What is known of calling a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When to call next; `None`: nothing waits, or the server has given up until the phone comes by itself.
    pub next_at: Option<Timestamp>,
    /// Contact-me since the last session.
    pub tries: u32,
    /// Last contact-me.
    pub called_at: Option<Timestamp>,
    /// Where it went.
    pub called_address: Option<String>,
}

impl Call {
    pub(super) fn from_row(
        next_at: Option<i64>,
        tries: i32,
        called_at: Option<i64>,
        called_address: Option<String>,
    ) -> StoreResult<Self> {
        let time = |ms: Option<i64>| {
            let corrupt =
                |_| StoreError::Corrupt { attempt: "read when a phone was called", what: "client_call time" };
            ms.map(|ms| Timestamp::from_millisecond(ms).map_err(corrupt)).transpose()
        };
        let tries = u32::try_from(tries).unwrap_or(0);
        Ok(Self { next_at: time(next_at)?, tries, called_at: time(called_at)?, called_address })
    }
}

/// Somebody wants a client to be called, not before a time. A nearer wish stays; a gap that runs is respected
/// when the call is made.
///
/// # Errors
/// When the database refuses.
pub async fn want(tx: &Tx, client: ClientId, at: Timestamp) -> StoreResult<()> {
    let sql = "INSERT INTO client_call (client_id, next_at, tries) VALUES ($1, $2, 0) \
        ON CONFLICT (client_id) DO UPDATE SET next_at = CASE WHEN client_call.next_at IS NULL \
        OR client_call.next_at > excluded.next_at AND client_call.called_at IS NULL \
        THEN excluded.next_at ELSE client_call.next_at END, \
        tries = CASE WHEN client_call.next_at IS NULL THEN 0 ELSE client_call.tries END";
    let values: [Value; 2] = [client.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("want a phone to be called").map(|_| ())
}

/// As [`want`], for every client with a waiting target of a job.
///
/// # Errors
/// When the database refuses.
pub async fn want_job(tx: &Tx, job: JobId, at: Timestamp) -> StoreResult<()> {
    let sql = "INSERT INTO client_call (client_id, next_at, tries) \
        SELECT DISTINCT client_id, CAST($2 AS BIGINT), 0 FROM job_target \
        WHERE job_id = $1 AND state = 'waiting' AND client_id IS NOT NULL ORDER BY client_id \
        ON CONFLICT (client_id) DO UPDATE SET next_at = COALESCE(client_call.next_at, excluded.next_at), \
        tries = CASE WHEN client_call.next_at IS NULL THEN 0 ELSE client_call.tries END";
    let values: [Value; 2] = [job.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("want the phones of a job to be called").map(|_| ())
}

/// What is known of calling a client.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn of_client(on: &impl Source, client: ClientId) -> StoreResult<Option<Call>> {
    let attempt = "read when a phone was called";
    let connection = on.connection();
    let sql = "SELECT next_at, tries, called_at, called_address FROM client_call WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let (next_at, tries) =
        (row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?);
    let (called_at, called_address) =
        (row.try_get_by_index(2).attempt(attempt)?, row.try_get_by_index(3).attempt(attempt)?);
    Call::from_row(next_at, tries, called_at, called_address).map(Some)
}

/// The phone is there: nobody calls it now.
///
/// # Errors
/// When the database refuses.
pub async fn session_opened(tx: &Tx, client: ClientId, call: &Call) -> StoreResult<()> {
    if call.next_at.is_some() || call.tries > 0 || call.called_address.is_some() {
        // The address goes: an answer to a call counts once (D-24 c).
        let sql =
            "UPDATE client_call SET next_at = NULL, tries = 0, called_address = NULL WHERE client_id = $1";
        let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
        tx.inner.execute_raw(statement).await.attempt("record that a phone has come").map(|_| ())?;
    }
    Ok(())
}

/// Whether calling the client is worth something: it is reached directly, and the server has not given up.
///
/// # Errors
/// When the database cannot be asked.
pub async fn can_call(on: &impl Source, client: ClientId) -> StoreResult<bool> {
    let attempt = "read whether a phone can be called";
    let connection = on.connection();
    let sql = "SELECT 1 FROM client WHERE id = $1 AND access = 'direct' AND peer_address IS NOT NULL";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    Ok(connection.query_one_raw(statement).await.attempt(attempt)?.is_some())
}

/// Postpones a call, or gives up (`None`) until the phone comes by itself.
///
/// # Errors
/// When the database refuses.
pub async fn postpone(tx: &Tx, client: ClientId, next_at: Option<Timestamp>) -> StoreResult<()> {
    let sql = "UPDATE client_call SET next_at = $2 WHERE client_id = $1 AND next_at IS NOT NULL";
    let values: [Value; 2] = [client.0.into(), next_at.map(Timestamp::as_millisecond).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("postpone a contact-me").map(|_| ())
}
