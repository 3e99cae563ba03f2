//! What a phone says of a deployment after its order: `status`, start-up, inventory, or nothing (`wpi.md` §4.6.3,
//! §4.6.4, §4.6.6). All of it in sessions of their own.

use domain::deployment::outcome::{
    self, Fetched, Offer, OnPhone, Order, Shown, StartUp, Told, is_updated, same_name, shown, started_up,
};
use domain::deployment::{
    CLOCKS_APART, DeployedFile, DeploymentOptions, DeploymentPhase, FileAction, STATUS_MINUTES, StopReason,
};
use domain::file::FileType;
use domain::job::{Happening, JobKind, TargetState};
use domain::{ClientId, JobId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::offer::{Conclusion, OK, SERVER_FAILED, conclude, options_of, take_back};
use super::pump::KEPT;
use super::{facts, overdue, unserved};
use crate::App;
use crate::app::jobs::dossier::Dossier;
use crate::store::audit::{Actor, NewRecord};
use crate::store::deployments::{self as rows, Deployment, FileResult};
use crate::store::job_targets::{self, JobTarget};
use crate::store::{StoreResult, Tx, audit, calls, clients, file_offers, jobs};

/// The phone could not fetch or store it.
const DOWNLOAD_FAILED: &str = "download-failed";

/// After its start-up it runs what it ran before.
const OLD_VERSION: &str = "old-version";

/// It took the order and has not got the file.
const NOT_IN_INVENTORY: &str = "not-in-inventory";

/// It said nothing in time.
pub const NO_STATUS: &str = "no-status";

/// It said no.
pub const REFUSED: &str = "refused-by-phone";

/// When a phone that is to be read is called, should its session end before.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// Deployments looked at in one transaction.
const BATCH: u64 = 500;

/// What a contact meant for deployments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Jobs whose targets changed.
    pub jobs: Vec<JobId>,
    /// Everything is to be read in this session: the files the phone has are others now, or are to be looked for.
    pub read: bool,
}

/// A deployment that is under way, with what it is about.
pub(super) struct UnderWay {
    pub(super) target: JobTarget,
    pub(super) deployment: Deployment,
    pub(super) options: DeploymentOptions,
}

impl UnderWay {
    /// The file that was ordered last; of software the one that was offered.
    fn deployed(&self) -> Option<&DeployedFile> {
        let mut files = self.options.files.iter();
        match self.target.kind {
            JobKind::DeploySoftware => files.find(|file| file.file == self.deployment.file),
            _ => files.nth(usize::try_from(self.deployment.position).ok()?),
        }
    }

    fn order(&self) -> Option<Order<'_>> {
        let deployed = self.deployed()?;
        Some(Order { name: &deployed.name, file_type: deployed.file_type, action: deployed.action })
    }

    /// Whether software was offered, and the phone runs it now: version and family.
    fn is_updated(&self, (version, family): (Option<&str>, Option<&str>)) -> bool {
        self.target.kind == JobKind::DeploySoftware
            && self.has_order()
            && is_updated(self.offer(), version, family)
    }

    /// The software that was offered.
    fn offer(&self) -> Offer<'_> {
        Offer {
            from_version: self.deployment.from_version.as_deref(),
            to_version: self.deployment.to_version.as_deref(),
            to_software_type: self.deployment.to_software_type.as_deref(),
        }
    }

    /// A phase in which the phone has an order.
    fn has_order(&self) -> bool {
        matches!(self.deployment.phase, DeploymentPhase::Offered | DeploymentPhase::Verifying)
    }
}

