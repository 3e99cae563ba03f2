//! Groups: who belongs to it by a filter, and which templates its members get (OSEM §8, D-19, D-21).

use domain::group_filter::{Filter, Subject};
use domain::{ClientId, GroupId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::patch;
use crate::template::NamedTemplate;

/// Most groups there can be: they are kept in memory, and each is looked at for each client.
pub const MOST_GROUPS: usize = 500;
/// Members shown with a preview.
pub const PREVIEWED: u64 = 8;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: GroupId,
    /// Its name; no two are the same but for the case of letters.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Who belongs to it; `null`: nobody.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Filter>,
    /// What the filter looks at (active filters).
    #[schema(value_type = Vec<String>)]
    pub subjects: Vec<Subject>,
    /// Templates its members get, by rank.
    pub templates: Vec<NamedTemplate>,
    /// Number of members now.
    pub members: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// A group to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Name; 1 to 100 characters.
    pub name: String,
    /// What it is for, in words; up to 2,000 characters.
    #[serde(default)]
    pub description: String,
    /// Who belongs to it; `null` or absent: nobody.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Filter>,
    /// Templates its members get; up to 50.
    #[serde(default)]
    #[schema(value_type = Vec<i64>)]
    pub templates: Vec<TemplateId>,
    /// Number of clients that get files or software by it on their own, typed by somebody, when the answer asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// A change of a group; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeGroup {
    /// Name.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub name: Option<String>,
    /// What it is for, in words.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub description: Option<String>,
    /// Who belongs to it; `null`: nobody.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Option<Filter>>,
    /// Templates its members get.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<i64>, required = false)]
    pub templates: Option<Vec<TemplateId>>,
    /// Number of clients that get files or software by it on their own, typed by somebody, when the answer asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// A filter to be tried.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewGroup {
    /// The filter; `null`: nobody.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Filter>,
    /// The group it is for, whose own members do not count as overlap.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub group: Option<GroupId>,
    /// Also counts the clients that other groups have in common with it: with many groups that takes several times as
    /// long as counting its own.
    #[serde(default)]
    pub overlaps: bool,
}

/// Who belongs to a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupPreview {
    /// Number of clients that belong to the filter; exact.
    pub members: u64,
    /// The first eight of them, by number.
    pub clients: Vec<PreviewedClient>,
    /// Other groups with some of the same clients, those with most first; up to 8. Empty when it was not asked for.
    pub overlaps: Vec<Overlap>,
}

/// A client of a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewedClient {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ClientId,
    /// Its number.
    pub e164: Option<String>,
    /// Its device id.
    pub device_id: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Address it last came from.
    pub peer_address: Option<String>,
}

/// A group with some of the same clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overlap {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Clients in both.
    pub members: u64,
}

/// Which groups a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct GroupQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Groups on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `name` (default), `members` or `updated_at`; `-` before it for descending.
    pub sort: Option<String>,
    /// Part of the name or the description.
    pub search: Option<String>,
    /// Those with this template.
    #[param(value_type = Option<i64>)]
    pub template: Option<TemplateId>,
}
