//! HTTP as phones need it, limits and shutting down.

use super::*;
use crate::net::HttpDialect;

fn plain(limits: NetLimits) -> Port {
    Port::open(Transport::Plain(HttpDialect::Phone), limits)
}

const ECHO: &str = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";

#[tokio::test]
async fn answers_have_a_length_and_title_case_names() {
    let port = plain(NetLimits::phones());
    let answer = ask(&mut port.connect().await, ECHO).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nContent-Length: 3\r\n"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("transfer-encoding"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
}

#[tokio::test]
async fn a_service_that_sets_no_length_gets_one() {
    let service = tower::service_fn(async |_| {
        Ok::<_, std::convert::Infallible>(::http::Response::new(axum::body::Body::from("abc")))
    });
    let transport = Transport::Plain(HttpDialect::Phone);
    let port = Port::serving(service, transport, NetLimits::phones(), Default::default());
    let answer = ask(&mut port.connect().await, ECHO).await;
    assert!(answer.contains("\r\nContent-Length: 3\r\n"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("transfer-encoding"), "{answer}");
}

#[tokio::test]
async fn a_connection_is_kept_and_numbered_until_the_phone_wants_it_closed() {
    let port = plain(NetLimits::phones());
    let mut stream = port.connect().await;
    let first = peer(&mut stream).await;
    for _ in 0..100 {
        assert_eq!(peer(&mut stream).await["connection"], first["connection"]);
    }
    let other = peer(&mut port.connect().await).await;
    assert_ne!(other["connection"], first["connection"]);
    assert_eq!(other["version"], Value::Null);

    let last = ask(&mut stream, "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(last.to_ascii_lowercase().contains("connection: close"), "{last}");
    assert_eq!(closed(&mut stream).await, b"");
    assert_eq!(port.counters.status().requests, 103);
}

#[tokio::test]
async fn chunked_bodies_of_new_firmware_are_read() {
    let port = plain(NetLimits::phones());
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert!(ask(&mut port.connect().await, request).await.ends_with("\r\n\r\nabcde"));
}

#[tokio::test]
async fn a_phone_that_ends_its_sending_side_still_gets_its_answer() {
    let port = plain(NetLimits::phones());
    let mut stream = port.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    port.waiting.notified().await;
    stream.shutdown().await.expect("half closed");
    // By the time somebody else has an answer, the server has seen the end.
    peer(&mut port.connect().await).await;
    port.release.notify_one();
    assert!(read_answer(&mut stream).await.ends_with("done"));
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off_long_before_the_idle_limit() {
    let limits = NetLimits { header_timeout: Duration::from_millis(5), ..NetLimits::phones() };
    assert!(limits.idle_timeout > PATIENCE, "else this test would prove nothing");
    let port = plain(limits);
    let mut stream = port.connect().await;
    peer(&mut stream).await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("sent");
    assert_eq!(closed(&mut stream).await, b"");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = NetLimits { idle_timeout: Duration::from_millis(5), ..NetLimits::phones() };
    let port = plain(limits);
    assert_eq!(closed(&mut port.connect().await).await, b"", "before the first request");
    let mut stream = port.connect().await;
    if stream.write_all(GET_PEER.as_bytes()).await.is_ok() {
        closed(&mut stream).await;
    }
    eventually(|| port.counters.status().open == 0).await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let port = plain(NetLimits::phones());
    let mut stream = port.connect().await;
    let request = format!("GET /peer HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(64 * 1024));
    let _ = stream.write_all(request.as_bytes()).await;
    let answer = closed(&mut stream).await;
    // The answer may be lost with the reset that unread bytes cause; what counts is that it is over.
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"));
    eventually(|| port.counters.status().open == 0).await;
    assert_eq!(port.counters.status().requests, 0);
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let port = plain(NetLimits { connections: 1, ..NetLimits::phones() });
    let mut first = port.connect().await;
    peer(&mut first).await;
    let mut second = port.connect().await;
    assert_eq!(closed(&mut second).await, b"");
    let status = port.counters.status();
    assert_eq!((status.accepted, status.refused, status.open), (2, 1, 1));

    drop(first);
    eventually(|| port.counters.status().open == 0).await;
    peer(&mut port.connect().await).await;
}

#[tokio::test]
async fn shutting_down_lets_running_requests_finish() {
    let mut port = Port::phones();
    let client = client(&[&rustls::version::TLS13]);
    let mut idle = port.connect_tls(&client).await;
    peer(&mut idle).await;
    let mut fresh = port.connect().await;
    let mut busy = port.connect_tls(&client).await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    port.waiting.notified().await;

    port.stop.cancel();
    assert_eq!(closed(&mut idle).await, b"");
    assert_eq!(closed(&mut fresh).await, b"", "a handshake that has not begun is dropped");
    port.release.notify_one();
    assert!(read_answer(&mut busy).await.ends_with("done"));
    let drained = (&mut port.task).await.expect("it ends");
    assert_eq!(drained, Drained { cut_off: 0 });
    assert_eq!(port.counters.status().open, 0);
    TcpStream::connect(port.address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn shutting_down_does_not_wait_for_ever() {
    let mut port = plain(NetLimits { drain_timeout: Duration::from_millis(5), ..NetLimits::phones() });
    let mut busy = port.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    port.waiting.notified().await;
    port.stop.cancel();
    assert_eq!((&mut port.task).await.expect("it ends"), Drained { cut_off: 1 });
    assert_eq!(closed(&mut busy).await, b"");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let port = plain(NetLimits::phones());
    let settings = ListenerSettings {
        name: "second".into(),
        address: port.address,
        transport: Transport::Plain(HttpDialect::Phone),
        limits: NetLimits::phones(),
        now: now(),
        failures: Arc::default(),
    };
    let error = Listener::bind(settings).err().expect("it is taken");
    assert_eq!(error.to_string(), format!("listening on {} for second", port.address));
}

#[test]
fn addresses_through_an_ipv6_socket_are_written_as_ipv4() {
    let mapped = "[::ffff:127.0.0.9]:80".parse().expect("an address");
    assert_eq!(crate::net::listener::plain(mapped), "127.0.0.9:80".parse().expect("an address"));
}
