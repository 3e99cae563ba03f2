//! Row 9: a secret stands nowhere but where it belongs (D-16, D-24): not in the log, not in an answer of the API, not in
//! the event stream, and not in clear in the database.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Role;
use serde_json::{Value, json};
use tests::called::{Attended, host, network};
use tests::desk::{apply, client_of, job_becomes, plan, target};
use tests::{ApiClient, TestServer, items, message, on_both_databases, raw_phone, reply, wait_until};
use wire::{Action, Reason};

use super::NETWORK;
use super::impersonation::PASSWORD;
use super::places::{Place, keep_log, logged, readable, stands_in, stored};
use super::stranger::{nonce, sip_phone};

const LINE_PASSWORD: &str = "records.lines.password";
const SERVER: &str = "telephony.sip-settings.server-address";

/// No secret: the search finds it everywhere, or it would find nothing at all.
const IN_PLAIN_SIGHT: &str = "canary-in-plain-sight.example.net";

/// Secrets that are given to the server or made by it.
#[derive(Default)]
struct Canaries {
    all: Vec<(&'static str, String)>,
}

impl Canaries {
    fn add(&mut self, what: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        self.all.push((what, secret.clone()));
        secret
    }

    /// Where they stand although they must not.
    fn found_in(&self, places: &[Place]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, bytes) in places {
            let here = self.all.iter().filter(|(_, secret)| stands_in(bytes, secret));
            found.extend(here.map(|(what, _)| format!("{what} in {place}")));
        }
        found
    }
}

/// A reader of the event stream, from now on.
async fn listen(api: &ApiClient) -> Arc<Mutex<Vec<u8>>> {
    let mut stream = api.stream("/api/v1/events").await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok(Some(bytes)) = stream.chunk().await {
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes);
        }
    });
    heard
}

