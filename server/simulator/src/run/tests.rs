//! Whole runs against a scripted server.

use std::collections::HashSet;

use http::StatusCode;
use wire::{Action, Item, Reason};

use super::*;
use crate::testing::server::{ScriptedServer, Seen, answered, order, read_all};

fn config(server: &ScriptedServer) -> SimulateConfig {
    SimulateConfig { phones: 12, server: server.address.to_string(), ..SimulateConfig::default() }
}

async fn run(config: &SimulateConfig) -> Result<Summary, RunError> {
    run_fleet(config, watch::channel(Progress::default()).0, CancellationToken::new()).await
}

fn opened(server: &ScriptedServer) -> Vec<Reason> {
    let reasons = server.seen().into_iter().map(|seen| seen.message().reason);
    reasons.filter(|reason| !matches!(reason, Reason::ReplyTo { .. })).collect()
}

fn macs(server: &ScriptedServer) -> HashSet<String> {
    let items = server.seen().into_iter().flat_map(|seen| seen.message().items);
    items.filter(|item| item.name == "mac-addr").map(|item| item.value).collect()
}

#[tokio::test]
async fn every_phone_starts_up_once_from_its_own_address() {
    let server = ScriptedServer::start(read_all).await;
    let source = Some("127.78.0.0/24".parse().unwrap());
    let (progress, watcher) = watch::channel(Progress::default());
    let config = SimulateConfig { source, ..config(&server) };
    let summary = run_fleet(&config, progress, CancellationToken::new()).await.unwrap();
    assert_eq!((summary.sessions_ok, summary.sessions_failed, summary.requests), (12, 0, 24));
    assert_eq!(summary.actions["ReadAllItems"], 12);
    assert_eq!(summary.session_latency.count, 12);
    assert_eq!(macs(&server).len(), 12);
    let peers: HashSet<_> = server.seen().iter().map(|seen| seen.peer.ip()).collect();
    assert_eq!(peers.len(), 12);
    assert!(peers.contains(&"127.78.0.12".parse().unwrap()));
    assert_eq!((watcher.borrow().phase, watcher.borrow().ok), (Phase::Done, 12));
}

#[tokio::test]
async fn later_rounds_bring_local_changes_of_the_wished_share() {
    let server = ScriptedServer::start(|seen: &Seen| order(&seen.message(), Action::CleanUp, vec![])).await;
    let config =
        SimulateConfig { phones: 40, rounds: 3, change_items: 5, change_share: 0.5, ..config(&server) };
    let summary = run(&config).await.unwrap();
    assert_eq!((summary.rounds, summary.sessions_ok), (3, 120));
    let changed = opened(&server).iter().filter(|reason| **reason == Reason::LocalChanges).count();
    assert!((20..60).contains(&changed), "{changed} of 80");
    let attached =
        server.seen().iter().map(Seen::message).find(|m| m.reason == Reason::LocalChanges).unwrap();
    assert!(attached.items.contains(&Item::new("configuration-attached-flag", "true")));
}

