//! Each operation: what it does, twice, for what is not there, with what it cannot take, for who may not, and in the
//! way of others. No phone is there: everything is saved at once.

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, on_both_databases};

use super::{LABEL, NAME, PASSWORD, PORT, SECRET, SERVER, TEMPLATES, change, delete, make, new, set, with};

async fn names(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{TEMPLATES}?{query}")).await.expect(200);
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|template| template["name"].as_str().expect("a name").to_owned()).collect()
}

/// Desired values of a template as its editor has them.
async fn values(api: &ApiClient, path: &str) -> Vec<(String, Value)> {
    let page = api.get(&format!("{path}/configuration?only=desired")).await.expect(200);
    let rows = page["items"].as_array().expect("rows");
    rows.iter()
        .map(|row| (row["parameter"].as_str().unwrap_or_default().to_owned(), row["desired"].clone()))
        .collect()
}

async fn group(api: &ApiClient, name: &str, templates: &[&Value]) -> Value {
    let body = json!({"name": name, "filter": {"all": []}, "templates": templates});
    api.post("/api/v1/groups", &body).await.expect(201)["id"].clone()
}

on_both_databases! {
    a_template_is_made_read_changed_and_removed => |server| {
        let api = server.api(&[Role::Operator]).await;
        let body = json!({
            "name": " Hamburg ", "description": "Line one\r\nline two", "kind": "default", "rank": 7,
            "models": ["CP600", "CP200"], "software_types": ["SIP"], "software_update": "only-newer",
            "secure_mode": "no-pin",
            "values": [
                {"parameter": SERVER, "value": "sip.example.net"}, {"parameter": NAME, "value": "{extension}"},
                {"parameter": PASSWORD, "value": SECRET},
            ],
        });
        let answer = api.post(TEMPLATES, &body).await;
        let (path, etag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
        let made = answer.expect(201);
        assert_eq!(path, format!("{TEMPLATES}/{}", made["id"]));
        assert_eq!((&made["name"], &made["description"]), (&json!("Hamburg"), &json!("Line one\nline two")));
        assert_eq!((&made["rank"], &made["models"]), (&json!(7), &json!(["CP200", "CP600"])));
        assert_eq!((&made["software_types"], &made["software_update"]), (&json!(["SIP"]), &json!("only-newer")));
        let content = json!({"settings": 3, "secrets": 1, "variables": 1, "secure_mode": true, "files": 0});
        assert_eq!(made["content"], content);
        assert_eq!((&made["groups"], &made["updated_by"]), (&json!([]), &json!("tester1")));
        let read = api.get(&path).await;
        assert_eq!(read.header("etag"), etag);
        assert_eq!(read.expect(200), made);
        let body = json!({
            "name": "Bremen", "secure_mode": null, "models": [],
            "values": [{"parameter": SERVER, "value": null}, {"parameter": PORT, "value": 5061}],
        });
        let answer = api.clone().if_match(&etag).patch(&path, &body).await;
        assert_ne!(answer.header("etag"), etag);
        let changed = answer.expect(200);
        assert_eq!((&changed["name"], &changed["secure_mode"], &changed["rank"]), (&json!("Bremen"), &Value::Null, &json!(7)));
        let content = json!({"settings": 3, "secrets": 1, "variables": 1, "secure_mode": false, "files": 0});
        assert_eq!(changed["content"], content);
        assert_eq!(changed["created_at"], made["created_at"]);
        let mut held = values(&api, &path).await;
        held.sort_by(|a, b| a.0.cmp(&b.0));
        let wanted = [(PASSWORD, Value::Null), (PORT, json!(5061)), (NAME, json!("{extension}"))];
        let mut wanted = wanted.map(|(id, value)| (id.to_owned(), value)).to_vec();
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(held, wanted);
        let last = api.get(&path).await.header("etag").to_owned();
        api.clone().if_match(&last).delete(&path).await.expect(204);
        api.clone().if_match(&last).delete(&path).await.expect_problem(404, "not_found");
        api.get(&path).await.expect_problem(404, "not_found");
        let audit = server.api(&[Role::Auditor]).await;
        let records = audit.get("/api/v1/audit?object_kind=template").await;
        assert!(!records.text.contains(SECRET), "{}", records.text);
        let records = records.expect(200);
        let records = records["items"].as_array().expect("records");
        let actions: Vec<&Value> = records.iter().map(|record| &record["action"]).collect();
        assert_eq!(actions, ["template.delete", "template.change", "template.create"]);
        assert!(records.iter().all(|record| record["object_name"] == "Bremen"), "{records:?}");
        assert_eq!(records[2]["details"]["set"][SERVER], "\"sip.example.net\"");
    }

    a_repeated_call_gets_its_first_answer => |server| {
        let api = server.api(&[Role::Operator]).await;
        let keyed = api.clone().with_header("idempotency-key", "template-1");
        let made = keyed.post(TEMPLATES, &new("A", &[(SERVER, json!("a.example.net"))])).await.expect(201);
        let again = keyed.post(TEMPLATES, &new("A", &[(SERVER, json!("a.example.net"))])).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201), made);
        keyed.post(TEMPLATES, &new("B", &[])).await.expect_problem(422, "idempotency_key_reused");
        let keyed = api.clone().with_header("idempotency-key", "template-2");
        let copy = format!("{TEMPLATES}/{}/copy", made["id"]);
        let copied = keyed.post(&copy, &json!({"name": "C"})).await.expect(201);
        delete(&api, &format!("{TEMPLATES}/{}", made["id"])).await.expect(204);
        assert_eq!(keyed.post(&copy, &json!({"name": "C"})).await.expect(201), copied);
        assert_eq!(names(&api, "").await, ["C"]);
        // What changes nothing is no change.
        let path = format!("{TEMPLATES}/{}", copied["id"]);
        let etag = api.get(&path).await.header("etag").to_owned();
        let same = json!({"name": "C", "values": [
            {"parameter": SERVER, "value": "a.example.net"}, {"parameter": PORT, "value": null},
        ]});
        assert_eq!(change(&api, &path, &same).await.header("etag"), etag);
    }

    nobody_overwrites_what_they_did_not_read => |server| {
        let api = server.api(&[Role::Operator]).await;
        let path = make(&api, &new("A", &[])).await;
        let etag = api.get(&path).await.header("etag").to_owned();
        let body = json!({"rank": 3});
        api.patch(&path, &body).await.expect_problem(428, "precondition_required");
        api.delete(&path).await.expect_problem(428, "precondition_required");
        api.clone().if_match(&etag).patch(&path, &body).await.expect(200);
        api.clone().if_match(&etag).patch(&path, &json!({"rank": 4})).await.expect_problem(412, "precondition_failed");
        api.clone().if_match(&etag).delete(&path).await.expect_problem(412, "precondition_failed");
        assert_eq!(api.get(&path).await.expect(200)["rank"], 3);
        api.clone().if_match("*").patch(&path, &json!({"rank": 5})).await.expect(200);
    }

    unknown_templates => |server| {
        let api = server.api(&[Role::Operator]).await.if_match("*");
        for id in ["999999", "0", "-1", "anna", "99999999999999999999"] {
            let path = format!("{TEMPLATES}/{id}");
            api.get(&path).await.expect_problem(404, "not_found");
            api.patch(&path, &json!({"rank": 3})).await.expect_problem(404, "not_found");
            api.delete(&path).await.expect_problem(404, "not_found");
            api.post(&format!("{path}/copy"), &json!({"name": "x"})).await.expect_problem(404, "not_found");
            api.get(&format!("{path}/configuration")).await.expect_problem(404, "not_found");
            api.get(&format!("{path}/export")).await.expect_problem(404, "not_found");
        }
        let deleted = api.post(&format!("{TEMPLATES}/delete"), &json!({"ids": [999_999]})).await.expect(200);
        assert_eq!(deleted["deleted"], 0);
        let layers = format!("/api/v1/clients/999999/layers?parameter={SERVER}");
        api.get(&layers).await.expect_problem(404, "not_found");
    }

    a_name_belongs_to_one_template => |server| {
        let api = server.api(&[Role::Operator]).await;
        let path = make(&api, &new("Hamburg", &[])).await;
        let other = make(&api, &new("Bremen", &[])).await;
        let problem = api.post(TEMPLATES, &new("HAMBURG", &[])).await.expect_problem(409, "name_taken");
        assert_eq!(problem["args"]["name"], "HAMBURG");
        api.post(&format!("{path}/copy"), &json!({"name": "bremen"})).await.expect_problem(409, "name_taken");
        change(&api, &other, &json!({"name": "hamburg "})).await.expect_problem(409, "name_taken");
        change(&api, &other, &json!({"name": "BREMEN"})).await.expect(200);
        let file = api.get(&format!("{path}/export")).await.text;
        let import = format!("{TEMPLATES}/import");
        api.post(&import, &json!({"content": file})).await.expect_problem(409, "name_taken");
        api.post(&import, &json!({"content": file, "name": "Kiel"})).await.expect(201);
    }

    fields_that_cannot_be_accepted_are_named => |server| {
        let api = server.api(&[Role::Operator]).await;
        let one = |parameter: &str, value: Value| new("A", &[(parameter, value)]);
        let values = |values: Value| with(new("A", &[]), "values", values);
        let entry = |index: Value| values(json!([{"parameter": "records.lines.address", "index": index, "value": "1"}]));
        let many: Vec<Value> = (0..1_001).map(|number| json!({"parameter": format!("x{number}"), "value": 1})).collect();
        for (body, refused) in [
            (with(new("A", &[]), "name", " "), "/name: missing"),
            (with(new("A", &[]), "name", "x".repeat(101)), "/name: too_long"),
            (with(new("A", &[]), "name", "a\nb"), "/name: control_character"),
            (with(new("A", &[]), "description", "x".repeat(2_001)), "/description: too_long"),
            (with(new("A", &[]), "description", "a\u{1b}b"), "/description: control_character"),
            (with(new("A", &[]), "kind", "strong"), "/kind: not_a_choice"),
            (with(new("A", &[]), "rank", 0), "/rank: out_of_range"),
            (with(new("A", &[]), "rank", 1_000), "/rank: out_of_range"),
            (with(new("A", &[]), "models", json!(["CP600", "Nothing"])), "/models/1: not_a_choice"),
            (with(new("A", &[]), "software_types", json!(["GW"])), "/software_types/0: not_a_choice"),
            (with(new("A", &[]), "software_types", json!(["SIP", "SIP", "HFA"])), "/software_types: too_long"),
            (with(new("A", &[]), "secure_mode", "on"), "/secure_mode: not_a_choice"),
            (with(new("A", &[]), "groups", json!([])), "/groups: unknown_field"),
            (values(json!(many)), "/values: too_long"),
            (values(json!([{"parameter": PORT, "value": 1}, {"parameter": PORT, "value": 2}])), "/values/1: given_twice"),
            (one("nothing", json!(1)), "/values/0/parameter: unknown_parameter"),
            (one("telephony.general.emergency-number", json!("112")), "/values/0/parameter: not_for_templates"),
            (one("general.general-information.device-type", json!("x")), "/values/0/value: read_only"),
            (one(PORT, Value::Null), "/values/0/value: missing"),
            (one(PORT, json!(1.5)), "/values/0/value: wrong_type"),
            (one(PORT, json!(70_000)), "/values/0/value: out_of_range"),
            (one(NAME, json!("{nobody}")), "/values/0/value: variable_unknown"),
            (one("telephony.sip-settings.e164-number", json!("+{e164}")), "/values/0/value: variable_loops"),
            (one(NAME, json!("{extension")), "/values/0/value: variable_syntax"),
            (entry(json!(0)), "/values/0/index: no_such_entry"),
            (entry(Value::Null), "/values/0/index: no_such_entry"),
            (values(json!([{"parameter": PORT, "index": 1, "value": 1}])), "/values/0/index: no_entries"),
        ] {
            let answer = api.post(TEMPLATES, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        assert_eq!(names(&api, "").await, [""; 0]);
        let path = make(&api, &new("A", &[])).await;
        for (body, refused) in [
            (json!({"name": null}), "/name: wrong_type"),
            (json!({"name": ""}), "/name: missing"),
            (json!({"rank": 0}), "/rank: out_of_range"),
            (json!({"models": ["x"]}), "/models/0: not_a_choice"),
            (json!({"revision": 3}), "/revision: unknown_field"),
            (json!({"values": [{"parameter": "nothing", "value": 1}]}), "/values/0/parameter: unknown_parameter"),
            (json!({"values": [{"parameter": PORT, "value": "x"}]}), "/values/0/value: wrong_type"),
        ] {
            let answer = change(&api, &path, &body).await;
            assert_eq!(answer.refused_fields(), [refused], "{}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        // What the catalogue has lost can still be removed.
        change(&api, &path, &json!({"values": [{"parameter": "nothing", "value": null}]})).await.expect(200);
        let copied = api.post(&format!("{path}/copy"), &json!({"name": ""})).await;
        assert_eq!(copied.refused_fields(), ["/name: missing"]);
        for (body, refused) in [
            (json!({}), "/ids: missing"),
            (json!({"ids": [1], "search": ""}), "/ids: missing"),
            (json!({"ids": (0..501).collect::<Vec<_>>()}), "/ids: too_long"),
        ] {
            assert_eq!(api.post(&format!("{TEMPLATES}/delete"), &body).await.refused_fields(), [refused]);
        }
    }

    values_that_contradict_are_refused_and_secrets_are_not_repeated => |server| {
        let api = server.api(&[Role::Operator]).await;
        let least = "security.password.admin-password-minimum-length";
        let password = "security.password.new-admin-password";
        let answer = api.post(TEMPLATES, &new("A", &[(least, json!(20)), (password, json!("Kurz1!"))])).await;
        assert_eq!(answer.refused_fields(), ["/values/1/value: password_too_short"], "{}", answer.text);
        assert!(!answer.text.contains("Kurz1!"), "{}", answer.text);
        // Against what the template has, too.
        let path = make(&api, &new("A", &[(least, json!(20))])).await;
        let answer = set(&api, &path, password, "Kurz1!").await;
        assert_eq!(answer.refused_fields(), ["/values/0/value: password_too_short"], "{}", answer.text);
        // What is offered for templates alone, too.
        let (allowed, channels) = ("network.wi-fi-settings.wi-fi-allowed-2-4-ghz-channels", "network.wi-fi-settings.wi-fi-manual-selected-2-4-ghz-channels");
        let answer = api.post(TEMPLATES, &new("C", &[(allowed, json!("All")), (channels, json!(["1"]))])).await;
        assert_eq!(answer.refused_fields(), ["/values/1/value: needs_value"], "{}", answer.text);
        let answer = api.post(TEMPLATES, &new("B", &[(PASSWORD, json!("{k4nar1}"))])).await;
        assert_eq!(answer.refused_fields(), ["/values/0/value: variable_unknown"]);
        assert!(!answer.text.contains("k4nar1"), "{}", answer.text);
    }

    only_some_may_change_templates => |server| {
        let api = server.api(&[Role::Operator]).await;
        let path = make(&api, &new("A", &[(SERVER, json!("a.example.net"))])).await;
        let viewer = server.api(&[Role::Viewer]).await.if_match("*");
        for read in ["", "/configuration", "/export"] {
            assert_eq!(viewer.get(&format!("{path}{read}")).await.status, 200, "{read}");
        }
        assert_eq!(viewer.get(TEMPLATES).await.expect(200)["total"], 1);
        assert_eq!(viewer.get("/api/v1/template-starters").await.expect(200)["total"], 5);
        viewer.post(TEMPLATES, &new("B", &[])).await.expect_problem(403, "forbidden");
        viewer.patch(&path, &json!({"rank": 2})).await.expect_problem(403, "forbidden");
        viewer.delete(&path).await.expect_problem(403, "forbidden");
        for (verb, body) in [("import", json!({"content": ""})), ("delete", json!({"search": ""}))] {
            viewer.post(&format!("{TEMPLATES}/{verb}"), &body).await.expect_problem(403, "forbidden");
        }
        viewer.post(&format!("{path}/copy"), &json!({"name": "B"})).await.expect_problem(403, "forbidden");
        let auditor = server.api(&[Role::Auditor]).await;
        auditor.get(TEMPLATES).await.expect_problem(403, "forbidden");
        auditor.get(&format!("/api/v1/clients/1/layers?parameter={SERVER}")).await.expect_problem(403, "forbidden");
        assert_eq!(names(&api, "").await, ["A"]);
    }

    templates_are_filtered_and_sorted => |server| {
        let api = server.api(&[Role::Operator]).await;
        let berlin = with(with(new("Berlin", &[(SERVER, json!("a")), (PORT, json!(1))]), "rank", 3), "models", json!(["CP600"]));
        make(&api, &berlin).await;
        server.clock.advance(jiff::SignedDuration::from_secs(1));
        let aachen = with(with(new("aachen", &[(LABEL, json!("x"))]), "kind", "onboarding"), "description", "Near BERLIN?");
        let aachen = make(&api, &with(with(aachen, "rank", 2), "software_types", json!(["HFA"]))).await;
        server.clock.advance(jiff::SignedDuration::from_secs(1));
        make(&api, &with(new("Celle", &[]), "software_update", "always")).await;
        let id = api.get(&aachen).await.expect(200)["id"].clone();
        let group = group(&api, "Everybody", &[&id]).await;
        for (query, wanted) in [
            ("", vec!["aachen", "Berlin", "Celle"]),
            ("sort=-name", vec!["Celle", "Berlin", "aachen"]),
            ("sort=rank", vec!["Celle", "aachen", "Berlin"]),
            ("sort=-settings", vec!["Berlin", "aachen", "Celle"]),
            ("sort=-kind", vec!["aachen", "Berlin", "Celle"]),
            ("sort=software_update", vec!["Celle", "Berlin", "aachen"]),
            ("sort=-updated_at", vec!["Celle", "aachen", "Berlin"]),
            ("search=berlin", vec!["aachen", "Berlin"]),
            ("search=%25", vec![]),
            ("kind=default", vec!["Berlin", "Celle"]),
            ("model=CP200", vec!["aachen", "Celle"]),
            ("software_type=SIP", vec!["Berlin", "Celle"]),
            (&format!("group={group}"), vec!["aachen"]),
            (&format!("parameter={PORT}"), vec!["Berlin"]),
            ("size=1&page=2", vec!["Berlin"]),
            ("size=1&page=4", vec![]),
        ] {
            assert_eq!(names(&api, query).await, wanted, "{query}");
        }
        let named = json!([{"id": group, "name": "Everybody"}]);
        assert_eq!(api.get(&aachen).await.expect(200)["groups"], named);
        for (query, refused) in [
            ("sort=size", "sort: not_a_choice"),
            ("size=501", "size: out_of_range"),
            ("kind=x", "kind: not_a_choice"),
            ("group=999999", "group: unknown_group"),
            ("groups=1", "groups: unknown_field"),
        ] {
            assert_eq!(api.get(&format!("{TEMPLATES}?{query}")).await.refused_fields(), [refused]);
        }
        api.get(&format!("{TEMPLATES}?page=21&size=500")).await.expect_problem(422, "page_too_deep");
    }

    many_are_deleted_at_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let mut ids = Vec::new();
        for name in ["A1", "A2", "B1", "B2", "C"] {
            let path = make(&api, &new(name, &[(SERVER, json!("a.example.net"))])).await;
            ids.push(api.get(&path).await.expect(200)["id"].clone());
        }
        group(&api, "Everybody", &[&ids[2]]).await;
        let path = format!("{TEMPLATES}/delete");
        let twice = json!({"ids": [ids[0], ids[0], 999_999]});
        assert_eq!(api.post(&path, &twice).await.expect(200)["deleted"], 1);
        assert_eq!(api.post(&path, &twice).await.expect(200)["deleted"], 0);
        assert_eq!(api.post(&path, &json!({"search": "b"})).await.expect(200)["deleted"], 2);
        assert_eq!(names(&api, "").await, ["A2", "C"]);
        assert_eq!(api.get("/api/v1/groups").await.expect(200)["items"][0]["templates"], json!([]));
        assert_eq!(api.post(&path, &json!({"search": ""})).await.expect(200)["deleted"], 2);
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?action=template.delete").await.expect(200);
        assert_eq!(audit["total"], 5);
        let of_group = audit["items"].as_array().expect("records").iter().find(|record| record["object_name"] == "B1");
        assert_eq!(of_group.expect("a record")["details"]["groups"], json!(["Everybody"]));
    }

    the_editor_gets_what_a_template_can_hold => |server| {
        let api = server.api(&[Role::Operator]).await;
        let lines = "records.lines.address";
        let body = new("A", &[(SERVER, json!("a.example.net")), (NAME, json!("{e164}")), (PASSWORD, json!(SECRET))]);
        let path = make(&api, &body).await;
        let entry = json!({"values": [{"parameter": lines, "index": 2, "value": "4711"}]});
        change(&api, &path, &entry).await.expect(200);
        let row = async |id: &str| {
            let page = api.get(&format!("{path}/configuration?size=500&search={id}")).await.expect(200);
            page["items"].as_array().expect("rows").iter().find(|row| row["parameter"] == id).cloned()
        };
        assert!(row("general.general-information.device-type").await.is_none());
        let unset = row(LABEL).await.expect("a row");
        assert_eq!((&unset["desired"], &unset["desired_set"], &unset["variables"]), (&Value::Null, &json!(false), &json!(false)));
        let plain = row(SERVER).await.expect("a row");
        assert_eq!((&plain["desired"], &plain["desired_set"]), (&json!("a.example.net"), &json!(true)));
        assert_eq!((&plain["origin"], &plain["state"], &plain["reported"]), (&Value::Null, &Value::Null, &Value::Null));
        assert_eq!((&plain["item"], &plain["variables"]), (&json!("reg-addr"), &json!(false)));
        let name = row(NAME).await.expect("a row");
        assert_eq!((&name["desired"], &name["variables"]), (&json!("{e164}"), &json!(true)));
        let secret = row(PASSWORD).await.expect("a row");
        assert_eq!((&secret["desired"], &secret["desired_set"], &secret["secret"]), (&Value::Null, &json!(true), &json!(true)));
        let path = format!("{path}/configuration");
        let total = async |query: &str| api.get(&format!("{path}?{query}")).await.expect(200)["total"].clone();
        assert_eq!((total("only=desired").await, total("only=reported").await), (json!(4), json!(0)));
        assert_eq!(total("only=desired&area=telephony").await, json!(3));
        assert_eq!(total("only=desired&section=records.lines").await, json!(1));
        assert_eq!(total(&format!("only=desired&search={LABEL}")).await, json!(0));
        assert_eq!(api.get(&format!("{path}?area=nothing")).await.refused_fields(), ["area: not_a_choice"]);
        assert_eq!(api.get(&format!("{path}?only=x")).await.refused_fields(), ["only: not_a_choice"]);
    }
}
