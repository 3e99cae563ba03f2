//! Whether another storage provider takes files: asked before anybody sends one there, not after its last byte. Web
//! servers do not tell in any way that can be relied on (many that answer OPTIONS answer for methods they refuse, and
//! nginx answers none), so a small object is put where an upload would put its own, and taken away again.

use std::time::Duration;

use domain::ProviderId;
use domain::file::ProviderKind;
use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use super::staging::Staged;
use super::take::there_already;
use super::{BUILT_IN, objects};
use crate::App;
use crate::app::{AppResult, storage_providers};
use crate::status::causes;
use crate::storage::{Fault, Provider as _, Storage, StorageError};
use crate::store::storage_providers::{self as rows, Provider};

/// What is put there.
const TRIED: &[u8] = b"Workpoint tries whether files are taken here. This one can be deleted.\n";

/// Longest time for it: somebody waits to send a file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Refuses to begin what could never end at this provider. Content that is there already needs nothing to be taken; what
/// fails for another reason may be right again by the time the file has arrived.
///
/// # Errors
/// `provider_failed` with `read-only` or `forbidden`.
pub(super) async fn require(app: &App, id: ProviderId, sha256: Option<&str>) -> AppResult<()> {
    if id == BUILT_IN {
        return Ok(());
    }
    let Some(provider) = rows::by_id(&app.store, id).await? else { return Ok(()) };
    let fault = match provider.takes_files {
        Some(true) => return Ok(()),
        Some(false) => Some(Fault::ReadOnly),
        // Buckets take what their credentials may put there: the first file shows it.
        None if provider.kind != ProviderKind::Https => return Ok(()),
        None => found_out(app, &provider).await?,
    };
    let Some(fault) = fault else { return Ok(()) };
    if let Some(sha256) = sha256
        && there_already(&app.store, id, sha256).await?.is_some()
    {
        return Ok(());
    }
    Err(storage_providers::failed(&fault.into(), &provider.name))
}

/// Tries it, and notes what came of it; gives what surely refuses files too.
async fn found_out(app: &App, provider: &Provider) -> AppResult<Option<Fault>> {
    let Ok(storage) = storage_providers::stored(app, provider)? else { return Ok(None) };
    let Some(prefix) = objects::own_prefix(app, provider) else { return Ok(None) };
    let key = format!("{prefix}try-{}.txt", hex::encode(app.entropy.bytes::<8>()?));
    let mut staged = Staged::new(app).await?;
    let size = TRIED.len() as u64;
    staged.append(stream::once(async { Ok(TRIED.into()) }).boxed(), size).await?;
    let writing = timeout(PATIENCE, storage.write(&key, staged.path(), size));
    let written = writing.await.unwrap_or_else(|_| Err(Fault::TimedOut.into())).map(drop);
    if written.is_ok() {
        take_away(&storage, &key, &provider.name).await;
    }
    note(app, provider, written.as_ref().copied()).await;
    let fault = written.err().map(|error| error.fault());
    Ok(fault.filter(|fault| matches!(fault, Fault::ReadOnly | Fault::Forbidden)))
}

async fn take_away(storage: &Storage, key: &str, name: &str) {
    let deleted = timeout(PATIENCE, storage.delete(key)).await;
    if let Err(error) = deleted.unwrap_or_else(|_| Err(Fault::TimedOut.into())) {
        // A scan of the provider takes it away one day.
        tracing::warn!(
            provider = name,
            key,
            error = causes(&error),
            "what was tried at a storage provider stays there"
        );
    }
}

/// Notes what putting a file there says of the provider, as far as it is news. Not to be called with a transaction open.
pub(super) async fn note(app: &App, provider: &Provider, written: Result<(), &StorageError>) {
    let takes = match written {
        Ok(()) => true,
        Err(error) if error.fault() == Fault::ReadOnly => false,
        Err(_) => return,
    };
    if provider.takes_files == Some(takes) {
        return;
    }
    if let Err(error) =
        storage_providers::note_takes_files(app, provider.id, provider.revision, Some(takes)).await
    {
        let name = &provider.name;
        tracing::warn!(
            provider = name,
            error = causes(&error),
            "whether it takes files was not written down"
        );
    }
}
