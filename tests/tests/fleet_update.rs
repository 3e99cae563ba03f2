//! The proof of deployments: a fleet gets new firmware out of an S3 bucket although downloads fail, the object is another
//! one than was scanned, or the provider goes away in the middle. Nobody is offered too much, too many or too early,
//! and in the end everybody runs what they should (OSEM §4.5.4, §10, `wpi.md` §4.6.6).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use content::craft::firmware;
use domain::Role;
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::{
    Attendance, Family, Opening, SessionError, SessionOutcome, SessionSink, SimulateConfig, SimulatedPhone,
};
use tests::called::CALL_PORT;
use tests::desk::{all_pages, apply};
use tests::storage_servers::{BUCKET, PASSWORD, REGION, S3Server, USER};
use tests::{ApiClient, Backend, TestServer, on_both_databases, phones, wait_until};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wire::Action;

const PROVIDERS: &str = "/api/v1/storage-providers";
const JOBS: &str = "/api/v1/jobs";
const MODELS: [&str; 3] = ["OpenStage 40", "OpenStage 60", "OpenStage 80"];
const NEW: &str = "V9 R1.2.3";
const IMAGE: usize = 1024 * 1024;
/// Time in which a phone is not offered firmware again.
const PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// How often phones were told to fetch firmware, by their numbers, and how many were at it at the same time.
#[derive(Default)]
struct Watched {
    offers: Mutex<BTreeMap<u32, u32>>,
    most: AtomicUsize,
}

impl SessionSink for Watched {
    fn session(&self, number: u32, result: &Result<SessionOutcome, SessionError>) {
        let outcome = result.as_ref().unwrap_or_else(|error| panic!("phone {number}: {error}"));
        if outcome.actions.contains(&Action::SoftwareDeployment) {
            *self.offers.lock().expect("no panic").entry(number).or_default() += 1;
        }
    }
}

/// Phones that have started up and come when they are called.
struct Phones {
    all: Vec<Arc<SimulatedPhone>>,
    watched: Arc<Watched>,
    _attendances: Vec<Attendance>,
    _tasks: JoinSet<()>,
}

impl Phones {
    /// Starts them up, in a block of addresses of their own; each of [`MODELS`] in turn.
    async fn start(
        server: &TestServer,
        block: &str,
        count: u32,
        change: impl FnOnce(&mut SimulateConfig),
    ) -> Self {
        let all = phones(server.phone_port(), count, |config| {
            config.source = Some(block.parse().expect("a block"));
            config.contact_me_port = CALL_PORT;
            config.contact_gap = Some(Duration::ZERO);
            config.family = Some(Family::Sip);
            config.models = MODELS.map(|model| model.parse().expect("a model")).to_vec();
            config.deployments.update_time = Duration::ZERO;
            change(config);
        })
        .await;
        let watched = Arc::new(Watched::default());
        let (permits, sink) = (Arc::new(Semaphore::new(32)), Arc::clone(&watched) as Arc<dyn SessionSink>);
        let start = async |phone: &Arc<SimulatedPhone>| {
            phone.session(&Opening::StartUp).await.expect("a session");
            let (phone, permits, sink) = (Arc::clone(phone), Arc::clone(&permits), Arc::clone(&sink));
            Attendance::start(phone, CALL_PORT, permits, sink).await.expect("a listener")
        };
        let attendances = futures_util::stream::iter(&all).map(start).buffer_unordered(8).collect().await;
        let mut tasks = JoinSet::new();
        let (looked_at, counted) = (all.clone(), Arc::clone(&watched));
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(2));
            loop {
                ticks.tick().await;
                let now = looked_at.iter().filter(|phone| phone.is_deploying()).count();
                counted.most.fetch_max(now, Ordering::Relaxed);
            }
        });
        Self { all, watched, _attendances: attendances, _tasks: tasks }
    }

    /// How often each phone was told to fetch firmware, by its number.
    fn offers(&self) -> BTreeMap<u32, u32> {
        self.watched.offers.lock().expect("no panic").clone()
    }

    /// Numbers of the phones that run a version.
    async fn running(&self, version: &str) -> BTreeSet<u32> {
        let mut running = BTreeSet::new();
        for phone in &self.all {
            if phone.value("software-version", None).await.as_deref() == Some(version) {
                running.insert(phone.number());
            }
        }
        running
    }

    /// Numbers of the phones whose downloads fail by themselves.
    async fn failing(&self) -> BTreeSet<u32> {
        let mut failing = BTreeSet::new();
        for phone in &self.all {
            if phone.with_machine(|machine, _| machine.behaviour().deployments.failing).await > 0 {
                failing.insert(phone.number());
            }
        }
        failing
    }
}

