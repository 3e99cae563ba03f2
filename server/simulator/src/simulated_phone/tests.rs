//! What a phone does by itself between sessions, and when it is called.

use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;
use wire::{Action, Item, PhoneMessage, Reason, ReplyStatus};

use super::*;
use crate::behaviour::{Behaviour, Mishap};
use crate::orders::OrderCount;
use crate::testing::Reasons;
use crate::testing::server::{Reply, ScriptedServer, Seen, answered, order, phone, read_all};

async fn contact(phone: &SimulatedPhone, stop: &CancellationToken) -> (ContactEnd, Vec<Reason>) {
    let (sink, mut reasons) = Reasons::new();
    let end = contact_with(phone, &sink, stop).await;
    drop(sink);
    let mut seen = Vec::new();
    while let Some(reason) = reasons.recv().await {
        seen.push(reason.unwrap());
    }
    (end, seen)
}

async fn contact_with(
    phone: &SimulatedPhone,
    sink: &dyn SessionSink,
    stop: &CancellationToken,
) -> ContactEnd {
    let permits = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
    phone.contact(Opening::StartUp, phone.server(), permit, &permits, sink, stop).await
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
    let back_off =
        BackOff { first: Duration::from_secs(3600), longest: Duration::MAX, tries: 3, ..BackOff::default() };
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

#[test]
fn waits_double_up_to_the_longest_and_end() {
    let back_off = BackOff {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(10),
        tries: 5,
        ..BackOff::default()
    };
    let mut dice = Dice::new(1, 1);
    for (tried, most) in [(1, 2), (2, 4), (3, 8), (4, 10)] {
        let wait = back_off.wait(tried, &mut dice).unwrap();
        let most = Duration::from_secs(most);
        assert!(wait >= most / 2 && wait <= most, "{tried}: {wait:?}");
    }
    assert_eq!(back_off.wait(5, &mut dice), None);
}

/// Writes once into every session, then closes as told.
fn writes(close: Vec<Item>) -> impl Fn(&Seen) -> Reply + Send + Sync {
    move |seen| {
        let message = seen.message();
        match &message.reason {
            Reason::ReplyTo { status: Some(ReplyStatus::Busy), .. } => {
                order(&message, Action::CleanUp, close.clone())
            }
            Reason::ReplyTo { .. } | Reason::CleanUp => order(&message, Action::CleanUp, vec![]),
            _ => order(&message, Action::WriteItems, vec![Item::new("reg-addr", "a")]),
        }
    }
}

#[tokio::test]
async fn a_busy_phone_comes_back_by_itself_until_it_is_idle() {
    let server = ScriptedServer::start(writes(vec![Item::new("send-solicited", "true")])).await;
    let phone = phone(&server, Behaviour { busy_requests: 2, ..prompt() });
    let (end, reasons) = contact(&phone, &CancellationToken::new()).await;
    assert_eq!(end, ContactEnd::Done);
    assert_eq!(reasons, [Reason::StartUp, Reason::Solicited, Reason::Solicited]);
    assert_eq!(phone.orders().await.writes, OrderCount { received: 3, obeyed: 1 });
    assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("a"));
}

#[tokio::test]
async fn a_phone_that_was_busy_comes_back_when_its_call_has_ended() {
    let server = ScriptedServer::start(read_all).await;
    let behaviour = Behaviour { busy_time: Duration::from_secs(90), ..Behaviour::default() };
    let phone = phone(&server, behaviour);
    let asked = SessionEnd::CleanUp { reason: None, send_solicited: true };
    assert_eq!(phone.follow_up(&asked, true), Some((Opening::Solicited, Duration::from_secs(90))));
    assert_eq!(phone.follow_up(&asked, false), Some((Opening::Solicited, Duration::ZERO)));
    assert_eq!(phone.follow_up(&SessionEnd::Restart, true), Some((Opening::StartUp, Duration::from_secs(2))));
    let plain = SessionEnd::CleanUp { reason: None, send_solicited: false };
    assert_eq!(phone.follow_up(&plain, true), None);
}

#[tokio::test]
async fn a_vanished_phone_starts_up_again_or_waits_to_be_called() {
    for (returns, sessions) in [(true, 2), (false, 1)] {
        let server = ScriptedServer::start(writes(vec![])).await;
        let behaviour =
            Behaviour { mishap: Some(Mishap::VanishUnwritten), returns_after_vanishing: returns, ..prompt() };
        let phone = phone(&server, behaviour);
        let (end, reasons) = contact(&phone, &CancellationToken::new()).await;
        assert_eq!((end, reasons), (ContactEnd::Done, vec![Reason::StartUp; sessions]));
        assert_eq!(server.seen().len(), if returns { 3 } else { 1 }, "no reply to the first WriteItems");
    }
}

#[tokio::test]
async fn a_phone_that_gives_up_says_so_and_the_server_is_not_asked_again() {
    let server = ScriptedServer::start(writes(vec![])).await;
    let behaviour = Behaviour { mishap: Some(Mishap::GiveUp), ..prompt() };
    let outcome = phone(&server, behaviour).session(&Opening::StartUp).await.unwrap();
    assert_eq!(outcome.end, SessionEnd::GaveUp);
    assert_eq!(server.seen()[1].message().reason, Reason::CleanUp);
}

#[tokio::test]
async fn a_patient_phone_tries_a_broken_server_again() {
    let refusals = AtomicU32::new(0);
    let server = ScriptedServer::start(move |seen: &Seen| {
        if refusals.fetch_add(1, Ordering::Relaxed) < 2 {
            return answered(StatusCode::SERVICE_UNAVAILABLE, "");
        }
        read_all(seen)
    })
    .await;
    let patient = BackOff { first: Duration::ZERO, after_errors: true, ..BackOff::default() };
    let phone = phone(&server, prompt()).with_back_off(patient);
    let end = contact_with(&phone, &(), &CancellationToken::new()).await;
    assert_eq!((end, server.seen().len()), (ContactEnd::Done, 4));
}

#[tokio::test]
async fn a_restarting_phone_does_nothing_but_start_up() {
    let server = ScriptedServer::start(first_session(Action::Restart, vec![])).await;
    let long = Behaviour { restart_time: Duration::from_secs(3600), ..Behaviour::default() };
    let phone = Arc::new(phone(&server, long));
    let stop = CancellationToken::new();
    let mut attention = phone.attention();
    let (waiting, token) = (Arc::clone(&phone), stop.clone());
    let restart = tokio::spawn(async move { contact_with(&waiting, &(), &token).await });
    attention.wait_for(|attention| attention.is_off).await.unwrap();
    let permits = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
    let called = phone.contact(Opening::Solicited, phone.server(), permit, &permits, &(), &stop).await;
    assert_eq!((called, server.seen().len()), (ContactEnd::Done, 1), "the call was not followed");
    stop.cancel();
    assert_eq!(restart.await.unwrap(), ContactEnd::GivenUp);
    assert!(!phone.attention().borrow().is_off, "who gives up waiting leaves the phone usable");
}
