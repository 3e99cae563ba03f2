//! `/dashboard`: figures at a glance (OSEM §2.1).

use api::dashboard::Dashboard;
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, plain};
use super::extract::{NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, dashboard};

/// Get the figures of the welcome page.
#[utoipa::path(get, path = "/dashboard", tag = "dashboard",
    responses((status = 200, description = "Figures", body = Dashboard)))]
pub(crate) async fn get_dashboard(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&dashboard::read(&app, &caller).await?))
}