/// Name of the image of a model in the bucket.
fn key(model: &str) -> String {
    format!("{}.img", model.replace(' ', "-").to_lowercase())
}

async fn put(store: &S3Server, model: &str, version: &str) {
    let image = firmware(model, "SIP", version, IMAGE);
    tokio::fs::write(store.objects().join(key(model)), image).await.expect("an object");
}

/// A bucket with an image for each model, as a provider of the server that was scanned; its path.
async fn bucket(server: &mut TestServer, api: &ApiClient) -> (S3Server, String) {
    for (setting, value) in [
        ("storage.allowed-networks", json!("127.0.0.0/8")),
        ("security.storage-provider-connection-validation", json!(false)),
        ("contact-me.rate", json!(1_000)),
        ("contact-me.rate-per-subnet", json!(1_000)),
    ] {
        server.change_setting(&format!("server-settings.{setting}"), value).await;
    }
    let store = S3Server::start().await;
    for model in MODELS {
        put(&store, model, NEW).await;
    }
    let new = json!({
        "name": "Depot", "kind": "s3", "url": store.url, "username": USER, "secret": PASSWORD, "bucket": BUCKET,
        "region": REGION, "path_style": true,
    });
    let made = api.post(PROVIDERS, &new).await.expect(201);
    let path = format!("{PROVIDERS}/{}", made["id"]);
    assert_eq!(scan(api, &path).await["added"], 3);
    wait_until(async || api.get(&path).await.expect(200)["health"] == "good").await;
    (store, path)
}

/// Scans a provider to its end; gives what the scan found.
async fn scan(api: &ApiClient, provider: &str) -> Value {
    api.post(&format!("{provider}/scan"), &json!({})).await.expect(202);
    wait_until(async || api.get(provider).await.expect(200)["scan"]["state"] != "running").await;
    let scan = api.get(provider).await.expect(200)["scan"].clone();
    assert_eq!(scan["state"], "done");
    scan
}

/// A plan that brings everybody the images that are there.
async fn plan(api: &ApiClient, more: Value) -> Value {
    let files = all_pages(api, "/api/v1/files").await;
    let files: Vec<Value> = files.iter().map(|file| json!({"file": file["id"]})).collect();
    let mut deployment = json!({ "files": files });
    for (name, value) in more.as_object().expect("an object") {
        deployment[name] = value.clone();
    }
    let asked = json!({"kind": "deploy-software", "targets": {"filter": {}}, "deployment": deployment});
    let plan = api.post("/api/v1/plans", &asked).await.expect(201);
    let path = format!("/api/v1/plans/{}", plan["id"]);
    wait_until(async || api.get(&path).await.expect(200)["state"] == "ready").await;
    api.get(&path).await.expect(200)
}

async fn job(api: &ApiClient, id: &Value) -> Value {
    api.get(&format!("{JOBS}/{id}")).await.expect(200)
}

/// Number of targets of a job in a state.
fn number(job: &Value, state: &str) -> u64 {
    job["targets"][state].as_u64().unwrap_or(0)
}

/// Lets the server's time pass, second by second, until a job has come to its end; gives it. Calls have their pace,
/// and that stands still with the clock. Never are more phones under way than may be.
async fn ended(server: &TestServer, api: &ApiClient, id: &Value, places: u64) -> Value {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..6_000 {
        ticks.tick().await;
        let now = job(api, id).await;
        assert!(number(&now, "sent") <= places, "{now}");
        if now["state"] != "created" && now["state"] != "active" {
            return now;
        }
        server.clock.advance(SignedDuration::from_secs(1));
    }
    let left = all_pages(api, &format!("{JOBS}/{id}/targets")).await;
    let left = left.iter().find(|target| target["finished_at"].is_null());
    panic!("the job does not end: {}, {left:?}", job(api, id).await);
}

/// States and reasons of the targets of a job, and how many stand so.
async fn standing(api: &ApiClient, id: &Value) -> BTreeMap<(String, String), u64> {
    let mut standing = BTreeMap::new();
    for target in all_pages(api, &format!("{JOBS}/{id}/targets")).await {
        let word = |name: &str| target[name].as_str().unwrap_or_default().to_owned();
        *standing.entry((word("state"), word("reason"))).or_default() += 1;
    }
    standing
}

