//! Device models as data (D-2): one list for everything that speaks of client types.

use domain::file::{FileFormat, FileType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceModelView {
    /// Short name; the key of the model.
    pub name: String,
    /// Text a phone reports as its device type.
    pub device_type: String,
    /// Software types it can run.
    pub software_types: Vec<String>,
    /// Display in words.
    pub display: String,
    /// Free function keys of level 1; 0 when there are none or they are on the screen.
    pub free_keys: u16,
    /// Most key modules that can be attached.
    pub key_modules: u16,
    /// Kind of key module; `null` when none can be attached.
    pub key_module: Option<String>,
    /// File types it takes.
    pub file_types: Vec<String>,
    /// What it takes of these types, as far as that is known; what is not said is allowed.
    pub file_limits: Vec<FileLimitsView>,
}

/// What a model takes of a file type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileLimitsView {
    /// The type.
    #[schema(schema_with = crate::schema::word::<FileType>)]
    pub file_type: FileType,
    /// Formats it takes.
    #[schema(schema_with = crate::schema::list_of_words::<FileFormat>)]
    pub formats: Vec<FileFormat>,
    /// Width of a picture in pixels: the most of a logo, the best of others.
    pub width: Option<u32>,
    /// Height of a picture in pixels, as its width.
    pub height: Option<u32>,
    /// Bits of a pixel.
    pub bits: Option<u16>,
    /// Most bytes.
    pub bytes: Option<u64>,
    /// Whether pictures can be converted to it.
    pub convertible: bool,
}
