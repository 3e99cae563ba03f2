//! The OpenAPI document: a snapshot for reviewers, and the truth about who may do what (D-30).
//!
//! Accept an intended change with `INSTA_UPDATE=always`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{Permission, Role, RoleSet};
use reqwest::Method;
use serde_json::Value;
use tests::{ApiClient, Backend, PASSWORD, TestServer};

/// Word of operations that need nobody to be signed in.
const PUBLIC: &str = "public";

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    permission: String,
    /// Whether a browser must have confirmed not long ago who uses it.
    step_up: bool,
    /// Names of the parameters of its query string.
    parameters: Vec<String>,
}

fn document() -> Value {
    serde_json::to_value(workpoint::routes::openapi()).expect("a document")
}

/// Every method and path with what the document says of it.
fn entries(document: &Value) -> Vec<(Method, &str, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            if operation.get("operationId").is_some() || operation.get("responses").is_some() {
                let method: Method = method.to_uppercase().parse().expect("a method");
                found.push((method, path.as_str(), operation));
            }
        }
    }
    found
}

fn operations() -> Vec<Operation> {
    let document = document();
    entries(&document)
        .into_iter()
        .map(|(method, path, operation)| Operation {
            permission: operation["x-permission"].as_str().unwrap_or_default().to_owned(),
            step_up: operation["x-step-up"].as_bool().unwrap_or_default(),
            parameters: operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
                .collect(),
            path: path.to_owned(),
            method,
        })
        .collect()
}

fn permission(word: &str) -> Option<Permission> {
    serde_json::from_value(Value::from(word)).ok()
}

impl Operation {
    /// Something that is not there, so that nothing is changed by asking.
    fn path(&self) -> String {
        self.path
            .replace("{id}", "999999")
            .replace("{name}", "nothing")
            .replace("{number}", "999999")
            .replace("{target}", "999999")
    }

    /// Sends it with a body that is JSON and nothing more; gives the status and the code of a problem.
    async fn send(&self, api: &ApiClient) -> (u16, Value) {
        self.send_with(api, "").await
    }

    /// The same with a query string, which begins with `?`.
    async fn send_with(&self, api: &ApiClient, query: &str) -> (u16, Value) {
        let path = format!("{}{query}", self.path());
        if self.path == "/api/v1/events" {
            // A stream has no end to wait for.
            let response = api.stream(&path).await;
            let status = response.status().as_u16();
            let body = if status == 200 { Value::Null } else { response.json().await.expect("a problem") };
            return (status, body);
        }
        let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        let answer = api.send(self.method.clone(), &path, has_body.then(|| "{}".to_owned())).await;
        let is_problem = answer.header("content-type") == "application/problem+json";
        (answer.status.as_u16(), if is_problem { answer.json() } else { Value::Null })
    }
}

#[test]
fn the_contract_is_as_reviewed() {
    let mut document = document();
    document["info"]["version"] = Value::from("[version]");
    insta::assert_json_snapshot!("openapi", document);
}

#[test]
fn the_served_document_is_described_completely() {
    let document = document();
    let mut ids = HashSet::new();
    for (method, path, operation) in entries(&document) {
        let place = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(ids.insert(id), "{place}: {id} is used twice");
        let is_words = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(is_words && id.contains('_'), "{place}: `{id}` is not <verb>_<resource>");
        let text = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
        assert!(!text.is_empty(), "{place}: says nothing of itself");
        assert!(!operation["tags"].as_array().is_none_or(Vec::is_empty), "{place}: no tag");
        let responses = operation["responses"].as_object().expect("responses");
        assert!(
            responses.keys().any(|status| status.starts_with('2') || status == "default"),
            "{place}: {responses:?}"
        );
        let word = operation["x-permission"].as_str().unwrap_or_default();
        assert!(word == PUBLIC || permission(word).is_some(), "{place}: `{word}` is no permission");
    }
    let missing: Vec<String> = references(&document)
        .into_iter()
        .filter(|reference| document.pointer(reference.trim_start_matches('#')).is_none())
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "references to nothing");
}

fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("$ref", Some(reference)) => BTreeSet::from([reference.to_owned()]),
                _ => references(value),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}

