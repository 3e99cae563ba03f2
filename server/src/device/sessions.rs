//! Open sessions with phones, and which one a message belongs to (D-7).
//!
//! The table is a few maps behind one lock that is held for look-ups only; a session's conversation has a
//! lock of its own, held while its message is worked on, so that two messages of one phone take turns.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::jobs::work::Visit;
use crate::status::PhoneStatus;
use domain::DeviceId;
use wire::conversation::{Conversation, Fingerprint, Millis, Replay, ReplayGuard, is_opening};
use wire::{Action, PhoneMessage, Reason, ServerMessage};

/// One session.
pub(super) struct Session {
    /// Value of the cookie: 32 upper-case hexadecimal digits.
    pub(super) cookie: String,
    /// Whose it is.
    pub(super) device: DeviceId,
    /// The device id as the phone wrote it.
    pub(super) device_text: String,
    /// Where it came from.
    pub(super) peer: IpAddr,
    pub(super) local: SocketAddr,
    /// The conversation; `None` until the first message was taken.
    pub(super) conversation: tokio::sync::Mutex<Option<Conversation>>,
    /// What the engine knows of the visit, once the opening message was recorded.
    visit: Mutex<Option<Visit>>,
    /// What the conversation waits for, readable without its lock.
    awaited: Mutex<Awaited>,
    connection: AtomicU64,
    active_at: AtomicU64,
    ended: AtomicBool,
}

/// What a session waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Awaited {
    /// Whether it waits for a reply at all.
    pub(super) reply: bool,
    /// To which action.
    pub(super) action: Option<Action>,
    /// Parts of an opening message with this reason are being collected.
    pub(super) opening: Option<Reason>,
}

impl Session {
    /// What the engine knows of the visit, once the opening message was recorded.
    pub(super) fn visit(&self) -> Option<Visit> {
        lock(&self.visit).clone()
    }

    /// Remembers what the engine knows of the visit.
    pub(super) fn set_visit(&self, visit: Visit) {
        *lock(&self.visit) = Some(visit);
    }

    /// Whether it is over. It is kept a little longer, to answer a repeated request.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn awaited(&self) -> Awaited {
        lock(&self.awaited).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells a message's session.
#[derive(Clone, Copy)]
pub(super) struct Signs<'a> {
    /// The message.
    pub(super) message: &'a PhoneMessage,
    /// Its `mac-addr`, if it has one.
    pub(super) device: Option<&'a DeviceId>,
    /// Session cookie of the request.
    pub(super) cookie: Option<&'a str>,
    /// Number of the TLS connection.
    pub(super) connection: u64,
    /// Address of the peer.
    pub(super) peer: IpAddr,
    pub(super) local: SocketAddr,
}

/// Where a message belongs.
pub(super) enum Place {
    /// It opens a session of this device.
    Opens(DeviceId),
    /// It belongs to this session.
    Session(Arc<Session>),
    /// It repeats a request: this was the answer.
    Repeated(ServerMessage, Arc<Session>),
    /// An opening message seen before, from another connection (`wpi.md` §3.4).
    Replayed(DeviceId),
    /// A cookie whose session belongs to another device: alarm, the session stays untouched.
    Foreign {
        /// Whose session it is.
        owner: DeviceId,
        /// Who the message says it is.
        claimed: DeviceId,
    },
    /// It belongs nowhere.
    Nowhere,
}

#[derive(Default)]
struct Table {
    by_cookie: HashMap<String, Arc<Session>>,
    by_device: HashMap<DeviceId, Arc<Session>>,
    by_connection: HashMap<u64, Arc<Session>>,
    by_address: HashMap<IpAddr, Vec<Arc<Session>>>,
}

/// All sessions of this node.
pub(super) struct Sessions {
    table: Mutex<Table>,
    replay: Mutex<ReplayGuard>,
    status: Arc<PhoneStatus>,
}

impl Sessions {
    /// An empty table; `key` is a random number for the replay guard.
    pub(super) fn new(key: u64, status: Arc<PhoneStatus>) -> Self {
        Self {
            table: Mutex::default(),
            status,
            replay: Mutex::new(ReplayGuard::new(ReplayGuard::CAPACITY, key)),
        }
    }

    /// Number of sessions that are not over.
    pub(super) fn open(&self) -> usize {
        self.status.open_sessions()
    }

