//! Row 1, the hard case: a stranger of the phone's own network who says its MAC, listens where phones listen, and
//! comes when he is called. Two that say one MAC are a conflict: neither gets a secret, and somebody is told.

use std::net::Ipv4Addr;

use domain::Role;
use serde_json::json;
use tests::called::{Attended, CALL_PORT, fleet, host, network};
use tests::desk::{client_of, job_becomes, refresh, set};
use tests::{ApiClient, TestServer, on_both_databases};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wire::Reason;

use super::NETWORK;
use super::impersonation::PASSWORD;
use super::stranger::{Stranger, sip_phone};

const SECRET: &str = "k4nar1envogel";

/// Answers one call as a phone does.
async fn answer_one_call(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.expect("a caller");
    let mut request = Vec::new();
    while !request.ends_with(b"ContactMe=true")
        && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0)
    {}
    let answer = "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.expect("an answer");
}

/// A phone elsewhere gets work, is called and comes: whoever was due before it was called too.
async fn witness(server: &TestServer, api: &ApiClient) {
    let phone = fleet(server, network(NETWORK), 1, |config| {
        config.first_mac = "00:1A:E8:77:00:01".parse().expect("an address");
    });
    let witness = Attended::start(phone.await.remove(0)).await;
    let id = client_of(api, &witness.phone.mac().to_string()).await["id"].clone();
    let job = refresh(api, &[id]).await;
    job_becomes(api, &job, "success").await;
}

on_both_databases! {
    attack_1_a_stranger_of_the_same_network_who_answers_calls_gets_no_secret => |server| {
        let own = network(NETWORK);
        let attended = Attended::start(sip_phone(server, own).await).await;
        let api = server.api(&[Role::Admin]).await;
        let id = client_of(&api, &attended.phone.mac().to_string()).await["id"].clone();
        let listener = TcpListener::bind((Ipv4Addr::from(host(own, 66)), CALL_PORT)).await.expect("a free port");
        let called = tokio::spawn(answer_one_call(listener));
        let mut stranger = Stranger::new(server, host(own, 66), &attended.phone).await;
        stranger.session(Reason::StartUp).await;
        // Both are in one network: where the last one came from is where the server would call.
        set(&api, std::slice::from_ref(&id), PASSWORD, json!(SECRET), json!({"approve": true})).await;
        witness(server, &api).await;
        if called.is_finished() {
            stranger.session(Reason::Solicited).await;
        }
        assert!(!stranger.knows(SECRET), "the secret went to whoever said the MAC last");
    }

    attack_1_a_mac_that_comes_from_two_addresses_of_one_network_raises_an_alarm => |server| {
        let own = network(NETWORK);
        let attended = Attended::start(sip_phone(server, own).await).await;
        let api = server.api(&[Role::Admin]).await;
        Stranger::new(server, host(own, 66), &attended.phone).await.session(Reason::StartUp).await;
        let told = api.get("/api/v1/notifications").await.expect(200)["total"] != json!(0);
        let noted = api.get("/api/v1/audit?object_kind=client&size=100").await.expect(200);
        let [a, b, c] = own;
        let noted = noted.to_string().contains(&format!("{a}.{b}.{c}.66"));
        assert!(told || noted, "nobody is told that the phone is said to be elsewhere");
    }
}
