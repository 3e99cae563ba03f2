//! What lies with this server or a storage provider: it ends nobody's deployment and counts for no limit.

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::storage_servers::{BUCKET, PASSWORD, REGION, S3Server, USER};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use wire::Action;
use workpoint::app::jobs::pulse::beat;

use crate::hand::{Phone, one};
use crate::{deploy, deploy_file, job, job_becomes, setting, sound, stands, targets, upload, words};

const PROVIDERS: &str = "/api/v1/storage-providers";

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

/// A bucket with ring tones, as a provider; gives its path, and the files in the order of these names.
async fn bucket(server: &mut TestServer, names: &[&str]) -> (S3Server, ApiClient, String, Vec<Value>) {
    let store = S3Server::start().await;
    for (number, name) in names.iter().enumerate() {
        let content = sound(u8::try_from(number).expect("few"));
        tokio::fs::write(store.objects().join(name), content).await.expect("an object");
    }
    setting(server, "storage.allowed-networks", "127.0.0.0/8").await;
    setting(server, "security.storage-provider-connection-validation", false).await;
    let api = server.api(&[Role::Admin]).await;
    let new = json!({
        "name": "Bucket", "kind": "s3", "url": store.url, "username": USER, "secret": PASSWORD, "bucket": BUCKET,
        "region": REGION, "path_style": true, "scan": true,
    });
    let made = api.post(PROVIDERS, &new).await.expect(201);
    let path = format!("{PROVIDERS}/{}", made["id"]);
    wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
    let found = api.get(&format!("/api/v1/files?provider={}", made["id"])).await.expect(200);
    let found = found["items"].as_array().expect("files").clone();
    let mut files = Vec::new();
    for name in names {
        let file = found.iter().find(|file| file["name"] == *name).expect("a file");
        let path = format!("/api/v1/files/{}", file["id"]);
        let ringtone = json!({"file_type": "ringtone"});
        api.clone().if_match("*").patch(&path, &ringtone).await.expect(200);
        files.push(file["id"].clone());
    }
    (store, api, path, files)
}

async fn health_becomes(api: &ApiClient, provider: &str, health: &str) {
    wait_until(async || api.get(provider).await.expect(200)["health"] == health).await;
}

const FILE_SERVER: &str = "server-settings.other.integrated-file-server-enabled";

