//! How a phone fetches a file: GET over HTTPS without checking the certificate, going on with a range where the
//! connection broke (`wpi.md` §4.6.1). The bytes are looked at and dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, HOST, HeaderMap, HeaderValue, RANGE};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep_until, timeout};

use crate::address::NetworkGuard;
use crate::connection::{ConnectError, Dialler, RequestError};
use crate::image::ImageWatch;

/// Most bytes of a file; more than any firmware has.
const MOST_BYTES: u64 = 4 << 30;
/// How often a phone goes on after a break.
const MOST_RESUMPTIONS: u32 = 5;
/// Receive buffer of a phone with little memory, in bytes: what a slow phone has not taken yet stays with the server.
const SMALL_BUFFER: u32 = 16 * 1024;

/// What is going to happen to a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Good,
    /// The connection breaks in the middle once, and the phone goes on.
    Breaks,
    /// The phone gives up in the middle.
    Fails,
}

/// How a phone fetches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Most bytes a second; `None` is as fast as it comes.
    pub(crate) rate: Option<u64>,
    /// It asks for the head first.
    pub(crate) head_first: bool,
    /// What happens.
    pub(crate) fate: Fate,
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Download {
    manner: Manner,
    /// Bytes received in all, repeated ones included.
    pub(crate) bytes: u64,
    /// How often it went on after a break.
    pub(crate) resumed: u32,
    /// What was seen of it.
    pub(crate) image: ImageWatch,
    /// Bytes of the file that are there.
    position: u64,
    length: Option<u64>,
    tag: Option<HeaderValue>,
}

impl Download {
    pub(crate) fn new(manner: Manner) -> Self {
        let image = ImageWatch::default();
        Self { manner, bytes: 0, resumed: 0, image, position: 0, length: None, tag: None }
    }

    /// Fetch all of it.
    ///
    /// # Errors
    /// [`DownloadError`] says why the phone does not have the file.
    pub(crate) async fn run(&mut self, dialler: &Dialler, url: &str) -> Result<(), DownloadError> {
        let target = Target::read(url)?;
        let server = target.resolve(dialler.guard()).await?;
        let mut dialler = dialler.clone();
        if self.manner.rate.is_some() {
            dialler.receive_buffer = Some(SMALL_BUFFER);
        }
        if self.manner.head_first {
            let mut connection = dialler.connect(server).await?;
            let response = connection.open(target.request(Method::HEAD)?).await?;
            if response.status() != StatusCode::OK {
                return Err(DownloadError::Status { status: response.status() });
            }
            self.length = Some(length_of(response.headers())?);
        }
        loop {
            match self.part(&dialler, server, &target).await {
                Err(error) if error.is_break() && self.resumed < MOST_RESUMPTIONS => self.resumed += 1,
                result => return result,
            }
        }
    }

    /// One connection: from where the last one broke to the end.
    async fn part(
        &mut self,
        dialler: &Dialler,
        server: SocketAddr,
        target: &Target,
    ) -> Result<(), DownloadError> {
        let mut connection = dialler.connect(server).await?;
        let mut request = target.request(Method::GET)?;
        if self.position > 0 {
            let range = format!("bytes={}-", self.position);
            let range = HeaderValue::try_from(range).map_err(|_| DownloadError::Range)?;
            request.headers_mut().insert(RANGE, range);
        }
        let response = connection.open(request).await?;
        self.begin(response.status(), response.headers())?;
        self.body(response.into_body(), dialler.request_timeout).await
    }

    /// The head of an answer: whether it fits what is there already.
    fn begin(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), DownloadError> {
        let tag = headers.get(http::header::ETAG).cloned();
        match status {
            StatusCode::OK => {
                let length = length_of(headers)?;
                if self.length.is_some_and(|before| before != length) {
                    return Err(DownloadError::Changed);
                }
                (self.length, self.tag, self.position) = (Some(length), tag, 0);
                self.image = ImageWatch::default();
                Ok(())
            }
            StatusCode::PARTIAL_CONTENT => {
                let expected = format!("bytes {}-", self.position);
                let range =
                    headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
                let total = range.rsplit('/').next().and_then(|total| total.parse().ok());
                if !range.starts_with(&expected) {
                    return Err(DownloadError::Range);
                }
                if total != self.length || tag != self.tag {
                    return Err(DownloadError::Changed);
                }
                Ok(())
            }
            status => Err(DownloadError::Status { status }),
        }
    }

