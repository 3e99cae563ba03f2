//! Icons: shapes of the one sprite that the page carries (`web/style/icons.svg`), 16 px, in the colour of the text.

use leptos::prelude::*;

/// An icon beside a word; it says nothing of its own. Alone in a button, the button has the name.
#[component]
pub fn Icon(
    /// Id of the shape in the sprite.
    #[prop(into)]
    name: Signal<String>,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let class = if class.is_empty() { "ico".to_owned() } else { format!("ico {class}") };
    view! {
        <svg class=class aria-hidden="true" focusable="false">
            <use href=move || format!("#i-{}", name.get())></use>
        </svg>
    }
}
