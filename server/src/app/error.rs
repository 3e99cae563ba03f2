//! Why a use case did not do what was asked: one type for all of them, without HTTP (OSEM has none; D-35).
//!
//! The user's message and the operator's context are separate: `Fault` is shown, the source is logged once
//! where the answer is made.

use api::problem::{Code, FieldError};

use crate::store::StoreError;

/// A refused or failed use case.
#[derive(Debug, thiserror::Error)]
#[error("{}", .fault.code.as_str())]
pub struct AppError {
    /// What is shown.
    pub fault: Box<Fault>,
    /// What the operator sees in the log.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller is told.
#[derive(Debug)]
pub struct Fault {
    /// Stable code; decides the HTTP status.
    pub code: Code,
    /// English sentence for people.
    pub detail: String,
    /// Arguments for wording the code in another language.
    pub args: serde_json::Value,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// Seconds after which asking again makes sense.
    pub retry_after: Option<u64>,
}

/// Result of a use case.
pub type AppResult<T> = Result<T, AppError>;

impl AppError {
    /// A refusal with a sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let fault = Fault {
            code,
            detail: detail.into(),
            args: serde_json::Value::Null,
            errors: Vec::new(),
            retry_after: None,
        };
        Self { fault: Box::new(fault), source: None }
    }

    /// The thing asked for does not exist; `what` is its resource word in the singular.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    /// The thing was changed by somebody else since it was read.
    pub fn stale() -> Self {
        Self::new(Code::StaleRevision, "It was changed in the meantime. Read it again and repeat the change.")
    }

    /// Values that are understood but not allowed.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut error = Self::new(Code::InvalidFields, "Some fields have values that are not allowed.");
        error.fault.errors = errors;
        error
    }

    /// A single field that is not allowed; `pointer` is its JSON pointer.
    pub fn field(pointer: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(pointer, code, message)])
    }

    /// Something failed that the caller cannot help.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::new(Code::Internal, "The server could not do this. The operator finds the cause in the log.");
        error.source = Some(source.into());
        error
    }

    /// The same with arguments for wording it.
    #[must_use]
    pub fn with_args(mut self, args: serde_json::Value) -> Self {
        self.fault.args = args;
        self
    }

    /// The same with the seconds after which asking again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.fault.retry_after = Some(seconds);
        self
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken { .. } => {
                let mut taken = Self::new(Code::Conflict, "A value that must be unique is already in use.");
                taken.source = Some(Box::new(error));
                taken
            }
            _ => Self::internal(error),
        }
    }
}
