//! THE list page: every list of the console is one of these. A page says what its list has ([`ListSpec`]); columns,
//! sort, filters, pages, selection, bulk bar, drawer, export, live updates and keys are here and nowhere else.
//!
//! The state is in the address (`q`, `sort`, `page`, `size`, `after`, `open` and one field per filter); columns, their
//! order and the rows per page are remembered per account. Knows no resource and no address of the API.

use std::future::Future;
use std::pin::Pin;

use api::Page;
use leptos::prelude::*;

use super::menu::MenuEntry;
use super::select::Choice;
use crate::client::Failure;
use crate::live::Resource;

mod bulk;
mod columns;
mod filters;
mod frame;
mod ids;
mod keys;
mod pager;
mod query;
mod selection;
mod state;
mod table;
mod view;

pub use query::ListQuery;
pub use selection::Chosen;
pub use view::{ListPage, shown_total};

/// A page of a list that is on its way.
pub type Fetching<Row> = Pin<Box<dyn Future<Output = Result<Page<Row>, Failure>>>>;

/// What a list has.
#[derive(Clone)]
pub struct ListSpec<Row: Send + Sync + 'static> {
    /// Under this name columns and rows per page are remembered: `clients`.
    pub name: &'static str,
    /// Name of the table, read out: "Clients".
    pub label: String,
    /// Columns in their first order. The first one identifies the row and is never hidden.
    pub columns: Vec<Column<Row>>,
    /// Fetches a page: `Callback::new(|query: ListQuery| -> Fetching<Row> { Box::pin(async move { client::get(&query.path("/clients")).await }) })`.
    pub fetch: Callback<ListQuery, Fetching<Row>>,
    /// Number of a row; selection and drawer name it.
    pub key: fn(&Row) -> i64,
    /// Order when the address names none: `e164`, `-created_at`.
    pub sort: &'static str,
    /// Placeholder of the search field; without one there is none.
    pub search: Option<String>,
    /// Filters that can be added.
    pub filters: Vec<FilterSpec>,
    /// What can be done with selected rows; without any there are no check boxes.
    pub actions: Vec<BulkAction>,
    /// Menu of a row.
    pub row_menu: Option<Callback<Row, Vec<MenuEntry>>>,
    /// What opening a row does.
    pub open: Opening<Row>,
    /// Address of the API that exports the list: `/clients/export`; it takes the list's filters and `format=csv`.
    pub export: Option<String>,
    /// What makes the list be fetched again.
    pub live: Option<Resource>,
    /// What is said when there is nothing.
    pub empty: EmptyTexts,
}

/// What opening a row does.
#[derive(Clone)]
pub enum Opening<Row: Send + Sync + 'static> {
    /// Nothing.
    Nothing,
    /// Leads to a page.
    Page(fn(&Row) -> String),
    /// Opens a drawer beside the list (`open=` in the address), built by the callback from the key of the row; the
    /// second one gives the page that a second Enter opens.
    Drawer {
        /// Content of the drawer, from the key of the row; the list closes it.
        view: Callback<i64, AnyView>,
        /// Name of the drawer, read out.
        label: String,
        /// Page of the same row.
        page: Option<fn(i64) -> String>,
    },
}

/// What is said when there is nothing.
#[derive(Clone)]
pub struct EmptyTexts {
    /// There is nothing at all: "No client has called yet."
    pub none: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Nothing passes the filter: "No client matches."
    pub filtered: String,
}

/// A column.
#[derive(Clone)]
pub struct Column<Row: Send + Sync + 'static> {
    /// Its name; remembered, and part of the address when shared.
    pub id: &'static str,
    /// Its head.
    pub title: String,
    /// Name of the order; without one the column cannot be sorted by.
    pub sort: Option<&'static str>,
    /// Content of a cell.
    pub cell: fn(&Row) -> AnyView,
    /// Whether it is shown before somebody chooses.
    pub shown: bool,
    /// Figures: right-aligned.
    pub number: bool,
    /// Place in the two-line card of narrow screens.
    pub card: CardPlace,
}

impl<Row: Send + Sync + 'static> Column<Row> {
    /// A column that is shown, cannot be sorted by, and is not on the card.
    pub fn new(id: &'static str, title: impl Into<String>, cell: fn(&Row) -> AnyView) -> Self {
        Self {
            id,
            title: title.into(),
            sort: None,
            cell,
            shown: true,
            number: false,
            card: CardPlace::Nowhere,
        }
    }

    /// Can be sorted by; `name` as the API has it.
    #[must_use]
    pub fn sort(mut self, name: &'static str) -> Self {
        self.sort = Some(name);
        self
    }

    /// Hidden until somebody wants it.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.shown = false;
        self
    }

    /// Figures.
    #[must_use]
    pub fn number(mut self) -> Self {
        self.number = true;
        self
    }

    /// On the card of narrow screens.
    #[must_use]
    pub fn card(mut self, place: CardPlace) -> Self {
        self.card = place;
        self
    }
}

/// Place in the two-line card of narrow screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardPlace {
    /// First line, the identifier.
    Title,
    /// First line, on the right: status or features.
    Right,
    /// Second line.
    Below,
    /// Second line, on the right: a time.
    When,
    /// Not there.
    Nowhere,
}

impl CardPlace {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Title => Some("id"),
            Self::Right => Some("feat"),
            Self::Below => Some("sub"),
            Self::When => Some("when"),
            Self::Nowhere => None,
        }
    }
}

/// A filter that can be added to the bar.
#[derive(Clone)]
pub struct FilterSpec {
    /// Name in the query of the API and of the address.
    pub id: &'static str,
    /// Its name: "State".
    pub label: String,
    /// What can be filtered for.
    pub kind: FilterKind,
}

/// What can be filtered for.
#[derive(Clone)]
pub enum FilterKind {
    /// One of some words.
    Choice(Signal<Vec<Choice>>),
    /// Text that is typed.
    Text,
    /// A day; sent as the instant it begins, in the reader's time zone. With `true`: the instant it ends.
    Day(bool),
}

impl FilterSpec {
    /// One of some words.
    pub fn choice(
        id: &'static str,
        label: impl Into<String>,
        choices: impl Into<Signal<Vec<Choice>>>,
    ) -> Self {
        Self { id, label: label.into(), kind: FilterKind::Choice(choices.into()) }
    }

    /// Text that is typed.
    pub fn text(id: &'static str, label: impl Into<String>) -> Self {
        Self { id, label: label.into(), kind: FilterKind::Text }
    }

    /// Not before a day.
    pub fn from_day(id: &'static str, label: impl Into<String>) -> Self {
        Self { id, label: label.into(), kind: FilterKind::Day(false) }
    }

    /// Up to the end of a day.
    pub fn until_day(id: &'static str, label: impl Into<String>) -> Self {
        Self { id, label: label.into(), kind: FilterKind::Day(true) }
    }
}

/// Something that can be done with selected rows.
#[derive(Clone)]
pub struct BulkAction {
    /// Words of the button: "Restart".
    pub label: String,
    /// Its icon.
    pub icon: &'static str,
    /// Destroys or interrupts.
    pub danger: bool,
    /// Does it: usually opens a dialog.
    pub run: Callback<Chosen>,
}

impl BulkAction {
    /// Something that can be done with selected rows.
    pub fn new(
        label: impl Into<String>,
        icon: &'static str,
        run: impl Fn(Chosen) + Send + Sync + 'static,
    ) -> Self {
        Self { label: label.into(), icon, danger: false, run: Callback::new(run) }
    }

    /// Destroys or interrupts.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }
}
