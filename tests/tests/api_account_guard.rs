//! What keeps accounts whole when somebody guesses, steals, or is faster than a revocation: locks, counts of wrong
//! confirmations, refresh tokens used twice, requests under way.

use api::Code;
use api::token::NewToken;
use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, PASSWORD, TestServer, on_both_databases};
use totp_rs::{Builder, Secret};
use workpoint::app::{accounts, caller, tokens};

const TOKEN: &str = "/api/v1/auth/token";
const SESSION: &str = "/api/v1/auth/session";
const CONFIRM: &str = "/api/v1/auth/confirm";
const FACTOR: &str = "/api/v1/auth/second-factor";
const SIGN_IN: &str = "/api/v1/auth/sign-in";

fn code(server: &TestServer, secret: &Value) -> String {
    let secret = Secret::try_from_base32(secret.as_str().expect("a secret")).expect("Base32");
    let totp = Builder::new().with_secret(secret).build().expect("an app");
    let time = u64::try_from(server.app().clock.now().as_second()).expect("after 1970");
    totp.generate(time).to_string()
}

/// An account with a second factor: its browser, secret and recovery codes. The code of this moment is used.
async fn with_factor(server: &TestServer, user_name: &str) -> (ApiClient, Value, Value) {
    server.token(user_name, &[]).await;
    let (browser, _) = server.anonymous().sign_in(user_name, PASSWORD).await;
    let secret = browser.post(FACTOR, &json!({})).await.expect(200)["secret"].clone();
    let answer = browser.post(&format!("{FACTOR}/activate"), &json!({ "code": code(server, &secret) })).await;
    let browser = browser.with_header("cookie", &answer.cookie());
    let codes = answer.expect(200)["recovery_codes"].clone();
    (browser, secret, codes)
}

async fn pair(client: &ApiClient, code: Option<&str>) -> ApiAnswer {
    let mut body = json!({ "grant_type": "password", "user_name": "anna", "password": PASSWORD });
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    client.post(TOKEN, &body).await
}

async fn refresh(server: &TestServer, pair: &Value) -> ApiAnswer {
    let body = json!({ "grant_type": "refresh_token", "refresh_token": pair["refresh_token"] });
    server.anonymous().post(TOKEN, &body).await
}

async fn sign_in(client: &ApiClient, password: &str) -> ApiAnswer {
    client.post(SIGN_IN, &json!({ "user_name": "anna", "password": password })).await
}

async fn records(server: &mut TestServer, action: &str) -> Vec<Value> {
    let auditor = server.api(&[Role::Auditor]).await;
    let list = auditor.get(&format!("/api/v1/audit?action={action}")).await.expect(200);
    list["items"].as_array().expect("a list").clone()
}

