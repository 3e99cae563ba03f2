//! Open browser sessions of the own account (OSEM §2.8.3).

use domain::SessionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How a session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SessionKind {
    /// A browser, with a cookie.
    Browser,
    /// A program, with a pair of access and refresh token (`POST /auth/token`).
    TokenPair,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: SessionId,
    /// Whether this request belongs to it.
    pub current: bool,
    /// How it was opened.
    pub kind: SessionKind,
    /// Browser and its version, as far as known: `Firefox 145`.
    pub browser: Option<String>,
    /// Operating system, as far as known: `Windows`.
    pub system: Option<String>,
    /// What the browser says of itself.
    pub user_agent: String,
    /// Address it was opened from.
    pub address: String,
    /// Start.
    pub created_at: Timestamp,
    /// Last use, to the minute.
    pub last_seen_at: Timestamp,
    /// Whether it is kept when the browser is closed.
    pub kept: bool,
    /// End at the latest; a session that is not used ends earlier.
    pub expires_at: Timestamp,
}

/// Sessions that were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsEnded {
    /// How many.
    pub ended: u64,
}

/// Which sessions are ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct EndSessions {
    /// `true` ends the session of this request too ("Close all", OSEM §2.8.3); the others only, when absent.
    pub current: Option<bool>,
}
