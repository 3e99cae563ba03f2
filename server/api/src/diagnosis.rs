//! Why phones cannot connect: failed TLS handshakes, by address.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address whose handshakes fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandshakeFailureView {
    /// The address.
    pub address: String,
    /// The listener that saw the last failure.
    pub listener: String,
    /// Failed handshakes.
    pub count: u64,
    /// Failed handshakes by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// First failure.
    pub first_seen_at: Timestamp,
    /// Last failure.
    pub last_seen_at: Timestamp,
    /// Why the last one failed: `tls_version_too_old`, `no_common_cipher_suite`, …
    pub verdict: String,
    /// TLS versions offered.
    pub versions: Vec<String>,
    /// Cipher suites offered, by their IANA names.
    pub cipher_suites: Vec<String>,
    /// Signature algorithms offered.
    pub signature_schemes: Vec<String>,
    /// Host name asked for.
    pub server_name: Option<String>,
    /// Application protocols offered.
    pub alpn: Vec<String>,
    /// Whether the first message was cut short, so that lists may be incomplete.
    pub truncated: bool,
    /// What the TLS library said.
    pub detail: Option<String>,
}
