//! Targets of jobs: one client of one job. Which state follows on which is decided by `domain::job`; this file
//! only finds and writes rows, each write on condition that nobody else was faster.

use std::collections::HashMap;

use domain::configuration::ItemKey;
use domain::job::{Counts, Happening, JobKind, NotPossible, Target, TargetState};
use domain::{ClientId, DiffId, JobId, PlanId, TargetId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// What became of one item of a target: a stable code and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// Item and index.
    #[serde(flatten)]
    pub item: ItemKey,
    /// Stable code: a status word of the phone, `withheld`, `superseded`, `already-so` …
    pub code: String,
    /// Arguments of the text.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub args: Json,
}

/// A stored target.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTarget {
    /// Its id.
    pub id: TargetId,
    /// Its job.
    pub job: JobId,
    /// What the job does.
    pub kind: JobKind,
    /// The client; `None` when it was deleted.
    pub client: Option<ClientId>,
    /// Device id of the client at the time.
    pub device_id: Option<String>,
    /// Number of the client at the time.
    pub e164: Option<String>,
    /// Model of the client at the time.
    pub model: Option<String>,
    /// Where it is.
    pub state: TargetState,
    /// How often it was sent.
    pub attempts: u32,
    /// A user has cancelled it.
    pub stopping: bool,
    /// What it writes.
    pub diff: Option<DiffId>,
    /// Not before.
    pub due_at: Timestamp,
    /// Given up when it still waits then.
    pub expires_at: Timestamp,
    /// Given up when the phone has not answered by then.
    pub deadline_at: Option<Timestamp>,
    /// Run of the node that sent it.
    pub owner: Option<String>,
    /// When it was sent last.
    pub sent_at: Option<Timestamp>,
    /// When it was first touched.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Why it is where it is: a stable code.
    pub reason: Option<String>,
    /// Arguments of the reason.
    pub reason_args: Json,
    /// What became of its items; those that simply went well are not named.
    pub results: Vec<ItemResult>,
}

pub(super) const COLUMNS: &str = "id, job_id, kind, client_id, device_id, e164, model, state, attempts, stopping, \
    diff_id, due_at, expires_at, deadline_at, owner, sent_at, started_at, finished_at, reason, reason_args, results";

#[derive(FromQueryResult)]
pub(super) struct Row {
    id: i64,
    job_id: i64,
    kind: String,
    client_id: Option<i64>,
    device_id: Option<String>,
    e164: Option<String>,
    model: Option<String>,
    state: String,
    attempts: i32,
    stopping: bool,
    diff_id: Option<i64>,
    due_at: i64,
    expires_at: i64,
    deadline_at: Option<i64>,
    owner: Option<String>,
    sent_at: Option<i64>,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    reason: Option<String>,
    reason_args: String,
    results: String,
}

impl Row {
    pub(super) fn into_target(self) -> StoreResult<JobTarget> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a target of a job", what };
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| corrupt("job_target time"));
        Ok(JobTarget {
            id: TargetId(self.id),
            job: JobId(self.job_id),
            kind: JobKind::parse(&self.kind).ok_or(corrupt("job_target.kind"))?,
            client: self.client_id.map(ClientId),
            device_id: self.device_id,
            e164: self.e164,
            model: self.model,
            state: TargetState::parse(&self.state).ok_or(corrupt("job_target.state"))?,
            attempts: u32::try_from(self.attempts).unwrap_or(0),
            stopping: self.stopping,
            diff: self.diff_id.map(DiffId),
            due_at: time(self.due_at)?,
            expires_at: time(self.expires_at)?,
            deadline_at: self.deadline_at.map(time).transpose()?,
            owner: self.owner,
            sent_at: self.sent_at.map(time).transpose()?,
            started_at: self.started_at.map(time).transpose()?,
            finished_at: self.finished_at.map(time).transpose()?,
            reason: self.reason,
            reason_args: serde_json::from_str(&self.reason_args)
                .map_err(|_| corrupt("job_target.reason_args"))?,
            results: serde_json::from_str(&self.results).map_err(|_| corrupt("job_target.results"))?,
        })
    }
}

impl JobTarget {
    /// What the state machine sees of it.
    pub fn machine(&self) -> Target {
        Target { kind: self.kind, state: self.state, attempts: self.attempts, stopping: self.stopping }
    }

