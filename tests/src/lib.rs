//! The harness: the real server on a real database, real TLS to it, simulated phones, an API client.
//!
//! A test says `on_both_databases!(name, |server| { … })` and gets two tests. Each server has its own
//! database, data directory and free ports; nothing is shared, nothing is guessed. PostgreSQL comes from
//! `make test` (`WORKPOINT_TEST_POSTGRES`); without it those tests fail and say so, they are not skipped.

mod api_client;
pub mod called;
pub mod crash;
mod database;
pub mod desk;
pub mod fetching;
mod phones;
mod prepared;
pub mod storage_servers;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use domain::setting::{SettingKey, SettingValue};
use domain::{Role, RoleSet, Secret};
use workpoint::clock::{Clock, Entropy, ManualClock};
use workpoint::config::Config;
use workpoint::{App, Server};

pub use api_client::{ApiAnswer, ApiClient};
pub use database::{Backend, TestDatabase, create as empty_database};
pub use phones::{
    Exchange, connect, items, message, phones, plain_post, raw_phone, reply, secure_phone, tls, tls_stream,
};

/// Password of the accounts a test makes.
pub const PASSWORD: &str = "blue kettle sings loudly";

/// Makes one test for each database.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* $name:ident => |$server:ident| $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            #[expect(unused_imports, reason = "a test takes what it needs of its file")]
            use super::*;

            async fn body($server: &mut $crate::TestServer) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let mut server = $crate::TestServer::start($crate::Backend::Sqlite).await;
                body(&mut server).await;
                server.stop().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let mut server = $crate::TestServer::start($crate::Backend::Postgres).await;
                body(&mut server).await;
                server.stop().await;
            }
        }
    )+};
}

/// A running server with its own database and clock.
pub struct TestServer {
    server: Option<Server>,
    config: Config,
    /// Moves the server's clock, which stands still otherwise.
    pub clock: ManualClock,
    time: Clock,
    accounts: u32,
    // Behind the server: it is gone, or at least told to go, before its data are.
    _directory: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl TestServer {
    /// A server with default settings, as after its first start.
    pub async fn start(backend: Backend) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = prepared::copy(backend, directory.path()).await;
        Self::start_on(directory, database, |config| config).await
    }

