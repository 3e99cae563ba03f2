//! `/clients/{id}/files`: what a phone has, what its templates want, and why it does not get it.

use domain::Role;
use serde_json::json;
use tests::on_both_databases;

use super::*;

on_both_databases! {
    files_of_a_client_are_shown_with_what_is_wanted => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting(BY_RULE, "off").await;
        let mut desk = Desk::new(30, 1);
        desk.sounds = vec!["Tone.WAV".to_owned(), "own.wav".to_owned()];
        desk.starts(server).await;
        let files = desk.files(&api).await;
        let installed = files["installed"].as_array().expect("files");
        assert_eq!(installed.len(), 2);
        assert_eq!((&installed[0]["name"], &installed[0]["file_type"]), (&json!("Tone.WAV"), &json!("ringtone")));
        assert_eq!((&installed[0]["status"], &installed[0]["wanted"]), (&json!("ok"), &json!(false)));
        assert_eq!(files["wanted"], json!([]));
        assert_eq!(files["software"]["running"], OLD);
        assert_ne!(files["reported_at"], json!(null));
        // One that it has, one that it has not, one for other models, and two that templates disagree about.
        let tone = ringtone(&api, "tone.wav").await;
        let absent = ringtone(&api, "absent.wav").await;
        let other = ringtone(&api, "other.wav").await;
        let other = change(&api, &format!("/api/v1/files/{}", other["id"]), &json!({"models": ["CP600"]})).await.expect(200);
        let clash = ringtone(&api, "clash.wav").await;
        let rival = api.upload("Clash.wav", &sound("another"), &[("file_type", "ringtone")]).await.expect(201);
        let image = software(&api, NEW).await;
        bringing(&api, "First", "only-newer", &[&tone, &absent, &other, &clash, &image]).await;
        bringing(&api, "Second", "ignored", &[&rival]).await;
        let files = desk.files(&api).await;
        let wanted: Vec<(Value, Value, Value)> = files["wanted"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| (file["name"].clone(), file["installed"].clone(), file["reason"]["code"].clone()))
            .collect();
        let expected = [
            (json!("absent.wav"), json!(false), json!(null)),
            (json!("clash.wav"), json!(null), json!("conflict")),
            (json!("Clash.wav"), json!(null), json!("conflict")),
            (json!("other.wav"), json!(null), json!("does-not-fit")),
            (json!("tone.wav"), json!(true), json!(null)),
        ];
        assert_eq!(wanted, expected);
        assert_eq!(files["wanted"][3]["reason"]["args"]["reason"], "other-model");
        assert_eq!(files["wanted"][4]["template"]["name"], "First");
        assert_eq!(files["installed"][0]["wanted"], true);
        let software = &files["software"];
        assert_eq!((&software["wanted"], &software["file"]), (&json!(NEW), &image["id"]));
        assert_eq!((&software["rule"], &software["outcome"]["code"]), (&json!("only-newer"), &json!("update")));
        assert_eq!(desk.starts(server).await, None, "off is off");
        api.get("/api/v1/clients/987654/files").await.expect_problem(404, "not_found");
        let client = desk.client(&api).await;
        let path = format!("/api/v1/clients/{}/files", client["id"]);
        api.get(&format!("{path}?page=1")).await.expect_problem(422, "invalid_fields");
        server.anonymous().get(&path).await.expect_problem(401, "unauthenticated");
        server.api(&[Role::Viewer]).await.get(&path).await.expect(200);
    }
}
