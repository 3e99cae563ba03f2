//! Revisions of a client's desired configuration: who changed what, when (without secrets).

use domain::JobId;
use domain::catalogue::Value;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::configuration::value_or_null;

/// Most changes of one revision that a list shows.
pub const MOST_LISTED: usize = 20;

/// A revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// Its number, from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `account`, `token`, `phone`, `system` or `command-line`.
    pub author_kind: String,
    /// Name of the account, or of what it was, at the time.
    pub author: String,
    /// The job that brings it to the phone; `null` when there was nothing to bring.
    #[schema(value_type = Option<i64>)]
    pub job_id: Option<JobId>,
    /// Number of changed parameters.
    pub total_changes: u64,
    /// Changed parameters, by id and entry; in a list the first 20.
    pub changes: Vec<RevisionChange>,
}

/// One changed parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionChange {
    /// Id of the parameter.
    pub parameter: String,
    /// Number of the entry.
    #[serde(default)]
    pub index: Option<u16>,
    /// Whether it is a secret, whose values are not kept here.
    pub secret: bool,
    /// Whether something was desired before.
    pub was_set: bool,
    /// What was desired before; `null` for nothing, or a secret.
    #[schema(schema_with = value_or_null)]
    pub before: Option<Value>,
    /// Whether something is desired since.
    pub is_set: bool,
    /// What is desired since; `null` for nothing, or a secret.
    #[schema(schema_with = value_or_null)]
    pub after: Option<Value>,
}

/// Which revisions a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct RevisionQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Revisions on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
}
