//! What a file for phones is, told from its content and not from its name; and pictures made to fit.
//!
//! Bytes in, facts out: knows no files, databases or HTTP, and bounds everything before it is decoded.

mod bytes;
mod convert;
pub mod craft;
mod firmware;
mod guess;
mod picture;
mod recognise;
mod search;
mod sound;

pub use convert::{ConvertError, MOST_PIXELS, PictureTarget, convert};
pub use guess::type_of;
pub use recognise::{HEAD_BYTES, Sample, TAIL_BYTES, recognise};
pub use search::Search;
