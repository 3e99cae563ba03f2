//! Jobs as administrators see them: lists, one job, its targets (OSEM §12.1, §12.2). What happens to jobs is in
//! `jobs`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use api::Page;
use api::job::{
    DeleteJobs, JobQuery, JobView, JobsDeleted, ResultView, TargetDetails, TargetQuery, TargetView,
};
use api::{Code, FieldError, field};
use domain::job::{Counts, TargetState};
use domain::{JobId, TargetId};
use futures_util::{Stream, stream};

use super::caller::Caller;
use super::cursor;
use super::deployments::{offer, view as view_deployment};
use super::error::{AppError, AppResult};
use super::jobs;
use super::paging::{Paging, sort};
use crate::App;
use crate::store::job_list::{self, Cursor, JobFilter, JobSort, Window};
use crate::store::job_targets::{self, JobTarget};
use crate::store::jobs::{self as rows, Job};
use crate::store::{StoreResult, Tx, diffs};

const SORTS: [(&str, JobSort); 4] = [
    ("created_at", JobSort::Created),
    ("planned_at", JobSort::Planned),
    ("kind", JobSort::Kind),
    ("state", JobSort::State),
];

/// Rows read at once by an export.
const CHUNK: u64 = 500;

/// Most jobs deleted in one call.
const MOST_DELETED: usize = 1_000;

