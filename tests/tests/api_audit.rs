//! The audit table: everything is in it, in an unbroken chain, and no secret (D-34).

use domain::Role;
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{ApiClient, PASSWORD, on_both_databases};

const AUDIT: &str = "/api/v1/audit";
const NEW_PASSWORD: &str = "green teapot hums softly";

async fn records(api: &ApiClient, query: &str) -> Vec<Value> {
    api.get(&format!("{AUDIT}?size=500&{query}")).await.expect(200)["items"]
        .as_array()
        .expect("a list")
        .clone()
}

fn actions(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["action"].as_str().expect("an action")).collect()
}

/// Does one of everything that is recorded; gives the secrets that went through it.
async fn be_busy(server: &mut tests::TestServer) -> Vec<String> {
    let admin = server.api(&[Role::Admin]).await;
    let body = json!({ "user_name": "anna", "password": PASSWORD, "roles": ["viewer"] });
    let path = admin.post("/api/v1/accounts", &body).await.header("location").to_owned();
    let any = admin.clone().if_match("*");
    any.patch(&path, &json!({ "language": "de" })).await.expect(200);
    let wrong = json!({ "user_name": "anna", "password": "wr0ngButSecret" });
    server.anonymous().post("/api/v1/auth/sign-in", &wrong).await.expect_problem(401, "sign_in_failed");
    // A password typed in the wrong field.
    let wrong = json!({ "user_name": "typedInTheWrongField", "password": "x" });
    server.anonymous().post("/api/v1/auth/sign-in", &wrong).await.expect_problem(401, "sign_in_failed");
    let (browser, info) = server.anonymous().sign_in("anna", PASSWORD).await;
    let change = json!({ "old_password": "wr0ngOldPassword", "new_password": NEW_PASSWORD });
    browser.put("/api/v1/auth/password", &change).await.expect_problem(422, "invalid_fields");
    let change = json!({ "old_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = browser.put("/api/v1/auth/password", &change).await;
    let browser = browser.with_header("cookie", &changed.cookie());
    changed.expect(204);
    let token = browser.post("/api/v1/tokens", &json!({ "name": "script" })).await;
    let token_path = token.header("location").to_owned();
    let token = token.expect(201)["token"].as_str().expect("a token").to_owned();
    browser.delete(&token_path).await.expect(204);
    browser.delete("/api/v1/sessions").await.expect(200);
    browser.post("/api/v1/auth/sign-out", &json!({})).await.expect(204);
    any.patch(&path, &json!({ "password": "third kettle whistles" })).await.expect(200);
    let setting = "/api/v1/settings/server-settings.accounts.session-idle-timeout";
    any.put(setting, &json!({ "value": 600 })).await.expect(200);
    any.delete(setting).await.expect(200);
    any.delete("/api/v1/notifications").await.expect(200);
    any.delete(&path).await.expect(204);
    let csrf = info["csrf_token"].as_str().expect("a token").to_owned();
    let mut secrets: Vec<String> =
        [PASSWORD, NEW_PASSWORD, "third kettle whistles", "wr0ngButSecret", "typedInTheWrongField", "argon2"]
            .map(str::to_owned)
            .to_vec();
    secrets.extend([token, csrf]);
    secrets
}

on_both_databases! {
    everything_is_recorded_once_and_nothing_is_said_that_is_secret => |server| {
        let secrets = be_busy(server).await;
        let api = server.api(&[Role::Auditor]).await;
        let all = records(&api, "").await;
        let text = serde_json::to_string(&all).expect("text");
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret}");
        }
        let words = actions(&all);
        for (action, times) in [
            ("account.change", 2),
            ("account.delete", 1),
            ("account.change-password", 1),
            ("account.change-password-failed", 1),
            ("session.sign-in", 1),
            ("session.sign-in-failed", 2),
            ("session.sign-out", 1),
            ("session.end-others", 1),
            ("setting.change", 1),
            ("setting.reset", 1),
            ("notification.delete-all", 1),
        ] {
            assert_eq!(words.iter().filter(|word| **word == action).count(), times, "{action} in {words:?}");
        }
        for action in ["token.create", "token.delete", "account.create"] {
            assert!(words.contains(&action), "{action} in {words:?}");
        }
        let change = all.iter().find(|record| record["action"] == "setting.change").expect("a record");
        assert_eq!(change["details"]["after"]["value"], 600);
        assert_eq!((&change["actor_kind"], &change["actor_name"]), (&json!("token"), &json!("tester1")));
        assert_eq!(change["address"], "127.0.0.1");
        for format in ["csv", "json"] {
            let export = api.get(&format!("{AUDIT}/export?format={format}")).await;
            assert_eq!(export.status, 200);
            for secret in &secrets {
                assert!(!export.text.contains(secret), "{secret} in {format}");
            }
        }
    }

    the_chain_has_no_gaps_and_is_intact => |server| {
        be_busy(server).await;
        let api = server.api(&[Role::Auditor]).await;
        let all = records(&api, "").await;
        let ids: Vec<i64> = all.iter().map(|record| record["id"].as_i64().expect("a number")).collect();
        let newest = i64::try_from(ids.len()).expect("small");
        assert_eq!(ids, (1..=newest).rev().collect::<Vec<_>>());
        for record in &all {
            assert_eq!(record["hash"].as_str().map(str::len), Some(64), "{record}");
        }
        let check = api.get("/api/v1/audit/check").await.expect(200);
        assert_eq!(check, json!({ "checked": newest, "intact": true, "broken": null, "next": null }));
    }

    a_refused_change_leaves_no_record => |server| {
        let api = server.api(&[Role::Admin]).await;
        let before = records(&api, "").await.len();
        api.post("/api/v1/accounts", &json!({ "user_name": "a", "password": "short", "roles": [] })).await
            .expect_problem(422, "invalid_fields");
        api.delete("/api/v1/notifications/7").await.expect_problem(404, "not_found");
        api.delete("/api/v1/accounts/1").await.expect_problem(428, "precondition_required");
        assert_eq!(records(&api, "").await.len(), before);
    }

    an_account_is_called_by_its_name_and_found_by_it => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let any = admin.clone().if_match("*");
        let body = json!({ "user_name": "ingrid", "password": PASSWORD, "roles": ["viewer"] });
        let path = admin.post("/api/v1/accounts", &body).await.header("location").to_owned();
        any.patch(&path, &json!({ "disabled": true })).await.expect(200);
        let api = server.api(&[Role::Auditor]).await;
        let expect = |found: Vec<Value>, wanted: &[&str]| {
            assert_eq!(actions(&found), wanted);
            assert!(found.iter().all(|record| record["object_name"] == "ingrid"), "{found:?}");
        };
        expect(records(&api, "search=INGRID").await, &["account.change", "account.create"]);
        // What was deleted is called as it was.
        any.delete(&path).await.expect(204);
        expect(records(&api, "search=ingrid").await, &["account.delete", "account.change", "account.create"]);
        let export = api.get(&format!("{AUDIT}/export?format=json&search=ingrid")).await.expect(200);
        assert_eq!(export[0]["object_name"], "ingrid");
        // Of the deletion only the name is the account's: its role is no name of it.
        expect(records(&api, "search=ingrid&action=account.change").await, &["account.change"]);
        assert_eq!(actions(&records(&api, "search=viewer&action=account.change").await), [""; 0]);
        let others = records(&api, "action=setting").await;
        assert!(others.iter().all(|record| record["object_name"].is_null()), "{others:?}");
    }

    records_are_filtered => |server| {
        be_busy(server).await;
        let api = server.api(&[Role::Auditor]).await;
        let all = records(&api, "").await;
        let count = |test: &dyn Fn(&Value) -> bool| all.iter().filter(|record| test(record)).count();
        let of_account = records(&api, "action=account").await;
        assert_eq!(of_account.len(), count(&|record| record["action"].as_str().is_some_and(|a| a.starts_with("account."))));
        assert_eq!(actions(&records(&api, "action=account.delete").await), ["account.delete"]);
        assert_eq!(records(&api, "action=acc").await, Vec::<Value>::new(), "words, not pieces of words");
        let of_setting = records(&api, "object_kind=setting&action=setting.reset").await;
        assert_eq!(actions(&of_setting), ["setting.reset"]);
        let id = of_setting[0]["object_id"].as_str().expect("an id");
        assert_eq!(records(&api, &format!("object_id={id}")).await.len(), 2);
        assert_eq!(records(&api, &format!("object=setting:{id}")).await.len(), 2);
        assert_eq!(records(&api, "object=setting:nothing").await, Vec::<Value>::new());
        assert_eq!(actions(&records(&api, "search=RESET").await), ["setting.reset"]);
        for search in ["127.0.0.1", "tester", "%22value%22:600", "setting:server-settings"] {
            assert!(!records(&api, &format!("search={search}")).await.is_empty(), "{search}");
        }
        assert_eq!(records(&api, "search=%25").await, Vec::<Value>::new());
        assert_eq!(actions(&records(&api, "search=reset&object_kind=account").await), Vec::<&str>::new());
        let by_anna = records(&api, "actor=anna").await;
        assert_eq!(by_anna.len(), count(&|record| record["actor_name"] == "anna"));
        let now = server.app().clock.now();
        // The clock has stood still since the server started; what is older is from its first start.
        let is_older = |record: &Value| {
            let at: Timestamp = record["at"].as_str().expect("a time").parse().expect("a time");
            at.as_millisecond() < now.as_millisecond()
        };
        let older = count(&is_older);
        assert!(older > 0 && older < all.len(), "{older} of {}", all.len());
        assert_eq!(records(&api, &format!("from={now}")).await.len(), all.len() - older);
        assert_eq!(records(&api, &format!("until={now}")).await.len(), older);
        let filtered = api.get(&format!("{AUDIT}?actor=anna&size=1")).await.expect(200);
        assert_eq!(filtered["total"], by_anna.len());
        for (query, refused) in [
            ("from=yesterday", "from"),
            ("action=%25", "action: invalid"),
            ("action=account._", "action: invalid"),
            ("object=client", "object: invalid"),
            ("object=:17", "object: invalid"),
            ("object=client:17&object_kind=client", "object: invalid"),
            ("colour=red", "colour: unknown_field"),
            ("before=x", "before"),
            ("size=501", "size: out_of_range"),
        ] {
            let answer = api.get(&format!("{AUDIT}?{query}")).await;
            let fields = answer.refused_fields();
            assert!(fields.first().is_some_and(|field| field.starts_with(refused)), "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
    }

    pages_and_the_cursor_give_the_same_records => |server| {
        be_busy(server).await;
        let api = server.api(&[Role::Auditor]).await;
        let all = records(&api, "").await;
        let mut by_page = Vec::new();
        for page in 1..=all.len().div_ceil(4) {
            let list = api.get(&format!("{AUDIT}?size=4&page={page}")).await.expect(200);
            assert_eq!(list["total"], all.len());
            by_page.extend(list["items"].as_array().expect("a list").clone());
        }
        let mut by_cursor = Vec::new();
        let mut query = "size=4".to_owned();
        loop {
            let list = api.get(&format!("{AUDIT}?{query}")).await.expect(200);
            by_cursor.extend(list["items"].as_array().expect("a list").clone());
            let Some(next) = list["next"].as_str() else { break };
            query = format!("size=4&before={next}");
        }
        assert_eq!((&by_page, &by_cursor), (&all, &all));
        api.get(&format!("{AUDIT}?page=21&size=500")).await.expect_problem(422, "page_too_deep");
    }

    exports_have_the_same_records => |server| {
        be_busy(server).await;
        let api = server.api(&[Role::Auditor]).await;
        let all = records(&api, "action=account").await;
        let found = api.get(&format!("{AUDIT}/export?action=account&search=account&object=nothing:1")).await;
        assert_eq!(found.json(), json!([]));
        let export = api.get(&format!("{AUDIT}/export?action=account&search=ACCOUNT")).await;
        assert!(export.header("content-type").starts_with("application/json"));
        assert!(export.header("content-disposition").starts_with("attachment"));
        assert_eq!(export.json(), Value::from(all.clone()));
        let export = api.get(&format!("{AUDIT}/export?format=csv&action=account")).await;
        assert!(export.header("content-type").starts_with("text/csv"));
        assert_eq!(export.text.lines().count(), all.len() + 1, "{}", export.text);
        assert!(export.text.starts_with("id,at,actor_kind,"), "{}", export.text);
        let nothing = api.get(&format!("{AUDIT}/export?actor=nobody")).await;
        assert_eq!(nothing.json(), json!([]));
        api.get(&format!("{AUDIT}/export?format=pdf")).await.expect_problem(422, "invalid_fields");
        api.get(&format!("{AUDIT}/export?page=1")).await.expect_problem(422, "invalid_fields");
    }

    long_exports_come_in_pieces_and_complete => |server| {
        let api = server.api(&[Role::Auditor]).await;
        for _ in 0..1_100 {
            api.delete("/api/v1/sessions").await.expect(200);
        }
        let total = api.get(&format!("{AUDIT}?size=1")).await.expect(200)["total"].as_i64().expect("a number");
        let export = api.get(&format!("{AUDIT}/export")).await;
        assert_eq!(export.header("content-length"), "", "its length is not known before");
        let ids: Vec<i64> =
            export.json().as_array().expect("a list").iter().map(|record| record["id"].as_i64().expect("an id")).collect();
        assert_eq!(ids, (1..=total).rev().collect::<Vec<_>>());
        let csv = api.get(&format!("{AUDIT}/export?format=csv")).await;
        assert_eq!(csv.text.lines().count(), ids.len() + 1);
        let check = api.get(&format!("{AUDIT}/check")).await.expect(200);
        assert_eq!((&check["checked"], &check["intact"]), (&json!(total), &json!(true)));
    }
}

/// Somebody who can write into the database cannot rewrite history unseen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tampering_shows() {
    for (tampering, broken) in [
        ("UPDATE audit SET actor_name = 'somebody else' WHERE id = 2", 2),
        ("UPDATE audit SET details = '{\"x\":1}' WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 3", 4),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("UPDATE audit SET hash = previous_hash WHERE id = 3", 3),
    ] {
        let mut server = tests::TestServer::start(tests::Backend::Postgres).await;
        be_busy(&mut server).await;
        let api = server.api(&[Role::Auditor]).await;
        assert_eq!(api.get("/api/v1/audit/check").await.expect(200)["intact"], true);
        let database = server.config().database_url.clone().expect("an address");
        let psql = tokio::process::Command::new("psql")
            .args([&database, "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--command", tampering])
            .status();
        assert!(psql.await.expect("psql runs").success(), "{tampering}");
        let check = api.get("/api/v1/audit/check").await.expect(200);
        assert_eq!(
            (&check["intact"], &check["broken"]),
            (&json!(false), &json!(broken)),
            "{tampering}: {check}"
        );
        server.stop().await;
    }
}
