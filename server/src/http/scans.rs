//! `/scans`: networks in which every address is asked to make contact (OSEM §4.2), or is looked at for storage providers
//! (OSEM §10.2).

use api::Page;
use api::header::IdempotencyKey;
use api::scan::{FindingQuery, FindingView, NewScan, ScanQuery, ScanView};
use axum::extract::State;
use domain::{Permission, ScanId};

use super::answer::{Answer, created, plain};
use super::extract::{Create, Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, scans};

/// Start a scan: each address is sent one contact-me that names this server, or is looked at for storage providers; the
/// latter needs the permission to change storage. Nothing has been sent when this answers.
#[utoipa::path(post, path = "/scans", tag = "scans", params(IdempotencyKey), request_body = NewScan,
    responses((status = 201, description = "Started", body = ScanView, headers(("Location" = String)))))]
pub(crate) async fn create_scan(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewScan>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let made = scans::start(&app, &caller, &body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/scans/{}", made.value.id), None))
}

/// List scans, newest first.
#[utoipa::path(get, path = "/scans", tag = "scans", params(ScanQuery),
    responses((status = 200, description = "Scans", body = Page<ScanView>)))]
pub(crate) async fn list_scans(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ScanQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&scans::list(&app, &query?.0).await?))
}

/// Get a scan.
#[utoipa::path(get, path = "/scans/{id}", tag = "scans", params(("id" = i64, Path, description = "Scan")),
    responses((status = 200, description = "The scan", body = ScanView)))]
pub(crate) async fn get_scan(
    State(app): State<App>,
    caller: Caller,
    id: Id<ScanId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&scans::find(&app, id.0).await?))
}

/// Stop a scan: within a second nothing is sent any more. Phones that were asked already may still come.
#[utoipa::path(post, path = "/scans/{id}/stop", tag = "scans",
    params(("id" = i64, Path, description = "Scan")),
    responses((status = 200, description = "Stopped", body = ScanView)))]
pub(crate) async fn stop_scan(
    State(app): State<App>,
    caller: Caller,
    id: Id<ScanId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    Ok(plain(&scans::stop(&app, &caller, id.0).await?))
}

/// List what a scan for storage providers has found, what is most likely storage first.
#[utoipa::path(get, path = "/scans/{id}/findings", tag = "scans",
    params(("id" = i64, Path, description = "Scan"), FindingQuery),
    responses((status = 200, description = "Web servers", body = Page<FindingView>)))]
pub(crate) async fn list_scan_findings(
    State(app): State<App>,
    caller: Caller,
    id: Id<ScanId>,
    query: AppResult<Query<FindingQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&scans::findings(&app, id.0, &query?.0).await?))
}
