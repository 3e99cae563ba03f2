//! The built-in provider: a directory of this node with one file for each object.
//!
//! An object appears under its name when all of it is on the disk, and not before. Nothing but plain files directly in
//! the directory is ever read: no link, and no way out of it.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use jiff::Timestamp;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use super::reading::{Bytes, Reading, Source, Wanted, exactly};
use super::{Checked, Fault, Object, PAGE, Page, Provider, StorageError, key};

/// How much is read at once, in bytes.
const PIECE: usize = 128 * 1024;

/// Longest name of an object here. File systems take 255 bytes, and a part goes to names of files being written.
const LONGEST_NAME: usize = 200;

/// What the names of files begin with that are no objects yet.
const UNFINISHED: &str = ".writing-";

/// Makes names of unfinished files different within this process; the process id does between processes.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The directory.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// A directory that exists already.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where an object lies, whether it is there or not.
    ///
    /// # Errors
    /// [`Fault::NotFound`] for a key that no object here can have: other characters than ASCII letters, digits, `-`,
    /// `_` and `.`, a dot at the beginning, more than 200 bytes.
    pub fn path(&self, key: &str) -> Result<PathBuf, StorageError> {
        if is_name(key) {
            Ok(self.root.join(key))
        } else {
            Err(StorageError::new(Fault::NotFound, "the built-in provider has no such names"))
        }
    }

    /// Removes what writing left behind when the program or the machine went down: what was not touched since `before`,
    /// because another node may write here at this moment.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn remove_unfinished(&self, before: Timestamp) -> Result<(), StorageError> {
        let mut entries = fs::read_dir(&self.root).await.map_err(|error| failed(&error))?;
        while let Some(entry) = entries.next_entry().await.map_err(|error| failed(&error))? {
            let unfinished = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
            if unfinished {
                let modified = entry.metadata().await.ok().and_then(|metadata| modified(&metadata));
                if modified.is_some_and(|modified| modified < before) {
                    remove_if_there(&entry.path()).await?;
                }
            }
        }
        Ok(())
    }

    /// Opens an object for reading: only a plain file, also when somebody exchanges it for a link meanwhile.
    async fn open(&self, key: &str) -> Result<(File, u64), StorageError> {
        use std::os::unix::fs::MetadataExt;
        let path = self.path(key)?;
        let seen = fs::symlink_metadata(&path).await.map_err(|error| failed(&error))?;
        if !seen.is_file() {
            return Err(StorageError::new(Fault::NotFound, "not a plain file"));
        }
        let file = File::open(&path).await.map_err(|error| failed(&error))?;
        let opened = file.metadata().await.map_err(|error| failed(&error))?;
        if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
            return Err(StorageError::new(Fault::ChangedMeanwhile, "exchanged while it was opened"));
        }
        Ok((file, opened.len()))
    }

    /// Writes all of it under a name that is no object's, and makes sure that it is on the disk.
    async fn write_unfinished(&self, unfinished: &Path, from: &Path, size: u64) -> Result<(), StorageError> {
        let source = File::open(from).await.map_err(|error| failed(&error))?;
        let mut target = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(unfinished)
            .await
            .map_err(|error| failed(&error))?;
        // One byte more than there may be, so that a file that grew is noticed.
        let mut source = source.take(size.saturating_add(1));
        let copied = tokio::io::copy(&mut source, &mut target).await.map_err(|error| failed(&error))?;
        if copied != size {
            return Err(StorageError::new(Fault::LiedAboutLength, "the file to be stored has another size"));
        }
        target.sync_all().await.map_err(|error| failed(&error))
    }
}

impl Provider for Directory {
    async fn check(&self) -> Result<Checked, StorageError> {
        let page = self.list(None).await?;
        Ok(Checked { listing: None, objects: page.objects.len() as u64 })
    }

