//! The changes of a plan as tables of differences, one for each set of clients that get the same.

use api::plan::RowView;
use domain::catalogue::{Catalogue, Parameter};
use leptos::prelude::*;
use std::sync::Arc;

use super::deployment;
use super::sets::{ChangeSet, SetLine};
use crate::components::icon::Icon;
use crate::components::status::{Status, StatusKind, Tone};
use crate::format;
use crate::pages::configuration::words;
use crate::texts::{self, lang};

/// Most different values of now that are shown in a line.
const MOST_BEFORE: usize = 4;
/// Most models that are named.
const MOST_MODELS: usize = 6;
/// Most sets that are shown.
const MOST_SETS: usize = 40;

/// The parameter of a row, when the catalogue knows it.
fn parameter<'a>(catalogue: &'a Catalogue, row: &RowView) -> Option<&'a Parameter> {
    row.parameters.iter().find_map(|entry| catalogue.parameter(&entry.parameter))
}

/// The name of what is written: labels of the parameters, or the item.
pub fn name_of(catalogue: &Catalogue, row: &RowView) -> String {
    let label = |entry: &api::plan::ParameterEntry| {
        let label = words::text(&catalogue.parameter(&entry.parameter)?.label).to_owned();
        Some(match entry.index {
            Some(index) => format!("{label} · {index}"),
            None => label,
        })
    };
    let labels: Vec<String> = row.parameters.iter().filter_map(label).collect();
    if labels.is_empty() {
        return deployment::name_of(row).map_or_else(|| row.item.clone(), str::to_owned);
    }
    labels.join(", ")
}

/// Text on the wire in words, when it stands for one value alone.
pub fn value_of(catalogue: &Catalogue, row: &RowView, wire: &str) -> String {
    let alone = parameter(catalogue, row)
        .filter(|parameter| parameter.delivery.as_ref().is_some_and(|delivery| delivery.field.is_none()));
    let value =
        alone.and_then(|parameter| parameter.from_wire(wire).map(|value| words::value(parameter, &value)));
    value.unwrap_or_else(|| {
        if wire.is_empty() { texts::common::empty_text(lang()).to_owned() } else { wire.to_owned() }
    })
}

/// What a line should say besides its values. What nobody gets does nothing else.
fn remarks(row: &RowView, withheld: u64, nobody: bool) -> Vec<(&'static str, &'static str, String)> {
    let language = lang();
    let all = [
        (row.care, "warn", "tri", texts::plans::care_tag(language)),
        (row.restarts && !nobody, "warn", "power", texts::plans::restart_tag(language)),
        (row.unconfirmed, "idle", "info", texts::plans::unconfirmed_tag(language)),
        (row.companion, "idle", "check", texts::plans::companion_tag(language)),
    ];
    let shown = all.into_iter().filter(|(on, ..)| *on);
    let mut shown: Vec<_> = shown.map(|(_, class, icon, words)| (class, icon, words.to_owned())).collect();
    if nobody {
        shown.push(("warn", "key", texts::plans::withheld_tag(language).to_owned()));
    } else if withheld > 0 {
        shown.push(("warn", "key", texts::plans::withheld_from(language, withheld)));
    }
    shown
}

/// The first models, and how many more there are.
fn models(models: &[String]) -> String {
    let more = models.len().saturating_sub(MOST_MODELS);
    let shown = models.iter().take(MOST_MODELS).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { texts::plans::more_models(lang(), shown, more) }
}

