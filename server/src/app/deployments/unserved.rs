//! Phones that were sent for a file and did not get it, and the fault is not theirs: they are sent again, not at once and
//! not for ever.

use domain::ClientId;
use domain::deployment::{DeploymentPhase, OFFER_PAUSE_MINUTES, rest_unserved};
use domain::job::{Happening, JobKind};
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::offer::{NOT_SERVED, SERVER_FAILED, WAITS_FOR_US};
use super::result::{UnderWay, end_between, file_done};
use crate::App;
use crate::app::jobs::dossier::Dossier;
use crate::fileserver;
use crate::store::deployments as rows;
use crate::store::{StoreResult, Tx, downloads, file_offers, job_targets};

/// The object of the file is another one than was described: that does not become better by itself.
const CHANGED: &str = "changed";

/// Whether a download that a phone says to have failed did so on our side.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn is_ours(app: &App, tx: &Tx, way: &UnderWay) -> StoreResult<bool> {
    let Some(offered_at) = way.deployment.offered_at else { return Ok(false) };
    if !app.settings.bool(SettingKey::FileServerEnabled) {
        // It was switched off while the phone was on its way to it.
        return rows::is_served_here(tx, way.target.id, offered_at).await;
    }
    let failure = fileserver::failure(app, tx, way.target.id, offered_at).await?;
    Ok(failure.is_some_and(|code| code != CHANGED))
}

/// Has everything looked at again that waits for us: something may be as it should again.
///
/// # Errors
/// When the database refuses.
pub async fn look_again(app: &App) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    let number = rows::look_again(&tx, &WAITS_FOR_US, app.clock.now()).await?;
    tx.commit().await?;
    if number > 0 {
        app.signals.jobs.notify_one();
    }
    Ok(())
}

/// Puts a target back whose phone could not be given what it was sent for; `false` when somebody else was faster. Nothing
/// of it counts as a try of the phone. After some of it the target is given up, which says so and counts for no limit.
///
/// # Errors
/// When the database refuses.
pub(super) async fn put_back(
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    way: &mut UnderWay,
    at: Timestamp,
) -> StoreResult<bool> {
    let before = way.target.machine();
    let is_software = way.target.kind == JobKind::DeploySoftware;
    let Some(rest) = rest_unserved(way.deployment.unserved) else {
        let (file, offered) = (way.deployment.file, way.deployment.offered_at);
        let done = file_done(tx, client, dossier, way, (SERVER_FAILED, None), at).await?;
        if let Some(file) = file.filter(|_| done && offered.is_some() && !is_software) {
            file_offers::withdraw(tx, client, file).await?;
        }
        return Ok(done);
    };
    if way.target.apply(Happening::NotServed, Some(NOT_SERVED), Json::Null, at).is_err() {
        return Ok(false);
    }
    end_between(way);
    let after = |begin: Timestamp, rest| begin.saturating_add(rest).unwrap_or(begin);
    way.target.due_at = after(at, rest);
    if let Some(offered_at) = way.deployment.offered_at.filter(|_| is_software) {
        // Whatever became of it, no phone is offered firmware more often (`wpi.md` §4.6.6).
        let pause = SignedDuration::from_mins(OFFER_PAUSE_MINUTES);
        way.target.due_at = way.target.due_at.max(after(offered_at, pause));
    }
    if !job_targets::write(tx, &way.target, before).await? {
        return Ok(false);
    }
    if let Some(file) = way.deployment.file.filter(|_| !is_software) {
        file_offers::withdraw(tx, client, file).await?;
    }
    downloads::withdraw(tx, way.target.id, at).await?;
    let deployment = &mut way.deployment;
    deployment.unserved += 1;
    if deployment.phase != DeploymentPhase::Over {
        deployment.phase = DeploymentPhase::Waiting;
    }
    (deployment.offered_at, deployment.verify_at, deployment.dispatched_at) = (None, None, None);
    rows::write(tx, deployment).await?;
    dossier.note(&way.target);
    Ok(true)
}
