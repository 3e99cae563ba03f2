//! The phone's side of a conversation, without I/O: a server message goes in, the phone's next message
//! or the end of the session comes out (`wpi.md` §3.7, §4).
//!
//! Nonces and all other randomness are passed in. This machine shares nothing with the server's own
//! conversation; the two must only agree on the wire.

use std::collections::VecDeque;

use wire::{Action, Fragment, Item, PhoneMessage, Reason, ReplyStatus, ServerMessage};

use crate::behaviour::{Behaviour, FragmentAction, Mishap, ReplyNonce};
use crate::deployment::{Deployment, is_immediate};
use crate::orders::OrderLog;
use crate::phone::Phone;

mod deploying;

/// The public code that confirms a factory reset (`wpi.md` §4.5.8).
const RESET_PASSWORD: &str = "124816";

/// Why the phone opens a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It started.
    StartUp,
    /// It was asked to come.
    Solicited,
    /// Something was changed at the phone.
    LocalChanges,
    /// Key modules were plugged or removed; the inventory items go along (`wpi.md` §4.8).
    InventoryChanges,
    /// A deployment has ended; these items say how (`wpi.md` §4.6.3).
    Status(Vec<Item>),
    /// Any other reason word and items, for tests of servers. The basic items go along.
    Other(Reason, Vec<Item>),
}

impl Opening {
    /// The reason word on the wire.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::StartUp => Reason::StartUp,
            Self::Solicited => Reason::Solicited,
            Self::LocalChanges => Reason::LocalChanges,
            Self::InventoryChanges => Reason::InventoryChanges,
            Self::Status(_) => Reason::Status,
            Self::Other(reason, _) => reason.clone(),
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The server sent CleanUp.
    CleanUp {
        /// `cleanup-reason`, when there was one.
        reason: Option<String>,
        /// The phone comes back by itself when idle (`wpi.md` §4.5.4).
        send_solicited: bool,
    },
    /// The phone restarts.
    Restart,
    /// The phone restarts as it came out of the box.
    FactoryReset,
    /// The phone left to carry out a deployment (`wpi.md` §4.6.3).
    Deploying,
    /// The server had nothing to say: an empty answer (`wpi.md` §2.2).
    NothingMore,
    /// The phone went away without an answer ([`Mishap`]).
    Vanished,
    /// The phone ended the session with `clean-up` ([`Mishap::GiveUp`]).
    GaveUp,
}

impl SessionEnd {
    /// Whether the session ran to the end the server wanted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.is_overload() && !matches!(self, Self::Vanished | Self::GaveUp)
    }

    /// Whether the server was too busy and the phone shall repeat the same step later (`wpi.md` §4.5.9).
    #[must_use]
    pub fn is_overload(&self) -> bool {
        matches!(self, Self::CleanUp { reason: Some(reason), .. } if reason == "overload")
    }
}

/// What the phone does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this message.
    Send(PhoneMessage),
    /// The session is over.
    End(SessionEnd),
}

/// A phone and its state in the conversation.
#[derive(Clone, Debug)]
pub struct PhoneMachine {
    phone: Phone,
    behaviour: Behaviour,
    busy_requests: u32,
    failed_writes: u32,
    mishap: Option<Mishap>,
    mishaps: u32,
    failing_downloads: u32,
    breaking_downloads: u32,
    orders: OrderLog,
    /// What it was told to fetch in this session.
    deployment: Option<Deployment>,
    /// The items of that, or of the last one.
    deployment_items: Vec<Item>,
    /// It is still at what it was told to fetch before.
    is_deploying: bool,
    /// How often it was switched on; what goes on meanwhile ends when this changes.
    starts: u64,
    /// It was busy in this session.
    was_busy: bool,
    /// It has said `clean-up` in this session.
    gave_up: bool,
    /// Reason of the message being sent in parts, and the parts still to be sent.
    parts: Option<(Reason, VecDeque<Vec<Item>>)>,
    opened_for_local_changes: bool,
}

impl PhoneMachine {
    /// A phone with its manners, outside any session.
    #[must_use]
    pub fn new(mut phone: Phone, behaviour: Behaviour) -> Self {
        phone.report_user_password(behaviour.reports_user_password);
        phone.lock_dhcp_items(behaviour.locks_dhcp_items);
        Self {
            phone,
            busy_requests: behaviour.busy_requests,
            failed_writes: behaviour.failed_writes,
            mishap: behaviour.mishap,
            mishaps: behaviour.mishaps,
            failing_downloads: behaviour.deployments.failing,
            breaking_downloads: behaviour.deployments.breaking,
            behaviour,
            orders: OrderLog::default(),
            deployment: None,
            deployment_items: Vec::new(),
            is_deploying: false,
            starts: 0,
            was_busy: false,
            gave_up: false,
            parts: None,
            opened_for_local_changes: false,
        }
    }

    /// The phone.
    #[must_use]
    pub fn phone(&self) -> &Phone {
        &self.phone
    }

