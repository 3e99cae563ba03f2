//! Fields an administrator has added to clients: their values in forms, and the dialog that changes those of one client.
//! A value can bring the client into a group or stand in a template: then a plan shows first what that changes.

use std::collections::BTreeMap;

use api::client::ClientView;
use api::client_field::{ClientFieldView, LONGEST_FIELD, SetClientFields};
use api::{Code, Page};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::look;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::TextField;
use crate::components::states::{Difference, Differences, EmptyState, FailureNote};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::{Loaded, load};
use crate::pages::plans::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::texts::{self, lang};

/// Where fields are made.
const PLACE: &str = "/groups/fields";
/// Most characters of a value.
const LONGEST: u32 = LONGEST_FIELD as u32;

/// Values by the names of their fields.
pub(super) type Values = BTreeMap<String, String>;

/// The fields there are.
pub(super) fn known_fields() -> Loaded<Page<ClientFieldView>> {
    load(|| client::get::<Page<ClientFieldView>>("/client-fields")).live(Resource::ClientFields)
}

/// Values that are something, without the spaces around them.
pub(super) fn given(values: &Values) -> Values {
    let given = values.iter().map(|(name, text)| (name.clone(), text.trim().to_owned()));
    given.filter(|(_, text)| !text.is_empty()).collect()
}

/// What somebody else changed meanwhile, of what was not changed here: the typed values follow it.
fn follow(typed: &mut Values, before: &Values, now: &Values) {
    let names: Vec<String> = before.keys().chain(now.keys()).cloned().collect();
    for name in names {
        let untouched = typed.get(&name).map(|text| text.trim()).unwrap_or_default()
            == before.get(&name).map(String::as_str).unwrap_or_default();
        if untouched {
            typed.insert(name.clone(), now.get(&name).cloned().unwrap_or_default());
        }
    }
}

/// What is different of the fields, with their labels.
fn differences(fields: &[ClientFieldView], before: &Values, now: &Values) -> Vec<Difference> {
    let of = |values: &Values, name: &str| values.get(name).cloned().unwrap_or_else(look::dash);
    let differs = fields.iter().filter(|field| before.get(&field.name) != now.get(&field.name));
    differs
        .map(|field| Difference {
            name: field.label.clone(),
            before: of(before, &field.name),
            now: of(now, &field.name),
        })
        .collect()
}

/// A text field for each.
#[component]
pub(super) fn FieldInputs(
    /// The fields.
    fields: Vec<ClientFieldView>,
    /// Their values, as typed.
    values: RwSignal<Values>,
    /// Why the server refused.
    failure: RwSignal<Option<Failure>>,
) -> impl IntoView {
    let one = move |field: ClientFieldView| {
        let ClientFieldView { name, label, .. } = field;
        let value =
            RwSignal::new(values.with_untracked(|values| values.get(&name).cloned()).unwrap_or_default());
        let own = name.clone();
        Effect::new(move |_| {
            let text = value.get();
            if values.with_untracked(|values| values.get(&own).is_some_and(|now| *now == text)) {
                return;
            }
            values.update(|values| {
                values.insert(own.clone(), text);
            });
        });
        // Values that follow what somebody else changed.
        let watched = name.clone();
        let now = Memo::new(move |_| values.with(|values| values.get(&watched).cloned()).unwrap_or_default());
        Effect::new(move |_| {
            let now = now.get();
            if value.with_untracked(|value| *value != now) {
                value.set(now);
            }
        });
        let pointer = format!("/fields/{name}");
        let error = Signal::derive(move || {
            failure.with(|failure| failure.as_ref().and_then(|failure| failure.field(lang(), &pointer)))
        });
        view! {
            <TextField
                label=label
                value=value
                error=error
                help=Some(texts::clients::field_variable(lang(), format!("{{{name}}}")))
                max_length=LONGEST
            />
        }
    };
    fields.into_iter().map(one).collect_view()
}

