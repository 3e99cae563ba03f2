//! `/clients/{id}/configuration` and `/clients/{id}/revisions`: what is desired of a client and how it came about.

use api::Page;
use api::configuration::{ConfigurationQuery, ParameterStateView};
use api::revision::{RevisionQuery, RevisionView};
use axum::extract::State;
use domain::{ClientId, Permission};

use super::answer::{Answer, plain};
use super::extract::{Id, Id2, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, client_configuration};

/// List the parameters of a client: desired, reported, and how both stand. Values of secrets are never shown.
#[utoipa::path(get, path = "/clients/{id}/configuration", tag = "configuration",
    params(("id" = i64, Path, description = "Client"), ConfigurationQuery),
    responses((status = 200, description = "Parameters, in the order of the catalogue",
        body = Page<ParameterStateView>)))]
pub(crate) async fn list_client_configuration(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<ConfigurationQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&client_configuration::list(&app, id.0, &query?.0).await?))
}

/// List the revisions of a client's desired configuration.
#[utoipa::path(get, path = "/clients/{id}/revisions", tag = "configuration",
    params(("id" = i64, Path, description = "Client"), RevisionQuery),
    responses((status = 200, description = "Revisions, newest first", body = Page<RevisionView>)))]
pub(crate) async fn list_client_revisions(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<RevisionQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&client_configuration::revisions(&app, id.0, &query?.0).await?))
}

/// Get a revision of a client's desired configuration, with what it changed.
#[utoipa::path(get, path = "/clients/{id}/revisions/{number}", tag = "configuration",
    params(("id" = i64, Path, description = "Client"), ("number" = i64, Path, description = "Revision")),
    responses((status = 200, description = "The revision", body = RevisionView)))]
pub(crate) async fn get_client_revision(
    State(app): State<App>,
    caller: Caller,
    Id2(id, number): Id2<ClientId, i64>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&client_configuration::revision(&app, id, number).await?))
}
