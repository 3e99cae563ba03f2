//! A plan: who gets what, from what to what, who restarts, who is left out and why, before anything is written (D-27).

use std::cell::RefCell;

use api::plan::{PlanKind, PlanSummary, PlanTargetView, PlanView};
use domain::catalogue::Catalogue;
use domain::{Permission, PlanId};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;
use std::sync::Arc;

use crate::address::use_address;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::tabs::{Tab, Tabs, open_tab};
use crate::components::tile::{Tile, Tiles};
use crate::components::time::Ago;
use crate::components::toast;
use crate::load::load;
use crate::pages::configuration::{catalogue, draft, words};
use crate::texts::{self, lang};
use crate::{browser, format, session};

use apply::{Apply, Outcome};
use changes::ChangeSets;
use left_out::{LeftOut, LeftOutValues};
use progress::JobProgress;
use targets::PlanTargets;

mod apply;
pub(crate) mod changes;
mod dialog;
mod left_out;
mod progress;
mod sets;
mod targets;

pub use dialog::PlanDialog;

/// Clients shown at first, and with each press of the button below.
const SHOWN: usize = 100;

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
        plan.live(crate::live::Resource::Clients).show_page(title.clone(), 10, move |plan| {
            all.show_page(title.clone(), 10, move |all| {
                view! { <Plan catalogue=all.get_untracked() plan=plan again=again /> }.into_any()
            })
        })
    }
}

