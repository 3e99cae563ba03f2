//! The same as a table: every version of every model.

use api::file::FirmwareModel;
use leptos::prelude::*;

use super::models::{clients, name, plan_button, version};
use super::plan::Planning;
use crate::components::status::{Status, StatusKind, Tone};
use crate::format;
use crate::texts::{self, lang};

/// How many clients, with the way to them when there is one.
fn number(href: Option<String>, clients: u64) -> AnyView {
    let number = format::number(clients);
    match href {
        Some(href) => view! { <a href=href>{number}</a> }.into_any(),
        None => number.into_any(),
    }
}

/// Versions in a table.
#[component]
pub(super) fn VersionTable(models: Memo<Vec<FirmwareModel>>, planning: Planning, may: bool) -> impl IntoView {
    let rows = move |model: FirmwareModel| {
        let newest = model.newest.as_ref().map(|file| file.version.clone());
        // One button for all versions of a model.
        let rows = model.versions.len().to_string();
        let line = |(place, one): (usize, &api::file::FirmwareVersion)| {
            let plan = (may && place == 0).then(|| {
                view! { <td rowspan=rows.clone()>{plan_button(&model, planning, may)}</td> }
            });
            let state = if one.outdated {
                (StatusKind::new(Tone::Warn, "clock", false), texts::firmware::is_outdated(lang()))
            } else {
                (StatusKind::new(Tone::Ok, "okc", false), texts::firmware::is_current(lang()))
            };
            let judged = one.version.is_some() && newest.is_some();
            view! {
                <tr>
                    <th scope="row">{name(&model)}</th>
                    <td>{model.software_type.clone().unwrap_or_else(|| "–".to_owned())}</td>
                    <td>{version(one)}</td>
                    <td class="num">
                        {number(clients(&model, one.version.as_deref()), one.clients)}
                    </td>
                    <td>{newest.clone().unwrap_or_else(|| "–".to_owned())}</td>
                    <td>{judged.then(|| view! { <Status kind=state.0 text=state.1.to_owned() /> })}</td>
                    {plan}
                </tr>
            }
        };
        model.versions.iter().enumerate().map(line).collect::<Vec<_>>()
    };
    view! {
        <div class="scroll-x" tabindex="0" role="region" aria-label=texts::firmware::title(lang())>
            <table class="tbl" aria-label=texts::firmware::title(lang())>
                <thead>
                    <tr>
                        <th scope="col">{texts::firmware::model(lang())}</th>
                        <th scope="col">{texts::files::software_type(lang())}</th>
                        <th scope="col">{texts::files::software_version(lang())}</th>
                        <th scope="col" class="num">{texts::firmware::clients(lang())}</th>
                        <th scope="col">{texts::firmware::newest_file(lang())}</th>
                        <th scope="col">{texts::files::state(lang())}</th>
                        {may.then(|| view! { <th scope="col">{texts::firmware::plan_all(lang())}</th> })}
                    </tr>
                </thead>
                <tbody>{move || models.get().into_iter().map(rows).collect::<Vec<_>>()}</tbody>
            </table>
        </div>
    }
}
