//! Storage providers through the API: added, changed, tried, deleted, listed, refused (OSEM §10). What a scan of one finds
//! is in `api_storage_scans.rs`.

use domain::Role;
use serde_json::{Value, json};
use tests::storage_servers::{BUCKET, Nginx, PASSWORD, REGION, S3Server, USER};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

const PROVIDERS: &str = "/api/v1/storage-providers";
const VALIDATION: &str = "server-settings.security.storage-provider-connection-validation";
const NETWORKS: &str = "server-settings.storage.allowed-networks";

fn s3(name: &str, url: &str) -> Value {
    json!({
        "name": name, "kind": "s3", "url": url, "username": USER, "secret": PASSWORD, "bucket": BUCKET,
        "region": REGION, "path_style": true,
    })
}

fn https(name: &str, url: &str) -> Value {
    json!({ "name": name, "kind": "https", "url": url })
}

fn path(provider: &Value) -> String {
    format!("{PROVIDERS}/{}", provider["id"])
}

async fn add(api: &ApiClient, body: &Value) -> Value {
    api.post(PROVIDERS, body).await.expect(201)
}

/// Lets the server talk to the servers of the tests: on this machine, with a certificate nobody knows.
async fn reach(server: &mut TestServer) -> ApiClient {
    server.change_setting(NETWORKS, "127.0.0.0/8").await;
    server.change_setting(VALIDATION, false).await;
    server.api(&[Role::Admin]).await
}

async fn names(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{PROVIDERS}{query}")).await.expect(200);
    let all = list["items"].as_array().expect("a list").iter();
    all.map(|provider| provider["name"].as_str().expect("a name").to_owned()).collect()
}

