//! `/parameters`: the catalogue of what can be set on phones (D-13 … D-17).

use std::sync::Arc;

use api::Page;
use api::parameter::{ParameterQuery, ParameterView};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::Permission;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{Answer, plain};
use super::extract::{Name, NoParameters, Query};
use crate::App;
use crate::app::parameters::{self, Document};
use crate::app::{AppError, AppResult, Caller};

/// How a browser keeps the catalogue: for itself alone, and not long without asking, because the console of
/// a new release needs the catalogue of that release.
const KEPT: HeaderValue = HeaderValue::from_static("private, max-age=300, must-revalidate");

/// List parameters, or search them.
#[utoipa::path(get, path = "/parameters", tag = "parameters", params(ParameterQuery),
    responses((status = 200, description = "Parameters", body = Page<ParameterView>)))]
pub(crate) async fn list_parameters(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ParameterQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&parameters::list(&app, &query?.0)?))
}

/// Get the whole catalogue: areas, their sections, their parameters. It changes only with the release or the
/// override file of the server; ask with `If-None-Match`.
#[utoipa::path(get, path = "/parameters/catalogue", tag = "parameters",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` last read"),
        ("Accept-Encoding" = Option<String>, Header, description = "With `gzip` it is sent compressed")),
    responses((status = 200, description = "The areas, in order", body = Vec<serde_json::Value>,
        headers(("ETag" = String), ("Cache-Control" = String))),
    (status = 304, description = "As it was", headers(("ETag" = String), ("Cache-Control" = String)))))]
pub(crate) async fn get_parameter_catalogue(
    State(document): State<Option<Arc<Document>>>,
    caller: Caller,
    headers: HeaderMap,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let document =
        document.ok_or_else(|| AppError::internal("the catalogue was not written at the start"))?;
    catalogue(&headers, &document)
}

/// Get a parameter.
#[utoipa::path(get, path = "/parameters/{id}", tag = "parameters",
    params(("id" = String, Path, description = "Parameter")),
    responses((status = 200, description = "The parameter", body = ParameterView)))]
pub(crate) async fn get_parameter(
    State(app): State<App>,
    caller: Caller,
    id: Name,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&parameters::find(&app, &id.0)?))
}

fn catalogue(asked: &HeaderMap, document: &Document) -> Answer {
    // Different bytes have different strong tags (RFC 9110 §8.8.3.3).
    let (plain, packed) = (format!("\"{}\"", document.digest), format!("\"{}-gzip\"", document.digest));
    let gzip = takes_gzip(asked);
    let is_known = knows(asked, &[&plain, &packed]);
    let tag = HeaderValue::from_str(if gzip { &packed } else { &plain }).map_err(AppError::internal)?;
    let mut response = Response::new(Body::empty());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(if gzip { &document.gzip } else { &document.json }.clone());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if gzip {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, KEPT);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    Ok(response)
}

/// The members of a list header, which may stand there several times.
fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// Whether the browser has it: any of its tags, compared weakly (RFC 9110 §13.1.2).
fn knows(asked: &HeaderMap, tags: &[&str]) -> bool {
    members(asked, IF_NONE_MATCH)
        .any(|asked| asked == "*" || tags.contains(&asked.strip_prefix("W/").unwrap_or(asked)))
}

/// Whether gzip is named, and not with the weight 0 (RFC 9110 §12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    members(asked, ACCEPT_ENCODING).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        is_gzip && weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, Document, ETAG, HeaderMap, HeaderName, HeaderValue,
        IF_NONE_MATCH, StatusCode, VARY, catalogue,
    };
    use http_body_util::BodyExt as _;

    async fn ask(asked: &[(HeaderName, &'static str)]) -> (StatusCode, HeaderMap, String) {
        let mut headers = HeaderMap::new();
        for (name, value) in asked {
            headers.append(name, HeaderValue::from_static(value));
        }
        let document = Document { json: "[]".into(), gzip: "packed".into(), digest: "d1".into() };
        let (parts, body) = catalogue(&headers, &document).unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn who_has_the_catalogue_does_not_get_it_again() {
        let other: [&[&str]; 5] = [&[], &["\"d2\""], &["d1"], &["\"d\", \"d11\""], &["W/\"d2\"", ""]];
        for tags in other {
            let asked: Vec<_> = tags.iter().map(|tag| (IF_NONE_MATCH, *tag)).collect();
            assert_eq!(ask(&asked).await.2, "[]", "{tags:?}");
        }
        let same: [&[&str]; 5] =
            [&["\"d1\""], &["W/\"d1\""], &["\"d0\",\"d1\""], &["\"d0\"", "\"d1-gzip\""], &["*"]];
        for tags in same {
            let asked: Vec<_> = tags.iter().map(|tag| (IF_NONE_MATCH, *tag)).collect();
            let (status, headers, body) = ask(&asked).await;
            assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{tags:?}");
            assert!(!headers.contains_key("content-type"));
        }
    }

    #[tokio::test]
    async fn both_answers_say_how_long_it_is_kept() {
        for (asked, status) in
            [(&[][..], StatusCode::OK), (&[(IF_NONE_MATCH, "*")], StatusCode::NOT_MODIFIED)]
        {
            let (answered, headers, _) = ask(asked).await;
            assert_eq!(answered, status);
            assert_eq!(
                (&headers[ETAG], &headers[VARY]),
                (&"\"d1\"".parse().unwrap(), &"accept-encoding".parse().unwrap())
            );
            assert_eq!(headers[CACHE_CONTROL], "private, max-age=300, must-revalidate");
        }
    }

    #[tokio::test]
    async fn it_is_compressed_for_who_takes_that() {
        for takes in ["gzip", "deflate, gzip;q=0.5, br", "GZIP; q=1"] {
            let (_, headers, body) = ask(&[(ACCEPT_ENCODING, takes)]).await;
            assert_eq!(
                (&headers[CONTENT_ENCODING], body.as_str()),
                (&"gzip".parse().unwrap(), "packed"),
                "{takes}"
            );
            assert_eq!(headers[ETAG], "\"d1-gzip\"");
        }
        for refuses in ["", "identity", "br", "gzip;q=0", "deflate, gzip; q=0.000", "gzipped", "gzip;q=x"] {
            let (_, headers, body) = ask(&[(ACCEPT_ENCODING, refuses)]).await;
            assert_eq!((headers.get(CONTENT_ENCODING), body.as_str()), (None, "[]"), "{refuses}");
            assert_eq!(headers[ETAG], "\"d1\"");
        }
    }
}
