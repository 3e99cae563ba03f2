//! Files are deleted unless somebody needs them; what nobody needs is cleared up.

use std::path::Path;
use std::time::{Duration, SystemTime};

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::Opening;
use tests::{ApiClient, TestServer, on_both_databases, phones, wait_until};
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

use super::{FILES, audited, content, objects, path_of, sha256, sound, staged, upload};

/// A template that has this file.
async fn template_with(api: &ApiClient, name: &str, file: &Value) -> String {
    let template = api.post("/api/v1/templates", &json!({"name": name, "kind": "default"})).await;
    let path = format!("/api/v1/templates/{}/files", template.expect(201)["id"]);
    let set = api.clone().if_match("*").put(&path, &json!({"files": [file["id"]]})).await;
    set.expect(200);
    path
}

fn make_old(path: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(long_ago)).expect("a time");
}

async fn sweep(server: &TestServer) {
    enqueue(server.app(), Kind::SweepFiles).await.expect("a task");
    work_off(server.app()).await.expect("tasks");
}

on_both_databases! {
    a_file_is_deleted_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        let path = path_of(&file);
        api.delete(&path).await.expect_problem(428, "precondition_required");
        api.clone().if_match("\"9\"").delete(&path).await.expect_problem(412, "precondition_failed");
        api.clone().if_match("\"1\"").delete(&path).await.expect(204);
        assert!(objects(server).is_empty());
        for path in [&path, &format!("{path}/content")] {
            api.get(path).await.expect_problem(404, "not_found");
        }
        api.clone().if_match("*").delete(&path).await.expect_problem(404, "not_found");
        assert_eq!(audited(server, &file).await, ["file.create", "file.delete"]);
        // Its name is still known in the audit table.
        let auditor = server.api(&[Role::Auditor]).await;
        let list = auditor.get("/api/v1/audit?object_kind=file").await.expect(200);
        assert!(list["items"].as_array().expect("records").iter().all(|record| record["object_name"] == "a.wav"), "{list}");
    }

    what_a_template_needs_stays => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (needed, free) = (upload(&api, "a.wav", &sound(1, 100)).await, upload(&api, "b.wav", &sound(2, 100)).await);
        let path = template_with(&api, "Lobby", &needed).await;
        let shown = api.get(&path_of(&needed)).await.expect(200);
        assert_eq!(shown["used_by"]["templates"][0]["name"], "Lobby");
        let problem = api.clone().if_match("*").delete(&path_of(&needed)).await.expect_problem(409, "in_use");
        assert_eq!(problem["args"]["used_by"], json!(["Lobby"]));
        assert_eq!(problem["args"]["templates"][0]["name"], "Lobby");
        assert_eq!(api.get(&format!("{FILES}?used=true")).await.expect(200)["items"][0]["id"], needed["id"]);
        let many = json!({"ids": [needed["id"], free["id"], free["id"], 999]});
        let done = api.post(&format!("{FILES}/delete"), &many).await.expect(200);
        assert_eq!(done["deleted"], 1);
        assert_eq!((&done["in_use"][0]["id"], done["in_use"].as_array().map(Vec::len)), (&needed["id"], Some(1)));
        assert_eq!(done["in_use"][0]["used_by"]["templates"][0]["name"], "Lobby");
        api.get(&path_of(&free)).await.expect_problem(404, "not_found");
        let again = api.post(&format!("{FILES}/delete"), &json!({"ids": [free["id"]]})).await.expect(200);
        assert_eq!(again, json!({"deleted": 0, "in_use": []}));
        let ids: Vec<i64> = (1..=501).collect();
        let refused = api.post(&format!("{FILES}/delete"), &json!({"ids": ids})).await;
        assert_eq!(refused.refused_fields(), ["/ids: too_long"]);
        assert_eq!(api.post(&format!("{FILES}/delete"), &json!({})).await.refused_fields(), ["/ids: missing"]);
        // A template may call it otherwise.
        let renamed = api.clone().if_match("*").patch(&path_of(&needed), &json!({"name": "c.wav"})).await;
        renamed.expect(200);
        api.clone().if_match("*").put(&path, &json!({"files": []})).await.expect(200);
        api.clone().if_match("*").delete(&path_of(&needed)).await.expect(204);
    }

    all_that_need_it_are_counted_and_the_first_ones_named => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        for number in 10..31 {
            template_with(&api, &format!("Lobby {number}"), &file).await;
        }
        let used = api.get(&path_of(&file)).await.expect(200)["used_by"].clone();
        assert_eq!((&used["templates_total"], &used["jobs_total"]), (&json!(21), &json!(0)));
        assert_eq!(used["templates"].as_array().map(Vec::len), Some(20));
        let listed = api.get(FILES).await.expect(200)["items"][0]["used_by"].clone();
        assert_eq!(listed, used);
    }

    what_a_job_needs_stays_as_it_is => |server| {
        let api = server.api(&[Role::Operator]).await;
        let phone = phones(server.phone_port(), 1, |config| {
            config.models = vec!["CP600".parse().expect("a model")];
        }).await.remove(0);
        phone.session(&Opening::StartUp).await.expect("a session");
        let client = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        let plan = json!({"kind": "deploy-files", "targets": {"ids": [client]},
            "deployment": {"files": [{"file": file["id"]}]}});
        let plan = api.post("/api/v1/plans", &plan).await.expect(201);
        let applied = api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
        let job = applied["job_id"].clone();
        let problem = api.clone().if_match("*").delete(&path_of(&file)).await.expect_problem(409, "in_use");
        assert_eq!((&problem["args"]["jobs"], &problem["args"]["used_by"]), (&json!([job]), &json!([format!("#{job}")])));
        let change = api.clone().if_match("*");
        for body in [json!({"name": "b.wav"}), json!({"file_type": "music-on-hold"}), json!({"models": ["CP600"]})] {
            change.patch(&path_of(&file), &body).await.expect_problem(409, "in_use");
        }
        change.patch(&path_of(&file), &json!({"note": "x"})).await.expect(200);
        let done = api.post(&format!("{FILES}/delete"), &json!({"ids": [file["id"]]})).await.expect(200);
        let used = &done["in_use"][0]["used_by"];
        assert_eq!((&done["deleted"], &used["jobs"], &used["jobs_total"]), (&json!(0), &json!([job]), &json!(1)));
        api.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await.expect(200);
        wait_until(async || api.get(&format!("/api/v1/jobs/{job}")).await.expect(200)["finished_at"].is_string()).await;
        change.patch(&path_of(&file), &json!({"name": "b.wav"})).await.expect(200);
        change.delete(&path_of(&file)).await.expect(204);
        // The job stays to be looked at.
        api.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
    }

    deleting_and_uploading_the_same_content_at_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let bytes = sound(7, 50_000);
        let mut file = upload(&api, "0.wav", &bytes).await;
        for round in 1..=20 {
            let (name, gone) = (format!("{round}.wav"), path_of(&file));
            let deleting = api.clone().if_match("*");
            let (made, deleted) = tokio::join!(upload(&api, &name, &bytes), deleting.delete(&gone));
            deleted.expect(204);
            assert_eq!(content(&api, &made).await, bytes, "round {round}");
            file = made;
        }
        assert_eq!(objects(server).len(), 1);
    }

    what_nobody_needs_is_cleared_up => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.wav", &sound(1, 100)).await;
        let data = server.config().data_dir.join("files");
        // As a server that was killed leaves them: an object without a row, a whole upload, a half-written object.
        let orphan = "ab".repeat(32);
        for name in [&format!("objects/{orphan}"), "objects/.writing-1-1", "uploads/whole-00.part", "uploads/777.part"] {
            let path = data.join(name);
            tokio::fs::write(&path, b"left").await.expect("written");
            make_old(&path);
        }
        tokio::fs::write(data.join("uploads/whole-01.part"), b"new").await.expect("written");
        sweep(server).await;
        wait_until(async || staged(server) == ["whole-01.part"]).await;
        wait_until(async || objects(server) == [file["object_key"].as_str().expect("a key")]).await;
        assert_eq!(content(&api, &file).await, sound(1, 100));
        // What is new may be under way on another node; a day later it is not.
        server.clock.advance(SignedDuration::from_hours(24));
        sweep(server).await;
        wait_until(async || staged(server).is_empty()).await;
    }

    what_a_restored_database_does_not_know_is_kept_for_a_month => |server| {
        let api = server.api(&[Role::Operator]).await;
        let known = upload(&api, "a.wav", &sound(1, 100)).await;
        // Uploaded after the backup was made: their objects are there, and no row names them.
        let data = server.config().data_dir.join("files/objects");
        let (forgotten, missed) = (sound(2, 100), sound(3, 100));
        for bytes in [&forgotten, &missed] {
            tokio::fs::write(data.join(sha256(bytes)), bytes).await.expect("written");
        }
        server.clock.advance(SignedDuration::from_hours(29 * 24));
        sweep(server).await;
        assert_eq!(objects(server).len(), 3, "there is time to notice it");
        // The same content uploaded again takes its object up.
        let api = server.api(&[Role::Operator]).await;
        let again = upload(&api, "b.wav", &missed).await;
        assert_eq!(objects(server).len(), 3);
        server.clock.advance(SignedDuration::from_hours(2 * 24));
        sweep(server).await;
        wait_until(async || !data.join(sha256(&forgotten)).exists()).await;
        let api = server.api(&[Role::Operator]).await;
        for (file, bytes) in [(&known, sound(1, 100)), (&again, missed)] {
            assert_eq!(content(&api, file).await, bytes);
            // What somebody deletes is gone at once, however new.
            api.clone().if_match("*").delete(&path_of(file)).await.expect(204);
        }
        assert!(objects(server).is_empty());
    }
}
