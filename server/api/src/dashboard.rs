//! The welcome page: figures at a glance (OSEM §2.1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Number of clients in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// The group; empty for clients without a value.
    pub key: String,
    /// Clients in it.
    pub clients: u64,
}

/// Clients whose last contact lies in an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HourCount {
    /// Beginning of the hour.
    pub hour_at: Timestamp,
    /// Clients.
    pub clients: u64,
}

/// What this node does with phones now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhoneFigures {
    /// Sessions open now.
    pub open_sessions: u64,
    /// Sessions that are over, since the start.
    pub finished_sessions: u64,
    /// Phones told to come back later, since the start.
    pub overloaded: u64,
    /// Requests that were refused, since the start, by code.
    pub refused: std::collections::BTreeMap<String, u64>,
    /// Addresses whose TLS handshakes fail.
    pub handshake_failures: u64,
}

/// The figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// All clients.
    pub clients: u64,
    /// By state.
    pub by_state: Vec<Count>,
    /// By model, or by the reported device type no model matches; the 30 largest.
    pub by_model: Vec<Count>,
    /// By software type and version; the 30 largest.
    pub by_software: Vec<Count>,
    /// By reason of the last contact.
    pub by_last_contact_reason: Vec<Count>,
    /// Clients with a fault, by fault; a client with several counts for each.
    pub by_fault: Vec<Count>,
    /// Clients by the hour of their last contact: 24 hours up to now, oldest first.
    pub contacts: Vec<HourCount>,
    /// Jobs by state.
    pub jobs: std::collections::BTreeMap<String, u64>,
    /// Notifications not yet removed.
    pub notifications: u64,
    /// This node and its phones.
    pub phones: PhoneFigures,
    /// Accounts; `null` for callers who may not read them.
    pub accounts: Option<u64>,
    /// Open browser sessions of all accounts; `null` for callers who may not read accounts.
    pub sessions: Option<u64>,
}
