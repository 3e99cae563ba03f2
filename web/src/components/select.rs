//! A choice of a few fixed values, with the browser's own list. More than twelve: [`super::combobox`].

use leptos::prelude::*;

use super::field::{FieldFrame, describing};
use super::fresh_id;
use crate::texts::Language;
/// One value of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// How it is shown.
    pub label: String,
}

impl Choice {
    /// A value and how it is shown.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// Languages that can be chosen, in their own words.
pub fn languages() -> Vec<Choice> {
    Language::ALL.map(|language| Choice::new(language.code(), language.name())).to_vec()
}

/// A labelled choice.
#[component]
pub fn Select(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The value chosen.
    value: RwSignal<String>,
    /// What can be chosen.
    #[prop(into)]
    choices: Signal<Vec<Choice>>,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let id = fresh_id("select");
    let below = describing(&id);
    let control = id.clone();
    view! {
        <FieldFrame label=label id=id help=help error=error>
            <PlainSelect id=control value=value choices=choices described=below />
        </FieldFrame>
    }
}

/// A choice without a label of its own, for rows and bars; `label` is read out.
#[component]
pub fn PlainSelect(
    /// Id, for a label elsewhere.
    #[prop(optional, into)]
    id: Option<String>,
    /// Name read out, when no label names it.
    #[prop(optional, into)]
    label: Option<String>,
    /// The value chosen.
    value: RwSignal<String>,
    /// What can be chosen.
    #[prop(into)]
    choices: Signal<Vec<Choice>>,
    /// Id of what describes it.
    #[prop(optional, into)]
    described: Option<String>,
    /// When another value is chosen by hand.
    #[prop(optional, into)]
    on_change: Option<Callback<String>>,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let options = move || {
        let now = value.get();
        let choices = choices.get().into_iter();
        choices
            .map(|choice| {
                let selected = choice.value == now;
                view! {
                    <option value=choice.value selected=selected>
                        {choice.label}
                    </option>
                }
            })
            .collect_view()
    };
    view! {
        <select
            id=id
            class=format!("in {class}")
            aria-label=label
            aria-describedby=described
            prop:value=move || value.get()
            on:change:target=move |event| {
                let chosen = event.target().value();
                value.set(chosen.clone());
                if let Some(on_change) = on_change {
                    on_change.run(chosen);
                }
            }
        >
            {options}
        </select>
    }
}
