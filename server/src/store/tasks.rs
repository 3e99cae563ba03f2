//! Background tasks: work of the server for itself, kept until it is done (housekeeping, mostly).
//!
//! A task is taken by a lease: whoever dies with it loses it when the lease ends, and somebody else takes it
//! again. What a kind of task does, and how often it is tried, is `app::tasks`.

use domain::JobId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::Value as Json;

use super::error::{Attempt, StoreError, StoreResult};
use super::jobs::list;
use super::{Source, Tx};

/// A task that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: i64,
    /// Word of its kind.
    pub kind: String,
    /// What it works on.
    pub payload: Json,
    /// How often it was taken, this time included.
    pub attempts: u32,
}

/// Puts a task into the queue, in the transaction of its cause. With a key, one that is there already (waiting or
/// running) is enough; `false` then.
///
/// # Errors
/// When the database refuses.
pub async fn enqueue(
    tx: &Tx,
    kind: &str,
    key: Option<&str>,
    payload: &Json,
    run_at: Timestamp,
    at: Timestamp,
) -> StoreResult<bool> {
    let sql = "INSERT INTO background_task (kind, unique_key, payload, run_at, attempts, created_at) \
        VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (unique_key) DO NOTHING";
    let values: [Value; 5] = [
        kind.into(),
        key.map(str::to_owned).into(),
        payload.to_string().into(),
        run_at.as_millisecond().into(),
        at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt("enqueue a task")?.rows_affected() > 0)
}

/// Whether a task could be taken now; asked on the reading side, so that an idle worker writes nothing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn any_due(on: &impl Source, at: Timestamp) -> StoreResult<bool> {
    let attempt = "look for tasks";
    let connection = on.connection();
    let sql = "SELECT 1 FROM background_task WHERE run_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) LIMIT 1";
    let values: [Value; 1] = [at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    Ok(connection.query_one_raw(statement).await.attempt(attempt)?.is_some())
}

/// Takes the task that has waited longest, until the lease ends.
///
/// # Errors
/// When the database refuses, or the row is damaged.
pub async fn take(tx: &Tx, owner: &str, at: Timestamp, lease_until: Timestamp) -> StoreResult<Option<Task>> {
    let attempt = "take a task";
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE background_task SET owner = $2, lease_until = $3, attempts = attempts + 1 WHERE id = \
         (SELECT id FROM background_task WHERE run_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) \
         ORDER BY run_at, id LIMIT 1 {lock}) RETURNING id, kind, payload, attempts"
    );
    let values: [Value; 3] = [at.as_millisecond().into(), owner.into(), lease_until.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let Some(row) = tx.inner.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let payload: String = row.try_get_by_index(2).attempt(attempt)?;
    let attempts: i32 = row.try_get_by_index(3).attempt(attempt)?;
    Ok(Some(Task {
        id: row.try_get_by_index(0).attempt(attempt)?,
        kind: row.try_get_by_index(1).attempt(attempt)?,
        payload: serde_json::from_str(&payload)
            .map_err(|_| StoreError::Corrupt { attempt, what: "background_task.payload" })?,
        attempts: u32::try_from(attempts).unwrap_or(0),
    }))
}

/// The task is over: done, or given up. `false` when its lease had ended and somebody else has it.
///
/// # Errors
/// When the database refuses.
pub async fn finish(tx: &Tx, task: &Task, owner: &str) -> StoreResult<bool> {
    let sql = "DELETE FROM background_task WHERE id = $1 AND owner = $2 AND attempts = $3";
    let values: [Value; 3] = [task.id.into(), owner.into(), attempts(task).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt("end a task")?.rows_affected() > 0)
}

