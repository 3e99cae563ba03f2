//! One scan of a storage provider for files: its list is gone through, and of what is new or changed the beginning and the
//! end are read, which say what it is; all of it where they do not and its name says firmware. Nothing is kept of the
//! content.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::file::{FileFacts, FileState, ProviderScanState, clean_name};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::super::error::AppError;
use super::super::files::adopt::{Adopted, Found, adopt};
use super::super::files::uploads::largest;
use super::super::files::{describe, objects};
use super::run::{LOOK, lease};
use super::{check, open};
use crate::App;
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::storage::{Fault, Object, Page, Provider as _, Storage, StorageError};
use crate::store::audit::{Actor, NewRecord};
use crate::store::provider_scans::{self as rows, Known};
use crate::store::storage_providers::{self as providers, Progress, Provider};
use crate::store::{StoreError, StoreResult, Tx, audit, files};

/// Most objects of a provider that are looked at.
const MOST_OBJECTS: usize = 20_000;

/// Most pages of a list: a page may be empty though others follow.
const MOST_PAGES: usize = 2_000;

/// Objects taken in by one transaction.
const BATCH: usize = 50;

/// Objects read at the same time.
const AT_ONCE: usize = 8;

/// Looks after which the lease is renewed.
const RENEW: u32 = 20;

/// Longest time for reading all of an object. One whose beginning and end say what it is needs none of it.
const LONGEST_SEARCH: Duration = Duration::from_secs(10 * 60);

/// Waits between the tries of what failed for a reason that may pass.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Why a scan broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// The provider failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed: the scan is left to another try.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret cannot be opened.
    #[error("opening the secret of a storage provider")]
    Secret(#[source] AppError),
    /// Somebody stopped it, another node has it, or the provider is gone.
    #[error("not this node's any more")]
    Lost,
}

/// What was found out of an object.
enum Looked {
    /// It is as it was.
    Known,
    /// It is no file for phones; or it is gone, or changed while it was read, which the next scan will see.
    Skipped,
    /// It is new or changed.
    Found(Found),
}

struct Walk<'a> {
    app: &'a App,
    provider: &'a Provider,
    storage: Storage,
    known: HashMap<String, Known>,
    seen: HashSet<String>,
    /// Of all providers there are: another one may be the same bucket.
    folders: HashSet<String>,
    progress: Progress,
}

/// Works on a scan that was taken, until it is over, stopped, or the node stops.
pub(super) async fn walk(app: App, provider: Provider) {
    let id = provider.id;
    let done = tokio::select! {
        biased;
        () = app.stop.cancelled() => Err(Broken::Lost),
        lost = watch(&app, &provider) => Err(lost),
        done = scan(&app, &provider) => done,
    };
    let ended = match done {
        Ok(progress) => {
            tracing::info!(provider = provider.name, seen = progress.seen, "a storage provider was scanned");
            check::note(&app, id, Some(provider.revision), Ok(())).await
        }
        Err(Broken::Storage(error)) => failed(&app, &provider, &error).await,
        Err(error @ Broken::Secret(_)) => {
            tracing::error!(provider = provider.name, error = causes(&error), "a scan for files failed");
            end(&app, &provider, ProviderScanState::Failed).await.map(|_| ())
        }
        Err(Broken::Store(error)) => {
            tracing::error!(provider = provider.name, error = causes(&error), "a scan for files broke off");
            release(&app, &provider).await
        }
        Err(Broken::Lost) => release(&app, &provider).await,
    };
    if let Err(error) = ended {
        tracing::error!(provider = provider.name, error = causes(&error), "a scan for files was not ended");
    }
    app.events.publish(Resource::StorageProviders, Change::Updated, id);
}

/// The name under which a node has a scan: of a provider that was changed since, or when it was begun anew since, it has it
/// no more.
pub(super) fn owner(app: &App, provider: &Provider) -> String {
    let started = provider.scan.started_at.map_or(0, Timestamp::as_millisecond);
    format!("{}/{}/{started}", app.node, provider.revision)
}

