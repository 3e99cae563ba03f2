//! From the value patterns of the item table to the values of one phone.
//!
//! A pattern is plain text or holds placeholders in braces. Values are made when they are asked for and
//! are the same each time, because all choices follow from the phone's seed and number.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use crate::dice::mix;
use crate::identity::Identity;
use crate::table::Slot;

/// What a phone has from DHCP: where it is and whom it calls. Survives a factory reset (`wpi.md` §1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The phone's own address.
    pub address: Ipv4Addr,
    /// Port of its contact-me listener (`wpi.md` §1.5).
    pub contact_me_port: u16,
    /// Host name or address of its provisioning server.
    pub server_host: String,
    /// Port of its provisioning server.
    pub server_port: u16,
}

impl Place {
    /// The value of `contact-me-uri`.
    #[must_use]
    pub fn contact_me_uri(&self) -> String {
        format!("http://{}:{}/contact_dls.html/ContactDLS", self.address, self.contact_me_port)
    }
}

struct Site {
    name: &'static str,
    country: &'static str,
    language: &'static str,
    country_code: &'static str,
    area_code: &'static str,
}

/// Where the phones of a fleet stand; invented offices in real towns.
const SITES: [Site; 4] = [
    Site { name: "berlin", country: "DE", language: "de", country_code: "49", area_code: "30" },
    Site { name: "munich", country: "DE", language: "de", country_code: "49", area_code: "89" },
    Site { name: "paris", country: "FR", language: "fr", country_code: "33", area_code: "1" },
    Site { name: "london", country: "GB", language: "en", country_code: "44", area_code: "20" },
];

/// What a programmable key of a phone in service does (numbers of `function-key-def`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Nothing,
    SelectedDialling,
    DoNotDisturb,
    Line,
    BusyLamp,
}

/// The value of a slot, before any write: of a phone out of the box or of one in service.
pub(crate) fn initial_value(
    identity: &Identity,
    place: &Place,
    slot: Slot,
    factory_fresh: bool,
) -> Cow<'static, str> {
    let choice = mix(mix(identity.seed, u64::from(identity.number)), name_hash(slot));
    let pattern = if factory_fresh {
        slot.row.factory
    } else {
        let values = &slot.row.values;
        values.get((choice % values.len().max(1) as u64) as usize).copied().unwrap_or_default()
    };
    if !pattern.contains('{') {
        return Cow::Borrowed(pattern);
    }
    let mut text = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
        text.push_str(&placeholder(identity, place, slot, name));
        rest = behind;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn placeholder(identity: &Identity, place: &Place, slot: Slot, name: &str) -> Cow<'static, str> {
    let flag = |is: bool| Cow::Borrowed(if is { "true" } else { "false" });
    let site = &SITES[(mix(identity.seed, u64::from(identity.number)) % SITES.len() as u64) as usize];
    let modules = |is: bool| if is { identity.key_modules } else { 0 };
    let model = identity.model.0;
    match name {
        "e164" => identity.e164.clone().into(),
        "mac" => identity.mac.to_string().into(),
        "host" => format!("phone-{}", identity.mac.plain().to_ascii_lowercase()).into(),
        "ip" => place.address.to_string().into(),
        "contact-me-uri" => place.contact_me_uri().into(),
        "server-host" => place.server_host.clone().into(),
        "server-port" => place.server_port.to_string().into(),
        "model" => model.device_type.into(),
        "family" => identity.family.software_type().into(),
        "firmware" => identity.firmware.clone().into(),
        "part-number" => identity.part_number.clone().into(),
        "gigabit" => flag(model.gigabit),
        "backlight" => (if model.backlight { "1" } else { "0" }).into(),
        "key-modules" if identity.key_modules == 0 || model.km15 => "".into(),
        "key-modules" => identity.key_modules.to_string().into(),
        "km15-modules" => modules(model.km15).to_string().into(),
        "slk-modules" => modules(model.device_type.ends_with("55G")).to_string().into(),
        "site" => site.name.into(),
        "site-country" => site.country.into(),
        "site-language" => site.language.into(),
        "site-country-code" => site.country_code.into(),
        "site-area-code" => site.area_code.into(),
        "index" => slot.index.map_or_else(String::new, |index| index.to_string()).into(),
        "key-def" => key_number(key(identity, slot)).into(),
        "key-label" => key_label(identity, slot),
        "key-dial" if key(identity, slot) == Key::SelectedDialling => colleague(identity, slot).into(),
        "key-led" if key(identity, slot) == Key::BusyLamp => colleague(identity, slot).into(),
        _ => "".into(),
    }
}

