//! Whole sessions, message by message (`wpi.md` §4.3 to §4.5, §4.9, Appendix A).

use super::*;
use crate::{Fragment, ItemKey, ItemStatus, Record, ReplyStatus, SplitLimits};

const DEVICE: &str = "00:1A:E8:5B:20:C7";

/// A phone that makes a new nonce for every message, and the session with it.
struct Phone {
    session: Conversation,
    messages: u64,
    now: Millis,
    nonce: Option<&'static str>,
}

fn message(nonce: &str, reason: Reason, items: Vec<Item>) -> PhoneMessage {
    PhoneMessage { nonce: nonce.to_owned(), max_items: None, fragment: Fragment::Final, reason, items }
}

fn opening(reason: Reason) -> PhoneMessage {
    message("open", reason, vec![Item::new("mac-addr", DEVICE)])
}

fn reply_reason(action: Action, status: ReplyStatus) -> Reason {
    Reason::ReplyTo { action: Some(action), status: Some(status) }
}

impl Phone {
    fn calls(message: PhoneMessage) -> (Self, Step) {
        Self::calls_with(message, Rules::default())
    }

    fn calls_with(message: PhoneMessage, rules: Rules) -> (Self, Step) {
        let (session, step) = Conversation::open(message, Fingerprint(0), Millis(0), rules);
        (Self { session, messages: 0, now: Millis(0), nonce: None }, step)
    }

    /// Starts up and takes what the situation brings.
    fn starts(max_items: Option<u32>, situation: Situation) -> (Self, Answer) {
        let mut first = opening(Reason::StartUp);
        first.max_items = max_items;
        let (mut phone, step) = Self::calls(first);
        assert!(matches!(step, Step::Record(Report::Opened(_))), "{step:?}");
        let answer = phone.session.proceed(situation, Millis(0)).unwrap();
        assert_eq!(answer.message.nonce, "open");
        (phone, answer)
    }

    fn sends(&mut self, mut message: PhoneMessage) -> Step {
        self.messages += 1;
        message.nonce = self.nonce.map_or_else(|| format!("n{}", self.messages), str::to_owned);
        self.session.receive(message, Fingerprint(self.messages), self.now)
    }

    fn replies(&mut self, action: Action, status: ReplyStatus, items: Vec<Item>) -> Step {
        self.sends(message("", reply_reason(action, status), items))
    }

    fn decides(&mut self, situation: Situation) -> Answer {
        self.session.proceed(situation, self.now).unwrap()
    }
}

fn work(id: u64, order: Order) -> Work {
    Work { id: WorkId(id), order }
}

fn write(id: u64, items: &[(&str, &str)]) -> Work {
    work(id, Order::Write(items.iter().map(|(name, value)| Item::new(*name, *value).into()).collect()))
}

fn works(work: Vec<Work>) -> Situation {
    Situation { work, ..Situation::default() }
}

fn done(id: u64, result: WorkResult) -> Outcome {
    Outcome { purpose: Purpose::Work(WorkId(id)), result }
}

fn outcome(step: Step) -> Outcome {
    match step {
        Step::Record(Report::Replied(outcome)) => outcome,
        other => panic!("not a reply to record: {other:?}"),
    }
}

fn ended(step: Step) -> (ServerMessage, End) {
    match step {
        Step::End { answer, end } => (answer, end),
        other => panic!("not the end: {other:?}"),
    }
}

fn answered(step: Step) -> ServerMessage {
    match step {
        Step::Answer(answer) => answer,
        other => panic!("not an answer: {other:?}"),
    }
}

fn cause(answer: &Answer) -> &EndCause {
    assert_eq!(answer.message.action, Action::CleanUp);
    &answer.end.as_ref().unwrap().cause
}

const ACCEPTED: ReplyStatus = ReplyStatus::Accepted;