/// What is under way with a client; nothing that was ordered after this moment, as far as the clocks of two nodes agree.
async fn under_way(tx: &Tx, dossier: &mut Dossier, at: Timestamp) -> StoreResult<Vec<UnderWay>> {
    // Nothing was sent since this was read: the next order goes out at the end of the transaction.
    if !dossier.standing(tx).await?.is_some_and(|standing| standing.has.sent) {
        return Ok(Vec::new());
    }
    let latest = at.saturating_add(CLOCKS_APART).unwrap_or(at);
    let sent: Vec<JobTarget> = dossier
        .targets(tx)
        .await?
        .iter()
        .filter(|target| target.state == TargetState::Sent && target.kind.deploys())
        .filter(|target| target.sent_at.is_some_and(|sent| sent <= latest))
        .cloned()
        .collect();
    let mut found = Vec::new();
    for target in sent {
        found.extend(load(tx, target).await?);
    }
    Ok(found)
}

async fn load(tx: &Tx, target: JobTarget) -> StoreResult<Option<UnderWay>> {
    let Some(deployment) = rows::by_target(tx, target.id).await? else { return Ok(None) };
    let job = jobs::by_id(tx, target.job).await?;
    let Some(options) = job.as_ref().and_then(options_of) else { return Ok(None) };
    Ok(Some(UnderWay { target, deployment, options }))
}

/// A phone has come and has not just started up. `entries` is what its `status` message says, empty when it came for
/// another reason; `running` is the version and the family that it says to run.
///
/// # Errors
/// When the database refuses.
pub async fn says(
    app: &App,
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    entries: &[OnPhone],
    running: (Option<&str>, Option<&str>),
    at: Timestamp,
) -> StoreResult<Noted> {
    let mut noted = Noted::default();
    for mut way in under_way(tx, dossier, at).await? {
        let Some(order) = way.order().filter(|_| way.has_order()) else { continue };
        let result = match outcome::told(order, entries) {
            // Its start-up was not heard.
            _ if way.is_updated(running) => (OK, None),
            Told::Nothing => continue,
            // Of software it says that the download went well; that it runs, its start-up says.
            Told::Done if way.target.kind == JobKind::DeploySoftware => continue,
            Told::Done => (OK, None),
            Told::Failed(_) if unserved::is_ours(app, tx, &way).await? => {
                let changed = unserved::put_back(tx, client, dossier, &mut way, at).await?;
                noted.jobs.extend(changed.then_some(way.target.job));
                continue;
            }
            Told::Failed(word) => (DOWNLOAD_FAILED, Some(word)),
        };
        let changed = file_done(tx, client, dossier, &mut way, result, at).await?;
        noted.read |= changed && result_is_good(&way);
        noted.jobs.extend(changed.then_some(way.target.job));
    }
    noted.read |= too_late(tx, client, entries, at).await?;
    Ok(noted)
}

/// A phone that was given up says that it has its file all the same. The target stays as it ended, but nobody brings
/// it the file again; `true` when the phone is to be read.
async fn too_late(tx: &Tx, client: ClientId, entries: &[OnPhone], at: Timestamp) -> StoreResult<bool> {
    if !entries.iter().any(|entry| entry.status.trim().eq_ignore_ascii_case("ok")) {
        return Ok(false);
    }
    let mut any = false;
    for given_up in rows::given_up(tx, client, [NO_STATUS, NOT_IN_INVENTORY]).await? {
        let Some(file_type) = FileType::parse(&given_up.file_type) else { continue };
        let order = Order { name: &given_up.name, file_type, action: FileAction::Deploy };
        let is_named = entries.iter().any(|entry| same_name(&given_up.name, &entry.name));
        if is_named && outcome::told(order, entries) == Told::Done {
            file_offers::finish(tx, client, given_up.file(), OK, at).await?;
            any = true;
        }
    }
    Ok(any)
}

/// A phone that has something new is read, once, when it is through with its target.
fn result_is_good(way: &UnderWay) -> bool {
    way.target.state.is_terminal() && way.deployment.results.iter().any(|result| result.code == OK)
}

