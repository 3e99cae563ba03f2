//! What is looked at before a phone gets something: its model, what it runs, which files it has.

use std::collections::{BTreeMap, BTreeSet};

use domain::ClientId;
use domain::deployment::choose::{ALREADY_SO, Choice, Firmware, Permits, Running, choose};
use domain::deployment::outcome::{OnPhone, installed, is_in_use, is_installed};
use domain::deployment::{DeployedFile, DeploymentOptions, FileAction};
use domain::file::fit::{Described, fits};
use domain::file::{FileState, FileType};
use domain::model::{DeviceModel, model_of};

use crate::App;
use crate::store::clients::Client;
use crate::store::file_history::Offered;
use crate::store::file_offers::is_content;
use crate::store::files::File;
use crate::store::{Source, StoreResult, fleet};

/// Item with the version a phone runs.
pub const SOFTWARE_VERSION: &str = "software-version";

/// Item with the name of a file on a phone, one index a file (`wpi.md` §4.6.5).
pub const FILE_NAME: &str = "file-deployment-name";

const FILE_TYPE: &str = "file-deployment-type";
const FILE_STATUS: &str = "file-deployment-status";
const FILE_DATE: &str = "file-deployment-date";
const FILE_TIME: &str = "file-deployment-time";

/// The file is no longer there.
pub const FILE_GONE: &str = "file-gone";

/// The file is there and cannot be deployed.
pub const FILE_NOT_READY: &str = "file-not-ready";

/// A client, as far as deployments look at it.
#[derive(Clone, Debug)]
pub struct Facts {
    model: Option<&'static DeviceModel>,
    software_type: Option<String>,
    /// Version it runs.
    pub software_version: Option<String>,
    /// Whether it ever told which files it has.
    was_read: bool,
    /// Files it has.
    pub inventory: Vec<OnPhone>,
    /// What it was offered.
    offers: Vec<Offered>,
}

impl Facts {
    /// Of a client with these files, that was offered these.
    pub fn of(client: &Client, inventory: Vec<OnPhone>, offers: Vec<Offered>) -> Self {
        let reported = client.device_type.as_deref().or(client.model.as_deref());
        Self {
            model: reported.and_then(model_of),
            software_type: client.software_type.clone(),
            software_version: client.software_version.clone(),
            was_read: client.full_read_at.is_some(),
            inventory,
            offers,
        }
    }

