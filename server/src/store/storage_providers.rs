//! Storage providers, with their health and their last scan (OSEM §10). Few, and read whole. Who works on a scan is
//! [`super::provider_scans`].

use std::collections::HashMap;

use domain::file::{Listing, ProviderHealth, ProviderKind, ProviderScanState, Serving};
use domain::{JobId, ProviderId, TemplateId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::file_list::Uses;
use super::files::ACTIVE_JOBS;
use super::templates::folded;
use super::{Source, Tx};

/// Most templates and jobs that are named.
const MOST_NAMED: u64 = 20;

/// What went wrong: a code and the arguments of its text.
pub type Failure = (String, std::collections::BTreeMap<String, String>);

/// A stored provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its id; 0 for one that is not stored yet.
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: ProviderKind,
    /// Its address; empty for the built-in one.
    pub url: String,
    /// Access key or user name.
    pub username: String,
    /// Access secret or password, sealed.
    pub secret: Option<String>,
    /// Bucket.
    pub bucket: String,
    /// Region.
    pub region: String,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// How it is listed.
    pub listing: Listing,
    /// How phones get its files.
    pub serving: Serving,
    /// Address of the FTP server that has the same files; empty when there is none.
    pub ftp_url: String,
    /// User name there.
    pub ftp_username: String,
    /// Password there, sealed.
    pub ftp_secret: Option<String>,
    /// What stands in the keys of objects that were uploaded to it, and of no other provider; empty for the built-in one.
    pub folder: String,
    /// Whether it takes files; `None` until somebody has tried to put one there.
    pub takes_files: Option<bool>,
    /// How it did at the last try.
    pub health: ProviderHealth,
    /// When that was.
    pub checked_at: Option<Timestamp>,
    /// What went wrong then.
    pub error: Option<Failure>,
    /// Its last scan.
    pub scan: Scan,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
    /// Number of changes.
    pub revision: i64,
}

impl Provider {
    /// Where it is: its address and its bucket, as in [`super::files::File::provider_place`].
    pub fn place(&self) -> String {
        format!("{} {}", self.url, self.bucket)
    }
}

/// The last scan of a provider for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Where it is in its life.
    pub state: ProviderScanState,
    /// How far it is.
    pub progress: Progress,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// How far a scan of a provider is, in objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Looked at.
    pub seen: u64,
    /// New files.
    pub added: u64,
    /// Files with another content.
    pub changed: u64,
    /// Files that are gone.
    pub missing: u64,
    /// No files for phones, or too large.
    pub skipped: u64,
}

pub(super) const COLUMNS: &str = "id, name, kind, url, username, secret, bucket, region, path_style, listing, serving, \
    ftp_url, ftp_username, ftp_secret, folder, takes_files, health, checked_at, error, error_args, scan_state, scan_seen, scan_added, scan_changed, scan_missing, \
    scan_skipped, scan_started_at, scan_finished_at, created_at, updated_at, updated_by, revision";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    name: String,
    kind: String,
    url: String,
    username: String,
    secret: Option<Vec<u8>>,
    bucket: String,
    region: String,
    path_style: bool,
    listing: String,
    serving: String,
    ftp_url: String,
    ftp_username: String,
    ftp_secret: Option<Vec<u8>>,
    folder: String,
    takes_files: Option<bool>,
    health: String,
    checked_at: Option<i64>,
    error: Option<String>,
    error_args: String,
    scan_state: String,
    scan_seen: i64,
    scan_added: i64,
    scan_changed: i64,
    scan_missing: i64,
    scan_skipped: i64,
    scan_started_at: Option<i64>,
    scan_finished_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    updated_by: String,
    revision: i64,
}

