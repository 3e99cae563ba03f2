//! What the server tidies up by itself, as background tasks: old jobs, what only they referred to.

use domain::Role;
use jiff::SignedDuration;
use serde_json::json;
use simulator::Opening;
use tests::{TestServer, on_both_databases, phones, wait_until};
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

/// Puts a task into the queue, twice, and works it off.
async fn tidy(server: &TestServer, kind: Kind) {
    let app = server.app();
    enqueue(app, kind).await.expect("a task");
    enqueue(app, kind).await.expect("a task");
    // The server's own worker may be faster.
    work_off(app).await.expect("tasks");
}

on_both_databases! {
    finished_jobs_are_kept_for_their_lifetime => |server| {
        let api = server.api(&[Role::Operator]).await;
        let phone = phones(server.phone_port(), 1, |_| {}).await.remove(0);
        phone.session(&Opening::StartUp).await.expect("a session");
        let id = api.get("/api/v1/clients").await.expect(200)["items"][0]["id"].clone();
        let body = json!({"action": "refresh", "targets": {"ids": [id]}});
        let done = api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone();
        let path = format!("/api/v1/jobs/{done}");
        phone.session(&Opening::Solicited).await.expect("a session");
        wait_until(async || api.get(&path).await.expect(200)["finished_at"].is_string()).await;
        server.clock.advance(SignedDuration::from_hours(6 * 24));
        let open = api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone();
        server.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
        tidy(server, Kind::PurgeJobs).await;
        api.get(&path).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(2));
        tidy(server, Kind::PurgeJobs).await;
        wait_until(async || api.get(&path).await.status == 404).await;
        // What is not at its end is not old, however long ago it was made.
        api.get(&format!("/api/v1/jobs/{open}")).await.expect(200);
        // Nor is what is tried again, however old it is.
        let again = api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone();
        let again = format!("/api/v1/jobs/{again}");
        api.post(&format!("{again}/cancel"), &json!({})).await.expect(200);
        wait_until(async || api.get(&again).await.expect(200)["finished_at"].is_string()).await;
        server.clock.advance(SignedDuration::from_hours(8 * 24));
        api.post(&format!("{again}/retry"), &json!({})).await.expect(200);
        tidy(server, Kind::PurgeJobs).await;
        assert_eq!(api.get(&again).await.expect(200)["targets"]["waiting"], 1);
        for kind in Kind::ALL {
            tidy(server, kind).await;
        }
        api.get(&again).await.expect(200);
    }
}
