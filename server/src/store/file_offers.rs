//! Which phone was offered which file, and what became of it: what failed is not offered again on its own, and
//! firmware not twice within a quarter of an hour (`wpi.md` §4.6.6).

use domain::deployment::brake::{LOOKED_AT, Share};
use domain::file::FileType;
use domain::{ClientId, FileId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::files::File;
use super::templates::folded;
use super::{Source, Tx};

async fn execute(tx: &Tx, sql: &str, values: Vec<Value>, attempt: &'static str) -> StoreResult<()> {
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt(attempt).map(|_| ())
}

/// What a content is called: by its checksum, or else as the provider calls it; `None` when nothing is known of it.
fn content(file: &File) -> Option<String> {
    let checksum = file.sha256.as_ref().map(|sha256| format!("sha256:{sha256}"));
    checksum.or_else(|| file.object_tag.as_ref().map(|tag| format!("tag:{tag}")))
}

/// Whether a file has the content that was noted; `None` when that cannot be told. A checksum may be found later than
/// the provider's own word.
pub fn is_content(file: &File, noted: &str) -> Option<bool> {
    match noted.split_once(':')? {
        ("sha256", sha256) => file.sha256.as_deref().map(|own| own == sha256),
        ("tag", tag) => file.object_tag.as_deref().map(|own| own == tag),
        _ => None,
    }
}

/// Notes that a file is offered now, under its name and with its content of this moment.
///
/// # Errors
/// When the database refuses.
pub async fn note(tx: &Tx, client: ClientId, file: &File, at: Timestamp) -> StoreResult<()> {
    let sql = "INSERT INTO file_offer (client_id, file_id, file_type, name_folded, content, is_software, offered_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (client_id, file_id) DO UPDATE SET file_type = excluded.file_type, \
        name_folded = excluded.name_folded, content = excluded.content, is_software = excluded.is_software, \
        offered_at = excluded.offered_at, result = NULL, finished_at = NULL";
    let file_type = file.file_type.map(FileType::as_str).unwrap_or_default();
    let values = vec![
        client.0.into(),
        file.id.0.into(),
        file_type.into(),
        folded(&file.name).into(),
        content(file).into(),
        (file.file_type == Some(FileType::Software)).into(),
        at.as_millisecond().into(),
    ];
    execute(tx, sql, values, "note what a phone is offered").await
}

/// Notes what became of an offer: `ok`, or why not.
///
/// # Errors
/// When the database refuses.
pub async fn finish(tx: &Tx, client: ClientId, file: FileId, result: &str, at: Timestamp) -> StoreResult<()> {
    let more = match result {
        "ok" => "failures = 0, taken_content = content, taken_at = $4",
        _ => "failures = failures + 1",
    };
    let sql = format!(
        "UPDATE file_offer SET result = $3, finished_at = $4, {more} WHERE client_id = $1 AND file_id = $2"
    );
    let values = vec![client.0.into(), file.0.into(), result.into(), at.as_millisecond().into()];
    execute(tx, &sql, values, "note what became of an offer").await?;
    if result != "ok" {
        return Ok(());
    }
    // What it had under this name before is of no interest any more when that file is gone, too.
    let older = "DELETE FROM file_offer WHERE client_id = $1 AND file_id <> $2 AND NOT is_software \
        AND EXISTS (SELECT 1 FROM file_offer AS taken WHERE taken.client_id = $1 AND taken.file_id = $2 \
        AND taken.file_type = file_offer.file_type AND taken.name_folded = file_offer.name_folded) \
        AND NOT EXISTS (SELECT 1 FROM file WHERE file.id = file_offer.file_id)";
    execute(tx, older, vec![client.0.into(), file.0.into()], "forget offers of files that are gone").await
}

/// Takes an offer back that the phone did not take: it was busy, or nothing was sent. What became of earlier ones is
/// kept.
///
/// # Errors
/// When the database refuses.
pub async fn withdraw(tx: &Tx, client: ClientId, file: FileId) -> StoreResult<()> {
    let attempt = "take an offer back";
    let which = "client_id = $1 AND file_id = $2 AND result IS NULL";
    let values = || vec![client.0.into(), file.0.into()];
    let first = format!("DELETE FROM file_offer WHERE {which} AND taken_at IS NULL AND failures = 0");
    execute(tx, &first, values(), attempt).await?;
    let earlier = format!("UPDATE file_offer SET offered_at = COALESCE(taken_at, 0) WHERE {which}");
    execute(tx, &earlier, values(), attempt).await
}

/// A phone has deleted what it had under a name because it was told to: that it took it before counts no longer.
///
/// # Errors
/// When the database refuses.
pub async fn deleted(tx: &Tx, client: ClientId, file_type: FileType, name: &str) -> StoreResult<()> {
    let sql = "UPDATE file_offer SET taken_content = NULL, taken_at = NULL \
        WHERE client_id = $1 AND file_type = $2 AND name_folded = $3";
    let values = vec![client.0.into(), file_type.as_str().into(), folded(name).into()];
    execute(tx, sql, values, "forget what a phone has deleted").await
}

/// Forgets offers of firmware from before a time whose file is gone: they only say that a phone gets no other firmware so
/// soon. Gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn purge(tx: &Tx, before: Timestamp, limit: u64) -> StoreResult<u64> {
    let sql = format!(
        "DELETE FROM file_offer WHERE (client_id, file_id) IN (SELECT client_id, file_id FROM file_offer AS old \
         WHERE old.is_software AND old.offered_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM file WHERE file.id = old.file_id) LIMIT {limit})"
    );
    let statement = Statement::from_sql_and_values(tx.backend, sql, [before.as_millisecond().into()]);
    Ok(tx.inner.execute_raw(statement).await.attempt("forget old offers of firmware")?.rows_affected())
}