#[test]
fn a_start_up_is_read_in_full_written_and_closed() {
    let full = Situation { full_read: true, ..works(vec![write(1, &[("reg-addr", "a")])]) };
    let (mut phone, answer) = Phone::starts(None, full.clone());
    assert_eq!((answer.message.action, answer.sends), (Action::ReadAllItems, Some(Purpose::FullRead)));
    assert_eq!(phone.session.awaited_action(), Some(&Action::ReadAllItems));
    let values = vec![Item::new("e164", "4201"), Item::new("x", "").with_status(ItemStatus::Failed)];
    let read = outcome(phone.replies(Action::ReadAllItems, ACCEPTED, values.clone()));
    let result = WorkResult::Read { items: values[..1].to_vec(), problems: values[1..].to_vec() };
    assert_eq!(read, Outcome { purpose: Purpose::FullRead, result });
    // A full read that is still wanted is not asked for again in the same session.
    let answer = phone.decides(full);
    assert_eq!(answer.message.action, Action::WriteItems);
    assert_eq!(answer.message.items, [Item::new("reg-addr", "a")]);
    assert_eq!(answer.sends, Some(Purpose::Work(WorkId(1))));
    let written = outcome(phone.replies(Action::WriteItems, ACCEPTED, vec![]));
    assert_eq!(written, done(1, WorkResult::Written { problems: vec![] }));
    let answer = phone.decides(Situation::default());
    assert_eq!(cause(&answer), &EndCause::Done);
    assert_eq!(answer.message, ServerMessage::clean_up("n2"));
    assert_eq!(phone.session.end(), answer.end.as_ref());
}

#[test]
fn work_goes_write_read_files_software_restart_and_attempts_are_not_repeated() {
    let all = || {
        works(vec![
            work(1, Order::Restart(vec![])),
            work(2, Order::DeployFile(vec![Item::new("file-type", "LOGO")])),
            work(3, Order::Read(vec![ItemKey::new("e164", None)])),
            write(4, &[("a", "1")]),
            write(5, &[("a", "2")]),
        ])
    };
    let (mut phone, answer) = Phone::starts(None, all());
    let mut sent = vec![answer.sends];
    for action in [Action::WriteItems, Action::WriteItems, Action::ReadItems] {
        outcome(phone.replies(action, ACCEPTED, vec![]));
        sent.push(phone.decides(all()).sends);
    }
    assert_eq!(sent, [4, 5, 3, 2].map(|id| Some(Purpose::Work(WorkId(id)))));
    // A file deployment ends the exchange; a reply is possible but not usual.
    assert!(phone.session.is_waiting_for_reply());
    let end = phone.session.time_out();
    assert_eq!(end.outcome, Some(done(2, WorkResult::Started { confirmed: false })));
}

#[test]
fn refusal_overload_bootstrap_and_mobility_come_before_everything_else() {
    let mut situation = Situation {
        refused: Some(Refusal::Told("wrong TAN from device".to_owned())),
        overloaded: true,
        bootstrap: Some(vec![Item::new("b", "").into()]),
        mobility: Some(Mobility::Read(vec![ItemKey::new("userdata-vu1", None)])),
        full_read: true,
        work: vec![write(1, &[("a", "1")])],
    };
    let (_, answer) = Phone::starts(None, situation.clone());
    assert_eq!(answer.message, ServerMessage::clean_up_because("open", "wrong TAN from device"));
    situation.refused = Some(Refusal::Blocked);
    let (_, answer) = Phone::starts(None, situation.clone());
    assert_eq!(answer.message, ServerMessage::clean_up("open"));
    assert_eq!(cause(&answer), &EndCause::Refused(Refusal::Blocked));
    situation.refused = None;
    let (_, answer) = Phone::starts(None, situation.clone());
    assert_eq!(answer.message, ServerMessage::clean_up_because("open", "overload"));
    assert_eq!(cause(&answer), &EndCause::Overloaded);
    situation.overloaded = false;
    let (_, answer) = Phone::starts(None, situation.clone());
    assert_eq!(answer.sends, Some(Purpose::Bootstrap));
    assert_eq!(answer.message.action, Action::WriteItems);
    situation.bootstrap = None;
    let (_, answer) = Phone::starts(None, situation.clone());
    assert_eq!(answer.sends, Some(Purpose::Mobility));
    assert_eq!(answer.message.items, [Item::new("userdata-vu1", "")]);
    situation.mobility = Some(Mobility::Refuse("wrong password".to_owned()));
    let (_, answer) = Phone::starts(None, situation.clone());
    assert_eq!(answer.message, ServerMessage::clean_up_because("open", "wrong password"));
    assert_eq!(cause(&answer), &EndCause::MobilityRefused);
    situation.mobility = None;
    let (_, answer) = Phone::starts(None, situation);
    assert_eq!(answer.sends, Some(Purpose::FullRead));
}

