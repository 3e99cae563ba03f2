//! Uploads in pieces: they go on where they were after a lost connection or a restart. What has arrived says the length
//! of the file on the disk; the row says whose it is and what it is to become.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use api::file::{FileView, LARGEST_PIECE, NewUpload, UploadView};
use api::{Code, FieldError, Page, field};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::file::{LONGEST_FILE_NAME, NameFault, check_name};
use domain::setting::SettingKey;
use domain::{ProviderId, UploadId};
use futures_util::Stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::staging::{self, Sink};
use super::take::{Arrival, no_provider, take};
use super::{BUILT_IN, room, takes, view as shown};
use crate::App;
use crate::app::caller::Caller;
use crate::app::idempotency::{self, Created, IdempotencyKey};
use crate::app::{AppError, AppResult};
use crate::store::file_uploads::{self as rows, Upload};
use crate::store::files;

/// Uploads an account can have under way.
const MOST_OPEN: u64 = 100;

/// Bytes of a megabyte, as settings mean it and the console shows it.
pub(super) const MEGABYTE: u64 = 1_000_000;

/// Who may write what of this node: one piece of an upload at a time, one picture is converted at a time, and no object
/// is deleted while a file of its content is taken in at its provider.
#[derive(Debug, Default)]
pub struct Turns {
    pieces: Mutex<HashMap<UploadId, Arc<Turn>>>,
    /// For each content at a provider: shared by whoever adds a file of it, alone for whoever deletes its object. Not for
    /// the provider as a whole: who deletes would wait for a large upload to a slow one, and all others behind it.
    contents: Mutex<HashMap<ContentKey, Arc<RwLock<()>>>>,
    /// What is being sent whole.
    pub(super) whole: room::Whole,
    /// Of whoever converts a picture.
    pub(super) pictures: Arc<tokio::sync::Mutex<()>>,
}

/// A content at a provider, by the beginning of its hash.
type ContentKey = (ProviderId, String);

#[derive(Debug, Default)]
struct Turn {
    busy: Arc<tokio::sync::Mutex<()>>,
    /// Ends the piece of whoever came last, once somebody else comes.
    last: Mutex<CancellationToken>,
}

/// A turn at an upload. Who comes next ends it: a sender who lost the connection must not wait for the time-out of the
/// piece that never ended.
#[derive(Debug)]
struct Held<'a> {
    turns: &'a Turns,
    id: UploadId,
    _busy: tokio::sync::OwnedMutexGuard<()>,
    given_up: CancellationToken,
}

impl Turns {
    async fn take(&self, id: UploadId) -> Held<'_> {
        let turn = {
            let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pieces.entry(id).or_default())
        };
        let given_up = CancellationToken::new();
        let before = {
            let mut last = turn.last.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *last, given_up.clone())
        };
        before.cancel();
        let busy = Arc::clone(&turn.busy).lock_owned().await;
        Held { turns: self, id, _busy: busy, given_up }
    }

    fn of_content(&self, provider: ProviderId, content: &str) -> Arc<RwLock<()>> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody has are made again when they are needed.
        contents.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(contents.entry((provider, content.to_owned())).or_default())
    }

    /// Keeps the object of a content from being deleted by this node while a file of it is added to its provider.
    /// `content` is what [`objects::content_of`](super::objects::content_of) gives for its key.
    pub(super) async fn adding(&self, provider: ProviderId, content: &str) -> OwnedRwLockReadGuard<()> {
        self.of_content(provider, content).read_owned().await
    }

    /// Keeps files of a content from being added to a provider by this node while their object is deleted there.
    pub(super) async fn alone(&self, provider: ProviderId, content: &str) -> OwnedRwLockWriteGuard<()> {
        self.of_content(provider, content).write_owned().await
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut pieces = self.turns.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        // One is the map's; everybody else waits for this turn.
        if pieces.get(&self.id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            pieces.remove(&self.id);
        }
    }
}

/// Most bytes of a file.
pub(in crate::app) fn largest(app: &App) -> u64 {
    u64::try_from(app.settings.integer(SettingKey::FilesLargest)).unwrap_or(0).saturating_mul(MEGABYTE)
}

fn lifetime(app: &App) -> SignedDuration {
    SignedDuration::from_secs(app.settings.integer(SettingKey::FilesUploadLifetime))
}

/// Uploads of which nothing arrived since then have expired.
pub(super) fn live_since(app: &App) -> Timestamp {
    app.clock.now().checked_sub(lifetime(app)).unwrap_or(Timestamp::MIN)
}

