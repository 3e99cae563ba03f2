//! The 21 models a simulated fleet is mixed from (`wpi.md` §7.3, §7.4), as data.
//!
//! Only what changes a phone's answers stands here. Firmware versions follow the form of §7.4 and, like
//! the part numbers beyond the OpenStage ones, are plausible rather than taken from a list.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Firmware family, as the item `software-type` names it (`wpi.md` §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// `Siemens SIP`.
    #[serde(rename = "SIP")]
    Sip,
    /// `Siemens HFA`.
    #[serde(rename = "HFA")]
    Hfa,
}

impl Family {
    /// The value of `software-type`.
    #[must_use]
    pub fn software_type(self) -> &'static str {
        match self {
            Self::Sip => "Siemens SIP",
            Self::Hfa => "Siemens HFA",
        }
    }
}

impl FromStr for Family {
    type Err = UnknownWord;

    /// `SIP` or `HFA`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text.to_ascii_uppercase().as_str() {
            "SIP" => Ok(Self::Sip),
            "HFA" => Ok(Self::Hfa),
            _ => Err(UnknownWord::new("firmware family", text)),
        }
    }
}

/// A word that names no known model, family or mishap.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is no {what} of the simulated phones")]
pub struct UnknownWord {
    what: &'static str,
    text: String,
}

impl UnknownWord {
    pub(crate) fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: text.chars().take(60).collect() }
    }
}

/// One phone model.
#[derive(Debug)]
pub struct Model {
    /// The value of `device-type`.
    pub device_type: &'static str,
    /// Free keys of the first level; the shifted level has as many.
    pub keys: u16,
    /// Most key modules of twelve keys that can be plugged.
    pub key_modules: u8,
    /// Whether its modules are the small ones reported as `km15-modules`.
    pub km15: bool,
    /// Gigabit hardware (`gigabit-ethernet-enabled`).
    pub gigabit: bool,
    /// Display backlight (`backlight-type` 1).
    pub backlight: bool,
    /// Part number without its revision (`part-number`).
    pub part_number: &'static str,
    /// Firmware versions of the SIP family, oldest first; never empty.
    pub sip_firmware: &'static [&'static str],
    /// Firmware versions of the HFA family, oldest first; empty where that family does not exist.
    pub hfa_firmware: &'static [&'static str],
}

const OPENSTAGE_SIP: &[&str] = &["V3 R3.24.0", "V3 R5.12.0", "V3 R5.16.0", "V3 R5.21.0"];
const OPENSTAGE_HFA: &[&str] = &["V3 R0.32.0", "V3 R0.40.5", "V3 R0.42.0"];
const CP_FIRST_SIP: &[&str] = &["V1 R5.4.0", "V1 R10.2.2", "V1 R11.1.5"];
const CP_FIRST_HFA: &[&str] = &["V1 R5.2.0", "V1 R10.1.0", "V1 R11.1.2"];
const CP_SECOND_SIP: &[&str] = &["V2 R0.11.0", "V2 R1.2.3", "V2 R1.5.0"];
const CP_SECOND_HFA: &[&str] = &["V2 R0.11.0", "V2 R1.2.1"];
const NONE: &[&str] = &[];

const fn model(
    device_type: &'static str,
    (keys, key_modules): (u16, u8),
    (gigabit, backlight): (bool, bool),
    part_number: &'static str,
    (sip_firmware, hfa_firmware): (&'static [&'static str], &'static [&'static str]),
) -> Model {
    let km15 = false;
    Model {
        device_type,
        keys,
        key_modules,
        km15,
        gigabit,
        backlight,
        part_number,
        sip_firmware,
        hfa_firmware,
    }
}

const OPENSTAGE: (&[&str], &[&str]) = (OPENSTAGE_SIP, OPENSTAGE_HFA);
const CP_FIRST: (&[&str], &[&str]) = (CP_FIRST_SIP, CP_FIRST_HFA);
const CP_SECOND: (&[&str], &[&str]) = (CP_SECOND_SIP, CP_SECOND_HFA);

