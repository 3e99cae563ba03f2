//! What is live: events, dashboard, notifications, diagnosis, health; and the list of models.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, PASSWORD, TestServer, items, message, on_both_databases, raw_phone, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::Reason;
use workpoint::app::tasks::{self, kinds::Kind};
use workpoint::app::watch;

/// A nonce no phone of this test has used: a message with an old one is a repeated message.
fn nonce() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("N{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

async fn start_up(server: &TestServer, mac: &str, extra: &[(&str, &str)]) {
    let mut all = items(&[
        ("device-type", "OpenStage 40"),
        ("software-type", "Siemens SIP"),
        ("software-version", "V3 R5.16.0"),
        ("mac-addr", mac),
    ]);
    all.retain(|item| extra.iter().all(|(name, _)| *name != item.name));
    all.extend(items(extra));
    let mut phone = raw_phone(server.phone_port(), [127, 40, 1, 1]);
    phone.send(&message(&nonce(), Reason::StartUp, all)).await;
}

const MAC: &str = "00:1A:E8:5B:20:C7";
const DASHBOARD: &str = "/api/v1/dashboard";
const NOTIFICATIONS: &str = "/api/v1/notifications";

/// The figures, once they are so: after a change they may be kept for a moment.
async fn figures(api: &ApiClient, are_so: impl Fn(&Value) -> bool) -> Value {
    wait_until(async || are_so(&api.get(DASHBOARD).await.expect(200))).await;
    api.get(DASHBOARD).await.expect(200)
}

/// Ids of all clients.
async fn clients(api: &ApiClient) -> Vec<Value> {
    let list = api.get("/api/v1/clients?sort=device_id").await.expect(200);
    list["items"].as_array().expect("a list").iter().map(|client| client["id"].clone()).collect()
}

/// What a list has in all, with the filter of a figure.
async fn total(api: &ApiClient, list: &str, filter: &Value) -> Value {
    let pairs = filter.as_object().expect("a filter").iter();
    let query = pairs.fold(String::new(), |query, (name, value)| {
        let value: String =
            form_urlencoded::byte_serialize(value.as_str().expect("a text").as_bytes()).collect();
        format!("{query}&{name}={value}")
    });
    api.get(&format!("/api/v1/{list}?size=1{query}")).await.expect(200)["total"].clone()
}

/// A reader of the event stream.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// Opens the stream; from here on nothing is missed.
    async fn open(api: &ApiClient) -> Self {
        let response = api.stream("/api/v1/events").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self { response, text: String::new() };
        assert_eq!(events.next().await, Some(("ready".to_owned(), json!({}))));
        events
    }

    /// The next event and its data; `None` when the server ends the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                // A block without an event is a comment that keeps the connection alive.
                if let Some(event) = line("event:") {
                    let data =
                        serde_json::from_str(line("data:").unwrap_or("{}")).unwrap_or_else(|_| json!({}));
                    return Some((event.to_owned(), data));
                }
            }
            // A keep-alive comes every 15 seconds; a stream that is silent for longer has died.
            let chunk = tokio::time::timeout(Duration::from_secs(40), self.response.chunk()).await;
            let chunk = chunk.expect("the stream is alive").expect("the stream goes on")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// Reads on until a thing of this resource changed; gives how and its id.
    async fn change_of(&mut self, resource: &str) -> (String, String) {
        loop {
            let next =
                tokio::time::timeout(Duration::from_secs(40), self.next()).await.expect("an event in time");
            let (event, data) = next.expect("the stream goes on");
            assert_eq!(event, "change", "{data}");
            let text = |name: &str| data[name].as_str().expect("a text").to_owned();
            if data["resource"] == resource {
                return (text("change"), text("id"));
            }
        }
    }
}

