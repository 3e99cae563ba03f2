//! The form of a prepared client: a new one, one like another, or a change of one that no phone has matched yet
//! (OSEM §4.1, D-1, D-3). What is typed is checked by the rules the server uses.

use api::Code;
use api::Page;
use api::client::ClientView;
use api::client_field::ClientFieldView;
use api::model::DeviceModelView;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::differences;
use super::fields::{FieldInputs, known_fields};
use super::{fleet, look};
use crate::address::with_fields;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::checkbox::Checkbox;
use crate::components::combobox::Combobox;
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::{SecretField, TextField};
use crate::components::select::{Choice, Select};
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::load;
use crate::texts::{self, lang};

use typed::{Typed, number_fault, pin_fault};
pub(super) use typed::{device_fault, given};

mod typed;

/// What the form is for.
#[derive(Clone, Debug)]
pub(super) enum Preparing {
    /// A new client.
    New,
    /// A new client with model and software of this one.
    Like(Box<ClientView>),
    /// A change of this one.
    Change(Box<ClientView>),
}

const SOFTWARE: [&str; 2] = ["SIP", "HFA"];
const FIELDS: [&str; 6] = ["/e164", "/device_id", "/model", "/software_type", "/deployment_pin", "/template"];

/// The dialog with the form.
#[component]
pub(super) fn PrepareDialog(open: RwSignal<bool>, preparing: RwSignal<Option<Preparing>>) -> impl IntoView {
    let title = Signal::derive(move || match preparing.get() {
        Some(Preparing::Change(client)) => texts::clients::change_title(lang(), look::name(&client)),
        Some(Preparing::New | Preparing::Like(_)) | None => texts::clients::new_client(lang()).to_owned(),
    });
    let dirty = RwSignal::new(false);
    view! {
        <Dialog open=open title=title dirty=dirty>
            {move || {
                let preparing = preparing.get_untracked().unwrap_or(Preparing::New);
                view! { <Form open=open dirty=dirty preparing=preparing /> }
            }}
        </Dialog>
    }
}

/// The field that holds what another client has already.
fn field_of(code: Code) -> Option<&'static str> {
    match code {
        Code::NumberInUse => Some("/e164"),
        Code::DeviceIdInUse => Some("/device_id"),
        Code::DeploymentPinInUse => Some("/deployment_pin"),
        _ => None,
    }
}

