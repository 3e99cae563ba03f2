//! Selected rows: by their keys, or everything the filter takes, which is kept as the filter and not as keys.

use std::collections::BTreeSet;

use super::ListQuery;

/// What an action is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// These rows.
    Rows(Vec<i64>),
    /// Everything the filter takes; how many there were when it was chosen.
    Matching {
        /// The filter.
        query: ListQuery,
        /// How many there were.
        total: u64,
    },
}

impl Chosen {
    /// How many.
    pub fn count(&self) -> u64 {
        match self {
            Self::Rows(keys) => keys.len() as u64,
            Self::Matching { total, .. } => *total,
        }
    }
}

/// What is selected on a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Keys of selected rows, also of other pages.
    pub(super) keys: BTreeSet<i64>,
    /// Everything the filter takes.
    pub(super) all_matching: bool,
    /// Row where Shift begins.
    anchor: Option<i64>,
}

impl Selection {
    pub(super) fn has(&self, key: i64) -> bool {
        self.all_matching || self.keys.contains(&key)
    }

    pub(super) fn count(&self, total: u64) -> u64 {
        if self.all_matching { total } else { self.keys.len() as u64 }
    }

    /// Turns one row round. `page` are the rows that are seen: leaving "all matching" keeps them but this one.
    pub(super) fn toggle(&mut self, key: i64, page: &[i64]) {
        self.leave_all(page);
        if !self.keys.remove(&key) {
            self.keys.insert(key);
        }
        self.anchor = Some(key);
    }

    /// Selects from where the last row was turned round to this one.
    pub(super) fn extend(&mut self, key: i64, page: &[i64]) {
        self.leave_all(page);
        let place = |wanted: i64| page.iter().position(|key| *key == wanted);
        let (Some(from), Some(to)) = (self.anchor.and_then(place), place(key)) else {
            return self.toggle(key, page);
        };
        self.keys.extend(&page[from.min(to)..=from.max(to)]);
    }

    /// Every row of the page, or none of them when all were.
    pub(super) fn toggle_page(&mut self, page: &[i64]) {
        if self.all_matching {
            return self.clear();
        }
        if page.iter().all(|key| self.keys.contains(key)) {
            self.keys.retain(|key| !page.contains(key));
        } else {
            self.keys.extend(page);
        }
    }

    pub(super) fn only_page(&mut self, page: &[i64]) {
        self.clear();
        self.keys.extend(page);
    }

    pub(super) fn select_all_matching(&mut self) {
        self.clear();
        self.all_matching = true;
    }

    /// Rows that are there no longer.
    pub(super) fn forget(&mut self, gone: &[i64]) {
        self.keys.retain(|key| !gone.contains(key));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn leave_all(&mut self, page: &[i64]) {
        if std::mem::take(&mut self.all_matching) {
            self.keys = page.iter().copied().collect();
        }
    }

    pub(super) fn chosen(&self, query: &ListQuery, total: u64) -> Chosen {
        if self.all_matching {
            Chosen::Matching { query: query.clone(), total }
        } else {
            Chosen::Rows(self.keys.iter().copied().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chosen, Selection};
    use crate::components::list::ListQuery;

    const PAGE: [i64; 4] = [4, 2, 9, 7];

    #[test]
    fn shift_takes_the_rows_between_as_they_are_shown() {
        let mut selection = Selection::default();
        selection.toggle(9, &PAGE);
        selection.extend(4, &PAGE);
        assert_eq!(selection.keys.into_iter().collect::<Vec<_>>(), [2, 4, 9]);
    }

    #[test]
    fn all_matching_is_the_filter_until_a_row_is_taken_out() {
        let mut selection = Selection::default();
        selection.select_all_matching();
        let query = ListQuery { search: Some("4940".to_owned()), ..ListQuery::default() };
        assert_eq!(selection.chosen(&query, 1307), Chosen::Matching { query: query.clone(), total: 1307 });
        assert!(selection.has(12_345));
        selection.toggle(2, &PAGE);
        assert_eq!(selection.chosen(&query, 1307), Chosen::Rows(vec![4, 7, 9]));
    }

    #[test]
    fn the_page_goes_on_and_off_and_other_pages_stay() {
        let mut selection = Selection::default();
        selection.toggle(100, &[100]);
        selection.toggle_page(&PAGE);
        assert_eq!(selection.count(0), 5);
        selection.toggle_page(&PAGE);
        assert_eq!(selection.count(0), 1);
    }
}
