//! A storage provider that does what the test wants: a web server with one file, or with several of the same content.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Role;
use serde_json::{Value, json};
use tests::storage_servers::Identity;
use tests::{TestServer, wait_until};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Its first file.
pub(crate) const NAME: &str = "image.bin";

/// Longer ranges and whole files are what phones need; shorter ones are looks at what a file is.
const LOOK: u64 = 400_000;

/// What it does when its file is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Gives it.
    Good,
    /// Gives so many bytes and closes the connection.
    Cut(u64),
    /// Gives so many bytes and then nothing more until it is let go on.
    Hold(u64),
    /// Gives other bytes of the same length under the same tag.
    Other,
    /// Says that it is not there.
    Missing,
    /// Says that it is not for us.
    Refuse,
    /// Has become a longer one.
    Longer,
}

/// A running one.
pub(crate) struct Fake {
    url: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    content: String,
    names: Vec<String>,
    /// Fetches being answered, now and at most.
    running: AtomicU64,
    most_running: AtomicU64,
    act: Mutex<Act>,
    /// What follows once.
    next: Mutex<Vec<Act>>,
    fetches: AtomicU64,
    go_on: Notify,
}

impl Fake {
    /// Starts one with this content.
    pub(crate) async fn start(content: String) -> Self {
        Self::with_files(content, 1).await
    }

    /// Starts one with so many files that all have this content.
    pub(crate) async fn with_files(content: String, number: usize) -> Self {
        let others = (1..number).map(|number| format!("image{number}.bin"));
        let names = std::iter::once(NAME.to_owned()).chain(others).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("https://{}/files/", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            content,
            names,
            running: AtomicU64::new(0),
            most_running: AtomicU64::new(0),
            act: Mutex::new(Act::Good),
            next: Mutex::default(),
            fetches: AtomicU64::new(0),
            go_on: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let shared = Arc::clone(&shared);
            async move {
                let acceptor = Identity::get().acceptor();
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
                    connections.spawn(async move {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            // A client that goes away is no matter.
                            let _ = answer(stream, &shared).await;
                        }
                    });
                }
            }
        });
        Self { url, shared, _tasks: tasks }
    }

    /// What it does from now on.
    pub(crate) fn act(&self, act: Act) {
        *self.shared.act.lock().expect("no panic") = act;
    }

    /// What it does once before that.
    pub(crate) fn first(&self, act: Act) {
        self.shared.next.lock().expect("no panic").push(act);
    }

    /// Lets go on what is held.
    pub(crate) fn go_on(&self) {
        self.shared.go_on.notify_one();
    }

    /// How often the file was fetched, in whole or from a place on.
    pub(crate) fn fetches(&self) -> u64 {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// Fetches that are being answered now.
    pub(crate) fn running(&self) -> u64 {
        self.shared.running.load(Ordering::SeqCst)
    }

    /// Most fetches that were being answered at the same time.
    pub(crate) fn most_running(&self) -> u64 {
        self.shared.most_running.load(Ordering::SeqCst)
    }

    /// Makes it a provider of the server and has it scanned; gives the provider's id and its file, ready to be
    /// deployed.
    pub(crate) async fn register(&self, server: &mut TestServer) -> (Value, Value) {
        server.change_setting("server-settings.storage.allowed-networks", "127.0.0.0/8").await;
        server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
        let api = server.api(&[Role::Admin]).await;
        let new = json!({
            "name": format!("Fake {}", self.url), "kind": "https", "url": self.url, "listing": "index-file", "scan": true,
        });
        let provider = api.post("/api/v1/storage-providers", &new).await.expect(201)["id"].clone();
        let path = format!("/api/v1/storage-providers/{provider}");
        wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
        let files = api.get(&format!("/api/v1/files?provider={provider}")).await.expect(200);
        let path = format!("/api/v1/files/{}", files["items"][0]["id"]);
        let etag = api.get(&path).await.header("etag").to_owned();
        let change = json!({ "file_type": "dongle" });
        let file = api.clone().if_match(&etag).patch(&path, &change).await.expect(200);
        assert_eq!((&file["name"], &file["state"]), (&json!(NAME), &json!("ready")), "{file}");
        (provider, file)
    }
}

/// Answers one request and closes.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let mut first = head.split_whitespace();
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let content = shared.content.as_bytes();
    let is_file =
        path.strip_prefix("/files/").is_some_and(|name| shared.names.iter().any(|known| known == name));
    match (method, path) {
        ("get", "/files/index.txt") => {
            let list = shared.names.join("\n");
            let length = list.len();
            stream
                .write_all(
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{list}")
                        .as_bytes(),
                )
                .await?;
        }
        ("head", _) if is_file => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"one\"\r\nconnection: close\r\n\r\n",
                content.len()
            );
            stream.write_all(head.as_bytes()).await?;
        }
        ("get", _) if is_file => {
            let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
            give(&mut stream, shared, range).await?;
        }
        _ => {
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await?;
        }
    }
    stream.shutdown().await
}

/// A fetch that is being answered.
struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn begin(shared: &'a Shared) -> Self {
        let running = shared.running.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_running.fetch_max(running, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn give<S: AsyncWrite + Unpin>(
    stream: &mut S,
    shared: &Shared,
    range: Option<&str>,
) -> std::io::Result<()> {
    let content = shared.content.as_bytes();
    let size = content.len();
    let (begin, end) = match range.and_then(|range| range.trim().split_once('-')) {
        Some((begin, end)) => {
            (begin.parse().unwrap_or(0), end.parse::<usize>().map_or(size, |end| (end + 1).min(size)))
        }
        None => (0, size),
    };
    let part = &content[begin..end];
    let fetched = part.len() as u64 > LOOK || (begin > 0 && end == size && part.len() > 10_000);
    let mut act = Act::Good;
    let _running = fetched.then(|| Running::begin(shared));
    if fetched {
        shared.fetches.fetch_add(1, Ordering::SeqCst);
        let mut next = shared.next.lock().expect("no panic");
        act = if next.is_empty() { *shared.act.lock().expect("no panic") } else { next.remove(0) };
    }
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let told =
        range.map(|_| format!("content-range: bytes {begin}-{}/{size}\r\n", end - 1)).unwrap_or_default();
    let longer = [content, b"more"].concat();
    let part = if matches!(act, Act::Longer) { &longer[..] } else { part };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: \"one\"\r\n{told}connection: close\r\n\r\n",
        part.len()
    );
    let refusal = match act {
        Act::Missing => Some("404 Not Found"),
        Act::Refuse => Some("403 Forbidden"),
        _ => None,
    };
    if let Some(status) = refusal {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return stream.write_all(head.as_bytes()).await;
    }
    stream.write_all(head.as_bytes()).await?;
    match act {
        Act::Good | Act::Missing | Act::Refuse | Act::Longer => stream.write_all(part).await,
        Act::Cut(bytes) => stream.write_all(&part[..usize::try_from(bytes).unwrap_or(0)]).await,
        Act::Other => stream.write_all(&vec![b'x'; part.len()]).await,
        Act::Hold(bytes) => {
            let (now, later) = part.split_at(usize::try_from(bytes).unwrap_or(0));
            stream.write_all(now).await?;
            stream.flush().await?;
            // The test lets it go on; one that has failed must not leave it here for ever.
            let _ = tokio::time::timeout(Duration::from_secs(30), shared.go_on.notified()).await;
            stream.write_all(later).await
        }
    }
}
