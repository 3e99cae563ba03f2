//! Revisions of the desired configuration of clients: number, author, time, and what changed, without secrets.

use domain::{ClientId, JobId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::audit::Actor;
use super::error::{Attempt, StoreError, StoreResult};
use super::fleet::insert_rows;
use super::{Source, Tx};

/// A revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its number, from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Kind of its author.
    pub author_kind: String,
    /// Name of its author at the time.
    pub author_name: String,
    /// The job that brings it to the phone.
    pub job: Option<JobId>,
    /// What changed, as JSON.
    pub changes: String,
}

/// A revision to be stored.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// Of which client.
    pub client: ClientId,
    /// Its number.
    pub number: i64,
    /// What changed, as JSON without secrets.
    pub changes: String,
}

/// Stores revisions of many clients that one cause has made.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    tx: &Tx,
    revisions: Vec<NewRevision>,
    author: &Actor,
    job: Option<JobId>,
    at: Timestamp,
) -> StoreResult<()> {
    let head = "INSERT INTO client_revision \
        (client_id, number, at, author_kind, author_id, author_name, job_id, changes) VALUES";
    let row = |revision: NewRevision| -> Vec<Value> {
        vec![
            revision.client.0.into(),
            revision.number.into(),
            at.as_millisecond().into(),
            author.kind.as_str().into(),
            author.id.into(),
            author.name.as_str().into(),
            job.map(|job| job.0).into(),
            revision.changes.into(),
        ]
    };
    let rows = revisions.into_iter().map(row).collect();
    insert_rows(tx, head, "", rows, "store revisions of clients").await.map(|_| ())
}

const SELECT: &str =
    "SELECT number, at, author_kind, author_name, job_id, changes FROM client_revision WHERE client_id = $1";

fn read(row: &QueryResult) -> StoreResult<Revision> {
    let attempt = "read a revision of a client";
    let at: i64 = row.try_get_by_index(1).attempt(attempt)?;
    let job: Option<i64> = row.try_get_by_index(4).attempt(attempt)?;
    Ok(Revision {
        number: row.try_get_by_index(0).attempt(attempt)?,
        at: Timestamp::from_millisecond(at)
            .map_err(|_| StoreError::Corrupt { attempt, what: "client_revision.at" })?,
        author_kind: row.try_get_by_index(2).attempt(attempt)?,
        author_name: row.try_get_by_index(3).attempt(attempt)?,
        job: job.map(JobId),
        changes: row.try_get_by_index(5).attempt(attempt)?,
    })
}

/// Revisions of a client, newest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(on: &impl Source, client: ClientId, skip: u64, size: u64) -> StoreResult<Vec<Revision>> {
    let connection = on.connection();
    let sql = format!("{SELECT} ORDER BY number DESC LIMIT {size} OFFSET {skip}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt("list the revisions of a client")?;
    rows.iter().map(read).collect()
}

/// Number of revisions of a client.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, client: ClientId) -> StoreResult<u64> {
    let attempt = "count the revisions of a client";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM client_revision WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// One revision of a client.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_number(on: &impl Source, client: ClientId, number: i64) -> StoreResult<Option<Revision>> {
    let connection = on.connection();
    let sql = format!("{SELECT} AND number = $2");
    let values: [Value; 2] = [client.0.into(), number.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt("read a revision of a client")?;
    row.as_ref().map(read).transpose()
}