/// The dialog with the fields of one client.
#[component]
pub(super) fn FieldsDialog(open: RwSignal<bool>, client: RwSignal<Option<ClientView>>) -> impl IntoView {
    let title = Signal::derive(move || {
        let name = client.with(|client| client.as_ref().map(look::name)).unwrap_or_default();
        texts::clients::fields_of(lang(), name)
    });
    let dirty = RwSignal::new(false);
    view! {
        <Dialog open=open title=title dirty=dirty on_close=Callback::new(move |()| dirty.set(false))>
            {move || {
                let client = client.get_untracked()?;
                let known = known_fields();
                Some(
                    known
                        .show(
                            4,
                            move |fields: Signal<Page<ClientFieldView>>| {
                                let fields = fields.get_untracked().items;
                                view! { <Form open=open dirty=dirty client=client.clone() fields=fields /> }
                                    .into_any()
                            },
                        ),
                )
            }}
        </Dialog>
    }
}

#[component]
fn Form(
    open: RwSignal<bool>,
    dirty: RwSignal<bool>,
    client: ClientView,
    fields: Vec<ClientFieldView>,
) -> impl IntoView {
    if fields.is_empty() {
        return view! {
            <EmptyState
                text=texts::clients::no_fields(lang()).to_owned()
                hint=Some(texts::clients::no_fields_hint(lang()).to_owned())
            >
                <LinkButton href=PLACE.to_owned()>{texts::clients::make_fields(lang())}</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    let values = RwSignal::new(client.fields.clone());
    let before = RwSignal::new(client);
    let failure = RwSignal::new(None::<Failure>);
    let required = RwSignal::new(None::<RequiredPlan>);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let busy = RwSignal::new(false);
    Effect::new(move |_| {
        let same = values.with(|values| before.with(|before| given(values) == before.fields));
        dirty.set(!same);
    });
    let known = StoredValue::new(fields.clone());
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| {
            let errors =
                failure.problem.as_ref().map(|problem| problem.errors.as_slice()).unwrap_or_default();
            errors.is_empty() || errors.iter().any(|error| !error.field.starts_with("/fields/"))
        })
    });
    let close = move |said: bool| {
        dirty.set(false);
        open.set(false);
        live::touch(Resource::Clients);
        if said {
            toast::show(texts::clients::changed_now(lang(), before.with_untracked(look::name)));
        }
    };
    let send = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        differs.set(Vec::new());
        let (id, revision) = before.with_untracked(|before| (before.id, before.revision));
        // It is this one client that they mean.
        let set = SetClientFields { fields: values.with_untracked(given), confirm: Some(1) };
        spawn_local(async move {
            let answer = match Call::put(&format!("/clients/{id}/fields")).if_match(revision).json(&set) {
                Ok(call) => call.done().await,
                Err(failure) => Err(failure),
            };
            let changed = answer.as_ref().err().and_then(Failure::code) == Some(Code::PreconditionFailed);
            let now =
                if changed { client::get::<ClientView>(&format!("/clients/{id}")).await.ok() } else { None };
            if busy.try_set(false).is_some() {
                return;
            }
            if let Some(now) = now {
                let was = before.with_untracked(|before| before.fields.clone());
                values.update(|values| follow(values, &was, &now.fields));
                differs.set(known.with_value(|known| differences(known, &was, &now.fields)));
                before.set(now);
            }
            match answer {
                Ok(()) => close(true),
                Err(problem) => match required_by(&problem) {
                    Some(plan) => required.set(Some(plan)),
                    None => failure.set(Some(problem)),
                },
            }
        });
    };
    view! {
        <form
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <p class="soft">{texts::clients::fields_text(lang())}</p>
            <FailureNote failure=rest />
            <Differences lines=differs />
            <FieldInputs fields=fields values=values failure=failure />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    dirty.set(false);
                    open.set(false);
                })>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy>
                    {texts::clients::save_changes(lang())}
                </Button>
            </DialogButtons>
        </form>
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |()| close(false))
            on_again=Callback::new(move |()| send())
        />
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{Values, follow, given};

    fn values<const N: usize>(values: [(&str, &str); N]) -> Values {
        values.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn an_empty_value_is_none() {
        assert_eq!(given(&values([("site", " Hamburg "), ("floor", "  ")])), values([("site", "Hamburg")]));
    }

    #[test]
    fn what_was_typed_stays_when_somebody_else_changed_the_rest() {
        let mut typed = values([("site", "Berlin"), ("floor", "2")]);
        let before = values([("site", "Hamburg"), ("floor", "2")]);
        follow(&mut typed, &before, &values([("site", "Kiel"), ("floor", "3"), ("room", "12")]));
        assert_eq!(typed, values([("site", "Berlin"), ("floor", "3"), ("room", "12")]));
    }
}
