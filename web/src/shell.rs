//! Around the pages: menu, top bar, and what is there on every page.

use leptos::prelude::*;

use crate::address::use_address;
use crate::browser;
use crate::components::icon::Icon;
use crate::components::page_head;
use crate::routes::Pages;
use crate::session;
use crate::texts::{self, lang};

mod about;
pub mod frame;
mod menu;
mod notifications;
mod palette;
mod shortcuts;
mod topbar;

/// What of the shell is open.
#[derive(Clone, Copy)]
struct Layers {
    menu: RwSignal<bool>,
    palette: RwSignal<bool>,
    shortcuts: RwSignal<bool>,
    about: RwSignal<bool>,
    notifications: RwSignal<bool>,
}

/// The console of who is signed in.
#[component]
pub fn Shell() -> impl IntoView {
    let layers = Layers {
        menu: RwSignal::new(false),
        palette: RwSignal::new(false),
        shortcuts: RwSignal::new(false),
        about: RwSignal::new(false),
        notifications: RwSignal::new(false),
    };
    let news = notifications::News::new();
    shortcuts::listen(layers);
    follow_pages(layers);
    let online = session::online();
    view! {
        <a
            class="skip btn"
            href="#main"
            on:click=|event| {
                event.prevent_default();
                browser::focus_id("main");
            }
        >
            {texts::shell::skip(lang())}
        </a>
        <div class="app">
            <menu::Menu layers=layers />
            <div class="panel">
                <topbar::TopBar layers=layers news=news />
                {move || {
                    (!online.get())
                        .then(|| {
                            view! {
                                <div class="strip" role="status">
                                    <Icon name="cloudoff" />
                                    <span>{texts::shell::offline_strip(lang())}</span>
                                </div>
                            }
                        })
                }}
                <main class="page" id="main" tabindex="-1">
                    <Pages />
                </main>
                {move || {
                    layers
                        .notifications
                        .get()
                        .then(|| view! { <notifications::NotificationsDrawer layers=layers news=news /> })
                }}
            </div>
        </div>
        <palette::Palette open=layers.palette layers=layers />
        <shortcuts::ShortcutsDialog open=layers.shortcuts />
        <about::AboutDialog open=layers.about />
    }
}

/// A new page begins at its top, with the focus on its title, and without what lay over the one before.
fn follow_pages(layers: Layers) {
    let address = use_address();
    Effect::new(move |before: Option<String>| {
        let path = address.path();
        if before.is_some_and(|before| before != path) {
            layers.menu.set(false);
            layers.notifications.set(false);
            page_head::turn_to(&path);
        }
        path
    });
    offline_tries();
}

/// While there is no connection, the session is asked every few seconds; the answer says that it is back.
fn offline_tries() {
    const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);
    let online = session::online();
    Effect::new(move |_| {
        if !online.get()
            && let Ok(timer) =
                set_interval_with_handle(|| leptos::task::spawn_local(session::refresh()), AGAIN)
        {
            on_cleanup(move || timer.clear());
        }
    });
}
