//! Phones in secure mode: they come to the port that wants a certificate of theirs, and fetch there (`wpi.md` §5.1).

use std::time::Duration;

use domain::Role;
use pki::{Authority, ClientRequest, Issued, KeyKind, SerialSeed, Subject};
use tests::fetching::{Offered, Told, client, offered, offered_to, secure_client, upload};
use tests::{ApiClient, TestServer, desk, on_both_databases, secure_phone};

/// A certificate of the server's own authority for a phone.
fn certificate(server: &TestServer, number: u8) -> Issued {
    issue(&server.server().certificates().authority, server, number)
}

fn issue(authority: &Authority, server: &TestServer, number: u8) -> Issued {
    let name = format!("001ae80000{number:02x}");
    let lifetime = Duration::from_secs(24 * 60 * 60);
    let request = ClientRequest { common_name: &name, key_kind: KeyKind::EcdsaP256, lifetime };
    let issued = authority.issue_client(&request, server.clock.now(), SerialSeed::new([number; 16]));
    issued.expect("a certificate")
}

/// Has a phone in secure mode told to fetch a file.
async fn told(
    server: &TestServer,
    api: &ApiClient,
    address: [u8; 4],
    certificate: &Issued,
    file: &serde_json::Value,
) -> Offered {
    let phone = secure_phone(server.secure_port(), address, certificate);
    offered_to(api, Told::start_up_by(phone, address).await, file).await
}

async fn status(client: &reqwest::Client, url: &str) -> u16 {
    client.get(url).send().await.expect("an answer").status().as_u16()
}

on_both_databases! {
    a_phone_fetches_at_the_secure_port_it_came_to => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let (first, second) = (certificate(server, 1), certificate(server, 2));
        let mut one = told(server, &api, [127, 47, 1, 1], &first, &file).await;
        let start = format!("https://{}/file/", server.secure_port());
        assert!(one.url.starts_with(&start), "{}", one.url);
        let own = secure_client(one.address, &first);
        let answer = own.get(&one.url).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.text().await.expect("a body").as_str()), (200, "content"));

        // An address of another phone is nothing there, and each has its own.
        let two = told(server, &api, [127, 47, 1, 2], &second, &file).await;
        let other = secure_client(two.address, &second);
        assert_eq!(status(&other, &two.url).await, 200);
        assert_eq!(status(&other, &one.url).await, 404);
        assert_eq!(status(&own, &two.url).await, 404);
        assert_eq!(server.app().phones.refused().get("file_other_peer"), Some(&2));

        // Without a certificate, or with one of somebody else, nobody gets as far as asking.
        assert!(client(one.address).get(&one.url).send().await.is_err());
        let subject = Subject::new("Somebody else", None).expect("a subject");
        let day = Duration::from_secs(24 * 60 * 60);
        let foreign =
            Authority::create(&subject, KeyKind::EcdsaP256, server.clock.now(), day, SerialSeed::new([9; 16]));
        let foreign = issue(&foreign.expect("an authority"), server, 1);
        assert!(secure_client(one.address, &foreign).get(&one.url).send().await.is_err());

        one.report("a.bin", "ok").await;
        desk::job_becomes(&api, &one.job, "success").await;
        assert_eq!(status(&own, &one.url).await, 404, "it ends with its target");
    }

    the_address_names_the_host_and_the_secure_port_that_phones_use => |server| {
        let port = server.secure_port().port();
        server.change_setting("server-settings.phones.phone-url", "https://127.0.0.1:4711").await;
        server.change_setting("server-settings.ports.secure-mode-client-port", port).await;
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let own = certificate(server, 1);
        let one = told(server, &api, [127, 47, 2, 1], &own, &file).await;
        assert!(one.url.starts_with(&format!("https://127.0.0.1:{port}/file/")), "{}", one.url);
        assert_eq!(status(&secure_client(one.address, &own), &one.url).await, 200);
        // Phones in default mode are told the other port.
        let plain = offered(server, &api, [127, 47, 2, 2], &file).await;
        assert!(plain.url.starts_with("https://127.0.0.1:4711/file/"), "{}", plain.url);
        // A gateway may have another port for phones in secure mode.
        server.change_setting("server-settings.phones.phone-url-secure-port", 4_712).await;
        let two = told(server, &api, [127, 47, 2, 3], &certificate(server, 3), &file).await;
        assert!(two.url.starts_with("https://127.0.0.1:4712/file/"), "{}", two.url);
    }
}
