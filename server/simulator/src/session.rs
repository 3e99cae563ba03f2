//! One session of one phone: from its opening message to the end, with what happened on the way.
//!
//! Joins the machine, which knows WPI, and the channel, which knows HTTP. Checks on the way what a real
//! phone depends on: the echoed nonce and an answer that is not chunked (`wpi.md` §2.2, §3.4).

use std::sync::LazyLock;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;
use tokio::time::{Instant, sleep};
use wire::{Action, Limits, ParseError, PhoneMessage, Reason, ServerMessage, WriteError};

use crate::channel::{ChannelError, PhoneChannel};
use crate::connection::{ConnectError, RequestError};
use crate::dice::Dice;
use crate::machine::{Opening, PhoneMachine, SessionEnd, Step};

/// Most requests of one session; a server that asks on is caught in a loop (`wpi.md` §2.6).
const MOST_REQUESTS: u32 = 1000;

static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// What happened in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOutcome {
    /// Why the phone opened it.
    pub reason: Reason,
    /// What the server ordered, in order.
    pub actions: Vec<Action>,
    /// How it ended.
    pub end: SessionEnd,
    /// Requests sent.
    pub requests: u32,
    /// Connections made.
    pub connections: u32,
    /// Items in the phone's messages.
    pub items_sent: u64,
    /// Bytes of the phone's messages.
    pub bytes_sent: u64,
    /// Bytes of the server's messages.
    pub bytes_received: u64,
    /// From the first connection attempt to the end, without think time.
    pub duration: Duration,
    /// The part of it spent on TCP and TLS.
    pub connecting: Duration,
    /// Time of each request without connecting.
    pub request_times: Vec<Duration>,
}

/// Run one session over a fresh channel. Nonces come from `dice`.
///
/// # Errors
/// [`SessionError`] when the server could not be reached or said something a phone cannot take. Of an
/// answer that is not WPI the phone still tells the server with `clean-up` (`wpi.md` §4.9).
pub async fn run_session(
    machine: &mut PhoneMachine,
    channel: &mut PhoneChannel,
    opening: &Opening,
    dice: &mut Dice,
) -> Result<SessionOutcome, SessionError> {
    let begin = Instant::now();
    let mut thinking = Duration::ZERO;
    let mut outcome = SessionOutcome {
        reason: opening.reason(),
        actions: Vec::with_capacity(4),
        end: SessionEnd::NothingMore,
        requests: 0,
        connections: 0,
        items_sent: 0,
        bytes_sent: 0,
        bytes_received: 0,
        duration: Duration::ZERO,
        connecting: Duration::ZERO,
        request_times: Vec::with_capacity(4),
    };
    let mut message = machine.open(opening, dice.nonce());
    loop {
        let answer = match exchange(channel, &message, &mut outcome).await {
            Err(SessionError::Parse(error)) => {
                let farewell = machine.give_up("message not understood", dice.nonce());
                if let Ok(bytes) = farewell.to_bytes() {
                    // The session is lost already; whether the farewell arrives changes nothing.
                    channel.post(bytes).await.ok();
                }
                return Err(SessionError::Parse(error));
            }
            other => other?,
        };
        let Some(answer) = answer else {
            outcome.end = machine.nothing_more();
            break;
        };
        outcome.actions.push(answer.action.clone());
        let think_time = machine.behaviour().think_time;
        match machine.answer(answer, dice.nonce()) {
            Step::End(end) => {
                outcome.end = end;
                break;
            }
            Step::Send(_) if outcome.requests >= MOST_REQUESTS => return Err(SessionError::Endless),
            Step::Send(next) => {
                if !think_time.is_zero() {
                    sleep(think_time).await;
                    thinking += think_time;
                }
                message = next;
            }
        }
    }
    channel.disconnect();
    outcome.duration = begin.elapsed().saturating_sub(thinking);
    outcome.connecting = channel.connecting;
    outcome.connections = channel.connections;
    Ok(outcome)
}

async fn exchange(
    channel: &mut PhoneChannel,
    message: &PhoneMessage,
    outcome: &mut SessionOutcome,
) -> Result<Option<ServerMessage>, SessionError> {
    let bytes = message.to_bytes().map_err(SessionError::Write)?;
    outcome.items_sent += message.items.len() as u64;
    outcome.bytes_sent += bytes.len() as u64;
    outcome.requests += 1;
    let (begin, connecting) = (Instant::now(), channel.connecting);
    let answer = channel.post(bytes).await.map_err(SessionError::Channel)?;
    let connected = channel.connecting.saturating_sub(connecting);
    outcome.request_times.push(begin.elapsed().saturating_sub(connected));
    outcome.bytes_received += answer.body.len() as u64;
    if answer.status == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    if answer.status != StatusCode::OK {
        return Err(SessionError::Status { status: answer.status });
    }
    if answer.is_chunked() {
        return Err(SessionError::Chunked);
    }
    if answer.body.is_empty() {
        return Ok(None);
    }
    let reply = ServerMessage::parse(&answer.body, &LIMITS).map_err(SessionError::Parse)?;
    if reply.nonce != message.nonce {
        return Err(SessionError::WrongNonce);
    }
    Ok(Some(reply))
}

/// A session broke off.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The phone's own message cannot be written.
    #[error("writing the phone's message")]
    Write(#[source] WriteError),
    /// No connection or no complete answer.
    #[error("talking to the server")]
    Channel(#[source] ChannelError),
    /// Not 200 or 204.
    #[error("the server answered with HTTP status {status}")]
    Status {
        /// The status.
        status: StatusCode,
    },
    /// The body came in chunks.
    #[error("the server answered in chunks, which old firmware cannot read")]
    Chunked,
    /// The body is not a server message.
    #[error("reading the server's message")]
    Parse(#[source] ParseError),
    /// The answer belongs to another message.
    #[error("the server did not echo the nonce of the phone's message")]
    WrongNonce,
    /// The server never came to an end.
    #[error("the server asked for more than {MOST_REQUESTS} messages in one session")]
    Endless,
}

impl SessionError {
    /// A short word for grouping.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Write(_) => "write",
            Self::Channel(ChannelError::Connect(error)) => match error {
                ConnectError::Address(_) => "address-refused",
                ConnectError::Bind { .. } => "bind",
                ConnectError::Tcp { .. } => "connect",
                ConnectError::Tls { .. } => "tls-handshake",
                ConnectError::Http { .. } => "http-start",
                ConnectError::Timeout { .. } => "connect-timeout",
            },
            Self::Channel(ChannelError::Request(error)) => match error {
                RequestError::NotSent { .. } | RequestError::Http { .. } => "connection-lost",
                RequestError::Body { .. } => "answer-broken-off",
                RequestError::Timeout => "answer-timeout",
            },
            Self::Status { .. } => "http-status",
            Self::Chunked => "chunked",
            Self::Parse(_) => "answer-unreadable",
            Self::WrongNonce => "wrong-nonce",
            Self::Endless => "endless-session",
        }
    }
}

#[cfg(test)]
mod tests;
