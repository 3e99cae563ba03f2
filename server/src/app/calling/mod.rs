//! Calling phones that have work: who is due is called at the pace of the settings, and what becomes of it is
//! written down (`wpi.md` §1.5, D-9, D-10). The rules are `domain::calling`, the request is
//! `clients::contact_me`, polling phones ask [`polls`].
//!
//! A contact-me is booked and committed before it leaves. Whatever happens to the server then, nobody calls the
//! phone again inside its gap; at worst it is called once in vain.

pub mod polls;
mod rules;

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::calling::{Destination, Next, Pace, body, decide};
use domain::client::{Access, ClientState};
use domain::job::Happening;
use domain::network::Subnet;
use domain::{ClientId, JobId, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::task::JoinSet;

use crate::App;
use crate::clients::contact_me::{Outcome, Sender, SenderError};
use crate::events::{Change as Happened, Resource};
use crate::status::causes;
use crate::store::audit::{Actor, NewRecord};
use crate::store::call_queue::{self, Booking, Due};
use crate::store::group::Change;
use crate::store::{StoreResult, Tx, audit, calls, job_targets};

use polls::Board;
use rules::Rules;
pub use rules::server_address;

/// Time between two looks when somebody waits for his turn.
const BEAT: Duration = Duration::from_millis(100);

/// Beats between two looks into the database.
const LOOK: u32 = 10;

/// Most contact-me under way at once; each holds a socket for ten seconds at most.
const MOST_UNDER_WAY: usize = 512;

/// Most changes made in one beat, besides calls.
const MOST_CHANGES: usize = 500;

/// Fewest and most clients that are read at once.
const LINE: (u64, u64) = (2_000, 20_000);

/// When a client is looked at again that cannot be called for reasons of its own.
const LATER: SignedDuration = SignedDuration::from_mins(10);

/// When a client is looked at again that is left to polling: the mode may have changed.
const POLLING: SignedDuration = SignedDuration::from_hours(1);

/// Calls phones until the node stops.
///
/// # Errors
/// When the TLS library refuses the settings for phones that listen on port 443.
pub async fn run(app: App, board: Arc<Board>) -> Result<(), SenderError> {
    let mut caller = Caller {
        sender: Sender::new()?,
        pace: Pace::default(),
        line: VecDeque::new(),
        under_way: JoinSet::new(),
        called: HashSet::new(),
        app: app.clone(),
    };
    let mut beats = 0;
    let mut look = true;
    while !app.stop.is_cancelled() {
        if look && let Err(error) = caller.look().await {
            tracing::error!(error = causes(&error), "whom to call could not be read");
        }
        caller.turn(look).await;
        let pause = if caller.line.is_empty() { BEAT * LOOK } else { BEAT };
        beats += 1;
        look = caller.line.is_empty() || beats >= LOOK;
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = app.signals.calls.notified() => {
                board.wake();
                look = true;
            }
            Some(done) = caller.under_way.join_next(), if !caller.under_way.is_empty() => caller.answered(done),
            () = tokio::time::sleep(pause) => {}
        }
        if look {
            beats = 0;
        }
    }
    Ok(())
}

struct Caller {
    app: App,
    sender: Sender,
    pace: Pace,
    /// Who is due, as read last; those whose subnet has to wait stay in it.
    line: VecDeque<Due>,
    under_way: JoinSet<ClientId>,
    called: HashSet<ClientId>,
}

/// What comes of looking at a client that is due.
enum Step {
    Call(Booking, Destination, String),
    Change(ChangeCall),
    /// Its turn has not come.
    Stay,
    /// Nothing, for now: it is there already, or being called.
    Leave,
}

impl Caller {
    async fn look(&mut self) -> StoreResult<()> {
        let limit = Rules::of(&self.app.settings).line(LINE);
        self.line = call_queue::due(&self.app.store, self.app.clock.now(), limit).await?.into();
        self.pace.tidy(self.app.clock.monotonic_millis());
        Ok(())
    }

