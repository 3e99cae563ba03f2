//! The overview: what needs somebody, figures, and pictures; everything leads to its filtered list.

use std::collections::BTreeMap;

use api::Page;
use api::dashboard::{Attention, Contacts, Count, Dashboard, DayResults, ListFilter, ListName};
use api::job::{JobQuery, JobView};
use domain::job::JobState;
use jiff::Timestamp;
use leptos::prelude::*;

use crate::address::with_fields;
use crate::client;
use crate::components::button::LinkButton;
use crate::components::chart::{Bar, BarList, Columns};
use crate::components::icon::Icon;
use crate::components::page_head::PageHead;
use crate::components::progress::{Legend, Progress, Segment, segments_of};
use crate::components::states::EmptyState;
use crate::components::tile::{Card, Tile, Tiles};
use crate::components::time::Ago;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::texts::{self, lang};

/// Most things that need attention, and most jobs, shown here.
const MOST: usize = 5;
/// Most bars of a card.
const BARS: usize = 8;

/// The welcome page.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let figures =
        load(|| client::get::<Dashboard>("/dashboard")).live(Resource::Clients).live(Resource::Jobs);
    view! {
        <PageHead title=texts::overview::title(lang()).to_owned() />
        {figures.show(8, |figures| view! { <Figures figures=figures /> }.into_any())}
    }
}

#[component]
fn Figures(figures: Signal<Dashboard>) -> impl IntoView {
    let first = Memo::new(move |_| figures.with(|figures| figures.clients == 0));
    move || {
        if first.get() {
            view! { <FirstSteps /> }.into_any()
        } else {
            view! {
                <div class="wel">
                    <Strip figures=figures />
                    <NeedsAttention figures=figures />
                    <RunningJobs />
                    <ContactsCard figures=figures />
                    <ResultsCard figures=figures />
                    <ModelsCard figures=figures />
                    <SoftwareCard figures=figures />
                </div>
            }
            .into_any()
        }
    }
}

/// What to do when no phone has called yet.
#[component]
fn FirstSteps() -> impl IntoView {
    let steps = [
        (texts::overview::step_reach(lang()), texts::overview::step_reach_text(lang())),
        (texts::overview::step_prepare(lang()), texts::overview::step_prepare_text(lang())),
        (texts::overview::step_configure(lang()), texts::overview::step_configure_text(lang())),
    ];
    let step = |(place, (title, text)): (usize, (&'static str, &'static str))| {
        view! {
            <li class="card">
                <div class="body row">
                    <span class="pic">{place + 1}</span>
                    <div class="grow">
                        <h2>{title}</h2>
                        <p class="soft">{text}</p>
                    </div>
                </div>
            </li>
        }
    };
    view! {
        <div class="pad stack-v">
            <p class="soft">{texts::overview::first(lang())}</p>
            <ol class="stack-v close">{steps.into_iter().enumerate().map(step).collect_view()}</ol>
            <div>
                <LinkButton href="/clients".to_owned() icon="phone">
                    {texts::overview::to_clients(lang())}
                </LinkButton>
            </div>
        </div>
    }
}

#[component]
fn Strip(figures: Signal<Dashboard>) -> impl IntoView {
    let count = move |of: fn(&Dashboard) -> u64| Signal::derive(move || format::number(figures.with(of)));
    let jobs = move |state: JobState| {
        figures.with(|figures| figures.jobs.get(state.as_str()).copied().unwrap_or_default())
    };
    const OPEN: [JobState; 3] = [JobState::Active, JobState::Created, JobState::Paused];
    let running = Signal::derive(move || OPEN.into_iter().map(jobs).sum::<u64>());
    // The list filters by one state: with open jobs in several of them it is shown whole.
    let open_jobs = Signal::derive(move || {
        let states: Vec<JobState> = OPEN.into_iter().filter(|state| jobs(*state) > 0).collect();
        match states.as_slice() {
            [one] => with_fields("/jobs", &[("state", one.as_str())]),
            _ => "/jobs".to_owned(),
        }
    });
    let of_state = move |state: &str| {
        figures.with(|figures| {
            figures.by_state.iter().find(|count| count.key == state).map_or(0, |count| count.clients)
        })
    };
    let expected = Signal::derive(move || {
        let expected = of_state("prepared");
        (expected > 0).then(|| texts::overview::expected(lang(), expected))
    });
    let all_jobs = Signal::derive(move || {
        let all: u64 = figures.with(|figures| figures.jobs.values().sum());
        Some(texts::overview::jobs_in_all(lang(), all))
    });
    let accounts = figures.with_untracked(|figures| figures.accounts.is_some());
    view! {
        <Tiles>
            <Tile
                label=texts::clients::title(lang()).to_owned()
                icon="phone"
                value=count(|figures| figures.clients)
                context=expected
                href="/clients".to_owned()
            />
            <Tile
                label=texts::overview::phone_sessions(lang()).to_owned()
                icon="direct"
                value=count(|figures| figures.phones.open_sessions)
                context=texts::overview::phone_sessions_text(lang()).to_owned()
                href="/clients?sort=-last_contact_at".to_owned()
            />
            <Tile
                label=texts::overview::open_jobs(lang()).to_owned()
                icon="job"
                value=Signal::derive(move || format::number(running.get()))
                context=all_jobs
                href=open_jobs
            />
            {accounts
                .then(|| {
                    let sessions = Signal::derive(move || {
                        let sessions = figures.with(|figures| figures.sessions.unwrap_or_default());
                        Some(texts::overview::console_sessions(lang(), sessions))
                    });
                    view! {
                        <Tile
                            label=texts::accounts::title(lang()).to_owned()
                            icon="users"
                            value=count(|figures| figures.accounts.unwrap_or_default())
                            context=sessions
                            href="/accounts".to_owned()
                        />
                    }
                })}
        </Tiles>
    }
}

