//! A figure that leads to what it counts.

use leptos::prelude::*;

use super::icon::Icon;

/// A tile; the whole of it is the link.
#[component]
pub fn Tile(
    /// What is counted.
    #[prop(into)]
    label: Signal<String>,
    /// Icon beside it.
    icon: &'static str,
    /// The figure; a dash while it is not known.
    #[prop(into)]
    value: Signal<String>,
    /// A line of context.
    #[prop(optional, into)]
    context: Signal<Option<String>>,
    /// The list it counts.
    #[prop(into)]
    href: Signal<String>,
) -> impl IntoView {
    view! {
        <a class="tile" href=move || href.get()>
            <span class="k">
                <Icon name=icon.to_owned() />
                {move || label.get()}
            </span>
            <span class="v">{move || value.get()}</span>
            <span class="d">{move || context.get().unwrap_or_default()}</span>
        </a>
    }
}

/// A strip of tiles that share their borders.
#[component]
pub fn Tiles(
    /// The tiles.
    children: Children,
) -> impl IntoView {
    view! { <div class="tiles">{children()}</div> }
}

/// A card: a title, perhaps a link on the right, and content.
#[component]
pub fn Card(
    /// The title, a `h2`.
    #[prop(into)]
    title: Signal<String>,
    /// A link in the head: words and address.
    #[prop(optional, into)]
    link: Signal<Option<(String, String)>>,
    /// Width class in a grid of twelve: `c4`, `c6`, …
    #[prop(optional)]
    class: &'static str,
    /// The content.
    children: Children,
) -> impl IntoView {
    view! {
        <section class=format!("card {class}")>
            <header>
                <h2>{move || title.get()}</h2>
                {move || link.get().map(|(words, href)| view! { <a href=href>{words}</a> })}
            </header>
            <div class="body">{children()}</div>
        </section>
    }
}
