//! Every parameter of the catalogue that can be delivered is set, reaches a phone as the item table says, and comes
//! back as reported (D-13 … D-17, D-22). What cannot be tested so is listed in `untested.tsv`, with its reason; the
//! list is exact, so that nobody adds to it unnoticed.

mod choice;
mod expectation;
mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use choice::{Case, cases};
use domain::Role;
use domain::catalogue::{Catalogue, Kind};
use serde_json::{Value, json};
use simulator::{Family, Opening, SimulateConfig, SimulatedPhone};
use tests::called::{Attended, fleet, network};
use tests::desk::{all_pages, apply, client_of, job_becomes, plan, refresh};
use tests::{TestServer, on_both_databases, phones};

/// Second byte of the networks of this program's phones.
const NETWORK: u8 = 74;

/// Everything a phone has is reported, so that items whose meaning is inferred are written (D-13).
const ITEMS: usize = 2_500;

/// What is so at the phone before: the value that the rules between parameters leave to be set, or the only one of
/// which the wire value is known, must not be there yet.
const AT_THE_PHONE: &[(&str, Option<u16>, &str)] = &[
    ("dhcp-reuse", None, "true"),
    ("port1", None, "1"),
    ("port2", None, "1"),
    ("qos-layer2", None, "false"),
    ("server-type", None, "0"),
    ("trace-level", Some(0), "3"),
];

/// Parameters whose value is given, since another one must not stand beside the rest: a VLAN needs layer 2 QoS
/// and the method Manual, an address no DHCP (OSEM §7.6.1).
const GIVEN: &[(&str, &str)] = &[
    ("network.general.dhcp-reuse-enabled", "false"),
    ("network.general.dhcpv4-enabled", "false"),
    ("network.general.vlan-discovery-method", "0"),
    ("network.quality-of-service.layer-2-enabled", "true"),
];

fn config(family: Family) -> impl FnOnce(&mut SimulateConfig) {
    move |config| {
        config.family = Some(family);
        config.models = vec!["CP600".parse().expect("a model")];
        config.items = ITEMS;
        config.unlock_dhcp_items = true;
    }
}

/// The first phone of a fleet with both its key modules: it has the most indexes. Prepared as above.
async fn richest(fleet: Vec<Arc<SimulatedPhone>>) -> Arc<SimulatedPhone> {
    for phone in fleet {
        let modules = phone.with_machine(|machine, _| machine.phone().identity().key_modules).await;
        if modules == 2 {
            phone.with_machine(|machine, _| prepare(machine.phone_mut())).await;
            return phone;
        }
    }
    panic!("no phone with two key modules");
}

fn prepare(phone: &mut simulator::Phone) {
    for (item, index, text) in AT_THE_PHONE {
        if phone.value(item, *index).is_some_and(|present| present != *text) {
            phone.change_locally(item, *index, text).unwrap_or_else(|status| panic!("{item}: {status:?}"));
        }
    }
}

/// The cases of a phone, and the parameters without one.
async fn cases_of(phone: &SimulatedPhone, kind: Kind) -> (Vec<Case>, BTreeMap<String, &'static str>) {
    phone
        .with_machine(|machine, _| {
            let has = |item: &str, index: Option<u16>| machine.phone().value(item, index);
            let (mut found, mut without, mut number) = (Vec::new(), BTreeMap::new(), 0);
            for parameter in Catalogue::built_in().parameters().filter(|one| one.delivery.is_some()) {
                match cases(parameter, kind, &has, &mut number) {
                    Ok(cases) => found.extend(cases),
                    Err(reason) => _ = without.insert(parameter.id.clone(), reason),
                }
            }
            (found, without)
        })
        .await
}

/// What each item of the phone must be afterwards: fields are laid over what their record was before.
async fn expected(phone: &SimulatedPhone, cases: &[Case]) -> BTreeMap<(String, Option<u16>), String> {
    let mut items: BTreeMap<(String, Option<u16>), String> = BTreeMap::new();
    for case in cases {
        let key = (case.item.clone(), case.index);
        let Some(position) = case.field else {
            let other = items.insert(key, case.text.clone());
            assert!(other.is_none_or(|other| other == case.text), "{case:?}");
            continue;
        };
        let before = match items.remove(&key) {
            Some(text) => text,
            None => phone.value(&case.item, case.index).await.expect("a record"),
        };
        let mut fields: Vec<&str> = before.split('^').collect();
        fields[position] = &case.text;
        items.insert(key, fields.join("^"));
    }
    items
}