/// A table of what is written.
#[component]
pub fn ChangeTable(
    /// Everything that can be set.
    catalogue: Arc<Catalogue>,
    /// The lines.
    lines: Vec<SetLine>,
    /// Says how many clients have a value now.
    counted: bool,
    /// Its name, read out.
    label: String,
) -> impl IntoView {
    let language = lang();
    let deploys = !lines.is_empty() && lines.iter().all(|line| deployment::name_of(&line.row).is_some());
    let first = if deploys { texts::deployments::what(language) } else { texts::common::parameter(language) };
    let line = move |SetLine { row, before, withheld }: SetLine| {
        let nobody = withheld > 0 && withheld == before.iter().map(|(_, count)| count).sum::<u64>();
        let name = name_of(&catalogue, &row);
        // Items say more only where something is written that has a value.
        let item = deployment::name_of(&row).is_none().then(|| match row.index {
            Some(index) => format!("{} [{index}]", row.item),
            None => row.item.clone(),
        });
        let more = before.len().saturating_sub(MOST_BEFORE) as u64;
        let now = before.into_iter().take(MOST_BEFORE).map(|(text, count)| {
            let value = match text {
                _ if row.secret => view! { <span class="muted">"•••"</span> }.into_any(),
                Some(text) => {
                    view! { <span class="old">{value_of(&catalogue, &row, &text)}</span> }.into_any()
                }
                None => {
                    let words = deployment::nothing(&row, false);
                    let words = words.unwrap_or_else(|| texts::plans::not_reported(language));
                    view! { <span class="muted">{words}</span> }.into_any()
                }
            };
            let times = counted
                .then(|| view! { <span class="times">{texts::plans::clients(language, count)}</span> });
            view! { <div class="row wrap">{value} {times}</div> }
        });
        let now: Vec<_> = now.collect();
        let after = match &row.to {
            _ if row.secret => {
                view! { <span class="new">{texts::common::secret_changes(language)}</span> }.into_any()
            }
            Some(text) => view! { <span class="new">{value_of(&catalogue, &row, text)}</span> }.into_any(),
            None => {
                let words = deployment::nothing(&row, true).unwrap_or("–");
                view! { <span class="muted">{words}</span> }.into_any()
            }
        };
        let remarks = remarks(&row, withheld, nobody).into_iter().map(|(class, icon, words)| {
            view! {
                <span class=format!("st {class}")>
                    <Icon name=icon />
                    <span>{words}</span>
                </span>
            }
        });
        view! {
            <tr>
                <th scope="row">
                    {name}
                    {item.map(|item| view! { <span class="two mono">{item}</span> })}
                </th>
                <td data-label=texts::common::now(language)>
                    {now}
                    {(more > 0).then(|| view! { <span class="times">{texts::plans::other_values(language, more)}</span> })}
                </td>
                <td data-label=texts::common::after(language)>{after}</td>
                <td class="remarks">{remarks.collect::<Vec<_>>()}</td>
            </tr>
        }
    };
    view! {
        <table class="tbl diff stack" aria-label=label>
            <thead>
                <tr>
                    <th scope="col" class="w-name">{first}</th>
                    <th scope="col" class:w-now=counted>{texts::common::now(language)}</th>
                    <th scope="col">{texts::common::after(language)}</th>
                    <th scope="col" class="w-remark">{texts::plans::remarks(language)}</th>
                </tr>
            </thead>
            <tbody>{lines.into_iter().map(line).collect::<Vec<_>>()}</tbody>
        </table>
    }
}

/// The changes in sets.
#[component]
pub fn ChangeSets(
    /// Everything that can be set.
    catalogue: Arc<Catalogue>,
    /// The sets.
    sets: Vec<ChangeSet>,
) -> impl IntoView {
    let language = lang();
    let more = sets.len().saturating_sub(MOST_SETS) as u64;
    let card = move |set: ChangeSet| {
        let clients = texts::plans::clients(language, set.clients);
        let title = match deployment::title_of(&set) {
            Some(what) => texts::deployments::set_title(language, clients, what),
            None => {
                let values = texts::plans::values_each(language, set.lines.len() as u64);
                texts::plans::set_title(language, clients, values)
            }
        };
        let label = title.clone();
        let several = set.clients > 1;
        let state = |icon: &'static str, words: &'static str| {
            view! { <Status kind=StatusKind::new(Tone::Warn, icon, true) text=words.to_owned() /> }
        };
        view! {
            <section class="card">
                <header>
                    <h2>{title}</h2>
                    {set.care.then(|| state("tri", texts::plans::these_care(language)))}
                    {set.restarts.then(|| state("power", texts::plans::these_restart(language)))}
                    <span class="muted">{models(&set.models)}</span>
                </header>
                <ChangeTable
                    catalogue=catalogue.clone()
                    counted=several
                    lines=set.lines
                    label=label
                />
            </section>
        }
    };
    let cards: Vec<_> = sets.into_iter().take(MOST_SETS).map(card).collect();
    view! {
        {cards}
        {(more > 0)
            .then(|| {
                let more = format::number(more);
                view! { <p class="muted">{texts::plans::more_sets(language, more)}</p> }
            })}
    }
}
