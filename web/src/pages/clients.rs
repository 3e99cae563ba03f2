//! The clients: the list, and one of them in a drawer or as a page.

mod actions;
mod copy;
mod decision;
mod details;
mod fields;
mod files;
mod fleet;
mod generate;
mod history;
mod information;
mod jobs;
mod look;
mod page;
mod prepare;
mod reported;
pub(crate) mod scan;
mod table;

pub use page::ClientPage;
pub use table::ClientsPage;