    /// Lets something happen to it; the row is written by [`write()`].
    ///
    /// # Errors
    /// When it does not fit the state.
    pub fn apply(
        &mut self,
        happening: Happening,
        reason: Option<&str>,
        args: Json,
        at: Timestamp,
    ) -> Result<(), NotPossible> {
        let next = self.machine().apply(happening)?;
        self.state = next.state;
        self.attempts = next.attempts;
        self.stopping = next.stopping;
        if happening == Happening::Retry {
            (self.results, self.finished_at, self.sent_at) = (Vec::new(), None, None);
        }
        self.reason = reason.map(str::to_owned);
        self.reason_args = args;
        if self.state != TargetState::Scheduled && self.state != TargetState::Waiting {
            self.started_at.get_or_insert(at);
        }
        if self.state == TargetState::Sent {
            if happening == Happening::Sent {
                self.sent_at = Some(at);
            }
        } else {
            (self.deadline_at, self.owner) = (None, None);
        }
        if self.state.is_terminal() {
            self.finished_at = Some(at);
        }
        Ok(())
    }
}

/// Who gets a target.
#[derive(Clone, Debug)]
pub enum NewTargets {
    /// These clients, each with what is written to it.
    Clients(Vec<(ClientId, Option<DiffId>)>),
    /// The clients of a plan that are not excluded.
    Plan(PlanId),
}

/// What is the same for all new targets of a job.
#[derive(Clone, Copy, Debug)]
pub struct NewTarget {
    /// The job.
    pub job: JobId,
    /// What it does.
    pub kind: JobKind,
    /// `waiting` or `scheduled`.
    pub state: TargetState,
    /// Not before.
    pub due_at: Timestamp,
    /// Given up when it still waits then.
    pub expires_at: Timestamp,
}

/// Stores the targets of a job, in the order of the clients' ids; gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, new: &NewTarget, targets: &NewTargets) -> StoreResult<u64> {
    let attempt = "store the targets of a job";
    let head = "INSERT INTO job_target (job_id, kind, client_id, device_id, e164, model, state, attempts, stopping, \
        diff_id, due_at, expires_at, reason_args, results) \
        SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), client.id, client.device_id, client.e164, \
        COALESCE(client.model, client.device_type), CAST($3 AS TEXT), 0, FALSE, ";
    let fixed = |more: Option<Value>| -> Vec<Value> {
        [
            new.job.0.into(),
            new.kind.as_str().into(),
            new.state.as_str().into(),
            new.due_at.as_millisecond().into(),
            new.expires_at.as_millisecond().into(),
        ]
        .into_iter()
        .chain(more)
        .collect()
    };
    match targets {
        NewTargets::Plan(plan) => {
            let sql = format!(
                "{head} plan_target.diff_id, CAST($4 AS BIGINT), CAST($5 AS BIGINT), 'null', '[]' FROM plan_target JOIN client \
                 ON client.id = plan_target.client_id \
                 WHERE plan_target.plan_id = $6 AND plan_target.excluded IS NULL ORDER BY client.id"
            );
            let values = fixed(Some(plan.0.into()));
            let statement = Statement::from_sql_and_values(tx.backend, sql, values);
            Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
        }
        NewTargets::Clients(clients) => {
            let mut number = 0;
            for chunk in clients.chunks(5_000) {
                // Numbers of our own making, so that one statement serves many rows on both databases.
                let rows: Vec<String> = chunk
                    .iter()
                    .map(|(client, diff)| {
                        let diff = diff.map_or_else(|| "0".to_owned(), |diff| diff.0.to_string());
                        format!("({},{diff})", client.0)
                    })
                    .collect();
                let sql = format!(
                    "WITH wanted (client_id, diff_id) AS (VALUES {}) {head} \
                     NULLIF(wanted.diff_id, 0), CAST($4 AS BIGINT), CAST($5 AS BIGINT), 'null', '[]' \
                     FROM wanted JOIN client ON client.id = wanted.client_id ORDER BY client.id",
                    rows.join(",")
                );
                let statement = Statement::from_sql_and_values(tx.backend, sql, fixed(None));
                number += tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected();
            }
            Ok(number)
        }
    }
}

async fn select(on: &impl Source, condition: &str, values: Vec<Value>) -> StoreResult<Vec<JobTarget>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM job_target WHERE {condition}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read targets of jobs")?;
    rows.into_iter().map(Row::into_target).collect()
}

/// A target by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: TargetId) -> StoreResult<Option<JobTarget>> {
    Ok(select(on, "id = $1", vec![id.0.into()]).await?.pop())
}

/// What waits for a client or is under way with it, oldest first; at most some.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn open_of_client(on: &impl Source, client: ClientId) -> StoreResult<Vec<JobTarget>> {
    let condition = "client_id = $1 AND state IN ('waiting', 'active', 'sent') ORDER BY id LIMIT 200";
    select(on, condition, vec![client.0.into()]).await
}

/// Everything of a client that has not come to its end, also what is planned for later.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn unfinished_of_client(on: &impl Source, client: ClientId) -> StoreResult<Vec<JobTarget>> {
    let condition = "client_id = $1 AND state IN ('scheduled', 'waiting', 'active', 'sent') ORDER BY id";
    select(on, condition, vec![client.0.into()]).await
}

