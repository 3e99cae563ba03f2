//! Device models as data (D-2): one list used by everything that speaks of "client types".

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::file::{FileFormat, FileType};

/// One of the supported client types (OSEM §3.1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceModel {
    /// Text the phone reports as `device-type`.
    pub device_type: String,
    /// Short name, as shown in lists; also the key of the model in the API.
    pub name: String,
    /// Last model token of `device_type` (`CP710`, `35G Eco`), by which reports are matched.
    pub token: String,
    /// Software types the model can run.
    pub software_types: Vec<String>,
    /// Display in words.
    pub display: String,
    /// Free function keys of level 1; 0 when there are none or they are on the screen.
    pub free_keys: u16,
    /// Most key modules that can be attached.
    pub key_modules: u16,
    /// Kind of key module; empty when none.
    pub key_module: String,
    /// File types the model takes, as wire words (`wpi.md` §4.6.2).
    pub file_types: Vec<String>,
    /// Pixels of the display, width and height; `None` when not known.
    #[serde(default)]
    pub screen: Option<(u32, u32)>,
    /// What it takes of a file type, by wire word, as far as that is known.
    #[serde(default)]
    limits: BTreeMap<String, FileLimits>,
}

/// What a model takes of a file type (`wpi.md` §4.6.2). Nothing said is not known, and allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileLimits {
    /// Formats it takes; the first one is what pictures are converted to.
    pub formats: Vec<FileFormat>,
    /// Width of a picture in pixels: the most of a logo, the best of others.
    pub width: Option<u32>,
    /// Height of a picture in pixels, as its width.
    pub height: Option<u32>,
    /// Bits of a pixel.
    pub bits: Option<u16>,
    /// Most bytes.
    pub bytes: Option<u64>,
}

impl DeviceModel {
    /// Whether the model takes files of this type. All take software; key files are for service at any of them.
    pub fn takes(&self, file_type: FileType) -> bool {
        matches!(file_type, FileType::Software | FileType::Dongle)
            || self.file_types.iter().any(|word| word == file_type.wire())
    }

    /// What it takes of a file type; `None` when nothing is known.
    pub fn limits(&self, file_type: FileType) -> Option<&FileLimits> {
        self.limits.get(file_type.wire())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    model: Vec<DeviceModel>,
}

static MODELS: LazyLock<Vec<DeviceModel>> = LazyLock::new(|| {
    // The table is part of the program; `models_are_complete` proves that it parses.
    toml::from_str::<Table>(include_str!("../data/device-models.toml"))
        .map(|table| table.model)
        .unwrap_or_default()
});

/// All models, in the order of the table.
pub fn models() -> &'static [DeviceModel] {
    &MODELS
}

/// The model a reported `device-type` means, compared by its last token without regard to case, white space
/// or prefix (`wpi.md` §7.3). `None` for a text no model matches; such a phone stays usable.
pub fn model_of(device_type: &str) -> Option<&'static DeviceModel> {
    let folded = fold(device_type);
    // The longest token wins: "35G Eco" must not be taken for "35G".
    models()
        .iter()
        .filter(|model| {
            let token = fold(&model.token);
            folded.strip_suffix(token.as_str()).is_some_and(|prefix| {
                // "CP200" does not end in the model "200", and "115" is not "15".
                prefix.chars().next_back().is_none_or(|last| !last.is_ascii_digit())
                    && KNOWN_PREFIXES.contains(&prefix)
            })
        })
        .max_by_key(|model| model.token.len())
}

/// Whether phones of a model may show `&lt;`, `&gt;` and `&amp;` as they stand: old firmware does not decode them
/// (`wpi.md` §3.5). Which version began to is not known; the newer families do.
pub fn may_show_entities(model: &str) -> bool {
    model.starts_with("OpenStage")
}

/// What may stand before the token, folded.
const KNOWN_PREFIXES: [&str; 13] = [
    "",
    "openstage",
    "openscapedeskphone",
    "openscapedeskphoneip",
    "deskphone",
    "deskphoneip",
    "unify",
    "mitel",
    "unifyopenstage",
    "unifyopenscapedeskphone",
    "mitelopenscapedeskphone",
    "unifydeskphone",
    "miteldeskphone",
];

fn fold(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{model_of, models};
    use crate::file::{FileFormat, FileType};

    #[test]
    fn limits_of_files_are_read() {
        let logo = |name| model_of(name).unwrap().limits(FileType::Logo).unwrap();
        assert_eq!(logo("OpenStage 40").formats, [FileFormat::Bmp]);
        assert_eq!((logo("OpenStage 40").width, logo("OpenStage 40").bits), (Some(144), Some(1)));
        assert_eq!((logo("OpenStage 60").width, logo("OpenStage 60").height), (Some(240), Some(70)));
        assert_eq!(model_of("OpenStage 80").unwrap().screen, Some((640, 480)));
        let takes = |name, file_type| model_of(name).unwrap().takes(file_type);
        assert!(takes("OpenStage 15", FileType::Software) && takes("CP100", FileType::Dongle));
        assert!(!takes("OpenStage 20", FileType::Logo) && takes("CP710", FileType::Screensaver));
        assert_eq!(model_of("CP710").unwrap().limits(FileType::Logo), None);
    }

    #[test]
    fn models_are_complete() {
        assert_eq!(models().len(), 21);
        for model in models() {
            assert_eq!(model_of(&model.device_type).map(|found| &found.name), Some(&model.name));
            assert_eq!(model_of(&model.name).map(|found| &found.name), Some(&model.name));
            for word in model.limits.keys() {
                assert!(model.file_types.contains(word), "{}: {word}", model.name);
            }
            assert!(model.file_types.iter().all(|word| FileType::from_wire(word).is_some()));
        }
    }

    #[test]
    fn spellings_and_prefixes_do_not_matter() {
        let name = |text| model_of(text).map(|model| model.name.as_str());
        assert_eq!(name("OPENSCAPE desk phone cp 710"), Some("CP710"));
        assert_eq!(name("Unify CP700X"), Some("CP700X"));
        assert_eq!(name("OpenScape Desk Phone IP 35G Eco"), Some("Desk Phone IP 35G Eco"));
        assert_eq!(name("OpenStage 20 E"), Some("OpenStage 20E"));
        assert_eq!(name("OpenStage 115"), None);
        assert_eq!(name("Toaster 9000"), None);
        assert_eq!(name(""), None);
    }
}
