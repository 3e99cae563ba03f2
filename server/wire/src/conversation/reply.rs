//! What a complete reply means for the order under way (`wpi.md` §3.6, §4.3, §4.6).
//!
//! This file knows the order and the reply, not what comes next.

use std::collections::VecDeque;

use super::report::{Outcome, Purpose, Report, Step, WorkResult};
use super::{Close, Conversation, State};
use crate::{Action, AssemblyError, Item, ItemKey, PhoneMessage, Reason, ReplyStatus};

/// An order that went out and is not fully answered.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) action: Action,
    pub(super) purpose: Purpose,
    /// Items of the message under way.
    pub(super) current: Vec<ItemKey>,
    /// Items of earlier messages of this order, which the phone accepted.
    pub(super) accepted: Vec<ItemKey>,
    /// Messages of this order that were not sent yet.
    pub(super) rest: VecDeque<Vec<Item>>,
    /// Values that earlier messages of this order brought.
    pub(super) read: Vec<Item>,
    /// Items with a status that earlier messages of this order brought.
    pub(super) problems: Vec<Item>,
}

impl Outstanding {
    /// Whether the result is told in a new session, and mostly not in this one.
    fn starts_something(&self) -> bool {
        matches!(self.action, Action::FileDeployment | Action::SoftwareDeployment | Action::Restart)
    }

    /// What is known when the session ends without a reply. A deployment or restart may well be going on
    /// and must not be repeated; anything else can be.
    pub(super) fn unanswered(self) -> Outcome {
        let started = self.starts_something();
        let result = if started { WorkResult::Started { confirmed: false } } else { WorkResult::Unanswered };
        Outcome { purpose: self.purpose, result }
    }
}

/// Names and indexes of items.
pub(super) fn keys_of(items: &[Item]) -> Vec<ItemKey> {
    items.iter().map(|item| ItemKey { name: item.name.clone(), index: item.index }).collect()
}

impl Conversation {
    /// The reply to the order under way is complete.
    pub(super) fn replied(&mut self, message: PhoneMessage, mut outstanding: Outstanding) -> Step {
        let status = match message.reason {
            Reason::ReplyTo { status, .. } => status,
            // `status` in place of `reply-to` has no attributes (`wpi.md` §4.3).
            _ => None,
        };
        let (problems, values): (Vec<_>, Vec<_>) =
            message.items.into_iter().partition(|item| item.status.is_some());
        // A missing status is good news, but not when items of a write say otherwise (`wpi.md` §4.3).
        let bad_write = outstanding.action == Action::WriteItems && !problems.is_empty();
        let status = status.unwrap_or(match bad_write {
            true => ReplyStatus::Failed,
            false => ReplyStatus::Accepted,
        });
        let mut all_problems = std::mem::take(&mut outstanding.problems);
        all_problems.extend(problems);
        match status {
            ReplyStatus::Busy => self.settle(outstanding.purpose, WorkResult::Busy, Some(Close::Busy)),
            ReplyStatus::Failed | ReplyStatus::Unknown(_) => self.settle(
                outstanding.purpose,
                WorkResult::Failed { status, problems: all_problems, accepted: outstanding.accepted },
                None,
            ),
            ReplyStatus::Accepted => {
                if outstanding.starts_something() {
                    let result = WorkResult::Started { confirmed: true };
                    return self.settle(outstanding.purpose, result, Some(Close::Started));
                }
                self.accepted(outstanding, values, all_problems)
            }
        }
    }

    fn accepted(&mut self, mut outstanding: Outstanding, values: Vec<Item>, problems: Vec<Item>) -> Step {
        // One reply was bounded when it came; those to several messages of one order are bounded here.
        let limit = self.rules.limits.items;
        if outstanding.read.len() + values.len() + problems.len() > limit {
            let result = WorkResult::TooLarge(AssemblyError::TooManyItems { limit });
            return self.settle(outstanding.purpose, result, None);
        }
        let reads = matches!(outstanding.action, Action::ReadAllItems | Action::ReadItems);
        if reads {
            outstanding.read.extend(values);
        }
        if let Some(items) = outstanding.rest.pop_front() {
            outstanding.problems = problems;
            outstanding.accepted.append(&mut outstanding.current);
            outstanding.current = keys_of(&items);
            let action = outstanding.action.clone();
            self.state = State::Waiting(outstanding);
            return Step::Answer(self.answer(action, items));
        }
        let result = if reads {
            WorkResult::Read { items: std::mem::take(&mut outstanding.read), problems }
        } else {
            WorkResult::Written { problems }
        };
        self.settle(outstanding.purpose, result, None)
    }

    fn settle(&mut self, purpose: Purpose, result: WorkResult, close: Option<Close>) -> Step {
        self.state = State::Deciding { close };
        Step::Record(Report::Replied(Outcome { purpose, result }))
    }
}
