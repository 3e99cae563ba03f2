//! Tabs: each is an address, so reload and back show the same one. Arrows move, Enter opens.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use crate::address::use_address;
use crate::browser;

/// One tab.
#[derive(Clone)]
pub struct Tab {
    /// Its word in the address; the first one is the one without a word.
    pub key: &'static str,
    /// Its name.
    pub label: String,
    /// A number beside it.
    pub count: Option<Signal<Option<u64>>>,
}

impl Tab {
    /// A tab without a number.
    pub fn new(key: &'static str, label: impl Into<String>) -> Self {
        Self { key, label: label.into(), count: None }
    }

    /// With a number beside it.
    #[must_use]
    pub fn count(mut self, count: impl Into<Signal<Option<u64>>>) -> Self {
        self.count = Some(count.into());
        self
    }
}

/// The tab that is open: `tab=` of the address, or the first.
pub fn open_tab(param: &'static str, first: &'static str) -> Memo<String> {
    let address = use_address();
    Memo::new(move |_| address.get(param).unwrap_or_else(|| first.to_owned()))
}

/// A row of tabs. What they open stands below, shown by the page with [`open_tab`].
#[component]
pub fn Tabs(
    /// Name of the row, read out.
    #[prop(into)]
    label: String,
    /// The tabs.
    tabs: Vec<Tab>,
    /// Name in the address: `tab`.
    #[prop(default = "tab")]
    param: &'static str,
) -> impl IntoView {
    let address = use_address();
    let row = NodeRef::<html::Nav>::new();
    let first = tabs.first().map_or("", |tab| tab.key);
    let open = open_tab(param, first);
    let keys = move |event: KeyboardEvent| {
        let Some(row) = row.get_untracked() else { return };
        let links = browser::select(&row, "a");
        let now = browser::focused().and_then(|focused| links.iter().position(|link| *link == focused));
        let Some(now) = now else { return };
        let next = match event.key().as_str() {
            "ArrowRight" => (now + 1) % links.len(),
            "ArrowLeft" => (now + links.len() - 1) % links.len(),
            "Home" => 0,
            "End" => links.len() - 1,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        browser::focus(&links[next]);
    };
    let shown = move |tab: Tab| {
        let key = tab.key;
        let href = move || address.href_with(&[(param, (key != first).then(|| key.to_owned()))]);
        let count = move || {
            let count = tab.count.and_then(|count| count.get());
            count.map(|count| view! { <span>{crate::format::number(count)}</span> })
        };
        view! {
            <a
                href=href
                aria-current=move || (open.get() == key).then_some("true")
            >
                {tab.label}
                " "
                {count}
            </a>
        }
    };
    view! {
        <nav node_ref=row class="tabs" aria-label=label on:keydown=keys>
            {tabs.into_iter().map(shown).collect_view()}
        </nav>
    }
}
