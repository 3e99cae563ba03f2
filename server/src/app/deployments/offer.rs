//! What a phone that is there is offered now (`wpi.md` §4.6.1, §4.6.3, §4.6.6). Everything is looked at again: the
//! plan may be a week old.

use std::collections::BTreeMap;

use domain::configuration::ItemKey;
use domain::deployment::choose::ALREADY_SO;
use domain::deployment::{
    DeployedFile, DeploymentOptions, DeploymentPhase, ELSEWHERE_MINUTES, FileAction, OFFER_PAUSE_MINUTES,
    STATUS_MINUTES,
};
use domain::file::fit::Misfit;
use domain::file::{FileState, FileType};
use domain::job::{JobKind, TargetState};
use domain::{ClientId, FileId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::facts::{self, FILE_NAME, Facts};
use super::ftp::{self, Refused, Source, WITHHELD};
use super::pump::{self, Admission};
use super::{brake, meanwhile, order, patience, take_place};
use crate::App;
use crate::app::jobs::dossier::Dossier;
use crate::app::jobs::work::Visit;
use crate::fileserver::{
    self, FILE_ON_ITS_WAY, FILE_SERVER_OFF, FILE_UNREACHABLE, Offer, Offered, PROVIDER_NOT_DIRECT,
    STORAGE_NOT_SHARED,
};
use crate::store::clients::Client;
use crate::store::deployments::{self as rows, Deployment, FileResult};
use crate::store::files::{self, File};
use crate::store::job_targets::{ItemResult, JobTarget};
use crate::store::jobs::{self, Job};
use crate::store::{StoreResult, Tx, clients, file_history, file_offers};

/// The file was carried out.
pub const OK: &str = "ok";

/// The template that wanted it on its own does so no longer.
pub const NO_LONGER_WANTED: &str = "no-longer-wanted";

/// Why a target of a template's job ended that was no try: nobody wants it done any more.
pub const UNWANTED: [&str; 3] = [NO_LONGER_WANTED, meanwhile::ANOTHER_JOB, brake::FAILS_ON_PHONES];

/// No message for the phone could be made of it.
const NOT_SENDABLE: &str = "not-sendable";

/// Why a target ended with which this server could not do its part: that says nothing of the phone.
pub const OURS: [&str; 8] = [
    FILE_SERVER_OFF,
    STORAGE_NOT_SHARED,
    PROVIDER_NOT_DIRECT,
    facts::FILE_GONE,
    facts::FILE_NOT_READY,
    WITHHELD,
    NOT_SENDABLE,
    SERVER_FAILED,
];

/// The file is not at its storage provider.
pub const FILE_MISSING: &str = "file-missing";

/// The phone was sent for a file and this server did not give it.
pub const NOT_SERVED: &str = "not-served";

/// The same too often. It is no failure of the phone.
pub const SERVER_FAILED: &str = "server-failed";

/// Why a target waits that is looked at again at once when somebody has mended something: none of it lies with the
/// phone, so none of it ends a target.
pub const WAITS_FOR_US: [&str; 7] = [
    FILE_SERVER_OFF,
    STORAGE_NOT_SHARED,
    PROVIDER_NOT_DIRECT,
    FILE_UNREACHABLE,
    FILE_ON_ITS_WAY,
    FILE_MISSING,
    NOT_SERVED,
];

/// How long a target waits for us until it is looked at again, when nobody says before that it may go now.
pub(super) const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(2);

/// It was offered to the phone a moment ago.
const OFFERED_RECENTLY: &str = "offered-recently";

/// What comes of looking at a target when its phone is there.
pub enum Next {
    /// These items are sent.
    Order {
        /// For software, another action.
        software: bool,
        /// The items.
        items: Vec<(ItemKey, String)>,
        /// The secrets among them: item and keyed digest.
        secrets: Vec<(ItemKey, Vec<u8>)>,
    },
    /// Nothing is left to do.
    End(Conclusion),
    /// Not now; nobody needs to be called for it.
    Wait {
        /// Not before.
        until: Option<Timestamp>,
        /// Why.
        reason: Option<&'static str>,
    },
}

/// How a target ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// Its state.
    pub state: TargetState,
    /// Why.
    pub reason: Option<String>,
    /// Arguments of the reason.
    pub args: Json,
    /// What became of its files, but for those that simply went well.
    pub results: Vec<ItemResult>,
}

