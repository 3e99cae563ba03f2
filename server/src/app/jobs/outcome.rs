//! What a phone made of its order: results, refusals to remember, values that count as reported now (D-26,
//! `wpi.md` §3.6, §4.3).

use domain::configuration::{ItemKey, Row};
use domain::job::{Happening, JobKind, TargetState};
use domain::setting::SettingKey;
use domain::{ClientId, JobId, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::about;
use super::dossier::Dossier;
use super::work::{Attempt, Visit};
use crate::App;
use crate::app::configuration::model_of;
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::items::NewItem;
use crate::store::job_targets::{self, ItemResult, JobTarget};
use crate::store::{
    StoreResult, Tx, audit, calls, clients, diffs, drift, full_reads, items, onboarding, refusals,
    secret_writes,
};

/// Item with the address of the server a phone is registered with: groups look at it (D-21).
pub const SERVER_ADDRESS: &str = "reg-addr";

/// An item the phone had a problem with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which item.
    pub item: ItemKey,
    /// Status word (`wpi.md` §3.6).
    pub status: String,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Result {
    /// Written, except these.
    Written(Vec<Problem>),
    /// Read; the values were recorded.
    Read,
    /// A restart or reset is on its way.
    Started,
    /// The phone is busy.
    Busy,
    /// Refused.
    Failed {
        /// Items it had a problem with.
        problems: Vec<Problem>,
        /// Items of earlier messages of the order, which it took.
        accepted: Vec<ItemKey>,
    },
    /// It was turned down before it was sent.
    NotSendable(String),
    /// It was not sent in this session after all.
    NotSent,
    /// The phone gave up the session.
    GaveUp(Option<String>),
    /// The reply was larger than allowed.
    TooLarge,
    /// The session ended without a reply.
    Unanswered,
}

/// Records what became of an attempt; gives the job it belongs to. A result that comes too late, or twice,
/// changes nothing.
///
/// # Errors
/// When the database refuses.
pub async fn record(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    attempt: Attempt,
    result: &Result,
    at: Timestamp,
) -> StoreResult<Option<JobId>> {
    let open = dossier.targets(tx).await?.iter().find(|target| target.id == attempt.target);
    let Some(mut target) = open.cloned() else { return Ok(None) };
    if target.state != TargetState::Sent || target.attempts != attempt.number {
        return Ok(None);
    }
    if target.kind.deploys() {
        return Box::pin(deployed(app, tx, visit, dossier, target, result, at)).await;
    }
    let before = target.machine();
    if matches!(result, Result::Unanswered | Result::GaveUp(_) | Result::TooLarge) {
        doubt(app, tx, &target, at).await?;
    }
    let (happening, reason, args) = match result {
        Result::Written(problems) => {
            let state = written(app, tx, visit, &mut target, problems, None, at).await?;
            let reason = (state != TargetState::Success).then_some(worst_reason(&target));
            (Happening::Ended(state), reason, Json::Null)
        }
        Result::Read => (Happening::Ended(TargetState::Success), None, Json::Null),
        Result::Started => return Ok(None),
        Result::Busy => (Happening::Busy, Some("busy"), Json::Null),
        Result::Failed { problems, accepted } if !accepted.is_empty() => {
            written(app, tx, visit, &mut target, problems, Some(accepted), at).await?;
            (Happening::Ended(TargetState::Partial), Some("refused-by-phone"), Json::Null)
        }
        Result::Failed { problems, .. } => {
            let problems = asked_for(tx, &target, problems).await?;
            note_problems(app, tx, visit.client, &mut target, &problems, at).await?;
            (Happening::Ended(TargetState::Failed), Some("refused-by-phone"), Json::Null)
        }
        Result::NotSendable(text) => {
            (Happening::Ended(TargetState::Failed), Some("not-sendable"), json!({"detail": text}))
        }
        Result::NotSent => (Happening::NotSent, None, Json::Null),
        Result::GaveUp(why) => (Happening::GaveUp, Some("phone-gave-up"), json!({"detail": why})),
        Result::TooLarge => (Happening::Ended(TargetState::Failed), Some("reply-too-large"), Json::Null),
        Result::Unanswered => (Happening::Unanswered, Some("no-answer"), Json::Null),
    };
    if target.apply(happening, reason, args, at).is_err() {
        return Ok(None);
    }
    if !job_targets::write(tx, &target, before).await? {
        return Ok(None);
    }
    dossier.note(&target);
    Ok(Some(target.job))
}

/// What became of an order to fetch something. Mostly nothing is known yet: the phone tells it in a later session.
async fn deployed(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    mut target: JobTarget,
    result: &Result,
    at: Timestamp,
) -> StoreResult<Option<JobId>> {
    use crate::app::deployments::result::{Answer, answered, not_sendable};
    let (job, client) = (target.job, visit.client);
    let changed = match result {
        Result::Busy => {
            let busy = (Happening::Busy, Some("busy"));
            let gap = SignedDuration::from_secs(app.settings.integer(SettingKey::ContactMeGap));
            // It was asked to come by itself; old firmware does not know that request (`wpi.md` §4.5.4).
            calls::want(tx, client, at.saturating_add(gap).unwrap_or(at)).await?;
            answered(tx, client, dossier, target, Answer::NotTaken, busy, at).await?
        }
        Result::NotSent => {
            let not_sent = (Happening::NotSent, None);
            answered(tx, client, dossier, target, Answer::NotTaken, not_sent, at).await?
        }
        Result::Failed { .. } => {
            let failed = (Happening::Ended(TargetState::Failed), None);
            answered(tx, client, dossier, target, Answer::Refused, failed, at).await?
        }
        Result::NotSendable(text) => {
            let before = target.machine();
            let (failed, args) = (Happening::Ended(TargetState::Failed), json!({"detail": text}));
            let written = target.apply(failed, Some("not-sendable"), args, at).is_ok()
                && job_targets::write(tx, &target, before).await?;
            if written {
                not_sendable(tx, client, &target, at).await?;
                dossier.note(&target);
            }
            written
        }
        // It may be fetching it: never repeated, only looked for.
        Result::Started
        | Result::Written(_)
        | Result::Read
        | Result::GaveUp(_)
        | Result::TooLarge
        | Result::Unanswered => false,
    };
    Ok(changed.then_some(job))
}

/// Nobody knows whether a write arrived: what was reported of its items before holds no longer. Were it left
/// standing, somebody who changes his mind and sets the old value again would be told that nothing is to be
/// written.
///
/// # Errors
/// When the database refuses.
pub async fn doubt(app: &App, tx: &Tx, target: &JobTarget, at: Timestamp) -> StoreResult<()> {
    let Some(client) = target.client.filter(|_| target.kind.writes()) else { return Ok(()) };
    let rows = diffs::read(tx, target.diff).await?;
    let items: Vec<(i64, Option<u16>)> = rows
        .iter()
        .filter(|row| !row.secret)
        .filter_map(|row| Some((app.store.item_number(&row.item.name)?, row.item.index)))
        .collect();
    if items::doubt(tx, client, &items).await? {
        full_reads::forget_items_digest(tx, client, at).await?;
    }
    Ok(())
}

fn worst_reason(target: &JobTarget) -> &'static str {
    if target.results.iter().any(|result| result.code == "withheld") {
        "withheld"
    } else {
        "refused-by-phone"
    }
}

