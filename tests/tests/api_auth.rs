//! Signing in, sessions, the first password, CSRF, brakes (D-30 … D-32, OSEM §2.2, §2.8).

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, PASSWORD, on_both_databases};

const SESSION: &str = "/api/v1/auth/session";
const NEW_PASSWORD: &str = "green teapot hums softly";

async fn try_to_sign_in(api: &ApiClient, user_name: &str, password: &str) -> tests::ApiAnswer {
    api.post("/api/v1/auth/sign-in", &json!({ "user_name": user_name, "password": password })).await
}

async fn sessions(api: &ApiClient) -> Vec<Value> {
    api.get("/api/v1/sessions").await.expect(200)["items"].as_array().expect("a list").clone()
}

/// The document without what differs from request to request.
fn without_request_id(mut problem: Value) -> Value {
    problem.as_object_mut().expect("a problem").remove("request_id").expect("a request id");
    problem
}

on_both_databases! {
    a_browser_signs_in_and_is_recognised => |server| {
        server.token("anna", &[Role::Viewer]).await;
        let answer = try_to_sign_in(&server.anonymous(), "Anna", PASSWORD).await;
        let cookie = answer.header("set-cookie").to_owned();
        let info = answer.expect(200);
        assert_eq!(info["user_name"], "anna", "names are compared without regard to case");
        assert_eq!(info["roles"], json!(["viewer"]));
        assert_eq!(info["permissions"], json!(["own", "read-clients"]));
        assert_eq!(info["must_change_password"], false);
        for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.split("; ").any(|part| part == attribute), "{attribute} in {cookie}");
        }
        assert!(!cookie.contains("Max-Age") && !cookie.contains("Domain"), "{cookie}");
        let (browser, mut info) = server.anonymous().sign_in("anna", PASSWORD).await;
        assert_eq!(info.as_object_mut().expect("an answer").remove("state"), Some(json!("signed-in")));
        assert_eq!(browser.get(SESSION).await.expect(200), info, "the same CSRF token again");
    }

    a_session_outlives_the_browser_when_wanted => |server| {
        server.token("anna", &[]).await;
        let body = json!({ "user_name": "anna", "password": PASSWORD, "keep_signed_in": true });
        let answer = server.anonymous().post("/api/v1/auth/sign-in", &body).await;
        assert!(answer.header("set-cookie").contains("Max-Age=2592000"), "{}", answer.header("set-cookie"));
        let kept = server.anonymous().with_header("cookie", &answer.cookie());
        let (passing, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        // Over a weekend: longer than a session that is not kept may be idle, and longer than it may live.
        server.clock.advance(SignedDuration::from_hours(60));
        assert_eq!(sessions(&kept).await.len(), 1);
        assert_eq!(sessions(&kept).await[0]["kept"], true);
        passing.get(SESSION).await.expect_problem(401, "unauthenticated");
        // Somebody else's sign-in cleans up, and leaves it alone.
        server.token("bert", &[]).await;
        server.anonymous().sign_in("bert", PASSWORD).await;
        for _ in 0..4 {
            server.clock.advance(SignedDuration::from_hours(6 * 24));
            kept.get(SESSION).await.expect(200);
        }
        server.clock.advance(SignedDuration::from_hours(5 * 24));
        kept.get(SESSION).await.expect_problem(401, "unauthenticated");
    }

    the_limits_of_sessions_are_settings => |server| {
        server.token("anna", &[]).await;
        server.change_setting("server-settings.accounts.kept-session-idle-timeout", 3_600).await;
        server.change_setting("server-settings.accounts.session-idle-timeout", 600).await;
        let body = json!({ "user_name": "anna", "password": PASSWORD, "keep_signed_in": true });
        let answer = server.anonymous().post("/api/v1/auth/sign-in", &body).await;
        let kept = server.anonymous().with_header("cookie", &answer.cookie());
        let (passing, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        server.clock.advance(SignedDuration::from_secs(601));
        passing.get(SESSION).await.expect_problem(401, "unauthenticated");
        kept.get(SESSION).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(3_601));
        kept.get(SESSION).await.expect_problem(401, "unauthenticated");
    }

    who_may_not_sign_in_learns_nothing_more => |server| {
        server.token("anna", &[Role::Viewer]).await;
        let admin = server.api(&[Role::Admin]).await;
        let body = json!({ "user_name": "bert", "password": PASSWORD, "roles": [] });
        let made = admin.post("/api/v1/accounts", &body).await;
        let (path, etag) = (made.header("location").to_owned(), made.header("etag").to_owned());
        made.expect(201);
        admin.clone().if_match(&etag).patch(&path, &json!({ "disabled": true })).await.expect(200);
        let api = server.anonymous();
        let mut seen = Vec::new();
        for (name, password) in [("anna", "wrong"), ("nobody", PASSWORD), ("bert", PASSWORD), ("", "")] {
            let answer = try_to_sign_in(&api, name, password).await;
            assert_eq!(answer.header("set-cookie"), "");
            seen.push(without_request_id(answer.expect_problem(401, "sign_in_failed")));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
        let (_, info) = api.sign_in("anna", PASSWORD).await;
        assert_eq!(info["failed_sign_ins"], 1);
        assert!(info["last_failed_sign_in_at"].is_string());
    }

    guessing_is_slowed_down => |server| {
        server.token("anna", &[]).await;
        // Locking is another matter.
        server.change_setting("server-settings.accounts.lock-after-failures", 0).await;
        let api = server.anonymous();
        for _ in 0..10 {
            try_to_sign_in(&api, "anna", "guess").await.expect_problem(401, "sign_in_failed");
        }
        let answer = try_to_sign_in(&api, "ANNA", PASSWORD).await;
        assert_eq!(answer.header("retry-after"), "60");
        let problem = answer.expect_problem(429, "too_many_attempts");
        assert_eq!(problem["args"]["seconds"], 60);
        server.clock.advance(SignedDuration::from_secs(61));
        try_to_sign_in(&api, "anna", PASSWORD).await.expect(200);
    }

    nothing_works_before_the_first_password_is_changed => |server| {
        let (browser, info) = server.anonymous().sign_in("admin", PASSWORD).await;
        assert_eq!(info["must_change_password"], true);
        for path in ["/api/v1/clients", "/api/v1/accounts", "/api/v1/sessions", "/api/v1/events"] {
            browser.get(path).await.expect_problem(403, "password_change_required");
        }
        let change = |old: &str, new: &str| json!({ "old_password": old, "new_password": new });
        let path = "/api/v1/auth/password";
        let wrong = browser.put(path, &change("wrong", NEW_PASSWORD)).await;
        assert_eq!(wrong.refused_fields(), ["/old_password: wrong_password"]);
        wrong.expect_problem(422, "invalid_fields");
        let short = browser.put(path, &change(PASSWORD, "short")).await;
        assert_eq!(short.refused_fields(), ["/new_password: password_too_short"]);
        let same = browser.put(path, &change(PASSWORD, PASSWORD)).await;
        same.expect_problem(422, "invalid_fields");
        assert_eq!(browser.get(SESSION).await.expect(200)["must_change_password"], true);

        browser.put(path, &change(PASSWORD, NEW_PASSWORD)).await.expect(204);
        assert_eq!(browser.get(SESSION).await.expect(200)["must_change_password"], false);
        browser.get("/api/v1/accounts").await.expect(200);
        try_to_sign_in(&server.anonymous(), "admin", PASSWORD).await.expect_problem(401, "sign_in_failed");
        server.anonymous().sign_in("admin", NEW_PASSWORD).await;
    }

    a_changed_password_ends_the_other_sessions => |server| {
        server.token("anna", &[]).await;
        let (one, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let (other, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let body = json!({ "old_password": PASSWORD, "new_password": NEW_PASSWORD });
        one.put("/api/v1/auth/password", &body).await.expect(204);
        one.get(SESSION).await.expect(200);
        other.get(SESSION).await.expect_problem(401, "unauthenticated");
    }

    guessing_the_old_password_in_a_session_is_slowed_down_too => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let body = json!({ "old_password": "guess", "new_password": NEW_PASSWORD });
        for _ in 0..5 {
            browser.put("/api/v1/auth/password", &body).await.expect_problem(422, "invalid_fields");
        }
        // The session has ended, and another one helps only so far.
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        let (browser, _) = server.stranger(2).sign_in("anna", PASSWORD).await;
        let browser = server.anonymous().with_headers_of(&browser);
        for _ in 0..5 {
            browser.put("/api/v1/auth/password", &body).await.expect_problem(422, "invalid_fields");
        }
        let (browser, _) = server.stranger(2).sign_in("anna", PASSWORD).await;
        let browser = server.anonymous().with_headers_of(&browser);
        browser.put("/api/v1/auth/password", &body).await.expect_problem(429, "too_many_attempts");
    }

    changes_of_a_browser_need_the_csrf_token => |server| {
        server.token("anna", &[Role::Admin]).await;
        let answer = try_to_sign_in(&server.anonymous(), "anna", PASSWORD).await;
        let browser = server.anonymous().with_header("cookie", &answer.cookie());
        browser.get("/api/v1/clients").await.expect(200);
        browser.delete("/api/v1/sessions").await.expect_problem(403, "csrf_token_missing");
        let wrong = browser.clone().with_header("x-csrf-token", "wrong");
        wrong.delete("/api/v1/sessions").await.expect_problem(403, "csrf_token_missing");
        let (other, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let token = info["csrf_token"].as_str().expect("a token");
        let stolen = browser.with_header("x-csrf-token", token);
        stolen.delete("/api/v1/sessions").await.expect_problem(403, "csrf_token_missing");
        other.delete("/api/v1/sessions").await.expect(200);
        let script = server.api(&[Role::Admin]).await;
        script.delete("/api/v1/sessions").await.expect(200);
    }

    credentials_that_do_not_count_all_look_the_same => |server| {
        let api = server.anonymous();
        let mut all = vec![
            api.clone(),
            api.clone().with_token("nonsense"),
            api.clone().with_token(&format!("wp_{}", "A".repeat(43))),
            api.clone().with_token(&"x".repeat(5_000)),
            api.clone().with_header("authorization", "Basic YWRtaW46YWRtaW4="),
            api.clone().with_header("authorization", "Bearer"),
            api.clone().with_header("cookie", "__Host-workpoint_session=nonsense"),
            api.clone().with_header("cookie", "__Host-workpoint_session"),
        ];
        server.token("anna", &[Role::Viewer]).await;
        let (browser, _) = api.sign_in("anna", PASSWORD).await;
        browser.post("/api/v1/auth/sign-out", &json!({})).await.expect(204);
        all.push(browser);
        let mut seen = Vec::new();
        for client in all {
            let answer = client.get("/api/v1/clients").await;
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"workpoint\"");
            seen.push(without_request_id(answer.expect_problem(401, "unauthenticated")));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
    }

    signing_out_ends_the_session => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let answer = browser.post("/api/v1/auth/sign-out", &json!({})).await;
        assert!(answer.header("set-cookie").contains("Max-Age=0"), "{}", answer.header("set-cookie"));
        answer.expect(204);
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        browser.post("/api/v1/auth/sign-out", &json!({})).await.expect_problem(401, "unauthenticated");
    }

    sessions_are_listed_and_ended => |server| {
        server.token("anna", &[]).await;
        server.token("bert", &[Role::Admin]).await;
        let laptop = server.anonymous().with_header("user-agent", "laptop").sign_in("anna", PASSWORD).await.0;
        let (desk, _) = server.anonymous().with_header("user-agent", "desk").sign_in("anna", PASSWORD).await;
        let (stranger, _) = server.anonymous().sign_in("bert", PASSWORD).await;
        let list = sessions(&laptop).await;
        assert_eq!(list.len(), 2);
        let of = |agent: &str| list.iter().find(|session| session["user_agent"] == agent).expect("a session");
        assert_eq!((&of("laptop")["current"], &of("desk")["current"]), (&json!(true), &json!(false)));
        assert_eq!(of("desk")["address"], "127.0.0.1");
        let path = format!("/api/v1/sessions/{}", of("desk")["id"]);
        stranger.delete(&path).await.expect_problem(404, "not_found");
        desk.get(SESSION).await.expect(200);
        laptop.delete(&path).await.expect(204);
        laptop.delete(&path).await.expect_problem(404, "not_found");
        desk.get(SESSION).await.expect_problem(401, "unauthenticated");

        server.anonymous().sign_in("anna", PASSWORD).await;
        server.anonymous().sign_in("anna", PASSWORD).await;
        assert_eq!(laptop.delete("/api/v1/sessions").await.expect(200), json!({ "ended": 2 }));
        assert_eq!(laptop.delete("/api/v1/sessions").await.expect(200), json!({ "ended": 0 }));
        assert_eq!(sessions(&laptop).await.len(), 1);
        assert_eq!(sessions(&stranger).await.len(), 1, "other accounts keep theirs");
    }

    signing_in_again_replaces_the_session_of_the_browser => |server| {
        server.token("anna", &[]).await;
        let (before, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let (after, _) = before.sign_in("anna", PASSWORD).await;
        before.get(SESSION).await.expect_problem(401, "unauthenticated");
        assert_eq!(sessions(&after).await.len(), 1);
    }

    sessions_end_when_idle_and_in_any_case => |server| {
        server.token("anna", &[]).await;
        let (idle, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        server.clock.advance(SignedDuration::from_secs(3_601));
        idle.get(SESSION).await.expect_problem(401, "unauthenticated");
        let (busy, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        for _ in 0..11 {
            server.clock.advance(SignedDuration::from_secs(3_500));
            busy.get(SESSION).await.expect(200);
        }
        assert_eq!(sessions(&busy).await.len(), 1);
        server.clock.advance(SignedDuration::from_secs(43_200 - 11 * 3_500));
        busy.get(SESSION).await.expect_problem(401, "unauthenticated");
    }

    sessions_survive_a_restart => |server| {
        server.token("anna", &[]).await;
        let answer = try_to_sign_in(&server.anonymous(), "anna", PASSWORD).await;
        server.restart().await;
        let browser = server.anonymous().with_header("cookie", &answer.cookie());
        assert_eq!(browser.get(SESSION).await.expect(200)["user_name"], "anna");
    }

    bodies_that_are_not_as_agreed => |server| {
        let api = server.anonymous();
        let path = "/api/v1/auth/sign-in";
        let unknown = api.post(path, &json!({ "user_name": "a", "password": "b", "remember": true })).await;
        assert_eq!(unknown.refused_fields(), ["/remember: unknown_field"]);
        unknown.expect_problem(422, "invalid_fields");
        let wrong = api.post(path, &json!({ "user_name": 7, "password": "b" })).await;
        assert_eq!(wrong.refused_fields(), ["/user_name: wrong_type"]);
        wrong.expect_problem(422, "invalid_fields");
        let missing = api.post(path, &json!({ "user_name": "a" })).await;
        assert_eq!(missing.refused_fields(), ["/password: missing"]);
        for text in ["{", "", "{\"user_name\": \"a\", \"password\": \"verySecretPassword\""] {
            let answer = api.send(reqwest::Method::POST, path, Some(text.to_owned())).await;
            assert!(!answer.text.contains("verySecretPassword"), "{}", answer.text);
            answer.expect_problem(400, "malformed_request");
        }
        // What was typed must not come back in the answer.
        let answer = api.post(path, &json!({ "user_name": "a", "password": { "x": "verySecretPassword" } })).await;
        assert!(!answer.text.contains("verySecretPassword"), "{}", answer.text);
    }
}