impl Conclusion {
    fn plain(state: TargetState, reason: &str) -> Self {
        Self { state, reason: Some(reason.to_owned()), args: Json::Null, results: Vec::new() }
    }
}

/// Options of a job that deploys; `None` when they are damaged.
pub fn options_of(job: &Job) -> Option<DeploymentOptions> {
    serde_json::from_value(job.options.clone()).ok()
}

/// The next order of a target, committed as offered with this transaction.
///
/// # Errors
/// When the database refuses.
pub async fn next(
    app: &App,
    tx: &Tx,
    target: &JobTarget,
    visit: &Visit,
    dossier: &mut Dossier,
    at: Timestamp,
) -> StoreResult<Next> {
    let (job, deployment) = (jobs::by_id(tx, target.job).await?, rows::by_target(tx, target.id).await?);
    let (Some(job), Some(mut deployment)) = (job, deployment) else {
        return Ok(Next::End(Conclusion::plain(TargetState::Failed, NOT_SENDABLE)));
    };
    let admitted = match pump::admission(job.id) {
        Admission::Everybody => true,
    };
    if job.stopping || !admitted {
        return Ok(Next::Wait { until: None, reason: None });
    }
    let Some(options) = options_of(&job) else {
        return Ok(Next::End(Conclusion::plain(TargetState::Failed, NOT_SENDABLE)));
    };
    let Some(client) = dossier.standing(tx).await?.map(|standing| standing.client.clone()) else {
        return Ok(Next::End(Conclusion::plain(TargetState::Cancelled, "client-deleted")));
    };
    let ids: Vec<FileId> = options.files.iter().filter_map(|file| file.file).collect();
    let files = files::by_ids(tx, &ids).await?;
    let inventory = facts::inventory(app, tx, visit.client).await?;
    let offers = file_history::offers(tx, &[visit.client]).await?.remove(&visit.client).unwrap_or_default();
    let of_job = (ids.as_slice(), files.as_slice());
    let unwanted =
        meanwhile::unwanted(app, tx, (target, &job), visit.client, of_job, &offers, (dossier, at)).await?;
    let desk = Desk {
        app,
        tx,
        target,
        visit,
        client: &client,
        options: &options,
        files: &files,
        unwanted,
        facts: Facts::of(&client, inventory, offers),
        at,
    };
    match target.kind {
        JobKind::DeploySoftware => desk.software(&mut deployment).await,
        _ => desk.files(&mut deployment).await,
    }
}

/// One look at a target.
struct Desk<'a> {
    app: &'a App,
    tx: &'a Tx,
    target: &'a JobTarget,
    visit: &'a Visit,
    client: &'a Client,
    options: &'a DeploymentOptions,
    files: &'a [File],
    /// Which files templates no longer want of the client, and why, when they made the job.
    unwanted: Option<BTreeMap<FileId, &'static str>>,
    facts: Facts,
    at: Timestamp,
}

