//! Scans of storage providers for files (OSEM §10.3): what becomes a file, what is left out, what is gone or changed; who
//! works on them, and that they are stopped. Scans of networks for providers are in `api_scans.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::Role;
use serde_json::{Value, json};
use tests::storage_servers::{BUCKET, Nginx, PASSWORD, REGION, S3Server, USER};
use tests::{ApiClient, TestServer, killed_on_both_databases, on_both_databases, wait_until};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

const PROVIDERS: &str = "/api/v1/storage-providers";
const FILES: &str = "/api/v1/files";
const VALIDATION: &str = "server-settings.security.storage-provider-connection-validation";
const NETWORKS: &str = "server-settings.storage.allowed-networks";

fn s3(url: &str) -> Value {
    json!({
        "name": "Depot", "kind": "s3", "url": url, "username": USER, "secret": PASSWORD, "bucket": BUCKET,
        "region": REGION, "path_style": true,
    })
}

async fn reach(server: &mut TestServer) -> ApiClient {
    server.change_setting(NETWORKS, "127.0.0.0/8").await;
    server.change_setting(VALIDATION, false).await;
    server.api(&[Role::Admin]).await
}

fn path(provider: &Value) -> String {
    format!("{PROVIDERS}/{}", provider["id"])
}

async fn provider(api: &ApiClient, provider: &Value) -> Value {
    api.get(&path(provider)).await.expect(200)
}

async fn becomes(api: &ApiClient, id: &Value, state: &str) -> Value {
    wait_until(async || provider(api, id).await["scan"]["state"] == state).await;
    provider(api, id).await
}

/// Scans a provider to the end; gives `[seen, added, changed, missing, skipped]`.
async fn scanned(api: &ApiClient, id: &Value) -> [u64; 5] {
    let started = api.post(&format!("{}/scan", path(id)), &json!({})).await.expect(202);
    assert_eq!(started["scan"]["state"], "running");
    counts(&becomes(api, id, "done").await)
}

fn counts(provider: &Value) -> [u64; 5] {
    ["seen", "added", "changed", "missing", "skipped"]
        .map(|name| provider["scan"][name].as_u64().expect("a number"))
}

