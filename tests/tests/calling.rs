//! Phones are called when work waits for them, carefully (`wpi.md` §1.5 and Appendix A 28 to 30, D-9), and told
//! when they poll (`wpi.md` §6, D-10). Among them the attacks of `landscape.md` C2 rows 2 and 6.
//!
//! That nobody is called is shown by a witness: another phone that gets work later, is called and comes. The
//! server's clock stands still but for what a test moves it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Attendance, Listening, Opening, SessionSink, SimulateConfig, SimulatedPhone};
use tests::{ApiClient, TestServer, items, message, on_both_databases, phones, raw_phone, reply, wait_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use wire::{Action, Reason};

const ACTIONS: &str = "/api/v1/clients/actions";
const PATH: &str = "/contact_dls.html/ContactDLS";

/// A network of its own for each phone, so that no test meets another's listener at port 8085, and none waits for
/// another's place in a subnet.
fn network() -> [u8; 3] {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    [127, 70, NEXT.fetch_add(1, Ordering::Relaxed)]
}

fn host(network: [u8; 3], last: u8) -> [u8; 4] {
    let [a, b, c] = network;
    [a, b, c, last]
}

/// Hardware addresses differ between the fleets of one test.
fn first_mac() -> simulator::MacAddress {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(256, Ordering::Relaxed);
    format!("00:1A:E8:70:{:02X}:{:02X}", number >> 8 & 0xff, number & 0xff).parse().expect("an address")
}

/// Phones that have started up once and can be called.
struct Called {
    phones: Vec<Arc<SimulatedPhone>>,
    _attendances: Vec<Attendance>,
}

impl Called {
    async fn start(server: &TestServer, count: u32) -> Self {
        Self::start_with(server, count, |_| {}).await
    }

    async fn start_with(server: &TestServer, count: u32, change: impl FnOnce(&mut SimulateConfig)) -> Self {
        let [a, b, c] = network();
        let phones = phones(server.phone_port(), count, |config| {
            config.source = Some(format!("{a}.{b}.{c}.0/24").parse().expect("a block"));
            config.contact_me_port = 8085;
            config.first_mac = first_mac();
            // The phones' clock runs while the server's is moved: what they think of the gap says nothing.
            config.contact_gap = Some(Duration::ZERO);
            change(config);
        })
        .await;
        let permits = Arc::new(Semaphore::new(64));
        let mut attendances = Vec::new();
        for phone in &phones {
            phone.session(&Opening::StartUp).await.expect("a session");
            let sink: Arc<dyn SessionSink> = Arc::new(());
            let attendance = Attendance::start(Arc::clone(phone), 8085, Arc::clone(&permits), sink).await;
            attendances.push(attendance.expect("a listener"));
        }
        Self { phones, _attendances: attendances }
    }

    fn one(&self) -> &Arc<SimulatedPhone> {
        &self.phones[0]
    }

    /// Contact-me requests that were heard.
    fn heard(&self) -> u32 {
        self.phones
            .iter()
            .map(|phone| phone.contacts())
            .map(|log| log.accepted + log.ignored + log.lost)
            .sum()
    }
}

async fn client_of(api: &ApiClient, device: &str) -> Value {
    let list = api.get("/api/v1/clients?size=500").await.expect(200);
    let all = list["items"].as_array().expect("clients");
    let found = all
        .iter()
        .find(|client| client["device_id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(device)));
    found.unwrap_or_else(|| panic!("no {device}")).clone()
}

async fn client(api: &ApiClient, phone: &SimulatedPhone) -> Value {
    client_of(api, &phone.mac().to_string()).await
}

/// Work for clients: a full read. Gives the job.
async fn work(api: &ApiClient, ids: &[Value]) -> Value {
    let body = json!({"action": "refresh", "targets": {"ids": ids}});
    api.post(ACTIONS, &body).await.expect(201)["id"].clone()
}

async fn work_for(api: &ApiClient, phone: &SimulatedPhone) -> Value {
    let id = client(api, phone).await["id"].clone();
    work(api, &[id]).await
}

async fn job_becomes(api: &ApiClient, job: &Value, state: &str) {
    let path = format!("/api/v1/jobs/{job}");
    wait_until(async || api.get(&path).await.expect(200)["state"] == state).await;
}

async fn target(api: &ApiClient, job: &Value) -> Value {
    api.get(&format!("/api/v1/jobs/{job}/targets")).await.expect(200)["items"][0].clone()
}

async fn target_becomes(api: &ApiClient, job: &Value, state: &str, reason: Option<&str>) {
    wait_until(async || {
        let target = target(api, job).await;
        target["state"] == state && target["reason"].as_str() == reason
    })
    .await;
}

/// A phone nobody has heard of gets work, is called and comes: whoever was due before it had his chance.
async fn witness(server: &TestServer, api: &ApiClient) {
    let witness = Called::start(server, 1).await;
    let job = work_for(api, witness.one()).await;
    job_becomes(api, &job, "success").await;
    assert_eq!(witness.heard(), 1);
}

async fn heard(called: &Called, number: u32) {
    wait_until(async || called.heard() >= number).await;
    assert_eq!(called.heard(), number);
}

fn seconds(number: i64) -> SignedDuration {
    SignedDuration::from_secs(number)
}

/// A listener that answers every request like a phone, and keeps what it was sent.
struct Listener {
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    async fn at(address: [u8; 4], port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::from(address), port)).await.expect("a free port");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let mut buffer = [0; 1024];
                while !String::from_utf8_lossy(&bytes).contains("ContactMe=true") {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                    }
                }
                kept.lock().await.push(String::from_utf8_lossy(&bytes).into_owned());
                let answer = "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        Self { requests, task }
    }

    async fn requests(&self) -> Vec<String> {
        self.requests.lock().await.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn basic(mac: &str, uri: &str) -> Vec<wire::Item> {
    items(&[
        ("device-type", "OpenStage 40"),
        ("software-type", "Siemens SIP"),
        ("software-version", "V3 R5.16.0"),
        ("mac-addr", mac),
        ("e164", "4201"),
        ("contact-me-uri", uri),
    ])
}

/// A phone without a listener of its own that has started up and been read.
async fn raw(server: &TestServer, from: [u8; 4], mac: &str, uri: &str) {
    let mut phone = raw_phone(server.phone_port(), from);
    let first = phone.send(&message("N1", Reason::StartUp, basic(mac, uri))).await;
    assert_eq!(first.action, Action::ReadAllItems);
    let last = phone.send(&reply("N2", Action::ReadAllItems, basic(mac, uri))).await;
    assert_eq!(last.action, Action::CleanUp);
}

on_both_databases! {
    a_phone_with_work_is_called_once_and_gets_all_of_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        let called = Called::start(server, 1).await;
        let job = work_for(&api, called.one()).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!((called.heard(), called.one().contacts().accepted), (1, 1));

        // The gap runs: what comes now waits, and is done behind one call.
        let mut jobs = Vec::new();
        for _ in 0..2 {
            jobs.push(work_for(&api, called.one()).await);
        }
        witness(server, &api).await;
        assert_eq!(called.heard(), 1, "inside the gap");
        server.clock.advance(seconds(301));
        for job in &jobs {
            job_becomes(&api, job, "success").await;
        }
        assert_eq!(called.heard(), 2, "two jobs, one call");
    }

    the_request_is_the_one_phones_know => |server| {
        let api = server.api(&[Role::Operator]).await;
        let network = network();
        let listener = Listener::at(host(network, 1), 8085).await;
        let [a, b, c] = network;
        raw(server, host(network, 1), "00:1A:E8:71:00:01", &format!("http://{a}.{b}.{c}.1:8085{PATH}")).await;
        let id = client_of(&api, "00:1A:E8:71:00:01").await["id"].clone();
        let job = work(&api, &[id]).await;
        target_becomes(&api, &job, "active", None).await;
        let requests = listener.requests().await;
        assert_eq!(requests.len(), 1);
        assert!(requests[0].starts_with(&format!("POST {PATH} HTTP/1.1\r\n")), "{requests:?}");
        assert!(requests[0].contains(&format!("Host: {a}.{b}.{c}.1:8085\r\n")), "{requests:?}");
        assert!(requests[0].ends_with("\r\n\r\nContactMe=true"), "{requests:?}");

        // Where an administrator says by which address phones reach the server, the call says so too.
        server.change_setting("server-settings.phones.phone-url", "https://10.20.30.40:18443").await;
        server.clock.advance(seconds(331));
        wait_until(async || listener.requests().await.len() == 2).await;
        let body = "ContactMe=true&dls_ip_addr=10.20.30.40&dls_ip_port=18443";
        assert!(listener.requests().await[1].ends_with(body), "{:?}", listener.requests().await);
    }

    attack_2_a_phone_cannot_send_the_server_to_others => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (own, others) = (network(), network());
        let listener = Listener::at(host(own, 1), 8085).await;
        let victim = Listener::at(host(others, 9), 8085).await;
        let other_port = Listener::at(host(own, 1), 9999).await;
        let [a, b, c] = others;
        raw(server, host(own, 1), "00:1A:E8:71:00:02", &format!("http://{a}.{b}.{c}.9:8085{PATH}")).await;
        let [a, b, c] = own;
        raw(server, host(own, 1), "00:1A:E8:71:00:03", &format!("http://{a}.{b}.{c}.1:9999/admin/reboot")).await;
        let mut ids = Vec::new();
        for mac in ["00:1A:E8:71:00:02", "00:1A:E8:71:00:03"] {
            ids.push(client_of(&api, mac).await["id"].clone());
        }
        work(&api, &ids).await;
        wait_until(async || listener.requests().await.len() == 2).await;
        for request in listener.requests().await {
            assert!(request.starts_with(&format!("POST {PATH} HTTP/1.1\r\n")), "{request}");
        }
        assert_eq!((victim.requests().await.len(), other_port.requests().await.len()), (0, 0));
    }

    attack_6_nobody_makes_the_server_call_a_phone_inside_its_gap => |server| {
        let api = server.api(&[Role::Operator]).await;
        let called = Called::start(server, 1).await;
        called.one().set_listening(Listening::Silent);
        let job = work_for(&api, called.one()).await;
        target_becomes(&api, &job, "active", None).await;
        assert_eq!(called.heard(), 1);
        // Neither more work, nor a new start, nor a second node, nor time that is too short.
        work_for(&api, called.one()).await;
        witness(server, &api).await;
        server.restart().await;
        let api = server.api(&[Role::Operator]).await;
        work_for(&api, called.one()).await;
        witness(server, &api).await;
        let other = server.second_node().await;
        server.clock.advance(seconds(299));
        witness(server, &api).await;
        assert_eq!(called.heard(), 1, "inside the gap");
        server.clock.advance(seconds(32));
        heard(&called, 2).await;
        witness(server, &api).await;
        assert_eq!(called.heard(), 2, "one call by two nodes");
        other.stop().await;
    }

    a_phone_that_does_not_come_is_tried_again_and_then_left_alone => |server| {
        let api = server.api(&[Role::Operator]).await;
        let called = Called::start(server, 1).await;
        called.one().set_listening(Listening::Silent);
        let job = work_for(&api, called.one()).await;
        heard(&called, 1).await;
        server.clock.advance(seconds(331));
        heard(&called, 2).await;
        server.clock.advance(seconds(331));
        witness(server, &api).await;
        assert_eq!(called.heard(), 2, "twice as long");
        server.clock.advance(seconds(331));
        heard(&called, 3).await;
        server.clock.advance(seconds(1_321));
        target_becomes(&api, &job, "waiting", Some("offline")).await;
        server.clock.advance(seconds(86_400));
        witness(server, &api).await;
        assert_eq!(called.heard(), 3, "offline");
        // It comes by itself, and gets what waited.
        called.one().session(&Opening::StartUp).await.expect("a session");
        job_becomes(&api, &job, "success").await;
    }

    a_phone_that_cannot_be_reached_waits_and_new_work_tries_it_again => |server| {
        let api = server.api(&[Role::Operator]).await;
        let called = Called::start(server, 1).await;
        called.one().set_listening(Listening::Refuses);
        let job = work_for(&api, called.one()).await;
        target_becomes(&api, &job, "waiting", Some("offline")).await;
        called.one().set_listening(Listening::Answers);
        server.clock.advance(seconds(331));
        job_becomes(&api, &job, "success").await;
        assert_eq!(called.one().contacts().accepted, 1);
    }

    no_phone_is_called_while_its_session_is_open => |server| {
        let api = server.api(&[Role::Operator]).await;
        let network = network();
        let listener = Listener::at(host(network, 1), 8085).await;
        let [a, b, c] = network;
        let (mac, uri) = ("00:1A:E8:71:00:04", format!("http://{a}.{b}.{c}.1:8085{PATH}"));
        raw(server, host(network, 1), mac, &uri).await;
        server.clock.advance(SignedDuration::from_hours(25));
        let mut phone = raw_phone(server.phone_port(), host(network, 1));
        let open = phone.send(&message("S1", Reason::StartUp, basic(mac, &uri))).await;
        assert_eq!(open.action, Action::ReadAllItems);
        let id = client_of(&api, mac).await["id"].clone();
        let job = work(&api, &[id]).await;
        witness(server, &api).await;
        assert!(listener.requests().await.is_empty(), "a session is open");
        // The work is done in the open session, without any call.
        let next = phone.send(&reply("S2", Action::ReadAllItems, basic(mac, &uri))).await;
        assert_eq!(next.action, Action::ReadAllItems);
        let last = phone.send(&reply("S3", Action::ReadAllItems, basic(mac, &uri))).await;
        assert_eq!(last.action, Action::CleanUp);
        job_becomes(&api, &job, "success").await;
        witness(server, &api).await;
        assert!(listener.requests().await.is_empty(), "nothing is left to do");
    }

    a_phone_that_restarts_is_left_alone => |server| {
        let api = server.api(&[Role::Operator]).await;
        let network = network();
        let listener = Listener::at(host(network, 1), 8085).await;
        let [a, b, c] = network;
        let (mac, uri) = ("00:1A:E8:71:00:05", format!("http://{a}.{b}.{c}.1:8085{PATH}"));
        raw(server, host(network, 1), mac, &uri).await;
        server.clock.advance(SignedDuration::from_hours(25));
        let mut phone = raw_phone(server.phone_port(), host(network, 1));
        phone.send(&message("S1", Reason::StartUp, basic(mac, &uri))).await;
        let id = client_of(&api, mac).await["id"].clone();
        let body = json!({"action": "restart", "targets": {"ids": [id]}});
        api.post(ACTIONS, &body).await.expect(201);
        let order = phone.send(&reply("S2", Action::ReadAllItems, basic(mac, &uri))).await;
        assert_eq!(order.action, Action::Restart);
        drop(phone);
        work(&api, &[id]).await;
        witness(server, &api).await;
        server.clock.advance(seconds(149));
        witness(server, &api).await;
        assert!(listener.requests().await.is_empty(), "it restarts");
        server.clock.advance(seconds(2));
        wait_until(async || listener.requests().await.len() == 1).await;
    }

    calls_into_one_subnet_are_spaced => |server| {
        let api = server.api(&[Role::Operator]).await;
        let called = Called::start(server, 6).await;
        let mut ids = Vec::new();
        for phone in &called.phones {
            ids.push(client(&api, phone).await["id"].clone());
        }
        let job = work(&api, &ids).await;
        heard(&called, 2).await;
        witness(server, &api).await;
        assert_eq!(called.heard(), 2, "two a second");
        server.clock.advance(SignedDuration::from_millis(500));
        heard(&called, 3).await;
        for number in [5, 6] {
            server.clock.advance(seconds(1));
            heard(&called, number).await;
        }
        job_becomes(&api, &job, "success").await;
    }
}

