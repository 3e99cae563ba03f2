//! Copies of files of other providers on this machine, so that a provider is asked once for what a thousand phones
//! fetch.
//!
//! A copy is fetched in the background while its first readers already read what is there. It becomes one of the kept
//! copies when all of it is on the disk and has proved right; then it stays until others need the room more. A copy
//! that is being read is never removed, so files that are read at the same time may take more room than the setting
//! gives, and one that is larger than all of it goes with its last reader.
//!
//! Names of kept copies say what they are, so that they are found again after a restart:
//! `KEY-SHA256.copy`, where KEY is the hash of provider, place, object, tag and size. Nodes may share a directory: a copy
//! that is growing is locked by who fetches it, so that another node that starts does not take it for a leftover. Where
//! nothing can be locked, nobody removes what is unfinished.

use std::collections::HashMap;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use domain::ProviderId;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

pub(super) use self::look::Look;
use super::contents::{Growth, Handle, open_plain};
use super::error::ContentsError;
use super::fetch::{self, Origin};
use crate::store::files::File;

/// Copies fetched at the same time.
const FETCHES: usize = 8;

/// Those of them from one provider: one that is slow does not keep the others waiting.
const FETCHES_OF_ONE: usize = FETCHES / 2;

/// Tries to make a file that nobody takes for a leftover before it is locked.
const TRIES: u32 = 5;

/// How long a reader waits for the first byte of a copy, the waiting for its turn included.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long a provider is not asked again for a copy that failed, so that a fleet of phones does not keep it busy with
/// failing.
const PAUSE: Duration = Duration::from_secs(5);

const KEPT: &str = ".copy";
const UNFINISHED: &str = ".part";

/// Who wants a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A phone: it is told at once what failed a moment ago.
    Phone,
    /// Somebody who has asked for it by hand: the provider is asked again.
    Person,
}

/// What a copy is of.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Hash of provider, place, object, tag and size.
    key: String,
    /// Who has it.
    provider: ProviderId,
    /// Its size.
    pub(super) size: u64,
    /// What the provider calls this content.
    pub(super) tag: Option<String>,
    /// SHA-256, where it is known.
    pub(super) sha256: Option<String>,
}

impl Wanted {
    pub(super) fn of(file: &File) -> Self {
        let mut hasher = Sha256::new();
        let tag = file.object_tag.as_deref().unwrap_or_default();
        let (provider, size) = (file.provider.0.to_string(), file.size.to_string());
        // A provider that was changed is another one: nothing that was fetched before is of it.
        for part in [&provider, &file.provider_place, file.object_key.as_str(), tag, &size] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self {
            key: hex::encode(hasher.finalize()),
            provider: file.provider,
            size: file.size,
            tag: file.object_tag.clone(),
            sha256: file.sha256.as_deref().map(str::to_ascii_lowercase),
        }
    }

    /// What stands for its content, 64 hexadecimal digits.
    pub(super) fn name(&self) -> &str {
        &self.key
    }
}

/// A copy that is complete.
#[derive(Debug)]
struct Kept {
    sha256: String,
    size: u64,
    /// Larger is later.
    used: u64,
    handle: Weak<Handle>,
}

/// A copy that is being fetched.
struct Fetching {
    provider: ProviderId,
    handle: Arc<Handle>,
    growth: watch::Receiver<Growth>,
    /// Whether room was made for it: until then it takes none.
    has_room: bool,
}

#[derive(Default)]
struct State {
    kept: HashMap<String, Kept>,
    fetching: HashMap<String, Fetching>,
    failed: HashMap<String, (Instant, ContentsError)>,
    uses: u64,
    /// The turns of providers that are asked.
    turns: HashMap<ProviderId, Arc<Semaphore>>,
}

