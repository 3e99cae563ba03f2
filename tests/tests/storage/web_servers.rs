//! Web servers besides nginx: Apache with the three kinds of its index pages and WebDAV, and Caddy.

use domain::Secret;
use domain::file::Listing;
use tests::storage_servers::{Apache, Caddy, PASSWORD, USER};
use workpoint::clock::Clock;
use workpoint::storage::{Fault, Provider, Site};

use crate::providers::{into, keys, opened, placed};
use crate::suite::{Files, Kind, direct, fault, suite, whole};

/// Names that are escaped, cut off or sorted in some way on pages, in their order.
const NAMES: [&str; 6] = [
    "a b & c.bin",
    "a-name-that-is-so-long-that-only-its-beginning-is-shown-on-a-page.bin",
    "deep/er/x.bin",
    "ring%41.wav",
    "tilde~'(1)!?#.bin",
    "ä.wav",
];

/// What every web server without WebDAV does, at a place with [`NAMES`].
async fn is_an_index(site: &Site) {
    for listing in [Listing::Automatic, Listing::IndexPage] {
        let provider = opened(&Site { listing, ..site.clone() });
        assert_eq!(provider.check().await.expect("it answers").listing, Some(Listing::IndexPage));
        assert_eq!(keys(&provider).await, NAMES, "{}", site.url);
        for name in NAMES {
            assert_eq!(whole(&provider, name).await.expect("read"), name.as_bytes());
            let tag = provider.stat(name).await.expect("there").tag;
            let last = name.len() as u64 - 3..name.len() as u64;
            let tail = provider.read(name, Some(last), tag.as_deref()).await.expect("read");
            assert_eq!(tail.collect(9).await.expect("bytes"), name.as_bytes()[name.len() - 3..]);
        }
        assert_eq!(fault(provider.read("ring%41.wav", Some(0..99), None).await), Fault::ChangedMeanwhile);
        assert_eq!(fault(provider.stat("deep").await), Fault::Redirected);
        // Nothing is put there or taken away, and it says so, whatever the server answers.
        for key in ["new", "deep/new"] {
            assert_eq!(fault(Files::new().store(&provider, key, b"bytes").await), Fault::ReadOnly);
            assert_eq!(fault(provider.stat(key).await), Fault::NotFound);
        }
        assert_eq!(fault(provider.delete("ä.wav").await), Fault::ReadOnly);
        assert_eq!(provider.stat("ä.wav").await.expect("still there").size, "ä.wav".len() as u64);
    }
    // One says that it does not know the question, the other one answers with a page.
    let provider = opened(&Site { listing: Listing::Webdav, ..site.clone() });
    assert!(matches!(fault(provider.check().await), Fault::NotListable | Fault::BadAnswer));
}

#[tokio::test]
async fn index_pages_of_apache() {
    let server = Apache::start().await;
    for place in Apache::INDEXES {
        placed(&server.files(place), &NAMES).await;
        placed(&server.files(place), &["index.txt"]).await;
        tokio::fs::symlink("/etc/nowhere", server.files(place).join("broken.lnk")).await.expect("a link");
        is_an_index(&server.site(place)).await;
    }
}

#[tokio::test]
async fn index_pages_of_caddy() {
    let server = Caddy::start().await;
    placed(&server.files("browse"), &NAMES).await;
    tokio::fs::symlink("/etc/nowhere", server.files("browse").join("broken.lnk")).await.expect("a link");
    is_an_index(&server.site("browse")).await;
}

#[tokio::test]
async fn an_index_file_of_caddy() {
    let server = Caddy::start().await;
    placed(&server.files("plain"), &["ring.wav", "sub/logo one.bmp"]).await;
    let provider = opened(&server.site("plain"));
    // Where it shows no pages, nothing says that the directory is there.
    assert_eq!(fault(provider.check().await), Fault::NotFound);
    let index = "ring.wav\nsub/logo one.bmp\ngone.wav\n../Caddyfile\n";
    tokio::fs::write(server.files("plain").join("index.txt"), index).await.expect("a file");
    assert_eq!(provider.check().await.expect("it answers").listing, Some(Listing::IndexFile));
    assert_eq!(keys(&provider).await, ["ring.wav", "sub/logo one.bmp"]);
}

#[tokio::test]
async fn web_dav_of_apache() {
    let server = Apache::start().await;
    let provider = opened(&server.site("dav"));
    let kind = Kind { has_directories: true, has_tags: true, many: 260 };
    suite(&provider, kind, into(server.files("dav"))).await;
    assert_eq!(provider.check().await.expect("it answers").listing, Some(Listing::Webdav));
    let address = direct(&provider, Clock::system().now()).await;
    assert_eq!(address, format!("{}/dav/to%20others.bin", server.url));
}

#[tokio::test]
async fn what_was_uploaded_to_apache_is_the_same_later() {
    let server = Apache::start().await;
    let provider = opened(&server.site("dav"));
    let made = Files::new().store(&provider, "ring.wav", b"bytes").await.expect("stored");
    // A tag of something that has just changed is a weak one; the same tag is a strong one a second later.
    let raw = tests::storage_servers::client();
    tests::wait_until(async || {
        let answer = raw.head(format!("{}/dav/ring.wav", server.url)).send().await.expect("an answer");
        answer.headers()["etag"].as_bytes().starts_with(b"\"")
    })
    .await;
    assert_eq!(provider.stat("ring.wav").await.expect("there"), made);
    let reading = provider.read("ring.wav", Some(1..5), made.tag.as_deref()).await.expect("the same");
    assert_eq!(reading.collect(9).await.expect("bytes"), b"ytes");
}

#[tokio::test]
async fn apache_with_a_password() {
    let server = Apache::start().await;
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    let site = Site { username: USER.to_owned(), secret: secret(PASSWORD), ..server.site("private") };
    let provider = opened(&site);
    let kind = Kind { has_directories: true, has_tags: true, many: 251 };
    suite(&provider, kind, into(server.files("private"))).await;
    for (username, secret) in [(USER, secret("wrong")), ("stranger", secret(PASSWORD)), ("", None)] {
        let provider = opened(&Site { username: username.to_owned(), secret, ..site.clone() });
        assert_eq!(fault(provider.check().await), Fault::Credentials);
        assert_eq!(fault(provider.stat("a").await), Fault::Credentials);
        assert_eq!(fault(provider.read("a", None, None).await), Fault::Credentials);
        assert_eq!(fault(Files::new().store(&provider, "a", b"bytes").await), Fault::Credentials);
        assert_eq!(fault(provider.delete("a").await), Fault::Credentials);
    }
}
