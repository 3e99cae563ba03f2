//! The job engine with simulated phones: order, retry, cancellation, records, secrets, resets, and what it
//! learns and does on its own (D-22 … D-27, `wpi.md` §4.4, §9). What one value goes through is in
//! `deliveries.rs`, the API of jobs in `api_jobs.rs`, calls in `calling.rs`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use domain::Role;
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Attendance, Mishap, Opening, Refusal, SessionSink, SimulateConfig, SimulatedPhone};
use tests::{ApiClient, TestServer, items, message, on_both_databases, phones, raw_phone, reply, wait_until};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use wire::{Action, ItemStatus, Reason};

const JOBS: &str = "/api/v1/jobs";
const SERVER: &str = "telephony.sip-settings.server-address";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const LINE_ADDRESS: &str = "records.lines.address";
const SECRET: &str = "n0b0dy-kn0ws";

async fn fleet(
    server: &TestServer,
    count: u32,
    change: impl FnOnce(&mut SimulateConfig),
) -> Vec<Arc<SimulatedPhone>> {
    let fleet = phones(server.phone_port(), count, |config| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec!["CP600".parse().expect("a model")];
        config.contact_gap = Some(Duration::ZERO);
        change(config);
    })
    .await;
    for phone in &fleet {
        starts_up(phone).await;
    }
    fleet
}

/// A SIP phone that has started up once, the API, and the id of its client.
async fn one_phone(server: &mut TestServer) -> (Arc<SimulatedPhone>, ApiClient, Value) {
    let phone = fleet(server, 1, |_| {}).await.remove(0);
    let api = server.api(&[Role::Operator]).await;
    let id = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
    (phone, api, id)
}

async fn starts_up(phone: &SimulatedPhone) {
    phone.session(&Opening::StartUp).await.expect("a session");
}

async fn comes(phone: &SimulatedPhone) {
    phone.session(&Opening::Solicited).await.expect("a session");
}

/// A session that breaks off.
async fn vanishes(phone: &SimulatedPhone, opening: Opening) {
    let end = phone.session(&opening).await.expect("a session").end;
    assert_eq!(end, simulator::SessionEnd::Vanished);
}

async fn plan(api: &ApiClient, ids: &[&Value], changes: Value) -> Value {
    let body = json!({"kind": "write-configuration", "targets": {"ids": ids}, "changes": changes});
    api.post("/api/v1/plans", &body).await.expect(201)
}

async fn apply(api: &ApiClient, plan: &Value, how: Value) -> Value {
    api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &how).await.expect(201)["job_id"].clone()
}

async fn set(api: &ApiClient, id: &Value, parameter: &str, value: &str) -> Value {
    let plan = plan(api, &[id], json!([{"parameter": parameter, "value": value}])).await;
    apply(api, &plan, json!({})).await
}

/// Sets the password of a client that is approved with it.
async fn set_password(api: &ApiClient, id: &Value) -> Value {
    let plan = plan(api, &[id], json!([{"parameter": PASSWORD, "value": SECRET}])).await;
    apply(api, &plan, json!({"approve": true})).await
}

async fn act(api: &ApiClient, action: &str, id: &Value) -> Value {
    let body = json!({"action": action, "targets": {"ids": [id]}});
    api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone()
}

async fn then(api: &ApiClient, job: &Value, what: &str) -> Value {
    api.post(&format!("{JOBS}/{job}/{what}"), &json!({})).await.expect(200)
}

async fn job_becomes(api: &ApiClient, job: &Value, state: &str) {
    let path = format!("{JOBS}/{job}");
    wait_until(async || api.get(&path).await.expect(200)["state"] == state).await;
}

async fn target(api: &ApiClient, job: &Value) -> Value {
    api.get(&format!("{JOBS}/{job}/targets")).await.expect(200)["items"][0].clone()
}

/// State and reason of the only target.
async fn stands(api: &ApiClient, job: &Value) -> (String, String) {
    let target = target(api, job).await;
    let word = |name: &str| target[name].as_str().unwrap_or_default().to_owned();
    (word("state"), word("reason"))
}

async fn converging(api: &ApiClient) -> Value {
    api.get(&format!("{JOBS}?kind=converge")).await.expect(200)
}

