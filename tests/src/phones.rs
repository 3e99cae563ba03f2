//! Simulated phones, and raw messages for what no phone would send.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use pki::Issued;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use simulator::{
    Answer, CookieEcho, Dialler, Fleet, NetworkGuard, PhoneChannel, SimulateConfig, SimulatedPhone,
    TlsOptions, tls_settings,
};
use wire::{Action, Fragment, Item, Limits, PhoneMessage, Reason, ReplyStatus, ServerMessage};

/// Phones against a server, with a changed configuration.
pub async fn phones(
    server: SocketAddr,
    count: u32,
    change: impl FnOnce(&mut SimulateConfig),
) -> Vec<Arc<SimulatedPhone>> {
    let mut config = SimulateConfig {
        phones: count,
        server: server.to_string(),
        contact_me_port: 0,
        ..SimulateConfig::default()
    };
    change(&mut config);
    Fleet::prepare(&config).await.expect("a fleet").phones().to_vec()
}

/// TLS settings of a phone: nothing of the server is checked.
pub fn tls() -> Arc<rustls::ClientConfig> {
    tls_settings(TlsOptions::default()).expect("TLS settings")
}

/// A phone that sends what it is told, from an address of its own.
pub fn raw_phone(server: SocketAddr, source: [u8; 4]) -> Exchange {
    let dialler = Dialler::new(tls(), Some(Ipv4Addr::from(source)), NetworkGuard::default())
        .expect("a loopback address");
    Exchange { channel: PhoneChannel::new(dialler, server, CookieEcho::Plain, true) }
}

/// As [`raw_phone`], with a certificate of its own, as phones in secure mode have one (`wpi.md` §5.1).
pub fn secure_phone(server: SocketAddr, source: [u8; 4], certificate: &Issued) -> Exchange {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(certificate.private_key_pem.expose().as_bytes()).expect("a key");
    let client_certificate = Some((chain.expect("certificates"), key));
    let tls = tls_settings(TlsOptions { client_certificate, ..TlsOptions::default() }).expect("TLS settings");
    let dialler = Dialler::new(tls, Some(Ipv4Addr::from(source)), NetworkGuard::default());
    let dialler = dialler.expect("a loopback address");
    Exchange { channel: PhoneChannel::new(dialler, server, CookieEcho::Plain, true) }
}

fn dialler() -> Dialler {
    Dialler::new(tls(), None, NetworkGuard::default()).expect("a loopback address")
}

/// A TLS connection to send broken HTTP over.
pub async fn tls_stream(server: SocketAddr) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    dialler().dial(server).await.expect("a TLS connection")
}

/// An HTTP connection for requests of the test's own.
pub async fn connect(server: SocketAddr) -> simulator::Connection {
    dialler().connect(server).await.expect("a connection")
}

/// A plain HTTP request as a server calls a phone; gives the status.
pub async fn plain_post(url: &str, body: &'static str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.post(url).body(body).send().await.expect("an answer").status().as_u16()
}

/// Messages of a raw phone and their answers.
pub struct Exchange {
    /// Cookie and connection, to be tampered with.
    pub channel: PhoneChannel,
}

impl Exchange {
    /// Sends a message; the answer must be WPI as phones can read it.
    pub async fn send(&mut self, message: &PhoneMessage) -> ServerMessage {
        let body = message.to_bytes().expect("a message that can be written");
        let answer = self.post(&body).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.is_chunked(), "chunked answers cannot be read by old firmware");
        assert_eq!(answer.headers["content-type"], "text/xml; charset=UTF-8");
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
        let parsed = ServerMessage::parse(&answer.body, &Limits::default()).expect("an answer that is WPI");
        assert_eq!(parsed.nonce, message.nonce, "the nonce is echoed");
        parsed
    }

    /// Sends any bytes.
    pub async fn post(&mut self, body: &[u8]) -> Answer {
        self.channel.post(body.to_vec()).await.expect("an answer")
    }
}

/// A message with this reason and these items.
pub fn message(nonce: &str, reason: Reason, items: Vec<Item>) -> PhoneMessage {
    PhoneMessage { nonce: nonce.to_owned(), max_items: None, fragment: Fragment::Final, reason, items }
}

/// An accepted reply to an action.
pub fn reply(nonce: &str, action: Action, items: Vec<Item>) -> PhoneMessage {
    message(nonce, Reason::ReplyTo { action: Some(action), status: Some(ReplyStatus::Accepted) }, items)
}

/// Items without index.
pub fn items(pairs: &[(&str, &str)]) -> Vec<Item> {
    pairs.iter().map(|(name, value)| Item::new(*name, *value)).collect()
}
