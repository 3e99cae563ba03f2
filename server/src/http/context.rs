//! What every request gets: an id, a span, problem documents, security headers, answers for addresses and
//! methods that do not exist.

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::console::{self, ConsoleFile};
use super::extract::LARGEST_BODY;
use super::problem;
use super::state::ApiState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The documentation page: nothing from elsewhere, inline styles because Swagger UI writes them.
const DOCS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
/// Everything else is data, which no browser has a reason to run.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// What somebody has uploaded, opened by itself: nothing of it runs, and it is a stranger to the console.
const STORED_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// Marks an answer with content that somebody has uploaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredContent;

/// Puts around the routes what every request gets.
pub(crate) fn finish(router: Router<ApiState>, state: ApiState) -> Router {
    router
        .method_not_allowed_fallback(|| async { problem::method_not_allowed() })
        .fallback(console::answer)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

async fn around(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let request_id = request_id(&state);
    let docs = request.uri().path().starts_with("/api/docs");
    // The pattern, never the address itself: ids are fields where they matter, and anything may be typed.
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        request_id,
        method = %request.method(),
        path,
        account = tracing::field::Empty,
        token = tracing::field::Empty,
    );
    let begun = Instant::now();
    async move {
        let response = next.run(request).await;
        let mut response = problem::write(response, &request_id);
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(status = response.status().as_u16(), elapsed_ms, "request answered");
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        let console = response.extensions().get::<ConsoleFile>().is_some();
        let stored = response.extensions().get::<StoredContent>().is_some();
        secure(response.headers_mut(), docs, console);
        if stored {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, STORED_POLICY);
        }
        response
    }
    .instrument(span)
    .await
}

/// Finds a request in the log; not a secret.
fn request_id(state: &ApiState) -> String {
    match state.app.entropy.bytes::<8>() {
        Ok(bytes) => hex::encode(bytes),
        Err(error) => {
            tracing::warn!(error = %error, "a request has no id");
            "unknown".to_owned()
        }
    }
}

/// Files of the console bring their own policy and may be kept; everything else is data or documentation.
fn secure(headers: &mut HeaderMap, docs: bool, console: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if console {
        return;
    }
    // Only a handler that says so itself lets the reader's own browser keep something.
    if !headers.get(CACHE_CONTROL).is_some_and(|kept| kept.as_bytes().starts_with(b"private")) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(if docs { "no-cache" } else { "no-store" }));
    }
    headers.insert(CONTENT_SECURITY_POLICY, if docs { DOCS_POLICY } else { DATA_POLICY });
}
