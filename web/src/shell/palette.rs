//! The palette: pages, clients by number or device id, parameters of the client that is open. Arrows, Enter.

use api::Page;
use api::client::{ClientQuery, ClientView};
use api::parameter::{ParameterQuery, ParameterView};
use domain::Permission;
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local_scoped_with_cancellation;

use super::Layers;
use crate::address::{use_address, with_fields};
use crate::browser;
use crate::client;
use crate::components::fresh_id;
use crate::components::icon::Icon;
use crate::routes;
use crate::session;
use crate::texts::{self, Language, lang};

/// Most hits of a group.
const MOST: usize = 8;
/// Pause in typing after which the server is asked, in milliseconds.
const TYPING_MS: u64 = 200;

/// Something to jump to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hit {
    group: &'static str,
    icon: &'static str,
    label: String,
    remark: Option<String>,
    to: String,
}

impl Hit {
    /// Whether what is typed is written on it; `wanted` in small letters.
    fn shows(&self, wanted: &str) -> bool {
        let remark = self.remark.as_deref().unwrap_or_default();
        self.label.to_lowercase().contains(wanted) || remark.to_lowercase().contains(wanted)
    }
}

#[component]
pub(super) fn Palette(open: RwSignal<bool>, layers: Layers) -> impl IntoView {
    move || open.get().then(|| view! { <OpenPalette open=open layers=layers /> })
}

