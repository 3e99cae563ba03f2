//! The one door to other servers: which addresses are connected to, how long is waited, what is trusted.
//!
//! No redirect is followed and no proxy of the environment is used, so credentials go to the host that the
//! administrator named and to no other. Every transfer has a connection of its own (HTTP/1.1), so that one that hangs
//! holds up no other.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::network::Networks;
use futures_util::TryStreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Body, Client, Request, Response, StatusCode, Url};

use super::reading::{Bytes, Source};
use super::{Fault, Manners, StorageError, address};

/// Largest part of an error's body that is read, in bytes.
pub(super) const LARGEST_ERROR: usize = 64 * 1024;

/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Connections that are kept for the next requests to a host.
const IDLE_KEPT: usize = 8;

/// Connections to other servers. Cheap to make: nothing is set up before the first request.
#[derive(Debug)]
pub(super) struct Web {
    manners: Manners,
    /// Keeps connections for the next request.
    keeping: OnceLock<Client>,
    /// Has a new connection for each request.
    fresh: OnceLock<Client>,
}

impl Web {
    pub(super) fn new(manners: &Manners) -> Self {
        Self { manners: manners.clone(), keeping: OnceLock::new(), fresh: OnceLock::new() }
    }

    /// Sends a request and waits for the head of the answer, whatever its status. What is sent must do no harm when it
    /// is sent twice: a connection that was kept may be closed by the other side at the moment it is used again, and
    /// then a second one is tried.
    pub(super) async fn send(&self, request: Request) -> Result<Response, StorageError> {
        self.send_counted(request, &AtomicU64::new(0)).await
    }

    /// As [`Web::send`]; `sent` counts the bytes of the request's body, which may take as long as they keep coming.
    pub(super) async fn send_counted(
        &self,
        request: Request,
        sent: &AtomicU64,
    ) -> Result<Response, StorageError> {
        // A name is judged when it is resolved; an address that stands in the URL never is.
        if let Some(literal) = literal_address(request.url())
            && address::is_refused(literal, &self.manners.allowed)
        {
            return Err(StorageError::new(Fault::AddressRefused, &literal.to_string()));
        }
        let (client, again) = match request.try_clone() {
            Some(again) => (self.client(&self.keeping, IDLE_KEPT)?, again),
            // A body that is a stream is there once.
            None => return self.attempt(self.client(&self.fresh, 0)?, request, sent).await?.map_err(failed),
        };
        match self.attempt(client, request, sent).await? {
            Err(error) if was_closed(&error) => self.attempt(client, again, sent).await?.map_err(failed),
            answer => answer.map_err(failed),
        }
    }

    /// One try; the outer error is that it took too long.
    async fn attempt(
        &self,
        client: &Client,
        request: Request,
        sent: &AtomicU64,
    ) -> Result<reqwest::Result<Response>, StorageError> {
        let answer = client.execute(request);
        tokio::pin!(answer);
        let mut seen = 0;
        loop {
            let patience = if seen == 0 { self.manners.first_byte } else { self.manners.between_bytes };
            match tokio::time::timeout(patience, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) => {
                    let now = sent.load(Ordering::Relaxed);
                    if now == seen {
                        return Err(StorageError::new(Fault::TimedOut, "no answer"));
                    }
                    seen = now;
                }
            }
        }
    }

    /// The body of an answer as a source of pieces.
    pub(super) fn pieces(&self, answer: Response) -> Pieces {
        Pieces { answer, patience: self.manners.between_bytes }
    }

    /// All of a body, when it is not larger than `most` bytes.
    pub(super) async fn collect(&self, answer: Response, most: usize) -> Result<Bytes, StorageError> {
        let mut pieces = self.pieces(answer);
        let mut all = bytes::BytesMut::new();
        while let Some(piece) = pieces.next().await? {
            if all.len() + piece.len() > most {
                return Err(StorageError::new(Fault::TooLarge, "a longer answer than is read"));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    fn client<'a>(&self, made: &'a OnceLock<Client>, idle: usize) -> Result<&'a Client, StorageError> {
        if let Some(client) = made.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(Resolver { allowed: self.manners.allowed.clone() }))
            .connect_timeout(self.manners.connect)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(idle)
            .user_agent("workpoint")
            .tls_danger_accept_invalid_certs(!self.manners.validate);
        if self.manners.validate {
            let authorities: Result<Vec<_>, _> =
                self.manners.authorities.iter().map(|der| reqwest::Certificate::from_der(der)).collect();
            builder = builder.tls_certs_merge(authorities.map_err(failed)?);
        }
        let client = builder.build().map_err(failed)?;
        Ok(made.get_or_init(|| client))
    }
}

