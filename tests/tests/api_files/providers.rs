//! Files that are kept by other storage providers.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use domain::{ProviderId, Role};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::storage_servers::{BUCKET, Nginx, PASSWORD, REGION, S3Server, USER};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use workpoint::app::storage_providers::note_takes_files;

use super::{FILES, UPLOADS, audited, content, finish, path_of, piece, sha256, sound, staged, upload};

/// Lets providers be on this machine, with certificates nobody knows.
async fn allow(server: &mut TestServer) -> (ApiClient, ApiClient) {
    server.change_setting("server-settings.storage.allowed-networks", "127.0.0.0/8").await;
    server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
    (server.api(&[Role::Admin]).await, server.api(&[Role::Operator]).await)
}

async fn s3(admin: &ApiClient, url: &str, secret: &str) -> Value {
    named(admin, "Cellar", url, secret).await
}

async fn named(admin: &ApiClient, name: &str, url: &str, secret: &str) -> Value {
    let body = json!({"name": name, "kind": "s3", "url": url, "username": USER, "secret": secret,
        "bucket": BUCKET, "region": REGION, "path_style": true});
    admin.post("/api/v1/storage-providers", &body).await.expect(201)
}

/// Makes an object older than a scan leaves what belongs to nobody; gives where it is.
fn aged(cellar: &S3Server, key: &Value) -> PathBuf {
    let path = cellar.objects().join(key.as_str().expect("a key"));
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().append(true).open(&path).expect("the object");
    file.set_modified(long_ago).expect("a time");
    path
}

/// Uploads in pieces to a provider.
async fn upload_to(api: &ApiClient, provider: &Value, name: &str, bytes: &[u8]) -> Value {
    let upload = begin_at(api, provider, name, bytes).await;
    finish(api, &upload).await.expect(201)
}

/// Scans a provider to the end.
async fn scan(admin: &ApiClient, provider: &Value) {
    let path = format!("/api/v1/storage-providers/{}", provider["id"]);
    admin.post(&format!("{path}/scan"), &json!({})).await.expect(202);
    wait_until(async || admin.get(&path).await.expect(200)["scan"]["state"] == "done").await;
}

async fn begin_at(api: &ApiClient, provider: &Value, name: &str, bytes: &[u8]) -> String {
    let body = json!({"name": name, "size": bytes.len(), "provider": provider["id"]});
    let begun = api.post(UPLOADS, &body).await.expect(201);
    let upload = format!("{UPLOADS}/{}", begun["token"].as_str().expect("a token"));
    piece(api, &upload, 0, bytes).await.expect(200);
    upload
}

/// Names of all files below a directory.
fn files_below(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => names.extend(files_below(&path)),
            false => names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned())),
        }
    }
    names
}

/// Has it noted that a provider takes no files.
async fn refuse(server: &TestServer, provider: &Value) {
    let (id, revision) = (provider["id"].as_i64(), provider["revision"].as_i64());
    let (id, revision) = (ProviderId(id.expect("an id")), revision.expect("a revision"));
    note_takes_files(server.app(), id, revision, Some(false)).await.expect("noted");
}

