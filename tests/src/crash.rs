//! A server that can be killed at any moment and started again on what it has left behind.
//!
//! It runs on a runtime of its own. A crash drops that runtime: every task ends at the point it has reached, open
//! transactions are rolled back, nothing is finished and nobody is told. Database, key and clock stay; phones find
//! the next run at the same address, behind a [`Gate`].

mod asker;
mod gate;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Role, RoleSet, Secret};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use workpoint::clock::{Clock, Entropy, ManualClock};
use workpoint::config::Config;
use workpoint::{App, Server};

use crate::{ApiClient, Backend, PASSWORD, TestDatabase, database};

pub use asker::{Answered, Asker};
pub use gate::{Gate, Side};

/// How long the threads of a killed server may take to end; they hold nothing up unless one hangs.
const LAST_BREATH: Duration = Duration::from_secs(30);

/// Makes one test for each database, with a server that can be killed.
#[macro_export]
macro_rules! killed_on_both_databases {
    ($($(#[$attribute:meta])* $name:ident => |$server:ident| $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            #[expect(unused_imports, reason = "a test takes what it needs of its file")]
            use super::*;

            async fn body($server: &mut $crate::crash::CrashServer) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let mut server = $crate::crash::CrashServer::start($crate::Backend::Sqlite).await;
                body(&mut server).await;
                server.stop().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let mut server = $crate::crash::CrashServer::start($crate::Backend::Postgres).await;
                body(&mut server).await;
                server.stop().await;
            }
        }
    )+};
}

/// A server that can be killed.
pub struct CrashServer {
    run: Option<Run>,
    config: Config,
    time: Clock,
    hand: Arc<Hand>,
    token: Secret,
    /// Where phones find it.
    pub gate: Gate,
    _directory: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

/// Moves the server's clock and remembers when it did.
pub struct Hand {
    clock: ManualClock,
    /// When it was moved, and what the clock showed before.
    moves: Mutex<Vec<(Instant, Timestamp)>>,
}

impl Hand {
    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the clock showed so long ago, in the time of the machine.
    pub fn showed(&self, ago: Duration) -> Timestamp {
        let moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let later = moves.iter().find(|(at, _)| at.elapsed() <= ago);
        later.map_or_else(|| self.now(), |(_, before)| *before)
    }

    fn advance(&self, by: SignedDuration) {
        let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        moves.push((Instant::now(), self.now()));
        self.clock.advance(by);
    }
}

/// One life of it.
struct Run {
    runtime: Runtime,
    server: Server,
    /// Set when it is killed: its last words count for nothing.
    dying: Arc<AtomicBool>,
}

impl Run {
    async fn begin(config: &Config, time: &Clock) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("killable")
            .enable_all()
            .build()
            .expect("a runtime");
        let (config, time) = (config.clone(), time.clone());
        let starting = runtime.spawn(async move { Server::start(&config, time, Entropy::system()).await });
        let server = starting.await.expect("the start ends").expect("the server starts");
        Self { runtime, server, dying: Arc::default() }
    }
}

