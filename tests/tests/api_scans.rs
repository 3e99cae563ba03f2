//! Scanning for phones (OSEM §4.2, `wpi.md` §1.4.3 and §1.5, D-9): what a scan finds, what it leaves alone, and that
//! nothing is ever sent where no administrator allows it (`landscape.md` C2 row 2).
//!
//! The server's clock stands still but for what a test moves it; so does the pace.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Attendance, SessionSink, SimulatedPhone};
use tests::called::{Attended, CALL_PORT, fleet, host};
use tests::desk::{client_of, job_becomes, refresh};
use tests::storage_servers::{Nginx, S3Server};
use tests::{ApiClient, TestServer, killed_on_both_databases, on_both_databases, phones, wait_until};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

const SCANS: &str = "/api/v1/scans";
const ALLOWED: &str = "server-settings.scans.allowed-networks";
const PHONE_URL: &str = "server-settings.phones.phone-url";
const RATE: &str = "server-settings.scans.rate";

/// A network no other test has.
fn network() -> [u8; 3] {
    tests::called::network(91)
}

fn first_mac() -> simulator::MacAddress {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(256, Ordering::Relaxed);
    format!("00:1A:E8:91:{:02X}:{:02X}", number >> 8 & 0xff, number & 0xff).parse().expect("an address")
}

fn address(network: [u8; 3], last: u8) -> String {
    Ipv4Addr::from(host(network, last)).to_string()
}

/// `a.b.c.1-a.b.c.last`
fn range(network: [u8; 3], last: u8) -> String {
    format!("{}-{}", address(network, 1), address(network, last))
}

fn seconds(number: i64) -> SignedDuration {
    SignedDuration::from_secs(number)
}

/// Phones nobody has told of this server: they listen, and know it by no other way. The first addresses of the network.
struct Waiting {
    phones: Vec<Arc<SimulatedPhone>>,
    _attendances: Vec<Attendance>,
}

impl Waiting {
    async fn start(server: SocketAddr, network: [u8; 3], count: u32) -> Self {
        let phones = phones(server, count, |config| {
            config.source = Some(format!("{}/24", address(network, 0)).parse().expect("a block"));
            config.contact_me_port = CALL_PORT;
            // The phones' clock runs while the server's stands: what they think of the gap says nothing.
            config.contact_gap = Some(Duration::ZERO);
            config.first_mac = first_mac();
        })
        .await;
        let permits = Arc::new(Semaphore::new(16));
        let mut attendances = Vec::new();
        for phone in &phones {
            let sink: Arc<dyn SessionSink> = Arc::new(());
            let attendance =
                Attendance::start(Arc::clone(phone), CALL_PORT, Arc::clone(&permits), sink).await;
            attendances.push(attendance.expect("a listener"));
        }
        Self { phones, _attendances: attendances }
    }

    /// How often each phone has heard a contact-me.
    fn heard(&self) -> Vec<u32> {
        self.phones.iter().map(|phone| heard(phone)).collect()
    }
}

fn heard(phone: &SimulatedPhone) -> u32 {
    let log = phone.contacts();
    log.accepted + log.ignored + log.lost
}

/// Lets these networks be scanned, and says where phones reach the server.
async fn allow(server: &mut TestServer, networks: &str) -> ApiClient {
    server.change_setting(ALLOWED, networks).await;
    let address = format!("https://{}", server.phone_port());
    server.change_setting(PHONE_URL, address).await;
    server.api(&[Role::Operator]).await
}

async fn start(api: &ApiClient, ranges: &[String]) -> Value {
    api.post(SCANS, &json!({ "ranges": ranges })).await.expect(201)
}

async fn scan(api: &ApiClient, id: &Value) -> Value {
    api.get(&format!("{SCANS}/{id}")).await.expect(200)
}

async fn becomes(api: &ApiClient, id: &Value, state: &str) -> Value {
    wait_until(async || scan(api, id).await["state"] == state).await;
    scan(api, id).await
}