on_both_databases! {
    files_go_to_another_provider_and_come_back => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let provider = s3(&admin, &cellar.url, PASSWORD).await;
        let bytes = sound(1, 300_000);
        let said = [("provider", provider["id"].to_string())];
        let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let file = api.upload("bell.wav", &bytes, &said).await.expect(201);
        let key = file["object_key"].as_str().expect("a key").to_owned();
        let name = format!("/{}/bell.wav", &sha256(&bytes)[..16]);
        assert!(key.starts_with("workpoint/") && key.ends_with(&name), "{key}");
        assert_eq!(file["provider"]["name"], "Cellar");
        assert_eq!(tokio::fs::read(cellar.objects().join(&key)).await.expect("the object"), bytes);
        assert_eq!(content(&api, &file).await, bytes);
        // Once there; by another name too, and here once more.
        let again = begin_at(&api, &provider, "chime.wav", &bytes).await;
        let second = finish(&api, &again).await.expect(201);
        assert_ne!(second["id"], file["id"]);
        assert_eq!(second["object_key"], key);
        let here = upload(&api, "bell.wav", &bytes).await;
        assert_eq!(here["object_key"], sha256(&bytes));
        assert!(staged(server).is_empty());
        assert_eq!(api.get(&format!("{FILES}?provider={}", provider["id"])).await.expect(200)["total"], 2);
        // The object goes with the last of them.
        api.clone().if_match("*").delete(&path_of(&file)).await.expect(204);
        assert_eq!(content(&api, &second).await, bytes);
        api.clone().if_match("*").delete(&path_of(&second)).await.expect(204);
        wait_until(async || !cellar.objects().join(&key).exists()).await;
        assert_eq!(content(&api, &here).await, bytes);
    }

    what_was_missing_comes_back_with_the_next_upload => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let provider = s3(&admin, &cellar.url, PASSWORD).await;
        let bytes = sound(5, 3_000);
        let first = begin_at(&api, &provider, "bell.wav", &bytes).await;
        let first = finish(&api, &first).await.expect(201);
        std::fs::remove_file(cellar.objects().join(first["object_key"].as_str().expect("a key"))).expect("removed");
        scan(&admin, &provider).await;
        assert_eq!(api.get(&path_of(&first)).await.expect(200)["state"], "missing");
        // By another name it lies somewhere else.
        let second = begin_at(&api, &provider, "chime.wav", &bytes).await;
        let second = finish(&api, &second).await.expect(201);
        assert_ne!(second["object_key"], first["object_key"]);
        let repaired = api.get(&path_of(&first)).await.expect(200);
        assert_eq!((&repaired["state"], &repaired["object_key"]), (&json!("ready"), &second["object_key"]));
        assert_eq!(content(&api, &repaired).await, bytes);
        assert_eq!(audited(server, &first).await, ["file.create", "file.change"]);
        let again = begin_at(&api, &provider, "bell.wav", &bytes).await;
        assert_eq!(finish(&api, &again).await.expect(201)["id"], first["id"]);
        scan(&admin, &provider).await;
        assert_eq!(api.get(FILES).await.expect(200)["total"], 2);
    }

    what_an_upload_left_over_is_deleted_by_a_scan => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let provider = s3(&admin, &cellar.url, PASSWORD).await;
        let upload = begin_at(&api, &provider, "bell.wav", &sound(6, 300)).await;
        let file = finish(&api, &upload).await.expect(201);
        let key = file["object_key"].as_str().expect("a key").to_owned();
        let prefix = key.split('/').take(3).collect::<Vec<_>>().join("/");
        #[expect(clippy::disallowed_methods, reason = "a few bytes, before anything is asked of the server")]
        let put = |key: &str, is_old: bool| {
            let path = cellar.objects().join(key);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(&path, sound(7, 300)).expect("written");
            if is_old {
                let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
                let file = std::fs::File::options().append(true).open(&path).expect("the object");
                file.set_modified(long_ago).expect("a time");
            }
            path
        };
        let left_over = put(&format!("{prefix}/0123/a.wav"), true);
        let young = put(&format!("{prefix}/0123/b.wav"), false);
        let foreign = put("workpoint/another/0123/c.wav", true);
        let needed = put(&key, true);
        scan(&admin, &provider).await;
        assert!(!left_over.exists() && young.exists() && foreign.exists() && needed.exists());
        assert_eq!(api.get(FILES).await.expect(200)["total"], 1, "none of them is a file");
        // A database from a backup knows nothing of it: it is kept for a month.
        for (days, is_there) in [(29, true), (2, false)] {
            server.clock.advance(SignedDuration::from_hours(days * 24));
            let admin = server.api(&[Role::Admin]).await;
            scan(&admin, &provider).await;
            wait_until(async || young.exists() == is_there).await;
        }
        assert!(foreign.exists() && needed.exists());
    }

    two_providers_of_one_bucket_leave_each_other_what_they_need => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let one = s3(&admin, &cellar.url, PASSWORD).await;
        let two = named(&admin, "Loft", &cellar.url, PASSWORD).await;
        let (only, both) = (sound(11, 300), sound(12, 300));
        let only = upload_to(&api, &one, "only.wav", &only).await;
        let first = upload_to(&api, &one, "both.wav", &both).await;
        let second = upload_to(&api, &two, "both.wav", &both).await;
        assert_ne!(first["object_key"], second["object_key"], "each has its own");
        let objects = [&only, &first, &second].map(|file| aged(&cellar, &file["object_key"]));
        for provider in [&two, &one, &two] {
            scan(&admin, provider).await;
            assert!(objects.iter().all(|object| object.exists()));
        }
        assert_eq!(api.get(FILES).await.expect(200)["total"], 3, "what one has is no file of the other");
        api.clone().if_match("*").delete(&path_of(&second)).await.expect(204);
        wait_until(async || !objects[2].exists()).await;
        scan(&admin, &two).await;
        assert!(objects[0].exists() && objects[1].exists());
        assert_eq!(api.get(&path_of(&first)).await.expect(200)["state"], "ready");
    }

    a_provider_that_is_added_again_finds_what_was_uploaded_to_it => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let before = s3(&admin, &cellar.url, PASSWORD).await;
        let file = upload_to(&api, &before, "bell.wav", &sound(13, 300)).await;
        let object = aged(&cellar, &file["object_key"]);
        let at = format!("/api/v1/storage-providers/{}", before["id"]);
        admin.clone().if_match("*").delete(&at).await.expect(204);
        assert_eq!(api.get(FILES).await.expect(200)["total"], 0);
        let again = s3(&admin, &cellar.url, PASSWORD).await;
        for _ in 0..3 {
            scan(&admin, &again).await;
            assert!(object.exists());
        }
        let list = api.get(FILES).await.expect(200);
        let found = &list["items"][0];
        assert_eq!((&list["total"], &found["origin"]), (&json!(1), &json!("scan")));
        assert_eq!((&found["name"], &found["object_key"]), (&json!("bell.wav"), &file["object_key"]));
        // Like everything that was found there, it stays when it is no file any more.
        let deleted = admin.clone().if_match("*").delete(&path_of(found)).await;
        deleted.expect(204);
        scan(&admin, &again).await;
        assert!(object.exists());
        assert_eq!(api.get(FILES).await.expect(200)["total"], 1);
    }

    another_bucket_has_other_contents => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let provider = s3(&admin, &cellar.url, PASSWORD).await;
        let upload = begin_at(&api, &provider, "bell.wav", &sound(6, 300)).await;
        let file = finish(&api, &upload).await.expect(201);
        assert!(file["sha256"].is_string());
        let at = format!("/api/v1/storage-providers/{}", provider["id"]);
        let change = admin.clone().if_match("*");
        change.patch(&at, &json!({"serving": "provider"})).await.expect(200);
        assert_eq!(api.get(&path_of(&file)).await.expect(200)["sha256"], file["sha256"]);
        change.patch(&at, &json!({"bucket": "another"})).await.expect(200);
        assert_eq!(api.get(&path_of(&file)).await.expect(200)["sha256"], Value::Null);
    }

    deleting_and_uploading_the_same_content_at_once_on_two_nodes => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let provider = s3(&admin, &cellar.url, PASSWORD).await;
        let mut other = server.second_node().await;
        let there = if server.config().database_url.is_some() { other.api(&[Role::Operator]).await } else { api.clone() };
        let bytes = sound(8, 2_000);
        let upload = begin_at(&api, &provider, "bell.wav", &bytes).await;
        let mut file = finish(&api, &upload).await.expect(201);
        for round in 1..=15 {
            let upload = begin_at(&api, &provider, "bell.wav", &bytes).await;
            let gone = path_of(&file);
            let deleting = there.clone().if_match("*");
            let (made, _) = tokio::join!(finish(&api, &upload), deleting.delete(&gone));
            let made = made.expect(201);
            // It was the one that is deleted, or one of its own, which has its object.
            if api.get(&path_of(&made)).await.status == 200 {
                let key = made["object_key"].as_str().expect("a key");
                assert!(cellar.objects().join(key).exists(), "round {round}");
                file = made;
            } else {
                let upload = begin_at(&api, &provider, "bell.wav", &bytes).await;
                file = finish(&api, &upload).await.expect(201);
            }
        }
        assert_eq!(server.deadlocks().await, 0);
        other.stop().await;
    }

    what_a_provider_refuses_can_be_tried_again => |server| {
        let (admin, api) = allow(server).await;
        let cellar = S3Server::start().await;
        let provider = s3(&admin, &cellar.url, "not the secret").await;
        let bytes = sound(2, 50_000);
        let upload = begin_at(&api, &provider, "bell.wav", &bytes).await;
        let problem = finish(&api, &upload).await.expect_problem(502, "provider_failed");
        assert_eq!((&problem["args"]["provider"], &problem["args"]["error"]), (&json!("Cellar"), &json!("credentials")));
        assert_eq!(api.get(FILES).await.expect(200)["total"], 0);
        assert_eq!(api.get(&upload).await.expect(200)["received"], bytes.len());
        // Sent whole, nothing of it stays.
        let number = provider["id"].to_string();
        let whole = api.upload("bell.wav", &bytes, &[("provider", &number)]).await;
        whole.expect_problem(502, "provider_failed");
        assert_eq!(staged(server).len(), 1);
        let path = format!("/api/v1/storage-providers/{}", provider["id"]);
        let shown = api.get(&path).await.expect(200);
        assert_eq!(shown["health"], "bad", "{shown}");
        admin.clone().if_match("*").patch(&path, &json!({"secret": PASSWORD})).await.expect(200);
        let file = finish(&api, &upload).await.expect(201);
        assert_eq!(content(&api, &file).await, bytes);
        assert!(staged(server).is_empty());
    }

    a_provider_that_takes_nothing_says_so => |server| {
        let (admin, api) = allow(server).await;
        let nginx = Nginx::start().await;
        let body = json!({"name": "Shelf", "kind": "https", "url": nginx.site("index").url});
        let provider = admin.post("/api/v1/storage-providers", &body).await.expect(201);
        assert_eq!(provider["writable"], Value::Null, "nobody has tried");
        let at = format!("/api/v1/storage-providers/{}", provider["id"]);
        let begun = json!({"name": "bell.wav", "size": 5_044, "provider": provider["id"]});
        // Before a byte of the file is sent; and known the next time.
        for _ in 0..2 {
            let problem = api.post(UPLOADS, &begun).await.expect_problem(502, "provider_failed");
            assert_eq!((&problem["args"]["provider"], &problem["args"]["error"]), (&json!("Shelf"), &json!("read-only")));
            assert_eq!(admin.get(&at).await.expect(200)["writable"], false);
        }
        let number = provider["id"].to_string();
        let whole = api.upload("bell.wav", &sound(3, 5_000), &[("provider", &number)]).await;
        assert_eq!(whole.expect_problem(502, "provider_failed")["args"]["error"], "read-only");
        assert_eq!(api.get(UPLOADS).await.expect(200)["total"], 0);
        assert!(staged(server).is_empty());
        // Whoever tries its connection may have changed that.
        admin.post(&format!("{at}/check"), &json!({})).await.expect(200);
        assert_eq!(admin.get(&at).await.expect(200)["writable"], Value::Null);
        // So may another address.
        api.post(UPLOADS, &begun).await.expect_problem(502, "provider_failed");
        let moved = json!({"url": nginx.site("dav").url});
        assert_eq!(admin.clone().if_match("*").patch(&at, &moved).await.expect(200)["writable"], Value::Null);

        let upload = begin_at(&api, &provider, "bell.wav", &sound(3, 5_000)).await;
        assert_eq!(admin.get(&at).await.expect(200)["writable"], true);
        let file = finish(&api, &upload).await.expect(201);
        assert_eq!(content(&api, &file).await, sound(3, 5_000));
        assert_eq!(files_below(&nginx.files("dav")), ["bell.wav"], "what was tried is taken away");
        // What is there already needs nothing to be taken.
        refuse(server, &admin.get(&at).await.expect(200)).await;
        let same = json!({"name": "bell.wav", "size": 5_044, "provider": provider["id"], "sha256": file["sha256"]});
        api.post(UPLOADS, &same).await.expect(201);
        api.post(UPLOADS, &begun).await.expect_problem(502, "provider_failed");
        // Its object vanishes.
        let path = nginx.files("dav").join(file["object_key"].as_str().expect("a key"));
        std::fs::remove_file(path).expect("removed");
        let another = api.get(&format!("{}/content", path_of(&file))).await;
        assert!([200, 502].contains(&another.status.as_u16()), "from the cache, or not at all");
    }
}
