//! `/clients/{id}/files`: files of a client (OSEM §7.1.6).

use api::file::ClientFiles;
use axum::extract::State;
use domain::{ClientId, Permission};

use super::answer::{Answer, plain};
use super::extract::{Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, firmware};

/// List the files of a client: those the phone says it has, those its templates want on it, and its software.
#[utoipa::path(get, path = "/clients/{id}/files", tag = "clients", params(("id" = i64, Path, description = "Client")),
    responses((status = 200, description = "Files", body = ClientFiles)))]
pub(crate) async fn list_client_files(
    State(app): State<App>,
    caller: Caller,
    id: Id<ClientId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&firmware::files_of(&app, id.0).await?))
}
