//! The list page put together. Only [`ListPage`] itself knows the type of the rows; everything around them is there once.

use super::bulk::BulkBar;
use super::columns::ColumnsDialog;
use super::filters::{Filters, SearchField};
use super::frame::{Frame, Side};
use super::pager::Pager;
use super::state::ListState;
use super::table::{LineOf, Table, line};
use super::{ListSpec, keys};
use crate::address::History;
use crate::browser;
use crate::client;
use crate::components::button::{Button, IconButton};
use crate::components::drawer::Drawer;
use crate::components::states::{EmptyState, ErrorState, FailureNote, Skeleton};
use crate::components::toast;
use crate::format;
use crate::live;
use crate::texts::{self, lang};
use crate::theme::{self, Density};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// A list. Stands below a `PageHead`, or in a tab.
#[component]
pub fn ListPage<Row: Clone + Send + Sync + 'static>(
    /// What the list has.
    spec: ListSpec<Row>,
    /// Told how many there are.
    #[prop(optional, into)]
    found: Option<RwSignal<Option<u64>>>,
    /// Before the buttons of the list, on the right of its bar.
    #[prop(optional, into)]
    tools: Option<ViewFn>,
) -> impl IntoView {
    let rows = ListState::new(spec);
    let line = Callback::new(move |(key, columns): (i64, Memo<Vec<String>>)| line(rows, key, columns));
    view! { <Frames state=rows.frame line=line found=found tools=tools /> }
}

/// What is around the rows; the same for every list.
#[component]
fn Frames(
    state: Frame,
    line: LineOf,
    found: Option<RwSignal<Option<u64>>>,
    tools: Option<ViewFn>,
) -> impl IntoView {
    if let Some(found) = found {
        Effect::new(move |_| found.set(state.total.get()));
    }
    let search = NodeRef::new();
    let columns = RwSignal::new(false);
    keys::listen(state, search, columns);
    let (placeholder, actions) =
        state.plan.with_value(|plan| (plan.search.clone(), !plan.actions.is_empty()));
    view! {
        <div class="list">
            <div class="list-main">
                <div class="tools" role="search">
                    {placeholder
                        .map(|placeholder| {
                            view! { <SearchField state=state placeholder=placeholder node=search /> }
                        })}
                    <Filters state=state />
                    <div class="right">
                        {tools.map(|tools| tools.run())}
                        <Tools state=state columns=columns />
                    </div>
                </div>
                <Newer state=state />
                <div class="scroller" class:loading=move || state.busy.get() tabindex="-1">
                    <Body state=state line=line />
                </div>
                {actions.then(|| view! { <BulkBar state=state /> })}
                <Pager state=state />
            </div>
            <ListDrawer state=state />
        </div>
        <ColumnsDialog state=state open=columns />
    }
}

/// The rows, or what stands in their place.
#[component]
fn Body(state: Frame, line: LineOf) -> impl IntoView {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Shape {
        Loading,
        Failed,
        Empty,
        Rows,
    }
    let shape = Memo::new(move |_| {
        let rows = state.keys.with(|keys| !keys.is_empty());
        if rows {
            Shape::Rows
        } else if state.failure.with(Option::is_some) {
            Shape::Failed
        } else if state.busy.get() || state.total.get().is_none() {
            Shape::Loading
        } else {
            Shape::Empty
        }
    });
    let retry = Callback::new(move |()| state.refresh());
    move || match shape.get() {
        Shape::Loading => view! { <Skeleton rows=12 /> }.into_any(),
        Shape::Failed => view! { <ErrorState failure=state.failure retry=retry /> }.into_any(),
        Shape::Empty => view! { <Nothing state=state /> }.into_any(),
        Shape::Rows => view! {
            <FailureNote failure=state.failure retry=retry />
            <Table state=state line=line />
        }
        .into_any(),
    }
}

#[component]
fn Nothing(state: Frame) -> impl IntoView {
    let texts = state.plan.with_value(|plan| plan.empty.clone());
    if state.query.with_untracked(super::ListQuery::is_filtered) {
        view! {
            <EmptyState text=texts.filtered icon="filter">
                <Button on_press=Callback::new(move |()| state.reset())>
                    {texts::common::reset_filter(lang())}
                </Button>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <EmptyState text=texts.none hint=texts.hint /> }.into_any()
    }
}

