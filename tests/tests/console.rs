//! The console in a real browser: `tests/browser/run.mjs` takes the way of a new administrator against the real server
//! with simulated phones, and looks at every page it comes by. What the pages are is not known here.
//!
//! `make shots` runs the same with `WORKPOINT_SHOTS`, and gets pictures of every page in `target/shots/` instead;
//! `WORKPOINT_JOURNEYS=clients,jobs` takes these alone.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use domain::Role;
use domain::setting::SettingKey;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::DeploymentManners;
use tests::called::{Attended, fleet, network};
use tests::storage_servers::{self, Nginx, S3Server};
use tests::{Backend, PASSWORD, TestServer, set};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::time::MissedTickBehavior;
use wire::Item;
use workpoint::clock::ManualClock;

/// Phones of the fleet; more than fit on a page of 25.
const PHONES: u32 = 30;
/// Longest time for everything, so that a browser that hangs does not hang the tests.
const LONGEST: Duration = Duration::from_secs(900);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_administrator_finds_the_way() {
    let pictures = std::env::var_os("WORKPOINT_SHOTS").is_some();
    let root = root();
    must_exist(&root.join("web/dist/index.html"), "make web");
    let browser = root.join("tests/browser");
    must_exist(&browser.join("node_modules/playwright-core"), "scripts/setup.sh test");

    let mut server = TestServer::start_with(Backend::Sqlite, |config| {
        let config = set(config, SettingKey::ContactMeGap, 1);
        let config = set(config, SettingKey::ContactMeRate, 500);
        set(config, SettingKey::ContactMeRatePerSubnet, 500)
    })
    .await;
    let phones = phones(&server).await;
    let (s3, nginx) = (S3Server::start().await, Nginx::start().await);
    let token = server.token("robot", &[Role::Admin]).await;
    let people = [
        ("lena", Role::Admin),
        ("vera", Role::Admin),
        ("otto", Role::Operator),
        ("vito", Role::Viewer),
        ("aude", Role::Auditor),
    ];
    for (name, role) in people {
        server.token(name, &[role]).await;
    }
    let authority = root.join("target/browser/authority.pem");
    tokio::fs::create_dir_all(root.join("target/browser")).await.expect("a directory for what is found");
    let certificate = server.server().certificates().authority.certificate_pem();
    tokio::fs::write(&authority, &*certificate).await.expect("the certificate is written");

    let mut node = Command::new("node");
    node.arg(browser.join("run.mjs"))
        .env("WORKPOINT_TASK", if pictures { "pictures" } else { "journeys" })
        .env("WORKPOINT_URL", format!("https://localhost:{}", server.api_port().port()))
        .env("WORKPOINT_OUT", root.join(if pictures { "target/shots" } else { "target/browser" }))
        .env("WORKPOINT_USER", "admin")
        .env("WORKPOINT_PASSWORD", PASSWORD)
        .env("WORKPOINT_TOKEN", token.expose())
        .env("WORKPOINT_PHONES", PHONES.to_string())
        .env("WORKPOINT_PHONE_URL", format!("https://{}", server.phone_port()))
        .env("WORKPOINT_S3", store(&s3))
        .env("WORKPOINT_HTTPS", web_server(&nginx))
        .env("NODE_EXTRA_CA_CERTS", &authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let failures = tokio::time::timeout(LONGEST, follow(node, server.clock.clone(), &phones))
        .await
        .expect("the browser comes to an end");
    server.stop_in_place().await;
    assert!(failures.is_empty(), "in the browser (pictures in target/browser):\n{}", failures.join("\n"));
}

/// What a journey must know to add the S3 server, and to put files into it.
fn store(s3: &S3Server) -> String {
    json!({
        "url": s3.url, "user": storage_servers::USER, "secret": storage_servers::PASSWORD,
        "bucket": storage_servers::BUCKET, "region": storage_servers::REGION, "objects": s3.objects(),
    })
    .to_string()
}

/// The same of the web server: an address that wants user and password and one that does not, both with WebDAV, and
/// where their files lie.
fn web_server(nginx: &Nginx) -> String {
    json!({
        "url": nginx.url, "user": storage_servers::USER, "secret": storage_servers::PASSWORD,
        "private": nginx.files("private"), "open": nginx.files("dav"),
    })
    .to_string()
}

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root").to_owned()
}

