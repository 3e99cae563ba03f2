//! What can go wrong with the database, with what was attempted.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Result of a store function.
pub type StoreResult<T> = Result<T, StoreError>;

/// An error of the store. The text is for operators; users see a problem document without it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address of the database is neither SQLite nor PostgreSQL.
    #[error("the database address must begin with sqlite: or postgres:")]
    Address,
    /// The database refused, or cannot be reached.
    #[error("could not {attempt}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// The database's answer.
        #[source]
        source: DbErr,
    },
    /// A unique value is taken; callers map this to a conflict.
    #[error("could not {attempt}: the value is already in use")]
    Taken {
        /// What was attempted.
        attempt: &'static str,
    },
    /// A stored value cannot be understood: a newer program wrote it, or it is damaged.
    #[error("could not {attempt}: stored value of {what} is not understood")]
    Corrupt {
        /// What was attempted.
        attempt: &'static str,
        /// Which value.
        what: &'static str,
    },
    /// The database does not answer, or not in time.
    #[error("the database does not answer")]
    Unavailable,
    /// Two transactions waited for each other and this one was given up; it may be repeated.
    #[error("could not {attempt}: two transactions waited for each other")]
    Deadlock {
        /// What was attempted.
        attempt: &'static str,
    },
    /// A change broke off in the middle: a mistake in the program, named in the log before this.
    #[error("a change broke off; see the panic in the log")]
    Panicked,
    /// The group writer has stopped: the server is shutting down.
    #[error("the server is shutting down")]
    Stopped,
}

/// Adds "what was attempted" to a database error.
pub(super) trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> StoreResult<T>;
}

impl<T> Attempt<T> for Result<T, DbErr> {
    fn attempt(self, attempt: &'static str) -> StoreResult<T> {
        self.map_err(|source| match source.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => StoreError::Taken { attempt },
            _ if is_deadlock(&source) => StoreError::Deadlock { attempt },
            _ => StoreError::Database { attempt, source },
        })
    }
}

/// PostgreSQL's `deadlock_detected`; SQLite has one writer and knows no such thing.
fn is_deadlock(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "40P01")
}
