//! The integrated file server: what phones fetch, from addresses made for one phone each (OSEM §13.6, `wpi.md` §4.6.1).
//!
//! ```text
//! offer      makes an address, in the transaction of an order      tokens      its token and path
//! serve      what a phone gets for it                              judge       who may use it, and how long
//! answer     status, headers and body, for phones and the API      conditions  RFC 9110 §13 and §14
//! body       pieces of a file, by how quick they are taken         throttle    the bandwidth phones share
//! progress   how far each download is                              blocks      memory that readers share
//! contents   a file, wherever it is kept                           copies      copies of files of other providers
//! source     the provider of a file                                fetch       making one copy
//! outlook    whether a phone would get a file if it were sent for it now
//! way        from where phones fetch a file, or why from nowhere
//! ```
//!
//! Refuses to know what is deployed to whom and when: that is `app::deployments`.

mod answer;
mod blocks;
mod body;
mod conditions;
pub mod contents;
mod copies;
pub mod error;
mod fetch;
mod judge;
mod offer;
mod outlook;
mod progress;
mod serve;
mod source;
mod throttle;
mod tokens;
mod way;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};
use tokio::time::MissedTickBehavior;

pub use answer::answer;
pub use body::FileBody;
pub use contents::{Contents, open};
pub use error::ContentsError;
pub use offer::{FtpSource, Offer, Offered, offer};
pub use outlook::{FILE_ON_ITS_WAY, FILE_UNREACHABLE, outlook};
pub use progress::{failure, flush};
pub use serve::serve;
pub use tokens::is_file_path;
pub use way::{Entities, FILE_SERVER_OFF, Nowhere, PROVIDER_NOT_DIRECT, STORAGE_NOT_SHARED, Way, Ways};

use crate::App;
use crate::settings::Settings;
use crate::status::causes;
use crate::storage::Places;
use crate::store::{StoreResult, downloads};

/// How often downloads are written down, and what nobody needs is let go.
const ROUND: Duration = Duration::from_secs(2);

/// How long is gathered before the end of a download is written down: many end at the same time.
const GATHER: Duration = Duration::from_millis(100);

/// How long an address is remembered after its time: a job shows what was fetched by it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Addresses deleted in one transaction.
const BATCH: u64 = 500;

/// The file server of a node.
pub struct FileServer {
    open: contents::OpenFiles,
    blocks: Arc<blocks::Blocks>,
    copies: Arc<copies::Copies>,
    throttle: Arc<throttle::Throttle>,
    downloads: Arc<progress::Downloads>,
    probes: outlook::Probes,
}

impl FileServer {
    /// Takes up the copies of an earlier run.
    ///
    /// # Errors
    /// When the directory of copies cannot be read.
    pub async fn start(places: &Places, settings: &Settings, node: &str) -> io::Result<Self> {
        Ok(Self {
            open: contents::OpenFiles::default(),
            blocks: Arc::default(),
            copies: Arc::new(copies::Copies::open(&places.cache, node).await?),
            throttle: Arc::new(throttle::Throttle::new(rate(settings))),
            downloads: Arc::default(),
            probes: outlook::Probes::default(),
        })
    }

    /// Somebody looks after a provider, or tries again what has failed: phones may have it at once, and do not wait until
    /// the provider has been left alone for a moment.
    pub fn ask_again(&self) {
        self.copies.ask_again();
    }

    /// Requests of phones for content that are being answered.
    pub fn active(&self) -> usize {
        self.downloads.readers()
    }
}

/// Bytes per second that phones share; 0 is no limit.
fn rate(settings: &Settings) -> u64 {
    settings.integer(SettingKey::FileServerBandwidth).unsigned_abs().saturating_mul(1_000)
}

/// Keeps the file server in order until the node stops.
pub async fn run(app: App) {
    let server = &app.file_server;
    let mut settings = app.settings.subscribe();
    let mut ticks = tokio::time::interval(ROUND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Also what changed before anybody listened.
        server.throttle.set(rate(&app.settings));
        let ended = async {
            server.downloads.ended.notified().await;
            tokio::time::sleep(GATHER).await;
        };
        tokio::select! {
            () = app.stop.cancelled() => return,
            Ok(()) = settings.changed() => continue,
            () = ended => {}
            _ = ticks.tick() => {
                server.blocks.sweep();
                server.open.sweep();
                server.copies.trim(source::most_bytes(&app)).await;
            }
        }
        if let Err(error) = flush(&app).await {
            tracing::warn!(error = causes(&error), "the progress of downloads was not written down");
        }
    }
}

/// Forgets addresses whose time was over long ago; gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn purge(app: &App) -> StoreResult<u64> {
    let before = app.clock.now().saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let mut purged = 0;
    loop {
        let tx = app.store.begin().await?;
        let some = downloads::purge(&tx, before, BATCH).await?;
        tx.commit().await?;
        purged += some;
        if some < BATCH {
            return Ok(purged);
        }
    }
}
