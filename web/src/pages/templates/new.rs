//! Making a template: an empty one, one that comes with the program, or one from a file.

use api::Page;
use api::template::{ImportTemplate, NewTemplate, StarterView, TemplateView};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;

use super::form::{Entries, FIELDS, Fields};
use super::words;
use crate::address::use_address;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::confirm::AskedNumber;
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::field::{FieldFrame, TextField, describing};
use crate::components::fresh_id;
use crate::components::states::FailureNote;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::plans::required::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::texts::{self, lang};

/// Most bytes of a file; the server refuses more.
const MOST_BYTES: f64 = 1_048_576.0;

/// What a template is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Nothing,
    Starter,
    File,
}

/// The dialog.
#[component]
pub(super) fn NewTemplateDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open=open title=texts::templates::new(lang()).to_owned() size=DialogSize::Table>
            <Making open=open />
        </Dialog>
    }
}

/// A file that was chosen.
#[derive(Clone, PartialEq, Eq)]
struct Chosen {
    name: String,
    content: String,
}

/// What is sent.
enum Order {
    New(Box<NewTemplate>),
    Import(ImportTemplate),
}

async fn send(order: Order, key: String) -> Result<TemplateView, Failure> {
    match order {
        Order::New(template) => Call::post("/templates").once(&key).json(&template)?.answer().await,
        Order::Import(import) => Call::post("/templates/import").once(&key).json(&import)?.answer().await,
    }
}

#[component]
fn Making(open: RwSignal<bool>) -> impl IntoView {
    let address = use_address();
    let source = RwSignal::new(Source::Nothing);
    let entries = Entries::empty();
    let starter = RwSignal::new(None::<StarterView>);
    let file = RwSignal::new(None::<Chosen>);
    let name = RwSignal::new(String::new());
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let required = RwSignal::new(None::<RequiredPlan>);
    // A file may name files of phones that many clients get by it.
    let asked = AskedNumber::new();
    let ready = move || {
        let chosen = match source.get() {
            Source::Nothing => return None,
            Source::Starter => {
                starter.with(Option::is_none).then(|| texts::templates::choose_starter(lang()).to_owned())
            }
            Source::File => {
                file.with(Option::is_none).then(|| texts::templates::choose_file(lang()).to_owned())
            }
        };
        chosen.or_else(|| asked.blocks())
    };
    let import = move |content: String| {
        let name = Some(name.get_untracked().trim().to_owned()).filter(|name| !name.is_empty());
        Order::Import(ImportTemplate { content, name, confirm: asked.agreed() })
    };
    let order = move || match source.get_untracked() {
        Source::Nothing => entries.is_good().then(|| Order::New(Box::new(entries.new_template()))),
        Source::Starter => starter.get_untracked().map(|starter| import(starter.content)),
        Source::File => file.get_untracked().map(|file| import(file.content)),
    };
    let run = move || {
        let Some(order) = order() else { return };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let once = key.get_value();
        spawn_local(async move {
            let answer = send(order, once).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(made) => {
                    let _ = open.try_set(false);
                    live::touch(Resource::Templates);
                    toast::show(texts::templates::created(lang(), made.name));
                    address.go(&format!("/templates/{}", made.id));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    match required_by(&problem) {
                        Some(plan) => drop(required.try_set(Some(plan))),
                        None if asked.is_asked(&problem) => {}
                        None => drop(failure.try_set(Some(problem))),
                    }
                }
            }
        });
    };
    let way = move |to: Source, words: &'static str| {
        view! {
            <button
                type="button"
                aria-pressed=move || (source.get() == to).to_string()
                on:click=move |_| {
                    source.set(to);
                    failure.set(None);
                }
            >
                {words}
            </button>
        }
    };
    let language = lang();
    let of_name = Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), "/name")));
    let own_name = move || {
        view! {
            <TextField
                label=texts::templates::other_name(lang()).to_owned()
                value=name
                help=Some(texts::templates::other_name_help(lang()).to_owned())
                error=of_name
                max_length=100
                optional=true
            />
        }
    };
    let body = move || match source.get() {
        Source::Nothing => view! { <Fields entries=entries failure=failure short=true /> }.into_any(),
        Source::Starter => view! {
            <Starters starter=starter />
            {own_name()}
        }
        .into_any(),
        Source::File => view! {
            <FileField file=file failure=failure />
            {own_name()}
        }
        .into_any(),
    };
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| {
            let own = failure.is_about(&FIELDS);
            let of_file = failure.is_about(&["/name", "/content"]);
            match source.get() {
                Source::Nothing => !own,
                Source::Starter => !failure.is_about(&["/name"]),
                Source::File => !of_file,
            }
        })
    });
    view! {
        <form class="stack-v" on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            <div class="seg" role="group" aria-label=texts::templates::made_of(language)>
                {way(Source::Nothing, texts::templates::empty(language))}
                {way(Source::Starter, texts::templates::from_starter(language))}
                {way(Source::File, texts::templates::from_file(language))}
            </div>
            <FailureNote failure=rest />
            {body}
            {move || (source.get() != Source::Nothing).then(|| words::gains(asked))}
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(language)}</Button>
                <Button kind=ButtonKind::Primary busy=busy blocked=Signal::derive(ready)>
                    {texts::templates::create(language)}
                </Button>
            </DialogButtons>
        </form>
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |_| {
                open.set(false);
                live::touch(Resource::Templates);
            })
            on_again=Callback::new(move |()| run())
        />
    }
}