#[test]
fn appendix_a15_a_fragmented_reply_is_one_report_and_one_action_follows() {
    let (mut phone, _) = Phone::starts(None, Situation { full_read: true, ..Situation::default() });
    for (number, action) in [Action::ReadAllItems, Action::GetNextFragment].into_iter().enumerate() {
        let item = Item::new(format!("part-{number}"), "v");
        let mut part = message("", reply_reason(action, ACCEPTED), vec![item]);
        part.fragment = Fragment::Next;
        let answer = answered(phone.sends(part));
        assert_eq!(answer.action, Action::GetNextFragment);
        assert_eq!(answer.nonce, format!("n{}", number + 1));
        assert!(phone.session.awaits(Some(&Action::ReadAllItems)));
        assert!(phone.session.awaits(Some(&Action::GetNextFragment)));
    }
    let last = vec![Item::new("part-2", "v")];
    let WorkResult::Read { items, .. } = outcome(phone.replies(Action::ReadAllItems, ACCEPTED, last)).result
    else {
        panic!("not read");
    };
    assert_eq!(
        items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(),
        ["part-0", "part-1", "part-2"]
    );
    assert_eq!(cause(&phone.decides(Situation::default())), &EndCause::Done);
}

#[test]
fn any_reason_may_be_fragmented() {
    let mut first = opening(Reason::LocalChanges);
    first.fragment = Fragment::Next;
    let (mut phone, step) = Phone::calls(first);
    assert_eq!(answered(step).action, Action::GetNextFragment);
    assert!(!phone.session.is_waiting_for_reply());
    let mut part = message("", Reason::LocalChanges, vec![Item::new("ringer-melody", "4")]);
    part.fragment = Fragment::Next;
    answered(phone.sends(part));
    let step = phone.replies(Action::GetNextFragment, ACCEPTED, vec![Item::new("x", "5")]);
    let Step::Record(Report::Opened(opening)) = step else { panic!("{step:?}") };
    assert_eq!(opening.reason, OpeningReason::LocalChanges);
    assert_eq!(opening.others, [Item::new("ringer-melody", "4"), Item::new("x", "5")]);
    assert_eq!(opening.changes, Changes::NotAttached);
}

#[test]
fn fragments_beyond_the_limits_end_the_session() {
    let (mut phone, _) = Phone::starts(None, works(vec![work(1, Order::ReadAll)]));
    phone.session.rules.limits.items = 1;
    let mut part = message("", reply_reason(Action::ReadAllItems, ACCEPTED), vec![Item::new("a", "")]);
    part.fragment = Fragment::Next;
    answered(phone.sends(part.clone()));
    let (answer, end) = ended(phone.sends(part));
    let error = crate::AssemblyError::TooManyItems { limit: 1 };
    assert_eq!(answer.action, Action::CleanUp);
    assert_eq!(
        end,
        End { cause: EndCause::Fragments(error), outcome: Some(done(1, WorkResult::TooLarge(error))) }
    );
}

#[test]
fn appendix_a16_a_write_is_sent_in_parts_within_one_session() {
    let records = (1..=25).map(|index| Item::indexed("x", index, "v").into()).collect();
    let (mut phone, answer) = Phone::starts(Some(10), works(vec![work(1, Order::Write(records))]));
    let mut lengths = vec![answer.message.items.len()];
    let problem = Item::indexed("x", 3, "").with_status(ItemStatus::ReadOnly);
    for items in [vec![problem.clone()], vec![]] {
        // No number in a reply does not lift the one that was named.
        let answer = answered(phone.replies(Action::WriteItems, ACCEPTED, items));
        assert_eq!(answer.action, Action::WriteItems);
        lengths.push(answer.items.len());
    }
    assert_eq!(lengths, [10, 10, 5]);
    let last = Item::indexed("x", 25, "").with_status(ItemStatus::InvalidIndex);
    let result = WorkResult::Written { problems: vec![problem, last.clone()] };
    assert_eq!(outcome(phone.replies(Action::WriteItems, ACCEPTED, vec![last])), done(1, result));
}

