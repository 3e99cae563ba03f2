//! Live changes for one reader: bursts are merged, and nobody hears of what their roles may not read.
//!
//! Events are hints. A reader who fell behind, or a burst too large to be worth telling one by one, is told
//! to fetch everything again.

use std::collections::HashSet;
use std::time::Duration;

use domain::Permission;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::caller::{Caller, roles_now};
use crate::App;
use crate::events::{Change, Event, Resource};

/// The same event is told at most once in this time.
const MERGE: Duration = Duration::from_millis(250);
/// More different events in one go are not told one by one.
const MOST_AT_ONCE: usize = 1000;
/// How often a stream asks whether its caller may still listen, quiet or not.
const RECHECK: Duration = Duration::from_secs(15);

/// What the reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The stream listens from here on.
    Ready,
    /// These things changed.
    Changes(Vec<Event>),
    /// Something was lost or too much: fetch everything again.
    Lag,
    /// Nothing happened; the connection is alive.
    Quiet,
}

/// A reader of live changes.
pub struct Live {
    app: App,
    caller: Caller,
    receiver: Receiver<Event>,
    begun: bool,
    checked: Instant,
}

impl Live {
    /// Listens from now on.
    pub fn new(app: App, caller: Caller) -> Self {
        let receiver = app.events.listen();
        Self { app, caller, receiver, begun: false, checked: Instant::now() }
    }

    /// Waits for news; `None` when the caller may not listen any longer (the session ended, the role is
    /// gone), or the node stops.
    pub async fn next(&mut self) -> Option<News> {
        if !self.begun {
            self.begun = true;
            return Some(News::Ready);
        }
        let stop = self.app.stop.clone();
        let received = tokio::select! {
            // A stopping node must not wait for its readers; they come back to another one.
            () = stop.cancelled() => return None,
            received = self.receive(self.checked + RECHECK) => received,
        };
        let Some(first) = received else {
            return self.may_listen().await.then_some(News::Quiet);
        };
        let mut burst = Burst::default();
        burst.add(first);
        let end = Instant::now() + MERGE;
        // A flood must not keep the reader waiting: the time is up even when the next event is there.
        while Instant::now() < end
            && let Some(event) = self.receive(end).await
        {
            burst.add(event);
        }
        // Not everything that ends a right is heard of here: another node did it, or time did.
        let due = is_due(self.checked, Instant::now());
        if (due || burst.concerns(&self.caller)) && !self.may_listen().await {
            return None;
        }
        Some(burst.into_news(&self.caller))
    }

    /// The next event before a time; `Some(None)` when some were lost.
    async fn receive(&mut self, until: Instant) -> Option<Option<Event>> {
        match timeout_at(until, self.receiver.recv()).await {
            Ok(Ok(event)) => Some(Some(event)),
            Ok(Err(RecvError::Lagged(_))) => Some(None),
            Err(_) => None,
            // Cannot happen while this holds the hub; it must not become a loop that never rests.
            Ok(Err(RecvError::Closed)) => {
                tokio::time::sleep_until(until).await;
                None
            }
        }
    }

    /// Asks for the roles as they are now, and hears with them from here on.
    async fn may_listen(&mut self) -> bool {
        self.checked = Instant::now();
        match roles_now(&self.app, &self.caller).await {
            Ok(Some(roles)) => {
                self.caller.roles = roles;
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(error = %error, "a stream of live changes was ended: its session could not be checked");
                false
            }
        }
    }
}

fn is_due(checked: Instant, now: Instant) -> bool {
    now.duration_since(checked) >= RECHECK
}

/// Events of a short time, each once, in the order they came.
#[derive(Default)]
struct Burst {
    seen: HashSet<Event>,
    events: Vec<Event>,
    lost: bool,
}

impl Burst {
    fn add(&mut self, event: Option<Event>) {
        match event {
            None => self.lost = true,
            Some(_) if self.events.len() >= MOST_AT_ONCE => self.lost = true,
            Some(event) => {
                if self.seen.insert(event.clone()) {
                    self.events.push(event);
                }
            }
        }
    }

    /// Whether something happened that may end the stream.
    fn concerns(&self, caller: &Caller) -> bool {
        let ends = |event: &Event| match event.resource {
            Resource::Sessions => {
                event.change == Change::Deleted
                    && caller.session().is_some_and(|id| id.to_string() == event.id)
            }
            Resource::Tokens => {
                event.change == Change::Deleted && caller.token().is_some_and(|id| id.to_string() == event.id)
            }
            Resource::Accounts => event.change != Change::Created && caller.account.to_string() == event.id,
            Resource::Clients
            | Resource::Jobs
            | Resource::Plans
            | Resource::Settings
            | Resource::Scans
            | Resource::Files
            | Resource::StorageProviders
            | Resource::Templates
            | Resource::Groups
            | Resource::ClientFields
            | Resource::Notifications => false,
        };
        self.lost || self.events.iter().any(ends)
    }

