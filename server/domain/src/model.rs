//! Device models as data (D-2): one list used by everything that speaks of "client types".

use std::sync::LazyLock;

use serde::Deserialize;

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
    /// File types the model takes (`wpi.md` §4.6.2).
    pub file_types: Vec<String>,
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

    #[test]
    fn models_are_complete() {
        assert_eq!(models().len(), 21);
        for model in models() {
            assert_eq!(model_of(&model.device_type).map(|found| &found.name), Some(&model.name));
            assert_eq!(model_of(&model.name).map(|found| &found.name), Some(&model.name));
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
