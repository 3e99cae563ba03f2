//! Parameters of HFA clients whose items the simulated HFA phones do not have: a phone of the test's own has them.

use std::collections::BTreeMap;

use domain::Role;
use domain::catalogue::{Catalogue, Kind};
use serde_json::{Value, json};
use tests::called::{host, network};
use tests::desk::{all_pages, apply, client_of, job_becomes, plan};
use tests::{items, message, on_both_databases, raw_phone, reply};
use wire::{Action, Item, Reason};

use super::choice::{Case, cases};
use super::{NETWORK, disagreement};

/// Ids of these parameters.
pub(crate) const PARAMETERS: &[&str] = &[
    "audio.codec-settings.codecs-packet-size",
    "telephony.hfa-settings.server-address",
    "telephony.hfa-settings.server-port",
];

const MAC: &str = "00:1A:E8:74:00:01";

/// What the phone has of them: three codecs (`wpi.md` §3.5).
fn present() -> Vec<Item> {
    let mut all = items(&[("reg-addr", "hipath.example.net"), ("reg-port", "4060")]);
    all.extend((1..=3).map(|index| Item::indexed("codec-packet-size", index, "2")));
    all
}

on_both_databases! {
    the_rest_reaches_an_hfa_phone_that_has_it => |server| {
        let mut nonces = (0..).map(|number| format!("REST{number}"));
        let mut nonce = || nonces.next().expect("a nonce");
        let basic = items(&[
            ("device-type", "OpenStage 40"),
            ("software-type", "Siemens HFA"),
            ("software-version", "V3 R0.42.0"),
            ("mac-addr", MAC),
        ]);
        let mut phone = raw_phone(server.phone_port(), host(network(NETWORK), 1));
        phone.send(&message(&nonce(), Reason::StartUp, basic.clone())).await;
        let all: Vec<Item> = basic.iter().cloned().chain(present()).collect();
        assert_eq!(phone.send(&reply(&nonce(), Action::ReadAllItems, all)).await.action, Action::CleanUp);

        let has = |name: &str, index: Option<u16>| {
            present().into_iter().find(|item| item.name == name && item.index == index).map(|item| item.value)
        };
        let (mut wanted, mut number) = (Vec::new(), 0);
        for id in PARAMETERS {
            let parameter = Catalogue::built_in().parameter(id).expect("a parameter");
            wanted.extend(cases(parameter, Kind::HfaClient, &has, &mut number).expect("it can be tested"));
        }
        let indexes: Vec<_> = wanted.iter().map(|case| case.index).collect();
        assert_eq!(indexes, [Some(1), Some(3), None, None]);

        let api = server.api(&[Role::Operator]).await;
        let id = client_of(&api, MAC).await["id"].clone();
        let change = |case: &Case| json!({"parameter": case.parameter, "index": case.entry, "value": case.value});
        let changes: Vec<Value> = wanted.iter().map(change).collect();
        let planned = plan(&api, std::slice::from_ref(&id), Value::Array(changes)).await;
        assert_eq!(planned["summary"]["left_out"], json!({}), "{planned}");
        let job = apply(&api, &planned, json!({})).await;
        let mut written = BTreeMap::new();
        let mut answer = phone.send(&message(&nonce(), Reason::Solicited, basic)).await;
        while answer.action == Action::WriteItems {
            written.extend(answer.items.into_iter().map(|item| ((item.name, item.index), item.value)));
            answer = phone.send(&reply(&nonce(), Action::WriteItems, Vec::new())).await;
        }
        assert_eq!(answer.action, Action::CleanUp);
        let expected: BTreeMap<_, _> =
            wanted.iter().map(|case| ((case.item.clone(), case.index), case.text.clone())).collect();
        assert_eq!(written, expected);
        job_becomes(&api, &job, "success").await;
        let rows = all_pages(&api, &format!("/api/v1/clients/{id}/configuration?only=desired")).await;
        assert_eq!(rows.len(), wanted.len());
        assert_eq!(wanted.iter().filter_map(|case| disagreement(case, &rows)).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