/// A phone has started up, with what it runs now.
///
/// # Errors
/// When the database refuses.
pub async fn starts(
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    running: (Option<&str>, Option<&str>),
    at: Timestamp,
) -> StoreResult<Noted> {
    let mut noted = Noted::default();
    for mut way in under_way(tx, dossier, at).await?.into_iter().filter(UnderWay::has_order) {
        if way.target.kind != JobKind::DeploySoftware {
            // A restart ends what it was doing; whether it had it done already, its inventory says.
            let Some(offered_at) = way.deployment.offered_at else { continue };
            rows::begin_to_verify(tx, way.target.id, offered_at, true, at).await?;
            // Should this session end before it was read.
            calls::want(tx, client, at.saturating_add(SOON).unwrap_or(at)).await?;
            (noted.read, noted.jobs) = (true, [noted.jobs, vec![way.target.job]].concat());
            continue;
        }
        let fetched = fetched(tx, &way).await?;
        let since = way.deployment.offered_at.map(|offered| at.duration_since(offered)).unwrap_or_default();
        let (version, family) = running;
        let result = match started_up(way.offer(), version, family, fetched, since) {
            StartUp::Nothing => continue,
            StartUp::Success => (OK, None),
            StartUp::OldVersion => (OLD_VERSION, version.map(str::to_owned)),
        };
        if file_done(tx, client, dossier, &mut way, result, at).await? {
            noted.jobs.push(way.target.job);
        }
    }
    Ok(noted)
}

async fn fetched(tx: &Tx, way: &UnderWay) -> StoreResult<Fetched> {
    let shown = rows::shown(tx, &[way.target.id]).await?.remove(&way.target.id);
    Ok(match shown.and_then(|shown| shown.download) {
        None => Fetched::Unknown,
        Some(download) if download.sent == 0 => Fetched::Nothing,
        Some(_) => Fetched::Something,
    })
}

/// Everything of a phone was read: what is looked for in its inventory is there, or is not. What is not there yet may still
/// come as long as the phone has time for it: then it is looked for once more. Of a file that was there before, under the
/// same name, only another date or time tells that it is the one that was sent. `running` is what it
/// says to run: version and family.
///
/// # Errors
/// When the database refuses.
pub async fn read_back(
    app: &App,
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    running: (Option<&str>, Option<&str>),
    at: Timestamp,
) -> StoreResult<Vec<JobId>> {
    let mut touched = Vec::new();
    for mut way in under_way(tx, dossier, at).await? {
        let looked_for =
            way.target.kind == JobKind::DeployFiles && way.deployment.phase == DeploymentPhase::Verifying;
        let result = if way.is_updated(running) {
            OK
        } else if let Some(order) = way.order().filter(|_| looked_for) {
            let inventory = facts::inventory(app, tx, client).await?;
            match shown(order, way.deployment.had_before.as_deref(), &inventory) {
                Shown::Done => OK,
                Shown::NotDone | Shown::Nothing
                    if overdue::look_later(tx, &mut way.deployment, &way.target, at).await? =>
                {
                    touched.push(way.target.job);
                    continue;
                }
                Shown::NotDone => NOT_IN_INVENTORY,
                Shown::Nothing => NO_STATUS,
            }
        } else {
            continue;
        };
        if file_done(tx, client, dossier, &mut way, (result, None), at).await? {
            touched.push(way.target.job);
        }
    }
    Ok(touched)
}

