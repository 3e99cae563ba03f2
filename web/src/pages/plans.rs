//! A plan: who gets what, from what to what, who restarts, who is left out and why, before anything is written (D-27).

use std::cell::RefCell;

use api::plan::{PlanKind, PlanState, PlanSummary, PlanView};
use domain::catalogue::Catalogue;
use domain::{JobId, Permission, PlanId};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;
use std::sync::Arc;

use crate::address::use_address;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind};
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::tabs::{Tab, Tabs, open_tab};
use crate::components::tile::Card;
use crate::components::time::Ago;
use crate::components::toast;
use crate::load::load;
use crate::pages::configuration::{catalogue, draft};
use crate::texts::{self, lang};
use crate::{browser, format, session};

use apply::{Apply, Outcome};
use changes::ChangeSets;
use clients::ClientTable;
use deployment::{DeploymentFacts, DeploymentOutcomes, DeploymentWarnings, deploys};
use drawn::{Drawing, NotDrawn};
use fleet::{Conflicts, Saved};
use left_out::{LeftOut, LeftOutValues};
use no_stop::NoStop;
use progress::JobProgress;
use summary::{Outcomes, Warnings};
use targets::PlanTargets;

mod apply;
pub(crate) mod changes;
mod clients;
pub(crate) mod deployment;
mod dialog;
mod drawn;
mod fleet;
mod left_out;
mod no_stop;
mod progress;
pub(crate) mod required;
mod sets;
mod short;
mod summary;
mod targets;

pub use dialog::PlanDialog;
pub use required::{RequiredPlan, RequiredPlanDialog, plan_required, required_by};

thread_local! {
    /// Plans that took the place of one that was no longer true.
    static STALE: RefCell<Vec<PlanId>> = const { RefCell::new(Vec::new()) };
}

/// Notes that a plan took the place of one that was no longer true.
fn note_stale(before: PlanId, now: PlanId) {
    STALE.with_borrow_mut(|plans| plans.push(now));
    draft::replaced(before, now);
}

/// Whether a plan took the place of one that was no longer true.
fn was_stale(id: PlanId) -> bool {
    STALE.with_borrow(|plans| plans.contains(&id))
}

/// A plan was applied: the changes it was made of are no longer a draft.
fn note_applied(plan: PlanId) {
    draft::applied(plan);
}

/// A plan.
#[component]
pub fn PlanPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    move || {
        let id = id.get();
        let again = RwSignal::new(0_u64);
        let all = load(catalogue);
        let plan = {
            let id = id.clone();
            load(move || {
                again.track();
                let path = format!("/plans/{id}");
                async move { client::get::<PlanView>(&path).await }
            })
        };
        // Whether it is still true is asked again when something changes.
        let title = texts::plans::title(lang()).to_owned();
        drawn::until_drawn(plan.live(crate::live::Resource::Clients)).show_page(
            title.clone(),
            10,
            move |plan| {
                all.show_page(title.clone(), 10, move |all| {
                    view! { <Plan catalogue=all.get_untracked() plan=plan again=again /> }.into_any()
                })
            },
        )
    }
}