fn must_exist(path: &Path, command: &str) {
    assert!(path.exists(), "{} is missing: run `{command}` first", path.display());
}

/// A network that no other test has, and no other run of this one: pictures may be taken while tests run.
fn own_network() -> [u8; 3] {
    network(128 + u8::try_from(std::process::id() % 100).expect("a small number"))
}

/// Phones that have started up and come when they are called.
async fn phones(server: &TestServer) -> Vec<Attended> {
    let mut attended = Vec::new();
    for phone in fleet(server, own_network(), PHONES, |_| {}).await {
        // Journeys call the same phones one after the other; nobody waits five minutes between two of them.
        let no_gap = vec![Item::new("dls-contact-interval", "0")];
        phone.with_machine(|machine, _| machine.phone_mut().write(no_gap)).await;
        attended.push(Attended::start(phone).await);
    }
    attended
}

/// What a journey wants of phones: how those with these device ids deal with files and firmware from now on
/// (`tests/browser/phones.mjs`).
async fn instruct(phones: &[Attended], wanted: &str) {
    let wanted: Value = serde_json::from_str(wanted).expect("JSON");
    let number = |name: &str| wanted[name].as_u64();
    let manners = DeploymentManners {
        failing: number("failing").map_or(0, |times| u32::try_from(times).expect("a small number")),
        download_rate: number("rate"),
        status_for_deletes: wanted["tellsDeletions"] == true,
        update_time: Duration::ZERO,
        ..DeploymentManners::default()
    };
    for device in wanted["devices"].as_array().expect("device ids") {
        let one = phone(phones, device.as_str().expect("a device id"));
        one.phone.with_machine(|machine, _| machine.set_deployment_manners(manners)).await;
    }
}

/// What the phone with a device id was told to fetch last, as a JSON object of items.
async fn told(phones: &[Attended], device: &str) -> Value {
    let items =
        phone(phones, device).phone.with_machine(|machine, _| machine.deployment_items().to_vec()).await;
    items.into_iter().map(|item| (item.name, item.value)).collect()
}

fn phone<'p>(phones: &'p [Attended], device: &str) -> &'p Attended {
    let is_it = |one: &&Attended| one.phone.mac().to_string().eq_ignore_ascii_case(device);
    phones.iter().find(is_it).expect("a phone of this test")
}

/// Runs the browser; gives what it found. Meanwhile the server's clock runs like any clock: codes of authenticator apps
/// have to be right.
async fn follow(mut node: Command, clock: ManualClock, phones: &[Attended]) -> Vec<String> {
    let mut child = node.spawn().expect("node starts: scripts/setup.sh test installs it");
    let mut answers = child.stdin.take().expect("its input");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut failures = Vec::new();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line.expect("text") else { break };
                if let Some(failure) = line.strip_prefix("@failure ") {
                    failures.push(failure.replace("\\n", "\n"));
                } else if let Some(wanted) = line.strip_prefix("@phones ") {
                    instruct(phones, wanted).await;
                    answers.write_all(b"null\n").await.expect("it waits for that");
                } else if let Some(device) = line.strip_prefix("@told ") {
                    let told = format!("{}\n", told(phones, device).await);
                    answers.write_all(told.as_bytes()).await.expect("it waits for that");
                } else {
                    println!("{line}");
                }
            }
            _ = ticks.tick() => clock.advance(SignedDuration::from_millis(50)),
        }
    }
    let status = child.wait().await.expect("node ends");
    if !status.success() && failures.is_empty() {
        failures.push(format!("node ended with {status}; its words are above"));
    }
    failures
}
