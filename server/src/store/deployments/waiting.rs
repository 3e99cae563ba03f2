//! Deployments that have to wait, for us or for a phone that is still fetching.

use domain::job::JobKind;
use domain::{JobId, TargetId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::execute;
use crate::store::error::{Attempt, StoreError, StoreResult};
use crate::store::{Source, Tx};

/// Those of some jobs that have files of other providers than the built-in one.
///
/// # Errors
/// When the database cannot be asked.
pub async fn elsewhere(on: &impl Source, jobs: &[JobId]) -> StoreResult<Vec<JobId>> {
    let attempt = "look where the files of jobs are";
    let connection = on.connection();
    let sql = format!(
        "SELECT DISTINCT job_file.job_id FROM job_file JOIN file ON file.id = job_file.file_id \
         JOIN storage_provider ON storage_provider.id = file.provider_id \
         WHERE job_file.job_id IN ({}) AND (storage_provider.kind <> 'built-in' OR file.state <> 'ready')",
        crate::store::jobs::list(jobs)
    );
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(JobId)).collect()
}

/// Lets up to `limit` targets of a job that are due and whose phones were not called since `kept` wait until a time, for
/// this reason; gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn postpone(
    tx: &Tx,
    job: JobId,
    (at, kept): (Timestamp, Timestamp),
    (until, reason): (Timestamp, &str),
    limit: u64,
) -> StoreResult<u64> {
    let sql = format!(
        "UPDATE job_target SET due_at = $4, reason = $5, reason_args = 'null' WHERE id IN \
         (SELECT due.id FROM deployment JOIN job_target AS due ON due.id = deployment.target_id \
         WHERE deployment.job_id = $1 AND deployment.phase = 'waiting' \
         AND (deployment.dispatched_at IS NULL OR deployment.dispatched_at <= $3) \
         AND due.state IN ('waiting', 'active') AND due.due_at <= $2 AND NOT due.stopping \
         ORDER BY due.id LIMIT {limit})"
    );
    let [at, kept, until] = [at, kept, until].map(|time| Value::from(time.as_millisecond()));
    execute(tx, &sql, vec![job.0.into(), at, kept, until, reason.into()], "let a deployment wait").await
}

/// What waits for one of some reasons is looked at now; gives the number of targets.
///
/// # Errors
/// When the database refuses.
pub async fn look_again(tx: &Tx, reasons: &[&str], at: Timestamp) -> StoreResult<u64> {
    let places: Vec<String> = (2..reasons.len() + 2).map(|place| format!("${place}")).collect();
    let sql = format!(
        "UPDATE job_target SET due_at = $1 WHERE state IN ('waiting', 'active') AND due_at > $1 \
         AND kind IN ('deploy-files', 'deploy-software') AND reason IN ({})",
        places.join(", ")
    );
    let values = std::iter::once(at.as_millisecond().into());
    let values = values.chain(reasons.iter().map(|reason| (*reason).into())).collect();
    execute(tx, &sql, values, "look at deployments again").await
}

/// A phone that has an order, and was given bytes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// The target.
    pub target: TargetId,
    /// What its job does.
    pub kind: JobKind,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// When it was given bytes last.
    pub moved_at: Timestamp,
    /// Until when it is waited for.
    pub deadline_at: Timestamp,
}

/// Phones that are waited for until before a time, and that were given bytes of what they were offered.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn moving(on: &impl Source, before: Timestamp, limit: u64) -> StoreResult<Vec<Moving>> {
    let attempt = "list phones that are fetching";
    let connection = on.connection();
    let sql = format!(
        "SELECT job_target.id, job_target.kind, deployment.offered_at, MAX(download.moved_at), job_target.deadline_at \
         FROM job_target JOIN deployment ON deployment.target_id = job_target.id \
         JOIN download ON download.target_id = job_target.id AND download.created_at >= deployment.offered_at \
         WHERE job_target.state = 'sent' AND job_target.deadline_at <= $1 \
         AND job_target.kind IN ('deploy-files', 'deploy-software') AND download.moved_at IS NOT NULL \
         GROUP BY job_target.id, job_target.kind, deployment.offered_at, job_target.deadline_at \
         ORDER BY job_target.id LIMIT {limit}"
    );
    let values: [Value; 1] = [before.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    rows.iter()
        .map(|row| {
            let time = |index| {
                let ms: i64 = row.try_get_by_index(index).attempt(attempt)?;
                Timestamp::from_millisecond(ms).map_err(|_| corrupt("time of a deployment"))
            };
            let kind: String = row.try_get_by_index(1).attempt(attempt)?;
            Ok(Moving {
                target: row.try_get_by_index(0).attempt(attempt).map(TargetId)?,
                kind: JobKind::parse(&kind).ok_or(corrupt("job_target.kind"))?,
                offered_at: time(2)?,
                moved_at: time(3)?,
                deadline_at: time(4)?,
            })
        })
        .collect()
}

/// A phone is waited for until another time, and its address works so long; `false` when something was heard of it.
///
/// # Errors
/// When the database refuses.
pub async fn extend(tx: &Tx, moving: &Moving, until: Timestamp) -> StoreResult<bool> {
    let attempt = "wait longer for a phone that is fetching";
    let [before, offered, until] =
        [moving.deadline_at, moving.offered_at, until].map(|time| Value::from(time.as_millisecond()));
    let sql = "UPDATE job_target SET deadline_at = $2 WHERE id = $1 AND state = 'sent' AND deadline_at = $3";
    if execute(tx, sql, vec![moving.target.0.into(), until.clone(), before], attempt).await? == 0 {
        return Ok(false);
    }
    let sql =
        "UPDATE download SET expires_at = $2 WHERE target_id = $1 AND created_at >= $3 AND expires_at < $2";
    execute(tx, sql, vec![moving.target.0.into(), until, offered], attempt).await?;
    Ok(true)
}
