//! `/device-models`: the models of phones as data (D-2).

use api::Page;
use api::model::DeviceModelView;
use domain::Permission;

use super::answer::{Answer, plain};
use super::extract::{Name, NoParameters, Query};
use crate::app::{AppResult, Caller, models};

/// List device models.
#[utoipa::path(get, path = "/device-models", tag = "device-models",
    responses((status = 200, description = "Models", body = Page<DeviceModelView>)))]
pub(crate) async fn list_device_models(caller: Caller, query: AppResult<Query<NoParameters>>) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&models::list()))
}

/// Get a device model by its short name.
#[utoipa::path(get, path = "/device-models/{name}", tag = "device-models",
    params(("name" = String, Path, description = "Short name")),
    responses((status = 200, description = "The model", body = DeviceModelView)))]
pub(crate) async fn get_device_model(
    caller: Caller,
    name: Name,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&models::find(&name.0)?))
}
