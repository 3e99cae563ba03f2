//! Menus: a button that opens a list of actions. Arrows move, the first letter jumps, Escape closes and gives the
//! focus back. Dangerous entries come last.

use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::html;
use leptos::prelude::*;

use super::fresh_id;
use super::icon::Icon;
use crate::browser;

/// What an entry does.
#[derive(Clone)]
pub enum MenuAction {
    /// Something here.
    Press(Callback<()>),
    /// Leads to an address of the console.
    Link(String),
    /// Leads out of the console, in a window of its own.
    Outside(String),
}

/// An entry of a menu.
#[derive(Clone)]
pub struct MenuEntry {
    label: String,
    icon: Option<&'static str>,
    danger: bool,
    chosen: Option<bool>,
    line_before: bool,
    keys: Option<&'static str>,
    action: MenuAction,
}

impl MenuEntry {
    fn with(label: impl Into<String>, action: MenuAction) -> Self {
        let label = label.into();
        Self { label, icon: None, danger: false, chosen: None, line_before: false, keys: None, action }
    }

    /// Does something.
    pub fn press(label: impl Into<String>, act: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with(label, MenuAction::Press(Callback::new(move |()| act())))
    }

    /// Leads somewhere in the console.
    pub fn link(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self::with(label, MenuAction::Link(href.into()))
    }

    /// Leads out of the console.
    pub fn outside(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self::with(label, MenuAction::Outside(href.into()))
    }

