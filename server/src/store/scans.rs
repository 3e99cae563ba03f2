//! Scans: which there are, who works on them, how far they are (OSEM §4.2). What a scan asks of clients is in
//! [`super::scan_clients`].
//!
//! A node works on a scan by a lease: when it dies, another one goes on when the lease is over. This file decides
//! nothing: which state follows on which is `domain::scan`.

use domain::scan::{ScanFailure, ScanPurpose, ScanState};
use domain::{AccountId, ScanId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// Key of the lock that starting scans take one after the other.
const STARTING: i64 = 8_418_444;

const COLUMNS: &str = "id, purpose, state, ranges, port, ports, addresses, probed, answered, found, author, created_at, \
    started_at, finished_at, failure";

/// States in which a scan is not over.
const ACTIVE: &str = "('running', 'interrupted')";

/// A stored scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Its id.
    pub id: ScanId,
    /// What it looks for.
    pub purpose: ScanPurpose,
    /// Where it is in its life.
    pub state: ScanState,
    /// Its ranges, as they were given.
    pub ranges: Vec<String>,
    /// Its ports; of a scan for phones the one on which phones listen.
    pub ports: Vec<u16>,
    /// Number of its addresses.
    pub addresses: u64,
    /// Addresses that had their turn, from the first on.
    pub probed: u64,
    /// Addresses that answered; of a scan for storage providers ports that did.
    pub answered: u64,
    /// New clients from its addresses, or its findings.
    pub found: u64,
    /// Name of who started it, at the time.
    pub author: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a node took it first.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<ScanFailure>,
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    purpose: String,
    state: String,
    ranges: String,
    port: i32,
    ports: String,
    addresses: i64,
    probed: i64,
    answered: i64,
    found: i64,
    author: String,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    failure: Option<String>,
}

impl Row {
    fn into_scan(self) -> StoreResult<Scan> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a scan", what };
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| corrupt("scan time"));
        let failure = |word: String| ScanFailure::parse(&word).ok_or(corrupt("scan.failure"));
        let port = |text: &str| text.parse::<u16>().map_err(|_| corrupt("scan.ports"));
        // Scans of before there were others have the one port only.
        let ports = match self.ports.as_str() {
            "" => vec![u16::try_from(self.port).map_err(|_| corrupt("scan.port"))?],
            ports => ports.split(',').map(port).collect::<StoreResult<_>>()?,
        };
        Ok(Scan {
            id: ScanId(self.id),
            purpose: ScanPurpose::parse(&self.purpose).ok_or(corrupt("scan.purpose"))?,
            state: ScanState::parse(&self.state).ok_or(corrupt("scan.state"))?,
            ranges: serde_json::from_str(&self.ranges).map_err(|_| corrupt("scan.ranges"))?,
            ports,
            addresses: self.addresses.unsigned_abs(),
            probed: self.probed.unsigned_abs(),
            answered: self.answered.unsigned_abs(),
            found: self.found.unsigned_abs(),
            author: self.author,
            created_at: time(self.created_at)?,
            started_at: self.started_at.map(time).transpose()?,
            finished_at: self.finished_at.map(time).transpose()?,
            failure: self.failure.map(failure).transpose()?,
        })
    }
}

