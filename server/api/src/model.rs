//! Device models as data (D-2): one list for everything that speaks of client types.

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
}
