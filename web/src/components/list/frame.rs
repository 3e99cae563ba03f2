//! What every list has, whatever its rows are: what the address asks for, what is selected, the columns as the account
//! likes them. Nothing here knows the type of a row, so that it is in the program once and not once per list.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::query::{last_numbered_page, way_to};
use super::selection::Selection;
use super::{BulkAction, CardPlace, Chosen, EmptyTexts, FilterKind, FilterSpec, ListQuery};
use crate::address::{Address, History, use_address};
use crate::client::Failure;
use crate::live::Resource;
use crate::{format, storage};

/// Rows per page that can be chosen.
pub(super) const SIZES: [u64; 5] = [10, 25, 50, 100, 250];
const USUAL_SIZE: u64 = 50;

/// What an account likes about a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Liking {
    /// Columns in their order, and whether they are shown.
    pub(super) columns: Vec<(String, bool)>,
    pub(super) size: Option<u64>,
}

/// A column without its cells.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) sort: Option<&'static str>,
    pub(super) shown: bool,
    pub(super) number: bool,
    pub(super) card: CardPlace,
}

/// The drawer of a list.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) view: Callback<i64, AnyView>,
    pub(super) label: String,
    pub(super) page: Option<fn(i64) -> String>,
}

/// What a page said about its list, without what needs the rows.
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) heads: Vec<Head>,
    pub(super) sort: &'static str,
    pub(super) search: Option<String>,
    pub(super) filters: Vec<FilterSpec>,
    pub(super) actions: Vec<BulkAction>,
    pub(super) side: Option<Side>,
    /// Whether a row leads to a page of its own.
    pub(super) leads: bool,
    pub(super) has_menu: bool,
    pub(super) export: Option<String>,
    pub(super) live: Option<Resource>,
    pub(super) empty: EmptyTexts,
}

/// The state of a list, without its rows. Copied around freely.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) plan: StoredValue<Plan>,
    pub(super) address: Address,
    pub(super) query: Memo<ListQuery>,
    /// Keys of the rows on the page, in their order.
    pub(super) keys: RwSignal<Vec<i64>>,
    /// How many of them are no longer in the list.
    pub(super) gone: RwSignal<u64>,
    pub(super) total: RwSignal<Option<u64>>,
    pub(super) next: RwSignal<Option<String>>,
    pub(super) failure: RwSignal<Option<Failure>>,
    pub(super) busy: RwSignal<bool>,
    /// A newer page that would move rows, and how many of it are new.
    pub(super) newer: RwSignal<Option<u64>>,
    pub(super) selection: RwSignal<Selection>,
    /// Row that the keys act on.
    pub(super) cursor: RwSignal<Option<i64>>,
    pub(super) liking: RwSignal<Liking>,
    pub(super) again: RwSignal<u64>,
    /// Pages behind the deepest row that were shown: the only way back to them is their cursor.
    deep: StoredValue<Vec<ListQuery>>,
    /// Page of a row, from its key.
    pub(super) page_of: Callback<i64, Option<String>>,
}

impl Frame {
    pub(super) fn new(plan: Plan, page_of: Callback<i64, Option<String>>) -> Self {
        let address = use_address();
        let liking: Liking = storage::get(&format!("list.{}", plan.name)).unwrap_or_default();
        let liking = RwSignal::new(complete(liking, &plan.heads));
        let plan = StoredValue::new(plan);
        let query = Memo::new(move |_| {
            plan.with_value(|plan| asked(plan, address, liking.with(|liking| liking.size)))
        });
        Self {
            plan,
            address,
            query,
            keys: RwSignal::new(Vec::new()),
            gone: RwSignal::new(0),
            total: RwSignal::new(None),
            next: RwSignal::new(None),
            failure: RwSignal::new(None),
            busy: RwSignal::new(true),
            newer: RwSignal::new(None),
            selection: RwSignal::new(Selection::default()),
            cursor: RwSignal::new(None),
            liking,
            again: RwSignal::new(0),
            deep: StoredValue::new(Vec::new()),
            page_of,
        }
    }

    /// Notes what is on the page now. `before` is what was asked for before, when anything was.
    pub(super) fn turned(self, keys: Vec<i64>, total: u64, next: Option<String>, before: Option<&ListQuery>) {
        let query = self.query.get_untracked();
        let gone: Vec<i64> =
            self.keys.with_untracked(|old| old.iter().copied().filter(|key| !keys.contains(key)).collect());
        let full = keys.len() as u64 >= query.size;
        // On a full page a row that is missing may only have moved to another one.
        let same = before == Some(&query) && !full;
        if same && !gone.is_empty() {
            self.selection.update(|selection| selection.forget(&gone));
        }
        let filtered = before.is_some_and(|before| before.fields() != query.fields());
        // What the list certainly has no more, or what its new filter leaves out.
        let left_out = |open: i64| gone.contains(&open) || (filtered && !full && !keys.contains(&open));
        if (same || filtered) && self.opened_now().is_some_and(left_out) {
            self.address.set(&[("open", None), ("tab", None)], History::Replace);
        }
        self.failure.set(None);
        self.newer.set(None);
        self.gone.set(0);
        self.total.set(Some(total));
        self.next.set(next);
        self.keys.set(keys);
        // Fewer pages than before: the last one is shown instead of nothing.
        let last = last_numbered_page(total, query.size);
        if query.after.is_none() && query.page > last {
            self.address.set(&[("page", (last > 1).then(|| last.to_string()))], History::Replace);
        }
    }

