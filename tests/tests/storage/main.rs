//! Storage providers against real servers: one behaviour for all of them (`suite.rs`), what goes wrong (`faults.rs`,
//! with a server that does what the test says; `full.rs`), and which addresses are connected to (`addresses.rs`).

mod addresses;
mod faults;
mod full;
mod providers;
mod scripted;
mod suite;
mod web_servers;
