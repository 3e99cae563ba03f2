//! The builder of a filter: conditions, blocks of conditions, and the sentence they make.

use std::collections::{BTreeMap, BTreeSet};

use domain::group_filter::FaultReason;
use leptos::prelude::*;

use super::condition::{ConditionRow, Filtering};
use super::draft::{Draft, Item, Joint};
use super::sentence::{Labels, sentence};
use crate::browser;
use crate::client::Failure;
use crate::components::button::{Button, ButtonKind, ButtonSize, IconButton};
use crate::components::icon::Icon;
use crate::texts::{self, lang};

/// What is wrong with a part of a filter, in words.
fn fault_text(code: &str, args: &api::Args) -> String {
    texts::worded(lang(), "filter-fault", code, args)
}

fn reason_text(reason: &FaultReason) -> String {
    let args = reason.args().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    fault_text(reason.code(), &args)
}

/// What is wrong with each condition, by the shared check; and what is wrong with the filter as a whole.
pub(super) fn faults(draft: &Draft, fields: &BTreeSet<String>) -> (BTreeMap<u64, String>, Option<String>) {
    let mut found = BTreeMap::new();
    let mut whole = None;
    let faults = draft.filter().map(|filter| filter.check(fields).err().unwrap_or_default());
    for fault in faults.unwrap_or_default() {
        let text = reason_text(&fault.reason);
        match draft.condition_at(&fault.path) {
            Some(id) => drop(found.entry(id).or_insert(text)),
            None => drop(whole.get_or_insert(text)),
        }
    }
    (found, whole)
}

/// What the server refused of the filter, by condition; the pointers begin with `/filter`.
pub(super) fn refused(draft: &Draft, failure: &Failure) -> BTreeMap<u64, String> {
    let errors = failure.problem.as_ref().map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let own = errors.iter().filter_map(|error| {
        let place = error.field.strip_prefix("/filter")?;
        let id = draft.condition_at(place)?;
        let known = texts::find(lang(), "filter-fault", &error.code).is_some();
        let text = if known { fault_text(&error.code, &error.args) } else { error.message.clone() };
        Some((id, text))
    });
    own.collect()
}

/// The builder.
#[component]
pub(super) fn Builder(filtering: Filtering) -> impl IntoView {
    let draft = filtering.draft;
    let number = move |id: u64| {
        Signal::derive(move || {
            draft.with(|draft| draft.conditions().position(|own| own.id == id).map_or(0, |at| at + 1))
        })
    };
    let items = Memo::new(move |_| {
        let kind = |item: &Item| (item.id(), matches!(item, Item::Block(_)));
        draft.with(|draft| draft.items.iter().map(kind).collect::<Vec<_>>())
    });
    let item = move |(id, block): (u64, bool)| {
        if block {
            view! { <BlockView filtering=filtering id=id /> }.into_any()
        } else {
            view! { <ConditionRow filtering=filtering id=id number=number(id) /> }.into_any()
        }
    };
    let add = move |block: bool| {
        let added = draft.try_update(|draft| if block { draft.add_block() } else { draft.add(None) });
        if added.is_some() {
            focus_last();
        }
    };
    let several = Memo::new(move |_| draft.with(|draft| draft.items.len() > 1 || draft.joint != Joint::All));
    let empty = Memo::new(move |_| draft.with(|draft| draft.items.is_empty().then_some(draft.everybody)));
    let labels = move || {
        filtering.fields.with(|fields| {
            fields.iter().map(|field| (field.name.clone(), field.label.clone())).collect::<Labels>()
        })
    };
    let read_back = move || draft.with(|draft| sentence(lang(), draft, &labels()));
    view! {
        <div class="builder">
            <Show when=move || several.get()>
                <JointSelect
                    value=Signal::derive(move || draft.with(|draft| draft.joint))
                    choose=Callback::new(move |joint| draft.update(|draft| draft.joint = joint))
                />
            </Show>
            <For each=move || items.get() key=|item| *item children=item />
            {move || {
                empty
                    .get()
                    .map(|everybody| {
                        let words = if everybody {
                            texts::groups::take_nobody(lang())
                        } else {
                            texts::groups::take_everybody(lang())
                        };
                        view! {
                            <p class="row wrap">
                                <span class="muted">{texts::groups::no_conditions(lang())}</span>
                                <button
                                    type="button"
                                    class="link"
                                    on:click=move |_| draft.update(|draft| draft.everybody = !everybody)
                                >
                                    {words}
                                </button>
                            </p>
                        }
                    })
            }}
            <div class="row wrap">
                <Button size=ButtonSize::Small icon="plus" on_press=Callback::new(move |()| add(false))>
                    {texts::groups::add_condition(lang())}
                </Button>
                <Button
                    size=ButtonSize::Small
                    kind=ButtonKind::Ghost
                    icon="plus"
                    on_press=Callback::new(move |()| add(true))
                >
                    {texts::groups::add_block(lang())}
                </Button>
                <a class="small" href="/groups/fields">{texts::groups::manage_fields(lang())}</a>
            </div>
            <p class="sentence" aria-live="polite">
                <Icon name="filter" />
                <span>{read_back}</span>
            </p>
        </div>
    }
}