    /// Calls whoever may be called now. `fresh`: the line has just been read.
    async fn turn(&mut self, fresh: bool) {
        if self.line.is_empty() {
            return;
        }
        let rules = Rules::of(&self.app.settings);
        let now = self.app.clock.now();
        let mut stay = VecDeque::new();
        let (mut bookings, mut changes) = (Vec::new(), Vec::new());
        let clock = self.app.clock.monotonic_millis();
        while let Some(due) = self.line.pop_front() {
            if !fresh && !self.pace.has_room(rules.rate, clock) {
                // Everybody was looked at when the line was read; now it is only about whose turn it is.
                self.line.push_front(due);
                break;
            }
            let full =
                self.under_way.len() + bookings.len() >= MOST_UNDER_WAY || changes.len() >= MOST_CHANGES;
            match if full { Step::Stay } else { self.consider(&due, &rules, now) } {
                Step::Call(booking, to, body) => bookings.push((booking, to, body)),
                Step::Change(change) => changes.push(change),
                Step::Stay => stay.push_back(due),
                Step::Leave => {}
            }
        }
        stay.append(&mut self.line);
        self.line = stay;
        self.change(changes).await;
        if let Err(error) = self.call(bookings, now).await {
            // Nothing was sent; whoever is due still is.
            tracing::error!(error = causes(&error), "contact-me could not be booked");
        }
    }

    fn consider(&mut self, due: &Due, rules: &Rules, now: Timestamp) -> Step {
        let (client, later) = (due.client, |wait| now.checked_add(wait).unwrap_or(now));
        let made_before = due.last_target;
        let mut change =
            ChangeCall { client, next_at: None, access: due.access, offline: false, made_before, at: now };
        let (Some(peer), Some(device)) = (due.peer, &due.device) else {
            // Prepared: it comes by itself the first time.
            return Step::Change(change);
        };
        if !due.has_work {
            return Step::Change(change);
        }
        if due.state != ClientState::Active {
            // Read but not written (D-4): nothing would be done in its session.
            change.next_at = Some(later(LATER));
            return Step::Change(change);
        }
        if let Some(until) = due.rests_until.filter(|until| *until > now) {
            change.next_at = Some(until);
            return Step::Change(change);
        }
        if self.called.contains(&client) || self.app.phones.has_session(device) {
            return Step::Leave;
        }
        let candidate = rules.candidate(due, peer);
        let (access, next) = decide(&candidate, rules.mode, rules.tries, now);
        change.access = access;
        match next {
            Next::Wait(at) => change.next_at = Some(at),
            Next::LeaveToPolling => change.next_at = Some(later(POLLING)),
            Next::GiveUp => change.offline = true,
            Next::Call(_) if access != due.access => {
                // First how it is reached; the call follows at the next look.
                change.next_at = Some(now);
            }
            Next::Call(again_in) => {
                let to = Destination::of(peer, due.contact_me_uri.as_deref(), &rules.allowed);
                let clock = self.app.clock.monotonic_millis();
                if !self.pace.admits(Subnet::of(to.address), rules.rate, rules.rate_per_subnet, clock) {
                    return Step::Stay;
                }
                let booking = Booking {
                    client,
                    tries: due.tries,
                    called_at: due.called_at,
                    address: to.address,
                    next_at: later(again_in),
                };
                return Step::Call(booking, to, body(rules.server_for(due.secure_mode)));
            }
        }
        Step::Change(change)
    }

    /// Books, commits, and only then sends.
    async fn call(
        &mut self,
        mut bookings: Vec<(Booking, Destination, String)>,
        at: Timestamp,
    ) -> StoreResult<()> {
        if bookings.is_empty() {
            return Ok(());
        }
        bookings.sort_by_key(|(booking, ..)| booking.client);
        let tx = self.app.store.begin().await?;
        let mut booked = Vec::with_capacity(bookings.len());
        for (booking, to, body) in bookings {
            if call_queue::book(&tx, &booking, at).await? {
                booked.push((booking.client, to, body));
            }
        }
        tx.commit().await?;
        for (client, to, body) in booked {
            self.called.insert(client);
            let (app, sender) = (self.app.clone(), self.sender.clone());
            self.under_way.spawn(async move {
                let outcome = sender.send(&to, body).await;
                note(&app, client, at, outcome).await;
                client
            });
        }
        Ok(())
    }

    fn answered(&mut self, done: Result<ClientId, tokio::task::JoinError>) {
        match done {
            Ok(client) => {
                self.called.remove(&client);
            }
            Err(error) => {
                tracing::error!(%error, "a contact-me broke off");
                // Whose it was is not known any more; the booked gap keeps them all apart.
                self.called.clear();
            }
        }
    }

    async fn change(&self, changes: Vec<ChangeCall>) {
        let made = changes.into_iter().map(|change| {
            let app = &self.app;
            async move {
                let client = change.client;
                match app.reports.submit(lane(client), change).await {
                    Ok(done) => done.tell(app, client),
                    Err(error) => {
                        tracing::warn!(error = causes(&error), "when to call a phone was not written down");
                    }
                }
            }
        });
        futures_util::future::join_all(made).await;
    }
}

