//! Files for phones (OSEM §9).

use domain::deployment::Priority;
use domain::file::{FileFacts, FileState, FileType};
use domain::{FileId, JobId, ProviderId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::configuration::Reason;
use crate::patch;
use crate::targets::Targets;

/// Most bytes of one piece of an upload.
pub const LARGEST_PIECE: u64 = 16 * 1024 * 1024;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: FileId,
    /// Its name, which phones show and store.
    pub name: String,
    /// What it is for; `null` until somebody says so.
    #[schema(schema_with = crate::schema::word_or_null::<FileType>)]
    pub file_type: Option<FileType>,
    /// Where it is kept.
    pub provider: NamedProvider,
    /// Its key there; of the built-in provider the hash of its content.
    pub object_key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content in hexadecimal digits; `null` of a file that was found by a scan and not read whole yet.
    pub sha256: Option<String>,
    /// What its content is.
    #[schema(value_type = Object)]
    pub facts: FileFacts,
    /// Short names of the models it is for; none is not said.
    pub models: Vec<String>,
    /// Short names of the models that can have it, as far as limits of models are known; empty while its type, or the
    /// models of software, are not said.
    #[serde(default)]
    #[schema(required = true)]
    pub fits: Vec<String>,
    /// Family of software, `SIP` or `HFA`.
    pub software_type: Option<String>,
    /// Version of software, as phones report it.
    pub software_version: Option<String>,
    /// Whether it can be deployed.
    #[schema(schema_with = crate::schema::word::<FileState>)]
    pub state: FileState,
    /// What must be said before it can be deployed: `file_type`, `models`, `software_type`, `software_version`.
    pub needs: Vec<String>,
    /// What is remarkable about it, for instance that no model takes a picture of this size.
    pub remarks: Vec<Reason>,
    /// A note for colleagues.
    pub note: String,
    /// `upload`, `scan` or `conversion`.
    pub origin: String,
    /// Who needs it; it cannot be deleted meanwhile.
    pub used_by: FileUse,
    /// When it came.
    pub created_at: Timestamp,
    /// Who brought it.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// A storage provider by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedProvider {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// Its kind: `built-in`, `s3` or `https`.
    pub kind: String,
}

/// Who needs a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileUse {
    /// Templates, up to 20.
    pub templates: Vec<TemplateUse>,
    /// Number of all of them.
    #[serde(default)]
    #[schema(required = true)]
    pub templates_total: u64,
    /// Jobs that are not over, up to 20.
    #[schema(value_type = Vec<i64>)]
    pub jobs: Vec<JobId>,
    /// Number of all of them.
    #[serde(default)]
    #[schema(required = true)]
    pub jobs_total: u64,
}

/// A template that has a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateUse {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: TemplateId,
    /// Its name.
    pub name: String,
}

/// A change of what is said of a file; an absent field stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFile {
    /// Its name; 1 to 120 bytes without control characters, `/`, `\` and a dot at its beginning.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word::<FileType>)]
    pub file_type: Option<FileType>,
    /// Short names of models.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    pub models: Option<Vec<String>>,
    /// `SIP` or `HFA`; `null` is none.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    pub software_type: Option<Option<String>>,
    /// Version, for instance `V3 R5.16.0`; `null` is none.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    pub software_version: Option<Option<String>>,
    /// A note.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub note: Option<String>,
    /// How many clients get the file on their own by this, because templates have it; needed beyond a limit.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    pub confirm: Option<u64>,
}

/// A picture to be made of another one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvertFile {
    /// Short name of the model it shall fit.
    pub model: String,
    /// What it shall be: `logo`, `screensaver` or `picture`.
    #[schema(schema_with = crate::schema::word::<FileType>)]
    pub file_type: FileType,
    /// Name of the new file; made of the old one when absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// An upload in pieces, to be begun. `POST /files` takes a file whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// Name of the file.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of its content in hexadecimal digits, when the sender knows it: what arrives must have it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// What it is for, if it cannot be told from the content.
    #[serde(default)]
    #[schema(schema_with = crate::schema::word_or_null::<FileType>)]
    pub file_type: Option<FileType>,
    /// Where it is to be kept; the built-in provider when absent.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub provider: Option<ProviderId>,
}

/// An upload in pieces. Pieces are sent with `PATCH` as bytes, one after the other; `finish` makes the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadView {
    /// Its name in addresses; nobody can guess it.
    pub token: String,
    /// Name of the file.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Bytes that are here: the next piece begins there.
    pub received: u64,
    /// When it is forgotten unless something arrives.
    pub expires_at: Timestamp,
    /// The file it became.
    #[schema(value_type = Option<i64>)]
    pub file: Option<FileId>,
}

