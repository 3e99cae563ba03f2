//! Deployments against a server that also serves the files.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wire::{Action, Item, Reason, ReplyStatus, ServerMessage};

use super::*;
use crate::behaviour::Behaviour;
use crate::image::image;
use crate::orders::{DownloadCount, OrderCount};
use crate::simulated_phone::ContactEnd;
use crate::testing::server::{Reply, ScriptedServer, Seen, answered, order, phone};

/// A file as a good file server gives it: with its length, a tag, and in part when asked so.
fn served(seen: &Seen, content: &[u8]) -> Reply {
    let range = seen.header("range").map(|range| {
        let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap();
        from.parse::<usize>().unwrap()
    });
    let mut reply = match range {
        None => answered(StatusCode::OK, content.to_vec()),
        Some(from) => {
            let mut reply = answered(StatusCode::PARTIAL_CONTENT, content[from..].to_vec());
            let part = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
            reply.headers_mut().insert("content-range", HeaderValue::try_from(part).unwrap());
            reply
        }
    };
    reply.headers_mut().insert("etag", HeaderValue::from_static("\"1\""));
    reply
}

/// The order of the first session; `HOST` in an address is this server.
fn sent(seen: &Seen, action: &Action, items: &[Item]) -> Reply {
    let host = seen.header("host").unwrap();
    let items = items.iter().map(|item| Item { value: item.value.replace("HOST", host), ..item.clone() });
    order(&seen.message(), action.clone(), items.collect())
}

/// Orders this at start-up for the first time, serves the file, and closes everything else.
async fn server(action: Action, items: Vec<Item>, content: Vec<u8>) -> ScriptedServer {
    let ordered = std::sync::atomic::AtomicBool::new(false);
    ScriptedServer::start(move |seen| {
        if seen.method != Method::POST {
            return match seen.path.starts_with("/file/") {
                true => served(seen, &content),
                false => answered(StatusCode::NOT_FOUND, Bytes::new()),
            };
        }
        let starts = seen.message().reason == Reason::StartUp;
        if starts && !ordered.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return sent(seen, &action, &items);
        }
        order(&seen.message(), Action::CleanUp, vec![])
    })
    .await
}

fn manners(deployments: DeploymentManners) -> Behaviour {
    let deployments = DeploymentManners { update_time: Duration::ZERO, ..deployments };
    Behaviour { deployments, restart_time: Duration::ZERO, ..Behaviour::default() }
}

fn usual() -> Behaviour {
    manners(DeploymentManners::default())
}

async fn contact(phone: &SimulatedPhone) {
    let permits = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
    let stop = CancellationToken::new();
    let end = phone.contact(Opening::StartUp, phone.server(), permit, &permits, &(), &stop).await;
    assert_eq!(end, ContactEnd::Done);
}

fn reasons(server: &ScriptedServer) -> Vec<Reason> {
    server
        .seen()
        .iter()
        .filter(|seen| seen.method == Method::POST)
        .map(|seen| seen.message().reason)
        .collect()
}

fn last_items(server: &ScriptedServer) -> Vec<(String, Option<u16>, String)> {
    let seen = server.seen();
    let message = seen.iter().rfind(|seen| seen.method == Method::POST).unwrap().message();
    let items = message.items.into_iter().filter(|item| item.name.starts_with("file-deployment-"));
    items.map(|item| (item.name, item.index, item.value)).collect()
}

fn ringtone() -> Vec<Item> {
    vec![
        Item::new("file-https-base-url", "https://HOST/file/abc/bell%201.wav"),
        Item::new("file-type", "RINGTONE"),
    ]
}

fn software(extra: Vec<Item>) -> Vec<Item> {
    let url = Item::new("file-https-base-url", "https://HOST/file/abc/os40.img");
    [vec![url, Item::new("file-type", "APP")], extra].concat()
}

async fn downloads(phone: &SimulatedPhone) -> DownloadCount {
    phone.orders().await.downloads
}

async fn stored(phone: &SimulatedPhone) -> Vec<String> {
    let files = phone.with_machine(|machine, _| machine.phone().stored_files()).await;
    files.into_iter().map(|(_, file)| format!("{} {}", file.file_type, file.name)).collect()
}

