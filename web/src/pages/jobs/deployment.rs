//! Jobs that deploy: what is deployed, how far each phone is, and how many are where.

use api::Page;
use api::configuration::Reason;
use api::deployment::{DeploymentProgress, DeploymentView};
use api::job::{JobView, TargetView};
use domain::deployment::DeploymentPhase;
use domain::job::{Counts, TargetState};
use leptos::prelude::*;

use crate::client;
use crate::components::meter::{Meter, percent};
use crate::components::progress::{ORDER, Segment};
use crate::components::tile::Card;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::pages::plans::deployment::DeploymentFacts;
use crate::texts::{self, lang};

/// What a job deploys; nothing of other kinds.
pub(super) fn of_job(job: &JobView) -> Option<DeploymentView> {
    if !job.kind.deploys() {
        return None;
    }
    // The options of a job hold more than what is deployed.
    serde_json::from_value(job.options.clone()).ok()
}

/// Why a job stopped on its own.
pub(super) fn stopped(job: &JobView) -> Option<String> {
    let code = job.options.get("stopped")?.as_str()?;
    Some(texts::word(lang(), "reason", code))
}

/// What is deployed, and how.
#[component]
pub(super) fn Deployed(deployment: DeploymentView) -> impl IntoView {
    view! {
        <div class="job-deployment">
            <Card title=texts::deployments::what(lang()).to_owned()>
                <DeploymentFacts deployment=Signal::stored(deployment) />
            </Card>
        </div>
    }
}

/// How far one phone is, in words.
fn phase(phase: DeploymentPhase) -> String {
    texts::word(lang(), "deployment-phase", phase.as_str())
}

/// Phases of phones that were told, in the order of the bar: nearly done first.
const TOLD: [(DeploymentPhase, &str); 4] = [
    (DeploymentPhase::Verifying, "check"),
    (DeploymentPhase::Downloaded, "check"),
    (DeploymentPhase::Downloading, "run"),
    (DeploymentPhase::Offered, "told"),
];
/// Most phones whose phases are asked for. Far fewer are told at a time, as settings have it.
const MOST_TOLD: u64 = 500;

/// The phones that were told and have not ended; loaded again while they go on.
pub(super) fn sent(job: Signal<JobView>) -> Signal<Vec<TargetView>> {
    let id = job.with_untracked(|job| job.id);
    let any = Memo::new(move |_| job.with(|job| job.targets.sent > 0));
    let path = format!("/jobs/{id}/targets?state=sent&size={MOST_TOLD}");
    let found = load(move || {
        let path = any.get().then(|| path.clone());
        async move {
            match path {
                Some(path) => Ok(client::get::<Page<TargetView>>(&path).await?.items),
                None => Ok(Vec::new()),
            }
        }
    })
    .live(Resource::Jobs);
    Signal::derive(move || found.data.get().unwrap_or_default())
}

/// The segments of a job that deploys: those of any job, with the phones that were told by what they do now.
pub(super) fn segments(
    counts: &Counts,
    sent: &[TargetView],
    href: impl Fn(TargetState) -> Option<String>,
) -> Vec<Segment> {
    let mut left = counts.sent;
    let mut told = Vec::new();
    for (phase, class) in TOLD {
        let is = |target: &&TargetView| target.deployment.as_ref().is_some_and(|own| own.phase == phase);
        // The counts may be a moment newer than the phones.
        let count = (sent.iter().filter(is).count() as u64).min(left);
        left -= count;
        if count > 0 {
            told.push(Segment { class, label: self::phase(phase), count, href: href(TargetState::Sent) });
        }
    }
    let mut all = Vec::new();
    for (state, class) in ORDER {
        let count = if state == TargetState::Sent { left } else { counts.of(state) };
        if state == TargetState::Sent {
            all.append(&mut told);
        }
        if count > 0 {
            let label = texts::word(lang(), "target-state", state.as_str());
            all.push(Segment { class, label, count, href: href(state) });
        }
    }
    all
}

/// Whether there is more to say than the state does.
fn under_way(target: &TargetView) -> Option<&DeploymentProgress> {
    let progress = target.deployment.as_ref()?;
    let told = matches!(target.state, TargetState::Sent | TargetState::Active);
    (told && progress.phase != DeploymentPhase::Over).then_some(progress)
}

/// The cell of a list: the phase, and a bar while the phone downloads.
pub(super) fn cell(target: &TargetView) -> AnyView {
    let Some(progress) = under_way(target) else {
        let done = target.deployment.as_ref().filter(|progress| progress.files > 1);
        let done = done.map(|progress| texts::deployments::done_of(lang(), progress.done, progress.files));
        return view! { <span class="muted">{done.unwrap_or_else(|| "–".to_owned())}</span> }.into_any();
    };
    let words = phase(progress.phase);
    if progress.phase != DeploymentPhase::Downloading {
        return words.into_any();
    }
    let (received, size) = (progress.received, progress.size);
    let label = texts::deployments::download_of(lang(), progress.file.clone().unwrap_or_default());
    view! {
        <span class="download">
            <Meter label=label done=received whole=size />
            <span class="small num">{format!("{} %", percent(received, size))}</span>
        </span>
    }
    .into_any()
}

/// Why this server could not give the file away.
fn not_served(why: &Reason) -> String {
    texts::word(lang(), "storage-error", &why.code)
}

