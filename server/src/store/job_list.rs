//! Lists of jobs and of their targets (OSEM §12).

use std::collections::HashMap;

use domain::job::{Counts, JobKind, JobState, TargetState};
use domain::{ClientId, JobId, TargetId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::job_targets::{self, JobTarget};
use super::jobs::{self, Job};
use super::{Source, Tx};

/// Number of targets from which on the counts of a finished job are kept; fewer are counted as fast as read. The
/// engine makes jobs of one target by the thousand, and these shall cost no more for it.
pub const KEPT_FROM: u64 = 100;

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
    /// Planned, or made, not before this time.
    pub from: Option<Timestamp>,
    /// Planned, or made, before this time.
    pub until: Option<Timestamp>,
    /// Came to its end not before this time.
    pub finished_from: Option<Timestamp>,
    /// Came to its end before this time.
    pub finished_until: Option<Timestamp>,
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

    fn is_number(self) -> bool {
        matches!(self, Self::Created | Self::Planned)
    }

    /// Where a job stands in the list.
    fn place(self, job: &Job) -> Cursor {
        let value = match self {
            Self::Created => job.created_at.as_millisecond().to_string(),
            Self::Planned => job.planned_at.unwrap_or(job.created_at).as_millisecond().to_string(),
            Self::Kind => job.kind.as_str().to_owned(),
            Self::State => job.state.as_str().to_owned(),
        };
        Cursor { value, id: job.id }
    }
}

/// Place in a sorted list: the row after which the next ones come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Sort value of the last row, as text.
    pub value: String,
    /// Id of the last row.
    pub id: JobId,
}

/// Which rows of the sorted list.
#[derive(Clone, Debug)]
pub struct Window {
    /// By what it is sorted.
    pub sort: JobSort,
    /// Largest first.
    pub descending: bool,
    /// Continue after this row…
    pub after: Option<Cursor>,
    /// … or leave out this many.
    pub skip: u64,
    /// At most so many rows.
    pub size: u64,
}

/// Rows of a list and the place of the last one.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The rows.
    pub jobs: Vec<Job>,
    /// Place of the last row; `None` when the list is empty.
    pub last: Option<Cursor>,
}

struct Condition {
    text: String,
    values: Vec<Value>,
}

fn condition(filter: &JobFilter, window: Option<&Window>) -> Condition {
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
    if let Some(from) = filter.from {
        add("COALESCE(planned_at, created_at) >= {}", from.as_millisecond().into());
    }
    if let Some(until) = filter.until {
        add("COALESCE(planned_at, created_at) < {}", until.as_millisecond().into());
    }
    if let Some(from) = filter.finished_from {
        add("finished_at >= {}", from.as_millisecond().into());
    }
    if let Some(until) = filter.finished_until {
        add("finished_at < {}", until.as_millisecond().into());
    }
    if let Some((window, after)) = window.and_then(|window| Some((window, window.after.as_ref()?))) {
        let beyond = if window.descending { "<" } else { ">" };
        let value: Value = if window.sort.is_number() {
            after.value.parse::<i64>().unwrap_or(0).into()
        } else {
            after.value.as_str().into()
        };
        add(&format!("({}, id) {beyond} ({{}}, {})", window.sort.expression(), after.id), value);
    }
    let text = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
    Condition { text, values }
}

/// Jobs of a filter in a sorted window.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn slice(on: &impl Source, filter: &JobFilter, window: &Window) -> StoreResult<Slice> {
    let Condition { text, values } = condition(filter, Some(window));
    let order = if window.descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {} FROM job {text} ORDER BY {} {order}, id {order} LIMIT {} OFFSET {}",
        jobs::COLUMNS,
        window.sort.expression(),
        window.size,
        window.skip
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = jobs::Row::find_by_statement(statement).all(connection).await.attempt("list jobs")?;
    let jobs: Vec<Job> = rows.into_iter().map(jobs::Row::into_job).collect::<StoreResult<_>>()?;
    let last = jobs.last().map(|job| window.sort.place(job));
    Ok(Slice { jobs, last })
}

/// Number of jobs of a filter.
///
/// # Errors
/// When the database cannot be asked.
pub async fn total(on: &impl Source, filter: &JobFilter) -> StoreResult<u64> {
    let attempt = "count jobs";
    let Condition { text, values } = condition(filter, None);
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM job {text}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Number of targets in each state of several jobs at once; those without targets are left out. Of large jobs
/// that came to their end it was kept: a page of them can have millions of targets.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn counts(on: &impl Source, ids: &[JobId]) -> StoreResult<HashMap<JobId, Counts>> {
    let attempt = "read the kept counts of jobs";
    let sql = format!(
        "SELECT id, counts FROM job WHERE id IN ({}) AND counts IS NOT NULL \
         AND state NOT IN ('created', 'active', 'paused')",
        jobs::list(ids)
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut counts = HashMap::new();
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let text: String = row.try_get_by_index(1).attempt(attempt)?;
        let corrupt = |_| StoreError::Corrupt { attempt, what: "job.counts" };
        let kept: Counts = serde_json::from_str(&text).map_err(corrupt)?;
        counts.insert(JobId(row.try_get_by_index(0).attempt(attempt)?), kept);
    }
    let rest: Vec<JobId> = ids.iter().copied().filter(|id| !counts.contains_key(id)).collect();
    if !rest.is_empty() {
        counts.extend(job_targets::counts_of(on, &rest).await?);
    }
    Ok(counts)
}

