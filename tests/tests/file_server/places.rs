//! How many files are fetched from providers at the same time.

use domain::Role;
use tests::{on_both_databases, wait_until};

use crate::provider::{Act, Fake};
use crate::text;

const SIZE: usize = 900_000;

/// Files of the provider that does not answer: more than are fetched at the same time of all providers together.
const MANY: usize = 10;

on_both_databases! {
    one_provider_has_half_of_the_places_and_another_one_the_rest => |server| {
        let busy = Fake::with_files(text(SIZE), MANY).await;
        let (provider, _) = busy.register(server).await;
        let quick = Fake::start(text(SIZE)).await;
        let (_, file) = quick.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        busy.act(Act::Hold(1));
        let list = api.get(&format!("/api/v1/files?provider={provider}")).await.expect(200);
        let files = list["items"].as_array().expect("files");
        assert_eq!(files.len(), MANY);
        let downloads: Vec<_> = files
            .iter()
            .map(|file| {
                let (api, path) = (api.clone(), format!("/api/v1/files/{}/content", file["id"]));
                tokio::spawn(async move { api.get(&path).await })
            })
            .collect();
        wait_until(async || busy.running() == 4).await;
        // The other provider is asked at once, whatever waits for this one.
        let shown = api.get(&format!("/api/v1/files/{}/content", file["id"])).await;
        assert!(shown.status == 200 && shown.text == text(SIZE));
        assert_eq!((busy.running(), busy.most_running()), (4, 4));
        // Whoever waited for a place has its turn.
        busy.act(Act::Good);
        wait_until(async || {
            busy.go_on();
            downloads.iter().all(tokio::task::JoinHandle::is_finished)
        })
        .await;
        for download in downloads {
            let shown = download.await.expect("an answer");
            assert!(shown.status == 200 && shown.text == text(SIZE));
        }
        assert_eq!((busy.most_running(), busy.fetches()), (4, 10));
    }
}
