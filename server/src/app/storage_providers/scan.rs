//! Scans of storage providers for files: begun by people and every night, stopped by people (OSEM §10.3). Nodes work on
//! them in [`super::run`].

use api::storage_provider::ProviderView;
use domain::ProviderId;
use domain::file::ProviderScanState;
use serde_json::json;

use super::super::caller::Caller;
use super::super::error::{AppError, AppResult};
use super::{fields, find, write_audit};
use crate::App;
use crate::events::{Change, Resource};
use crate::store::storage_providers as rows;
use crate::store::{StoreResult, provider_scans};

/// Starts a scan; one that runs already goes on, and is what is asked for. Nothing has been read when this answers.
///
/// # Errors
/// `not_found`, `provider_built_in`.
pub async fn start(app: &App, caller: &Caller, id: ProviderId) -> AppResult<ProviderView> {
    let tx = app.store.begin().await?;
    let provider = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    fields::require_outside(provider.kind)?;
    if provider_scans::start(&tx, id, app.clock.now()).await? {
        write_audit(app, &tx, caller, "storage-provider.scan", id, json!({})).await?;
    }
    tx.commit().await?;
    app.file_server.ask_again();
    app.events.publish(Resource::StorageProviders, Change::Updated, id);
    find(app, id).await
}

/// Stops a scan: within a second nothing is read any more. What was found stays. One that is over stays as it is.
///
/// # Errors
/// `not_found`, `provider_built_in`.
pub async fn stop(app: &App, caller: &Caller, id: ProviderId) -> AppResult<ProviderView> {
    let tx = app.store.begin().await?;
    let provider = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    fields::require_outside(provider.kind)?;
    if provider_scans::end(&tx, id, None, ProviderScanState::Stopped, app.clock.now()).await? {
        let details = json!({ "seen": provider.scan.progress.seen });
        write_audit(app, &tx, caller, "storage-provider.scan-stop", id, details).await?;
    }
    tx.commit().await?;
    app.events.publish(Resource::StorageProviders, Change::Updated, id);
    find(app, id).await
}

/// Starts a scan of every provider but the built-in one; a background task every night. Gives how many began.
///
/// # Errors
/// When the database refuses.
pub async fn start_all(app: &App) -> StoreResult<u64> {
    let tx = app.store.begin().await?;
    let started = provider_scans::start_all(&tx, app.clock.now()).await?;
    tx.commit().await?;
    for id in &started {
        app.events.publish(Resource::StorageProviders, Change::Updated, id);
    }
    Ok(started.len() as u64)
}