/// A request to the port for polls; gives the status.
async fn ask(server: &TestServer, method: reqwest::Method, path: &str) -> u16 {
    let port = server.server().listening().dcmp.expect("the port is on");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.request(method, format!("http://{port}{path}")).send().await.expect("an answer");
    answer.status().as_u16()
}

async fn poll(server: &TestServer, path: &str) -> u16 {
    ask(server, reqwest::Method::GET, path).await
}

async fn polls_for(server: &TestServer, device: &str) -> u16 {
    poll(server, &format!("/dcmp/contact-me?device-id={device}")).await
}

on_both_databases! {
    a_poll_is_answered_with_202_while_work_waits => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting("server-settings.dcmp.dcmp-operation-mode", "enabled").await;
        let called = Called::start(server, 1).await;
        let mac = called.one().mac().to_string();
        assert_eq!(polls_for(server, &mac).await, 200);
        let job = work_for(&api, called.one()).await;
        wait_until(async || polls_for(server, &mac).await == 202).await;
        let bare = mac.replace(':', "");
        for form in [mac.to_lowercase(), mac.replace(':', "%3A"), mac.replace(':', "-"), bare] {
            assert_eq!(polls_for(server, &form).await, 202, "{form}");
        }
        assert_eq!(polls_for(server, "00:1A:E8:FF:FF:FF").await, 200, "unknown");
        assert_eq!(poll(server, "/contact-me").await, 200);
        assert_eq!(poll(server, "/dcmp/contact-me?device-id=%00%ff").await, 200);
        assert_eq!(poll(server, &format!("/x?device-id={mac}")).await, 404);
        let post = ask(server, reqwest::Method::POST, &format!("/contact-me?device-id={mac}")).await;
        assert_eq!(post, 405);
        assert_eq!(called.heard(), 0, "who polls is not called");

        called.one().session(&Opening::Solicited).await.expect("a session");
        job_becomes(&api, &job, "success").await;
        wait_until(async || polls_for(server, &mac).await == 200).await;
    }

    whoever_tries_device_ids_learns_nothing => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting("server-settings.dcmp.dcmp-operation-mode", "enabled").await;
        let called = Called::start(server, 1).await;
        let mac = called.one().mac().to_string();
        work_for(&api, called.one()).await;
        wait_until(async || polls_for(server, &mac).await == 202).await;
        for number in 0..60 {
            assert_eq!(polls_for(server, &format!("00:1A:E8:FE:00:{number:02X}")).await, 200);
        }
        assert_eq!(polls_for(server, &mac).await, 200, "after sixty guesses");
        server.clock.advance(seconds(61));
        assert_eq!(polls_for(server, &mac).await, 202);
    }

    a_phone_behind_a_translator_polls_in_automatic_mode => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting("server-settings.dcmp.dcmp-server-url", "http://127.0.0.1:8080/dcmp").await;
        let (own, others) = (network(), network());
        let translator = Listener::at(host(own, 1), 8085).await;
        let victim = Listener::at(host(others, 9), 8085).await;
        let [a, b, c] = others;
        let mac = "00:1A:E8:71:00:06";
        raw(server, host(own, 1), mac, &format!("http://{a}.{b}.{c}.9:8085{PATH}")).await;
        let id = client_of(&api, mac).await["id"].clone();
        work(&api, std::slice::from_ref(&id)).await;
        wait_until(async || polls_for(server, mac).await == 202).await;
        assert_eq!(client_of(&api, mac).await["access"], "dcmp");
        assert_eq!((translator.requests().await.len(), victim.requests().await.len()), (0, 0));
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=client.access").await.expect(200);
        assert_eq!(audit["items"][0]["details"], json!({"before": "direct", "after": "dcmp"}));

        server.change_setting("server-settings.dcmp.dcmp-operation-mode", "disabled").await;
        wait_until(async || polls_for(server, mac).await == 200).await;
        // An administrator may say that phones can be called there.
        server.change_setting("server-settings.contact-me.allowed-networks", format!("{a}.{b}.{c}.0/24")).await;
        server.clock.advance(seconds(3_601));
        wait_until(async || victim.requests().await.len() == 1).await;
        assert_eq!(client_of(&api, mac).await["access"], "direct");
        assert_eq!(translator.requests().await.len(), 0);
    }

    three_calls_in_vain_make_a_phone_poll_and_an_answered_one_brings_it_back => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting("server-settings.dcmp.dcmp-server-url", "http://127.0.0.1:8080/dcmp").await;
        let called = Called::start(server, 1).await;
        let mac = called.one().mac().to_string();
        called.one().set_listening(Listening::Silent);
        let job = work_for(&api, called.one()).await;
        for (number, wait) in [(1, 331), (2, 661), (3, 1_321)] {
            heard(&called, number).await;
            assert_eq!(client(&api, called.one()).await["access"], "direct");
            server.clock.advance(seconds(wait));
        }
        wait_until(async || client(&api, called.one()).await["access"] == "dcmp").await;
        wait_until(async || polls_for(server, &mac).await == 202).await;
        witness(server, &api).await;
        assert_eq!(called.heard(), 3);
        // It is tried again once an hour, and this time it comes.
        called.one().set_listening(Listening::Answers);
        server.clock.advance(seconds(3_601));
        job_becomes(&api, &job, "success").await;
        assert_eq!(client(&api, called.one()).await["access"], "direct");
    }

    a_polling_phone_is_told_where_to_poll_and_comes_for_its_work => |server| {
        let api = server.api(&[Role::Operator]).await;
        let port = server.server().listening().dcmp.expect("the port is on");
        server.change_setting("server-settings.dcmp.dcmp-server-url", format!("http://{port}/dcmp")).await;
        server.change_setting("server-settings.dcmp.dcmp-operation-mode", "enabled").await;
        let called = Called::start_with(server, 1, |config| {
            config.dcmp_interval = Duration::from_millis(50);
        })
        .await;
        // The address is written as work of the server's own (D-22).
        wait_until(async || called.one().value("dcmp-url", None).await == Some(format!("{port}/dcmp"))).await;
        let job = work_for(&api, called.one()).await;
        job_becomes(&api, &job, "success").await;
        let log = called.one().contacts();
        assert!(log.polls_with_work >= 1, "{log:?}");
        assert_eq!((called.heard(), log.polls_failed), (0, 0));
    }
}
