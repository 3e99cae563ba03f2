//! A switch: what acts when its form is submitted. The word beside it says what it is, not "on".

use leptos::prelude::*;

/// A switch with its words.
#[component]
pub fn Switch(
    /// The words.
    #[prop(into)]
    label: Signal<String>,
    /// Whether it is on.
    on: RwSignal<bool>,
    /// A sentence below.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// Cannot be changed.
    #[prop(optional, into)]
    readonly: Signal<bool>,
) -> impl IntoView {
    view! {
        <label class="check">
            <input
                type="checkbox"
                role="switch"
                class="sw"
                bind:checked=on
                disabled=move || readonly.get()
            />
            <span>
                {move || label.get()}
                {move || help.get().map(|help| view! { <small class="hint">{help}</small> })}
            </span>
        </label>
    }
}
