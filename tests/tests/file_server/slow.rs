//! Phones that read slowly, and the bandwidth they share.

use std::time::Duration;

use domain::Role;
use futures_util::StreamExt as _;
use tests::fetching::{offered, upload};
use tests::on_both_databases;
use tokio::time::Instant;

use crate::{progress_becomes, text};

const LIMIT: &str = "server-settings.other.integrated-file-server-bandwidth-limit";

on_both_databases! {
    a_phone_that_reads_nothing_holds_nobody_up => |server| {
        let api = server.api(&[Role::Operator]).await;
        // More than all buffers on the way hold.
        let content = text(12_000_000);
        let file = upload(&api, "a.bin", &content).await;
        let slow = offered(server, &api, [127, 43, 1, 1], &file).await;
        let answer = slow.client().get(&slow.url).send().await.expect("an answer");
        let mut pieces = answer.bytes_stream();
        let mut got = pieces.next().await.expect("a piece").expect("bytes").to_vec();
        let quick = offered(server, &api, [127, 43, 1, 2], &file).await;
        let whole = quick.client().get(&quick.url).send().await.expect("an answer");
        assert!(whole.bytes().await.expect("a body") == content.as_bytes());
        progress_becomes(&api, &quick.job, |told| told["phase"] == "downloaded").await;
        let told = progress_becomes(&api, &slow.job, |told| told["phase"] == "downloading").await;
        assert!(told["received"].as_u64() < Some(12_000_000), "{told}");
        while let Some(piece) = pieces.next().await {
            got.extend_from_slice(&piece.expect("bytes"));
        }
        assert!(got == content.as_bytes());
        progress_becomes(&api, &slow.job, |told| told["received"] == 12_000_000).await;
    }

    a_phone_that_goes_away_goes_on_later => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(12_000_000);
        let file = upload(&api, "a.bin", &content).await;
        let phone = offered(server, &api, [127, 43, 2, 1], &file).await;
        let answer = phone.client().get(&phone.url).send().await.expect("an answer");
        let mut pieces = answer.bytes_stream();
        let mut got = Vec::new();
        while got.len() < 1_000_000 {
            got.extend_from_slice(&pieces.next().await.expect("a piece").expect("bytes"));
        }
        drop(pieces);
        let is_part = |told: &serde_json::Value| {
            told["received"].as_u64().is_some_and(|bytes| (1_000_000..12_000_000).contains(&bytes))
        };
        progress_becomes(&api, &phone.job, is_part).await;
        tests::wait_until(async || server.app().file_server.active() == 0).await;
        let range = format!("bytes={}-", got.len());
        let rest = phone.client().get(&phone.url).header("range", range).send().await.expect("an answer");
        assert_eq!(rest.status(), 206);
        got.extend_from_slice(&rest.bytes().await.expect("a body"));
        assert!(got == content.as_bytes());
        progress_becomes(&api, &phone.job, |told| told["received"] == 12_000_000).await;
    }

    phones_share_the_limit_and_a_change_counts_at_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(600_000);
        let file = upload(&api, "a.bin", &content).await;
        let one = offered(server, &api, [127, 43, 3, 1], &file).await;
        let two = offered(server, &api, [127, 43, 3, 2], &file).await;
        server.change_setting(LIMIT, 1_000).await;
        let begin = Instant::now();
        let fetch = async |url: &str, client: reqwest::Client| {
            let answer = client.get(url).send().await.expect("an answer");
            assert!(answer.bytes().await.expect("a body") == content.as_bytes());
            begin.elapsed()
        };
        let (first, second) = tokio::join!(fetch(&one.url, one.client()), fetch(&two.url, two.client()));
        let (shorter, longer) = (first.min(second), first.max(second));
        assert!(longer >= Duration::from_millis(1_100), "1.2 MB at 1 MB/s: {longer:?}");
        assert!(longer < Duration::from_secs(20), "{longer:?}");
        assert!(shorter.as_secs_f64() > longer.as_secs_f64() * 0.8, "equal shares: {shorter:?} and {longer:?}");

        server.change_setting(LIMIT, 1).await;
        let answer = one.client().get(&one.url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        // Ten minutes at this rate.
        server.change_setting(LIMIT, 0).await;
        let body = tokio::time::timeout(Duration::from_secs(30), answer.bytes()).await;
        assert!(body.expect("at once").expect("a body") == content.as_bytes());
    }
}
