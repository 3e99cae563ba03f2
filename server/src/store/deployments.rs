//! How far the deployment for each target of a job is, and which of them may be called next (`wpi.md` §4.6).

use std::collections::HashMap;

use domain::deployment::DeploymentPhase;
use domain::job::JobKind;
use domain::{ClientId, DiffId, FileId, JobId, TargetId};
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};
pub use hand::{is_by_hand, set_by_hand};
pub use waiting::{Moving, elsewhere, extend, look_again, moving, postpone};

/// Number of the lock on PostgreSQL by which places are given away one after the other.
const PLACES_LOCK: i64 = 0x5750_0000;

/// Whoever was given a byte so long ago is still fetching.
const MOVING: SignedDuration = SignedDuration::from_mins(1);

/// What became of one file of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileResult {
    /// Its place among the files of the job, from 0.
    pub position: u32,
    /// `ok`, or why not: a stable code.
    pub code: String,
    /// The phone's word, when it said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A deployment for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The target.
    pub target: TargetId,
    /// Its job.
    pub job: JobId,
    /// Its client.
    pub client: ClientId,
    /// How far: `waiting`, `offered`, `verifying` or `over`.
    pub phase: DeploymentPhase,
    /// The file that is next or under way: its place among the files of the job, from 0.
    pub position: u32,
    /// The file that was offered last.
    pub file: Option<FileId>,
    /// Version of software before.
    pub from_version: Option<String>,
    /// Version wanted.
    pub to_version: Option<String>,
    /// Family wanted.
    pub to_software_type: Option<String>,
    /// When the file under way was offered.
    pub offered_at: Option<Timestamp>,
    /// When the inventory is to be read, because no status came.
    pub verify_at: Option<Timestamp>,
    /// When the phone was to be called for it.
    pub dispatched_at: Option<Timestamp>,
    /// When the phone had a file of this name and type already as it was offered this one: the date and time it gave of
    /// it. Empty when it gave none, or had never told what it has.
    pub had_before: Option<String>,
    /// What the next look at the inventory shows is final.
    pub last_look: bool,
    /// How often this server could not give the phone what it was sent for.
    pub unserved: u32,
    /// What became of the files so far.
    pub results: Vec<FileResult>,
}

const COLUMNS: &str = "deployment.target_id, deployment.job_id, deployment.client_id, deployment.phase, \
    deployment.position, deployment.file_id, deployment.from_version, deployment.to_version, \
    deployment.to_software_type, deployment.offered_at, deployment.verify_at, deployment.dispatched_at, \
    deployment.had_before, deployment.last_look, deployment.unserved, deployment.results";

#[derive(FromQueryResult)]
struct Row {
    target_id: i64,
    job_id: i64,
    client_id: i64,
    phase: String,
    position: i32,
    file_id: Option<i64>,
    from_version: Option<String>,
    to_version: Option<String>,
    to_software_type: Option<String>,
    offered_at: Option<i64>,
    verify_at: Option<i64>,
    dispatched_at: Option<i64>,
    had_before: Option<String>,
    last_look: bool,
    unserved: i32,
    results: String,
}

impl Row {
    fn into_deployment(self) -> StoreResult<Deployment> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a deployment", what };
        let time = |ms: Option<i64>| {
            ms.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("deployment time"))).transpose()
        };
        Ok(Deployment {
            target: TargetId(self.target_id),
            job: JobId(self.job_id),
            client: ClientId(self.client_id),
            phase: DeploymentPhase::parse(&self.phase).ok_or(corrupt("deployment.phase"))?,
            position: u32::try_from(self.position).unwrap_or(0),
            file: self.file_id.map(FileId),
            from_version: self.from_version,
            to_version: self.to_version,
            to_software_type: self.to_software_type,
            offered_at: time(self.offered_at)?,
            verify_at: time(self.verify_at)?,
            dispatched_at: time(self.dispatched_at)?,
            had_before: self.had_before,
            last_look: self.last_look,
            unserved: u32::try_from(self.unserved).unwrap_or(0),
            results: serde_json::from_str(&self.results).map_err(|_| corrupt("deployment.results"))?,
        })
    }
}

async fn select(on: &impl Source, rest: &str, values: Vec<Value>) -> StoreResult<Vec<Deployment>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM deployment {rest}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read deployments")?;
    rows.into_iter().map(Row::into_deployment).collect()
}

async fn execute(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<u64> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
}

