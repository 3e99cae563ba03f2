//! Orders that are committed and do not leave after all, and phones that find nothing where they were sent to.

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use wire::{Action, ReplyStatus};
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

use crate::hand::{Phone, one};
use crate::{
    JOBS, apply, deploy, deploy_file, job_becomes, phase, plan, setting, sound, stands, target, upload, words,
};

/// A web server with one sound, far below its root, as a provider; it is gone afterwards. Gives the API and the file.
async fn remote(server: &mut TestServer) -> (ApiClient, Value) {
    let store = tests::storage_servers::Nginx::start().await;
    let directory = store.files("index").join("d".repeat(200));
    tokio::fs::create_dir_all(&directory).await.expect("a directory");
    tokio::fs::write(directory.join("chimes.wav"), sound(41)).await.expect("a file");
    setting(server, "storage.allowed-networks", "127.0.0.0/8").await;
    setting(server, "security.storage-provider-connection-validation", false).await;
    let api = server.api(&[Role::Admin]).await;
    let new = json!({
        "name": "Depot", "kind": "https", "url": format!("{}/index/", store.url), "serving": "server", "scan": true,
    });
    let provider = api.post("/api/v1/storage-providers", &new).await.expect(201)["id"].clone();
    let path = format!("/api/v1/storage-providers/{provider}");
    wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
    let files = api.get(&format!("/api/v1/files?provider={provider}")).await.expect(200);
    let file = files["items"][0].clone();
    assert_eq!((&file["name"], &file["state"]), (&json!("chimes.wav"), &json!("ready")), "{files}");
    (api, file["id"].clone())
}

on_both_databases! {
    what_does_not_fit_into_a_message_fails_and_is_offered_to_nobody => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(42), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        // Address, type and priority belong together.
        phone.max_items = Some(2);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "failed").await;
        assert_eq!(stands(&api, &job).await, words("failed", "not-sendable"));
        let told = target(&api, &job).await;
        let detail = told["reason_args"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("3 items") && detail.contains("takes 2"), "{told}");
        assert_eq!((&told["deployment"]["phase"], &told["deployment"]["done"]), (&json!("over"), &json!(0)));
        // Nothing was offered: once it takes more it can be tried again at once.
        phone.max_items = None;
        api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }

    a_template_makes_no_job_for_a_phone_that_takes_too_few_items => |server| {
        let (mut phone, api, id) = one(server).await;
        setting(server, "deployments.by-rule", "night").await;
        let file = upload(&api, "chimes.wav", &sound(43), "ringtone").await;
        let template = json!({"name": "Sounds", "kind": "default", "software_update": "ignored"});
        let template = api.post("/api/v1/templates", &template).await.expect(201)["id"].clone();
        let path = format!("/api/v1/templates/{template}/files");
        api.clone().if_match("*").put(&path, &json!({"files": [file]})).await.expect(200);
        let night = async || {
            assert!(enqueue(server.app(), Kind::BringFiles).await.expect("a queue"));
            assert_eq!(work_off(server.app()).await.expect("a database"), 1);
            let made = api.get(&format!("{JOBS}?kind=deploy-files")).await.expect(200);
            made["items"].as_array().expect("jobs").len()
        };
        // Nothing else has changed since it was last here.
        phone.max_items = Some(2);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        for _ in 0..2 {
            assert_eq!(night().await, 0);
        }
        let files = api.get(&format!("/api/v1/clients/{id}/files")).await.expect(200);
        assert_eq!(files["wanted"][0]["reason"]["code"], "order-too-large", "{files}");
        let planned = plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(planned["summary"]["excluded"], json!({"order-too-large": 1}));
        phone.max_items = Some(3);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(night().await, 1);
        let order = phone.comes().await;
        assert_eq!((order.action, order.items.len()), (Action::FileDeployment, 3));
    }

    an_order_that_did_not_leave_waits_for_the_next_session => |server| {
        let mut phone = Phone::new(server);
        phone.files.push(("old.wav".into(), "RINGTONE".into()));
        phone.starts_up().await;
        let api = server.api(&[Role::Admin]).await;
        let id = phone.id(&api).await;
        let deletion = json!([{"name": "old.wav", "file_type": "ringtone", "action": "delete"}]);
        let mut jobs = Vec::new();
        for _ in 0..3 {
            jobs.push(deploy(&api, "deploy-files", &[&id], deletion.clone(), json!({})).await);
        }
        // The same order goes out twice in a session, and not a third time.
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        assert_eq!(phone.replies(Action::FileDeployment, ReplyStatus::Failed).await.action, Action::FileDeployment);
        assert_eq!(phone.replies(Action::FileDeployment, ReplyStatus::Failed).await.action, Action::CleanUp);
        for refused in &jobs[..2] {
            job_becomes(&api, refused, "failed").await;
            assert_eq!(stands(&api, refused).await, words("failed", "refused-by-phone"));
        }
        let kept = &jobs[2];
        wait_until(async || phase(&api, kept).await == "waiting").await;
        let told = target(&api, kept).await;
        assert!(["waiting", "active"].contains(&told["state"].as_str().expect("a state")), "{told}");
        assert_eq!(told["attempts"], 0, "it was not tried: {told}");
        // The phone may have been called meanwhile; it listens to nobody.
        assert!(told["reason"].is_null() || told["reason"] == "offline", "{told}");
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.files.clear();
        phone.tells("old.wav", "RINGTONE", "ok").await;
        job_becomes(&api, kept, "success").await;
    }

    a_place_that_cannot_be_said_to_a_phone_is_waited_for => |server| {
        let (api, file) = remote(server).await;
        let (mut phone, _, id) = one(server).await;
        let job = deploy_file(&api, &id, &file).await;
        // With the directories of the object it is longer than what FTP items hold (`wpi.md` §4.6.1).
        let ftp = json!({"serving": "ftp", "ftp_url": format!("ftp://10.20.30.41/{}/", "m".repeat(100))});
        let provider = api.get(&format!("/api/v1/files/{file}")).await.expect(200)["provider"]["id"].clone();
        api.clone().if_match("*").patch(&format!("/api/v1/storage-providers/{provider}"), &ftp).await.expect(200);
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("waiting", "provider-not-direct"));
        assert_eq!((phase(&api, &job).await.as_str(), &target(&api, &job).await["attempts"]), ("waiting", &json!(0)));
        // Once it can be said the phone is sent there, without anybody trying it again.
        let short = json!({"ftp_url": "ftp://10.20.30.41/m/"});
        api.clone().if_match("*").patch(&format!("/api/v1/storage-providers/{provider}"), &short).await.expect(200);
        server.clock.advance(SignedDuration::from_mins(2));
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }

    a_provider_that_is_off_is_no_failure_of_the_phone => |server| {
        let (api, file) = remote(server).await;
        let (mut phone, _, id) = one(server).await;
        let made = plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        let job = apply(&api, &made, json!({})).await;
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        assert_eq!(phone.fetches(&order).await, Err(503), "it may be there again in a moment");
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        phone.tells("chimes.wav", "RINGTONE", "download failed").await;
        assert_eq!(stands(&api, &job).await, words("waiting", "not-served"));
        assert_eq!(target(&api, &job).await["attempts"], 0, "it was no try of the phone's");
        assert_eq!(phone.fetches(&order).await, Err(404), "the address ends with its offer");
        // Nobody is sent to a provider that fails.
        server.clock.advance(SignedDuration::from_mins(3));
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("waiting", "file-unreachable"));
    }
}