/// Renews the lease; ends when the scan was stopped, the provider was changed or deleted, or the database refuses.
async fn watch(app: &App, provider: &Provider) -> Broken {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number: u32 = 0;
    loop {
        looks.tick().await;
        number = number.wrapping_add(1);
        let goes_on = async {
            let now = providers::by_id(&app.store, provider.id).await?;
            let is_same = |now: &Provider| {
                (now.revision, now.scan.started_at) == (provider.revision, provider.scan.started_at)
            };
            if now.filter(is_same).is_none_or(|now| now.scan.state != ProviderScanState::Running) {
                return Err(Broken::Lost);
            }
            if number.is_multiple_of(RENEW) {
                let tx = app.store.begin().await?;
                rows::renew(&tx, provider.id, &owner(app, provider), lease(app)).await?;
                tx.commit().await?;
            }
            Ok(())
        };
        if let Err(broken) = goes_on.await {
            return broken;
        }
    }
}

async fn release(app: &App, provider: &Provider) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    rows::release(&tx, provider.id, &owner(app, provider)).await?;
    tx.commit().await
}

/// `false` when the scan is not this node's any more.
async fn end(app: &App, provider: &Provider, state: ProviderScanState) -> StoreResult<bool> {
    let tx = app.store.begin().await?;
    let owner = owner(app, provider);
    let ended = rows::end(&tx, provider.id, Some(&owner), state, app.clock.now()).await?;
    tx.commit().await?;
    Ok(ended)
}

async fn failed(app: &App, provider: &Provider, error: &StorageError) -> StoreResult<()> {
    // What a provider was before a change says nothing of what it is now.
    if end(app, provider, ProviderScanState::Failed).await? {
        check::note(app, provider.id, Some(provider.revision), Err(error)).await?;
    }
    Ok(())
}

async fn scan(app: &App, provider: &Provider) -> Result<Progress, Broken> {
    let storage = open::stored(app, provider).map_err(Broken::Secret)??;
    let mut known: HashMap<String, Known> = HashMap::new();
    for object in rows::known(&app.store, provider.id).await? {
        // Of several files of one object, one that is not as it should be makes it be looked at.
        let is_good = matches!(object.state, FileState::Ready | FileState::Incomplete);
        if !is_good || !known.contains_key(&object.key) {
            known.insert(object.key.clone(), object);
        }
    }
    let progress = provider.scan.progress;
    let (seen, folders) = (HashSet::new(), HashSet::new());
    let mut walk = Walk { app, provider, storage, known, seen, folders, progress };
    let is_complete = walk.go_through().await?;
    walk.finish(is_complete).await?;
    Ok(walk.progress)
}

