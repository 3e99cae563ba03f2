//! Jobs and actions through the API (OSEM §12, §4.5): made, delivered by the phone's next contact, listed,
//! cancelled, tried again, deleted.

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Opening, SimulatedPhone};
use tests::{ApiClient, TestServer, on_both_databases, phones, wait_until};

const JOBS: &str = "/api/v1/jobs";
const ACTIONS: &str = "/api/v1/clients/actions";

/// A phone that has started up once.
async fn one_phone(server: &TestServer) -> std::sync::Arc<SimulatedPhone> {
    let phone = phones(server.phone_port(), 1, |_| {}).await.remove(0);
    phone.session(&Opening::StartUp).await.expect("a session");
    phone
}

async fn client_of(api: &ApiClient) -> Value {
    api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone()
}

async fn act(api: &ApiClient, action: &str, ids: &[&Value]) -> Value {
    api.post(ACTIONS, &json!({"action": action, "targets": {"ids": ids}})).await.expect(201)
}

async fn job(api: &ApiClient, id: &Value) -> Value {
    api.get(&format!("{JOBS}/{id}")).await.expect(200)
}

async fn state_becomes(api: &ApiClient, id: &Value, state: &str) {
    wait_until(async || job(api, id).await["state"] == state).await;
}

on_both_databases! {
    a_refresh_is_a_job_that_the_next_contact_does => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let made = act(&api, "refresh", &[&client]).await;
        assert_eq!((&made["kind"], &made["state"]), (&json!("read-configuration"), &json!("created")));
        assert_eq!(made["targets"]["waiting"], 1);
        phone.session(&Opening::Solicited).await.expect("a session");
        state_becomes(&api, &made["id"], "success").await;
        let targets = api.get(&format!("{JOBS}/{}/targets", made["id"])).await.expect(200);
        assert_eq!(targets["total"], 1);
        let target = &targets["items"][0];
        assert_eq!((&target["state"], &target["client_id"], &target["attempts"]), (&json!("success"), &client, &json!(1)));
        assert_eq!(target["device_id"], phone.mac().to_string().to_lowercase());
        let path = format!("{JOBS}/{}/targets/{}", made["id"], target["id"]);
        assert_eq!(api.get(&path).await.expect(200)["rows"], json!([]));
        api.get(&format!("{JOBS}/{}/targets/99999", made["id"])).await.expect_problem(404, "not_found");
    }

    a_restart_is_sent_once_and_done_at_the_start_up => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let made = act(&api, "restart", &[&client]).await;
        phone.session(&Opening::Solicited).await.expect("a session");
        let target = api.get(&format!("{JOBS}/{}/targets", made["id"])).await.expect(200)["items"][0].clone();
        assert_eq!(target["state"], "sent");
        // It comes by itself before it has restarted: nothing is sent again.
        phone.session(&Opening::Solicited).await.expect("a session");
        assert_eq!(phone.orders().await.restarts.received, 1);
        server.clock.advance(SignedDuration::from_secs(30));
        phone.session(&Opening::StartUp).await.expect("a session");
        state_becomes(&api, &made["id"], "success").await;
        assert_eq!(phone.orders().await.restarts.received, 1);
    }

    a_reset_forgets_what_the_phone_had_and_is_confirmed_by_its_start_up => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let body = json!({"action": "reset", "targets": {"ids": [client]}, "keep_certificates": true});
        api.post(ACTIONS, &body).await.expect_problem(409, "secure_mode_needed");
        let made = act(&api, "reset", &[&client]).await;
        phone.session(&Opening::Solicited).await.expect("a session");
        server.clock.advance(SignedDuration::from_secs(30));
        phone.session(&Opening::StartUp).await.expect("a session");
        state_becomes(&api, &made["id"], "success").await;
        assert_eq!(phone.orders().await.factory_resets.obeyed, 1);
    }

    a_restart_nobody_confirms_times_out_and_may_be_tried_again => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let made = act(&api, "restart", &[&client]).await;
        phone.session(&Opening::Solicited).await.expect("a session");
        server.clock.advance(SignedDuration::from_secs(601));
        state_becomes(&api, &made["id"], "timeout").await;
        let target = api.get(&format!("{JOBS}/{}/targets", made["id"])).await.expect(200)["items"][0].clone();
        assert_eq!((&target["state"], &target["reason"]), (&json!("timeout"), &json!("running-time-out")));
        let again = api.post(&format!("{JOBS}/{}/retry", made["id"]), &json!({})).await.expect(200);
        assert_eq!(again["targets"]["waiting"], 1);
        api.post(&format!("{JOBS}/{}/retry", made["id"]), &json!({})).await.expect_problem(409, "nothing_to_retry");
    }

    a_job_waits_for_its_time_and_can_be_cancelled => |server| {
        let phone = one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let planned = server.clock.now() + SignedDuration::from_hours(2);
        let body = json!({"action": "refresh", "targets": {"ids": [client]}, "planned_at": planned.to_string()});
        let made = api.post(ACTIONS, &body).await.expect(201);
        assert_eq!(made["targets"]["scheduled"], 1);
        phone.session(&Opening::Solicited).await.expect("a session");
        assert_eq!(job(&api, &made["id"]).await["targets"]["scheduled"], 1, "its time has not come");
        let cancelled = api.post(&format!("{JOBS}/{}/cancel", made["id"]), &json!({})).await.expect(200);
        assert_eq!(cancelled["state"], "cancelled");
        state_becomes(&api, &made["id"], "cancelled").await;
        wait_until(async || {
            api.post(&format!("{JOBS}/{}/cancel", made["id"]), &json!({})).await.status.as_u16() == 409
        })
        .await;
        let later = api.post(ACTIONS, &body).await.expect(201);
        server.clock.advance(SignedDuration::from_hours(3));
        wait_until(async || job(&api, &later["id"]).await["targets"]["waiting"] == 1).await;
        phone.session(&Opening::Solicited).await.expect("a session");
        state_becomes(&api, &later["id"], "success").await;
    }

    a_target_waits_for_its_phone_for_the_lifetime_of_jobs_and_no_longer => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let made = act(&api, "refresh", &[&client]).await;
        server.clock.advance(SignedDuration::from_hours(24 * 7 + 1));
        state_becomes(&api, &made["id"], "timeout").await;
        let target = api.get(&format!("{JOBS}/{}/targets", made["id"])).await.expect(200)["items"][0].clone();
        assert_eq!(target["reason"], "lifetime");
    }

    clients_are_deleted_by_a_job_and_their_open_work_with_them => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let waiting = act(&api, "refresh", &[&client]).await;
        let made = act(&api, "delete", &[&client]).await;
        state_becomes(&api, &made["id"], "success").await;
        state_becomes(&api, &waiting["id"], "cancelled").await;
        assert_eq!(api.get("/api/v1/clients").await.expect(200)["total"], 0);
        let target = api.get(&format!("{JOBS}/{}/targets", waiting["id"])).await.expect(200)["items"][0].clone();
        assert_eq!((&target["client_id"], &target["reason"]), (&json!(null), &json!("client-deleted")));
    }

    jobs_are_listed_by_what_they_are => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let first = act(&api, "refresh", &[&client]).await;
        server.clock.advance(SignedDuration::from_secs(60));
        let second = act(&api, "restart", &[&client]).await;
        let ids = async |query: &str| -> Vec<Value> {
            let list = api.get(&format!("{JOBS}?{query}")).await.expect(200);
            let items = list["items"].as_array().expect("a list").clone();
            assert_eq!(list["total"], items.len());
            items.into_iter().map(|job| job["id"].clone()).collect()
        };
        assert_eq!(ids("").await, [second["id"].clone(), first["id"].clone()], "newest first");
        assert_eq!(ids("kind=restart").await, [second["id"].clone()]);
        assert_eq!(ids("sort=created_at").await, [first["id"].clone(), second["id"].clone()]);
        assert_eq!(ids(&format!("client={client}")).await.len(), 2);
        assert_eq!(ids("client=99999").await.len(), 0);
        let between = server.clock.now() - SignedDuration::from_secs(30);
        assert_eq!(ids(&format!("until={between}")).await, [first["id"].clone()]);
        assert_eq!(ids(&format!("from={between}")).await, [second["id"].clone()]);
        assert_eq!(ids("initiator=%25").await.len(), 0);
        wait_until(async || api.get("/api/v1/dashboard").await.expect(200)["jobs"] == json!({"created": 2})).await;
        api.get(&format!("{JOBS}?sort=colour")).await.expect_problem(422, "invalid_fields");
        api.get(&format!("{JOBS}?state=done")).await.expect_problem(422, "invalid_fields");
    }

    jobs_and_targets_are_read_on_behind_a_cursor_and_exported => |server| {
        let api = server.api(&[Role::Operator]).await;
        for number in ["4711", "4712", "4713"] {
            api.post("/api/v1/clients", &json!({"e164": number, "model": "CP600"})).await.expect(201);
        }
        let all = |action: &str| json!({"action": action, "targets": {"filter": {}}, "confirm": 3});
        let planned = server.clock.now() + SignedDuration::from_hours(2);
        let mut later = all("refresh");
        later["planned_at"] = json!(planned.to_string());
        let first = api.post(ACTIONS, &later).await.expect(201);
        for action in ["restart", "refresh", "restart"] {
            // Two of them at the same moment: the id tells them apart.
            api.post(ACTIONS, &all(action)).await.expect(201);
        }
        api.post(&format!("{JOBS}/{}/cancel", first["id"]), &json!({})).await.expect(200);
        state_becomes(&api, &first["id"], "cancelled").await;
        wait_until(async || api.get(&format!("{JOBS}?state=cancelled")).await.expect(200)["total"] == 1).await;
        let ids = |page: &Value| -> Vec<Value> {
            page["items"].as_array().expect("a list").iter().map(|thing| thing["id"].clone()).collect()
        };
        for sort in ["created_at", "-created_at", "planned_at", "-planned_at", "kind", "-kind", "state", "-state"] {
            let whole = api.get(&format!("{JOBS}?sort={sort}")).await.expect(200);
            assert_eq!(whole["next"], Value::Null);
            let (mut walked, mut after) = (Vec::new(), String::new());
            while walked.len() < 9 {
                let page = api.get(&format!("{JOBS}?sort={sort}&size=1&after={after}")).await.expect(200);
                assert_eq!((&page["total"], page["page"].is_null()), (&json!(4), !after.is_empty()));
                walked.extend(ids(&page));
                let Some(next) = page["next"].as_str() else { break };
                after = next.to_owned();
            }
            assert_eq!(walked, ids(&whole), "{sort}");
            let export = api.get(&format!("{JOBS}/export?sort={sort}")).await;
            assert_eq!(export.header("content-disposition"), "attachment; filename=\"jobs.json\"");
            assert_eq!(json!(walked), json!(ids(&json!({"items": export.expect(200)}))), "{sort}");
        }
        let csv = api.get(&format!("{JOBS}/export?format=csv&kind=restart")).await;
        assert_eq!(csv.text.lines().count(), 3, "{}", csv.text);
        assert!(csv.text.starts_with("id,kind,state,"), "{}", csv.text);

        let path = format!("{JOBS}/{}/targets", first["id"]);
        for filter in ["", "&state=cancelled"] {
            let whole = api.get(&format!("{path}?size=3{filter}")).await.expect(200);
            assert_eq!((ids(&whole).len(), &whole["next"]), (3, &Value::Null));
            let start = api.get(&format!("{path}?size=2{filter}")).await.expect(200);
            let next = start["next"].as_str().expect("a cursor");
            let rest = api.get(&format!("{path}?size=2{filter}&after={next}")).await.expect(200);
            assert_eq!((&rest["total"], &rest["page"], &rest["next"]), (&json!(3), &Value::Null, &Value::Null));
            assert_eq!([ids(&start), ids(&rest)].concat(), ids(&whole));
            // A cursor is good for its own list only.
            for other in [format!("{path}?state=failed&after={next}"), format!("{JOBS}?after={next}")] {
                assert_eq!(api.get(&other).await.refused_fields(), ["after: invalid"], "{other}");
            }
        }
        for list in [JOBS, &path] {
            let deep = api.get(&format!("{list}?page=101&size=100")).await;
            assert_eq!(deep.expect_problem(422, "page_too_deep")["args"]["parameter"], "after");
        }
        api.get(&format!("{JOBS}/export?page=1")).await.expect_problem(422, "invalid_fields");

        let whole = api.get(&path).await.expect(200);
        for _ in 0..2 {
            let export = api.get(&format!("{path}/export")).await;
            assert_eq!(export.header("content-disposition"), "attachment; filename=\"job-targets.json\"");
            assert_eq!(export.expect(200), whole["items"]);
        }
        let csv = api.get(&format!("{path}/export?format=csv&state=cancelled")).await;
        assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
        assert_eq!(api.get(&format!("{path}/export?state=failed")).await.expect(200), json!([]));
        for query in ["state=done", "page=1", "format=xml"] {
            api.get(&format!("{path}/export?{query}")).await.expect_problem(422, "invalid_fields");
        }
        api.get(&format!("{JOBS}/99999/targets/export")).await.expect_problem(404, "not_found");
        let auditor = server.api(&[Role::Auditor]).await;
        auditor.get(&format!("{path}/export")).await.expect_problem(403, "forbidden");
    }

    the_counts_of_a_large_job_are_right_when_it_is_tried_again => |server| {
        let api = server.api(&[Role::Admin]).await;
        for number in 0..100 {
            let client = json!({"e164": format!("47{number:02}"), "model": "CP600"});
            api.post("/api/v1/clients", &client).await.expect(201);
        }
        let refresh = json!({"action": "refresh", "targets": {"filter": {}}});
        let made = api.post(ACTIONS, &refresh).await.expect(201);
        let listed = async || {
            let list = api.get(JOBS).await.expect(200);
            (list["items"][0]["state"].clone(), list["items"][0]["targets"].clone())
        };
        let counts = async || listed().await.1;
        for _ in 0..2 {
            api.post(&format!("{JOBS}/{}/cancel", made["id"]), &json!({})).await.expect(200);
            // The pulse writes the state with the counts.
            wait_until(async || api.get(&format!("{JOBS}?state=cancelled")).await.expect(200)["total"] == 1).await;
            let (state, ended) = listed().await;
            assert_eq!((&state, &ended["cancelled"], &ended["waiting"]), (&json!("cancelled"), &json!(100), &json!(0)));
            api.post(&format!("{JOBS}/{}/retry", made["id"]), &json!({})).await.expect(200);
            assert_eq!((&counts().await["waiting"], &counts().await["cancelled"]), (&json!(100), &json!(0)));
            wait_until(async || api.get(&format!("{JOBS}?state=created")).await.expect(200)["total"] == 1).await;
            assert_eq!(counts().await["waiting"], 100);
        }
    }

    a_job_is_deleted_when_it_has_come_to_its_end => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let (one, two) = (act(&api, "refresh", &[&client]).await, act(&api, "refresh", &[&client]).await);
        api.delete(&format!("{JOBS}/{}", one["id"])).await.expect_problem(409, "job_not_finished");
        api.post(&format!("{JOBS}/{}/cancel", one["id"]), &json!({})).await.expect(200);
        let both = json!({"ids": [one["id"], two["id"], 99999]});
        let done = api.post(&format!("{JOBS}/delete"), &both).await.expect(200);
        assert_eq!(done, json!({"deleted": 1, "not_finished": [two["id"]]}));
        api.post(&format!("{JOBS}/{}/cancel", two["id"]), &json!({})).await.expect(200);
        api.delete(&format!("{JOBS}/{}", two["id"])).await.expect(204);
        api.delete(&format!("{JOBS}/{}", two["id"])).await.expect_problem(404, "not_found");
        api.get(&format!("{JOBS}/{}", two["id"])).await.expect_problem(404, "not_found");
        api.post(&format!("{JOBS}/{}/cancel", two["id"]), &json!({})).await.expect_problem(404, "not_found");
        api.post(&format!("{JOBS}/{}/retry", two["id"]), &json!({})).await.expect_problem(404, "not_found");
        api.post(&format!("{JOBS}/delete"), &json!({"ids": "all"})).await.expect_problem(422, "invalid_fields");
    }

    dangerous_actions_are_bounded_and_confirmed => |server| {
        let fleet = phones(server.phone_port(), 3, |_| {}).await;
        for phone in &fleet {
            phone.session(&Opening::StartUp).await.expect("a session");
        }
        let admin = server.api(&[Role::Admin]).await;
        let operator = server.api(&[Role::Operator]).await;
        let viewer = server.api(&[Role::Viewer]).await;
        server.change_setting("server-settings.jobs.confirm-beyond", json!(2)).await;
        let all = |confirm: Value| json!({"action": "restart", "targets": {"filter": {}}, "confirm": confirm});
        let asked = operator.post(ACTIONS, &all(Value::Null)).await.expect_problem(409, "confirmation_required");
        assert_eq!(asked["args"]["targets"], 3);
        operator.post(ACTIONS, &all(json!(2))).await.expect_problem(409, "confirmation_required");
        viewer.post(ACTIONS, &all(json!(3))).await.expect_problem(403, "forbidden");
        server.change_setting("server-settings.jobs.most-dangerous-targets", json!(2)).await;
        operator.post(ACTIONS, &all(json!(3))).await.expect_problem(403, "too_many_targets");
        let made = admin.post(ACTIONS, &all(json!(3))).await.expect(201);
        assert_eq!(made["targets"]["waiting"], 3);
        // What only reads needs no confirmation.
        let read = json!({"action": "refresh", "targets": {"filter": {"state": "active"}}});
        assert_eq!(operator.post(ACTIONS, &read).await.expect(201)["targets"]["waiting"], 3);
        for (body, code) in [
            (json!({"action": "restart", "targets": {}}), "invalid_fields"),
            (json!({"action": "restart", "targets": {"ids": []}}), "invalid_fields"),
            (json!({"action": "explode", "targets": {"ids": [1]}}), "invalid_fields"),
            (json!({"action": "delete", "targets": {"ids": [1]}, "keep_certificates": true}), "invalid_fields"),
        ] {
            admin.post(ACTIONS, &body).await.expect_problem(422, code);
        }
        admin.post(ACTIONS, &json!({"action": "restart", "targets": {"ids": [99999]}})).await.expect_problem(409, "no_targets");
    }

    the_same_call_makes_one_job => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await.with_header("idempotency-key", "once");
        let client = client_of(&api).await;
        let first = act(&api, "restart", &[&client]).await;
        let second = act(&api, "restart", &[&client]).await;
        assert_eq!(first["id"], second["id"]);
        assert_eq!(api.get(JOBS).await.expect(200)["total"], 1);
    }

    the_same_call_gets_its_answer_when_its_clients_are_gone => |server| {
        one_phone(server).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api).await;
        let keyed = api.clone().with_header("idempotency-key", "gone");
        let body = json!({"action": "delete", "targets": {"ids": [client]}});
        let first = keyed.post(ACTIONS, &body).await.expect(201);
        state_becomes(&api, &first["id"], "success").await;
        wait_until(async || api.get("/api/v1/clients").await.expect(200)["total"] == 0).await;
        let again = keyed.post(ACTIONS, &body).await;
        assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"), "{}", again.text);
        assert_eq!(again.expect(201), first);
        api.post(ACTIONS, &body).await.expect_problem(409, "no_targets");
        assert_eq!(api.get(JOBS).await.expect(200)["total"], 1);
    }
}