fn number(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

async fn ask(
    on: &impl Source,
    sql: &str,
    values: Vec<Value>,
    attempt: &'static str,
) -> StoreResult<Vec<Scan>> {
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt(attempt)?;
    rows.into_iter().map(Row::into_scan).collect()
}

async fn change(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<u64> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
}

/// Lets scans be started one after the other until the transaction ends, so that two that overlap see each other.
///
/// # Errors
/// When the database refuses.
pub async fn lock_starting(tx: &Tx) -> StoreResult<()> {
    // SQLite has one writer in any case.
    if tx.is_postgres() {
        let sql = format!("SELECT pg_advisory_xact_lock({STARTING})");
        tx.inner.execute_unprepared(&sql).await.attempt("start a scan")?;
    }
    Ok(())
}

/// A scan to be stored.
#[derive(Clone, Debug)]
pub struct NewScan<'a> {
    /// What it looks for.
    pub purpose: ScanPurpose,
    /// Its ranges, as they were given.
    pub ranges: &'a [String],
    /// Its ports, at least one.
    pub ports: &'a [u16],
    /// Number of its addresses.
    pub addresses: u64,
    /// Who starts it.
    pub account: AccountId,
    /// Name of who starts it.
    pub author: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// Stores a scan that nobody works on yet.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, scan: &NewScan<'_>) -> StoreResult<ScanId> {
    let attempt = "store a scan";
    let sql = "INSERT INTO scan (state, ranges, port, addresses, probed, answered, found, account_id, author, \
        created_at, purpose, ports) VALUES ('running', $1, $2, $3, 0, 0, 0, $4, $5, $6, $7, $8) RETURNING id";
    let ranges = serde_json::to_string(scan.ranges);
    let ranges = ranges.map_err(|_| StoreError::Corrupt { attempt, what: "ranges of a scan" })?;
    let ports: Vec<String> = scan.ports.iter().map(u16::to_string).collect();
    let values: [Value; 8] = [
        ranges.into(),
        scan.ports.first().copied().map_or(0, i32::from).into(),
        number(scan.addresses),
        scan.account.0.into(),
        scan.author.into(),
        scan.at.as_millisecond().into(),
        scan.purpose.as_str().into(),
        ports.join(",").into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    let row = row.ok_or(StoreError::Corrupt { attempt, what: "no id came back" })?;
    Ok(ScanId(row.try_get_by_index(0).attempt(attempt)?))
}

/// One scan.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: ScanId) -> StoreResult<Option<Scan>> {
    let sql = format!("SELECT {COLUMNS} FROM scan WHERE id = $1");
    Ok(ask(on, &sql, vec![id.0.into()], "read a scan").await?.pop())
}

/// Which scans: of a state and of a purpose, when they are given.
pub type Filter = (Option<ScanState>, Option<ScanPurpose>);

/// The condition of a filter: our own words, no text of a user.
fn condition((state, purpose): Filter) -> String {
    let state = state.map(|state| format!("state = '{}'", state.as_str()));
    let purpose = purpose.map(|purpose| format!("purpose = '{}'", purpose.as_str()));
    let parts: Vec<String> = state.into_iter().chain(purpose).collect();
    if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) }
}

/// Scans of a filter, newest first, after leaving out some.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(on: &impl Source, filter: Filter, skip: u64, size: u64) -> StoreResult<Vec<Scan>> {
    let filter = condition(filter);
    let sql = format!(
        "SELECT {COLUMNS} FROM scan {filter} ORDER BY created_at DESC, id DESC LIMIT {size} OFFSET {skip}"
    );
    ask(on, &sql, Vec::new(), "list scans").await
}

/// Number of scans of a filter.
///
/// # Errors
/// When the database cannot be asked.
pub async fn total(on: &impl Source, filter: Filter) -> StoreResult<u64> {
    let attempt = "count scans";
    let filter = condition(filter);
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM scan {filter}");
    let row = connection
        .query_one_raw(Statement::from_string(connection.get_database_backend(), sql))
        .await
        .attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Scans that are not over, and those that were over not before a time; by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn active_or_over_since(on: &impl Source, since: Timestamp) -> StoreResult<Vec<Scan>> {
    let sql = format!("SELECT {COLUMNS} FROM scan WHERE state IN {ACTIVE} OR finished_at >= $1 ORDER BY id");
    ask(on, &sql, vec![since.as_millisecond().into()], "list scans that go on").await
}

/// Whether a scan waits for somebody to work on it; asked on the reading side, so that an idle node writes nothing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn any_to_take(on: &impl Source, at: Timestamp) -> StoreResult<bool> {
    let sql = format!(
        "SELECT {COLUMNS} FROM scan WHERE state IN {ACTIVE} AND COALESCE(lease_until, 0) <= $1 LIMIT 1"
    );
    Ok(!ask(on, &sql, vec![at.as_millisecond().into()], "look for scans").await?.is_empty())
}

