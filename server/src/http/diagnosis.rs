//! `/diagnosis`: why phones cannot connect.

use api::Page;
use api::diagnosis::HandshakeFailureView;
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, plain};
use super::extract::{NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, diagnosis};

/// List addresses whose TLS handshakes with this node fail, the one seen last first.
#[utoipa::path(get, path = "/diagnosis/handshakes", tag = "diagnosis",
    responses((status = 200, description = "Failures by address", body = Page<HandshakeFailureView>)))]
pub(crate) async fn list_handshake_failures(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadSettings)?;
    query?;
    Ok(plain(&diagnosis::handshakes(&app)))
}
