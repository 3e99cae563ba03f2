//! The only place with SQL: SQLite and PostgreSQL through sea-orm, one file per aggregate.
//!
//! Reading functions take anything that can be asked ([`Source`]): the store, or an open transaction.
//! Changes take a [`Tx`], so that a change, its audit record and its jobs are committed together. Phone
//! reports go through [`group`], which commits many of them at once (`landscape.md` B2: worth 8–10 times).
//!
//! Row types stay inside; functions return domain types. "Not found" is `Ok(None)`.

pub mod accounts;
pub mod audit;
pub mod audit_names;
pub mod call_queue;
pub mod calls;
pub mod challenges;
pub mod client_counts;
pub mod client_fields;
pub mod client_filter;
pub mod client_firmware;
pub mod client_list;
pub mod clients;
pub mod contact_counts;
pub mod deployments;
pub mod desired;
pub mod diffs;
pub mod downloads;
pub mod drift;
pub mod error;
pub mod file_history;
pub mod file_list;
pub mod file_offers;
pub mod file_uploads;
pub mod files;
pub mod firmware;
pub mod fleet;
pub mod full_reads;
pub mod group;
pub mod group_counts;
pub mod group_filter;
pub mod groups;
pub mod idempotency;
pub mod item_names;
pub mod items;
pub mod job_list;
pub mod job_targets;
pub mod jobs;
pub mod layers;
pub mod meta;
pub mod notifications;
pub mod onboarding;
pub mod plans;
pub mod prepared;
pub mod provider_scans;
pub mod refusals;
pub mod replaced;
pub mod revisions;
pub mod scan_clients;
pub mod scan_findings;
pub mod scans;
pub mod second_factors;
pub mod secret_writes;
pub mod sessions;
pub mod settings;
pub mod standing;
pub mod storage_providers;
pub mod tasks;
pub mod template_files;
pub mod templates;
pub mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use error::Attempt;
pub use error::{StoreError, StoreResult};

/// Where the database is and how it is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Connections for reading (SQLite) or for everything (PostgreSQL).
    pub connections: u32,
}

/// The database.
#[derive(Clone)]
pub struct Store {
    /// SQLite: the single writing connection. PostgreSQL: the pool, same as `reader`.
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    backend: DbBackend,
    names: Arc<item_names::ItemNames>,
    totals: Arc<client_list::Totals>,
    diffs: Arc<diffs::Kept>,
}

/// An open write transaction; dropped without [`Tx::commit`] it is rolled back.
pub struct Tx {
    inner: DatabaseTransaction,
    backend: DbBackend,
    names: Arc<item_names::ItemNames>,
    diffs: Arc<diffs::Kept>,
    /// Set once this transaction has stored a diff: its number is worth nothing should it be rolled back.
    new_diffs: AtomicBool,
    /// What it says of itself in the audit table.
    audit: tokio::sync::Mutex<audit::Records>,
}

/// Something that can be asked: the store (its reading side) or an open transaction.
pub trait Source: sealed::Connection + Send + Sync {}
impl Source for Store {}
impl Source for Tx {}

mod sealed {
    /// Gives the connection to the store's own files only.
    pub trait Connection {
        type Inner: sea_orm::ConnectionTrait;
        fn connection(&self) -> &Self::Inner;
        /// Diffs read before, and whether what is read now may be kept with them.
        fn diffs(&self) -> (&super::diffs::Kept, bool);
    }
}

impl sealed::Connection for Store {
    type Inner = DatabaseConnection;

    fn connection(&self) -> &DatabaseConnection {
        &self.reader
    }

    fn diffs(&self) -> (&diffs::Kept, bool) {
        (&self.diffs, true)
    }
}

impl sealed::Connection for Tx {
    type Inner = DatabaseTransaction;

    fn connection(&self) -> &DatabaseTransaction {
        &self.inner
    }

    fn diffs(&self) -> (&diffs::Kept, bool) {
        (&self.diffs, !self.new_diffs.load(Ordering::Relaxed))
    }
}

