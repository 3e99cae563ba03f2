//! One template: what it is, what it holds, who uses it, and who changed it.

use api::Code;
use api::template::{ChangeTemplate, TemplateView};
use domain::Permission;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;

use super::content::Content;
use super::deeds::{DeedDialogs, Deeds};
use super::files::Files;
use super::form::{Entries, FIELDS, Fields};
use super::history::History;
use super::used::UsedBy;
use super::words;
use crate::address::use_address;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::leaving::Leaving;
use crate::components::menu::MenuButton;
use crate::components::page_head::PageHead;
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::tabs::{Tab, Tabs, open_tab};
use crate::components::toast;
use crate::keys;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::plans::required::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::session;
use crate::texts::{self, lang};

/// A template, with its tabs.
#[component]
pub fn TemplatePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let deeds = Deeds::new();
    let address = use_address();
    keys::on("e", move || {
        address.go(&format!("/templates/{}/configuration", id.get_untracked()));
        true
    });
    let gone = Callback::new(move |()| address.go("/templates"));
    let page = move || {
        // Another template is another page: nothing of the one before stays.
        let path = format!("/templates/{}", id.get());
        let template = load(move || {
            let path = path.clone();
            async move { client::get::<TemplateView>(&path).await }
        })
        .live(Resource::Templates);
        template.show_page(
            texts::templates::one(lang()).to_owned(),
            10,
            move |template: Signal<TemplateView>| {
                view! { <Whole template=template deeds=deeds /> }.into_any()
            },
        )
    };
    view! {
        {page}
        <DeedDialogs deeds=deeds gone=gone />
    }
}

#[component]
fn Whole(template: Signal<TemplateView>, deeds: Deeds) -> impl IntoView {
    let may = session::may(Permission::ChangeTemplates);
    let id = template.with_untracked(|template| template.id);
    let open = open_tab("tab", "general");
    let mut tabs = vec![
        Tab::new("general", texts::templates::general(lang())),
        Tab::new("configuration", texts::templates::configuration(lang()))
            .count(Signal::derive(move || Some(template.with(|template| template.content.settings)))),
        Tab::new("files", texts::deployments::tab(lang()))
            .count(Signal::derive(move || Some(template.with(|template| template.content.files)))),
        Tab::new("used-by", texts::templates::used_by(lang()))
            .count(Signal::derive(move || Some(template.with(|template| template.groups.len() as u64)))),
    ];
    if session::may(Permission::ReadAudit) {
        tabs.push(Tab::new("history", texts::templates::history(lang())));
    }
    let body = move || match open.get().as_str() {
        "configuration" => view! { <Content template=template may=may /> }.into_any(),
        "files" => view! { <Files template=template may=may /> }.into_any(),
        "used-by" => view! { <UsedBy template=template /> }.into_any(),
        "history" if session::may(Permission::ReadAudit) => view! { <History id=id /> }.into_any(),
        _ => view! { <General template=template may=may /> }.into_any(),
    };
    view! {
        <PageHead
            title=Signal::derive(move || template.with(|template| template.name.clone()))
            sub=Signal::derive(move || {
                Some(template.with(|template| texts::templates::kind_and_rank(lang(), words::kind(template.kind), template.rank)))
            })
        >
            <MenuButton
                label=texts::common::more(lang()).to_owned()
                class="btn icon-only"
                entries=Callback::new(move |()| deeds.menu(&template.get_untracked(), may, false))
            />
            <LinkButton href=format!("/templates/{id}/configuration") kind=ButtonKind::Primary icon="gear">
                {if may { texts::templates::configure(lang()) } else { texts::templates::configuration(lang()) }}
            </LinkButton>
        </PageHead>
        <Tabs label=texts::templates::one(lang()) tabs=tabs />
        <div class="pad stack-v">{body}</div>
    }
}

/// What is different of what somebody decides about.
fn differences(before: &TemplateView, now: &TemplateView) -> Vec<Difference> {
    use texts::templates as texts_of;
    let language = lang();
    let lines = |template: &TemplateView| {
        [
            (texts_of::name(language), template.name.clone()),
            (texts_of::description(language), template.description.clone()),
            (texts_of::kind(language), words::kind(template.kind)),
            (texts_of::rank(language), template.rank.to_string()),
            (texts_of::models(language), words::models(&template.models)),
            (texts_of::software(language), words::software(&template.software_types)),
            (texts_of::software_update(language), words::update(template.software_update)),
            (texts_of::secure_mode(language), words::secure_mode(template.secure_mode)),
        ]
    };
    let differs = lines(before).into_iter().zip(lines(now)).filter(|(before, now)| before != now);
    differs.map(|((name, before), (_, now))| Difference { name: name.to_owned(), before, now }).collect()
}