    /// A server with a changed configuration, which starts for the first time.
    pub async fn start_with(backend: Backend, change: impl FnOnce(Config) -> Config) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = database::create(backend).await;
        Self::start_on(directory, database, change).await
    }

    async fn start_on(
        directory: tempfile::TempDir,
        database: Option<TestDatabase>,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        let config = change(configuration(directory.path(), database.as_ref()));
        // A day of the present, because certificates are checked by the other side's own clock.
        let (time, clock) = Clock::manual(Clock::system().now());
        let server =
            Server::start(&config, time.clone(), Entropy::system()).await.expect("the server starts");
        Self {
            server: Some(server),
            config,
            clock,
            time,
            accounts: 0,
            _directory: directory,
            _database: database,
        }
    }

    /// Stops the server and starts it again on the same data.
    pub async fn restart(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        let server = Server::start(&self.config, self.time.clone(), Entropy::system()).await;
        self.server = Some(server.expect("the server starts again"));
    }

    /// Waits until something is so that the server does by itself, in its own time.
    ///
    /// # Panics
    /// When it is not so after a minute.
    pub async fn wait_until(&self, is_so: impl Fn(&App) -> bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..3_000 {
            ticks.tick().await;
            if is_so(self.app()) {
                return;
            }
        }
        panic!("waited in vain");
    }

    /// Changes a setting through the API, as an administrator does.
    pub async fn change_setting(&mut self, id: &str, value: impl Into<serde_json::Value>) {
        let api = self.api(&[Role::Admin]).await;
        let path = format!("/api/v1/settings/{id}");
        let etag =
            api.get(&path).await.headers.get("etag").expect("an ETag").to_str().expect("text").to_owned();
        let body = serde_json::json!({ "value": value.into() }).to_string();
        let answer = api.with_header("if-match", &etag).send(reqwest::Method::PUT, &path, Some(body)).await;
        answer.expect(200);
    }

    /// A second node on the same database, with the same clock and key.
    pub async fn second_node(&self) -> Self {
        let server = Server::start(&self.config, self.time.clone(), Entropy::system()).await;
        Self {
            server: Some(server.expect("the second node starts")),
            config: self.config.clone(),
            clock: self.clock.clone(),
            time: self.time.clone(),
            // Names of accounts are unique in the database.
            accounts: self.accounts + 1_000,
            _directory: tempfile::tempdir().expect("a temporary directory"),
            _database: None,
        }
    }

    /// Stops the server; its data stay until the test ends.
    pub async fn stop_in_place(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Everything that is stored, as bytes: the database file, or a dump.
    pub async fn raw_data(&self) -> Vec<u8> {
        match &self.config.database_url {
            None => {
                tokio::fs::read(self.config.data_dir.join("workpoint.sqlite")).await.expect("the database")
            }
            Some(url) => database::dump(url).await,
        }
    }

    /// How often two transactions have waited for each other; never on SQLite, where they come one by one.
    pub async fn deadlocks(&self) -> u64 {
        match &self.config.database_url {
            None => 0,
            Some(url) => database::deadlocks(url).await,
        }
    }

    /// Stops the server.
    pub async fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// The running server.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// What its parts work with.
    pub fn app(&self) -> &App {
        self.server().app()
    }

    /// Its configuration, for a second node or the command line.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Port of phones in default mode.
    pub fn phone_port(&self) -> SocketAddr {
        self.server().listening().phones.expect("the port is on")
    }

    /// Port of phones in secure mode.
    pub fn secure_port(&self) -> SocketAddr {
        self.server().listening().secure.expect("the port is on")
    }

    /// Port of the API.
    pub fn api_port(&self) -> SocketAddr {
        self.server().listening().api.expect("the port is on")
    }

    /// An API client without credentials that trusts the built-in authority and nothing else.
    pub fn anonymous(&self) -> ApiClient {
        let authority = self.server().certificates().authority.certificate_pem();
        ApiClient::new(self.api_port(), &authority)
    }

    /// As [`TestServer::anonymous`], from another address of this machine, `127.0.0.<number>`.
    pub fn stranger(&self, number: u8) -> ApiClient {
        let authority = self.server().certificates().authority.certificate_pem();
        ApiClient::from_address(self.api_port(), &authority, [127, 0, 0, number].into())
    }

    /// An API client with a token of a new account that has these roles.
    pub async fn api(&mut self, roles: &[Role]) -> ApiClient {
        self.accounts += 1;
        let name = format!("tester{}", self.accounts);
        let token = self.token(&name, roles).await;
        self.anonymous().with_token(token.expose())
    }

    /// Creates an account as the command line does, with [`PASSWORD`] and a token.
    pub async fn token(&self, user_name: &str, roles: &[Role]) -> Secret {
        use workpoint::app::{accounts, password, tokens};
        let app = self.app();
        let new = accounts::NewFromCommandLine {
            user_name: user_name.to_owned(),
            roles: RoleSet::new(roles.iter().copied()),
            password: Secret::new(PASSWORD.to_owned()),
            must_change_password: false,
        };
        let policy = password::policy(&app.settings);
        accounts::create_from_command_line(&app.store, &app.clock, &app.entropy, new, policy)
            .await
            .expect("the account is created");
        let made =
            tokens::create_from_command_line(&app.store, &app.clock, &app.entropy, user_name, "test", None);
        made.await.expect("the token is created").1
    }
}

fn configuration(directory: &Path, database: Option<&TestDatabase>) -> Config {
    Config {
        data_dir: directory.to_owned(),
        database_url: database.map(TestDatabase::url),
        listen_address: [127, 0, 0, 1].into(),
        free_ports: true,
        admin_password: Some(Secret::new(PASSWORD.to_owned())),
        ..Config::default()
    }
}

/// Waits until something is so that the server does by itself, as seen from outside.
///
/// # Panics
/// When it is not so after a minute.
pub async fn wait_until(is_so: impl AsyncFn() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..3_000 {
        ticks.tick().await;
        if is_so().await {
            return;
        }
    }
    panic!("waited in vain");
}

/// A setting of the configuration.
pub fn set(config: Config, key: SettingKey, value: i64) -> Config {
    config.with(key, SettingValue::Integer(value))
}
