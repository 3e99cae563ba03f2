//! The bar of what can be done with selected rows; docked between table and pager, never over rows.

use leptos::prelude::*;

use super::BulkAction;
use super::frame::Frame;
use super::selection::Selection;
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::menu::{MenuButton, MenuEntry};
use crate::format;
use crate::texts::{self, lang};

/// Actions that are buttons; the rest is under "More".
const BUTTONS: usize = 4;

#[component]
pub(super) fn BulkBar(state: Frame) -> impl IntoView {
    let total = Signal::derive(move || state.total.get().unwrap_or_default());
    let count = Memo::new(move |_| state.selection.with(|selection| selection.count(total.get())));
    let any = Memo::new(move |_| count.get() > 0);
    let all = Memo::new(move |_| state.selection.with(|selection| selection.all_matching));
    let actions = StoredValue::new(state.plan.with_value(|plan| plan.actions.clone()));
    let said = move || {
        if all.get() {
            texts::common::selected_all(lang(), count.get())
        } else {
            texts::common::selected(lang(), count.get())
        }
    };
    let other = move || {
        if all.get() {
            view! {
                <button
                    type="button"
                    class="link"
                    on:click=move |_| {
                        let page = state.page_keys();
                        state.selection.update(|selection| selection.only_page(&page));
                    }
                >
                    {texts::common::only_page(lang())}
                </button>
            }
            .into_any()
        } else if count.get() < total.get() {
            view! {
                <button
                    type="button"
                    class="link"
                    on:click=move |_| state.selection.update(Selection::select_all_matching)
                >
                    {texts::common::select_all(lang(), format::number(total.get()))}
                </button>
            }
            .into_any()
        } else {
            ().into_any()
        }
    };
    let button = move |action: BulkAction| {
        let BulkAction { label, icon, danger, run } = action;
        view! {
            <Button
                kind=ButtonKind::Ghost
                size=ButtonSize::Small
                icon=icon
                class=if danger { "warnish" } else { "" }
                on_press=Callback::new(move |()| run.run(state.chosen()))
            >
                {label}
            </Button>
        }
    };
    let more = move |()| {
        let actions = actions.get_value().into_iter().skip(BUTTONS);
        let entry = |action: BulkAction| {
            let run = action.run;
            let entry = MenuEntry::press(action.label, move || run.run(state.chosen())).icon(action.icon);
            if action.danger { entry.danger() } else { entry }
        };
        actions.map(entry).collect()
    };
    let bar = move || {
        let many = actions.with_value(Vec::len) > BUTTONS;
        view! {
            <div class="bulk" role="region" aria-label=texts::common::selection(lang())>
                <div class="who" aria-live="polite">
                    <b>{said}</b>
                    {other}
                </div>
                {actions.get_value().into_iter().take(BUTTONS).map(button).collect_view()}
                {many
                    .then(|| {
                        view! {
                            <MenuButton
                                label=texts::common::more(lang()).to_owned()
                                entries=Callback::new(more)
                            />
                        }
                    })}
                <button
                    type="button"
                    class="btn sm ghost"
                    on:click=move |_| state.selection.update(Selection::clear)
                >
                    <span>{texts::common::clear_selection(lang())}</span>
                    <kbd aria-hidden="true">"Esc"</kbd>
                </button>
            </div>
        }
    };
    move || any.get().then(bar)
}
