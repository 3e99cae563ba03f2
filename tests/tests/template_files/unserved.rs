//! Files that no phone can be given for reasons of this server: no job is made, the reason is shown, and they come as soon
//! as the reason is gone.

use domain::Role;
use serde_json::json;
use tests::desk::job_becomes;
use tests::on_both_databases;
use workpoint::app::files::home::look;

use super::*;
use crate::brings::{night, outcome};

/// Numbers of jobs that deploy files and software.
async fn number_of_jobs(api: &ApiClient) -> (usize, usize) {
    (jobs(api, "deploy-files").await.len(), jobs(api, "deploy-software").await.len())
}

/// Whom a plan leaves out.
async fn left_out(api: &ApiClient, kind: &str, client: &Value, file: &Value) -> Value {
    let body = json!({
        "kind": kind, "targets": {"ids": [client["id"]]}, "deployment": {"files": [{"file": file["id"]}]},
    });
    api.post("/api/v1/plans", &body).await.expect(201)["summary"]["excluded"].clone()
}

on_both_databases! {
    nothing_is_brought_by_a_node_that_does_not_have_the_files => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (tone, image) = (ringtone(&api, "tone.wav").await, software(&api, NEW).await);
        let (mut desk, mut other) = (Desk::new(93, 1), Desk::new(93, 2));
        desk.starts(server).await;
        other.starts(server).await;
        // As a node finds it whose directory is not shared.
        let data = server.config().data_dir.join("files");
        std::fs::rename(data.join("objects"), data.join("elsewhere")).expect("moved");
        std::fs::create_dir(data.join("objects")).expect("made");
        look(server.app()).await.expect("looked");
        bringing(&api, "Both", "only-newer", &[&tone, &image]).await;
        for _ in 0..2 {
            assert_eq!(desk.starts(server).await, None);
            night(server).await;
        }
        assert_eq!(number_of_jobs(&api).await, (0, 0));
        let why = "storage-not-shared";
        assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], why);
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!(why)));
        // The firmware page says so, and so does a plan before it is applied.
        let page = api.get("/api/v1/firmware").await.expect(200);
        assert_eq!((&page["outdated"], &page["due"]), (&json!(2), &json!(0)), "{page}");
        assert_eq!(page["models"][0]["newest"]["reason"]["code"], why, "{page}");
        let client = desk.client(&api).await;
        for (kind, file) in [("deploy-files", &tone), ("deploy-software", &image)] {
            assert_eq!(left_out(&api, kind, &client, file).await, json!({why: 1}), "{kind}");
        }
        // As soon as the directory is there both come, without a day's rest.
        std::fs::remove_dir(data.join("objects")).expect("removed");
        std::fs::rename(data.join("elsewhere"), data.join("objects")).expect("moved");
        look(server.app()).await.expect("looked");
        let page = api.get("/api/v1/firmware").await.expect(200);
        assert_eq!((&page["due"], &page["models"][0]["newest"]["reason"]), (&json!(2), &json!(null)));
        assert!(desk.starts(server).await.is_some());
        assert_eq!(number_of_jobs(&api).await, (1, 1));
        night(server).await;
        assert_eq!(number_of_jobs(&api).await, (2, 2), "the other phone gets them at night");
        assert!(other.starts(server).await.is_some());
    }

    what_this_server_fails_at_is_not_given_up => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let mut desk = Desk::new(95, 1);
        desk.starts(server).await;
        bringing(&api, "Sounds", "ignored", &[&tone]).await;
        // Three times would be enough, were it the phone's fault.
        for number in 1..=3 {
            while offered(&desk.starts(server).await) == Some("tone.wav") {
                // Switched off while the phone is on its way.
                server.change_setting(FILE_SERVER, false).await;
                desk.tells(server, "tone.wav", "failed").await;
                server.change_setting(FILE_SERVER, true).await;
                server.clock.advance(jiff::SignedDuration::from_hours(1));
            }
            let made = jobs(&api, "deploy-files").await;
            assert_eq!(made.len(), number);
            for job in made {
                assert_eq!(tests::desk::target(&api, &job["id"]).await["reason"], "server-failed");
            }
            assert_eq!(desk.files(&api).await["wanted"][0]["reason"]["code"], "resting");
            server.clock.advance(jiff::SignedDuration::from_hours(24));
        }
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
    }

    what_is_brought_once_becomes_a_job_that_waits => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let welcome = json!({"name": "Welcome", "kind": "onboarding", "software_update": "ignored"});
        let template = api.post(TEMPLATES, &welcome).await.expect(201);
        give(&api, &format!("{TEMPLATES}/{}", template["id"]), &[&tone], json!({})).await.expect(200);
        server.change_setting(FILE_SERVER, false).await;
        let mut desk = Desk::new(94, 1);
        assert_eq!(desk.starts(server).await, None);
        // Nobody would bring it later: there is something to be seen, and it comes when it can.
        let made = jobs(&api, "deploy-files").await;
        assert_eq!(made.len(), 1);
        let job = &made[0]["id"];
        let targets = api.get(&format!("/api/v1/jobs/{job}/targets")).await.expect(200);
        assert_eq!(targets["items"][0]["reason"], "file-server-off");
        server.change_setting(FILE_SERVER, true).await;
        server.clock.advance(jiff::SignedDuration::from_mins(2));
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        desk.tells(server, "tone.wav", "ok").await;
        job_becomes(&api, job, "success").await;
    }
}
