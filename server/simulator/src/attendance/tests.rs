//! Phones that are called and that poll, over real sockets.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wire::{Action, Item, Reason};

use super::*;
use crate::behaviour::{Behaviour, Listening};
use crate::machine::Opening;
use crate::testing::server::{ScriptedServer, Seen, order, phone, read_all};
use crate::testing::{HeardReasons, Reasons};

async fn call(listener: &Attendance, body: &str) -> String {
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    let request =
        format!("POST /contact_dls.html/ContactDLS HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn listening(
    server: &ScriptedServer,
    behaviour: Behaviour,
) -> (Arc<SimulatedPhone>, Attendance, HeardReasons) {
    let phone = Arc::new(phone(server, behaviour));
    let (sink, reasons) = Reasons::new();
    let permits = Arc::new(Semaphore::new(4));
    let attendance = Attendance::start(Arc::clone(&phone), 0, permits, Arc::new(sink)).await.unwrap();
    (phone, attendance, reasons)
}

#[tokio::test]
async fn a_contact_me_is_answered_204_and_followed_by_a_solicited_session() {
    let server = ScriptedServer::start(read_all).await;
    let (phone, listener, mut reasons) = listening(&server, Behaviour::default()).await;
    assert_eq!(
        call(&listener, "ContactMe=true").await,
        "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    let uri = format!("http://{}/contact_dls.html/ContactDLS", listener.address());
    let message = server.seen()[0].message();
    assert!(message.items.contains(&Item::new("contact-me-uri", uri)), "the phone names its real port");
    assert_eq!(phone.contact_gap(), Duration::from_secs(300));
}

#[tokio::test]
async fn a_contact_me_may_name_another_server_but_none_outside_the_machine() {
    let (configured, other) = (ScriptedServer::start(read_all).await, ScriptedServer::start(read_all).await);
    let behaviour = Behaviour { contact_gap: Some(Duration::ZERO), ..Behaviour::default() };
    let (_phone, listener, mut reasons) = listening(&configured, behaviour).await;
    let port = other.address.port();
    call(&listener, &format!("ContactMe=true&dls_ip_addr=127.0.0.1&dls_ip_port={port}")).await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    assert_eq!((configured.seen().len(), other.seen().len()), (0, 2));
    call(&listener, "ContactMe=true&dls_ip_addr=192.0.2.1&dls_ip_port=18443").await;
    assert_eq!(reasons.recv().await, Some(Err("address-refused")));
}

#[tokio::test]
async fn a_second_contact_me_inside_the_gap_gets_204_and_no_session() {
    let server = ScriptedServer::start(read_all).await;
    let (phone, listener, mut reasons) = listening(&server, Behaviour::default()).await;
    call(&listener, "ContactMe=true").await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    assert!(call(&listener, "ContactMe=true").await.starts_with("HTTP/1.1 204 "));
    let log = phone.contacts();
    assert_eq!((log.accepted, log.ignored, log.violations), (1, 1, 1));
    phone.session(&Opening::StartUp).await.unwrap();
    let opened: Vec<_> = server.seen().iter().map(|seen| seen.message().reason).collect();
    assert_eq!(opened.iter().filter(|reason| **reason == Reason::Solicited).count(), 1);
    assert!(reasons.try_recv().is_err());
}

#[tokio::test]
async fn a_stopped_listener_is_gone() {
    let server = ScriptedServer::start(read_all).await;
    let (_phone, listener, mut reasons) = listening(&server, Behaviour::default()).await;
    drop(listener);
    assert_eq!(reasons.recv().await, None, "the listener's tasks have ended and dropped the sink");
}

fn without_gap() -> Behaviour {
    Behaviour { contact_gap: Some(Duration::ZERO), restart_time: Duration::ZERO, ..Behaviour::default() }
}

#[tokio::test]
async fn a_phone_in_secure_mode_calls_nobody_but_its_own_server() {
    let (configured, other) = (ScriptedServer::start(read_all).await, ScriptedServer::start(read_all).await);
    let (phone, listener, mut reasons) = listening(&configured, without_gap()).await;
    let secure = vec![Item::new("dls-mode-secure", "1")];
    phone.with_machine(|machine, _| machine.phone_mut().write(secure)).await;
    let port = other.address.port();
    call(&listener, &format!("ContactMe=true&dls_ip_addr=127.0.0.1&dls_ip_port={port}")).await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    assert_eq!((configured.seen().len(), other.seen().len()), (2, 0));
}

#[tokio::test]
async fn a_written_contact_interval_is_the_gap_from_then_on() {
    let server = ScriptedServer::start(|seen: &Seen| {
        let message = seen.message();
        match message.reason {
            Reason::Solicited => {
                order(&message, Action::WriteItems, vec![Item::new("dls-contact-interval", "0")])
            }
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await;
    let (phone, listener, mut reasons) = listening(&server, Behaviour::default()).await;
    for _ in 0..2 {
        call(&listener, "ContactMe=true").await;
        assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    }
    assert_eq!((phone.contact_gap(), phone.contacts().violations), (Duration::ZERO, 0));
}

#[tokio::test]
async fn a_silent_phone_acknowledges_and_does_not_come() {
    let server = ScriptedServer::start(read_all).await;
    let (phone, listener, mut reasons) = listening(&server, without_gap()).await;
    phone.set_listening(Listening::Silent);
    assert!(call(&listener, "ContactMe=true").await.starts_with("HTTP/1.1 204 "));
    assert_eq!((phone.contacts().ignored, phone.contacts().accepted), (1, 0));
    phone.set_listening(Listening::Answers);
    call(&listener, "ContactMe=true").await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    assert_eq!(server.seen().len(), 2, "one session only");
}

#[tokio::test]
async fn every_second_contact_me_may_be_ignored() {
    let server = ScriptedServer::start(read_all).await;
    let (phone, listener, mut reasons) =
        listening(&server, Behaviour { ignore_every: 2, ..without_gap() }).await;
    for _ in 0..2 {
        call(&listener, "ContactMe=true").await;
        assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
        assert!(call(&listener, "ContactMe=true").await.starts_with("HTTP/1.1 204 "));
    }
    let log = phone.contacts();
    assert_eq!((log.accepted, log.ignored, log.violations), (2, 2, 0));
}

#[tokio::test]
async fn an_offline_phone_refuses_connections_and_listens_again_at_the_same_place() {
    let server = ScriptedServer::start(read_all).await;
    let (phone, listener, mut reasons) = listening(&server, without_gap()).await;
    phone.set_listening(Listening::Refuses);
    // The listener closes when it hears of it; until then connections are made and not answered.
    while TcpStream::connect(listener.address()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    phone.set_listening(Listening::Answers);
    while TcpStream::connect(listener.address()).await.is_err() {
        tokio::task::yield_now().await;
    }
    call(&listener, "ContactMe=true").await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    assert_eq!(phone.contacts().accepted, 1);
}

#[tokio::test]
async fn a_hanging_phone_never_answers_and_forgets_who_waited() {
    let server = ScriptedServer::start(read_all).await;
    let (phone, listener, mut reasons) = listening(&server, without_gap()).await;
    phone.set_listening(Listening::Hangs);
    let address = listener.address();
    let waiting = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /contact_dls.html/ContactDLS HTTP/1.1\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // Unread bytes at the other side make a reset of the end; both are no answer.
        stream.read_to_end(&mut answer).await.ok();
        answer
    });
    while phone.contacts().lost == 0 {
        tokio::task::yield_now().await;
    }
    phone.set_listening(Listening::Answers);
    assert_eq!(waiting.await.unwrap(), b"");
    call(&listener, "ContactMe=true").await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    let log = phone.contacts();
    assert_eq!((log.accepted, log.lost, log.violations), (1, 1, 0));
}

#[tokio::test]
async fn a_restarting_phone_does_not_hear() {
    let server = ScriptedServer::start(|seen: &Seen| order(&seen.message(), Action::Restart, vec![])).await;
    let long = Behaviour { restart_time: Duration::from_secs(3600), ..without_gap() };
    let (phone, listener, mut reasons) = listening(&server, long).await;
    call(&listener, "ContactMe=true").await;
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert_eq!((answer.len(), phone.contacts().lost), (0, 1));
    assert_eq!(phone.orders().await.restarts.received, 1);
}

/// A contact-me proxy that gives these statuses in turn and tells what it was asked.
struct Proxy {
    url: String,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Proxy {
    async fn start(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/dcmp/", listener.local_addr().unwrap());
        let (sender, asked) = mpsc::unbounded_channel();
        let mut statuses = statuses.iter();
        tokio::spawn(async move {
            while let (Ok((mut stream, _)), Some(status)) = (listener.accept().await, statuses.next()) {
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"\r\n\r\n") {
                    stream.read_buf(&mut bytes).await.unwrap();
                }
                sender.send(String::from_utf8(bytes).unwrap()).unwrap();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, asked }
    }
}

/// Writes this `dcmp-url` at each start-up, closes all other sessions.
async fn server_with_proxy(url: &str) -> ScriptedServer {
    let url = url.to_owned();
    ScriptedServer::start(move |seen: &Seen| {
        let message = seen.message();
        match message.reason {
            Reason::StartUp => order(&message, Action::WriteItems, vec![Item::new("dcmp-url", url.as_str())]),
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await
}

#[tokio::test]
async fn a_phone_polls_until_jobs_wait_and_comes_then() {
    let mut proxy = Proxy::start(&["200 OK", "503 Later", "200 OK", "202 Accepted", "200 OK"]).await;
    let server = server_with_proxy(&proxy.url).await;
    let quick = Behaviour { dcmp_interval: Duration::from_millis(1), ..Behaviour::default() };
    let (phone, _attendance, mut reasons) = listening(&server, quick).await;
    assert!(proxy.asked.is_empty(), "nothing is polled before the address is known");
    phone.session(&Opening::StartUp).await.unwrap();
    let first = proxy.asked.recv().await.unwrap();
    let line = "GET /dcmp/contact-me?device-id=00:1A:E8:10:00:00 HTTP/1.1\r\n";
    assert!(first.starts_with(line), "{first}");
    assert!(first.contains(proxy.url.split('/').nth(2).unwrap()), "the host is named: {first}");
    assert_eq!(reasons.recv().await, Some(Ok(Reason::Solicited)));
    for _ in 0..4 {
        proxy.asked.recv().await.unwrap();
    }
    let log = phone.contacts();
    assert!(log.polls >= 4, "{log:?}");
    assert_eq!(log.polls_with_work, 1);
    assert!(log.polls_failed >= 1, "what is neither 200 nor 202 is a fault of the proxy");
}

#[tokio::test]
async fn a_proxy_outside_the_machine_or_of_another_kind_is_not_asked() {
    for url in ["192.0.2.1:80/dcmp", "https://127.0.0.1:1/", "proxy.example.net", ":80", "127.0.0.1:x"] {
        let server = server_with_proxy(url).await;
        let quick = Behaviour { dcmp_interval: Duration::from_millis(1), ..Behaviour::default() };
        let (phone, _attendance, _reasons) = listening(&server, quick).await;
        phone.session(&Opening::StartUp).await.unwrap();
        while phone.contacts().polls_failed < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(phone.contacts().polls_with_work, 0, "{url}");
    }
}

#[tokio::test]
async fn a_restart_forgets_the_proxy_unless_told_otherwise() {
    for (keeps, url) in [(false, ""), (true, "127.0.0.1:1/dcmp")] {
        let orders = Mutex::new(vec![Action::Restart, Action::WriteItems]);
        let server = ScriptedServer::start(move |seen: &Seen| {
            let message = seen.message();
            match orders.lock().unwrap().pop() {
                Some(Action::WriteItems) => {
                    order(&message, Action::WriteItems, vec![Item::new("dcmp-url", "127.0.0.1:1/dcmp")])
                }
                Some(action) => order(&message, action, vec![]),
                None => order(&message, Action::CleanUp, vec![]),
            }
        })
        .await;
        let phone = phone(&server, Behaviour { keeps_dcmp_url: keeps, ..Behaviour::default() });
        phone.session(&Opening::StartUp).await.unwrap();
        assert_eq!(phone.value("dcmp-url", None).await.as_deref(), Some(url));
        assert_eq!(phone.attention().borrow().next_poll().is_some(), keeps);
    }
}
