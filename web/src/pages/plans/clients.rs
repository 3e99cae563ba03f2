//! Clients of a plan in a table: what happens to each, or why nothing does.

use api::plan::PlanTargetView;
use leptos::prelude::*;

use crate::components::button::{Button, ButtonSize};
use crate::components::states::EmptyState;
use crate::components::status::{Status, StatusKind, Tone};
use crate::pages::configuration::words;
use crate::texts::{self, lang};

/// Clients shown at first, and with each press of the button below.
const SHOWN: usize = 100;

/// Clients of a plan.
#[component]
pub fn ClientTable(
    /// The clients.
    targets: Vec<PlanTargetView>,
) -> impl IntoView {
    let language = lang();
    if targets.is_empty() {
        return view! { <EmptyState text=texts::plans::no_clients(language).to_owned() icon="phone" /> }
            .into_any();
    }
    let total = targets.len();
    let shown = RwSignal::new(SHOWN);
    let all = StoredValue::new(targets);
    let line = move |target: PlanTargetView| {
        let id = target.client_id;
        let name = target.e164.clone().or_else(|| target.device_id.clone()).unwrap_or_else(|| id.to_string());
        let what = match target.excluded {
            Some(ref why) => words::reason(why),
            None => super::deployment::what(&target)
                .unwrap_or_else(|| texts::plans::values(language, target.rows.len() as u64)),
        };
        let restarts = target.rows.iter().any(|row| row.restarts).then(|| {
            view! { <Status kind=StatusKind::new(Tone::Warn, "power", false) text=texts::plans::restarts_tag(language).to_owned() /> }
        });
        let conflicts = target.conflicts.len() as u64;
        let conflicts = (conflicts > 0).then(|| {
            view! { <Status kind=StatusKind::new(Tone::Warn, "drift", true) text=texts::plans::conflicts_short(language, conflicts) /> }
        });
        let withheld = target.withheld.len() as u64;
        let withheld = (withheld > 0).then(|| {
            view! { <Status kind=StatusKind::new(Tone::Warn, "key", false) text=texts::plans::withheld_short(language, withheld) /> }
        });
        view! {
            <tr>
                <th scope="row"><a href=format!("/clients/{id}")>{name}</a></th>
                <td data-label=texts::plans::model(language)>{target.model.unwrap_or_else(|| "–".to_owned())}</td>
                <td class="mono" data-label=texts::plans::device_id(language)>
                    {target.device_id.unwrap_or_else(|| "–".to_owned())}
                </td>
                <td class="wrap" data-label=texts::plans::what(language)>{what}</td>
                <td>
                    <div class="row wrap">{restarts} {withheld} {conflicts}</div>
                </td>
            </tr>
        }
    };
    let lines = move || {
        let count = shown.get();
        all.with_value(|all| all.iter().take(count).cloned().map(line).collect::<Vec<_>>())
    };
    view! {
        <table class="tbl stack">
            <thead>
                <tr>
                    <th scope="col">{texts::plans::client(language)}</th>
                    <th scope="col">{texts::plans::model(language)}</th>
                    <th scope="col">{texts::plans::device_id(language)}</th>
                    <th scope="col">{texts::plans::what(language)}</th>
                    <th scope="col">{texts::plans::remarks(language)}</th>
                </tr>
            </thead>
            <tbody>{lines}</tbody>
        </table>
        {move || {
            let left = total.saturating_sub(shown.get());
            (left > 0)
                .then(|| {
                    view! {
                        <Button
                            size=ButtonSize::Small
                            on_press=Callback::new(move |()| shown.update(|shown| *shown += SHOWN))
                        >
                            {texts::plans::show_more(lang(), left.min(SHOWN) as u64)}
                        </Button>
                    }
                })
        }}
    }
    .into_any()
}
