//! Firmware: which versions run where, what is newer here, what templates would update, and the plan for it (OSEM §9,
//! `wpi.md` §7.4).

mod client;
mod due;
mod kept;
mod plan;

pub use client::files_of;
pub use kept::Kept;
pub use plan::plan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::configuration::Reason;
use api::file::{FirmwareFile, FirmwareModel, FirmwareOverview, FirmwareVersion};
use domain::client::FirmwareState;
use domain::job::JobKind;
use domain::software::SoftwareVersion;

use super::deployments::fitting::misfit;
use super::deployments::served::Served;
use super::error::AppResult;
use super::layers;
use crate::App;
use crate::store::client_firmware::{Alike, ByFirmware, Takes};
use crate::store::files::File;
use crate::store::firmware::{self as rows, Running};
use crate::store::{StoreResult, deployments};
use due::Bringing;

/// Software that can be deployed, and what of it is for whom.
pub(super) struct Shelf {
    files: Vec<File>,
}

impl Shelf {
    async fn read(app: &App) -> StoreResult<Self> {
        Ok(Self { files: rows::files(&app.store).await? })
    }

    /// How phones are given them.
    async fn served(&self, app: &App) -> StoreResult<Served> {
        let files: Vec<(&File, &str)> = self.files.iter().map(|file| (file, file.name.as_str())).collect();
        Served::of(app, &app.store, &files).await
    }

    /// Files for a model and family, newest first.
    fn fitting(&self, model: &str, software_type: Option<&str>) -> Vec<&File> {
        self.files.iter().filter(|file| misfit(file, Some(model), software_type).is_none()).collect()
    }

    /// The newest one whose version can be compared.
    fn newest(&self, model: &str, software_type: Option<&str>) -> Option<(&File, SoftwareVersion)> {
        let version = |file: &File| file.software_version.as_deref().and_then(SoftwareVersion::parse);
        self.fitting(model, software_type).into_iter().find_map(|file| Some((file, version(file)?)))
    }
}

/// Whether a phone runs something older.
fn is_older(running: Option<&str>, newest: Option<SoftwareVersion>) -> bool {
    match (running.and_then(SoftwareVersion::parse), newest) {
        (Some(running), Some(newest)) => running < newest,
        _ => false,
    }
}

/// Which versions run where, and what could be updated.
///
/// # Errors
/// When the database cannot be asked.
pub async fn overview(app: &App) -> AppResult<FirmwareOverview> {
    let layers = layers::snapshot(app, &app.store).await?;
    let shelf = Shelf::read(app).await?;
    let served = shelf.served(app).await?;
    let bringing = Bringing::of(&layers);
    let running = kept::running(app, bringing.asked()).await?;
    let due = bringing.due(app, &served, &running).await?.clients;
    let mut models: BTreeMap<(String, Option<String>), Vec<&Running>> = BTreeMap::new();
    for one in running.iter() {
        models.entry((one.model.clone(), one.software_type.clone())).or_default().push(one);
    }
    let models: Vec<FirmwareModel> = models
        .into_iter()
        .map(|((model, software_type), running)| model_view(&shelf, &served, model, software_type, &running))
        .collect();
    let clients = |model: &FirmwareModel| model.versions.iter().map(|version| version.clients).sum::<u64>();
    Ok(FirmwareOverview {
        clients: models.iter().map(clients).sum(),
        outdated: models.iter().map(|model| model.outdated).sum(),
        due,
        under_way: deployments::under_way(&app.store, JobKind::DeploySoftware, app.clock.now()).await?,
        models,
    })
}

/// The clients of a figure of the page, as a filter.
///
/// # Errors
/// When the database cannot be asked.
pub async fn clients(app: &App, asked: FirmwareState) -> AppResult<ByFirmware> {
    let takes = match asked {
        FirmwareState::Phones => Takes::Phones,
        FirmwareState::Updating => Takes::Updating,
        FirmwareState::Outdated | FirmwareState::Due => {
            let layers = layers::snapshot(app, &app.store).await?;
            let shelf = Shelf::read(app).await?;
            let bringing = Bringing::of(&layers);
            let running = kept::running(app, bringing.asked()).await?;
            if asked == FirmwareState::Due {
                bringing.due(app, &shelf.served(app).await?, &running).await?.takes
            } else {
                Takes::Alike { filters: Vec::new(), alike: outdated(&shelf, &running) }
            }
        }
    };
    Ok(ByFirmware { asked, takes })
}

/// Like whom those are that run something older than what is here.
fn outdated(shelf: &Shelf, running: &[Running]) -> Arc<[Alike]> {
    let mut known: HashMap<(&str, Option<&str>), Option<SoftwareVersion>> = HashMap::new();
    let mut alike = Vec::new();
    for one in running.iter().filter(|one| one.active) {
        let (model, family) = (one.model.as_str(), one.software_type.as_deref());
        let newest = known
            .entry((model, family))
            .or_insert_with(|| shelf.newest(model, family).map(|(_, version)| version));
        if is_older(one.version.as_deref(), *newest) {
            alike.push(one.alike(Vec::new()));
        }
    }
    // They were counted apart by whom templates reach.
    alike.sort_unstable();
    alike.dedup();
    alike.into()
}

fn model_view(
    shelf: &Shelf,
    served: &Served,
    model: String,
    software_type: Option<String>,
    running: &[&Running],
) -> FirmwareModel {
    let newest = shelf.newest(&model, software_type.as_deref());
    let newest_version = newest.map(|(_, version)| version);
    let mut counted: BTreeMap<Option<String>, u64> = BTreeMap::new();
    let mut outdated = 0;
    for one in running {
        // What is counted is what a plan takes: nothing is deployed to phones that are not active.
        if one.active && is_older(one.version.as_deref(), newest_version) {
            outdated += one.clients;
        }
        *counted.entry(one.version.clone()).or_default() += one.clients;
    }
    let mut versions: Vec<FirmwareVersion> = counted
        .into_iter()
        .map(|(version, clients)| {
            let outdated = is_older(version.as_deref(), newest_version);
            FirmwareVersion { version, clients, outdated }
        })
        .collect();
    // Newest first; what cannot be read comes last.
    versions.sort_by_cached_key(|version| {
        std::cmp::Reverse(version.version.as_deref().and_then(SoftwareVersion::parse))
    });
    let view = |file: &File| FirmwareFile {
        file: file.id,
        name: file.name.clone(),
        version: file.software_version.clone().unwrap_or_default(),
        reason: served.gives(file, &model).err().map(Reason::new),
    };
    FirmwareModel {
        outdated,
        versions,
        newest: newest.map(|(file, _)| view(file)),
        files: shelf.fitting(&model, software_type.as_deref()).into_iter().map(view).collect(),
        model,
        software_type,
    }
}
