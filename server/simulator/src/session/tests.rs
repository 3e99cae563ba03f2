//! Whole sessions over real TLS and HTTP against a scripted server.

use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use wire::{Fragment, Item, ReplyStatus};

use super::*;
use crate::address::{AddressError, NetworkGuard};
use crate::behaviour::{Behaviour, CookieEcho};
use crate::connection::Dialler;
use crate::danger_tls::{TlsOptions, TlsVersions, tls_settings};
use crate::testing::server::{Reply, ScriptedServer, Seen, answered, dialler, order, phone, read_all};

/// Reads everything, sets two cookies with the first answer and another one with each later answer.
fn with_cookies(seen: &Seen) -> Reply {
    let mut reply = read_all(seen);
    let headers = reply.headers_mut();
    if matches!(seen.message().reason, Reason::StartUp) {
        let first = "JSESSIONID=0F1E; Path=/DeploymentService; Secure";
        headers.append(SET_COOKIE, HeaderValue::from_static(first));
    }
    headers.append(SET_COOKIE, HeaderValue::from_static("OTHER=1"));
    reply
}

#[tokio::test]
async fn a_start_up_session_reads_everything_on_one_connection() {
    let server = ScriptedServer::start(read_all).await;
    let phone = phone(&server, Behaviour::default());
    let outcome = phone.session(&Opening::StartUp).await.unwrap();
    assert_eq!(outcome.actions, [Action::ReadAllItems, Action::CleanUp]);
    assert_eq!(outcome.end, SessionEnd::CleanUp { reason: None, send_solicited: false });
    assert_eq!((outcome.requests, outcome.connections), (2, 1));
    let seen = server.seen();
    let (start_up, reply) = (seen[0].message(), seen[1].message());
    assert_eq!(start_up.reason, Reason::StartUp);
    assert_eq!(reply.items.len(), 300);
    assert_ne!(start_up.nonce, reply.nonce);
    assert_eq!(outcome.items_sent as usize, start_up.items.len() + 300);
    assert_eq!(outcome.bytes_sent as usize, seen[0].body.len() + seen[1].body.len());
    assert_eq!(outcome.request_times.len(), 2);
}

#[tokio::test]
async fn requests_look_like_those_of_a_phone() {
    let server = ScriptedServer::start(read_all).await;
    phone(&server, Behaviour::default()).session(&Opening::StartUp).await.unwrap();
    let first = &server.seen()[0];
    assert_eq!(first.path, "/DeploymentService/LoginService");
    assert_eq!(first.header("content-type"), Some("text/xml; charset=UTF-8"));
    assert_eq!(first.header("content-length"), Some(first.body.len().to_string().as_str()));
    assert_eq!(first.header("host"), Some(server.address.to_string().as_str()));
    assert_eq!(first.header("connection"), None);
}

#[tokio::test]
async fn only_the_first_cookie_comes_back_plain_or_whole_or_not_at_all() {
    for (cookies, echoed) in [
        (CookieEcho::Plain, Some("JSESSIONID=0F1E")),
        (CookieEcho::WithAttributes, Some("JSESSIONID=0F1E; Path=/DeploymentService; Secure")),
        (CookieEcho::None, None),
    ] {
        let server = ScriptedServer::start(with_cookies).await;
        let behaviour = Behaviour { cookies, fragment_items: Some(200), ..Behaviour::default() };
        let phone = phone(&server, behaviour);
        phone.session(&Opening::StartUp).await.unwrap();
        assert_eq!(server.seen()[0].header("cookie"), None);
        assert_eq!(server.seen()[1].header("cookie"), echoed);
        assert_eq!(server.seen()[2].header("cookie"), echoed);
        phone.session(&Opening::StartUp).await.unwrap();
        assert_eq!(server.seen()[3].header("cookie"), None, "a new session begins without a cookie");
    }
}

