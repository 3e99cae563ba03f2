//! An API client over real TLS.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Sends requests to one server.
#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

/// An answer of the API.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub text: String,
}

impl ApiClient {
    pub(crate) fn new(server: SocketAddr, authority_pem: &str) -> Self {
        let root = reqwest::Certificate::from_pem(authority_pem.as_bytes()).expect("the authority is a certificate");
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Self { http, base: format!("https://{server}"), headers: HeaderMap::new() }
    }

    /// The same client with a header in every request.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// The same client with an API token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// A GET request; `path` begins with `/`.
    pub async fn get(&self, path: &str) -> ApiAnswer {
        self.send(Method::GET, path, None).await
    }

    /// A POST request with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> ApiAnswer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    /// A DELETE request.
    pub async fn delete(&self, path: &str) -> ApiAnswer {
        self.send(Method::DELETE, path, None).await
    }

    /// Any request; a body is sent as JSON.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> ApiAnswer {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        ApiAnswer { status, headers, text: response.text().await.expect("a body") }
    }

    /// Begins a request whose answer is a stream.
    pub async fn stream(&self, path: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.base)).headers(self.headers.clone());
        request.send().await.expect("the server answers")
    }
}

impl ApiAnswer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Checks the status and gives the body.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks that it is a problem document with this status and code.
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.headers.get("content-type").map(HeaderValue::as_bytes), Some(&b"application/problem+json"[..]), "{}", self.text);
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        body
    }
}
