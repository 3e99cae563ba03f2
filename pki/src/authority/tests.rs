//! What is issued is checked with an independent verifier (webpki through rustls), never with our own.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{ServerName, UnixTime};

use super::*;
use crate::{AUTHORITY_KEY, InspectError, KeyAlgorithm, PHONE_LISTENER_KEY, check_pair, inspect};

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);

fn now() -> Timestamp {
    "2027-03-01T12:00:00Z".parse().expect("a date")
}

fn seed(number: u8) -> SerialSeed {
    SerialSeed::new([number; 16])
}

fn root() -> Authority {
    let subject = Subject::new("Workpoint test root", Some("Example")).expect("a subject");
    Authority::create(&subject, KeyKind::EcdsaP256, now(), 10 * YEAR, seed(0)).expect("a root")
}

fn names() -> Vec<Name> {
    vec!["dls.example".parse().expect("a host"), "192.0.2.5".parse().expect("an address")]
}

fn server(authority: &Authority, key_kind: KeyKind) -> Issued {
    let request = ServerRequest { common_name: "192.0.2.5", names: &names(), key_kind, lifetime: YEAR };
    authority.issue_server(&request, now(), seed(1)).expect("a certificate")
}

/// What webpki says of a server certificate.
fn verify(authority: &Authority, pem: &str, name: &str, at: Timestamp) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate_der().clone()).expect("a trust anchor");
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .expect("a verifier");
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().unsigned_abs()));
    verifier.verify_server_cert(&leaf, &[], &name, &[], at).map(|_| ())
}

#[test]
fn a_server_certificate_verifies_for_each_of_its_names() {
    let root = root();
    let issued = server(&root, KeyKind::EcdsaP256);
    verify(&root, &issued.certificate_pem, "dls.example", now()).expect("its host name");
    verify(&root, &issued.certificate_pem, "192.0.2.5", now()).expect("its address");
    verify(&root, &issued.certificate_pem, "other.example", now()).expect_err("not its name");
    assert_eq!(issued.chain_pem, issued.certificate_pem, "the root stays at home");
    check_pair(issued.chain_pem.as_bytes(), &issued.private_key_pem).expect("it fits its key");
}

#[test]
fn the_chain_for_phones_is_rsa_throughout() {
    let subject = Subject::new("Workpoint", None).expect("a subject");
    let root = Authority::create(&subject, AUTHORITY_KEY, now(), YEAR, seed(2)).expect("a root");
    let issued = server(&root, PHONE_LISTENER_KEY);
    verify(&root, &issued.certificate_pem, "192.0.2.5", now()).expect("a chain of RSA keys");
    assert_eq!(root.info().key.to_string(), "RSA 3072");
    assert_eq!(issued.info.key.to_string(), "RSA 2048");
    assert_eq!(issued.info.key_usage, ["digitalSignature", "keyEncipherment"]);
}

#[test]
fn a_client_certificate_verifies_as_one_and_not_as_a_server() {
    let root = root();
    let request = ClientRequest { common_name: "0001e3aabbcc", key_kind: KeyKind::EcdsaP256, lifetime: YEAR };
    let issued = root.issue_client(&request, now(), seed(3)).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(root.certificate_der().clone()).expect("a trust anchor");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .expect("a verifier");
    let leaf = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).expect("a certificate");
    let at = UnixTime::since_unix_epoch(Duration::from_secs(now().as_second().unsigned_abs()));
    verifier.verify_client_cert(&leaf, &[], at).expect("a client");
    assert!(issued.info.subject.contains("0001e3aabbcc"));
    verify(&root, &issued.certificate_pem, "dls.example", now()).expect_err("no server");
}

