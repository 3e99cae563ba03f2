//! Fields of clients through the API: made, renamed, deleted, in use; values of one client (OSEM §8). How they move a
//! client between groups is in `group_members.rs`.

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, on_both_databases};

const FIELDS: &str = "/api/v1/client-fields";
const CLIENTS: &str = "/api/v1/clients";

async fn field(api: &ApiClient, name: &str) -> Value {
    api.post(FIELDS, &json!({"name": name, "label": format!("The {name}")})).await.expect(201)
}

async fn prepared(api: &ApiClient, number: &str) -> Value {
    api.post(CLIENTS, &json!({"e164": number})).await.expect(201)
}

fn values_of(client: &Value) -> String {
    format!("{CLIENTS}/{}/fields", client["id"])
}

async fn set(api: &ApiClient, client: &Value, fields: Value) -> Value {
    let any = api.clone().if_match("*");
    any.put(&values_of(client), &json!({"fields": fields})).await.expect(200)
}

async fn listed(api: &ApiClient, name: &str) -> Value {
    let list = api.get(FIELDS).await.expect(200);
    let all = list["items"].as_array().expect("a list");
    all.iter().find(|field| field["name"] == name).cloned().unwrap_or_default()
}

on_both_databases! {
    a_field_is_made_renamed_and_deleted => |server| {
        let api = server.api(&[Role::Operator]).await;
        let answer = api.post(FIELDS, &json!({"name": " site ", "label": " Site "})).await;
        assert_eq!((answer.header("location"), answer.header("etag")), ("/api/v1/client-fields/site", "\"1\""));
        let made = answer.expect(201);
        assert_eq!((&made["name"], &made["label"], &made["clients"]), (&json!("site"), &json!("Site"), &json!(0)));
        assert_eq!((&made["used_by"], &made["revision"]), (&json!([]), &json!(1)));
        assert_eq!(listed(&api, "site").await, made);
        field(&api, "floor_2").await;
        let list = api.get(FIELDS).await.expect(200);
        assert_eq!((&list["total"], &list["items"][0]["name"]), (&json!(2), &json!("floor_2")), "by name");
        let site = format!("{FIELDS}/site");
        let tagged = api.clone().if_match("\"1\"");
        let answer = tagged.patch(&site, &json!({"label": "Place"})).await;
        assert_eq!(answer.header("etag"), "\"2\"");
        let changed = answer.expect(200);
        assert_eq!((&changed["label"], &changed["revision"]), (&json!("Place"), &json!(2)));
        tagged.patch(&site, &json!({"label": "Place"})).await.expect_problem(412, "precondition_failed");
        let tagged = api.clone().if_match("\"2\"");
        assert_eq!(tagged.patch(&site, &json!({"label": "Place"})).await.expect(200), changed, "the same again");
        api.patch(&site, &json!({"label": "x"})).await.expect_problem(428, "precondition_required");
        api.delete(&site).await.expect_problem(428, "precondition_required");
        api.clone().if_match("\"1\"").delete(&site).await.expect_problem(412, "precondition_failed");
        tagged.delete(&site).await.expect(204);
        tagged.delete(&site).await.expect_problem(404, "not_found");
        tagged.patch(&site, &json!({"label": "x"})).await.expect_problem(404, "not_found");
        let auditor = server.api(&[Role::Auditor]).await;
        for (action, number) in [("client-field.create", 2), ("client-field.change", 1), ("client-field.delete", 1)] {
            let audit = auditor.get(&format!("/api/v1/audit?action={action}")).await.expect(200);
            assert_eq!(audit["total"], number, "{action}");
            assert_eq!(audit["items"][0]["object_kind"], "client-field", "{action}");
        }
    }

    a_field_that_cannot_be_is_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        let long = |count| "x".repeat(count);
        let bodies = [
            (json!({"label": "Site"}), "/name: missing"),
            (json!({"name": "site"}), "/label: missing"),
            (json!({"name": "", "label": "Site"}), "/name: missing"),
            (json!({"name": "Site", "label": "Site"}), "/name: not_a_variable_name"),
            (json!({"name": "1st", "label": "Site"}), "/name: not_a_variable_name"),
            (json!({"name": "a-b", "label": "Site"}), "/name: not_a_variable_name"),
            (json!({"name": long(33), "label": "Site"}), "/name: not_a_variable_name"),
            (json!({"name": "e164", "label": "Number"}), "/name: built_in_variable"),
            (json!({"name": "device_id", "label": "Device"}), "/name: built_in_variable"),
            (json!({"name": "site", "label": " "}), "/label: missing"),
            (json!({"name": "site", "label": long(101)}), "/label: too_long"),
            (json!({"name": "site", "label": "a\tb"}), "/label: control_character"),
            (json!({"name": "site", "label": "Site", "kind": "text"}), "/kind: unknown_field"),
        ];
        for (body, wanted) in bodies {
            let answer = api.post(FIELDS, &body).await;
            assert_eq!(answer.refused_fields(), [wanted], "{body}");
            answer.expect_problem(422, "invalid_fields");
        }
        field(&api, "site").await;
        let problem = api.post(FIELDS, &json!({"name": "site", "label": "x"})).await.expect_problem(409, "name_taken");
        assert_eq!(problem["args"]["name"], "site");
        let any = api.clone().if_match("*");
        let refused = any.patch(&format!("{FIELDS}/site"), &json!({"label": ""})).await;
        assert_eq!(refused.refused_fields(), ["/label: missing"]);
        for number in 1..50 {
            field(&api, &format!("field_{number}")).await;
        }
        let problem = api.post(FIELDS, &json!({"name": "more", "label": "x"})).await.expect_problem(409, "too_many");
        assert_eq!(problem["args"]["most"], 50);
    }

    a_repeated_call_makes_one_field => |server| {
        let api = server.api(&[Role::Operator]).await;
        let keyed = api.clone().with_header("idempotency-key", "field-1");
        let body = json!({"name": "site", "label": "Site"});
        let first = keyed.post(FIELDS, &body).await.expect(201);
        let second = keyed.post(FIELDS, &body).await;
        assert_eq!(second.header("idempotency-replayed"), "true");
        assert_eq!(second.expect(201), first);
    }

    only_who_changes_templates_changes_fields => |server| {
        let operator = server.api(&[Role::Operator]).await;
        field(&operator, "site").await;
        let client = prepared(&operator, "4711").await;
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.get(FIELDS).await.expect(200);
        let any = viewer.clone().if_match("*");
        viewer.post(FIELDS, &json!({"name": "x", "label": "x"})).await.expect_problem(403, "forbidden");
        any.patch(&format!("{FIELDS}/site"), &json!({"label": "x"})).await.expect_problem(403, "forbidden");
        any.delete(&format!("{FIELDS}/site")).await.expect_problem(403, "forbidden");
        any.put(&values_of(&client), &json!({"fields": {}})).await.expect_problem(403, "forbidden");
        server.api(&[Role::Auditor]).await.get(FIELDS).await.expect_problem(403, "forbidden");
    }

    values_of_a_client_are_set_all_at_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        field(&api, "site").await;
        field(&api, "room").await;
        let client = prepared(&api, "4711").await;
        assert_eq!(client["fields"], json!({}));
        let path = values_of(&client);
        let tag = api.get(&format!("{CLIENTS}/{}", client["id"])).await.header("etag").to_owned();
        let body = json!({"fields": {"site": " Hamburg ", "room": "12"}});
        api.put(&path, &body).await.expect_problem(428, "precondition_required");
        let answer = api.clone().if_match(&tag).put(&path, &body).await;
        let next = answer.header("etag").to_owned();
        let set_once = answer.expect(200);
        assert_eq!(set_once["fields"], json!({"site": "Hamburg", "room": "12"}));
        assert_ne!(next, tag);
        api.clone().if_match(&tag).put(&path, &body).await.expect_problem(412, "precondition_failed");
        let again = api.clone().if_match(&next).put(&path, &body).await.expect(200);
        assert_eq!(again, set_once, "the same again changes nothing");
        let one = set(&api, &client, json!({"site": "Kiel"})).await;
        assert_eq!(one["fields"], json!({"site": "Kiel"}), "what is not named is cleared");
        assert_eq!(api.get(&format!("{CLIENTS}/{}", client["id"])).await.expect(200), one);
        let listed_client = api.get(CLIENTS).await.expect(200)["items"][0].clone();
        assert_eq!(listed_client["fields"], one["fields"]);
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=client.fields").await.expect(200);
        assert_eq!(audit["total"], 2);
        let details = &audit["items"][0]["details"];
        assert_eq!(details, &json!({"before": {"site": "Hamburg", "room": "12"}, "after": {"site": "Kiel"}}));
    }

    values_that_cannot_be_are_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        field(&api, "site").await;
        let client = prepared(&api, "4711").await;
        let any = api.clone().if_match("*");
        let many: serde_json::Map<String, Value> = (0..51).map(|name| (format!("n{name}"), json!("x"))).collect();
        let bodies = [
            (json!({}), "/fields: missing"),
            (json!({"fields": {"site": ""}}), "/fields/site: missing"),
            (json!({"fields": {"site": "x".repeat(201)}}), "/fields/site: too_long"),
            (json!({"fields": {"site": "a\u{7}"}}), "/fields/site: control_character"),
            (json!({"fields": {"site": 7}}), "/fields/site: wrong_type"),
            (json!({"fields": {"floor": "x"}}), "/fields/floor: unknown_field"),
            (json!({"fields": {"a/b~c": "x"}}), "/fields/a~1b~0c: unknown_field"),
            (json!({"fields": many}), "/fields: too_many"),
        ];
        for (body, wanted) in bodies {
            let answer = any.put(&values_of(&client), &body).await;
            assert_eq!(answer.refused_fields(), [wanted], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let nobody = format!("{CLIENTS}/999999/fields");
        any.put(&nobody, &json!({"fields": {}})).await.expect_problem(404, "not_found");
    }

    a_field_in_use_stays_and_takes_its_values_with_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        field(&api, "site").await;
        field(&api, "room").await;
        let (first, second) = (prepared(&api, "4711").await, prepared(&api, "4712").await);
        set(&api, &first, json!({"site": "Hamburg", "room": "1"})).await;
        set(&api, &second, json!({"site": "Kiel"})).await;
        assert_eq!(listed(&api, "site").await["clients"], 2);
        let filter = json!({"not": {"test": {"field": "client-field", "name": "site", "pattern": "H*"}}});
        let group = api.post("/api/v1/groups", &json!({"name": "Not in H", "filter": filter})).await.expect(201);
        assert_eq!(group["members"], 1);
        let value = json!({"parameter": "mobile-user.general.display-id", "value": "{site} {extension}"});
        let template = json!({"name": "Welcome", "kind": "onboarding", "values": [value]});
        let template = api.post("/api/v1/templates", &template).await.expect(201);
        assert_eq!(listed(&api, "site").await["used_by"], json!(["Not in H", "Welcome"]));
        assert_eq!(listed(&api, "room").await["used_by"], json!([]));
        let any = api.clone().if_match("*");
        let site = format!("{FIELDS}/site");
        let problem = any.delete(&site).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"]["used_by"], json!(["Not in H", "Welcome"]));
        any.delete(&format!("/api/v1/groups/{}", group["id"])).await.expect(204);
        let problem = any.delete(&site).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"]["used_by"], json!(["Welcome"]));
        any.delete(&format!("/api/v1/templates/{}", template["id"])).await.expect(204);
        any.delete(&site).await.expect(204);
        let left = api.get(&format!("{CLIENTS}/{}", first["id"])).await.expect(200);
        assert_eq!(left["fields"], json!({"room": "1"}));
        // One of the same name later begins without values.
        field(&api, "site").await;
        assert_eq!(listed(&api, "site").await["clients"], 0);
        let left = api.get(&format!("{CLIENTS}/{}", second["id"])).await.expect(200);
        assert_eq!(left["fields"], json!({}));
    }

    a_field_stays_while_a_value_that_clients_were_given_holds_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        field(&api, "site").await;
        field(&api, "sit_").await;
        let values = json!([
            {"parameter": "mobile-user.general.display-id", "value": "{{sit_}} {e164}"},
            {"parameter": "telephony.sip-settings.sip-credentials-password", "value": "{site}-secret"},
        ]);
        let template = json!({"name": "Welcome", "kind": "onboarding", "values": values});
        let id = api.post("/api/v1/templates", &template).await.expect(201)["id"].clone();
        let client = api.post(CLIENTS, &json!({"e164": "4711", "template": id})).await.expect(201);
        let any = api.clone().if_match("*");
        any.delete(&format!("/api/v1/templates/{id}")).await.expect(204);
        let problem = any.delete(&format!("{FIELDS}/site")).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"], json!({"used_by": ["Welcome"], "clients": 1}));
        any.delete(&format!("{FIELDS}/sit_")).await.expect(204);
        any.delete(&format!("{CLIENTS}/{}", client["id"])).await.expect(204);
        any.delete(&format!("{FIELDS}/site")).await.expect(204);
    }

    another_node_knows_it_at_once => |server| {
        let other = server.second_node().await;
        let api = server.api(&[Role::Operator]).await;
        let token = server.token("both", &[Role::Operator]).await;
        let there = other.anonymous().with_token(token.expose());
        assert_eq!(there.get(FIELDS).await.expect(200)["total"], 0);
        field(&api, "site").await;
        assert_eq!(listed(&there, "site").await["label"], "The site");
        let any = api.clone().if_match("*");
        any.patch(&format!("{FIELDS}/site"), &json!({"label": "Place"})).await.expect(200);
        assert_eq!(listed(&there, "site").await["label"], "Place");
        any.delete(&format!("{FIELDS}/site")).await.expect(204);
        assert_eq!(there.get(FIELDS).await.expect(200)["total"], 0);
        other.stop().await;
    }
}