impl Row {
    fn into_provider(self) -> StoreResult<Provider> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a storage provider", what };
        let time = |ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("storage_provider time"));
        let secret = self.secret.map(String::from_utf8).transpose();
        let ftp_secret = self.ftp_secret.map(String::from_utf8).transpose();
        let args: Option<_> =
            serde_json::from_str(&self.error_args).map_err(|_| corrupt("storage_provider.error_args"))?;
        Ok(Provider {
            id: ProviderId(self.id),
            name: self.name,
            kind: ProviderKind::parse(&self.kind).ok_or(corrupt("storage_provider.kind"))?,
            url: self.url,
            username: self.username,
            secret: secret.map_err(|_| corrupt("storage_provider.secret"))?,
            bucket: self.bucket,
            region: self.region,
            path_style: self.path_style,
            listing: Listing::parse(&self.listing).ok_or(corrupt("storage_provider.listing"))?,
            serving: Serving::parse(&self.serving).ok_or(corrupt("storage_provider.serving"))?,
            ftp_url: self.ftp_url,
            ftp_username: self.ftp_username,
            ftp_secret: ftp_secret.map_err(|_| corrupt("storage_provider.ftp_secret"))?,
            folder: self.folder,
            takes_files: self.takes_files,
            health: ProviderHealth::parse(&self.health).ok_or(corrupt("storage_provider.health"))?,
            checked_at: self.checked_at.map(time).transpose()?,
            error: self.error.map(|code| (code, args.unwrap_or_default())),
            scan: Scan {
                state: ProviderScanState::parse(&self.scan_state)
                    .ok_or(corrupt("storage_provider.scan_state"))?,
                progress: Progress {
                    seen: self.scan_seen.unsigned_abs(),
                    added: self.scan_added.unsigned_abs(),
                    changed: self.scan_changed.unsigned_abs(),
                    missing: self.scan_missing.unsigned_abs(),
                    skipped: self.scan_skipped.unsigned_abs(),
                },
                started_at: self.scan_started_at.map(time).transpose()?,
                finished_at: self.scan_finished_at.map(time).transpose()?,
            },
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            updated_by: self.updated_by,
            revision: self.revision,
        })
    }
}

pub(super) async fn ask(
    on: &impl Source,
    sql: &str,
    values: Vec<Value>,
    attempt: &'static str,
) -> StoreResult<Vec<Provider>> {
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt(attempt)?;
    rows.into_iter().map(Row::into_provider).collect()
}

pub(super) async fn change(
    tx: &Tx,
    sql: &str,
    values: Vec<Value>,
    attempt: &'static str,
) -> StoreResult<u64> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected())
}

/// All providers, by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn all(on: &impl Source) -> StoreResult<Vec<Provider>> {
    let sql = format!("SELECT {COLUMNS} FROM storage_provider ORDER BY id");
    ask(on, &sql, Vec::new(), "read storage providers").await
}

/// One provider.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: ProviderId) -> StoreResult<Option<Provider>> {
    let sql = format!("SELECT {COLUMNS} FROM storage_provider WHERE id = $1");
    Ok(ask(on, &sql, vec![id.0.into()], "read a storage provider").await?.pop())
}

/// Number of files of each provider, and their bytes; without those that have none.
///
/// # Errors
/// When the database cannot be asked.
pub async fn figures(on: &impl Source) -> StoreResult<HashMap<ProviderId, (u64, u64)>> {
    let attempt = "count the files of storage providers";
    let connection = on.connection();
    let sql = "SELECT provider_id, COUNT(*), CAST(SUM(size) AS BIGINT) FROM file GROUP BY provider_id";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    let number = |row: &QueryResult, at| row.try_get_by_index::<i64>(at).attempt(attempt);
    rows.iter()
        .map(|row| {
            let figures = (number(row, 1)?.unsigned_abs(), number(row, 2)?.unsigned_abs());
            Ok((ProviderId(number(row, 0)?), figures))
        })
        .collect()
}

