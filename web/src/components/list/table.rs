//! The table: head with order, rows, cells. On narrow screens the style sheet makes cards of the rows.

use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::CardPlace;
use super::frame::Frame;
use super::keys;
use super::state::{ListState, Shown};
use crate::browser;
use crate::components::checkbox::PlainCheckbox;
use crate::components::icon::Icon;
use crate::components::menu::{MenuButton, MenuEntry};
use crate::format;
use crate::texts::{self, lang};

/// The columns that are shown, in their order.
pub(super) fn columns(state: Frame) -> Memo<Vec<String>> {
    Memo::new(move |_| {
        let liked = state.liking.with(|liking| liking.columns.clone());
        let first = state.plan.with_value(|plan| plan.heads.first().map(|column| column.id));
        let mut shown: Vec<String> = liked
            .into_iter()
            .filter(|(id, shown)| *shown || first == Some(id.as_str()))
            .map(|(id, _)| id)
            .collect();
        // The first column identifies the row, so it stays where it is.
        if let Some(first) = first {
            shown.retain(|id| id != first);
            shown.insert(0, first.to_owned());
        }
        shown
    })
}

#[component]
pub(super) fn Table(state: Frame, line: LineOf) -> impl IntoView {
    let columns = columns(state);
    let (label, selectable, has_menu) =
        state.plan.with_value(|plan| (plan.label.clone(), !plan.actions.is_empty(), plan.has_menu));
    let heads = move || {
        let ids = columns.get();
        ids.into_iter().map(|id| head(state, &id)).collect_view()
    };
    view! {
        <table class="tbl cards" aria-label=label aria-busy=move || state.busy.get().to_string()>
            <thead>
                <tr>
                    {selectable.then(|| view! { <th class="sel" data-a="sel" scope="col"><HeadCheckbox state=state /></th> })}
                    {heads}
                    {has_menu
                        .then(|| {
                            view! {
                                <th class="rowmenu" data-a="menu" scope="col">
                                    <span class="vh">{texts::common::row_menu(lang())}</span>
                                </th>
                            }
                        })}
                </tr>
            </thead>
            <tbody on:keydown=move |event: KeyboardEvent| keys::press(state, &event)>
                <For
                    each=move || state.keys.get()
                    key=|key| *key
                    children=move |key| line.run((key, columns))
                />
            </tbody>
        </table>
    }
}

fn head(state: Frame, id: &str) -> AnyView {
    let column = state.plan.with_value(|plan| plan.heads.iter().find(|column| column.id == id).cloned());
    let Some(column) = column else { return ().into_any() };
    let first = state.plan.with_value(|plan| plan.heads.first().is_some_and(|column| column.id == id));
    let place = card_place(column.card, first);
    let Some(name) = column.sort else {
        return view! { <th scope="col" data-a=place class:num=column.number>{column.title}</th> }.into_any();
    };
    let order = Memo::new(move |_| {
        let sort = state.query.with(|query| query.sort.clone());
        if sort == name { Some(true) } else { (sort.strip_prefix('-') == Some(name)).then_some(false) }
    });
    let turn = move |_: MouseEvent| {
        let sort = if order.get_untracked() == Some(true) { format!("-{name}") } else { name.to_owned() };
        state.ask(&[("sort", Some(sort))]);
    };
    view! {
        <th
            scope="col"
            data-a=place
            class:num=column.number
            aria-sort=move || order.get().map(|up| if up { "ascending" } else { "descending" })
        >
            <button type="button" on:click=turn>
                {column.title}
                {move || order.get().map(|up| view! { <Icon name=if up { "up" } else { "down" } /> })}
            </button>
        </th>
    }
    .into_any()
}

#[component]
fn HeadCheckbox(state: Frame) -> impl IntoView {
    let marked = Memo::new(move |_| {
        let selection = state.selection.get();
        state.keys.with(|keys| {
            let marked = keys.iter().filter(|key| selection.has(**key)).count();
            (marked > 0 && marked == keys.len(), marked > 0 && marked < keys.len())
        })
    });
    let entries = move |()| {
        let total = state.total.get_untracked().unwrap_or_default();
        vec![
            MenuEntry::press(texts::common::select_page(lang()), move || {
                let page = state.page_keys();
                state.selection.update(|selection| selection.only_page(&page));
            }),
            MenuEntry::press(texts::common::select_all(lang(), format::number(total)), move || {
                state.selection.update(super::selection::Selection::select_all_matching);
            }),
            MenuEntry::press(texts::common::select_none(lang()), move || {
                state.selection.update(super::selection::Selection::clear);
            }),
        ]
    };
    view! {
        <span class="selhead">
            <PlainCheckbox
                label=texts::common::select_page(lang()).to_owned()
                no_stop=true
                checked=Signal::derive(move || marked.get().0)
                mixed=Signal::derive(move || marked.get().1)
                on_press=Callback::new(move |_shift: bool| {
                    let page = state.page_keys();
                    state.selection.update(|selection| selection.toggle_page(&page));
                })
            />
            <MenuButton
                label=texts::common::selection(lang()).to_owned()
                icon="caret"
                class="ib tight"
                entries=Callback::new(entries)
            />
        </span>
    }
}

