//! Drives a conversation by bytes: each byte chooses what the phone or the server does next.
//!
//! Checked at every step: one answer per message, with its nonce, writable, within the phone's number of
//! items, no record torn; every piece of work that was sent has exactly one outcome; the session ends.

use std::collections::BTreeSet;

use crate::conversation::{
    Answer, Conversation, End, Fingerprint, Millis, Mobility, Order, Outcome, Purpose, Refusal, Report,
    Rules, Situation, Step, Work, WorkId, WorkResult,
};
use crate::{
    Action, Fragment, Item, ItemKey, Limits, PhoneMessage, Reason, Record, ReplyStatus, ServerMessage,
    SplitLimits,
};

/// Runs one session, checks it at every step, and checks that it ends with nothing lost.
pub fn conversation(bytes: &[u8]) {
    let mut drive = Drive::new(bytes);
    let opening = drive.opening();
    let print = drive.fingerprint(&opening);
    let (mut session, step) = Conversation::open(opening, print, drive.now, drive.rules);
    drive.follow(&mut session, step);
    let mut after_the_end = 0;
    while after_the_end < 5
        && let Some(choice) = drive.next()
    {
        drive.event(&mut session, choice);
        after_the_end += u8::from(session.end().is_some());
    }
    if session.end().is_none() && drive.number.is_multiple_of(3) {
        let end = session.time_out();
        drive.ended(&end);
    }
    // A phone that does all it is told, and a server that always has more: only the guards end this.
    for _ in 0..4_000 {
        if session.end().is_some() {
            break;
        }
        let action = session.awaited_action().cloned();
        let reply = drive.message(Reason::ReplyTo { action, status: Some(ReplyStatus::Accepted) }, 1);
        drive.deliver(&mut session, reply);
    }
    assert!(session.end().is_some(), "the session does not end");
    assert!(drive.sent.is_subset(&drive.settled), "work was lost");
}

struct Drive<'b> {
    bytes: std::slice::Iter<'b, u8>,
    rules: Rules,
    now: Millis,
    /// Counts messages, works and records, so that each is different.
    number: u64,
    nonce: String,
    echo: bool,
    max_items: Option<u32>,
    last: Option<(PhoneMessage, Fingerprint)>,
    sent: BTreeSet<WorkId>,
    settled: BTreeSet<WorkId>,
}

