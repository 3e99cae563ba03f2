//! Files: what each is, where it is kept, who needs it.

use std::collections::HashSet;

use domain::file::{FileFacts, FileState, FileType, ProviderKind};
use domain::software::SoftwareVersion;
use domain::{FileId, ProviderId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use serde::Serialize;

use super::error::{Attempt, StoreError, StoreResult};
use super::templates::folded;
use super::{Source, Tx};

/// Objects that one statement asks for.
const MOST_KEYS: usize = 500;

/// Jobs that are not over.
pub(super) const ACTIVE_JOBS: &str = "SELECT id FROM job WHERE state IN ('created', 'active', 'paused')";

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub file_type: Option<FileType>,
    /// Where it is kept.
    pub provider: ProviderId,
    /// Name of the provider.
    pub provider_name: String,
    /// Kind of the provider.
    pub provider_kind: ProviderKind,
    /// Where the provider is: its address and its bucket. The same key is another object elsewhere.
    pub provider_place: String,
    /// Its key there.
    pub object_key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: Option<String>,
    /// What the provider calls this content: an ETag or a time.
    pub object_tag: Option<String>,
    /// What its content is.
    pub facts: FileFacts,
    /// Models it is for.
    pub models: Vec<String>,
    /// `SIP` or `HFA`.
    pub software_type: Option<String>,
    /// Version.
    pub software_version: Option<String>,
    /// Where it stands.
    pub state: FileState,
    /// `upload`, `scan` or `conversion`.
    pub origin: String,
    /// A note.
    pub note: String,
    /// When it came.
    pub created_at: Timestamp,
    /// Who brought it.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it last became another thing for phones: other content, name, type, models, family or version. A note, or
    /// that it was missing for a moment, is nothing to them.
    pub content_changed_at: Timestamp,
    /// Number of changes.
    pub revision: i64,
}

/// Columns of [`Row`], of `file` joined with `storage_provider`.
pub(super) const COLUMNS: &str = "file.id, file.name, file.file_type, file.provider_id, \
    storage_provider.name AS provider_name, storage_provider.kind AS provider_kind, \
    storage_provider.url || ' ' || storage_provider.bucket AS provider_place, file.object_key, file.size, \
    file.sha256, file.object_tag, file.facts, file.models, file.software_type, file.software_version, file.state, \
    file.origin, file.note, file.created_at, file.created_by, file.updated_at, \
    file.content_changed_at, file.revision";

/// The tables of [`COLUMNS`].
pub(super) const FROM: &str = "file JOIN storage_provider ON storage_provider.id = file.provider_id";

#[derive(FromQueryResult)]
pub(super) struct Row {
    id: i64,
    name: String,
    file_type: Option<String>,
    provider_id: i64,
    provider_name: String,
    provider_kind: String,
    provider_place: String,
    object_key: String,
    size: i64,
    sha256: Option<String>,
    object_tag: Option<String>,
    facts: String,
    models: String,
    software_type: Option<String>,
    software_version: Option<String>,
    state: String,
    origin: String,
    note: String,
    created_at: i64,
    created_by: String,
    updated_at: i64,
    content_changed_at: i64,
    revision: i64,
}

impl Row {
    pub(super) fn into_file(self) -> StoreResult<File> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a file", what };
        let time = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| corrupt("file time"));
        let file_type = match self.file_type {
            Some(word) => Some(FileType::parse(&word).ok_or(corrupt("file.file_type"))?),
            None => None,
        };
        Ok(File {
            id: FileId(self.id),
            name: self.name,
            file_type,
            provider: ProviderId(self.provider_id),
            provider_name: self.provider_name,
            provider_kind: ProviderKind::parse(&self.provider_kind)
                .ok_or(corrupt("storage_provider.kind"))?,
            provider_place: self.provider_place,
            object_key: self.object_key,
            size: u64::try_from(self.size).map_err(|_| corrupt("file.size"))?,
            sha256: self.sha256,
            object_tag: self.object_tag,
            facts: serde_json::from_str(&self.facts).map_err(|_| corrupt("file.facts"))?,
            models: serde_json::from_str(&self.models).map_err(|_| corrupt("file.models"))?,
            software_type: self.software_type,
            software_version: self.software_version,
            state: FileState::parse(&self.state).ok_or(corrupt("file.state"))?,
            origin: self.origin,
            note: self.note,
            created_at: time(self.created_at)?,
            created_by: self.created_by,
            updated_at: time(self.updated_at)?,
            content_changed_at: time(self.content_changed_at)?,
            revision: self.revision,
        })
    }
}

