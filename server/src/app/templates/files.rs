//! Files of templates (OSEM §6.3): which a template has. Who gets them on its own, and the question that is asked before,
//! is `plans::save_or_plan`.

use std::collections::BTreeSet;

use api::file::{SetTemplateFiles, TemplateFiles};
use api::{FieldError, field};
use domain::file::FileType;
use domain::template_file::{MOST_FILES, NamedFile};
use domain::{FileId, TemplateId};

use super::stored;
use crate::App;
use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult};
use crate::app::layers::change::{FleetChange, TemplateChange, TemplateHead};
use crate::app::layers::{self, Snapshot};
use crate::app::revision::Expected;
use crate::app::{files as all_files, plans};
use crate::store::files::{self as rows, File};
use crate::store::template_files;

/// Files of a template.
///
/// # Errors
/// `not_found`.
pub async fn list(app: &App, id: TemplateId) -> AppResult<TemplateFiles> {
    let layers = layers::snapshot(app, &app.store).await?;
    let revision = stored(&layers, id)?.revision;
    let ids: Vec<FileId> = layers.files_of(id).into_iter().collect();
    let mut files = rows::by_ids(&app.store, &ids).await?;
    files
        .sort_by_cached_key(|file| (file.file_type.map(FileType::as_str), file.name.to_lowercase(), file.id));
    Ok(TemplateFiles { files: all_files::views(&app.store, files).await?, revision })
}

/// Gives a template these files, in place of those it has.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`, `too_many_targets`, and `confirmation_required` with the number
/// of clients that would get something on their own.
pub async fn set(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    expected: &Expected,
    set: &SetTemplateFiles,
) -> AppResult<TemplateFiles> {
    let layers = layers::snapshot(app, &app.store).await?;
    let template = stored(&layers, id)?;
    expected.check(template.revision)?;
    let files = existing(app, &set.files).await?;
    if files == layers.files_of(id) {
        return list(app, id).await;
    }
    let change = FleetChange {
        templates: vec![TemplateChange {
            id: Some(id),
            revision: template.revision,
            after: Some(TemplateHead::of(template)),
            set: Vec::new(),
            remove: Vec::new(),
            files: Some(files),
        }],
        ..FleetChange::default()
    };
    plans::save_or_plan(app, caller, change, set.confirm).await?;
    list(app, id).await
}

async fn existing(app: &App, ids: &[FileId]) -> AppResult<BTreeSet<FileId>> {
    if ids.len() > MOST_FILES {
        let text = format!("names more than {MOST_FILES} files");
        return Err(AppError::field(FieldError::new("/files", field::TOO_LONG, text).arg("max", MOST_FILES)));
    }
    let files: BTreeSet<FileId> = ids.iter().copied().collect();
    let asked: Vec<FileId> = files.iter().copied().collect();
    let there: BTreeSet<FileId> =
        rows::by_ids(&app.store, &asked).await?.into_iter().map(|file| file.id).collect();
    let faults: Vec<FieldError> = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| !there.contains(id))
        .map(|(place, _)| FieldError::new(format!("/files/{place}"), "unknown_file", "is no file"))
        .collect();
    if faults.is_empty() { Ok(files) } else { Err(AppError::fields(faults)) }
}

/// The files that a template's file names: by checksum, or by name where it has none.
///
/// # Errors
/// The places of those that are not here.
pub(super) async fn named(
    app: &App,
    named: &[NamedFile],
) -> AppResult<Result<BTreeSet<FileId>, Vec<FieldError>>> {
    let checksums: Vec<&str> = named.iter().filter_map(|file| file.sha256.as_deref()).collect();
    let without = named.iter().filter(|file| file.sha256.is_none());
    let names: Vec<String> = without.map(|file| file.name.to_lowercase()).collect();
    let there = template_files::alike(&app.store, &checksums, &names).await?;
    let mut found = BTreeSet::new();
    let mut faults = Vec::new();
    for wanted in named {
        let same_name = |file: &File| file.name.to_lowercase() == wanted.name.to_lowercase();
        let alike = |file: &&File| match &wanted.sha256 {
            Some(sha256) => file.sha256.as_ref() == Some(sha256),
            None => same_name(file),
        };
        // The same content may be here under several names.
        let best = there.iter().filter(alike).min_by_key(|file| (!same_name(file), file.id));
        match best {
            Some(file) => {
                found.insert(file.id);
            }
            None => {
                let text = "names a file that is not here; upload it first";
                let fault = FieldError::new("/content", "file_not_here", text);
                faults.push(fault.arg("name", wanted.name.clone()));
            }
        }
    }
    Ok(if faults.is_empty() { Ok(found) } else { Err(faults) })
}

/// The files of a template, as its file names them.
pub(super) async fn names(app: &App, layers: &Snapshot, id: TemplateId) -> AppResult<Vec<NamedFile>> {
    let ids: Vec<FileId> = layers.files_of(id).into_iter().collect();
    let files = rows::by_ids(&app.store, &ids).await?;
    Ok(files.into_iter().map(|file| NamedFile { name: file.name, sha256: file.sha256 }).collect())
}