#[test]
fn validity_begins_a_day_back_and_ends_with_the_authority() {
    let root = root();
    let issued = server(&root, KeyKind::EcdsaP256);
    assert_eq!(issued.info.not_before, now() - BACKDATE);
    assert_eq!(issued.info.not_after, now() + YEAR);
    verify(&root, &issued.certificate_pem, "dls.example", now() + YEAR + DAY).expect_err("expired");

    let names = names();
    let request =
        ServerRequest { common_name: "x", names: &names, key_kind: KeyKind::EcdsaP256, lifetime: 50 * YEAR };
    let long = root.issue_server(&request, now(), seed(4)).expect("a certificate");
    assert_eq!(long.info.not_after, root.info().not_after);

    let late = root.issue_server(&request, now() + 11 * YEAR, seed(5));
    assert!(matches!(late, Err(IssueError::AuthorityNotValid)));
    let request = ServerRequest { lifetime: Duration::ZERO, ..request };
    assert!(matches!(root.issue_server(&request, now(), seed(6)), Err(IssueError::Validity)));
    let request = ServerRequest { lifetime: Duration::MAX, ..request };
    assert!(matches!(root.issue_server(&request, now(), seed(6)), Err(IssueError::Validity)));
}

#[test]
fn a_certificate_of_another_authority_does_not_verify() {
    let issued = server(&root(), KeyKind::EcdsaP256);
    verify(&root(), &issued.certificate_pem, "dls.example", now()).expect_err("a foreign authority");
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let root = root();
    let names = names();
    let request =
        ServerRequest { common_name: "x", names: &names, key_kind: KeyKind::EcdsaP256, lifetime: YEAR };
    let refused =
        |request: ServerRequest<'_>| root.issue_server(&request, now(), seed(7)).expect_err("refused");

    assert!(matches!(refused(ServerRequest { names: &[], ..request.clone() }), IssueError::NoName));
    let many = vec![names[0].clone(); MAX_NAMES + 1];
    assert!(matches!(refused(ServerRequest { names: &many, ..request.clone() }), IssueError::TooManyNames));
    assert!(matches!(refused(ServerRequest { common_name: "", ..request }), IssueError::CommonName(_)));
}

#[test]
fn an_authority_reads_back_and_goes_on_issuing() {
    let root = root();
    let again = Authority::from_pem(root.certificate_pem().as_bytes(), &root.private_key_pem())
        .expect("it was just made");
    assert_eq!(again.info(), root.info());
    let issued = server(&again, KeyKind::EcdsaP256);
    verify(&root, &issued.certificate_pem, "dls.example", now()).expect("the same authority");

    let leaf = Authority::from_pem(issued.certificate_pem.as_bytes(), &issued.private_key_pem);
    assert!(matches!(leaf, Err(AuthorityError::NotAuthority)));
}

#[test]
fn a_subject_with_an_impossible_identifier_is_refused() {
    // 2.5.4.3 (common name) becomes 3.0.4.3, which the issuing library would panic on.
    let fixture = fixture();
    let mut der = fixture.certificate_der().to_vec();
    let places: Vec<usize> =
        (0..der.len() - 2).filter(|place| der[*place..].starts_with(&[0x55, 0x04, 0x03])).collect();
    for place in places {
        der[place] = 0x78;
    }
    let changed = pem::certificate(&der);
    let loaded = Authority::from_pem(changed.as_bytes(), &fixture.private_key_pem());
    assert!(matches!(loaded, Err(AuthorityError::Subject)));
}

#[test]
fn serial_numbers_are_positive_whatever_the_random_bytes() {
    let root = root();
    let names = names();
    let request =
        ServerRequest { common_name: "x", names: &names, key_kind: KeyKind::EcdsaP256, lifetime: YEAR };
    for (random, begin) in [(0x00, "40"), (0xff, "7f")] {
        let issued =
            root.issue_server(&request, now(), SerialSeed::new([random; 16])).expect("a certificate");
        assert_eq!(issued.info.serial.len(), 32);
        assert!(issued.info.serial.starts_with(begin), "{}", issued.info.serial);
    }
}

#[test]
fn a_description_has_every_field() {
    let info = server(&root(), KeyKind::EcdsaP256).info;
    assert_eq!(info.subject, "CN=192.0.2.5");
    assert_eq!(info.issuer, "O=Example, CN=Workpoint test root");
    assert_eq!(info.serial, format!("41{}", "01".repeat(15)));
    assert_eq!(info.names, ["DNS:dls.example", "IP:192.0.2.5"]);
    assert_eq!(info.key.algorithm, KeyAlgorithm::Ecdsa("P-256".into()));
    assert_eq!(info.key.bits, 256);
    assert_eq!(info.key_usage, ["digitalSignature"]);
    assert_eq!(info.extended_key_usage, ["serverAuth"]);
    assert_eq!(info.sha256.len(), 64);
    assert!(!info.is_ca);
}

