//! Firmware: which versions run where, what is outdated, and one step to a plan that updates it (OSEM §4.5.4).

mod models;
mod page;
mod plan;
mod table;

pub use page::FirmwarePage;
