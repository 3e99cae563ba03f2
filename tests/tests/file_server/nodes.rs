//! More than the one server: a second node on the same data, a bucket that phones fetch from themselves, and what is
//! found to be gone.

use std::sync::Arc;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::Family;
use tests::called::{Attended, fleet, network};
use tests::fetching::{offered, upload};
use tests::storage_servers::S3Server;
use tests::{ApiClient, TestServer, desk, on_both_databases, wait_until};

use crate::provider::{Act, Fake};
use crate::{progress_becomes, text};

const SIZE: usize = 900_000;
const SOUND: &str = "chimes.wav";

/// A sound that phones ring with.
fn sound() -> Vec<u8> {
    let mut bytes = b"RIFF\x2c\x01\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x08\x01\x00\x00".to_vec();
    bytes.resize(308, 7);
    bytes
}

/// Changes a file.
async fn change(api: &ApiClient, file: &Value, change: Value) -> Value {
    let path = format!("/api/v1/files/{}", file["id"]);
    let etag = api.get(&path).await.header("etag").to_owned();
    api.clone().if_match(&etag).patch(&path, &change).await.expect(200)
}

/// A bucket with a sound, whose files phones fetch from it; gives the sound's file.
async fn bucket(server: &mut TestServer, s3: &S3Server) -> Value {
    tokio::fs::write(s3.objects().join(SOUND), sound()).await.expect("an object");
    server.change_setting("server-settings.storage.allowed-networks", "127.0.0.0/8").await;
    server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
    let api = server.api(&[Role::Admin]).await;
    let site = s3.site();
    let new = json!({
        "name": "Bucket", "kind": "s3", "url": site.url, "username": site.username,
        "secret": site.secret.expect("a secret").expose(), "bucket": site.bucket, "region": site.region,
        "path_style": true, "serving": "provider", "scan": true,
    });
    let provider = api.post("/api/v1/storage-providers", &new).await.expect(201)["id"].clone();
    let path = format!("/api/v1/storage-providers/{provider}");
    wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
    let files = api.get(&format!("/api/v1/files?provider={provider}")).await.expect(200);
    change(&api, &files["items"][0], json!({ "file_type": "ringtone" })).await
}

/// Lets the server's time pass until a job has come to its end; gives its state.
async fn end_of(server: &TestServer, api: &ApiClient, job: &Value) -> String {
    let path = format!("/api/v1/jobs/{job}");
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    for _ in 0..1_200 {
        ticks.tick().await;
        let state = api.get(&path).await.expect(200)["state"].as_str().expect("a state").to_owned();
        if !["created", "active"].contains(&state.as_str()) {
            return state;
        }
        server.clock.advance(SignedDuration::from_secs(1));
    }
    panic!("the job does not end: {}", desk::target(api, job).await);
}

async fn file_becomes(api: &ApiClient, file: &Value, state: &str) {
    let path = format!("/api/v1/files/{}", file["id"]);
    wait_until(async || api.get(&path).await.expect(200)["state"] == state).await;
}

