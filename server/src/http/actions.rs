//! `/clients/actions`: what is done with clients, as jobs (OSEM §4.5).

use api::header::IdempotencyKey;
use api::job::{JobView, NewAction};
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, created};
use super::extract::{Create, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, actions};

/// Refresh, restart, reset or delete clients, now or later.
#[utoipa::path(post, path = "/clients/actions", tag = "clients", params(IdempotencyKey), request_body = NewAction,
    responses((status = 201, description = "The job", body = JobView, headers(("Location" = String)))))]
pub(crate) async fn create_client_action(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewAction>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let made = actions::create(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/jobs/{}", made.value.id), Some(made.value.revision)))
}
