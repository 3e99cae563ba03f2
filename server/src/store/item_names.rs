//! Item names as numbers: each reported item carries a small number instead of its name.
//!
//! At 30 million rows the name would be most of the disk. Numbers are given once and never change. They are
//! resolved *before* a change enters a group, in a transaction of their own: a rolled back group must not
//! leave numbers in the cache that the database does not have.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::{ConnectionTrait, Statement};

use super::error::{Attempt, StoreResult};
use super::{Store, Tx};

/// Most names that are remembered. Phones know some hundred; a stranger who posts invented names must not
/// fill the table.
pub const MOST_NAMES: usize = 20_000;

/// Cache of the table, both ways. Names are never removed.
#[derive(Default)]
pub(super) struct ItemNames(RwLock<Known>);

#[derive(Default)]
struct Known {
    ids: HashMap<Arc<str>, i64>,
    names: HashMap<i64, Arc<str>>,
}

impl ItemNames {
    fn ids(&self, names: &[&str]) -> Vec<Option<i64>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().map(|name| known.ids.get(*name).copied()).collect()
    }

    fn name(&self, id: i64) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).names.get(&id).cloned()
    }

    fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ids.len()
    }

    fn remember(&self, id: i64, name: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = name.into();
        known.ids.insert(Arc::clone(&name), id);
        known.names.insert(id, name);
    }
}

/// Numbers of item names, in the order asked; new names get a number. `None` stands for a name that is not
/// remembered because there are too many already.
///
/// # Errors
/// When the database cannot be asked or refuses.
pub async fn resolve(store: &Store, names: &[&str]) -> StoreResult<Vec<Option<i64>>> {
    let ids = store.names.ids(names);
    if ids.iter().all(Option::is_some) {
        return Ok(ids);
    }
    learn(store, names).await?;
    Ok(store.names.ids(names))
}

async fn learn(store: &Store, names: &[&str]) -> StoreResult<()> {
    let tx = store.begin().await?;
    // Another node may have added names since this one started.
    let rows = load(&tx).await?;
    let mut count = rows.len().max(store.names.len());
    let mut known: HashMap<String, i64> = rows.into_iter().map(|(id, name)| (name, id)).collect();
    for name in names {
        if known.contains_key(*name) {
            continue;
        }
        if count >= MOST_NAMES {
            tracing::warn!(names = count, "too many item names; further ones are not kept");
            break;
        }
        let id = insert(&tx, name).await?;
        known.insert((*name).to_owned(), id);
        count += 1;
    }
    tx.commit().await?;
    for (name, id) in known {
        store.names.remember(id, &name);
    }
    Ok(())
}

async fn insert(tx: &Tx, name: &str) -> StoreResult<i64> {
    let attempt = "remember an item name";
    // The update that changes nothing makes the row come back also when another node was faster.
    let sql = "INSERT INTO item_name (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [name.into()]);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)
}

async fn load(tx: &Tx) -> StoreResult<Vec<(i64, String)>> {
    let attempt = "read the item names";
    let rows = tx
        .inner
        .query_all_raw(Statement::from_string(tx.backend, "SELECT id, name FROM item_name"))
        .await
        .attempt(attempt)?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?)))
        .collect()
}

impl Tx {
    /// Name of an item's number, as far as this node has met it; the number itself otherwise.
    pub fn item_name(&self, id: i64) -> Arc<str> {
        self.names.name(id).unwrap_or_else(|| format!("#{id}").into())
    }
}

/// Name of a number; asks the database once for numbers another node gave.
pub(super) async fn name_of(store: &Store, id: i64) -> StoreResult<Option<Arc<str>>> {
    if let Some(name) = store.names.name(id) {
        return Ok(Some(name));
    }
    learn(store, &[]).await?;
    Ok(store.names.name(id))
}
