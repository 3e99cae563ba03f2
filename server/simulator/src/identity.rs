//! Who a simulated phone is: what stays the same through restarts, writes and factory resets.
//!
//! Everything follows from a seed and the phone's number, so that two runs with the same seed have the
//! same phones. This file knows nothing of configuration items.

use serde::{Deserialize, Serialize};

use crate::address::{AddressError, MacAddress};
use crate::dice::Dice;
use crate::models::{Family, MODELS, ModelRef};

/// One phone's hardware, firmware and place in the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Place in the fleet, counted from 0.
    pub number: u32,
    /// Seed of all choices made for this phone, also of its item values.
    pub seed: u64,
    /// Hardware address, the key of the device.
    pub mac: MacAddress,
    /// Subscriber number of a phone in service.
    pub e164: String,
    /// Model.
    pub model: ModelRef,
    /// Firmware family; the model has it.
    pub family: Family,
    /// Firmware version (`wpi.md` §7.4).
    pub firmware: String,
    /// Part number with revision.
    pub part_number: String,
    /// Key modules plugged.
    pub key_modules: u8,
}

/// From what identities are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRules {
    /// Seed of all choices.
    pub seed: u64,
    /// Hardware address of phone 0; the next phones count up from it.
    pub first_mac: MacAddress,
    /// Subscriber number of phone 0; the next phones count up from it.
    pub first_number: u64,
    /// The models phones are taken from, in turn. Empty means all of [`MODELS`].
    pub models: Vec<ModelRef>,
    /// The one firmware family of all phones; `None` mixes four SIP phones to one HFA phone.
    pub family: Option<Family>,
}

impl Default for IdentityRules {
    /// Addresses of the vendor block 00:1A:E8 and six-digit numbers.
    fn default() -> Self {
        Self {
            seed: 1,
            first_mac: MacAddress([0x00, 0x1A, 0xE8, 0x10, 0x00, 0x00]),
            first_number: 100_000,
            models: Vec::new(),
            family: None,
        }
    }
}

impl Identity {
    /// The phone with this number. A model without the wished family gets the one it has.
    ///
    /// # Errors
    /// [`AddressError::MacExhausted`] when the vendor block ends before this number.
    pub fn generate(rules: &IdentityRules, number: u32) -> Result<Self, AddressError> {
        let mut dice = Dice::new(rules.seed, u64::from(number));
        let place = number as usize;
        let model = match rules.models.len() {
            0 => ModelRef(&MODELS[place % MODELS.len()]),
            many => rules.models[place % many],
        };
        let wished = rules.family.unwrap_or(if dice.below(5) == 0 { Family::Hfa } else { Family::Sip });
        let family = if model.firmware(wished).is_empty() { Family::Sip } else { wished };
        let versions = model.firmware(family);
        let firmware = versions.get(dice.below(versions.len() as u64) as usize).copied().unwrap_or_default();
        let part_number = format!("{}-{}", model.part_number, 1 + dice.below(20));
        // Most desks have no module; modules beyond the first are rare.
        let key_modules = match dice.below(10) {
            0 => model.key_modules,
            1 | 2 => model.key_modules.min(1),
            _ => 0,
        };
        let mac = rules
            .first_mac
            .plus(number)
            .ok_or(AddressError::MacExhausted { first: rules.first_mac, number })?;
        Ok(Self {
            number,
            seed: rules.seed,
            mac,
            e164: (rules.first_number.saturating_add(u64::from(number))).to_string(),
            model,
            family,
            firmware: firmware.to_owned(),
            part_number,
            key_modules,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn fleet(seed: u64, phones: u32) -> Vec<Identity> {
        let rules = IdentityRules { seed, ..IdentityRules::default() };
        (0..phones).map(|number| Identity::generate(&rules, number).unwrap()).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_phones_and_another_seed_other_ones() {
        assert_eq!(fleet(1, 100), fleet(1, 100));
        assert_ne!(fleet(1, 100), fleet(2, 100));
        assert_eq!(fleet(1, 200)[..100], fleet(1, 100)[..]);
    }

    #[test]
    fn hardware_addresses_and_numbers_are_unique() {
        let phones = fleet(1, 3000);
        assert_eq!(phones.iter().map(|p| p.mac).collect::<HashSet<_>>().len(), 3000);
        assert_eq!(phones.iter().map(|p| &p.e164).collect::<HashSet<_>>().len(), 3000);
        assert!(phones.iter().all(|p| p.mac.to_string().starts_with("00:1A:E8:") && p.e164.len() <= 15));
    }

    #[test]
    fn a_fleet_mixes_all_models_both_families_and_only_existing_firmware() {
        let phones = fleet(1, 420);
        assert_eq!(phones.iter().map(|p| p.model.device_type).collect::<HashSet<_>>().len(), 21);
        assert!(phones.iter().all(|p| p.model.firmware(p.family).contains(&p.firmware.as_str())));
        let hfa = phones.iter().filter(|p| p.family == Family::Hfa).count();
        assert!((40..120).contains(&hfa), "{hfa} of 420 are HFA");
        assert!(phones.iter().any(|p| p.key_modules == 2));
        assert!(phones.iter().all(|p| p.key_modules <= p.model.key_modules));
    }

    #[test]
    fn a_wished_model_and_family_is_kept_where_it_exists() {
        let named = |name| ModelRef(crate::Model::by_device_type(name).unwrap());
        let rules = IdentityRules {
            models: vec![named("OpenStage 40"), named("OpenScape Desk Phone CP710")],
            family: Some(Family::Hfa),
            ..IdentityRules::default()
        };
        let families: Vec<_> = (0..4).map(|n| Identity::generate(&rules, n).unwrap().family).collect();
        assert_eq!(families, [Family::Hfa, Family::Sip, Family::Hfa, Family::Sip]);
    }

    #[test]
    fn a_fleet_that_outgrows_the_vendor_block_is_refused() {
        let rules = IdentityRules {
            first_mac: MacAddress([0, 0x1A, 0xE8, 0xFF, 0xFF, 0xFE]),
            ..IdentityRules::default()
        };
        assert!(Identity::generate(&rules, 1).is_ok());
        assert!(matches!(Identity::generate(&rules, 2), Err(AddressError::MacExhausted { number: 2, .. })));
    }
}
