//! API tokens: shown once, limited, expiring, revoked.

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{PASSWORD, on_both_databases};

const TOKENS: &str = "/api/v1/tokens";

on_both_databases! {
    a_token_is_shown_once_used_and_revoked => |server| {
        let api = server.api(&[Role::Operator]).await;
        let answer = api.post(TOKENS, &json!({ "name": "nightly export" })).await;
        let path = answer.header("location").to_owned();
        assert_eq!(answer.header("cache-control"), "no-store");
        let made = answer.expect(201);
        let token = made["token"].as_str().expect("a token").to_owned();
        assert!(token.starts_with("wp_") && token.len() == 46, "{}", token.len());
        assert_eq!(made["hint"], token[42..]);
        assert_eq!(path, format!("{TOKENS}/{}", made["id"]));

        let script = server.anonymous().with_token(&token);
        let info = script.get("/api/v1/auth/session").await.expect(200);
        assert_eq!((&info["token_id"], &info["csrf_token"]), (&made["id"], &Value::Null));
        script.get("/api/v1/clients").await.expect(200);
        let list = api.get(TOKENS).await;
        assert!(!list.text.contains(&token), "a token is shown once");
        let list = list.expect(200);
        assert_eq!(list["total"], 2, "with the one this client uses");
        let of = list["items"].as_array().expect("a list").iter().find(|one| one["name"] == "nightly export");
        assert!(of.expect("it is in the list")["last_used_at"].is_string());

        let mut kept = made.clone();
        kept.as_object_mut().expect("a token").remove("token");
        kept["last_used_at"] = of.expect("it is in the list")["last_used_at"].clone();
        assert_eq!(api.get(&path).await.expect(200), kept);
        api.delete(&path).await.expect(204);
        api.get(&path).await.expect_problem(404, "not_found");
        api.delete(&path).await.expect_problem(404, "not_found");
        script.get("/api/v1/clients").await.expect_problem(401, "unauthenticated");
        server.stop_in_place().await;
        let data = server.raw_data().await;
        assert!(!data.windows(token.len()).any(|window| window == token.as_bytes()), "stored in clear");
    }

    a_token_expires => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let ends = server.app().clock.now() + SignedDuration::from_hours(1);
        let made = api.post(TOKENS, &json!({ "name": "short", "expires_at": ends })).await.expect(201);
        let script = server.anonymous().with_token(made["token"].as_str().expect("a token"));
        script.get("/api/v1/clients").await.expect(200);
        server.clock.advance(SignedDuration::from_mins(60));
        script.get("/api/v1/clients").await.expect_problem(401, "unauthenticated");
    }

    a_token_has_no_more_rights_than_its_owner_wants_and_has => |server| {
        let api = server.api(&[Role::Operator, Role::Auditor]).await;
        let made = api.post(TOKENS, &json!({ "name": "narrow", "roles": ["auditor"] })).await.expect(201);
        assert_eq!(made["roles"], json!(["auditor"]));
        let script = server.anonymous().with_token(made["token"].as_str().expect("a token"));
        script.get("/api/v1/audit").await.expect(200);
        script.get("/api/v1/clients").await.expect_problem(403, "forbidden");
        let more = api.post(TOKENS, &json!({ "name": "more", "roles": ["admin"] })).await;
        assert_eq!(more.refused_fields(), ["/roles/0: role_not_held"]);
        more.expect_problem(422, "invalid_fields");
        let child = script.post(TOKENS, &json!({ "name": "child" })).await.expect(201);
        let child = server.anonymous().with_token(child["token"].as_str().expect("a token"));
        child.get("/api/v1/audit").await.expect(200);
        child.get("/api/v1/clients").await.expect_problem(403, "forbidden");
    }

    an_administrator_makes_a_token_that_may_only_look => |server| {
        let api = server.api(&[Role::Admin]).await;
        let made = api.post(TOKENS, &json!({ "name": "monitoring", "roles": ["viewer"] })).await.expect(201);
        let script = server.anonymous().with_token(made["token"].as_str().expect("a token"));
        script.get("/api/v1/clients").await.expect(200);
        script.clone().if_match("*").delete("/api/v1/clients/1").await.expect_problem(403, "forbidden");
        script.get("/api/v1/accounts").await.expect_problem(403, "forbidden");
    }

    a_token_does_not_outlive_the_token_that_made_it => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let ends = server.app().clock.now() + SignedDuration::from_hours(1);
        let made = api.post(TOKENS, &json!({ "name": "parent", "expires_at": ends })).await.expect(201);
        let parent = server.anonymous().with_token(made["token"].as_str().expect("a token"));
        let later = json!({ "name": "later", "expires_at": ends + SignedDuration::from_hours(1) });
        let answer = parent.post(TOKENS, &later).await;
        assert_eq!(answer.refused_fields(), ["/expires_at: not_in_time"]);
        let child = parent.post(TOKENS, &json!({ "name": "child" })).await.expect(201);
        let script = server.anonymous().with_token(child["token"].as_str().expect("a token"));
        server.clock.advance(SignedDuration::from_hours(2));
        script.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
    }

    other_peoples_tokens => |server| {
        server.token("anna", &[Role::Viewer]).await;
        let (anna, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let account = info["account_id"].clone();
        let list = anna.get(TOKENS).await.expect(200);
        let id = list["items"][0]["id"].clone();
        let path = format!("{TOKENS}/{id}");
        let of_anna = format!("{TOKENS}?account_id={account}");
        anna.get(&of_anna).await.expect(200);
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.get(&of_anna).await.expect_problem(403, "forbidden");
        viewer.get(&path).await.expect_problem(404, "not_found");
        viewer.delete(&path).await.expect_problem(404, "not_found");
        let auditor = server.api(&[Role::Auditor]).await;
        assert_eq!(auditor.get(&of_anna).await.expect(200)["total"], 1);
        assert_eq!(auditor.get(&path).await.expect(200)["id"], id);
        auditor.delete(&path).await.expect_problem(404, "not_found");
        let admin = server.api(&[Role::Admin]).await;
        admin.delete(&path).await.expect(204);
        assert_eq!(anna.get(TOKENS).await.expect(200)["total"], 0);
    }

    names_are_unique_within_the_account => |server| {
        let api = server.api(&[Role::Viewer]).await;
        api.post(TOKENS, &json!({ "name": "x" })).await.expect(201);
        api.post(TOKENS, &json!({ "name": "x" })).await.expect_problem(409, "name_taken");
        server.api(&[Role::Viewer]).await.post(TOKENS, &json!({ "name": "x" })).await.expect(201);
    }

    repeating_a_creating_call_gives_the_same_token => |server| {
        let api = server.api(&[Role::Viewer]).await.with_header("idempotency-key", "one");
        let first = api.post(TOKENS, &json!({ "name": "x" })).await.expect(201);
        let again = api.post(TOKENS, &json!({ "name": "x" })).await.expect(201);
        assert_eq!(first, again);
        api.post(TOKENS, &json!({ "name": "y" })).await.expect_problem(422, "idempotency_key_reused");
        assert_eq!(api.get(TOKENS).await.expect(200)["total"], 2);
        let token = first["token"].as_str().expect("a token").to_owned();
        server.stop_in_place().await;
        let data = server.raw_data().await;
        assert!(!data.windows(token.len()).any(|window| window == token.as_bytes()), "kept in clear");
    }

    a_kept_answer_is_for_the_token_that_asked => |server| {
        let api = server.api(&[Role::Operator]).await;
        let narrow = api.post(TOKENS, &json!({ "name": "narrow", "roles": ["viewer"] })).await.expect(201);
        let narrow = server.anonymous().with_token(narrow["token"].as_str().expect("a token"));
        let body = json!({ "name": "x" });
        let made = api.clone().with_header("idempotency-key", "one").post(TOKENS, &body).await.expect(201);
        assert_eq!(made["roles"], json!(["operator"]));
        let guessed = narrow.with_header("idempotency-key", "one").post(TOKENS, &body).await;
        guessed.expect_problem(422, "idempotency_key_reused");
    }

    kept_answers_go_after_a_day => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let keyed = api.with_header("idempotency-key", "a-key-like-no-other");
        keyed.post(TOKENS, &json!({ "name": "x" })).await.expect(201);
        let other = json!({ "name": "y" });
        workpoint::app::idempotency::purge(server.app()).await.expect("it is purged");
        keyed.post(TOKENS, &other).await.expect_problem(422, "idempotency_key_reused");
        server.clock.advance(SignedDuration::from_hours(25));
        workpoint::app::idempotency::purge(server.app()).await.expect("it is purged");
        if server.config().database_url.is_some() {
            // A dump holds what is there; a file also what was.
            let data = String::from_utf8_lossy(&server.raw_data().await).into_owned();
            assert!(!data.contains("a-key-like-no-other"));
        }
        keyed.post(TOKENS, &other).await.expect(201);
    }

    a_limited_token_ends_nothing_but_itself => |server| {
        server.token("anna", &[Role::Operator]).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let made = browser.post(TOKENS, &json!({ "name": "narrow", "roles": ["viewer"] })).await.expect(201);
        let full = browser.post(TOKENS, &json!({ "name": "full" })).await.expect(201);
        let path = |token: &Value| format!("{TOKENS}/{}", token["id"]);
        let session = format!("/api/v1/sessions/{}", info["session_id"]);
        let narrow = server.anonymous().with_token(made["token"].as_str().expect("a token"));
        for path in [session.as_str(), "/api/v1/sessions", &path(&full)] {
            narrow.delete(path).await.expect_problem(403, "forbidden");
        }
        narrow.delete(&path(&made)).await.expect(204);
        let all = server.anonymous().with_token(full["token"].as_str().expect("a token"));
        all.delete(&session).await.expect(204);
    }

    fields_that_cannot_be_accepted => |server| {
        let api = server.api(&[Role::Viewer]).await;
        for (body, refused) in [
            (json!({}), "/name: missing"),
            (json!({ "name": "" }), "/name"),
            (json!({ "name": "x".repeat(101) }), "/name: too_long"),
            (json!({ "name": 7 }), "/name: wrong_type"),
            (json!({ "name": "x", "roles": ["owner"] }), "/roles/0: not_a_choice"),
            (json!({ "name": "x", "expires_at": "2020-01-01T00:00:00Z" }), "/expires_at: not_in_time"),
            (json!({ "name": "x", "expires_at": "tomorrow" }), "/expires_at"),
            (json!({ "name": "x", "token": "wp_mine" }), "/token: unknown_field"),
        ] {
            let answer = api.post(TOKENS, &body).await;
            let fields = answer.refused_fields();
            assert!(fields.first().is_some_and(|field| field.starts_with(refused)), "{refused}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        api.get(&format!("{TOKENS}?account_id=x")).await.expect_problem(422, "invalid_fields");
        for id in ["999999", "x"] {
            api.delete(&format!("{TOKENS}/{id}")).await.expect_problem(404, "not_found");
        }
    }
}
