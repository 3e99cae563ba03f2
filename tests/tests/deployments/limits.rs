//! How many phones at a time, and until when.

use std::sync::{Arc, Mutex};

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wire::Action;
use workpoint::app::deployments::{begin_retry, take_place};
use workpoint::app::jobs::pulse::beat;

use crate::hand::Phone;
use crate::{JOBS, NEW, apply, image, job, job_becomes, plan, setting, sound, targets, upload};

/// Started phones with their clients' ids, and who of them was called.
struct Desks {
    phones: Vec<Phone>,
    ids: Vec<Value>,
    called: Arc<Mutex<Vec<usize>>>,
}

impl Desks {
    async fn start(server: &TestServer, api: &ApiClient, count: usize) -> Self {
        let (mut phones, mut ids) = (Vec::new(), Vec::new());
        let called = Arc::new(Mutex::new(Vec::new()));
        for place in 0..count {
            let mut phone = Phone::new(server);
            let listener = TcpListener::bind((phone.host(), 8085)).await.expect("a listener");
            let called = Arc::clone(&called);
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = [0; 2_000];
                    let _ = stream.read(&mut request).await;
                    called.lock().expect("a lock").push(place);
                    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
                }
            });
            phone.starts_up().await;
            ids.push(phone.id(api).await);
            phones.push(phone);
        }
        Self { phones, ids, called }
    }

    fn ids(&self) -> Vec<&Value> {
        self.ids.iter().collect()
    }

    fn called(&self) -> Vec<usize> {
        let mut called = self.called.lock().expect("a lock").clone();
        called.sort_unstable();
        called.dedup();
        called
    }

    async fn have_been_called(&self, who: &[usize]) {
        wait_until(async || self.called().len() >= who.len()).await;
        assert_eq!(self.called(), who);
    }
}

async fn states(api: &ApiClient, job: &Value) -> Vec<String> {
    let word = |target: Value| target["state"].as_str().expect("a state").to_owned();
    targets(api, job).await.into_iter().map(word).collect()
}

