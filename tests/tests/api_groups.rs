//! Groups through the API: made, changed, deleted, listed, previewed, refused (OSEM §8, D-19). What belonging to one
//! does is in `group_members.rs`.

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, TestServer, items, message, on_both_databases, raw_phone};
use wire::Reason;

const GROUPS: &str = "/api/v1/groups";

/// Clients of the numbers 4930100 to 4930100 + count - 1, at 127.61.<block>.1 and following addresses.
async fn clients(server: &TestServer, block: u8, count: u8) {
    for place in 0..count {
        let mut phone = raw_phone(server.phone_port(), [127, 61, block, place + 1]);
        let basic = items(&[
            ("device-type", "OpenStage 40"),
            ("software-type", "Siemens SIP"),
            ("software-version", "V3 R5.16.0"),
            ("mac-addr", &format!("00:1A:E8:61:{block:02X}:{place:02X}")),
            ("e164", &format!("{}", 4_930_100 + u32::from(place))),
        ]);
        phone.send(&message(&format!("G{block}-{place}"), Reason::StartUp, basic)).await;
    }
}

fn numbers(from: &str, to: &str) -> Value {
    json!({"test": {"field": "e164", "range": {"from": from, "to": to}}})
}

async fn group(api: &ApiClient, name: &str, filter: Value) -> Value {
    api.post(GROUPS, &json!({"name": name, "filter": filter})).await.expect(201)
}

fn path(group: &Value) -> String {
    format!("{GROUPS}/{}", group["id"])
}

/// An onboarding template changes nothing for clients there are, so it is made without a plan.
async fn template(api: &ApiClient, name: &str, rank: u16) -> Value {
    let body = json!({"name": name, "kind": "onboarding", "rank": rank});
    api.post("/api/v1/templates", &body).await.expect(201)["id"].clone()
}

async fn names(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{GROUPS}{query}")).await.expect(200);
    let all = list["items"].as_array().expect("a list").iter();
    all.map(|group| group["name"].as_str().expect("a name").to_owned()).collect()
}

