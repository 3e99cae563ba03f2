//! Values phones get when they come for the first time: of onboarding templates and of the one chosen when they were
//! prepared; kept, and given again after a reset that we ordered (D-18 … D-20, OSEM §4.1, §6).

use std::sync::Arc;
use std::time::Duration;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Opening, SimulateConfig, SimulatedPhone};
use tests::desk::{client_of, job_becomes};
use tests::{ApiClient, TestServer, on_both_databases, phones};

const CLIENTS: &str = "/api/v1/clients";
const TEMPLATES: &str = "/api/v1/templates";
const SERVER: &str = "telephony.sip-settings.server-address";
const PORT: &str = "telephony.sip-settings.server-port";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const LABEL: &str = "mobile-user.general.display-id";
const SECRET: &str = "k4nar1envogel";

async fn fleet(
    server: &TestServer,
    count: u32,
    change: impl FnOnce(&mut SimulateConfig),
) -> Vec<Arc<SimulatedPhone>> {
    phones(server.phone_port(), count, |config| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec!["CP600".parse().expect("a model")];
        config.contact_gap = Some(Duration::ZERO);
        change(config);
    })
    .await
}

async fn starts_up(phone: &SimulatedPhone) {
    phone.session(&Opening::StartUp).await.expect("a session");
}

async fn value(phone: &SimulatedPhone, item: &str) -> String {
    phone.value(item, None).await.unwrap_or_default()
}

/// Makes a template; none of those here concern anybody at once.
async fn template(api: &ApiClient, name: &str, kind: &str, more: Value, values: &[(&str, &str)]) -> Value {
    let values: Vec<Value> = values
        .iter()
        .map(|(parameter, value)| {
            let value = value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number));
            json!({"parameter": parameter, "value": value})
        })
        .collect();
    let mut body = json!({"name": name, "kind": kind, "values": values});
    for (field, value) in more.as_object().expect("an object") {
        body[field] = value.clone();
    }
    api.post(TEMPLATES, &body).await.expect(201)["id"].clone()
}

async fn state(api: &ApiClient, client: &Value, parameter: &str) -> Value {
    let path = format!("{CLIENTS}/{}/configuration?only=desired&size=500", client["id"]);
    let rows = api.get(&path).await.expect(200)["items"].as_array().expect("rows").clone();
    rows.into_iter().find(|row| row["parameter"] == parameter).unwrap_or(Value::Null)
}

async fn audit(server: &mut TestServer, action: &str) -> Value {
    server.api(&[Role::Auditor]).await.get(&format!("/api/v1/audit?action={action}")).await.expect(200)
}

async fn open_window(server: &mut TestServer) {
    let until = server.clock.now() + SignedDuration::from_hours(48);
    server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
}

async fn mac(phone: &SimulatedPhone) -> String {
    phone.mac().to_string()
}