/// All items of one key must fit each other, so each asks here.
fn key(identity: &Identity, slot: Slot) -> Key {
    match slot.index {
        Some(1) => Key::Line,
        Some(index) if index < 1000 => match mix(key_seed(identity), u64::from(index)) % 5 {
            0 => Key::SelectedDialling,
            1 | 2 => Key::BusyLamp,
            3 => Key::DoNotDisturb,
            _ => Key::Nothing,
        },
        // The shifted level is free on most phones.
        _ => Key::Nothing,
    }
}

fn key_number(key: Key) -> &'static str {
    match key {
        Key::Nothing => "0",
        Key::SelectedDialling => "1",
        Key::DoNotDisturb => "25",
        Key::Line => "31",
        Key::BusyLamp => "59",
    }
}

fn key_label(identity: &Identity, slot: Slot) -> Cow<'static, str> {
    match key(identity, slot) {
        Key::Nothing => "".into(),
        Key::DoNotDisturb => "DND".into(),
        Key::Line => identity.e164.clone().into(),
        Key::SelectedDialling | Key::BusyLamp => format!("Desk {}", colleague(identity, slot)).into(),
    }
}

/// Number of a phone near this one in the fleet.
fn colleague(identity: &Identity, slot: Slot) -> String {
    let own: u64 = identity.e164.parse().unwrap_or(0);
    let distance = u64::from(slot.index.unwrap_or(1) % 100);
    own.saturating_add(distance).to_string()
}

fn key_seed(identity: &Identity) -> u64 {
    mix(identity.seed, u64::from(identity.number) << 8)
}

fn name_hash(slot: Slot) -> u64 {
    let index = slot.index.map_or(u64::MAX, u64::from);
    slot.row.name.bytes().fold(index, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::IdentityRules;
    use crate::table::ItemTable;

    fn phone(number: u32) -> (Identity, Place, ItemTable) {
        let identity = Identity::generate(&IdentityRules::default(), number).unwrap();
        let place = Place {
            address: Ipv4Addr::new(127, 10, 0, 1),
            contact_me_port: 8085,
            server_host: "server.example.net".to_owned(),
            server_port: 18443,
        };
        let table = ItemTable::new(&identity, 300);
        (identity, place, table)
    }

    #[test]
    fn every_value_of_every_model_passes_the_check_of_its_item() {
        for number in 0..210 {
            let (identity, place, table) = phone(number);
            for (_, slot) in table.slots() {
                for factory_fresh in [true, false] {
                    let value = initial_value(&identity, &place, slot, factory_fresh);
                    let exempt = value.starts_with('!') || slot.row.name.starts_with("file-");
                    let silent = matches!(
                        slot.row.access,
                        crate::catalogue::Access::Command | crate::catalogue::Access::Message
                    );
                    assert!(
                        exempt || silent || slot.row.check.accepts(&value),
                        "{}[{:?}] = `{value}`",
                        slot.row.name,
                        slot.index
                    );
                    assert!(!value.contains(['{', '}', '<', '&']), "{} = `{value}`", slot.row.name);
                }
            }
        }
    }

    #[test]
    fn the_items_of_one_key_fit_each_other() {
        let mut dialling = 0;
        for number in 0..60 {
            let (identity, place, table) = phone(number);
            for (_, slot) in table.slots().filter(|(_, slot)| slot.row.name == "function-key-def") {
                let of_key = |name: &str| {
                    let id = table.find(name, slot.index).unwrap();
                    initial_value(&identity, &place, table.slot(id).unwrap(), false).into_owned()
                };
                let dials = of_key("function-key-def") == "1";
                assert_eq!(dials, !of_key("select-dial").is_empty());
                assert_eq!(of_key("function-key-def") == "0", of_key("key-label-unicode").is_empty());
                dialling += u32::from(dials);
            }
        }
        assert!(dialling > 10);
    }

    #[test]
    fn phones_out_of_the_box_have_no_number_and_know_only_their_server() {
        let (identity, place, table) = phone(3);
        let value = |name: &str, fresh| {
            let id = table.find(name, None).unwrap();
            initial_value(&identity, &place, table.slot(id).unwrap(), fresh).into_owned()
        };
        assert_eq!(value("e164", true), "");
        assert_eq!(value("e164", false), "100003");
        assert_eq!(value("dls-addr", true), "server.example.net");
        assert_eq!(value("mac-addr", true), "00:1A:E8:10:00:03");
        assert_eq!(value("contact-me-uri", true), "http://127.10.0.1:8085/contact_dls.html/ContactDLS");
    }
}
