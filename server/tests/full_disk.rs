//! No room is left while files are uploaded: the caller is told so, nothing half stays behind, and everything works again
//! once there is room. The program runs in a mount namespace of its own, on a small file system in memory. It stands
//! here and not in `tests/`, because only the package's own tests are told where the built program is.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a step of a test that fails ends it, and nothing else runs in this process"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::interval;

/// Longest wait for something the program does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

const MEGABYTE: usize = 1024 * 1024;

/// A running program, part of whose data directory is a small file system.
struct Program {
    data: PathBuf,
    api: u16,
    child: Child,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port()
}

fn settings(command: &mut Command, data: &Path, api: u16) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WORKPOINT_")) {
        command.env_remove(name);
    }
    command
        .current_dir(data)
        .env("WORKPOINT_DATA_DIR", data)
        .env("WORKPOINT_LISTEN_ADDRESS", "127.0.0.1")
        .env("WORKPOINT_PORTS_DEFAULT_MODE_CLIENT_PORT", "0")
        .env("WORKPOINT_PORTS_SECURE_MODE_CLIENT_PORT", "0")
        .env("WORKPOINT_PORTS_API_SERVER_PORT", api.to_string())
        .env("WORKPOINT_PORTS_DCMP_SERVER_PORT", "0")
        // These disks are far smaller than what is kept free of one otherwise.
        .env("WORKPOINT_FILES_RESERVE", "0")
        .kill_on_drop(true);
}

