//! Jobs as administrators see them: lists, one job, its targets (OSEM §12.1, §12.2). What happens to jobs is in
//! `jobs`.

use api::Page;
use api::job::{
    DeleteJobs, JobQuery, JobView, JobsDeleted, ResultView, TargetDetails, TargetQuery, TargetView,
};
use api::{Code, FieldError, field};
use domain::job::Counts;
use domain::{JobId, TargetId};

use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::jobs;
use super::paging::{Paging, sort};
use crate::App;
use crate::store::job_list::{self, JobFilter, JobSort};
use crate::store::job_targets::{self, JobTarget};
use crate::store::jobs::{self as rows, Job};
use crate::store::{Tx, diffs};

const SORTS: [(&str, JobSort); 4] = [
    ("created_at", JobSort::Created),
    ("planned_at", JobSort::Planned),
    ("kind", JobSort::Kind),
    ("state", JobSort::State),
];

/// Most jobs deleted in one call.
const MOST_DELETED: usize = 1_000;

fn view(app: &App, job: Job, targets: Counts) -> JobView {
    let until = job.finished_at.unwrap_or_else(|| app.clock.now());
    // The state in the row follows the targets with the pulse; who asks shall not see an older one.
    let state = if targets.total() > 0 { targets.job_state(job.stopping) } else { job.state };
    JobView {
        id: job.id,
        kind: job.kind,
        state,
        cause: job.cause,
        initiator_kind: job.initiator_kind,
        initiator: job.initiator_name,
        options: job.options,
        plan: job.plan,
        stopping: job.stopping,
        created_at: job.created_at,
        planned_at: job.planned_at,
        expires_at: job.expires_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
        execution_seconds: job.started_at.map(|started| until.duration_since(started).as_secs()),
        targets,
        revision: job.revision,
    }
}

/// Jobs of a filter.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &JobQuery) -> AppResult<Page<JobView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let (order, descending) = sort(query.sort.as_deref().or(Some("-created_at")), &SORTS)?;
    let filter = JobFilter {
        state: query.state,
        kind: query.kind,
        initiator: query.initiator.clone().filter(|text| !text.is_empty()),
        client: query.client,
        after: query.after,
        before: query.before,
    };
    let jobs = job_list::list(&app.store, &filter, order, descending, paging.skip(), paging.size).await?;
    let total = job_list::total(&app.store, &filter).await?;
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let counts = job_list::counts(&app.store, &ids).await?;
    let items = jobs.into_iter().zip(counts).map(|(job, counts)| view(app, job, counts)).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// One job.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: JobId) -> AppResult<JobView> {
    let job = rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let counts = job_targets::counts(&app.store, id).await?;
    Ok(view(app, job, counts))
}

/// A job as it is inside a transaction that has not been committed.
///
/// # Errors
/// `not_found`.
pub(super) async fn of(app: &App, tx: &Tx, id: JobId) -> AppResult<JobView> {
    let job = rows::by_id(tx, id).await?.ok_or_else(AppError::not_found)?;
    let counts = job_targets::counts(tx, id).await?;
    Ok(view(app, job, counts))
}

fn target_view(target: JobTarget) -> TargetView {
    TargetView {
        id: target.id,
        job_id: target.job,
        client_id: target.client,
        device_id: target
            .device_id
            .map(|text| text.parse::<domain::DeviceId>().map_or(text, |id| id.to_string())),
        e164: target.e164,
        model: target.model,
        state: target.state,
        attempts: target.attempts,
        due_at: target.due_at,
        expires_at: target.expires_at,
        sent_at: target.sent_at,
        started_at: target.started_at,
        finished_at: target.finished_at,
        reason: target.reason,
        reason_args: target.reason_args,
        results: target
            .results
            .into_iter()
            .map(|result| ResultView {
                item: result.item.name,
                index: result.item.index,
                code: result.code,
                args: result.args,
            })
            .collect(),
    }
}

/// Targets of a job.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn targets(app: &App, id: JobId, query: &TargetQuery) -> AppResult<Page<TargetView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let counts = job_targets::counts(&app.store, id).await?;
    let total = query.state.map_or_else(|| counts.total(), |state| counts.of(state));
    let found = job_list::targets(&app.store, id, query.state, paging.skip(), paging.size).await?;
    let items = found.into_iter().map(target_view).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// One target with what it writes.
///
/// # Errors
/// `not_found`.
pub async fn target(app: &App, id: JobId, target: TargetId) -> AppResult<TargetDetails> {
    let found = job_targets::by_id(&app.store, target).await?.filter(|target| target.job == id);
    let found = found.ok_or_else(AppError::not_found)?;
    let rows = diffs::read(&app.store, found.diff).await?;
    Ok(TargetDetails { target: target_view(found), rows: rows.iter().cloned().map(Into::into).collect() })
}

/// Deletes several jobs; those that have not come to their end are left and named. Unknown ones are no error:
/// they are gone.
///
/// # Errors
/// `invalid_fields`.
pub async fn delete_many(app: &App, caller: &Caller, request: &DeleteJobs) -> AppResult<JobsDeleted> {
    if request.ids.len() > MOST_DELETED {
        let text = format!("names more than {MOST_DELETED} jobs");
        return Err(AppError::field(FieldError::new("/ids", field::TOO_LONG, text).arg("max", MOST_DELETED)));
    }
    let mut done = JobsDeleted { deleted: 0, not_finished: Vec::new() };
    for id in &request.ids {
        match jobs::delete(app, caller, *id).await {
            Ok(()) => done.deleted += 1,
            Err(error) if error.code() == Code::JobNotFinished => done.not_finished.push(*id),
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
