//! Storage providers that scans have found (OSEM §10.2). Addresses are stored as texts that sort like addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::ScanId;
use domain::network::address_sort;
use domain::scan::FindingKind;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// A web server that a scan has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// What it looks like.
    pub kind: FindingKind,
    /// Its address as a storage provider has it.
    pub url: String,
    /// What it says of itself.
    pub detail: String,
    /// When it was found.
    pub found_at: Timestamp,
}

#[derive(FromQueryResult)]
struct Row {
    address: String,
    port: i32,
    kind: String,
    url: String,
    detail: String,
    found_at: i64,
}

/// The address that [`address_sort`] has made a text of.
fn address_of(sorted: &str) -> Option<IpAddr> {
    let digits = sorted.get(1..)?;
    match sorted.get(..1)? {
        "4" => Some(Ipv4Addr::from_bits(u32::from_str_radix(digits, 16).ok()?).into()),
        "6" => Some(Ipv6Addr::from_bits(u128::from_str_radix(digits, 16).ok()?).into()),
        _ => None,
    }
}

impl Row {
    fn into_finding(self) -> StoreResult<Finding> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a finding", what };
        Ok(Finding {
            address: address_of(&self.address).ok_or(corrupt("scan_finding.address"))?,
            port: u16::try_from(self.port).map_err(|_| corrupt("scan_finding.port"))?,
            kind: FindingKind::parse(&self.kind).ok_or(corrupt("scan_finding.kind"))?,
            url: self.url,
            detail: self.detail,
            found_at: Timestamp::from_millisecond(self.found_at)
                .map_err(|_| corrupt("scan_finding.found_at"))?,
        })
    }
}

/// Writes down a finding; one that is there already, because its node died before it could write down how far it was,
/// is replaced.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, scan: ScanId, finding: &Finding) -> StoreResult<()> {
    let sql = "INSERT INTO scan_finding (scan_id, address, port, kind, url, detail, found_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (scan_id, address, port) DO UPDATE SET \
        kind = excluded.kind, detail = excluded.detail, found_at = excluded.found_at";
    let values: [Value; 7] = [
        scan.0.into(),
        address_sort(finding.address).into(),
        i32::from(finding.port).into(),
        finding.kind.as_str().into(),
        finding.url.as_str().into(),
        finding.detail.as_str().into(),
        finding.found_at.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("write down what a scan has found").map(|_| ())
}

/// Findings of a scan, what is most likely storage first, then by address and port; after leaving out some.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(on: &impl Source, scan: ScanId, skip: u64, size: u64) -> StoreResult<Vec<Finding>> {
    let attempt = "list what a scan has found";
    // In the order of the words; our own words, no text of a user.
    let kinds = FindingKind::ALL.iter().enumerate();
    let ranks: String = kinds.map(|(rank, kind)| format!("WHEN '{}' THEN {rank} ", kind.as_str())).collect();
    let sql = format!(
        "SELECT address, port, kind, url, detail, found_at FROM scan_finding WHERE scan_id = $1 \
         ORDER BY CASE kind {ranks}END, address, port LIMIT {size} OFFSET {skip}"
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [scan.0.into()]);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt(attempt)?;
    rows.into_iter().map(Row::into_finding).collect()
}

/// Number of findings of a scan.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, scan: ScanId) -> StoreResult<u64> {
    let attempt = "count what a scan has found";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM scan_finding WHERE scan_id = $1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [scan.0.into()]);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::address_of;
    use domain::network::address_sort;
    use std::net::IpAddr;

    #[test]
    fn addresses_come_back_from_the_texts_that_sort() {
        for text in ["10.1.2.3", "0.0.0.1", "255.255.255.255", "2001:db8::1"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(address_of(&address_sort(address)), Some(address));
        }
        assert_eq!(address_of(""), None);
        assert_eq!(address_of("5AA"), None);
        assert_eq!(address_of("4XYZ"), None);
    }
}
