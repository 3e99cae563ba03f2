//! Who gets files or software on its own by a change of templates, groups or fields, and would not without it. Nobody
//! looks at each of these phones afterwards, so more than usual are asked for before it is saved.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::Code;
use domain::client::ClientState;
use domain::configuration::Layer;
use domain::group_filter::Filter;
use domain::layers::wanted::SoftwareWish;
use domain::layers::{Applied, SoftwareUpdate, Template, TemplateKind};
use domain::setting::SettingKey;
use domain::{ClientId, FileId, TemplateId};

use super::confirm_beyond;
use crate::App;
use crate::app::caller::Caller;
use crate::app::configuration::model_of;
use crate::app::deployments::wanted::{self, Wants};
use crate::app::error::{AppError, AppResult};
use crate::app::jobs;
use crate::app::layers::change::FieldsChange;
use crate::app::layers::settle::facts;
use crate::app::layers::{self, Snapshot};
use crate::store::client_list::{self, ClientFilter};
use crate::store::files::File;
use crate::store::{client_fields, clients, firmware, fleet};

/// Most different reaches of templates that clients are counted by in one statement; with more, each client is looked
/// at.
const MOST_REACHES: usize = 40;

/// Clients looked at together when each is.
const AT_ONCE: usize = 1_000;

/// What a change brings to clients on their own. A client that has it already counts too: nobody looks into each phone
/// for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct Gain {
    /// Active clients that get something.
    pub(super) clients: u64,
    /// Those among them that get software: they restart.
    pub(super) with_software: u64,
}

impl Gain {
    /// Refuses what is too much for whoever asks.
    ///
    /// # Errors
    /// `too_many_targets` when phones would restart.
    pub(super) fn check_number(self, app: &App, caller: &Caller) -> AppResult<()> {
        jobs::check_number(app, caller, self.with_software)
    }

    /// Whether somebody has to type the number, after `confirmed` was typed.
    pub(super) fn is_open(self, app: &App, caller: &Caller, confirmed: Option<u64>) -> bool {
        self.clients > confirm_beyond(app, caller) && confirmed.is_none_or(|number| number < self.clients)
    }

    /// Asks for the number when there are more than usual.
    ///
    /// # Errors
    /// `too_many_targets`; `confirmation_required` with the number.
    pub(in crate::app) fn check_confirmed(
        self,
        app: &App,
        caller: &Caller,
        confirm: Option<u64>,
    ) -> AppResult<()> {
        self.check_number(app, caller)?;
        if self.clients > confirm_beyond(app, caller) && confirm != Some(self.clients) {
            let text =
                "So many clients get files or software by this on their own. Confirm by naming their number.";
            return Err(AppError::new(Code::ConfirmationRequired, text).arg("targets", self.clients));
        }
        Ok(())
    }

    fn add(&mut self, (something, software): (bool, bool), clients: u64) {
        self.clients += if something { clients } else { 0 };
        self.with_software += if software { clients } else { 0 };
    }
}

/// Clients that want the same: model, family, and which reaches they lie within.
type Class = (String, Option<String>, Vec<bool>);

/// What a change brings; nothing when nothing comes on its own at all.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn gain(
    app: &App,
    before: &Snapshot,
    after: &Snapshot,
    fields: Option<&FieldsChange>,
) -> AppResult<Gain> {
    if app.settings.text(SettingKey::DeploymentsByRule) == "off" || !after.brings_files() {
        return Ok(Gain::default());
    }
    let (old, new) = (bringing(before), bringing(after));
    if fields.is_none() && old == new {
        return Ok(Gain::default());
    }
    let files = wanted::read_files(&app.store, named(&old, &new)).await?;
    if let Some(fields) = fields {
        return of_fields(app, after, &files, fields).await;
    }
    let (before, after) = (Side { layers: before, files: &files }, Side { layers: after, files: &files });
    count(app, &before, &after, gains).await
}