#[tokio::test]
async fn a_file_is_fetched_stored_and_reported() {
    let server = server(Action::FileDeployment, ringtone(), vec![7; 100_000]).await;
    let phone = phone(&server, usual());
    contact(&phone).await;
    assert_eq!(reasons(&server), [Reason::StartUp, Reason::Status]);
    let items = last_items(&server);
    let values: Vec<_> =
        items.iter().map(|(name, index, value)| (name.as_str(), *index, value.as_str())).collect();
    assert_eq!(
        values[..3],
        [
            ("file-deployment-name", None, "bell 1.wav"),
            ("file-deployment-type", None, "RINGTONE"),
            ("file-deployment-status", None, "ok"),
        ]
    );
    assert!(items[3].2.len() == 10 && items[4].2.len() == 8, "{items:?}");
    assert_eq!(stored(&phone).await, ["LOGO logo.bmp", "RINGTONE bell 1.wav"]);
    let count = DownloadCount { started: 1, completed: 1, bytes: 100_000, ..DownloadCount::default() };
    assert_eq!(downloads(&phone).await, count);
    assert_eq!(phone.orders().await.deployments, OrderCount { received: 1, obeyed: 1 });
    // One connection for WPI is over before the file is asked for, without a cookie.
    let get = server.seen().into_iter().find(|seen| seen.method == Method::GET).unwrap();
    assert_eq!((get.header("cookie"), get.path.as_str()), (None, "/file/abc/bell%201.wav"));
}

#[tokio::test]
async fn a_session_alone_leaves_the_download_to_the_caller() {
    let server = server(Action::FileDeployment, ringtone(), vec![7; 10]).await;
    let phone = phone(&server, usual());
    let outcome = phone.session(&Opening::StartUp).await.unwrap();
    assert_eq!(outcome.end, crate::SessionEnd::Deploying);
    let opening = phone.finish_deployment().await.unwrap();
    assert!(matches!(opening, Opening::Status(_)) && !phone.is_deploying());
    assert_eq!(phone.finish_deployment().await, None);
    phone.session(&opening).await.unwrap();
    assert_eq!(last_items(&server)[2].2, "ok");
}

#[tokio::test]
async fn a_broken_connection_is_resumed_where_it_broke() {
    let image = image("OpenStage 40", "Siemens SIP", "V3 R9.9.9", 4 << 20);
    let server = server(Action::SoftwareDeployment, software(vec![]), image).await;
    let phone =
        phone(&server, manners(DeploymentManners { breaking: 1, head_first: true, ..Default::default() }));
    contact(&phone).await;
    let seen = server.seen();
    let asked: Vec<_> = seen.iter().filter(|seen| seen.method != Method::POST).collect();
    let methods: Vec<_> = asked.iter().map(|seen| seen.method.clone()).collect();
    assert_eq!(methods, [Method::HEAD, Method::GET, Method::GET]);
    assert_eq!(asked[1].header("range"), None);
    assert!(asked[2].header("range").unwrap().starts_with("bytes=2"), "{:?}", asked[2].headers);
    let count = DownloadCount { started: 1, completed: 1, failed: 0, resumed: 1, bytes: 4 << 20 };
    assert_eq!(downloads(&phone).await, count);
    assert_eq!(phone.value("software-version", None).await.as_deref(), Some("V3 R9.9.9"));
}

#[tokio::test]
async fn a_failing_phone_gives_up_in_the_middle_and_says_so() {
    let server = ScriptedServer::start(|seen| match (&seen.method, seen.message_reason()) {
        (&Method::GET, _) => served(seen, &[7; 3 << 20]),
        (_, Some(Reason::StartUp)) => sent(seen, &Action::FileDeployment, &ringtone()),
        _ => order(&seen.message(), Action::CleanUp, vec![]),
    })
    .await;
    let phone = phone(&server, manners(DeploymentManners { failing: 1, ..Default::default() }));
    contact(&phone).await;
    assert_eq!(last_items(&server)[2].2, "failed");
    assert_eq!(stored(&phone).await, ["LOGO logo.bmp"]);
    let count = downloads(&phone).await;
    assert_eq!((count.started, count.failed, count.completed), (1, 1, 0));
    assert!((3 << 19..3 << 20).contains(&count.bytes), "{count:?}");
    contact(&phone).await;
    assert_eq!(last_items(&server)[2].2, "ok");
    assert_eq!(downloads(&phone).await.completed, 1);
}

#[tokio::test]
async fn firmware_comes_up_with_the_version_and_family_of_its_header() {
    let items = software(vec![Item::new("file-sw-version", "V1 R1.1.1")]);
    let image = image("OpenStage40", "Siemens HFA", "V3 R0.42.0", 50_000);
    let server = server(Action::SoftwareDeployment, items, image).await;
    let phone = phone(&server, usual());
    contact(&phone).await;
    assert_eq!(reasons(&server), [Reason::StartUp, Reason::StartUp]);
    let again = server.seen().last().unwrap().message();
    assert!(again.items.contains(&Item::new("software-version", "V3 R0.42.0")));
    assert!(again.items.contains(&Item::new("software-type", "Siemens HFA")));
    let orders = phone.orders().await;
    assert_eq!((orders.updates, orders.restarts.received), (1, 0));
}