/// Everything that was sent and has no problem counts as written (`wpi.md` §4.5.6); of an order in several
/// messages that broke off, what was accepted before.
async fn written(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    target: &mut JobTarget,
    problems: &[Problem],
    accepted: Option<&Vec<ItemKey>>,
    at: Timestamp,
) -> StoreResult<TargetState> {
    let rows = diffs::read(tx, target.diff).await?;
    let dropped = |row: &Row, target: &JobTarget| target.results.iter().any(|result| result.item == row.item);
    let sent: Vec<&Row> = rows.iter().filter(|row| !dropped(row, target)).collect();
    let has_problem = |row: &Row| problems.iter().any(|problem| problem.item == row.item);
    let arrived = |row: &Row| accepted.is_none_or(|items| items.contains(&row.item));
    let good: Vec<&Row> = sent.iter().copied().filter(|row| !has_problem(row) && arrived(row)).collect();
    for row in sent.iter().filter(|row| !has_problem(row) && !arrived(row)) {
        let (item, code) = (row.item.clone(), "not-written".to_owned());
        target.results.push(ItemResult { item, code, args: Json::Null });
    }
    let mut reported = Vec::new();
    let mut settled = Vec::new();
    let given = if good.iter().any(|row| row.secret) {
        secret_writes::of_client(tx, visit.client).await?
    } else {
        Vec::new()
    };
    for row in &good {
        let Some(name) = app.store.item_number(&row.item.name) else { continue };
        settled.push((name, row.item.index));
        if row.secret {
            let digest = given.iter().find(|write| (write.item, write.index) == (name, row.item.index));
            if let Some(digest) = digest.and_then(|write| write.handed_out.as_ref()) {
                secret_writes::acknowledge(tx, visit.client, name, row.item.index, digest, at).await?;
            }
        } else if let Some(value) = row.to.clone() {
            reported.push(NewItem { name, index: row.item.index, value, status: None, sealed: false });
        }
    }
    items::write(tx, visit.client, &reported, at).await?;
    let server = good.iter().find(|row| row.item.name == SERVER_ADDRESS && row.item.index.is_none());
    if let Some(address) = server.and_then(|row| row.to.as_deref()) {
        clients::set_server_address(tx, visit.client, address).await?;
    }
    full_reads::forget_items_digest(tx, visit.client, at).await?;
    drift::close(tx, visit.client, &settled).await?;
    let problems = among(&sent, problems);
    note_problems(app, tx, visit.client, target, &problems, at).await?;
    let changes = good.iter().filter(|row| !row.companion).count();
    if changes > 0 {
        let details = json!({"job": target.job, "items": changes, "refused": problems.len()});
        write_audit(tx, visit, "client.written", details, at).await?;
    }
    // What only went along was not asked for; a phone that does not take it keeps what it has.
    let along = |result: &ItemResult| rows.iter().any(|row| row.companion && row.item == result.item);
    let bad = target
        .results
        .iter()
        .any(|result| !matches!(result.code.as_str(), "already-so" | "superseded") && !along(result));
    Ok(match (changes > 0, bad) {
        (_, false) => TargetState::Success,
        (true, true) => TargetState::Partial,
        (false, true) => TargetState::Failed,
    })
}

