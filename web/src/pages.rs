//! The pages, one file or folder each. A page knows the API's types and its own texts; it asks no other page.

pub mod account;
pub mod accounts;
pub mod audit;
pub mod clients;
pub mod configuration;
pub mod fields;
pub mod files;
pub mod firmware;
pub mod groups;
pub mod jobs;
pub mod not_found;
pub mod overview;
pub mod password;
pub mod plans;
pub mod settings;
pub mod sign_in;
pub mod storage;
pub mod templates;
