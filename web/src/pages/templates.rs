//! Templates: values for many clients, with a rank (OSEM §6): the list, one template with what it holds and who uses it,
//! and how one is made.

mod content;
mod deeds;
mod files;
mod form;
mod history;
mod list;
mod new;
mod page;
mod used;
pub(crate) mod words;

pub use list::TemplatesPage;
pub use page::TemplatePage;
