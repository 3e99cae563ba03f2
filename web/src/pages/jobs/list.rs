//! The list of jobs: filters of OSEM §12.1, progress in the row, cancelling and deleting many.

use api::job::JobView;
use domain::Permission;
use domain::job::{JobKind, JobState};
use leptos::prelude::*;

use super::question::{Deed, JobQuestion, Question};
use super::words;
use crate::client;
use crate::components::list::{
    BulkAction, CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
    shown_total,
};
use crate::components::menu::MenuEntry;
use crate::components::page_head::PageHead;
use crate::components::progress::{Progress, segments_of};
use crate::components::select::Choice;
use crate::components::status::JobStatus;
use crate::components::time::Ago;
use crate::format;
use crate::live::Resource;
use crate::session;
use crate::texts::{self, lang};

/// All jobs.
#[component]
pub fn JobsPage() -> impl IntoView {
    let found = RwSignal::new(None);
    let question = Question::new();
    view! {
        <PageHead title=texts::jobs::title(lang()).to_owned() sub=shown_total(found) />
        <ListPage spec=spec(question) found=found />
        <JobQuestion question=question />
    }
}

fn spec(question: Question) -> ListSpec<JobView> {
    let changes = session::may(Permission::ChangeClients);
    let action = |words: &str, icon, deed: Deed| {
        BulkAction::new(words, icon, move |chosen| question.ask(deed, chosen))
    };
    let actions = vec![
        action(texts::jobs::cancel(lang()), "struck", Deed::Cancel),
        action(texts::jobs::delete(lang()), "trash", Deed::Delete).danger(),
    ];
    ListSpec {
        name: "jobs",
        label: texts::jobs::title(lang()).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<JobView> {
            Box::pin(async move { client::get(&query.path("/jobs")).await })
        }),
        key: |row| row.id.0,
        sort: "-created_at",
        search: None,
        filters: filters(),
        actions: if changes { actions } else { Vec::new() },
        row_menu: Some(Callback::new(move |row: JobView| menu(&row, question, changes))),
        open: Opening::Page(|row| format!("/jobs/{}", row.id)),
        export: Some("/jobs/export".to_owned()),
        live: Some(Resource::Jobs),
        empty: EmptyTexts {
            none: texts::jobs::none(lang()).to_owned(),
            hint: Some(texts::jobs::none_hint(lang()).to_owned()),
            filtered: texts::jobs::no_match(lang()).to_owned(),
        },
    }
}

fn columns() -> Vec<Column<JobView>> {
    let language = lang();
    vec![
        Column::new("job", texts::jobs::job(language), |row: &JobView| {
            let kind = texts::word(lang(), "job-kind", row.kind.as_str());
            view! { <span>{kind}<span class="muted job-number">{format!(" {}", row.id)}</span></span> }
                .into_any()
        })
        .sort("kind")
        .card(CardPlace::Title),
        Column::new("state", texts::jobs::state(language), |row: &JobView| {
            view! { <JobStatus state=row.state later=row.planned_at.is_some() /> }.into_any()
        })
        .sort("state")
        .card(CardPlace::Right),
        Column::new("progress", texts::jobs::progress(language), progress).card(CardPlace::Below),
        Column::new("initiator", texts::jobs::initiator(language), |row: &JobView| initiator(row).into_any()),
        Column::new("created_at", texts::jobs::created(language), |row: &JobView| {
            view! { <Ago at=Some(row.created_at) /> }.into_any()
        })
        .sort("created_at")
        .card(CardPlace::When),
        Column::new("planned_at", texts::jobs::planned(language), |row: &JobView| match row.planned_at {
            Some(at) => format::date_time(at).into_any(),
            None => view! { <span class="muted">{texts::jobs::at_once(lang())}</span> }.into_any(),
        })
        .sort("planned_at"),
        Column::new("finished_at", texts::jobs::finished(language), |row: &JobView| match row.finished_at {
            Some(at) => view! { <Ago at=Some(at) /> }.into_any(),
            None => "–".into_any(),
        }),
        Column::new("duration", texts::jobs::duration(language), |row: &JobView| {
            let seconds = row.execution_seconds.and_then(|seconds| u64::try_from(seconds).ok());
            seconds.map_or_else(|| "–".to_owned(), format::duration).into_any()
        })
        .number()
        .hidden(),
    ]
}

/// Who made it, and when nobody did, what.
pub(super) fn initiator(job: &JobView) -> String {
    if job.initiator.is_empty() {
        texts::word(lang(), "job-cause", job.cause.as_str())
    } else {
        job.initiator.clone()
    }
}

fn progress(row: &JobView) -> AnyView {
    let (done, all) = (words::succeeded(&row.targets), row.targets.total());
    let segments = segments_of(&row.targets);
    let said = texts::jobs::of_all(lang(), format::number(all), format::number(done));
    view! {
        <span class="job-progress">
            <Progress segments=Signal::stored(segments) />
            <span class="muted">{said}</span>
        </span>
    }
    .into_any()
}

fn filters() -> Vec<FilterSpec> {
    let language = lang();
    let states = JobState::ALL.iter().map(|state| (state.as_str(), "job-state"));
    let kinds = JobKind::ALL.iter().map(|kind| (kind.as_str(), "job-kind"));
    let choice = |(word, table): (&str, &str)| Choice::new(word, texts::word(language, table, word));
    vec![
        FilterSpec::choice("state", texts::jobs::state(language), states.map(choice).collect::<Vec<_>>()),
        FilterSpec::choice("kind", texts::jobs::kind(language), kinds.map(choice).collect::<Vec<_>>()),
        FilterSpec::from_day("from", texts::jobs::executed_from(language)),
        FilterSpec::until_day("until", texts::jobs::executed_until(language)),
        FilterSpec::from_day("finished_from", texts::jobs::finished_from(language)),
        FilterSpec::until_day("finished_until", texts::jobs::finished_until(language)),
        FilterSpec::text("initiator", texts::jobs::initiator(language)),
        FilterSpec::text("client", texts::jobs::client_number(language)),
    ]
}

fn menu(row: &JobView, question: Question, changes: bool) -> Vec<MenuEntry> {
    let id = row.id;
    let mut entries = vec![MenuEntry::link(texts::jobs::details(lang()), format!("/jobs/{id}")).icon("info")];
    if let Some(plan) = row.plan {
        entries.push(MenuEntry::link(texts::jobs::show_plan(lang()), format!("/plans/{plan}")).icon("plan"));
    }
    if !changes {
        return entries;
    }
    if words::repeatable(&row.targets) > 0 && !row.stopping {
        let ask = move || question.ask_one(Deed::Retry, id);
        entries.push(MenuEntry::press(texts::jobs::retry(lang()), ask).icon("refresh"));
    }
    let last = if row.state.is_terminal() {
        MenuEntry::press(texts::jobs::delete_jobs(lang(), 1), move || question.ask_one(Deed::Delete, id))
            .icon("trash")
    } else {
        MenuEntry::press(texts::jobs::cancel_jobs(lang(), 1), move || question.ask_one(Deed::Cancel, id))
            .icon("struck")
    };
    entries.push(last.danger().line_before());
    entries
}
