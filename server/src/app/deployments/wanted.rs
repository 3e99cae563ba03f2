//! What templates want on clients, and what of it is still to be brought to them: files that are not there, and software
//! by the rule of the strongest template (OSEM §6.3).
//!
//! Looked at in the transaction of a contact, and for all clients every night. What was brought and is gone from a phone
//! since was deleted there: like other changes made at a phone it is shown and not undone (D-23).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::configuration::Withheld;
use domain::deployment::again::{self, Ending, Try};
use domain::deployment::brake::Share;
use domain::deployment::outcome::{OnPhone, is_installed};
use domain::file::FileState;
use domain::job::TargetState;
use domain::layers::wanted::{
    Contender, SoftwareVerdict, SoftwareWish, WantedFile, WantedFiles, software_verdict, software_wish,
    wanted_files, wanted_once,
};
use domain::layers::{Applied, SoftwareUpdate};
use domain::{ClientId, FileId, TemplateId};
use jiff::Timestamp;

use super::brake;
use super::facts::{has, inventories};
use super::fitting::misfit;
use super::offer::{OURS, UNWANTED};
use super::result;
use super::rule::Need;
use super::served::Served;
use crate::App;
use crate::app::layers::Snapshot;
use crate::store::clients::Client;
use crate::store::file_history::{self, Offered, Past};
use crate::store::file_offers::is_content;
use crate::store::files::{self, File};
use crate::store::{Source, StoreResult};

/// Files asked for in one statement.
const AT_ONCE: usize = 1_000;

/// Why a target failed when its phone would not take the same again (`wpi.md` §4.6.6).
const REFUSALS: [&str; 2] = ["old-version", result::REFUSED];

/// Why a target ended that was no try: the phone is another one now. Nor is one that nobody wants any more.
const NO_TRY: &str = "phone-expected";

/// What templates want of a client, whether it has it or not. The same for all clients of a model and family to which
/// the same templates apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Files.
    pub files: WantedFiles,
    /// Software.
    pub software: SoftwareWish,
    /// Files of its templates that it cannot have, with the reason.
    pub misfits: BTreeMap<FileId, &'static str>,
}

/// The files that templates bring, whoever can have them.
pub fn named(applied: &[Applied<'_>]) -> BTreeSet<FileId> {
    applied.iter().flat_map(|one| one.template.files.iter().copied()).collect()
}

/// What templates want of a client of this model and family.
pub fn wants(
    applied: &[Applied<'_>],
    files: &BTreeMap<FileId, File>,
    model: Option<&str>,
    software_type: Option<&str>,
) -> Wants {
    let (contenders, misfits) = contenders(&named(applied), files, model, software_type);
    Wants {
        files: wanted_files(applied, &contenders),
        software: software_wish(applied, &contenders),
        misfits,
    }
}

/// What onboarding templates want of a client of this model and family, beside those that apply to it for good.
pub(super) fn wants_once(
    once: &[Applied<'_>],
    lasting: &[Applied<'_>],
    files: &BTreeMap<FileId, File>,
    model: Option<&str>,
    software_type: Option<&str>,
) -> Wants {
    let named = named(once).into_iter().chain(named(lasting)).collect();
    let (contenders, misfits) = contenders(&named, files, model, software_type);
    let (files, software) = wanted_once(once, lasting, &contenders);
    Wants { files, software, misfits }
}

/// Files as far as it matters who wins, and why a client of this model and family cannot have some of them.
fn contenders(
    named: &BTreeSet<FileId>,
    files: &BTreeMap<FileId, File>,
    model: Option<&str>,
    software_type: Option<&str>,
) -> (BTreeMap<FileId, Contender>, BTreeMap<FileId, &'static str>) {
    let mut misfits = BTreeMap::new();
    let mut contenders = BTreeMap::new();
    for id in named {
        let Some((file, file_type)) = files.get(id).and_then(|file| Some((file, file.file_type?))) else {
            continue;
        };
        let why = misfit(file, model, software_type);
        misfits.extend(why.map(|why| (*id, why)));
        let contender = Contender {
            name: file.name.clone(),
            file_type,
            sha256: file.sha256.clone(),
            version: file.software_version.clone(),
            fits: why.is_none(),
        };
        contenders.insert(*id, contender);
    }
    (contenders, misfits)
}

/// A client to be looked at.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// It.
    pub client: &'a Client,
    /// What its templates want.
    pub wants: Arc<Wants>,
    /// It has lost everything: what was brought to it before does not count.
    pub anew: bool,
    /// These wishes are looked at now and never again: what cannot be given at this moment becomes a job all the same,
    /// which waits or fails and can be tried again, because nobody else would bring it later.
    pub once: bool,
}

/// How a wanted file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStand {
    /// The file and who wants it.
    pub wanted: WantedFile,
    /// Whether the phone says that it has it; `None` when it says nothing of its files.
    pub installed: Option<bool>,
    /// Why it is not brought on its own.
    pub reason: Option<&'static str>,
    /// It is to be brought.
    pub due: bool,
    /// It is not, because it fails on so many phones.
    pub stopped: Option<Share>,
}

/// How wanted software stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftwareStand {
    /// Who decides; `None` when nobody does, or several who disagree.
    pub template: Option<TemplateId>,
    /// By which rule.
    pub rule: SoftwareUpdate,
    /// What is wanted.
    pub file: Option<FileId>,
    /// `up-to-date`, `update`, `none`, or why there is no update.
    pub outcome: &'static str,
    /// The update is one to an older version.
    pub downgrade: bool,
    /// There is none, because it fails on so many phones.
    pub stopped: Option<Share>,
}

/// How a client stands to what its templates want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// The client.
    pub client: ClientId,
    /// Files.
    pub files: Vec<FileStand>,
    /// Software.
    pub software: SoftwareStand,
}

