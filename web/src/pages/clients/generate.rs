//! A template made of what one client has (OSEM §4.5.6): its name, for whom it is, and which values it takes.

use api::Page;
use api::client::ClientView;
use api::model::DeviceModelView;
use api::plan::ParameterEntry;
use api::template::{GenerateTemplate, NewTemplate, TemplateView, WEAKEST_RANK};
use domain::catalogue::ParameterKey;
use domain::layers::{SoftwareUpdate, TemplateKind};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::look;
use crate::address::with_fields;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::combobox::Choices;
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::field::{NumberField, TextField};
use crate::components::select::{Choice, Select};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::plans::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::pages::templates::words;
use crate::texts::{self, lang};

use parameters::{Chosen, Parameters};

mod parameters;

const FIELDS: [&str; 6] = [
    "/template/name",
    "/template/kind",
    "/template/rank",
    "/template/models",
    "/template/software_types",
    "/template/software_update",
];

/// A template that was made: its id when it is known already, and its name.
#[derive(Clone, Debug)]
struct Made {
    id: Option<domain::TemplateId>,
    name: String,
    settings: u64,
}

/// The dialog.
#[component]
pub(super) fn GenerateDialog(open: RwSignal<bool>, client: RwSignal<Option<ClientView>>) -> impl IntoView {
    let title = Signal::derive(move || {
        client.with(|client| {
            let name = client.as_ref().map(look::name).unwrap_or_default();
            texts::copies::generate_title(lang(), name)
        })
    });
    let made = RwSignal::new(None::<Made>);
    let dirty = RwSignal::new(false);
    view! {
        <Dialog
            open=open
            title=title
            size=DialogSize::Table
            dirty=dirty
            on_close=Callback::new(move |()| {
                made.set(None);
                dirty.set(false);
            })
        >
            {move || match (made.get(), client.get_untracked()) {
                (Some(done), _) => view! { <Done done=done open=open made=made /> }.into_any(),
                (None, Some(client)) => {
                    view! { <Form open=open dirty=dirty made=made client=client /> }.into_any()
                }
                (None, None) => ().into_any(),
            }}
        </Dialog>
    }
}

/// What is typed.
#[derive(Clone, Copy)]
struct Typed {
    name: RwSignal<String>,
    kind: RwSignal<String>,
    rank: RwSignal<String>,
    models: RwSignal<Vec<String>>,
    software: RwSignal<String>,
    update: RwSignal<String>,
}

impl Typed {
    fn of(client: &ClientView) -> Self {
        // Only what a template can be for: a client with other software gets one for all.
        let software = client.software_type.clone().filter(|word| matches!(word.as_str(), "SIP" | "HFA"));
        Self {
            name: RwSignal::new(String::new()),
            kind: RwSignal::new(TemplateKind::Default.as_str().to_owned()),
            rank: RwSignal::new("1".to_owned()),
            models: RwSignal::new(client.model.clone().into_iter().collect()),
            software: RwSignal::new(software.unwrap_or_default()),
            update: RwSignal::new(SoftwareUpdate::Ignored.as_str().to_owned()),
        }
    }

    fn name_fault(self) -> Option<&'static str> {
        self.name.with(|name| name.trim().is_empty()).then(|| texts::copies::name_needed(lang()))
    }

    fn rank(self) -> Option<u16> {
        let rank = self.rank.with(|rank| rank.trim().parse::<u16>().ok())?;
        (1..=WEAKEST_RANK).contains(&rank).then_some(rank)
    }

    fn request(self, parameters: Vec<ParameterKey>, secrets: bool) -> Option<GenerateTemplate> {
        let software = self.software.get();
        let template = NewTemplate {
            name: self.name.get().trim().to_owned(),
            description: String::new(),
            kind: TemplateKind::parse(&self.kind.get())?,
            rank: self.rank()?,
            models: self.models.get(),
            software_types: Some(software).filter(|word| !word.is_empty()).into_iter().collect(),
            software_update: SoftwareUpdate::parse(&self.update.get())?,
            secure_mode: None,
            values: Vec::new(),
        };
        let entry = |key: ParameterKey| ParameterEntry { parameter: key.parameter, index: key.index };
        Some(GenerateTemplate { template, parameters: parameters.into_iter().map(entry).collect(), secrets })
    }
}

