//! Files from an FTP server of the site: the items a phone is told, and who gets the password (`wpi.md` §4.6.1, D-24).

use content::craft::firmware;
use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::storage_servers::{BUCKET, PASSWORD, REGION, S3Server, USER};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use wire::{Action, ServerMessage};

use crate::hand::one;
use crate::{IMAGE, NEW, OLD, apply, deploy_file, job_becomes, plan, sound, stands, target, words};

const PROVIDERS: &str = "/api/v1/storage-providers";
const HANDED_OUT: &str = "/api/v1/audit?action=client.secret-handed-out";
const JOBS_OF_FILES: &str = "/api/v1/jobs?kind=deploy-files";
const FTP_PASSWORD: &str = "n0t-A-real-one";

/// A bucket with one object, whose phones are sent to an FTP server; gives the file. The bucket is gone afterwards:
/// nobody asks it any more.
async fn file_of(server: &mut TestServer, key: &str, content: &[u8], file_type: &str, ftp: Value) -> Value {
    let store = S3Server::start().await;
    let object = store.objects().join(key);
    tokio::fs::create_dir_all(object.parent().expect("a directory")).await.expect("made");
    tokio::fs::write(object, content).await.expect("an object");
    server.change_setting("server-settings.storage.allowed-networks", "127.0.0.0/8").await;
    server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
    let api = server.api(&[Role::Admin]).await;
    let mut provider = json!({
        "name": key.rsplit('/').next(), "kind": "s3", "url": store.url, "username": USER, "secret": PASSWORD, "bucket": BUCKET,
        "region": REGION, "path_style": true, "serving": "ftp", "scan": true,
    });
    provider.as_object_mut().expect("an object").extend(ftp.as_object().expect("an object").clone());
    let made = api.post(PROVIDERS, &provider).await.expect(201);
    let path = format!("{PROVIDERS}/{}", made["id"]);
    wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
    let files = api.get(&format!("/api/v1/files?provider={}", made["id"])).await.expect(200);
    let file = files["items"][0].clone();
    if file["file_type"] != file_type {
        let tagged = api.clone().if_match(&format!("\"{}\"", file["revision"]));
        tagged
            .patch(&format!("/api/v1/files/{}", file["id"]), &json!({"file_type": file_type}))
            .await
            .expect(200);
    }
    file["id"].clone()
}

/// Names and values of an order, in its order.
fn items(order: &ServerMessage) -> Vec<(&str, &str)> {
    assert!(order.items.iter().all(|item| item.index.is_none()));
    order.items.iter().map(|item| (item.name.as_str(), item.value.as_str())).collect()
}

async fn deploy_approved(api: &ApiClient, id: &Value, file: &Value) -> Value {
    let made = plan(api, "deploy-files", &[id], json!([{"file": file}]), json!({})).await;
    apply(api, &made, json!({"approve": true})).await
}

/// What the plan says of withheld secrets: of all, and of its only client.
async fn withheld(api: &ApiClient, plan: &Value) -> (Value, Value) {
    let targets = api.get(&format!("/api/v1/plans/{}/targets", plan["id"])).await.expect(200);
    (plan["summary"]["withheld"].clone(), targets["items"][0]["withheld"].clone())
}

/// A template for everybody that wants this file.
async fn wanted_by_a_template(api: &ApiClient, file: &Value) {
    let template = json!({"name": "Sounds", "kind": "default", "software_update": "ignored"});
    let template = api.post("/api/v1/templates", &template).await.expect(201)["id"].clone();
    let path = format!("/api/v1/templates/{template}/files");
    api.clone().if_match("*").put(&path, &json!({"files": [file]})).await.expect(200);
}

/// Why the file that is wanted of a client is not brought to it.
async fn reason_of(api: &ApiClient, client: &Value) -> Value {
    let files = api.get(&format!("/api/v1/clients/{client}/files")).await.expect(200);
    files["wanted"][0]["reason"]["code"].clone()
}

async fn open_window(server: &mut TestServer) {
    let until = server.clock.now() + SignedDuration::from_hours(1);
    server.change_setting("server-settings.onboarding.window-until", until.to_string()).await;
}

