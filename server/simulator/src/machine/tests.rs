//! One test per behaviour of Appendix B.

use super::*;
use crate::orders::{ItemCount, OrderCount};
use crate::testing::openstage_40;

fn machine(behaviour: Behaviour) -> PhoneMachine {
    PhoneMachine::new(openstage_40(), behaviour)
}

fn order(action: Action, items: Vec<Item>) -> ServerMessage {
    ServerMessage { nonce: "5E4E4".to_owned(), action, items }
}

fn sent(step: Step) -> PhoneMessage {
    match step {
        Step::Send(message) => message,
        Step::End(end) => panic!("the session ended: {end:?}"),
    }
}

fn ask(machine: &mut PhoneMachine, action: Action, items: Vec<Item>) -> PhoneMessage {
    sent(machine.answer(order(action, items), "FE01".to_owned()))
}

fn status(message: &PhoneMessage) -> ReplyStatus {
    match &message.reason {
        Reason::ReplyTo { status: Some(status), .. } => status.clone(),
        other => panic!("not a reply with a status: {other:?}"),
    }
}

fn clean_up(items: Vec<Item>) -> ServerMessage {
    order(Action::CleanUp, items)
}

#[test]
fn a_start_up_brings_the_basic_items_and_the_given_nonce() {
    let message = machine(Behaviour::default()).open(&Opening::StartUp, "A1".to_owned());
    assert_eq!((message.nonce.as_str(), message.max_items, message.fragment), ("A1", None, Fragment::Final));
    assert_eq!(message.reason, Reason::StartUp);
    assert_eq!(message.items, openstage_40().basic_items());
    assert!(message.items.contains(&Item::new("mac-addr", "00:1A:E8:10:00:00")));
}

#[test]
fn a_full_read_is_answered_in_one_message_that_names_its_action() {
    let message = ask(&mut machine(Behaviour::default()), Action::ReadAllItems, vec![]);
    let accepted = Some(ReplyStatus::Accepted);
    assert_eq!(message.reason, Reason::ReplyTo { action: Some(Action::ReadAllItems), status: accepted });
    assert_eq!((message.items.len(), message.fragment), (300, Fragment::Final));
}

#[test]
fn reading_and_writing_reach_the_phone() {
    let mut machine = machine(Behaviour::default());
    let items = vec![Item::new("reg-addr", "sip9.example.net"), Item::new("no-such-item", "1")];
    let written = ask(&mut machine, Action::WriteItems, items);
    assert_eq!((status(&written), written.items.len()), (ReplyStatus::Accepted, 1));
    let read = ask(&mut machine, Action::ReadItems, vec![Item::new("reg-addr", "")]);
    assert_eq!(read.items, [Item::new("reg-addr", "sip9.example.net")]);
}

#[test]
fn parts_follow_each_other_until_the_final_one_and_lose_no_item() {
    for (fragment_action, later) in [
        (FragmentAction::Original, Action::ReadAllItems),
        (FragmentAction::GetNextFragment, Action::GetNextFragment),
    ] {
        let mut machine =
            machine(Behaviour { fragment_items: Some(100), fragment_action, ..Behaviour::default() });
        let first = ask(&mut machine, Action::ReadAllItems, vec![]);
        let second = ask(&mut machine, Action::GetNextFragment, vec![]);
        let third = ask(&mut machine, Action::GetNextFragment, vec![]);
        assert_eq!(
            [first.fragment, second.fragment, third.fragment],
            [Fragment::Next, Fragment::Next, Fragment::Final]
        );
        assert_eq!(
            third.reason,
            Reason::ReplyTo { action: Some(later), status: Some(ReplyStatus::Accepted) }
        );
        let all: Vec<_> = [first.items, second.items, third.items].concat();
        assert_eq!(all, openstage_40().read_all());
        let fourth = ask(&mut machine, Action::GetNextFragment, vec![]);
        assert_eq!((status(&fourth), fourth.items.len()), (ReplyStatus::Failed, 0));
    }
}

