//! Uploads in pieces: who sends what. How much has arrived says the file on the disk, not a row.

use std::collections::HashSet;

use domain::file::FileType;
use domain::{AccountId, FileId, ProviderId, UploadId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Its name in addresses; nobody can guess it.
    pub token: String,
    /// Who sends it.
    pub account: AccountId,
    /// Name of the file.
    pub name: String,
    /// Bytes it will have.
    pub size: u64,
    /// SHA-256 it must have, in hexadecimal digits.
    pub sha256: Option<String>,
    /// What it is for, as the sender says.
    pub file_type: Option<FileType>,
    /// Where it is to be kept.
    pub provider: ProviderId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When something arrived last.
    pub touched_at: Timestamp,
    /// The file it became.
    pub file: Option<FileId>,
}

const COLUMNS: &str =
    "id, token, account_id, name, size, sha256, file_type, provider_id, created_at, touched_at, file_id";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    token: String,
    account_id: i64,
    name: String,
    size: i64,
    sha256: Option<String>,
    file_type: Option<String>,
    provider_id: i64,
    created_at: i64,
    touched_at: i64,
    file_id: Option<i64>,
}

impl Row {
    fn into_upload(self) -> StoreResult<Upload> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read an upload", what };
        let time = |ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("file_upload time"));
        let file_type = match self.file_type {
            Some(word) => Some(FileType::parse(&word).ok_or(corrupt("file_upload.file_type"))?),
            None => None,
        };
        Ok(Upload {
            id: UploadId(self.id),
            token: self.token,
            account: AccountId(self.account_id),
            name: self.name,
            size: u64::try_from(self.size).map_err(|_| corrupt("file_upload.size"))?,
            sha256: self.sha256,
            file_type,
            provider: ProviderId(self.provider_id),
            created_at: time(self.created_at)?,
            touched_at: time(self.touched_at)?,
            file: self.file_id.map(FileId),
        })
    }
}

/// The upload of an account with this token.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_token(on: &impl Source, account: AccountId, token: &str) -> StoreResult<Option<Upload>> {
    let sql = format!("SELECT {COLUMNS} FROM file_upload WHERE token = $1 AND account_id = $2");
    let connection = on.connection();
    let values: [Value; 2] = [token.into(), account.0.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read an upload")?;
    row.map(Row::into_upload).transpose()
}

/// Uploads of an account that have not become files and of which something arrived since `since`; the newest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn open_of(on: &impl Source, account: AccountId, since: Timestamp) -> StoreResult<Vec<Upload>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM file_upload WHERE account_id = $1 AND file_id IS NULL AND touched_at >= $2 \
         ORDER BY id DESC"
    );
    let connection = on.connection();
    let values: [Value; 2] = [account.0.into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("list uploads")?;
    rows.into_iter().map(Row::into_upload).collect()
}

/// As [`by_token`]; nobody else ends it until the transaction does.
///
/// # Errors
/// As there.
pub async fn lock(tx: &Tx, upload: &Upload) -> StoreResult<Option<Upload>> {
    if tx.is_postgres() {
        let sql = "SELECT id FROM file_upload WHERE id = $1 FOR UPDATE";
        let statement = Statement::from_sql_and_values(tx.backend, sql, [upload.id.0.into()]);
        tx.inner.query_one_raw(statement).await.attempt("lock an upload")?;
    }
    by_token(tx, upload.account, &upload.token).await
}

/// Number of uploads of an account that have not become files and of which something arrived since `since`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_open(on: &impl Source, account: AccountId, since: Timestamp) -> StoreResult<u64> {
    let attempt = "count uploads";
    let sql =
        "SELECT COUNT(*) FROM file_upload WHERE account_id = $1 AND file_id IS NULL AND touched_at >= $2";
    let connection = on.connection();
    let values: [Value; 2] = [account.0.into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Bytes that all uploads will have that have not become files and of which something arrived since `since`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn bytes_open(on: &impl Source, since: Timestamp) -> StoreResult<u64> {
    let attempt = "add up uploads";
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM file_upload WHERE file_id IS NULL \
        AND touched_at >= $1";
    let connection = on.connection();
    let values = [since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let bytes: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(bytes.unsigned_abs())
}

/// Stores a new upload; its id is not looked at.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, upload: &Upload) -> StoreResult<UploadId> {
    let attempt = "begin an upload";
    let sql = "INSERT INTO file_upload (token, account_id, name, size, sha256, file_type, provider_id, created_at, \
        touched_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    let values: [Value; 9] = [
        upload.token.as_str().into(),
        upload.account.0.into(),
        upload.name.as_str().into(),
        i64::try_from(upload.size).unwrap_or(i64::MAX).into(),
        upload.sha256.as_deref().into(),
        upload.file_type.map(FileType::as_str).into(),
        upload.provider.0.into(),
        upload.created_at.as_millisecond().into(),
        upload.touched_at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(UploadId)
}

/// Notes that something arrived.
///
/// # Errors
/// When the database refuses.
pub async fn touch(tx: &Tx, id: UploadId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE file_upload SET touched_at = $2 WHERE id = $1";
    let values: [Value; 2] = [id.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note a piece of an upload").map(|_| ())
}

/// Notes the file an upload has become.
///
/// # Errors
/// When the database refuses.
pub async fn finish(tx: &Tx, id: UploadId, file: FileId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE file_upload SET file_id = $2, touched_at = $3 WHERE id = $1";
    let values: [Value; 3] = [id.0.into(), file.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("finish an upload").map(|_| ())
}

/// Forgets an upload; the file it became stays.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: UploadId) -> StoreResult<bool> {
    let sql = "DELETE FROM file_upload WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    Ok(tx.inner.execute_raw(statement).await.attempt("forget an upload")?.rows_affected() > 0)
}

/// Whether there are uploads of which nothing arrived since `before`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn any_older(on: &impl Source, before: Timestamp) -> StoreResult<bool> {
    let connection = on.connection();
    let sql = "SELECT id FROM file_upload WHERE touched_at < $1 LIMIT 1";
    let values = [before.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    Ok(connection.query_one_raw(statement).await.attempt("look for old uploads")?.is_some())
}

/// Forgets up to `most` uploads of which nothing arrived since `before`; gives their ids.
///
/// # Errors
/// When the database refuses.
pub async fn forget(tx: &Tx, before: Timestamp, most: u64) -> StoreResult<Vec<UploadId>> {
    let attempt = "forget uploads";
    let sql = format!(
        "DELETE FROM file_upload WHERE id IN (SELECT id FROM file_upload WHERE touched_at < $1 ORDER BY id \
         LIMIT {most}) RETURNING id"
    );
    let statement = Statement::from_sql_and_values(tx.backend, sql, [before.as_millisecond().into()]);
    let rows = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(UploadId)).collect()
}

/// Ids of all uploads that have not become files.
///
/// # Errors
/// When the database cannot be asked.
pub async fn open(on: &impl Source) -> StoreResult<HashSet<UploadId>> {
    let attempt = "read uploads";
    let connection = on.connection();
    let sql = "SELECT id FROM file_upload WHERE file_id IS NULL";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(UploadId)).collect()
}
