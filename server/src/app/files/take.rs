//! A complete file is taken in: told from its content, put where it is to be kept, and made a row.

use std::path::Path;
use std::time::Duration;

use api::file::FileView;
use api::{Code, FieldError, field};
use domain::file::{FileState, FileType, ProviderKind};
use domain::{FileId, ProviderId};
use serde_json::json;
use tokio::time::timeout;

use super::describe::{self, Inspected};
use super::{BUILT_IN, adopt, home, objects, staging, takes, view};
use crate::App;
use crate::app::caller::Caller;
use crate::app::idempotency::{self, Created, IdempotencyKey};
use crate::app::{AppError, AppResult, storage_providers};
use crate::events::{Change, Resource};
use crate::storage::{Fault, Provider as _, StorageError};
use crate::store::audit::NewRecord;
use crate::store::file_uploads::{self, Upload};
use crate::store::files::{self as rows, File};
use crate::store::{Source, Tx, audit};

/// Times an object is written that another node deletes at the same moment.
const TRIES: u32 = 3;

/// Longest wait for an answer whether an object is there: whoever adds files to the provider waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// A complete file on this machine, and what was said of it.
pub(super) struct Arrival<'a> {
    pub(super) path: &'a Path,
    pub(super) size: u64,
    pub(super) name: String,
    pub(super) file_type: Option<FileType>,
    pub(super) provider: ProviderId,
    /// What its content must have, in small hexadecimal digits.
    pub(super) sha256: Option<String>,
    /// `upload` or `conversion`.
    pub(super) origin: &'static str,
    /// The upload it came by, if in pieces.
    pub(super) upload: Option<&'a Upload>,
}

impl Arrival<'_> {
    /// Reads it, and refuses what is no file for phones.
    pub(super) async fn inspect(&self) -> AppResult<Inspected> {
        let seen = describe::inspect(self.path, &self.name, self.size).await.map_err(staging::disk)?;
        if self.sha256.as_ref().is_some_and(|said| *said != seen.sha256) {
            let text = "What arrived has another checksum than was said.";
            return Err(AppError::new(Code::ChecksumMismatch, text).arg("sha256", seen.sha256));
        }
        if describe::is_mere_archive(&seen.facts, self.file_type, &self.name) {
            let text = "Phones take no archives. Unpack it and send what is in it; or say that it is software, if it is.";
            return Err(AppError::new(Code::FileNotUsable, text).arg("format", seen.facts.format.as_str()));
        }
        if let Some(file_type) = self.file_type {
            describe::check_type("/file_type", file_type, &seen.facts).map_err(AppError::field)?;
        }
        Ok(seen)
    }

    fn row(&self, caller: &Caller, seen: &Inspected) -> File {
        let mut file = File {
            id: FileId(0),
            name: self.name.clone(),
            file_type: self.file_type,
            provider: self.provider,
            provider_name: String::new(),
            provider_kind: ProviderKind::BuiltIn,
            provider_place: String::new(),
            object_key: seen.sha256.clone(),
            size: self.size,
            sha256: Some(seen.sha256.clone()),
            object_tag: None,
            facts: seen.facts.clone(),
            models: Vec::new(),
            software_type: None,
            software_version: None,
            state: FileState::Incomplete,
            origin: self.origin.to_owned(),
            note: String::new(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            created_by: caller.user_name.clone(),
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            content_changed_at: jiff::Timestamp::UNIX_EPOCH,
            revision: 0,
        };
        describe::apply(&mut file, seen.facts.clone());
        file
    }
}

/// A row with the same object and name at the same provider, of the same type or when none was said.
fn twin<'a>(known: &'a [File], arrival: &Arrival<'_>, new: &File) -> Option<&'a File> {
    known.iter().find(|file| {
        let same_object = file.object_key == new.object_key && file.object_tag == new.object_tag;
        same_object
            && file.name == arrival.name
            && (arrival.file_type.is_none() || file.file_type == new.file_type)
    })
}

/// Nobody has a provider of this id.
pub(super) fn no_provider() -> AppError {
    AppError::field(FieldError::new("/provider", field::INVALID, "there is no such storage provider"))
}

