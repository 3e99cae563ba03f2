//! Items a phone is told to refuse, whatever its item table says: how tests and demonstrations make
//! a model that knows less, or a firmware that takes less (`wpi.md` §3.6, §7.2).
//!
//! A refusal is a rule, not a value: where it comes from (command line, fleet file, a test) is not known
//! here, and neither is the phone.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use tokio::fs;
use wire::ItemStatus;

/// Longest refuse file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Longest status word, in characters; the documented ones are far shorter.
const LONGEST_WORD: usize = 64;

/// One item that is answered with a status instead of being taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Item name, case sensitive.
    pub item: String,
    /// The refused index; `None` refuses the item with every index and without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u16>,
    /// The answer. `unknown item` and `not supported` also take the item out of all reports; the
    /// other words only refuse writes.
    #[serde(serialize_with = "write_status", deserialize_with = "read_status")]
    pub status: ItemStatus,
}

impl Refusal {
    /// Refuse an item with every index.
    pub fn of(item: impl Into<String>, status: ItemStatus) -> Self {
        Self { item: item.into(), index: None, status }
    }

    /// Refuse one index of an item.
    pub fn of_index(item: impl Into<String>, index: u16, status: ItemStatus) -> Self {
        Self { item: item.into(), index: Some(index), status }
    }

    fn hits(&self, name: &str, index: Option<u16>) -> bool {
        self.item == name && (self.index.is_none() || self.index == index)
    }
}

fn write_status<S: Serializer>(status: &ItemStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

fn read_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ItemStatus, D::Error> {
    let word = String::deserialize(deserializer)?;
    let plain = word.chars().all(|character| !character.is_control());
    if word.trim().is_empty() || !plain || word.chars().count() > LONGEST_WORD {
        return Err(de::Error::custom(
            "a status is one of the words of an item status, for instance `read only`",
        ));
    }
    Ok(ItemStatus::parse(&word))
}

/// The refusals in force at one phone: those it shares with its fleet and those of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) of_fleet: Arc<[Refusal]>,
    pub(crate) own: Vec<Refusal>,
}

impl Refusals {
    /// What is answered to a write; the phone's own rule wins.
    pub(crate) fn status(&self, name: &str, index: Option<u16>) -> Option<&ItemStatus> {
        let mut all = self.own.iter().chain(self.of_fleet.iter());
        all.find(|refusal| refusal.hits(name, index)).map(|refusal| &refusal.status)
    }

    /// What is answered to a read: only a phone that has no such item refuses to say its value.
    pub(crate) fn absence(&self, name: &str, index: Option<u16>) -> Option<&ItemStatus> {
        self.status(name, index)
            .filter(|status| matches!(status, ItemStatus::UnknownItem | ItemStatus::NotSupported))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.of_fleet.is_empty()
    }
}

/// Read a refuse file: a JSON list of `{"item": …, "index": …, "status": …}`, the index optional.
///
/// # Errors
/// [`RefuseFileError`] when it cannot be read, is longer than 1 MiB or is not such a list.
pub async fn load_refusals(path: &Path) -> Result<Vec<Refusal>, RefuseFileError> {
    let error = |kind| RefuseFileError { path: path.to_owned(), kind };
    let read = |source| error(RefuseFileErrorKind::Read { source });
    let length = fs::metadata(path).await.map_err(read)?.len();
    if length > MOST_BYTES {
        return Err(error(RefuseFileErrorKind::TooLong { length }));
    }
    let bytes = fs::read(path).await.map_err(read)?;
    serde_json::from_slice(&bytes).map_err(|source| error(RefuseFileErrorKind::Json { source }))
}

/// The refuse file cannot be used.
#[derive(Debug, Error)]
#[error("refuse file {}", path.display())]
pub struct RefuseFileError {
    /// The file.
    pub path: PathBuf,
    /// What was wrong.
    #[source]
    pub kind: RefuseFileErrorKind,
}

/// What was wrong with a refuse file.
#[derive(Debug, Error)]
pub enum RefuseFileErrorKind {
    /// It cannot be read.
    #[error("reading it")]
    Read {
        /// What the system said.
        source: io::Error,
    },
    /// It is not a JSON list of refusals.
    #[error("understanding its JSON")]
    Json {
        /// Where and why.
        source: serde_json::Error,
    },
    /// It is longer than any such list.
    #[error("it has {length} bytes, more than {MOST_BYTES}")]
    TooLong {
        /// Its length.
        length: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phones_own_rule_wins_and_a_rule_without_index_hits_every_index() {
        let refusals = Refusals {
            of_fleet: Arc::from([Refusal::of("key-label-unicode", ItemStatus::Failed)]),
            own: vec![Refusal::of_index("key-label-unicode", 2, ItemStatus::NotSupported)],
        };
        let status = |index| refusals.status("key-label-unicode", index).cloned();
        assert_eq!(status(Some(2)), Some(ItemStatus::NotSupported));
        assert_eq!(status(Some(3)), Some(ItemStatus::Failed));
        assert_eq!(status(None), Some(ItemStatus::Failed));
        assert_eq!(refusals.status("key-label", Some(2)), None);
        assert_eq!(refusals.absence("key-label-unicode", Some(3)), None);
        assert_eq!(refusals.absence("key-label-unicode", Some(2)), Some(&ItemStatus::NotSupported));
    }

    #[tokio::test]
    async fn a_refuse_file_is_a_list_of_items_and_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("refuse.json");
        let load = async |text: &str| {
            fs::write(&path, text).await.unwrap();
            load_refusals(&path).await
        };
        let text = r#"[{"item":"reg-addr","status":"Read Only"},{"item":"alert","index":3,"status":"odd"}]"#;
        let odd = ItemStatus::Other("odd".to_owned());
        let expected =
            vec![Refusal::of("reg-addr", ItemStatus::ReadOnly), Refusal::of_index("alert", 3, odd)];
        assert_eq!(load(text).await.unwrap(), expected);
        let written = serde_json::to_string(&expected).unwrap();
        assert_eq!(load(&written).await.unwrap(), expected);
        for wrong in [
            "{}",
            r#"[{"item":"reg-addr"}]"#,
            r#"[{"item":"reg-addr","status":" "}]"#,
            r#"[{"item":"reg-addr","status":"failed","value":"x"}]"#,
            r#"[{"item":"reg-addr","status":"failed","index":70000}]"#,
        ] {
            assert!(
                matches!(load(wrong).await.unwrap_err().kind, RefuseFileErrorKind::Json { .. }),
                "{wrong}"
            );
        }
        let missing = load_refusals(&directory.path().join("none")).await.unwrap_err();
        assert!(matches!(missing.kind, RefuseFileErrorKind::Read { .. }));
    }
}
