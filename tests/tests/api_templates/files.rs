//! Templates as files: written, read in again, and the ones that come with the program.

use domain::Role;
use domain::starter::starters;
use domain::template_file::MOST_FILE_BYTES;
use serde_json::{Value, json};
use tests::on_both_databases;

use super::{NAME, PASSWORD, PORT, SECRET, SERVER, TEMPLATES, delete, make, new, with};

const IMPORT: &str = "/api/v1/templates/import";

on_both_databases! {
    a_template_goes_out_and_comes_in_again => |server| {
        let api = server.api(&[Role::Operator]).await;
        let values = [(SERVER, json!("sip.example.net")), (PORT, json!(5061)), (NAME, json!("{extension}")), (PASSWORD, json!(SECRET))];
        let body = with(with(new("Hamburg \"A\" / SIP", &values), "rank", 12), "models", json!(["CP600"]));
        let body = with(with(body, "software_types", json!(["SIP"])), "description", "Line one\nline \\two");
        let path = make(&api, &with(with(body, "kind", "onboarding"), "secure_mode", "off")).await;
        let made = api.get(&path).await.expect(200);
        let exported = api.get(&format!("{path}/export")).await;
        assert_eq!(exported.header("content-type"), "application/toml");
        assert_eq!(exported.header("content-disposition"), "attachment; filename=\"Hamburg--A----SIP.toml\"");
        let file = exported.text;
        assert!(file.contains(PASSWORD) && !file.contains(SECRET), "{file}");
        delete(&api, &path).await.expect(204);
        let answer = api.post(IMPORT, &json!({"content": file})).await;
        let again = answer.header("location").to_owned();
        assert_eq!(answer.header("etag"), "\"1\"");
        let read = answer.expect(201);
        for field in ["name", "description", "kind", "rank", "models", "software_types", "software_update", "secure_mode"] {
            assert_eq!(read[field], made[field], "{field}");
        }
        // Secrets are named and not there.
        let content = json!({"settings": 3, "secrets": 0, "variables": 1, "secure_mode": true, "files": 0});
        assert_eq!(read["content"], content);
        let written = api.get(&format!("{again}/export")).await.text;
        let without_secrets = |text: &str| text.lines().filter(|line| !line.contains(PASSWORD)).count();
        assert!(written.contains("\"{extension}\"") && without_secrets(&file) > without_secrets(&written));
        // The same file is the same template, as far as names go.
        let keyed = api.clone().with_header("idempotency-key", "import-1");
        let body = json!({"content": written, "name": "Kiel"});
        let first = keyed.post(IMPORT, &body).await.expect(201);
        assert_eq!(first["name"], "Kiel");
        let second = keyed.post(IMPORT, &body).await;
        assert_eq!(second.header("idempotency-replayed"), "true");
        assert_eq!(second.expect(201), first);
    }

    what_is_wrong_with_a_file_is_told_with_its_place => |server| {
        let api = server.api(&[Role::Operator]).await;
        let head = "format = \"workpoint-template\"\nversion = 1\nname = \"A\"\ntype = \"default\"\n";
        let file = |rest: &str| format!("{head}{rest}");
        let port = |value: &str| file(&format!("[parameters]\n\"{PORT}\" = {value}\n"));
        for (content, code, name, value) in [
            (String::new(), "template_file_other_format", "", ""),
            ("x = ".to_owned(), "template_file_form", "line", "1"),
            (file("colour = 3"), "template_file_unknown", "line", "5"),
            (file("rank = 1000"), "template_file_wrong", "line", "5"),
            (head.replace("\"A\"", "\"\""), "template_file_wrong", "key", "name"),
            (head.replace("\"A\"", &format!("\"{}\"", "x".repeat(101))), "too_long", "key", "name"),
            (file("clients = [\"CP600\", \"X\"]"), "not_a_choice", "key", "models"),
            (file("software = [\"GW\"]"), "not_a_choice", "key", "software_types"),
            (file("[parameters]\n\"nothing.at-all\" = 1\n"), "unknown_parameter", "parameter", "nothing.at-all"),
            (port("70000"), "out_of_range", "parameter", PORT),
            (port("\"{nobody}\""), "variable_unknown", "parameter", PORT),
            (file("[parameters]\n\"records.lines.address[0]\" = \"1\"\n"), "no_such_entry", "parameter", "records.lines.address[0]"),
        ] {
            let answer = api.post(IMPORT, &json!({"content": content})).await;
            let problem = answer.expect_problem(422, "invalid_fields");
            let error = &problem["errors"][0];
            assert_eq!((&error["field"], &error["code"]), (&json!("/content"), &json!(code)), "{problem}");
            if !name.is_empty() {
                assert_eq!(error["args"][name], value, "{problem}");
            }
        }
        let answer = api.post(IMPORT, &json!({"content": head, "name": "x".repeat(101)})).await;
        assert_eq!(answer.refused_fields(), ["/name: too_long"]);
        assert_eq!(api.post(IMPORT, &json!({"file": head})).await.refused_fields(), ["/file: unknown_field"]);
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0);
    }

    a_file_as_large_as_one_may_be_is_read => |server| {
        let api = server.api(&[Role::Operator]).await;
        let head = "format = \"workpoint-template\"\nversion = 1\nname = \"Large\"\ntype = \"onboarding\"\n";
        // As JSON it is twice as long.
        let of_length = |length: usize| format!("{head}{}", "#\"\n".repeat((length - head.len()) / 3));
        let content = of_length(MOST_FILE_BYTES);
        assert!(content.len() > MOST_FILE_BYTES - 3);
        let made = api.post(IMPORT, &json!({"content": content})).await.expect(201);
        assert_eq!(made["name"], "Large");
        let problem = api.post(IMPORT, &json!({"content": of_length(MOST_FILE_BYTES + 3)})).await.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], "template_file_too_large", "{problem}");
        let problem = api.post(IMPORT, &json!({"content": "x".repeat(2_621_440)})).await.expect_problem(413, "body_too_large");
        assert_eq!(problem["args"]["limit"], 2_621_440);
        // Nothing else takes that much.
        api.post(TEMPLATES, &json!({"name": "x".repeat(1_048_576)})).await.expect_problem(413, "body_too_large");
    }

    every_starter_can_be_imported => |server| {
        let api = server.api(&[Role::Operator]).await;
        let shown = api.get("/api/v1/template-starters").await.expect(200);
        assert_eq!(shown["total"].as_u64(), Some(starters().len() as u64));
        for starter in shown["items"].as_array().expect("starters") {
            let made = api.post(IMPORT, &json!({"content": starter["content"]})).await.expect(201);
            assert_eq!((&made["name"], &made["content"]["settings"]), (&starter["name"], &starter["settings"]));
            assert!(starter["description"].as_str().is_some_and(|text| text.len() > 40), "{starter}");
        }
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], shown["total"]);
        let ids: Vec<&Value> = shown["items"].as_array().expect("starters").iter().map(|one| &one["id"]).collect();
        assert!(ids.contains(&&json!("asterisk")), "{ids:?}");
    }
}