/// Takes in a file that [`Arrival::inspect`] has accepted. The very same file again gives the one that is there.
pub(super) async fn take(
    app: &App,
    caller: &Caller,
    arrival: &Arrival<'_>,
    seen: Inspected,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<FileView>> {
    // Until the row is there nobody of this node may delete the object.
    let _adding = app.uploads.adding(arrival.provider, objects::content_of(&seen.sha256)).await;
    for left in (0..TRIES).rev() {
        if let Some(taken) = attempt(app, caller, arrival, &seen, key, left == 0).await? {
            return Ok(taken);
        }
    }
    Err(AppError::unavailable("The same file is being deleted.", Duration::from_secs(5)))
}

/// `None` when the object, or the very same file, was deleted before the row was there: it must be tried again.
async fn attempt(
    app: &App,
    caller: &Caller,
    arrival: &Arrival<'_>,
    seen: &Inspected,
    key: Option<&IdempotencyKey>,
    is_last: bool,
) -> AppResult<Option<Created<FileView>>> {
    let mut new = arrival.row(caller, seen);
    if arrival.provider != BUILT_IN {
        match write_to_provider(app, arrival, &mut new, seen).await? {
            // Deleted by another node before it was looked at; or there is no such bucket, as it will be again.
            Err((error, _)) if error.fault() == Fault::NotFound && !is_last => return Ok(None),
            Err((error, name)) => return Err(storage_providers::failed(&error, &name)),
            Ok(()) => {}
        }
    } else if app.home.is_here() {
        objects::place_early(&app.places, &seen.sha256, arrival.path).await.map_err(staging::disk)?;
    }
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(Some(earlier));
    }
    // Before the upload, as whoever deletes the provider does it.
    if !rows::lock_provider(&tx, arrival.provider).await? {
        return Err(no_provider());
    }
    if let Some(upload) = arrival.upload {
        let upload = file_uploads::lock(&tx, upload).await?.ok_or_else(AppError::not_found)?;
        if let Some(file) = upload.file {
            let file = super::row(&tx, file).await?;
            return Ok(Some(Created { value: view::of(&tx, file).await?, replayed: true }));
        }
    }
    if arrival.provider == BUILT_IN {
        home::require(app, &tx).await?;
        objects::place(&app.places, &seen.sha256, arrival.path, arrival.size).await.map_err(staging::disk)?;
    } else if !is_still_there(app, &tx, &new).await? {
        return Ok(None);
    }
    let at = app.clock.now();
    let mut known = rows::of_content(&tx, arrival.provider, &seen.sha256).await?;
    // What was described is there again, be it in another place.
    for file in known.iter_mut().filter(|file| matches!(file.state, FileState::Missing | FileState::Changed))
    {
        let before = describe::audited(file);
        (file.object_key, file.object_tag) = (new.object_key.clone(), new.object_tag.clone());
        (file.size, file.facts) = (new.size, new.facts.clone());
        file.state = describe::state(file);
        if rows::update(&tx, file, at).await? {
            adopt::note_change(&tx, before, file, at).await?;
        }
    }
    let (id, replayed) = match twin(&known, arrival, &new) {
        // Somebody may be deleting it at this moment; then it is made anew.
        Some(twin) if rows::lock(&tx, &[twin.id]).await?.is_empty() => return Ok(None),
        Some(twin) => (twin.id, true),
        None => (create(app, &tx, caller, &new).await?, false),
    };
    if let Some(upload) = arrival.upload {
        file_uploads::finish(&tx, upload.id, id, at).await?;
    }
    let value = view::of(&tx, super::row(&tx, id).await?).await?;
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish(Resource::Files, if replayed { Change::Updated } else { Change::Created }, id);
    Ok(Some(Created { value, replayed }))
}

/// Whether the object that was found or written still is at its provider. While the provider is locked nobody deletes
/// what a file has; what has none yet another node may have deleted just before.
async fn is_still_there(app: &App, tx: &Tx, new: &File) -> AppResult<bool> {
    let key = &new.object_key;
    let in_use = rows::objects_in_use(tx, new.provider, std::slice::from_ref(key)).await?;
    if in_use.contains(key) || !tx.is_shared() {
        return Ok(true);
    }
    let (row, storage) = storage_providers::open(app, tx, new.provider).await?;
    let looked = timeout(PATIENCE, storage.stat(key)).await;
    match looked.unwrap_or_else(|_| Err(Fault::TimedOut.into())) {
        Ok(object) => Ok(object.size == new.size),
        Err(error) if error.fault() == Fault::NotFound => Ok(false),
        Err(error) => Err(storage_providers::failed(&error, &row.name)),
    }
}

async fn create(app: &App, tx: &Tx, caller: &Caller, new: &File) -> AppResult<FileId> {
    let at = app.clock.now();
    let id = rows::insert(tx, new, at).await?;
    let details = json!({ "before": null, "after": describe::audited(new) });
    let (actor, object_id) = (&caller.actor(), id.to_string());
    let action = if new.origin == "conversion" { "file.convert" } else { "file.create" };
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "file", object_id, details }).await?;
    Ok(id)
}

/// Puts the content at another provider, unless it is there, and notes its key and tag. Inside: what the provider of this name
/// has against it.
async fn write_to_provider(
    app: &App,
    arrival: &Arrival<'_>,
    new: &mut File,
    seen: &Inspected,
) -> AppResult<Result<(), (StorageError, String)>> {
    if let Some(there) = there_already(&app.store, arrival.provider, &seen.sha256).await? {
        (new.object_key, new.object_tag) = (there.object_key, there.object_tag);
        return Ok(Ok(()));
    }
    let (row, storage) = match storage_providers::open(app, &app.store, arrival.provider).await {
        Err(error) if error.code() == Code::NotFound => return Err(no_provider()),
        opened => opened?,
    };
    let key = objects::remote_key(app, &row, &seen.sha256, &arrival.name)?;
    let written = storage.write(&key, arrival.path, arrival.size).await;
    let result = written.as_ref().map(|_| ());
    storage_providers::note_health(app, arrival.provider, Some(row.revision), result).await;
    takes::note(app, &row, result).await;
    Ok(written.map_err(|error| (error, row.name)).map(|object| {
        (new.object_key, new.object_tag) = (object.key, object.tag);
    }))
}

/// A file with this content whose object is at the provider.
pub(super) async fn there_already(
    on: &impl Source,
    provider: ProviderId,
    sha256: &str,
) -> AppResult<Option<File>> {
    let known = rows::of_content(on, provider, sha256).await?;
    Ok(known.into_iter().find(|file| matches!(file.state, FileState::Ready | FileState::Incomplete)))
}