/// What came since, without moving what is there.
#[component]
fn Newer(state: Frame) -> impl IntoView {
    view! {
        <div class="newer" aria-live="polite">
            {move || {
                state
                    .newer
                    .get()
                    .map(|count| {
                        view! {
                            <span>{texts::common::newer(lang(), count)}</span>
                            " "
                            <button type="button" class="link" on:click=move |_| state.refresh()>
                                {texts::common::show(lang())}
                            </button>
                        }
                    })
            }}
        </div>
    }
}

/// Columns, density, export, refresh.
#[component]
fn Tools(state: Frame, columns: RwSignal<bool>) -> impl IntoView {
    let (export, resource) = state.plan.with_value(|plan| (plan.export.clone(), plan.live));
    let connected = live::connected();
    let look = theme::look();
    let compact = Signal::derive(move || look.with(|look| look.density == Density::Compact));
    view! {
        {resource
            .map(|_| {
                view! {
                    {move || {
                        connected.get().then(|| view! { <span class="live">{texts::common::live(lang())}</span> })
                    }}
                }
            })}
        <IconButton
            label=texts::common::columns(lang()).to_owned()
            icon="cols".to_owned()
            on_press=Callback::new(move |()| columns.set(true))
        />
        <IconButton
            label=texts::common::compact_rows(lang()).to_owned()
            icon="dense".to_owned()
            pressed=compact
            on_press=Callback::new(|()| {
                theme::change(|look| {
                    look.density = match look.density {
                        Density::Compact => Density::Comfortable,
                        Density::Comfortable => Density::Compact,
                    };
                });
            })
        />
        {export
            .map(|path| {
                view! {
                    <IconButton
                        label=texts::common::export_csv(lang()).to_owned()
                        icon="dl".to_owned()
                        on_press=Callback::new(move |()| {
                            let address = state.query.get_untracked().export(&path);
                            spawn_local(async move {
                                if let Err(failure) = client::download(&address).await {
                                    toast::failed(&failure);
                                }
                            });
                        })
                    />
                }
            })}
        <IconButton
            label=texts::common::refresh(lang()).to_owned()
            icon="refresh".to_owned()
            on_press=Callback::new(move |()| state.refresh())
        />
    }
}

#[component]
fn ListDrawer(state: Frame) -> impl IntoView {
    let drawer = state.plan.with_value(|plan| plan.side.clone());
    let Some(Side { view: content, label, page }) = drawer else { return ().into_any() };
    let open = Memo::new(move |_| state.opened());
    let close = Callback::new(move |()| {
        state.address.set(&[("open", None), ("tab", None)], History::Push);
        if let Some(key) = state.cursor.get_untracked() {
            let row = document().query_selector(&format!("tr[data-key='{key}']")).ok().flatten();
            if let Some(row) = row.and_then(|row| wasm_bindgen::JsCast::dyn_into(row).ok()) {
                browser::focus(&row);
            }
        }
    });
    let tools = move |key: i64| {
        move || {
            view! {
                <IconButton
                    label=texts::common::previous(lang()).to_owned()
                    icon="up".to_owned()
                    on_press=Callback::new(move |()| step(state, -1))
                />
                <IconButton
                    label=texts::common::next(lang()).to_owned()
                    icon="down".to_owned()
                    on_press=Callback::new(move |()| step(state, 1))
                />
                {page
                    .map(|page| {
                        view! {
                            <a
                                class="ib"
                                href=page(key)
                                aria-label=texts::common::open_page(lang())
                                title=texts::common::open_page(lang())
                            >
                                <crate::components::icon::Icon name="ext" />
                            </a>
                        }
                    })}
            }
        }
    };
    let shown = move || {
        open.get().map(|key| {
            view! {
                <Drawer label=label.clone() on_close=close tools=tools(key)>
                    {content.run(key)}
                </Drawer>
            }
        })
    };
    shown.into_any()
}

/// Opens the row before or after the one in the drawer; the focus stays.
fn step(state: Frame, by: isize) {
    let page = state.page_keys();
    let now = state.opened_now().and_then(|open| page.iter().position(|key| *key == open));
    let next = now.and_then(|now| now.checked_add_signed(by)).and_then(|next| page.get(next).copied());
    if let Some(key) = next {
        state.cursor.set(Some(key));
        state.address.set(&[("open", Some(key.to_string()))], History::Replace);
    }
}

/// Number of things as the head of a page shows it.
pub fn shown_total(found: RwSignal<Option<u64>>) -> Signal<Option<String>> {
    Signal::derive(move || found.get().map(format::number))
}
