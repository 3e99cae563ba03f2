//! What is done with templates after one question: copying, exporting, deleting one or many. A deletion that changes what
//! clients get becomes a plan, which stands over the list until it is applied or given up.

use api::Page;
use api::client::ClientView;
use api::template::{CopyTemplate, DeleteMany, DeletedMany, TemplateView};
use domain::TemplateId;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::used::prepared;
use super::words;
use crate::address::{use_address, with_fields};
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::confirm::{Acting, AskedNumber, ConfirmDialog, Consent};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::TextField;
use crate::components::list::Chosen;
use crate::components::menu::MenuEntry;
use crate::components::states::FailureNote;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::plans::required::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::texts::{self, lang};

/// Most templates whose names stand in the question.
const NAMED: usize = 8;

/// What is to be deleted.
#[derive(Clone)]
enum Wanted {
    One(Box<TemplateView>),
    Many(Chosen),
}

/// The dialogs of the page; each is opened for one template, or for what was chosen.
#[derive(Clone, Copy)]
pub(super) struct Deeds {
    copying: RwSignal<bool>,
    copied: RwSignal<Option<TemplateView>>,
    deleting: RwSignal<bool>,
    deleted: RwSignal<Option<Wanted>>,
    required: RwSignal<Option<RequiredPlan>>,
}

impl Deeds {
    pub(super) fn new() -> Self {
        Self {
            copying: RwSignal::new(false),
            copied: RwSignal::new(None),
            deleting: RwSignal::new(false),
            deleted: RwSignal::new(None),
            required: RwSignal::new(None),
        }
    }

    /// Asks before what was chosen in the list is deleted.
    pub(super) fn ask_many(self, chosen: Chosen) {
        self.deleted.set(Some(Wanted::Many(chosen)));
        self.deleting.set(true);
    }

    /// What can be done with a template; in the list that also leads to it.
    pub(super) fn menu(self, template: &TemplateView, may: bool, listed: bool) -> Vec<MenuEntry> {
        let language = lang();
        let id = template.id;
        let mut entries = Vec::new();
        if listed {
            let open = if may { texts::templates::edit(language) } else { texts::templates::show(language) };
            let icon = if may { "pencil" } else { "eye" };
            entries.push(MenuEntry::link(open, format!("/templates/{id}")).icon(icon));
            entries.push(
                MenuEntry::link(
                    texts::templates::configuration(language),
                    format!("/templates/{id}/configuration"),
                )
                .icon("gear"),
            );
            let files = if may {
                texts::templates::assign_files(language)
            } else {
                texts::deployments::tab(language)
            };
            entries.push(MenuEntry::link(files, format!("/templates/{id}?tab=files")).icon("file"));
        }
        if may {
            let own = template.clone();
            let copy = MenuEntry::press(texts::templates::copy(language), move || {
                self.copied.set(Some(own.clone()));
                self.copying.set(true);
            });
            entries.push(copy.icon("copy"));
        }
        let export = MenuEntry::press(texts::templates::export(language), move || export(id));
        entries.push(export.icon("dl"));
        if may {
            let own = template.clone();
            let delete = MenuEntry::press(texts::templates::delete(language), move || {
                self.deleted.set(Some(Wanted::One(Box::new(own.clone()))));
                self.deleting.set(true);
            });
            entries.push(delete.icon("trash").danger().line_before());
        }
        entries
    }
}

/// Has the browser save the file of a template.
fn export(id: TemplateId) {
    spawn_local(async move {
        let path = format!("{}/templates/{id}/export", client::BASE);
        if let Err(failure) = client::download(&path).await {
            toast::failed(&failure);
        }
    });
}

