//! Looks once at one port whether a storage provider may be there (OSEM §10.2).
//!
//! Somebody's scan names the address, so as little as possible goes there and comes back: `OPTIONS /` and `GET /` over
//! TLS, no credentials, no redirects, 64 KiB of an answer, five seconds for everything. The certificate is not checked,
//! because nothing is trusted: what is found is shown to an administrator.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use domain::scan::{Answer, Finding, judge};
use http::header::{ACCEPT, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::contact_me::any_certificate;

/// Time for everything at one port.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of a body that are read, and of a head.
const MOST: usize = 64 * 1024;

/// Most headers of an answer that are looked at, and the longest value of one.
const MOST_HEADERS: usize = 64;
const LONGEST_VALUE: usize = 256;

/// Why no probe can be made.
#[derive(Debug, thiserror::Error)]
#[error("making the TLS settings for scans for storage providers")]
pub struct ProbeError(#[source] rustls::Error);

/// Looks at ports. Cheap to clone.
#[derive(Clone)]
pub struct Probe {
    tls: TlsConnector,
}

/// Both answers of a port, as far as they came.
#[derive(Default)]
struct Heard {
    options: Option<Answer>,
    get: Option<Answer>,
}

impl Probe {
    /// A probe with its TLS settings.
    ///
    /// # Errors
    /// When the TLS library refuses the settings.
    pub fn new() -> Result<Self, ProbeError> {
        any_certificate().map(|tls| Self { tls }).map_err(ProbeError)
    }

    /// What is at this port; `None` when nobody answers there as a web server does.
    pub async fn look(&self, to: SocketAddr) -> Option<Finding> {
        let until = Instant::now() + PATIENCE;
        let mut heard = Heard::default();
        // What came before the time was over counts.
        let _in_time = timeout_at(until, self.ask(to, &mut heard)).await;
        judge(heard.options.as_ref(), heard.get.as_ref())
    }

    async fn ask(&self, to: SocketAddr, heard: &mut Heard) -> Option<()> {
        let (mut sender, connection) = self.connect(to).await?;
        driven(connection, async {
            heard.options = exchange(&mut sender, to, Method::OPTIONS).await;
            sender.ready().await.ok()?;
            heard.get = exchange(&mut sender, to, Method::GET).await;
            Some(())
        })
        .await;
        // Many close the connection after a request they do not know.
        if heard.get.is_none() {
            let (mut sender, connection) = self.connect(to).await?;
            heard.get = driven(connection, exchange(&mut sender, to, Method::GET)).await;
        }
        Some(())
    }

    async fn connect(
        &self,
        to: SocketAddr,
    ) -> Option<(SendRequest<Empty<Bytes>>, impl Future<Output = hyper::Result<()>> + use<>)> {
        let stream = TcpStream::connect(to).await.ok()?;
        let name = ServerName::IpAddress(to.ip().to_canonical().into());
        let stream = self.tls.connect(name, stream).await.ok()?;
        http1::Builder::new().max_buf_size(MOST).handshake(TokioIo::new(stream)).await.ok()
    }
}

/// Does something while the connection is kept going; nothing of it lives on afterwards.
async fn driven<T>(connection: impl Future<Output = hyper::Result<()>>, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (Box::pin(connection), std::pin::pin!(work));
    tokio::select! {
        biased;
        done = &mut work => return done,
        _ended = &mut connection => {}
    }
    // Gone, so that nobody waits for it; what came before its end is still to be read.
    drop(connection);
    work.await
}

async fn exchange(sender: &mut SendRequest<Empty<Bytes>>, to: SocketAddr, method: Method) -> Option<Answer> {
    let request = Request::builder()
        .method(method)
        .uri("/")
        .header(HOST, to.to_string())
        .header(ACCEPT, "*/*")
        .body(Empty::new())
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let headers = response.headers().iter().take(MOST_HEADERS).map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).chars().take(LONGEST_VALUE).collect();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let body = String::from_utf8_lossy(&beginning(response.into_body()).await).into_owned();
    Some(Answer { headers, body })
}

/// The first bytes of a body, or what came of it before it broke off.
async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let room = MOST.saturating_sub(bytes.len());
        bytes.extend(data.iter().take(room));
        if data.len() >= room {
            break;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::contact_me::tests::phone;
    use super::{MOST, Probe};
    use domain::scan::{Finding, FindingKind};
    use std::net::{Ipv4Addr, SocketAddr};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A web server that answers the requests of each connection with these texts, and then closes it; gives what was
    /// found there, and the first line of each request.
    async fn look(connections: Vec<Vec<String>>) -> (Option<Finding>, Vec<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to: SocketAddr = listener.local_addr().unwrap();
        let (asked, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            for answers in connections {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = phone().accept(stream).await.unwrap();
                for answer in answers {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        request.push(stream.read_u8().await.unwrap());
                    }
                    let request = String::from_utf8(request).unwrap();
                    asked.send(request.lines().next().unwrap_or_default().to_owned()).unwrap();
                    // Whoever has read enough may be gone.
                    let _broken = stream.write_all(answer.as_bytes()).await;
                }
                let _gone = stream.shutdown().await;
            }
        });
        let found = Probe::new().unwrap().look(to).await;
        server.abort();
        let mut requests = Vec::new();
        while let Ok(line) = lines.try_recv() {
            requests.push(line);
        }
        (found, requests)
    }

    fn answer(head: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn one_connection_and_two_requests_tell_what_is_there() {
        let options = answer("DAV: 1, 2\r\nServer: nginx\r\n", "");
        let (found, asked) = look(vec![vec![options, answer("", "hello")]]).await;
        assert_eq!(found, Some(Finding { kind: FindingKind::Webdav, detail: "nginx".to_owned() }));
        assert_eq!(asked, ["OPTIONS / HTTP/1.1", "GET / HTTP/1.1"]);
    }

    #[tokio::test]
    async fn who_hangs_up_after_one_request_is_asked_the_other_on_a_new_connection() {
        let refused = "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let page = answer("", "<html><head><title>Index of /</title>");
        let (found, asked) = look(vec![vec![refused.to_owned()], vec![page]]).await;
        assert_eq!(found.unwrap().kind, FindingKind::IndexPage);
        assert_eq!(asked.len(), 2);
    }

    #[tokio::test]
    async fn a_body_without_end_is_read_to_its_limit_only() {
        let endless = format!("HTTP/1.1 200 OK\r\nServer: MinIO\r\n\r\n{}", "x".repeat(MOST * 4));
        let (found, _) = look(vec![vec![endless.clone()], vec![endless]]).await;
        assert_eq!(found.unwrap().kind, FindingKind::S3);
    }

    #[tokio::test]
    async fn what_is_no_web_server_is_no_finding() {
        assert_eq!(look(vec![vec!["SSH-2.0-OpenSSH_9.9\r\n".to_owned()], vec![]]).await.0, None);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(Probe::new().unwrap().look(to).await, None);
    }
}
