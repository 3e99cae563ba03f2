//! A plan of the fleet in short, for dialogs: what is saved, the figures, and what changes at the first clients.

use std::sync::Arc;

use api::plan::{PlanSummary, PlanView};
use domain::catalogue::Catalogue;
use leptos::prelude::*;

use super::changes::ChangeSets;
use super::fleet::{Conflicts, Saved};
use super::left_out::{LeftOut, LeftOutValues};
use super::sets;
use super::summary::{Figures, Warnings, sentence};
use super::targets::{self, PlanTargets};
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::format;
use crate::load::load;
use crate::pages::configuration::catalogue;
use crate::texts::{self, lang};

/// Clients that are read for a dialog; the page of the plan reads more.
const FEW: usize = 100;

/// What a plan saves and does, in short.
#[component]
pub fn ShortPlan(
    /// The plan; it is drawn up.
    #[prop(into)]
    plan: Signal<PlanView>,
) -> impl IntoView {
    let id = plan.with_untracked(|plan| plan.id);
    let all = load(catalogue);
    let found = load(move || async move { targets::read_first(id, FEW).await });
    let summary = Signal::derive(move || plan.with(|plan| plan.summary.clone()));
    // Conflicts stand below with their templates.
    let warned = Signal::derive(move || PlanSummary { conflicts: 0, ..summary.get() });
    let saved = Signal::derive(move || plan.with(|plan| plan.fleet.clone()));
    let rest = all.show(4, move |all: Signal<Arc<Catalogue>>| {
        let all = all.get_untracked();
        let clients = all.clone();
        let clients = found.show(4, move |found: Signal<PlanTargets>| {
            let catalogue = clients.clone();
            let view = move || {
                view! { <Clients catalogue=catalogue.clone() found=found.get() plan=plan /> }
            };
            view! { {view} }.into_any()
        });
        view! {
            <Saved catalogue=all changes=saved apart=true />
            <Figures id=id summary=summary />
            <Warnings summary=warned />
            {clients}
        }
        .into_any()
    });
    view! {
        <div class="stack-v close">
            <p class="strong">{move || plan.with(sentence)}</p>
            {rest}
            <p>
                <a href=format!("/plans/{id}") target="_blank" rel="noopener">
                    {texts::plans::open_plan(lang())}
                </a>
            </p>
        </div>
    }
}

/// What happens to the first clients, in a box that scrolls.
#[component]
fn Clients(catalogue: Arc<Catalogue>, found: PlanTargets, plan: Signal<PlanView>) -> impl IntoView {
    let language = lang();
    let summary = plan.with(|plan| plan.summary.clone());
    let part = found.all_written > found.written.len() as u64;
    let note = part.then(|| {
        let read = format::number(found.written.len() as u64);
        let all = format::number(found.all_written);
        view! { <Note tone=Tone::Run><p>{texts::plans::part_only(language, all, read)}</p></Note> }
    });
    let disagree = found.written.iter().chain(&found.excluded).any(|target| !target.conflicts.is_empty());
    let conflicts = disagree.then(|| {
        let targets = found.written.iter().chain(&found.excluded).cloned().collect();
        view! { <Conflicts catalogue=catalogue.clone() targets=targets /> }
    });
    let values = LeftOutValues { catalogue: catalogue.clone(), targets: found.written.clone() };
    let sets = sets::sets(&found.written);
    let nothing = sets.is_empty() && summary.excluded.is_empty() && !disagree;
    if nothing {
        return ().into_any();
    }
    view! {
        {note}
        <div class="scroll-box stack-v close" tabindex="0" role="group" aria-label=texts::plans::changes(language)>
            {conflicts}
            <ChangeSets catalogue=catalogue sets=sets />
            {values.view()}
            <LeftOut summary=summary />
        </div>
    }
    .into_any()
}
