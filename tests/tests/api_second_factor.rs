//! The second factor: set up, signing in with it, recovery codes, removing it (OSEM §2.8.4).

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, PASSWORD, TestServer, on_both_databases};
use totp_rs::{Algorithm, Builder, Secret};

const SESSION: &str = "/api/v1/auth/session";
const FACTOR: &str = "/api/v1/auth/second-factor";
const SECOND_STEP: &str = "/api/v1/auth/sign-in/second-factor";

/// An authenticator app.
struct App {
    secret: String,
    algorithm: Algorithm,
}

impl App {
    fn new(setup: &Value) -> Self {
        let algorithm = if setup["algorithm"] == "sha-1" { Algorithm::SHA1 } else { Algorithm::SHA256 };
        Self { secret: setup["secret"].as_str().expect("a secret").to_owned(), algorithm }
    }

    /// The code it shows some seconds from now.
    fn code_in(&self, server: &TestServer, seconds: i64) -> String {
        let secret = Secret::try_from_base32(&self.secret).expect("Base32");
        let totp = Builder::new().with_algorithm(self.algorithm).with_secret(secret).build().expect("an app");
        let time = server.app().clock.now().as_second() + seconds;
        totp.generate(u64::try_from(time).expect("after 1970")).to_string()
    }

    fn code(&self, server: &TestServer) -> String {
        self.code_in(server, 0)
    }
}

async fn first_step(server: &TestServer, user_name: &str) -> ApiAnswer {
    let body = json!({ "user_name": user_name, "password": PASSWORD });
    server.anonymous().post("/api/v1/auth/sign-in", &body).await
}

/// The challenge of a right password.
async fn challenge(server: &TestServer, user_name: &str) -> String {
    let answer = first_step(server, user_name).await;
    assert_eq!(answer.header("set-cookie"), "", "no session before the second step");
    let body = answer.expect(200);
    assert_eq!(body["state"], "second-factor-needed");
    assert_eq!(body.as_object().expect("an object").len(), 3, "{body}");
    body["challenge"].as_str().expect("a challenge").to_owned()
}

async fn second_step(server: &TestServer, challenge: &str, code: &str) -> ApiAnswer {
    server.anonymous().post(SECOND_STEP, &json!({ "challenge": challenge, "code": code })).await
}

async fn with_recovery_code(server: &TestServer, challenge: &str, code: &Value) -> ApiAnswer {
    server.anonymous().post(SECOND_STEP, &json!({ "challenge": challenge, "recovery_code": code })).await
}

/// An account with a second factor; gives its browser, the app and the recovery codes. The code of this moment is used.
async fn with_factor(server: &TestServer, user_name: &str, roles: &[Role]) -> (ApiClient, App, Vec<Value>) {
    server.token(user_name, roles).await;
    let (browser, _) = server.anonymous().sign_in(user_name, PASSWORD).await;
    let app = App::new(&browser.post(FACTOR, &json!({})).await.expect(200));
    let body = json!({ "code": app.code(server) });
    let answer = browser.post(&format!("{FACTOR}/activate"), &body).await;
    let browser = browser.with_header("cookie", &answer.cookie());
    let codes = answer.expect(200)["recovery_codes"].as_array().expect("codes").clone();
    (browser, app, codes)
}

fn next_step(server: &TestServer) {
    server.clock.advance(SignedDuration::from_secs(30));
}

