//! Why the content of a file cannot be handed out.

use std::io;
use std::sync::Arc;

use domain::file::FileState;

use crate::storage::{Fault, StorageError};

/// What went wrong. Cheap to clone: everybody who reads the same file hears of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ContentsError {
    /// The object is not where it should be.
    #[error("the object of the file is gone")]
    Gone,
    /// The disk of this machine refused.
    #[error("the disk refused")]
    Disk(#[source] Arc<io::Error>),
    /// The storage provider failed.
    #[error("the storage provider failed")]
    Provider(#[source] StorageError),
    /// The provider cannot be asked: its row is gone, or its secret cannot be opened.
    #[error("the storage provider cannot be opened: {0}")]
    Closed(String),
    /// What the provider gave is not what was described here.
    #[error("the provider gave other content than was described")]
    WrongContent,
    /// The directory of this node is not the one the files of the built-in provider are in.
    #[error("the directory for files is not the one the installation has its files in")]
    NotShared,
    /// Too many files are being fetched from providers.
    #[error("too many files are being fetched")]
    Busy,
    /// The node is stopping.
    #[error("fetching was given up")]
    GivenUp,
}

impl ContentsError {
    /// A stable word, kept with the download.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone => "not-found",
            Self::Disk(error) if error.kind() == io::ErrorKind::StorageFull => "full",
            Self::Disk(_) => "server-error",
            Self::Provider(error) => error.code(),
            Self::Closed(_) => "unreachable",
            Self::WrongContent => "changed",
            Self::NotShared => crate::app::files::home::NOT_SHARED,
            Self::Busy => "timed-out",
            Self::GivenUp => "interrupted",
        }
    }

    /// Where a file stands by this: its object is gone, or is another one. Asking again does not help.
    pub(super) fn lost(&self) -> Option<FileState> {
        match self {
            Self::Gone => Some(FileState::Missing),
            Self::WrongContent => Some(FileState::Changed),
            Self::Provider(error) => match error.fault() {
                Fault::NotFound => Some(FileState::Missing),
                Fault::ChangedMeanwhile => Some(FileState::Changed),
                _ => None,
            },
            Self::Disk(_) | Self::Closed(_) | Self::NotShared | Self::Busy | Self::GivenUp => None,
        }
    }

    /// What the provider said, when it is that which failed.
    pub fn provider_error(&self) -> Option<&StorageError> {
        match self {
            Self::Provider(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ContentsError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Gone } else { Self::Disk(Arc::new(error)) }
    }
}

impl From<StorageError> for ContentsError {
    fn from(error: StorageError) -> Self {
        Self::Provider(error)
    }
}
