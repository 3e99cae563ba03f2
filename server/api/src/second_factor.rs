//! The second factor of the own account: codes of an authenticator app, and recovery codes (OSEM §2.8.4).

use domain::Secret;
use domain::second_factor::TotpAlgorithm;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::patch;

/// Whether the own account has a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorView {
    /// Whether signing in asks for a code.
    pub active: bool,
    /// Since when.
    pub activated_at: Option<Timestamp>,
    /// Hash of its codes; `null` while there is none.
    #[schema(schema_with = crate::schema::word_or_null::<TotpAlgorithm>)]
    pub algorithm: Option<TotpAlgorithm>,
    /// Recovery codes that were not used yet.
    pub recovery_codes_left: u64,
}

/// What an authenticator app needs. Shown once; it counts only after a code of it was sent back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorSetup {
    /// The secret in Base32, to be typed by hand.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub secret: Secret,
    /// Everything in one `otpauth://` address ("data for setup").
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub uri: Secret,
    /// The same as a picture: a PNG of a QR code as `data:` address.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub qr: Secret,
    /// Name the app shows beside the codes: the account.
    pub account: String,
    /// Name the app shows above it: the product.
    pub issuer: String,
    /// Hash of the codes (setting `security.totp-hash-algorithm`).
    #[schema(schema_with = crate::schema::word::<TotpAlgorithm>)]
    pub algorithm: TotpAlgorithm,
    /// Digits of a code.
    pub digits: u32,
    /// Seconds a code counts for.
    pub period_seconds: u64,
}

/// A code of the authenticator app.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateSecondFactor {
    /// Six digits; gaps do not matter.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub code: Secret,
}

/// Codes for the day the authenticator is lost. Each counts once. They are shown only now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<String>,
}