/// What it brings to clients that other things are said of a file which templates have: it may fit more of them, or be
/// newer than what they run. Nothing when no template has it.
///
/// # Errors
/// When the database cannot be asked.
pub(in crate::app) async fn of_file(app: &App, before: &File, after: &File) -> AppResult<Gain> {
    let layers = layers::snapshot(app, &app.store).await?;
    let bringing = bringing(&layers);
    let has_it = bringing.values().any(|one| one.template.files.contains(&before.id));
    if app.settings.text(SettingKey::DeploymentsByRule) == "off" || !has_it {
        return Ok(Gain::default());
    }
    let old = wanted::read_files(&app.store, named(&bringing, &bringing)).await?;
    let new = {
        let mut new = old.clone();
        new.insert(after.id, after.clone());
        new
    };
    let is_another = before.name != after.name
        || before.file_type != after.file_type
        || before.software_version != after.software_version;
    let id = before.id;
    let judge = move |had: &Wants, gets: &Wants| {
        let has = |wants: &Wants| wants.files.files.iter().any(|wanted| wanted.file == id);
        let runs = |wants: &Wants| matches!(&wants.software, SoftwareWish::One { file: Some(file), .. } if *file == id);
        let file = has(gets) && (is_another || !has(had));
        let software = runs(gets) && (is_another || !runs(had));
        // What wins once this file does not any more comes as well.
        let (other_file, other_software) = gains(had, gets);
        (file || software || other_file, software || other_software)
    };
    let (before, after) = (Side { layers: &layers, files: &old }, Side { layers: &layers, files: &new });
    count(app, &before, &after, judge).await
}

/// Templates and the files they have, before or after a change.
struct Side<'a> {
    layers: &'a Snapshot,
    files: &'a BTreeMap<FileId, File>,
}

fn named(
    old: &BTreeMap<TemplateId, Bringing<'_>>,
    new: &BTreeMap<TemplateId, Bringing<'_>>,
) -> BTreeSet<FileId> {
    old.values().chain(new.values()).flat_map(|one| one.template.files.iter().copied()).collect()
}

/// Counts the clients that get something, and those that get software, as `judge` says of what they wanted before and want
/// after.
async fn count(
    app: &App,
    before: &Side<'_>,
    after: &Side<'_>,
    judge: impl Fn(&Wants, &Wants) -> (bool, bool),
) -> AppResult<Gain> {
    let (old, new) = (bringing(before.layers), bringing(after.layers));
    let mut reaches: Vec<&Filter> = Vec::new();
    for one in old.values().chain(new.values()) {
        if !reaches.contains(&&one.reach) {
            reaches.push(&one.reach);
        }
    }
    if reaches.len() > MOST_REACHES {
        return one_by_one(app, before, after, judge).await;
    }
    let filters: Vec<Filter> = reaches.iter().map(|reach| (*reach).clone()).collect();
    let mut gain = Gain::default();
    let mut known: HashMap<Class, (bool, bool)> = HashMap::new();
    for one in firmware::running(&app.store, &filters).await?.into_iter().filter(|one| one.active) {
        let key = (one.model, one.software_type, one.within);
        let gets = *known.entry(key).or_insert_with_key(|(model, family, within)| {
            let wants = |bringing: &BTreeMap<TemplateId, Bringing<'_>>, files| {
                let is_within = |one: &&Bringing<'_>| {
                    let place = reaches.iter().position(|reach| **reach == one.reach);
                    place.and_then(|place| within.get(place)) == Some(&true)
                };
                let applied: Vec<Applied<'_>> = bringing
                    .values()
                    .filter(is_within)
                    .map(|one| Applied { template: one.template, layer: one.layer, groups: Vec::new() })
                    .collect();
                let model = Some(model.as_str()).filter(|model| !model.is_empty());
                wanted::wants(&applied, files, model, family.as_deref())
            };
            judge(&wants(&old, before.files), &wants(&new, after.files))
        });
        gain.add(gets, one.clients);
    }
    Ok(gain)
}

/// A template that brings something, or forbids software, with whom it reaches.
struct Bringing<'a> {
    template: &'a Template,
    layer: Layer,
    reach: Filter,
}

impl PartialEq for Bringing<'_> {
    /// Whether both bring the same to the same clients.
    fn eq(&self, other: &Self) -> bool {
        let own = |one: &Self| (one.layer, one.template.rank, one.template.software_update);
        own(self) == own(other) && self.template.files == other.template.files && self.reach == other.reach
    }
}