/// Those of the files that there are, by id.
///
/// # Errors
/// When the database cannot be asked.
pub async fn by_ids(on: &impl Source, ids: &[FileId]) -> StoreResult<Vec<File>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let attempt = "read files";
    let places: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
    let sql =
        format!("SELECT {COLUMNS} FROM {FROM} WHERE file.id IN ({}) ORDER BY file.id", places.join(", "));
    let values: Vec<Value> = ids.iter().map(|id| id.0.into()).collect();
    let on = on.connection();
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(on).await.attempt(attempt)?;
    rows.into_iter().map(Row::into_file).collect()
}

/// One file.
///
/// # Errors
/// When the database cannot be asked.
pub async fn by_id(on: &impl Source, id: FileId) -> StoreResult<Option<File>> {
    Ok(by_ids(on, &[id]).await?.pop())
}

/// Files of which the one object of a provider is the content.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_object(on: &impl Source, provider: ProviderId, key: &str) -> StoreResult<Vec<File>> {
    let condition = "file.provider_id = $1 AND file.object_key = $2";
    select(on, condition, vec![provider.0.into(), key.into()]).await
}

/// What files of a provider have for content is not known any more: the provider is another place now.
///
/// # Errors
/// When the database refuses.
pub async fn forget_contents(tx: &Tx, provider: ProviderId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE file SET sha256 = NULL, object_tag = NULL, updated_at = $2, revision = revision + 1 \
        WHERE provider_id = $1 AND (sha256 IS NOT NULL OR object_tag IS NOT NULL)";
    let values: [Value; 2] = [provider.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("forget the content of files").map(|_| ())
}

/// Files of a provider with this content, by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_content(on: &impl Source, provider: ProviderId, sha256: &str) -> StoreResult<Vec<File>> {
    let condition = "file.provider_id = $1 AND file.sha256 = $2";
    select(on, condition, vec![provider.0.into(), sha256.into()]).await
}

async fn select(on: &impl Source, condition: &str, values: Vec<Value>) -> StoreResult<Vec<File>> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {condition} ORDER BY file.id");
    let on = on.connection();
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(on).await.attempt("read files")?;
    rows.into_iter().map(Row::into_file).collect()
}

/// Files of a provider whose objects were found to be gone, or to be something else.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn lost(on: &impl Source, provider: ProviderId) -> StoreResult<Vec<File>> {
    let condition = "file.provider_id = $1 AND file.state IN ('missing', 'changed')";
    select(on, condition, vec![provider.0.into()]).await
}

/// Whether a provider has any file.
///
/// # Errors
/// When the database cannot be asked.
pub async fn has_any(on: &impl Source, provider: ProviderId) -> StoreResult<bool> {
    let on = on.connection();
    let sql = "SELECT id FROM file WHERE provider_id = $1 LIMIT 1";
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, [provider.0.into()]);
    Ok(on.query_one_raw(statement).await.attempt("look for files")?.is_some())
}

/// Which of these objects of a provider are the content of some file.
///
/// # Errors
/// When the database cannot be asked.
pub async fn objects_in_use(
    on: &impl Source,
    provider: ProviderId,
    keys: &[String],
) -> StoreResult<HashSet<String>> {
    let attempt = "look for objects of files";
    let on = on.connection();
    let mut used = HashSet::new();
    for keys in keys.chunks(MOST_KEYS) {
        let places: Vec<String> = (2..=keys.len() + 1).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT DISTINCT object_key FROM file WHERE provider_id = $1 AND object_key IN ({})",
            places.join(", ")
        );
        let values = std::iter::once(provider.0.into()).chain(keys.iter().map(|key| key.as_str().into()));
        let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
        for row in &on.query_all_raw(statement).await.attempt(attempt)? {
            used.insert(row.try_get_by_index::<String>(0).attempt(attempt)?);
        }
    }
    Ok(used)
}

