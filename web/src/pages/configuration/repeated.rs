//! Repeated parameters: one line for each entry that holds something, and a dialog that edits one entry.

use std::collections::BTreeSet;

use api::configuration::ParameterStateView;
use domain::catalogue::{Parameter, ParameterKey};
use leptos::prelude::*;

use super::editor::{Editor, Filter, differs};
use super::row::ParameterRow;
use super::words;
use crate::components::button::{Button, ButtonKind, ButtonSize, IconButton};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::fresh_id;
use crate::components::icon::Icon;
use crate::texts::{self, lang};

/// Columns of the table beside the number and the state.
const MOST_COLUMNS: usize = 4;

/// A group of parameters that have the same entries.
#[component]
pub fn RepeatedGroup(
    /// What the parts share.
    editor: Editor,
    /// Its parameters.
    parameters: Vec<Parameter>,
    /// First and last number of its entries.
    entries: (u16, u16),
) -> impl IntoView {
    let (first, last) = entries;
    let all = StoredValue::new(parameters);
    let open = RwSignal::new(None::<u16>);
    let shown = RwSignal::new(false);
    let key = move |parameter: &Parameter, entry: u16| ParameterKey::entry(&parameter.id, entry);
    let any = move |entry: u16, test: &dyn Fn(&ParameterKey) -> bool| {
        all.with_value(|all| all.iter().any(|parameter| test(&key(parameter, entry))))
    };
    let ids: BTreeSet<String> = all.with_value(|all| all.iter().map(|own| own.id.clone()).collect());
    let used = Memo::new(move |_| editor.used(&ids, told));
    let lines = Memo::new(move |_| {
        let show = editor.show.get();
        let used = used.get().into_iter();
        used.filter(|entry| show == Filter::All || any(*entry, &|key| editor.passes(key, show)))
            .collect::<Vec<u16>>()
    });
    let edit = move |entry: u16| {
        open.set(Some(entry));
        shown.set(true);
    };
    let heads = all.with_value(|all| {
        let heads = all.iter().filter(|own| !own.secret).take(MOST_COLUMNS);
        heads.map(|own| words::text(&own.label).to_owned()).collect::<Vec<_>>()
    });
    let line = move |entry: u16| {
        let cells = all.with_value(|all| {
            let shown = all.iter().filter(|own| !own.secret).take(MOST_COLUMNS).cloned();
            shown
                .map(|own| {
                    let key = key(&own, entry);
                    let label = words::text(&own.label).to_owned();
                    let value = Memo::new(move |_| {
                        let value = editor.shown(&key);
                        value.map_or_else(|| "–".to_owned(), |value| words::value(&own, &value))
                    });
                    view! {
                        <td class="clip" data-label=label title=move || value.get()>
                            {move || value.get()}
                        </td>
                    }
                })
                .collect::<Vec<_>>()
        });
        let state = move || {
            let language = lang();
            if any(entry, &|key| editor.fault(key).is_some()) {
                state("bad", "fail", texts::configuration::has_fault(language))
            } else if any(entry, &|key| editor.edits.with(|edits| edits.get(key).is_some())) {
                state("run", "pencil", texts::configuration::changed_here(language))
            } else if any(entry, &|key| editor.states.with(|states| states.get(key).is_some_and(differs))) {
                state("warn", "drift", texts::configuration::differs(language))
            } else if any(entry, &|key| {
                editor.states.with(|states| states.get(key).is_some_and(|state| state.desired_set))
            }) {
                if editor.is_template() {
                    state("idle", "check", texts::configuration::in_template(language))
                } else {
                    state("idle", "check", texts::configuration::as_desired(language))
                }
            } else {
                state("idle", "phone", texts::configuration::as_reported(language))
            }
        };
        view! {
            <tr on:dblclick=move |_| edit(entry)>
                <th scope="row">{entry}</th>
                {cells}
                <td data-label=texts::configuration::state(lang())>{state}</td>
                <td class="num">
                    <IconButton
                        label=texts::configuration::edit_entry(lang(), entry)
                        icon="pencil".to_owned()
                        on_press=Callback::new(move |()| edit(entry))
                    />
                </td>
            </tr>
        }
    };
    let next = move || (first..=last).find(|entry| !used.with(|used| used.contains(entry)));
    let full = Signal::derive(move || {
        next().is_none().then(|| texts::configuration::no_more_entries(lang(), u64::from(last - first) + 1))
    });
    let title = Signal::derive(move || {
        open.get().map(|entry| texts::configuration::entry(lang(), entry)).unwrap_or_default()
    });
    let rows = move || {
        let entry = open.get()?;
        let rows = all.get_value().into_iter();
        let rows = rows.map(
            |own| view! { <ParameterRow editor=editor parameter=own index=Some(entry) unfiltered=true /> },
        );
        Some(rows.collect::<Vec<_>>())
    };
    let undo = move || {
        let Some(entry) = open.get_untracked() else { return };
        all.with_value(|all| all.iter().for_each(|own| editor.set(&key(own, entry), None)));
    };
    view! {
        <section class="repeated" aria-label=texts::configuration::entries(lang())>
            <div class="row between">
                <h3>{texts::configuration::entries_from(lang(), first, last)}</h3>
                {editor
                    .may
                    .then(|| {
                        view! {
                            <Button
                                size=ButtonSize::Small
                                icon="plus"
                                blocked=full
                                on_press=Callback::new(move |()| {
                                    if let Some(entry) = untrack(next) {
                                        edit(entry);
                                    }
                                })
                            >
                                {texts::configuration::add_entry(lang())}
                            </Button>
                        }
                    })}
            </div>
            {move || {
                if lines.with(Vec::is_empty) {
                    view! { <p class="muted pad-y">{texts::configuration::no_entries(lang())}</p> }.into_any()
                } else {
                    view! {
                        <table class="tbl stack">
                            <thead>
                                <tr>
                                    <th scope="col">{texts::configuration::number(lang())}</th>
                                    {heads
                                        .iter()
                                        .map(|head| view! { <th scope="col">{head.clone()}</th> })
                                        .collect_view()}
                                    <th scope="col" class="w-state">{texts::configuration::state(lang())}</th>
                                    <th scope="col" class="w-edit">
                                        <span class="vh">{texts::common::row_menu(lang())}</span>
                                    </th>
                                </tr>
                            </thead>
                            <tbody>
                                <For each=move || lines.get() key=|entry| *entry children=line />
                            </tbody>
                        </table>
                    }
                        .into_any()
                }
            }}
            <Dialog open=shown title=title size=DialogSize::Table>
                <EntryNumber label=texts::configuration::number(lang()) entries=entries open=open />
                <div class="params entry">{rows}</div>
                <DialogButtons>
                    <Button kind=ButtonKind::Ghost icon="undo" on_press=Callback::new(move |()| undo())>
                        {texts::configuration::undo_entry(lang())}
                    </Button>
                    <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| shown.set(false))>
                        {texts::common::done(lang())}
                    </Button>
                </DialogButtons>
            </Dialog>
        </section>
    }
}