/// Address of the list that shows what a figure counts. The console calls the search of a list `q`.
fn list(name: ListName, filter: &ListFilter) -> String {
    let path = match name {
        ListName::Clients => "/clients",
        ListName::Jobs => "/jobs",
    };
    let fields: Vec<(&str, &str)> = filter
        .iter()
        .map(|(name, value)| (if name == "search" { "q" } else { name.as_str() }, value.as_str()))
        .collect();
    with_fields(path, &fields)
}

#[component]
fn NeedsAttention(figures: Signal<Dashboard>) -> impl IntoView {
    let faults = move || {
        let fault = |count: &Count| {
            let name = texts::word(lang(), "fault", &count.key);
            let href = list(ListName::Clients, &count.filter);
            view! { <span><a href=href>{name}</a> " " <span class="muted num">{format::number(count.clients)}</span></span> }
        };
        let faults = figures.with(|figures| figures.by_fault.iter().map(fault).collect_view());
        view! { <p class="faults-by small">{faults}</p> }
    };
    let entry = move |what: Attention| {
        let word = serde_json::to_value(what.kind).ok().and_then(|word| word.as_str().map(str::to_owned));
        let word = word.unwrap_or_default();
        let (icon, tone) = match word.as_str() {
            "quarantined" => ("quar", "bad"),
            "fault" => ("tri", "bad"),
            "jobs-failed" => ("fail", "bad"),
            "jobs-timed-out" => ("hourglass", "warn"),
            "not-seen" => ("clock", "warn"),
            "drift" => ("drift", "warn"),
            "secrets-withheld" => ("lock", "warn"),
            _ => ("partial", "warn"),
        };
        let href = list(what.list, &what.filter);
        view! {
            <li class=tone>
                <Icon name=icon />
                <div class="grow">
                    <a href=href.clone()>
                        <span>{texts::word(lang(), "attention", &word)}</span>
                        <b>{format::number(what.count)}</b>
                    </a>
                    {(word == "fault").then(faults)}
                </div>
            </li>
        }
    };
    let shown = move || {
        let items = figures.with(|figures| figures.attention.clone());
        if items.is_empty() {
            let at = figures.with(|figures| figures.calculated_at);
            return view! {
                <p class="soft">
                    {texts::overview::nothing_needed(lang())} " "
                    <span class="muted">
                        {texts::overview::checked(lang())} " " <Ago at=Some(at) />
                    </span>
                </p>
            }
            .into_any();
        }
        view! { <ul class="attn">{items.into_iter().take(MOST).map(entry).collect_view()}</ul> }.into_any()
    };
    view! {
        <Card title=texts::overview::attention(lang()).to_owned() class="c7">
            {shown}
        </Card>
    }
}

#[component]
fn RunningJobs() -> impl IntoView {
    let query = JobQuery { state: Some(JobState::Active), size: Some(MOST as u64), ..JobQuery::default() };
    let path = client::with_query("/jobs", &query);
    let jobs = load(move || {
        let path = path.clone();
        async move { client::get::<Page<JobView>>(&path).await }
    })
    .live(Resource::Jobs);
    let line = |job: JobView| {
        let segments = segments_of(&job.targets);
        view! {
            <li class="jobline">
                <a href=format!("/jobs/{}", job.id)>
                    {texts::overview::job_line(lang(), job.id, texts::word(lang(), "job-kind", job.kind.as_str()))}
                </a>
                <Progress segments=segments />
            </li>
        }
    };
    let lines = move |page: Page<JobView>| {
        if page.items.is_empty() {
            view! { <p class="soft">{texts::overview::no_running_jobs(lang())}</p> }.into_any()
        } else {
            view! { <ul class="joblines">{page.items.into_iter().map(line).collect_view()}</ul> }.into_any()
        }
    };
    let shown = move || jobs.show(2, move |page| view! { {move || lines(page.get())} }.into_any());
    let link = Signal::derive(|| Some((texts::overview::all_jobs(lang()).to_owned(), "/jobs".to_owned())));
    view! {
        <Card title=texts::overview::running_jobs(lang()).to_owned() link=link class="c5">
            {shown}
        </Card>
    }
}

