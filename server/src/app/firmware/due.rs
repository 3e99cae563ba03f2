//! Whom the rules of templates would update. Clients are counted by the reaches of the templates they are in: which
//! templates apply to them follows from that, and clients that are alike are judged once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::FileId;
use domain::configuration::Layer;
use domain::file::{FileState, FileType};
use domain::group_filter::Filter;
use domain::layers::wanted::{SoftwareVerdict, SoftwareWish, software_verdict};
use domain::layers::{Applied, SoftwareUpdate, Template, TemplateKind};

use super::kept;
use crate::App;
use crate::app::deployments::served::Served;
use crate::app::deployments::wanted;
use crate::app::error::AppResult;
use crate::app::layers::Snapshot;
use crate::store::client_firmware::{Alike, Takes};
use crate::store::files::File;
use crate::store::firmware::Running;

/// Most different reaches of templates that are asked for in one count; with more, each client is looked at.
const MOST_REACHES: usize = 40;

/// Templates that say something of software, with whom they reach.
pub(super) struct Bringing<'a> {
    layers: &'a Snapshot,
    templates: Vec<(&'a Template, Layer, usize)>,
    reaches: Vec<Filter>,
}

/// Who is due.
pub(super) struct Due {
    /// Their number.
    pub(super) clients: u64,
    /// The same as a filter.
    pub(super) takes: Takes,
}

impl<'a> Bringing<'a> {
    pub(super) fn of(layers: &'a Snapshot) -> Self {
        let mut bringing = Self { layers, templates: Vec::new(), reaches: Vec::new() };
        if !layers.brings_files() {
            return bringing;
        }
        let says = |template: &&Template| {
            template.kind == TemplateKind::Default && template.software_update != SoftwareUpdate::Ignored
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
    pub(super) fn asked(&self) -> Vec<Filter> {
        if self.are_few() { self.reaches.clone() } else { Vec::new() }
    }

    /// Clients whose rule would update them, with what phones can be given. `running` is counted by [`Self::asked`].
    pub(super) async fn due(&self, app: &App, served: &Served, running: &[Running]) -> AppResult<Due> {
        if !self.are_few() {
            let ids = kept::due(app, self.layers).await?;
            return Ok(Due { clients: ids.len() as u64, takes: Takes::These(ids) });
        }
        let named: BTreeSet<FileId> =
            self.templates.iter().flat_map(|(template, ..)| self.layers.files_of(template.id)).collect();
        let files = wanted::read_files(&app.store, named).await?;
        let mut clients = 0;
        let mut alike: Vec<Alike> = Vec::new();
        let mut known: HashMap<(&str, Option<&str>, &[bool]), SoftwareWish> = HashMap::new();
        for one in running.iter().filter(|one| one.active && !self.templates.is_empty()) {
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
                && served.gives(file, model).is_ok()
                && let Some(version) = file.software_version.as_deref()
                && matches!(
                    software_verdict(*rule, one.version.as_deref(), version),
                    SoftwareVerdict::Update | SoftwareVerdict::Downgrade
                )
            {
                clients += one.clients;
                alike.push(one.alike(one.within.clone()));
            }
        }
        let takes = Takes::Alike { filters: self.reaches.clone(), alike: Arc::from(alike) };
        Ok(Due { clients, takes })
    }
}

/// Whether it is software that can be deployed.
fn is_software(file: &File) -> bool {
    file.state == FileState::Ready && file.file_type == Some(FileType::Software)
}