/// The task is tried again later. `false` when its lease had ended and somebody else has it.
///
/// # Errors
/// When the database refuses.
pub async fn again(tx: &Tx, task: &Task, owner: &str, run_at: Timestamp, error: &str) -> StoreResult<bool> {
    let sql = "UPDATE background_task SET owner = NULL, lease_until = NULL, run_at = $4, last_error = $5 \
        WHERE id = $1 AND owner = $2 AND attempts = $3";
    let values: [Value; 5] =
        [task.id.into(), owner.into(), attempts(task).into(), run_at.as_millisecond().into(), error.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt("put a task back")?.rows_affected() > 0)
}

fn attempts(task: &Task) -> i32 {
    i32::try_from(task.attempts).unwrap_or(i32::MAX)
}

/// Kinds and failures of the tasks that have failed at least once, for operators.
///
/// # Errors
/// When the database cannot be asked.
pub async fn failing(on: &impl Source) -> StoreResult<Vec<(String, String)>> {
    let attempt = "list failing tasks";
    let connection = on.connection();
    let sql =
        "SELECT kind, last_error FROM background_task WHERE last_error IS NOT NULL ORDER BY id LIMIT 20";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?)))
        .collect()
}

/// States of targets that may still come to something.
const OPEN: &str = "('waiting', 'scheduled', 'active', 'sent')";

/// What a bounded deletion of things that have many rows each has done; it is called again until it does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Things deleted.
    pub things: u64,
    /// Rows of things deleted.
    pub rows: u64,
}

/// Deletes from the jobs that came to their end before a time: up to `limit` of their targets, and those jobs that
/// have none left. A job of 100,000 targets would else keep everybody else from writing for seconds.
///
/// # Errors
/// When the database refuses.
pub async fn purge_jobs(tx: &Tx, before: Timestamp, limit: u64) -> StoreResult<Purged> {
    let attempt = "delete old jobs";
    // Who tries a job again holds its row first, and is seen by the next call.
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "SELECT id FROM job WHERE finished_at IS NOT NULL AND finished_at < $1 \
         AND state NOT IN ('created', 'active', 'paused') AND NOT EXISTS \
         (SELECT 1 FROM job_target WHERE job_target.job_id = job.id AND job_target.state IN {OPEN}) \
         ORDER BY finished_at, id LIMIT {limit} {lock}"
    );
    let statement = Statement::from_sql_and_values(tx.backend, sql, [before.as_millisecond().into()]);
    let found = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    let ids = found.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(JobId));
    let ids: Vec<JobId> = ids.collect::<StoreResult<_>>()?;
    if ids.is_empty() {
        return Ok(Purged::default());
    }
    let rows = purge_job_targets(tx, &ids, limit).await?;
    // Plans keep the number of their job; they are gone long before.
    let sql = format!(
        "DELETE FROM job WHERE id IN ({}) AND NOT EXISTS \
         (SELECT 1 FROM job_target WHERE job_target.job_id = job.id)",
        list(&ids)
    );
    Ok(Purged { things: purge(tx, &sql, Vec::new(), attempt).await?, rows })
}

/// Deletes up to `limit` targets of jobs that have come to their end; gives their number. Whoever deletes a job
/// calls this until nothing is left, each time in a transaction of its own, and then deletes the job.
///
/// # Errors
/// When the database refuses.
pub async fn purge_job_targets(tx: &Tx, jobs: &[JobId], limit: u64) -> StoreResult<u64> {
    // Asked twice: on PostgreSQL a target may be tried again while this waits for its row.
    let sql = format!(
        "DELETE FROM job_target WHERE id IN (SELECT id FROM job_target WHERE job_id IN ({}) \
         AND state NOT IN {OPEN} LIMIT {limit}) AND state NOT IN {OPEN}",
        list(jobs)
    );
    purge(tx, &sql, Vec::new(), "delete targets of old jobs").await
}

