//! The snapshot: read when its version has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use domain::catalogue::{Catalogue, ParameterKey, Value};
use domain::expand::Variables;
use domain::group_filter::Facts;
use domain::layers::{Group, Layers, Resolved, Template, TemplateKind, Winner, Wish, winners};
use domain::{FileId, GroupId, Secret, TemplateId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::store::groups::{self, Field};
use crate::store::templates::{self, TemplateValue};
use crate::store::{Source, StoreError, StoreResult, layers, template_files};
use crate::vault::VaultError;

/// How often it is read anew when it changes while it is read.
const TRIES: u32 = 5;

/// Sets of templates whose outcome is remembered; a fleet has a handful.
const MOST_KNOWN: usize = 1_000;

/// The value of a parameter that templates agree on, or that they do not.
#[derive(Clone, Debug)]
pub struct Won {
    /// What came of it.
    pub winner: Winner,
    /// The value, when it is the same for every client and no secret.
    pub(super) fixed: Option<Resolved>,
}

/// Which templates apply, and whether by a group.
type Applying = Vec<(TemplateId, bool)>;

/// All templates, groups and fields at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Its version; 0 for one that is only tried out.
    pub version: i64,
    /// As the rules see them.
    pub layers: Layers,
    /// Templates with everything.
    pub templates: BTreeMap<TemplateId, templates::Template>,
    /// Groups with everything.
    pub groups: BTreeMap<GroupId, groups::Group>,
    /// Fields clients can have, by name.
    pub fields: BTreeMap<String, Field>,
    /// Whether any template brings files or software to clients: mostly none does, and then nobody looks for them.
    brings_files: bool,
    /// Whether any template brings files or software to clients that come for the first time.
    brings_files_once: bool,
    /// Most clients have the same templates: what came of them.
    known: Mutex<HashMap<Applying, Arc<BTreeMap<ParameterKey, Won>>>>,
}

impl Snapshot {
    /// What templates, groups and fields are when they were changed, without storing them.
    pub fn tried(
        templates: BTreeMap<TemplateId, templates::Template>,
        values: BTreeMap<TemplateId, BTreeMap<ParameterKey, Wish>>,
        groups: BTreeMap<GroupId, groups::Group>,
        fields: BTreeMap<String, Field>,
        files: BTreeMap<TemplateId, BTreeSet<FileId>>,
    ) -> Self {
        Self::new(0, templates, values, groups, fields, files)
    }

    fn new(
        version: i64,
        templates: BTreeMap<TemplateId, templates::Template>,
        mut values: BTreeMap<TemplateId, BTreeMap<ParameterKey, Wish>>,
        groups: BTreeMap<GroupId, groups::Group>,
        fields: BTreeMap<String, Field>,
        mut files: BTreeMap<TemplateId, BTreeSet<FileId>>,
    ) -> Self {
        let rule = |template: &templates::Template, values, files| Template {
            id: template.id,
            name: template.name.clone(),
            kind: template.kind,
            rank: template.rank,
            models: template.models.iter().cloned().collect(),
            software_types: template.software_types.iter().cloned().collect(),
            values,
            files,
            software_update: template.software_update,
        };
        let layers = Layers::new(
            templates
                .values()
                .map(|template| {
                    let values = values.remove(&template.id).unwrap_or_default();
                    let files = files.remove(&template.id).unwrap_or_default();
                    (template.id, rule(template, values, files))
                })
                .collect(),
            groups
                .values()
                .map(|group| {
                    let rule = Group {
                        id: group.id,
                        name: group.name.clone(),
                        filter: group.filter.clone(),
                        templates: group.templates.iter().copied().collect(),
                    };
                    (group.id, rule)
                })
                .collect(),
        );
        let brings = |kind: TemplateKind| {
            layers.templates.values().any(|template| template.kind == kind && !template.files.is_empty())
        };
        let (brings_files, brings_files_once) =
            (brings(TemplateKind::Default), brings(TemplateKind::Onboarding));
        let known = Mutex::default();
        Self { version, layers, templates, groups, fields, brings_files, brings_files_once, known }
    }

    /// Whether nothing of it can apply to any client.
    pub fn is_empty(&self) -> bool {
        !self.layers.templates.values().any(|template| template.kind == TemplateKind::Default)
    }

    /// The values of templates that count for a client with these facts.
    pub fn won(&self, catalogue: &Catalogue, facts: &Facts<'_>) -> Arc<BTreeMap<ParameterKey, Won>> {
        let applied = self.layers.applying(facts);
        let key: Applying = applied.iter().map(|one| (one.template.id, !one.groups.is_empty())).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(won) = known.get(&key) {
            return Arc::clone(won);
        }
        let fixed = |key: &ParameterKey, winner: &Winner| match winner {
            Winner::Value { wish: Wish::Plain(value), varies: false, .. } => {
                Some(Resolved::of(catalogue, key, value, &Variables::default()))
            }
            Winner::Value { .. } | Winner::Conflict { .. } => None,
        };
        let won: BTreeMap<ParameterKey, Won> = winners(&applied)
            .into_iter()
            .map(|(key, winner)| {
                let fixed = fixed(&key, &winner);
                (key, Won { winner, fixed })
            })
            .collect();
        let won = Arc::new(won);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(key, Arc::clone(&won));
        won
    }

