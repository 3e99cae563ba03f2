//! The content of a stored file, wherever it is kept, to be read from any place of it.
//!
//! Files of the built-in provider are read where they are. Those of others are read from a copy on this machine
//! ([`super::copies`]), which may still be growing: then a reader waits for what has not come yet, and gets the last
//! byte it asked for only when the whole copy is there and has proved right.

use std::collections::HashMap;
use std::fs::File as Disk;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use domain::file::{FileState, ProviderKind};
use tokio::sync::watch;

use super::blocks::{BLOCK, Blocks};
use super::copies::Asker;
use super::error::ContentsError;
use super::source;
use crate::App;
use crate::app::files::{describe, home};
use crate::app::storage_providers;
use crate::storage::{Directory, Fault, StorageError};
use crate::store::files::File;

/// Pieces of at least this size keep hold of a shared block; smaller ones are copied out of it, so that a thousand slow
/// phones do not keep a thousand blocks.
const SHARED: u64 = BLOCK / 2;

/// How far a copy has grown.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    /// Bytes that are on the disk, from the beginning on.
    pub(super) written: u64,
    /// Set once nothing more comes: whether it is complete and right.
    pub(super) over: Option<Result<(), ContentsError>>,
}

/// An open file, shared by all its readers.
#[derive(Debug)]
pub(super) struct Handle {
    id: u64,
    file: Disk,
    size: u64,
    growth: Option<watch::Receiver<Growth>>,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Handle {
    /// A file that is complete.
    pub(super) fn whole(file: Disk, size: u64) -> Self {
        Self { id: next_id(), file, size, growth: None }
    }

    /// A file that grows to a size.
    pub(super) fn growing(file: Disk, size: u64, growth: watch::Receiver<Growth>) -> Self {
        Self { id: next_id(), file, size, growth: Some(growth) }
    }

    /// Unique in this process.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn file(&self) -> &Disk {
        &self.file
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Waits for bytes at `at`; gives the end of what can be read, at most `until`, and `until` itself only of a file
    /// that is complete and right.
    async fn readable(&self, at: u64, until: u64) -> Result<u64, ContentsError> {
        let Some(growth) = &self.growth else { return Ok(until) };
        let mut growth = growth.clone();
        let enough =
            |growth: &Growth| growth.over.is_some() || growth.written.min(until.saturating_sub(1)) > at;
        let now = growth.wait_for(enough).await.map_err(|_| ContentsError::GivenUp)?;
        match &now.over {
            Some(Ok(())) => Ok(until),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(now.written.min(until.saturating_sub(1))),
        }
    }

    /// Whether a whole block is on the disk.
    fn has_block(&self, number: u64) -> bool {
        let Some(growth) = &self.growth else { return true };
        let now = growth.borrow();
        matches!(now.over, Some(Ok(()))) || now.written >= ((number + 1) * BLOCK).min(self.size)
    }
}

/// Files that are open, so that all readers of one share it.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<HashMap<String, Weak<Handle>>>);

impl OpenFiles {
    fn get(&self, key: &str) -> Option<Arc<Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).and_then(Weak::upgrade)
    }

    /// Keeps a file for the next reader; gives the one that another reader was faster with.
    fn keep(&self, key: &str, handle: Handle) -> Arc<Handle> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(faster) = open.get(key).and_then(Weak::upgrade) {
            return faster;
        }
        let handle = Arc::new(handle);
        open.insert(key.to_owned(), Arc::downgrade(&handle));
        handle
    }

    /// Forgets files nobody reads.
    pub(super) fn sweep(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, handle| handle.strong_count() > 0);
    }
}

/// The content of a file, open for reading.
#[derive(Clone)]
pub struct Contents {
    handle: Arc<Handle>,
    blocks: Arc<Blocks>,
}

impl Contents {
    pub(super) fn new(handle: Arc<Handle>, blocks: &Arc<Blocks>) -> Self {
        Self { handle, blocks: Arc::clone(blocks) }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.handle.size()
    }

    /// Waits until there is something at `at`; gives the end of what one piece can be, at most `most` bytes on and at
    /// most `until`, which is the end of what is wanted in all.
    pub(super) async fn wait(&self, at: u64, most: u64, until: u64) -> Result<u64, ContentsError> {
        let readable = self.handle.readable(at, until).await?;
        let end_of_block = (at / BLOCK + 1) * BLOCK;
        Ok(readable.min(end_of_block).min(at.saturating_add(most)))
    }

