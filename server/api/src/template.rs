//! Templates: values for many clients, with a rank (OSEM §6, D-18 … D-20).

use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};
use domain::{GroupId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::configuration::Reason;
use crate::patch;
use crate::plan::{NewChange, ParameterEntry};

/// Most templates there can be: they are kept in memory, and each is looked at for each client.
pub const MOST_TEMPLATES: usize = 500;
/// Weakest rank; 1 is the strongest (D-19).
pub const WEAKEST_RANK: u16 = 999;
/// Longest name of a template, a group or a field, in characters.
pub const LONGEST_NAME: usize = 100;
/// Longest description, in characters.
pub const LONGEST_DESCRIPTION: usize = 2_000;

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: TemplateId,
    /// Its name; no two are the same but for the case of letters.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Onboarding or default.
    #[schema(schema_with = crate::schema::word::<TemplateKind>)]
    pub kind: TemplateKind,
    /// Rank: 1 is the strongest.
    pub rank: u16,
    /// Short names of the models it is for; none is all.
    pub models: Vec<String>,
    /// Software types it is for, `SIP` or `HFA`; none is all.
    pub software_types: Vec<String>,
    /// Whether it updates the software of its clients to the newest of its files that fits: `always` also to an older
    /// one, `only-newer` never, `disabled` keeps weaker templates from it, `ignored` leaves it to them.
    #[schema(schema_with = crate::schema::word::<SoftwareUpdate>)]
    pub software_update: SoftwareUpdate,
    /// Secure mode it wishes for; `null` is no wish. Stored; nothing acts on it yet.
    #[schema(schema_with = crate::schema::word_or_null::<SecureModeWish>)]
    pub secure_mode: Option<SecureModeWish>,
    /// What it holds.
    pub content: TemplateContent,
    /// Groups it is attached to. While there is one, it applies to members only (D-19).
    pub groups: Vec<NamedGroup>,
    /// Clients for which it was chosen when they were prepared (D-20), but retired ones. They keep its values when it is
    /// deleted, and would not get them anew.
    pub prepared_clients: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// What a template holds (OSEM §6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateContent {
    /// Values.
    pub settings: u64,
    /// Secrets among them.
    pub secrets: u64,
    /// Values with variables among them.
    pub variables: u64,
    /// Whether it wishes for a secure mode.
    pub secure_mode: bool,
    /// Files, software among them.
    #[serde(default)]
    pub files: u64,
}

/// A group by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct NamedGroup {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: GroupId,
    /// Its name.
    pub name: String,
}

/// A template by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct NamedTemplate {
    /// Its id; `null` when it is gone, and its name is remembered with the values that came from it.
    #[schema(value_type = Option<i64>)]
    pub id: Option<TemplateId>,
    /// Its name.
    pub name: String,
}

/// A template to be made. Its values may be secrets: it cannot be printed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// Name; 1 to 100 characters.
    pub name: String,
    /// What it is for, in words; up to 2,000 characters.
    #[serde(default)]
    pub description: String,
    /// Onboarding or default.
    #[schema(schema_with = crate::schema::word::<TemplateKind>)]
    pub kind: TemplateKind,
    /// Rank, 1 (default) to 999.
    #[serde(default = "strongest")]
    pub rank: u16,
    /// Short names of the models it is for; none is all.
    #[serde(default)]
    pub models: Vec<String>,
    /// `SIP`, `HFA`, or none for both.
    #[serde(default)]
    pub software_types: Vec<String>,
    /// Whether it updates software; `ignored` when absent.
    #[serde(default = "ignored")]
    #[schema(schema_with = crate::schema::word::<SoftwareUpdate>)]
    pub software_update: SoftwareUpdate,
    /// Secure mode it wishes for.
    #[serde(default)]
    #[schema(schema_with = crate::schema::word_or_null::<SecureModeWish>)]
    pub secure_mode: Option<SecureModeWish>,
    /// Values, up to 1,000; they may hold variables of the client. `null` is no value here.
    #[serde(default)]
    pub values: Vec<NewChange>,
}

fn strongest() -> u16 {
    1
}

fn ignored() -> SoftwareUpdate {
    SoftwareUpdate::Ignored
}

