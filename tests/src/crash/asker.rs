//! Requests to the API of a server that may die before it answers. Knows no meaning of what is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Secret;
use reqwest::Method;
use serde_json::Value;

/// Longest wait for an answer; a server that is there is faster even on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks one run of a server.
#[derive(Clone)]
pub struct Asker {
    http: reqwest::Client,
    base: String,
    token: Secret,
    dying: Arc<AtomicBool>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub text: String,
}

impl Answered {
    /// The body.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Asker {
    pub(super) fn new(
        server: SocketAddr,
        authority_pem: &str,
        token: Secret,
        dying: Arc<AtomicBool>,
    ) -> Self {
        let root =
            reqwest::Certificate::from_pem(authority_pem.as_bytes()).expect("the authority is a certificate");
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self { http, base: format!("https://{server}"), token, dying }
    }

    /// A GET request; `None` when no complete answer came.
    pub async fn get(&self, path: &str) -> Option<Answered> {
        self.ask(Method::GET, path, None).await
    }

    /// A POST request with a JSON body; `None` when no complete answer came. What was asked may be done all the
    /// same.
    pub async fn post(&self, path: &str, body: &Value) -> Option<Answered> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Answered> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let mut request = request.bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        // Its parts do not die at the very same instant, as those of a killed process do: one may still say that
        // it misses another.
        let last_words = status >= 500 && self.dying.load(Ordering::SeqCst);
        (!last_words).then_some(Answered { status, text })
    }
}
