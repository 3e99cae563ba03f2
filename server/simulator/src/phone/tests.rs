//! What a phone answers to reads and writes, status by status.

use std::collections::HashSet;

use super::*;
use crate::models::Family;
use crate::testing::{identity, openstage_40, place};

fn statuses(problems: &[Item]) -> Vec<(&str, Option<u16>, ItemStatus)> {
    problems.iter().map(|p| (p.name.as_str(), p.index, p.status.clone().unwrap())).collect()
}

#[test]
fn a_full_read_reports_300_different_items_and_starts_with_the_basic_ones() {
    let items = openstage_40().read_all();
    assert_eq!(items.len(), 300);
    assert_eq!(items.iter().map(Item::key).collect::<HashSet<_>>().len(), 300);
    let basic = openstage_40().basic_items();
    assert_eq!(items[..basic.len()], basic[..]);
    assert!(items.iter().any(|item| item.name == "function-key-def" && item.index == Some(6)));
    assert!(items.iter().all(|item| !item.name.ends_with("-pwd") || item.name.starts_with("fault-")));
}

#[test]
fn an_item_that_cannot_be_read_is_reported_as_failed_and_empty() {
    let items = openstage_40().read_all();
    let blf = items.iter().find(|item| item.name == "blf-modules").unwrap();
    assert_eq!((blf.status.clone(), blf.value.as_str()), (Some(ItemStatus::Failed), ""));
}

#[test]
fn a_write_is_stored_and_read_back_also_beyond_the_reported_items() {
    let mut phone = openstage_40();
    let written = vec![Item::new("reg-addr", "sip9.example.net"), Item::indexed("trace-level", 66, "2")];
    assert_eq!(phone.write(written.clone()), vec![]);
    let all = phone.read_all();
    assert_eq!(all.len(), 301);
    assert!(written.iter().all(|item| all.contains(item)));
    assert!(phone.local_changes().is_empty(), "a write by the server is not a local change");
}

#[test]
fn each_kind_of_bad_item_gets_its_status_and_the_rest_is_written() {
    let mut phone = openstage_40();
    let problems = phone.write(vec![
        Item::new("device-type", "OpenStage 80"),
        Item::new("no-such-item", "1"),
        Item::indexed("function-key-def", 7, "1"),
        Item::new("function-key-def", "1"),
        Item::indexed("reg-addr", 0, "x"),
        Item::new("reg-id", "4711"),
        Item::new("qos-layer2", "yes"),
        Item::new("file-name", "logo.bmp"),
        Item::new("send-solicited", "true"),
        Item::new("reg-port", "5061"),
    ]);
    assert_eq!(
        statuses(&problems),
        [
            ("device-type", None, ItemStatus::ReadOnly),
            ("no-such-item", None, ItemStatus::UnknownItem),
            ("function-key-def", Some(7), ItemStatus::InvalidIndex),
            ("function-key-def", None, ItemStatus::InvalidIndex),
            ("reg-addr", Some(0), ItemStatus::InvalidIndex),
            ("reg-id", None, ItemStatus::NotSupported),
            ("qos-layer2", None, ItemStatus::InvalidData),
            ("file-name", None, ItemStatus::UnexpectedItem),
            ("send-solicited", None, ItemStatus::UnexpectedItem),
        ]
    );
    assert_eq!(phone.value("reg-port", None).as_deref(), Some("5061"));
}

#[test]
fn secrets_are_taken_and_never_reported() {
    let mut phone = openstage_40();
    assert_eq!(phone.write(vec![Item::new("sip-pwd", "s3cret")]), vec![]);
    assert_eq!(phone.value("sip-pwd", None).as_deref(), Some("s3cret"));
    assert!(phone.read_all().iter().all(|item| item.value != "s3cret"));
    let read = phone.read(&[Item::new("sip-pwd", "")]);
    assert_eq!(statuses(&read), [("sip-pwd", None, ItemStatus::Failed)]);
    assert_eq!(read[0].value, "");
}

#[test]
fn old_firmware_reports_the_user_password_in_clear() {
    let mut phone = openstage_40();
    phone.report_user_password(true);
    phone.write(vec![Item::new("user-pwd", "482913")]);
    assert!(phone.basic_items().contains(&Item::new("user-pwd", "482913")));
}

#[test]
fn commands_are_accepted_and_store_nothing() {
    let mut phone = openstage_40();
    assert_eq!(phone.write(vec![Item::new("clear-calllog", "true")]), vec![]);
    assert_eq!(phone.changed_values(), vec![]);
}