/// The same in the drawer, with numbers.
#[component]
pub(super) fn TargetProgress(#[prop(into)] target: Signal<TargetView>) -> impl IntoView {
    let progress = Memo::new(move |_| target.with(|target| target.deployment.clone()));
    let open = Memo::new(move |_| target.with(|target| under_way(target).is_some()));
    let bar = move || {
        let progress = progress.get().filter(|progress| open.get() && progress.size > 0)?;
        let label = texts::deployments::download_of(lang(), progress.file.clone().unwrap_or_default());
        let (received, size) = (progress.received, progress.size);
        Some(view! {
            <Meter label=label done=received whole=size />
            <p class="small muted num">
                {texts::deployments::received_of(lang(), percent(received, size), format::bytes(received), format::bytes(size))}
            </p>
        })
    };
    let facts = move || {
        let language = lang();
        let progress = progress.get()?;
        let unknown = || texts::deployments::unknown_version(lang()).to_owned();
        let versions = (progress.from_version.is_some() || progress.to_version.is_some()).then(|| {
            texts::deployments::version_change(
                language,
                progress.from_version.clone().unwrap_or_else(unknown),
                progress.to_version.clone().unwrap_or_else(unknown),
            )
        });
        let several = progress.files > 1;
        let rows = [
            (texts::deployments::phase(language), open.get().then(|| phase(progress.phase))),
            (texts::deployments::file(language), progress.file.clone()),
            (texts::files::software_version(language), versions),
            (
                texts::deployments::files(language),
                several.then(|| texts::deployments::done_of(language, progress.done, progress.files)),
            ),
            (texts::deployments::offered(language), progress.offered_at.map(format::date_time)),
            (texts::deployments::not_served(language), progress.failure.as_ref().map(not_served)),
        ];
        let shown = rows.into_iter().filter_map(|(name, value)| {
            value.map(|value| view! { <dt>{name}</dt> <dd class="breakable">{value}</dd> })
        });
        Some(view! { <dl class="kv">{shown.collect_view()}</dl> })
    };
    view! { {bar} {facts} }
}

#[cfg(test)]
mod tests {
    use super::{of_job, segments, stopped, under_way};
    use api::job::{JobView, TargetView};
    use domain::job::Counts;

    fn job(kind: &str, options: &serde_json::Value) -> JobView {
        serde_json::from_value(serde_json::json!({
            "id": 7, "kind": kind, "state": "active", "cause": "user", "initiator_kind": "user",
            "initiator": "root", "options": options,
            "plan": null, "planned_at": null, "created_at": "2026-11-21T10:00:00Z", "started_at": null,
            "finished_at": null, "expires_at": "2026-11-28T10:00:00Z", "execution_seconds": null, "stopping": false,
            "revision": 1,
            "targets": {"waiting": 0, "scheduled": 0, "active": 0, "sent": 0, "success": 0, "partial": 0, "failed": 0,
                        "timeout": 0, "cancelled": 0, "skipped": 0},
        }))
        .unwrap()
    }

    #[test]
    fn only_jobs_that_deploy_say_what() {
        let options = serde_json::json!({
            "files": [{"file": 3, "name": "a.wav", "file_type": "ringtone", "action": "deploy"}], "priority": "normal",
            "allow_family_change": false, "allow_downgrade": false, "again": false, "error_limit": 5,
            "success_limit": null, "stopped": "error-limit",
        });
        let one = job("deploy-files", &options);
        assert_eq!(of_job(&one).map(|deployment| deployment.files.len()), Some(1));
        assert!(stopped(&one).is_some());
        assert_eq!(of_job(&job("restart", &options)), None);
    }

    #[test]
    fn the_bar_is_only_there_while_something_is_under_way() {
        assert!(under_way(&target("sent", "downloading")).is_some());
        assert!(under_way(&target("success", "over")).is_none());
        assert!(under_way(&target("waiting", "waiting")).is_none());
    }

    fn target(state: &str, phase: &str) -> TargetView {
        serde_json::from_value(serde_json::json!({
            "id": 1, "job_id": 7, "client_id": 1, "device_id": null, "e164": null, "model": null, "state": state,
            "attempts": 1, "due_at": "2026-11-21T10:00:00Z", "expires_at": "2026-11-28T10:00:00Z",
            "sent_at": null, "started_at": null, "finished_at": null, "reason": null, "reason_args": {},
            "results": [],
            "deployment": {"phase": phase, "file": "a.img", "received": 5, "size": 10, "done": 0, "files": 1,
                           "offered_at": null, "from_version": null, "to_version": null},
        }))
        .unwrap()
    }

    #[test]
    fn the_bar_counts_every_phone_once() {
        let mut counts = Counts { waiting: 5, sent: 4, success: 2, failed: 1, ..Counts::default() };
        let told = [target("sent", "downloading"), target("sent", "downloading"), target("sent", "offered")];
        let bar = |counts: &Counts| -> Vec<(&'static str, u64)> {
            let parts = segments(counts, &told, |_| None);
            parts.into_iter().map(|part| (part.class, part.count)).collect()
        };
        // Of one phone that was told nothing more is known.
        let all = [("ok", 2), ("bad", 1), ("hold", 5), ("run", 2), ("told", 1), ("run", 1)];
        assert_eq!(bar(&counts), all);
        // Two have ended since the phones were asked for.
        counts.sent = 1;
        assert_eq!(bar(&counts), [("ok", 2), ("bad", 1), ("hold", 5), ("run", 1)]);
    }
}
