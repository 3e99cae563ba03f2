//! Who may use an address, and how long. Everything else is 404 with nothing in it.

use domain::Role;
use domain::deployment::FILE_MINUTES;
use jiff::SignedDuration;
use tests::fetching::{client, offered, upload};
use tests::{TestServer, on_both_databases};

/// Asks, must get 404 and nothing else, and must be counted under this word.
async fn refused(server: &TestServer, client: &reqwest::Client, url: &str, code: &str) {
    let count = || server.app().phones.refused().get(code).copied().unwrap_or(0);
    let before = count();
    let answer = client.get(url).send().await.expect("an answer");
    let fields = answer.headers().clone();
    assert_eq!(
        (answer.status().as_u16(), fields.get("content-length").map(reqwest::header::HeaderValue::as_bytes)),
        (404, Some(&b"0"[..]))
    );
    assert!(!fields.contains_key("etag") && !fields.contains_key("content-type"), "{fields:?}");
    assert_eq!(answer.text().await.expect("a body"), "");
    assert_eq!(count(), before + 1, "{code}: {:?}", server.app().phones.refused());
}

on_both_databases! {
    an_address_is_for_one_phone => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let offered = offered(server, &api, [127, 41, 1, 1], &file).await;
        let stranger = client([127, 41, 1, 2].into());
        refused(server, &stranger, &offered.url, "file_other_peer").await;
        assert_eq!(offered.client().get(&offered.url).send().await.expect("an answer").status(), 200);
        server.change_setting("server-settings.files.bound-to-address", false).await;
        assert_eq!(stranger.get(&offered.url).send().await.expect("an answer").status(), 200);
    }

    an_address_ends_with_its_time => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let offered = offered(server, &api, [127, 41, 2, 1], &file).await;
        let client = offered.client();
        // Asked without being given bytes: whoever is given some is waited for longer.
        let status = async || client.head(&offered.url).send().await.expect("an answer").status().as_u16();
        assert_eq!(status().await, 200);
        let time = SignedDuration::from_mins(FILE_MINUTES);
        server.clock.advance(time - SignedDuration::from_secs(1));
        assert_eq!(status().await, 200);
        server.clock.advance(SignedDuration::from_secs(1));
        // The target's time is over as well, but the address is no longer good whether somebody has noticed that or not.
        refused(server, &client, &offered.url, "file_expired").await;
        tests::desk::job_becomes(&api, &offered.job, "timeout").await;
        refused(server, &client, &offered.url, "file_expired").await;
    }

    an_address_ends_with_its_target => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let mut offered = offered(server, &api, [127, 41, 3, 1], &file).await;
        offered.report("a.bin", "failed").await;
        tests::desk::job_becomes(&api, &offered.job, "failed").await;
        refused(server, &offered.client(), &offered.url, "file_target_over").await;
    }

    what_was_not_made_here_is_unknown => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let offered = offered(server, &api, [127, 41, 4, 1], &file).await;
        let client = offered.client();
        let (start, name) = offered.url.rsplit_once('/').expect("a name");
        let (start, token) = start.rsplit_once('/').expect("a token");
        let other: String = token.chars().map(|c| if c == 'a' { 'b' } else { 'a' }).collect();
        for path in [
            format!("{other}/{name}"),
            format!("{}/{name}", token.to_uppercase()),
            format!("{token}/{name}/{name}"),
            format!("{token}/x%2f{name}"),
            format!("{token}/{name}%00"),
            format!("{token}x/{name}"),
            token.to_owned(),
            format!("{token}/"),
            format!("{token}/{}", "a".repeat(5_000)),
        ] {
            refused(server, &client, &format!("{start}/{path}"), "file_unknown").await;
        }
        refused(server, &client, &format!("{start}/{token}/b.bin"), "file_other_name").await;
        assert_eq!(client.get(&offered.url).send().await.expect("an answer").status(), 200);
    }

    nothing_is_served_while_it_is_switched_off => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let offered = offered(server, &api, [127, 41, 5, 1], &file).await;
        server.change_setting("server-settings.other.integrated-file-server-enabled", false).await;
        refused(server, &offered.client(), &offered.url, "file_server_off").await;
        server.change_setting("server-settings.other.integrated-file-server-enabled", true).await;
        assert_eq!(offered.client().get(&offered.url).send().await.expect("an answer").status(), 200);
    }

    the_address_is_told_to_nobody_but_the_phone => |server| {
        let api = server.api(&[Role::Admin]).await;
        let file = upload(&api, "a.bin", "content").await;
        let offered = offered(server, &api, [127, 41, 6, 1], &file).await;
        let token = offered.url.rsplit('/').nth(1).expect("a token").to_owned();
        assert_eq!(token.len(), 32);
        for path in [
            format!("/api/v1/jobs/{}", offered.job),
            format!("/api/v1/jobs/{}/targets", offered.job),
            "/api/v1/audit?size=100".to_owned(),
            format!("/api/v1/files/{}", file["id"]),
        ] {
            assert!(!api.get(&path).await.text.contains(&token), "{path}");
        }
        let data = server.raw_data().await;
        assert!(!data.windows(token.len()).any(|bytes| bytes == token.as_bytes()), "only its hash is stored");
    }

    the_address_names_the_host_that_phones_use => |server| {
        server.change_setting("server-settings.phones.phone-url", "https://127.0.0.1:4711").await;
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "a.bin", "content").await;
        let offered = offered(server, &api, [127, 41, 7, 1], &file).await;
        assert!(offered.url.starts_with("https://127.0.0.1:4711/file/"), "{}", offered.url);
    }
}