/// Templates that come with the program.
#[component]
fn Starters(starter: RwSignal<Option<StarterView>>) -> impl IntoView {
    let starters = load(|| client::get::<Page<StarterView>>("/template-starters"));
    let group = fresh_id("starter");
    starters.show(5, move |starters: Signal<Page<StarterView>>| {
        let group = group.clone();
        let line = move |one: StarterView| {
            let (id, own) = (one.id.clone(), one.id.clone());
            // In the reader's language, when there is a text of it.
            let description = texts::find(lang(), "starter", &one.id)
                .map_or_else(|| one.description.clone(), str::to_owned);
            let (name, settings) = (one.name.clone(), one.settings);
            let one = StoredValue::new(one);
            view! {
                <label class="option">
                    <input
                        type="radio"
                        class="ck rd"
                        name=group.clone()
                        value=id
                        prop:checked=move || {
                            starter.with(|starter| starter.as_ref().is_some_and(|starter| starter.id == own))
                        }
                        on:change=move |_| starter.set(Some(one.get_value()))
                    />
                    <span class="grow">
                        <span class="strong">{name}</span>
                        <span class="muted small">" · " {texts::templates::values(lang(), settings)}</span>
                        <small class="hint">{description}</small>
                    </span>
                </label>
            }
        };
        view! {
            <fieldset class="starters">
                <legend class="vh">{texts::templates::from_starter(lang())}</legend>
                {starters.get_untracked().items.into_iter().map(line).collect_view()}
            </fieldset>
        }
        .into_any()
    })
}

/// A file of a template, chosen or dropped on the field; what is wrong in it stands below, line by line.
#[component]
fn FileField(file: RwSignal<Option<Chosen>>, failure: RwSignal<Option<Failure>>) -> impl IntoView {
    let id = fresh_id("file");
    let described = describing(&id);
    let control = id.clone();
    let too_large = RwSignal::new(false);
    let unreadable = RwSignal::new(false);
    let error = Signal::derive(move || {
        if too_large.get() {
            Some(texts::templates::file_too_large(lang()).to_owned())
        } else if unreadable.get() {
            Some(texts::templates::file_unreadable(lang()).to_owned())
        } else {
            None
        }
    });
    let help = Signal::derive(move || {
        Some(file.with(|file| match file {
            Some(file) => texts::templates::file_chosen(lang(), &file.name),
            None => texts::templates::file_help(lang()).to_owned(),
        }))
    });
    let choose = move |input: web_sys::HtmlInputElement| {
        too_large.set(false);
        unreadable.set(false);
        failure.set(None);
        let Some(chosen) = input.files().and_then(|files| files.get(0)) else { return };
        if chosen.size() > MOST_BYTES {
            file.set(None);
            too_large.set(true);
            return;
        }
        let name = chosen.name();
        let text = chosen.unchecked_ref::<web_sys::Blob>().text();
        spawn_local(async move {
            let content =
                wasm_bindgen_futures::JsFuture::from(text).await.ok().and_then(|text| text.as_string());
            let _ = unreadable.try_set(content.is_none());
            let _ = file.try_set(content.map(|content| Chosen { name, content }));
        });
    };
    let faults = move || {
        let failure = failure.get()?;
        let problem = failure.problem.as_ref()?;
        let line = |error: &api::FieldError| {
            let words = failure.field(lang(), &error.field);
            let words = if texts::find(lang(), "field", &error.code).is_some() {
                texts::worded(lang(), "field", &error.code, &error.args)
            } else {
                words.unwrap_or_else(|| error.message.clone())
            };
            // Which value it is about, when it is about one.
            let of = error.args.get("parameter").and_then(|parameter| parameter.as_str());
            let of = of.map(|of| view! { <code>{of.to_owned()}</code> ": " });
            view! { <li>{of} {words}</li> }
        };
        let of_file = problem.errors.iter().filter(|error| error.field != "/name");
        let lines: Vec<_> = of_file.map(line).collect();
        (!lines.is_empty()).then(|| view! { <div role="alert"><ul class="faults-list">{lines}</ul></div> })
    };
    view! {
        <FieldFrame label=texts::templates::file(lang()).to_owned() id=id help=help error=error>
            <input
                id=control
                type="file"
                class="in file"
                accept=".toml"
                aria-describedby=described
                on:change:target=move |event| choose(event.target())
            />
        </FieldFrame>
        {faults}
    }
}