impl<'b> Drive<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let mut drive = Self {
            bytes: bytes.iter(),
            rules: Rules {
                limits: Limits { items: 10, bytes: 4_000, ..Limits::default() },
                split: SplitLimits { items: 12, bytes: 2_000 },
                messages: 12,
                parts: 2,
                ..Rules::default()
            },
            now: Millis(1_000),
            number: 0,
            nonce: "first".to_owned(),
            echo: false,
            max_items: None,
            last: None,
            sent: BTreeSet::new(),
            settled: BTreeSet::new(),
        };
        drive.echo = drive.choose(2) == 1;
        drive.max_items = match drive.choose(4) {
            0 => None,
            1 => Some(1),
            number => Some(u32::from(number) * 3),
        };
        drive
    }

    fn next(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    fn choose(&mut self, choices: u8) -> u8 {
        self.next().unwrap_or_default() % choices
    }

    fn count(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn message(&mut self, reason: Reason, items: u8) -> PhoneMessage {
        if !self.echo {
            self.nonce = format!("n{}", self.count());
        }
        let items = (0..items).map(|index| Item::indexed("x", index.into(), "v")).collect();
        let fragment = Fragment::Final;
        PhoneMessage { nonce: self.nonce.clone(), max_items: self.max_items, fragment, reason, items }
    }

    fn opening(&mut self) -> PhoneMessage {
        let reason = match self.choose(8) {
            0 | 1 => Reason::StartUp,
            2 => Reason::Solicited,
            3 => Reason::LocalChanges,
            4 => Reason::InventoryChanges,
            5 => Reason::Status,
            6 => Reason::CleanUp,
            _ => Reason::Unknown("woke-up".to_owned()),
        };
        let mut message = self.message(reason, 3);
        message.items.push(Item::new("mac-addr", "00:1A:E8:00:00:01"));
        if self.choose(5) == 0 {
            message.fragment = Fragment::Next;
        }
        message
    }

    /// Same content, same fingerprint; the driver has no need of a hash.
    fn fingerprint(&mut self, message: &PhoneMessage) -> Fingerprint {
        match &self.last {
            Some((last, print)) if last == message => *print,
            _ => {
                let print = Fingerprint(self.count());
                self.last = Some((message.clone(), print));
                print
            }
        }
    }

    fn event(&mut self, session: &mut Conversation, choice: u8) {
        let awaited = session.awaited_action().cloned();
        // Most of the time the phone does what it is told; a session with surprises only is a short one.
        let message = match choice.saturating_sub(180) % 12 {
            0 => self.message(Reason::ReplyTo { action: awaited, status: accepted() }, choice / 100),
            1..=4 => {
                let status = match self.choose(4) {
                    0 => None,
                    1 => Some(ReplyStatus::Busy),
                    2 => Some(ReplyStatus::Failed),
                    _ => Some(ReplyStatus::Unknown("perhaps".to_owned())),
                };
                self.message(Reason::ReplyTo { action: awaited, status }, 1)
            }
            5 => {
                let action = match self.choose(4) {
                    0 => None,
                    1 => Some(Action::GetNextFragment),
                    2 => Some(Action::WriteItems),
                    _ => Some(Action::ReadAllItems),
                };
                self.message(Reason::ReplyTo { action, status: accepted() }, 0)
            }
            6 | 7 => {
                let items = self.choose(8);
                let mut part = self.message(Reason::ReplyTo { action: awaited, status: accepted() }, items);
                part.fragment = Fragment::Next;
                part
            }
            8 => {
                let mut status = self.message(Reason::Status, 0);
                if choice > 127 {
                    status.items.push(Item::new("file-deployment-status", "ok"));
                }
                status
            }
            9 => self.opening(),
            10 => match self.last.clone() {
                Some((message, _)) => message,
                None => return,
            },
            _ => {
                self.now.0 += u64::from(choice) * 500;
                if session.expired(self.now) && session.end().is_none() {
                    let end = session.time_out();
                    self.ended(&end);
                }
                let out_of_turn = session.proceed(Situation::default(), self.now);
                assert!(out_of_turn.is_err(), "decided without a report");
                return;
            }
        };
        self.deliver(session, message);
    }

    fn deliver(&mut self, session: &mut Conversation, message: PhoneMessage) {
        self.now.0 += 10;
        self.nonce.clone_from(&message.nonce);
        let print = self.fingerprint(&message);
        let step = session.receive(message, print, self.now);
        self.follow(session, step);
    }

    fn follow(&mut self, session: &mut Conversation, step: Step) {
        match step {
            Step::Answer(message) => self.answered(&message),
            Step::End { answer, end } => {
                assert!(session.end().is_some(), "an end that did not end");
                self.answered(&answer);
                self.ended(&end);
            }
            Step::Record(report) => {
                assert!(session.is_deciding(), "a report without a decision");
                if let Report::Replied(outcome) = report {
                    self.settle(&outcome);
                }
                let situation = self.situation();
                let answer = session.proceed(situation, self.now);
                let Ok(Answer { message, sends, outcomes, end }) = answer else {
                    unreachable!("a report is open");
                };
                outcomes.iter().for_each(|outcome| self.settle(outcome));
                if let Some(Purpose::Work(id)) = sends {
                    assert!(self.sent.insert(id), "work was sent twice");
                }
                assert_eq!(sends.is_none(), end.is_some(), "either an order or the end");
                self.answered(&message);
                if let Some(end) = end {
                    self.ended(&end);
                }
            }
        }
    }

    fn ended(&mut self, end: &End) {
        if let Some(outcome) = &end.outcome {
            self.settle(outcome);
        }
    }

    fn settle(&mut self, outcome: &Outcome) {
        let Purpose::Work(id) = outcome.purpose else { return };
        let refused = matches!(outcome.result, WorkResult::Refused(_));
        assert_ne!(self.sent.contains(&id), refused, "a result of work that was not sent");
        assert!(self.settled.insert(id), "a second result");
    }

    fn answered(&self, message: &ServerMessage) {
        assert_eq!(message.nonce, self.nonce, "nonce not echoed");
        let bytes = message.to_bytes().unwrap_or_default();
        assert_eq!(ServerMessage::parse(&bytes, &Limits::default()).as_ref(), Ok(message));
        if let Some(number) = self.max_items {
            assert!(message.items.len() <= number as usize, "more items than the phone takes");
        }
        if message.action == Action::WriteItems {
            for item in &message.items {
                let of_record = message.items.iter().filter(|other| other.name == item.name).count();
                assert_eq!(of_record.to_string(), item.value, "a record was torn");
            }
        }
    }

    fn records(&mut self) -> Vec<Record> {
        let count = self.choose(6);
        (0..count).map(|_| self.record()).collect()
    }

    /// Every item says how many items its record has.
    fn record(&mut self) -> Record {
        let name = format!("record-{}", self.count());
        let size = self.choose(7);
        Record::new(
            (0..size).map(|index| Item::indexed(name.clone(), index.into(), size.to_string())).collect(),
        )
    }

    fn order(&mut self) -> Order {
        match self.choose(8) {
            0..=2 => Order::Write(self.records()),
            3 => Order::ReadAll,
            4 => {
                Order::Read((0..self.choose(5)).map(|index| ItemKey::new("y", Some(index.into()))).collect())
            }
            5 => Order::DeployFile(
                (0..self.choose(9)).map(|index| Item::indexed("f", index.into(), "")).collect(),
            ),
            6 => Order::DeploySoftware(vec![Item::new("file-type", "APP")]),
            _ => Order::Restart(Vec::new()),
        }
    }

    fn situation(&mut self) -> Situation {
        let mut situation = Situation::default();
        match self.choose(60) {
            0 => situation.refused = Some(Refusal::Blocked),
            1 => situation.refused = Some(Refusal::Told("no \u{1}".to_owned())),
            2 => situation.overloaded = true,
            3 => situation.bootstrap = Some(self.records()),
            4 => situation.mobility = Some(Mobility::Write(self.records())),
            5 => situation.mobility = Some(Mobility::Refuse("wrong".to_owned())),
            6..=20 => situation.full_read = true,
            _ => {}
        }
        for _ in 0..self.choose(4) {
            // Now and then an attempt that was offered before.
            let id = WorkId(if self.choose(6) == 0 { self.number / 2 } else { self.count() });
            let order = self.order();
            situation.work.push(Work { id, order });
        }
        // When the bytes are used up there is always something to write, or the session would just be done.
        if self.bytes.len() == 0 {
            let id = WorkId(self.count());
            let record = Record::new(vec![Item::new(format!("record-{}", self.number), "1")]);
            situation.work.push(Work { id, order: Order::Write(vec![record]) });
        }
        situation
    }
}

fn accepted() -> Option<ReplyStatus> {
    Some(ReplyStatus::Accepted)
}
