//! A file that is sent whole, in one request (OSEM §9.3).

use api::file::FileView;
use bytes::Bytes;
use domain::ProviderId;
use domain::file::{FileType, check_name, clean_name};
use futures_util::Stream;
use sha2::{Digest, Sha256};

use super::staging::{self, Staged};
use super::take::{Arrival, take};
use super::uploads::{checksum, largest, name_error};
use super::{BUILT_IN, room, takes};
use crate::App;
use crate::app::caller::Caller;
use crate::app::idempotency::{Created, IdempotencyKey};
use crate::app::{AppError, AppResult};

/// What stands before the file in the request.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// Name of the file; of a path the last part counts.
    pub name: String,
    /// What it is for.
    pub file_type: Option<FileType>,
    /// Where it is to be kept; the built-in provider when absent.
    pub provider: Option<ProviderId>,
    /// SHA-256 it must have.
    pub sha256: Option<String>,
    /// Bytes that were announced, of everything that is sent.
    pub announced: Option<u64>,
    /// The header `Idempotency-Key`.
    pub key: Option<String>,
}

/// Room for what stands around the file in a request, when only the length of all of it is known.
const AROUND: u64 = 64 * 1024;

/// Takes a file that is sent whole. Nothing is left behind when it is not taken.
///
/// # Errors
/// `invalid_fields`, `file_too_large`, `checksum_mismatch`, `file_not_usable`, `storage_full`, `provider_failed`,
/// `idempotency_key_reused`; errors of the stream.
pub async fn upload(
    app: &App,
    caller: &Caller,
    said: Whole,
    bytes: impl Stream<Item = AppResult<Bytes>>,
) -> AppResult<Created<FileView>> {
    let name = clean_name(&said.name);
    check_name(&name).map_err(|fault| AppError::field(name_error("/file", fault)))?;
    let sha256 = said.sha256.as_deref().map(|text| checksum("/sha256", text)).transpose();
    let sha256 = sha256.map_err(AppError::field)?;
    let most = largest(app);
    if said.announced.is_some_and(|length| length > most.saturating_add(AROUND)) {
        return Err(staging::too_large(most));
    }
    let provider = said.provider.unwrap_or(BUILT_IN);
    // Without a length it may be as large as files may be.
    let expected = said.announced.unwrap_or(most);
    let _counted = app.uploads.whole.count(expected);
    room::require_quota(app, &app.store, 0).await?;
    room::require_free(app, 0).await?;
    takes::require(app, provider, sha256.as_deref()).await?;
    let mut staged = Staged::new(app).await?;
    let size = staged.append(bytes, most).await?;
    if size == 0 {
        let text = "must not be empty";
        return Err(AppError::field(api::FieldError::new("/file", api::field::MISSING, text)));
    }
    let path = staged.path().to_owned();
    let arrival = Arrival {
        path: &path,
        size,
        name,
        file_type: said.file_type,
        provider,
        sha256,
        origin: "upload",
        upload: None,
    };
    let seen = arrival.inspect().await?;
    // The request itself is not kept; what it means is what must be the same the next time.
    let key = said.key.map(|key| {
        let file_type = said.file_type.map_or("", FileType::as_str);
        let mut digest = Sha256::new();
        for part in ["files", &arrival.name, file_type, &provider.to_string(), &seen.sha256] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        IdempotencyKey { key, request_digest: digest.finalize().to_vec() }
    });
    take(app, caller, &arrival, seen, key.as_ref()).await
}
