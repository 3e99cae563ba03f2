//! Headers that operations take, for the document.

use serde::Deserialize;
use utoipa::IntoParams;

/// A change of a thing that was read before.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfMatch {
    /// The `ETag` last read, or `*` for whatever is there. Absent: 428; stale: 412.
    #[serde(rename = "If-Match")]
    #[param(required = true, example = "\"7\"")]
    pub if_match: String,
}

/// A creating call that may be repeated.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// Up to 128 visible characters, chosen by the caller. The same key with the same request gives the
    /// first answer again for 24 hours, marked with `Idempotency-Replayed: true`.
    #[serde(rename = "Idempotency-Key")]
    pub idempotency_key: Option<String>,
}
