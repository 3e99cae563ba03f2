//! What templates want of one client that is there: what is brought to it now, and whether they still want what a job
//! of theirs brings. Default templates want it as long as they apply, onboarding templates once, when the phone comes for
//! the first time or after a reset that we ordered (OSEM §6.3, D-20).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::client::ClientState;
use domain::configuration::Layer;
use domain::group_filter::Facts;
use domain::layers::Applied;
use domain::layers::wanted::{SoftwareVerdict, SoftwareWish, software_verdict};
use domain::setting::SettingKey;
use domain::{FileId, JobId};
use jiff::Timestamp;

use super::brake;
use super::rule::{self, Need};
use super::wanted::{Asked, Stand, Wants, named, read_files, stand, wants, wants_once};
use crate::App;
use crate::app::configuration::model_of;
use crate::app::jobs::dossier::Dossier;
use crate::app::jobs::work::Visit;
use crate::app::layers::settle::facts;
use crate::app::layers::{self, Snapshot};
use crate::store::clients::Client;
use crate::store::files::File;
use crate::store::standing::Standing;
use crate::store::{StoreResult, Tx, client_fields};

/// What templates want of one client at this moment.
struct Wishes {
    layers: Arc<Snapshot>,
    files: BTreeMap<FileId, File>,
    lasting: Wants,
    once: Wants,
}

/// What templates want of a client; what onboarding templates want only when it is asked for. `None` when no template
/// that applies has files.
async fn wishes(app: &App, tx: &Tx, standing: &Standing, with_once: bool) -> StoreResult<Option<Wishes>> {
    let client = &standing.client;
    let layers = layers::snapshot_of(app, tx, standing.layers_version).await?;
    if !(layers.brings_files() || with_once && layers.brings_files_once()) {
        return Ok(None);
    }
    let fields =
        if standing.has.fields { client_fields::of_client(tx, client.id).await? } else { BTreeMap::new() };
    let facts = facts(client, &fields);
    let lasting = layers.layers.applying(&facts);
    let once = if with_once { applying_once(&layers, client, &facts) } else { Vec::new() };
    let named: BTreeSet<FileId> = named(&lasting).into_iter().chain(named(&once)).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let files = read_files(tx, named).await?;
    let (model, family) = (model_of(client), client.software_type.as_deref());
    let (once, lasting) =
        (wants_once(&once, &lasting, &files, model, family), wants(&lasting, &files, model, family));
    Ok(Some(Wishes { layers, files, lasting, once }))
}

/// Onboarding templates for a client. The one that was chosen for it when it was prepared is stronger than all others.
fn applying_once<'a>(layers: &'a Snapshot, client: &Client, facts: &Facts<'_>) -> Vec<Applied<'a>> {
    let mut once = layers.layers.onboarding(facts);
    let chosen = client.onboarding_template.and_then(|id| layers.layers.templates.get(&id));
    once.extend(chosen.map(|template| Applied { template, layer: Layer::Client, groups: Vec::new() }));
    once
}

/// Looks at a client in the transaction of a contact; gives the jobs that were made for what is still to be brought.
/// `first` says that the phone comes for the first time, or after a reset that we ordered.
///
/// # Errors
/// When the database refuses.
pub async fn look(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    first: bool,
    at: Timestamp,
) -> StoreResult<Vec<JobId>> {
    let (lasting, once) = due(app, first);
    if visit.only_reads || !(lasting || once) {
        return Ok(Vec::new());
    }
    let Some(standing) = dossier.standing(tx).await? else { return Ok(Vec::new()) };
    if standing.client.state != ClientState::Active {
        return Ok(Vec::new());
    }
    let Some(wishes) = wishes(app, tx, standing, once).await? else { return Ok(Vec::new()) };
    let client = &standing.client;
    let mut asked = Vec::with_capacity(2);
    if lasting {
        asked.push(Asked {
            client,
            wants: Arc::new(wishes.lasting),
            anew: visit.lost_configuration,
            once: false,
        });
    }
    if once {
        asked.push(Asked { client, wants: Arc::new(wishes.once), anew: true, once: true });
    }
    let stand = stand(app, tx, &wishes.layers, &wishes.files, &asked, at).await?;
    for (file, share) in stand.iter().flat_map(Stand::stopped) {
        if let Some(file) = wishes.files.get(&file) {
            brake::tell(app, tx, file, share, at).await?;
        }
    }
    let needs: Vec<Need> = stand.iter().flat_map(Stand::needs).collect();
    let mut made = Vec::with_capacity(needs.len());
    for need in needs {
        if let Some(job) = rule::order(app, tx, &need, &wishes.files, vec![visit.client]).await? {
            made.push(job);
            dossier.note_job();
        }
    }
    Ok(made)
}

/// What is brought at a contact: what default templates want, and what onboarding templates want. These do not wait for
/// a night.
pub fn due(app: &App, first: bool) -> (bool, bool) {
    let when = app.settings.text(SettingKey::DeploymentsByRule);
    (when == "contact", first && when != "off")
}

/// The files that templates want of a client now, software by their rules, with these templates. Whether it has them is
/// not looked at.
///
/// # Errors
/// When the database cannot be asked.
pub async fn still_wanted(
    app: &App,
    tx: &Tx,
    dossier: &mut Dossier,
) -> StoreResult<(BTreeSet<FileId>, Option<Arc<Snapshot>>)> {
    let mut wanted = BTreeSet::new();
    let Some(standing) = dossier.standing(tx).await? else { return Ok((wanted, None)) };
    let Some(wishes) = wishes(app, tx, standing, true).await? else { return Ok((wanted, None)) };
    for Wants { files, software, .. } in [&wishes.lasting, &wishes.once] {
        wanted.extend(files.files.iter().map(|wanted| wanted.file));
        let SoftwareWish::One { rule, file: Some(id), .. } = software else { continue };
        let version = wishes.files.get(id).and_then(|file| file.software_version.as_deref());
        let running = standing.client.software_version.as_deref();
        let verdict = version.map(|version| software_verdict(*rule, running, version));
        match verdict {
            Some(SoftwareVerdict::UpToDate | SoftwareVerdict::Update | SoftwareVerdict::Downgrade) => {
                wanted.insert(*id);
            }
            Some(SoftwareVerdict::NewerRuns | SoftwareVerdict::Unknown) | None => {}
        }
    }
    Ok((wanted, Some(wishes.layers)))
}
