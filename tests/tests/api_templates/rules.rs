//! What templates make of phones: one becomes desired by its plan, ranks, conflicts, layers, variables, phones that come
//! later, drift (D-18, D-19, D-22, D-23).

use domain::Role;
use serde_json::{Value, json};
use simulator::Opening;
use tests::desk::{self, job_becomes};
use tests::{ApiClient, on_both_databases, wait_until};

use super::{
    LABEL, NAME, PORT, SERVER, TEMPLATES, apply, change, clients, comes, delete, fleet, layers, make, more,
    new, plan_of, reads, roll_out, set, stands, starts_up, with,
};

fn ranked(name: &str, rank: u16, server: &str) -> Value {
    with(new(name, &[(SERVER, json!(server))]), "rank", rank)
}

async fn id_of(api: &ApiClient, path: &str) -> Value {
    api.get(path).await.expect(200)["id"].clone()
}

on_both_databases! {
    a_template_reaches_phones_by_its_plan_and_nothing_else => |server| {
        let phones = fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let body = new("Hamburg", &[(SERVER, json!("sip9.example.net"))]);
        let refused = api.post(TEMPLATES, &body).await;
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0, "nothing is saved");
        let plan = plan_of(&api, refused).await;
        let summary = &plan["summary"];
        assert_eq!((&summary["affected"], &summary["writes"], &summary["restarts"]), (&json!(2), &json!(2), &json!(2)));
        let fleet = json!([{"object": "template", "id": null, "name": "Hamburg", "action": "create", "changed": [SERVER]}]);
        assert_eq!(plan["fleet"], fleet);
        let applied = api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
        let path = format!("{TEMPLATES}/{}", applied["templates"][0]);
        assert_eq!(api.get(&path).await.expect(200)["name"], "Hamburg");
        let job = api.get(&format!("/api/v1/jobs/{}", applied["job_id"])).await.expect(200);
        assert_eq!((&job["kind"], &job["cause"], &job["plan"]), (&json!("converge"), &json!("templates"), &plan["id"]));
        let id = clients(&api).await[0].clone();
        let state = stands(&api, &id, SERVER).await;
        assert_eq!((&state["desired"], &state["origin"], &state["state"]), (&json!("sip9.example.net"), &json!("default-template"), &json!("pending")));
        assert_eq!(state["origin_template"], json!({"id": id_of(&api, &path).await, "name": "Hamburg"}));
        for phone in &phones {
            comes(phone).await;
            assert_eq!(reads(phone, "reg-addr").await, "sip9.example.net");
        }
        job_becomes(&api, &applied["job_id"], "success").await;
        assert_eq!(stands(&api, &id, SERVER).await["state"], "in-step");
        // What changes nothing for anybody is saved at once: another name, and what the phones have.
        change(&api, &path, &json!({"name": "Altona", "description": "x"})).await.expect(200);
        // A second template that agrees changes nothing either.
        make(&api, &new("Same", &[(SERVER, json!("sip9.example.net"))])).await;
        // And nobody has anything to write.
        assert_eq!(api.get("/api/v1/jobs").await.expect(200)["total"], 1);
    }

    a_plan_for_what_was_changed_meanwhile_is_stale => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let (path, _) = roll_out(&api, &new("A", &[(SERVER, json!("a.example.net"))])).await;
        let mine = plan_of(&api, set(&api, &path, SERVER, "b.example.net").await).await;
        change(&api, &path, &json!({"name": "B"})).await.expect(200);
        let answer = api.post(&format!("/api/v1/plans/{}/apply", mine["id"]), &json!({})).await;
        answer.expect_problem(412, "precondition_failed");
        let held = api.get(&format!("{path}/configuration?only=desired")).await.expect(200);
        assert_eq!(held["items"][0]["desired"], "a.example.net");
    }

    the_strongest_rank_wins_and_deleting_it_lets_the_weaker_through => |server| {
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        let (weak, _) = roll_out(&api, &ranked("Weak", 5, "weak.example.net")).await;
        let (strong, job) = roll_out(&api, &ranked("Strong", 2, "strong.example.net")).await;
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "strong.example.net");
        job_becomes(&api, &job, "success").await;
        // A weaker one is of no account.
        set(&api, &weak, SERVER, "weaker.example.net").await.expect(200);
        let id = clients(&api).await[0].clone();
        let shown = layers(&api, &id, SERVER).await;
        let line = |layer: &Value| (layer["template"]["name"].clone(), layer["rank"].clone(), layer["wins"].clone(), layer["value"].clone());
        assert_eq!(shown.iter().map(line).collect::<Vec<_>>(), [
            (json!("Strong"), json!(2), json!(true), json!("strong.example.net")),
            (json!("Weak"), json!(5), json!(false), json!("weaker.example.net")),
        ]);
        let applied = apply(&api, delete(&api, &strong).await, json!({})).await;
        api.get(&strong).await.expect_problem(404, "not_found");
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "weaker.example.net");
        job_becomes(&api, &applied["job_id"], "success").await;
        assert_eq!(stands(&api, &id, SERVER).await["origin_template"]["name"], "Weak");
    }

    templates_of_one_rank_that_disagree_write_nothing => |server| {
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        let (first, job) = roll_out(&api, &ranked("First", 3, "first.example.net")).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        let plan = plan_of(&api, api.post(TEMPLATES, &ranked("Second", 3, "second.example.net")).await).await;
        let summary = &plan["summary"];
        assert_eq!((&summary["affected"], &summary["conflicts"], &summary["writes"]), (&json!(1), &json!(1), &json!(0)));
        let targets = api.get(&format!("/api/v1/plans/{}/targets", plan["id"])).await.expect(200);
        let conflict = json!([{"parameter": SERVER, "index": null, "templates": ["First", "Second"], "rank": 3}]);
        assert_eq!(targets["items"][0]["conflicts"], conflict);
        let applied = api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
        assert_eq!(applied["job_id"], Value::Null);
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "first.example.net", "nothing is written");
        let id = clients(&api).await[0].clone();
        let state = stands(&api, &id, SERVER).await;
        assert_eq!((&state["desired_set"], &state["state"], &state["reason"]["code"]), (&json!(false), &json!("left-out"), &json!("conflict")));
        assert_eq!(state["conflict"], json!(["First", "Second"]));
        let shown = layers(&api, &id, SERVER).await;
        assert_eq!(shown.len(), 2);
        assert!(shown.iter().all(|layer| layer["reason"]["code"] == "conflict" && layer["wins"] == false), "{shown:?}");
        // Another rank ends it.
        let applied = apply(&api, change(&api, &first, &json!({"rank": 4})).await, json!({})).await;
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "second.example.net");
        job_becomes(&api, &applied["job_id"], "success").await;
    }

    an_own_value_is_stronger_and_without_it_the_template_is_written => |server| {
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        let id = clients(&api).await[0].clone();
        let own = desk::set(&api, std::slice::from_ref(&id), SERVER, json!("own.example.net"), json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &own, "success").await;
        let path = make(&api, &new("A", &[(SERVER, json!("template.example.net"))])).await;
        set(&api, &path, SERVER, "other.example.net").await.expect(200);
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "own.example.net");
        let shown = layers(&api, &id, SERVER).await;
        let line = |layer: &Value| (layer["layer"].clone(), layer["wins"].clone(), layer["value"].clone());
        assert_eq!(shown.iter().map(line).collect::<Vec<_>>(), [
            (json!("client"), json!(true), json!("own.example.net")),
            (json!("default-template"), json!(false), json!("other.example.net")),
        ]);
        let removed = desk::set(&api, std::slice::from_ref(&id), SERVER, Value::Null, json!({})).await;
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "other.example.net");
        job_becomes(&api, &removed, "success").await;
        let state = stands(&api, &id, SERVER).await;
        assert_eq!((&state["origin"], &state["state"]), (&json!("default-template"), &json!("in-step")));
    }

    models_and_software_say_whom_a_template_is_for => |server| {
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        for (name, field, word) in [("Other model", "models", "CP200"), ("Other software", "software_types", "HFA")] {
            make(&api, &with(new(name, &[(SERVER, json!("other.example.net"))]), field, json!([word]))).await;
        }
        make(&api, &with(new("Onboarding", &[(SERVER, json!("other.example.net"))]), "kind", "onboarding")).await;
        let own = with(new("Own", &[(SERVER, json!("own.example.net"))]), "models", json!(["CP600"]));
        let (own, _) = roll_out(&api, &with(own, "software_types", json!(["SIP"]))).await;
        comes(&phone).await;
        assert_eq!(reads(&phone, "reg-addr").await, "own.example.net");
        let list = async |id: &Value| api.get(&format!("/api/v1/clients?template={id}")).await.expect(200)["total"].clone();
        assert_eq!(list(&id_of(&api, &own).await).await, 1);
        // No longer for it: the phone keeps what it has (nothing is desired then).
        let plan = plan_of(&api, change(&api, &own, &json!({"models": ["CP200"]})).await).await;
        assert_eq!((&plan["summary"]["affected"], &plan["summary"]["writes"]), (&json!(1), &json!(0)));
    }

    variables_make_a_value_of_each_phones_own => |server| {
        let phones = fleet(server, 2).await;
        let api = server.api(&[Role::Operator]).await;
        let site = json!({"name": "site", "label": "Site"});
        api.post("/api/v1/client-fields", &site).await.expect(201);
        let values = [(NAME, json!("{extension}")), (LABEL, json!("{site} {{{extension}}}"))];
        let (path, job) = roll_out(&api, &new("A", &values)).await;
        for phone in &phones {
            comes(phone).await;
        }
        job_becomes(&api, &job, "success").await;
        assert_eq!((reads(&phones[0], "sip-name").await, reads(&phones[1], "sip-name").await), ("0001".into(), "0002".into()));
        let id = clients(&api).await[0].clone();
        let state = stands(&api, &id, NAME).await;
        assert_eq!((&state["desired"], &state["variables"], &state["state"]), (&json!("0001"), &json!(true), &json!("in-step")));
        let layer = layers(&api, &id, NAME).await[0].clone();
        assert_eq!((&layer["value"], &layer["written"], &layer["wins"]), (&json!("0001"), &json!("{extension}"), &json!(true)));
        // Nobody has a site: the value is left out.
        let state = stands(&api, &id, LABEL).await;
        assert_eq!((&state["desired_set"], &state["state"], &state["reason"]["code"]), (&json!(false), &json!("left-out"), &json!("variable-missing")));
        let layer = layers(&api, &id, LABEL).await[0].clone();
        assert_eq!((&layer["value"], &layer["reason"]["code"], &layer["wins"]), (&Value::Null, &json!("variable-missing"), &json!(false)));
        // What comes of it must be a value of the parameter.
        let refused = set(&api, &path, PORT, "{mac}").await;
        let applied = apply(&api, refused, json!({})).await;
        assert_eq!(applied["job_id"], Value::Null);
        let state = stands(&api, &id, PORT).await;
        assert_eq!(state["reason"]["code"], "variable-refused");
    }

    a_phone_that_comes_later_gets_the_values_by_itself => |server| {
        let api = server.api(&[Role::Operator]).await;
        make(&api, &new("A", &[(SERVER, json!("template.example.net")), (NAME, json!("{extension}"))])).await;
        let phone = fleet(server, 1).await.remove(0);
        wait_until(async || {
            comes(&phone).await;
            reads(&phone, "reg-addr").await == "template.example.net" && reads(&phone, "sip-name").await == "0001"
        }).await;
        let jobs = api.get("/api/v1/jobs?kind=converge").await.expect(200);
        assert_eq!((&jobs["total"], &jobs["items"][0]["cause"]), (&json!(1), &json!("start-up")));
    }

    drift_is_left_alone_by_a_template_that_says_nothing_of_it => |server| {
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        let (path, job) = roll_out(&api, &new("A", &[(SERVER, json!("a.example.net")), (NAME, json!("{extension}"))])).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        phone
            .with_machine(|machine, _| machine.phone_mut().change_locally("reg-addr", None, "local.example.net"))
            .await
            .expect("a change at the phone");
        phone.session(&Opening::LocalChanges).await.expect("a session");
        let id = clients(&api).await[0].clone();
        assert_eq!(stands(&api, &id, SERVER).await["state"], "drift");
        let applied = apply(&api, set(&api, &path, NAME, "9{extension}").await, json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &applied["job_id"], "success").await;
        assert_eq!((reads(&phone, "sip-name").await, reads(&phone, "reg-addr").await), ("90001".into(), "local.example.net".into()));
        assert_eq!(stands(&api, &id, SERVER).await["state"], "drift");
        // A change of just this value is what somebody wants now.
        let applied = apply(&api, set(&api, &path, SERVER, "b.example.net").await, json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &applied["job_id"], "success").await;
        assert_eq!(reads(&phone, "reg-addr").await, "b.example.net");
    }

    a_refusal_with_a_plan_is_no_answer_that_is_kept => |server| {
        fleet(server, 1).await;
        let api = server.api(&[Role::Operator]).await;
        let keyed = api.clone().with_header("idempotency-key", "template-1");
        let body = new("A", &[(SERVER, json!("a.example.net"))]);
        plan_of(&api, keyed.post(TEMPLATES, &body).await).await;
        apply(&api, keyed.post(TEMPLATES, &body).await, json!({})).await;
        keyed.post(TEMPLATES, &body).await.expect_problem(409, "name_taken");
        // Several are deleted by one plan, or none of them.
        let other = make(&api, &new("B", &[])).await;
        let plan = plan_of(&api, api.post(&format!("{TEMPLATES}/delete"), &json!({"search": ""})).await).await;
        let line = |change: &Value| (change["name"].clone(), change["action"].clone());
        let fleet = plan["fleet"].as_array().expect("changes");
        assert_eq!(fleet.iter().map(line).collect::<Vec<_>>(), [(json!("A"), json!("delete")), (json!("B"), json!("delete"))]);
        api.get(&other).await.expect(200);
        api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
        assert_eq!(api.get(TEMPLATES).await.expect(200)["total"], 0);
        // So does a file.
        let file = format!("format = \"workpoint-template\"\nversion = 1\nname = \"F\"\ntype = \"default\"\n[parameters]\n\"{SERVER}\" = \"f.example.net\"\n");
        let applied = apply(&api, api.post(&format!("{TEMPLATES}/import"), &json!({"content": file})).await, json!({})).await;
        assert_eq!(api.get(&format!("{TEMPLATES}/{}", applied["templates"][0])).await.expect(200)["name"], "F");
    }

    layers_say_by_which_group_and_from_which_template_they_come => |server| {
        let api = server.api(&[Role::Operator]).await;
        let onboarding = with(new("First time", &[(SERVER, json!("first.example.net"))]), "kind", "onboarding");
        let onboarding = make(&api, &onboarding).await;
        make(&api, &ranked("Everywhere", 1, "everywhere.example.net")).await;
        let inner = make(&api, &ranked("Inner", 9, "inner.example.net")).await;
        let filter = json!({"test": {"field": "e164", "pattern": "4989*"}});
        let group = json!({"name": "Munich", "filter": filter, "templates": [id_of(&api, &inner).await]});
        let group = api.post("/api/v1/groups", &group).await.expect(201)["id"].clone();
        fleet(server, 1).await;
        let id = clients(&api).await[0].clone();
        wait_until(async || layers(&api, &id, SERVER).await.len() == 3).await;
        let line = |layer: &Value| (layer["layer"].clone(), layer["template"]["name"].clone(), layer["wins"].clone());
        let shown = layers(&api, &id, SERVER).await;
        assert_eq!(shown.iter().map(line).collect::<Vec<_>>(), [
            (json!("group-template"), json!("Inner"), json!(true)),
            (json!("default-template"), json!("Everywhere"), json!(false)),
            (json!("onboarding"), json!("First time"), json!(false)),
        ]);
        assert_eq!(shown[0]["groups"], json!([{"id": group, "name": "Munich"}]));
        assert_eq!((&shown[1]["groups"], &shown[2]["rank"]), (&json!([]), &Value::Null));
        // The values a phone was given when it came stay, and so does the name of their template.
        delete(&api, &onboarding).await.expect(204);
        let last = layers(&api, &id, SERVER).await[2].clone();
        assert_eq!(last["template"], json!({"id": null, "name": "First time"}));
        assert_eq!((&last["value"], &last["reason"]), (&json!("first.example.net"), &Value::Null));
    }

    layers_are_shown_for_parameters_there_are => |server| {
        let phone = more(server, 1).await.remove(0);
        starts_up(&phone).await;
        let api = server.api(&[Role::Viewer]).await;
        let id = clients(&api).await[0].clone();
        assert_eq!(layers(&api, &id, SERVER).await, Vec::<Value>::new());
        let path = format!("/api/v1/clients/{id}/layers");
        for (query, refused) in [
            ("", "parameter: missing"),
            ("?parameter=", "parameter: missing"),
            ("?parameter=nothing", "parameter: unknown_parameter"),
            (&format!("?parameter={SERVER}&index=1"), "index: invalid"),
            (&format!("?parameter={SERVER}&index=x"), "index: wrong_type"),
            ("?parameter=records.lines.address&index=0", "index: invalid"),
            ("?parameters=x", "parameters: unknown_field"),
        ] {
            assert_eq!(api.get(&format!("{path}{query}")).await.refused_fields(), [refused], "{query}");
        }
    }

    what_templates_alone_take_reaches_phones_and_is_shown => |server| {
        const TIME: &str = "general.date-time.time-format";
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        let id = clients(&api).await[0].clone();
        let rows = |api: &ApiClient| {
            let (api, path) = (api.clone(), format!("/api/v1/clients/{id}/configuration?size=500&search={TIME}"));
            async move { api.get(&path).await.expect(200)["total"].clone() }
        };
        assert_eq!(rows(&api).await, 0, "clients have it from templates only");
        let (_, job) = roll_out(&api, &new("A", &[(TIME, json!("12 Hour"))])).await;
        comes(&phone).await;
        job_becomes(&api, &job, "success").await;
        assert_eq!(reads(&phone, "time-format").await, "1");
        let state = stands(&api, &id, TIME).await;
        assert_eq!((&state["desired"], &state["origin"], &state["state"]), (&json!("12 Hour"), &json!("default-template"), &json!("in-step")));
        assert_eq!(rows(&api).await, 1);
    }

    an_own_value_is_stronger_than_a_template_that_names_the_same_item_otherwise => |server| {
        const ENABLED: &str = "security.general.web-based-management-enabled";
        const ALLOWED: &str = "features.feature-availability.web-based-management-allowed";
        let phone = fleet(server, 1).await.remove(0);
        let api = server.api(&[Role::Operator]).await;
        let id = clients(&api).await[0].clone();
        let own = desk::set(&api, std::slice::from_ref(&id), ALLOWED, json!(false), json!({})).await;
        comes(&phone).await;
        job_becomes(&api, &own, "success").await;
        let before = reads(&phone, "enable-WBM").await;
        let refused = api.post(TEMPLATES, &new("A", &[(ENABLED, json!(true))])).await;
        apply(&api, refused, json!({})).await;
        comes(&phone).await;
        assert_eq!(reads(&phone, "enable-WBM").await, before);
        assert_eq!(stands(&api, &id, ALLOWED).await["state"], "in-step");
        let weaker = stands(&api, &id, ENABLED).await;
        assert_eq!((&weaker["state"], &weaker["reason"]["code"]), (&json!("left-out"), &json!("stronger-layer")));
        // Without the own value the template has the item.
        desk::set(&api, std::slice::from_ref(&id), ALLOWED, Value::Null, json!({})).await;
        comes(&phone).await;
        assert_eq!(stands(&api, &id, ENABLED).await["state"], "in-step");
        assert_ne!(reads(&phone, "enable-WBM").await, before);
    }
}