fn view(app: &App, job: Job, targets: Counts) -> JobView {
    let until = job.finished_at.unwrap_or_else(|| app.clock.now());
    // The state in the row follows the targets with the pulse; who asks shall not see an older one.
    let state = if targets.total() > 0 { targets.job_state(job.stopping) } else { job.state };
    let options = view_deployment::job_options(&job);
    JobView {
        id: job.id,
        kind: job.kind,
        state,
        cause: job.cause,
        initiator_kind: job.initiator_kind,
        initiator: job.initiator_name,
        options,
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

/// A filter and an order: what a cursor belongs to.
#[derive(Clone, Debug)]
struct Order {
    filter: JobFilter,
    sort: JobSort,
    descending: bool,
}

impl Order {
    fn of(query: &JobQuery) -> AppResult<Self> {
        let text = query.sort.as_deref().filter(|text| !text.is_empty());
        let (sort, descending) = sort(text.or(Some("-created_at")), &SORTS)?;
        let filter = JobFilter {
            state: query.state,
            kind: query.kind,
            initiator: query.initiator.clone().filter(|text| !text.is_empty()),
            client: query.client,
            from: query.from,
            until: query.until,
            finished_from: query.finished_from,
            finished_until: query.finished_until,
        };
        Ok(Self { filter, sort, descending })
    }

    fn window(&self, after: Option<Cursor>, skip: u64, size: u64) -> Window {
        Window { sort: self.sort, descending: self.descending, after, skip, size }
    }

    fn encode(&self, place: &Cursor) -> AppResult<String> {
        cursor::encode(self, &(place.value.as_str(), place.id))
    }

    fn decode(&self, text: &str) -> AppResult<Cursor> {
        let (value, id) = cursor::decode(self, text, "after")?;
        Ok(Cursor { value, id })
    }
}

/// Views of jobs; their targets are counted for all of them at once.
async fn views(app: &App, jobs: Vec<Job>) -> StoreResult<Vec<JobView>> {
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let counts = job_list::counts(&app.store, &ids).await?;
    let view = |job: Job| {
        let counts = counts.get(&job.id).copied().unwrap_or_default();
        view(app, job, counts)
    };
    Ok(jobs.into_iter().map(view).collect())
}

/// Jobs of a filter, sorted; by page, or behind a cursor.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &JobQuery) -> AppResult<Page<JobView>> {
    let order = Order::of(query)?;
    let after =
        query.after.as_deref().filter(|text| !text.is_empty()).map(|text| order.decode(text)).transpose()?;
    let paged = after.is_none();
    let paging = Paging::new(if paged { query.page } else { None }, query.size, Some("after"))?;
    let window = order.window(after, paging.skip(), paging.size);
    let (slice, total) = tokio::try_join!(
        job_list::slice(&app.store, &order.filter, &window),
        job_list::total(&app.store, &order.filter),
    )?;
    let full = slice.jobs.len() as u64 == paging.size;
    let more = if paged { full && paging.has_more(total) } else { full };
    let next = slice.last.filter(|_| more).map(|place| order.encode(&place)).transpose()?;
    let items = views(app, slice.jobs).await?;
    Ok(Page { items, total, page: paged.then_some(paging.page), size: paging.size, next })
}

/// All jobs of a filter, sorted, in pieces: memory does not grow with their number.
///
/// # Errors
/// `invalid_fields`.
pub fn export(app: App, query: &JobQuery) -> AppResult<impl Stream<Item = AppResult<Vec<JobView>>> + use<>> {
    let order = Order::of(query)?;
    Ok(stream::try_unfold((app, order, None, false), |(app, order, after, done)| async move {
        if done {
            return Ok(None);
        }
        let slice = job_list::slice(&app.store, &order.filter, &order.window(after, 0, CHUNK)).await?;
        let done = (slice.jobs.len() as u64) < CHUNK;
        let views = views(&app, slice.jobs).await?;
        Ok::<_, AppError>(Some((views, (app, order, slice.last, done))))
    }))
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

/// Views of targets; how far their deployments are is read for all of them at once.
async fn target_views(app: &App, targets: Vec<JobTarget>) -> StoreResult<Vec<TargetView>> {
    let mut files = HashMap::new();
    for job in targets.iter().filter(|target| target.kind.deploys()).map(|target| target.job) {
        if let Entry::Vacant(place) = files.entry(job)
            && let Some(job) = rows::by_id(&app.store, job).await?
        {
            place.insert(offer::options_of(&job).map_or(0, |options| options.files.len()));
        }
    }
    let mut progress = view_deployment::progress(&app.store, &targets, &files).await?;
    let view = |target: JobTarget| {
        let deployment = progress.remove(&target.id);
        TargetView { deployment, ..target_view(target) }
    };
    Ok(targets.into_iter().map(view).collect())
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
        deployment: None,
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

/// Targets of a job, by page or behind a cursor.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn targets(app: &App, id: JobId, query: &TargetQuery) -> AppResult<Page<TargetView>> {
    rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let order = ("job", id, query.state);
    let after = query.after.as_deref().filter(|text| !text.is_empty());
    let after: Option<TargetId> = after.map(|text| cursor::decode(&order, text, "after")).transpose()?;
    let paged = after.is_none();
    let paging = Paging::new(if paged { query.page } else { None }, query.size, Some("after"))?;
    let counts = job_targets::counts(&app.store, id).await?;
    let total = query.state.map_or_else(|| counts.total(), |state| counts.of(state));
    let found = job_list::targets(&app.store, id, query.state, after, paging.skip(), paging.size).await?;
    let full = found.len() as u64 == paging.size;
    let more = if paged { full && paging.has_more(total) } else { full };
    let next = found.last().filter(|_| more).map(|last| cursor::encode(&order, &last.id)).transpose()?;
    let items = target_views(app, found).await?;
    Ok(Page { items, total, page: paged.then_some(paging.page), size: paging.size, next })
}

/// All targets of a job, in the order of their making, in pieces.
///
/// # Errors
/// `not_found`.
pub async fn export_targets(
    app: App,
    id: JobId,
    state: Option<TargetState>,
) -> AppResult<impl Stream<Item = AppResult<Vec<TargetView>>> + use<>> {
    rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    Ok(stream::try_unfold((app, None, false), move |(app, after, done)| async move {
        if done {
            return Ok(None);
        }
        let found = job_list::targets(&app.store, id, state, after, 0, CHUNK).await?;
        let done = (found.len() as u64) < CHUNK;
        let last = found.last().map(|target| target.id);
        let views = target_views(&app, found).await?;
        Ok::<_, AppError>(Some((views, (app, last, done))))
    }))
}

/// One target with what it writes.
///
/// # Errors
/// `not_found`.
pub async fn target(app: &App, id: JobId, target: TargetId) -> AppResult<TargetDetails> {
    let found = job_targets::by_id(&app.store, target).await?.filter(|target| target.job == id);
    let found = found.ok_or_else(AppError::not_found)?;
    let rows = diffs::read(&app.store, found.diff).await?;
    let view = target_views(app, vec![found]).await?.pop().ok_or_else(AppError::not_found)?;
    Ok(TargetDetails { target: view, rows: rows.iter().cloned().map(Into::into).collect() })
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
