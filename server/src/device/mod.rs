//! The phones' side: HTTP as `wpi.md` §2 has it, and the session driver behind it.
//!
//! ```text
//! mod       HTTP: method, type, bounded body, cookie, the headers of answers; files are `crate::fileserver`
//! exchange  one message and its answer
//! sessions  which session a message belongs to (D-7)
//! translate wire <-> domain
//! cookie    the one cookie (D-8)
//! ```

mod cookie;
mod exchange;
mod sessions;
mod translate;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use domain::setting::SettingKey;
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::fileserver;
use crate::net::Peer;
use exchange::Exchange;

/// Memory for bodies of requests being read or answered, in KiB: connections are many, and each may send a
/// large message slowly.
const BODIES_KIB: u32 = 256 * 1024;

/// Serves phones on every WPI port. Cheap to clone.
#[derive(Clone)]
pub struct Device {
    app: App,
    exchange: Arc<Exchange>,
    bodies: Arc<Semaphore>,
}

impl Device {
    /// A service without sessions; `key` is a random number.
    pub fn new(app: App, key: u64) -> Self {
        let exchange = Arc::new(Exchange::new(app.clone(), key));
        Self { app, exchange, bodies: Arc::new(Semaphore::new(BODIES_KIB as usize)) }
    }

    /// Drops silent sessions; to be called every second.
    pub fn sweep(&self) {
        self.exchange.sweep();
    }

    /// Answers one request. Never fails: what is not WPI gets an empty answer with a status.
    ///
    /// # Errors
    /// None.
    pub async fn handle<B>(self, request: Request<B>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Ok(match self.answer(request).await {
            Ok(response) => response,
            Err(refusal) => self.refuse(refusal),
        })
    }

    async fn answer<B>(&self, request: Request<B>) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let peer = request
            .extensions()
            .get::<Peer>()
            .cloned()
            .ok_or(Refusal::new(StatusCode::BAD_REQUEST, "no_peer"))?;
        let is_fetch = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_fetch && fileserver::is_file_path(request.uri().path()) {
            let (head, _) = request.into_parts();
            let from = peer.address.ip().to_canonical();
            let answer = fileserver::serve(&self.app, &head.method, head.uri.path(), &head.headers, from);
            return Ok(answer.await.map(Body::new));
        }
        if request.method() != Method::POST {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method"));
        }
        if request.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding"));
        }
        // Any path is served (`wpi.md` §1.3): what is asked for stands in the body.
        let path = request.uri().path().to_owned();
        let cookie = request
            .headers()
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(cookie::session)
            .map(str::to_owned);
        // Held until the message is answered.
        let (body, _share) = self.body(request.into_body()).await?;
        let request = exchange::Request {
            body: &body,
            cookie: cookie.as_deref(),
            connection: peer.connection,
            peer: peer.address.ip().to_canonical(),
            local: SocketAddr::new(peer.local.ip().to_canonical(), peer.local.port()),
        };
        let answer = self.exchange.take(request).await.map_err(|error| {
            tracing::info!(peer = %peer.address, %error, bytes = body.len(), "a request is not WPI");
            Refusal::new(StatusCode::BAD_REQUEST, error.kind.code())
        })?;
        let bytes = answer.message.to_bytes().map_err(|error| {
            tracing::error!(peer = %peer.address, %error, "an answer could not be written");
            Refusal::new(StatusCode::BAD_REQUEST, "unwritable_answer")
        })?;
        let mut response = Response::new(Body::from(bytes));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=UTF-8"));
        if let Some(session) = answer.cookie
            && let Ok(value) = HeaderValue::from_str(&cookie::set(&session, &path))
        {
            response.headers_mut().insert(SET_COOKIE, value);
        }
        Ok(response)
    }

    /// The body, bounded in size and time, with its share of the memory for all bodies. A declared length
    /// beyond the limit is refused unread; a body without one counts as large as the limit.
    async fn body<B>(&self, body: B) -> Result<(Bytes, OwnedSemaphorePermit), Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let most =
            usize::try_from(self.app.settings.integer(SettingKey::MaximumMessageBytes)).unwrap_or(usize::MAX);
        let hint = body.size_hint();
        if hint.lower() > most as u64 {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
        }
        let kibibytes = hint.exact().unwrap_or(most as u64).div_ceil(1024);
        let share = u32::try_from(kibibytes).unwrap_or(u32::MAX).clamp(1, BODIES_KIB);
        let share = Arc::clone(&self.bodies)
            .try_acquire_many_owned(share)
            .map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_bodies"))?;
        let seconds = self.app.settings.integer(SettingKey::RequestTimeout).unsigned_abs();
        let collected =
            tokio::time::timeout(Duration::from_secs(seconds), Limited::new(body, most).collect());
        match collected.await {
            Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow")),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large"))
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "a request body broke off");
                Err(Refusal::new(StatusCode::BAD_REQUEST, "broken_body"))
            }
            Ok(Ok(body)) => Ok((body.to_bytes(), share)),
        }
    }

    /// Never HTML, never a hang: a status, an empty body, and the connection ends.
    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        self.app.phones.request_refused(refusal.code);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = refusal.status;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// Why a request gets no WPI answer.
#[derive(Clone, Copy)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code }
    }
}
