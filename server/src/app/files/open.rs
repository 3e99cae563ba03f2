//! The content of a file, for people: shown, played or downloaded in the console. `fileserver` reads it.

use api::Code;
use domain::file::{FileFormat, FileType};
use domain::{FileId, Permission};

use crate::App;
use crate::app::{AppError, AppResult};
use crate::fileserver::ContentsError;
use crate::store::files::File;

/// A file whose content is asked for.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The file.
    pub file: File,
    /// Media type, of formats that browsers show or play without running anything; `None` for all others.
    pub harmless: Option<&'static str>,
    /// What one must be allowed to, besides reading, to see it.
    pub needs: Option<Permission>,
}

/// Pictures and sounds; text is not among them, because browsers guess what a text is.
fn harmless(format: FileFormat) -> Option<&'static str> {
    Some(match format {
        FileFormat::Png => "image/png",
        FileFormat::Jpeg => "image/jpeg",
        FileFormat::Bmp => "image/bmp",
        FileFormat::Gif => "image/gif",
        FileFormat::Webp => "image/webp",
        FileFormat::Wav => "audio/wav",
        FileFormat::Mp3 => "audio/mpeg",
        FileFormat::Midi => "audio/midi",
        FileFormat::Firmware | FileFormat::Text | FileFormat::Archive | FileFormat::Other => return None,
    })
}

/// A file whose content is asked for.
///
/// # Errors
/// `not_found`.
pub async fn shown(app: &App, id: FileId) -> AppResult<Shown> {
    let file = super::row(&app.store, id).await?;
    // A scan takes in whatever lies at a provider, and nobody has looked what: only what is a picture or a sound can
    // hold no passwords.
    let harmless = harmless(file.facts.format);
    let is_open = harmless.is_some() && !file.file_type.is_some_and(FileType::is_secret);
    Ok(Shown { harmless, needs: (!is_open).then_some(Permission::ChangeFiles), file })
}

/// What it means for the caller that the content of a file cannot be had.
pub fn content_failed(error: ContentsError, file: &File) -> AppError {
    if matches!(error, ContentsError::Busy) {
        let wait = std::time::Duration::from_secs(5);
        return AppError::unavailable("Too many files are being fetched from storage providers.", wait);
    }
    if let ContentsError::Disk(disk) = &error
        && disk.kind() == std::io::ErrorKind::StorageFull
    {
        let text = "No room is left where files are kept.";
        return AppError::new(Code::StorageFull, text).caused_by(error);
    }
    let text = format!("The storage provider {} does not give the file.", file.provider_name);
    let problem = AppError::new(Code::ProviderFailed, text);
    let problem = problem.arg("provider", file.provider_name.as_str()).arg("error", error.code());
    problem.caused_by(error)
}
