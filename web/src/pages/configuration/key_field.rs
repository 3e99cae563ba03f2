//! The programmable keys of a phone, drawn by level and module: each key a button with its number, function and label,
//! which opens everything that belongs to the key.

use std::collections::BTreeSet;

use api::Page;
use api::model::DeviceModelView;
use domain::catalogue::{Parameter, ParameterKey};
use leptos::prelude::*;

use super::editor::{Editor, Filter, differs};
use super::key_places::{self, Part, place_of};
use super::repeated::{EntryNumber, told};
use super::row::ParameterRow;
use super::words;
use crate::client;
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::icon::Icon;
use crate::components::states::FailureNote;
use crate::load::load;
use crate::texts::{self, lang};

/// Sections whose parameters belong to keys.
pub const SECTIONS: [&str; 2] = ["mobile-user.fpk", "records.keys"];
const FUNCTION: &str = "mobile-user.fpk.function";
const LABELS: [&str; 2] = ["records.keys.label", "records.keys.label-ascii"];
/// The number of the key; here that is the key itself.
const NUMBER: &str = "mobile-user.fpk.key";
/// What the two fixed keys have.
const BUILT_IN: &str = "records.keys.built-in-function";
/// Keys drawn for many phones, of which nothing is known.
const KEYS_OF_MANY: u16 = 8;

/// What belongs to keys.
pub fn parameters_of(editor: Editor) -> Vec<Parameter> {
    editor.catalogue.with_value(|all| {
        let sections = all.areas().iter().flat_map(|area| &area.sections);
        let own = sections.filter(|section| SECTIONS.contains(&section.id.as_str()));
        let own = own.flat_map(|section| &section.parameters);
        own.filter(|own| own.id != NUMBER && own.entries.is_some() && editor.offers(own)).cloned().collect()
    })
}

