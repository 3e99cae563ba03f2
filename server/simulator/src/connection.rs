//! One connection of a phone, nearly always with TLS, and the HTTP requests on it (`wpi.md` §2.1, §2.5).
//!
//! This layer sends whatever bytes it is given, so that tests can send hostile ones over the same path
//! as real messages. It knows nothing of cookies, sessions or WPI.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{AddressError, NetworkGuard};

/// Path of every phone message (`wpi.md` §1.3).
pub const LOGIN_PATH: &str = "/DeploymentService/LoginService";

/// Most bytes of an answer that are read; servers keep their messages far below (`wpi.md` §2.6).
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// How a phone reaches servers: shared TLS settings, its own address, and how long it waits.
#[derive(Clone)]
pub struct Dialler {
    tls: TlsConnector,
    source: Option<Ipv4Addr>,
    guard: NetworkGuard,
    /// Wait for the TCP connection and for the TLS handshake, each.
    pub connect_timeout: Duration,
    /// Wait for the whole answer to a request.
    pub request_timeout: Duration,
    /// Receive buffer of connections in bytes; `None` is what the system gives.
    pub receive_buffer: Option<u32>,
}

impl Dialler {
    /// A phone at `source`, or at whatever address the system picks.
    ///
    /// # Errors
    /// [`AddressError::ForeignSource`] when the guard does not permit the address.
    pub fn new(
        tls: Arc<ClientConfig>,
        source: Option<Ipv4Addr>,
        guard: NetworkGuard,
    ) -> Result<Self, AddressError> {
        if let Some(source) = source {
            guard.check_source(source)?;
        }
        Ok(Self {
            tls: TlsConnector::from(tls),
            source,
            guard,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            receive_buffer: None,
        })
    }

    /// The guard in force.
    #[must_use]
    pub fn guard(&self) -> NetworkGuard {
        self.guard
    }

    /// A bare TLS connection, for tests that send what HTTP does not allow.
    ///
    /// # Errors
    /// [`ConnectError`] says how far it came.
    pub async fn dial(&self, server: SocketAddr) -> Result<TlsStream<TcpStream>, ConnectError> {
        let stream = self.tcp(server).await?;
        timeout(self.connect_timeout, self.tls.connect(ServerName::from(server.ip()), stream))
            .await
            .map_err(|_| ConnectError::Timeout { server })?
            .map_err(|source| ConnectError::Tls { server, source })
    }

    async fn tcp(&self, server: SocketAddr) -> Result<TcpStream, ConnectError> {
        self.guard.check_target(server).map_err(ConnectError::Address)?;
        let tcp = |source| ConnectError::Tcp { server, source };
        let socket = if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(tcp)?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).map_err(tcp)?;
        }
        if let Some(address) = self.source {
            socket
                .bind(SocketAddr::new(IpAddr::V4(address), 0))
                .map_err(|source| ConnectError::Bind { address, source })?;
        }
        let stream = timeout(self.connect_timeout, socket.connect(server))
            .await
            .map_err(|_| ConnectError::Timeout { server })?
            .map_err(tcp)?;
        stream.set_nodelay(true).map_err(tcp)?;
        Ok(stream)
    }

    /// A connection ready for HTTP requests.
    ///
    /// # Errors
    /// [`ConnectError`] says how far it came.
    pub async fn connect(&self, server: SocketAddr) -> Result<Connection, ConnectError> {
        let stream = self.dial(server).await?;
        self.start_http(server, stream).await
    }

    /// A connection for HTTP requests without TLS, as to the contact-me proxy (`wpi.md` §6).
    ///
    /// # Errors
    /// [`ConnectError`] says how far it came.
    pub async fn connect_plain(&self, server: SocketAddr) -> Result<Connection, ConnectError> {
        let stream = self.tcp(server).await?;
        self.start_http(server, stream).await
    }

    async fn start_http<S>(&self, server: SocketAddr, stream: S) -> Result<Connection, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) =
            handshake(TokioIo::new(stream)).await.map_err(|source| ConnectError::Http { server, source })?;
        // The driver ends when the sender is dropped; what goes wrong in it is seen by the request.
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::trace!(%error, "a phone's connection ended");
            }
        });
        let host = HeaderValue::try_from(server.to_string()).unwrap_or(HeaderValue::from_static("server"));
        Ok(Connection { sender, host, request_timeout: self.request_timeout })
    }
}

