//! Starting and stopping a node: the one constructor, used by `main` and by every test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::Secret;
use domain::catalogue::{Catalogue, CatalogueError, MOST_OVERRIDE_BYTES};
use domain::setting::SettingKey;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::app::calling::polls::Board;
use crate::app::jobs::pulse;
use crate::app::tasks::schedule::{Schedule, ScheduleError};
use crate::app::{
    AppError, accounts, calling, contact_counts, files, scans, storage_providers, tasks, watch,
};
use crate::certificates::{CertificateError, Certificates, Workshop};
use crate::clock::{Clock, Entropy, EntropyError};
use crate::config::{Config, KeyError, load_key};
use crate::dcmp::Dcmp;
use crate::device::Device;
use crate::events::Events;
use crate::fileserver::{self, FileServer};
use crate::net::{
    BindError, CertificateStore, HttpDialect, Listener, ListenerSettings, NetLimits, NowFn, TlsProfile,
    TlsServer, TlsSetupError, Transport,
};
use crate::routes;
use crate::settings::Settings;
use crate::status::causes;
use crate::storage::Places;
use crate::store::group::GroupWriter;
use crate::store::{Store, StoreError, item_names, meta};
use crate::vault::{Vault, VaultError};

/// How often silent sessions are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Sweeps between two looks at the settings: another node may have changed them.
const RELOAD: u64 = 5;