#[component]
fn Form(
    open: RwSignal<bool>,
    dirty: RwSignal<bool>,
    made: RwSignal<Option<Made>>,
    client: ClientView,
) -> impl IntoView {
    let id = client.id;
    let typed = Typed::of(&client);
    let chosen = Chosen::new();
    Effect::new(move |_| dirty.set(typed.name.with(|name| !name.trim().is_empty())));
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let choices = Signal::derive(move || {
        let known = models.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    let failure = RwSignal::new(None::<Failure>);
    let required = RwSignal::new(None::<RequiredPlan>);
    let (busy, tried, left) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(false));
    let key = StoredValue::new(idempotency_key());
    let refused = move |field: &'static str| {
        failure.with(|failure| failure.as_ref().and_then(|failure| failure.field(lang(), field)))
    };
    let name_error = Signal::derive(move || {
        let own = (left.get() || tried.get()).then(|| typed.name_fault()).flatten();
        own.map(str::to_owned).or_else(|| refused("/template/name"))
    });
    let rank_error = Signal::derive(move || {
        let own = typed.rank().is_none().then(|| texts::common::enter_number_in(lang(), 1, WEAKEST_RANK));
        own.or_else(|| refused("/template/rank"))
    });
    let none = Signal::derive(move || tried.get() && chosen.count() == 0);
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&FIELDS)));
    let finished = move |id: Option<domain::TemplateId>, settings: u64| {
        dirty.set(false);
        made.set(Some(Made { id, name: typed.name.get_untracked().trim().to_owned(), settings }));
    };
    let send = move || {
        tried.set(true);
        let wrong = untrack(|| typed.name_fault().is_some() || typed.rank().is_none() || none.get());
        let request = untrack(|| typed.request(chosen.keys(), chosen.secrets.get()));
        let Some(request) = request.filter(|_| !wrong && !busy.get_untracked()) else { return };
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let call = Call::post(&format!("/clients/{id}/template")).once(&key.get_value());
            let answer = match call.json(&request) {
                Ok(call) => call.answer::<TemplateView>().await,
                Err(failure) => Err(failure),
            };
            live::touch(Resource::Templates);
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(template) => finished(Some(template.id), template.content.settings),
                Err(problem) => {
                    renew_key(key, &problem);
                    match required_by(&problem) {
                        Some(plan) => required.set(Some(plan)),
                        None => failure.set(Some(problem)),
                    }
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
            <FailureNote failure=rest />
            <div class="two-columns even">
                <TextField
                    label=texts::copies::name(lang()).to_owned()
                    value=typed.name
                    error=name_error
                    max_length=100
                    on_blur=Callback::new(move |()| left.set(true))
                />
                <Select label=texts::copies::kind(lang()).to_owned() value=typed.kind choices=words::kinds() />
                <NumberField
                    label=texts::copies::rank(lang()).to_owned()
                    value=typed.rank
                    help=Some(texts::copies::rank_help(lang(), WEAKEST_RANK))
                    error=rank_error
                />
                <Choices
                    label=texts::copies::models(lang()).to_owned()
                    values=typed.models
                    choices=choices
                    help=Some(texts::copies::models_help(lang()).to_owned())
                    error=Signal::derive(move || refused("/template/models"))
                />
                <Select
                    label=texts::clients::software_type(lang()).to_owned()
                    value=typed.software
                    choices=words::softwares()
                />
                <Select
                    label=texts::copies::software_update(lang()).to_owned()
                    value=typed.update
                    choices=words::updates()
                />
            </div>
            <Parameters client=id chosen=chosen refused=failure />
            {move || {
                none.get()
                    .then(|| {
                        view! {
                            <p class="errtext" role="alert">
                                {texts::copies::choose_one(lang())}
                            </p>
                        }
                    })
            }}
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    dirty.set(false);
                    open.set(false);
                })>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary icon="plus" busy=busy>
                    {move || match chosen.count() {
                        0 => texts::copies::generate_none(lang()).to_owned(),
                        count => texts::copies::generate(lang(), count),
                    }}
                </Button>
            </DialogButtons>
        </form>
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |()| {
                live::touch(Resource::Templates);
                finished(None, chosen.count());
            })
            on_again=Callback::new(move |()| send())
        />
    }
}

/// What came of it.
#[component]
fn Done(done: Made, open: RwSignal<bool>, made: RwSignal<Option<Made>>) -> impl IntoView {
    let language = lang();
    let href = match done.id {
        Some(id) => format!("/templates/{id}"),
        None => with_fields("/templates", &[("q", &done.name)]),
    };
    view! {
        <Note tone=Tone::Ok>
            <p>{texts::copies::generated(language, done.settings, done.name)}</p>
        </Note>
        <DialogButtons>
            <LinkButton href=href>{texts::copies::open_template(language)}</LinkButton>
            <Button
                kind=ButtonKind::Primary
                on_press=Callback::new(move |()| {
                    open.set(false);
                    made.set(None);
                })
            >
                {texts::common::close(language)}
            </Button>
        </DialogButtons>
    }
}
