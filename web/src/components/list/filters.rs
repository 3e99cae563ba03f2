//! The bar above a table: search, filters as chips, reset.

use leptos::html;
use leptos::prelude::*;

use super::frame::Frame;
use super::{FilterKind, FilterSpec};
use crate::browser;
use crate::components::button::IconButton;
use crate::components::icon::Icon;
use crate::components::menu::{MenuButton, MenuEntry};
use crate::components::select::{Choice, PlainSelect};
use crate::format;
use crate::texts::{self, lang};

/// Pause in typing after which the search begins, in milliseconds.
const TYPING_MS: u64 = 200;

#[component]
pub(super) fn SearchField(state: Frame, placeholder: String, node: NodeRef<html::Input>) -> impl IntoView {
    let typed = RwSignal::new(state.address.get_now("q").unwrap_or_default());
    let pending = StoredValue::new(0_u64);
    // Back and links change the address under the field.
    Effect::new(move |_| {
        let asked = state.address.get("q").unwrap_or_default();
        if asked != typed.get_untracked().trim() {
            typed.set(asked);
        }
    });
    let search = move || {
        let text = typed.get_untracked().trim().to_owned();
        if text != state.address.get_now("q").unwrap_or_default() {
            state.ask(&[("q", Some(text))]);
        }
    };
    let later = move || {
        let number = pending.get_value() + 1;
        pending.set_value(number);
        set_timeout(
            move || {
                if pending.try_get_value() == Some(number) {
                    search();
                }
            },
            std::time::Duration::from_millis(TYPING_MS),
        );
    };
    view! {
        <div class="in">
            <Icon name="search" />
            <input
                node_ref=node
                type="search"
                aria-label=texts::common::search(lang())
                placeholder=placeholder
                maxlength="200"
                spellcheck="false"
                autocomplete="off"
                bind:value=typed
                on:input=move |_| later()
                on:keydown=move |event| {
                    match event.key().as_str() {
                        "Enter" => search(),
                        "Escape" if !typed.get_untracked().is_empty() => {
                            event.stop_propagation();
                            typed.set(String::new());
                            search();
                        }
                        _ => return,
                    }
                    event.prevent_default();
                }
            />
            <kbd aria-hidden="true">"/"</kbd>
        </div>
    }
}

#[component]
pub(super) fn Filters(state: Frame) -> impl IntoView {
    let specs = state.plan.with_value(|plan| plan.filters.clone());
    if specs.is_empty() {
        return ().into_any();
    }
    let specs = StoredValue::new(specs);
    // A filter that was added and has no value yet.
    let adding = RwSignal::new(None::<&'static str>);
    // Place of each filter that is shown, and whether it names an instant. A chip stays while its value changes, and
    // with it the focus.
    let shown = Memo::new(move |_| {
        let shown = |(place, filter): (usize, &FilterSpec)| {
            let value = state.address.get(filter.id);
            let shown = value.is_some() || adding.get() == Some(filter.id);
            shown.then(|| (place, value.is_some_and(|value| is_instant(&filter.kind, &value))))
        };
        specs.with_value(|specs| specs.iter().enumerate().filter_map(shown).collect::<Vec<_>>())
    });
    let chip = move |(place, instant): (usize, bool)| {
        let filter = specs.with_value(|specs| specs.get(place).cloned())?;
        Some(view! { <Chip state=state filter=filter adding=adding instant=instant /> })
    };
    let entries = move |()| {
        let free = |filter: &FilterSpec| state.address.get_now(filter.id).is_none();
        specs.with_value(|specs| {
            let entry = |filter: &FilterSpec| {
                let id = filter.id;
                MenuEntry::press(filter.label.clone(), move || adding.set(Some(id)))
            };
            specs.iter().filter(|filter| free(filter)).map(entry).collect()
        })
    };
    let left = Memo::new(move |_| {
        specs.with_value(|specs| specs.iter().any(|filter| state.address.get(filter.id).is_none()))
    });
    view! {
        <div class="chips">
            <For each=move || shown.get() key=|shown| *shown let:shown>
                {chip(shown)}
            </For>
            {move || {
                left.get()
                    .then(|| {
                        view! {
                            <MenuButton
                                label=texts::common::filter(lang()).to_owned()
                                icon="filter"
                                words=true
                                class="btn sm ghost"
                                entries=Callback::new(entries)
                            />
                        }
                    })
            }}
            {move || {
                state
                    .query
                    .with(super::ListQuery::is_filtered)
                    .then(|| {
                        view! {
                            <button type="button" class="btn sm ghost" on:click=move |_| state.reset()>
                                {texts::common::reset(lang())}
                            </button>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}

/// Whether a value is not a day but an instant, as links of figures have it.
fn is_instant(kind: &FilterKind, value: &str) -> bool {
    matches!(kind, FilterKind::Day(_)) && value.contains('T')
}

#[component]
fn Chip(
    state: Frame,
    filter: FilterSpec,
    adding: RwSignal<Option<&'static str>>,
    instant: bool,
) -> impl IntoView {
    let FilterSpec { id, label, kind } = filter;
    let asked = Memo::new(move |_| state.address.get(id).unwrap_or_default());
    let value = RwSignal::new(asked.get_untracked());
    let node = NodeRef::<html::Span>::new();
    let fresh = asked.with_untracked(String::is_empty);
    Effect::new(move |_| {
        let control = node.get().filter(|_| fresh);
        if let Some(first) =
            control.and_then(|chip| browser::select(&chip, "input, select").into_iter().next())
        {
            browser::focus(&first);
        }
    });
    // Back and links change the address under the chip.
    Effect::new(move |before: Option<()>| {
        let asked = asked.get();
        if before.is_some() {
            value.set(asked);
        }
    });
    let take = Callback::new(move |text: String| {
        let text = text.trim().to_owned();
        if !text.is_empty() {
            adding.set(None);
            state.ask(&[(id, Some(text))]);
        }
    });
    let remove = move || {
        adding.set(None);
        if state.address.get_now(id).is_some() {
            state.ask(&[(id, None)]);
        }
    };
    let name = label.clone();
    let control = match kind {
        FilterKind::Choice(choices) => {
            let choices = Signal::derive(move || {
                let mut choices = choices.get();
                let now = value.get();
                if now.is_empty() {
                    choices.insert(0, Choice::new("", texts::common::choose(lang())));
                } else if !choices.iter().any(|choice| choice.value == now) {
                    choices.push(Choice::new(now.clone(), now));
                }
                choices
            });
            view! { <PlainSelect label=name class="bare" value=value choices=choices on_change=take /> }
                .into_any()
        }
        FilterKind::Day(_) if instant => {
            let at =
                move || value.with(|value| value.parse().map_or_else(|_| value.clone(), format::date_time));
            view! { <b>{at}</b> }.into_any()
        }
        FilterKind::Text | FilterKind::Day(_) => {
            let kind = if matches!(kind, FilterKind::Text) { "text" } else { "date" };
            view! {
                <input
                    class="bare"
                    type=kind
                    aria-label=name
                    maxlength="200"
                    bind:value=value
                    on:change=move |_| take.run(value.get_untracked())
                />
            }
            .into_any()
        }
    };
    view! {
        <span class="chip" node_ref=node>
            <i>{label.clone()}</i>
            {control}
            <IconButton
                class="x"
                label=texts::common::remove_filter(lang(), label)
                icon="x".to_owned()
                on_press=Callback::new(move |()| remove())
            />
        </span>
    }
}
