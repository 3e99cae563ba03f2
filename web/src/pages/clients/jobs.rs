//! The tab "Jobs": the newest jobs that have this client among their targets.

use api::Page;
use api::job::JobView;
use domain::ClientId;
use leptos::prelude::*;

use crate::address::with_fields;
use crate::components::states::EmptyState;
use crate::components::status::JobStatus;
use crate::components::time::Ago;
use crate::load::Loaded;
use crate::texts::{self, lang};

/// Jobs shown here; the rest is in the list of jobs.
pub(super) const SHOWN: u64 = 20;

/// The newest jobs of a client.
#[component]
pub(super) fn Jobs(client: ClientId, jobs: Loaded<Page<JobView>>) -> impl IntoView {
    let href = with_fields("/jobs", &[("client", client.to_string())]);
    jobs.show(5, move |jobs: Signal<Page<JobView>>| {
        let href = href.clone();
        let list = move || {
            let Page { items, total, .. } = jobs.get();
            if items.is_empty() {
                return view! { <EmptyState text=texts::clients::no_jobs(lang()).to_owned() icon="job" /> }
                    .into_any();
            }
            let all = (total > SHOWN).then(|| {
                view! { <a href=href.clone()>{texts::clients::all_jobs(lang(), total)}</a> }
            });
            view! {
                <ul class="client-lines">{items.into_iter().map(line).collect_view()}</ul>
                {all}
            }
            .into_any()
        };
        list.into_any()
    })
}

fn line(job: JobView) -> impl IntoView {
    let kind = texts::word(lang(), "job-kind", job.kind.as_str());
    let number = texts::clients::job_number(lang(), job.id);
    view! {
        <li>
            <div class="row between">
                <a class="strong clip" href=format!("/jobs/{}", job.id)>
                    {kind}
                </a>
                <JobStatus state=Signal::stored(job.state) later=job.planned_at.is_some() />
            </div>
            <p class="muted small">
                {number} " · " <Ago at=Some(job.created_at) /> " · " {job.initiator}
            </p>
        </li>
    }
}
