//! The items simulated phones know, read from `data/items.tsv`.
//!
//! The columns are described at the head of that file. This is the phones' own list: the simulator must
//! not learn from the server's parameter catalogue what a phone knows.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use crate::models::Family;

const TABLE: &str = include_str!("../data/items.tsv");

/// Which instances an item has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Indexes {
    /// One value without an index.
    None,
    /// A fixed range.
    Range(RangeInclusive<u16>),
    /// The first level of the model's keys.
    Keys,
    /// The second level of the model's keys: 1000 higher.
    ShiftedKeys,
    /// Both levels of the plugged key modules (`wpi.md` §7.3).
    ModuleKeys,
}

/// What may be done with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reported, never writable.
    ReadOnly,
    /// Reported and writable.
    ReadWrite,
    /// Writable, never reported: secrets of later firmware (`wpi.md` §3.5).
    WriteOnly,
    /// A write does something and stores nothing (`wpi.md` §7.5).
    Command,
    /// Belongs into messages of another kind.
    Message,
}

/// What values an item takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// `true` or `false`.
    Boolean,
    /// A whole number in this range.
    Integer(RangeInclusive<i64>),
    /// One of these numbers.
    Choice(Vec<u16>),
    /// Text of so many characters.
    Text(RangeInclusive<usize>),
}

impl Check {
    /// Whether the item would take this value. "No value" is the empty text, so only texts may be empty.
    pub(crate) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Integer(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Self::Choice(numbers) => value.parse().is_ok_and(|number| numbers.contains(&number)),
            Self::Text(length) => length.contains(&value.chars().count()),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Name on the wire.
    pub(crate) name: &'static str,
    /// Instances.
    pub(crate) indexes: Indexes,
    /// The only family that has the item; `None` when both have it.
    pub(crate) family: Option<Family>,
    /// What may be done with it.
    pub(crate) access: Access,
    /// The item and its value that make this one writable; `None`: nothing else matters.
    pub(crate) writable_while: Option<(&'static str, &'static str)>,
    /// Whether it goes with every opening message (`wpi.md` §7.1).
    pub(crate) basic: bool,
    /// What values it takes.
    pub(crate) check: Check,
    /// Value pattern of a phone out of the box.
    pub(crate) factory: &'static str,
    /// Value patterns of a phone in service; one of them is taken.
    pub(crate) values: Vec<&'static str>,
}

/// The items that make others writable (column `access` of the table).
pub(crate) const SWITCHES: [&str; 2] = ["dhcp", "vlan-method"];

/// All items, in the order of reports.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The lines of the table.
    pub(crate) rows: Vec<Row>,
}

/// What fills a report up when more items are asked for than the table has.
pub(crate) static PADDING: LazyLock<Row> = LazyLock::new(|| Row {
    name: "simulated-item",
    indexes: Indexes::None,
    family: None,
    access: Access::ReadWrite,
    writable_while: None,
    basic: false,
    check: Check::Text(0..=255),
    factory: "",
    values: vec!["{index}"],
});

impl Catalogue {
    /// The table that is part of this crate. That every line of it can be read is a test of this file.
    pub(crate) fn embedded() -> &'static Self {
        static CATALOGUE: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue { rows: lines(TABLE).filter_map(row).collect() });
        &CATALOGUE
    }
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn row(line: &'static str) -> Option<Row> {
    let mut columns = line.split('\t');
    let mut next = || columns.next();
    let (name, indexes, family, access, check) = (next()?, next()?, next()?, next()?, next()?);
    let (factory, values) = (next()?, next()?);
    if next().is_some() || name.is_empty() {
        return None;
    }
    let (access, condition) = match access.split_once(':') {
        Some((access, condition)) => (access, Some(condition.split_once('=')?)),
        None => (access, None),
    };
    let (basic, access) = match access.strip_prefix("basic-") {
        Some(access) => (true, access),
        None => (false, access),
    };
    Some(Row {
        name,
        indexes: read_indexes(indexes)?,
        family: match family {
            "both" => None,
            "SIP" => Some(Family::Sip),
            "HFA" => Some(Family::Hfa),
            _ => return None,
        },
        access: match access {
            "ro" => Access::ReadOnly,
            "rw" => Access::ReadWrite,
            "wo" => Access::WriteOnly,
            "command" => Access::Command,
            "message" => Access::Message,
            _ => return None,
        },
        writable_while: condition,
        basic,
        check: read_check(check)?,
        factory,
        values: values.split('|').map(|value| if value == "=" { factory } else { value }).collect(),
    })
}

