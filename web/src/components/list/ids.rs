//! Ids of everything that was chosen: what is chosen by a filter is read from the server, page by page to its end.

use std::collections::BTreeSet;

use api::Page;
use api::page::MOST_PER_PAGE;
use serde::Deserialize;

use super::Chosen;
use crate::address::with_fields;
use crate::client::{self, Failure};

/// A thing of a list, of which only the id is read.
#[derive(Debug, Deserialize)]
struct Row {
    id: i64,
}

/// Where a list is read on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// At a page.
    Page(u64),
    /// Behind a cursor.
    Behind(String),
}

impl Chosen {
    /// The ids, each once, for calls that take no filter. `path` is the list in the API: `/files`.
    ///
    /// # Errors
    /// Whatever the list answers: `page_too_deep` when it has no cursor and more than its pages reach. Nothing is left
    /// out silently.
    pub async fn ids(&self, path: &str) -> Result<Vec<i64>, Failure> {
        let query = match self {
            Self::Rows(keys) => return Ok(keys.clone()),
            Self::Matching { query, .. } => query,
        };
        all(async |place: Place| {
            let mut fields = query.fields();
            fields.push(("size", MOST_PER_PAGE.to_string()));
            fields.push(match place {
                Place::Page(page) => ("page", page.to_string()),
                Place::Behind(cursor) => ("after", cursor),
            });
            client::get::<Page<Row>>(&with_fields(path, &fields)).await
        })
        .await
    }
}

/// Where a list goes on after a page; nothing at its end. `read` are the rows up to here.
fn next(page: u64, read: u64, answer: &Page<Row>) -> Option<Place> {
    match &answer.next {
        Some(cursor) => Some(Place::Behind(cursor.clone())),
        // Behind a cursor, the last page has none.
        None => (answer.page.is_some() && !answer.items.is_empty() && read < answer.total)
            .then_some(Place::Page(page + 1)),
    }
}

async fn all(fetch: impl AsyncFn(Place) -> Result<Page<Row>, Failure>) -> Result<Vec<i64>, Failure> {
    // A row that moves while it is read may come twice.
    let mut ids = BTreeSet::new();
    let (mut page, mut read) = (1, 0);
    let mut place = Some(Place::Page(page));
    while let Some(at) = place {
        let answer = fetch(at).await?;
        read += answer.items.len() as u64;
        place = next(page, read, &answer);
        page += 1;
        ids.extend(answer.items.into_iter().map(|row| row.id));
    }
    Ok(ids.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::{Failure, Page, Place, Row, all};
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// What a future gives that waits for nobody.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("nothing is waited for"),
        }
    }

    /// A list of so many rows, by pages, or by cursors.
    fn list(total: i64, cursors: bool) -> Result<Vec<i64>, Failure> {
        let size = 500;
        at_once(all(async |place: Place| {
            let page = match &place {
                Place::Page(page) => i64::try_from(*page).unwrap(),
                Place::Behind(cursor) => cursor.parse().unwrap(),
            };
            let first = (page - 1) * size;
            let items: Vec<Row> = (first..total.min(first + size)).map(|id| Row { id }).collect();
            let more = cursors && first + size < total;
            Ok(Page {
                items,
                total: total.unsigned_abs(),
                page: matches!(place, Place::Page(_)).then_some(page.unsigned_abs()),
                size: size.unsigned_abs(),
                next: more.then(|| (page + 1).to_string()),
            })
        }))
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        for total in [0, 1, 499, 500, 501, 3_000] {
            for cursors in [false, true] {
                assert_eq!(
                    list(total, cursors).unwrap(),
                    (0..total).collect::<Vec<_>>(),
                    "{total}, {cursors}"
                );
            }
        }
    }

    #[test]
    fn a_page_that_fails_leaves_nothing_half_read() {
        let answer = at_once(all(async |place: Place| match place {
            Place::Page(1) => {
                Ok(Page { items: vec![Row { id: 4 }], total: 9, page: Some(1), size: 1, next: None })
            }
            _ => Err(Failure::offline()),
        }));
        assert!(answer.is_err());
    }

    #[test]
    fn a_list_that_shrinks_ends_and_a_row_that_moves_is_there_once() {
        let answer = at_once(all(async |place: Place| {
            let ids = match place {
                Place::Page(1) => vec![7, 8],
                Place::Page(2) => vec![8],
                _ => Vec::new(),
            };
            let items = ids.into_iter().map(|id| Row { id }).collect();
            Ok(Page { items, total: 9, page: Some(1), size: 2, next: None })
        }));
        assert_eq!(answer.unwrap(), [7, 8]);
    }
}
