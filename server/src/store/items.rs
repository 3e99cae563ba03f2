//! What phones report: one row per (client, item, index) with the time (`product.md` §2).
//!
//! Unchanged items cost no write: callers compare a digest of the whole report first; when it differs, the
//! stored rows are read and only the differences are written.

use std::collections::{BTreeSet, HashMap};

use domain::ClientId;
use domain::configuration::{ItemKey, Reported, UNCONFIRMED};
use jiff::Timestamp;
use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{ConnectionTrait, Statement};

use super::error::{Attempt, StoreError, StoreResult};
use super::sealed::Connection as _;
use super::{Source, Store, Tx, item_names};

/// Stands for "no index"; an item without an index is not the item with index 0.
const NO_INDEX: i32 = -1;

/// An item to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// Number of the name, from [`item_names::resolve`].
    pub name: i64,
    /// Instance number.
    pub index: Option<u16>,
    /// Text, or the sealed text of a secret.
    pub value: String,
    /// Status word of the phone, when the value could not be read.
    pub status: Option<String>,
    /// True when `value` is sealed.
    pub sealed: bool,
}

/// A stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredItem {
    /// Item name.
    pub name: String,
    /// Instance number.
    pub index: Option<u16>,
    /// Text; `None` for a secret.
    pub value: Option<String>,
    /// Status word of the phone.
    pub status: Option<String>,
    /// When the phone last said something new of it.
    pub reported_at: Timestamp,
}

/// A difference between what was stored and what is reported now. Secrets carry no texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Number of the name; see [`Tx::item_name`].
    pub name: i64,
    /// Instance number.
    pub index: Option<u16>,
    /// Text before; `None` when there was none, or it is secret.
    pub before: Option<String>,
    /// Text now; `None` when it is gone, or secret.
    pub after: Option<String>,
    /// Whether the value is secret.
    pub secret: bool,
    /// True when the item was not stored before.
    pub new: bool,
}

/// Whether the report is everything the phone has, or some items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A full read: stored items that are not in it are gone.
    Everything,
    /// Some items: others stay as they are.
    Some,
}

type Key = (i64, i32);

struct Row {
    value: String,
    status: Option<String>,
    sealed: bool,
}

impl Row {
    /// Whether its text is what the phone had: no secret, and not in doubt.
    fn is_known(&self) -> bool {
        !self.sealed && self.status.as_deref() != Some(UNCONFIRMED)
    }
}

/// Stores a report and returns what is different from before, in the order of the report.
///
/// `first` is true for a client that has no items yet: nothing is compared, and nothing is returned.
///
/// Items outside ReadAllItems are kept by a full read: certificate texts (`…-info`, `wpi.md` §4.11).
///
/// # Errors
/// When the database cannot be asked or refuses.
pub async fn store(
    tx: &Tx,
    client: ClientId,
    items: &[NewItem],
    scope: Scope,
    first: bool,
    at: Timestamp,
) -> StoreResult<Vec<Difference>> {
    let before = match scope {
        _ if first => HashMap::new(),
        Scope::Everything => read(tx, client, None).await?,
        Scope::Some => read(tx, client, Some(items)).await?,
    };
    let mut differences = Vec::new();
    let mut write: Vec<&NewItem> = Vec::new();
    let mut seen: HashMap<Key, usize> = HashMap::with_capacity(items.len());
    for item in items {
        let key = key(item);
        let old = before.get(&key);
        let same = old.is_some_and(|old| {
            old.value == item.value && old.status == item.status && old.sealed == item.sealed
        });
        // The same (name, index) twice in one report: the last one counts, as a phone would take it.
        if let Some(position) = seen.get(&key).copied() {
            if let Some(place) = write.get_mut(position) {
                *place = item;
            }
            continue;
        }
        if same {
            continue;
        }
        seen.insert(key, write.len());
        write.push(item);
        if first {
            continue;
        }
        differences.push(Difference {
            name: item.name,
            index: item.index,
            before: old.filter(|old| old.is_known()).map(|old| old.value.clone()),
            after: (!item.sealed).then(|| item.value.clone()),
            secret: item.sealed || old.is_some_and(|old| old.sealed),
            new: old.is_none(),
        });
    }
    upsert(tx, client, &write, at).await?;
    if scope == Scope::Everything {
        let reported: std::collections::HashSet<Key> = items.iter().map(key).collect();
        let gone: Vec<Key> = before
            .keys()
            .filter(|key| !reported.contains(*key) && !tx.item_name(key.0).ends_with("-info"))
            .copied()
            .collect();
        delete(tx, client, &gone).await?;
        differences.extend(gone.iter().map(|key| {
            let old = before.get(key);
            Difference {
                name: key.0,
                index: u16::try_from(key.1).ok(),
                before: old.filter(|old| old.is_known()).map(|old| old.value.clone()),
                after: None,
                secret: old.is_some_and(|old| old.sealed),
                new: false,
            }
        }));
    }
    Ok(differences)
}

