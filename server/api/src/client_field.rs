//! Fields an administrator adds to clients: for filters of groups and as variables of templates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most fields there can be.
pub const MOST_FIELDS: usize = 50;
/// Longest value of a field, in characters.
pub const LONGEST_FIELD: usize = 200;

/// A field clients can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientFieldView {
    /// Its name, as it stands in variables: `site` in `{site}`.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Clients that have a value.
    pub clients: u64,
    /// Groups whose filter looks at it, and templates that use it, by name.
    pub used_by: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// A field to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClientField {
    /// Name: a small letter, then small letters, digits and `_`; up to 32. Not one of the variables there are already.
    pub name: String,
    /// What people read; 1 to 100 characters.
    pub label: String,
}

/// Another label.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeClientField {
    /// What people read.
    pub label: String,
}

/// Fields of a client: all of them; what is not named is cleared.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetClientFields {
    /// Values by the names of the fields; 1 to 200 characters each.
    pub fields: BTreeMap<String, String>,
    /// 1 when the client gets files or software by it on its own and somebody has agreed, when the answer asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}
