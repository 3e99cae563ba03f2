//! What handlers take out of a request. Everything from outside is bounded before it is looked at, and a
//! failure is an [`AppError`].
//!
//! Query and body are taken as `AppResult<…>` and opened after the permission was asked for: who may not,
//! learns nothing about what they sent.

use std::convert::Infallible;
use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

use api::Code;
use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use domain::Secret;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, IF_MATCH, USER_AGENT};
use http::request::Parts;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::read;
use crate::app::idempotency::IdempotencyKey;
use crate::app::sign_in::Visitor;
use crate::app::{AppError, AppResult, Expected};
use crate::net::Peer;

/// Largest body that is read, in bytes.
pub(super) const LARGEST_BODY: usize = 1024 * 1024;
/// Largest body with a template's file in it, in bytes: the file has up to 1 MiB, and as a text of JSON every end of a line
/// and every quotation mark in it is two characters.
pub(crate) const LARGEST_FILE_BODY: usize = 2_621_440;
/// Time a body has to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Longest `Idempotency-Key`.
const LONGEST_KEY: usize = 128;
/// The cookie of a browser session. The prefix has browsers take it from this host alone, with TLS, for all paths
/// (RFC 6265bis §4.1.3.2), so that a neighbour under the same domain plants none.
pub(super) const SESSION_COOKIE: &str = "__Host-workpoint_session";

/// Parameters of the query string.
pub(crate) struct Query<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> AppResult<Self> {
        read::query(parts.uri.query().unwrap_or_default()).map(Self).map_err(AppError::field)
    }
}

/// For operations that take no parameters: a misspelt one, or one of another operation, is refused and not
/// ignored. `DELETE /notifications?severity=…` must not remove them all.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// The number in the address. What is no number is the id of nothing.
pub(crate) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> AppResult<Self> {
        let Name(text) = Name::from_request_parts(parts, state).await?;
        text.parse().map(Self).map_err(|_| AppError::not_found())
    }
}

/// The two numbers in the address, outer thing first.
pub(crate) struct Id2<A, B>(pub(super) A, pub(super) B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Id2<A, B> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> AppResult<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((outer, inner)) = path.map_err(|_| AppError::not_found())?;
        match (outer.parse(), inner.parse()) {
            (Ok(outer), Ok(inner)) => Ok(Self(outer, inner)),
            _ => Err(AppError::not_found()),
        }
    }
}

/// The name in the address.
pub(crate) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> AppResult<Self> {
        // Fails only for what is not UTF-8, which names nothing either.
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(text)| Self(text)).map_err(|_| AppError::not_found())
    }
}

/// A JSON body.
pub(crate) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, _: &S) -> AppResult<Self> {
        let (parts, body) = request.into_parts();
        let bytes = body_bytes(&parts.headers, body, LARGEST_BODY).await?;
        parse(&bytes).map(Self)
    }
}

/// The JSON body of a creating call, of up to `MOST` bytes, with its `Idempotency-Key` if it has one.
pub(crate) struct Create<T, const MOST: usize = LARGEST_BODY> {
    pub(super) body: T,
    pub(super) key: Option<IdempotencyKey>,
}

impl<S: Send + Sync, T: DeserializeOwned, const MOST: usize> FromRequest<S> for Create<T, MOST> {
    type Rejection = AppError;

    async fn from_request(request: Request, _: &S) -> AppResult<Self> {
        let (parts, body) = request.into_parts();
        let key = idempotency_key(&parts.headers)?;
        let bytes = body_bytes(&parts.headers, body, MOST).await?;
        let key = key.map(|key| {
            let mut hasher = Sha256::new();
            for piece in [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), &bytes] {
                hasher.update((piece.len() as u64).to_be_bytes());
                hasher.update(piece);
            }
            IdempotencyKey { key, request_digest: hasher.finalize().to_vec() }
        });
        Ok(Self { body: parse(&bytes)?, key })
    }
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> AppResult<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| {
        (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(malformed("The header Idempotency-Key takes 1 to 128 visible characters.")),
    }
}

fn malformed(text: impl Into<String>) -> AppError {
    AppError::new(Code::MalformedRequest, text)
}

async fn body_bytes(headers: &HeaderMap, body: HttpBody, most: usize) -> AppResult<Bytes> {
    let json = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
    if !json {
        return Err(AppError::new(
            Code::UnsupportedMediaType,
            "Send JSON, with Content-Type: application/json.",
        ));
    }
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    let read = tokio::time::timeout(BODY_TIME, to_bytes(body, most)).await;
    let read = read.map_err(|_| AppError::new(Code::RequestTimeout, "The body did not arrive in time."))?;
    read.map_err(|error| {
        let too_long = error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
        if too_long { too_large(most) } else { malformed("The body did not arrive completely.") }
    })
}

/// The length a body is said to have.
pub(super) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn too_large(most: usize) -> AppError {
    AppError::new(Code::BodyTooLarge, "The body is larger than allowed.").arg("limit", most)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> AppResult<T> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        malformed("The body is not JSON.").arg("line", error.line()).arg("column", error.column())
    })?;
    read::json(&value).map_err(AppError::field)
}

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Ok(Self::Missing);
        }
        let tags: Vec<&str> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .collect();
        if tags.contains(&"*") {
            return Ok(Self::Any);
        }
        // Weak tags never match here (RFC 9110 §13.1.1), nor does what is no tag of ours.
        let revision = |tag: &&str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        Ok(Self::OneOf(tags.iter().filter_map(revision).collect()))
    }
}

