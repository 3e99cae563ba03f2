//! The administration API over HTTP: extract, call one use case, convert.
//!
//! One file per resource with its handlers; their first line asks for the permission. Around them: reading
//! requests ([`read`], [`extract`]), answering ([`answer`], [`export`]), problem documents ([`problem`]), what
//! every request gets ([`context`]), and the document ([`document`]). Knows no SQL and no rules. The table of
//! all addresses is `routes.rs`.

pub(crate) mod accounts;
pub(crate) mod actions;
mod answer;
pub(crate) mod audit;
pub(crate) mod auth;
mod caller;
pub(crate) mod client_fields;
pub(crate) mod client_files;
pub(crate) mod client_layers;
pub(crate) mod clients;
pub(crate) mod configuration;
mod console;
mod context;
pub(crate) mod copies;
pub(crate) mod dashboard;
pub(crate) mod device_models;
pub(crate) mod diagnosis;
pub(crate) mod document;
pub(crate) mod events;
mod export;
mod extract;
pub(crate) mod files;
pub(crate) mod firmware;
mod form;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod notifications;
mod pace;
pub(crate) mod parameters;
pub(crate) mod plans;
pub(crate) mod prepared;
mod problem;
mod read;
pub(crate) mod scans;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod settings;
mod state;
pub(crate) mod storage_providers;
pub(crate) mod template_files;
pub(crate) mod templates;
pub(crate) mod tokens;
pub(crate) mod uploads;

pub(crate) use context::finish;
pub(crate) use state::ApiState;
