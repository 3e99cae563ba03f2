//! Templates: the API (`requests`), their files (`files`), and what they make of phones (`rules`, `secrets`) (OSEM §6,
//! D-18 … D-20, D-22).

mod files;
mod requests;
mod rules;
mod secrets;

use std::sync::Arc;

use serde_json::{Value, json};
use simulator::{Opening, SimulatedPhone};
use tests::{ApiAnswer, ApiClient, TestServer, phones};

const TEMPLATES: &str = "/api/v1/templates";
const SERVER: &str = "telephony.sip-settings.server-address";
const PORT: &str = "telephony.sip-settings.server-port";
const NAME: &str = "telephony.sip-settings.sip-name";
const LABEL: &str = "mobile-user.general.display-id";
const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const SECRET: &str = "k4nar1envogel";

/// SIP phones that have started up once. Their numbers end in 0001, 0002, …
async fn fleet(server: &TestServer, count: u32) -> Vec<Arc<SimulatedPhone>> {
    let fleet = more(server, count).await;
    for phone in &fleet {
        starts_up(phone).await;
    }
    fleet
}

/// SIP phones that have never come.
async fn more(server: &TestServer, count: u32) -> Vec<Arc<SimulatedPhone>> {
    phones(server.phone_port(), count, |config| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec!["CP600".parse().expect("a model")];
        config.contact_gap = Some(std::time::Duration::ZERO);
        config.first_number = 498_970_070_001;
    })
    .await
}

async fn starts_up(phone: &SimulatedPhone) {
    phone.session(&Opening::StartUp).await.expect("a session");
}

/// The phone comes and does what waits for it.
async fn comes(phone: &SimulatedPhone) {
    phone.session(&Opening::Solicited).await.expect("a session");
}

async fn reads(phone: &SimulatedPhone, item: &str) -> String {
    phone.value(item, None).await.unwrap_or_default()
}

/// Clients by their numbers, which is the order of the phones.
async fn clients(api: &ApiClient) -> Vec<Value> {
    let list = api.get("/api/v1/clients?size=500&sort=e164").await.expect(200);
    list["items"].as_array().expect("a list").iter().map(|client| client["id"].clone()).collect()
}

/// A default template with values.
fn new(name: &str, values: &[(&str, Value)]) -> Value {
    let values: Vec<Value> =
        values.iter().map(|(parameter, value)| json!({"parameter": parameter, "value": value})).collect();
    json!({"name": name, "kind": "default", "values": values})
}

/// The same with another field.
fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

/// Makes a template that changes nothing for anybody; gives its address.
async fn make(api: &ApiClient, body: &Value) -> String {
    let answer = api.post(TEMPLATES, body).await;
    let path = answer.header("location").to_owned();
    answer.expect(201);
    path
}

/// Makes a template that changes clients, by its plan; gives its address and the job.
async fn roll_out(api: &ApiClient, body: &Value) -> (String, Value) {
    let applied = apply(api, api.post(TEMPLATES, body).await, json!({})).await;
    (format!("{TEMPLATES}/{}", applied["templates"][0]), applied["job_id"].clone())
}

/// The plan that a refusal names.
async fn plan_of(api: &ApiClient, refusal: ApiAnswer) -> Value {
    let problem = refusal.expect_problem(409, "plan_required");
    let plan = api.get(&format!("/api/v1/plans/{}", problem["args"]["plan"])).await.expect(200);
    assert_eq!(plan["kind"], "change-fleet");
    for figure in ["affected", "writes", "restarts", "conflicts"] {
        assert_eq!(problem["args"][figure], plan["summary"][figure], "{figure}: {problem}");
    }
    plan
}

/// Applies the plan that a refusal names.
async fn apply(api: &ApiClient, refusal: ApiAnswer, how: Value) -> Value {
    let plan = plan_of(api, refusal).await;
    api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &how).await.expect(201)
}

/// Changes what is there now.
async fn change(api: &ApiClient, path: &str, body: &Value) -> ApiAnswer {
    let etag = api.get(path).await.header("etag").to_owned();
    api.clone().if_match(&etag).patch(path, body).await
}

/// Sets or removes a value of a template.
async fn set(api: &ApiClient, path: &str, parameter: &str, value: impl Into<Value>) -> ApiAnswer {
    change(api, path, &json!({"values": [{"parameter": parameter, "value": value.into()}]})).await
}

async fn delete(api: &ApiClient, path: &str) -> ApiAnswer {
    api.clone().if_match("*").delete(path).await
}

/// How a parameter of a client stands.
async fn stands(api: &ApiClient, client: &Value, parameter: &str) -> Value {
    let path = format!("/api/v1/clients/{client}/configuration?size=500&search={parameter}");
    let page = api.get(&path).await.expect(200);
    let rows = page["items"].as_array().expect("rows");
    rows.iter().find(|row| row["parameter"] == parameter).unwrap_or_else(|| panic!("no {parameter}")).clone()
}

/// The layers of a parameter of a client.
async fn layers(api: &ApiClient, client: &Value, parameter: &str) -> Vec<Value> {
    let path = format!("/api/v1/clients/{client}/layers?parameter={parameter}");
    api.get(&path).await.expect(200)["items"].as_array().expect("layers").clone()
}
