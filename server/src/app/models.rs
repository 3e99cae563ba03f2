//! Device models as data (D-2).

use api::Page;
use api::model::DeviceModelView;
use domain::model::{self, DeviceModel};

use super::error::{AppError, AppResult};

fn view(model: &DeviceModel) -> DeviceModelView {
    DeviceModelView {
        name: model.name.clone(),
        device_type: model.device_type.clone(),
        software_types: model.software_types.clone(),
        display: model.display.clone(),
        free_keys: model.free_keys,
        key_modules: model.key_modules,
        key_module: Some(model.key_module.clone()).filter(|kind| !kind.is_empty()),
        file_types: model.file_types.clone(),
    }
}

/// All models.
pub fn list() -> Page<DeviceModelView> {
    Page::whole(model::models().iter().map(view).collect())
}

/// One model by its short name.
///
/// # Errors
/// `not_found`.
pub fn find(name: &str) -> AppResult<DeviceModelView> {
    model::models().iter().find(|model| model.name == name).map(view).ok_or_else(AppError::not_found)
}