/// Deletes diffs with an id above `after` that nothing refers to, among the next `limit` diffs. Gives the last
/// id looked at, if there was one, and how many were deleted.
///
/// # Errors
/// When the database refuses.
pub async fn purge_diffs(tx: &Tx, after: i64, limit: u64) -> StoreResult<(Option<i64>, u64)> {
    let attempt = "delete unused diffs";
    let sql =
        format!("SELECT MAX(id) FROM (SELECT id FROM diff WHERE id > $1 ORDER BY id LIMIT {limit}) AS piece");
    let statement = Statement::from_sql_and_values(tx.backend, sql, [after.into()]);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    let last: Option<i64> = row.map_or(Ok(None), |row| row.try_get_by_index(0)).attempt(attempt)?;
    let Some(last) = last else { return Ok((None, 0)) };
    // Locked first and looked at again: who finds an equal diff at this moment holds its row until his commit,
    // and only a statement begun after it sees what he refers to.
    let unused = "NOT EXISTS (SELECT 1 FROM job_target WHERE job_target.diff_id = diff.id) \
        AND NOT EXISTS (SELECT 1 FROM plan_target WHERE plan_target.diff_id = diff.id)";
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!("SELECT id FROM diff WHERE id > $1 AND id <= $2 AND {unused} ORDER BY id {lock}");
    let statement = Statement::from_sql_and_values(tx.backend, sql, [after.into(), last.into()]);
    let rows = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    let ids: Vec<i64> =
        rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>().attempt(attempt)?;
    if ids.is_empty() {
        return Ok((Some(last), 0));
    }
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let sql = format!("DELETE FROM diff WHERE id IN ({}) AND {unused}", ids.join(","));
    Ok((Some(last), purge(tx, &sql, Vec::new(), attempt).await?))
}