#[tokio::test]
async fn firmware_without_a_header_is_what_the_server_says() {
    let items =
        software(vec![Item::new("file-sw-version", "3.9.1.2"), Item::new("file-sw-type", "Siemens SIP")]);
    let known = server(Action::SoftwareDeployment, items, vec![9; 5_000]).await;
    let phone_of = phone(&known, usual());
    contact(&phone_of).await;
    assert_eq!(phone_of.value("software-version", None).await.as_deref(), Some("V3 R9.1.2"));
    let unknown = server(Action::SoftwareDeployment, software(vec![]), vec![9; 5_000]).await;
    contact(&phone(&unknown, usual())).await;
    assert_eq!(last_items(&unknown)[2].2, "failed");
}

#[tokio::test]
async fn firmware_of_another_model_is_refused_without_a_restart_or_forgotten_with_one() {
    let wrong = || image("OpenStage 60", "Siemens SIP", "V3 R9.9.9", 5_000);
    let server_of = || server(Action::SoftwareDeployment, software(vec![]), wrong());
    let refusing = server_of().await;
    contact(&phone(&refusing, usual())).await;
    assert_eq!(reasons(&refusing), [Reason::StartUp, Reason::Status]);
    let items = last_items(&refusing);
    assert_eq!((items[1].2.as_str(), items[2].2.as_str()), ("APP", "failed"));

    let stubborn = server_of().await;
    let phone =
        phone(&stubborn, manners(DeploymentManners { stays_on_old_version: true, ..Default::default() }));
    let before = phone.value("software-version", None).await;
    contact(&phone).await;
    assert_eq!(reasons(&stubborn), [Reason::StartUp, Reason::StartUp]);
    assert_eq!(phone.value("software-version", None).await, before);
    assert_eq!(phone.orders().await.updates, 0);
}

#[tokio::test]
async fn several_files_and_deletions_are_done_and_told_only_by_some_firmware() {
    let items = || {
        vec![
            Item::indexed("file-action", 1, "deploy"),
            Item::indexed("file-type", 1, "RINGTONE"),
            Item::indexed("file-https-base-url", 1, "https://HOST/file/a/bell.wav"),
            Item::indexed("file-action", 2, "delete"),
            Item::indexed("file-type", 2, "LOGO"),
            Item::indexed("file-name", 2, "logo.bmp"),
            Item::indexed("file-action", 3, "delete"),
            Item::indexed("file-type", 3, "MOH"),
            Item::indexed("file-name", 3, "none.wav"),
        ]
    };
    let silent = server(Action::FileDeployment, items(), vec![7; 10]).await;
    let quiet = phone(&silent, usual());
    contact(&quiet).await;
    assert_eq!(reasons(&silent), [Reason::StartUp]);
    // The place of the logo was free only after the ring tone had come.
    assert_eq!(stored(&quiet).await, ["RINGTONE bell.wav"]);

    let told = server(Action::FileDeployment, items(), vec![7; 10]).await;
    let talker = phone(&told, manners(DeploymentManners { status_for_deletes: true, ..Default::default() }));
    contact(&talker).await;
    let items = last_items(&told);
    let status = |index| items.iter().find(|item| item.0.ends_with("-status") && item.1 == Some(index));
    assert_eq!(status(1).unwrap().2, "ok");
    assert_eq!(status(2).unwrap().2, "ok");
    assert_eq!(status(3).unwrap().2, "failed");
}

#[tokio::test]
async fn what_cannot_be_fetched_is_reported_as_failed() {
    for url in [
        "https://192.0.2.1/a.wav",
        "http://HOST/file/a.wav",
        "https://HOST/gone/a.wav",
        "https://files.invalid/a",
    ] {
        let items = vec![Item::new("file-https-base-url", url), Item::new("file-type", "MOH")];
        let server = server(Action::FileDeployment, items, vec![]).await;
        contact(&phone(&server, usual())).await;
        assert_eq!(last_items(&server)[2].2, "failed", "{url}");
    }
    let ftp = vec![
        Item::new("file-server", "127.0.0.1"),
        Item::new("file-name", "a.wav"),
        Item::new("file-type", "MOH"),
    ];
    let server = server(Action::FileDeployment, ftp, vec![]).await;
    let phone = phone(&server, usual());
    contact(&phone).await;
    assert_eq!(last_items(&server)[2].2, "failed");
    assert_eq!(downloads(&phone).await, DownloadCount { started: 1, failed: 1, ..DownloadCount::default() });
}

