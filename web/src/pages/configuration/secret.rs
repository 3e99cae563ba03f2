//! Secrets: never shown. The field says whether one is set; a dialog takes a new one.

use domain::catalogue::{Parameter, ParameterKey, TextFormat, Value, ValueType};
use leptos::prelude::*;

use super::editor::Editor;
use super::edits::Edit;
use super::words;
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::{SecretField, TextArea};
use crate::components::icon::Icon;
use crate::texts::{self, lang};

/// What stands in the place of a secret, and the button that changes it.
#[component]
pub fn SecretControl(
    /// What the parts share.
    editor: Editor,
    /// The parameter.
    parameter: Parameter,
    /// Which entry of it.
    key: ParameterKey,
    /// Id of the button.
    id: String,
    /// Id of what describes it.
    described: String,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let place = StoredValue::new(key);
    let is_set = move || place.with_value(|key| editor.state(key)).is_some_and(|state| state.desired_set);
    let edit = move || place.with_value(|key| editor.edit(key));
    let now = move || {
        let words = match edit() {
            Some(Edit::Remove) if editor.is_template() => texts::configuration::removed_from_template(lang()),
            Some(Edit::Remove) => texts::configuration::will_be_removed(lang()),
            Some(_) => texts::configuration::new_entered(lang()),
            None if is_set() => texts::configuration::set_not_shown(lang()),
            None if editor.is_one() || editor.is_template() => texts::configuration::not_set(lang()),
            None => editor.nothing(),
        };
        words.to_owned()
    };
    let name = words::text(&parameter.label).to_owned();
    let title = texts::configuration::change_secret(lang(), &name);
    let spoken = title.clone();
    let parameter = StoredValue::new(parameter);
    view! {
        <span class="row">
            <span class="in ro grow">
                <span class="grow clip" title=now>{now}</span>
                <Icon name="key" />
            </span>
            <button
                id=id
                type="button"
                class="btn sm"
                aria-label=spoken
                aria-describedby=described
                on:click=move |_| open.set(true)
            >
                {texts::configuration::change(lang())}
            </button>
        </span>
        <Dialog open=open title=title dirty=Signal::derive(|| true)>
            <NewSecret editor=editor parameter=parameter.get_value() key=place.get_value() open=open />
        </Dialog>
    }
}

#[component]
fn NewSecret(editor: Editor, parameter: Parameter, key: ParameterKey, open: RwSignal<bool>) -> impl IntoView {
    let lines = matches!(&parameter.value, ValueType::Text { format: TextFormat::Certificate, .. });
    let first = RwSignal::new(String::new());
    let again = RwSignal::new(String::new());
    let shown = RwSignal::new(false);
    let tried = RwSignal::new(false);
    let help = words::limits(&parameter);
    let parameter = StoredValue::new(parameter);
    let key = StoredValue::new(key);
    let value = move || {
        let typed = first.get();
        parameter.with_value(|parameter| match &parameter.value {
            ValueType::Integer { .. } => {
                typed.trim().parse().map_or(Value::Text(typed.clone()), Value::Integer)
            }
            _ => Value::Text(typed.clone()),
        })
    };
    let wrong = move || {
        if first.with(String::is_empty) {
            return tried.get().then(|| texts::configuration::enter_secret(lang()).to_owned());
        }
        parameter.with_value(|parameter| key.with_value(|key| editor.check(parameter, key.index, &value())))
    };
    let differs = move || {
        let differs = !lines && again.with(|again| first.with(|first| again != first));
        let started = !again.with(String::is_empty) || tried.get();
        (differs && started).then(|| texts::configuration::not_the_same(lang()).to_owned())
    };
    let take = move || {
        tried.set(true);
        if untrack(wrong).is_none() && untrack(differs).is_none() {
            key.with_value(|key| editor.set(key, Some(Edit::Set(untrack(value)))));
            open.set(false);
        }
    };
    let removable = key.with_value(|key| {
        editor.states.with_untracked(|states| states.get(key).is_some_and(|state| editor.is_own(state)))
    });
    view! {
        <form on:submit=move |event| {
            event.prevent_default();
            event.stop_propagation();
            take();
        }>
            {if lines {
                view! {
                    <TextArea
                        label=texts::configuration::new_value(lang()).to_owned()
                        value=first
                        rows=8
                        mono=true
                        error=Signal::derive(wrong)
                    />
                }
                    .into_any()
            } else {
                view! {
                    <SecretField
                        label=texts::configuration::new_value(lang()).to_owned()
                        value=first
                        shown=shown
                        help=help
                        error=Signal::derive(wrong)
                        autocomplete="new-password"
                    />
                    <SecretField
                        label=texts::configuration::once_more(lang()).to_owned()
                        value=again
                        shown=shown
                        error=Signal::derive(differs)
                        autocomplete="new-password"
                    />
                    <label class="check">
                        <input type="checkbox" class="ck" bind:checked=shown />
                        <span>{texts::configuration::show_typed(lang())}</span>
                    </label>
                }
                    .into_any()
            }}
            <DialogButtons>
                {removable
                    .then(|| {
                        view! {
                            <Button
                                kind=ButtonKind::Ghost
                                size=ButtonSize::Medium
                                on_press=Callback::new(move |()| {
                                    key.with_value(|key| editor.set(key, Some(Edit::Remove)));
                                    open.set(false);
                                })
                            >
                                {if editor.is_template() {
                                    texts::configuration::remove_from_template(lang())
                                } else {
                                    texts::configuration::remove_here(lang())
                                }}
                            </Button>
                        }
                    })}
                <Button on_press=Callback::new(move |()| open.set(false))>
                    {texts::common::cancel(lang())}
                </Button>
                <Button kind=ButtonKind::Primary>{texts::configuration::take_over(lang())}</Button>
            </DialogButtons>
        </form>
    }
}
