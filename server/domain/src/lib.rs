//! The product's rules: clients, models, items, roles, passwords, settings.
//!
//! Pure code: no HTTP, no SQL, no clock, no randomness, no I/O. Time is an argument. It compiles for the
//! browser too, so that the console validates with the same code as the server.

pub mod calling;
pub mod catalogue;
pub mod client;
pub mod configuration;
pub mod contact;
pub mod deployment;
pub mod device_id;
pub mod expand;
pub mod file;
pub mod group_filter;
pub mod id;
pub mod item;
pub mod job;
pub mod layers;
pub mod model;
pub mod network;
pub mod notification;
pub mod password;
pub mod role;
pub mod scan;
pub mod second_factor;
pub mod secret;
pub mod setting;
pub mod software;
pub mod starter;
pub mod template_file;
mod words;

pub use device_id::DeviceId;
pub use id::{
    AccountId, AuditId, ClientId, DiffId, FileId, GroupId, JobId, NotificationId, PlanId, ProviderId, ScanId,
    SessionId, TargetId, TemplateId, TokenId, UploadId,
};
pub use role::{Permission, Role, RoleSet};
pub use secret::Secret;