/// The dialogs. `gone` is called when something was deleted.
#[component]
pub(super) fn DeedDialogs(deeds: Deeds, gone: Callback<()>) -> impl IntoView {
    let many = Signal::derive(move || {
        deeds.deleted.with(|wanted| match wanted {
            Some(Wanted::Many(chosen)) => number(chosen),
            Some(Wanted::One(_)) | None => 1,
        })
    });
    let name = move || {
        deeds.deleted.with(|wanted| match wanted {
            Some(Wanted::One(template)) => Some(template.name.clone()),
            Some(Wanted::Many(_)) | None => None,
        })
    };
    let title = Signal::derive(move || match name() {
        Some(name) => texts::templates::delete_question(lang(), name),
        None => texts::templates::delete_many_question(lang(), many.get()),
    });
    let button = Signal::derive(move || texts::templates::delete_many(lang(), many.get()));
    let done = move || {
        live::touch(Resource::Templates);
        live::touch(Resource::Groups);
        live::touch(Resource::Clients);
        gone.try_run(());
    };
    let act = Callback::new(move |consent: Consent| -> Acting {
        let wanted = deeds.deleted.get_untracked();
        Box::pin(async move {
            let Some(wanted) = wanted else { return Ok(()) };
            match delete(&wanted, consent).await {
                Ok(deleted) => {
                    toast::show(texts::templates::were_deleted(lang(), deleted));
                    done();
                    Ok(())
                }
                Err(failure) => match required_by(&failure) {
                    Some(plan) => {
                        let _ = deeds.required.try_set(Some(plan));
                        Ok(())
                    }
                    None => Err(failure),
                },
            }
        })
    });
    let more = move || {
        let wanted = deeds.deleted.get_untracked()?;
        Some(view! { <Depending wanted=wanted /> })
    };
    view! {
        <Dialog open=deeds.copying title=texts::templates::copy_title(lang()).to_owned()>
            {move || deeds.copied.get().map(|template| view! { <CopyForm deeds=deeds template=template /> })}
        </Dialog>
        <ConfirmDialog
            open=deeds.deleting
            title=title
            text=texts::templates::delete_text(lang()).to_owned()
            button=button
            act=act
            more=more
        />
        <RequiredPlanDialog
            required=deeds.required
            on_done=Callback::new(move |_| {
                deeds.copying.set(false);
                done();
            })
        />
    }
}

fn number(chosen: &Chosen) -> u64 {
    match chosen {
        Chosen::Rows(keys) => keys.len() as u64,
        Chosen::Matching { total, .. } => *total,
    }
}

/// Ids of what was chosen. There are few templates, so that a filter is answered by its ids.
async fn ids(chosen: &Chosen) -> Result<Vec<i64>, Failure> {
    match chosen {
        Chosen::Rows(keys) => Ok(keys.clone()),
        Chosen::Matching { .. } => {
            Ok(found(chosen).await?.into_iter().map(|template| template.id.0).collect())
        }
    }
}

/// The templates that were chosen.
async fn found(chosen: &Chosen) -> Result<Vec<TemplateView>, Failure> {
    let mut fields = match chosen {
        Chosen::Matching { query, .. } => query.fields(),
        Chosen::Rows(_) => Vec::new(),
    };
    fields.push(("size", api::page::MOST_PER_PAGE.to_string()));
    let mut all = client::get::<Page<TemplateView>>(&with_fields("/templates", &fields)).await?.items;
    if let Chosen::Rows(keys) = chosen {
        all.retain(|template| keys.contains(&template.id.0));
    }
    Ok(all)
}

async fn delete(wanted: &Wanted, consent: Consent) -> Result<u64, Failure> {
    match wanted {
        Wanted::One(template) => {
            let path = consent.address(&format!("/templates/{}", template.id));
            Call::delete(&path).if_match(template.revision).done().await?;
            Ok(1)
        }
        Wanted::Many(chosen) => {
            let ids = ids(chosen).await?;
            let many = DeleteMany { ids: Some(ids), search: None, confirm: consent.typed };
            let answer: DeletedMany = Call::post("/templates/delete").json(&many)?.answer().await?;
            Ok(answer.deleted)
        }
    }
}

