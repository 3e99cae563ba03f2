//! The small web server of a phone: takes contact-me requests and answers 204 (`wpi.md` §1.5).
//!
//! Written by hand, because the answer of real phones carries `Content-Length: 0` with a 204, which HTTP
//! libraries rightly refuse to send. Takes one connection at a time, like the phones.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::attention::Attention;
use crate::behaviour::Listening;
use crate::simulated_phone::{Following, SessionSink, SimulatedPhone};

/// Most bytes of a request, head and body together.
const REQUEST_LIMIT: usize = 8 * 1024;
/// Longest wait for a request.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// Wait after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const CONTACT_PATH: &str = "/contact_dls.html/ContactDLS";
const GOOD_ANSWER: &str =
    "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";

/// A contact-me that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContactMe {
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl ContactMe {
    /// The server to call: that of the request, as far as it names one, else the configured one.
    fn server(self, configured: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.address.unwrap_or(configured.ip()), self.port.unwrap_or(configured.port()))
    }
}

/// A phone's running contact-me listener. Stops when dropped.
pub struct ContactMeListener {
    address: SocketAddr,
    _stop: DropGuard,
}

impl ContactMeListener {
    /// Listen at `port` of the phone's own address (0 takes a free one) and tell the phone, so that its
    /// `contact-me-uri` is true. Each contact-me outside the gap makes the phone come with a `solicited`
    /// session, holding one of `permits` meanwhile; `sink` hears of the sessions.
    ///
    /// # Errors
    /// [`ListenError`] when the address is not free or does not exist.
    pub async fn start(
        phone: Arc<SimulatedPhone>,
        port: u16,
        permits: Arc<Semaphore>,
        sink: Arc<dyn SessionSink>,
    ) -> Result<Self, ListenError> {
        let wished = SocketAddr::new(IpAddr::V4(phone.address()), port);
        let error = |source| ListenError { address: wished, source };
        let listener = TcpListener::bind(wished).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        phone.set_contact_me_port(address.port()).await;
        let stop = CancellationToken::new();
        // One order may wait while a session runs; more would only repeat it.
        let (orders, waiting) = mpsc::channel(1);
        let serving = serve(listener, address, Arc::clone(&phone), orders);
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        let following = follow(phone, waiting, permits, sink, stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(following));
        Ok(Self { address, _stop: stop.drop_guard() })
    }

