//! Scans of storage providers for files: who works on them, how far they are, what was known before.
//!
//! A node works on a scan by a lease: when it dies, another one begins it anew when the lease is over. What is known by
//! then costs it nothing but the list.

use domain::ProviderId;
use domain::file::{FileState, ProviderScanState};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::storage_providers::{COLUMNS, Progress, Provider, ask, change};
use super::{Source, Tx};

/// Objects named in one statement.
const CHUNK: usize = 500;

fn number(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// Begins a scan of a provider that is not scanned right now; `false` when it is, or the provider is gone.
///
/// # Errors
/// When the database refuses.
pub async fn start(tx: &Tx, id: ProviderId, at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE storage_provider SET scan_state = 'running', scan_seen = 0, scan_added = 0, scan_changed = 0, \
        scan_missing = 0, scan_skipped = 0, scan_owner = NULL, scan_lease_until = NULL, scan_started_at = $2, \
        scan_finished_at = NULL WHERE id = $1 AND scan_state <> 'running' AND kind <> 'built-in'";
    Ok(change(tx, sql, vec![id.0.into(), at.as_millisecond().into()], "start a scan for files").await? > 0)
}

/// Begins a scan of every provider but the built-in one that is not scanned right now; gives their ids.
///
/// # Errors
/// When the database refuses.
pub async fn start_all(tx: &Tx, at: Timestamp) -> StoreResult<Vec<ProviderId>> {
    let attempt = "start scans for files";
    let sql =
        "SELECT id FROM storage_provider WHERE scan_state <> 'running' AND kind <> 'built-in' ORDER BY id";
    let rows = tx.inner.query_all_raw(Statement::from_string(tx.backend, sql)).await.attempt(attempt)?;
    let mut started = Vec::new();
    for row in &rows {
        let id = ProviderId(row.try_get_by_index(0).attempt(attempt)?);
        if start(tx, id, at).await? {
            started.push(id);
        }
    }
    Ok(started)
}

/// Ends a running scan in this state, only that of this owner when one is given; `false` when none runs. The owner stays,
/// so that it may still write down how far it came.
///
/// # Errors
/// When the database refuses.
pub async fn end(
    tx: &Tx,
    id: ProviderId,
    owner: Option<&str>,
    state: ProviderScanState,
    at: Timestamp,
) -> StoreResult<bool> {
    let sql = "UPDATE storage_provider SET scan_state = $2, scan_finished_at = $3, scan_lease_until = NULL \
        WHERE id = $1 AND scan_state = 'running' AND (CAST($4 AS TEXT) IS NULL OR scan_owner = CAST($4 AS TEXT))";
    let values = vec![id.0.into(), state.as_str().into(), at.as_millisecond().into(), owner.into()];
    Ok(change(tx, sql, values, "end a scan for files").await? > 0)
}

/// Whether a scan waits for somebody to work on it; asked on the reading side, so that an idle node writes nothing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn any_to_take(on: &impl Source, at: Timestamp) -> StoreResult<bool> {
    let sql = format!(
        "SELECT {COLUMNS} FROM storage_provider WHERE scan_state = 'running' \
         AND COALESCE(scan_lease_until, 0) <= $1 LIMIT 1"
    );
    Ok(!ask(on, &sql, vec![at.as_millisecond().into()], "look for scans for files").await?.is_empty())
}

/// Takes a scan that nobody works on, until the lease ends; it belongs to `node/revision/start`, so that what a provider
/// was before a change is not scanned on, nor a scan that was stopped and begun anew. What was added or changed by a node that died stays counted.
///
/// # Errors
/// When the database refuses, or a row is damaged.
pub async fn take(
    tx: &Tx,
    node: &str,
    at: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<Option<Provider>> {
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE storage_provider SET scan_owner = CAST($2 AS TEXT) || '/' || CAST(revision AS TEXT) || '/' || \
         CAST(COALESCE(scan_started_at, 0) AS TEXT), scan_lease_until = $3, scan_seen = 0, scan_skipped = 0, \
         scan_missing = 0 WHERE id IN (SELECT id FROM storage_provider WHERE scan_state = 'running' \
         AND COALESCE(scan_lease_until, 0) <= $1 ORDER BY id LIMIT 1 {lock}) RETURNING {COLUMNS}"
    );
    let values = vec![at.as_millisecond().into(), node.into(), lease_until.as_millisecond().into()];
    Ok(ask(tx, &sql, values, "take a scan for files").await?.pop())
}

