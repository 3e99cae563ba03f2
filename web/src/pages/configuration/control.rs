//! The control of one value, by the type of the value. What is typed stays as typed until the field is left.

use domain::catalogue::{Parameter, ParameterKey, TextFormat, Value, ValueType};
use leptos::prelude::*;

use super::editor::Editor;
use super::edits::{Edit, text_of};
use super::order::OrderList;
use super::secret::SecretControl;
use super::variables::InsertVariable;
use super::words;
use crate::components::icon::Icon;
use crate::texts::{self, lang};

/// The id of the control of a value.
pub fn control_id(key: &ParameterKey) -> String {
    format!("p-{key}")
}

/// The control of one value.
#[component]
pub fn Control(
    /// What the parts share.
    editor: Editor,
    /// The parameter.
    parameter: Parameter,
    /// Which entry of it.
    key: ParameterKey,
    /// Id of what describes it.
    described: String,
    /// Whether its field was left once: from then on faults are shown while typing.
    left: RwSignal<bool>,
) -> impl IntoView {
    let id = control_id(&key);
    let locked = editor.states.with_untracked(|states| states.get(&key).is_some_and(|state| state.locked));
    if parameter.read_only || !editor.may || locked || !editor.is_settable(&parameter) {
        return view! { <ReadOnly editor=editor parameter=parameter key=key id=id described=described /> }
            .into_any();
    }
    if parameter.secret {
        return view! { <SecretControl editor=editor parameter=parameter key=key id=id described=described /> }.into_any();
    }
    match &parameter.value {
        ValueType::Bool { .. } => {
            view! { <YesNo editor=editor parameter=parameter key=key id=id described=described /> }.into_any()
        }
        ValueType::Enum { choices } => {
            let choices =
                choices.iter().map(|choice| (choice.key.clone(), words::text(&choice.label).to_owned()));
            let choices: Vec<(String, String)> = choices.collect();
            view! { <Chooser editor=editor parameter=parameter key=key id=id described=described choices=choices /> }
                .into_any()
        }
        ValueType::List { .. } => {
            view! { <OrderList editor=editor parameter=parameter key=key id=id described=described /> }
                .into_any()
        }
        ValueType::Integer { .. } | ValueType::Text { .. } => {
            view! { <Typing editor=editor parameter=parameter key=key id=id described=described left=left /> }
                .into_any()
        }
    }
}

#[component]
fn ReadOnly(
    editor: Editor,
    parameter: Parameter,
    key: ParameterKey,
    id: String,
    described: String,
) -> impl IntoView {
    let shown = move || match editor.shown(&key) {
        Some(value) => words::value(&parameter, &value),
        None if parameter.secret && editor.state(&key).is_some_and(|state| state.desired_set) => {
            texts::configuration::set_not_shown(lang()).to_owned()
        }
        None => "–".to_owned(),
    };
    view! {
        <span class="in ro">
            <input id=id readonly=true prop:value=shown aria-describedby=described />
            <Icon name="lock" />
        </span>
    }
}

/// A switch when the value is known, else a choice that can also say that nothing is known.
#[component]
fn YesNo(
    editor: Editor,
    parameter: Parameter,
    key: ParameterKey,
    id: String,
    described: String,
) -> impl IntoView {
    let place = StoredValue::new(key);
    let value = move || match place.with_value(|key| editor.shown(key)) {
        Some(Value::Bool(on)) => Some(on),
        _ => None,
    };
    let known = editor.is_one() && place.with_value(|key| untrack(|| editor.before(key))).is_some();
    if known {
        let word = move || {
            if value() == Some(true) { texts::common::yes(lang()) } else { texts::common::no(lang()) }
        };
        return view! {
            <span class="yesno">
                <input
                    id=id
                    type="checkbox"
                    role="switch"
                    class="sw"
                    aria-describedby=described
                    prop:checked=move || value() == Some(true)
                    on:change:target=move |event| {
                        let on = event.target().checked();
                        place.with_value(|key| editor.set(key, Some(Edit::Set(Value::Bool(on)))));
                    }
                />
                <span aria-hidden="true">{word}</span>
            </span>
        }
        .into_any();
    }
    let choices = vec![
        ("true".to_owned(), texts::common::yes(lang()).to_owned()),
        ("false".to_owned(), texts::common::no(lang()).to_owned()),
    ];
    let key = place.get_value();
    view! { <Chooser editor=editor parameter=parameter key=key id=id described=described choices=choices /> }
        .into_any()
}

