//! The rows of a list, and how they come: fetched when the address asks for others or this page changed something, and
//! looked at again when something changed on the server.
//!
//! A refetch because of the server updates rows in place, marks those that are gone, and only counts new ones: nothing
//! moves until somebody asks for it. What is done on this page itself asks for it.

use std::collections::HashMap;
use std::ops::Deref;

use api::Page;
use leptos::prelude::*;

use super::frame::{Frame, Head, Plan, Side};
use super::selection::Selection;
use super::{ListQuery, ListSpec, Opening};
use crate::live;

/// A row on the page.
pub(super) struct Shown<Row: 'static> {
    pub(super) key: i64,
    pub(super) row: ArcRwSignal<Row>,
    /// No longer in the list; it stays until somebody refreshes.
    pub(super) gone: ArcRwSignal<bool>,
}

impl<Row> Clone for Shown<Row> {
    fn clone(&self) -> Self {
        Self { key: self.key, row: self.row.clone(), gone: self.gone.clone() }
    }
}

pub(super) struct ListState<Row: Send + Sync + 'static> {
    pub(super) spec: StoredValue<ListSpec<Row>>,
    pub(super) frame: Frame,
    pub(super) rows: RwSignal<Vec<Shown<Row>>>,
    /// Whether the rows are being looked at again.
    merging: StoredValue<bool>,
    /// Something changed on the server since rows were asked for.
    late: StoredValue<bool>,
    /// Grows when the rows are to be looked at again.
    due: RwSignal<u64>,
}

impl<Row: Send + Sync + 'static> Clone for ListState<Row> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Row: Send + Sync + 'static> Copy for ListState<Row> {}

impl<Row: Send + Sync + 'static> Deref for ListState<Row> {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}

