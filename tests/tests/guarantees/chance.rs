//! Phones that go wrong, users who change their mind and a server that dies, all with chance; then everything is
//! healed, time runs on until nothing moves, and the guarantees are checked.
//!
//! Chance comes from a seed; a failure names it. `GUARANTEES_SEED=7` runs that case alone, `GUARANTEES_CASES=100`
//! more of them. What runs side by side may be interleaved otherwise the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::setting::{SettingKey, SettingValue};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jiff::SignedDuration;
use simulator::Dice;
use tests::crash::{CrashServer, Side};
use tests::{Backend, phones};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::hands::{client_of, starts_up};
use super::harvest::{self, Watch};
use super::invariants::{Evidence, JobEvidence, Key, Violation, check};
use super::orders::{Order, Outcome, PARAMETERS, at_rest};
use super::world::{CALL_PORT, Handset};

/// Cases of one database when nobody says otherwise.
const CASES: u64 = 3;

/// Steps of a case before it is healed.
const STEPS: u64 = 14;

/// Rounds of time that are given to a healed case.
const ROUNDS: u32 = 25;

/// A phone that was reset is back within this time, in seconds: the server gives up waiting after ten minutes, and
/// then takes what it finds for a wish of the phone's user. Values that are lost so are a case of their own.
const LONG: u64 = 300;

/// Contact gap of the settings, in milliseconds.
const GAP: i64 = 300_000;

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

