//! What an administrator sets reaches the phone: plan, job, session, WriteItems, reported value; and what is
//! done when the phone refuses, is busy, vanishes, or differs by itself (D-16, D-22 … D-27).

use std::sync::Arc;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Mishap, Opening, Refusal, SimulatedPhone};
use tests::{ApiClient, TestServer, on_both_databases, phones, wait_until};
use wire::ItemStatus;

const SERVER: &str = "telephony.sip-settings.server-address";
const PORT: &str = "telephony.sip-settings.server-port";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const AUTO_ANSWER: &str = "mobile-user.cti-settings.auto-answer-calls-enabled";

/// A SIP phone that has started up once.
async fn one_phone(server: &TestServer) -> Arc<SimulatedPhone> {
    let phone = fleet(server, 1).await.remove(0);
    phone.session(&Opening::StartUp).await.expect("a session");
    phone
}

async fn fleet(server: &TestServer, count: u32) -> Vec<Arc<SimulatedPhone>> {
    phones(server.phone_port(), count, |config| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec!["CP600".parse().expect("a model")];
        config.contact_gap = Some(std::time::Duration::ZERO);
    })
    .await
}

async fn clients(api: &ApiClient) -> Vec<Value> {
    let list = api.get("/api/v1/clients?size=500").await.expect(200);
    list["items"].as_array().expect("a list").iter().map(|client| client["id"].clone()).collect()
}

async fn plan(api: &ApiClient, ids: &[Value], changes: Value) -> Value {
    let body = json!({"kind": "write-configuration", "targets": {"ids": ids}, "changes": changes});
    api.post("/api/v1/plans", &body).await.expect(201)
}

async fn apply(api: &ApiClient, plan: &Value, how: Value) -> Value {
    api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &how).await.expect(201)
}

/// Plans and applies a change of one parameter; gives the job.
async fn set(api: &ApiClient, ids: &[Value], parameter: &str, value: Value) -> Value {
    let plan = plan(api, ids, json!([{"parameter": parameter, "value": value}])).await;
    apply(api, &plan, json!({})).await["job_id"].clone()
}

async fn job_becomes(api: &ApiClient, job: &Value, state: &str) {
    let path = format!("/api/v1/jobs/{job}");
    wait_until(async || api.get(&path).await.expect(200)["state"] == state).await;
}

async fn target(api: &ApiClient, job: &Value) -> Value {
    api.get(&format!("/api/v1/jobs/{job}/targets")).await.expect(200)["items"][0].clone()
}

async fn parameter(api: &ApiClient, client: &Value, id: &str) -> Value {
    let path = format!("/api/v1/clients/{client}/configuration?size=500&search={id}");
    let page = api.get(&path).await.expect(200);
    let rows = page["items"].as_array().or(page["parameters"].as_array()).expect("parameters").clone();
    rows.into_iter().find(|row| row["parameter"] == id).unwrap_or_else(|| panic!("no {id}"))
}

async fn comes(phone: &SimulatedPhone) {
    phone.session(&Opening::Solicited).await.expect("a session");
}

