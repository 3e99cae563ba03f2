//! The only door to the server: typed calls of the API, and one type for whatever goes wrong.
//!
//! A call belongs to whoever waits for it: when its future is dropped, the request is aborted. 401 ends the session of
//! the page ([`crate::session`]); the address stays, so that signing in leads back. Knows no page and no text.

use api::{Code, Problem};
use gloo_net::http::{Method, Request, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use web_sys::AbortController;

use crate::session;

mod failure;

pub use failure::{Failure, FailureKind};

/// Prefix of every address of the API.
pub const BASE: &str = "/api/v1";

/// A call that is being put together. `Call::put("/settings/3").if_match(7).json(&body)?.answer().await`.
#[must_use]
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// What a call sends.
enum Body {
    None,
    Json(String),
    Bytes(web_sys::Blob),
}

impl Call {
    fn new(method: Method, path: &str) -> Self {
        Self { method, path: format!("{BASE}{path}"), headers: Vec::new(), body: Body::None }
    }

    /// Reads; `path` without the prefix, with its query.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates or does something.
    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// Replaces.
    pub fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Changes some fields.
    pub fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Removes.
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Only when the thing still has this revision; else the answer is `precondition_failed`.
    pub fn if_match(mut self, revision: i64) -> Self {
        self.headers.push(("If-Match", format!("\"{revision}\"")));
        self
    }

    /// May be repeated without doing it twice. The key belongs to one intent of the user: make it with
    /// [`idempotency_key`] when the dialog opens, and keep it while it is tried again.
    pub fn once(mut self, key: &str) -> Self {
        self.headers.push(("Idempotency-Key", key.to_owned()));
        self
    }

    /// The body.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, which is a mistake in the program.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        self.body = Body::Json(serde_json::to_string(body).map_err(|_| Failure::not_understood(None))?);
        Ok(self)
    }

    /// The body, as bytes: a piece of a file. The browser reads it from the disk while it is sent.
    pub fn bytes(mut self, bytes: web_sys::Blob) -> Self {
        self.body = Body::Bytes(bytes);
        self
    }

    /// Sends it and reads the answer.
    ///
    /// # Errors
    /// Everything but an answer below 400 with the JSON that is expected.
    pub async fn answer<T: DeserializeOwned>(self) -> Result<T, Failure> {
        self.created().await.map(|(thing, _)| thing)
    }

    /// As [`Self::answer`], of a call that makes something. Also says whether the thing was there before this call: then
    /// nothing was made.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn created<T: DeserializeOwned>(self) -> Result<(T, bool), Failure> {
        let Answered { text, replayed } = self.send().await?;
        let thing = serde_json::from_str(&text).map_err(|_| Failure::not_understood(None))?;
        Ok((thing, replayed))
    }

    /// Sends it; the answer has nothing to read.
    ///
    /// # Errors
    /// Everything but an answer below 400.
    pub async fn done(self) -> Result<(), Failure> {
        self.send().await.map(drop)
    }

    /// The answer as it came. Not generic, which keeps the program small.
    async fn send(self) -> Result<Answered, Failure> {
        let guard = Abort::new();
        let changes = self.method != Method::GET;
        let request = self.request(changes, &guard)?;
        let Ok(response) = request.send().await else {
            session::set_online(false);
            return Err(Failure::offline());
        };
        session::set_online(true);
        let replayed = response.headers().get("idempotency-replayed").is_some();
        let answer = read(response).await.map(|text| Answered { text, replayed });
        if let Err(failure) = &answer {
            session::note_failure(failure, changes);
        }
        drop(guard);
        answer
    }

    fn request(self, changes: bool, guard: &Abort) -> Result<Request, Failure> {
        let mut builder =
            RequestBuilder::new(&self.path).method(self.method).header("Accept", "application/json");
        if let Some(controller) = &guard.0 {
            builder = builder.abort_signal(Some(&controller.signal()));
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if changes && let Some(token) = session::csrf_token() {
            builder = builder.header("X-CSRF-Token", &token);
        }
        let request = match self.body {
            Body::Json(body) => builder.header("Content-Type", "application/json").body(body),
            Body::Bytes(bytes) => builder.header("Content-Type", "application/octet-stream").body(bytes),
            Body::None => builder.build(),
        };
        request.map_err(|_| Failure::not_understood(None))
    }
}

/// What came back.
struct Answered {
    text: String,
    /// It is what an earlier call has made.
    replayed: bool,
}

/// Reads something.
///
/// # Errors
/// As [`Call::answer`].
pub async fn get<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    Call::get(path).answer().await
}

/// Reads something with a query made of the fields that are set.
///
/// # Errors
/// As [`Call::answer`].
pub async fn get_with<T: DeserializeOwned>(path: &str, query: &impl Serialize) -> Result<T, Failure> {
    get(&with_query(path, query)).await
}