/// The keys.
#[component]
pub fn KeyField(
    /// What the parts share.
    editor: Editor,
) -> impl IntoView {
    let all = StoredValue::new(parameters_of(editor));
    let ids = all.with_value(|all| all.iter().map(|own| own.id.clone()).collect::<BTreeSet<String>>());
    let ids = StoredValue::new(ids);
    let used = Memo::new(move |_| ids.with_value(|ids| editor.used(ids, told)));
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let model = Memo::new(move |_| {
        let name = editor.client.with(|client| client.as_ref().and_then(|client| client.model.clone()))?;
        models.data.with(|models| models.as_ref()?.items.iter().find(|model| model.name == name).cloned())
    });
    let keys = move || {
        let known = model.with(|model| model.as_ref().map(|model| model.free_keys));
        known.unwrap_or(if editor.is_one() { 0 } else { KEYS_OF_MANY })
    };
    let modules = move || {
        let reported = editor.client.with(|client| client.as_ref()?.key_modules.clone());
        let most = model.with(|model| model.as_ref().map(|model| model.key_modules));
        let attached = reported.and_then(|reported| key_places::modules(&reported)).unwrap_or_default();
        most.map_or(attached, |most| attached.min(most))
    };
    let level = RwSignal::new(1_u16);
    let open = RwSignal::new(None::<u16>);
    let shown = RwSignal::new(false);
    let edit = Callback::new(move |index: u16| {
        open.set(Some(index));
        shown.set(true);
    });
    // Another filter than "all" takes the keys that pass it.
    let passes = move |index: u16| {
        let show = editor.show.get();
        show == Filter::All
            || ids.with_value(|ids| ids.iter().any(|id| editor.passes(&ParameterKey::entry(id, index), show)))
    };
    let parts = move || {
        let field = used.with(|used| key_places::field(level.get(), keys(), modules(), used));
        let part = |(part, keys): (Part, Vec<u16>)| {
            let keys: Vec<u16> = keys.into_iter().filter(|index| passes(*index)).collect();
            let key = |index| view! { <Key editor=editor ids=ids index=index edit=edit /> };
            (!keys.is_empty()).then(|| {
                view! {
                    <h3>{name_of(part)}</h3>
                    <ul class="keys">{keys.into_iter().map(key).collect::<Vec<_>>()}</ul>
                }
            })
        };
        field.into_iter().map(part).collect::<Vec<_>>()
    };
    let levels = [(1, texts::configuration::level_1(lang())), (2, texts::configuration::level_2(lang()))];
    let levels = levels.map(|(own, name)| {
        view! {
            <button type="button" aria-pressed=move || (level.get() == own).to_string() on:click=move |_| level.set(own)>
                {name}
            </button>
        }
    });
    let none = move || {
        (keys() == 0 && editor.is_one() && model.with(Option::is_some)).then(|| {
            view! { <p class="muted small">{texts::configuration::no_free_keys(lang())}</p> }
        })
    };
    let title = Signal::derive(move || open.get().map(title_of).unwrap_or_default());
    let function = Memo::new(move |_| {
        let index = open.get()?;
        let value = editor.shown(&ParameterKey::entry(FUNCTION, index))?;
        Some(super::edits::text_of(&value))
    });
    let rows = move |parameters: Vec<Parameter>, index: u16| {
        let row = move |own| view! { <ParameterRow editor=editor parameter=own index=Some(index) unfiltered=true /> };
        parameters.into_iter().map(row).collect::<Vec<_>>()
    };
    let is_first = |parameter: &Parameter, index: u16| match parameter.id.as_str() {
        FUNCTION => true,
        BUILT_IN => place_of(index).part == Part::Fixed,
        id => LABELS.contains(&id),
    };
    // Apart from the rest, which is drawn again with another function: the choice of it keeps the focus.
    let first = move || {
        let index = open.get()?;
        let own = all.get_value().into_iter().filter(|parameter| is_first(parameter, index));
        Some(rows(own.collect(), index))
    };
    let fields = move || {
        let index = open.get()?;
        let own = function.get().map(|function| key_places::fields_of(&function)).unwrap_or_default();
        let offered = all.get_value().into_iter();
        let offered = offered.filter(|parameter| !is_first(parameter, index) && parameter.id != BUILT_IN);
        let (needed, further): (Vec<Parameter>, Vec<Parameter>) = offered.partition(|parameter| {
            let key = ParameterKey::entry(&parameter.id, index);
            let of_function = own.iter().any(|end| parameter.id.ends_with(end));
            // What holds something is never hidden.
            let holds = untrack(|| {
                editor.edit(&key).is_some() || editor.state(&key).is_some_and(|state| told(&state))
            });
            of_function || holds
        });
        let count = further.len() as u64;
        Some(view! {
            {rows(needed, index)}
            <details class="further">
                <summary>{texts::configuration::further_fields(lang(), count)}</summary>
                {rows(further, index)}
            </details>
        })
    };
    let undo = move || {
        let Some(index) = open.get_untracked() else { return };
        ids.with_value(|ids| ids.iter().for_each(|id| editor.set(&ParameterKey::entry(id, index), None)));
    };
    view! {
        <section class="repeated key-field" aria-label=texts::configuration::keys(lang())>
            <div class="row between wrap">
                <span class="seg" role="group" aria-label=texts::configuration::level(lang())>{levels}</span>
                {editor
                    .may
                    .then(|| {
                        view! {
                            <Button
                                size=ButtonSize::Small
                                icon="plus"
                                on_press=Callback::new(move |()| edit.run(1))
                            >
                                {texts::configuration::another_key(lang())}
                            </Button>
                        }
                    })}
            </div>
            // Without the models nobody knows how many keys there are: only those that hold something are drawn.
            <FailureNote failure=models.failure retry=Callback::new(move |()| models.reload()) />
            {none}
            {parts}
            <Dialog open=shown title=title size=DialogSize::Table>
                <EntryNumber
                    label=texts::configuration::index_of_key(lang())
                    entries=(1, key_places::RELEASE)
                    open=open
                />
                <div class="params entry">{first} {fields}</div>
                <DialogButtons>
                    <Button kind=ButtonKind::Ghost icon="undo" on_press=Callback::new(move |()| undo())>
                        {texts::configuration::undo_key(lang())}
                    </Button>
                    <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| shown.set(false))>
                        {texts::common::done(lang())}
                    </Button>
                </DialogButtons>
            </Dialog>
        </section>
    }
}

