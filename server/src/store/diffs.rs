//! Stored diffs: what a plan shows and a job writes. Equal ones are stored once (almost: see [`intern`]).

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use domain::DiffId;
use domain::configuration::Row;
use sea_orm::{ConnectionTrait, Statement, Value};
use sha2::{Digest, Sha256};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// Most rows kept in memory, all diffs together; some 30 MB.
const MOST_KEPT: usize = 100_000;

/// Diffs read before. A stored diff never changes, and a job for a whole fleet mostly writes one and the same.
#[derive(Debug, Default)]
pub struct Kept(Mutex<HashMap<DiffId, Arc<[Row]>>>);

impl Kept {
    fn get(&self, diff: DiffId) -> Option<Arc<[Row]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&diff).cloned()
    }

    fn keep(&self, diff: DiffId, rows: &Arc<[Row]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A diff counts for one more than its rows: empty ones need their place too.
        if kept.values().map(|rows| rows.len() + 1).sum::<usize>() + rows.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(diff, Arc::clone(rows));
    }
}

/// Stores rows, or finds the equal ones that are stored already.
///
/// # Errors
/// When the database refuses.
pub async fn intern(tx: &Tx, rows: &[Row]) -> StoreResult<DiffId> {
    let attempt = "store a diff";
    let text =
        serde_json::to_string(rows).map_err(|_| StoreError::Corrupt { attempt, what: "rows of a diff" })?;
    let digest = Sha256::digest(text.as_bytes()).to_vec();
    // Shared: many use one diff at the same moment, and none of them lets it be deleted before the commit.
    let lock = if tx.is_postgres() { "FOR KEY SHARE" } else { "" };
    let find = format!("SELECT id FROM diff WHERE digest = $1 ORDER BY id LIMIT 1 {lock}");
    let statement = Statement::from_sql_and_values(tx.backend, find, [digest.clone().into()]);
    let mut row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    if row.is_none() {
        // On PostgreSQL two transactions may store equal rows at the same moment. That costs a row; a unique index
        // would make them wait for each other, each with clients locked.
        let sql = "INSERT INTO diff (digest, content) VALUES ($1, $2) RETURNING id";
        let values: [Value; 2] = [digest.into(), text.into()];
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
        tx.new_diffs.store(true, Ordering::Relaxed);
    }
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(DiffId)
}

/// The rows of a diff; none when there is no such diff. They may have been read earlier and the diff deleted since; nobody refers to it then.
///
/// # Errors
/// When the database cannot be asked, or the rows are damaged.
pub async fn read(on: &impl Source, diff: Option<DiffId>) -> StoreResult<Arc<[Row]>> {
    let attempt = "read a diff";
    let Some(diff) = diff else { return Ok(Arc::default()) };
    let (kept, may_keep) = on.diffs();
    if let Some(rows) = kept.get(diff) {
        return Ok(rows);
    }
    let connection = on.connection();
    let sql = "SELECT content FROM diff WHERE id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [diff.0.into()]);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else {
        return Ok(Arc::default());
    };
    let text: String = row.try_get_by_index(0).attempt(attempt)?;
    let rows: Arc<[Row]> =
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { attempt, what: "diff.content" })?;
    if may_keep {
        kept.keep(diff, &rows);
    }
    Ok(rows)
}
