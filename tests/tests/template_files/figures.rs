//! The figures of the firmware page lead to the clients they count: the filter `firmware` of the list of clients.

use domain::Role;
use serde_json::json;
use tests::on_both_databases;

use super::*;

const CLIENTS: &str = "/api/v1/clients";
const FIRMWARE: &str = "/api/v1/firmware";
const PLAN: &str = "/api/v1/firmware/plan";

/// What the figures say, and whom the filters of the same names take.
async fn figures(api: &ApiClient) -> [u64; 4] {
    let page = api.get(FIRMWARE).await.expect(200);
    let mut figures = [0; 4];
    let names = [("clients", "phones"), ("outdated", "outdated"), ("due", "due"), ("under_way", "updating")];
    for (place, (figure, filter)) in names.into_iter().enumerate() {
        let list = api.get(&format!("{CLIENTS}?firmware={filter}")).await.expect(200);
        assert_eq!(page[figure], list["total"], "{figure}: {page}");
        assert_eq!(list["items"].as_array().map(Vec::len), list["total"].as_u64().map(|n| n as usize));
        figures[place] = list["total"].as_u64().expect("a number");
    }
    figures
}

/// Numbers of the clients a filter takes.
async fn numbers(api: &ApiClient, query: &str) -> Vec<String> {
    let list = api.get(&format!("{CLIENTS}?{query}")).await.expect(200);
    let numbers = list["items"].as_array().expect("clients").iter();
    numbers.map(|one| one["e164"].as_str().expect("a number").to_owned()).collect()
}

/// A group of one number, with a template.
async fn grouped(api: &ApiClient, name: &str, number: &str, template: &str) {
    let id: u64 = template.rsplit('/').next().expect("an id").parse().expect("a number");
    let filter = json!({"test": {"field": "e164", "is": number}});
    let group = json!({"name": name, "filter": filter, "templates": [id]});
    api.post("/api/v1/groups", &group).await.expect(201);
}

