//! Fetching one copy from its provider: written down as it comes, begun again where it broke off, checked at its end.

use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::contents::Growth;
use super::copies::Wanted;
use super::error::ContentsError;
use crate::storage::{Fault, StorageError};

/// Bytes written at once; readers see them then.
const PIECE: usize = 64 * 1024;

/// Pauses before the next tries; after the last one it is given up.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Least bytes that a provider brings in each [`STRETCH`]; one that only drips is given up, so that it does not keep the
/// files of others waiting.
const LEAST: u64 = 16 * 1024;
const STRETCH: Duration = Duration::from_secs(30);

/// A try that brought so many bytes was worth it: the pauses begin anew.
const PROGRESS: u64 = 1024 * 1024;

/// The content of an object on its way.
pub(super) struct Incoming {
    /// Size of the whole object.
    pub(super) size: u64,
    /// What the provider calls this content.
    pub(super) tag: Option<String>,
    /// The bytes, from where they were asked for to the end.
    pub(super) bytes: BoxStream<'static, Result<Bytes, StorageError>>,
}

/// Where a copy is fetched from.
pub(super) trait Origin: Send + Sync + 'static {
    /// Asks for the object from a byte on, and only for the content with this tag.
    fn read(
        &self,
        from: u64,
        tag: Option<&str>,
    ) -> impl Future<Output = Result<Incoming, ContentsError>> + Send;

    /// Bytes that may be written now where copies are kept.
    fn room(&self) -> impl Future<Output = Result<u64, ContentsError>> + Send;

    /// Is told how it ended: with the SHA-256, or why not.
    fn over(&self, outcome: Result<&str, &ContentsError>) -> impl Future<Output = ()> + Send;
}

/// How far it is.
struct State {
    written: u64,
    hasher: Sha256,
    tag: Option<String>,
}

/// Fetches an object into a file; gives its SHA-256 once all of it is on the disk and is what was wanted.
pub(super) async fn fetch(
    origin: &impl Origin,
    wanted: &Wanted,
    disk: std::fs::File,
    grow: &watch::Sender<Growth>,
) -> Result<String, ContentsError> {
    let mut state = State { written: 0, hasher: Sha256::new(), tag: wanted.tag.clone() };
    let mut disk = Some(disk);
    let mut pauses = PAUSES.iter();
    loop {
        let before = state.written;
        let Err(error) = attempt(origin, wanted, &mut state, &mut disk, grow).await else { break };
        if state.written - before >= PROGRESS {
            pauses = PAUSES.iter();
        }
        // Without a tag nobody knows whether the rest belongs to the beginning.
        let resumable = state.written == 0 || state.tag.is_some();
        let pause = pauses.next().filter(|_| resumable && is_passing(&error));
        let Some(pause) = pause else { return Err(error) };
        tracing::info!(error = error.code(), written = state.written, "fetching a file is tried again");
        tokio::time::sleep(*pause).await;
    }
    let sha256 = hex::encode(state.hasher.finalize());
    if wanted.sha256.as_ref().is_some_and(|wanted| *wanted != sha256) {
        return Err(ContentsError::WrongContent);
    }
    let disk = disk.ok_or(ContentsError::GivenUp)?;
    let synced = tokio::task::spawn_blocking(move || disk.sync_all());
    synced.await.map_err(|_| ContentsError::GivenUp)??;
    Ok(sha256)
}

/// Whether the same may go well a moment later.
fn is_passing(error: &ContentsError) -> bool {
    let fault = error.provider_error().map(StorageError::fault);
    fault.is_some_and(|fault| {
        matches!(fault, Fault::Unreachable | Fault::TimedOut | Fault::LiedAboutLength | Fault::ServerError)
    })
}

async fn attempt(
    origin: &impl Origin,
    wanted: &Wanted,
    state: &mut State,
    disk: &mut Option<std::fs::File>,
    grow: &watch::Sender<Growth>,
) -> Result<(), ContentsError> {
    if state.written == wanted.size && state.written > 0 {
        return Ok(());
    }
    let mut incoming = origin.read(state.written, state.tag.as_deref()).await?;
    if incoming.size != wanted.size {
        return Err(ContentsError::WrongContent);
    }
    if state.written == 0 {
        state.tag = incoming.tag.take().or(state.tag.take());
    }
    let mut buffer = Vec::with_capacity(PIECE);
    let (mut stretch, mut came) = (Instant::now() + STRETCH, 0);
    let came: Result<(), ContentsError> = loop {
        let Ok(next) = timeout_at(stretch, incoming.bytes.next()).await else {
            if came < LEAST {
                break Err(StorageError::new(Fault::TimedOut, "it only drips").into());
            }
            (stretch, came) = (Instant::now() + STRETCH, 0);
            continue;
        };
        match next {
            None => break Ok(()),
            Some(Err(error)) => break Err(error.into()),
            Some(Ok(bytes)) => {
                came += bytes.len() as u64;
                buffer.extend_from_slice(&bytes);
                if buffer.len() >= PIECE {
                    write(&mut buffer, state, disk, grow, wanted.size).await?;
                }
            }
        }
    };
    // What came before it broke off need not be fetched again.
    write(&mut buffer, state, disk, grow, wanted.size).await?;
    came?;
    if state.written == wanted.size { Ok(()) } else { Err(StorageError::from(Fault::LiedAboutLength).into()) }
}

async fn write(
    buffer: &mut Vec<u8>,
    state: &mut State,
    disk: &mut Option<std::fs::File>,
    grow: &watch::Sender<Growth>,
    size: u64,
) -> Result<(), ContentsError> {
    let length = buffer.len() as u64;
    if length == 0 {
        return Ok(());
    }
    // The storage counts, too; but never may a copy take more room than was planned for.
    if state.written.saturating_add(length) > size {
        return Err(ContentsError::WrongContent);
    }
    let mut file = disk.take().ok_or(ContentsError::GivenUp)?;
    let mut hasher = std::mem::take(&mut state.hasher);
    let bytes = std::mem::take(buffer);
    let written = tokio::task::spawn_blocking(move || {
        hasher.update(&bytes);
        let result = file.write_all(&bytes);
        (file, hasher, bytes, result)
    });
    let (file, hasher, bytes, result) = written.await.map_err(|_| ContentsError::GivenUp)?;
    (*disk, state.hasher, *buffer) = (Some(file), hasher, bytes);
    result?;
    buffer.clear();
    state.written += length;
    grow.send_modify(|growth| growth.written = state.written);
    Ok(())
}
