//! Deployments as plans, jobs and their targets show them.

use std::collections::HashMap;

use api::configuration::{Reason, ReasonArgs};
use api::deployment::{DeployedFileView, DeploymentProgress, DeploymentView};
use domain::TargetId;
use domain::deployment::{DeploymentOptions, DeploymentPhase};
use domain::file::fit::Misfit;
use serde_json::{Value as Json, json};

use super::offer::{OK, options_of};
use crate::store::deployments::{self as rows, Shown};
use crate::store::job_targets::JobTarget;
use crate::store::jobs::Job;
use crate::store::{Source, StoreResult};

/// What is deployed, and how.
pub fn deployment(options: &DeploymentOptions) -> DeploymentView {
    let file = |file: &domain::deployment::DeployedFile| DeployedFileView {
        file: file.file,
        name: file.name.clone(),
        file_type: file.file_type,
        action: file.action,
    };
    DeploymentView {
        files: options.files.iter().map(file).collect(),
        priority: options.priority,
        allow_family_change: options.allow_family_change,
        allow_downgrade: options.allow_downgrade,
        again: options.again,
        error_limit: options.limits.errors,
        success_limit: options.limits.successes,
    }
}

/// Options of a job as everybody may see them; of one that deploys as plans show them, with why it stopped.
pub fn job_options(job: &Job) -> Json {
    let Some(options) = job.kind.deploys().then(|| options_of(job)).flatten() else {
        return job.options.clone();
    };
    let mut value = serde_json::to_value(deployment(&options)).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("stopped".to_owned(), json!(options.stopped));
    }
    value
}

/// How far the deployments of some targets of jobs are, read together.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn progress(
    on: &impl Source,
    targets: &[JobTarget],
    files: &HashMap<domain::JobId, usize>,
) -> StoreResult<HashMap<TargetId, DeploymentProgress>> {
    let ids: Vec<TargetId> =
        targets.iter().filter(|target| target.kind.deploys()).map(|target| target.id).collect();
    let shown = rows::shown(on, &ids).await?;
    let one = |target: &JobTarget| {
        let shown = shown.get(&target.id)?;
        let files = files.get(&target.job).copied().unwrap_or_default();
        Some((target.id, of_target(target, shown, files)))
    };
    Ok(targets.iter().filter_map(one).collect())
}

fn of_target(target: &JobTarget, shown: &Shown, files: usize) -> DeploymentProgress {
    let deployment = &shown.deployment;
    let phase = if target.state.is_terminal() {
        DeploymentPhase::Over
    } else {
        // An address that was made for an earlier file says nothing of the one that waits.
        match (deployment.phase, &shown.download) {
            (DeploymentPhase::Offered, Some(download)) if download.finished_at.is_some() => {
                DeploymentPhase::Downloaded
            }
            (DeploymentPhase::Offered, Some(download)) if download.sent > 0 => DeploymentPhase::Downloading,
            (phase, _) => phase,
        }
    };
    // Files that are not for its model are none of its files.
    let foreign = deployment.results.iter().filter(|result| Misfit::parse(&result.code).is_some()).count();
    let files =
        if target.kind == domain::job::JobKind::DeploySoftware { 1 } else { files.saturating_sub(foreign) };
    let done = deployment.results.iter().filter(|result| result.code == OK).count();
    let failure = shown.download.as_ref().and_then(|download| download.failure.as_ref());
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    DeploymentProgress {
        phase,
        file: shown.file.as_ref().map(|(name, _)| name.clone()),
        received: shown.download.as_ref().map_or(0, |download| download.sent),
        size: shown.file.as_ref().map_or(0, |(_, size)| *size),
        done: number(done),
        files: number(files),
        offered_at: deployment.offered_at,
        failure: failure.map(|code| Reason { code: code.clone(), args: ReasonArgs::new() }),
        from_version: deployment.from_version.clone(),
        to_version: deployment.to_version.clone(),
    }
}
