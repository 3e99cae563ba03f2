//! Shortcuts: one listener for the page; whoever is shown says which keys it takes, the newest first.
//!
//! Single letters act only outside fields and dialogs, and can be switched off. Keys inside a component (arrows in a
//! menu) are its own affair; it stops their way up.

use std::cell::{Cell, RefCell};

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use crate::{browser, theme};

/// What a key does; `true` when it did something.
type Act = Callback<(), bool>;

thread_local! {
    static TAKEN: RefCell<Vec<(u64, &'static str, Act)>> = const { RefCell::new(Vec::new()) };
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    /// `g` was pressed: the next letter goes somewhere.
    static PREFIX: Cell<bool> = const { Cell::new(false) };
}

/// Takes a key for as long as the component that calls it lives. `/`, `Escape`, `g c`, `Ctrl+k`.
pub fn on(key: &'static str, act: impl Fn() -> bool + Send + Sync + 'static) {
    let number = NUMBER.get() + 1;
    NUMBER.set(number);
    TAKEN.with_borrow_mut(|taken| taken.push((number, key, Callback::new(move |()| act()))));
    on_cleanup(move || TAKEN.with_borrow_mut(|taken| taken.retain(|(other, ..)| *other != number)));
}

/// Listens; once, at the start of the page.
pub(crate) fn start() {
    browser::listen_forever("keydown", |event| {
        let event: KeyboardEvent = event.unchecked_into();
        if event.default_prevented() || event.is_composing() {
            return;
        }
        if let Some(key) = name(&event)
            && press(&key)
        {
            event.prevent_default();
        }
    });
}

/// The name of what was pressed, when it may be a shortcut here.
fn name(event: &KeyboardEvent) -> Option<String> {
    let key = event.key();
    let control = if browser::is_apple() { event.meta_key() } else { event.ctrl_key() };
    if control {
        return Some(format!("Ctrl+{}", key.to_lowercase()));
    }
    if event.alt_key() || event.meta_key() || event.ctrl_key() {
        return None;
    }
    if key.chars().count() > 1 {
        return Some(key);
    }
    let prefixed = PREFIX.replace(false);
    if browser::is_typing()
        || browser::has_modal()
        || theme::look().with_untracked(|look| look.no_letter_keys)
    {
        return None;
    }
    if prefixed {
        return Some(format!("g {key}"));
    }
    if key == "g" {
        PREFIX.set(true);
        return None;
    }
    Some(key)
}

fn press(key: &str) -> bool {
    let acts: Vec<Act> = TAKEN.with_borrow(|taken| {
        let fitting = taken.iter().rev().filter(|(_, wanted, _)| *wanted == key);
        fitting.map(|(.., act)| *act).collect()
    });
    // What one of them does may take the next one away.
    acts.into_iter().any(|act| act.try_run(()).unwrap_or_default())
}