impl State {
    /// A number nobody else has.
    fn number(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// Bytes of all copies, also of those that still grow.
    fn taken(&self) -> u64 {
        let fetching = self.fetching.values().map(|fetching| fetching.handle.size());
        self.kept.values().map(|kept| kept.size).chain(fetching).fold(0, u64::saturating_add)
    }
}

/// The copies of a node.
pub(super) struct Copies {
    directory: PathBuf,
    /// Part of the names of unfinished copies: two nodes may share a directory.
    node: String,
    state: Mutex<State>,
    turns: Arc<Semaphore>,
    /// Of whoever looks whether there is room for a copy.
    room: tokio::sync::Mutex<()>,
    locks: Locks,
}

/// How files are locked: by the system, but for tests of a directory in which that cannot be done.
#[derive(Clone, Copy)]
struct Locks {
    lock: fn(&std::fs::File) -> io::Result<()>,
    try_lock: fn(&std::fs::File) -> Result<(), TryLockError>,
}

const OF_THE_SYSTEM: Locks = Locks { lock: std::fs::File::lock, try_lock: std::fs::File::try_lock };

/// Where a wanted copy is.
enum Found {
    Open(Arc<Handle>),
    OnDisk(PathBuf, String),
    Fetching(Arc<Handle>, watch::Receiver<Growth>),
    Nowhere,
}

impl Copies {
    /// Finds the copies of an earlier run and removes what it left unfinished. What cannot be looked at or removed stays
    /// where it is, and is in nobody's way.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) async fn open(directory: &Path, node: &str) -> io::Result<Self> {
        Self::open_with(directory, node, OF_THE_SYSTEM).await
    }

