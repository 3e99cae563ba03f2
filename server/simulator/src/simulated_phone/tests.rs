//! What a phone does by itself between sessions, and when it is called.

use std::sync::atomic::AtomicU32;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wire::{Action, Item, PhoneMessage, Reason};

use super::*;
use crate::behaviour::Behaviour;
use crate::contact_me::ContactMeListener;
use crate::testing::openstage_40;
use crate::testing::server::{Reply, ScriptedServer, Seen, order, phone, read_all};

/// Passes the reason of each session on.
struct Reasons(mpsc::UnboundedSender<Result<Reason, &'static str>>);

impl SessionSink for Reasons {
    fn session(&self, _number: u32, result: &Result<SessionOutcome, SessionError>) {
        let reason = result.as_ref().map(|outcome| outcome.reason.clone()).map_err(SessionError::kind);
        self.0.send(reason).ok();
    }
}

async fn contact(phone: &SimulatedPhone, stop: &CancellationToken) -> (ContactEnd, Vec<Reason>) {
    let (sink, mut reasons) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
    let (server, sink) = (phone.server(), Reasons(sink));
    let end = phone.contact(Opening::StartUp, server, permit, &permits, &sink, stop).await;
    drop(sink);
    let mut seen = Vec::new();
    while let Some(reason) = reasons.recv().await {
        seen.push(reason.unwrap());
    }
    (end, seen)
}

/// Sends this order to the first session and closes all others.
fn first_session(action: Action, items: Vec<Item>) -> impl Fn(&Seen) -> Reply + Send + Sync {
    let sessions = AtomicU32::new(0);
    move |seen| {
        let message = seen.message();
        let opens = !matches!(message.reason, Reason::ReplyTo { .. });
        if opens && sessions.fetch_add(1, Ordering::Relaxed) == 0 {
            return order(&message, action.clone(), items.clone());
        }
        order(&message, Action::CleanUp, vec![])
    }
}

fn prompt() -> Behaviour {
    Behaviour { restart_time: Duration::ZERO, ..Behaviour::default() }
}

#[tokio::test]
async fn a_restarted_phone_starts_up_again() {
    let server = ScriptedServer::start(first_session(Action::Restart, vec![])).await;
    let (end, reasons) = contact(&phone(&server, prompt()), &CancellationToken::new()).await;
    assert_eq!((end, reasons), (ContactEnd::Done, vec![Reason::StartUp, Reason::StartUp]));
}

#[tokio::test]
async fn a_reset_phone_starts_up_without_a_number() {
    let items = vec![Item::new("restart-type", "FactoryReset"), Item::new("restart-password", "124816")];
    let server = ScriptedServer::start(first_session(Action::Restart, items)).await;
    contact(&phone(&server, prompt()), &CancellationToken::new()).await;
    let messages: Vec<PhoneMessage> = server.seen().iter().map(Seen::message).collect();
    assert!(messages[0].items.contains(&Item::new("e164", "100000")));
    assert!(messages[1].items.contains(&Item::new("e164", "")));
}

#[tokio::test]
async fn a_phone_asked_to_come_back_comes_solicited() {
    let items = vec![Item::new("send-solicited", "true")];
    let server = ScriptedServer::start(first_session(Action::CleanUp, items)).await;
    let (end, reasons) = contact(&phone(&server, prompt()), &CancellationToken::new()).await;
    assert_eq!((end, reasons), (ContactEnd::Done, vec![Reason::StartUp, Reason::Solicited]));
}

#[tokio::test]
async fn an_overloaded_server_gets_the_same_step_again() {
    let items = vec![Item::new("cleanup-reason", "overload")];
    let server = ScriptedServer::start(first_session(Action::CleanUp, items)).await;
    let back_off = BackOff { first: Duration::ZERO, ..BackOff::default() };
    let phone = phone(&server, prompt()).with_back_off(back_off);
    let (end, reasons) = contact(&phone, &CancellationToken::new()).await;
    assert_eq!((end, reasons), (ContactEnd::Done, vec![Reason::StartUp, Reason::StartUp]));
}

fn always_overloaded(seen: &Seen) -> Reply {
    order(&seen.message(), Action::CleanUp, vec![Item::new("cleanup-reason", "overload")])
}

#[tokio::test]
async fn a_server_that_stays_overloaded_is_given_up() {
    let server = ScriptedServer::start(always_overloaded).await;
    let back_off = BackOff { first: Duration::ZERO, tries: 3, ..BackOff::default() };
    let phone = phone(&server, prompt()).with_back_off(back_off);
    let (end, reasons) = contact(&phone, &CancellationToken::new()).await;
    assert_eq!((end, reasons.len()), (ContactEnd::GivenUp, 3));
}

#[tokio::test]
async fn a_wait_ends_when_the_run_does() {
    let server = ScriptedServer::start(always_overloaded).await;
    let back_off = BackOff { first: Duration::from_secs(3600), longest: Duration::MAX, tries: 3 };
    let phone = phone(&server, prompt()).with_back_off(back_off);
    let stop = CancellationToken::new();
    stop.cancel();
    let (end, reasons) = contact(&phone, &stop).await;
    assert_eq!((end, reasons.len()), (ContactEnd::GivenUp, 1));
}

#[tokio::test]
async fn a_server_that_always_asks_for_another_session_is_left() {
    let server = ScriptedServer::start(|seen| {
        order(&seen.message(), Action::CleanUp, vec![Item::new("send-solicited", "true")])
    })
    .await;
    let (end, reasons) = contact(&phone(&server, prompt()), &CancellationToken::new()).await;
    assert_eq!((end, reasons.len() as u32), (ContactEnd::Endless, MOST_FOLLOW_UPS));
}

async fn call(listener: &ContactMeListener, body: &str) -> String {
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
) -> (Arc<SimulatedPhone>, ContactMeListener, mpsc::UnboundedReceiver<Result<Reason, &'static str>>) {
    let phone = Arc::new(phone(server, behaviour));
    let (sink, reasons) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(4));
    let sink = Arc::new(Reasons(sink));
    let listener = ContactMeListener::start(Arc::clone(&phone), 0, permits, sink).await.unwrap();
    (phone, listener, reasons)
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
    // The gap is looked at after the answer; a third call is served only when that is done.
    assert!(call(&listener, "ContactMe=true").await.starts_with("HTTP/1.1 204 "));
    phone.session(&Opening::StartUp).await.unwrap();
    let opened: Vec<_> = server.seen().iter().map(|seen| seen.message().reason).collect();
    assert_eq!(opened.iter().filter(|reason| **reason == Reason::Solicited).count(), 1);
    assert!(reasons.try_recv().is_err());
}

