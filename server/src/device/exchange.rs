//! One message of a phone and its answer: parse, find the session, converse, record.
//!
//! Knows nothing of HTTP. Every message that is WPI gets exactly one WPI answer; what makes no sense is
//! answered with CleanUp (`wpi.md` §9).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use domain::DeviceId;
use domain::setting::SettingKey;
use wire::conversation::{
    Conversation, End, Fingerprint, Millis, Opening, Outcome, Purpose, Report, Rules, Situation, Step,
    WorkId, WorkResult, device_address,
};
use wire::{Action, Item, Limits, ParseError, PhoneMessage, ServerMessage};

use super::sessions::{Place, Session, Sessions, Signs};
use super::translate;
use crate::App;
use crate::app::contacts::{self, ContactError, Opened, Then};
use crate::app::jobs::outcome::Result as JobResult;
use crate::app::jobs::work::{Attempt, Piece, Visit};
use crate::status::causes;

/// A request of a phone, as far as WPI goes.
pub(super) struct Request<'a> {
    /// The message.
    pub(super) body: &'a [u8],
    /// Session cookie.
    pub(super) cookie: Option<&'a str>,
    /// Number of the TLS connection.
    pub(super) connection: u64,
    /// Address of the peer.
    pub(super) peer: IpAddr,
    /// Our address and port, by which the phone came.
    pub(super) local: SocketAddr,
}

/// The answer to it.
pub(super) struct Answer {
    /// The message.
    pub(super) message: ServerMessage,
    /// Cookie to set, with the answer that opens a session.
    pub(super) cookie: Option<String>,
}

impl Answer {
    fn plain(message: ServerMessage) -> Self {
        Self { message, cookie: None }
    }
}

/// Conversations with phones.
pub(super) struct Exchange {
    app: App,
    sessions: Sessions,
}

impl Exchange {
    /// Nobody is talking yet. `key` is a random number for the replay guard.
    pub(super) fn new(app: App, key: u64) -> Self {
        let sessions = Sessions::new(key, Arc::clone(&app.phones));
        Self { app, sessions }
    }

    /// Takes one message.
    ///
    /// # Errors
    /// When the body is not WPI; the phone gets HTTP 400 then.
    pub(super) async fn take(&self, request: Request<'_>) -> Result<Answer, ParseError> {
        let message = PhoneMessage::parse(request.body, &self.limits())?;
        let now = self.now();
        let fingerprint = fingerprint(request.body);
        let device_text = device_address(&message).map(str::to_owned);
        let device = device_text.as_deref().and_then(|text| parse_device(text, request.peer));
        let signs = Signs {
            message: &message,
            device: device.as_ref(),
            cookie: request.cookie,
            connection: request.connection,
            peer: request.peer,
            local: request.local,
        };
        let by_address = self.app.settings.bool(SettingKey::LookupByAddress);
        match self.sessions.place(signs, fingerprint, by_address, now).await {
            Place::Opens(device) => {
                Ok(self.open(device, device_text.unwrap_or_default(), signs, fingerprint, now).await)
            }
            Place::Session(session) => {
                let connection = request.connection;
                Ok(Answer::plain(self.go_on(&session, message, connection, fingerprint, now).await))
            }
            Place::Repeated(message, session) => Ok(Answer { message, cookie: Some(session.cookie.clone()) }),
            Place::Replayed(device) => {
                tracing::warn!(%device, peer = %request.peer, "opening message repeated from another connection");
                Ok(Answer::plain(clean_up(&message.nonce, None)))
            }
            Place::Foreign { owner, claimed } => {
                tracing::error!(%owner, %claimed, peer = %request.peer, "session cookie of another device");
                Ok(Answer::plain(clean_up(&message.nonce, None)))
            }
            Place::Nowhere => {
                tracing::info!(peer = %request.peer, reason = reason_word(&message), "message that belongs to no session");
                Ok(Answer::plain(clean_up(&message.nonce, None)))
            }
        }
    }

    /// Drops sessions that were silent for too long. Called every second.
    pub(super) fn sweep(&self) {
        let rules = self.rules();
        for session in self.sessions.sweep(self.now(), rules.idle, rules.retry) {
            if let Ok(mut conversation) = session.conversation.try_lock()
                && let Some(conversation) = conversation.as_mut()
            {
                let end = conversation.time_out();
                log_end(&session, &end);
                if let Some((attempt, result)) = unfinished(&end) {
                    let (app, session) = (self.app.clone(), Arc::clone(&session));
                    tokio::spawn(async move { settle(&app, &session, attempt, result).await });
                }
            }
        }
    }

