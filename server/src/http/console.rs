//! The console: the files that `scripts/web.sh` made, carried in the program. Any address that is neither the API's nor
//! a file's is a page of the console, and gets the one page there is; the rest happens in the browser.
//!
//! Names with a hash never change, so browsers keep them; the page itself is asked for each time. Compressed copies were
//! made by the build. Knows nothing of what the files do.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::app::AppError;

/// Scripts and styles of this server alone, nothing inline, no frames; WebAssembly may be compiled.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
     media-src 'self'; connect-src 'self'; font-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);
/// What the console never uses.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), serial=()",
);
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");
/// The page.
const PAGE: &str = "index.html";
/// Addresses below these are never pages of the console.
const NOT_PAGES: [&str; 3] = ["/api", "/healthz", "/readyz"];
/// Encodings of the copies, best first: the token of the header and the end of the name.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
#[exclude = ".*"]
#[exclude = "README.md"]
struct Files;

/// Marks an answer as a file of the console, which has headers of its own.
#[derive(Clone, Copy)]
pub(super) struct ConsoleFile;

/// Answers what no route did.
pub(super) async fn answer(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return AppError::not_found().into_response();
    }
    let path = parts.uri.path();
    let name = path.trim_start_matches('/');
    if NOT_PAGES.iter().any(|start| below(path, start)) {
        return AppError::not_found().into_response();
    }
    // All files lie at the top; a dot further down belongs to the name of a parameter.
    if name.contains('.') && !name.contains('/') {
        return file(name, &parts.headers).unwrap_or_else(|| AppError::not_found().into_response());
    }
    file(PAGE, &parts.headers).unwrap_or_else(not_built)
}

fn below(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = Files::get(name)?;
    let tag = etag(&plain);
    let kept = hashed(name);
    let mut response = if knows(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let packed =
            ENCODINGS.iter().filter(|(token, _)| accepts(headers, token)).find_map(|(token, end)| {
                let copy = Files::get(&format!("{name}.{end}"))?;
                Some((*token, copy.data))
            });
        let (encoding, data) = packed.map_or((None, plain.data), |(token, data)| (Some(token), data));
        let mut response = Response::new(body(data));
        if let Some(encoding) = encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
        response
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    headers.insert(CACHE_CONTROL, if kept { FOREVER } else { ASK_EACH_TIME });
    Some(finish(response))
}

fn not_built() -> Response {
    let text = "The console was not built into this server: run scripts/web.sh before cargo build. The API is at /api/docs.\n";
    let mut response = (StatusCode::OK, text).into_response();
    response.headers_mut().insert(CACHE_CONTROL, ASK_EACH_TIME);
    finish(response)
}

fn finish(mut response: Response) -> Response {
    response.extensions_mut().insert(ConsoleFile);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    response
}

fn body(data: Cow<'static, [u8]>) -> Body {
    match data {
        Cow::Borrowed(data) => Body::from(data),
        Cow::Owned(data) => Body::from(data),
    }
}

/// A weak one: the compressed copies have the same content and other bytes (RFC 9110 §8.8.1).
fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = hex::encode(&file.metadata.sha256_hash()[..16]);
    HeaderValue::from_str(&format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Whether the browser has the file already; strong and weak tags compare alike (RFC 9110 §13.1.2).
fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(own) = tag.to_str().map(strong) else { return false };
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).any(|tag| tag.trim() == "*" || strong(tag) == own)
}

/// Whether the name has the hash of its content: `app-0123456789abcdef.js`.
fn hashed(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    stem.rsplit_once('-')
        .is_some_and(|(_, hash)| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let named = pieces.next().is_some_and(|token| token.eq_ignore_ascii_case(wanted));
        named && !pieces.any(|piece| matches!(piece, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{accepts, answer, hashed, knows};
    use axum::body::Body;
    use axum::extract::Request;
    use http::header::{ACCEPT_ENCODING, CONTENT_SECURITY_POLICY, IF_NONE_MATCH};
    use http::{HeaderMap, HeaderValue};

    async fn status(method: &str, path: &str) -> u16 {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        answer(request).await.status().as_u16()
    }

    #[tokio::test]
    async fn pages_are_answered_and_nothing_else() {
        for path in ["/", "/clients", "/clients/7/configuration/telephony.sip", "/apiary"] {
            assert_eq!(status("GET", path).await, 200, "{path}");
        }
        for path in [
            "/api",
            "/api/v1/nothing",
            "/api/v1/no.thing",
            "/healthz/x",
            "/nothing.php",
            "/.stamp",
            "/README.md",
        ] {
            assert_eq!(status("GET", path).await, 404, "{path}");
        }
        assert_eq!(status("POST", "/clients").await, 404);
    }

    #[tokio::test]
    async fn a_page_runs_nothing_that_is_inline() {
        let request = Request::builder().uri("/clients").body(Body::empty()).unwrap();
        let response = answer(request).await;
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe-inline"));
    }

    #[test]
    fn only_names_with_a_hash_are_kept() {
        assert!(hashed("app-0123456789abcdef.wasm"));
        assert!(!hashed("index.html") && !hashed("licenses.json") && !hashed("app-0123.js"));
    }

    #[test]
    fn a_tag_is_known_in_a_list_and_however_strong() {
        let tag = HeaderValue::from_static("W/\"0a\"");
        let mut headers = HeaderMap::new();
        assert!(!knows(&headers, &tag));
        for (sent, known) in [("W/\"0a\"", true), ("\"1\", \"0a\"", true), ("\"0\"", false), ("*", true)] {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(sent));
            assert_eq!(knows(&headers, &tag), known, "{sent}");
        }
    }

    #[test]
    fn encodings_are_taken_when_they_are_wanted() {
        let mut headers = HeaderMap::new();
        assert!(!accepts(&headers, "br"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br;q=0, deflate"));
        assert!(accepts(&headers, "gzip") && !accepts(&headers, "br"));
    }
}