#[component]
fn Form(open: RwSignal<bool>, dirty: RwSignal<bool>, preparing: Preparing) -> impl IntoView {
    let typed = Typed::begin(&preparing);
    let change = match &preparing {
        Preparing::Change(client) => Some(StoredValue::new(client.clone())),
        Preparing::New | Preparing::Like(_) => None,
    };
    let began = untrack(|| typed.all());
    Effect::new(move |_| dirty.set(typed.all() != began));
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let known = Signal::derive(move || models.data.get().map(|page| page.items).unwrap_or_default());
    let choices = Signal::derive(move || {
        known.get().into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    // What the model runs; of an unknown one, everything there is.
    let software = Memo::new(move |_| {
        let name = typed.model.get();
        let runs = known.with(|known| {
            known.iter().find(|model| model.name == name).map(|model| model.software_types.clone())
        });
        runs.unwrap_or_else(|| SOFTWARE.map(str::to_owned).to_vec())
    });
    Effect::new(move |_| {
        let runs = software.get();
        if !typed.software.with_untracked(|now| runs.contains(now))
            && let Some(first) = runs.first()
        {
            typed.software.set(first.clone());
        }
    });
    let software_choices = Signal::derive(move || {
        software.get().into_iter().map(|word| Choice::new(word.clone(), word)).collect::<Vec<_>>()
    });

    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let looked = RwSignal::new(false);
    let key = StoredValue::new(idempotency_key());
    let nothing = move || {
        [typed.e164, typed.device_id, typed.pin]
            .iter()
            .all(|typed| typed.with(|typed| given(typed).is_none()))
    };
    // What another client has already belongs to its field as well, though the answer names none.
    let taken = move |name: &str| {
        let code = failure.with(|failure| failure.as_ref().and_then(Failure::code))?;
        (field_of(code) == Some(name)).then(|| failure.get().map(|failure| failure.text(lang())))?
    };
    let refused = move |name: &str| {
        let own = failure.with(|failure| failure.as_ref().and_then(|failure| failure.field(lang(), name)));
        own.or_else(|| taken(name))
    };
    let shown = move |left: RwSignal<bool>,
                      typed: RwSignal<String>,
                      check: fn(&str) -> Option<String>,
                      name: &'static str| {
        Signal::derive(move || {
            let own = (left.get() || looked.get()).then(|| typed.with(|typed| check(typed))).flatten();
            own.or_else(|| refused(name))
        })
    };
    let (left_number, left_device, left_pin) =
        (RwSignal::new(false), RwSignal::new(false), RwSignal::new(false));
    let number_error = shown(left_number, typed.e164, number_fault, "/e164");
    let device_error = shown(left_device, typed.device_id, device_fault, "/device_id");
    let pin_error = shown(left_pin, typed.pin, pin_fault, "/deployment_pin");
    let one_needed = Signal::derive(move || looked.get() && nothing() && change.is_none());
    let in_use = Memo::new(move |_| {
        failure.with(|failure| failure.as_ref().and_then(Failure::code)) == Some(Code::NumberInUse)
    });
    let rest = Signal::derive(move || {
        failure
            .get()
            .filter(|failure| !failure.is_about(&FIELDS) && failure.code().and_then(field_of).is_none())
    });

    let differs = RwSignal::new(Vec::<Difference>::new());
    let send = move || {
        looked.set(true);
        let wrong = untrack(|| {
            let is_wrong = |text: RwSignal<String>, check: fn(&str) -> Option<String>| {
                text.with(|text| check(text).is_some())
            };
            is_wrong(typed.e164, number_fault)
                || is_wrong(typed.device_id, device_fault)
                || is_wrong(typed.pin, pin_fault)
        });
        if busy.get_untracked() || wrong || untrack(|| one_needed.get()) {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let call = match change {
                Some(client) => {
                    let client = client.get_value();
                    let path = format!("/clients/{}", client.id);
                    Call::patch(&path).if_match(client.revision).json(&typed.as_change(&client))
                }
                None => Call::post("/clients").once(&key.get_value()).json(&typed.as_new()),
            };
            let answer = match call {
                Ok(call) => call.answer::<ClientView>().await,
                Err(failure) => Err(failure),
            };
            if let (Err(problem), Some(client)) = (&answer, change)
                && problem.code() == Some(Code::PreconditionFailed)
                && let Some(before) = client.try_get_value()
                && let Ok(now) = client::get::<ClientView>(&format!("/clients/{}", before.id)).await
            {
                typed.follow(&before, &now);
                let _ = differs.try_set(differences(&before, &now));
                client.try_set_value(Box::new(now));
            }
            let _ = busy.try_set(false);
            match answer {
                Ok(client) => {
                    dirty.set(false);
                    open.set(false);
                    live::touch(Resource::Clients);
                    say(&client, change.is_some());
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    let _ = failure.try_set(Some(problem));
                }
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
            <p class="soft">{texts::clients::prepare_text(lang())}</p>
            <FailureNote failure=rest />
            <Differences lines=differs />
            {move || {
                one_needed
                    .get()
                    .then(|| {
                        view! {
                            <p class="errtext" role="alert">
                                {texts::clients::one_needed(lang())}
                            </p>
                        }
                    })
            }}
            <TextField
                label=texts::clients::e164(lang()).to_owned()
                value=typed.e164
                error=number_error
                help=Some(texts::clients::e164_help(lang()).to_owned())
                inputmode="tel"
                max_length=32
                optional=true
                on_blur=Callback::new(move |()| left_number.set(true))
            />
            {move || {
                in_use
                    .get()
                    .then(|| {
                        let href = with_fields("/clients", &[("q", typed.e164.get_untracked())]);
                        view! {
                            <div class="row wrap between">
                                <Checkbox label=texts::clients::force(lang()).to_owned() checked=typed.force />
                                <a href=href target="_blank" rel="noopener">
                                    {texts::clients::show_other(lang())}
                                </a>
                            </div>
                        }
                    })
            }}
            <TextField
                label=texts::clients::device_id(lang()).to_owned()
                value=typed.device_id
                error=device_error
                help=Some(texts::clients::device_id_help(lang()).to_owned())
                max_length=80
                mono=true
                optional=true
                on_blur=Callback::new(move |()| left_device.set(true))
            />
            <SecretField
                label=texts::clients::pin(lang()).to_owned()
                value=typed.pin
                error=pin_error
                help=Some(
                    if change.is_some() {
                        texts::clients::pin_stays(lang())
                    } else {
                        texts::clients::pin_help(lang())
                    }
                        .to_owned(),
                )
                autocomplete="off"
                on_blur=Callback::new(move |()| left_pin.set(true))
            />
            <Combobox
                label=texts::clients::model(lang()).to_owned()
                value=typed.model
                choices=choices
                help=Some(texts::clients::model_help(lang()).to_owned())
                error=Signal::derive(move || refused("/model"))
            />
            <Select
                label=texts::clients::software_type(lang()).to_owned()
                value=typed.software
                choices=software_choices
                error=Signal::derive(move || refused("/software_type"))
            />
            <Combobox
                label=texts::clients::onboarding_template(lang()).to_owned()
                value=typed.template
                choices=fleet::template_choices()
                help=Some(texts::clients::onboarding_template_help(lang()).to_owned())
                error=Signal::derive(move || refused("/template"))
            />
            {change.is_none().then(|| view! { <More typed=typed failure=failure /> })}
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    dirty.set(false);
                    open.set(false);
                })>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy>
                    {if change.is_some() {
                        texts::clients::save_changes(lang())
                    } else {
                        texts::clients::prepare(lang())
                    }}
                </Button>
            </DialogButtons>
        </form>
    }
}

/// The fields an administrator has added, folded until somebody wants them; of a client that is there they have a dialog of
/// their own.
#[component]
fn More(typed: Typed, failure: RwSignal<Option<Failure>>) -> impl IntoView {
    let known = known_fields();
    let wrong = Memo::new(move |_| {
        failure.with(|failure| {
            let problem = failure.as_ref().and_then(|failure| failure.problem.as_ref());
            problem
                .is_some_and(|problem| problem.errors.iter().any(|error| error.field.starts_with("/fields/")))
        })
    });
    let filled = typed.fields.with_untracked(|fields| !fields.is_empty());
    let shown = move || {
        let fields: Vec<ClientFieldView> = known.data.get().map(|page| page.items).unwrap_or_default();
        (!fields.is_empty()).then(|| {
            view! {
                <details class="fold" open=move || filled || wrong.get()>
                    <summary>{texts::clients::fields(lang())}</summary>
                    <div class="form">
                        <FieldInputs fields=fields values=typed.fields failure=failure />
                    </div>
                </details>
            }
        })
    };
    view! { {shown} }
}

fn say(client: &ClientView, changed: bool) {
    let name = look::name(client);
    let text = if changed {
        texts::clients::changed_now(lang(), name)
    } else {
        texts::clients::prepared_now(lang(), name)
    };
    toast::show_link(
        text,
        texts::clients::configure(lang()),
        format!("/clients/{}/configuration", client.id),
    );
}