    fn into_news(self, caller: &Caller) -> News {
        if self.lost {
            return News::Lag;
        }
        let may = |event: &Event| may_hear(caller, event);
        let events: Vec<Event> = self.events.into_iter().filter(may).collect();
        if events.is_empty() { News::Quiet } else { News::Changes(events) }
    }
}

/// Whether an event is for this caller: of what they may read, and of what is their own.
fn may_hear(caller: &Caller, event: &Event) -> bool {
    let own = event.account == Some(caller.account);
    match event.resource {
        Resource::Clients
        | Resource::Jobs
        | Resource::Plans
        | Resource::Scans
        | Resource::Files
        | Resource::StorageProviders
        | Resource::Templates
        | Resource::Groups
        | Resource::ClientFields => caller.roles.may(Permission::ReadClients),
        // Which of them concern the caller, the list says; what others clear for themselves does not.
        Resource::Notifications => own || event.account.is_none(),
        Resource::Accounts => {
            own || event.id == caller.account.to_string() || caller.roles.may(Permission::ReadAccounts)
        }
        Resource::Tokens | Resource::Sessions => own || caller.roles.may(Permission::ReadAccounts),
        Resource::Settings => caller.roles.may(Permission::ReadSettings),
    }
}

#[cfg(test)]
mod tests {
    use super::{Burst, MOST_AT_ONCE, News, RECHECK, is_due};
    use crate::app::caller::{Caller, Credential};
    use crate::events::{Change, Event, Resource};
    use domain::{AccountId, Role, RoleSet, SessionId};

    fn caller(role: Role) -> Caller {
        Caller {
            account: AccountId(3),
            user_name: "anna".to_owned(),
            roles: RoleSet::new([role]),
            credential: Credential::Session { id: SessionId(9), csrf_hash: Vec::new() },
            expires_at: None,
            must_change_password: false,
            address: [127, 0, 0, 1].into(),
        }
    }

    fn event(resource: Resource, change: Change, id: i64) -> Option<Event> {
        Some(Event { resource, change, id: id.to_string(), account: None })
    }

    #[test]
    fn a_burst_tells_each_thing_once() {
        let mut burst = Burst::default();
        for _ in 0..100 {
            burst.add(event(Resource::Clients, Change::Updated, 1));
            burst.add(event(Resource::Clients, Change::Updated, 2));
        }
        let News::Changes(events) = burst.into_news(&caller(Role::Viewer)) else { panic!("changes") };
        assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn nobody_hears_of_what_they_may_not_read() {
        let news = |role| {
            let mut burst = Burst::default();
            burst.add(event(Resource::Accounts, Change::Created, 1));
            burst.into_news(&caller(role))
        };
        assert_eq!(news(Role::Viewer), News::Quiet);
        assert!(matches!(news(Role::Admin), News::Changes(_)));
    }

    #[test]
    fn everybody_hears_of_what_is_their_own() {
        let news = |resource, account| {
            let mut burst = Burst::default();
            burst.add(Some(Event { resource, change: Change::Deleted, id: String::new(), account }));
            matches!(burst.into_news(&caller(Role::Viewer)), News::Changes(_))
        };
        for resource in [Resource::Sessions, Resource::Tokens, Resource::Notifications] {
            assert!(news(resource, Some(AccountId(3))), "{resource:?}");
            assert!(!news(resource, Some(AccountId(4))), "{resource:?}");
        }
        assert!(news(Resource::Notifications, None) && !news(Resource::Sessions, None));
        let mut burst = Burst::default();
        burst.add(event(Resource::Accounts, Change::Updated, 3));
        assert!(matches!(burst.into_news(&caller(Role::Viewer)), News::Changes(_)), "the own account");
    }

    #[test]
    fn too_much_or_lost_is_one_word() {
        let mut burst = Burst::default();
        for id in 0..=MOST_AT_ONCE as i64 {
            burst.add(event(Resource::Clients, Change::Created, id));
        }
        assert_eq!(burst.into_news(&caller(Role::Viewer)), News::Lag);
        let mut burst = Burst::default();
        burst.add(None);
        assert_eq!(burst.into_news(&caller(Role::Viewer)), News::Lag);
    }

    #[test]
    fn a_busy_stream_is_checked_again_too() {
        let checked = tokio::time::Instant::now();
        assert!(!is_due(checked, checked + RECHECK / 2));
        assert!(is_due(checked, checked + RECHECK));
    }

    #[test]
    fn the_end_of_the_own_session_or_account_is_noticed() {
        let concerns = |resource, change, id: i64| {
            let mut burst = Burst::default();
            burst.add(event(resource, change, id));
            burst.concerns(&caller(Role::Viewer))
        };
        assert!(concerns(Resource::Sessions, Change::Deleted, 9));
        assert!(!concerns(Resource::Sessions, Change::Deleted, 8));
        assert!(concerns(Resource::Accounts, Change::Updated, 3));
        assert!(!concerns(Resource::Tokens, Change::Deleted, 9));
        assert!(!concerns(Resource::Clients, Change::Deleted, 9));
    }
}
