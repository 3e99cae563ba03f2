//! Files of other storage providers: copies of them for phones.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::file::FileState;
use domain::setting::SettingKey;

use super::contents::Handle;
use super::copies::{Asker, Wanted};
use super::error::ContentsError;
use super::fetch::{Incoming, Origin};
use crate::App;
use crate::app::files::room;
use crate::app::storage_providers;
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::storage::{Provider as _, StorageError};
use crate::store::StoreResult;
use crate::store::downloads::{self, Content};
use crate::store::files::File;

/// Bytes that copies may take on this node.
pub(super) fn most_bytes(app: &App) -> u64 {
    app.settings.integer(SettingKey::FilesCacheSize).unsigned_abs().saturating_mul(1_000_000)
}

/// A copy of a file of another provider, complete or growing.
pub(super) async fn copy(app: &App, file: &File, asker: Asker) -> Result<Arc<Handle>, ContentsError> {
    let origin = FromProvider { app: app.clone(), file: file.clone(), revision: AtomicI64::new(0) };
    app.file_server.copies.get(&Wanted::of(file), origin, asker, most_bytes(app)).await
}

/// The object of a file at its storage provider.
struct FromProvider {
    app: App,
    file: File,
    /// Which revision of the provider was asked; 0 when none was.
    revision: AtomicI64,
}

impl Origin for FromProvider {
    async fn read(&self, from: u64, tag: Option<&str>) -> Result<Incoming, ContentsError> {
        let opened = storage_providers::open(&self.app, &self.app.store, self.file.provider).await;
        let (provider, storage) = opened.map_err(|error| ContentsError::Closed(causes(&error)))?;
        self.revision.store(provider.revision, Ordering::Relaxed);
        if provider.place() != self.file.provider_place {
            return Err(ContentsError::WrongContent);
        }
        let range = (from > 0).then_some(from..self.file.size);
        let reading = storage.read(&self.file.object_key, range, tag).await?;
        Ok(Incoming { size: reading.size, tag: reading.tag, bytes: reading.bytes })
    }

    async fn room(&self) -> Result<u64, ContentsError> {
        let left = room::left(&self.app, &self.app.places.cache).await;
        left.map_err(|error| ContentsError::Disk(Arc::new(std::io::Error::other(causes(&error)))))
    }

    async fn over(&self, outcome: Result<&str, &ContentsError>) {
        match outcome {
            Ok(sha256) => {
                self.note_health(Ok(())).await;
                if self.file.sha256.is_none()
                    && let Err(error) = self.learn(sha256).await
                {
                    tracing::warn!(error = causes(&error), "the hash of a file was not noted");
                }
            }
            Err(error) => {
                tracing::warn!(
                    provider = self.file.provider.0,
                    error = causes(error),
                    "a file could not be fetched from its storage provider"
                );
                if let Some(error) = error.provider_error() {
                    self.note_health(Err(error)).await;
                }
                if let Some(state) = error.lost() {
                    stands(&self.app, &self.file, state).await;
                }
            }
        }
    }
}

impl FromProvider {
    /// Notes how the provider did that was asked, unless it has been changed meanwhile.
    async fn note_health(&self, result: Result<(), &StorageError>) {
        let revision = Some(self.revision.load(Ordering::Relaxed)).filter(|revision| *revision > 0);
        storage_providers::note_health(&self.app, self.file.provider, revision, result).await;
    }

    async fn learn(&self, sha256: &str) -> StoreResult<()> {
        let tx = self.app.store.begin().await?;
        let learned = downloads::learn_hash(&tx, Content::of(&self.file), sha256).await?;
        tx.commit().await?;
        for file in learned {
            self.app.events.publish(Resource::Files, Change::Updated, file);
        }
        Ok(())
    }
}

/// Writes down where the files of an object stand by what was found of it: the list of files shows it, and nobody plans
/// with them. What cannot be written down now is found again. Not to be called with a transaction open.
pub(super) async fn stands(app: &App, file: &File, state: FileState) {
    let from: &[FileState] = match state {
        FileState::Missing => &[FileState::Ready, FileState::Incomplete, FileState::Changed],
        FileState::Changed => &[FileState::Ready, FileState::Incomplete],
        FileState::Ready | FileState::Incomplete => &[FileState::Missing, FileState::Changed],
    };
    let noted = async {
        let tx = app.store.begin().await?;
        let noted = downloads::set_state(&tx, Content::of(file), from, state, app.clock.now()).await?;
        tx.commit().await?;
        StoreResult::Ok(noted)
    };
    match noted.await {
        Ok(files) => {
            for file in files {
                app.events.publish(Resource::Files, Change::Updated, file);
            }
        }
        Err(error) => tracing::warn!(error = causes(&error), "where a file stands was not written down"),
    }
}