/// Where a piece of an upload belongs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PieceQuery {
    /// Its first byte in the file; must be what `received` says.
    pub offset: Option<u64>,
}

/// Files to be deleted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteFiles {
    /// Their ids; up to 500. Ids nobody has are left out.
    #[schema(value_type = Vec<i64>)]
    pub ids: Vec<FileId>,
}

/// What became of it: files that are needed stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilesDeleted {
    /// Number of deleted files.
    pub deleted: u64,
    /// Files that are needed, with who needs them.
    pub in_use: Vec<FileInUse>,
}

/// A file that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileInUse {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// Who needs it.
    pub used_by: FileUse,
}

/// Which files a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct FileQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Files on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `name` (default), `file_type`, `provider`, `size`, `models`, `software_version`, `created_at`, `state`; `-` before
    /// it for descending.
    pub sort: Option<String>,
    /// Part of the name, the provider's name or the note.
    pub search: Option<String>,
    /// Type.
    #[param(schema_with = crate::schema::word::<FileType>)]
    pub file_type: Option<FileType>,
    /// `SIP` or `HFA`.
    pub software_type: Option<String>,
    /// Those for this model, and those that do not say.
    pub model: Option<String>,
    /// Those of this provider.
    #[param(value_type = Option<i64>)]
    pub provider: Option<ProviderId>,
    /// State.
    #[param(schema_with = crate::schema::word::<FileState>)]
    pub state: Option<FileState>,
    /// Those a template needs, or a job that is not over; or those nobody needs.
    pub used: Option<bool>,
}

/// Which files an export has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct FileExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<crate::client::ExportFormat>,
    /// As in the list.
    pub sort: Option<String>,
    /// As in the list.
    pub search: Option<String>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<FileType>)]
    pub file_type: Option<FileType>,
    /// As in the list.
    pub software_type: Option<String>,
    /// As in the list.
    pub model: Option<String>,
    /// As in the list.
    #[param(value_type = Option<i64>)]
    pub provider: Option<ProviderId>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<FileState>)]
    pub state: Option<FileState>,
    /// As in the list.
    pub used: Option<bool>,
}

impl From<FileExportQuery> for FileQuery {
    fn from(query: FileExportQuery) -> Self {
        Self {
            page: None,
            size: None,
            sort: query.sort,
            search: query.search,
            file_type: query.file_type,
            software_type: query.software_type,
            model: query.model,
            provider: query.provider,
            state: query.state,
            used: query.used,
        }
    }
}

/// How the content of a file is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ContentQuery {
    /// `true`: to be saved and not shown, whatever it is.
    pub download: Option<bool>,
}

/// A file that is sent whole, as `multipart/form-data`. The other fields stand before the file.
#[derive(Clone, Debug, ToSchema)]
pub struct WholeFile {
    /// What it is for, if it cannot be told from the content.
    #[schema(schema_with = crate::schema::word_or_null::<FileType>)]
    pub file_type: Option<FileType>,
    /// Where it is to be kept; the built-in provider when absent.
    #[schema(value_type = Option<i64>)]
    pub provider: Option<ProviderId>,
    /// SHA-256 of its content in hexadecimal digits: what arrives must have it.
    pub sha256: Option<String>,
    /// The file with its name.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// Files of a client, as far as known: `GET /clients/{id}/files` (OSEM §7.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientFiles {
    /// Files the phone says it has.
    pub installed: Vec<InstalledFile>,
    /// When it said so; `null` when it never did.
    pub reported_at: Option<Timestamp>,
    /// Files its templates want on it.
    pub wanted: Vec<WantedFile>,
    /// Software.
    pub software: ClientSoftware,
}

/// A file on a phone (`wpi.md` §4.6.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstalledFile {
    /// Its name there.
    pub name: String,
    /// Its type; `null` for a word nobody knows.
    #[schema(schema_with = crate::schema::word_or_null::<FileType>)]
    pub file_type: Option<FileType>,
    /// The type as the phone says it.
    pub type_text: String,
    /// Date as the phone says it.
    pub date: Option<String>,
    /// Time as the phone says it.
    pub time: Option<String>,
    /// Status as the phone says it.
    pub status: Option<String>,
    /// Whether a template wants it there.
    pub wanted: bool,
}

