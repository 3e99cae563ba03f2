//! What people say of files, and pictures made to fit.

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, on_both_databases};

use super::{FILES, audited, content, path_of, png, sound, upload};

async fn change(api: &ApiClient, file: &Value, body: Value) -> tests::ApiAnswer {
    api.clone().if_match("*").patch(&path_of(file), &body).await
}

on_both_databases! {
    software_nobody_can_read_is_described => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "cp600.bin", &[0; 5_000]).await;
        assert_eq!((&file["state"], &file["needs"]), (&json!("incomplete"), &json!(["file_type"])));
        let file = change(&api, &file, json!({"file_type": "software"})).await.expect(200);
        assert_eq!(file["needs"], json!(["models", "software_type", "software_version"]));
        let said = json!({"models": ["CP600", "CP400"], "software_type": "Siemens SIP", "software_version": "v1 r10.2.2"});
        let answer = change(&api, &file, said).await;
        assert_eq!(answer.header("etag"), "\"3\"");
        let file = answer.expect(200);
        assert_eq!((&file["state"], &file["needs"]), (&json!("ready"), &json!([])));
        assert_eq!(file["models"], json!(["CP400", "CP600"]));
        assert_eq!((&file["software_type"], &file["software_version"]), (&json!("SIP"), &json!("V1 R10.2.2")));
        // What was said can be taken back.
        let file = change(&api, &file, json!({"software_version": null, "note": " for the lobby "})).await.expect(200);
        assert_eq!((&file["state"], &file["note"]), (&json!("incomplete"), &json!("for the lobby")));
        assert_eq!(audited(server, &file).await, ["file.create", "file.change", "file.change", "file.change"]);
        // Nothing is different: nothing is changed.
        let same = change(&api, &file, json!({"note": "for the lobby"})).await.expect(200);
        assert_eq!(same["revision"], file["revision"]);
        // As another type it has no version.
        let file = change(&api, &file, json!({"file_type": "dongle"})).await.expect(200);
        assert_eq!((&file["software_type"], &file["state"]), (&json!(null), &json!("ready")));
    }

    what_is_said_must_be_acceptable => |server| {
        let api = server.api(&[Role::Operator]).await;
        let file = upload(&api, "bell.wav", &sound(1, 100)).await;
        let refused = async |body: Value| change(&api, &file, body).await.refused_fields();
        assert_eq!(refused(json!({"name": "../x"})).await, ["/name: character_not_allowed"]);
        assert_eq!(refused(json!({"name": ""})).await, ["/name: missing"]);
        assert_eq!(refused(json!({"name": "x".repeat(121)})).await, ["/name: too_long"]);
        assert_eq!(refused(json!({"file_type": "logo"})).await, ["/file_type: content_of_other_type"]);
        assert_eq!(refused(json!({"models": ["CP600", "Toaster"]})).await, ["/models/1: not_a_choice"]);
        assert_eq!(refused(json!({"software_type": "GW"})).await, ["/software_type: not_a_choice"]);
        assert_eq!(refused(json!({"software_version": "new"})).await, ["/software_version: wrong_form"]);
        assert_eq!(refused(json!({"note": "x".repeat(2_001)})).await, ["/note: too_long"]);
        assert_eq!(refused(json!({"size": 5})).await, ["/size: unknown_field"]);
        let several = refused(json!({"name": "", "file_type": "logo"})).await;
        assert_eq!(several.len(), 2);
        api.patch(&path_of(&file), &json!({"name": "b"})).await.expect_problem(428, "precondition_required");
        api.clone().if_match("\"7\"").patch(&path_of(&file), &json!({"name": "b"})).await
            .expect_problem(412, "precondition_failed");
        api.clone().if_match("*").patch(&format!("{FILES}/999"), &json!({})).await.expect_problem(404, "not_found");
        assert_eq!(api.get(&path_of(&file)).await.expect(200), file);
    }

    a_picture_is_made_to_fit => |server| {
        let api = server.api(&[Role::Operator]).await;
        let picture = upload(&api, "company.png", &png(600, 200)).await;
        let convert = format!("{}/convert", path_of(&picture));
        let keyed = api.clone().with_header("idempotency-key", "c");
        let body = json!({"model": "OpenStage 40", "file_type": "logo"});
        let made = keyed.post(&convert, &body).await.expect(201);
        assert_eq!((&made["name"], &made["origin"]), (&json!("company.bmp"), &json!("conversion")));
        assert_eq!(made["facts"]["picture"], json!({"width": 144, "height": 32, "bits": 1}));
        assert_eq!((&made["file_type"], &made["state"], &made["remarks"]), (&json!("logo"), &json!("ready"), &json!([])));
        // What it is for fits; OpenStage 60 takes other formats, OpenStage 20 no logos. Nobody has said yet what the
        // picture is for that it was made of.
        let fits = made["fits"].as_array().unwrap();
        assert!(fits.contains(&json!("OpenStage 40")) && fits.contains(&json!("CP600")), "{fits:?}");
        assert!(!fits.contains(&json!("OpenStage 60")) && !fits.contains(&json!("OpenStage 20")), "{fits:?}");
        assert_eq!((&picture["file_type"], &picture["fits"]), (&json!(null), &json!([])));
        assert!(content(&api, &made).await.starts_with(b"BM"));
        assert_eq!(keyed.post(&convert, &body).await.expect(201)["id"], made["id"]);
        assert_eq!(audited(server, &made).await, ["file.convert"]);
        // Again without a key: the very same picture is there.
        assert_eq!(api.post(&convert, &body).await.expect(201)["id"], made["id"]);
        let named = json!({"model": "OpenStage 80", "file_type": "screensaver", "name": "big.png"});
        assert_eq!(api.post(&convert, &named).await.expect(201)["name"], "big.png");

        let sound = upload(&api, "bell.wav", &sound(1, 100)).await;
        let problem = api.post(&format!("{}/convert", path_of(&sound)), &body).await;
        assert_eq!(problem.expect_problem(422, "not_convertible")["args"]["reason"], "not-a-picture");
        let refused = async |body: Value| api.post(&convert, &body).await.refused_fields();
        assert_eq!(refused(json!({"model": "Toaster", "file_type": "logo"})).await, ["/model: not_a_choice"]);
        assert_eq!(refused(json!({"model": "CP600", "file_type": "ringtone"})).await, ["/file_type: not_a_choice"]);
        let bad_name = json!({"model": "OpenStage 40", "file_type": "logo", "name": "a/b"});
        assert_eq!(refused(bad_name).await, ["/name: character_not_allowed"]);
        assert_eq!(refused(json!({"file_type": "logo"})).await, ["/model: missing"]);
        api.post(&format!("{FILES}/999/convert"), &body).await.expect_problem(404, "not_found");
        let reader = server.api(&[Role::Viewer]).await;
        reader.post(&convert, &body).await.expect_problem(403, "forbidden");
    }

    a_pixel_bomb_is_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        let mut bomb = png(10, 10);
        // The header claims 60,000 x 60,000; its checksum is made to fit.
        bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        let file = upload(&api, "bomb.png", &bomb).await;
        assert_eq!(file["facts"]["picture"]["width"], 60_000);
        let body = json!({"model": "OpenStage 40", "file_type": "logo"});
        let problem = api.post(&format!("{}/convert", path_of(&file)), &body).await;
        assert_eq!(problem.expect_problem(422, "not_convertible")["args"]["reason"], "too-many-pixels");
        // The next one is converted as ever.
        let good = upload(&api, "good.png", &png(200, 50)).await;
        api.post(&format!("{}/convert", path_of(&good)), &body).await.expect(201);
    }
}

/// CRC-32 of PNG (RFC 2083 §15).
fn crc32(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    !crc
}
