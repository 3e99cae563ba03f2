//! What nobody needs any more is cleared up once a day: uploads that were given up, their bytes, and objects of the
//! built-in provider that no file has, as they are left when a server is killed at the wrong moment.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use super::{BUILT_IN, objects, staging, uploads};
use crate::App;
use crate::app::AppResult;
use crate::fileserver::contents;
use crate::status::causes;
use crate::storage::{Directory, Fault, Provider as _, StorageError};
use crate::store::{StoreResult, file_uploads, files};

/// Age from which bytes are cleared up that never became an object: what is being written is never that old without a lock.
const OLD: SignedDuration = SignedDuration::from_hours(1);

/// Uploads forgotten in one transaction.
const BATCH: u64 = 500;

/// Clears up; gives the number of things that went.
///
/// # Errors
/// When the database refuses. What goes wrong with the disk is logged, and tried again the next day.
pub async fn run(app: &App) -> StoreResult<u64> {
    let mut gone = 0;
    loop {
        let forgotten = uploads::forget_expired(app, BATCH).await?;
        gone += forgotten;
        if forgotten < BATCH {
            break;
        }
    }
    let open = file_uploads::open(&app.store).await?;
    let needed = |name: &str| staging::upload_of(name).is_some_and(|id| open.contains(&id));
    let old = app.clock.now().checked_sub(OLD).unwrap_or(Timestamp::MIN);
    match clear(old, &app.places.uploads, needed).await {
        Ok(number) => gone += number,
        Err(error) => tracing::warn!(%error, "uploads that were given up could not be cleared up"),
    }
    if !app.home.is_here() {
        // What lies there may be another installation's.
        return Ok(gone);
    }
    find_again(app).await?;
    match clear_objects(app).await {
        Ok(number) => gone += number,
        Err(error) => tracing::warn!(error = causes(&error), "objects could not be cleared up"),
    }
    Ok(gone)
}

fn is_before(old: Timestamp, modified: SystemTime) -> bool {
    Timestamp::try_from(modified).is_ok_and(|modified| modified < old)
}

/// Looks for the files of the built-in provider that were found missing or changed; those that are there again are
/// deployed again. Nobody scans that provider.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn find_again(app: &App) -> StoreResult<()> {
    for file in files::lost(&app.store, BUILT_IN).await? {
        let object = tokio::fs::metadata(app.places.objects.join(&file.object_key)).await;
        if object.is_ok_and(|object| object.len() == file.size) {
            // Whoever opens it writes down that it is there.
            let _ = contents::open(app, &file).await;
        }
    }
    Ok(())
}

/// Removes files of a directory from before `old` that nobody needs and nobody is writing.
async fn clear(old: Timestamp, directory: &Path, needed: impl Fn(&str) -> bool) -> io::Result<u64> {
    let mut gone = 0;
    let mut entries = tokio::fs::read_dir(directory).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name: OsString = entry.file_name();
        if name.to_str().is_some_and(&needed) {
            continue;
        }
        let about = match entry.metadata().await {
            // Its upload has just come to its end.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            about => about?,
        };
        if !is_before(old, about.modified()?) {
            continue;
        }
        match staging::remove_idle(&entry.path()).await {
            Ok(is_gone) => gone += u64::from(is_gone),
            Err(error) => tracing::warn!(%error, "an upload that was given up was not removed"),
        }
    }
    Ok(gone)
}

/// Deletes objects of the built-in provider that no file has, once they are old enough.
async fn clear_objects(app: &App) -> AppResult<u64> {
    let directory = Directory::new(app.places.objects.clone());
    let old = app.clock.now().checked_sub(OLD).unwrap_or(Timestamp::MIN);
    let failed = |error: StorageError| match error.fault() {
        Fault::Full => crate::app::AppError::internal(io::Error::from(io::ErrorKind::StorageFull)),
        _ => crate::app::AppError::internal(error),
    };
    directory.remove_unfinished(old).await.map_err(failed)?;
    let mut gone = 0;
    let mut after = None;
    loop {
        let page = directory.list(after.as_deref()).await.map_err(failed)?;
        let old = page.objects.into_iter().filter(|object| objects::is_left_over(app, object.modified));
        let keys: Vec<String> = old.map(|object| object.key).collect();
        let used = files::objects_in_use(&app.store, BUILT_IN, &keys).await?;
        for key in keys.iter().filter(|key| !used.contains(*key)) {
            // Asks once more, with everybody kept away who might take the object up.
            gone += u64::from(objects::release_built_in(app, key).await?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::clear;
    use jiff::Timestamp;
    use std::cell::Cell;

    #[tokio::test]
    async fn what_vanishes_meanwhile_keeps_nothing_else_from_being_cleared_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let names: Vec<String> = (0..20).map(|number| format!("{number}.part")).collect();
        for name in &names {
            tokio::fs::write(path(name), b"x").await.unwrap();
        }
        // All but the last one that is come by go while the first one is looked at.
        let seen = Cell::new(0);
        let needed = |name: &str| {
            seen.set(seen.get() + 1);
            if seen.get() == 1 {
                for other in names.iter().filter(|other| *other != name) {
                    std::fs::remove_file(path(other)).unwrap();
                }
            }
            false
        };
        assert_eq!(clear(Timestamp::MAX, directory.path(), needed).await.unwrap(), 1);
        assert!(seen.get() > 1, "others were in the list already");
        assert!(directory.path().read_dir().unwrap().next().is_none());
    }
}
