//! The tree of areas and sections with its marks, and the search that jumps to a parameter.

use domain::catalogue::{Area, Section};
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::words;
use crate::address::use_address;
use crate::browser;
use crate::components::icon::Icon;
use crate::keys;
use crate::texts::{self, lang};

/// Most parameters that a search shows.
const MOST_FOUND: usize = 30;

/// Areas, sections and the search.
#[component]
pub fn Tree(
    /// What the parts share.
    editor: Editor,
    /// Areas with their sections.
    areas: Vec<(Area, Vec<Section>)>,
    /// The section that is shown.
    current: Memo<String>,
) -> impl IntoView {
    let address = use_address();
    let search = RwSignal::new(String::new());
    let node = NodeRef::<html::Input>::new();
    keys::on("/", move || {
        let Some(input) = node.get_untracked() else { return false };
        let _ = input.focus();
        true
    });
    let places: Vec<(String, String)> = areas
        .iter()
        .flat_map(|(area, sections)| {
            let name =
                |section: &Section| format!("{} › {}", words::text(&area.title), words::text(&section.title));
            sections.iter().map(move |section| (section.id.clone(), name(section)))
        })
        .collect();
    let places = StoredValue::new(places);
    let found = Memo::new(move |_| {
        let words = search.get();
        if words.trim().is_empty() {
            return None;
        }
        let found = editor.catalogue.with_value(|all| {
            let found = all.search(&words).into_iter().filter(|parameter| editor.offers(parameter));
            let found = found
                .take(MOST_FOUND)
                .map(|parameter| (parameter.id.clone(), words::text(&parameter.label).to_owned()));
            found.collect::<Vec<_>>()
        });
        Some(found)
    });
    let section_of = move |id: &str| {
        places.with_value(|places| {
            let below = |place: &&(String, String)| {
                id.strip_prefix(&place.0).is_some_and(|rest| rest.starts_with('.'))
            };
            places.iter().find(below).cloned()
        })
    };
    let hit = move |(id, label): (String, String)| {
        let (section, place) = section_of(&id)?;
        let href = editor.target.with_value(|target| target.href(&section, Some(&id)));
        let close = move |_| search.set(String::new());
        Some(view! {
            <li>
                <a href=href on:click=close>
                    <span>
                        {label}
                        <small>{place}</small>
                    </span>
                </a>
            </li>
        })
    };
    let results = move || {
        found.get().map(|found| {
            let count = found.len() as u64;
            view! {
                <div class="found">
                    <p class="muted small" role="status">{texts::configuration::found(lang(), count)}</p>
                    <ul>{found.into_iter().filter_map(hit).collect::<Vec<_>>()}</ul>
                </div>
            }
        })
    };
    let first = move || {
        let (id, _) = found.get_untracked()?.into_iter().next()?;
        let (section, _) = section_of(&id)?;
        Some(editor.target.with_value(|target| target.href(&section, Some(&id))))
    };
    let press = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => {
            if let Some(href) = first() {
                event.prevent_default();
                search.set(String::new());
                address.go(&href);
            }
        }
        "Escape" if !search.with_untracked(String::is_empty) => {
            event.prevent_default();
            event.stop_propagation();
            search.set(String::new());
        }
        "ArrowDown" => {
            if let Some(tree) = node.get_untracked().and_then(|input| input.closest(".tree").ok().flatten()) {
                use wasm_bindgen::JsCast as _;
                let links = tree.dyn_ref().map(|tree| browser::select(tree, "ul a")).unwrap_or_default();
                if let Some(link) = links.first() {
                    event.prevent_default();
                    browser::focus(link);
                }
            }
        }
        _ => {}
    };
    let options = areas.clone();
    let pick = move || {
        let groups = options.clone().into_iter().map(|(area, sections)| {
            let options = sections.into_iter().map(|section| {
                let own = section.id.clone();
                view! {
                    <option value=section.id.clone() selected=move || current.with(|current| *current == own)>
                        {words::text(&section.title).to_owned()}
                    </option>
                }
            });
            view! { <optgroup label=words::text(&area.title).to_owned()>{options.collect::<Vec<_>>()}</optgroup> }
        });
        groups.collect::<Vec<_>>()
    };
    view! {
        <nav class="tree" aria-label=texts::configuration::areas(lang())>
            <div class="in find">
                <Icon name="search" />
                <input
                    node_ref=node
                    type="search"
                    placeholder=texts::configuration::find(lang())
                    aria-label=texts::configuration::find(lang())
                    autocomplete="off"
                    maxlength="100"
                    bind:value=search
                    on:keydown=press
                />
                <kbd aria-hidden="true">"/"</kbd>
            </div>
            <select
                class="in pick"
                aria-label=texts::configuration::section(lang())
                prop:value=move || current.get()
                on:change:target=move |event| {
                    let section = event.target().value();
                    address.go(&editor.target.with_value(|target| target.href(&section, None)));
                }
            >
                {pick()}
            </select>
            {results}
            <ul class="areas" hidden=move || found.with(Option::is_some)>
                {areas
                    .into_iter()
                    .map(|(area, sections)| {
                        view! { <AreaEntry editor=editor area=area sections=sections current=current /> }
                    })
                    .collect::<Vec<_>>()}
            </ul>
        </nav>
    }
}

#[component]
fn AreaEntry(editor: Editor, area: Area, sections: Vec<Section>, current: Memo<String>) -> impl IntoView {
    let id = StoredValue::new(area.id.clone());
    let inside = Memo::new(move |_| {
        let prefix = id.get_value();
        current.with(|current| current.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('.')))
    });
    let open = RwSignal::new(inside.get_untracked());
    Effect::new(move |_| {
        if inside.get() {
            open.set(true);
        }
    });
    let entry = move |section: Section| {
        let href = editor.target.with_value(|target| target.href(&section.id, None));
        let (own, prefix) = (section.id.clone(), section.id);
        view! {
            <li>
                <a href=href aria-current=move || current.with(|current| *current == own).then_some("page")>
                    <span>{words::text(&section.title).to_owned()}</span>
                    {move || marks(editor.marks(&prefix))}
                </a>
            </li>
        }
    };
    let sections = StoredValue::new(sections);
    view! {
        <li>
            <button
                type="button"
                class="area"
                aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|open| *open = !*open)
            >
                <Icon name=Signal::derive(move || if open.get() { "down" } else { "right" }.to_owned()) />
                <span>{words::text(&area.title).to_owned()}</span>
                {move || (!open.get()).then(|| id.with_value(|id| marks(editor.marks(id))))}
            </button>
            {move || {
                open.get().then(|| view! { <ul>{sections.get_value().into_iter().map(entry).collect::<Vec<_>>()}</ul> })
            }}
        </li>
    }
}

fn marks((changed, differ): (usize, usize)) -> impl IntoView + use<> {
    let mark = |count: usize, class: &'static str, icon: &'static str, words: String| {
        (count > 0).then(|| {
            let title = words.clone();
            view! {
                <span class=class title=title>
                    <Icon name=icon />
                    <span aria-hidden="true">{count}</span>
                    <span class="vh">{words}</span>
                </span>
            }
        })
    };
    view! {
        <span class="marks">
            {mark(changed, "m ch", "pencil", texts::configuration::changed_count(lang(), changed as u64))}
            {mark(differ, "m dr", "drift", texts::configuration::differ_count(lang(), differ as u64))}
        </span>
    }
}
