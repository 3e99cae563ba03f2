//! `/settings`: the settings registry (D-33).

use api::Page;
use api::header::IfMatch;
use api::setting::{ChangeSetting, SettingView};
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, plain, tagged};
use super::extract::{Json, Name, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, settings};

/// List all settings.
#[utoipa::path(get, path = "/settings", tag = "settings",
    responses((status = 200, description = "Settings", body = Page<SettingView>)))]
pub(crate) async fn list_settings(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadSettings)?;
    query?;
    Ok(plain(&settings::list(&app)))
}

/// Get a setting.
#[utoipa::path(get, path = "/settings/{id}", tag = "settings", params(("id" = String, Path, description = "Setting")),
    responses((status = 200, description = "The setting", body = SettingView, headers(("ETag" = String)))))]
pub(crate) async fn get_setting(
    State(app): State<App>,
    caller: Caller,
    id: Name,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadSettings)?;
    query?;
    let setting = settings::find(&app, &id.0)?;
    Ok(tagged(setting.revision, &setting))
}

/// Set a value. Settings fixed by file or environment are locked.
#[utoipa::path(put, path = "/settings/{id}", tag = "settings",
    params(("id" = String, Path, description = "Setting"), IfMatch), request_body = ChangeSetting,
    responses((status = 200, description = "Set", body = SettingView, headers(("ETag" = String)))))]
pub(crate) async fn update_setting(
    State(app): State<App>,
    caller: Caller,
    id: Name,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeSetting>>,
) -> Answer {
    caller.require(Permission::ChangeSettings)?;
    query?;
    let setting = settings::change(&app, &caller, &id.0, &expected, body?.0).await?;
    Ok(tagged(setting.revision, &setting))
}

/// Go back to the default.
#[utoipa::path(delete, path = "/settings/{id}", tag = "settings",
    params(("id" = String, Path, description = "Setting"), IfMatch),
    responses((status = 200, description = "Back to the default", body = SettingView, headers(("ETag" = String)))))]
pub(crate) async fn delete_setting(
    State(app): State<App>,
    caller: Caller,
    id: Name,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeSettings)?;
    query?;
    let setting = settings::reset(&app, &caller, &id.0, &expected).await?;
    Ok(tagged(setting.revision, &setting))
}
