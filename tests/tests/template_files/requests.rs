//! `/templates/{id}/files`, and files in copies, exports and imports.

use domain::Role;
use serde_json::json;
use tests::on_both_databases;

use super::*;

on_both_databases! {
    files_of_a_template_are_listed_and_replaced => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (one, two) = (ringtone(&api, "one.wav").await, ringtone(&api, "two.wav").await);
        let template = template(&api, "Sounds", "ignored").await;
        let path = format!("{template}/files");
        let empty = api.get(&path).await;
        let etag = empty.header("etag").to_owned();
        assert_eq!(empty.expect(200)["files"], json!([]));
        let body = json!({"files": [two["id"], one["id"], one["id"]]});
        let given = api.clone().if_match(&etag).put(&path, &body).await;
        let later = given.header("etag").to_owned();
        let names: Vec<Value> =
            given.expect(200)["files"].as_array().expect("files").iter().map(|file| file["name"].clone()).collect();
        assert_eq!(names, ["one.wav", "two.wav"]);
        assert_ne!(later, etag);
        assert_eq!(api.get(&template).await.expect(200)["content"]["files"], 2);
        // The same again changes nothing; an old revision is refused.
        let again = api.clone().if_match(&later).put(&path, &body).await;
        assert_eq!(again.header("etag"), later);
        api.clone().if_match(&etag).put(&path, &body).await.expect_problem(412, "precondition_failed");
        api.put(&path, &body).await.expect_problem(428, "precondition_required");
        // Whoever needs a file keeps it.
        let used = api.get(&format!("/api/v1/files/{}", one["id"])).await.expect(200);
        assert_eq!(used["used_by"]["templates"][0]["name"], "Sounds");
        let file = format!("/api/v1/files/{}", one["id"]);
        api.clone().if_match("*").delete(&file).await.expect_problem(409, "in_use");
        api.clone().if_match("*").delete(&template).await.expect(204);
        api.clone().if_match("*").delete(&file).await.expect(204);
        let audit = server.api(&[Role::Admin]).await.get("/api/v1/audit?size=50").await.expect(200);
        let records = audit["items"].as_array().expect("records");
        let change = records.iter().find(|record| record["action"] == "template.change").expect("a record");
        assert_eq!(change["details"]["files"], json!([one["id"], two["id"]]));
    }

    what_is_wrong_is_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        let one = ringtone(&api, "one.wav").await;
        let template = template(&api, "Sounds", "ignored").await;
        let path = format!("{template}/files");
        let any = api.clone().if_match("*");
        any.put(&format!("{TEMPLATES}/987654/files"), &json!({"files": []})).await.expect_problem(404, "not_found");
        api.get(&format!("{TEMPLATES}/987654/files")).await.expect_problem(404, "not_found");
        let unknown = any.put(&path, &json!({"files": [one["id"], 987_654]})).await;
        assert_eq!(unknown.refused_fields(), ["/files/1: unknown_file"]);
        unknown.expect_problem(422, "invalid_fields");
        let many: Vec<u64> = (1..=101).collect();
        any.put(&path, &json!({"files": many})).await.expect_problem(422, "invalid_fields");
        any.put(&path, &json!({"files": ["one.wav"]})).await.expect_problem(422, "invalid_fields");
        any.put(&path, &json!({"files": [], "more": 1})).await.expect_problem(422, "invalid_fields");
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.get(&path).await.expect(200);
        viewer.if_match("*").put(&path, &json!({"files": []})).await.expect_problem(403, "forbidden");
        server.anonymous().get(&path).await.expect_problem(401, "unauthenticated");
    }

    copies_have_the_files_and_exports_name_them => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (one, two) = (ringtone(&api, "one.wav").await, ringtone(&api, "two.wav").await);
        let template = bringing(&api, "Sounds", "ignored", &[&one, &two]).await;
        let copy = api.post(&format!("{template}/copy"), &json!({"name": "Copy"})).await.expect(201);
        assert_eq!(copy["content"]["files"], 2);
        let text = api.get(&format!("{template}/export")).await.text;
        assert!(text.contains("[[files]]") && text.contains("one.wav"), "{text}");
        let import = |text: &str, name: &str| json!({"content": text, "name": name});
        let made = api.post(&format!("{TEMPLATES}/import"), &import(&text, "Again")).await.expect(201);
        let files = api.get(&format!("{TEMPLATES}/{}/files", made["id"])).await.expect(200);
        assert_eq!(files["files"].as_array().expect("files").len(), 2);
        // By its name, when the file does not say the checksum.
        let head = "format = \"workpoint-template\"\nversion = 1\nname = \"N\"\ntype = \"default\"\n";
        let named = format!("{head}[[files]]\nname = \"TWO.wav\"\n");
        let made = api.post(&format!("{TEMPLATES}/import"), &import(&named, "By name")).await.expect(201);
        assert_eq!(made["content"]["files"], 1);
        let missing = format!("{head}[[files]]\nname = \"two.wav\"\nsha256 = \"{}\"\n", "0".repeat(64));
        let refused = api.post(&format!("{TEMPLATES}/import"), &import(&missing, "Missing")).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], "file_not_here");
        assert_eq!(problem["errors"][0]["args"]["name"], "two.wav");
    }

    whoever_gives_files_to_many_types_their_number => |server| {
        let api = server.api(&[Role::Operator]).await;
        let (one, two) = (ringtone(&api, "one.wav").await, ringtone(&api, "two.wav").await);
        for place in 1..=3 {
            Desk::new(1, place).starts(server).await;
        }
        server.change_setting(CONFIRM_BEYOND, 2).await;
        let path = template(&api, "Sounds", "ignored").await;
        let problem = give(&api, &path, &[&one], json!({})).await.expect_problem(409, "confirmation_required");
        assert_eq!(problem["args"]["targets"], 3);
        give(&api, &path, &[&one], json!({"confirm": 2})).await.expect_problem(409, "confirmation_required");
        give(&api, &path, &[&one], json!({"confirm": 3})).await.expect(200);
        // Taking files away gives nobody anything; nor does software that the rule does not bring.
        let image = software(&api, NEW).await;
        give(&api, &path, &[&image], json!({})).await.expect(200);
        let problem = change(&api, &path, &json!({"software_update": "only-newer"})).await;
        assert_eq!(problem.expect_problem(409, "confirmation_required")["args"]["targets"], 3);
        change(&api, &path, &json!({"software_update": "only-newer", "confirm": 3})).await.expect(200);
        // A copy brings nobody what is not brought already.
        api.post(&format!("{path}/copy"), &json!({"name": "Copy"})).await.expect(201);
        // A template for other models reaches nobody.
        let other = json!({"name": "Other", "kind": "default", "models": ["CP600"]});
        let other = api.post(TEMPLATES, &other).await.expect(201);
        let other = format!("{TEMPLATES}/{}", other["id"]);
        give(&api, &other, &[&two], json!({})).await.expect(200);
        change(&api, &other, &json!({"models": []})).await.expect_problem(409, "confirmation_required");
        // Nothing comes on its own: nobody is asked.
        server.change_setting(BY_RULE, "off").await;
        change(&api, &other, &json!({"models": []})).await.expect(200);
    }

    a_group_that_brings_software_to_many_asks_first => |server| {
        let api = server.api(&[Role::Operator]).await;
        let image = software(&api, NEW).await;
        let template = bringing(&api, "Software", "only-newer", &[&image]).await;
        let id: u64 = template.rsplit('/').next().expect("an id").parse().expect("a number");
        let group = json!({"name": "Phones", "filter": null, "templates": [id]});
        let group = api.post("/api/v1/groups", &group).await.expect(201);
        let group = format!("/api/v1/groups/{}", group["id"]);
        let mut desks: Vec<Desk> = (1..=3).map(|place| Desk::new(2, place)).collect();
        for desk in &mut desks {
            desk.starts(server).await;
        }
        server.change_setting(CONFIRM_BEYOND, 2).await;
        let filter = json!({"test": {"field": "model", "one_of": [MODEL]}});
        let problem = change(&api, &group, &json!({"filter": filter})).await;
        assert_eq!(problem.expect_problem(409, "confirmation_required")["args"]["targets"], 3);
        change(&api, &group, &json!({"filter": filter, "confirm": 2}))
            .await
            .expect_problem(409, "confirmation_required");
        assert_eq!(desks[0].starts(server).await, None, "nothing was saved");
        change(&api, &group, &json!({"filter": filter, "confirm": 3})).await.expect(200);
        assert!(desks[0].starts(server).await.is_some());
        // Who leaves gets nothing; who only gets another name neither.
        change(&api, &group, &json!({"name": "All phones"})).await.expect(200);
        change(&api, &group, &json!({"filter": null})).await.expect(200);
        let more = json!({"name": "More", "filter": filter, "templates": [id]});
        api.post("/api/v1/groups", &more).await.expect_problem(409, "confirmation_required");
        // Without the group its template is one for everybody.
        let every = api.clone().if_match("*");
        every.delete(&group).await.expect_problem(409, "confirmation_required");
        let many = json!({"search": "All phones"});
        api.post("/api/v1/groups/delete", &many).await.expect_problem(409, "confirmation_required");
        every.delete(&format!("{group}?confirm=3")).await.expect(204);
        // What forbids software keeps it away, and its deletion brings it.
        let mut forbids = json!({"name": "No software", "kind": "default", "software_update": "disabled"});
        forbids["rank"] = json!(1);
        let forbids = api.post(TEMPLATES, &forbids).await.expect(201);
        let forbids = format!("{TEMPLATES}/{}", forbids["id"]);
        every.delete(&forbids).await.expect_problem(409, "confirmation_required");
        every.delete(&format!("{forbids}?confirm=3")).await.expect(204);
    }

    what_is_said_later_of_a_file_that_templates_have_is_confirmed_too => |server| {
        let api = server.api(&[Role::Operator]).await;
        let mut desks: Vec<Desk> = (1..=3).map(|place| Desk::new(3, place)).collect();
        for desk in &mut desks {
            desk.starts(server).await;
        }
        server.change_setting(CONFIRM_BEYOND, 2).await;
        // Nobody has said yet which phones it is for: it fits none, and nothing is asked.
        let image = api.upload("image.bin", b"\x7f\0\xfe\x01 image", &[("file_type", "software")]).await.expect(201);
        bringing(&api, "Software", "only-newer", &[&image]).await;
        let path = format!("/api/v1/files/{}", image["id"]);
        let said = |more: Value| {
            let mut said = json!({"models": [MODEL], "software_type": "SIP", "software_version": NEW});
            if let (Some(said), Value::Object(more)) = (said.as_object_mut(), more) {
                said.extend(more);
            }
            said
        };
        let problem = change(&api, &path, &said(json!({}))).await;
        assert_eq!(problem.expect_problem(409, "confirmation_required")["args"]["targets"], 3);
        change(&api, &path, &said(json!({"confirm": 2}))).await.expect_problem(409, "confirmation_required");
        assert_eq!(api.get(&path).await.expect(200)["state"], "incomplete", "nothing was saved");
        assert_eq!(desks[0].starts(server).await, None);
        assert_eq!(change(&api, &path, &said(json!({"confirm": 3}))).await.expect(200)["state"], "ready");
        // A note brings nobody anything; another version does, under the same file.
        change(&api, &path, &json!({"note": "checked"})).await.expect(200);
        let newer = json!({"software_version": "V3 R6.0.0"});
        change(&api, &path, &newer).await.expect_problem(409, "confirmation_required");
        // For another model it is nobody's here.
        change(&api, &path, &json!({"models": ["OpenStage 60"]})).await.expect(200);
        change(&api, &path, &newer).await.expect(200);
    }
}