/// A change of a template; an absent field stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTemplate {
    /// Name.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub name: Option<String>,
    /// What it is for, in words.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub description: Option<String>,
    /// Onboarding or default.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word::<TemplateKind>)]
    pub kind: Option<TemplateKind>,
    /// Rank.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u16, required = false)]
    pub rank: Option<u16>,
    /// Models.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    pub models: Option<Vec<String>>,
    /// Software types.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    pub software_types: Option<Vec<String>>,
    /// Software update.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word::<SoftwareUpdate>)]
    pub software_update: Option<SoftwareUpdate>,
    /// Secure mode; `null` ends the wish.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word_or_null::<SecureModeWish>)]
    pub secure_mode: Option<Option<SecureModeWish>>,
    /// Values to be set, or removed with `null`; the others stay.
    #[serde(default)]
    pub values: Vec<NewChange>,
    /// Number of clients that get files or software by it, typed by somebody, when the answer asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// A copy of a template.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyTemplate {
    /// Name of the copy.
    pub name: String,
    /// Number of clients that get files or software by it, typed by somebody, when the answer asked for it.
    #[serde(default)]
    pub confirm: Option<u64>,
}

/// A template file to be read in. Its text may hold secrets: it is not written to logs.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportTemplate {
    /// The file's text (TOML), up to 1 MiB.
    pub content: String,
    /// Name instead of the one in the file.
    #[serde(default)]
    pub name: Option<String>,
    /// Number of clients that get files or software by it, typed by somebody, when the answer asked for it.
    #[serde(default)]
    pub confirm: Option<u64>,
}

/// Templates or groups to be deleted: by their ids, or all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteMany {
    /// Their ids; up to 500. Ids nobody has are left out.
    pub ids: Option<Vec<i64>>,
    /// All that this search takes; an empty text takes all.
    pub search: Option<String>,
    /// Number of clients that get files or software by it on their own, typed by somebody, when the answer asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// What comes with the deletion of one template or group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct DeleteOne {
    /// Number of clients that get files or software by it on their own, typed by somebody, when the answer asked for it.
    pub confirm: Option<u64>,
}

/// How many were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletedMany {
    /// Their number.
    pub deleted: u64,
}

/// Which templates a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TemplateQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Templates on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `name` (default), `kind`, `rank`, `software_update`, `settings` or `updated_at`; `-` before it for descending.
    pub sort: Option<String>,
    /// Part of the name or the description.
    pub search: Option<String>,
    /// Onboarding or default.
    #[param(schema_with = crate::schema::word::<TemplateKind>)]
    pub kind: Option<TemplateKind>,
    /// Those for this model, and those for all.
    pub model: Option<String>,
    /// Those for this software type, and those for all.
    pub software_type: Option<String>,
    /// Those attached to this group.
    #[param(value_type = Option<i64>)]
    pub group: Option<GroupId>,
    /// Those that hold a value for this parameter.
    pub parameter: Option<String>,
}

/// A template that comes with the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StarterView {
    /// Its id.
    pub id: String,
    /// Name of the template it makes.
    pub name: String,
    /// What it is for, and what must be set after it was made.
    pub description: String,
    /// Its file, to be sent to `POST /templates/import`.
    pub content: String,
    /// Number of values.
    pub settings: u64,
}

/// A template made of what one client has (OSEM §4.5.6).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateTemplate {
    /// Name, kind and whom it is for; its `values` stay empty here.
    pub template: NewTemplate,
    /// Parameters whose values are taken: what is desired, or else what the phone reports. Up to 1,000.
    pub parameters: Vec<ParameterEntry>,
    /// Takes desired secrets too. Without it, parameters that hold a secret are refused.
    #[serde(default)]
    pub secrets: bool,
}

/// One layer that has a value for a parameter of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LayerView {
    /// The layer.
    #[schema(schema_with = crate::schema::word::<domain::configuration::Layer>)]
    pub layer: domain::configuration::Layer,
    /// The template it comes from.
    pub template: Option<NamedTemplate>,
    /// Rank of the template.
    pub rank: Option<u16>,
    /// Groups by which the template applies.
    pub groups: Vec<NamedGroup>,
    /// The value with its variables filled in; `null` for a secret, or when they cannot be.
    #[schema(schema_with = crate::configuration::value_or_null)]
    pub value: Option<domain::catalogue::Value>,
    /// The value as the template has it, when it holds variables.
    #[schema(schema_with = crate::configuration::value_or_null)]
    pub written: Option<domain::catalogue::Value>,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether this is the value in force.
    pub wins: bool,
    /// Why it is not in force although no stronger layer has a value: `conflict`, `variable-missing`,
    /// `variable-refused`.
    pub reason: Option<Reason>,
}

/// Of which parameter of a client the layers are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct LayerQuery {
    /// Id of the parameter; needed.
    pub parameter: Option<String>,
    /// Number of the entry of a repeated parameter.
    pub index: Option<u16>,
}
