//! What a use case answers when it does not succeed: for the user a code and a text, for the operator the
//! cause. Knows nothing of HTTP; `http::problem` turns it into a problem document.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use api::{Args, Code, FieldError};
use domain::Permission;
use serde_json::Value;

use crate::clock::EntropyError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Result of a use case.
pub type AppResult<T> = Result<T, AppError>;

/// Why a use case did not succeed.
///
/// `Display` is the user's text. The source is for the log only.
#[derive(Debug)]
pub struct AppError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: String,
    args: Args,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AppError {
    /// A refusal with a text for the user.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            args: Args::new(),
            errors: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// Something of the server's own failed. The user learns nothing of it but that it did.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            Code::Internal,
            "The server could not do this. The request id finds the reason in its log.",
        );
        error.0.source = Some(source.into());
        error
    }

    /// No session and no token, or none that counts; never says which.
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Sign in, or send a valid API token.")
    }

    /// No role of the caller allows it.
    pub fn forbidden(permission: Permission) -> Self {
        let word = serde_json::to_value(permission).unwrap_or_default();
        Self::new(Code::Forbidden, "No role of this account allows it.").arg("permission", word)
    }

    /// There is no such thing, or none the caller may know of.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing at this address.")
    }

    /// The thing changed since it was read.
    pub fn stale() -> Self {
        Self::new(Code::PreconditionFailed, "It was changed since it was read. Read it again.")
    }

    /// A name is in use.
    pub fn name_taken(name: &str) -> Self {
        Self::new(Code::NameTaken, "This name is already in use.").arg("name", name)
    }

    /// Fields that cannot be accepted.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let mut error = Self::new(Code::InvalidFields, "Some fields cannot be accepted.");
        error.0.errors = errors;
        error
    }

    /// One field that cannot be accepted.
    pub fn field(error: FieldError) -> Self {
        Self::fields(vec![error])
    }

    /// Too many attempts; try again after this time.
    pub fn too_many_attempts(wait: Duration) -> Self {
        let mut error = Self::new(Code::TooManyAttempts, "Too many attempts. Try again later.")
            .arg("seconds", wait.as_secs().max(1));
        error.0.retry_after = Some(wait);
        error
    }

    /// Not now; try again after this time.
    pub fn unavailable(text: &str, wait: Duration) -> Self {
        let mut error = Self::new(Code::Unavailable, text);
        error.0.retry_after = Some(wait);
        error
    }

    /// Adds an argument for wording it in another language.
    #[must_use]
    pub fn arg(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.args.insert(name.to_owned(), value.into());
        self
    }

    /// Keeps the cause, for the log only.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Arguments of the text.
    pub fn args(&self) -> &Args {
        &self.0.args
    }

    /// Fields that cannot be accepted.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// When to try again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)?;
        // On the command line there is no other place where they would be seen.
        for error in &self.0.errors {
            write!(f, " {}: {}.", error.field.trim_start_matches('/'), error.message)?;
        }
        Ok(())
    }
}

impl Error for AppError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl AppError {
    /// The user's text, without the fields.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        let detail = match error {
            StoreError::Stopped => "The server is shutting down.",
            StoreError::Unavailable => "The database does not answer.",
            StoreError::Deadlock { .. } => {
                "Somebody else was changing the same. Nothing was changed; repeat it."
            }
            _ => return Self::internal(error),
        };
        let mut unavailable = Self::unavailable(detail, Duration::from_secs(5));
        unavailable.0.source = Some(Box::new(error));
        unavailable
    }
}

impl From<EntropyError> for AppError {
    fn from(error: EntropyError) -> Self {
        Self::internal(error)
    }
}

impl From<VaultError> for AppError {
    fn from(error: VaultError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::AppError;
    use crate::store::StoreError;
    use api::{Code, FieldError};
    use std::error::Error as _;

    #[test]
    fn users_learn_nothing_of_the_cause_operators_everything() {
        let error = AppError::from(StoreError::Corrupt { attempt: "read x", what: "account.roles" });
        assert_eq!(error.code(), Code::Internal);
        assert!(!error.to_string().contains("account.roles"));
        assert!(error.source().unwrap().to_string().contains("account.roles"));
    }

    #[test]
    fn a_stopping_server_says_so() {
        let error = AppError::from(StoreError::Stopped);
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.retry_after().is_some());
    }

    #[test]
    fn the_command_line_names_the_fields() {
        let error = AppError::field(FieldError::new("/password", "too_short", "needs 14 characters"));
        assert_eq!(error.to_string(), "Some fields cannot be accepted. password: needs 14 characters.");
    }
}
