//! Copies of clients and templates made of clients (OSEM §4.5.5, §4.5.6, D-1 … D-3, D-29).

use std::sync::Arc;
use std::time::Duration;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Opening, SimulateConfig, SimulatedPhone};
use tests::desk::{apply, client_of, plan, target};
use tests::{ApiClient, TestServer, items, message, on_both_databases, phones, raw_phone, reply};
use wire::{Action, Reason};

const CLIENTS: &str = "/api/v1/clients";
const TEMPLATES: &str = "/api/v1/templates";
const SERVER: &str = "telephony.sip-settings.server-address";
const PORT: &str = "telephony.sip-settings.server-port";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const LABEL: &str = "mobile-user.general.display-id";
const KEY: &str = "mobile-user.fpk.function";
const SECRET: &str = "k4nar1envogel";

async fn fleet(
    server: &TestServer,
    first: u32,
    model: &str,
    change: impl FnOnce(&mut SimulateConfig),
) -> Arc<SimulatedPhone> {
    let fleet = phones(server.phone_port(), 1, |config| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec![model.parse().expect("a model")];
        config.first_mac = format!("00:1A:E8:00:{first:02X}:01").parse().expect("a MAC");
        config.first_number = 4_940_000;
        config.contact_gap = Some(Duration::ZERO);
        change(config);
    });
    fleet.await.remove(0)
}

async fn starts_up(phone: &SimulatedPhone) {
    phone.session(&Opening::StartUp).await.expect("a session");
}

async fn value(phone: &SimulatedPhone, item: &str) -> String {
    phone.value(item, None).await.unwrap_or_default()
}

/// A phone that has come, the API, and its client.
async fn one_phone(server: &mut TestServer, model: &str) -> (Arc<SimulatedPhone>, ApiClient, Value) {
    let phone = fleet(server, 1, model, |_| {}).await;
    starts_up(&phone).await;
    let api = server.api(&[Role::Operator]).await;
    let client = client_of(&api, &phone.mac().to_string()).await;
    (phone, api, client)
}

async fn get(api: &ApiClient, id: &Value) -> Value {
    api.get(&format!("{CLIENTS}/{id}")).await.expect(200)
}

async fn set(api: &ApiClient, id: &Value, changes: Value, how: Value) -> Value {
    let plan = plan(api, std::slice::from_ref(id), changes).await;
    apply(api, &plan, how).await
}

fn copy_path(client: &Value) -> String {
    format!("{CLIENTS}/{}/copy", client["id"])
}

fn template_path(client: &Value) -> String {
    format!("{CLIENTS}/{}/template", client["id"])
}

async fn desired(api: &ApiClient, id: &Value) -> Vec<(String, Value, Value)> {
    let path = format!("{CLIENTS}/{id}/configuration?only=desired&size=500");
    let rows = api.get(&path).await.expect(200)["items"].as_array().expect("rows").clone();
    let text = |row: &Value| row["parameter"].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(row), row["desired"].clone(), row["origin"].clone())).collect()
}

async fn audit(server: &mut TestServer, action: &str) -> Value {
    server.api(&[Role::Auditor]).await.get(&format!("/api/v1/audit?action={action}")).await.expect(200)
}

/// Phones are trusted with secrets: an open window, and their networks are those of onboarding.
async fn trust(server: &mut TestServer) {
    let until = server.clock.now() + SignedDuration::from_hours(48);
    server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
    server.change_setting("server-settings.onboarding.networks", "127.0.0.0/8").await;
}