fn key(item: &NewItem) -> Key {
    (item.name, item.index.map_or(NO_INDEX, i32::from))
}

/// Stored items: all, or those that are reported.
async fn read(tx: &Tx, client: ClientId, only: Option<&[NewItem]>) -> StoreResult<HashMap<Key, Row>> {
    let attempt = "read the reported items of a client";
    let mut sql = "SELECT item_id, item_index, value, status, sealed FROM reported_item WHERE client_id = $1"
        .to_owned();
    if let Some(items) = only {
        let numbers: BTreeSet<i64> = items.iter().map(|item| item.name).collect();
        sql.push_str(&is_one_of(numbers.into_iter()));
    }
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    let rows = tx.inner.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let key = (row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?);
            let value = row.try_get_by_index(2).attempt(attempt)?;
            let status = row.try_get_by_index(3).attempt(attempt)?;
            Ok((key, Row { value, status, sealed: row.try_get_by_index(4).attempt(attempt)? }))
        })
        .collect()
}

async fn upsert(tx: &Tx, client: ClientId, items: &[&NewItem], at: Timestamp) -> StoreResult<()> {
    if items.is_empty() {
        Ok(())
    } else if tx.is_postgres() {
        upsert_postgres(tx, client, items, at).await
    } else {
        upsert_sqlite(tx, client, items, at).await
    }
}

const CONFLICT: &str = "ON CONFLICT (client_id, item_id, item_index) DO UPDATE SET value = excluded.value, \
                        status = excluded.status, sealed = excluded.sealed, reported_at = excluded.reported_at";

/// Row counts of the prepared statements, so that they stay in the driver's statement cache. A report takes
/// the next larger one and repeats its last row: writing a row again that was just written costs less than
/// another statement's way to the database's thread and back.
const CHUNKS: [usize; 8] = [1, 4, 12, 32, 80, 160, 320, 512];

async fn upsert_sqlite(tx: &Tx, client: ClientId, items: &[&NewItem], at: Timestamp) -> StoreResult<()> {
    let largest = CHUNKS.last().copied().unwrap_or(1);
    for chunk in items.chunks(largest) {
        let Some(last) = chunk.last().copied() else { continue };
        let size = CHUNKS.into_iter().find(|size| *size >= chunk.len()).unwrap_or(largest);
        let mut values: Vec<Value> = Vec::with_capacity(size * 7);
        for item in chunk.iter().copied().chain(std::iter::repeat(last)).take(size) {
            values.push(client.0.into());
            values.push(at.as_millisecond().into());
            values.push(item.name.into());
            values.push(item.index.map_or(NO_INDEX, i32::from).into());
            values.push(item.value.as_str().into());
            values.push(item.status.clone().into());
            values.push(item.sealed.into());
        }
        let statement = Statement::from_sql_and_values(tx.backend, insert_text(size), values);
        tx.inner.execute_raw(statement).await.attempt("store reported items")?;
    }
    Ok(())
}

/// The places are plain `?` on purpose: the driver looks every named place up in a list, which made up
/// more than a third of the server's time at 256 rows.
fn insert_text(rows: usize) -> String {
    const ROW: &str = "(?,?,?,?,?,?,?),";
    let mut sql = String::with_capacity(320 + rows * ROW.len());
    sql.push_str(
        "INSERT INTO reported_item (client_id, reported_at, item_id, item_index, value, status, sealed) VALUES ",
    );
    (0..rows).for_each(|_| sql.push_str(ROW));
    sql.truncate(sql.len() - 1);
    sql.push(' ');
    sql.push_str(CONFLICT);
    sql
}

