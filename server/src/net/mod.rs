//! The listener layer under every port: accepting, TLS, diagnosis of failed handshakes, HTTP, limits and
//! shutting down.
//!
//! ```text
//! listener   accepts, counts, bounds, shuts down
//! connection one connection: handshake, then HTTP, with a `Peer` in every request
//! tls        profiles, certificates, the handshake
//! stream     time limits the HTTP library lacks
//! hello      reads a ClientHello the TLS library refused
//! diagnosis  says why in one word
//! failures   counts that per address
//! ```
//!
//! Refuses to know what is served: phones, API and metrics all hand in a service. It knows no settings
//! and no database; time is a function handed in.

mod connection;
mod diagnosis;
mod failures;
mod hello;
mod listener;
mod stream;
mod tls;

use std::sync::Arc;
use std::time::Duration;

pub use connection::{HttpService, Peer, TlsPeer};
pub use diagnosis::{HelloDiagnosis, Verdict};
pub use failures::{HandshakeFailure, HandshakeFailures};
pub use listener::{
    BindError, Drained, Listener, ListenerCounters, ListenerSettings, ListenerStatus, Transport,
};
pub use tls::{CertificateStore, CertificateStoreError, TlsProfile, TlsServer, TlsSetupError};

/// Gives the time.
pub type NowFn = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// How HTTP is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpDialect {
    /// HTTP/1.1 only, header names in title case as old firmware is used to (`wpi.md` §2). A phone that
    /// ends its sending side still gets its answer, and what it reported is handled to the end.
    Phone,
    /// HTTP/1.1, and HTTP/2 where ALPN chose it. A request whose client is gone is dropped.
    Api,
}

/// Bounds of one listener.
#[derive(Clone, Debug)]
pub struct NetLimits {
    /// Connections open at once, those in a handshake included. More are accepted and closed at once.
    /// An idle TLS connection takes about 32 KiB, half of it buffers the HTTP library keeps, and one file
    /// descriptor.
    pub connections: usize,
    /// A TLS handshake takes at most this long, from accepting on.
    pub handshake_timeout: Duration,
    /// A request head that has begun must be complete after this time.
    pub header_timeout: Duration,
    /// A connection without a request is closed after this time; `wpi.md` §2.2 wants 30 s at least.
    pub idle_timeout: Duration,
    /// A write that makes no progress for this long ends the connection.
    pub write_timeout: Duration,
    /// When shutting down, running requests get this long.
    pub drain_timeout: Duration,
    /// Most bytes buffered per connection: bounds the request head. At least 8,192.
    pub buffer: usize,
}

impl NetLimits {
    /// For ports that phones call.
    #[must_use]
    pub fn phones() -> Self {
        Self {
            connections: 20_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(45),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            buffer: 16 * 1024,
        }
    }

    /// For the console, the API and metrics.
    #[must_use]
    pub fn api() -> Self {
        Self { connections: 2000, buffer: 64 * 1024, ..Self::phones() }
    }
}

#[cfg(test)]
mod tests;
