//! One job: state, progress with a legend, what can be done with it, and its targets by state. Live.

use api::job::{JobView, TargetView};
use domain::job::{JobState, TargetState};
use domain::{JobId, Permission};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::deployment::{self, Deployed};
use super::list::initiator;
use super::question::{Deed, JobQuestion, Question};
use super::target::TargetDrawer;
use super::words;
use crate::address::{Address, use_address};
use crate::client;
use crate::components::button::Button;
use crate::components::list::{
    CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
};
use crate::components::page_head::PageHead;
use crate::components::progress::{Legend, ORDER, Progress, segments_to};
use crate::components::select::Choice;
use crate::components::states::Note;
use crate::components::status::{JobStatus, TargetStatus, Tone};
use crate::components::time::Ago;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// One job.
#[component]
pub fn JobPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let page = move || {
        let id = id.get();
        let path = format!("/jobs/{id}");
        let job = load(move || {
            let path = path.clone();
            async move { client::get::<JobView>(&path).await }
        })
        .live(Resource::Jobs);
        let title = texts::clients::job_number(lang(), &id);
        job.show_page(title, 8, move |job| view! { <Job job=job /> }.into_any())
    };
    // Built anew for another job: nothing of the one before stays.
    page
}

#[component]
fn Job(job: Signal<JobView>) -> impl IntoView {
    let address = use_address();
    let question = Question::new();
    let first = job.get_untracked();
    let deployed = deployment::of_job(&first);
    let deploys = first.kind.deploys();
    let changes = session::may(Permission::ChangeClients);
    let ended = Memo::new(move |_| job.with(|job| job.state.is_terminal()));
    let failed = Memo::new(move |_| {
        job.with(
            |job| if job.stopping && !job.state.is_terminal() { 0 } else { words::repeatable(&job.targets) },
        )
    });
    let id = first.id;
    let ask = move |deed: Deed| Callback::new(move |()| question.ask_one(deed, id));
    let buttons = move || {
        let retry = (failed.get() > 0).then(|| {
            view! {
                <Button icon="refresh" on_press=ask(Deed::Retry)>
                    {texts::jobs::retry_targets(lang(), failed.get())}
                </Button>
            }
        });
        let last = if ended.get() {
            view! {
                <Button icon="trash" class="warnish" on_press=ask(Deed::Delete)>
                    {texts::jobs::delete_jobs(lang(), 1)}
                </Button>
            }
            .into_any()
        } else {
            view! {
                <Button icon="struck" class="warnish" on_press=ask(Deed::Cancel)>
                    {texts::jobs::cancel_jobs(lang(), 1)}
                </Button>
            }
            .into_any()
        };
        changes.then(|| view! { {retry} {last} })
    };
    view! {
        <PageHead title=words::title(&first)>{buttons}</PageHead>
        <Facts job=job />
        <Bar job=job address=address />
        {deployed.map(|deployment| view! { <Deployed deployment=deployment /> })}
        <StateTabs job=job address=address />
        <div class="job-targets">
            <ListPage spec=targets(id, deploys) />
        </div>
        <JobQuestion question=question deleted=Callback::new(move |()| address.replace("/jobs")) />
    }
}

