//! Pairs of access and refresh token: given, renewed, revoked (OSEM §13.10).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, PASSWORD, TestServer, on_both_databases};

const TOKEN: &str = "/api/v1/auth/token";
const SESSION: &str = "/api/v1/auth/session";
const ALGORITHM: &str = "server-settings.security.token-digest-algorithm";

async fn ask(server: &TestServer, user_name: &str, password: &str) -> ApiAnswer {
    let body = json!({ "grant_type": "password", "user_name": user_name, "password": password });
    server.anonymous().post(TOKEN, &body).await
}

async fn refresh(server: &TestServer, pair: &Value) -> ApiAnswer {
    let body = json!({ "grant_type": "refresh_token", "refresh_token": pair["refresh_token"] });
    server.anonymous().post(TOKEN, &body).await
}

fn program(server: &TestServer, pair: &Value) -> ApiClient {
    server.anonymous().with_token(pair["access_token"].as_str().expect("a token"))
}

on_both_databases! {
    a_program_signs_in_works_and_renews => |server| {
        server.token("anna", &[Role::Operator]).await;
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        assert_eq!(pair["token_type"], "Bearer");
        let script = program(server, &pair);
        let info = script.get(SESSION).await.expect(200);
        assert_eq!((&info["session_id"], &info["csrf_token"]), (&pair["session_id"], &Value::Null));
        assert_eq!((&info["token_id"], &info["expires_at"]), (&Value::Null, &pair["access_expires_at"]));
        // No cookie, so no CSRF token either.
        script.delete("/api/v1/sessions").await.expect(200);
        let list = script.get("/api/v1/sessions").await.expect(200);
        assert_eq!((&list["items"][0]["kind"], &list["items"][0]["current"]), (&json!("token-pair"), &json!(true)));

        server.clock.advance(SignedDuration::from_secs(600));
        script.get(SESSION).await.expect_problem(401, "unauthenticated");
        let next = refresh(server, &pair).await.expect(200);
        assert_eq!(next["session_id"], pair["session_id"]);
        assert_eq!(next["refresh_expires_at"], pair["refresh_expires_at"], "renewing does not prolong the session");
        program(server, &next).get(SESSION).await.expect(200);
        server.stop_in_place().await;
        let data = server.raw_data().await;
        let token = next["refresh_token"].as_str().expect("a token");
        assert!(!data.windows(token.len()).any(|window| window == token.as_bytes()), "stored in clear");
    }

    every_algorithm_works_and_only_that_in_force_counts => |server| {
        server.token("anna", &[]).await;
        let mut before: Option<Value> = None;
        for (algorithm, header) in [
            ("hmac-sha-512", r#""alg":"HS512""#),
            ("rsa-sha-256", r#""alg":"RS256""#),
            ("rsa-sha-512", r#""alg":"RS512""#),
            ("ecdsa-p-256-sha-256", r#""alg":"ES256""#),
            ("ecdsa-p-521-sha-512", r#""alg":"ES512""#),
            ("hmac-sha-256", r#""alg":"HS256""#),
        ] {
            server.change_setting(ALGORITHM, algorithm).await;
            if let Some(before) = &before {
                program(server, before).get(SESSION).await.expect_problem(401, "unauthenticated");
            }
            let pair = match &before {
                None => ask(server, "anna", PASSWORD).await.expect(200),
                Some(before) => refresh(server, before).await.expect(200),
            };
            let token = pair["access_token"].as_str().expect("a token");
            let first = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("Base64");
            let first = String::from_utf8(first).expect("text");
            assert!(first.contains(header), "{algorithm}: {first}");
            program(server, &pair).get(SESSION).await.expect(200);
            before = Some(pair);
        }
        // The key is the same after a restart, and on another node.
        let pair = before.expect("a pair");
        let other = server.second_node().await;
        program(&other, &pair).get(SESSION).await.expect(200);
        other.stop().await;
        server.restart().await;
        program(server, &pair).get(SESSION).await.expect(200);
    }

    a_refresh_token_counts_once => |server| {
        server.token("anna", &[]).await;
        let first = ask(server, "anna", PASSWORD).await.expect(200);
        let second = refresh(server, &first).await.expect(200);
        // Perhaps only the answer was lost: refused, and no harm.
        refresh(server, &first).await.expect_problem(401, "unauthenticated");
        program(server, &second).get(SESSION).await.expect(200);
        // Later somebody else has it: the session is over for both.
        server.clock.advance(SignedDuration::from_secs(60));
        refresh(server, &first).await.expect_problem(401, "unauthenticated");
        program(server, &second).get(SESSION).await.expect_problem(401, "unauthenticated");
        refresh(server, &second).await.expect_problem(401, "unauthenticated");
        let auditor = server.api(&[Role::Auditor]).await;
        let records = auditor.get("/api/v1/audit?action=session.refresh-token-used-twice").await.expect(200);
        assert_eq!(records["total"], 1);

        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        let (a, b) = tokio::join!(refresh(server, &pair), refresh(server, &pair));
        let mut status = [a.status.as_u16(), b.status.as_u16()];
        status.sort_unstable();
        assert_eq!(status, [200, 401]);
    }

    a_pair_is_revoked_like_any_session => |server| {
        let admin = server.api(&[Role::Admin]).await.if_match("*");
        server.token("anna", &[]).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let account = format!("/api/v1/accounts/{}", info["account_id"]);
        let gone = async |pair: &Value| {
            program(server, pair).get(SESSION).await.expect_problem(401, "unauthenticated");
            refresh(server, pair).await.expect_problem(401, "unauthenticated");
        };
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        browser.delete(&format!("/api/v1/sessions/{}", pair["session_id"])).await.expect(204);
        gone(&pair).await;
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        program(server, &pair).post("/api/v1/auth/sign-out", &json!({})).await.expect(204);
        gone(&pair).await;
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        admin.patch(&account, &json!({ "roles": ["viewer"] })).await.expect(200);
        gone(&pair).await;
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        admin.patch(&account, &json!({ "disabled": true })).await.expect(200);
        gone(&pair).await;
        ask(server, "anna", PASSWORD).await.expect_problem(401, "sign_in_failed");
    }

    a_pair_has_the_limits_of_a_session => |server| {
        server.token("anna", &[Role::Admin]).await;
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(3_601));
        refresh(server, &pair).await.expect_problem(401, "unauthenticated");
        let mut pair = ask(server, "anna", PASSWORD).await.expect(200);
        for _ in 0..13 {
            server.clock.advance(SignedDuration::from_secs(3_300));
            pair = refresh(server, &pair).await.expect(200);
        }
        server.clock.advance(SignedDuration::from_secs(43_200 - 13 * 3_300));
        refresh(server, &pair).await.expect_problem(401, "unauthenticated");

        // It must confirm before something dangerous, and can.
        let mut pair = ask(server, "anna", PASSWORD).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(901));
        pair = refresh(server, &pair).await.expect(200);
        let script = program(server, &pair);
        script.post("/api/v1/tokens", &json!({ "name": "x" })).await.expect_problem(403, "step_up_required");
        script.post("/api/v1/auth/confirm", &json!({ "password": PASSWORD })).await.expect(204);
        script.post("/api/v1/tokens", &json!({ "name": "x" })).await.expect(201);

        // Nothing works before the first password was changed.
        let first = ask(server, "admin", PASSWORD).await.expect(200);
        program(server, &first).get("/api/v1/clients").await.expect_problem(403, "password_change_required");
    }

    a_token_that_was_tampered_with_counts_nothing => |server| {
        server.token("anna", &[]).await;
        let pair = ask(server, "anna", PASSWORD).await.expect(200);
        let token = pair["access_token"].as_str().expect("a token");
        let parts: Vec<&str> = token.split('.').collect();
        let other = ask(server, "anna", PASSWORD).await.expect(200);
        let other: Vec<&str> = other["access_token"].as_str().expect("a token").split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#);
        for bad in [
            format!("{}.{}.", parts[0], parts[1]),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], other[1], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], other[2]),
            "..".to_owned(),
            "a.b.c".to_owned(),
        ] {
            server.anonymous().with_token(&bad).get(SESSION).await.expect_problem(401, "unauthenticated");
        }
        // Neither kind of token is taken for the other.
        let cookie = format!("__Host-workpoint_session={}", pair["refresh_token"].as_str().expect("a token"));
        server.anonymous().with_header("cookie", &cookie).get(SESSION).await.expect_problem(401, "unauthenticated");
        let refresh = pair["refresh_token"].as_str().expect("a token");
        server.anonymous().with_token(refresh).get(SESSION).await.expect_problem(401, "unauthenticated");
    }

    passwords_are_guessed_no_faster_here => |server| {
        server.token("anna", &[]).await;
        for _ in 0..10 {
            ask(server, "anna", "guess").await.expect_problem(401, "sign_in_failed");
        }
        ask(server, "anna", PASSWORD).await.expect_problem(429, "too_many_attempts");
        let admin = server.api(&[Role::Admin]).await;
        assert_eq!(admin.get("/api/v1/accounts?locked=true").await.expect(200)["total"], 1);
    }

    bodies_that_are_not_as_agreed => |server| {
        for (body, refused) in [
            (json!({}), "/grant_type: missing"),
            (json!({ "grant_type": "magic" }), "/grant_type: not_a_choice"),
            (json!({ "grant_type": "password" }), "/user_name: missing"),
            (json!({ "grant_type": "password", "user_name": "anna" }), "/password: missing"),
            (json!({ "grant_type": "refresh_token" }), "/refresh_token: missing"),
            (json!({ "grant_type": "refresh_token", "scope": "x" }), "/scope: unknown_field"),
        ] {
            let answer = server.anonymous().post(TOKEN, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let body = json!({ "grant_type": "refresh_token", "refresh_token": "nonsense" });
        server.anonymous().post(TOKEN, &body).await.expect_problem(401, "unauthenticated");
    }
}