/// Files by name, as `name state format`.
async fn files(api: &ApiClient) -> Vec<String> {
    let list = api.get(&format!("{FILES}?sort=name")).await.expect(200);
    let all = list["items"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    all.map(|file| {
        format!("{} {} {}", text(&file["name"]), text(&file["state"]), text(&file["facts"]["format"]))
    })
    .collect()
}

fn sound(seconds: usize) -> Vec<u8> {
    let data = vec![0x55_u8; 8_000 * seconds];
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend(u32::try_from(36 + data.len()).expect("short").to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data");
    bytes.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    bytes.extend(data);
    bytes
}

async fn put(store: &S3Server, key: &str, content: &[u8]) {
    let path = store.objects().join(key);
    tokio::fs::create_dir_all(path.parent().expect("a directory")).await.expect("a directory");
    tokio::fs::write(path, content).await.expect("a file");
}

/// Stands before a server: passes everything on, or holds every connection until it is opened.
struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
    knocks: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Gate {
    async fn before(url: &str) -> Self {
        let behind: SocketAddr = url.trim_start_matches("https://").parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (open, is_open) = watch::channel(false);
        let knocks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&knocks);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut is_open = is_open.clone();
                tokio::spawn(async move {
                    // A test that is over opens it no more.
                    if is_open.wait_for(|open| *open).await.is_err() {
                        return;
                    }
                    let mut server = TcpStream::connect(behind).await.expect("the server");
                    let _ = copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        Self { address, open, knocks, task }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    fn knocks(&self) -> u32 {
        self.knocks.load(Ordering::SeqCst)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

on_both_databases! {
    firmware_without_a_header_is_read_to_its_end => |server| {
        let store = S3Server::start().await;
        let mut bundle = vec![1; 900_000];
        bundle[400_000..400_010].copy_from_slice(b"V2 R1.21.0");
        bundle[700_000..700_011].copy_from_slice(b"OpenStage60");
        bundle[800_000..800_011].copy_from_slice(b"Siemens SIP");
        for key in ["bundle.img", "bundle.key"] {
            put(&store, key, &bundle).await;
        }
        put(&store, "cp.img", &vec![1; 900_000]).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&store.url)).await.expect(201);
        assert_eq!(scanned(&api, &made).await, [3, 3, 0, 0, 0]);
        let expected = ["bundle.img ready firmware", "bundle.key incomplete other", "cp.img incomplete other"];
        assert_eq!(files(&api).await, expected);
        let list = api.get(&format!("{FILES}?sort=name")).await.expect(200);
        let image = &list["items"][0];
        let said = [&image["software_version"], &image["software_type"], &image["models"]];
        assert_eq!(said, [&json!("V2 R1.21.0"), &json!("SIP"), &json!(["OpenStage 60"])]);
        // Its beginning and its end, and then all of it; what has no name of firmware is not read so.
        assert_eq!((store.gets("bundle.img"), store.gets("bundle.key")), (3, 2));
    }

    what_a_provider_has_becomes_files => |server| {
        let store = S3Server::start().await;
        put(&store, "sounds/ring.wav", &sound(1)).await;
        put(&store, "firmware.img", &content::craft::firmware("OpenStage 40", "SIP", "V3 R5.16.0", 600_000)).await;
        put(&store, "all.zip", b"PK\x03\x04 and so on").await;
        // An image of a CP phone cannot be read, and may begin like an archive.
        put(&store, "cp/CP600_V1_R10.img", b"\x1f\x8b\x08\0 and so on").await;
        put(&store, "empty.wav", b"").await;
        put(&store, "ldap.txt", b"ATTRIB01=\"cn\"\n").await;
        let api = reach(server).await;
        let mut body = s3(&store.url);
        body["scan"] = json!(true);
        let made = api.post(PROVIDERS, &body).await.expect(201);
        let done = becomes(&api, &made, "done").await;
        assert_eq!(counts(&done), [6, 4, 0, 0, 2]);
        assert!(done["scan"]["started_at"].is_string() && done["scan"]["finished_at"].is_string());
        wait_until(async || provider(&api, &made).await["health"] == "good").await;
        let expected = [
            "CP600_V1_R10.img incomplete archive", "firmware.img ready firmware", "ldap.txt ready text", "ring.wav ready wav",
        ];
        assert_eq!(files(&api).await, expected);
        let list = api.get(&format!("{FILES}?sort=name")).await.expect(200);
        let image = &list["items"][1];
        assert_eq!((&image["software_version"], &image["origin"], &image["sha256"]), (&json!("V3 R5.16.0"), &json!("scan"), &Value::Null));
        assert_eq!((&image["object_key"], &image["provider"]["name"]), (&json!("firmware.img"), &json!("Depot")));
        let now = provider(&api, &made).await;
        assert_eq!((&now["files"], &now["bytes"]), (&json!(4), &json!(600_000 + 8_044 + 14 + 14)));

        // Once more finds nothing new.
        assert_eq!(scanned(&api, &made).await, [6, 0, 0, 0, 2]);
        // Gone, and come back; another content under the same name.
        tokio::fs::remove_file(store.objects().join("sounds/ring.wav")).await.expect("it is there");
        assert_eq!(scanned(&api, &made).await, [5, 0, 0, 1, 2]);
        assert!(files(&api).await.contains(&"ring.wav missing wav".to_owned()));
        put(&store, "sounds/ring.wav", &sound(1)).await;
        put(&store, "firmware.img", &content::craft::firmware("OpenStage 60", "SIP", "V3 R6.0.0", 600_000)).await;
        assert_eq!(scanned(&api, &made).await, [6, 0, 2, 0, 2]);
        let list = api.get(&format!("{FILES}?sort=name")).await.expect(200);
        assert_eq!(list["items"][1]["software_version"], "V3 R6.0.0");
        assert!(!files(&api).await.iter().any(|line| line.contains("missing")));
        let auditor = server.api(&[Role::Auditor]).await;
        // What was known of the old content is not lost without a trace.
        let path = format!("/api/v1/audit?object_kind=file&object_id={}&action=file.change", image["id"]);
        let changes = auditor.get(&path).await.expect(200);
        let change = &changes["items"][0];
        assert_eq!((&changes["total"], &change["actor_kind"]), (&json!(1), &json!("system")), "{changes}");
        assert_eq!(change["details"]["before"]["software_version"], "V3 R5.16.0");
        assert_eq!(change["details"]["after"]["software_version"], "V3 R6.0.0");
        assert_eq!(auditor.get("/api/v1/audit?action=storage-provider.scanned").await.expect(200)["total"], 3);
        assert_eq!(auditor.get("/api/v1/audit?action=storage-provider.scan").await.expect(200)["total"], 3);
    }

    new_content_of_a_template_s_file_is_a_file_of_its_own => |server| {
        let store = S3Server::start().await;
        let image = |version: &str| content::craft::firmware("OpenStage 40", "SIP", version, 300_000);
        put(&store, "firmware.img", &image("V3 R5.16.0")).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&store.url)).await.expect(201);
        scanned(&api, &made).await;
        let old = api.get(FILES).await.expect(200)["items"][0].clone();
        let template = json!({"name": "Software", "kind": "default", "software_update": "always"});
        let template = api.post("/api/v1/templates", &template).await.expect(201);
        let files_of = format!("/api/v1/templates/{}/files", template["id"]);
        let give = async |ids: Value| api.clone().if_match("*").put(&files_of, &json!({"files": ids})).await.expect(200);
        give(json!([old["id"]])).await;

        // Whoever may write there must not decide what the template brings.
        put(&store, "firmware.img", &image("V3 R6.0.0")).await;
        let said = async || {
            let list = api.get(&format!("{FILES}?sort=created_at")).await.expect(200);
            let all = list["items"].as_array().expect("a list").iter();
            all.map(|file| format!("{} {} {}", file["id"], file["state"], file["software_version"])).collect::<Vec<_>>()
        };
        assert_eq!(scanned(&api, &made).await, [1, 0, 1, 0, 0]);
        let both = said().await;
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both.contains(&format!("{} \"changed\" \"V3 R5.16.0\"", old["id"])), "{both:?}");
        assert!(both.iter().any(|file| file.ends_with("\"ready\" \"V3 R6.0.0\"")), "{both:?}");
        // Looked at again, and once nobody needs the old one any more, nothing is made twice.
        assert_eq!(scanned(&api, &made).await, [1, 0, 0, 0, 0]);
        give(json!([])).await;
        assert_eq!(scanned(&api, &made).await, [1, 0, 0, 0, 0]);
        assert_eq!(said().await, both);
        // What was there before is what the template has had all the time.
        give(json!([old["id"]])).await;
        put(&store, "firmware.img", &image("V3 R5.16.0")).await;
        scanned(&api, &made).await;
        let now = said().await;
        assert!(now.contains(&format!("{} \"ready\" \"V3 R5.16.0\"", old["id"])), "{now:?}");
        assert!(now.iter().any(|file| file.ends_with("\"changed\" \"V3 R6.0.0\"")), "{now:?}");
    }

    a_web_server_is_scanned_every_night => |server| {
        let web = Nginx::start().await;
        for place in ["index", "dav"] {
            tokio::fs::create_dir_all(web.files(place).join("below")).await.expect("a directory");
            tokio::fs::write(web.files(place).join("below").join(format!("{place}.wav")), sound(1)).await.expect("a file");
        }
        let api = reach(server).await;
        for place in ["index", "dav"] {
            let body = json!({"name": place, "kind": "https", "url": format!("{}/{place}/", web.url)});
            api.post(PROVIDERS, &body).await.expect(201);
        }
        enqueue(server.app(), Kind::ScanProviders).await.expect("a task");
        work_off(server.app()).await.expect("tasks");
        wait_until(async || files(&api).await.len() == 2).await;
        let names = files(&api).await;
        assert!(names[0].starts_with("dav.wav") && names[1].starts_with("index.wav"), "{names:?}");
    }

    a_scan_that_fails_says_why_and_keeps_what_it_has_found => |server| {
        let store = S3Server::start().await;
        put(&store, "ring.wav", &sound(1)).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&store.url)).await.expect(201);
        scanned(&api, &made).await;
        let wrong = json!({"secret": "wrong", "scan": true});
        api.clone().if_match("\"1\"").patch(&path(&made), &wrong).await.expect(200);
        becomes(&api, &made, "failed").await;
        wait_until(async || provider(&api, &made).await["health"] == "bad").await;
        assert_eq!(provider(&api, &made).await["error"]["code"], "credentials");
        assert_eq!(files(&api).await.len(), 1);
        assert!(!files(&api).await[0].contains("missing"));
    }

    what_the_old_address_did_says_nothing_of_the_new_one => |server| {
        let store = S3Server::start().await;
        let gate = Gate::before(&store.url).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&gate.url())).await.expect(201);
        let (client, check) = (api.clone(), format!("{}/check", path(&made)));
        let checking = tokio::spawn(async move { client.post(&check, &json!({})).await });
        wait_until(async || gate.knocks() > 0).await;
        let change = json!({"url": store.url, "secret": PASSWORD});
        api.clone().if_match("*").patch(&path(&made), &change).await.expect(200);
        // The old one closes its connections.
        drop(gate);
        assert_eq!(checking.await.expect("it ends").expect(200)["health"], "bad");
        let now = provider(&api, &made).await;
        assert_eq!((&now["health"], &now["error"]), (&json!("unknown"), &Value::Null));
    }

    a_scan_is_stopped_and_begun_anew => |server| {
        let store = S3Server::start().await;
        put(&store, "ring.wav", &sound(1)).await;
        let gate = Gate::before(&store.url).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&gate.url())).await.expect(201);
        let (scan, stop) = (format!("{}/scan", path(&made)), format!("{}/scan/stop", path(&made)));
        assert_eq!(api.post(&stop, &json!({})).await.expect(200)["scan"]["state"], "none", "nothing to stop");
        let first = api.post(&scan, &json!({})).await.expect(202);
        wait_until(async || gate.knocks() > 0).await;
        // One that runs already is what is asked for.
        let again = api.post(&scan, &json!({})).await.expect(202);
        assert_eq!((&again["scan"]["state"], &again["scan"]["started_at"]), (&json!("running"), &first["scan"]["started_at"]));
        let stopped = api.post(&stop, &json!({})).await.expect(200);
        assert_eq!(stopped["scan"]["state"], "stopped");
        assert_eq!(api.post(&stop, &json!({})).await.expect(200)["scan"]["state"], "stopped");
        let auditor = server.api(&[Role::Auditor]).await;
        assert_eq!(auditor.get("/api/v1/audit?action=storage-provider.scan-stop").await.expect(200)["total"], 1);
        server.clock.advance(jiff::SignedDuration::from_secs(1));
        gate.open.send(true).expect("the gate");
        assert_eq!(scanned(&api, &made).await, [1, 1, 0, 0, 0]);
    }

    a_scan_is_stopped_by_another_node_and_begun_anew_by_both => |server| {
        let store = S3Server::start().await;
        put(&store, "ring.wav", &sound(1)).await;
        let gate = Gate::before(&store.url).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&gate.url())).await.expect(201);
        let (scan, stop) = (format!("{}/scan", path(&made)), format!("{}/scan/stop", path(&made)));
        api.post(&scan, &json!({})).await.expect(202);
        wait_until(async || gate.knocks() > 0).await;
        let mut other = server.second_node().await;
        let there = other.api(&[Role::Admin]).await;
        // Both are asked at once, and one of them stops it.
        let body = json!({});
        let both = futures_util::future::join_all([&api, &there].map(|node| node.post(&stop, &body))).await;
        for answer in both {
            assert_eq!(answer.expect(200)["scan"]["state"], "stopped");
        }
        let auditor = server.api(&[Role::Auditor]).await;
        let audited = async |action: &str| {
            auditor.get(&format!("/api/v1/audit?action=storage-provider.{action}")).await.expect(200)["total"].clone()
        };
        assert_eq!(audited("scan-stop").await, 1);
        // The stopped one may still be at work for a moment; the next one is not its own.
        server.clock.advance(jiff::SignedDuration::from_secs(1));
        gate.open.send(true).expect("the gate");
        // Begun by both at once it is one scan, which one node works on.
        let both = futures_util::future::join_all([&api, &there].map(|node| node.post(&scan, &body))).await;
        for answer in both {
            answer.expect(202);
        }
        assert_eq!(counts(&becomes(&there, &made, "done").await), [1, 1, 0, 0, 0]);
        assert_eq!(audited("scanned").await, 1);
        assert_eq!(files(&there).await, ["ring.wav ready wav"]);
        other.stop().await;
    }

    a_scan_goes_on_after_a_restart_and_on_another_node => |server| {
        let store = S3Server::start().await;
        put(&store, "ring.wav", &sound(1)).await;
        let gate = Gate::before(&store.url).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&gate.url())).await.expect(201);
        api.post(&format!("{}/scan", path(&made)), &json!({})).await.expect(202);
        wait_until(async || gate.knocks() > 0).await;
        server.restart().await;
        let before = gate.knocks();
        wait_until(async || gate.knocks() > before).await;
        let mut other = server.second_node().await;
        server.stop_in_place().await;
        gate.open.send(true).expect("the gate");
        let api = other.api(&[Role::Admin]).await;
        assert_eq!(counts(&becomes(&api, &made, "done").await), [1, 1, 0, 0, 0]);
        other.stop().await;
    }

    a_provider_whose_files_are_needed_stays => |server| {
        let store = S3Server::start().await;
        put(&store, "ring.wav", &sound(1)).await;
        let api = reach(server).await;
        let made = api.post(PROVIDERS, &s3(&store.url)).await.expect(201);
        scanned(&api, &made).await;
        let file = api.get(FILES).await.expect(200)["items"][0].clone();
        let at = format!("{FILES}/{}", file["id"]);
        let typed = api.clone().if_match(&format!("\"{}\"", file["revision"]));
        typed.patch(&at, &json!({"file_type": "ringtone"})).await.expect(200);
        let template = json!({"name": "Sounds", "kind": "default", "rank": 10});
        let template = api.post("/api/v1/templates", &template).await.expect(201);
        let files_of = format!("/api/v1/templates/{}/files", template["id"]);
        let tagged = api.clone().if_match(&format!("\"{}\"", template["revision"]));
        tagged.put(&files_of, &json!({"files": [file["id"]]})).await.expect(200);

        let problem = api.clone().if_match("*").delete(&path(&made)).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"]["used_by"], json!(["Sounds"]));
        let many = api.post(&format!("{PROVIDERS}/delete"), &json!({"ids": [made["id"]]})).await.expect(200);
        let used = &many["in_use"][0]["used_by"];
        assert_eq!((&used["templates"][0]["name"], &used["templates_total"]), (&json!("Sounds"), &json!(1)));
        assert_eq!(used["jobs_total"], 0);
        assert_eq!(files(&api).await.len(), 1);
        api.clone().if_match("*").put(&files_of, &json!({"files": []})).await.expect(200);
        api.clone().if_match("*").delete(&path(&made)).await.expect(204);
        assert_eq!(files(&api).await, Vec::<String>::new(), "they went with it");
        assert!(store.objects().join("ring.wav").exists(), "the object did not");
    }
}

