//! What scans ask about clients: who is known at an address and when it was called, and who came since (`wpi.md` §1.5).

use std::net::IpAddr;

use domain::network::address_sort;
use domain::{ClientId, DeviceId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::sealed::Connection as _;
use super::{Source, Store, Tx};

/// Result word of a phone that was told to restart; see [`super::call_queue`].
const RESTARTING: &str = "restarting:";

/// A client that was last seen at an address of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The client.
    pub client: ClientId,
    /// The address, as [`address_sort`] writes it.
    pub address: String,
    /// Its device id.
    pub device: Option<DeviceId>,
    /// Last contact-me.
    pub called_at: Option<Timestamp>,
    /// Contact gap it reports, in seconds as it wrote it.
    pub gap: Option<String>,
    /// It was told to restart and has not come since: left alone until then.
    pub rests_until: Option<Timestamp>,
}

/// Clients last seen at some addresses, by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn known_at(store: &Store, addresses: &[IpAddr]) -> StoreResult<Vec<Known>> {
    let attempt = "look for known phones at the addresses of a scan";
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let gap = store.item_number("dls-contact-interval").unwrap_or_default();
    let places: Vec<String> = (1..=addresses.len()).map(|number| format!("${number}")).collect();
    let sql = format!(
        "SELECT client.id, client.address_sort, client.device_id, client_call.called_at, client_call.next_at, \
         client_call.result, reported_item.value FROM client \
         LEFT JOIN client_call ON client_call.client_id = client.id \
         LEFT JOIN reported_item ON reported_item.client_id = client.id AND reported_item.item_id = {gap} \
         AND reported_item.item_index = -1 AND reported_item.status IS NULL \
         WHERE client.address_sort IN ({}) ORDER BY client.id",
        places.join(", ")
    );
    let values: Vec<Value> = addresses.iter().map(|address| address_sort(*address).into()).collect();
    let connection = store.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| read(row, attempt)).collect()
}

fn read(row: &QueryResult, attempt: &'static str) -> StoreResult<Known> {
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let time = |index, what| {
        let ms: Option<i64> = row.try_get_by_index(index).attempt(attempt)?;
        ms.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt(what))).transpose()
    };
    let text = |index| row.try_get_by_index::<Option<String>>(index).attempt(attempt);
    let next_at = time(4, "client_call.next_at")?;
    let rests = text(5)?.is_some_and(|result| result.starts_with(RESTARTING));
    Ok(Known {
        client: ClientId(row.try_get_by_index(0).attempt(attempt)?),
        address: row.try_get_by_index(1).attempt(attempt)?,
        device: text(2)?.map(|id| id.parse()).transpose().map_err(|_| corrupt("client.device_id"))?,
        called_at: time(3, "client_call.called_at")?,
        gap: text(6)?,
        rests_until: next_at.filter(|_| rests),
    })
}

/// Books the contact-me of a scan before it leaves, so that nobody calls the phone again inside its gap; `false` when
/// somebody has called it since it was looked up, or is about to.
///
/// Only the time is noted, and not the address: who started a scan has not vouched for a phone, so its coming counts
/// as no answer to a call by which it would get secrets (D-24 c).
///
/// # Errors
/// When the database refuses.
pub async fn book(
    tx: &Tx,
    client: ClientId,
    called_at: Option<Timestamp>,
    at: Timestamp,
) -> StoreResult<bool> {
    let attempt = "book the contact-me of a scan";
    // A row somebody else works on is left to him: a booking waits for nobody, and so never in a circle.
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let run = async |sql: String, values: Vec<Value>| {
        let statement = Statement::from_sql_and_values(tx.backend, sql, values);
        Ok::<_, StoreError>(tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected() > 0)
    };
    let before = called_at.map_or(0, Timestamp::as_millisecond);
    let sql = format!(
        "UPDATE client_call SET called_at = $2 WHERE client_id IN (SELECT client_id FROM client_call \
         WHERE client_id = $1 AND COALESCE(called_at, 0) = $3 {lock})"
    );
    if run(sql, vec![client.0.into(), at.as_millisecond().into(), before.into()]).await? {
        return Ok(true);
    }
    if called_at.is_some() {
        return Ok(false);
    }
    // It was never called; it may have been deleted in the meantime.
    let sql = "INSERT INTO client_call (client_id, tries, called_at) \
        SELECT id, 0, CAST($2 AS BIGINT) FROM client WHERE id = $1 ON CONFLICT (client_id) DO NOTHING";
    run(sql.to_owned(), vec![client.0.into(), at.as_millisecond().into()]).await
}

/// Number of clients that came for the first time since a moment, and are at an address between some first and last
/// ones. Those prepared before have come when their phone has.
///
/// # Errors
/// When the database cannot be asked.
pub async fn came_since(
    on: &impl Source,
    since: Timestamp,
    bounds: impl Iterator<Item = (IpAddr, IpAddr)>,
) -> StoreResult<u64> {
    let attempt = "count what a scan has found";
    let mut values: Vec<Value> = vec![since.as_millisecond().into()];
    let mut parts = Vec::new();
    for (first, last) in bounds {
        parts.push(format!("address_sort BETWEEN ${} AND ${}", values.len() + 1, values.len() + 2));
        values.extend([address_sort(first).into(), address_sort(last).into()]);
    }
    if parts.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "SELECT COUNT(*) FROM client WHERE COALESCE(onboarded_at, created_at) >= $1 AND ({})",
        parts.join(" OR ")
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}
