//! What a plan saves when it is applied: templates, groups and fields of clients; and where templates of equal rank
//! disagree afterwards (D-19).

use std::collections::BTreeMap;
use std::sync::Arc;

use api::plan::{ConflictView, FleetChangeView, PlanTargetView};
use domain::catalogue::Catalogue;
use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::components::states::EmptyState;
use crate::pages::configuration::words;
use crate::texts::{self, lang};

/// The object whose fields are those of a client.
const CLIENT: &str = "client";
/// Most changed things that are named in a line.
const MOST_CHANGED: usize = 8;
/// Most conflicts that are shown.
const MOST_CONFLICTS: usize = 100;

/// Name of something that changes: a field, or a parameter with its entry (`telephony.keys.dial[3]`).
fn changed(catalogue: &Catalogue, object: &str, name: &str) -> String {
    // Of a client these are fields that somebody has named.
    if object == CLIENT {
        return name.to_owned();
    }
    let (id, index) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((id, index)) => (id, Some(index)),
        None => (name, None),
    };
    let Some(parameter) = catalogue.parameter(id) else {
        return texts::word(lang(), "fleet-field", name);
    };
    let label = words::text(&parameter.label);
    index.map_or_else(|| label.to_owned(), |index| format!("{label} · {index}"))
}

/// All names of what changes, up to a number.
fn all_changed(catalogue: &Catalogue, change: &FleetChangeView) -> String {
    let more = change.changed.len().saturating_sub(MOST_CHANGED);
    let names = change.changed.iter().take(MOST_CHANGED).map(|name| changed(catalogue, &change.object, name));
    let names = names.collect::<Vec<_>>().join(", ");
    if more == 0 { names } else { texts::plans::more_models(lang(), names, more) }
}

/// Where the thing is, while it is there.
pub fn place(change: &FleetChangeView) -> Option<String> {
    let folder = match change.object.as_str() {
        "template" => "templates",
        "group" => "groups",
        CLIENT => "clients",
        _ => return None,
    };
    change.id.map(|id| format!("/{folder}/{id}"))
}

fn icon(object: &str) -> &'static str {
    match object {
        "template" => "file",
        "group" => "users",
        CLIENT => "phone",
        _ => "pencil",
    }
}

/// What is saved, thing by thing.
#[component]
pub fn Saved(
    /// Everything that can be set.
    catalogue: Arc<Catalogue>,
    /// What is saved.
    #[prop(into)]
    changes: Signal<Vec<FleetChangeView>>,
    /// Links open another window: what is typed here stays.
    #[prop(optional)]
    apart: bool,
) -> impl IntoView {
    let line = move |change: FleetChangeView| {
        let language = lang();
        let href = place(&change);
        let names = all_changed(&catalogue, &change);
        let deleted = change.action == "delete";
        let action = texts::word(language, "fleet-action", &change.action);
        let object = texts::word(language, "fleet-object", &change.object);
        let name = match href {
            Some(href) if apart => {
                view! { <a href=href target="_blank" rel="noopener">{change.name}</a> }.into_any()
            }
            Some(href) => view! { <a href=href>{change.name}</a> }.into_any(),
            None => view! { <b class="strong">{change.name}</b> }.into_any(),
        };
        view! {
            <li>
                <Icon name=icon(&change.object) />
                <p>
                    {object} " " {name}
                    {(!names.is_empty() && !deleted).then(|| view! { <span>{names}</span> })}
                </p>
                <span class=if deleted { "tag bad" } else { "tag" }>{action}</span>
            </li>
        }
    };
    view! {
        <ul class="reasons" aria-label=texts::plans::saved(lang())>
            {move || changes.get().into_iter().map(line.clone()).collect_view()}
        </ul>
    }
}

/// Conflicts that are the same, and for how many clients.
fn grouped(targets: Vec<PlanTargetView>) -> Vec<(ConflictView, u64)> {
    let mut found: BTreeMap<ConflictView, u64> = BTreeMap::new();
    for conflict in targets.into_iter().flat_map(|target| target.conflicts) {
        *found.entry(conflict).or_default() += 1;
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found
}

/// Where templates of equal rank disagree: the value, the templates, and how many clients it concerns.
#[component]
pub fn Conflicts(
    /// Everything that can be set.
    catalogue: Arc<Catalogue>,
    /// The clients.
    targets: Vec<PlanTargetView>,
) -> impl IntoView {
    let language = lang();
    let found = grouped(targets);
    if found.is_empty() {
        return view! { <EmptyState text=texts::plans::no_conflicts(language).to_owned() icon="okc" /> }
            .into_any();
    }
    let line = move |(conflict, count): (ConflictView, u64)| {
        let label = catalogue.parameter(&conflict.parameter.parameter);
        let label = label.map_or_else(
            || conflict.parameter.parameter.clone(),
            |parameter| words::text(&parameter.label).to_owned(),
        );
        let label = match conflict.parameter.index {
            Some(index) => format!("{label} · {index}"),
            None => label,
        };
        let disagree = texts::plans::disagree(language, conflict.templates.len() as u64, conflict.rank);
        view! {
            <li>
                <Icon name="drift" />
                <p>
                    {label}
                    <span>{format!("{disagree}: {}", conflict.templates.join(", "))}</span>
                </p>
                <b class="strong">{texts::plans::clients(language, count)}</b>
            </li>
        }
    };
    view! {
        <section class="card">
            <header>
                <h2>{texts::plans::conflicts_tab(language)}</h2>
            </header>
            <div class="body">
                <p class="soft">{texts::plans::conflicts_help(language)}</p>
            </div>
            <ul class="reasons">{found.into_iter().take(MOST_CONFLICTS).map(line).collect::<Vec<_>>()}</ul>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{grouped, place};
    use api::plan::{FleetChangeView, PlanTargetView};

    fn target(id: i64, templates: &[&str]) -> PlanTargetView {
        serde_json::from_value(serde_json::json!({
            "client_id": id, "rows": [], "left_out": [], "withheld": [],
            "conflicts": [{"parameter": "a", "index": null, "templates": templates, "rank": 3}],
        }))
        .unwrap()
    }

    #[test]
    fn the_same_conflict_of_many_clients_is_one_line() {
        let targets = [target(1, &["A", "B"]), target(2, &["A", "C"]), target(3, &["A", "C"])];
        let counts: Vec<_> =
            grouped(targets.into()).into_iter().map(|(one, count)| (one.templates, count)).collect();
        let named = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        assert_eq!(counts, [(named(["A", "C"]), 2), (named(["A", "B"]), 1)]);
    }

    #[test]
    fn what_is_new_has_no_place_yet() {
        let mut change = FleetChangeView {
            object: "group".to_owned(),
            id: Some(3),
            name: "Hamburg".to_owned(),
            action: "change".to_owned(),
            changed: Vec::new(),
        };
        assert_eq!(place(&change).as_deref(), Some("/groups/3"));
        change.id = None;
        assert_eq!(place(&change), None);
    }
}