async fn purge(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<u64> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::{
        Purged, Task, again, any_due, enqueue, failing, finish, purge_job_targets, purge_jobs, take,
    };
    use crate::store::{Store, StoreOptions, Tx, plans};
    use domain::JobId;
    use jiff::Timestamp;
    use sea_orm::{ConnectionTrait, Statement};
    use serde_json::json;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    async fn taken(store: &Store, owner: &str, now: i64, until: i64) -> Option<Task> {
        let tx = store.begin().await.unwrap();
        let task = take(&tx, owner, at(now), at(until)).await.unwrap();
        tx.commit().await.unwrap();
        task
    }

    async fn store(directory: &std::path::Path) -> Store {
        let url = format!("sqlite://{}?mode=rwc", directory.join("x.sqlite").display());
        let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    #[tokio::test]
    async fn a_task_is_done_by_one_and_outlives_who_had_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let tx = store.begin().await.unwrap();
        assert!(enqueue(&tx, "tidy", Some("tidy"), &json!({"n": 1}), at(100), at(0)).await.unwrap());
        assert!(!enqueue(&tx, "tidy", Some("tidy"), &json!({"n": 2}), at(0), at(0)).await.unwrap());
        tx.commit().await.unwrap();

        assert!(!any_due(&store, at(99)).await.unwrap());
        assert_eq!(taken(&store, "a", 99, 199).await, None, "not due");
        assert!(any_due(&store, at(100)).await.unwrap());
        let first = taken(&store, "a", 100, 200).await.unwrap();
        assert_eq!((first.payload["n"].as_u64(), first.attempts), (Some(1), 1));
        assert_eq!(taken(&store, "b", 199, 299).await, None, "somebody has it");
        let second = taken(&store, "b", 200, 300).await.unwrap();
        assert_eq!(second.attempts, 2, "who had it is taken for dead");

        let tx = store.begin().await.unwrap();
        assert!(!finish(&tx, &first, "a").await.unwrap(), "it is another's now");
        assert!(!again(&tx, &first, "a", at(0), "late").await.unwrap());
        assert!(again(&tx, &second, "b", at(400), "no luck").await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(failing(&store).await.unwrap(), [("tidy".to_owned(), "no luck".to_owned())]);
        assert_eq!(taken(&store, "b", 399, 499).await, None);
        let third = taken(&store, "b", 400, 500).await.unwrap();
        let tx = store.begin().await.unwrap();
        assert!(finish(&tx, &third, "b").await.unwrap());
        tx.commit().await.unwrap();
        assert!(!any_due(&store, at(10_000)).await.unwrap());
        store.close().await;
    }

    /// Does it with a store that holds these rows until it has nothing more to do; gives what each time did.
    async fn pieces(rows: &[&str], purge: impl AsyncFn(&Tx) -> Purged) -> (Vec<(u64, u64)>, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let tx = store.begin().await.unwrap();
        for sql in rows {
            tx.inner.execute_raw(Statement::from_string(tx.backend, *sql)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut pieces = Vec::new();
        loop {
            let tx = store.begin().await.unwrap();
            let purged = purge(&tx).await;
            tx.commit().await.unwrap();
            pieces.push((purged.rows, purged.things));
            if purged == Purged::default() {
                return (pieces, store);
            }
        }
    }

    const JOBS: &str = "INSERT INTO job (id, kind, state, cause, initiator_kind, initiator_name, options, stopping, \
        created_at, expires_at, finished_at, revision) SELECT column1, 'restart', column2, 'user', 'system', '', \
        'null', FALSE, 0, 0, column3, 1 FROM \
        (VALUES (1, 'success', 5), (2, 'success', 6), (3, 'failed', 7), (4, 'success', 100), (5, 'active', NULL))";

    const TARGETS: &str = "INSERT INTO job_target (job_id, kind, state, attempts, stopping, due_at, expires_at, \
        reason_args, results) SELECT column1, 'restart', column2, 0, FALSE, 0, 0, 'null', '[]' FROM \
        (VALUES (1, 'success'), (1, 'failed'), (1, 'skipped'), (1, 'timeout'), (1, 'cancelled'), (2, 'partial'), \
        (3, 'failed'), (3, 'waiting'), (4, 'success'), (5, 'success'), (5, 'sent'))";

    #[tokio::test]
    async fn old_jobs_go_in_bounded_pieces_and_only_when_they_are_over() {
        let (pieces, store) = pieces(&[JOBS, TARGETS], async |tx| {
            purge_jobs(tx, Timestamp::from_millisecond(100).unwrap(), 2).await.unwrap()
        })
        .await;
        assert_eq!(pieces, [(2, 0), (2, 0), (2, 2), (0, 0)], "of the third, a target is tried again");
        let tx = store.begin().await.unwrap();
        assert_eq!(purge_job_targets(&tx, &[JobId(3), JobId(4)], 9).await.unwrap(), 2, "what waits is left");
    }

    #[tokio::test]
    async fn plans_that_are_over_go_in_bounded_pieces() {
        let rows = [
            "INSERT INTO account (id, user_name, user_name_folded, password_hash, must_change_password, roles, language, \
             email, disabled, failed_sign_ins, created_at, updated_at, revision) \
             VALUES (1, 'a', 'a', '', FALSE, '', 'en', '', FALSE, 0, 0, 0, 1)",
            "INSERT INTO plan (id, kind, account_id, request, summary, created_at, expires_at) SELECT column1, \
             'converge', 1, '', '', 0, column2 FROM (VALUES (1, 5), (2, 100), (3, 101))",
            "INSERT INTO plan_target (plan_id, client_id, configuration_revision, basis) SELECT column1, column2, 0, '' \
             FROM (VALUES (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1))",
        ];
        let now = Timestamp::from_millisecond(100).unwrap();
        let (pieces, store) = pieces(&rows, async |tx| plans::purge(tx, now, 2).await.unwrap()).await;
        assert_eq!(pieces, [(2, 0), (2, 1), (1, 1), (0, 0)]);
        assert_eq!(plans::count_targets(&store, domain::PlanId(3), None).await.unwrap(), 1, "not over");
    }
}