    async fn open(
        &self,
        device: DeviceId,
        device_text: String,
        signs: Signs<'_>,
        fingerprint: Fingerprint,
        now: Millis,
    ) -> Answer {
        let nonce = signs.message.nonce.clone();
        let most = self.app.settings.integer(SettingKey::MaximumSessions);
        // A phone that comes back takes the place of its own old session.
        let others = self.sessions.open().saturating_sub(usize::from(self.sessions.has_open(&device)));
        if i64::try_from(others).unwrap_or(i64::MAX) >= most {
            self.app.phones.overload_answered();
            tracing::debug!(%device, "too many sessions; the phone comes back later");
            return Answer::plain(clean_up(&nonce, Some("overload")));
        }
        let Ok(random) = self.app.entropy.bytes::<16>() else {
            tracing::error!("no random bytes for a session cookie");
            return Answer::plain(clean_up(&nonce, Some("overload")));
        };
        let cookie = hex::encode_upper(random);
        let (session, old) = self.sessions.insert(cookie.clone(), device, device_text, signs, now);
        let mut place = session.conversation.lock().await;
        if let Some(old) = old
            && let Some(conversation) = old.conversation.lock().await.as_mut()
            && conversation.end().is_none()
        {
            let end = conversation.supersede();
            log_end(&old, &end);
            // Before the new session looks for work: what was under way is put back first.
            if let Some((attempt, result)) = unfinished(&end) {
                settle(&self.app, &old, attempt, result).await;
            }
        }
        let (mut conversation, step) =
            Conversation::open(signs.message.clone(), fingerprint, now, self.rules());
        let message = self.advance(&session, &mut conversation, step, nonce).await;
        self.sessions.note(&session, &conversation, Some(&signs.message.reason), signs.connection, now);
        *place = Some(conversation);
        Answer { message, cookie: Some(cookie) }
    }

    async fn go_on(
        &self,
        session: &Arc<Session>,
        message: PhoneMessage,
        connection: u64,
        fingerprint: Fingerprint,
        now: Millis,
    ) -> ServerMessage {
        let (nonce, reason) = (message.nonce.clone(), message.reason.clone());
        let mut place = session.conversation.lock().await;
        let Some(conversation) = place.as_mut() else { return clean_up(&nonce, None) };
        let step = conversation.receive(message, fingerprint, now);
        let answer = self.advance(session, conversation, step, nonce).await;
        self.sessions.note(session, conversation, Some(&reason), connection, now);
        answer
    }

    /// Does what a step asks for and returns the message that goes out.
    async fn advance(
        &self,
        session: &Session,
        conversation: &mut Conversation,
        step: Step,
        nonce: String,
    ) -> ServerMessage {
        match step {
            Step::Answer(message) => message,
            Step::End { answer, end } => {
                log_end(session, &end);
                if let Some((attempt, result)) = unfinished(&end) {
                    settle(&self.app, session, attempt, result).await;
                }
                answer
            }
            Step::Record(report) => {
                let situation = match self.record(session, report).await {
                    Ok(situation) => situation,
                    Err(error) => {
                        // The phone repeats the step later; nothing it said is taken as recorded.
                        log_failure(session, &error);
                        Situation { overloaded: true, ..Situation::default() }
                    }
                };
                let given = situation.work.first().map(|work| work.id);
                match conversation.proceed(situation, self.now()) {
                    Ok(answer) => {
                        self.release(session, given, &answer).await;
                        if let Some(end) = &answer.end {
                            log_end(session, end);
                        }
                        answer.message
                    }
                    Err(error) => {
                        tracing::error!(device = %session.device, %error, "conversation out of turn");
                        clean_up(&nonce, None)
                    }
                }
            }
        }
    }

    async fn record(&self, session: &Session, report: Report) -> Result<Situation, ContactError> {
        match report {
            Report::Opened(opening) => self.record_opening(session, opening).await,
            Report::Replied(outcome) => match session.visit() {
                Some(visit) => self.record_outcome(session, visit, outcome).await,
                None => Ok(Situation::default()),
            },
        }
    }

    async fn record_opening(&self, session: &Session, opening: Opening) -> Result<Situation, ContactError> {
        let opened = Opened {
            device: session.device.clone(),
            device_text: session.device_text.clone(),
            peer: session.peer,
            local: session.local,
            reason: translate::contact_reason(opening.reason),
            attached_complete: translate::attached_complete(opening.changes),
            most_items: opening.max_items,
            items: translate::opening_items(opening),
        };
        let contact = contacts::record_opening(&self.app, opened).await?;
        session.set_visit(contact.visit.clone());
        tracing::debug!(
            device = %session.device, client = %contact.visit.client, state = contact.state.as_str(),
            full_read = ?contact.full_read, "contact"
        );
        Ok(Situation { full_read: contact.full_read.is_some(), ..situation(contact.piece) })
    }

