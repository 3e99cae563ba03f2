//! About: version, what is new, licence terms, third-party software with its licence texts, documentation of the API.

use leptos::prelude::*;
use serde::Deserialize;

use crate::client::{Failure, file};
use crate::components::dialog::{Dialog, DialogSize};
use crate::load::load;
use crate::texts::{self, lang};

/// Written for people, so it is shown as it is; in English only.
const CHANGELOG: &str = include_str!("../../../CHANGELOG.md");

/// A package as `licenses.json` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

#[component]
pub(super) fn AboutDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open=open title=texts::shell::about(lang()).to_owned() size=DialogSize::Table>
            <p class="soft">{texts::shell::version(lang(), env!("CARGO_PKG_VERSION"))}</p>
            <div class="row wrap">
                <a class="btn sm" href="/api/docs/" target="_blank" rel="external noopener">
                    {texts::shell::api_documentation(lang())}
                </a>
                <a class="btn sm" href="/licenses.txt" download="licenses.txt" rel="external">
                    {texts::shell::licence_texts(lang())}
                </a>
            </div>
            <details open>
                <summary>{texts::shell::whats_new(lang())}</summary>
                <Changes />
            </details>
            <details>
                <summary>{texts::shell::licence(lang())}</summary>
                <p>{texts::shell::licence_text(lang())}</p>
            </details>
            <details>
                <summary>{texts::shell::third_party(lang())}</summary>
                <Packages />
            </details>
        </Dialog>
    }
}

/// The newest part of the changelog.
#[component]
fn Changes() -> impl IntoView {
    let lines = changes(CHANGELOG).into_iter();
    view! {
        <div class="prose scroll-box pad" lang="en" tabindex="0">
            <ul>{lines.map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        </div>
    }
}

/// The points of the first section with any, without marks.
fn changes(text: &str) -> Vec<String> {
    let mut points: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("## ") && !points.is_empty() {
            break;
        }
        if let Some(point) = line.strip_prefix("- ") {
            points.push(point.replace('`', ""));
        } else if let (Some(rest), Some(point)) = (line.strip_prefix("  "), points.last_mut()) {
            point.push(' ');
            point.push_str(&rest.replace('`', ""));
        }
    }
    points
}

#[component]
fn Packages() -> impl IntoView {
    let packages = load(|| async {
        let text = file("/licenses.json").await?;
        serde_json::from_str::<Vec<Package>>(&text).map_err(|_| Failure::not_understood(None))
    });
    let row = |package: Package| {
        view! {
            <tr>
                <th scope="row">{package.name}</th>
                <td>{package.version}</td>
                <td>{package.licence}</td>
            </tr>
        }
    };
    view! {
        <p>{texts::shell::third_party_text(lang())}</p>
        {packages
            .show(
                5,
                move |packages: Signal<Vec<Package>>| {
                    view! {
                        <div class="scroll-box" tabindex="0">
                            <table class="tbl" aria-label=texts::shell::third_party(lang())>
                                <thead>
                                    <tr>
                                        <th scope="col">{texts::shell::package(lang())}</th>
                                        <th scope="col">{texts::shell::package_version(lang())}</th>
                                        <th scope="col">{texts::shell::package_licence(lang())}</th>
                                    </tr>
                                </thead>
                                <tbody>{packages.get_untracked().into_iter().map(row).collect_view()}</tbody>
                            </table>
                        </div>
                    }
                        .into_any()
                },
            )}
    }
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn the_newest_part_is_shown_without_marks() {
        let text =
            "# Changelog\n\n## 0.2\n\n### Added\n\n- One `thing`\n  goes on.\n- Two.\n\n## 0.1\n\n- Old.\n";
        assert_eq!(changes(text), ["One thing goes on.", "Two."]);
    }
}
