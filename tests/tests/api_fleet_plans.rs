//! Plans that save templates, groups or fields: drawn up in the background too, stale, confirmed by the limit of a role,
//! and seen by every node at once (D-22, D-27).

use std::sync::Arc;

use domain::Role;
use serde_json::{Value, json};
use simulator::{Family, Opening, SimulatedPhone};
use tests::{ApiClient, TestServer, on_both_databases, phones, wait_until};

const TEMPLATES: &str = "/api/v1/templates";
const PLANS: &str = "/api/v1/plans";
const SERVER: &str = "telephony.sip-settings.server-address";

/// Phones that have started up once.
async fn fleet(server: &TestServer, count: u32) -> Vec<Arc<SimulatedPhone>> {
    let phones = phones(server.phone_port(), count, |config| {
        config.family = Some(Family::Sip);
        config.contact_gap = Some(std::time::Duration::ZERO);
    });
    let phones = phones.await;
    for phone in &phones {
        phone.session(&Opening::StartUp).await.expect("a session");
    }
    phones
}

fn template(name: &str, value: &str) -> Value {
    json!({"name": name, "kind": "default", "rank": 1, "values": [{"parameter": SERVER, "value": value}]})
}

/// Saves a template that changes somebody; gives the arguments of the answer.
async fn required(api: &ApiClient, template: &Value) -> Value {
    api.post(TEMPLATES, template).await.expect_problem(409, "plan_required")["args"].clone()
}

async fn apply(api: &ApiClient, plan: &Value, body: &Value) -> Value {
    api.post(&format!("{PLANS}/{plan}/apply"), body).await.expect(201)
}

