//! What a phone has stored: files, listed by the items `file-deployment-*` (`wpi.md` §4.6.5), and its firmware.

use std::sync::Arc;

use wire::Item;

use super::Phone;
use crate::models::Family;
use crate::table::ItemTable;

/// Files a phone has room for.
const MOST_FILES: u16 = 20;
/// Types of which there is one file at most (`wpi.md` §4.6.2).
const SINGLE_TYPES: [&str; 2] = ["LOGO", "LDAP"];
const NAME: &str = "file-deployment-name";
const TYPE: &str = "file-deployment-type";
const STATUS: &str = "file-deployment-status";
const DATE: &str = "file-deployment-date";
const TIME: &str = "file-deployment-time";

/// A file on a phone, or what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// `file-deployment-name`.
    pub name: String,
    /// `file-deployment-type`.
    pub file_type: String,
    /// `file-deployment-status`.
    pub status: String,
    /// `file-deployment-date`, as dd:mm:yyyy.
    pub date: String,
    /// `file-deployment-time`, as hh:mm:ss.
    pub time: String,
}

impl StoredFile {
    fn fields(&self) -> [(&'static str, &String); 5] {
        let Self { name, file_type, status, date, time } = self;
        [(NAME, name), (TYPE, file_type), (STATUS, status), (DATE, date), (TIME, time)]
    }

    /// The items of a report on this file (`wpi.md` §4.6.3).
    pub(crate) fn items(&self, index: Option<u16>) -> impl Iterator<Item = Item> {
        self.fields().into_iter().map(move |(name, value)| Item {
            name: name.to_owned(),
            index,
            status: None,
            value: value.clone(),
        })
    }

    fn is(&self, file_type: &str, name: &str) -> bool {
        self.file_type == file_type && self.name == name
    }
}

impl Phone {
    /// The files the phone has stored, by their index in the inventory.
    #[must_use]
    pub fn stored_files(&self) -> Vec<(u16, StoredFile)> {
        (1..=MOST_FILES)
            .filter_map(|index| {
                let value = |name: &str| self.value(name, Some(index)).unwrap_or_default();
                let file = StoredFile {
                    name: value(NAME),
                    file_type: value(TYPE),
                    status: value(STATUS),
                    date: value(DATE),
                    time: value(TIME),
                };
                (!file.name.is_empty()).then_some((index, file))
            })
            .collect()
    }

    /// Keep a file: in place of that of the same name and type, of the only one of its type, or in the first free
    /// place. `false`: there is no room.
    pub(crate) fn store_file(&mut self, file: &StoredFile) -> bool {
        let stored = self.stored_files();
        let single = SINGLE_TYPES.contains(&file.file_type.as_str());
        let same = stored.iter().find(|(_, old)| {
            old.is(&file.file_type, &file.name) || single && old.file_type == file.file_type
        });
        let free = || (1..=MOST_FILES).find(|index| stored.iter().all(|(taken, _)| taken != index));
        let Some(index) = same.map(|(index, _)| *index).or_else(free) else { return false };
        self.put(index, file)
    }

    /// Forget a file. `false`: the phone does not have it.
    pub(crate) fn delete_file(&mut self, file_type: &str, name: &str) -> bool {
        let stored = self.stored_files();
        let Some((index, _)) = stored.iter().find(|(_, file)| file.is(file_type, name)) else { return false };
        let [name, file_type, status, date, time] = [(); 5].map(|()| String::new());
        self.put(*index, &StoredFile { name, file_type, status, date, time })
    }

    fn put(&mut self, index: u16, file: &StoredFile) -> bool {
        for (name, value) in file.fields() {
            let Ok(id) = self.table.find(name, Some(index)) else { return false };
            self.changed.insert(id, value.clone());
        }
        true
    }

    /// Run other firmware. A phone of the other family has other items; values of items it no longer has are lost
    /// (`wpi.md` §4.6.6).
    pub(crate) fn set_software(&mut self, version: String, family: Family) {
        self.identity.firmware = version;
        if family == self.identity.family {
            return;
        }
        let values = self.changed_values();
        self.identity.family = family;
        self.table = Arc::new(ItemTable::new(&self.identity, self.table.reported().len()));
        self.changed.clear();
        self.local_changes.clear();
        self.restore(self.factory_fresh, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::openstage_40;

    fn file(file_type: &str, name: &str) -> StoredFile {
        StoredFile {
            name: name.to_owned(),
            file_type: file_type.to_owned(),
            status: "ok".to_owned(),
            date: "17:03:2026".to_owned(),
            time: "09:41:30".to_owned(),
        }
    }

    fn names(phone: &Phone) -> Vec<(u16, String)> {
        phone.stored_files().into_iter().map(|(index, file)| (index, file.name)).collect()
    }

    #[test]
    fn files_have_places_and_a_logo_replaces_the_logo() {
        let mut phone = openstage_40();
        assert_eq!(names(&phone), [(1, "logo.bmp".to_owned())]);
        assert!(phone.store_file(&file("RINGTONE", "a.wav")));
        assert!(phone.store_file(&file("RINGTONE", "b.wav")));
        assert!(phone.store_file(&file("LOGO", "new.bmp")));
        let all = [(1, "new.bmp".to_owned()), (2, "a.wav".to_owned()), (3, "b.wav".to_owned())];
        assert_eq!(names(&phone), all);
        assert!(phone.delete_file("RINGTONE", "a.wav") && !phone.delete_file("RINGTONE", "a.wav"));
        assert!(!phone.delete_file("MOH", "b.wav"));
        assert!(phone.read_all().contains(&Item::indexed("file-deployment-name", 3, "b.wav")));
        assert!(phone.read_all().contains(&Item::indexed("file-deployment-name", 2, "")));
        // The first free place, and the same file stays at its own.
        assert!(phone.store_file(&file("MOH", "c.wav")) && phone.store_file(&file("RINGTONE", "b.wav")));
        assert_eq!(names(&phone)[1], (2, "c.wav".to_owned()));
        assert_eq!(names(&phone).len(), 3);
        for number in 4..=20 {
            assert!(phone.store_file(&file("PIC", &format!("{number}.jpg"))));
        }
        assert!(!phone.store_file(&file("PIC", "21.jpg")));
        phone.factory_reset();
        assert_eq!(names(&phone), []);
    }

    #[test]
    fn another_family_keeps_what_both_have() {
        let mut phone = openstage_40();
        phone.write(vec![Item::new("ringer-audio-file", "a.wav"), Item::new("sip-user-id", "4711")]);
        phone.store_file(&file("RINGTONE", "a.wav"));
        phone.set_software("V3 R0.42.0".to_owned(), Family::Hfa);
        assert_eq!(phone.value("software-version", None).as_deref(), Some("V3 R0.42.0"));
        assert_eq!(phone.value("software-type", None).as_deref(), Some("Siemens HFA"));
        assert_eq!(phone.value("sip-user-id", None), None);
        assert_eq!(phone.value("ringer-audio-file", None).as_deref(), Some("a.wav"));
        assert_eq!((names(&phone).len(), phone.read_all().len()), (2, 300 + 5));
        phone.set_software("V3 R5.16.0".to_owned(), Family::Sip);
        assert_ne!(phone.value("sip-user-id", None).as_deref(), Some("4711"));
    }
}
