//! Plans through the API: drawn up, looked at, applied once, stale, refused (D-13, D-22 … D-24, D-27).

use std::sync::Arc;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Opening, Refusal, SimulatedPhone};
use tests::{ApiClient, TestServer, on_both_databases, phones};
use wire::ItemStatus;

const PLANS: &str = "/api/v1/plans";
const SERVER: &str = "telephony.sip-settings.server-address";
const PORT: &str = "telephony.sip-settings.server-port";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const LABEL: &str = "mobile-user.general.display-id";
const AUTO_ANSWER: &str = "mobile-user.cti-settings.auto-answer-calls-enabled";
const SECRET: &str = "k4nar1envogel";

/// Phones that have started up once.
async fn fleet(server: &TestServer, count: u32) -> Vec<Arc<SimulatedPhone>> {
    let phones = phones(server.phone_port(), count, |config| {
        config.family = Some(simulator::Family::Sip);
        config.contact_gap = Some(std::time::Duration::ZERO);
    });
    let phones = phones.await;
    for phone in &phones {
        phone.session(&Opening::StartUp).await.expect("a session");
    }
    phones
}

async fn ids(api: &ApiClient) -> Vec<Value> {
    let list = api.get("/api/v1/clients?size=500&sort=device_id").await.expect(200);
    list["items"].as_array().expect("a list").iter().map(|client| client["id"].clone()).collect()
}

fn write(ids: &[Value], changes: Value) -> Value {
    let mut body = json!({"kind": "write-configuration", "targets": {"ids": ids}});
    body["changes"] = changes;
    body
}

fn one(parameter: &str, value: impl Into<Value>) -> Value {
    json!([{"parameter": parameter, "value": value.into()}])
}

async fn plan(api: &ApiClient, ids: &[Value], changes: Value) -> Value {
    api.post(PLANS, &write(ids, changes)).await.expect(201)
}

fn apply_path(plan: &Value) -> String {
    format!("{PLANS}/{}/apply", plan["id"])
}

async fn configured(api: &ApiClient, id: &Value) -> Value {
    let path = format!("/api/v1/clients/{id}/configuration?only=desired");
    api.get(&path).await.expect(200)["items"].clone()
}

