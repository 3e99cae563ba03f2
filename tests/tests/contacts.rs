//! What phones report is in the inventory: contacts, full reads, changed items (D-1 … D-6).

use domain::Role;
use jiff::SignedDuration;
use serde_json::Value;
use simulator::{Opening, SessionEnd};
use tests::{items, message, on_both_databases, phones, raw_phone, reply};
use wire::{Action, Item, ItemStatus, Reason};

const MAC: &str = "00:1A:E8:5B:20:C7";

fn basic(extra: &[(&str, &str)]) -> Vec<Item> {
    let mut all = items(&[
        ("device-type", "OpenStage 40"),
        ("software-type", "Siemens SIP"),
        ("software-version", "V3 R5.16.0"),
        ("mac-addr", MAC),
        ("e164", "4201"),
        ("contact-me-uri", "http://127.0.0.1:8085/contact_dls.html/ContactDLS"),
    ]);
    for (name, value) in extra {
        all.retain(|item| item.name != *name);
        all.push(Item::new(*name, *value));
    }
    all
}

async fn start_up(
    server: &tests::TestServer,
    nonce: &str,
    extra: &[(&str, &str)],
) -> (tests::Exchange, Action) {
    let mut phone = raw_phone(server.phone_port(), [127, 20, 1, 1]);
    let answer = phone.send(&message(nonce, Reason::StartUp, basic(extra))).await;
    (phone, answer.action)
}

async fn only_client(server: &mut tests::TestServer) -> Value {
    let api = server.api(&[Role::Viewer]).await;
    let list = api.get("/api/v1/clients").await.expect(200);
    assert_eq!(list["total"], 1, "{list}");
    list["items"][0].clone()
}

async fn reported(server: &mut tests::TestServer, client: &Value) -> Vec<Value> {
    let api = server.api(&[Role::Viewer]).await;
    let list = api.get(&format!("/api/v1/clients/{}/items", client["id"])).await.expect(200);
    list["items"].as_array().expect("items").clone()
}

fn find<'v>(list: &'v [Value], name: &str, index: Option<u16>) -> &'v Value {
    let index = index.map_or(Value::Null, Value::from);
    list.iter().find(|item| item["name"] == name && item["index"] == index).unwrap_or(&Value::Null)
}