/// Waits until so many addresses had their turn; it must never be more.
async fn probed(api: &ApiClient, id: &Value, number: u64) {
    let now = async || scan(api, id).await["probed"].as_u64().expect("a number");
    wait_until(async || now().await >= number).await;
    assert_eq!(now().await, number);
}

/// A listener that must not be called.
struct Trap {
    address: SocketAddr,
    knocks: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Trap {
    async fn at(network: [u8; 3], last: u8) -> Self {
        let address = SocketAddr::from((host(network, last), CALL_PORT));
        let listener = TcpListener::bind(address).await.expect("a free port");
        let knocks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&knocks);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, knocks, task }
    }

    /// Nobody has knocked until now: whoever did comes before the knock of the test.
    async fn was_never_called(self) {
        TcpStream::connect(self.address).await.expect("it listens");
        wait_until(async || self.knocks.load(Ordering::SeqCst) > 0).await;
        assert_eq!(self.knocks.load(Ordering::SeqCst), 1, "{}", self.address);
        self.task.abort();
    }
}

on_both_databases! {
    phones_that_know_no_server_become_clients => |server| {
        let network = network();
        let api = allow(server, "127.91.0.0/16").await;
        server.change_setting(RATE, 100).await;
        let waiting = Waiting::start(server.phone_port(), network, 10).await;
        let answer = api.post(SCANS, &json!({"ranges": [range(network, 30)]})).await;
        let location = answer.header("location").to_owned();
        let made = answer.expect(201);
        assert_eq!(location, format!("{SCANS}/{}", made["id"]));
        assert_eq!((&made["state"], &made["addresses"], &made["port"]), (&json!("running"), &json!(30), &json!(8085)));
        assert_eq!((&made["probed"], &made["ranges"]), (&json!(0), &json!([range(network, 30)])));
        let done = becomes(&api, &made["id"], "finished").await;
        assert_eq!((&done["probed"], &done["answered"], &done["failure"]), (&json!(30), &json!(10), &Value::Null));
        assert!(done["started_at"].is_string() && done["finished_at"].is_string());
        wait_until(async || scan(&api, &made["id"]).await["found"] == 10).await;
        assert_eq!(waiting.heard(), [1; 10]);
        let clients = api.get("/api/v1/clients").await.expect(200);
        assert_eq!(clients["total"], 10);
        for client in clients["items"].as_array().expect("clients") {
            assert_eq!((&client["state"], &client["approved"]), (&json!("active"), &json!(false)));
        }
        let list = api.get(&format!("{SCANS}?state=finished")).await.expect(200);
        assert_eq!((&list["total"], &list["items"][0]["id"]), (&json!(1), &made["id"]));
        assert_eq!(api.get(&format!("{SCANS}?state=running")).await.expect(200)["total"], 0);
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=scan.start").await.expect(200);
        let record = &audit["items"][0];
        assert_eq!(record["details"], json!({"ranges": [range(network, 30)], "port": 8085, "addresses": 30}));
        assert_eq!(record["object_name"], range(network, 30));
    }

    a_network_is_scanned_twice_and_known_phones_keep_their_gap => |server| {
        let network = network();
        let api = allow(server, "127.91.0.0/16").await;
        server.change_setting("server-settings.contact-me.gap", 300).await;
        let waiting = Waiting::start(server.phone_port(), network, 3).await;
        let ranges = [range(network, 6)];
        let first = start(&api, &ranges).await;
        becomes(&api, &first["id"], "finished").await;
        wait_until(async || scan(&api, &first["id"]).await["found"] == 3).await;
        let problem = api.post(SCANS, &json!({"ranges": ranges})).await.expect_problem(409, "scan_overlaps");
        assert_eq!(problem["args"]["scan"], first["id"], "a minute of rest between two");
        let macs: Vec<String> = waiting.phones.iter().map(|phone| phone.mac().to_string()).collect();
        wait_until(async || client_of(&api, &macs[0]).await["full_read_at"].is_string()).await;
        // Nobody has called them as clients yet: the first scan met strangers. The second books them.
        server.clock.advance(seconds(61));
        let second = start(&api, &ranges).await;
        let done = becomes(&api, &second["id"], "finished").await;
        assert_eq!((&done["probed"], &done["answered"], &done["found"]), (&json!(6), &json!(3), &json!(0)));
        assert_eq!(waiting.heard(), [2; 3]);
        server.clock.advance(seconds(61));
        let third = start(&api, &ranges).await;
        let done = becomes(&api, &third["id"], "finished").await;
        assert_eq!((&done["probed"], &done["answered"]), (&json!(6), &json!(0)), "they are left alone");
        assert_eq!(waiting.heard(), [2; 3]);
        // The caller keeps that gap too: another phone with work is called, this one is not.
        let id = client_of(&api, &macs[0]).await["id"].clone();
        let job = refresh(&api, &[id]).await;
        let other = fleet(server, self::network(), 1, |config| config.first_mac = first_mac()).await.remove(0);
        let other = Attended::start(other).await;
        let id = client_of(&api, &other.phone.mac().to_string()).await["id"].clone();
        let later = refresh(&api, &[id]).await;
        job_becomes(&api, &later, "success").await;
        assert_eq!(waiting.heard(), [2; 3]);
        server.clock.advance(seconds(301));
        job_becomes(&api, &job, "success").await;
        assert_eq!(waiting.heard(), [3, 2, 2]);
    }

    what_is_no_scan_is_refused => |server| {
        let api = allow(server, "127.91.0.0/16,10.0.0.0/8").await;
        let long = "1".repeat(101);
        let many: Vec<String> = (0..65).map(|number| format!("127.91.200.{number}")).collect();
        for (body, expected) in [
            (json!({}), "/ranges: missing"),
            (json!({"ranges": []}), "/ranges: missing"),
            (json!({"ranges": "127.91.200.1"}), "/ranges: wrong_type"),
            (json!({"ranges": ["127.91.200.1"], "speed": 1}), "/speed: unknown_field"),
            (json!({"ranges": ["127.91.200.1", "host"]}), "/ranges/1: not_a_range"),
            (json!({"ranges": [long]}), "/ranges/0: too_long"),
            (json!({"ranges": many}), "/ranges: too_long"),
            (json!({"ranges": ["127.91.200.9-127.91.200.1"]}), "/ranges/0: range_backwards"),
            (json!({"ranges": ["10.0.0.0/15"]}), "/ranges/0: too_many_addresses"),
            (json!({"ranges": ["10.1.0.0/16", "10.2.0.0/16"]}), "/ranges: too_many_addresses"),
            (json!({"mask": 24}), "/address: missing"),
            (json!({"address": "127.91.200.1", "mask": "255.0.255.0"}), "/mask: not_a_range"),
            (json!({"address": "127.91.200.1", "mask": 33}), "/mask: not_a_range"),
            (json!({"address": "127.91.200.1", "mask": true}), "/mask: wrong_type"),
            (json!({"address": "phone", "mask": 24}), "/address: not_a_range"),
            (json!({"address": "10.0.0.0", "mask": 8}), "/mask: too_many_addresses"),
            (json!({"ranges": ["127.91.200.1"], "port": 22}), "/port: not_a_choice"),
            (json!({"ranges": ["127.91.200.1"], "port": 65536}), "/port: invalid"),
        ] {
            let answer = api.post(SCANS, &body).await;
            assert_eq!(answer.refused_fields(), [expected], "{body}");
            answer.expect_problem(422, "invalid_fields");
        }
        for query in ["state=asleep", "size=0", "page=0", "sort=id"] {
            api.get(&format!("{SCANS}?{query}")).await.expect_problem(422, "invalid_fields");
        }
        assert_eq!(api.get(SCANS).await.expect(200)["total"], 0);
        api.get(&format!("{SCANS}/7")).await.expect_problem(404, "not_found");
        api.post(&format!("{SCANS}/7/stop"), &json!({})).await.expect_problem(404, "not_found");
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.post(SCANS, &json!({"ranges": ["127.91.200.1"]})).await.expect_problem(403, "forbidden");
        viewer.post(&format!("{SCANS}/7/stop"), &json!({})).await.expect_problem(403, "forbidden");
        assert_eq!(viewer.get(SCANS).await.expect(200)["total"], 0);
    }

    a_scan_is_given_by_address_and_mask_too => |server| {
        let network = network();
        let api = allow(server, "127.91.0.0/16").await;
        let mask = json!({"address": address(network, 9), "mask": "255.255.255.248"});
        let made = api.post(SCANS, &mask).await.expect(201);
        assert_eq!(made["addresses"], 6, "neither the network's own nor the broadcast address");
        assert_eq!(made["ranges"], json!([format!("{}/255.255.255.248", address(network, 9))]));
        becomes(&api, &made["id"], "finished").await;
        let body = json!({"address": address(network, 32), "mask": 30, "ranges": [address(network, 40)]});
        assert_eq!(api.post(SCANS, &body).await.expect(201)["addresses"], 3);
    }

    nothing_is_sent_where_no_administrator_allows_it => |server| {
        let (inside, outside) = (network(), network());
        let beyond = Trap::at(outside, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let asked = json!({"ranges": [address(outside, 1)]});
        let problem = api.post(SCANS, &asked).await.expect_problem(409, "scanning_off");
        assert_eq!(problem["args"]["setting"], ALLOWED);
        // A network around it does not name loopback.
        server.change_setting(ALLOWED, "0.0.0.0/0,::/0").await;
        api.post(SCANS, &asked).await.expect_problem(422, "invalid_fields");
        let inner = format!("{}/25", address(inside, 0));
        server.change_setting(ALLOWED, inner.clone()).await;
        let setting = json!({"ranges": [address(inside, 1)]});
        let problem = api.post(SCANS, &setting).await.expect_problem(409, "no_phone_address");
        assert_eq!(problem["args"]["setting"], PHONE_URL);
        server.change_setting(PHONE_URL, "https://phones.example.net:18443").await;
        api.post(SCANS, &setting).await.expect_problem(409, "no_phone_address");
        let api = allow(server, &inner).await;
        for (ranges, expected) in [
            (json!([address(outside, 1)]), "/ranges/0: network_not_allowed"),
            (json!([address(inside, 1), range(inside, 200)]), "/ranges/1: network_not_allowed"),
            (json!(["0.0.0.0"]), "/ranges/0: network_not_allowed"),
            (json!(["224.0.0.1"]), "/ranges/0: network_not_allowed"),
        ] {
            let answer = api.post(SCANS, &json!({"ranges": ranges})).await;
            assert_eq!(answer.refused_fields(), [expected]);
        }
        assert_eq!(api.get(SCANS).await.expect(200)["total"], 0);

        // What is taken away while a scan runs is not called any more.
        let waiting = Waiting::start(server.phone_port(), inside, 12).await;
        let taken = Trap::at(inside, 16).await;
        let made = start(&api, &[range(inside, 30)]).await;
        probed(&api, &made["id"], 10).await;
        server.change_setting(ALLOWED, format!("{}/28", address(inside, 0))).await;
        server.clock.advance(seconds(1));
        let failed = becomes(&api, &made["id"], "failed").await;
        assert_eq!((&failed["failure"], &failed["probed"]), (&json!("network-not-allowed"), &json!(15)));
        assert_eq!(waiting.heard(), [1; 12]);
        taken.was_never_called().await;
        beyond.was_never_called().await;

        // Without an address for phones nothing goes on either.
        server.clock.advance(seconds(61));
        let made = start(&api, &[range(inside, 15)]).await;
        probed(&api, &made["id"], 10).await;
        server.change_setting(PHONE_URL, "").await;
        let failed = becomes(&api, &made["id"], "failed").await;
        assert_eq!(failed["failure"], "no-phone-address");
    }

    scans_keep_apart_share_the_pace_and_are_stopped => |server| {
        let (one, two, three) = (network(), network(), network());
        let api = allow(server, "127.91.0.0/16").await;
        // The address that would be next when the scan is stopped.
        let next = Trap::at(one, 13).await;
        let key = api.clone().with_header("idempotency-key", "scan-1");
        let body = json!({"ranges": [range(one, 30)]});
        let first = key.post(SCANS, &body).await.expect(201);
        probed(&api, &first["id"], 10).await;
        assert_eq!(key.post(SCANS, &body).await.header("idempotency-replayed"), "true");
        let inside = json!({"ranges": [address(one, 30), address(two, 200)]});
        let problem = api.post(SCANS, &inside).await.expect_problem(409, "scan_overlaps");
        assert_eq!(problem["args"]["scan"], first["id"]);
        let second = start(&api, &[range(two, 30)]).await;
        // Both run, and ten a second leave for both of them.
        wait_until(async || scan(&api, &second["id"]).await["started_at"].is_string()).await;
        server.clock.advance(SignedDuration::from_millis(400));
        probed(&api, &first["id"], 12).await;
        probed(&api, &second["id"], 2).await;

        let stop = format!("{SCANS}/{}/stop", first["id"]);
        let stopped = api.post(&stop, &json!({})).await.expect(200);
        assert_eq!(stopped["state"], "stopped");
        assert!(stopped["finished_at"].is_string());
        api.post(&stop, &json!({})).await.expect_problem(409, "scan_over");
        // When its node has taken another scan, it has seen that this one is stopped.
        let third = start(&api, &[range(three, 5)]).await;
        wait_until(async || scan(&api, &third["id"]).await["started_at"].is_string()).await;
        server.clock.advance(seconds(1));
        becomes(&api, &third["id"], "finished").await;
        probed(&api, &second["id"], 7).await;
        assert_eq!(scan(&api, &first["id"]).await["probed"], 12);
        next.was_never_called().await;
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=scan.stop").await.expect(200);
        assert_eq!(audit["total"], 1);
    }

    ten_a_second_leave_and_no_more => |server| {
        let network = network();
        let api = allow(server, "127.91.0.0/16").await;
        let made = start(&api, &[range(network, 40)]).await;
        probed(&api, &made["id"], 10).await;
        server.clock.advance(SignedDuration::from_millis(500));
        probed(&api, &made["id"], 15).await;
        server.clock.advance(SignedDuration::from_millis(300));
        probed(&api, &made["id"], 18).await;
        server.change_setting(RATE, 20).await;
        server.clock.advance(seconds(5));
        probed(&api, &made["id"], 38).await;
        server.clock.advance(seconds(5));
        becomes(&api, &made["id"], "finished").await;
    }

    a_scan_goes_on_after_a_restart_and_on_another_node => |server| {
        let network = network();
        let api = allow(server, "127.91.0.0/16").await;
        let waiting = Waiting::start(server.phone_port(), network, 40).await;
        let made = start(&api, &[range(network, 40)]).await;
        probed(&api, &made["id"], 10).await;
        server.restart().await;
        let api = server.api(&[Role::Operator]).await;
        probed(&api, &made["id"], 20).await;
        let mut other = server.second_node().await;
        server.stop_in_place().await;
        let api = other.api(&[Role::Operator]).await;
        probed(&api, &made["id"], 30).await;
        other.clock.advance(seconds(1));
        let done = becomes(&api, &made["id"], "finished").await;
        assert_eq!((&done["probed"], &done["answered"]), (&json!(40), &json!(40)));
        assert_eq!(waiting.heard(), [1; 40], "each once, whoever asked it");
        other.stop().await;
    }

    storage_providers_are_found_in_a_network => |server| {
        let (store, web) = (S3Server::start().await, Nginx::start().await);
        let port = |url: &str| -> u16 { url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port") };
        let (s3, nginx) = (port(&store.url), port(&web.url));
        // Nobody listens there; and no phone could be told where to come.
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port").local_addr().expect("it").port();
        server.change_setting(ALLOWED, "127.0.0.0/8").await;
        let body = json!({"purpose": "storage-providers", "ranges": ["127.0.0.1"], "ports": [closed, s3, nginx]});
        let operator = server.api(&[Role::Operator]).await;
        operator.post(SCANS, &body).await.expect_problem(403, "forbidden");
        let admin = server.api(&[Role::Admin]).await;
        let known = json!({"name": "Depot", "kind": "https", "url": format!("{}/plain/", web.url)});
        let known = admin.post("/api/v1/storage-providers", &known).await.expect(201);
        let made = admin.post(SCANS, &body).await.expect(201);
        assert_eq!((&made["purpose"], &made["ports"]), (&json!("storage-providers"), &json!([closed, s3, nginx])));
        operator.post(&format!("{SCANS}/{}/stop", made["id"]), &json!({})).await.expect_problem(403, "forbidden");
        let done = becomes(&admin, &made["id"], "finished").await;
        assert_eq!((&done["probed"], &done["answered"], &done["addresses"]), (&json!(1), &json!(2), &json!(1)));
        wait_until(async || scan(&admin, &made["id"]).await["found"] == 2).await;
        let found = operator.get(&format!("{SCANS}/{}/findings", made["id"])).await.expect(200);
        assert_eq!(found["total"], 2);
        let of = |number: usize, field: &str| found["items"][number][field].clone();
        assert_eq!((of(0, "kind"), of(0, "port"), of(0, "known_provider")), (json!("s3"), json!(s3), Value::Null));
        assert_eq!((of(0, "address"), of(0, "url")), (json!("127.0.0.1"), json!(format!("{}/", store.url))));
        assert_eq!((of(1, "kind"), of(1, "port")), (json!("https"), json!(nginx)));
        assert!(of(1, "detail").as_str().is_some_and(|detail| detail.starts_with("nginx")), "{found}");
        assert_eq!(of(1, "known_provider")["id"], known["id"]);
        let second = operator.get(&format!("{SCANS}/{}/findings?page=2&size=1", made["id"])).await.expect(200);
        assert_eq!(second["items"][0], found["items"][1]);
        let problem = admin.post(SCANS, &body).await.expect_problem(409, "scan_overlaps");
        assert_eq!(problem["args"]["scan"], made["id"]);
        let list = admin.get(&format!("{SCANS}?purpose=storage-providers")).await.expect(200);
        assert_eq!(list["total"], 1);
        assert_eq!(admin.get(&format!("{SCANS}?purpose=phones")).await.expect(200)["total"], 0);
        admin.get(&format!("{SCANS}/77/findings")).await.expect_problem(404, "not_found");
        // A scan for phones of the same address is another matter.
        server.change_setting(PHONE_URL, format!("https://{}", server.phone_port())).await;
        let phones = admin.post(SCANS, &json!({"ranges": ["127.0.0.1"]})).await.expect(201);
        assert_eq!((&phones["purpose"], &phones["ports"]), (&json!("phones"), &json!([8085])));
        let nothing = admin.get(&format!("{SCANS}/{}/findings", phones["id"])).await.expect(200);
        assert_eq!(nothing["total"], 0);
        let auditor = server.api(&[Role::Auditor]).await;
        let audit = auditor.get("/api/v1/audit?action=scan.start").await.expect(200);
        let expected = json!({
            "ranges": ["127.0.0.1"], "purpose": "storage-providers", "ports": [closed, s3, nginx], "addresses": 1,
        });
        assert_eq!(audit["items"][1]["details"], expected);
    }

    what_is_no_scan_for_storage_is_refused => |server| {
        server.change_setting(ALLOWED, "127.91.0.0/16").await;
        let admin = server.api(&[Role::Admin]).await;
        for (changes, expected) in [
            (json!({"ports": [0]}), "/ports/0: out_of_range"),
            (json!({"ports": [443, 9000, 443]}), "/ports/2: given_twice"),
            (json!({"ports": [1, 2, 3, 4, 5, 6, 7, 8, 9]}), "/ports: too_long"),
            (json!({"port": 443}), "/port: invalid"),
            (json!({"purpose": "phones", "ports": [8085]}), "/ports: invalid"),
            (json!({"purpose": "printers"}), "/purpose: not_a_choice"),
            (json!({"ranges": ["127.92.0.1"]}), "/ranges/0: network_not_allowed"),
        ] {
            let mut body = json!({"purpose": "storage-providers", "ranges": ["127.91.200.1"]});
            body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
            let answer = admin.post(SCANS, &body).await;
            assert_eq!(answer.refused_fields(), [expected], "{changes}");
        }
        let body = json!({"purpose": "storage-providers", "ranges": ["127.91.200.1"]});
        assert_eq!(admin.post(SCANS, &body).await.expect(201)["ports"], json!([443, 9000, 8443]));
    }

    a_scan_for_storage_keeps_the_pace_and_goes_on_after_a_restart => |server| {
        let network = network();
        server.change_setting(ALLOWED, "127.91.0.0/16").await;
        let admin = server.api(&[Role::Admin]).await;
        let body = json!({"purpose": "storage-providers", "ranges": [range(network, 12)], "ports": [443, 8443]});
        let made = admin.post(SCANS, &body).await.expect(201);
        // Ten ports a second are five addresses.
        probed(&admin, &made["id"], 5).await;
        server.clock.advance(seconds(1));
        probed(&admin, &made["id"], 10).await;
        server.restart().await;
        let admin = server.api(&[Role::Admin]).await;
        let done = becomes(&admin, &made["id"], "finished").await;
        assert_eq!((&done["probed"], &done["found"]), (&json!(12), &json!(0)));
        let stop = format!("{SCANS}/{}/stop", made["id"]);
        admin.post(&stop, &json!({})).await.expect_problem(409, "scan_over");
    }

    scans_that_were_over_a_month_ago_are_forgotten => |server| {
        let api = allow(server, "127.91.0.0/16").await;
        let made = start(&api, &[address(network(), 1)]).await;
        becomes(&api, &made["id"], "finished").await;
        for (days, status) in [(29, 200), (2, 404)] {
            server.clock.advance(SignedDuration::from_hours(24 * days));
            enqueue(server.app(), Kind::PurgeScans).await.expect("a task");
            work_off(server.app()).await.expect("tasks");
            let path = format!("{SCANS}/{}", made["id"]);
            wait_until(async || api.get(&path).await.status.as_u16() == status).await;
        }
    }
}

/// Changes a setting of a server that is killed later.
async fn set(api: &ApiClient, id: &str, value: String) {
    let path = format!("/api/v1/settings/{id}");
    let etag = api.get(&path).await.header("etag").to_owned();
    api.clone().if_match(&etag).put(&path, &json!({ "value": value })).await.expect(200);
}

killed_on_both_databases! {
    a_scan_goes_on_when_its_server_was_killed => |server| {
        let (network, other) = (network(), network());
        set(&server.api(), ALLOWED, "127.91.0.0/16".to_owned()).await;
        set(&server.api(), PHONE_URL, format!("https://{}", server.phone_port())).await;
        let waiting = Waiting::start(server.phone_port(), network, 25).await;
        let made = start(&server.api(), &[range(network, 25)]).await;
        probed(&server.api(), &made["id"], 10).await;
        server.crash().await;
        // Nobody knows that its node is dead, until its lease is over.
        let api = server.api();
        let witness = start(&api, &[range(other, 5)]).await;
        becomes(&api, &witness["id"], "finished").await;
        let left = scan(&api, &made["id"]).await;
        assert_eq!((&left["state"], &left["probed"]), (&json!("running"), &json!(10)));
        server.advance(seconds(121));
        probed(&api, &made["id"], 20).await;
        server.advance(seconds(1));
        let done = becomes(&api, &made["id"], "finished").await;
        assert_eq!(done["probed"], 25);
        assert_eq!(waiting.heard(), [1; 25]);
    }
}
