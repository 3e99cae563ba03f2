//! Pages and sort orders of lists (D-36): what a caller may ask for, the same for every list.

use api::page::{DEEPEST_ROW, MOST_PER_PAGE, USUAL_PER_PAGE};
use api::{Code, FieldError, field};

use super::error::{AppError, AppResult};

/// A page to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    /// Number of the page, from 1.
    pub(super) page: u64,
    /// Most things on it.
    pub(super) size: u64,
}

impl Paging {
    /// Checks what the caller asks for. `cursor` names the parameter that reads on behind the deepest row.
    pub(super) fn new(page: Option<u64>, size: Option<u64>, cursor: Option<&str>) -> AppResult<Self> {
        let paging = Self { page: page.unwrap_or(1), size: size.unwrap_or(USUAL_PER_PAGE) };
        let mut errors = Vec::new();
        if paging.page == 0 {
            errors.push(FieldError::new("page", field::OUT_OF_RANGE, "must be 1 or more").arg("min", 1));
        }
        if !(1..=MOST_PER_PAGE).contains(&paging.size) {
            let text = format!("must be from 1 to {MOST_PER_PAGE}");
            errors.push(
                FieldError::new("size", field::OUT_OF_RANGE, text).arg("min", 1).arg("max", MOST_PER_PAGE),
            );
        }
        if !errors.is_empty() {
            return Err(AppError::fields(errors));
        }
        if paging.page.saturating_mul(paging.size) > DEEPEST_ROW {
            let text = match cursor {
                Some(cursor) => format!(
                    "Pages reach row {DEEPEST_ROW}. Read on with {cursor}, which is next in the answer."
                ),
                None => format!("Pages reach row {DEEPEST_ROW}."),
            };
            return Err(AppError::new(Code::PageTooDeep, text)
                .arg("limit", DEEPEST_ROW)
                .arg("parameter", cursor));
        }
        Ok(paging)
    }

    /// Rows before the page.
    pub(super) fn skip(self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }

    /// Whether rows come after this page of a list.
    pub(super) fn has_more(self, total: u64) -> bool {
        self.page.saturating_mul(self.size) < total
    }
}

/// Reads a sort order: a word of the table, `-` before it for descending.
pub(super) fn sort<T: Copy + Default>(text: Option<&str>, table: &[(&str, T)]) -> AppResult<(T, bool)> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok((T::default(), false)) };
    let (word, descending) = match text.strip_prefix('-') {
        Some(word) => (word, true),
        None => (text, false),
    };
    if let Some((_, sort)) = table.iter().find(|(known, _)| *known == word) {
        return Ok((*sort, descending));
    }
    let choices: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
    let text = format!("must be one of: {}", choices.join(", "));
    Err(AppError::field(FieldError::new("sort", field::NOT_A_CHOICE, text).arg("choices", choices)))
}

#[cfg(test)]
mod tests {
    use super::{Paging, sort};
    use api::Code;

    #[test]
    fn pages_reach_row_10000_and_name_the_way_on() {
        assert_eq!(Paging::new(Some(3), Some(20), None).unwrap().skip(), 40);
        assert!(Paging::new(Some(20), Some(500), None).is_ok());
        let deep = Paging::new(Some(21), Some(500), Some("after")).unwrap_err();
        assert_eq!(deep.code(), Code::PageTooDeep);
        assert_eq!(deep.args()["parameter"], "after");
        assert_eq!(Paging::new(Some(u64::MAX), Some(500), None).unwrap_err().code(), Code::PageTooDeep);
    }

    #[test]
    fn sizes_and_numbers_are_bounded() {
        for (page, size) in [(Some(0), None), (None, Some(0)), (None, Some(501))] {
            assert_eq!(Paging::new(page, size, None).unwrap_err().code(), Code::InvalidFields);
        }
        let paging = Paging::new(None, None, None).unwrap();
        assert_eq!(paging, Paging { page: 1, size: 50 });
        assert!(paging.has_more(51) && !paging.has_more(50));
    }

    #[test]
    fn a_sort_order_is_a_known_word() {
        let table = [("a", 1), ("b", 2)];
        assert_eq!(sort(Some("-b"), &table).unwrap(), (2, true));
        assert_eq!(sort::<i32>(None, &table).unwrap(), (0, false));
        assert_eq!(sort(Some("c"), &table).unwrap_err().errors()[0].field, "sort");
        assert!(sort(Some("--a"), &table).is_err());
    }
}
