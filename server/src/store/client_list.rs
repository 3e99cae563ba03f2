//! Lists of clients: sort, page, cursor, exact totals (D-36). Which clients: [`super::client_filter`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::ClientId;
use domain::client::SecureMode;
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};

use super::client_filter::Condition;
pub use super::client_filter::{ClientFilter, FaultFilter};
use super::clients::{COLUMNS, Client, Row};
use super::error::{Attempt, StoreResult};
use super::sealed::Connection as _;
use super::{Source, Store};

/// A filter that takes no more clients than this is answered from their numbers.
const FEW: u64 = 4_000;

/// Rows left out from which on a filtered list is sorted anew instead of read in its order.
const DEEP: u64 = 500;

/// Column a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientSort {
    /// Number in use, as text.
    #[default]
    E164,
    /// Model.
    Model,
    /// Device id.
    DeviceId,
    /// Software type, then version as numbers.
    Software,
    /// Last contact.
    LastContact,
    /// State.
    State,
    /// Part number.
    PartNumber,
    /// Key modules.
    KeyModules,
    /// Address.
    Address,
    /// Secure mode.
    SecureMode,
    /// Mobility.
    Mobility,
    /// Access.
    Access,
}

impl ClientSort {
    /// What is sorted by; the same texts as in the indexes of the schema.
    fn expression(self) -> &'static str {
        match self {
            Self::E164 => "COALESCE(e164, '')",
            Self::Model => "COALESCE(model, device_type, '')",
            Self::DeviceId => "COALESCE(device_id, '')",
            Self::Software => "COALESCE(software_sort, '')",
            Self::LastContact => "COALESCE(last_contact_at, 0)",
            Self::State => "state",
            Self::PartNumber => "COALESCE(part_number, '')",
            Self::KeyModules => "COALESCE(key_modules, '')",
            Self::Address => "COALESCE(peer_address, '')",
            Self::SecureMode => "secure_mode",
            Self::Mobility => "mobility",
            Self::Access => "access",
        }
    }

    fn is_number(self) -> bool {
        self == Self::LastContact
    }
}

/// Place in a sorted list: the row after which the next ones come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Sort value of the last row, as text.
    pub value: String,
    /// Id of the last row.
    pub id: ClientId,
}

/// Which rows of the sorted list.
#[derive(Clone, Debug)]
pub struct Window {
    /// Sort column.
    pub sort: ClientSort,
    /// Largest first.
    pub descending: bool,
    /// Continue after this row…
    pub after: Option<Cursor>,
    /// … or leave out this many.
    pub skip: u64,
    /// At most so many rows.
    pub size: u64,
}

/// Rows of a list and the place of the last one.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The rows.
    pub clients: Vec<Client>,
    /// Place of the last row; `None` when the list is empty.
    pub last: Option<Cursor>,
}

/// Clients of a filter in a sorted window.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn slice(
    on: &impl Source,
    filter: &ClientFilter,
    window: &Window,
    at: Timestamp,
) -> StoreResult<Slice> {
    // Deep in a filtered list, going through the index of the order means a look at a row for each of its entries;
    // going through the narrow index and sorting its numbers is faster. An expression no index has says so.
    let deep = !filter.is_empty() && window.skip >= DEEP;
    read(on, Condition::of(filter, at, is_postgres(on)), window, deep).await
}