on_both_databases! {
    a_new_phone_gets_the_values_once_with_their_origin_and_keeps_them => |server| {
        let api = server.api(&[Role::Operator]).await;
        let id = template(&api, "Start", "onboarding", json!({}), &[(SERVER, "sip1.example.net"), (LABEL, "Line {e164}")]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        starts_up(&phone).await;
        assert_eq!(value(&phone, "reg-addr").await, "sip1.example.net", "in its first session");
        let number = value(&phone, "e164").await;
        assert_eq!(value(&phone, "display-id-unicode").await, format!("Line {number}"), "variables are filled in later");
        let client = client_of(&api, &mac(&phone).await).await;
        let stands = state(&api, &client, SERVER).await;
        assert_eq!((&stands["origin"], &stands["origin_template"], &stands["state"]), (&json!("onboarding"), &json!({"id": id, "name": "Start"}), &json!("in-step")));
        let record = audit(server, "client.onboard").await;
        assert_eq!((&record["total"], &record["items"][0]["details"]["templates"], &record["items"][0]["details"]["values"]), (&json!(1), &json!(["Start"]), &json!(2)));
        // Another template, or another value of this one, is nothing to a phone that has come.
        let path = format!("{TEMPLATES}/{id}");
        let etag = api.get(&path).await.header("etag").to_owned();
        api.clone().if_match(&etag).patch(&path, &json!({"values": [{"parameter": SERVER, "value": "sip2.example.net"}]})).await.expect(200);
        template(&api, "Later", "onboarding", json!({}), &[(PORT, "5070")]).await;
        starts_up(&phone).await;
        assert_eq!(value(&phone, "reg-addr").await, "sip1.example.net");
        assert_eq!(state(&api, &client, PORT).await, Value::Null);
        assert_eq!(audit(server, "client.onboard").await["total"], 1);
        // The next one gets what is there now, and the template may go: its name stays.
        let next = fleet(server, 1, |config| { config.first_mac = "00:1A:E8:00:55:01".parse().expect("a MAC"); config.first_number = 498_000; }).await.remove(0);
        starts_up(&next).await;
        assert_eq!((value(&next, "reg-addr").await, value(&next, "reg-port").await), ("sip2.example.net".to_owned(), "5070".to_owned()));
        let etag = api.get(&path).await.header("etag").to_owned();
        api.clone().if_match(&etag).delete(&path).await.expect(204);
        assert_eq!(state(&api, &client, SERVER).await["origin_template"], json!({"id": null, "name": "Start"}));
    }

    templates_for_others_and_templates_that_disagree_give_nothing => |server| {
        let api = server.api(&[Role::Operator]).await;
        template(&api, "Other model", "onboarding", json!({"models": ["CP200"]}), &[(LABEL, "other")]).await;
        template(&api, "Other software", "onboarding", json!({"software_types": ["HFA"]}), &[(LABEL, "hfa")]).await;
        template(&api, "One", "onboarding", json!({"rank": 5}), &[(SERVER, "one.example.net"), (PORT, "5070")]).await;
        template(&api, "Two", "onboarding", json!({"rank": 5}), &[(SERVER, "two.example.net"), (PORT, "5070")]).await;
        template(&api, "Weak", "onboarding", json!({"rank": 9}), &[(SERVER, "weak.example.net"), (PORT, "5090")]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        let before = value(&phone, "reg-addr").await;
        starts_up(&phone).await;
        let client = client_of(&api, &mac(&phone).await).await;
        assert_eq!(value(&phone, "reg-addr").await, before, "nobody decides for whoever wants two things");
        assert_eq!(value(&phone, "reg-port").await, "5070", "they agree on this one");
        assert_eq!(state(&api, &client, LABEL).await, Value::Null);
        let details = audit(server, "client.onboard").await["items"][0]["details"].clone();
        assert_eq!((&details["templates"], &details["conflicts"]), (&json!(["One", "Two", "Weak"]), &json!([SERVER])));
        // Somebody is told, once however many phones come.
        let next = fleet(server, 1, |config| { config.first_mac = "00:1A:E8:00:55:01".parse().expect("a MAC"); config.first_number = 498_000; }).await.remove(0);
        starts_up(&next).await;
        let told = api.get("/api/v1/notifications").await.expect(200);
        let told: Vec<&Value> = told["items"].as_array().expect("a list").iter().filter(|one| one["code"] == "onboarding-conflict").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["args"], json!({"templates": ["One", "Two"], "values": 1}));
    }

    own_values_and_default_templates_are_stronger => |server| {
        let api = server.api(&[Role::Operator]).await;
        template(&api, "Start", "onboarding", json!({}), &[(SERVER, "start.example.net"), (PORT, "5070")]).await;
        template(&api, "Always", "default", json!({}), &[(SERVER, "always.example.net")]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        starts_up(&phone).await;
        assert_eq!((value(&phone, "reg-addr").await, value(&phone, "reg-port").await), ("always.example.net".to_owned(), "5070".to_owned()));
        let client = client_of(&api, &mac(&phone).await).await;
        assert_eq!(state(&api, &client, SERVER).await["origin"], "default-template");
    }

    a_group_by_server_address_is_known_when_everything_was_read => |server| {
        let api = server.api(&[Role::Operator]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        let at = value(&phone, "reg-addr").await;
        let id = template(&api, "Start", "onboarding", json!({}), &[(PORT, "5070")]).await;
        let filter = json!({"test": {"field": "server-address", "is": at}});
        api.post("/api/v1/groups", &json!({"name": "There", "filter": filter, "templates": [id]})).await.expect(201);
        starts_up(&phone).await;
        assert_eq!(value(&phone, "reg-port").await, "5070");
    }

    after_a_reset_that_we_ordered_it_gets_them_again_and_after_one_at_the_phone_it_has_them => |server| {
        let api = server.api(&[Role::Operator]).await;
        let start = template(&api, "Start", "onboarding", json!({}), &[(SERVER, "sip1.example.net")]).await;
        let chosen = template(&api, "Chosen", "onboarding", json!({"models": ["CP600"]}), &[(PORT, "5070"), (LABEL, "chosen")]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        let body = json!({"model": "CP600", "device_id": mac(&phone).await, "template": chosen});
        let client = api.post(CLIENTS, &body).await.expect(201);
        starts_up(&phone).await;
        assert_eq!((value(&phone, "reg-addr").await, value(&phone, "reg-port").await), ("sip1.example.net".to_owned(), "5070".to_owned()));
        for (id, parameter, new) in [(&start, SERVER, json!("sip2.example.net")), (&chosen, PORT, json!(5080))] {
            let any = api.clone().if_match("*");
            any.patch(&format!("{TEMPLATES}/{id}"), &json!({"values": [{"parameter": parameter, "value": new}]})).await.expect(200);
        }
        // Somebody resets it at the phone: what it was given before is desired still.
        phone.with_machine(|machine, _| machine.phone_mut().factory_reset()).await;
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        assert_eq!((value(&phone, "reg-addr").await, value(&phone, "reg-port").await), ("sip1.example.net".to_owned(), "5070".to_owned()));
        assert_eq!(audit(server, "client.onboard").await["total"], 1);
        let order = json!({"action": "reset", "targets": {"ids": [client["id"]]}});
        let reset = api.post("/api/v1/clients/actions", &order).await.expect(201)["id"].clone();
        phone.session(&Opening::Solicited).await.expect("a session");
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        job_becomes(&api, &reset, "success").await;
        assert_eq!((value(&phone, "reg-addr").await, value(&phone, "reg-port").await), ("sip2.example.net".to_owned(), "5080".to_owned()), "as the templates are now");
        let stands = state(&api, &client, PORT).await;
        assert_eq!((&stands["origin"], &stands["origin_template"]["name"]), (&json!("onboarding"), &json!("Chosen")));
        let records = audit(server, "client.onboard").await;
        assert_eq!((&records["total"], &records["items"][0]["details"]["templates"]), (&json!(2), &json!(["Chosen", "Start"])));
    }

    a_chosen_template_that_is_gone_leaves_its_values_also_after_a_reset => |server| {
        let api = server.api(&[Role::Operator]).await;
        let gone = template(&api, "Gone", "onboarding", json!({"rank": 2}), &[(SERVER, "gone.example.net"), (LABEL, "gone")]).await;
        let chosen = template(&api, "Chosen", "onboarding", json!({"models": ["CP600"]}), &[(PORT, "5070")]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        let without = api.post(CLIENTS, &json!({"e164": "4711"})).await.expect(201);
        let client = api.post(CLIENTS, &json!({"model": "CP600", "device_id": mac(&phone).await, "template": chosen})).await.expect(201);
        assert_eq!((&client["desired"], &without["desired"]), (&json!(true), &json!(false)), "what it was given is desired of it");
        let path = format!("{TEMPLATES}/{chosen}");
        assert_eq!(api.get(&path).await.expect(200)["prepared_clients"], 1);
        let list = api.get(&format!("{TEMPLATES}?sort=name")).await.expect(200);
        assert_eq!((&list["items"][0]["prepared_clients"], &list["items"][1]["prepared_clients"]), (&json!(1), &json!(0)));
        starts_up(&phone).await;
        for id in [&chosen, &gone] {
            api.clone().if_match("*").delete(&format!("{TEMPLATES}/{id}")).await.expect(204);
        }
        template(&api, "New", "onboarding", json!({}), &[(SERVER, "new.example.net"), (PORT, "5090")]).await;
        let order = json!({"action": "reset", "targets": {"ids": [client["id"]]}});
        let reset = api.post("/api/v1/clients/actions", &order).await.expect(201)["id"].clone();
        phone.session(&Opening::Solicited).await.expect("a session");
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        job_becomes(&api, &reset, "success").await;
        assert_eq!(value(&phone, "reg-port").await, "5070", "somebody chose it for this client");
        assert_eq!(value(&phone, "reg-addr").await, "new.example.net", "nobody chose the other one");
        assert_eq!(state(&api, &client, LABEL).await, Value::Null);
        assert_eq!(state(&api, &client, PORT).await["origin_template"], json!({"id": null, "name": "Chosen"}));
    }

    digits_of_an_extension_stay_while_a_value_is_made_of_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        let admin = server.api(&[Role::Admin]).await;
        let path = "/api/v1/settings/server-settings.templates.extension-digits";
        let put = async |value: u32| admin.clone().if_match("*").put(path, &json!({"value": value})).await;
        put(3).await.expect(200);
        let plain = template(&api, "Plain", "onboarding", json!({}), &[(LABEL, "{{extension}} {e164}")]).await;
        api.post(CLIENTS, &json!({"e164": "4712", "template": plain})).await.expect(201);
        put(4).await.expect(200);
        let id = template(&api, "Names", "onboarding", json!({}), &[(LABEL, "Line {extension}"), (PASSWORD, "x{extension}y")]).await;
        // 4 is the default: going back to it changes nothing.
        admin.clone().if_match("*").delete(path).await.expect(200);
        put(4).await.expect(200);
        let problem = put(5).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"], json!({"used_by": ["Names"], "clients": 0}));
        let client = api.post(CLIENTS, &json!({"e164": "4711", "template": id})).await.expect(201);
        let any = api.clone().if_match("*");
        any.delete(&format!("{TEMPLATES}/{id}")).await.expect(204);
        let problem = put(5).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"], json!({"used_by": ["Names"], "clients": 1}), "what was copied is worked out with it");
        any.delete(&format!("{CLIENTS}/{}", client["id"])).await.expect(204);
        put(5).await.expect(200);
        let id = template(&api, "Again", "onboarding", json!({}), &[(PASSWORD, "x{extension}y")]).await;
        let client = api.post(CLIENTS, &json!({"e164": "4711", "template": id})).await.expect(201);
        any.delete(&format!("{TEMPLATES}/{id}")).await.expect(204);
        let problem = admin.clone().if_match("*").delete(path).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"], json!({"used_by": ["Again"], "clients": 1}), "in a secret too");
        any.delete(&format!("{CLIENTS}/{}", client["id"])).await.expect(204);
        admin.clone().if_match("*").delete(path).await.expect(200);
    }

    a_phone_in_quarantine_gets_them_when_it_was_released_and_read => |server| {
        let api = server.api(&[Role::Operator]).await;
        template(&api, "Start", "onboarding", json!({}), &[(SERVER, "sip1.example.net")]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        let client = api.post(CLIENTS, &json!({"model": "CP200", "device_id": mac(&phone).await})).await.expect(201);
        starts_up(&phone).await;
        let path = format!("{CLIENTS}/{}", client["id"]);
        let held = api.get(&path).await.expect(200);
        assert_eq!((&held["state"], &held["quarantine_reason"]), (&json!("quarantined"), &json!("other-model")));
        assert_ne!(value(&phone, "reg-addr").await, "sip1.example.net");
        assert_eq!(audit(server, "client.onboard").await["total"], 0);
        api.clone().if_match("*").post(&format!("{path}/release"), &json!({})).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(30));
        starts_up(&phone).await;
        assert_eq!(value(&phone, "reg-addr").await, "sip1.example.net");
        assert_eq!(audit(server, "client.onboard").await["total"], 1);
    }

    a_secret_reaches_an_approved_phone_and_is_shown_nowhere => |server| {
        let api = server.api(&[Role::Operator]).await;
        open_window(server).await;
        server.change_setting("server-settings.onboarding.networks", "127.0.0.0/8").await;
        let id = template(&api, "Secret", "onboarding", json!({}), &[(PASSWORD, SECRET)]).await;
        let phone = fleet(server, 1, |_| {}).await.remove(0);
        let client = api.post(CLIENTS, &json!({"device_id": mac(&phone).await, "template": id})).await.expect(201);
        let stands = state(&api, &client, PASSWORD).await;
        assert_eq!((&stands["desired_set"], &stands["desired"], &stands["origin"]), (&json!(true), &Value::Null, &json!("onboarding")));
        starts_up(&phone).await;
        assert_eq!(value(&phone, "sip-pwd").await, SECRET);
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?size=500").await;
        assert!(!audit.text.contains(SECRET));
        let data = server.raw_data().await;
        assert!(!data.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "sealed wherever it is kept");
    }
}
