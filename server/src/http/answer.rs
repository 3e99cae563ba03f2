//! How handlers answer: the thing with its ETag, a new thing with its address, or nothing.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::app::AppResult;
use crate::app::idempotency::Created;

/// Marks the answer of an earlier call with the same `Idempotency-Key`.
const REPLAYED: &str = "idempotency-replayed";

/// What a handler gives.
pub(crate) type Answer = AppResult<Response>;

/// A thing with the revision that a change of it must name.
pub(super) fn tagged(revision: i64, thing: &impl Serialize) -> Response {
    let mut response = Json(thing).into_response();
    insert(&mut response, ETAG, &format!("\"{revision}\""));
    response
}

/// A thing that was created, or had been created by the same call before.
pub(super) fn created<T: Serialize>(made: &Created<T>, location: &str, revision: Option<i64>) -> Response {
    let mut response = (StatusCode::CREATED, Json(&made.value)).into_response();
    insert(&mut response, LOCATION, location);
    if let Some(revision) = revision {
        insert(&mut response, ETAG, &format!("\"{revision}\""));
    }
    if made.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// It is gone.
pub(super) fn gone() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A list or a figure.
pub(super) fn plain(thing: &impl Serialize) -> Response {
    Json(thing).into_response()
}

fn insert(response: &mut Response, name: http::HeaderName, value: &str) {
    // Numbers and addresses of ours; nothing else is a value here.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