#[test]
fn appendix_a17_busy_is_closed_with_send_solicited_and_the_next_session_runs_it() {
    let waiting = || works(vec![write(1, &[("a", "1")]), write(2, &[("b", "2")])]);
    let (mut phone, _) = Phone::starts(None, waiting());
    let busy = outcome(phone.replies(Action::WriteItems, ReplyStatus::Busy, vec![]));
    assert_eq!(busy, done(1, WorkResult::Busy));
    assert!(busy.result.is_put_back());
    let answer = phone.decides(waiting());
    assert_eq!(cause(&answer), &EndCause::Busy);
    assert_eq!(answer.message.items, [Item::new("send-solicited", "true")]);
    let (mut phone, step) = Phone::calls(opening(Reason::Solicited));
    assert!(matches!(step, Step::Record(Report::Opened(Opening { reason: OpeningReason::Solicited, .. }))));
    assert_eq!(phone.decides(waiting()).sends, Some(Purpose::Work(WorkId(1))));
}

#[test]
fn appendix_a18_item_statuses_do_not_fail_the_write() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1"), ("b", "2")])]));
    let words =
        ["unknown item", "read only", "invalid index", "unexpected item", "not supported", "new word"];
    let problems: Vec<Item> =
        words.iter().map(|word| Item::new(*word, "").with_status(ItemStatus::parse(word))).collect();
    let mut items = problems.clone();
    items.push(Item::new("a", "1"));
    let result = outcome(phone.replies(Action::WriteItems, ACCEPTED, items)).result;
    assert_eq!(result, WorkResult::Written { problems });
}

#[test]
fn a_failed_write_fails_alone() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    let problems = vec![Item::new("a", "").with_status(ItemStatus::InvalidData)];
    let failed = outcome(phone.replies(Action::WriteItems, ReplyStatus::Failed, problems.clone()));
    assert_eq!(
        failed,
        done(1, WorkResult::Failed { status: ReplyStatus::Failed, problems, accepted: vec![] })
    );
    // Offered again at once, the same attempt is not repeated; other work goes on.
    let answer = phone.decides(works(vec![write(1, &[("a", "1")]), write(2, &[("b", "1")])]));
    assert_eq!(answer.sends, Some(Purpose::Work(WorkId(2))));
    let word = ReplyStatus::Unknown("perhaps".to_owned());
    let failed = outcome(phone.replies(Action::WriteItems, word.clone(), vec![]));
    assert_eq!(failed, done(2, WorkResult::Failed { status: word, problems: vec![], accepted: vec![] }));
}

#[test]
fn of_an_order_in_several_messages_what_came_before_the_refusal_is_told() {
    let record = |name: &str| Record { items: vec![Item::new(name, "1")], alone: true };
    let order = Order::Write(vec![record("a"), record("b"), record("c")]);
    let (mut phone, _) = Phone::starts(None, works(vec![work(1, order)]));
    phone.replies(Action::WriteItems, ACCEPTED, vec![]);
    let failed = outcome(phone.replies(Action::WriteItems, ReplyStatus::Failed, vec![]));
    let accepted = vec![ItemKey::new("a", None)];
    assert_eq!(
        failed,
        done(1, WorkResult::Failed { status: ReplyStatus::Failed, problems: vec![], accepted })
    );
}

#[test]
fn a_missing_status_is_good_unless_items_of_a_write_say_otherwise() {
    let problem = || vec![Item::new("a", "").with_status(ItemStatus::Failed)];
    let reply = |items| message("", Reason::ReplyTo { action: None, status: None }, items);
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    let result = outcome(phone.sends(reply(vec![]))).result;
    assert_eq!(result, WorkResult::Written { problems: vec![] });
    phone.decides(works(vec![write(2, &[("a", "2")])]));
    let result = outcome(phone.sends(reply(problem()))).result;
    assert_eq!(
        result,
        WorkResult::Failed { status: ReplyStatus::Failed, problems: problem(), accepted: vec![] }
    );
    phone.decides(works(vec![work(3, Order::ReadAll)]));
    let result = outcome(phone.sends(reply(problem()))).result;
    assert_eq!(result, WorkResult::Read { items: vec![], problems: problem() });
}

#[test]
fn status_in_place_of_a_reply_is_a_reply() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    let result = outcome(phone.sends(message("", Reason::Status, vec![]))).result;
    assert_eq!(result, WorkResult::Written { problems: vec![] });
    phone.decides(works(vec![write(2, &[("a", "2")])]));
    let items = vec![Item::new("file-deployment-status", "ok")];
    let (_, end) = ended(phone.sends(message("", Reason::Status, items)));
    assert_eq!(end.cause, EndCause::Unexpected(Reason::Status));
    assert_eq!(end.outcome, Some(done(2, WorkResult::Unanswered)));
}