#[component]
fn Plan(catalogue: Arc<Catalogue>, plan: Signal<PlanView>, again: RwSignal<u64>) -> impl IntoView {
    let address = use_address();
    let id = plan.with_untracked(|plan| plan.id);
    let found = load(move || async move { targets::read(id).await });
    let title = Signal::derive(move || plan.with(title));
    let summary = Memo::new(move |_| plan.with(|plan| plan.summary.clone()));
    let job = Memo::new(move |_| plan.with(|plan| plan.job_id));
    let applied = RwSignal::new(false);
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
    let discard = move || {
        failure.set(None);
        spawn_local(async move {
            match Call::delete(&format!("/plans/{id}")).done().await {
                Ok(()) => {
                    toast::show(texts::plans::discarded(lang()));
                    address.go("/clients");
                }
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    let state = move || {
        let (kind, words) = if job.get().is_some() || applied.get() {
            (StatusKind::new(Tone::Ok, "okc", false), texts::plans::is_applied(lang()))
        } else if plan.with(|plan| plan.stale) {
            (StatusKind::new(Tone::Warn, "drift", true), texts::plans::is_stale(lang()))
        } else {
            (StatusKind::new(Tone::Ok, "okc", false), texts::plans::still_true(lang()))
        };
        view! { <Status kind=kind text=words.to_owned() /> }
    };
    let tabs = vec![
        Tab::new("changes", texts::plans::changes(lang())),
        Tab::new("clients", texts::plans::clients_tab(lang()))
            .count(Signal::derive(move || summary.with(|summary| Some(summary.writes)))),
        Tab::new("left-out", texts::plans::left_out_tab(lang()))
            .count(Signal::derive(move || summary.with(|summary| Some(summary.excluded.values().sum())))),
        Tab::new("restarts", texts::plans::restarts_tab(lang()))
            .count(Signal::derive(move || summary.with(|summary| Some(summary.restarts)))),
    ];
    let open = open_tab("tab", "changes");
    let may = session::may(Permission::ChangeClients);
    let body = found.show(8, move |found: Signal<PlanTargets>| {
        let catalogue = catalogue.clone();
        let view = move || {
            let (found, summary) = (found.get(), summary.get());
            let part = found.all_written > found.written.len() as u64;
            let note = part.then(|| {
                let read = format::number(found.written.len() as u64);
                let all = format::number(found.all_written);
                view! { <Note><p>{texts::plans::part_only(lang(), all, read)}</p></Note> }
            });
            let shown = match open.get().as_str() {
                "clients" => view! { <ClientTable targets=found.written /> }.into_any(),
                "left-out" => {
                    let nothing = summary.excluded.is_empty() && summary.left_out.is_empty() && summary.withheld.is_empty();
                    let values = LeftOutValues { catalogue: catalogue.clone(), targets: found.written };
                    if nothing {
                        view! { <EmptyState text=texts::plans::nobody_left_out(lang()).to_owned() icon="okc" /> }.into_any()
                    } else {
                        view! {
                            <LeftOut summary=summary />
                            {values.view()}
                            <ClientTable targets=found.excluded />
                        }
                        .into_any()
                    }
                }
                "restarts" => {
                    let restarting = found.written.into_iter();
                    let restarting: Vec<_> =
                        restarting.filter(|target| target.rows.iter().any(|row| row.restarts)).collect();
                    view! { <ClientTable targets=restarting /> }.into_any()
                }
                _ if found.written.is_empty() => {
                    view! { <EmptyState text=texts::plans::nothing_changes(lang()).to_owned() icon="check" /> }.into_any()
                }
                _ => view! { <ChangeSets catalogue=catalogue.clone() sets=sets::sets(&found.written) /> }.into_any(),
            };
            view! {
                {note}
                {shown}
            }
        };
        view! { <div class="pad stack-v">{view}</div> }.into_any()
    });
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
    let (author, made, expires) =
        plan.with_untracked(|plan| (plan.author.clone(), plan.created_at, plan.expires_at));
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
                (may && job.get().is_none() && !applied.get())
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
                (job.get().is_none() && !applied.get())
                    .then(|| {
                        view! {
                            <span class="muted">
                                {texts::plans::kept_until(lang())} " " <Ago at=Some(expires) />
                            </span>
                        }
                    })
            }}
        </p>
        <div class="split">
            <div class="lead">
                <div class="pad tight stack-v close">
                    <FailureNote failure=failure />
                    {was_stale(id)
                        .then(|| view! { <Note tone=Tone::Warn><p>{texts::plans::new_plan(lang())}</p></Note> })}
                    <Outcomes summary=summary />
                    <Warnings summary=summary />
                </div>
                <Tabs label=texts::plans::parts(lang()).to_owned() tabs=tabs />
                {body}
            </div>
            <aside aria-label=texts::plans::when_and_how(lang())>{aside}</aside>
        </div>
    }
}

/// What it is about: the one parameter that changes, or how many.
fn title(plan: &PlanView) -> String {
    let language = lang();
    match plan.kind {
        PlanKind::Converge => texts::plans::converge_title(language, plan.id),
        PlanKind::WriteConfiguration => texts::plans::write_title(
            language,
            texts::plans::values(language, plan.changes.len() as u64),
            plan.id,
        ),
    }
}

/// The figures.
#[component]
fn Outcomes(summary: Memo<PlanSummary>) -> impl IntoView {
    let address = use_address();
    let language = lang();
    let to = move |tab: &'static str| {
        Signal::derive(move || address.href_with(&[("tab", (tab != "changes").then(|| tab.to_owned()))]))
    };
    let figure = move |of: fn(&PlanSummary) -> u64| Signal::derive(move || format::number(summary.with(of)));
    let of_targets = Signal::derive(move || {
        Some(texts::plans::of_clients(lang(), summary.with(|summary| summary.targets)))
    });
    let care = Signal::derive(move || {
        let care = summary.with(|summary| summary.care);
        (care > 0).then(|| texts::plans::care_count(lang(), care))
    });
    let reasons = Signal::derive(move || {
        let reasons = summary.with(|summary| summary.excluded.len()) as u64;
        (reasons > 0).then(|| texts::plans::reasons(lang(), reasons))
    });
    view! {
        <Tiles>
            <Tile
                label=texts::plans::clients_change(language).to_owned()
                icon="phone"
                value=figure(|summary| summary.writes)
                context=of_targets
                href=to("clients")
            />
            <Tile
                label=texts::plans::values_written(language).to_owned()
                icon="pencil"
                value=figure(|summary| summary.items)
                href=to("changes")
            />
            <Tile
                label=texts::plans::restart(language).to_owned()
                icon="power"
                value=figure(|summary| summary.restarts)
                context=care
                href=to("restarts")
            />
            <Tile
                label=texts::plans::left_out(language).to_owned()
                icon="struck"
                value=figure(|summary| summary.excluded.values().sum())
                context=reasons
                href=to("left-out")
            />
        </Tiles>
    }
}

