//! Plans: a change is asked for, looked at, and then applied (D-27).

use std::collections::BTreeMap;

use domain::catalogue::Value;
use domain::configuration::Row;
use domain::file::FileType;
use domain::{ClientId, JobId, PlanId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::configuration::{Reason, value_or_null};
use crate::deployment::{DeploymentView, NewDeployment};
use crate::file::TemplateUse;
use crate::targets::Targets;

/// Most changes of one plan.
pub const MOST_CHANGES: usize = 1_000;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanKind {
    /// Desired values are set or removed, and written.
    WriteConfiguration,
    /// Whatever differs from the desired values is written, also what was changed at the phone (D-23).
    Converge,
    /// Templates, groups or fields of clients are saved, and what that changes is written. Such plans are made by
    /// saving these things, not by `POST /plans`.
    ChangeFleet,
    /// Files are deployed or deleted; `deployment` says which.
    DeployFiles,
    /// Firmware is deployed; `deployment` says which.
    DeploySoftware,
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanState {
    /// It is being drawn up; `progress` says how far.
    Drawing,
    /// It can be looked at and applied.
    #[default]
    Ready,
    /// It could not be drawn up: `failure` says why. Ask again.
    Failed,
}

/// How far a plan is drawn up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanProgress {
    /// Clients looked at.
    pub drawn: u64,
    /// Clients to be looked at.
    pub clients: u64,
}

/// Something that is saved when the plan is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetChangeView {
    /// `template`, `group` or `client`.
    pub object: String,
    /// Its id; `null` when it is new.
    pub id: Option<i64>,
    /// Its name.
    pub name: String,
    /// `create`, `change` or `delete`.
    pub action: String,
    /// Names of the fields that change, and ids of parameters with their entry.
    pub changed: Vec<String>,
}

/// A change to be planned. Its values may be secrets: it cannot be printed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// What it is for.
    pub kind: PlanKind,
    /// For whom.
    pub targets: Targets,
    /// Values to be set or removed, for every target; up to 1,000, and none for `converge`.
    #[serde(default)]
    pub changes: Vec<NewChange>,
    /// Takes secrets as different that the phone has acknowledged, and hands them out again (D-24 d).
    #[serde(default)]
    pub send_secrets_again: bool,
    /// What is deployed; needed for, and only for, `deploy-files` and `deploy-software`.
    #[serde(default)]
    pub deployment: Option<NewDeployment>,
}

/// A value to be set or removed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChange {
    /// Id of the parameter in the catalogue.
    pub parameter: String,
    /// Number of the entry of a repeated parameter.
    #[serde(default)]
    pub index: Option<u16>,
    /// The value; `null` removes it: then nothing is desired, and the phone keeps what it has.
    #[schema(schema_with = value_or_null)]
    pub value: serde_json::Value,
}

/// A change as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// Id of the parameter.
    pub parameter: String,
    /// Number of the entry.
    pub index: Option<u16>,
    /// Whether the value is a secret.
    pub secret: bool,
    /// Whether the value is removed.
    pub removes: bool,
    /// The value; `null` when it is removed, or a secret.
    #[schema(schema_with = value_or_null)]
    pub value: Option<Value>,
}

/// Figures of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanSummary {
    /// Clients that were asked for.
    pub targets: u64,
    /// Clients whose desired values change, also when nothing is written to them now. Of plans that save templates,
    /// groups or fields.
    #[serde(default)]
    pub affected: u64,
    /// Clients for which templates of equal rank disagree afterwards, and did not before (D-19).
    #[serde(default)]
    pub conflicts: u64,
    /// Clients that something is written to, or that something is deployed to.
    pub writes: u64,
    /// Of plans that deploy: clients that change their family (SIP, HFA), and lose what the other one does not have.
    #[serde(default)]
    pub family_changes: u64,
    /// Of plans that deploy: clients that get older firmware.
    #[serde(default)]
    pub downgrades: u64,
    /// Of plans that deploy: bytes that the phones fetch, all together.
    #[serde(default)]
    pub bytes: u64,
    /// Of plans that delete files: templates that bring some of them back on their own, by name.
    #[serde(default)]
    pub brought_back: Vec<BroughtBack>,
    /// Items that are written, all clients together.
    pub items: u64,
    /// Clients whose telephony restarts.
    pub restarts: u64,
    /// Clients that get a value that can cut them off.
    pub care: u64,
    /// Items whose meaning is not confirmed (D-13).
    pub unconfirmed: u64,
    /// Items with `<`, `>` or `&` for phones that may show `&lt;`, `&gt;` and `&amp;` instead (`wpi.md` §3.5).
    #[serde(default)]
    pub entities: u64,
    /// Clients that get nothing now, by reason.
    pub excluded: BTreeMap<String, u64>,
    /// Values that are desired and not written, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Secrets that would not be handed out, by reason (D-24); `approve` and `send_secrets_again` mend some.
    pub withheld: BTreeMap<String, u64>,
}

/// A template that brings files back which a plan deletes, as long as it wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BroughtBack {
    /// The template.
    pub template: TemplateUse,
    /// Clients that get at least one of the files back.
    pub clients: u64,
}

