//! `/storage-providers`: where files are kept (OSEM §10).

use api::Page;
use api::header::{IdempotencyKey, IfMatch};
use api::storage_provider::{
    ChangeProvider, DeleteProviders, NewProvider, ProviderChecked, ProviderExportQuery, ProviderQuery,
    ProviderView, ProvidersDeleted,
};
use axum::Json as Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use domain::{Permission, ProviderId};
use http::StatusCode;

use super::answer::{Answer, created, gone, plain, tagged};
use super::export;
use super::extract::{Create, Id, Json, NoParameters, Query};
use crate::App;
use crate::app::storage_providers::{self, check, scan};
use crate::app::{AppResult, Caller, Expected};

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "kind",
    "url",
    "username",
    "has_secret",
    "bucket",
    "region",
    "path_style",
    "listing",
    "serving",
    "ftp_url",
    "ftp_username",
    "has_ftp_secret",
    "health",
    "checked_at",
    "error",
    "files",
    "bytes",
    "scan",
    "created_at",
    "updated_at",
    "updated_by",
    "revision",
];

/// List storage providers.
#[utoipa::path(get, path = "/storage-providers", tag = "storage providers", params(ProviderQuery),
    responses((status = 200, description = "Storage providers", body = Page<ProviderView>)))]
pub(crate) async fn list_storage_providers(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ProviderQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&storage_providers::list(&app, &query?.0).await?))
}

/// Export storage providers. Secrets are not in it.
#[utoipa::path(get, path = "/storage-providers/export", tag = "storage providers", params(ProviderExportQuery),
    responses((status = 200, description = "Storage providers", content(
        (Vec<ProviderView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_storage_providers(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<ProviderExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    let query = query?.0;
    let format = query.format.unwrap_or_default();
    let rows = storage_providers::export(&app, &query.into()).await?;
    Ok(export::answer("storage-providers", format, COLUMNS, rows))
}

/// Add a storage provider. It is not tried: `POST /storage-providers/check` does that.
#[utoipa::path(post, path = "/storage-providers", tag = "storage providers", params(IdempotencyKey),
    request_body = NewProvider, responses((status = 201, description = "Added", body = ProviderView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_storage_provider(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewProvider>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    let Create { body, key } = request?;
    let made = storage_providers::create(&app, &caller, body, key.as_ref()).await?;
    let location = format!("/api/v1/storage-providers/{}", made.value.id);
    Ok(created(&made, &location, Some(made.value.revision)))
}

/// Try a storage provider that is not stored: signs in there and reads the beginning of its list. Nothing is kept.
#[utoipa::path(post, path = "/storage-providers/check", tag = "storage providers", request_body = NewProvider,
    responses((status = 200, description = "What it came to", body = ProviderChecked)))]
pub(crate) async fn try_storage_provider(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<NewProvider>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    Ok(plain(&check::try_new(&app, &caller, body?.0).await?))
}

/// Get a storage provider.
#[utoipa::path(get, path = "/storage-providers/{id}", tag = "storage providers",
    params(("id" = i64, Path, description = "Storage provider")),
    responses((status = 200, description = "The storage provider", body = ProviderView,
        headers(("ETag" = String)))))]
pub(crate) async fn get_storage_provider(
    State(app): State<App>,
    caller: Caller,
    id: Id<ProviderId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let provider = storage_providers::find(&app, id.0).await?;
    Ok(tagged(provider.revision, &provider))
}

/// Change a storage provider; absent fields stay. Another host, port or scheme needs the secret anew.
#[utoipa::path(patch, path = "/storage-providers/{id}", tag = "storage providers",
    params(("id" = i64, Path, description = "Storage provider"), IfMatch), request_body = ChangeProvider,
    responses((status = 200, description = "Changed", body = ProviderView, headers(("ETag" = String)))))]
pub(crate) async fn update_storage_provider(
    State(app): State<App>,
    caller: Caller,
    id: Id<ProviderId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeProvider>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    let provider = storage_providers::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(provider.revision, &provider))
}

/// Delete a storage provider with the files that are known of it. Its objects stay where they are.
#[utoipa::path(delete, path = "/storage-providers/{id}", tag = "storage providers",
    params(("id" = i64, Path, description = "Storage provider"), IfMatch),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_storage_provider(
    State(app): State<App>,
    caller: Caller,
    id: Id<ProviderId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    storage_providers::delete(&app, &caller, id.0, &expected).await?;
    Ok(gone())
}

/// Delete several storage providers. Those whose files are needed stay, and so does the built-in one.
#[utoipa::path(post, path = "/storage-providers/delete", tag = "storage providers", request_body = DeleteProviders,
    responses((status = 200, description = "What became of it", body = ProvidersDeleted)))]
pub(crate) async fn delete_storage_providers(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<DeleteProviders>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    Ok(plain(&storage_providers::delete_many(&app, &caller, &body?.0).await?))
}

/// Try a storage provider: signs in there and reads the beginning of its list. How it did is noted.
#[utoipa::path(post, path = "/storage-providers/{id}/check", tag = "storage providers",
    params(("id" = i64, Path, description = "Storage provider")),
    responses((status = 200, description = "What it came to", body = ProviderChecked)))]
pub(crate) async fn check_storage_provider(
    State(app): State<App>,
    caller: Caller,
    id: Id<ProviderId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    Ok(plain(&check::try_stored(&app, id.0).await?))
}

/// Start a scan of a storage provider for files. One that runs already goes on. Nothing has been read when this answers.
#[utoipa::path(post, path = "/storage-providers/{id}/scan", tag = "storage providers",
    params(("id" = i64, Path, description = "Storage provider")),
    responses((status = 202, description = "Started", body = ProviderView)))]
pub(crate) async fn scan_storage_provider(
    State(app): State<App>,
    caller: Caller,
    id: Id<ProviderId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    let provider = scan::start(&app, &caller, id.0).await?;
    Ok((StatusCode::ACCEPTED, Body(provider)).into_response())
}

/// Stop a scan of a storage provider. What it has found stays; one that is over stays as it is.
#[utoipa::path(post, path = "/storage-providers/{id}/scan/stop", tag = "storage providers",
    params(("id" = i64, Path, description = "Storage provider")),
    responses((status = 200, description = "Stopped", body = ProviderView)))]
pub(crate) async fn stop_storage_provider_scan(
    State(app): State<App>,
    caller: Caller,
    id: Id<ProviderId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeStorage)?;
    query?;
    Ok(plain(&scan::stop(&app, &caller, id.0).await?))
}