/// Takes the scans that nobody works on, until the lease ends. What another node takes at the same moment is left to it.
///
/// # Errors
/// When the database refuses, or a row is damaged.
pub async fn take(tx: &Tx, node: &str, at: Timestamp, lease_until: Timestamp) -> StoreResult<Vec<Scan>> {
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE scan SET state = 'running', owner = $2, lease_until = $3, started_at = COALESCE(started_at, $1) \
         WHERE id IN (SELECT id FROM scan WHERE state IN {ACTIVE} AND COALESCE(lease_until, 0) <= $1 \
         ORDER BY id {lock}) RETURNING {COLUMNS}"
    );
    let values = vec![at.as_millisecond().into(), node.into(), lease_until.as_millisecond().into()];
    let mut taken = ask(tx, &sql, values, "take scans").await?;
    taken.sort_by_key(|scan| scan.id);
    Ok(taken)
}

/// How far a scan is, and that its node is alive. Gives the state: somebody may have stopped it; `None` when another
/// node works on it, or it is gone.
///
/// # Errors
/// When the database refuses.
pub async fn advance(
    tx: &Tx,
    id: ScanId,
    node: &str,
    (probed, answered): (u64, u64),
    lease_until: Timestamp,
) -> StoreResult<Option<ScanState>> {
    let attempt = "write down how far a scan is";
    let sql = "UPDATE scan SET probed = $3, answered = $4, lease_until = $5 WHERE id = $1 AND owner = $2 \
        RETURNING state";
    let values: [Value; 5] =
        [id.0.into(), node.into(), number(probed), number(answered), lease_until.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let Some(row) = tx.inner.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    let word: String = row.try_get_by_index(0).attempt(attempt)?;
    ScanState::parse(&word).map(Some).ok_or(StoreError::Corrupt { attempt, what: "scan.state" })
}

/// A scan is over; `false` when its state is not `before` any more.
///
/// # Errors
/// When the database refuses.
pub async fn end(
    tx: &Tx,
    id: ScanId,
    (before, after): (ScanState, ScanState),
    failure: Option<ScanFailure>,
    at: Timestamp,
) -> StoreResult<bool> {
    // The owner stays, so that it may still write down how far it came.
    let sql = "UPDATE scan SET state = $3, failure = $4, finished_at = $5 WHERE id = $1 AND state = $2";
    let values = vec![
        id.0.into(),
        before.as_str().into(),
        after.as_str().into(),
        failure.map(ScanFailure::as_str).into(),
        at.as_millisecond().into(),
    ];
    Ok(change(tx, sql, values, "end a scan").await? > 0)
}

/// The node stops working on a running scan; any node may take it at once.
///
/// # Errors
/// When the database refuses.
pub async fn release(tx: &Tx, id: ScanId, node: &str, state: ScanState) -> StoreResult<bool> {
    let sql = "UPDATE scan SET state = $3, owner = NULL, lease_until = NULL WHERE id = $1 AND owner = $2 \
        AND state = 'running'";
    let values = vec![id.0.into(), node.into(), state.as_str().into()];
    Ok(change(tx, sql, values, "leave a scan to others").await? > 0)
}

/// Notes how many new clients a scan has brought; `false` when that is no news.
///
/// # Errors
/// When the database refuses.
pub async fn set_found(tx: &Tx, id: ScanId, found: u64) -> StoreResult<bool> {
    let sql = "UPDATE scan SET found = $2 WHERE id = $1 AND found <> $2";
    Ok(change(tx, sql, vec![id.0.into(), number(found)], "note what a scan has found").await? > 0)
}

/// Deletes up to `limit` scans that were over before a time; gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn purge(tx: &Tx, before: Timestamp, limit: u64) -> StoreResult<u64> {
    let sql = format!(
        "DELETE FROM scan WHERE id IN (SELECT id FROM scan WHERE finished_at < $1 \
         AND state NOT IN {ACTIVE} ORDER BY id LIMIT {limit})"
    );
    change(tx, &sql, vec![before.as_millisecond().into()], "delete old scans").await
}

