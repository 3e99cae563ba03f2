//! When what templates want is not brought once more: what was refused, what another job brings, what fails on many
//! phones; and that a file that fails says nothing of others.

use domain::{ClientId, FileId, Role};
use jiff::SignedDuration;
use serde_json::json;
use tests::desk::job_becomes;
use tests::{on_both_databases, wait_until};
use workpoint::app::deployments::rule::{Need, Survey, order};
use workpoint::app::jobs::announce;

use super::*;
use crate::brings::outcome;

const FAILURES: &str = "server-settings.deployments.by-rule-failures";

fn id(row: &Value) -> i64 {
    row["id"].as_i64().expect("an id")
}

/// A job as the night makes one that has looked at the client before it made contact.
async fn ordered(server: &TestServer, need: Need, client: &Value) -> Value {
    let app = server.app();
    let survey = Survey::begin(app).await.expect("a survey");
    let tx = app.store.begin().await.expect("a transaction");
    let made = order(app, &tx, &need, survey.files(), vec![ClientId(id(client))]).await.expect("a job");
    tx.commit().await.expect("stored");
    let job = made.expect("files");
    announce(app, job);
    json!(job)
}

/// State and reason of the only target of a job.
async fn end(api: &ApiClient, job: &Value) -> (Value, Value) {
    let target = tests::desk::target(api, job).await;
    (target["state"].clone(), target["reason"].clone())
}

/// Waits until a job has come to its end, and needs its files no more.
async fn over(api: &ApiClient, job: &Value) {
    let path = format!("/api/v1/jobs/{job}");
    wait_until(async || api.get(&path).await.expect(200)["finished_at"].is_string()).await;
}

/// Notifications that a file fails.
async fn told(api: &ApiClient) -> Vec<Value> {
    let all = api.get("/api/v1/notifications").await.expect(200);
    let items = all["items"].as_array().expect("notifications").iter();
    items.filter(|item| item["code"] == "file-fails").map(|item| item["args"].clone()).collect()
}

