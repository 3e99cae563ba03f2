//! What a deployment comes to for each client (OSEM §4.5.4, `wpi.md` §4.6): what it gets, or why it gets nothing.

use std::collections::{BTreeMap, HashMap};

use api::configuration::Reason;
use api::file::TemplateUse;
use api::plan::{BroughtBack, BroughtBackFile, WithheldView};
use domain::client::ClientState;
use domain::configuration::{ItemKey, Row};
use domain::deployment::choose::{ALREADY_SO, Choice};
use domain::deployment::{DeploymentOptions, FileAction};
use domain::job::JobKind;
use domain::{ClientId, FileId, TemplateId};
use sha2::{Digest, Sha256};

use super::returning::Templates;
use super::{Draft, Remarks, Target, excluded};
use crate::App;
use crate::app::configuration;
use crate::app::deployments::facts::{self, FILE_NAME, Facts, SOFTWARE_VERSION};
use crate::app::deployments::order::PASSWORD;
use crate::app::deployments::served::Served;
use crate::app::error::AppResult;
use crate::app::fleet_pictures::AT_ONCE;
use crate::store::clients::Client;
use crate::store::files::{self, File};
use crate::store::{file_history, fleet};

/// Item with the family a phone runs.
const SOFTWARE_TYPE: &str = "software-type";

/// Draws the draft of a deployment for these clients.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn draw(app: &App, options: &DeploymentOptions, clients: &[ClientId]) -> AppResult<Draft> {
    let ids: Vec<FileId> = options.files.iter().filter_map(|file| file.file).collect();
    let files = files::by_ids(&app.store, &ids).await?;
    let named: Vec<(&File, &str)> = files.iter().map(|file| (file, name_of(options, file))).collect();
    let served = Served::of(app, &app.store, &named).await?;
    let mut templates = Templates::of(app, options).await?;
    let mut drawing = Drawing {
        options,
        served,
        files,
        draft: Draft::default(),
        places: HashMap::new(),
        returning: BTreeMap::new(),
    };
    let mut clients = clients.to_vec();
    clients.sort_unstable();
    clients.dedup();
    for chunk in clients.chunks(AT_ONCE) {
        let mut inventories = facts::inventories(app, &app.store, chunk).await?;
        let mut offers = file_history::offers(&app.store, chunk).await?;
        let found = fleet::clients(&app.store, chunk).await?;
        let mut wants = templates.wants(&app.store, &found).await?;
        let found: BTreeMap<ClientId, Client> = found.into_iter().map(|client| (client.id, client)).collect();
        for id in chunk {
            match found.get(id) {
                None => drawing.exclude(*id, 0, excluded::DELETED),
                Some(client) => {
                    let inventory = inventories.remove(id).unwrap_or_default();
                    let offers = offers.remove(id).unwrap_or_default();
                    let returning = match wants.remove(id) {
                        Some(wants) => templates.returning(options, &wants),
                        None => Vec::new(),
                    };
                    drawing.examine(client, &Facts::of(client, inventory, offers), returning);
                }
            }
        }
        // A fleet keeps the processor for a while: others have their turn in between.
        tokio::task::yield_now().await;
    }
    let Drawing { mut draft, returning, .. } = drawing;
    draft.summary.targets = draft.targets.len() as u64;
    draft.summary.brought_back = returning.into_values().collect();
    draft.summary.brought_back.sort_by_cached_key(|back| back.template.name.to_lowercase());
    Ok(draft)
}

struct Drawing<'a> {
    options: &'a DeploymentOptions,
    files: Vec<File>,
    /// How they are given to phones.
    served: Served,
    draft: Draft,
    /// Places of diffs that are there already.
    places: HashMap<Vec<Row>, usize>,
    /// Templates that bring deleted files back.
    returning: BTreeMap<TemplateId, BroughtBack>,
}

/// What one client gets.
struct Share<'a> {
    rows: Vec<Row>,
    files: Vec<&'a File>,
    choice: Option<Choice>,
}