async fn cases(backend: Backend) {
    let seeds = match number_of("GUARANTEES_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number_of("GUARANTEES_CASES").unwrap_or(CASES) + 1,
    };
    let mut bad = Vec::new();
    for seed in seeds {
        let mut case = Case::begin(backend, seed).await;
        // The story is told when it ends badly, however it does.
        if AssertUnwindSafe(case.run()).catch_unwind().await.is_err() {
            eprintln!("GUARANTEES_SEED={seed} {backend:?}:\n{}", case.story.join("\n"));
            bad.push(seed);
        }
    }
    assert!(bad.is_empty(), "these cases ended badly, see above: GUARANTEES_SEED={bad:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_guarantees_hold_sqlite() {
    cases(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_guarantees_hold_postgres() {
    cases(Backend::Postgres).await;
}

/// What users know of what they ordered.
#[derive(Default)]
struct Memory {
    wished: BTreeMap<i64, BTreeMap<Key, BTreeSet<String>>>,
    /// Values nobody can say anything about: the first order went unanswered.
    unsure: BTreeSet<(i64, Key)>,
    made_with: BTreeMap<i64, u64>,
    retries: BTreeMap<i64, u32>,
    /// Jobs as they were seen last, because finished ones are deleted after some days.
    seen: BTreeMap<i64, JobEvidence>,
}

impl Memory {
    fn note(&mut self, order: &Order, outcome: &Outcome) {
        match outcome {
            Outcome::Nothing => return,
            Outcome::Retried(job) => *self.retries.entry(*job).or_default() += 1,
            Outcome::Taken(Some((job, targets))) => {
                self.made_with.insert(*job, *targets);
            }
            Outcome::Taken(None) | Outcome::Unanswered => {}
        }
        let Order::Set { clients, changes, .. } = order else { return };
        for (client, change) in
            clients.iter().flat_map(|client| changes.iter().map(move |change| (client, change)))
        {
            let parameter = &PARAMETERS[change.parameter];
            let key: Key = (parameter.item.to_owned(), parameter.index);
            let wished = self.wished.entry(*client).or_default();
            if *outcome != Outcome::Unanswered {
                self.unsure.remove(&(*client, key.clone()));
                wished.insert(key, [change.text.clone()].into());
            } else if let Some(values) = wished.get_mut(&key) {
                values.insert(change.text.clone());
            } else {
                self.unsure.insert((*client, key));
            }
        }
    }
}

struct Case {
    server: CrashServer,
    handsets: Vec<Arc<Handset>>,
    dice: Dice,
    watch: Arc<Watch>,
    memory: Memory,
    story: Vec<String>,
}

impl Case {
    async fn begin(backend: Backend, seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let server = CrashServer::start_with(backend, |config| {
            // How fast it may call is another matter; here it may.
            let fast =
                |config: workpoint::config::Config, key| config.with(key, SettingValue::Integer(1_000));
            fast(fast(config, SettingKey::ContactMeRate), SettingKey::ContactMeRatePerSubnet)
        })
        .await;
        let count = 5 + u32::try_from(dice.below(16)).unwrap_or(0);
        let network = format!("127.{}.{}.0/24", if backend == Backend::Sqlite { 90 } else { 91 }, seed % 250);
        let fleet = phones(server.phone_port(), count, |config| {
            config.family = Some(simulator::Family::Sip);
            config.models = vec!["CP600".parse().expect("a model")];
            config.source = Some(network.parse().expect("a block"));
            config.contact_me_port = CALL_PORT;
            config.contact_gap = Some(Duration::ZERO);
            config.items = 80;
            config.seed = seed;
        })
        .await;
        let (hand, api) = (server.hand(), server.api());
        let mut handsets = Vec::new();
        for phone in fleet {
            starts_up(&phone).await;
            let client = harvest::number(&client_of(&api, &phone).await);
            handsets.push(Arc::new(Handset::new(phone, client, Arc::clone(&hand)).await));
        }
        let story = vec![format!("{count} phones")];
        Self { server, handsets, dice, watch: Arc::default(), memory: Memory::default(), story }
    }

    async fn run(&mut self) {
        for _ in 0..STEPS {
            self.step().await;
        }
        self.heal().await;
        self.judge().await;
        self.server.kill().await;
    }

    fn clients(&self) -> Vec<i64> {
        self.handsets.iter().map(|handset| handset.client).collect()
    }

    /// Something goes wrong, something is ordered, some phones come, and perhaps the server dies meanwhile.
    async fn step(&mut self) {
        self.let_time_pass().await;
        for _ in 0..self.dice.below(4) {
            let place = self.any();
            let handset = Arc::clone(&self.handsets[place]);
            let what = handset.upset(&mut self.dice).await;
            self.story.push(format!("client {}: {what}", handset.client));
        }
        let orders = self.give_orders();
        let sessions = self.let_phones_come();
        let dies = match self.dice.below(8) {
            0 | 1 => Some(self.dice.below(40)),
            2 => Some(0),
            _ => None,
        };
        if let Some(records) = dies {
            self.die(records, &orders, &sessions).await;
        }
        self.tell(sessions).await;
        for (order, outcome) in orders.await.expect("orders are given") {
            self.story.push(format!("{order:?}: {outcome:?}"));
            self.memory.note(&order, &outcome);
        }
    }

    fn any(&mut self) -> usize {
        usize::try_from(self.dice.below(self.handsets.len() as u64)).unwrap_or(0)
    }

    async fn let_time_pass(&mut self) {
        let seconds = match self.dice.below(30) {
            0 => 8 * 86_400,
            1 => 3_700,
            2..=4 => 601,
            5..=14 => 331,
            _ => 1 + self.dice.below(60),
        };
        if seconds >= LONG {
            self.everybody_is_back(Handset::is_reset).await;
        }
        if seconds > 86_400 {
            self.remember_jobs().await;
        }
        self.story.push(format!("{seconds} s pass"));
        self.server.advance(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0)));
    }

    /// Phones that are off start up before the server gives up waiting for them.
    async fn everybody_is_back(&mut self, is_away: fn(&Handset) -> bool) {
        while self.handsets.iter().any(|handset| is_away(handset)) {
            self.server.advance(SignedDuration::from_secs(1));
            let away = self.handsets.iter().filter(|handset| is_away(handset));
            let coming: Vec<_> = away.cloned().map(|handset| come(handset, true)).collect();
            self.tell(coming).await;
        }
    }

    async fn tell(&mut self, coming: Vec<JoinHandle<String>>) {
        for session in join_all(coming).await {
            self.story.push(session.expect("a session"));
        }
    }

    fn give_orders(&mut self) -> JoinHandle<Vec<(Order, Outcome)>> {
        let clients = self.clients();
        let number = self.dice.below(4);
        let orders: Vec<Order> =
            (0..number).map(|_| Order::roll(&clients, &self.watch, &mut self.dice)).collect();
        let (asker, watch, now) = (self.server.asker(), Arc::clone(&self.watch), self.server.now());
        tokio::spawn(async move {
            let mut done = Vec::new();
            for order in orders {
                let outcome = order.give(&asker, &watch, now).await;
                done.push((order, outcome));
            }
            done
        })
    }

    fn let_phones_come(&mut self) -> Vec<JoinHandle<String>> {
        let mut coming = Vec::new();
        for handset in self.handsets.clone() {
            let likely = if handset.is_called() || handset.is_off() { 3 } else { 1 };
            let starts_up = self.dice.below(6) == 0;
            if self.dice.below(4) < likely {
                coming.push(come(handset, starts_up));
            }
        }
        coming
    }

    /// Kills the server after so many records of it, or when nothing more comes from it.
    async fn die<T>(&mut self, records: u64, orders: &JoinHandle<T>, sessions: &[JoinHandle<String>]) {
        let mut ticks = interval(Duration::from_millis(5));
        let quiet = async {
            while !(orders.is_finished() && sessions.iter().all(JoinHandle::is_finished)) {
                ticks.tick().await;
            }
        };
        tokio::select! {
            () = self.server.gate.passes(Side::Server, records) => {}
            () = quiet => {}
        }
        self.story.push(format!("the server dies after {records} records"));
        self.server.crash().await;
    }

    async fn remember_jobs(&mut self) {
        for job in harvest::jobs(&self.server.asker(), &self.watch).await {
            self.memory.seen.insert(job.id, job);
        }
    }

    /// Nothing goes wrong any more, every phone starts up, and time runs on until nothing moves.
    async fn heal(&mut self) {
        self.story.push("healed".to_owned());
        for handset in &self.handsets {
            handset.heal().await;
        }
        self.everybody_is_back(Handset::is_off).await;
        // A second start-up, more than an hour later, finds what the first could not.
        for starts_up in [true, true] {
            self.server.advance(SignedDuration::from_secs(3_700));
            self.everybody_comes(starts_up).await;
            self.settle().await;
        }
    }

    async fn everybody_comes(&mut self, starts_up: bool) {
        let coming: Vec<_> = self.handsets.iter().cloned().map(|handset| come(handset, starts_up)).collect();
        self.tell(coming).await;
    }

    async fn settle(&mut self) {
        let asker = self.server.asker();
        for _ in 0..ROUNDS {
            self.everybody_is_back(Handset::is_off).await;
            self.server.advance(SignedDuration::from_secs(700));
            // Time for the server to notice, and to call; whoever is called comes.
            let mut ticks = interval(Duration::from_millis(50));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for _ in 0..30 {
                ticks.tick().await;
                let called = self.handsets.iter().filter(|handset| handset.is_called() || handset.is_off());
                let coming: Vec<_> = called.cloned().map(|handset| come(handset, false)).collect();
                let nobody = coming.is_empty();
                if !nobody {
                    self.server.advance(SignedDuration::from_secs(1));
                }
                self.tell(coming).await;
                if nobody && at_rest(&asker, &self.watch).await {
                    return;
                }
            }
            self.everybody_comes(false).await;
        }
    }

    async fn judge(&mut self) {
        self.remember_jobs().await;
        let asker = self.server.asker();
        harvest::look_around(&asker, &self.watch, &self.clients()).await;
        let mut clients = Vec::new();
        for handset in &self.handsets {
            let mut client = handset.evidence().await;
            client.wished = self.memory.wished.remove(&client.id).unwrap_or_default();
            client.wished.retain(|key, _| !self.memory.unsure.contains(&(client.id, key.clone())));
            clients.push(client);
        }
        let jobs = std::mem::take(&mut self.memory.seen).into_values().map(|mut job| {
            job.made_with = self.memory.made_with.get(&job.id).copied();
            job.retries = self.memory.retries.get(&job.id).copied().unwrap_or(0);
            job
        });
        let evidence = Evidence { clients, jobs: jobs.collect(), gap: GAP, secrets_in: self.watch.leaks() };
        let missing: Vec<&i64> = self
            .memory
            .made_with
            .keys()
            .filter(|id| !evidence.jobs.iter().any(|job| job.id == **id))
            .collect();
        assert!(missing.is_empty(), "jobs that were made are gone: {missing:?}");
        let broken = check(&evidence);
        for violation in &broken {
            self.story.push(format!("BROKEN: {violation}"));
            if let Violation::Unexplained { client, item, .. } = violation {
                let writing = evidence.jobs.iter().flat_map(|job| &job.targets);
                let writing = writing.filter(|target| target.client == *client && target.rows.contains(item));
                self.story.extend(writing.map(|target| format!("  {target:?}")));
                let path = format!("/api/v1/clients/{client}/configuration?size=500&only=desired");
                let stands = harvest::read(&asker, &self.watch, &path).await;
                self.story.extend(
                    stands["items"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|parameter| format!("  {parameter}")),
                );
            }
        }
        assert!(broken.is_empty(), "{} guarantees are broken", broken.len());
        // A case in which nothing happened proves nothing.
        let written = evidence.clients.iter().filter(|client| !client.received.is_empty()).count();
        assert!(written > 0, "no phone was written");
    }
}

/// A session beside others; gives a line of the story.
fn come(handset: Arc<Handset>, starts_up: bool) -> JoinHandle<String> {
    tokio::spawn(async move {
        let off = handset.is_off();
        let end = handset.session(starts_up).await;
        let how = if starts_up || off { "starts up" } else { "comes" };
        format!(
            "client {} {how}: {}",
            handset.client,
            end.map_or("broke off".to_owned(), |end| format!("{end:?}"))
        )
    })
}

#[test]
fn an_order_without_an_answer_leaves_both_values_possible() {
    let mut memory = Memory::default();
    let order = |text: &str| Order::Set {
        clients: vec![1],
        changes: vec![super::orders::Change { parameter: 0, text: text.to_owned() }],
        after: None,
    };
    let key: Key = ("reg-addr".to_owned(), None);
    memory.note(&order("a"), &Outcome::Unanswered);
    assert!(memory.unsure.contains(&(1, key.clone())));
    memory.note(&order("b"), &Outcome::Taken(None));
    assert!(memory.unsure.is_empty());
    memory.note(&order("c"), &Outcome::Unanswered);
    assert_eq!(memory.wished[&1][&key], ["b".to_owned(), "c".to_owned()].into());
    memory.note(&order("d"), &Outcome::Nothing);
    assert_eq!(memory.wished[&1][&key].len(), 2);
}
