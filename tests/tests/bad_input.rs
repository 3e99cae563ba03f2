//! What no phone should send: each gets a clear refusal, loses nothing and leaves the server as it was.

use std::time::Duration;

use domain::setting::{SettingKey, SettingValue};
use simulator::Opening;
use tests::{Backend, TestServer, items, message, on_both_databases, phones, raw_phone, reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::{Action, Item, ItemStatus, Reason, ReplyStatus};

const HERE: [u8; 4] = [127, 20, 1, 1];
const GOOD: &str = r#"<WorkpointMessage xmlns="http://www.siemens.com/DLS"><Message nonce="N1"><ReasonForContact>start-up</ReasonForContact><ItemList><Item name="mac-addr">00:1A:E8:5B:20:C7</Item></ItemList></Message></WorkpointMessage>"#;

/// Sends bytes and expects 400 with an empty body, the connection closed, and the code counted.
async fn refused(server: &TestServer, body: &[u8], code: &str) {
    let before = server.app().phones.refused().get(code).copied().unwrap_or(0);
    let mut phone = raw_phone(server.phone_port(), HERE);
    let answer = phone.post(body).await;
    assert_eq!(answer.status, 400, "{code}");
    assert!(answer.body.is_empty(), "never HTML: {:?}", answer.body);
    assert!(answer.closes(), "the connection ends");
    let after = server.app().phones.refused();
    assert_eq!(after.get(code).copied(), Some(before + 1), "{code} in {after:?}");
}

/// A phone still gets through: nothing of the above disturbed the server.
async fn still_works(server: &TestServer) {
    let fleet = phones(server.phone_port(), 1, |_| {}).await;
    let outcome = fleet[0].session(&Opening::StartUp).await.expect("a session");
    assert_eq!(outcome.actions.last(), Some(&Action::CleanUp));
    assert_eq!(server.app().phones.open_sessions(), 0);
}

on_both_databases! {
    what_is_not_wpi_is_refused => |server| {
        refused(server, b"", "empty").await;
        refused(server, b"hello, I am a teapot", "not_xml").await;
        refused(server, b"<html><body>hi</body></html>", "not_wpi").await;
        refused(server, &GOOD.as_bytes()[..GOOD.len() - 30], "truncated").await;
        let invalid = [GOOD.as_bytes(), b"\xff\xfe"].concat();
        refused(server, &invalid, "invalid_utf8").await;
        still_works(server).await;
    }

    document_types_and_entities_are_refused => |server| {
        let bomb = format!(
            "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>{GOOD}"
        );
        refused(server, bomb.as_bytes(), "document_type").await;
        let external = format!("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">{GOOD}");
        refused(server, external.as_bytes(), "document_type").await;
        refused(server, GOOD.replace("00:1A", "&secret;").as_bytes(), "entity").await;
        still_works(server).await;
    }

    too_much_of_everything_is_refused => |server| {
        let nested = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        let deep = GOOD.replace("<ItemList>", &format!("{nested}<ItemList>"));
        refused(server, deep.as_bytes(), "too_deep").await;
        let item = "<Item name=\"x\">1</Item>";
        let many = GOOD.replace("<ItemList>", &format!("<ItemList>{}", item.repeat(20_001)));
        refused(server, many.as_bytes(), "too_many_items").await;
        refused(server, GOOD.replace("mac-addr", &"n".repeat(5_000)).as_bytes(), "attribute_too_long").await;
        refused(server, GOOD.replace("00:1A", &"v".repeat(300_000)).as_bytes(), "value_too_long").await;
        refused(server, GOOD.replace("name=\"mac-addr\"", "name=\"mac-addr\" index=\"99999999999999999999\"").as_bytes(), "bad_index").await;
        still_works(server).await;
    }

    a_million_items_are_refused_before_they_are_read => |server| {
        let many = GOOD.replace("<ItemList>", &format!("<ItemList>{}", "<Item name=\"x\">1</Item>".repeat(1_000_000)));
        let mut phone = raw_phone(server.phone_port(), HERE);
        too_large(phone.channel.post(many.into_bytes()).await);
        still_works(server).await;
    }

    a_body_of_100_megabytes_is_refused_unread => |server| {
        let mut phone = raw_phone(server.phone_port(), HERE);
        too_large(phone.channel.post(vec![b' '; 100_000_000]).await);
        still_works(server).await;
    }

    a_chunked_body_is_bounded_too => |server| {
        let mut stream = tests::tls_stream(server.phone_port()).await;
        stream
            .write_all(b"POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .expect("a head");
        let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
        for _ in 0..100 {
            // The server answers and closes in the middle of it.
            if stream.write_all(&chunk).await.is_err() {
                break;
            }
        }
        let mut head = Vec::new();
        let _ = stream.read_to_end(&mut head).await;
        assert!(head.is_empty() || head.starts_with(b"HTTP/1.1 413"), "{:?}", String::from_utf8_lossy(&head));
        assert_eq!(server.app().phones.refused().get("too_large"), Some(&1));
        still_works(server).await;
    }

    other_methods_and_codings_are_refused => |server| {
        let mut connection = tests::connect(server.phone_port()).await;
        let get = http::Request::get("/DeploymentService/LoginService").header("host", "x");
        let answer = connection.send(get.body(Vec::new().into()).expect("a request")).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (405, 0));
        let mut connection = tests::connect(server.phone_port()).await;
        let packed = http::Request::post("/x").header("host", "x").header("content-encoding", "gzip");
        let answer = connection.send(packed.body(Vec::new().into()).expect("a request")).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (415, 0));
        still_works(server).await;
    }

    a_device_id_that_is_none_opens_nothing => |server| {
        for (nonce, mac) in [("M1", "<script>"), ("M2", "::"), ("M3", "é"), ("M4", &*"A".repeat(100))] {
            let mut phone = raw_phone(server.phone_port(), HERE);
            let answer = phone.send(&message(nonce, Reason::StartUp, items(&[("mac-addr", mac)]))).await;
            assert_eq!(answer.action, Action::CleanUp, "{mac}");
        }
        let mut phone = raw_phone(server.phone_port(), HERE);
        let nameless = message("M5", Reason::StartUp, items(&[("device-type", "OpenStage 40")]));
        assert_eq!(phone.send(&nameless).await.action, Action::CleanUp);
        let api = server.api(&[domain::Role::Viewer]).await;
        assert_eq!(api.get("/api/v1/clients").await.expect(200)["total"], 0);
        still_works(server).await;
    }

    unknown_words_are_survived => |server| {
        let basic = items(&[("mac-addr", "00:1A:E8:5B:20:C7")]);
        let mut phone = raw_phone(server.phone_port(), HERE);
        let unknown = message("U1", Reason::Unknown("coffee-break".to_owned()), basic.clone());
        assert_eq!(phone.send(&unknown).await.action, Action::CleanUp);
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&message("U2", Reason::StartUp, basic.clone())).await;
        let dance = Reason::ReplyTo {
            action: Some(Action::Unknown("Dance".to_owned())),
            status: Some(ReplyStatus::Unknown("perhaps".to_owned())),
        };
        assert_eq!(phone.send(&message("U3", dance, Vec::new())).await.action, Action::CleanUp);
        let mut phone = raw_phone(server.phone_port(), HERE);
        phone.send(&message("U4", Reason::StartUp, basic)).await;
        let odd = Item::new("strange", "").with_status(ItemStatus::Other("out of coffee".to_owned()));
        phone.send(&reply("U5", Action::ReadAllItems, vec![Item::new("e164", "1"), odd])).await;
        let api = server.api(&[domain::Role::Viewer]).await;
        let list = api.get("/api/v1/clients").await.expect(200);
        let path = format!("/api/v1/clients/{}/items", list["items"][0]["id"]);
        let kept = api.get(&path).await.expect(200);
        let strange = kept["items"].as_array().expect("items").iter().find(|item| item["name"] == "strange");
        assert_eq!(strange.expect("it is kept")["status"], "out of coffee");
        still_works(server).await;
    }
}

