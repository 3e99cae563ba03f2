//! Members of groups as figures: many filters counted in one statement, and the first members of one. What a filter
//! means is `group_filter`'s; nothing here knows groups. A client whose place another phone has taken is no member.

use domain::ClientId;
use domain::group_filter::Filter;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::client_filter::{ClientFilter, Condition, IS_THERE};
use super::error::{Attempt, StoreResult};
use super::{Source, group_filter};

/// Filters counted by one statement: PostgreSQL gives at most 1,664 columns.
const MOST_COLUMNS: usize = 500;

/// Values of one statement; SQLite takes 32,766, and a single filter has up to 2,500.
const MOST_VALUES: usize = 16_000;

/// Number of clients each filter takes, in the order of the filters.
///
/// One look at the clients for all of them: on SQLite at the narrow index, which has every column filters look at.
///
/// # Errors
/// When the database cannot be asked.
pub async fn counts(on: &impl Source, filters: &[&Filter]) -> StoreResult<Vec<u64>> {
    Ok(counted(on, None, filters).await?.into_iter().map(|(_, count)| count).collect())
}

/// Number of clients `within` takes, and of those how many each of the other filters takes.
///
/// # Errors
/// When the database cannot be asked.
pub async fn overlaps(
    on: &impl Source,
    within: &Filter,
    filters: &[&Filter],
) -> StoreResult<(u64, Vec<u64>)> {
    if filters.is_empty() {
        let everybody = Filter::All(Vec::new());
        let counted = counted(on, Some(within), &[&everybody]).await?;
        return Ok((counted.first().map_or(0, |(all, _)| *all), Vec::new()));
    }
    let counted = counted(on, Some(within), filters).await?;
    let all = counted.first().map_or(0, |(all, _)| *all);
    Ok((all, counted.into_iter().map(|(_, count)| count).collect()))
}

/// For each filter the number of all clients looked at, and of those it takes.
async fn counted(
    on: &impl Source,
    within: Option<&Filter>,
    filters: &[&Filter],
) -> StoreResult<Vec<(u64, u64)>> {
    let attempt = "count the members of groups";
    let connection = on.connection();
    let backend = connection.get_database_backend();
    let mut counted = Vec::with_capacity(filters.len());
    let mut rest = filters;
    while !rest.is_empty() {
        let (statement, columns) = statement(backend, within, rest);
        let row = connection.query_one_raw(statement).await.attempt(attempt)?;
        let number = |column: usize| -> StoreResult<u64> {
            let Some(row) = &row else { return Ok(0) };
            row.try_get_by_index::<i64>(column).attempt(attempt).map(i64::unsigned_abs)
        };
        let all = number(0)?;
        for column in 1..=columns {
            counted.push((all, number(column)?));
        }
        rest = rest.get(columns..).unwrap_or_default();
    }
    Ok(counted)
}

/// A statement that counts the first of these filters, and how many those are: at least one.
fn statement(backend: DbBackend, within: Option<&Filter>, filters: &[&Filter]) -> (Statement, usize) {
    let is_postgres = backend == DbBackend::Postgres;
    let mut condition = everybody(is_postgres);
    let mut columns = Vec::new();
    for filter in filters.iter().take(MOST_COLUMNS) {
        if !columns.is_empty() && condition.values.len() >= MOST_VALUES {
            break;
        }
        let part = group_filter::condition(filter, &mut condition, is_postgres);
        columns.push(format!("COUNT(CASE WHEN {part} THEN 1 END)"));
    }
    if let Some(within) = within {
        within_all(&mut condition, within, is_postgres);
    }
    let sql = format!("SELECT COUNT(*), {} FROM client {}", columns.join(", "), condition.text());
    (Statement::from_sql_and_values(backend, sql, condition.values), columns.len())
}

/// A condition to which parts are added: everybody who can be a member. Its time is never looked at: it has no filter
/// that asks for it.
fn everybody(is_postgres: bool) -> Condition {
    let mut condition = Condition::of(&ClientFilter::default(), Timestamp::UNIX_EPOCH, is_postgres);
    condition.add(IS_THERE.to_owned());
    condition
}

/// Takes the clients of a filter by looking at all of them. SQLite would go by the index of a model or an address, and
/// then look at the row behind each of its entries; the narrow index is faster for large groups, and never slow.
fn within_all(condition: &mut Condition, filter: &Filter, is_postgres: bool) {
    let part = group_filter::condition(filter, condition, is_postgres);
    condition.add(if is_postgres { part } else { format!("({part}) IS TRUE") });
}

/// The first clients a filter takes, by their number in use.
///
/// # Errors
/// When the database cannot be asked.
pub async fn first(on: &impl Source, filter: &Filter, most: u64) -> StoreResult<Vec<ClientId>> {
    let attempt = "find the first members of a group";
    let connection = on.connection();
    let backend = connection.get_database_backend();
    let is_postgres = backend == DbBackend::Postgres;
    let mut condition = everybody(is_postgres);
    within_all(&mut condition, filter, is_postgres);
    // An order no index has: going through the one of the numbers would mean a look at the row behind each of its
    // entries until the first members come, and those may be the last numbers.
    let sql = format!(
        "SELECT id FROM client {} ORDER BY COALESCE(e164, '') || '', id LIMIT {most}",
        condition.text()
    );
    let statement = Statement::from_sql_and_values(backend, sql, condition.values);
    let rows = connection.query_all_raw(statement).await;
    rows.attempt(attempt)?.iter().map(|row| row.try_get_by_index(0).attempt(attempt).map(ClientId)).collect()
}
