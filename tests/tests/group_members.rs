//! Belonging to a group: membership follows what a phone reports and what its fields say, at once, and with it what is
//! desired of it (D-18, D-19, D-21); lists, plans and actions of a group.

use std::collections::BTreeMap;

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, TestServer, message, on_both_databases, raw_phone, reply};
use wire::{Action, Item, ItemStatus, Reason};

const GROUPS: &str = "/api/v1/groups";
const TEMPLATES: &str = "/api/v1/templates";
const CLIENTS: &str = "/api/v1/clients";
const LABEL: &str = "mobile-user.general.display-id";
const LABEL_ITEM: &str = "display-id-unicode";
const SERVER: &str = "telephony.sip-settings.server-address";

/// A phone whose every answer the test knows.
struct Desk {
    source: [u8; 4],
    items: BTreeMap<String, String>,
    messages: u32,
    /// Texts it does not take, whatever the item.
    refuses: Vec<String>,
    /// Orders to write that it had.
    writes: u32,
}

impl Desk {
    /// A phone at 127.62.<block>.<place>, not heard of yet. Its number ends with the place.
    fn new(block: u8, place: u8) -> Self {
        let items = [
            ("device-type", "OpenStage 40".to_owned()),
            ("software-type", "Siemens SIP".to_owned()),
            ("software-version", "V3 R5.16.0".to_owned()),
            ("mac-addr", format!("00:1A:E8:62:{block:02X}:{place:02X}")),
            ("e164", (4_930_000 + u32::from(place)).to_string()),
            ("basic-e164", (4_930_000 + u32::from(place)).to_string()),
            ("reg-addr", "sip1.example.net".to_owned()),
            (LABEL_ITEM, "as it came".to_owned()),
        ];
        let items = items.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { source: [127, 62, block, place], items, messages: 0, refuses: Vec::new(), writes: 0 }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.items.insert(name.to_owned(), value.to_owned());
    }

    fn has_number(&mut self, digits: &str) {
        self.set("e164", digits);
        self.set("basic-e164", digits);
    }

    fn value(&self, name: &str) -> &str {
        self.items.get(name).map_or("", String::as_str)
    }

    fn nonce(&mut self) -> String {
        self.messages += 1;
        format!("D{}-{}-{}", self.source[2], self.source[3], self.messages)
    }

    /// Comes with everything it has, and does what it is told until the session ends.
    async fn comes(&mut self, server: &TestServer) {
        let mut phone = raw_phone(server.phone_port(), self.source);
        let all: Vec<Item> =
            self.items.iter().map(|(name, value)| Item::new(name.as_str(), value.as_str())).collect();
        let mut answer = phone.send(&message(&self.nonce(), Reason::StartUp, all)).await;
        for _ in 0..10 {
            let items = match &answer.action {
                Action::CleanUp => return,
                Action::WriteItems => {
                    self.writes += 1;
                    let (refused, taken): (Vec<Item>, Vec<Item>) =
                        answer.items.iter().cloned().partition(|item| self.refuses.contains(&item.value));
                    self.items.extend(taken.into_iter().map(|item| (item.name, item.value)));
                    refused.into_iter().map(|item| item.with_status(ItemStatus::InvalidData)).collect()
                }
                Action::ReadItems => answer
                    .items
                    .iter()
                    .map(|item| Item::new(item.name.as_str(), self.value(&item.name)))
                    .collect(),
                Action::ReadAllItems => {
                    self.items.iter().map(|(name, value)| Item::new(name.as_str(), value.as_str())).collect()
                }
                other => panic!("not expected: {other:?}"),
            };
            answer = phone.send(&reply(&self.nonce(), answer.action.clone(), items)).await;
        }
        panic!("the session does not end");
    }

    async fn client(&self, api: &ApiClient) -> Value {
        tests::desk::client_of(api, self.value("mac-addr")).await
    }

    /// Names of its groups.
    async fn groups(&self, api: &ApiClient) -> Vec<String> {
        let client = self.client(api).await;
        let groups = client["groups"].as_array().expect("groups").iter();
        groups.map(|group| group["name"].as_str().expect("a name").to_owned()).collect()
    }
}