/// Whether any file has an object of this key, at whichever provider: two providers may be the same place.
///
/// # Errors
/// When the database cannot be asked.
pub async fn has_key_anywhere(on: &impl Source, key: &str) -> StoreResult<bool> {
    let on = on.connection();
    let sql = "SELECT file.id FROM storage_provider JOIN file ON file.provider_id = storage_provider.id \
        AND file.object_key = $1 LIMIT 1";
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, [key.into()]);
    Ok(on.query_one_raw(statement).await.attempt("look for an object of files")?.is_some())
}

/// Keeps everybody else from adding files to a provider, and from deleting objects of it that nobody needs, until the
/// transaction ends. `false` when there is no such provider.
///
/// # Errors
/// When the database cannot be asked.
pub async fn lock_provider(tx: &Tx, provider: ProviderId) -> StoreResult<bool> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT id FROM storage_provider WHERE id = $1{lock}");
    let statement = Statement::from_sql_and_values(tx.backend, sql, [provider.0.into()]);
    let row = tx.inner.query_one_raw(statement).await.attempt("lock a storage provider")?;
    Ok(row.is_some())
}

/// Files by id, which nobody changes, deletes or begins to need until the transaction ends.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn lock(tx: &Tx, ids: &[FileId]) -> StoreResult<Vec<File>> {
    if tx.is_postgres() && !ids.is_empty() {
        let places: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
        let sql = format!("SELECT id FROM file WHERE id IN ({}) ORDER BY id FOR UPDATE", places.join(", "));
        let values = ids.iter().map(|id| Value::from(id.0));
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        tx.inner.query_all_raw(statement).await.attempt("lock files")?;
    }
    by_ids(tx, ids).await
}

fn json(value: &impl Serialize, what: &'static str) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { attempt: "store a file", what })
}

/// What the database sorts versions by; `None` sorts last.
fn order(file: &File) -> Option<i64> {
    file.software_version.as_deref().and_then(SoftwareVersion::parse).map(SoftwareVersion::sort_key)
}

/// Stores a new file; its id, revision and times are not looked at.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, file: &File, at: Timestamp) -> StoreResult<FileId> {
    let attempt = "store a file";
    let sql = "INSERT INTO file (name, name_folded, file_type, provider_id, object_key, size, sha256, object_tag, \
        facts, models, software_type, software_version, software_order, state, origin, note, created_at, created_by, \
        updated_at, content_changed_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
        $15, $16, $17, $18, $17, $17, 1) RETURNING id";
    let values: [Value; 18] = [
        file.name.as_str().into(),
        folded(&file.name).into(),
        file.file_type.map(FileType::as_str).into(),
        file.provider.0.into(),
        file.object_key.as_str().into(),
        i64::try_from(file.size).unwrap_or(i64::MAX).into(),
        file.sha256.as_deref().into(),
        file.object_tag.as_deref().into(),
        json(&file.facts, "file.facts")?.into(),
        json(&file.models, "file.models")?.into(),
        file.software_type.as_deref().into(),
        file.software_version.as_deref().into(),
        order(file).into(),
        file.state.as_str().into(),
        file.origin.as_str().into(),
        file.note.as_str().into(),
        at.as_millisecond().into(),
        file.created_by.as_str().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(FileId)
}

/// Whether a file is still the same thing for phones. Content of which too little is known counts as the same: what a
/// phone refused must not come back because a provider was asked anew (`wpi.md` §4.6.6).
fn is_same_thing(before: &File, after: &File) -> bool {
    let same_content = match (&before.sha256, &after.sha256, &before.object_tag, &after.object_tag) {
        (Some(before), Some(after), ..) | (.., Some(before), Some(after)) => before == after,
        _ => before.facts == after.facts,
    };
    same_content
        && (before.size, before.file_type) == (after.size, after.file_type)
        && (&before.name, &before.models) == (&after.name, &after.models)
        && (&before.software_type, &before.software_version)
            == (&after.software_type, &after.software_version)
}