    /// Whether the device has a session that is not over.
    pub(super) fn has_open(&self, device: &DeviceId) -> bool {
        lock(&self.table).by_device.get(device).is_some_and(|session| !session.is_ended())
    }

    /// Notes where a session's conversation stands after a message, and on which connection it came.
    /// `opening` is the reason of the message, when it may be one of several parts.
    pub(super) fn note(
        &self,
        session: &Arc<Session>,
        conversation: &Conversation,
        opening: Option<&Reason>,
        connection: u64,
        now: Millis,
    ) {
        *lock(&session.awaited) = Awaited {
            reply: conversation.is_waiting_for_reply(),
            action: conversation.awaited_action().cloned(),
            opening: opening.filter(|reason| conversation.collects(reason)).cloned(),
        };
        session.active_at.store(now.0, Ordering::Relaxed);
        self.moved(session, connection);
        if conversation.end().is_some() {
            self.end(session);
        }
    }

    fn end(&self, session: &Session) {
        if !session.ended.swap(true, Ordering::AcqRel) {
            self.status.session_ended(&session.device);
        }
    }

    /// Finds the place of a message by the rules of D-7, in their order.
    pub(super) async fn place(
        &self,
        signs: Signs<'_>,
        fingerprint: Fingerprint,
        by_address: bool,
        now: Millis,
    ) -> Place {
        let candidate = self.candidate(signs);
        // The next part of a fragmented opening message looks like a new opening.
        if let Some(session) = &candidate
            && session.awaited().opening.as_ref() == Some(&signs.message.reason)
            && signs.device.is_none_or(|device| *device == session.device)
        {
            return Place::Session(Arc::clone(session));
        }
        let waiting = candidate.as_ref().is_some_and(|session| session.awaited().reply);
        if is_opening(signs.message, waiting) {
            // An opening message without a device id opens nothing.
            let Some(device) = signs.device else { return Place::Nowhere };
            return self.opening(signs, device, fingerprint, now).await;
        }
        if let (Some(session), Some(claimed), true) = (&candidate, signs.device, signs.cookie.is_some())
            && session.device != *claimed
            && signs.cookie == Some(session.cookie.as_str())
        {
            return Place::Foreign { owner: session.device.clone(), claimed: claimed.clone() };
        }
        let found =
            candidate.or_else(|| self.by_device(signs)).or_else(|| self.by_address(signs, by_address));
        found.map_or(Place::Nowhere, Place::Session)
    }

    async fn opening(
        &self,
        signs: Signs<'_>,
        device: &DeviceId,
        fingerprint: Fingerprint,
        now: Millis,
    ) -> Place {
        let old = lock(&self.table).by_device.get(device).cloned();
        if let Some(old) = old {
            // A request repeated because its answer was lost is no new session.
            let conversation = old.conversation.lock().await;
            let stored = conversation
                .as_ref()
                .and_then(|conversation| conversation.stored_answer(signs.message, fingerprint, now));
            if let Some(answer) = stored {
                return Place::Repeated(answer.clone(), Arc::clone(&old));
            }
        }
        let seen = lock(&self.replay).check(device.as_str(), &signs.message.nonce, signs.connection, now);
        match seen {
            Replay::Replayed => Place::Replayed(device.clone()),
            Replay::Fresh | Replay::SameConnection => Place::Opens(device.clone()),
        }
    }

    /// Rules 2 and 3: the cookie, then the connection. A connection may carry several phones (a proxy), so a
    /// message that names another device than its session does not belong there.
    fn candidate(&self, signs: Signs<'_>) -> Option<Arc<Session>> {
        let table = lock(&self.table);
        let on_connection = || {
            let session = table.by_connection.get(&signs.connection)?;
            signs.device.is_none_or(|device| *device == session.device).then_some(session)
        };
        signs.cookie.and_then(|cookie| table.by_cookie.get(cookie)).or_else(on_connection).cloned()
    }

    /// Rule 4: the device's open session awaiting the action that is answered.
    fn by_device(&self, signs: Signs<'_>) -> Option<Arc<Session>> {
        let Reason::ReplyTo { action, .. } = &signs.message.reason else { return None };
        let session = lock(&self.table).by_device.get(signs.device?).cloned()?;
        let awaited = session.awaited();
        let fits = action.is_none() || *action == awaited.action || *action == Some(Action::GetNextFragment);
        // The address was judged when the session was opened (D-4, D-24), and the answer may hold secrets:
        // nobody but this very address gets it for naming the device.
        let same = signs.peer == session.peer;
        (awaited.reply && fits && same && !session.is_ended()).then_some(session)
    }