/// Changes a setting of a server that is killed later.
async fn set(api: &ApiClient, id: &str, value: Value) {
    let path = format!("/api/v1/settings/{id}");
    let etag = api.get(&path).await.header("etag").to_owned();
    api.clone().if_match(&etag).put(&path, &json!({ "value": value })).await.expect(200);
}

killed_on_both_databases! {
    a_scan_goes_on_when_its_server_was_killed => |server| {
        let store = S3Server::start().await;
        put(&store, "ring.wav", &sound(1)).await;
        let gate = Gate::before(&store.url).await;
        set(&server.api(), NETWORKS, json!("127.0.0.0/8")).await;
        set(&server.api(), VALIDATION, json!(false)).await;
        let made = server.api().post(PROVIDERS, &s3(&gate.url())).await.expect(201);
        server.api().post(&format!("{}/scan", path(&made)), &json!({})).await.expect(202);
        wait_until(async || gate.knocks() > 0).await;
        server.crash().await;
        gate.open.send(true).expect("the gate");
        let api = server.api();
        assert_eq!(provider(&api, &made).await["scan"]["state"], "running", "its lease is not over");
        server.advance(jiff::SignedDuration::from_secs(121));
        assert_eq!(counts(&becomes(&api, &made, "done").await), [1, 1, 0, 0, 0]);
    }
}
