//! What goes wrong between us and a provider, and what is said of it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Secret;
use domain::file::Listing;
use domain::network::Networks;
use tests::storage_servers::{Moto, Nginx, PASSWORD, S3Server, USER, https_site, manners, s3_site};
use workpoint::storage::{Fault, Manners, Provider, Site, Storage};

use crate::providers::{opened, opened_with};
use crate::scripted::{Act, Scripted, answer};
use crate::suite::{Files, content, fault, whole};

/// Waits less than usual.
fn impatient() -> Manners {
    let soon = Duration::from_millis(300);
    Manners { connect: soon, first_byte: soon, between_bytes: soon, ..manners() }
}

/// A web server and an S3 server behind the same address.
fn both(server: &Scripted, manners: &Manners) -> [Storage; 2] {
    let mut site = https_site(&server.url);
    site.username = USER.to_owned();
    site.secret = Some(Secret::new(PASSWORD.to_owned()));
    [site, s3_site(&server.url)].map(|site| opened_with(&site, manners).expect("it can be opened"))
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let server = Scripted::start(|_| vec![Act::Hang]).await;
    for provider in both(&server, &impatient()) {
        assert_eq!(fault(provider.check().await), Fault::TimedOut);
        assert_eq!(fault(provider.stat("a").await), Fault::TimedOut);
        assert_eq!(fault(provider.read("a", None, None).await), Fault::TimedOut);
        // Also one that takes nothing of what is sent to it.
        let large = content(20 * 1024 * 1024);
        assert_eq!(fault(Files::new().store(&provider, "a", &large).await), Fault::TimedOut);
        assert_eq!(fault(provider.delete("a").await), Fault::TimedOut);
    }
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_not_waited_for() {
    let server = Scripted::start(|_| {
        let mut acts = answer("200 OK", "Content-Length: 1000\r\nETag: \"1\"\r\n", [7; 100]);
        acts.push(Act::Hang);
        acts
    })
    .await;
    for provider in both(&server, &impatient()) {
        assert_eq!(fault(whole(&provider, "a").await), Fault::TimedOut);
    }
}

#[tokio::test]
async fn a_slow_server_is_waited_for_while_something_comes() {
    let server = Scripted::start(|_| {
        let mut acts = answer("200 OK", "Content-Length: 800\r\nETag: \"1\"\r\n", "");
        acts.extend(
            [Act::Pause(Duration::from_millis(300)), Act::Send(vec![7; 100])].into_iter().cycle().take(16),
        );
        acts
    })
    .await;
    // All of it takes longer than is waited for any part of it.
    let soon = Duration::from_millis(1_500);
    let patient = Manners { connect: soon, first_byte: soon, between_bytes: soon, ..manners() };
    for provider in both(&server, &patient) {
        assert_eq!(whole(&provider, "a").await.expect("all of it"), [7; 800]);
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_never_gives_a_whole_object() {
    let server =
        Scripted::start(|_| answer("200 OK", "Content-Length: 100000\r\nETag: \"1\"\r\n", [7; 60_000])).await;
    for provider in both(&server, &manners()) {
        let reading = provider.read("a", None, None).await.expect("a beginning");
        assert_eq!(reading.size, 100_000);
        assert_eq!(fault(reading.collect(100_000).await), Fault::LiedAboutLength);
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_when_it_is_used_again_is_no_failure() {
    let closed = Arc::new(AtomicBool::new(false));
    let server = {
        let closed = Arc::clone(&closed);
        Scripted::start(move |_| {
            let kept = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nETag: \"1\"\r\n\r\nx";
            vec![Act::Send(kept.into()), Act::UntilAsked(Arc::clone(&closed))]
        })
        .await
    };
    for provider in both(&server, &manners()) {
        closed.store(false, Ordering::Relaxed);
        for _ in 0..20 {
            assert_eq!(whole(&provider, "a").await.expect("read"), b"x");
        }
        assert!(closed.load(Ordering::Relaxed), "no connection was used twice");
    }
}

#[tokio::test]
async fn lengths_that_are_lies_are_found_out() {
    for (headers, asked, expected) in [
        // More comes than the range has.
        ("Content-Range: bytes 0-9/1000\r\nTransfer-Encoding: chunked\r\n", 0..10, Fault::LiedAboutLength),
        ("Content-Range: bytes 0-9/1000\r\nContent-Length: 20\r\n", 0..10, Fault::LiedAboutLength),
        // Fewer.
        ("Content-Range: bytes 0-99/1000\r\nTransfer-Encoding: chunked\r\n", 0..100, Fault::LiedAboutLength),
        // Another part, or one that does not say which.
        ("Content-Range: bytes 5-14/1000\r\nContent-Length: 10\r\n", 0..10, Fault::BadAnswer),
        ("Content-Range: bytes 0-4/1000\r\nContent-Length: 5\r\n", 0..10, Fault::BadAnswer),
        ("Content-Length: 10\r\n", 0..10, Fault::BadAnswer),
        ("Content-Range: bytes 0-9/*\r\nContent-Length: 10\r\n", 0..10, Fault::BadAnswer),
        // The whole is smaller than who asks believes.
        ("Content-Range: bytes 0-4/5\r\nContent-Length: 5\r\n", 0..10, Fault::ChangedMeanwhile),
    ] {
        let server = Scripted::start(move |_| {
            let body = if headers.contains("chunked") {
                b"14\r\nabcdefghijklmnopqrst\r\n0\r\n\r\n".to_vec()
            } else {
                content(20)
            };
            answer("206 Partial Content", headers, body)
        })
        .await;
        for provider in both(&server, &manners()) {
            let found = match provider.read("a", Some(asked.clone()), None).await {
                Ok(reading) => reading.collect(1_000).await.map(|_| ()),
                Err(error) => Err(error),
            };
            assert_eq!(fault(found), expected, "{headers}");
        }
    }
}

#[tokio::test]
async fn a_length_that_is_not_told_or_not_one_of_bytes_is_no_answer() {
    for headers in ["Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\nContent-Length: 5\r\n"] {
        let server = Scripted::start(move |_| answer("200 OK", headers, "5\r\nabcde\r\n0\r\n\r\n")).await;
        for provider in both(&server, &manners()) {
            assert_eq!(fault(provider.read("a", None, None).await), Fault::BadAnswer, "{headers}");
        }
    }
}

#[tokio::test]
async fn a_server_without_ranges_gives_them_all_the_same() {
    let server =
        Scripted::start(|_| answer("200 OK", "Content-Length: 1000\r\nETag: \"1\"\r\n", content(1_000)))
            .await;
    for provider in both(&server, &manners()) {
        for range in [0..10, 100..900, 990..1_000] {
            let reading = provider.read("a", Some(range.clone()), None).await.expect("read");
            assert_eq!((reading.size, reading.length), (1_000, range.end - range.start));
            let (from, to) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
            assert_eq!(reading.collect(1_000).await.expect("bytes"), content(1_000)[from..to]);
        }
    }
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_password_given_away() {
    let stolen = Arc::new(AtomicBool::new(false));
    let other = {
        let stolen = Arc::clone(&stolen);
        Scripted::start(move |_| {
            stolen.store(true, Ordering::Relaxed);
            answer("200 OK", "Content-Length: 0\r\n", "")
        })
        .await
    };
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/a\r\nContent-Length: 0\r\n", other.url);
        let server = Scripted::start(move |_| answer(status, &location, "")).await;
        for provider in both(&server, &manners()) {
            assert_eq!(fault(provider.check().await), Fault::Redirected, "{status}");
            assert_eq!(fault(provider.stat("a").await), Fault::Redirected, "{status}");
            assert_eq!(fault(provider.read("a", None, None).await), Fault::Redirected, "{status}");
            assert_eq!(
                fault(Files::new().store(&provider, "a", b"bytes").await),
                Fault::Redirected,
                "{status}"
            );
        }
    }
    assert!(!stolen.load(Ordering::Relaxed), "the other server was asked");
}

#[tokio::test]
async fn a_server_with_a_fault_of_its_own_is_named_so() {
    for (status, expected) in [
        ("500 Internal Server Error", Fault::ServerError),
        ("503 Service Unavailable", Fault::ServerError),
        ("507 Insufficient Storage", Fault::Full),
        ("403 Forbidden", Fault::Forbidden),
        ("404 Not Found", Fault::NotFound),
        ("413 Payload Too Large", Fault::TooLarge),
        ("418 I'm a teapot", Fault::BadAnswer),
    ] {
        let server = Scripted::start(move |_| answer(status, "Content-Length: 4\r\n", "oops")).await;
        for provider in both(&server, &manners()) {
            assert_eq!(fault(provider.read("a", None, None).await), expected, "{status}");
            assert_eq!(fault(Files::new().store(&provider, "a", b"bytes").await), expected, "{status}");
        }
    }
}

#[tokio::test]
async fn garbage_is_no_list() {
    let html = "<html><head><title>It works!</title></head><body><a href=\"ring.wav\">x</a></body></html>";
    for (status, headers) in [
        ("200 OK", "Content-Type: text/html\r\n"),
        ("207 Multi-Status", "Content-Type: text/html\r\n"),
        ("207 Multi-Status", "Content-Type: application/xml\r\n"),
    ] {
        let server = Scripted::start(move |_| answer(status, headers, html)).await;
        let [_, bucket] = both(&server, &manners());
        assert_eq!(fault(bucket.check().await), Fault::BadAnswer, "{status} to S3");
        let of = |listing| opened(&Site { listing, ..https_site(&server.url) });
        assert_eq!(fault(of(Listing::Webdav).check().await), Fault::BadAnswer, "{status}");
        assert_eq!(fault(of(Listing::Automatic).check().await), Fault::NotListable, "{status}");
    }
}

#[tokio::test]
async fn a_list_without_end_is_not_read_to_it() {
    let server = Scripted::start(|head| {
        let mut acts = if head.starts_with("PROPFIND") {
            answer("207 Multi-Status", "Content-Type: application/xml\r\n", "<multistatus>")
        } else {
            answer("200 OK", "Content-Type: text/html\r\n", "<title>Index of /</title>")
        };
        let block = Act::Send(b"<!-- nothing -->".repeat(64 * 1024));
        acts.extend(std::iter::repeat_n(block, 9));
        acts
    })
    .await;
    let of = |listing| opened(&Site { listing, ..https_site(&server.url) });
    for listing in [Listing::Webdav, Listing::IndexPage, Listing::Automatic] {
        assert_eq!(fault(of(listing).list(None).await), Fault::TooLarge, "{listing:?}");
    }
    let [_, bucket] = both(&server, &manners());
    assert_eq!(fault(bucket.list(None).await), Fault::TooLarge);
}

#[tokio::test]
async fn a_list_that_never_goes_on_is_an_error() {
    let page = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>\
        <NextContinuationToken>same</NextContinuationToken></ListBucketResult>";
    let server = Scripted::start(move |_| answer("200 OK", "Content-Type: application/xml\r\n", page)).await;
    let [_, bucket] = both(&server, &manners());
    assert_eq!(bucket.list(None).await.expect("a page").next.as_deref(), Some("same"));
    assert_eq!(fault(bucket.list(Some("same")).await), Fault::BadAnswer);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_one_to_be_told_of() {
    let (s3, nginx, moto) = tokio::join!(S3Server::start(), Nginx::start(), Moto::start());
    let networks = manners().allowed;
    for site in [s3.site(), nginx.site("dav"), moto.site()] {
        let provider = opened_with(&site, &Manners::new(true, networks.clone())).expect("it can be opened");
        assert_eq!(fault(provider.check().await), Fault::Certificate, "{}", site.url);
        assert_eq!(fault(provider.read("a", None, None).await), Fault::Certificate, "{}", site.url);
        let provider = opened_with(&site, &Manners::new(false, networks.clone())).expect("it can be opened");
        provider.check().await.expect("unchecked");
        opened(&site).check().await.expect("trusted");
    }
    let elsewhere =
        Scripted::start_at([127, 0, 0, 2], |_| answer("200 OK", "Content-Length: 0\r\n", "")).await;
    for provider in both(&elsewhere, &manners()) {
        assert_eq!(fault(provider.stat("a").await), Fault::Certificate, "trusted, and for another host");
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let server = S3Server::start().await;
    let site = server.site();
    drop(server);
    let provider = opened(&site);
    assert_eq!(fault(provider.check().await), Fault::Unreachable);
    assert_eq!(fault(provider.read("a", None, None).await), Fault::Unreachable);
    let site = https_site("https://no-such-host.invalid/");
    assert_eq!(fault(opened(&site).check().await), Fault::Unreachable);
}

#[tokio::test]
async fn an_object_that_vanishes_is_told_of() {
    let server = S3Server::start().await;
    let provider = opened(&server.site());
    let made = Files::new().store(&provider, "a", &content(5_000)).await.expect("stored");
    let nginx = Nginx::start().await;
    let website = opened(&nginx.site("dav"));
    Files::new().store(&website, "a", &content(5_000)).await.expect("stored");
    tokio::fs::remove_file(server.objects().join("a")).await.expect("removed");
    tokio::fs::remove_file(nginx.files("dav").join("a")).await.expect("removed");
    for provider in [provider, website] {
        assert_eq!(fault(provider.read("a", Some(0..10), made.tag.as_deref()).await), Fault::NotFound);
        assert_eq!(fault(provider.stat("a").await), Fault::NotFound);
    }
}

#[tokio::test]
async fn no_error_holds_a_password_or_a_signed_address() {
    // A store that repeats everything it was sent.
    let server = Scripted::start(|head| {
        let body = format!("<Error><Code>AccessDenied</Code><Message>{head}</Message></Error>");
        answer("403 Forbidden", &format!("X-Echo: 1\r\nContent-Length: {}\r\n", body.len()), body)
    })
    .await;
    let nobody = {
        let gone = Scripted::start(|_| Vec::new()).await;
        gone.url.clone()
    };
    let mut errors = Vec::new();
    for provider in both(&server, &manners()) {
        errors.push(provider.check().await.expect_err("refused"));
        errors.push(provider.stat("a").await.expect_err("refused"));
        errors.push(provider.read("a", None, None).await.expect_err("refused"));
        errors.push(Files::new().store(&provider, "a", b"bytes").await.expect_err("refused"));
    }
    let bucket = opened(&s3_site(&nobody));
    errors.push(bucket.read("a", None, None).await.expect_err("nobody there"));
    let closes = Scripted::start(|_| Vec::new()).await;
    for provider in both(&closes, &manners()) {
        errors.push(provider.read("a", None, None).await.expect_err("closed"));
    }
    assert!(closes.asked() >= 2);
    for error in errors {
        let mut text = format!("{error} {error:?}");
        let mut next = error.source();
        while let Some(cause) = next {
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        for secret in [PASSWORD, "Signature", "Credential", "Basic ", "Authorization"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn a_password_is_not_sent_without_tls() {
    let unchecked = Manners::new(false, Networks::parse("127.0.0.0/8").expect("a network"));
    let mut site = https_site("http://127.0.0.1:1/");
    opened_with(&site, &unchecked).expect("nothing to give away");
    assert_eq!(fault(opened_with(&site, &manners())), Fault::Certificate);
    site.username = USER.to_owned();
    assert_eq!(fault(opened_with(&site, &unchecked)), Fault::Certificate);
}
