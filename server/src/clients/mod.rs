//! What the server asks of others on its own account: one file per protocol. Everything here is bounded in
//! size and time, follows nobody's redirects and resolves nobody's names.
//!
//! Refuses to know why it is asked: destinations come from `domain`, orders from `app`.

pub mod contact_me;
pub mod storage_probe;
