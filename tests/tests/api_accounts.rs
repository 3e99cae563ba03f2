//! Accounts: made, changed, removed; their lists; what may not be lost (D-30 … D-32).

use domain::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ApiAnswer, ApiClient, PASSWORD, on_both_databases};
use workpoint::events::Resource;

const ACCOUNTS: &str = "/api/v1/accounts";

fn new(user_name: &str) -> Value {
    json!({ "user_name": user_name, "password": "green teapot hums softly", "roles": ["viewer"] })
}

/// Makes an account; gives its address and ETag.
async fn make(api: &ApiClient, user_name: &str) -> (String, String) {
    let answer = api.post(ACCOUNTS, &new(user_name)).await;
    let made = (answer.header("location").to_owned(), answer.header("etag").to_owned());
    answer.expect(201);
    made
}

async fn change(api: &ApiClient, path: &str, body: &Value) -> ApiAnswer {
    let etag = api.get(path).await.header("etag").to_owned();
    api.clone().if_match(&etag).patch(path, body).await
}

async fn names(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{ACCOUNTS}?{query}")).await.expect(200);
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|account| account["user_name"].as_str().expect("a name").to_owned()).collect()
}

on_both_databases! {
    an_account_is_made_read_changed_and_removed => |server| {
        let api = server.api(&[Role::Admin]).await;
        let answer = api.post(ACCOUNTS, &new("anna")).await;
        let (path, etag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
        assert!(!answer.text.contains("teapot"), "{}", answer.text);
        let made = answer.expect(201);
        assert_eq!(path, format!("{ACCOUNTS}/{}", made["id"]));
        assert_eq!((&made["roles"], &made["language"]), (&json!(["viewer"]), &json!("en")));
        assert_eq!((&made["must_change_password"], &made["disabled"]), (&json!(true), &json!(false)));

        let read = api.get(&path).await;
        assert_eq!(read.header("etag"), etag);
        assert_eq!(read.expect(200), made);

        let body = json!({ "roles": ["auditor", "operator"], "language": "de", "email": "anna@example.com" });
        let answer = api.clone().if_match(&etag).patch(&path, &body).await;
        assert_ne!(answer.header("etag"), etag);
        let changed = answer.expect(200);
        assert_eq!(changed["roles"], json!(["operator", "auditor"]));
        assert_eq!((&changed["language"], &changed["email"]), (&json!("de"), &json!("anna@example.com")));
        let cleared = change(&api, &path, &json!({ "email": null })).await.expect(200);
        assert_eq!((&cleared["email"], &cleared["language"]), (&Value::Null, &json!("de")));

        let last = api.get(&path).await.header("etag").to_owned();
        api.clone().if_match(&last).delete(&path).await.expect(204);
        api.clone().if_match(&last).delete(&path).await.expect_problem(404, "not_found");
        api.get(&path).await.expect_problem(404, "not_found");
    }

    nobody_overwrites_what_they_did_not_read => |server| {
        let api = server.api(&[Role::Admin]).await;
        let (path, etag) = make(&api, "anna").await;
        let body = json!({ "language": "de" });
        api.patch(&path, &body).await.expect_problem(428, "precondition_required");
        api.delete(&path).await.expect_problem(428, "precondition_required");
        api.clone().if_match(&etag).patch(&path, &body).await.expect(200);
        api.clone().if_match(&etag).patch(&path, &json!({ "language": "en" })).await
            .expect_problem(412, "precondition_failed");
        api.clone().if_match(&etag).delete(&path).await.expect_problem(412, "precondition_failed");
        for unreadable in ["7", "\"x", "W/\"1\""] {
            let answer = api.clone().if_match(unreadable).patch(&path, &body).await;
            assert!([400, 412].contains(&answer.status.as_u16()), "{unreadable}: {}", answer.text);
        }
        assert_eq!(api.get(&path).await.expect(200)["language"], "de");
        api.clone().if_match("*").patch(&path, &json!({ "language": "en" })).await.expect(200);
    }

    unknown_accounts => |server| {
        let api = server.api(&[Role::Admin]).await.if_match("*");
        for id in ["999999", "0", "-1", "anna", "99999999999999999999"] {
            let path = format!("{ACCOUNTS}/{id}");
            api.get(&path).await.expect_problem(404, "not_found");
            api.patch(&path, &json!({ "language": "de" })).await.expect_problem(404, "not_found");
            api.delete(&path).await.expect_problem(404, "not_found");
        }
    }

    a_name_belongs_to_one_account => |server| {
        let api = server.api(&[Role::Admin]).await;
        make(&api, "anna").await;
        let problem = api.post(ACCOUNTS, &new("ANNA")).await.expect_problem(409, "name_taken");
        assert_eq!(problem["args"]["name"], "ANNA");
        let (path, _) = make(&api, "bert").await;
        change(&api, &path, &json!({ "user_name": "Anna" })).await.expect_problem(409, "name_taken");
        change(&api, &path, &json!({ "user_name": "Bert" })).await.expect(200);
    }

    fields_that_cannot_be_accepted_are_named => |server| {
        let api = server.api(&[Role::Admin]).await;
        let with = |name: &str, value: Value| {
            let mut body = new("anna");
            body[name] = value;
            body
        };
        for (body, refused) in [
            (with("user_name", json!("")), "/user_name"),
            (with("user_name", json!("a b")), "/user_name"),
            (with("user_name", json!("x".repeat(65))), "/user_name"),
            (with("password", json!("short")), "/password: password_too_short"),
            (with("password", json!("anna sings loudly today")), "/password: password_contains_user_name"),
            (with("password", json!("x".repeat(129))), "/password: password_too_long"),
            (with("roles", json!(["owner"])), "/roles/0: not_a_choice"),
            (with("roles", json!("admin")), "/roles: wrong_type"),
            (with("language", json!("fr")), "/language: not_a_choice"),
            (with("email", json!("no address")), "/email"),
            (with("email", json!(format!("{}@example.com", "x".repeat(400)))), "/email"),
            (with("disabled", json!(false)), "/disabled: unknown_field"),
        ] {
            let answer = api.post(ACCOUNTS, &body).await;
            let fields = answer.refused_fields();
            assert!(fields.iter().any(|field| field.starts_with(refused)), "{refused}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let (path, _) = make(&api, "bert").await;
        for (body, refused) in [
            (json!({ "user_name": null }), "/user_name: wrong_type"),
            (json!({ "roles": null }), "/roles: wrong_type"),
            (json!({ "language": "fr" }), "/language: not_a_choice"),
            (json!({ "password": "short" }), "/password: password_too_short"),
            (json!({ "revision": 3 }), "/revision: unknown_field"),
        ] {
            let answer = change(&api, &path, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        let api = api.if_match("*");
        for text in ["", "{", "{\"language\": \"de\"} x"] {
            api.send(Method::PATCH, &path, Some(text.to_owned())).await.expect_problem(400, "malformed_request");
            api.send(Method::POST, ACCOUNTS, Some(text.to_owned())).await.expect_problem(400, "malformed_request");
        }
        for text in ["[]", "7", "null"] {
            let answer = api.send(Method::PATCH, &path, Some(text.to_owned())).await;
            assert_eq!(answer.refused_fields(), [": wrong_type"], "{text}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
    }

    somebody_who_can_administer_remains => |server| {
        let api = server.api(&[Role::Admin]).await;
        let own = api.get("/api/v1/auth/session").await.expect(200)["account_id"].clone();
        let own = format!("{ACCOUNTS}/{own}");
        let first = api.get(&format!("{ACCOUNTS}?search=admin")).await.expect(200)["items"][0]["id"].clone();
        let first = format!("{ACCOUNTS}/{first}");
        change(&api, &first, &json!({ "disabled": true })).await.expect(200);
        change(&api, &own, &json!({ "roles": ["viewer"] })).await.expect_problem(409, "last_administrator");
        change(&api, &first, &json!({ "disabled": false })).await.expect(200);
        for body in [json!({ "disabled": true }), json!({ "password": PASSWORD })] {
            change(&api, &own, &body).await.expect_problem(409, "own_account");
        }
        api.clone().if_match("*").delete(&own).await.expect_problem(409, "own_account");
        change(&api, &own, &json!({ "roles": ["viewer"] })).await.expect(200);
        api.get(ACCOUNTS).await.expect_problem(403, "forbidden");
    }

    exports_have_every_account_of_the_filter => |server| {
        let api = server.api(&[Role::Admin]).await;
        for user_name in ["otto", "vera"] {
            make(&api, user_name).await;
        }
        let all = api.get(&format!("{ACCOUNTS}?sort=-user_name")).await.expect(200);
        let export = format!("{ACCOUNTS}/export");
        let answer = api.get(&format!("{export}?sort=-user_name")).await;
        assert!(answer.header("content-disposition").contains("accounts.json"));
        assert_eq!(answer.json(), all["items"]);
        for _ in 0..2 {
            let csv = api.get(&format!("{export}?format=csv&search=otto&role=viewer")).await.text;
            let lines: Vec<&str> = csv.lines().collect();
            assert!(lines.len() == 2 && lines[0].starts_with("id,user_name,roles,"), "{csv}");
            assert!(lines[1].contains(",otto,viewer,en,"), "{csv}");
            assert!(!csv.contains("password_hash"));
        }
        for query in ["format=xml", "sort=shoe_size", "role=king", "page=2"] {
            api.get(&format!("{export}?{query}")).await.expect_problem(422, "invalid_fields");
        }
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.get(&export).await.expect_problem(403, "forbidden");
    }

    what_is_taken_away_is_gone_at_once => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let token = server.token("anna", &[Role::Operator]).await;
        let script = server.anonymous().with_token(token.expose());
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let path = format!("{ACCOUNTS}/{}", info["account_id"]);
        for client in [&script, &browser] {
            client.get("/api/v1/clients").await.expect(200);
        }
        // Nothing about its rights changes, so nothing ends.
        change(&admin, &path, &json!({ "roles": ["operator"], "language": "de" })).await.expect(200);
        browser.get("/api/v1/clients").await.expect(200);
        // Other roles end the sessions; tokens have fewer rights from the next request on.
        change(&admin, &path, &json!({ "roles": [] })).await.expect(200);
        browser.get("/api/v1/clients").await.expect_problem(401, "unauthenticated");
        script.get("/api/v1/clients").await.expect_problem(403, "forbidden");

        // Another password takes the tokens away too.
        let (browser, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let mut heard = server.app().events.listen();
        change(&admin, &path, &json!({ "password": "green teapot hums softly" })).await.expect(200);
        for client in [&script, &browser] {
            client.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
        }
        let records = admin.get("/api/v1/audit?action=account.change").await.expect(200);
        let details = &records["items"][0]["details"];
        assert_eq!((&details["sessions_ended"], &details["tokens_removed"]), (&json!(1), &json!(1)), "{details}");
        let mut resources = Vec::new();
        while let Ok(event) = heard.try_recv() {
            resources.push(event.resource);
        }
        assert!(resources.contains(&Resource::Tokens), "{resources:?}");

        let (again, info) = server.anonymous().sign_in("anna", "green teapot hums softly").await;
        assert_eq!(info["must_change_password"], true, "a password somebody else knows is a first password");
        change(&admin, &path, &json!({ "disabled": true })).await.expect(200);
        again.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
        change(&admin, &path, &json!({ "disabled": false })).await.expect(200);
        again.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
    }

    an_administrator_has_a_password_changed => |server| {
        let admin = server.api(&[Role::Admin]).await;
        server.token("anna", &[Role::Viewer]).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let path = format!("{ACCOUNTS}/{}", info["account_id"]);
        let changed = change(&admin, &path, &json!({ "must_change_password": true })).await.expect(200);
        assert_eq!(changed["must_change_password"], true);
        browser.get("/api/v1/clients").await.expect_problem(403, "password_change_required");
        let body = json!({ "old_password": PASSWORD, "new_password": "green teapot hums softly" });
        let answer = browser.put("/api/v1/auth/password", &body).await;
        let browser = browser.clone().with_header("cookie", &answer.cookie());
        browser.get("/api/v1/clients").await.expect(200);
        change(&admin, &path, &json!({ "must_change_password": true })).await.expect(200);
        change(&admin, &path, &json!({ "must_change_password": false })).await.expect(200);
        browser.get("/api/v1/clients").await.expect(200);
    }

    a_disabled_account_loses_its_tokens => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let token = server.token("anna", &[Role::Operator]).await;
        let script = server.anonymous().with_token(token.expose());
        let info = script.get("/api/v1/auth/session").await.expect(200);
        let path = format!("{ACCOUNTS}/{}", info["account_id"]);
        for disabled in [true, false] {
            change(&admin, &path, &json!({ "disabled": disabled })).await.expect(200);
            script.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
        }
    }

    all_sessions_of_an_account_are_ended => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let token = server.token("anna", &[]).await;
        let script = server.anonymous().with_token(token.expose());
        let (one, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let (two, _) = server.anonymous().sign_in("anna", PASSWORD).await;
        let path = format!("{ACCOUNTS}/{}/sessions", info["account_id"]);
        script.delete(&path).await.expect_problem(403, "forbidden");
        assert_eq!(admin.delete(&path).await.expect(200), json!({ "ended": 2 }));
        assert_eq!(admin.delete(&path).await.expect(200), json!({ "ended": 0 }));
        for browser in [one, two] {
            browser.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
        }
        script.get("/api/v1/auth/session").await.expect(200);
        for id in ["999999", "anna"] {
            admin.delete(&format!("{ACCOUNTS}/{id}/sessions")).await.expect_problem(404, "not_found");
        }
    }

    too_many_failed_sign_ins_lock_and_somebody_unlocks => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let token = server.token("anna", &[Role::Viewer]).await;
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let path = format!("{ACCOUNTS}/{}", info["account_id"]);
        server.change_setting("server-settings.accounts.lock-after-failures", 7).await;
        let sign_in = async |password: &str| {
            let body = json!({ "user_name": "anna", "password": password });
            server.stranger(2).post("/api/v1/auth/sign-in", &body).await
        };
        for _ in 0..6 {
            sign_in("guess").await.expect_problem(401, "sign_in_failed");
        }
        assert_eq!(admin.get(&path).await.expect(200)["locked"], false);
        sign_in("guess").await.expect_problem(401, "sign_in_failed");
        let locked = admin.get(&path).await.expect(200);
        let until = server.app().clock.now() + SignedDuration::from_secs(900);
        assert_eq!((&locked["locked"], &locked["failed_sign_ins"]), (&json!(true), &json!(7)));
        assert_eq!(locked["locked_until"], json!(until));
        assert!(locked["last_failed_sign_in_at"].is_string());
        for (query, found) in [("locked=true", true), ("locked=false", false)] {
            assert_eq!(names(&admin, query).await.contains(&"anna".to_owned()), found, "{query}");
        }

        // The right password looks like a wrong one; sessions and tokens go on.
        let (right, wrong) = (sign_in(PASSWORD).await, sign_in("guess").await);
        assert_eq!(right.json()["detail"], wrong.json()["detail"]);
        right.expect_problem(401, "sign_in_failed");
        browser.get("/api/v1/clients").await.expect(200);
        server.anonymous().with_token(token.expose()).get("/api/v1/clients").await.expect(200);
        let told = admin.get("/api/v1/notifications").await.expect(200);
        let codes: Vec<&str> =
            told["items"].as_array().expect("a list").iter().filter_map(|one| one["code"].as_str()).collect();
        assert_eq!(codes, ["account-locked", "failed-sign-ins"]);
        assert_eq!(told["items"][0]["args"]["user_name"], "anna");

        // Unlocking works twice, and is written down once.
        let unlock = format!("{path}/unlock");
        browser.post(&unlock, &json!({})).await.expect_problem(403, "forbidden");
        for _ in 0..2 {
            let answer = admin.post(&unlock, &json!({})).await;
            assert!(!answer.header("etag").is_empty());
            assert_eq!(answer.expect(200)["locked"], false);
        }
        for (action, number) in [("account.lock", 1), ("account.unlock", 1)] {
            let records = admin.get(&format!("/api/v1/audit?action={action}")).await.expect(200);
            assert_eq!(records["total"], number, "{action}");
        }
        server.clock.advance(SignedDuration::from_secs(61));
        sign_in(PASSWORD).await.expect(200);
        for id in ["999999", "anna"] {
            admin.post(&format!("{ACCOUNTS}/{id}/unlock"), &json!({})).await.expect_problem(404, "not_found");
        }
    }

    a_lock_ends_by_itself_or_never_as_set => |server| {
        server.token("anna", &[]).await;
        server.change_setting("server-settings.accounts.lock-after-failures", 2).await;
        let sign_in = async |server: &tests::TestServer, password: &str| {
            let body = json!({ "user_name": "anna", "password": password });
            // Where the owner signs in the lock does not hold.
            let from = if password == PASSWORD { 3 } else { 2 };
            server.stranger(from).post("/api/v1/auth/sign-in", &body).await.status.as_u16()
        };
        for _ in 0..2 {
            assert_eq!(sign_in(server, "guess").await, 401);
        }
        server.clock.advance(SignedDuration::from_secs(899));
        assert_eq!(sign_in(server, PASSWORD).await, 401);
        server.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(sign_in(server, PASSWORD).await, 200);
        // A success ends the row.
        assert_eq!(sign_in(server, "guess").await, 401);
        assert_eq!(sign_in(server, PASSWORD).await, 200);
        assert_eq!(sign_in(server, "guess").await, 401);
        assert_eq!(sign_in(server, PASSWORD).await, 200);
        server.change_setting("server-settings.accounts.lock-duration", 0).await;
        for _ in 0..2 {
            assert_eq!(sign_in(server, "guess").await, 401);
        }
        server.clock.advance(SignedDuration::from_hours(24 * 365));
        let body = json!({ "user_name": "anna", "password": PASSWORD });
        server.stranger(4).post("/api/v1/auth/sign-in", &body).await.expect_problem(401, "sign_in_failed");
        let admin = server.api(&[Role::Admin]).await;
        let locked = admin.get(&format!("{ACCOUNTS}?locked=true")).await.expect(200);
        assert_eq!((&locked["total"], &locked["items"][0]["locked_until"]), (&json!(1), &Value::Null));
        server.change_setting("server-settings.accounts.lock-after-failures", 0).await;
        server.change_setting("server-settings.accounts.lock-duration", 1).await;
        for _ in 0..5 {
            assert_eq!(sign_in(server, "guess").await, 401);
        }
        assert_eq!(sign_in(server, PASSWORD).await, 200);
    }

    a_removed_account_takes_its_sessions_and_tokens_with_it => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let token = server.token("anna", &[Role::Operator]).await;
        let script = server.anonymous().with_token(token.expose());
        let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
        let path = format!("{ACCOUNTS}/{}", info["account_id"]);
        admin.clone().if_match("*").delete(&path).await.expect(204);
        for client in [&script, &browser] {
            client.get("/api/v1/auth/session").await.expect_problem(401, "unauthenticated");
        }
        make(&admin, "anna").await;
    }

    a_creating_call_may_be_repeated => |server| {
        let api = server.api(&[Role::Admin]).await;
        let keyed = api.clone().with_header("idempotency-key", "one");
        let first = keyed.post(ACCOUNTS, &new("anna")).await;
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = keyed.post(ACCOUNTS, &new("anna")).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!((first.header("location"), first.header("etag")), (again.header("location"), again.header("etag")));
        assert_eq!(first.expect(201), again.expect(201));
        keyed.post(ACCOUNTS, &new("bert")).await.expect_problem(422, "idempotency_key_reused");
        let other = server.api(&[Role::Admin]).await.with_header("idempotency-key", "one");
        other.post(ACCOUNTS, &new("bert")).await.expect(201);
        // A call that was refused made nothing, so its key is still free.
        let refused = api.clone().with_header("idempotency-key", "two");
        refused.post(ACCOUNTS, &new("anna")).await.expect_problem(409, "name_taken");
        refused.post(ACCOUNTS, &new("carl")).await.expect(201);
        for bad in ["", " ", &"x".repeat(129)] {
            let answer = api.clone().with_header("idempotency-key", bad).post(ACCOUNTS, &new("dora")).await;
            answer.expect_problem(400, "malformed_request");
        }
        server.clock.advance(SignedDuration::from_hours(25));
        keyed.post(ACCOUNTS, &new("emil")).await.expect(201);
    }

    of_many_calls_with_one_key_one_makes_something => |server| {
        let api = server.api(&[Role::Admin]).await.with_header("idempotency-key", "race");
        let body = new("anna");
        let (a, b, c) =
            tokio::join!(api.post(ACCOUNTS, &body), api.post(ACCOUNTS, &body), api.post(ACCOUNTS, &body));
        let made = a.expect(201);
        assert_eq!((&made, &made), (&b.expect(201), &c.expect(201)));
        assert_eq!(names(&api, "search=anna").await, ["anna"]);
    }

    lists_are_searched_filtered_sorted_and_paged => |server| {
        let api = server.api(&[Role::Admin]).await;
        for name in ["carl", "anna", "Bert"] {
            let (path, _) = make(&api, name).await;
            change(&api, &path, &json!({ "email": format!("{name}@example.com") })).await.expect(200);
            server.clock.advance(SignedDuration::from_secs(1));
        }
        assert_eq!(names(&api, "").await, ["admin", "anna", "Bert", "carl", "tester1"]);
        assert_eq!(names(&api, "sort=-user_name").await, ["tester1", "carl", "Bert", "anna", "admin"]);
        assert_eq!(names(&api, "sort=-created_at&size=3").await, ["Bert", "anna", "carl"]);
        assert_eq!(names(&api, "search=ANNA%40example").await, ["anna"]);
        assert_eq!(names(&api, "role=admin").await, ["admin", "tester1"]);
        assert_eq!(names(&api, "disabled=true").await, Vec::<String>::new());
        assert_eq!(names(&api, "search=%25").await, Vec::<String>::new(), "no wildcards");
        let page = api.get(&format!("{ACCOUNTS}?size=2&page=2")).await.expect(200);
        assert_eq!((&page["total"], &page["page"], &page["size"]), (&json!(5), &json!(2), &json!(2)));
        assert_eq!(page["items"][0]["user_name"], "Bert");
        assert_eq!(names(&api, "size=2&page=4").await, Vec::<String>::new());
        for (query, refused) in [
            ("size=0", "size: out_of_range"),
            ("size=501", "size: out_of_range"),
            ("page=0", "page: out_of_range"),
            ("page=x", "page: wrong_type"),
            ("sort=password", "sort: not_a_choice"),
            ("role=owner", "role: not_a_choice"),
            ("disabled=maybe", "disabled: wrong_type"),
            ("colour=red", "colour: unknown_field"),
            ("size=1&size=2", "size: given_twice"),
        ] {
            let answer = api.get(&format!("{ACCOUNTS}?{query}")).await;
            assert_eq!(answer.refused_fields(), [refused], "{query}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        api.get(&format!("{ACCOUNTS}?page=21&size=500")).await.expect_problem(422, "page_too_deep");
    }
}