/// A file that is deleted and that a template brings back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BroughtBackFile {
    /// Its name on the phone.
    pub name: String,
    /// Its type.
    #[schema(schema_with = crate::schema::word::<FileType>)]
    pub file_type: FileType,
    /// The template.
    pub template: TemplateUse,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: PlanId,
    /// What it is for.
    pub kind: PlanKind,
    /// Who made it.
    pub author: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
    /// What it changes.
    pub changes: Vec<ChangeView>,
    /// Whether secrets that were handed out, or that the phone has, go out again.
    pub send_secrets_again: bool,
    /// What is saved when it is applied; of plans that save templates, groups or fields.
    pub fleet: Vec<FleetChangeView>,
    /// What is deployed; of plans that deploy.
    pub deployment: Option<DeploymentView>,
    /// How far it is.
    pub state: PlanState,
    /// How far it is drawn up.
    pub progress: PlanProgress,
    /// Why it could not be drawn up.
    pub failure: Option<Reason>,
    /// What it comes to.
    pub summary: PlanSummary,
    /// Most clients something may be written to without their number being named in `confirm`, for whoever asks.
    pub confirm_beyond: u64,
    /// Whether the configuration of a target was changed since: applying it then makes a new plan.
    pub stale: bool,
    /// The job it became.
    #[schema(value_type = Option<i64>)]
    pub job_id: Option<JobId>,
}

/// An item that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// Item name.
    pub item: String,
    /// Its index; `null` for none, which is not 0.
    pub index: Option<u16>,
    /// Parameters that stand on it.
    pub parameters: Vec<ParameterEntry>,
    /// Text reported before; `null` when there was none, or a secret.
    pub from: Option<String>,
    /// Text to be written; `null` for a secret.
    pub to: Option<String>,
    /// Whether it is a secret.
    pub secret: bool,
    /// Logical record it belongs to: its items go out together.
    pub group: Option<String>,
    /// Can cut the phone off; goes out alone.
    pub care: bool,
    /// Makes the phone register again or restart its telephony.
    pub restarts: bool,
    /// The meaning of the item is not confirmed (D-13).
    pub unconfirmed: bool,
    /// Unchanged; written because its record must be whole.
    pub companion: bool,
}

impl From<Row> for RowView {
    fn from(row: Row) -> Self {
        Self {
            item: row.item.name,
            index: row.item.index,
            parameters: row
                .parameters
                .into_iter()
                .map(|key| ParameterEntry { parameter: key.parameter, index: key.index })
                .collect(),
            from: row.from,
            to: row.to,
            secret: row.secret,
            group: row.group,
            care: row.care,
            restarts: row.restarts,
            unconfirmed: row.unconfirmed,
            companion: row.companion,
        }
    }
}

/// A parameter, and which entry of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct ParameterEntry {
    /// Id of the parameter.
    pub parameter: String,
    /// Number of the entry.
    #[serde(default)]
    pub index: Option<u16>,
}

/// A desired value that is not written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOutView {
    /// The parameter.
    #[serde(flatten)]
    pub parameter: ParameterEntry,
    /// Why.
    pub reason: Reason,
}

/// Templates of equal rank that disagree about a value (D-19).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct ConflictView {
    /// The parameter.
    #[serde(flatten)]
    pub parameter: ParameterEntry,
    /// The templates, by name.
    pub templates: Vec<String>,
    /// Their rank.
    pub rank: u16,
}

/// A secret that would not be handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithheldView {
    /// Item name.
    pub item: String,
    /// Its index.
    #[serde(default)]
    pub index: Option<u16>,
    /// Why.
    pub reason: Reason,
}

/// One client of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanTargetView {
    /// The client.
    #[schema(value_type = i64)]
    pub client_id: ClientId,
    /// Its device id; `null` when it has none, or was deleted.
    pub device_id: Option<String>,
    /// Its number.
    pub e164: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// What is written, in the order of writing.
    pub rows: Vec<RowView>,
    /// What is not written.
    pub left_out: Vec<LeftOutView>,
    /// Which secrets would not be handed out.
    pub withheld: Vec<WithheldView>,
    /// Where templates of equal rank disagree.
    pub conflicts: Vec<ConflictView>,
    /// Files that are deleted and that a template brings back, unless it is taken from the template first.
    #[serde(default)]
    pub brought_back: Vec<BroughtBackFile>,
    /// Why nothing is written to it now.
    pub excluded: Option<Reason>,
}

/// Which clients of a plan are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PlanTargetQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Clients on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// Cursor: the list's `next`, with the same filter.
    pub after: Option<String>,
    /// Only those that nothing is written to, or only the others.
    pub excluded: Option<bool>,
}

/// How a plan is applied.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApplyPlan {
    /// When the job is to start; at once when absent. The desired values are set at once in any case.
    pub planned_at: Option<Timestamp>,
    /// Approves the clients: they may get secrets in default mode (D-24 a).
    pub approve: bool,
    /// Hands secrets out again that were handed out before (D-24 d); always so when the plan says so.
    pub send_secrets_again: bool,
    /// Number of clients something is written to, typed by somebody: needed when values can cut more phones off
    /// than the setting `jobs.confirm-beyond` allows without, or when more clients are written to than the role of
    /// who applies it may without (settings `plans.confirm-beyond` and `plans.confirm-beyond-for-administrators`).
    pub confirm: Option<u64>,
}

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanApplied {
    /// The plan.
    #[schema(value_type = i64)]
    pub plan_id: PlanId,
    /// The job that brings it to the phones; `null` when there is nothing to bring now.
    #[schema(value_type = Option<i64>)]
    pub job_id: Option<JobId>,
    /// Clients of the job.
    pub targets: u64,
    /// Clients whose desired configuration has changed.
    pub changed: u64,
    /// Clients that were approved by it.
    pub approved: u64,
    /// Templates that were made or changed.
    #[schema(value_type = Vec<i64>)]
    pub templates: Vec<domain::TemplateId>,
    /// Groups that were made or changed.
    #[schema(value_type = Vec<i64>)]
    pub groups: Vec<domain::GroupId>,
}