    /// Fetches the page again; rows may move.
    pub(super) fn refresh(self) {
        self.again.update(|again| *again += 1);
    }

    /// Keys of the page, in order.
    pub(super) fn page_keys(self) -> Vec<i64> {
        self.keys.get_untracked()
    }

    pub(super) fn chosen(self) -> Chosen {
        let total = self.total.get_untracked().unwrap_or_default();
        self.selection.with_untracked(|selection| selection.chosen(&self.query.get_untracked(), total))
    }

    /// Changes fields of the address and goes back to the first page.
    pub(super) fn ask(self, changes: &[(&str, Option<String>)]) {
        let mut changes = changes.to_vec();
        changes.extend([("page", None), ("after", None)]);
        self.address.set(&changes, History::Replace);
    }

    /// Takes search and filters away.
    pub(super) fn reset(self) {
        let ids: Vec<&'static str> =
            self.plan.with_value(|plan| plan.filters.iter().map(|filter| filter.id).collect());
        let changes: Vec<(&str, Option<String>)> =
            ids.into_iter().chain(["q"]).map(|id| (id, None)).collect();
        self.ask(&changes);
    }

    /// Goes to a page by its number; behind the deepest row by a cursor.
    pub(super) fn go(self, page: u64) {
        let query = self.query.get_untracked();
        let total = self.total.get_untracked().unwrap_or_default();
        if query.after.is_some() {
            self.deep.update_value(|deep| {
                if !deep.contains(&query) {
                    deep.push(query.clone());
                }
            });
        }
        let next = self.next.get_untracked();
        let way = self.deep.with_value(|deep| way_to(page, &query, total, next.as_deref(), deep));
        let Some((page, after)) = way else { return };
        self.address.set(&[("page", (page > 1).then(|| page.to_string())), ("after", after)], History::Push);
    }

    /// What opening a row does; the page of a row that is in the drawer already.
    pub(super) fn open(self, key: i64) {
        let (side, leads) =
            self.plan.with_value(|plan| (plan.side.as_ref().map(|side| side.page), plan.leads));
        let page = match side {
            Some(page) if self.opened_now() == Some(key) => page.map(|page| page(key)),
            Some(_) => None,
            None if leads => self.page_of.run(key),
            None => None,
        };
        match page {
            Some(page) => self.address.go(&page),
            None if side.is_some() => {
                self.address.set(&[("open", Some(key.to_string())), ("tab", None)], History::Push);
            }
            None => {}
        }
    }

    /// Whether a row can be opened.
    pub(super) fn opens(self) -> bool {
        self.plan.with_value(|plan| plan.leads || plan.side.is_some())
    }

    /// Key of the row in the drawer; watched.
    pub(super) fn opened(self) -> Option<i64> {
        self.address.get("open")?.parse().ok()
    }

    pub(super) fn opened_now(self) -> Option<i64> {
        self.address.get_now("open")?.parse().ok()
    }

    /// Changes what the account likes, and remembers it.
    pub(super) fn like(self, change: impl FnOnce(&mut Liking)) {
        self.liking.update(change);
        let name = self.plan.with_value(|plan| format!("list.{}", plan.name));
        self.liking.with_untracked(|liking| storage::put(&name, liking));
    }

    /// Address of a row, for its link; watched.
    pub(super) fn href(self, key: i64) -> Option<String> {
        let (drawer, leads) = self.plan.with_value(|plan| (plan.side.is_some(), plan.leads));
        if drawer {
            return Some(self.address.href_with(&[("open", Some(key.to_string())), ("tab", None)]));
        }
        if leads { self.page_of.run(key) } else { None }
    }
}

/// What the address asks for.
fn asked(plan: &Plan, address: Address, liked_size: Option<u64>) -> ListQuery {
    let number = |name: &str| address.get(name).and_then(|text| text.parse::<u64>().ok());
    let filters = plan.filters.iter().filter_map(|filter| {
        let value = address.get(filter.id)?;
        let value = match filter.kind {
            // Links of figures name the instant itself.
            FilterKind::Day(_) if value.contains('T') => value,
            FilterKind::Day(next) => format::start_of_day(&value, next)?,
            FilterKind::Choice(_) | FilterKind::Text => value,
        };
        Some((filter.id, value))
    });
    let size = number("size").or(liked_size).unwrap_or(USUAL_SIZE);
    ListQuery {
        search: plan.search.as_ref().and_then(|_| address.get("q")),
        filters: filters.collect(),
        sort: address.get("sort").unwrap_or_else(|| plan.sort.to_owned()),
        page: number("page").unwrap_or(1).max(1),
        size: size.clamp(1, api::page::MOST_PER_PAGE),
        after: address.get("after"),
    }
}

/// What is remembered, with columns of a newer version added and unknown ones left out.
fn complete(mut liking: Liking, heads: &[Head]) -> Liking {
    liking.columns.retain(|(id, _)| heads.iter().any(|column| column.id == id));
    for column in heads {
        if !liking.columns.iter().any(|(id, _)| id == column.id) {
            liking.columns.push((column.id.to_owned(), column.shown));
        }
    }
    liking.size = liking.size.filter(|size| SIZES.contains(size));
    liking
}