fn too_large(answer: Result<simulator::Answer, simulator::ChannelError>) {
    // The server closes without reading; whether its answer arrives before the phone notices is chance.
    if let Ok(answer) = answer {
        assert_eq!(answer.status, 413);
        assert!(answer.body.is_empty() && answer.closes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_body_is_given_up() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.with(SettingKey::RequestTimeout, SettingValue::Integer(1))
    })
    .await;
    let mut stream = tests::tls_stream(server.phone_port()).await;
    stream
        .write_all(
            b"POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n<Work",
        )
        .await
        .expect("a head");
    // The rest never comes; the server answers by itself after its time-out and closes.
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    read.expect("the server gives up").ok();
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&answer));
    assert_eq!(server.app().phones.refused().get("body_too_slow"), Some(&1));
    still_works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_phone_is_diagnosed() {
    let server = TestServer::start(Backend::Sqlite).await;
    // A ClientHello of TLS 1.0 with RC4, 3DES and AES-CBC: what OpenStage V1 firmware offers.
    let suites: [u8; 8] = [0x00, 0x05, 0x00, 0x0a, 0x00, 0x2f, 0x00, 0x35];
    let mut hello = vec![0x03, 0x01];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 8]);
    hello.extend(suites);
    hello.extend([1, 0]);
    let mut record =
        vec![0x16, 0x03, 0x01, 0x00, u8::try_from(hello.len() + 4).expect("short"), 0x01, 0x00, 0x00];
    record.push(u8::try_from(hello.len()).expect("short"));
    record.extend(hello);
    let mut stream = tokio::net::TcpStream::connect(server.phone_port()).await.expect("a connection");
    stream.write_all(&record).await.expect("sent");
    let mut end = Vec::new();
    stream.read_to_end(&mut end).await.ok();
    server.wait_until(|app| !app.handshake_failures.snapshot().is_empty()).await;
    let failures = server.app().handshake_failures.snapshot();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].last.verdict.code(), "tls_version_too_old", "{failures:?}");
    assert!(failures[0].last.cipher_suites.iter().any(|suite| suite.contains("RC4")), "{failures:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secure_port_wants_a_certificate() {
    let server = TestServer::start(Backend::Sqlite).await;
    let mut phone = raw_phone(server.secure_port(), HERE);
    assert!(phone.channel.post(GOOD.as_bytes()).await.is_err(), "no certificate, no session");
    server.stop().await;
}
