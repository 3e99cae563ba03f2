//! `/clients`: preparing, changing prepared ones, approving, releasing (OSEM §4.1, D-1, D-4, D-24).

use api::client::ClientView;
use api::header::{IdempotencyKey, IfMatch};
use api::prepared::{ChangeClient, NewClient};
use axum::extract::State;
use domain::{ClientId, Permission};

use super::answer::{Answer, created, tagged};
use super::extract::{Create, Id, Json, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, prepared};

/// Prepare a client for a phone that has not made contact yet.
#[utoipa::path(post, path = "/clients", tag = "clients", params(IdempotencyKey), request_body = NewClient,
    responses((status = 201, description = "Prepared", body = ClientView,
        headers(("Location" = String), ("ETag" = String)))))]
pub(crate) async fn create_client(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewClient>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let Create { body, key } = request?;
    let made = prepared::create(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/clients/{}", made.value.id), Some(made.value.revision)))
}

/// Change a prepared client.
#[utoipa::path(patch, path = "/clients/{id}", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IfMatch), request_body = ChangeClient,
    responses((status = 200, description = "Changed", body = ClientView, headers(("ETag" = String)))))]
pub(crate) async fn update_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeClient>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let client = prepared::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(client.revision, &client))
}

/// Approve a client: it may get secrets in default mode, at the address it has.
#[utoipa::path(post, path = "/clients/{id}/approve", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IfMatch),
    responses((status = 200, description = "Approved", body = ClientView, headers(("ETag" = String)))))]
pub(crate) async fn approve_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let client = prepared::approve(&app, &caller, id.0, &expected).await?;
    Ok(tagged(client.revision, &client))
}

/// Release a client from quarantine: its next contact says what it is and binds it to its network.
#[utoipa::path(post, path = "/clients/{id}/release", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IfMatch),
    responses((status = 200, description = "Released", body = ClientView, headers(("ETag" = String)))))]
pub(crate) async fn release_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let client = prepared::release(&app, &caller, id.0, &expected).await?;
    Ok(tagged(client.revision, &client))
}
