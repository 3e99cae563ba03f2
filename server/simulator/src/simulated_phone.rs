//! One running phone: its machine, its network, and what it does after a session by itself: come back
//! when asked to, start up after a restart, repeat a step the server was too busy for.
//!
//! There is never more than one session of a phone at a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::channel::PhoneChannel;
use crate::connection::Dialler;
use crate::dice::Dice;
use crate::machine::{Opening, PhoneMachine, SessionEnd};
use crate::session::{SessionError, SessionOutcome, run_session};

/// Most sessions that follow one another without a new cause; a server that asks for more is caught in
/// a loop.
const MOST_FOLLOW_UPS: u32 = 50;
/// The contact gap of a phone whose `dls-contact-interval` cannot be read (`wpi.md` §1.5).
const USUAL_GAP: Duration = Duration::from_secs(300);

/// Hears of every session.
pub trait SessionSink: Send + Sync {
    /// Phone `number` had this session. Called once per session, directly after it; must not block.
    fn session(&self, number: u32, result: &Result<SessionOutcome, SessionError>);
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
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(30), tries: 8 }
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
    back_off: BackOff,
    restart_time: Duration,
    /// The contact gap in milliseconds, readable while a session holds `state`.
    gap: AtomicU64,
}

impl SimulatedPhone {
    /// A phone whose configured server is `server`. Nonces follow from `nonce_seed` and the phone's
    /// number; it must differ from run to run, because servers refuse nonces they saw before
    /// (`wpi.md` §3.4).
    #[must_use]
    pub fn new(machine: PhoneMachine, dialler: Dialler, server: SocketAddr, nonce_seed: u64) -> Self {
        let identity = machine.phone().identity();
        let number = identity.number;
        let gap = AtomicU64::new(gap_of(&machine));
        Self {
            dialler,
            server,
            number,
            address: machine.phone().place().address,
            back_off: BackOff::default(),
            restart_time: machine.behaviour().restart_time,
            gap,
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

    /// The configured server.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// The contact gap in force: the phone's option, else its item `dls-contact-interval`.
    #[must_use]
    pub fn contact_gap(&self) -> Duration {
        Duration::from_millis(self.gap.load(Ordering::Relaxed))
    }

    /// Look into or change the machine between two sessions.
    pub async fn with_machine<R>(&self, change: impl FnOnce(&mut PhoneMachine, &mut Dice) -> R) -> R {
        let mut state = self.state.lock().await;
        let State { machine, dice } = &mut *state;
        let result = change(machine, dice);
        self.gap.store(gap_of(machine), Ordering::Relaxed);
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
        let State { machine, dice } = &mut *state;
        let mut channel = self.channel_to(server, machine);
        let result = run_session(machine, &mut channel, opening, dice).await;
        self.gap.store(gap_of(machine), Ordering::Relaxed);
        result
    }

    /// A session with `server` and all that follows from it. Each session holds one of `permits`
    /// (the first one `permit`), waits between them hold none. `stop` ends waits, not sessions.
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
        let mut tried = 0;
        for _ in 0..MOST_FOLLOW_UPS {
            let held = match permit.take() {
                Some(held) => held,
                None => match Arc::clone(permits).acquire_owned().await {
                    Ok(held) => held,
                    Err(_) => return ContactEnd::GivenUp,
                },
            };
            tried += 1;
            let result = self.session_with(server, &opening).await;
            drop(held);
            sink.session(self.number, &result);
            let Ok(outcome) = result else { return ContactEnd::Failed };
            let wait = match outcome.end {
                ref end if end.is_overload() => {
                    let wait = self.back_off.wait(tried, &mut self.state.lock().await.dice);
                    let Some(wait) = wait else { return ContactEnd::GivenUp };
                    wait
                }
                SessionEnd::Restart | SessionEnd::FactoryReset => {
                    (opening, tried) = (Opening::StartUp, 0);
                    self.restart_time
                }
                SessionEnd::CleanUp { send_solicited: true, .. } => {
                    (opening, tried) = (Opening::Solicited, 0);
                    Duration::ZERO
                }
                SessionEnd::CleanUp { .. } | SessionEnd::NothingMore => return ContactEnd::Done,
            };
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

fn gap_of(machine: &PhoneMachine) -> u64 {
    let item = || {
        let seconds = machine.phone().value("dls-contact-interval", None)?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    };
    let gap = machine.behaviour().contact_gap.or_else(item).unwrap_or(USUAL_GAP);
    u64::try_from(gap.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
