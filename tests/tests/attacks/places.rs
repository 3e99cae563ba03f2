//! Everywhere a secret could turn up: what the API says, the event stream, the log, the database as it lies on the
//! disk. And the search through it, in the forms in which it could stand there.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;
use tests::desk::all_pages;
use tests::{ApiClient, TestServer};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::impersonation::PASSWORD;

/// A place and what stands in it.
pub(crate) type Place = (String, Vec<u8>);

/// Collections that are the same on every server: three of their things are enough.
const SAME_EVERYWHERE: [&str; 2] = ["/api/v1/parameters", "/api/v1/device-models"];

/// Everything an administrator can read: every GET operation of the API document, for every id there is. Plans have no
/// list, so their ids are given.
pub(crate) async fn readable(api: &ApiClient, plans: &[Value]) -> Vec<Place> {
    let document = serde_json::to_value(workpoint::routes::openapi()).expect("a document");
    let mut places = Vec::new();
    for (template, operations) in document["paths"].as_object().expect("paths") {
        // The stream has no end; somebody else reads it.
        if operations.get("get").is_none() || template.ends_with("/events") {
            continue;
        }
        for path in addresses(api, template, plans).await {
            for query in queries(&operations["get"]) {
                let address = format!("{path}{query}");
                let answer = api.get(&address).await;
                assert_eq!(answer.status, 200, "{address}: {}", answer.text);
                places.push((address, answer.text.into_bytes()));
            }
        }
    }
    places
}

/// The addresses of a template of paths.
async fn addresses(api: &ApiClient, template: &str, plans: &[Value]) -> Vec<String> {
    let mut found = vec![String::new()];
    for segment in template.split('/').skip(1) {
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            found.iter_mut().for_each(|path| *path = format!("{path}/{segment}"));
            continue;
        };
        let mut longer = Vec::new();
        for collection in &found {
            let mut ids =
                if collection == "/api/v1/plans" { plans.to_vec() } else { ids(api, collection, name).await };
            assert!(!ids.is_empty() || collection.contains("revisions"), "nothing in {collection}");
            if SAME_EVERYWHERE.contains(&collection.as_str()) {
                ids.truncate(3);
            }
            longer.extend(ids.iter().map(|id| format!("{collection}/{}", id.to_string().trim_matches('"'))));
        }
        found = longer;
    }
    found
}

async fn ids(api: &ApiClient, collection: &str, name: &str) -> Vec<Value> {
    let name = if name == "target" { "id" } else { name };
    let list = api.get(collection).await.expect(200);
    let first = list["items"].as_array().or(list.as_array()).cloned().unwrap_or_default();
    // Some collections are always given whole, and know no pages.
    let is_whole =
        list["next"].is_null() && list["total"].as_u64().is_none_or(|total| total <= first.len() as u64);
    let rows = if is_whole { first } else { all_pages(api, collection).await };
    rows.iter().map(|row| row[name].clone()).filter(|id| !id.is_null()).collect()
}

/// The queries by which an operation says most.
fn queries(operation: &Value) -> Vec<String> {
    let takes = |name: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name && one["in"] == "query"))
    };
    let queries = match (takes("only"), takes("format"), takes("size"), takes("parameter")) {
        (true, _, _, _) => vec!["?only=desired&size=500", "?only=reported&size=500"],
        (_, true, _, _) => vec!["?format=csv", "?format=json"],
        (_, _, true, _) => vec!["?size=500"],
        // The layers of one parameter: of the secret.
        (_, _, _, true) => return vec![format!("?parameter={PASSWORD}")],
        _ => vec![""],
    };
    queries.into_iter().map(str::to_owned).collect()
}

/// The database as it is: for SQLite every file of the data directory but the key; for PostgreSQL all rows, where
/// bytes stand as hexadecimal digits.
pub(crate) async fn stored(server: &TestServer) -> Vec<Place> {
    if server.config().database_url.is_some() {
        return vec![("the rows of the database".to_owned(), server.raw_data().await)];
    }
    let (mut places, mut directories) = (Vec::new(), vec![server.config().data_dir.clone()]);
    while let Some(directory) = directories.pop() {
        let mut entries = tokio::fs::read_dir(&directory).await.expect("a directory");
        while let Some(entry) = entries.next_entry().await.expect("an entry") {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with("secret.key") {
                places.push((path.display().to_string(), tokio::fs::read(&path).await.expect("a file")));
            }
        }
    }
    assert!(places.iter().any(|(name, _)| name.ends_with("workpoint.sqlite")), "no database");
    places
}

static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(Arc::default);

#[derive(Clone)]
struct Memory;

impl std::io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Memory {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// From now on everything that is logged is kept, by the libraries too: more than the product can be told to log.
pub(crate) fn keep_log() {
    let writer = tracing_subscriber::fmt().with_writer(Memory).with_ansi(false).with_env_filter(
        EnvFilter::new("debug,workpoint=trace,simulator=trace,sqlx=trace,sea_orm=trace,tower_http=trace"),
    );
    // The second database's test finds it started.
    writer.try_init().ok();
}

/// What was logged so far.
pub(crate) fn logged() -> Place {
    ("the log".to_owned(), LOG.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Whether a text stands among bytes: as it is, as hexadecimal digits, or in base64.
pub(crate) fn stands_in(bytes: &[u8], text: &str) -> bool {
    let haystack = String::from_utf8_lossy(bytes);
    forms(text).iter().any(|form| haystack.contains(form))
}

fn forms(text: &str) -> Vec<String> {
    let hexadecimal = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![text.to_owned(), hexadecimal];
    // Whatever stands before it shifts the digits of base64: without the ends that depend on neighbours, one of three.
    for shift in 0..3 {
        let whole = (text.len() - (3 - shift) % 3) / 3 * 3;
        let bytes = &text.as_bytes()[(3 - shift) % 3..][..whole];
        forms.push(base64(bytes));
    }
    forms
}

/// Base64 of bytes in threes (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        text.extend([18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift & 63) as usize])));
    }
    text
}

#[test]
fn a_text_is_found_in_every_form() {
    let secret = "canary-bird-07";
    for hidden in [
        "xx canary-bird-07 yy",
        "\\\\x0163616e6172792d626972642d303702",
        // base64 of the text behind nothing, `a` and `ab`.
        "Y2FuYXJ5LWJpcmQtMDc=",
        "YWNhbmFyeS1iaXJkLTA3",
        "YWJjYW5hcnktYmlyZC0wNw==",
    ] {
        assert!(stands_in(hidden.as_bytes(), secret), "{hidden}");
    }
    assert!(!stands_in(b"canary-fish-07 Y2FuYXJ5LWZpc2gtMDc=", secret));
}
