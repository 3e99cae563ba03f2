//! Polling the contact-me proxy (`wpi.md` §6): a phone that knows a `dcmp-url` asks there again and again
//! whether the server has work for it, and comes `solicited` when it has.
//!
//! This file knows nothing of WPI messages, and nothing of what the proxy knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::uri::InvalidUri;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use thiserror::Error;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::time::sleep_until;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::address::NetworkGuard;
use crate::connection::{ConnectError, Dialler, RequestError};
use crate::contact_log::PollOutcome;
use crate::simulated_phone::{Following, SessionSink, SimulatedPhone};

/// The polling of one phone. Stops when dropped.
pub struct DcmpPoller {
    _stop: DropGuard,
}

impl DcmpPoller {
    /// Poll as long as the phone knows a `dcmp-url`, each time when
    /// [`Behaviour::dcmp_interval`](crate::Behaviour::dcmp_interval) has passed since the last contact
    /// of any kind. A poll answered with 202 makes the phone come with a `solicited` session, holding
    /// one of `permits` meanwhile; `sink` hears of the sessions.
    pub fn start(phone: Arc<SimulatedPhone>, permits: Arc<Semaphore>, sink: Arc<dyn SessionSink>) -> Self {
        let stop = CancellationToken::new();
        let polling = poll(phone, permits, sink, stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(polling));
        Self { _stop: stop.drop_guard() }
    }
}

async fn poll(
    phone: Arc<SimulatedPhone>,
    permits: Arc<Semaphore>,
    sink: Arc<dyn SessionSink>,
    stop: CancellationToken,
) {
    let mut attention = phone.attention();
    let mut following = Following::new(Arc::clone(&phone), permits, sink, stop);
    loop {
        let Some((url, due)) = attention.borrow_and_update().next_poll() else {
            if attention.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            // A contact meanwhile restarts the timer, another URL takes effect at once.
            changed = attention.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = sleep_until(due) => {}
        }
        let outcome = match Box::pin(ask(phone.dialler(), &url, &phone.device_id())).await {
            Ok(StatusCode::OK) => PollOutcome::Nothing,
            Ok(StatusCode::ACCEPTED) => PollOutcome::Work,
            Ok(status) => {
                tracing::debug!(phone = phone.number(), %status, "a poll was not understood");
                PollOutcome::Failed
            }
            Err(error) => {
                tracing::debug!(phone = phone.number(), %error, "a poll failed");
                PollOutcome::Failed
            }
        };
        phone.polled(outcome);
        if outcome == PollOutcome::Work && !following.come(phone.server()).await {
            return;
        }
    }
}

async fn ask(dialler: &Dialler, url: &str, device_id: &str) -> Result<StatusCode, PollError> {
    let target = Target::read(url)?;
    let server = target.resolve(dialler.guard()).await?;
    let path = format!("{}/contact-me?device-id={device_id}", target.path);
    let uri: Uri = path.parse().map_err(PollError::Path)?;
    let host = HeaderValue::try_from(target.authority).map_err(|_| PollError::Form)?;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let mut connection = dialler.connect_plain(server).await.map_err(PollError::Connect)?;
    Ok(connection.send(request).await.map_err(PollError::Request)?.status)
}

/// The parts of a `dcmp-url`: `[http://]host[:port][/path]`.
#[derive(Debug, PartialEq, Eq)]
struct Target<'u> {
    authority: &'u str,
    host: &'u str,
    port: u16,
    path: &'u str,
}

impl<'u> Target<'u> {
    fn read(url: &'u str) -> Result<Self, PollError> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(PollError::Scheme),
            None => url,
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| PollError::Form)?),
            None => (authority, 80),
        };
        if host.is_empty() {
            return Err(PollError::Form);
        }
        Ok(Self { authority, host, port, path: path.trim_end_matches('/') })
    }

    /// The address behind the name. Phones that may not leave the machine ask no name server either.
    async fn resolve(&self, guard: NetworkGuard) -> Result<SocketAddr, PollError> {
        if let Ok(address) = self.host.parse::<Ipv4Addr>() {
            return Ok(SocketAddr::new(IpAddr::V4(address), self.port));
        }
        if self.host.eq_ignore_ascii_case("localhost") {
            return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port));
        }
        if guard == NetworkGuard::LOOPBACK_ONLY {
            return Err(PollError::Name);
        }
        let found = lookup_host((self.host, self.port)).await.map_err(|_| PollError::Name)?;
        found.into_iter().find(SocketAddr::is_ipv4).ok_or(PollError::Name)
    }
}

/// A poll got no answer.
#[derive(Debug, Error)]
enum PollError {
    #[error("the dcmp-url asks for another protocol than plain HTTP")]
    Scheme,
    #[error("the dcmp-url is not of the form host:port/path")]
    Form,
    #[error("the path of the dcmp-url cannot be asked for")]
    Path(#[source] InvalidUri),
    #[error("the host of the dcmp-url was not found")]
    Name,
    #[error("connecting to the contact-me proxy")]
    Connect(#[source] ConnectError),
    #[error("asking the contact-me proxy")]
    Request(#[source] RequestError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Option<(&str, u16, &str)> {
        Target::read(url).ok().map(|target| (target.host, target.port, target.path))
    }

    #[test]
    fn the_address_of_a_proxy_has_a_host_and_perhaps_port_path_and_scheme() {
        assert_eq!(read("dcmp.example.net:8080/dcmp"), Some(("dcmp.example.net", 8080, "/dcmp")));
        assert_eq!(read("HTTP://127.0.0.1/a/b/"), Some(("127.0.0.1", 80, "/a/b")));
        assert_eq!(read("127.0.0.1:81"), Some(("127.0.0.1", 81, "")));
        for wrong in ["", "/dcmp", ":80", "host:", "host:70000", "https://host/", "ftp://host"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_only_by_phones_that_may_leave_the_machine() {
        let near = Target::read("LocalHost:81").unwrap().resolve(NetworkGuard::LOOPBACK_ONLY).await;
        assert_eq!(near.unwrap(), "127.0.0.1:81".parse().unwrap());
        let far = Target::read("dcmp.example.net").unwrap().resolve(NetworkGuard::LOOPBACK_ONLY).await;
        assert!(matches!(far, Err(PollError::Name)));
    }
}