    /// Where the phone listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A phone cannot listen for contact-me.
#[derive(Debug, Error)]
#[error("listening for contact-me at {address}")]
pub struct ListenError {
    /// The wished address.
    pub address: SocketAddr,
    source: io::Error,
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    phone: Arc<SimulatedPhone>,
    orders: mpsc::Sender<ContactMe>,
) {
    let mut listener = Some(listener);
    let mut attention = phone.attention();
    loop {
        let refuses = |attention: &Attention| attention.listening == Listening::Refuses;
        if refuses(&attention.borrow_and_update()) {
            listener = None;
            if attention.wait_for(|attention| !refuses(attention)).await.is_err() {
                return;
            }
        }
        let open = match listener.take() {
            Some(open) => open,
            None => match TcpListener::bind(address).await {
                Ok(open) => open,
                // Somebody else has the port for a moment.
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let open = listener.insert(open);
        let stream = tokio::select! {
            // Whether anybody listens may have changed.
            changed = attention.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = open.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, most likely: others must finish first.
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        Box::pin(serve_one(stream, &phone, &orders)).await;
    }
}

/// Take one caller. One that is slow or breaks off only hurts itself.
async fn serve_one(mut stream: TcpStream, phone: &SimulatedPhone, orders: &mpsc::Sender<ContactMe>) {
    let (listening, is_off, rules) = {
        let attention = phone.attention();
        let attention = attention.borrow();
        (attention.listening, attention.is_off, attention.contact_rules())
    };
    if is_off {
        phone.book().lost(Instant::now());
        return;
    }
    if listening == Listening::Hangs {
        phone.book().lost(Instant::now());
        hang(stream, phone).await;
        return;
    }
    let Ok(Ok(Some(request))) = timeout(REQUEST_TIME, take(&mut stream)).await else { return };
    match request {
        Err(status) => refuse(&mut stream, status).await,
        Ok(order) => {
            // Booked before it is acknowledged, so that who has the answer finds it in the book.
            let follows = phone.book().acknowledged(Instant::now(), rules);
            let answered = timeout(REQUEST_TIME, acknowledge(&mut stream)).await;
            if !matches!(answered, Ok(Ok(()))) {
                tracing::debug!(phone = phone.number(), "the caller did not wait for its answer");
            }
            if follows {
                // A second one while the first still waits would only repeat it.
                orders.try_send(order).ok();
            }
        }
    }
}

/// Keep the caller waiting until it gives up or the phone answers again.
async fn hang(mut stream: TcpStream, phone: &SimulatedPhone) {
    let mut attention = phone.attention();
    let mut bytes = [0; 512];
    let given_up = async { while matches!(stream.read(&mut bytes).await, Ok(1..)) {} };
    tokio::select! {
        () = given_up => {}
        _ = attention.wait_for(|attention| attention.listening != Listening::Hangs) => {}
    }
}

async fn follow(
    phone: Arc<SimulatedPhone>,
    mut waiting: mpsc::Receiver<ContactMe>,
    permits: Arc<Semaphore>,
    sink: Arc<dyn SessionSink>,
    stop: CancellationToken,
) {
    let mut following = Following::new(Arc::clone(&phone), permits, sink, stop);
    while let Some(order) = waiting.recv().await {
        let server = match phone.attention().borrow().obeys_override {
            true => order.server(phone.server()),
            false => phone.server(),
        };
        if !following.come(server).await {
            return;
        }
    }
}

/// Read one request: the order it holds or the status line of its refusal; `None` when it broke off.
async fn take(stream: &mut TcpStream) -> io::Result<Option<Result<ContactMe, &'static str>>> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        match read_request(&bytes) {
            Reading::Incomplete if bytes.len() >= REQUEST_LIMIT => {
                return Ok(Some(Err("413 Request Entity Too Large")));
            }
            Reading::Incomplete => {}
            Reading::Done(result) => return Ok(Some(result)),
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

async fn acknowledge(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(GOOD_ANSWER.as_bytes()).await?;
    stream.shutdown().await
}

async fn refuse(stream: &mut TcpStream, status: &str) {
    let text =
        format!("HTTP/1.1 {status}\r\nServer: DlsClient\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let answer = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    };
    // Who sends nonsense need not hear that it was refused.
    timeout(REQUEST_TIME, answer).await.ok();
}

#[derive(Debug, PartialEq, Eq)]
enum Reading {
    Incomplete,
    /// The order, or the status line of the refusal.
    Done(Result<ContactMe, &'static str>),
}

fn read_request(bytes: &[u8]) -> Reading {
    const BAD: Reading = Reading::Done(Err("400 Bad Request"));
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Reading::Incomplete;
    };
    let (Some(head), Some(body)) = (bytes.get(..end), bytes.get(end + 4..)) else { return BAD };
    let Ok(head) = std::str::from_utf8(head) else { return BAD };
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return BAD };
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>());
    let Ok(length) = length else { return BAD };
    if length > REQUEST_LIMIT {
        return Reading::Done(Err("413 Request Entity Too Large"));
    }
    let Some(body) = body.get(..length) else { return Reading::Incomplete };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.trim_end_matches('/').eq_ignore_ascii_case(CONTACT_PATH) {
        return Reading::Done(Err("404 Not Found"));
    }
    let Ok(body) = std::str::from_utf8(body) else { return BAD };
    Reading::Done(match method {
        // A bare GET is enough for phones (wpi.md §1.5).
        "GET" if query.is_empty() => Ok(ContactMe { address: None, port: None }),
        "GET" => read_form(query),
        "POST" => read_form(body),
        _ => Err("405 Method Not Allowed"),
    })
}

fn read_form(form: &str) -> Result<ContactMe, &'static str> {
    const BAD: &str = "400 Bad Request";
    let value = |name: &str| {
        let mut pairs = form.trim().split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    if !value("ContactMe").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(BAD);
    }
    // An IPv6 address may come with its colons escaped; nothing else here needs escapes.
    let address = value("dls_ip_addr").map(|text| text.replace("%3A", ":").replace("%3a", ":"));
    Ok(ContactMe {
        address: address.map(|text| text.parse().map_err(|_| BAD)).transpose()?,
        port: value("dls_ip_port").map(|text| text.parse().map_err(|_| BAD)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: &str) -> Reading {
        read_request(request.replace('\n', "\r\n").as_bytes())
    }

    fn order(address: Option<&str>, port: Option<u16>) -> Reading {
        Reading::Done(Ok(ContactMe { address: address.map(|text| text.parse().unwrap()), port }))
    }

    #[test]
    fn post_and_get_name_the_server_to_call() {
        let post = "POST /contact_dls.html/ContactDLS HTTP/1.1\nHost: x\ncontent-length: 56\n\n";
        let form = "ContactMe=true&dls_ip_addr=10.20.30.40&dls_ip_port=18443";
        assert_eq!(read(&format!("{post}{form}")), order(Some("10.20.30.40"), Some(18443)));
        let get = format!("GET /contact_dls.html/ContactDLS?{form} HTTP/1.1\n\n");
        assert_eq!(read(&get), order(Some("10.20.30.40"), Some(18443)));
    }

    #[test]
    fn contact_me_true_alone_and_a_bare_get_call_the_configured_server() {
        let post = "POST /contact_dls.html/ContactDLS HTTP/1.1\nContent-Length: 14\n\nContactMe=true";
        assert_eq!(read(post), order(None, None));
        assert_eq!(read("GET /contact_dls.html/ContactDLS HTTP/1.1\n\n"), order(None, None));
        let configured = "127.0.0.1:18443".parse().unwrap();
        let only_port = ContactMe { address: None, port: Some(9999) };
        assert_eq!(only_port.server(configured), "127.0.0.1:9999".parse().unwrap());
    }

    #[test]
    fn a_request_is_read_on_until_its_body_is_complete() {
        let head = "POST /contact_dls.html/ContactDLS HTTP/1.1\nContent-Length: 14\n\n";
        assert_eq!(read("POST /contact_dls.html"), Reading::Incomplete);
        assert_eq!(read(&format!("{head}ContactMe=tr")), Reading::Incomplete);
    }

    #[test]
    fn everything_else_is_refused() {
        let bad = |request: &str, status| assert_eq!(read(request), Reading::Done(Err(status)), "{request}");
        bad("GET /index.html HTTP/1.1\n\n", "404 Not Found");
        bad("PUT /contact_dls.html/ContactDLS HTTP/1.1\n\n", "405 Method Not Allowed");
        bad("nonsense\n\n", "400 Bad Request");
        bad("POST /contact_dls.html/ContactDLS HTTP/1.1\n\n", "400 Bad Request");
        bad("GET /contact_dls.html/ContactDLS?ContactMe=false HTTP/1.1\n\n", "400 Bad Request");
        bad("GET /contact_dls.html/ContactDLS?ContactMe=true&dls_ip_port=0x HTTP/1.1\n\n", "400 Bad Request");
        bad("GET / HTTP/1.1\nContent-Length: -1\n\n", "400 Bad Request");
        bad("GET / HTTP/1.1\nContent-Length: 99999\n\n", "413 Request Entity Too Large");
    }
}