on_both_databases! {
    an_outage_of_a_provider_ends_nobody_and_stops_no_job => |server| {
        let (store, api, provider, files) = bucket(server, &["one.wav", "two.wav"]).await;
        let mut phones = [Phone::new(server), Phone::new(server), Phone::new(server)];
        let mut ids = Vec::new();
        for phone in &mut phones {
            phone.starts_up().await;
            ids.push(phone.id(&api).await);
        }
        // The first has its file already, and with that this server.
        let copied = deploy_file(&api, &ids[0], &files[0]).await;
        let order = phones[0].comes().await;
        phones[0].fetches(&order).await.expect("the file");
        phones[0].tells("one.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &copied, "success").await;
        store.set_there(false);
        let all: Vec<&Value> = ids.iter().collect();
        let limit = json!({"error_limit": 1});
        let id = deploy(&api, "deploy-files", &all, json!([{"file": files[1]}]), limit).await;
        for phone in &mut phones[..2] {
            let order = phone.comes().await;
            if order.action == Action::FileDeployment {
                assert_eq!(phone.fetches(&order).await, Err(503));
                phone.tells("two.wav", "RINGTONE", "failed").await;
            }
        }
        health_becomes(&api, &provider, "bad").await;
        // Nobody else is sent for it, nor called.
        assert_eq!(phones[2].comes().await.action, Action::CleanUp);
        for _ in 0..3 {
            server.clock.advance(minutes(2));
            beat(server.app(), true, false).await.expect("a beat");
            for one in targets(&api, &id).await {
                let reason = one["reason"].as_str().unwrap_or_default();
                assert_eq!(one["state"], "waiting", "{one}");
                assert!(["file-unreachable", "not-served"].contains(&reason), "{one}");
                assert_eq!(one["attempts"], 0, "{one}");
            }
        }
        assert_eq!(job(&api, &id).await["options"]["stopped"], Value::Null);
        // What this server has a copy of is given all the same.
        let other = deploy_file(&api, &ids[1], &files[0]).await;
        let order = phones[1].comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        phones[1].fetches(&order).await.expect("the copy");
        phones[1].tells("one.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &other, "success").await;
        // As soon as it is there again, everybody gets it.
        store.set_there(true);
        api.post(&format!("{provider}/check"), &json!({})).await.expect(200);
        for phone in &mut phones {
            let order = phone.comes().await;
            assert_eq!(order.action, Action::FileDeployment);
            phone.fetches(&order).await.expect("the file");
            phone.tells("two.wav", "RINGTONE", "ok").await;
        }
        job_becomes(&api, &id, "success").await;
    }

    a_provider_that_fails_is_tried_by_the_server_and_by_no_phone => |server| {
        let (store, api, provider, files) = bucket(server, &["one.wav"]).await;
        let (mut phone, _, id) = one(server).await;
        store.set_there(false);
        api.post(&format!("{provider}/check"), &json!({})).await.expect(200);
        health_becomes(&api, &provider, "bad").await;
        let job = deploy_file(&api, &id, &files[0]).await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("waiting", "file-unreachable"));
        store.set_there(true);
        // Nobody has it checked, and no phone asks: a look at the job finds out. It leaves a provider alone for a moment.
        wait_until(async || {
            server.clock.advance(minutes(2));
            beat(server.app(), true, false).await.expect("a beat");
            api.get(&provider).await.expect(200)["health"] == "good"
        })
        .await;
        server.clock.advance(minutes(2));
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        phone.fetches(&order).await.expect("the copy");
        phone.tells("one.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }

    what_this_server_fails_at_again_and_again_ends_as_its_own_fault => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut phones = [Phone::new(server), Phone::new(server)];
        let mut ids = Vec::new();
        for phone in &mut phones {
            phone.starts_up().await;
            ids.push(phone.id(&api).await);
        }
        let file = upload(&api, "chimes.wav", &sound(44), "ringtone").await;
        let id = deploy(&api, "deploy-files", &[&ids[0], &ids[1]], json!([{"file": file}]), json!({"error_limit": 1})).await;
        let mut tries = 0;
        loop {
            assert_eq!(phones[0].comes().await.action, Action::FileDeployment, "{tries}");
            // Switched off while the phone is on its way.
            server.change_setting(FILE_SERVER, false).await;
            phones[0].tells("chimes.wav", "RINGTONE", "failed").await;
            server.change_setting(FILE_SERVER, true).await;
            tries += 1;
            let now = targets(&api, &id).await.remove(0);
            if now["state"] != "waiting" {
                assert_eq!((&now["state"], &now["reason"]), (&json!("failed"), &json!("server-failed")));
                break;
            }
            assert_eq!((&now["reason"], &now["attempts"]), (&json!("not-served"), &json!(0)));
            assert!(tries < 20, "it is given up some time");
            assert_eq!(phones[0].comes().await.action, Action::CleanUp, "not at once");
            server.clock.advance(minutes(60));
        }
        assert_eq!(tries, 6);
        // It counts for no limit, and the other one gets its file.
        beat(server.app(), true, false).await.expect("a beat");
        assert_eq!(job(&api, &id).await["options"]["stopped"], Value::Null);
        let order = phones[1].comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        phones[1].fetches(&order).await.expect("the file");
        phones[1].tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &id, "partial-successful").await;
    }

    a_node_without_the_files_lets_its_phones_wait => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(45), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        let data = server.config().data_dir.join("files");
        std::fs::rename(data.join("objects"), data.join("elsewhere")).expect("moved");
        std::fs::create_dir(data.join("objects")).expect("made");
        workpoint::app::files::home::look(server.app()).await.expect("looked");
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("waiting", "storage-not-shared"));
        std::fs::remove_dir(data.join("objects")).expect("removed");
        std::fs::rename(data.join("elsewhere"), data.join("objects")).expect("moved");
        workpoint::app::files::home::look(server.app()).await.expect("looked");
        server.clock.advance(minutes(2));
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        phone.fetches(&order).await.expect("the file");
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }

    a_file_that_is_missing_is_waited_for => |server| {
        let (store, api, provider, files) = bucket(server, &["one.wav"]).await;
        let (mut phone, _, id) = one(server).await;
        let job = deploy_file(&api, &id, &files[0]).await;
        let (object, aside) = (store.objects().join("one.wav"), store.objects().join("../aside"));
        tokio::fs::rename(&object, &aside).await.expect("moved");
        let scanned = async || {
            api.post(&format!("{provider}/scan"), &json!({})).await.expect(202);
            wait_until(async || api.get(&provider).await.expect(200)["scan"]["state"] == "done").await;
        };
        scanned().await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("waiting", "file-missing"));
        tokio::fs::rename(&aside, &object).await.expect("moved");
        scanned().await;
        server.clock.advance(minutes(2));
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        phone.fetches(&order).await.expect("the file");
        phone.tells("one.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }
}
