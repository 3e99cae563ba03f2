//! One group, or a new one: name, filter, templates, and beside them who belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use api::client_field::ClientFieldView;
use api::group::{ChangeGroup, GroupView, NewGroup};
use api::model::DeviceModelView;
use api::template::{LONGEST_NAME, TemplateView};
use api::{Code, Page};
use domain::Permission;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;

use super::builder::{Builder, faults, refused};
use super::condition::Filtering;
use super::delete::{DeleteGroups, Deleting};
use super::draft::Draft;
use super::entries::{Entries, differences, labels};
use super::preview::{Asked, Preview};
use super::sentence::sentence;
use super::templates::GroupTemplates;
use crate::address::use_address;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::confirm::AskedNumber;
use crate::components::field::{TextArea, TextField};
use crate::components::leaving::Leaving;
use crate::components::menu::{MenuButton, MenuEntry};
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::components::states::{Difference, Differences, FailureNote, Note};
use crate::components::status::Tone;
use crate::components::toast;
use crate::keys;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::plans::required::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::pages::templates::words::gains;
use crate::session;
use crate::texts::{self, lang};

/// Word in the place of a group's number for one that does not exist yet.
const NEW: &str = "new";

/// A group, or a new one.
#[component]
pub fn GroupPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let deleting = Deleting::new();
    let address = use_address();
    let page = move || {
        // Another group is another page: nothing of the one before stays.
        let id = id.get();
        let new = id == NEW;
        let group = load(move || {
            let path = format!("/groups/{id}");
            async move { if new { Ok(None) } else { client::get::<GroupView>(&path).await.map(Some) } }
        })
        .live(Resource::Groups);
        let fields =
            load(|| client::get::<Page<ClientFieldView>>("/client-fields")).live(Resource::ClientFields);
        let title = if new { texts::groups::new(lang()) } else { texts::groups::one(lang()) };
        group.show_page(title.to_owned(), 10, move |group| {
            fields.show_page(title.to_owned(), 10, move |fields: Signal<Page<ClientFieldView>>| {
                let fields = Signal::derive(move || fields.get().items);
                view! { <Whole group=group fields=fields deleting=deleting /> }.into_any()
            })
        })
    };
    view! {
        {page}
        <DeleteGroups deleting=deleting gone=Callback::new(move |()| address.go("/groups")) />
    }
}

async fn send(
    entries: NewGroup,
    change: Option<(GroupView, ChangeGroup)>,
    key: String,
) -> Result<GroupView, Failure> {
    match change {
        None => Call::post("/groups").once(&key).json(&entries)?.answer().await,
        Some((group, change)) => {
            let call = Call::patch(&format!("/groups/{}", group.id)).if_match(group.revision);
            call.json(&change)?.answer().await
        }
    }
}