/// How a file fared since a time on the phones that were through with it last. What ended for one of these reasons says
/// nothing of the file.
///
/// # Errors
/// When the database cannot be asked.
pub async fn share(
    on: &impl Source,
    file: FileId,
    since: Timestamp,
    but: &[&'static str],
) -> StoreResult<Share> {
    let attempt = "look how a file fares on phones";
    let connection = on.connection();
    // Our own words, no text of a user.
    let but: Vec<String> = but.iter().map(|code| format!("'{code}'")).collect();
    let sql = format!(
        "SELECT COUNT(*), COUNT(CASE WHEN result <> 'ok' THEN 1 END) FROM (SELECT result FROM file_offer \
         WHERE file_id = $1 AND finished_at >= $2 AND result NOT IN ({}) \
         ORDER BY finished_at DESC LIMIT {LOOKED_AT}) AS last",
        but.join(", ")
    );
    let values: [Value; 2] = [file.0.into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else {
        return Ok(Share { failed: 0, of: 0 });
    };
    let number = |place: usize| row.try_get_by_index::<i64>(place).map(i64::unsigned_abs);
    Ok(Share { of: number(0).attempt(attempt)?, failed: number(1).attempt(attempt)? })
}

/// When a phone was last offered firmware.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn last_software(on: &impl Source, client: ClientId) -> StoreResult<Option<Timestamp>> {
    let attempt = "look for earlier offers of firmware";
    let connection = on.connection();
    let sql = "SELECT MAX(offered_at) FROM file_offer WHERE client_id = $1 AND is_software";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let last: Option<i64> = row.map_or(Ok(None), |row| row.try_get_by_index(0)).attempt(attempt)?;
    let corrupt = |_| StoreError::Corrupt { attempt, what: "file_offer.offered_at" };
    last.map(|ms| Timestamp::from_millisecond(ms).map_err(corrupt)).transpose()
}

#[cfg(test)]
mod tests {
    use super::{execute, last_software, note, purge};
    use crate::store::{Store, StoreOptions, files};
    use domain::{ClientId, FileId};
    use jiff::Timestamp;

    #[tokio::test]
    async fn when_firmware_was_offered_is_known_when_its_file_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
        let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
        store.migrate().await.unwrap();
        let tx = store.begin().await.unwrap();
        let sql = "INSERT INTO client (id, state, secure_mode, mobility, access, faults, full_read_wanted, created_at, \
            updated_at, revision) VALUES (1, 'active', 'default', 'disabled', 'direct', '', FALSE, 0, 0, 1)";
        execute(&tx, sql, Vec::new(), "prepare").await.unwrap();
        for (id, file_type) in [(1, "software"), (2, "ringtone")] {
            let sql = format!(
                "INSERT INTO file (id, file_type, name, name_folded, provider_id, object_key, size, facts, models, state, origin, \
                 note, created_at, created_by, updated_at, revision) VALUES ({id}, '{file_type}', 'x', 'x', 1, 'x', 1, '{{\"format\":\"other\"}}', '[]', \
                 'ready', 'upload', '', 0, '', 0, 1)"
            );
            execute(&tx, &sql, Vec::new(), "prepare").await.unwrap();
        }
        let at = Timestamp::from_millisecond(5).unwrap();
        for file in files::by_ids(&tx, &[FileId(1), FileId(2)]).await.unwrap() {
            note(&tx, ClientId(1), &file, at).await.unwrap();
        }
        for id in [1, 2] {
            assert!(files::delete(&tx, FileId(id)).await.unwrap());
        }
        assert_eq!(last_software(&tx, ClientId(1)).await.unwrap(), Some(at));
        let left = "UPDATE file_offer SET is_software = TRUE, offered_at = 9 WHERE file_id = 2";
        execute(&tx, left, Vec::new(), "prepare").await.unwrap();
        assert_eq!(
            last_software(&tx, ClientId(1)).await.unwrap(),
            Some(at),
            "other offers go with their file"
        );
        // Those of a file that is there are kept, however old they are.
        let there = "INSERT INTO file (id, file_type, name, name_folded, provider_id, object_key, size, facts, models, \
            state, origin, note, created_at, created_by, updated_at, revision) VALUES (3, 'software', 'y', 'y', 1, 'y', 1, \
            '{\"format\":\"other\"}', '[]', 'ready', 'upload', '', 0, '', 0, 1)";
        execute(&tx, there, Vec::new(), "prepare").await.unwrap();
        let file = files::by_ids(&tx, &[FileId(3)]).await.unwrap().remove(0);
        note(&tx, ClientId(1), &file, Timestamp::from_millisecond(4).unwrap()).await.unwrap();
        assert_eq!(purge(&tx, at, 10).await.unwrap(), 0, "none is older");
        assert_eq!(purge(&tx, Timestamp::from_millisecond(6).unwrap(), 10).await.unwrap(), 1);
        let kept = Timestamp::from_millisecond(4).ok();
        assert_eq!(last_software(&tx, ClientId(1)).await.unwrap(), kept);
    }
}
