//! Row 1: who posts the MAC of a phone of ours in default mode is handed no secret (D-4, D-24), and it is seen:
//! in the job's target, in the audit log, by a notification. Who answers calls from the phone's own network is in
//! `same_network`.

use domain::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Listening, Opening};
use tests::called::{Attended, host, network};
use tests::desk::{client_of, job_becomes, plan, set, target};
use tests::{ApiClient, TestServer, on_both_databases, wait_until};
use wire::{Action, Reason};

use super::NETWORK;
use super::stranger::{Stranger, sip_phone};

pub(crate) const PASSWORD: &str = "telephony.sip-settings.sip-credentials-password";
const ITEM: &str = "sip-pwd";
const FIRST: &str = "k4nar1envogel";
const SECOND: &str = "zw31terVogel";

/// An approved phone that hears calls and does not come, and a job with a secret for it that has called it.
async fn waiting_secret(server: &mut TestServer, own: [u8; 3]) -> (Attended, ApiClient, Value, Value) {
    let attended = Attended::start(sip_phone(server, own).await).await;
    attended.phone.set_listening(Listening::Silent);
    let api = server.api(&[Role::Admin]).await;
    let id = client_of(&api, &attended.phone.mac().to_string()).await["id"].clone();
    let job = set(&api, std::slice::from_ref(&id), PASSWORD, json!(FIRST), json!({"approve": true})).await;
    wait_until(async || attended.phone.contacts().ignored == 1).await;
    (attended, api, id, job)
}

/// The target waits; what it would write is to be seen, the secret itself is not.
async fn still_waits(api: &ApiClient, job: &Value) {
    let target = target(api, job).await;
    assert!(["waiting", "active"].contains(&target["state"].as_str().expect("a state")), "{target}");
    assert_eq!(target["attempts"], 0, "{target}");
    let details = api.get(&format!("/api/v1/jobs/{job}/targets/{}", target["id"])).await.expect(200);
    let row = &details["rows"][0];
    assert_eq!(
        (&row["item"], &row["secret"], &row["to"]),
        (&json!(ITEM), &json!(true), &Value::Null),
        "{details}"
    );
}

/// Addresses that a secret was handed out to, oldest first.
async fn handed_out_to(api: &ApiClient) -> Vec<String> {
    let records = api.get("/api/v1/audit?action=client.secret-handed-out").await.expect(200);
    let all = records["items"].as_array().expect("records").iter().rev();
    all.map(|record| record["details"]["address"].as_str().expect("an address").to_owned()).collect()
}

fn never_writes(orders: &[Action]) {
    assert!(!orders.contains(&Action::WriteItems), "{orders:?}");
}

