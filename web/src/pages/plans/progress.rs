//! The job of a plan while it runs: state, progress, and, for one client, why it is where it is.

use api::Page;
use api::job::{JobView, ResultView, TargetView};
use domain::JobId;
use leptos::prelude::*;

use super::deployment;
use crate::client;
use crate::components::progress::{Legend, Progress, segments_of};
use crate::components::status::{JobStatus, TargetStatus};
use crate::components::time::{Ago, At};
use crate::live::Resource;
use crate::load::load;
use crate::texts::{self, lang};

/// The job of a plan, live.
#[component]
pub fn JobProgress(
    /// The job.
    id: JobId,
    /// It has one client only.
    #[prop(optional)]
    one: bool,
) -> impl IntoView {
    let job = load(move || async move { client::get::<JobView>(&format!("/jobs/{id}")).await })
        .live(Resource::Jobs);
    // Of one client its own state says more than that of the job.
    let found = RwSignal::new(None::<TargetView>);
    let target = Signal::from(found);
    if one {
        let page = load(move || async move {
            client::get::<Page<TargetView>>(&format!("/jobs/{id}/targets?size=1")).await
        });
        let page = page.live(Resource::Jobs);
        Effect::new(move |_| {
            if let Some(page) = page.data.get() {
                found.set(page.items.into_iter().next());
            }
        });
    }
    job.show(2, move |job| {
        let segments = Signal::derive(move || segments_of(&job.with(|job| job.targets)));
        let when = move || {
            let (planned, started, finished) = job.with(|job| (job.planned_at, job.started_at, job.finished_at));
            match (planned, started, finished) {
                (_, _, Some(at)) => view! { {texts::plans::finished(lang())} " " <Ago at=Some(at) /> }.into_any(),
                (_, Some(at), None) => view! { {texts::plans::started(lang())} " " <Ago at=Some(at) /> }.into_any(),
                (Some(at), None, None) => view! { {texts::plans::starts(lang())} " " <At at=at /> }.into_any(),
                (None, None, None) => ().into_any(),
            }
        };
        let bar = (!one).then(|| {
            view! {
                <Progress segments=segments large=true />
                <Legend segments=segments />
            }
        });
        view! {
            <div class="stack-v close">
                <div class="row wrap">
                    {(!one)
                        .then(|| view! { <JobStatus state=Signal::derive(move || job.with(|job| job.state)) /> })}
                    {one.then(|| view! { <OneState target=target /> })}
                    <span class="muted">{when}</span>
                    <a class="push" href=format!("/jobs/{id}")>
                        {texts::plans::show_job(lang(), id)}
                    </a>
                </div>
                {bar}
                {one.then(|| view! { <OneTarget target=target /> })}
            </div>
        }
        .into_any()
    })
}

/// State of the one client.
#[component]
fn OneState(target: Signal<Option<TargetView>>) -> impl IntoView {
    move || {
        let state = target.with(|target| target.as_ref().map(|target| target.state))?;
        Some(view! { <TargetStatus state=state /> })
    }
}

/// Why the one client is where it is, and what became of its values.
#[component]
fn OneTarget(target: Signal<Option<TargetView>>) -> impl IntoView {
    let reason = move || {
        let target = target.get()?;
        let code = target.reason?;
        // Each value below says so itself.
        if target.results.iter().any(|result| result.code == code) {
            return None;
        }
        let args = target.reason_args.as_object().cloned().unwrap_or_default();
        let args = args.into_iter().collect();
        Some(view! { <p class="soft">{texts::reason(lang(), &code, &args)}</p> })
    };
    let results = move || {
        let results = target.get().map(|target| target.results).unwrap_or_default();
        let line = |result: ResultView| {
            let args = result.args.as_object().cloned().unwrap_or_default().into_iter().collect();
            let why = texts::reason(lang(), &result.code, &args);
            let item = match deployment::name_of_result(&result) {
                Some(file) => view! { <span class="breakable">{file}</span> }.into_any(),
                None => view! { <span class="mono">{result.item}</span> }.into_any(),
            };
            view! { <li>{item} " – " {why}</li> }
        };
        let lines: Vec<_> = results.into_iter().map(line).collect();
        (!lines.is_empty()).then(|| view! { <ul class="results">{lines}</ul> })
    };
    view! {
        <div class="one-target" role="status">
            {reason}
            {results}
        </div>
    }
}
