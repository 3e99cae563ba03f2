//! Handshakes that work, and the diagnosis of those that do not.

use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};

use super::*;
use crate::net::Verdict;
use crate::net::hello::tests::{hello_record, sslv2_record};

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Sends raw bytes and waits until the server has counted the failure.
async fn fail(port: &Port, bytes: &[u8], from: [u8; 4]) -> super::super::HandshakeFailure {
    let address = IpAddr::from(from);
    let mut stream = port.connect_from(address).await;
    stream.write_all(bytes).await.expect("sent");
    stream.shutdown().await.expect("closed");
    closed(&mut stream).await;
    let find = || port.failures.snapshot().into_iter().find(|failure| failure.address == address);
    eventually(|| find().is_some()).await;
    find().expect("it was just there")
}

/// Connects with a client that is bound to fail, and gives the verdict of the server.
async fn verdict(port: &Port, client: &ClientConfig) -> Verdict {
    let connector = TlsConnector::from(Arc::new(client.clone()));
    if let Ok(mut stream) = connector.connect(localhost(), port.connect().await).await {
        // With TLS 1.3 the client learns of the refusal only when it reads.
        closed(&mut stream).await;
    }
    eventually(|| !port.failures.snapshot().is_empty()).await;
    port.failures.snapshot()[0].last.verdict
}

