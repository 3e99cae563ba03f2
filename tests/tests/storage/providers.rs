//! The suite against the built-in directory, two S3 servers and nginx; other web servers are in `web_servers.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Secret;
use domain::file::{Listing, ProviderKind};
use tests::storage_servers::{self, BUCKET, Moto, Nginx, PASSWORD, S3Server, USER, manners};
use workpoint::clock::Clock;
use workpoint::storage::{Fault, Manners, Places, Provider, Site, Storage, open};

use crate::suite::{Files, Kind, direct, fault, suite, whole};

/// Opens a provider that is not the built-in one.
pub(crate) fn opened(site: &Site) -> Storage {
    opened_with(site, &manners()).expect("it can be opened")
}

pub(crate) fn opened_with(
    site: &Site,
    manners: &Manners,
) -> Result<Storage, workpoint::storage::StorageError> {
    let nowhere = Places { objects: "/nowhere".into(), uploads: "/nowhere".into(), cache: "/nowhere".into() };
    open(site, manners, &nowhere)
}

/// Puts objects into a directory behind the provider's back.
pub(crate) fn into(directory: PathBuf) -> impl AsyncFn(String) {
    async move |key: String| tokio::fs::write(directory.join(&key), &key).await.expect("a file")
}

#[tokio::test]
async fn the_built_in_directory() {
    let data = tempfile::tempdir().expect("a directory");
    let places = Places::make(data.path()).await.expect("directories");
    let site = Site { kind: ProviderKind::BuiltIn, ..storage_servers::https_site("") };
    let provider = open(&site, &manners(), &places).expect("it can be opened");
    let kind = Kind { has_directories: false, has_tags: false, many: 1_050 };
    suite(&provider, kind, into(places.objects)).await;
    let address = provider.direct_address("a", Duration::from_secs(1), Clock::system().now()).await;
    assert_eq!(address.expect("no error"), None);
}

#[tokio::test]
async fn s3_in_this_process() {
    let server = S3Server::start().await;
    let provider = opened(&server.site());
    let kind = Kind { has_directories: true, has_tags: true, many: 1_010 };
    suite(&provider, kind, into(server.objects())).await;

    let address = direct(&provider, Clock::system().now()).await;
    assert!(!address.contains(PASSWORD));
    // Signed for a time that is over.
    let past = Clock::system().now() - jiff::SignedDuration::from_hours(1);
    let address = provider.direct_address("to others.bin", Duration::from_secs(60), past).await;
    let address = address.expect("no error").expect("an address");
    let answer = storage_servers::client().get(&address).send().await.expect("an answer");
    assert_eq!(answer.status(), 403, "an address that has expired");
}

#[tokio::test]
async fn s3_refuses_wrong_credentials_and_buckets() {
    let server = S3Server::start().await;
    Files::new().store(&opened(&server.site()), "a", b"bytes").await.expect("stored");
    for change in [(|site| site.secret = Some(Secret::new("wrong".to_owned()))) as fn(&mut Site), |site| {
        site.username = "stranger".to_owned();
    }] {
        let mut site = server.site();
        change(&mut site);
        let provider = opened(&site);
        assert_eq!(fault(provider.check().await), Fault::Credentials);
        assert_eq!(fault(provider.list(None).await), Fault::Credentials);
        assert_eq!(fault(provider.stat("a").await), Fault::Credentials);
        assert_eq!(fault(provider.read("a", None, None).await), Fault::Credentials);
        assert_eq!(fault(Files::new().store(&provider, "a", b"other").await), Fault::Credentials);
        assert_eq!(fault(provider.delete("a").await), Fault::Credentials);
    }
    let site = Site { bucket: "other".to_owned(), ..server.site() };
    assert_eq!(fault(opened(&site).check().await), Fault::NotFound);
    let site = Site { secret: None, ..server.site() };
    assert_eq!(fault(opened_with(&site, &manners())), Fault::Credentials);
    assert_eq!(whole(&opened(&server.site()), "a").await.expect("read"), b"bytes", "nothing was changed");
}

#[tokio::test]
async fn s3_of_moto() {
    let server = Moto::start().await;
    let provider = opened(&server.site());
    let client = storage_servers::client();
    let place = async |key: String| {
        let address = format!("{}/{BUCKET}/{key}", server.url);
        let answer = client.put(address).body(key).send().await.expect("an answer");
        assert!(answer.status().is_success());
    };
    suite(&provider, Kind { has_directories: true, has_tags: true, many: 1_010 }, place).await;
    direct(&provider, Clock::system().now()).await;
    let site = Site { bucket: "other".to_owned(), ..server.site() };
    assert_eq!(fault(opened(&site).check().await), Fault::NotFound);
    assert_eq!(fault(opened(&site).stat("a").await), Fault::NotFound);
}

#[tokio::test]
async fn s3_of_moto_refuses_wrong_signatures() {
    let server = Moto::start_strict().await;
    let provider = opened(&server.site());
    let made = Files::new().store(&provider, "a b.bin", b"bytes").await.expect("stored");
    assert_eq!(provider.stat("a b.bin").await.expect("there"), made);
    assert_eq!(provider.check().await.expect("it answers").objects, 1);
    let site = Site { secret: Some(Secret::new("wrong".to_owned())), ..server.site() };
    assert_eq!(fault(opened(&site).check().await), Fault::Credentials);
    assert_eq!(fault(opened(&site).stat("a b.bin").await), Fault::Credentials);
    assert_eq!(fault(Files::new().store(&opened(&site), "a b.bin", b"other").await), Fault::Credentials);
    let site = Site { username: "stranger".to_owned(), ..server.site() };
    assert_eq!(fault(opened(&site).check().await), Fault::Credentials);
    provider.delete("a b.bin").await.expect("deleted");
}

