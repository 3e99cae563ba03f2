//! Reads jobs, targets and what else the API says, turns it into evidence, and looks for secrets in every answer.
//! What the evidence proves is decided in `invariants.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use serde_json::Value;
use tests::crash::{Answered, Asker};

use super::invariants::{JobEvidence, Key, TargetEvidence};

/// Requests under way at once.
const AT_ONCE: usize = 6;

/// Secrets that were set, and requests that were answered with one.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    secrets: Mutex<Vec<String>>,
    leaks: Mutex<Vec<String>>,
}

impl Watch {
    /// From now on this text may stand in no answer.
    pub(crate) fn keep(&self, secret: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
    }

    /// Looks at an answer.
    pub(crate) fn look(&self, request: &str, answer: &Answered) {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.iter().any(|secret| answer.text.contains(secret)) {
            self.leaks.lock().unwrap_or_else(PoisonError::into_inner).push(request.to_owned());
        }
    }

    /// Requests that were answered with a secret.
    pub(crate) fn leaks(&self) -> Vec<String> {
        self.leaks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads a path that must be answered.
pub(crate) async fn read(asker: &Asker, watch: &Watch, path: &str) -> Value {
    let answer = asker.get(path).await.unwrap_or_else(|| panic!("no answer to {path}"));
    watch.look(path, &answer);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// All jobs as the list shows them.
pub(crate) async fn list(asker: &Asker, watch: &Watch) -> Vec<Value> {
    let page = read(asker, watch, "/api/v1/jobs?size=500").await;
    let items = page["items"].as_array().expect("jobs").clone();
    assert_eq!(page["total"], items.len(), "one page holds the jobs of a case");
    items
}

/// Evidence of all jobs there are at the moment.
pub(crate) async fn jobs(asker: &Asker, watch: &Watch) -> Vec<JobEvidence> {
    let listed = list(asker, watch).await;
    futures_util::stream::iter(listed)
        .map(|listed| async move { job(asker, watch, &listed["id"]).await })
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn job(asker: &Asker, watch: &Watch, id: &Value) -> JobEvidence {
    let view = read(asker, watch, &format!("/api/v1/jobs/{id}")).await;
    let page = read(asker, watch, &format!("/api/v1/jobs/{id}/targets?size=500")).await;
    let kind = text(&view["kind"]);
    let writes = matches!(&*kind, "write-configuration" | "converge");
    let mut targets = Vec::new();
    for listed in page["items"].as_array().expect("targets") {
        let mut shown = listed.clone();
        if writes {
            shown = read(asker, watch, &format!("/api/v1/jobs/{id}/targets/{}", listed["id"])).await;
        }
        targets.push(target(&shown));
    }
    let counts: BTreeMap<String, u64> =
        serde_json::from_value(view["targets"].clone()).expect("counts by state");
    JobEvidence {
        id: number(id),
        kind,
        state: text(&view["state"]),
        counts,
        targets,
        ..JobEvidence::default()
    }
}

fn target(shown: &Value) -> TargetEvidence {
    let entries = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let rows: BTreeSet<Key> = entries("rows").iter().map(key).collect();
    let results = entries("results").iter().map(|result| (key(result), text(&result["code"]))).collect();
    TargetEvidence {
        id: number(&shown["id"]),
        client: number(&shown["client_id"]),
        state: text(&shown["state"]),
        reason: shown["reason"].as_str().map(str::to_owned),
        rows,
        results,
    }
}

fn key(entry: &Value) -> Key {
    let index = entry["index"].as_u64().map(|index| u16::try_from(index).expect("an index"));
    (text(&entry["item"]), index)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// Reads what else the API says of clients and of what was done, only to look for secrets.
pub(crate) async fn look_around(asker: &Asker, watch: &Watch, clients: &[i64]) {
    let of_client = |id: &i64| {
        ["", "/configuration?size=500", "/revisions", "/items"]
            .map(|what| format!("/api/v1/clients/{id}{what}"))
    };
    let more = ["/api/v1/audit?size=500", "/api/v1/clients?size=500", "/api/v1/notifications"];
    let paths = clients.iter().flat_map(of_client).chain(more.map(str::to_owned));
    futures_util::stream::iter(paths)
        .map(|path| async move { read(asker, watch, &path).await })
        .buffer_unordered(AT_ONCE)
        .for_each(|_| async {})
        .await;
}