on_both_databases! {
    a_note_does_not_bring_back_what_was_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = software(&api, NEW).await;
        let mut desk = Desk::new(60, 1);
        desk.starts(server).await;
        bringing(&api, "Software", "only-newer", &[&image]).await;
        assert!(desk.starts(server).await.is_some());
        server.clock.advance(SignedDuration::from_mins(10));
        assert_eq!(desk.starts(server).await, None, "it runs what it ran before");
        over(&api, &jobs(&api, "deploy-software").await[0]["id"]).await;
        server.clock.advance(SignedDuration::from_hours(1));
        let path = format!("/api/v1/files/{}", image["id"]);
        change(&api, &path, &json!({"note": "seen by nobody"})).await.expect(200);
        assert_eq!(desk.starts(server).await, None);
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("given-up")));
        // Another version is another thing.
        server.clock.advance(SignedDuration::from_hours(1));
        change(&api, &path, &json!({"software_version": "V3 R6.0.0"})).await.expect(200);
        assert!(desk.starts(server).await.is_some());
    }

    the_night_and_a_contact_bring_a_file_only_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (tone, image) = (ringtone(&api, "tone.wav").await, software(&api, NEW).await);
        let mut desk = Desk::new(61, 1);
        desk.starts(server).await;
        let client = desk.client(&api).await;
        bringing(&api, "Sounds", "ignored", &[&tone]).await;
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        let night = ordered(server, Need::Files(vec![FileId(id(&tone))]), &client).await;
        server.clock.advance(SignedDuration::from_secs(30));
        assert_eq!(desk.tells(server, "tone.wav", "failed").await, None, "not once more");
        let by_another = (json!("cancelled"), json!("another-job"));
        job_becomes(&api, &night, "cancelled").await;
        assert_eq!(end(&api, &night).await, by_another);
        // Firmware that was refused: its pause is over, but it stays refused.
        bringing(&api, "Software", "only-newer", &[&image]).await;
        assert!(desk.starts(server).await.is_some());
        let need = Need::Software { file: FileId(id(&image)), downgrade: false };
        let night = ordered(server, need, &client).await;
        server.clock.advance(SignedDuration::from_mins(10));
        desk.starts(server).await;
        server.clock.advance(SignedDuration::from_mins(10));
        assert_eq!(desk.starts(server).await, None);
        job_becomes(&api, &night, "cancelled").await;
        assert_eq!(end(&api, &night).await, by_another);
        assert_eq!(outcome(&desk, &api).await, (json!("only-newer"), json!("given-up")));
        // Who tries it again has seen that.
        api.post(&format!("/api/v1/jobs/{night}/retry"), &json!({})).await.expect(200);
        assert!(desk.starts(server).await.is_some());
    }

    of_two_jobs_that_wait_the_older_one_brings_the_file => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let mut desk = Desk::new(62, 1);
        desk.starts(server).await;
        let client = desk.client(&api).await;
        server.change_setting(BY_RULE, "night").await;
        bringing(&api, "Sounds", "ignored", &[&tone]).await;
        let need = Need::Files(vec![FileId(id(&tone))]);
        let (first, second) =
            (ordered(server, need.clone(), &client).await, ordered(server, need, &client).await);
        server.clock.advance(SignedDuration::from_secs(30));
        assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"));
        assert_eq!(desk.tells(server, "tone.wav", "ok").await, None);
        assert_eq!(desk.starts(server).await, None);
        job_becomes(&api, &first, "success").await;
        job_becomes(&api, &second, "cancelled").await;
        assert_eq!(end(&api, &second).await, (json!("cancelled"), json!("another-job")));
    }

    what_fails_on_many_phones_is_brought_to_no_others => |server| {
        let api = server.api(&[Role::Operator]).await;
        let tone = ringtone(&api, "tone.wav").await;
        let mut desks: Vec<Desk> = (1..=12).map(|place| Desk::new(63, place)).collect();
        for desk in &mut desks {
            desk.starts(server).await;
        }
        let template = bringing(&api, "Sounds", "ignored", &[&tone]).await;
        let (waiting, others) = desks.split_last_mut().expect("phones");
        let (next, failing) = others.split_last_mut().expect("phones");
        let client = waiting.client(&api).await;
        let job = ordered(server, Need::Files(vec![FileId(id(&tone))]), &client).await;
        for desk in &mut *failing {
            assert_eq!(told(&api).await, Vec::<Value>::new());
            assert_eq!(offered(&desk.starts(server).await), Some("tone.wav"), "{}", desk.number);
            desk.tells(server, "tone.wav", "failed").await;
        }
        assert_eq!(next.starts(server).await, None);
        assert_eq!(next.files(&api).await["wanted"][0]["reason"]["code"], "fails-on-phones");
        let args = json!({"file": tone["id"], "name": "tone.wav", "failed": 10, "of": 10});
        assert_eq!(told(&api).await, [args]);
        // Neither is what waited for its phone already.
        assert_eq!(waiting.starts(server).await, None);
        job_becomes(&api, &job, "cancelled").await;
        assert_eq!(end(&api, &job).await, (json!("cancelled"), json!("fails-on-phones")));
        assert_eq!(told(&api).await.len(), 1, "once a day");
        server.change_setting(FAILURES, 0).await;
        assert_eq!(offered(&waiting.starts(server).await), Some("tone.wav"), "that was no try");
        waiting.tells(server, "tone.wav", "failed").await;
        server.change_setting(FAILURES, 25).await;
        assert_eq!(next.starts(server).await, None);
        server.clock.advance(SignedDuration::from_secs(1));
        change(&api, &template, &json!({"description": "Now it works."})).await.expect(200);
        assert_eq!(offered(&next.starts(server).await), Some("tone.wav"));
    }

    a_file_that_fails_says_nothing_of_those_beside_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (good, bad) = (ringtone(&api, "good.wav").await, ringtone(&api, "bad.wav").await);
        let mut desk = Desk::new(64, 1);
        desk.starts(server).await;
        bringing(&api, "Sounds", "ignored", &[&good, &bad]).await;
        let mut offer = desk.starts(server).await;
        for _ in 0..2 {
            let name = offered(&offer).expect("an offer").to_owned();
            server.clock.advance(SignedDuration::from_secs(5));
            offer = desk.tells(server, &name, if name == "good.wav" { "ok" } else { "failed" }).await;
        }
        let made = jobs(&api, "deploy-files").await;
        job_becomes(&api, &made[0]["id"], "partial-successful").await;
        // What a job deletes comes back: a template wants it, and it never failed.
        let body = json!({
            "kind": "deploy-files", "targets": {"ids": [desk.client(&api).await["id"]]},
            "deployment": {"files": [{"file": good["id"], "action": "delete"}]},
        });
        let plan = api.post("/api/v1/plans", &body).await.expect(201);
        api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
        let order = desk.starts(server).await.expect("an order");
        assert_eq!(order.get("file-action").map(String::as_str), Some("delete"));
        desk.sounds.clear();
        let told = [("name", "good.wav"), ("type", "RINGTONE"), ("status", "ok")];
        let told = told.map(|(what, text)| Item::new(format!("file-deployment-{what}"), text));
        let mut offer = desk.session(server, Reason::Status, told.to_vec()).await;
        if offer.is_none() {
            offer = desk.starts(server).await;
        }
        assert_eq!(offered(&offer), Some("good.wav"), "{:#}", desk.files(&api).await);
        let wanted = desk.files(&api).await["wanted"].clone();
        let of = |name: &str| wanted.as_array()?.iter().find(|file| file["name"] == name).cloned();
        assert_eq!(of("bad.wav").expect("it")["reason"]["code"], "resting");
    }
}