/// Phones that have come once.
async fn desks(server: &TestServer, block: u8, count: u8) -> Vec<Desk> {
    let mut desks = Vec::new();
    for place in 1..=count {
        let mut desk = Desk::new(block, place);
        desk.comes(server).await;
        desks.push(desk);
    }
    desks
}

fn test(test: Value) -> Value {
    Value::Object([("test".to_owned(), test)].into_iter().collect())
}

fn number(digits: &str) -> Value {
    test(json!({"field": "e164", "is": digits}))
}

async fn template(api: &ApiClient, name: &str, parameter: &str, value: &str) -> Value {
    let body = json!({"name": name, "kind": "default", "values": [{"parameter": parameter, "value": value}]});
    api.post(TEMPLATES, &body).await.expect(201)["id"].clone()
}

async fn group(api: &ApiClient, name: &str, filter: Value, templates: &[&Value]) -> Value {
    let body = json!({"name": name, "filter": filter, "templates": templates});
    api.post(GROUPS, &body).await.expect(201)["id"].clone()
}

/// Two groups whose members get their names as a label; made before there are clients, so without a plan.
async fn north_and_south(api: &ApiClient, north: Value, south: Value) {
    for (name, filter) in [("North", north), ("South", south)] {
        let template = template(api, name, LABEL, name).await;
        group(api, name, filter, &[&template]).await;
    }
}

/// Figures of the plan that a change waits for, and its number.
async fn planned(answer: tests::ApiAnswer) -> (Value, [Value; 3]) {
    let args = answer.expect_problem(409, "plan_required")["args"].clone();
    (args["plan"].clone(), ["affected", "writes", "conflicts"].map(|name| args[name].clone()))
}

async fn apply(api: &ApiClient, plan: &Value) -> Value {
    api.post(&format!("/api/v1/plans/{plan}/apply"), &json!({})).await.expect(201)
}

/// A phone of the north reports something else and is one of the south: with its next sessions it gets their label.
async fn moves(
    server: &mut TestServer,
    block: u8,
    north: Value,
    south: Value,
    change: impl FnOnce(&mut Desk),
) {
    let api = server.api(&[Role::Operator]).await;
    north_and_south(&api, north, south).await;
    let mut desk = Desk::new(block, 1);
    desk.comes(server).await;
    desk.comes(server).await;
    assert_eq!((desk.groups(&api).await, desk.value(LABEL_ITEM)), (vec!["North".to_owned()], "North"));
    change(&mut desk);
    desk.comes(server).await;
    assert_eq!(desk.groups(&api).await, ["South"]);
    desk.comes(server).await;
    assert_eq!(desk.value(LABEL_ITEM), "South");
    let jobs = api.get("/api/v1/jobs?kind=converge").await.expect(200);
    assert_eq!(jobs["total"], 2, "{jobs}");
    for (name, members) in [("North", 0), ("South", 1)] {
        let list = api.get(&format!("{GROUPS}?search={name}")).await.expect(200);
        assert_eq!(list["items"][0]["members"], members, "{name}");
    }
}

