//! The menu on the left: what the role may see, in groups. Minimises to icons; a drawer on narrow screens.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::Layers;
use super::frame::Logo;
use crate::browser;
use crate::components::button::IconButton;
use crate::components::drawer::keep_inside;
use crate::components::icon::Icon;
use crate::routes::{self, Place};
use crate::texts::{self, lang};
use crate::theme;

#[component]
pub(super) fn Menu(layers: Layers) -> impl IntoView {
    let path = use_location().pathname;
    let look = theme::look();
    let narrow = Signal::derive(move || look.with(|look| look.narrow_menu));
    let node = NodeRef::<html::Nav>::new();
    follow_focus(layers.menu, path, node);
    let keys = move |event: KeyboardEvent| {
        if event.key() == "Tab"
            && layers.menu.get_untracked()
            && let Some(menu) = node.get_untracked()
        {
            keep_inside(&menu, &event);
        }
    };
    let (home, name) = routes::home();
    let home_name = texts::shell::key_go(lang(), name);
    let mut group = None;
    let entries = routes::places()
        .into_iter()
        .map(|place| {
            let name = place.group.map(|name| name(lang()));
            let heading = (name != group).then(|| name.map(|name| view! { <h2>{name}</h2> })).flatten();
            group = name;
            view! {
                {heading}
                <Entry place=place path=path />
            }
        })
        .collect_view();
    view! {
        <nav
            node_ref=node
            class="side"
            class:shown=move || layers.menu.get()
            aria-label=texts::shell::main_menu(lang())
            on:keydown=keys
        >
            <a class="brand" href=home title=home_name>
                <Logo />
                <span class="t">"Workpoint"</span>
            </a>
            // Also the entry of the page that is open already closes it.
            <div class="nav" on:click=move |_| layers.menu.set(false)>
                {entries}
            </div>
            <div class="foot">
                <span class="t">{concat!("Workpoint ", env!("CARGO_PKG_VERSION"))}</span>
                <IconButton
                    label=Signal::derive(move || {
                        if narrow.get() {
                            texts::shell::widen_menu(lang())
                        } else {
                            texts::shell::minimise_menu(lang())
                        }
                            .to_owned()
                    })
                    icon="side".to_owned()
                    on_press=Callback::new(|()| {
                        theme::change(|look| look.narrow_menu = !look.narrow_menu);
                    })
                />
            </div>
        </nav>
        {move || {
            layers
                .menu
                .get()
                .then(|| view! { <div class="side-cover" on:click=move |_| layers.menu.set(false)></div> })
        }}
    }
}

/// On narrow screens the menu lies above the page: it takes the focus when it is opened, and gives it back when it is
/// closed without going anywhere.
fn follow_focus(open: RwSignal<bool>, path: Memo<String>, node: NodeRef<html::Nav>) {
    let opener = StoredValue::new_local(None::<(web_sys::HtmlElement, String)>);
    Effect::new(move |_| {
        if open.get() {
            opener.set_value(browser::focused().map(|opener| (opener, path.get_untracked())));
            // Only what is shown takes the focus.
            request_animation_frame(move || {
                let menu = node.try_get_untracked().flatten();
                if let Some(first) = menu.and_then(|menu| browser::select(&menu, ".nav a").into_iter().next())
                {
                    browser::focus(&first);
                }
            });
        } else if let Some((opener, from)) = opener.try_update_value(Option::take).flatten()
            && path.get_untracked() == from
        {
            browser::focus(&opener);
        }
    });
}

#[component]
fn Entry(place: Place, path: Memo<String>) -> impl IntoView {
    let here = move || routes::place_of(&path.get()).is_some_and(|now| now.path == place.path);
    let title = (place.title)(lang());
    view! {
        <a href=place.path aria-current=move || here().then_some("page") title=title>
            <Icon name=place.icon />
            <span class="t">{title}</span>
        </a>
    }
}
