//! One phone whose connections go to two nodes, as behind a load balancer: what is shown of its download adds up, and never
//! goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Role;
use futures_util::StreamExt as _;
use serde_json::Value;
use tests::fetching::{Offered, offered, upload};
use tests::{ApiClient, TestServer, desk, on_both_databases};
use tokio::task::JoinHandle;

use crate::{progress_becomes, text};

/// More than all buffers on the way hold.
const SIZE: usize = 12_000_000;

/// Longest time from the last byte until it is shown: both nodes wait 20 s for what the other one writes down, for each gap
/// anew.
const PATIENCE: Duration = Duration::from_mins(2);

/// The address of a download at another node.
fn at(node: &TestServer, offered: &Offered) -> String {
    let path = offered.url.splitn(4, '/').nth(3).expect("a path");
    format!("https://{}/{path}", node.phone_port())
}

/// Fetches from where the phone is until it has so much, and goes away.
async fn go_on(offered: &Offered, url: &str, got: &mut Vec<u8>, until: usize) {
    let asked = offered.client().get(url).header("range", format!("bytes={}-", got.len()));
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), 206);
    let mut pieces = answer.bytes_stream();
    while got.len() < until {
        let Some(Ok(piece)) = pieces.next().await else { return };
        got.extend_from_slice(&piece);
    }
}

/// Looks at the progress all the time; gives how far it was each time.
struct Watch {
    api: ApiClient,
    job: Value,
    over: Arc<AtomicBool>,
    looking: JoinHandle<Vec<u64>>,
}

impl Watch {
    fn start(api: &ApiClient, job: &Value) -> Self {
        let (api, job, over) = (api.clone(), job.clone(), Arc::new(AtomicBool::new(false)));
        let looks = (api.clone(), job.clone(), Arc::clone(&over));
        let looking = tokio::spawn(async move {
            let (api, job, over) = looks;
            let mut seen = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let told = desk::target(&api, &job).await["deployment"].clone();
                seen.push(told["received"].as_u64().expect("a number"));
            }
            seen
        });
        Self { api, job, over, looking }
    }

    /// Makes sure that it comes to the end over steps in between, and never goes back.
    async fn only_grew(self) {
        let whole = tokio::time::timeout(PATIENCE, async {
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            loop {
                ticks.tick().await;
                let told = desk::target(&self.api, &self.job).await["deployment"].clone();
                if told["phase"] == "downloaded" && told["received"] == SIZE {
                    return;
                }
            }
        });
        let whole = whole.await;
        self.over.store(true, Ordering::SeqCst);
        let mut seen = self.looking.await.expect("no panic");
        assert!(seen.is_sorted(), "{seen:?}");
        seen.dedup();
        assert!(whole.is_ok(), "it does not come to the end: {seen:?}");
        assert!(seen.len() > 1, "{seen:?}");
    }
}

on_both_databases! {
    a_phone_that_goes_to_and_fro_is_shown_as_going_on => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(SIZE);
        let file = upload(&api, "own.bin", &content).await;
        let other = server.second_node().await;
        let offered = offered(server, &api, [127, 47, 1, 1], &file).await;
        let watch = Watch::start(&api, &offered.job);
        let (here, there) = (offered.url.clone(), at(&other, &offered));
        let mut got = Vec::new();
        for (number, url) in [&here, &there, &here, &there, &there, &here].into_iter().enumerate() {
            go_on(&offered, url, &mut got, SIZE / 6 * (number + 1)).await;
        }
        assert!(got == content.as_bytes());
        watch.only_grew().await;
        other.stop().await;
    }

    two_halves_from_two_nodes_at_the_same_time_are_one_file => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(SIZE);
        let file = upload(&api, "own.bin", &content).await;
        let other = server.second_node().await;
        let offered = offered(server, &api, [127, 47, 2, 1], &file).await;
        let watch = Watch::start(&api, &offered.job);
        // The first half has begun when the second one is complete.
        let client = offered.client();
        let half = SIZE / 2;
        let first = client.get(&offered.url).header("range", format!("bytes=0-{}", half - 1));
        let mut first = first.send().await.expect("an answer").bytes_stream();
        let mut got = first.next().await.expect("a piece").expect("bytes").to_vec();
        let second = client.get(at(&other, &offered)).header("range", format!("bytes={half}-"));
        let second = second.send().await.expect("an answer").bytes().await.expect("a body");
        progress_becomes(&api, &offered.job, |told| told["phase"] == "downloading").await;
        while let Some(piece) = first.next().await {
            got.extend_from_slice(&piece.expect("bytes"));
        }
        got.extend_from_slice(&second);
        assert!(got == content.as_bytes());
        watch.only_grew().await;
        other.stop().await;
    }

    a_node_that_stops_leaves_the_rest_to_the_other => |server| {
        let api = server.api(&[Role::Operator]).await;
        let content = text(SIZE);
        let file = upload(&api, "own.bin", &content).await;
        let other = server.second_node().await;
        let offered = offered(server, &api, [127, 47, 3, 1], &file).await;
        let watch = Watch::start(&api, &offered.job);
        let asked = offered.client().get(at(&other, &offered));
        let mut pieces = asked.send().await.expect("an answer").bytes_stream();
        let mut got = pieces.next().await.expect("a piece").expect("bytes").to_vec();
        other.stop().await;
        // What was on its way still comes.
        while let Some(Ok(piece)) = pieces.next().await {
            got.extend_from_slice(&piece);
        }
        assert!(got.len() < SIZE, "it was cut off");
        go_on(&offered, &offered.url, &mut got, SIZE).await;
        assert!(got == content.as_bytes());
        watch.only_grew().await;
    }
}
