//! `/clients/{id}/layers`: where a value of a client comes from (D-18).

use api::Page;
use api::template::{LayerQuery, LayerView};
use axum::extract::State;
use domain::{ClientId, Permission};

use super::answer::{Answer, plain};
use super::extract::{Id, Query};
use crate::App;
use crate::app::{AppResult, Caller, client_layers};

/// List the layers that have a value for a parameter of a client, strongest first.
#[utoipa::path(get, path = "/clients/{id}/layers", tag = "clients",
    params(("id" = i64, Path, description = "Client"), LayerQuery),
    responses((status = 200, description = "Layers", body = Page<LayerView>)))]
pub(crate) async fn list_client_layers(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<LayerQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&client_layers::list(&app, id.0, &query?.0).await?))
}
