//! Clients through the API: lists, filters, orders, cursors, exports, one client and its items (OSEM §4, D-36).

use std::sync::atomic::{AtomicU32, Ordering};

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::Opening;
use tests::{ApiClient, TestServer, desk, items, message, on_both_databases, phones, raw_phone, reply};
use wire::{Action, Reason};

const CLIENTS: &str = "/api/v1/clients";
const AUTO_ANSWER: &str = "mobile-user.cti-settings.auto-answer-calls-enabled";
const SECRET: &str = "telephony.sip-settings.sip-credentials-password";

/// A phone of the fixture: MAC address, number, device type, software type and version.
type Phone = (&'static str, &'static str, &'static str, &'static str, &'static str);

const FLEET: [Phone; 6] = [
    ("00:1A:E8:00:00:01", "4205", "OpenStage 40", "Siemens SIP", "V3 R5.16.0"),
    ("00:1A:E8:00:00:02", "4201", "OpenStage 15", "Siemens HFA", "V3 R0.95.0"),
    ("00:1A:E8:00:00:0A", "4203", "OpenScape Desk Phone CP600", "Unify SIP", "V2 R10.1.0"),
    ("00:1A:E8:00:00:AB", "4202", "OpenScape Desk Phone CP600", "Unify SIP", "V2 R9.1.0"),
    ("00:1A:E8:00:00:CD", "", "Some Other Phone", "Unify SIP", "V1 R1.0.0"),
    ("00:1A:E8:00:00:EF", "=4204", "OpenStage 40", "Siemens SIP", "V3 R5.16.0"),
];

/// A nonce no phone of this test has used: a message with an old one is a repeated message.
fn nonce() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("N{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

async fn contact(server: &TestServer, number: u8, (mac, e164, device_type, software_type, version): Phone) {
    let mut all = items(&[
        ("device-type", device_type),
        ("software-type", software_type),
        ("software-version", version),
        ("mac-addr", mac),
        ("contact-me-uri", "http://127.0.0.1:8085/contact_dls.html/ContactDLS"),
    ]);
    if !e164.is_empty() {
        all.extend(items(&[("e164", e164)]));
    }
    let mut phone = raw_phone(server.phone_port(), [127, 30, 1, number]);
    phone.send(&message(&nonce(), Reason::StartUp, all.clone())).await;
    all.extend(items(&[("ringer-melody", "2"), ("sip-pwd", "tr1ckyS1pPassw0rd"), ("key-modules", "1")]));
    phone.send(&reply(&nonce(), Action::ReadAllItems, all)).await;
}

/// A contact of a phone that reports a fault.
async fn fault(server: &TestServer, number: u8, (mac, e164, device_type, software_type, version): Phone) {
    let all = items(&[
        ("device-type", device_type),
        ("software-type", software_type),
        ("software-version", version),
        ("mac-addr", mac),
        ("e164", e164),
        ("fault-report-admin-pwd", "true"),
    ]);
    let mut phone = raw_phone(server.phone_port(), [127, 30, 1, number]);
    phone.send(&message(&nonce(), Reason::StartUp, all)).await;
}

/// Contacts of all phones of the fixture, a second after each other.
async fn fleet(server: &mut TestServer) -> ApiClient {
    for (number, phone) in (1..).zip(FLEET) {
        contact(server, number, phone).await;
        server.clock.advance(SignedDuration::from_secs(1));
    }
    server.api(&[Role::Operator]).await
}

async fn list(api: &ApiClient, query: &str) -> Value {
    api.get(&format!("{CLIENTS}?{query}")).await.expect(200)
}

fn column(list: &Value, name: &str) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item[name].as_str().unwrap_or_default().to_owned()).collect()
}

async fn macs(api: &ApiClient, query: &str) -> Vec<String> {
    let list = list(api, query).await;
    let macs = column(&list, "device_id");
    assert_eq!(list["total"], macs.len(), "the total is that of the filter");
    macs.iter().map(|mac| mac.chars().skip(15).collect()).collect()
}