/// What is wrong with the name of a file.
pub(super) fn name_error(pointer: &str, fault: NameFault) -> FieldError {
    match fault {
        NameFault::Empty => FieldError::new(pointer, field::MISSING, "must not be empty"),
        NameFault::TooLong => {
            let text = format!("has more than {LONGEST_FILE_NAME} bytes");
            FieldError::new(pointer, field::TOO_LONG, text).arg("max", LONGEST_FILE_NAME)
        }
        NameFault::Control => FieldError::new(pointer, field::CONTROL_CHARACTER, "has a control character"),
        NameFault::Forbidden(character) => not_allowed(pointer, character),
        NameFault::LeadingDot => not_allowed(pointer, '.'),
        NameFault::TrailingSpaceOrDot => {
            FieldError::new(pointer, field::INVALID, "must not end with a space or a dot")
        }
    }
}

fn not_allowed(pointer: &str, character: char) -> FieldError {
    let text = format!("has the character {character} where it cannot be");
    FieldError::new(pointer, "character_not_allowed", text).arg("character", character.to_string())
}

/// A checksum as it is compared: 64 small hexadecimal digits.
pub(super) fn checksum(pointer: &str, text: &str) -> Result<String, FieldError> {
    let text = text.trim().to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    let form = "64 hexadecimal digits";
    Err(FieldError::new(pointer, "wrong_form", format!("must be {form}")).arg("form", form))
}

/// Begins an upload.
///
/// # Errors
/// `invalid_fields`, `file_too_large`, `too_many`, `storage_full`, `idempotency_key_reused`; `provider_failed` when the
/// provider takes no files.
pub async fn begin(
    app: &App,
    caller: &Caller,
    new: NewUpload,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<UploadView>> {
    let mut faults = Vec::new();
    if let Err(fault) = check_name(&new.name) {
        faults.push(name_error("/name", fault));
    }
    if new.size == 0 {
        faults.push(FieldError::new("/size", field::OUT_OF_RANGE, "must be 1 or more").arg("min", 1));
    }
    let sha256 = new.sha256.as_deref().map(|text| checksum("/sha256", text)).transpose();
    let sha256 = sha256.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    if new.size > largest(app) {
        return Err(staging::too_large(largest(app)));
    }
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    // What nobody can go on with makes room for it.
    if rows::any_older(&app.store, live_since(app)).await? {
        forget_expired(app, MOST_OPEN).await?;
    }
    // Before the transaction: a disk of another machine may be slow to answer.
    room::require_free(app, new.size).await?;
    let provider = new.provider.unwrap_or(BUILT_IN);
    takes::require(app, provider, sha256.as_deref()).await?;
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    if !files::lock_provider(&tx, provider).await? {
        return Err(no_provider());
    }
    if rows::count_open(&tx, caller.account, live_since(app)).await? >= MOST_OPEN {
        let text = format!("There are {MOST_OPEN} uploads that have not ended.");
        return Err(AppError::new(Code::TooMany, text).arg("most", MOST_OPEN));
    }
    room::require_quota(app, &tx, new.size).await?;
    let at = app.clock.now();
    let mut upload = Upload {
        id: UploadId(0),
        token: URL_SAFE_NO_PAD.encode(app.entropy.bytes::<32>()?),
        account: caller.account,
        name: new.name,
        size: new.size,
        sha256,
        file_type: new.file_type,
        provider,
        created_at: at,
        touched_at: at,
        file: None,
    };
    upload.id = rows::insert(&tx, &upload).await?;
    let value = view(app, &upload, 0);
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    Ok(Created { value, replayed: false })
}

fn view(app: &App, upload: &Upload, received: u64) -> UploadView {
    UploadView {
        token: upload.token.clone(),
        name: upload.name.clone(),
        size: upload.size,
        received: if upload.file.is_some() { upload.size } else { received },
        expires_at: upload.touched_at.saturating_add(lifetime(app)).unwrap_or(Timestamp::MAX),
        file: upload.file,
    }
}

/// An upload of the caller's that has not expired, with where its bytes are.
async fn own(app: &App, caller: &Caller, token: &str) -> AppResult<(Upload, PathBuf)> {
    let upload = rows::by_token(&app.store, caller.account, token).await?.ok_or_else(AppError::not_found)?;
    let end = upload.touched_at.saturating_add(lifetime(app)).unwrap_or(Timestamp::MAX);
    if end < app.clock.now() {
        return Err(AppError::not_found());
    }
    let path = staging::place_of(app, upload.id);
    Ok((upload, path))
}

/// The caller's uploads that have not become files, the newest first: they can go on.
///
/// # Errors
/// When the database or the directory cannot be read.
pub async fn list(app: &App, caller: &Caller) -> AppResult<Page<UploadView>> {
    let uploads = rows::open_of(&app.store, caller.account, live_since(app)).await?;
    let mut views = Vec::with_capacity(uploads.len());
    for upload in &uploads {
        let path = staging::place_of(app, upload.id);
        views.push(view(app, upload, staging::received(&path).await?));
    }
    Ok(Page::whole(views))
}

/// How far an upload is.
///
/// # Errors
/// `not_found`, also when it is somebody else's.
pub async fn find(app: &App, caller: &Caller, token: &str) -> AppResult<UploadView> {
    let (upload, path) = own(app, caller, token).await?;
    Ok(view(app, &upload, staging::received(&path).await?))
}

fn wrong_offset(received: u64) -> AppError {
    let text = format!("The next piece begins at byte {received}.");
    AppError::new(Code::WrongOffset, text).arg("received", received)
}

/// Where a piece belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its first byte in the file.
    pub offset: u64,
    /// Its bytes, where they are announced.
    pub length: Option<u64>,
}

