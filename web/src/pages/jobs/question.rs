//! Cancelling, repeating and deleting jobs: one question for one job and for many.

use api::Code;
use api::job::{DeleteJobs, JobView, JobsDeleted};
use domain::JobId;
use leptos::prelude::*;

use crate::address::with_fields;
use crate::client::{self, Call, Failure};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::list::Chosen;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// What is done with jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// What was not sent yet is not sent any more.
    Cancel,
    /// Targets that did not succeed are tried again.
    Retry,
    /// Jobs that have ended are removed.
    Delete,
}

/// A question that can be asked.
#[derive(Clone, Copy)]
pub(super) struct Question {
    open: RwSignal<bool>,
    asked: RwSignal<(Deed, Chosen)>,
}

impl Question {
    pub(super) fn new() -> Self {
        Self { open: RwSignal::new(false), asked: RwSignal::new((Deed::Cancel, Chosen::Rows(Vec::new()))) }
    }

    pub(super) fn ask(self, deed: Deed, jobs: Chosen) {
        self.asked.set((deed, jobs));
        self.open.set(true);
    }

    pub(super) fn ask_one(self, deed: Deed, job: JobId) {
        self.ask(deed, Chosen::Rows(vec![job.0]));
    }
}

/// The dialog. `deleted` is called after jobs were deleted.
#[component]
pub(super) fn JobQuestion(
    question: Question,
    #[prop(optional, into)] deleted: Option<Callback<()>>,
) -> impl IntoView {
    let asked = question.asked;
    let words = move |one: fn(Deed, u64) -> String| {
        Signal::derive(move || asked.with(|(deed, jobs)| one(*deed, jobs.count())))
    };
    let title = words(|deed, count| match deed {
        Deed::Cancel => texts::jobs::cancel_question(lang(), count),
        Deed::Retry => texts::jobs::retry_question(lang(), count),
        Deed::Delete => texts::jobs::delete_question(lang(), count),
    });
    let text = words(|deed, _| {
        match deed {
            Deed::Cancel => texts::jobs::cancel_text(lang()),
            Deed::Retry => texts::jobs::retry_text(lang()),
            Deed::Delete => texts::jobs::delete_text(lang()),
        }
        .to_owned()
    });
    let button = words(|deed, count| match deed {
        Deed::Cancel => texts::jobs::cancel_jobs(lang(), count),
        Deed::Retry => texts::jobs::retry_jobs(lang(), count),
        Deed::Delete => texts::jobs::delete_jobs(lang(), count),
    });
    let act = Callback::new(move |consent: Consent| -> Acting {
        let (deed, jobs) = asked.get_untracked();
        Box::pin(async move {
            let ids = ids_of(jobs).await?;
            let done = match deed {
                Deed::Cancel => each(&ids, "cancel", None, Code::JobFinished).await,
                Deed::Retry => each(&ids, "retry", consent.typed, Code::NothingToRetry).await,
                Deed::Delete => delete(ids).await,
            };
            live::touch(Resource::Jobs);
            say(deed, done?);
            Ok(())
        })
    });
    let done = Callback::new(move |()| {
        if asked.with_untracked(|(deed, _)| *deed == Deed::Delete)
            && let Some(deleted) = deleted
        {
            deleted.run(());
        }
    });
    view! { <ConfirmDialog open=question.open title=title text=text button=button act=act done=done /> }
}

/// How many jobs it was done with, and how many were left as they are.
type Done = (u64, u64);

fn say(deed: Deed, (done, left): Done) {
    let said = match deed {
        Deed::Cancel => texts::jobs::cancelled(lang(), done),
        Deed::Retry => texts::jobs::retried(lang(), done),
        Deed::Delete => texts::jobs::deleted(lang(), done),
    };
    let rest = (left > 0).then(|| match deed {
        Deed::Cancel => texts::jobs::ended_before(lang(), left),
        Deed::Retry => texts::jobs::nothing_failed(lang(), left),
        Deed::Delete => texts::jobs::still_running(lang(), left),
    });
    toast::show([Some(said), rest].into_iter().flatten().collect::<Vec<_>>().join(" "));
}

/// Does it with one job after the other; `confirm` is the number of clients somebody typed, `fine` the refusal that means
/// there was nothing to do.
async fn each(ids: &[JobId], what: &str, confirm: Option<u64>, fine: Code) -> Result<Done, Failure> {
    let (mut done, mut left) = (0, 0);
    let confirm: Vec<(&str, String)> = confirm.iter().map(|number| ("confirm", number.to_string())).collect();
    for id in ids {
        match Call::post(&with_fields(&format!("/jobs/{id}/{what}"), &confirm)).answer::<JobView>().await {
            Ok(_) => done += 1,
            // One alone says why; of many the rest goes on.
            Err(failure) if ids.len() > 1 && [Some(fine), Some(Code::NotFound)].contains(&failure.code()) => {
                left += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok((done, left))
}

/// Most jobs that one call deletes.
const AT_ONCE: usize = 1_000;

async fn delete(ids: Vec<JobId>) -> Result<Done, Failure> {
    if let [id] = ids[..] {
        return Call::delete(&format!("/jobs/{id}")).done().await.map(|()| (1, 0));
    }
    let (mut done, mut left) = (0, 0);
    for piece in ids.chunks(AT_ONCE) {
        let body = DeleteJobs { ids: piece.to_vec() };
        let answer: JobsDeleted = client::post("/jobs/delete", &body).await?;
        done += answer.deleted;
        left += answer.not_finished.len() as u64;
    }
    Ok((done, left))
}

/// The jobs' ids; all that match are read from the server first, as the API deletes by ids.
async fn ids_of(jobs: Chosen) -> Result<Vec<JobId>, Failure> {
    let query = match jobs {
        Chosen::Rows(keys) => return Ok(keys.into_iter().map(JobId).collect()),
        Chosen::Matching { query, .. } => query,
    };
    let mut ids = Vec::new();
    let mut after = None::<String>;
    loop {
        let mut fields = query.fields();
        fields.push(("size", api::page::MOST_PER_PAGE.to_string()));
        if let Some(cursor) = after.take() {
            fields.push(("after", cursor));
        }
        let page: api::Page<JobView> = client::get(&with_fields("/jobs", &fields)).await?;
        ids.extend(page.items.iter().map(|job| job.id));
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(ids),
        }
    }
}
