//! Whether the directory of the built-in provider is the one its files are in. Nodes on one database must share it: a
//! node with a directory of its own would keep files nobody else has, and miss those of the others.
//!
//! The database and the directory have the same random mark. A node that finds another one in its directory, or none
//! though there are files, gives and takes no files of the built-in provider until the directory is the right one.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use api::Code;
use domain::notification::NotificationCode;
use jiff::SignedDuration;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::{BUILT_IN, staging, sweep};
use crate::App;
use crate::app::{AppError, AppResult};
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::storage::{Directory, Provider as _};
use crate::store::notifications::{self, Raise};
use crate::store::{Tx, files, meta, storage_providers};

/// Name of the file with the mark, beside the objects. No object begins with a dot.
const MARK: &str = ".workpoint";

/// Where the database has the mark.
const KEY: &str = "files.directory";

/// Where the database has the name of the installation, by which objects at other providers are known as its own.
const INSTALLATION: &str = "files.installation";

/// Longest mark that is read.
const LONGEST: u64 = 64;

/// A node that turns bad again within this time is not told again.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// A stable word for what is wrong, as storage errors have them.
pub const NOT_SHARED: &str = "not-shared";

/// What this node knows of its directory.
#[derive(Debug, Default)]
pub struct Home {
    /// The mark, when directory and database have the same one.
    mark: Mutex<Option<String>>,
    installation: OnceLock<String>,
}

impl Home {
    fn mark(&self) -> Option<String> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the files of the built-in provider are here.
    pub fn is_here(&self) -> bool {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What the keys of objects begin with that this installation has made at other providers.
    pub(in crate::app) fn prefix(&self) -> Option<String> {
        self.installation.get().map(|installation| format!("{}{installation}/", super::objects::OURS))
    }
}

/// The directory of this node is not the one the files are in.
fn not_shared() -> AppError {
    let text = "The directory for files of this node is not the one that the installation has its files in.";
    AppError::new(Code::ProviderFailed, text).arg("provider", "Built-in").arg("error", NOT_SHARED)
}

/// Makes sure that what is put into the directory now is where all nodes look for it.
///
/// # Errors
/// `provider_failed`.
pub(super) async fn require(app: &App, tx: &Tx) -> AppResult<()> {
    let mark = app.home.mark();
    if mark.is_some() && meta::read(tx, KEY).await? == mark {
        return Ok(());
    }
    Err(not_shared())
}

/// Looks at the directory, when the node starts and from time to time; tells administrators once it is wrong. When it
/// has become the right one, files that were found missing meanwhile are looked for.
///
/// # Errors
/// When the database refuses. A directory that cannot be read counts as the wrong one.
pub async fn look(app: &App) -> AppResult<()> {
    if refresh(app).await? {
        sweep::find_again(app).await?;
    }
    Ok(())
}

/// Whether the directory is the right one at this moment: asked before a file is called missing, because a disk of
/// another machine may be gone for a moment with all of them.
pub async fn is_still_here(app: &App) -> bool {
    if let Err(error) = refresh(app).await {
        tracing::warn!(error = causes(&error), "the directory for files could not be looked at");
        return false;
    }
    app.home.is_here()
}

/// Looks at the directory; `true` when it has become the right one.
async fn refresh(app: &App) -> AppResult<bool> {
    name(app).await?;
    let mark = match compare(app).await {
        Err(error) if error.code() == Code::Internal => {
            tracing::error!(error = causes(&error), "the directory for files could not be looked at");
            None
        }
        looked => looked?,
    };
    let is_here = mark.is_some();
    let before = {
        let mut kept = app.home.mark.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *kept, mark).is_some()
    };
    if is_here {
        if !before {
            tracing::debug!("the directory for files is the right one");
        }
        return Ok(!before);
    }
    tracing::error!(
        directory = %app.places.objects.display(),
        "this directory is not the one the installation has its files in: no files of the built-in provider are \
         given or taken here; all nodes must share one directory"
    );
    tell(app).await?;
    Ok(false)
}

async fn tell(app: &App) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let provider = storage_providers::by_id(&tx, BUILT_IN).await?.map(|provider| provider.name);
    let raise = Raise {
        at: app.clock.now(),
        code: NotificationCode::StorageProviderFailed.as_str(),
        args: &json!({ "provider": provider.unwrap_or_default(), "error": NOT_SHARED }),
        client: None,
        subject: &BUILT_IN.to_string(),
        quiet: QUIET,
    };
    let told = notifications::raise(&tx, &raise).await?.is_some();
    tx.commit().await?;
    if told {
        app.events.publish(Resource::Notifications, Change::Created, "");
    }
    Ok(())
}

/// Reads the name of the installation; gives it one the first time.
async fn name(app: &App) -> AppResult<()> {
    if app.home.installation.get().is_some() {
        return Ok(());
    }
    let name = match meta::read(&app.store, INSTALLATION).await? {
        Some(name) => name,
        None => {
            let made = hex::encode(app.entropy.bytes::<6>()?);
            let tx = app.store.begin().await?;
            meta::insert(&tx, INSTALLATION, &made).await?;
            let name = meta::read(&tx, INSTALLATION).await?.unwrap_or(made);
            tx.commit().await?;
            name
        }
    };
    // Somebody who was faster has read the same.
    let _ = app.home.installation.set(name);
    Ok(())
}

/// The mark, when directory and database have the same one; new ones are made where there is nothing to lose.
async fn compare(app: &App) -> AppResult<Option<String>> {
    let path = app.places.objects.join(MARK);
    let known = meta::read(&app.store, KEY).await?;
    let found = read(&path).await.map_err(staging::disk)?;
    if found.is_some() && found == known {
        return Ok(found);
    }
    let tx = app.store.begin().await?;
    // Another node may be at the same.
    files::lock_provider(&tx, BUILT_IN).await?;
    let known = meta::read(&tx, KEY).await?;
    let found = read(&path).await.map_err(staging::disk)?;
    let mark = match (known, found) {
        (Some(known), Some(found)) => return Ok((known == found).then_some(found)),
        // A directory that lost its database may be somebody else's; only an empty one is taken.
        (None, Some(found)) if is_empty(app).await? => found,
        (None, Some(_)) => return Ok(None),
        (Some(_), None) if files::has_any(&tx, BUILT_IN).await? => return Ok(None),
        // Nothing is lost: whoever has the old mark sees that it is not the right one any more.
        (_, None) => {
            let mark = hex::encode(app.entropy.bytes::<16>()?);
            write(&path, &mark).await.map_err(staging::disk)?;
            mark
        }
    };
    meta::set(&tx, KEY, &mark).await?;
    tx.commit().await?;
    Ok(Some(mark))
}

async fn is_empty(app: &App) -> AppResult<bool> {
    let page = Directory::new(app.places.objects.clone()).list(None).await.map_err(AppError::internal)?;
    Ok(page.objects.is_empty())
}

async fn read(path: &Path) -> io::Result<Option<String>> {
    match tokio::fs::metadata(path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if metadata.len() > LONGEST => return Ok(Some(String::new())),
        found => found?,
    };
    Ok(Some(tokio::fs::read_to_string(path).await?.trim().to_owned()))
}

async fn write(path: &Path, mark: &str) -> io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).await?;
    file.write_all(mark.as_bytes()).await?;
    file.flush().await?;
    file.sync_all().await?;
    match path.parent() {
        Some(directory) => tokio::fs::File::open(directory).await?.sync_all().await,
        None => Ok(()),
    }
}
