//! What a server wants to be fetched or deleted, read from the items of a deployment (`wpi.md` §4.6.1, §4.6.4). Knows
//! no network and no phone.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Action, Item};

use crate::models::Family;

/// Types of files besides firmware (`wpi.md` §4.6.2).
const FILE_TYPES: [&str; 7] = ["RINGTONE", "SCREENSAVER", "LOGO", "PIC", "LDAP", "MOH", "DONGLE"];
/// Type of firmware.
const SOFTWARE: &str = "APP";

/// One file of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileOrder {
    /// Index of its items; `None` in messages of one file.
    pub(crate) index: Option<u16>,
    /// `file-type`, in upper case.
    pub(crate) file_type: String,
    /// Name on the phone.
    pub(crate) name: String,
    /// What is done with it.
    pub(crate) task: FileTask,
}

/// What is done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileTask {
    /// It is fetched from this address.
    Fetch(String),
    /// It should be fetched by FTP, which these phones cannot.
    FetchByFtp,
    /// It is deleted.
    Delete,
}

/// A FileDeployment or SoftwareDeployment that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// Its files; one of software.
    pub(crate) files: Vec<FileOrder>,
    /// What is said of the firmware; `None`: these are files.
    pub(crate) software: Option<OfferedSoftware>,
}

/// What a SoftwareDeployment says of the firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfferedSoftware {
    /// `file-sw-type`, when it is a known family.
    pub(crate) family: Option<Family>,
    /// `file-sw-version`, in the long form.
    pub(crate) version: Option<String>,
}

impl Deployment {
    /// Reads the items; `None` when a phone cannot follow them: nothing to fetch, a type nobody knows, the same file
    /// twice.
    pub(crate) fn read(action: &Action, items: &[Item]) -> Option<Self> {
        let mut by_index: BTreeMap<Option<u16>, Vec<&Item>> = BTreeMap::new();
        for item in items.iter().filter(|item| !is_about_all(&item.name)) {
            by_index.entry(item.index).or_default().push(item);
        }
        let files: Vec<_> =
            by_index.iter().map(|(index, items)| FileOrder::read(*index, items)).collect::<Option<_>>()?;
        let different: BTreeSet<_> = files.iter().map(|file| (&file.file_type, &file.name)).collect();
        if files.is_empty() || different.len() < files.len() {
            return None;
        }
        let is_software = *action == Action::SoftwareDeployment;
        if files.iter().any(|file| (file.file_type == SOFTWARE) != is_software) {
            return None;
        }
        if is_software && (files.len() > 1 || files.iter().any(|file| file.task == FileTask::Delete)) {
            return None;
        }
        let software = is_software.then(|| OfferedSoftware {
            family: value(items, "file-sw-type").and_then(family),
            version: value(items, "file-sw-version").and_then(version),
        });
        Some(Self { files, software })
    }

    /// Files that are fetched.
    pub(crate) fn downloads(&self) -> usize {
        self.files.iter().filter(|file| file.task != FileTask::Delete).count()
    }
}

impl FileOrder {
    fn read(index: Option<u16>, items: &[&Item]) -> Option<Self> {
        let value = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.value.as_str());
        let file_type = value("file-type")?.to_ascii_uppercase();
        if file_type != SOFTWARE && !FILE_TYPES.contains(&file_type.as_str()) {
            return None;
        }
        let given = value("file-name").filter(|name| !name.is_empty());
        let url = value("file-https-base-url").filter(|url| !url.is_empty());
        let task = match (value("file-action").unwrap_or("deploy"), url) {
            ("delete", _) => FileTask::Delete,
            ("deploy", Some(url)) => FileTask::Fetch(url.to_owned()),
            ("deploy", None) if value("file-server").is_some() => FileTask::FetchByFtp,
            _ => return None,
        };
        let name = match &task {
            FileTask::Fetch(url) => last_part(url),
            FileTask::FetchByFtp | FileTask::Delete => given.map(ToOwned::to_owned),
        }?;
        Some(Self { index, file_type, name, task })
    }
}

/// Whether a deployment may disturb a call: `file-priority` is `immediate`, or 1 in old servers (`wpi.md` §4.6.1).
pub(crate) fn is_immediate(items: &[Item]) -> bool {
    value(items, "file-priority").is_some_and(|priority| matches!(priority, "immediate" | "1"))
}

/// Items that concern the whole message, with whatever index they come.
fn is_about_all(name: &str) -> bool {
    matches!(name, "file-priority" | "file-sw-type" | "file-sw-version")
}

fn value<'i>(items: &'i [Item], name: &str) -> Option<&'i str> {
    items.iter().find(|item| item.name == name).map(|item| item.value.as_str())
}

