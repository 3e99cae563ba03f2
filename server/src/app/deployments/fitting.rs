//! Whether a stored file fits a client: the rules of `domain::file::fit` for rows of the store.

use domain::file::FileType;
use domain::file::fit::{family_changes, fits};
use domain::model::model_of;

use crate::app::files::describe::described;
use crate::store::files::File;

/// Software of the other family: its settings would be lost, so it never comes on its own (`wpi.md` §4.6.6).
pub const OTHER_FAMILY: &str = "other-family";

/// Why a client cannot have a file on its own; `None` when it can. `model` is its short name or the reported device
/// type.
pub fn misfit(file: &File, model: Option<&str>, software_type: Option<&str>) -> Option<&'static str> {
    let Some(described) = described(file) else { return Some("type-not-for-model") };
    if let Err(misfit) = fits(&described, model.and_then(model_of)) {
        return Some(misfit.code());
    }
    if described.file_type != FileType::Software {
        return None;
    }
    let known = described.software_type.is_some() && software_type.is_some();
    (!known || family_changes(described.software_type, software_type)).then_some(OTHER_FAMILY)
}
