//! Deployments of files and firmware (OSEM §4.5.4). They are planned like every change: `POST /plans` with the kind
//! `deploy-files` or `deploy-software`.

use domain::FileId;
use domain::deployment::{DeploymentPhase, FileAction, Priority};
use domain::file::FileType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::configuration::Reason;

/// What a plan deploys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeployment {
    /// 1 to 20 files. Of software, each phone gets the newest one that fits it; of other types, all that fit.
    #[schema(min_items = 1, max_items = 20)]
    pub files: Vec<NewDeployedFile>,
    /// When the phones do it; `normal` (when idle) when absent.
    #[serde(default = "normal")]
    #[schema(schema_with = crate::schema::word::<Priority>)]
    pub priority: Priority,
    /// Phones may get firmware of the other family (SIP, HFA); without it they are left out.
    #[serde(default)]
    pub allow_family_change: bool,
    /// Phones may get older firmware; without it they are left out.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Phones that have it get it all the same.
    #[serde(default)]
    pub again: bool,
    /// Failed and timed out phones at which the rest is cancelled.
    #[serde(default)]
    pub error_limit: Option<u64>,
    /// Successful phones at which the rest is cancelled.
    #[serde(default)]
    pub success_limit: Option<u64>,
}

fn normal() -> Priority {
    Priority::Normal
}

/// One file of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeployedFile {
    /// The file; needed unless something is deleted that only phones have.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub file: Option<FileId>,
    /// Name on the phone; needed with `file_type` when `file` is absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Its type.
    #[serde(default)]
    #[schema(schema_with = crate::schema::word_or_null::<FileType>)]
    pub file_type: Option<FileType>,
    /// What is done with it; `deploy` when absent.
    #[serde(default = "deploy")]
    #[schema(schema_with = crate::schema::word::<FileAction>)]
    pub action: FileAction,
}

fn deploy() -> FileAction {
    FileAction::Deploy
}

/// A deployment as plans and jobs show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    /// Its files.
    pub files: Vec<DeployedFileView>,
    /// When the phones do it.
    #[schema(schema_with = crate::schema::word::<Priority>)]
    pub priority: Priority,
    /// See [`NewDeployment`].
    pub allow_family_change: bool,
    /// See [`NewDeployment`].
    pub allow_downgrade: bool,
    /// See [`NewDeployment`].
    pub again: bool,
    /// See [`NewDeployment`].
    pub error_limit: Option<u64>,
    /// See [`NewDeployment`].
    pub success_limit: Option<u64>,
}

/// A file of a deployment as plans and jobs show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployedFileView {
    /// The file; `null` when only phones have it.
    #[schema(value_type = Option<i64>)]
    pub file: Option<FileId>,
    /// Its name.
    pub name: String,
    /// Its type.
    #[schema(schema_with = crate::schema::word::<FileType>)]
    pub file_type: FileType,
    /// What is done with it.
    #[schema(schema_with = crate::schema::word::<FileAction>)]
    pub action: FileAction,
}

/// How far the deployment for one phone is; of targets of jobs that deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentProgress {
    /// How far.
    #[schema(schema_with = crate::schema::word::<DeploymentPhase>)]
    pub phase: DeploymentPhase,
    /// Name of the file under way, or of the last one.
    pub file: Option<String>,
    /// Bytes the phone has fetched of it, as the file server sees it.
    pub received: u64,
    /// Its bytes.
    pub size: u64,
    /// Files that are done, of [`Self::files`].
    pub done: u32,
    /// Files of this phone.
    pub files: u32,
    /// When it was offered.
    pub offered_at: Option<Timestamp>,
    /// Why this server could not give all of it to the phone: an error of the storage provider, or of its own.
    #[serde(default)]
    pub failure: Option<Reason>,
    /// Version before.
    pub from_version: Option<String>,
    /// Version wanted.
    pub to_version: Option<String>,
}
