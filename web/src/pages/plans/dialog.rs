//! The plan of one client in a dialog: what changes, what is left out, applying it, and how it goes on.

use std::sync::Arc;

use api::plan::{PlanApplied, PlanTargetView, PlanView};
use domain::catalogue::Catalogue;
use domain::{JobId, PlanId};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::apply::{Apply, Outcome};
use super::changes::ChangeTable;
use super::left_out::LeftOutValues;
use super::progress::JobProgress;
use super::sets::{SetLine, is_withheld};
use super::targets::{self, PlanTargets};
use crate::client::{self, Failure};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::Tone;
use crate::load::load;
use crate::pages::configuration::{catalogue, words};
use crate::texts::{self, lang};

/// The plan of one client. Opens when there is a plan.
#[component]
pub fn PlanDialog(
    /// The plan; closing the dialog takes it away.
    plan: RwSignal<Option<PlanView>>,
    /// After it was applied; the dialog stays open and shows how it goes on.
    #[prop(into)]
    applied: Callback<()>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let done = RwSignal::new(None::<Option<JobId>>);
    Effect::new(move |_| {
        if plan.with(Option::is_some) && !open.get_untracked() {
            done.set(None);
            open.set(true);
        }
    });
    let title = Signal::derive(move || match done.get() {
        Some(_) => texts::plans::applied_title(lang()).to_owned(),
        None => texts::plans::dialog_title(lang()).to_owned(),
    });
    view! {
        <Dialog
            open=open
            title=title
            size=DialogSize::Table
            busy=busy
            on_close=Callback::new(move |()| plan.set(None))
        >
            {move || match (done.get(), plan.with(|plan| plan.as_ref().map(|plan| plan.id))) {
                (Some(job), _) => view! { <Done job=job open=open plan=plan /> }.into_any(),
                (None, Some(_)) => {
                    view! { <Draft plan=plan open=open busy=busy done=done applied=applied /> }
                }.into_any(),
                (None, None) => ().into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn Done(job: Option<JobId>, open: RwSignal<bool>, plan: RwSignal<Option<PlanView>>) -> impl IntoView {
    let progress = match job {
        Some(job) => view! { <JobProgress id=job one=true /> }.into_any(),
        None => {
            view! { <Note tone=Tone::Ok><p>{texts::plans::nothing_to_write(lang())}</p></Note> }.into_any()
        }
    };
    view! {
        {progress}
        <DialogButtons>
            <Button
                kind=ButtonKind::Primary
                on_press=Callback::new(move |()| {
                    open.set(false);
                    plan.set(None);
                })
            >
                {texts::common::close(lang())}
            </Button>
        </DialogButtons>
    }
}

#[component]
fn Draft(
    plan: RwSignal<Option<PlanView>>,
    open: RwSignal<bool>,
    busy: RwSignal<bool>,
    done: RwSignal<Option<Option<JobId>>>,
    applied: Callback<()>,
) -> impl IntoView {
    let Some(first) = plan.get_untracked() else { return ().into_any() };
    let id = first.id;
    let now = Signal::derive(move || plan.get().unwrap_or_else(|| first.clone()));
    let was_stale = RwSignal::new(false);
    let all = load(catalogue);
    let found = load(move || async move { targets::read(id).await });
    let failure = RwSignal::new(None::<Failure>);
    let show_newer = Callback::new(move |newer: PlanId| {
        failure.set(None);
        spawn_local(async move {
            match client::get::<PlanView>(&format!("/plans/{newer}")).await {
                Ok(made) => {
                    super::note_stale(id, newer);
                    let _ = plan.try_set(Some(made));
                }
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    });
    let outcome = Callback::new(move |outcome: Outcome| match outcome {
        Outcome::Applied(PlanApplied { job_id, .. }) => {
            applied.run(());
            let _ = done.try_set(Some(job_id));
        }
        Outcome::Before(job) => {
            let _ = done.try_set(Some(job));
        }
        Outcome::Stale(newer) => show_newer.run(newer),
    });
    was_stale.set(super::was_stale(id));
    let body = found.show(4, move |found: Signal<PlanTargets>| {
        let view = move || {
            let all = all.data.get()?;
            let found = found.get();
            let target = found.written.into_iter().chain(found.excluded).next();
            Some(view! { <OneClient catalogue=all plan=now target=target /> })
        };
        view! { {view} }.into_any()
    });
    view! {
        {was_stale.get_untracked().then(|| view! { <Note tone=Tone::Warn><p>{texts::plans::new_plan(lang())}</p></Note> })}
        {body}
        <FailureNote failure=failure />
        <Apply plan=now outcome=outcome busy=busy>
            <Button on_press=Callback::new(move |()| {
                if !busy.get_untracked() {
                    open.set(false);
                    plan.set(None);
                }
            })>{texts::plans::back(lang())}</Button>
        </Apply>
    }
    .into_any()
}

/// What happens to the one client.
#[component]
fn OneClient(
    catalogue: Arc<Catalogue>,
    plan: Signal<PlanView>,
    target: Option<PlanTargetView>,
) -> impl IntoView {
    let language = lang();
    let Some(target) = target else {
        return view! { <EmptyState text=texts::plans::nothing_changes(language).to_owned() icon="check" /> }
            .into_any();
    };
    let excluded = target.excluded.as_ref().map(|why| {
        let why = words::reason(why);
        view! { <Note tone=Tone::Hold><p>{texts::plans::not_now(language, why)}</p></Note> }
    });
    let mut rows = target.rows.clone();
    rows.sort_by_key(|row| row.companion);
    let lines: Vec<SetLine> = rows
        .into_iter()
        .map(|row| SetLine {
            before: vec![(row.from.clone(), 1)],
            withheld: u64::from(is_withheld(&target, &row)),
            row,
        })
        .collect();
    let nothing = lines.is_empty() && target.excluded.is_none();
    let restarts = target.rows.iter().any(|row| row.restarts);
    let care = target.rows.iter().any(|row| row.care);
    let removed = plan.with(|plan| plan.changes.iter().filter(|change| change.removes).count()) as u64;
    let values = LeftOutValues { catalogue: catalogue.clone(), targets: vec![target] };
    view! {
        {excluded}
        {care.then(|| view! { <Note tone=Tone::Bad><p>{texts::plans::care_one(language)}</p></Note> })}
        {restarts.then(|| view! { <Note tone=Tone::Warn><p>{texts::plans::restarts_one(language)}</p></Note> })}
        {(removed > 0).then(|| view! { <Note><p>{texts::plans::removed(language, removed)}</p></Note> })}
        {if nothing {
            view! { <Note tone=Tone::Ok><p>{texts::plans::already_so(language)}</p></Note> }.into_any()
        } else if lines.is_empty() {
            ().into_any()
        } else {
            view! {
                <div class="scroll-box">
                    <ChangeTable
                        catalogue=catalogue
                        lines=lines
                        counted=false
                        label=texts::plans::changes(language).to_owned()
                    />
                </div>
            }
                .into_any()
        }}
        {values.view()}
    }
    .into_any()
}