    async fn open_with(directory: &Path, node: &str, locks: Locks) -> io::Result<Self> {
        let mut found = Vec::new();
        let mut entries = tokio::fs::read_dir(directory).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let about = match entry.metadata().await {
                Ok(about) => about,
                // Another node was done with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    tracing::warn!(%error, name, "a copy of a file cannot be looked at");
                    continue;
                }
            };
            match read_name(&name) {
                Some((key, sha256)) if about.is_file() => {
                    let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push((modified, key.to_owned(), sha256.to_owned(), about.len()));
                }
                _ if name.ends_with(UNFINISHED) => {
                    // Only files are ours; what is something else might keep whoever opens it waiting.
                    let removed = if about.is_file() {
                        let path = entry.path();
                        let removed =
                            tokio::task::spawn_blocking(move || remove_leftover(&path, locks)).await;
                        removed.map_err(io::Error::other).flatten()
                    } else {
                        Err(io::Error::other("not a file"))
                    };
                    if let Err(error) = removed {
                        tracing::warn!(%error, name, "an unfinished copy of a file was left where it is");
                    }
                }
                _ => {}
            }
        }
        found.sort();
        let mut state = State::default();
        for (_, key, sha256, size) in found {
            let kept = Kept { sha256, size, used: state.number(), handle: Weak::new() };
            if let Some(older) = state.kept.insert(key.clone(), kept) {
                remove(directory.join(file_name(&key, &older.sha256))).await;
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            node: node.to_owned(),
            state: Mutex::new(state),
            turns: Arc::new(Semaphore::new(FETCHES)),
            room: tokio::sync::Mutex::default(),
            locks,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, key: &str, sha256: &str) -> PathBuf {
        self.directory.join(file_name(key, sha256))
    }

    /// Opens a copy; fetches it when there is none. `most` is the setting: bytes that copies may take.
    ///
    /// # Errors
    /// When the provider or the disk fails before the first byte.
    pub(super) async fn get<O: Origin>(
        self: &Arc<Self>,
        wanted: &Wanted,
        origin: O,
        asker: Asker,
        most: u64,
    ) -> Result<Arc<Handle>, ContentsError> {
        match self.find(wanted, asker)? {
            Found::Open(handle) => return Ok(handle),
            Found::Fetching(handle, growth) => return begun(handle, growth).await,
            Found::OnDisk(path, sha256) => match open_plain(path).await {
                Ok((disk, size)) if size == wanted.size => {
                    return Ok(self.opened(&wanted.key, Handle::whole(disk, size)));
                }
                // Somebody removed or changed it: it is fetched again.
                _ => self.forget(&wanted.key, &sha256),
            },
            Found::Nowhere => {}
        }
        let (handle, growth) = self.start(wanted, origin, most).await?;
        begun(handle, growth).await
    }

    fn find(&self, wanted: &Wanted, asker: Asker) -> Result<Found, ContentsError> {
        let mut state = self.state();
        let uses = state.number();
        if let Some(kept) = state.kept.get_mut(&wanted.key)
            && wanted.sha256.as_ref().is_none_or(|wanted| *wanted == kept.sha256)
            && kept.size == wanted.size
        {
            kept.used = uses;
            return Ok(match kept.handle.upgrade() {
                Some(handle) => Found::Open(handle),
                None => Found::OnDisk(self.path(&wanted.key, &kept.sha256), kept.sha256.clone()),
            });
        }
        if let Some(fetching) = state.fetching.get(&wanted.key) {
            return Ok(Found::Fetching(Arc::clone(&fetching.handle), fetching.growth.clone()));
        }
        match state.failed.get(&wanted.key) {
            Some((at, error)) if asker == Asker::Phone && at.elapsed() < PAUSE => Err(error.clone()),
            _ => Ok(Found::Nowhere),
        }
    }

    /// Somebody wants to try again what has failed: phones need not wait for it either.
    pub(super) fn ask_again(&self) {
        self.state().failed.clear();
    }

    fn opened(&self, key: &str, handle: Handle) -> Arc<Handle> {
        let mut state = self.state();
        let Some(kept) = state.kept.get_mut(key) else { return Arc::new(handle) };
        if let Some(faster) = kept.handle.upgrade() {
            return faster;
        }
        let handle = Arc::new(handle);
        kept.handle = Arc::downgrade(&handle);
        handle
    }

    fn forget(&self, key: &str, sha256: &str) {
        let mut state = self.state();
        if state.kept.get(key).is_some_and(|kept| kept.sha256 == sha256) {
            state.kept.remove(key);
        }
    }

    async fn start<O: Origin>(
        self: &Arc<Self>,
        wanted: &Wanted,
        origin: O,
        most: u64,
    ) -> Result<(Arc<Handle>, watch::Receiver<Growth>), ContentsError> {
        self.trim(most.saturating_sub(wanted.size)).await;
        // Both the fetcher and the readers use the one file; it has no name that means anything yet. Two that start at
        // the same moment have names of their own, and the slower one's is removed below.
        let (disk, path) = self.unfinished(&wanted.key).await?;
        let writing = disk.try_clone().map_err(disk_refused)?;
        let (grow, growth) = watch::channel(Growth::default());
        let handle = Arc::new(Handle::growing(disk, wanted.size, growth.clone()));
        let (provider, shared) = (wanted.provider, Arc::clone(&handle));
        let fetching = Fetching { provider, handle: shared, growth: growth.clone(), has_room: false };
        let faster = {
            let mut state = self.state();
            match state.fetching.get(&wanted.key) {
                Some(faster) => Some((Arc::clone(&faster.handle), faster.growth.clone())),
                None => {
                    state.fetching.insert(wanted.key.clone(), fetching);
                    None
                }
            }
        };
        if let Some(faster) = faster {
            remove(path).await;
            return Ok(faster);
        }
        let job = Running { copies: Arc::clone(self), wanted: wanted.clone(), grow, done: false };
        tokio::spawn(job.run(origin, writing, path, handle.clone()));
        Ok((handle, growth))
    }

    /// A new file for what is fetched, locked as long as anybody has it open, and its path.
    async fn unfinished(&self, key: &str) -> Result<(std::fs::File, PathBuf), ContentsError> {
        let lock = self.locks.lock;
        for _ in 0..TRIES {
            let number = self.state().number();
            let path = self.directory.join(format!("{key}-{}.{number}{UNFINISHED}", self.node));
            let opening = path.clone();
            let disk = tokio::task::spawn_blocking(move || {
                let mut options = std::fs::OpenOptions::new();
                let disk = options.read(true).write(true).create_new(true).open(opening)?;
                // Who starts meanwhile and cannot lock it either leaves it alone.
                if let Err(error) = lock(&disk) {
                    tracing::debug!(%error, "an unfinished copy of a file is not locked");
                }
                // A node that starts may have found it before it was locked: then it has no name any more.
                Ok::<_, io::Error>((disk.metadata()?.nlink() > 0).then_some(disk))
            });
            match disk.await.map_err(|_| ContentsError::GivenUp)? {
                Ok(Some(disk)) => return Ok((disk, path)),
                Ok(None) => {}
                // Of a node of the same name, or of this one's earlier life.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(disk_refused(error)),
            }
        }
        Err(ContentsError::Busy)
    }

    /// The turns of one provider.
    fn turns_of(&self, provider: ProviderId) -> Arc<Semaphore> {
        let mut state = self.state();
        Arc::clone(state.turns.entry(provider).or_insert_with(|| Arc::new(Semaphore::new(FETCHES_OF_ONE))))
    }

    /// Makes sure that a copy can be written with all others that are being written: those that nobody reads go for it.
    ///
    /// # Errors
    /// When the disk would have less than its reserve.
    async fn make_room(&self, wanted: &Wanted, origin: &impl Origin) -> Result<(), ContentsError> {
        // One after the other: two must not count on the same room.
        let _alone = self.room.lock().await;
        let needed = wanted.size.saturating_add(self.to_come());
        let lacking = needed.saturating_sub(origin.room().await?);
        if lacking > 0 {
            let taken = self.state().taken();
            self.trim(taken.saturating_sub(lacking)).await;
            if origin.room().await? < needed {
                return Err(disk_refused(io::ErrorKind::StorageFull.into()));
            }
        }
        if let Some(fetching) = self.state().fetching.get_mut(&wanted.key) {
            fetching.has_room = true;
        }
        Ok(())
    }

    /// Bytes that are still to be written of copies that have their room.
    fn to_come(&self) -> u64 {
        let state = self.state();
        let fetching = state.fetching.values().filter(|fetching| fetching.has_room);
        let to_come =
            fetching.map(|fetching| fetching.handle.size().saturating_sub(fetching.growth.borrow().written));
        to_come.fold(0, u64::saturating_add)
    }

    /// Removes kept copies that nobody reads, those that were not asked for longest first, until all take no more than
    /// `most` bytes.
    pub(super) async fn trim(&self, most: u64) {
        let removed: Vec<PathBuf> = {
            let mut state = self.state();
            let mut total = state.taken();
            let mut idle: Vec<(u64, String)> = state
                .kept
                .iter()
                .filter(|(_, kept)| kept.handle.strong_count() == 0)
                .map(|(key, kept)| (kept.used, key.clone()))
                .collect();
            idle.sort_unstable();
            let mut removed = Vec::new();
            for (_, key) in idle {
                if total <= most {
                    break;
                }
                if let Some(kept) = state.kept.remove(&key) {
                    total = total.saturating_sub(kept.size);
                    removed.push(self.path(&key, &kept.sha256));
                }
            }
            state.failed.retain(|_, (at, _)| at.elapsed() < look::REMEMBERED);
            state.turns.retain(|_, turns| Arc::strong_count(turns) > 1);
            removed
        };
        for path in removed {
            remove(path).await;
        }
    }
}

