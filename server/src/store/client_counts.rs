//! Counts over all clients for the welcome page, and over the few of a page for the list. Each is one statement,
//! made so that an index holds all it looks at.

use std::collections::HashMap;

use domain::ClientId;
use sea_orm::{ConnectionTrait, Statement};

use super::Source;
use super::client_filter::WITHHELD;
use super::error::{Attempt, StoreResult};

/// A count of the welcome page is grouped by this.
#[derive(Clone, Copy, Debug)]
pub enum CountBy {
    /// State of the client.
    State,
    /// Model, or the reported device type no model matches.
    Model,
    /// Software type and version, as the list sorts them: type, 16 digits, version.
    Software,
    /// Reason of the last contact.
    LastContactReason,
    /// Words of the faults it reports.
    Faults,
}

/// Number of clients in each group, largest group first, at most `most` groups. Clients without a value are left
/// out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_by(on: &impl Source, by: CountBy, most: u64) -> StoreResult<Vec<(String, u64)>> {
    let attempt = "count clients by group";
    let expression = match by {
        CountBy::State => "state",
        CountBy::Model => "COALESCE(model, device_type, '')",
        CountBy::Software => "COALESCE(software_sort, '')",
        CountBy::LastContactReason => "COALESCE(last_contact_reason, '')",
        CountBy::Faults => "faults",
    };
    // Left out after grouping: as a condition it would keep SQLite from the index that has the expression.
    let sql = format!(
        "SELECT word, clients FROM (SELECT {expression} AS word, COUNT(*) AS clients FROM client GROUP BY 1) AS g \
         WHERE word <> '' ORDER BY clients DESC, word LIMIT {most}"
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let clients: i64 = row.try_get_by_index(1).attempt(attempt)?;
            Ok((row.try_get_by_index(0).attempt(attempt)?, clients.unsigned_abs()))
        })
        .collect()
}

/// Number of clients from which secrets were withheld, and of those with values changed at the phone.
///
/// # Errors
/// When the database cannot be asked.
pub async fn withheld_and_drifted(on: &impl Source) -> StoreResult<(u64, u64)> {
    let attempt = "count clients with drift or withheld secrets";
    let sql = format!(
        "SELECT (SELECT COUNT(DISTINCT client_id) FROM ({WITHHELD}) AS w), \
         (SELECT COUNT(DISTINCT client_id) FROM drift)"
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok((0, 0)) };
    let number = |at| row.try_get_by_index::<i64>(at).attempt(attempt).map(i64::unsigned_abs);
    Ok((number(0)?, number(1)?))
}

/// What a row of the list says of a client beside its own columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Targets of jobs that wait for it or are under way.
    pub open_targets: u64,
    /// Values changed at the phone.
    pub drifted: u64,
    /// Secrets were withheld from it, and it has accepted none since.
    pub secrets_withheld: bool,
    /// It has values that were copied to it at onboarding (D-20).
    pub onboarding: bool,
}

/// The same for the clients of a page, in one statement; clients with nothing are left out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn beside(on: &impl Source, ids: &[ClientId]) -> StoreResult<HashMap<ClientId, Beside>> {
    let attempt = "read what stands beside clients";
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let numbers: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    let numbers = numbers.join(",");
    let sql = format!(
        "SELECT client_id, 'open', COUNT(*) FROM job_target WHERE client_id IN ({numbers}) \
         AND state IN ('waiting', 'active', 'sent') GROUP BY client_id \
         UNION ALL SELECT client_id, 'drift', COUNT(*) FROM drift WHERE client_id IN ({numbers}) GROUP BY client_id \
         UNION ALL SELECT client_id, 'withheld', COUNT(*) FROM ({WITHHELD}) AS w \
         WHERE client_id IN ({numbers}) GROUP BY client_id \
         UNION ALL SELECT c.id, 'onboarding', CAST(1 AS BIGINT) FROM client AS c WHERE c.id IN ({numbers}) \
         AND EXISTS (SELECT 1 FROM client_value AS v WHERE v.client_id = c.id AND v.layer = 'onboarding')"
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut found: HashMap<ClientId, Beside> = HashMap::new();
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let client = ClientId(row.try_get_by_index(0).attempt(attempt)?);
        let what: String = row.try_get_by_index(1).attempt(attempt)?;
        let number: i64 = row.try_get_by_index(2).attempt(attempt)?;
        let beside = found.entry(client).or_default();
        match what.as_str() {
            "open" => beside.open_targets = number.unsigned_abs(),
            "drift" => beside.drifted = number.unsigned_abs(),
            "withheld" => beside.secrets_withheld = true,
            _ => beside.onboarding = true,
        }
    }
    Ok(found)
}