#[cfg(test)]
mod tests {
    use super::{NewScan, advance, any_to_take, by_id, end, insert, purge, release, set_found, take, total};
    use crate::store::{Store, StoreOptions};
    use domain::AccountId;
    use domain::scan::{ScanFailure, ScanPurpose, ScanState};
    use jiff::Timestamp;

    async fn store(directory: &tempfile::TempDir) -> Store {
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
        let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    fn time(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    const RANGES: [&str; 2] = ["192.0.2.0/24", "2001:db8::1"];

    fn scan(ranges: &[String]) -> NewScan<'_> {
        NewScan {
            purpose: ScanPurpose::Phones,
            ranges,
            ports: &[8085],
            addresses: 255,
            account: AccountId(1),
            author: "anna",
            at: time(5),
        }
    }

    #[tokio::test]
    async fn a_scan_belongs_to_one_node_until_its_lease_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let tx = store.begin().await.unwrap();
        let ranges = RANGES.map(str::to_owned);
        let id = insert(&tx, &scan(&ranges)).await.unwrap();
        let taken = take(&tx, "a", time(10), time(20)).await.unwrap();
        assert_eq!(
            (taken.len(), &taken[0].ranges[..], taken[0].started_at),
            (1, &ranges[..], Some(time(10)))
        );
        assert!(take(&tx, "b", time(19), time(30)).await.unwrap().is_empty());
        assert_eq!(advance(&tx, id, "b", (9, 9), time(30)).await.unwrap(), None);
        assert_eq!(advance(&tx, id, "a", (7, 2), time(25)).await.unwrap(), Some(ScanState::Running));
        assert!(!any_to_take(&tx, time(24)).await.unwrap() && any_to_take(&tx, time(25)).await.unwrap());
        let taken = take(&tx, "b", time(25), time(40)).await.unwrap();
        assert_eq!((taken[0].probed, taken[0].answered, taken[0].started_at), (7, 2, Some(time(10))));
        assert_eq!(advance(&tx, id, "a", (8, 2), time(50)).await.unwrap(), None, "it came back too late");
        assert!(!release(&tx, id, "a", ScanState::Interrupted).await.unwrap());
        assert!(release(&tx, id, "b", ScanState::Interrupted).await.unwrap());
        assert_eq!(by_id(&tx, id).await.unwrap().unwrap().state, ScanState::Interrupted);
        assert_eq!(take(&tx, "c", time(26), time(60)).await.unwrap()[0].state, ScanState::Running);
        tx.commit().await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn what_was_stopped_is_not_taken_again_and_its_node_writes_down_how_far_it_came() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let tx = store.begin().await.unwrap();
        let ranges = RANGES.map(str::to_owned);
        let id = insert(&tx, &scan(&ranges)).await.unwrap();
        take(&tx, "a", time(10), time(20)).await.unwrap();
        let running = (ScanState::Running, ScanState::Stopped);
        assert!(end(&tx, id, running, None, time(12)).await.unwrap());
        let failed = (ScanState::Running, ScanState::Failed);
        assert!(!end(&tx, id, failed, Some(ScanFailure::NoPhoneAddress), time(13)).await.unwrap());
        assert_eq!(advance(&tx, id, "a", (4, 1), time(30)).await.unwrap(), Some(ScanState::Stopped));
        assert!(take(&tx, "b", time(99), time(100)).await.unwrap().is_empty());
        let stopped = by_id(&tx, id).await.unwrap().unwrap();
        assert_eq!((stopped.probed, stopped.finished_at, stopped.failure), (4, Some(time(12)), None));
        assert!(set_found(&tx, id, 3).await.unwrap() && !set_found(&tx, id, 3).await.unwrap());
        insert(&tx, &scan(&ranges)).await.unwrap();
        assert_eq!(purge(&tx, time(12), 10).await.unwrap(), 0);
        assert_eq!(purge(&tx, time(13), 10).await.unwrap(), 1);
        assert_eq!(total(&tx, (None, None)).await.unwrap(), 1, "what goes on is not old");
        tx.commit().await.unwrap();
        store.close().await;
    }
}