on_both_databases! {
    every_figure_leads_to_the_clients_it_counts => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting(BY_RULE, "off").await;
        assert_eq!(figures(&api).await, [0, 0, 0, 0]);
        let mut desks = [1, 2, 3, 4].map(|place| Desk::new(40, place));
        desks[3].version = NEW.to_owned();
        for desk in &mut desks {
            desk.starts(server).await;
        }
        // Nobody has come for it yet, and it has no software.
        api.post(CLIENTS, &json!({"e164": "4966099", "model": MODEL})).await.expect(201);
        assert_eq!(figures(&api).await, [4, 0, 0, 0]);
        let page = api.get(FIRMWARE).await.expect(200);
        assert_eq!(page["models"].as_array().map(Vec::len), Some(1), "{page}");
        let newest = software(&api, NEW).await;
        assert_eq!(figures(&api).await, [4, 3, 0, 0]);
        // One of them is in a group whose template updates nobody, and software is brought to all others.
        grouped(&api, "Never", "4966001", &bringing(&api, "Strong", "disabled", &[]).await).await;
        bringing(&api, "All", "only-newer", &[&newest]).await;
        assert_eq!(figures(&api).await, [4, 3, 2, 0]);
        assert_eq!(numbers(&api, "firmware=due&sort=e164").await, ["4966002", "4966003"]);
        assert_eq!(numbers(&api, "firmware=due&search=4966003").await, ["4966003"]);
        let model = MODEL.replace(' ', "%20");
        let of = format!("firmware=outdated&model={model}&software_type=SIP&sort=-e164");
        assert_eq!(numbers(&api, &of).await, ["4966003", "4966002", "4966001"]);
        assert_eq!(numbers(&api, "firmware=outdated&software_type=HFA").await, Vec::<String>::new());
        assert_eq!(numbers(&api, "firmware=due&state=quarantined").await, Vec::<String>::new());
        let exported = api.get(&format!("{CLIENTS}/export?firmware=due&format=json")).await.expect(200);
        assert_eq!(exported.as_array().map(Vec::len), Some(2));
        // What is done for all that a filter takes is done for these.
        let due = json!({"targets": {"filter": {"firmware": "due"}}, "error_limit": 1});
        let plan = api.post(PLAN, &due).await.expect(201);
        assert_eq!(plan["summary"]["targets"], 2);
        let applied = api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await.expect(201);
        assert!(desks[1].starts(server).await.is_some(), "{applied}");
        assert_eq!(figures(&api).await, [4, 3, 2, 1]);
        assert_eq!(numbers(&api, "firmware=updating").await, ["4966002"]);
        desks[1].version = NEW.to_owned();
        desks[1].starts(server).await;
        assert_eq!(figures(&api).await, [4, 2, 1, 0]);
        for word in ["old", "Due", "true"] {
            api.get(&format!("{CLIENTS}?firmware={word}")).await.expect_problem(422, "invalid_fields");
        }
        let unknown = json!({"targets": {"filter": {"firmware": "old"}}});
        api.post(PLAN, &unknown).await.expect_problem(422, "invalid_fields");
    }

    who_is_due_is_found_with_many_templates_too => |server| {
        let api = server.api(&[Role::Operator]).await;
        server.change_setting(BY_RULE, "off").await;
        for place in 1..=3 {
            Desk::new(41, place).starts(server).await;
        }
        let newest = software(&api, NEW).await;
        // More different groups than clients are counted by: each client is looked at.
        for number in 4_966_003..4_966_044 {
            let name = format!("Template {number}");
            let rule = if number == 4_966_003 { "disabled" } else { "only-newer" };
            grouped(&api, &name, &number.to_string(), &bringing(&api, &name, rule, &[]).await).await;
        }
        assert_eq!(figures(&api).await, [3, 3, 0, 0]);
        bringing(&api, "All", "only-newer", &[&newest]).await;
        assert_eq!(figures(&api).await, [3, 3, 2, 0]);
        assert_eq!(numbers(&api, "firmware=due&sort=e164").await, ["4966001", "4966002"]);
    }

    a_list_of_outdated_clients_is_read_on_while_others_come => |server| {
        let api = server.api(&[Role::Operator]).await;
        software(&api, NEW).await;
        for place in 1..=2 {
            Desk::new(42, place).starts(server).await;
        }
        let path = format!("{CLIENTS}?firmware=outdated&sort=e164&size=1");
        let first = api.get(&path).await.expect(200);
        assert_eq!((&first["items"][0]["e164"], &first["total"]), (&json!("4966001"), &json!(2)));
        // One of another version: whom the filter takes is another matter now, what was asked for is not.
        let mut other = Desk::new(42, 3);
        other.version = "V3 R1.1.0".to_owned();
        other.starts(server).await;
        let next = first["next"].as_str().expect("more");
        let second = api.get(&format!("{path}&after={next}")).await.expect(200);
        assert_eq!((&second["items"][0]["e164"], &second["total"]), (&json!("4966002"), &json!(3)));
        let others = format!("{CLIENTS}?firmware=due&sort=e164&size=1&after={next}");
        api.get(&others).await.expect_problem(422, "invalid_fields");
    }

    one_click_says_when_and_after_how_many_failures_it_stops => |server| {
        let api = server.api(&[Role::Operator]).await;
        Desk::new(43, 1).starts(server).await;
        software(&api, NEW).await;
        let how = json!({"priority": "immediate", "error_limit": 3, "success_limit": 8});
        let plan = api.post(PLAN, &how).await.expect(201);
        let said = &plan["deployment"];
        assert_eq!(
            (&said["priority"], &said["error_limit"], &said["success_limit"]),
            (&json!("immediate"), &json!(3), &json!(8))
        );
        let plan = api.post(PLAN, &json!({})).await.expect(201);
        let said = &plan["deployment"];
        assert_eq!((&said["priority"], &said["error_limit"]), (&json!("normal"), &json!(null)));
        let never = json!({"error_limit": 0, "success_limit": 0});
        let refused = api.post(PLAN, &never).await.refused_fields();
        assert_eq!(refused, ["/error_limit: out_of_range", "/success_limit: out_of_range"]);
    }
}
