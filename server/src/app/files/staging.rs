//! What arrives, until it is complete: files in a directory of this node, written as the bytes come. The length of such
//! a file is the truth about how much has arrived, also after the server was killed.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::Code;
use bytes::Bytes;
use domain::UploadId;
use futures_util::{Stream, StreamExt as _};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::App;
use crate::app::{AppError, AppResult};

/// Bytes that are collected before they are written.
const BUFFER: usize = 256 * 1024;

/// Tries to get a file that somebody else is writing, and the wait between two.
const TRIES: u32 = 40;
const WAIT: Duration = Duration::from_millis(50);

/// Ending of all files here.
const ENDING: &str = ".part";

/// What a failure of the disk means for the caller.
pub(super) fn disk(error: io::Error) -> AppError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            AppError::new(Code::StorageFull, "No room is left where files are kept.")
        }
        _ => AppError::internal(error),
    }
}

/// Where an upload in pieces is kept.
pub(super) fn place_of(app: &App, id: UploadId) -> PathBuf {
    app.places.uploads.join(format!("{id}{ENDING}"))
}

/// The upload a file here belongs to; `None` for what is no upload in pieces.
pub(super) fn upload_of(name: &str) -> Option<UploadId> {
    name.strip_suffix(ENDING)?.parse().ok()
}

/// Bytes of an upload that are here; 0 when there is no file.
pub(super) async fn received(path: &Path) -> AppResult<u64> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(disk(error)),
    }
}

/// Removes a file; one that is gone already is no failure.
pub(super) async fn remove(path: &Path) -> io::Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a file unless somebody is writing it; `true` when it was there and is gone.
pub(super) async fn remove_idle(path: &Path) -> io::Result<bool> {
    let file = match File::open(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?.into_std().await,
    };
    match file.try_lock() {
        Ok(()) => remove(path).await.map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A file that bytes are added to. Nobody else adds to it meanwhile: neither in this process nor on another node that
/// shares the directory.
#[derive(Debug)]
pub(super) struct Sink {
    file: BufWriter<File>,
    /// Bytes of the file that are known to be there.
    length: u64,
}

impl Sink {
    /// Opens a file at its end; makes it when it is not there.
    ///
    /// # Errors
    /// `unavailable` when another node is writing it; `storage_full`.
    pub(super) async fn open(path: &Path) -> AppResult<Self> {
        let mut options = tokio::fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(path).await.map_err(disk)?.into_std().await;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // A request that was given up may have a last write under way.
                Err(TryLockError::WouldBlock) if tries < TRIES => tokio::time::sleep(WAIT).await,
                Err(TryLockError::WouldBlock) => {
                    let text = "Another piece of this upload is being written.";
                    return Err(AppError::unavailable(text, Duration::from_secs(5)));
                }
                Err(TryLockError::Error(error)) => return Err(disk(error)),
            }
            tries += 1;
        }
        let length = file.metadata().map_err(disk)?.len();
        Ok(Self { file: BufWriter::with_capacity(BUFFER, File::from_std(file)), length })
    }

    /// Bytes that are there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Adds what comes, up to `most` bytes; gives how many came. What came before a connection broke stays; what the
    /// disk has no room for, or comes beyond `most`, is taken back as a whole.
    ///
    /// # Errors
    /// `file_too_large` beyond `most`, which the caller may word otherwise; `storage_full`; errors of the stream.
    pub(super) async fn append(
        &mut self,
        bytes: impl Stream<Item = AppResult<Bytes>>,
        most: u64,
    ) -> AppResult<u64> {
        let mut bytes = std::pin::pin!(bytes);
        let begun = self.length;
        let mut came: u64 = 0;
        let ended = loop {
            let piece = match bytes.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(piece)) => piece,
            };
            came += piece.len() as u64;
            if came > most {
                self.take_back(begun).await;
                return Err(too_large(most));
            }
            if let Err(error) = self.file.write_all(&piece).await {
                self.take_back(begun).await;
                return Err(disk(error));
            }
        };
        if let Err(error) = self.settle().await {
            self.take_back(begun).await;
            return Err(error);
        }
        ended.map(|()| came)
    }

    /// Makes what came durable.
    pub(super) async fn settle(&mut self) -> AppResult<()> {
        self.file.flush().await.map_err(disk)?;
        self.file.get_ref().sync_all().await.map_err(disk)?;
        self.length = self.file.get_ref().metadata().await.map_err(disk)?.len();
        Ok(())
    }

    /// Cuts the file to a length it had before. A failure is only logged: the length of the file says how it is.
    async fn take_back(&mut self, length: u64) {
        if let Err(error) = self.file.get_mut().set_len(length).await {
            tracing::warn!(%error, "a piece of an upload could not be taken back");
        }
        self.length = length;
    }
}

/// More arrived, or was announced, than files may have.
pub(super) fn too_large(limit: u64) -> AppError {
    AppError::new(Code::FileTooLarge, "The file is larger than files may be.").arg("limit", limit)
}

/// A complete file that is here until it is taken in; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
    // Held for its lock: who clears up sees that somebody needs the file.
    sink: Sink,
}

impl Staged {
    /// An empty one with a name nobody else has.
    pub(super) async fn new(app: &App) -> AppResult<Self> {
        let name = hex::encode(app.entropy.bytes::<16>()?);
        let path = app.places.uploads.join(format!("whole-{name}{ENDING}"));
        let sink = Sink::open(&path).await?;
        Ok(Self { path, sink })
    }

    /// See [`Sink::append`].
    pub(super) async fn append(
        &mut self,
        bytes: impl Stream<Item = AppResult<Bytes>>,
        most: u64,
    ) -> AppResult<u64> {
        self.sink.append(bytes, most).await
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // One system call; there is no way to wait here. What stays is swept away a day later.
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a file that had arrived could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sink, received, upload_of};
    use crate::app::AppError;
    use api::Code;
    use bytes::Bytes;
    use domain::UploadId;
    use futures_util::stream;

    fn pieces(texts: &[&'static str]) -> Vec<Result<Bytes, AppError>> {
        texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect()
    }

    #[tokio::test]
    async fn what_came_before_a_break_stays_and_what_is_too_much_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1.part");
        let mut sink = Sink::open(&path).await.unwrap();
        let mut broken = pieces(&["abc", "de"]);
        broken.push(Err(AppError::new(Code::RequestTimeout, "x")));
        let error = sink.append(stream::iter(broken), 100).await.unwrap_err();
        assert_eq!(error.code(), Code::RequestTimeout);
        assert_eq!((sink.length(), received(&path).await.unwrap()), (5, 5));

        let error = sink.append(stream::iter(pieces(&["fgh", "ijk"])), 5).await.unwrap_err();
        assert_eq!(error.code(), Code::FileTooLarge);
        assert_eq!(received(&path).await.unwrap(), 5);

        drop(sink);
        let mut again = Sink::open(&path).await.unwrap();
        assert_eq!(again.append(stream::iter(pieces(&["fg"])), 5).await.unwrap(), 2);
        assert_eq!(tokio::fs::read(&path).await.unwrap(), b"abcdefg");
    }

    #[tokio::test]
    async fn two_never_write_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1.part");
        let first = Sink::open(&path).await.unwrap();
        tokio::time::pause();
        let error = Sink::open(&path).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
        drop(first);
        assert!(Sink::open(&path).await.is_ok());
    }

    #[test]
    fn names_tell_what_a_file_belongs_to() {
        assert_eq!(upload_of("17.part"), Some(UploadId(17)));
        assert_eq!(upload_of("whole-00ff.part"), None);
        assert_eq!(upload_of("17"), None);
    }
}