on_both_databases! {
    the_built_in_one_is_there_and_stays => |server| {
        let api = server.api(&[Role::Admin]).await;
        let list = api.get(PROVIDERS).await.expect(200);
        assert_eq!(list["total"], 1);
        let built_in = &list["items"][0];
        assert_eq!((&built_in["kind"], &built_in["url"], &built_in["has_secret"]), (&json!("built-in"), &json!(""), &json!(false)));
        let tagged = api.clone().if_match("\"1\"");
        let named = tagged.patch(&path(built_in), &json!({"name": "Here"})).await.expect(200);
        assert_eq!((&named["name"], &named["revision"]), (&json!("Here"), &json!(2)));
        let tagged = api.clone().if_match("\"2\"");
        for body in [json!({"url": "https://x.example.net"}), json!({"serving": "provider"}), json!({"scan": true}), json!({"ftp_url": "ftp://x"})] {
            tagged.patch(&path(built_in), &body).await.expect_problem(409, "provider_built_in");
        }
        tagged.delete(&path(built_in)).await.expect_problem(409, "provider_built_in");
        let many = api.post(&format!("{PROVIDERS}/delete"), &json!({"ids": [built_in["id"], 77]})).await.expect(200);
        assert_eq!((&many["deleted"], &many["in_use"][0]["name"]), (&json!(0), &json!("Here")));
        api.post(&format!("{}/scan", path(built_in)), &json!({})).await.expect_problem(409, "provider_built_in");
        api.post(&format!("{}/scan/stop", path(built_in)), &json!({})).await.expect_problem(409, "provider_built_in");
        let checked = api.post(&format!("{}/check", path(built_in)), &json!({})).await.expect(200);
        assert_eq!(checked["health"], "good");
        api.post(PROVIDERS, &json!({"name": "B", "kind": "built-in", "url": ""})).await.expect_problem(422, "invalid_fields");
    }

    a_provider_is_added_changed_and_deleted => |server| {
        let api = server.api(&[Role::Admin]).await;
        let key = api.clone().with_header("idempotency-key", "provider-1");
        let body = s3(" Depot ", "https://s3.example.net:9000");
        let answer = key.post(PROVIDERS, &body).await;
        let (location, etag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
        let made = answer.expect(201);
        assert_eq!((location, etag.as_str()), (path(&made), "\"1\""));
        assert_eq!((&made["name"], &made["has_secret"], &made["secret"]), (&json!("Depot"), &json!(true), &Value::Null));
        assert_eq!((&made["health"], &made["scan"]["state"], &made["listing"]), (&json!("unknown"), &json!("none"), &json!("automatic")));
        let again = key.post(PROVIDERS, &body).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201)["id"], made["id"]);
        key.post(PROVIDERS, &s3("Other", "https://s3.example.net")).await.expect_problem(422, "idempotency_key_reused");
        api.post(PROVIDERS, &s3("dEPOT", "https://s3.example.net")).await.expect_problem(409, "name_taken");

        let at = path(&made);
        let rename = json!({"name": "Depot 2", "region": "us-east-1"});
        api.patch(&at, &rename).await.expect_problem(428, "precondition_required");
        api.clone().if_match("\"9\"").patch(&at, &rename).await.expect_problem(412, "precondition_failed");
        let changed = api.clone().if_match("\"1\"").patch(&at, &rename).await.expect(200);
        assert_eq!((&changed["name"], &changed["region"], &changed["revision"]), (&json!("Depot 2"), &json!("us-east-1"), &json!(2)));
        // The same once more changes nothing.
        assert_eq!(api.clone().if_match("\"2\"").patch(&at, &rename).await.expect(200)["revision"], 2);
        let other = add(&api, &https("Web", "https://files.example.net/phones")).await;
        let tagged = api.clone().if_match("\"1\"");
        tagged.patch(&path(&other), &json!({"name": "depot 2"})).await.expect_problem(409, "name_taken");

        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=storage-provider.change").await.expect(200);
        let record = &audit["items"][0];
        assert_eq!((&audit["total"], &record["object_name"]), (&json!(1), &json!("Depot 2")));
        assert_eq!((&record["details"]["before"]["region"], &record["details"]["after"]["region"]), (&json!(REGION), &json!("us-east-1")));
        let stored = server.raw_data().await;
        assert!(!stored.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()), "the secret is sealed");

        api.delete(&at).await.expect_problem(428, "precondition_required");
        api.clone().if_match("\"2\"").delete(&at).await.expect(204);
        api.get(&at).await.expect_problem(404, "not_found");
        for (method, below) in [("check", "/check"), ("scan", "/scan"), ("stop", "/scan/stop")] {
            let answer = api.post(&format!("{at}{below}"), &json!({})).await;
            assert_eq!(answer.status.as_u16(), 404, "{method}");
        }
        api.clone().if_match("*").delete(&at).await.expect_problem(404, "not_found");
        api.clone().if_match("*").patch(&at, &rename).await.expect_problem(404, "not_found");
        let gone = json!({"ids": [other["id"], made["id"]]});
        let many = api.post(&format!("{PROVIDERS}/delete"), &gone).await.expect(200);
        assert_eq!((&many["deleted"], &many["in_use"]), (&json!(1), &json!([])));
        assert_eq!(api.get(PROVIDERS).await.expect(200)["total"], 1);
    }

    what_is_no_provider_is_refused => |server| {
        let api = server.api(&[Role::Admin]).await;
        let long = format!("https://x/{}", "y".repeat(500));
        for (changes, expected) in [
            (json!({"name": ""}), "/name: missing"),
            (json!({"name": "x".repeat(101)}), "/name: too_long"),
            (json!({"name": "a\nb"}), "/name: control_character"),
            (json!({"url": ""}), "/url: missing"),
            (json!({"url": "depot"}), "/url: not_an_address"),
            (json!({"url": "http://s3.example.net"}), "/url: plain_http"),
            (json!({"url": "https://me:pw@s3.example.net"}), "/url: credentials_in_address"),
            (json!({"url": "https://s3.example.net/?x=1"}), "/url: query_in_address"),
            (json!({"url": long}), "/url: too_long"),
            (json!({"username": ""}), "/username: missing"),
            (json!({"secret": ""}), "/secret: missing"),
            (json!({"secret": "x\u{0}"}), "/secret: control_character"),
            (json!({"bucket": ""}), "/bucket: missing"),
            (json!({"bucket": "Phones"}), "/bucket: not_a_bucket"),
            (json!({"region": ""}), "/region: missing"),
            (json!({"region": "eu central"}), "/region: not_a_region"),
            (json!({"listing": "webdav"}), "/listing: invalid"),
            (json!({"kind": "ftp"}), "/kind: not_a_choice"),
            (json!({"serving": 1}), "/serving: wrong_type"),
            (json!({"pasword": "x"}), "/pasword: unknown_field"),
            (json!({"serving": "ftp"}), "/ftp_url: missing"),
            (json!({"ftp_url": "ftp.example.net"}), "/ftp_url: not_an_ftp_address"),
            (json!({"ftp_url": "https://ftp.example.net"}), "/ftp_url: not_an_ftp_address"),
            (json!({"ftp_url": "ftp://ftp.example.net/a/../b"}), "/ftp_url: not_an_ftp_address"),
            (json!({"ftp_url": "ftp://ftp.example.net/a%0d%0aDELE"}), "/ftp_url: not_an_ftp_address"),
            (json!({"ftp_url": "ftp://me:pw@ftp.example.net"}), "/ftp_url: credentials_in_address"),
            (json!({"ftp_url": "ftp://ftp.example.net/#x"}), "/ftp_url: query_in_address"),
            (json!({"ftp_url": format!("ftp://x/{}", "y".repeat(256))}), "/ftp_url: too_long"),
            (json!({"ftp_username": "x".repeat(256)}), "/ftp_username: too_long"),
            (json!({"ftp_username": "a\nb"}), "/ftp_username: control_character"),
            (json!({"ftp_secret": "x"}), "/ftp_username: missing"),
            (json!({"ftp_username": "a", "ftp_secret": "x\r\ny"}), "/ftp_secret: control_character"),
            (json!({"ftp_username": "a", "ftp_secret": "x".repeat(256)}), "/ftp_secret: too_long"),
        ] {
            let mut body = s3("Depot", "https://s3.example.net");
            body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
            for address in [PROVIDERS.to_owned(), format!("{PROVIDERS}/check")] {
                if address.ends_with("check") && changes["name"] == "" {
                    continue;
                }
                let answer = api.post(&address, &body).await;
                assert_eq!(answer.refused_fields(), [expected], "{changes}");
                answer.expect_problem(422, "invalid_fields");
            }
        }
        for (changes, expected) in [
            (json!({"bucket": "phones"}), "/bucket: invalid"),
            (json!({"path_style": true}), "/path_style: invalid"),
            (json!({"username": "a:b"}), "/username: invalid"),
            (json!({"secret": "x"}), "/username: missing"),
            (json!({"username": "a", "secret": "x", "serving": "provider"}), "/serving: phones_have_no_password"),
        ] {
            let mut body = https("Web", "https://files.example.net");
            body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
            assert_eq!(api.post(PROVIDERS, &body).await.refused_fields(), [expected], "{changes}");
        }
        for query in ["kind=ftp", "health=well", "sort=scan", "size=0", "page=0", "colour=red"] {
            api.get(&format!("{PROVIDERS}?{query}")).await.expect_problem(422, "invalid_fields");
        }
        let many: Vec<u32> = (0..501).collect();
        let answer = api.post(&format!("{PROVIDERS}/delete"), &json!({ "ids": many })).await;
        assert_eq!(answer.refused_fields(), ["/ids: too_long"]);
        assert_eq!(api.get(PROVIDERS).await.expect(200)["total"], 1);
        server.change_setting(VALIDATION, false).await;
        add(&api, &s3("Plain", "http://s3.example.net")).await;
    }

    a_kept_secret_goes_to_no_other_server => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut body = https("Web", "https://files.example.net/a");
        body["username"] = json!("phones");
        body["secret"] = json!("wachtwoord");
        let made = add(&api, &body).await;
        let tagged = |revision: u32| api.clone().if_match(&format!("\"{revision}\""));
        for url in ["https://evil.example.net/a", "https://files.example.net:8443/a"] {
            let answer = tagged(1).patch(&path(&made), &json!({ "url": url })).await;
            assert_eq!(answer.refused_fields(), ["/secret: secret_needed"], "{url}");
        }
        // Another path of the same server is told nothing new.
        let moved = tagged(1).patch(&path(&made), &json!({"url": "https://FILES.example.net:443/b"})).await.expect(200);
        assert_eq!((&moved["has_secret"], &moved["revision"]), (&json!(true), &json!(2)));
        let elsewhere = json!({"url": "https://new.example.net", "secret": "neu"});
        assert_eq!(tagged(2).patch(&path(&made), &elsewhere).await.expect(200)["has_secret"], true);
        let without = json!({"url": "https://open.example.net", "secret": null, "username": ""});
        assert_eq!(tagged(3).patch(&path(&made), &without).await.expect(200)["has_secret"], false);
        assert_eq!(tagged(4).patch(&path(&made), &json!({"url": "https://any.example.net"})).await.expect(200)["revision"], 5);
    }

    the_password_of_an_ftp_server_is_kept_for_it_alone_and_never_shown => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut body = https("Web", "https://files.example.net");
        let ftp = json!({
            "serving": "ftp", "ftp_url": " ftp://ftp.example.net/a ", "ftp_username": "phones", "ftp_secret": "wachtwoord",
        });
        body.as_object_mut().expect("an object").extend(ftp.as_object().expect("an object").clone());
        let made = add(&api, &body).await;
        assert_eq!((&made["ftp_url"], &made["serving"]), (&json!("ftp://ftp.example.net/a"), &json!("ftp")));
        assert_eq!((&made["ftp_username"], &made["has_ftp_secret"], &made["has_secret"]), (&json!("phones"), &json!(true), &json!(false)));
        let tagged = |revision: u32| api.clone().if_match(&format!("\"{revision}\""));
        for url in ["ftp://evil.example.net/a", "ftp://ftp.example.net:2121/a", ""] {
            let answer = tagged(1).patch(&path(&made), &json!({"ftp_url": url, "serving": "server"})).await;
            assert_eq!(answer.refused_fields(), ["/ftp_secret: secret_needed"], "{url}");
        }
        let moved = json!({"ftp_url": "ftp://FTP.example.net:21/b", "serving": "server"});
        let moved = tagged(1).patch(&path(&made), &moved).await.expect(200);
        assert_eq!((&moved["has_ftp_secret"], &moved["revision"]), (&json!(true), &json!(2)), "kept, though not in use");
        let again = json!({"ftp_url": "ftp://new.example.net", "ftp_secret": "geheimwort", "serving": "ftp"});
        assert_eq!(tagged(2).patch(&path(&made), &again).await.expect(200)["has_ftp_secret"], true);
        let other = tagged(3).patch(&path(&made), &json!({"ftp_secret": "geheimwort-2"})).await.expect(200);
        assert_eq!(other["revision"], 4);
        let answer = tagged(4).patch(&path(&made), &json!({"ftp_username": ""})).await;
        assert_eq!(answer.refused_fields(), ["/ftp_username: missing"]);
        let answer = tagged(4).patch(&path(&made), &json!({"ftp_url": "", "ftp_secret": null})).await;
        assert_eq!(answer.refused_fields(), ["/ftp_url: missing"]);
        let without = json!({"ftp_secret": null, "ftp_username": ""});
        assert_eq!(tagged(4).patch(&path(&made), &without).await.expect(200)["has_ftp_secret"], false);

        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit").await.expect(200);
        let table = api.get(&format!("{PROVIDERS}/export?format=csv")).await;
        assert!(table.text.contains(",has_ftp_secret,"), "{}", table.text);
        let stored = server.raw_data().await;
        for secret in ["wachtwoord", "geheimwort"] {
            assert!(!audit.to_string().contains(secret) && !table.text.contains(secret));
            assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "the secret is sealed");
        }
    }

    only_administrators_change_storage_and_others_read => |server| {
        let admin = server.api(&[Role::Admin]).await;
        let made = add(&admin, &s3("Depot", "https://s3.example.net")).await;
        for role in [Role::Operator, Role::Viewer] {
            let api = server.api(&[role]).await.if_match("*");
            assert_eq!(api.get(PROVIDERS).await.expect(200)["total"], 2);
            assert_eq!(api.get(&path(&made)).await.expect(200)["username"], USER);
            api.post(PROVIDERS, &json!({})).await.expect_problem(403, "forbidden");
            api.patch(&path(&made), &json!({})).await.expect_problem(403, "forbidden");
            api.delete(&path(&made)).await.expect_problem(403, "forbidden");
            for below in ["/delete", "/check", "/1/check", "/1/scan", "/1/scan/stop"] {
                let answer = api.post(&format!("{PROVIDERS}{below}"), &json!({})).await;
                answer.expect_problem(403, "forbidden");
            }
        }
        let auditor = server.api(&[Role::Auditor]).await;
        auditor.get(PROVIDERS).await.expect_problem(403, "forbidden");
        server.anonymous().get(PROVIDERS).await.expect_problem(401, "unauthenticated");
    }

    providers_are_searched_sorted_and_exported => |server| {
        let api = server.api(&[Role::Admin]).await;
        add(&api, &s3("Depot", "https://s3.example.net")).await;
        add(&api, &https("Archive", "https://files.example.net/depot")).await;
        assert_eq!(names(&api, "").await, ["Archive", "Built-in", "Depot"]);
        assert_eq!(names(&api, "?sort=-kind").await, ["Depot", "Archive", "Built-in"]);
        assert_eq!(names(&api, "?search=DEPOT").await, ["Archive", "Depot"]);
        assert_eq!(names(&api, "?kind=s3").await, ["Depot"]);
        assert_eq!(names(&api, "?page=2&size=2").await, ["Depot"]);
        api.upload("Bell.wav", b"RIFF\x24\0\0\0WAVEfmt ", &[]).await.expect(201);
        assert_eq!(names(&api, "?sort=bytes").await, ["Depot", "Archive", "Built-in"]);
        assert_eq!(names(&api, "?sort=-bytes").await, ["Built-in", "Archive", "Depot"]);
        assert_eq!(names(&api, "?sort=-bytes&page=2&size=2").await, ["Depot"]);
        let built_in = format!("{PROVIDERS}/1/check");
        assert_eq!(api.post(&built_in, &json!({})).await.expect(200)["health"], "good");
        assert_eq!(names(&api, "?health=good").await, ["Built-in"]);
        assert_eq!(names(&api, "?health=unknown&sort=-name").await, ["Depot", "Archive"]);
        assert_eq!(names(&api, "?health=bad").await, Vec::<String>::new());
        let known = api.get(&format!("{PROVIDERS}/export?health=good")).await.json();
        assert_eq!((&known[0]["name"], &known[1]), (&json!("Built-in"), &Value::Null));
        let exported = api.get(&format!("{PROVIDERS}/export?kind=s3")).await.json();
        assert_eq!((&exported[0]["name"], &exported[0]["secret"]), (&json!("Depot"), &Value::Null));
        let table = api.get(&format!("{PROVIDERS}/export?format=csv&sort=-name")).await;
        let text = &table.text;
        assert!(text.starts_with("id,name,kind,url,"), "{text}");
        assert_eq!(text.lines().count(), 4);
        assert!(!text.contains(PASSWORD));
    }

    a_provider_is_tried_before_and_after_it_is_added => |server| {
        let store = S3Server::start().await;
        let check = format!("{PROVIDERS}/check");
        let api = server.api(&[Role::Admin]).await;
        let refused = api.post(&check, &s3("", &store.url)).await.expect(200);
        assert_eq!((&refused["health"], &refused["error"]["code"]), (&json!("bad"), &json!("address-refused")));
        server.change_setting(NETWORKS, "127.0.0.0/8").await;
        let unknown = api.post(&check, &s3("", &store.url)).await.expect(200);
        assert_eq!(unknown["error"]["code"], "certificate");
        let api = reach(server).await;
        let good = api.post(&check, &s3("", &store.url)).await.expect(200);
        assert_eq!((&good["health"], &good["error"], &good["objects"]), (&json!("good"), &Value::Null, &json!(0)));
        let mut wrong = s3("", &store.url);
        wrong["secret"] = json!("wrong");
        assert_eq!(api.post(&check, &wrong).await.expect(200)["error"]["code"], "credentials");
        assert_eq!(api.post(&check, &s3("", "https://127.0.0.1:1")).await.expect(200)["error"]["code"], "unreachable");
        assert_eq!(api.get(PROVIDERS).await.expect(200)["total"], 1, "nothing was kept");

        let made = add(&api, &s3("Depot", &store.url)).await;
        let tried = api.post(&format!("{}/check", path(&made)), &json!({})).await.expect(200);
        assert_eq!(tried["health"], "good");
        let now = api.get(&path(&made)).await.expect(200);
        assert_eq!((&now["health"], &now["revision"]), (&json!("good"), &json!(1)));
        assert!(now["checked_at"].is_string());
        let change = json!({"secret": "wrong"});
        let changed = api.clone().if_match("\"1\"").patch(&path(&made), &change).await.expect(200);
        assert_eq!((&changed["health"], &changed["checked_at"]), (&json!("unknown"), &Value::Null), "it is another way in");
        api.post(&format!("{}/check", path(&made)), &json!({})).await.expect(200);
        let now = api.get(&path(&made)).await.expect(200);
        assert_eq!((&now["health"], &now["error"]["code"]), (&json!("bad"), &json!("credentials")));
    }

    web_servers_say_how_they_are_listed => |server| {
        let web = Nginx::start().await;
        let api = reach(server).await;
        let check = format!("{PROVIDERS}/check");
        for (place, listing) in [("dav", "webdav"), ("index", "index-page")] {
            let tried = api.post(&check, &https("", &format!("{}/{place}/", web.url))).await.expect(200);
            assert_eq!((&tried["health"], &tried["listing"]), (&json!("good"), &json!(listing)), "{place}");
        }
        let mut private = https("", &format!("{}/private/", web.url));
        assert_eq!(api.post(&check, &private).await.expect(200)["error"]["code"], "credentials");
        private["username"] = json!(USER);
        private["secret"] = json!(PASSWORD);
        assert_eq!(api.post(&check, &private).await.expect(200)["health"], "good");
    }

    a_provider_without_files_is_asked_as_well_and_nobody_is_told => |server| {
        let store = S3Server::start().await;
        let api = reach(server).await;
        let made = add(&api, &s3("Spare", &store.url)).await;
        let now = async || api.get(&path(&made)).await.expect(200);
        assert_eq!(now().await["health"], "unknown");
        let look = async || {
            server.clock.advance(jiff::SignedDuration::from_mins(5));
            enqueue(server.app(), Kind::CheckProviders).await.expect("a task");
            work_off(server.app()).await.expect("tasks");
        };
        look().await;
        wait_until(async || now().await["health"] == "good").await;
        drop(store);
        look().await;
        wait_until(async || now().await["health"] == "bad").await;
        let viewer = server.api(&[Role::Viewer]).await;
        assert_eq!(viewer.get("/api/v1/notifications").await.expect(200)["total"], 0);
    }

    a_provider_with_files_that_turns_bad_is_told_once => |server| {
        let store = S3Server::start().await;
        tokio::fs::write(store.objects().join("ring.wav"), b"RIFF\x24\0\0\0WAVEfmt ").await.expect("a file");
        let api = reach(server).await;
        let mut body = s3("Depot", &store.url);
        body["scan"] = json!(true);
        let made = add(&api, &body).await;
        let now = async || api.get(&path(&made)).await.expect(200);
        wait_until(async || now().await["scan"]["state"] == "done").await;
        wait_until(async || now().await["health"] == "good").await;
        drop(store);
        let look = async |server: &TestServer| {
            enqueue(server.app(), Kind::CheckProviders).await.expect("a task");
            work_off(server.app()).await.expect("tasks");
        };
        server.clock.advance(jiff::SignedDuration::from_mins(5));
        look(server).await;
        wait_until(async || now().await["health"] == "bad").await;
        assert_eq!(now().await["error"]["code"], "unreachable");
        server.clock.advance(jiff::SignedDuration::from_mins(5));
        look(server).await;
        let viewer = server.api(&[Role::Viewer]).await;
        let told = viewer.get("/api/v1/notifications").await.expect(200);
        assert_eq!((&told["total"], &told["items"][0]["code"]), (&json!(1), &json!("storage-provider-failed")));
        assert_eq!(told["items"][0]["args"], json!({"provider": "Depot", "error": "unreachable"}));
    }
}
