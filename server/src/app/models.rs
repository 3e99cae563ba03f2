//! Device models as data (D-2).

use api::Page;
use api::model::{DeviceModelView, FileLimitsView};
use content::PictureTarget;
use domain::file::FileType;
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
        file_limits: FileType::ALL.iter().filter_map(|file_type| limits(model, *file_type)).collect(),
    }
}

fn limits(model: &DeviceModel, file_type: FileType) -> Option<FileLimitsView> {
    let limits = model.limits(file_type)?;
    Some(FileLimitsView {
        file_type,
        formats: limits.formats.clone(),
        width: limits.width,
        height: limits.height,
        bits: limits.bits,
        bytes: limits.bytes,
        convertible: PictureTarget::of(model, file_type).is_some(),
    })
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