/// Who needs files of a provider: templates and jobs that are not over, up to 20 of each.
///
/// # Errors
/// When the database cannot be asked.
pub async fn uses(on: &impl Source, id: ProviderId) -> StoreResult<Uses> {
    let attempt = "ask who needs files of a storage provider";
    let connection = on.connection();
    let backend = connection.get_database_backend();
    let files = "SELECT id FROM file WHERE provider_id = $1";
    let sql = format!(
        "SELECT id, name, COUNT(*) OVER () FROM template WHERE id IN (SELECT template_id FROM template_file WHERE file_id IN ({files})) \
         ORDER BY name, id LIMIT {MOST_NAMED}"
    );
    let statement = Statement::from_sql_and_values(backend, sql, [id.0.into()]);
    let mut uses = Uses::default();
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let template = TemplateId(row.try_get_by_index(0).attempt(attempt)?);
        uses.templates.push((template, row.try_get_by_index(1).attempt(attempt)?));
        let total: i64 = row.try_get_by_index(2).attempt(attempt)?;
        uses.templates_total = total.unsigned_abs();
    }
    let sql = format!(
        "SELECT job_id, COUNT(*) OVER () FROM (SELECT DISTINCT job_id FROM job_file WHERE file_id IN ({files}) \
         AND job_id IN ({ACTIVE_JOBS})) AS needing ORDER BY job_id DESC LIMIT {MOST_NAMED}"
    );
    let statement = Statement::from_sql_and_values(backend, sql, [id.0.into()]);
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        uses.jobs.push(JobId(row.try_get_by_index(0).attempt(attempt)?));
        let total: i64 = row.try_get_by_index(1).attempt(attempt)?;
        uses.jobs_total = total.unsigned_abs();
    }
    Ok(uses)
}

/// The columns an administrator fills in, in the order of the statements below.
fn values(provider: &Provider) -> Vec<Value> {
    vec![
        provider.name.as_str().into(),
        folded(&provider.name).into(),
        provider.kind.as_str().into(),
        provider.url.as_str().into(),
        provider.username.as_str().into(),
        provider.secret.as_ref().map(|text| text.clone().into_bytes()).into(),
        provider.bucket.as_str().into(),
        provider.region.as_str().into(),
        provider.path_style.into(),
        provider.listing.as_str().into(),
        provider.serving.as_str().into(),
        provider.updated_at.as_millisecond().into(),
        provider.updated_by.as_str().into(),
        provider.ftp_url.as_str().into(),
        provider.ftp_username.as_str().into(),
        provider.ftp_secret.as_ref().map(|text| text.clone().into_bytes()).into(),
    ]
}

/// Stores a new provider that nobody has tried yet.
///
/// # Errors
/// [`StoreError::Taken`] when the name is; else when the database refuses.
pub async fn insert(tx: &Tx, provider: &Provider) -> StoreResult<ProviderId> {
    let attempt = "store a storage provider";
    let sql = "INSERT INTO storage_provider (name, name_folded, kind, url, username, secret, bucket, region, \
        path_style, listing, serving, updated_at, updated_by, ftp_url, ftp_username, ftp_secret, created_at, health, \
        error_args, scan_state, scan_seen, scan_added, scan_changed, scan_missing, scan_skipped, folder, revision) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $12, 'unknown', 'null', 'none', \
        0, 0, 0, 0, 0, $17, 1) RETURNING id";
    let mut values = values(provider);
    values.push(provider.folder.as_str().into());
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(ProviderId)
}

/// Gives a new provider its secret, which is sealed for its id and so could not be stored with it.
///
/// # Errors
/// When the database refuses.
pub async fn set_secret(tx: &Tx, id: ProviderId, sealed: &str) -> StoreResult<()> {
    let sql = "UPDATE storage_provider SET secret = $2 WHERE id = $1";
    let values = vec![id.0.into(), sealed.as_bytes().to_vec().into()];
    change(tx, sql, values, "store the secret of a storage provider").await.map(|_| ())
}