/// Sweeps between two looks at the directory for files: it may be the right one by now, or another one.
const LOOK_AT_FILES: u64 = 60;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("could not make the data directory {}", .path.display())]
    DataDirectory {
        /// Which directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The machine gives no more threads.
    #[error("could not start the threads for the API")]
    Threads(#[source] std::io::Error),
    /// The key for secrets.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database was written with another key.
    #[error("the key for secrets does not belong to this database")]
    OtherKey(#[source] VaultError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first account.
    #[error("could not create the first account")]
    FirstAccount(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The schedule of background tasks.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The directories for files.
    #[error("could not make the directories for files")]
    FilePlaces(#[source] std::io::Error),
    /// The database, when the directory for files was compared with it.
    #[error("could not look at the directory for files")]
    FileHome(#[source] Box<AppError>),
    /// The parameter catalogue, or the file that overrides it.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The override file of the catalogue cannot be read.
    #[error("could not read {}", .path.display())]
    OverrideFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where the node listens; `None` for a port that is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// Phones in default mode.
    pub phones: Option<SocketAddr>,
    /// Phones in secure mode.
    pub secure: Option<SocketAddr>,
    /// Console and API.
    pub api: Option<SocketAddr>,
    /// Polling phones (DCMP).
    pub dcmp: Option<SocketAddr>,
}

/// A running node.
pub struct Server {
    app: App,
    listening: Listening,
    certificates: Certificates,
    first_password: Option<Secret>,
    tasks: Vec<JoinHandle<()>>,
    sweeper: JoinHandle<()>,
    pulse: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
    schedule: Schedule,
}

/// A database that is open and migrated, with the vault that belongs to it; what the command line works on.
pub struct Opened {
    /// The database.
    pub store: Store,
    /// Seals secrets.
    pub vault: Arc<Vault>,
}

/// Opens the database of a configuration, brings its schema up to date and checks the key.
///
/// # Errors
/// When the directory, the key or the database cannot be used.
pub async fn open(config: &Config, entropy: &Entropy) -> Result<Opened, StartError> {
    let path = &config.data_dir;
    create_data_dir(path).await.map_err(|source| StartError::DataDirectory { path: path.clone(), source })?;
    let key = load_key(config, entropy)?;
    let vault = Vault::new(&key).map_err(StartError::OtherKey)?;
    let store = Store::open(&config.store_options()).await?;
    store.migrate().await?;
    store.warm_up().await?;
    check_key(&store, &vault).await?;
    Ok(Opened { store, vault: Arc::new(vault) })
}

/// Makes the data directory for its owner alone: the database in it holds password hashes and the inventory.
/// An existing directory keeps its mode.
///
/// # Errors
/// When it cannot be made.
pub async fn create_data_dir(path: &Path) -> std::io::Result<()> {
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).await
}

/// File in the data directory by which an administrator maps parameters to items (D-13).
pub(crate) const OVERRIDE_FILE: &str = "parameters-override.yaml";

async fn read_catalogue(data_dir: &Path) -> Result<Catalogue, StartError> {
    let path = data_dir.join(OVERRIDE_FILE);
    let file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Catalogue::load(None)?),
        Err(source) => return Err(StartError::OverrideFile { path, source }),
    };
    let mut text = String::new();
    let most = MOST_OVERRIDE_BYTES as u64 + 1;
    let read = file.take(most).read_to_string(&mut text).await;
    read.map_err(|source| StartError::OverrideFile { path, source })?;
    Ok(Catalogue::load(Some(&text))?)
}

/// A known text sealed with the key: a database opened with another key must not go unnoticed until the
/// first secret is needed.
async fn check_key(store: &Store, vault: &Vault) -> Result<(), StartError> {
    const PLACE: &str = "key-check";
    let sealed = vault.seal(PLACE, &Secret::new("workpoint".to_owned())).map_err(StartError::OtherKey)?;
    if let Some(stored) = meta::read(store, PLACE).await? {
        return vault.open(PLACE, &stored).map(|_| ()).map_err(StartError::OtherKey);
    }
    let tx = store.begin().await?;
    meta::insert(&tx, PLACE, &sealed).await?;
    Ok(tx.commit().await?)
}

impl Server {
    /// Starts a node: database, first account, certificates, listeners.
    ///
    /// # Errors
    /// When one of them cannot be had; nothing keeps running then.
    pub async fn start(config: &Config, clock: Clock, entropy: Entropy) -> Result<Self, StartError> {
        let catalogue = Arc::new(read_catalogue(&config.data_dir).await?);
        let Opened { store, vault } = open(config, &entropy).await?;
        // Also items only the override file names: they are written before any phone reports them.
        let names: Vec<&str> = catalogue
            .parameters()
            .filter_map(|parameter| parameter.delivery.as_ref().map(|delivery| delivery.item.as_str()))
            .collect();
        item_names::resolve(&store, &names).await?;
        let settings = Settings::load(&store, config.overrides.clone()).await?;
        let node_name: [u8; 8] = entropy.bytes()?;
        let node = hex::encode(node_name);
        let places = Arc::new(Places::make(&config.data_dir).await.map_err(StartError::FilePlaces)?);
        let file_server =
            FileServer::start(&places, &settings, &node).await.map_err(StartError::FilePlaces)?;
        let file_server = Arc::new(file_server);
        let app = App {
            reports: GroupWriter::start(&store),
            store,
            settings,
            clock,
            entropy,
            vault,
            events: Events::default(),
            phones: Arc::default(),
            stop: CancellationToken::new(),
            catalogue,
            signals: Arc::default(),
            node: node.into(),
            pins: Arc::default(),
            handshake_failures: Arc::default(),
            contact_counts: Arc::default(),
            layers: Arc::default(),
            dashboard: Arc::default(),
            firmware: Arc::default(),
            places,
            file_server,
            uploads: Arc::default(),
            home: Arc::default(),
            certificates: Arc::default(),
        };
        files::home::look(&app).await.map_err(|error| StartError::FileHome(Box::new(error)))?;
        let certificates = Certificates::load(&Workshop {
            store: &app.store,
            vault: &app.vault,
            entropy: &app.entropy,
            clock: &app.clock,
            settings: &app.settings,
            data_dir: &config.data_dir,
        })
        .await?;
        // Nobody else sets it.
        let _ = app.certificates.set(certificates.clone());
        let device = Device::new(app.clone(), u64::from_be_bytes(app.entropy.bytes()?));
        let board = Arc::new(Board::default());
        let mut node = Listeners { config, app: &app, board: &board, tasks: Vec::new() };
        let listening = node.start(&certificates, &device)?;
        let tasks = node.tasks;
        // Last: its password is shown once, so nothing may fail between making and showing it.
        let first_password = accounts::ensure_first_account(&app, config.admin_password.clone())
            .await
            .map_err(|error| StartError::FirstAccount(Box::new(error)))?;
        app.phones.set_listening(true);
        let sweeper = tokio::spawn(sweep(app.clone(), device));
        let pulse = tokio::spawn(pulse::run(app.clone()));
        let schedule = Schedule::start(&app).await?;
        // A server that runs by day only must not miss its daily look for ever.
        tasks::enqueue(&app, tasks::kinds::Kind::CheckCertificates).await?;
        let background = background(&app, &board, listening.dcmp.is_some());
        Ok(Self { app, listening, certificates, first_password, tasks, sweeper, pulse, background, schedule })
    }

    /// Where it listens.
    pub fn listening(&self) -> Listening {
        self.listening
    }

    /// What its parts work with.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The certificates in use.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The one-time password of the first account, when this start created it. Returned once.
    pub fn take_first_password(&mut self) -> Option<Secret> {
        self.first_password.take()
    }

    /// Stops: no new requests, running ones are finished, the database is closed.
    pub async fn stop(self) {
        self.app.phones.set_listening(false);
        self.app.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener broke off");
            }
        }
        self.sweeper.abort();
        self.schedule.stop().await;
        for task in self.background.into_iter().chain([self.pulse]) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the node broke off");
            }
        }
        // After the last session.
        if let Err(error) = contact_counts::flush(&self.app).await {
            tracing::warn!(error = causes(&error), "the last contacts were not written down");
        }
        if let Err(error) = fileserver::flush(&self.app).await {
            tracing::warn!(error = causes(&error), "the progress of the last downloads was not written down");
        }
        self.app.store.close().await;
    }
}

