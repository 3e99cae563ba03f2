//! Files of other providers: fetched once, read while they grow, kept, and never complete when they are wrong.

use domain::Role;
use futures_util::StreamExt as _;
use serde_json::json;
use tests::fetching::{Offered, Told, offered};
use tests::storage_servers::S3Server;
use tests::{on_both_databases, wait_until};

use crate::provider::{Act, Fake};
use crate::text;

const SIZE: usize = 900_000;

async fn fetch(offered: &Offered) -> Result<String, String> {
    let answer = offered.client().get(&offered.url).send().await.map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(answer.status().as_u16().to_string());
    }
    answer.text().await.map_err(|error| error.to_string())
}

on_both_databases! {
    a_file_is_fetched_once_and_its_hash_is_learnt => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, file) = fake.register(server).await;
        assert_eq!(file["sha256"], json!(null));
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 42, 1, 1], &file).await;
        let clients = (0..20).map(|_| fetch(&offered));
        for content in futures_util::future::join_all(clients).await {
            assert!(content.expect("the content") == text(SIZE));
        }
        assert_eq!(fake.fetches(), 1);
        let path = format!("/api/v1/files/{}", file["id"]);
        wait_until(async || api.get(&path).await.expect(200)["sha256"].is_string()).await;
        // The copy outlives the process.
        server.restart().await;
        let port = server.phone_port();
        let path = offered.url.splitn(4, '/').nth(3).expect("a path").to_owned();
        let answer = offered.client().get(format!("https://{port}/{path}")).send().await.expect("an answer");
        assert!(answer.text().await.expect("a body") == text(SIZE));
        assert_eq!(fake.fetches(), 1);
    }

    leftovers_that_cannot_be_removed_keep_no_node_from_starting => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, file) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 42, 8, 1], &file).await;
        assert!(fetch(&offered).await.expect("the content") == text(SIZE));
        let cache = server.config().data_dir.join("copies");
        // One that another node is fetching, and things that nobody can remove as a file.
        let locked = std::fs::File::create(cache.join("a-other.1.part")).expect("a file");
        locked.lock().expect("locked");
        tokio::fs::create_dir_all(cache.join("b-other.1.part/inside")).await.expect("a directory");
        let socket = std::os::unix::net::UnixListener::bind(cache.join("c-other.1.part")).expect("a socket");
        tokio::fs::write(cache.join("d-other.1.part"), b"half").await.expect("a file");
        server.restart().await;
        for (name, stays) in [("a", true), ("b", true), ("c", true), ("d", false)] {
            assert_eq!(cache.join(format!("{name}-other.1.part")).exists(), stays, "{name}");
        }
        drop((locked, socket));
        let path = offered.url.splitn(4, '/').nth(3).expect("a path").to_owned();
        let url = format!("https://{}/{path}", server.phone_port());
        let answer = offered.client().get(url).send().await.expect("an answer");
        assert!(answer.text().await.expect("a body") == text(SIZE));
        assert_eq!(fake.fetches(), 1, "the copy was found");
    }

    phones_read_what_is_there_while_the_rest_comes => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, file) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 42, 2, 1], &file).await;
        fake.act(Act::Hold(500_000));
        let answer = offered.client().get(&offered.url).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-length"], SIZE.to_string().as_str());
        let mut pieces = answer.bytes_stream();
        let mut got = Vec::new();
        while got.len() < 400_000 {
            got.extend_from_slice(&pieces.next().await.expect("a piece").expect("bytes"));
        }
        fake.go_on();
        while let Some(piece) = pieces.next().await {
            got.extend_from_slice(&piece.expect("bytes"));
        }
        assert!(got == text(SIZE).into_bytes());
    }

    a_provider_that_breaks_off_is_asked_for_the_rest => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, file) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 42, 3, 1], &file).await;
        fake.first(Act::Cut(300_000));
        assert!(fetch(&offered).await.expect("the content") == text(SIZE));
        assert_eq!(fake.fetches(), 2);
    }

    other_content_never_arrives_complete => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (_, file) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 42, 4, 1], &file).await;
        assert!(fetch(&offered).await.is_ok());
        let path = format!("/api/v1/files/{}", file["id"]);
        wait_until(async || api.get(&path).await.expect(200)["sha256"].is_string()).await;
        // The copy is lost, and the provider has something else under the same tag.
        let cache = server.config().data_dir.join("copies");
        server.stop_in_place().await;
        let mut copies = tokio::fs::read_dir(&cache).await.expect("the directory");
        while let Some(copy) = copies.next_entry().await.expect("an entry") {
            tokio::fs::remove_file(copy.path()).await.expect("removed");
        }
        server.restart().await;
        fake.act(Act::Other);
        let api = server.api(&[Role::Operator]).await;
        let offered = tests::fetching::offered(server, &api, [127, 42, 4, 2], &file).await;
        let broken = fetch(&offered).await;
        assert!(broken.is_err(), "a complete body of {} bytes", broken.unwrap_or_default().len());
        let mut left = tokio::fs::read_dir(&cache).await.expect("the directory");
        assert!(left.next_entry().await.expect("an entry").is_none(), "nothing is kept of it");
    }

    a_provider_that_refuses_is_a_failure_before_the_first_byte => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (provider, file) = fake.register(server).await;
        let api = server.api(&[Role::Operator]).await;
        let offered = offered(server, &api, [127, 42, 5, 1], &file).await;
        fake.act(Act::Refuse);
        let answer = offered.client().get(&offered.url).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"10"[..]));
        assert_eq!(answer.text().await.expect("a body"), "");
        let path = format!("/api/v1/storage-providers/{provider}");
        wait_until(async || api.get(&path).await.expect(200)["health"] == "bad").await;
        let path = format!("/api/v1/files/{}", file["id"]);
        assert_eq!(api.get(&path).await.expect(200)["state"], "ready", "it may be given again at any time");
    }

    who_asks_by_hand_need_not_wait_until_a_provider_was_left_alone => |server| {
        let fake = Fake::start(text(SIZE)).await;
        let (provider, file) = fake.register(server).await;
        let api = server.api(&[Role::Admin]).await;
        let mut offered = offered(server, &api, [127, 42, 7, 1], &file).await;
        let provider = format!("/api/v1/storage-providers/{provider}");
        let content = format!("/api/v1/files/{}/content", file["id"]);
        // A download in the console asks again; so may phones once somebody has looked after the provider.
        fake.act(Act::Refuse);
        assert_eq!(fetch(&offered).await, Err("503".to_owned()));
        api.get(&content).await.expect_problem(502, "provider_failed");
        assert_eq!(fake.fetches(), 2);
        api.post(&format!("{provider}/check"), &json!({})).await.expect(200);
        assert_eq!(fetch(&offered).await, Err("503".to_owned()));
        assert_eq!(fake.fetches(), 3);
        api.post(&format!("{provider}/scan"), &json!({})).await.expect(202);
        assert_eq!(fetch(&offered).await, Err("503".to_owned()));
        assert_eq!(fake.fetches(), 4);
        // That was no failure of the phone's: it is sent again as soon as somebody finds the provider well.
        fake.act(Act::Good);
        offered.report(crate::provider::NAME, "failed").await;
        let targets = format!("/api/v1/jobs/{}/targets", offered.job);
        let waits = api.get(&targets).await.expect(200)["items"][0].clone();
        assert_eq!((&waits["state"], &waits["reason"]), (&json!("waiting"), &json!("not-served")));
        assert!(offered.come().await.is_none(), "not at once");
        api.post(&format!("{provider}/check"), &json!({})).await.expect(200);
        offered.url = offered.come().await.expect("an address");
        assert!(fetch(&offered).await.expect("the content") == text(SIZE));
        assert_eq!(fake.fetches(), 5);
    }

    a_file_of_an_s3_bucket_is_served => |server| {
        let s3 = S3Server::start().await;
        let content = text(SIZE);
        tokio::fs::write(s3.objects().join("image.bin"), &content).await.expect("an object");
        server.change_setting("server-settings.storage.allowed-networks", "127.0.0.0/8").await;
        server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
        let api = server.api(&[Role::Admin]).await;
        let site = s3.site();
        let new = json!({
            "name": "Bucket", "kind": "s3", "url": site.url, "username": site.username,
            "secret": site.secret.expect("a secret").expose(), "bucket": site.bucket, "region": site.region,
            "path_style": true, "scan": true,
        });
        let provider = api.post("/api/v1/storage-providers", &new).await.expect(201)["id"].clone();
        let path = format!("/api/v1/storage-providers/{provider}");
        wait_until(async || api.get(&path).await.expect(200)["scan"]["state"] == "done").await;
        let files = api.get(&format!("/api/v1/files?provider={provider}")).await.expect(200);
        let path = format!("/api/v1/files/{}", files["items"][0]["id"]);
        let etag = api.get(&path).await.header("etag").to_owned();
        let file = api.clone().if_match(&etag).patch(&path, &json!({ "file_type": "dongle" })).await.expect(200);
        let offered = offered(server, &api, [127, 42, 6, 1], &file).await;
        assert!(fetch(&offered).await.expect("the content") == content);
        // The console shows the same, from the same copy.
        let shown = api.get(&format!("/api/v1/files/{}/content", file["id"])).await;
        assert!(shown.text == content);

        // The provider serves phones itself, but no old ones: its addresses have `&` in them.
        let etag = api.get(&format!("/api/v1/storage-providers/{provider}")).await.header("etag").to_owned();
        let change = json!({ "serving": "provider" });
        let path = format!("/api/v1/storage-providers/{provider}");
        api.clone().if_match(&etag).patch(&path, &change).await.expect(200);
        let new = Told::start_up_as(server.phone_port(), [127, 42, 6, 2], "OpenScape Desk Phone CP700").await;
        let direct = tests::fetching::offered_to(&api, new, &file).await;
        assert!(direct.url.starts_with(&site.url), "{}", direct.url);
        let answer = tests::storage_servers::client().get(&direct.url).send().await.expect("an answer");
        assert!(answer.text().await.expect("a body") == content);
    }
}