#[tokio::test]
async fn web_dav_of_nginx() {
    let server = Nginx::start().await;
    let provider = opened(&server.site("dav"));
    let kind = Kind { has_directories: true, has_tags: true, many: 260 };
    suite(&provider, kind, into(server.files("dav"))).await;
    assert_eq!(provider.check().await.expect("it answers").listing, Some(Listing::Webdav));
    let address = direct(&provider, Clock::system().now()).await;
    assert_eq!(address, format!("{}/dav/to%20others.bin", server.url));
}

#[tokio::test]
async fn nginx_with_a_password() {
    let server = Nginx::start().await;
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    let site = Site { username: USER.to_owned(), secret: secret(PASSWORD), ..server.site("private") };
    let provider = opened(&site);
    let kind = Kind { has_directories: true, has_tags: true, many: 251 };
    suite(&provider, kind, into(server.files("private"))).await;
    let address = provider.direct_address("a", Duration::from_secs(1), Clock::system().now()).await;
    assert_eq!(address.expect("no error"), None, "nobody else has the password");

    for (username, secret) in [(USER, secret("wrong")), ("stranger", secret(PASSWORD)), ("", None)] {
        let provider = opened(&Site { username: username.to_owned(), secret, ..site.clone() });
        assert_eq!(fault(provider.check().await), Fault::Credentials);
        assert_eq!(fault(provider.stat("a").await), Fault::Credentials);
        assert_eq!(fault(provider.read("a", None, None).await), Fault::Credentials);
        assert_eq!(fault(Files::new().store(&provider, "a", b"bytes").await), Fault::Credentials);
    }
}

/// Files that hold their names, put into a directory behind the provider's back.
pub(crate) async fn placed(directory: &Path, names: &[&str]) {
    for name in names {
        let path = directory.join(name);
        tokio::fs::create_dir_all(path.parent().expect("a directory")).await.expect("a directory");
        tokio::fs::write(&path, name.as_bytes()).await.expect("a file");
    }
}

pub(crate) async fn keys(provider: &Storage) -> Vec<String> {
    let page = provider.list(None).await.expect("a page");
    page.objects.into_iter().map(|object| object.key).collect()
}

#[tokio::test]
async fn index_pages_of_nginx() {
    let server = Nginx::start().await;
    let names = ["a b & c.bin", "deep/er/x.bin", "index.txt", "ring%41.wav", "ä.wav"];
    placed(&server.files("index"), &names).await;
    tokio::fs::symlink("/etc/nowhere", server.files("index").join("broken.lnk")).await.expect("a link");
    for listing in [Listing::Automatic, Listing::IndexPage] {
        let provider = opened(&Site { listing, ..server.site("index") });
        assert_eq!(provider.check().await.expect("it answers").listing, Some(Listing::IndexPage));
        assert_eq!(keys(&provider).await, ["a b & c.bin", "deep/er/x.bin", "ring%41.wav", "ä.wav"]);
        for name in names {
            assert_eq!(whole(&provider, name).await.expect("read"), name.as_bytes());
        }
        let tail = provider.read("deep/er/x.bin", Some(10..13), None).await.expect("read");
        assert_eq!(tail.collect(9).await.expect("bytes"), b"bin");
        assert_eq!(fault(Files::new().store(&provider, "new", b"bytes").await), Fault::ReadOnly);
        assert_eq!(fault(provider.delete("ä.wav").await), Fault::ReadOnly);
    }
    let provider = opened(&Site { listing: Listing::Webdav, ..server.site("index") });
    assert_eq!(fault(provider.check().await), Fault::NotListable);
}

#[tokio::test]
async fn an_index_file_of_nginx() {
    let server = Nginx::start().await;
    placed(&server.files("plain"), &["ring.wav", "sub/logo one.bmp"]).await;
    // A page that somebody wrote is no index, whatever it links to.
    let page = server.files("plain").join("index.html");
    tokio::fs::write(&page, "<title>Welcome</title><a href=\"ring.wav\">our ring tone</a>")
        .await
        .expect("a file");
    let provider = opened(&server.site("plain"));
    assert_eq!(fault(provider.check().await), Fault::NotListable);
    let index = "# phones\nring.wav\nsub/logo one.bmp\ngone.wav\n../../users\n";
    tokio::fs::write(server.files("plain").join("index.txt"), index).await.expect("a file");
    assert_eq!(provider.check().await.expect("it answers").listing, Some(Listing::IndexFile));
    assert_eq!(keys(&provider).await, ["ring.wav", "sub/logo one.bmp"]);
    // Asked for explicitly, the page is taken for an index.
    let provider = opened(&Site { listing: Listing::IndexPage, ..server.site("plain") });
    assert_eq!(keys(&provider).await, ["ring.wav"]);
    let provider = opened(&server.site("nothing"));
    assert_eq!(fault(provider.check().await), Fault::NotFound);
}

#[tokio::test]
async fn a_directory_that_is_too_deep_or_too_full_is_not_followed_for_ever() {
    let server = Nginx::start().await;
    let deep = format!("{}x.bin", "d/".repeat(9));
    placed(&server.files("index"), &["d/d/d/d/d/d/d/d/y.bin", &deep]).await;
    let provider = opened(&server.site("index"));
    assert_eq!(keys(&provider).await, ["d/d/d/d/d/d/d/d/y.bin"]);
    for number in 0..1_001 {
        tokio::fs::create_dir(server.files("index").join(format!("directory-{number}"))).await.expect("made");
    }
    assert_eq!(fault(provider.list(None).await), Fault::TooLarge);
    provider.check().await.expect("it answers all the same");
}
