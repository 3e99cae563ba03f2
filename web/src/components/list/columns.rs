//! Which columns are shown, and in which order: a dialog, complete by keyboard.

use leptos::prelude::*;

use super::frame::Frame;
use crate::components::button::{Button, ButtonKind, IconButton};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::texts::{self, lang};

#[component]
pub(super) fn ColumnsDialog(state: Frame, open: RwSignal<bool>) -> impl IntoView {
    let title = move |id: &str| {
        state.plan.with_value(|plan| {
            let column = plan.heads.iter().find(|column| column.id == id);
            column.map(|column| column.title.clone()).unwrap_or_default()
        })
    };
    let first = state.plan.with_value(|plan| plan.heads.first().map(|column| column.id).unwrap_or_default());
    let shift = move |id: &str, by: isize| {
        state.like(|liking| {
            let Some(from) = liking.columns.iter().position(|(column, _)| column == id) else { return };
            let to = from.saturating_add_signed(by).min(liking.columns.len() - 1);
            let column = liking.columns.remove(from);
            liking.columns.insert(to, column);
        });
    };
    let entry = move |(id, shown): (String, bool)| {
        let name = title(&id);
        let fixed = id == first;
        let (up, down, toggled, keyed) = (id.clone(), id.clone(), id.clone(), id.clone());
        view! {
            <li
                class="colrow"
                on:keydown=move |event| {
                    let by = match event.key().as_str() {
                        "ArrowUp" if event.alt_key() => -1,
                        "ArrowDown" if event.alt_key() => 1,
                        _ => return,
                    };
                    event.prevent_default();
                    shift(&keyed, by);
                }
            >
                <label class="check grow">
                    <input
                        type="checkbox"
                        class="ck"
                        prop:checked=shown || fixed
                        disabled=fixed
                        on:change:target=move |event| {
                            let on = event.target().checked();
                            state
                                .like(|liking| {
                                    for (column, shown) in &mut liking.columns {
                                        if *column == toggled {
                                            *shown = on;
                                        }
                                    }
                                });
                        }
                    />
                    <span>{name.clone()}</span>
                </label>
                {(!fixed)
                    .then(|| {
                        view! {
                            <IconButton
                                label=texts::common::move_up(lang(), &name)
                                icon="up".to_owned()
                                on_press=Callback::new(move |()| shift(&up, -1))
                            />
                            <IconButton
                                label=texts::common::move_down(lang(), &name)
                                icon="down".to_owned()
                                on_press=Callback::new(move |()| shift(&down, 1))
                            />
                        }
                    })}
            </li>
        }
    };
    let reset = move || {
        let columns = state.plan.with_value(|plan| {
            plan.heads.iter().map(|column| (column.id.to_owned(), column.shown)).collect::<Vec<_>>()
        });
        state.like(|liking| liking.columns = columns);
    };
    view! {
        <Dialog open=open title=texts::common::columns(lang()).to_owned()>
            <ul class="collist">
                {move || state.liking.with(|liking| liking.columns.clone()).into_iter().map(entry).collect_view()}
            </ul>
            <DialogButtons>
                <Button on_press=Callback::new(move |()| reset())>{texts::common::reset(lang())}</Button>
                <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| open.set(false))>
                    {texts::common::done(lang())}
                </Button>
            </DialogButtons>
        </Dialog>
    }
}
