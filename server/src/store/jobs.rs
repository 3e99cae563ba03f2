//! Jobs: what was ordered, by whom, when. Their targets are in [`super::job_targets`]; a job's state is worked
//! out from them, so that phones never wait for one another at a job's row.

use domain::job::{JobCause, JobKind, JobState};
use domain::{JobId, PlanId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use serde_json::Value as Json;

use super::audit::Actor;
use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A stored job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Its state, as last worked out.
    pub state: JobState,
    /// What made it.
    pub cause: JobCause,
    /// Kind of who made it: `account`, `token`, `phone`, `system` …
    pub initiator_kind: String,
    /// Row of who made it.
    pub initiator_id: Option<i64>,
    /// Name of who made it, at the time.
    pub initiator_name: String,
    /// Options of its kind.
    pub options: Json,
    /// The plan it came from.
    pub plan: Option<PlanId>,
    /// A user has cancelled it.
    pub stopping: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is to start; `None`: at once.
    pub planned_at: Option<Timestamp>,
    /// When targets that still wait are given up.
    pub expires_at: Timestamp,
    /// When the first target was touched.
    pub started_at: Option<Timestamp>,
    /// When the last target came to its end.
    pub finished_at: Option<Timestamp>,
    /// Number of changes; the ETag.
    pub revision: i64,
}

pub(super) const COLUMNS: &str = "id, kind, state, cause, initiator_kind, initiator_id, initiator_name, options, \
    plan_id, stopping, created_at, planned_at, expires_at, started_at, finished_at, revision";

#[derive(FromQueryResult)]
pub(super) struct Row {
    id: i64,
    kind: String,
    state: String,
    cause: String,
    initiator_kind: String,
    initiator_id: Option<i64>,
    initiator_name: String,
    options: String,
    plan_id: Option<i64>,
    stopping: bool,
    created_at: i64,
    planned_at: Option<i64>,
    expires_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    revision: i64,
}

impl Row {
    pub(super) fn into_job(self) -> StoreResult<Job> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a job", what };
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| corrupt("job time"));
        Ok(Job {
            id: JobId(self.id),
            kind: JobKind::parse(&self.kind).ok_or(corrupt("job.kind"))?,
            state: JobState::parse(&self.state).ok_or(corrupt("job.state"))?,
            cause: JobCause::parse(&self.cause).ok_or(corrupt("job.cause"))?,
            initiator_kind: self.initiator_kind,
            initiator_id: self.initiator_id,
            initiator_name: self.initiator_name,
            options: serde_json::from_str(&self.options).map_err(|_| corrupt("job.options"))?,
            plan: self.plan_id.map(PlanId),
            stopping: self.stopping,
            created_at: time(self.created_at)?,
            planned_at: self.planned_at.map(time).transpose()?,
            expires_at: time(self.expires_at)?,
            started_at: self.started_at.map(time).transpose()?,
            finished_at: self.finished_at.map(time).transpose()?,
            revision: self.revision,
        })
    }
}

/// A job to be stored.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// What it does.
    pub kind: JobKind,
    /// What made it.
    pub cause: JobCause,
    /// Who made it.
    pub initiator: &'a Actor,
    /// Options of its kind.
    pub options: &'a Json,
    /// The plan it came from.
    pub plan: Option<PlanId>,
    /// When it is to start.
    pub planned_at: Option<Timestamp>,
    /// When targets that still wait are given up.
    pub expires_at: Timestamp,
    /// Now.
    pub at: Timestamp,
}

/// Stores a job without targets.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, job: &NewJob<'_>) -> StoreResult<JobId> {
    let attempt = "store a job";
    let sql = "INSERT INTO job (kind, state, cause, initiator_kind, initiator_id, initiator_name, options, plan_id, \
        stopping, created_at, planned_at, expires_at, revision) \
        VALUES ($1, 'created', $2, $3, $4, $5, $6, $7, FALSE, $8, $9, $10, 1) RETURNING id";
    let values: [Value; 10] = [
        job.kind.as_str().into(),
        job.cause.as_str().into(),
        job.initiator.kind.as_str().into(),
        job.initiator.id.into(),
        job.initiator.name.as_str().into(),
        job.options.to_string().into(),
        job.plan.map(|plan| plan.0).into(),
        job.at.as_millisecond().into(),
        job.planned_at.map(Timestamp::as_millisecond).into(),
        job.expires_at.as_millisecond().into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(JobId)
}