/// Takes the piece that begins at `place.offset`. Of one that breaks off what came is kept.
///
/// # Errors
/// `not_found`; `wrong_offset` with what is there; `body_too_large`, beyond a piece's size or the end of the file;
/// `storage_full`; errors of the stream.
pub async fn piece(
    app: &App,
    caller: &Caller,
    token: &str,
    place: Place,
    bytes: impl Stream<Item = AppResult<Bytes>> + Send + 'static,
) -> AppResult<UploadView> {
    let (app, caller, token) = (app.clone(), caller.clone(), token.to_owned());
    // Nobody waits for the answer once the connection is lost; what came by then is kept all the same.
    let taking = async move { piece_here(&app, &caller, &token, place, bytes).await };
    tokio::spawn(taking.in_current_span()).await.map_err(AppError::internal)?
}

async fn piece_here(
    app: &App,
    caller: &Caller,
    token: &str,
    Place { offset, length: announced }: Place,
    bytes: impl Stream<Item = AppResult<Bytes>>,
) -> AppResult<UploadView> {
    let (upload, path) = own(app, caller, token).await?;
    let turn = app.uploads.take(upload.id).await;
    // It may have become a file, or have been given up, while we waited.
    let (upload, _) = own(app, caller, token).await?;
    if upload.file.is_some() {
        return Err(wrong_offset(upload.size));
    }
    let mut sink = Sink::open(&path).await?;
    if sink.length() != offset {
        return Err(wrong_offset(sink.length()));
    }
    let most = LARGEST_PIECE.min(upload.size.saturating_sub(offset));
    let too_large =
        || AppError::new(Code::BodyTooLarge, "The piece is larger than allowed.").arg("limit", most);
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    room::require_free(app, announced.unwrap_or(most)).await?;
    // A piece may take its time: it keeps the upload from being forgotten while it comes.
    touch(app, upload.id).await?;
    let came = tokio::select! {
        biased;
        () = turn.given_up.cancelled() => None,
        came = sink.append(bytes, most) => Some(came),
    };
    match came {
        Some(Err(error)) if error.code() == Code::FileTooLarge => return Err(too_large()),
        Some(Err(error)) => return Err(error),
        Some(Ok(_)) => {}
        // Somebody sends the next piece already: the same sender, over a new connection.
        None => {
            sink.settle().await?;
            return Err(wrong_offset(sink.length()));
        }
    }
    let touched_at = touch(app, upload.id).await?;
    Ok(view(app, &Upload { touched_at, ..upload }, sink.length()))
}

async fn touch(app: &App, upload: UploadId) -> AppResult<Timestamp> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    rows::touch(&tx, upload, at).await?;
    tx.commit().await?;
    Ok(at)
}

/// Makes the file of an upload of which everything has arrived; the second time gives the same file. Goes on when the
/// caller does not wait for it.
///
/// # Errors
/// `not_found`; `upload_incomplete`; `checksum_mismatch`, `file_not_usable` and `invalid_fields` (the content does not go
/// with the type), after which the upload is forgotten; `storage_full`, `provider_failed`, after which it can be tried again.
pub async fn finish(app: &App, caller: &Caller, token: &str) -> AppResult<Created<FileView>> {
    let (app, caller, token) = (app.clone(), caller.clone(), token.to_owned());
    let finishing = async move { finish_here(&app, &caller, &token).await };
    tokio::spawn(finishing.in_current_span()).await.map_err(AppError::internal)?
}

/// Whether an upload can become a file never.
fn is_hopeless(error: &AppError) -> bool {
    matches!(error.code(), Code::ChecksumMismatch | Code::FileNotUsable | Code::InvalidFields)
}