/// Stores a deployment for each target of a job, and which files the job needs.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, job: JobId, files: &[FileId]) -> StoreResult<()> {
    let sql = "INSERT INTO deployment (target_id, job_id, client_id, phase, position, from_version, results) \
        SELECT job_target.id, job_target.job_id, client.id, 'waiting', 0, client.software_version, '[]' \
        FROM job_target JOIN client ON client.id = job_target.client_id WHERE job_target.job_id = $1";
    execute(tx, sql, vec![job.0.into()], "store the deployments of a job").await?;
    // A file that was deleted at this moment is left out; phones that should get it are told so.
    let sql = "INSERT INTO job_file (job_id, file_id) SELECT CAST($1 AS BIGINT), file.id FROM file WHERE file.id = $2";
    for file in files {
        execute(tx, sql, vec![job.0.into(), file.0.into()], "store the files of a job").await?;
    }
    Ok(())
}

/// Notes the version that targets with a diff are to have, for the views.
///
/// # Errors
/// When the database refuses.
pub async fn set_wanted(tx: &Tx, job: JobId, diff: DiffId, to_version: &str) -> StoreResult<()> {
    let sql = "UPDATE deployment SET to_version = $3 WHERE target_id IN \
        (SELECT id FROM job_target WHERE job_id = $1 AND diff_id = $2)";
    let values = vec![job.0.into(), diff.0.into(), to_version.into()];
    execute(tx, sql, values, "note the version wanted").await.map(|_| ())
}

/// Diffs of the targets of a job, each once.
///
/// # Errors
/// When the database cannot be asked.
pub async fn diffs_of(tx: &Tx, job: JobId) -> StoreResult<Vec<DiffId>> {
    let attempt = "list the diffs of a job";
    let sql = "SELECT DISTINCT diff_id FROM job_target WHERE job_id = $1 AND diff_id IS NOT NULL";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [job.0.into()]);
    let rows = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(DiffId)).collect()
}

/// The deployment for a target.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_target(on: &impl Source, target: TargetId) -> StoreResult<Option<Deployment>> {
    Ok(select(on, "WHERE target_id = $1", vec![target.0.into()]).await?.pop())
}

/// Writes everything of a deployment that can change.
///
/// # Errors
/// When the database refuses.
pub async fn write(tx: &Tx, deployment: &Deployment) -> StoreResult<()> {
    let attempt = "record how far a deployment is";
    let results = serde_json::to_string(&deployment.results)
        .map_err(|_| StoreError::Corrupt { attempt, what: "results of a deployment" })?;
    let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
    let sql = "UPDATE deployment SET phase = $2, position = $3, file_id = $4, from_version = $5, to_version = $6, \
        to_software_type = $7, offered_at = $8, verify_at = $9, dispatched_at = $10, had_before = $11, \
        results = $12, last_look = $13, unserved = $14 WHERE target_id = $1";
    let values = vec![
        deployment.target.0.into(),
        deployment.phase.as_str().into(),
        i32::try_from(deployment.position).unwrap_or(i32::MAX).into(),
        deployment.file.map(|file| file.0).into(),
        deployment.from_version.clone().into(),
        deployment.to_version.clone().into(),
        deployment.to_software_type.clone().into(),
        ms(deployment.offered_at).into(),
        ms(deployment.verify_at).into(),
        ms(deployment.dispatched_at).into(),
        deployment.had_before.clone().into(),
        results.into(),
        deployment.last_look.into(),
        i32::try_from(deployment.unserved).unwrap_or(i32::MAX).into(),
    ];
    execute(tx, sql, values, attempt).await.map(|_| ())
}

/// The target of a deployment has come to its end. What it was offered last stays, for whoever notes what became of it.
///
/// # Errors
/// When the database refuses.
pub(super) async fn end(tx: &Tx, target: TargetId) -> StoreResult<()> {
    let sql =
        "UPDATE deployment SET phase = 'over', verify_at = NULL WHERE target_id = $1 AND phase <> 'over'";
    execute(tx, sql, vec![target.0.into()], "end a deployment").await.map(|_| ())
}

/// Writes the options of a job anew.
///
/// # Errors
/// When the database refuses.
pub async fn set_options(tx: &Tx, job: JobId, options: &Json) -> StoreResult<()> {
    let sql = "UPDATE job SET options = $2, revision = revision + 1 WHERE id = $1";
    execute(tx, sql, vec![job.0.into(), options.to_string().into()], "change a job").await.map(|_| ())
}