impl<Row: Clone + Send + Sync + 'static> ListState<Row> {
    pub(super) fn new(spec: ListSpec<Row>) -> Self {
        let plan = plan(&spec);
        let rows = RwSignal::new(Vec::<Shown<Row>>::new());
        let spec = StoredValue::new(spec);
        let page_of = Callback::new(move |key: i64| {
            let row = rows.with_untracked(|rows| rows.iter().find(|row| row.key == key).cloned())?;
            spec.with_value(|spec| match &spec.open {
                Opening::Page(page) => Some(row.row.with(page)),
                Opening::Nothing | Opening::Drawer { .. } => None,
            })
        });
        let state = Self {
            spec,
            frame: Frame::new(plan, page_of),
            rows,
            merging: StoredValue::new(false),
            late: StoredValue::new(false),
            due: RwSignal::new(0),
        };
        state.follow_address();
        state.follow_events();
        state
    }

    /// A row of the page, by its key.
    pub(super) fn row(self, key: i64) -> Option<Shown<Row>> {
        self.rows.with_untracked(|rows| rows.iter().find(|row| row.key == key).cloned())
    }

    /// Fetches the page whenever the address asks for another one, or somebody asks for it again.
    fn follow_address(self) {
        let own = self.spec.with_value(|spec| spec.live).map(live::own_tick);
        Effect::new(move |before: Option<ListQuery>| {
            self.again.track();
            // What was done here is seen at once.
            if let Some(own) = &own {
                own.track();
            }
            let query = self.query.get();
            if before.as_ref().is_some_and(|before| before.fields() != query.fields()) {
                self.selection.update(Selection::clear);
            }
            self.fetch(query.clone(), Some(before));
            query
        });
    }

    fn follow_events(self) {
        let Some(resource) = self.spec.with_value(|spec| spec.live) else { return };
        let tick = live::tick(resource);
        Effect::new(move |before: Option<u64>| {
            let now = tick.get();
            if before.is_some_and(|before| before != now) {
                self.late.set_value(true);
                self.look_again();
            }
            now
        });
        // An effect of its own: a tick that has to wait does not end what is under way.
        Effect::new(move |before: Option<()>| {
            self.due.track();
            if before.is_some() {
                self.fetch(self.query.get_untracked(), None);
            }
        });
    }

    /// Looks at the rows again when something changed on the server; not before rows that are under way are there.
    fn look_again(self) {
        if self.late.get_value() && !self.merging.get_value() && !self.busy.get_untracked() {
            self.due.update(|due| *due += 1);
        }
    }

    /// `asked`: somebody asked for it, so the rows may move; with what was asked for before.
    fn fetch(self, query: ListQuery, asked: Option<Option<ListQuery>>) {
        let replace = asked.is_some();
        self.late.set_value(false);
        if replace {
            self.busy.set(true);
        } else {
            self.merging.set_value(true);
        }
        let fetching = self.spec.with_value(|spec| spec.fetch).run(query.clone());
        leptos::task::spawn_local_scoped_with_cancellation(async move {
            let answer = fetching.await;
            if !replace {
                self.merging.set_value(false);
            }
            // The address asks for something else by now: that is being fetched, and these are not its rows.
            if self.query.get_untracked() != query {
                self.look_again();
                return;
            }
            if replace {
                self.busy.set(false);
            }
            // After a failure the rows on the page may be those of another question.
            let take = replace
                || self.rows.with_untracked(Vec::is_empty)
                || self.failure.with_untracked(Option::is_some);
            match answer {
                Ok(page) if take => {
                    self.take(page, asked.flatten().as_ref());
                }
                Ok(page) => self.merge(page),
                // What is shown stays true enough; the next event tries again.
                Err(_) if !replace => {}
                Err(failure) => self.failure.set(Some(failure)),
            }
            self.look_again();
        });
    }

    fn take(self, page: Page<Row>, before: Option<&ListQuery>) {
        let key = self.spec.with_value(|spec| spec.key);
        let known: HashMap<i64, Shown<Row>> =
            self.rows.with_untracked(|rows| rows.iter().map(|shown| (shown.key, shown.clone())).collect());
        // A row that was there before keeps its place in the page, and with it the focus.
        let shown = |row: Row| match known.get(&key(&row)) {
            Some(shown) => {
                shown.row.set(row);
                shown.gone.set(false);
                shown.clone()
            }
            None => Shown { key: key(&row), row: ArcRwSignal::new(row), gone: ArcRwSignal::new(false) },
        };
        let rows: Vec<Shown<Row>> = page.items.into_iter().map(shown).collect();
        let keys = rows.iter().map(|row| row.key).collect();
        // The table follows the keys and looks the rows up, so these are there first.
        self.rows.set(rows);
        self.turned(keys, page.total, page.next, before);
    }

    fn merge(self, page: Page<Row>) {
        let key = self.spec.with_value(|spec| spec.key);
        let mut fresh: HashMap<i64, Row> = page.items.into_iter().map(|row| (key(&row), row)).collect();
        let full = fresh.len() as u64 >= self.query.get_untracked().size;
        self.rows.with_untracked(|rows| {
            for shown in rows {
                match fresh.remove(&shown.key) {
                    Some(row) => {
                        shown.row.set(row);
                        shown.gone.set(false);
                    }
                    // On a full page a row that is missing may only have moved to another one.
                    None if !full => shown.gone.set(true),
                    None => {}
                }
            }
        });
        let gone =
            self.rows.with_untracked(|rows| rows.iter().filter(|row| row.gone.get_untracked()).count());
        self.frame.gone.set(gone as u64);
        let new = fresh.len() as u64;
        self.total.set(Some(page.total));
        self.newer.set((new > 0).then_some(new));
    }
}

/// What the list is without its rows.
fn plan<Row: Send + Sync>(spec: &ListSpec<Row>) -> Plan {
    let head = |column: &super::Column<Row>| Head {
        id: column.id,
        title: column.title.clone(),
        sort: column.sort,
        shown: column.shown,
        number: column.number,
        card: column.card,
    };
    let (side, leads) = match &spec.open {
        Opening::Drawer { view, label, page } => {
            (Some(Side { view: *view, label: label.clone(), page: *page }), false)
        }
        Opening::Page(_) => (None, true),
        Opening::Nothing => (None, false),
    };
    Plan {
        name: spec.name,
        label: spec.label.clone(),
        heads: spec.columns.iter().map(head).collect(),
        sort: spec.sort,
        search: spec.search.clone(),
        filters: spec.filters.clone(),
        actions: spec.actions.clone(),
        side,
        leads,
        has_menu: spec.row_menu.is_some(),
        export: spec.export.clone(),
        live: spec.live,
        empty: spec.empty.clone(),
    }
}