on_both_databases! {
    a_value_that_is_set_reaches_the_phone_and_comes_back_as_reported => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let planned = plan(&api, &ids, json!([{"parameter": SERVER, "value": "sip9.example.net"}])).await;
        assert_eq!((&planned["summary"]["writes"], &planned["summary"]["items"]), (&json!(1), &json!(1)));
        let rows = api.get(&format!("/api/v1/plans/{}/targets", planned["id"])).await.expect(200);
        let row = &rows["items"][0]["rows"][0];
        assert_eq!((&row["item"], &row["to"]), (&json!("reg-addr"), &json!("sip9.example.net")));
        assert_eq!(phone.orders().await.writes.received, 0, "a plan changes nothing");
        let applied = apply(&api, &planned, json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &applied["job_id"], "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        let stands = parameter(&api, &ids[0], SERVER).await;
        assert_eq!((&stands["state"], &stands["desired"]), (&json!("in-step"), &json!("sip9.example.net")));
        let revisions = api.get(&format!("/api/v1/clients/{}/revisions", ids[0])).await.expect(200);
        assert_eq!(revisions["items"][0]["changes"][0]["after"], "sip9.example.net");
        comes(&phone).await;
        phone.session(&Opening::StartUp).await.expect("a session");
        assert_eq!(phone.orders().await.item("reg-addr", None).taken, 1, "nothing twice");
        let auditor = server.api(&[Role::Auditor]).await;
        assert_eq!(auditor.get("/api/v1/audit?action=client.written").await.expect(200)["total"], 1);
    }

    what_the_phone_refuses_is_said_learnt_and_not_tried_again => |server| {
        let phone = one_phone(server).await;
        let refusal = Refusal::of("reg-addr", ItemStatus::InvalidData);
        phone.with_machine(|machine, _| machine.phone_mut().refuse(vec![refusal])).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let changes = json!([{"parameter": SERVER, "value": "sip9.example.net"}, {"parameter": PORT, "value": 5071}]);
        let planned = plan(&api, &ids, changes).await;
        let job = apply(&api, &planned, json!({})).await["job_id"].clone();
        comes(&phone).await;
        job_becomes(&api, &job, "partial-successful").await;
        let target = target(&api, &job).await;
        assert_eq!((&target["state"], &target["reason"]), (&json!("partial"), &json!("refused-by-phone")));
        assert_eq!((&target["results"][0]["item"], &target["results"][0]["code"]), (&json!("reg-addr"), &json!("invalid-data")));
        assert_eq!(phone.value("reg-port", None).await.as_deref(), Some("5071"));
        phone.session(&Opening::StartUp).await.expect("a session");
        assert_eq!(phone.orders().await.item("reg-addr", None).received, 1, "not again on its own");
        let stands = parameter(&api, &ids[0], SERVER).await;
        assert_eq!(stands["state"], "left-out");
        // Another value is tried.
        phone.with_machine(|machine, _| machine.phone_mut().refuse(Vec::new())).await;
        let job = set(&api, &ids, SERVER, json!("sip10.example.net")).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
    }

    a_busy_phone_is_waited_for => |server| {
        let phone = one_phone(server).await;
        phone.with_machine(|machine, _| machine.set_busy(1)).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let job = set(&api, &ids, SERVER, json!("sip9.example.net")).await;
        comes(&phone).await;
        let waiting = target(&api, &job).await;
        if waiting["state"] != "success" {
            assert_eq!((&waiting["state"], &waiting["reason"], &waiting["attempts"]), (&json!("waiting"), &json!("busy"), &json!(0)));
            comes(&phone).await;
        }
        job_becomes(&api, &job, "success").await;
    }

    a_phone_that_vanishes_loses_nothing => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        for (mishap, value) in [(Mishap::VanishWritten, "a.example.net"), (Mishap::VanishUnwritten, "b.example.net")] {
            phone.with_machine(|machine, _| machine.set_mishap(mishap, 1)).await;
            let job = set(&api, &ids, SERVER, json!(value)).await;
            let _ = phone.session(&Opening::Solicited).await;
            assert_eq!(target(&api, &job).await["state"], "sent");
            phone.session(&Opening::StartUp).await.expect("a session");
            job_becomes(&api, &job, "success").await;
            assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(value));
        }
    }

    a_server_that_stops_between_sent_and_the_answer_loses_nothing => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let job = set(&api, &ids, SERVER, json!("sip9.example.net")).await;
        phone.with_machine(|machine, _| machine.set_mishap(Mishap::VanishUnwritten, 1)).await;
        let _ = phone.session(&Opening::Solicited).await;
        assert_eq!(target(&api, &job).await["state"], "sent");
        server.restart().await;
        let api = server.api(&[Role::Operator]).await;
        if server.config().database_url.is_some() {
            // Another node could be at work: what it sent is left until its session must be over.
            server.clock.advance(SignedDuration::from_secs(120));
        }
        let path = format!("/api/v1/jobs/{job}/targets");
        wait_until(async || api.get(&path).await.expect(200)["items"][0]["state"] != "sent").await;
        let phone = fleet(server, 1).await.remove(0);
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
    }

    a_later_value_takes_the_place_of_one_that_still_waits => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let first = set(&api, &ids, SERVER, json!("a.example.net")).await;
        let second = set(&api, &ids, SERVER, json!("b.example.net")).await;
        comes(&phone).await;
        job_becomes(&api, &second, "success").await;
        assert_eq!((&target(&api, &first).await["state"], &target(&api, &first).await["reason"]), (&json!("skipped"), &json!("superseded")));
        assert_eq!(phone.orders().await.item("reg-addr", None).received, 1);
    }

    a_prepared_client_gets_its_values_in_its_first_session => |server| {
        let api = server.api(&[Role::Operator]).await;
        let phone = fleet(server, 1).await.remove(0);
        let body = json!({"device_id": phone.mac().to_string(), "model": "CP600"});
        let client = api.post("/api/v1/clients", &body).await.expect(201)["id"].clone();
        let planned = plan(&api, std::slice::from_ref(&client), json!([{"parameter": SERVER, "value": "sip9.example.net"}])).await;
        assert_eq!(planned["summary"]["excluded"]["not-yet-seen"], 1);
        assert_eq!(apply(&api, &planned, json!({})).await["job_id"], Value::Null);
        phone.session(&Opening::StartUp).await.expect("a session");
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        let jobs = api.get("/api/v1/jobs?kind=converge").await.expect(200);
        assert_eq!((&jobs["total"], &jobs["items"][0]["cause"]), (&json!(1), &json!("start-up")));
        assert_eq!(clients(&api).await, [client]);
    }

    what_is_changed_at_the_phone_is_shown_and_undone_only_when_asked => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let job = set(&api, &ids, AUTO_ANSWER, json!(true)).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        phone
            .with_machine(|machine, _| machine.phone_mut().change_locally("auto-answer", None, "false"))
            .await
            .expect("a change at the phone");
        phone.session(&Opening::LocalChanges).await.expect("a session");
        assert_eq!(parameter(&api, &ids[0], AUTO_ANSWER).await["state"], "drift");
        phone.session(&Opening::StartUp).await.expect("a session");
        assert_eq!(phone.value("auto-answer", None).await.as_deref(), Some("false"), "not undone");
        let body = json!({"kind": "converge", "targets": {"ids": ids}});
        let planned = api.post("/api/v1/plans", &body).await.expect(201);
        let job = apply(&api, &planned, json!({})).await["job_id"].clone();
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("auto-answer", None).await.as_deref(), Some("true"));
        assert_eq!(parameter(&api, &ids[0], AUTO_ANSWER).await["state"], "in-step");
    }

    secrets_go_to_approved_phones_that_are_expected_and_to_nobody_else => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Admin]).await;
        let ids = clients(&api).await;
        let secret = "k4nar1envogel";
        let planned = plan(&api, &ids, json!([{"parameter": PASSWORD, "value": secret}])).await;
        assert_eq!(planned["summary"]["withheld"]["not-approved"], 1);
        assert!(!planned.to_string().contains(secret));
        let job = apply(&api, &planned, json!({})).await["job_id"].clone();
        comes(&phone).await;
        job_becomes(&api, &job, "failed").await;
        assert_eq!(target(&api, &job).await["results"][0]["code"], "withheld");
        assert_eq!(phone.orders().await.item("sip-pwd", None).received, 0);
        let until = server.clock.now() + SignedDuration::from_hours(1);
        server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
        let planned = plan(&api, &ids, json!([{"parameter": PASSWORD, "value": secret}])).await;
        let job = apply(&api, &planned, json!({"approve": true})).await["job_id"].clone();
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(phone.value("sip-pwd", None).await.as_deref(), Some(secret));
        assert_eq!(api.get("/api/v1/audit?action=client.secret-handed-out").await.expect(200)["total"], 1);
        // Acknowledged: there is nothing to write any more, and nobody has to know the secret to see that.
        let again = plan(&api, &ids, json!([{"parameter": PASSWORD, "value": secret}])).await;
        assert_eq!(again["summary"]["writes"], 0);
        let stored = server.raw_data().await;
        assert!(!stored.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret in clear");
    }

    a_quarantined_client_is_read_and_not_written => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let job = set(&api, &ids, SERVER, json!("sip9.example.net")).await;
        // The same device from another network.
        let moved = phones(server.phone_port(), 1, |config| {
            config.family = Some(simulator::Family::Sip);
            config.models = vec!["CP600".parse().expect("a model")];
            config.source = Some("127.77.0.0/16".parse().expect("a block"));
        });
        let phone = moved.await.remove(0);
        comes(&phone).await;
        assert_eq!(api.get(&format!("/api/v1/clients/{}", ids[0])).await.expect(200)["state"], "quarantined");
        assert_eq!(target(&api, &job).await["state"], "waiting");
        assert_eq!(phone.orders().await.writes.received, 0);
        let etag = api.get(&format!("/api/v1/clients/{}", ids[0])).await.header("etag").to_owned();
        api.clone().if_match(&etag).post(&format!("/api/v1/clients/{}/release", ids[0]), &json!({})).await.expect(200);
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
    }

    a_plan_that_is_no_longer_true_is_not_applied => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = clients(&api).await;
        let stale = plan(&api, &ids, json!([{"parameter": SERVER, "value": "a.example.net"}])).await;
        let job = set(&api, &ids, SERVER, json!("b.example.net")).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        let problem = api.post(&format!("/api/v1/plans/{}/apply", stale["id"]), &json!({})).await.expect_problem(409, "plan_stale");
        let fresh = api.get(&format!("/api/v1/plans/{}", problem["args"]["plan"])).await.expect(200);
        let applied = apply(&api, &fresh, json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &applied["job_id"], "success").await;
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("a.example.net"));
    }
}