/// When each target of a job was sent last, by its id.
async fn sent_at(api: &ApiClient, id: &Value) -> BTreeMap<u64, Timestamp> {
    let targets = all_pages(api, &format!("{JOBS}/{id}/targets")).await;
    let sent =
        targets.iter().filter_map(|target| Some((target["id"].as_u64()?, target["sent_at"].as_str()?)));
    sent.map(|(id, at)| (id, at.parse().expect("a time"))).collect()
}

/// Why files could not be given to the phones of the targets that failed, once all of that is written down.
async fn failures(api: &ApiClient, id: &Value) -> BTreeSet<String> {
    let path = format!("{JOBS}/{id}/targets");
    let failed = async || {
        let targets = all_pages(api, &path).await.into_iter().filter(|target| target["state"] == "failed");
        targets.map(|target| target["deployment"]["failure"]["code"].clone()).collect::<Vec<_>>()
    };
    wait_until(async || failed().await.iter().all(Value::is_string)).await;
    failed().await.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

fn words<const N: usize>(expected: [(&str, &str, u64); N]) -> BTreeMap<(String, String), u64> {
    let owned = |(state, reason, count): (&str, &str, u64)| ((state.to_owned(), reason.to_owned()), count);
    expected.into_iter().map(owned).collect()
}

async fn retry(api: &ApiClient, id: &Value, targets: u64) {
    api.post(&format!("{JOBS}/{id}/retry?confirm={targets}"), &json!({})).await.expect(200);
}

/// Blocks of addresses of the two runs of a test, which may run at the same time.
fn block(server: &TestServer, [sqlite, postgres]: [&'static str; 2]) -> (Backend, &'static str) {
    match &server.config().database_url {
        None => (Backend::Sqlite, sqlite),
        Some(_) => (Backend::Postgres, postgres),
    }
}

on_both_databases! {
    a_fleet_is_updated_from_a_bucket_although_downloads_fail => |server| {
        const PLACES: u64 = 25;
        let (backend, block) = block(server, ["127.47.0.0/22", "127.47.4.0/24"]);
        let (count, limit, share) = if matches!(backend, Backend::Sqlite) { (500, 10, 0.05) } else { (120, 2, 0.1) };
        let api = server.api(&[Role::Admin]).await;
        let places = "server-settings.deployments.parallel-software";
        server.change_setting(places, PLACES).await;
        let (store, _) = bucket(server, &api).await;
        let fleet = Phones::start(server, block, count, |config| config.failing_downloads = share).await;
        let failing = fleet.failing().await;
        assert!(failing.len() > limit, "{failing:?}");
        let scanned = MODELS.map(|model| store.gets(&key(model)));

        let (all, errors) = (u64::from(count), limit as u64);
        let plan = plan(&api, json!({"error_limit": limit})).await;
        let summary = &plan["summary"];
        assert_eq!((&summary["writes"], &summary["restarts"]), (&json!(all), &json!(all)), "{summary}");
        assert_eq!(summary["bytes"], all * IMAGE as u64);
        let id = apply(&api, &plan, json!({"confirm": all})).await;

        // So many fail that the rest is left alone.
        let stopped = ended(server, &api, &id, PLACES).await;
        assert_eq!(stopped["options"]["stopped"], "error-limit", "{stopped}");
        let (good, bad) = (number(&stopped, "success"), number(&stopped, "failed"));
        let rest = all - good - bad;
        assert!(bad >= errors && bad < errors + PLACES, "{stopped}");
        assert!(rest > 0);
        let expected = [("success", "", good), ("failed", "download-failed", bad), ("cancelled", "error-limit", rest)];
        assert_eq!((stopped["state"].as_str(), standing(&api, &id).await), (Some("cancelled"), words(expected)));
        let first = fleet.offers();
        let first_sent = sent_at(&api, &id).await;
        assert_eq!(first.len() as u64, good + bad, "the rest was offered nothing");
        assert!(first.values().all(|offers| *offers == 1));
        let has_failed: BTreeSet<u32> = failing.iter().copied().filter(|number| first.contains_key(number)).collect();
        assert_eq!(has_failed.len() as u64, bad);
        let updated = fleet.running(NEW).await;
        assert_eq!(updated.len() as u64, good);
        assert!(updated.is_disjoint(&failing), "half of an image is none");

        // The cause is found, and everybody who has nothing yet gets it.
        for phone in &fleet.all {
            phone.with_machine(|machine, _| machine.set_failing_downloads(0)).await;
        }
        retry(&api, &id, bad + rest).await;
        assert_eq!(job(&api, &id).await["options"]["stopped"], Value::Null);
        let done = ended(server, &api, &id, PLACES).await;
        assert_eq!((&done["state"], number(&done, "success")), (&json!("success"), all), "{done}");

        // By its own word every phone runs it, by the list of clients, and by the page of firmware.
        assert_eq!(fleet.running(NEW).await.len(), fleet.all.len());
        let clients = all_pages(&api, "/api/v1/clients").await;
        assert_eq!(clients.iter().filter(|client| client["software_version"] == NEW).count() as u64, all);
        let page = api.get("/api/v1/firmware").await.expect(200);
        assert_eq!((&page["clients"], &page["outdated"]), (&json!(all), &json!(0)));
        assert_eq!(page["under_way"], 0);
        let models = page["models"].as_array().expect("models");
        assert_eq!(models.len(), MODELS.len());
        for model in models {
            let versions = model["versions"].as_array().expect("versions");
            assert_eq!((versions.len(), &versions[0]["version"]), (1, &json!(NEW)), "{model}");
            assert_eq!(model["newest"]["version"], NEW);
        }

        // Once each; twice those that had failed, and not before the pause was over.
        let expected = |phone: &Arc<SimulatedPhone>| (phone.number(), 1 + u32::from(has_failed.contains(&phone.number())));
        assert_eq!(fleet.offers(), fleet.all.iter().map(expected).collect());
        let mut twice = 0;
        for (target, sent) in sent_at(&api, &id).await {
            if let Some(first) = first_sent.get(&target).filter(|first| **first != sent) {
                assert!(sent.duration_since(*first) >= PAUSE, "target {target}: {first}, then {sent}");
                twice += 1;
            }
        }
        assert_eq!(twice, bad);
        for phone in &fleet.all {
            let orders = phone.orders().await;
            assert_eq!((orders.updates, orders.downloads.completed), (1, 1));
        }
        let most = fleet.watched.most.load(Ordering::Relaxed) as u64;
        assert!(most > 1 && most <= PLACES, "{most} phones were at it at the same time");
        // All that came out of one copy.
        for (model, scanned) in MODELS.iter().zip(scanned) {
            assert_eq!(store.gets(&key(model)) - scanned, 1, "{model}");
        }
    }

    each_node_fetches_an_image_once_and_both_give_away_the_same_places => |server| {
        const PLACES: u64 = 4;
        if server.config().database_url.is_none() {
            // There, one node has the database for itself.
            return;
        }
        let api = server.api(&[Role::Admin]).await;
        server.change_setting("server-settings.deployments.parallel-software", PLACES).await;
        let (store, _) = bucket(server, &api).await;
        let other = server.second_node().await;
        let here = Phones::start(server, "127.47.12.0/24", 12, |_| {}).await;
        let there = Phones::start(&other, "127.47.13.0/24", 12, |config| {
            config.first_mac = "00:1A:E8:77:00:00".parse().expect("an address");
            config.first_number += 500;
        })
        .await;
        let scanned = MODELS.map(|model| store.gets(&key(model)));
        let plan = plan(&api, json!({})).await;
        let id = apply(&api, &plan, json!({"confirm": 24})).await;
        let over = ended(server, &api, &id, PLACES).await;
        assert_eq!((&over["state"], number(&over, "success")), (&json!("success"), 24), "{over}");
        assert_eq!((here.running(NEW).await.len(), there.running(NEW).await.len()), (12, 12));
        assert!([&here, &there].iter().all(|phones| phones.offers().values().all(|offers| *offers == 1)));
        for (model, scanned) in MODELS.iter().zip(scanned) {
            assert_eq!(store.gets(&key(model)) - scanned, 2, "{model}: once for each node");
        }
        other.stop().await;
    }

    an_object_that_is_another_one_than_was_scanned_is_not_installed => |server| {
        let (_, block) = block(server, ["127.47.8.0/24", "127.47.9.0/24"]);
        let api = server.api(&[Role::Admin]).await;
        let (store, provider) = bucket(server, &api).await;
        let fleet = Phones::start(server, block, 3, |_| {}).await;
        let plan = plan(&api, json!({})).await;
        // As long as before, and for the same model.
        put(&store, MODELS[1], "V9 R9.9.9").await;
        let id = apply(&api, &plan, json!({})).await;
        let over = ended(server, &api, &id, 3).await;
        assert_eq!(over["state"], "partial-successful");
        let expected = words([("success", "", 2), ("failed", "download-failed", 1)]);
        assert_eq!(standing(&api, &id).await, expected);
        assert_eq!(fleet.running(NEW).await, BTreeSet::from([0, 2]));
        assert_eq!(fleet.running("V9 R9.9.9").await, BTreeSet::new());
        let orders = fleet.all[1].orders().await;
        assert_eq!((orders.updates, orders.downloads.failed, orders.downloads.bytes), (0, 1, 0));
        assert_eq!(failures(&api, &id).await, BTreeSet::from(["changed".to_owned()]));
        // The provider itself is well.
        assert_eq!(api.get(&provider).await.expect(200)["health"], "good");
        // What it is now is known when it was scanned.
        // As long as a job needs it, its description stays.
        let files = async || all_pages(&api, "/api/v1/files").await;
        wait_until(async || files().await.iter().all(|file| file["used_by"]["jobs"] == json!([]))).await;
        let scanned = scan(&api, &provider).await;
        assert_eq!(scanned["changed"], 1, "{scanned} {:?}", files().await);
        server.clock.advance(PAUSE);
        retry(&api, &id, 1).await;
        let over = ended(server, &api, &id, 3).await;
        assert_eq!(over["state"], "success");
        assert_eq!(fleet.running("V9 R9.9.9").await, BTreeSet::from([1]));
    }

    a_provider_that_goes_away_in_the_middle_of_a_job_stops_nobody_who_has_his_copy => |server| {
        let (_, block) = block(server, ["127.47.10.0/24", "127.47.11.0/24"]);
        let api = server.api(&[Role::Admin]).await;
        server.change_setting("server-settings.deployments.parallel-software", 1).await;
        let (store, provider) = bucket(server, &api).await;
        // Long enough that the first one is seen to be through before phones of all models have fetched.
        let slowly = Duration::from_millis(300);
        let fleet = Phones::start(server, block, 9, |config| config.deployments.update_time = slowly).await;
        let scanned = MODELS.map(|model| store.gets(&key(model)));
        let plan = plan(&api, json!({})).await;
        let id = apply(&api, &plan, json!({})).await;
        // One phone has its firmware, and with that its model has a copy.
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while number(&job(&api, &id).await, "success") == 0 {
            ticks.tick().await;
            server.clock.advance(SignedDuration::from_secs(1));
        }
        store.set_there(false);
        let copied: Vec<usize> = (0..3).filter(|place| store.gets(&key(MODELS[*place])) > scanned[*place]).collect();
        // Everybody who can have a copy gets it; nobody else fails, and none of them is offered anything any more.
        let has_copy = |number: &u32| copied.contains(&(usize::try_from(*number).expect("small") % 3));
        let served = (0..9).filter(has_copy).count() as u64;
        assert!(served > 0 && served < 9, "{copied:?}");
        for _ in 0..6_000 {
            ticks.tick().await;
            let now = job(&api, &id).await;
            assert!(number(&now, "sent") <= 1 && number(&now, "failed") + number(&now, "timeout") == 0, "{now}");
            if number(&now, "success") == served && number(&now, "sent") == 0 {
                break;
            }
            server.clock.advance(SignedDuration::from_secs(1));
        }
        let good = fleet.running(NEW).await;
        assert!(good.len() as u64 == served && good.iter().all(has_copy), "{good:?} {copied:?}");
        // One may be sent before anybody knows that the provider is away.
        while api.get(&provider).await.expect(200)["health"] != "bad" || number(&job(&api, &id).await, "sent") > 0 {
            ticks.tick().await;
            server.clock.advance(SignedDuration::from_secs(1));
        }
        let offered = fleet.offers();
        for _ in 0..600 {
            ticks.tick().await;
            server.clock.advance(SignedDuration::from_secs(1));
        }
        assert_eq!(fleet.offers(), offered, "nobody is sent to a provider that is away");
        let waits = |(state, reason): &(String, String)| match state.as_str() {
            "success" => true,
            _ => ["waiting", "active"].contains(&state.as_str())
                && ["file-unreachable", "not-served", "offered-recently"].contains(&reason.as_str()),
        };
        // For a moment a phone that has come stands without a reason.
        wait_until(async || standing(&api, &id).await.keys().all(waits)).await;
        let shown = api.get(&provider).await.expect(200);
        assert_eq!((&shown["health"], &shown["error"]["code"]), (&json!("bad"), &json!("unreachable")), "{shown}");
        store.set_there(true);
        // Nobody has to try it again.
        assert_eq!(ended(server, &api, &id, 1).await["state"], "success");
        assert_eq!(fleet.running(NEW).await.len(), 9);
        wait_until(async || api.get(&provider).await.expect(200)["health"] == "good").await;
    }
}
