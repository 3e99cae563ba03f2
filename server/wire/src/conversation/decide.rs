//! What a session does next (`wpi.md` §4.4): refusal, overload, bootstrapping, mobility, full read, work in
//! its order, and CleanUp when nothing is left; with the guards against going round in circles.
//!
//! This file decides from the caller's situation alone; it does not know why the situation is as it is.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::order::{Mobility, Order, Refusal, Situation, Work};
use super::reply::{Outstanding, keys_of};
use super::report::{Answer, EndCause, OutOfTurn, Outcome, Purpose, WorkRefusal, WorkResult};
use super::{Close, Conversation, Millis, State};
use crate::split::{Record, split};
use crate::write::check_items;
use crate::{Action, Item, ItemKey, ServerMessage};

impl Conversation {
    /// Chooses and makes the answer to the message that was reported last.
    ///
    /// # Errors
    /// When no report is open; nothing has changed then.
    pub fn proceed(&mut self, situation: Situation, now: Millis) -> Result<Answer, OutOfTurn> {
        let State::Deciding { close } = self.state else { return Err(OutOfTurn) };
        self.active_at = now;
        let mut outcomes = Vec::new();
        let chosen = self.choose(situation, close, &mut outcomes);
        let answer = match chosen {
            Choice::Send { message, purpose } => {
                Answer { message, sends: Some(purpose), outcomes, end: None }
            }
            Choice::End { cause, items } => {
                let message = self.answer(Action::CleanUp, items);
                let end = self.finish(cause, None);
                Answer { message, sends: None, outcomes, end: Some(end) }
            }
        };
        Ok(answer)
    }

    fn choose(&mut self, situation: Situation, close: Option<Close>, outcomes: &mut Vec<Outcome>) -> Choice {
        let Situation { refused, overloaded, bootstrap, mobility, full_read, mut work } = situation;
        if let Some(refusal) = refused {
            let items = match &refusal {
                Refusal::Told(reason) => told("cleanup-reason", reason),
                Refusal::Blocked | Refusal::NotAllowed | Refusal::Replayed => Vec::new(),
            };
            return Choice::End { cause: EndCause::Refused(refusal), items };
        }
        match close {
            Some(Close::Busy) => {
                return Choice::End { cause: EndCause::Busy, items: told("send-solicited", "true") };
            }
            Some(Close::Started) => return Choice::End { cause: EndCause::Started, items: Vec::new() },
            None => {}
        }
        if overloaded {
            return Choice::End { cause: EndCause::Overloaded, items: told("cleanup-reason", "overload") };
        }
        if self.messages >= self.rules.messages {
            if work.is_empty() {
                return Choice::End { cause: EndCause::TooManyMessages, items: Vec::new() };
            }
            return Choice::full();
        }
        let urgent = match (bootstrap, mobility) {
            (Some(records), _) => Some((Purpose::Bootstrap, Order::Write(records))),
            (None, Some(Mobility::Refuse(reason))) => {
                let items = told("cleanup-reason", &reason);
                return Choice::End { cause: EndCause::MobilityRefused, items };
            }
            (None, Some(Mobility::Read(keys))) => Some((Purpose::Mobility, Order::Read(keys))),
            (None, Some(Mobility::Write(records))) => Some((Purpose::Mobility, Order::Write(records))),
            (None, None) => None,
        };
        if let Some((purpose, order)) = urgent {
            return self.send(purpose, order).unwrap_or_else(|outcome| {
                outcomes.push(outcome);
                Choice::End { cause: EndCause::OrderRefused, items: Vec::new() }
            });
        }
        if full_read && !self.full_read_sent {
            self.full_read_sent = true;
            match self.send(Purpose::FullRead, Order::ReadAll) {
                Ok(choice) => return choice,
                Err(outcome) => outcomes.push(outcome),
            }
        }
        work.sort_by_key(|work| work.order.rank());
        for Work { id, order } in work {
            // An attempt has one result; given again it is a mistake that must not be carried out twice.
            if !self.settled.insert(id) {
                continue;
            }
            match self.send(Purpose::Work(id), order) {
                Ok(choice) => return choice,
                Err(outcome) => outcomes.push(outcome),
            }
        }
        Choice::End { cause: EndCause::Done, items: Vec::new() }
    }