/// All models, oldest line first. CP110 and the CP700 line have no HFA firmware (`wpi.md` §7.3).
pub static MODELS: [Model; 21] = [
    Model { km15: true, ..model("OpenStage 15", (8, 1), (false, false), "S30817-S7400-A101", OPENSTAGE) },
    model("OpenStage 20", (0, 0), (false, false), "S30817-S7401-A101", OPENSTAGE),
    model("OpenStage 20E", (0, 0), (false, false), "S30817-S7401-A107", OPENSTAGE),
    model("OpenStage 40", (6, 2), (true, true), "S30817-S7402-A103", OPENSTAGE),
    model("OpenStage 60", (8, 2), (true, true), "S30817-S7403-A101", OPENSTAGE),
    model("OpenStage 80", (9, 2), (true, true), "S30817-S7404-A103", OPENSTAGE),
    model("OpenScape Desk Phone IP 35G", (3, 0), (true, false), "S30817-S7707-A101", OPENSTAGE),
    model("OpenScape Desk Phone IP 35G Eco", (3, 0), (true, false), "S30817-S7707-A107", OPENSTAGE),
    model("OpenScape Desk Phone IP 55G", (8, 2), (true, true), "S30817-S7708-A101", OPENSTAGE),
    model("OpenScape Desk Phone CP100", (3, 0), (false, false), "S30853-H4001-R101", CP_FIRST),
    model("OpenScape Desk Phone CP110", (3, 0), (false, false), "S30853-H4011-R101", (CP_SECOND_SIP, NONE)),
    model("OpenScape Desk Phone CP200", (4, 0), (true, false), "S30817-S7720-A101", CP_FIRST),
    model("OpenScape Desk Phone CP205", (4, 0), (true, false), "S30817-S7721-A101", CP_FIRST),
    model("OpenScape Desk Phone CP210", (4, 0), (true, false), "S30817-S7730-A101", CP_SECOND),
    model("OpenScape Desk Phone CP400", (16, 2), (true, true), "S30817-S7722-A101", CP_FIRST),
    model("OpenScape Desk Phone CP410", (16, 2), (true, true), "S30817-S7732-A101", CP_SECOND),
    model("OpenScape Desk Phone CP600", (8, 2), (true, true), "S30817-S7723-A101", CP_FIRST),
    model("OpenScape Desk Phone CP600E", (8, 2), (true, true), "S30817-S7724-A101", CP_FIRST),
    model("OpenScape Desk Phone CP700", (8, 2), (true, true), "S30817-S7725-A101", (CP_FIRST_SIP, NONE)),
    model("OpenScape Desk Phone CP700X", (8, 2), (true, true), "S30817-S7726-A101", (CP_FIRST_SIP, NONE)),
    model("OpenScape Desk Phone CP710", (8, 2), (true, true), "S30817-S7736-A101", (CP_SECOND_SIP, NONE)),
];

impl Model {
    /// The model with this `device-type`, compared exactly.
    #[must_use]
    pub fn by_device_type(device_type: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.device_type == device_type)
    }

    /// Firmware versions of a family, oldest first; empty when the model does not have the family.
    #[must_use]
    pub fn firmware(&self, family: Family) -> &'static [&'static str] {
        match family {
            Family::Sip => self.sip_firmware,
            Family::Hfa => self.hfa_firmware,
        }
    }
}

/// A reference into [`MODELS`] that is stored by its `device-type`.
#[derive(Clone, Copy, Debug)]
pub struct ModelRef(pub &'static Model);

impl PartialEq for ModelRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.device_type == other.0.device_type
    }
}

impl Eq for ModelRef {}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.device_type)
    }
}

impl std::ops::Deref for ModelRef {
    type Target = Model;

    fn deref(&self) -> &Model {
        self.0
    }
}

impl FromStr for ModelRef {
    type Err = UnknownWord;

    /// The whole `device-type` or its last words (`CP710`, `35G Eco`), without regard to case.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let wished = text.to_ascii_lowercase();
        let fits = |model: &&Model| {
            let name = model.device_type.to_ascii_lowercase();
            name == wished || name.strip_suffix(&wished).is_some_and(|before| before.ends_with(' '))
        };
        MODELS.iter().find(fits).map(ModelRef).ok_or_else(|| UnknownWord::new("model", text))
    }
}

impl Serialize for ModelRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.device_type)
    }
}

impl<'de> Deserialize<'de> for ModelRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Model::by_device_type(&text)
            .map(ModelRef)
            .ok_or_else(|| de::Error::unknown_variant(&text, &["a device-type of the simulated models"]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_21_models_are_different_and_all_have_sip_firmware() {
        let names: HashSet<_> = MODELS.iter().map(|model| model.device_type).collect();
        assert_eq!(names.len(), 21);
        let parts: HashSet<_> = MODELS.iter().map(|model| model.part_number).collect();
        assert_eq!(parts.len(), 21);
        assert!(MODELS.iter().all(|model| !model.sip_firmware.is_empty()));
    }

    #[test]
    fn firmware_versions_have_the_form_of_section_7_4() {
        for version in MODELS.iter().flat_map(|m| m.sip_firmware.iter().chain(m.hfa_firmware)) {
            let (major, minor) = version.split_once(' ').unwrap();
            assert!(major.strip_prefix('V').unwrap().parse::<u8>().is_ok(), "{version}");
            let parts: Vec<_> = minor.strip_prefix('R').unwrap().split('.').collect();
            assert_eq!(parts.len(), 3, "{version}");
            assert!(parts.iter().all(|part| part.parse::<u8>().is_ok()), "{version}");
        }
    }

    #[test]
    fn models_and_families_are_found_by_the_names_people_type() {
        let model = |text: &str| text.parse::<ModelRef>().map(|model| model.0.device_type);
        assert_eq!(model("cp700"), Ok("OpenScape Desk Phone CP700"));
        assert_eq!(model("20E"), Ok("OpenStage 20E"));
        assert_eq!(model("35g eco"), Ok("OpenScape Desk Phone IP 35G Eco"));
        assert_eq!(model("OpenStage 80"), Ok("OpenStage 80"));
        assert!(model("0").is_err() && model("").is_err());
        assert_eq!("hfa".parse::<Family>(), Ok(Family::Hfa));
        assert!("PSTN".parse::<Family>().is_err());
    }

    #[test]
    fn models_without_hfa_are_those_of_section_7_3() {
        let without: Vec<_> = MODELS
            .iter()
            .filter(|model| model.firmware(Family::Hfa).is_empty())
            .map(|model| model.device_type.rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(without, ["CP110", "CP700", "CP700X", "CP710"]);
    }
}
