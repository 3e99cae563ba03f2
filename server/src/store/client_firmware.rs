//! Clients by how they stand to the software that is here, as a condition on the table `client`. What stands behind the
//! words is decided by files and templates ([`crate::app::firmware`]); here it is only looked for.

use std::fmt;
use std::sync::Arc;

use domain::ClientId;
use domain::client::FirmwareState;
use domain::group_filter::Filter;
use serde_json::json;

use super::client_filter::Condition;
use super::group_filter;

/// A phone that is there: no retired one, and none that was prepared and has not come yet.
pub(super) const IS_PHONE: &str = "state NOT IN ('prepared', 'retired')";

/// Nothing is deployed to others.
const IS_ACTIVE: &str = "state = 'active'";

/// The same as `deployments::under_way` counts; a word about the time, so that the index of what is sent is used.
const UPDATING: &str = "SELECT client_id FROM job_target WHERE state = 'sent' AND deadline_at > 0 \
    AND kind = 'deploy-software' AND client_id IS NOT NULL";

/// Clients that say the same of themselves: for the software they are to have, they are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alike {
    /// Short name of the model, or the reported device type.
    pub model: String,
    /// Software type as stored; empty when it is not known.
    pub software_type: String,
    /// Software version as stored; empty when it is not known.
    pub software_version: String,
    /// Which of the filters take them.
    pub within: Vec<bool>,
}

/// Whom the filter takes at this moment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Takes {
    /// All phones.
    Phones,
    /// Those that are updated right now.
    Updating,
    /// Active ones that are like one of these.
    Alike {
        /// What [`Alike::within`] is about.
        filters: Vec<Filter>,
        /// Like whom.
        alike: Arc<[Alike]>,
    },
    /// These.
    These(Arc<[ClientId]>),
}

/// What was asked for, and whom it takes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ByFirmware {
    /// What was asked for.
    pub asked: FirmwareState,
    /// Whom it takes.
    pub takes: Takes,
}

/// What was asked for alone: cursors are bound to that, and hold while phones come and change.
impl fmt::Debug for ByFirmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.asked.fmt(f)
    }
}

/// The SQL text; its values are added to `condition`.
///
/// However many there are, they are one value: statements stay few, and databases take no more than some thousands.
pub(super) fn condition(by: &ByFirmware, condition: &mut Condition, is_postgres: bool) -> String {
    match &by.takes {
        Takes::Phones => IS_PHONE.to_owned(),
        Takes::Updating => format!("id IN ({UPDATING})"),
        Takes::These(ids) => {
            let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
            let place = condition.value(json!(ids).to_string());
            let listed = if is_postgres {
                format!("SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({place} AS json))")
            } else {
                format!("SELECT value FROM json_each({place})")
            };
            format!("id IN ({listed})")
        }
        Takes::Alike { filters, alike } => {
            let flag = |filter: &Filter| {
                let text = group_filter::condition(filter, condition, is_postgres);
                format!("CASE WHEN {text} THEN '1' ELSE '0' END")
            };
            let flags: Vec<String> = filters.iter().map(flag).collect();
            let flags = if flags.is_empty() { "''".to_owned() } else { flags.join(" || ") };
            let row = |one: &Alike| {
                let within: String = one.within.iter().map(|is| if *is { '1' } else { '0' }).collect();
                json!([one.model, one.software_type, one.software_version, within])
            };
            let rows: Vec<serde_json::Value> = alike.iter().map(row).collect();
            let place = condition.value(json!(rows).to_string());
            let listed = if is_postgres {
                format!(
                    "SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 \
                     FROM json_array_elements(CAST({place} AS json))"
                )
            } else {
                let part = |place| format!("json_extract(value, '$[{place}]')");
                let parts: Vec<String> = (0..4).map(part).collect();
                format!("SELECT {} FROM json_each({place})", parts.join(", "))
            };
            format!(
                "{IS_ACTIVE} AND (COALESCE(model, device_type, ''), COALESCE(software_type, ''), \
                 COALESCE(software_version, ''), {flags}) IN ({listed})"
            )
        }
    }
}
