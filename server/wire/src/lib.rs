//! WPI, the provisioning protocol of the desk phones, as bytes and back (`wpi.md`).
//!
//! This crate has no I/O, no clock and no randomness, and knows nothing of clients, jobs or databases.
//! It reads liberally (every variant seen in the field) and writes conservatively (the documented form).

pub mod assembly;
pub mod conversation;
mod document;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod item;
pub mod limits;
pub mod message;
mod read;
pub mod split;
mod text;
mod words;
mod write;

pub use assembly::{Assembly, AssemblyError, Collected};
pub use error::{ParseError, ParseErrorKind, WriteError};
pub use item::{Item, ItemKey, ItemStatus};
pub use limits::Limits;
pub use message::{Action, Fragment, PhoneMessage, Reason, ReplyStatus, ServerMessage};
pub use split::{Record, SplitError, SplitLimits, split};
