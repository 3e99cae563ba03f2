//! Lists (D-36): one shape for every one of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most things on one page.
pub const MOST_PER_PAGE: u64 = 500;
/// Things on a page when nobody says otherwise.
pub const USUAL_PER_PAGE: u64 = 50;
/// Last row that `page` and `size` reach; behind it a list continues with its cursor (D-36).
pub const DEEPEST_ROW: u64 = 10_000;

/// A piece of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The things on this page.
    pub items: Vec<T>,
    /// Number of all things the filter takes; exact.
    pub total: u64,
    /// Number of the page, from 1; `null` when the list was continued with a cursor.
    pub page: Option<u64>,
    /// Most things on a page.
    pub size: u64,
    /// Cursor that continues the list; `null` at its end, and for lists that have no cursor.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is always given as a whole.
    pub fn whole(items: Vec<T>) -> Self {
        let total = items.len() as u64;
        Self { items, total, page: Some(1), size: total, next: None }
    }
}
