//! Storage providers: where files are kept, whether they answer, and what they have (OSEM §10).

mod deeds;
mod details;
mod entries;
mod fields;
mod form;
mod list;
mod network;
mod words;

pub use list::StoragePage;