    /// With an icon.
    #[must_use]
    pub fn icon(mut self, icon: &'static str) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Destroys or interrupts.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }

    /// One of several, of which one is chosen.
    #[must_use]
    pub fn chosen(mut self, chosen: bool) -> Self {
        self.chosen = Some(chosen);
        self
    }

    /// Begins a group: a line stands before it.
    #[must_use]
    pub fn line_before(mut self) -> Self {
        self.line_before = true;
        self
    }

    /// Its shortcut, shown on the right.
    #[must_use]
    pub fn keys(mut self, keys: &'static str) -> Self {
        self.keys = Some(keys);
        self
    }
}

/// A button that opens a menu.
#[component]
pub fn MenuButton(
    /// Name of the button.
    #[prop(into)]
    label: Signal<String>,
    /// Icon of the button.
    #[prop(default = "dots")]
    icon: &'static str,
    /// Shows the name beside the icon.
    #[prop(optional)]
    words: bool,
    /// Content of the button instead of the icon.
    #[prop(optional, into)]
    face: Option<ViewFn>,
    /// The entries, asked for when it opens.
    #[prop(into)]
    entries: Callback<(), Vec<MenuEntry>>,
    /// Classes of the button.
    #[prop(optional)]
    class: &'static str,
    /// Id of what says of which thing the menu is; read out after the name.
    #[prop(optional)]
    of: Option<String>,
) -> impl IntoView {
    let id = of.as_ref().map(|_| fresh_id("menu"));
    let labelled = id.clone().zip(of).map(|(id, of)| format!("{id} {of}"));
    let open = RwSignal::new(false);
    let button = NodeRef::<html::Button>::new();
    let close = move |back: bool| {
        open.set(false);
        if back && let Some(button) = button.get_untracked() {
            browser::focus(&button);
        }
    };
    let class = match (class.is_empty(), words) {
        (false, _) => class,
        (true, true) => "btn",
        (true, false) => "ib",
    };
    let content = move || match &face {
        Some(face) => face.run(),
        None => view! { <Icon name=icon.to_owned() /> }.into_any(),
    };
    view! {
        <div class="menu-place">
            <button
                id=id
                node_ref=button
                type="button"
                class=class
                aria-labelledby=labelled
                aria-haspopup="menu"
                aria-expanded=move || open.get().to_string()
                aria-label=move || (!words).then(|| label.get())
                title=move || (!words).then(|| label.get())
                on:click=move |event: MouseEvent| {
                    event.stop_propagation();
                    open.update(|open| *open = !*open);
                }
                on:keydown=move |event: KeyboardEvent| {
                    if event.key() == "ArrowDown" && !open.get_untracked() {
                        event.prevent_default();
                        event.stop_propagation();
                        open.set(true);
                    }
                }
            >
                {content()}
                {words.then(|| view! { <span>{move || label.get()}</span> })}
            </button>
            {move || {
                open.get().then(|| view! { <OpenMenu label=label entries=entries.run(()) close=Callback::new(close) /> })
            }}
        </div>
    }
}

#[component]
fn OpenMenu(label: Signal<String>, entries: Vec<MenuEntry>, close: Callback<bool>) -> impl IntoView {
    let list = NodeRef::<html::Ul>::new();
    Effect::new(move |_| {
        if let Some(list) = list.get() {
            place(&list);
            if let Some(first) = items(&list).first() {
                browser::focus(first);
            }
        }
    });
    let keys = move |event: KeyboardEvent| {
        let Some(list) = list.get_untracked() else { return };
        event.stop_propagation();
        let key = event.key();
        match key.as_str() {
            "Escape" => close.run(true),
            "Tab" => close.run(false),
            "ArrowDown" => step(&list, 1),
            "ArrowUp" => step(&list, -1),
            "Home" => go(&list, 0),
            "End" => go(&list, usize::MAX),
            _ if key.chars().count() == 1 && key != " " => jump(&list, &key),
            _ => return,
        }
        if key != "Tab" {
            event.prevent_default();
        }
    };
    view! {
        <div class="menu-away" on:click=move |event| {
            event.stop_propagation();
            close.run(false);
        }></div>
        <ul node_ref=list class="menu" role="menu" aria-label=move || label.get() on:keydown=keys>
            {entries.into_iter().map(|entry| shown(entry, close)).collect_view()}
        </ul>
    }
}

fn shown(entry: MenuEntry, close: Callback<bool>) -> impl IntoView {
    let MenuEntry { label, icon, danger, chosen, line_before, keys, action } = entry;
    let role = if chosen.is_some() { "menuitemradio" } else { "menuitem" };
    let checked = chosen.map(|chosen| chosen.to_string());
    let shape = match chosen {
        Some(true) => Some("check"),
        Some(false) => Some("blank"),
        None => icon,
    };
    let content = view! {
        {shape.map(|name| view! { <Icon name=name.to_owned() /> })}
        <span class="grow">{label}</span>
        {keys.map(|keys| view! { <kbd>{keys}</kbd> })}
    };
    let item = match action {
        MenuAction::Press(act) => view! {
            <button
                type="button"
                role=role
                tabindex="-1"
                class:bad=danger
                aria-checked=checked
                on:click=move |event: MouseEvent| {
                    event.stop_propagation();
                    close.run(true);
                    act.run(());
                }
            >
                {content}
            </button>
        }
        .into_any(),
        MenuAction::Link(href) => view! {
            <a href=href role=role tabindex="-1" on:click=move |_| close.run(false)>
                {content}
            </a>
        }
        .into_any(),
        MenuAction::Outside(href) => view! {
            <a
                href=href
                role=role
                tabindex="-1"
                target="_blank"
                rel="noopener noreferrer external"
                on:click=move |_| close.run(true)
            >
                {content}
            </a>
        }
        .into_any(),
    };
    view! {
        {line_before.then(|| view! { <li role="separator"></li> })}
        <li role="none">{item}</li>
    }
}

fn items(list: &web_sys::HtmlElement) -> Vec<web_sys::HtmlElement> {
    browser::select(list, "[role^='menuitem']")
}

fn go(list: &web_sys::HtmlElement, to: usize) {
    let items = items(list);
    if let Some(item) = items.get(to).or_else(|| items.last()) {
        browser::focus(item);
    }
}

fn step(list: &web_sys::HtmlElement, by: isize) {
    let items = items(list);
    let now = browser::focused().and_then(|focused| items.iter().position(|item| *item == focused));
    if !items.is_empty() {
        let next = now.unwrap_or_default().cast_signed() + by;
        go(list, next.rem_euclid(items.len().cast_signed()).cast_unsigned());
    }
}

fn jump(list: &web_sys::HtmlElement, letter: &str) {
    let items = items(list);
    let now = browser::focused().and_then(|focused| items.iter().position(|item| *item == focused));
    let start = now.map_or(0, |now| now + 1);
    let around = (start..items.len()).chain(0..start.min(items.len()));
    let begins = |at: &usize| {
        let text = items[*at].text_content().unwrap_or_default().trim().to_lowercase();
        text.starts_with(&letter.to_lowercase())
    };
    if let Some(found) = around.into_iter().find(begins) {
        go(list, found);
    }
}

/// Keeps the menu on the screen: it is fixed, since tables and drawers clip what they hold.
fn place(list: &web_sys::HtmlElement) {
    let Some(anchor) = list.parent_element() else { return };
    let (button, own) = (anchor.get_bounding_client_rect(), list.get_bounding_client_rect());
    let window = window();
    let size =
        |side: Result<wasm_bindgen::JsValue, _>| side.ok().and_then(|side| side.as_f64()).unwrap_or(800.0);
    let (width, height) = (size(window.inner_width()), size(window.inner_height()));
    let left =
        if button.left() + own.width() > width - 8.0 { button.right() - own.width() } else { button.left() };
    let below = button.bottom() + 4.0;
    let top = if below + own.height() > height - 8.0 { button.top() - own.height() - 4.0 } else { below };
    let style = list.style();
    let _ = style.set_property("left", &format!("{}px", left.max(8.0)));
    let _ = style.set_property("top", &format!("{}px", top.max(8.0)));
}
