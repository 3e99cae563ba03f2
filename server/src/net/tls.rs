//! TLS of the listeners: one profile per kind of port, certificates that can be exchanged while running,
//! and the handshake itself with its diagnosis.
//!
//! Refuses to know where certificates are kept and what is spoken inside.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use pki::{CertificateInfo, PairError, PrivateKeyPem};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, cipher_suite as suite, default_provider};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{
    Acceptor, ClientHello, ResolvesServerCert, ServerConfig, ServerSessionMemoryCache, VerifierBuilderError,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::diagnosis::{Cause, HelloDiagnosis, diagnose};
use super::hello::MAX_RECORDED;
use super::{HttpDialect, NowFn};

/// Sessions remembered by id. Phones resume often and a resumed handshake costs a twentieth
/// (`landscape.md` B2); a session takes about 200 bytes, with a client certificate 2 KiB.
const SESSION_CACHE: usize = 4096;

/// Most bytes of a response that wait encrypted for a slow reader; more makes the writer wait.
const WRITE_BUFFER: usize = 32 * 1024;

/// What a port demands of TLS.
#[derive(Clone, Debug)]
pub enum TlsProfile {
    /// Default mode (port 18443): never asks for a client certificate, no ALPN (`wpi.md` §2.5).
    Phone,
    /// Secure mode (port 18444): a client certificate below one of these roots is required
    /// (`wpi.md` §5.1).
    PhoneSecure {
        /// The authorities that issued phone certificates.
        client_roots: Vec<CertificateDer<'static>>,
    },
    /// Console and API: HTTP/2 and HTTP/1.1 by ALPN.
    Api,
}

impl TlsProfile {
    /// How HTTP is spoken behind it.
    #[must_use]
    pub fn dialect(&self) -> HttpDialect {
        match self {
            Self::Phone | Self::PhoneSecure { .. } => HttpDialect::Phone,
            Self::Api => HttpDialect::Api,
        }
    }
}

/// Why the TLS settings of a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// A root certificate for clients cannot be used, or there is none.
    #[error("reading the authorities that clients are checked against")]
    ClientRoot(#[source] rustls::Error),
    /// The verifier for clients cannot be made.
    #[error("making the check of client certificates")]
    ClientVerifier(#[source] VerifierBuilderError),
    /// The TLS library refuses the settings.
    #[error("making the TLS settings")]
    Library(#[source] rustls::Error),
}

/// Why a certificate cannot be put to use.
#[derive(Debug, thiserror::Error)]
pub enum CertificateStoreError {
    /// Chain and key are broken or do not belong together.
    #[error("the certificate and key cannot be used")]
    Pair(#[source] PairError),
    /// The TLS library does not take the key.
    #[error("loading the private key into the TLS library")]
    Library(#[source] rustls::Error),
}

/// The certificate of a listener. Replacing it affects the next handshake; open connections go on.
#[derive(Debug)]
pub struct CertificateStore {
    current: ArcSwap<CertifiedKey>,
    info: ArcSwap<CertificateInfo>,
    replaced: AtomicU64,
}

impl CertificateStore {
    /// A store with its first certificate: a PEM chain, leaf first, and the leaf's key.
    ///
    /// # Errors
    /// When chain and key cannot be used together.
    pub fn new(certificate_pem: &[u8], key: &PrivateKeyPem) -> Result<Arc<Self>, CertificateStoreError> {
        let (certified, info) = load(certificate_pem, key)?;
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(certified),
            info: ArcSwap::from_pointee(info),
            replaced: AtomicU64::new(0),
        }))
    }

    /// Puts another certificate in place and says how often that has happened.
    ///
    /// # Errors
    /// When chain and key cannot be used together; then the old certificate stays.
    pub fn replace(&self, certificate_pem: &[u8], key: &PrivateKeyPem) -> Result<u64, CertificateStoreError> {
        let (certified, info) = load(certificate_pem, key)?;
        self.current.store(Arc::new(certified));
        self.info.store(Arc::new(info));
        Ok(self.replaced.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// What the certificate in use says.
    #[must_use]
    pub fn info(&self) -> Arc<CertificateInfo> {
        self.info.load_full()
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Phones send no server name or a wrong one, so it does not choose (`wpi.md` §2.5).
        Some(self.current.load_full())
    }
}

fn load(
    certificate_pem: &[u8],
    key: &PrivateKeyPem,
) -> Result<(CertifiedKey, CertificateInfo), CertificateStoreError> {
    let pair = pki::check_pair(certificate_pem, key).map_err(CertificateStoreError::Pair)?;
    let certified = CertifiedKey::from_der(pair.chain, pair.key, &default_provider())
        .map_err(CertificateStoreError::Library)?;
    Ok((certified, pair.info))
}

/// The finished TLS settings of one port.
pub struct TlsServer {
    config: Arc<ServerConfig>,
    dialect: HttpDialect,
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsServer").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl TlsServer {
    /// Settings for a profile: TLS 1.2 and 1.3 only, aws-lc-rs, no early data.
    ///
    /// Sessions are resumed by id and by ticket, except in secure mode: there a ticket would let a phone
    /// in for hours after its authority was taken away, so sessions live in a cache that ends with these
    /// settings.
    ///
    /// # Errors
    /// When the roots for client certificates cannot be used.
    pub fn new(
        profile: &TlsProfile,
        certificates: Arc<CertificateStore>,
        now: NowFn,
    ) -> Result<Self, TlsSetupError> {
        let dialect = profile.dialect();
        let mut provider = default_provider();
        if dialect == HttpDialect::Phone {
            // The least work for a small processor first; a phone has nothing to hide from AES-256.
            provider.cipher_suites = vec![
                suite::TLS13_AES_128_GCM_SHA256,
                suite::TLS13_CHACHA20_POLY1305_SHA256,
                suite::TLS13_AES_256_GCM_SHA384,
                suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            ];
        }
        let provider = Arc::new(provider);
        let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(ClockTime(now)))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsSetupError::Library)?;
        let builder = match profile {
            TlsProfile::Phone | TlsProfile::Api => builder.with_no_client_auth(),
            TlsProfile::PhoneSecure { client_roots } => {
                builder.with_client_cert_verifier(client_verifier(client_roots, provider)?)
            }
        };
        let mut config = builder.with_cert_resolver(certificates);
        config.ignore_client_order = dialect == HttpDialect::Phone;
        config.session_storage = ServerSessionMemoryCache::new(SESSION_CACHE);
        // One ticket is enough for a client that has one connection at a time.
        config.send_tls13_tickets = 1;
        if !matches!(profile, TlsProfile::PhoneSecure { .. }) {
            config.ticketer = Ticketer::new().map_err(TlsSetupError::Library)?;
        }
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        if dialect == HttpDialect::Api {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok(Self { config: Arc::new(config), dialect })
    }

    /// How HTTP is spoken behind it.
    #[must_use]
    pub fn dialect(&self) -> HttpDialect {
        self.dialect
    }

    /// Performs a handshake, all of it before `deadline`.
    pub(super) async fn accept<IO>(
        &self,
        stream: IO,
        deadline: Instant,
    ) -> Result<TlsStream<Recorded<IO>>, Box<HelloDiagnosis>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), Recorded::new(stream));
        let hello = timeout_at(deadline, &mut acceptor).await;
        let mut start = match hello {
            Ok(Ok(start)) => start,
            failed => {
                let received = acceptor.take_io().map(|mut stream| stream.finish()).unwrap_or_default();
                return Err(Box::new(diagnose(&received, &cause(failed.map(|inner| inner.map(|_| ()))))));
            }
        };
        // The hello is complete; nothing behind it is worth keeping.
        let received = start.io.finish();
        let rest = start.into_stream_with(Arc::clone(&self.config), |connection| {
            connection.set_buffer_limit(Some(WRITE_BUFFER));
        });
        match timeout_at(deadline, rest).await {
            Ok(Ok(stream)) => Ok(stream),
            failed => Err(Box::new(diagnose(&received, &cause(failed.map(|inner| inner.map(|_| ())))))),
        }
    }
}

