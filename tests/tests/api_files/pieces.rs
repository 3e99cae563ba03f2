//! Files that are sent in pieces.

use api::file::LARGEST_PIECE;
use domain::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use tests::{TestServer, on_both_databases, wait_until};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use workpoint::app::tasks::kinds::Kind;
use workpoint::app::tasks::{enqueue, work_off};

use super::{BYTES, FILES, UPLOADS, audited, begin, content, finish, objects, piece, sha256, sound, staged};

/// Begins a piece over a connection of its own, and sends only some of it.
async fn half_a_piece(
    server: &TestServer,
    token: &str,
    upload: &str,
    (offset, length): (usize, usize),
    bytes: &[u8],
) -> impl AsyncWrite + Unpin + use<> {
    let mut stream = tests::tls_stream(server.api_port()).await;
    let head = format!(
        "PATCH {upload}?offset={offset} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {BYTES}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(bytes).await.expect("sent");
    stream.flush().await.expect("sent");
    stream
}

on_both_databases! {
    pieces_become_a_file => |server| {
        let api = server.api(&[Role::Operator]).await;
        let bytes = sound(1, 500_000);
        let begun = api.post(UPLOADS, &json!({"name": "a.wav", "size": bytes.len(), "sha256": sha256(&bytes)})).await;
        let upload = begun.header("location").to_owned();
        let begun = begun.expect(201);
        assert_eq!((&begun["received"], &begun["size"], &begun["file"]), (&json!(0), &json!(bytes.len()), &json!(null)));
        finish(&api, &upload).await.expect_problem(409, "upload_incomplete");
        let mut at = 0;
        for part in bytes.chunks(180_000) {
            let view = piece(&api, &upload, at, part).await.expect(200);
            at += part.len();
            assert_eq!(view["received"], at);
            assert_eq!(api.get(&upload).await.expect(200)["received"], at);
        }
        let answer = finish(&api, &upload).await;
        let location = answer.header("location").to_owned();
        let file = answer.expect(201);
        assert_eq!(location, format!("{FILES}/{}", file["id"]));
        assert_eq!((&file["name"], &file["file_type"], &file["sha256"]), (&json!("a.wav"), &json!("ringtone"), &json!(sha256(&bytes))));
        assert_eq!(content(&api, &file).await, bytes);
        assert!(staged(server).is_empty());
        // Again: the same file, and no piece any more.
        let again = finish(&api, &upload).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201)["id"], file["id"]);
        assert_eq!(api.get(&upload).await.expect(200)["file"], file["id"]);
        piece(&api, &upload, bytes.len(), b"x").await.expect_problem(409, "wrong_offset");
        assert_eq!(audited(server, &file).await, ["file.create"]);
        // Forgetting the upload leaves the file.
        api.delete(&upload).await.expect(204);
        api.get(&upload).await.expect_problem(404, "not_found");
        api.delete(&upload).await.expect_problem(404, "not_found");
        finish(&api, &upload).await.expect_problem(404, "not_found");
        assert_eq!(content(&api, &file).await, bytes);
    }

    unfinished_uploads_are_found_again_by_their_own_account => |server| {
        let api = server.api(&[Role::Operator]).await;
        assert_eq!(api.get(UPLOADS).await.expect(200)["items"], json!([]));
        let bytes = sound(7, 1_000);
        let done = begin(&api, "done.wav", bytes.len()).await;
        piece(&api, &done, 0, &bytes).await.expect(200);
        let first = begin(&api, "a.bin", 10).await;
        piece(&api, &first, 0, b"0123").await.expect(200);
        let second = begin(&api, "b.bin", 20).await;
        let shown = |list: &serde_json::Value| -> Vec<(String, u64, u64)> {
            let items = list["items"].as_array().expect("uploads").iter();
            let number = |value: &serde_json::Value| value.as_u64().expect("a number");
            items.map(|one| {
                (one["name"].as_str().expect("a name").to_owned(), number(&one["received"]), number(&one["size"]))
            }).collect()
        };
        let wanted = |name: &str, received, size| (name.to_owned(), received, size);
        let size = u64::try_from(bytes.len()).expect("a size");
        let all = [wanted("b.bin", 0, 20), wanted("a.bin", 4, 10), wanted("done.wav", size, size)];
        assert_eq!(shown(&api.get(UPLOADS).await.expect(200)), all);
        // What became a file or was given up is not there any more; the others go on by their names in the list.
        finish(&api, &done).await.expect(201);
        api.delete(&second).await.expect(204);
        let list = api.get(UPLOADS).await.expect(200);
        assert_eq!((shown(&list), &list["total"]), (vec![wanted("a.bin", 4, 10)], &json!(1)));
        let found = format!("{UPLOADS}/{}", list["items"][0]["token"].as_str().expect("a token"));
        assert_eq!(found, first);
        piece(&api, &found, 4, b"456789").await.expect(200);
        // Nobody else sees them, and they are not there once they have expired.
        let other = server.api(&[Role::Admin]).await;
        assert_eq!(other.get(UPLOADS).await.expect(200)["items"], json!([]));
        let reader = server.api(&[Role::Viewer]).await;
        reader.get(UPLOADS).await.expect_problem(403, "forbidden");
        api.get(&format!("{UPLOADS}?page=1")).await.expect_problem(422, "invalid_fields");
        server.clock.advance(SignedDuration::from_hours(25));
        let again = server.api(&[Role::Operator]).await;
        assert_eq!(again.get(UPLOADS).await.expect(200)["items"], json!([]));
        assert_eq!(api.get(UPLOADS).await.expect(200)["items"], json!([]));
    }

    a_piece_begins_where_the_last_one_ended => |server| {
        let api = server.api(&[Role::Operator]).await;
        let upload = begin(&api, "a.bin", 10).await;
        piece(&api, &upload, 0, b"0123").await.expect(200);
        for offset in [0, 3, 5, 10, 1_000] {
            let problem = piece(&api, &upload, offset, b"4").await.expect_problem(409, "wrong_offset");
            assert_eq!(problem["args"]["received"], 4);
        }
        let answer = api.send_bytes(Method::PATCH, &upload, BYTES, b"4".to_vec()).await;
        assert_eq!(answer.refused_fields(), ["offset: missing"]);
        api.send_bytes(Method::PATCH, &format!("{upload}?offset=4"), "application/json", b"{}".to_vec()).await
            .expect_problem(415, "unsupported_media_type");
        // More than the file has, and more than a piece has, are refused as a whole.
        let problem = piece(&api, &upload, 4, b"4567890").await.expect_problem(413, "body_too_large");
        assert_eq!(problem["args"]["limit"], 6);
        assert_eq!(api.get(&upload).await.expect(200)["received"], 4);
        piece(&api, &upload, 4, b"").await.expect(200);
        piece(&api, &upload, 4, b"456789").await.expect(200);
        let file = finish(&api, &upload).await.expect(201);
        assert_eq!(content(&api, &file).await, b"0123456789");
        let large = usize::try_from(LARGEST_PIECE).expect("a size");
        let upload = begin(&api, "b.bin", 2 * large).await;
        let problem = piece(&api, &upload, 0, &vec![0; large + 1]).await.expect_problem(413, "body_too_large");
        assert_eq!(problem["args"]["limit"], LARGEST_PIECE);
        assert_eq!(api.get(&upload).await.expect(200)["received"], 0);
        piece(&api, &upload, 0, &vec![0; large]).await.expect(200);
    }

    uploads_belong_to_their_account => |server| {
        let api = server.api(&[Role::Operator]).await;
        let other = server.api(&[Role::Operator, Role::Admin]).await;
        let upload = begin(&api, "a.bin", 3).await;
        other.get(&upload).await.expect_problem(404, "not_found");
        piece(&other, &upload, 0, b"abc").await.expect_problem(404, "not_found");
        other.delete(&upload).await.expect_problem(404, "not_found");
        finish(&other, &upload).await.expect_problem(404, "not_found");
        api.get(&format!("{UPLOADS}/nonsense")).await.expect_problem(404, "not_found");
        piece(&api, &upload, 0, b"abc").await.expect(200);
        finish(&api, &upload).await.expect(201);
    }

    what_is_asked_for_is_checked => |server| {
        let api = server.api(&[Role::Operator]).await;
        let refused = async |body| api.post(UPLOADS, &body).await.refused_fields();
        assert_eq!(refused(json!({"name": "a", "size": 0})).await, ["/size: out_of_range"]);
        assert_eq!(refused(json!({"name": "a", "size": 1, "sha256": "x"})).await, ["/sha256: wrong_form"]);
        assert_eq!(refused(json!({"name": "a", "size": 1, "provider": 9})).await, ["/provider: invalid"]);
        assert_eq!(refused(json!({"name": "a", "size": 1, "file_type": "x"})).await, ["/file_type: not_a_choice"]);
        assert_eq!(refused(json!({"name": "a", "size": -1})).await.len(), 1);
        assert_eq!(refused(json!({"name": "a", "size": 1, "path": "/etc"})).await, ["/path: unknown_field"]);
        let keyed = api.clone().with_header("idempotency-key", "one");
        let body = json!({"name": "a", "size": 1});
        let first = keyed.post(UPLOADS, &body).await.expect(201);
        assert_eq!(keyed.post(UPLOADS, &body).await.expect(201), first);
        // So many of one account, and no more.
        for _ in 1..100 {
            api.post(UPLOADS, &body).await.expect(201);
        }
        let problem = api.post(UPLOADS, &body).await.expect_problem(409, "too_many");
        assert_eq!(problem["args"]["most"], 100);
        server.api(&[Role::Operator]).await.post(UPLOADS, &body).await.expect(201);
    }

    a_lost_connection_and_a_restart_lose_nothing => |server| {
        let token = server.token("sender", &[Role::Operator]).await;
        let api = server.anonymous().with_token(token.expose());
        let bytes = sound(2, 400_000);
        let upload = begin(&api, "a.wav", bytes.len()).await;
        let mut broken = half_a_piece(server, token.expose(), &upload, (0, 300_000), &bytes[..200_000]).await;
        // Not dropped at once: then the system would tell the server to forget what it has not read.
        broken.shutdown().await.expect("the end of what is sent");
        wait_until(async || api.get(&upload).await.expect(200)["received"] == 200_000).await;
        drop(broken);
        server.restart().await;
        let api = server.anonymous().with_token(token.expose());
        assert_eq!(api.get(&upload).await.expect(200)["received"], 200_000);
        piece(&api, &upload, 200_000, &bytes[200_000..]).await.expect(200);
        server.restart().await;
        let api = server.anonymous().with_token(token.expose());
        let file = finish(&api, &upload).await.expect(201);
        assert_eq!(content(&api, &file).await, bytes);
        assert!(staged(server).is_empty());
    }

    who_comes_again_need_not_wait_for_a_dead_connection => |server| {
        let token = server.token("sender", &[Role::Operator]).await;
        let api = server.anonymous().with_token(token.expose());
        let bytes = sound(3, 900_000);
        let upload = begin(&api, "a.wav", bytes.len()).await;
        // It hangs in the middle of a piece, and would for half a minute.
        let hanging = half_a_piece(server, token.expose(), &upload, (0, 800_000), &bytes[..600_000]).await;
        wait_until(async || api.get(&upload).await.expect(200)["received"] != 0).await;
        let problem = piece(&api, &upload, 0, &bytes).await.expect_problem(409, "wrong_offset");
        let at = usize::try_from(problem["args"]["received"].as_u64().expect("a number")).expect("a number");
        assert!((1..=600_000).contains(&at), "{at}");
        piece(&api, &upload, at, &bytes[at..]).await.expect(200);
        let file = finish(&api, &upload).await.expect(201);
        assert_eq!(content(&api, &file).await, bytes);
        drop(hanging);
    }

    what_is_given_up_is_forgotten => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (kept, given_up) = (begin(&api, "a.bin", 4).await, begin(&api, "b.bin", 4).await);
        piece(&api, &kept, 0, b"ab").await.expect(200);
        piece(&api, &given_up, 0, b"ab").await.expect(200);
        server.clock.advance(SignedDuration::from_hours(20));
        piece(&api, &kept, 2, b"c").await.expect(200);
        server.clock.advance(SignedDuration::from_hours(5));
        api.get(&given_up).await.expect_problem(404, "not_found");
        piece(&api, &given_up, 2, b"cd").await.expect_problem(404, "not_found");
        assert_eq!(staged(server).len(), 2);
        let app = server.app();
        enqueue(app, Kind::SweepFiles).await.expect("a task");
        work_off(app).await.expect("tasks");
        wait_until(async || staged(server).len() == 1).await;
        piece(&api, &kept, 3, b"d").await.expect(200);
        let file = finish(&api, &kept).await.expect(201);
        assert_eq!(content(&api, &file).await, b"abcd");
    }

    a_piece_that_comes_slowly_keeps_its_upload => |server| {
        let token = server.token("sender", &[Role::Operator]).await;
        let api = server.anonymous().with_token(token.expose());
        let upload = begin(&api, "a.bin", 800_000).await;
        server.clock.advance(SignedDuration::from_hours(20));
        let coming = half_a_piece(server, token.expose(), &upload, (0, 800_000), &[7; 600_000]).await;
        wait_until(async || api.get(&upload).await.expect(200)["received"] != 0).await;
        server.clock.advance(SignedDuration::from_hours(5));
        api.get(&upload).await.expect(200);
        drop(coming);
    }

    what_is_wrong_when_complete_is_forgotten => |server| {
        let api = server.api(&[Role::Operator]).await;
        let wrong = json!({"name": "a.wav", "size": 3, "sha256": "0".repeat(64)});
        let begun = api.post(UPLOADS, &wrong).await.expect(201);
        let upload = format!("{UPLOADS}/{}", begun["token"].as_str().expect("a token"));
        piece(&api, &upload, 0, b"abc").await.expect(200);
        finish(&api, &upload).await.expect_problem(422, "checksum_mismatch");
        api.get(&upload).await.expect_problem(404, "not_found");
        let upload = begin(&api, "a.zip", 60).await;
        piece(&api, &upload, 0, &[&b"PK\x03\x04"[..], &[0; 56]].concat()).await.expect(200);
        finish(&api, &upload).await.expect_problem(422, "file_not_usable");
        api.get(&upload).await.expect_problem(404, "not_found");
        let logo = json!({"name": "a.wav", "size": 144, "file_type": "logo"});
        let begun = api.post(UPLOADS, &logo).await.expect(201);
        let upload = format!("{UPLOADS}/{}", begun["token"].as_str().expect("a token"));
        piece(&api, &upload, 0, &sound(1, 100)).await.expect(200);
        assert_eq!(finish(&api, &upload).await.refused_fields(), ["/file_type: content_of_other_type"]);
        api.get(&upload).await.expect_problem(404, "not_found");
        assert!(staged(server).is_empty() && objects(server).is_empty());
    }

    finishing_twice_at_once_makes_one_file => |server| {
        let api = server.api(&[Role::Operator]).await;
        let bytes = sound(4, 200_000);
        let upload = begin(&api, "a.wav", bytes.len()).await;
        piece(&api, &upload, 0, &bytes).await.expect(200);
        let both = futures_util::future::join_all((0..5).map(|_| finish(&api, &upload))).await;
        let ids: Vec<_> = both.into_iter().map(|answer| answer.expect(201)["id"].clone()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(api.get(FILES).await.expect(200)["total"], 1);
    }
}
