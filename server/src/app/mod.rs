//! Use cases: authorize, decide, call the store, write the audit record, publish the event.
//!
//! Called by `http`, `device`, `jobs` and the command line. Knows no HTTP and no SQL. What goes out to users
//! of the API is made of the types of crate `api`; what goes wrong is an [`AppError`], which has a message for
//! the user and, apart from it, the context for the operator.

pub mod access_token;
mod account_fields;
pub mod accounts;
pub mod actions;
pub mod audit;
pub mod brake;
mod browser;
pub mod caller;
pub mod calling;
pub mod client_configuration;
pub mod client_fields;
pub mod client_layers;
pub mod clients;
pub mod configuration;
mod confirmation;
pub mod contact_counts;
pub mod contacts;
pub mod copies;
pub mod cursor;
pub mod dashboard;
pub mod deployments;
pub mod diagnosis;
pub mod error;
mod failures;
pub mod files;
pub mod firmware;
pub mod fleet_pictures;
pub mod generate;
pub mod groups;
pub mod health;
pub mod idempotency;
pub mod job_list;
pub mod jobs;
pub mod layers;
pub mod live;
mod lock_out;
pub mod models;
pub mod notifications;
pub mod onboarding;
pub mod own_account;
mod paging;
pub mod parameters;
pub mod password;
pub mod plans;
pub mod prepared;
pub mod revision;
pub mod scans;
pub mod second_factor;
mod secret_text;
pub mod selection;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod step_up;
pub mod storage_providers;
pub mod tasks;
pub mod templates;
pub mod token_pair;
pub mod tokens;
pub mod watch;

pub use caller::Caller;
pub use error::{AppError, AppResult};
pub use revision::Expected;