#[test]
fn another_order_drops_the_parts_that_were_not_fetched() {
    let mut machine = machine(Behaviour { fragment_items: Some(100), ..Behaviour::default() });
    ask(&mut machine, Action::ReadAllItems, vec![]);
    ask(&mut machine, Action::ReadItems, vec![Item::new("e164", "")]);
    assert_eq!(status(&ask(&mut machine, Action::GetNextFragment, vec![])), ReplyStatus::Failed);
}

#[test]
fn opening_messages_are_cut_into_parts_as_well() {
    let mut machine = machine(Behaviour { fragment_items: Some(20), ..Behaviour::default() });
    let first = machine.open(&Opening::StartUp, "A1".to_owned());
    assert_eq!((first.items.len(), first.fragment), (20, Fragment::Next));
    let rest = ask(&mut machine, Action::GetNextFragment, vec![]);
    assert_eq!((&rest.reason, rest.fragment), (&Reason::StartUp, Fragment::Final));
}

#[test]
fn a_write_beyond_max_items_fails_as_a_whole() {
    let mut machine = machine(Behaviour { max_items: Some(1), ..Behaviour::default() });
    assert_eq!(machine.open(&Opening::StartUp, "A".to_owned()).max_items, Some(1));
    let items = vec![Item::new("reg-addr", "a"), Item::new("reg-port", "5061")];
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, items)), ReplyStatus::Failed);
    assert_ne!(machine.phone().value("reg-addr", None).as_deref(), Some("a"));
    let one = vec![Item::new("reg-addr", "a")];
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, one)), ReplyStatus::Accepted);
}

#[test]
fn a_busy_phone_refuses_so_many_orders_and_changes_nothing() {
    let mut machine = machine(Behaviour { busy_requests: 2, ..Behaviour::default() });
    let write = || vec![Item::new("reg-addr", "a")];
    let busy = ask(&mut machine, Action::ReadAllItems, vec![]);
    assert_eq!((status(&busy), busy.items.len()), (ReplyStatus::Busy, 0));
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, write())), ReplyStatus::Busy);
    assert_ne!(machine.phone().value("reg-addr", None).as_deref(), Some("a"));
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, write())), ReplyStatus::Accepted);
    machine.set_busy(1);
    assert_eq!(status(&ask(&mut machine, Action::Restart, vec![])), ReplyStatus::Busy);
}

#[test]
fn a_phone_in_a_call_may_still_be_read() {
    let mut machine = machine(Behaviour { busy_requests: 1, busy_reads: false, ..Behaviour::default() });
    assert_eq!(status(&ask(&mut machine, Action::ReadAllItems, vec![])), ReplyStatus::Accepted);
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, vec![])), ReplyStatus::Busy);
}

#[test]
fn nonces_of_replies_are_new_or_repeated() {
    let mut new = machine(Behaviour::default());
    assert_eq!(ask(&mut new, Action::ReadAllItems, vec![]).nonce, "FE01");
    let mut repeat = machine(Behaviour { reply_nonce: ReplyNonce::Repeat, ..Behaviour::default() });
    assert_eq!(ask(&mut repeat, Action::ReadAllItems, vec![]).nonce, "5E4E4");
}

#[test]
fn the_status_word_may_begin_with_a_capital() {
    let mut machine = machine(Behaviour { upper_case_status: true, ..Behaviour::default() });
    let message = ask(&mut machine, Action::ReadAllItems, vec![]);
    assert_eq!(status(&message).as_str(), "Accepted");
}

#[test]
fn local_changes_come_attached_and_are_told_when_the_server_closes() {
    let mut machine = machine(Behaviour::default());
    machine.phone_mut().change_locally("ringer-melody", None, "7").unwrap();
    let message = machine.open(&Opening::LocalChanges, "A".to_owned());
    for item in [
        Item::new("configuration-changed-flag", "true"),
        Item::new("configuration-attached-flag", "true"),
        Item::new("configuration-attached-number", "1"),
        Item::new("ringer-melody", "7"),
    ] {
        assert!(message.items.contains(&item), "{}", item.name);
    }
    assert_eq!(machine.phone().local_changes().len(), 1);
    machine.answer(clean_up(vec![]), "B".to_owned());
    assert!(machine.phone().local_changes().is_empty());
}

