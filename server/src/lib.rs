//! Workpoint: provisioning server for enterprise desk phones.
//!
//! [`App`] is what every part works with; [`Server::start`] is the one constructor, used by `main` and by
//! every test. Reading order: `routes.rs` (who may call what), `http/` and `device/` (handlers), `app/`
//! (use cases), `store/` (SQL). See `docs/ARCHITECTURE.md`.

pub mod app;
pub mod certificates;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod dcmp;
pub mod device;
pub mod events;
pub mod fileserver;
pub mod http;
pub mod net;
pub mod routes;
mod server;
pub mod settings;
pub mod signals;
pub mod status;
pub mod storage;
pub mod store;
pub mod vault;

use std::sync::Arc;

pub use server::{Listening, Opened, Server, StartError, create_data_dir, open};

/// Everything a use case may need; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub store: store::Store,
    /// Commits many phone reports at once.
    pub reports: store::group::GroupWriter,
    /// The settings registry.
    pub settings: settings::Settings,
    /// The time.
    pub clock: clock::Clock,
    /// Randomness.
    pub entropy: clock::Entropy,
    /// Seals secrets.
    pub vault: Arc<vault::Vault>,
    /// Tells who listens what changed.
    pub events: events::Events,
    /// Live figures of the device side.
    pub phones: Arc<status::PhoneStatus>,
    /// Cancelled when the node stops: what waits for ever must end then.
    pub stop: tokio_util::sync::CancellationToken,
    /// The parameter catalogue.
    pub catalogue: Arc<domain::catalogue::Catalogue>,
    /// Wake-ups between the parts of the node.
    pub signals: Arc<signals::Signals>,
    /// Name of this run of this node: it owns what it has under way.
    pub node: Arc<str>,
    /// Wrong deployment PINs.
    pub pins: Arc<app::contacts::pins::PinGuesses>,
    /// Diagnosis of failed TLS handshakes of phones.
    pub handshake_failures: Arc<net::HandshakeFailures>,
    /// Contacts of phones that are counted and not written down yet.
    pub contact_counts: Arc<app::contact_counts::ContactCounts>,
    /// Templates, groups and fields as they were read last.
    pub layers: Arc<app::layers::Kept>,
    /// Figures of the welcome page, kept for a moment.
    pub dashboard: Arc<app::dashboard::Kept>,
    /// Counts of the firmware page, kept for a moment.
    pub firmware: Arc<app::firmware::Kept>,
    /// Directories in which files are kept.
    pub places: Arc<storage::Places>,
    /// Gives files to phones.
    pub file_server: Arc<fileserver::FileServer>,
    /// Whose turn it is at uploads and other things of files that only one may do at a time.
    pub uploads: Arc<app::files::Turns>,
    /// Whether the directory for files is the one the installation has its files in.
    pub home: Arc<app::files::home::Home>,
    /// Certificates in use, once they are loaded.
    pub certificates: Arc<std::sync::OnceLock<certificates::Certificates>>,
}