on_both_databases! {
    it_is_set_up_with_a_code_and_then_asked_for => |server| {
        server.token("anna", &[Role::Viewer]).await;
        let (other, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        assert_eq!(info["second_factor"], false);
        let none = json!({ "active": false, "activated_at": null, "algorithm": null, "recovery_codes_left": 0 });
        assert_eq!(browser.get(FACTOR).await.expect(200), none);

        let setup = browser.post(FACTOR, &json!({})).await.expect(200);
        assert_eq!((&setup["digits"], &setup["period_seconds"]), (&json!(6), &json!(30)));
        assert_eq!((&setup["account"], &setup["issuer"]), (&json!("anna"), &json!("Workpoint")));
        let uri = setup["uri"].as_str().expect("an address");
        let secret = setup["secret"].as_str().expect("a secret");
        assert!(uri.starts_with("otpauth://totp/Workpoint:anna?") && uri.contains(secret), "{uri}");
        assert!(setup["qr"].as_str().expect("a picture").starts_with("data:image/png;base64,iVBOR"));

        // It does not count before its first code, and a new try makes a new secret.
        first_step(server, "anna").await.expect(200);
        assert_eq!(browser.get(FACTOR).await.expect(200), none);
        let again = browser.post(FACTOR, &json!({})).await.expect(200);
        assert_ne!(again["secret"], setup["secret"]);
        let activate = format!("{FACTOR}/activate");
        let old = json!({ "code": App::new(&setup).code(server) });
        let refused = browser.post(&activate, &old).await;
        assert_eq!(refused.refused_fields(), ["/code: wrong_code"]);

        let app = App::new(&again);
        let answer = browser.post(&activate, &json!({ "code": app.code(server) })).await;
        let renewed = browser.clone().with_header("cookie", &answer.cookie());
        let codes = answer.expect(200)["recovery_codes"].clone();
        assert_eq!(codes.as_array().expect("codes").len(), 10);
        renewed.post(&activate, &json!({ "code": app.code(server) })).await.expect_problem(409, "no_second_factor");
        renewed.post(FACTOR, &json!({})).await.expect_problem(409, "second_factor_active");
        other.get(SESSION).await.expect_problem(401, "unauthenticated");
        let view = renewed.get(FACTOR).await.expect(200);
        assert_eq!((&view["active"], &view["recovery_codes_left"]), (&json!(true), &json!(10)));
        assert_eq!(renewed.get(SESSION).await.expect(200)["second_factor"], true);

        next_step(server);
        let challenge = challenge(server, "anna").await;
        let answer = second_step(server, &challenge, &app.code(server)).await;
        let signed_in = server.anonymous().with_header("cookie", &answer.cookie());
        assert_eq!(answer.expect(200)["state"], "signed-in");
        signed_in.get("/api/v1/clients").await.expect(200);

        server.stop_in_place().await;
        let data = server.raw_data().await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        // A code is compared without its hyphens, and might be kept like that.
        for secret in [text(&again["secret"]), text(&codes[0]), text(&codes[0]).replace('-', "")] {
            let secret = secret.as_bytes();
            assert!(!data.windows(secret.len()).any(|window| window == secret), "stored in clear");
        }
    }

    the_hash_is_a_setting => |server| {
        server.change_setting("server-settings.security.totp-hash-algorithm", "sha-256").await;
        let (browser, app, _) = with_factor(server, "anna", &[]).await;
        assert_eq!(browser.get(FACTOR).await.expect(200)["algorithm"], "sha-256");
        // What is set up stays as it is.
        server.change_setting("server-settings.security.totp-hash-algorithm", "sha-1").await;
        next_step(server);
        let challenge = challenge(server, "anna").await;
        second_step(server, &challenge, &app.code(server)).await.expect(200);
    }

    a_code_counts_once_and_a_step_early_or_late => |server| {
        let (_, app, _) = with_factor(server, "anna", &[]).await;
        let first = challenge(server, "anna").await;
        // The code that activated it is used up.
        let problem = second_step(server, &first, &app.code(server)).await.expect_problem(401, "second_factor_failed");
        assert_eq!(problem["args"]["tries"], 4);
        second_step(server, &first, &app.code_in(server, 30)).await.expect(200);
        // Used, and with it every one before it.
        let second = challenge(server, "anna").await;
        for seconds in [30, 0, -30] {
            second_step(server, &second, &app.code_in(server, seconds)).await
                .expect_problem(401, "second_factor_failed");
        }
        server.clock.advance(SignedDuration::from_secs(90));
        let third = challenge(server, "anna").await;
        for seconds in [-60, 60] {
            second_step(server, &third, &app.code_in(server, seconds)).await
                .expect_problem(401, "second_factor_failed");
        }
        second_step(server, &third, &app.code_in(server, -30)).await.expect(200);
        // A sign-in opens one session.
        second_step(server, &third, &app.code(server)).await.expect_problem(401, "sign_in_expired");
    }

    of_many_with_the_same_code_one_gets_in => |server| {
        let (_, app, recovery) = with_factor(server, "anna", &[]).await;
        next_step(server);
        let code = app.code(server);
        let (one, two, three) =
            (challenge(server, "anna").await, challenge(server, "anna").await, challenge(server, "anna").await);
        let (a, b, c) = tokio::join!(
            second_step(server, &one, &code), second_step(server, &two, &code), second_step(server, &three, &code)
        );
        let mut status = [a, b, c].map(|answer| answer.status.as_u16());
        status.sort_unstable();
        assert_eq!(status, [200, 401, 401]);

        let (one, two) = (challenge(server, "anna").await, challenge(server, "anna").await);
        let (a, b) = tokio::join!(
            with_recovery_code(server, &one, &recovery[0]), with_recovery_code(server, &two, &recovery[0])
        );
        let mut status = [a, b].map(|answer| answer.status.as_u16());
        status.sort_unstable();
        assert_eq!(status, [200, 401]);
    }

    a_sign_in_takes_few_codes_and_little_time => |server| {
        let (_, app, _) = with_factor(server, "anna", &[]).await;
        next_step(server);
        let first = challenge(server, "anna").await;
        for left in (0..5).rev() {
            let problem = second_step(server, &first, "000000").await.expect_problem(401, "second_factor_failed");
            assert_eq!(problem["args"]["tries"], left);
        }
        second_step(server, &first, &app.code(server)).await.expect_problem(401, "sign_in_expired");
        second_step(server, "nonsense", &app.code(server)).await.expect_problem(401, "sign_in_expired");
        server.clock.advance(SignedDuration::from_secs(61));
        let second = challenge(server, "anna").await;
        server.clock.advance(SignedDuration::from_secs(300));
        second_step(server, &second, &app.code(server)).await.expect_problem(401, "sign_in_expired");
    }

    many_guesses_at_once_are_not_more => |server| {
        let (_, _, _) = with_factor(server, "anna", &[]).await;
        let challenge = challenge(server, "anna").await;
        let guesses = (0..12).map(|_| second_step(server, &challenge, "000000"));
        let answers = futures_util::future::join_all(guesses).await;
        let looked_at = answers.iter().filter(|answer| answer.json()["code"] == "second_factor_failed").count();
        assert_eq!(looked_at, 5);
    }

    guessing_codes_locks_the_account_and_is_slowed_down => |server| {
        let (_, app, _) = with_factor(server, "anna", &[]).await;
        next_step(server);
        // The right password in between does not begin the row again.
        for _ in 0..5 {
            let challenge = challenge(server, "anna").await;
            for _ in 0..2 {
                second_step(server, &challenge, "000000").await.expect_problem(401, "second_factor_failed");
            }
            server.clock.advance(SignedDuration::from_secs(61));
        }
        // Where the owner signed in the lock does not hold.
        let body = json!({ "user_name": "anna", "password": PASSWORD });
        server.stranger(2).post("/api/v1/auth/sign-in", &body).await.expect_problem(401, "sign_in_failed");
        server.clock.advance(SignedDuration::from_secs(900));
        let last = challenge(server, "anna").await;
        second_step(server, &last, &app.code(server)).await.expect(200);

        server.change_setting("server-settings.accounts.lock-after-failures", 0).await;
        let mut slowed = false;
        for _ in 0..4 {
            let answer = first_step(server, "anna").await;
            if answer.status == 429 {
                slowed = true;
                break;
            }
            let challenge = answer.expect(200)["challenge"].as_str().expect("a challenge").to_owned();
            for _ in 0..4 {
                slowed |= second_step(server, &challenge, "000000").await.status == 429;
            }
        }
        assert!(slowed, "a password lets nobody guess codes for ever");
    }

    nothing_tells_who_has_one_without_the_password => |server| {
        with_factor(server, "anna", &[]).await;
        server.token("bert", &[]).await;
        let mut seen = Vec::new();
        for name in ["anna", "bert", "nobody"] {
            let body = json!({ "user_name": name, "password": "guess" });
            let answer = server.anonymous().post("/api/v1/auth/sign-in", &body).await;
            let mut problem = answer.expect_problem(401, "sign_in_failed");
            problem.as_object_mut().expect("a problem").remove("request_id");
            seen.push(problem);
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
    }

    a_sign_in_under_way_ends_with_the_password => |server| {
        let (_, app, _) = with_factor(server, "anna", &[]).await;
        let admin = server.api(&[Role::Admin]).await.if_match("*");
        let id = admin.get("/api/v1/accounts?search=anna").await.expect(200)["items"][0]["id"].clone();
        let path = format!("/api/v1/accounts/{id}");
        next_step(server);
        let begun = challenge(server, "anna").await;
        admin.patch(&path, &json!({ "disabled": true })).await.expect(200);
        second_step(server, &begun, &app.code(server)).await.expect_problem(401, "sign_in_expired");
        admin.patch(&path, &json!({ "disabled": false })).await.expect(200);
        let begun = challenge(server, "anna").await;
        admin.patch(&path, &json!({ "password": "green teapot hums softly" })).await.expect(200);
        second_step(server, &begun, &app.code(server)).await.expect_problem(401, "sign_in_expired");
    }

    recovery_codes_count_once_and_are_renewed => |server| {
        let (browser, _, codes) = with_factor(server, "anna", &[]).await;
        let first = challenge(server, "anna").await;
        // Written with or without gaps, in any case.
        let typed = json!(codes[0].as_str().expect("a code").replace('-', " ").to_uppercase());
        with_recovery_code(server, &first, &typed).await.expect(200);
        let second = challenge(server, "anna").await;
        with_recovery_code(server, &second, &codes[0]).await.expect_problem(401, "second_factor_failed");
        with_recovery_code(server, &second, &codes[1]).await.expect(200);
        assert_eq!(browser.get(FACTOR).await.expect(200)["recovery_codes_left"], 8);

        let path = format!("{FACTOR}/recovery-codes");
        let renewed = browser.post(&path, &json!({})).await.expect(200)["recovery_codes"].clone();
        assert_eq!(browser.get(FACTOR).await.expect(200)["recovery_codes_left"], 10);
        let third = challenge(server, "anna").await;
        with_recovery_code(server, &third, &codes[2]).await.expect_problem(401, "second_factor_failed");
        with_recovery_code(server, &third, &renewed[2]).await.expect(200);
    }

    it_is_removed_by_oneself => |server| {
        let (browser, app, codes) = with_factor(server, "anna", &[]).await;
        let answer = browser.delete(FACTOR).await;
        let renewed = browser.clone().with_header("cookie", &answer.cookie());
        answer.expect(204);
        renewed.delete(FACTOR).await.expect_problem(409, "no_second_factor");
        renewed.post(&format!("{FACTOR}/recovery-codes"), &json!({})).await.expect_problem(409, "no_second_factor");
        assert_eq!(renewed.get(FACTOR).await.expect(200)["recovery_codes_left"], 0);
        assert_eq!(first_step(server, "anna").await.expect(200)["state"], "signed-in");
        renewed.post("/api/v1/auth/confirm", &json!({ "code": app.code(server) })).await
            .expect_problem(422, "invalid_fields");
        // Set up anew, the old secret and codes count no longer.
        let setup = renewed.post(FACTOR, &json!({})).await.expect(200);
        let body = json!({ "code": App::new(&setup).code(server) });
        renewed.post(&format!("{FACTOR}/activate"), &body).await.expect(200);
        next_step(server);
        let begun = challenge(server, "anna").await;
        second_step(server, &begun, &app.code(server)).await.expect_problem(401, "second_factor_failed");
        with_recovery_code(server, &begun, &codes[0]).await.expect_problem(401, "second_factor_failed");
        second_step(server, &begun, &App::new(&setup).code(server)).await.expect(200);
    }

    it_is_removed_by_an_administrator => |server| {
        let (browser, _, _) = with_factor(server, "anna", &[Role::Viewer]).await;
        let (root, _, _) = with_factor(server, "root", &[Role::Admin]).await;
        let admin = server.api(&[Role::Admin]).await;
        let path = async |name: &str| {
            let list = admin.get(&format!("/api/v1/accounts?search={name}")).await.expect(200);
            assert_eq!(list["items"][0]["second_factor"], true);
            format!("/api/v1/accounts/{}/second-factor", list["items"][0]["id"])
        };
        let (anna, own) = (path("anna").await, path("root").await);
        browser.delete(&anna).await.expect_problem(403, "forbidden");
        root.delete(&own).await.expect_problem(409, "own_account");
        root.delete(&anna).await.expect(204);
        root.delete(&anna).await.expect_problem(409, "no_second_factor");
        browser.get(SESSION).await.expect_problem(401, "unauthenticated");
        assert_eq!(first_step(server, "anna").await.expect(200)["state"], "signed-in");
        for id in ["999999", "anna"] {
            let path = format!("/api/v1/accounts/{id}/second-factor");
            admin.delete(&path).await.expect_problem(404, "not_found");
        }
        let records = admin.get("/api/v1/audit?action=account.remove-second-factor").await.expect(200);
        assert_eq!((&records["total"], &records["items"][0]["actor_name"]), (&json!(1), &json!("root")));
    }

    a_token_manages_no_second_factor => |server| {
        let api = server.api(&[Role::Admin]).await;
        assert_eq!(api.get(FACTOR).await.expect(200)["active"], false);
        api.post(FACTOR, &json!({})).await.expect_problem(409, "session_needed");
        api.delete(FACTOR).await.expect_problem(409, "session_needed");
        api.post(&format!("{FACTOR}/recovery-codes"), &json!({})).await.expect_problem(409, "session_needed");
        api.post(&format!("{FACTOR}/activate"), &json!({ "code": "123456" })).await
            .expect_problem(409, "session_needed");
        api.post("/api/v1/auth/confirm", &json!({ "password": PASSWORD })).await
            .expect_problem(409, "session_needed");
    }

    bodies_that_are_not_as_agreed => |server| {
        server.token("anna", &[]).await;
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let activate = format!("{FACTOR}/activate");
        browser.post(&activate, &json!({ "code": "123456" })).await.expect_problem(409, "no_second_factor");
        browser.post(FACTOR, &json!({})).await.expect(200);
        for (path, body, refused) in [
            (activate.as_str(), json!({}), "/code: missing"),
            (&activate, json!({ "code": 123_456 }), "/code: wrong_type"),
            (&activate, json!({ "code": "12345" }), "/code: wrong_code"),
            (&activate, json!({ "code": "x".repeat(100_000) }), "/code: wrong_code"),
            (&activate, json!({ "code": "1", "secret": "x" }), "/secret: unknown_field"),
            (SECOND_STEP, json!({ "code": "123456" }), "/challenge: missing"),
            (SECOND_STEP, json!({ "challenge": "x" }), "/code: missing"),
            (SECOND_STEP, json!({ "challenge": "x", "code": "1", "recovery_code": "2" }), "/code: missing"),
            (SECOND_STEP, json!({ "challenge": "x", "password": "1" }), "/password: unknown_field"),
        ] {
            let answer = browser.post(path, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
    }
}