#[test]
fn old_firmware_only_flags_local_changes() {
    let mut machine = machine(Behaviour { old_local_changes: true, ..Behaviour::default() });
    machine.phone_mut().change_locally("ringer-melody", None, "7").unwrap();
    let message = machine.open(&Opening::LocalChanges, "A".to_owned());
    assert!(message.items.contains(&Item::new("configuration-changed-flag", "true")));
    assert!(message.items.iter().all(|item| item.name != "ringer-melody"));
    assert!(message.items.iter().all(|item| !item.name.starts_with("configuration-attached")));
}

#[test]
fn a_start_up_does_not_tell_local_changes() {
    let mut machine = machine(Behaviour::default());
    machine.phone_mut().change_locally("ringer-melody", None, "7").unwrap();
    machine.open(&Opening::StartUp, "A".to_owned());
    machine.answer(clean_up(vec![]), "B".to_owned());
    assert_eq!(machine.phone().local_changes().len(), 1);
}

#[test]
fn clean_up_brings_its_reason_and_the_wish_to_come_back() {
    let mut newer = machine(Behaviour::default());
    let items = vec![Item::new("send-solicited", "true"), Item::new("cleanup-reason", "overload")];
    let Step::End(end) = newer.answer(clean_up(items.clone()), "B".to_owned()) else { panic!("no end") };
    assert!(end.is_overload());
    assert_eq!(end, SessionEnd::CleanUp { reason: Some("overload".to_owned()), send_solicited: true });
    let mut older = machine(Behaviour { ignores_send_solicited: true, ..Behaviour::default() });
    let step = older.answer(clean_up(items), "B".to_owned());
    assert!(matches!(step, Step::End(SessionEnd::CleanUp { send_solicited: false, .. })));
}

#[test]
fn restart_and_factory_reset_end_the_session() {
    let mut machine = machine(Behaviour::default());
    let reset = |code: &str| {
        order(
            Action::Restart,
            vec![Item::new("restart-type", "FactoryReset"), Item::new("restart-password", code)],
        )
    };
    let restart = machine.answer(order(Action::Restart, vec![]), "B".to_owned());
    assert_eq!(restart, Step::End(SessionEnd::Restart));
    let refused = sent(machine.answer(reset("000000"), "B".to_owned()));
    assert_eq!(status(&refused), ReplyStatus::Failed);
    assert!(!machine.phone().is_factory_fresh());
    assert_eq!(machine.answer(reset("124816"), "B".to_owned()), Step::End(SessionEnd::FactoryReset));
    assert!(machine.phone().is_factory_fresh());
    let start_up = machine.open(&Opening::StartUp, "C".to_owned());
    assert!(start_up.items.contains(&Item::new("e164", "")));
}

#[test]
fn deployments_and_unknown_actions_are_politely_refused() {
    let mut machine = machine(Behaviour::default());
    for action in [Action::FileDeployment, Action::SoftwareDeployment, Action::Unknown("Upload".to_owned())] {
        let message = ask(&mut machine, action.clone(), vec![]);
        let failed = Some(ReplyStatus::Failed);
        assert_eq!(message.reason, Reason::ReplyTo { action: Some(action), status: failed });
    }
}

#[test]
fn inventory_and_status_sessions_carry_their_items() {
    let mut machine = machine(Behaviour::default());
    let inventory = machine.open(&Opening::InventoryChanges, "A".to_owned());
    assert!(inventory.items.contains(&Item::new("slk-modules", "0")));
    let done = Item::new("file-deployment-status", "ok");
    let status = machine.open(&Opening::Status(vec![done.clone()]), "A".to_owned());
    assert_eq!((&status.reason, status.items.last()), (&Reason::Status, Some(&done)));
}

#[test]
fn giving_up_names_the_reason() {
    let message = machine(Behaviour::default()).give_up("message not understood", "A".to_owned());
    assert_eq!(message.reason, Reason::CleanUp);
    assert_eq!(message.items, [Item::new("cleanup-reason", "message not understood")]);
}

