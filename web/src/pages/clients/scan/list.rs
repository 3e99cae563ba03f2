//! Scans: those that run with their progress and *Stop*, and the last ones that are over; with what they have found.

use api::Page;
use api::scan::ScanView;
use domain::scan::{ScanPurpose, ScanState};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Findings;
use crate::address::with_fields;
use crate::client::{Call, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::components::progress::{Progress, Segment};
use crate::components::states::FailureNote;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::format;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// Scans that are over and shown.
const PAST: usize = 5;

fn kind(state: ScanState) -> StatusKind {
    match state {
        ScanState::Running => StatusKind::new(Tone::Run, "run", false),
        ScanState::Interrupted => StatusKind::new(Tone::Hold, "pause", false),
        ScanState::Finished => StatusKind::new(Tone::Ok, "okc", false),
        ScanState::Stopped => StatusKind::new(Tone::Idle, "struck", false),
        ScanState::Failed => StatusKind::new(Tone::Bad, "fail", true),
    }
}

/// The ports, as they are shown.
fn ports(scan: &ScanView) -> String {
    let all: Vec<String> = scan.ports.iter().map(u16::to_string).collect();
    if all.is_empty() { scan.port.to_string() } else { all.join(", ") }
}

/// The scans that are not over, or the last ones that are.
fn shown(scans: &[ScanView], over: bool) -> Vec<ScanView> {
    let most = if over { PAST } else { usize::MAX };
    scans.iter().filter(|scan| scan.state.is_over() == over).take(most).cloned().collect()
}

/// Those that run, and below them the last ones.
#[component]
pub(super) fn Scans(page: Signal<Page<ScanView>>, findings: Option<Findings>) -> impl IntoView {
    let part = move |over: bool| Memo::new(move |_| page.with(|page| shown(&page.items, over)));
    let (active, past) = (part(false), part(true));
    let none = move || {
        active.with(Vec::is_empty).then(|| view! { <p class="muted">{texts::scans::none(lang())}</p> })
    };
    let earlier = move || {
        past.with(|past| !past.is_empty()).then(|| view! { <h3>{texts::scans::earlier(lang())}</h3> })
    };
    view! {
        <section class="scans">
            <h3>{texts::scans::active(lang())}</h3>
            {none}
            <List scans=active findings=findings />
            {earlier}
            <List scans=past findings=findings />
        </section>
    }
}

#[component]
fn List(scans: Memo<Vec<ScanView>>, findings: Option<Findings>) -> impl IntoView {
    let ids = Memo::new(move |_| scans.with(|scans| scans.iter().map(|scan| scan.id).collect::<Vec<_>>()));
    let one = move |id: domain::ScanId| {
        let found = move || scans.with(|scans| scans.iter().find(|scan| scan.id == id).cloned());
        let first = found()?;
        let scan = Signal::derive(move || found().unwrap_or_else(|| first.clone()));
        Some(view! { <One scan=scan findings=findings /> })
    };
    view! {
        <ul class="scan-list">
            <For each=move || ids.get() key=|id| id.0 let:id>
                {one(id)}
            </For>
        </ul>
    }
}

#[component]
fn One(scan: Signal<ScanView>, findings: Option<Findings>) -> impl IntoView {
    let id = scan.with_untracked(|scan| scan.id);
    let (ranges, port) = scan.with_untracked(|scan| (scan.ranges.join(", "), ports(scan)));
    let phones = scan.with_untracked(|scan| scan.purpose == ScanPurpose::Phones);
    let named = ranges.clone();
    let (author, made) = scan.with_untracked(|scan| (scan.author.clone(), scan.created_at));
    let state = Memo::new(move |_| scan.with(|scan| scan.state));
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let stop = move || {
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let answer = Call::post(&format!("/scans/{id}/stop")).done().await;
            live::touch(Resource::Scans);
            let _ = busy.try_set(false);
            if let Err(problem) = answer {
                let _ = failure.try_set(Some(problem));
            }
        });
    };
    let segments = Signal::derive(move || {
        scan.with(|scan| {
            // More than one port of an address can answer.
            let answered = scan.answered.min(scan.probed);
            let silent = scan.probed.saturating_sub(answered);
            let part =
                |class, label: &str, count| Segment { class, label: label.to_owned(), count, href: None };
            let all = [
                part("ok", texts::scans::have_answered(lang()), answered),
                part("run", texts::scans::silent(lang()), silent),
                part("rest", texts::scans::to_come(lang()), scan.addresses.saturating_sub(scan.probed)),
            ];
            all.into_iter().filter(|part| part.count > 0).collect::<Vec<_>>()
        })
    });
    let progress =
        move || scan.with(|scan| texts::scans::progress(lang(), scan.addresses, format::number(scan.probed)));
    let found = move || {
        let (count, since) = scan.with(|scan| (scan.found, scan.created_at));
        if !phones {
            return view! { <span>{texts::storage::found(lang(), count)}</span> }.into_any();
        }
        let words = texts::scans::found(lang(), count);
        if count == 0 {
            return view! { <span>{words}</span> }.into_any();
        }
        let href = with_fields("/clients", &[("seen_from", since.to_string())]);
        view! { <a href=href>{words}</a> }.into_any()
    };
    let why = move || {
        let failure = scan.with(|scan| scan.failure)?;
        Some(view! { <p class="errtext">{texts::word(lang(), "scan-failure", failure.as_str())}</p> })
    };
    view! {
        <li>
            <div class="row wrap">
                <Status
                    kind=Signal::derive(move || kind(state.get()))
                    text=Signal::derive(move || texts::word(lang(), "scan-state", state.get().as_str()))
                />
                <span class="mono clip grow" title=named>
                    {ranges}
                </span>
                <span class="muted">{texts::scans::at_port(lang(), port)}</span>
                {move || {
                    (!state.get().is_over())
                        .then(|| {
                            view! {
                                <Button
                                    size=ButtonSize::Small
                                    busy=busy
                                    on_press=Callback::new(move |()| stop())
                                >
                                    {texts::scans::stop(lang())}
                                </Button>
                            }
                        })
                }}
            </div>
            <Progress segments=segments />
            <p class="small row wrap">
                <span>{progress}</span>
                <span>
                    {move || scan.with(|scan| texts::scans::answered(lang(), scan.answered))}
                </span>
                {found}
                <span class="muted push">
                    {texts::scans::by(lang(), author)} " · " <Ago at=Some(made) />
                </span>
            </p>
            {why}
            {findings.map(|findings| findings.run((id, Signal::derive(move || state.get().is_over()))))}
            <FailureNote failure=failure />
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::{PAST, shown};
    use api::scan::ScanView;

    fn scan(id: i64, state: &str) -> ScanView {
        serde_json::from_value(serde_json::json!({
            "id": id, "state": state, "purpose": "phones", "ranges": ["10.1.2.0/24"], "port": 8085,
            "ports": [8085], "purpose": "phones",
            "ports": [8085], "addresses": 254, "probed": 0, "answered": 0, "found": 0, "author": "root", "created_at": "2026-11-21T10:00:00Z", "started_at": null,
            "finished_at": null, "failure": null,
        }))
        .unwrap()
    }

    #[test]
    fn all_that_run_are_shown_and_only_the_last_of_the_others() {
        let mut scans: Vec<ScanView> = (10..20).rev().map(|id| scan(id, "finished")).collect();
        scans.push(scan(3, "running"));
        scans.push(scan(2, "interrupted"));
        let ids = |over| shown(&scans, over).iter().map(|scan| scan.id.0).collect::<Vec<_>>();
        assert_eq!(ids(false), [3, 2]);
        assert_eq!(ids(true)[..2], [19, 18]);
        assert_eq!(ids(true).len(), PAST);
    }
}
