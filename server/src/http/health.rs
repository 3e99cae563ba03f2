//! `/healthz` and `/readyz`, for load balancers and monitoring.

use api::health::Health;
use axum::extract::State;

use super::answer::{Answer, plain};
use super::extract::{NoParameters, Query};
use crate::App;
use crate::app::{AppResult, health};

fn ok() -> Health {
    Health { status: "ok".to_owned() }
}

/// Whether the server is alive.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "Alive", body = Health)))]
pub(crate) async fn get_health(query: AppResult<Query<NoParameters>>) -> Answer {
    query?;
    Ok(plain(&ok()))
}

/// Whether the server is ready: its ports are open and its database answers.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready", body = Health)))]
pub(crate) async fn get_readiness(State(app): State<App>, query: AppResult<Query<NoParameters>>) -> Answer {
    query?;
    health::ready(&app).await?;
    Ok(plain(&ok()))
}