#[component]
fn OpenPalette(open: RwSignal<bool>, layers: Layers) -> impl IntoView {
    let address = use_address();
    let dialog = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    let list = fresh_id("hits");
    let typed = RwSignal::new(String::new());
    // What the server found, and for which text.
    let found = RwSignal::new((String::new(), Vec::<Hit>::new()));
    // Enter was pressed before the server had answered; whether for a window of its own.
    let entered = StoredValue::new(None::<bool>);
    let at = RwSignal::new(0_usize);
    let opener = browser::focused().map(StoredValue::new_local);
    let here = open_client(&address.path());

    Effect::new(move |_| {
        if let Some(dialog) = dialog.get()
            && !dialog.open()
        {
            let _ = dialog.show_modal();
            if let Some(input) = input.get_untracked() {
                browser::focus(&input);
            }
        }
    });
    on_cleanup(move || {
        // While a modal dialog is open nothing below it takes the focus.
        if let Some(dialog) = dialog.try_get_untracked().flatten() {
            dialog.close();
        }
        if let Some(opener) = opener.and_then(|opener| opener.try_get_value()) {
            browser::focus(&opener);
        }
    });
    Effect::new(move |_| {
        let wanted = typed.get().trim().to_owned();
        at.set(0);
        entered.set_value(None);
        if wanted.chars().count() < 2 || !session::may(Permission::ReadClients) {
            found.set((wanted, Vec::new()));
            return;
        }
        let here = here.clone();
        spawn_local_scoped_with_cancellation(async move {
            pause(TYPING_MS).await;
            let mut hits = clients(&wanted).await;
            if let Some(client) = here {
                hits.extend(parameters(&wanted, &client).await);
            }
            found.set((wanted, hits));
        });
    });
    let waiting = Memo::new(move |_| found.with(|(text, _)| typed.with(|typed| text != typed.trim())));
    let hits = Memo::new(move |_| {
        let typed = typed.get();
        let mut hits = pages(&typed);
        // What was found for another text stays only where it fits what is typed now.
        let (waiting, wanted) = (waiting.get(), typed.trim().to_lowercase());
        found.with(|(_, found)| {
            hits.extend(found.iter().filter(|hit| !waiting || hit.shows(&wanted)).cloned());
        });
        hits
    });
    let go = move |hit: &Hit| {
        open.set(false);
        if hit.to == "?" { layers.shortcuts.set(true) } else { address.go(&hit.to) }
    };
    let enter = move |hit: &Hit, apart: bool| {
        if apart {
            let _ = window().open_with_url_and_target(&hit.to, "_blank");
        } else {
            go(hit);
        }
    };
    Effect::new(move |_| {
        if !waiting.get()
            && let Some(apart) = entered.get_value()
        {
            entered.set_value(None);
            if let Some(hit) = hits.with_untracked(|hits| hits.first().cloned()) {
                enter(&hit, apart);
            }
        }
    });
    let keys = move |event: KeyboardEvent| {
        event.stop_propagation();
        let count = hits.with(Vec::len);
        match event.key().as_str() {
            "Escape" => open.set(false),
            "ArrowDown" if count > 0 => at.update(|at| *at = (*at + 1) % count),
            "ArrowUp" if count > 0 => at.update(|at| *at = (*at + count - 1) % count),
            "Enter" => {
                let hit = hits.with_untracked(|hits| hits.get(at.get_untracked()).cloned());
                let apart = event.ctrl_key() || event.meta_key();
                match hit {
                    Some(hit) => enter(&hit, apart),
                    None if waiting.get_untracked() => entered.set_value(Some(apart)),
                    None => return,
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let options = list.clone();
    let shown = move || {
        let hits = hits.get();
        if hits.is_empty() && waiting.get() {
            return view! { <p class="pad muted">{texts::common::loading(lang())}</p> }.into_any();
        }
        if hits.is_empty() {
            return view! { <p class="pad muted">{texts::shell::palette_none(lang())}</p> }.into_any();
        }
        let mut group = "";
        let entry = |(place, hit): (usize, Hit)| {
            let heading = (hit.group != group).then(|| {
                group = hit.group;
                view! { <h3 role="presentation">{hit.group}</h3> }
            });
            let target = hit.clone();
            view! {
                {heading}
                <li
                    id=format!("{options}-{place}")
                    role="option"
                    class:on=move || at.get() == place
                    aria-selected=move || (at.get() == place).to_string()
                >
                    <a
                        href=hit.to.clone()
                        tabindex="-1"
                        on:click=move |event| {
                            if !event.ctrl_key() && !event.meta_key() {
                                event.prevent_default();
                                go(&target);
                            }
                        }
                    >
                        <Icon name=hit.icon />
                        <span class="grow clip">{hit.label}</span>
                        {hit.remark.map(|remark| view! { <span class="muted small">{remark}</span> })}
                    </a>
                </li>
            }
        };
        hits.into_iter().enumerate().map(entry).collect_view().into_any()
    };
    let active = {
        let list = list.clone();
        move || hits.with(|hits| !hits.is_empty()).then(|| format!("{list}-{}", at.get()))
    };
    view! {
        <dialog
            node_ref=dialog
            class="palette"
            aria-label=texts::shell::jump_label(lang())
            on:keydown=keys
            on:cancel=move |event: web_sys::Event| {
                event.prevent_default();
                open.set(false);
            }
            on:click=move |event| {
                // The dialog itself is only hit beside its content: on the ground behind it.
                if event.target() == event.current_target() {
                    open.set(false);
                }
            }
        >
            <div class="in">
                <Icon name="search" />
                <input
                    node_ref=input
                    role="combobox"
                    aria-expanded="true"
                    aria-controls=list.clone()
                    aria-activedescendant=active
                    aria-label=texts::shell::jump_label(lang())
                    placeholder=texts::shell::palette_placeholder(lang())
                    maxlength="100"
                    autocomplete="off"
                    spellcheck="false"
                    bind:value=typed
                />
            </div>
            <ul id=list class="results" role="listbox" aria-label=texts::shell::jump_label(lang())>
                {shown}
            </ul>
        </dialog>
    }
}

/// Id of the client whose page is open.
fn open_client(path: &str) -> Option<String> {
    let id = path.strip_prefix("/clients/")?.split('/').next()?;
    id.parse::<i64>().is_ok().then(|| id.to_owned())
}

/// Waits; typing on ends the wait with its task.
async fn pause(millis: u64) {
    let promise = js_sys::Promise::new(&mut |done, _| {
        set_timeout(
            move || {
                let _ = done.call0(&wasm_bindgen::JsValue::NULL);
            },
            std::time::Duration::from_millis(millis),
        );
    });
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}

fn pages(typed: &str) -> Vec<Hit> {
    let wanted = typed.trim().to_lowercase();
    let language = lang();
    let mut all: Vec<(String, &'static str, String)> = routes::places()
        .into_iter()
        .map(|place| ((place.title)(language).to_owned(), place.icon, place.path.to_owned()))
        .collect();
    all.extend([
        (texts::shell::own_account(language).to_owned(), "user", "/account".to_owned()),
        (texts::shell::own_sessions(language).to_owned(), "display", "/account/sessions".to_owned()),
        (texts::shell::own_tokens(language).to_owned(), "key", "/account/tokens".to_owned()),
        (texts::shell::shortcuts(language).to_owned(), "keyboard", "?".to_owned()),
    ]);
    let fitting = all.into_iter().filter(|(label, ..)| label.to_lowercase().contains(&wanted)).take(MOST);
    let group = texts::shell::palette_pages(language);
    fitting.map(|(label, icon, to)| Hit { group, icon, label, remark: None, to }).collect()
}

async fn clients(wanted: &str) -> Vec<Hit> {
    let query =
        ClientQuery { search: Some(wanted.to_owned()), size: Some(MOST as u64), ..ClientQuery::default() };
    let Ok(page) = client::get_with::<Page<ClientView>>("/clients", &query).await else { return Vec::new() };
    let group = texts::shell::palette_clients(lang());
    let hit = |row: ClientView| {
        let id = row.id;
        let label =
            row.e164.or(row.basic_e164).or_else(|| row.device_id.clone()).unwrap_or_else(|| id.to_string());
        let remark = [row.model.or(row.device_type), row.device_id];
        let remark = remark.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        Hit { group, icon: "phone", label, remark: Some(remark), to: format!("/clients/{id}") }
    };
    page.items.into_iter().map(hit).collect()
}

async fn parameters(wanted: &str, client: &str) -> Vec<Hit> {
    let query = ParameterQuery {
        search: Some(wanted.to_owned()),
        size: Some(MOST as u64),
        ..ParameterQuery::default()
    };
    let Ok(page) = client::get_with::<Page<ParameterView>>("/parameters", &query).await else {
        return Vec::new();
    };
    let group = texts::shell::palette_parameters(lang());
    let hit = |row: ParameterView| {
        let (label, area) = match lang() {
            Language::English => (row.label.en, row.area.title.en),
            Language::German => (row.label.de, row.area.title.de),
        };
        let to =
            with_fields(&format!("/clients/{client}/configuration/{}", row.section.id), &[("at", &row.id)]);
        Hit { group, icon: "gear", label, remark: Some(area), to }
    };
    page.items.into_iter().map(hit).collect()
}

#[cfg(test)]
mod tests {
    use super::{Hit, open_client};

    #[test]
    fn what_was_found_for_another_text_stays_where_it_fits() {
        let hit = Hit {
            group: "Clients",
            icon: "phone",
            label: "494066969214".to_owned(),
            remark: Some("CP600 · 00-1A-E8".to_owned()),
            to: "/clients/7".to_owned(),
        };
        assert!(hit.shows("69692") && hit.shows("cp600") && hit.shows("00-1a"));
        assert!(!hit.shows("494066969215"));
    }

    #[test]
    fn the_client_of_a_page_is_found() {
        assert_eq!(open_client("/clients/7/configuration/audio").as_deref(), Some("7"));
        assert_eq!(open_client("/clients"), None);
        assert_eq!(open_client("/clients/many/configuration"), None);
        assert_eq!(open_client("/jobs/7"), None);
    }
}
