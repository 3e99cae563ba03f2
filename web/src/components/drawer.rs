//! A drawer from the right: details beside a list that stays usable. Full screen, and then modal, on telephones.

use leptos::html;
use leptos::prelude::*;

use super::button::IconButton;
use crate::browser;
use crate::texts::{self, lang};

/// A drawer that is open. The list shows and removes it; others wrap it in a condition.
#[component]
pub fn Drawer(
    /// Its name, read out.
    #[prop(into)]
    label: Signal<String>,
    /// When it is closed, with the button or with Escape.
    #[prop(into)]
    on_close: Callback<()>,
    /// Buttons beside the one that closes it: previous, next.
    #[prop(optional, into)]
    tools: Option<ViewFn>,
    /// Takes the focus when it opens; the drawer of a list does not.
    #[prop(optional)]
    focus: bool,
    /// What it shows: `DrawerHead` first, then anything.
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Aside>::new();
    let opener = browser::focused().map(StoredValue::new_local);
    let narrow = browser::is_narrow();
    Effect::new(move |_| {
        if let Some(drawer) = node.get()
            && (focus || narrow)
        {
            browser::focus(&drawer);
        }
    });
    on_cleanup(move || {
        if (focus || narrow)
            && let Some(opener) = opener.and_then(|opener| opener.try_get_value())
        {
            browser::focus(&opener);
        }
    });
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            event.prevent_default();
            on_close.run(());
        } else if event.key() == "Tab"
            && narrow
            && let Some(drawer) = node.get_untracked()
        {
            keep_inside(&drawer, &event);
        }
    };
    view! {
        <aside
            node_ref=node
            class="drawer"
            tabindex="-1"
            aria-label=move || label.get()
            role=narrow.then_some("dialog")
            aria-modal=narrow.then_some("true")
            on:keydown=keys
        >
            <div class="drawer-tools">
                {tools.map(|tools| tools.run())}
                <IconButton
                    label=texts::common::close(lang()).to_owned()
                    icon="x".to_owned()
                    on_press=on_close
                />
            </div>
            {children()}
        </aside>
    }
}

/// Tab goes round inside a layer.
pub(crate) fn keep_inside(layer: &web_sys::HtmlElement, event: &leptos::ev::KeyboardEvent) {
    let stops = browser::focusable(layer);
    let (Some(first), Some(last)) = (stops.first(), stops.last()) else { return };
    let now = browser::focused();
    let (at_end, next) = if event.shift_key() { (first, last) } else { (last, first) };
    if now.is_none() || now.as_ref() == Some(at_end) {
        event.prevent_default();
        browser::focus(next);
    }
}

/// The head of a drawer: what it is about, and what can be done with it.
#[component]
pub fn DrawerHead(
    /// The title, a `h2`.
    #[prop(into)]
    title: Signal<String>,
    /// A line below it.
    #[prop(optional, into)]
    subtitle: Signal<Option<String>>,
    /// Icon of the thing.
    #[prop(default = "phone")]
    icon: &'static str,
    /// Buttons below.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="dh">
            <div class="row">
                <span class="pic">
                    <super::icon::Icon name=icon.to_owned() />
                </span>
                <div class="grow">
                    <h2>{move || title.get()}</h2>
                    {move || subtitle.get().map(|text| view! { <p class="muted">{text}</p> })}
                </div>
            </div>
            {children.map(|children| view! { <div class="row acts">{children()}</div> })}
        </header>
    }
}