on_both_databases! {
    places_of_both_kinds_are_taken_in_any_order => |server| {
        use domain::job::JobKind::{DeployFiles, DeploySoftware};
        // On SQLite there is one transaction at a time.
        if server.config().database_url.is_some() {
            let app = server.app();
            let first = app.store.begin().await.expect("a transaction");
            assert!(take_place(app, &first, DeployFiles).await.expect("asked"));
            let others = app.clone();
            let (has_one, has) = tokio::sync::oneshot::channel();
            let other = tokio::spawn(async move {
                let app = others;
                let second = app.store.begin().await.expect("a transaction");
                let software = take_place(&app, &second, DeploySoftware).await.expect("asked");
                let _ = has_one.send(());
                software && take_place(&app, &second, DeployFiles).await.expect("asked")
            });
            // It waits for the whole of the first: with half of the places it would wait for ever.
            let had = tokio::time::timeout(std::time::Duration::from_millis(300), has).await;
            assert!(had.is_err());
            assert!(take_place(app, &first, DeploySoftware).await.expect("asked"));
            first.commit().await.expect("committed");
            assert!(other.await.expect("it ends"));
            assert_eq!(server.deadlocks().await, 0);
        }
    }

    only_as_many_phones_are_called_as_there_are_places => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 4).await;
        setting(server, "deployments.parallel-software", 2).await;
        let file = image(&api, "os60.img", "SIP", NEW).await;
        let plan = plan(&api, "deploy-software", &desks.ids(), json!([{"file": file}]), json!({})).await;
        let job = apply(&api, &plan, json!({})).await;
        desks.have_been_called(&[0, 1]).await;
        assert_eq!(desks.phones[0].comes().await.action, Action::SoftwareDeployment);
        assert_eq!(desks.phones[1].comes().await.action, Action::SoftwareDeployment);
        // Whoever comes by itself waits for a place, too.
        assert_eq!(desks.phones[3].comes().await.action, Action::CleanUp);
        assert_eq!(states(&api, &job).await.iter().filter(|state| *state == "sent").count(), 2);
        assert_eq!(desks.called(), [0, 1]);
        server.clock.advance(SignedDuration::from_mins(3));
        desks.phones[0].version = NEW.to_owned();
        desks.phones[0].starts_up().await;
        desks.have_been_called(&[0, 1, 2]).await;
        // One that was called and does not come keeps its place for a minute, and no longer.
        server.clock.advance(SignedDuration::from_mins(2));
        desks.have_been_called(&[0, 1, 2, 3]).await;
        assert_eq!(desks.phones[3].comes().await.action, Action::SoftwareDeployment);
        assert_eq!(desks.phones[2].comes().await.action, Action::CleanUp);
    }

    two_nodes_give_away_the_same_places => |server| {
        if !server.config().database_url.as_ref().is_some_and(|url| url.starts_with("postgres")) {
            return;
        }
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 6).await;
        setting(server, "deployments.parallel-files", 2).await;
        let other = server.second_node().await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let plan = plan(&api, "deploy-files", &desks.ids(), json!([{"file": file}]), json!({})).await;
        let job = apply(&api, &plan, json!({})).await;
        for phone in desks.phones.iter_mut().step_by(2) {
            phone.finds(&other);
        }
        futures_util::future::join_all(desks.phones.iter_mut().map(Phone::comes)).await;
        assert_eq!(states(&api, &job).await.iter().filter(|state| *state == "sent").count(), 2);
        other.stop().await;
    }

    two_nodes_stop_a_job_once => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 2).await;
        setting(server, "deployments.parallel-files", 1).await;
        let other = server.second_node().await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        for stopped in 1..=3 {
            let limit = json!({"error_limit": 1});
            let plan = plan(&api, "deploy-files", &desks.ids(), json!([{"file": file}]), limit).await;
            let id = apply(&api, &plan, json!({})).await;
            assert_eq!(desks.phones[0].comes().await.action, Action::FileDeployment);
            desks.phones[0].tells("chimes.wav", "RINGTONE", "failed").await;
            let beats = [server.app(), other.app()].map(|app| beat(app, true, false));
            for done in futures_util::future::join_all(beats).await {
                done.expect("a beat");
            }
            job_becomes(&api, &id, "cancelled").await;
            assert_eq!(states(&api, &id).await, ["failed", "cancelled"]);
            let audit = api.get("/api/v1/audit?action=job.stop").await.expect(200);
            assert_eq!(audit["total"], stopped, "one node stopped it");
        }
        other.stop().await;
    }

    many_failures_stop_a_job_and_it_can_be_taken_up_again => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 4).await;
        setting(server, "deployments.parallel-files", 1).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let limit = json!({"error_limit": 2});
        let plan = plan(&api, "deploy-files", &desks.ids(), json!([{"file": file}]), limit).await;
        let id = apply(&api, &plan, json!({})).await;
        for phone in &mut desks.phones[..2] {
            assert_eq!(phone.comes().await.action, Action::FileDeployment);
            phone.tells("chimes.wav", "RINGTONE", "failed").await;
        }
        job_becomes(&api, &id, "cancelled").await;
        assert_eq!(states(&api, &id).await, ["failed", "failed", "cancelled", "cancelled"]);
        assert_eq!(targets(&api, &id).await[3]["reason"], "error-limit");
        assert_eq!(job(&api, &id).await["options"]["stopped"], "error-limit");
        assert_eq!(desks.phones[2].comes().await.action, Action::CleanUp);
        let audit = api.get("/api/v1/audit?size=50").await.expect(200);
        let stop = audit["items"].as_array().expect("records").iter().find(|record| record["action"] == "job.stop");
        assert_eq!(stop.expect("a record")["details"]["reason"], "error-limit");
        let told = api.get("/api/v1/notifications").await.expect(200);
        assert!(told["items"].as_array().expect("a list").iter().any(|one| one["code"] == "job-finished"));

        api.post(&format!("{JOBS}/{id}/retry"), &json!({})).await.expect(200);
        assert_eq!(job(&api, &id).await["options"]["stopped"], Value::Null);
        for phone in &mut desks.phones {
            assert_eq!(phone.comes().await.action, Action::FileDeployment);
            phone.tells("chimes.wav", "RINGTONE", "ok").await;
        }
        job_becomes(&api, &id, "success").await;
    }

    phones_that_got_only_some_of_their_files_stop_a_job_too => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 3).await;
        let (good, bad) = (upload(&api, "good.wav", &sound(1), "ringtone").await, upload(&api, "bad.wav", &sound(2), "ringtone").await);
        let (files, limit) = (json!([{"file": good}, {"file": bad}]), json!({"error_limit": 2}));
        let plan = plan(&api, "deploy-files", &desks.ids(), files, limit).await;
        let id = apply(&api, &plan, json!({})).await;
        for phone in &mut desks.phones[..2] {
            assert_eq!(phone.comes().await.action, Action::FileDeployment);
            assert_eq!(phone.tells("good.wav", "RINGTONE", "ok").await.action, Action::FileDeployment);
            phone.tells("bad.wav", "RINGTONE", "failed").await;
        }
        job_becomes(&api, &id, "cancelled").await;
        assert_eq!(states(&api, &id).await, ["partial", "partial", "cancelled"]);
        assert_eq!(targets(&api, &id).await[2]["reason"], "error-limit");
    }

    a_retry_that_a_crash_broke_off_switches_no_limit_off => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 3).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let plan = plan(&api, "deploy-files", &desks.ids(), json!([{"file": file}]), json!({"error_limit": 2})).await;
        let id = apply(&api, &plan, json!({})).await;
        desks.phones[0].comes().await;
        desks.phones[0].tells("chimes.wav", "RINGTONE", "failed").await;
        // As a crash leaves it, right after somebody wanted it tried again.
        let app = server.app();
        let tx = app.store.begin().await.expect("a transaction");
        let number = domain::JobId(id.as_i64().expect("a number"));
        begin_retry(&tx, number, server.clock.now()).await.expect("noted");
        tx.commit().await.expect("committed");
        assert_eq!(job(&api, &id).await["options"]["stopped"], Value::Null, "it has not stopped");
        desks.phones[1].comes().await;
        desks.phones[1].tells("chimes.wav", "RINGTONE", "failed").await;
        beat(app, true, false).await.expect("a beat");
        assert_eq!(states(&api, &id).await[..2], ["failed", "failed"]);
        assert_eq!(job(&api, &id).await["state"], "active", "what is put back still counts");
        server.clock.advance(SignedDuration::from_mins(5));
        beat(app, true, false).await.expect("a beat");
        job_becomes(&api, &id, "cancelled").await;
        assert_eq!(job(&api, &id).await["options"]["stopped"], "error-limit");
    }

    enough_successes_stop_a_job => |server| {
        let api = server.api(&[Role::Admin]).await;
        let mut desks = Desks::start(server, &api, 3).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let limit = json!({"success_limit": 1});
        let plan = plan(&api, "deploy-files", &desks.ids(), json!([{"file": file}]), limit).await;
        let id = apply(&api, &plan, json!({})).await;
        desks.phones[0].comes().await;
        desks.phones[1].comes().await;
        desks.phones[0].tells("chimes.wav", "RINGTONE", "ok").await;
        wait_until(async || states(&api, &id).await == ["success", "sent", "cancelled"]).await;
        assert_eq!(targets(&api, &id).await[2]["reason"], "success-limit");
        // What is under way ends by its answer.
        desks.phones[1].tells("chimes.wav", "RINGTONE", "ok").await;
        wait_until(async || states(&api, &id).await == ["success", "success", "cancelled"]).await;
        job_becomes(&api, &id, "cancelled").await;
        // Taken up again it brings the rest, and says at once that it is at it.
        let again = api.post(&format!("{JOBS}/{id}/retry"), &json!({})).await.expect(200);
        assert_eq!((&again["state"], &again["options"]["success_limit"]), (&json!("active"), &Value::Null));
        assert_eq!(desks.phones[2].comes().await.action, Action::FileDeployment);
        desks.phones[2].tells("chimes.wav", "RINGTONE", "ok").await;
        job_becomes(&api, &id, "success").await;
    }
}