on_both_databases! {
    a_phone_with_another_number_changes_group => |server| {
        moves(server, 1, number("4930001"), number("4930002"), |desk| desk.has_number("4930002")).await;
    }

    a_phone_at_another_address_changes_group => |server| {
        let at = |address: &str| test(json!({"field": "address", "network": address}));
        moves(server, 2, at("127.62.2.1/32"), at("127.62.2.8/29"), |desk| desk.source[3] = 9).await;
    }

    a_phone_at_another_server_changes_group => |server| {
        let at = |name: &str| test(json!({"field": "server-address", "pattern": name}));
        moves(server, 3, at("SIP1.*"), at("sip2.*"), |desk| desk.set("reg-addr", "sip2.example.net")).await;
    }

    a_phone_with_other_software_changes_group => |server| {
        let old = test(json!({"field": "software-version", "below": "V3 R5.17.0"}));
        let new = test(json!({"field": "software-version", "at_least": "V3 R5.17.0"}));
        moves(server, 4, old, new, |desk| desk.set("software-version", "V3 R5.17.0")).await;
    }

    what_was_changed_at_the_phone_does_not_hold_back_the_value_of_another_group => |server| {
        let api = server.api(&[Role::Operator]).await;
        north_and_south(&api, number("4930001"), number("4930002")).await;
        let mut desk = desks(server, 10, 1).await.remove(0);
        desk.comes(server).await;
        assert_eq!(desk.value(LABEL_ITEM), "North");
        desk.set(LABEL_ITEM, "mine");
        for _ in 0..2 {
            desk.comes(server).await;
            assert_eq!(desk.value(LABEL_ITEM), "mine", "drift is not undone (D-23)");
        }
        desk.has_number("4930002");
        desk.comes(server).await;
        assert_eq!(desk.value(LABEL_ITEM), "South");
        desk.set(LABEL_ITEM, "mine again");
        for _ in 0..2 {
            desk.comes(server).await;
            assert_eq!(desk.value(LABEL_ITEM), "mine again", "drift from the new value is drift too");
        }
        assert_eq!(desk.client(&api).await["drifted"], 1);
        // Where nothing is desired, nothing differs from it.
        desk.has_number("4930003");
        desk.comes(server).await;
        assert_eq!((desk.client(&api).await["drifted"].clone(), desk.value(LABEL_ITEM)), (json!(0), "mine again"));
    }

    what_a_phone_refused_does_not_hold_back_the_value_of_another_group => |server| {
        let api = server.api(&[Role::Operator]).await;
        north_and_south(&api, number("4930001"), number("4930002")).await;
        let mut desk = Desk::new(11, 1);
        desk.refuses = vec!["North".to_owned()];
        for _ in 0..3 {
            desk.comes(server).await;
        }
        assert_eq!((desk.value(LABEL_ITEM), desk.writes), ("as it came", 1), "not tried again");
        desk.has_number("4930002");
        desk.comes(server).await;
        assert_eq!((desk.value(LABEL_ITEM), desk.writes), ("South", 2));
    }

    a_plan_writes_what_it_showed_and_what_comes_by_membership_has_a_job_of_its_own => |server| {
        let api = server.api(&[Role::Operator]).await;
        north_and_south(&api, number("4930001"), number("4930002")).await;
        let all = template(&api, "All", SERVER, "sip1.example.net").await;
        let mut desk = desks(server, 12, 1).await.remove(0);
        desk.comes(server).await;
        assert_eq!(desk.value(LABEL_ITEM), "North");
        let any = api.clone().if_match("*");
        let values = json!({"values": [{"parameter": SERVER, "value": "sip9.example.net"}]});
        let (plan, _) = planned(any.patch(&format!("{TEMPLATES}/{all}"), &values).await).await;
        let job = apply(&api, &plan).await["job_id"].clone();
        desk.has_number("4930002");
        desk.comes(server).await;
        assert_eq!((desk.value("reg-addr"), desk.value(LABEL_ITEM)), ("sip9.example.net", "South"));
        let target = tests::desk::target(&api, &job).await;
        let detail = api.get(&format!("/api/v1/jobs/{job}/targets/{}", target["id"])).await.expect(200);
        let rows = detail["rows"].as_array().expect("rows").iter().map(|row| &row["item"]);
        assert_eq!(rows.collect::<Vec<_>>(), ["reg-addr"], "what the plan showed, and nothing else");
        assert_eq!(detail["state"], "success");
        let jobs = api.get("/api/v1/jobs?kind=converge").await.expect(200);
        assert_eq!(jobs["total"], 3, "{jobs}");
    }

    who_has_left_a_group_does_not_wait_for_its_plan => |server| {
        let api = server.api(&[Role::Operator]).await;
        let label = template(&api, "North", LABEL, "North").await;
        group(&api, "North", number("4930001"), &[&label]).await;
        let other = template(&api, "South", LABEL, "South").await;
        group(&api, "South", number("4930002"), &[&other]).await;
        let mut desk = desks(server, 13, 1).await.remove(0);
        desk.comes(server).await;
        let any = api.clone().if_match("*");
        let values = json!({"values": [{"parameter": LABEL, "value": "Far North"}]});
        let (plan, _) = planned(any.patch(&format!("{TEMPLATES}/{label}"), &values).await).await;
        let job = apply(&api, &plan).await["job_id"].clone();
        desk.has_number("4930002");
        desk.comes(server).await;
        assert_eq!(desk.value(LABEL_ITEM), "South");
        assert_eq!(tests::desk::target(&api, &job).await["reason"], "superseded");
    }

    the_number_of_a_mobile_user_is_not_that_of_the_phone => |server| {
        let api = server.api(&[Role::Operator]).await;
        group(&api, "North", number("4930001"), &[]).await;
        let mut desk = desks(server, 5, 1).await.remove(0);
        desk.set("e164", "4939999");
        desk.comes(server).await;
        assert_eq!(desk.groups(&api).await, ["North"]);
    }

    a_field_of_a_client_moves_it_once_the_plan_is_applied => |server| {
        let api = server.api(&[Role::Operator]).await;
        api.post("/api/v1/client-fields", &json!({"name": "site", "label": "Site"})).await.expect(201);
        let at = |site: &str| test(json!({"field": "client-field", "name": "site", "is": site}));
        north_and_south(&api, at("Hamburg"), at("Munich")).await;
        let mut desk = desks(server, 6, 1).await.remove(0);
        let client = desk.client(&api).await;
        let path = format!("{CLIENTS}/{}/fields", client["id"]);
        let any = api.clone().if_match("*");
        let hamburg = json!({"fields": {"site": "hamburg"}});
        let (plan, figures) = planned(any.put(&path, &hamburg).await).await;
        assert_eq!(figures, [json!(1), json!(1), json!(0)]);
        assert_eq!(desk.client(&api).await["fields"], json!({}), "nothing is saved yet");
        let shown = api.get(&format!("/api/v1/plans/{plan}")).await.expect(200);
        let change = json!([{"object": "client", "id": client["id"], "name": "4930001", "action": "change", "changed": ["site"]}]);
        assert_eq!((&shown["kind"], &shown["fleet"]), (&json!("change-fleet"), &change));
        apply(&api, &plan).await;
        let client = desk.client(&api).await;
        assert_eq!((&client["fields"], &client["groups"][0]["name"]), (&json!({"site": "hamburg"}), &json!("North")));
        desk.comes(server).await;
        assert_eq!(desk.value(LABEL_ITEM), "North");
        // To no group at all: nothing is desired any more, and the phone keeps what it has.
        let (plan, figures) = planned(any.put(&path, &json!({"fields": {"site": "Berlin"}})).await).await;
        assert_eq!(figures, [json!(1), json!(0), json!(0)]);
        apply(&api, &plan).await;
        desk.comes(server).await;
        assert_eq!((desk.groups(&api).await, desk.value(LABEL_ITEM)), (Vec::new(), "North"));
        // Between places where no template looks: saved at once.
        let saved = any.put(&path, &json!({"fields": {"site": "Bremen"}})).await.expect(200);
        assert_eq!(saved["fields"], json!({"site": "Bremen"}));
    }

    a_new_group_with_a_template_is_planned => |server| {
        let api = server.api(&[Role::Operator]).await;
        let label = template(&api, "Label", LABEL, "Lobby").await;
        // As long as it is attached to a group of nobody, it applies to nobody.
        group(&api, "Nowhere", Value::Null, &[&label]).await;
        let mut desks = desks(server, 7, 3).await;
        let filter = json!({"any": [number("4930001"), number("4930002")]});
        let body = json!({"name": "Lobby", "filter": filter, "templates": [label]});
        let (plan, figures) = planned(api.post(GROUPS, &body).await).await;
        assert_eq!(figures, [json!(2), json!(2), json!(0)]);
        assert_eq!(api.get(GROUPS).await.expect(200)["total"], 1, "nothing is saved yet");
        let shown = api.get(&format!("/api/v1/plans/{plan}")).await.expect(200);
        assert_eq!(shown["fleet"], json!([{"object": "group", "id": null, "name": "Lobby", "action": "create", "changed": []}]));
        let applied = apply(&api, &plan).await;
        assert_eq!((&applied["targets"], applied["groups"].as_array().map(Vec::len)), (&json!(2), Some(1)));
        let lobby = format!("{GROUPS}/{}", applied["groups"][0]);
        assert_eq!(api.get(&lobby).await.expect(200)["members"], 2);
        for desk in &mut desks {
            desk.comes(server).await;
        }
        let labels: Vec<&str> = desks.iter().map(|desk| desk.value(LABEL_ITEM)).collect();
        assert_eq!(labels, ["Lobby", "Lobby", "as it came"]);
        // Another name changes nothing for phones and is saved at once; other members do.
        let any = api.clone().if_match("*");
        any.patch(&lobby, &json!({"name": "Foyer"})).await.expect(200);
        let (_, figures) = planned(any.patch(&lobby, &json!({"filter": {"all": []}})).await).await;
        assert_eq!(figures, [json!(1), json!(1), json!(0)], "the third comes in");
        let (_, figures) = planned(any.patch(&lobby, &json!({"templates": []})).await).await;
        assert_eq!(figures, [json!(2), json!(0), json!(0)], "two have it no longer");
        // Deleting it takes the template from its members, which keep what they have.
        let (plan, figures) = planned(any.delete(&lobby).await).await;
        assert_eq!(figures, [json!(2), json!(0), json!(0)]);
        apply(&api, &plan).await;
        api.get(&lobby).await.expect_problem(404, "not_found");
        // The last group it is attached to: now it applies to everybody (D-19).
        let (plan, figures) = planned(api.post(&format!("{GROUPS}/delete"), &json!({"search": ""})).await).await;
        assert_eq!(figures, [json!(3), json!(1), json!(0)], "two have it already");
        apply(&api, &plan).await;
        desks[2].comes(server).await;
        assert_eq!(desks[2].value(LABEL_ITEM), "Lobby");
        assert_eq!(api.get(GROUPS).await.expect(200)["total"], 0);
    }

    attaching_a_template_to_a_group_takes_it_from_everybody_else => |server| {
        let api = server.api(&[Role::Operator]).await;
        let label = template(&api, "Label", LABEL, "Everybody").await;
        let made = group(&api, "One", number("4930001"), &[]).await;
        let mut desks = desks(server, 8, 3).await;
        for desk in &mut desks {
            desk.comes(server).await;
            assert_eq!(desk.value(LABEL_ITEM), "Everybody");
        }
        let any = api.clone().if_match("*");
        let path = format!("{GROUPS}/{made}");
        let (plan, figures) = planned(any.patch(&path, &json!({"templates": [label]})).await).await;
        assert_eq!(figures[1..], [json!(0), json!(0)], "nothing is written");
        assert!(figures[0].as_u64() >= Some(2), "two have it no longer: {figures:?}");
        apply(&api, &plan).await;
        let configured = async |desk: &Desk| {
            let id = desk.client(&api).await["id"].clone();
            api.get(&format!("{CLIENTS}/{id}/configuration?only=desired")).await.expect(200)["items"].clone()
        };
        assert_eq!(configured(&desks[0]).await[0]["origin"], "group-template");
        assert_eq!(configured(&desks[1]).await, json!([]));
        let to = api.get(&format!("{CLIENTS}?template={label}")).await.expect(200);
        assert_eq!((&to["total"], &to["items"][0]["e164"]), (&json!(1), &json!("4930001")));
    }

    a_filter_on_what_the_groups_own_template_writes_is_refused => |server| {
        let api = server.api(&[Role::Operator]).await;
        let any = api.clone().if_match("*");
        let by_server = test(json!({"field": "server-address", "is": "sip1.example.net"}));
        let moving = template(&api, "Moving", SERVER, "sip2.example.net").await;
        let harmless = template(&api, "Harmless", LABEL, "x").await;
        let loops = |answer: tests::ApiAnswer, field: &str| {
            assert_eq!(answer.refused_fields(), [format!("{field}: filter_loops")], "{}", answer.text);
            let error = &answer.json()["errors"][0];
            assert!(error["args"]["template"].is_string() && error["args"]["parameter"] == SERVER, "{error}");
        };
        let body = json!({"name": "Loop", "filter": by_server, "templates": [moving]});
        loops(api.post(GROUPS, &body).await, "/filter");
        let nested = json!({"all": [{"not": by_server}, number("4930001")]});
        loops(api.post(GROUPS, &json!({"name": "Loop", "filter": nested, "templates": [moving]})).await, "/filter");
        let without = group(&api, "Without", number("4930001"), &[&moving]).await;
        loops(any.patch(&format!("{GROUPS}/{without}"), &json!({"filter": by_server})).await, "/filter");
        let with = group(&api, "With", by_server, &[&harmless]).await;
        loops(any.patch(&format!("{GROUPS}/{with}"), &json!({"templates": [moving, harmless]})).await, "/filter");
        let values = json!({"values": [{"parameter": SERVER, "value": "sip3.example.net"}]});
        loops(any.patch(&format!("{TEMPLATES}/{harmless}"), &values).await, "/values");
        assert_eq!(api.get(GROUPS).await.expect(200)["total"], 2);
    }

    lists_exports_plans_and_actions_take_a_group => |server| {
        let api = server.api(&[Role::Operator]).await;
        let label = template(&api, "Label", LABEL, "Lobby").await;
        let two = json!({"any": [number("4930001"), number("4930002")]});
        let lobby = group(&api, "Lobby", two, &[&label]).await;
        let empty = group(&api, "Empty", Value::Null, &[]).await;
        let desks = desks(server, 9, 3).await;
        let numbers = async |query: &str| {
            let list = api.get(&format!("{CLIENTS}?{query}")).await.expect(200);
            let items = list["items"].as_array().expect("a list").clone();
            assert_eq!(list["total"], items.len());
            items.iter().map(|client| client["e164"].as_str().expect("a number").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&format!("group={lobby}")).await, ["4930001", "4930002"]);
        assert_eq!(numbers(&format!("template={label}")).await, ["4930001", "4930002"]);
        assert_eq!(numbers(&format!("group={lobby}&search=4930002")).await, ["4930002"]);
        assert_eq!(numbers(&format!("group={empty}")).await, Vec::<String>::new());
        let export = api.get(&format!("{CLIENTS}/export?format=json&group={lobby}")).await.expect(200);
        assert_eq!(export.as_array().map(Vec::len), Some(2));
        for (name, code) in [("group", "unknown_group"), ("template", "unknown_template")] {
            let refused = api.get(&format!("{CLIENTS}?{name}=999999")).await;
            assert_eq!(refused.refused_fields(), [format!("{name}: {code}")]);
            let refused = api.get(&format!("{CLIENTS}/export?{name}=999999")).await;
            assert_eq!(refused.refused_fields(), [format!("{name}: {code}")]);
            let mut body = json!({"action": "refresh", "targets": {"filter": {}}});
            body["targets"]["filter"][name] = json!(999_999);
            let refused = api.post(&format!("{CLIENTS}/actions"), &body).await;
            assert_eq!(refused.refused_fields(), [format!("/targets/filter/{name}: {code}")]);
        }
        let targets = json!({"filter": {"group": lobby}});
        let plan = json!({
            "kind": "write-configuration", "targets": targets, "changes": [{"parameter": SERVER, "value": "sip9.example.net"}],
        });
        let plan = api.post("/api/v1/plans", &plan).await.expect(201);
        assert_eq!((&plan["summary"]["targets"], &plan["summary"]["writes"]), (&json!(2), &json!(2)));
        let job = api.post(&format!("{CLIENTS}/actions"), &json!({"action": "refresh", "targets": targets})).await.expect(201);
        let rows = api.get(&format!("/api/v1/jobs/{}/targets", job["id"])).await.expect(200);
        assert_eq!(rows["total"], 2);
        let nobody = json!({"action": "refresh", "targets": {"filter": {"group": empty}}});
        api.post(&format!("{CLIENTS}/actions"), &nobody).await.expect_problem(409, "no_targets");
        drop(desks);
    }
}