/// The problems with items of a target; what a phone says of others teaches nothing.
async fn asked_for(tx: &Tx, target: &JobTarget, problems: &[Problem]) -> StoreResult<Vec<Problem>> {
    let rows = diffs::read(tx, target.diff.filter(|_| !problems.is_empty())).await?;
    Ok(among(&rows.iter().collect::<Vec<_>>(), problems))
}

fn among(rows: &[&Row], problems: &[Problem]) -> Vec<Problem> {
    problems.iter().filter(|problem| rows.iter().any(|row| row.item == problem.item)).cloned().collect()
}

/// Remembers what the phone, or its model with this firmware, does not take.
async fn note_problems(
    app: &App,
    tx: &Tx,
    client: ClientId,
    target: &mut JobTarget,
    problems: &[Problem],
    at: Timestamp,
) -> StoreResult<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let rows = diffs::read(tx, target.diff).await?;
    let given = if rows.iter().any(|row| row.secret) {
        secret_writes::of_client(tx, client).await?
    } else {
        Vec::new()
    };
    // What was sent, whatever is desired by now.
    let about_of = |item: &ItemKey, number: i64| {
        let row = rows.iter().find(|row| row.item == *item)?;
        let given = given.iter().find(|write| (write.item, write.index) == (number, item.index));
        about::of_row(&app.catalogue, row, given.and_then(|write| write.handed_out.as_deref()))
    };
    let row = clients::by_id(tx, client).await?;
    let model = row.as_ref().and_then(|row| model_of(row).zip(row.software_version.as_deref()));
    for problem in problems.iter().take(1_000) {
        let status = problem.status.trim().to_ascii_lowercase();
        let code = status.replace(' ', "-");
        target.results.push(ItemResult { item: problem.item.clone(), code, args: Json::Null });
        let Some(number) = app.store.item_number(&problem.item.name) else { continue };
        match (status.as_str(), model) {
            ("unknown item" | "not supported", Some((model, version))) => {
                refusals::note_model(tx, model, version, number, &status, at).await?;
            }
            // `invalid index` too: how many of something a phone has depends on its key modules, not its model.
            _ => {
                let about = about_of(&problem.item, number);
                refusals::note(tx, client, number, problem.item.index, &status, about.as_deref(), at).await?;
            }
        }
    }
    Ok(())
}