async fn read(
    on: &impl Source,
    mut condition: Condition,
    window: &Window,
    by_narrow_index: bool,
) -> StoreResult<Slice> {
    #[derive(FromQueryResult)]
    struct Sorted {
        sorted_by: Option<String>,
        #[sea_orm(nested)]
        row: Row,
    }
    let attempt = "list clients";
    let expression = window.sort.expression();
    let (order, beyond) = if window.descending { ("DESC", "<") } else { ("ASC", ">") };
    if let Some(after) = &window.after {
        let value: Value = if window.sort.is_number() {
            after.value.parse::<i64>().unwrap_or(0).into()
        } else {
            after.value.as_str().into()
        };
        let value = condition.value(value);
        let id = condition.value(after.id.0);
        condition.add(format!("({expression}, id) {beyond} ({value}, {id})"));
    }
    let sought = match (by_narrow_index, window.sort.is_number()) {
        (false, _) => expression.to_owned(),
        (true, false) => format!("{expression} || ''"),
        (true, true) => format!("{expression} + 0"),
    };
    // The rows are read at the end, only those of the window: what is skipped and sorted stays small.
    let sql = format!(
        "SELECT {COLUMNS}, CAST({expression} AS TEXT) AS sorted_by FROM client WHERE id IN \
         (SELECT id FROM client {} ORDER BY {sought} {order}, id {order} LIMIT {} OFFSET {}) \
         ORDER BY {expression} {order}, id {order}",
        condition.text(),
        window.size,
        window.skip
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, condition.values);
    let rows = Sorted::find_by_statement(statement).all(connection).await.attempt(attempt)?;
    let mut value = None;
    let mut clients = Vec::with_capacity(rows.len());
    for Sorted { sorted_by, row } in rows {
        value = sorted_by;
        clients.push(row.into_client()?);
    }
    let last =
        clients.last().map(|client: &Client| Cursor { value: value.unwrap_or_default(), id: client.id });
    Ok(Slice { clients, last })
}

/// Clients of a filter in a sorted window, and the exact number of all that the filter takes.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn page(
    store: &Store,
    filter: &ClientFilter,
    window: &Window,
    at: Timestamp,
) -> StoreResult<(Slice, u64)> {
    if let Some(total) = store.totals.find(filter, at) {
        return Ok((slice(store, filter, window, at).await?, total));
    }
    if filter.is_empty() {
        return tokio::try_join!(slice(store, filter, window, at), total(store, filter, at));
    }
    // Most filters take few. These are looked for once, and serve as page and total.
    let version = store.totals.version.load(Ordering::Acquire);
    let found = first_ids(store, filter, FEW + 1, at).await?;
    if found.len() as u64 > FEW {
        return tokio::try_join!(slice(store, filter, window, at), total(store, filter, at));
    }
    let total = found.len() as u64;
    store.totals.keep(filter, version, at, total);
    let mut among = Condition::of(&ClientFilter::default(), at, is_postgres(store));
    among.add(format!("id IN ({})", numbers(&found)));
    Ok((read(store, among, window, true).await?, total))
}

fn is_postgres(on: &impl Source) -> bool {
    on.connection().get_database_backend() == DbBackend::Postgres
}

/// What stands in a statement as it is: our own numbers need no places, whose count would make each statement a
/// new one.
fn numbers(ids: &[ClientId]) -> String {
    let numbers: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    // An empty list is no SQL everywhere; no client has this number.
    if numbers.is_empty() { "0".to_owned() } else { numbers.join(",") }
}

async fn first_ids(
    on: &impl Source,
    filter: &ClientFilter,
    most: u64,
    at: Timestamp,
) -> StoreResult<Vec<ClientId>> {
    let attempt = "find clients";
    let condition = Condition::of(filter, at, is_postgres(on));
    let sql = format!("SELECT id FROM client {} LIMIT {most}", condition.text());
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, condition.values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(ClientId)).collect()
}

/// Exact totals by filter, kept until a client comes, goes or changes in a column a filter looks at.
///
/// Changes made by another node are seen after [`Totals::KEEP`].
#[derive(Default)]
pub(super) struct Totals {
    version: AtomicU64,
    known: Mutex<HashMap<ClientFilter, (u64, Timestamp, u64)>>,
}

impl Totals {
    const KEEP: SignedDuration = SignedDuration::from_secs(2);
    /// Filters kept at most; searches typed letter by letter must not add up.
    const MOST: usize = 256;

    fn find(&self, filter: &ClientFilter, now: Timestamp) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at_version, at, total) = known.get(filter)?;
        (*at_version == version && now.duration_since(*at).abs() < Self::KEEP).then_some(*total)
    }

    fn keep(&self, filter: &ClientFilter, version: u64, now: Timestamp, total: u64) {
        if filter.is_fleeting() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(filter.clone(), (version, now, total));
    }
}

impl Store {
    /// Says that a client came, went or changed in a column a filter looks at. Called after the commit.
    pub fn clients_changed(&self) {
        self.totals.version.fetch_add(1, Ordering::AcqRel);
    }
}