/// Takes the next place among those phones that may be busy with deployments of a kind at the same time; `false`
/// when all are taken. On PostgreSQL whoever takes one waits for those who are about to: no two take the last one.
///
/// # Errors
/// When the database refuses.
pub async fn take_place(tx: &Tx, kind: JobKind, places: u64, at: Timestamp) -> StoreResult<bool> {
    if tx.is_postgres() {
        // Whoever comes while all are taken waits for nobody.
        if under_way(tx, kind, at).await? >= places {
            return Ok(false);
        }
        // One lock for all kinds: of two, phones that share a transaction would take them in different orders.
        let statement = Statement::from_sql_and_values(
            tx.backend,
            "SELECT pg_advisory_xact_lock($1)",
            [PLACES_LOCK.into()],
        );
        tx.inner.query_one_raw(statement).await.attempt("wait for a free place")?;
    }
    Ok(under_way(tx, kind, at).await? < places)
}

/// Whether there is anything to do for deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Some wait for their phones.
    pub waiting: bool,
    /// Phones are busy with some.
    pub sent: bool,
}

/// Whether there is anything to do for deployments: most of the time there is nothing, and then nothing more is asked
/// for.
///
/// # Errors
/// When the database cannot be asked.
pub async fn open(on: &impl Source) -> StoreResult<Open> {
    let attempt = "look whether anything is deployed";
    let connection = on.connection();
    let sql = "SELECT EXISTS (SELECT 1 FROM deployment WHERE phase = 'waiting'), EXISTS (SELECT 1 FROM job_target \
        WHERE state = 'sent' AND deadline_at > 0 AND kind IN ('deploy-files', 'deploy-software'))";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let Some(row) = row else { return Ok(Open { waiting: false, sent: false }) };
    let is = |index| row.try_get_by_index::<bool>(index).attempt(attempt);
    Ok(Open { waiting: is(0)?, sent: is(1)? })
}

/// Number of phones that are busy with a deployment of a kind: those that have an order, and those that were given up and
/// are fetching all the same.
///
/// # Errors
/// When the database cannot be asked.
pub async fn under_way(on: &impl Source, kind: JobKind, at: Timestamp) -> StoreResult<u64> {
    // Only with a word about the time is the index of what is sent used.
    let sql = "SELECT (SELECT COUNT(*) FROM job_target WHERE state = 'sent' AND deadline_at > 0 AND kind = $1) \
        + (SELECT COUNT(DISTINCT job_target.id) FROM download JOIN job_target ON job_target.id = download.target_id \
        WHERE download.finished_at IS NULL AND download.moved_at > $2 AND job_target.kind = $1 \
        AND job_target.finished_at IS NOT NULL)";
    let since = at.saturating_sub(MOVING).unwrap_or(at);
    count(on, sql, vec![kind.as_str().into(), since.as_millisecond().into()]).await
}

/// Number of phones that were to be called since a time and have not taken their order yet.
///
/// # Errors
/// When the database cannot be asked.
pub async fn expected(on: &impl Source, kind: JobKind, since: Timestamp) -> StoreResult<u64> {
    let sql = "SELECT COUNT(*) FROM deployment JOIN job_target ON job_target.id = deployment.target_id \
        WHERE deployment.dispatched_at > $1 AND job_target.state IN ('waiting', 'active') AND job_target.kind = $2";
    count(on, sql, vec![since.as_millisecond().into(), kind.as_str().into()]).await
}

async fn count(on: &impl Source, sql: &str, values: Vec<Value>) -> StoreResult<u64> {
    let attempt = "count deployments under way";
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// A phone that may be called for its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callable {
    /// The job.
    pub job: JobId,
    /// Its client.
    pub client: ClientId,
    /// The target.
    pub target: TargetId,
}

/// Targets of a kind that are due and whose phones may be called now, oldest first. Among them are those that were to
/// be called before `kept` and have come since without taking their order: their session broke off, or something else
/// was under way with them. Nobody is called twice for what the phone is at.
///
/// # Errors
/// When the database cannot be asked.
pub async fn to_dispatch(
    on: &impl Source,
    kind: JobKind,
    at: Timestamp,
    kept: Timestamp,
    limit: u64,
) -> StoreResult<Vec<Callable>> {
    let attempt = "list phones that wait for a deployment";
    let connection = on.connection();
    let values: [Value; 3] = [kind.as_str().into(), at.as_millisecond().into(), kept.as_millisecond().into()];
    let statement =
        Statement::from_sql_and_values(connection.get_database_backend(), to_dispatch_sql(limit), values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            Ok(Callable {
                job: row.try_get_by_index(0).attempt(attempt).map(JobId)?,
                client: row.try_get_by_index(1).attempt(attempt).map(ClientId)?,
                target: row.try_get_by_index(2).attempt(attempt).map(TargetId)?,
            })
        })
        .collect()
}