on_both_databases! {
    a_plan_shows_what_would_be_written_and_changes_nothing => |server| {
        let phones = fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let before = phones[0].value("reg-addr", None).await;
        let answer = api.post(PLANS, &write(&ids, one(SERVER, "sip9.example.net"))).await;
        let location = answer.header("location").to_owned();
        let plan = answer.expect(201);
        assert_eq!(location, format!("{PLANS}/{}", plan["id"]));
        let summary = &plan["summary"];
        assert_eq!((&summary["targets"], &summary["writes"], &summary["items"]), (&json!(2), &json!(2), &json!(2)));
        assert_eq!((&summary["restarts"], &summary["care"]), (&json!(2), &json!(0)));
        let change = json!({"parameter": SERVER, "index": null, "secret": false, "removes": false, "value": "sip9.example.net"});
        assert_eq!(plan["changes"], json!([change]));
        assert_eq!((&plan["stale"], &plan["job_id"], &plan["kind"]), (&json!(false), &Value::Null, &json!("write-configuration")));
        assert_eq!(api.get(&location).await.expect(200), plan);
        let targets = api.get(&format!("{location}/targets")).await.expect(200);
        assert_eq!((&targets["total"], targets["items"].as_array().map(Vec::len)), (&json!(2), Some(2)));
        let target = &targets["items"][0];
        assert_eq!((&target["client_id"], &target["excluded"]), (ids.iter().min_by_key(|id| id.as_i64()).expect("an id"), &Value::Null));
        let row = &target["rows"][0];
        assert_eq!((&row["item"], &row["index"], &row["to"]), (&json!("reg-addr"), &Value::Null, &json!("sip9.example.net")));
        assert_eq!(row["parameters"], json!([{"parameter": SERVER, "index": null}]));
        assert_eq!(row["from"].as_str(), before.as_deref());
        assert_eq!(configured(&api, &ids[0]).await, json!([]));
        let first = api.get(&format!("{location}/targets?size=1")).await.expect(200);
        let next = first["next"].as_str().expect("a cursor");
        let second = api.get(&format!("{location}/targets?size=1&after={next}")).await.expect(200);
        assert_eq!(second["items"][0], targets["items"][1]);
        assert_eq!(api.get(&format!("{location}/targets?excluded=true")).await.expect(200)["total"], 0);
        api.delete(&location).await.expect(204);
        api.delete(&location).await.expect_problem(404, "not_found");
        api.get(&location).await.expect_problem(404, "not_found");
        api.post(&format!("{location}/apply"), &json!({})).await.expect_problem(404, "not_found");
    }

    applying_sets_the_values_writes_the_history_and_makes_the_job_once => |server| {
        fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let planned = plan(&api, &ids, one(SERVER, "sip9.example.net")).await;
        let answer = api.post(&apply_path(&planned), &json!({})).await;
        let location = answer.header("location").to_owned();
        let applied = answer.expect(201);
        assert_eq!((&applied["targets"], &applied["changed"], &applied["approved"]), (&json!(2), &json!(2), &json!(0)));
        assert_eq!(location, format!("/api/v1/jobs/{}", applied["job_id"]));
        let job = api.get(&location).await.expect(200);
        assert_eq!((&job["kind"], &job["cause"], &job["plan"]), (&json!("write-configuration"), &json!("user"), &planned["id"]));
        let problem = api.post(&apply_path(&planned), &json!({})).await.expect_problem(409, "plan_applied");
        assert_eq!(problem["args"]["job"], applied["job_id"]);
        for id in &ids {
            let state = &configured(&api, id).await[0];
            assert_eq!((&state["desired"], &state["state"], &state["origin"]), (&json!("sip9.example.net"), &json!("pending"), &json!("client")));
            let path = format!("/api/v1/clients/{id}/revisions");
            let revisions = api.get(&path).await.expect(200);
            assert_eq!((&revisions["total"], &revisions["items"][0]["number"]), (&json!(1), &json!(1)));
            assert_eq!(revisions["items"][0]["job_id"], applied["job_id"]);
            let revision = api.get(&format!("{path}/1")).await.expect(200);
            let change = json!({
                "parameter": SERVER, "index": null, "secret": false, "was_set": false, "before": null, "is_set": true,
                "after": "sip9.example.net",
            });
            assert_eq!(revision["changes"], json!([change]));
            assert_eq!((&revision["author_kind"], &revision["total_changes"]), (&json!("token"), &json!(1)));
            api.get(&format!("{path}/2")).await.expect_problem(404, "not_found");
        }
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?action=client.configure").await.expect(200);
        assert_eq!(audit["total"], 1);
        let details = &audit["items"][0]["details"];
        assert_eq!((&details["job"], &details["changed"], &details["plan"]), (&applied["job_id"], &json!(2), &planned["id"]));
        // The same value once more: it is desired already, and there is nothing new to say of it.
        let again = plan(&api, &ids, one(SERVER, "sip9.example.net")).await;
        let applied = api.post(&apply_path(&again), &json!({})).await.expect(201);
        assert_eq!(applied["changed"], 0);
        let removed = plan(&api, &ids, one(SERVER, Value::Null)).await;
        assert_eq!(removed["summary"]["excluded"]["nothing-to-do"], 2);
        let answer = api.post(&apply_path(&removed), &json!({})).await;
        assert_eq!(answer.header("location"), format!("{PLANS}/{}", removed["id"]));
        let applied = answer.expect(201);
        assert_eq!((&applied["job_id"], &applied["changed"]), (&Value::Null, &json!(2)));
        assert_eq!(configured(&api, &ids[0]).await, json!([]));
        api.post(&apply_path(&removed), &json!({})).await.expect_problem(409, "plan_applied");
    }

    a_repeated_call_gets_its_first_answer => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let keyed = api.clone().with_header("idempotency-key", "plan-1");
        let first = keyed.post(PLANS, &write(&ids, one(SERVER, "sip9.example.net"))).await.expect(201);
        let second = keyed.post(PLANS, &write(&ids, one(SERVER, "sip9.example.net"))).await;
        assert_eq!(second.header("idempotency-replayed"), "true");
        assert_eq!(second.expect(201), first);
        let other = keyed.post(PLANS, &write(&ids, one(SERVER, "x.example.net"))).await;
        other.expect_problem(422, "idempotency_key_reused");
        let keyed = api.clone().with_header("idempotency-key", "apply-1");
        let applied = keyed.post(&apply_path(&first), &json!({})).await.expect(201);
        assert_eq!(keyed.post(&apply_path(&first), &json!({})).await.expect(201), applied);
        assert_eq!(api.get("/api/v1/jobs").await.expect(200)["total"], 1);
        // Also when its clients are gone in between.
        api.clone().if_match("*").delete(&format!("/api/v1/clients/{}", ids[0])).await.expect(204);
        let keyed = api.clone().with_header("idempotency-key", "plan-1");
        let third = keyed.post(PLANS, &write(&ids, one(SERVER, "sip9.example.net"))).await;
        assert_eq!(third.header("idempotency-replayed"), "true", "{}", third.text);
        assert_eq!(third.expect(201), first);
        api.post(PLANS, &write(&ids, one(SERVER, "sip9.example.net"))).await.expect_problem(409, "no_targets");
    }

    making_and_deleting_a_plan_is_in_the_audit => |server| {
        fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let changes = json!([{"parameter": SERVER, "value": "sip9.example.net"}, {"parameter": PASSWORD, "value": SECRET}]);
        let mine = plan(&api, &ids, changes).await;
        let theirs = plan(&api, &ids, one(PORT, 5071)).await;
        api.post(&apply_path(&theirs), &json!({})).await.expect(201);
        // What is made instead of a stale plan is a new plan.
        let problem = api.post(&apply_path(&mine), &json!({})).await.expect_problem(409, "plan_stale");
        api.delete(&format!("{PLANS}/{}", mine["id"])).await.expect(204);
        api.delete(&format!("{PLANS}/{}", mine["id"])).await.expect_problem(404, "not_found");
        let auditor = server.api(&[Role::Auditor]).await;
        let made = auditor.get("/api/v1/audit?action=plan.create").await.expect(200);
        let made = made["items"].as_array().expect("records").clone();
        let plans: Vec<String> = made.iter().map(|record| record["object_id"].as_str().unwrap_or_default().to_owned()).collect();
        let wanted = [&problem["args"]["plan"], &theirs["id"], &mine["id"]].map(ToString::to_string);
        assert_eq!(plans, wanted, "newest first");
        let details = &made[2]["details"];
        assert_eq!((&details["kind"], &details["targets"], &details["writes"]), (&json!("write-configuration"), &json!(2), &json!(2)));
        assert_eq!(details["clients"].as_array().map(Vec::len), Some(2));
        assert_eq!((&details["number_of_changes"], &details["changes"][1]["value"]), (&json!(2), &Value::Null));
        assert!(!json!(made).to_string().contains(SECRET));
        let deleted = auditor.get("/api/v1/audit?action=plan.delete").await.expect(200);
        assert_eq!((&deleted["total"], &deleted["items"][0]["object_id"]), (&json!(1), &json!(mine["id"].to_string())));
        assert_eq!(deleted["items"][0]["details"]["applied"], false);
    }

    a_plan_is_stale_when_somebody_else_was_faster_or_the_phone_changed => |server| {
        let phones = fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let mine = plan(&api, &ids, one(SERVER, "mine.example.net")).await;
        let theirs = plan(&api, &ids, one(PORT, 5071)).await;
        api.post(&apply_path(&theirs), &json!({})).await.expect(201);
        assert_eq!(api.get(&format!("{PLANS}/{}", mine["id"])).await.expect(200)["stale"], true);
        let problem = api.post(&apply_path(&mine), &json!({})).await.expect_problem(409, "plan_stale");
        let fresh = api.get(&format!("{PLANS}/{}", problem["args"]["plan"])).await.expect(200);
        assert_eq!((&fresh["stale"], &fresh["changes"]), (&json!(false), &mine["changes"]));
        phones[0]
            .with_machine(|machine, _| machine.phone_mut().change_locally("reg-addr", None, "other.example.net"))
            .await
            .expect("a change at the phone");
        phones[0].session(&Opening::LocalChanges).await.expect("a session");
        let problem = api.post(&apply_path(&fresh), &json!({})).await.expect_problem(409, "plan_stale");
        let now = format!("{PLANS}/{}", problem["args"]["plan"]);
        let row = &api.get(&format!("{now}/targets")).await.expect(200)["items"][0]["rows"][0];
        assert_eq!((&row["from"], &row["to"]), (&json!("other.example.net"), &json!("mine.example.net")));
        api.post(&format!("{now}/apply"), &json!({})).await.expect(201);
    }

    of_two_plans_applied_at_the_same_moment_one_is_stale => |server| {
        fleet(server, 3).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let first = plan(&api, &ids, one(SERVER, "a.example.net")).await;
        let second = plan(&api, &ids, one(SERVER, "b.example.net")).await;
        let (paths, body) = ([apply_path(&first), apply_path(&second)], json!({}));
        let (first, second) = tokio::join!(api.post(&paths[0], &body), api.post(&paths[1], &body));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", first.text, second.text);
        for id in &ids {
            assert_eq!(api.get(&format!("/api/v1/clients/{id}")).await.expect(200)["configuration_revision"], 1);
        }
        assert_eq!(api.get("/api/v1/jobs").await.expect(200)["total"], 1);
    }

    a_plan_is_over_after_an_hour => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let planned = plan(&api, &ids, one(SERVER, "sip9.example.net")).await;
        server.clock.advance(SignedDuration::from_mins(59));
        api.get(&format!("{PLANS}/{}", planned["id"])).await.expect(200);
        server.clock.advance(SignedDuration::from_mins(1));
        api.post(&apply_path(&planned), &json!({})).await.expect_problem(404, "not_found");
        let applied = plan(&api, &ids, one(SERVER, "sip9.example.net")).await;
        let job = api.post(&apply_path(&applied), &json!({})).await.expect(201)["job_id"].clone();
        assert_eq!(workpoint::app::plans::purge(server.app()).await.expect("it is purged"), 1);
        api.get(&format!("{PLANS}/{}", applied["id"])).await.expect(200);
        // Who deletes a plan need not wait for its hour; a job it became goes on.
        api.delete(&format!("{PLANS}/{}", applied["id"])).await.expect(204);
        let purged = workpoint::app::plans::purge(server.app()).await.expect("it is purged");
        assert!(purged <= 1, "the server's own task may be faster");
        assert_eq!(api.get(&format!("/api/v1/jobs/{job}")).await.expect(200)["targets"]["waiting"], 1);
        assert_eq!(workpoint::app::plans::purge(server.app()).await.expect("it is purged"), 0);
    }

    clients_that_get_nothing_are_counted_with_the_reason => |server| {
        let api = server.api(&[Role::Operator]).await;
        let prepared = json!({"e164": "4711", "model": "CP600"});
        let prepared = api.post("/api/v1/clients", &prepared).await.expect(201)["id"].clone();
        let hfa = json!({"device_id": "00:1A:E8:00:00:77", "software_type": "HFA"});
        let hfa = api.post("/api/v1/clients", &hfa).await.expect(201)["id"].clone();
        fleet(server, 1).await;
        let everybody = json!({"kind": "write-configuration", "targets": {"filter": {}}, "changes": one(SERVER, "a.example.net")});
        let planned = api.post(PLANS, &everybody).await.expect(201);
        let summary = &planned["summary"];
        assert_eq!((&summary["targets"], &summary["writes"]), (&json!(3), &json!(1)));
        assert_eq!(summary["excluded"], json!({"not-yet-seen": 1, "other-kind": 1}));
        let excluded = api.get(&format!("{PLANS}/{}/targets?excluded=true", planned["id"])).await.expect(200);
        assert_eq!(excluded["total"], 2);
        let reason = |id: &Value| {
            let found = excluded["items"].as_array().and_then(|all| all.iter().find(|one| one["client_id"] == *id));
            found.map(|one| one["excluded"]["code"].clone())
        };
        assert_eq!((reason(&prepared), reason(&hfa)), (Some(json!("not-yet-seen")), Some(json!("other-kind"))));
        let applied = api.post(&apply_path(&planned), &json!({})).await.expect(201);
        assert_eq!((&applied["targets"], &applied["changed"]), (&json!(1), &json!(2)));
        assert_eq!(configured(&api, &prepared).await[0]["desired"], "a.example.net");
        assert_eq!(configured(&api, &hfa).await, json!([]));
        // A client that is deleted in between makes the plan stale.
        let planned = plan(&api, &[prepared.clone(), hfa], one(PORT, 5071)).await;
        api.clone().if_match("*").delete(&format!("/api/v1/clients/{prepared}")).await.expect(204);
        let problem = api.post(&apply_path(&planned), &json!({})).await.expect_problem(409, "plan_stale");
        let fresh = api.get(&format!("{PLANS}/{}", problem["args"]["plan"])).await.expect(200);
        assert_eq!(fresh["summary"]["excluded"], json!({"deleted": 1, "other-kind": 1}));
    }

    a_text_that_old_phones_show_wrongly_is_remarked => |server| {
        let phones = phones(server.phone_port(), 2, |config| {
            config.family = Some(simulator::Family::Sip);
            config.models = ["OpenStage 40", "CP600"].map(|name| name.parse().expect("a model")).into();
        });
        for phone in phones.await {
            phone.session(&Opening::StartUp).await.expect("a session");
        }
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        for (text, entities) in [("Sales", 0), ("R&D", 1), ("<R>", 1)] {
            let planned = plan(&api, &ids, one(LABEL, text)).await;
            assert_eq!((&planned["summary"]["writes"], &planned["summary"]["entities"]), (&json!(2), &json!(entities)));
        }
    }

    a_secret_is_shown_nowhere_and_withheld_until_approved => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Admin]).await;
        let ids = ids(&api).await;
        let planned = plan(&api, &ids, one(PASSWORD, SECRET)).await;
        assert_eq!(planned["summary"]["withheld"], json!({"not-approved": 1}));
        assert_eq!((&planned["changes"][0]["secret"], &planned["changes"][0]["value"]), (&json!(true), &Value::Null));
        let targets = api.get(&format!("{PLANS}/{}/targets", planned["id"])).await.expect(200);
        let target = &targets["items"][0];
        assert_eq!((&target["rows"][0]["secret"], &target["rows"][0]["to"]), (&json!(true), &Value::Null));
        assert_eq!(target["withheld"][0]["reason"]["code"], "not-approved");
        let applied = api.post(&apply_path(&planned), &json!({"approve": true})).await.expect(201);
        assert_eq!(applied["approved"], 1);
        assert_eq!(api.get(&format!("/api/v1/clients/{}", ids[0])).await.expect(200)["approved"], true);
        let state = configured(&api, &ids[0]).await[0].clone();
        assert_eq!((&state["desired_set"], &state["desired"], &state["secret"]), (&json!(true), &Value::Null, &json!(true)));
        assert_eq!((&state["state"], &state["withheld"]), (&json!("pending"), &Value::Null));
        let revision = api.get(&format!("/api/v1/clients/{}/revisions/1", ids[0])).await.expect(200);
        assert_eq!((&revision["changes"][0]["is_set"], &revision["changes"][0]["after"]), (&json!(true), &Value::Null));
        // The same secret again is no change; another one is.
        for (secret, changed) in [(SECRET, 0), ("nacht1gallen", 1)] {
            let again = plan(&api, &ids, one(PASSWORD, secret)).await;
            assert_eq!(again["summary"]["withheld"], json!({}));
            assert_eq!(api.post(&apply_path(&again), &json!({})).await.expect(201)["changed"], changed);
        }
        let mut seen = String::new();
        for path in ["/api/v1/audit?size=500", "/api/v1/jobs", &format!("{PLANS}/{}", planned["id"])] {
            seen.push_str(&api.get(path).await.expect(200).to_string());
        }
        assert!(!seen.contains(SECRET));
        server.stop_in_place().await;
        let data = server.raw_data().await;
        assert!(!data.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "a secret in clear");
    }

    values_that_cannot_be_accepted => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        for (changes, refused) in [
            (one("nothing.at-all", 1), "/changes/0/parameter: unknown_parameter"),
            (one("nothing.at-all", Value::Null), "/changes/0/parameter: unknown_parameter"),
            (one(PORT, "x"), "/changes/0/value: wrong_type"),
            (one(PORT, 70_000), "/changes/0/value: out_of_range"),
            (one(PORT, json!({"a": 1})), "/changes/0/value: wrong_type"),
            (one(SERVER, "not a host"), "/changes/0/value: wrong_form"),
            (json!([{"parameter": PORT}]), "/changes/0/value: missing"),
            (json!([{"parameter": PORT, "index": 1, "value": 5060}]), "/changes/0/index: no_entries"),
            (json!([{"parameter": PORT, "value": 1, "valeu": 2}]), "/changes/0/valeu: unknown_field"),
            (json!([{"parameter": PORT, "value": 1}, {"parameter": PORT, "value": 2}]), "/changes/1: given_twice"),
            (json!([]), "/changes: missing"),
        ] {
            let answer = api.post(PLANS, &write(&ids, changes.clone())).await;
            assert_eq!(answer.refused_fields(), [refused], "{changes}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        for (body, refused) in [
            (json!({"kind": "converge", "targets": {"ids": ids}, "changes": one(PORT, 5060)}), "/changes: invalid"),
            (json!({"kind": "nonsense", "targets": {"ids": ids}}), "/kind: not_a_choice"),
            (json!({"kind": "converge", "targets": {}}), "/targets: missing"),
            (json!({"kind": "converge", "targets": {"ids": [], "filter": null}}), "/targets: missing"),
            (json!({"kind": "converge", "targets": {"ids": ids, "filter": {}}}), "/targets: missing"),
            (json!({"kind": "converge", "targets": {"filter": {"state": "gone"}}}), "/targets/filter/state: not_a_choice"),
            (json!({"kind": "converge"}), "/targets: missing"),
        ] {
            let answer = api.post(PLANS, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        api.post(PLANS, &write(&[json!(999_999)], one(PORT, 5060))).await.expect_problem(409, "no_targets");
        let planned = plan(&api, &ids, one(PORT, 5071)).await;
        for (body, refused) in [
            (json!({"approve": "yes"}), "/approve: wrong_type"),
            (json!({"now": true}), "/now: unknown_field"),
            (json!({"planned_at": "tomorrow"}), "/planned_at"),
        ] {
            let answer = api.post(&apply_path(&planned), &body).await;
            assert!(answer.refused_fields()[0].starts_with(refused), "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
    }

    values_that_contradict_are_refused_or_leave_a_client_out => |server| {
        let phones = fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let layer_2 = "network.quality-of-service.layer-2-enabled";
        let vlan = "network.general.vlan-id";
        let both = json!([{"parameter": layer_2, "value": false}, {"parameter": vlan, "value": 7}]);
        let answer = api.post(PLANS, &write(&ids, both)).await;
        assert_eq!(answer.refused_fields(), ["/changes/1/value: needs_value"], "{}", answer.text);
        answer.expect_problem(422, "invalid_fields");
        for (phone, on) in phones.iter().zip(["true", "false"]) {
            for (item, value) in [("qos-layer2", on), ("vlan-method", "0")] {
                let changed = phone.with_machine(|machine, _| machine.phone_mut().change_locally(item, None, value)).await;
                let _ = changed;
            }
            phone.session(&Opening::LocalChanges).await.expect("a session");
        }
        let planned = plan(&api, &ids, one(vlan, 7)).await;
        assert_eq!(planned["summary"]["excluded"]["contradiction"], 1, "{planned}");
        let excluded = api.get(&format!("{PLANS}/{}/targets?excluded=true", planned["id"])).await.expect(200);
        assert_eq!(excluded["items"][0]["excluded"]["args"]["code"], "needs_value");
    }

    dangerous_values_for_many_need_their_number => |server| {
        server.change_setting("server-settings.jobs.confirm-beyond", 1).await;
        fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let changes = one("network.general.dhcpv4-enabled", false);
        let planned = plan(&api, &ids, changes).await;
        assert_eq!(planned["summary"]["care"], 2, "{planned}");
        for confirm in [json!({}), json!({"confirm": 1})] {
            let problem = api.post(&apply_path(&planned), &confirm).await.expect_problem(409, "confirmation_required");
            assert_eq!(problem["args"]["targets"], 2);
        }
        api.post(&apply_path(&planned), &json!({"confirm": 2})).await.expect(201);
    }

    a_plan_may_be_applied_for_later => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let planned = plan(&api, &ids, one(SERVER, "sip9.example.net")).await;
        let at = server.clock.now() + SignedDuration::from_hours(2);
        let job = api.post(&apply_path(&planned), &json!({"planned_at": at})).await.expect(201)["job_id"].clone();
        let job = api.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
        assert_eq!(job["targets"]["scheduled"], 1);
    }

    a_fleet_is_drawn_as_each_client_alone_is => |server| {
        use domain::ClientId;
        use workpoint::app::configuration::{Portrait, lean_picture};
        use workpoint::app::fleet_pictures::{View, portraits};

        let until = server.clock.now() + SignedDuration::from_hours(1);
        server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
        let phones = fleet(server, 3).await;
        let refusals = vec![Refusal::of("reg-port", ItemStatus::InvalidData), Refusal::of("sip-name", ItemStatus::NotSupported)];
        phones[0].with_machine(|machine, _| machine.phone_mut().refuse(refusals)).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let changes = json!([
            {"parameter": SERVER, "value": "sip9.example.net"}, {"parameter": PORT, "value": 5071},
            {"parameter": "telephony.sip-settings.sip-name", "value": "desk"}, {"parameter": PASSWORD, "value": SECRET},
            {"parameter": AUTO_ANSWER, "value": true},
        ]);
        let planned = plan(&api, &ids[..2], changes).await;
        api.post(&apply_path(&planned), &json!({"approve": true})).await.expect(201);
        for phone in &phones {
            phone.session(&Opening::Solicited).await.expect("a session");
        }
        phones[0]
            .with_machine(|machine, _| machine.phone_mut().change_locally("auto-answer", None, "false"))
            .await
            .expect("a change at the phone");
        phones[0].session(&Opening::LocalChanges).await.expect("a session");

        let app = server.app();
        let ids: Vec<ClientId> = ids.iter().map(|id| ClientId(id.as_i64().expect("a number"))).collect();
        let known = |portrait: &Portrait| {
            let picture = portrait.picture.clone();
            (
                (portrait.client.clone(), portrait.configuration_revision, portrait.approved, portrait.handed_out.clone()),
                (picture.kind, picture.desired, picture.system, picture.drifted, picture.acknowledged, picture.refused, picture.unsupported),
            )
        };
        let together = portraits(app, &app.store, &ids, &View::default()).await.expect("portraits");
        assert_eq!(together.len(), 3);
        let mut seen = [0; 5];
        for portrait in &together {
            let id = portrait.client.id;
            let single = lean_picture(app, &app.store, id).await.expect("a picture").expect("a client");
            assert_eq!(known(portrait), known(&single));
            for (item, said) in &single.picture.reported {
                assert_eq!(portrait.picture.reported.get(item), Some(said), "{item}");
            }
            let alone = portraits(app, &app.store, &[id], &View::default()).await.expect("portraits").remove(0);
            assert_eq!((known(&alone), &alone.picture.reported), (known(&single), &single.picture.reported));
            let picture = &single.picture;
            let lengths = [
                picture.reported.len(), picture.drifted.len(), picture.acknowledged.len(), picture.refused.len(),
                picture.unsupported.len(),
            ];
            seen.iter_mut().zip(lengths).for_each(|(seen, length)| *seen += length);
        }
        assert!(seen.iter().all(|seen| *seen > 0), "nothing to compare: {seen:?}");
    }

    who_may => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let ids = ids(&api).await;
        let planned = plan(&api, &ids, one(SERVER, "sip9.example.net")).await;
        let path = format!("{PLANS}/{}", planned["id"]);
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.get(&path).await.expect(200);
        viewer.get(&format!("{path}/targets")).await.expect(200);
        viewer.post(PLANS, &write(&ids, one(SERVER, "x.example.net"))).await.expect_problem(403, "forbidden");
        viewer.post(&apply_path(&planned), &json!({})).await.expect_problem(403, "forbidden");
        viewer.delete(&path).await.expect_problem(403, "forbidden");
        server.api(&[Role::Auditor]).await.get(&path).await.expect_problem(403, "forbidden");
        for id in ["999999", "x"] {
            api.get(&format!("{PLANS}/{id}")).await.expect_problem(404, "not_found");
            api.get(&format!("{PLANS}/{id}/targets")).await.expect_problem(404, "not_found");
            api.delete(&format!("{PLANS}/{id}")).await.expect_problem(404, "not_found");
            api.post(&format!("{PLANS}/{id}/apply"), &json!({})).await.expect_problem(404, "not_found");
        }
    }
}
