//! Buttons: what does something here, and links that look the same. Verb and object; one primary one per view.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::icon::Icon;

/// How loud a button is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonKind {
    /// The one thing this view is for.
    Primary,
    /// Everything else.
    #[default]
    Secondary,
    /// Beside something louder.
    Ghost,
    /// Destroys or interrupts.
    Danger,
}

/// Size of a button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonSize {
    /// 28 px.
    Small,
    /// 32 px.
    #[default]
    Medium,
    /// 40 px.
    Large,
}

fn class(kind: ButtonKind, size: ButtonSize, more: &str) -> String {
    let kind = match kind {
        ButtonKind::Primary => " primary",
        ButtonKind::Secondary => "",
        ButtonKind::Ghost => " ghost",
        ButtonKind::Danger => " danger",
    };
    let size = match size {
        ButtonSize::Small => " sm",
        ButtonSize::Medium => "",
        ButtonSize::Large => " lg",
    };
    let gap = if more.is_empty() { "" } else { " " };
    format!("btn{kind}{size}{gap}{more}")
}

/// A button. Without `on_press` it submits the form around it.
#[component]
pub fn Button(
    /// What it does.
    #[prop(optional, into)]
    on_press: Option<Callback<()>>,
    /// How loud it is.
    #[prop(optional)]
    kind: ButtonKind,
    /// Its size.
    #[prop(optional)]
    size: ButtonSize,
    /// Icon before the words.
    #[prop(optional)]
    icon: Option<&'static str>,
    /// Works on it: shows it, keeps its width and ignores presses.
    #[prop(optional, into)]
    busy: Signal<bool>,
    /// Why it cannot be pressed now; it stays reachable and says so.
    #[prop(optional, into)]
    blocked: Signal<Option<String>>,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
    /// The words.
    children: Children,
) -> impl IntoView {
    let press = move |event: MouseEvent| {
        if busy.get_untracked() || blocked.get_untracked().is_some() {
            event.prevent_default();
            return;
        }
        if let Some(on_press) = on_press {
            event.prevent_default();
            on_press.run(());
        }
    };
    let shape = move || if busy.get() { Some("run") } else { icon };
    view! {
        <button
            type=if on_press.is_some() { "button" } else { "submit" }
            class=self::class(kind, size, class)
            aria-busy=move || busy.get().then_some("true")
            aria-disabled=move || blocked.get().is_some().then_some("true")
            title=move || blocked.get()
            on:click=press
        >
            {move || shape().map(|name| view! { <Icon name=name /> })}
            <span>{children()}</span>
        </button>
    }
}

/// A link that looks like a button: it leads somewhere and changes nothing.
#[component]
pub fn LinkButton(
    /// Where it leads.
    #[prop(into)]
    href: Signal<String>,
    /// How loud it is.
    #[prop(optional)]
    kind: ButtonKind,
    /// Its size.
    #[prop(optional)]
    size: ButtonSize,
    /// Icon before the words.
    #[prop(optional)]
    icon: Option<&'static str>,
    /// Leads out of the console, in a window of its own.
    #[prop(optional)]
    outside: bool,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <a
            class=class(kind, size, "")
            href=move || href.get()
            target=outside.then_some("_blank")
            rel=outside.then_some("noopener noreferrer external")
        >
            {icon.map(|name| view! { <Icon name=name /> })}
            <span>{children()}</span>
        </a>
    }
}

/// A button that is an icon alone; its name is read out and shown as a tooltip.
#[component]
pub fn IconButton(
    /// Its name: verb and object.
    #[prop(into)]
    label: Signal<String>,
    /// The icon.
    #[prop(into)]
    icon: Signal<String>,
    /// What it does.
    #[prop(into)]
    on_press: Callback<()>,
    /// Whether it is switched on, for buttons that stay on.
    #[prop(optional, into)]
    pressed: Option<Signal<bool>>,
    /// Whether what it opens is open.
    #[prop(optional, into)]
    expanded: Option<Signal<bool>>,
    /// Why it cannot be pressed now.
    #[prop(optional, into)]
    blocked: Signal<bool>,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let class = if class.is_empty() { "ib".to_owned() } else { format!("ib {class}") };
    view! {
        <button
            type="button"
            class=class
            aria-label=move || label.get()
            title=move || label.get()
            aria-expanded=move || expanded.map(|expanded| expanded.get().to_string())
            aria-pressed=move || pressed.map(|pressed| pressed.get().to_string())
            aria-disabled=move || blocked.get().then_some("true")
            on:click=move |event: MouseEvent| {
                event.prevent_default();
                if !blocked.get_untracked() {
                    on_press.run(());
                }
            }
        >
            <Icon name=icon />
        </button>
    }
}
