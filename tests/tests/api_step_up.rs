//! Confirming who one is: before what is dangerous, with what, and what it changes about the session. And the other
//! things people change about themselves (OSEM §2.8.1, §2.8.2).

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, PASSWORD, on_both_databases};

const SESSION: &str = "/api/v1/auth/session";
const CONFIRM: &str = "/api/v1/auth/confirm";
const DETAILS: &str = "/api/v1/auth/details";

fn with_new_cookie(browser: &ApiClient, answer: &ApiAnswer) -> ApiClient {
    assert!(!answer.cookie().is_empty(), "a new cookie");
    browser.clone().with_header("cookie", &answer.cookie())
}

async fn set(browser: &ApiClient, id: &str, value: Value) -> ApiAnswer {
    let path = format!("/api/v1/settings/server-settings.{id}");
    let etag = browser.get(&path).await.header("etag").to_owned();
    browser.clone().if_match(&etag).put(&path, &json!({ "value": value })).await
}

on_both_databases! {
    what_is_dangerous_wants_a_recent_confirmation => |server| {
        server.token("anna", &[Role::Admin]).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let until = server.app().clock.now() + SignedDuration::from_secs(900);
        assert_eq!(info["confirmed_until"], json!(until));
        let new = |name: &str| json!({ "user_name": name, "password": "green teapot hums softly", "roles": [] });
        browser.post("/api/v1/accounts", &new("bert")).await.expect(201);
        server.clock.advance(SignedDuration::from_secs(900));
        let problem = browser.post("/api/v1/accounts", &new("carl")).await.expect_problem(403, "step_up_required");
        assert_eq!(problem["args"]["methods"], json!(["password"]));
        // Nothing of the body is looked at before.
        browser.post("/api/v1/accounts", &json!({})).await.expect_problem(403, "step_up_required");
        browser.post("/api/v1/tokens", &json!({ "name": "x" })).await.expect_problem(403, "step_up_required");
        set(&browser, "accounts.session-lifetime", json!(86_400)).await.expect_problem(403, "step_up_required");
        // What is not dangerous goes on.
        browser.get("/api/v1/accounts").await.expect(200);
        set(&browser, "other.log-level", json!("warn")).await.expect(200);

        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        let confirmed = with_new_cookie(&browser, &answer);
        answer.expect(204);
        confirmed.post("/api/v1/accounts", &new("carl")).await.expect(201);
        set(&confirmed, "accounts.session-lifetime", json!(86_400)).await.expect(200);
        let path = "/api/v1/settings/server-settings.accounts.session-lifetime";
        server.clock.advance(SignedDuration::from_secs(900));
        confirmed.clone().if_match("*").delete(path).await.expect_problem(403, "step_up_required");

        // The time is a setting; a token is never asked.
        server.change_setting("server-settings.accounts.confirmation-lifetime", 86_400).await;
        confirmed.clone().if_match("*").delete(path).await.expect(200);
    }

    other_peoples_tokens_are_removed_after_a_confirmation => |server| {
        server.token("anna", &[Role::Admin]).await;
        server.token("bert", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let (bert, info) = server.anonymous().sign_in("bert", PASSWORD).await;
        server.clock.advance(SignedDuration::from_secs(901));
        let list = browser.get(&format!("/api/v1/tokens?account_id={}", info["account_id"])).await.expect(200);
        let path = format!("/api/v1/tokens/{}", list["items"][0]["id"]);
        browser.delete(&path).await.expect_problem(403, "step_up_required");
        bert.delete(&path).await.expect(204);
    }

    many_clients_are_restarted_after_a_confirmation => |server| {
        server.token("anna", &[Role::Operator]).await;
        server.change_setting("server-settings.jobs.confirm-beyond", 1).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let mut ids = Vec::new();
        for number in 0..2 {
            let body = json!({ "model": "CP400", "e164": format!("4989000{number}") });
            ids.push(browser.post("/api/v1/clients", &body).await.expect(201)["id"].clone());
        }
        server.clock.advance(SignedDuration::from_secs(901));
        let restart = |ids: &[Value]| json!({ "action": "restart", "targets": { "ids": ids } });
        let path = "/api/v1/clients/actions";
        browser.post(path, &restart(&ids)).await.expect_problem(403, "step_up_required");
        browser.post(path, &restart(&ids[..1])).await.expect(201);
        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        let confirmed = with_new_cookie(&browser, &answer);
        confirmed.post(path, &restart(&ids)).await.expect_problem(409, "confirmation_required");
        let refresh = json!({ "action": "refresh", "targets": { "ids": ids } });
        server.clock.advance(SignedDuration::from_secs(901));
        confirmed.post(path, &refresh).await.expect(201);
    }

    a_confirmation_changes_the_cookie_and_not_the_session => |server| {
        server.token("anna", &[]).await;
        let body = json!({ "user_name": "anna", "password": PASSWORD, "keep_signed_in": true });
        let answer = server.anonymous().post("/api/v1/auth/sign-in", &body).await;
        let cookie = answer.cookie();
        let info = answer.expect(200);
        let csrf = info["csrf_token"].as_str().expect("a CSRF token");
        let browser = server.anonymous().with_header("cookie", &cookie).with_header("x-csrf-token", csrf);
        server.clock.advance(SignedDuration::from_hours(1));
        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        assert!(answer.header("set-cookie").contains("Max-Age=2588400"), "{}", answer.header("set-cookie"));
        let confirmed = with_new_cookie(&browser, &answer);
        let after = confirmed.get(SESSION).await.expect(200);
        for same in ["session_id", "csrf_token", "expires_at"] {
            assert_eq!(after[same], info[same], "{same}");
        }
        // Requests under way still read with the old cookie, and change nothing.
        browser.get(SESSION).await.expect(200);
        browser.post(CONFIRM, &json!({ "password": PASSWORD })).await.expect_problem(401, "unauthenticated");
        server.clock.advance(SignedDuration::from_secs(10));
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        confirmed.get(SESSION).await.expect(200);
        // The other windows of the browser, which know the CSRF token, go on.
        confirmed.delete("/api/v1/sessions").await.expect(200);
    }

    a_confirmation_is_right_or_counted => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        for (body, refused) in [
            (json!({}), "/password: missing"),
            (json!({ "password": "x", "code": "123456" }), "/password: missing"),
            (json!({ "password": "guess" }), "/password: wrong_password"),
            (json!({ "code": "123456" }), "/code: wrong_code"),
            (json!({ "password": 7 }), "/password: wrong_type"),
            (json!({ "pin": "7" }), "/pin: unknown_field"),
        ] {
            let answer = browser.post(CONFIRM, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        assert_eq!(browser.get(SESSION).await.expect(200)["failed_sign_ins"], 2);
        // Too many in a row end a session, but in whatever sessions they are slowed down.
        for _ in 0..3 {
            browser.post(CONFIRM, &json!({ "code": "123456" })).await.expect_problem(422, "invalid_fields");
        }
        let (browser, _) = server.stranger(2).sign_in("anna", PASSWORD).await;
        let browser = server.anonymous().with_headers_of(&browser);
        for _ in 0..5 {
            browser.post(CONFIRM, &json!({ "code": "123456" })).await.expect_problem(422, "invalid_fields");
        }
        let (browser, _) = server.stranger(2).sign_in("anna", PASSWORD).await;
        let browser = server.anonymous().with_headers_of(&browser);
        browser.post(CONFIRM, &json!({ "password": PASSWORD })).await.expect_problem(429, "too_many_attempts");
        let admin = server.api(&[Role::Auditor]).await;
        let records = admin.get("/api/v1/audit?action=session.confirm-failed").await.expect(200);
        assert_eq!(records["total"], 10);
    }

    another_password_renews_the_session => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        server.clock.advance(SignedDuration::from_secs(901));
        let body = json!({ "old_password": PASSWORD, "new_password": "green teapot hums softly" });
        let answer = browser.put("/api/v1/auth/password", &body).await;
        let renewed = with_new_cookie(&browser, &answer);
        answer.expect(204);
        server.clock.advance(SignedDuration::from_secs(11));
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        renewed.get(SESSION).await.expect(200);
        renewed.post("/api/v1/tokens", &json!({ "name": "who changed it has just confirmed" })).await.expect(201);
    }

    rules_for_passwords_are_told_and_hold => |server| {
        let modern = server.anonymous().get("/api/v1/auth/password-rules").await.expect(200);
        assert_eq!(modern, json!({
            "policy": "modern", "min_length": 14, "max_length": 128,
            "rules": ["password_too_short", "password_too_long", "password_contains_user_name", "password_common"],
        }));
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        server.change_setting("server-settings.accounts.password-policy", "osem").await;
        let osem = server.anonymous().get("/api/v1/auth/password-rules").await.expect(200);
        assert_eq!((&osem["policy"], &osem["max_length"]), (&json!("osem"), &json!(20)));
        assert_eq!(osem["rules"].as_array().expect("rules").len(), 6);
        let change = |new: &str| json!({ "old_password": PASSWORD, "new_password": new });
        let answer = browser.put("/api/v1/auth/password", &change("green teapot hums softly")).await;
        assert_eq!(answer.refused_fields(), ["/new_password: password_too_long"]);
        assert_eq!(answer.json()["errors"][0]["args"]["max"], 20);
        for (password, fault) in [
            ("Xk7!1234#vB9&tz", "password_sequence"),
            ("Xk7!aaaa#vB9&tz", "password_repetition"),
            ("Xk7!Anna#vB9&tz", "password_contains_user_name"),
            ("Xk7!Bnnb#vB9-anna", "password_contains_user_name"),
            ("xk7!mq2#vb9&tz", "password_composition"),
        ] {
            let answer = browser.put("/api/v1/auth/password", &change(password)).await;
            assert_eq!(answer.refused_fields(), [format!("/new_password: {fault}")], "{password}");
        }
        browser.put("/api/v1/auth/password", &change("Xk7!mQ2#vB9&tz")).await.expect(204);
    }

    own_details_are_changed_with_the_password => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let details = |language: &str, email: Value, password: Value| {
            let mut body = json!({ "language": language, "email": email });
            if !password.is_null() {
                body["password"] = password;
            }
            body
        };
        let mail = json!("anna@example.com");
        let changed = browser.put(DETAILS, &details("de", mail.clone(), json!(PASSWORD))).await.expect(200);
        assert_eq!((&changed["language"], &changed["email"]), (&json!("de"), &mail));
        // Once more changes nothing, and the language alone needs no password.
        browser.put(DETAILS, &details("de", mail.clone(), json!(PASSWORD))).await.expect(200);
        let changed = browser.put(DETAILS, &details("en", mail.clone(), Value::Null)).await.expect(200);
        assert_eq!((&changed["language"], &changed["email"]), (&json!("en"), &mail));
        let cleared = browser.put(DETAILS, &details("en", Value::Null, json!(PASSWORD))).await.expect(200);
        assert_eq!(cleared["email"], Value::Null);
        for (body, refused) in [
            (details("en", mail.clone(), Value::Null), "/password: missing"),
            (details("en", mail.clone(), json!("guess")), "/password: wrong_password"),
            (details("de", Value::Null, json!("guess")), "/password: wrong_password"),
            (details("fr", Value::Null, Value::Null), "/language: not_a_choice"),
            (details("en", json!("no address"), json!(PASSWORD)), "/email: invalid"),
            (json!({}), "/language: missing"),
            (json!({ "language": "en", "roles": ["admin"] }), "/roles: unknown_field"),
        ] {
            let answer = browser.put(DETAILS, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let auditor = server.api(&[Role::Auditor]).await;
        let records = auditor.get("/api/v1/audit?action=account.change-details").await.expect(200);
        assert_eq!(records["total"], 3);
        assert_eq!(records["items"][2]["details"]["after"]["email"], "anna@example.com");
    }

    sessions_say_what_they_are_and_all_end => |server| {
        server.token("anna", &[]).await;
        let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
        let (browser, _) = server.anonymous().with_header("user-agent", firefox).sign_in("anna", PASSWORD).await;
        let (other, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let list = browser.get("/api/v1/sessions").await.expect(200);
        let own = list["items"].as_array().expect("a list").iter().find(|one| one["current"] == true);
        let own = own.expect("the own one");
        assert_eq!((&own["browser"], &own["system"]), (&json!("Firefox 145"), &json!("Windows")));
        assert_eq!((&own["kind"], &own["kept"]), (&json!("browser"), &json!(false)));
        let answer = browser.delete("/api/v1/sessions?current=maybe").await;
        assert_eq!(answer.refused_fields(), ["current: wrong_type"]);
        assert_eq!(browser.delete("/api/v1/sessions?current=true").await.expect(200), json!({ "ended": 2 }));
        for client in [&browser, &other] {
            client.get(SESSION).await.expect_problem(401, "unauthenticated");
        }
    }
}
