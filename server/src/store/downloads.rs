//! Download addresses made for one phone each, and how much was fetched by them.

use domain::file::FileState;
use domain::job::TargetState;
use domain::{ClientId, FileId, JobId, ProviderId, TargetId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::files::File;
use super::{Source, Tx};

/// An address to be stored.
#[derive(Clone, Debug)]
pub struct NewDownload<'a> {
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// The target it is for.
    pub target: Option<TargetId>,
    /// The phone.
    pub client: ClientId,
    /// The file.
    pub file: FileId,
    /// Its name on the phone, as in the address.
    pub name: &'a str,
    /// Address of the phone.
    pub peer: String,
    /// Bytes of the file.
    pub size: u64,
    /// Now.
    pub at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A stored address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its number.
    pub id: i64,
    /// The target it is for.
    pub target: Option<TargetId>,
    /// Where that target is; `None` when the address is for no target.
    pub target_state: Option<TargetState>,
    /// Its job.
    pub job: Option<JobId>,
    /// The phone.
    pub client: ClientId,
    /// The file.
    pub file: FileId,
    /// Name in the address.
    pub name: String,
    /// Address of the phone.
    pub peer: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes handed over from its beginning on, without a gap.
    pub sent: u64,
    /// When the phone first asked.
    pub started_at: Option<Timestamp>,
    /// When all bytes were handed over.
    pub finished_at: Option<Timestamp>,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// Why the last try broke off on our side: a stable code.
    pub failure: Option<String>,
}

/// How far a download is, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// Number of the address.
    pub id: i64,
    /// Bytes handed over from its beginning on.
    pub sent: u64,
    /// When the phone asked.
    pub started_at: Timestamp,
    /// When bytes were handed over last, since it was begun here.
    pub moved_at: Option<Timestamp>,
    /// When all bytes were handed over.
    pub finished_at: Option<Timestamp>,
    /// Why the last try broke off on our side.
    pub failure: Option<&'static str>,
}

const COLUMNS: &str = "download.id, download.target_id, job_target.state AS target_state, job_target.job_id, \
    download.client_id, download.file_id, download.name, download.peer, download.size, download.sent, \
    download.started_at, download.finished_at, download.expires_at, download.failure";

const FROM: &str = "download LEFT JOIN job_target ON job_target.id = download.target_id";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    target_id: Option<i64>,
    target_state: Option<String>,
    job_id: Option<i64>,
    client_id: i64,
    file_id: i64,
    name: String,
    peer: String,
    size: i64,
    sent: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    expires_at: i64,
    failure: Option<String>,
}

impl Row {
    fn into_download(self) -> StoreResult<Download> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a download", what };
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| corrupt("download time"));
        let state = |word: String| TargetState::parse(&word).ok_or(corrupt("job_target.state"));
        Ok(Download {
            id: self.id,
            target: self.target_id.map(TargetId),
            target_state: self.target_state.map(state).transpose()?,
            job: self.job_id.map(JobId),
            client: ClientId(self.client_id),
            file: FileId(self.file_id),
            name: self.name,
            peer: self.peer,
            size: self.size.unsigned_abs(),
            sent: self.sent.unsigned_abs(),
            started_at: self.started_at.map(time).transpose()?,
            finished_at: self.finished_at.map(time).transpose()?,
            expires_at: time(self.expires_at)?,
            failure: self.failure,
        })
    }
}

fn number(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

async fn change(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<u64> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
}

async fn ask(
    on: &impl Source,
    sql: &str,
    values: Vec<Value>,
    attempt: &'static str,
) -> StoreResult<Vec<Download>> {
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt(attempt)?;
    rows.into_iter().map(Row::into_download).collect()
}

/// Stores an address.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, new: &NewDownload<'_>) -> StoreResult<()> {
    let sql = "INSERT INTO download (token_hash, target_id, client_id, file_id, name, peer, size, sent, created_at, \
        expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)";
    let values = vec![
        new.token_hash.to_vec().into(),
        new.target.map(|target| target.0).into(),
        new.client.0.into(),
        new.file.0.into(),
        new.name.into(),
        new.peer.clone().into(),
        number(new.size),
        new.at.as_millisecond().into(),
        new.expires_at.as_millisecond().into(),
    ];
    change(tx, sql, values, "store a download address").await.map(|_| ())
}

/// Addresses made for a target before work no longer.
///
/// # Errors
/// When the database refuses.
pub async fn withdraw(tx: &Tx, target: TargetId, at: Timestamp) -> StoreResult<u64> {
    let sql = "UPDATE download SET expires_at = $2 WHERE target_id = $1 AND expires_at > $2";
    change(tx, sql, vec![target.0.into(), at.as_millisecond().into()], "withdraw download addresses").await
}

/// The address with this hash of its token.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_token(on: &impl Source, token_hash: [u8; 32]) -> StoreResult<Option<Download>> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE download.token_hash = $1");
    Ok(ask(on, &sql, vec![token_hash.to_vec().into()], "read a download address").await?.pop())
}

/// The downloads of targets, each target's oldest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_targets(on: &impl Source, targets: &[TargetId]) -> StoreResult<Vec<Download>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=targets.len()).map(|number| format!("${number}")).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE download.target_id IN ({}) ORDER BY download.target_id, download.id",
        places.join(", ")
    );
    ask(on, &sql, targets.iter().map(|target| target.0.into()).collect(), "read downloads").await
}

