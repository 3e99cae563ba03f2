//! Plans with their targets (D-27). What was asked for is stored sealed: it may hold secrets.

use std::collections::HashMap;

use domain::configuration::Row;
use domain::{AccountId, ClientId, DiffId, JobId, PlanId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use sha2::{Digest, Sha256};

use super::error::{Attempt, StoreError, StoreResult};
use super::fleet::{insert_rows, places};
use super::tasks::Purged;
use super::{Source, Tx};

/// Stands in `plan.job_id` for "applied, and there was nothing to bring to a phone".
const NO_JOB: i64 = 0;

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// What it is for, as a word.
    pub kind: String,
    /// Who made it.
    pub account: AccountId,
    /// Name of that account.
    pub author: String,
    /// What was asked for, sealed.
    pub request: String,
    /// Its figures, as JSON.
    pub summary: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
    /// Whether it was applied.
    pub applied: bool,
    /// The job it became, if there was something to bring to a phone.
    pub job: Option<JobId>,
    /// How far it is drawn up.
    pub drawing: Drawing,
    /// Version of templates and groups it was made of.
    pub layers_version: Option<i64>,
}

/// How far a plan is drawn up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// `drawing`, `ready` or `failed`.
    pub state: String,
    /// Clients to be looked at.
    pub clients: u64,
    /// Clients looked at.
    pub drawn: u64,
    /// When that was last written down; `None` for a plan that was drawn up at once.
    pub drawn_at: Option<Timestamp>,
    /// Why it could not be drawn up: a stable code.
    pub failure: Option<String>,
}

/// A plan to be stored.
#[derive(Clone, Debug)]
pub struct NewPlan<'a> {
    /// What it is for, as a word.
    pub kind: &'a str,
    /// Who makes it.
    pub account: AccountId,
    /// What was asked for, sealed.
    pub request: &'a str,
    /// Its figures, as JSON.
    pub summary: &'a str,
    /// When it is made.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
    /// Clients to be looked at, when it is drawn up in the background.
    pub drawing: Option<u64>,
    /// Version of templates and groups it is made of.
    pub layers_version: Option<i64>,
}

/// One client of a plan, to be stored.
#[derive(Clone, Debug)]
pub struct NewTarget {
    /// The client.
    pub client: ClientId,
    /// What is written to it.
    pub diff: Option<DiffId>,
    /// Why nothing is written to it: a stable code.
    pub excluded: Option<String>,
    /// What else there is to say of it, as JSON: arguments of the reason, what is left out, what is withheld.
    pub remarks: String,
    /// Number of its configuration.
    pub configuration_revision: i64,
    /// Digest of what was reported of the items that are written.
    pub basis: Vec<u8>,
}

/// What a plan was made of, for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The client.
    pub client: ClientId,
    /// Why nothing is written to it.
    pub excluded: Option<String>,
    /// Number of its configuration.
    pub configuration_revision: i64,
    /// Digest of what was reported of the items that are written.
    pub basis: Vec<u8>,
    /// Digest of what is written.
    pub diff: Option<Vec<u8>>,
}

/// One client of a plan, to be shown.
#[derive(Clone, Debug)]
pub struct PlanTarget {
    /// The client.
    pub client: ClientId,
    /// Its device id, as stored.
    pub device_id: Option<String>,
    /// Its number.
    pub e164: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// What is written.
    pub rows: Vec<Row>,
    /// Why nothing is written to it.
    pub excluded: Option<String>,
    /// What else there is to say of it, as JSON.
    pub remarks: String,
}

fn time(ms: i64, attempt: &'static str) -> StoreResult<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(|_| StoreError::Corrupt { attempt, what: "plan time" })
}

/// Stores a plan without targets.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, new: &NewPlan<'_>) -> StoreResult<PlanId> {
    let attempt = "store a plan";
    let sql = "INSERT INTO plan (kind, account_id, request, summary, created_at, expires_at, layers_version, state, \
        clients, drawn_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";
    let clients = i64::try_from(new.drawing.unwrap_or_default()).unwrap_or(i64::MAX);
    let values: [Value; 10] = [
        new.kind.into(),
        new.account.0.into(),
        new.request.into(),
        new.summary.into(),
        new.created_at.as_millisecond().into(),
        new.expires_at.as_millisecond().into(),
        new.layers_version.into(),
        if new.drawing.is_some() { "drawing" } else { "ready" }.into(),
        clients.into(),
        new.drawing.map(|_| new.created_at.as_millisecond()).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(PlanId)
}