impl Drawing<'_> {
    /// `returning` are files that the plan deletes and that a template brings back to the client.
    fn examine(&mut self, client: &Client, facts: &Facts, returning: Vec<BroughtBackFile>) {
        let revision = client.configuration_revision;
        let unfit = match client.state {
            ClientState::Quarantined => Some(excluded::QUARANTINED),
            ClientState::Prepared => Some(excluded::NOT_YET_SEEN),
            ClientState::Retired => Some(excluded::RETIRED),
            ClientState::Active => None,
        };
        if let Some(reason) = unfit {
            return self.exclude(client.id, revision, reason);
        }
        let share = match self.options.kind() {
            JobKind::DeploySoftware => self.software(client, facts),
            _ => self.some_files(client, facts),
        };
        match share {
            Err(reason) => self.exclude(client.id, revision, reason),
            Ok(share) => {
                let basis = basis(client, &share);
                let bytes = share.files.iter().map(|file| file.size).sum::<u64>();
                let withheld: Vec<WithheldView> = self.withheld(client, &share).into_iter().collect();
                let (rows, choice) = (share.rows, share.choice);
                // What the phone does not have is not deleted.
                let deleted = rows
                    .iter()
                    .filter(|row| row.to.is_none())
                    .filter_map(|row| self.options.files.get(usize::from(row.item.index?).checked_sub(1)?));
                let deleted: Vec<_> = deleted.map(|file| (file.name.as_str(), file.file_type)).collect();
                let is_deleted =
                    |back: &BroughtBackFile| deleted.contains(&(back.name.as_str(), back.file_type));
                let brought_back: Vec<BroughtBackFile> = returning.into_iter().filter(is_deleted).collect();
                self.note_returning(&brought_back);
                let remarks = Remarks { withheld, brought_back, ..Remarks::default() };
                self.include(client.id, revision, rows, remarks, basis);
                let summary = &mut self.draft.summary;
                summary.bytes = summary.bytes.saturating_add(bytes);
                summary.family_changes += u64::from(choice.is_some_and(|choice| choice.family_change));
                summary.downgrades += u64::from(choice.is_some_and(|choice| choice.downgrade));
            }
        }
    }

    fn software(&self, client: &Client, facts: &Facts) -> Result<Share<'_>, &'static str> {
        let files: Vec<&File> = self.files.iter().collect();
        let choice = facts.software(&files, self.options)?;
        let file = *files.get(choice.place).ok_or(facts::FILE_GONE)?;
        self.served.check(file, client)?;
        let to = file.software_version.clone().unwrap_or_else(|| file.name.clone());
        let mut rows = vec![Row {
            care: choice.family_change,
            restarts: true,
            ..row(SOFTWARE_VERSION, None, facts.software_version.clone(), Some(to))
        }];
        if choice.family_change {
            let (from, to) = (client.software_type.clone(), file.software_type.clone());
            rows.push(Row { care: true, restarts: true, ..row(SOFTWARE_TYPE, None, from, to) });
        }
        Ok(Share { rows, files: vec![file], choice: Some(choice) })
    }

    /// All that fit, and that the phone does not have yet.
    fn some_files(&self, client: &Client, facts: &Facts) -> Result<Share<'_>, &'static str> {
        let mut share = Share { rows: Vec::new(), files: Vec::new(), choice: None };
        let mut refused = Vec::new();
        for (place, deployed) in self.options.files.iter().enumerate() {
            let file = deployed.file.and_then(|id| self.files.iter().find(|file| file.id == id));
            let fetched = file.filter(|_| deployed.action == FileAction::Deploy);
            let fits = facts.file(file, deployed, self.options.again);
            let served = || fetched.map_or(Ok(()), |file| self.served.check(file, client));
            if let Err(reason) = fits.and_then(|()| served()) {
                refused.push(reason);
                continue;
            }
            let name = Some(deployed.name.clone());
            let (from, to) = match deployed.action {
                FileAction::Deploy => (None, name),
                FileAction::Delete => (name, None),
            };
            share.rows.push(row(FILE_NAME, u16::try_from(place + 1).ok(), from, to));
            share.files.extend(fetched);
        }
        if share.rows.is_empty() {
            let same = refused.iter().find(|reason| **reason == ALREADY_SO);
            return Err(same.or(refused.first()).copied().unwrap_or(excluded::NOTHING_TO_DO));
        }
        Ok(share)
    }

    /// Counts a client for each template that brings something back to it.
    fn note_returning(&mut self, files: &[BroughtBackFile]) {
        let templates: BTreeMap<TemplateId, &TemplateUse> =
            files.iter().map(|file| (file.template.id, &file.template)).collect();
        for (id, template) in templates {
            let back = || BroughtBack { template: template.clone(), clients: 0 };
            self.returning.entry(id).or_insert_with(back).clients += 1;
        }
    }

    /// The password that the client would not be given, once for all of its files (D-24).
    fn withheld(&self, client: &Client, share: &Share<'_>) -> Option<WithheldView> {
        let withheld = |file: &&File| self.served.withheld(file, client);
        let reason = Reason::new(share.files.iter().find_map(withheld)?.as_str());
        Some(WithheldView { item: PASSWORD.to_owned(), index: None, reason })
    }

    fn exclude(&mut self, client: ClientId, configuration_revision: i64, reason: &'static str) {
        *self.draft.summary.excluded.entry(reason.to_owned()).or_default() += 1;
        let basis = configuration::basis(&[]).to_vec();
        self.push(client, configuration_revision, None, Some(reason), Remarks::default(), basis);
    }

    fn include(
        &mut self,
        client: ClientId,
        configuration_revision: i64,
        rows: Vec<Row>,
        remarks: Remarks,
        basis: Vec<u8>,
    ) {
        let summary = &mut self.draft.summary;
        for withheld in &remarks.withheld {
            *summary.withheld.entry(withheld.reason.code.clone()).or_default() += 1;
        }
        summary.writes += 1;
        summary.items += rows.len() as u64;
        summary.restarts += u64::from(rows.iter().any(|row| row.restarts));
        summary.care += u64::from(rows.iter().any(|row| row.care));
        let place = match self.places.get(&rows) {
            Some(place) => *place,
            None => {
                let place = self.draft.diffs.len();
                self.draft.diffs.push(rows.clone());
                self.places.insert(rows, place);
                place
            }
        };
        self.push(client, configuration_revision, Some(place), None, remarks, basis);
    }

    fn push(
        &mut self,
        client: ClientId,
        configuration_revision: i64,
        diff: Option<usize>,
        excluded: Option<&'static str>,
        remarks: Remarks,
        basis: Vec<u8>,
    ) {
        self.draft.targets.push(Target {
            client,
            diff,
            excluded,
            remarks,
            configuration_revision,
            basis,
            edits: Vec::new(),
            takes_values: false,
            held_back: Vec::new(),
        });
    }
}

