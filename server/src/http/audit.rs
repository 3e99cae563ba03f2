//! `/audit`: who changed what (D-34).

use api::Page;
use api::audit::{AuditCheck, AuditCheckQuery, AuditExportQuery, AuditQuery, AuditView};
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, plain};
use super::export;
use super::extract::Query;
use crate::App;
use crate::app::{AppResult, Caller, audit};

const COLUMNS: &[&str] = &[
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "action",
    "object_kind",
    "object_id",
    "object_name",
    "details",
    "hash",
];

/// List audit records, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "Records", body = Page<AuditView>)))]
pub(crate) async fn list_audit_records(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<AuditQuery>>,
) -> Answer {
    caller.require(Permission::ReadAudit)?;
    Ok(plain(&audit::list(&app, query?.0).await?))
}

/// Export audit records, newest first.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditExportQuery),
    responses((status = 200, description = "Records", content(
        (Vec<AuditView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_audit_records(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<AuditExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadAudit)?;
    let query = query?.0;
    let format = query.format.unwrap_or_default();
    Ok(export::answer("audit", format, COLUMNS, audit::export(app, &query.into())?))
}

/// Check whether the chain of records is intact, piece by piece from the newest to the first.
#[utoipa::path(get, path = "/audit/check", tag = "audit", params(AuditCheckQuery),
    responses((status = 200, description = "Result for this piece", body = AuditCheck)))]
pub(crate) async fn check_audit_records(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<AuditCheckQuery>>,
) -> Answer {
    caller.require(Permission::ReadAudit)?;
    Ok(plain(&audit::check(&app, query?.0.before).await?))
}
