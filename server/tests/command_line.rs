//! The program itself: every verb, run as an administrator runs it. It stands here and not in `tests/`,
//! because only the package's own tests are told where the built program is.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a step of a test that fails ends it, and nothing else runs in this process"
)]

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A program with its own data directory and nothing of the caller's settings.
fn workpoint(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workpoint"));
    command.current_dir(data).env("WORKPOINT_DATA_DIR", data).env("WORKPOINT_LISTEN_ADDRESS", "127.0.0.1");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WORKPOINT_")) {
        command.env_remove(name);
    }
    command.env("WORKPOINT_DATA_DIR", data).env("WORKPOINT_LISTEN_ADDRESS", "127.0.0.1");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text(&output)
}

fn fails(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(!output.status.success(), "{}", text(&output));
    String::from_utf8(output.stderr).expect("text")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("input");
    child.wait_with_output().expect("it ends")
}

/// A running `workpoint serve`, ended with the test.
struct Serving {
    child: Child,
    /// Lines of standard output (`true`) and of the log, as they come.
    lines: mpsc::Receiver<(bool, String)>,
}

impl Serving {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take().expect("a pipe"), true, sender.clone());
        forward(child.stderr.take().expect("a pipe"), false, sender);
        Self { child, lines }
    }

    /// Waits until somebody answers on the port; gives what was said until then.
    fn wait_for(&mut self, port: u16) -> Vec<(bool, String)> {
        let end = Instant::now() + Duration::from_secs(60);
        let mut said = Vec::new();
        while Instant::now() < end {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return said;
            }
            match self.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => said.push(line),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => panic!("it stopped at its start: {said:?}"),
            }
        }
        panic!("it does not listen: {said:?}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end in the background, so that it never fills up.
fn forward(pipe: impl Read + Send + 'static, is_output: bool, to: mpsc::Sender<(bool, String)>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more when the test has ended.
            let _ = to.send((is_output, line));
        }
    });
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port()
}

#[test]
fn every_verb_has_help_with_an_example() {
    let data = tempfile::tempdir().expect("a directory");
    let verbs: [&[&str]; 10] = [
        &["serve"],
        &["migrate"],
        &["check-config"],
        &["openapi"],
        &["user", "create"],
        &["token", "create"],
        &["simulate"],
        &["dhcp"],
        &["doctor"],
        &[],
    ];
    for verb in verbs {
        let help = succeeds(workpoint(data.path()).args(verb).arg("--help"));
        assert!(verb.is_empty() || help.contains("Example:"), "{verb:?}: {help}");
    }
}

#[test]
fn the_configuration_is_checked() {
    let data = tempfile::tempdir().expect("a directory");
    let good = succeeds(
        workpoint(data.path())
            .args(["check-config", "--json"])
            .env("WORKPOINT_PORTS_API_SERVER_PORT", "1234"),
    );
    assert_eq!(json(&good)["settings"]["server-settings.ports.api-server-port"], 1234);
    let bad =
        fails(workpoint(data.path()).arg("check-config").env("WORKPOINT_PORTS_API_SERVER_PORT", "70000"));
    assert!(bad.contains("WORKPOINT_PORTS_API_SERVER_PORT must be from 0 to 65535"), "{bad}");
    let file = data.path().join("broken.toml");
    std::fs::write(&file, "[ports]\nnonsense = 1\n").expect("a file");
    let bad = fails(workpoint(data.path()).arg("check-config").arg("--config").arg(&file));
    assert!(bad.contains("ports.nonsense: there is no such setting"), "{bad}");
}

#[test]
fn the_schema_is_made_once() {
    let data = tempfile::tempdir().expect("a directory");
    let first = json(&succeeds(workpoint(data.path()).args(["migrate", "--json"])));
    assert!(first["applied"].as_u64().expect("a number") >= 1, "{first}");
    assert_eq!(json(&succeeds(workpoint(data.path()).args(["migrate", "--json"])))["applied"], 0);
}

#[test]
fn the_api_document_is_printed() {
    let data = tempfile::tempdir().expect("a directory");
    let document = json(&succeeds(workpoint(data.path()).arg("openapi")));
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"), "{}", document["openapi"]);
    assert!(document["paths"]["/api/v1/clients"].is_object());
}

#[test]
fn accounts_and_tokens_are_made_by_command() {
    let data = tempfile::tempdir().expect("a directory");
    let create = ["user", "create", "--username", "anna", "--role", "operator", "--password-stdin"];
    let weak = with_input(workpoint(data.path()).args(create), "short\n");
    assert!(!weak.status.success(), "a weak password is refused");
    assert!(with_input(workpoint(data.path()).args(create), "blue kettle sings loudly\n").status.success());
    let twice = with_input(workpoint(data.path()).args(create), "blue kettle sings loudly\n");
    assert!(!twice.status.success(), "the name is taken");
    let osem = &mut workpoint(data.path());
    osem.args(["user", "create", "--username", "otto", "--role", "viewer", "--password-stdin"]);
    let strict =
        with_input(osem.env("WORKPOINT_ACCOUNTS_PASSWORD_POLICY", "osem"), "blue kettle sings loudly\n");
    assert!(!strict.status.success(), "the policy of the environment counts");
    let token = succeeds(workpoint(data.path()).args([
        "token",
        "create",
        "--user",
        "anna",
        "--name",
        "x",
        "--expires",
        "3",
    ]));
    assert!(token.starts_with("wp_") && token.trim_end().len() == 46, "the token alone: {token:?}");
    // Nobody has guessed at it; that it ends a lock, a test of the server shows.
    let unlocked = succeeds(workpoint(data.path()).args(["user", "unlock", "--username", "anna"]));
    assert!(unlocked.contains("anna was not locked"), "{unlocked}");
    fails(workpoint(data.path()).args(["user", "unlock", "--username", "otto"]));
    let nobody = fails(workpoint(data.path()).args(["token", "create", "--user", "otto", "--name", "x"]));
    assert!(!nobody.is_empty());
}

