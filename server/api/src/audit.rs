//! The audit table: who changed what, append only and hash chained (D-34).

use domain::AuditId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Number of the record; without gaps.
    #[schema(value_type = i64)]
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// `account`, `token`, `command-line`, `phone` or `system`.
    pub actor_kind: String,
    /// Account or client that did it.
    pub actor_id: Option<i64>,
    /// Its name at the time.
    pub actor_name: String,
    /// Address it came from.
    pub address: Option<String>,
    /// What was done: `account.create`, `setting.change`, …
    pub action: String,
    /// Kind of the thing: `account`, `setting`, `client`, …
    pub object_kind: String,
    /// Its id.
    pub object_id: String,
    /// Name of an account, number or device id of a client: now, or when it was deleted. Not part of the record.
    #[serde(default)]
    pub object_name: Option<String>,
    /// Before and after; never with secrets.
    #[schema(value_type = Object)]
    pub details: Value,
    /// SHA-256 over the record and the hash of the one before, in hexadecimal.
    pub hash: String,
}

/// Which records a list shows, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Page, from 1.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Records on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// Only records older than this one: the list's `next`.
    #[param(value_type = Option<i64>)]
    pub before: Option<AuditId>,
    /// Action, or its part before the dot.
    pub action: Option<String>,
    /// Kind of the thing.
    pub object_kind: Option<String>,
    /// Id of the thing.
    pub object_id: Option<String>,
    /// Kind and id of the thing at once: `client:17`.
    pub object: Option<String>,
    /// Part of who did it, of the address, the action, the thing or its name, or what was before and after; in any
    /// case of letters.
    pub search: Option<String>,
    /// Name of who did it.
    pub actor: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Which records an export has, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<crate::client::ExportFormat>,
    /// Action, or its part before the dot.
    pub action: Option<String>,
    /// Kind of the thing.
    pub object_kind: Option<String>,
    /// Id of the thing.
    pub object_id: Option<String>,
    /// Kind and id of the thing at once: `client:17`.
    pub object: Option<String>,
    /// Part of who did it, of the address, the action, the thing or its name, or what was before and after; in any
    /// case of letters.
    pub search: Option<String>,
    /// Name of who did it.
    pub actor: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl From<AuditExportQuery> for AuditQuery {
    fn from(query: AuditExportQuery) -> Self {
        Self {
            page: None,
            size: None,
            before: None,
            action: query.action,
            object_kind: query.object_kind,
            object_id: query.object_id,
            object: query.object,
            search: query.search,
            actor: query.actor,
            from: query.from,
            until: query.until,
        }
    }
}

/// Which piece of the chain is checked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditCheckQuery {
    /// Start below this record: the last answer's `next`. Absent: start at the newest.
    #[param(value_type = Option<i64>)]
    pub before: Option<AuditId>,
}

/// Result of checking a piece of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    /// Number of records checked.
    pub checked: u64,
    /// Whether each of them is as it was written and follows the one before.
    pub intact: bool,
    /// The newest record that is not.
    #[schema(value_type = Option<i64>)]
    pub broken: Option<AuditId>,
    /// Continue with `before` set to this; `null` when the first record has been checked.
    #[schema(value_type = Option<i64>)]
    pub next: Option<AuditId>,
}