impl Program {
    /// Starts it with so many megabytes at `place` below its data directory, empty for all of it. Gives the token of an
    /// administrator as well.
    async fn start(data: &Path, place: &str, megabytes: usize) -> (Self, String) {
        let api = free_port();
        let small = data.join(place);
        tokio::fs::create_dir_all(&small).await.expect("a directory");
        // What runs in the namespace is the program itself: it is killed when the test ends.
        let script = "mount -t tmpfs -o size=\"$1\"m tmpfs \"$2\" || exit 9; shift 2; cd \"$WORKPOINT_DATA_DIR\"; \
            token=$(printf 'a password nobody guesses' | \"$1\" user create --username filler --role admin \
            --password-stdin >&2 && \"$1\" token create --user filler --name filler) || exit 8; \
            printf '%s\\n' \"$token\"; exec \"$1\" serve >/dev/null 2>&1";
        let mut command = Command::new("unshare");
        settings(&mut command, data, api);
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .arg(megabytes.to_string())
            .arg(&small)
            .arg(env!("CARGO_BIN_EXE_workpoint"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("unshare runs");
        let mut output = tokio::io::BufReader::new(child.stdout.take().expect("a pipe"));
        let mut token = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut output, &mut token).await.expect("a token");
        assert!(!token.trim().is_empty(), "no token: {:?}", child.try_wait());
        let end = Instant::now() + PATIENCE;
        let mut ticks = interval(Duration::from_millis(50));
        while tokio::net::TcpStream::connect(("127.0.0.1", api)).await.is_err() {
            assert_eq!(child.try_wait().expect("a process"), None, "it stopped at its start");
            assert!(Instant::now() < end, "it does not listen");
            ticks.tick().await;
        }
        (Self { data: data.to_owned(), api, child }, token.trim().to_owned())
    }

    /// Names in a directory of its own, as it sees them.
    fn names_in(&self, directory: &str) -> Vec<String> {
        let process = self.child.id().expect("it runs");
        let path = self.data.join("files").join(directory);
        let seen = Path::new("/proc").join(process.to_string()).join("root");
        let seen = seen.join(path.strip_prefix("/").expect("an absolute path"));
        let entries = std::fs::read_dir(seen).expect("the directory as the program sees it");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        // But the mark of the installation.
        names.filter(|name| name != ".workpoint").collect()
    }
}

struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    fn new(program: &Program, token: String) -> Self {
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build();
        let base = format!("https://127.0.0.1:{}/api/v1", program.api);
        Self { http: http.expect("a client"), base, token }
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.header("content-type", kind).header("if-match", "*").body(body).send().await;
        let answer = answer.expect("an answer");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a body"));
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn upload(&self, name: &str, content: &[u8]) -> (u16, Value) {
        let head =
            format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        let body = [head.as_bytes(), content, b"\r\n--b--\r\n"].concat();
        self.send(Method::POST, "/files", "multipart/form-data; boundary=b", body).await
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.send(method, path, "application/json", body.to_string().into_bytes()).await
    }

    async fn piece(&self, token: &str, offset: usize, bytes: &[u8]) -> (u16, Value) {
        let path = format!("/uploads/{token}?offset={offset}");
        self.send(Method::PATCH, &path, "application/octet-stream", bytes.to_vec()).await
    }

    async fn content(&self, file: &Value) -> Vec<u8> {
        let url = format!("{}/files/{}/content", self.base, file["id"]);
        let answer = self.http.get(url).bearer_auth(&self.token).send().await.expect("an answer");
        answer.bytes().await.expect("a body").to_vec()
    }
}

/// Bytes that are no known format.
fn bytes(number: u8, megabytes: usize) -> Vec<u8> {
    let mut bytes = vec![number; megabytes * MEGABYTE];
    bytes[0] = 0;
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_room_for_files_is_said_and_leaves_nothing_behind() {
    let data = tempfile::tempdir().expect("a directory");
    let (program, token) = Program::start(data.path(), "files", 8).await;
    let api = Api::new(&program, token);
    let (status, first) = api.upload("first", &bytes(1, 5)).await;
    assert_eq!(status, 201, "{first}");

    let (status, problem) = api.upload("second", &bytes(2, 5)).await;
    assert_eq!((status, &problem["code"]), (507, &json!("storage_full")), "{problem}");
    assert_eq!(program.names_in("uploads"), Vec::<String>::new());
    assert_eq!(program.names_in("objects").len(), 1);
    assert_eq!(api.json(Method::GET, "/files", json!({})).await.1["total"], 1);

    // In pieces: what would not fit is refused at once.
    let asked = json!({"name": "third", "size": 5 * MEGABYTE});
    let (status, problem) = api.json(Method::POST, "/uploads", asked.clone()).await;
    assert_eq!((status, &problem["code"]), (507, &json!("storage_full")), "{problem}");
    assert_eq!(api.content(&first).await, bytes(1, 5));
    let path = format!("/files/{}", first["id"]);
    assert_eq!(api.json(Method::DELETE, &path, json!({})).await.0, 204);

    // What had arrived before stays, the piece without room goes.
    let (status, upload) = api.json(Method::POST, "/uploads", asked).await;
    assert_eq!(status, 201, "{upload}");
    let token = upload["token"].as_str().expect("a token");
    let third = bytes(3, 5);
    assert_eq!(api.piece(token, 0, &third[..MEGABYTE]).await.0, 200);
    let (status, other) = api.upload("fourth", &bytes(4, 4)).await;
    assert_eq!(status, 201, "{other}");
    let (status, problem) = api.piece(token, MEGABYTE, &third[MEGABYTE..]).await;
    assert_eq!((status, &problem["code"]), (507, &json!("storage_full")), "{problem}");
    let (_, view) = api.json(Method::GET, &format!("/uploads/{token}"), json!({})).await;
    assert_eq!(view["received"], MEGABYTE);
    assert_eq!(api.content(&other).await, bytes(4, 4));

    // Room is made, and it goes on where it was.
    let path = format!("/files/{}", other["id"]);
    assert_eq!(api.json(Method::DELETE, &path, json!({})).await.0, 204);
    assert_eq!(api.piece(token, MEGABYTE, &third[MEGABYTE..]).await.0, 200);
    let (status, file) = api.json(Method::POST, &format!("/uploads/{token}/finish"), json!({})).await;
    assert_eq!(status, 201, "{file}");
    assert_eq!(api.content(&file).await, third);
    assert_eq!((program.names_in("uploads").len(), program.names_in("objects").len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_an_upload_fills_serves_the_database_again() {
    let data = tempfile::tempdir().expect("a directory");
    let (program, token) = Program::start(data.path(), "", 48).await;
    let api = Api::new(&program, token);
    let (status, problem) = api.upload("too large", &bytes(1, 60)).await;
    assert_eq!((status, &problem["code"]), (507, &json!("storage_full")), "{problem}");
    assert_eq!(program.names_in("uploads"), Vec::<String>::new());
    let (status, file) = api.upload("small", &bytes(2, 1)).await;
    assert_eq!(status, 201, "{file}");
    assert_eq!(api.content(&file).await, bytes(2, 1));
}
