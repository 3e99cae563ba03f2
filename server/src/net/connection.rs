//! One connection from its first byte to its last: handshake, then requests, each with a [`Peer`].
//!
//! Refuses to know what the requests mean.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};
use tracing::{debug, warn};

use super::diagnosis::{HelloDiagnosis, suite_name, version_name};
use super::failures::Logging;
use super::listener::{ListenerCounters, plain};
use super::stream::{Paced, Progress, Running};
use super::{HandshakeFailures, HttpDialect, ListenerSettings, NetLimits, NowFn, Transport};

/// Most header fields in a request; a phone sends about eight.
const MAX_HEADERS: usize = 64;

/// Most requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// Most bytes of header fields in one HTTP/2 request.
const MAX_HEADER_LIST: u32 = 16 * 1024;

/// Who sent a request, and over what. An extension of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Number of the connection, unique in this process. Sessions may be found by it (D-7).
    pub connection: u64,
    /// The other end.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Name of the listener.
    pub listener: Arc<str>,
    /// What TLS agreed on; absent without TLS.
    pub tls: Option<Arc<TlsPeer>>,
}

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub struct TlsPeer {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: String,
    /// The cipher suite by its IANA name.
    pub cipher_suite: String,
    /// The host name the client asked for.
    pub server_name: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The client's verified certificates, its own first; empty where none was asked for.
    pub client_chain: Vec<CertificateDer<'static>>,
}

impl TlsPeer {
    fn of(connection: &ServerConnection) -> Self {
        let version = connection.protocol_version();
        let suite = connection.negotiated_cipher_suite();
        Self {
            version: version.map(|version| version_name(version.into())).unwrap_or_default(),
            cipher_suite: suite.map(|suite| suite_name(suite.suite().into())).unwrap_or_default(),
            server_name: connection.server_name().map(str::to_owned),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            client_chain: connection.peer_certificates().unwrap_or_default().to_vec(),
        }
    }
}

/// A service that answers every request; `axum::Router` is one.
pub trait HttpService:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// What all connections of a listener share.
pub(super) struct Shared<S> {
    pub(super) name: Arc<str>,
    /// No new requests from now on.
    pub(super) stop: CancellationToken,
    /// No further waiting for running requests.
    cut: CancellationToken,
    transport: Transport,
    limits: NetLimits,
    now: NowFn,
    failures: Arc<HandshakeFailures>,
    local: SocketAddr,
    counters: Arc<ListenerCounters>,
    service: S,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl<S> Shared<S> {
    pub(super) fn new(
        settings: ListenerSettings,
        local: SocketAddr,
        counters: Arc<ListenerCounters>,
        service: S,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        let ListenerSettings { name, transport, limits, now, failures, .. } = settings;
        let phone = transport.dialect() == HttpDialect::Phone;
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .keep_alive(true)
            // Runs from the end of a request to the end of the next head, so it is the idle limit; the
            // shorter limit for a head that has begun is in `stream`.
            .header_read_timeout(limits.idle_timeout)
            .half_close(phone)
            .title_case_headers(phone)
            .max_headers(MAX_HEADERS)
            // The library panics below its own minimum.
            .max_buf_size(limits.buffer.max(8192));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(limits.idle_timeout)
            .keep_alive_timeout(limits.header_timeout)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST);
        Self { name, stop, cut, transport, limits, now, failures, local, counters, service, http1, http2 }
    }

    fn failed(&self, address: SocketAddr, diagnosis: &HelloDiagnosis) {
        self.counters.handshake(false);
        let logging = self.failures.record(&self.name, address.ip(), diagnosis, (self.now)());
        if let Logging::Write { left_out } = logging {
            warn!(
                listener = %self.name,
                peer = %address,
                verdict = diagnosis.verdict.code(),
                versions = ?diagnosis.versions,
                cipher_suites = ?diagnosis.cipher_suites,
                server_name = diagnosis.server_name,
                detail = diagnosis.detail,
                left_out,
                "TLS handshake failed"
            );
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn run<S: HttpService>(stream: TcpStream, address: SocketAddr, shared: &Shared<S>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut peer = Peer {
        connection: NEXT.fetch_add(1, Ordering::Relaxed),
        address,
        // A listener on all addresses learns here which one was called.
        local: stream.local_addr().map_or(shared.local, plain),
        listener: Arc::clone(&shared.name),
        tls: None,
    };
    match &shared.transport {
        Transport::Plain(_) => http(stream, false, peer, shared).await,
        Transport::Tls(server) => {
            let deadline = Instant::now() + shared.limits.handshake_timeout;
            // Boxed, so that an open session does not carry the size of the handshake along.
            let handshake = Box::pin(server.accept(stream, deadline));
            let accepted = tokio::select! {
                accepted = handshake => accepted,
                () = shared.stop.cancelled() => return,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(diagnosis) => return shared.failed(address, &diagnosis),
            };
            shared.counters.handshake(true);
            let connection = stream.get_ref().1;
            let is_http2 = connection.alpn_protocol() == Some(b"h2");
            peer.tls = Some(Arc::new(TlsPeer::of(connection)));
            http(stream, is_http2, peer, shared).await;
        }
    }
}

/// The rest of a connection after the handshake. Not an `async fn`, so that the stream is moved into the
/// box once and takes no second place in the task, and so that each protocol takes only its own room.
fn http<S, IO>(
    stream: IO,
    is_http2: bool,
    peer: Peer,
    shared: &Shared<S>,
) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>
where
    S: HttpService,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &shared.limits;
    let (number, address) = (peer.connection, peer.address);
    let progress = Arc::new(Progress::default());
    let head_limit = (!is_http2).then_some(limits.header_timeout);
    let stream = TokioIo::new(Paced::new(stream, Arc::clone(&progress), head_limit, limits.write_timeout));

    let (service, counters) = (shared.service.clone(), Arc::clone(&shared.counters));
    let service = service_fn(move |mut request: Request<Incoming>| {
        counters.request();
        let running = progress.begin();
        request.extensions_mut().insert(peer.clone());
        let answer = service.clone().oneshot(request);
        async move { answer.await.map(|response| response.map(|body| Answer { body, _running: running })) }
    });
    if is_http2 {
        let connection = Box::pin(shared.http2.serve_connection(stream, service));
        Box::pin(async move { ended(number, address, shared, drive(connection, shared).await) })
    } else {
        let connection = Box::pin(shared.http1.serve_connection(stream, service));
        Box::pin(async move { ended(number, address, shared, drive(connection, shared).await) })
    }
}

/// Peers that vanish are everyday life; the line is for somebody who looks for one.
fn ended<S>(connection: u64, peer: SocketAddr, shared: &Shared<S>, ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        debug!(connection, peer = %peer, listener = %shared.name, error = %error, "connection broke");
    }
}

/// Runs a connection; told to stop, it finishes running requests; told to cut, it ends at once.
async fn drive<S, C: GracefulConnection>(
    mut connection: Pin<Box<C>>,
    shared: &Shared<S>,
) -> Result<(), C::Error> {
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = shared.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        ended = connection => ended,
        () = shared.cut.cancelled() => Ok(()),
    }
}

/// A response body that tells when it has been sent. Its size passes through, so that a complete body
/// gets a Content-Length and is never chunked (`wpi.md` §2.2).
struct Answer {
    body: Body,
    _running: Running,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
