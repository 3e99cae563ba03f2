//! Sends one contact-me (`wpi.md` §1.5 rule 4: one try, ten seconds, no keep-alive, no redirects).
//!
//! The form of the request is the one old firmware is known to take, header names in title case. Nothing of
//! the answer is used but its status.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::calling::Destination;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Time for a contact-me from the first packet to the head of the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer's head that are kept.
const MOST_HEAD: usize = 16 * 1024;

/// What became of a contact-me.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Any 2xx: the phone has heard it. No proof that it comes (`wpi.md` §1.5 rule 2).
    Acknowledged,
    /// Another status.
    Refused(StatusCode),
    /// No answer in ten seconds.
    TimedOut,
    /// Nobody listens there, or what answers is no web server.
    Unreachable,
}

impl Outcome {
    /// A word for operators, as it is stored.
    pub fn word(self) -> String {
        match self {
            Self::Acknowledged => "acknowledged".to_owned(),
            Self::Refused(status) => format!("status-{}", status.as_u16()),
            Self::TimedOut => "timed-out".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
        }
    }
}

/// Why the sender cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("making the TLS settings for contact-me")]
pub struct SenderError(#[source] rustls::Error);

/// Why a contact-me got no answer.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("connecting to the phone")]
    Connect(#[source] io::Error),
    #[error("speaking TLS with the phone")]
    Tls(#[source] io::Error),
    #[error("making the request")]
    Request(#[source] http::Error),
    #[error("speaking HTTP with the phone")]
    Http(#[source] hyper::Error),
}

/// Sends contact-me requests. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    tls: TlsConnector,
}

impl Sender {
    /// A sender with its TLS settings.
    ///
    /// # Errors
    /// When the TLS library refuses the settings.
    pub fn new() -> Result<Self, SenderError> {
        any_certificate().map(|tls| Self { tls }).map_err(SenderError)
    }

    /// Sends one contact-me and waits for its answer; tried once, whatever happens.
    pub async fn send(&self, to: &Destination, body: String) -> Outcome {
        let sent = tokio::time::timeout(PATIENCE, self.exchange(to, body)).await;
        match sent {
            Ok(Ok(status)) if status.is_success() => Outcome::Acknowledged,
            Ok(Ok(status)) => Outcome::Refused(status),
            Ok(Err(error)) => {
                tracing::debug!(
                    address = %to.address,
                    port = to.port,
                    error = crate::status::causes(&error),
                    "a contact-me found nobody"
                );
                Outcome::Unreachable
            }
            Err(_) => Outcome::TimedOut,
        }
    }

    async fn exchange(&self, to: &Destination, body: String) -> Result<StatusCode, SendError> {
        let address = SocketAddr::new(to.address, to.port);
        let request = request(to, body).map_err(SendError::Request)?;
        let stream = TcpStream::connect(address).await.map_err(SendError::Connect)?;
        if to.is_tls() { self.ask_over_tls(to, stream, request).await } else { ask(stream, request).await }
    }

    async fn ask_over_tls(
        &self,
        to: &Destination,
        stream: TcpStream,
        request: Request<Full<Bytes>>,
    ) -> Result<StatusCode, SendError> {
        let name = ServerName::IpAddress(to.address.into());
        let stream = self.tls.connect(name, stream).await.map_err(SendError::Tls)?;
        ask(stream, request).await
    }
}

/// The request of `wpi.md` §1.5, byte for byte but for the order of its fields.
fn request(to: &Destination, body: String) -> Result<Request<Full<Bytes>>, http::Error> {
    Request::builder()
        .method(Method::POST)
        .uri(&to.path)
        .header(HOST, SocketAddr::new(to.address, to.port).to_string())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
}

async fn ask<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(MOST_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(SendError::Http)?;
    let answer = sender.send_request(request);
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(answer);
    // Driven here, so that nothing lives on when this is given up; the body of the answer is never read.
    let response = tokio::select! {
        biased;
        response = &mut answer => response,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error),
        },
    };
    response.map(|response| response.status()).map_err(SendError::Http)
}

/// TLS that takes any certificate: only for what carries nothing secret and trusts no answer.
///
/// # Errors
/// When the TLS library refuses the settings.
pub(super) fn any_certificate() -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(DangerAnyCertificate(provider)))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes any certificate: a phone's web server has one of its own making (`wpi.md` §1.5), and a contact-me
/// carries nothing secret.
#[derive(Debug)]
struct DangerAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for DangerAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Outcome, Sender, aws_lc_rs, request};
    use domain::calling::{Destination, PATH};
    use futures_util::FutureExt as _;
    use http::StatusCode;
    use pki::{Authority, KeyKind, SerialSeed, ServerRequest, Subject};
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    async fn listener() -> (TcpListener, Destination) {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Destination { address, port, path: PATH.to_owned() })
    }

    /// Answers one request with these bytes; gives what was asked.
    async fn answer(listener: &TcpListener, bytes: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let mut length = 0;
        while !asked[..length].ends_with(b"ContactMe=true") {
            length += stream.read(&mut asked[length..]).await.unwrap();
        }
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(asked[..length].to_vec()).unwrap()
    }

    async fn call(bytes: &str) -> (String, Outcome) {
        let (listener, to) = listener().await;
        let sender = Sender::new().unwrap();
        tokio::join!(answer(&listener, bytes), sender.send(&to, "ContactMe=true".to_owned()))
    }

    #[tokio::test]
    async fn the_request_has_the_form_phones_know() {
        let phone = "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
        let (asked, outcome) = call(phone).await;
        assert_eq!(outcome, Outcome::Acknowledged);
        let (head, body) = asked.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "ContactMe=true");
        let mut lines: Vec<&str> = head.split("\r\n").collect();
        assert_eq!(lines.remove(0), "POST /contact_dls.html/ContactDLS HTTP/1.1");
        lines.sort_unstable();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[0], "Connection: close");
        assert_eq!(lines[1], "Content-Length: 14");
        assert_eq!(lines[2], "Content-Type: application/x-www-form-urlencoded; charset=utf-8");
        assert!(lines[3].starts_with("Host: 127.0.0.1:"), "{lines:?}");
    }

    #[tokio::test]
    async fn every_2xx_is_good_and_no_redirect_is_followed() {
        assert_eq!(call("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.1, Outcome::Acknowledged);
        let (target, to) = listener().await;
        let redirect = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{}:{}/\r\nContent-Length: 0\r\n\r\n",
            to.address, to.port
        );
        assert_eq!(call(&redirect).await.1, Outcome::Refused(StatusCode::FOUND));
        assert!(target.accept().now_or_never().is_none(), "nobody goes where a phone points");
        assert_eq!(Outcome::Refused(StatusCode::NOT_FOUND).word(), "status-404");
    }

    /// A phone's web server: a certificate of its own making, for another name.
    pub(in crate::clients) fn phone() -> tokio_rustls::TlsAcceptor {
        let now = "2027-03-01T12:00:00Z".parse().unwrap();
        let subject = Subject::new("Phone", None).unwrap();
        let (seed, lifetime) = (SerialSeed::new([1; 16]), std::time::Duration::from_hours(24));
        let root = Authority::create(&subject, KeyKind::EcdsaP256, now, lifetime, seed).unwrap();
        let names = ["phone".parse().unwrap()];
        let wanted =
            ServerRequest { common_name: "phone", names: &names, key_kind: KeyKind::EcdsaP256, lifetime };
        let issued = root.issue_server(&wanted, now, seed).unwrap();
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).map(Result::unwrap).collect();
        let pair = pki::check_pair(issued.chain_pem.as_bytes(), &issued.private_key_pem).unwrap();
        let key: PrivateKeyDer<'static> = pair.key;
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config))
    }

    #[tokio::test]
    async fn a_phone_with_a_certificate_of_its_own_making_is_called() {
        let (listener, to) = listener().await;
        let answer = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = phone().accept(stream).await.unwrap();
            let mut asked = [0; 16];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let ask = async {
            let stream = super::TcpStream::connect((to.address, to.port)).await.unwrap();
            let request = request(&to, String::new()).unwrap();
            Sender::new().unwrap().ask_over_tls(&to, stream, request).await.unwrap()
        };
        assert_eq!(tokio::join!(answer, ask).1, StatusCode::NO_CONTENT);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_answer() {
        assert_eq!(call("SSH-2.0-OpenSSH_9.9\r\n").await.1, Outcome::Unreachable);
        assert_eq!(call("").await.1, Outcome::Unreachable);
        let long = format!("HTTP/1.1 204 No Content\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
        assert_ne!(call(&long).await.1, Outcome::Acknowledged);
        let (listener, to) = listener().await;
        drop(listener);
        let sender = Sender::new().unwrap();
        assert_eq!(sender.send(&to, String::new()).await, Outcome::Unreachable);
    }
}