on_both_databases! {
    a_reader_hears_of_a_phone => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let mut events = Events::open(&api).await;
        start_up(server, MAC, &[("e164", "4201")]).await;
        let (change, id) = events.change_of("clients").await;
        assert_eq!(change, "created");
        let client = api.get(&format!("/api/v1/clients/{id}")).await.expect(200);
        assert_eq!(client["e164"], "4201", "an event comes after the commit");
        start_up(server, MAC, &[("e164", "4202"), ("fault-report-admin-pwd", "true")]).await;
        assert_eq!(events.change_of("clients").await, ("updated".to_owned(), id));
        assert_eq!(events.change_of("notifications").await.0, "created");
    }

    nobody_hears_of_what_they_may_not_read => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let (mut of_admin, mut of_viewer) =
            (Events::open(&admin).await, Events::open(&server.api(&[Role::Viewer]).await).await);
        let setting = "/api/v1/settings/server-settings.accounts.session-idle-timeout";
        admin.clone().if_match("*").put(setting, &json!({ "value": 600 })).await.expect(200);
        let (change, id) = of_admin.change_of("settings").await;
        assert_eq!((change.as_str(), id.as_str()), ("updated", "server-settings.accounts.session-idle-timeout"));
        start_up(server, MAC, &[]).await;
        let (event, data) = of_viewer.next().await.expect("an event");
        assert_eq!((event.as_str(), &data["resource"]), ("change", &json!("clients")), "the first it hears of");
    }

    a_stream_ends_with_its_session => |server| {
        server.token("anna", &[Role::Viewer]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let mut events = Events::open(&browser).await;
        browser.post("/api/v1/auth/sign-out", &json!({})).await.expect(204);
        assert_eq!(events.next().await, None);
        let api = server.api(&[Role::Viewer]).await;
        let own = api.get("/api/v1/auth/session").await.expect(200);
        let mut events = Events::open(&api).await;
        let admin = server.api(&[Role::Admin]).await.if_match("*");
        let path = format!("/api/v1/accounts/{}", own["account_id"]);
        admin.patch(&path, &json!({ "disabled": true })).await.expect(200);
        assert_eq!(events.next().await, None);
    }

    a_reader_who_lost_a_role_hears_less => |server| {
        let reader = server.api(&[Role::Admin]).await;
        let own = reader.get("/api/v1/auth/session").await.expect(200);
        let mut events = Events::open(&reader).await;
        let admin = server.api(&[Role::Admin]).await.if_match("*");
        let path = format!("/api/v1/accounts/{}", own["account_id"]);
        admin.patch(&path, &json!({ "roles": ["viewer"] })).await.expect(200);
        let setting = "/api/v1/settings/server-settings.accounts.session-idle-timeout";
        admin.put(setting, &json!({ "value": 600 })).await.expect(200);
        start_up(server, MAC, &[]).await;
        let mut heard = Vec::new();
        while heard.last() != Some(&json!("clients")) {
            let (_, data) = events.next().await.expect("an event");
            heard.push(data["resource"].clone());
        }
        assert_eq!(heard, ["accounts", "clients"], "that its own account changed, and nothing of the setting");
    }

    everybody_hears_of_what_they_may_read_and_of_their_own => |server| {
        let auditor = server.api(&[Role::Auditor]).await;
        let mut of_auditor = Events::open(&auditor).await;
        let operator = server.api(&[Role::Operator]).await;
        let mut of_operator = Events::open(&operator).await;
        start_up(server, MAC, &[("e164", "4201"), ("fault-report-admin-pwd", "true")]).await;
        let id = of_operator.change_of("clients").await.1;
        let changes = json!([{ "parameter": "telephony.sip-settings.server-address", "value": "sip9.example.net" }]);
        let id: i64 = id.parse().expect("a number");
        let plan = tests::desk::plan(&operator, &[json!(id)], changes).await;
        assert_eq!(of_operator.change_of("plans").await, ("created".to_owned(), plan["id"].to_string()));
        tests::desk::apply(&operator, &plan, json!({})).await;
        assert_eq!(of_operator.change_of("plans").await, ("updated".to_owned(), plan["id"].to_string()));
        of_operator.change_of("jobs").await;
        operator.delete(&format!("/api/v1/plans/{}", plan["id"])).await.expect(204);
        assert_eq!(of_operator.change_of("plans").await.0, "deleted");
        // What one clears, only oneself hears of.
        operator.delete("/api/v1/notifications").await.expect(200);
        assert_eq!(of_operator.change_of("notifications").await.0, "deleted");
        server.token("berta", &[]).await;
        let mut heard = Vec::new();
        server.anonymous().sign_in("berta", PASSWORD).await;
        while heard.last() != Some(&json!("sessions")) {
            let (_, data) = of_auditor.next().await.expect("an event");
            heard.push(data["resource"].clone());
            assert!(data["resource"] != "notifications" || data["change"] == "created", "{data}");
        }
        assert!(heard.iter().all(|word| word != "clients" && word != "jobs" && word != "plans"), "{heard:?}");
    }

    figures_at_a_glance => |server| {
        let viewer = server.api(&[Role::Viewer]).await;
        let empty = viewer.get(DASHBOARD).await.expect(200);
        assert_eq!((&empty["clients"], &empty["by_state"], &empty["attention"]), (&json!(0), &json!([]), &json!([])));
        assert_eq!(empty["contacts_by_hour"].as_array().map(Vec::len), Some(48));
        assert_eq!(empty["contacts_by_day"].as_array().map(Vec::len), Some(30));
        assert_eq!(empty["job_results"].as_array().map(Vec::len), Some(7));
        start_up(server, MAC, &[("fault-report-admin-pwd", "true")]).await;
        start_up(server, "00:1A:E8:5B:20:C8", &[]).await;
        let figures = figures(&viewer, |figures| figures["clients"] == 2).await;
        let count = |key: &str, clients: u64, filter: Value| json!([{ "key": key, "clients": clients, "filter": filter }]);
        assert_eq!(figures["by_state"], count("active", 2, json!({ "state": "active" })));
        let software = json!({ "software_type": "SIP", "software_version": "V3 R5.16.0" });
        assert_eq!(figures["by_software"], count("SIP V3 R5.16.0", 2, software));
        assert_eq!(figures["by_last_contact_reason"][0]["key"], "start-up");
        assert_eq!(figures["by_fault"], count("admin-password", 1, json!({ "fault": "admin-password" })));
        let fault = json!({ "kind": "fault", "count": 1, "list": "clients", "filter": { "fault": "any" } });
        assert_eq!(figures["attention"], json!([fault]));
        assert_eq!((&figures["contacts_by_hour"][47]["contacts"], &figures["contacts_by_day"][29]["contacts"]), (&json!(2), &json!(2)));
        assert_eq!((&figures["notifications"], &figures["unread_notifications"]), (&json!(1), &json!(1)));
        assert_eq!(figures["phones"]["open_sessions"], 2, "both are still being read");
        assert_eq!((&figures["accounts"], &figures["sessions"]), (&Value::Null, &Value::Null));
        let admin = server.api(&[Role::Admin]).await;
        server.token("anna", &[]).await;
        server.anonymous().sign_in("anna", PASSWORD).await;
        let figures = admin.get(DASHBOARD).await.expect(200);
        assert_eq!((&figures["accounts"], &figures["sessions"]), (&json!(4), &json!(1)));
        server.clock.advance(SignedDuration::from_hours(50));
        let figures = viewer.get(DASHBOARD).await.expect(200);
        let hours = figures["contacts_by_hour"].as_array().expect("hours");
        assert!(hours.iter().all(|hour| hour["contacts"] == 0), "{figures}");
        let days = figures["contacts_by_day"].as_array().expect("days");
        assert_eq!(days.iter().filter_map(|day| day["contacts"].as_u64()).sum::<u64>(), 2);
        server.api(&[Role::Auditor]).await.get(DASHBOARD).await.expect_problem(403, "forbidden");
        viewer.get(&format!("{DASHBOARD}?days=7")).await.expect_problem(422, "invalid_fields");
    }

    contacts_outlive_a_restart_and_nodes_add_up => |server| {
        let viewer = server.api(&[Role::Viewer]).await;
        start_up(server, MAC, &[]).await;
        watch::beat(server.app()).await;
        start_up(server, MAC, &[]).await;
        let other = server.second_node().await;
        start_up(&other, "00:1A:E8:5B:20:C8", &[]).await;
        watch::beat(other.app()).await;
        let contacts = |figures: &Value| figures["contacts_by_hour"][47]["contacts"].as_u64();
        figures(&viewer, |figures| contacts(figures) == Some(3)).await;
        other.stop().await;
        server.restart().await;
        let viewer = server.api(&[Role::Viewer]).await;
        let figures = viewer.get(DASHBOARD).await.expect(200);
        assert_eq!(contacts(&figures), Some(3), "also the one that was not written down");
        let app = server.app();
        server.clock.advance(SignedDuration::from_hours(33 * 24));
        assert_eq!(workpoint::app::contact_counts::purge(app).await.expect("a database"), 1);
        assert_eq!(workpoint::app::contact_counts::purge(app).await.expect("a database"), 0);
    }

    every_number_leads_to_a_list_that_shows_as_many => |server| {
        let operator = server.api(&[Role::Operator]).await;
        start_up(server, MAC, &[("fault-report-admin-pwd", "true"), ("slog-archive-me", "true")]).await;
        server.clock.advance(SignedDuration::from_hours(8 * 24));
        for (mac, device_type) in [("00:1A:E8:5B:20:C8", "OpenStage 40"), ("00:1A:E8:5B:20:C9", "Some & Phone")] {
            start_up(server, mac, &[("device-type", device_type)]).await;
        }
        // Another part number: quarantined.
        for part in ["S30817-S7401", "S30817-S7402"] {
            start_up(server, "00:1A:E8:5B:20:CA", &[("part-number", part)]).await;
        }
        let ids: Vec<Value> = clients(&operator).await;
        let cancelled = tests::desk::refresh(&operator, &ids).await;
        operator.post(&format!("/api/v1/jobs/{cancelled}/cancel"), &json!({})).await.expect(200);
        tests::desk::job_becomes(&operator, &cancelled, "cancelled").await;
        tests::desk::refresh(&operator, &ids[..1]).await;
        let timed_out = tests::desk::refresh(&operator, &ids[1..]).await;
        server.clock.advance(SignedDuration::from_hours(15 * 24));
        tests::desk::job_becomes(&operator, &timed_out, "timeout").await;
        tests::desk::refresh(&operator, &ids[..1]).await;
        let figures = figures(&operator, |figures| {
            let kinds = figures["attention"].as_array().map(Vec::len);
            (kinds, &figures["jobs"]["timeout"], &figures["jobs"]["created"]) == (Some(4), &json!(2), &json!(1))
        })
        .await;
        let mut compared = 0;
        for name in ["by_state", "by_model", "by_software", "by_last_contact_reason", "by_fault"] {
            for count in figures[name].as_array().expect("counts") {
                assert_eq!(total(&operator, "clients", &count["filter"]).await, count["clients"], "{name}: {count}");
                compared += 1;
            }
        }
        for (state, number) in figures["jobs"].as_object().expect("states") {
            assert_eq!(total(&operator, "jobs", &json!({ "state": state })).await, *number, "{state}");
        }
        for day in figures["job_results"].as_array().expect("days") {
            for (state, number) in day["jobs"].as_object().expect("states") {
                let filter = json!({ "state": state, "finished_from": day["from"], "finished_until": day["until"] });
                assert_eq!(total(&operator, "jobs", &filter).await, *number, "{day}");
                compared += 1;
            }
        }
        for attention in figures["attention"].as_array().expect("worries") {
            let list = attention["list"].as_str().expect("a list");
            assert_eq!(total(&operator, list, &attention["filter"]).await, attention["count"], "{attention}");
        }
        let kinds: Vec<&Value> = figures["attention"].as_array().expect("worries").iter().map(|one| &one["kind"]).collect();
        assert_eq!(kinds, ["quarantined", "fault", "jobs-timed-out", "not-seen"]);
        // Nine at least: the cancelled job's end is noted before or after the clock is moved.
        assert!(compared >= 9, "{figures}");
    }

    each_account_clears_for_itself => |server| {
        let extra = [("fault-report-admin-pwd", "true"), ("slog-archive-me", "true")];
        start_up(server, MAC, &extra).await;
        let viewer = server.api(&[Role::Viewer]).await;
        let list = viewer.get(&format!("{NOTIFICATIONS}?size=1")).await.expect(200);
        assert_eq!((&list["total"], &list["unread"], &list["size"]), (&json!(2), &json!(2), &json!(1)));
        let one = &list["items"][0];
        assert_eq!((&one["code"], &one["args"]["device_id"]), (&json!("phone-fault"), &json!("00:1a:e8:5b:20:c7")));
        let rest = viewer.get(&format!("{NOTIFICATIONS}?size=1&after={}", list["next"].as_str().expect("a cursor"))).await.expect(200);
        assert_eq!((&rest["items"].as_array().map(Vec::len), &rest["page"]), (&Some(1), &Value::Null));
        assert_ne!(rest["items"][0]["id"], one["id"]);
        let path = format!("{NOTIFICATIONS}/{}", one["id"]);
        viewer.delete(&path).await.expect(204);
        viewer.delete(&path).await.expect_problem(404, "not_found");
        for id in ["0", "999999", "x"] {
            viewer.delete(&format!("{NOTIFICATIONS}/{id}")).await.expect_problem(404, "not_found");
        }
        assert_eq!(viewer.get(NOTIFICATIONS).await.expect(200)["total"], 1);
        let operator = server.api(&[Role::Operator]).await;
        assert_eq!(operator.get(NOTIFICATIONS).await.expect(200)["total"], 2, "nobody clears for others");
        assert_eq!(operator.delete(NOTIFICATIONS).await.expect(200), json!({ "removed": 2 }));
        assert_eq!(operator.delete(NOTIFICATIONS).await.expect(200), json!({ "removed": 0 }));
        assert_eq!(viewer.get(NOTIFICATIONS).await.expect(200)["total"], 1);
        for query in ["size=0", "read=true", "after=x", "page=0"] {
            viewer.get(&format!("{NOTIFICATIONS}?{query}")).await.expect_problem(422, "invalid_fields");
        }
        viewer.delete(&format!("{NOTIFICATIONS}?severity=low")).await.expect_problem(422, "invalid_fields");
        server.anonymous().delete(NOTIFICATIONS).await.expect_problem(401, "unauthenticated");
    }

    clearing_all_is_undone_and_clearing_one_is_not => |server| {
        let extra = [("fault-report-admin-pwd", "true"), ("slog-archive-me", "true"), ("fault-report-user-pwd", "true")];
        start_up(server, MAC, &extra).await;
        let api = server.api(&[Role::Viewer]).await;
        let restore = format!("{NOTIFICATIONS}/restore");
        let restored = async |number: u64| {
            assert_eq!(api.post(&restore, &json!({})).await.expect(200), json!({ "restored": number }));
        };
        restored(0).await;
        let all = api.get(NOTIFICATIONS).await.expect(200)["items"].clone();
        api.delete(&format!("{NOTIFICATIONS}/{}", all[1]["id"])).await.expect(204);
        // Only what was shown: something newer has come meanwhile.
        let shown = format!("{NOTIFICATIONS}?up_to={}", all[2]["id"]);
        assert_eq!(api.delete(&shown).await.expect(200), json!({ "removed": 1 }));
        assert_eq!(api.delete(NOTIFICATIONS).await.expect(200), json!({ "removed": 1 }));
        restored(1).await;
        assert_eq!(api.get(NOTIFICATIONS).await.expect(200)["items"][0]["id"], all[0]["id"]);
        restored(1).await;
        restored(0).await;
        assert_eq!(api.get(NOTIFICATIONS).await.expect(200)["total"], 2);
        server.api(&[Role::Operator]).await.post(&restore, &json!({})).await.expect(200);
        api.post(&format!("{restore}?all=1"), &json!({})).await.expect_problem(422, "invalid_fields");
        api.delete(&format!("{NOTIFICATIONS}?up_to=x")).await.expect_problem(422, "invalid_fields");
        let auditor = server.api(&[Role::Auditor]).await;
        let records = auditor.get("/api/v1/audit?action=notification").await.expect(200);
        assert_eq!(records["total"], 5, "one cleared, two times all, two times back: {records}");
    }

    what_was_seen_is_not_new => |server| {
        start_up(server, MAC, &[("fault-report-admin-pwd", "true"), ("slog-archive-me", "true")]).await;
        let api = server.api(&[Role::Viewer]).await;
        let seen = format!("{NOTIFICATIONS}/seen");
        let list = api.get(NOTIFICATIONS).await.expect(200);
        let (newer, older) = (&list["items"][0]["id"], &list["items"][1]["id"]);
        api.post(&seen, &json!({ "up_to": older })).await.expect(204);
        let list = api.get(NOTIFICATIONS).await.expect(200);
        assert_eq!((&list["total"], &list["unread"]), (&json!(2), &json!(1)));
        assert_eq!((&list["items"][0]["seen"], &list["items"][1]["seen"]), (&json!(false), &json!(true)));
        for up_to in [newer, older, newer] {
            api.post(&seen, &json!({ "up_to": up_to })).await.expect(204);
        }
        assert_eq!(api.get(NOTIFICATIONS).await.expect(200)["unread"], 0);
        assert_eq!(server.api(&[Role::Viewer]).await.get(NOTIFICATIONS).await.expect(200)["unread"], 2);
        // Nobody has seen what is to come.
        api.post(&seen, &json!({ "up_to": 999_999_999 })).await.expect(204);
        start_up(server, "00:1A:E8:5B:20:C8", &[("slog-archive-me", "true")]).await;
        assert_eq!(api.get(NOTIFICATIONS).await.expect(200)["unread"], 1);
        for body in [json!({}), json!({ "up_to": "x" }), json!({ "up_to": 1, "all": true })] {
            api.post(&seen, &body).await.expect_problem(422, "invalid_fields");
        }
        server.anonymous().post(&seen, &json!({ "up_to": 1 })).await.expect_problem(401, "unauthenticated");
    }

    a_fault_that_comes_back_is_told_again_and_stands_there_once => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let flicker = async |server: &TestServer| {
            for flag in ["true", "false"] {
                start_up(server, MAC, &[("slog-archive-me", flag)]).await;
            }
        };
        flicker(server).await;
        api.delete(NOTIFICATIONS).await.expect(200);
        flicker(server).await;
        assert_eq!(api.get(NOTIFICATIONS).await.expect(200)["total"], 0, "not again within the hour");
        server.clock.advance(SignedDuration::from_hours(2));
        flicker(server).await;
        assert_eq!(api.get(NOTIFICATIONS).await.expect(200)["total"], 1);
        assert_eq!(server.api(&[Role::Viewer]).await.get(NOTIFICATIONS).await.expect(200)["total"], 1);
    }

    notifications_are_bounded_in_number => |server| {
        let most = domain::notification::MOST_OF_A_CODE;
        let api = server.api(&[Role::Viewer]).await;
        for number in 0..most + 20 {
            start_up(server, &format!("00:1A:E8:5C:{:02X}:{:02X}", number / 256, number % 256), &[("slog-archive-me", "true")]).await;
        }
        let before = api.get(NOTIFICATIONS).await.expect(200);
        watch::beat(server.app()).await;
        let after = api.get(NOTIFICATIONS).await.expect(200);
        assert_eq!(after["total"], most);
        assert_eq!(after["items"], before["items"], "the newest are kept");
    }

    certificates_that_expire_are_told_once_a_day => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let check = async |server: &TestServer| {
            tasks::enqueue(server.app(), Kind::CheckCertificates).await.expect("a task");
            tasks::work_off(server.app()).await.expect("tasks");
        };
        check(server).await;
        assert_eq!(admin.get(NOTIFICATIONS).await.expect(200)["total"], 0);
        let expiry = server.server().certificates().phones.info().not_after;
        server.clock.advance(expiry.duration_since(server.clock.now()) - SignedDuration::from_hours(49));
        check(server).await;
        check(server).await;
        let list = admin.get(NOTIFICATIONS).await.expect(200);
        let mut told: Vec<&str> =
            list["items"].as_array().expect("a list").iter().filter_map(|one| one["args"]["certificate"].as_str()).collect();
        told.sort_unstable();
        assert_eq!(told, ["console", "phones"]);
        assert_eq!((&list["items"][0]["code"], &list["items"][0]["args"]["days"]), (&json!("certificate-expiring"), &json!(2)));
        server.clock.advance(SignedDuration::from_hours(25));
        check(server).await;
        let later = admin.get(NOTIFICATIONS).await.expect(200);
        assert_eq!((&later["total"], &later["items"][0]["args"]["days"]), (&json!(2), &json!(1)));
        assert_eq!(server.api(&[Role::Viewer]).await.get(NOTIFICATIONS).await.expect(200)["total"], 0);
        assert_eq!(server.api(&[Role::Auditor]).await.get(NOTIFICATIONS).await.expect(200)["total"], 2);
    }

    phones_that_cannot_connect_are_listed => |server| {
        let mut stream = tokio::net::TcpStream::connect(server.phone_port()).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        server.wait_until(|app| !app.handshake_failures.snapshot().is_empty()).await;
        let api = server.api(&[Role::Admin]).await;
        let list = api.get("/api/v1/diagnosis/handshakes").await.expect(200);
        assert_eq!(list["total"], 1);
        let failure = &list["items"][0];
        assert_eq!((&failure["address"], &failure["verdict"]), (&json!("127.0.0.1"), &json!("plain_http")));
        assert_eq!((&failure["count"], &failure["verdicts"]["plain_http"]), (&json!(1), &json!(1)));
        assert_eq!(failure["listener"], "phones");
        for _ in 0..2 {
            watch::beat(server.app()).await;
        }
        let told = api.get(NOTIFICATIONS).await.expect(200);
        assert_eq!((&told["total"], &told["items"][0]["code"]), (&json!(1), &json!("handshake-failures")));
        let args = json!({ "verdict": "plain_http", "addresses": 1, "address": "127.0.0.1", "listener": "phones" });
        assert_eq!(told["items"][0]["args"], args);
        assert_eq!(server.api(&[Role::Operator]).await.get(NOTIFICATIONS).await.expect(200)["total"], 0);
    }

    models_are_listed => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let list = api.get("/api/v1/device-models").await.expect(200);
        assert_eq!(list["total"], domain::model::models().len());
        let cp600 = list["items"].as_array().expect("a list").iter().find(|model| model["name"] == "CP600");
        assert!(cp600.is_some_and(|model| model["file_types"].is_array()), "{list}");
    }

    the_node_says_how_it_is => |server| {
        let anybody = server.anonymous();
        assert_eq!(anybody.get("/healthz").await.expect(200), json!({ "status": "ok" }));
        assert_eq!(anybody.get("/readyz").await.expect(200), json!({ "status": "ok" }));
        server.app().store.close().await;
        assert_eq!(anybody.get("/healthz").await.expect(200), json!({ "status": "ok" }));
        let answer = anybody.get("/readyz").await;
        assert!(!answer.header("retry-after").is_empty());
        answer.expect_problem(503, "unavailable");
    }
}