/// Stores the targets of a plan.
///
/// # Errors
/// When the database refuses.
pub async fn insert_targets(tx: &Tx, plan: PlanId, targets: Vec<NewTarget>) -> StoreResult<()> {
    let head = "INSERT INTO plan_target (plan_id, client_id, diff_id, excluded, excluded_args, \
        configuration_revision, basis) VALUES";
    let row = |target: NewTarget| -> Vec<Value> {
        vec![
            plan.0.into(),
            target.client.0.into(),
            target.diff.map(|diff| diff.0).into(),
            target.excluded.into(),
            target.remarks.into(),
            target.configuration_revision.into(),
            target.basis.into(),
        ]
    };
    let rows = targets.into_iter().map(row).collect();
    insert_rows(tx, head, "", rows, "store the targets of a plan").await.map(|_| ())
}

/// Digest of a diff, by which equal ones are found.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn diff_digest(rows: &[Row]) -> StoreResult<Vec<u8>> {
    diff_text(rows).map(|(_, digest)| digest)
}

fn diff_text(rows: &[Row]) -> StoreResult<(String, Vec<u8>)> {
    let corrupt = |_| StoreError::Corrupt { attempt: "store a diff", what: "rows of a diff" };
    let text = serde_json::to_string(rows).map_err(corrupt)?;
    let digest = Sha256::digest(text.as_bytes()).to_vec();
    Ok((text, digest))
}

/// Digests looked for in one statement.
const FOUND_AT_ONCE: usize = 500;

/// Stores diffs that all differ, or finds the equal ones that are stored already; gives their ids in the
/// same order. As `diffs::intern`, for many.
///
/// # Errors
/// When the database refuses.
pub async fn intern_diffs(tx: &Tx, diffs: &[Vec<Row>]) -> StoreResult<Vec<DiffId>> {
    let attempt = "store diffs";
    let mut rows = Vec::with_capacity(diffs.len());
    let mut digests = Vec::with_capacity(diffs.len());
    for diff in diffs {
        let (text, digest) = diff_text(diff)?;
        rows.push((digest.clone(), text));
        digests.push(digest);
    }
    let mut found = Vec::new();
    let lock = if tx.is_postgres() { "FOR KEY SHARE" } else { "" };
    for chunk in digests.chunks(FOUND_AT_ONCE) {
        let sql = format!(
            "SELECT id, digest FROM diff WHERE digest IN {} ORDER BY id {lock}",
            places(tx.is_postgres(), 1, chunk.len())
        );
        let values: Vec<Value> = chunk.iter().map(|digest| digest.clone().into()).collect();
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        found.append(&mut tx.inner.query_all_raw(statement).await.attempt(attempt)?);
    }
    let mut ids = HashMap::new();
    note(&mut ids, &found)?;
    rows.retain(|(digest, _)| !ids.contains_key(digest));
    let rows = rows.into_iter().map(|(digest, text)| vec![digest.into(), text.into()]).collect();
    let head = "INSERT INTO diff (digest, content) VALUES";
    note(&mut ids, &insert_rows(tx, head, "RETURNING id, digest", rows, attempt).await?)?;
    let missing = StoreError::Corrupt { attempt, what: "diff.digest" };
    digests.iter().map(|digest| ids.get(digest).copied()).collect::<Option<_>>().ok_or(missing)
}

fn note(ids: &mut HashMap<Vec<u8>, DiffId>, rows: &[QueryResult]) -> StoreResult<()> {
    let attempt = "store diffs";
    for row in rows {
        let id: i64 = row.try_get_by_index(0).attempt(attempt)?;
        ids.entry(row.try_get_by_index(1).attempt(attempt)?).or_insert(DiffId(id));
    }
    Ok(())
}

/// A plan that is not over.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: PlanId, now: Timestamp) -> StoreResult<Option<Plan>> {
    select(on, id, now, "").await
}

/// As [`by_id`]; nobody else can apply or delete it until the transaction ends.
///
/// # Errors
/// As [`by_id`].
pub async fn hold(tx: &Tx, id: PlanId, now: Timestamp) -> StoreResult<Option<Plan>> {
    select(tx, id, now, if tx.is_postgres() { " FOR UPDATE OF plan" } else { "" }).await
}

