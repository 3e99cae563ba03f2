//! `/firmware`: which versions run where, and one click to a plan.

use domain::Role;
use serde_json::json;
use tests::on_both_databases;

use super::*;

const FIRMWARE: &str = "/api/v1/firmware";
const PLAN: &str = "/api/v1/firmware/plan";

/// Phones with the old version, and one with the new one.
async fn some(server: &TestServer, block: u8) {
    for place in 1..=4 {
        let mut desk = Desk::new(block, place);
        if place == 4 {
            desk.version = NEW.to_owned();
        }
        desk.starts(server).await;
    }
}

on_both_databases! {
    the_page_says_what_runs_and_what_is_newer => |server| {
        let api = server.api(&[Role::Operator]).await;
        let empty = api.get(FIRMWARE).await.expect(200);
        assert_eq!((&empty["clients"], &empty["models"]), (&json!(0), &json!([])));
        some(server, 20).await;
        let none = api.get(FIRMWARE).await.expect(200);
        assert_eq!((&none["clients"], &none["outdated"], &none["due"]), (&json!(4), &json!(0), &json!(0)));
        let newest = software(&api, NEW).await;
        software(&api, "V2 R1.0.0").await;
        software_for(&api, "V9 R0.0.0", "CP600", "SIP").await;
        software_for(&api, "V9 R0.0.0", MODEL, "HFA").await;
        let page = api.get(FIRMWARE).await.expect(200);
        assert_eq!((&page["outdated"], &page["due"], &page["under_way"]), (&json!(3), &json!(0), &json!(0)));
        let model = &page["models"][0];
        assert_eq!((&model["model"], &model["software_type"]), (&json!(MODEL), &json!("SIP")));
        assert_eq!(model["newest"]["file"], newest["id"]);
        assert_eq!(model["files"].as_array().expect("files").len(), 2);
        let versions: Vec<(Value, Value, Value)> = model["versions"]
            .as_array()
            .expect("versions")
            .iter()
            .map(|one| (one["version"].clone(), one["clients"].clone(), one["outdated"].clone()))
            .collect();
        assert_eq!(versions, [(json!(NEW), json!(1), json!(false)), (json!(OLD), json!(3), json!(true))]);
        // What templates would do, by groups and ranks.
        server.change_setting(BY_RULE, "off").await;
        let strong = bringing(&api, "Strong", "disabled", &[]).await;
        let id: u64 = strong.rsplit('/').next().expect("an id").parse().expect("a number");
        let filter = json!({"test": {"field": "e164", "is": "4966001"}});
        let group = json!({"name": "One", "filter": filter, "templates": [id]});
        api.post("/api/v1/groups", &group).await.expect(201);
        bringing(&api, "All", "only-newer", &[&newest]).await;
        assert_eq!(api.get(FIRMWARE).await.expect(200)["due"], 2);
        server.anonymous().get(FIRMWARE).await.expect_problem(401, "unauthenticated");
        api.get(&format!("{FIRMWARE}?page=1")).await.expect_problem(422, "invalid_fields");
    }

    what_is_counted_as_outdated_is_what_a_plan_takes => |server| {
        let api = server.api(&[Role::Operator]).await;
        some(server, 22).await;
        software(&api, NEW).await;
        // Another part number: the phone comes into quarantine.
        let mut held = Desk::new(22, 1);
        held.messages = 1_000;
        for part in ["S30817-S7401", "S30817-S7402"] {
            held.session(server, Reason::StartUp, vec![Item::new("part-number", part)]).await;
        }
        assert_eq!(held.client(&api).await["state"], "quarantined");
        let page = api.get(FIRMWARE).await.expect(200);
        let model = &page["models"][0];
        assert_eq!((&page["clients"], &page["outdated"], &model["outdated"]), (&json!(4), &json!(2), &json!(2)));
        assert_eq!((&model["versions"][1]["clients"], &model["versions"][1]["outdated"]), (&json!(3), &json!(true)));
        assert_eq!(api.post(PLAN, &json!({})).await.expect(201)["summary"]["targets"], 2);
        let ids = json!({"targets": {"ids": [held.client(&api).await["id"]]}});
        api.post(PLAN, &ids).await.expect_problem(409, "no_targets");
    }

    one_click_makes_a_plan_for_those_that_are_outdated => |server| {
        let api = server.api(&[Role::Operator]).await;
        some(server, 21).await;
        api.post(PLAN, &json!({})).await.expect_problem(409, "no_targets");
        let newest = software(&api, NEW).await;
        let once = api.clone().with_header("idempotency-key", "one-click-1");
        let made = once.post(PLAN, &json!({})).await;
        assert!(made.header("location").starts_with("/api/v1/plans/"));
        let plan = made.expect(201);
        assert_eq!((&plan["kind"], &plan["summary"]["targets"]), (&json!("deploy-software"), &json!(3)), "{plan}");
        assert_eq!(plan["deployment"]["files"][0]["file"], newest["id"]);
        assert_eq!(once.post(PLAN, &json!({})).await.expect(201)["id"], plan["id"]);
        let client = Desk::new(21, 4).client(&api).await;
        let current = json!({"targets": {"ids": [client["id"]]}});
        api.post(PLAN, &current).await.expect_problem(409, "no_targets");
        let filtered = json!({"targets": {"filter": {"search": "4966001"}}});
        assert_eq!(api.post(PLAN, &filtered).await.expect(201)["summary"]["targets"], 1);
        let unsaid = json!({"targets": {"filter": {"software_type": "none"}}});
        api.post(PLAN, &unsaid).await.expect_problem(409, "no_targets");
        api.post(PLAN, &json!({"targets": {}})).await.expect_problem(422, "invalid_fields");
        api.post(PLAN, &json!({"all": true})).await.expect_problem(422, "invalid_fields");
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.post(PLAN, &json!({})).await.expect_problem(403, "forbidden");
        viewer.get(FIRMWARE).await.expect(200);
    }
}