async fn finish_here(app: &App, caller: &Caller, token: &str) -> AppResult<Created<FileView>> {
    let (upload, path) = own(app, caller, token).await?;
    let _turn = app.uploads.take(upload.id).await;
    let (upload, _) = own(app, caller, token).await?;
    if let Some(file) = upload.file {
        let file = super::row(&app.store, file).await?;
        return Ok(Created { value: shown::of(&app.store, file).await?, replayed: true });
    }
    // Nobody adds to it while it is read, nor clears it up.
    let sink = Sink::open(&path).await?;
    if sink.length() != upload.size {
        let text = "Not all pieces have arrived.";
        let error = AppError::new(Code::UploadIncomplete, text);
        return Err(error.arg("received", sink.length()).arg("size", upload.size));
    }
    let arrival = Arrival {
        path: &path,
        size: upload.size,
        name: upload.name.clone(),
        file_type: upload.file_type,
        provider: upload.provider,
        sha256: upload.sha256.clone(),
        origin: "upload",
        upload: Some(&upload),
    };
    let seen = match arrival.inspect().await {
        Err(error) if is_hopeless(&error) => {
            forget(app, &upload, &path).await?;
            return Err(error);
        }
        seen => seen?,
    };
    let made = take(app, caller, &arrival, seen, None).await?;
    if let Err(error) = staging::remove(&path).await {
        // Swept away later; the file is there.
        tracing::warn!(%error, "an upload that is complete was not removed");
    }
    Ok(made)
}

/// Gives an upload up; the file it may have become stays.
///
/// # Errors
/// `not_found`.
pub async fn delete(app: &App, caller: &Caller, token: &str) -> AppResult<()> {
    let (upload, path) = own(app, caller, token).await?;
    let _turn = app.uploads.take(upload.id).await;
    forget(app, &upload, &path).await
}

async fn forget(app: &App, upload: &Upload, path: &std::path::Path) -> AppResult<()> {
    let tx = app.store.begin().await?;
    rows::delete(&tx, upload.id).await?;
    tx.commit().await?;
    staging::remove(path).await.map_err(staging::disk)
}

/// Forgets uploads of which nothing arrived for their lifetime, with their bytes; gives their number. Bytes that somebody
/// has open, or that the disk does not let go, go with the sweep.
pub(super) async fn forget_expired(app: &App, most: u64) -> crate::store::StoreResult<u64> {
    let tx = app.store.begin().await?;
    let forgotten = rows::forget(&tx, live_since(app), most).await?;
    tx.commit().await?;
    for id in &forgotten {
        if let Err(error) = staging::remove_idle(&staging::place_of(app, *id)).await {
            tracing::warn!(%error, "an upload that has expired was not removed");
        }
    }
    Ok(forgotten.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::{Turns, checksum};
    use crate::app::files::BUILT_IN;
    use crate::app::files::objects::content_of;
    use domain::UploadId;
    use std::sync::Arc;

    #[tokio::test]
    async fn who_comes_next_ends_the_turn_and_nothing_is_kept() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(UploadId(1)).await;
        assert!(!first.given_up.is_cancelled());
        let waiting = Arc::clone(&turns);
        let next = tokio::spawn(async move {
            let held = waiting.take(UploadId(1)).await;
            assert!(!held.given_up.is_cancelled());
        });
        first.given_up.cancelled().await;
        drop(first);
        next.await.unwrap();
        drop(turns.take(UploadId(1)).await);
        assert!(turns.pieces.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_deletes_waits_for_uploads_of_the_same_content_and_of_no_other() {
        let turns = Turns::default();
        let (one, other) = ("a".repeat(64), "b".repeat(64));
        let key = format!("workpoint/here/folder/{}/bell.wav", content_of(&one));
        let slow = turns.adding(BUILT_IN, content_of(&one)).await;
        let mut deleting = Box::pin(turns.alone(BUILT_IN, content_of(&key)));
        assert!(futures_util::poll!(&mut deleting).is_pending());
        // It does not wait behind the one who deletes.
        drop(turns.adding(BUILT_IN, content_of(&other)).await);
        drop(turns.alone(BUILT_IN, content_of(&other)).await);
        drop(slow);
        drop(deleting.await);
        drop(turns.adding(BUILT_IN, content_of(&other)).await);
        assert_eq!(turns.contents.lock().unwrap().len(), 1, "what nobody has is forgotten");
    }

    #[test]
    fn checksums_are_hexadecimal() {
        assert_eq!(checksum("/x", &format!(" {}", "AB".repeat(32))).unwrap(), "ab".repeat(32));
        for wrong in ["", "ab", &"gg".repeat(32), &"a".repeat(65)] {
            assert!(checksum("/x", wrong).is_err(), "{wrong}");
        }
    }
}
