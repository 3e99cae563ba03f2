//! The one conversion of an [`AppError`] into a problem document (RFC 9457).
//!
//! In two steps: a handler's error becomes an answer that carries it; `context` then writes the document,
//! because only there the request id is known, and logs it once.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use api::{Code, Problem};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::app::AppError;

/// When to try again what is not available now and does not say when it will be.
const RETRY: Duration = Duration::from_secs(5);

/// An error on its way to `context`.
#[derive(Clone)]
struct Carried(Arc<AppError>);

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.code());
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Gives an answer with an error status its document. Answers of libraries that carry no error of ours get
/// one by their status, so that nothing but problem documents leaves the API.
pub(super) fn write(mut response: Response, request_id: &str) -> Response {
    let carried = response.extensions_mut().remove::<Carried>();
    let error = match carried {
        Some(Carried(error)) => error,
        None if response.status().is_client_error() || response.status().is_server_error() => {
            Arc::new(by_status(response.status()))
        }
        None => return response,
    };
    log(&error);
    let code = error.code();
    let document = Problem {
        kind: code.urn(),
        title: code.title().to_owned(),
        status: code.status(),
        code,
        detail: error.detail().to_owned(),
        args: error.args().clone(),
        errors: error.errors().to_vec(),
        request_id: Some(request_id.to_owned()),
    };
    *response.status_mut() = status(code);
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let unavailable = (code == Code::Unavailable).then_some(RETRY);
    if let Some(wait) = error.retry_after().or(unavailable) {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if code.status() == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"workpoint\""));
    }
    *response.body_mut() = Body::from(serde_json::to_vec(&document).unwrap_or_default());
    response
}

fn by_status(status: StatusCode) -> AppError {
    match status {
        StatusCode::NOT_FOUND => AppError::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(),
        StatusCode::PAYLOAD_TOO_LARGE => {
            AppError::new(Code::BodyTooLarge, "The body is larger than allowed.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => AppError::new(Code::UnsupportedMediaType, "Send JSON."),
        status if status.is_client_error() => {
            AppError::new(Code::MalformedRequest, "The request cannot be understood.")
        }
        status => AppError::internal(format!("an answer with status {status} and no reason")),
    }
}

/// The address is right and the method is not.
pub(super) fn method_not_allowed() -> AppError {
    AppError::new(Code::MethodNotAllowed, "This address does not take this method.")
}

/// A failure is logged once, here; a refusal is the caller's own doing (`docs/logging.md`).
fn log(error: &AppError) {
    if error.code().status() < 500 {
        tracing::debug!(code = error.code().as_str(), "request refused");
        return;
    }
    let mut causes = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(code = error.code().as_str(), error = causes, "request failed");
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::app::AppError;
    use api::{Code, FieldError, Problem};
    use axum::body::{Body, to_bytes};
    use axum::response::{IntoResponse, Response};
    use std::time::Duration;

    async fn document(response: Response) -> (Response, Problem) {
        let (parts, body) = write(response, "r1").into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let problem = serde_json::from_slice(&bytes).unwrap();
        (Response::from_parts(parts, Body::empty()), problem)
    }

    #[tokio::test]
    async fn an_error_becomes_a_document_with_everything_a_reader_needs() {
        let error =
            AppError::field(FieldError::new("/roles/0", "not_a_choice", "must be a role").arg("a", 1));
        let (response, problem) = document(error.into_response()).await;
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(problem.code, Code::InvalidFields);
        assert_eq!(problem.kind, "urn:workpoint:problem:invalid_fields");
        assert_eq!(problem.errors[0].field, "/roles/0");
        assert_eq!(problem.request_id.as_deref(), Some("r1"));
    }

    #[tokio::test]
    async fn headers_go_with_the_status() {
        let (response, _) =
            document(AppError::too_many_attempts(Duration::from_secs(40)).into_response()).await;
        assert_eq!(response.headers()["retry-after"], "40");
        let (response, _) = document(AppError::new(Code::Unavailable, "x").into_response()).await;
        assert_eq!(response.headers()["retry-after"], "5");
        let (response, _) = document(AppError::unauthenticated().into_response()).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"workpoint\"");
    }

    #[tokio::test]
    async fn the_cause_of_a_failure_stays_inside() {
        let (response, problem) = document(AppError::internal("password=secret").into_response()).await;
        assert_eq!(response.status(), 500);
        assert!(!problem.detail.contains("secret"));
    }

    #[tokio::test]
    async fn what_libraries_refuse_is_a_document_too() {
        let plain = |status: u16| Response::builder().status(status).body(Body::from("plain text")).unwrap();
        assert_eq!(document(plain(404)).await.1.code, Code::NotFound);
        assert_eq!(document(plain(413)).await.1.code, Code::BodyTooLarge);
        assert_eq!(document(plain(400)).await.1.code, Code::MalformedRequest);
        assert_eq!(document(plain(501)).await.1.code, Code::Internal);
        let good = write(plain(200), "r1");
        assert_eq!(to_bytes(good.into_body(), 100).await.unwrap(), "plain text");
    }
}
