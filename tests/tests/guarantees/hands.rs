//! What a user's hands do in the tests by name: make phones, set values, look at jobs. Decides nothing about what
//! is right.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Opening, SimulateConfig, SimulatedPhone, TlsVersions};
use tests::crash::{CrashServer, Side};
use tests::{ApiClient, phones, wait_until};

pub(crate) const JOBS: &str = "/api/v1/jobs";
pub(crate) const SERVER: &str = "telephony.sip-settings.server-address";

/// SIP phones that have started up once, with their clients.
pub(crate) async fn fleet(server: &CrashServer, count: u32) -> Vec<(Arc<SimulatedPhone>, Value)> {
    fleet_with(server, count, |_| {}).await
}

/// The same, with a changed configuration.
pub(crate) async fn fleet_with(
    server: &CrashServer,
    count: u32,
    change: impl FnOnce(&mut SimulateConfig),
) -> Vec<(Arc<SimulatedPhone>, Value)> {
    let phones = phones(server.phone_port(), count, |config| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec!["CP600".parse().expect("a model")];
        config.contact_gap = Some(Duration::ZERO);
        // The gate can hold back what such phones are told.
        config.tls_versions = TlsVersions::Only12;
        change(config);
    })
    .await;
    let mut fleet = Vec::new();
    for phone in phones {
        starts_up(&phone).await;
        let client = client_of(&server.api(), &phone).await;
        fleet.push((phone, client));
    }
    fleet
}

pub(crate) async fn client_of(api: &ApiClient, phone: &SimulatedPhone) -> Value {
    let list = api.get("/api/v1/clients?size=500").await.expect(200);
    let device = phone.mac().to_string().to_lowercase();
    let all = list["items"].as_array().expect("clients");
    all.iter().find(|client| client["device_id"] == device.as_str()).expect("the client")["id"].clone()
}

pub(crate) async fn starts_up(phone: &SimulatedPhone) {
    phone.session(&Opening::StartUp).await.expect("a session");
}

pub(crate) async fn comes(phone: &SimulatedPhone) {
    phone.session(&Opening::Solicited).await.expect("a session");
}

/// Plans and applies a value for clients; gives the job.
pub(crate) async fn set(api: &ApiClient, ids: &[&Value], value: &str) -> Value {
    let body = json!({"kind": "write-configuration", "targets": {"ids": ids},
        "changes": [{"parameter": SERVER, "value": value}]});
    let plan = api.post("/api/v1/plans", &body).await.expect(201);
    let path = format!("/api/v1/plans/{}/apply", plan["id"]);
    api.post(&path, &json!({})).await.expect(201)["job_id"].clone()
}

pub(crate) async fn act(api: &ApiClient, action: &str, id: &Value) -> Value {
    let body = json!({"action": action, "targets": {"ids": [id]}});
    api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone()
}

pub(crate) async fn retry(api: &ApiClient, job: &Value) {
    api.post(&format!("{JOBS}/{job}/retry"), &json!({})).await.expect(200);
}

pub(crate) async fn job_becomes(api: &ApiClient, job: &Value, state: &str) {
    let path = format!("{JOBS}/{job}");
    wait_until(async || api.get(&path).await.expect(200)["state"] == state).await;
}

/// Targets of a job in the order of their clients.
pub(crate) async fn targets(api: &ApiClient, job: &Value) -> Vec<Value> {
    let list = api.get(&format!("{JOBS}/{job}/targets?size=500")).await.expect(200);
    let mut all = list["items"].as_array().expect("targets").clone();
    all.sort_by_key(|target| target["client_id"].as_i64());
    all
}

pub(crate) async fn states(api: &ApiClient, job: &Value) -> Vec<String> {
    let word = |target: &Value| target["state"].as_str().unwrap_or_default().to_owned();
    targets(api, job).await.iter().map(word).collect()
}

pub(crate) async fn only_target_becomes(api: &ApiClient, job: &Value, state: &str) {
    wait_until(async || states(api, job).await == [state]).await;
}

/// What was sent and nobody answers for any more comes back. Where several nodes can work on one database, that
/// takes as long as a session may.
pub(crate) async fn recovered(server: &CrashServer, job: &Value) {
    if server.config().database_url.is_some() {
        server.advance(SignedDuration::from_secs(120));
    }
    only_target_becomes(&server.api(), job, "waiting").await;
}

/// The phone comes, and the server dies when the order is committed and has not reached it.
pub(crate) async fn dies_before_the_order_arrives(
    server: &mut CrashServer,
    phone: &Arc<SimulatedPhone>,
    job: &Value,
) {
    let session = sent_and_held(server, phone, job).await;
    server.kill().await;
    session.await.expect("a session").expect_err("it broke off");
}

/// The phone comes, does what it is told, and the server dies before it hears of it.
pub(crate) async fn dies_before_the_reply_arrives(
    server: &mut CrashServer,
    phone: &Arc<SimulatedPhone>,
    job: &Value,
) {
    let session = sent_and_held(server, phone, job).await;
    let held = server.gate.held(Side::Phones);
    server.gate.hold(Side::Phones, true);
    server.gate.hold(Side::Server, false);
    server.gate.holds_more_than(Side::Phones, held).await;
    server.kill().await;
    session.await.expect("a session").expect_err("it broke off");
}

type Session = tokio::task::JoinHandle<Result<simulator::SessionOutcome, simulator::SessionError>>;

async fn sent_and_held(server: &CrashServer, phone: &Arc<SimulatedPhone>, job: &Value) -> Session {
    let held = server.gate.held(Side::Server);
    server.gate.hold(Side::Server, true);
    let coming = Arc::clone(phone);
    let session = tokio::spawn(async move { coming.session(&Opening::Solicited).await });
    only_target_becomes(&server.api(), job, "sent").await;
    server.gate.holds_more_than(Side::Server, held).await;
    session
}
