//! Whether storage providers do what they should: tried when somebody asks, looked at every five minutes, and noted
//! by whoever meets an error.

use std::time::Duration;

use api::configuration::{Reason, ReasonArgs};
use api::storage_provider::{NewProvider, ProviderChecked};
use domain::ProviderId;
use domain::file::ProviderHealth;
use domain::notification::NotificationCode;
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::timeout;

use super::super::caller::Caller;
use super::super::deployments::unserved;
use super::super::error::{AppError, AppResult};
use super::{fields, open};
use crate::App;
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::storage::{Checked, Fault, Provider as _, Storage, StorageError};
use crate::store::notifications::{self, Raise};
use crate::store::storage_providers::{self as rows, Provider};
use crate::store::{StoreError, StoreResult};

/// Longest time for trying a provider.
const PATIENCE: Duration = Duration::from_secs(20);

/// Providers tried at the same time.
const AT_ONCE: usize = 8;

/// What is so already is written down again after this time.
const NEWS: SignedDuration = SignedDuration::from_mins(1);

/// A provider that turns bad again within this time is not told again.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

async fn tried(storage: Result<Storage, StorageError>) -> Result<Checked, StorageError> {
    let storage = storage?;
    timeout(PATIENCE, storage.check()).await.unwrap_or_else(|_| Err(Fault::TimedOut.into()))
}

fn view(result: &Result<Checked, StorageError>) -> ProviderChecked {
    let reason = |error: &StorageError| Reason { code: error.code().to_owned(), args: ReasonArgs::new() };
    ProviderChecked {
        health: if result.is_ok() { ProviderHealth::Good } else { ProviderHealth::Bad },
        error: result.as_ref().err().map(reason),
        listing: result.as_ref().ok().and_then(|checked| checked.listing),
        objects: result.as_ref().ok().map(|checked| checked.objects),
    }
}

/// Tries a provider that is not stored. Nothing is kept of it.
///
/// # Errors
/// `invalid_fields`.
pub async fn try_new(app: &App, caller: &Caller, mut new: NewProvider) -> AppResult<ProviderChecked> {
    if new.name.trim().is_empty() {
        // Whoever tries an address first may choose the name later.
        "?".clone_into(&mut new.name);
    }
    let (provider, secrets) = fields::new(app, caller, new)?;
    let result = tried(open::with_secret(app, &provider, secrets.own)).await;
    if let Err(error) = &result {
        tracing::info!(url = provider.url, error = causes(error), "a storage provider was tried and failed");
    }
    Ok(view(&result))
}

/// Tries a provider, and notes how it did.
///
/// # Errors
/// `not_found`, and when its secret cannot be opened.
pub async fn try_stored(app: &App, id: ProviderId) -> AppResult<ProviderChecked> {
    let provider = rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let result = tried(open::stored(app, &provider)?).await;
    // Before those are told that wait for it.
    app.file_server.ask_again();
    note(app, id, Some(provider.revision), result.as_ref().map(|_| ())).await?;
    if provider.takes_files == Some(false) {
        // Somebody looks after it: it may take files by now, which the next upload finds out.
        note_takes_files(app, id, provider.revision, None).await?;
    }
    if result.is_ok() {
        unserved::look_again(app).await?;
    }
    Ok(view(&result))
}

/// Notes how a provider did for somebody who needed it. Errors that say something of one object only, or of what was
/// asked, leave its health as it is; so does what another revision of it did than the one there is now, where that is
/// known. Not to be called with a transaction open.
pub async fn note_health(
    app: &App,
    id: ProviderId,
    revision: Option<i64>,
    result: Result<(), &StorageError>,
) {
    if result.is_err_and(|error| !error.fault().is_of_the_provider()) {
        return;
    }
    if let Err(error) = note(app, id, revision, result).await {
        tracing::warn!(error = causes(&error), "how a storage provider does was not written down");
    }
}