#[test]
fn a_phone_may_fail_so_many_writes_as_a_whole() {
    let mut machine = machine(Behaviour { failed_writes: 1, ..Behaviour::default() });
    let write = || vec![Item::new("reg-addr", "a")];
    let failed = ask(&mut machine, Action::WriteItems, write());
    assert_eq!((status(&failed), failed.items.len()), (ReplyStatus::Failed, 0));
    assert_ne!(machine.phone().value("reg-addr", None).as_deref(), Some("a"));
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, write())), ReplyStatus::Accepted);
    machine.set_failing(1);
    assert_eq!(status(&ask(&mut machine, Action::WriteItems, write())), ReplyStatus::Failed);
}

#[test]
fn a_phone_may_vanish_before_or_after_it_stored_the_values() {
    let write = || order(Action::WriteItems, vec![Item::new("reg-addr", "a")]);
    for (mishap, stored) in [(Mishap::VanishWritten, true), (Mishap::VanishUnwritten, false)] {
        let mut machine = machine(Behaviour { mishap: Some(mishap), ..Behaviour::default() });
        machine.phone_mut().write(vec![Item::new("dcmp-url", "127.0.0.1:1")]);
        assert_eq!(machine.answer(write(), "B".to_owned()), Step::End(SessionEnd::Vanished));
        assert_eq!(machine.phone().value("reg-addr", None).as_deref() == Some("a"), stored);
        assert_eq!(machine.phone().value("dcmp-url", None).as_deref(), Some(""), "the power was off");
        assert_eq!(machine.orders().item("reg-addr", None).taken, u32::from(stored));
        assert_eq!(
            status(&sent(machine.answer(write(), "C".to_owned()))),
            ReplyStatus::Accepted,
            "only once"
        );
        machine.set_mishap(mishap, 1);
        assert_eq!(machine.answer(write(), "D".to_owned()), Step::End(SessionEnd::Vanished));
    }
}

#[test]
fn a_phone_may_give_up_with_clean_up_and_heeds_no_order_then() {
    let behaviour = Behaviour { mishap: Some(Mishap::GiveUp), ..Behaviour::default() };
    let mut machine = machine(behaviour);
    machine.open(&Opening::StartUp, "A".to_owned());
    let message = ask(&mut machine, Action::WriteItems, vec![Item::new("reg-addr", "a")]);
    assert_eq!((message.reason, message.items[0].name.as_str()), (Reason::CleanUp, "cleanup-reason"));
    let end = machine.answer(order(Action::Restart, vec![]), "C".to_owned());
    assert_eq!(end, Step::End(SessionEnd::GaveUp));
    assert_eq!(machine.nothing_more(), SessionEnd::GaveUp);
    assert_eq!(machine.orders().restarts.received, 0);
    assert_ne!(machine.phone().value("reg-addr", None).as_deref(), Some("a"));
    machine.open(&Opening::StartUp, "D".to_owned());
    assert_eq!(machine.nothing_more(), SessionEnd::NothingMore);
}

#[test]
fn orders_are_counted_by_what_became_of_them() {
    let mut machine = machine(Behaviour { busy_requests: 1, ..Behaviour::default() });
    let write =
        || vec![Item::new("reg-addr", "a"), Item::new("mac-addr", "x"), Item::new("clear-calllog", "true")];
    let reset = |code: &str| {
        order(
            Action::Restart,
            vec![Item::new("restart-type", "FactoryReset"), Item::new("restart-password", code)],
        )
    };
    ask(&mut machine, Action::WriteItems, write());
    ask(&mut machine, Action::WriteItems, write());
    ask(&mut machine, Action::ReadAllItems, vec![]);
    machine.answer(order(Action::Restart, vec![]), "A".to_owned());
    machine.answer(reset("000000"), "B".to_owned());
    machine.answer(reset("124816"), "C".to_owned());
    let orders = machine.take_orders();
    let count = |received, obeyed| OrderCount { received, obeyed };
    assert_eq!((orders.writes, orders.reads), (count(2, 1), count(1, 1)));
    assert_eq!((orders.restarts, orders.factory_resets), (count(1, 1), count(2, 1)));
    assert_eq!(orders.item("reg-addr", None), ItemCount { received: 2, taken: 1, refused: 0 });
    assert_eq!(orders.item("mac-addr", None), ItemCount { received: 2, taken: 0, refused: 1 });
    assert_eq!(orders.item("clear-calllog", None).taken, 1);
    assert_eq!(*machine.orders(), OrderLog::default());
}