/// State, who, when, from which plan, how long.
#[component]
fn Facts(job: Signal<JobView>) -> impl IntoView {
    let first = job.get_untracked();
    let made = texts::jobs::made_by(lang(), format::date_time(first.created_at), initiator(&first));
    let plan = first.plan.map(|plan| {
        view! { <a href=format!("/plans/{plan}")>{texts::jobs::from_plan(lang(), plan)}</a> }
    });
    let time = move || {
        job.with(|job| {
            let seconds = job.execution_seconds.and_then(|seconds| u64::try_from(seconds).ok());
            match (job.started_at, job.finished_at, job.planned_at) {
                (_, Some(at), _) => {
                    let lasted =
                        seconds.map(|seconds| texts::jobs::lasted(lang(), format::duration(seconds)));
                    let ended = texts::jobs::ended_at(lang(), format::date_time(at));
                    [Some(ended), lasted].into_iter().flatten().collect::<Vec<_>>().join(", ")
                }
                (Some(_), None, _) => seconds.map_or_else(String::new, |seconds| {
                    texts::jobs::running_for(lang(), format::duration(seconds))
                }),
                (None, None, Some(at)) => texts::jobs::planned_for(lang(), format::date_time(at)),
                (None, None, None) => texts::jobs::not_started(lang()).to_owned(),
            }
        })
    };
    let until = move || {
        job.with(|job| {
            (!job.state.is_terminal())
                .then(|| texts::jobs::given_up_at(lang(), format::date_time(job.expires_at)))
        })
    };
    view! {
        <p class="job-facts">
            <JobStatus
                state=Signal::derive(move || job.with(|job| job.state))
                later=Signal::derive(move || job.with(|job| job.planned_at.is_some()))
            />
            <span>{made}</span>
            {plan}
            <span>{time}</span>
            <span>{until}</span>
        </p>
    }
}

#[component]
fn Bar(job: Signal<JobView>, address: Address) -> impl IntoView {
    let link = move |state| Some(href(address, Some(state)));
    let sent = job.with_untracked(|job| job.kind.deploys()).then(|| deployment::sent(job));
    let segments = Signal::derive(move || {
        job.with(|job| match sent {
            Some(sent) => sent.with(|sent| deployment::segments(&job.targets, sent, link)),
            None => segments_to(&job.targets, link),
        })
    });
    let done = move || format::number(job.with(|job| words::succeeded(&job.targets)));
    let all =
        move || texts::jobs::of_all_succeeded(lang(), format::number(job.with(|job| job.targets.total())));
    let note = move || {
        job.with(|job| {
            (job.stopping && !job.state.is_terminal()).then(|| {
                view! {
                    <Note tone=Tone::Hold>{texts::jobs::stopping(lang())}</Note>
                }
            })
        })
    };
    let stopped = move || {
        let why = job.with(deployment::stopped)?;
        Some(view! { <Note tone=Tone::Warn><p>{why}</p></Note> })
    };
    let alert = move || {
        let failed =
            job.with(|job| job.state == JobState::Failed && job.targets.failed == job.targets.total());
        failed.then(|| view! { <Note tone=Tone::Bad>{texts::jobs::all_failed(lang())}</Note> })
    };
    view! {
        <section class="job-bar" aria-label=texts::jobs::progress(lang())>
            <p>
                <b class="job-figure">{done}</b>
                " "
                <span class="soft">{all}</span>
            </p>
            <Progress segments=segments large=true />
            <Legend segments=segments />
            {note}
            {stopped}
            {alert}
        </section>
    }
}

/// This page with the targets of one state; the first page of them, and no drawer.
fn href(address: Address, state: Option<TargetState>) -> String {
    let state = state.map(|state| state.as_str().to_owned());
    address.href_with(&[("state", state), ("page", None), ("after", None), ("open", None)])
}

#[component]
fn StateTabs(job: Signal<JobView>, address: Address) -> impl IntoView {
    let open = Memo::new(move |_| address.get("state"));
    let tab = move |state: Option<TargetState>, count: u64| {
        let words = match state {
            Some(state) => texts::word(lang(), "target-state", state.as_str()),
            None => texts::jobs::all(lang()).to_owned(),
        };
        let current = move || (open.get().as_deref() == state.map(TargetState::as_str)).then_some("true");
        view! {
            <a href=move || href(address, state) aria-current=current>
                {words}
                " "
                <span>{format::number(count)}</span>
            </a>
        }
    };
    let tabs = move || {
        let counts = job.with(|job| job.targets);
        let open = open.get();
        let shown = ORDER.into_iter().filter_map(|(state, _)| {
            let count = counts.of(state);
            (count > 0 || open.as_deref() == Some(state.as_str())).then(|| tab(Some(state), count))
        });
        [tab(None, counts.total())].into_iter().chain(shown).collect_view()
    };
    view! {
        <nav class="tabs" aria-label=texts::jobs::targets_by_state(lang())>
            {tabs}
        </nav>
    }
}

