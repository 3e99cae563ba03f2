//! Jobs for what templates want and clients do not have: for one at a contact, for all of them every night.
//!
//! A job lets each of its phones have all of its files that fit. So clients are together in a job only when they need the
//! very same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::client::ClientState;
use domain::deployment::brake::Share;
use domain::deployment::{DeployedFile, DeploymentOptions, FileAction, Limits, Priority};
use domain::group_filter::Filter;
use domain::job::JobCause;
use domain::setting::SettingKey;
use domain::{ClientId, FileId, JobId, TemplateId};
use jiff::Timestamp;

use super::wanted::{self, Asked, Stand, Wants};
use super::{NewDeploymentJob, brake, create_job};
use crate::App;
use crate::app::configuration::model_of;
use crate::app::jobs::{self, NewTargets};
use crate::app::layers::settle::facts;
use crate::app::layers::{self, Snapshot};
use crate::store::audit::Actor;
use crate::store::client_list::{self, ClientFilter};
use crate::store::clients::Client;
use crate::store::files::File;
use crate::store::{Source, StoreResult, Tx, client_fields, fleet};

/// Clients looked at together: bounds memory, and how long others wait.
const AT_ONCE: usize = 1_000;

/// What a client is to be brought.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// These files, by their ids.
    Files(Vec<FileId>),
    /// Software.
    Software {
        /// Which.
        file: FileId,
        /// Also to phones that run newer software.
        downgrade: bool,
    },
}

impl Need {
    fn options(&self, files: &BTreeMap<FileId, File>) -> DeploymentOptions {
        let (ids, downgrade) = match self {
            Self::Files(ids) => (ids.clone(), false),
            Self::Software { file, downgrade } => (vec![*file], *downgrade),
        };
        let deployed = |file: &File| {
            Some(DeployedFile {
                file: Some(file.id),
                name: file.name.clone(),
                file_type: file.file_type?,
                action: FileAction::Deploy,
            })
        };
        DeploymentOptions {
            files: ids.iter().filter_map(|id| files.get(id)).filter_map(deployed).collect(),
            priority: Priority::Normal,
            allow_family_change: false,
            allow_downgrade: downgrade,
            again: false,
            limits: Limits::default(),
            stopped: None,
            retried_at: None,
        }
    }
}

/// Makes the job that brings it to clients; `jobs::announce` it after the commit. `None` when its files are gone.
///
/// # Errors
/// When the database refuses.
pub async fn order(
    app: &App,
    tx: &Tx,
    need: &Need,
    files: &BTreeMap<FileId, File>,
    clients: Vec<ClientId>,
) -> StoreResult<Option<JobId>> {
    let options = need.options(files);
    if options.files.is_empty() || clients.is_empty() {
        return Ok(None);
    }
    let job = NewDeploymentJob {
        cause: JobCause::Templates,
        initiator: Actor::system(),
        options,
        targets: NewTargets::Clients(clients.into_iter().map(|client| (client, None)).collect()),
        plan: None,
        planned_at: None,
    };
    Ok(Some(create_job(app, tx, job).await?.id))
}

/// How all clients stand, in pieces: most clients have the same templates, and these want the same of them.
pub struct Survey<'a> {
    app: &'a App,
    layers: Arc<Snapshot>,
    files: BTreeMap<FileId, File>,
    known: HashMap<WantsKey, Arc<Wants>>,
}

/// What wants depend on: the templates that apply, and whether by a group; model and family.
type WantsKey = (Vec<(TemplateId, bool)>, Option<String>, Option<String>);

