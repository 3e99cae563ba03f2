//! What a list asks for: search, filters, order, page. Made from the address, sent to the API.

use crate::address::with_fields;

/// Last row that pages reach; behind it the cursor leads on.
pub(super) const DEEPEST_ROW: u64 = api::page::DEEPEST_ROW;

/// What a list asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Text of the search field.
    pub search: Option<String>,
    /// Filters: name in the API and value, in the order of the list's filters.
    pub filters: Vec<(&'static str, String)>,
    /// Order; `-` before it for descending.
    pub sort: String,
    /// Page, from 1.
    pub page: u64,
    /// Rows on a page.
    pub size: u64,
    /// Cursor, in the place of the page, for rows behind the deepest one.
    pub after: Option<String>,
}

impl ListQuery {
    /// Address of the API for this page of the list.
    pub fn path(&self, base: &str) -> String {
        let mut fields = self.fields();
        // Lists without an order of their own take none.
        if !self.sort.is_empty() {
            fields.push(("sort", self.sort.clone()));
        }
        match &self.after {
            Some(cursor) => fields.push(("after", cursor.clone())),
            None => fields.push(("page", self.page.to_string())),
        }
        fields.push(("size", self.size.to_string()));
        with_fields(base, &fields)
    }

    /// Search and filters as fields of a query: what an action on "all matching" and an export take.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let search = self.search.iter().map(|text| ("search", text.clone()));
        search.chain(self.filters.iter().cloned()).collect()
    }

    /// Value of a filter.
    pub fn filter(&self, id: &str) -> Option<&str> {
        self.filters.iter().find(|(name, _)| *name == id).map(|(_, value)| value.as_str())
    }

    /// Whether something is left out.
    pub fn is_filtered(&self) -> bool {
        self.search.is_some() || !self.filters.is_empty()
    }

    /// Address of the export of everything the filter takes.
    pub(super) fn export(&self, base: &str) -> String {
        let mut fields = self.fields();
        if !self.sort.is_empty() {
            fields.push(("sort", self.sort.clone()));
        }
        fields.push(("format", "csv".to_owned()));
        with_fields(&format!("{}{base}", crate::client::BASE), &fields)
    }
}

/// Number of pages.
pub(super) fn pages(total: u64, size: u64) -> u64 {
    total.div_ceil(size.max(1)).max(1)
}

/// Last page that can be asked for by its number.
pub(super) fn last_numbered_page(total: u64, size: u64) -> u64 {
    pages(total, size).min((DEEPEST_ROW / size.max(1)).max(1))
}

/// The way to a page: its number, and its cursor when it lies behind the deepest row. `next` is the cursor behind the
/// page that is shown, `shown` are pages behind the deepest row that were shown before. A page nobody has a cursor for
/// cannot be reached; the last one that pages reach comes nearest.
pub(super) fn way_to(
    page: u64,
    from: &ListQuery,
    total: u64,
    next: Option<&str>,
    shown: &[ListQuery],
) -> Option<(u64, Option<String>)> {
    let last = last_numbered_page(total, from.size);
    if page <= last {
        return Some((page, None));
    }
    if page == from.page + 1 {
        return next.map(|next| (page, Some(next.to_owned())));
    }
    let known = shown.iter().find(|known| {
        known.page == page && **known == ListQuery { page, after: known.after.clone(), ..from.clone() }
    });
    Some(known.map_or((last, None), |known| (page, known.after.clone())))
}

#[cfg(test)]
mod tests {
    use super::{ListQuery, last_numbered_page, pages, way_to};

    #[test]
    fn a_page_beyond_the_deepest_row_goes_by_its_cursor() {
        let mut query = ListQuery {
            search: Some("4940".to_owned()),
            filters: vec![("state", "active".to_owned())],
            sort: "-e164".to_owned(),
            page: 2,
            size: 50,
            after: None,
        };
        assert_eq!(query.path("/clients"), "/clients?search=4940&state=active&sort=-e164&page=2&size=50");
        query.after = Some("x".to_owned());
        assert_eq!(query.path("/clients"), "/clients?search=4940&state=active&sort=-e164&after=x&size=50");
        assert_eq!(
            query.export("/clients/export"),
            "/api/v1/clients/export?search=4940&state=active&sort=-e164&format=csv"
        );
    }

    #[test]
    fn behind_the_deepest_row_back_leads_back() {
        let at = |page: u64, after: &str| ListQuery {
            sort: "e164".to_owned(),
            page,
            size: 50,
            after: Some(after.to_owned()),
            ..ListQuery::default()
        };
        let shown = [at(201, "a"), at(202, "b")];
        let way = |page: u64, from: &ListQuery| way_to(page, from, 100_000, Some("next"), &shown);
        let (third, second) = (at(203, "c"), at(202, "b"));
        assert_eq!(way(204, &third), Some((204, Some("next".to_owned()))));
        assert_eq!(way(202, &third), Some((202, Some("b".to_owned()))));
        assert_eq!(way(201, &second), Some((201, Some("a".to_owned()))));
        assert_eq!(way(200, &at(201, "a")), Some((200, None)));
        // Opened by a link: nobody knows the cursor of the page before.
        assert_eq!(way_to(202, &third, 100_000, Some("next"), &[]), Some((200, None)));
        // The cursors of another order lead elsewhere.
        let other = ListQuery { sort: "-e164".to_owned(), ..third };
        assert_eq!(way(202, &other), Some((200, None)));
        assert_eq!(way_to(202, &at(201, "a"), 100_000, None, &shown), None);
    }

    #[test]
    fn pages_are_counted_up_and_there_is_always_one() {
        assert_eq!((pages(0, 50), pages(50, 50), pages(51, 50)), (1, 1, 2));
        assert_eq!(last_numbered_page(100_000, 50), 200);
        assert_eq!(last_numbered_page(120, 50), 3);
    }
}