impl Stand {
    /// What is not brought because it fails on so many phones.
    pub fn stopped(&self) -> impl Iterator<Item = (FileId, Share)> {
        let files = self.files.iter().map(|file| (Some(file.wanted.file), file.stopped));
        let all = files.chain([(self.software.file, self.software.stopped)]);
        all.filter_map(|(file, share)| Some((file?, share?)))
    }

    /// What is to be brought: files together, software by itself.
    pub fn needs(&self) -> Vec<Need> {
        let due: Vec<FileId> =
            self.files.iter().filter(|file| file.due).map(|file| file.wanted.file).collect();
        let mut needs: Vec<Need> =
            due.chunks(domain::deployment::MOST_FILES).map(|files| Need::Files(files.to_vec())).collect();
        if let (Some(file), "update") = (self.software.file, self.software.outcome) {
            needs.push(Need::Software { file, downgrade: self.software.downgrade });
        }
        needs
    }
}

/// What is known of all clients that are looked at together.
struct Judge<'a> {
    layers: &'a Snapshot,
    files: &'a BTreeMap<FileId, File>,
    inventory: BTreeMap<ClientId, Vec<OnPhone>>,
    past: HashMap<(ClientId, FileId), Vec<Past>>,
    offers: HashMap<ClientId, Vec<Offered>>,
    /// How the files are given that may have to be brought; `None` when there are none.
    served: Option<Served>,
    /// Files that fail on so many phones that no others get them.
    stopped: BTreeMap<FileId, Share>,
    at: Timestamp,
}