impl<'a> Survey<'a> {
    /// With templates and files as they are now.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn begin(app: &'a App) -> StoreResult<Self> {
        let layers = layers::snapshot(app, &app.store).await?;
        let named: BTreeSet<FileId> = layers.files().into_values().flatten().collect();
        let files = wanted::read_files(&app.store, named).await?;
        Ok(Self { app, layers, files, known: HashMap::new() })
    }

    /// Active clients to which any template brings something.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn clients(&self, at: Timestamp) -> StoreResult<Vec<ClientId>> {
        let bringing = self.layers.layers.templates.values().filter(|template| !template.files.is_empty());
        let reaches: Vec<Filter> =
            bringing.filter_map(|template| self.layers.reach_of(template.id)).collect();
        if reaches.is_empty() {
            return Ok(Vec::new());
        }
        let state = Some(ClientState::Active);
        let filter = ClientFilter { state, among: vec![Filter::Any(reaches)], ..ClientFilter::default() };
        client_list::ids(&self.app.store, &filter, at).await
    }

    /// How some clients stand.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn stand(
        &mut self,
        on: &impl Source,
        ids: &[ClientId],
        at: Timestamp,
    ) -> StoreResult<Vec<Stand>> {
        let clients = fleet::clients(on, ids).await?;
        let wants = self.wants(on, &clients).await?;
        let asked = clients.iter().zip(wants);
        let asked: Vec<Asked<'_>> =
            asked.map(|(client, wants)| Asked { client, wants, anew: false, once: false }).collect();
        wanted::stand(self.app, on, &self.layers, &self.files, &asked, at).await
    }

    /// What templates want of each of some clients, whether it has it or not.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn wants(&mut self, on: &impl Source, clients: &[Client]) -> StoreResult<Vec<Arc<Wants>>> {
        let mut fields = HashMap::new();
        // Nobody has values for fields that nobody has made.
        if !self.layers.fields.is_empty() {
            let ids: Vec<ClientId> = clients.iter().map(|client| client.id).collect();
            fields.extend(client_fields::of_clients(on, &ids).await?);
        }
        let none = BTreeMap::new();
        let mut wanted = Vec::with_capacity(clients.len());
        for client in clients {
            let layers = Arc::clone(&self.layers);
            let applied = layers.layers.applying(&facts(client, fields.get(&client.id).unwrap_or(&none)));
            let (model, family) = (model_of(client), client.software_type.as_deref());
            let by = applied.iter().map(|one| (one.template.id, !one.groups.is_empty())).collect();
            let key = (by, model.map(str::to_owned), family.map(str::to_owned));
            let files = &self.files;
            let wants = self.known.entry(key);
            let wants = wants.or_insert_with(|| Arc::new(wanted::wants(&applied, files, model, family)));
            wanted.push(Arc::clone(wants));
        }
        Ok(wanted)
    }

    /// Templates and groups it is made of.
    pub fn layers(&self) -> &Snapshot {
        &self.layers
    }

    /// Files of templates.
    pub fn files(&self) -> &BTreeMap<FileId, File> {
        &self.files
    }
}

/// Goes through all clients and makes jobs for what templates want and they do not have; gives the number of these
/// clients. Done twice, it finds the jobs of the first time.
///
/// # Errors
/// When the database refuses.
pub async fn bring(app: &App) -> StoreResult<u64> {
    if app.settings.text(SettingKey::DeploymentsByRule) == "off" {
        return Ok(0);
    }
    let at = app.clock.now();
    let mut survey = Survey::begin(app).await?;
    let mut needs: BTreeMap<Need, Vec<ClientId>> = BTreeMap::new();
    let mut stopped: BTreeMap<FileId, Share> = BTreeMap::new();
    let mut number = 0;
    for some in survey.clients(at).await?.chunks(AT_ONCE) {
        for stand in survey.stand(&app.store, some, at).await? {
            stopped.extend(stand.stopped());
            let needed = stand.needs();
            number += u64::from(!needed.is_empty());
            for need in needed {
                needs.entry(need).or_default().push(stand.client);
            }
        }
        if app.stop.is_cancelled() {
            return Ok(0);
        }
    }
    if !stopped.is_empty() {
        let tx = app.store.begin().await?;
        for (file, share) in stopped {
            if let Some(file) = survey.files().get(&file) {
                brake::tell(app, &tx, file, share, at).await?;
            }
        }
        tx.commit().await?;
    }
    for (need, clients) in needs {
        let tx = app.store.begin().await?;
        let made = order(app, &tx, &need, survey.files(), clients).await?;
        tx.commit().await?;
        if let Some(job) = made {
            jobs::announce(app, job);
        }
    }
    Ok(number)
}