#[tokio::test]
async fn without_keep_alive_each_request_has_its_own_connection_and_the_cookie() {
    let server = ScriptedServer::start(with_cookies).await;
    let behaviour = Behaviour { keep_alive: false, ..Behaviour::default() };
    let outcome = phone(&server, behaviour).session(&Opening::StartUp).await.unwrap();
    assert_eq!(outcome.connections, 2);
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.header("connection") == Some("close")));
    assert_eq!((seen[0].connection, seen[1].connection), (1, 2));
    assert_eq!(seen[1].header("cookie"), Some("JSESSIONID=0F1E"));
}

#[tokio::test]
async fn a_server_that_closes_is_called_again() {
    let server = ScriptedServer::start(|seen| {
        let mut reply = read_all(seen);
        reply.headers_mut().insert("connection", HeaderValue::from_static("close"));
        reply
    })
    .await;
    let outcome = phone(&server, Behaviour::default()).session(&Opening::StartUp).await.unwrap();
    assert_eq!((outcome.requests, outcome.connections), (2, 2));
}

#[tokio::test]
async fn long_messages_arrive_in_parts() {
    let server = ScriptedServer::start(read_all).await;
    let behaviour = Behaviour { fragment_items: Some(100), ..Behaviour::default() };
    let outcome = phone(&server, behaviour).session(&Opening::StartUp).await.unwrap();
    assert_eq!(
        outcome.actions,
        [Action::ReadAllItems, Action::GetNextFragment, Action::GetNextFragment, Action::CleanUp]
    );
    let messages: Vec<_> = server.seen().iter().map(Seen::message).collect();
    let fragments: Vec<_> = messages[1..].iter().map(|message| message.fragment).collect();
    assert_eq!(fragments, [Fragment::Next, Fragment::Next, Fragment::Final]);
    assert_eq!(messages[1..].iter().map(|message| message.items.len()).sum::<usize>(), 300);
}

#[tokio::test]
async fn both_tls_versions_are_spoken() {
    let server = ScriptedServer::start(read_all).await;
    for (versions, spoken) in [
        (TlsVersions::Only12, rustls::ProtocolVersion::TLSv1_2),
        (TlsVersions::Only13, rustls::ProtocolVersion::TLSv1_3),
    ] {
        let tls = tls_settings(TlsOptions { versions, ..TlsOptions::default() }).unwrap();
        let dialler = Dialler::new(tls, None, NetworkGuard::LOOPBACK_ONLY).unwrap();
        let stream = dialler.dial(server.address).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
    }
}

#[tokio::test]
async fn a_phone_calls_from_its_own_address_and_never_leaves_the_machine() {
    let server = ScriptedServer::start(read_all).await;
    let own = "127.77.3.9".parse().unwrap();
    let tls = tls_settings(TlsOptions::default()).unwrap();
    let at = |source| Dialler::new(tls.clone(), Some(source), NetworkGuard::LOOPBACK_ONLY);
    let mut channel = PhoneChannel::new(at(own).unwrap(), server.address, CookieEcho::Plain, true);
    let hello = PhoneMessage {
        nonce: "A".to_owned(),
        max_items: None,
        fragment: Fragment::Final,
        reason: Reason::StartUp,
        items: vec![],
    };
    channel.post(hello.to_bytes().unwrap()).await.unwrap();
    assert_eq!(server.seen()[0].peer.ip(), own);
    let foreign = "192.0.2.1".parse().unwrap();
    assert!(matches!(at(foreign), Err(AddressError::ForeignSource { .. })));
    let refused = at(own).unwrap().dial("192.0.2.1:18443".parse().unwrap()).await;
    assert!(matches!(refused, Err(ConnectError::Address(AddressError::ForeignTarget { .. }))));
}

#[tokio::test]
async fn any_bytes_can_be_sent_and_the_answer_is_seen_as_it_is() {
    let server = ScriptedServer::start(|_| answered(StatusCode::BAD_REQUEST, "")).await;
    let mut channel = PhoneChannel::new(dialler(), server.address, CookieEcho::Plain, true);
    channel.set_cookie(Some(HeaderValue::from_static("JSESSIONID=STOLEN")));
    let answer = channel.post(&b"\xFF\x00 not xml"[..]).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (StatusCode::BAD_REQUEST, 0));
    assert_eq!(&server.seen()[0].body[..], b"\xFF\x00 not xml");
    assert_eq!(server.seen()[0].header("cookie"), Some("JSESSIONID=STOLEN"));
}