/// What a start-up is the end of.
#[derive(Clone, Debug, Default)]
pub struct StartedUp {
    /// Jobs whose targets changed.
    pub jobs: Vec<JobId>,
    /// It was reset, as we ordered.
    pub reset: bool,
}

/// A phone that starts up has done the restart or reset it was sent; after a reset everything begins anew.
/// `lost_since` is the contact before, when it comes without the number it had then.
///
/// # Errors
/// When the database refuses.
pub async fn started_up(
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    lost_since: Option<Timestamp>,
    at: Timestamp,
) -> StoreResult<StartedUp> {
    let mut ended = StartedUp::default();
    for mut target in dossier.targets(tx).await?.to_vec() {
        let waits = target.state == TargetState::Sent && target.kind.is_dangerous();
        if !waits || target.sent_at.is_none_or(|sent| sent >= at) {
            continue;
        }
        let before = target.machine();
        if target.apply(Happening::Ended(TargetState::Success), None, Json::Null, at).is_err()
            || !job_targets::write(tx, &target, before).await?
        {
            continue;
        }
        dossier.note(&target);
        ended.jobs.push(target.job);
        ended.reset |= target.kind == JobKind::FactoryReset;
        ended.jobs.extend(as_good_as_done(tx, dossier, &target, at).await?);
    }
    if let Some(before) = lost_since.filter(|_| !ended.reset) {
        // It may have been away longer than the running time-out allows.
        ended.reset = job_targets::was_reset(tx, client, before).await?;
    }
    if ended.reset {
        drift::forget(tx, client).await?;
        refusals::forget(tx, client, None).await?;
        secret_writes::forget(tx, client).await?;
        // What it was given when it came for the first time comes again with the full read (D-20).
        onboarding::begin_anew(tx, client).await?;
        dossier.forget_client();
    } else if lost_since.is_some() {
        // Reset at the phone: it has none of its secrets any more. Whether it gets them again is D-24's matter.
        secret_writes::forget_acknowledged(tx, client).await?;
    }
    if ended.reset || lost_since.is_some() {
        clients::want_full_read(tx, client, at).await?;
    }
    Ok(ended)
}

/// Whoever clicked three times wants one restart: those that waited when it was sent are done with it.
async fn as_good_as_done(
    tx: &Tx,
    dossier: &mut Dossier,
    done: &JobTarget,
    at: Timestamp,
) -> StoreResult<Vec<JobId>> {
    let mut jobs = Vec::new();
    for mut target in dossier.targets(tx).await?.to_vec() {
        let waits = matches!(target.state, TargetState::Waiting | TargetState::Active);
        if !waits || target.kind != JobKind::Restart || done.sent_at.is_none_or(|sent| target.due_at > sent) {
            continue;
        }
        let before = target.machine();
        let skip = Happening::Ended(TargetState::Skipped);
        if target.apply(skip, Some("already-so"), Json::Null, at).is_ok()
            && job_targets::write(tx, &target, before).await?
        {
            dossier.note(&target);
            jobs.push(target.job);
        }
    }
    Ok(jobs)
}

async fn write_audit(
    tx: &Tx,
    visit: &Visit,
    action: &'static str,
    details: Json,
    at: Timestamp,
) -> StoreResult<()> {
    let actor = Actor {
        kind: ActorKind::Phone,
        id: Some(visit.client.0),
        name: visit.device.to_string(),
        address: Some(visit.peer.to_string()),
    };
    let object_id = visit.client.to_string();
    audit::append(tx, &NewRecord { at, actor: &actor, action, object_kind: "client", object_id, details })
        .await
        .map(|_| ())
}

/// The target of a number the conversation gives back.
pub fn attempt_of(number: u64) -> (TargetId, u32) {
    let attempt = Attempt::from_number(number);
    (attempt.target, attempt.number)
}