/// The table of `docs/api-design.md`: who may do what, written down a second time by people.
#[test]
fn permissions_are_as_agreed() {
    let table: BTreeMap<String, String> = operations()
        .into_iter()
        .map(|operation| (format!("{} {}", operation.method, operation.path), operation.permission))
        .collect();
    insta::assert_json_snapshot!("permissions", table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_asks_for_its_permission() {
    let mut server = TestServer::start(Backend::Sqlite).await;
    let operations = operations();
    assert!(operations.len() >= 30, "{}", operations.len());
    let nobody = server.anonymous();
    for operation in &operations {
        let place = format!("{} {}", operation.method, operation.path);
        let (status, problem) = operation.send(&nobody).await;
        let refused = (status, problem["code"].as_str()) == (401, Some("unauthenticated"));
        assert_eq!(
            refused,
            operation.permission != PUBLIC,
            "{place} without credentials: {status} {problem}"
        );
    }
    let all: Vec<Vec<Role>> =
        Role::ALL.into_iter().map(|role| vec![role]).chain([Vec::new(), Role::ALL.to_vec()]).collect();
    for roles in all {
        let api = server.api(&roles).await;
        for operation in operations.iter().filter(|operation| operation.permission != PUBLIC) {
            let place = format!("{} {} as {roles:?}", operation.method, operation.path);
            let wanted =
                permission(&operation.permission).unwrap_or_else(|| panic!("{place}: no x-permission"));
            let may = RoleSet::new(roles.iter().copied()).may(wanted);
            let (status, problem) = operation.send(&api).await;
            if may {
                assert!(status != 401 && status != 403 && status < 500, "{place}: {status} {problem}");
            } else {
                assert_eq!((status, problem["code"].as_str()), (403, Some("forbidden")), "{place}");
                assert_eq!(problem["args"]["permission"], operation.permission.as_str(), "{place}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_refuses_parameters_it_does_not_know_and_long_ones() {
    let mut server = TestServer::start(Backend::Sqlite).await;
    let api = server.api(&Role::ALL).await;
    let refused = |(status, problem): (u16, Value)| {
        let error = &problem["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (status, text("field"), text("code"))
    };
    let long = "x".repeat(201);
    let mut texts = 0;
    for operation in operations() {
        let place = format!("{} {}", operation.method, operation.path);
        let answer = refused(operation.send_with(&api, "?nonsense=1").await);
        assert_eq!(answer, (422, "nonsense".to_owned(), "unknown_field".to_owned()), "{place}");
        // A cursor is not typed and has its own limit.
        for name in operation.parameters.iter().filter(|name| *name != "after") {
            let answer = refused(operation.send_with(&api, &format!("?{name}={long}")).await);
            assert_eq!(answer, (422, name.clone(), "too_long".to_owned()), "{place}");
            texts += 1;
        }
    }
    assert!(texts > 20, "{texts}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_a_browser_asks_for_the_csrf_token() {
    let server = TestServer::start(Backend::Sqlite).await;
    server.token("anna", &[Role::Admin]).await;
    let body = serde_json::json!({ "user_name": "anna", "password": PASSWORD });
    let cookie = server.anonymous().post("/api/v1/auth/sign-in", &body).await.cookie();
    let browser = server.anonymous().with_header("cookie", &cookie);
    for operation in operations().iter().filter(|operation| operation.permission != PUBLIC) {
        let place = format!("{} {}", operation.method, operation.path);
        let (status, problem) = operation.send(&browser).await;
        let refused = (status, problem["code"].as_str()) == (403, Some("csrf_token_missing"));
        assert_eq!(refused, operation.method != Method::GET, "{place}: {status} {problem}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_the_own_session_works_with_a_first_password() {
    let server = TestServer::start(Backend::Sqlite).await;
    let (browser, _) = server.anonymous().sign_in("admin", PASSWORD).await;
    let open = ["GET /api/v1/auth/session", "PUT /api/v1/auth/password", "POST /api/v1/auth/sign-out"];
    for operation in operations().iter().filter(|operation| operation.permission != PUBLIC) {
        let place = format!("{} {}", operation.method, operation.path);
        if open.contains(&place.as_str()) {
            continue;
        }
        let (status, problem) = operation.send(&browser).await;
        assert_eq!((status, problem["code"].as_str()), (403, Some("password_change_required")), "{place}");
    }
    for place in open {
        let (method, path) = place.split_once(' ').expect("two words");
        let operation = Operation {
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            permission: String::new(),
            step_up: false,
            parameters: Vec::new(),
        };
        let (status, problem) = operation.send(&browser).await;
        assert!(status != 401 && status != 403, "{place}: {status} {problem}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dangerous_asks_a_browser_for_a_confirmation_and_nothing_else_does() {
    let server = TestServer::start(Backend::Sqlite).await;
    let operations = operations();
    let dangerous = operations.iter().filter(|operation| operation.step_up).count();
    assert!(dangerous >= 10, "{dangerous}");
    for (user_name, roles) in [("root", Role::ALL.to_vec()), ("nobody", Vec::new())] {
        server.token(user_name, &roles).await;
        for operation in operations.iter().filter(|operation| operation.permission != PUBLIC) {
            let place = format!("{} {} as {user_name}", operation.method, operation.path);
            // Some of them end the session; and each is asked a quarter of an hour after the sign-in.
            let (browser, _) = server.anonymous().sign_in(user_name, PASSWORD).await;
            server.clock.advance(jiff::SignedDuration::from_secs(901));
            let wanted = permission(&operation.permission).expect("a permission");
            let may = RoleSet::new(roles.iter().copied()).may(wanted);
            let (status, problem) = operation.send(&browser).await;
            let asked = (status, problem["code"].as_str()) == (403, Some("step_up_required"));
            assert_eq!(asked, may && operation.step_up, "{place}: {status} {problem}");
        }
    }
    server.stop().await;
}