async fn failure(script: fn(&Seen) -> Reply) -> (&'static str, Vec<Seen>) {
    let server = ScriptedServer::start(script).await;
    let error = phone(&server, Behaviour::default()).session(&Opening::StartUp).await.unwrap_err();
    (error.kind(), server.seen())
}

#[tokio::test]
async fn what_a_phone_cannot_take_is_named() {
    let status = |_: &Seen| answered(StatusCode::INTERNAL_SERVER_ERROR, "oops");
    assert_eq!(failure(status).await.0, "http-status");
    let nonce = |seen: &Seen| {
        let other = PhoneMessage { nonce: "OTHER".to_owned(), ..seen.message() };
        order(&other, Action::CleanUp, vec![])
    };
    assert_eq!(failure(nonce).await.0, "wrong-nonce");
    let endless = |seen: &Seen| order(&seen.message(), Action::ReadItems, vec![]);
    assert_eq!(failure(endless).await.0, "endless-session");
    let refused = phone(&ScriptedServer::start(read_all).await, Behaviour::default());
    let mut channel = PhoneChannel::new(dialler(), "127.0.0.1:1".parse().unwrap(), CookieEcho::Plain, true);
    let error = refused.with_machine(|machine, dice| (machine.clone(), dice.clone())).await;
    let (mut machine, mut dice) = error;
    let error = run_session(&mut machine, &mut channel, &Opening::StartUp, &mut dice).await.unwrap_err();
    assert_eq!(error.kind(), "connect");
}

#[tokio::test]
async fn an_answer_in_chunks_is_refused_as_old_firmware_does() {
    let chunked = |seen: &Seen| {
        let mut reply = read_all(seen);
        reply.headers_mut().insert("transfer-encoding", HeaderValue::from_static("chunked"));
        reply
    };
    assert_eq!(failure(chunked).await.0, "chunked");
}

#[tokio::test]
async fn a_phone_that_understands_nothing_says_so() {
    let (kind, seen) = failure(|_| answered(StatusCode::OK, "<html>hello</html>")).await;
    assert_eq!(kind, "answer-unreadable");
    assert_eq!(seen[1].message().reason, Reason::CleanUp);
}

#[tokio::test]
async fn empty_answers_mean_nothing_more() {
    for script in [|_: &Seen| answered(StatusCode::OK, ""), |_: &Seen| answered(StatusCode::NO_CONTENT, "")] {
        let server = ScriptedServer::start(script).await;
        let outcome = phone(&server, Behaviour::default()).session(&Opening::StartUp).await.unwrap();
        assert_eq!((outcome.end, outcome.requests), (SessionEnd::NothingMore, 1));
    }
}

#[tokio::test]
async fn written_values_and_their_problems_travel() {
    let server = ScriptedServer::start(|seen| {
        let message = seen.message();
        let items = vec![Item::new("reg-addr", "sip <1> & \"2\""), Item::new("mac-addr", "x")];
        match message.reason {
            Reason::StartUp => order(&message, Action::WriteItems, items),
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await;
    let phone = phone(&server, Behaviour::default());
    phone.session(&Opening::StartUp).await.unwrap();
    let value = phone.with_machine(|machine, _| machine.phone().value("reg-addr", None)).await;
    assert_eq!(value.as_deref(), Some("sip <1> & \"2\""));
    let reply = server.seen()[1].message();
    let accepted = Some(ReplyStatus::Accepted);
    assert_eq!(reply.reason, Reason::ReplyTo { action: Some(Action::WriteItems), status: accepted });
    assert_eq!(reply.items.len(), 1);
    assert_eq!(reply.items[0].status, Some(wire::ItemStatus::ReadOnly));
}