    /// Sends the first message of an order; the error is an order that was turned down.
    fn send(&mut self, purpose: Purpose, order: Order) -> Result<Choice, Outcome> {
        let action = order.action();
        let messages = self.messages_of(order, &action);
        let mut rest =
            messages.map_err(|refusal| Outcome { purpose, result: WorkResult::Refused(refusal) })?;
        let needed = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        if needed > self.rules.messages.saturating_sub(self.messages) {
            // It fits into a session of its own (see `messages_of`).
            return Ok(Choice::full());
        }
        let first = rest.pop_front().unwrap_or_default();
        let (read, problems, accepted) = (Vec::new(), Vec::new(), Vec::new());
        let current = keys_of(&first);
        self.state = State::Waiting(Outstanding {
            action: action.clone(),
            purpose,
            current,
            accepted,
            rest,
            read,
            problems,
        });
        Ok(Choice::Send { message: self.answer(action, first), purpose })
    }

    fn messages_of(&mut self, order: Order, action: &Action) -> Result<VecDeque<Vec<Item>>, WorkRefusal> {
        let messages: VecDeque<Vec<Item>> = match order {
            Order::ReadAll => VecDeque::from([Vec::new()]),
            Order::Read(keys) => self.split(keys.into_iter().map(empty_item).collect())?,
            Order::Write(records) => self.split(records)?,
            Order::Restart(items) => VecDeque::from([self.whole(items)?]),
            Order::DeployFile(items) | Order::DeploySoftware(items) => {
                if items.is_empty() {
                    return Err(WorkRefusal::Empty);
                }
                VecDeque::from([self.whole(items)?])
            }
        };
        // The opening message counts too.
        let limit = self.rules.messages.saturating_sub(1);
        if u32::try_from(messages.len()).is_ok_and(|needed| needed > limit) {
            return Err(WorkRefusal::TooManyMessages { messages: messages.len(), limit });
        }
        for items in &messages {
            check_items(items)?;
        }
        self.count(action, &messages)?;
        Ok(messages)
    }

    fn split(&self, records: Vec<Record>) -> Result<VecDeque<Vec<Item>>, WorkRefusal> {
        let messages = split(records, self.max_items, self.rules.split)?;
        if messages.is_empty() { Err(WorkRefusal::Empty) } else { Ok(messages.into()) }
    }

    /// Items that cannot be divided among messages.
    fn whole(&self, items: Vec<Item>) -> Result<Vec<Item>, WorkRefusal> {
        match self.max_items {
            Some(max_items) if usize::try_from(max_items).is_ok_and(|most| items.len() > most) => {
                Err(WorkRefusal::TooManyItems { items: items.len(), max_items })
            }
            _ => Ok(items),
        }
    }

    /// Counts an order by its content and refuses it when it was sent too often.
    fn count(&mut self, action: &Action, messages: &VecDeque<Vec<Item>>) -> Result<(), WorkRefusal> {
        let mut hasher = DefaultHasher::new();
        action.hash(&mut hasher);
        for item in messages.iter().flatten() {
            (&item.name, item.index, &item.value).hash(&mut hasher);
        }
        let times = self.sent.entry(hasher.finish()).or_default();
        if *times >= self.rules.equal_orders {
            return Err(WorkRefusal::Repeated { times: *times });
        }
        *times += 1;
        Ok(())
    }
}

enum Choice {
    Send { message: ServerMessage, purpose: Purpose },
    End { cause: EndCause, items: Vec<Item> },
}

impl Choice {
    /// The session has had its messages; the phone is asked to come back for the rest.
    fn full() -> Self {
        Self::End { cause: EndCause::TooManyMessages, items: told("send-solicited", "true") }
    }
}

/// The one item of a CleanUp; left out when it cannot be written, because the end matters more.
fn told(name: &str, value: &str) -> Vec<Item> {
    let items = vec![Item::new(name, value)];
    if check_items(&items).is_ok() { items } else { Vec::new() }
}

fn empty_item(key: ItemKey) -> Record {
    Record::new(vec![Item { name: key.name, index: key.index, status: None, value: String::new() }])
}