#[component]
fn Whole(
    group: Signal<Option<GroupView>>,
    fields: Signal<Vec<ClientFieldView>>,
    deleting: Deleting,
) -> impl IntoView {
    let may = session::may(Permission::ChangeTemplates);
    let address = use_address();
    let before = RwSignal::new(group.get_untracked());
    let id = Signal::derive(move || before.with(|before| before.as_ref().map(|group| group.id)));
    let new = id.get_untracked().is_none();
    let entries = Entries::of(before.get_untracked().as_ref());
    let too_deep = before.with_untracked(|before| {
        let filter = before.as_ref().and_then(|group| group.filter.as_ref());
        filter.is_some() && Draft::read(filter).is_none()
    });
    let failure = RwSignal::new(None::<Failure>);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let busy = RwSignal::new(false);
    let required = RwSignal::new(None::<RequiredPlan>);
    let tried = RwSignal::new(false);
    let confirm = AskedNumber::new();
    let key = StoredValue::new(idempotency_key());
    let changes = Signal::derive(move || before.with(|before| entries.changes(before.as_ref())));
    // What others save stands here at once, unless it was changed here.
    Effect::new(move |_| {
        let (Some(now), Some(old)) = (group.get(), before.get_untracked()) else { return };
        if now.revision != old.revision {
            entries.follow(&old, &now);
            before.set(Some(now));
        }
    });
    let templates =
        load(|| client::get::<Page<TemplateView>>("/templates?size=500")).live(Resource::Templates);
    let known = Signal::derive(move || templates.data.get().map(|page| page.items).unwrap_or_default());
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let models = Signal::derive(move || {
        let known = models.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    // What the shared check finds, and what the server found when it was last asked.
    let checked = Memo::new(move |_| {
        let known =
            fields.with(|fields| fields.iter().map(|field| field.name.clone()).collect::<BTreeSet<_>>());
        entries.draft.with(|draft| faults(draft, &known))
    });
    let found = Signal::derive(move || {
        let mut all: BTreeMap<u64, String> = checked.with(|checked| checked.0.clone());
        if let Some(failure) = failure.get() {
            entries.draft.with(|draft| refused(draft, &failure)).into_iter().for_each(|(id, text)| {
                all.entry(id).or_insert(text);
            });
        }
        all
    });
    let good = move || checked.with(|checked| checked.0.is_empty() && checked.1.is_none());
    let asked = Memo::new(move |_| {
        let complete = entries.draft.with(Draft::is_complete) && good();
        if complete { Asked::Filter(entries.draft.with(Draft::filter)) } else { Asked::Incomplete }
    });
    let saved = Signal::derive(move || {
        before.with(|before| before.as_ref().is_some_and(|group| entries.change(group).filter.is_none()))
    });
    let filtering = Filtering { draft: entries.draft, fields, models, faults: found, tried };
    let run = move || {
        tried.set(true);
        if busy.get_untracked() || !untrack(good) {
            return;
        }
        busy.set(true);
        failure.set(None);
        differs.set(Vec::new());
        let old = before.get_untracked();
        let change = old.clone().map(|group| {
            let change = untrack(|| entries.change(&group));
            (group, ChangeGroup { confirm: confirm.agreed(), ..change })
        });
        let body = NewGroup { confirm: confirm.agreed(), ..entries.new_group() };
        let once = key.get_value();
        spawn_local(async move {
            let answer = send(body, change, once).await;
            let stale =
                answer.as_ref().is_err_and(|problem| problem.code() == Some(Code::PreconditionFailed));
            let newer = match (&old, stale) {
                (Some(old), true) => client::get::<GroupView>(&format!("/groups/{}", old.id)).await.ok(),
                _ => None,
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(group) => {
                    live::touch(Resource::Groups);
                    live::touch(Resource::Templates);
                    tried.set(false);
                    confirm.forget();
                    let words = if new {
                        texts::groups::created_group(lang(), &group.name)
                    } else {
                        texts::groups::saved(lang(), &group.name)
                    };
                    toast::show(words);
                    let place = format!("/groups/{}", group.id);
                    entries.set(&group);
                    before.set(Some(group));
                    if new {
                        address.replace(&place);
                    }
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    if let Some(plan) = required_by(&problem) {
                        required.set(Some(plan));
                        return;
                    }
                    if confirm.is_asked(&problem) {
                        return;
                    }
                    if let (Some(old), Some(now)) = (old, newer) {
                        differs.set(differences(&old, &now, &labels(&fields.get_untracked())));
                        entries.follow(&old, &now);
                        before.set(Some(now));
                    }
                    failure.set(Some(problem));
                }
            }
        });
    };
    keys::on("Ctrl+s", move || {
        if may && changes.get_untracked() > 0 {
            run();
        }
        may
    });
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| {
            let errors =
                failure.problem.as_ref().map(|problem| problem.errors.as_slice()).unwrap_or_default();
            let shown = |field: &str| {
                matches!(field, "/name" | "/description" | "/templates") || field.starts_with("/filter")
            };
            errors.is_empty() || !errors.iter().all(|error| shown(&error.field))
        })
    });
    let title = Signal::derive(move || {
        let name = before.with(|before| before.as_ref().map(|group| group.name.clone()));
        name.unwrap_or_else(|| texts::groups::new(lang()).to_owned())
    });
    let nothing = Signal::derive(move || {
        let nothing = (changes.get() == 0).then(|| texts::groups::nothing_changed(lang()).to_owned());
        nothing.or_else(|| confirm.blocks())
    });
    let whole = move || {
        let fault = checked.with(|checked| checked.1.clone());
        fault.map(|fault| view! { <Note tone=Tone::Warn><p>{fault}</p></Note> })
    };
    let form = if may {
        view! {
            <form
                id="group-form"
                class="pad stack-v"
                on:submit=move |event| {
                    event.prevent_default();
                    run();
                }
            >
                <FailureNote failure=rest />
                {gains(confirm)}
                <Differences lines=differs />
                <div class="form">
                    <TextField
                        label=texts::groups::name(lang()).to_owned()
                        value=entries.name
                        error=of_field("/name")
                        max_length=u32::try_from(LONGEST_NAME).unwrap_or(u32::MAX)
                    />
                    <TextArea
                        label=texts::groups::description(lang()).to_owned()
                        value=entries.description
                        rows=2
                        error=of_field("/description")
                    />
                </div>
                <h2>{texts::groups::who(lang())}</h2>
                {too_deep.then(|| view! { <Note tone=Tone::Warn><p>{texts::groups::too_deep_to_edit(lang())}</p></Note> })}
                <Builder filtering=filtering />
                {whole}
            </form>
        }
        .into_any()
    } else {
        view! { <Shown entries=entries fields=fields /> }.into_any()
    };
    let buttons = may.then(|| {
        view! {
            {(!new)
                .then(|| {
                    let entries = Callback::new(move |()| {
                        let group = before.get_untracked();
                        let delete = MenuEntry::press(texts::groups::delete(lang()), move || {
                            if let Some(group) = group.clone() {
                                deleting.one(group);
                            }
                        });
                        vec![delete.icon("trash").danger()]
                    });
                    view! { <MenuButton label=texts::common::more(lang()).to_owned() class="btn icon-only" entries=entries /> }
                })}
            <Show when=move || !new && changes.get() != 0>
                <Button
                    kind=ButtonKind::Ghost
                    on_press=Callback::new(move |()| {
                        if let Some(group) = before.get_untracked() {
                            entries.set(&group);
                        }
                        failure.set(None);
                        tried.set(false);
                    })
                >
                    {texts::groups::discard(lang())}
                </Button>
            </Show>
            <Button kind=ButtonKind::Primary busy=busy blocked=nothing on_press=Callback::new(move |()| run())>
                {if new { texts::groups::create(lang()) } else { texts::groups::save(lang()) }}
            </Button>
        }
    });
    let base = before.with_untracked(|before| match before {
        Some(group) => format!("/groups/{}", group.id),
        None => format!("/groups/{NEW}"),
    });
    view! {
        <PageHead title=title>{buttons}</PageHead>
        <div class="split group">
            <div class="lead">{form}</div>
            <aside aria-label=texts::groups::members(lang())>
                <Preview asked=asked group=id saved=saved />
                <GroupTemplates chosen=entries.templates known=known error=of_field("/templates") may=may />
            </aside>
        </div>
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |_| {
                live::touch(Resource::Groups);
                live::touch(Resource::Templates);
                live::touch(Resource::Clients);
                if new {
                    // Saved by the plan, under a number that only the list knows.
                    before.set(None);
                    entries.set_nothing();
                    address.go("/groups");
                }
            })
            on_again=Callback::new(move |()| run())
        />
        <Leaving
            count=changes
            base=base
            keeps="/plans"
            discard=Callback::new(move |()| {
                match before.get_untracked() {
                    Some(group) => entries.set(&group),
                    None => entries.set_nothing(),
                }
            })
        />
    }
}

/// What the group is, for those who may only read.
#[component]
fn Shown(entries: Entries, fields: Signal<Vec<ClientFieldView>>) -> impl IntoView {
    let filter = move || {
        let labels = fields.with(|fields| labels(fields));
        entries.draft.with(|draft| sentence(lang(), draft, &labels))
    };
    view! {
        <div class="pad stack-v">
            <p class="soft">{move || entries.description.get()}</p>
            <h2>{texts::groups::who(lang())}</h2>
            <p>{filter}</p>
            <p class="muted small">{texts::groups::may_not(lang())}</p>
        </div>
    }
}