fn client_verifier(
    roots: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsSetupError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(TlsSetupError::ClientRoot)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(TlsSetupError::ClientVerifier)
}

fn cause(failed: Result<io::Result<()>, tokio::time::error::Elapsed>) -> Cause {
    match failed {
        Ok(Err(error)) => Cause::from(&error),
        Ok(Ok(())) => Cause::Closed,
        Err(_) => Cause::TimedOut,
    }
}

/// The server's clock, for the TLS library.
pub(super) struct ClockTime(pub(super) NowFn);

impl fmt::Debug for ClockTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from((self.0)().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Keeps the first bytes read until told to stop.
#[derive(Debug)]
pub(super) struct Recorded<IO> {
    inner: IO,
    record: Option<Vec<u8>>,
}

impl<IO> Recorded<IO> {
    fn new(inner: IO) -> Self {
        Self { inner, record: Some(Vec::new()) }
    }

    /// Stops keeping and hands out what was kept.
    fn finish(&mut self) -> Vec<u8> {
        self.record.take().unwrap_or_default()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Recorded<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(context, buffer);
        if let Some(record) = &mut self.record {
            let fresh = buffer.filled().get(before..).unwrap_or_default();
            let room = MAX_RECORDED.saturating_sub(record.len());
            record.extend(fresh.iter().take(room));
        }
        result
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Recorded<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use pki::{Authority, KeyKind, SerialSeed, ServerRequest, Subject};

    use super::*;

    #[test]
    fn tickets_are_given_everywhere_but_in_secure_mode() {
        let now: NowFn = Arc::new(|| "2027-03-01T12:00:00Z".parse().expect("a time"));
        let subject = Subject::new("Root", None).expect("a subject");
        let (seed, lifetime) = (SerialSeed::new([1; 16]), Duration::from_hours(24));
        let root = Authority::create(&subject, KeyKind::EcdsaP256, now(), lifetime, seed).expect("a root");
        let names = ["dls".parse().expect("a name")];
        let request =
            ServerRequest { common_name: "dls", names: &names, key_kind: KeyKind::EcdsaP256, lifetime };
        let issued = root.issue_server(&request, now(), seed).expect("a certificate");
        let store =
            CertificateStore::new(issued.chain_pem.as_bytes(), &issued.private_key_pem).expect("a store");

        let secure = TlsProfile::PhoneSecure { client_roots: vec![root.certificate_der().clone()] };
        for (profile, tickets) in [(TlsProfile::Phone, true), (TlsProfile::Api, true), (secure, false)] {
            let server = TlsServer::new(&profile, Arc::clone(&store), Arc::clone(&now)).expect("settings");
            assert_eq!(server.config.ticketer.enabled(), tickets, "{profile:?}");
        }
        let nobody = TlsProfile::PhoneSecure { client_roots: Vec::new() };
        let refused = TlsServer::new(&nobody, store, now);
        assert!(matches!(refused, Err(TlsSetupError::ClientVerifier(_))));
    }
}
