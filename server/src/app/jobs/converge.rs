//! What the engine orders on its own: a phone that differs from its desired configuration gets a job that
//! shows what is written (D-22). What was as desired and was changed at the phone is drift: shown, not undone
//! (D-23).

use std::collections::BTreeSet;

use domain::client::ContactReason;
use domain::configuration::{ItemKey, Picture, Row, Scope, State, difference, states};
use domain::job::{JobCause, JobKind, TargetState};
use domain::{ClientId, JobId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::about;
use super::dossier::Dossier;
use super::work::Visit;
use super::{NewJob, NewTargets, create};
use crate::App;
use crate::app::configuration::Portrait;
use crate::store::audit::Actor;
use crate::store::items::Difference;
use crate::store::{StoreResult, Tx, diffs, drift, job_targets, jobs, refusals};

/// The same difference is not written again on its own within this time when it did not succeed.
const REST: SignedDuration = SignedDuration::from_hours(1);

/// Looks at a client after a contact that found these items different from before; gives the job that was made, or whose target was changed.
///
/// # Errors
/// When the database refuses.
pub async fn look(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    differences: &[Difference],
    at: Timestamp,
) -> StoreResult<Option<JobId>> {
    let Some(portrait) = dossier.portrait(app, tx).await? else { return Ok(None) };
    begin_anew(app, tx, visit.client, portrait).await?;
    if portrait.picture.desired.is_empty() && portrait.picture.system.is_empty() {
        return Ok(None);
    }
    note_drift(app, tx, visit, portrait, differences, at).await?;
    if visit.reason == ContactReason::StartUp {
        // Phones need not keep it over a restart (`wpi.md` §6).
        let Picture { system, reported, .. } = &mut portrait.picture;
        reported.retain(|item, _| !system.contains_key(item));
    }
    let wanted = difference(&app.catalogue, &portrait.picture, Scope::Pending).rows;
    let planned = planned(tx, dossier, &wanted).await?;
    let rows = uncovered(app, tx, dossier, wanted, &planned).await?;
    if rows.iter().all(|row| row.companion) {
        return Ok(None);
    }
    let diff = diffs::intern(tx, &rows).await?;
    if job_targets::was_tried(tx, visit.client, diff, at.saturating_sub(REST).unwrap_or(at)).await? {
        return Ok(None);
    }
    let waiting = dossier.targets(tx).await?.iter().find(|target| {
        target.kind == JobKind::Converge
            && matches!(target.state, TargetState::Waiting | TargetState::Active)
            && !planned.contains(&target.job)
    });
    if let Some(mut target) = waiting.cloned() {
        let before = target.machine();
        target.diff = Some(diff);
        job_targets::write(tx, &target, before).await?;
        dossier.note(&target);
        return Ok(Some(target.job));
    }
    let own = rows.iter().all(|row| row.parameters.is_empty());
    let job = NewJob {
        kind: JobKind::Converge,
        cause: if own { JobCause::System } else { JobCause::StartUp },
        initiator: Actor::system(),
        options: Json::Null,
        plan: None,
        planned_at: None,
        targets: NewTargets::Clients(vec![(visit.client, Some(diff))]),
    };
    let created = create(app, tx, job).await?;
    dossier.note_job();
    Ok(Some(created.id))
}

/// Converge jobs of the client that somebody has planned: they write what the plan showed, and are never changed here.
async fn planned(tx: &Tx, dossier: &mut Dossier, wanted: &[Row]) -> StoreResult<BTreeSet<JobId>> {
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let converging: BTreeSet<JobId> = dossier
        .unfinished(tx)
        .await?
        .iter()
        .filter(|target| target.kind == JobKind::Converge)
        .map(|target| target.job)
        .collect();
    if converging.is_empty() {
        return Ok(converging);
    }
    let jobs = jobs::by_ids(tx, &converging.into_iter().collect::<Vec<_>>()).await?;
    Ok(jobs.into_iter().filter(|job| job.plan.is_some()).map(|job| job.id).collect())
}

/// Rows that no job of the client writes already, now or at its time.
async fn uncovered(
    app: &App,
    tx: &Tx,
    dossier: &mut Dossier,
    rows: Vec<Row>,
    planned: &BTreeSet<JobId>,
) -> StoreResult<Vec<Row>> {
    let mut covered: BTreeSet<ItemKey> = BTreeSet::new();
    let mut shown: BTreeSet<(ItemKey, Option<Vec<u8>>)> = BTreeSet::new();
    if rows.is_empty() {
        return Ok(rows);
    }
    let about = |row: &Row| (row.item.clone(), about::of_row(&app.catalogue, row, None));
    // What is planned for later is not written earlier.
    for target in dossier.unfinished(tx).await? {
        let later = target.kind == JobKind::Converge && target.state == TargetState::Scheduled;
        let of_plan = planned.contains(&target.job);
        if target.kind != JobKind::WriteConfiguration && !later && !of_plan {
            continue;
        }
        let rows = diffs::read(tx, target.diff).await?;
        let own = rows.iter().filter(|row| !row.companion);
        if of_plan {
            // When the client has changed group since, the plan's job finds its row superseded and writes nothing.
            shown.extend(own.map(about));
        } else {
            covered.extend(own.map(|row| row.item.clone()));
        }
    }
    Ok(rows.into_iter().filter(|row| !covered.contains(&row.item) && !shown.contains(&about(row))).collect())
}

/// Another value is desired than the one that drifted or was refused: it comes by membership of a group, and nobody
/// has planned it. What the phone does not let be changed at all stays remembered (D-6).
async fn begin_anew(app: &App, tx: &Tx, client: ClientId, portrait: &mut Portrait) -> StoreResult<()> {
    let picture = &mut portrait.picture;
    if picture.drifted.is_empty() && picture.refused.is_empty() {
        return Ok(());
    }
    let desired = about::now(&app.catalogue, picture);
    let item_of = |item: i64, index| ItemKey::new(tx.item_name(item).to_string(), index);
    if !picture.drifted.is_empty() {
        let any = about::items_of(&app.catalogue, picture);
        let mut over = Vec::new();
        for (number, index, about) in drift::about(tx, client).await? {
            let item = item_of(number, index);
            // Where nothing is desired, nothing can differ from it.
            let other = desired.get(&item).map_or(!any.contains(&item), |now| *now != about);
            if other {
                picture.drifted.remove(&item);
                over.push((number, index));
            }
        }
        drift::close(tx, client, &over).await?;
    }
    if !picture.refused.is_empty() {
        let mut over = Vec::new();
        for (number, index, about) in refusals::about(tx, client).await? {
            let item = item_of(number, index);
            if desired.get(&item).is_some_and(|now| *now != about) {
                picture.refused.remove(&item);
                over.push((number, index));
            }
        }
        refusals::forget(tx, client, Some(&over)).await?;
    }
    Ok(())
}

/// Opens and closes drift rows: by comparing how each changed item stood before and stands now.
async fn note_drift(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    portrait: &mut Portrait,
    differences: &[Difference],
    at: Timestamp,
) -> StoreResult<()> {
    let client = visit.client;
    let changed: Vec<&Difference> = differences
        .iter()
        .filter(|difference| !difference.secret)
        .filter(|difference| {
            portrait.picture.reported.contains_key(&key(tx, difference)) || difference.after.is_none()
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let mut earlier = portrait.picture.clone();
    earlier.drifted.clear();
    for difference in &changed {
        let item = key(tx, difference);
        match &difference.before {
            Some(text) => {
                let said = domain::configuration::Reported { text: Some(text.clone()), status: None };
                earlier.reported.insert(item, said);
            }
            None => {
                earlier.reported.remove(&item);
            }
        }
    }
    let in_step = |picture| -> BTreeSet<ItemKey> {
        states(&app.catalogue, picture)
            .into_iter()
            .filter(|state| state.state == State::InStep)
            .filter_map(|state| state.item)
            .collect()
    };
    let before = in_step(&earlier);
    let mut now = portrait.picture.clone();
    now.drifted.clear();
    let desired = about::now(&app.catalogue, &now);
    let now = in_step(&now);
    for difference in changed {
        let item = key(tx, difference);
        if now.contains(&item) {
            drift::close(tx, client, &[(difference.name, difference.index)]).await?;
            portrait.picture.drifted.remove(&item);
        } else if before.contains(&item) && !visit.lost_configuration {
            let about = desired.get(&item).map(Vec::as_slice);
            drift::open(tx, client, difference.name, difference.index, about, at).await?;
            portrait.picture.drifted.insert(item);
        }
    }
    Ok(())
}

fn key(tx: &Tx, difference: &Difference) -> ItemKey {
    ItemKey::new(tx.item_name(difference.name).to_string(), difference.index)
}
