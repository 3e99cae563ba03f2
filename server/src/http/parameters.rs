//! `/parameters`: the catalogue of what can be set on phones (D-13 … D-17).

use api::Page;
use api::parameter::{ParameterQuery, ParameterView};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::Permission;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
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
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` last read")),
    responses((status = 200, description = "The areas, in order", body = Vec<serde_json::Value>,
        headers(("ETag" = String), ("Cache-Control" = String))),
    (status = 304, description = "As it was", headers(("ETag" = String), ("Cache-Control" = String)))))]
pub(crate) async fn get_parameter_catalogue(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    catalogue(&headers, parameters::document(&app)?)
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

fn catalogue(asked: &HeaderMap, document: Document) -> Answer {
    let tag = format!("\"{}\"", document.digest);
    let is_known = knows(asked, &tag);
    let tag = HeaderValue::from_str(&tag).map_err(AppError::internal)?;
    let mut response = Response::new(Body::empty());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(document.json);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response.headers_mut().insert(ETAG, tag);
    response.headers_mut().insert(CACHE_CONTROL, KEPT);
    Ok(response)
}

/// Whether the browser has it: any of its tags, compared weakly (RFC 9110 §13.1.2).
fn knows(asked: &HeaderMap, tag: &str) -> bool {
    let texts = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|asked| asked == "*" || asked.strip_prefix("W/").unwrap_or(asked) == tag)
}

#[cfg(test)]
mod tests {
    use super::{
        CACHE_CONTROL, Document, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, StatusCode, catalogue,
    };
    use http_body_util::BodyExt as _;

    async fn ask(tags: &[&'static str]) -> (StatusCode, HeaderMap, usize) {
        let mut asked = HeaderMap::new();
        for tag in tags {
            asked.append(IF_NONE_MATCH, HeaderValue::from_static(tag));
        }
        let document = Document { json: "[]".into(), digest: "d1".into() };
        let (parts, body) = catalogue(&asked, document).unwrap().into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().len())
    }

    #[tokio::test]
    async fn who_has_the_catalogue_does_not_get_it_again() {
        let other: [&[&str]; 5] = [&[], &["\"d2\""], &["d1"], &["\"d\", \"d11\""], &["W/\"d2\"", ""]];
        for tags in other {
            assert_eq!(ask(tags).await.2, 2, "{tags:?}");
        }
        let same: [&[&str]; 4] = [&["\"d1\""], &["W/\"d1\""], &["\"d0\",\"d1\""], &["*"]];
        for tags in same {
            let (status, headers, length) = ask(tags).await;
            assert_eq!((status, length), (StatusCode::NOT_MODIFIED, 0), "{tags:?}");
            assert!(!headers.contains_key("content-type"));
        }
    }

    #[tokio::test]
    async fn both_answers_say_how_long_it_is_kept() {
        for (tags, status) in [(&[][..], StatusCode::OK), (&["*"][..], StatusCode::NOT_MODIFIED)] {
            let (answered, headers, _) = ask(tags).await;
            assert_eq!(answered, status);
            assert_eq!(headers[ETAG], "\"d1\"");
            assert_eq!(headers[CACHE_CONTROL], "private, max-age=300, must-revalidate");
        }
    }
}