on_both_databases! {
    attack_1_a_stranger_from_another_network_is_quarantined_and_told_nothing => |server| {
        let (own, others) = (network(NETWORK), network(NETWORK));
        let (attended, api, id, job) = waiting_secret(server, own).await;
        let mut stranger = Stranger::new(server, host(others, 66), &attended.phone).await;
        for reason in [Reason::StartUp, Reason::Solicited] {
            never_writes(&stranger.session(reason).await);
        }
        still_waits(&api, &job).await;
        let client = client_of(&api, &attended.phone.mac().to_string()).await;
        assert_eq!((&client["state"], &client["quarantine_reason"]), (&json!("quarantined"), &json!("other-network")));
        let seen = api.get("/api/v1/notifications").await.expect(200);
        let (seen, total) = (seen["items"][0].clone(), seen["total"].clone());
        let from = format!("{}.{}.{}.66", others[0], others[1], others[2]);
        assert_eq!((&seen["code"], &seen["args"]["address"], total), (&json!("client-quarantined"), &json!(from), json!(1)));
        assert_eq!(api.get("/api/v1/audit?action=client.quarantine").await.expect(200)["total"], 1);

        // Nothing is written to anybody until somebody has looked; then the phone gets it, where it always was.
        attended.phone.session(&Opening::Solicited).await.expect("a session");
        assert_eq!(attended.phone.orders().await.writes.received, 0);
        let path = format!("/api/v1/clients/{id}");
        let etag = api.get(&path).await.header("etag").to_owned();
        api.clone().if_match(&etag).post(&format!("{path}/release"), &json!({})).await.expect(200);
        attended.phone.set_listening(Listening::Answers);
        server.clock.advance(SignedDuration::from_secs(331));
        job_becomes(&api, &job, "success").await;
        assert_eq!(attended.phone.value(ITEM, None).await.as_deref(), Some(FIRST));

        // After the call it is the same.
        for reason in [Reason::StartUp, Reason::Solicited] {
            never_writes(&stranger.session(reason).await);
        }
        assert_eq!(client_of(&api, &attended.phone.mac().to_string()).await["state"], "quarantined");
        assert!(!stranger.knows(FIRST));
        assert_eq!(handed_out_to(&api).await, [attended.phone.address().to_string()]);
    }

    attack_1_a_forged_solicited_from_the_same_network_is_no_answer_to_a_call => |server| {
        let own = network(NETWORK);
        let (attended, api, id, job) = waiting_secret(server, own).await;
        let mut stranger = Stranger::new(server, host(own, 66), &attended.phone).await;
        never_writes(&stranger.session(Reason::StartUp).await);
        still_waits(&api, &job).await;
        let job = call_and_forge(server, &attended, &api, &id, &mut stranger).await;
        // The phone starts up: no answer to a call either. It is called, comes and gets it.
        attended.phone.session(&Opening::StartUp).await.expect("a session");
        assert_eq!(attended.phone.value(ITEM, None).await.as_deref(), Some(""));
        attended.phone.set_listening(Listening::Answers);
        api.post(&format!("/api/v1/jobs/{job}/retry"), &json!({})).await.expect(200);
        server.clock.advance(SignedDuration::from_secs(331));
        job_becomes(&api, &job, "success").await;
        assert_eq!(attended.phone.value(ITEM, None).await.as_deref(), Some(SECOND));
        assert!(!stranger.knows(FIRST) && !stranger.knows(SECOND));
        assert_eq!(handed_out_to(&api).await, [attended.phone.address().to_string()]);
    }

    attack_1_after_the_phone_has_come_its_call_is_used_up => |server| {
        let own = network(NETWORK);
        let (attended, api, id, job) = waiting_secret(server, own).await;
        attended.phone.set_listening(Listening::Answers);
        server.clock.advance(SignedDuration::from_secs(331));
        job_becomes(&api, &job, "success").await;
        // From the phone's very address, as behind a translator: the secret it has, and one that waits.
        let mut stranger = Stranger::new(server, attended.phone.address().octets(), &attended.phone).await;
        for reason in [Reason::StartUp, Reason::Solicited] {
            never_writes(&stranger.session(reason).await);
        }
        let job = set(&api, std::slice::from_ref(&id), PASSWORD, json!(SECOND), json!({})).await;
        for reason in [Reason::StartUp, Reason::Solicited] {
            never_writes(&stranger.session(reason).await);
            still_waits(&api, &job).await;
        }
        server.clock.advance(SignedDuration::from_secs(331));
        job_becomes(&api, &job, "success").await;
        assert_eq!(attended.phone.value(ITEM, None).await.as_deref(), Some(SECOND));
        // Who asks once more gets neither.
        for reason in [Reason::StartUp, Reason::Solicited] {
            never_writes(&stranger.session(reason).await);
        }
        assert!(!stranger.knows(FIRST) && !stranger.knows(SECOND));
        assert_eq!(handed_out_to(&api).await.len(), 2);
    }

    attack_1_what_is_withheld_is_seen_in_the_job_and_raises_an_alarm => |server| {
        let own = network(NETWORK);
        let attended = Attended::start(sip_phone(server, own).await).await;
        attended.phone.set_listening(Listening::Silent);
        let api = server.api(&[Role::Admin]).await;
        let id = client_of(&api, &attended.phone.mac().to_string()).await["id"].clone();
        // Nobody has approved it: any caller may be a stranger.
        let job = set(&api, std::slice::from_ref(&id), PASSWORD, json!(FIRST), json!({})).await;
        let mut stranger = Stranger::new(server, host(own, 66), &attended.phone).await;
        never_writes(&stranger.session(Reason::Solicited).await);
        refused_with(&api, &job, "not-approved").await;

        // Who polls cannot be called, and an approved phone must be.
        server.change_setting("server-settings.dcmp.dcmp-operation-mode", "enabled").await;
        let planned = plan(&api, std::slice::from_ref(&id), json!([{"parameter": PASSWORD, "value": SECOND}])).await;
        assert_eq!(planned["summary"]["withheld"], json!({"not-approved": 1}));
        let applied = format!("/api/v1/plans/{}/apply", planned["id"]);
        let job = api.post(&applied, &json!({"approve": true})).await.expect(201)["job_id"].clone();
        wait_until(async || client_of(&api, &attended.phone.mac().to_string()).await["access"] == "dcmp").await;
        never_writes(&stranger.session(Reason::Solicited).await);
        refused_with(&api, &job, "other-address").await;
        assert!(!stranger.knows(FIRST) && !stranger.knows(SECOND));
        assert_eq!(handed_out_to(&api).await, Vec::<String>::new());
    }
}

/// The phone is back and is called with another secret; the stranger answers the call from his own address. Gives
/// the job.
async fn call_and_forge(
    server: &TestServer,
    attended: &Attended,
    api: &ApiClient,
    id: &Value,
    stranger: &mut Stranger,
) -> Value {
    attended.phone.session(&Opening::StartUp).await.expect("a session");
    let job = set(api, std::slice::from_ref(id), PASSWORD, json!(SECOND), json!({})).await;
    server.clock.advance(SignedDuration::from_secs(331));
    wait_until(async || attended.phone.contacts().ignored == 2).await;
    never_writes(&stranger.session(Reason::Solicited).await);
    refused_with(api, &job, "other-address").await;
    job
}

/// The job has failed: its target names the item and the reason, and a notification tells of it.
async fn refused_with(api: &ApiClient, job: &Value, reason: &str) {
    job_becomes(api, job, "failed").await;
    let target = target(api, job).await;
    assert_eq!((&target["state"], &target["reason"]), (&json!("failed"), &json!("withheld")));
    let result = &target["results"][0];
    assert_eq!(
        (&result["item"], &result["code"], &result["args"]),
        (&json!(ITEM), &json!("withheld"), &json!({ "reason": reason }))
    );
    wait_until(async || {
        let seen = api.get("/api/v1/notifications").await.expect(200)["items"][0].clone();
        seen["code"] == "job-finished" && seen["args"]["job"] == *job && seen["args"]["state"] == "failed"
    })
    .await;
}