    async fn body(&mut self, mut body: Incoming, patience: Duration) -> Result<(), DownloadError> {
        let length = self.length.unwrap_or_default();
        let (begin, mut taken) = (Instant::now(), 0_u64);
        loop {
            let frame = timeout(patience, body.frame()).await.map_err(|_| DownloadError::Stalled)?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|source| DownloadError::Broken { source: Some(source) })?;
            let Ok(bytes) = frame.into_data() else { continue };
            let count = bytes.len() as u64;
            (self.bytes, self.position, taken) = (self.bytes + count, self.position + count, taken + count);
            if self.position > length {
                return Err(DownloadError::TooLong);
            }
            self.image.feed(&bytes);
            if self.position * 2 >= length {
                match self.manner.fate {
                    Fate::Good => {}
                    Fate::Fails => return Err(DownloadError::GivenUp),
                    Fate::Breaks => {
                        self.manner.fate = Fate::Good;
                        return Err(DownloadError::Broken { source: None });
                    }
                }
            }
            if let Some(rate) = self.manner.rate {
                let micros = taken.saturating_mul(1_000_000) / rate.max(1);
                sleep_until(begin + Duration::from_micros(micros)).await;
            }
        }
        if self.position < length { Err(DownloadError::Broken { source: None }) } else { Ok(()) }
    }
}

fn length_of(headers: &HeaderMap) -> Result<u64, DownloadError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length = length.ok_or(DownloadError::NoLength)?;
    if length > MOST_BYTES { Err(DownloadError::TooLong) } else { Ok(length) }
}

/// Where a file is.
#[derive(Debug)]
struct Target {
    uri: Uri,
    host: String,
    port: u16,
}

impl Target {
    fn read(url: &str) -> Result<Self, DownloadError> {
        let uri: Uri = url.parse().map_err(|_| DownloadError::Url)?;
        if uri.scheme_str() != Some("https") {
            return Err(DownloadError::Url);
        }
        let host = uri.host().ok_or(DownloadError::Url)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(443);
        Ok(Self { uri, host, port })
    }

    /// The address behind the name. Phones that may not leave the machine ask no name server either.
    async fn resolve(&self, guard: NetworkGuard) -> Result<SocketAddr, DownloadError> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, self.port));
        }
        if self.host.eq_ignore_ascii_case("localhost") {
            return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port));
        }
        if guard == NetworkGuard::LOOPBACK_ONLY {
            return Err(DownloadError::Name);
        }
        let found = lookup_host((self.host.as_str(), self.port)).await.map_err(|_| DownloadError::Name)?;
        found.into_iter().find(SocketAddr::is_ipv4).ok_or(DownloadError::Name)
    }

    fn request(&self, method: Method) -> Result<Request<Full<Bytes>>, DownloadError> {
        let authority = self.uri.authority().ok_or(DownloadError::Url)?;
        let host = HeaderValue::try_from(authority.as_str()).map_err(|_| DownloadError::Url)?;
        let path = self.uri.path_and_query().ok_or(DownloadError::Url)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(path.clone());
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(request)
    }
}

/// A phone did not get a file.
#[derive(Debug, Error)]
pub(crate) enum DownloadError {
    #[error("the address is no HTTPS address")]
    Url,
    #[error("the host of the address was not found")]
    Name,
    #[error("connecting to the file server")]
    Connect(#[from] ConnectError),
    #[error("asking for the file")]
    Request(#[from] RequestError),
    #[error("the file server answered with HTTP status {status}")]
    Status { status: StatusCode },
    #[error("the file server does not say how long the file is")]
    NoLength,
    #[error("the file is longer than it may be, or than was said")]
    TooLong,
    #[error("the file server sent another part than it was asked for")]
    Range,
    #[error("the file changed while it was fetched")]
    Changed,
    #[error("the connection broke")]
    Broken { source: Option<hyper::Error> },
    #[error("the file server fell silent")]
    Stalled,
    #[error("the phone gave up, as it was told to")]
    GivenUp,
}

impl DownloadError {
    /// Whether the phone goes on from where it is.
    fn is_break(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}