fn to_dispatch_sql(limit: u64) -> String {
    // Joined crosswise: otherwise SQLite begins with all clients that are active and looks for a deployment of each.
    format!(
        "SELECT deployment.job_id, deployment.client_id, deployment.target_id FROM deployment \
         CROSS JOIN job_target CROSS JOIN client \
         LEFT JOIN client_call ON client_call.client_id = deployment.client_id \
         WHERE job_target.id = deployment.target_id AND client.id = deployment.client_id AND client.state = 'active' \
         AND deployment.phase = 'waiting' AND deployment.job_id IN (SELECT id FROM job \
         WHERE state IN ('created', 'active') AND kind = $1 AND NOT stopping AND COALESCE(planned_at, 0) <= $2) \
         AND (deployment.dispatched_at IS NULL OR deployment.dispatched_at <= $3 \
         AND client.last_contact_at >= deployment.dispatched_at AND client_call.next_at IS NULL) \
         AND job_target.state IN ('waiting', 'active') AND job_target.due_at <= $2 AND job_target.expires_at > $2 \
         AND NOT job_target.stopping AND NOT EXISTS (SELECT 1 FROM job_target AS other \
         WHERE other.client_id = deployment.client_id AND other.state IN ('waiting', 'active', 'sent') \
         AND other.state = 'sent' AND other.kind IN ('deploy-files', 'deploy-software')) \
         ORDER BY deployment.job_id, deployment.target_id LIMIT {limit}"
    )
}

/// Notes that the phone of a target is called for it, unless that was so after `kept`; `false` when another node was
/// faster.
///
/// # Errors
/// When the database refuses.
pub async fn dispatch(tx: &Tx, target: TargetId, at: Timestamp, kept: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE deployment SET dispatched_at = $2 WHERE target_id = $1 AND phase = 'waiting' \
        AND (dispatched_at IS NULL OR dispatched_at <= $3)";
    let values = vec![target.0.into(), at.as_millisecond().into(), kept.as_millisecond().into()];
    Ok(execute(tx, sql, values, "let a phone be called for a deployment").await? > 0)
}

/// Whether the file server serves what a target was offered at a time: otherwise nobody here sees it being fetched.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_served_here(tx: &Tx, target: TargetId, offered_at: Timestamp) -> StoreResult<bool> {
    let attempt = "look who serves a file";
    let sql = "SELECT 1 FROM download WHERE target_id = $1 AND created_at >= $2 LIMIT 1";
    let values: [Value; 2] = [target.0.into(), offered_at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.query_one_raw(statement).await.attempt(attempt)?.is_some())
}

/// A file that a phone was given up with: it said nothing in time, or did not have it then.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct GivenUp {
    file_id: i64,
    /// Its name.
    pub name: String,
    /// Its type, as the word of the database.
    pub file_type: String,
}

impl GivenUp {
    /// The file.
    pub fn file(&self) -> FileId {
        FileId(self.file_id)
    }
}

/// Files, no firmware, that a client was given up with.
///
/// # Errors
/// When the database cannot be asked.
pub async fn given_up(tx: &Tx, client: ClientId, reasons: [&str; 2]) -> StoreResult<Vec<GivenUp>> {
    let sql = "SELECT file_offer.file_id, file.name, file.file_type FROM file_offer \
        JOIN file ON file.id = file_offer.file_id WHERE file_offer.client_id = $1 AND file_offer.result IN ($2, $3) \
        AND NOT file_offer.is_software AND file.file_type IS NOT NULL ORDER BY file_offer.file_id LIMIT 200";
    let [one, other] = reasons;
    let statement =
        Statement::from_sql_and_values(tx.backend, sql, [client.0.into(), one.into(), other.into()]);
    GivenUp::find_by_statement(statement).all(&tx.inner).await.attempt("look for offers without an answer")
}