on_both_databases! {
    a_plan_for_many_is_drawn_up_in_the_background => |server| {
        let phones = fleet(server, 3).await;
        server.change_setting("server-settings.plans.drawn-at-once", 0).await;
        let api = server.api(&[Role::Operator]).await;
        let args = required(&api, &template("All", "sip9.example.net")).await;
        let path = format!("{PLANS}/{}", args["plan"]);
        wait_until(async || api.get(&path).await.expect(200)["state"] == "ready").await;
        let plan = api.get(&path).await.expect(200);
        assert_eq!(plan["progress"], json!({"drawn": 3, "clients": 3}));
        assert_eq!((&plan["summary"]["affected"], &plan["summary"]["writes"]), (&json!(3), &json!(3)));
        assert_eq!(api.get(&format!("{path}/targets")).await.expect(200)["total"], 3);
        let saved = &plan["fleet"][0];
        assert_eq!((&saved["object"], &saved["action"], &saved["name"]), (&json!("template"), &json!("create"), &json!("All")));
        assert_eq!(saved["changed"], json!([SERVER]));
        let applied = apply(&api, &args["plan"], &json!({})).await;
        assert_eq!((&applied["targets"], &applied["changed"]), (&json!(3), &json!(3)));
        for phone in &phones {
            phone.session(&Opening::Solicited).await.expect("a session");
            assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        }
        // What changes nothing for anybody is saved without a plan, also in the background.
        let same = json!({"name": "Same", "kind": "default", "rank": 1, "values": [{"parameter": SERVER, "value": "sip9.example.net"}]});
        api.post(TEMPLATES, &same).await.expect(201);
    }

    a_plan_that_is_not_there_yet_cannot_be_applied_and_an_applied_one_not_again => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let args = required(&api, &template("All", "sip9.example.net")).await;
        assert_eq!((&args["state"], &args["affected"], &args["restarts"]), (&json!("ready"), &json!(1), &json!(1)));
        // Nothing is saved by asking.
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0);
        let applied = apply(&api, &args["plan"], &json!({})).await;
        let job = api.get(&format!("/api/v1/jobs/{}", applied["job_id"])).await.expect(200);
        assert_eq!((&job["kind"], &job["cause"], &job["initiator_kind"]), (&json!("converge"), &json!("templates"), &json!("token")));
        let path = format!("{PLANS}/{}/apply", args["plan"]);
        api.post(&path, &json!({})).await.expect_problem(409, "plan_applied");
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 1);
        let body = json!({"kind": "change-fleet", "targets": {"filter": {}}});
        api.post(PLANS, &body).await.expect_problem(422, "invalid_fields");
        server.api(&[Role::Viewer]).await.post(TEMPLATES, &template("X", "x")).await.expect_problem(403, "forbidden");
    }

    a_plan_that_is_no_longer_true_gives_another => |server| {
        fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let args = required(&api, &template("All", "sip9.example.net")).await;
        let ids: Vec<Value> = api.get("/api/v1/clients").await.expect(200)["items"].as_array().expect("a list")
            .iter().map(|client| client["id"].clone()).collect();
        // One of them gets a value of its own meanwhile, which is stronger.
        let own = json!({"kind": "write-configuration", "targets": {"ids": [ids[0]]}, "changes": [{"parameter": SERVER, "value": "own.example.net"}]});
        let own = api.post(PLANS, &own).await.expect(201);
        apply(&api, &own["id"], &json!({})).await;
        assert_eq!(api.get(&format!("{PLANS}/{}", args["plan"])).await.expect(200)["stale"], json!(true));
        let path = format!("{PLANS}/{}/apply", args["plan"]);
        let problem = api.post(&path, &json!({})).await.expect_problem(409, "plan_stale");
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0, "nothing is saved");
        let newer = &problem["args"]["plan"];
        assert_eq!(api.get(&format!("{PLANS}/{newer}")).await.expect(200)["summary"]["affected"], 1);
        let applied = apply(&api, newer, &json!({})).await;
        assert_eq!(applied["targets"], 1);
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 1);
    }

    a_template_that_somebody_else_has_changed_is_not_overwritten => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let args = required(&api, &template("All", "sip9.example.net")).await;
        let id = apply(&api, &args["plan"], &json!({})).await["templates"][0].clone();
        let path = format!("{TEMPLATES}/{id}");
        let value = |value: &str| json!({"values": [{"parameter": SERVER, "value": value}]});
        let first = api.clone().if_match("\"1\"").patch(&path, &value("one.example.net")).await;
        let first = first.expect_problem(409, "plan_required")["args"]["plan"].clone();
        // Another name concerns nobody, and is saved at once.
        api.clone().if_match("\"1\"").patch(&path, &json!({"name": "Everybody"})).await.expect(200);
        let late = api.post(&format!("{PLANS}/{first}/apply"), &json!({})).await;
        late.expect_problem(412, "precondition_failed");
        let stale = api.clone().if_match("\"1\"").patch(&path, &value("two.example.net")).await;
        stale.expect_problem(412, "precondition_failed");
        assert_eq!(api.get(&path).await.expect(200)["name"], "Everybody");
    }

    many_clients_need_their_number_beyond_the_limit_of_the_role => |server| {
        fleet(server, 2).await;
        server.change_setting("server-settings.plans.confirm-beyond", 1).await;
        let operator = server.api(&[Role::Operator]).await;
        let args = required(&operator, &template("All", "sip9.example.net")).await;
        let path = format!("{PLANS}/{}", args["plan"]);
        assert_eq!(operator.get(&path).await.expect(200)["confirm_beyond"], 1);
        let problem = operator.post(&format!("{path}/apply"), &json!({})).await.expect_problem(409, "confirmation_required");
        assert_eq!(problem["args"]["targets"], 2);
        operator.post(&format!("{path}/apply"), &json!({"confirm": 3})).await.expect_problem(409, "confirmation_required");
        operator.post(&format!("{path}/apply"), &json!({"confirm": 2})).await.expect(201);
        // Plans of values have the same limit; an administrator's is another one.
        let admin = server.api(&[Role::Admin]).await;
        let body = json!({"kind": "write-configuration", "targets": {"filter": {}}, "changes": [{"parameter": SERVER, "value": "a.example.net"}]});
        let plan = operator.post(PLANS, &body).await.expect(201);
        operator.post(&format!("{PLANS}/{}/apply", plan["id"]), &json!({})).await.expect_problem(409, "confirmation_required");
        assert_eq!(admin.get(&format!("{PLANS}/{}", plan["id"])).await.expect(200)["confirm_beyond"], 1000);
        admin.post(&format!("{PLANS}/{}/apply", plan["id"]), &json!({})).await.expect(201);
    }

    whoever_is_in_no_job_of_a_change_is_looked_at_at_the_next_contact => |server| {
        let phones = fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let args = required(&api, &template("All", "sip9.example.net")).await;
        let job = apply(&api, &args["plan"], &json!({})).await["job_id"].clone();
        api.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await.expect(200);
        // It says nothing new, and did not start: what is desired has changed since it was last here.
        phones[0].session(&Opening::Solicited).await.expect("a session");
        assert_eq!(phones[0].value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        let jobs = api.get("/api/v1/jobs?kind=converge").await.expect(200);
        assert_eq!(jobs["total"], 2);
        phones[0].session(&Opening::Solicited).await.expect("a session");
        assert_eq!(api.get("/api/v1/jobs?kind=converge").await.expect(200)["total"], 2, "once is enough");
    }

    a_plan_that_is_forgotten_while_it_is_drawn_up_is_gone => |server| {
        fleet(server, 2).await;
        server.change_setting("server-settings.plans.drawn-at-once", 0).await;
        let api = server.api(&[Role::Operator]).await;
        let args = required(&api, &template("All", "sip9.example.net")).await;
        let path = format!("{PLANS}/{}", args["plan"]);
        api.delete(&path).await.expect(204);
        api.post(&format!("{path}/apply"), &json!({})).await.expect_problem(404, "not_found");
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0);
    }

    what_one_node_saves_counts_on_the_other_at_once => |server| {
        let phones = fleet(server, 1).await;
        let other = server.second_node().await;
        let api = server.api(&[Role::Operator]).await;
        let token = server.token("both", &[Role::Operator]).await;
        let there = other.anonymous().with_token(token.expose());
        // Both have looked at templates before there were any.
        assert_eq!(there.get(TEMPLATES).await.expect(200)["total"], 0);
        let args = required(&api, &template("All", "sip9.example.net")).await;
        apply(&api, &args["plan"], &json!({})).await;
        let client = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
        let path = format!("/api/v1/clients/{client}/configuration?only=desired");
        let shown = there.get(&path).await.expect(200);
        assert_eq!((&shown["items"][0]["desired"], &shown["items"][0]["origin"]), (&json!("sip9.example.net"), &json!("default-template")));
        // The phone comes to the other node, whose own picture of templates was older.
        let there = fleet(&other, 1).await;
        assert_eq!(there[0].mac(), phones[0].mac());
        assert_eq!(there[0].value("reg-addr", None).await.as_deref(), Some("sip9.example.net"));
        other.stop().await;
    }
}
