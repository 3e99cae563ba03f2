//! What goes wrong with a storage provider: one error, made of a stable word for users and a text for the operator.

use std::error::Error;
use std::fmt;

/// Longest text kept for the operator, in characters. Parts of it may come from the other side.
const LONGEST_DETAIL: usize = 400;

/// Most causes that are followed.
const MOST_CAUSES: usize = 8;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No connection: no such name, nobody listens, the network is gone.
    Unreachable,
    /// The certificate of the other side is not trusted, or the address is not one of TLS at all.
    Certificate,
    /// The address is one that this server does not connect to ([`super::address`]).
    AddressRefused,
    /// User name, password or key are wrong.
    Credentials,
    /// The credentials are right, and what was asked is not allowed to them.
    Forbidden,
    /// The object, bucket or directory is not there.
    NotFound,
    /// The provider takes no files.
    ReadOnly,
    /// The other side was silent for too long.
    TimedOut,
    /// The other side sent us to another address, which is not followed.
    Redirected,
    /// Fewer or more bytes came than were announced: also when a connection is cut in the middle.
    LiedAboutLength,
    /// The object is another one than at the last look.
    ChangedMeanwhile,
    /// No room is left.
    Full,
    /// It does not tell which files it has in any way that is understood.
    NotListable,
    /// It says that it has a fault of its own (5xx), or the disk has.
    ServerError,
    /// Its answer is not one of such a server.
    BadAnswer,
    /// A list or an object is larger than what is looked at.
    TooLarge,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Unreachable,
        Self::Certificate,
        Self::AddressRefused,
        Self::Credentials,
        Self::Forbidden,
        Self::NotFound,
        Self::ReadOnly,
        Self::TimedOut,
        Self::Redirected,
        Self::LiedAboutLength,
        Self::ChangedMeanwhile,
        Self::Full,
        Self::NotListable,
        Self::ServerError,
        Self::BadAnswer,
        Self::TooLarge,
    ];

    /// Its word: stored, and shown to users in their language.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Certificate => "certificate",
            Self::AddressRefused => "address-refused",
            Self::Credentials => "credentials",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::ReadOnly => "read-only",
            Self::TimedOut => "timed-out",
            Self::Redirected => "redirected",
            Self::LiedAboutLength => "wrong-length",
            Self::ChangedMeanwhile => "changed",
            Self::Full => "full",
            Self::NotListable => "not-listable",
            Self::ServerError => "server-error",
            Self::BadAnswer => "bad-answer",
            Self::TooLarge => "too-large",
        }
    }

    /// Whether it says something of the provider and not of one object or of what was asked.
    pub fn is_of_the_provider(self) -> bool {
        !matches!(self, Self::NotFound | Self::ReadOnly | Self::ChangedMeanwhile | Self::TooLarge)
    }
}

/// An error of a storage provider. Holds no credentials and no signed address: what it was made from is kept as a
/// bounded text.
#[derive(Clone, Debug, thiserror::Error)]
#[error("storage: {}", fault.code())]
pub struct StorageError {
    fault: Fault,
    #[source]
    detail: Option<Detail>,
}

/// What the operator reads.
#[derive(Clone, Debug)]
struct Detail(String);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Detail {}

impl StorageError {
    /// An error with a text for the operator.
    pub fn new(fault: Fault, detail: &str) -> Self {
        let detail: String = detail
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .take(LONGEST_DETAIL)
            .collect();
        Self { fault, detail: (!detail.is_empty()).then_some(Detail(detail)) }
    }

    /// An error with what caused it. The texts of all causes are kept, so none may hold an address with a signature.
    pub(super) fn caused(fault: Fault, cause: &(dyn Error + 'static)) -> Self {
        let mut text = cause.to_string();
        let mut next = cause.source();
        for _ in 0..MOST_CAUSES {
            let Some(error) = next else { break };
            let more = error.to_string();
            if !text.ends_with(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            next = error.source();
        }
        Self::new(fault, &text)
    }

    /// What went wrong.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Its word ([`Fault::code`]).
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }
}

impl From<Fault> for StorageError {
    fn from(fault: Fault) -> Self {
        Self { fault, detail: None }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, LONGEST_DETAIL, StorageError};
    use std::collections::BTreeSet;
    use std::error::Error;

    #[test]
    fn every_fault_has_a_word_of_its_own() {
        let words: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.code()).collect();
        assert_eq!(words.len(), Fault::ALL.len());
    }

    #[test]
    fn what_the_operator_reads_is_bounded_and_on_one_line() {
        let error = StorageError::new(Fault::BadAnswer, &format!("a\nb\u{1b}[31m{}", "x".repeat(9_999)));
        let detail = error.source().expect("a detail").to_string();
        assert_eq!(detail.chars().count(), LONGEST_DETAIL);
        assert!(detail.starts_with("a b [31m"), "{detail}");
        assert_eq!(error.to_string(), "storage: bad-answer");
    }

    #[test]
    fn all_causes_are_kept() {
        let inner = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let outer = StorageError::caused(Fault::Unreachable, &inner);
        let again = StorageError::caused(Fault::ServerError, &outer);
        let text = again.source().expect("a detail").to_string();
        assert_eq!(text, "storage: unreachable: connection refused");
    }
}
