//! `/clients`: phones in the inventory (OSEM §4).

use api::Page;
use api::client::{ClientExportQuery, ClientQuery, ClientView, ItemQuery, ItemView};
use api::header::IfMatch;
use api::job::JobView;
use axum::extract::State;
use axum::response::IntoResponse as _;
use domain::{ClientId, Permission};
use http::StatusCode;

use super::answer::{Answer, gone, plain, tagged};
use super::export;
use super::extract::{Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, actions, clients};

const COLUMNS: &[&str] = &[
    "id",
    "device_id",
    "state",
    "quarantine_reason",
    "e164",
    "basic_e164",
    "device_type",
    "model",
    "software_type",
    "software_version",
    "part_number",
    "key_modules",
    "backlight",
    "gigabit",
    "contact_me_uri",
    "peer_address",
    "bound_network",
    "secure_mode",
    "mobility",
    "access",
    "faults",
    "warnings",
    "last_contact_at",
    "last_contact_reason",
    "full_read_at",
    "approved",
    "open_targets",
    "drifted",
    "secrets_withheld",
    "not_seen",
    "created_at",
    "updated_at",
];

/// List clients.
#[utoipa::path(get, path = "/clients", tag = "clients", params(ClientQuery),
    responses((status = 200, description = "Clients", body = Page<ClientView>)))]
pub(crate) async fn list_clients(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ClientQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&clients::list(&app, query?.0).await?))
}

/// Export clients.
#[utoipa::path(get, path = "/clients/export", tag = "clients", params(ClientExportQuery),
    responses((status = 200, description = "Clients", content(
        (Vec<ClientView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_clients(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ClientExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    let query = query?.0;
    let format = query.format.unwrap_or_default();
    Ok(export::answer("clients", format, COLUMNS, clients::export(app, &query.into()).await?))
}

/// Get a client.
#[utoipa::path(get, path = "/clients/{id}", tag = "clients", params(("id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The client", body = ClientView, headers(("ETag" = String)))))]
pub(crate) async fn get_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let client = clients::find(&app, id.0).await?;
    Ok(tagged(client.revision, &client))
}

/// List what a client reports. Values of secrets are never shown.
#[utoipa::path(get, path = "/clients/{id}/items", tag = "clients",
    params(("id" = i64, Path, description = "Client"), ItemQuery),
    responses((status = 200, description = "Items by name and index, all of them", body = Page<ItemView>)))]
pub(crate) async fn list_client_items(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<ItemQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&clients::items(&app, id.0, &query?.0).await?))
}

/// Have everything read from the client, as a job.
#[utoipa::path(post, path = "/clients/{id}/refresh", tag = "clients", params(("id" = i64, Path, description = "Client")),
    responses((status = 202, description = "The job", body = JobView, headers(("ETag" = String)))))]
pub(crate) async fn refresh_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    let job = actions::refresh(&app, &caller, id.0).await?;
    Ok((StatusCode::ACCEPTED, tagged(job.revision, &job)).into_response())
}

/// Delete a client with everything it reported.
#[utoipa::path(delete, path = "/clients/{id}", tag = "clients",
    params(("id" = i64, Path, description = "Client"), IfMatch),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_client(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    clients::delete(&app, &caller, id.0, &expected).await?;
    Ok(gone())
}
