//! For whom something is asked: clients by their ids, or all that a filter takes (OSEM §4.5).

use domain::ClientId;
use domain::client::{ClientState, ContactReason, FirmwareState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most clients that can be named by their ids; a filter has no such limit.
pub const MOST_IDS: usize = 100_000;

/// The word of the filter `software_type` for clients that do not say their software type.
pub const NO_SOFTWARE_TYPE: &str = "none";

/// Clients by their ids, or those of a filter: one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Targets {
    /// Their ids; up to 100,000.
    #[schema(value_type = Option<Vec<i64>>)]
    pub ids: Option<Vec<ClientId>>,
    /// All that this filter takes at this moment; an empty one takes all clients.
    pub filter: Option<TargetFilter>,
}

/// Which clients; the filters of the list of clients, joined by "and".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetFilter {
    /// Part of the number, of the MAC address in any spelling, or of the software version (OSEM §4.3).
    pub search: Option<String>,
    /// `SIP`, `HFA` or another word; `none`: those that do not say.
    pub software_type: Option<String>,
    /// Short name of the model, or a device type that is not a known one.
    pub model: Option<String>,
    /// State.
    #[schema(schema_with = crate::schema::word_or_null::<ClientState>)]
    pub state: Option<ClientState>,
    /// Firmware version, exactly as it is shown.
    pub software_version: Option<String>,
    /// `outdated`, `due`, `updating` or `phones`, as in the list.
    #[schema(schema_with = crate::schema::word_or_null::<FirmwareState>)]
    pub firmware: Option<FirmwareState>,
    /// Whether targets of jobs wait for it or are under way with it.
    pub in_job: Option<bool>,
    /// Whether values were changed at the phone (D-23).
    pub drift: Option<bool>,
    /// `any`, or the fault it reports.
    #[schema(schema_with = crate::schema::fault_filter_or_null)]
    pub fault: Option<String>,
    /// Whether it was seen before and not in the last 7 days.
    pub not_seen: Option<bool>,
    /// Whether secrets were withheld from it (D-24).
    pub secrets_withheld: Option<bool>,
    /// Reason of the last contact.
    #[schema(schema_with = crate::schema::word_or_null::<ContactReason>)]
    pub last_contact_reason: Option<ContactReason>,
    /// Last contact not before this time.
    pub seen_from: Option<Timestamp>,
    /// Last contact before this time.
    pub seen_until: Option<Timestamp>,
    /// Members of this group.
    #[schema(value_type = Option<i64>)]
    pub group: Option<domain::GroupId>,
    /// Those this template applies to.
    #[schema(value_type = Option<i64>)]
    pub template: Option<domain::TemplateId>,
}