    async fn list(&self, after: Option<&str>) -> Result<Page, StorageError> {
        let mut entries = fs::read_dir(&self.root).await.map_err(|error| failed(&error))?;
        // The smallest names that come next, one more than a page has: then there is another page.
        let mut names = BTreeSet::new();
        while let Some(entry) = entries.next_entry().await.map_err(|error| failed(&error))? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_name(&name) && after.is_none_or(|after| name.as_str() > after) {
                names.insert(name);
                if names.len() > PAGE + 1 {
                    names.pop_last();
                }
            }
        }
        let more = names.len() > PAGE;
        if more {
            names.pop_last();
        }
        let next = names.last().filter(|_| more).cloned();
        Ok(Page { objects: self.objects(names).await?, next })
    }

    async fn stat(&self, key: &str) -> Result<Object, StorageError> {
        let path = self.path(key)?;
        let metadata = fs::symlink_metadata(&path).await.map_err(|error| failed(&error))?;
        if !metadata.is_file() {
            return Err(StorageError::new(Fault::NotFound, "not a plain file"));
        }
        Ok(Object { key: key.to_owned(), size: metadata.len(), tag: None, modified: modified(&metadata) })
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        _tag: Option<&str>,
    ) -> Result<Reading, StorageError> {
        let (mut file, size) = self.open(key).await?;
        let range = range.unwrap_or(0..size);
        if range.start > range.end || range.end > size {
            return Err(StorageError::new(
                Fault::ChangedMeanwhile,
                "shorter than the range that was asked for",
            ));
        }
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).await.map_err(|error| failed(&error))?;
        }
        let length = range.end - range.start;
        let wanted = Wanted { skip: 0, take: length, to_the_end: range.end == size };
        Ok(Reading { size, length, tag: None, bytes: exactly(Pieces(file), wanted) })
    }

    async fn write(&self, key: &str, path: &Path, size: u64) -> Result<Object, StorageError> {
        let target = self.path(key)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.root.join(format!("{UNFINISHED}{}-{number}", std::process::id()));
        // Removed however this ends, also when nobody waits for it any more.
        let cleaner = Cleaner(Some(unfinished.clone()));
        self.write_unfinished(&unfinished, path, size).await?;
        fs::rename(&unfinished, &target).await.map_err(|error| failed(&error))?;
        cleaner.keep();
        self.sync().await?;
        self.stat(key).await
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        remove_if_there(&self.path(key)?).await?;
        self.sync().await
    }

    async fn direct_address(
        &self,
        _key: &str,
        _lifetime: Duration,
        _at: Timestamp,
    ) -> Result<Option<String>, StorageError> {
        Ok(None)
    }
}

impl Directory {
    async fn objects(&self, names: BTreeSet<String>) -> Result<Vec<Object>, StorageError> {
        let mut objects = Vec::with_capacity(names.len());
        for name in names {
            match self.stat(&name).await {
                Ok(object) => objects.push(object),
                // A link, a directory, or deleted since its name was read.
                Err(error) if error.fault() == Fault::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(objects)
    }

    /// Names that appeared or vanished are on the disk after this.
    async fn sync(&self) -> Result<(), StorageError> {
        let directory = File::open(&self.root).await.map_err(|error| failed(&error))?;
        directory.sync_all().await.map_err(|error| failed(&error))
    }
}

/// An unfinished file that is removed unless it was kept.
struct Cleaner(Option<PathBuf>);

impl Cleaner {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // One name in a directory: short enough for a place where nothing can be awaited. What is not removed
            // here is removed at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file as a source of pieces.
struct Pieces(File);

impl Source for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = self.0.read_buf(&mut piece).await.map_err(|error| failed(&error))?;
        Ok((read > 0).then(|| piece.freeze()))
    }
}

fn is_name(text: &str) -> bool {
    key::is_key(text)
        && text.len() <= LONGEST_NAME
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn modified(metadata: &std::fs::Metadata) -> Option<Timestamp> {
    metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok())
}

async fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&error)),
        _ => Ok(()),
    }
}

