//! The welcome page: figures at a glance (OSEM §2.1, §3.3). Each one says by which filter a list shows what it
//! counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Parameters of a list, as in its query string.
pub type ListFilter = BTreeMap<String, String>;

/// Number of clients in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// The group, in the words of the list or as phones report it.
    pub key: String,
    /// Clients in it.
    pub clients: u64,
    /// Filter of the list of clients that shows them.
    pub filter: ListFilter,
}

/// Contacts of phones (opened sessions) in a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contacts {
    /// Beginning of the hour or day, in UTC.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Contacts in it. A phone that came twice counts twice.
    pub contacts: u64,
}

/// How the jobs that came to their end on a day did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayResults {
    /// Beginning of the day, in UTC. The filters `finished_from` and `finished_until` of the list of jobs, with
    /// `state`, show what is counted.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Jobs by their final state; a state that no job has is left out.
    pub jobs: BTreeMap<String, u64>,
}

/// What somebody should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionKind {
    /// Clients in quarantine (D-4).
    Quarantined,
    /// Clients that report a fault (D-6).
    Fault,
    /// Clients from which secrets were withheld (D-24).
    SecretsWithheld,
    /// Jobs that failed in the last 7 days.
    JobsFailed,
    /// Jobs that timed out in the last 7 days.
    JobsTimedOut,
    /// Jobs that succeeded in part in the last 7 days.
    JobsPartial,
    /// Clients that were not seen for 7 days.
    NotSeen,
    /// Clients on which values were changed at the phone (D-23).
    Drift,
}

impl AttentionKind {
    /// Every kind, worst first.
    pub const ALL: [Self; 8] = [
        Self::Quarantined,
        Self::Fault,
        Self::SecretsWithheld,
        Self::JobsFailed,
        Self::JobsTimedOut,
        Self::JobsPartial,
        Self::NotSeen,
        Self::Drift,
    ];
}

/// A list that a number leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListName {
    /// `GET /clients`.
    Clients,
    /// `GET /jobs`.
    Jobs,
}

/// Things that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// What is the matter.
    pub kind: AttentionKind,
    /// How many; never 0.
    pub count: u64,
    /// The list they are in.
    pub list: ListName,
    /// Filter of the list that shows them.
    pub filter: ListFilter,
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
    pub refused: BTreeMap<String, u64>,
    /// Addresses whose TLS handshakes fail.
    pub handshake_failures: u64,
}

/// The figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// When they were worked out: a few seconds ago at most, and after the last change.
    pub calculated_at: Timestamp,
    /// All clients.
    pub clients: u64,
    /// By state.
    pub by_state: Vec<Count>,
    /// By model, or by the reported device type no model matches; the 30 largest. Clients that have not said it are
    /// left out.
    pub by_model: Vec<Count>,
    /// By software type and version, as `SIP V3 R5.16.0`; the 30 largest. Clients that have not said it are left out.
    pub by_software: Vec<Count>,
    /// By reason of the last contact.
    pub by_last_contact_reason: Vec<Count>,
    /// Clients with a fault, by fault; a client with several counts for each.
    pub by_fault: Vec<Count>,
    /// Contacts of the last 48 hours, oldest first; the last one is the running hour. The filters `seen_from` and
    /// `seen_until` of the list of clients show whose last contact lies in it.
    pub contacts_by_hour: Vec<Contacts>,
    /// Contacts of the last 30 days, oldest first; the last one is today.
    pub contacts_by_day: Vec<Contacts>,
    /// Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    /// Results of the jobs of the last 7 days, oldest first; the last one is today.
    pub job_results: Vec<DayResults>,
    /// What needs attention, worst first; empty when nothing does.
    pub attention: Vec<Attention>,
    /// Notifications the caller has not cleared.
    pub notifications: u64,
    /// Those of them that the caller has not seen.
    pub unread_notifications: u64,
    /// This node and its phones.
    pub phones: PhoneFigures,
    /// Accounts; `null` for callers who may not read them.
    pub accounts: Option<u64>,
    /// Open browser sessions of all accounts; `null` for callers who may not read accounts.
    pub sessions: Option<u64>,
}