/// Threads for the requests of administrators and scripts.
fn api_runtime() -> Result<tokio::runtime::Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("api")
        .enable_all()
        .build()
        .map_err(StartError::Threads)
}

/// The node's housekeeping: silent sessions, settings changed on another node.
async fn sweep(app: App, device: Device) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round: u64 = 0;
    loop {
        ticks.tick().await;
        device.sweep();
        round += 1;
        if round.is_multiple_of(RELOAD)
            && let Err(error) = app.settings.reload(&app.store).await
        {
            tracing::warn!(error = causes(&error), "the settings could not be read again");
        }
        if round.is_multiple_of(LOOK_AT_FILES)
            && let Err(error) = files::home::look(&app).await
        {
            tracing::warn!(error = causes(&error), "the directory for files could not be looked at");
        }
    }
}

/// What goes on beside requests: calling phones, telling those that poll, housekeeping.
fn background(app: &App, board: &Arc<Board>, polled: bool) -> Vec<JoinHandle<()>> {
    let mut running = vec![
        tokio::spawn(call(app.clone(), Arc::clone(board))),
        tokio::spawn(scan(app.clone())),
        tokio::spawn(storage_providers::run::run(app.clone())),
        tokio::spawn(tasks::run(app.clone())),
        tokio::spawn(watch::run(app.clone())),
        tokio::spawn(fileserver::run(app.clone())),
    ];
    if polled {
        let (app, board) = (app.clone(), Arc::clone(board));
        running.push(tokio::spawn(async move { board.keep(&app).await }));
    }
    running
}

async fn call(app: App, board: Arc<Board>) {
    if let Err(error) = calling::run(app, board).await {
        tracing::error!(error = causes(&error), "no phone is called");
    }
}

async fn scan(app: App) {
    if let Err(error) = scans::run::run(app).await {
        tracing::error!(error = causes(&error), "no network is scanned");
    }
}

struct Listeners<'a> {
    config: &'a Config,
    app: &'a App,
    board: &'a Arc<Board>,
    tasks: Vec<JoinHandle<()>>,
}

