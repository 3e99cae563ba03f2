//! A simulation run: makes the fleet, lets all phones open sessions in rounds, and keeps listening for
//! contact-me if told so.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::lookup_host;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::address::AddressError;
use crate::attendance::Attendance;
use crate::config::SimulateConfig;
use crate::connection::Dialler;
use crate::contact_me::ListenError;
use crate::danger_tls::{TlsOptions, TlsSetupError, tls_settings};
use crate::dice::{Dice, share_of};
use crate::fleet_file::{FleetFile, FleetFileError, StoredPhone};
use crate::identity::Identity;
use crate::machine::{Opening, PhoneMachine};
use crate::pattern::Place;
use crate::phone::Phone;
use crate::refusal::Refusal;
use crate::simulated_phone::{ContactEnd, SessionSink, SimulatedPhone};
use crate::summary::{Phase, Progress, Recorder, Summary};
use crate::table::ItemTables;
use crate::totals::{ContactTotals, OrderTotals};

/// The phones of a run, ready to speak.
pub struct Fleet {
    phones: Vec<Arc<SimulatedPhone>>,
    /// Phones of the fleet file beyond those of this run; kept as they are.
    resting: Vec<StoredPhone>,
}

impl Fleet {
    /// Make the phones, or take them from the fleet file.
    ///
    /// # Errors
    /// [`RunError`] when the server's name, the addresses or the file cannot be used.
    pub async fn prepare(config: &SimulateConfig) -> Result<Self, RunError> {
        let server = resolve(config).await?;
        let (host, _) = config.server.rsplit_once(':').unwrap_or((&config.server, ""));
        let tls = TlsOptions {
            versions: config.tls_versions,
            resumption: config.tls_resumption,
            client_certificate: None,
        };
        let tls = tls_settings(tls).map_err(RunError::Tls)?;
        let stored = match &config.fleet_file {
            None => None,
            Some(path) => FleetFile::load(path).await.map_err(RunError::File)?,
        };
        let mut stored = stored.map_or_else(Vec::new, |file| file.phones);
        let resting = stored.split_off(stored.len().min(config.phones as usize));
        let mut stored = stored.into_iter();
        let rules = config.identity_rules();
        let tables = ItemTables::default();
        let refusals: Arc<[Refusal]> = config.refuse.clone().into();
        let nonce_seed = config.nonce_seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let mut phones = Vec::with_capacity(config.phones as usize);
        for number in 0..config.phones {
            let stored = match stored.next() {
                Some(stored) => stored,
                None => {
                    let identity = Identity::generate(&rules, number).map_err(RunError::Address)?;
                    StoredPhone::new(identity)
                }
            };
            let source = config.source.map(|block| block.address(number)).transpose();
            let source = source.map_err(RunError::Address)?;
            let place = Place {
                address: source.unwrap_or(Ipv4Addr::LOCALHOST),
                contact_me_port: config.contact_me_port,
                server_host: host.to_owned(),
                server_port: server.port(),
            };
            let mut phone = Phone::of_fleet(stored.identity, place, config.items, &tables);
            phone.refuse_with_fleet(Arc::clone(&refusals));
            phone.refuse(stored.refuse);
            phone.restore(stored.factory_fresh, stored.values);
            let mut dialler =
                Dialler::new(Arc::clone(&tls), source, config.guard()).map_err(RunError::Address)?;
            dialler.connect_timeout = config.connect_timeout;
            dialler.request_timeout = config.request_timeout;
            let machine = PhoneMachine::new(phone, config.behaviour_of(number));
            let phone = SimulatedPhone::new(machine, dialler, server, nonce_seed);
            phones.push(Arc::new(phone.with_back_off(config.back_off)));
        }
        Ok(Self { phones, resting })
    }

    /// The phones, by number.
    #[must_use]
    pub fn phones(&self) -> &[Arc<SimulatedPhone>] {
        &self.phones
    }