on_both_databases! {
    an_address_made_by_one_node_works_at_another => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, remote) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let own = upload(&api, "own.bin", &text(50_000)).await;
        let other = server.second_node().await;
        for (number, file, length) in [(1, &own, 50_000), (2, &remote, SIZE)] {
            let mut offered = offered(server, &api, [127, 45, 1, number], file).await;
            let path = offered.url.splitn(4, '/').nth(3).expect("a path").to_owned();
            let there = format!("https://{}/{path}", other.phone_port());
            let answer = offered.client().get(&there).send().await.expect("an answer");
            assert!(answer.text().await.expect("a body") == text(length));
            // Both nodes know how far it is, and when it is over.
            let told = progress_becomes(&api, &offered.job, |told| told["phase"] == "downloaded").await;
            assert_eq!(told["received"], length);
            offered.report(file["name"].as_str().expect("a name"), "ok").await;
            desk::job_becomes(&api, &offered.job, "success").await;
            for url in [&offered.url, &there] {
                let answer = offered.client().get(url).send().await.expect("an answer");
                assert_eq!(answer.status(), 404, "{url}");
            }
        }
        assert_eq!(fake.fetches(), 1);
        other.stop().await;
    }

    a_phone_fetches_from_the_bucket_itself => |server| {
        let s3 = S3Server::start().await;
        let file = bucket(server, &s3).await;
        let api = server.api(&[Role::Admin]).await;
        let phones = fleet(server, network(46), 1, |config| {
            config.family = Some(Family::Sip);
            config.models = vec!["OpenScape Desk Phone CP700".parse().expect("a model")];
        })
        .await;
        let _attended = Attended::start(Arc::clone(&phones[0])).await;
        let client = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
        let looks = s3.gets(SOUND);
        let job = tests::fetching::deploy(&api, &[client], &file).await;
        assert_eq!(end_of(server, &api, &job).await, "success", "{}", desk::target(&api, &job).await);
        assert_eq!(s3.gets(SOUND), looks + 1, "fetched once, by the phone");
        let mut copies =
            tokio::fs::read_dir(server.config().data_dir.join("copies")).await.expect("the directory");
        assert!(copies.next_entry().await.expect("an entry").is_none(), "this server fetched nothing");
        let target = desk::target(&api, &job).await;
        assert_eq!((&target["deployment"]["phase"], &target["deployment"]["done"]), (&json!("over"), &json!(1)));
    }

    an_old_phone_fetches_from_this_server => |server| {
        let s3 = S3Server::start().await;
        let file = bucket(server, &s3).await;
        let api = server.api(&[Role::Admin]).await;
        // The bucket's address has `&` in it, which an OpenStage phone may ask for as `&amp;`.
        let ours = offered(server, &api, [127, 45, 2, 3], &file).await;
        assert!(ours.url.starts_with(&format!("https://{}/file/", server.phone_port())), "{}", ours.url);
        let answer = ours.client().get(&ours.url).send().await.expect("an answer");
        assert!(answer.bytes().await.expect("a body") == sound());
    }

    a_file_under_another_name_than_its_object_comes_from_this_server => |server| {
        let s3 = S3Server::start().await;
        let file = bucket(server, &s3).await;
        let api = server.api(&[Role::Admin]).await;
        // From the bucket, a phone would call it by the name of the object.
        let file = change(&api, &file, json!({ "name": "bell.wav" })).await;
        let ours = offered(server, &api, [127, 45, 2, 2], &file).await;
        let start = format!("https://{}/file/", server.phone_port());
        assert!(ours.url.starts_with(&start) && ours.url.ends_with("/bell.wav"), "{}", ours.url);
        let answer = ours.client().get(&ours.url).send().await.expect("an answer");
        assert!(answer.bytes().await.expect("a body") == sound());
    }

    a_file_that_is_gone_says_so_and_is_found_again => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (provider, remote) = fake.register(server).await;
        let api = server.api(&[Role::Admin]).await;
        let own = upload(&api, "own.bin", &text(50_000)).await;
        let one = offered(server, &api, [127, 45, 3, 1], &own).await;
        let two = offered(server, &api, [127, 45, 3, 2], &remote).await;
        let objects = server.config().data_dir.join("files/objects");
        let object = objects.join(own["sha256"].as_str().expect("a hash"));
        let aside = server.config().data_dir.join("aside");
        tokio::fs::rename(&object, &aside).await.expect("moved");
        fake.act(Act::Missing);
        for (offered, file) in [(&one, &own), (&two, &remote)] {
            let answer = offered.client().get(&offered.url).send().await.expect("an answer");
            assert_eq!(answer.status(), 404);
            file_becomes(&api, file, "missing").await;
        }
        // It is back: who opens it finds it, and so does a scan.
        tokio::fs::rename(&aside, &object).await.expect("moved");
        fake.act(Act::Good);
        let shown = api.get(&format!("/api/v1/files/{}/content", own["id"])).await;
        assert!(shown.text == text(50_000));
        file_becomes(&api, &own, "ready").await;
        api.post(&format!("/api/v1/storage-providers/{provider}/scan"), &json!({})).await.expect(202);
        file_becomes(&api, &remote, "ready").await;
    }

    other_content_marks_the_file_as_changed => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, file) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 45, 4, 1], &file).await;
        fake.act(Act::Longer);
        let answer = offered.client().get(&offered.url).send().await.expect("an answer");
        assert_eq!(answer.status(), 404);
        file_becomes(&api, &file, "changed").await;
    }
}