#[test]
fn reading_answers_values_all_indexes_of_a_bare_name_and_statuses() {
    let phone = openstage_40();
    let read = phone.read(&[
        Item::new("e164", ""),
        Item::new("codec-type", ""),
        Item::indexed("codec-type", 9, ""),
        Item::new("no-such-item", ""),
    ]);
    assert_eq!(read[0], Item::new("e164", "100000"));
    assert_eq!(read[1..4].iter().map(|item| item.index).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!(
        statuses(&read[4..]),
        [("codec-type", Some(9), ItemStatus::InvalidIndex), ("no-such-item", None, ItemStatus::UnknownItem)]
    );
}

#[test]
fn a_factory_reset_keeps_hardware_and_dhcp_data_only() {
    let mut phone = openstage_40();
    phone.write(vec![Item::new("reg-addr", "sip9.example.net")]);
    phone.change_locally("ringer-melody", None, "7").unwrap();
    phone.factory_reset();
    let value = |name| phone.value(name, None).unwrap();
    assert_eq!(value("mac-addr"), "00:1A:E8:10:00:00");
    assert_eq!(value("dls-addr"), "127.0.0.1");
    assert_eq!(
        (value("e164"), value("reg-addr"), value("ringer-melody")),
        (String::new(), String::new(), "2".into())
    );
    assert_eq!(value("configuration-changed-flag"), "false");
    assert!(phone.local_changes().is_empty());
}

#[test]
fn writing_the_number_moves_both_numbers_unless_a_mobile_user_is_logged_on() {
    let mut phone = openstage_40();
    phone.write(vec![Item::new("e164", "4711")]);
    assert_eq!(phone.value("basic-e164", None).as_deref(), Some("4711"));
    phone.write(vec![Item::new("basic-e164", "4712"), Item::new("e164", "5555")]);
    assert_eq!(phone.value("basic-e164", None).as_deref(), Some("4712"));
}

#[test]
fn a_local_change_is_flagged_until_it_was_told_and_a_write_takes_it_back() {
    let mut phone = openstage_40();
    phone.change_locally("ringer-melody", None, "7").unwrap();
    assert_eq!(phone.value("configuration-changed-flag", None).as_deref(), Some("true"));
    assert_eq!(phone.local_changes(), [Item::new("ringer-melody", "7")]);
    phone.write(vec![Item::new("ringer-melody", "1")]);
    assert!(phone.local_changes().is_empty());
    phone.change_locally("ringer-melody", None, "8").unwrap();
    phone.local_changes_told();
    assert_eq!(phone.value("configuration-changed-flag", None).as_deref(), Some("false"));
    assert_eq!(phone.change_locally("ringer-melody", None, "9"), Err(ItemStatus::InvalidData));
}

#[test]
fn random_changes_give_other_values_that_the_items_take() {
    let mut phone = openstage_40();
    let before = phone.read_all();
    phone.change_some(40, &mut Dice::new(1, 1));
    let changes = phone.local_changes();
    assert!(changes.len() > 20);
    for change in &changes {
        let old = before.iter().find(|item| item.key() == change.key()).unwrap();
        assert_ne!(old.value, change.value, "{}", change.name);
    }
    assert_eq!(openstage_40().write(changes), vec![]);
}

#[test]
fn changed_values_survive_saving_and_restoring() {
    let mut phone = openstage_40();
    phone
        .write(vec![Item::new("reg-addr", "sip9.example.net"), Item::indexed("key-label-unicode", 2, "Tür")]);
    let mut other = openstage_40();
    other.restore(false, phone.changed_values());
    assert_eq!(other.read_all(), phone.read_all());
}

#[test]
fn an_hfa_phone_reports_hfa_items_and_no_sip_ones() {
    let items = Phone::new(identity("OpenStage 40", Family::Hfa), place(), 300).read_all();
    assert!(items.iter().any(|item| item.name == "reg-id"));
    assert!(items.iter().all(|item| item.name != "sip-user-id"));
    assert!(items.contains(&Item::new("software-type", "Siemens HFA")));
}

#[test]
fn what_dhcp_delivers_is_read_only_until_dhcp_is_switched_off() {
    let mut phone = openstage_40();
    let addresses = || vec![Item::new("dls-addr", "10.1.1.1"), Item::new("vlan-id", "7")];
    let problems = phone.write(addresses());
    let read_only = ItemStatus::ReadOnly;
    assert_eq!(
        statuses(&problems),
        [("dls-addr", None, read_only.clone()), ("vlan-id", None, read_only.clone())]
    );
    // The switch and what it frees are one change, in whatever order; a switch that is not taken is none.
    let problems = phone.write([addresses(), vec![Item::new("dhcp", "no")]].concat());
    assert_eq!(problems.len(), 3);
    let problems = phone.write([addresses(), vec![Item::new("dhcp", "false")]].concat());
    assert_eq!(statuses(&problems), [("vlan-id", None, read_only)]);
    assert_eq!(phone.write(vec![Item::new("vlan-method", "0"), Item::new("vlan-id", "7")]), vec![]);
    let value = |name| phone.value(name, None).unwrap();
    assert_eq!((value("dls-addr"), value("vlan-id")), ("10.1.1.1".to_owned(), "7".to_owned()));
    let locked = phone.write(vec![Item::new("dls-addr", "10.2.2.2"), Item::new("dhcp", "true")]);
    assert_eq!(locked.len(), 1, "the message that switches DHCP on again");
    let mut stubborn = openstage_40();
    stubborn.refuse(vec![Refusal::of("dhcp", ItemStatus::Failed)]);
    let problems = stubborn.write(vec![Item::new("dhcp", "false"), Item::new("dls-addr", "10.1.1.1")]);
    assert_eq!(problems.len(), 2, "a switch that is refused frees nothing");
    let mut free = openstage_40();
    free.lock_dhcp_items(false);
    assert_eq!(free.write(addresses()), vec![]);
}

#[test]
fn a_refused_item_gets_the_wished_status_and_keeps_its_value() {
    let mut phone = openstage_40();
    phone.refuse(vec![
        Refusal::of("reg-addr", ItemStatus::Failed),
        Refusal::of_index("key-label-unicode", 2, ItemStatus::Other("not today".to_owned())),
    ]);
    let before = phone.value("reg-addr", None);
    let problems = phone.write(vec![
        Item::new("reg-addr", "sip9.example.net"),
        Item::indexed("key-label-unicode", 1, "one"),
        Item::indexed("key-label-unicode", 2, "two"),
    ]);
    assert_eq!(
        statuses(&problems),
        [
            ("reg-addr", None, ItemStatus::Failed),
            ("key-label-unicode", Some(2), ItemStatus::Other("not today".to_owned()))
        ]
    );
    assert_eq!(phone.value("reg-addr", None), before);
    assert_eq!(phone.value("key-label-unicode", Some(1)).as_deref(), Some("one"));
    assert_eq!(phone.read(&[Item::new("reg-addr", "")])[0].value, before.unwrap(), "it can still be read");
}

#[test]
fn an_item_the_firmware_does_not_have_is_in_no_report() {
    let mut phone = openstage_40();
    let all = phone.read_all().len();
    phone.refuse_with_fleet(Arc::from([Refusal::of("reg-addr", ItemStatus::UnknownItem)]));
    phone.refuse(vec![Refusal::of_index("codec-type", 2, ItemStatus::NotSupported)]);
    assert_eq!(phone.read_all().len(), all - 2);
    let read = phone.read(&[
        Item::new("reg-addr", ""),
        Item::new("codec-type", ""),
        Item::indexed("codec-type", 2, ""),
    ]);
    assert_eq!(statuses(&read[..1]), [("reg-addr", None, ItemStatus::UnknownItem)]);
    assert_eq!(read[1..3].iter().map(|item| item.index).collect::<Vec<_>>(), [Some(1), Some(3)]);
    assert_eq!(statuses(&read[3..]), [("codec-type", Some(2), ItemStatus::NotSupported)]);
    let problems = phone.write(vec![Item::new("reg-addr", "x")]);
    assert_eq!(statuses(&problems), [("reg-addr", None, ItemStatus::UnknownItem)]);
}

#[test]
fn a_restart_keeps_the_values_but_not_the_address_of_the_proxy() {
    let mut phone = openstage_40();
    let written = || vec![Item::new("reg-addr", "sip9.example.net"), Item::new("dcmp-url", "127.0.0.1:80/x")];
    phone.write(written());
    phone.restart(true);
    assert_eq!(phone.value("dcmp-url", None).as_deref(), Some("127.0.0.1:80/x"));
    phone.restart(false);
    assert_eq!(phone.value("dcmp-url", None).as_deref(), Some(""));
    assert_eq!(phone.value("reg-addr", None).as_deref(), Some("sip9.example.net"));
}

#[test]
fn an_administrator_password_has_six_to_24_characters() {
    let mut phone = openstage_40();
    let short = phone.write(vec![Item::new("admin-pwd", "12345")]);
    assert_eq!(statuses(&short), [("admin-pwd", None, ItemStatus::InvalidData)]);
    assert_eq!(phone.write(vec![Item::new("admin-pwd", "1234567")]), vec![]);
    assert_eq!(phone.value("admin-pwd", None).as_deref(), Some("1234567"), "kept, though never reported");
    assert!(phone.read_all().iter().all(|item| item.name != "admin-pwd"));
}

#[test]
fn nobody_standing_at_the_phone_changes_how_it_is_managed() {
    let mut phone = openstage_40();
    phone.change_some(5000, &mut Dice::new(3, 3));
    let changed = phone.local_changes();
    assert!(changed.len() > 150, "{}", changed.len());
    assert!(changed.iter().all(|item| !is_steering(&item.name) && item.name != "vlan-id"));
}