/// Writes everything that can change about a file that still has its revision; `false` when it has changed since, or
/// is gone.
///
/// # Errors
/// When the database refuses.
pub async fn update(tx: &Tx, file: &File, at: Timestamp) -> StoreResult<bool> {
    let Some(before) = by_id(tx, file.id).await?.filter(|before| before.revision == file.revision) else {
        return Ok(false);
    };
    let content_changed_at = if is_same_thing(&before, file) { before.content_changed_at } else { at };
    let sql = "UPDATE file SET name = $3, name_folded = $4, file_type = $5, size = $6, sha256 = $7, object_tag = $8, \
        facts = $9, models = $10, software_type = $11, software_version = $12, software_order = $13, state = $14, \
        note = $15, updated_at = $16, object_key = $17, content_changed_at = $18, revision = revision + 1 WHERE id = $1 AND revision = $2";
    let values: [Value; 18] = [
        file.id.0.into(),
        file.revision.into(),
        file.name.as_str().into(),
        folded(&file.name).into(),
        file.file_type.map(FileType::as_str).into(),
        i64::try_from(file.size).unwrap_or(i64::MAX).into(),
        file.sha256.as_deref().into(),
        file.object_tag.as_deref().into(),
        json(&file.facts, "file.facts")?.into(),
        json(&file.models, "file.models")?.into(),
        file.software_type.as_deref().into(),
        file.software_version.as_deref().into(),
        order(file).into(),
        file.state.as_str().into(),
        file.note.as_str().into(),
        at.as_millisecond().into(),
        file.object_key.as_str().into(),
        content_changed_at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change a file")?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a file. Jobs that are over only forget which one they had; the caller has made sure that nobody needs it.
///
/// # Errors
/// When the database refuses, also because a template or a job has it.
pub async fn delete(tx: &Tx, id: FileId) -> StoreResult<bool> {
    let attempt = "delete a file";
    for sql in [
        format!("DELETE FROM job_file WHERE file_id = $1 AND job_id NOT IN ({ACTIVE_JOBS})"),
        // When a phone was last offered firmware stays known: it is offered none again soon (`wpi.md` §4.6.6).
        "DELETE FROM file_offer WHERE file_id = $1 AND NOT is_software AND taken_at IS NULL".to_owned(),
    ] {
        let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
        tx.inner.execute_raw(statement).await.attempt(attempt)?;
    }
    let statement =
        Statement::from_sql_and_values(tx.backend, "DELETE FROM file WHERE id = $1", [id.0.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt(attempt)?;
    Ok(done.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::{File, is_same_thing};
    use domain::file::{FileFacts, FileFormat, FileState, FileType, ProviderKind};
    use domain::{FileId, ProviderId};
    use jiff::Timestamp;

    #[test]
    fn only_what_phones_would_notice_makes_a_file_another_thing() {
        let text = |text: &str| Some(text.to_owned());
        let file = File {
            id: FileId(1),
            name: "os40.img".to_owned(),
            file_type: Some(FileType::Software),
            provider: ProviderId(2),
            provider_name: String::new(),
            provider_kind: ProviderKind::S3,
            provider_place: String::new(),
            object_key: "os40.img".to_owned(),
            size: 5,
            sha256: text("aa"),
            object_tag: text("one"),
            facts: FileFacts::plain(FileFormat::Other),
            models: vec!["OpenStage 40".to_owned()],
            software_type: text("SIP"),
            software_version: text("V3 R5.12.0"),
            state: FileState::Ready,
            origin: "scan".to_owned(),
            note: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            created_by: String::new(),
            updated_at: Timestamp::UNIX_EPOCH,
            content_changed_at: Timestamp::UNIX_EPOCH,
            revision: 1,
        };
        let is_same = |change: fn(&mut File)| {
            let mut after = file.clone();
            change(&mut after);
            is_same_thing(&file, &after) && is_same_thing(&after, &file)
        };
        for harmless in [
            |file: &mut File| file.note = "seen".to_owned(),
            |file: &mut File| file.state = FileState::Missing,
            |file: &mut File| file.object_tag = Some("two".to_owned()),
            |file: &mut File| (file.sha256, file.object_tag) = (None, None),
        ] {
            assert!(is_same(harmless));
        }
        for other in [
            |file: &mut File| file.name = "os60.img".to_owned(),
            |file: &mut File| file.file_type = Some(FileType::Dongle),
            |file: &mut File| file.size = 6,
            |file: &mut File| file.sha256 = Some("bb".to_owned()),
            |file: &mut File| (file.sha256, file.object_tag) = (None, Some("two".to_owned())),
            |file: &mut File| {
                (file.sha256, file.object_tag, file.facts) = (None, None, FileFacts::plain(FileFormat::Text));
            },
            |file: &mut File| file.models.clear(),
            |file: &mut File| file.software_type = None,
            |file: &mut File| file.software_version = Some("V3 R5.16.0".to_owned()),
        ] {
            assert!(!is_same(other));
        }
    }
}
