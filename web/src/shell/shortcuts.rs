//! Shortcuts of the whole page, and the table that shows all of them.

use leptos::prelude::*;

use super::Layers;
use crate::address::use_address;
use crate::browser;
use crate::components::dialog::Dialog;
use crate::components::switch::Switch;
use crate::keys;
use crate::routes;
use crate::texts::{self, lang};
use crate::theme;

/// Takes the keys that work everywhere.
pub(super) fn listen(layers: Layers) {
    let address = use_address();
    keys::on("Ctrl+k", move || {
        layers.palette.update(|open| *open = !*open);
        true
    });
    keys::on("?", move || {
        layers.shortcuts.set(true);
        true
    });
    keys::on("Escape", move || {
        let open = layers.notifications.get_untracked() || layers.menu.get_untracked();
        layers.notifications.set(false);
        layers.menu.set(false);
        open
    });
    for place in routes::places() {
        keys::on(place.letter, move || {
            address.go(place.path);
            true
        });
    }
}

#[component]
pub(super) fn ShortcutsDialog(open: RwSignal<bool>) -> impl IntoView {
    let letters = RwSignal::new(theme::look().with_untracked(|look| !look.no_letter_keys));
    Effect::new(move |before: Option<bool>| {
        let on = letters.get();
        if before.is_some_and(|before| before != on) {
            theme::change(|look| look.no_letter_keys = !on);
        }
        on
    });
    let control = control();
    view! {
        <Dialog open=open title=texts::shell::shortcuts(lang()).to_owned()>
            <dl class="keytable">
                {rows(control)
                    .into_iter()
                    .map(|(keys, does)| {
                        view! {
                            <dt>{keys.into_iter().map(|key| view! { <kbd>{key}</kbd> }).collect_view()}</dt>
                            <dd>{does}</dd>
                        }
                    })
                    .collect_view()}
            </dl>
            <Switch
                label=texts::shell::letters(lang()).to_owned()
                help=texts::shell::letters_help(lang()).to_owned()
                on=letters
            />
        </Dialog>
    }
}

/// What is written on the key that commands are given with.
pub(super) fn control() -> &'static str {
    if browser::is_apple() { "⌘" } else { texts::shell::control(lang()) }
}

fn rows(control: &'static str) -> Vec<(Vec<&'static str>, String)> {
    let language = lang();
    let mut rows = vec![
        (vec!["/"], texts::shell::key_search(language).to_owned()),
        (vec![control, "K"], texts::shell::key_palette(language).to_owned()),
    ];
    for place in routes::places() {
        let keys = place.letter.split(' ').collect();
        rows.push((keys, texts::shell::key_go(language, (place.title)(language))));
    }
    rows.extend([
        (vec!["j", "k", "↓", "↑"], texts::shell::key_rows(language).to_owned()),
        (vec![texts::shell::enter(language)], texts::shell::key_open(language).to_owned()),
        (vec!["x"], texts::shell::key_select(language).to_owned()),
        (vec![texts::shell::shift(language), "x"], texts::shell::key_range(language).to_owned()),
        (vec![control, "A"], texts::shell::key_all(language).to_owned()),
        (vec!["n"], texts::shell::key_new(language).to_owned()),
        (vec!["e"], texts::shell::key_configure(language).to_owned()),
        (vec!["."], texts::shell::key_menu(language).to_owned()),
        (vec!["r"], texts::shell::key_refresh(language).to_owned()),
        (vec!["[", "]"], texts::shell::key_pages(language).to_owned()),
        (vec!["c"], texts::shell::key_columns(language).to_owned()),
        (vec!["Esc"], texts::shell::key_escape(language).to_owned()),
        (vec!["?"], texts::shell::key_help(language).to_owned()),
    ]);
    rows
}
