//! `/clients/{id}/copy` and `/clients/{id}/template`: what one client has, for another one or for many (OSEM §4.5.5,
//! §4.5.6).

use api::copy::{CopiedClient, CopyClient};
use api::header::IdempotencyKey;
use api::template::{GenerateTemplate, TemplateView};
use axum::extract::State;
use domain::{ClientId, Permission};

use super::answer::{Answer, created, plain};
use super::extract::{Create, Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, copies, generate};

/// Copy a client: to other hardware, which makes a prepared client with the same number; or after a factory reset, when
/// the client itself waits for its phone once more. With `dry_run` nothing is changed.
#[utoipa::path(post, path = "/clients/{id}/copy", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IdempotencyKey), request_body = CopyClient,
    responses((status = 201, description = "Prepared for other hardware", body = CopiedClient,
            headers(("Location" = String))),
        (status = 200, description = "Waits for its phone; or what a copy would be", body = CopiedClient)))]
pub(crate) async fn copy_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<CopyClient>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let makes_one = matches!(&body, CopyClient::HardwareChange { dry_run: false, .. });
    let made = copies::copy(&app, &caller, id.0, body, key.as_ref()).await?;
    match made.value.client.as_ref().filter(|_| makes_one).map(|client| client.id) {
        Some(copy) => Ok(created(&made, &format!("/api/v1/clients/{copy}"), None)),
        None => Ok(plain(&made.value)),
    }
}

/// Generate a template from a client: of each parameter what is desired, or else what the phone reports. When that
/// changes what is desired of clients, the answer is `plan_required`: applying the plan creates it.
#[utoipa::path(post, path = "/clients/{id}/template", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IdempotencyKey), request_body = GenerateTemplate,
    responses((status = 201, description = "Created", body = TemplateView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn generate_template(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<GenerateTemplate>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let Create { body, key } = request?;
    let made = generate::generate(&app, &caller, id.0, body, key.as_ref()).await?;
    let location = format!("/api/v1/templates/{}", made.value.id);
    Ok(created(&made, &location, Some(made.value.revision)))
}