fn read_indexes(text: &str) -> Option<Indexes> {
    Some(match text {
        "-" => Indexes::None,
        "keys" => Indexes::Keys,
        "shifted-keys" => Indexes::ShiftedKeys,
        "module-keys" => Indexes::ModuleKeys,
        range => {
            let (from, to) = range.split_once('-')?;
            Indexes::Range(from.parse().ok()?..=to.parse().ok()?)
        }
    })
}

fn read_check(text: &str) -> Option<Check> {
    if text == "bool" {
        return Some(Check::Boolean);
    }
    let (kind, argument) = text.split_once(':')?;
    Some(match kind {
        "int" => {
            // The lower bound may be negative: the separator is the first dash behind a digit.
            let dash = argument.get(1..)?.find('-')? + 1;
            Check::Integer(argument.get(..dash)?.parse().ok()?..=argument.get(dash + 1..)?.parse().ok()?)
        }
        "enum" => Check::Choice(argument.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?),
        "text" => Check::Text(match argument.split_once('-') {
            Some((least, most)) => least.parse().ok()?..=most.parse().ok()?,
            None => 0..=argument.parse().ok()?,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_can_be_read() {
        let unreadable: Vec<_> = lines(TABLE).filter(|line| row(line).is_none()).collect();
        assert_eq!(unreadable, Vec::<&str>::new());
        assert!(Catalogue::embedded().rows.len() > 400);
    }

    #[test]
    fn every_fixed_value_passes_its_own_check() {
        for row in &Catalogue::embedded().rows {
            let fixed =
                row.values.iter().chain([&row.factory]).filter(|v| !v.contains('{') && !v.starts_with('!'));
            for value in fixed {
                let silent = matches!(row.access, Access::Command | Access::Message);
                assert!(silent || row.check.accepts(value), "{} does not take `{value}`", row.name);
            }
        }
    }

    #[test]
    fn basic_items_come_first_and_hold_what_section_7_1_demands() {
        let rows = &Catalogue::embedded().rows;
        let basic = rows.iter().take_while(|row| row.basic).count();
        assert_eq!(basic, rows.iter().filter(|row| row.basic).count());
        for name in ["device-type", "software-version", "contact-me-uri", "mac-addr", "e164"] {
            assert!(rows[..basic].iter().any(|row| row.name == name), "{name}");
        }
    }

    #[test]
    fn no_secret_can_be_read() {
        for row in &Catalogue::embedded().rows {
            let secret = ["pwd", "passwd", "password", "-pin"].iter().any(|word| row.name.ends_with(word));
            let readable = matches!(row.access, Access::ReadOnly | Access::ReadWrite);
            let harmless = row.name.starts_with("fault-");
            assert!(harmless || !(secret && readable), "{} is readable", row.name);
        }
    }

    #[test]
    fn what_makes_an_item_writable_is_a_value_its_item_takes() {
        let rows = &Catalogue::embedded().rows;
        let conditions: Vec<_> = rows.iter().filter_map(|row| row.writable_while).collect();
        assert_eq!(conditions.len(), 4);
        for (name, value) in conditions {
            let switch = rows.iter().find(|row| row.name == name).unwrap();
            assert!(SWITCHES.contains(&name) && switch.check.accepts(value), "{name}={value}");
            assert_eq!((switch.access, switch.writable_while), (Access::ReadWrite, None), "{name}");
        }
    }

    #[test]
    fn checks_refuse_what_the_item_cannot_hold() {
        let offset = read_check("int:-720-720").unwrap();
        assert!(offset.accepts("-720") && offset.accepts("60") && !offset.accepts("721"));
        assert!(!offset.accepts("") && !offset.accepts("x"));
        let choice = read_check("enum:0,3").unwrap();
        assert!(choice.accepts("3") && !choice.accepts("1"));
        assert!(!read_check("bool").unwrap().accepts("1"));
        assert!(read_check("text:2").unwrap().accepts("äö") && !read_check("text:2").unwrap().accepts("abc"));
        let password = read_check("text:6-24").unwrap();
        assert!(password.accepts("123456") && !password.accepts("12345") && !password.accepts(""));
        for wrong in ["int:", "int:5", "enum:a", "text:", "date", "text:-1"] {
            assert_eq!(read_check(wrong), None, "{wrong}");
        }
    }
}