#[tokio::test]
async fn clients_of_both_versions_are_served() {
    let port = Port::phones();
    let cases: [(&[&'static SupportedProtocolVersion], &str, &str); 3] = [
        (&[&TLS12], "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (&[&TLS13], "TLS 1.3", "TLS_AES_128_GCM_SHA256"),
        (BOTH, "TLS 1.3", "TLS_AES_128_GCM_SHA256"),
    ];
    for (versions, version, suite) in cases {
        let mut stream = port.connect_tls(&client(versions)).await;
        let peer = peer(&mut stream).await;
        assert_eq!((&peer["version"], &peer["cipher_suite"]), (&json!(version), &json!(suite)));
        assert_eq!((&peer["listener"], &peer["address"]), (&json!("test"), &json!("127.0.0.1")));
        assert_eq!(peer["local"], json!(port.address.to_string()));
        assert_eq!((&peer["client"], &peer["resumed"]), (&Value::Null, &json!(false)));
    }
    assert_eq!(port.counters.status().handshakes, 3);
    assert!(port.failures.snapshot().is_empty());
}

#[tokio::test]
async fn phone_ports_speak_no_http2_and_api_ports_do() {
    let mut offering = client(BOTH);
    offering.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let phones = Port::phones();
    assert_eq!(phones.connect_tls(&offering).await.get_ref().1.alpn_protocol(), None);

    let api = Port::open(tls(&TlsProfile::Api, store(&issue_server(2, pki::CONSOLE_KEY))), NetLimits::api());
    let stream = api.connect_tls(&offering).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2");
    let driver = tokio::spawn(connection);
    let request = ::http::Request::get("https://localhost/peer").body(String::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, ::http::Version::HTTP_2));
    driver.abort();

    offering.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut stream = api.connect_tls(&offering).await;
    assert_eq!(peer(&mut stream).await["version"], json!("TLS 1.3"));
}

#[tokio::test]
async fn sessions_are_resumed_by_ticket_and_by_id() {
    let port = Port::phones();
    for (versions, kind) in [
        (&[&TLS12][..], Tls12Resumption::SessionIdOnly),
        (&[&TLS12][..], Tls12Resumption::SessionIdOrTickets),
        (&[&TLS13][..], Tls12Resumption::Disabled),
    ] {
        let mut client = client(versions);
        client.resumption = Resumption::in_memory_sessions(8).tls12_resumption(kind);
        for resumed in [false, true] {
            let mut stream = port.connect_tls(&client).await;
            assert_eq!(peer(&mut stream).await["resumed"], json!(resumed), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn an_old_phone_is_diagnosed_and_counted_by_its_address() {
    let port = Port::phones();
    let hello = hello_record(0x0301, &[0x0005, 0x000a], &[]);
    let failure = fail(&port, &hello, [127, 0, 0, 21]).await;
    assert_eq!(failure.last.verdict, Verdict::TlsVersionTooOld);
    assert_eq!(failure.last.versions, ["TLS 1.0"]);
    assert_eq!(failure.last.cipher_suites, ["TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"]);
    assert_eq!((failure.count, &*failure.listener), (1, "test"));
    assert_eq!((failure.first_seen, failure.last_seen), (now()(), now()()));

    let other = fail(&port, &hello_record(0x0303, &[0x002f, 0x0035], &[]), [127, 0, 0, 22]).await;
    assert_eq!(other.last.verdict, Verdict::NoCommonCipherSuite);
    let ssl = fail(&port, &hello_record(0x0300, &[0x0004], &[]), [127, 0, 0, 23]).await;
    assert_eq!(ssl.last.verdict, Verdict::TlsVersionTooOld);
    assert_eq!(port.failures.snapshot().len(), 3);
    assert_eq!(port.counters.status().handshakes_failed, 3);
}

#[tokio::test]
async fn what_is_no_tls_is_told_apart() {
    let port = Port::phones();
    let cases: [(&[u8], Verdict); 5] = [
        (b"POST /DeploymentService/LoginService HTTP/1.1\r\n\r\n", Verdict::PlainHttp),
        (&[0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0], Verdict::NotTls),
        (&sslv2_record(0x0300), Verdict::Sslv2Hello),
        (b"", Verdict::Closed),
        (&hello_record(0x0303, &[0xc02f], &[])[..30], Verdict::Closed),
    ];
    for (place, (bytes, verdict)) in cases.into_iter().enumerate() {
        let failure = fail(&port, bytes, [127, 0, 1, place as u8 + 1]).await;
        assert_eq!(failure.last.verdict, verdict);
    }
    let mut stream = port.connect_tls(&client(BOTH)).await;
    assert_eq!(peer(&mut stream).await["version"], json!("TLS 1.3"), "and the port still serves");
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let limits = NetLimits { handshake_timeout: Duration::from_millis(5), ..NetLimits::phones() };
    let port = Port::open(tls(&TlsProfile::Phone, phone_store()), limits);
    let mut silent = port.connect().await;
    assert_eq!(closed(&mut silent).await, b"");
    eventually(|| !port.failures.snapshot().is_empty()).await;
    assert_eq!(port.failures.snapshot()[0].last.verdict, Verdict::TimedOut);
}

#[tokio::test]
async fn a_peer_that_does_not_trust_us_says_so() {
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        // An authority it never heard of, and one that was made anew under the same name.
        for name in ["Other root", ROOT] {
            let distrusting = client_of(&new_authority(name), versions, None);
            assert_eq!(verdict(&Port::phones(), &distrusting).await, Verdict::ClientRejectedCertificate);
        }
    }
}

#[tokio::test]
async fn secure_mode_wants_a_certificate_of_the_right_authority() {
    let client_roots = vec![authority().certificate_der().clone()];
    let profile = TlsProfile::PhoneSecure { client_roots };
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let open = || Port::open(tls(&profile, phone_store()), NetLimits::phones());

        let none = client(versions);
        assert_eq!(verdict(&open(), &none).await, Verdict::ClientCertificateMissing);

        for name in ["Other root", ROOT] {
            let foreign = client_of(authority(), versions, Some(&issue_client(&new_authority(name))));
            assert_eq!(verdict(&open(), &foreign).await, Verdict::ClientCertificateRefused);
        }

        let port = open();
        let mut right = client_of(authority(), versions, Some(&issue_client(authority())));
        right.resumption = Resumption::in_memory_sessions(8);
        for resumed in [false, true] {
            let mut stream = port.connect_tls(&right).await;
            let peer = peer(&mut stream).await;
            assert_eq!(peer["client"], json!("CN=0001e3000001"));
            assert_eq!(peer["resumed"], json!(resumed), "the certificate is known in a resumed session too");
        }
    }
}

#[tokio::test]
async fn a_certificate_is_replaced_while_connections_go_on() {
    let (first, second) = (issue_server(5, KeyKind::EcdsaP256), issue_server(6, KeyKind::EcdsaP256));
    let certificates = store(&first);
    let port = Port::open(tls(&TlsProfile::Phone, Arc::clone(&certificates)), NetLimits::phones());
    let seen = |stream: &TlsStream<TcpStream>| {
        let chain = stream.get_ref().1.peer_certificates().expect("a certificate");
        pki::inspect(&chain[0]).expect("a certificate").serial
    };
    let mut old = port.connect_tls(&client(BOTH)).await;
    assert_eq!(seen(&old), first.info.serial);

    let key_of_another = certificates.replace(second.chain_pem.as_bytes(), &first.private_key_pem);
    assert!(matches!(key_of_another, Err(super::super::CertificateStoreError::Pair(_))));
    assert_eq!(seen(&port.connect_tls(&client(BOTH)).await), first.info.serial, "the old one stays");

    let replaced = certificates.replace(second.chain_pem.as_bytes(), &second.private_key_pem);
    assert_eq!(replaced.expect("replaced"), 1);
    assert_eq!(certificates.info().serial, second.info.serial);
    assert_eq!(seen(&port.connect_tls(&client(BOTH)).await), second.info.serial);
    assert_eq!(peer(&mut old).await["version"], json!("TLS 1.3"), "the old connection goes on");
}
