//! What is live: events, dashboard, notifications, diagnosis, health; and the list of models.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, PASSWORD, TestServer, items, message, on_both_databases, raw_phone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::Reason;

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
    all.extend(items(extra));
    let mut phone = raw_phone(server.phone_port(), [127, 40, 1, 1]);
    phone.send(&message(&nonce(), Reason::StartUp, all)).await;
}

const MAC: &str = "00:1A:E8:5B:20:C7";

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
        admin.patch(&path, &json!({ "roles": ["auditor"] })).await.expect(200);
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
        let (_, data) = events.next().await.expect("an event");
        assert_eq!(data["resource"], "clients", "the first it hears of");
    }

    figures_at_a_glance => |server| {
        let viewer = server.api(&[Role::Viewer]).await;
        let empty = viewer.get("/api/v1/dashboard").await.expect(200);
        assert_eq!((&empty["clients"], &empty["by_state"]), (&json!(0), &json!([])));
        assert_eq!(empty["contacts"].as_array().map(Vec::len), Some(24));
        start_up(server, MAC, &[("fault-report-admin-pwd", "true")]).await;
        start_up(server, "00:1A:E8:5B:20:C8", &[]).await;
        let figures = viewer.get("/api/v1/dashboard").await.expect(200);
        assert_eq!(figures["clients"], 2);
        assert_eq!(figures["by_state"], json!([{ "key": "active", "clients": 2 }]));
        assert_eq!(figures["by_software"], json!([{ "key": "SIP V3 R5.16.0", "clients": 2 }]));
        assert_eq!(figures["by_last_contact_reason"], json!([{ "key": "start-up", "clients": 2 }]));
        assert_eq!(figures["by_fault"], json!([{ "key": "admin-password", "clients": 1 }]));
        assert_eq!(figures["contacts"][23]["clients"], 2);
        assert_eq!(figures["notifications"], 1);
        assert_eq!(figures["phones"]["open_sessions"], 2, "both are still being read");
        assert_eq!((&figures["accounts"], &figures["sessions"]), (&Value::Null, &Value::Null));
        let admin = server.api(&[Role::Admin]).await;
        server.token("anna", &[]).await;
        server.anonymous().sign_in("anna", PASSWORD).await;
        let figures = admin.get("/api/v1/dashboard").await.expect(200);
        assert_eq!((&figures["accounts"], &figures["sessions"]), (&json!(4), &json!(1)));
        server.clock.advance(SignedDuration::from_hours(30));
        let figures = viewer.get("/api/v1/dashboard").await.expect(200);
        let hours = figures["contacts"].as_array().expect("hours");
        assert!(hours.iter().all(|hour| hour["clients"] == 0), "{figures}");
    }

    notifications_are_read_and_removed => |server| {
        let extra = [("fault-report-admin-pwd", "true"), ("slog-archive-me", "true")];
        start_up(server, MAC, &extra).await;
        let viewer = server.api(&[Role::Viewer]).await;
        let list = viewer.get("/api/v1/notifications?size=1").await.expect(200);
        assert_eq!((&list["total"], &list["size"], list["items"].as_array().map(Vec::len)), (&json!(2), &json!(1), Some(1)));
        let one = &list["items"][0];
        assert_eq!((&one["code"], &one["args"]["device_id"]), (&json!("phone-fault"), &json!("00:1a:e8:5b:20:c7")));
        let path = format!("/api/v1/notifications/{}", one["id"]);
        viewer.delete(&path).await.expect_problem(403, "forbidden");
        viewer.delete("/api/v1/notifications").await.expect_problem(403, "forbidden");
        let operator = server.api(&[Role::Operator]).await;
        operator.delete(&path).await.expect(204);
        operator.delete(&path).await.expect_problem(404, "not_found");
        assert_eq!(operator.delete("/api/v1/notifications").await.expect(200), json!({ "removed": 1 }));
        assert_eq!(operator.delete("/api/v1/notifications").await.expect(200), json!({ "removed": 0 }));
        assert_eq!(viewer.get("/api/v1/notifications").await.expect(200)["total"], 0);
        viewer.get("/api/v1/notifications?size=0").await.expect_problem(422, "invalid_fields");
        viewer.get("/api/v1/notifications?read=true").await.expect_problem(422, "invalid_fields");
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
