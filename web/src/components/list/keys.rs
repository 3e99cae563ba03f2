//! Keys of a list: on a row, and for the page while the list is shown.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::frame::Frame;
use super::selection::Selection;
use crate::browser;

/// A key on a row.
pub(super) fn press(state: Frame, event: &KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok());
    let Some(target) = target else { return };
    let on_row = target.tag_name() == "TR";
    let control = event.ctrl_key() || event.meta_key();
    let selectable = state.plan.with_value(|plan| !plan.actions.is_empty());
    let page = state.page_keys();
    let Some(key) = state.cursor.get_untracked().or_else(|| page.first().copied()) else { return };
    match event.key().as_str() {
        "ArrowDown" => move_by(state, 1, event.shift_key() && selectable),
        "ArrowUp" => move_by(state, -1, event.shift_key() && selectable),
        "Home" if on_row => move_by(state, isize::MIN / 2, false),
        "End" if on_row => move_by(state, isize::MAX / 2, false),
        "Enter" if on_row => state.open(key),
        " " | "x" if on_row && selectable && !control => {
            state.selection.update(|selection| selection.toggle(key, &page));
        }
        "X" if on_row && selectable && !control => {
            state.selection.update(|selection| selection.extend(key, &page));
        }
        "a" if control && selectable => state.selection.update(|selection| {
            if page.iter().all(|key| selection.keys.contains(key)) {
                selection.select_all_matching();
            } else {
                selection.only_page(&page);
            }
        }),
        "." if on_row => {
            if let Ok(Some(button)) = target.query_selector(".menu-place button")
                && let Ok(button) = button.dyn_into::<web_sys::HtmlElement>()
            {
                browser::focus(&button);
                button.click();
            }
        }
        _ => return,
    }
    event.prevent_default();
    event.stop_propagation();
}

/// Moves to another row; with an open drawer its content goes with it.
pub(super) fn move_by(state: Frame, by: isize, extend: bool) {
    let page = state.page_keys();
    let now = state.cursor.get_untracked().and_then(|cursor| page.iter().position(|key| *key == cursor));
    let last = page.len().saturating_sub(1);
    let to = match now {
        Some(now) => now.saturating_add_signed(by).min(last),
        None => 0,
    };
    let Some(key) = page.get(to).copied() else { return };
    if extend {
        state.selection.update(|selection| {
            if selection.keys.is_empty()
                && let Some(now) = now
            {
                selection.toggle(page[now], &page);
            }
            selection.extend(key, &page);
        });
    }
    state.cursor.set(Some(key));
    focus_row(key);
    if state.opened_now().is_some_and(|open| open != key) {
        state.address.set(&[("open", Some(key.to_string()))], crate::address::History::Replace);
    }
}

fn focus_row(key: i64) {
    let found = document().query_selector(&format!("tr[data-key='{key}']")).ok().flatten();
    if let Some(row) = found.and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok()) {
        browser::focus(&row);
    }
}

/// Keys of the page while the list is shown.
pub(super) fn listen(state: Frame, search: NodeRef<leptos::html::Input>, columns: RwSignal<bool>) {
    use crate::keys::on;
    on("/", move || {
        let Some(search) = search.get_untracked() else { return false };
        browser::focus(&search);
        search.select();
        true
    });
    on("r", move || {
        state.refresh();
        true
    });
    on("c", move || {
        columns.update(|open| *open = !*open);
        true
    });
    on("j", move || {
        move_by(state, 1, false);
        true
    });
    on("k", move || {
        move_by(state, -1, false);
        true
    });
    on("[", move || {
        let page = state.query.get_untracked().page;
        page > 1 && {
            state.go(page - 1);
            true
        }
    });
    on("]", move || {
        let query = state.query.get_untracked();
        let more =
            query.page < super::query::pages(state.total.get_untracked().unwrap_or_default(), query.size);
        more && {
            state.go(query.page + 1);
            true
        }
    });
    on("Escape", move || {
        if state.opened_now().is_some() {
            state.address.set(&[("open", None), ("tab", None)], crate::address::History::Push);
            return true;
        }
        let any = state.selection.with_untracked(|selection| *selection != Selection::default());
        if any {
            state.selection.update(Selection::clear);
        }
        any
    });
}
