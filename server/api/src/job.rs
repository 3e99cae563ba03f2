//! Jobs, their targets, and actions that make them (OSEM §12, §4.5).

use domain::job::{Counts, JobCause, JobKind, JobState, TargetState};
use domain::{ClientId, JobId, PlanId, TargetId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::client::ExportFormat;
use crate::deployment::DeploymentProgress;
use crate::plan::RowView;
use crate::targets::Targets;

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: JobId,
    /// What it does.
    #[schema(schema_with = crate::schema::word::<JobKind>)]
    pub kind: JobKind,
    /// Its state.
    #[schema(schema_with = crate::schema::word::<JobState>)]
    pub state: JobState,
    /// What made it.
    #[schema(schema_with = crate::schema::word::<JobCause>)]
    pub cause: JobCause,
    /// Kind of who made it.
    pub initiator_kind: String,
    /// Name of who made it, at the time.
    pub initiator: String,
    /// Options of its kind.
    pub options: serde_json::Value,
    /// The plan it came from.
    #[schema(value_type = Option<i64>)]
    pub plan: Option<PlanId>,
    /// Whether a user has cancelled it.
    pub stopping: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Planned execution; `null`: at once.
    pub planned_at: Option<Timestamp>,
    /// When targets that still wait are given up.
    pub expires_at: Timestamp,
    /// When the first target was touched.
    pub started_at: Option<Timestamp>,
    /// When the last target came to its end.
    pub finished_at: Option<Timestamp>,
    /// Execution time in seconds, until now or the end.
    pub execution_seconds: Option<i64>,
    /// Number of its targets in each state.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub targets: Counts,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// Which jobs are shown (OSEM §12.1).
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Page, from 1; reaches row 10,000. Newest first.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Jobs on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `created_at` (default, descending), `planned_at`, `kind` or `state`; `-` before it for descending.
    pub sort: Option<String>,
    /// Cursor: the list's `next`, with the same filter and order.
    pub after: Option<String>,
    /// State.
    #[param(schema_with = crate::schema::word::<JobState>)]
    pub state: Option<JobState>,
    /// What it does.
    #[param(schema_with = crate::schema::word::<JobKind>)]
    pub kind: Option<JobKind>,
    /// Part of the name of who made it.
    pub initiator: Option<String>,
    /// Jobs with this client among their targets.
    #[param(value_type = Option<i64>)]
    pub client: Option<ClientId>,
    /// Planned, or made, not before this time.
    pub from: Option<Timestamp>,
    /// Planned, or made, before this time.
    pub until: Option<Timestamp>,
    /// Came to its end not before this time.
    pub finished_from: Option<Timestamp>,
    /// Came to its end before this time.
    pub finished_until: Option<Timestamp>,
}

/// Which jobs an export has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct JobExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// As in the list.
    pub sort: Option<String>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<JobState>)]
    pub state: Option<JobState>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<JobKind>)]
    pub kind: Option<JobKind>,
    /// As in the list.
    pub initiator: Option<String>,
    /// As in the list.
    #[param(value_type = Option<i64>)]
    pub client: Option<ClientId>,
    /// As in the list.
    pub from: Option<Timestamp>,
    /// As in the list.
    pub until: Option<Timestamp>,
    /// As in the list.
    pub finished_from: Option<Timestamp>,
    /// As in the list.
    pub finished_until: Option<Timestamp>,
}

impl From<JobExportQuery> for JobQuery {
    fn from(query: JobExportQuery) -> Self {
        Self {
            page: None,
            size: None,
            sort: query.sort,
            after: None,
            state: query.state,
            kind: query.kind,
            initiator: query.initiator,
            client: query.client,
            from: query.from,
            until: query.until,
            finished_from: query.finished_from,
            finished_until: query.finished_until,
        }
    }
}

/// One client of a job (OSEM §12.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: TargetId,
    /// The job.
    #[schema(value_type = i64)]
    pub job_id: JobId,
    /// The client; `null` when it was deleted.
    #[schema(value_type = Option<i64>)]
    pub client_id: Option<ClientId>,
    /// MAC address at the time.
    pub device_id: Option<String>,
    /// Number at the time.
    pub e164: Option<String>,
    /// Model at the time.
    pub model: Option<String>,
    /// State.
    #[schema(schema_with = crate::schema::word::<TargetState>)]
    pub state: TargetState,
    /// How often it was sent.
    pub attempts: u32,
    /// Not before.
    pub due_at: Timestamp,
    /// Given up when it still waits then.
    pub expires_at: Timestamp,
    /// When it was sent last.
    pub sent_at: Option<Timestamp>,
    /// When it was first touched.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Why it is where it is: a stable code.
    pub reason: Option<String>,
    /// Arguments of the reason.
    pub reason_args: serde_json::Value,
    /// What became of its items; those that simply went well are not named.
    pub results: Vec<ResultView>,
    /// How far the deployment is; of jobs that deploy.
    pub deployment: Option<DeploymentProgress>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultView {
    /// Item name.
    pub item: String,
    /// Its index.
    pub index: Option<u16>,
    /// Stable code.
    pub code: String,
    /// Arguments of the code.
    pub args: serde_json::Value,
}

/// A target with what it writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetDetails {
    /// The target.
    #[serde(flatten)]
    pub target: TargetView,
    /// Items it writes, as planned.
    pub rows: Vec<RowView>,
}

/// Trying the targets of a job again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct RetryJob {
    /// Number of targets that are tried again: needed beyond the setting `jobs.confirm-beyond` for what is dangerous.
    pub confirm: Option<u64>,
}

/// Which targets are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TargetQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Targets on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// Cursor: the list's `next`, with the same filter.
    pub after: Option<String>,
    /// State.
    #[param(schema_with = crate::schema::word::<TargetState>)]
    pub state: Option<TargetState>,
}

/// Which targets an export has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TargetExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<TargetState>)]
    pub state: Option<TargetState>,
}

/// Jobs to be deleted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteJobs {
    /// Their ids, at most 1,000.
    #[schema(value_type = Vec<i64>)]
    pub ids: Vec<JobId>,
}

/// What became of a deletion of several jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobsDeleted {
    /// Deleted.
    pub deleted: u64,
    /// Left, because they have not come to their end.
    #[schema(value_type = Vec<i64>)]
    pub not_finished: Vec<JobId>,
}

/// What is done with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Read everything again (OSEM §4.5.2).
    Refresh,
    /// Restart the phones.
    Restart,
    /// Reset the phones to their factory values (OSEM §4.5.7).
    Reset,
    /// Delete the clients (OSEM §4.5.9).
    Delete,
}

/// An action on clients; it becomes a job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    /// What is done.
    pub action: ActionKind,
    /// To whom.
    pub targets: Targets,
    /// When; at once unless set.
    #[serde(default)]
    pub planned_at: Option<Timestamp>,
    /// With `reset`: bring the phone back into secure mode from our stored material (D-25).
    #[serde(default)]
    pub keep_certificates: bool,
    /// Number of clients, when it is so large that the server asks for it.
    #[serde(default)]
    pub confirm: Option<u64>,
}