on_both_databases! {
    a_phone_is_told_the_place_on_the_ftp_server_and_its_status_is_the_end => |server| {
        let ftp = json!({"ftp_url": "ftp://10.20.30.41/media/", "ftp_username": "phones"});
        let file = file_of(server, "ring/marimba.wav", &sound(1), "ringtone", ftp).await;
        // The integrated file server has no part in it.
        server.change_setting("server-settings.other.integrated-file-server-enabled", false).await;
        let (mut phone, api, id) = one(server).await;
        let job = deploy_file(&api, &id, &file).await;
        let order = phone.comes().await;
        assert_eq!(order.action, Action::FileDeployment);
        assert_eq!(items(&order), [
            ("file-server", "10.20.30.41"), ("file-port", "21"), ("file-username", "phones"),
            ("file-path", "media/ring"), ("file-name", "marimba.wav"), ("file-type", "RINGTONE"),
            ("file-priority", "normal"),
        ]);
        assert_eq!(stands(&api, &job).await, words("sent", ""));
        let shown = target(&api, &job).await["deployment"].clone();
        assert_eq!((&shown["phase"], &shown["received"]), (&json!("offered"), &json!(0)), "{shown}");
        phone.tells("marimba.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(api.get(HANDED_OUT).await.expect(200)["total"], 0);
    }

    a_password_goes_to_approved_phones_that_are_expected_and_to_nobody_else => |server| {
        let ftp = json!({
            "ftp_url": "ftp://ftp.example.net:2121", "ftp_username": "phones", "ftp_secret": FTP_PASSWORD,
        });
        let file = file_of(server, "marimba.wav", &sound(2), "ringtone", ftp.clone()).await;
        let other = file_of(server, "bell.wav", &sound(3), "ringtone", ftp).await;
        let (mut phone, api, id) = one(server).await;
        let job = deploy_file(&api, &id, &file).await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "failed").await;
        let failed = target(&api, &job).await;
        assert_eq!((&failed["reason"], &failed["reason_args"]["reason"]), (&json!("withheld"), &json!("not-approved")));
        assert_eq!((&failed["results"][0]["code"], &failed["attempts"]), (&json!("withheld"), &json!(0)));

        // The plan says so beforehand, so that the console can offer to approve it.
        let said = plan(&api, "deploy-files", &[&id], json!([{"file": file}, {"file": other}]), json!({})).await;
        assert_eq!(said["summary"]["writes"], 1);
        let (summary, of_client) = withheld(&api, &said).await;
        assert_eq!(summary, json!({"not-approved": 1}), "once for all files of a client");
        assert_eq!(of_client[0]["item"], "file-pwd", "{of_client}");
        assert_eq!(of_client[0]["reason"]["code"], "not-approved", "{of_client}");

        // Approved, it waits for the call: whoever comes by itself may be somebody else.
        let job = deploy_approved(&api, &id, &file).await;
        assert_eq!(phone.starts_up().await.action, Action::CleanUp);
        let state = stands(&api, &job).await.0;
        assert!(["waiting", "active"].contains(&state.as_str()), "{state}");
        assert_eq!(api.get(HANDED_OUT).await.expect(200)["total"], 0);

        open_window(server).await;
        let order = phone.comes().await;
        assert_eq!(items(&order), [
            ("file-server", "ftp.example.net"), ("file-port", "2121"), ("file-username", "phones"),
            ("file-pwd", FTP_PASSWORD), ("file-path", ""), ("file-name", "marimba.wav"), ("file-type", "RINGTONE"),
            ("file-priority", "normal"),
        ]);
        phone.tells("marimba.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &job, "success").await;
        let audit = api.get(HANDED_OUT).await.expect(200);
        assert_eq!((&audit["total"], &audit["items"][0]["details"]["items"]), (&json!(1), &json!(["file-pwd"])));

        // The next file needs it again.
        let said = plan(&api, "deploy-files", &[&id], json!([{"file": other}]), json!({})).await;
        assert_eq!(withheld(&api, &said).await.0, json!({}), "it is approved");
        let next = deploy_file(&api, &id, &other).await;
        assert!(items(&phone.comes().await).contains(&("file-pwd", FTP_PASSWORD)));
        phone.tells("bell.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &next, "success").await;
        let audit = api.get(HANDED_OUT).await.expect(200);
        assert_eq!(audit["total"], 2);
        for shown in [audit, target(&api, &job).await, crate::job(&api, &job).await, api.get(PROVIDERS).await.expect(200)] {
            assert!(!shown.to_string().contains(FTP_PASSWORD), "{shown}");
        }
        let stored = server.raw_data().await;
        assert!(!stored.windows(FTP_PASSWORD.len()).any(|bytes| bytes == FTP_PASSWORD.as_bytes()), "it is sealed");
    }

    firmware_from_an_ftp_server_ends_with_the_start_up => |server| {
        let content = firmware("OpenStage 60", "SIP", NEW, IMAGE);
        let ftp = json!({"ftp_url": "ftp://10.20.30.41:21/fw", "ftp_username": "phones", "ftp_secret": FTP_PASSWORD});
        let file = file_of(server, "images/OpenStage60.img", &content, "software", ftp).await;
        let (mut phone, api, id) = one(server).await;
        let job = crate::deploy_software(&api, &id, &file, json!({})).await;
        assert_eq!(phone.comes().await.action, Action::CleanUp);
        job_becomes(&api, &job, "failed").await;
        let failed = target(&api, &job).await;
        assert_eq!((&failed["reason"], &failed["reason_args"]["reason"]), (&json!("withheld"), &json!("not-approved")));

        open_window(server).await;
        let made = plan(&api, "deploy-software", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(withheld(&api, &made).await.0, json!({"not-approved": 1}));
        let job = apply(&api, &made, json!({"approve": true})).await;
        let order = phone.comes().await;
        assert_eq!((&order.action, phone.version.as_str()), (&Action::SoftwareDeployment, OLD));
        assert_eq!(items(&order), [
            ("file-server", "10.20.30.41"), ("file-port", "21"), ("file-username", "phones"),
            ("file-pwd", FTP_PASSWORD), ("file-path", "fw/images"), ("file-name", "OpenStage60.img"),
            ("file-priority", "normal"), ("file-sw-type", "Siemens SIP"), ("file-sw-version", NEW), ("file-type", "APP"),
        ]);
        server.clock.advance(SignedDuration::from_mins(3));
        phone.version = NEW.to_owned();
        phone.starts_up().await;
        job_becomes(&api, &job, "success").await;
    }

    nobody_is_planned_for_a_file_that_nobody_gives_away => |server| {
        let file = file_of(server, "ring/marimba.wav", &sound(5), "ringtone", json!({"serving": "server"})).await;
        let (_, api, id) = one(server).await;
        let planned = async || plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(planned().await["summary"]["writes"], 1);
        server.change_setting("server-settings.other.integrated-file-server-enabled", false).await;
        let nobody = planned().await;
        assert_eq!(nobody["summary"]["excluded"], json!({"file-server-off": 1}), "{nobody}");
        // Phones can fetch it from an FTP server …
        let path = format!("/api/v1/files/{file}");
        let provider = api.get(&path).await.expect(200)["provider"]["id"].clone();
        let ftp = json!({"serving": "ftp", "ftp_url": "ftp://10.20.30.41/media/"});
        let change = api.clone().if_match("*");
        change.patch(&format!("{PROVIDERS}/{provider}"), &ftp).await.expect(200);
        assert_eq!(planned().await["summary"]["writes"], 1);
        // … but there it has the name it has there.
        change.patch(&path, &json!({"name": "bell.wav"})).await.expect(200);
        assert_eq!(planned().await["summary"]["excluded"], json!({"file-server-off": 1}));
    }

    a_template_makes_no_job_for_a_file_whose_place_cannot_be_said => |server| {
        // With its directories it is longer than what the items hold (`wpi.md` §4.6.1).
        let ftp = json!({"ftp_url": format!("ftp://10.20.30.41/{}/", "m".repeat(100))});
        let key = format!("{}/marimba.wav", "d".repeat(200));
        let file = file_of(server, &key, &sound(6), "ringtone", ftp).await;
        let (mut phone, api, id) = one(server).await;
        wanted_by_a_template(&api, &file).await;
        assert_eq!(phone.starts_up().await.action, Action::CleanUp);
        assert_eq!(reason_of(&api, &id).await, "provider-not-direct");
        assert_eq!(api.get(JOBS_OF_FILES).await.expect(200)["items"], json!([]));
        let planned = async || plan(&api, "deploy-files", &[&id], json!([{"file": file}]), json!({})).await;
        assert_eq!(planned().await["summary"]["excluded"], json!({"provider-not-direct": 1}));
        // A place that can be said, in more items than the phone takes at a time.
        let provider = api.get(&format!("/api/v1/files/{file}")).await.expect(200)["provider"]["id"].clone();
        let short = json!({"ftp_url": "ftp://10.20.30.41/m/", "ftp_username": "phones"});
        api.clone().if_match("*").patch(&format!("{PROVIDERS}/{provider}"), &short).await.expect(200);
        phone.max_items = Some(6);
        assert_eq!(phone.starts_up().await.action, Action::CleanUp);
        assert_eq!(reason_of(&api, &id).await, "order-too-large");
        assert_eq!(api.get(JOBS_OF_FILES).await.expect(200)["items"], json!([]));
        phone.max_items = Some(7);
        let order = phone.starts_up().await;
        assert_eq!((&order.action, order.items.len()), (&Action::FileDeployment, 7), "{order:?}");
        assert_eq!(reason_of(&api, &id).await, "under-way");
    }

    a_template_makes_no_job_for_a_phone_that_may_not_have_the_password => |server| {
        let ftp = json!({"ftp_url": "ftp://ftp.example.net", "ftp_username": "phones", "ftp_secret": FTP_PASSWORD});
        let file = file_of(server, "marimba.wav", &sound(4), "ringtone", ftp).await;
        open_window(server).await;
        let (mut phone, api, id) = one(server).await;
        wanted_by_a_template(&api, &file).await;
        assert_eq!(phone.starts_up().await.action, Action::CleanUp);
        assert_eq!(api.get(JOBS_OF_FILES).await.expect(200)["items"], json!([]));
        let path = format!("/api/v1/clients/{id}");
        assert_eq!(reason_of(&api, &id).await, "not-approved");
        api.clone().if_match("*").post(&format!("{path}/approve"), &json!({})).await.expect(200);
        let order = phone.starts_up().await;
        assert!(items(&order).contains(&("file-pwd", FTP_PASSWORD)), "{:?}", order.action);
    }
}
