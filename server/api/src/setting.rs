//! Settings: the registry as the API shows it (D-33).

use domain::setting::SettingValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the value in force comes from; later ones are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Nobody set it.
    Default,
    /// Set through the API.
    Database,
    /// Fixed in `workpoint.toml`.
    File,
    /// Fixed by an environment variable.
    Environment,
}

/// Which values a setting takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Unit; empty for a plain number.
        unit: String,
    },
    /// One of a list of words.
    Choice {
        /// The words.
        choices: Vec<String>,
    },
    /// `https://host[:port]`, or empty.
    Url,
    /// `http://…` or `https://…`, or empty.
    PathUrl,
    /// Networks as address/length, separated by commas, or empty.
    Networks,
    /// A moment in UTC (RFC 3339), or empty.
    Instant,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingView {
    /// Its id.
    pub id: String,
    /// Value in force.
    #[schema(schema_with = crate::schema::setting_value)]
    pub value: SettingValue,
    /// Value when nobody set it.
    #[schema(schema_with = crate::schema::setting_value)]
    pub default: SettingValue,
    /// Where the value comes from.
    pub source: Source,
    /// Whether file or environment fix it, so that it cannot be changed here.
    pub locked: bool,
    /// Whether a change takes effect only at the next start.
    pub restart: bool,
    /// Whether a change waits for the next start.
    pub restart_pending: bool,
    /// Which values it takes.
    pub kind: Kind,
    /// Environment variable that fixes it.
    pub environment: String,
    /// What it does, in English.
    pub help: String,
    /// Last change through the API.
    pub updated_at: Option<Timestamp>,
    /// The ETag; 0 while the API has not set it.
    pub revision: i64,
}

/// A new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSetting {
    /// The value, of the type the setting takes.
    #[schema(schema_with = crate::schema::setting_value)]
    pub value: SettingValue,
}
