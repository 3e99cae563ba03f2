//! What an administrator does at the desk: find clients, plan, apply, look after the job. Nothing here knows phones.

use serde_json::{Value, json};

use crate::{ApiClient, wait_until};

/// The client with a device id.
///
/// # Panics
/// When there is none.
pub async fn client_of(api: &ApiClient, device: &str) -> Value {
    let list = api.get("/api/v1/clients?size=500").await.expect(200);
    let is_it =
        |client: &&Value| client["device_id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(device));
    let all = list["items"].as_array().expect("clients");
    all.iter().find(is_it).unwrap_or_else(|| panic!("no client {device}")).clone()
}

/// Plans changes of the configuration of clients.
pub async fn plan(api: &ApiClient, ids: &[Value], changes: Value) -> Value {
    let body = json!({"kind": "write-configuration", "targets": {"ids": ids}, "changes": changes});
    api.post("/api/v1/plans", &body).await.expect(201)
}

/// Applies a plan; gives the job.
pub async fn apply(api: &ApiClient, plan: &Value, how: Value) -> Value {
    let applied = api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &how).await.expect(201);
    applied["job_id"].clone()
}

/// Plans and applies a change of one parameter; gives the job.
pub async fn set(api: &ApiClient, ids: &[Value], parameter: &str, value: Value, how: Value) -> Value {
    let plan = plan(api, ids, json!([{"parameter": parameter, "value": value}])).await;
    apply(api, &plan, how).await
}

/// Has clients read in full; gives the job.
pub async fn refresh(api: &ApiClient, ids: &[Value]) -> Value {
    let body = json!({"action": "refresh", "targets": {"ids": ids}});
    api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone()
}

/// Waits until a job has this state.
pub async fn job_becomes(api: &ApiClient, job: &Value, state: &str) {
    let path = format!("/api/v1/jobs/{job}");
    wait_until(async || api.get(&path).await.expect(200)["state"] == state).await;
}

/// The only target of a job.
pub async fn target(api: &ApiClient, job: &Value) -> Value {
    api.get(&format!("/api/v1/jobs/{job}/targets")).await.expect(200)["items"][0].clone()
}

/// Everything on all pages of a list.
pub async fn all_pages(api: &ApiClient, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for number in 1.. {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = api.get(&format!("{path}{separator}size=500&page={number}")).await.expect(200);
        let rows = page["items"].as_array().expect("a list");
        all.extend(rows.iter().cloned());
        if rows.len() < 500 {
            break;
        }
    }
    all
}