impl Desk<'_> {
    /// Why nobody wants a file any more that was asked for.
    fn unwanted(&self, file: Option<FileId>) -> Option<&'static str> {
        let unwanted = self.unwanted.as_ref()?;
        file.map_or(Some(NO_LONGER_WANTED), |file| unwanted.get(&file).copied())
    }

    async fn software(&self, deployment: &mut Deployment) -> StoreResult<Next> {
        let (files, unwanted): (Vec<&File>, Vec<&File>) =
            self.files.iter().partition(|file| self.unwanted(Some(file.id)).is_none());
        if let (true, Some(unwanted)) = (files.is_empty(), unwanted.first()) {
            let why = self.unwanted(Some(unwanted.id)).unwrap_or(NO_LONGER_WANTED);
            return self.end(deployment, Conclusion::plain(TargetState::Cancelled, why)).await;
        }
        let choice = match self.facts.software(&files, self.options) {
            Ok(choice) => choice,
            Err(ALREADY_SO) => {
                return self.end(deployment, Conclusion::plain(TargetState::Skipped, ALREADY_SO)).await;
            }
            Err(facts::FILE_NOT_READY) if files.iter().any(|file| file.state == FileState::Missing) => {
                return self.wait_for_us(deployment, FILE_MISSING).await;
            }
            Err(reason) => return self.end(deployment, Conclusion::plain(TargetState::Failed, reason)).await,
        };
        let Some(file) = files.get(choice.place) else {
            return self.end(deployment, Conclusion::plain(TargetState::Failed, facts::FILE_GONE)).await;
        };
        let pause = SignedDuration::from_mins(OFFER_PAUSE_MINUTES);
        let last = file_offers::last_software(self.tx, self.visit.client).await?;
        if let Some(until) =
            last.and_then(|last| last.checked_add(pause).ok()).filter(|until| *until > self.at)
        {
            return self.wait(deployment, Some(until), Some(OFFERED_RECENTLY)).await;
        }
        let deployed = self.options.files.iter().find(|deployed| deployed.file == Some(file.id));
        let name = deployed.map_or(file.name.as_str(), |deployed| deployed.name.as_str());
        if !take_place(self.app, self.tx, self.target.kind).await? {
            return self.wait(deployment, None, None).await;
        }
        let source = match self.source(file, name).await? {
            Ok(source) => source,
            Err(Refused::Uncalled) => return self.wait(deployment, None, None).await,
            Err(Refused::NotNow(reason)) => return self.wait_for_us(deployment, reason).await,
            Err(Refused::Because(reason)) => {
                return self.end(deployment, Conclusion::plain(TargetState::Failed, reason)).await;
            }
            Err(Refused::Withheld(withheld)) => {
                let plain = Conclusion::plain(TargetState::Failed, WITHHELD);
                let args = json!({"reason": withheld});
                return self.end(deployment, Conclusion { args, ..plain }).await;
            }
        };
        deployment.from_version.clone_from(&self.facts.software_version);
        deployment.to_version.clone_from(&file.software_version);
        deployment.to_software_type.clone_from(&file.software_type);
        self.offered(deployment, Some(file.id), true).await?;
        let Source { mut items, secrets } = source;
        items.extend(order::about(file, FileType::Software, self.options.priority));
        Ok(Next::Order { software: true, items: keyed(items), secrets })
    }

    async fn files(&self, deployment: &mut Deployment) -> StoreResult<Next> {
        while let Some(deployed) = self.file_at(deployment.position) {
            let file = deployed.file.and_then(|id| self.files.iter().find(|file| file.id == id));
            let judged = self.facts.file(file, deployed, self.options.again);
            let (refused, status) = match self.unwanted(deployed.file).map_or(judged, Err) {
                Ok(()) => {
                    if !take_place(self.app, self.tx, self.target.kind).await? {
                        return self.wait(deployment, None, None).await;
                    }
                    match self.order(deployed, file).await? {
                        Ok(Source { items, secrets }) => {
                            self.offered(deployment, file.map(|file| file.id), false).await?;
                            return Ok(Next::Order { software: false, items: keyed(items), secrets });
                        }
                        Err(Refused::Uncalled) => return self.wait(deployment, None, None).await,
                        Err(Refused::NotNow(reason)) => return self.wait_for_us(deployment, reason).await,
                        Err(Refused::Because(reason)) => (reason, None),
                        Err(Refused::Withheld(why)) => (WITHHELD, Some(why.as_str().to_owned())),
                    }
                }
                Err(facts::FILE_NOT_READY) if file.is_some_and(|file| file.state == FileState::Missing) => {
                    return self.wait_for_us(deployment, FILE_MISSING).await;
                }
                Err(reason) => (reason, None),
            };
            let (position, code) = (deployment.position, refused.to_owned());
            deployment.results.push(FileResult { position, code, status });
            deployment.position += 1;
        }
        let conclusion = conclude(self.options, &deployment.results);
        if deployment.results.iter().any(|result| result.code == OK) {
            // What it has now is known when it was read.
            clients::want_full_read(self.tx, self.visit.client, self.at).await?;
        }
        self.end(deployment, conclusion).await
    }

    fn file_at(&self, position: u32) -> Option<&DeployedFile> {
        self.options.files.get(usize::try_from(position).ok()?)
    }

    /// Items of one file, without an index: one file a message is the most robust way (`wpi.md` §4.6.4).
    async fn order(
        &self,
        deployed: &DeployedFile,
        file: Option<&File>,
    ) -> StoreResult<Result<Source, Refused>> {
        Ok(match (deployed.action, file) {
            (FileAction::Delete, _) => {
                let action = ("file-action", FileAction::Delete.as_str().to_owned());
                let kind = ("file-type", deployed.file_type.wire().to_owned());
                Ok(Source::of(vec![action, kind, ("file-name", deployed.name.clone())]))
            }
            (FileAction::Deploy, None) => Err(Refused::Because(facts::FILE_GONE)),
            (FileAction::Deploy, Some(file)) => self.source(file, &deployed.name).await?.map(|mut source| {
                source.items.extend(order::about(file, deployed.file_type, self.options.priority));
                source
            }),
        })
    }

    /// An address for this phone alone, for as long as it has for the order, or a place on an FTP server. Whoever has
    /// it can fetch the file: it goes into the order and nowhere else.
    async fn source(&self, file: &File, name: &str) -> StoreResult<Result<Source, Refused>> {
        if let Err(reason) = fileserver::outlook(self.app, self.tx, file, name).await? {
            return Ok(Err(Refused::NotNow(reason)));
        }
        let offer = Offer {
            target: Some(self.target.id),
            client: self.visit.client,
            model: self.client.model.as_deref(),
            file,
            name,
            peer: self.visit.peer,
            local: self.visit.local,
            lifetime: patience(self.target.kind),
        };
        let offered = fileserver::offer(self.app, self.tx, &offer, self.at).await?;
        Ok(match offered {
            Offered::Address(url) => Ok(Source::of(order::at_address(url))),
            Offered::Ftp(ftp) => ftp::source(self.app, self.tx, self.visit, self.client, &ftp).await?,
            Offered::Nowhere(why) => Err(Refused::NotNow(why.code())),
        })
    }

    async fn offered(
        &self,
        deployment: &mut Deployment,
        file: Option<FileId>,
        is_software: bool,
    ) -> StoreResult<()> {
        let deletes = self
            .file_at(deployment.position)
            .is_some_and(|deployed| deployed.action == FileAction::Delete && !is_software);
        deployment.phase = DeploymentPhase::Offered;
        deployment.file = file;
        deployment.had_before = match self.file_at(deployment.position) {
            Some(fetched) if !is_software && !deletes => {
                self.facts.had_before((fetched.file_type, &fetched.name))
            }
            _ => None,
        };
        deployment.offered_at = Some(self.at);
        // A deletion is not seen by the file server, nor what the phone fetches elsewhere.
        let unseen = if deletes {
            Some(STATUS_MINUTES)
        } else if is_software || rows::is_served_here(self.tx, self.target.id, self.at).await? {
            None
        } else {
            Some(ELSEWHERE_MINUTES)
        };
        let after = unseen.map(SignedDuration::from_mins);
        deployment.verify_at = after.and_then(|after| self.at.checked_add(after).ok());
        deployment.last_look = false;
        deployment.dispatched_at.get_or_insert(self.at);
        let noted = self.files.iter().find(|one| Some(one.id) == file && !deletes);
        if let Some(file) = noted {
            file_offers::note(self.tx, self.visit.client, file, self.at).await?;
        }
        rows::write(self.tx, deployment).await
    }

    async fn end(&self, deployment: &mut Deployment, conclusion: Conclusion) -> StoreResult<Next> {
        deployment.phase = DeploymentPhase::Over;
        (deployment.verify_at, deployment.dispatched_at) = (None, Some(self.at));
        rows::write(self.tx, deployment).await?;
        Ok(Next::End(conclusion))
    }

    /// It waits for something that lies with us.
    async fn wait_for_us(&self, deployment: &mut Deployment, reason: &'static str) -> StoreResult<Next> {
        let until = self.at.saturating_add(LOOK_AGAIN).ok();
        self.wait(deployment, until, Some(reason)).await
    }

    /// The pump has it called when its time comes and a place is free.
    async fn wait(
        &self,
        deployment: &mut Deployment,
        until: Option<Timestamp>,
        reason: Option<&'static str>,
    ) -> StoreResult<Next> {
        if deployment.dispatched_at.take().is_some() {
            rows::write(self.tx, deployment).await?;
        }
        Ok(Next::Wait { until, reason })
    }
}

