//! The listener layer over real sockets on 127.0.0.0/8. Nothing here waits for a fixed time: a test waits
//! for the event, and a limit it wants to see is set to a few milliseconds.

mod handshake;
mod http;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::Extension;
use axum::routing::{get, post};
use axum::{Json, Router};
use pki::{Authority, ClientRequest, Issued, KeyKind, Name, SerialSeed, ServerRequest, Subject};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::connection::HttpService;
use super::tls::ClockTime;
use super::{
    CertificateStore, Drained, HandshakeFailures, Listener, ListenerCounters, ListenerSettings, NetLimits,
    NowFn, Peer, TlsProfile, TlsServer, Transport,
};

/// Long enough never to pass in a healthy run; only keeps a broken one from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Common name of the authority.
const ROOT: &str = "Test root";

fn now() -> NowFn {
    let now = "2027-03-01T12:00:00Z".parse().expect("a time");
    Arc::new(move || now)
}

fn new_authority(name: &str) -> Authority {
    let subject = Subject::new(name, None).expect("a subject");
    let lifetime = Duration::from_hours(24 * 365);
    Authority::create(&subject, KeyKind::EcdsaP256, now()(), lifetime, SerialSeed::new([0; 16]))
        .expect("a root")
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| new_authority(ROOT))
}

fn issue_server(serial: u8, key_kind: KeyKind) -> Issued {
    let names: [Name; 2] = ["localhost".parse().expect("a host"), "127.0.0.1".parse().expect("an address")];
    let lifetime = Duration::from_hours(24);
    let request = ServerRequest { common_name: "127.0.0.1", names: &names, key_kind, lifetime };
    authority().issue_server(&request, now()(), SerialSeed::new([serial; 16])).expect("a certificate")
}

fn issue_client(authority: &Authority) -> Issued {
    let lifetime = Duration::from_hours(24);
    let request = ClientRequest { common_name: "0001e3000001", key_kind: KeyKind::EcdsaP256, lifetime };
    authority.issue_client(&request, now()(), SerialSeed::new([9; 16])).expect("a certificate")
}

fn store(issued: &Issued) -> Arc<CertificateStore> {
    CertificateStore::new(issued.chain_pem.as_bytes(), &issued.private_key_pem).expect("a certificate store")
}

/// The certificate of most tests; RSA, as phones need it.
fn phone_store() -> Arc<CertificateStore> {
    static ISSUED: OnceLock<Issued> = OnceLock::new();
    store(ISSUED.get_or_init(|| issue_server(1, pki::PHONE_LISTENER_KEY)))
}

fn tls(profile: &TlsProfile, certificates: Arc<CertificateStore>) -> Transport {
    Transport::Tls(Arc::new(TlsServer::new(profile, certificates, now()).expect("TLS settings")))
}

/// A running listener; stopped when dropped.
struct Port {
    address: SocketAddr,
    counters: Arc<ListenerCounters>,
    failures: Arc<HandshakeFailures>,
    stop: CancellationToken,
    task: JoinHandle<Drained>,
    /// Lets `/wait` answer.
    release: Arc<Notify>,
    /// Told when `/wait` has been called.
    waiting: Arc<Notify>,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Port {
    fn open(transport: Transport, limits: NetLimits) -> Self {
        let (release, waiting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (hold, tell) = (Arc::clone(&release), Arc::clone(&waiting));
        let wait = move || async move {
            tell.notify_one();
            hold.notified().await;
            "done"
        };
        let router = Router::new()
            .route("/peer", get(describe))
            .route("/echo", post(|body: String| async { body }))
            .route("/wait", get(wait));
        Self::serving(router, transport, limits, (release, waiting))
    }

    fn serving<S: HttpService>(
        service: S,
        transport: Transport,
        limits: NetLimits,
        (release, waiting): (Arc<Notify>, Arc<Notify>),
    ) -> Self {
        let failures = Arc::new(HandshakeFailures::default());
        let settings = ListenerSettings {
            name: "test".into(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            transport,
            limits,
            now: now(),
            failures: Arc::clone(&failures),
        };
        let listener = Listener::bind(settings).expect("a free port");
        let (address, counters, stop) =
            (listener.local_addr(), listener.counters(), CancellationToken::new());
        let task = tokio::spawn(listener.serve(service, stop.clone()));
        Self { address, counters, failures, stop, task, release, waiting }
    }

    fn phones() -> Self {
        Self::open(tls(&TlsProfile::Phone, phone_store()), NetLimits::phones())
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Connects from another address of this machine.
    async fn connect_from(&self, address: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(address, 0)).expect("a local address");
        socket.connect(self.address).await.expect("a connection")
    }

    async fn connect_tls(&self, client: &ClientConfig) -> TlsStream<TcpStream> {
        let connector = TlsConnector::from(Arc::new(client.clone()));
        connector.connect(localhost(), self.connect().await).await.expect("a handshake")
    }
}

async fn describe(Extension(peer): Extension<Peer>) -> Json<Value> {
    let tls = peer.tls.as_deref();
    Json(json!({
        "connection": peer.connection,
        "address": peer.address.ip().to_string(),
        "local": peer.local.to_string(),
        "listener": &*peer.listener,
        "version": tls.map(|tls| tls.version.clone()),
        "cipher_suite": tls.map(|tls| tls.cipher_suite.clone()),
        "resumed": tls.map(|tls| tls.resumed),
        "client": tls.and_then(|tls| tls.client_chain.first()).map(|der| {
            pki::inspect(der).expect("a certificate").subject
        }),
    }))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

/// A client that trusts our authority.
fn client(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    client_of(authority(), versions, None)
}

fn client_of(
    trusted: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Issued>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate_der().clone()).expect("a root");
    let builder =
        ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(ClockTime(now())))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let chain = vec![CertificateDer::from_pem_slice(issued.chain_pem.as_bytes()).expect("PEM")];
            let key = PrivateKeyDer::from_pem_slice(issued.private_key_pem.expose().as_bytes()).expect("PEM");
            builder.with_client_auth_cert(chain, key).expect("a client certificate")
        }
    };
    config.resumption = Resumption::disabled();
    config
}

/// Sends a request and reads its answer, head and body, by Content-Length.
async fn ask<IO: AsyncRead + AsyncWrite + Unpin>(stream: &mut IO, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.flush().await.expect("sent");
    read_answer(stream).await
}

async fn read_answer<IO: AsyncRead + Unpin>(stream: &mut IO) -> String {
    let read = async {
        let mut answer = Vec::new();
        while !is_complete(&answer) {
            let byte = stream.read_u8().await.expect("an answer");
            answer.push(byte);
        }
        String::from_utf8(answer).expect("text")
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer in time")
}

fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().expect("a number"))
    });
    body.len() >= length.expect("a Content-Length")
}

const GET_PEER: &str = "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n";

/// What the server says about this connection.
async fn peer<IO: AsyncRead + AsyncWrite + Unpin>(stream: &mut IO) -> Value {
    let answer = ask(stream, GET_PEER).await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

/// Reads until the other side closes, politely or not.
async fn closed<IO: AsyncRead + Unpin>(stream: &mut IO) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("closed in time");
    rest
}

/// Waits until something is so.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it happens in time");
}