    /// Rule 5: the single waiting session of the address.
    fn by_address(&self, signs: Signs<'_>, allowed: bool) -> Option<Arc<Session>> {
        if !allowed || !matches!(signs.message.reason, Reason::ReplyTo { .. }) {
            return None;
        }
        let table = lock(&self.table);
        let mut waiting = table
            .by_address
            .get(&signs.peer)?
            .iter()
            .filter(|session| !session.is_ended() && session.awaited().reply);
        let only = waiting.next()?;
        // A reply that names a device is never given to another one's session.
        let fits = signs.device.is_none_or(|device| *device == only.device);
        (waiting.next().is_none() && fits).then(|| Arc::clone(only))
    }

    /// Opens a session; the device's old one leaves the table and is returned.
    pub(super) fn insert(
        &self,
        cookie: String,
        device: DeviceId,
        device_text: String,
        signs: Signs<'_>,
        now: Millis,
    ) -> (Arc<Session>, Option<Arc<Session>>) {
        let session = Arc::new(Session {
            cookie,
            device,
            device_text,
            peer: signs.peer,
            local: signs.local,
            conversation: tokio::sync::Mutex::default(),
            visit: Mutex::default(),
            awaited: Mutex::default(),
            connection: AtomicU64::new(signs.connection),
            active_at: AtomicU64::new(now.0),
            ended: AtomicBool::new(false),
        });
        let mut table = lock(&self.table);
        let old = table.by_device.get(&session.device).cloned();
        if let Some(old) = &old {
            table.remove(old);
            self.end(old);
        }
        self.status.session_opened(&session.device);
        table.by_cookie.insert(session.cookie.clone(), Arc::clone(&session));
        table.by_device.insert(session.device.clone(), Arc::clone(&session));
        table.by_connection.insert(signs.connection, Arc::clone(&session));
        table.by_address.entry(signs.peer).or_default().push(Arc::clone(&session));
        (session, old)
    }

    /// The session continues on another connection: rule 3 must find it there.
    fn moved(&self, session: &Arc<Session>, connection: u64) {
        let before = session.connection.swap(connection, Ordering::Relaxed);
        if before != connection {
            let mut table = lock(&self.table);
            if table.by_connection.get(&before).is_some_and(|at| Arc::ptr_eq(at, session)) {
                table.by_connection.remove(&before);
            }
            if table.by_cookie.contains_key(&session.cookie) {
                table.by_connection.insert(connection, Arc::clone(session));
            }
        }
    }

    /// Takes sessions out of the table: those silent for `idle`, and those that are over for `retry`.
    /// Returns the silent ones that were not over.
    pub(super) fn sweep(&self, now: Millis, idle: Millis, retry: Millis) -> Vec<Arc<Session>> {
        let mut table = lock(&self.table);
        let stale: Vec<Arc<Session>> = table
            .by_cookie
            .values()
            .filter(|session| {
                let silent = now.since(Millis(session.active_at.load(Ordering::Relaxed)));
                silent >= if session.is_ended() { retry } else { idle }
            })
            .cloned()
            .collect();
        let mut silent = Vec::new();
        for session in stale {
            table.remove(&session);
            if !session.is_ended() {
                self.end(&session);
                silent.push(session);
            }
        }
        silent
    }
}

impl Table {
    fn remove(&mut self, session: &Arc<Session>) {
        self.by_cookie.remove(&session.cookie);
        if self.by_device.get(&session.device).is_some_and(|at| Arc::ptr_eq(at, session)) {
            self.by_device.remove(&session.device);
        }
        let connection = session.connection.load(Ordering::Relaxed);
        if self.by_connection.get(&connection).is_some_and(|at| Arc::ptr_eq(at, session)) {
            self.by_connection.remove(&connection);
        }
        if let Some(sessions) = self.by_address.get_mut(&session.peer) {
            sessions.retain(|at| !Arc::ptr_eq(at, session));
            if sessions.is_empty() {
                self.by_address.remove(&session.peer);
            }
        }
    }
}
