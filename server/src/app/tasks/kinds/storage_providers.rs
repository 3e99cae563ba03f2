//! Storage providers: all are tried every five minutes and scanned for files every night.

use super::super::TaskError;
use crate::App;
use crate::app::storage_providers::{check, scan};

/// Tries providers; gives their number.
pub(super) async fn check(app: &App) -> Result<u64, TaskError> {
    Ok(check::look(app).await?)
}

/// Starts scans; gives their number. Nodes work on them by themselves.
pub(super) async fn scan(app: &App) -> Result<u64, TaskError> {
    Ok(scan::start_all(app).await?)
}
