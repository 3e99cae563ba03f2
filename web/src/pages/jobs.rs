//! Jobs and their targets (OSEM §12): the list, one job, what can be done with them.

mod deployment;
mod details;
mod list;
mod question;
mod target;
mod words;

pub use details::JobPage;
pub use list::JobsPage;
