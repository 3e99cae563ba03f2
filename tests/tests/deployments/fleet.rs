//! Simulated phones that are called, fetch what they are offered, fail, start up with it and say so.

use std::sync::Arc;
use std::time::Duration;

use content::craft::firmware;
use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Family, SimulateConfig};
use tests::called::{Attended, fleet, network};
use tests::{ApiClient, TestServer, on_both_databases};

use crate::{JOBS, apply, job, plan, setting, sound, targets, upload};

const NEWEST: &str = "V9 R1.2.3";

/// Phones that come when they are called, and the ids of their clients.
async fn desks(
    server: &TestServer,
    api: &ApiClient,
    count: u32,
    change: impl FnOnce(&mut SimulateConfig),
) -> (Vec<Attended>, Vec<Value>) {
    let phones = fleet(server, network(46), count, |config| {
        config.family = Some(Family::Sip);
        config.models = vec!["OpenStage 60".parse().expect("a model")];
        config.deployments.update_time = Duration::ZERO;
        change(config);
    })
    .await;
    let mut attended = Vec::new();
    for phone in phones {
        attended.push(Attended::start(Arc::clone(&phone)).await);
    }
    let list = api.get("/api/v1/clients?size=500").await.expect(200);
    let ids = list["items"].as_array().expect("clients").iter().map(|client| client["id"].clone()).collect();
    (attended, ids)
}

/// Lets the server's time pass, some seconds at a time, until a job has come to its end; gives its state. Calls have their
/// pace, and that stands still with the clock.
async fn end_of(server: &TestServer, api: &ApiClient, id: &Value) -> String {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..1_200 {
        ticks.tick().await;
        let state = job(api, id).await["state"].as_str().expect("a state").to_owned();
        if !["created", "active"].contains(&state.as_str()) {
            return state;
        }
        server.clock.advance(SignedDuration::from_secs(5));
    }
    panic!("the job does not end: {:?}", targets(api, id).await);
}

on_both_databases! {
    a_fleet_is_updated_although_downloads_fail => |server| {
        let api = server.api(&[Role::Admin]).await;
        setting(server, "deployments.parallel-software", 3).await;
        let (_attended, ids) = desks(server, &api, 10, |config| {
            (config.failing_downloads, config.failing_times) = (0.4, Some(1));
        })
        .await;
        let file = upload(&api, "os60.img", &firmware("OpenStage 60", "SIP", NEWEST, 100_000), "").await;
        let ids: Vec<&Value> = ids.iter().collect();
        let plan = plan(&api, "deploy-software", &ids, json!([{"file": file}]), json!({"error_limit": 2})).await;
        assert_eq!(plan["summary"]["writes"], 10);
        let id = apply(&api, &plan, json!({})).await;
        assert_eq!(end_of(server, &api, &id).await, "cancelled");
        assert_eq!(job(&api, &id).await["options"]["stopped"], "error-limit");
        for _ in 0..5 {
            // What failed is offered again after its pause.
            server.clock.advance(SignedDuration::from_mins(15));
            api.post(&format!("{JOBS}/{id}/retry"), &json!({})).await.expect(200);
            if end_of(server, &api, &id).await == "success" {
                break;
            }
        }
        assert_eq!(job(&api, &id).await["targets"]["success"], 10);
        let clients = api.get("/api/v1/clients?size=500").await.expect(200);
        let versions = clients["items"].as_array().expect("clients").iter();
        assert!(versions.clone().all(|client| client["software_version"] == NEWEST));
    }

    files_reach_phones_that_say_nothing_and_are_deleted_again => |server| {
        let api = server.api(&[Role::Admin]).await;
        let (attended, ids) = desks(server, &api, 3, |config| config.deployments.no_status = true).await;
        let file = upload(&api, "chimes.wav", &sound(1), "ringtone").await;
        let ids: Vec<&Value> = ids.iter().collect();
        let files = json!([{"file": file}]);
        let deployed = plan(&api, "deploy-files", &ids, files, json!({})).await;
        let id = apply(&api, &deployed, json!({})).await;
        assert_eq!(end_of(server, &api, &id).await, "success");
        assert_eq!(targets(&api, &id).await[0]["reason"], "verified-by-inventory");
        let files = json!([{"file": file, "action": "delete"}]);
        let deleted = plan(&api, "deploy-files", &ids, files, json!({})).await;
        assert_eq!(deleted["summary"]["writes"], 3);
        let id = apply(&api, &deleted, json!({})).await;
        assert_eq!(end_of(server, &api, &id).await, "success");
        assert_eq!(attended.len(), 3);
    }
}