#[component]
fn ContactsCard(figures: Signal<Dashboard>) -> impl IntoView {
    let columns = Signal::derive(move || {
        let column = |span: &Contacts| {
            let fields = [("seen_from", span.from.to_string()), ("seen_until", span.until.to_string())];
            Bar::new(format::day_time(span.from), span.contacts, with_fields("/clients", &fields))
        };
        figures.with(|figures| figures.contacts_by_hour.iter().map(column).collect::<Vec<_>>())
    });
    let sentence = Signal::derive(move || {
        let all =
            figures.with(|figures| figures.contacts_by_hour.iter().map(|span| span.contacts).sum::<u64>());
        texts::overview::contacts_sentence(lang(), all)
    });
    view! {
        <Card title=texts::overview::contacts(lang()).to_owned() class="c7">
            <Columns
                sentence=sentence
                columns=columns
                unit=texts::overview::hour(lang()).to_owned()
                counted=texts::overview::contacts_counted(lang()).to_owned()
            />
        </Card>
    }
}

/// Results of the jobs of seven days: a bar for each, in the patterns of their states.
#[component]
fn ResultsCard(figures: Signal<Dashboard>) -> impl IntoView {
    const STATES: [(&str, JobState); 5] = [
        ("ok", JobState::Success),
        ("warn", JobState::PartialSuccessful),
        ("bad", JobState::Failed),
        ("late", JobState::Timeout),
        ("rest", JobState::Cancelled),
    ];
    // What a part counts: jobs of this state that came to their end between these instants.
    let all = |jobs: &BTreeMap<String, u64>, span: (Timestamp, Timestamp)| -> Vec<Segment> {
        let part = |(class, state): (&'static str, JobState)| {
            let count = jobs.get(state.as_str()).copied().unwrap_or_default();
            let fields = [
                ("state", state.as_str().to_owned()),
                ("finished_from", span.0.to_string()),
                ("finished_until", span.1.to_string()),
            ];
            (count > 0).then(|| Segment {
                class,
                label: texts::word(lang(), "job-state", state.as_str()),
                count,
                href: Some(with_fields("/jobs", &fields)),
            })
        };
        STATES.into_iter().filter_map(part).collect()
    };
    let day = move |day: DayResults| {
        let parts = all(&day.jobs, (day.from, day.until));
        let total: u64 = parts.iter().map(|part| part.count).sum();
        let fields = [("finished_from", day.from.to_string()), ("finished_until", day.until.to_string())];
        let number = match total {
            0 => view! { <span class="num muted">{format::number(0)}</span> }.into_any(),
            _ => view! { <a class="num" href=with_fields("/jobs", &fields)>{format::number(total)}</a> }
                .into_any(),
        };
        view! {
            <li class="dayline">
                <span class="muted">{format::day(day.from)}</span>
                <Progress segments=parts />
                {number}
            </li>
        }
    };
    let shown = move || {
        let days = figures.with(|figures| figures.job_results.clone());
        days.into_iter().rev().map(day).collect_view()
    };
    let legend = Signal::derive(move || {
        figures.with(|figures| {
            let (Some(first), Some(last)) = (figures.job_results.first(), figures.job_results.last()) else {
                return Vec::new();
            };
            let mut sums = BTreeMap::new();
            for (state, count) in figures.job_results.iter().flat_map(|day| &day.jobs) {
                *sums.entry(state.clone()).or_default() += count;
            }
            all(&sums, (first.from, last.until))
        })
    });
    view! {
        <Card title=texts::overview::results(lang()).to_owned() class="c5">
            <ul class="daylines">{shown}</ul>
            <Legend segments=legend />
        </Card>
    }
}

fn bars(counts: &[Count]) -> Vec<Bar> {
    let bar =
        |count: &Count| Bar::new(count.key.clone(), count.clients, list(ListName::Clients, &count.filter));
    counts.iter().take(BARS).map(bar).collect()
}

#[component]
fn ModelsCard(figures: Signal<Dashboard>) -> impl IntoView {
    let models = Signal::derive(move || figures.with(|figures| bars(&figures.by_model)));
    view! {
        <Card title=texts::overview::models(lang()).to_owned() class="c6">
            <Bars bars=models />
        </Card>
    }
}

#[component]
fn SoftwareCard(figures: Signal<Dashboard>) -> impl IntoView {
    let versions = Signal::derive(move || figures.with(|figures| bars(&figures.by_software)));
    view! {
        <Card title=texts::overview::software(lang()).to_owned() class="c6">
            <Bars bars=versions />
        </Card>
    }
}

#[component]
fn Bars(bars: Signal<Vec<Bar>>) -> impl IntoView {
    move || {
        if bars.with(Vec::is_empty) {
            view! { <EmptyState text=texts::overview::nothing_reported(lang()).to_owned() /> }.into_any()
        } else {
            view! { <BarList bars=bars /> }.into_any()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::list;
    use api::dashboard::{ListFilter, ListName};

    #[test]
    fn a_figure_leads_to_its_list() {
        let filter = ListFilter::from([
            ("search".to_owned(), "V3 R5".to_owned()),
            ("state".to_owned(), "active".to_owned()),
        ]);
        assert_eq!(list(ListName::Clients, &filter), "/clients?q=V3+R5&state=active");
        assert_eq!(list(ListName::Jobs, &ListFilter::new()), "/jobs");
    }
}