/// Bytes handed over of an address, as all nodes have written it down.
///
/// # Errors
/// When the database cannot be asked.
pub async fn sent(on: &impl Source, id: i64) -> StoreResult<u64> {
    let attempt = "read how far a download is";
    let connection = on.connection();
    let sql = "SELECT sent FROM download WHERE id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let sent: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(sent.unsigned_abs())
}

/// The last address that was made for a target: its number, and why it broke off on our side when it did and the phone
/// has not got all of it.
///
/// # Errors
/// When the database cannot be asked.
pub async fn last_of_target(
    on: &impl Source,
    target: TargetId,
    offered_at: Timestamp,
) -> StoreResult<Option<(i64, Option<String>)>> {
    let attempt = "look how a download ended";
    let connection = on.connection();
    let sql = "SELECT id, CASE WHEN finished_at IS NULL THEN failure END FROM download \
        WHERE target_id = $1 AND created_at >= $2 ORDER BY id DESC LIMIT 1";
    let values: [Value; 2] = [target.0.into(), offered_at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok(None) };
    Ok(Some((row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?)))
}

/// Writes down how far a download is. What was handed over never gets less: another node may have written more, and a
/// phone that asks for the beginning again has not lost the rest.
///
/// # Errors
/// When the database refuses.
pub async fn advance(tx: &Tx, advance: &Advance) -> StoreResult<()> {
    let sql = "UPDATE download SET sent = CASE WHEN sent < $2 THEN $2 ELSE sent END, \
        started_at = COALESCE(started_at, $3), finished_at = COALESCE(finished_at, $4), failure = $5, \
        moved_at = CASE WHEN moved_at IS NULL OR moved_at < $6 THEN COALESCE($6, moved_at) ELSE moved_at END \
        WHERE id = $1";
    let values = vec![
        advance.id.into(),
        number(advance.sent),
        advance.started_at.as_millisecond().into(),
        advance.finished_at.map(Timestamp::as_millisecond).into(),
        advance.failure.into(),
        advance.moved_at.map(Timestamp::as_millisecond).into(),
    ];
    change(tx, sql, values, "write down how far a download is").await.map(|_| ())
}

/// Deletes up to `limit` addresses that worked until before a time; gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn purge(tx: &Tx, before: Timestamp, limit: u64) -> StoreResult<u64> {
    let sql = format!(
        "DELETE FROM download WHERE id IN \
         (SELECT id FROM download WHERE expires_at < $1 ORDER BY expires_at LIMIT {limit})"
    );
    change(tx, &sql, vec![before.as_millisecond().into()], "delete old download addresses").await
}

/// An object of a provider as it was described.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Where it is kept.
    pub provider: ProviderId,
    /// Where that provider is ([`File::provider_place`]).
    pub place: &'a str,
    /// Its key there.
    pub key: &'a str,
    /// What the provider calls this content.
    pub tag: Option<&'a str>,
    /// Bytes.
    pub size: u64,
}

impl<'a> Content<'a> {
    /// The content of a file.
    pub fn of(file: &'a File) -> Self {
        let (provider, place, tag) = (file.provider, &file.provider_place, file.object_tag.as_deref());
        Self { provider, place, key: &file.object_key, tag, size: file.size }
    }

    fn values(self) -> [Value; 5] {
        let Self { provider, place, key, tag, size } = self;
        [provider.0.into(), key.into(), tag.unwrap_or_default().into(), number(size), place.into()]
    }
}

/// The files with a [`Content`].
const WITH_CONTENT: &str = "provider_id = $1 AND object_key = $2 AND COALESCE(object_tag, '') = $3 AND size = $4 \
    AND $5 = (SELECT url || ' ' || bucket FROM storage_provider WHERE id = $1)";

/// Notes the hash of an object that was fetched completely for the first time, at the files that are this object.
/// Gives the files that did not know it.
///
/// # Errors
/// When the database refuses.
pub async fn learn_hash(tx: &Tx, content: Content<'_>, sha256: &str) -> StoreResult<Vec<FileId>> {
    let sql = format!("UPDATE file SET sha256 = $6 WHERE {WITH_CONTENT} AND sha256 IS NULL RETURNING id");
    let values = content.values().into_iter().chain([sha256.into()]).collect();
    changed(tx, &sql, values, "note the hash of a file").await
}

/// Notes where the files with a content stand that stood somewhere else before; gives them.
///
/// # Errors
/// When the database refuses.
pub async fn set_state(
    tx: &Tx,
    content: Content<'_>,
    from: &[FileState],
    to: FileState,
    at: Timestamp,
) -> StoreResult<Vec<FileId>> {
    let from: Vec<String> = from.iter().map(|state| format!("'{}'", state.as_str())).collect();
    let sql = format!(
        "UPDATE file SET state = $6, updated_at = $7, revision = revision + 1 \
         WHERE {WITH_CONTENT} AND state IN ({}) RETURNING id",
        from.join(", ")
    );
    let more = [to.as_str().into(), at.as_millisecond().into()];
    let values = content.values().into_iter().chain(more).collect();
    changed(tx, &sql, values, "note where a file stands").await
}

async fn changed(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<Vec<FileId>> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let rows = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).map(FileId).attempt(attempt)).collect()
}
