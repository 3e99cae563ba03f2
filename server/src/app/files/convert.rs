//! Pictures made to fit a model (`wpi.md` §4.6.2): the result is a file of its own.

use std::sync::Arc;

use api::file::{ConvertFile, FileView};
use api::{Code, FieldError, field};
use bytes::Bytes;
use content::{ConvertError, PictureTarget};
use domain::FileId;
use domain::file::{FileFormat, FileType, LONGEST_FILE_NAME, check_name};
use domain::model::models;
use futures_util::{StreamExt as _, stream};
use tokio::sync::OwnedMutexGuard;

use super::BUILT_IN;
use super::open::content_failed;
use super::staging::Staged;
use super::take::{Arrival, take};
use super::uploads::name_error;
use crate::App;
use crate::app::caller::Caller;
use crate::app::idempotency::{self, Created, IdempotencyKey};
use crate::app::{AppError, AppResult};
use crate::fileserver::contents;
use crate::status::causes;

/// Most bytes of a picture that is converted. It is in memory meanwhile.
const LARGEST: u64 = 32 * 1024 * 1024;

fn not_convertible(reason: &str) -> AppError {
    AppError::new(Code::NotConvertible, "The picture cannot be converted.").arg("reason", reason)
}

/// Makes another picture of a picture. The new file is kept by the built-in provider.
///
/// # Errors
/// `not_found`; `invalid_fields`; `not_convertible` with the reason; `storage_full`, `provider_failed`,
/// `idempotency_key_reused`.
pub async fn convert(
    app: &App,
    caller: &Caller,
    id: FileId,
    request: ConvertFile,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<FileView>> {
    let file = super::row(&app.store, id).await?;
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let target = target(&request)?;
    let name = match request.name {
        Some(name) => {
            check_name(&name).map_err(|fault| AppError::field(name_error("/name", fault)))?;
            name
        }
        None => renamed(&file.name, target.extension()),
    };
    let is_picture = matches!(
        file.facts.format,
        FileFormat::Png | FileFormat::Jpeg | FileFormat::Bmp | FileFormat::Gif | FileFormat::Webp
    );
    if !is_picture {
        return Err(not_convertible("not-a-picture"));
    }
    if file.size > LARGEST {
        return Err(not_convertible("too-large"));
    }
    // Two at once would have twice the memory.
    let alone = Arc::clone(&app.uploads.pictures).lock_owned().await;
    let open = contents::open(app, &file).await.map_err(|error| content_failed(error, &file))?;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < file.size {
        let piece = open
            .read_at(bytes.len() as u64, file.size)
            .await
            .map_err(|error| content_failed(error, &file))?;
        if piece.is_empty() {
            return Err(not_convertible("damaged"));
        }
        bytes.extend_from_slice(&piece);
    }
    let made = to_the_end(alone, move || content::convert(&bytes, &target)).await;
    let made = made?.map_err(|error: ConvertError| {
        tracing::debug!(error = causes(&error), "a picture was not converted");
        not_convertible(error.code())
    })?;

    let mut staged = Staged::new(app).await?;
    let size = made.len() as u64;
    staged.append(stream::once(async { Ok(Bytes::from(made)) }).boxed(), size).await?;
    let path = staged.path().to_owned();
    let arrival = Arrival {
        path: &path,
        size,
        name,
        file_type: Some(request.file_type),
        provider: BUILT_IN,
        sha256: None,
        origin: "conversion",
        upload: None,
    };
    let seen = arrival.inspect().await?;
    take(app, caller, &arrival, seen, key).await
}

/// Does work that takes memory. It has its turn until it has ended: it goes on when nobody waits for it any more.
async fn to_the_end<T: Send + 'static>(
    turn: OwnedMutexGuard<()>,
    work: impl FnOnce() -> T + Send + 'static,
) -> AppResult<T> {
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(AppError::internal)
}

/// What the picture is to become.
fn target(request: &ConvertFile) -> AppResult<PictureTarget> {
    let model = models().iter().find(|model| model.name == request.model).ok_or_else(|| {
        let choices: Vec<&str> = models().iter().map(|model| model.name.as_str()).collect();
        let text = "must be the short name of a model";
        AppError::field(FieldError::new("/model", field::NOT_A_CHOICE, text).arg("choices", choices))
    })?;
    let pictures = [FileType::Logo, FileType::Screensaver, FileType::Picture];
    if !pictures.contains(&request.file_type) {
        let choices: Vec<&str> = pictures.iter().map(|file_type| file_type.as_str()).collect();
        let text = format!("must be one of: {}", choices.join(", "));
        let error = FieldError::new("/file_type", field::NOT_A_CHOICE, text);
        return Err(AppError::field(error.arg("choices", choices)));
    }
    PictureTarget::of(model, request.file_type).ok_or_else(|| not_convertible("model-not-known"))
}

/// The name with another extension.
fn renamed(name: &str, extension: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let room = stem.floor_char_boundary(LONGEST_FILE_NAME - extension.len() - 1);
    format!("{}.{extension}", stem.get(..room).unwrap_or(stem))
}

#[cfg(test)]
mod tests {
    use super::{renamed, to_the_end};
    use domain::file::check_name;
    use std::sync::{Arc, mpsc};
    use tokio::sync::{Mutex, oneshot};

    #[tokio::test]
    async fn who_works_has_its_turn_until_the_end_also_when_nobody_waits() {
        let turns = Arc::new(Mutex::new(()));
        let (begun, begins) = oneshot::channel();
        let (go_on, goes_on) = mpsc::channel();
        let work = move || {
            begun.send(()).unwrap();
            goes_on.recv().unwrap();
        };
        let waiting = tokio::spawn(to_the_end(Arc::clone(&turns).lock_owned().await, work));
        begins.await.unwrap();
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert!(turns.try_lock().is_err(), "it still works");
        go_on.send(()).unwrap();
        drop(turns.lock().await);
    }

    #[test]
    fn the_new_name_has_the_new_extension_and_fits() {
        assert_eq!(renamed("logo.png", "bmp"), "logo.bmp");
        assert_eq!(renamed("logo", "bmp"), "logo.bmp");
        assert_eq!(check_name(&renamed(&"ü".repeat(60), "bmp")), Ok(()));
    }
}