/// Waits until a copy has something to read, or is over.
async fn begun(
    handle: Arc<Handle>,
    mut growth: watch::Receiver<Growth>,
) -> Result<Arc<Handle>, ContentsError> {
    let begun = growth.wait_for(|growth| growth.written > 0 || growth.over.is_some());
    let Ok(begun) = tokio::time::timeout(PATIENCE, begun).await else { return Err(ContentsError::Busy) };
    let over = begun.map_err(|_| ContentsError::GivenUp)?.over.clone();
    match over {
        Some(Err(error)) => Err(error),
        Some(Ok(())) | None => Ok(handle),
    }
}

/// What the disk refused of a copy says nothing of the file.
fn disk_refused(error: io::Error) -> ContentsError {
    ContentsError::Disk(Arc::new(error))
}

/// Removes an unfinished copy that nobody is fetching, on this node or another one.
fn remove_leftover(path: &Path, locks: Locks) -> io::Result<()> {
    let removed = std::fs::File::open(path).and_then(|disk| match (locks.try_lock)(&disk) {
        Ok(()) => std::fs::remove_file(path),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    });
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn remove(path: PathBuf) {
    if let Err(error) = tokio::fs::remove_file(&path).await
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a copy of a file could not be removed");
    }
}

/// Name of a kept copy.
fn file_name(key: &str, sha256: &str) -> String {
    format!("{key}-{sha256}{KEPT}")
}