/// Keeps the counts of jobs that came to their end, in the transaction that writes their state. Whoever tries
/// targets again forgets them.
///
/// # Errors
/// When the database refuses.
pub async fn keep_counts(tx: &Tx, finished: &[(JobId, Counts)]) -> StoreResult<()> {
    let attempt = "keep the counts of jobs";
    for (id, counts) in finished {
        let corrupt = |_| StoreError::Corrupt { attempt, what: "counts of a job" };
        let text = serde_json::to_string(counts).map_err(corrupt)?;
        let values: [Value; 2] = [id.0.into(), text.into()];
        let sql = "UPDATE job SET counts = $2 WHERE id = $1";
        tx.inner
            .execute_raw(Statement::from_sql_and_values(tx.backend, sql, values))
            .await
            .attempt(attempt)?;
    }
    Ok(())
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

/// Number of jobs that came to their end since a time: by the day (in UTC, counted from 1970) and the state.
///
/// # Errors
/// When the database cannot be asked.
pub async fn results_by_day(on: &impl Source, from: Timestamp) -> StoreResult<Vec<(i64, String, u64)>> {
    let attempt = "count the results of jobs";
    let connection = on.connection();
    let sql = "SELECT finished_at / 86400000, state, COUNT(*) FROM job WHERE finished_at >= $1 GROUP BY 1, 2";
    let values: [Value; 1] = [from.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let number: i64 = row.try_get_by_index(2).attempt(attempt)?;
            Ok((
                row.try_get_by_index(0).attempt(attempt)?,
                row.try_get_by_index(1).attempt(attempt)?,
                number.unsigned_abs(),
            ))
        })
        .collect()
}

/// Targets of a job by id, of one state when it is given: behind one, or after leaving out some.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn targets(
    on: &impl Source,
    job: JobId,
    state: Option<TargetState>,
    after: Option<TargetId>,
    skip: u64,
    size: u64,
) -> StoreResult<Vec<JobTarget>> {
    let filter = state.map(|state| format!(" AND state = '{}'", state.as_str())).unwrap_or_default();
    let sql = format!(
        "SELECT {} FROM job_target WHERE job_id = $1 AND id > $2{filter} ORDER BY id LIMIT {size} OFFSET {skip}",
        job_targets::COLUMNS
    );
    let values: [Value; 2] = [job.0.into(), after.map_or(0, |target| target.0).into()];
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = job_targets::Row::find_by_statement(statement)
        .all(connection)
        .await
        .attempt("list targets of a job")?;
    rows.into_iter().map(job_targets::Row::into_target).collect()
}

#[cfg(test)]
mod tests {
    use super::{counts, keep_counts};
    use crate::store::audit::Actor;
    use crate::store::jobs::{self, NewJob};
    use crate::store::{Store, StoreOptions};
    use domain::JobId;
    use domain::job::{Counts, JobCause, JobKind, JobState};
    use jiff::Timestamp;
    use serde_json::Value as Json;

    #[tokio::test]
    async fn counts_are_kept_until_the_job_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
        let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
        store.migrate().await.unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let (initiator, options) = (Actor::system(), Json::Null);
        let (kind, cause) = (JobKind::Restart, JobCause::User);
        let new = NewJob {
            kind,
            cause,
            initiator: &initiator,
            options: &options,
            plan: None,
            planned_at: None,
            expires_at: at,
            at,
        };
        // It has no targets: what is said of it can only be what was kept.
        let kept = Counts { success: 99_999, failed: 1, ..Counts::default() };
        let tx = store.begin().await.unwrap();
        let id = jobs::insert(&tx, &new).await.unwrap();
        keep_counts(&tx, &[(id, kept)]).await.unwrap();
        let of = async |tx| counts(tx, &[id, JobId(id.0 + 1)]).await.unwrap().remove(&id);
        assert_eq!(of(&tx).await, None, "it has not come to its end");
        jobs::set_state(&tx, &[id], JobState::PartialSuccessful, at).await.unwrap();
        assert_eq!(of(&tx).await, Some(kept));
        jobs::set_stopping(&tx, id, false, Some(at)).await.unwrap();
        assert_eq!(of(&tx).await, None, "it is tried again");
        tx.commit().await.unwrap();
        store.close().await;
    }
}