/// What the word beside a code is: why a secret is withheld, or else what the phone said.
fn word_of(result: &FileResult) -> &'static str {
    if result.code == WITHHELD { "reason" } else { "status" }
}

fn keyed(items: Vec<(&'static str, String)>) -> Vec<(ItemKey, String)> {
    items.into_iter().map(|(name, value)| (ItemKey::new(name, None), value)).collect()
}

/// How a target ends by what became of its files. Files that are not for its model are none of its files, unless
/// there is no other.
pub fn conclude(options: &DeploymentOptions, results: &[FileResult]) -> Conclusion {
    let misfit = |result: &&FileResult| Misfit::parse(&result.code).is_some();
    let good = results.iter().filter(|result| result.code == OK).count();
    let same = results.iter().any(|result| result.code == ALREADY_SO);
    let unwanted = results.iter().find(|result| UNWANTED.contains(&result.code.as_str()));
    let bad = results
        .iter()
        .filter(|result| {
            ![OK, ALREADY_SO].contains(&result.code.as_str()) && !UNWANTED.contains(&result.code.as_str())
        })
        .find(|result| !misfit(result));
    let (state, worst) = match bad {
        Some(bad) if good > 0 => (TargetState::Partial, Some(bad)),
        Some(bad) => (TargetState::Failed, Some(bad)),
        None if good > 0 => (TargetState::Success, None),
        None if same => (TargetState::Skipped, results.iter().find(|result| result.code == ALREADY_SO)),
        None if unwanted.is_some() => (TargetState::Cancelled, unwanted),
        None => (TargetState::Failed, results.first()),
    };
    let named = results.iter().filter(|result| result.code != OK).filter_map(|result| {
        let deployed = options.files.get(usize::try_from(result.position).ok()?)?;
        let index = u16::try_from(result.position + 1).ok();
        let item = ItemKey::new(FILE_NAME, index);
        let args = json!({"name": deployed.name, word_of(result): result.status});
        Some(ItemResult { item, code: result.code.clone(), args })
    });
    let args = worst.and_then(|worst| Some(json!({word_of(worst): worst.status.as_ref()?})));
    Conclusion {
        state,
        reason: worst.map(|worst| worst.code.clone()),
        args: args.unwrap_or(Json::Null),
        results: named.collect(),
    }
}

/// What the phone did not take after all is not offered: it may be offered again at once.
///
/// # Errors
/// When the database refuses.
pub async fn take_back(
    tx: &Tx,
    client: ClientId,
    deployment: &mut Deployment,
    at: Timestamp,
) -> StoreResult<()> {
    if let Some(file) = deployment.file {
        file_offers::withdraw(tx, client, file).await?;
    }
    crate::store::downloads::withdraw(tx, deployment.target, at).await?;
    if deployment.phase != DeploymentPhase::Over {
        deployment.phase = DeploymentPhase::Waiting;
    }
    (deployment.offered_at, deployment.verify_at) = (None, None);
    rows::write(tx, deployment).await
}