    /// The bytes between two places of one block, which are there.
    pub(super) async fn piece(&self, at: u64, end: u64) -> Result<Bytes, ContentsError> {
        let (number, length) = (at / BLOCK, end.saturating_sub(at));
        if length < SHARED.min(self.size()) || !self.handle.has_block(number) {
            return self.blocks.piece(&self.handle, at, length).await;
        }
        let block = self.blocks.get(&self.handle, number).await?;
        let from = usize::try_from(at % BLOCK).unwrap_or(0);
        let to = usize::try_from(at % BLOCK + length).unwrap_or(0);
        if to > block.len() {
            return Err(ContentsError::Disk(Arc::new(std::io::ErrorKind::UnexpectedEof.into())));
        }
        Ok(block.slice(from..to))
    }

    /// Fetches a block in advance, when the file has it.
    pub(super) fn ahead(&self, at: u64) {
        let number = at / BLOCK;
        let known = self.blocks.has(&self.handle, number);
        if at >= self.size() || known || !self.handle.has_block(number) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            // Whoever needs the block meets the same failure.
            let _ = this.blocks.get(&this.handle, number).await;
        });
    }

    /// Bytes from a place on: at least one and at most `most`, none at the end.
    ///
    /// # Errors
    /// When the disk or the provider fails.
    pub async fn read_at(&self, at: u64, most: u64) -> Result<Bytes, ContentsError> {
        if at >= self.size() || most == 0 {
            return Ok(Bytes::new());
        }
        let end = self.wait(at, most, self.size()).await?;
        self.piece(at, end).await
    }
}

/// Opens the content of a file for somebody who has asked for it by hand.
///
/// # Errors
/// When its object is gone, or its provider fails before the first byte.
pub async fn open(app: &App, file: &File) -> Result<Contents, ContentsError> {
    open_for(app, file, Asker::Person).await
}

/// As [`open`], for whoever it is.
pub(super) async fn open_for(app: &App, file: &File, asker: Asker) -> Result<Contents, ContentsError> {
    let server = &app.file_server;
    let handle = match file.provider_kind {
        ProviderKind::BuiltIn if !app.home.is_here() => return Err(ContentsError::NotShared),
        ProviderKind::BuiltIn => {
            let mut opened = built_in(&server.open, &app.places.objects, &file.object_key, file.size).await;
            if opened.as_ref().is_err_and(|error| error.lost().is_some()) {
                // It says nothing of the file when the whole directory is gone, or was for a moment.
                if !home::is_still_here(app).await {
                    return Err(ContentsError::NotShared);
                }
                opened = built_in(&server.open, &app.places.objects, &file.object_key, file.size).await;
            }
            look_after(app, file, opened.as_ref().err()).await;
            opened?
        }
        ProviderKind::S3 | ProviderKind::Https => source::copy(app, file, asker).await?,
    };
    Ok(Contents::new(handle, &server.blocks))
}

/// Writes down what opening an object of the built-in provider has shown: nobody scans that one, so whether its files are
/// there is found out here.
async fn look_after(app: &App, file: &File, error: Option<&ContentsError>) {
    let is_lost = matches!(file.state, FileState::Missing | FileState::Changed);
    match error {
        None if is_lost => source::stands(app, file, describe::state(file)).await,
        None => {}
        Some(ContentsError::Disk(error)) => {
            let error = StorageError::new(Fault::ServerError, &error.to_string());
            storage_providers::note_health(app, file.provider, None, Err(&error)).await;
        }
        Some(error) => {
            if let Some(state) = error.lost() {
                source::stands(app, file, state).await;
            }
        }
    }
}

async fn built_in(
    open: &OpenFiles,
    objects: &Path,
    key: &str,
    size: u64,
) -> Result<Arc<Handle>, ContentsError> {
    if let Some(handle) = open.get(key) {
        return Ok(handle);
    }
    let path = Directory::new(objects.to_owned()).path(key)?;
    let (file, found) = open_plain(path).await?;
    if found != size {
        return Err(ContentsError::WrongContent);
    }
    Ok(open.keep(key, Handle::whole(file, size)))
}

/// Opens a plain file and nothing else, no link either; gives its size.
pub(super) async fn open_plain(path: PathBuf) -> Result<(Disk, u64), ContentsError> {
    let opened = tokio::task::spawn_blocking(move || {
        if !std::fs::symlink_metadata(&path)?.is_file() {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        let file = Disk::open(path)?;
        let size = file.metadata()?.len();
        Ok::<_, std::io::Error>((file, size))
    });
    Ok(opened.await.map_err(|_| ContentsError::GivenUp)??)
}

#[cfg(test)]
mod tests;
