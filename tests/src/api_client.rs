//! An API client over real TLS.

use std::net::{IpAddr, SocketAddr};

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
        Self::build(server, authority_pem, None)
    }

    /// A client whose connections come from this address.
    pub(crate) fn from_address(server: SocketAddr, authority_pem: &str, local: IpAddr) -> Self {
        Self::build(server, authority_pem, Some(local))
    }

    fn build(server: SocketAddr, authority_pem: &str, local: Option<IpAddr>) -> Self {
        let root =
            reqwest::Certificate::from_pem(authority_pem.as_bytes()).expect("the authority is a certificate");
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .local_address(local)
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

    /// The same client with the headers of another one: the same browser at another address.
    #[must_use]
    pub fn with_headers_of(mut self, other: &Self) -> Self {
        self.headers = other.headers.clone();
        self
    }

    /// The same client with an API token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same client with the ETag of what it is about to change.
    #[must_use]
    pub fn if_match(self, etag: &str) -> Self {
        self.with_header("if-match", etag)
    }

    /// Signs in as a browser does: the client then has the session cookie and its CSRF token. Also gives
    /// what the server says about the session.
    pub async fn sign_in(&self, user_name: &str, password: &str) -> (Self, Value) {
        let body = serde_json::json!({ "user_name": user_name, "password": password });
        let answer = self.post("/api/v1/auth/sign-in", &body).await;
        let cookie = answer.cookie();
        let info = answer.expect(200);
        let csrf = info["csrf_token"].as_str().expect("a CSRF token").to_owned();
        (self.clone().with_header("cookie", &cookie).with_header("x-csrf-token", &csrf), info)
    }

    /// A GET request; `path` begins with `/`.
    pub async fn get(&self, path: &str) -> ApiAnswer {
        self.send(Method::GET, path, None).await
    }

    /// A POST request with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> ApiAnswer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    /// A PATCH request with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> ApiAnswer {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// A PUT request with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> ApiAnswer {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    /// A DELETE request.
    pub async fn delete(&self, path: &str) -> ApiAnswer {
        self.send(Method::DELETE, path, None).await
    }

    /// Any request; a body is sent as JSON unless this client has another `content-type`.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> ApiAnswer {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        if let Some(body) = body {
            if !self.headers.contains_key("content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        ApiAnswer { status, headers, text: response.text().await.expect("a body") }
    }

    /// Any request with a body of bytes.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> ApiAnswer {
        let request = self.http.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        let request = request.header("content-type", content_type).body(body);
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        ApiAnswer { status, headers, text: response.text().await.expect("a body") }
    }

    /// Uploads a file whole, with fields that stand before it.
    pub async fn upload(&self, name: &str, content: &[u8], fields: &[(&str, &str)]) -> ApiAnswer {
        let mut body = Vec::new();
        for (field, value) in fields {
            let part =
                format!("--part\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--part--\r\n");
        self.send_bytes(Method::POST, "/api/v1/files", "multipart/form-data; boundary=part", body).await
    }

    /// Begins to upload a file whole that is announced with a size, and of which nothing comes.
    pub async fn begin_upload(&self, name: &str, size: u64) -> ApiAnswer {
        let head = format!(
            "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let head = futures_util::stream::iter([Ok::<_, std::io::Error>(head)]);
        let body = futures_util::StreamExt::chain(head, futures_util::stream::pending());
        let request = self.http.post(format!("{}/api/v1/files", self.base)).headers(self.headers.clone());
        let request = request.header("content-type", "multipart/form-data; boundary=part");
        let request = request.header("content-length", size).body(reqwest::Body::wrap_stream(body));
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
    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header that is text"))
    }

    /// The cookie it sets, as the next request carries it; empty when it sets none.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    }

    /// Codes of the fields that were refused, as `field: code`.
    pub fn refused_fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        errors.iter().map(|error| format!("{}: {}", text(error, "field"), text(error, "code"))).collect()
    }

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
        assert_eq!(
            self.headers.get("content-type").map(HeaderValue::as_bytes),
            Some(&b"application/problem+json"[..]),
            "{}",
            self.text
        );
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        body
    }
}
