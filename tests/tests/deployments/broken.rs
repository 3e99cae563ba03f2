//! What breaks off, comes late or never: phones that are called again, clients that go, a server that is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, killed_on_both_databases, on_both_databases, wait_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wire::{Action, Reason};

use crate::hand::{Phone, one};
use crate::{
    JOBS, deploy, deploy_file, excluded, job_becomes, phase, plan, setting, sound, stands, target, targets,
    upload, words,
};

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

/// Counts the calls of a phone.
async fn bell(phone: &Phone) -> Arc<AtomicU32> {
    let listener = TcpListener::bind((phone.host(), 8085)).await.expect("a listener");
    let calls = Arc::new(AtomicU32::new(0));
    let heard = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2_000];
            let _ = stream.read(&mut request).await;
            heard.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
    });
    calls
}

async fn heard(calls: &AtomicU32, number: u32) {
    wait_until(async || calls.load(Ordering::SeqCst) >= number).await;
    assert_eq!(calls.load(Ordering::SeqCst), number);
}

/// Records of the audit log about deployments to phones.
async fn deployed(api: &ApiClient) -> usize {
    let audit = api.get("/api/v1/audit?action=client.deployed").await.expect(200);
    audit["items"].as_array().expect("records").len()
}

on_both_databases! {
    a_phone_whose_session_breaks_off_is_called_again => |server| {
        setting(server, "contact-me.gap", 10).await;
        let mut phone = Phone::new(server);
        let calls = bell(&phone).await;
        // It was never read: the server asks for everything first.
        assert_eq!(phone.breaks_off(Reason::StartUp, Vec::new()).await.action, Action::ReadAllItems);
        // That session is over after a while, and nobody is called in the middle of one.
        server.clock.advance(minutes(3));
        let api = server.api(&[Role::Admin]).await;
        let id = phone.id(&api).await;
        let file = upload(&api, "chimes.wav", &sound(21), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        heard(&calls, 1).await;
        server.clock.advance(SignedDuration::from_secs(5));
        assert_eq!(phone.breaks_off(Reason::Solicited, Vec::new()).await.action, Action::ReadAllItems);
        // It was called and has acknowledged; nothing was sent.
        assert_eq!(stands(&api, &job).await.0, "active");
        server.clock.advance(minutes(3));
        heard(&calls, 2).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
    }

    a_phone_that_breaks_off_while_it_is_looked_at_is_called_again => |server| {
        setting(server, "contact-me.gap", 10).await;
        let (mut phone, api, id) = one(server).await;
        let calls = bell(&phone).await;
        let file = upload(&api, "chimes.wav", &sound(22), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        heard(&calls, 1).await;
        let order = phone.comes().await;
        phone.fetches(&order).await.expect("the file");
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        server.clock.advance(minutes(3));
        heard(&calls, 2).await;
        server.clock.advance(SignedDuration::from_secs(5));
        assert_eq!(phone.breaks_off(Reason::Solicited, Vec::new()).await.action, Action::ReadAllItems);
        server.clock.advance(minutes(3));
        heard(&calls, 3).await;
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.comes().await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("success", "verified-by-inventory"));
    }

    nobody_is_called_for_the_next_deployment_while_one_is_under_way => |server| {
        let (mut phone, api, id) = one(server).await;
        let calls = bell(&phone).await;
        let first = upload(&api, "one.wav", &sound(23), "ringtone").await;
        let second = upload(&api, "two.wav", &sound(24), "ringtone").await;
        let under_way = deploy_file(&api, &id, &first).await;
        heard(&calls, 1).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        let next = deploy_file(&api, &id, &second).await;
        server.clock.advance(minutes(14));
        // A witness: whoever is due is called now.
        let mut witness = Phone::new(server);
        let other = bell(&witness).await;
        witness.starts_up().await;
        let witness = witness.id(&api).await;
        deploy_file(&api, &witness, &second).await;
        heard(&other, 1).await;
        heard(&calls, 1).await;
        // It is given up; then the next one has its turn.
        server.clock.advance(minutes(1));
        job_becomes(&api, &under_way, "timeout").await;
        heard(&calls, 2).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("two.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &next, "success").await;
    }

    what_a_phone_says_too_late_is_known_all_the_same => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(25), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        phone.comes().await;
        server.clock.advance(minutes(15));
        job_becomes(&api, &job, "timeout").await;
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        assert_eq!(stands(&api, &job).await, words("timeout", "no-status"));
        // It was read in that very session.
        let again = plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(excluded(&api, &again).await, "already-so");
    }

    a_status_of_another_file_says_nothing_and_the_second_one_changes_nothing => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(26), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        phone.comes().await;
        phone.tells("chimes.wav", "LOGO", "failed").await;
        phone.tells("bell.wav", "RINGTONE", "ok").await;
        assert_eq!((stands(&api, &job).await, deployed(&api).await), (words("sent", ""), 0));
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        for _ in 0..2 {
            phone.tells("chimes.wav", "RINGTONE", "ok").await;
        }
        phone.tells("chimes.wav", "RINGTONE", "failed").await;
        job_becomes(&api, &job, "success").await;
        assert_eq!((stands(&api, &job).await, deployed(&api).await), (words("success", ""), 1));
    }

    a_file_that_is_fetched_elsewhere_and_never_reported_is_looked_for => |server| {
        let s3 = tests::storage_servers::S3Server::start().await;
        tokio::fs::write(s3.objects().join("chimes.wav"), sound(27)).await.expect("an object");
        setting(server, "storage.allowed-networks", "127.0.0.0/8").await;
        server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
        let mut phone = Phone::new(server);
        phone.model = "OpenScape Desk Phone CP700".to_owned();
        phone.starts_up().await;
        let api = server.api(&[Role::Admin]).await;
        let id = phone.id(&api).await;
        let site = s3.site();
        let new = json!({
            "name": "Bucket", "kind": "s3", "url": site.url, "username": site.username,
            "secret": site.secret.expect("a secret").expose(), "bucket": site.bucket, "region": site.region,
            "path_style": true, "scan": true, "serving": "provider",
        });
        let provider = api.post("/api/v1/storage-providers", &new).await.expect(201)["id"].clone();
        let path = format!("/api/v1/storage-providers/{provider}");
        wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
        let files = api.get(&format!("/api/v1/files?provider={provider}")).await.expect(200);
        let file = &files["items"][0]["id"];
        let path = format!("/api/v1/files/{file}");
        let etag = api.get(&path).await.header("etag").to_owned();
        api.clone().if_match(&etag).patch(&path, &json!({"file_type": "ringtone"})).await.expect(200);
        let job = deploy_file(&api, &id, file).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        server.clock.advance(minutes(9));
        assert_eq!((stands(&api, &job).await, phase(&api, &job).await.as_str()), (words("sent", ""), "offered"));
        server.clock.advance(minutes(1));
        wait_until(async || phase(&api, &job).await == "verifying").await;
        // It may be in a call, or on a slow line.
        phone.comes().await;
        assert_eq!((stands(&api, &job).await, phase(&api, &job).await.as_str()), (words("sent", ""), "offered"));
        server.clock.advance(minutes(3));
        wait_until(async || phase(&api, &job).await == "verifying").await;
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.comes().await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(stands(&api, &job).await, words("success", "verified-by-inventory"));
    }

    a_client_that_is_deleted_counts_for_no_limit => |server| {
        let api = server.api(&[Role::Admin]).await;
        let (mut bad, mut good) = (Phone::new(server), Phone::new(server));
        bad.starts_up().await;
        good.starts_up().await;
        let ids = [bad.id(&api).await, good.id(&api).await];
        let file = upload(&api, "chimes.wav", &sound(28), "ringtone").await;
        let (files, limit) = (json!([{"file": file}]), json!({"error_limit": 1}));
        let job = deploy(&api, "deploy-files", &[&ids[0], &ids[1]], files, limit).await;
        bad.comes().await;
        bad.tells("chimes.wav", "RINGTONE", "failed").await;
        job_becomes(&api, &job, "cancelled").await;
        let etag = api.get(&format!("/api/v1/clients/{}", ids[0])).await.header("etag").to_owned();
        let deleted = api.clone().if_match(&etag).delete(&format!("/api/v1/clients/{}", ids[0])).await;
        assert!(deleted.status.is_success(), "{}", deleted.status);
        api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await.expect(200);
        assert_eq!(good.comes().await.action, Action::FileDeployment);
        good.tells("chimes.wav", "RINGTONE", "ok").await;
        wait_until(async || targets(&api, &job).await.iter().any(|target| target["state"] == "success")).await;
    }

    a_job_that_reached_both_limits_can_be_taken_up_again => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut phones = [Phone::new(server), Phone::new(server), Phone::new(server)];
        let mut ids = Vec::new();
        for phone in &mut phones {
            phone.starts_up().await;
            ids.push(phone.id(&api).await);
        }
        let file = upload(&api, "chimes.wav", &sound(29), "ringtone").await;
        let (files, limits) = (json!([{"file": file}]), json!({"error_limit": 1, "success_limit": 1}));
        let job = deploy(&api, "deploy-files", &ids.iter().collect::<Vec<_>>(), files, limits).await;
        phones[0].comes().await;
        phones[1].comes().await;
        phones[0].tells("chimes.wav", "RINGTONE", "failed").await;
        phones[1].tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "cancelled").await;
        let again = api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await.expect(200);
        assert_eq!(again["options"]["success_limit"], Value::Null);
        for place in [0, 2] {
            assert_eq!(phones[place].comes().await.action, Action::FileDeployment);
            phones[place].tells("chimes.wav", "RINGTONE", "ok").await;
        }
        job_becomes(&api, &job, "success").await;
    }

    a_client_that_is_deleted_in_the_middle_gets_nothing_more => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(30), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        let path = format!("/api/v1/clients/{id}");
        let etag = api.get(&path).await.header("etag").to_owned();
        let deleted = api.clone().if_match(&etag).delete(&path).await;
        assert!(deleted.status.is_success(), "{}", deleted.status);
        job_becomes(&api, &job, "cancelled").await;
        assert_eq!(stands(&api, &job).await, words("cancelled", "client-deleted"));
        assert_eq!(phone.fetches(&order).await, Err(404));
        // Its status makes it known anew, and is no end of anything.
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        assert_eq!(stands(&api, &job).await, words("cancelled", "client-deleted"));
    }

    a_phone_in_quarantine_is_not_believed_and_not_called => |server| {
        let (mut phone, api, id) = one(server).await;
        let calls = bell(&phone).await;
        let file = upload(&api, "chimes.wav", &sound(31), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        heard(&calls, 1).await;
        phone.comes().await;
        let other = upload(&api, "bell.wav", &sound(32), "ringtone").await;
        let next = deploy_file(&api, &id, &other).await;
        phone.model = "OpenStage 40".to_owned();
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        assert_eq!(api.get(&format!("/api/v1/clients/{id}")).await.expect(200)["state"], "quarantined");
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        server.clock.advance(minutes(15));
        job_becomes(&api, &job, "timeout").await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &next).await.0, "waiting");
        // A witness: whoever is due is called now.
        let mut witness = Phone::new(server);
        let rings = bell(&witness).await;
        witness.starts_up().await;
        let witness = witness.id(&api).await;
        deploy_file(&api, &witness, &other).await;
        heard(&rings, 1).await;
        heard(&calls, 1).await;
    }

    the_files_of_a_phone_in_quarantine_end_nothing => |server| {
        let (mut phone, api, id) = one(server).await;
        let file = upload(&api, "chimes.wav", &sound(36), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        phone.fetches(&order).await.expect("the file");
        wait_until(async || phase(&api, &job).await == "downloaded").await;
        server.clock.advance(minutes(2));
        wait_until(async || phase(&api, &job).await == "verifying").await;
        // Another phone under its name: it is read, and has the file.
        phone.model = "OpenStage 40".to_owned();
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.starts_up().await;
        let client = format!("/api/v1/clients/{id}");
        assert_eq!(api.get(&client).await.expect(200)["state"], "quarantined");
        let files = api.get(&format!("{client}/files")).await.expect(200);
        assert_eq!(files["installed"][0]["name"], "chimes.wav", "it was read: {files}");
        assert_eq!(stands(&api, &job).await, words("sent", ""));
    }

    a_phone_that_polls_is_told_and_comes_for_its_file => |server| {
        server.change_setting("server-settings.dcmp.dcmp-operation-mode", "enabled").await;
        let (mut phone, api, id) = one(server).await;
        let calls = bell(&phone).await;
        let port = server.server().listening().dcmp.expect("the port is on");
        let url = format!("http://{port}/dcmp/contact-me?device-id={}", phone.mac());
        let asks = reqwest::Client::builder().no_proxy().local_address(phone.host()).build().expect("a client");
        let polls = async || asks.get(&url).send().await.expect("an answer").status().as_u16();
        assert_eq!(polls().await, 200);
        let file = upload(&api, "chimes.wav", &sound(33), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        wait_until(async || polls().await == 202).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
        wait_until(async || polls().await == 200).await;
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    }
}

killed_on_both_databases! {
    a_killed_server_repeats_no_order_and_takes_the_status => |server| {
        let mut phone = Phone::at(server.phone_port());
        phone.starts_up().await;
        let api = server.api();
        let id = phone.id(&api).await;
        let file = upload(&api, "chimes.wav", &sound(34), "ringtone").await;
        let job = deploy_file(&api, &id, &file).await;
        assert_eq!(phone.comes().await.action, Action::FileDeployment);
        server.crash().await;
        let api = server.api();
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        phone.files.push(("chimes.wav".into(), "RINGTONE".into()));
        phone.tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
        assert_eq!((target(&api, &job).await["attempts"].clone(), deployed(&api).await), (json!(1), 1));
    }
}
