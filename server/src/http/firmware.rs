//! `/firmware`: which versions run where, and the plan that updates (OSEM §9).

use api::file::{FirmwareOverview, OutdatedQuery};
use api::header::IdempotencyKey;
use api::plan::PlanView;
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, created, plain};
use super::extract::{Create, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, firmware};

/// Get which firmware runs where, what newer is here, and what templates would update.
#[utoipa::path(get, path = "/firmware", tag = "firmware",
    responses((status = 200, description = "Firmware", body = FirmwareOverview)))]
pub(crate) async fn get_firmware(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&firmware::overview(&app).await?))
}

/// Draw up a plan that brings the newest firmware here to clients that run something older. Nothing is changed before it
/// is applied.
#[utoipa::path(post, path = "/firmware/plan", tag = "firmware", params(IdempotencyKey), request_body = OutdatedQuery,
    responses((status = 201, description = "Drawn up", body = PlanView, headers(("Location" = String)))))]
pub(crate) async fn plan_firmware(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<OutdatedQuery>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let made = firmware::plan(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/plans/{}", made.value.id), None))
}