#[tokio::test]
async fn a_fleet_file_keeps_the_phones_and_what_was_written_into_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.json");
    // HFA phones do not have the item that is written here.
    let (fleet_file, family) = (Some(path.clone()), Some(crate::Family::Sip));
    let server = ScriptedServer::start(|seen: &Seen| {
        let message = seen.message();
        match message.reason {
            Reason::StartUp => {
                order(&message, Action::WriteItems, vec![Item::new("reg-addr", "kept.example.net")])
            }
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await;
    run(&SimulateConfig { fleet_file: fleet_file.clone(), family, ..config(&server) }).await.unwrap();
    let before = macs(&server);

    let reader = ScriptedServer::start(read_all).await;
    let other_seed =
        SimulateConfig { fleet_file: fleet_file.clone(), family, seed: 99, phones: 15, ..config(&reader) };
    run(&other_seed).await.unwrap();
    assert!(before.is_subset(&macs(&reader)));
    assert_eq!(macs(&reader).len(), 15);
    let items: Vec<_> = reader.seen().into_iter().flat_map(|seen| seen.message().items).collect();
    let written = Item::new("reg-addr", "kept.example.net");
    assert_eq!(items.iter().filter(|item| **item == written).count(), 12);

    let fewer = SimulateConfig { fleet_file, phones: 2, ..config(&reader) };
    run(&fewer).await.unwrap();
    let stored = FleetFile::load(&path).await.unwrap().unwrap();
    assert_eq!(stored.phones.len(), 15, "phones that rested are still in the file");
}

#[tokio::test]
async fn nonces_differ_from_run_to_run() {
    let server = ScriptedServer::start(read_all).await;
    for _ in 0..2 {
        run(&SimulateConfig { phones: 1, ..config(&server) }).await.unwrap();
    }
    let nonces: HashSet<_> = server.seen().iter().map(|seen| seen.message().nonce).collect();
    assert_eq!(nonces.len(), 4);
}

#[tokio::test]
async fn failing_sessions_are_counted_by_kind() {
    let config = SimulateConfig { phones: 3, server: "127.0.0.1:1".to_owned(), ..SimulateConfig::default() };
    let summary = run(&config).await.unwrap();
    assert_eq!((summary.sessions_failed, summary.errors["connect"]), (3, 3));
    assert!(summary.error_examples["connect"].contains("127.0.0.1:1"));
}

#[tokio::test]
async fn overloaded_sessions_are_repeated_and_counted() {
    let refusals = std::sync::atomic::AtomicU32::new(0);
    let server = ScriptedServer::start(move |seen: &Seen| {
        if refusals.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 5 {
            let items = vec![Item::new("cleanup-reason", "overload")];
            return order(&seen.message(), Action::CleanUp, items);
        }
        read_all(seen)
    })
    .await;
    let mut config = config(&server);
    config.back_off.first = Duration::ZERO;
    let summary = run(&config).await.unwrap();
    assert_eq!((summary.sessions_ok, summary.sessions_overloaded, summary.given_up), (12, 5, 0));
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_over_or_it_is_cancelled() {
    let server = ScriptedServer::start(read_all).await;
    let none = SimulateConfig { duration: Some(Duration::ZERO), ..config(&server) };
    assert_eq!(run(&none).await.unwrap().rounds, 0);

    let cancel = CancellationToken::new();
    let (progress, mut watcher) = watch::channel(Progress::default());
    let endless = SimulateConfig { duration: Some(Duration::from_secs(3600)), ..config(&server) };
    let (stop, running) =
        (cancel.clone(), tokio::spawn(async move { run_fleet(&endless, progress, cancel).await }));
    watcher.wait_for(|progress| progress.ok >= 24).await.unwrap();
    stop.cancel();
    assert!(running.await.unwrap().unwrap().rounds >= 2);
}

#[tokio::test]
async fn staying_phones_listen_until_cancelled() {
    let server = ScriptedServer::start(read_all).await;
    let source = Some("127.79.0.0/24".parse().unwrap());
    let config = SimulateConfig { phones: 2, source, stay: true, contact_me_port: 0, ..config(&server) };
    let cancel = CancellationToken::new();
    let (progress, mut watcher) = watch::channel(Progress::default());
    let token = cancel.clone();
    let running = tokio::spawn(async move { run_fleet(&config, progress, token).await });
    watcher.wait_for(|progress| progress.phase == Phase::Staying).await.unwrap();
    let uri =
        server.seen()[0].message().items.into_iter().find(|item| item.name == "contact-me-uri").unwrap();
    let target = uri.value.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(target).await.unwrap();
    let request = b"GET /contact_dls.html/ContactDLS HTTP/1.1\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
    watcher.wait_for(|progress| progress.ok == 3).await.unwrap();
    cancel.cancel();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.sessions_ok, 3);
    assert_eq!(opened(&server).last(), Some(&Reason::Solicited));
}

#[tokio::test]
async fn a_run_does_not_begin_outside_the_machine() {
    let foreign = SimulateConfig { server: "192.0.2.1:18443".to_owned(), ..SimulateConfig::default() };
    assert!(matches!(run(&foreign).await, Err(RunError::Address(AddressError::ForeignTarget { .. }))));
    let source = Some("192.0.2.0/24".parse().unwrap());
    let from_outside = SimulateConfig { source, ..SimulateConfig::default() };
    assert!(matches!(run(&from_outside).await, Err(RunError::Address(AddressError::ForeignSource { .. }))));
    let crowded =
        SimulateConfig { source: Some("127.80.0.0/29".parse().unwrap()), ..SimulateConfig::default() };
    assert!(matches!(run(&crowded).await, Err(RunError::Address(AddressError::BlockExhausted { .. }))));
    let nameless = SimulateConfig { server: "127.0.0.1".to_owned(), ..SimulateConfig::default() };
    assert!(matches!(run(&nameless).await, Err(RunError::Resolve { .. })));
}

#[test]
fn starts_are_spaced_by_the_rate() {
    let begin = Instant::now();
    let pace = Pace::new(Some(50.0), begin);
    assert_eq!(pace.step, Some(Duration::from_millis(20)));
    assert_eq!(Pace::new(Some(0.0), begin).step, None);
    assert_eq!(Pace::new(Some(1e-300), begin).step, None);
}

#[tokio::test]
async fn after_a_blackout_every_phone_comes_until_it_is_served() {
    let refusals = std::sync::atomic::AtomicU32::new(0);
    let server = ScriptedServer::start(move |seen: &Seen| {
        match refusals.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0..30 => order(&seen.message(), Action::CleanUp, vec![Item::new("cleanup-reason", "overload")]),
            30..40 => answered(StatusCode::SERVICE_UNAVAILABLE, ""),
            _ => read_all(seen),
        }
    })
    .await;
    let mut config = config(&server);
    (config.back_off.first, config.back_off.tries, config.rounds) = (Duration::ZERO, 1, 5);
    let summary = run(&config.into_blackout()).await.unwrap();
    assert_eq!((summary.rounds, summary.chains_complete, summary.given_up), (1, 12, 0));
    assert_eq!((summary.sessions_ok, summary.sessions_overloaded, summary.sessions_failed), (12, 30, 10));
    assert_eq!(summary.completion.count, 12);
    assert!(summary.last_complete_seconds > 0.0 && summary.last_complete_seconds <= summary.seconds);
}

#[tokio::test]
async fn the_summary_tells_what_the_fleet_took_refused_and_got_twice() {
    let server = ScriptedServer::start(|seen: &Seen| {
        let message = seen.message();
        let items = || vec![Item::new("reg-addr", "a"), Item::new("reg-port", "5061")];
        match message.reason {
            Reason::StartUp => order(&message, Action::WriteItems, items()),
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await;
    let config = SimulateConfig {
        rounds: 2,
        family: Some(crate::Family::Sip),
        refuse: vec![Refusal::of("reg-port", wire::ItemStatus::ReadOnly)],
        failed_writes: 1,
        ..config(&server)
    };
    let orders = run(&config).await.unwrap().orders;
    assert_eq!((orders.writes, orders.writes_refused), (24, 12));
    assert_eq!((orders.items_taken["reg-addr"], orders.items_taken_twice), (12, 0));
    assert_eq!(orders.items_refused["reg-port"], 12);
    let again = run(&SimulateConfig { failed_writes: 0, ..config }).await.unwrap().orders;
    assert_eq!((again.items_taken["reg-addr"], again.items_taken_twice), (24, 12));
}

#[tokio::test]
async fn a_fleet_is_called_and_its_contacts_are_summed_up() {
    let server = ScriptedServer::start(read_all).await;
    let config = SimulateConfig { phones: 3, contact_me_port: 0, ..config(&server) };
    let fleet = Fleet::prepare(&config).await.unwrap();
    let (permits, sink) = (Arc::new(Semaphore::new(2)), Arc::new(()) as Arc<dyn SessionSink>);
    let attendances = fleet.attend(0, &permits, &sink).await.unwrap();
    for attendance in attendances.iter().chain(&attendances[..1]) {
        let mut stream = tokio::net::TcpStream::connect(attendance.address()).await.unwrap();
        let request = b"GET /contact_dls.html/ContactDLS HTTP/1.1\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    }
    let (_, contacts) = fleet.totals().await;
    assert_eq!((contacts.accepted, contacts.ignored, contacts.violations), (3, 1, 1));
    assert_eq!(contacts.violation_examples[0].phone, "00:1A:E8:10:00:00");
}

#[tokio::test]
async fn what_a_phone_of_the_file_refuses_only_that_phone_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.json");
    let server = ScriptedServer::start(|seen: &Seen| {
        let message = seen.message();
        match message.reason {
            Reason::StartUp => order(&message, Action::WriteItems, vec![Item::new("sntp-addr", "a")]),
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await;
    let config = SimulateConfig { phones: 2, fleet_file: Some(path.clone()), ..config(&server) };
    let mut file = Fleet::prepare(&config).await.unwrap().to_file().await;
    file.phones[1].refuse = vec![Refusal::of("sntp-addr", wire::ItemStatus::NotSupported)];
    file.save(&path).await.unwrap();
    let orders = run(&config).await.unwrap().orders;
    assert_eq!((orders.items_taken["sntp-addr"], orders.items_refused["sntp-addr"]), (1, 1));
    let kept = FleetFile::load(&path).await.unwrap().unwrap();
    assert_eq!(kept.phones[1].refuse, file.phones[1].refuse);
}

#[tokio::test]
async fn the_same_share_of_a_fleet_fails_to_download_and_the_file_keeps_what_came() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.json");
    let server = ScriptedServer::start(|seen: &Seen| {
        if seen.method == http::Method::GET {
            return answered(StatusCode::OK, vec![7; 1000]);
        }
        let message = seen.message();
        let url = format!("https://{}/file/a/bell.wav", seen.header("host").unwrap());
        match message.reason {
            Reason::StartUp => {
                let items = vec![Item::new("file-https-base-url", url), Item::new("file-type", "MOH")];
                order(&message, Action::FileDeployment, items)
            }
            _ => order(&message, Action::CleanUp, vec![]),
        }
    })
    .await;
    let config = SimulateConfig {
        phones: 60,
        rounds: 3,
        failing_downloads: 0.2,
        failing_times: Some(2),
        fleet_file: Some(path.clone()),
        ..config(&server)
    };
    let failing: Vec<_> =
        (0..60).filter(|number| config.behaviour_of(*number).deployments.failing == 2).collect();
    assert!((5..20).contains(&failing.len()), "{failing:?}");
    let summary = run(&config).await.unwrap();
    let orders = &summary.orders;
    assert_eq!((summary.sessions_ok, summary.chains_complete), (360, 180));
    assert_eq!((orders.deployments, orders.deployments_refused, orders.downloads_started), (180, 0, 180));
    assert_eq!(orders.downloads_failed, 2 * failing.len() as u64);
    assert_eq!(orders.downloads_completed + orders.downloads_failed, 180);
    assert!(orders.download_bytes >= 1000 * orders.downloads_completed);
    let kept = FleetFile::load(&path).await.unwrap().unwrap();
    let stored = |phone: &StoredPhone| phone.values.iter().any(|value| value.value == "bell.wav");
    assert!(kept.phones.iter().all(stored), "all work at the third time");
    let always = SimulateConfig { failing_times: None, ..config.clone() };
    let same: Vec<_> =
        (0..60).filter(|number| always.behaviour_of(*number).deployments.failing == u32::MAX).collect();
    assert_eq!(same, failing);
}
