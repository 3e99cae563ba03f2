//! `/plans`: changes that are asked for, looked at and applied (D-27).

use api::Page;
use api::header::IdempotencyKey;
use api::plan::{ApplyPlan, NewPlan, PlanApplied, PlanTargetQuery, PlanTargetView, PlanView};
use axum::extract::State;
use domain::{Permission, PlanId};

use super::answer::{Answer, created, gone, plain};
use super::extract::{Create, Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, plans};

/// Draw up a plan: what would be written to whom, and what not and why. Nothing is changed. It is kept for an hour.
#[utoipa::path(post, path = "/plans", tag = "plans", params(IdempotencyKey), request_body = NewPlan,
    responses((status = 201, description = "Drawn up", body = PlanView, headers(("Location" = String)))))]
pub(crate) async fn create_plan(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewPlan>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let made = plans::create(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/plans/{}", made.value.id), None))
}

/// Get a plan.
#[utoipa::path(get, path = "/plans/{id}", tag = "plans", params(("id" = i64, Path, description = "Plan")),
    responses((status = 200, description = "The plan", body = PlanView)))]
pub(crate) async fn get_plan(
    State(app): State<App>,
    caller: Caller,
    id: Id<PlanId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&plans::find(&app, &caller, id.0).await?))
}

/// List the clients of a plan, with what would be written to each.
#[utoipa::path(get, path = "/plans/{id}/targets", tag = "plans",
    params(("id" = i64, Path, description = "Plan"), PlanTargetQuery),
    responses((status = 200, description = "Clients by their ids", body = Page<PlanTargetView>)))]
pub(crate) async fn list_plan_targets(
    State(app): State<App>,
    caller: Caller,
    id: Id<PlanId>,
    query: AppResult<Query<PlanTargetQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&plans::targets(&app, id.0, query?.0).await?))
}

/// Apply a plan: set the desired values and make the job that writes them. When something has changed since, the
/// answer is `plan_stale` with a new plan, and nothing is changed.
#[utoipa::path(post, path = "/plans/{id}/apply", tag = "plans",
    params(("id" = i64, Path, description = "Plan"), IdempotencyKey), request_body = ApplyPlan,
    responses((status = 201, description = "Applied", body = PlanApplied, headers(("Location" = String)))))]
pub(crate) async fn apply_plan(
    State(app): State<App>,
    caller: Caller,
    id: Id<PlanId>,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<ApplyPlan>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let applied = plans::apply(&app, &caller, id.0, &body, key.as_ref()).await?;
    let location = match applied.value.job_id {
        Some(job) => format!("/api/v1/jobs/{job}"),
        None => format!("/api/v1/plans/{}", applied.value.plan_id),
    };
    Ok(created(&applied, &location, None))
}

/// Forget a plan. A job it became goes on.
#[utoipa::path(delete, path = "/plans/{id}", tag = "plans", params(("id" = i64, Path, description = "Plan")),
    responses((status = 204, description = "Forgotten")))]
pub(crate) async fn delete_plan(
    State(app): State<App>,
    caller: Caller,
    id: Id<PlanId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    plans::delete(&app, &caller, id.0).await?;
    Ok(gone())
}
