//! Room for what arrives: the bytes of all uploads under way are bounded, and some of the disk stays free for the
//! database and everything else.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use api::Code;
use domain::setting::SettingKey;

use super::staging;
use super::uploads::{self, MEGABYTE};
use crate::App;
use crate::app::{AppError, AppResult};
use crate::store::{Source, file_uploads};

/// Bytes of files that are being sent whole to this node, or may become so many.
#[derive(Debug, Default)]
pub(super) struct Whole(AtomicU64);

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    whole: &'a Whole,
    bytes: u64,
}

impl Whole {
    pub(super) fn count(&self, bytes: u64) -> Counted<'_> {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Counted { whole: self, bytes }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.whole.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn megabytes(app: &App, key: SettingKey) -> u64 {
    app.settings.integer(key).unsigned_abs().saturating_mul(MEGABYTE)
}

fn full(text: &str) -> AppError {
    AppError::new(Code::StorageFull, text)
}

/// Refuses more bytes than all uploads under way may have together. What is sent whole is counted already.
///
/// # Errors
/// `storage_full`.
pub(super) async fn require_quota(app: &App, on: &impl Source, more: u64) -> AppResult<()> {
    let open = file_uploads::bytes_open(on, uploads::live_since(app)).await?;
    let whole = app.uploads.whole.0.load(Ordering::Relaxed);
    if open.saturating_add(whole).saturating_add(more) > megabytes(app, SettingKey::FilesOpenUploads) {
        return Err(full("Too much is being uploaded at the same time."));
    }
    Ok(())
}

/// Refuses bytes after which less of the disk would be free than is kept in reserve. What is sent whole is counted
/// already.
///
/// # Errors
/// `storage_full`.
pub(super) async fn require_free(app: &App, more: u64) -> AppResult<()> {
    if free(&app.places.uploads).await? < taken(app).saturating_add(more) {
        return Err(full("No room is left where files are kept."));
    }
    Ok(())
}

/// Bytes that may be written to a directory of this node before only the reserve is free, and the room for what is
/// being sent whole.
///
/// # Errors
/// When the directory cannot be asked.
pub async fn left(app: &App, directory: &Path) -> AppResult<u64> {
    Ok(free(directory).await?.saturating_sub(taken(app)))
}

/// Bytes nobody else may have.
fn taken(app: &App) -> u64 {
    let whole = app.uploads.whole.0.load(Ordering::Relaxed);
    megabytes(app, SettingKey::FilesReserve).saturating_add(whole)
}

async fn free(directory: &Path) -> AppResult<u64> {
    let path = directory.to_owned();
    // A directory of another machine may be slow to answer.
    let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&path)).await;
    let disk = asked.map_err(AppError::internal)?.map_err(|error| staging::disk(io::Error::from(error)))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
