//! Whether a phone that is sent for a file now would get it: asked before it is offered, so that an outage on our side, or
//! at a storage provider, is no phone's failure.
//!
//! Who was found to be failing is tried by this server, one file at a time, and by no phone. Where phones fetch from an
//! FTP server of the site, nobody here knows how that one does.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use domain::ProviderId;
use domain::file::{ProviderHealth, ProviderKind, Serving};

use super::copies::{Asker, Look, Wanted};
use super::source;
use super::way::may_be_elsewhere;
use crate::App;
use crate::app::storage_providers;
use crate::status::causes;
use crate::storage::Provider as _;
use crate::store::files::File;
use crate::store::storage_providers::{self as rows, Provider};
use crate::store::{Source, StoreResult};

/// The server cannot get the file from its provider at present.
pub const FILE_UNREACHABLE: &str = "file-unreachable";

/// The server fetches others from the file's provider first.
pub const FILE_ON_ITS_WAY: &str = "file-on-its-way";

/// Providers that are being tried because they were found to be failing.
#[derive(Default)]
pub(super) struct Probes(Mutex<HashSet<ProviderId>>);

impl Probes {
    fn begin(&self, provider: ProviderId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(provider)
    }

    fn end(&self, provider: ProviderId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&provider);
    }
}

/// Whether a phone that is to call the file `name` may be sent for it now, as far as this node can tell.
///
/// # Errors
/// When the database cannot be asked. Inside: why not.
pub async fn outlook(
    app: &App,
    on: &impl Source,
    file: &File,
    name: &str,
) -> StoreResult<Result<(), &'static str>> {
    if file.provider_kind == ProviderKind::BuiltIn {
        return Ok(Ok(()));
    }
    let Some(provider) = rows::by_id(on, file.provider).await? else { return Ok(Ok(())) };
    let serving = if may_be_elsewhere(file, name) { provider.serving } else { Serving::Server };
    let is_bad = provider.health == ProviderHealth::Bad;
    Ok(match serving {
        Serving::Ftp => Ok(()),
        Serving::Provider if is_bad => {
            probe(app, file, provider);
            Err(FILE_UNREACHABLE)
        }
        Serving::Provider => Ok(()),
        Serving::Server => {
            let verdict = judge(app.file_server.copies.look(&Wanted::of(file)), is_bad);
            if verdict.fetch {
                fetch(app, file);
            }
            verdict.outlook
        }
    })
}

/// What follows from a look at a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    /// Whether a phone may be sent for it.
    outlook: Result<(), &'static str>,
    /// Whether it is fetched without one.
    fetch: bool,
}

fn judge(look: Look, provider_is_bad: bool) -> Verdict {
    let doubtful = provider_is_bad || look.failed;
    let outlook = match (look.readable, doubtful, look.crowded) {
        (true, _, _) | (_, false, false) => Ok(()),
        (_, true, _) => Err(FILE_UNREACHABLE),
        (_, _, true) => Err(FILE_ON_ITS_WAY),
    };
    // One at a time finds out whether the provider is there again.
    let may_try = !(look.fetching || provider_is_bad && look.others);
    Verdict { outlook, fetch: outlook.is_err() && may_try }
}

/// Begins a copy that no phone has asked for yet.
fn fetch(app: &App, file: &File) {
    let (app, file) = (app.clone(), file.clone());
    tokio::spawn(async move {
        // It is reported where it fails.
        if let Err(error) = source::copy(&app, &file, Asker::Phone).await {
            tracing::debug!(error = causes(&error), "a file is not to be had yet");
        }
    });
}

/// Asks a provider that phones fetch from for the first byte of a file.
fn probe(app: &App, file: &File, provider: Provider) {
    if !app.file_server.probes.begin(provider.id) {
        return;
    }
    let (app, key) = (app.clone(), file.object_key.clone());
    tokio::spawn(async move {
        let read = match storage_providers::stored(&app, &provider) {
            Ok(Ok(storage)) => storage.read(&key, Some(0..1), None).await.map(|_| ()),
            Ok(Err(error)) => Err(error),
            Err(error) => {
                tracing::debug!(error = causes(&error), "a storage provider cannot be opened");
                app.file_server.probes.end(provider.id);
                return;
            }
        };
        let revision = Some(provider.revision);
        storage_providers::note_health(&app, provider.id, revision, read.as_ref().copied()).await;
        app.file_server.probes.end(provider.id);
    });
}

#[cfg(test)]
mod tests {
    use super::{FILE_ON_ITS_WAY, FILE_UNREACHABLE, Look, Verdict, judge};

    const NOTHING: Look =
        Look { readable: false, fetching: false, crowded: false, failed: false, others: false };

    #[test]
    fn a_phone_is_sent_for_what_it_would_get() {
        let table = [
            (NOTHING, false, Ok(()), false),
            (Look { fetching: true, ..NOTHING }, false, Ok(()), false),
            // Whoever has a copy needs no provider.
            (Look { readable: true, failed: true, crowded: true, ..NOTHING }, true, Ok(()), false),
            (NOTHING, true, Err(FILE_UNREACHABLE), true),
            (Look { fetching: true, ..NOTHING }, true, Err(FILE_UNREACHABLE), false),
            // One tries.
            (Look { others: true, ..NOTHING }, true, Err(FILE_UNREACHABLE), false),
            (Look { failed: true, ..NOTHING }, false, Err(FILE_UNREACHABLE), true),
            (Look { failed: true, others: true, ..NOTHING }, false, Err(FILE_UNREACHABLE), true),
            (Look { crowded: true, others: true, ..NOTHING }, false, Err(FILE_ON_ITS_WAY), true),
            (
                Look { crowded: true, others: true, fetching: true, ..NOTHING },
                false,
                Err(FILE_ON_ITS_WAY),
                false,
            ),
        ];
        for (look, bad, outlook, fetch) in table {
            assert_eq!(judge(look, bad), Verdict { outlook, fetch }, "{look:?} {bad}");
        }
    }
}