/// One file is through; the next one follows, or the target comes to its end. `false` when somebody else was faster.
pub(super) async fn file_done(
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    way: &mut UnderWay,
    (code, status): (&str, Option<String>),
    at: Timestamp,
) -> StoreResult<bool> {
    let before = way.target.machine();
    let verified = way.deployment.phase == DeploymentPhase::Verifying && code == OK;
    let deletes = way.deployed().is_some_and(|deployed| deployed.action == FileAction::Delete);
    let (position, code_text) = (way.deployment.position, code.to_owned());
    way.deployment.results.push(FileResult { position, code: code_text, status });
    let more = way.target.kind == JobKind::DeployFiles
        && usize::try_from(position).is_ok_and(|position| position + 1 < way.options.files.len());
    let applied = if more {
        let applied = way.target.apply(Happening::PartDone, None, Json::Null, at);
        way.deployment.position += 1;
        way.deployment.phase = DeploymentPhase::Waiting;
        // Should the next one not go out in this session, the pump has the phone called for it.
        way.deployment.dispatched_at = None;
        end_between(way);
        applied
    } else {
        way.deployment.phase = DeploymentPhase::Over;
        let end = end_of(way, verified);
        way.target.results = end.results;
        way.target.apply(Happening::Ended(end.state), end.reason.as_deref(), end.args, at)
    };
    if applied.is_err() || !job_targets::write(tx, &way.target, before).await? {
        return Ok(false);
    }
    (way.deployment.offered_at, way.deployment.verify_at) = (None, None);
    rows::write(tx, &way.deployment).await?;
    if let Some(file) = way.deployment.file.filter(|_| !deletes && code != SERVER_FAILED) {
        file_offers::finish(tx, client, file, code, at).await?;
    }
    if let Some(deployed) = way.options.files.get(usize::try_from(position).unwrap_or(usize::MAX))
        && deletes
        && code == OK
    {
        // A template that wants it there may bring it again.
        file_offers::deleted(tx, client, deployed.file_type, &deployed.name).await?;
    }
    dossier.note(&way.target);
    if code == OK {
        write_audit(tx, client, way, at).await?;
    }
    Ok(true)
}

/// A target that was to be ended, and whose phone has nothing under way any more: the rest is not begun.
pub(super) fn end_between(way: &mut UnderWay) {
    if way.target.state == TargetState::Cancelled {
        way.deployment.phase = DeploymentPhase::Over;
        way.target.reason = Some(way.options.stopped.map_or("cancelled", StopReason::as_str).to_owned());
        way.target.results = conclude(&way.options, &way.deployment.results).results;
    }
}

fn end_of(way: &UnderWay, verified: bool) -> Conclusion {
    let results = &way.deployment.results;
    if way.target.kind == JobKind::DeploySoftware {
        let last = results.last();
        let good = last.is_some_and(|last| last.code == OK);
        return Conclusion {
            state: if good { TargetState::Success } else { TargetState::Failed },
            reason: last.filter(|_| !good).map(|last| last.code.clone()),
            args: last
                .and_then(|last| last.status.as_ref())
                .map_or(Json::Null, |text| json!({"status": text})),
            results: Vec::new(),
        };
    }
    let mut end = conclude(&way.options, results);
    if end.state == TargetState::Success && verified {
        end.reason = Some("verified-by-inventory".to_owned());
    }
    end
}

async fn write_audit(tx: &Tx, client: ClientId, way: &UnderWay, at: Timestamp) -> StoreResult<()> {
    let deployed = way.deployed();
    let details = json!({
        "job": way.target.job, "file": deployed.map(|file| &file.name),
        "file_type": deployed.map_or(FileType::Software, |file| file.file_type),
        "action": deployed.map_or(FileAction::Deploy, |file| file.action),
        "from": way.deployment.from_version, "to": way.deployment.to_version,
    });
    let (actor, object_id) = (&Actor::system(), client.to_string());
    let action = "client.deployed";
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "client", object_id, details })
        .await
        .map(|_| ())
}

/// What the phone answered to an order that deploys.
pub enum Answer {
    /// It is busy, or the order did not leave: it is offered again.
    NotTaken,
    /// It refused.
    Refused,
}

/// Records an answer of the phone to the order of a target; gives whether the target changed. `target` is as the
/// state machine of jobs left it.
///
/// # Errors
/// When the database refuses.
pub async fn answered(
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    target: JobTarget,
    answer: Answer,
    happening: (Happening, Option<&str>),
    at: Timestamp,
) -> StoreResult<bool> {
    let before = target.machine();
    let Some(mut way) = load(tx, target).await? else { return Ok(false) };
    match answer {
        Answer::Refused => file_done(tx, client, dossier, &mut way, (REFUSED, None), at).await,
        Answer::NotTaken => {
            let (happening, reason) = happening;
            if way.target.apply(happening, reason, Json::Null, at).is_err() {
                return Ok(false);
            }
            end_between(&mut way);
            if !job_targets::write(tx, &way.target, before).await? {
                return Ok(false);
            }
            // A busy phone comes when it is idle, or is called after a while; any other is called by the pump.
            way.deployment.dispatched_at = (happening == Happening::Busy).then_some(at);
            take_back(tx, client, &mut way.deployment, at).await?;
            dossier.note(&way.target);
            Ok(true)
        }
    }
}