async fn upsert_postgres(tx: &Tx, client: ClientId, items: &[&NewItem], at: Timestamp) -> StoreResult<()> {
    let sql = format!(
        "INSERT INTO reported_item (client_id, reported_at, item_id, item_index, value, status, sealed) \
         SELECT $1, $2, name, number, value, NULLIF(status, ''), sealed \
         FROM UNNEST($3::bigint[], $4::int[], $5::text[], $6::text[], $7::bool[]) \
         AS item (name, number, value, status, sealed) {CONFLICT}"
    );
    // The driver's arrays hold no NULL: no status is the empty text, which is no status word.
    let status = |item: &&NewItem| item.status.as_deref().unwrap_or_default().into();
    let array = |kind: ArrayType, cells: Vec<Value>| Value::Array(kind, Some(Box::new(cells)));
    let values = [
        client.0.into(),
        at.as_millisecond().into(),
        array(ArrayType::BigInt, items.iter().map(|item| item.name.into()).collect()),
        array(
            ArrayType::Int,
            items.iter().map(|item| item.index.map_or(NO_INDEX, i32::from).into()).collect(),
        ),
        array(ArrayType::String, items.iter().map(|item| item.value.as_str().into()).collect()),
        array(ArrayType::String, items.iter().map(status).collect()),
        array(ArrayType::Bool, items.iter().map(|item| item.sealed.into()).collect()),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("store reported items").map(|_| ())
}

async fn delete(tx: &Tx, client: ClientId, keys: &[Key]) -> StoreResult<()> {
    let sql = "DELETE FROM reported_item WHERE client_id = $1 AND item_id = $2 AND item_index = $3";
    for (name, index) in keys {
        let values: [Value; 3] = [client.0.into(), (*name).into(), (*index).into()];
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        tx.inner.execute_raw(statement).await.attempt("remove items no longer reported")?;
    }
    Ok(())
}

/// All reported items of a client, by name and index. Secrets come without their value.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(store: &Store, client: ClientId) -> StoreResult<Vec<StoredItem>> {
    let attempt = "read the reported items of a client";
    let sql = "SELECT item_id, item_index, value, status, sealed, reported_at FROM reported_item WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(store.backend, sql, [client.0.into()]);
    let rows = store.connection().query_all_raw(statement).await.attempt(attempt)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let corrupt = |what| StoreError::Corrupt { attempt, what };
        let id: i64 = row.try_get_by_index(0).attempt(attempt)?;
        let index: i32 = row.try_get_by_index(1).attempt(attempt)?;
        let value: String = row.try_get_by_index(2).attempt(attempt)?;
        let sealed: bool = row.try_get_by_index(4).attempt(attempt)?;
        let at: i64 = row.try_get_by_index(5).attempt(attempt)?;
        let name = item_names::name_of(store, id).await?.ok_or(corrupt("reported_item.item_id"))?;
        items.push(StoredItem {
            name: name.to_string(),
            index: u16::try_from(index).ok(),
            value: (!sealed).then_some(value),
            status: row.try_get_by_index(3).attempt(attempt)?,
            reported_at: Timestamp::from_millisecond(at).map_err(|_| corrupt("reported_item.reported_at"))?,
        });
    }
    items.sort_by(|a, b| (&a.name, a.index).cmp(&(&b.name, b.index)));
    Ok(items)
}

/// Stores values that were written to a phone: they count as reported from now on (`wpi.md` §4.5.6).
///
/// # Errors
/// When the database refuses.
pub async fn write(tx: &Tx, client: ClientId, items: &[NewItem], at: Timestamp) -> StoreResult<()> {
    upsert(tx, client, &items.iter().collect::<Vec<_>>(), at).await
}

/// What was reported of these items holds no longer, until the phone says something of them again; `true` when
/// there was something.
///
/// # Errors
/// When the database refuses.
pub async fn doubt(tx: &Tx, client: ClientId, items: &[(i64, Option<u16>)]) -> StoreResult<bool> {
    if items.is_empty() {
        return Ok(false);
    }
    let sql = format!(
        "UPDATE reported_item SET status = '{UNCONFIRMED}' WHERE client_id = $1 AND {}",
        super::desired::is_one_of(items)
    );
    let statement = Statement::from_sql_and_values(tx.backend, sql, [client.0.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("doubt what a phone reported")?;
    Ok(done.rows_affected() > 0)
}

/// What a client reports, for comparing with what is desired: all items, or those with these numbers. Secrets
/// come without their text.
///
/// # Errors
/// When the database cannot be asked.
pub async fn reported(
    on: &impl Source,
    client: ClientId,
    only: Option<&[i64]>,
    name_of: impl Fn(i64) -> String,
) -> StoreResult<HashMap<ItemKey, Reported>> {
    let attempt = "read the reported items of a client";
    if only.is_some_and(<[i64]>::is_empty) {
        return Ok(HashMap::new());
    }
    let connection = on.connection();
    let mut sql = "SELECT item_id, item_index, value, status, sealed FROM reported_item WHERE client_id = $1"
        .to_owned();
    if let Some(numbers) = only {
        sql.push_str(&is_one_of(numbers.iter().copied()));
    }
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let index: i32 = row.try_get_by_index(1).attempt(attempt)?;
            let name = name_of(row.try_get_by_index(0).attempt(attempt)?);
            let text: String = row.try_get_by_index(2).attempt(attempt)?;
            let sealed: bool = row.try_get_by_index(4).attempt(attempt)?;
            let reported = Reported {
                text: (!sealed).then_some(text),
                status: row.try_get_by_index(3).attempt(attempt)?,
            };
            Ok((ItemKey::new(name, u16::try_from(index).ok()), reported))
        })
        .collect()
}

/// Numbers of our own making: they need no places, whose count would make each statement a new one.
fn is_one_of(numbers: impl Iterator<Item = i64>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    format!(" AND item_id IN ({})", numbers.join(","))
}

/// Number of reported items of a client.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, client: ClientId) -> StoreResult<u64> {
    let attempt = "count the reported items of a client";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM reported_item WHERE client_id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [client.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}