/// Open targets of a job behind a target id, for a change in pieces.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_job(
    on: &impl Source,
    job: JobId,
    states: &[TargetState],
    after: TargetId,
    limit: u64,
) -> StoreResult<Vec<JobTarget>> {
    let words: Vec<String> = states.iter().map(|state| format!("'{}'", state.as_str())).collect();
    let condition =
        format!("job_id = $1 AND state IN ({}) AND id > $2 ORDER BY id LIMIT {limit}", words.join(", "));
    select(on, &condition, vec![job.0.into(), after.0.into()]).await
}

/// Scheduled targets whose time has come.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn due(on: &impl Source, at: Timestamp, limit: u64) -> StoreResult<Vec<JobTarget>> {
    let condition = format!("state = 'scheduled' AND due_at <= $1 ORDER BY id LIMIT {limit}");
    select(on, &condition, vec![at.as_millisecond().into()]).await
}

/// Targets whose lifetime is over before they were sent.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn expired(on: &impl Source, at: Timestamp, limit: u64) -> StoreResult<Vec<JobTarget>> {
    let condition =
        format!("state IN ('waiting', 'active', 'scheduled') AND expires_at <= $1 ORDER BY id LIMIT {limit}");
    select(on, &condition, vec![at.as_millisecond().into()]).await
}

/// Sent targets whose time for an answer is over.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn overdue(on: &impl Source, at: Timestamp, limit: u64) -> StoreResult<Vec<JobTarget>> {
    let condition = format!("state = 'sent' AND deadline_at <= $1 ORDER BY id LIMIT {limit}");
    select(on, &condition, vec![at.as_millisecond().into()]).await
}

/// Sent targets, sent before a time: whoever sent them may not be there any more.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn orphaned(
    on: &impl Source,
    before: Timestamp,
    after: TargetId,
    limit: u64,
) -> StoreResult<Vec<JobTarget>> {
    let condition = format!("state = 'sent' AND sent_at <= $1 AND id > $2 ORDER BY id LIMIT {limit}");
    select(on, &condition, vec![before.as_millisecond().into(), after.0.into()]).await
}

/// Targets that need no phone and are due.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn without_phone(on: &impl Source, at: Timestamp, limit: u64) -> StoreResult<Vec<JobTarget>> {
    let condition = format!(
        "state IN ('waiting', 'active', 'sent') AND kind = '{}' AND due_at <= $1 ORDER BY id LIMIT {limit}",
        JobKind::DeleteClient.as_str()
    );
    select(on, &condition, vec![at.as_millisecond().into()]).await
}