async fn select(on: &impl Source, id: PlanId, now: Timestamp, lock: &str) -> StoreResult<Option<Plan>> {
    let attempt = "read a plan";
    let connection = on.connection();
    let sql = format!(
        "SELECT plan.id, plan.kind, plan.account_id, account.user_name, plan.request, plan.summary, \
         plan.created_at, plan.expires_at, plan.job_id, plan.state, plan.clients, plan.drawn, plan.drawn_at, \
         plan.failure, plan.layers_version FROM plan JOIN account ON account.id = plan.account_id \
         WHERE plan.id = $1 AND plan.expires_at > $2{lock}"
    );
    let values: [Value; 2] = [id.0.into(), now.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let job: Option<i64> = row.try_get_by_index(8).attempt(attempt)?;
    let count = |place: usize| row.try_get_by_index::<i64>(place).attempt(attempt).map(i64::unsigned_abs);
    let drawn_at: Option<i64> = row.try_get_by_index(12).attempt(attempt)?;
    let drawing = Drawing {
        state: row.try_get_by_index(9).attempt(attempt)?,
        clients: count(10)?,
        drawn: count(11)?,
        drawn_at: drawn_at.map(|ms| time(ms, attempt)).transpose()?,
        failure: row.try_get_by_index(13).attempt(attempt)?,
    };
    Ok(Some(Plan {
        id: PlanId(row.try_get_by_index(0).attempt(attempt)?),
        kind: row.try_get_by_index(1).attempt(attempt)?,
        account: AccountId(row.try_get_by_index(2).attempt(attempt)?),
        author: row.try_get_by_index(3).attempt(attempt)?,
        request: row.try_get_by_index(4).attempt(attempt)?,
        summary: row.try_get_by_index(5).attempt(attempt)?,
        created_at: time(row.try_get_by_index(6).attempt(attempt)?, attempt)?,
        expires_at: time(row.try_get_by_index(7).attempt(attempt)?, attempt)?,
        applied: job.is_some(),
        job: job.filter(|job| *job != NO_JOB).map(JobId),
        drawing,
        layers_version: row.try_get_by_index(14).attempt(attempt)?,
    }))
}

/// Whether the configuration of a target of the plan was changed since, or a target is gone.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_overtaken(on: &impl Source, id: PlanId) -> StoreResult<bool> {
    let attempt = "compare a plan with its clients";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM plan_target LEFT JOIN client ON client.id = plan_target.client_id \
        WHERE plan_target.plan_id = $1 AND COALESCE(plan_target.excluded, '') <> 'deleted' \
        AND (client.id IS NULL OR client.configuration_revision <> plan_target.configuration_revision)";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count > 0)
}

/// What a plan was made of, by the ids of its clients.
///
/// # Errors
/// When the database cannot be asked.
pub async fn frozen(on: &impl Source, id: PlanId) -> StoreResult<Vec<Frozen>> {
    let attempt = "read what a plan was made of";
    let connection = on.connection();
    let sql = "SELECT plan_target.client_id, plan_target.excluded, plan_target.configuration_revision, \
        plan_target.basis, diff.digest FROM plan_target LEFT JOIN diff ON diff.id = plan_target.diff_id \
        WHERE plan_target.plan_id = $1 ORDER BY plan_target.client_id";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            Ok(Frozen {
                client: ClientId(row.try_get_by_index(0).attempt(attempt)?),
                excluded: row.try_get_by_index(1).attempt(attempt)?,
                configuration_revision: row.try_get_by_index(2).attempt(attempt)?,
                basis: row.try_get_by_index(3).attempt(attempt)?,
                diff: row.try_get_by_index(4).attempt(attempt)?,
            })
        })
        .collect()
}

fn excluded_condition(excluded: Option<bool>) -> &'static str {
    match excluded {
        None => "",
        Some(true) => " AND plan_target.excluded IS NOT NULL",
        Some(false) => " AND plan_target.excluded IS NULL",
    }
}

/// Targets of a plan by the ids of their clients: behind one, or after leaving out some.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn targets(
    on: &impl Source,
    id: PlanId,
    excluded: Option<bool>,
    after: Option<ClientId>,
    skip: u64,
    size: u64,
) -> StoreResult<Vec<PlanTarget>> {
    let attempt = "read the targets of a plan";
    let connection = on.connection();
    let sql = format!(
        "SELECT plan_target.client_id, client.device_id, client.e164, COALESCE(client.model, client.device_type), \
         diff.content, plan_target.excluded, plan_target.excluded_args FROM plan_target \
         LEFT JOIN client ON client.id = plan_target.client_id LEFT JOIN diff ON diff.id = plan_target.diff_id \
         WHERE plan_target.plan_id = $1 AND plan_target.client_id > $2{} \
         ORDER BY plan_target.client_id LIMIT {size} OFFSET {skip}",
        excluded_condition(excluded)
    );
    let values: [Value; 2] = [id.0.into(), after.map_or(0, |client| client.0).into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| target(row, attempt)).collect()
}

