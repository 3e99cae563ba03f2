//! Settings (D-33): sections, one form for each, a diff before anything is changed. Locked ones are shown, with what
//! locks them.

mod draft;
mod field;
mod page;
mod review;

pub use page::SettingsPage;