impl CrashServer {
    /// A server with default settings on a new database.
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |config| config).await
    }

    /// A server with a changed configuration on a new database.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(backend: Backend, change: impl FnOnce(Config) -> Config) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = database::create(backend).await;
        let config = change(Config {
            data_dir: directory.path().to_owned(),
            database_url: database.as_ref().map(TestDatabase::url),
            listen_address: [127, 0, 0, 1].into(),
            free_ports: true,
            admin_password: Some(Secret::new(PASSWORD.to_owned())),
            ..Config::default()
        });
        // A day of the present, because certificates are checked by the other side's own clock.
        let (time, clock) = Clock::manual(Clock::system().now());
        let run = Run::begin(&config, &time).await;
        let token = token(&run).await;
        let gate = Gate::open().await;
        let hand = Arc::new(Hand { clock, moves: Mutex::default() });
        let server = Self {
            run: Some(run),
            config,
            time,
            hand,
            token,
            gate,
            _directory: directory,
            _database: database,
        };
        server.lead_phones();
        server
    }

    fn lead_phones(&self) {
        self.gate.lead_to(self.run().server.listening().phones);
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("the server runs")
    }

    /// Kills it: nothing is finished. Phones lose their connections.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill(&mut self) {
        let Run { runtime, server, dying } = self.run.take().expect("the server runs");
        dying.store(true, Ordering::SeqCst);
        self.gate.lead_to(None);
        // Waits only until no thread of it runs any more, or two servers would work on one database.
        let ended = tokio::task::spawn_blocking(move || {
            runtime.shutdown_timeout(LAST_BREATH);
            drop(server);
        });
        ended.await.expect("the runtime ends");
        // Not before: a server that still lives would notice.
        self.gate.cut().await;
        self.gate.hold(Side::Phones, false);
        self.gate.hold(Side::Server, false);
    }

    /// Starts it again on what it has left.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.run = Some(Run::begin(&self.config, &self.time).await);
        self.lead_phones();
    }

    /// Kills it and starts it again.
    pub async fn crash(&mut self) {
        self.kill().await;
        self.start_again().await;
    }

    /// Stops it in order.
    pub async fn stop(mut self) {
        if let Some(Run { runtime, server, .. }) = self.run.take() {
            let stopping = runtime.spawn(server.stop());
            stopping.await.expect("the server stops");
            runtime.shutdown_background();
        }
    }

    /// Where phones find it, in every life of it.
    pub fn phone_port(&self) -> SocketAddr {
        self.gate.address()
    }

    /// An API client of an administrator for this life of it.
    pub fn api(&self) -> ApiClient {
        let authority = self.run().server.certificates().authority.certificate_pem();
        ApiClient::new(self.api_port(), &authority).with_token(self.token.expose())
    }

    /// The same for who must live without an answer.
    pub fn asker(&self) -> Asker {
        let authority = self.run().server.certificates().authority.certificate_pem();
        Asker::new(self.api_port(), &authority, self.token.clone(), Arc::clone(&self.run().dying))
    }

    fn api_port(&self) -> SocketAddr {
        self.run().server.listening().api.expect("the port is on")
    }

    /// What this life of it works with.
    pub fn app(&self) -> &App {
        self.run().server.app()
    }

    /// How it is started.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.hand.now()
    }

    /// Its clock, for who watches the time without it.
    pub fn hand(&self) -> Arc<Hand> {
        Arc::clone(&self.hand)
    }

    /// Asks PostgreSQL, for a number or a word; `None` on SQLite, where one change at a time is made and nobody
    /// else can be in its way.
    ///
    /// # Panics
    /// When PostgreSQL refuses.
    pub async fn ask_postgres(&self, sql: &str) -> Option<String> {
        let url = self.config.database_url.as_deref()?;
        let done = psql(url).args(["--command", sql]).output().await.expect("psql runs");
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        Some(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// Makes a change in PostgreSQL that is not committed, and keeps its rows from everybody until the result is
    /// dropped; `None` on SQLite.
    ///
    /// # Panics
    /// When PostgreSQL refuses.
    pub async fn keep_in_postgres(&self, change: &str) -> Option<Kept> {
        let url = self.config.database_url.as_deref()?;
        let mut psql = psql(url);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = psql.spawn().expect("psql runs");
        let mut input = child.stdin.take().expect("a pipe");
        let text = format!("BEGIN;\n{change};\n\\echo kept\n");
        input.write_all(text.as_bytes()).await.expect("psql listens");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = said.next_line().await.expect("psql answers");
        assert_eq!(line.as_deref(), Some("kept"), "{change}");
        Some(Kept { _psql: child, _input: input })
    }

    /// Moves its clock, which stands still otherwise, and has it look what is due.
    pub fn advance(&self, by: SignedDuration) {
        self.hand.advance(by);
        if let Some(run) = &self.run {
            let signals = &run.server.app().signals;
            signals.jobs.notify_one();
            signals.calls.notify_one();
        }
    }
}

impl Drop for CrashServer {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            // A test has failed; a runtime must not be waited for in another one.
            run.runtime.shutdown_background();
        }
    }
}

/// An administrator with a token, made as the command line makes them.
async fn token(run: &Run) -> Secret {
    use workpoint::app::{accounts, password, tokens};
    let app = run.server.app().clone();
    let making = run.runtime.spawn(async move {
        let new = accounts::NewFromCommandLine {
            user_name: "killer".to_owned(),
            roles: RoleSet::new([Role::Admin]),
            password: Secret::new(PASSWORD.to_owned()),
            must_change_password: false,
        };
        let policy = password::policy(&app.settings);
        accounts::create_from_command_line(&app.store, &app.clock, &app.entropy, new, policy)
            .await
            .expect("the account is created");
        let made =
            tokens::create_from_command_line(&app.store, &app.clock, &app.entropy, "killer", "test", None);
        made.await.expect("the token is created").1
    });
    making.await.expect("a token")
}

/// Rows that are kept from everybody else. Given back when dropped.
pub struct Kept {
    _psql: Child,
    _input: ChildStdin,
}

fn psql(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args([url, "--quiet", "--no-psqlrc", "--tuples-only", "--no-align"]);
    command
}