#[component]
fn Chooser(
    editor: Editor,
    parameter: Parameter,
    key: ParameterKey,
    id: String,
    described: String,
    choices: Vec<(String, String)>,
) -> impl IntoView {
    let place = StoredValue::new(key);
    let parameter = StoredValue::new(parameter);
    let now = Memo::new(move |_| {
        place.with_value(|key| editor.shown(key)).map(|value| text_of(&value)).unwrap_or_default()
    });
    let nothing = editor.nothing();
    let known: Vec<String> = choices.iter().map(|(value, _)| value.clone()).collect();
    let options = choices.into_iter().map(|(value, label)| {
        let own = value.clone();
        view! {
            <option value=value selected=move || now.with(|now| *now == own)>
                {label}
            </option>
        }
    });
    let options: Vec<_> = options.collect();
    // A value the catalogue does not list is shown all the same.
    let other = move || {
        let now = now.get();
        let unknown = !now.is_empty() && !known.contains(&now);
        unknown.then(|| view! { <option value=now.clone() selected=true>{now.clone()}</option> })
    };
    view! {
        <select
            id=id
            class="in"
            class:err=move || place.with_value(|key| editor.fault(key)).is_some()
            aria-describedby=described
            aria-invalid=move || place.with_value(|key| editor.fault(key)).is_some().then_some("true")
            prop:value=move || now.get()
            on:change:target=move |event| {
                let chosen = event.target().value();
                parameter
                    .with_value(|parameter| {
                        place
                            .with_value(|key| {
                                if chosen.is_empty() {
                                    let own = editor
                                        .states
                                        .with_untracked(|states| states.get(key).is_some_and(|state| editor.is_own(state)));
                                    editor.set(key, own.then_some(Edit::Remove));
                                    // What comes from a template stays chosen.
                                    event.target().set_value(&now.get_untracked());
                                } else {
                                    editor.type_in(parameter, key, &chosen);
                                }
                            });
                    });
            }
        >
            <option value="" selected=move || now.with(String::is_empty)>{nothing}</option>
            {other}
            {options}
        </select>
    }
}

#[component]
fn Typing(
    editor: Editor,
    parameter: Parameter,
    key: ParameterKey,
    id: String,
    described: String,
    left: RwSignal<bool>,
) -> impl IntoView {
    let (lines, numeric, most) = match &parameter.value {
        ValueType::Text { format: TextFormat::Certificate, .. } => (true, false, 65_536),
        ValueType::Text { format, .. } => (false, matches!(format, TextFormat::Digits), 4_096),
        _ => (false, true, 20),
    };
    let unit = parameter.unit.as_ref().map(|unit| words::text(unit).to_owned());
    let place = StoredValue::new(key);
    let parameter = StoredValue::new(parameter);
    // While somebody types, the field shows exactly that.
    let typed = RwSignal::new(None::<String>);
    let kept = Memo::new(move |_| {
        place.with_value(|key| editor.shown(key)).map(|value| text_of(&value)).unwrap_or_default()
    });
    let text = move || typed.get().unwrap_or_else(|| kept.get());
    let wrong = move || left.get() && place.with_value(|key| editor.fault(key)).is_some();
    // Certificates are the same for everybody.
    let variables = (editor.is_template() && !lines).then(|| {
        let (id, text) = (id.clone(), Signal::derive(text));
        let take = Callback::new(move |text: String| {
            parameter.with_value(|parameter| place.with_value(|key| editor.type_in(parameter, key, &text)));
        });
        view! { <InsertVariable editor=editor id=id text=text take=take /> }
    });
    let take = move |text: String| {
        parameter.with_value(|parameter| place.with_value(|key| editor.type_in(parameter, key, &text)));
        typed.set(Some(text));
    };
    // Something that is no value stays as it was typed.
    let leave = move || typed.set(None);
    let placeholder = move || {
        if editor.is_template() {
            return String::new();
        }
        let nothing = (!editor.is_one()).then(|| editor.nothing().to_owned());
        let default = || parameter.with_value(|parameter| parameter.default.as_ref().map(text_of));
        nothing.or_else(default).unwrap_or_default()
    };
    if lines {
        return view! {
            <textarea
                id=id
                class="in mono"
                class:err=wrong
                rows="3"
                spellcheck="false"
                maxlength=most
                placeholder=placeholder
                aria-describedby=described
                aria-invalid=move || wrong().then_some("true")
                prop:value=text
                on:input:target=move |event| take(event.target().value())
                on:blur=move |_| leave()
            ></textarea>
        }
        .into_any();
    }
    view! {
        <span class="in" class:err=wrong>
            <input
                id=id
                autocomplete="off"
                spellcheck="false"
                inputmode=if numeric && !editor.is_template() { "numeric" } else { "text" }
                maxlength=if editor.is_template() { 4_096 } else { most }
                placeholder=placeholder
                aria-describedby=described
                aria-invalid=move || wrong().then_some("true")
                prop:value=text
                on:input:target=move |event| take(event.target().value())
                on:blur=move |_| leave()
            />
            {unit.map(|unit| view! { <span class="unit">{unit}</span> })}
            {variables}
        </span>
    }
    .into_any()
}