/// Whether the entry of this value holds something.
pub(super) fn told(state: &ParameterStateView) -> bool {
    state.desired_set || state.reported_text.as_ref().is_some_and(|text| !text.is_empty())
}

/// The number of the entry that is shown, and the way to another one: typed, for there may be thousands.
#[component]
pub(super) fn EntryNumber(
    /// Its label.
    label: &'static str,
    /// First and last number.
    entries: (u16, u16),
    /// The entry that is shown.
    open: RwSignal<Option<u16>>,
) -> impl IntoView {
    let (first, last) = entries;
    let id = fresh_id("entry");
    view! {
        <div class="row entry-pick">
            <label class="soft" for=id.clone()>{label}</label>
            <span class="in">
                <input
                    id=id
                    type="number"
                    min=first
                    max=last
                    prop:value=move || open.get().map(|entry| entry.to_string()).unwrap_or_default()
                    on:change:target=move |event| {
                        let typed = event.target().value().trim().parse::<u16>();
                        match typed.ok().filter(|entry| (first..=last).contains(entry)) {
                            Some(entry) => open.set(Some(entry)),
                            None => event.target().set_value(&open.get_untracked().unwrap_or(first).to_string()),
                        }
                    }
                />
            </span>
            <span class="muted small">{texts::common::range(lang(), first, last)}</span>
        </div>
    }
}

fn state(class: &'static str, icon: &'static str, words: &'static str) -> AnyView {
    view! {
        <span class=format!("st {class}")>
            <Icon name=icon />
            <span>{words}</span>
        </span>
    }
    .into_any()
}