on_both_databases! {
    another_phone_takes_the_place_of_an_old_one => |server| {
        trust(server).await;
        let api = server.api(&[Role::Operator]).await;
        api.post("/api/v1/client-fields", &json!({"name": "site", "label": "Site"})).await.expect(201);
        let start = json!({"name": "Start", "kind": "onboarding", "values": [{"parameter": PORT, "value": 5070}]});
        api.post(TEMPLATES, &start).await.expect(201);
        let (old_phone, api, old) = one_phone(server, "CP600").await;
        let etag = format!("\"{}\"", old["revision"]);
        api.clone().if_match(&etag).put(&format!("{CLIENTS}/{}/fields", old["id"]), &json!({"fields": {"site": "Hamburg"}})).await.expect(200);
        let changes = json!([
            {"parameter": SERVER, "value": "sip9.example.net"}, {"parameter": PASSWORD, "value": SECRET},
            {"parameter": KEY, "index": 7, "value": "Hold"},
        ]);
        set(&api, &old["id"], changes, json!({"approve": true})).await;
        let request = json!({"reason": "hardware-change", "model": "CP200"});
        let mut dry = request.clone();
        dry["dry_run"] = json!(true);
        let said = api.post(&copy_path(&old), &dry).await.expect(200);
        let unfit = json!([{"parameter": KEY, "index": 7, "reason": {"code": "index-too-high", "args": {}}}]);
        assert_eq!((&said["client"], &said["copied"], &said["does_not_fit"][0]["parameter"]), (&Value::Null, &json!(3), &unfit[0]["parameter"]), "{said}");
        assert_eq!(said["does_not_fit"].as_array().map(Vec::len), Some(1));
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 1, "nothing was changed");
        let answer = api.post(&copy_path(&old), &request).await;
        let location = answer.header("location").to_owned();
        let made = answer.expect(201);
        let copy = made["client"].clone();
        assert_eq!(location, format!("{CLIENTS}/{}", copy["id"]));
        assert_eq!((&copy["state"], &copy["model"], &copy["device_id"], &copy["e164"]), (&json!("prepared"), &json!("CP200"), &Value::Null, &old["e164"]));
        assert_eq!((&copy["replaces"], &copy["approved"], &copy["fields"]["site"], &copy["warnings"]), (&old["id"], &json!(true), &json!("Hamburg"), &json!([])));
        assert_eq!(copy["configuration_revision"], 1);
        assert_eq!((&made["copied"], &made["does_not_fit"]), (&said["copied"], &said["does_not_fit"]));
        let has = desired(&api, &copy["id"]).await;
        assert!(has.contains(&(SERVER.to_owned(), json!("sip9.example.net"), json!("client"))), "{has:?}");
        assert!(has.contains(&(PORT.to_owned(), json!(5070), json!("onboarding"))), "{has:?}");
        assert!(has.contains(&(PASSWORD.to_owned(), Value::Null, json!("client"))), "{has:?}");
        let revision = api.get(&format!("{location}/revisions/1")).await.expect(200);
        assert_eq!((&revision["author_kind"], &revision["total_changes"]), (&json!("token"), &json!(2)));
        assert!(!revision.to_string().contains(SECRET));
        // A second one would not be found by its number.
        let problem = api.post(&copy_path(&old), &request).await.expect_problem(409, "number_in_use");
        assert_eq!((&problem["args"]["client"], &problem["args"]["number"]), (&copy["id"], &old["e164"]));
        // The old phone goes on until the new one has come.
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&old_phone).await;
        assert_eq!((value(&old_phone, "reg-addr").await, get(&api, &old["id"]).await["state"].clone()), ("sip9.example.net".to_owned(), json!("active")));
        let waits = set(&api, &old["id"], json!([{"parameter": LABEL, "value": "old"}]), json!({})).await;
        let new_phone = fleet(server, 2, "CP200", |_| {}).await;
        starts_up(&new_phone).await;
        let come = get(&api, &copy["id"]).await;
        assert_eq!((&come["state"], &come["device_id"]), (&json!("active"), &json!(new_phone.mac().to_string().to_lowercase())));
        assert_eq!((value(&new_phone, "reg-addr").await, value(&new_phone, "reg-port").await), ("sip9.example.net".to_owned(), "5070".to_owned()));
        assert_eq!(value(&new_phone, "sip-pwd").await, SECRET, "sealed anew for the new client");
        let left = get(&api, &old["id"]).await;
        assert_eq!((&left["state"], &left["open_targets"], &left["warnings"], &come["warnings"]), (&json!("retired"), &json!(0), &json!([]), &json!([])));
        let target = target(&api, &waits).await;
        assert_eq!((&target["state"], &target["reason"]), (&json!("cancelled"), &json!("replaced")), "{target}");
        let record = audit(server, "client.retire").await;
        assert_eq!((&record["total"], &record["items"][0]["details"]["replaced_by"]), (&json!(1), &copy["id"]));
        assert_eq!(audit(server, "client.onboard").await["total"], 1, "it had its first values already");
        let order = json!({"action": "restart", "targets": {"ids": [old["id"]]}});
        api.post("/api/v1/clients/actions", &order).await.expect_problem(409, "no_targets");
        // Nobody misses it.
        server.clock.advance(SignedDuration::from_hours(8 * 24));
        let missed = api.get(&format!("{CLIENTS}?not_seen=true")).await.expect(200);
        assert_eq!((&missed["total"], &missed["items"][0]["id"]), (&json!(1), &copy["id"]));
        assert_eq!(api.get(&format!("{CLIENTS}?not_seen=false")).await.expect(200)["items"][0]["id"], old["id"]);
        assert_eq!(get(&api, &old["id"]).await["not_seen"], false);
    }

    an_old_phone_that_comes_back_is_kept_apart_until_it_is_released => |server| {
        let (old_phone, api, old) = one_phone(server, "CP600").await;
        let new_phone = fleet(server, 2, "CP600", |_| {}).await;
        let request = json!({"reason": "hardware-change", "device_id": new_phone.mac().to_string()});
        let copy = api.post(&copy_path(&old), &request).await.expect(201)["client"].clone();
        assert_eq!(copy["device_id"], new_phone.mac().to_string().to_lowercase());
        starts_up(&new_phone).await;
        assert_eq!(get(&api, &old["id"]).await["state"], "retired");
        let plan = api.post("/api/v1/plans", &json!({"kind": "write-configuration", "targets": {"ids": [old["id"]]}, "changes": [{"parameter": SERVER, "value": "sip9.example.net"}]})).await.expect(201);
        assert_eq!((&plan["summary"]["writes"], &plan["summary"]["excluded"]), (&json!(0), &json!({"retired": 1})));
        api.post(&copy_path(&old), &json!({"reason": "hardware-change"})).await.expect_problem(409, "not_copyable");
        let reset = json!({"reason": "factory-reset", "device_id": old_phone.mac().to_string()});
        let problem = api.post(&copy_path(&old), &reset).await.expect_problem(409, "not_copyable");
        assert_eq!(problem["args"]["state"], "retired");
        server.clock.advance(SignedDuration::from_secs(30));
        let before = old_phone.orders().await.writes.received;
        starts_up(&old_phone).await;
        let back = get(&api, &old["id"]).await;
        assert_eq!((&back["state"], &back["quarantine_reason"]), (&json!("quarantined"), &json!("replaced")));
        assert_eq!(old_phone.orders().await.writes.received, before, "it is read and not written");
        let told = api.get("/api/v1/notifications").await.expect(200);
        assert!(told["items"].as_array().expect("a list").iter().any(|one| one["code"] == "client-quarantined" && one["args"]["reason"] == "replaced"), "{told}");
        api.clone().if_match("*").post(&format!("{CLIENTS}/{}/release", old["id"]), &json!({})).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&old_phone).await;
        assert_eq!(get(&api, &old["id"]).await["state"], "active");
        let new = get(&api, &copy["id"]).await;
        assert_eq!((&new["state"], &new["replaces"], &new["warnings"]), (&json!("active"), &Value::Null, &json!(["number-in-use"])));
    }

    a_new_phone_that_must_be_looked_at_first_takes_the_place_when_it_is_released => |server| {
        let (_, api, old) = one_phone(server, "CP600").await;
        let new_phone = fleet(server, 2, "CP400", |_| {}).await;
        let request = json!({"reason": "hardware-change", "model": "CP200", "device_id": new_phone.mac().to_string()});
        let copy = api.post(&copy_path(&old), &request).await.expect(201)["client"].clone();
        starts_up(&new_phone).await;
        assert_eq!(get(&api, &copy["id"]).await["quarantine_reason"], "other-model");
        assert_eq!(get(&api, &old["id"]).await["state"], "active");
        api.clone().if_match("*").post(&format!("{CLIENTS}/{}/release", copy["id"]), &json!({})).await.expect(200);
        assert_eq!(get(&api, &old["id"]).await["state"], "retired");
    }

    a_copy_is_made_once_for_a_repeated_call => |server| {
        let (_, api, old) = one_phone(server, "CP600").await;
        let once = api.clone().with_header("idempotency-key", "one");
        let request = json!({"reason": "hardware-change"});
        let first = once.post(&copy_path(&old), &request).await.expect(201);
        let second = once.post(&copy_path(&old), &request).await;
        assert_eq!(second.header("idempotency-replayed"), "true");
        assert_eq!(second.expect(201), first);
        assert_eq!(api.get(CLIENTS).await.expect(200)["total"], 2);
        // While it waits it is changed and deleted like any prepared one.
        let path = format!("{CLIENTS}/{}", first["client"]["id"]);
        api.clone().if_match("*").patch(&path, &json!({"model": "CP400"})).await.expect(200);
        api.clone().if_match("*").delete(&path).await.expect(204);
        api.post(&copy_path(&old), &request).await.expect(201);
    }

    what_cannot_be_copied_is_refused_by_name => |server| {
        let (phone, api, old) = one_phone(server, "CP600").await;
        let other = fleet(server, 2, "CP600", |config| config.first_number = 4_950_000).await;
        starts_up(&other).await;
        let other = client_of(&api, &other.mac().to_string()).await;
        for (body, refused) in [
            (json!({"reason": "hardware-change", "model": "CP1"}), "/model: not_a_choice"),
            (json!({"reason": "hardware-change", "software_type": "GW"}), "/software_type: not_a_choice"),
            (json!({"reason": "hardware-change", "device_id": "<x>"}), "/device_id: invalid"),
            (json!({"reason": "factory-reset", "device_id": ""}), "/device_id: invalid"),
        ] {
            let answer = api.post(&copy_path(&old), &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        for body in [
            json!({}), json!({"reason": "theft"}), json!({"reason": "factory-reset"}),
            json!({"reason": "hardware-change", "secure_mode": "half"}), json!({"reason": "hardware-change", "colour": "red"}),
        ] {
            let answer = api.post(&copy_path(&old), &body).await;
            assert_eq!(answer.refused_fields().len(), 1, "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let taken = other["device_id"].clone();
        for reason in ["hardware-change", "factory-reset"] {
            for body in [json!({"reason": reason, "device_id": taken}), json!({"reason": reason, "device_id": taken, "dry_run": true})] {
                let problem = api.post(&copy_path(&old), &body).await.expect_problem(409, "device_id_in_use");
                assert_eq!(problem["args"]["client"], other["id"]);
            }
        }
        let number = api.post(CLIENTS, &json!({"e164": old["e164"], "force": true})).await.expect(201);
        let problem = api.post(&copy_path(&old), &json!({"reason": "hardware-change"})).await.expect_problem(409, "number_in_use");
        assert_eq!(problem["args"]["client"], number["id"]);
        api.post(&copy_path(&number), &json!({"reason": "hardware-change"})).await.expect_problem(409, "not_copyable");
        // Nothing is left by which another phone could be known.
        phone.with_machine(|machine, _| machine.phone_mut().factory_reset()).await;
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        let answer = api.post(&copy_path(&old), &json!({"reason": "hardware-change"})).await;
        assert_eq!(answer.refused_fields(), ["/device_id: missing"], "{}", answer.text);
        let nobody = json!({"id": 999_999});
        for body in [json!({"reason": "hardware-change"}), json!({"reason": "factory-reset", "device_id": "001AE8000077"})] {
            api.post(&copy_path(&nobody), &body).await.expect_problem(404, "not_found");
            let viewer = server.api(&[Role::Viewer]).await;
            viewer.post(&copy_path(&old), &body).await.expect_problem(403, "forbidden");
        }
    }

    a_phone_that_has_left_its_place_is_in_nobodys_way => |server| {
        let (old_phone, api, old) = one_phone(server, "CP600").await;
        let group = api.post("/api/v1/groups", &json!({"name": "All", "filter": {"all": []}})).await.expect(201);
        let group_path = format!("/api/v1/groups/{}", group["id"]);
        let new = fleet(server, 2, "CP600", |config| config.first_number = 4_950_000).await;
        let request = json!({"reason": "hardware-change", "device_id": new.mac().to_string()});
        api.post(&copy_path(&old), &request).await.expect(201);
        assert_eq!(api.get(&group_path).await.expect(200)["members"], 2, "the old one and the one that is prepared");
        starts_up(&new).await;
        let old = get(&api, &old["id"]).await;
        assert_eq!((&old["state"], &old["e164"]), (&json!("retired"), &json!("4940000")));
        // It is nobody's member.
        assert_eq!(api.get(&group_path).await.expect(200)["members"], 1);
        let preview = api.post("/api/v1/groups/preview", &json!({"filter": {"all": []}, "overlaps": true})).await.expect(200);
        let overlap = json!([{"id": group["id"], "name": "All", "members": 1}]);
        assert_eq!((&preview["members"], &preview["overlaps"]), (&json!(1), &overlap));
        assert!(preview["clients"].as_array().expect("clients").iter().all(|client| client["id"] != old["id"]), "{preview}");
        let of_group = async |more: &str| api.get(&format!("{CLIENTS}?group={}{more}", group["id"])).await.expect(200)["total"].clone();
        assert_eq!((of_group("").await, of_group("&state=retired").await), (json!(1), json!(1)));
        let template = api.post(TEMPLATES, &json!({"name": "For all", "kind": "default"})).await.expect(201)["id"].clone();
        let of_template = format!("{CLIENTS}?template={template}");
        assert_eq!(api.get(&of_template).await.expect(200)["total"], 1);
        // Its number is free; its device id is not until it is deleted, which the refusal says.
        api.post(CLIENTS, &json!({"e164": old["e164"]})).await.expect(201);
        let mac = json!({"device_id": old_phone.mac().to_string()});
        let problem = api.post(CLIENTS, &mac).await.expect_problem(409, "device_id_in_use");
        assert_eq!((&problem["args"]["client"], &problem["args"]["retired"]), (&old["id"], &json!(true)));
        let now = client_of(&api, &new.mac().to_string()).await;
        for reason in ["hardware-change", "factory-reset"] {
            let body = json!({"reason": reason, "device_id": mac["device_id"], "dry_run": true});
            let problem = api.post(&copy_path(&now), &body).await.expect_problem(409, "device_id_in_use");
            assert_eq!((&problem["args"]["client"], &problem["args"]["retired"]), (&old["id"], &json!(true)), "{reason}");
        }
        let problem = api.post(CLIENTS, &json!({"device_id": now["device_id"]})).await.expect_problem(409, "device_id_in_use");
        assert_eq!(problem["args"]["retired"], Value::Null);
        api.clone().if_match("*").delete(&format!("{CLIENTS}/{}", old["id"])).await.expect(204);
        api.post(CLIENTS, &mac).await.expect(201);
    }

    a_client_in_quarantine_does_not_leave_it_by_a_reset => |server| {
        let api = server.api(&[Role::Operator]).await;
        let phone = fleet(server, 1, "CP600", |_| {}).await;
        let client = api.post(CLIENTS, &json!({"model": "CP200", "device_id": phone.mac().to_string()})).await.expect(201);
        starts_up(&phone).await;
        let held = get(&api, &client["id"]).await;
        assert_eq!((&held["state"], &held["approved"]), (&json!("quarantined"), &json!(false)));
        for dry_run in [true, false] {
            let body = json!({"reason": "factory-reset", "device_id": held["device_id"], "dry_run": dry_run});
            api.post(&copy_path(&held), &body).await.expect_problem(409, "client_quarantined");
        }
        assert_eq!(get(&api, &client["id"]).await, held);
    }

    values_of_another_kind_stay_behind => |server| {
        let (_, api, old) = one_phone(server, "CP600").await;
        set(&api, &old["id"], json!([{"parameter": SERVER, "value": "sip9.example.net"}, {"parameter": LABEL, "value": "x"}]), json!({})).await;
        let made = api.post(&copy_path(&old), &json!({"reason": "hardware-change", "software_type": "HFA"})).await.expect(201);
        assert_eq!(made["client"]["software_type"], "HFA");
        let unfit = made["does_not_fit"].as_array().expect("a list");
        assert!(unfit.iter().any(|one| one["parameter"] == SERVER && one["reason"]["code"] == "other-kind"), "{made}");
    }

    what_a_phone_still_says_is_nothing_to_a_client_that_waits_again => |server| {
        let all = items(&[
            ("device-type", "OpenScape Desk Phone CP600"), ("software-type", "Unify SIP"), ("software-version", "V2 R10.1.0"),
            ("mac-addr", "00:1A:E8:00:00:01"), ("e164", "4711"), ("reg-addr", "sip1.example.net"),
        ]);
        let mut phone = raw_phone(server.phone_port(), [127, 46, 1, 1]);
        phone.send(&message("N1", Reason::StartUp, all.clone())).await;
        let api = server.api(&[Role::Operator]).await;
        let client = client_of(&api, "00:1a:e8:00:00:01").await;
        api.post(&copy_path(&client), &json!({"reason": "factory-reset", "device_id": client["device_id"]})).await.expect(200);
        phone.send(&reply("N2", Action::ReadAllItems, all)).await;
        let waits = get(&api, &client["id"]).await;
        assert_eq!((&waits["state"], &waits["full_read_at"], &waits["server_address"]), (&json!("prepared"), &Value::Null, &Value::Null));
        assert_eq!(api.get(&format!("{CLIENTS}/{}/items", client["id"])).await.expect(200)["total"], 0);
    }

    a_phone_that_was_reset_gets_everything_again_and_keeps_its_history => |server| {
        trust(server).await;
        let api = server.api(&[Role::Operator]).await;
        let start = json!({"name": "Start", "kind": "onboarding", "values": [{"parameter": PORT, "value": 5070}]});
        let start = api.post(TEMPLATES, &start).await.expect(201);
        let (phone, api, client) = one_phone(server, "CP600").await;
        set(&api, &client["id"], json!([{"parameter": SERVER, "value": "sip9.example.net"}, {"parameter": PASSWORD, "value": SECRET}]), json!({"approve": true})).await;
        phone.session(&Opening::Solicited).await.expect("a session");
        assert_eq!((value(&phone, "reg-addr").await, value(&phone, "sip-pwd").await), ("sip9.example.net".to_owned(), SECRET.to_owned()));
        // The template changes meanwhile; what the phone was given stays its own.
        api.clone().if_match("*").patch(&format!("{TEMPLATES}/{}", start["id"]), &json!({"values": [{"parameter": PORT, "value": 5080}]})).await.expect(200);
        let waits = set(&api, &client["id"], json!([{"parameter": LABEL, "value": "new"}]), json!({})).await;
        let mut request = json!({"reason": "factory-reset", "device_id": "001AE8009901", "dry_run": true});
        let said = api.post(&copy_path(&client), &request).await.expect(200);
        assert_eq!((&said["client"], &said["copied"], &said["does_not_fit"]), (&Value::Null, &json!(4), &json!([])));
        assert_eq!(get(&api, &client["id"]).await["state"], "active");
        request["dry_run"] = json!(false);
        let made = api.post(&copy_path(&client), &request).await.expect(200)["client"].clone();
        assert_eq!((&made["id"], &made["state"], &made["device_id"]), (&client["id"], &json!("prepared"), &json!("00:1a:e8:00:99:01")));
        assert_eq!((&made["e164"], &made["bound_network"], &made["trusted_address"], &made["peer_address"]), (&client["e164"], &Value::Null, &Value::Null, &Value::Null));
        assert_eq!((&made["approved"], &made["open_targets"], &made["last_contact_at"]), (&json!(true), &json!(0), &Value::Null));
        let target = target(&api, &waits).await;
        assert_eq!((&target["state"], &target["reason"]), (&json!("cancelled"), &json!("phone-expected")), "{target}");
        assert_eq!(api.get(&format!("{CLIENTS}/{}/items", client["id"])).await.expect(200)["total"], 0);
        assert_eq!(api.get(&format!("{CLIENTS}/{}/revisions", client["id"])).await.expect(200)["total"], 2, "its history stays");
        assert_eq!(api.post(&copy_path(&client), &request).await.expect(200)["client"]["state"], "prepared", "twice is no error");
        // Another board in the same case.
        let back = fleet(server, 0x99, "CP600", |config| config.first_number = 4_990_000).await;
        starts_up(&back).await;
        let now = get(&api, &client["id"]).await;
        assert_eq!((&now["state"], &now["configuration_revision"]), (&json!("active"), &json!(2)));
        assert_eq!((value(&back, "reg-addr").await, value(&back, "reg-port").await), ("sip9.example.net".to_owned(), "5070".to_owned()));
        assert_eq!((value(&back, "display-id-unicode").await, value(&back, "sip-pwd").await), ("new".to_owned(), SECRET.to_owned()));
        assert_eq!(audit(server, "client.onboard").await["total"], 1);
        assert_eq!(audit(server, "client.expect").await["total"], 2);
        // The old board is a new phone.
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        assert_ne!(client_of(&api, &phone.mac().to_string()).await["id"], client["id"]);
    }

    a_template_is_made_of_what_is_desired_or_else_reported => |server| {
        let (phone, api, client) = one_phone(server, "CP600").await;
        set(&api, &client["id"], json!([{"parameter": LABEL, "value": "{e164} & co"}, {"parameter": PASSWORD, "value": SECRET}]), json!({})).await;
        let template = json!({"name": "As this one", "kind": "onboarding", "rank": 3, "models": ["CP600"]});
        let parameters = json!([{"parameter": LABEL}, {"parameter": SERVER}]);
        let request = json!({"template": template, "parameters": parameters});
        let answer = api.post(&template_path(&client), &request).await;
        let (location, etag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
        let made = answer.expect(201);
        assert_eq!((location, etag), (format!("{TEMPLATES}/{}", made["id"]), format!("\"{}\"", made["revision"])));
        assert_eq!((&made["rank"], &made["models"], &made["content"]["settings"], &made["content"]["variables"]), (&json!(3), &json!(["CP600"]), &json!(2), &json!(0)), "{made}");
        let held = api.get(&format!("{TEMPLATES}/{}/configuration?only=desired&size=500", made["id"])).await.expect(200);
        let value_of = |id: &str| held["items"].as_array().expect("rows").iter().find(|row| row["parameter"] == id).expect("a row")["desired"].clone();
        assert_eq!((value_of(LABEL), value_of(SERVER)), (json!("{{e164}} & co"), json!(value(&phone, "reg-addr").await)), "a text of a client is no variable");
        api.post(&template_path(&client), &request).await.expect_problem(409, "name_taken");
        let once = api.clone().with_header("idempotency-key", "one");
        let mut secrets = json!({"template": {"name": "With secrets", "kind": "onboarding"}, "parameters": [{"parameter": PASSWORD}], "secrets": true});
        let first = once.post(&template_path(&client), &secrets).await.expect(201);
        assert_eq!((&first["content"]["settings"], &first["content"]["secrets"]), (&json!(1), &json!(1)));
        assert_eq!(once.post(&template_path(&client), &secrets).await.expect(201), first);
        // The very secret: a phone that comes later gets it.
        trust(server).await;
        let next = fleet(server, 2, "CP400", |config| config.first_number = 4_950_000).await;
        api.post(CLIENTS, &json!({"device_id": next.mac().to_string()})).await.expect(201);
        starts_up(&next).await;
        assert_eq!(value(&next, "sip-pwd").await, SECRET);
        // What others get by it is planned first.
        secrets["template"] = json!({"name": "For all", "kind": "default"});
        secrets["parameters"] = json!([{"parameter": LABEL}]);
        let problem = api.post(&template_path(&client), &secrets).await.expect_problem(409, "plan_required");
        assert_eq!(problem["args"]["affected"], 1, "its own value is stronger than the template: only the other one changes");
        let applied = api.post(&format!("/api/v1/plans/{}/apply", problem["args"]["plan"]), &json!({})).await.expect(201);
        assert_eq!(applied["templates"].as_array().map(Vec::len), Some(1));
        let log = server.api(&[Role::Auditor]).await.get("/api/v1/audit?size=500").await;
        assert!(!log.text.contains(SECRET));
    }

    what_no_template_can_be_made_of_is_refused_by_name => |server| {
        let (_, api, client) = one_phone(server, "CP600").await;
        let with = |parameters: Value| json!({"template": {"name": "T", "kind": "onboarding"}, "parameters": parameters});
        let one = |parameter: &str| with(json!([{"parameter": parameter}]));
        let mut secret = one(PASSWORD);
        secret["secrets"] = json!(true);
        let mut values = one(SERVER);
        values["template"]["values"] = json!([{"parameter": SERVER, "value": "x"}]);
        let mut nameless = one(SERVER);
        nameless["template"]["name"] = json!(" ");
        for (body, refused) in [
            (one(PASSWORD), "/parameters/0: secret"),
            (secret, "/parameters/0: no_value"),
            (one("no.such.parameter"), "/parameters/0/parameter: unknown_parameter"),
            (with(json!([{"parameter": SERVER}, {"parameter": SERVER}])), "/parameters/1: given_twice"),
            (with(json!([{"parameter": SERVER, "index": 2}])), "/parameters/0/index: no_entries"),
            (with(json!([{"parameter": KEY}])), "/parameters/0/index: no_such_entry"),
            (with(json!([{"parameter": KEY, "index": 4_003}])), "/parameters/0: no_value"),
            (one("general.general-information.key-modules"), "/parameters/0: read_only"),
            (with(json!([])), "/parameters: missing"),
            (values, "/template/values: invalid"),
            (nameless, "/template/name: missing"),
            (json!({"parameters": [{"parameter": SERVER}]}), "/template: missing"),
        ] {
            let answer = api.post(&template_path(&client), &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0);
        api.post(&template_path(&json!({"id": 999_999})), &one(SERVER)).await.expect_problem(404, "not_found");
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.post(&template_path(&client), &one(SERVER)).await.expect_problem(403, "forbidden");
    }
}
