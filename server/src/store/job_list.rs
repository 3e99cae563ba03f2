//! Lists of jobs and of their targets (OSEM §12).

use domain::job::{Counts, JobKind, JobState, TargetState};
use domain::{ClientId, JobId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::Source;
use super::error::{Attempt, StoreError, StoreResult};
use super::job_targets::{self, JobTarget};
use super::jobs::{self, Job};

/// Which jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// State.
    pub state: Option<JobState>,
    /// What they do.
    pub kind: Option<JobKind>,
    /// Part of the name of who made them.
    pub initiator: Option<String>,
    /// With this client among their targets.
    pub client: Option<ClientId>,
    /// Planned, or made, after this moment.
    pub after: Option<Timestamp>,
    /// Planned, or made, before this moment.
    pub before: Option<Timestamp>,
}

/// By what jobs are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobSort {
    /// When they were made.
    #[default]
    Created,
    /// Planned execution.
    Planned,
    /// What they do.
    Kind,
    /// State.
    State,
}

impl JobSort {
    /// The same texts as in the indexes of the schema.
    fn expression(self) -> &'static str {
        match self {
            Self::Created => "created_at",
            Self::Planned => "COALESCE(planned_at, created_at)",
            Self::Kind => "kind",
            Self::State => "state",
        }
    }
}

struct Condition {
    text: String,
    values: Vec<Value>,
}

fn condition(filter: &JobFilter) -> Condition {
    let mut parts: Vec<String> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |text: &str, value: Value| {
        values.push(value);
        parts.push(text.replace("{}", &format!("${}", values.len())));
    };
    if let Some(state) = filter.state {
        add("state = {}", state.as_str().into());
    }
    if let Some(kind) = filter.kind {
        add("kind = {}", kind.as_str().into());
    }
    if let Some(initiator) = &filter.initiator {
        let escaped = initiator.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        add("LOWER(initiator_name) LIKE {} ESCAPE '!'", format!("%{}%", escaped.to_lowercase()).into());
    }
    if let Some(client) = filter.client {
        add("id IN (SELECT job_id FROM job_target WHERE client_id = {})", client.0.into());
    }
    if let Some(after) = filter.after {
        add("COALESCE(planned_at, created_at) >= {}", after.as_millisecond().into());
    }
    if let Some(before) = filter.before {
        add("COALESCE(planned_at, created_at) < {}", before.as_millisecond().into());
    }
    let text = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
    Condition { text, values }
}

/// Jobs of a filter, sorted.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(
    on: &impl Source,
    filter: &JobFilter,
    sort: JobSort,
    descending: bool,
    skip: u64,
    size: u64,
) -> StoreResult<Vec<Job>> {
    let Condition { text, values } = condition(filter);
    let order = if descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {} FROM job {text} ORDER BY {} {order}, id {order} LIMIT {size} OFFSET {skip}",
        jobs::COLUMNS,
        sort.expression()
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = jobs::Row::find_by_statement(statement).all(connection).await.attempt("list jobs")?;
    rows.into_iter().map(jobs::Row::into_job).collect()
}

/// Number of jobs of a filter.
///
/// # Errors
/// When the database cannot be asked.
pub async fn total(on: &impl Source, filter: &JobFilter) -> StoreResult<u64> {
    let attempt = "count jobs";
    let Condition { text, values } = condition(filter);
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM job {text}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Number of targets in each state of several jobs at once.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn counts(on: &impl Source, ids: &[JobId]) -> StoreResult<Vec<Counts>> {
    let attempt = "count the targets of jobs";
    let mut counts = vec![Counts::default(); ids.len()];
    if ids.is_empty() {
        return Ok(counts);
    }
    let numbers: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    let sql = format!(
        "SELECT job_id, state, COUNT(*) FROM job_target WHERE job_id IN ({}) GROUP BY job_id, state",
        numbers.join(",")
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let id: i64 = row.try_get_by_index(0).attempt(attempt)?;
        let state: String = row.try_get_by_index(1).attempt(attempt)?;
        let number: i64 = row.try_get_by_index(2).attempt(attempt)?;
        let corrupt = StoreError::Corrupt { attempt, what: "job_target.state" };
        let state = TargetState::parse(&state).ok_or(corrupt)?;
        if let Some(place) =
            ids.iter().position(|known| known.0 == id).and_then(|place| counts.get_mut(place))
        {
            place.add(state, number.unsigned_abs());
        }
    }
    Ok(counts)
}

/// Number of jobs in each state.
///
/// # Errors
/// When the database cannot be asked.
pub async fn by_state(on: &impl Source) -> StoreResult<Vec<(String, u64)>> {
    let attempt = "count jobs by state";
    let connection = on.connection();
    let sql = "SELECT state, COUNT(*) FROM job GROUP BY state ORDER BY state";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let number: i64 = row.try_get_by_index(1).attempt(attempt)?;
            Ok((row.try_get_by_index(0).attempt(attempt)?, number.unsigned_abs()))
        })
        .collect()
}

/// Targets of a job by id, of one state when it is given.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn targets(
    on: &impl Source,
    job: JobId,
    state: Option<TargetState>,
    skip: u64,
    size: u64,
) -> StoreResult<Vec<JobTarget>> {
    let filter = state.map(|state| format!(" AND state = '{}'", state.as_str())).unwrap_or_default();
    let sql = format!(
        "SELECT {} FROM job_target WHERE job_id = $1{filter} ORDER BY id LIMIT {size} OFFSET {skip}",
        job_targets::COLUMNS
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [job.0.into()]);
    let rows = job_targets::Row::find_by_statement(statement)
        .all(connection)
        .await
        .attempt("list targets of a job")?;
    rows.into_iter().map(job_targets::Row::into_target).collect()
}
