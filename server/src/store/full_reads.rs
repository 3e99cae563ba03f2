//! What a full read leaves in the row of its client, and when it no longer holds.

use domain::ClientId;
use domain::contact::DeviceReport;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::Tx;
use super::error::{Attempt, StoreResult};

/// Records a full read: its time, firmware and digest, and the inventory that only a full read brings.
///
/// `overrides_opening` says that items told before were changed or removed: the next opening message must not
/// be taken for known.
///
/// # Errors
/// When the database refuses.
pub async fn record_full_read(
    tx: &Tx,
    id: ClientId,
    digest: &[u8],
    report: &DeviceReport,
    is_change: bool,
    overrides_opening: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "UPDATE client SET full_read_at = $2, full_read_version = software_version, \
        full_read_wanted = FALSE, items_digest = $3, \
        basic_digest = CASE WHEN $8 THEN NULL ELSE basic_digest END, key_modules = COALESCE($5, key_modules), \
        part_number = COALESCE(part_number, $6), backlight = COALESCE($7, backlight), \
        server_address = COALESCE($9, server_address), \
        updated_at = CASE WHEN $4 THEN $2 ELSE updated_at END, \
        revision = CASE WHEN $4 THEN revision + 1 ELSE revision END WHERE id = $1";
    let values: [Value; 9] = [
        id.0.into(),
        at.as_millisecond().into(),
        digest.to_vec().into(),
        is_change.into(),
        report.key_modules.clone().into(),
        report.part_number.clone().into(),
        report.backlight.clone().into(),
        overrides_opening.into(),
        report.server_address.clone().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record a full read").map(|_| ())
}

/// Single items changed: the digest of the last full read no longer holds.
///
/// # Errors
/// When the database refuses.
pub async fn forget_items_digest(tx: &Tx, id: ClientId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE client SET items_digest = NULL, basic_digest = NULL, updated_at = $2, revision = revision + 1 WHERE id = $1";
    let values: [Value; 2] = [id.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("record changed items").map(|_| ())
}
