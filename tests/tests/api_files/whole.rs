//! Files that are sent whole.

use domain::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tests::on_both_databases;

use super::{FILES, UPLOADS, audited, content, names_in, objects, path_of, sha256, sound, staged, upload};

/// A file of some length that claims to unpack to 4 GiB and more (PKWARE APPNOTE §4.3.7).
fn zip_bomb(length: usize) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&9_000_u32.to_le_bytes());
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    bytes.extend_from_slice(b"\x01\0\0\0x");
    bytes.resize(length, 0);
    bytes
}

on_both_databases! {
    a_file_is_told_from_its_content => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = content::craft::firmware("OpenStage 40", "SIP", "V3 R5.16.0", 700_000);
        let answer = api.upload("whatever.bin", &image, &[]).await;
        let etag = answer.header("etag").to_owned();
        let location = answer.header("location").to_owned();
        let file = answer.expect(201);
        assert_eq!(location, path_of(&file));
        assert_eq!(etag, "\"1\"");
        let said = json!({
            "name": "whatever.bin", "file_type": "software", "size": 700_000, "sha256": sha256(&image),
            "models": ["OpenStage 40"], "software_type": "SIP", "software_version": "V3 R5.16.0", "state": "ready",
            "needs": [], "origin": "upload", "object_key": sha256(&image),
        });
        for (field, value) in said.as_object().expect("fields") {
            assert_eq!(file[field], *value, "{field}");
        }
        assert_eq!(file["provider"]["kind"], "built-in");
        assert_eq!(content(&api, &file).await, image);
        let again = api.get(&path_of(&file)).await;
        assert_eq!(again.header("etag"), etag);
        assert_eq!(again.expect(200), file);
        assert_eq!(audited(server, &file).await, ["file.create"]);
        assert!(staged(server).is_empty(), "{:?}", staged(server));
    }

    the_same_content_is_stored_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let bytes = sound(1, 9_000);
        let first = upload(&api, "bell.wav", &bytes).await;
        // The very same file again is the one that is there.
        let answer = api.upload("bell.wav", &bytes, &[]).await;
        assert_eq!(answer.header("idempotency-replayed"), "true");
        assert_eq!(answer.expect(201)["id"], first["id"]);
        // Another name, and another type, are other files with the same object.
        let second = upload(&api, "chime.wav", &bytes).await;
        assert_ne!(second["id"], first["id"]);
        let third = api.upload("bell.wav", &bytes, &[("file_type", "music-on-hold")]).await.expect(201);
        assert_eq!((&third["file_type"], &first["file_type"]), (&json!("music-on-hold"), &json!("ringtone")));
        assert_eq!(objects(server), [sha256(&bytes)]);
        assert_eq!(api.get(FILES).await.expect(200)["total"], 3);
        // The object goes with the last of them.
        for (number, file) in [&first, &second, &third].into_iter().enumerate() {
            api.clone().if_match("*").delete(&path_of(file)).await.expect(204);
            assert_eq!(objects(server).is_empty(), number == 2);
        }
    }

    two_at_once_with_the_same_content_are_one_object => |server| {
        let api = server.api(&[Role::Operator]).await;
        let bytes = sound(2, 300_000);
        let names = ["a.wav", "b.wav", "a.wav", "c.wav", "a.wav", "b.wav", "c.wav", "a.wav"];
        let made = futures_util::future::join_all(names.map(|name| upload(&api, name, &bytes))).await;
        assert_eq!(objects(server), [sha256(&bytes)]);
        let mut ids: Vec<i64> = made.iter().map(|file| file["id"].as_i64().expect("an id")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        for file in &made {
            assert_eq!(content(&api, file).await, bytes);
        }
        assert!(staged(server).is_empty());
    }

    a_key_makes_it_once => |server| {
        let api = server.api(&[Role::Operator]).await.with_header("idempotency-key", "k1");
        let bytes = sound(3, 100);
        let file = upload(&api, "a.wav", &bytes).await;
        // Gone by now, and still the answer is the same.
        api.clone().if_match("*").delete(&path_of(&file)).await.expect(204);
        let answer = api.upload("a.wav", &bytes, &[]).await;
        assert_eq!(answer.header("idempotency-replayed"), "true");
        assert_eq!(answer.expect(201)["id"], file["id"]);
        api.upload("a.wav", &sound(4, 100), &[]).await.expect_problem(422, "idempotency_key_reused");
        api.upload("b.wav", &bytes, &[]).await.expect_problem(422, "idempotency_key_reused");
        assert!(staged(server).is_empty());
    }

    names_are_never_paths => |server| {
        let api = server.api(&[Role::Operator]).await;
        for (number, (given, kept)) in [
            ("../../etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("/etc/cron.d/x", "x"),
            ("..", "file"),
            ("a/../../b.wav", "b.wav"),
        ].into_iter().enumerate() {
            let bytes = sound(u8::try_from(number).expect("a number"), 50);
            let file = upload(&api, given, &bytes).await;
            assert_eq!(file["name"], kept, "{given}");
        }
        let all = names_in(&server.config().data_dir, "");
        assert_eq!(all, ["objects", "uploads"], "what nodes share, and nothing else");
        assert_eq!(objects(server).len(), 5);
        assert!(objects(server).iter().all(|name| name.len() == 64));
        // Where a name is typed, it is refused.
        for name in ["../x", "a/b", "", ".x", "a\u{7}", "x ", &"x".repeat(121)] {
            let answer = api.post(UPLOADS, &json!({"name": name, "size": 5})).await;
            assert!(answer.refused_fields()[0].starts_with("/name: "), "{name:?}: {}", answer.text);
        }
    }

    what_is_no_file_for_phones_leaves_nothing_behind => |server| {
        let api = server.api(&[Role::Operator]).await;
        let zip = [&b"PK\x03\x04"[..], &[0; 500]].concat();
        let problem = api.upload("all.zip", &zip, &[]).await.expect_problem(422, "file_not_usable");
        assert_eq!(problem["args"]["format"], "archive");
        // Nor as anything but software, whatever it is called.
        for file_type in ["ringtone", "screensaver", "logo", "ldap-template", "dongle", "music-on-hold", "picture"] {
            let as_other = api.upload("CP600.img", &zip, &[("file_type", file_type)]).await;
            as_other.expect_problem(422, "file_not_usable");
        }
        let bytes = sound(5, 100);
        let wrong = "0".repeat(64);
        let problem = api.upload("a.wav", &bytes, &[("sha256", &wrong)]).await;
        assert_eq!(problem.expect_problem(422, "checksum_mismatch")["args"]["sha256"], sha256(&bytes));
        let refused = async |fields: &[(&str, &str)], content: &[u8]| {
            api.upload("a.wav", content, fields).await.refused_fields()
        };
        assert_eq!(refused(&[("sha256", "abc")], &bytes).await, ["/sha256: wrong_form"]);
        assert_eq!(refused(&[("file_type", "song")], &bytes).await, ["/file_type: not_a_choice"]);
        assert_eq!(refused(&[("file_type", "logo")], &bytes).await, ["/file_type: content_of_other_type"]);
        assert_eq!(refused(&[("provider", "x")], &bytes).await, ["/provider: wrong_type"]);
        assert_eq!(refused(&[("provider", "77")], &bytes).await, ["/provider: invalid"]);
        assert_eq!(refused(&[("nonsense", "1")], &bytes).await, ["/nonsense: unknown_field"]);
        assert_eq!(refused(&[], b"").await, ["/file: missing"]);
        assert!(staged(server).is_empty() && objects(server).is_empty());
        assert_eq!(api.get(FILES).await.expect(200)["total"], 0);
        // A right checksum, in capital letters, is taken.
        let said = sha256(&bytes).to_uppercase();
        api.upload("a.wav", &bytes, &[("sha256", &said), ("file_type", "")]).await.expect(201);
    }

    an_image_of_a_cp_phone_may_look_like_an_archive_and_is_never_unpacked => |server| {
        server.change_setting("server-settings.files.largest", 1).await;
        let api = server.api(&[Role::Operator]).await;
        let zip = zip_bomb(9_000);
        let tar = [&[b'x'; 257][..], b"ustar\0", &[0; 5_000]].concat();
        let gzip = [&b"\x1f\x8b\x08\0"[..], &[7; 5_000]].concat();
        for (name, image) in [("cp600.bin", &zip), ("cp400.bin", &tar), ("cp200.bin", &gzip)] {
            api.upload(name, image, &[]).await.expect_problem(422, "file_not_usable");
            let file = api.upload(name, image, &[("file_type", "software")]).await.expect(201);
            assert_eq!((&file["facts"]["format"], &file["state"]), (&json!("archive"), &json!("incomplete")));
            assert_eq!(file["needs"], json!(["models", "software_type", "software_version"]));
            let changing = api.clone().if_match("*");
            let refused = changing.patch(&path_of(&file), &json!({"file_type": "dongle"})).await;
            assert_eq!(refused.refused_fields(), ["/file_type: content_of_other_type"]);
            let said = json!({"models": ["CP600"], "software_type": "SIP", "software_version": "V1 R10.2.2"});
            let file = changing.patch(&path_of(&file), &said).await.expect(200);
            assert_eq!((&file["state"], &file["remarks"]), (&json!("ready"), &json!([])));
            // What phones get is what came, byte for byte, and nothing else was made of it.
            assert_eq!(content(&api, &file).await, *image);
            assert!(objects(server).contains(&sha256(image)));
        }
        assert_eq!((objects(server).len(), staged(server).len()), (3, 0));
        // The name says it, too, where nobody else does.
        let file = api.upload("CP600_V1_R10.IMG", &zip, &[]).await.expect(201);
        assert_eq!((&file["file_type"], &file["state"]), (&json!("software"), &json!("incomplete")));
        // It counts as large as it is, and no larger than all others it may be.
        let large = [zip, vec![0; 1_000_000]].concat();
        let refused = api.upload("cp600.bin", &large, &[("file_type", "software")]).await;
        refused.expect_problem(413, "file_too_large");
        assert_eq!((objects(server).len(), staged(server).len()), (3, 0));
    }

    what_is_no_form_is_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        let send = async |content_type: &str, body: &[u8]| {
            api.send_bytes(Method::POST, FILES, content_type, body.to_vec()).await
        };
        send("application/json", b"{}").await.expect_problem(415, "unsupported_media_type");
        send("multipart/form-data", b"x").await.expect_problem(415, "unsupported_media_type");
        send("multipart/form-data; boundary=b", b"nothing").await.expect_problem(400, "malformed_request");
        let cut = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nbytes";
        send("multipart/form-data; boundary=b", cut).await.expect_problem(400, "malformed_request");
        // What stands behind the file would come too late to be obeyed.
        let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nbytes\r\n";
        for field in ["sha256", "file_type", "file"] {
            let late = format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\nlogo\r\n--b--\r\n");
            let late = send("multipart/form-data; boundary=b", format!("{file}{late}").as_bytes()).await;
            assert_eq!(late.refused_fields(), [format!("/{field}: invalid")]);
        }
        assert_eq!(api.get(FILES).await.expect(200)["total"], 0);
        let empty = send("multipart/form-data; boundary=b", b"--b--\r\n").await;
        assert_eq!(empty.refused_fields(), ["/file: missing"]);
        assert!(staged(server).is_empty() && objects(server).is_empty());
    }

    the_largest_file_is_a_setting => |server| {
        server.change_setting("server-settings.files.largest", 1).await;
        let api = server.api(&[Role::Operator]).await;
        let megabyte = 1_000_000;
        let problem = api.upload("a.bin", &vec![1; megabyte + 1], &[]).await.expect_problem(413, "file_too_large");
        assert_eq!(problem["args"]["limit"], megabyte);
        // Far more is refused before it is read.
        api.upload("a.bin", &vec![1; 3 * megabyte], &[]).await.expect_problem(413, "file_too_large");
        let begin = api.post(UPLOADS, &json!({"name": "a", "size": megabyte + 1})).await;
        begin.expect_problem(413, "file_too_large");
        assert!(staged(server).is_empty() && objects(server).is_empty());
        api.upload("a.bin", &vec![1; megabyte], &[]).await.expect(201);
    }

    only_who_may_changes_files => |server| {
        let bytes = sound(6, 100);
        let file = upload(&server.api(&[Role::Operator]).await, "a.wav", &bytes).await;
        let reader = server.api(&[Role::Viewer]).await;
        reader.upload("b.wav", &bytes, &[]).await.expect_problem(403, "forbidden");
        reader.post(UPLOADS, &json!({"name": "b", "size": 1})).await.expect_problem(403, "forbidden");
        let changing = reader.clone().if_match("*");
        changing.patch(&path_of(&file), &json!({"note": "x"})).await.expect_problem(403, "forbidden");
        changing.delete(&path_of(&file)).await.expect_problem(403, "forbidden");
        let many: Value = json!({"ids": [file["id"]]});
        reader.post(&format!("{FILES}/delete"), &many).await.expect_problem(403, "forbidden");
        reader.get(&path_of(&file)).await.expect(200);
        assert_eq!(content(&reader, &file).await, bytes);
        server.anonymous().get(&path_of(&file)).await.expect_problem(401, "unauthenticated");
        server.anonymous().get(&format!("{}/content", path_of(&file))).await.expect_problem(401, "unauthenticated");
    }
}