/// Writes down how a provider did, and tells administrators when one that has files turns bad. What an earlier revision
/// of it did says nothing of what it is now.
pub(super) async fn note(
    app: &App,
    id: ProviderId,
    revision: Option<i64>,
    result: Result<(), &StorageError>,
) -> StoreResult<()> {
    let at = app.clock.now();
    let Some(before) = rows::by_id(&app.store, id).await? else { return Ok(()) };
    let revision = revision.unwrap_or(before.revision);
    if revision != before.revision {
        return Ok(());
    }
    let failure = result.err().map(|error| (error.code().to_owned(), ReasonArgs::new()));
    let health = if failure.is_none() { ProviderHealth::Good } else { ProviderHealth::Bad };
    let is_news = before.health != health || before.error != failure;
    let is_fresh = before.checked_at.is_some_and(|checked| at.duration_since(checked) < NEWS);
    if !is_news && is_fresh {
        return Ok(());
    }
    if is_news && let Err(error) = result {
        tracing::warn!(provider = before.name, error = causes(error), "a storage provider failed");
    }
    let turned_good = before.health == ProviderHealth::Bad && health == ProviderHealth::Good;
    let turned_bad = is_news && health == ProviderHealth::Bad && before.health != ProviderHealth::Bad;
    let has_files = turned_bad && rows::figures(&app.store).await?.contains_key(&id);
    let tx = app.store.begin().await?;
    if !rows::set_health(&tx, id, revision, health, failure.as_ref(), Some(at)).await? {
        return Ok(());
    }
    let mut told = false;
    if let Some((code, _)) = failure.as_ref().filter(|_| has_files) {
        let args = json!({ "provider": before.name, "error": code });
        let raise = Raise {
            at,
            code: NotificationCode::StorageProviderFailed.as_str(),
            args: &args,
            client: None,
            subject: &id.to_string(),
            quiet: QUIET,
        };
        told = notifications::raise(&tx, &raise).await?.is_some();
    }
    tx.commit().await?;
    app.events.publish(Resource::StorageProviders, Change::Updated, id);
    if told {
        app.events.publish(Resource::Notifications, Change::Created, "");
    }
    if turned_good && let Err(error) = unserved::look_again(app).await {
        // They are looked at after a while in any case.
        tracing::info!(error = causes(&error), "what waits for a storage provider was not told of it");
    }
    Ok(())
}

/// Notes whether a provider of some revision takes files; `None` when that is to be found out anew.
///
/// # Errors
/// When the database refuses.
pub async fn note_takes_files(
    app: &App,
    id: ProviderId,
    revision: i64,
    takes: Option<bool>,
) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    let noted = rows::set_takes_files(&tx, id, revision, takes).await?;
    tx.commit().await?;
    if noted {
        app.events.publish(Resource::StorageProviders, Change::Updated, id);
    }
    Ok(())
}

/// Tries all providers; a background task every five minutes. Gives their number.
///
/// # Errors
/// When the database refuses.
pub async fn look(app: &App) -> StoreResult<u64> {
    let providers = rows::all(&app.store).await?;
    let number = providers.len() as u64;
    let mut looks = stream::iter(providers).map(|provider| look_at(app, provider)).buffer_unordered(AT_ONCE);
    let mut refused: Option<StoreError> = None;
    while let Some(done) = looks.next().await {
        refused = refused.or(done.err());
    }
    refused.map_or(Ok(number), Err)
}

async fn look_at(app: &App, provider: Provider) -> StoreResult<()> {
    let storage = match open::stored(app, &provider) {
        Ok(storage) => storage,
        Err(error) => {
            tracing::error!(
                provider = provider.name,
                error = causes(&error),
                "the secret of a storage provider cannot be opened"
            );
            return Ok(());
        }
    };
    let result = tried(storage).await;
    note(app, provider.id, Some(provider.revision), result.as_ref().map(|_| ())).await
}
