//! The server's side of a session with a phone, as a pure state machine (`wpi.md` §3.4, §3.7, §4.3 to §4.5).
//!
//! ```text
//!   open ──> Collecting ──> Deciding ── proceed ──> Waiting ── receive ──> Deciding ...
//!               (parts)         │                      │ (parts)
//!                               └──────> Ended <───────┘
//! ```
//!
//! A message goes in and exactly one answer comes out, either at once or, when something has to be stored
//! first, from `proceed`. The machine owns nothing but the one order under way: what shall be done is given
//! anew at each decision, and every order that went out is accounted for in exactly one [`Outcome`].
//!
//! No I/O, no clock, no randomness. The machine does not know devices, jobs or databases.

mod decide;
mod opening;
mod order;
mod replay;
mod reply;
mod report;
mod rules;

pub use opening::{
    Changes, Opening, OpeningReason, device_address, has_deployment_result, is_basic, is_opening,
};
pub use order::{Mobility, Order, Refusal, Situation, Work, WorkId};
pub use replay::{Replay, ReplayGuard};
pub use report::{Answer, End, EndCause, OutOfTurn, Outcome, Purpose, Report, Step, WorkRefusal, WorkResult};
pub use rules::{Fingerprint, Millis, Rules};

use std::collections::{BTreeSet, HashMap};

use crate::assembly::{Assembly, Collected};
use crate::{Action, Item, PhoneMessage, Reason, ServerMessage};
use reply::Outstanding;

/// One session with one phone.
#[derive(Debug)]
pub struct Conversation {
    rules: Rules,
    state: State,
    end: Option<End>,
    /// The last number the phone named; a message without one does not lift it.
    max_items: Option<u32>,
    active_at: Millis,
    messages: u32,
    parts: u32,
    /// How often each order with its content was sent.
    sent: HashMap<u64, u32>,
    /// Attempts that need no further thought in this session.
    settled: BTreeSet<WorkId>,
    full_read_sent: bool,
    last: Exchange,
}

/// The newest message of the phone and its answer.
#[derive(Debug)]
struct Exchange {
    nonce: String,
    fingerprint: Fingerprint,
    at: Millis,
    /// It repeats the nonce of our message, so the nonce does not tell it from other replies.
    echoes: bool,
    answer: Option<ServerMessage>,
}

#[derive(Debug)]
enum State {
    /// Parts of a message are coming in: of a reply when something is outstanding, else of the opening.
    Collecting { assembly: Assembly, outstanding: Option<Outstanding> },
    /// A report was handed out; `proceed` comes next.
    Deciding { close: Option<Close> },
    /// An order went out.
    Waiting(Outstanding),
    /// Over.
    Ended,
}

/// Why the next decision can only be the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    /// The phone is busy.
    Busy,
    /// The phone confirmed a deployment or restart.
    Started,
}

impl Conversation {
    /// Begins a session with the message that opens it.
    ///
    /// A message that opens nothing (a stray reply or clean-up, an unknown reason) is answered with CleanUp
    /// and gives a session that is over. Look for [`Self::stored_answer`] in the device's old session first:
    /// a repeated request is not a new session.
    pub fn open(message: PhoneMessage, fingerprint: Fingerprint, now: Millis, rules: Rules) -> (Self, Step) {
        let mut conversation = Self {
            rules,
            state: State::Ended,
            end: None,
            max_items: message.max_items,
            active_at: now,
            messages: 1,
            parts: 0,
            sent: HashMap::new(),
            settled: BTreeSet::new(),
            full_read_sent: false,
            last: Exchange {
                nonce: message.nonce.clone(),
                fingerprint,
                at: now,
                echoes: false,
                answer: None,
            },
        };
        let step = match &message.reason {
            Reason::Unknown(word) => {
                let cause = EndCause::UnknownReason(word.clone());
                conversation.close(cause, None, Vec::new())
            }
            Reason::CleanUp => conversation.phone_gave_up(&message, None),
            Reason::ReplyTo { .. } => conversation.close(EndCause::Stray, None, Vec::new()),
            _ => {
                let collected = Assembly::start(message, &conversation.rules.limits);
                conversation.collected(collected, None)
            }
        };
        (conversation, step)
    }