/// What somebody should know before they apply it.
#[component]
fn Warnings(summary: Memo<PlanSummary>) -> impl IntoView {
    let count = move |tone: Tone, count: u64, words: fn(texts::Language, u64) -> String| {
        (count > 0).then(|| view! { <Note tone=tone><p>{words(lang(), count)}</p></Note> })
    };
    move || {
        let summary = summary.get();
        view! {
            {count(Tone::Bad, summary.care, texts::plans::could_cut_off)}
            {count(Tone::Warn, summary.withheld.values().sum(), texts::plans::withheld)}
            {count(Tone::Run, summary.unconfirmed, texts::plans::unconfirmed)}
            {count(Tone::Run, summary.entities, texts::plans::entities)}
        }
    }
}

/// Clients of a plan.
#[component]
fn ClientTable(targets: Vec<PlanTargetView>) -> impl IntoView {
    let language = lang();
    if targets.is_empty() {
        return view! { <EmptyState text=texts::plans::no_clients(language).to_owned() icon="phone" /> }
            .into_any();
    }
    let total = targets.len();
    let shown = RwSignal::new(SHOWN);
    let all = StoredValue::new(targets);
    let line = move |target: PlanTargetView| {
        let id = target.client_id;
        let name = target.e164.or_else(|| target.device_id.clone()).unwrap_or_else(|| id.to_string());
        let what = match target.excluded {
            Some(why) => words::reason(&why),
            None => texts::plans::values(language, target.rows.len() as u64),
        };
        let restarts = target.rows.iter().any(|row| row.restarts).then(|| {
            view! { <Status kind=StatusKind::new(Tone::Warn, "power", false) text=texts::plans::restarts_tag(language).to_owned() /> }
        });
        let withheld = target.withheld.len() as u64;
        let withheld = (withheld > 0).then(|| {
            view! { <Status kind=StatusKind::new(Tone::Warn, "key", false) text=texts::plans::withheld_short(language, withheld) /> }
        });
        view! {
            <tr>
                <th scope="row"><a href=format!("/clients/{id}")>{name}</a></th>
                <td data-label=texts::plans::model(language)>{target.model.unwrap_or_else(|| "–".to_owned())}</td>
                <td class="mono" data-label=texts::plans::device_id(language)>
                    {target.device_id.unwrap_or_else(|| "–".to_owned())}
                </td>
                <td class="wrap" data-label=texts::plans::what(language)>{what}</td>
                <td>{restarts} {withheld}</td>
            </tr>
        }
    };
    let lines = move || {
        let count = shown.get();
        all.with_value(|all| all.iter().take(count).cloned().map(line).collect::<Vec<_>>())
    };
    view! {
        <table class="tbl stack">
            <thead>
                <tr>
                    <th scope="col">{texts::plans::client(language)}</th>
                    <th scope="col">{texts::plans::model(language)}</th>
                    <th scope="col">{texts::plans::device_id(language)}</th>
                    <th scope="col">{texts::plans::what(language)}</th>
                    <th scope="col">{texts::plans::remarks(language)}</th>
                </tr>
            </thead>
            <tbody>{lines}</tbody>
        </table>
        {move || {
            let left = total.saturating_sub(shown.get());
            (left > 0)
                .then(|| {
                    view! {
                        <Button
                            size=ButtonSize::Small
                            on_press=Callback::new(move |()| shown.update(|shown| *shown += SHOWN))
                        >
                            {texts::plans::show_more(lang(), left.min(SHOWN) as u64)}
                        </Button>
                    }
                })
        }}
    }
    .into_any()
}
