//! Firmware: which versions run where, what is newer here, what templates would update, and the plan for it (OSEM §9,
//! `wpi.md` §7.4).

mod client;
mod plan;

pub use client::files_of;
pub use plan::plan;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::file::{FirmwareFile, FirmwareModel, FirmwareOverview, FirmwareVersion};
use domain::FileId;
use domain::configuration::Layer;
use domain::file::{FileState, FileType};
use domain::group_filter::Filter;
use domain::job::JobKind;
use domain::layers::wanted::{SoftwareVerdict, SoftwareWish, software_verdict};
use domain::layers::{Applied, Template, TemplateKind};
use domain::software::SoftwareVersion;

use super::deployments::fitting::misfit;
use super::deployments::rule::Survey;
use super::deployments::wanted;
use super::error::AppResult;
use super::layers::{self, Snapshot};
use crate::App;
use crate::store::files::File;
use crate::store::firmware::{self as rows, Running};
use crate::store::{StoreResult, deployments};

/// Most different reaches of templates that are asked for in one count; with more, each client is looked at.
const MOST_REACHES: usize = 40;

/// Clients looked at together when each is.
const AT_ONCE: usize = 1_000;

/// Software that can be deployed, and what of it is for whom.
pub(super) struct Shelf {
    files: Vec<File>,
}

impl Shelf {
    async fn read(app: &App) -> StoreResult<Self> {
        Ok(Self { files: rows::files(&app.store).await? })
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
    let bringing = Bringing::of(&layers);
    let running = rows::running(&app.store, &bringing.asked()).await?;
    let due = bringing.due(app, &layers, &running).await?;
    let mut models: BTreeMap<(String, Option<String>), Vec<Running>> = BTreeMap::new();
    for one in running {
        models.entry((one.model.clone(), one.software_type.clone())).or_default().push(one);
    }
    let models: Vec<FirmwareModel> = models
        .into_iter()
        .map(|((model, software_type), running)| model_view(&shelf, model, software_type, running))
        .collect();
    let clients = |model: &FirmwareModel| model.versions.iter().map(|version| version.clients).sum::<u64>();
    Ok(FirmwareOverview {
        clients: models.iter().map(clients).sum(),
        outdated: models.iter().map(|model| model.outdated).sum(),
        due,
        under_way: deployments::under_way(&app.store, JobKind::DeploySoftware).await?,
        models,
    })
}

fn model_view(
    shelf: &Shelf,
    model: String,
    software_type: Option<String>,
    running: Vec<Running>,
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
        *counted.entry(one.version).or_default() += one.clients;
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

/// Templates that say something of software, with whom they reach. Clients are counted by the reaches they are in: which
/// templates apply to them follows from that.
struct Bringing<'a> {
    templates: Vec<(&'a Template, Layer, usize)>,
    reaches: Vec<Filter>,
}

impl<'a> Bringing<'a> {
    fn of(layers: &'a Snapshot) -> Self {
        let mut bringing = Self { templates: Vec::new(), reaches: Vec::new() };
        if !layers.brings_files() {
            return bringing;
        }
        let says = |template: &&Template| {
            template.kind == TemplateKind::Default
                && template.software_update != domain::layers::SoftwareUpdate::Ignored
        };
        for template in layers.layers.templates.values().filter(says) {
            let Some(reach) = layers.reach_of(template.id) else { continue };
            let place = bringing.reaches.iter().position(|other| *other == reach).unwrap_or_else(|| {
                bringing.reaches.push(reach);
                bringing.reaches.len() - 1
            });
            let attached = layers.layers.is_attached(template.id);
            let layer = if attached { Layer::GroupTemplate } else { Layer::DefaultTemplate };
            bringing.templates.push((template, layer, place));
        }
        bringing
    }

    fn are_few(&self) -> bool {
        self.reaches.len() <= MOST_REACHES
    }

    /// The reaches that clients are counted by.
    fn asked(&self) -> Vec<Filter> {
        if self.are_few() { self.reaches.clone() } else { Vec::new() }
    }

    /// Clients whose rule would update them.
    async fn due(&self, app: &App, layers: &Snapshot, running: &[Running]) -> AppResult<u64> {
        if self.templates.is_empty() {
            return Ok(0);
        }
        if !self.are_few() {
            return survey(app).await;
        }
        let named: BTreeSet<FileId> =
            self.templates.iter().flat_map(|(template, ..)| layers.files_of(template.id)).collect();
        let files = wanted::read_files(&app.store, named).await?;
        let mut due = 0;
        let mut known: HashMap<(&str, Option<&str>, &[bool]), SoftwareWish> = HashMap::new();
        for one in running.iter().filter(|one| one.active) {
            let (model, family) = (one.model.as_str(), one.software_type.as_deref());
            let wish = known.entry((model, family, &one.within)).or_insert_with(|| {
                let applied: Vec<Applied<'_>> = self
                    .templates
                    .iter()
                    .filter(|(.., place)| one.within.get(*place) == Some(&true))
                    .map(|(template, layer, _)| Applied { template, layer: *layer, groups: Vec::new() })
                    .collect();
                wanted::wants(&applied, &files, Some(model), family).software
            });
            if let SoftwareWish::One { rule, file: Some(id), .. } = wish
                && let Some(file) = files.get(id)
                && is_software(file)
                && let Some(version) = file.software_version.as_deref()
                && matches!(
                    software_verdict(*rule, one.version.as_deref(), version),
                    SoftwareVerdict::Update | SoftwareVerdict::Downgrade
                )
            {
                due += one.clients;
            }
        }
        Ok(due)
    }
}

/// Whether it is software that can be deployed.
fn is_software(file: &File) -> bool {
    file.state == FileState::Ready && file.file_type == Some(FileType::Software)
}

async fn survey(app: &App) -> AppResult<u64> {
    let at = app.clock.now();
    let mut survey = Survey::begin(app).await?;
    let mut due = 0;
    for some in survey.clients(at).await?.chunks(AT_ONCE) {
        let stands = survey.stand(&app.store, some, at).await?;
        due += stands.iter().filter(|stand| stand.software.outcome == "update").count() as u64;
    }
    Ok(due)
}