/// What depends on what is to be deleted: groups, and how many clients it applies to.
#[component]
fn Depending(wanted: Wanted) -> impl IntoView {
    let asked = wanted.clone();
    let templates = load(move || {
        let asked = asked.clone();
        async move {
            match asked {
                Wanted::One(template) => Ok(vec![*template]),
                Wanted::Many(chosen) => found(&chosen).await,
            }
        }
    });
    let one = match &wanted {
        Wanted::One(template) => Some(template.id),
        Wanted::Many(_) => None,
    };
    let clients = one.map(|id| view! { <Clients id=id /> });
    let list = templates.show(2, |templates: Signal<Vec<TemplateView>>| {
        let list = move || {
            templates.with(|templates| {
                let more = templates.len().saturating_sub(NAMED);
                let line = |template: &TemplateView| {
                    view! {
                        <tr>
                            <th scope="row">{template.name.clone()}</th>
                            <td>{words::content(&template.content)}</td>
                            <td>{words::groups(&template.groups)}</td>
                        </tr>
                    }
                };
                view! {
                    <table class="tbl plain">
                        <thead>
                            <tr>
                                <th scope="col">{texts::templates::name(lang())}</th>
                                <th scope="col">{texts::templates::content(lang())}</th>
                                <th scope="col">{texts::templates::groups(lang())}</th>
                            </tr>
                        </thead>
                        <tbody>{templates.iter().take(NAMED).map(line).collect_view()}</tbody>
                    </table>
                    {(more > 0)
                        .then(|| view! { <p class="muted">{texts::templates::more(lang(), more as u64)}</p> })}
                }
            })
        };
        let with = move || {
            prepared(templates.with(|templates| templates.iter().map(|template| template.prepared_clients).sum()))
        };
        view! { {list} {with} }.into_any()
    });
    view! {
        <div class="scroll-x">{list}</div>
        {clients}
    }
}

/// How many clients a template applies to, as a link.
#[component]
pub(super) fn Clients(id: TemplateId) -> impl IntoView {
    let clients = load(move || async move {
        client::get::<Page<ClientView>>(&format!("/clients?template={id}&size=1")).await
    })
    .live(Resource::Clients);
    move || {
        clients.data.with(|clients| clients.as_ref().map(|clients| clients.total)).map(|total| {
            view! {
                <p>
                    <a href=format!("/clients?template={id}")>
                        {texts::templates::applies_to(lang(), total)}
                    </a>
                </p>
            }
        })
    }
}

#[component]
fn CopyForm(deeds: Deeds, template: TemplateView) -> impl IntoView {
    let open = deeds.copying;
    let address = use_address();
    let name = RwSignal::new(texts::templates::copy_of(lang(), &template.name));
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    // A copy brings the same files: more clients may get them than anybody may decide in passing.
    let asked = AskedNumber::new();
    let id = template.id;
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let copy = CopyTemplate { name: name.get_untracked().trim().to_owned(), confirm: asked.agreed() };
        let once = key.get_value();
        spawn_local(async move {
            let call = Call::post(&format!("/templates/{id}/copy")).once(&once).json(&copy);
            let answer = match call {
                Ok(call) => call.answer::<TemplateView>().await,
                Err(failure) => Err(failure),
            };
            let _ = busy.try_set(false);
            match answer {
                Ok(made) => {
                    open.set(false);
                    live::touch(Resource::Templates);
                    toast::show(texts::templates::copied(lang(), made.name));
                    address.go(&format!("/templates/{}", made.id));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    match required_by(&problem) {
                        Some(plan) => drop(deeds.required.try_set(Some(plan))),
                        None if asked.is_asked(&problem) => drop(failure.try_set(None)),
                        None => drop(failure.try_set(Some(problem))),
                    }
                }
            }
        });
    };
    let of_name = Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), "/name")));
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&["/name"])));
    view! {
        <form on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            <FailureNote failure=rest />
            <TextField
                label=texts::templates::name(lang()).to_owned()
                value=name
                help=Some(texts::templates::copy_help(lang()).to_owned())
                error=of_name
                max_length=100
            />
            {words::gains(asked)}
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy blocked=Signal::derive(move || asked.blocks())>
                    {texts::templates::copy(lang())}
                </Button>
            </DialogButtons>
        </form>
    }
}