    /// Takes a further message of this session.
    pub fn receive(&mut self, message: PhoneMessage, fingerprint: Fingerprint, now: Millis) -> Step {
        let repeated = self.stored_answer(&message, fingerprint, now).cloned();
        self.active_at = now;
        if let Some(answer) = repeated {
            // Repeating for ever is no retry; it is counted like any other message.
            self.messages = self.messages.saturating_add(1);
            if self.end.is_some() || self.messages <= self.rules.messages {
                return Step::Answer(answer);
            }
        } else {
            let echoes = self.last.nonce == message.nonce;
            let nonce = message.nonce.clone();
            self.last = Exchange { nonce, fingerprint, at: now, echoes, answer: None };
        }
        self.max_items = message.max_items.or(self.max_items);
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => {
                let end = End { cause: EndCause::AlreadyEnded, outcome: None };
                let answer = self.answer(Action::CleanUp, Vec::new());
                Step::End { answer, end }
            }
            State::Deciding { .. } => self.unexpected(message, None),
            State::Collecting { assembly, outstanding } => self.receive_part(message, assembly, outstanding),
            State::Waiting(outstanding) => self.receive_reply(message, outstanding),
        }
    }

    /// The answer that was already given to this very message, if it is repeated within
    /// [`Rules::retry`]: a retry of the HTTP layer (`wpi.md` §3.4).
    ///
    /// A phone that repeats our nonce in its replies sends the same bytes for "first part written" and
    /// "second part written". Such a reply is a retry only when the action it names is not awaited: to
    /// take a new reply for a retry would send the same order round and round.
    pub fn stored_answer(
        &self,
        message: &PhoneMessage,
        fingerprint: Fingerprint,
        now: Millis,
    ) -> Option<&ServerMessage> {
        let same = self.last.fingerprint == fingerprint && self.last.nonce == message.nonce;
        let recent = now.since(self.last.at) <= self.rules.retry;
        let ambiguous = self.last.echoes
            && match &message.reason {
                Reason::ReplyTo { action, .. } => self.awaits(action.as_ref()),
                _ => self.awaits(None),
            };
        self.last.answer.as_ref().filter(|_| same && recent && !ambiguous)
    }

    /// Whether nothing was heard or said for [`Rules::idle`]; then call [`Self::time_out`].
    pub fn expired(&self, now: Millis) -> bool {
        now.since(self.active_at) >= self.rules.idle
    }

    /// Ends the session because the phone is silent. Nothing is sent.
    pub fn time_out(&mut self) -> End {
        self.abandon(EndCause::TimedOut)
    }

    /// Ends the session because its device opened a new one. Nothing is sent.
    pub fn supersede(&mut self) -> End {
        self.abandon(EndCause::Superseded)
    }

    /// How the session ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether an order went out whose reply is not complete (D-7, rules 4 and 5). Also true after a
    /// deployment or restart, which phones mostly do not reply to.
    pub fn is_waiting_for_reply(&self) -> bool {
        self.awaited_action().is_some()
    }

    /// The action whose reply is not complete.
    pub fn awaited_action(&self) -> Option<&Action> {
        match &self.state {
            State::Waiting(outstanding) | State::Collecting { outstanding: Some(outstanding), .. } => {
                Some(&outstanding.action)
            }
            _ => None,
        }
    }

    /// Whether a reply to `action` fits here (D-7, rule 4). A reply that names no action fits any.
    pub fn awaits(&self, action: Option<&Action>) -> bool {
        match (self.awaited_action(), action) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(awaited), Some(named)) => {
                awaited == named
                    || (*named == Action::GetNextFragment && matches!(self.state, State::Collecting { .. }))
            }
        }
    }

    /// Whether a report waits for `proceed`.
    pub fn is_deciding(&self) -> bool {
        matches!(self.state, State::Deciding { .. })
    }

    /// Whether parts of an opening message with this reason are being collected (`wpi.md` §3.7): a further
    /// message with it is the next part, not a new session.
    pub fn collects(&self, reason: &Reason) -> bool {
        matches!(&self.state, State::Collecting { assembly, outstanding: None } if assembly.so_far().reason == *reason)
    }

    fn receive_part(
        &mut self,
        message: PhoneMessage,
        assembly: Assembly,
        outstanding: Option<Outstanding>,
    ) -> Step {
        self.parts = self.parts.saturating_add(1);
        let fits = match (&message.reason, &outstanding) {
            (Reason::ReplyTo { action: Some(Action::GetNextFragment) | None, .. }, _) => true,
            (Reason::ReplyTo { action: Some(action), .. }, Some(outstanding)) => {
                *action == outstanding.action
            }
            (Reason::ReplyTo { .. }, None) => false,
            (reason, _) => *reason == assembly.so_far().reason,
        };
        if !fits {
            return self.unexpected(message, outstanding);
        }
        if self.parts > self.rules.parts {
            let outcome = outstanding.map(Outstanding::unanswered);
            return self.close(EndCause::TooManyMessages, outcome, Vec::new());
        }
        let collected = assembly.add(message, &self.rules.limits);
        self.collected(collected, outstanding)
    }

    fn receive_reply(&mut self, message: PhoneMessage, outstanding: Outstanding) -> Step {
        self.messages = self.messages.saturating_add(1);
        let fits = match &message.reason {
            Reason::ReplyTo { action, .. } => {
                action.as_ref().is_none_or(|named| *named == outstanding.action)
            }
            // Seen as the reply to a write only; as the reply to a read it would be a report of nothing.
            Reason::Status => outstanding.action == Action::WriteItems && !has_deployment_result(&message),
            _ => false,
        };
        if !fits {
            return self.unexpected(message, Some(outstanding));
        }
        if self.messages > self.rules.messages {
            let outcome = Some(outstanding.unanswered());
            return self.close(EndCause::TooManyMessages, outcome, Vec::new());
        }
        let collected = Assembly::start(message, &self.rules.limits);
        self.collected(collected, Some(outstanding))
    }

    /// A message that does not fit the state: the end, in any case.
    fn unexpected(&mut self, message: PhoneMessage, outstanding: Option<Outstanding>) -> Step {
        let cause = match message.reason {
            Reason::CleanUp => return self.phone_gave_up(&message, outstanding),
            Reason::Unknown(word) => EndCause::UnknownReason(word),
            Reason::ReplyTo { action: Some(got), status } => match &outstanding {
                Some(waiting) => EndCause::WrongReply { awaited: waiting.action.clone(), got },
                None => EndCause::Unexpected(Reason::ReplyTo { action: Some(got), status }),
            },
            other => EndCause::Unexpected(other),
        };
        self.close(cause, outstanding.map(Outstanding::unanswered), Vec::new())
    }

    fn phone_gave_up(&mut self, message: &PhoneMessage, outstanding: Option<Outstanding>) -> Step {
        let named = message.items.iter().find(|item| item.name == "cleanup-reason");
        let reason = named.map(|item| item.value.clone()).filter(|text| !text.is_empty());
        let outcome = outstanding.map(|outstanding| Outcome {
            purpose: outstanding.purpose,
            result: WorkResult::PhoneGaveUp { reason: reason.clone() },
        });
        self.close(EndCause::PhoneGaveUp { reason }, outcome, Vec::new())
    }

    fn collected(
        &mut self,
        collected: Result<Collected, crate::AssemblyError>,
        outstanding: Option<Outstanding>,
    ) -> Step {
        match (collected, outstanding) {
            (Err(error), outstanding) => {
                let outcome = outstanding.map(|outstanding| Outcome {
                    purpose: outstanding.purpose,
                    result: WorkResult::TooLarge(error),
                });
                self.close(EndCause::Fragments(error), outcome, Vec::new())
            }
            (Ok(Collected::More(assembly)), outstanding) => {
                self.state = State::Collecting { assembly, outstanding };
                Step::Answer(self.answer(Action::GetNextFragment, Vec::new()))
            }
            (Ok(Collected::Complete(message)), Some(outstanding)) => self.replied(message, outstanding),
            (Ok(Collected::Complete(message)), None) => {
                let reason = message.reason.clone();
                match Opening::of(message) {
                    Some(opening) => {
                        self.state = State::Deciding { close: None };
                        Step::Record(Report::Opened(opening))
                    }
                    None => self.close(EndCause::Unexpected(reason), None, Vec::new()),
                }
            }
        }
    }

    /// Makes and remembers the answer to the newest message.
    fn answer(&mut self, action: Action, items: Vec<Item>) -> ServerMessage {
        let answer = ServerMessage { nonce: self.last.nonce.clone(), action, items };
        self.last.answer = Some(answer.clone());
        answer
    }

    /// Ends the session with a CleanUp.
    fn close(&mut self, cause: EndCause, outcome: Option<Outcome>, items: Vec<Item>) -> Step {
        let answer = self.answer(Action::CleanUp, items);
        let end = self.finish(cause, outcome);
        Step::End { answer, end }
    }

    fn finish(&mut self, cause: EndCause, outcome: Option<Outcome>) -> End {
        self.state = State::Ended;
        let end = End { cause, outcome };
        self.end = Some(end.clone());
        end
    }

    fn abandon(&mut self, cause: EndCause) -> End {
        let outstanding = match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => return End { cause: EndCause::AlreadyEnded, outcome: None },
            State::Deciding { .. } => None,
            State::Waiting(outstanding) => Some(outstanding),
            State::Collecting { outstanding, .. } => outstanding,
        };
        self.finish(cause, outstanding.map(Outstanding::unanswered))
    }
}

#[cfg(test)]
mod tests;