#[test]
fn a_deployment_may_be_confirmed_refused_or_busy() {
    let deploy = |id| works(vec![work(id, Order::DeploySoftware(vec![Item::new("file-type", "APP")]))]);
    let action = Action::SoftwareDeployment;
    let (mut phone, _) = Phone::starts(None, deploy(1));
    let started = outcome(phone.replies(action.clone(), ACCEPTED, vec![]));
    assert_eq!(started, done(1, WorkResult::Started { confirmed: true }));
    let answer = phone.decides(works(vec![write(9, &[("a", "1")])]));
    assert_eq!(cause(&answer), &EndCause::Started);
    assert_eq!(answer.message.items, []);

    let (mut phone, _) = Phone::starts(None, deploy(2));
    assert_eq!(outcome(phone.replies(action.clone(), ReplyStatus::Busy, vec![])), done(2, WorkResult::Busy));
    assert_eq!(phone.decides(deploy(3)).message.items, [Item::new("send-solicited", "true")]);

    let (mut phone, _) = Phone::starts(None, deploy(4));
    let failed = outcome(phone.replies(action, ReplyStatus::Failed, vec![])).result;
    assert_eq!(
        failed,
        WorkResult::Failed { status: ReplyStatus::Failed, problems: vec![], accepted: vec![] }
    );
    assert_eq!(phone.decides(works(vec![write(9, &[("a", "1")])])).message.action, Action::WriteItems);
}

#[test]
fn a_phone_back_after_a_restart_takes_the_old_session_with_it() {
    let (mut phone, answer) = Phone::starts(None, works(vec![work(1, Order::Restart(vec![]))]));
    assert_eq!(answer.message.action, Action::Restart);
    let end = phone.session.supersede();
    assert_eq!(end.cause, EndCause::Superseded);
    assert_eq!(end.outcome, Some(done(1, WorkResult::Started { confirmed: false })));
    assert_eq!(phone.session.supersede(), End { cause: EndCause::AlreadyEnded, outcome: None });
}

#[test]
fn appendix_a27_a_clean_up_of_the_phone_closes_and_fails_the_work_with_its_reason() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    let items = vec![Item::new("cleanup-reason", "password retries exceeded")];
    let (answer, end) = ended(phone.sends(message("", Reason::CleanUp, items)));
    assert_eq!(answer, ServerMessage::clean_up("n1"));
    let reason = Some("password retries exceeded".to_owned());
    assert_eq!(end.cause, EndCause::PhoneGaveUp { reason: reason.clone() });
    assert_eq!(end.outcome, Some(done(1, WorkResult::PhoneGaveUp { reason })));
}

#[test]
fn appendix_a11_a_stray_reply_is_closed_with_its_nonce() {
    let reply = message("stray", reply_reason(Action::ReadAllItems, ACCEPTED), vec![]);
    let (phone, step) = Phone::calls(reply);
    let (answer, end) = ended(step);
    assert_eq!(answer, ServerMessage::clean_up("stray"));
    assert_eq!(end, End { cause: EndCause::Stray, outcome: None });
    assert_eq!(phone.session.end(), Some(&end));
    let (_, step) = Phone::calls(message("1", Reason::CleanUp, vec![]));
    assert_eq!(ended(step).1.cause, EndCause::PhoneGaveUp { reason: None });
    let (_, step) = Phone::calls(message("1", Reason::Unknown("woke-up".to_owned()), vec![]));
    assert_eq!(ended(step).1.cause, EndCause::UnknownReason("woke-up".to_owned()));
}

#[test]
fn a_reply_to_another_action_ends_the_session_and_puts_the_work_back() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    let (answer, end) = ended(phone.replies(Action::ReadAllItems, ACCEPTED, vec![]));
    assert_eq!(answer.action, Action::CleanUp);
    assert_eq!(end.cause, EndCause::WrongReply { awaited: Action::WriteItems, got: Action::ReadAllItems });
    assert_eq!(end.outcome, Some(done(1, WorkResult::Unanswered)));
    let (answer, end) = ended(phone.replies(Action::WriteItems, ACCEPTED, vec![]));
    assert_eq!(answer, ServerMessage::clean_up("n2"));
    assert_eq!(end, End { cause: EndCause::AlreadyEnded, outcome: None });
}