/// Creates or does something and reads the answer.
///
/// # Errors
/// As [`Call::answer`].
pub async fn post<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Failure> {
    Call::post(path).json(body)?.answer().await
}

/// Text of a file of the console itself, by its address.
///
/// # Errors
/// As [`Call::answer`].
pub async fn file(path: &str) -> Result<String, Failure> {
    let call = Call { method: Method::GET, path: path.to_owned(), headers: Vec::new(), body: Body::None };
    call.send().await.map(|answered| answered.text)
}

/// Whether the server gives a file, and why not: the browser tells nothing of that where it fetches something itself. Only
/// the head of the answer is waited for. `address` is whole, with its prefix and query.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn probe(address: &str) -> Result<(), Failure> {
    let guard = Abort::new();
    // Asking for the head alone (HEAD) would not make the server look for the content.
    let headers = vec![("Range", "bytes=0-0".to_owned())];
    let call = Call { method: Method::GET, path: address.to_owned(), headers, body: Body::None };
    let Ok(response) = call.request(false, &guard)?.send().await else {
        session::set_online(false);
        return Err(Failure::offline());
    };
    session::set_online(true);
    if response.status() < 400 {
        return Ok(());
    }
    read(response).await.map(drop).inspect_err(|failure| session::note_failure(failure, false))
}

/// Fetches a file of the server, an export for instance, and has the browser save it. A link could do that too, but
/// would save the refusal in the place of the file. `address` is whole, with its prefix and query.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn download(address: &str) -> Result<(), Failure> {
    let guard = Abort::new();
    let call = Call { method: Method::GET, path: address.to_owned(), headers: Vec::new(), body: Body::None };
    let Ok(response) = call.request(false, &guard)?.send().await else {
        session::set_online(false);
        return Err(Failure::offline());
    };
    session::set_online(true);
    if response.status() >= 400 {
        return read(response).await.map(drop).inspect_err(|failure| session::note_failure(failure, false));
    }
    let said = response.headers().get("content-disposition").unwrap_or_default();
    let name = said.split_once("filename=").map(|(_, name)| name.trim_matches('"').to_owned());
    let blob = web_sys::Response::from(response).blob().map_err(|_| Failure::not_understood(None))?;
    let blob = wasm_bindgen_futures::JsFuture::from(blob).await.map_err(|_| Failure::offline())?;
    crate::browser::save(&blob, &name.unwrap_or_default());
    Ok(())
}

/// A fresh key for [`Call::once`].
pub fn idempotency_key() -> String {
    crate::browser::random_uuid()
}

/// After a failure: the server did nothing of what it refused, so the next try is another intent, with another key. When
/// the answer was lost, nobody knows whether it was done; the same key then makes sure that it is not done twice.
pub fn renew_key(key: leptos::prelude::StoredValue<String>, failure: &Failure) {
    use leptos::prelude::SetValue as _;
    if failure.is_refused() {
        key.try_set_value(idempotency_key());
    }
}

/// An address with a query made of the fields of `query` that are neither `null` nor empty.
pub fn with_query(path: &str, query: &impl Serialize) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) {
        for (name, value) in fields {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::String(text) if text.is_empty() => {}
                serde_json::Value::String(text) => {
                    pairs.append_pair(&name, &text);
                }
                value => {
                    pairs.append_pair(&name, &value.to_string());
                }
            }
        }
    }
    let pairs = pairs.finish();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{pairs}") }
}

async fn read(response: Response) -> Result<String, Failure> {
    let status = response.status();
    let text = response.text().await.map_err(|_| Failure::offline())?;
    if status < 400 {
        return Ok(text);
    }
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => Err(Failure::refused(problem)),
        // A proxy's page, or a server that is just starting.
        Err(_) if matches!(status, 502..=504) => Err(Failure::offline()),
        Err(_) => Err(Failure::not_understood(Some(status))),
    }
}

/// Aborts the request when the future that waits for it goes away.
struct Abort(Option<AbortController>);

impl Abort {
    fn new() -> Self {
        Self(AbortController::new().ok())
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

/// Whether the session is over, so that the page must ask to sign in.
pub(crate) fn ends_session(failure: &Failure) -> bool {
    failure.code() == Some(Code::Unauthenticated)
}

#[cfg(test)]
mod tests {
    use super::with_query;
    use serde_json::json;

    #[test]
    fn a_query_has_only_what_is_set() {
        let query = json!({"page": 2, "search": "4940 66", "sort": null, "model": "", "locked": true});
        assert_eq!(with_query("/clients", &query), "/clients?locked=true&page=2&search=4940+66");
        assert_eq!(with_query("/clients", &json!({})), "/clients");
    }
}
