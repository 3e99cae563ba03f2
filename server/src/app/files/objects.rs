//! Objects of the built-in provider, and those this server has made at other ones. Adding a row for an object and
//! deleting an object nobody needs exclude each other: both hold the row of the provider (`store::files::lock_provider`).

use std::io;
use std::path::Path;
use std::time::Duration;

use domain::ProviderId;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::BUILT_IN;
use crate::App;
use crate::app::{AppResult, storage_providers};
use crate::status::causes;
use crate::storage::{Fault, Places, Provider as _};
use crate::store::files as rows;
use crate::store::storage_providers::Provider;

/// What the keys of objects begin with that servers like this one have made at other providers.
pub(in crate::app) const OURS: &str = "workpoint/";

/// How long an object is kept that no file has. The row of a deleted file and its object go together, so what is left over
/// is rare: a server was killed at the wrong moment, or a provider failed. Or an older backup of the database was restored
/// that does not know what was uploaded after it was made, and then the objects are all that is left of these files: time
/// to notice it, and to take them up again by uploading the same content.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whether an object that no file has may be deleted, by when it was written. One of which that is not known is kept.
pub(in crate::app) fn is_left_over(app: &App, modified: Option<Timestamp>) -> bool {
    modified.is_some_and(|modified| app.clock.now().duration_since(modified) >= KEPT)
}

/// Longest time for deleting an object of another provider: files of the same content that come to it wait meanwhile, and on other nodes all files.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the keys of objects begin with that were uploaded to a provider. Several installations may use the same bucket,
/// and so may several providers of one: nothing else is ever deleted there. `None` for a provider nothing is uploaded to.
pub(in crate::app) fn own_prefix(app: &App, provider: &Provider) -> Option<String> {
    let prefix = app.home.prefix().filter(|_| !provider.folder.is_empty())?;
    Some(format!("{prefix}{}/", provider.folder))
}

/// The folder of the provider to which this installation has uploaded an object; `None` of objects of others.
pub(in crate::app) fn folder_of<'key>(app: &App, key: &'key str) -> Option<&'key str> {
    let prefix = app.home.prefix()?;
    key.strip_prefix(prefix.as_str())?.split_once('/').map(|(folder, _)| folder)
}

/// The key of an object that is made at another provider.
pub(super) fn remote_key(app: &App, provider: &Provider, sha256: &str, name: &str) -> AppResult<String> {
    let prefix = own_prefix(app, provider).ok_or_else(super::take::no_provider)?;
    Ok(format!("{prefix}{}/{name}", content_of(sha256)))
}

/// Which content the object of a key has that servers like this one have made: the beginning of its hash. The key may be
/// the hash itself, as with the built-in provider.
pub(super) fn content_of(key: &str) -> &str {
    let hash = key.rsplit('/').nth(1).unwrap_or(key);
    hash.get(..16).unwrap_or(hash)
}

/// Puts a complete file among the objects of the built-in provider before the transaction that makes its row: a disk of
/// another machine may take its time. Whether it is still there is asked inside, by [`place`], which also does what has not
/// been done here.
pub(super) async fn place_early(places: &Places, sha256: &str, staged: &Path) -> io::Result<()> {
    let object = places.objects.join(sha256);
    if let Err(error) = tokio::fs::hard_link(staged, &object).await
        && error.kind() == io::ErrorKind::StorageFull
    {
        return Err(error);
    }
    // Also when it is there already: whoever has made it may not be done with the directory.
    settle(places).await
}

/// The name of a file is durable when its directory is (fsync(2)).
async fn settle(places: &Places) -> io::Result<()> {
    tokio::fs::File::open(&places.objects).await?.sync_all().await
}

/// Puts a complete file among the objects of the built-in provider, under the hash of its content. The file itself
/// stays where the system has hard links, so that nothing is lost when the transaction around this breaks off.
pub(super) async fn place(places: &Places, sha256: &str, staged: &Path, size: u64) -> io::Result<()> {
    let object = places.objects.join(sha256);
    match tokio::fs::hard_link(staged, &object).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if tokio::fs::metadata(&object).await?.len() == size {
                return Ok(());
            }
            // Damaged, by whatever; what has just been checked takes its place.
            tokio::fs::rename(staged, &object).await?;
        }
        Err(error) if error.kind() == io::ErrorKind::StorageFull => return Err(error),
        Err(_) => tokio::fs::rename(staged, &object).await?,
    }
    settle(places).await
}

/// Deletes an object of a file that was deleted, unless another file has it. What goes wrong is logged: the file is
/// gone all the same, and the object goes with the daily sweep or with a scan of its provider, once it is old enough.
pub(super) async fn release(app: &App, provider: ProviderId, key: String) {
    if provider == BUILT_IN {
        if let Err(error) = release_built_in(app, &key).await {
            tracing::warn!(error = causes(&error), "an object that nobody needs was not deleted");
        }
        return;
    }
    if !key.starts_with(OURS) {
        return;
    }
    // The other server may be slow; nobody waits for it.
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = release_remote(&app, provider, &key).await {
            tracing::warn!(
                provider = provider.0,
                error = causes(&error),
                "an object that nobody needs was not deleted at its provider"
            );
        }
    });
}

/// Deletes an object of the built-in provider that no file has; `true` when it was there and is gone.
pub(super) async fn release_built_in(app: &App, key: &str) -> AppResult<bool> {
    if !app.home.is_here() {
        // What lies there may be another installation's; a node with the right directory sweeps it up.
        return Ok(false);
    }
    // Uploads of the same that are under way on this node must have made their rows.
    let _alone = app.uploads.alone(BUILT_IN, content_of(key)).await;
    let tx = app.store.begin().await?;
    rows::lock_provider(&tx, BUILT_IN).await?;
    if rows::objects_in_use(&tx, BUILT_IN, &[key.to_owned()]).await?.contains(key) {
        return Ok(false);
    }
    // It keeps other nodes away. Where there are none, nobody must wait for a slow disk to write anything at all.
    let is_shared = tx.is_shared();
    let held = is_shared.then_some(tx);
    let done = tokio::fs::remove_file(app.places.objects.join(key)).await;
    drop(held);
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(super::staging::disk(error)),
    }
}

/// Deletes an object that was uploaded to another provider and that no file has; `true` when it is gone.
pub(in crate::app) async fn release_remote(app: &App, provider: ProviderId, key: &str) -> AppResult<bool> {
    // Uploads of the same that are under way on this node must have made their rows.
    let _alone = app.uploads.alone(provider, content_of(key)).await;
    let (row, storage) = storage_providers::open(app, &app.store, provider).await?;
    if !own_prefix(app, &row).is_some_and(|own| key.starts_with(&own)) {
        return Ok(false);
    }
    let tx = app.store.begin().await?;
    if !rows::lock_provider(&tx, provider).await? || rows::has_key_anywhere(&tx, key).await? {
        return Ok(false);
    }
    // It keeps other nodes away. Where there are none, nobody must wait for another server to write anything at all.
    let is_shared = tx.is_shared();
    let held = is_shared.then_some(tx);
    let done = timeout(PATIENCE, storage.delete(key)).await.unwrap_or_else(|_| Err(Fault::TimedOut.into()));
    drop(held);
    storage_providers::note_health(app, provider, Some(row.revision), done.as_ref().map(|_| ())).await;
    done.map_err(|error| storage_providers::failed(&error, &row.name))?;
    Ok(true)
}