    async fn record_outcome(
        &self,
        session: &Session,
        visit: Visit,
        outcome: Outcome,
    ) -> Result<Situation, ContactError> {
        let attempt = match outcome.purpose {
            Purpose::Work(id) => Some(Attempt::from_number(id.0)),
            Purpose::FullRead => None,
            Purpose::Bootstrap | Purpose::Mobility => {
                tracing::error!(device = %session.device, "reply to an order nobody gave");
                return Ok(Situation::default());
            }
        };
        let piece = match (attempt, outcome.result) {
            // A phone that has nothing to say has not been read: what is stored stays, and is read again.
            (attempt, WorkResult::Read { items, problems }) if items.is_empty() => {
                tracing::warn!(device = %session.device, problems = problems.len(), "a full read without items");
                match attempt {
                    Some(attempt) => {
                        let result = JobResult::Failed { problems: Vec::new(), accepted: Vec::new() };
                        contacts::record_result(&self.app, visit, attempt, result, Then::TakeWork).await?
                    }
                    None => None,
                }
            }
            (attempt, WorkResult::Read { items, problems }) => {
                let items = items.into_iter().chain(problems).map(translate::reported).collect();
                contacts::record_full_read(&self.app, visit, items, attempt).await?
            }
            (Some(attempt), result) => {
                let then = match result {
                    WorkResult::Busy | WorkResult::Started { .. } => Then::Leave,
                    _ => Then::TakeWork,
                };
                contacts::record_result(&self.app, visit, attempt, translate::result(result), then).await?
            }
            (None, result) => {
                // Read again at the next contact: the time of the last full read has not moved.
                tracing::info!(device = %session.device, result = result.code(), "full read not answered");
                None
            }
        };
        Ok(situation(piece))
    }

    /// The piece of work that was committed as sent and does not go out after all is put back first.
    async fn release(&self, session: &Session, given: Option<WorkId>, answer: &wire::conversation::Answer) {
        let Some(id) = given else { return };
        if answer.sends == Some(Purpose::Work(id)) {
            return;
        }
        let refused = answer.outcomes.iter().find(|outcome| outcome.purpose == Purpose::Work(id));
        let result = refused.map_or(JobResult::NotSent, |outcome| translate::result(outcome.result.clone()));
        settle(&self.app, session, Attempt::from_number(id.0), result).await;
    }

    fn now(&self) -> Millis {
        Millis(self.app.clock.monotonic_millis())
    }

    fn limits(&self) -> Limits {
        let number = |key| usize::try_from(self.app.settings.integer(key)).unwrap_or(usize::MAX);
        Limits {
            bytes: number(SettingKey::MaximumMessageBytes),
            depth: number(SettingKey::MaximumMessageDepth),
            items: number(SettingKey::MaximumMessageItems),
            attribute_length: number(SettingKey::MaximumAttributeLength),
            value_length: number(SettingKey::MaximumValueLength),
        }
    }

    fn rules(&self) -> Rules {
        let idle = self.app.settings.integer(SettingKey::SessionIdleTimeout).unsigned_abs();
        Rules { limits: self.limits(), idle: Millis(idle.saturating_mul(1_000)), ..Rules::default() }
    }
}

fn parse_device(text: &str, peer: IpAddr) -> Option<DeviceId> {
    match text.parse() {
        Ok(device) => Some(device),
        Err(error) => {
            tracing::info!(%peer, %error, "mac-addr that is no device id");
            None
        }
    }
}

/// The reason for a log, bounded: an unknown one is whatever a stranger wrote.
fn reason_word(message: &PhoneMessage) -> String {
    message.reason.as_str().chars().take(40).collect()
}

fn clean_up(nonce: &str, reason: Option<&str>) -> ServerMessage {
    let items = reason.map(|reason| Item::new("cleanup-reason", reason)).into_iter().collect();
    ServerMessage { nonce: nonce.to_owned(), action: Action::CleanUp, items }
}

fn fingerprint(body: &[u8]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    Fingerprint(hasher.finish())
}

fn log_end(session: &Session, end: &End) {
    tracing::debug!(device = %session.device, cause = end.cause.code(), "session with a phone ended");
}

fn situation(piece: Option<Piece>) -> Situation {
    Situation { work: piece.map(translate::work).into_iter().collect(), ..Situation::default() }
}

/// The piece of work a session ended with, unanswered.
fn unfinished(end: &End) -> Option<(Attempt, JobResult)> {
    let outcome = end.outcome.as_ref()?;
    let Purpose::Work(id) = outcome.purpose else { return None };
    Some((Attempt::from_number(id.0), translate::result(outcome.result.clone())))
}

/// Records what became of a piece of work when no answer depends on it, also when the phone's connection breaks
/// meanwhile. A failure is mended by the pulse.
async fn settle(app: &App, session: &Session, attempt: Attempt, result: JobResult) {
    let Some(visit) = session.visit() else { return };
    let (app, then) = (app.clone(), Then::Leave);
    let recording =
        tokio::spawn(async move { contacts::record_result(&app, visit, attempt, result, then).await });
    if let Ok(Err(error)) = recording.await {
        log_failure(session, &error);
    }
}

fn log_failure(session: &Session, error: &ContactError) {
    tracing::error!(device = %session.device, error = causes(error), "a phone's report could not be recorded");
}