    /// Let all phones be called and poll, until the result is dropped. Each session holds one of
    /// `permits`; `sink` hears of the sessions.
    ///
    /// # Errors
    /// [`ListenError`] of the first phone that cannot listen at `port` of its address; 0 takes free ones.
    pub async fn attend(
        &self,
        port: u16,
        permits: &Arc<Semaphore>,
        sink: &Arc<dyn SessionSink>,
    ) -> Result<Vec<Attendance>, ListenError> {
        let mut all = Vec::with_capacity(self.phones.len());
        for phone in &self.phones {
            let (phone, permits, sink) = (Arc::clone(phone), Arc::clone(permits), Arc::clone(sink));
            all.push(Attendance::start(phone, port, permits, sink).await?);
        }
        Ok(all)
    }

    /// What all phones were told so far, and how they were called. Waits for running sessions, phone by
    /// phone.
    pub async fn totals(&self) -> (OrderTotals, ContactTotals) {
        let (mut orders, mut contacts) = (OrderTotals::default(), ContactTotals::default());
        for phone in &self.phones {
            phone.with_machine(|machine, _| orders.add(machine.orders())).await;
            contacts.add(phone.mac(), phone.book().log());
        }
        (orders, contacts)
    }

    /// The fleet as it is now. Waits for running sessions, phone by phone.
    pub async fn to_file(&self) -> FleetFile {
        let mut stored = Vec::with_capacity(self.phones.len() + self.resting.len());
        for phone in &self.phones {
            stored.push(phone.with_machine(|machine, _| StoredPhone::from(machine.phone())).await);
        }
        stored.extend(self.resting.iter().cloned());
        FleetFile::new(stored)
    }
}

async fn resolve(config: &SimulateConfig) -> Result<SocketAddr, RunError> {
    let found: Vec<_> = lookup_host(&config.server)
        .await
        .map_err(|source| RunError::Resolve { server: config.server.clone(), source })?
        .collect();
    // Phones speak IPv4; `localhost` often gives the other one first.
    let server = found.iter().find(|address| address.is_ipv4()).or(found.first()).copied();
    let server = server.ok_or_else(|| RunError::Resolve {
        server: config.server.clone(),
        source: io::Error::from(io::ErrorKind::NotFound),
    })?;
    config.guard().check_target(server).map_err(RunError::Address)?;
    Ok(server)
}