impl Store {
    /// Opens the database. The schema is not touched: see [`Store::migrate`].
    ///
    /// # Errors
    /// When the address is not understood or the database cannot be reached.
    pub async fn open(options: &StoreOptions) -> StoreResult<Self> {
        let attempt = "open the database";
        if options.url.starts_with("sqlite:") {
            // One connection writes, so that writers queue in the program and never meet SQLITE_BUSY.
            let writer = Database::connect(sqlite_options(&options.url, 1)).await.attempt(attempt)?;
            let reader = Database::connect(sqlite_options(&options.url, options.connections))
                .await
                .attempt(attempt)?;
            Ok(Self::new(writer, reader, DbBackend::Sqlite))
        } else if options.url.starts_with("postgres:") || options.url.starts_with("postgresql:") {
            let mut connect = ConnectOptions::new(&options.url);
            connect
                .max_connections(options.connections.max(4))
                .acquire_timeout(Duration::from_secs(30))
                .set_application_name("workpoint")
                .sqlx_logging(false);
            let pool = Database::connect(connect).await.attempt(attempt)?;
            Ok(Self::new(pool.clone(), pool, DbBackend::Postgres))
        } else {
            Err(StoreError::Address)
        }
    }

    fn new(writer: DatabaseConnection, reader: DatabaseConnection, backend: DbBackend) -> Self {
        Self { writer, reader, backend, names: Arc::default(), totals: Arc::default(), diffs: Arc::default() }
    }

    /// Loads what is kept in memory; once after the schema is up to date. Every item of the item table has a
    /// number then: desired values refer to items no phone has reported yet.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn warm_up(&self) -> StoreResult<()> {
        item_names::load(self).await?;
        let mut names: Vec<&str> = domain::item::all().map(|item| item.name).collect();
        names.sort_unstable();
        item_names::resolve(self, &names).await.map(|_| ())
    }

    /// Brings the schema up to date; safe to run again and from several nodes.
    ///
    /// # Errors
    /// When a migration fails, or when the schema is newer than this program.
    pub async fn migrate(&self) -> StoreResult<()> {
        let attempt = "bring the database schema up to date";
        if self.backend == DbBackend::Postgres {
            // Two nodes starting together must not run the same migration twice.
            let tx = self.begin().await?;
            tx.inner.execute_unprepared("SELECT pg_advisory_xact_lock(8418443)").await.attempt(attempt)?;
            Migrator::up(&tx.inner, None).await.attempt(attempt)?;
            return tx.commit().await;
        }
        Migrator::up(&self.writer, None).await.attempt(attempt)
    }

    /// Number of migrations this program has and the database has not.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn pending_migrations(&self) -> StoreResult<usize> {
        let pending =
            Migrator::get_pending_migrations(&self.writer).await.attempt("compare the database schema")?;
        Ok(pending.len())
    }

    /// Starts a write transaction. On SQLite it takes the write lock at once, because a transaction that
    /// reads first and writes later is refused without waiting.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(&self) -> StoreResult<Tx> {
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.backend == DbBackend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = self.writer.begin_with_options(options).await.attempt("start a transaction")?;
        let names = Arc::clone(&self.names);
        Ok(Tx {
            inner,
            backend: self.backend,
            names,
            diffs: Arc::clone(&self.diffs),
            new_diffs: AtomicBool::new(false),
            audit: tokio::sync::Mutex::default(),
        })
    }

    /// Answers whether the database can be asked.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn ping(&self) -> StoreResult<()> {
        self.reader.execute_unprepared("SELECT 1").await.attempt("reach the database").map(|_| ())
    }

    /// `sqlite` or `postgres`, for display.
    pub fn backend_name(&self) -> &'static str {
        if self.backend == DbBackend::Postgres { "postgres" } else { "sqlite" }
    }

    /// Closes the connections; on SQLite this folds the write-ahead log into the database file.
    pub async fn close(&self) {
        for connection in [self.reader.clone(), self.writer.clone()] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "closing the database failed");
            }
        }
    }
}

impl Tx {
    /// Makes the changes durable (D-39).
    ///
    /// # Errors
    /// When the database refuses; nothing of the transaction is kept then.
    pub async fn commit(self) -> StoreResult<()> {
        audit::close(&self).await?;
        self.inner.commit().await.attempt("commit a transaction")
    }

    /// Whether other nodes may work on the same database at this moment.
    pub fn is_shared(&self) -> bool {
        self.is_postgres()
    }

    fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }
}

fn sqlite_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| {
            options
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(30))
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                // Negative: KiB. Enough for the upper levels of the trees at 100,000 clients.
                .pragma("cache_size", "-16384")
                .pragma("wal_autocheckpoint", "4000")
                .pragma("temp_store", "MEMORY")
        });
    options
}
