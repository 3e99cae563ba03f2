//! The configuration of a client through the API: desired, reported, how both stand; its revisions.

use domain::Role;
use serde_json::{Value, json};
use simulator::Opening;
use tests::{ApiClient, TestServer, on_both_databases, phones};

const SERVER: &str = "telephony.sip-settings.server-address";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";

async fn client(server: &TestServer, api: &ApiClient) -> Value {
    let phone =
        phones(server.phone_port(), 1, |config| config.family = Some(simulator::Family::Sip)).await.remove(0);
    phone.session(&Opening::StartUp).await.expect("a session");
    api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone()
}

async fn set(api: &ApiClient, id: &Value, parameter: &str, value: Value) {
    let changes = json!([{"parameter": parameter, "value": value}]);
    let body = json!({"kind": "write-configuration", "targets": {"ids": [id]}, "changes": changes});
    let plan = api.post("/api/v1/plans", &body).await.expect(201);
    api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
}

fn find(page: &Value, parameter: &str) -> Value {
    let rows = page["items"].as_array().expect("rows");
    rows.iter().find(|row| row["parameter"] == parameter).unwrap_or_else(|| panic!("no {parameter}")).clone()
}

on_both_databases! {
    every_parameter_of_the_client_is_there_with_what_the_phone_says => |server| {
        let api = server.api(&[Role::Operator]).await;
        let id = client(server, &api).await;
        let path = format!("/api/v1/clients/{id}/configuration");
        let all = api.get(&path).await.expect(200);
        assert!(all["total"].as_u64().expect("a number") > 600, "{}", all["total"]);
        assert_eq!((&all["page"], &all["size"]), (&json!(1), &json!(50)));
        let section = api.get(&format!("{path}?section=telephony.sip-settings&size=100")).await.expect(200);
        let row = find(&section, SERVER);
        assert_eq!((&row["item"], &row["item_index"], &row["index"]), (&json!("reg-addr"), &Value::Null, &Value::Null));
        assert!(row["reported"].is_string() && row["reported"] == row["reported_text"], "{row}");
        assert_eq!((&row["desired_set"], &row["state"], &row["origin"]), (&json!(false), &Value::Null, &Value::Null));
        let area = api.get(&format!("{path}?area=telephony&size=500")).await.expect(200);
        assert!(area["total"].as_u64() > section["total"].as_u64());
        for row in area["items"].as_array().expect("rows") {
            assert!(row["parameter"].as_str().is_some_and(|name| name.starts_with("telephony.")));
            assert!(!row["parameter"].as_str().is_some_and(|name| name.starts_with("telephony.hfa-settings.")), "{row}");
        }
        let reported = api.get(&format!("{path}?only=reported&size=500")).await.expect(200);
        assert!(reported["total"].as_u64() < all["total"].as_u64());
        let found = api.get(&format!("{path}?search=Server%20address&size=500")).await.expect(200);
        find(&found, SERVER);
        assert_eq!(api.get(&format!("{path}?only=desired")).await.expect(200)["total"], 0);
    }

    what_is_desired_is_shown_beside_it_and_secrets_are_not => |server| {
        let api = server.api(&[Role::Operator]).await;
        let id = client(server, &api).await;
        set(&api, &id, SERVER, json!("sip9.example.net")).await;
        set(&api, &id, PASSWORD, json!("k4nar1envogel")).await;
        let path = format!("/api/v1/clients/{id}/configuration");
        for only in ["desired", "different"] {
            let page = api.get(&format!("{path}?only={only}")).await.expect(200);
            assert_eq!(page["total"], 2, "{only}");
            let row = find(&page, SERVER);
            assert_eq!((&row["desired"], &row["state"], &row["origin"]), (&json!("sip9.example.net"), &json!("pending"), &json!("client")));
            assert!(row["reported"].is_string() && row["reported"] != row["desired"]);
            let secret = find(&page, PASSWORD);
            assert_eq!((&secret["desired"], &secret["desired_set"], &secret["secret"]), (&Value::Null, &json!(true), &json!(true)));
            assert_eq!((&secret["reported"], &secret["reported_text"]), (&Value::Null, &Value::Null));
            assert_eq!(secret["withheld"]["code"], "not-approved");
            assert!(!page.to_string().contains("k4nar1envogel"));
        }
    }

    revisions_are_numbered_newest_first => |server| {
        let api = server.api(&[Role::Operator]).await;
        let id = client(server, &api).await;
        let path = format!("/api/v1/clients/{id}/revisions");
        assert_eq!(api.get(&path).await.expect(200)["items"], json!([]));
        for value in [json!("a.example.net"), json!("b.example.net"), Value::Null] {
            set(&api, &id, SERVER, value).await;
        }
        let list = api.get(&format!("{path}?size=2")).await.expect(200);
        assert_eq!((&list["total"], list["items"].as_array().map(Vec::len)), (&json!(3), Some(2)));
        let newest = &list["items"][0];
        assert_eq!((&newest["number"], &newest["job_id"]), (&json!(3), &Value::Null));
        let change = &newest["changes"][0];
        assert_eq!((&change["before"], &change["was_set"], &change["is_set"]), (&json!("b.example.net"), &json!(true), &json!(false)));
        assert_eq!(api.get(&format!("{path}/3")).await.expect(200), *newest);
        assert_eq!(api.get(&format!("/api/v1/clients/{id}")).await.expect(200)["configuration_revision"], 3);
        for number in ["0", "4", "x"] {
            api.get(&format!("{path}/{number}")).await.expect_problem(404, "not_found");
        }
    }

    what_cannot_be_asked => |server| {
        let api = server.api(&[Role::Viewer]).await;
        for id in ["999999", "x"] {
            api.get(&format!("/api/v1/clients/{id}/configuration")).await.expect_problem(404, "not_found");
            api.get(&format!("/api/v1/clients/{id}/revisions")).await.expect_problem(404, "not_found");
            api.get(&format!("/api/v1/clients/{id}/revisions/1")).await.expect_problem(404, "not_found");
        }
        let id = client(server, &api).await;
        for (query, refused) in [
            ("area=nowhere", "area: not_a_choice"),
            ("section=nowhere", "section: not_a_choice"),
            ("only=nothing", "only: not_a_choice"),
            ("size=501", "size: out_of_range"),
            ("sort=id", "sort: unknown_field"),
        ] {
            let answer = api.get(&format!("/api/v1/clients/{id}/configuration?{query}")).await;
            assert_eq!(answer.refused_fields(), [refused], "{query}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let auditor = server.api(&[Role::Auditor]).await;
        auditor.get(&format!("/api/v1/clients/{id}/configuration")).await.expect_problem(403, "forbidden");
        auditor.get(&format!("/api/v1/clients/{id}/revisions")).await.expect_problem(403, "forbidden");
    }
}