/// A job by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: JobId) -> StoreResult<Option<Job>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM job WHERE id = $1");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read a job")?;
    row.map(Row::into_job).transpose()
}

/// Several jobs; unknown ones are left out.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn by_ids(on: &impl Source, ids: &[JobId]) -> StoreResult<Vec<Job>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM job WHERE id IN ({}) ORDER BY id", list(ids));
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, []);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read jobs")?;
    rows.into_iter().map(Row::into_job).collect()
}

/// Numbers of our own making: they need no places.
pub(super) fn list(ids: &[JobId]) -> String {
    if ids.is_empty() {
        return "NULL".to_owned();
    }
    ids.iter().map(JobId::to_string).collect::<Vec<_>>().join(",")
}

/// Jobs that are not at their end, for the pulse.
///
/// # Errors
/// When the database cannot be asked.
pub async fn unfinished(on: &impl Source, limit: u64) -> StoreResult<Vec<JobId>> {
    let attempt = "list unfinished jobs";
    let connection = on.connection();
    let sql = "SELECT id FROM job WHERE state IN ('created', 'active', 'paused') ORDER BY id LIMIT $1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [limit.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(JobId)).collect()
}

/// Writes the state that was worked out for some jobs; gives how many had another one.
///
/// # Errors
/// When the database refuses.
pub async fn set_state(tx: &Tx, ids: &[JobId], state: JobState, at: Timestamp) -> StoreResult<u64> {
    let sql = format!(
        "UPDATE job SET state = $1, revision = revision + 1, \
         started_at = CASE WHEN $1 = 'created' THEN started_at ELSE COALESCE(started_at, $2) END, \
         finished_at = CASE WHEN $3 THEN COALESCE(finished_at, $2) ELSE NULL END \
         WHERE id IN ({}) AND state <> $1",
        list(ids)
    );
    let values: [Value; 3] = [state.as_str().into(), at.as_millisecond().into(), state.is_terminal().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt("record the state of jobs")?.rows_affected())
}

/// Marks a job as ended by a user, or lifts the mark for a retry.
///
/// # Errors
/// When the database refuses.
pub async fn set_stopping(
    tx: &Tx,
    id: JobId,
    stopping: bool,
    expires_at: Option<Timestamp>,
) -> StoreResult<()> {
    let sql = "UPDATE job SET stopping = $2, expires_at = COALESCE($3, expires_at), counts = NULL, revision = revision + 1 WHERE id = $1";
    let sql =
        if tx.is_postgres() { sql.replace("COALESCE($3", "COALESCE($3::bigint") } else { sql.to_owned() };
    let values: [Value; 3] = [id.0.into(), stopping.into(), expires_at.map(Timestamp::as_millisecond).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("end a job").map(|_| ())
}

/// Marks a job as ended on its own; `false` when it is being ended already.
///
/// # Errors
/// When the database refuses.
pub async fn begin_stopping(tx: &Tx, id: JobId) -> StoreResult<bool> {
    let sql = "UPDATE job SET stopping = TRUE, counts = NULL, revision = revision + 1 WHERE id = $1 AND NOT stopping";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    Ok(tx.inner.execute_raw(statement).await.attempt("end a job")?.rows_affected() > 0)
}

/// Deletes a job with its targets.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: JobId) -> StoreResult<bool> {
    let statement =
        Statement::from_sql_and_values(tx.backend, "DELETE FROM job WHERE id = $1", [id.0.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("delete a job")?;
    Ok(done.rows_affected() > 0)
}