/// One open connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    request_timeout: Duration,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the body came in chunks, which firmware up to V2R2 cannot read (`wpi.md` §2.2).
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.headers.contains_key(TRANSFER_ENCODING)
    }

    /// Whether the server wants the connection closed.
    #[must_use]
    pub fn closes(&self) -> bool {
        let close = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
        self.headers.get_all(CONNECTION).iter().any(close)
    }
}

impl Connection {
    /// POST these bytes as a phone does.
    ///
    /// # Errors
    /// [`RequestError`]; when [`RequestError::is_not_sent`], nothing of the request has left.
    pub async fn post(
        &mut self,
        body: Bytes,
        cookie: Option<&HeaderValue>,
        keep_alive: bool,
    ) -> Result<Answer, RequestError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static(LOGIN_PATH);
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=UTF-8"));
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, cookie.clone());
        }
        if !keep_alive {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.send(request).await
    }

    /// Send any request; `Host` and `Content-Length` are the caller's and hyper's business.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, RequestError> {
        timeout(self.request_timeout, self.exchange(request)).await.map_err(|_| RequestError::Timeout)?
    }

    /// Send any request and wait for the head of the answer; the body is read while it comes.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub(crate) async fn open(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, RequestError> {
        timeout(self.request_timeout, self.begin(request)).await.map_err(|_| RequestError::Timeout)?
    }

    async fn begin(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, RequestError> {
        self.sender.ready().await.map_err(|source| RequestError::NotSent { source })?;
        self.sender.try_send_request(request).await.map_err(|mut error| {
            let not_sent = error.take_message().is_some();
            let source = error.into_error();
            if not_sent { RequestError::NotSent { source } } else { RequestError::Http { source } }
        })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, RequestError> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT)
            .collect()
            .await
            .map_err(|source| RequestError::Body { source })?
            .to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// The `Host` value of this connection, for requests of the caller's own.
    #[must_use]
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }
}

/// A connection was not made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The guard refused.
    #[error("connecting was not permitted")]
    Address(#[source] AddressError),
    /// The phone's own address cannot be used.
    #[error("using {address} as the phone's own address")]
    Bind {
        /// The phone's address.
        address: Ipv4Addr,
        /// What the system said.
        source: io::Error,
    },
    /// No TCP connection.
    #[error("connecting to {server}")]
    Tcp {
        /// The server.
        server: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS connection.
    #[error("TLS handshake with {server}")]
    Tls {
        /// The server.
        server: SocketAddr,
        /// What TLS said.
        source: io::Error,
    },
    /// HTTP could not be started.
    #[error("starting HTTP with {server}")]
    Http {
        /// The server.
        server: SocketAddr,
        /// What HTTP said.
        source: hyper::Error,
    },
    /// The server was too slow.
    #[error("{server} was too slow to accept the connection")]
    Timeout {
        /// The server.
        server: SocketAddr,
    },
}

/// A request got no complete answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The connection was closed before anything was sent.
    #[error("the connection was closed before the request left")]
    NotSent {
        /// What HTTP said.
        source: hyper::Error,
    },
    /// The exchange failed on the way.
    #[error("sending the request or reading the answer's head")]
    Http {
        /// What HTTP said.
        source: hyper::Error,
    },
    /// The answer's body broke off or was too long.
    #[error("reading the answer's body")]
    Body {
        /// What was wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No complete answer in time.
    #[error("no complete answer in time")]
    Timeout,
}

impl RequestError {
    /// Whether nothing of the request has left, so that it may be repeated.
    #[must_use]
    pub fn is_not_sent(&self) -> bool {
        matches!(self, Self::NotSent { .. })
    }
}
