//! Names of the accounts, clients, groups, scans and templates that audit records are about: as they are called now, or,
//! when they were deleted, as the record of the deletion calls them. Beside the records and not in them, so that no hash depends on it.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value as Json;

use super::Source;
use super::audit::Record;
use super::error::{Attempt, StoreResult};

/// Names by kind and id of the thing.
pub type Names = HashMap<(String, String), String>;

/// Kind, its table, and how a row of it is called.
const KINDS: [(&str, &str, &str); 7] = [
    ("account", "account", "user_name"),
    ("client", "client", "COALESCE(e164, device_id_text, device_id, '')"),
    ("file", "file", "name"),
    ("group", "client_group", "name"),
    // Its ranges, which are stored as a list of texts; many of them make no name.
    (
        "scan",
        "scan",
        "SUBSTR(REPLACE(REPLACE(REPLACE(ranges, '[\"', ''), '\"]', ''), '\",\"', ', '), 1, 100)",
    ),
    ("storage-provider", "storage_provider", "name"),
    ("template", "template", "name"),
];

/// Names of the accounts and clients that records are about; without those that have none.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of(on: &impl Source, records: &[Record]) -> StoreResult<Names> {
    let mut names = Names::new();
    for (kind, table, name) in KINDS {
        let numbers: BTreeSet<i64> = records
            .iter()
            .filter(|record| record.object_kind == kind)
            .filter_map(|record| record.object_id.parse().ok())
            .collect();
        if numbers.is_empty() {
            continue;
        }
        let found = now(on, table, name, &numbers).await?;
        let missing = numbers.into_iter().filter(|number| !found.contains_key(number)).collect::<Vec<_>>();
        let found = found.into_iter().chain(before(on, kind, &missing).await?);
        names.extend(
            found
                .filter(|(_, name)| !name.is_empty())
                .map(|(number, name)| ((kind.to_owned(), number.to_string()), name)),
        );
    }
    Ok(names)
}

/// Names as they are now.
async fn now(
    on: &impl Source,
    table: &str,
    name: &str,
    numbers: &BTreeSet<i64>,
) -> StoreResult<HashMap<i64, String>> {
    let attempt = "read the names of what audit records are about";
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let sql = format!("SELECT id, {name} FROM {table} WHERE id IN ({})", numbers.join(","));
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?)))
        .collect()
}

/// Names as the records of deletions have them.
async fn before(on: &impl Source, kind: &str, numbers: &[i64]) -> StoreResult<HashMap<i64, String>> {
    let attempt = "read the names of what was deleted";
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = numbers.iter().map(|number| format!("'{number}'")).collect();
    let sql = format!(
        "SELECT object_id, details FROM audit WHERE object_kind = '{kind}' AND action = '{kind}.delete' \
         AND object_id IN ({})",
        ids.join(",")
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut names = HashMap::new();
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let id: String = row.try_get_by_index(0).attempt(attempt)?;
        let details: String = row.try_get_by_index(1).attempt(attempt)?;
        if let (Ok(number), Some(name)) = (id.parse(), named(&details)) {
            names.insert(number, name);
        }
    }
    Ok(names)
}

/// The name in what was before, if there is one.
fn named(details: &str) -> Option<String> {
    let details: Json = serde_json::from_str(details).ok()?;
    let before = details.get("before").unwrap_or(&details);
    let mut names = ["user_name", "e164", "device_id", "name"]
        .into_iter()
        .filter_map(|field| before.get(field)?.as_str());
    names.next().map(str::to_owned)
}

/// Condition that takes records about accounts and clients whose name has the text of a placeholder in it. Of what was
/// deleted only the name is looked at: the rest of the record has words like `operator` and `false`.
pub(super) fn condition(place: usize, is_postgres: bool) -> String {
    let field = |name: &str| {
        if is_postgres {
            format!("gone.details::json -> 'before' ->> '{name}'")
        } else {
            format!("json_extract(gone.details, '$.before.{name}')")
        }
    };
    let fields = ["user_name", "e164", "device_id", "name"].map(field).join(", ");
    let before = format!("COALESCE({fields}, '')");
    let kinds = KINDS.map(|(kind, table, name)| {
        format!(
            "(object_kind = '{kind}' AND object_id IN (SELECT CAST(id AS TEXT) FROM {table} \
             WHERE LOWER({name}) LIKE ${place} ESCAPE '!' UNION ALL SELECT gone.object_id FROM audit AS gone \
             WHERE gone.object_kind = '{kind}' AND gone.action = '{kind}.delete' \
             AND LOWER({before}) LIKE ${place} ESCAPE '!'))"
        )
    });
    kinds.join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn what_was_deleted_is_called_as_it_was_before() {
        assert_eq!(named(r#"{"before":{"user_name":"ingrid"}}"#).as_deref(), Some("ingrid"));
        assert_eq!(named(r#"{"before":{"e164":null,"device_id":"00:1a"}}"#).as_deref(), Some("00:1a"));
        assert_eq!(named(r#"{"before":{"name":"Hamburg","rank":3}}"#).as_deref(), Some("Hamburg"));
        assert_eq!(named(r#"{"sessions_ended":1}"#), None);
    }
}
