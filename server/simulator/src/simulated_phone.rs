//! One running phone: its machine, its network, and what it does after a session by itself: come back
//! when asked to, start up after a restart, repeat a step the server was too busy for.
//!
//! There is never more than one session of a phone at a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard as SyncMutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::address::MacAddress;
use crate::attention::Attention;
use crate::behaviour::Listening;
use crate::channel::PhoneChannel;
use crate::connection::Dialler;
use crate::contact_log::{ContactBook, ContactLog, PollOutcome};
use crate::dice::Dice;
use crate::machine::{Opening, PhoneMachine, SessionEnd};
use crate::orders::OrderLog;
use crate::session::{SessionError, SessionOutcome, run_session};

mod deploying;
mod following;

pub(crate) use following::Following;

/// Most complete sessions that follow one another without a new cause; a server that asks for more is
/// caught in a loop.
const MOST_FOLLOW_UPS: u32 = 50;

/// Hears of every session.
pub trait SessionSink: Send + Sync {
    /// Phone `number` had this session. Called once per session, directly after it; must not block.
    fn session(&self, number: u32, result: &Result<SessionOutcome, SessionError>);
}

/// Nobody listens.
impl SessionSink for () {
    fn session(&self, _number: u32, _result: &Result<SessionOutcome, SessionError>) {}
}

/// How a phone repeats what the server was too busy for (`wpi.md` §4.5.9; real waits are not public).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// First wait; each next one is twice as long.
    pub first: Duration,
    /// Longest wait.
    pub longest: Duration,
    /// Tries in all, the first one included.
    pub tries: u32,
    /// Whether a session that broke off, or a server that cannot be reached, is tried again as well.
    pub after_errors: bool,
}

impl Default for BackOff {
    fn default() -> Self {
        let (first, longest) = (Duration::from_secs(2), Duration::from_secs(30));
        Self { first, longest, tries: 8, after_errors: false }
    }
}

impl BackOff {
    /// The wait after try number `tried` (from 1): doubled each time, and between half and all of that,
    /// so that phones refused together do not come back together. `None` when it is time to give up.
    fn wait(self, tried: u32, dice: &mut Dice) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let doubled = self.first.saturating_mul(1_u32 << (tried.saturating_sub(1)).min(16)).min(self.longest);
        let half = doubled / 2;
        let spread = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        Some(half + Duration::from_micros(dice.below(spread.saturating_add(1))))
    }
}

/// How a chain of sessions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactEnd {
    /// Nothing more to do.
    Done,
    /// A session broke off; the phone does not repeat it.
    Failed,
    /// The server stayed too busy, or the run ended while the phone waited.
    GivenUp,
    /// The server kept on asking for another session.
    Endless,
}

struct State {
    machine: PhoneMachine,
    dice: Dice,
}

/// A phone that can speak to servers.
pub struct SimulatedPhone {
    state: Mutex<State>,
    dialler: Dialler,
    server: SocketAddr,
    number: u32,
    address: Ipv4Addr,
    mac: MacAddress,
    back_off: BackOff,
    restart_time: Duration,
    busy_time: Duration,
    returns_after_vanishing: bool,
    /// Readable while a session holds `state`.
    attention: watch::Sender<Attention>,
    contacts: SyncMutex<ContactBook>,
}

impl SimulatedPhone {
    /// A phone whose configured server is `server`. Nonces follow from `nonce_seed` and the phone's
    /// number; it must differ from run to run, because servers refuse nonces they saw before
    /// (`wpi.md` §3.4).
    #[must_use]
    pub fn new(machine: PhoneMachine, dialler: Dialler, server: SocketAddr, nonce_seed: u64) -> Self {
        let (identity, behaviour) = (machine.phone().identity(), machine.behaviour());
        let (number, now) = (identity.number, Instant::now());
        Self {
            dialler,
            server,
            number,
            address: machine.phone().place().address,
            mac: identity.mac,
            back_off: BackOff::default(),
            restart_time: behaviour.restart_time,
            busy_time: behaviour.busy_time,
            returns_after_vanishing: behaviour.returns_after_vanishing,
            attention: watch::Sender::new(Attention::new(&machine, now)),
            contacts: SyncMutex::new(ContactBook::new(now)),
            state: Mutex::new(State { machine, dice: Dice::new(nonce_seed, u64::from(number)) }),
        }
    }