#[test]
fn a_message_before_the_decision_ends_the_session() {
    let (mut phone, _) = Phone::calls(opening(Reason::StartUp));
    assert!(phone.session.is_deciding());
    let (_, end) = ended(phone.sends(opening(Reason::Solicited)));
    assert_eq!(end.cause, EndCause::Unexpected(Reason::Solicited));
    assert_eq!(phone.session.proceed(Situation::default(), Millis(0)), Err(OutOfTurn));
}

#[test]
fn a_repeated_request_gets_the_stored_answer_for_a_few_seconds() {
    let first = opening(Reason::StartUp);
    let (mut phone, _) = Phone::calls(first.clone());
    assert_eq!(phone.session.stored_answer(&first, Fingerprint(0), Millis(0)), None);
    let answer = phone.decides(works(vec![write(1, &[("a", "1")])])).message;
    let again = phone.session.receive(first.clone(), Fingerprint(0), Millis(5_000));
    assert_eq!(answered(again), answer);
    assert_eq!(phone.session.awaited_action(), Some(&Action::WriteItems));
    assert_eq!(phone.session.stored_answer(&first, Fingerprint(1), Millis(1)), None);
    let (_, end) = ended(phone.session.receive(first, Fingerprint(0), Millis(5_001)));
    assert_eq!(end.cause, EndCause::Unexpected(Reason::StartUp));
}

#[test]
fn equal_replies_of_a_phone_that_repeats_our_nonce_are_not_retries() {
    let records = (1..=3).map(|index| Item::indexed("x", index, "v").into()).collect();
    let (mut phone, first) = Phone::starts(Some(1), works(vec![work(1, Order::Write(records))]));
    let reply = || message("open", reply_reason(Action::WriteItems, ACCEPTED), vec![]);
    let same = Fingerprint(7);
    let second = answered(phone.session.receive(reply(), same, Millis(1)));
    let third = answered(phone.session.receive(reply(), same, Millis(2)));
    let indexes = [first.message, second, third].map(|message| message.items[0].index);
    assert_eq!(indexes, [Some(1), Some(2), Some(3)]);
    let result = outcome(phone.session.receive(reply(), same, Millis(3))).result;
    assert_eq!(result, WorkResult::Written { problems: vec![] });
    let read = phone.decides(works(vec![work(2, Order::ReadAll)])).message;
    // Now the reply names an action that is not awaited: this is a retry.
    assert_eq!(answered(phone.session.receive(reply(), same, Millis(4))), read);
}

#[test]
fn the_same_content_is_sent_at_most_twice() {
    let order = |id| works(vec![write(id, &[("a", "1")])]);
    let (mut phone, _) = Phone::starts(None, order(1));
    outcome(phone.replies(Action::WriteItems, ReplyStatus::Failed, vec![]));
    assert!(phone.decides(order(2)).sends.is_some());
    outcome(phone.replies(Action::WriteItems, ReplyStatus::Failed, vec![]));
    let answer = phone.decides(order(3));
    assert_eq!(answer.outcomes, [done(3, WorkResult::Refused(WorkRefusal::Repeated { times: 2 }))]);
    assert_eq!(cause(&answer), &EndCause::Done);
}

#[test]
fn a_session_has_a_bounded_number_of_messages() {
    let rules = Rules { messages: 3, ..Rules::default() };
    let (mut phone, _) = Phone::calls_with(opening(Reason::StartUp), rules);
    for id in 1..=2 {
        assert!(phone.decides(works(vec![write(id, &[("a", &id.to_string())])])).sends.is_some());
        outcome(phone.replies(Action::WriteItems, ACCEPTED, vec![]));
    }
    let answer = phone.decides(works(vec![write(3, &[("a", "3")])]));
    assert_eq!(cause(&answer), &EndCause::TooManyMessages);
    assert_eq!(answer.message.items, [Item::new("send-solicited", "true")]);
    assert_eq!((answer.sends, answer.outcomes), (None, vec![]));

    // An order in more messages than a session has is turned down, one that still fits waits.
    let parts = |id, count: u16| {
        let records = (0..count).map(|index| Item::indexed("x", index, "v").into()).collect();
        works(vec![work(id, Order::Write(records))])
    };
    let rules = Rules { messages: 3, split: SplitLimits { items: 1, bytes: 1_000 }, ..Rules::default() };
    let (mut phone, _) = Phone::calls_with(opening(Reason::StartUp), rules);
    let refusal = WorkRefusal::TooManyMessages { messages: 3, limit: 2 };
    assert_eq!(phone.decides(parts(1, 3)).outcomes, [done(1, WorkResult::Refused(refusal))]);
    let (mut phone, _) = Phone::calls_with(opening(Reason::StartUp), rules);
    phone.decides(parts(1, 1));
    outcome(phone.replies(Action::WriteItems, ACCEPTED, vec![]));
    assert_eq!(cause(&phone.decides(parts(2, 2))), &EndCause::TooManyMessages);
}

