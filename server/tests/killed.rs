//! The program is killed in the middle of a job for many phones and started again: every phone has its value, and
//! none whose answer was recorded was written twice (D-26, D-39). It stands here and not in `tests/`, because only
//! the package's own tests are told where the built program is.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a step of a test that fails ends it, and nothing else runs in this process"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use simulator::{Family, Fleet, Opening, SimulateConfig, SimulatedPhone};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::interval;

/// Phones of the job.
const PHONES: u32 = 200;

/// Phones that come at the same time.
const AT_ONCE: usize = 16;

/// Longest wait for something the program does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

const VALUE: &str = "sip9.example.net";

/// A data directory, the ports of the program on it, and what runs of it.
struct Program {
    data: PathBuf,
    phones: u16,
    api: u16,
    child: Option<Child>,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port()
}

impl Program {
    fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), phones: free_port(), api: free_port(), child: None }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workpoint"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WORKPOINT_")) {
            command.env_remove(name);
        }
        command
            .current_dir(&self.data)
            .env("WORKPOINT_DATA_DIR", &self.data)
            .env("WORKPOINT_LISTEN_ADDRESS", "127.0.0.1")
            .env("WORKPOINT_PORTS_DEFAULT_MODE_CLIENT_PORT", self.phones.to_string())
            .env("WORKPOINT_PORTS_SECURE_MODE_CLIENT_PORT", "0")
            .env("WORKPOINT_PORTS_API_SERVER_PORT", self.api.to_string())
            .env("WORKPOINT_PORTS_DCMP_SERVER_PORT", "0")
            // The phones come by themselves.
            .env("WORKPOINT_CONTACT_ME_RATE", "1")
            .kill_on_drop(true);
        command
    }

    async fn start(&mut self) {
        let serving = self.command().arg("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = self.child.insert(serving.expect("it starts"));
        let end = Instant::now() + PATIENCE;
        let mut ticks = interval(Duration::from_millis(50));
        while tokio::net::TcpStream::connect(("127.0.0.1", self.api)).await.is_err() {
            assert_eq!(child.try_wait().expect("a process"), None, "it stopped at its start");
            assert!(Instant::now() < end, "it does not listen");
            ticks.tick().await;
        }
    }

    /// Kills it as the system would: it is asked nothing.
    async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.expect("it is killed");
    }

    async fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).await.expect("input");
        let done = child.wait_with_output().await.expect("it ends");
        assert!(done.status.success(), "{arguments:?}");
        String::from_utf8(done.stdout).expect("text")
    }

    async fn api(&self) -> Api {
        let user = ["user", "create", "--username", "killer", "--role", "admin", "--password-stdin"];
        self.run(&user, "a password nobody guesses\n").await;
        let token = self.run(&["token", "create", "--user", "killer", "--name", "killer"], "").await;
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build();
        let base = format!("https://127.0.0.1:{}/api/v1", self.api);
        Api { http: http.expect("a client"), base, token: token.trim().to_owned() }
    }
}

struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    async fn ask(&self, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.base);
        let request = match body {
            Some(body) => {
                self.http.post(url).header("content-type", "application/json").body(body.to_string())
            }
            None => self.http.get(url),
        };
        let answer = request.bearer_auth(&self.token).send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

async fn fleet(server: SocketAddr) -> Vec<Arc<SimulatedPhone>> {
    let config = SimulateConfig {
        phones: PHONES,
        server: server.to_string(),
        source: Some("127.93.0.0/16".parse().expect("a block")),
        contact_me_port: 0,
        family: Some(Family::Sip),
        models: vec!["CP600".parse().expect("a model")],
        items: 60,
        ..SimulateConfig::default()
    };
    Fleet::prepare(&config).await.expect("a fleet").phones().to_vec()
}

/// Lets phones come, some at a time; gives whose session came to its end, as they end.
fn come<'a>(
    phones: &'a [Arc<SimulatedPhone>],
    opening: &'a Opening,
) -> impl futures_util::Stream<Item = (usize, bool)> + 'a {
    let sessions = phones.iter().enumerate().map(move |(number, phone)| async move {
        (number, phone.session(opening).await.is_ok_and(|outcome| outcome.end.is_complete()))
    });
    futures_util::stream::iter(sessions).buffer_unordered(AT_ONCE)
}

async fn all_come(phones: &[Arc<SimulatedPhone>], opening: &Opening) {
    let mut coming = std::pin::pin!(come(phones, opening));
    while let Some((number, complete)) = coming.next().await {
        assert!(complete, "phone {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_the_process() {
    let data = tempfile::tempdir().expect("a directory");
    let mut program = Program::new(data.path());
    program.start().await;
    let api = program.api().await;
    let phones = fleet(SocketAddr::from(([127, 0, 0, 1], program.phones))).await;
    all_come(&phones, &Opening::StartUp).await;

    let body = json!({"kind": "write-configuration", "targets": {"filter": {}},
        "changes": [{"parameter": "telephony.sip-settings.server-address", "value": VALUE}]});
    let plan = api.ask("/plans", Some(&body)).await;
    let confirm = json!({"confirm": PHONES});
    let applied = api.ask(&format!("/plans/{}/apply", plan["id"]), Some(&confirm)).await;
    assert_eq!(applied["targets"], PHONES);

    // Killed while others are on their way.
    let mut done = vec![false; phones.len()];
    {
        let opening = Opening::Solicited;
        let mut coming = std::pin::pin!(come(&phones, &opening));
        for _ in 0..PHONES / 2 {
            let (number, complete) = coming.next().await.expect("a phone");
            done[number] = complete;
        }
        program.kill().await;
        while let Some((number, complete)) = coming.next().await {
            done[number] |= complete;
        }
    }
    let ended = done.iter().filter(|done| **done).count();
    assert!((phones.len() / 2..phones.len()).contains(&ended), "killed in the middle: {ended}");

    program.start().await;
    let job = format!("/jobs/{}", applied["job_id"]);
    let counts = api.ask(&job, None).await["targets"].clone();
    let written = counts["success"].as_u64().expect("a count");
    assert!(written >= ended as u64, "what was answered is recorded: {counts}");
    all_come(&phones, &Opening::Solicited).await;
    let end = Instant::now() + PATIENCE;
    let mut ticks = interval(Duration::from_millis(50));
    loop {
        let view = api.ask(&job, None).await;
        if view["state"] == "success" {
            assert_eq!(view["targets"]["success"], PHONES, "{view}");
            break;
        }
        assert!(Instant::now() < end, "{view}");
        ticks.tick().await;
    }
    let mut twice = 0;
    for (number, phone) in phones.iter().enumerate() {
        assert_eq!(phone.value("reg-addr", None).await.as_deref(), Some(VALUE), "phone {number}");
        let received = phone.orders().await.item("reg-addr", None).received;
        assert!(received == 1 || !done[number] && received == 2, "phone {number}: {received} times");
        twice += usize::from(received == 2);
    }
    assert!(twice <= AT_ONCE, "only what was under way is repeated: {twice}");
}
