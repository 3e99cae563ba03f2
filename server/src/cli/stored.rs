//! Settings for verbs that run beside the server, or before its first start: those in the database when there is
//! one, else those of file and environment.

use super::causes;
use crate::config::Config;
use crate::settings::Settings;
use crate::store::Store;

/// Whether there is a database to open; a file that is not there is not made.
pub(super) async fn database_exists(config: &Config) -> bool {
    let url = config.store_options().url;
    let Some(path) = url.strip_prefix("sqlite://") else { return true };
    let path = path.split('?').next().unwrap_or_default();
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

/// The settings of the installation.
///
/// # Errors
/// When there is a database that cannot be asked, in words.
pub(super) async fn settings(config: &Config) -> Result<Settings, String> {
    if !database_exists(config).await {
        return Ok(Settings::fixed(config.overrides.clone()));
    }
    let store = Store::open(&config.store_options()).await.map_err(|error| causes(&error))?;
    let settings = Settings::load(&store, config.overrides.clone()).await;
    store.close().await;
    settings.map_err(|error| causes(&error))
}
