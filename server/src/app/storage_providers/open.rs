//! How a storage provider is reached by whoever needs its files: its secret is opened here and nowhere else.

use api::Code;
use domain::setting::SettingKey;
use domain::{ProviderId, Secret};

use super::super::error::{AppError, AppResult};
use crate::App;
use crate::storage::{self, Manners, Site, Storage, StorageError};
use crate::store::Source;
use crate::store::storage_providers::{self as rows, Provider};

/// Where the secret of a provider is sealed: it opens for no other one.
pub(super) fn place(id: ProviderId) -> String {
    format!("storage-provider:{id}:secret")
}

/// Where the password of its FTP server is sealed.
pub(super) fn ftp_place(id: ProviderId) -> String {
    format!("storage-provider:{id}:ftp-secret")
}

/// The password phones need at the FTP server of a provider, if they need one. It belongs into an order and nowhere
/// else.
///
/// # Errors
/// When it cannot be opened.
pub fn ftp_secret(app: &App, provider: &Provider) -> AppResult<Option<Secret>> {
    let sealed = provider.ftp_secret.as_deref();
    Ok(sealed.map(|sealed| app.vault.open(&ftp_place(provider.id), sealed)).transpose()?)
}

/// A provider, ready to be asked. Connects to nobody.
///
/// # Errors
/// `not_found`, `provider_failed` when its address is refused, and when its secret cannot be opened.
pub async fn open(app: &App, on: &impl Source, id: ProviderId) -> AppResult<(Provider, Storage)> {
    let provider = rows::by_id(on, id).await?.ok_or_else(AppError::not_found)?;
    let storage = stored(app, &provider)?.map_err(|error| failed(&error, &provider.name))?;
    Ok((provider, storage))
}

/// A stored provider, ready to be asked. Connects to nobody.
///
/// # Errors
/// When its secret cannot be opened. Inside: when its address is refused.
pub fn stored(app: &App, provider: &Provider) -> AppResult<Result<Storage, StorageError>> {
    let sealed = provider.secret.as_deref();
    let secret = sealed.map(|sealed| app.vault.open(&place(provider.id), sealed)).transpose()?;
    Ok(with_secret(app, provider, secret))
}

/// A provider with its secret in clear.
pub(super) fn with_secret(
    app: &App,
    provider: &Provider,
    secret: Option<Secret>,
) -> Result<Storage, StorageError> {
    let site = Site {
        kind: provider.kind,
        url: provider.url.clone(),
        username: provider.username.clone(),
        secret,
        bucket: provider.bucket.clone(),
        region: provider.region.clone(),
        path_style: provider.path_style,
        listing: provider.listing,
    };
    storage::open(&site, &manners(app), &app.places)
}

fn manners(app: &App) -> Manners {
    let settings = &app.settings;
    let validate = settings.bool(SettingKey::StorageValidation);
    Manners::new(validate, settings.networks(SettingKey::StorageAllowedNetworks))
}

/// A provider did not do what it was asked to.
pub fn failed(error: &StorageError, name: &str) -> AppError {
    let (code, text) = match error.code() {
        "full" => (Code::StorageFull, "No room is left where files are kept."),
        _ => (Code::ProviderFailed, "The storage provider did not do what was asked of it."),
    };
    AppError::new(code, text).arg("provider", name).arg("error", error.code())
}