fn lane(client: ClientId) -> u64 {
    client.0.unsigned_abs()
}

/// What became of a contact-me; nothing else depends on it being written down.
async fn note(app: &App, client: ClientId, called_at: Timestamp, outcome: Outcome) {
    let change = NoteResult { client, called_at, outcome, at: app.clock.now() };
    match app.reports.submit(lane(client), change).await {
        Ok(jobs) => jobs.into_iter().for_each(|job| app.signals.job_touched(job)),
        Err(error) => {
            tracing::warn!(error = causes(&error), "what became of a contact-me was not written down");
        }
    }
}

struct NoteResult {
    client: ClientId,
    called_at: Timestamp,
    outcome: Outcome,
    at: Timestamp,
}

impl Change for NoteResult {
    type Output = Vec<JobId>;

    async fn run(&self, tx: &Tx) -> StoreResult<Vec<JobId>> {
        let word = self.outcome.word();
        if !call_queue::note_result(tx, self.client, self.called_at, &word).await? {
            return Ok(Vec::new());
        }
        let (happening, reason) = match self.outcome {
            Outcome::Acknowledged => (Happening::Called, None),
            Outcome::Refused(_) | Outcome::TimedOut | Outcome::Unreachable => {
                (Happening::NotComing, Some("offline"))
            }
        };
        job_targets::apply_for_client(tx, self.client, happening, reason, self.at).await
    }
}

/// A client is not called now: when it is looked at again, and how it is reached.
struct ChangeCall {
    client: ClientId,
    next_at: Option<Timestamp>,
    access: Access,
    /// It has been called often enough; its work waits until it comes.
    offline: bool,
    /// The youngest target there was when the line was read.
    made_before: TargetId,
    at: Timestamp,
}

/// What a [`ChangeCall`] changed that others want to hear of.
struct Changed {
    access: bool,
    jobs: Vec<JobId>,
}

impl Changed {
    fn tell(self, app: &App, client: ClientId) {
        if self.access {
            app.store.clients_changed();
            app.events.publish(Resource::Clients, Happened::Updated, client);
        }
        self.jobs.into_iter().for_each(|job| app.signals.job_touched(job));
    }
}

impl Change for ChangeCall {
    type Output = Changed;

    async fn run(&self, tx: &Tx) -> StoreResult<Changed> {
        // The client's own row first, as contacts do: two that lock in different order wait for ever.
        let access = set_access(tx, self.client, self.access, self.at).await?;
        calls::postpone(tx, self.client, self.next_at).await?;
        if self.next_at.is_none() && job_targets::has_due(tx, self.client, self.made_before, self.at).await? {
            // Work was stored after the line was read, while the wish for a call still stood and left no trace.
            calls::want(tx, self.client, self.at).await?;
        }
        let mut jobs = Vec::new();
        if self.offline {
            let (happening, reason) = (Happening::NotComing, Some("offline"));
            jobs = job_targets::apply_for_client(tx, self.client, happening, reason, self.at).await?;
        }
        Ok(Changed { access, jobs })
    }
}

/// Changes how a client is reached, with the audit record.
async fn set_access(tx: &Tx, client: ClientId, access: Access, at: Timestamp) -> StoreResult<bool> {
    if !call_queue::set_access(tx, client, access, at).await? {
        return Ok(false);
    }
    let before = if access == Access::Direct { Access::Dcmp } else { Access::Direct };
    let record = NewRecord {
        at,
        actor: &Actor::system(),
        action: "client.access",
        object_kind: "client",
        object_id: client.to_string(),
        details: json!({"before": before, "after": access}),
    };
    audit::append(tx, &record).await?;
    Ok(true)
}

/// The phone has answered a contact-me: it can be called, whatever was thought of it before (D-10). `true` when
/// that is news.
///
/// # Errors
/// When the database refuses.
pub async fn came_when_called(app: &App, tx: &Tx, client: ClientId, at: Timestamp) -> StoreResult<bool> {
    if Rules::of(&app.settings).everybody_polls() {
        return Ok(false);
    }
    set_access(tx, client, Access::Direct, at).await
}

/// Address of a phone as a key for counting.
pub(crate) fn counted_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        // Whoever has one IPv6 address has a /64 of them.
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}