/// Makes the line of a row, from its key and the columns.
pub(super) type LineOf = Callback<(i64, Memo<Vec<String>>), AnyView>;

/// The line of a row. Knows the row's type, and as little else as can be.
pub(super) fn line<Row: Clone + Send + Sync + 'static>(
    list: ListState<Row>,
    key: i64,
    columns: Memo<Vec<String>>,
) -> AnyView {
    let Some(Shown { row, gone, .. }) = list.row(key) else { return ().into_any() };
    let menu = list.spec.with_value(|spec| spec.row_menu).map(|menu| {
        let row = row.clone();
        Callback::new(move |()| menu.run(row.get_untracked()))
    });
    let cell = Callback::new(move |id: String| {
        let found = list.spec.with_value(|spec| {
            let column = spec.columns.iter().find(|column| column.id == id)?;
            Some((column.cell, column.card, column.number))
        });
        let (show, card, number) = found?;
        let row = row.clone();
        Some(Cell { content: (move || row.with(show)).into_any(), card, number })
    });
    view! { <Line state=list.frame key=key gone=gone columns=columns menu=menu cell=cell /> }.into_any()
}

/// What is in a column of a row.
struct Cell {
    content: AnyView,
    card: CardPlace,
    number: bool,
}

#[component]
fn Line(
    state: Frame,
    key: i64,
    gone: ArcRwSignal<bool>,
    columns: Memo<Vec<String>>,
    menu: Option<Callback<(), Vec<MenuEntry>>>,
    cell: Callback<String, Option<Cell>>,
) -> impl IntoView {
    let selectable = state.plan.with_value(|plan| !plan.actions.is_empty());
    let opens = state.opens();
    let selected = Memo::new(move |_| state.selection.with(|selection| selection.has(key)));
    let open = Memo::new(move |_| state.opened() == Some(key));
    let stop = move || {
        let cursor = state.cursor.get().filter(|cursor| state.keys.with(|keys| keys.contains(cursor)));
        let here = match cursor {
            Some(cursor) => cursor == key,
            None => state.keys.with(|keys| keys.first() == Some(&key)),
        };
        if here { "0" } else { "-1" }
    };
    let cells = move || {
        let ids = columns.get().into_iter().enumerate();
        let shown = ids.filter_map(|(place, id)| {
            cell.run(id).map(|cell| if place == 0 { first_cell(state, key, cell) } else { other_cell(cell) })
        });
        shown.collect_view()
    };
    view! {
        <tr
            data-key=key
            tabindex=stop
            class:gone=move || gone.get()
            class:open=move || open.get()
            class:opens=opens
            aria-selected=selectable.then_some(move || selected.get().to_string())
            on:focus=move |_| state.cursor.set(Some(key))
            on:click=move |event: MouseEvent| {
                if !is_control(&event) {
                    state.cursor.set(Some(key));
                    state.open(key);
                }
            }
        >
            {selectable
                .then(|| {
                    view! {
                        <td class="sel" data-a="sel">
                            <PlainCheckbox
                                label=texts::common::select_row(lang()).to_owned()
                                of=head_id(state, key)
                                no_stop=true
                                checked=selected
                                on_press=Callback::new(move |shift: bool| {
                                    let page = state.page_keys();
                                    state.cursor.set(Some(key));
                                    state
                                        .selection
                                        .update(|selection| {
                                            if shift {
                                                selection.extend(key, &page);
                                            } else {
                                                selection.toggle(key, &page);
                                            }
                                        });
                                })
                            />
                        </td>
                    }
                })}
            {cells}
            {menu
                .map(|entries| {
                    view! {
                        <td class="rowmenu" data-a="menu">
                            <MenuButton label=texts::common::row_menu(lang()).to_owned() of=head_id(state, key) entries=entries />
                        </td>
                    }
                })}
        </tr>
    }
}

/// Where a column is on the card; without a place of its own the first one is its title.
fn card_place(card: CardPlace, first: bool) -> Option<&'static str> {
    if first && card == CardPlace::Nowhere { CardPlace::Title.word() } else { card.word() }
}

fn other_cell(cell: Cell) -> AnyView {
    let Cell { content, card, number } = cell;
    view! { <td data-a=card.word() class:num=number>{content}</td> }.into_any()
}

/// Id of the cell that identifies the row: what belongs to the row is named after it.
fn head_id(state: Frame, key: i64) -> String {
    format!("{}-{key}", state.plan.with_value(|plan| plan.name))
}

/// The cell that identifies the row, with its link.
fn first_cell(state: Frame, key: i64, cell: Cell) -> AnyView {
    let Cell { content, card, number } = cell;
    let place = card_place(card, true);
    let content = if state.opens() {
        view! {
            <a class="id" tabindex="-1" href=move || state.href(key)>
                {content}
            </a>
        }
        .into_any()
    } else {
        view! { <span class="id">{content}</span> }.into_any()
    };
    view! {
        <th id=head_id(state, key) scope="row" class="rowhead" data-a=place class:num=number>
            {content}
        </th>
    }
    .into_any()
}

/// Whether a click was for something inside the row, or marked text.
fn is_control(event: &MouseEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let inside = target
        .and_then(|target| target.closest("a, button, input, select, label, .menu-place").ok().flatten());
    inside.is_some() || browser::has_selected_text()
}