/// How far a scan is, and that its node is alive. Gives whether it goes on: somebody may have stopped it, another node
/// may work on it, or its provider is gone.
///
/// # Errors
/// When the database refuses.
pub async fn advance(
    tx: &Tx,
    id: ProviderId,
    node: &str,
    progress: Progress,
    lease_until: Timestamp,
) -> StoreResult<bool> {
    let attempt = "write down how far a scan for files is";
    let sql = "UPDATE storage_provider SET scan_seen = $3, scan_added = $4, scan_changed = $5, scan_missing = $6, \
        scan_skipped = $7, scan_lease_until = CASE WHEN scan_state = 'running' THEN CAST($8 AS BIGINT) ELSE NULL END \
        WHERE id = $1 AND scan_owner = $2 RETURNING scan_state";
    let values: [Value; 8] = [
        id.0.into(),
        node.into(),
        number(progress.seen),
        number(progress.added),
        number(progress.changed),
        number(progress.missing),
        number(progress.skipped),
        lease_until.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let Some(row) = tx.inner.query_one_raw(statement).await.attempt(attempt)? else { return Ok(false) };
    let word: String = row.try_get_by_index(0).attempt(attempt)?;
    Ok(word == ProviderScanState::Running.as_str())
}

/// A node is still alive and at work.
///
/// # Errors
/// When the database refuses.
pub async fn renew(tx: &Tx, id: ProviderId, node: &str, lease_until: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE storage_provider SET scan_lease_until = $3 WHERE id = $1 AND scan_owner = $2 \
        AND scan_state = 'running'";
    let values = vec![id.0.into(), node.into(), lease_until.as_millisecond().into()];
    change(tx, sql, values, "go on with a scan for files").await.map(|_| ())
}

/// The node stops working on a running scan; any node may take it at once.
///
/// # Errors
/// When the database refuses.
pub async fn release(tx: &Tx, id: ProviderId, node: &str) -> StoreResult<()> {
    let sql = "UPDATE storage_provider SET scan_owner = NULL, scan_lease_until = NULL WHERE id = $1 \
        AND scan_owner = $2 AND scan_state = 'running'";
    change(tx, sql, vec![id.0.into(), node.into()], "leave a scan for files to others").await.map(|_| ())
}

/// Takes a running scan away from its node, whoever it is: it is begun anew.
///
/// # Errors
/// When the database refuses.
pub async fn take_away(tx: &Tx, id: ProviderId) -> StoreResult<()> {
    let sql = "UPDATE storage_provider SET scan_owner = NULL, scan_lease_until = NULL WHERE id = $1 \
        AND scan_state = 'running'";
    change(tx, sql, vec![id.0.into()], "begin a scan for files anew").await.map(|_| ())
}

/// An object that is known as the content of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its key.
    pub key: String,
    /// Its size.
    pub size: u64,
    /// What the provider called its content.
    pub tag: Option<String>,
    /// Where its files stand.
    pub state: FileState,
}

#[derive(FromQueryResult)]
struct Row {
    object_key: String,
    size: i64,
    object_tag: Option<String>,
    state: String,
}

/// The objects of a provider that are known; several files may have one.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn known(on: &impl Source, id: ProviderId) -> StoreResult<Vec<Known>> {
    let attempt = "read which files of a storage provider are known";
    let connection = on.connection();
    let sql = "SELECT object_key, size, object_tag, state FROM file WHERE provider_id = $1 ORDER BY id";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt(attempt)?;
    rows.into_iter()
        .map(|row| {
            let state = FileState::parse(&row.state);
            Ok(Known {
                key: row.object_key,
                size: row.size.unsigned_abs(),
                tag: row.object_tag,
                state: state.ok_or(StoreError::Corrupt { attempt, what: "file.state" })?,
            })
        })
        .collect()
}

/// Notes that objects of a provider are gone; gives how many files that concerns.
///
/// # Errors
/// When the database refuses.
pub async fn set_missing(tx: &Tx, id: ProviderId, keys: &[String], at: Timestamp) -> StoreResult<u64> {
    let mut missing = 0;
    for keys in keys.chunks(CHUNK) {
        let places: Vec<String> = (3..=keys.len() + 2).map(|number| format!("${number}")).collect();
        let sql = format!(
            "UPDATE file SET state = 'missing', updated_at = $2, revision = revision + 1 WHERE provider_id = $1 \
             AND state <> 'missing' AND object_key IN ({})",
            places.join(", ")
        );
        let values = [Value::from(id.0), at.as_millisecond().into()].into_iter();
        let values = values.chain(keys.iter().map(|key| key.as_str().into())).collect();
        missing += change(tx, &sql, values, "note that files are gone").await?;
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::{end, start, take};
    use crate::store::storage_providers::{all, change};
    use crate::store::{Store, StoreOptions};
    use domain::file::ProviderScanState;
    use jiff::Timestamp;

    #[tokio::test]
    async fn a_scan_is_ended_by_people_and_by_who_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
        let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
        store.migrate().await.unwrap();
        let tx = store.begin().await.unwrap();
        change(&tx, "UPDATE storage_provider SET kind = 's3'", Vec::new(), "prepare").await.unwrap();
        let id = all(&tx).await.unwrap()[0].id;
        let at = Timestamp::from_millisecond(5).unwrap();
        let ended = async |owner| end(&tx, id, owner, ProviderScanState::Failed, at).await.unwrap();
        assert!(!ended(None).await, "none runs");
        assert!(start(&tx, id, at).await.unwrap());
        let taken = take(&tx, "n", at, at).await.unwrap().unwrap();
        let owner = format!("n/{}/5", taken.revision);
        let earlier = format!("n/{}/4", taken.revision);
        assert!(!ended(Some("n/99/5")).await, "of another revision");
        assert!(!ended(Some(&earlier)).await, "begun anew since");
        assert!(!ended(Some("m/1/5")).await, "another node's");
        assert!(ended(Some(&owner)).await);
        assert!(!ended(Some(&owner)).await, "it is over");
        assert!(start(&tx, id, at).await.unwrap());
        assert!(ended(None).await);
    }
}
