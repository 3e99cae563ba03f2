//! Copies of clients: the same configuration on other hardware, or after a reset at the phone (OSEM §4.5.5, D-29).

use domain::client::SecureMode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::client::ClientView;
use crate::configuration::Reason;
use crate::plan::ParameterEntry;

/// Why a client is copied, and what is needed for it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reason", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CopyClient {
    /// Another phone takes the place of this one: a prepared client with the same number and no device id. The old
    /// client is retired when the new phone has come.
    HardwareChange {
        /// Short name of the new model; the same one when absent.
        #[serde(default)]
        model: Option<String>,
        /// `SIP`, `HFA` or `GW`; the same one when absent and the model runs it.
        #[serde(default)]
        software_type: Option<String>,
        /// Device id of the new phone, when it is known already.
        #[serde(default)]
        device_id: Option<String>,
        /// Secure mode it is to have; `default` when absent.
        #[serde(default)]
        #[schema(schema_with = crate::schema::word_or_null::<SecureMode>)]
        secure_mode: Option<SecureMode>,
        /// Only says what would not fit; nothing is changed.
        #[serde(default)]
        dry_run: bool,
    },
    /// The phone was reset, or its device id has changed: the client waits for this device id and gets everything
    /// again. Its history stays with it.
    FactoryReset {
        /// Device id; the same one when the phone is the same.
        device_id: String,
        /// Secure mode it is to have; `default` when absent.
        #[serde(default)]
        #[schema(schema_with = crate::schema::word_or_null::<SecureMode>)]
        secure_mode: Option<SecureMode>,
        /// Only says what would not fit; nothing is changed.
        #[serde(default)]
        dry_run: bool,
    },
}

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CopiedClient {
    /// The client that waits for its phone; `null` when nothing was changed (`dry_run`).
    pub client: Option<ClientView>,
    /// Values it takes along.
    pub copied: u64,
    /// Own values of the old client that do not fit the new model or software, and were not copied.
    pub does_not_fit: Vec<DoesNotFit>,
}

/// A value that was not copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoesNotFit {
    /// The parameter.
    #[serde(flatten)]
    pub parameter: ParameterEntry,
    /// Why: `other-kind`, `index-too-high`, `unknown-parameter`, `unknown-to-phone`.
    pub reason: Reason,
}