fn targets(job: JobId, deploys: bool) -> ListSpec<TargetView> {
    let language = lang();
    let states = TargetState::ALL
        .iter()
        .map(|state| Choice::new(state.as_str(), texts::word(language, "target-state", state.as_str())));
    ListSpec {
        // Their columns are remembered apart: only one of them knows a progress.
        name: if deploys { "deployment-targets" } else { "job-targets" },
        label: texts::jobs::targets(language).to_owned(),
        columns: columns(deploys),
        fetch: Callback::new(move |query: ListQuery| -> Fetching<TargetView> {
            Box::pin(async move { client::get(&query.path(&format!("/jobs/{job}/targets"))).await })
        }),
        key: |row| row.id.0,
        sort: "",
        search: None,
        filters: vec![FilterSpec::choice("state", texts::jobs::state(language), states.collect::<Vec<_>>())],
        actions: vec![],
        row_menu: None,
        open: Opening::Drawer {
            view: Callback::new(move |key: i64| view! { <TargetDrawer job=job target=key /> }.into_any()),
            label: texts::jobs::target(language).to_owned(),
            page: None,
        },
        export: Some(format!("/jobs/{job}/targets/export")),
        live: Some(Resource::Jobs),
        empty: EmptyTexts {
            none: texts::jobs::no_targets(language).to_owned(),
            hint: None,
            filtered: texts::jobs::no_target_matches(language).to_owned(),
        },
    }
}

/// How a target is called: its number, or its MAC address.
pub(super) fn name(target: &TargetView) -> String {
    let name = target.e164.clone().or_else(|| target.device_id.clone());
    name.unwrap_or_else(|| texts::jobs::unknown_client(lang()).to_owned())
}

fn columns(deploys: bool) -> Vec<Column<TargetView>> {
    let language = lang();
    let progress = Column::new("progress", texts::deployments::phase(language), deployment::cell);
    let mut columns = vec![
        Column::new("client", texts::jobs::client(language), |row: &TargetView| name(row).into_any())
            .card(CardPlace::Title),
        Column::new("model", texts::jobs::model(language), |row: &TargetView| {
            row.model.clone().unwrap_or_else(|| "–".to_owned()).into_any()
        }),
        Column::new("device_id", texts::jobs::device_id(language), |row: &TargetView| {
            let id = row.device_id.clone().unwrap_or_else(|| "–".to_owned());
            view! { <span class="mono">{id}</span> }.into_any()
        }),
        Column::new("state", texts::jobs::state(language), |row: &TargetView| {
            view! { <TargetStatus state=row.state /> }.into_any()
        })
        .card(CardPlace::Right),
        Column::new("reason", texts::jobs::reason(language), |row: &TargetView| {
            let said = words::reason(row);
            let count = row.results.len() as u64;
            let items = (count > 0).then(|| match row.deployment {
                Some(_) => texts::deployments::remarks(lang(), count),
                None => texts::jobs::values_not_written(lang(), count),
            });
            let said = [said, items].into_iter().flatten().collect::<Vec<_>>().join(" ");
            view! { <span class="job-reason">{said}</span> }.into_any()
        })
        .card(CardPlace::Below),
        Column::new("attempts", texts::jobs::attempts(language), |row: &TargetView| {
            row.attempts.to_string().into_any()
        })
        .number()
        .hidden(),
        Column::new("changed", texts::jobs::changed(language), |row: &TargetView| {
            let at = row.finished_at.or(row.sent_at).or(row.started_at);
            match at {
                Some(at) => view! { <Ago at=Some(at) /> }.into_any(),
                None => "–".into_any(),
            }
        })
        .card(CardPlace::When),
    ];
    if deploys {
        // Behind the state, which it says more about.
        columns.insert(4, progress);
    }
    columns
}