fn target(row: &QueryResult, attempt: &'static str) -> StoreResult<PlanTarget> {
    let content: Option<String> = row.try_get_by_index(4).attempt(attempt)?;
    let rows = content.as_deref().map_or(Ok(Vec::new()), serde_json::from_str);
    let remarks: Option<String> = row.try_get_by_index(6).attempt(attempt)?;
    Ok(PlanTarget {
        client: ClientId(row.try_get_by_index(0).attempt(attempt)?),
        device_id: row.try_get_by_index(1).attempt(attempt)?,
        e164: row.try_get_by_index(2).attempt(attempt)?,
        model: row.try_get_by_index(3).attempt(attempt)?,
        rows: rows.map_err(|_| StoreError::Corrupt { attempt, what: "diff.content" })?,
        excluded: row.try_get_by_index(5).attempt(attempt)?,
        remarks: remarks.unwrap_or_default(),
    })
}

/// Number of targets of a plan.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_targets(on: &impl Source, id: PlanId, excluded: Option<bool>) -> StoreResult<u64> {
    let attempt = "count the targets of a plan";
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM plan_target WHERE plan_id = $1{}", excluded_condition(excluded));
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Writes down how many clients a plan in the making has looked at; `false` when somebody has forgotten it meanwhile.
///
/// # Errors
/// When the database refuses.
pub async fn set_drawn(tx: &Tx, id: PlanId, drawn: u64, at: Timestamp) -> StoreResult<bool> {
    let sql =
        "UPDATE plan SET drawn = $2, drawn_at = $3 WHERE id = $1 AND state = 'drawing' AND expires_at > $3";
    let drawn = i64::try_from(drawn).unwrap_or(i64::MAX);
    let values: [Value; 3] = [id.0.into(), drawn.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("note how far a plan is")?;
    Ok(done.rows_affected() > 0)
}

/// A plan in the making is drawn up, or could not be: `failure` says why. `false` when it is over meanwhile.
///
/// # Errors
/// When the database refuses.
pub async fn finish_drawing(
    tx: &Tx,
    id: PlanId,
    summary: &str,
    failure: Option<&str>,
    at: Timestamp,
) -> StoreResult<bool> {
    let sql = "UPDATE plan SET state = $2, summary = $3, failure = $4, drawn = clients, drawn_at = $5 \
        WHERE id = $1 AND state = 'drawing' AND expires_at > $5";
    let values: [Value; 5] = [
        id.0.into(),
        if failure.is_some() { "failed" } else { "ready" }.into(),
        summary.into(),
        failure.map(str::to_owned).into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("finish a plan")?;
    Ok(done.rows_affected() > 0)
}

/// Marks a plan as applied.
///
/// # Errors
/// When the database refuses.
pub async fn set_applied(tx: &Tx, id: PlanId, job: Option<JobId>) -> StoreResult<()> {
    let values: [Value; 2] = [id.0.into(), job.map_or(NO_JOB, |job| job.0).into()];
    let sql = "UPDATE plan SET job_id = $2 WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("mark a plan as applied").map(|_| ())
}

/// Ends a plan and forgets what was asked for; its targets, 100,000 of them, are left to [`purge`]. `false` when
/// there was none, or it was over.
///
/// # Errors
/// When the database refuses.
pub async fn end(tx: &Tx, id: PlanId, now: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE plan SET expires_at = $2, request = '' WHERE id = $1 AND expires_at > $2";
    let values: [Value; 2] = [id.0.into(), now.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("delete a plan")?;
    Ok(done.rows_affected() > 0)
}

/// Deletes from plans that are over: up to `limit` of their targets, and those plans that have none left.
///
/// # Errors
/// When the database refuses.
pub async fn purge(tx: &Tx, now: Timestamp, limit: u64) -> StoreResult<Purged> {
    let attempt = "delete plans that are over";
    // Who applies a plan at its last moment holds its row, and needs its targets.
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!("SELECT id FROM plan WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT 20 {lock}");
    let statement = Statement::from_sql_and_values(tx.backend, sql, [now.as_millisecond().into()]);
    let found = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    let ids = found.iter().map(|row| row.try_get_by_index::<i64>(0).map(|id| id.to_string()));
    let ids = ids.collect::<Result<Vec<_>, _>>().attempt(attempt)?.join(",");
    if ids.is_empty() {
        return Ok(Purged::default());
    }
    let targets = format!(
        "DELETE FROM plan_target WHERE (plan_id, client_id) IN \
         (SELECT plan_id, client_id FROM plan_target WHERE plan_id IN ({ids}) LIMIT {limit})"
    );
    let plans = format!(
        "DELETE FROM plan WHERE id IN ({ids}) AND NOT EXISTS \
         (SELECT 1 FROM plan_target WHERE plan_target.plan_id = plan.id)"
    );
    let mut deleted = [0; 2];
    for (sql, deleted) in [targets, plans].into_iter().zip(&mut deleted) {
        let statement = Statement::from_string(tx.backend, sql);
        *deleted = tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected();
    }
    let [rows, things] = deleted;
    Ok(Purged { things, rows })
}