/// What a file is to be called on phones.
fn name_of<'a>(options: &'a DeploymentOptions, file: &'a File) -> &'a str {
    let deployed = options.files.iter().find(|deployed| deployed.file == Some(file.id));
    deployed.map_or(&file.name, |deployed| &deployed.name)
}

fn row(item: &str, index: Option<u16>, from: Option<String>, to: Option<String>) -> Row {
    Row {
        item: ItemKey::new(item, index),
        parameters: Vec::new(),
        from,
        to,
        secret: false,
        group: None,
        care: false,
        restarts: false,
        unconfirmed: false,
        companion: false,
    }
}

/// What the decision stands on: what the phone is and runs, and which content it gets.
fn basis(client: &Client, share: &Share<'_>) -> Vec<u8> {
    let mut hasher = Sha256::new();
    let mut text = |part: &str| {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    };
    for said in [&client.device_type, &client.model, &client.software_type, &client.software_version] {
        text(if said.is_some() { "=" } else { "-" });
        text(said.as_deref().unwrap_or_default());
    }
    for file in &share.files {
        text(&file.id.to_string());
        text(&file.size.to_string());
        text(file.sha256.as_deref().or(file.object_tag.as_deref()).unwrap_or_default());
    }
    hasher.finalize().to_vec()
}