fn bringing(layers: &Snapshot) -> BTreeMap<TemplateId, Bringing<'_>> {
    let says = |template: &&Template| {
        template.kind == TemplateKind::Default
            && (!template.files.is_empty() || template.software_update != SoftwareUpdate::Ignored)
    };
    let templates = layers.layers.templates.values().filter(says);
    templates
        .filter_map(|template| {
            let reach = layers.reach_of(template.id)?;
            let attached = layers.layers.is_attached(template.id);
            let layer = if attached { Layer::GroupTemplate } else { Layer::DefaultTemplate };
            Some((template.id, Bringing { template, layer, reach }))
        })
        .collect()
}

/// Whether a client gets something new, and whether software is among it.
fn gains(before: &Wants, after: &Wants) -> (bool, bool) {
    let had: BTreeSet<FileId> = before.files.files.iter().map(|wanted| wanted.file).collect();
    let file = after.files.files.iter().any(|wanted| !had.contains(&wanted.file));
    let software = match (&before.software, &after.software) {
        (_, SoftwareWish::One { file: None, .. } | SoftwareWish::Ignored | SoftwareWish::Conflict { .. }) => {
            false
        }
        (SoftwareWish::One { rule: old_rule, file: old, .. }, SoftwareWish::One { rule, file: new, .. }) => {
            old != new || (old_rule != rule && *rule == SoftwareUpdate::Always)
        }
        (SoftwareWish::Ignored | SoftwareWish::Conflict { .. }, SoftwareWish::One { .. }) => true,
    };
    (file || software, software)
}

/// The client whose fields change.
async fn of_fields(
    app: &App,
    layers: &Snapshot,
    files: &BTreeMap<FileId, File>,
    change: &FieldsChange,
) -> AppResult<Gain> {
    let mut gain = Gain::default();
    let client = clients::by_id(&app.store, change.client).await?;
    if let Some(client) = client.filter(|client| client.state == ClientState::Active) {
        let wants = |fields: &BTreeMap<String, String>| {
            let applied = layers.layers.applying(&facts(&client, fields));
            wanted::wants(&applied, files, model_of(&client), client.software_type.as_deref())
        };
        gain.add(gains(&wants(&change.before), &wants(&change.fields)), 1);
    }
    Ok(gain)
}

/// Every client by itself, where there are too many different reaches.
async fn one_by_one(
    app: &App,
    before: &Side<'_>,
    after: &Side<'_>,
    judge: impl Fn(&Wants, &Wants) -> (bool, bool),
) -> AppResult<Gain> {
    let filter = ClientFilter { state: Some(ClientState::Active), ..ClientFilter::default() };
    let ids = client_list::ids(&app.store, &filter, app.clock.now()).await?;
    let mut gain = Gain::default();
    let none = BTreeMap::new();
    let mut known: HashMap<_, (bool, bool)> = HashMap::new();
    for some in ids.chunks(AT_ONCE) {
        let mut fields: HashMap<ClientId, BTreeMap<String, String>> = HashMap::new();
        // Nobody has values for fields that nobody has made.
        if !after.layers.fields.is_empty() {
            fields.extend(client_fields::of_clients(&app.store, some).await?);
        }
        for client in fleet::clients(&app.store, some).await? {
            let facts = facts(&client, fields.get(&client.id).unwrap_or(&none));
            let (old, new) = (before.layers.layers.applying(&facts), after.layers.layers.applying(&facts));
            let (model, family) = (model_of(&client), client.software_type.as_deref());
            let by = |applied: &[Applied<'_>]| -> Vec<(TemplateId, bool)> {
                applied.iter().map(|one| (one.template.id, !one.groups.is_empty())).collect()
            };
            let key = (by(&old), by(&new), model.map(str::to_owned), family.map(str::to_owned));
            let gets = *known.entry(key).or_insert_with(|| {
                let wants = |applied: &[Applied<'_>], files| wanted::wants(applied, files, model, family);
                judge(&wants(&old, before.files), &wants(&new, after.files))
            });
            gain.add(gets, 1);
        }
    }
    Ok(gain)
}