/// Sets all cases in one plan; the phone is called, comes and gets everything in one session.
async fn all_reach_the_phone(server: &mut TestServer, family: Family, kind: Kind) {
    let phone = richest(fleet(server, network(NETWORK), 40, config(family)).await).await;
    let (cases, _) = cases_of(&phone, kind).await;
    let expected = expected(&phone, &cases).await;
    let attended = Attended::start(phone).await;
    let phone = &attended.phone;
    let api = server.api(&[Role::Operator]).await;
    let id = client_of(&api, &phone.mac().to_string()).await["id"].clone();

    let changes: Vec<Value> = cases
        .iter()
        .map(|case| json!({"parameter": case.parameter, "index": case.entry, "value": case.value}))
        .collect();
    let planned = plan(&api, std::slice::from_ref(&id), Value::Array(changes)).await;
    assert_eq!(planned["summary"]["left_out"], json!({}), "{planned}");
    assert!(planned["summary"]["items"].as_u64() >= Some(expected.len() as u64), "{}", planned["summary"]);
    let job = apply(&api, &planned, json!({"approve": true})).await;
    job_becomes(&api, &job, "success").await;

    let orders = phone.orders().await;
    let mut wrong = Vec::new();
    for ((item, index), text) in &expected {
        let count = orders.item(item, *index);
        let has = phone.value(item, *index).await;
        if has.as_ref() != Some(text) || (count.received, count.refused) != (1, 0) {
            wrong.push(format!("{item} {index:?}: {text:?} is wanted, {has:?} is there, {count:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(phone.contacts().accepted, 1, "one call, one session for everything");

    // Not what was written is shown, but what the phone says when it is asked.
    let job = refresh(&api, std::slice::from_ref(&id)).await;
    phone.session(&Opening::Solicited).await.expect("a session");
    job_becomes(&api, &job, "success").await;
    let path = format!("/api/v1/clients/{id}/configuration?only=desired");
    let rows = all_pages(&api, &path).await;
    assert_eq!(rows.len(), cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| disagreement(case, &rows)).collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(all_pages(&api, &format!("/api/v1/clients/{id}/configuration?only=different")).await.len(), 0);
}

/// What the configuration view says otherwise than a case.
fn disagreement(case: &Case, rows: &[Value]) -> Option<String> {
    let is_it = |row: &&Value| row["parameter"] == case.parameter && row["index"] == json!(case.entry);
    let Some(row) = rows.iter().find(is_it) else { return Some(format!("no row of {case:?}")) };
    let (value, text) = match case.secret {
        true => (Value::Null, Value::Null),
        false => (json!(case.value), json!(case.text)),
    };
    let right = row["state"] == "in-step"
        && row["secret"] == case.secret
        && row["desired_set"] == true
        && row["desired"] == value
        && row["reported"] == value
        && row["reported_text"] == text
        && row["item"] == case.item
        && row["item_index"] == json!(case.index);
    (!right).then(|| format!("{row}"))
}

on_both_databases! {
    every_parameter_reaches_a_sip_phone_and_comes_back => |server| {
        all_reach_the_phone(server, Family::Sip, Kind::SipClient).await;
    }

    every_parameter_reaches_an_hfa_phone_and_comes_back => |server| {
        all_reach_the_phone(server, Family::Hfa, Kind::HfaClient).await;
    }
}

/// The phones of both kinds, which no server hears of.
async fn both_kinds() -> [(&'static str, Kind, Arc<SimulatedPhone>); 2] {
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let sip = richest(phones(nowhere, 40, config(Family::Sip)).await).await;
    let hfa = richest(phones(nowhere, 40, config(Family::Hfa)).await).await;
    [("sip", Kind::SipClient, sip), ("hfa", Kind::HfaClient, hfa)]
}

#[tokio::test]
async fn what_is_not_tested_is_listed_with_its_reason() {
    let mut lines = BTreeSet::new();
    for (name, kind, phone) in both_kinds().await {
        let (_, without) = cases_of(&phone, kind).await;
        for (id, reason) in without {
            let parameter = Catalogue::built_in().parameter(&id).expect("a parameter");
            match (parameter.is_for(Kind::SipClient), parameter.is_for(Kind::HfaClient)) {
                (false, false) => _ = lines.insert(format!("none\t{id}\tfor templates and users only")),
                _ if kind == Kind::HfaClient && rest::PARAMETERS.contains(&id.as_str()) => {
                    assert_eq!(reason, "not an item of the simulated phone", "{id}");
                }
                _ if parameter.is_for(kind) => _ = lines.insert(format!("{name}\t{id}\t{reason}")),
                _ => {}
            }
        }
    }
    let listed: BTreeSet<String> = include_str!("untested.tsv").lines().map(str::to_owned).collect();
    let missing: Vec<_> = lines.difference(&listed).collect();
    let surplus: Vec<_> = listed.difference(&lines).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "not listed: {missing:#?}\nlisted: {surplus:#?}");
}

#[tokio::test]
async fn what_is_said_to_have_no_wire_value_has_none_in_the_catalogue() {
    for (_, kind, phone) in both_kinds().await {
        let (_, without) = cases_of(&phone, kind).await;
        for (id, _) in without.iter().filter(|(_, reason)| **reason == "no wire value known") {
            let parameter = Catalogue::built_in().parameter(id).expect("a parameter");
            let domain::catalogue::ValueType::Enum { choices } = &parameter.value else { panic!("{id}") };
            assert!(choices.iter().all(|choice| choice.wire.is_none()), "{id} can be tested");
        }
    }
}

#[tokio::test]
async fn the_values_that_must_be_are_the_ones_chosen() {
    for (_, kind, phone) in both_kinds().await {
        let (cases, _) = cases_of(&phone, kind).await;
        for (id, text) in GIVEN {
            let case = cases.iter().find(|case| case.parameter == *id).expect("a case");
            assert_eq!(case.text, *text, "{id}");
        }
        let last =
            |id: &str| cases.iter().filter(|case| case.parameter == id).map(|case| case.entry).next_back();
        // Two key modules of twelve keys, the second level 1,000 above (`wpi.md` §7.3).
        assert_eq!(last("records.keys.label"), Some(Some(1_412)));
    }
}