#[test]
fn repeating_one_request_for_ever_ends_the_session() {
    let rules = Rules { messages: 5, ..Rules::default() };
    let (mut phone, _) = Phone::calls_with(opening(Reason::StartUp), rules);
    phone.decides(works(vec![write(1, &[("a", "1")])]));
    let mut steps = 0;
    while phone.session.end().is_none() && steps < 100 {
        phone.session.receive(opening(Reason::StartUp), Fingerprint(0), Millis(1));
        steps += 1;
    }
    assert_eq!(steps, 5);
}

#[test]
fn orders_that_cannot_be_sent_are_turned_down_and_the_next_one_goes() {
    let line = Record::new((1..=4).map(|index| Item::indexed("line", index, "v")).collect());
    let file = (1..=4).map(|index| Item::indexed("file", index, "v")).collect();
    let (_, answer) = Phone::starts(
        Some(3),
        works(vec![
            work(1, Order::Write(vec![line])),
            work(2, Order::Write(vec![])),
            write(3, &[("a", "\u{1}")]),
            work(4, Order::Read(vec![])),
            work(5, Order::DeployFile(file)),
            work(6, Order::DeployFile(vec![])),
            work(7, Order::Restart(vec![])),
        ]),
    );
    let first = ItemKey::new("line", Some(1));
    let split = crate::SplitError::RecordTooLarge { first, items: 4, max_items: 3 };
    let place = crate::error::Place::Item(ItemKey::new("a", None));
    let expected = [
        (1, WorkRefusal::RecordTooLarge(split)),
        (2, WorkRefusal::Empty),
        (3, WorkRefusal::Unwritable(crate::WriteError::Character { place, character: '\u{1}' })),
        (4, WorkRefusal::Empty),
        (5, WorkRefusal::TooManyItems { items: 4, max_items: 3 }),
        (6, WorkRefusal::Empty),
    ]
    .map(|(id, refusal)| done(id, WorkResult::Refused(refusal)));
    assert_eq!(answer.outcomes, expected);
    assert_eq!(answer.sends, Some(Purpose::Work(WorkId(7))));
}

#[test]
fn a_bootstrapping_order_that_is_turned_down_ends_the_session() {
    let record = Record::new((1..=4).map(|index| Item::indexed("b", index, "v")).collect());
    let situation = Situation { bootstrap: Some(vec![record]), ..works(vec![write(1, &[("a", "1")])]) };
    let (_, answer) = Phone::starts(Some(3), situation);
    assert_eq!(cause(&answer), &EndCause::OrderRefused);
    assert_eq!(answer.outcomes.len(), 1);
    assert_eq!(answer.outcomes[0].purpose, Purpose::Bootstrap);
}

#[test]
fn appendix_a14_a_silent_session_expires_and_its_work_goes_back() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    assert!(!phone.session.expired(Millis(89_999)));
    assert!(phone.session.expired(Millis(90_000)));
    let end = phone.session.time_out();
    assert_eq!(end.cause, EndCause::TimedOut);
    assert_eq!(end.outcome, Some(done(1, WorkResult::Unanswered)));
    assert!(!phone.session.is_waiting_for_reply());
}

#[test]
fn proceeding_without_a_report_is_refused_and_changes_nothing() {
    let (mut phone, _) = Phone::starts(None, works(vec![write(1, &[("a", "1")])]));
    assert_eq!(phone.session.proceed(Situation::default(), Millis(0)), Err(OutOfTurn));
    assert_eq!(phone.session.awaited_action(), Some(&Action::WriteItems));
}
