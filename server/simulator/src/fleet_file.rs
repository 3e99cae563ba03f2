//! The fleet file: keeps simulated phones stable between runs (D-38).
//!
//! Holds who the phones are and what was written into them, as JSON. What follows from the seed is not
//! in it. Secrets that a server wrote are: the file is a test fixture and readable by its owner only.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::identity::Identity;
use crate::phone::{ChangedValue, Phone};
use crate::refusal::Refusal;

const FORMAT: u32 = 1;
/// Longest file that is read: a million phones with a handful of changes each.
const MOST_BYTES: u64 = 1 << 30;

/// The phones of a fleet as they were left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetFile {
    format: u32,
    /// The phones, by number from 0.
    pub phones: Vec<StoredPhone>,
}

/// One phone as it was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPhone {
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Whether it was reset and not configured since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub factory_fresh: bool,
    /// What was written or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ChangedValue>,
    /// What it refuses, besides what its model does not take; written into the file by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuse: Vec<Refusal>,
}

impl StoredPhone {
    /// A phone of which nothing but the identity is known.
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, factory_fresh: false, values: Vec::new(), refuse: Vec::new() }
    }
}

impl From<&Phone> for StoredPhone {
    fn from(phone: &Phone) -> Self {
        Self {
            identity: phone.identity().clone(),
            factory_fresh: phone.is_factory_fresh(),
            values: phone.changed_values(),
            refuse: phone.refusals().to_vec(),
        }
    }
}

impl FleetFile {
    /// A file of these phones.
    #[must_use]
    pub fn new(phones: Vec<StoredPhone>) -> Self {
        Self { format: FORMAT, phones }
    }

    /// Read the file; `None` when there is none yet.
    ///
    /// # Errors
    /// [`FleetFileError`] when it cannot be read, is of another format, or its phones are not numbered
    /// from 0 without gaps.
    pub async fn load(path: &Path) -> Result<Option<Self>, FleetFileError> {
        let error = |kind| FleetFileError { path: path.to_owned(), kind };
        let length = match fs::metadata(path).await {
            Ok(metadata) => metadata.len(),
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(error(FleetFileErrorKind::Read { source })),
        };
        if length > MOST_BYTES {
            return Err(error(FleetFileErrorKind::TooLong { length }));
        }
        let bytes = fs::read(path).await.map_err(|source| error(FleetFileErrorKind::Read { source }))?;
        let file: Self =
            serde_json::from_slice(&bytes).map_err(|source| error(FleetFileErrorKind::Json { source }))?;
        if file.format != FORMAT {
            return Err(error(FleetFileErrorKind::Format { format: file.format }));
        }
        let misplaced = (0..).zip(&file.phones).find(|(place, phone)| phone.identity.number != *place);
        match misplaced {
            Some((place, _)) => Err(error(FleetFileErrorKind::Numbering { place })),
            None => Ok(Some(file)),
        }
    }

    /// Write the file beside its place and move it there, so that a broken-off run leaves the old one.
    ///
    /// # Errors
    /// [`FleetFileError`] when a step fails.
    pub async fn save(&self, path: &Path) -> Result<(), FleetFileError> {
        let error = |kind| FleetFileError { path: path.to_owned(), kind };
        let bytes = serde_json::to_vec(self).map_err(|source| error(FleetFileErrorKind::Json { source }))?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let beside = path.with_file_name(name);
        let write = async {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            options.mode(0o600);
            let mut file = options.open(&beside).await?;
            file.write_all(&bytes).await?;
            file.sync_all().await?;
            fs::rename(&beside, path).await
        };
        write.await.map_err(|source| error(FleetFileErrorKind::Write { source }))
    }
}

/// The fleet file cannot be used.
#[derive(Debug, Error)]
#[error("fleet file {}", path.display())]
pub struct FleetFileError {
    /// The file.
    pub path: PathBuf,
    /// What was wrong.
    #[source]
    pub kind: FleetFileErrorKind,
}

/// What was wrong with a fleet file.
#[derive(Debug, Error)]
pub enum FleetFileErrorKind {
    /// It exists and cannot be read.
    #[error("reading it")]
    Read {
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("writing it")]
    Write {
        /// What the system said.
        source: io::Error,
    },
    /// It is not the JSON of a fleet.
    #[error("understanding its JSON")]
    Json {
        /// Where and why.
        source: serde_json::Error,
    },
    /// It is longer than any fleet.
    #[error("it has {length} bytes, more than {MOST_BYTES}")]
    TooLong {
        /// Its length.
        length: u64,
    },
    /// It was written by another version.
    #[error("it has format {format}, this version reads {FORMAT}")]
    Format {
        /// Its format.
        format: u32,
    },
    /// A phone is missing or doubled.
    #[error("phone {place} is not at its place")]
    Numbering {
        /// The first wrong place.
        place: u32,
    },
}

#[cfg(test)]
mod tests {
    use wire::{Item, ItemStatus};

    use super::*;
    use crate::testing::openstage_40;

    #[tokio::test]
    async fn phones_come_back_from_the_file_as_they_went_in() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fleet.json");
        assert_eq!(FleetFile::load(&path).await.unwrap(), None);
        let mut phone = openstage_40();
        phone.factory_reset();
        phone.write(vec![Item::new("e164", "4711"), Item::indexed("key-label-unicode", 2, "Tür \"1\"")]);
        phone.refuse(vec![Refusal::of_index("alert", 2, ItemStatus::NotSupported)]);
        let file = FleetFile::new(vec![StoredPhone::from(&phone)]);
        file.save(&path).await.unwrap();
        let loaded = FleetFile::load(&path).await.unwrap().unwrap();
        assert_eq!(loaded, file);
        let mut again = openstage_40();
        let stored = loaded.phones.into_iter().next().unwrap();
        again.refuse(stored.refuse);
        again.restore(stored.factory_fresh, stored.values);
        assert_eq!(again.refusals(), phone.refusals());
        assert_eq!(again.read_all(), phone.read_all());
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left beside the file");
    }

    #[tokio::test]
    async fn a_broken_foreign_or_misnumbered_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fleet.json");
        let kind = async |text: &str| {
            fs::write(&path, text).await.unwrap();
            FleetFile::load(&path).await.unwrap_err().kind
        };
        assert!(matches!(kind("{").await, FleetFileErrorKind::Json { .. }));
        let format = kind(r#"{"format":7,"phones":[]}"#).await;
        assert!(matches!(format, FleetFileErrorKind::Format { format: 7 }));
        let phone = serde_json::to_string(&StoredPhone::from(&openstage_40())).unwrap();
        let twice = kind(&format!(r#"{{"format":1,"phones":[{phone},{phone}]}}"#)).await;
        assert!(matches!(twice, FleetFileErrorKind::Numbering { place: 1 }));
        let model = phone.replace("OpenStage 40", "OpenStage 41");
        let unknown = kind(&format!(r#"{{"format":1,"phones":[{model}]}}"#)).await;
        assert!(matches!(unknown, FleetFileErrorKind::Json { .. }));
    }
}