on_both_databases! {
    a_fleet_starts_up_and_is_in_the_inventory => |server| {
        let fleet = phones(server.phone_port(), 21, |config| {
            config.source = Some("127.21.0.0/16".parse().expect("a block"));
        })
        .await;
        for phone in &fleet {
            let outcome = phone.session(&Opening::StartUp).await.expect("a session");
            assert_eq!(outcome.actions, [Action::ReadAllItems, Action::CleanUp]);
            assert_eq!(outcome.end, SessionEnd::CleanUp { reason: None, send_solicited: false });
        }
        let api = server.api(&[Role::Viewer]).await;
        let list = api.get("/api/v1/clients?size=100").await.expect(200);
        assert_eq!(list["total"], 21);
        for client in list["items"].as_array().expect("clients") {
            assert_eq!(client["state"], "active");
            assert_eq!(client["last_contact_reason"], "start-up");
            assert!(client["model"].is_string(), "{client}");
            assert!(client["e164"].is_string() && client["device_id"].is_string(), "{client}");
            let items = api.get(&format!("/api/v1/clients/{}/items", client["id"])).await.expect(200);
            assert!(items["items"].as_array().expect("items").len() >= 290, "{client}");
        }
    }

    nothing_is_read_again_until_there_is_a_reason => |server| {
        let (mut phone, action) = start_up(server, "A1", &[]).await;
        assert_eq!(action, Action::ReadAllItems);
        let done = phone.send(&reply("A2", Action::ReadAllItems, basic(&[("ringer-melody", "2")]))).await;
        assert_eq!(done.action, Action::CleanUp);
        let (_, action) = start_up(server, "A3", &[]).await;
        assert_eq!(action, Action::CleanUp, "everything is known");
        let (_, action) = start_up(server, "A4", &[("software-version", "V3 R5.17.0")]).await;
        assert_eq!(action, Action::ReadAllItems, "another firmware");
        let (_, action) = start_up(server, "A5", &[("configuration-changed-flag", "true")]).await;
        assert_eq!(action, Action::ReadAllItems, "changed without items");
        server.clock.advance(SignedDuration::from_hours(25));
        let (_, action) = start_up(server, "A6", &[]).await;
        assert_eq!(action, Action::ReadAllItems, "the last full read is old");
    }

    an_administrator_asks_for_a_full_read => |server| {
        let (mut phone, _) = start_up(server, "B1", &[]).await;
        phone.send(&reply("B2", Action::ReadAllItems, basic(&[]))).await;
        let client = only_client(server).await;
        let api = server.api(&[Role::Operator]).await;
        let path = format!("/api/v1/clients/{}/refresh", client["id"]);
        let answer = api.post(&path, &serde_json::json!({})).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let (_, action) = start_up(server, "B3", &[]).await;
        assert_eq!(action, Action::ReadAllItems);
    }

    an_item_without_index_is_not_the_item_with_index_0 => |server| {
        let (mut phone, _) = start_up(server, "C1", &[]).await;
        let mut all = basic(&[("ldap-server-address", "none")]);
        all.push(Item::indexed("ldap-server-address", 0, "zero"));
        all.push(Item::indexed("never-seen-before", 7, "kept"));
        all.push(Item::new("blf-modules", "").with_status(ItemStatus::Failed));
        phone.send(&reply("C2", Action::ReadAllItems, all)).await;
        let client = only_client(server).await;
        let items = reported(server, &client).await;
        assert_eq!(find(&items, "ldap-server-address", None)["value"], "none");
        assert_eq!(find(&items, "ldap-server-address", Some(0))["value"], "zero");
        assert_eq!(find(&items, "never-seen-before", Some(7))["value"], "kept");
        assert_eq!(find(&items, "blf-modules", None)["status"], "failed");
    }

    unchanged_items_are_not_rewritten_and_gone_ones_go => |server| {
        let (mut phone, _) = start_up(server, "D1", &[]).await;
        let first = basic(&[("ringer-melody", "2"), ("key-click-volume", "0"), ("wbm-server-certificate-info", "CN=x")]);
        phone.send(&reply("D2", Action::ReadAllItems, first)).await;
        let client = only_client(server).await;
        let before = reported(server, &client).await;
        server.clock.advance(SignedDuration::from_hours(25));
        let (mut phone, _) = start_up(server, "D3", &[]).await;
        phone.send(&reply("D4", Action::ReadAllItems, basic(&[("ringer-melody", "3")]))).await;
        let after = reported(server, &client).await;
        let time = |list: &[Value], name: &str| find(list, name, None)["reported_at"].clone();
        assert_eq!(time(&before, "device-type"), time(&after, "device-type"), "unchanged: not rewritten");
        assert_ne!(time(&before, "ringer-melody"), time(&after, "ringer-melody"));
        assert_eq!(find(&after, "ringer-melody", None)["value"], "3");
        assert_eq!(find(&after, "key-click-volume", None), &Value::Null, "no longer reported");
        assert_eq!(find(&after, "wbm-server-certificate-info", None)["value"], "CN=x", "never part of a full read");
    }

    local_changes_with_items_are_stored_at_once => |server| {
        let (mut phone, _) = start_up(server, "E1", &[]).await;
        phone.send(&reply("E2", Action::ReadAllItems, basic(&[("ringer-melody", "2")]))).await;
        let changes = basic(&[
            ("configuration-changed-flag", "true"),
            ("configuration-attached-flag", "true"),
            ("configuration-attached-number", "1"),
            ("ringer-melody", "4"),
        ]);
        let mut phone = raw_phone(server.phone_port(), [127, 20, 1, 1]);
        let answer = phone.send(&message("E3", Reason::LocalChanges, changes)).await;
        assert_eq!(answer.action, Action::CleanUp);
        let client = only_client(server).await;
        assert_eq!(client["last_contact_reason"], "local-changes");
        let items = reported(server, &client).await;
        assert_eq!(find(&items, "ringer-melody", None)["value"], "4");
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=client.local-changes").await.expect(200);
        assert_eq!(audit["items"][0]["details"]["items"][0]["item"], "ringer-melody", "{audit}");
        assert_eq!(audit["items"][0]["details"]["items"][0]["before"], "2");
        assert_eq!(audit["items"][0]["actor_kind"], "phone");
    }

    local_changes_without_items_are_read => |server| {
        let (mut phone, _) = start_up(server, "F1", &[]).await;
        phone.send(&reply("F2", Action::ReadAllItems, basic(&[]))).await;
        let mut phone = raw_phone(server.phone_port(), [127, 20, 1, 1]);
        let old = basic(&[("configuration-changed-flag", "true")]);
        let answer = phone.send(&message("F3", Reason::LocalChanges, old)).await;
        assert_eq!(answer.action, Action::ReadAllItems);
    }

    secrets_are_sealed_and_never_shown => |server| {
        let (mut phone, _) = start_up(server, "G1", &[("user-pwd", "483920175")]).await;
        let all = basic(&[("sip-pwd", "tr1ckyS1pPassw0rd"), ("some-vendor-secret", "n0tShown")]);
        phone.send(&reply("G2", Action::ReadAllItems, all)).await;
        let client = only_client(server).await;
        let items = reported(server, &client).await;
        for name in ["sip-pwd", "some-vendor-secret"] {
            assert_eq!(find(&items, name, None)["secret"], true);
            assert_eq!(find(&items, name, None)["value"], Value::Null);
        }
        server.stop_in_place().await;
        let data = server.raw_data().await;
        for secret in ["483920175", "tr1ckyS1pPassw0rd", "n0tShown"] {
            assert!(!contains(&data, secret), "{secret} stands in the database in clear");
        }
        assert!(contains(&data, "OpenStage 40"), "the search finds what is there");
    }

    invented_names_do_not_push_real_ones_out => |server| {
        let (mut phone, _) = start_up(server, "M1", &[]).await;
        let mut all = basic(&[("ringer-melody", "2")]);
        all.extend((0..5_000).map(|number| Item::new(format!("invented-{number}"), "1")));
        phone.send(&reply("M2", Action::ReadAllItems, all)).await;
        let client = only_client(server).await;
        let kept = reported(server, &client).await;
        assert_eq!(find(&kept, "ringer-melody", None)["value"], "2");
        assert!(kept.len() < 300, "{} of 5,000 invented names were learnt at once", kept.len());
    }

    an_opening_is_believed_again_after_a_read_that_left_it_out => |server| {
        let (mut phone, _) = start_up(server, "N1", &[]).await;
        let without: Vec<Item> = basic(&[]).into_iter().filter(|item| item.name != "device-type").collect();
        phone.send(&reply("N2", Action::ReadAllItems, without)).await;
        start_up(server, "N3", &[]).await;
        let client = only_client(server).await;
        let items = reported(server, &client).await;
        assert_eq!(find(&items, "device-type", None)["value"], "OpenStage 40");
    }

    faults_raise_notifications_once => |server| {
        for nonce in ["H1", "H2"] {
            start_up(server, nonce, &[("fault-report-admin-pwd", "true"), ("slog-archive-me", "true")]).await;
        }
        let api = server.api(&[Role::Viewer]).await;
        let list = api.get("/api/v1/notifications").await.expect(200);
        assert_eq!(list["total"], 2, "{list}");
        assert_eq!(list["items"][0]["code"], "phone-fault");
        let client = only_client(server).await;
        assert_eq!(client["faults"], serde_json::json!(["security-log-archive", "admin-password"]));
        start_up(server, "H3", &[("fault-report-admin-pwd", "false"), ("slog-archive-me", "false")]).await;
        assert_eq!(only_client(server).await["faults"], serde_json::json!([]));
    }

    a_known_phone_from_another_network_is_read_but_quarantined => |server| {
        let (mut phone, _) = start_up(server, "I1", &[]).await;
        phone.send(&reply("I2", Action::ReadAllItems, basic(&[]))).await;
        let mut stranger = raw_phone(server.phone_port(), [127, 99, 9, 9]);
        let other = basic(&[("device-type", "OpenStage 80"), ("e164", "4299")]);
        stranger.send(&message("I3", Reason::StartUp, other)).await;
        let client = only_client(server).await;
        assert_eq!(client["e164"], "4299", "it is read");
        assert_eq!(client["device_type"], "OpenStage 40", "who it was stays, to be compared with");
        assert_eq!(client["peer_address"], "127.20.1.1");
        assert_eq!(client["state"], "quarantined");
        assert_eq!(client["quarantine_reason"], "other-network");
        let api = server.api(&[Role::Viewer]).await;
        let list = api.get("/api/v1/notifications").await.expect(200);
        assert_eq!(list["items"][0]["code"], "client-quarantined");
    }

    a_key_module_is_plugged_in => |server| {
        let (mut phone, _) = start_up(server, "J1", &[]).await;
        phone.send(&reply("J2", Action::ReadAllItems, basic(&[("key-modules", "0")]))).await;
        let mut phone = raw_phone(server.phone_port(), [127, 20, 1, 1]);
        let plugged = basic(&[("key-modules", "1")]);
        let answer = phone.send(&message("J3", Reason::InventoryChanges, plugged)).await;
        assert_eq!(answer.action, Action::ReadAllItems, "keys may have appeared");
        assert_eq!(only_client(server).await["key_modules"], "KM 1");
    }

    two_phones_with_one_number_are_warned_of => |server| {
        start_up(server, "K1", &[]).await;
        start_up(server, "K2", &[("mac-addr", "00:1A:E8:5B:20:C8")]).await;
        let api = server.api(&[Role::Viewer]).await;
        let list = api.get("/api/v1/clients").await.expect(200);
        assert_eq!(list["total"], 2);
        assert_eq!(list["items"][0]["warnings"], serde_json::json!(["number-in-use"]), "{list}");
    }

    a_phone_that_is_called_comes_and_is_read => |server| {
        let fleet = phones(server.phone_port(), 1, |config| {
            config.source = Some("127.23.0.0/16".parse().expect("a block"));
        })
        .await;
        let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
        let (sessions, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let sink = std::sync::Arc::new(Sink(sessions));
        let listener = simulator::ContactMeListener::start(std::sync::Arc::clone(&fleet[0]), 0, permits, sink).await.expect("it listens");
        let call = format!("http://{}/contact_dls.html/ContactDLS", listener.address());
        let answer = tests::plain_post(&call, "ContactMe=true").await;
        assert_eq!(answer, 204);
        let actions = ended.recv().await.expect("a session");
        assert_eq!(actions, [Action::ReadAllItems, Action::CleanUp]);
        assert_eq!(only_client(server).await["last_contact_reason"], "solicited");
    }

    what_was_recorded_survives_a_restart => |server| {
        let (mut phone, _) = start_up(server, "L1", &[]).await;
        phone.send(&reply("L2", Action::ReadAllItems, basic(&[("ringer-melody", "2")]))).await;
        server.restart().await;
        let client = only_client(server).await;
        assert_eq!(client["device_id"], "00:1a:e8:5b:20:c7");
        assert!(!reported(server, &client).await.is_empty());
        let (_, action) = start_up(server, "L3", &[]).await;
        assert_eq!(action, Action::CleanUp);
    }
}

/// Hears what the server ordered in the sessions of a called phone.
struct Sink(tokio::sync::mpsc::UnboundedSender<Vec<Action>>);

impl simulator::SessionSink for Sink {
    fn session(&self, _number: u32, result: &Result<simulator::SessionOutcome, simulator::SessionError>) {
        let actions = result.as_ref().map(|outcome| outcome.actions.clone()).unwrap_or_default();
        self.0.send(actions).expect("the test listens");
    }
}

fn contains(data: &[u8], text: &str) -> bool {
    data.windows(text.len()).any(|window| window == text.as_bytes())
}
