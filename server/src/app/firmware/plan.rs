//! One click to a plan: the clients that run something older than what is here, with the software for each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::Code;
use api::deployment::{NewDeployedFile, NewDeployment};
use api::file::OutdatedQuery;
use api::plan::{NewPlan, PlanKind, PlanView};
use api::targets::{MOST_IDS, TargetFilter, Targets};
use domain::client::ClientState;
use domain::deployment::{FileAction, MOST_FILES, Priority};
use domain::software::SoftwareVersion;
use domain::{ClientId, FileId};

use super::{Shelf, is_older};
use crate::App;
use crate::app::caller::Caller;
use crate::app::configuration::model_of;
use crate::app::deployments::options::limit_faults;
use crate::app::error::{AppError, AppResult};
use crate::app::idempotency::{self, Created, IdempotencyKey};
use crate::app::{plans, selection};
use crate::store::fleet;

/// Clients read together.
const AT_ONCE: usize = 1_000;

/// The newest file for a model and family.
type Newest = Option<(FileId, SoftwareVersion)>;

/// Draws up a plan that brings the newest software here to those of the clients that run something older. A plan has at
/// most 20 files: of more, those that most clients need, and the others come with the next plan.
///
/// # Errors
/// `invalid_fields`, `no_targets` when none of them is outdated, `idempotency_key_reused`.
pub async fn plan(
    app: &App,
    caller: &Caller,
    query: OutdatedQuery,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<PlanView>> {
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let faults = limit_faults("", query.error_limit, query.success_limit);
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let everybody = || Targets { ids: None, filter: Some(TargetFilter::default()) };
    let clients = selection::clients(app, &query.targets.unwrap_or_else(everybody)).await?;
    let outdated = outdated(app, &clients).await?;
    let mut by_need: Vec<(FileId, Vec<ClientId>)> = outdated.into_iter().collect();
    by_need.sort_by_key(|(file, clients)| (std::cmp::Reverse(clients.len()), *file));
    by_need.truncate(MOST_FILES);
    let files: Vec<FileId> = by_need.iter().map(|(file, _)| *file).collect();
    let ids: BTreeSet<ClientId> = by_need.into_iter().flat_map(|(_, clients)| clients).collect();
    if ids.is_empty() {
        return Err(AppError::new(
            Code::NoTargets,
            "None of these clients runs older software than is here.",
        ));
    }
    let new = NewPlan {
        kind: PlanKind::DeploySoftware,
        targets: Targets { ids: Some(ids.into_iter().take(MOST_IDS).collect()), filter: None },
        changes: Vec::new(),
        send_secrets_again: false,
        deployment: Some(NewDeployment {
            files: files.into_iter().map(deployed).collect(),
            priority: query.priority.unwrap_or(Priority::Normal),
            allow_family_change: false,
            allow_downgrade: false,
            again: false,
            error_limit: query.error_limit,
            success_limit: query.success_limit,
        }),
    };
    plans::create(app, caller, new, key).await
}

fn deployed(file: FileId) -> NewDeployedFile {
    NewDeployedFile { file: Some(file), name: None, file_type: None, action: FileAction::Deploy }
}

/// The active ones of the clients that run something older, by the file each needs.
async fn outdated(app: &App, clients: &[ClientId]) -> AppResult<BTreeMap<FileId, Vec<ClientId>>> {
    let shelf = Shelf::read(app).await?;
    let mut newest: HashMap<(String, Option<String>), Newest> = HashMap::new();
    let mut outdated: BTreeMap<FileId, Vec<ClientId>> = BTreeMap::new();
    for some in clients.chunks(AT_ONCE) {
        for client in fleet::clients(&app.store, some).await? {
            let Some(model) = model_of(&client) else { continue };
            let family = client.software_type.as_deref();
            let place = (model.to_owned(), family.map(str::to_owned));
            let found = newest
                .entry(place)
                .or_insert_with(|| shelf.newest(model, family).map(|(file, version)| (file.id, version)));
            let version = found.map(|(_, version)| version);
            if let Some((file, _)) = found.filter(|_| {
                client.state == ClientState::Active && is_older(client.software_version.as_deref(), version)
            }) {
                outdated.entry(file).or_default().push(client.id);
            }
        }
    }
    Ok(outdated)
}