/// Key and SHA-256 in the name of a kept copy.
fn read_name(name: &str) -> Option<(&str, &str)> {
    let is_hash = |text: &str| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let (key, sha256) = name.strip_suffix(KEPT)?.split_once('-')?;
    (is_hash(key) && is_hash(sha256)).then_some((key, sha256))
}

/// A fetch under way. Dropped before its end, with its runtime, it leaves no entry behind that nobody works on.
struct Running {
    copies: Arc<Copies>,
    wanted: Wanted,
    grow: watch::Sender<Growth>,
    done: bool,
}

impl Running {
    async fn run<O: Origin>(mut self, origin: O, disk: std::fs::File, path: PathBuf, handle: Arc<Handle>) {
        // The provider's own turn first: who waits for that holds none of the others'.
        let own = self.copies.turns_of(self.wanted.provider).acquire_owned().await;
        let turn = Arc::clone(&self.copies.turns).acquire_owned().await;
        let fetched = match (&own, &turn) {
            (Ok(_), Ok(_)) => match self.copies.make_room(&self.wanted, &origin).await {
                Ok(()) => fetch::fetch(&origin, &self.wanted, disk, &self.grow).await,
                Err(error) => Err(error),
            },
            _ => Err(ContentsError::GivenUp),
        };
        let kept = match fetched {
            Ok(sha256) => {
                let target = self.copies.path(&self.wanted.key, &sha256);
                let renamed = tokio::fs::rename(&path, target).await.map_err(disk_refused);
                renamed.map(|()| sha256)
            }
            Err(error) => Err(error),
        };
        if kept.is_err() {
            remove(path).await;
        }
        if let Err(error) = &kept {
            origin.over(Err(error)).await;
        }
        let sha256 = kept.as_ref().ok().cloned();
        let replaced = self.end(kept, &handle);
        // Phones have the last byte before it is written down what was learnt.
        if let Some(sha256) = sha256 {
            origin.over(Ok(&sha256)).await;
        }
        if let Some(replaced) = replaced {
            remove(replaced).await;
        }
    }

    /// Tells everybody; gives a copy of the same name that this one takes the place of.
    fn end(&mut self, kept: Result<String, ContentsError>, handle: &Arc<Handle>) -> Option<PathBuf> {
        let mut state = self.copies.state();
        state.fetching.remove(&self.wanted.key);
        let mut replaced = None;
        let over = match kept {
            Ok(sha256) => {
                let used = state.number();
                let kept = Kept { sha256, size: self.wanted.size, used, handle: Arc::downgrade(handle) };
                let new = kept.sha256.clone();
                state.failed.remove(&self.wanted.key);
                let older = state.kept.insert(self.wanted.key.clone(), kept);
                replaced = older.filter(|older| older.sha256 != new).map(|older| older.sha256);
                Ok(())
            }
            Err(error) => {
                state.failed.insert(self.wanted.key.clone(), (Instant::now(), error.clone()));
                Err(error)
            }
        };
        drop(state);
        self.done = true;
        self.grow.send_modify(|growth| growth.over = Some(over));
        replaced.map(|sha256| self.copies.path(&self.wanted.key, &sha256))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            self.copies.state().fetching.remove(&self.wanted.key);
            self.grow.send_modify(|growth| growth.over = Some(Err(ContentsError::GivenUp)));
        }
    }
}

mod look;

#[cfg(test)]
mod tests;