    /// Why a file is not for the phone's model.
    fn misfit(&self, file: &File, file_type: FileType) -> Option<&'static str> {
        let described = Described {
            file_type,
            facts: &file.facts,
            size: file.size,
            models: &file.models,
            software_type: file.software_type.as_deref(),
        };
        if file.state != FileState::Ready {
            return Some(FILE_NOT_READY);
        }
        fits(&described, self.model).err().map(domain::file::fit::Misfit::code)
    }

    /// What the phone says of when it got the file that it has under this type and name: empty when it does not say, or
    /// never told which files it has. `None` when it has none.
    pub fn had_before(&self, (file_type, name): (FileType, &str)) -> Option<String> {
        if !self.was_read {
            return Some(String::new());
        }
        installed(&self.inventory, name, file_type).map(|entry| entry.written.clone())
    }

    /// Which of the files with software the phone gets.
    ///
    /// # Errors
    /// Why it gets none.
    pub fn software(&self, files: &[&File], options: &DeploymentOptions) -> Result<Choice, &'static str> {
        let offered: Vec<Firmware<'_>> = files
            .iter()
            .map(|file| Firmware {
                misfit: self.misfit(file, FileType::Software),
                software_type: file.software_type.as_deref(),
                version: file.software_version.as_deref(),
            })
            .collect();
        if offered.is_empty() {
            return Err(FILE_GONE);
        }
        let running = Running {
            software_type: self.software_type.as_deref(),
            version: self.software_version.as_deref(),
        };
        let permits = Permits {
            again: options.again,
            downgrade: options.allow_downgrade,
            family_change: options.allow_family_change,
        };
        choose(running, &offered, permits)
    }

    /// Whether the phone gets a file, or has one deleted.
    ///
    /// # Errors
    /// Why not.
    pub fn file(
        &self,
        file: Option<&File>,
        deployed: &DeployedFile,
        again: bool,
    ) -> Result<(), &'static str> {
        let place = (deployed.file_type, deployed.name.as_str());
        let there = self.was_read.then(|| is_installed(&self.inventory, place.1, place.0));
        match deployed.action {
            FileAction::Delete if there == Some(false) => Err(ALREADY_SO),
            FileAction::Delete => Ok(()),
            FileAction::Deploy => {
                let file = file.ok_or(FILE_GONE)?;
                match self.misfit(file, deployed.file_type) {
                    Some(misfit) => Err(misfit),
                    None if self.was_read && has(&self.inventory, &self.offers, file, place) && !again => {
                        Err(ALREADY_SO)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// Whether a phone has a file under this type and name. What it tells proves the name only: where it took something
/// from us, that must have been this content. Of a phone that never took anything from us under it, the name counts.
pub fn has(inventory: &[OnPhone], offers: &[Offered], file: &File, place: (FileType, &str)) -> bool {
    let (file_type, name) = place;
    if !is_installed(inventory, name, file_type) {
        return false;
    }
    let here = offers.iter().filter(|offer| offer.taken_at.is_some() && offer.is_at(file_type, name));
    here.max_by_key(|offer| offer.taken_at).is_none_or(|last| {
        let same = last.taken.as_deref().and_then(|taken| is_content(file, taken));
        same.unwrap_or(last.file == file.id)
    })
}

/// The files that clients say they have, without date and time.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn inventories(
    app: &App,
    on: &impl Source,
    ids: &[ClientId],
) -> StoreResult<BTreeMap<ClientId, Vec<OnPhone>>> {
    read(app, on, ids, false).await
}

/// The files that a client says it has, with date and time.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn inventory(app: &App, on: &impl Source, id: ClientId) -> StoreResult<Vec<OnPhone>> {
    Ok(read(app, on, &[id], true).await?.remove(&id).unwrap_or_default())
}

async fn read(
    app: &App,
    on: &impl Source,
    ids: &[ClientId],
    dated: bool,
) -> StoreResult<BTreeMap<ClientId, Vec<OnPhone>>> {
    let [name, kind, status] = [FILE_NAME, FILE_TYPE, FILE_STATUS].map(|item| app.store.item_number(item));
    let [date, time] = [FILE_DATE, FILE_TIME].map(|item| app.store.item_number(item).filter(|_| dated));
    let items: BTreeSet<i64> = [name, kind, status, date, time].into_iter().flatten().collect();
    let mut entries: BTreeMap<(ClientId, Option<u16>), OnPhone> = BTreeMap::new();
    for ((client, item, index), reported) in fleet::reported(on, ids, &items).await? {
        let entry = entries.entry((client, index)).or_default();
        let text = reported.text.unwrap_or_default();
        let item = Some(item);
        if item == name {
            entry.name = text;
        } else if item == kind {
            entry.kind = text;
        } else if item == status {
            entry.status = text;
        } else if item == date {
            entry.written = format!("{text} {}", entry.written);
        } else if item == time {
            entry.written.push_str(&text);
        }
    }
    let mut inventories: BTreeMap<ClientId, Vec<OnPhone>> = BTreeMap::new();
    for ((client, _), entry) in entries {
        if is_in_use(&entry.name) {
            inventories.entry(client).or_default().push(entry);
        }
    }
    Ok(inventories)
}

/// What a `status` message says of files: one entry an index, or one without.
pub fn entries<'a>(items: impl Iterator<Item = (&'a str, Option<u16>, &'a str)>) -> Vec<OnPhone> {
    let mut entries: BTreeMap<Option<u16>, OnPhone> = BTreeMap::new();
    for (name, index, text) in items {
        let place = match name {
            FILE_NAME => &mut entries.entry(index).or_default().name,
            FILE_TYPE => &mut entries.entry(index).or_default().kind,
            FILE_STATUS => &mut entries.entry(index).or_default().status,
            _ => continue,
        };
        text.clone_into(place);
    }
    entries.into_values().collect()
}
