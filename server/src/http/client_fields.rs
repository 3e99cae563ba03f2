//! `/client-fields`: fields an administrator adds to clients, and `/clients/{id}/fields`: the values of one.

use api::Page;
use api::client::ClientView;
use api::client_field::{ChangeClientField, ClientFieldView, NewClientField, SetClientFields};
use api::header::{IdempotencyKey, IfMatch};
use axum::extract::State;
use domain::{ClientId, Permission};

use super::answer::{Answer, created, gone, plain, tagged};
use super::extract::{Create, Id, Json, Name, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, client_fields};

/// List the fields clients can have.
#[utoipa::path(get, path = "/client-fields", tag = "client-fields",
    responses((status = 200, description = "Fields by name, all of them", body = Page<ClientFieldView>)))]
pub(crate) async fn list_client_fields(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&client_fields::list(&app).await?))
}

/// Add a field to clients.
#[utoipa::path(post, path = "/client-fields", tag = "client-fields", params(IdempotencyKey),
    request_body = NewClientField,
    responses((status = 201, description = "Made", body = ClientFieldView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_client_field(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewClientField>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let Create { body, key } = request?;
    let made = client_fields::create(&app, &caller, &body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/client-fields/{}", made.value.name), Some(made.value.revision)))
}

/// Give a field another label. Its name stays: it stands in templates and filters.
#[utoipa::path(patch, path = "/client-fields/{name}", tag = "client-fields",
    params(("name" = String, Path, description = "Field"), IfMatch), request_body = ChangeClientField,
    responses((status = 200, description = "Changed", body = ClientFieldView, headers(("ETag" = String)))))]
pub(crate) async fn update_client_field(
    State(app): State<App>,
    caller: Caller,
    name: Name,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeClientField>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let field = client_fields::change(&app, &caller, &name.0, &expected, &body?.0).await?;
    Ok(tagged(field.revision, &field))
}

/// Delete a field with the values clients have, unless a group or template needs it.
#[utoipa::path(delete, path = "/client-fields/{name}", tag = "client-fields",
    params(("name" = String, Path, description = "Field"), IfMatch),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_client_field(
    State(app): State<App>,
    caller: Caller,
    name: Name,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    client_fields::delete(&app, &caller, &name.0, &expected).await?;
    Ok(gone())
}

/// Set the fields of a client, all of them. When that changes what is desired of it, the answer is 409
/// `plan_required`: applying the plan sets them.
#[utoipa::path(put, path = "/clients/{id}/fields", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IfMatch), request_body = SetClientFields,
    responses((status = 200, description = "Set", body = ClientView, headers(("ETag" = String)))))]
pub(crate) async fn set_client_fields(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<SetClientFields>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let client = client_fields::set_of_client(&app, &caller, id.0, &expected, &body?.0).await?;
    Ok(tagged(client.revision, &client))
}