#[component]
fn Plan(catalogue: Arc<Catalogue>, plan: Signal<PlanView>, again: RwSignal<u64>) -> impl IntoView {
    let address = use_address();
    let id = plan.with_untracked(|plan| plan.id);
    let title = Signal::derive(move || plan.with(title));
    let job = Memo::new(move |_| plan.with(|plan| plan.job_id));
    let step = Memo::new(move |_| plan.with(|plan| plan.state));
    let applied = RwSignal::new(false);
    let done = Signal::derive(move || job.get().is_some() || applied.get());
    let outcome = Callback::new(move |outcome: Outcome| match outcome {
        Outcome::Applied(done) => {
            if done.job_id.is_none() {
                toast::show(texts::plans::nothing_to_write(lang()));
            }
            let _ = applied.try_set(true);
            let _ = again.try_update(|again| *again += 1);
        }
        Outcome::Before(_) => {
            let _ = applied.try_set(true);
            let _ = again.try_update(|again| *again += 1);
        }
        Outcome::Stale(newer) => {
            note_stale(id, newer);
            address.replace(&format!("/plans/{newer}"));
        }
    });
    let failure = RwSignal::new(None::<Failure>);
    let back = plan.with_untracked(|plan| plan.fleet.iter().find_map(fleet::place));
    let instead = if plan.with_untracked(|plan| deploys(plan.kind)) { "/files" } else { "/clients" };
    let back = StoredValue::new(back.unwrap_or_else(|| instead.to_owned()));
    let discard = move || {
        failure.set(None);
        let back = back.get_value();
        spawn_local(async move {
            match Call::delete(&format!("/plans/{id}")).done().await {
                Ok(()) => {
                    toast::show(texts::plans::discarded(lang()));
                    address.go(&back);
                }
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    let state = move || {
        let (kind, words) = match step.get() {
            _ if done.get() => (StatusKind::new(Tone::Ok, "okc", false), texts::plans::is_applied(lang())),
            PlanState::Drawing => {
                (StatusKind::new(Tone::Run, "run", false), texts::plans::is_drawing(lang()))
            }
            PlanState::Failed => (StatusKind::new(Tone::Bad, "fail", true), texts::plans::is_failed(lang())),
            PlanState::Ready if plan.with(|plan| plan.stale) => {
                (StatusKind::new(Tone::Warn, "drift", true), texts::plans::is_stale(lang()))
            }
            PlanState::Ready => (StatusKind::new(Tone::Ok, "okc", false), texts::plans::still_true(lang())),
        };
        view! { <Status kind=kind text=words.to_owned() /> }
    };
    let may = session::may(Permission::ChangeClients);
    let (author, made, expires) =
        plan.with_untracked(|plan| (plan.author.clone(), plan.created_at, plan.expires_at));
    let saved = {
        let changes = Memo::new(move |_| plan.with(|plan| plan.fleet.clone()));
        let catalogue = StoredValue::new(catalogue.clone());
        move || {
            let catalogue = catalogue.get_value();
            changes.with(|changes| !changes.is_empty()).then(|| {
                view! {
                    <Card title=texts::plans::saved(lang()).to_owned() class="flush">
                        <Saved catalogue=catalogue changes=changes />
                    </Card>
                }
            })
        }
    };
    // What is deployed, and how: it does not change while the plan is there.
    let deployment = StoredValue::new(plan.with_untracked(|plan| plan.deployment.clone()));
    let deployed = move || {
        deployment.get_value().map(|deployment| {
            view! {
                <Card title=texts::deployments::what(lang()).to_owned()>
                    <DeploymentFacts deployment=Signal::stored(deployment) />
                </Card>
            }
        })
    };
    let saved = move || view! { {saved()} {deployed()} };
    let body = move || match step.get() {
        PlanState::Drawing => view! {
            <div class="pad stack-v">
                {saved()}
                <Drawing plan=plan />
            </div>
        }
        .into_any(),
        PlanState::Failed => view! {
            <div class="pad stack-v">
                <NotDrawn plan=plan />
                {saved()}
            </div>
        }
        .into_any(),
        PlanState::Ready => view! {
            <Drawn catalogue=catalogue.clone() plan=plan job=job applied=applied outcome=outcome>
                {was_stale(id)
                    .then(|| view! { <Note tone=Tone::Warn><p>{texts::plans::new_plan(lang())}</p></Note> })}
                {saved()}
            </Drawn>
        }
        .into_any(),
    };
    view! {
        <PageHead title=title sub=Some(texts::plans::by(lang(), author))>
            <Button
                kind=ButtonKind::Ghost
                icon="copy"
                on_press=Callback::new(move |()| {
                    if let Ok(here) = window().location().href() {
                        browser::copy(&here, || toast::show(texts::plans::link_copied(lang())));
                    }
                })
            >
                {texts::plans::copy_link(lang())}
            </Button>
            {move || {
                (may && !done.get())
                    .then(|| {
                        view! {
                            <Button on_press=Callback::new(move |()| discard())>
                                {texts::plans::discard(lang())}
                            </Button>
                        }
                    })
            }}
        </PageHead>
        <p class="plan-meta">
            {state}
            <span class="muted">{texts::plans::made(lang())} " " <Ago at=Some(made) /></span>
            {move || {
                (!done.get())
                    .then(|| {
                        view! {
                            <span class="muted">
                                {texts::plans::kept_until(lang())} " " <Ago at=Some(expires) />
                            </span>
                        }
                    })
            }}
        </p>
        <FailureNote failure=failure />
        {body}
    }
}

/// A plan that is drawn up: figures, what changes, and when and how.
#[component]
fn Drawn(
    catalogue: Arc<Catalogue>,
    plan: Signal<PlanView>,
    job: Memo<Option<JobId>>,
    applied: RwSignal<bool>,
    outcome: Callback<Outcome>,
    children: Children,
) -> impl IntoView {
    let (id, kind) = plan.with_untracked(|plan| (plan.id, plan.kind));
    let found = load(move || async move { targets::read(id).await });
    let summary = Memo::new(move |_| plan.with(|plan| plan.summary.clone()));
    let figure = move |of: fn(&PlanSummary) -> u64| Signal::derive(move || Some(summary.with(of)));
    let mut tabs = vec![
        Tab::new("changes", texts::plans::changes(lang())),
        Tab::new("clients", texts::plans::clients_tab(lang())).count(figure(|summary| summary.writes)),
        Tab::new("left-out", texts::plans::left_out_tab(lang()))
            .count(figure(|summary| summary.excluded.values().sum())),
        Tab::new("restarts", texts::plans::restarts_tab(lang())).count(figure(|summary| summary.restarts)),
    ];
    if kind == PlanKind::ChangeFleet {
        let conflicts = Tab::new("conflicts", texts::plans::conflicts_tab(lang()));
        tabs.push(conflicts.count(figure(|summary| summary.conflicts)));
    }
    let figures = if deploys(kind) {
        view! {
            <DeploymentOutcomes summary=summary />
            <NoStop plan=plan />
            <DeploymentWarnings summary=summary />
        }
        .into_any()
    } else {
        view! { <Outcomes kind=kind summary=summary /> }.into_any()
    };
    let open = open_tab("tab", "changes");
    let body = found.show(8, move |found: Signal<PlanTargets>| {
        let catalogue = catalogue.clone();
        let view = move || {
            let found = found.get();
            let part = found.all_written > found.written.len() as u64;
            let note = part.then(|| {
                let read = format::number(found.written.len() as u64);
                let all = format::number(found.all_written);
                view! { <Note><p>{texts::plans::part_only(lang(), all, read)}</p></Note> }
            });
            let shown = shown(kind, catalogue.clone(), &open.get(), found, summary.get());
            view! {
                {note}
                {shown}
            }
        };
        view! { <div class="pad stack-v">{view}</div> }.into_any()
    });
    let may = session::may(Permission::ChangeClients);
    let aside = move || match job.get() {
        Some(job) => view! {
            <div class="blk">
                <h2>{texts::plans::job(lang())}</h2>
                <JobProgress id=job />
            </div>
        }
        .into_any(),
        None if applied.get() => view! {
            <div class="blk">
                <Note tone=Tone::Ok><p>{texts::plans::nothing_to_write(lang())}</p></Note>
            </div>
        }
        .into_any(),
        // There are no values that would count as desired.
        None if deploys(kind) && summary.with(|summary| summary.writes == 0) => {
            view! { <div class="blk"><p class="muted">{texts::deployments::nobody_gets(lang())}</p></div> }
                .into_any()
        }
        None if may => view! {
            <div class="blk">
                <Apply plan=plan outcome=outcome large=true />
            </div>
        }
        .into_any(),
        None => {
            view! { <div class="blk"><p class="muted">{texts::plans::may_not(lang())}</p></div> }.into_any()
        }
    };
    view! {
        <div class="split">
            <div class="lead">
                <div class="pad tight stack-v close">
                    {children()}
                    {figures}
                    <Warnings summary=summary />
                </div>
                <Tabs label=texts::plans::parts(lang()).to_owned() tabs=tabs />
                {body}
            </div>
            <aside aria-label=texts::plans::when_and_how(lang())>{aside}</aside>
        </div>
    }
}

/// What a tab shows.
fn shown(
    kind: PlanKind,
    catalogue: Arc<Catalogue>,
    tab: &str,
    found: PlanTargets,
    summary: PlanSummary,
) -> AnyView {
    match tab {
        "clients" => view! { <ClientTable targets=found.written /> }.into_any(),
        "left-out" => {
            let nothing =
                summary.excluded.is_empty() && summary.left_out.is_empty() && summary.withheld.is_empty();
            if nothing {
                return view! { <EmptyState text=texts::plans::nobody_left_out(lang()).to_owned() icon="okc" /> }
                    .into_any();
            }
            let values = LeftOutValues { catalogue, targets: found.written };
            let excluded = found.excluded;
            view! {
                <LeftOut summary=summary />
                {values.view()}
                {(!excluded.is_empty()).then(|| view! { <ClientTable targets=excluded /> })}
            }
            .into_any()
        }
        "restarts" => {
            let restarting = found.written.into_iter();
            let restarting: Vec<_> =
                restarting.filter(|target| target.rows.iter().any(|row| row.restarts)).collect();
            view! { <ClientTable targets=restarting /> }.into_any()
        }
        "conflicts" => {
            let disagree: Vec<_> = found.written.into_iter().chain(found.excluded).collect();
            let disagree: Vec<_> =
                disagree.into_iter().filter(|target| !target.conflicts.is_empty()).collect();
            let table = (!disagree.is_empty()).then(|| view! { <ClientTable targets=disagree.clone() /> });
            view! {
                <Conflicts catalogue=catalogue targets=disagree />
                {table}
            }
            .into_any()
        }
        _ if found.written.is_empty() => {
            let words = match deploys(kind) {
                true => texts::deployments::nobody_gets(lang()),
                false => texts::plans::nothing_changes(lang()),
            };
            view! { <EmptyState text=words.to_owned() icon="check" /> }.into_any()
        }
        _ => view! { <ChangeSets catalogue=catalogue sets=sets::sets(&found.written) /> }.into_any(),
    }
}

/// What it is about: the one parameter that changes, or how many.
fn title(plan: &PlanView) -> String {
    let language = lang();
    match plan.kind {
        PlanKind::Converge => texts::plans::converge_title(language, plan.id),
        PlanKind::DeployFiles => texts::deployments::files_title(language, plan.id),
        PlanKind::DeploySoftware => texts::deployments::software_title(language, plan.id),
        PlanKind::WriteConfiguration => texts::plans::write_title(
            language,
            texts::plans::values(language, plan.changes.len() as u64),
            plan.id,
        ),
        PlanKind::ChangeFleet => match plan.fleet.as_slice() {
            [one] => texts::plans::fleet_title(language, plan.id, &one.name),
            things => texts::plans::fleet_titles(language, plan.id, things.len()),
        },
    }
}
