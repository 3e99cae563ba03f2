//! Uploads take no more than there is room for: all of them together, and what is free on the disk.

use std::path::Path;

use domain::Role;
use jiff::SignedDuration;
use serde_json::json;
use tests::storage_servers::{BUCKET, PASSWORD, REGION, S3Server, USER};
use tests::{on_both_databases, wait_until};

use super::{FILES, UPLOADS, begin, content, finish, objects, path_of, piece, sound, staged};

/// Free bytes of the disk with a directory.
fn free(directory: &Path) -> u64 {
    let mut df = std::process::Command::new("df");
    let done = df.args(["--output=avail", "--block-size=1"]).arg(directory).output().expect("df runs");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.split_whitespace().last().and_then(|bytes| bytes.parse().ok()).expect("a number")
}

on_both_databases! {
    all_uploads_together_are_bounded => |server| {
        server.change_setting("server-settings.files.open-uploads", 2).await;
        let (first, second) = (server.api(&[Role::Operator]).await, server.api(&[Role::Operator]).await);
        let megabyte = 1_000_000;
        let open = begin(&first, "a.bin", megabyte).await;
        begin(&first, "b.bin", megabyte - 1_000).await;
        // Also somebody else's count.
        let body = json!({"name": "c.bin", "size": 2_000});
        second.post(UPLOADS, &body).await.expect_problem(507, "storage_full");
        second.upload("c.bin", &vec![1; 2_000], &[]).await.expect_problem(507, "storage_full");
        assert!(staged(server).is_empty() && objects(server).is_empty());
        first.delete(&open).await.expect(204);
        second.post(UPLOADS, &body).await.expect(201);
        second.upload("c.bin", &vec![1; 2_000], &[]).await.expect(201);
        // What was sent whole counts no longer.
        second.upload("d.bin", &vec![2; megabyte - 10_000], &[]).await.expect(201);
    }

    what_has_expired_counts_no_longer_and_goes_when_another_one_begins => |server| {
        server.change_setting("server-settings.files.open-uploads", 2).await;
        let api = server.api(&[Role::Operator]).await;
        let megabyte = 1_000_000;
        let old = begin(&api, "a.bin", 2 * megabyte).await;
        piece(&api, &old, 0, &[1; 1_000]).await.expect(200);
        let body = json!({"name": "b.bin", "size": megabyte});
        api.post(UPLOADS, &body).await.expect_problem(507, "storage_full");
        server.clock.advance(SignedDuration::from_hours(25));
        let api = server.api(&[Role::Operator]).await;
        // Nothing has cleared up yet.
        assert_eq!(staged(server).len(), 1);
        api.upload("c.bin", &vec![1; megabyte], &[]).await.expect(201);
        api.post(UPLOADS, &body).await.expect(201);
        assert!(staged(server).is_empty());
        api.get(&old).await.expect_problem(404, "not_found");
    }

    files_sent_whole_leave_the_reserve_together => |server| {
        let data = server.config().data_dir.clone();
        let free = free(&data);
        // What others write to the same disk meanwhile makes no difference to so much.
        let left = (free / 2).min(9_000_000_000);
        server.change_setting("server-settings.files.open-uploads", 16_777_216).await;
        server.change_setting("server-settings.files.largest", 4_096).await;
        server.change_setting("server-settings.files.reserve", (free - left) / 1_000_000).await;
        let api = server.api(&[Role::Operator]).await;
        let size = left / 5 * 2;
        let mut under_way = Vec::new();
        let refused = loop {
            assert!(under_way.len() < 8, "more is taken than there is room for");
            let client = api.clone();
            let sending = tokio::spawn(async move { client.begin_upload("a.bin", size).await });
            let before = under_way.len();
            wait_until(async || sending.is_finished() || staged(server).len() > before).await;
            if sending.is_finished() {
                break sending.await.expect("an answer");
            }
            under_way.push(sending);
        };
        refused.expect_problem(507, "storage_full");
        assert!(!under_way.is_empty(), "there is room for one");
        api.post(UPLOADS, &json!({"name": "b.bin", "size": size})).await.expect_problem(507, "storage_full");
        for sending in under_way {
            sending.abort();
        }
        wait_until(async || staged(server).is_empty()).await;
        api.post(UPLOADS, &json!({"name": "b.bin", "size": size})).await.expect(201);
    }

    copies_of_other_providers_leave_the_reserve => |server| {
        server.change_setting("server-settings.storage.allowed-networks", "127.0.0.0/8").await;
        server.change_setting("server-settings.security.storage-provider-connection-validation", false).await;
        let cellar = S3Server::start().await;
        let api = server.api(&[Role::Admin]).await;
        let body = json!({"name": "Cellar", "kind": "s3", "url": cellar.url, "username": USER, "secret": PASSWORD,
            "bucket": BUCKET, "region": REGION, "path_style": true});
        let provider = api.post("/api/v1/storage-providers", &body).await.expect(201)["id"].to_string();
        let bytes = sound(9, 3_000);
        let file = api.upload("a.wav", &bytes, &[("provider", &provider)]).await.expect(201);
        server.change_setting("server-settings.files.reserve", 16_777_216).await;
        api.get(&format!("{}/content", path_of(&file))).await.expect_problem(507, "storage_full");
        let copies = server.config().data_dir.join("copies");
        assert!(copies.read_dir().expect("the directory").next().is_none());
        assert_eq!(api.get(&path_of(&file)).await.expect(200)["state"], "ready");
        server.change_setting("server-settings.files.reserve", 0).await;
        assert_eq!(content(&api, &file).await, bytes);
    }

    some_of_the_disk_stays_free => |server| {
        let api = server.api(&[Role::Operator]).await;
        let bytes = sound(1, 100);
        let open = begin(&api, "a.wav", bytes.len()).await;
        server.change_setting("server-settings.files.reserve", 16_777_216).await;
        api.post(UPLOADS, &json!({"name": "b.wav", "size": 10})).await.expect_problem(507, "storage_full");
        api.upload("b.wav", &bytes, &[]).await.expect_problem(507, "storage_full");
        piece(&api, &open, 0, &bytes).await.expect_problem(507, "storage_full");
        assert_eq!(api.get(&open).await.expect(200)["received"], 0);
        assert_eq!(api.get(FILES).await.expect(200)["total"], 0);
        server.change_setting("server-settings.files.reserve", 0).await;
        piece(&api, &open, 0, &bytes).await.expect(200);
        finish(&api, &open).await.expect(201);
    }
}