fn failed(error: &io::Error) -> StorageError {
    let fault = match error.kind() {
        ErrorKind::NotFound => Fault::NotFound,
        ErrorKind::PermissionDenied => Fault::Forbidden,
        ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Fault::Full,
        ErrorKind::FileTooLarge => Fault::TooLarge,
        _ => Fault::ServerError,
    };
    StorageError::caused(fault, error)
}

#[cfg(test)]
mod tests {
    use super::{Directory, UNFINISHED};
    use crate::storage::{Fault, Provider};
    use jiff::Timestamp;

    async fn directory(temporary: &tempfile::TempDir) -> Directory {
        let root = temporary.path().join("objects");
        tokio::fs::create_dir(&root).await.expect("a directory");
        tokio::fs::write(temporary.path().join("secret"), "outside").await.expect("a file");
        tokio::fs::write(root.join("inside"), "inside").await.expect("a file");
        Directory::new(root)
    }

    #[tokio::test]
    async fn no_name_leads_out_and_no_link_is_followed() {
        let temporary = tempfile::tempdir().expect("a directory");
        let directory = directory(&temporary).await;
        let link = temporary.path().join("objects/link");
        tokio::fs::symlink(temporary.path().join("secret"), &link).await.expect("a link");
        tokio::fs::create_dir(temporary.path().join("objects/below")).await.expect("a directory");
        let absolute = temporary.path().join("secret").display().to_string();
        for key in
            ["../secret", "..", ".", "", "a/../../secret", "link", "below", ".writing-1", "x\0", &absolute]
        {
            let fault = |error: crate::storage::StorageError| error.fault();
            assert_eq!(directory.stat(key).await.map_err(fault), Err(Fault::NotFound), "{key}");
            assert_eq!(
                directory.read(key, None, None).await.map(|_| ()).map_err(fault),
                Err(Fault::NotFound),
                "{key}"
            );
        }
        let page = directory.list(None).await.expect("a page");
        let keys: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!((keys, page.next), (vec!["inside"], None));
        // Writing replaces the link and does not write through it.
        directory.write("link", &temporary.path().join("objects/inside"), 6).await.expect("written");
        assert_eq!(tokio::fs::read(temporary.path().join("secret")).await.expect("read"), b"outside");
        assert!(!tokio::fs::symlink_metadata(&link).await.expect("there").is_symlink());
    }

    #[tokio::test]
    async fn nothing_is_left_of_what_could_not_be_written() {
        let temporary = tempfile::tempdir().expect("a directory");
        let directory = directory(&temporary).await;
        let source = temporary.path().join("secret");
        for size in [6, 8] {
            let error = directory.write("new", &source, size).await.expect_err("another size");
            assert_eq!(error.fault(), Fault::LiedAboutLength);
        }
        let missing = directory.write("new", &temporary.path().join("nothing"), 1).await;
        assert_eq!(missing.expect_err("no file").fault(), Fault::NotFound);
        let mut entries = tokio::fs::read_dir(temporary.path().join("objects")).await.expect("read");
        let only = entries.next_entry().await.expect("read").expect("one");
        assert_eq!(only.file_name(), "inside");
        assert!(entries.next_entry().await.expect("read").is_none(), "only the object that was there");
    }

    #[tokio::test]
    async fn what_a_crash_left_is_removed() {
        let temporary = tempfile::tempdir().expect("a directory");
        let directory = directory(&temporary).await;
        let left = temporary.path().join(format!("objects/{UNFINISHED}7-7"));
        tokio::fs::write(&left, "half").await.expect("a file");
        directory.remove_unfinished(Timestamp::UNIX_EPOCH).await.expect("looked");
        tokio::fs::metadata(&left).await.expect("kept: it may be in use");
        directory.remove_unfinished(Timestamp::MAX).await.expect("removed");
        assert!(tokio::fs::metadata(&left).await.is_err());
        directory.stat("inside").await.expect("still there");
    }
}