/// The address that stands in a URL instead of a name.
fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// A body of a file's bytes, that counts what was taken of it.
pub(super) fn counted_body(
    pieces: impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static,
    sent: &Arc<AtomicU64>,
) -> Body {
    let sent = Arc::clone(sent);
    Body::wrap_stream(pieces.inspect_ok(move |piece| {
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }))
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Pieces {
    answer: Response,
    patience: Duration,
}

impl Source for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        match tokio::time::timeout(self.patience, self.answer.chunk()).await {
            Err(_) => Err(StorageError::new(Fault::TimedOut, "nothing came in the middle of a body")),
            Ok(Ok(piece)) => Ok(piece),
            // Whatever ends a body early makes it shorter than announced.
            Ok(Err(error)) => Err(StorageError::caused(Fault::LiedAboutLength, &error.without_url())),
        }
    }
}

/// What a status means that is none of success.
pub(super) fn fault_of(status: StatusCode) -> Fault {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Fault::Credentials,
        StatusCode::FORBIDDEN => Fault::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => Fault::NotFound,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Fault::ReadOnly,
        StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => Fault::ChangedMeanwhile,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Fault::TimedOut,
        StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
        StatusCode::INSUFFICIENT_STORAGE => Fault::Full,
        status if status.is_redirection() => Fault::Redirected,
        status if status.is_server_error() => Fault::ServerError,
        _ => Fault::BadAnswer,
    }
}

/// Whether a connection was closed before there was any answer.
fn was_closed(error: &reqwest::Error) -> bool {
    if error.is_connect() || error.is_body() {
        return false;
    }
    let mut next = error.source();
    while let Some(cause) = next {
        if cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(|hyper| hyper.is_incomplete_message() || hyper.is_closed())
            || cause.downcast_ref::<io::Error>().is_some_and(|io| {
                matches!(io.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            })
        {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Tells what went wrong from what is under an error of the HTTP library. Its address is left out: it may be signed.
pub(super) fn failed(error: reqwest::Error) -> StorageError {
    let error = error.without_url();
    if error.is_body() {
        return StorageError::caused(Fault::LiedAboutLength, &error);
    }
    let mut fault = if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::Unreachable
    } else {
        Fault::BadAnswer
    };
    let mut next: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = next {
        if cause.is::<Refused>() {
            fault = Fault::AddressRefused;
        } else if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            fault = tls_fault(tls);
        } else if let Some(io) = cause.downcast_ref::<io::Error>() {
            // The source of an error inside an `io::Error` is that one's source: itself it would be left out.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
                continue;
            }
            fault = match io.kind() {
                io::ErrorKind::TimedOut => Fault::TimedOut,
                _ => Fault::Unreachable,
            };
        } else if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            // Closed before there was an answer.
            if hyper.is_incomplete_message() || hyper.is_closed() {
                fault = Fault::Unreachable;
            }
        }
        next = cause.source();
    }
    StorageError::caused(fault, &error)
}

fn tls_fault(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::UnsupportedNameType => Fault::Certificate,
        // The other side does not speak TLS, or none that we speak.
        _ => Fault::BadAnswer,
    }
}

/// Resolves names and leaves out the addresses that are not connected to.
struct Resolver {
    allowed: Networks,
}

/// A name of which all addresses are refused.
#[derive(Debug, thiserror::Error)]
#[error("the name belongs to an address that is not connected to")]
struct Refused;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed.clone();
        Box::pin(async move {
            // The port is a placeholder; the URL's is used.
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let any = !found.is_empty();
            let kept: Vec<_> =
                found.into_iter().filter(|found| !address::is_refused(found.ip(), &allowed)).collect();
            if any && kept.is_empty() {
                return Err(Refused.into());
            }
            let kept: Addrs = Box::new(kept.into_iter());
            Ok(kept)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::literal_address;

    #[test]
    fn every_way_to_write_an_address_is_one() {
        for (url, address) in [
            ("https://127.0.0.1/", "127.0.0.1"),
            ("https://0x7f.1/", "127.0.0.1"),
            ("https://2130706433/", "127.0.0.1"),
            ("https://0177.0.0.1/", "127.0.0.1"),
            ("https://[::ffff:127.0.0.1]:9/", "::ffff:127.0.0.1"),
            ("https://[::1]/", "::1"),
        ] {
            let url = reqwest::Url::parse(url).expect("a URL");
            assert_eq!(literal_address(&url), address.parse().ok(), "{url}");
        }
        let name = reqwest::Url::parse("https://127.0.0.1.example/").expect("a URL");
        assert_eq!(literal_address(&name), None);
    }
}