/// A file that should be on a phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedFile {
    /// The file.
    #[schema(value_type = i64)]
    pub file: FileId,
    /// Its name.
    pub name: String,
    /// Its type.
    #[schema(schema_with = crate::schema::word::<FileType>)]
    pub file_type: FileType,
    /// The template that wants it.
    pub template: TemplateUse,
    /// Whether the phone has it; `null` when it never told its files.
    pub installed: Option<bool>,
    /// Why it is not deployed on its own, when it is not: `resting` (it failed less than a day ago), `given-up` (it was
    /// refused or failed too often), `did-not-stay` (it succeeded often and is gone again), `under-way`,
    /// `deleted-at-phone`, `not-ready`, `file-server-off` (nobody gives it to phones), `storage-not-shared` (this server
    /// has another directory for files than the others), `provider-not-direct` (its provider is to give it to phones and
    /// cannot), `order-too-large` (the phone takes fewer items in one message), `fails-on-phones` (it failed on so many
    /// phones that no others get it on their own), `not-approved` (the client may not have
    /// the password it needs), `conflict` (templates of equal rank have different files for this place), `does-not-fit`
    /// (argument `reason`).
    pub reason: Option<Reason>,
}

/// Software of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientSoftware {
    /// What it runs.
    pub running: Option<String>,
    /// What its templates want.
    pub wanted: Option<String>,
    /// The file with it.
    #[schema(value_type = Option<i64>)]
    pub file: Option<FileId>,
    /// The template that decides, and by which rule.
    pub template: Option<TemplateUse>,
    /// `disabled`, `ignored`, `always` or `only-newer`.
    pub rule: String,
    /// What would come of it: `up-to-date`, `update`, `none`, or why there is no update: `disabled`, `conflict`,
    /// `no-software` (the templates have none that fits), `not-ready`, `newer-runs`, `version-unknown`, `under-way`,
    /// `resting`, `given-up`, `did-not-stay`, `file-server-off`, `storage-not-shared`, `provider-not-direct`,
    /// `order-too-large`, `fails-on-phones`, `not-approved`.
    pub outcome: Reason,
}

/// Which versions run where: `GET /firmware`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirmwareOverview {
    /// Models with their versions, by model and family.
    pub models: Vec<FirmwareModel>,
    /// Phones, without retired ones and those that were prepared and have not come yet: clients with the filter
    /// `firmware=phones`.
    pub clients: u64,
    /// Active clients for which newer software is here: those a plan takes, and `firmware=outdated`.
    pub outdated: u64,
    /// Clients whose rule would update them: `firmware=due`.
    pub due: u64,
    /// Phones that are updated right now: `firmware=updating`.
    pub under_way: u64,
}

/// A model and family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirmwareModel {
    /// Short name; the phone's own text for a model nobody knows; empty when it has said nothing.
    pub model: String,
    /// `SIP`, `HFA` or what the phones say.
    pub software_type: Option<String>,
    /// Versions with their clients, newest first.
    pub versions: Vec<FirmwareVersion>,
    /// Newest file for it that is ready.
    pub newest: Option<FirmwareFile>,
    /// All files for it that are ready, newest first.
    pub files: Vec<FirmwareFile>,
    /// Active clients older than the newest file.
    pub outdated: u64,
}

/// A version in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirmwareVersion {
    /// As the phones say it; `null` when they do not.
    pub version: Option<String>,
    /// How many run it.
    pub clients: u64,
    /// Whether it is older than the newest file.
    pub outdated: bool,
}

/// A file with software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirmwareFile {
    /// The file.
    #[schema(value_type = i64)]
    pub file: FileId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Why no phone can be given it now: `file-server-off`, `storage-not-shared`, `provider-not-direct`.
    #[serde(default)]
    pub reason: Option<Reason>,
}

/// Files and rule of a template: `GET` and `PUT /templates/{id}/files` (OSEM §6.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateFiles {
    /// The files, by type and name.
    pub files: Vec<FileView>,
    /// Revision of the template.
    pub revision: i64,
}

/// Files a template shall have, in place of those it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTemplateFiles {
    /// Their ids; up to 100.
    #[schema(value_type = Vec<i64>)]
    pub files: Vec<FileId>,
    /// Number of clients that get something by it, typed by somebody, when the answer asked for it.
    #[serde(default)]
    pub confirm: Option<u64>,
}

/// Clients that are to get the newest firmware there is for them: `POST /firmware/plan`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutdatedQuery {
    /// Those of these clients that run something older; of all clients when absent.
    pub targets: Option<Targets>,
    /// When the phones do it; `normal` (when idle) when absent.
    #[schema(schema_with = crate::schema::word_or_null::<Priority>)]
    pub priority: Option<Priority>,
    /// Failed and timed out phones at which the rest is cancelled.
    pub error_limit: Option<u64>,
    /// Successful phones at which the rest is cancelled.
    pub success_limit: Option<u64>,
}
