//! What the handlers share.

use std::error::Error as _;
use std::sync::Arc;

use axum::extract::FromRef;

use crate::App;
use crate::app::access_token::TokenKeys;
use crate::app::brake::Brake;
use crate::app::parameters::Document;

/// State of the API of one node.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(super) app: App,
    pub(super) brake: Arc<Brake>,
    pub(super) token_keys: Arc<TokenKeys>,
    /// The parameter catalogue as it is sent; `None` when it could not be written.
    pub(super) catalogue: Option<Arc<Document>>,
}

impl ApiState {
    pub(crate) fn new(app: App) -> Self {
        let catalogue = Document::new(&app.catalogue).inspect_err(|error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::error!(error = cause, "the parameter catalogue cannot be sent");
        });
        Self {
            app,
            brake: Arc::default(),
            token_keys: Arc::default(),
            catalogue: catalogue.ok().map(Arc::new),
        }
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

impl FromRef<ApiState> for Arc<TokenKeys> {
    fn from_ref(state: &ApiState) -> Self {
        Arc::clone(&state.token_keys)
    }
}

impl FromRef<ApiState> for Option<Arc<Document>> {
    fn from_ref(state: &ApiState) -> Self {
        state.catalogue.clone()
    }
}
