//! Where a programmable key sits on a phone, by the index its items have (`wpi.md` §7.3): on the phone or on a key module,
//! on the first or the shifted level, or one of the fixed keys. Pure; draws nothing.

use std::collections::BTreeSet;

/// Keys of a module.
const MODULE_KEYS: u16 = 12;
/// Most modules whose indexes are known.
pub const MODULES: u16 = 2;
/// Added for the shifted level.
const SHIFTED: u16 = 1_000;
/// Index of the key for forwarding.
pub const FORWARDING: u16 = 4_002;
/// Index of the key that ends a call.
pub const RELEASE: u16 = 4_003;

/// What a key sits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The phone itself.
    Phone,
    /// A key module, from 1.
    Module(u16),
    /// The keys with a function of their own.
    Fixed,
    /// Nobody says.
    Unknown,
}

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it sits on.
    pub part: Part,
    /// 1, or 2 when it is reached with the shift key.
    pub level: u16,
    /// Its number there, from 1.
    pub number: u16,
}

/// Where the key with this index is.
pub fn place_of(index: u16) -> Place {
    let fixed = |number| Place { part: Part::Fixed, level: 1, number };
    if index == FORWARDING {
        return fixed(1);
    }
    if index == RELEASE {
        return fixed(2);
    }
    let (level, base) = if index > SHIFTED { (2, index - SHIFTED) } else { (1, index) };
    let module = |number: u16| (module_base(number) + 1..=module_base(number) + MODULE_KEYS).contains(&base);
    let found = (1..=MODULES).find(|number| module(*number));
    match (base, found) {
        (_, Some(number)) => Place { part: Part::Module(number), level, number: base - module_base(number) },
        (1..=300, None) => Place { part: Part::Phone, level, number: base },
        _ => Place { part: Part::Unknown, level: 1, number: index },
    }
}

fn module_base(module: u16) -> u16 {
    200 + 100 * module
}

/// The index of a key.
fn index_of(part: Part, level: u16, number: u16) -> u16 {
    let base = match part {
        Part::Phone | Part::Unknown => number,
        Part::Module(module) => module_base(module) + number,
        Part::Fixed => return FORWARDING + number - 1,
    };
    if level > 1 { base + SHIFTED } else { base }
}

/// The keys to draw on a level, part by part: what the phone has, and everything that is used beyond that. `keys` are the
/// free keys of the phone, `modules` the modules attached to it.
pub fn field(level: u16, keys: u16, modules: u16, used: &BTreeSet<u16>) -> Vec<(Part, Vec<u16>)> {
    let beyond = |part: Part| {
        let own = used.iter().filter(move |index| place_of(**index).part == part);
        own.copied().collect::<Vec<u16>>()
    };
    let filled = |part: Part, known: u16| {
        let mut all: BTreeSet<u16> = (1..=known).map(|number| index_of(part, level, number)).collect();
        all.extend(beyond(part).into_iter().filter(|index| place_of(*index).level == level));
        (part, all.into_iter().collect::<Vec<u16>>())
    };
    let mut field = vec![filled(Part::Phone, keys)];
    for module in 1..=MODULES {
        field.push(filled(Part::Module(module), if module <= modules { MODULE_KEYS } else { 0 }));
    }
    if level == 1 {
        field.push((Part::Fixed, vec![FORWARDING, RELEASE]));
        field.push((Part::Unknown, beyond(Part::Unknown)));
    }
    field.retain(|(_, keys)| !keys.is_empty());
    field
}

/// How many key modules are attached, of the words a phone reports: `2`, or `KM15 1`.
pub fn modules(reported: &str) -> Option<u16> {
    reported.split_whitespace().next_back()?.parse().ok()
}

/// What belongs to a function, by the ends of the ids of its parameters; the others are further fields. As far as the
/// item table says which function an item is for.
pub fn fields_of(function: &str) -> &'static [&'static str] {
    match function {
        "Selected dialling" => &["keys.selected-number"],
        "Repertory dial" => &["keys.repertory-digits"],
        "Forwarding" => &["keys.forwarding-type", "keys.forwarding-destination"],
        "Deflect" => &["keys.deflect-destination"],
        "Feature toggle" => &["keys.feature-code", "keys.led-control-uri"],
        "Send DTMF" => &["keys.dtmf-sequence"],
        "BLF" => &["keys.blf-audible", "keys.blf-popup"],
        "Start application" => &["keys.application"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Place, field, modules, place_of};
    use std::collections::BTreeSet;

    #[test]
    fn an_index_says_where_the_key_is() {
        let place = |part, level, number| Place { part, level, number };
        assert_eq!(place_of(7), place(Part::Phone, 1, 7));
        assert_eq!(place_of(1_009), place(Part::Phone, 2, 9));
        assert_eq!(place_of(301), place(Part::Module(1), 1, 1));
        assert_eq!(place_of(1_412), place(Part::Module(2), 2, 12));
        assert_eq!(place_of(4_003), place(Part::Fixed, 1, 2));
        assert_eq!(place_of(413).part, Part::Unknown);
        assert_eq!(place_of(3_000), place(Part::Unknown, 1, 3_000));
    }

    #[test]
    fn a_field_has_the_keys_of_the_phone_and_those_that_are_used() {
        let used = BTreeSet::from([3, 12, 1_002, 405, 2_500]);
        let first = field(1, 8, 1, &used);
        assert_eq!(first[0], (Part::Phone, (1..=8).chain([12]).collect()));
        assert_eq!(first[1].1.len(), 12);
        assert_eq!(first[2], (Part::Module(2), vec![405]));
        assert_eq!(first[3..], [(Part::Fixed, vec![4_002, 4_003]), (Part::Unknown, vec![2_500])]);
        assert_eq!(field(2, 0, 0, &used), [(Part::Phone, vec![1_002])]);
    }

    #[test]
    fn attached_modules_are_counted() {
        assert_eq!((modules("2"), modules("KM15 1"), modules("none")), (Some(2), Some(1), None));
    }
}