#[component]
fn General(template: Signal<TemplateView>, may: bool) -> impl IntoView {
    if !may {
        return view! { <Facts template=template /> }.into_any();
    }
    let before = RwSignal::new(template.get_untracked());
    let entries = Entries::of(&template.get_untracked());
    let failure = RwSignal::new(None::<Failure>);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let busy = RwSignal::new(false);
    let required = RwSignal::new(None::<RequiredPlan>);
    // Clients get files or software by it: their number is typed.
    let asking = RwSignal::new(false);
    let gains = RwSignal::new(0_u64);
    let changes = Signal::derive(move || before.with(|before| entries.changes(before)));
    // What others save stands in the form at once, unless it was changed here.
    Effect::new(move |_| {
        let now = template.get();
        let old = before.get_untracked();
        if now.revision != old.revision {
            entries.follow(&old, &now);
            before.set(now);
        }
    });
    let id = before.with_untracked(|before| before.id);
    let run = move || {
        if busy.get_untracked() || !entries.is_good() {
            return;
        }
        busy.set(true);
        failure.set(None);
        differs.set(Vec::new());
        let old = before.get_untracked();
        let change = entries.change(&old);
        spawn_local(async move {
            let call = Call::patch(&format!("/templates/{id}")).if_match(old.revision).json(&change);
            let answer = match call {
                Ok(call) => call.answer::<TemplateView>().await,
                Err(failure) => Err(failure),
            };
            let stale =
                answer.as_ref().is_err_and(|problem| problem.code() == Some(Code::PreconditionFailed));
            let newer = match stale {
                true => client::get::<TemplateView>(&format!("/templates/{id}")).await.ok(),
                false => None,
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(saved) => {
                    toast::show(texts::templates::saved(lang(), &saved.name));
                    entries.set(&saved);
                    before.set(saved);
                    live::touch(Resource::Templates);
                }
                Err(problem) => match required_by(&problem) {
                    Some(plan) => required.set(Some(plan)),
                    None if problem.code() == Some(Code::ConfirmationRequired) => {
                        gains.set(problem.number("targets").unwrap_or_default());
                        asking.set(true);
                    }
                    None => {
                        if let Some(now) = newer {
                            differs.set(differences(&old, &now));
                            entries.follow(&old, &now);
                            before.set(now);
                        }
                        failure.set(Some(problem));
                    }
                },
            }
        });
    };
    let confirmed = Callback::new(move |consent: Consent| -> Acting {
        let old = before.get_untracked();
        let change = ChangeTemplate { confirm: consent.typed, ..entries.change(&old) };
        Box::pin(async move {
            let call = Call::patch(&format!("/templates/{id}")).if_match(old.revision).json(&change)?;
            match call.answer::<TemplateView>().await {
                Ok(saved) => {
                    toast::show(texts::templates::saved(lang(), &saved.name));
                    entries.set(&saved);
                    let _ = before.try_set(saved);
                    live::touch(Resource::Templates);
                    Ok(())
                }
                Err(problem) => match required_by(&problem) {
                    Some(plan) => {
                        let _ = required.try_set(Some(plan));
                        Ok(())
                    }
                    None => Err(problem),
                },
            }
        })
    });
    keys::on("Ctrl+s", move || {
        if changes.get_untracked() > 0 {
            run();
        }
        true
    });
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&FIELDS)));
    let nothing = Signal::derive(move || {
        (changes.get() == 0).then(|| texts::templates::nothing_changed(lang()).to_owned())
    });
    view! {
        <form class="form wide" on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            <FailureNote failure=rest />
            <Differences lines=differs />
            <Fields
                entries=entries
                failure=failure
                grouped=Signal::derive(move || template.with(|template| !template.groups.is_empty()))
            />
            <div class="row wrap">
                <Button kind=ButtonKind::Primary busy=busy blocked=nothing>
                    {texts::templates::save(lang())}
                </Button>
                <Show when=move || { changes.get() > 0 }>
                    <Button
                        kind=ButtonKind::Ghost
                        on_press=Callback::new(move |()| {
                            entries.set(&before.get_untracked());
                            failure.set(None);
                        })
                    >
                        {texts::templates::discard(lang())}
                    </Button>
                </Show>
            </div>
        </form>
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |_| {
                live::touch(Resource::Templates);
                live::touch(Resource::Clients);
            })
            on_again=Callback::new(move |()| run())
        />
        <ConfirmDialog
            open=asking
            title=texts::templates::save(lang()).to_owned()
            text=Signal::derive(move || texts::deployments::gets(lang(), gains.get()))
            button=texts::templates::save(lang()).to_owned()
            harmless=true
            act=confirmed
        />
        <Leaving
            count=changes
            base=format!("/templates/{id}")
            keeps="/plans"
            discard=Callback::new(move |()| entries.set(&before.get_untracked()))
        />
    }
    .into_any()
}

/// The same for those who may only read.
#[component]
fn Facts(template: Signal<TemplateView>) -> impl IntoView {
    use texts::templates as texts_of;
    move || {
        template.with(|template| {
            let language = lang();
            let line = |name: &'static str, value: String| view! { <dt>{name}</dt><dd>{value}</dd> };
            view! {
                <dl class="kv">
                    {line(texts_of::kind(language), words::kind(template.kind))}
                    {line(texts_of::rank(language), template.rank.to_string())}
                    {line(texts_of::models(language), words::models(&template.models))}
                    {line(texts_of::software(language), words::software(&template.software_types))}
                    {line(texts_of::software_update(language), words::update(template.software_update))}
                    {line(texts_of::secure_mode(language), words::secure_mode(template.secure_mode))}
                    {line(texts_of::description(language), template.description.clone())}
                </dl>
                <p class="soft">{words::applies(template.kind, !template.groups.is_empty())}</p>
            }
        })
    }
}