/// The last condition takes the focus: the one that was added, or what is left when the one with the focus is gone.
pub(super) fn focus_last() {
    request_animation_frame(|| {
        let added = document().query_selector_all(".cond .what").ok().and_then(|all| {
            use wasm_bindgen::JsCast as _;
            all.get(all.length().checked_sub(1)?)?.dyn_into::<web_sys::HtmlElement>().ok()
        });
        if let Some(added) = added {
            browser::focus(&added);
        }
    });
}

/// How conditions are put together.
#[component]
fn JointSelect(value: Signal<Joint>, choose: Callback<Joint>) -> impl IntoView {
    let words = |joint: Joint| match joint {
        Joint::All => texts::groups::joint_all(lang()),
        Joint::Any => texts::groups::joint_any(lang()),
        Joint::None => texts::groups::joint_none(lang()),
        Joint::NotAll => texts::groups::joint_not_all(lang()),
    };
    let options = move || {
        let now = value.get();
        let option = |joint: Joint| {
            view! { <option value=joint.word() selected=joint == now>{words(joint)}</option> }
        };
        Joint::ALL.into_iter().map(option).collect::<Vec<_>>()
    };
    view! {
        <select
            class="in joint"
            aria-label=texts::groups::joined(lang())
            on:change:target=move |event| choose.run(Joint::parse(&event.target().value()))
        >
            {options}
        </select>
    }
}

/// A block of conditions.
#[component]
fn BlockView(filtering: Filtering, id: u64) -> impl IntoView {
    let draft = filtering.draft;
    let number = move |id: u64| {
        Signal::derive(move || {
            draft.with(|draft| draft.conditions().position(|own| own.id == id).map_or(0, |at| at + 1))
        })
    };
    let ids = Memo::new(move |_| {
        draft.with(|draft| {
            let block = draft.block(id);
            block
                .map(|block| block.conditions.iter().map(|own| own.id).collect::<Vec<_>>())
                .unwrap_or_default()
        })
    });
    view! {
        <fieldset class="cond-block">
            <legend class="vh">{texts::groups::block(lang())}</legend>
            <div class="row between">
                <JointSelect
                    value=Signal::derive(move || {
                        draft.with(|draft| draft.block(id).map(|block| block.joint).unwrap_or_default())
                    })
                    choose=Callback::new(move |joint| draft.update(|draft| draft.join(id, joint)))
                />
                <IconButton
                    label=texts::groups::remove_block(lang()).to_owned()
                    icon="trash".to_owned()
                    on_press=Callback::new(move |()| {
                        draft.update(|draft| draft.remove(id));
                        focus_last();
                    })
                />
            </div>
            <For
                each=move || ids.get()
                key=|id| *id
                children=move |id| view! { <ConditionRow filtering=filtering id=id number=number(id) /> }
            />
            <div>
                <Button
                    size=ButtonSize::Small
                    kind=ButtonKind::Ghost
                    icon="plus"
                    on_press=Callback::new(move |()| {
                        draft.update(|draft| {
                            draft.add(Some(id));
                        });
                    })
                >
                    {texts::groups::add_condition(lang())}
                </Button>
            </div>
        </fieldset>
    }
}
