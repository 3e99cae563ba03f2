//! The readable file of one template (OSEM §6.4: export and import): TOML with a head, the parameters grouped by
//! the areas of the catalogue, and the names of secrets, whose values never leave the server.
//!
//! Reading is bounded and names the line of a fault. Whether a parameter exists and takes its value, and whether a
//! name is free, is not asked here: what imports a file checks it as any template.

mod read;
mod write;

pub use read::read;
pub use write::write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::catalogue::{ParameterKey, Value};
use crate::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};

/// What `format` says in every such file.
pub const FORMAT: &str = "workpoint-template";

/// The only `version` there is.
pub const VERSION: i64 = 1;

/// Largest file, in bytes.
pub const MOST_FILE_BYTES: usize = 1_048_576;

/// Most values in a file, and most names of secrets.
pub const MOST_PARAMETERS: usize = 2_000;

/// Most files for phones that are named in a file.
pub const MOST_FILES: usize = 100;

/// Most models and software types in a file.
pub const MOST_CLIENTS: usize = 100;

/// Most characters of the name, of a model or of a software type.
pub const MOST_NAME_LENGTH: usize = 255;

/// Most characters of the description.
pub const MOST_DESCRIPTION_LENGTH: usize = 4_096;

/// Weakest rank; 1 is the strongest (D-19).
pub const LAST_RANK: u16 = 999;

/// A file for phones, as a template's file names it: its content is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name.
    pub name: String,
    /// SHA-256 of its content in lower-case hexadecimal digits; `None` when it was never worked out.
    pub sha256: Option<String>,
}

/// A template as it stands in a file. A file that somebody wrote may hold secrets: `Debug` names the parameters alone.
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// `type` in the file.
    pub kind: TemplateKind,
    /// From 1, the strongest, to 999.
    pub rank: u16,
    /// Names of models it applies to; empty: all.
    pub clients: Vec<String>,
    /// Software types it applies to (`SIP`, `HFA`); empty: all.
    pub software: Vec<String>,
    /// Whether it updates software.
    pub software_update: SoftwareUpdate,
    /// The secure mode it wishes; `None`: it has no wish.
    pub secure_mode: Option<SecureModeWish>,
    /// Values, with variables as they are written in templates ([`crate::expand`]).
    pub parameters: BTreeMap<ParameterKey, Value>,
    /// Secrets the template has and the file does not.
    pub secrets: BTreeSet<ParameterKey>,
    /// Files the template brings to phones.
    pub files: Vec<NamedFile>,
}

impl fmt::Debug for TemplateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateFile")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("rank", &self.rank)
            .field("parameters", &self.parameters.keys())
            .finish_non_exhaustive()
    }
}

/// Why a file is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Larger than [`MOST_FILE_BYTES`].
    #[error("could not read the template: the file has more than {MOST_FILE_BYTES} bytes")]
    TooLarge,
    /// Not TOML.
    #[error("could not read the template: line {line}: {message}")]
    Form {
        /// Which line, from 1.
        line: usize,
        /// What the reader says.
        message: String,
    },
    /// The file does not say `format = "workpoint-template"`.
    #[error(
        "could not read the template: the file is of another kind, it does not say format = \"{FORMAT}\""
    )]
    OtherFormat,
    /// A version that is not known here.
    #[error("could not read the template: line {line}: only version {VERSION} is known")]
    OtherVersion {
        /// Which line, from 1.
        line: usize,
    },
    /// A key that is needed is not there.
    #[error("could not read the template: {key} is missing")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// A key nobody knows, mostly a slip.
    #[error("could not read the template: line {line}: {key:?} is not known here")]
    Unknown {
        /// Which line, from 1.
        line: usize,
        /// The key; shortened to 100 characters.
        key: String,
    },
    /// A key with a value of the wrong kind.
    #[error("could not read the template: line {line}: {key} must be {expected}")]
    Wrong {
        /// Which line, from 1.
        line: usize,
        /// The key; shortened to 100 characters.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// Too many entries.
    #[error("could not read the template: line {line}: {key} has more than {most} entries")]
    TooMany {
        /// Which line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// How many it may have.
        most: usize,
    },
}

impl FileFault {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "template_file_too_large",
            Self::Form { .. } => "template_file_form",
            Self::OtherFormat => "template_file_other_format",
            Self::OtherVersion { .. } => "template_file_other_version",
            Self::Missing { .. } => "template_file_missing",
            Self::Unknown { .. } => "template_file_unknown",
            Self::Wrong { .. } => "template_file_wrong",
            Self::TooMany { .. } => "template_file_too_many",
        }
    }

    /// Where it is, when it is anywhere; from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::TooLarge | Self::OtherFormat | Self::Missing { .. } => None,
            Self::Form { line, .. }
            | Self::OtherVersion { line }
            | Self::Unknown { line, .. }
            | Self::Wrong { line, .. }
            | Self::TooMany { line, .. } => Some(*line),
        }
    }

    /// Numbers and words for wording it in another language: `line`, `key`, `expected`, `most`, `message`.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        let mut args: Vec<(&'static str, String)> =
            self.line().map(|line| ("line", line.to_string())).into_iter().collect();
        match self {
            Self::TooLarge => args.push(("most", MOST_FILE_BYTES.to_string())),
            Self::OtherFormat | Self::OtherVersion { .. } => {}
            Self::Form { message, .. } => args.push(("message", message.clone())),
            Self::Missing { key } => args.push(("key", (*key).to_owned())),
            Self::Unknown { key, .. } => args.push(("key", key.clone())),
            Self::Wrong { key, expected, .. } => {
                args.extend([("key", key.clone()), ("expected", (*expected).to_owned())]);
            }
            Self::TooMany { key, most, .. } => {
                args.extend([("key", (*key).to_owned()), ("most", most.to_string())]);
            }
        }
        args
    }
}

#[cfg(test)]
mod tests;
