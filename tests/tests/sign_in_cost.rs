//! Signing in costs the same whoever is named: hashes are counted, because times tell nothing on a busy machine.
//!
//! Alone in its file, and one test after the other: the number is that of the whole process.

use domain::Role;
use serde_json::json;
use tests::{Backend, PASSWORD, TestServer};
use tokio::sync::Mutex;
use workpoint::app::password::computed;

static ALONE: Mutex<()> = Mutex::const_new(());

/// Hashes that one try costs, and the status of its answer.
async fn cost(server: &TestServer, user_name: &str, password: &str) -> (u64, u16) {
    let before = computed();
    let body = json!({ "user_name": user_name, "password": password });
    let answer = server.anonymous().post("/api/v1/auth/sign-in", &body).await;
    (computed() - before, answer.status.as_u16())
}

async fn every_try_costs_one_hash(backend: Backend) {
    // Starting a server hashes too.
    let _alone = ALONE.lock().await;
    let mut server = TestServer::start(backend).await;
    let admin = server.api(&[Role::Admin]).await;
    for name in ["anna", "disabled", "locked"] {
        server.token(name, &[]).await;
    }
    let list = admin.get("/api/v1/accounts?search=disabled").await.expect(200);
    let path = format!("/api/v1/accounts/{}", list["items"][0]["id"]);
    admin.clone().if_match("*").patch(&path, &json!({ "disabled": true })).await.expect(200);
    server.change_setting("server-settings.accounts.lock-after-failures", 1).await;
    assert_eq!(cost(&server, "locked", "guess").await, (1, 401));
    let list = admin.get("/api/v1/accounts?locked=true").await.expect(200);
    assert_eq!(list["items"][0]["user_name"], "locked");

    assert_eq!(cost(&server, "anna", PASSWORD).await, (1, 200));
    let long = "x".repeat(1_000);
    for (name, password) in [
        ("anna", "wrong"),
        ("nobody", "wrong"),
        ("nobody", PASSWORD),
        ("disabled", PASSWORD),
        ("disabled", "wrong"),
        ("locked", PASSWORD),
        ("locked", "wrong"),
        ("", ""),
        (long.as_str(), PASSWORD),
        ("nobody", long.as_str()),
    ] {
        assert_eq!(cost(&server, name, password).await, (1, 401), "{name:.20}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_try_costs_one_hash_on_sqlite() {
    every_try_costs_one_hash(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_try_costs_one_hash_on_postgres() {
    every_try_costs_one_hash(Backend::Postgres).await;
}