    /// Name of a template, if it is there.
    pub fn template_name(&self, id: TemplateId) -> Option<&str> {
        self.templates.get(&id).map(|template| template.name.as_str())
    }

    /// Whether any template brings files or software to clients.
    pub fn brings_files(&self) -> bool {
        self.brings_files
    }

    /// Whether any template brings files or software to clients that come for the first time (D-20).
    pub fn brings_files_once(&self) -> bool {
        self.brings_files_once
    }

    /// Files of all templates, to be changed and tried.
    pub fn files(&self) -> BTreeMap<TemplateId, BTreeSet<FileId>> {
        self.layers.templates.iter().map(|(id, template)| (*id, template.files.clone())).collect()
    }

    /// Files of one template; none of one that is not there.
    pub fn files_of(&self, id: TemplateId) -> BTreeSet<FileId> {
        self.layers.templates.get(&id).map(|template| template.files.clone()).unwrap_or_default()
    }

    /// Values of all templates, to be changed and tried.
    pub fn values(&self) -> BTreeMap<TemplateId, BTreeMap<ParameterKey, Wish>> {
        self.layers.templates.iter().map(|(id, template)| (*id, template.values.clone())).collect()
    }
}

/// Plans for many clients that a node draws up at the same time: each looks at every client.
const MOST_DRAWINGS: usize = 3;

/// The snapshot that was read last, and room for plans that look at many clients.
#[derive(Debug)]
pub struct Kept {
    last: ArcSwapOption<Snapshot>,
    drawings: Arc<Semaphore>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { last: ArcSwapOption::default(), drawings: Arc::new(Semaphore::new(MOST_DRAWINGS)) }
    }
}

impl Kept {
    /// Room for drawing up one more plan for many clients, as long as the answer is kept; `None` when there are enough.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.drawings).try_acquire_owned().ok()
    }
}

/// Templates, groups and fields of this moment.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn snapshot(app: &App, on: &impl Source) -> StoreResult<Arc<Snapshot>> {
    let version = layers::version(on).await?;
    snapshot_of(app, on, version).await
}

/// As [`snapshot`], when the version is known already.
///
/// Whoever changes templates or groups draws no client after that in the same transaction: what is read here is kept
/// for everybody.
///
/// # Errors
/// As [`snapshot`].
pub async fn snapshot_of(app: &App, on: &impl Source, version: i64) -> StoreResult<Arc<Snapshot>> {
    if let Some(kept) = app.layers.last.load_full().filter(|kept| kept.version == version) {
        return Ok(kept);
    }
    let mut version = version;
    let mut tries = 0;
    loop {
        let read = read(app, on, version).await?;
        let now = layers::version(on).await?;
        tries += 1;
        if now == version || tries >= TRIES {
            let read = Arc::new(read);
            app.layers.last.store(Some(Arc::clone(&read)));
            return Ok(read);
        }
        version = now;
    }
}

async fn read(app: &App, on: &impl Source, version: i64) -> StoreResult<Snapshot> {
    let mut values: BTreeMap<TemplateId, BTreeMap<ParameterKey, Wish>> = BTreeMap::new();
    for stored in templates::values(on).await? {
        let wish = wish(app, &stored)?;
        values.entry(stored.template).or_default().insert(stored.key, wish);
    }
    let templates = templates::all(on).await?.into_iter().map(|template| (template.id, template)).collect();
    let groups = groups::all(on).await?.into_iter().map(|group| (group.id, group)).collect();
    let fields = groups::fields(on).await?.into_iter().map(|field| (field.name.clone(), field)).collect();
    let files = template_files::all(on).await?;
    Ok(Snapshot::new(version, templates, values, groups, fields, files))
}

fn place(template: TemplateId, key: &ParameterKey) -> String {
    let index = key.index.map(|index| index.to_string()).unwrap_or_default();
    format!("template:{template}:{}:{index}", key.parameter)
}

fn wish(app: &App, stored: &TemplateValue) -> StoreResult<Wish> {
    let corrupt =
        || StoreError::Corrupt { attempt: "read a value of a template", what: "template_value.value" };
    if stored.sealed {
        let place = place(stored.template, &stored.key);
        return app.vault.open(&place, &stored.value).map(Wish::Secret).map_err(|_| corrupt());
    }
    serde_json::from_str(&stored.value).map(Wish::Plain).map_err(|_| corrupt())
}

/// A value of a template as it is stored; a secret is sealed for its place.
///
/// # Errors
/// When the cipher refuses.
pub fn seal_template_value(
    app: &App,
    template: TemplateId,
    key: &ParameterKey,
    wish: &Wish,
) -> Result<TemplateValue, VaultError> {
    let (value, sealed) = match wish {
        Wish::Plain(value) => (serde_json::to_string(value).map_err(|_| VaultError::Seal)?, false),
        Wish::Secret(json) => (app.vault.seal(&place(template, key), json)?, true),
    };
    Ok(TemplateValue { template, key: key.clone(), value, sealed })
}

/// A value as a template wishes it: secrets of the catalogue are secrets here too.
pub(in crate::app) fn wish_of(catalogue: &Catalogue, key: &ParameterKey, value: &Value) -> Wish {
    let secret = catalogue.parameter(&key.parameter).is_none_or(|parameter| parameter.secret);
    match (secret, serde_json::to_string(value)) {
        (true, Ok(json)) => Wish::Secret(Secret::new(json)),
        _ => Wish::Plain(value.clone()),
    }
}