on_both_databases! {
    a_locked_account_gets_no_pair => |server| {
        server.token("anna", &[]).await;
        server.change_setting("server-settings.accounts.lock-after-failures", 2).await;
        for _ in 0..2 {
            sign_in(&server.anonymous(), "guess").await.expect_problem(401, "sign_in_failed");
        }
        pair(&server.anonymous(), None).await.expect_problem(401, "sign_in_failed");
        let last = records(server, "session.sign-in-failed").await.remove(0);
        assert_eq!(last["details"]["reason"], "locked");
    }

    parallel_guesses_do_not_get_past_the_lock => |server| {
        let (_, secret, _) = with_factor(server, "anna").await;
        server.clock.advance(SignedDuration::from_secs(30));
        server.change_setting("server-settings.accounts.lock-after-failures", 4).await;
        let strangers = [server.stranger(2), server.stranger(3)];
        let guesses = (0..16).map(|number| pair(&strangers[number % 2], Some("000000")));
        let answers = futures_util::future::join_all(guesses).await;
        let judged = answers.iter().filter(|answer| answer.json()["code"] == "second_factor_failed").count();
        assert_eq!(judged, 4);
        let right = code(server, &secret);
        pair(&server.stranger(4), Some(&right)).await.expect_problem(401, "sign_in_failed");
    }

    a_lock_keeps_strangers_out_and_not_the_owner => |server| {
        server.token("anna", &[Role::Admin]).await;
        server.anonymous().sign_in("anna", PASSWORD).await;
        server.change_setting("server-settings.accounts.lock-after-failures", 2).await;
        server.change_setting("server-settings.accounts.lock-duration", 0).await;
        let stranger = server.stranger(2);
        for _ in 0..2 {
            sign_in(&stranger, "guess").await.expect_problem(401, "sign_in_failed");
        }
        sign_in(&stranger, PASSWORD).await.expect_problem(401, "sign_in_failed");
        let admin = server.api(&[Role::Admin]).await;
        let locked = admin.get("/api/v1/accounts?locked=true").await.expect(200);
        assert_eq!(locked["total"], 1);
        assert!(locked["items"][0]["locked_until"].is_string(), "the lock of an administrator ends by itself");
        server.clock.advance(SignedDuration::from_mins(15));
        assert_eq!(admin.get("/api/v1/accounts?locked=true").await.expect(200)["total"], 0);
        for _ in 0..2 {
            sign_in(&stranger, "guess").await.expect_problem(401, "sign_in_failed");
        }
        sign_in(&stranger, PASSWORD).await.expect_problem(401, "sign_in_failed");
        sign_in(&server.anonymous(), PASSWORD).await.expect(200);

        // The command line unlocks too, once.
        for _ in 0..2 {
            sign_in(&stranger, "guess").await.expect_problem(401, "sign_in_failed");
        }
        let app = server.app();
        for unlocked in [true, false] {
            let done = accounts::unlock_from_command_line(&app.store, &app.clock, "Anna").await;
            assert_eq!(done.expect("there is such an account"), unlocked);
        }
        server.clock.advance(SignedDuration::from_secs(61));
        sign_in(&stranger, PASSWORD).await.expect(200);
    }

    a_refresh_token_of_long_ago_ends_the_pair => |server| {
        server.token("anna", &[]).await;
        let first = pair(&server.anonymous(), None).await.expect(200);
        let second = refresh(server, &first).await.expect(200);
        let third = refresh(server, &second).await.expect(200);
        refresh(server, &first).await.expect_problem(401, "unauthenticated");
        refresh(server, &third).await.expect_problem(401, "unauthenticated");
        assert_eq!(records(server, "session.refresh-token-used-twice").await.len(), 1);
    }

    nonsense_is_slowed_down => |server| {
        server.token("anna", &[]).await;
        let mut status = Vec::new();
        for number in 0..61 {
            let nonsense = json!({ "refresh_token": format!("nonsense{number}") });
            status.push(refresh(server, &nonsense).await.status.as_u16());
        }
        assert_eq!((status[0], status[59], status[60]), (401, 401, 429));
        let body = json!({ "challenge": "nonsense", "code": "000000" });
        server.anonymous().post("/api/v1/auth/sign-in/second-factor", &body).await
            .expect_problem(429, "too_many_attempts");
    }

    wrong_confirmations_end_the_session => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let guess = json!({ "password": "guess" });
        for _ in 0..4 {
            browser.post(CONFIRM, &guess).await.expect_problem(422, "invalid_fields");
        }
        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        let browser = browser.with_header("cookie", &answer.cookie());
        // One that is right begins the row again; wrong ones are counted wherever they are.
        let details = json!({ "language": "en", "email": "a@example.com", "password": "guess" });
        let password = json!({ "old_password": "guess", "new_password": "green teapot hums softly" });
        browser.put("/api/v1/auth/details", &details).await.expect_problem(422, "invalid_fields");
        browser.put("/api/v1/auth/password", &password).await.expect_problem(422, "invalid_fields");
        for _ in 0..3 {
            browser.post(CONFIRM, &guess).await.expect_problem(422, "invalid_fields");
        }
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        let ended = records(server, "session.end").await;
        assert_eq!((ended.len(), &ended[0]["details"]["reason"]), (1, &json!("wrong-confirmations")));
    }

    many_confirmations_at_once_are_not_more => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let guess = json!({ "password": "guess" });
        let answers = futures_util::future::join_all((0..10).map(|_| browser.post(CONFIRM, &guess))).await;
        let judged = answers.iter().filter(|answer| answer.json()["code"] == "invalid_fields").count();
        assert!(judged <= 5, "{judged}");
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
    }

    a_token_guesses_no_password_while_the_account_is_locked => |server| {
        let token = server.token("anna", &[]).await;
        let script = server.anonymous().with_token(token.expose());
        server.change_setting("server-settings.accounts.lock-after-failures", 3).await;
        let change = |old: &str| json!({ "old_password": old, "new_password": "green teapot hums softly" });
        for _ in 0..3 {
            script.put("/api/v1/auth/password", &change("guess")).await.expect_problem(422, "invalid_fields");
        }
        script.put("/api/v1/auth/password", &change(PASSWORD)).await.expect_problem(429, "too_many_attempts");
        script.get(SESSION).await.expect(200);
    }

    a_second_factor_is_activated_soon_and_without_guessing => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let secret = browser.post(FACTOR, &json!({})).await.expect(200)["secret"].clone();
        let activate = format!("{FACTOR}/activate");
        server.clock.advance(SignedDuration::from_secs(901));
        let body = json!({ "code": code(server, &secret) });
        browser.post(&activate, &body).await.expect_problem(403, "step_up_required");
        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        let browser = browser.with_header("cookie", &answer.cookie());
        browser.post(&activate, &body).await.expect_problem(409, "no_second_factor");
        browser.post(FACTOR, &json!({})).await.expect(200);
        for _ in 0..5 {
            browser.post(&activate, &json!({ "code": "000000" })).await.expect_problem(422, "invalid_fields");
        }
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        assert_eq!(records(server, "account.activate-second-factor-failed").await.len(), 5);
    }

    a_second_factor_goes_with_a_code_alone => |server| {
        let (browser, secret, recovery) = with_factor(server, "anna").await;
        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        let browser = browser.with_header("cookie", &answer.cookie());
        let renew = format!("{FACTOR}/recovery-codes");
        let problem = browser.delete(FACTOR).await.expect_problem(403, "step_up_required");
        assert_eq!(problem["args"]["methods"], json!(["code", "recovery-code"]));
        browser.post(&renew, &json!({})).await.expect_problem(403, "step_up_required");
        let answer = browser.post(CONFIRM, &json!({ "code": recovery[0] })).await;
        let browser = browser.with_header("cookie", &answer.cookie());
        browser.post(&renew, &json!({})).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(30));
        let answer = browser.post(CONFIRM, &json!({ "code": code(server, &secret) })).await;
        let browser = browser.with_header("cookie", &answer.cookie());
        browser.delete(FACTOR).await.expect(204);
        let confirmed = records(server, "session.confirm").await;
        let factors: Vec<&Value> = confirmed.iter().map(|record| &record["details"]["factor"]).collect();
        assert_eq!(factors, ["code", "recovery-code", "password"]);
        assert_eq!(records(server, "session.sign-in").await[0]["details"]["factor"], "password");
    }

    a_request_under_way_does_not_outlive_its_revocation => |server| {
        let token = server.token("anna", &[]).await;
        let app = server.app();
        let address = [127, 0, 0, 1].into();
        let caller = caller::by_token(app, token.expose(), address).await.expect("let in");
        let script = server.anonymous().with_token(token.expose());
        let id = script.get(SESSION).await.expect(200)["token_id"].clone();
        script.delete(&format!("/api/v1/tokens/{id}")).await.expect(204);
        let new = NewToken { name: "another".to_owned(), roles: None, expires_at: None };
        let refused = tokens::create(app, &caller, new, None).await.expect_err("revoked meanwhile");
        assert_eq!(refused.code(), Code::Unauthenticated);
    }

    a_pair_that_changes_the_password_ends_too => |server| {
        server.token("anna", &[]).await;
        let pair = pair(&server.anonymous(), None).await.expect(200);
        let script = server.anonymous().with_token(pair["access_token"].as_str().expect("a token"));
        let body = json!({ "old_password": PASSWORD, "new_password": "green teapot hums softly" });
        script.put("/api/v1/auth/password", &body).await.expect(204);
        script.get(SESSION).await.expect_problem(401, "unauthenticated");
        refresh(server, &pair).await.expect_problem(401, "unauthenticated");
    }

    a_lost_second_factor_takes_the_tokens_along => |server| {
        with_factor(server, "anna").await;
        let admin = server.api(&[Role::Admin]).await;
        let id = admin.get("/api/v1/accounts?search=anna").await.expect(200)["items"][0]["id"].clone();
        let list = format!("/api/v1/tokens?account_id={id}");
        assert_eq!(admin.get(&list).await.expect(200)["total"], 1);
        admin.delete(&format!("/api/v1/accounts/{id}/second-factor")).await.expect(204);
        assert_eq!(admin.get(&list).await.expect(200)["total"], 0);
    }

    mistyped_confirmations_that_came_right_lock_nobody => |server| {
        server.token("anna", &[]).await;
        let (mut browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        for _ in 0..12 {
            server.clock.advance(SignedDuration::from_secs(300));
            browser.post(CONFIRM, &json!({ "password": "not it" })).await.expect_problem(422, "invalid_fields");
            let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
            browser = browser.with_header("cookie", &answer.cookie());
        }
        let admin = server.api(&[Role::Admin]).await;
        let anna = admin.get("/api/v1/accounts?search=anna").await.expect(200)["items"][0].clone();
        assert_eq!((&anna["failed_sign_ins"], &anna["locked"]), (&json!(12), &json!(false)));
    }

    a_session_that_is_replaced_is_written_down => |server| {
        server.token("anna", &[]).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        browser.sign_in("anna", PASSWORD).await;
        let ended = records(server, "session.end").await;
        assert_eq!(ended[0]["object_id"], info["session_id"].to_string());
        assert_eq!(ended[0]["details"]["reason"], "replaced");
    }

    what_is_dangerous_is_tried_again_after_a_confirmation => |server| {
        server.token("anna", &[Role::Operator]).await;
        server.change_setting("server-settings.jobs.confirm-beyond", 1).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let mut ids = Vec::new();
        for number in 0..2 {
            let body = json!({ "model": "CP400", "e164": format!("4989000{number}") });
            ids.push(browser.post("/api/v1/clients", &body).await.expect(201)["id"].clone());
        }
        let restart = json!({ "action": "restart", "targets": { "ids": ids }, "confirm": 2 });
        let job = browser.post("/api/v1/clients/actions", &restart).await.expect(201)["id"].clone();
        browser.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await.expect(200);
        let retry = format!("/api/v1/jobs/{job}/retry");
        let problem = browser.post(&retry, &json!({})).await.expect_problem(409, "confirmation_required");
        assert_eq!(problem["args"]["targets"], 2);
        server.clock.advance(SignedDuration::from_secs(901));
        let confirmed = format!("{retry}?confirm=2");
        browser.post(&confirmed, &json!({})).await.expect_problem(403, "step_up_required");
        let answer = browser.post(CONFIRM, &json!({ "password": PASSWORD })).await;
        browser.with_header("cookie", &answer.cookie()).post(&confirmed, &json!({})).await.expect(200);
    }
}
