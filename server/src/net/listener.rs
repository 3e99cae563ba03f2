//! One listening port: binding, accepting within bounds, counting, shutting down.
//!
//! Refuses to know TLS and HTTP; a connection is handed to `connection`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::connection::{self, HttpService, Shared};
use super::{HandshakeFailures, HttpDialect, NetLimits, NowFn, TlsServer};

/// Connections that wait in the kernel to be accepted; a site coming back from a blackout fills it.
const BACKLOG: i32 = 4096;

/// Pause after the machine refused to accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What carries HTTP.
#[derive(Clone, Debug)]
pub enum Transport {
    /// TCP alone: behind a proxy that ends TLS, for DCMP (D-10) and in tests.
    Plain(HttpDialect),
    /// TLS.
    Tls(Arc<TlsServer>),
}

impl Transport {
    /// How HTTP is spoken over it.
    #[must_use]
    pub fn dialect(&self) -> HttpDialect {
        match self {
            Self::Plain(dialect) => *dialect,
            Self::Tls(server) => server.dialect(),
        }
    }
}

/// Everything a listener needs.
#[derive(Clone)]
pub struct ListenerSettings {
    /// Its name in logs, counters and [`super::Peer`], for instance `phones`.
    pub name: Arc<str>,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS or not.
    pub transport: Transport,
    /// Its bounds.
    pub limits: NetLimits,
    /// The time.
    pub now: NowFn,
    /// Where failed handshakes are counted.
    pub failures: Arc<HandshakeFailures>,
}

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address} for {listener}")]
pub struct BindError {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The address asked for.
    pub address: SocketAddr,
    /// What the machine said.
    #[source]
    pub source: io::Error,
}

/// What a listener has done so far.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    accepted: AtomicU64,
    refused: AtomicU64,
    open: AtomicU64,
    handshakes: AtomicU64,
    handshakes_failed: AtomicU64,
    requests: AtomicU64,
}

/// A reading of [`ListenerCounters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListenerStatus {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once because too many were open.
    pub refused: u64,
    /// Connections open now.
    pub open: u64,
    /// TLS handshakes completed.
    pub handshakes: u64,
    /// TLS handshakes failed.
    pub handshakes_failed: u64,
    /// Requests begun.
    pub requests: u64,
}

impl ListenerCounters {
    /// Reads all counters.
    #[must_use]
    pub fn status(&self) -> ListenerStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ListenerStatus {
            accepted: read(&self.accepted),
            refused: read(&self.refused),
            open: read(&self.open),
            handshakes: read(&self.handshakes),
            handshakes_failed: read(&self.handshakes_failed),
            requests: read(&self.requests),
        }
    }

    pub(super) fn handshake(&self, worked: bool) {
        let counter = if worked { &self.handshakes } else { &self.handshakes_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts an open connection until it is dropped.
pub(super) struct Open(Arc<ListenerCounters>);

impl Open {
    fn new(counters: &Arc<ListenerCounters>) -> Self {
        counters.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections whose requests did not finish in time.
    pub cut_off: usize,
}

/// A bound port, not yet accepting.
pub struct Listener {
    listener: TcpListener,
    local: SocketAddr,
    settings: ListenerSettings,
    counters: Arc<ListenerCounters>,
}

impl Listener {
    /// Opens the port. Must be called inside the runtime.
    ///
    /// `[::]` also takes IPv4.
    ///
    /// # Errors
    /// When the machine refuses: the port is taken, or may not be opened by this user.
    pub fn bind(settings: ListenerSettings) -> Result<Self, BindError> {
        let bound = bind(settings.address, settings.transport.dialect())
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        match bound {
            Ok((local, listener)) => {
                Ok(Self { listener, local, settings, counters: Arc::new(ListenerCounters::default()) })
            }
            Err(source) => Err(BindError { listener: settings.name, address: settings.address, source }),
        }
    }

    /// The address it listens on, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Its counters, to be kept while it serves.
    #[must_use]
    pub fn counters(&self) -> Arc<ListenerCounters> {
        Arc::clone(&self.counters)
    }

    /// Accepts and serves until `stop` is cancelled, then lets running requests finish for
    /// [`NetLimits::drain_timeout`] and cuts off the rest.
    ///
    /// Each request carries a [`super::Peer`] as an extension. An `axum::Router` fits as it is. How long
    /// a body may take is up to the service: nothing here bounds the time or size of a body.
    pub async fn serve<S: HttpService>(self, service: S, stop: CancellationToken) -> Drained {
        let Self { listener, local, settings, counters } = self;
        let drain = settings.limits.drain_timeout;
        let places = Arc::new(Semaphore::new(settings.limits.connections.min(Semaphore::MAX_PERMITS)));
        let cut = CancellationToken::new();
        let tasks = TaskTracker::new();
        let shared =
            Arc::new(Shared::new(settings, local, Arc::clone(&counters), service, stop, cut.clone()));
        info!(listener = %shared.name, address = %local, "listening");

        let mut refusing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shared.stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    accept_failed(&shared.name, &error, &mut refusing).await;
                    continue;
                }
            };
            refusing = false;
            counters.accepted.fetch_add(1, Ordering::Relaxed);
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                counters.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let open = Open::new(&counters);
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                connection::run(prepare(stream), plain(remote), &shared).await;
                drop((open, place));
            });
        }

        drop(listener);
        tasks.close();
        let mut cut_off = 0;
        if timeout(drain, tasks.wait()).await.is_err() {
            cut_off = tasks.len();
            warn!(listener = %shared.name, connections = cut_off, "cutting off connections at shutdown");
            cut.cancel();
            tasks.wait().await;
        }
        info!(listener = %shared.name, "stopped listening");
        Drained { cut_off }
    }
}

/// Most bytes that wait in the kernel for a phone. Left to itself the kernel takes megabytes, and tells that there is
/// room again only when a third of them has gone: of a slow phone that makes progress all the time one would hear
/// nothing for longer than a write may take.
const PHONE_SEND_BUFFER: usize = 192 * 1024;

fn bind(address: SocketAddr, dialect: HttpDialect) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restarted server must not wait for the kernel to forget its old connections.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if dialect == HttpDialect::Phone {
        // Connections have it from their listener.
        socket.set_send_buffer_size(PHONE_SEND_BUFFER)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Answers are small and complete; waiting to fill a packet only costs the phone time.
fn prepare(stream: TcpStream) -> TcpStream {
    // Fails only when the peer is gone already, which shows soon enough.
    let _ = stream.set_nodelay(true);
    stream
}

/// An IPv4 address that came in through an IPv6 socket, written as IPv4.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Some errors belong to a connection that died in the queue; others mean that the machine is out of
/// something, and trying at once would only spin.
async fn accept_failed(listener: &str, error: &io::Error, refusing: &mut bool) {
    let of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if of_connection {
        return;
    }
    if !*refusing {
        warn!(listener, error = %error, "cannot accept connections");
        *refusing = true;
    }
    sleep(ACCEPT_PAUSE).await;
}
