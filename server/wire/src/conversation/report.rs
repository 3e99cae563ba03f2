//! What a conversation says to its caller: what the phone reported, what to answer, how it ended.
//!
//! Every attempt that was sent or turned down appears in exactly one [`Outcome`], be it in a report, in an
//! answer or in the end. This file holds data only.

use thiserror::Error;

use super::opening::Opening;
use super::order::{Refusal, WorkId};
use crate::assembly::AssemblyError;
use crate::split::SplitError;
use crate::{Action, Item, ItemKey, Reason, ReplyStatus, ServerMessage, WriteError};

/// What has to be done after a message of the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this; nothing has to be stored.
    Answer(ServerMessage),
    /// Store this first, then call `proceed` for the answer.
    Record(Report),
    /// Send this; the session is over.
    End {
        /// The closing message. Every message of a phone gets an answer.
        answer: ServerMessage,
        /// How it ended, and what becomes of the work under way.
        end: End,
    },
}

/// What the phone said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The message that opened the session.
    Opened(Opening),
    /// The complete reply to an order.
    Replied(Outcome),
}

/// What an order was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// [`super::Situation::bootstrap`].
    Bootstrap,
    /// [`super::Situation::mobility`].
    Mobility,
    /// [`super::Situation::full_read`].
    FullRead,
    /// [`super::Situation::work`].
    Work(WorkId),
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it was for.
    pub purpose: Purpose,
    /// What became of it.
    pub result: WorkResult,
}

/// What became of an order, as far as this session can tell (`wpi.md` §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkResult {
    /// Everything was written except the items named here, which carry a status (`wpi.md` §3.6).
    Written {
        /// Items the phone did not take.
        problems: Vec<Item>,
    },
    /// The items were read.
    Read {
        /// Items with their values.
        items: Vec<Item>,
        /// Items that carry a status; they have no value.
        problems: Vec<Item>,
    },
    /// A deployment or restart was sent. What comes of it is told in a new session, so it must not be
    /// sent again on its own.
    Started {
        /// Whether the phone said that it will do it; most say nothing.
        confirmed: bool,
    },
    /// The phone is in a call. Put it back; a `send-solicited` goes out.
    Busy,
    /// The phone refused it as a whole.
    Failed {
        /// The overall status, `failed` or a word nobody knows.
        status: ReplyStatus,
        /// Items that carry a status.
        problems: Vec<Item>,
        /// Items of earlier messages of the same order, which it accepted.
        accepted: Vec<ItemKey>,
    },
    /// It was never sent.
    Refused(WorkRefusal),
    /// The phone gave up the session while this was under way (`wpi.md` §4.9). Twice in a row: do not
    /// repeat it on its own.
    PhoneGaveUp {
        /// `cleanup-reason`, if the phone named one.
        reason: Option<String>,
    },
    /// The reply came in more parts, items or bytes than allowed.
    TooLarge(AssemblyError),
    /// The session ended before the reply. Put it back: it may or may not have been done.
    Unanswered,
}

impl WorkResult {
    /// Stable word for logs and counters. The items stay out of both: their values may be secret.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Written { .. } => "written",
            Self::Read { .. } => "read",
            Self::Started { .. } => "started",
            Self::Busy => "busy",
            Self::Failed { .. } => "failed",
            Self::Refused(_) => "refused",
            Self::PhoneGaveUp { .. } => "phone_gave_up",
            Self::TooLarge(_) => "too_large",
            Self::Unanswered => "unanswered",
        }
    }

    /// Whether the work goes back to waiting without counting as tried and failed.
    pub fn is_put_back(&self) -> bool {
        matches!(self, Self::Busy | Self::Unanswered)
    }
}

/// Why an order was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkRefusal {
    /// There is nothing to read or write.
    #[error("the order names no items")]
    Empty,
    /// The phone takes fewer items in one message than belong together.
    #[error(transparent)]
    RecordTooLarge(#[from] SplitError),
    /// The phone takes fewer items in one message than a deployment or restart needs.
    #[error("the order needs {items} items in one message, the phone takes {max_items}")]
    TooManyItems {
        /// Items of the order.
        items: usize,
        /// What the phone takes.
        max_items: u32,
    },
    /// An item cannot be written as XML.
    #[error(transparent)]
    Unwritable(#[from] WriteError),
    /// The phone takes so few items in one message that the order does not fit into one session.
    #[error("the order needs {messages} messages, a session may have {limit}")]
    TooManyMessages {
        /// Messages of the order.
        messages: usize,
        /// Messages of a session.
        limit: u32,
    },
    /// The same order with the same content was sent too often in this session.
    #[error("the same order was sent {times} times in this session already")]
    Repeated {
        /// How often.
        times: u32,
    },
}

/// The answer to a message that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Send this.
    pub message: ServerMessage,
    /// The order that goes out with it; commit it as sent before the bytes leave (D-26).
    pub sends: Option<Purpose>,
    /// Orders that were turned down and not sent.
    pub outcomes: Vec<Outcome>,
    /// Set when the session is over with this answer.
    pub end: Option<End>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: EndCause,
    /// What becomes of the order that was under way, if one was.
    pub outcome: Option<Outcome>,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Nothing (more) to do.
    Done,
    /// The device is not served.
    Refused(Refusal),
    /// A mobility logon or logoff was refused.
    MobilityRefused,
    /// The server has too much to do; the phone comes back with the same step.
    Overloaded,
    /// The phone is busy and was asked to come back by itself.
    Busy,
    /// The phone said that it will carry out a deployment or restart.
    Started,
    /// A bootstrapping or mobility order was turned down; going on without it would be wrong.
    OrderRefused,
    /// More messages than a session may have; the phone was asked to come back if work waits.
    TooManyMessages,
    /// The phone gave up.
    PhoneGaveUp {
        /// `cleanup-reason`, if the phone named one.
        reason: Option<String>,
    },
    /// A reply that belongs to no session.
    Stray,
    /// A reason nobody knows.
    UnknownReason(String),
    /// A reply to another action than the one under way.
    WrongReply {
        /// What was under way.
        awaited: Action,
        /// What was answered.
        got: Action,
    },
    /// A message that does not fit here.
    Unexpected(Reason),
    /// A fragmented message beyond the limits.
    Fragments(AssemblyError),
    /// The phone was silent for too long.
    TimedOut,
    /// The device opened a new session.
    Superseded,
    /// The session had ended before.
    AlreadyEnded,
}

impl EndCause {
    /// Stable word for this cause, for counters and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(_) => "refused",
            Self::MobilityRefused => "mobility_refused",
            Self::Overloaded => "overloaded",
            Self::Busy => "busy",
            Self::Started => "started",
            Self::OrderRefused => "order_refused",
            Self::TooManyMessages => "too_many_messages",
            Self::PhoneGaveUp { .. } => "phone_gave_up",
            Self::Stray => "stray",
            Self::UnknownReason(_) => "unknown_reason",
            Self::WrongReply { .. } => "wrong_reply",
            Self::Unexpected(_) => "unexpected",
            Self::Fragments(_) => "fragments",
            Self::TimedOut => "timed_out",
            Self::Superseded => "superseded",
            Self::AlreadyEnded => "already_ended",
        }
    }
}

/// `proceed` was called although no report waits to be stored. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("deciding what a session does next: no report of the phone is open")]
pub struct OutOfTurn;