/// Run a whole simulation. `progress` is told how it goes; `cancel` ends it early, also while staying,
/// and the summary of what was done until then comes back.
///
/// # Errors
/// [`RunError`] when the run cannot begin or the fleet file cannot be written. Failing sessions are no
/// error of the run: the summary counts them.
pub async fn run_fleet(
    config: &SimulateConfig,
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
) -> Result<Summary, RunError> {
    let recorder = Arc::new(Recorder::new(config.phones, progress));
    let fleet = Fleet::prepare(config).await?;
    let permits = Arc::new(Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
    let mut attendances = Vec::new();
    if config.stay {
        let sink: Arc<dyn SessionSink> = Arc::clone(&recorder) as Arc<_>;
        attendances =
            fleet.attend(config.contact_me_port, &permits, &sink).await.map_err(RunError::Listen)?;
    }
    recorder.phase(Phase::Rounds);
    let begin = Instant::now();
    run_rounds(config, &fleet, &permits, &recorder, begin, &cancel).await;
    recorder.rounds_end(begin.elapsed());
    save(config, &fleet).await?;
    if config.stay && !cancel.is_cancelled() {
        recorder.phase(Phase::Staying);
        cancel.cancelled().await;
        drop(attendances);
        save(config, &fleet).await?;
    }
    let (orders, contacts) = fleet.totals().await;
    recorder.totals(orders, contacts);
    recorder.phase(Phase::Done);
    Ok(recorder.summary())
}

async fn save(config: &SimulateConfig, fleet: &Fleet) -> Result<(), RunError> {
    match &config.fleet_file {
        None => Ok(()),
        Some(path) => fleet.to_file().await.save(path).await.map_err(RunError::File),
    }
}

async fn run_rounds(
    config: &SimulateConfig,
    fleet: &Fleet,
    permits: &Arc<Semaphore>,
    recorder: &Arc<Recorder>,
    begin: Instant,
    cancel: &CancellationToken,
) {
    let end = config.duration.map(|duration| begin + duration);
    let over = || end.is_some_and(|end| Instant::now() >= end);
    let mut pace = Pace::new(config.rate, begin);
    // Ends the waits of phones that were told to come later, so that a run ends when it is over.
    let stop = cancel.child_token();
    let mut round = 0;
    while !cancel.is_cancelled() && !over() && (end.is_some() || round < config.rounds) {
        recorder.round();
        let mut sessions = JoinSet::new();
        for phone in fleet.phones() {
            if over() || cancel.run_until_cancelled(pace.next()).await.is_none() {
                break;
            }
            let permit = cancel.run_until_cancelled(Arc::clone(permits).acquire_owned()).await;
            let Some(Ok(permit)) = permit else { break };
            let (phone, permits) = (Arc::clone(phone), Arc::clone(permits));
            let (recorder, stop) = (Arc::clone(recorder), stop.clone());
            let changes = changes(config, phone.number(), round);
            sessions.spawn(async move {
                let opening = match changes {
                    None => Opening::StartUp,
                    Some(count) => {
                        let change = |machine: &mut PhoneMachine, dice: &mut Dice| {
                            machine.phone_mut().change_some(count, dice);
                        };
                        phone.with_machine(change).await;
                        Opening::LocalChanges
                    }
                };
                let server = phone.server();
                match phone.contact(opening, server, permit, &permits, &*recorder, &stop).await {
                    ContactEnd::Done => recorder.complete(begin.elapsed()),
                    ContactEnd::Failed => {}
                    ContactEnd::GivenUp | ContactEnd::Endless => recorder.given_up(),
                }
            });
            while sessions.try_join_next().is_some() {}
        }
        finish(sessions, end, &stop, cancel).await;
        round += 1;
    }
}

/// Wait for the sessions of a round; when time is up, only for those that are running.
async fn finish(
    mut sessions: JoinSet<()>,
    end: Option<Instant>,
    stop: &CancellationToken,
    cancel: &CancellationToken,
) {
    let all = async { while sessions.join_next().await.is_some() {} };
    let time_up = async {
        match end {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(all);
    tokio::select! {
        () = &mut all => return,
        () = time_up => stop.cancel(),
        () = cancel.cancelled() => {}
    }
    cancel.run_until_cancelled(all).await;
}

/// How many items this phone changes before its session of this round; `None`: it just starts up.
fn changes(config: &SimulateConfig, number: u32, round: u32) -> Option<usize> {
    if round == 0 || config.change_items == 0 {
        return None;
    }
    let share = share_of(config.seed ^ u64::from(round), number);
    (share < config.change_share).then_some(config.change_items)
}

/// Spaces the starts of sessions evenly.
struct Pace {
    step: Option<Duration>,
    next: Instant,
}

impl Pace {
    fn new(rate: Option<f64>, begin: Instant) -> Self {
        let step = rate.filter(|rate| *rate > 0.0).map(|rate| Duration::try_from_secs_f64(1.0 / rate));
        Self { step: step.and_then(Result::ok), next: begin }
    }

    /// Wait for the next start. A run that fell behind does not catch up in a burst longer than a second.
    async fn next(&mut self) {
        let Some(step) = self.step else { return };
        let earliest = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or(self.next);
        let start = self.next.max(earliest);
        sleep_until(start).await;
        self.next = start + step;
    }
}

/// A run cannot begin or end.
#[derive(Debug, Error)]
pub enum RunError {
    /// The server's name leads nowhere.
    #[error("finding the server `{server}` (expected host:port)")]
    Resolve {
        /// What was given.
        server: String,
        /// What the system said.
        source: io::Error,
    },
    /// An address cannot be used.
    #[error("placing the phones in the network")]
    Address(#[source] AddressError),
    /// TLS cannot be set up.
    #[error("preparing the phones")]
    Tls(#[source] TlsSetupError),
    /// The fleet file cannot be used.
    #[error("keeping the fleet")]
    File(#[source] FleetFileError),
    /// A phone cannot listen.
    #[error("starting the contact-me listeners")]
    Listen(#[source] ListenError),
}

#[cfg(test)]
mod tests;
