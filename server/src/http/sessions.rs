//! `/sessions`: open sessions of the own account (OSEM §2.8.3).

use api::Page;
use api::session::{EndSessions, SessionView, SessionsEnded};
use axum::extract::State;
use domain::{Permission, SessionId};

use super::answer::{Answer, gone, plain};
use super::extract::{Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, sessions};

/// List the own sessions.
#[utoipa::path(get, path = "/sessions", tag = "sessions",
    responses((status = 200, description = "Open sessions, newest first", body = Page<SessionView>)))]
pub(crate) async fn list_sessions(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    Ok(plain(&sessions::list(&app, &caller).await?))
}

/// End one of the own sessions.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = i64, Path, description = "Session")),
    responses((status = 204, description = "Ended")))]
pub(crate) async fn delete_session(
    State(app): State<App>,
    caller: Caller,
    id: Id<SessionId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    sessions::end(&app, &caller, id.0).await?;
    Ok(gone())
}

/// End all own sessions but the one of this request, or really all.
#[utoipa::path(delete, path = "/sessions", tag = "sessions", params(EndSessions),
    responses((status = 200, description = "Ended", body = SessionsEnded)))]
pub(crate) async fn delete_sessions(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<EndSessions>>,
) -> Answer {
    caller.require(Permission::Own)?;
    Ok(plain(&sessions::end_all(&app, &caller, &query?.0).await?))
}