async fn open_window(server: &mut TestServer) {
    let until = server.clock.now() + SignedDuration::from_hours(48);
    server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
}

fn words(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

on_both_databases! {
    one_session_does_all_work_in_its_order => |server| {
        let (phone, api, id) = one_phone(server).await;
        let before = phone.orders().await.reads.received;
        let restart = act(&api, "restart", &id).await;
        let read = act(&api, "refresh", &id).await;
        let write = set(&api, &id, SERVER, "sip9.example.net").await;
        comes(&phone).await;
        // The restart came last, or the other two would not be done.
        job_becomes(&api, &write, "success").await;
        job_becomes(&api, &read, "success").await;
        assert_eq!(stands(&api, &restart).await.0, "sent");
        let orders = phone.orders().await;
        assert_eq!((orders.writes.obeyed, orders.reads.obeyed - before, orders.restarts.obeyed), (1, 1, 1));
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        job_becomes(&api, &restart, "success").await;
    }

    a_phone_that_gives_up_twice_is_left_alone_until_somebody_retries => |server| {
        let (phone, api, id) = one_phone(server).await;
        phone.with_machine(|machine, _| machine.set_mishap(Mishap::GiveUp, 2)).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        comes(&phone).await;
        assert_eq!(stands(&api, &job).await, words("waiting", "phone-gave-up"));
        comes(&phone).await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(stands(&api, &job).await, words("failed", "phone-gave-up"));
        comes(&phone).await;
        assert_eq!(phone.orders().await.writes.received, 2, "left alone");
        assert_eq!(then(&api, &job, "retry").await["targets"]["waiting"], 1);
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
    }

    without_an_answer_a_write_fails_the_third_time_and_the_value_is_not_given_up => |server| {
        let (phone, api, id) = one_phone(server).await;
        phone.with_machine(|machine, _| machine.set_mishap(Mishap::VanishUnwritten, 3)).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        vanishes(&phone, Opening::Solicited).await;
        for _ in 0..2 {
            vanishes(&phone, Opening::StartUp).await;
        }
        assert_eq!(target(&api, &job).await["attempts"], 3);
        starts_up(&phone).await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(stands(&api, &job).await, words("failed", "no-answer"));
        // It is still desired: what is written now has a job of its own (D-22).
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        assert_eq!(converging(&api).await["total"], 1);
    }

    a_cancelled_job_is_not_sent_and_what_was_sent_ends_by_its_answer => |server| {
        let (phone, api, id) = one_phone(server).await;
        let waiting = set(&api, &id, SERVER, "a.example.net").await;
        then(&api, &waiting, "cancel").await;
        comes(&phone).await;
        assert_eq!(phone.orders().await.writes.received, 0);
        assert_eq!(stands(&api, &waiting).await, words("cancelled", "cancelled"));

        let sent = set(&api, &id, SERVER, "b.example.net").await;
        phone.with_machine(|machine, _| machine.set_mishap(Mishap::VanishUnwritten, 1)).await;
        vanishes(&phone, Opening::Solicited).await;
        then(&api, &sent, "cancel").await;
        assert_eq!(stands(&api, &sent).await.0, "sent");
        comes(&phone).await;
        job_becomes(&api, &sent, "cancelled").await;
        assert_eq!(phone.orders().await.writes.received, 1, "not again");
    }

    a_retry_undoes_nothing_that_was_set_later => |server| {
        let (phone, api, id) = one_phone(server).await;
        let first = set(&api, &id, SERVER, "a.example.net").await;
        then(&api, &first, "cancel").await;
        let second = set(&api, &id, SERVER, "b.example.net").await;
        comes(&phone).await;
        job_becomes(&api, &second, "success").await;
        then(&api, &first, "retry").await;
        comes(&phone).await;
        job_becomes(&api, &first, "success").await;
        assert_eq!(stands(&api, &first).await, words("skipped", "superseded"));
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("b.example.net"));
        assert_eq!(phone.orders().await.writes.received, 1);
    }

    a_write_waits_for_its_time => |server| {
        let (phone, api, id) = one_phone(server).await;
        let planned_at = server.clock.now() + SignedDuration::from_hours(2);
        let plan = plan(&api, &[&id], json!([{"parameter": SERVER, "value": "sip9.example.net"}])).await;
        let job = apply(&api, &plan, json!({"planned_at": planned_at.to_string()})).await;
        comes(&phone).await;
        // A start-up makes the engine compare and write; but not what is planned for later.
        starts_up(&phone).await;
        assert_eq!((stands(&api, &job).await.0.as_str(), phone.orders().await.writes.received), ("scheduled", 0));
        assert_eq!(converging(&api).await["total"], 0);
        server.clock.advance(SignedDuration::from_hours(2));
        wait_until(async || stands(&api, &job).await.0 == "waiting").await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
    }

    a_record_goes_out_as_it_is_now_not_as_it_was_when_it_was_planned => |server| {
        let (phone, api, id) = one_phone(server).await;
        let label = "line-short-desc-unicode";
        let changes_label = async |text: &str| {
            let changed = phone.with_machine(|machine, _| machine.phone_mut().change_locally(label, Some(1), text));
            changed.await.expect("a change at the phone");
        };
        changes_label("Door").await;
        phone.session(&Opening::LocalChanges).await.expect("a session");
        let changes = json!([{"parameter": LINE_ADDRESS, "index": 1, "value": "4711"}]);
        let planned = plan(&api, &[&id], changes).await;
        let job = apply(&api, &planned, json!({})).await;
        // Somebody at the phone is faster than the job.
        changes_label("Gate").await;
        phone.session(&Opening::LocalChanges).await.expect("a session");
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("line-sip-uri", Some(1)).await.as_deref(), Some("4711"));
        assert_eq!(phone.value(label, Some(1)).await.as_deref(), Some("Gate"));
        assert!(phone.orders().await.item(label, Some(1)).taken > 0, "the record goes out whole");
        let target = target(&api, &job).await;
        let detail = api.get(&format!("{JOBS}/{job}/targets/{}", target["id"])).await.expect(200);
        let shown = detail["rows"].as_array().expect("rows");
        let shown = shown.iter().find(|row| row["item"] == label).expect("the job shows what was sent");
        assert_eq!(shown["to"], "Gate");
    }

    a_busy_phone_gets_its_secret_when_it_has_time => |server| {
        let (phone, api, id) = one_phone(server).await;
        open_window(server).await;
        phone.with_machine(|machine, _| machine.set_busy(1)).await;
        let job = set_password(&api, &id).await;
        comes(&phone).await;
        assert_eq!(stands(&api, &job).await, words("waiting", "busy"));
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("sip-pwd", None).await.as_deref(), Some(SECRET));
    }

    a_secret_waits_for_the_call_and_nothing_overtakes_it => |server| {
        // A network of its own, or another test's phone would answer.
        let network = if server.config().database_url.is_some() { "127.71.1.0/24" } else { "127.71.2.0/24" };
        let phone = fleet(server, 1, |config| {
            config.source = Some(network.parse().expect("a block"));
            config.contact_me_port = 8085;
        })
        .await
        .remove(0);
        let api = server.api(&[Role::Operator]).await;
        let id = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
        let secret = set_password(&api, &id).await;
        let later = set(&api, &id, SERVER, "sip9.example.net").await;
        wait_until(async || stands(&api, &secret).await == words("waiting", "offline")).await;
        // It comes by itself, which anybody could do.
        starts_up(&phone).await;
        comes(&phone).await;
        assert_eq!(phone.orders().await.writes.received, 0);
        assert_eq!(stands(&api, &later).await.0, "waiting");
        let sink: Arc<dyn SessionSink> = Arc::new(());
        let _attendance = Attendance::start(Arc::clone(&phone), 8085, Arc::new(Semaphore::new(4)), sink)
            .await
            .expect("a listener");
        server.clock.advance(SignedDuration::from_secs(331));
        job_becomes(&api, &secret, "success").await;
        job_becomes(&api, &later, "success").await;
        assert_eq!(phone.value("sip-pwd", None).await.as_deref(), Some(SECRET));
    }

    after_a_reset_everything_that_is_desired_comes_back => |server| {
        let (phone, api, id) = one_phone(server).await;
        open_window(server).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        let secret = set_password(&api, &id).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        job_becomes(&api, &secret, "success").await;
        let reset = act(&api, "reset", &id).await;
        comes(&phone).await;
        assert_ne!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        job_becomes(&api, &reset, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        assert_eq!(phone.value("sip-pwd", None).await.as_deref(), Some(SECRET), "handed out again after our reset");
        assert_eq!(converging(&api).await["total"], 1);
    }

    a_secret_that_the_phone_has_is_sent_again_when_somebody_asks_for_it => |server| {
        let (phone, api, id) = one_phone(server).await;
        open_window(server).await;
        let job = set_password(&api, &id).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        let changes = json!([{"parameter": PASSWORD, "value": SECRET}]);
        let same = plan(&api, &[&id], changes.clone()).await;
        assert_eq!(same["summary"]["excluded"], json!({"nothing-to-do": 1}));
        // Somebody changed it at the phone, which tells nobody its passwords.
        let body = json!({
            "kind": "write-configuration", "targets": {"ids": [id]}, "changes": changes, "send_secrets_again": true,
        });
        let again = api.post("/api/v1/plans", &body).await.expect(201);
        assert_eq!((&again["send_secrets_again"], &again["summary"]["writes"]), (&json!(true), &json!(1)));
        let job = apply(&api, &again, json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.orders().await.writes.received, 2);
        assert_eq!(target(&api, &job).await["results"], json!([]), "nothing to complain of");
    }

    phones_that_come_together_do_not_wait_for_each_other_in_the_database => |server| {
        let fleet = phones(server.phone_port(), 200, |config| config.family = Some(simulator::Family::Sip)).await;
        let api = server.api(&[Role::Admin]).await;
        let mut ids = Vec::new();
        for phone in &fleet {
            let body = json!({"device_id": phone.mac().to_string(), "model": "CP600"});
            ids.push(api.post("/api/v1/clients", &body).await.expect(201)["id"].clone());
        }
        // The same few diffs are stored for many phones at once, in any order.
        for (place, half) in ids.chunks(100).enumerate() {
            let ids: Vec<&Value> = half.iter().collect();
            let value = format!("sip{place}.example.net");
            let plan = plan(&api, &ids, json!([{"parameter": SERVER, "value": value}])).await;
            apply(&api, &plan, json!({})).await;
        }
        // Some start while others answer, as many at a time as it takes for several in one transaction.
        let sessions = fleet.iter().map(async |phone| phone.session(&Opening::StartUp).await);
        for session in stream::iter(sessions).buffer_unordered(32).collect::<Vec<_>>().await {
            session.expect("a session");
        }
        for phone in &fleet {
            assert!(phone.value("reg-addr", None).await.is_some_and(|value| value.ends_with(".example.net")));
        }
        assert_eq!(server.deadlocks().await, 0);
    }

    what_dhcp_locked_is_tried_again_when_the_phone_starts_up => |server| {
        let (phone, api, id) = one_phone(server).await;
        let locked = Refusal::of("reg-addr", ItemStatus::ReadOnly);
        phone.with_machine(|machine, _| machine.phone_mut().refuse(vec![locked])).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        comes(&phone).await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(target(&api, &job).await["results"][0]["code"], "read-only");
        comes(&phone).await;
        assert_eq!(phone.orders().await.writes.received, 1);
        phone.with_machine(|machine, _| machine.phone_mut().refuse(Vec::new())).await;
        starts_up(&phone).await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
    }

    what_one_phone_does_not_know_is_not_asked_of_its_model => |server| {
        let fleet = fleet(server, 12, |_| {}).await;
        let api = server.api(&[Role::Operator]).await;
        let list = api.get("/api/v1/clients?sort=device_id").await.expect(200);
        let firmware = |place: usize| &list["items"][place]["software_version"];
        let twin = (1..12).find(|place| firmware(*place) == firmware(0)).expect("two with one firmware");
        let fleet = [&fleet[0], &fleet[twin]];
        let ids = [0, twin].map(|place| list["items"][place]["id"].clone());
        let unknown = Refusal::of("reg-addr", ItemStatus::UnknownItem);
        for phone in fleet {
            phone.with_machine(|machine, _| machine.phone_mut().refuse(vec![unknown.clone()])).await;
        }
        let job = set(&api, &ids[0], SERVER, "sip9.example.net").await;
        comes(fleet[0]).await;
        comes(fleet[1]).await;
        job_becomes(&api, &job, "failed").await;
        let planned = plan(&api, &[&ids[1]], json!([{"parameter": SERVER, "value": "sip9.example.net"}])).await;
        assert_eq!(planned["summary"]["writes"], 0, "{planned}");
        assert_eq!(fleet[0].orders().await.writes.received + fleet[1].orders().await.writes.received, 1);
    }

    what_fails_on_its_own_is_left_alone_for_an_hour => |server| {
        let (phone, api, id) = one_phone(server).await;
        phone.with_machine(|machine, _| machine.set_failing(100)).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        comes(&phone).await;
        job_becomes(&api, &job, "failed").await;
        starts_up(&phone).await;
        starts_up(&phone).await;
        assert_eq!(phone.orders().await.writes.received, 2, "the job, and once on its own");
        server.clock.advance(SignedDuration::from_mins(61));
        starts_up(&phone).await;
        assert_eq!(phone.orders().await.writes.received, 3);
        phone.with_machine(|machine, _| machine.set_failing(0)).await;
        server.clock.advance(SignedDuration::from_mins(61));
        starts_up(&phone).await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
    }

    a_deleted_client_leaves_no_work_behind => |server| {
        let (_phone, api, id) = one_phone(server).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        api.clone().if_match("*").delete(&format!("/api/v1/clients/{id}")).await.expect(204);
        job_becomes(&api, &job, "cancelled").await;
        assert_eq!(stands(&api, &job).await, words("cancelled", "client-deleted"));
        api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await;
        assert_eq!(stands(&api, &job).await.0, "cancelled", "nobody is left to come");
    }

    work_is_not_forgotten_when_a_session_ends_before_it => |server| {
        let last = if server.config().database_url.is_some() { 1 } else { 2 };
        let address = [127, 72, 0, last];
        let listener = TcpListener::bind((Ipv4Addr::from(address), 8085)).await.expect("a free port");
        let (sender, mut calls) = mpsc::unbounded_channel();
        let listening = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                sender.send(()).expect("a test that listens");
            }
        });
        let mac = "00:1A:E8:72:00:01";
        let uri = format!("http://127.72.0.{last}:8085/contact_dls.html/ContactDLS");
        let basic = |changed: &str| {
            items(&[
                ("device-type", "OpenStage 40"),
                ("software-type", "Siemens SIP"),
                ("software-version", "V3 R5.16.0"),
                ("mac-addr", mac),
                ("e164", "4201"),
                ("contact-me-uri", &uri),
                ("configuration-changed-flag", changed),
            ])
        };
        let mut phone = raw_phone(server.phone_port(), address);
        let first = phone.send(&message("N1", Reason::StartUp, basic("false"))).await;
        assert_eq!(first.action, Action::ReadAllItems);
        phone.send(&reply("N2", Action::ReadAllItems, basic("false"))).await;
        let api = server.api(&[Role::Operator]).await;
        let id = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        calls.recv().await.expect("a call");
        wait_until(async || stands(&api, &job).await == words("waiting", "offline")).await;
        // It comes, has to be read first, and is never heard of again.
        let open = phone.send(&message("N3", Reason::Solicited, basic("true"))).await;
        assert_eq!(open.action, Action::ReadAllItems);
        server.clock.advance(SignedDuration::from_secs(331));
        tokio::time::timeout(Duration::from_secs(30), calls.recv()).await.expect("a call again");
        listening.abort();
    }

    who_clicks_three_times_gets_one_restart => |server| {
        let (phone, api, id) = one_phone(server).await;
        let mut jobs = Vec::new();
        for _ in 0..3 {
            jobs.push(act(&api, "restart", &id).await);
        }
        comes(&phone).await;
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        assert_eq!(stands(&api, &jobs[0]).await.0, "success");
        for job in &jobs[1..] {
            assert_eq!(stands(&api, job).await, words("skipped", "already-so"));
        }
        assert_eq!(phone.orders().await.restarts.received, 1);
    }

    a_phone_restarts_three_times_an_hour_at_most => |server| {
        let (phone, api, id) = one_phone(server).await;
        for _ in 0..3 {
            let job = act(&api, "restart", &id).await;
            comes(&phone).await;
            server.clock.advance(SignedDuration::from_secs(30));
            starts_up(&phone).await;
            assert_eq!(stands(&api, &job).await.0, "success");
        }
        let job = act(&api, "restart", &id).await;
        comes(&phone).await;
        assert_eq!(stands(&api, &job).await, words("failed", "too-many-restarts"));
        server.clock.advance(SignedDuration::from_mins(60));
        let job = act(&api, "restart", &id).await;
        comes(&phone).await;
        assert_eq!(stands(&api, &job).await.0, "sent");
    }

    a_retry_tries_what_the_phone_refused => |server| {
        let (phone, api, id) = one_phone(server).await;
        let refused = Refusal::of("reg-addr", ItemStatus::InvalidData);
        phone.with_machine(|machine, _| machine.phone_mut().refuse(vec![refused])).await;
        let job = set(&api, &id, SERVER, "sip9.example.net").await;
        comes(&phone).await;
        job_becomes(&api, &job, "failed").await;
        phone.with_machine(|machine, _| machine.phone_mut().refuse(Vec::new())).await;
        then(&api, &job, "retry").await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
    }

    a_retry_has_the_limits_of_the_action => |server| {
        let _fleet = fleet(server, 2, |_| {}).await;
        server.change_setting("server-settings.jobs.most-dangerous-targets", 1).await;
        let (api, admin) = (server.api(&[Role::Operator]).await, server.api(&[Role::Admin]).await);
        let body = json!({"action": "restart", "targets": {"filter": {}}});
        let job = admin.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone();
        then(&admin, &job, "cancel").await;
        job_becomes(&api, &job, "cancelled").await;
        api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await.expect_problem(403, "too_many_targets");
        then(&admin, &job, "retry").await;
    }

    what_waits_for_its_time_ends_with_its_client => |server| {
        let (_phone, api, id) = one_phone(server).await;
        let planned_at = (server.clock.now() + SignedDuration::from_hours(2)).to_string();
        let body = json!({"action": "restart", "targets": {"ids": [id]}, "planned_at": planned_at});
        let job = api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone();
        api.clone().if_match("*").delete(&format!("/api/v1/clients/{id}")).await.expect(204);
        job_becomes(&api, &job, "cancelled").await;
    }

    a_phone_in_quarantine_is_read_when_somebody_asks => |server| {
        let basic = |model: &str| {
            let mac = "00:1A:E8:73:00:01";
            items(&[("device-type", model), ("software-type", "Siemens SIP"), ("mac-addr", mac)])
        };
        let mut phone = raw_phone(server.phone_port(), [127, 73, 0, 1]);
        phone.send(&message("Q1", Reason::StartUp, basic("OpenStage 40"))).await;
        phone.send(&reply("Q2", Action::ReadAllItems, basic("OpenStage 40"))).await;
        let mut elsewhere = raw_phone(server.phone_port(), [127, 73, 9, 1]);
        elsewhere.send(&message("Q3", Reason::StartUp, basic("OpenStage 40"))).await;
        let api = server.api(&[Role::Operator]).await;
        let client = api.get("/api/v1/clients").await.expect(200)["items"][0].clone();
        assert_eq!(client["state"], "quarantined");
        let read = act(&api, "refresh", &client["id"]).await;
        let restart = act(&api, "restart", &client["id"]).await;
        let mut elsewhere = raw_phone(server.phone_port(), [127, 73, 9, 1]);
        let order = elsewhere.send(&message("Q4", Reason::Solicited, basic("OpenStage 40"))).await;
        assert_eq!(order.action, Action::ReadAllItems);
        let order = elsewhere.send(&reply("Q5", Action::ReadAllItems, basic("OpenStage 40"))).await;
        assert_eq!(order.action, Action::CleanUp);
        job_becomes(&api, &read, "success").await;
        assert_eq!(stands(&api, &restart).await.0, "waiting");
    }
}
