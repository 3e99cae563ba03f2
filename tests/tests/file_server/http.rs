//! HTTP as RFC 9110 has it, over the phones' port.

use domain::Role;
use domain::deployment::FILE_MINUTES;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use tests::fetching::{offered, upload};
use tests::{TestServer, on_both_databases, raw_phone};

use crate::{progress_becomes, text};

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

/// Sends a request for an address with header fields.
async fn ask(
    client: &reqwest::Client,
    method: Method,
    url: &str,
    fields: &[(&'static str, &str)],
) -> reqwest::Response {
    let fields = fields.iter().map(|(name, value)| {
        let value = reqwest::header::HeaderValue::from_str(value).expect("a value");
        (reqwest::header::HeaderName::from_static(name), value)
    });
    client.request(method, url).headers(fields.collect()).send().await.expect("an answer")
}

on_both_databases! {
    a_phone_fetches_all_parts_and_conditions => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(300_000);
        let file = upload(&api, "a file & more.bin", &content).await;
        let offered = offered(server, &api, [127, 40, 1, 1], &file).await;
        assert!(offered.url.starts_with(&format!("https://{}/file/", server.phone_port())), "{}", offered.url);
        assert!(offered.url.ends_with("/a%20file%20%26%20more.bin") && !offered.url.contains(['&', '?']));
        let (client, url) = (offered.client(), offered.url.as_str());

        let whole = ask(&client, Method::GET, url, &[]).await;
        assert_eq!((whole.status().as_u16(), header(&whole, "content-length")), (200, "300000"));
        assert_eq!(header(&whole, "content-type"), "application/octet-stream");
        assert_eq!(header(&whole, "accept-ranges"), "bytes");
        assert_eq!(header(&whole, "transfer-encoding"), "", "old firmware cannot read chunks");
        assert_eq!(header(&whole, "set-cookie"), "");
        let sha256 = file["sha256"].as_str().expect("a hash");
        let etag = header(&whole, "etag").to_owned();
        assert_eq!(etag, format!("\"{sha256}\""));
        let modified = header(&whole, "last-modified").to_owned();
        assert!(modified.ends_with(" GMT"), "{modified}");
        assert_eq!(whole.text().await.expect("a body"), content);

        let head = ask(&client, Method::HEAD, url, &[]).await;
        assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "300000"));
        assert_eq!(head.text().await.expect("none"), "");

        for (range, wanted, told) in [
            ("bytes=100-199", &content[100..200], "bytes 100-199/300000"),
            ("bytes=131000-140000", &content[131_000..140_001], "bytes 131000-140000/300000"),
            ("bytes=299990-", &content[299_990..], "bytes 299990-299999/300000"),
            ("bytes=-10", &content[299_990..], "bytes 299990-299999/300000"),
        ] {
            let part = ask(&client, Method::GET, url, &[("range", range)]).await;
            assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, told));
            assert_eq!(header(&part, "content-length"), wanted.len().to_string());
            assert_eq!(part.text().await.expect("a body"), wanted, "{range}");
        }
        let beyond = ask(&client, Method::GET, url, &[("range", "bytes=300000-")]).await;
        assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, "bytes */300000"));
        let several = ask(&client, Method::GET, url, &[("range", "bytes=0-1,5-6")]).await;
        assert_eq!((several.status().as_u16(), header(&several, "content-length")), (200, "300000"));
        drop(several);

        let same = ask(&client, Method::GET, url, &[("if-none-match", &etag)]).await;
        assert_eq!((same.status().as_u16(), header(&same, "etag")), (304, etag.as_str()));
        let same = ask(&client, Method::GET, url, &[("if-modified-since", &modified)]).await;
        assert_eq!(same.status(), 304);
        let resumed = ask(&client, Method::GET, url, &[("range", "bytes=299999-"), ("if-range", &etag)]).await;
        assert_eq!(resumed.status(), 206);
        let changed = ask(&client, Method::GET, url, &[("range", "bytes=299999-"), ("if-range", "\"other\"")]).await;
        assert_eq!(changed.status(), 200);
        let other = ask(&client, Method::GET, url, &[("if-match", "\"other\"")]).await;
        assert_eq!(other.status(), 412);
    }

    what_was_fetched_is_told_where_the_job_is_shown => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(400_000);
        let file = upload(&api, "tone.bin", &content).await;
        let mut offered = offered(server, &api, [127, 40, 1, 2], &file).await;
        let before = progress_becomes(&api, &offered.job, |told| told["phase"] == "offered").await;
        assert_eq!((&before["received"], &before["size"]), (&json!(0), &json!(400_000)));
        let client = offered.client();
        let part = ask(&client, Method::GET, &offered.url, &[("range", "bytes=0-99999")]).await;
        assert_eq!(part.bytes().await.expect("a body").len(), 100_000);
        progress_becomes(&api, &offered.job, |told| told["received"] == 100_000).await;
        // A part that does not follow on what is there says nothing of what the phone has.
        let part = ask(&client, Method::GET, &offered.url, &[("range", "bytes=300000-")]).await;
        part.bytes().await.expect("a body");
        let rest = ask(&client, Method::GET, &offered.url, &[("range", "bytes=100000-")]).await;
        rest.bytes().await.expect("a body");
        let after = progress_becomes(&api, &offered.job, |told| told["received"] == 400_000).await;
        assert_eq!(after["phase"], "downloaded", "{after}");
        offered.report("tone.bin", "ok").await;
        tests::desk::job_becomes(&api, &offered.job, "success").await;
    }

    a_phone_that_is_given_bytes_is_waited_for_longer => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "long.bin", &text(400_000)).await;
        let offered = offered(server, &api, [127, 40, 1, 4], &file).await;
        let client = offered.client();
        // It tells whether the address works, and moves no bytes.
        let status = async || ask(&client, Method::HEAD, &offered.url, &[]).await.status().as_u16();
        let (time, second) = (SignedDuration::from_mins(FILE_MINUTES), SignedDuration::from_secs(1));
        let late = SignedDuration::from_secs(30);
        server.clock.advance(time - late);
        let part = ask(&client, Method::GET, &offered.url, &[("range", "bytes=0-99999")]).await;
        part.bytes().await.expect("a body");
        progress_becomes(&api, &offered.job, |told| told["received"] == 100_000).await;
        server.clock.advance(late);
        tests::wait_until(async || status().await == 200).await;
        server.clock.advance(time - late - second);
        assert_eq!(status().await, 200);
        server.clock.advance(second);
        assert_eq!(status().await, 404);
        tests::desk::job_becomes(&api, &offered.job, "timeout").await;
    }

    a_connection_serves_several_requests => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "one.bin", "1").await;
        let offered = offered(server, &api, [127, 40, 1, 3], &file).await;
        let client = offered.client();
        for _ in 0..3 {
            let all = ask(&client, Method::GET, &offered.url, &[]).await;
            assert_eq!(header(&all, "connection"), "");
            assert_eq!(all.text().await.expect("a body"), "1");
        }
    }

    other_methods_and_paths_stay_as_they_were => |server| {
        let server: &TestServer = server;
        let base = format!("https://{}", server.phone_port());
        let client = tests::fetching::client([127, 40, 1, 4].into());
        for path in ["/", "/DeploymentService/LoginService", "/files/x", "/file"] {
            for method in [Method::GET, Method::HEAD] {
                let answer = ask(&client, method, &format!("{base}{path}"), &[]).await;
                assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, "POST"), "{path}");
            }
        }
        let put = ask(&client, Method::PUT, &format!("{base}/file/x/y"), &[]).await;
        assert_eq!(put.status(), 405);
        // WPI is spoken on any path, on this one as well.
        let mut phone = raw_phone(server.phone_port(), [127, 40, 1, 5]);
        let about = tests::items(&[("mac-addr", "00:1A:E8:40:01:05"), ("device-type", "OpenStage 40")]);
        phone.send(&tests::message("1", wire::Reason::StartUp, about)).await;
        let nonsense = client.post(format!("{base}/file/x/y")).body("no XML").send().await.expect("an answer");
        assert_eq!((nonsense.status().as_u16(), nonsense.text().await.expect("a body").as_str()), (400, ""));
    }
}
