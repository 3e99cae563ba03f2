//! What changed, for everybody who looks: an event names the thing, readers fetch it again.
//!
//! Events are hints: they are sent after the commit, may be merged, and nothing relies on receiving one.

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
    /// A notification.
    Notifications,
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
}

/// The hub: everybody in the process may publish and listen.
#[derive(Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        // A reader that falls behind this far is told so and fetches everything again.
        Self(broadcast::channel(4096).0)
    }
}

impl Events {
    /// Tells everybody who listens; nobody listening is fine.
    pub fn publish(&self, resource: Resource, change: Change, id: impl ToString + Copy) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Event { resource, change, id: id.to_string() });
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