    /// The phone, to be changed as somebody standing before it would.
    pub fn phone_mut(&mut self) -> &mut Phone {
        &mut self.phone
    }

    /// The phone's manners.
    #[must_use]
    pub fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// Put the phone into a call: the next so many orders are answered `busy`.
    pub fn set_busy(&mut self, requests: u32) {
        self.busy_requests = requests;
    }

    /// The next so many WriteItems are answered `failed`.
    pub fn set_failing(&mut self, writes: u32) {
        self.failed_writes = writes;
    }

    /// Let this go wrong with the next so many WriteItems.
    pub fn set_mishap(&mut self, mishap: Mishap, times: u32) {
        (self.mishap, self.mishaps) = (Some(mishap), times);
    }

    /// What servers ordered so far.
    #[must_use]
    pub fn orders(&self) -> &OrderLog {
        &self.orders
    }

    /// Begin a new count of orders and give the old one.
    pub fn take_orders(&mut self) -> OrderLog {
        std::mem::take(&mut self.orders)
    }

    /// Whether the phone answered `busy` in its last session.
    #[must_use]
    pub fn was_busy(&self) -> bool {
        self.was_busy
    }

    /// Open a session. Whatever an earlier session left behind is dropped (`wpi.md` §2.3).
    pub fn open(&mut self, opening: &Opening, nonce: String) -> PhoneMessage {
        (self.parts, self.deployment) = (None, None);
        (self.was_busy, self.gave_up) = (false, false);
        self.opened_for_local_changes = *opening == Opening::LocalChanges;
        let mut items = self.phone.basic_items();
        match opening {
            Opening::StartUp | Opening::Solicited => {}
            Opening::LocalChanges => self.attach_local_changes(&mut items),
            Opening::InventoryChanges => items.extend(
                ["key-modules", "blf-modules", "slk-modules", "km15-modules"]
                    .iter()
                    .flat_map(|name| self.phone.read(&[Item::new(*name, "")])),
            ),
            Opening::Status(more) | Opening::Other(_, more) => items.extend(more.iter().cloned()),
        }
        self.message(opening.reason(), items, nonce)
    }

    fn attach_local_changes(&self, items: &mut Vec<Item>) {
        if self.behaviour.old_local_changes {
            return;
        }
        let changes = self.phone.local_changes();
        items.push(Item::new("configuration-attached-flag", "true"));
        items.push(Item::new("configuration-attached-number", changes.len().to_string()));
        items.extend(changes);
    }

    /// Answer a server message. `nonce` is a fresh one, used or not as the phone's manners say.
    pub fn answer(&mut self, message: ServerMessage, nonce: String) -> Step {
        let nonce = match self.behaviour.reply_nonce {
            ReplyNonce::New => nonce,
            ReplyNonce::Repeat => message.nonce,
        };
        if self.gave_up {
            return Step::End(SessionEnd::GaveUp);
        }
        let action = message.action;
        if action != Action::GetNextFragment {
            self.parts = None;
        }
        self.orders.received(&action, &message.items);
        if self.is_busy(&action, &message.items) {
            self.was_busy = true;
            return self.reply(action, ReplyStatus::Busy, vec![], nonce);
        }
        match action {
            Action::ReadAllItems => {
                self.orders.obeyed(&action, &[]);
                let items = self.phone.read_all();
                self.reply(action, ReplyStatus::Accepted, items, nonce)
            }
            Action::ReadItems => {
                self.orders.obeyed(&action, &[]);
                let items = self.phone.read(&message.items);
                self.reply(action, ReplyStatus::Accepted, items, nonce)
            }
            Action::WriteItems => self.write(message.items, nonce),
            Action::Restart => self.restart(action, &message.items, nonce),
            Action::GetNextFragment => self.next_part(nonce),
            Action::CleanUp => self.clean_up(&message.items),
            Action::FileDeployment | Action::SoftwareDeployment => self.deploy(action, &message.items, nonce),
            // Actions that are not public.
            Action::Unknown(_) => self.reply(action, ReplyStatus::Failed, vec![], nonce),
        }
    }

    /// The server's answer had no body: the phone takes it as the end (`wpi.md` §2.2).
    pub fn nothing_more(&mut self) -> SessionEnd {
        self.parts = None;
        if self.gave_up { SessionEnd::GaveUp } else { SessionEnd::NothingMore }
    }

    /// The message with which a phone gives up, for instance because it cannot read the server's XML
    /// (`wpi.md` §4.9).
    pub fn give_up(&mut self, reason: &str, nonce: String) -> PhoneMessage {
        self.message(Reason::CleanUp, vec![Item::new("cleanup-reason", reason)], nonce)
    }

    fn is_busy(&mut self, action: &Action, items: &[Item]) -> bool {
        let asked = match action {
            Action::ReadAllItems | Action::ReadItems => self.behaviour.busy_reads,
            Action::WriteItems | Action::Restart => true,
            Action::FileDeployment | Action::SoftwareDeployment => {
                // One at a time; a call is only disturbed by what must be done at once (`wpi.md` §4.6.1).
                if self.is_deploying {
                    return true;
                }
                !is_immediate(items)
            }
            Action::GetNextFragment | Action::CleanUp | Action::Unknown(_) => false,
        };
        if !asked || self.busy_requests == 0 {
            return false;
        }
        self.busy_requests -= 1;
        true
    }

