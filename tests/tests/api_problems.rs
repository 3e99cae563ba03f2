//! Whatever is asked, the answer is JSON as agreed: problem documents, headers, bounds.

use domain::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ApiClient, on_both_databases};

const SIGN_IN: &str = "/api/v1/auth/sign-in";

async fn post_text(api: &ApiClient, path: &str, text: String) -> tests::ApiAnswer {
    api.send(Method::POST, path, Some(text)).await
}

on_both_databases! {
    nothing_is_at_this_address => |server| {
        let api = server.api(&[Role::Admin]).await;
        for client in [&api, &server.anonymous()] {
            for path in ["/api/v1/nothing", "/api/v1", "/api/v2/clients", "/api/v1/clients/1/nothing", "/api/v1/clients/", "/nothing.php"] {
                let answer = client.get(path).await;
                let problem = answer.expect_problem(404, "not_found");
                assert_eq!(problem["type"], "urn:workpoint:problem:not_found");
                assert_eq!((&problem["status"], &problem["title"]), (&json!(404), &json!("Not found")));
            }
        }
    }

    the_address_does_not_take_this_method => |server| {
        let api = server.api(&[Role::Admin]).await;
        for (method, path, allowed) in [
            (Method::DELETE, "/api/v1/clients", "GET"),
            (Method::POST, "/api/v1/clients/1", "DELETE"),
            (Method::GET, SIGN_IN, "POST"),
            (Method::PUT, "/healthz", "GET"),
            (Method::OPTIONS, "/api/v1/clients", "GET"),
            (Method::TRACE, "/api/v1/clients", "GET"),
        ] {
            let answer = api.send(method.clone(), path, None).await;
            assert!(answer.header("allow").contains(allowed), "{method} {path}: {}", answer.header("allow"));
            answer.expect_problem(405, "method_not_allowed");
        }
    }

    bodies_are_json_and_bounded => |server| {
        let api = server.anonymous();
        let body = json!({ "user_name": "a", "password": "b" }).to_string();
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
            let other = api.clone().with_header("content-type", media_type);
            post_text(&other, SIGN_IN, body.clone()).await.expect_problem(415, "unsupported_media_type");
        }
        let with_charset = api.clone().with_header("content-type", "application/json; charset=utf-8");
        post_text(&with_charset, SIGN_IN, body.clone()).await.expect_problem(401, "sign_in_failed");
        api.send(Method::POST, SIGN_IN, None).await.expect_problem(415, "unsupported_media_type");

        let large = json!({ "user_name": "a", "password": "x".repeat(1_100_000) }).to_string();
        let problem = post_text(&api, SIGN_IN, large).await.expect_problem(413, "body_too_large");
        assert_eq!(problem["args"]["limit"], 1_048_576);
        for text in ["{", "{\"user_name\":", "\u{feff}{}", "{} {}", &"[".repeat(100_000), "nul"] {
            post_text(&api, SIGN_IN, text.to_owned()).await.expect_problem(400, "malformed_request");
        }
        let twice = r#"{"user_name":"a","user_name":"b","password":"c"}"#;
        let answer = post_text(&api, SIGN_IN, twice.to_owned()).await;
        assert!(answer.status.is_client_error(), "{}", answer.text);
    }

    characters_that_databases_do_not_take => |server| {
        let api = server.api(&[Role::Admin]).await;
        for (path, body) in [
            (SIGN_IN, json!({ "user_name": "a\u{0}b", "password": "x" })),
            ("/api/v1/accounts", json!({ "user_name": "a\u{0}b", "password": "green teapot hums softly", "roles": [] })),
            ("/api/v1/tokens", json!({ "name": "a\u{0}b" })),
        ] {
            let answer = api.post(path, &body).await;
            assert!([401, 422].contains(&answer.status.as_u16()), "{path}: {}", answer.text);
        }
        for path in ["/api/v1/audit?actor=%00", "/api/v1/accounts?search=%00", "/api/v1/clients?model=%00"] {
            api.get(path).await.expect_problem(422, "invalid_fields");
        }
        api.get("/api/v1/settings/%00").await.expect_problem(404, "not_found");
    }

    requests_can_be_found_in_the_log => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let good = api.get("/api/v1/clients").await;
        assert!(!good.header("x-request-id").is_empty());
        let bad = api.get("/api/v1/clients/999").await;
        let id = bad.header("x-request-id").to_owned();
        assert_eq!(bad.expect_problem(404, "not_found")["request_id"], id.as_str());
        assert_ne!(good.header("x-request-id"), id);
        let evil = api.clone().with_header("x-request-id", "chosen-by-the-caller").get("/api/v1/clients").await;
        assert_ne!(evil.header("x-request-id"), "chosen-by-the-caller");
    }

    answers_are_not_kept_sniffed_or_framed => |server| {
        let api = server.api(&[Role::Viewer]).await;
        for path in ["/api/v1/clients", "/api/v1/nothing", "/api/v1/clients/999", "/api/v1/clients/export", "/healthz"] {
            let answer = api.get(path).await;
            for (name, value) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
            ] {
                assert_eq!(answer.header(name), value, "{name} of {path}");
            }
            assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
            assert!(answer.header("strict-transport-security").contains("max-age="), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
            assert_eq!(answer.header("server"), "", "{path}");
        }
    }

    reading_the_head_only => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let head = api.send(Method::HEAD, "/api/v1/clients", None).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
        assert_eq!(api.send(Method::HEAD, "/api/v1/clients/999", None).await.status, 404);
    }

    the_document_and_its_pages_are_there => |server| {
        let api = server.api(&[Role::Viewer]).await;
        let document = api.get("/api/openapi.json").await;
        assert!(document.header("content-type").starts_with("application/json"));
        assert!(document.expect(200)["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
        let mut path = "/api/docs".to_owned();
        let mut page = api.get(&path).await;
        if page.status.is_redirection() {
            path = page.header("location").to_owned();
            page = api.get(&path).await;
        }
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"));
        let script = api.get("/api/docs/swagger-ui-bundle.js").await;
        assert_eq!(script.status, 200);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("https:"), "{policy}");
    }

    a_method_in_disguise_is_not_obeyed => |server| {
        let api = server.api(&[Role::Operator]).await;
        let disguised = api.clone().with_header("x-http-method-override", "DELETE");
        assert_eq!(disguised.get("/api/v1/notifications").await.expect(200)["items"], Value::Array(Vec::new()));
    }
}