on_both_databases! {
    a_client_is_shown_as_it_reported => |server| {
        let api = fleet(server).await;
        let client = list(&api, "search=4203").await["items"][0].clone();
        assert_eq!(client["device_id"], "00:1a:e8:00:00:0a");
        assert_eq!((&client["model"], &client["device_type"]), (&json!("CP600"), &json!(FLEET[2].2)));
        assert_eq!((&client["software_type"], &client["software_version"]), (&json!("SIP"), &json!("V2 R10.1.0")));
        assert_eq!((&client["state"], &client["access"]), (&json!("active"), &json!("direct")));
        assert_eq!((&client["secure_mode"], &client["mobility"]), (&json!("default"), &json!("disabled")));
        assert_eq!((&client["peer_address"], &client["wbm_url"]), (&json!("127.30.1.3"), &json!("https://127.30.1.3/")));
        assert_eq!(client["bound_network"], "127.30.1.0/24");
        assert_eq!((&client["warnings"], &client["faults"]), (&json!([]), &json!([])));
        let path = format!("{CLIENTS}/{}", client["id"]);
        let one = api.get(&path).await;
        assert_eq!(one.header("etag"), format!("\"{}\"", client["revision"]));
        assert_eq!(one.expect(200), client);
        for id in ["999999", "0", "x", "99999999999999999999"] {
            api.get(&format!("{CLIENTS}/{id}")).await.expect_problem(404, "not_found");
            api.get(&format!("{CLIENTS}/{id}/items")).await.expect_problem(404, "not_found");
            api.post(&format!("{CLIENTS}/{id}/refresh"), &json!({})).await.expect_problem(404, "not_found");
            api.clone().if_match("*").delete(&format!("{CLIENTS}/{id}")).await.expect_problem(404, "not_found");
        }
    }

    clients_that_do_not_say_their_software_type_are_found => |server| {
        let api = fleet(server).await;
        assert_eq!(macs(&api, "software_type=none").await, Vec::<String>::new());
        contact(server, 7, ("00:1A:E8:00:00:F1", "4299", "OpenStage 40", "", "")).await;
        assert_eq!(macs(&api, "software_type=none").await, ["f1"]);
        assert_eq!(macs(&api, "software_type=none&model=OpenStage%2040").await, ["f1"]);
        assert_eq!(macs(&api, "software_type=SIP&model=OpenStage%2040").await.len(), 2);
        let exported = api.get("/api/v1/clients/export?format=json&software_type=none").await.expect(200);
        assert_eq!(exported.as_array().map(Vec::len), Some(1), "{exported}");
    }

    clients_are_found => |server| {
        let api = fleet(server).await;
        assert_eq!(macs(&api, "search=420").await.len(), 5);
        assert_eq!(macs(&api, "search=4203").await, ["0a"]);
        for part in ["00:1a:e8:00:00:ab", "001AE80000AB", "00-1a-e8-00-00-ab", "0000aB"] {
            assert_eq!(macs(&api, &format!("search={part}")).await, ["ab"], "{part}");
        }
        assert_eq!(macs(&api, "search=r10.1").await, ["0a"]);
        assert_eq!(macs(&api, "software_type=HFA").await, ["02"]);
        assert_eq!(macs(&api, "model=CP600").await, ["ab", "0a"]);
        assert_eq!(macs(&api, "model=Some%20Other%20Phone").await, ["cd"]);
        assert_eq!(macs(&api, "state=active").await.len(), 6);
        assert_eq!(macs(&api, "state=quarantined").await, Vec::<String>::new());
        assert_eq!(macs(&api, "model=CP600&search=4202").await, ["ab"], "filters are joined by and");
        for nothing in ["search=%25", "search=_", "search=!", "search=%27", "model=CP6", "software_type=sip"] {
            assert_eq!(macs(&api, nothing).await, Vec::<String>::new(), "{nothing}");
        }
        assert_eq!(macs(&api, "search=&model=").await.len(), 6, "empty filters take all");
    }

    clients_are_found_by_what_they_need => |server| {
        let api = fleet(server).await;
        for (query, found) in [
            ("software_version=V3%20R5.16.0", &["01", "ef"][..]),
            ("software_version=V3", &[]),
            ("fault=any", &[]),
            ("in_job=false", &["01", "02", "0a", "ab", "cd", "ef"]),
            ("drift=true", &[]),
            ("secrets_withheld=false&model=CP600", &["0a", "ab"]),
            ("last_contact_reason=start-up", &["01", "02", "0a", "ab", "cd", "ef"]),
            ("last_contact_reason=solicited", &[]),
            ("not_seen=true", &[]),
        ] {
            assert_eq!(macs(&api, &format!("sort=device_id&{query}")).await, found, "{query}");
        }
        let first = list(&api, "sort=last_contact_at").await["items"][0].clone();
        let seen = first["last_contact_at"].as_str().expect("a time");
        assert_eq!(macs(&api, &format!("seen_from={seen}")).await.len(), 6);
        assert_eq!(macs(&api, &format!("seen_until={seen}")).await, Vec::<String>::new());
        let faulty = ("00:1A:E8:00:00:02", "4201", FLEET[1].2, FLEET[1].3, FLEET[1].4);
        fault(server, 2, faulty).await;
        assert_eq!(macs(&api, "fault=any").await, ["02"]);
        assert_eq!(macs(&api, "fault=admin-password").await, ["02"]);
        assert_eq!(macs(&api, "fault=user-password").await, Vec::<String>::new());
        let path = format!("{CLIENTS}/{}", first["id"]);
        api.post(&format!("{path}/refresh"), &json!({})).await.expect(202);
        let busy = list(&api, "in_job=true").await;
        assert_eq!((&busy["total"], &busy["items"][0]["id"]), (&json!(1), &first["id"]));
        assert_eq!((&busy["items"][0]["open_targets"], &busy["items"][0]["drifted"]), (&json!(1), &json!(0)));
        assert_eq!(api.get(&path).await.expect(200)["open_targets"], 1);
        assert_eq!(macs(&api, "in_job=false").await.len(), 5);
        let prepared = json!({ "e164": "4299", "model": "CP600" });
        let prepared = api.post(CLIENTS, &prepared).await.expect(201);
        server.clock.advance(SignedDuration::from_hours(8 * 24));
        contact(server, 3, FLEET[2]).await;
        assert_eq!(macs(&api, "not_seen=true&sort=device_id").await, ["01", "02", "ab", "cd", "ef"]);
        assert_eq!(list(&api, "not_seen=true").await["items"][0]["not_seen"], true);
        let others = list(&api, "not_seen=false&sort=state").await;
        assert_eq!((&others["total"], &others["items"][0]["not_seen"]), (&json!(2), &json!(false)));
        assert_eq!((&others["items"][1]["id"], &others["items"][1]["not_seen"]), (&prepared["id"], &json!(false)));
        for query in ["fault=x", "drift=1", "in_job=yes", "last_contact_reason=x", "seen_from=today"] {
            api.get(&format!("{CLIENTS}?{query}")).await.expect_problem(422, "invalid_fields");
        }
        let export = api.get(&format!("{CLIENTS}/export?not_seen=true&fault=any")).await.json();
        assert_eq!(export.as_array().map(Vec::len), Some(1));
    }

    an_action_takes_the_filters_of_the_list => |server| {
        let api = fleet(server).await;
        let act = async |filter: Value| {
            let body = json!({ "action": "refresh", "targets": { "filter": filter } });
            api.post(&format!("{CLIENTS}/actions"), &body).await
        };
        let job = act(json!({ "software_version": "V3 R5.16.0" })).await.expect(201);
        assert_eq!(job["targets"]["waiting"], 2);
        let rest = act(json!({ "in_job": false, "not_seen": false })).await.expect(201);
        assert_eq!(rest["targets"]["waiting"], 4);
        for nobody in [json!({ "fault": "any" }), json!({ "drift": true }), json!({ "secrets_withheld": true }), json!({ "in_job": false })] {
            act(nobody).await.expect_problem(409, "no_targets");
        }
        assert_eq!(act(json!({ "fault": "x" })).await.refused_fields(), ["/targets/filter/fault: not_a_choice"]);
    }

    what_differs_and_what_was_withheld_is_shown => |server| {
        let phone = phones(server.phone_port(), 2, |config| {
            config.family = Some(simulator::Family::Sip);
            config.models = vec!["CP600".parse().expect("a model")];
            config.contact_gap = Some(std::time::Duration::ZERO);
        });
        let phones = phone.await;
        for phone in &phones {
            phone.session(&Opening::StartUp).await.expect("a session");
        }
        let api = server.api(&[Role::Admin]).await;
        let changed = desk::client_of(&api, &phones[0].mac().to_string()).await["id"].clone();
        let without = desk::client_of(&api, &phones[1].mac().to_string()).await["id"].clone();
        let job = desk::set(&api, std::slice::from_ref(&changed), AUTO_ANSWER, json!(true), json!({})).await;
        phones[0].session(&Opening::Solicited).await.expect("a session");
        desk::job_becomes(&api, &job, "success").await;
        let change = phones[0].with_machine(|machine, _| machine.phone_mut().change_locally("auto-answer", None, "false"));
        change.await.expect("a change at the phone");
        phones[0].session(&Opening::LocalChanges).await.expect("a session");
        let found = list(&api, "drift=true").await;
        assert_eq!((&found["total"], &found["items"][0]["id"], &found["items"][0]["drifted"]), (&json!(1), &changed, &json!(1)));
        assert_eq!(list(&api, "drift=false").await["items"][0]["id"], without);

        let job = desk::set(&api, std::slice::from_ref(&without), SECRET, json!("k4nar1envogel"), json!({})).await;
        phones[1].session(&Opening::Solicited).await.expect("a session");
        desk::job_becomes(&api, &job, "failed").await;
        let found = list(&api, "secrets_withheld=true").await;
        assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &without));
        assert_eq!(found["items"][0]["secrets_withheld"], true);
        assert_eq!(list(&api, "secrets_withheld=false").await["items"][0]["id"], changed);
        // The job's row follows its targets with the pulse.
        tests::wait_until(async || {
            let attention = api.get("/api/v1/dashboard").await.expect(200)["attention"].clone();
            let kinds = attention.as_array().expect("worries").iter().map(|one| one["kind"].clone());
            kinds.collect::<Vec<_>>() == ["secrets-withheld", "jobs-failed", "drift"]
        })
        .await;
        // Once nothing secret is desired of it, another one's template that holds a secret is nothing to it.
        desk::set(&api, std::slice::from_ref(&without), SECRET, Value::Null, json!({})).await;
        let secret = json!([{"parameter": SECRET, "value": "k4nar1envogel"}]);
        let template = json!({"name": "Others", "kind": "onboarding", "values": secret});
        api.post("/api/v1/templates", &template).await.expect(201);
        assert_eq!(list(&api, "secrets_withheld=true").await["total"], 0);
        let until = server.clock.now() + SignedDuration::from_hours(1);
        server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
        let how = json!({ "approve": true });
        let job = desk::set(&api, std::slice::from_ref(&without), SECRET, json!("k4nar1envogel"), how).await;
        phones[1].session(&Opening::Solicited).await.expect("a session");
        desk::job_becomes(&api, &job, "success").await;
        assert_eq!(list(&api, "secrets_withheld=true").await["total"], 0);
    }

    clients_are_sorted => |server| {
        let api = fleet(server).await;
        assert_eq!(macs(&api, "sort=software_version").await, ["02", "cd", "ab", "0a", "01", "ef"]);
        assert_eq!(macs(&api, "sort=-last_contact_at").await, ["ef", "cd", "ab", "0a", "02", "01"]);
        assert_eq!(macs(&api, "sort=device_id").await, ["01", "02", "0a", "ab", "cd", "ef"]);
        for sort in [
            "e164", "model", "device_id", "software_version", "last_contact_at", "state", "part_number", "key_modules",
            "peer_address", "secure_mode", "mobility", "access",
        ] {
            let mut up = macs(&api, &format!("sort={sort}")).await;
            let mut down = macs(&api, &format!("sort=-{sort}")).await;
            assert_eq!((up.len(), down.len()), (6, 6), "{sort}");
            up.sort_unstable();
            down.sort_unstable();
            assert_eq!(up, down, "{sort}");
        }
    }

    pages_and_cursors_give_every_client_once => |server| {
        let api = fleet(server).await;
        for sort in ["e164", "-e164", "last_contact_at", "-last_contact_at", "state", "-mobility", "software_version"] {
            let all = macs(&api, &format!("sort={sort}")).await;
            let mut by_page = Vec::new();
            for page in 1..=3 {
                let list = list(&api, &format!("sort={sort}&size=2&page={page}")).await;
                assert_eq!((&list["total"], &list["page"], &list["size"]), (&json!(6), &json!(page), &json!(2)));
                assert_eq!(list["next"].is_null(), page == 3, "{sort} {page}");
                by_page.extend(column(&list, "device_id"));
            }
            let mut by_cursor = Vec::new();
            let mut query = format!("sort={sort}&size=4");
            loop {
                let list = list(&api, &query).await;
                assert_eq!(list["total"], 6);
                by_cursor.extend(column(&list, "device_id"));
                let Some(next) = list["next"].as_str() else { break };
                query = format!("sort={sort}&size=4&after={next}");
            }
            let short: Vec<String> = by_page.iter().map(|mac| mac.chars().skip(15).collect()).collect();
            assert_eq!((&short, &by_cursor), (&all, &by_page), "{sort}");
        }
        assert_eq!(list(&api, "page=9").await["items"], json!([]));
    }

    a_cursor_stays_right_while_clients_come_and_go => |server| {
        let api = fleet(server).await;
        let first = list(&api, "sort=device_id&size=2").await;
        let next = first["next"].as_str().expect("a cursor").to_owned();
        let gone = first["items"][1]["id"].clone();
        api.clone().if_match("*").delete(&format!("{CLIENTS}/{gone}")).await.expect(204);
        contact(server, 99, ("00:1A:E8:00:00:00", "4299", "OpenStage 40", "Siemens SIP", "V3 R5.16.0")).await;
        let rest = list(&api, &format!("sort=device_id&after={next}")).await;
        assert_eq!(rest["items"][0]["device_id"], "00:1a:e8:00:00:0a");
        assert_eq!((rest["items"].as_array().map(Vec::len), &rest["total"]), (Some(4), &json!(6)));
        for query in [format!("sort=-device_id&after={next}"), format!("sort=device_id&search=4&after={next}"), "after=x".to_owned()] {
            let answer = api.get(&format!("{CLIENTS}?{query}")).await;
            assert_eq!(answer.refused_fields(), ["after: invalid"], "{query}");
            answer.expect_problem(422, "invalid_fields");
        }
    }

    queries_that_cannot_be_accepted => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let deep = api.get(&format!("{CLIENTS}?page=401&size=25")).await.expect_problem(422, "page_too_deep");
        assert_eq!((&deep["args"]["limit"], &deep["args"]["parameter"]), (&json!(10_000), &json!("after")));
        assert_eq!(list(&api, "page=400&size=25").await["items"], json!([]));
        for (query, refused) in [
            ("size=501", "size: out_of_range"),
            ("size=-1", "size: wrong_type"),
            ("page=0", "page: out_of_range"),
            ("page=1.5", "page: wrong_type"),
            ("sort=password", "sort: not_a_choice"),
            ("sort=e164,model", "sort: not_a_choice"),
            ("state=gone", "state: not_a_choice"),
            ("e164=4201", "e164: unknown_field"),
            ("state=active&state=active", "state: given_twice"),
            ("search=%00", "search: control_character"),
        ] {
            let answer = api.get(&format!("{CLIENTS}?{query}")).await;
            assert_eq!(answer.refused_fields(), [refused], "{query}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        for query in ["search=%ff", "search=%E0%80"] {
            let answer = api.get(&format!("{CLIENTS}?{query}")).await;
            assert!(answer.status == 400 || answer.status == 422 || answer.status == 200, "{}", answer.text);
        }
        let long = "x".repeat(20_000);
        let answer = api.get(&format!("{CLIENTS}?search={long}")).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
    }

    totals_are_exact_after_every_change => |server| {
        let api = server.api(&[Role::Operator]).await;
        assert_eq!(list(&api, "search=42").await["total"], 0);
        for (expected, phone) in (1..).zip(FLEET) {
            contact(server, 1, phone).await;
            assert_eq!(list(&api, "").await["total"], expected);
        }
        assert_eq!(list(&api, "search=42").await["total"], 5);
        let (mac, _, device_type, software_type, version) = FLEET[0];
        contact(server, 1, (mac, "777", device_type, software_type, version)).await;
        assert_eq!((&list(&api, "search=42").await["total"], &list(&api, "search=777").await["total"]), (&json!(4), &json!(1)));
        let id = list(&api, "search=777").await["items"][0]["id"].clone();
        api.clone().if_match("*").delete(&format!("{CLIENTS}/{id}")).await.expect(204);
        assert_eq!((&list(&api, "").await["total"], &list(&api, "search=777").await["total"]), (&json!(5), &json!(0)));
    }

    a_client_is_deleted_with_what_it_reported => |server| {
        let api = fleet(server).await;
        let client = list(&api, "search=4203").await["items"][0].clone();
        let path = format!("{CLIENTS}/{}", client["id"]);
        let etag = api.get(&path).await.header("etag").to_owned();
        api.delete(&path).await.expect_problem(428, "precondition_required");
        server.api(&[Role::Viewer]).await.if_match(&etag).delete(&path).await.expect_problem(403, "forbidden");
        api.clone().if_match("\"999\"").delete(&path).await.expect_problem(412, "precondition_failed");
        api.clone().if_match(&etag).delete(&path).await.expect(204);
        api.clone().if_match(&etag).delete(&path).await.expect_problem(404, "not_found");
        api.get(&format!("{path}/items")).await.expect_problem(404, "not_found");
        contact(server, 3, FLEET[2]).await;
        let again = list(&api, "search=4203").await["items"][0].clone();
        assert_ne!(again["id"], client["id"]);
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=client.delete").await.expect(200);
        assert_eq!(audit["items"][0]["details"]["before"]["device_id"], "00:1a:e8:00:00:0a");
    }

    refreshing_is_asked_for_and_may_be_repeated => |server| {
        let api = fleet(server).await;
        let client = list(&api, "search=4203").await["items"][0].clone();
        let path = format!("{CLIENTS}/{}", client["id"]);
        for _ in 0..2 {
            let job = api.post(&format!("{path}/refresh"), &json!({})).await.expect(202);
            assert_eq!((&job["kind"], &job["targets"]["waiting"]), (&json!("read-configuration"), &json!(1)));
        }
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.post(&format!("{path}/refresh"), &json!({})).await.expect_problem(403, "forbidden");
    }

    items_are_listed_and_found_by_name => |server| {
        let api = fleet(server).await;
        let client = list(&api, "search=4203").await["items"][0].clone();
        let path = format!("{CLIENTS}/{}/items", client["id"]);
        let all = api.get(&path).await.expect(200);
        let names = column(&all, "name");
        assert_eq!(all["total"], names.len());
        assert!(names.is_sorted() && names.len() >= 8, "{names:?}");
        let found = api.get(&format!("{path}?name=RINGER")).await.expect(200);
        assert_eq!(found["total"], 1);
        let item = &found["items"][0];
        assert_eq!((&item["name"], &item["value"], &item["secret"]), (&json!("ringer-melody"), &json!("2"), &json!(false)));
        assert_eq!((&item["index"], &item["status"]), (&Value::Null, &Value::Null));
        assert!(item["reported_at"].is_string());
        let secret = api.get(&format!("{path}?name=sip-pwd")).await.expect(200)["items"][0].clone();
        assert_eq!((&secret["value"], &secret["secret"]), (&Value::Null, &json!(true)));
        assert_eq!(api.get(&format!("{path}?name=nothing")).await.expect(200)["items"], json!([]));
        api.get(&format!("{path}?value=2")).await.expect_problem(422, "invalid_fields");
    }

    exports_have_every_client_of_the_filter => |server| {
        let api = fleet(server).await;
        let all = list(&api, "sort=-device_id").await;
        let export = api.get(&format!("{CLIENTS}/export?format=json&sort=-device_id")).await;
        assert!(export.header("content-type").starts_with("application/json"));
        assert!(export.header("content-disposition").starts_with("attachment"), "{}", export.header("content-disposition"));
        assert_eq!(export.json(), all["items"]);
        let filtered = api.get(&format!("{CLIENTS}/export?model=CP600")).await.json();
        assert_eq!(filtered.as_array().map(Vec::len), Some(2));
        let csv = api.get(&format!("{CLIENTS}/export?format=csv&sort=device_id")).await;
        assert!(csv.header("content-type").starts_with("text/csv"));
        let lines: Vec<&str> = csv.text.lines().collect();
        assert_eq!(lines.len(), 7, "{}", csv.text);
        assert!(lines[0].split(',').any(|name| name == "device_id"), "{}", lines[0]);
        assert!(lines[1].contains("00:1a:e8:00:00:01"), "{}", lines[1]);
        assert!(!csv.text.contains(",=4204"), "a spreadsheet would run it: {}", csv.text);
        assert!(csv.text.contains("'=4204"), "{}", csv.text);
        let nothing = api.get(&format!("{CLIENTS}/export?format=csv&search=nothing")).await;
        assert_eq!(nothing.text.lines().count(), 1);
        for query in ["format=pdf", "page=1", "sort=password"] {
            api.get(&format!("{CLIENTS}/export?{query}")).await.expect_problem(422, "invalid_fields");
        }
        server.api(&[Role::Auditor]).await.get(&format!("{CLIENTS}/export")).await.expect_problem(403, "forbidden");
    }
}
