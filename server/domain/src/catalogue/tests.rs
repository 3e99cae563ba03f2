//! Tests of the data files: what a row says of its item must be what the item table says of it. Expectations
//! come from the item table, `wpi.md` or OSEM, never from the catalogue itself.

// Only there the files are read.
#![cfg(feature = "yaml")]

mod texts;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::item::{self, ItemDescription};

/// Kinds of clients; the others (user, template) are applied to clients of one of these.
const CLIENTS: [Kind; 2] = [Kind::SipClient, Kind::HfaClient];

fn all() -> Vec<&'static Parameter> {
    let parameters: Vec<_> = Catalogue::built_in().parameters().collect();
    assert!(parameters.len() > 750, "only {} parameters were read", parameters.len());
    parameters
}

/// Parameters with an item, and what the table says of it. A row with `same_as` repeats another one.
fn delivered() -> Vec<(&'static Parameter, &'static Delivery, &'static ItemDescription)> {
    let with_item = all().into_iter().filter_map(|parameter| {
        let delivery = parameter.delivery.as_ref()?;
        let row = item::describe(&delivery.item);
        Some((
            parameter,
            delivery,
            row.unwrap_or_else(|| panic!("{}: no item {}", parameter.id, delivery.item)),
        ))
    });
    with_item.collect()
}

/// All whole numbers of a text, without signs.
fn numbers(text: &str) -> Vec<i64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_files_are_read() {
    let catalogue = Catalogue::load(None).unwrap();
    let areas: Vec<&str> = catalogue.areas().iter().map(|area| area.id.as_str()).collect();
    let expected = [
        "general",
        "integrations",
        "telephony",
        "audio",
        "features",
        "network",
        "mobile-user",
        "security",
        "diagnostics",
        "records",
    ];
    assert_eq!(areas, expected);
}

#[test]
fn ids_are_unique_and_stand_in_their_section() {
    let mut ids = BTreeSet::new();
    for area in Catalogue::built_in().areas() {
        for section in &area.sections {
            assert!(ids.insert(&section.id), "{} twice", section.id);
            assert!(section.id.starts_with(&format!("{}.", area.id)), "{}", section.id);
            for parameter in &section.parameters {
                assert!(ids.insert(&parameter.id), "{} twice", parameter.id);
                assert!(parameter.id.starts_with(&format!("{}.", section.id)), "{}", parameter.id);
                assert!(!parameter.kinds.is_empty(), "{} is offered nowhere", parameter.id);
            }
        }
    }
}

#[test]
fn defaults_are_valid() {
    let mut seen = 0;
    for parameter in all() {
        let Some(default) = &parameter.default else { continue };
        seen += 1;
        // A value that is only reported has a default too; it must be of the type all the same.
        let settable = Parameter { read_only: false, ..parameter.clone() };
        let entry = parameter.entries.map(|(first, _)| first);
        assert_eq!(settable.check(entry, default), Ok(()), "{} = {default:?}", parameter.id);
    }
    assert!(seen > 100, "only {seen} defaults");
}

#[test]
fn limits_are_sane() {
    for parameter in all() {
        let id = &parameter.id;
        match &parameter.value {
            ValueType::Bool { wire: (no, yes) } => assert_ne!(no, yes, "{id}"),
            ValueType::Integer { min, max } => {
                assert!(min < max && *min >= -10_000 && *max <= i64::from(i32::MAX), "{id}: {min} to {max}");
            }
            ValueType::Enum { choices } => {
                let keys: BTreeSet<&str> = choices.iter().map(|choice| choice.key.as_str()).collect();
                assert!(keys.len() == choices.len() && keys.len() > 1 && !keys.contains(""), "{id}");
            }
            ValueType::Text { min_length, max_length, .. } => assert!(min_length < max_length, "{id}"),
            ValueType::List { max_entries, separator, .. } => {
                assert!((1..=100).contains(max_entries) && separator.chars().count() == 1, "{id}");
            }
        }
        if let Some((first, last)) = parameter.entries {
            assert!(first < last && last <= 4003, "{id}: entries {first} to {last}");
        }
    }
}

#[test]
fn certainty_is_never_above_that_of_the_table() {
    for (parameter, delivery, row) in delivered() {
        assert_ne!(delivery.certainty, Certainty::Mapped, "{}", parameter.id);
        if row.inferred {
            assert_eq!(delivery.certainty, Certainty::Inferred, "{} on {}", parameter.id, row.name);
        }
    }
}

/// First and last index the table names; `None` when it says only that there is one. Entries of keys have the
/// index of the key.
fn indexes(row: &ItemDescription) -> Option<(i64, i64)> {
    let text = match row.index {
        "yes (as function-key-def)" => item::describe("function-key-def").unwrap().index,
        text => text,
    };
    let numbers = numbers(text);
    Some((*numbers.iter().min()?, *numbers.iter().max()?))
}