    /// The same phone with other patience towards busy servers.
    #[must_use]
    pub fn with_back_off(mut self, back_off: BackOff) -> Self {
        self.back_off = back_off;
        self
    }

    /// Place in the fleet.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The phone's own address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Hardware address.
    #[must_use]
    pub fn mac(&self) -> MacAddress {
        self.mac
    }

    /// The configured server.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    pub(crate) fn attention(&self) -> watch::Receiver<Attention> {
        self.attention.subscribe()
    }

    /// The contact gap in force: the phone's option, else its item `dls-contact-interval`.
    #[must_use]
    pub fn contact_gap(&self) -> Duration {
        self.attention.borrow().gap
    }

    /// Let the phone hear contact-me requests or not, from now on.
    pub fn set_listening(&self, listening: Listening) {
        self.attention.send_modify(|attention| attention.listening = listening);
    }

    /// How the phone was called and how it polled, up to now. Does not wait for a running session.
    #[must_use]
    pub fn contacts(&self) -> ContactLog {
        self.book().log().clone()
    }

    pub(crate) fn book(&self) -> SyncMutexGuard<'_, ContactBook> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn polled(&self, outcome: PollOutcome) {
        self.book().polled(outcome);
        self.attention.send_modify(|attention| attention.contacted(Instant::now()));
    }

    /// What servers ordered so far. Waits for a running session to end.
    pub async fn orders(&self) -> OrderLog {
        self.state.lock().await.machine.orders().clone()
    }

    /// The present value of an item, secrets included; `None` when the phone has no such item. Waits for
    /// a running session to end.
    pub async fn value(&self, name: &str, index: Option<u16>) -> Option<String> {
        self.state.lock().await.machine.phone().value(name, index)
    }

    /// Look into or change the machine between two sessions.
    pub async fn with_machine<R>(&self, change: impl FnOnce(&mut PhoneMachine, &mut Dice) -> R) -> R {
        let mut state = self.state.lock().await;
        let State { machine, dice } = &mut *state;
        let result = change(machine, dice);
        self.attention.send_modify(|attention| attention.follow(machine));
        result
    }

    pub(crate) async fn set_contact_me_port(&self, port: u16) {
        self.with_machine(|machine, _| {
            let mut place = machine.phone().place().clone();
            place.contact_me_port = port;
            machine.phone_mut().set_place(place);
        })
        .await;
    }

    /// How the phone names itself when it polls (`wpi.md` §6).
    pub(crate) fn device_id(&self) -> String {
        self.mac.to_string()
    }

    /// A fresh channel of this phone to its server, for tests that send their own bytes.
    pub async fn channel(&self) -> PhoneChannel {
        let state = self.state.lock().await;
        self.channel_to(self.server, &state.machine)
    }

    fn channel_to(&self, server: SocketAddr, machine: &PhoneMachine) -> PhoneChannel {
        let behaviour = machine.behaviour();
        PhoneChannel::new(self.dialler.clone(), server, behaviour.cookies, behaviour.keep_alive)
    }

    /// One session with the configured server, waiting for a running one to end first.
    ///
    /// # Errors
    /// [`SessionError`] when it broke off.
    pub async fn session(&self, opening: &Opening) -> Result<SessionOutcome, SessionError> {
        self.session_with(self.server, opening).await
    }

    async fn session_with(
        &self,
        server: SocketAddr,
        opening: &Opening,
    ) -> Result<SessionOutcome, SessionError> {
        let mut state = self.state.lock().await;
        self.hold_session(&mut state, server, opening, |_| false).await
    }

    /// A session while nobody else can begin one. `turns_off` says after which ends the phone is off.
    async fn hold_session(
        &self,
        state: &mut State,
        server: SocketAddr,
        opening: &Opening,
        turns_off: impl Fn(&SessionEnd) -> bool,
    ) -> Result<SessionOutcome, SessionError> {
        let State { machine, dice } = state;
        let mut channel = self.channel_to(server, machine);
        machine.set_deploying(self.attention.borrow().is_deploying);
        self.attention.send_modify(|attention| {
            attention.is_off = false;
            attention.contacted(Instant::now());
        });
        let result = run_session(machine, &mut channel, opening, dice).await;
        self.attention.send_modify(|attention| {
            attention.is_off = result.as_ref().is_ok_and(|outcome| turns_off(&outcome.end));
            attention.follow(machine);
            attention.contacted(Instant::now());
        });
        result
    }

    /// Whether the phone is off for a while after this end and starts up again by itself.
    fn turns_off(&self, end: &SessionEnd) -> bool {
        match end {
            SessionEnd::Restart | SessionEnd::FactoryReset => true,
            SessionEnd::Vanished => self.returns_after_vanishing,
            SessionEnd::CleanUp { .. }
            | SessionEnd::Deploying
            | SessionEnd::NothingMore
            | SessionEnd::GaveUp => false,
        }
    }

    /// What the phone does by itself after this end, and how much later.
    fn follow_up(&self, end: &SessionEnd, was_busy: bool) -> Option<(Opening, Duration)> {
        match end {
            end if self.turns_off(end) => Some((Opening::StartUp, self.restart_time)),
            SessionEnd::CleanUp { send_solicited: true, .. } => {
                Some((Opening::Solicited, if was_busy { self.busy_time } else { Duration::ZERO }))
            }
            _ => None,
        }
    }

    /// A session with `server` and all that follows from it, downloads included. Each session holds one of
    /// `permits` (the first one `permit`), waits and downloads between them hold none. `stop` ends waits and
    /// downloads, not sessions. A phone that is off, because it restarts, does nothing but start up.
    pub async fn contact(
        &self,
        opening: Opening,
        server: SocketAddr,
        permit: OwnedSemaphorePermit,
        permits: &Arc<Semaphore>,
        sink: &dyn SessionSink,
        stop: &CancellationToken,
    ) -> ContactEnd {
        let mut opening = opening;
        let mut permit = Some(permit);
        let mut off = None;
        let (mut tried, mut complete) = (0, 0);
        while complete < MOST_FOLLOW_UPS {
            let held = match permit.take() {
                Some(held) => held,
                None => match Arc::clone(permits).acquire_owned().await {
                    Ok(held) => held,
                    Err(_) => return ContactEnd::GivenUp,
                },
            };
            let mut state = self.state.lock().await;
            if opening != Opening::StartUp && self.attention.borrow().is_off {
                return ContactEnd::Done;
            }
            drop(off.take());
            tried += 1;
            let result = self.hold_session(&mut state, server, &opening, |end| self.turns_off(end)).await;
            let was_busy = state.machine.was_busy();
            let deployment = result.is_ok().then(|| self.begin_deployment(&mut state.machine)).flatten();
            let back_off = self.back_off.wait(tried, &mut state.dice);
            off = self.attention.borrow().is_off.then(|| Off { attention: &self.attention });
            drop((state, held));
            sink.session(self.number, &result);
            if let Some(deployment) = deployment {
                // Large and rare: in a box, a phone that has nothing to fetch does not keep room for it.
                let Some(done) = stop.run_until_cancelled(Box::pin(self.carry_out(deployment))).await else {
                    return ContactEnd::GivenUp;
                };
                if let Some(done) = done {
                    (opening, tried, complete, off) = (done.opening, 0, complete + 1, done.off);
                    continue;
                }
            }
            let wait = match result.as_ref().map(|outcome| &outcome.end) {
                Err(_) if self.back_off.after_errors => back_off,
                Err(_) => return ContactEnd::Failed,
                Ok(end) if end.is_overload() => back_off,
                Ok(end) => {
                    let Some((next, wait)) = self.follow_up(end, was_busy) else { return ContactEnd::Done };
                    if was_busy && stop.run_until_cancelled(self.no_more_deploying()).await.is_none() {
                        return ContactEnd::GivenUp;
                    }
                    (opening, tried, complete) = (next, 0, complete + 1);
                    Some(wait)
                }
            };
            let Some(wait) = wait else { return ContactEnd::GivenUp };
            if stop.is_cancelled() {
                return ContactEnd::GivenUp;
            }
            if !wait.is_zero() && stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return ContactEnd::GivenUp;
            }
        }
        ContactEnd::Endless
    }
}

/// The phone is off until this is dropped, also when the whole conversation is: nobody else would switch
/// it on again.
struct Off<'p> {
    attention: &'p watch::Sender<Attention>,
}

impl Drop for Off<'_> {
    fn drop(&mut self) {
        self.attention.send_modify(|attention| attention.is_off = false);
    }
}

#[cfg(test)]
mod tests;
