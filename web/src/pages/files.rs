//! Files for phones: the list, uploads, one file in the drawer, pictures made to fit, and the deployment of files
//! (OSEM §9, §4.5.4).

mod checksum;
mod convert;
mod deeds;
pub(crate) mod deletion;
pub(crate) mod deploy;
mod details;
mod edit;
mod list;
mod needs;
mod preview;
mod refused;
mod unseen;
mod upload;
mod uploading;
pub(crate) mod words;

pub use list::FilesPage;
