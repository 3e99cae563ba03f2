//! Settings: the registry through the API, what is stronger than it, what takes effect when (D-33).

use domain::Role;
use domain::setting::{SettingKey, SettingValue};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, Backend, PASSWORD, TestServer, on_both_databases, set};

const IDLE: &str = "/api/v1/settings/server-settings.accounts.session-idle-timeout";
const API_PORT: &str = "/api/v1/settings/server-settings.ports.api-server-port";
const LOG_LEVEL: &str = "/api/v1/settings/server-settings.other.log-level";

async fn put(api: &ApiClient, path: &str, value: Value) -> ApiAnswer {
    let etag = api.get(path).await.header("etag").to_owned();
    api.clone().if_match(&etag).put(path, &json!({ "value": value })).await
}

on_both_databases! {
    every_setting_is_there_and_says_what_it_takes => |server| {
        let api = server.api(&[Role::Auditor]).await;
        let list = api.get("/api/v1/settings").await.expect(200);
        let all = list["items"].as_array().expect("a list");
        assert_eq!(all.len(), SettingKey::ALL.len());
        assert_eq!(list["total"], SettingKey::ALL.len());
        for setting in all {
            let id = setting["id"].as_str().expect("an id");
            assert_eq!(setting["value"], setting["default"], "{id}");
            assert_eq!((&setting["source"], &setting["locked"]), (&json!("default"), &json!(false)), "{id}");
            assert!(!setting["help"].as_str().expect("a text").is_empty(), "{id}");
            assert!(setting["environment"].as_str().expect("a name").starts_with("WORKPOINT_"), "{id}");
            let one = api.get(&format!("/api/v1/settings/{id}")).await;
            assert!(!one.header("etag").is_empty(), "{id}");
            assert_eq!(&one.expect(200), setting);
        }
        let port = api.get(API_PORT).await.expect(200);
        assert_eq!(port["kind"], json!({ "type": "integer", "min": 0, "max": 65_535, "unit": "" }));
        api.get("/api/v1/settings/server-settings.nothing").await.expect_problem(404, "not_found");
    }

    what_another_node_changed_is_seen_by_who_changes_it_next => |server| {
        let api = server.api(&[Role::Admin]).await;
        let old = put(&api, IDLE, json!(600)).await.header("etag").to_owned();
        let mut other = server.second_node().await;
        let elsewhere = other.api(&[Role::Admin]).await;
        put(&elsewhere, IDLE, json!(700)).await.expect(200);
        api.clone().if_match("*").put(IDLE, &json!({ "value": 800 })).await.expect(200);
        let audit = api.get("/api/v1/audit?action=setting.change").await.expect(200);
        assert_eq!(audit["items"][0]["details"]["before"]["value"], 700, "{audit}");

        elsewhere.clone().if_match("*").put(IDLE, &json!({ "value": 900 })).await.expect(200);
        api.clone().if_match(&old).put(IDLE, &json!({ "value": 1_000 })).await
            .expect_problem(412, "precondition_failed");
        assert_eq!(api.get(IDLE).await.expect(200)["value"], 900, "who is told so can see it");
        other.stop().await;
    }

    a_node_hears_of_itself_what_another_changed => |server| {
        let mut other = server.second_node().await;
        let elsewhere = other.api(&[Role::Admin]).await;
        put(&elsewhere, IDLE, json!(1_234)).await.expect(200);
        let key = SettingKey::SignInIdleTimeout;
        server.wait_until(|app| app.settings.integer(key) == 1_234).await;
        other.stop().await;
    }

    a_setting_is_changed_and_goes_back => |server| {
        let api = server.api(&[Role::Admin]).await;
        let changed = put(&api, IDLE, json!(600)).await;
        let etag = changed.header("etag").to_owned();
        let body = changed.expect(200);
        assert_eq!((&body["value"], &body["source"]), (&json!(600), &json!("database")));
        assert_eq!((&body["default"], &body["restart_pending"]), (&json!(3_600), &json!(false)));
        assert!(body["updated_at"].is_string());
        let again = put(&api, IDLE, json!(700)).await;
        assert_ne!(again.header("etag"), etag);
        again.expect(200);
        api.clone().if_match(&etag).put(IDLE, &json!({ "value": 800 })).await
            .expect_problem(412, "precondition_failed");
        api.clone().if_match(&etag).delete(IDLE).await.expect_problem(412, "precondition_failed");
        api.put(IDLE, &json!({ "value": 800 })).await.expect_problem(428, "precondition_required");
        api.delete(IDLE).await.expect_problem(428, "precondition_required");
        assert_eq!(api.get(IDLE).await.expect(200)["value"], 700);

        server.restart().await;
        let admin = server.api(&[Role::Admin]).await;
        assert_eq!(admin.get(IDLE).await.expect(200)["value"], 700);
        for _ in 0..2 {
            let reset = admin.clone().if_match("*").delete(IDLE).await.expect(200);
            assert_eq!((&reset["value"], &reset["source"]), (&json!(3_600), &json!("default")));
        }
    }

    a_change_takes_effect_at_once_or_says_that_it_waits => |server| {
        let api = server.api(&[Role::Admin]).await;
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        server.clock.advance(SignedDuration::from_secs(120));
        browser.get("/api/v1/auth/session").await.expect(200);
        put(&api, IDLE, json!(60)).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(61));
        browser.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");

        assert_eq!(put(&api, API_PORT, json!(10_444)).await.expect(200)["restart_pending"], true);
        server.restart().await;
        let api = server.api(&[Role::Admin]).await;
        assert_eq!(api.get(API_PORT).await.expect(200)["restart_pending"], false);
    }

    values_that_cannot_be_accepted => |server| {
        let api = server.api(&[Role::Admin]).await;
        for (path, value, refused) in [
            (IDLE, json!("600"), "/value: wrong_type"),
            (IDLE, json!(59), "/value: out_of_range"),
            (IDLE, json!(i64::MAX), "/value: out_of_range"),
            (IDLE, json!(1.5), "/value: wrong_type"),
            (IDLE, json!(null), "/value: wrong_type"),
            (IDLE, json!([600]), "/value: wrong_type"),
            (LOG_LEVEL, json!("loud"), "/value: not_a_choice"),
            (LOG_LEVEL, json!(true), "/value: wrong_type"),
        ] {
            let answer = put(&api, path, value.clone()).await;
            assert_eq!(answer.refused_fields(), [refused], "{value}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let any = api.if_match("*");
        let unknown = any.put(IDLE, &json!({ "value": 600, "locked": false })).await;
        assert_eq!(unknown.refused_fields(), ["/locked: unknown_field"]);
        assert_eq!(any.put(IDLE, &json!({})).await.refused_fields(), ["/value: missing"]);
        any.send(reqwest::Method::PUT, IDLE, Some("{".to_owned())).await.expect_problem(400, "malformed_request");
        let nothing = "/api/v1/settings/server-settings.nothing";
        any.put(nothing, &json!({ "value": 1 })).await.expect_problem(404, "not_found");
        any.delete(nothing).await.expect_problem(404, "not_found");
        assert_eq!(any.get(IDLE).await.expect(200)["source"], "default");
    }

    of_two_changes_at_once_one_wins => |server| {
        let api = server.api(&[Role::Admin]).await;
        let etag = api.get(IDLE).await.header("etag").to_owned();
        let api = api.if_match(&etag);
        let (one, two) = (json!({ "value": 600 }), json!({ "value": 700 }));
        let (a, b) = tokio::join!(api.put(IDLE, &one), api.put(IDLE, &two));
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{} {}", a.text, b.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_file_or_environment_fix_is_locked() {
    let mut server =
        TestServer::start_with(Backend::Sqlite, |config| set(config, SettingKey::SignInIdleTimeout, 900))
            .await;
    let api = server.api(&[Role::Admin]).await;
    let before = api.get(IDLE).await.expect(200);
    assert_eq!((&before["value"], &before["locked"]), (&json!(900), &json!(true)));
    assert_ne!(before["source"], "database");
    let problem = put(&api, IDLE, json!(600)).await.expect_problem(409, "setting_locked");
    assert_eq!(problem["args"]["source"], before["source"]);
    api.clone().if_match("*").delete(IDLE).await.expect_problem(409, "setting_locked");
    assert_eq!(api.get(IDLE).await.expect(200), before);
    server.stop().await;
}

/// A value set through the API comes back when the configuration no longer fixes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_stronger_than_the_database() {
    let mut server = TestServer::start(Backend::Sqlite).await;
    let api = server.api(&[Role::Admin]).await;
    put(&api, IDLE, json!(600)).await.expect(200);
    let config = server.config().clone();
    server.stop_in_place().await;
    let fixed = config.clone().with(SettingKey::SignInIdleTimeout, SettingValue::Integer(900));
    for (config, value) in [(fixed, 900), (config, 600)] {
        let (clock, entropy) = (workpoint::clock::Clock::system(), workpoint::clock::Entropy::system());
        let node = workpoint::Server::start(&config, clock, entropy).await.expect("it starts");
        assert_eq!(node.app().settings.integer(SettingKey::SignInIdleTimeout), value);
        node.stop().await;
    }
    server.stop().await;
}