/// Gives a new provider the password of its FTP server, sealed for its id as well.
///
/// # Errors
/// When the database refuses.
pub async fn set_ftp_secret(tx: &Tx, id: ProviderId, sealed: &str) -> StoreResult<()> {
    let sql = "UPDATE storage_provider SET ftp_secret = $2 WHERE id = $1";
    let values = vec![id.0.into(), sealed.as_bytes().to_vec().into()];
    change(tx, sql, values, "store the FTP password of a storage provider").await.map(|_| ())
}

/// Changes a provider that still has its revision; `false` when it has changed since, or is gone.
///
/// # Errors
/// [`StoreError::Taken`] when the name is; else when the database refuses.
pub async fn update(tx: &Tx, provider: &Provider) -> StoreResult<bool> {
    let sql = "UPDATE storage_provider SET name = $1, name_folded = $2, kind = $3, url = $4, username = $5, \
        secret = $6, bucket = $7, region = $8, path_style = $9, listing = $10, serving = $11, updated_at = $12, \
        updated_by = $13, ftp_url = $14, ftp_username = $15, ftp_secret = $16, revision = revision + 1 WHERE id = $17 \
        AND revision = $18";
    let mut values = values(provider);
    values.extend([Value::from(provider.id.0), provider.revision.into()]);
    Ok(change(tx, sql, values, "change a storage provider").await? > 0)
}

/// Deletes a provider and its files, which nobody needs: the caller has made sure while nobody could add any. Jobs that
/// are over forget which files they had.
///
/// # Errors
/// When the database refuses, also because a template or a job has a file of it.
pub async fn delete(tx: &Tx, id: ProviderId) -> StoreResult<bool> {
    let attempt = "delete a storage provider";
    let files = "SELECT id FROM file WHERE provider_id = $1";
    for sql in [
        format!("DELETE FROM job_file WHERE file_id IN ({files}) AND job_id NOT IN ({ACTIVE_JOBS})"),
        format!("DELETE FROM file_offer WHERE file_id IN ({files}) AND NOT is_software AND taken_at IS NULL"),
        "DELETE FROM file_upload WHERE provider_id = $1".to_owned(),
        "DELETE FROM file WHERE provider_id = $1".to_owned(),
    ] {
        change(tx, &sql, vec![id.0.into()], attempt).await?;
    }
    Ok(change(tx, "DELETE FROM storage_provider WHERE id = $1", vec![id.0.into()], attempt).await? > 0)
}

/// Writes down how a provider did that still has this revision, and when that was; no time says that it was not tried.
/// Is no change of it: its revision stays. `false` when it has been changed since, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn set_health(
    tx: &Tx,
    id: ProviderId,
    revision: i64,
    health: ProviderHealth,
    error: Option<&Failure>,
    at: Option<Timestamp>,
) -> StoreResult<bool> {
    let attempt = "write down how a storage provider does";
    let args = error.map(|(_, args)| serde_json::to_string(args)).transpose();
    let args = args.map_err(|_| StoreError::Corrupt { attempt, what: "storage_provider.error_args" })?;
    let sql = "UPDATE storage_provider SET health = $2, checked_at = $3, error = $4, error_args = $5 WHERE id = $1 \
         AND revision = $6";
    let values = vec![
        id.0.into(),
        health.as_str().into(),
        at.map(Timestamp::as_millisecond).into(),
        error.map(|(code, _)| code.as_str()).into(),
        args.unwrap_or_else(|| "null".to_owned()).into(),
        revision.into(),
    ];
    Ok(change(tx, sql, values, attempt).await? > 0)
}

/// Notes whether a provider of some revision takes files; `None` when that is to be found out anew. `false` when it has
/// changed since, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn set_takes_files(
    tx: &Tx,
    id: ProviderId,
    revision: i64,
    takes: Option<bool>,
) -> StoreResult<bool> {
    let sql = "UPDATE storage_provider SET takes_files = $2 WHERE id = $1 AND revision = $3";
    let values = vec![id.0.into(), takes.into(), revision.into()];
    Ok(change(tx, sql, values, "note whether a storage provider takes files").await? > 0)
}