fn family(text: &str) -> Option<Family> {
    text.split_whitespace().next_back()?.parse().ok()
}

/// The long form of a version: `1.4.9.0` is `V1 R4.9.0` (`wpi.md` §7.4).
fn version(text: &str) -> Option<String> {
    if text.starts_with('V') {
        return Some(text.to_owned());
    }
    let (major, release) = text.split_once('.')?;
    let numbers = text.split('.').all(|number| number.parse::<u16>().is_ok());
    (numbers && release.split('.').count() == 3).then(|| format!("V{major} R{release}"))
}

/// The last part of an address, without its escapes: the name of the file (`wpi.md` §4.6.1).
fn last_part(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let (_, rest) = path.split_once("://")?;
    let (_, last) = rest.rsplit_once('/')?;
    let mut bytes = Vec::with_capacity(last.len());
    let mut rest = last.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(items: &[Item]) -> Option<Deployment> {
        Deployment::read(&Action::FileDeployment, items)
    }

    #[test]
    fn a_file_has_the_name_at_the_end_of_its_address() {
        let items = vec![
            Item::new("file-https-base-url", "https://127.0.0.1:1/file/abc/T%C3%BCr%20%26%20Tor%.png"),
            Item::new("file-type", "Logo"),
            Item::new("file-priority", "immediate"),
        ];
        assert!(is_immediate(&items));
        let deployment = file(&items).unwrap();
        let [order] = deployment.files.as_slice() else { panic!("one file") };
        assert_eq!((order.name.as_str(), order.file_type.as_str()), ("Tür & Tor%.png", "LOGO"));
        assert_eq!((order.index, deployment.software, deployment.files.len()), (None, None, 1));
    }

    #[test]
    fn several_files_are_told_apart_by_their_indexes() {
        let items = vec![
            Item::indexed("file-action", 1, "deploy"),
            Item::indexed("file-action", 2, "delete"),
            Item::indexed("file-type", 1, "LOGO"),
            Item::indexed("file-type", 2, "RINGTONE"),
            Item::indexed("file-https-base-url", 1, "https://127.0.0.1/file/logo80.png"),
            Item::indexed("file-name", 2, "marimba.mp3"),
        ];
        let deployment = file(&items).unwrap();
        assert_eq!(deployment.downloads(), 1);
        assert_eq!((deployment.files[1].index, &deployment.files[1].task), (Some(2), &FileTask::Delete));
        let mut twice = items.clone();
        twice[3] = Item::indexed("file-type", 2, "LOGO");
        twice[5] = Item::indexed("file-name", 2, "logo80.png");
        assert_eq!(file(&twice), None);
    }

    #[test]
    fn what_nobody_can_follow_is_refused() {
        let url = || Item::new("file-https-base-url", "https://127.0.0.1/a.png");
        assert_eq!(file(&[]), None);
        assert_eq!(file(&[url()]), None);
        assert_eq!(file(&[url(), Item::new("file-type", "MOVIE")]), None);
        assert_eq!(file(&[url(), Item::new("file-type", "APP")]), None);
        assert_eq!(file(&[Item::new("file-type", "LOGO"), Item::new("file-action", "delete")]), None);
        assert_eq!(file(&[url(), Item::new("file-type", "LOGO"), Item::new("file-action", "burn")]), None);
        let nameless = Item::new("file-https-base-url", "https://127.0.0.1/");
        assert_eq!(file(&[nameless, Item::new("file-type", "LOGO")]), None);
        let software = |items: &[Item]| Deployment::read(&Action::SoftwareDeployment, items);
        assert_eq!(software(&[url(), Item::new("file-type", "LOGO")]), None);
        let ftp =
            vec![Item::new("file-server", "h"), Item::new("file-name", "a"), Item::new("file-type", "MOH")];
        assert_eq!(file(&ftp).unwrap().files[0].task, FileTask::FetchByFtp);
    }

    #[test]
    fn software_says_family_and_version_in_either_form() {
        let read = |version: &str| {
            let items = [
                Item::new("file-https-base-url", "https://127.0.0.1/a.img"),
                Item::new("file-type", "APP"),
                Item::new("file-sw-type", "Siemens HFA"),
                Item::new("file-sw-version", version),
            ];
            Deployment::read(&Action::SoftwareDeployment, &items).unwrap().software.unwrap()
        };
        assert_eq!(read("V3 R5.16.0").version.as_deref(), Some("V3 R5.16.0"));
        assert_eq!(read("1.4.9.0").version.as_deref(), Some("V1 R4.9.0"));
        assert_eq!(read("newest").version, None);
        assert_eq!(read("").family, Some(Family::Hfa));
    }
}
