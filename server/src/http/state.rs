//! What the handlers share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::App;
use crate::app::brake::Brake;

/// State of the API of one node.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(super) app: App,
    pub(super) brake: Arc<Brake>,
}

impl ApiState {
    pub(crate) fn new(app: App) -> Self {
        Self { app, brake: Arc::default() }
    }
}

impl FromRef<ApiState> for App {
    fn from_ref(state: &ApiState) -> Self {
        state.app.clone()
    }
}

impl FromRef<ApiState> for Arc<Brake> {
    fn from_ref(state: &ApiState) -> Self {
        Arc::clone(&state.brake)
    }
}