#[test]
fn indexes_fit_the_table() {
    for (parameter, delivery, row) in delivered() {
        let (id, what) = (&parameter.id, row.index);
        if what == "no" {
            assert_eq!(delivery.index, ItemIndex::None, "{id} on {}", row.name);
            continue;
        }
        // Where the table gives no range, nothing is known beyond the keys of phones and key modules.
        let (lowest, highest) = indexes(row).unwrap_or((1, 4003));
        let (first, last) = match (delivery.index, parameter.entries) {
            (ItemIndex::None, _) => panic!("{id}: {} needs an index ({what})", row.name),
            (ItemIndex::Fixed(index), _) => (i64::from(index), i64::from(index)),
            (ItemIndex::Entry(offset), Some((first, last))) => {
                (i64::from(first) + i64::from(offset), i64::from(last) + i64::from(offset))
            }
            (ItemIndex::Entry(_), None) => panic!("{id} has no entries"),
        };
        assert!(lowest <= first && last <= highest, "{id}: {first} to {last}, table {what}");
    }
}

#[test]
fn an_item_belongs_to_one_parameter_unless_they_say_so() {
    let mut owners: BTreeMap<(Kind, &str, String, Option<usize>), Vec<&str>> = BTreeMap::new();
    for (parameter, delivery, _) in delivered() {
        if parameter.same_as.is_some() {
            continue;
        }
        let field = delivery.field.as_ref().map(|field| field.position);
        for kind in CLIENTS.into_iter().filter(|kind| parameter.is_for(*kind)) {
            let key = (kind, delivery.item.as_str(), format!("{:?}", delivery.index), field);
            owners.entry(key).or_default().push(&parameter.id);
        }
    }
    for (key, ids) in owners {
        assert_eq!(ids.len(), 1, "{key:?} belongs to {ids:?}");
    }
}

#[test]
fn shared_items_are_those_of_two_rows_of_one_client() {
    let shared: Vec<&Parameter> = all().into_iter().filter(|parameter| parameter.same_as.is_some()).collect();
    assert!(!shared.is_empty());
    for parameter in shared {
        let other = Catalogue::built_in().parameter(parameter.same_as.as_deref().unwrap()).unwrap();
        assert!(other.same_as.is_none(), "{} -> {}", parameter.id, other.id);
        assert!(
            CLIENTS.iter().any(|kind| parameter.is_for(*kind) && other.is_for(*kind)),
            "{}",
            parameter.id
        );
        assert_eq!(std::mem::discriminant(&parameter.value), std::mem::discriminant(&other.value));
        assert_eq!(parameter.read_only, other.read_only, "{}", parameter.id);
    }
}

#[test]
fn secrets_are_those_of_the_item_table() {
    for (parameter, _, row) in delivered() {
        assert_eq!(parameter.secret, item::is_secret(row.name), "{} on {}", parameter.id, row.name);
    }
}

/// `wpi.md` §7.5, fourth and fifth row, and what is no setting of the administrator: files, data of users.
const NO_SETTINGS: [&str; 10] = [
    "clear-calllog",
    "XML-app-action",
    "goto-secure-mode",
    "send-solicited",
    "cleanup-reason",
    "time",
    "file-",
    "userdata-",
    "restart-",
    "fault-",
];

#[test]
fn commands_and_files_are_no_parameters() {
    for (parameter, _, row) in delivered() {
        assert!(
            !NO_SETTINGS.iter().any(|start| row.name.starts_with(start) && row.name != "time-format"),
            "{}",
            parameter.id
        );
    }
}

#[test]
fn every_indexed_setting_of_the_table_can_be_edited() {
    let known: BTreeSet<&str> = delivered().into_iter().map(|(_, _, row)| row.name).collect();
    for row in item::all().filter(|row| row.index != "no") {
        let setting = !NO_SETTINGS.iter().any(|start| row.name.starts_with(start))
            // Written by the way into secure mode alone (`wpi.md` §5).
            && row.name != "dls-server-ca";
        assert_eq!(known.contains(row.name), setting, "{}", row.name);
    }
}

/// `wpi.md` §7.5, first row; DHCP for IPv6 and the port of the secure mode are taken as meant.
fn needs_care(item: &str) -> bool {
    let items = [
        "dls-addr",
        "dls-port",
        "dls-secure-port",
        "dls-mode-secure",
        "dhcp",
        "ipv6-dhcp-enabled",
        "ipaddress",
    ];
    items.contains(&item) || item.starts_with("vlan-")
}

/// `wpi.md` §7.5, third row.
fn restarts(item: &str) -> bool {
    item == "e164" || ["reg-", "registrar-", "sip-"].iter().any(|start| item.starts_with(start))
}

