//! Lists of clients: filter, sort, page, cursor, exact totals, counts for the dashboard (D-36).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::ClientId;
use domain::client::{ClientState, SecureMode};
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::clients::{COLUMNS, Client, Row};
use super::error::{Attempt, StoreResult};
use super::sealed::Connection as _;
use super::{Source, Store};

/// Which clients a list shows; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientFilter {
    /// Part of the number, of the MAC address in any spelling, or of the software version.
    pub search: Option<String>,
    /// `SIP`, `HFA` or another word.
    pub software_type: Option<String>,
    /// Short name of the model, or a reported device type no model matches.
    pub model: Option<String>,
    /// State.
    pub state: Option<ClientState>,
}

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

struct Condition {
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Condition {
    fn of(filter: &ClientFilter) -> Self {
        let mut condition = Self { parts: Vec::new(), values: Vec::new() };
        if let Some(search) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let upper = search.to_uppercase();
            let bare: String = upper.chars().filter(|c| !":-.".contains(*c)).collect();
            let number = condition.value(contains(search));
            let version = condition.value(contains(&upper));
            let mut any = vec![
                format!("e164 LIKE {number} ESCAPE '!'"),
                format!("UPPER(software_version) LIKE {version} ESCAPE '!'"),
                format!("device_id LIKE {version} ESCAPE '!'"),
            ];
            // "1a:e8" and "1AE8" find the same phone.
            if bare != upper && !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let device = condition.value(contains(&bare));
                any.push(format!("device_id LIKE {device} ESCAPE '!'"));
            }
            condition.parts.push(format!("({})", any.join(" OR ")));
        }
        if let Some(software_type) = &filter.software_type {
            let value = condition.value(software_type.clone());
            condition.parts.push(format!("software_type = {value}"));
        }
        if let Some(model) = &filter.model {
            let value = condition.value(model.clone());
            condition.parts.push(format!("COALESCE(model, device_type, '') = {value}"));
        }
        if let Some(state) = filter.state {
            let value = condition.value(state.as_str().to_owned());
            condition.parts.push(format!("state = {value}"));
        }
        condition
    }

    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn text(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!("WHERE {}", self.parts.join(" AND ")) }
    }
}

fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Clients of a filter in a sorted window.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn slice(on: &impl Source, filter: &ClientFilter, window: &Window) -> StoreResult<Slice> {
    #[derive(FromQueryResult)]
    struct Sorted {
        sorted_by: Option<String>,
        #[sea_orm(nested)]
        row: Row,
    }
    let attempt = "list clients";
    let mut condition = Condition::of(filter);
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
        condition.parts.push(format!("({expression}, id) {beyond} ({value}, {id})"));
    }
    let sql = format!(
        "SELECT {COLUMNS}, CAST({expression} AS TEXT) AS sorted_by FROM client {} \
         ORDER BY {expression} {order}, id {order} LIMIT {} OFFSET {}",
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
    let condition = Condition::of(filter);
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
pub async fn ids(on: &impl Source, filter: &ClientFilter) -> StoreResult<Vec<ClientId>> {
    let attempt = "list the ids of clients";
    let condition = Condition::of(filter);
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

/// Which of these numbers more than one client reports (D-3).
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
        "SELECT e164 FROM client WHERE e164 IN ({}) GROUP BY e164 HAVING COUNT(*) > 1",
        places.join(", ")
    );
    let values: Vec<Value> = numbers.iter().map(|number| (*number).into()).collect();
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt)).collect()
}

/// A count of the dashboard is grouped by this.
#[derive(Clone, Copy, Debug)]
pub enum CountBy {
    /// State of the client.
    State,
    /// Model, or the reported device type no model matches.
    Model,
    /// Software type and version.
    Software,
    /// Reason of the last contact.
    LastContactReason,
}

/// Number of clients in each group, largest group first, at most `most` groups.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_by(on: &impl Source, by: CountBy, most: u64) -> StoreResult<Vec<(String, u64)>> {
    let attempt = "count clients by group";
    let expression = match by {
        CountBy::State => "state",
        CountBy::Model => "COALESCE(model, device_type, '')",
        CountBy::Software => "COALESCE(software_type, '') || ' ' || COALESCE(software_version, '')",
        CountBy::LastContactReason => "COALESCE(last_contact_reason, '')",
    };
    let sql = format!(
        "SELECT {expression} AS word, COUNT(*) AS clients FROM client GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {most}"
    );
    grouped(on, sql, Vec::new(), attempt).await
}

/// Number of clients by the full hour of their last contact, for the hours from `from` on. The word is the
/// hour's beginning in milliseconds.
///
/// # Errors
/// When the database cannot be asked.
pub async fn contacts_by_hour(on: &impl Source, from: Timestamp) -> StoreResult<Vec<(String, u64)>> {
    let sql = "SELECT CAST(last_contact_at / 3600000 * 3600000 AS TEXT) AS word, COUNT(*) AS clients FROM client \
               WHERE COALESCE(last_contact_at, 0) >= $1 GROUP BY 1 ORDER BY 1";
    grouped(on, sql.to_owned(), vec![from.as_millisecond().into()], "count contacts by hour").await
}

/// Number of clients that report a fault, by the words of their fault sets.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_faults(on: &impl Source) -> StoreResult<Vec<(String, u64)>> {
    let sql = "SELECT faults AS word, COUNT(*) AS clients FROM client WHERE faults <> '' GROUP BY 1 ORDER BY 2 DESC, 1";
    grouped(on, sql.to_owned(), Vec::new(), "count faults").await
}

async fn grouped(
    on: &impl Source,
    sql: String,
    values: Vec<Value>,
    attempt: &'static str,
) -> StoreResult<Vec<(String, u64)>> {
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let clients: i64 = row.try_get_by_index(1).attempt(attempt)?;
            Ok((row.try_get_by_index(0).attempt(attempt)?, clients.unsigned_abs()))
        })
        .collect()
}
