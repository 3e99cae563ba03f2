//! The audit table (D-34): who changed what and when, what was before and after, and whether the chain is intact.

mod check;
mod details;
mod list;
mod values;

pub use list::AuditPage;
