//! Item names as numbers: each reported item carries a small number instead of its name.
//!
//! At 30 million rows the name would be most of the disk. Numbers are given once and never change. They are
//! resolved *before* a change enters a group, in a transaction of their own: a rolled back group must not
//! leave numbers in the cache that the database does not have.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::{ConnectionTrait, Statement};

use super::error::{Attempt, StoreResult};
use super::sealed::Connection as _;
use super::{Store, Tx};

/// Most names beyond the item table that are remembered. Phones know some hundred; a stranger who posts
/// invented names must not fill the database, and must not take the place of the names of the table.
pub const MOST_UNKNOWN: usize = 20_000;

/// Most unknown names learnt from one message; a phone that has more teaches the rest at later contacts.
const MOST_AT_ONCE: usize = 200;

/// Cache of the table, both ways. Names are never removed.
#[derive(Default)]
pub(super) struct ItemNames {
    known: RwLock<Known>,
    /// One message learns at a time: two that insert the same names in different order would wait for each
    /// other in the database for ever.
    learning: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    ids: HashMap<Arc<str>, i64>,
    names: HashMap<i64, Arc<str>>,
    /// Names that are not in the item table.
    unknown: usize,
}

impl ItemNames {
    fn ids(&self, names: &[&str]) -> Vec<Option<i64>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().map(|name| known.ids.get(*name).copied()).collect()
    }

    fn name(&self, id: i64) -> Option<Arc<str>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).names.get(&id).cloned()
    }

    /// Room left for names that are not in the item table.
    fn room(&self) -> usize {
        MOST_UNKNOWN.saturating_sub(self.known.read().unwrap_or_else(PoisonError::into_inner).unknown)
    }

    fn remember(&self, id: i64, name: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = name.into();
        if known.ids.insert(Arc::clone(&name), id).is_none() && domain::item::describe(&name).is_none() {
            known.unknown += 1;
        }
        known.names.insert(id, name);
    }
}

/// Numbers of item names, in the order asked; new names get a number. `None` stands for a name that is not
/// remembered, because it is unknown and there are too many of those.
///
/// # Errors
/// When the database cannot be asked or refuses.
pub async fn resolve(store: &Store, names: &[&str]) -> StoreResult<Vec<Option<i64>>> {
    let ids = store.names.ids(names);
    let missing: BTreeSet<&str> =
        names.iter().zip(&ids).filter(|(_, id)| id.is_none()).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(ids);
    }
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        missing.into_iter().partition(|name| domain::item::describe(name).is_some());
    let room = store.names.room().min(MOST_AT_ONCE);
    if unknown.len() > room {
        tracing::warn!(names = unknown.len(), room, "more unknown item names than are learnt at once");
    }
    let wanted: BTreeSet<&str> = known.into_iter().chain(unknown.into_iter().take(room)).collect();
    if !wanted.is_empty() {
        learn(store, &wanted).await?;
    }
    Ok(store.names.ids(names))
}

/// Gives numbers to names, in the order of the alphabet so that two nodes do not wait for each other.
async fn learn(store: &Store, names: &BTreeSet<&str>) -> StoreResult<()> {
    let _one_at_a_time = store.names.learning.lock().await;
    let mut learnt = Vec::with_capacity(names.len());
    let tx = store.begin().await?;
    for name in names {
        learnt.push((insert(&tx, name).await?, *name));
    }
    tx.commit().await?;
    for (id, name) in learnt {
        store.names.remember(id, name);
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

impl Store {
    /// Number of an item's name, as far as this node has met it; every item of the item table has one.
    pub fn item_number(&self, name: &str) -> Option<i64> {
        self.names.ids(&[name]).into_iter().next().flatten()
    }

    /// Name of an item's number, as far as this node has met it; the number itself otherwise.
    pub fn item_name(&self, id: i64) -> Arc<str> {
        self.names.name(id).unwrap_or_else(|| format!("#{id}").into())
    }
}

impl Tx {
    /// Number of an item's name; see [`Store::item_number`].
    pub fn item_number(&self, name: &str) -> Option<i64> {
        self.names.ids(&[name]).into_iter().next().flatten()
    }

    /// Name of an item's number, as far as this node has met it; the number itself otherwise.
    pub fn item_name(&self, id: i64) -> Arc<str> {
        self.names.name(id).unwrap_or_else(|| format!("#{id}").into())
    }
}

/// Name of a number; asks the database for numbers another node gave, or that were given before the start.
pub(super) async fn name_of(store: &Store, id: i64) -> StoreResult<Option<Arc<str>>> {
    if let Some(name) = store.names.name(id) {
        return Ok(Some(name));
    }
    load(store).await?;
    Ok(store.names.name(id))
}

/// Reads the whole table into the cache.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn load(store: &Store) -> StoreResult<()> {
    let attempt = "read the item names";
    let statement = Statement::from_string(store.backend, "SELECT id, name FROM item_name");
    let rows = store.connection().query_all_raw(statement).await.attempt(attempt)?;
    for row in &rows {
        let name: String = row.try_get_by_index(1).attempt(attempt)?;
        store.names.remember(row.try_get_by_index(0).attempt(attempt)?, &name);
    }
    Ok(())
}
