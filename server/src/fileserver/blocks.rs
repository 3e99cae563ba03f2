//! Blocks of files in memory, shared by everybody who reads the same file: a thousand phones that fetch one image read
//! it from the disk once. Bounded in bytes; what nobody has asked for in a while is let go.

use std::collections::HashMap;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::contents::Handle;
use super::error::ContentsError;

/// Size of a block.
pub(super) const BLOCK: u64 = 128 * 1024;

/// Most bytes kept. Blocks that are being sent count only as long as they are kept, too.
const MOST_BYTES: u64 = 48 * 1024 * 1024;

/// How long a block is kept that nobody asks for.
const KEPT: Duration = Duration::from_secs(10);

/// Reads from the disk at the same time: each one has a thread meanwhile.
const READS: usize = 16;

/// Which file, and which block of it.
type Key = (u64, u64);

struct Slot {
    cell: Arc<OnceCell<Bytes>>,
    used: Instant,
}

/// The blocks of a node.
pub(super) struct Blocks {
    slots: Mutex<HashMap<Key, Slot>>,
    reads: Arc<Semaphore>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { slots: Mutex::default(), reads: Arc::new(Semaphore::new(READS)) }
    }
}

impl Blocks {
    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A whole block, read from the disk when it is not there. Its file must hold it already.
    pub(super) async fn get(&self, handle: &Arc<Handle>, number: u64) -> Result<Bytes, ContentsError> {
        let begin = number * BLOCK;
        let length = handle.size().saturating_sub(begin).min(BLOCK);
        let cell = self.cell((handle.id(), number));
        cell.get_or_try_init(|| self.read(handle, begin, length)).await.cloned()
    }

    /// Part of a block without keeping hold of the whole: of the block when it is there, else of the disk.
    pub(super) async fn piece(
        &self,
        handle: &Arc<Handle>,
        at: u64,
        length: u64,
    ) -> Result<Bytes, ContentsError> {
        let kept = self
            .slots()
            .get_mut(&(handle.id(), at / BLOCK))
            .and_then(|slot| {
                slot.used = Instant::now();
                slot.cell.get().cloned()
            })
            .and_then(|block| {
                let from = usize::try_from(at % BLOCK).ok()?;
                let to = from.checked_add(usize::try_from(length).ok()?)?;
                block.get(from..to).map(Bytes::copy_from_slice)
            });
        match kept {
            Some(bytes) => Ok(bytes),
            None => self.read(handle, at, length).await,
        }
    }

    /// Whether a block is there, or on its way.
    pub(super) fn has(&self, handle: &Handle, number: u64) -> bool {
        self.slots().contains_key(&(handle.id(), number))
    }

    fn cell(&self, key: Key) -> Arc<OnceCell<Bytes>> {
        let mut slots = self.slots();
        let now = Instant::now();
        if let Some(slot) = slots.get_mut(&key) {
            slot.used = now;
            return Arc::clone(&slot.cell);
        }
        while slots.len() as u64 * BLOCK >= MOST_BYTES {
            let Some(oldest) = slots.iter().min_by_key(|(_, slot)| slot.used).map(|(key, _)| *key) else {
                break;
            };
            slots.remove(&oldest);
        }
        let cell = Arc::new(OnceCell::new());
        slots.insert(key, Slot { cell: Arc::clone(&cell), used: now });
        cell
    }

    async fn read(&self, handle: &Arc<Handle>, at: u64, length: u64) -> Result<Bytes, ContentsError> {
        let place = Arc::clone(&self.reads).acquire_owned().await;
        let place = place.map_err(|_| ContentsError::GivenUp)?;
        let handle = Arc::clone(handle);
        let read = tokio::task::spawn_blocking(move || {
            let _place = place;
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            // A file that is shorter than it was ends here: `UnexpectedEof`.
            handle.file().read_exact_at(&mut bytes, at).map(|()| Bytes::from(bytes))
        });
        Ok(read.await.map_err(|_| ContentsError::GivenUp)??)
    }

    /// Lets go of what was not asked for in a while.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.slots().retain(|_, slot| now.saturating_duration_since(slot.used) < KEPT);
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.slots().len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::contents::Handle;
    use super::{BLOCK, Blocks, KEPT, MOST_BYTES};

    fn file(bytes: &[u8]) -> Arc<Handle> {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(Handle::whole(file, bytes.len() as u64))
    }

    #[tokio::test]
    async fn a_block_is_read_once_and_shared() {
        let blocks = Blocks::default();
        let content: Vec<u8> = (0..BLOCK + 100).map(|at| (at % 251) as u8).collect();
        let handle = file(&content);
        let first = blocks.get(&handle, 0).await.unwrap();
        let again = blocks.get(&handle, 0).await.unwrap();
        assert_eq!(first.as_ptr(), again.as_ptr());
        assert_eq!(blocks.get(&handle, 1).await.unwrap(), content[BLOCK as usize..]);
        assert_eq!(blocks.piece(&handle, 7, 5).await.unwrap(), content[7..12]);
        let other = file(b"other");
        assert_eq!(blocks.get(&other, 0).await.unwrap(), "other", "another file has other blocks");
        assert_eq!(blocks.piece(&file(b"unread"), 2, 4).await.unwrap(), "read");
    }

    #[tokio::test]
    async fn a_file_that_got_shorter_is_an_error() {
        let blocks = Blocks::default();
        let handle = Arc::new(Handle::whole(tempfile::tempfile().unwrap(), 10));
        assert!(blocks.get(&handle, 0).await.is_err());
        assert!(blocks.piece(&handle, 0, 10).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_are_bounded_and_let_go() {
        let blocks = Blocks::default();
        let handle = file(b"x");
        for number in 0..MOST_BYTES / BLOCK + 10 {
            blocks.cell((handle.id(), number));
        }
        assert_eq!(blocks.count() as u64, MOST_BYTES / BLOCK);
        tokio::time::advance(KEPT / 2).await;
        blocks.get(&handle, 0).await.unwrap();
        tokio::time::advance(KEPT / 2 + Duration::from_millis(1)).await;
        blocks.sweep();
        assert_eq!(blocks.count(), 1);
    }
}