/// Writes a target that was in state `before` with so many attempts; `false` when somebody else was faster. With a target
/// that deploys its deployment comes to its end, whoever ends it.
///
/// # Errors
/// When the database refuses.
pub async fn write(tx: &Tx, target: &JobTarget, before: Target) -> StoreResult<bool> {
    let attempt = "record the state of a target";
    let results = serde_json::to_string(&target.results)
        .map_err(|_| StoreError::Corrupt { attempt, what: "results of a target" })?;
    let sql = "UPDATE job_target SET state = $2, attempts = $3, stopping = $4, diff_id = $5, due_at = $6, \
        expires_at = $7, deadline_at = $8, owner = $9, sent_at = $10, started_at = $11, finished_at = $12, \
        reason = $13, reason_args = $14, results = $15 WHERE id = $1 AND state = $16 AND attempts = $17";
    let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
    let count = |attempts: u32| i32::try_from(attempts).unwrap_or(i32::MAX);
    let values: [Value; 17] = [
        target.id.0.into(),
        target.state.as_str().into(),
        count(target.attempts).into(),
        target.stopping.into(),
        target.diff.map(|diff| diff.0).into(),
        target.due_at.as_millisecond().into(),
        target.expires_at.as_millisecond().into(),
        ms(target.deadline_at).into(),
        target.owner.clone().into(),
        ms(target.sent_at).into(),
        ms(target.started_at).into(),
        ms(target.finished_at).into(),
        target.reason.clone().into(),
        target.reason_args.to_string().into(),
        results.into(),
        before.state.as_str().into(),
        count(before.attempts).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let written = tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected() > 0;
    if written && target.kind.deploys() && target.state.is_terminal() {
        super::deployments::end(tx, target.id).await?;
    }
    Ok(written)
}

/// Lets the same happen to all open targets of a client that take it; gives their jobs.
///
/// # Errors
/// When the database refuses.
pub async fn apply_for_client(
    tx: &Tx,
    client: ClientId,
    happening: Happening,
    reason: Option<&str>,
    at: Timestamp,
) -> StoreResult<Vec<JobId>> {
    let mut jobs = Vec::new();
    for mut target in open_of_client(tx, client).await? {
        let before = target.machine();
        let due = target.due_at <= at && target.state != TargetState::Sent;
        if due
            && target.apply(happening, reason, json!(null), at).is_ok()
            && write(tx, &target, before).await?
        {
            jobs.push(target.job);
        }
    }
    Ok(jobs)
}

/// Number of targets of a job that failed, or did so in part, and could be tried again: those whose client is still there.
/// What failed for the reason `but` does not count.
///
/// # Errors
/// When the database cannot be asked.
pub async fn failed_with_client(on: &impl Source, job: JobId, but: &str) -> StoreResult<u64> {
    let attempt = "count the failures of a job";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM job_target WHERE job_id = $1 AND state IN ('failed', 'timeout', 'partial') \
        AND client_id IS NOT NULL AND COALESCE(reason, '') <> $2";
    let values: [Value; 2] = [job.0.into(), but.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Whether the engine tried to write this diff to a client since a time, without success.
///
/// # Errors
/// When the database cannot be asked.
pub async fn was_tried(
    on: &impl Source,
    client: ClientId,
    diff: DiffId,
    since: Timestamp,
) -> StoreResult<bool> {
    let attempt = "look for an earlier attempt";
    let connection = on.connection();
    let sql = "SELECT 1 FROM job_target WHERE client_id = $1 AND diff_id = $2 AND kind = 'converge' \
        AND state IN ('failed', 'partial', 'timeout') AND finished_at >= $3 LIMIT 1";
    let values: [Value; 3] = [client.0.into(), diff.0.into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    Ok(connection.query_one_raw(statement).await.attempt(attempt)?.is_some())
}

/// Whether a reset was sent to a client since a time, and nobody knows what became of it.
///
/// # Errors
/// When the database cannot be asked.
pub async fn was_reset(on: &impl Source, client: ClientId, since: Timestamp) -> StoreResult<bool> {
    let condition = "kind = 'factory-reset' AND state = 'timeout'";
    Ok(count_sent(on, client, condition, since).await? > 0)
}

/// How often a client was told to restart since a time.
///
/// # Errors
/// When the database cannot be asked.
pub async fn restarts(on: &impl Source, client: ClientId, since: Timestamp) -> StoreResult<u64> {
    count_sent(on, client, "kind IN ('restart', 'factory-reset')", since).await
}

async fn count_sent(
    on: &impl Source,
    client: ClientId,
    condition: &str,
    since: Timestamp,
) -> StoreResult<u64> {
    let attempt = "look for earlier restarts of a client";
    let connection = on.connection();
    let sql =
        format!("SELECT COUNT(*) FROM job_target WHERE client_id = $1 AND sent_at >= $2 AND {condition}");
    let values: [Value; 2] = [client.0.into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Whether a client has work that is due and was stored after this target.
///
/// # Errors
/// When the database cannot be asked.
pub async fn has_due(
    on: &impl Source,
    client: ClientId,
    after: TargetId,
    at: Timestamp,
) -> StoreResult<bool> {
    let attempt = "look for work of a client";
    let connection = on.connection();
    let sql = "SELECT 1 FROM job_target WHERE client_id = $1 AND id > $2 AND due_at <= $3 \
        AND state IN ('waiting', 'active', 'sent') AND state <> 'sent' LIMIT 1";
    let values: [Value; 3] = [client.0.into(), after.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    Ok(connection.query_one_raw(statement).await.attempt(attempt)?.is_some())
}

/// Number of targets of a job in each state.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn counts(on: &impl Source, job: JobId) -> StoreResult<Counts> {
    Ok(counts_of(on, &[job]).await?.remove(&job).unwrap_or_default())
}

/// As [`counts`] for several jobs; those without targets are left out.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn counts_of(on: &impl Source, jobs: &[JobId]) -> StoreResult<HashMap<JobId, Counts>> {
    let attempt = "count the targets of jobs";
    let connection = on.connection();
    let sql = format!(
        "SELECT job_id, state, COUNT(*) FROM job_target WHERE job_id IN ({}) GROUP BY job_id, state",
        super::jobs::list(jobs)
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, []);
    let mut counts: HashMap<JobId, Counts> = HashMap::new();
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let job = JobId(row.try_get_by_index(0).attempt(attempt)?);
        let state: String = row.try_get_by_index(1).attempt(attempt)?;
        let number: i64 = row.try_get_by_index(2).attempt(attempt)?;
        let corrupt = StoreError::Corrupt { attempt, what: "job_target.state" };
        let state = TargetState::parse(&state).ok_or(corrupt)?;
        counts.entry(job).or_default().add(state, number.unsigned_abs());
    }
    Ok(counts)
}