/// The session cookie, if the browser sent one.
pub(crate) struct SessionCookie(pub(super) Option<Secret>);

impl<S: Sync> FromRequestParts<S> for SessionCookie {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(session_cookie(&parts.headers)))
    }
}

/// HTTP/2 may send several cookie headers.
pub(super) fn session_cookie(headers: &HeaderMap) -> Option<Secret> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, value)| *name == SESSION_COOKIE && !value.is_empty())?;
    Some(Secret::new(value.to_owned()))
}

/// Address of the other side.
pub(super) fn address(parts: &Parts) -> IpAddr {
    // Every listener adds it; without one nobody is told apart, and nobody is let in more easily.
    parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address.ip())
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let user_agent = parts.headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self {
            address: address(parts),
            user_agent: user_agent.unwrap_or_default().into_owned(),
            cookie: session_cookie(&parts.headers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, Json, LARGEST_BODY, session_cookie};
    use crate::app::Expected;
    use api::Code;
    use api::setting::ChangeSetting;
    use axum::body::Body;
    use axum::extract::{FromRequest, FromRequestParts};
    use http::{HeaderMap, Request};

    fn request(headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
        let mut request = Request::builder().method("POST").uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.into()).unwrap()
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

    async fn refused(headers: &[(&str, &str)], body: impl Into<Body>) -> Code {
        match Json::<ChangeSetting>::from_request(request(headers, body), &()).await {
            Ok(_) => panic!("accepted"),
            Err(error) => error.code(),
        }
    }

    #[tokio::test]
    async fn only_json_of_a_bounded_size_is_read() {
        assert_eq!(refused(&[], "{}").await, Code::UnsupportedMediaType);
        assert_eq!(refused(&[("content-type", "text/plain")], "{}").await, Code::UnsupportedMediaType);
        assert_eq!(refused(&[JSON], "").await, Code::MalformedRequest);
        assert_eq!(refused(&[JSON], "{\"value\":").await, Code::MalformedRequest);
        assert_eq!(refused(&[JSON], "\u{feff}{}").await, Code::MalformedRequest);
        assert_eq!(refused(&[JSON], vec![0xff, 0xfe]).await, Code::MalformedRequest);
        assert_eq!(refused(&[JSON], "[".repeat(100_000)).await, Code::MalformedRequest);
        assert_eq!(refused(&[JSON], "x".repeat(LARGEST_BODY + 1)).await, Code::BodyTooLarge);
        assert_eq!(refused(&[JSON, ("content-length", "99999999")], "{}").await, Code::BodyTooLarge);
        assert_eq!(refused(&[JSON], "{\"valu\":1}").await, Code::InvalidFields);
        assert!(Json::<ChangeSetting>::from_request(request(&[JSON], "{\"value\":1}"), &()).await.is_ok());
    }

    #[tokio::test]
    async fn an_idempotency_key_is_bound_to_the_request() {
        let read = async |key: &str, body: &'static str| {
            let headers = [JSON, ("idempotency-key", key)];
            Create::<ChangeSetting>::from_request(request(&headers, body), &()).await.map(|create| create.key)
        };
        let first = read("k1", "{\"value\":1}").await.unwrap();
        assert_eq!(first, read("k1", "{\"value\":1}").await.unwrap());
        assert_ne!(first, read("k1", "{\"value\":2}").await.unwrap());
        for bad in ["", "a b", &"x".repeat(129)] {
            assert_eq!(read(bad, "{\"value\":1}").await.unwrap_err().code(), Code::MalformedRequest, "{bad}");
        }
    }

    #[tokio::test]
    async fn if_match_takes_tags_of_ours() {
        let read = async |values: &[&str]| {
            let headers: Vec<(&str, &str)> = values.iter().map(|value| ("if-match", *value)).collect();
            let (mut parts, _) = request(&headers, "").into_parts();
            Expected::from_request_parts(&mut parts, &()).await.unwrap()
        };
        assert_eq!(read(&[]).await, Expected::Missing);
        assert_eq!(read(&["\"7\""]).await, Expected::OneOf(vec![7]));
        assert_eq!(read(&["\"7\", \"8\"", "\"9\""]).await, Expected::OneOf(vec![7, 8, 9]));
        assert_eq!(read(&["*"]).await, Expected::Any);
        for wrong in ["W/\"7\"", "7", "\"x\"", ""] {
            assert_eq!(read(&[wrong]).await, Expected::OneOf(Vec::new()), "{wrong}");
        }
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let cookie = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("cookie", http::HeaderValue::from_static(value));
            }
            session_cookie(&headers).map(|cookie| cookie.expose().to_owned())
        };
        assert_eq!(cookie(&["a=b; __Host-workpoint_session=x_-1"]).as_deref(), Some("x_-1"));
        assert_eq!(cookie(&["a=b", "__Host-workpoint_session=y"]).as_deref(), Some("y"));
        assert_eq!(cookie(&["workpoint_session=y; __Host-workpoint_session="]), None);
    }
}
