//! What has happened since templates made a job: a target that waited is judged again before its phone is offered
//! anything. Contacts and the nightly run look at a phone at the same time, and each may make a job for the same file.

use std::collections::BTreeMap;

use domain::job::JobCause;
use domain::{ClientId, FileId};
use jiff::Timestamp;

use super::offer::NO_LONGER_WANTED;
use super::{brake, wishes};
use crate::App;
use crate::app::jobs::dossier::Dossier;
use crate::store::deployments as rows;
use crate::store::file_history::{self, Offered, Past};
use crate::store::files::File;
use crate::store::job_targets::JobTarget;
use crate::store::jobs::Job;
use crate::store::{StoreResult, Tx};

/// Another job brings it to the phone, or has done so, or tried to.
pub const ANOTHER_JOB: &str = "another-job";

/// Why files of a job are not offered although the job is still there; none of a job that somebody made.
///
/// # Errors
/// When the database cannot be asked.
pub async fn unwanted(
    app: &App,
    tx: &Tx,
    (target, job): (&JobTarget, &Job),
    client: ClientId,
    (ids, files): (&[FileId], &[File]),
    offers: &[Offered],
    (dossier, at): (&mut Dossier, Timestamp),
) -> StoreResult<Option<BTreeMap<FileId, &'static str>>> {
    if job.cause != JobCause::Templates {
        return Ok(None);
    }
    // What nobody but a template has asked for is brought only as long as one wants it.
    let (wanted, layers) = wishes::still_wanted(app, tx, dossier).await?;
    let lost = ids.iter().filter(|id| !wanted.contains(id));
    let mut unwanted: BTreeMap<FileId, &'static str> = lost.map(|id| (*id, NO_LONGER_WANTED)).collect();
    let kept: Vec<&File> = files.iter().filter(|file| wanted.contains(&file.id)).collect();
    // Who tries a target again has seen what became of it.
    let Some(layers) = layers.filter(|_| !kept.is_empty()) else { return Ok(Some(unwanted)) };
    if rows::is_by_hand(tx, target.id).await? {
        return Ok(Some(unwanted));
    }
    let ids: Vec<FileId> = kept.iter().map(|file| file.id).collect();
    let past = file_history::of_jobs(tx, &[client], &ids).await?;
    let stopped = brake::stopped(app, tx, &layers, &kept).await?;
    for file in kept {
        let past = past.get(&(client, file.id)).map_or(&[][..], Vec::as_slice);
        if is_dealt_with(file, target, job, past, offers) {
            unwanted.insert(file.id, ANOTHER_JOB);
        } else if let Some(share) = stopped.get(&file.id) {
            unwanted.insert(file.id, brake::FAILS_ON_PHONES);
            brake::tell(app, tx, file, *share, at).await?;
        }
    }
    Ok(Some(unwanted))
}

/// Whether another job brings a file to the phone of a target, or was through with it since the job of the target was
/// made. Of two that wait the older one brings it.
fn is_dealt_with(file: &File, target: &JobTarget, job: &Job, past: &[Past], offers: &[Offered]) -> bool {
    let older = |past: &Past| !past.state.is_terminal() && past.target < target.id;
    let since = job.created_at.max(file.content_changed_at);
    let through = offers.iter().find(|offer| offer.file == file.id).and_then(|offer| offer.finished_at);
    past.iter().any(older) || through.is_some_and(|through| through > since)
}
