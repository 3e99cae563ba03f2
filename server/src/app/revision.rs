//! Which revision of a thing a caller has seen, before it changes it: nobody overwrites what they did not read.

use api::Code;

use super::error::{AppError, AppResult};

/// What the caller expects to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The caller did not say.
    Missing,
    /// Whatever is there.
    Any,
    /// One of these revisions.
    OneOf(Vec<i64>),
}

impl Expected {
    /// Refuses when the thing has another revision by now.
    ///
    /// # Errors
    /// `precondition_required` when the caller did not say which; `precondition_failed`.
    pub fn check(&self, revision: i64) -> AppResult<()> {
        match self {
            Self::Missing => {
                let text = "Send the ETag last read in the header If-Match.";
                Err(AppError::new(Code::PreconditionRequired, text))
            }
            Self::Any => Ok(()),
            Self::OneOf(revisions) if revisions.contains(&revision) => Ok(()),
            Self::OneOf(_) => Err(AppError::stale()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Expected;

    #[test]
    fn another_revision_is_stale() {
        assert!(Expected::Any.check(3).is_ok());
        assert_eq!(Expected::Missing.check(3).unwrap_err().code(), api::Code::PreconditionRequired);
        assert!(Expected::OneOf(vec![2, 3]).check(3).is_ok());
        assert!(Expected::OneOf(vec![2]).check(3).is_err());
        assert!(Expected::OneOf(Vec::new()).check(3).is_err());
    }
}
