//! Prepared clients: entered by an administrator before their phone has made contact (OSEM §4.1, D-1, D-3).

use domain::Secret;
use domain::client::SecureMode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::patch;

/// A client to be prepared.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Short name of the model (`GET /device-models`), when it is known: another one is then quarantined.
    #[serde(default)]
    pub model: Option<String>,
    /// `SIP` (default) or `HFA`, as far as the model runs it.
    #[serde(default)]
    pub software_type: Option<String>,
    /// MAC address in any spelling, or the identifier of a soft client, when it is known already.
    #[serde(default)]
    pub device_id: Option<String>,
    /// Number, one to fifteen digits. Inside an onboarding window a phone that reports it becomes this client.
    #[serde(default)]
    pub e164: Option<String>,
    /// Secure mode the client is to have; `default` when absent.
    #[serde(default)]
    #[schema(schema_with = crate::schema::word_or_null::<SecureMode>)]
    pub secure_mode: Option<SecureMode>,
    /// Deployment PIN: a phone on which it is typed becomes this client, once. 4 to 64 visible characters; it is
    /// never shown.
    #[serde(default, serialize_with = "patch::exposed_if_some")]
    #[schema(value_type = Option<String>)]
    pub deployment_pin: Option<Secret>,
    /// Template whose values it gets once, whatever else is there (OSEM §4.1, D-20).
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub template: Option<domain::TemplateId>,
    /// Values of the fields an administrator has added, by their names.
    #[serde(default)]
    pub fields: std::collections::BTreeMap<String, String>,
    /// Prepares it although another client has the number (D-3).
    #[serde(default)]
    pub force: bool,
}

/// A change of a prepared client; an absent field stays, `null` clears.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeClient {
    /// Short name of the model.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub model: Option<Option<String>>,
    /// `SIP` or `HFA`.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub software_type: Option<String>,
    /// MAC address in any spelling, or the identifier of a soft client.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub device_id: Option<Option<String>>,
    /// Number.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub e164: Option<Option<String>>,
    /// Secure mode the client is to have.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word::<SecureMode>)]
    pub secure_mode: Option<SecureMode>,
    /// Deployment PIN.
    #[serde(
        default,
        deserialize_with = "patch::set_or_clear",
        serialize_with = "exposed",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub deployment_pin: Option<Option<Secret>>,
    /// Template whose values it gets once; another one takes the place of the former one's values.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub template: Option<Option<domain::TemplateId>>,
    /// Takes the number although another client has it (D-3).
    #[serde(default)]
    pub force: bool,
}

fn exposed<S: serde::Serializer>(secret: &Option<Option<Secret>>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => patch::exposed_if_some(secret, serializer),
        None => serializer.serialize_none(),
    }
}
