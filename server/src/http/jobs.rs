//! `/jobs`: what was ordered and what became of it (OSEM §12).

use api::Page;
use api::job::{
    DeleteJobs, JobExportQuery, JobQuery, JobView, JobsDeleted, RetryJob, TargetDetails, TargetExportQuery,
    TargetQuery, TargetView,
};
use axum::extract::State;
use domain::{JobId, Permission, TargetId};

use super::answer::{Answer, gone, plain, tagged};
use super::export;
use super::extract::{Id, Id2, Json, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, job_list, jobs};

const COLUMNS: &[&str] = &[
    "id",
    "kind",
    "state",
    "cause",
    "initiator_kind",
    "initiator",
    "options",
    "plan",
    "stopping",
    "created_at",
    "planned_at",
    "expires_at",
    "started_at",
    "finished_at",
    "execution_seconds",
    "targets",
];

const TARGET_COLUMNS: &[&str] = &[
    "id",
    "job_id",
    "client_id",
    "device_id",
    "e164",
    "model",
    "state",
    "reason",
    "reason_args",
    "attempts",
    "due_at",
    "expires_at",
    "sent_at",
    "started_at",
    "finished_at",
    "results",
];

/// List jobs.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobQuery),
    responses((status = 200, description = "Jobs", body = Page<JobView>)))]
pub(crate) async fn list_jobs(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<JobQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&job_list::list(&app, &query?.0).await?))
}

/// Export jobs.
#[utoipa::path(get, path = "/jobs/export", tag = "jobs", params(JobExportQuery),
    responses((status = 200, description = "Jobs", content(
        (Vec<JobView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_jobs(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<JobExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    let query = query?.0;
    let format = query.format.unwrap_or_default();
    Ok(export::answer("jobs", format, COLUMNS, job_list::export(app, &query.into())?))
}

/// Get a job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, Path, description = "Job")),
    responses((status = 200, description = "The job", body = JobView, headers(("ETag" = String)))))]
pub(crate) async fn get_job(
    State(app): State<App>,
    caller: Caller,
    id: Id<JobId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let job = job_list::find(&app, id.0).await?;
    Ok(tagged(job.revision, &job))
}

/// List the targets of a job.
#[utoipa::path(get, path = "/jobs/{id}/targets", tag = "jobs",
    params(("id" = i64, Path, description = "Job"), TargetQuery),
    responses((status = 200, description = "Targets, in the order of their making", body = Page<TargetView>)))]
pub(crate) async fn list_job_targets(
    State(app): State<App>,
    caller: Caller,
    id: Id<JobId>,
    query: AppResult<Query<TargetQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&job_list::targets(&app, id.0, &query?.0).await?))
}

/// Export the targets of a job.
#[utoipa::path(get, path = "/jobs/{id}/targets/export", tag = "jobs",
    params(("id" = i64, Path, description = "Job"), TargetExportQuery),
    responses((status = 200, description = "Targets, in the order of their making", content(
        (Vec<TargetView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_job_targets(
    State(app): State<App>,
    caller: Caller,
    id: Id<JobId>,
    query: AppResult<Query<TargetExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    let query = query?.0;
    let pieces = job_list::export_targets(app, id.0, query.state).await?;
    Ok(export::answer("job-targets", query.format.unwrap_or_default(), TARGET_COLUMNS, pieces))
}

/// Get a target of a job with the items it writes.
#[utoipa::path(get, path = "/jobs/{id}/targets/{target}", tag = "jobs",
    params(("id" = i64, Path, description = "Job"), ("target" = i64, Path, description = "Target")),
    responses((status = 200, description = "The target", body = TargetDetails)))]
pub(crate) async fn get_job_target(
    State(app): State<App>,
    caller: Caller,
    ids: Id2<JobId, TargetId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&job_list::target(&app, ids.0, ids.1).await?))
}

/// Cancel a job: what was not sent yet is not sent any more.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = i64, Path, description = "Job")),
    responses((status = 200, description = "The job", body = JobView, headers(("ETag" = String)))))]
pub(crate) async fn cancel_job(
    State(app): State<App>,
    caller: Caller,
    id: Id<JobId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    jobs::cancel(&app, &caller, id.0).await?;
    let job = job_list::find(&app, id.0).await?;
    Ok(tagged(job.revision, &job))
}

/// Try the targets of a job again that did not succeed.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = i64, Path, description = "Job"), RetryJob),
    responses((status = 200, description = "The job", body = JobView, headers(("ETag" = String)))))]
pub(crate) async fn retry_job(
    State(app): State<App>,
    caller: Caller,
    id: Id<JobId>,
    query: AppResult<Query<RetryJob>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    jobs::retry(&app, &caller, id.0, query?.0.confirm).await?;
    let job = job_list::find(&app, id.0).await?;
    Ok(tagged(job.revision, &job))
}

/// Delete a job that has come to its end.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, Path, description = "Job")),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_job(
    State(app): State<App>,
    caller: Caller,
    id: Id<JobId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    jobs::delete(&app, &caller, id.0).await?;
    Ok(gone())
}

/// Delete several jobs that have come to their end.
#[utoipa::path(post, path = "/jobs/delete", tag = "jobs", request_body = DeleteJobs,
    responses((status = 200, description = "What became of them", body = JobsDeleted)))]
pub(crate) async fn delete_jobs(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Json<DeleteJobs>>,
) -> Answer {
    caller.require(Permission::ChangeClients)?;
    query?;
    Ok(plain(&job_list::delete_many(&app, &caller, &request?.0).await?))
}
