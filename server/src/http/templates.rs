//! `/templates`: values for many clients, with a rank (OSEM §6).

use api::Page;
use api::configuration::{ConfigurationQuery, ParameterStateView};
use api::header::{IdempotencyKey, IfMatch};
use api::template::{
    ChangeTemplate, CopyTemplate, DeleteMany, DeleteOne, DeletedMany, ImportTemplate, NewTemplate,
    StarterView, TemplateQuery, TemplateView,
};
use axum::extract::State;
use axum::response::IntoResponse as _;
use domain::{Permission, TemplateId};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::answer::{Answer, created, gone, plain, tagged};
use super::extract::{Create, Id, Json, LARGEST_FILE_BODY, NoParameters, Query};
use crate::App;
use crate::app::idempotency::Created;
use crate::app::templates::{configuration, file};
use crate::app::{AppResult, Caller, Expected, templates};

/// List templates.
#[utoipa::path(get, path = "/templates", tag = "templates", params(TemplateQuery),
    responses((status = 200, description = "Templates", body = Page<TemplateView>)))]
pub(crate) async fn list_templates(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<TemplateQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&templates::list(&app, &query?.0).await?))
}

fn made(template: &Created<TemplateView>) -> axum::response::Response {
    created(template, &format!("/api/v1/templates/{}", template.value.id), Some(template.value.revision))
}

/// Create a template. When that changes what is desired of clients, the answer is `plan_required`: applying the plan
/// creates it.
#[utoipa::path(post, path = "/templates", tag = "templates", params(IdempotencyKey), request_body = NewTemplate,
    responses((status = 201, description = "Created", body = TemplateView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_template(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewTemplate>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let Create { body, key } = request?;
    Ok(made(&templates::create(&app, &caller, body, key.as_ref()).await?))
}

/// Get a template.
#[utoipa::path(get, path = "/templates/{id}", tag = "templates", params(("id" = i64, Path, description = "Template")),
    responses((status = 200, description = "The template", body = TemplateView, headers(("ETag" = String)))))]
pub(crate) async fn get_template(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let template = templates::find(&app, id.0).await?;
    Ok(tagged(template.revision, &template))
}

/// Change a template; absent fields and values stay. When that changes what is desired of clients, the answer is
/// `plan_required`: applying the plan changes it.
#[utoipa::path(patch, path = "/templates/{id}", tag = "templates",
    params(("id" = i64, Path, description = "Template"), IfMatch), request_body = ChangeTemplate,
    responses((status = 200, description = "Changed", body = TemplateView, headers(("ETag" = String)))))]
pub(crate) async fn update_template(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeTemplate>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let template = templates::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(template.revision, &template))
}

/// Delete a template; groups lose it. When that changes what is desired of clients, the answer is `plan_required`:
/// applying the plan deletes it.
#[utoipa::path(delete, path = "/templates/{id}", tag = "templates",
    params(("id" = i64, Path, description = "Template"), IfMatch, DeleteOne),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_template(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    expected: Expected,
    query: AppResult<Query<DeleteOne>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    let confirm = query?.0.confirm;
    templates::delete(&app, &caller, id.0, &expected, confirm).await?;
    Ok(gone())
}

/// Delete several templates, all or none of them. `plan_required` as with one.
#[utoipa::path(post, path = "/templates/delete", tag = "templates", request_body = DeleteMany,
    responses((status = 200, description = "How many", body = DeletedMany)))]
pub(crate) async fn delete_templates(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<DeleteMany>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    Ok(plain(&templates::delete_many(&app, &caller, &body?.0).await?))
}

/// Copy a template with all its values, secrets too. The copy is in no group. `plan_required` as with a new one.
#[utoipa::path(post, path = "/templates/{id}/copy", tag = "templates",
    params(("id" = i64, Path, description = "Template"), IdempotencyKey), request_body = CopyTemplate,
    responses((status = 201, description = "Copied", body = TemplateView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn copy_template(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<CopyTemplate>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let Create { body, key } = request?;
    Ok(made(&templates::copy(&app, &caller, id.0, &body, key.as_ref()).await?))
}

/// List the parameters a template can hold, with the values it has.
#[utoipa::path(get, path = "/templates/{id}/configuration", tag = "templates",
    params(("id" = i64, Path, description = "Template"), ConfigurationQuery),
    responses((status = 200, description = "Parameters", body = Page<ParameterStateView>)))]
pub(crate) async fn list_template_configuration(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    query: AppResult<Query<ConfigurationQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&configuration::list(&app, id.0, &query?.0).await?))
}

/// Export a template as one file. Secrets are named in it, without their values.
#[utoipa::path(get, path = "/templates/{id}/export", tag = "templates",
    params(("id" = i64, Path, description = "Template")),
    responses((status = 200, description = "The file", body = String, content_type = "application/toml")))]
pub(crate) async fn export_template(
    State(app): State<App>,
    caller: Caller,
    id: Id<TemplateId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let exported = file::export(&app, id.0).await?;
    let mut response = exported.text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/toml"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", exported.file_name)) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Create the template of a file. `plan_required` as with a new one.
#[utoipa::path(post, path = "/templates/import", tag = "templates", params(IdempotencyKey),
    request_body = ImportTemplate,
    responses((status = 201, description = "Created", body = TemplateView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn import_template(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<ImportTemplate, LARGEST_FILE_BODY>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let Create { body, key } = request?;
    Ok(made(&file::import(&app, &caller, &body, key.as_ref()).await?))
}

/// List the templates that come with the program.
#[utoipa::path(get, path = "/template-starters", tag = "templates",
    responses((status = 200, description = "Starters", body = Page<StarterView>)))]
pub(crate) async fn list_template_starters(caller: Caller, query: AppResult<Query<NoParameters>>) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&file::starters()?))
}