on_both_databases! {
    a_group_is_made_changed_and_deleted => |server| {
        clients(server, 1, 3).await;
        let api = server.api(&[Role::Operator]).await;
        let (weak, strong) = (template(&api, "Weak", 5).await, template(&api, "Strong", 1).await);
        let body = json!({
            "name": " Hamburg ", "description": "Third floor\n", "filter": numbers("4930101", "4930199"), "templates": [weak, strong],
        });
        let answer = api.post(GROUPS, &body).await;
        let (location, tag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
        let made = answer.expect(201);
        assert_eq!((location.as_str(), tag.as_str()), (path(&made).as_str(), "\"1\""));
        assert_eq!((&made["name"], &made["description"]), (&json!("Hamburg"), &json!("Third floor")));
        assert_eq!((&made["members"], &made["subjects"], &made["revision"]), (&json!(2), &json!(["e164"]), &json!(1)));
        assert_eq!(made["filter"], numbers("4930101", "4930199"));
        assert_eq!(made["templates"], json!([{"id": strong, "name": "Strong"}, {"id": weak, "name": "Weak"}]), "by rank");
        let read = api.get(&location).await;
        assert_eq!(read.header("etag"), "\"1\"");
        assert_eq!(read.expect(200), made);
        let filter = json!({"all": [{"test": {"field": "model", "one_of": ["OS40"]}}, {"not": {"test": {"field": "address", "network": "127.61.1.1/32"}}}]});
        let change = json!({"filter": filter, "templates": []});
        let answer = api.clone().if_match(&tag).patch(&location, &change).await;
        let tag = answer.header("etag").to_owned();
        let changed = answer.expect(200);
        assert_eq!((&changed["name"], &changed["filter"], &changed["templates"]), (&made["name"], &filter, &json!([])));
        assert_eq!((&changed["subjects"], &changed["revision"], tag.as_str()), (&json!(["address", "model"]), &json!(2), "\"2\""));
        // The same once more changes nothing.
        let again = api.clone().if_match(&tag).patch(&location, &change).await.expect(200);
        assert_eq!(again, changed);
        let nobody = api.clone().if_match(&tag).patch(&location, &json!({"filter": null})).await.expect(200);
        assert_eq!((&nobody["filter"], &nobody["members"], &nobody["subjects"]), (&Value::Null, &json!(0), &json!([])));
        api.clone().if_match("\"3\"").delete(&location).await.expect(204);
        api.clone().if_match("\"3\"").delete(&location).await.expect_problem(404, "not_found");
        let auditor = server.api(&[Role::Auditor]).await;
        for (action, before, after) in
            [("group.create", Value::Null, json!("Hamburg")), ("group.delete", json!("Hamburg"), Value::Null)]
        {
            let audit = auditor.get(&format!("/api/v1/audit?action={action}")).await.expect(200);
            let record = &audit["items"][0];
            assert_eq!((&audit["total"], &record["object_kind"]), (&json!(1), &json!("group")), "{action}");
            assert_eq!(record["object_id"], made["id"].to_string(), "{action}");
            assert_eq!((&record["details"]["before"]["name"], &record["details"]["after"]["name"]), (&before, &after));
        }
        let changes = auditor.get("/api/v1/audit?action=group.change").await.expect(200);
        assert_eq!(changes["total"], 2, "the same once more is no change");
    }

    who_did_not_read_it_does_not_change_it => |server| {
        let api = server.api(&[Role::Operator]).await;
        let made = group(&api, "Hamburg", Value::Null).await;
        let new = json!({"name": "Kiel"});
        api.patch(&path(&made), &new).await.expect_problem(428, "precondition_required");
        api.delete(&path(&made)).await.expect_problem(428, "precondition_required");
        let stale = api.clone().if_match("\"7\"");
        stale.patch(&path(&made), &new).await.expect_problem(412, "precondition_failed");
        stale.delete(&path(&made)).await.expect_problem(412, "precondition_failed");
        let any = api.clone().if_match("*");
        for place in ["/999999", "/x"] {
            let place = format!("{GROUPS}{place}");
            any.get(&place).await.expect_problem(404, "not_found");
            any.patch(&place, &new).await.expect_problem(404, "not_found");
            any.delete(&place).await.expect_problem(404, "not_found");
        }
        let other = group(&api, "Kiel", Value::Null).await;
        for name in ["Kiel", " kIEL"] {
            let body = json!({"name": name});
            let problem = api.post(GROUPS, &body).await.expect_problem(409, "name_taken");
            assert_eq!(problem["args"]["name"], name.trim());
            any.patch(&path(&made), &body).await.expect_problem(409, "name_taken");
        }
        let own = any.patch(&path(&other), &json!({"name": "KIEL"})).await.expect(200);
        assert_eq!(own["name"], "KIEL", "the own name is free for itself");
    }

    a_repeated_call_makes_one_group => |server| {
        let api = server.api(&[Role::Operator]).await;
        let keyed = api.clone().with_header("idempotency-key", "group-1");
        let body = json!({"name": "Hamburg"});
        let first = keyed.post(GROUPS, &body).await.expect(201);
        let second = keyed.post(GROUPS, &body).await;
        assert_eq!(second.header("idempotency-replayed"), "true");
        assert_eq!(second.expect(201), first);
        keyed.post(GROUPS, &json!({"name": "Kiel"})).await.expect_problem(422, "idempotency_key_reused");
        api.post(GROUPS, &body).await.expect_problem(409, "name_taken");
        assert_eq!(api.get(GROUPS).await.expect(200)["total"], 1);
    }

    a_group_that_cannot_be_is_refused_with_the_place_of_the_fault => |server| {
        let api = server.api(&[Role::Operator]).await;
        let long = |count| "x".repeat(count);
        let test = |test: Value| json!({"test": test});
        let deep = json!({"all": [{"any": [{"all": []}]}]});
        let many: Vec<Value> = (0..51).map(|_| test(json!({"field": "e164", "is": "1"}))).collect();
        let words: Vec<String> = (0..51).map(|word| format!("M{word}")).collect();
        let filters = [
            (test(json!({"field": "e164", "is": "49x"})), "/filter/test/is: not_digits"),
            (test(json!({"field": "e164", "pattern": "49%"})), "/filter/test/pattern: not_digits"),
            (numbers("4999", "4900"), "/filter/test/range/to: from_after_to"),
            (test(json!({"field": "address", "is": "10.0.0"})), "/filter/test/is: not_an_address"),
            (test(json!({"field": "address", "network": "10.0.0.0/33"})), "/filter/test/network: not_a_network"),
            (test(json!({"field": "address", "range": {"from": "10.0.0.1", "to": "::1"}})), "/filter/test/range/to: other_family"),
            (test(json!({"field": "model", "one_of": []})), "/filter/test/one_of: empty"),
            (test(json!({"field": "model", "one_of": words})), "/filter/test/one_of: too_many"),
            (test(json!({"field": "model", "one_of": [" "]})), "/filter/test/one_of/0: unknown_model"),
            (test(json!({"field": "software-type", "one_of": ["SIP", "H323"]})), "/filter/test/one_of/1: unknown_software_type"),
            (test(json!({"field": "software-version", "below": "newest"})), "/filter/test/below: not_a_version"),
            (test(json!({"field": "server-address", "is": long(101)})), "/filter/test/is: too_long"),
            (test(json!({"field": "client-field", "name": "site", "is": "x"})), "/filter/test/name: unknown_field"),
            (json!({"any": [test(json!({"field": "e164", "is": ""}))]}), "/filter/any/0/test/is: empty"),
            (json!({"all": many}), "/filter: too_many"),
            (deep, "/filter/all/0/any/0: too_deep"),
        ];
        for (filter, wanted) in &filters {
            let answer = api.post(GROUPS, &json!({"name": "Hamburg", "filter": filter})).await;
            assert_eq!(answer.refused_fields(), [*wanted], "{filter}");
            answer.expect_problem(422, "invalid_fields");
            let preview = api.post(&format!("{GROUPS}/preview"), &json!({"filter": filter})).await;
            assert_eq!(preview.refused_fields(), [*wanted], "{filter}");
        }
        let made = group(&api, "Kiel", Value::Null).await;
        let answer = api.clone().if_match("*").patch(&path(&made), &json!({"filter": filters[0].0})).await;
        assert_eq!(answer.refused_fields(), [filters[0].1]);
        let fifty_one: Vec<i64> = (0..51).collect();
        let bodies = [
            (json!({}), "/name: missing"),
            (json!({"name": " "}), "/name: missing"),
            (json!({"name": long(101)}), "/name: too_long"),
            (json!({"name": "a\nb"}), "/name: control_character"),
            (json!({"name": "a", "description": long(2_001)}), "/description: too_long"),
            (json!({"name": "a", "templates": [999_999]}), "/templates/0: unknown_template"),
            (json!({"name": "a", "templates": [7, 7]}), "/templates/1: given_twice"),
            (json!({"name": "a", "templates": fifty_one}), "/templates: too_many"),
            (json!({"name": "a", "rank": 1}), "/rank: unknown_field"),
            (json!({"name": "a", "filter": {"some": []}}), "/filter/some: unknown_field"),
            (json!({"name": "a", "filter": []}), "/filter: wrong_type"),
        ];
        for (body, wanted) in bodies {
            let answer = api.post(GROUPS, &body).await;
            assert_eq!(answer.refused_fields(), [wanted], "{body}: {}", answer.text);
            answer.expect_problem(422, "invalid_fields");
        }
        assert_eq!(api.get(GROUPS).await.expect(200)["total"], 1);
    }

    only_who_changes_templates_changes_groups => |server| {
        let operator = server.api(&[Role::Operator]).await;
        let made = group(&operator, "Hamburg", json!({"all": []})).await;
        let viewer = server.api(&[Role::Viewer]).await;
        viewer.get(GROUPS).await.expect(200);
        viewer.get(&path(&made)).await.expect(200);
        viewer.post(&format!("{GROUPS}/preview"), &json!({"filter": null})).await.expect(200);
        let any = viewer.clone().if_match("*");
        viewer.post(GROUPS, &json!({"name": "Kiel"})).await.expect_problem(403, "forbidden");
        any.patch(&path(&made), &json!({"name": "Kiel"})).await.expect_problem(403, "forbidden");
        any.delete(&path(&made)).await.expect_problem(403, "forbidden");
        viewer.post(&format!("{GROUPS}/delete"), &json!({"search": ""})).await.expect_problem(403, "forbidden");
        let auditor = server.api(&[Role::Auditor]).await;
        auditor.get(GROUPS).await.expect_problem(403, "forbidden");
    }

    the_list_is_searched_sorted_and_paged => |server| {
        clients(server, 2, 4).await;
        let api = server.api(&[Role::Operator]).await;
        let template = template(&api, "Welcome", 1).await;
        group(&api, "beta", numbers("4930100", "4930102")).await;
        group(&api, "Alpha", numbers("4930103", "4930103")).await;
        let body = json!({"name": "gamma", "description": "those of ALPHA too", "filter": {"all": []}, "templates": [template]});
        api.post(GROUPS, &body).await.expect(201);
        group(&api, "delta", Value::Null).await;
        assert_eq!(names(&api, "").await, ["Alpha", "beta", "delta", "gamma"]);
        assert_eq!(names(&api, "?sort=-name").await, ["gamma", "delta", "beta", "Alpha"]);
        assert_eq!(names(&api, "?sort=-members").await, ["gamma", "beta", "Alpha", "delta"]);
        assert_eq!(names(&api, "?sort=members&page=2&size=2").await, ["beta", "gamma"]);
        assert_eq!(names(&api, "?search=alpha").await, ["Alpha", "gamma"]);
        assert_eq!(names(&api, &format!("?template={template}")).await, ["gamma"]);
        assert_eq!(names(&api, "?template=999999").await, Vec::<String>::new());
        let page = api.get(&format!("{GROUPS}?size=3")).await.expect(200);
        assert_eq!((&page["total"], &page["size"], &page["page"]), (&json!(4), &json!(3), &json!(1)));
        let members: Vec<&Value> = page["items"].as_array().expect("a list").iter().map(|group| &group["members"]).collect();
        assert_eq!(members, [&json!(1), &json!(3), &json!(0)]);
        assert_eq!(api.get(&format!("{GROUPS}?sort=filter")).await.refused_fields(), ["sort: not_a_choice"]);
        assert_eq!(api.get(&format!("{GROUPS}?size=501")).await.refused_fields(), ["size: out_of_range"]);
        api.get(&format!("{GROUPS}?page=201")).await.expect_problem(422, "page_too_deep");
    }

    a_preview_shows_who_belongs_to_a_filter_and_where_else => |server| {
        clients(server, 3, 12).await;
        let api = server.api(&[Role::Operator]).await;
        let half = group(&api, "Half", numbers("4930100", "4930105")).await;
        let one = group(&api, "One", numbers("4930104", "4930104")).await;
        group(&api, "None", numbers("4930900", "4930999")).await;
        group(&api, "Empty", Value::Null).await;
        let ask = async |mut body: Value| {
            // What others have in common with it is counted when it is asked for.
            let plain = api.post(&format!("{GROUPS}/preview"), &body).await.expect(200);
            assert_eq!(plain["overlaps"], json!([]));
            body["overlaps"] = json!(true);
            let full = api.post(&format!("{GROUPS}/preview"), &body).await.expect(200);
            assert_eq!((&full["members"], &full["clients"]), (&plain["members"], &plain["clients"]));
            full
        };
        let preview = ask(json!({"filter": numbers("4930102", "4930111")})).await;
        assert_eq!(preview["members"], 10);
        let shown: Vec<&Value> = preview["clients"].as_array().expect("clients").iter().map(|client| &client["e164"]).collect();
        let wanted: Vec<Value> = (2..10).map(|place| json!((4_930_100 + place).to_string())).collect();
        assert_eq!(shown, wanted.iter().collect::<Vec<_>>(), "the first eight by number");
        let first = &preview["clients"][0];
        assert_eq!((&first["peer_address"], &first["device_id"]), (&json!("127.61.3.3"), &json!("00:1a:e8:61:03:02")));
        assert_eq!(preview["overlaps"], json!([
            {"id": half["id"], "name": "Half", "members": 4}, {"id": one["id"], "name": "One", "members": 1},
        ]));
        let own = ask(json!({"filter": numbers("4930102", "4930111"), "group": half["id"]})).await;
        assert_eq!(own["overlaps"].as_array().map(Vec::len), Some(1), "not with itself");
        let nobody = json!({"members": 0, "clients": [], "overlaps": []});
        for filter in [Value::Null, json!({"any": []}), numbers("1", "2")] {
            assert_eq!(ask(json!({"filter": filter})).await, nobody, "{filter}");
        }
        assert_eq!(ask(json!({"filter": {"all": []}})).await["members"], 12);
        // More groups than are named.
        for place in 0..9 {
            group(&api, &format!("All {place}"), json!({"all": []})).await;
        }
        let many = ask(json!({"filter": {"all": []}})).await;
        assert_eq!(many["overlaps"].as_array().map(Vec::len), Some(8));
        assert_eq!(many["overlaps"][0], json!({"id": many["overlaps"][0]["id"], "name": "All 0", "members": 12}));
        assert_eq!(api.get(GROUPS).await.expect(200)["total"], 13, "nothing was saved");
    }

    many_groups_are_deleted_at_once => |server| {
        let api = server.api(&[Role::Operator]).await;
        let delete = async |body: Value| api.post(&format!("{GROUPS}/delete"), &body).await;
        let mut ids = Vec::new();
        for name in ["Hamburg", "Kiel", "Kiel harbour", "Lübeck"] {
            ids.push(group(&api, name, Value::Null).await["id"].clone());
        }
        assert_eq!(delete(json!({})).await.refused_fields(), ["/ids: missing"]);
        assert_eq!(delete(json!({"ids": [], "search": ""})).await.refused_fields(), ["/ids: missing"]);
        let many: Vec<i64> = (0..501).collect();
        assert_eq!(delete(json!({"ids": many})).await.refused_fields(), ["/ids: too_long"]);
        assert_eq!(delete(json!({"ids": []})).await.expect(200), json!({"deleted": 0}));
        assert_eq!(delete(json!({"ids": [ids[0], ids[0], 999_999]})).await.expect(200), json!({"deleted": 1}));
        assert_eq!(delete(json!({"search": "kiel"})).await.expect(200), json!({"deleted": 2}));
        assert_eq!(names(&api, "").await, ["Lübeck"]);
        assert_eq!(delete(json!({"search": ""})).await.expect(200), json!({"deleted": 1}));
        assert_eq!(delete(json!({"search": ""})).await.expect(200), json!({"deleted": 0}));
        let audit = server.api(&[Role::Auditor]).await.get("/api/v1/audit?action=group.delete").await.expect(200);
        assert_eq!(audit["total"], 4, "a record for each");
    }

    another_node_knows_it_at_once => |server| {
        let other = server.second_node().await;
        let api = server.api(&[Role::Operator]).await;
        let token = server.token("both", &[Role::Operator]).await;
        let there = other.anonymous().with_token(token.expose());
        assert_eq!(there.get(GROUPS).await.expect(200)["total"], 0);
        let made = group(&api, "Hamburg", json!({"all": []})).await;
        assert_eq!(there.get(&path(&made)).await.expect(200), made);
        there.clone().if_match("*").delete(&path(&made)).await.expect(204);
        api.get(&path(&made)).await.expect_problem(404, "not_found");
        other.stop().await;
    }
}
