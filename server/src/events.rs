//! What changed, for everybody who looks: an event names the thing, readers fetch it again.
//!
//! Events are hints: they are sent after the commit, may be merged, and nothing relies on receiving one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::AccountId;
use serde::Serialize;
use tokio::sync::broadcast;

/// Kind of the thing that changed; the resource word of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// A client or what it reports.
    Clients,
    /// An account.
    Accounts,
    /// An API token.
    Tokens,
    /// A signed-in session.
    Sessions,
    /// A setting.
    Settings,
    /// A job or its targets.
    Jobs,
    /// A plan: made, applied, or gone.
    Plans,
    /// A notification.
    Notifications,
    /// A template.
    Templates,
    /// A group.
    Groups,
    /// A field that clients can have.
    ClientFields,
    /// A scan: begun, further on, or over.
    Scans,
    /// A file.
    Files,
    /// A storage provider: changed, tried or scanned.
    StorageProviders,
}

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It is gone.
    Deleted,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Event {
    /// What changed.
    pub resource: Resource,
    /// How.
    pub change: Change,
    /// Its id, as in its address.
    pub id: String,
    /// Whose own matter it is: this account hears of it whatever its roles. Of notifications that somebody clears
    /// for themselves, nobody else does.
    #[serde(skip)]
    pub account: Option<AccountId>,
}

/// The hub: everybody in the process may publish and listen.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    fleet: Arc<AtomicU64>,
}

impl Default for Events {
    fn default() -> Self {
        // A reader that falls behind this far is told so and fetches everything again.
        Self { sender: broadcast::channel(4096).0, fleet: Arc::default() }
    }
}

impl Events {
    /// Tells everybody who listens; nobody listening is fine.
    pub fn publish(&self, resource: Resource, change: Change, id: impl ToString + Copy) {
        self.send(resource, change, id, None);
    }

    /// As [`Events::publish`], of something that is an account's own matter.
    pub fn publish_for(
        &self,
        account: AccountId,
        resource: Resource,
        change: Change,
        id: impl ToString + Copy,
    ) {
        self.send(resource, change, id, Some(account));
    }

    fn send(&self, resource: Resource, change: Change, id: impl ToString + Copy, account: Option<AccountId>) {
        if matches!(resource, Resource::Clients | Resource::Jobs) {
            self.fleet.fetch_add(1, Ordering::AcqRel);
        }
        if self.sender.receiver_count() > 0 {
            let _ = self.sender.send(Event { resource, change, id: id.to_string(), account });
        }
    }

    /// Number of changes of clients and jobs that were published so far: whoever keeps figures of them sees that
    /// they are old.
    pub fn fleet_version(&self) -> u64 {
        self.fleet.load(Ordering::Acquire)
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
