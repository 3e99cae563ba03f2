//! Check boxes, for choices in a list. What acts when a form is submitted is a [`super::switch`].

use leptos::prelude::*;

use super::fresh_id;

/// A check box with its words.
#[component]
pub fn Checkbox(
    /// The words.
    #[prop(into)]
    label: Signal<String>,
    /// Whether it is ticked.
    checked: RwSignal<bool>,
    /// A sentence below.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" class="ck" bind:checked=checked />
            <span>
                {move || label.get()}
                {move || help.get().map(|help| view! { <small class="hint">{help}</small> })}
            </span>
        </label>
    }
}

/// A check box of a table, whose name is only read out. `mixed` shows that some of many are ticked.
#[component]
pub fn PlainCheckbox(
    /// Its name.
    #[prop(into)]
    label: Signal<String>,
    /// Id of what says of which thing it is; read out after the name.
    #[prop(optional)]
    of: Option<String>,
    /// Whether it is ticked.
    #[prop(into)]
    checked: Signal<bool>,
    /// Some of what it stands for is ticked.
    #[prop(optional, into)]
    mixed: Signal<bool>,
    /// Tab does not stop at it, because what it stands in does the same by keyboard: a row that takes the focus itself.
    #[prop(optional)]
    no_stop: bool,
    /// When it is pressed; the argument says whether Shift was held.
    #[prop(into)]
    on_press: Callback<bool>,
) -> impl IntoView {
    let id = of.as_ref().map(|_| fresh_id("check"));
    let labelled = id.clone().zip(of).map(|(id, of)| format!("{id} {of}"));
    view! {
        <input
            id=id
            type="checkbox"
            class="ck"
            class:mixed=move || mixed.get()
            aria-label=move || label.get()
            aria-labelledby=labelled
            prop:checked=move || checked.get()
            prop:indeterminate=move || mixed.get()
            tabindex=no_stop.then_some("-1")
            on:click=move |event| {
                event.stop_propagation();
                on_press.run(event.shift_key());
            }
        />
    }
}