/// How clients stand to what their templates want. `files` are all that are named.
///
/// # Errors
/// When the database cannot be asked.
pub async fn stand(
    app: &App,
    on: &impl Source,
    layers: &Snapshot,
    files: &BTreeMap<FileId, File>,
    asked: &[Asked<'_>],
    at: Timestamp,
) -> StoreResult<Vec<Stand>> {
    let with_files = asked.iter().filter(|one| !one.wants.files.files.is_empty());
    let with_files: Vec<ClientId> = with_files.map(|one| one.client.id).collect();
    let inventory = inventories(app, on, &with_files).await?;
    let all: Vec<ClientId> = asked.iter().map(|one| one.client.id).collect();
    let offers = file_history::offers(on, &all).await?;
    let stopped = BTreeMap::new();
    let mut judge =
        Judge { layers, files, inventory, past: HashMap::new(), offers, served: None, stopped, at };
    // Most phones have all they should: nobody looks into their past.
    let mut clients = BTreeSet::new();
    let mut missing = BTreeSet::new();
    for one in asked {
        for wanted in judge.missing(one) {
            clients.insert(one.client.id);
            missing.insert(wanted);
        }
    }
    if !missing.is_empty() {
        let clients: Vec<ClientId> = clients.into_iter().collect();
        let missing: Vec<FileId> = missing.into_iter().collect();
        judge.past = file_history::of_jobs(on, &clients, &missing).await?;
        let missing = missing.iter().filter_map(|id| files.get(id));
        let missing: Vec<&File> = missing.collect();
        judge.stopped = brake::stopped(app, on, layers, &missing).await?;
        let missing: Vec<(&File, &str)> =
            missing.into_iter().map(|file| (file, file.name.as_str())).collect();
        judge.served = Some(Served::of(app, on, &missing).await?);
    }
    Ok(asked.iter().map(|one| judge.stand(one)).collect())
}

impl Judge<'_> {
    fn offers(&self, client: ClientId) -> &[Offered] {
        self.offers.get(&client).map_or(&[], Vec::as_slice)
    }

    fn offer(&self, client: ClientId, file: &File) -> Option<&Offered> {
        self.offers(client).iter().find(|offer| offer.file == file.id)
    }

    fn installed(&self, client: ClientId, file: &File) -> Option<bool> {
        let inventory = self.inventory.get(&client)?;
        Some(has(inventory, self.offers(client), file, (file.file_type?, &file.name)))
    }

    /// Whether something else is in the place of a file that the phone took once: another file, or what the file was
    /// before it was changed.
    fn is_replaced(&self, client: ClientId, file: &File) -> bool {
        match (self.inventory.get(&client), file.file_type) {
            (Some(inventory), Some(file_type)) => {
                is_installed(inventory, &file.name, file_type) && self.installed(client, file) == Some(false)
            }
            _ => {
                let taken = self.offer(client, file).and_then(|offer| offer.taken.as_deref());
                taken.and_then(|taken| is_content(file, taken)) == Some(false)
            }
        }
    }

    /// Files whose past decides whether they are brought.
    fn missing(&self, one: &Asked<'_>) -> Vec<FileId> {
        let wanted = one.wants.files.files.iter().filter_map(|wanted| self.files.get(&wanted.file));
        let absent = wanted.filter(|file| {
            file.state == FileState::Ready && self.installed(one.client.id, file) != Some(true)
        });
        let mut missing: Vec<FileId> = absent.map(|file| file.id).collect();
        let software = self.software(one);
        missing.extend(software.file.filter(|_| software.outcome == "update"));
        missing
    }

    fn stand(&self, one: &Asked<'_>) -> Stand {
        let files = one.wants.files.files.iter().filter_map(|wanted| self.file(one, *wanted)).collect();
        let mut software = self.software(one);
        if let (Some(file), Some(template), "update") = (software.file, software.template, software.outcome)
            && let Some(file) = self.files.get(&file)
        {
            let tries = again::check(&self.tries(one, file), self.changed(file, template), self.at);
            let brought = tries.map_err(again::NotNow::code).and_then(|()| self.check_served(one, file));
            software.outcome = brought.err().unwrap_or(software.outcome);
            software.stopped = self.stopped(one, file).filter(|_| brought.is_ok());
            if software.stopped.is_some() {
                software.outcome = brake::FAILS_ON_PHONES;
            }
        }
        Stand { client: one.client.id, files, software }
    }

    fn file(&self, one: &Asked<'_>, wanted: WantedFile) -> Option<FileStand> {
        let file = self.files.get(&wanted.file)?;
        let installed = self.installed(one.client.id, file);
        let mut stand = FileStand { wanted, installed, reason: None, due: false, stopped: None };
        if installed == Some(true) {
            return Some(stand);
        }
        if file.state != FileState::Ready {
            stand.reason = Some("not-ready");
            return Some(stand);
        }
        let tries = self.tries(one, file);
        let changed_at = self.changed(file, wanted.template);
        let offer = self.offer(one.client.id, file);
        let success = offer.and_then(|offer| offer.taken_at).filter(|_| !one.anew);
        if success.is_none() && one.client.full_read_at.is_some() {
            // It told all it has, and no files among it.
            stand.installed = Some(false);
        }
        match again::check(&tries, changed_at, self.at) {
            Err(why) => stand.reason = Some(why.code()),
            Ok(()) => match success {
                None => stand.due = true,
                Some(_) if self.is_replaced(one.client.id, file) => stand.due = true,
                // It was brought. What a phone does not list is there; what it no longer lists was deleted at it, and
                // comes again when somebody says anew that it is wanted.
                Some(success)
                    if self.attached(wanted.template) > Some(success) && installed == Some(false) =>
                {
                    let read_since = one.client.full_read_at.is_some_and(|read| read > success);
                    stand.due = read_since;
                }
                Some(_) if installed == Some(false) => stand.reason = Some("deleted-at-phone"),
                Some(_) => {}
            },
        }
        if stand.due
            && let Err(reason) = self.check_served(one, file)
        {
            (stand.due, stand.reason) = (false, Some(reason));
        }
        stand.stopped = self.stopped(one, file).filter(|_| stand.due);
        if stand.stopped.is_some() {
            (stand.due, stand.reason) = (false, Some(brake::FAILS_ON_PHONES));
        }
        Some(stand)
    }

    /// How a file fares that no more phones get. What is looked at only once becomes a job that its phone is not offered,
    /// and that somebody can try again.
    fn stopped(&self, one: &Asked<'_>, file: &File) -> Option<Share> {
        self.stopped.get(&file.id).copied().filter(|_| !one.once)
    }

    /// Whether a client can be given a file as things are now: a job that can only fail is not made.
    fn check_served(&self, one: &Asked<'_>, file: &File) -> Result<(), &'static str> {
        let Some(served) = self.served.as_ref().filter(|_| !one.once) else { return Ok(()) };
        served.check(file, one.client)?;
        match served.withheld(file, one.client) {
            // Anything else may be mended when it is called.
            Some(withheld @ Withheld::NotApproved) => Err(withheld.as_str()),
            _ => Ok(()),
        }
    }

    /// Later than what happened before the file or its template was changed.
    fn changed(&self, file: &File, template: TemplateId) -> Timestamp {
        let template = self.layers.templates.get(&template);
        let changed_at = file.content_changed_at;
        template.map_or(changed_at, |template| template.updated_at.max(changed_at))
    }

    /// When a template, or a group it is attached to, was last changed.
    fn attached(&self, template: TemplateId) -> Option<Timestamp> {
        let groups = self.layers.groups.values().filter(|group| group.templates.contains(&template));
        let own = self.layers.templates.get(&template).map(|template| template.updated_at);
        groups.map(|group| group.updated_at).chain(own).max()
    }

    fn tries(&self, one: &Asked<'_>, file: &File) -> Vec<Try> {
        let past = self.past.get(&(one.client.id, file.id)).into_iter().flatten();
        let is_none = |why: &str| why == NO_TRY || UNWANTED.contains(&why);
        let is_try = |past: &&Past| !past.reason.as_deref().is_some_and(is_none);
        let mut tries: Vec<Try> = past.filter(is_try).map(attempt).collect();
        if let Some(offer) = self.offer(one.client.id, file) {
            let remembered = remembered(&tries, offer);
            tries.extend(remembered);
        }
        tries.retain(|one_try| !(one.anew && one_try.ending == Ending::Success));
        tries
    }

    fn software(&self, one: &Asked<'_>) -> SoftwareStand {
        let none = |rule, outcome| SoftwareStand {
            template: None,
            rule,
            file: None,
            outcome,
            downgrade: false,
            stopped: None,
        };
        let (template, rule, file) = match &one.wants.software {
            SoftwareWish::Ignored => return none(SoftwareUpdate::Ignored, "none"),
            SoftwareWish::Conflict { .. } => return none(SoftwareUpdate::Ignored, "conflict"),
            SoftwareWish::One { template, rule, file } => (*template, *rule, *file),
        };
        let stand = SoftwareStand { template: Some(template), ..none(rule, "none") };
        if rule == SoftwareUpdate::Disabled {
            return SoftwareStand { outcome: "disabled", ..stand };
        }
        let Some((id, file)) = file.and_then(|id| Some((id, self.files.get(&id)?))) else {
            return SoftwareStand { outcome: "no-software", ..stand };
        };
        let stand = SoftwareStand { file: Some(id), ..stand };
        let Some(version) = file.software_version.as_deref().filter(|_| file.state == FileState::Ready)
        else {
            return SoftwareStand { outcome: "not-ready", ..stand };
        };
        let running = one.client.software_version.as_deref();
        match software_verdict(rule, running, version) {
            SoftwareVerdict::UpToDate => SoftwareStand { outcome: "up-to-date", ..stand },
            SoftwareVerdict::Update => SoftwareStand { outcome: "update", ..stand },
            SoftwareVerdict::Downgrade => SoftwareStand { outcome: "update", downgrade: true, ..stand },
            SoftwareVerdict::NewerRuns => SoftwareStand { outcome: "newer-runs", ..stand },
            SoftwareVerdict::Unknown => SoftwareStand { outcome: "version-unknown", ..stand },
        }
    }
}

fn attempt(past: &Past) -> Try {
    let ending = match past.state {
        state if !state.is_terminal() => Ending::Open,
        TargetState::Success => Ending::Success,
        TargetState::Failed | TargetState::Timeout | TargetState::Partial => match past.reason.as_deref() {
            Some(reason) if REFUSALS.contains(&reason) => Ending::Refusal,
            Some(reason) if OURS.contains(&reason) => Ending::Other,
            _ => Ending::Failure,
        },
        _ => Ending::Other,
    };
    Try { ending, at: past.finished_at }
}

/// What is remembered of offers whose jobs are gone: `tries` are those of the jobs that are there.
fn remembered(tries: &[Try], offer: &Offered) -> Vec<Try> {
    let number = |counts: &dyn Fn(&Try) -> bool| tries.iter().filter(|one| counts(one)).count();
    let mut more = Vec::new();
    if let Some(taken_at) = offer.taken_at
        && number(&|one| one.ending == Ending::Success && one.at >= Some(taken_at)) == 0
    {
        more.push(Try { ending: Ending::Success, at: Some(taken_at) });
    }
    let fails =
        |one: &Try| matches!(one.ending, Ending::Failure | Ending::Refusal) && one.at >= offer.taken_at;
    let forgotten = usize::try_from(offer.failures).unwrap_or(usize::MAX).saturating_sub(number(&fails));
    let refused = offer.result.as_deref().is_some_and(|result| REFUSALS.contains(&result));
    for place in 0..forgotten.min(again::MOST_FAILURES) {
        let ending = if refused && place == 0 { Ending::Refusal } else { Ending::Failure };
        // While it is offered once more its earlier end is not known; the rest after that is over.
        more.extend(offer.finished_at.map(|at| Try { ending, at: Some(at) }));
    }
    more
}

/// Files by their ids.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read_files(on: &impl Source, ids: BTreeSet<FileId>) -> StoreResult<BTreeMap<FileId, File>> {
    let ids: Vec<FileId> = ids.into_iter().collect();
    let mut found = BTreeMap::new();
    for some in ids.chunks(AT_ONCE) {
        found.extend(files::by_ids(on, some).await?.into_iter().map(|file| (file.id, file)));
    }
    Ok(found)
}