    fn write(&mut self, items: Vec<Item>, nonce: String) -> Step {
        let mishap = self.mishap.filter(|_| self.mishaps > 0);
        if mishap.is_some() {
            self.mishaps -= 1;
        }
        match mishap {
            None => {}
            Some(Mishap::GiveUp) => {
                self.gave_up = true;
                return Step::Send(self.give_up("writing was given up", nonce));
            }
            Some(Mishap::VanishWritten) => {
                self.store(items);
                return self.vanish();
            }
            Some(Mishap::VanishUnwritten) => return self.vanish(),
        }
        let too_many = self.behaviour.max_items.is_some_and(|most| items.len() > most as usize);
        if too_many || self.failed_writes > 0 {
            self.failed_writes = self.failed_writes.saturating_sub(u32::from(!too_many));
            return self.reply(Action::WriteItems, ReplyStatus::Failed, vec![], nonce);
        }
        let problems = self.store(items);
        self.reply(Action::WriteItems, ReplyStatus::Accepted, problems, nonce)
    }

    /// Write into the phone's memory and give the items it refuses.
    fn store(&mut self, items: Vec<Item>) -> Vec<Item> {
        self.orders.obeyed(&Action::WriteItems, &items);
        let problems = self.phone.write(items);
        self.orders.refused(&problems);
        problems
    }

    fn vanish(&mut self) -> Step {
        if self.behaviour.returns_after_vanishing {
            self.start_again();
        }
        Step::End(SessionEnd::Vanished)
    }

    fn restart(&mut self, action: Action, items: &[Item], nonce: String) -> Step {
        let value = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.value.as_str());
        match (value("restart-type"), value("restart-password")) {
            (None, _) => {
                self.orders.obeyed(&action, items);
                self.start_again();
                Step::End(SessionEnd::Restart)
            }
            (Some("FactoryReset"), Some(RESET_PASSWORD)) => {
                self.orders.obeyed(&action, items);
                self.starts += 1;
                self.phone.factory_reset();
                Step::End(SessionEnd::FactoryReset)
            }
            // What a phone does with a wrong code is not documented; refusing is the harmless guess.
            (Some(_), _) => self.reply(action, ReplyStatus::Failed, vec![], nonce),
        }
    }

    fn clean_up(&mut self, items: &[Item]) -> Step {
        if std::mem::take(&mut self.opened_for_local_changes) {
            self.phone.local_changes_told();
        }
        let value = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.value.as_str());
        let send_solicited =
            value("send-solicited") == Some("true") && !self.behaviour.ignores_send_solicited;
        Step::End(SessionEnd::CleanUp {
            reason: value("cleanup-reason").map(ToOwned::to_owned),
            send_solicited,
        })
    }

    fn reply(&mut self, action: Action, status: ReplyStatus, items: Vec<Item>, nonce: String) -> Step {
        let status = match status {
            ReplyStatus::Accepted if self.behaviour.upper_case_status => {
                ReplyStatus::Unknown("Accepted".to_owned())
            }
            other => other,
        };
        let reason = Reason::ReplyTo { action: Some(action), status: Some(status) };
        Step::Send(self.message(reason, items, nonce))
    }

    /// A message, cut into parts when it has more items than the phone puts into one.
    fn message(&mut self, reason: Reason, mut items: Vec<Item>, nonce: String) -> PhoneMessage {
        let mut fragment = Fragment::Final;
        if let Some(most) = self.behaviour.fragment_items.filter(|most| *most > 0 && items.len() > *most) {
            let rest = items.split_off(most);
            let parts = rest.chunks(most).map(<[Item]>::to_vec).collect();
            self.parts = Some((reason.clone(), parts));
            fragment = Fragment::Next;
        }
        PhoneMessage { nonce, max_items: self.behaviour.max_items, fragment, reason, items }
    }

    fn next_part(&mut self, nonce: String) -> Step {
        let Some((reason, items, more)) = self.parts.as_mut().and_then(|(reason, parts)| {
            let items = parts.pop_front()?;
            Some((reason.clone(), items, !parts.is_empty()))
        }) else {
            return self.reply(Action::GetNextFragment, ReplyStatus::Failed, vec![], nonce);
        };
        let reason = match (reason, self.behaviour.fragment_action) {
            (Reason::ReplyTo { status, .. }, FragmentAction::GetNextFragment) => {
                Reason::ReplyTo { action: Some(Action::GetNextFragment), status }
            }
            (reason, _) => reason,
        };
        let fragment = if more { Fragment::Next } else { Fragment::Final };
        Step::Send(PhoneMessage { nonce, max_items: self.behaviour.max_items, fragment, reason, items })
    }
}

#[cfg(test)]
mod tests;