/// Deployments of files that phones have fetched completely, or were to delete, without a status since: their
/// inventory is looked at instead. Among them are those whose inventory was to be read before `kept` and whose phones
/// have come since without telling it.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn silent(
    on: &impl Source,
    fetched_before: Timestamp,
    kept: Timestamp,
    at: Timestamp,
    limit: u64,
) -> StoreResult<Vec<Deployment>> {
    let rest = format!(
        "JOIN job_target ON job_target.id = deployment.target_id \
         JOIN client ON client.id = deployment.client_id \
         LEFT JOIN client_call ON client_call.client_id = deployment.client_id WHERE job_target.state = 'sent' \
         AND job_target.deadline_at > 0 AND job_target.kind = 'deploy-files' \
         AND (deployment.phase = 'offered' AND (deployment.verify_at <= $2 \
         OR deployment.verify_at IS NULL AND EXISTS (SELECT 1 FROM download \
         WHERE download.target_id = deployment.target_id AND download.file_id = deployment.file_id \
         AND download.finished_at <= $1 AND download.created_at >= deployment.offered_at)) \
         OR deployment.phase = 'verifying' AND deployment.verify_at <= $3 AND client.state = 'active' \
         AND client.last_contact_at >= deployment.verify_at AND client_call.next_at IS NULL) \
         ORDER BY deployment.target_id LIMIT {limit}"
    );
    let values = [fetched_before, at, kept].map(|time| time.as_millisecond().into());
    select(on, &rest, values.to_vec()).await
}

/// From now on the inventory of the phone decides, unless something was heard of this offer since it was read; for good
/// when it is the `last` look.
///
/// # Errors
/// When the database refuses.
pub async fn begin_to_verify(
    tx: &Tx,
    target: TargetId,
    offered_at: Timestamp,
    last: bool,
    at: Timestamp,
) -> StoreResult<bool> {
    let sql = "UPDATE deployment SET phase = 'verifying', verify_at = $3, last_look = (last_look OR $4) \
        WHERE target_id = $1 AND phase IN ('offered', 'verifying') AND offered_at = $2";
    let (offered_at, at) = (offered_at.as_millisecond().into(), at.as_millisecond().into());
    let values = vec![target.0.into(), offered_at, at, last.into()];
    Ok(execute(tx, sql, values, "look for a file on a phone").await? > 0)
}

/// What the file server saw of the last address that was made for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastDownload {
    /// Bytes the phone has.
    pub sent: u64,
    /// Bytes of the file.
    pub size: u64,
    /// When the phone had all of it.
    pub finished_at: Option<Timestamp>,
    /// Why it did not get all of it, when that was not the phone: a stable word.
    pub failure: Option<String>,
}

/// A deployment as views show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The deployment.
    pub deployment: Deployment,
    /// Name and size of the file that was offered last.
    pub file: Option<(String, u64)>,
    /// What the file server saw of it.
    pub download: Option<LastDownload>,
}

#[derive(FromQueryResult)]
struct ShownRow {
    #[sea_orm(nested)]
    deployment: Row,
    file_name: Option<String>,
    file_size: Option<i64>,
    sent: Option<i64>,
    size: Option<i64>,
    finished_at: Option<i64>,
    failure: Option<String>,
}

/// Deployments for some targets with their files and downloads, in one statement.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn shown(on: &impl Source, targets: &[TargetId]) -> StoreResult<HashMap<TargetId, Shown>> {
    if targets.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let sql = format!(
        "SELECT {COLUMNS}, file.name AS file_name, file.size AS file_size, download.sent, download.size, \
         download.finished_at, download.failure FROM deployment LEFT JOIN file ON file.id = deployment.file_id \
         LEFT JOIN download ON download.id = (SELECT MAX(last.id) FROM download AS last \
         WHERE last.target_id = deployment.target_id AND last.file_id = deployment.file_id) \
         WHERE deployment.target_id IN ({})",
        ids.join(",")
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = ShownRow::find_by_statement(statement).all(connection).await.attempt("read deployments")?;
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let corrupt = |_| StoreError::Corrupt { attempt: "read deployments", what: "download time" };
    rows.into_iter()
        .map(|row| {
            let finished_at =
                row.finished_at.map(|ms| Timestamp::from_millisecond(ms).map_err(corrupt)).transpose()?;
            let download = row.sent.zip(row.size).map(|(sent, size)| LastDownload {
                sent: number(sent),
                size: number(size),
                finished_at,
                failure: row.failure,
            });
            let shown = Shown {
                deployment: row.deployment.into_deployment()?,
                file: row.file_name.zip(row.file_size.map(number)),
                download,
            };
            Ok((shown.deployment.target, shown))
        })
        .collect()
}

mod hand;
mod waiting;

#[cfg(test)]
mod tests;