#[tokio::test]
async fn a_phone_never_has_two_sessions_at_once() {
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (counted, highest) = (Arc::clone(&running), Arc::clone(&most));
    let server = ScriptedServer::start(move |seen| {
        let reply = read_all(seen);
        if matches!(seen.message().reason, Reason::ReplyTo { .. }) {
            counted.fetch_sub(1, Ordering::SeqCst);
        } else {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        }
        reply
    })
    .await;
    let phone = Arc::new(phone(&server, Behaviour::default()));
    let mut sessions = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let phone = Arc::clone(&phone);
        sessions.spawn(async move { phone.session(&Opening::StartUp).await.unwrap() });
    }
    assert_eq!(sessions.join_all().await.len(), 8);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stopped_listener_is_gone() {
    let server = ScriptedServer::start(read_all).await;
    let (_phone, listener, mut reasons) = listening(&server, Behaviour::default()).await;
    drop(listener);
    assert_eq!(reasons.recv().await, None, "the listener's tasks have ended and dropped the sink");
}

#[test]
fn waits_double_up_to_the_longest_and_end() {
    let back_off = BackOff { first: Duration::from_secs(2), longest: Duration::from_secs(10), tries: 5 };
    let mut dice = Dice::new(1, 1);
    for (tried, most) in [(1, 2), (2, 4), (3, 8), (4, 10)] {
        let wait = back_off.wait(tried, &mut dice).unwrap();
        let most = Duration::from_secs(most);
        assert!(wait >= most / 2 && wait <= most, "{tried}: {wait:?}");
    }
    assert_eq!(back_off.wait(5, &mut dice), None);
}

#[test]
fn the_contact_gap_is_the_option_or_the_item() {
    let gap = |behaviour| gap_of(&PhoneMachine::new(openstage_40(), behaviour));
    assert_eq!(gap(Behaviour::default()), 300_000);
    let set = Behaviour { contact_gap: Some(Duration::from_secs(5)), ..Behaviour::default() };
    assert_eq!(gap(set), 5_000);
    let mut written = PhoneMachine::new(openstage_40(), Behaviour::default());
    written.phone_mut().write(vec![Item::new("dls-contact-interval", "60")]);
    assert_eq!(gap_of(&written), 60_000);
}
