//! Accounts of other people (OSEM §2.8.5): the list, one account in the drawer, and what an administrator does with it.

mod deeds;
mod drawer;
mod form;
mod list;
mod password;

pub use list::AccountsPage;
