//! The clients: the list, and one of them in a drawer or as a page.

mod actions;
mod decision;
mod details;
mod history;
mod information;
mod jobs;
mod look;
mod page;
mod prepare;
mod reported;
mod table;

pub use page::ClientPage;
pub use table::ClientsPage;