#[tokio::test]
async fn a_phone_may_say_nothing_refuse_or_answer_first() {
    let with = async |deployments| {
        let server = server(Action::FileDeployment, ringtone(), vec![7; 10]).await;
        let phone = phone(&server, manners(deployments));
        contact(&phone).await;
        (reasons(&server), stored(&phone).await.len())
    };
    let silent = with(DeploymentManners { no_status: true, ..Default::default() }).await;
    assert_eq!(silent, (vec![Reason::StartUp], 2));
    let reply = |status| Reason::ReplyTo { action: Some(Action::FileDeployment), status: Some(status) };
    let refusing = with(DeploymentManners { refuses: true, ..Default::default() }).await;
    assert_eq!(refusing, (vec![Reason::StartUp, reply(ReplyStatus::Failed)], 1));
    let polite = with(DeploymentManners { replies: true, ..Default::default() }).await;
    assert_eq!(polite, (vec![Reason::StartUp, reply(ReplyStatus::Accepted), Reason::Status], 2));
}

#[tokio::test]
async fn a_call_is_disturbed_only_by_what_must_be_done_at_once() {
    for (priority, disturbed) in [("normal", false), ("immediate", true), ("1", true)] {
        let items = [ringtone(), vec![Item::new("file-priority", priority)]].concat();
        let server = server(Action::FileDeployment, items, vec![7; 10]).await;
        let phone = phone(&server, Behaviour { busy_requests: 1, ..usual() });
        contact(&phone).await;
        assert_eq!(stored(&phone).await.len() == 2, disturbed, "{priority}");
    }
}

/// A phone that takes a while for its download, and what its contact will be.
async fn slow() -> (ScriptedServer, Arc<SimulatedPhone>, tokio::task::JoinHandle<()>) {
    let server = server(Action::FileDeployment, ringtone(), vec![7; 40_000]).await;
    let manners = manners(DeploymentManners { download_rate: Some(50_000), ..Default::default() });
    let phone = Arc::new(phone(&server, manners));
    let contacted = Arc::clone(&phone);
    let going = tokio::spawn(async move { contact(&contacted).await });
    let mut attention = phone.attention();
    attention.wait_for(|attention| attention.is_deploying).await.unwrap();
    (server, phone, going)
}

#[tokio::test]
async fn a_phone_has_other_sessions_while_it_fetches_but_takes_no_second_deployment() {
    let (server, phone, going) = slow().await;
    phone.session(&Opening::Solicited).await.unwrap();
    let (again, status) = phone
        .with_machine(|machine, _| {
            machine.set_deploying(true);
            machine.open(&Opening::Solicited, "A".to_owned());
            let message =
                ServerMessage { nonce: "A".to_owned(), action: Action::FileDeployment, items: ringtone() };
            (machine.answer(message, "B".to_owned()), machine.was_busy())
        })
        .await;
    assert!(matches!(again, crate::Step::Send(_)) && status, "{again:?}");
    assert!(phone.is_deploying());
    going.await.unwrap();
    assert_eq!(reasons(&server), [Reason::StartUp, Reason::Solicited, Reason::Status]);
    assert_eq!(stored(&phone).await.len(), 2);
}

#[tokio::test]
async fn a_restart_ends_what_was_being_fetched() {
    let (server, phone, going) = slow().await;
    phone.with_machine(|machine, _| machine.start_again()).await;
    going.await.unwrap();
    assert_eq!(reasons(&server), [Reason::StartUp]);
    assert_eq!(stored(&phone).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_changed_in_between_is_not_taken() {
    let server = ScriptedServer::start(|seen| match (&seen.method, seen.message_reason()) {
        (&Method::GET, _) => {
            let mut reply = served(seen, &[7; 4 << 20]);
            if seen.header("range").is_some() {
                reply.headers_mut().insert("etag", HeaderValue::from_static("\"2\""));
            }
            reply
        }
        (_, Some(Reason::StartUp)) => sent(seen, &Action::FileDeployment, &ringtone()),
        _ => order(&seen.message(), Action::CleanUp, vec![]),
    })
    .await;
    contact(&phone(&server, manners(DeploymentManners { breaking: 1, ..Default::default() }))).await;
    assert_eq!(last_items(&server)[2].2, "failed");
}

#[test]
fn dates_are_those_of_the_calendar() {
    let both = |seconds| date_and_time(seconds);
    assert_eq!(both(0), ("01:01:1970".to_owned(), "00:00:00".to_owned()));
    assert_eq!(both(951_782_400).0, "29:02:2000");
    assert_eq!(both(1_395_049_290), ("17:03:2014".to_owned(), "09:41:30".to_owned()));
    assert_eq!(both(1_798_761_599), ("31:12:2026".to_owned(), "23:59:59".to_owned()));
}
