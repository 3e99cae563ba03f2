//! Addresses that are not connected to, however they are written.

use domain::network::Networks;
use tests::storage_servers::{S3Server, https_site, manners, s3_site};
use workpoint::storage::{Fault, Manners, Provider, Site};

use crate::providers::opened_with;
use crate::scripted::{Scripted, answer};
use crate::suite::fault;

#[tokio::test]
async fn addresses_of_this_machine_are_refused_before_anything_is_sent() {
    let server = Scripted::start(|_| answer("200 OK", "Content-Length: 0\r\n", "")).await;
    let port = server.url.rsplit_once(':').expect("a port").1;
    let usual = Manners::new(false, Networks::default());
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "255.255.255.255",
        "224.0.0.1",
        // Names that resolve to this machine.
        "localhost",
        "LOCALHOST",
    ] {
        for site in [https_site, s3_site].map(|site| site(&format!("https://{host}:{port}"))) {
            let provider = opened_with(&site, &usual).expect("it can be opened");
            assert_eq!(fault(provider.check().await), Fault::AddressRefused, "{}", site.url);
            assert_eq!(fault(provider.stat("a").await), Fault::AddressRefused, "{}", site.url);
            assert_eq!(fault(provider.read("a", None, None).await), Fault::AddressRefused, "{}", site.url);
        }
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_network_that_is_named_is_connected_to() {
    let server = S3Server::start().await;
    let named = server.url.replace("127.0.0.1", "localhost");
    for (allowed, works) in
        [("127.0.0.1", true), ("127.0.0.0/8", true), ("0.0.0.0/0", false), ("127.0.0.2", false)]
    {
        let manners = Manners { allowed: Networks::parse(allowed).expect("networks"), ..manners() };
        for url in [&server.url, &named] {
            let site = Site { url: url.clone(), ..server.site() };
            let checked = opened_with(&site, &manners).expect("it can be opened").check().await;
            if works {
                checked.expect("it answers");
            } else {
                assert_eq!(fault(checked), Fault::AddressRefused, "{url} with {allowed}");
            }
        }
    }
}
