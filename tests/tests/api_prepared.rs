//! Prepared clients, approving, releasing (OSEM §4.1, D-1, D-3, D-4, D-24).

use std::sync::atomic::{AtomicU32, Ordering};

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, TestServer, items, message, on_both_databases, raw_phone, reply};
use wire::{Action, Reason};

const CLIENTS: &str = "/api/v1/clients";
const MAC: &str = "00:1A:E8:00:00:01";

/// A nonce no phone of this test has used.
fn nonce() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("N{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A start-up from an address, with more items than those every phone sends.
async fn start_up(server: &TestServer, source: [u8; 4], mac: &str, more: &[(&str, &str)]) {
    let mut all = items(&[
        ("device-type", "OpenScape Desk Phone CP600"),
        ("software-type", "Unify SIP"),
        ("software-version", "V2 R10.1.0"),
        ("mac-addr", mac),
    ]);
    all.extend(items(more));
    let mut phone = raw_phone(server.phone_port(), source);
    phone.send(&message(&nonce(), Reason::StartUp, all.clone())).await;
    phone.send(&reply(&nonce(), Action::ReadAllItems, all)).await;
}

async fn by_id(api: &ApiClient, id: &Value) -> Value {
    api.get(&format!("{CLIENTS}/{id}")).await.expect(200)
}

on_both_databases! {
    a_client_is_prepared_and_its_phone_becomes_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        let body = json!({"model": "CP600", "device_id": "001a.e800.0001", "e164": "4711", "secure_mode": "default"});
        let answer = api.post(CLIENTS, &body).await;
        let (location, etag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
        let client = answer.expect(201);
        assert_eq!(location, format!("{CLIENTS}/{}", client["id"]));
        assert_eq!(etag, format!("\"{}\"", client["revision"]));
        assert_eq!((&client["state"], &client["approved"]), (&json!("prepared"), &json!(true)));
        assert_eq!((&client["device_id"], &client["e164"]), (&json!("00:1a:e8:00:00:01"), &json!("4711")));
        assert_eq!((&client["model"], &client["software_type"]), (&json!("CP600"), &json!("SIP")));
        assert_eq!(by_id(&api, &client["id"]).await, client);
        assert_eq!(api.get(&format!("{CLIENTS}?state=prepared")).await.expect(200)["total"], 1);
        let problem = api.post(CLIENTS, &json!({"device_id": MAC})).await.expect_problem(409, "device_id_in_use");
        assert_eq!(problem["args"]["client"], client["id"]);
        start_up(server, [127, 30, 1, 1], MAC, &[("e164", "4711")]).await;
        let matched = by_id(&api, &client["id"]).await;
        assert_eq!((&matched["state"], &matched["approved"], &matched["bound_network"]), (&json!("active"), &json!(false), &json!("127.30.1.0/24")), "a device id is no secret: whoever claims it gets none");
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 1);
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?action=client.prepare").await.expect(200);
        assert_eq!(audit["items"][0]["details"]["after"]["e164"], "4711");
    }

    a_prepared_phone_that_comes_from_an_onboarding_network_is_trusted => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let path = "/api/v1/settings/server-settings.onboarding.networks";
        let setting = admin.get(path).await;
        admin.clone().if_match(setting.header("etag")).put(path, &json!({"value": "127.30.1.0/24"})).await.expect(200);
        let api = server.api(&[Role::Operator]).await;
        let trusted = api.post(CLIENTS, &json!({"device_id": MAC})).await.expect(201);
        let other = api.post(CLIENTS, &json!({"device_id": "00:1A:E8:00:00:09"})).await.expect(201);
        start_up(server, [127, 30, 1, 1], MAC, &[]).await;
        start_up(server, [127, 30, 2, 1], "00:1A:E8:00:00:09", &[]).await;
        assert_eq!(by_id(&api, &trusted["id"]).await["approved"], true);
        assert_eq!(by_id(&api, &other["id"]).await["approved"], false);
    }

    deployment_pins_cannot_be_tried_one_after_the_other => |server| {
        let api = server.api(&[Role::Operator]).await;
        let client = api.post(CLIENTS, &json!({"deployment_pin": "83920175"})).await.expect(201);
        for number in 0..10 {
            let mac = format!("00:1A:E8:00:01:{number:02}");
            start_up(server, [127, 30, 1, 1], &mac, &[("cloud-pin-value", &format!("0000{number}"))]).await;
        }
        start_up(server, [127, 30, 1, 2], MAC, &[("cloud-pin-value", "83920175")]).await;
        assert_eq!(by_id(&api, &client["id"]).await["state"], "prepared", "nobody listens to this network");
        start_up(server, [127, 30, 2, 1], MAC, &[]).await;
        start_up(server, [127, 30, 3, 1], "00:1A:E8:00:02:01", &[("cloud-pin-value", "83920175")]).await;
        assert_eq!(by_id(&api, &client["id"]).await["state"], "active", "others are served");
    }

    a_deployment_pin_finds_the_client_once_and_is_never_shown => |server| {
        let api = server.api(&[Role::Operator]).await;
        let pin = "83920175";
        let client = api.post(CLIENTS, &json!({"deployment_pin": pin})).await.expect(201);
        assert!(!client.to_string().contains(pin));
        api.post(CLIENTS, &json!({"deployment_pin": pin})).await.expect_problem(409, "deployment_pin_in_use");
        start_up(server, [127, 30, 1, 1], MAC, &[("cloud-pin-value", pin)]).await;
        let matched = by_id(&api, &client["id"]).await;
        assert_eq!((&matched["device_id"], &matched["state"], &matched["approved"]), (&json!("00:1a:e8:00:00:01"), &json!("active"), &json!(true)));
        start_up(server, [127, 30, 1, 2], "00:1A:E8:00:00:02", &[("cloud-pin-value", pin)]).await;
        let second = api.get(&format!("{CLIENTS}?search=001AE8000002")).await.expect(200)["items"][0].clone();
        assert_ne!(second["id"], client["id"]);
        assert_eq!(second["approved"], false);
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?size=100").await.expect(200);
        assert!(!audit.to_string().contains(pin));
    }

    a_number_is_prepared_once_unless_forced => |server| {
        let api = server.api(&[Role::Operator]).await;
        start_up(server, [127, 30, 1, 1], MAC, &[("e164", "4711")]).await;
        let problem = api.post(CLIENTS, &json!({"e164": "4711"})).await.expect_problem(409, "number_in_use");
        assert_eq!(problem["args"]["number"], "4711");
        let client = api.post(CLIENTS, &json!({"e164": "4711", "force": true})).await.expect(201);
        assert_eq!(client["warnings"], json!(["number-in-use"]));
    }

    a_repeated_call_prepares_one_client => |server| {
        let api = server.api(&[Role::Operator]).await.with_header("idempotency-key", "one");
        let first = api.post(CLIENTS, &json!({"e164": "4711"})).await.expect(201);
        let second = api.post(CLIENTS, &json!({"e164": "4711"})).await;
        assert_eq!(second.header("idempotency-replayed"), "true");
        assert_eq!(second.expect(201), first);
        api.post(CLIENTS, &json!({"e164": "4712"})).await.expect_problem(422, "idempotency_key_reused");
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 1);
    }

    a_prepared_client_is_changed_until_its_phone_has_come => |server| {
        let api = server.api(&[Role::Operator]).await;
        let client = api.post(CLIENTS, &json!({"e164": "4711", "model": "CP600"})).await.expect(201);
        let other = api.post(CLIENTS, &json!({"e164": "4712"})).await.expect(201);
        let path = format!("{CLIENTS}/{}", client["id"]);
        let etag = format!("\"{}\"", client["revision"]);
        let body = json!({"device_id": MAC, "e164": "4713", "model": "CP400", "deployment_pin": "83920175"});
        api.patch(&path, &body).await.expect_problem(428, "precondition_required");
        let changed = api.clone().if_match(&etag).patch(&path, &body).await.expect(200);
        assert_eq!((&changed["device_id"], &changed["e164"], &changed["model"]), (&json!("00:1a:e8:00:00:01"), &json!("4713"), &json!("CP400")));
        api.clone().if_match(&etag).patch(&path, &body).await.expect_problem(412, "precondition_failed");
        let any = api.clone().if_match("*");
        any.patch(&path, &json!({"e164": "4712"})).await.expect_problem(409, "number_in_use");
        any.patch(&path, &json!({"e164": "4712", "force": true})).await.expect(200);
        let other_path = format!("{CLIENTS}/{}", other["id"]);
        any.patch(&other_path, &json!({"device_id": MAC})).await.expect_problem(409, "device_id_in_use");
        let cleared = any.patch(&path, &json!({"device_id": null, "e164": null, "deployment_pin": null})).await.expect(200);
        assert_eq!((&cleared["device_id"], &cleared["e164"], &cleared["model"]), (&Value::Null, &Value::Null, &json!("CP400")));
        for (body, refused) in [
            (json!({"model": "CP1"}), "/model: not_a_choice"),
            (json!({"e164": "+49"}), "/e164: invalid"),
            (json!({"device_id": "<x>"}), "/device_id: invalid"),
            (json!({"software_type": "GW"}), "/software_type: not_a_choice"),
            (json!({"software_type": null}), "/software_type: wrong_type"),
            (json!({"deployment_pin": "1"}), "/deployment_pin: invalid"),
            (json!({"state": "active"}), "/state: unknown_field"),
        ] {
            let answer = any.patch(&path, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        any.patch(&other_path, &json!({"device_id": MAC})).await.expect(200);
        start_up(server, [127, 30, 1, 1], MAC, &[]).await;
        any.patch(&other_path, &json!({"e164": "4799"})).await.expect_problem(409, "not_prepared");
        any.patch(&format!("{CLIENTS}/999999"), &json!({})).await.expect_problem(404, "not_found");
        let viewer = server.api(&[Role::Viewer]).await.if_match("*");
        viewer.patch(&path, &json!({"e164": "1"})).await.expect_problem(403, "forbidden");
        viewer.post(CLIENTS, &json!({"e164": "1"})).await.expect_problem(403, "forbidden");
    }

    what_a_client_cannot_be_prepared_with => |server| {
        let api = server.api(&[Role::Operator]).await;
        for (body, refused) in [
            (json!({}), "/device_id: missing"),
            (json!({"model": "CP600"}), "/device_id: missing"),
            (json!({"model": "Nothing", "e164": "1"}), "/model: not_a_choice"),
            (json!({"e164": "1234567890123456"}), "/e164: invalid"),
            (json!({"e164": 4711}), "/e164: wrong_type"),
            (json!({"e164": "1", "software_type": "XFA"}), "/software_type: not_a_choice"),
            (json!({"e164": "1", "secure_mode": "half"}), "/secure_mode: not_a_choice"),
            (json!({"device_id": ""}), "/device_id: invalid"),
            (json!({"deployment_pin": "12 45"}), "/deployment_pin: invalid"),
            (json!({"e164": "1", "approved": true}), "/approved: unknown_field"),
        ] {
            let answer = api.post(CLIENTS, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 0);
    }

    a_client_is_approved => |server| {
        let api = server.api(&[Role::Operator]).await;
        start_up(server, [127, 30, 1, 1], MAC, &[]).await;
        let id = api.get(CLIENTS).await.expect(200)["items"][0]["id"].clone();
        assert_eq!(by_id(&api, &id).await["approved"], false);
        let path = format!("{CLIENTS}/{id}/approve");
        let any = api.clone().if_match("*");
        server.api(&[Role::Viewer]).await.if_match("*").post(&path, &json!({})).await.expect_problem(403, "forbidden");
        api.post(&path, &json!({})).await.expect_problem(428, "precondition_required");
        let first = any.post(&path, &json!({})).await.expect(200);
        assert_eq!(first["approved"], true);
        assert_eq!(any.post(&path, &json!({})).await.expect(200), first, "twice is no other change");
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?action=client.approve").await.expect(200);
        assert_eq!(audit["total"], 1);
        for id in ["999999", "x"] {
            for deed in ["approve", "release"] {
                any.post(&format!("{CLIENTS}/{id}/{deed}"), &json!({})).await.expect_problem(404, "not_found");
            }
        }
    }

    an_address_that_nobody_has_seen_is_not_trusted => |server| {
        let api = server.api(&[Role::Operator]).await;
        start_up(server, [127, 30, 1, 1], MAC, &[]).await;
        let id = api.get(CLIENTS).await.expect(200)["items"][0]["id"].clone();
        let seen = by_id(&api, &id).await;
        assert_eq!(seen["peer_address"], "127.30.1.1");
        server.clock.advance(SignedDuration::from_secs(1));
        // It says nothing new, but from another address of its network.
        start_up(server, [127, 30, 1, 2], MAC, &[]).await;
        let moved = by_id(&api, &id).await;
        assert_eq!((&moved["peer_address"], &moved["trusted_address"]), (&json!("127.30.1.2"), &json!("127.30.1.1")));
        let path = format!("{CLIENTS}/{id}/approve");
        let with = |client: &Value| api.clone().if_match(&format!("\"{}\"", client["revision"]));
        with(&seen).post(&path, &json!({})).await.expect_problem(412, "precondition_failed");
        let now = by_id(&api, &id).await;
        assert_eq!((&now["approved"], &now["trusted_address"]), (&json!(false), &json!("127.30.1.1")));
        let approved = with(&now).post(&path, &json!({})).await.expect(200);
        assert_eq!((&approved["approved"], &approved["trusted_address"]), (&json!(true), &json!("127.30.1.2")));
    }

    a_client_in_quarantine_is_released_and_its_next_contact_binds_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        start_up(server, [127, 30, 1, 1], MAC, &[]).await;
        let id = api.get(CLIENTS).await.expect(200)["items"][0]["id"].clone();
        let path = format!("{CLIENTS}/{id}/release");
        let any = api.clone().if_match("*");
        any.post(&path, &json!({})).await.expect_problem(409, "not_quarantined");
        server.clock.advance(SignedDuration::from_secs(1));
        start_up(server, [127, 30, 2, 1], MAC, &[]).await;
        let held = by_id(&api, &id).await;
        assert_eq!((&held["state"], &held["quarantine_reason"]), (&json!("quarantined"), &json!("other-network")));
        any.post(&format!("{CLIENTS}/{id}/approve"), &json!({})).await.expect_problem(409, "client_quarantined");
        api.post(&path, &json!({})).await.expect_problem(428, "precondition_required");
        let old = format!("\"{}\"", held["revision"].as_i64().expect("a number") - 1);
        api.clone().if_match(&old).post(&path, &json!({})).await.expect_problem(412, "precondition_failed");
        server.api(&[Role::Viewer]).await.if_match("*").post(&path, &json!({})).await.expect_problem(403, "forbidden");
        let etag = format!("\"{}\"", held["revision"]);
        let released = api.clone().if_match(&etag).post(&path, &json!({})).await.expect(200);
        assert_eq!((&released["state"], &released["quarantine_reason"]), (&json!("active"), &Value::Null));
        assert_eq!(released["bound_network"], Value::Null, "its next contact binds it");
        start_up(server, [127, 30, 2, 1], MAC, &[]).await;
        let bound = by_id(&api, &id).await;
        assert_eq!((&bound["state"], &bound["bound_network"]), (&json!("active"), &json!("127.30.2.0/24")));
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?action=client.release").await.expect(200);
        assert_eq!(audit["items"][0]["details"]["before"]["reason"], "other-network");
    }

    what_is_in_use_is_refused_by_name_and_only_the_number_can_be_forced => |server| {
        let api = server.api(&[Role::Operator]).await;
        let first = api.post(CLIENTS, &json!({"device_id": MAC, "e164": "4711"})).await.expect(201);
        let waits = api.post(CLIENTS, &json!({"deployment_pin": "83920175"})).await.expect(201);
        start_up(server, [127, 30, 1, 9], "00:1A:E8:00:00:09", &[("e164", "4719")]).await;
        for force in [false, true] {
            let problem = api.post(CLIENTS, &json!({"device_id": MAC, "force": force})).await.expect_problem(409, "device_id_in_use");
            assert_eq!(problem["args"]["client"], first["id"]);
            api.post(CLIENTS, &json!({"device_id": "00-1a-e8-00-00-09", "force": force})).await.expect_problem(409, "device_id_in_use");
            api.post(CLIENTS, &json!({"deployment_pin": "83920175", "force": force})).await.expect_problem(409, "deployment_pin_in_use");
            let any = api.clone().if_match("*");
            let path = format!("{CLIENTS}/{}", waits["id"]);
            any.patch(&path, &json!({"device_id": MAC, "force": force})).await.expect_problem(409, "device_id_in_use");
        }
        for number in ["4711", "4719"] {
            let problem = api.post(CLIENTS, &json!({"e164": number})).await.expect_problem(409, "number_in_use");
            assert_eq!(problem["args"]["number"], number);
            api.post(CLIENTS, &json!({"e164": number, "force": true})).await.expect(201);
        }
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 5);
    }

    two_clients_that_wait_for_one_number_find_no_phone => |server| {
        let until = server.clock.now() + SignedDuration::from_hours(1);
        server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
        let api = server.api(&[Role::Operator]).await;
        for _ in 0..2 {
            api.post(CLIENTS, &json!({"e164": "4711", "force": true})).await.expect(201);
        }
        start_up(server, [127, 30, 1, 1], MAC, &[("e164", "4711")]).await;
        let held = api.get(&format!("{CLIENTS}?state=quarantined")).await.expect(200);
        assert_eq!((&held["total"], &held["items"][0]["quarantine_reason"]), (&json!(1), &json!("several-matches")));
        assert_eq!(api.get(&format!("{CLIENTS}?state=prepared")).await.expect(200)["total"], 2);
    }

    a_template_is_chosen_and_another_one_takes_its_place => |server| {
        let api = server.api(&[Role::Operator]).await;
        let address = "telephony.sip-settings.server-address";
        let port = "telephony.sip-settings.server-port";
        let make = async |name: &str, more: Value, values: Value| {
            let mut body = json!({"name": name, "kind": "onboarding", "values": values});
            more.as_object().into_iter().flatten().for_each(|(field, value)| body[field] = value.clone());
            api.post("/api/v1/templates", &body).await.expect(201)["id"].clone()
        };
        let values = json!([{"parameter": address, "value": "one.example.net"}, {"parameter": port, "value": 5070}]);
        let one = make("One", json!({"models": ["CP600"], "software_types": ["SIP"]}), values).await;
        let two = make("Two", json!({}), json!([{"parameter": address, "value": "two.example.net"}])).await;
        let desired = async |client: &Value| {
            let path = format!("{CLIENTS}/{}/configuration?only=desired", client["id"]);
            let rows = api.get(&path).await.expect(200)["items"].as_array().expect("rows").clone();
            rows.iter().map(|row| (row["desired"].clone(), row["origin"].clone(), row["origin_template"]["name"].clone())).collect::<Vec<_>>()
        };
        for (body, refused) in [
            (json!({"e164": "1", "template": 999_999}), "/template: unknown_template"),
            (json!({"e164": "1", "template": one}), "/template: template_not_for_client"),
            (json!({"e164": "1", "model": "CP200", "template": one}), "/template: template_not_for_client"),
            (json!({"e164": "1", "model": "CP600", "software_type": "HFA", "template": one}), "/template: template_not_for_client"),
            (json!({"e164": "1", "fields": {"site": "Hamburg"}}), "/fields/site: unknown_field"),
        ] {
            let answer = api.post(CLIENTS, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 0);
        let client = api.post(CLIENTS, &json!({"e164": "4711", "model": "CP600", "template": one})).await.expect(201);
        assert_eq!(client["onboarding_template"], one);
        let from = |value: Value, name: &str| (value, json!("onboarding"), json!(name));
        assert_eq!(desired(&client).await, [from(json!("one.example.net"), "One"), from(json!(5070), "One")]);
        let (any, path) = (api.clone().if_match("*"), format!("{CLIENTS}/{}", client["id"]));
        let answer = any.patch(&path, &json!({"model": "CP400"})).await;
        assert_eq!(answer.refused_fields(), ["/template: template_not_for_client"], "{}", answer.text);
        any.patch(&path, &json!({"e164": "4712"})).await.expect(200);
        assert_eq!(desired(&client).await.len(), 2, "what is not named stays");
        let changed = any.patch(&path, &json!({"model": "CP400", "template": two})).await.expect(200);
        assert_eq!(changed["onboarding_template"], two);
        assert_eq!(desired(&client).await, [from(json!("two.example.net"), "Two")]);
        let cleared = any.patch(&path, &json!({"template": null})).await.expect(200);
        assert_eq!((&cleared["onboarding_template"], desired(&client).await), (&Value::Null, Vec::new()));
    }

    fields_are_given_when_a_client_is_prepared => |server| {
        let api = server.api(&[Role::Operator]).await;
        api.post("/api/v1/client-fields", &json!({"name": "site", "label": "Site"})).await.expect(201);
        let filter = json!({"test": {"field": "client-field", "name": "site", "is": "Hamburg"}});
        let group = api.post("/api/v1/groups", &json!({"name": "Hamburg", "filter": filter})).await.expect(201);
        let answer = api.post(CLIENTS, &json!({"e164": "1", "fields": {"site": "x".repeat(201)}})).await;
        assert_eq!(answer.refused_fields(), ["/fields/site: too_long"], "{}", answer.text);
        let client = api.post(CLIENTS, &json!({"e164": "4711", "fields": {"site": "Hamburg"}})).await.expect(201);
        assert_eq!((&client["fields"], &client["groups"][0]["id"]), (&json!({"site": "Hamburg"}), &group["id"]));
    }
}
