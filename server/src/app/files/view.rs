//! Files as the API shows them.

use api::configuration::{Reason, ReasonArgs};
use api::file::{FileUse, FileView, NamedProvider, TemplateUse};
use domain::FileId;
use domain::file::fit;
use domain::model::models;

use super::describe;
use crate::app::AppResult;
use crate::store::Source;
use crate::store::file_list::{self, Uses};
use crate::store::files::File;

/// Who needs a file, as the API shows it.
pub(super) fn used_by(uses: &Uses) -> FileUse {
    let templates = uses.templates.iter();
    FileUse {
        templates: templates.map(|(id, name)| TemplateUse { id: *id, name: name.clone() }).collect(),
        templates_total: uses.templates_total,
        jobs: uses.jobs.clone(),
        jobs_total: uses.jobs_total,
    }
}

fn view(file: File, uses: &Uses) -> FileView {
    let described = describe::described(&file);
    let remarks = described.map(|file| fit::remarks(&file)).unwrap_or_default();
    let fits = described.map(|file| {
        let fitting = models().iter().filter(|model| fit::fits(&file, Some(model)).is_ok());
        fitting.map(|model| model.name.clone()).collect()
    });
    let fits = fits.unwrap_or_default();
    FileView {
        needs: describe::needs(&file).into_iter().map(str::to_owned).collect(),
        remarks: remarks
            .into_iter()
            .map(|remark| Reason { code: remark.code().to_owned(), args: ReasonArgs::new() })
            .collect(),
        used_by: used_by(uses),
        id: file.id,
        name: file.name,
        file_type: file.file_type,
        provider: NamedProvider {
            id: file.provider,
            name: file.provider_name,
            kind: file.provider_kind.as_str().to_owned(),
        },
        object_key: file.object_key,
        size: file.size,
        sha256: file.sha256,
        facts: file.facts,
        models: file.models,
        fits,
        software_type: file.software_type,
        software_version: file.software_version,
        state: file.state,
        note: file.note,
        origin: file.origin,
        created_at: file.created_at,
        created_by: file.created_by,
        updated_at: file.updated_at,
        revision: file.revision,
    }
}

/// Files with who needs them, in the order given.
pub(super) async fn of_many(on: &impl Source, files: Vec<File>) -> AppResult<Vec<FileView>> {
    let ids: Vec<FileId> = files.iter().map(|file| file.id).collect();
    let uses = file_list::uses(on, &ids).await?;
    let nobody = Uses::default();
    Ok(files
        .into_iter()
        .map(|file| {
            let uses = uses.get(&file.id).unwrap_or(&nobody);
            view(file, uses)
        })
        .collect())
}

/// A file with who needs it.
pub(super) async fn of(on: &impl Source, file: File) -> AppResult<FileView> {
    let uses = file_list::uses(on, &[file.id]).await?.remove(&file.id).unwrap_or_default();
    Ok(view(file, &uses))
}
