//! `/templates/{id}/files`: files and software that a template brings to its clients (OSEM §6.3).

use api::file::{SetTemplateFiles, TemplateFiles};
use api::header::IfMatch;
use axum::extract::State;
use domain::{Permission, TemplateId};

use super::answer::{Answer, tagged};
use super::extract::{Id, Json, NoParameters, Query};
use crate::App;
use crate::app::templates::files;
use crate::app::{AppResult, Caller, Expected};

/// List the files of a template.
#[utoipa::path(get, path = "/templates/{id}/files", tag = "templates",
    params(("id" = i64, Path, description = "Template")),
    responses((status = 200, description = "Files", body = TemplateFiles, headers(("ETag" = String)))))]
pub(crate) async fn list_template_files(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let files = files::list(&app, id.0).await?;
    Ok(tagged(files.revision, &files))
}

/// Replace the files of a template. Clients it applies to get them on their own; when these are many, the answer is
/// `confirmation_required` with their number.
#[utoipa::path(put, path = "/templates/{id}/files", tag = "templates",
    params(("id" = i64, Path, description = "Template"), IfMatch), request_body = SetTemplateFiles,
    responses((status = 200, description = "Replaced", body = TemplateFiles, headers(("ETag" = String)))))]
pub(crate) async fn replace_template_files(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<SetTemplateFiles>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let files = files::set(&app, &caller, id.0, &expected, &body?.0).await?;
    Ok(tagged(files.revision, &files))
}