#[test]
fn pem_and_der_are_described_alike_and_anything_else_is_refused() {
    let issued = server(&root(), KeyKind::EcdsaP256);
    let der = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).expect("a certificate");
    assert_eq!(inspect(&der).expect("DER"), inspect(issued.certificate_pem.as_bytes()).expect("PEM"));

    assert!(matches!(inspect(b""), Err(InspectError::Missing)));
    assert!(matches!(
        inspect(&vec![b'x'; crate::MAX_CERTIFICATE_INPUT + 1]),
        Err(InspectError::TooLarge { .. })
    ));
    let mut longer = der.to_vec();
    longer.push(0);
    assert!(matches!(inspect(&longer), Err(InspectError::Trailing { size: 1 })));
    assert!(matches!(inspect(&der[..der.len() - 1]), Err(InspectError::X509(_))));
}

#[test]
fn each_thing_wrong_with_a_pair_has_its_error() {
    let root = root();
    let issued = server(&root, KeyKind::EcdsaP256);
    let other = server(&root, KeyKind::EcdsaP256);
    let wrong = |pem: &str| check_pair(pem.as_bytes(), &issued.private_key_pem).expect_err("refused");

    assert!(matches!(wrong(""), PairError::Missing));
    assert!(matches!(wrong(&other.certificate_pem), PairError::Mismatch));
    assert!(matches!(wrong(&issued.certificate_pem.repeat(2)), PairError::Order { position: 1 }));
    assert!(matches!(wrong(&issued.certificate_pem.repeat(crate::MAX_CHAIN + 1)), PairError::TooLong));
    assert!(matches!(wrong(&"x".repeat(crate::MAX_CERTIFICATE_INPUT + 1)), PairError::TooLarge { .. }));
    let end = issued.certificate_pem.replace("-----END", "-----FIN");
    assert!(matches!(wrong(&end), PairError::Pem(_)));
    let junk = pem::certificate(b"no certificate");
    assert!(matches!(wrong(&junk), PairError::Certificate { position: 1, .. }));
    let no_key = check_pair(issued.certificate_pem.as_bytes(), &PrivateKeyPem::new(String::new()));
    assert!(matches!(no_key, Err(PairError::Key(_))));

    let whole = issued.certificate_pem.clone() + &root.certificate_pem();
    let pair = check_pair(whole.as_bytes(), &issued.private_key_pem).expect("leaf and root");
    assert_eq!(pair.chain.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_inspection_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = inspect(&bytes);
        let mut sequence = vec![0x30];
        sequence.extend_from_slice(&bytes);
        let _ = inspect(&sequence);
    }

    #[test]
    fn no_change_of_a_certificate_or_key_makes_anything_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let fixture = fixture();
        let mut der = fixture.certificate_der().to_vec();
        for (index, byte) in &changes {
            let place = index.index(der.len());
            der[place] = *byte;
        }
        let _ = inspect(&der);
        let mutated = pem::certificate(&der);
        if let Ok(authority) = Authority::from_pem(mutated.as_bytes(), &fixture.private_key_pem()) {
            let names = names();
            let request = ServerRequest {
                common_name: "x", names: &names, key_kind: KeyKind::EcdsaP256, lifetime: DAY,
            };
            let _ = authority.issue_server(&request, now(), seed(9));
        }

        let mut text = fixture.private_key_pem().expose().to_owned().into_bytes();
        for (index, byte) in &changes {
            let place = index.index(text.len());
            text[place] = *byte;
        }
        let key = PrivateKeyPem::new(String::from_utf8_lossy(&text).into_owned());
        let _ = check_pair(fixture.certificate_pem().as_bytes(), &key);
    }
}

/// One authority for all cases of the property tests.
fn fixture() -> &'static Authority {
    static FIXTURE: std::sync::OnceLock<Authority> = std::sync::OnceLock::new();
    FIXTURE.get_or_init(root)
}
