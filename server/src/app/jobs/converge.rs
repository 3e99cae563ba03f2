//! What the engine orders on its own: a phone that differs from its desired configuration gets a job that
//! shows what is written (D-22). What was as desired and was changed at the phone is drift: shown, not undone
//! (D-23).

use std::collections::BTreeSet;

use domain::JobId;
use domain::client::ContactReason;
use domain::configuration::{ItemKey, Picture, Row, Scope, State, difference, states};
use domain::job::{JobCause, JobKind, TargetState};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::dossier::Dossier;
use super::work::Visit;
use super::{NewJob, NewTargets, create};
use crate::App;
use crate::app::configuration::Portrait;
use crate::store::audit::Actor;
use crate::store::items::Difference;
use crate::store::{StoreResult, Tx, diffs, drift, job_targets};

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
    let rows = uncovered(tx, dossier, wanted).await?;
    if rows.iter().all(|row| row.companion) {
        return Ok(None);
    }
    let diff = diffs::intern(tx, &rows).await?;
    if job_targets::was_tried(tx, visit.client, diff, at.saturating_sub(REST).unwrap_or(at)).await? {
        return Ok(None);
    }
    let waiting = dossier.targets(tx).await?.iter().find(|target| {
        target.kind == JobKind::Converge && matches!(target.state, TargetState::Waiting | TargetState::Active)
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

/// Rows that no job of the client writes already, now or at its time.
async fn uncovered(tx: &Tx, dossier: &mut Dossier, rows: Vec<Row>) -> StoreResult<Vec<Row>> {
    let mut covered: BTreeSet<ItemKey> = BTreeSet::new();
    if rows.is_empty() {
        return Ok(rows);
    }
    // What is planned for later is not written earlier.
    for target in dossier.unfinished(tx).await? {
        if target.kind == JobKind::WriteConfiguration {
            let rows = diffs::read(tx, target.diff).await?;
            covered.extend(rows.iter().filter(|row| !row.companion).map(|row| row.item.clone()));
        }
    }
    Ok(rows.into_iter().filter(|row| !covered.contains(&row.item)).collect())
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
    let now = in_step(&now);
    for difference in changed {
        let item = key(tx, difference);
        if now.contains(&item) {
            drift::close(tx, client, &[(difference.name, difference.index)]).await?;
            portrait.picture.drifted.remove(&item);
        } else if before.contains(&item) && !visit.lost_configuration {
            drift::open(tx, client, difference.name, difference.index, at).await?;
            portrait.picture.drifted.insert(item);
        }
    }
    Ok(())
}

fn key(tx: &Tx, difference: &Difference) -> ItemKey {
    ItemKey::new(tx.item_name(difference.name).to_string(), difference.index)
}
