//! The JSON contract of the administration API: requests, views, pages, problems.
//!
//! One file per resource. The server and the web client compile against the same types. This crate knows
//! neither HTTP nor SQL; rules live in `domain`. How the API behaves is in `docs/api-design.md`.

pub mod account;
pub mod audit;
pub mod auth;
pub mod client;
pub mod client_field;
pub mod configuration;
pub mod copy;
pub mod dashboard;
pub mod deployment;
pub mod diagnosis;
pub mod event;
pub mod file;
pub mod group;
pub mod header;
pub mod health;
pub mod job;
pub mod model;
pub mod notification;
pub mod page;
pub mod parameter;
mod patch;
pub mod plan;
pub mod prepared;
pub mod problem;
pub mod revision;
pub mod scan;
mod schema;
pub mod second_factor;
pub mod session;
pub mod setting;
pub mod storage_provider;
pub mod targets;
pub mod template;
pub mod token;

pub use page::Page;
pub use problem::{Args, Code, FieldError, Problem, field};