/// Exact number of clients a filter takes.
///
/// # Errors
/// When the database cannot be asked.
pub async fn total(store: &Store, filter: &ClientFilter, now: Timestamp) -> StoreResult<u64> {
    if let Some(total) = store.totals.find(filter, now) {
        return Ok(total);
    }
    let attempt = "count clients";
    // Read before counting: a change in between makes the count count as old, never as new.
    let version = store.totals.version.load(Ordering::Acquire);
    let condition = Condition::of(filter, now, is_postgres(store));
    let sql = format!("SELECT COUNT(*) FROM client {}", condition.text());
    let statement = Statement::from_sql_and_values(store.backend, sql, condition.values);
    let row = store.connection().query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    let total = count.unsigned_abs();
    store.totals.keep(filter, version, now, total);
    Ok(total)
}

/// Ids of the clients a filter takes, in one statement.
///
/// # Errors
/// When the database cannot be asked.
pub async fn ids(on: &impl Source, filter: &ClientFilter, at: Timestamp) -> StoreResult<Vec<ClientId>> {
    let attempt = "list the ids of clients";
    let condition = Condition::of(filter, at, is_postgres(on));
    let sql = format!("SELECT id FROM client {} ORDER BY id", condition.text());
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, condition.values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(ClientId)).collect()
}

/// Those of the ids that are clients.
///
/// # Errors
/// When the database cannot be asked.
pub async fn existing(on: &impl Source, ids: &[ClientId]) -> StoreResult<Vec<ClientId>> {
    let attempt = "look clients up";
    let connection = on.connection();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(5_000) {
        // Numbers need no places, whose count would make each statement a new one.
        let numbers: Vec<String> = chunk.iter().map(|id| id.0.to_string()).collect();
        let sql = format!("SELECT id FROM client WHERE id IN ({})", numbers.join(","));
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
        for row in &rows {
            found.push(ClientId(row.try_get_by_index(0).attempt(attempt)?));
        }
    }
    Ok(found)
}

/// Whether none of the clients is in this mode.
///
/// # Errors
/// When the database cannot be asked.
pub async fn none_is(on: &impl Source, ids: &[ClientId], mode: SecureMode) -> StoreResult<bool> {
    let attempt = "look for clients in a mode";
    let connection = on.connection();
    for chunk in ids.chunks(5_000) {
        let numbers: Vec<String> = chunk.iter().map(|id| id.0.to_string()).collect();
        let sql =
            format!("SELECT 1 FROM client WHERE secure_mode = $1 AND id IN ({}) LIMIT 1", numbers.join(","));
        let values: [Value; 1] = [mode.as_str().into()];
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        if connection.query_one_raw(statement).await.attempt(attempt)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Those of the clients whose place no other phone has taken.
///
/// # Errors
/// When the database cannot be asked.
pub async fn without_retired(on: &impl Source, ids: &[ClientId]) -> StoreResult<Vec<ClientId>> {
    let attempt = "leave retired clients out";
    let connection = on.connection();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(5_000) {
        let sql = format!(
            "SELECT id FROM client WHERE id IN ({}) AND state <> 'retired' ORDER BY id",
            numbers(chunk)
        );
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
            found.push(ClientId(row.try_get_by_index(0).attempt(attempt)?));
        }
    }
    Ok(found)
}

/// Which of these numbers more than one client reports (D-3). One whose place another has taken, and one that waits to
/// take a place, have theirs rightly (D-29).
///
/// # Errors
/// When the database cannot be asked.
pub async fn shared_numbers(on: &impl Source, numbers: &[&str]) -> StoreResult<Vec<String>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let attempt = "find numbers in use twice";
    let places: Vec<String> = (1..=numbers.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT e164 FROM client WHERE e164 IN ({}) AND state <> 'retired' \
         AND NOT (state = 'prepared' AND replaces IS NOT NULL) GROUP BY e164 HAVING COUNT(*) > 1",
        places.join(", ")
    );
    let values: Vec<Value> = numbers.iter().map(|number| (*number).into()).collect();
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt)).collect()
}