/// Nothing was heard of an order in time, or its target ended for another reason: nothing more comes of it. In the
/// transaction that wrote the target.
///
/// # Errors
/// When the database refuses.
pub async fn over(tx: &Tx, target: &JobTarget, at: Timestamp) -> StoreResult<()> {
    let Some(way) = load(tx, target.clone()).await? else { return Ok(()) };
    let deletes = way.deployed().is_some_and(|deployed| deployed.action == FileAction::Delete);
    let mut deployment = way.deployment;
    if deployment.offered_at.is_some()
        && let (Some(file), Some(client)) = (deployment.file.filter(|_| !deletes), target.client)
    {
        file_offers::finish(tx, client, file, NO_STATUS, at).await?;
    }
    deployment.phase = DeploymentPhase::Over;
    (deployment.offered_at, deployment.verify_at) = (None, None);
    rows::write(tx, &deployment).await?;
    if let Some(client) = target.client.filter(|_| target.state == TargetState::Timeout) {
        // What had to wait for it can be done now.
        calls::want(tx, client, at).await?;
    }
    Ok(())
}

/// The order of a target that has failed now could not be sent: nothing was offered. In the transaction that wrote the
/// target.
///
/// # Errors
/// When the database refuses.
pub async fn not_sendable(tx: &Tx, client: ClientId, target: &JobTarget, at: Timestamp) -> StoreResult<()> {
    let Some(mut deployment) = rows::by_target(tx, target.id).await? else { return Ok(()) };
    deployment.phase = DeploymentPhase::Over;
    take_back(tx, client, &mut deployment, at).await
}

/// A target is tried again from its beginning.
///
/// # Errors
/// When the database refuses.
pub async fn begin_anew(tx: &Tx, target: &JobTarget) -> StoreResult<()> {
    let Some(mut deployment) = rows::by_target(tx, target.id).await? else { return Ok(()) };
    deployment.phase = DeploymentPhase::Waiting;
    (deployment.position, deployment.file) = (0, None);
    (deployment.offered_at, deployment.verify_at, deployment.dispatched_at) = (None, None, None);
    (deployment.had_before, deployment.last_look, deployment.unserved) = (None, false, 0);
    deployment.results.clear();
    rows::set_by_hand(tx, target.id).await?;
    rows::write(tx, &deployment).await
}

/// Phones that have all of their file and say nothing are called, and read (`wpi.md` §4.6.4); again, when they came and
/// were busy, or broke off.
///
/// # Errors
/// When the database refuses.
pub async fn look_for_silent(app: &App, at: Timestamp) -> StoreResult<()> {
    let patience = SignedDuration::from_mins(STATUS_MINUTES);
    let fetched_before = at.saturating_sub(patience).unwrap_or(at);
    let kept = at.saturating_sub(KEPT).unwrap_or(at);
    let mut silent = rows::silent(&app.store, fetched_before, kept, at, BATCH).await?;
    if silent.is_empty() {
        return Ok(());
    }
    // The client's own row first, as contacts do: two that lock in different order wait for ever.
    silent.sort_by_key(|found| found.client);
    let tx = app.store.begin().await?;
    for found in &silent {
        let Some(offered_at) = found.offered_at else { continue };
        clients::want_full_read(&tx, found.client, at).await?;
        calls::want(&tx, found.client, at).await?;
        // Its status may have come a moment ago: then it is read in vain.
        rows::begin_to_verify(&tx, found.target, offered_at, false, at).await?;
        app.signals.job_touched(found.job);
    }
    tx.commit().await?;
    app.signals.calls.notify_one();
    Ok(())
}
