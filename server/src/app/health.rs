//! Whether this node can work.

use std::time::Duration;

use super::error::{AppError, AppResult};
use crate::App;

/// A database that takes longer is not ready.
const PATIENCE: Duration = Duration::from_secs(3);
/// When asking again is worth it.
const RETRY: Duration = Duration::from_secs(5);

/// Answers when every port is open and the database answers.
///
/// # Errors
/// `unavailable`.
pub async fn ready(app: &App) -> AppResult<()> {
    if !app.phones.is_listening() {
        return Err(AppError::unavailable("The server is starting or stopping.", RETRY));
    }
    let not_ready = || AppError::unavailable("The database does not answer.", RETRY);
    match tokio::time::timeout(PATIENCE, app.store.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "not ready");
            Err(not_ready())
        }
        Err(_) => Err(not_ready()),
    }
}
