//! Files are deleted unless a template or a job that is not over needs them (OSEM §9.4).

use api::file::{DeleteFiles, FileInUse, FilesDeleted};
use api::{FieldError, field};
use domain::FileId;
use serde_json::json;

use super::change::in_use;
use super::{describe, objects, view};
use crate::App;
use crate::app::caller::Caller;
use crate::app::revision::Expected;
use crate::app::{AppError, AppResult};
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::files::{self as rows, File};
use crate::store::{Tx, audit, file_list};

/// Files named in one call.
const MOST_DELETED: usize = 500;

/// Deletes a file; its object goes with the last file that has it.
///
/// # Errors
/// `not_found`, `precondition_failed`; `in_use` with who needs it.
pub async fn delete(app: &App, caller: &Caller, id: FileId, expected: &Expected) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let file = rows::lock(&tx, &[id]).await?.pop().ok_or_else(AppError::not_found)?;
    expected.check(file.revision)?;
    if let Some(uses) = file_list::uses(&tx, &[id]).await?.get(&id).filter(|uses| !uses.is_empty()) {
        return Err(in_use("Templates or jobs need the file.", uses));
    }
    remove(app, &tx, caller, &file).await?;
    tx.commit().await?;
    gone(app, file).await;
    Ok(())
}

/// Deletes files; those that are needed stay, and ids nobody has are left out.
///
/// # Errors
/// `invalid_fields`.
pub async fn delete_many(app: &App, caller: &Caller, request: &DeleteFiles) -> AppResult<FilesDeleted> {
    if request.ids.len() > MOST_DELETED {
        let text = format!("has more than {MOST_DELETED} entries");
        let error = FieldError::new("/ids", field::TOO_LONG, text).arg("max", MOST_DELETED);
        return Err(AppError::field(error));
    }
    let mut ids: Vec<FileId> = request.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    let tx = app.store.begin().await?;
    let files = rows::lock(&tx, &ids).await?;
    let uses = file_list::uses(&tx, &ids).await?;
    let (mut needed, mut free) = (Vec::new(), Vec::new());
    for file in files {
        match uses.get(&file.id).filter(|uses| !uses.is_empty()) {
            Some(uses) => {
                needed.push(FileInUse { id: file.id, name: file.name, used_by: view::used_by(uses) });
            }
            None => free.push(file),
        }
    }
    for file in &free {
        remove(app, &tx, caller, file).await?;
    }
    tx.commit().await?;
    let deleted = free.len() as u64;
    for file in free {
        gone(app, file).await;
    }
    Ok(FilesDeleted { deleted, in_use: needed })
}

async fn remove(app: &App, tx: &Tx, caller: &Caller, file: &File) -> AppResult<()> {
    rows::delete(tx, file.id).await?;
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), file.id.to_string());
    let details = json!({ "before": describe::audited(file), "after": null });
    let record = NewRecord { at, actor, action: "file.delete", object_kind: "file", object_id, details };
    Ok(audit::append(tx, &record).await?)
}

async fn gone(app: &App, file: File) {
    app.events.publish(Resource::Files, Change::Deleted, file.id);
    objects::release(app, file.provider, file.object_key).await;
}