impl Walk<'_> {
    /// Goes through the list; `false` when it is longer than what is looked at.
    async fn go_through(&mut self) -> Result<bool, Broken> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let Page { objects, next } = self.page(after.as_deref()).await?;
            // After the list: whatever it shows was made for a provider that is there by now, or is gone.
            let providers = providers::all(&self.app.store).await?;
            self.folders = providers.into_iter().map(|provider| provider.folder).collect();
            for objects in objects.chunks(BATCH) {
                if self.seen.len() >= MOST_OBJECTS {
                    return Ok(false);
                }
                self.take_in(objects).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn page(&self, after: Option<&str>) -> Result<Page, StorageError> {
        for wait in WAITS {
            match self.storage.list(after).await {
                Err(error) if may_pass(&error) => sleep(wait).await,
                done => return done,
            }
        }
        self.storage.list(after).await
    }

    /// Looks at some objects, and takes in what is new in one transaction with how far the scan is: whoever has lost the
    /// scan takes in nothing.
    async fn take_in(&mut self, objects: &[Object]) -> Result<(), Broken> {
        // Boxed: the compiler cannot tell otherwise that it may go to another thread.
        let looks: Vec<BoxFuture<'_, Result<Looked, StorageError>>> =
            objects.iter().map(|object| self.look(object).boxed()).collect();
        let looked: Vec<Looked> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        let at = self.app.clock.now();
        let (mut progress, mut news) = (self.progress, false);
        let tx = self.app.store.begin().await?;
        // First of all, as whoever takes in a file does it.
        files::lock_provider(&tx, self.provider.id).await?;
        for (object, looked) in objects.iter().zip(looked) {
            progress.seen += 1;
            match looked {
                Looked::Known => {}
                Looked::Skipped => progress.skipped += 1,
                Looked::Found(found) => match adopt(&tx, self.provider, &found, at).await? {
                    Adopted::Added => (progress.added, news) = (progress.added + 1, true),
                    Adopted::Changed => (progress.changed, news) = (progress.changed + 1, true),
                    Adopted::Unchanged => {}
                },
            }
            self.seen.insert(object.key.clone());
        }
        self.advance(&tx, progress).await?;
        tx.commit().await?;
        self.progress = progress;
        self.app.events.publish(Resource::StorageProviders, Change::Updated, self.provider.id);
        if news {
            self.app.events.publish(Resource::Files, Change::Updated, "");
        }
        for object in objects.iter().filter(|object| self.is_left_over(object)) {
            self.clear(&object.key).await;
        }
        Ok(())
    }

    async fn advance(&self, tx: &Tx, progress: Progress) -> Result<(), Broken> {
        let owner = owner(self.app, self.provider);
        let goes_on = rows::advance(tx, self.provider.id, &owner, progress, lease(self.app)).await?;
        if goes_on { Ok(()) } else { Err(Broken::Lost) }
    }

    /// What an object is. Only what would go wrong with all others too ends the scan.
    async fn look(&self, object: &Object) -> Result<Looked, StorageError> {
        let known = self.known.get(&object.key);
        if known.is_some_and(|known| is_as_known(known, object)) {
            return Ok(Looked::Known);
        }
        let is_usable = !object.key.ends_with('/') && object.size > 0 && object.size <= largest(self.app);
        if !is_usable || (known.is_none() && self.belongs_to_uploads(&object.key)) {
            return Ok(Looked::Skipped);
        }
        let mut facts = self.read(object).await;
        if facts.as_ref().is_err_and(may_pass) {
            let [wait, _] = WAITS;
            sleep(wait).await;
            facts = self.read(object).await;
        }
        match facts {
            Ok(facts)
                if known.is_none() && describe::is_mere_archive(&facts, None, &clean_name(&object.key)) =>
            {
                Ok(Looked::Skipped)
            }
            Ok(facts) => Ok(Looked::Found(Found {
                key: object.key.clone(),
                size: object.size,
                tag: object.tag.clone(),
                facts,
            })),
            Err(error) => match error.fault() {
                Fault::NotFound
                | Fault::ChangedMeanwhile
                | Fault::Forbidden
                | Fault::LiedAboutLength
                | Fault::TooLarge
                | Fault::BadAnswer => Ok(Looked::Skipped),
                _ => Err(error),
            },
        }
    }

    /// Whether an object came by an upload, to this provider or another one, and becomes a file in no other way. What was
    /// uploaded to a provider that is gone is like everything else that is found.
    fn belongs_to_uploads(&self, key: &str) -> bool {
        let is_found = |folder| !self.folders.contains(folder);
        key.starts_with(objects::OURS) && !objects::folder_of(self.app, key).is_some_and(is_found)
    }

    /// Whether an object was uploaded to this provider, and became no file or one that was deleted. What was uploaded to
    /// other providers and by other installations is left alone.
    fn is_left_over(&self, object: &Object) -> bool {
        let is_old = objects::is_left_over(self.app, object.modified);
        let prefix = objects::own_prefix(self.app, self.provider);
        let is_ours = prefix.is_some_and(|prefix| object.key.starts_with(&prefix));
        is_old && is_ours && !self.known.contains_key(&object.key)
    }

    async fn clear(&self, key: &str) {
        if let Err(error) = objects::release_remote(self.app, self.provider.id, key).await {
            tracing::info!(
                provider = self.provider.name,
                error = causes(&error),
                "an object that nobody needs was not deleted at its provider"
            );
        }
    }

    /// What the beginning and the end of an object say.
    async fn read(&self, object: &Object) -> Result<FileFacts, StorageError> {
        let (head, tail) = (content::HEAD_BYTES as u64, content::TAIL_BYTES as u64);
        let tag = object.tag.as_deref();
        let first = 0..object.size.min(head);
        let reading = self.storage.read(&object.key, Some(first), tag).await?;
        if reading.size != object.size {
            return Err(Fault::ChangedMeanwhile.into());
        }
        let beginning = reading.collect(head).await?;
        let from = object.size.saturating_sub(tail);
        let end = match usize::try_from(from).ok().and_then(|from| beginning.get(from..)) {
            Some(end) if object.size <= head => end.to_vec(),
            _ => {
                let reading = self.storage.read(&object.key, Some(from..object.size), tag).await?;
                reading.collect(tail).await?
            }
        };
        let name = clean_name(&object.key);
        let facts = describe::facts(&name, object.size, &beginning, &end);
        if object.size > head && describe::may_be_firmware(&facts, &name) {
            return self.search(object, facts).await;
        }
        Ok(facts)
    }

    /// What all of an object says whose beginning and end say nothing. An object that breaks off or takes too long is
    /// described by people.
    async fn search(&self, object: &Object, facts: FileFacts) -> Result<FileFacts, StorageError> {
        let read = async {
            let mut reading = self.storage.read(&object.key, None, object.tag.as_deref()).await?;
            let mut search = content::Search::default();
            while let Some(piece) = reading.bytes.next().await {
                search.read(&piece?);
            }
            Ok::<_, StorageError>(search)
        };
        match timeout(LONGEST_SEARCH, read).await {
            Ok(Ok(search)) => Ok(search.complete(facts)),
            Ok(Err(error)) if error.fault() != Fault::LiedAboutLength => Err(error),
            Ok(Err(_)) | Err(_) => Ok(facts),
        }
    }

    /// Notes what is gone, when the whole list was seen, and ends the scan.
    async fn finish(&mut self, is_complete: bool) -> Result<(), Broken> {
        let (app, id, at) = (self.app, self.provider.id, self.app.clock.now());
        let gone: Vec<String> =
            self.known.keys().filter(|key| is_complete && !self.seen.contains(*key)).cloned().collect();
        let mut progress = self.progress;
        let tx = app.store.begin().await?;
        files::lock_provider(&tx, id).await?;
        progress.missing = rows::set_missing(&tx, id, &gone, at).await?;
        self.advance(&tx, progress).await?;
        rows::end(&tx, id, Some(&owner(app, self.provider)), ProviderScanState::Done, at).await?;
        if progress.added + progress.changed + progress.missing > 0 {
            let details = json!({
                "seen": progress.seen, "added": progress.added, "changed": progress.changed,
                "missing": progress.missing, "skipped": progress.skipped,
            });
            let (actor, object_id) = (&Actor::system(), id.to_string());
            let (action, object_kind) = ("storage-provider.scanned", "storage-provider");
            audit::append(&tx, &NewRecord { at, actor, action, object_kind, object_id, details }).await?;
        }
        tx.commit().await?;
        self.progress = progress;
        if progress.missing > 0 {
            app.events.publish(Resource::Files, Change::Updated, "");
        }
        if !is_complete {
            tracing::warn!(
                provider = self.provider.name,
                most = MOST_OBJECTS,
                "a storage provider has more objects than are looked at"
            );
        }
        Ok(())
    }
}

/// Whether an object is as it was described, so that it need not be read.
fn is_as_known(known: &Known, object: &Object) -> bool {
    let is_good = matches!(known.state, FileState::Ready | FileState::Incomplete);
    is_good && known.size == object.size && (known.tag == object.tag || object.tag.is_none())
}

/// Whether the same may work a moment later.
fn may_pass(error: &StorageError) -> bool {
    matches!(error.fault(), Fault::Unreachable | Fault::TimedOut | Fault::ServerError)
}