impl Listeners<'_> {
    fn start(&mut self, certificates: &Certificates, device: &Device) -> Result<Listening, StartError> {
        let phones = NetLimits {
            connections: usize::try_from(self.app.settings.integer(SettingKey::MaximumConnections))
                .unwrap_or(usize::MAX),
            idle_timeout: self.app.settings.seconds(SettingKey::KeepAliveTimeout),
            ..NetLimits::phones()
        };
        let secure =
            TlsProfile::PhoneSecure { client_roots: vec![certificates.authority.certificate_der().clone()] };
        let serve = |device: &Device| {
            let device = device.clone();
            // Boxed, so that an idle connection does not keep the room of a whole conversation.
            tower::service_fn(move |request| Box::pin(device.clone().handle(request)))
        };
        Ok(Listening {
            phones: self.listen(
                ("phones", SettingKey::DefaultModePort, phones.clone()),
                (&TlsProfile::Phone, &certificates.phones),
                serve(device),
            )?,
            secure: self.listen(
                ("phones-secure", SettingKey::SecureModePort, phones),
                (&secure, &certificates.phones),
                serve(device),
            )?,
            api: self.listen(
                ("api", SettingKey::ApiPort, NetLimits::api()),
                (&TlsProfile::Api, &certificates.console),
                routes::router(self.app.clone()),
            )?,
            dcmp: self.polls(certificates)?,
        })
    }

    /// Polls of phones: plain, because phones poll so, or over TLS when a setting says so (D-10).
    fn polls(&mut self, certificates: &Certificates) -> Result<Option<SocketAddr>, StartError> {
        let dcmp = Dcmp::new(self.app.clone(), Arc::clone(self.board));
        let service = tower::service_fn(move |request| std::future::ready(Ok(dcmp.answer(&request))));
        let place = ("dcmp", SettingKey::DcmpServerPort, NetLimits::phones());
        if self.app.settings.bool(SettingKey::DcmpServerSecureMode) {
            return self.listen(place, (&TlsProfile::Phone, &certificates.phones), service);
        }
        self.listen_with(place, Transport::Plain(HttpDialect::Phone), service)
    }

    fn now(&self) -> NowFn {
        let clock = self.app.clock.clone();
        Arc::new(move || clock.now())
    }

    fn listen<S: crate::net::HttpService>(
        &mut self,
        place: (&str, SettingKey, NetLimits),
        (profile, certificate): (&TlsProfile, &Arc<CertificateStore>),
        service: S,
    ) -> Result<Option<SocketAddr>, StartError> {
        let tls = TlsServer::new(profile, Arc::clone(certificate), self.now())?;
        self.listen_with(place, Transport::Tls(Arc::new(tls)), service)
    }

    fn listen_with<S: crate::net::HttpService>(
        &mut self,
        (name, port, limits): (&str, SettingKey, NetLimits),
        transport: Transport,
        service: S,
    ) -> Result<Option<SocketAddr>, StartError> {
        let own_threads = port == SettingKey::ApiPort;
        let Some(port) = self.port(port) else { return Ok(None) };
        let now = self.now();
        // After a power cut thousands of handshakes wait for their turn on the shared threads; an administrator
        // is not to wait behind them.
        let runtime = own_threads.then(api_runtime).transpose()?;
        let entered = runtime.as_ref().map(tokio::runtime::Runtime::enter);
        let listener = Listener::bind(ListenerSettings {
            name: name.into(),
            address: SocketAddr::new(self.config.listen_address, port),
            transport,
            limits,
            now,
            failures: Arc::clone(&self.app.handshake_failures),
        })?;
        drop(entered);
        let address = listener.local_addr();
        let stop = self.app.stop.clone();
        let serving = async move {
            let drained = listener.serve(service, stop).await;
            if drained.cut_off > 0 {
                tracing::warn!(cut_off = drained.cut_off, "connections were cut off while stopping");
            }
        };
        self.tasks.push(match runtime {
            Some(runtime) => {
                // Not one of the shared runtime's blocking threads, which are waited for when it is dropped. Is
                // it dropped instead of stopped, the receiver goes with it, and the API ends where it stands.
                let (mut done, wait) = tokio::sync::oneshot::channel::<()>();
                let thread = std::thread::Builder::new().name("api".to_owned());
                thread
                    .spawn(move || {
                        runtime.block_on(async {
                            tokio::select! {
                                () = serving => {}
                                () = done.closed() => {}
                            }
                        });
                        runtime.shutdown_background();
                    })
                    .map_err(StartError::Threads)?;
                // The sender is dropped when all is served.
                tokio::spawn(async move { wait.await.unwrap_or(()) })
            }
            None => tokio::spawn(serving),
        });
        Ok(Some(address))
    }

    /// The port of a setting; 0 is off, unless the configuration asks for free ports.
    fn port(&self, key: SettingKey) -> Option<u16> {
        if self.config.free_ports {
            return Some(0);
        }
        let port = u16::try_from(self.app.settings.integer(key)).unwrap_or(0);
        (port != 0).then_some(port)
    }
}