fn so_far(heard: &Mutex<Vec<u8>>) -> Vec<u8> {
    heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A phone of old firmware, which reports secrets (`wpi.md` §3.5).
async fn reports(server: &TestServer, canaries: &mut Canaries) {
    let user = canaries.add("a user password a phone reports", "canary-user-517");
    let sip = canaries.add("a SIP password a phone reports", "canary-reported-518");
    let vendor = canaries.add("an unknown secret a phone reports", "canary-vendor-519");
    let mut basic = items(&[
        ("device-type", "OpenStage 40"),
        ("software-type", "Siemens SIP"),
        ("software-version", "V3 R5.16.0"),
        ("mac-addr", "00:1A:E8:78:00:01"),
        ("user-pwd", &user),
    ]);
    let mut phone = raw_phone(server.phone_port(), host(network(NETWORK), 1));
    phone.send(&message(&nonce(), Reason::StartUp, basic.clone())).await;
    basic.extend(items(&[("sip-pwd", &sip), ("some-vendor-secret", &vendor)]));
    phone.send(&reply(&nonce(), Action::ReadAllItems, basic)).await;
}

/// Secrets of people: passwords, a token, a session. Also those that are refused.
async fn people(server: &TestServer, api: &ApiClient, canaries: &mut Canaries) {
    let password = canaries.add("the password of an account", "canary sings at 520 o'clock");
    let wrong = canaries.add("a mistyped password", "canary sings at 521 o'clock");
    let weak = canaries.add("a password that is too weak", "canary-522");
    let account = json!({"user_name": "bird", "password": password, "roles": ["viewer"]});
    api.post("/api/v1/accounts", &account).await.expect(201);
    let refused = json!({"user_name": "egg", "password": weak, "roles": ["viewer"]});
    let answer = api.post("/api/v1/accounts", &refused).await;
    assert!(!answer.text.contains(&weak), "{}", answer.text);
    answer.expect(422);
    let answer = server
        .anonymous()
        .post("/api/v1/auth/sign-in", &json!({"user_name": "bird", "password": wrong}))
        .await;
    assert!(!answer.text.contains(&wrong), "{}", answer.text);
    answer.expect(401);
    let signed_in = json!({"user_name": "bird", "password": password});
    let answer = server.anonymous().post("/api/v1/auth/sign-in", &signed_in).await;
    let cookie = answer.cookie();
    let info = answer.expect(200);
    canaries.add("a session", cookie.split_once('=').expect("a cookie").1);
    let browser = server.anonymous().with_header("cookie", &cookie);
    browser.get("/api/v1/auth/session").await.expect(200);
    assert!(info["csrf_token"].is_string());
    // The answer with the token is kept for somebody who asks twice.
    let asked = api.clone().with_header("idempotency-key", "canary");
    let made = asked.post("/api/v1/tokens", &json!({"name": "canary"})).await.expect(201);
    let token = canaries.add("an API token", made["token"].as_str().expect("a token"));
    server.anonymous().with_token(&token).get("/api/v1/clients").await.expect(200);
}

/// Secrets for phones: handed out, waiting, refused, for a client that nobody has seen. Gives the plans.
async fn configuration(server: &TestServer, api: &ApiClient, canaries: &mut Canaries) -> Vec<Value> {
    let attended = Attended::start(sip_phone(server, network(NETWORK)).await).await;
    let id = client_of(api, &attended.phone.mac().to_string()).await["id"].clone();
    let (first, line) = (
        canaries.add("a secret that is handed out", "canary-handed-523"),
        canaries.add("a secret of a line", "canary-line-524"),
    );
    let changes = json!([
        {"parameter": PASSWORD, "value": first},
        {"parameter": LINE_PASSWORD, "index": 1, "value": line},
        {"parameter": SERVER, "value": IN_PLAIN_SIGHT},
    ]);
    let asked = api.clone().with_header("idempotency-key", "canary-plan");
    let one = plan(&asked, std::slice::from_ref(&id), changes).await;
    let job = apply(api, &one, json!({"approve": true})).await;
    job_becomes(api, &job, "success").await;
    assert_eq!(attended.phone.value("sip-pwd", None).await, Some(first));
    assert_eq!(attended.phone.value("line-sip-pwd", Some(1)).await, Some(line));

    let waiting = canaries.add("a secret that waits", "canary-waiting-525");
    let two = plan(api, std::slice::from_ref(&id), json!([{"parameter": PASSWORD, "value": waiting}])).await;
    let job = apply(api, &two, json!({})).await;
    assert_ne!(target(api, &job).await["state"], "success");

    let never = canaries.add("a secret of a plan that is not applied", "canary-planned-526");
    let three = plan(api, std::slice::from_ref(&id), json!([{"parameter": PASSWORD, "value": never}])).await;

    let wrong = canaries.add("a secret of a wrong plan", "canary-wrong-527");
    let changes = json!([{"parameter": PASSWORD, "value": format!("{wrong}\u{7}")}]);
    let body = json!({"kind": "write-configuration", "targets": {"ids": [id]}, "changes": changes});
    let answer = api.post("/api/v1/plans", &body).await;
    assert!(!answer.text.contains(&wrong), "{}", answer.text);
    answer.expect(422);

    let pin = canaries.add("a deployment PIN", "908172635408");
    let prepared =
        api.post("/api/v1/clients", &json!({"model": "CP600", "deployment_pin": pin})).await.expect(201);
    let secret = canaries.add("a secret of a prepared client", "canary-prepared-528");
    let four = plan(api, &[prepared["id"].clone()], json!([{"parameter": PASSWORD, "value": secret}])).await;
    apply(api, &four, json!({})).await;
    [one, two, three, four].iter().map(|plan| plan["id"].clone()).collect()
}

/// Secrets of templates: of one whose values were copied to a client, and of one that only a plan knows. And what else has to be there so that it can be read. Gives the plans.
async fn templates(server: &mut TestServer, api: &ApiClient, canaries: &mut Canaries) -> Vec<Value> {
    const TEMPLATES: &str = "/api/v1/templates";
    let secret = |secret: &str| json!([{"parameter": PASSWORD, "value": secret}]);
    let copied = canaries.add("a secret of an onboarding template", "canary-template-529");
    let mut values = secret(&copied);
    values.as_array_mut().expect("values").push(json!({"parameter": SERVER, "value": IN_PLAIN_SIGHT}));
    let body = json!({"name": "Birds", "kind": "onboarding", "values": values});
    let template = api.post(TEMPLATES, &body).await.expect(201)["id"].clone();
    let client = json!({"model": "CP600", "e164": "529", "template": template});
    api.post("/api/v1/clients", &client).await.expect(201);
    let planned = canaries.add("a secret of a template that only a plan has", "canary-template-530");
    let body = json!({"name": "Eggs", "kind": "default", "values": secret(&planned)});
    let problem = api.post(TEMPLATES, &body).await.expect_problem(409, "plan_required");
    api.post("/api/v1/groups", &json!({"name": "Birds", "filter": {"all": []}})).await.expect(201);
    server.change_setting("server-settings.scans.allowed-networks", "127.0.0.0/8").await;
    let address = format!("https://{}", server.phone_port());
    server.change_setting("server-settings.phones.phone-url", address).await;
    let [a, b, c] = network(NETWORK);
    api.post("/api/v1/scans", &json!({"ranges": [format!("{a}.{b}.{c}.250")]})).await.expect(201);
    vec![problem["args"]["plan"].clone()]
}

/// Secrets of a storage provider, one that is refused among them; and a file and an unfinished upload.
async fn storage(api: &ApiClient, canaries: &mut Canaries) {
    const PROVIDERS: &str = "/api/v1/storage-providers";
    let secret = canaries.add("the access secret of a storage provider", "canary-storage-531");
    let ftp = canaries.add("the FTP password of a storage provider", "canary-ftp-532");
    let body = json!({
        "name": "Nest", "kind": "s3", "url": "https://s3.example.net", "username": "bird", "secret": secret,
        "bucket": "nest", "region": "eu-north-1", "serving": "ftp", "ftp_url": "ftp://ftp.example.net/nest",
        "ftp_username": "bird", "ftp_secret": ftp,
    });
    api.post(PROVIDERS, &body).await.expect(201);
    let refused = canaries.add("the access secret of a wrong storage provider", "canary-storage-533");
    let body = json!({"name": "", "kind": "s3", "url": "https://s3.example.net", "secret": refused});
    let answer = api.post(PROVIDERS, &body).await;
    assert!(!answer.text.contains(&refused), "{}", answer.text);
    answer.expect(422);
    api.upload("chirp.txt", b"a directory of birds", &[("file_type", "ldap-template")]).await.expect(201);
    api.post("/api/v1/uploads", &json!({"name": "song.wav", "size": 10})).await.expect(201);
}

on_both_databases! {
    attack_9_a_secret_stands_nowhere_but_where_it_belongs => |server| {
        keep_log();
        // What is logged and stored at the start counts too.
        server.restart().await;
        let api = server.api(&[Role::Admin, Role::Auditor]).await;
        let heard = listen(&api).await;
        let mut canaries = Canaries::default();
        reports(server, &mut canaries).await;
        people(server, &api, &mut canaries).await;
        let mut plans = configuration(server, &api, &mut canaries).await;
        plans.extend(templates(server, &api, &mut canaries).await);
        storage(&api, &mut canaries).await;
        wait_until(async || so_far(&heard).windows(6).any(|text| text == b"\"jobs\"")).await;

        let mut places = readable(&api, &plans).await;
        for path in ["/configuration?", "/revisions?", "/plans/", "/jobs/", "/export"] {
            let shows = |(place, bytes): &Place| place.contains(path) && stands_in(bytes, IN_PLAIN_SIGHT);
            assert!(places.iter().any(shows), "the search finds nothing in {path}");
        }
        places.push(("the event stream".to_owned(), so_far(&heard)));
        places.extend(stored(server).await);
        server.stop_in_place().await;
        let at_rest = stored(server).await;
        assert!(at_rest.iter().any(|(_, bytes)| stands_in(bytes, IN_PLAIN_SIGHT)), "the search finds nothing");
        places.extend(at_rest);
        let log = logged();
        assert!(stands_in(&log.1, "workpoint::"), "nothing was logged");
        places.push(log);
        assert_eq!(canaries.all.len(), 20);
        assert_eq!(canaries.found_in(&places), Vec::<String>::new());
    }
}
