//! Toasts: what was done, for six seconds, one at a time. Errors are no toasts: they stay where they arose. Only one of
//! something that has no place on a page is said here, until it is closed.

use leptos::prelude::*;

use super::button::IconButton;
use super::icon::Icon;
use crate::client::Failure;
use crate::texts::{self, lang};

const SHOWN_MS: u64 = 6_000;

/// Something that was done.
#[derive(Clone)]
struct Toast {
    text: String,
    link: Option<(String, String)>,
    undo: Option<(String, Callback<()>)>,
    failed: bool,
}

thread_local! {
    static NOW: ArcRwSignal<Option<Toast>> = ArcRwSignal::new(None);
    /// Grows with each toast, so that an old timer does not remove a new one.
    static NUMBER: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    static HELD: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Says what was done.
pub fn show(text: impl Into<String>) {
    raise(Toast { text: text.into(), link: None, undo: None, failed: false });
}

/// Says that something failed that has no place on a page: signing out, the language, a download.
pub fn failed(failure: &Failure) {
    raise(Toast { text: failure.text(lang()), link: None, undo: None, failed: true });
}

/// Says why something was not begun.
pub fn refused(text: impl Into<String>) {
    raise(Toast { text: text.into(), link: None, undo: None, failed: true });
}

/// Says that something went wrong while nobody looked at it, with a link to where it stands.
pub fn failed_link(text: impl Into<String>, label: impl Into<String>, href: impl Into<String>) {
    raise(Toast { text: text.into(), link: Some((label.into(), href.into())), undo: None, failed: true });
}

/// Says what was done, with a link to what came of it.
pub fn show_link(text: impl Into<String>, label: impl Into<String>, href: impl Into<String>) {
    raise(Toast { text: text.into(), link: Some((label.into(), href.into())), undo: None, failed: false });
}

/// Says what was done, with a button: undo.
pub fn show_action(
    text: impl Into<String>,
    label: impl Into<String>,
    act: impl Fn() + Send + Sync + 'static,
) {
    raise(Toast {
        text: text.into(),
        link: None,
        undo: Some((label.into(), Callback::new(move |()| act()))),
        failed: false,
    });
}

fn raise(toast: Toast) {
    let number = NUMBER.get() + 1;
    NUMBER.set(number);
    let stays = toast.failed;
    NOW.with(|now| now.set(Some(toast)));
    if !stays {
        remove_later(number);
    }
}

fn remove_later(number: u64) {
    set_timeout(
        move || {
            if NUMBER.get() != number {
                return;
            }
            if HELD.get() { remove_later(number) } else { NOW.with(|now| now.set(None)) }
        },
        std::time::Duration::from_millis(SHOWN_MS),
    );
}

/// Where toasts appear; once in the page.
#[component]
pub fn Toasts() -> impl IntoView {
    let now = NOW.with(Clone::clone);
    let shown = move |toast: Toast| {
        view! {
            <div
                class="toast"
                class:bad=toast.failed
                role=toast.failed.then_some("alert")
                on:pointerenter=|_| HELD.set(true)
                on:pointerleave=|_| HELD.set(false)
                on:focusin=|_| HELD.set(true)
                on:focusout=|_| HELD.set(false)
            >
                <Icon name=if toast.failed { "fail" } else { "okc" } />
                <span class="grow">{toast.text}</span>
                {toast.link.map(|(label, href)| view! { <a class="btn sm ghost" href=href>{label}</a> })}
                {toast
                    .undo
                    .map(|(label, act)| {
                        view! {
                            <button
                                type="button"
                                class="btn sm ghost"
                                on:click=move |_| {
                                    NOW.with(|now| now.set(None));
                                    act.run(());
                                }
                            >
                                {label}
                            </button>
                        }
                    })}
                <IconButton
                    label=texts::common::close(lang()).to_owned()
                    icon="x".to_owned()
                    on_press=Callback::new(|()| NOW.with(|now| now.set(None)))
                />
            </div>
        }
    };
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {move || now.get().map(shown)}
        </div>
    }
}
