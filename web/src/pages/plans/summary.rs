//! What a plan comes to in figures, and what somebody should know before they apply it.

use api::plan::{PlanKind, PlanSummary, PlanView};
use domain::PlanId;
use leptos::prelude::*;

use crate::address::use_address;
use crate::components::icon::Icon;
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::components::tile::{Tile, Tiles};
use crate::texts::{self, lang};
use crate::{address, format};

/// The figures of the page.
#[component]
pub fn Outcomes(
    /// What it is for.
    kind: PlanKind,
    /// The figures.
    summary: Memo<PlanSummary>,
) -> impl IntoView {
    let address = use_address();
    let language = lang();
    let fleet = kind == PlanKind::ChangeFleet;
    let to = move |tab: &'static str| {
        Signal::derive(move || address.href_with(&[("tab", (tab != "changes").then(|| tab.to_owned()))]))
    };
    let figure = move |of: fn(&PlanSummary) -> u64| Signal::derive(move || format::number(summary.with(of)));
    let of_targets = Signal::derive(move || {
        let all = |summary: &PlanSummary| if fleet { summary.affected } else { summary.targets };
        Some(texts::plans::of_clients(lang(), summary.with(all)))
    });
    let items = Signal::derive(move || {
        let items = summary.with(|summary| summary.items);
        (items > 0).then(|| texts::plans::values(lang(), items))
    });
    let care = Signal::derive(move || {
        let care = summary.with(|summary| summary.care);
        (care > 0).then(|| texts::plans::care_count(lang(), care))
    });
    let reasons = Signal::derive(move || {
        let reasons = summary.with(|summary| summary.excluded.len()) as u64;
        (reasons > 0).then(|| texts::plans::reasons(lang(), reasons))
    });
    let first = if fleet {
        view! {
            <Tile
                label=texts::plans::affected(language).to_owned()
                icon="drift"
                value=figure(|summary| summary.affected)
                context=items
                href=to("changes")
            />
        }
        .into_any()
    } else {
        ().into_any()
    };
    let values = (!fleet).then(|| {
        view! {
            <Tile
                label=texts::plans::values_written(language).to_owned()
                icon="pencil"
                value=figure(|summary| summary.items)
                href=to("changes")
            />
        }
    });
    let conflicts = fleet.then(|| {
        view! {
            <Tile
                label=texts::plans::conflicts_tab(language).to_owned()
                icon="tri"
                value=figure(|summary| summary.conflicts)
                href=to("conflicts")
            />
        }
    });
    let written =
        if fleet { texts::plans::are_written(language) } else { texts::plans::clients_change(language) };
    view! {
        <Tiles>
            {first}
            <Tile
                label=written.to_owned()
                icon="phone"
                value=figure(|summary| summary.writes)
                context=of_targets
                href=to("clients")
            />
            {values}
            <Tile
                label=texts::plans::restart(language).to_owned()
                icon="power"
                value=figure(|summary| summary.restarts)
                context=care
                href=to("restarts")
            />
            {conflicts}
            <Tile
                label=texts::plans::left_out(language).to_owned()
                icon="struck"
                value=figure(|summary| summary.excluded.values().sum())
                context=reasons
                href=to("left-out")
            />
        </Tiles>
    }
}

/// What somebody should know before they apply it.
#[component]
pub fn Warnings(
    /// The figures.
    #[prop(into)]
    summary: Signal<PlanSummary>,
) -> impl IntoView {
    let count = move |tone: Tone, count: u64, words: fn(texts::Language, u64) -> String| {
        (count > 0).then(|| view! { <Note tone=tone><p>{words(lang(), count)}</p></Note> })
    };
    move || {
        let summary = summary.get();
        view! {
            {count(Tone::Bad, summary.care, texts::plans::could_cut_off)}
            {count(Tone::Warn, summary.conflicts, texts::plans::conflicts)}
            {count(Tone::Warn, summary.withheld.values().sum(), texts::plans::withheld)}
            {count(Tone::Run, summary.unconfirmed, texts::plans::unconfirmed)}
            {count(Tone::Run, summary.entities, texts::plans::entities)}
        }
    }
}

/// Words for a number.
type Counted = fn(texts::Language, u64) -> String;

/// A figure of a dialog: class, icon, words, and the tab of the plan's page it counts.
type Figure = (&'static str, &'static str, String, &'static str);

/// The figures that are not zero.
fn figures(summary: &PlanSummary) -> Vec<Figure> {
    let language = lang();
    let already = summary.excluded.get("already-so").copied().unwrap_or_default();
    let left_out = summary.excluded.values().sum::<u64>().saturating_sub(already);
    let all: [(u64, &'static str, &'static str, Counted, &'static str); 6] = [
        (summary.writes, "idle", "pencil", texts::plans::change_count, "clients"),
        (summary.restarts, "warn", "power", texts::plans::restart_count, "restarts"),
        (left_out, "idle", "struck", texts::plans::left_out_count, "left-out"),
        (already, "idle", "check", texts::plans::already_count, "left-out"),
        (summary.conflicts, "warn fill", "drift", texts::plans::conflict_count, "conflicts"),
        (summary.care, "bad fill", "tri", texts::plans::care_count, "clients"),
    ];
    let told = all.into_iter().filter(|(count, ..)| *count > 0);
    told.map(|(count, class, icon, words, tab)| (class, icon, words(language, count), tab)).collect()
}

/// The figures of a dialog; each leads to its tab of the plan's page, in another window: the dialog stays.
#[component]
pub fn Figures(
    /// The plan.
    id: PlanId,
    /// The figures.
    #[prop(into)]
    summary: Signal<PlanSummary>,
) -> impl IntoView {
    let line = move |(class, icon, words, tab): Figure| {
        let href = address::with_fields(&format!("/plans/{id}"), &[("tab", tab)]);
        view! {
            <li>
                <a class=format!("st {class}") href=href target="_blank" rel="noopener">
                    <Icon name=icon />
                    <span>{words}</span>
                </a>
            </li>
        }
    };
    view! { <ul class="figures">{move || figures(&summary.get()).into_iter().map(line).collect_view()}</ul> }
}

/// What saving it does, in a sentence.
pub fn sentence(plan: &PlanView) -> String {
    let language = lang();
    let summary = &plan.summary;
    let first = match summary.affected {
        0 => texts::plans::saving_changes_nothing(language).to_owned(),
        count => texts::plans::saving_changes(language, count),
    };
    match summary.restarts {
        0 => first,
        count => format!("{first} {}", texts::plans::saving_restarts(language, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::figures;
    use api::plan::PlanSummary;

    #[test]
    fn what_is_so_already_is_not_called_left_out() {
        let mut summary = PlanSummary { writes: 1_284, restarts: 96, ..PlanSummary::default() };
        summary.excluded = [("already-so".to_owned(), 20), ("quarantined".to_owned(), 41)].into();
        let told: Vec<String> = figures(&summary).into_iter().map(|(_, _, words, _)| words).collect();
        assert_eq!(told, ["1,284 clients change", "96 restart", "41 left out", "20 already so"]);
        summary = PlanSummary { conflicts: 1, care: 2, ..PlanSummary::default() };
        assert_eq!(figures(&summary).len(), 2);
    }
}
