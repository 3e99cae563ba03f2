//! Deployments: what is planned (`plans`), files (`files`), firmware (`software`), how many at a time and until when
//! (`limits`), what breaks off (`broken`), what ends (`ends`), orders that never leave (`unsent`), what lies with us (`ours`), phones that
//! take long (`overdue`), and a fleet of simulated phones that fetch them (`fleet`) (OSEM §4.5.4,
//! `wpi.md` §4.6).

mod broken;
mod ends;
mod files;
mod fleet;
mod ftp;
mod hand;
mod limits;
mod ours;
mod overdue;
mod plans;
mod software;
mod unsent;

use content::craft::firmware;
use serde_json::{Value, json};
use tests::{ApiClient, TestServer, wait_until};

const JOBS: &str = "/api/v1/jobs";
const PLANS: &str = "/api/v1/plans";
const OLD: &str = "V3 R5.12.0";
const NEW: &str = "V3 R5.16.0";
const IMAGE: usize = 20_000;

/// Uploads a file; gives its id.
async fn upload(api: &ApiClient, name: &str, content: &[u8], file_type: &str) -> Value {
    let fields: &[(&str, &str)] = if file_type.is_empty() { &[] } else { &[("file_type", file_type)] };
    api.upload(name, content, fields).await.expect(201)["id"].clone()
}

/// Uploads firmware for OpenStage 60; gives the id.
async fn image(api: &ApiClient, name: &str, family: &str, version: &str) -> Value {
    upload(api, name, &firmware("OpenStage 60", family, version, IMAGE), "").await
}

/// A sound, told from others by a number.
fn sound(number: u8) -> Vec<u8> {
    let mut bytes = b"RIFF\x2c\x01\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x08\x01\x00\x00".to_vec();
    bytes.resize(308, number);
    bytes
}

/// What is asked for, with more said of it.
fn asked(kind: &str, ids: &[&Value], files: &Value, more: &Value) -> Value {
    let mut deployment = json!({"files": files});
    for (name, value) in more.as_object().expect("an object") {
        deployment[name] = value.clone();
    }
    json!({"kind": kind, "targets": {"ids": ids}, "deployment": deployment})
}

async fn plan(api: &ApiClient, kind: &str, ids: &[&Value], files: Value, more: Value) -> Value {
    api.post(PLANS, &asked(kind, ids, &files, &more)).await.expect(201)
}

async fn apply(api: &ApiClient, plan: &Value, how: Value) -> Value {
    api.post(&format!("{PLANS}/{}/apply", plan["id"]), &how).await.expect(201)["job_id"].clone()
}

/// Plans and applies; gives the job.
async fn deploy(api: &ApiClient, kind: &str, ids: &[&Value], files: Value, more: Value) -> Value {
    let plan = plan(api, kind, ids, files, more).await;
    apply(api, &plan, json!({})).await
}

async fn deploy_file(api: &ApiClient, id: &Value, file: &Value) -> Value {
    deploy(api, "deploy-files", &[id], json!([{"file": file}]), json!({})).await
}

async fn deploy_software(api: &ApiClient, id: &Value, file: &Value, more: Value) -> Value {
    deploy(api, "deploy-software", &[id], json!([{"file": file}]), more).await
}

async fn job(api: &ApiClient, job: &Value) -> Value {
    api.get(&format!("{JOBS}/{job}")).await.expect(200)
}

async fn job_becomes(api: &ApiClient, id: &Value, state: &str) {
    wait_until(async || job(api, id).await["state"] == state).await;
}

async fn targets(api: &ApiClient, job: &Value) -> Vec<Value> {
    let page = api.get(&format!("{JOBS}/{job}/targets?size=500")).await.expect(200);
    page["items"].as_array().expect("targets").clone()
}

async fn target(api: &ApiClient, job: &Value) -> Value {
    targets(api, job).await.remove(0)
}

/// State and reason of the only target.
async fn stands(api: &ApiClient, job: &Value) -> (String, String) {
    let target = target(api, job).await;
    let word = |name: &str| target[name].as_str().unwrap_or_default().to_owned();
    (word("state"), word("reason"))
}

async fn phase(api: &ApiClient, job: &Value) -> String {
    target(api, job).await["deployment"]["phase"].as_str().unwrap_or_default().to_owned()
}

fn words(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

/// Why the only client of a plan gets nothing.
async fn excluded(api: &ApiClient, plan: &Value) -> Value {
    let page = api.get(&format!("{PLANS}/{}/targets", plan["id"])).await.expect(200);
    page["items"][0]["excluded"]["code"].clone()
}

async fn setting(server: &mut TestServer, name: &str, value: impl Into<Value>) {
    server.change_setting(&format!("server-settings.{name}"), value).await;
}