/// What keys sit on, in words.
fn name_of(part: Part) -> String {
    let language = lang();
    match part {
        Part::Phone => texts::configuration::keys_of_phone(language).to_owned(),
        Part::Module(number) => texts::configuration::keys_of_module(language, number),
        Part::Fixed => texts::configuration::fixed_keys(language).to_owned(),
        Part::Unknown => texts::configuration::other_keys(language).to_owned(),
    }
}

/// A key as it is called where it stands alone.
fn title_of(index: u16) -> String {
    use texts::configuration as words;
    let (language, place) = (lang(), place_of(index));
    let level = if place.level > 1 { words::level_2(language) } else { words::level_1(language) };
    let on = |part: String| words::key_at(language, level, place.number, part);
    match place.part {
        Part::Phone | Part::Module(_) => on(name_of(place.part)),
        Part::Fixed => fixed(index).to_owned(),
        Part::Unknown => words::key(language, index),
    }
}

fn fixed(index: u16) -> &'static str {
    if index == key_places::FORWARDING {
        texts::configuration::forwarding_key(lang())
    } else {
        texts::configuration::release_key(lang())
    }
}

/// One key.
#[component]
fn Key(editor: Editor, ids: StoredValue<BTreeSet<String>>, index: u16, edit: Callback<u16>) -> impl IntoView {
    let place = place_of(index);
    let value = move |id: &str| {
        let key = ParameterKey::entry(id, index);
        let shown = editor.shown(&key)?;
        let words = editor
            .catalogue
            .with_value(|all| all.parameter(id).map(|parameter| words::value(parameter, &shown)));
        words.filter(|_| !super::edits::text_of(&shown).is_empty())
    };
    let any = move |test: &dyn Fn(&ParameterKey) -> bool| {
        ids.with_value(|ids| ids.iter().any(|id| test(&ParameterKey::entry(id, index))))
    };
    let function = Memo::new(move |_| value(FUNCTION));
    let label = Memo::new(move |_| LABELS.into_iter().find_map(value));
    let mark = Memo::new(move |_| {
        let language = lang();
        if any(&|key| editor.fault(key).is_some()) {
            Some(("bad", "fail", texts::configuration::has_fault(language)))
        } else if any(&|key| editor.edit(key).is_some()) {
            Some(("run", "pencil", texts::configuration::changed_here(language)))
        } else if any(&|key| editor.states.with(|states| states.get(key).is_some_and(differs))) {
            Some(("warn", "drift", texts::configuration::differs(language)))
        } else {
            None
        }
    });
    let number =
        move || if place.part == Part::Fixed { fixed(index).to_owned() } else { place.number.to_string() };
    view! {
        <li>
            <button
                type="button"
                class="key"
                class:changed=move || mark.with(|mark| mark.is_some_and(|(class, ..)| class == "run"))
                on:click=move |_| edit.run(index)
            >
                <span class="n">
                    {(place.part != Part::Fixed)
                        .then(|| view! { <span class="vh">{texts::configuration::key_word(lang())}</span> })}
                    {number}
                </span>
                {move || {
                    mark.get()
                        .map(|(class, icon, words)| {
                            view! {
                                <span class=format!("st {class}") title=words>
                                    <Icon name=icon />
                                    <span class="vh">{words}</span>
                                </span>
                            }
                        })
                }}
                <span class="l clip">{move || label.get()}</span>
                <span class="f clip">
                    {move || {
                        function.get().unwrap_or_else(|| texts::configuration::nothing_on_key(lang()).to_owned())
                    }}
                </span>
            </button>
        </li>
    }
}
