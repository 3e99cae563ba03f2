//! What changed on the server, as hints to fetch it again.
//!
//! One stream of events for the whole page. However many events come, a resource ticks at most once a second, and not
//! at all while nobody looks. A page watches the tick of what it shows; [`crate::load`] and the list do it for it.

use std::cell::{Cell, RefCell};

use api::event::ChangeEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

use crate::browser;
use crate::client::BASE;

/// Least time between two ticks of a resource, in milliseconds.
const PAUSE_MS: u64 = 1_000;
/// Time until a lost stream is opened again, in milliseconds.
const AGAIN_MS: u64 = 5_000;

/// What can change; the words of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Clients and what they report.
    Clients,
    /// Jobs and their targets.
    Jobs,
    /// Notifications.
    Notifications,
    /// Accounts.
    Accounts,
    /// Own sessions.
    Sessions,
    /// API tokens.
    Tokens,
    /// Settings.
    Settings,
    /// Plans.
    Plans,
    /// Templates.
    Templates,
    /// Groups.
    Groups,
    /// Fields that clients can have.
    ClientFields,
    /// Scans.
    Scans,
    /// Files.
    Files,
    /// Storage providers.
    StorageProviders,
}

/// How many there are.
const COUNT: usize = Resource::ALL.len();

impl Resource {
    const ALL: [Self; 14] = [
        Self::Clients,
        Self::Jobs,
        Self::Notifications,
        Self::Accounts,
        Self::Sessions,
        Self::Tokens,
        Self::Settings,
        Self::Plans,
        Self::Templates,
        Self::Groups,
        Self::ClientFields,
        Self::Scans,
        Self::Files,
        Self::StorageProviders,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Jobs => "jobs",
            Self::Notifications => "notifications",
            Self::Accounts => "accounts",
            Self::Sessions => "sessions",
            Self::Tokens => "tokens",
            Self::Settings => "settings",
            Self::Plans => "plans",
            Self::Templates => "templates",
            Self::Groups => "groups",
            Self::ClientFields => "client-fields",
            Self::Scans => "scans",
            Self::Files => "files",
            Self::StorageProviders => "storage-providers",
        }
    }

    /// Resources that a word touches; all of them for a word of a newer server.
    fn of_word(word: &str) -> Vec<Self> {
        match Self::ALL.into_iter().find(|resource| resource.word() == word) {
            Some(resource) => vec![resource],
            None => Self::ALL.to_vec(),
        }
    }
}

thread_local! {
    static TICKS: [ArcRwSignal<u64>; COUNT] = std::array::from_fn(|_| ArcRwSignal::new(0));
    static OWN: [ArcRwSignal<u64>; COUNT] = std::array::from_fn(|_| ArcRwSignal::new(0));
    static CONNECTED: ArcRwSignal<bool> = ArcRwSignal::new(false);
    /// Resources that changed since their last tick.
    static CHANGED: Cell<[bool; COUNT]> = const { Cell::new([false; COUNT]) };
    static WAITING: Cell<bool> = const { Cell::new(false) };
    static STREAM: RefCell<Option<EventSource>> = const { RefCell::new(None) };
    static HEARD_BEFORE: Cell<bool> = const { Cell::new(false) };
}

/// Number that grows when the resource has changed; read it where things are watched.
pub fn tick(resource: Resource) -> ArcRwSignal<u64> {
    TICKS.with(|ticks| ticks[resource as usize].clone())
}

/// Number that grows at once when this page itself has changed the resource.
pub(crate) fn own_tick(resource: Resource) -> ArcRwSignal<u64> {
    OWN.with(|ticks| ticks[resource as usize].clone())
}

/// Whether the stream is open.
pub fn connected() -> ArcRwSignal<bool> {
    CONNECTED.with(Clone::clone)
}

/// Notes that this page itself changed a resource: lists of it are loaded again at once, and rows may move.
pub fn touch(resource: Resource) {
    own_tick(resource).update(|tick| *tick += 1);
    note(resource);
}

/// Notes that a resource changed, whoever did it.
fn note(resource: Resource) {
    let mut changed = CHANGED.get();
    changed[resource as usize] = true;
    CHANGED.set(changed);
    schedule();
}

/// Opens the stream, when it is not.
pub(crate) fn start() {
    if STREAM.with_borrow(Option::is_some) {
        return;
    }
    let Ok(stream) = EventSource::new(&format!("{BASE}/events")) else { return };
    listen(&stream, "ready", |_| {
        connected().set(true);
        // After a gap nobody knows what was missed.
        if HEARD_BEFORE.replace(true) {
            touch_all();
        }
    });
    listen(&stream, "lag", |_| touch_all());
    listen(&stream, "change", |event| {
        let text = event.data().as_string().unwrap_or_default();
        if let Ok(change) = serde_json::from_str::<ChangeEvent>(&text) {
            for resource in Resource::of_word(&change.resource) {
                note(resource);
            }
        }
    });
    listen(&stream, "error", |_| {
        connected().set(false);
        if STREAM.with_borrow(|stream| {
            stream.as_ref().is_some_and(|stream| stream.ready_state() == EventSource::CLOSED)
        }) {
            // The browser gave up: refused, or the session ended. The session is asked first.
            stop();
            leptos::task::spawn_local(async {
                if crate::session::info_now().is_some() {
                    crate::session::refresh().await;
                }
            });
            set_timeout(
                || {
                    if crate::session::info_now().is_some() {
                        start();
                    }
                },
                std::time::Duration::from_millis(AGAIN_MS),
            );
        }
    });
    STREAM.set(Some(stream));
}

/// Closes the stream.
pub(crate) fn stop() {
    if let Some(stream) = STREAM.take() {
        stream.close();
    }
    connected().set(false);
}

/// Ticks that waited while nobody looked come when somebody looks again. Once, at the start of the page.
pub(crate) fn watch_visibility() {
    browser::listen_forever("visibilitychange", |_| {
        if !browser::is_hidden() {
            schedule();
        }
    });
}

fn listen(stream: &EventSource, name: &str, mut act: impl FnMut(MessageEvent) + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        act(event.unchecked_into());
    });
    let _ = stream.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure.forget();
}

fn touch_all() {
    for resource in Resource::ALL {
        note(resource);
    }
}

fn schedule() {
    if CHANGED.get().contains(&true) && !WAITING.replace(true) {
        set_timeout(flush, std::time::Duration::from_millis(PAUSE_MS));
    }
}

fn flush() {
    WAITING.set(false);
    if browser::is_hidden() {
        return;
    }
    let changed = CHANGED.replace([false; COUNT]);
    for resource in Resource::ALL {
        if changed[resource as usize] {
            tick(resource).update(|tick| *tick += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Resource;

    #[test]
    fn an_unknown_word_touches_everything() {
        assert_eq!(Resource::of_word("jobs"), [Resource::Jobs]);
        assert_eq!(Resource::of_word("lanterns").len(), Resource::ALL.len());
        for (place, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(resource as usize, place);
        }
    }
}