#[test]
fn a_server_serves_simulated_phones_and_stops_when_told() {
    let data = tempfile::tempdir().expect("a directory");
    let (phones, api) = (free_port(), free_port());
    let ports = |command: &mut Command| {
        command
            .env("WORKPOINT_PORTS_DEFAULT_MODE_CLIENT_PORT", phones.to_string())
            .env("WORKPOINT_PORTS_SECURE_MODE_CLIENT_PORT", "0")
            .env("WORKPOINT_PORTS_DCMP_SERVER_PORT", "0")
            .env("WORKPOINT_PORTS_API_SERVER_PORT", api.to_string());
    };
    let mut serve = workpoint(data.path());
    ports(&mut serve);
    let mut server = Serving::start(serve.arg("serve"));
    let mut said = server.wait_for(api);
    let fleet = data.path().join("fleet.json");
    let simulate = || {
        let mut command = workpoint(data.path());
        command.args(["simulate", "--json", "--phones", "5", "--items", "50", "--server"]);
        command.arg(format!("127.0.0.1:{phones}")).arg("--fleet").arg(&fleet);
        json(&succeeds(&mut command))
    };
    assert_eq!(simulate()["sessions_ok"], 5);
    let again = simulate();
    assert_eq!(again["actions"], serde_json::json!({"CleanUp": 5}), "known phones: {again}");
    let mut doctor = workpoint(data.path());
    ports(&mut doctor);
    let findings = json(&succeeds(doctor.args(["doctor", "--json"])));
    assert!(
        findings.as_array().expect("findings").iter().all(|finding| finding["good"] == true),
        "{findings}"
    );
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().expect("kill runs").success());
    assert!(server.child.wait().expect("it ends").success(), "it stops in order");
    said.extend(server.lines.iter());
    let shown = |on_output: bool| {
        said.iter().any(|(is_output, line)| *is_output == on_output && line.contains("one-time password"))
    };
    assert!(shown(true), "on the console: {said:?}");
    assert!(!shown(false), "and not in the log: {said:?}");
}

#[test]
fn a_first_password_nobody_could_sign_in_with_is_refused() {
    let data = tempfile::tempdir().expect("a directory");
    let mut serve = workpoint(data.path());
    serve.arg("serve").env("WORKPOINT_ADMIN_PASSWORD", "x".repeat(129));
    for name in ["DEFAULT_MODE_CLIENT", "SECURE_MODE_CLIENT", "API_SERVER", "DCMP_SERVER"] {
        serve.env(format!("WORKPOINT_PORTS_{name}_PORT"), "0");
    }
    let refused = fails(&mut serve);
    assert!(refused.contains("WORKPOINT_ADMIN_PASSWORD"), "{refused}");
}

#[test]
fn dhcp_options_name_the_server_of_the_settings() {
    let data = tempfile::tempdir().expect("a directory");
    let refused = fails(workpoint(data.path()).arg("dhcp"));
    assert!(refused.contains("phones.phone-url"), "{refused}");
    let mut set = workpoint(data.path());
    set.env("WORKPOINT_PHONES_PHONE_URL", "https://10.20.30.40:18443");
    let hex = succeeds(set.args(["dhcp", "--vlan", "42", "--format", "hex"]));
    let url = "73646c703a2f2f31302e32302e33302e34303a3138343433";
    assert_eq!(hex.trim_end(), format!("01075369656d656e7302040000002a0318{url}ff"));
    let given = workpoint(data.path())
        .args(["dhcp", "--host", "wpi.example.net", "--port", "9999", "--format", "dnsmasq", "--json"])
        .output()
        .expect("it runs");
    let dnsmasq = json(&text(&given))["dnsmasq"].as_str().expect("a text").to_owned();
    assert!(dnsmasq.contains("sdlp://wpi.example.net:9999"), "{dnsmasq}");
    for bad in [["--host", "a b"], ["--host", "a/b"], ["--vlan", "5000"]] {
        fails(
            workpoint(data.path())
                .arg("dhcp")
                .args(bad)
                .env("WORKPOINT_PHONES_PHONE_URL", "https://10.1.2.3"),
        );
    }
}

#[test]
fn doctor_finds_a_lost_key() {
    let data = tempfile::tempdir().expect("a directory");
    let create = ["user", "create", "--username", "anna", "--role", "viewer", "--password-stdin"];
    assert!(with_input(workpoint(data.path()).args(create), "blue kettle sings loudly\n").status.success());
    std::fs::remove_file(data.path().join("secret.key")).expect("the key is there");
    let output = workpoint(data.path()).args(["doctor", "--json"]).output().expect("it runs");
    assert!(!output.status.success());
    let findings = json(&text(&output));
    let key =
        findings.as_array().expect("findings").iter().find(|finding| finding["check"] == "key for secrets");
    assert_eq!(key.expect("a finding")["good"], false);
    // A server that made itself another key could not open what is in the database, and does not start.
    let refused = fails(workpoint(data.path()).arg("serve"));
    assert!(refused.contains("does not belong to this database"), "{refused}");
}