#[test]
fn items_that_need_care_say_so() {
    for (parameter, _, row) in delivered() {
        assert_eq!(parameter.care, needs_care(row.name), "{} on {}", parameter.id, row.name);
        assert_eq!(parameter.restarts, restarts(row.name), "{} on {}", parameter.id, row.name);
    }
    // The addresses without a known item become items by the override file.
    for name in ["ipv4-subnet-mask", "ipv4-default-gateway", "ipv6-address-global"] {
        assert!(Catalogue::built_in().parameter(&format!("network.general.{name}")).unwrap().care, "{name}");
    }
}

/// The logical record an indexed item belongs to (`wpi.md` §3.5): a programmable key, a line, a send URL, an
/// application, a codec, a pair of the canonical lookup.
fn record_of(item: &str) -> Option<&'static str> {
    const KEY: [&str; 15] = [
        "blf-audible",
        "blf-popup",
        "forwarding-dest",
        "forwarding-type",
        "FPK-app-name",
        "function-key-def",
        "key-deflect-destination",
        "key-functionality",
        "key-label",
        "key-label-unicode",
        "locked-function-keys",
        "repertory-dial",
        "select-dial",
        "stimulus-DTMF-sequence",
        "stimulus-feature-code",
    ];
    let starts = [
        ("line-", "line"),
        ("send-url-", "send-url"),
        ("XML-app-", "XML-app"),
        ("codec-", "codec"),
        ("Canonical-lookup-", "canonical-lookup"),
        ("stimulus-", "key"),
    ];
    let by_start = starts.iter().find(|(start, _)| item.starts_with(start)).map(|(_, group)| *group);
    by_start.or_else(|| KEY.contains(&item).then_some("key"))
}

#[test]
fn records_go_out_whole() {
    for (parameter, delivery, row) in delivered() {
        let expected = if row.index == "no" { None } else { record_of(row.name) };
        assert_eq!(delivery.group.as_deref(), expected, "{} on {}", parameter.id, row.name);
        if let Some(group) = expected {
            assert!(Catalogue::built_in().group(group).contains(&delivery.item));
            // Only then the index of the record is that of all its items.
            assert_eq!(delivery.index, ItemIndex::Entry(0), "{}", parameter.id);
        }
    }
}

#[test]
fn an_item_leads_to_its_parameter_and_entry() {
    let catalogue = Catalogue::built_in();
    let found = catalogue.by_item(Kind::SipClient, "line-sip-uri", Some(3));
    assert_eq!(
        found.iter().map(|(p, e)| (p.id.as_str(), *e)).collect::<Vec<_>>(),
        [("records.lines.address", Some(3))]
    );
    assert!(catalogue.by_item(Kind::HfaClient, "line-sip-uri", Some(3)).is_empty());
    assert!(catalogue.by_item(Kind::SipClient, "line-sip-uri", None).is_empty());
    // The fields of one record item, and two rows on one item.
    assert_eq!(catalogue.by_item(Kind::SipClient, "alert", Some(2)).len(), 4);
    assert_eq!(catalogue.by_item(Kind::SipClient, "enable-WBM", None).len(), 2);
    assert_eq!(
        catalogue.by_item(Kind::SipClient, "ldap-server-address", Some(1))[0].0.id,
        "records.directory.server-address"
    );
}

#[test]
fn an_administrator_maps_items_that_are_not_known() {
    let text = "parameters:\n  network.general.dns-server-1: {item: dns-addr}\n";
    let catalogue = Catalogue::load(Some(text)).unwrap();
    let delivery = catalogue.parameter("network.general.dns-server-1").unwrap().delivery.clone().unwrap();
    assert_eq!((delivery.item.as_str(), delivery.certainty), ("dns-addr", Certainty::Mapped));
    assert_eq!(catalogue.by_item(Kind::SipClient, "dns-addr", None).len(), 1);
    for (text, fault) in [
        ("parameters:\n  network.general.no-such: {item: x}\n", "network.general.no-such"),
        ("parameters:\n  network.general.dns-server-1: {item: ''}\n", "a name of at most"),
        (
            "parameters:\n  telephony.sip-settings.keepalive-method: {item: x, wire: {None: '1'}}\n",
            "no choice",
        ),
        ("parameters:\n  network.general.dns-server-1: {itm: x}\n", "itm"),
        ("parameters: [", "the override file"),
    ] {
        let error = Catalogue::load(Some(text)).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
    assert!(Catalogue::load(Some(&" ".repeat(MOST_OVERRIDE_BYTES + 1))).is_err());
}

#[test]
fn the_browser_gets_the_same_catalogue() {
    let catalogue = Catalogue::built_in();
    let json = serde_json::to_string(catalogue).unwrap();
    let again: Catalogue = serde_json::from_str(&json).unwrap();
    assert_eq!(again.areas(), catalogue.areas());
}
