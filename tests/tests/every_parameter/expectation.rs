//! What a value must be on the wire, by the item table (`domain::item`), or by the standards for DSCP. The
//! catalogue's own texts and codec are not asked: they are what is tested (D-14).

use std::collections::BTreeMap;

use domain::catalogue::{Parameter, Value};
use domain::item::{self, ItemDescription};

/// Wordings of OSEM and of the item table that mean the same: item, choice, meaning.
const WORDINGS: &[(&str, &str, &str)] = &[
    ("line-rollover-type", "No Ringing", "no ring"),
    ("line-rollover-type", "Alert Ringing", "alert ring"),
    ("line-rollover-type", "Standard Ringing", "standard ring"),
    ("port1", "Any", "automatic"),
    ("port2", "Any", "automatic"),
    ("server-type", "OpenScape Voice", "HiQ8000/OpenScape Voice"),
];

/// The text a value has; `None` when the table does not say.
pub(crate) fn text(parameter: &Parameter, row: &ItemDescription, value: &Value) -> Option<String> {
    match value {
        Value::Bool(yes) => Some(no_yes(row)?[usize::from(*yes)].clone()),
        Value::Integer(number) => in_unit_of_table(parameter, row, *number),
        Value::Text(key) if is_choice(parameter) => choice(parameter, row, key),
        Value::Text(text) => Some(text.clone()),
        Value::List(_) => None,
    }
}

fn is_choice(parameter: &Parameter) -> bool {
    matches!(parameter.value, domain::catalogue::ValueType::Enum { .. })
}

/// `true;false`, or the two numbers of `0=server; 1=gateway`.
fn no_yes(row: &ItemDescription) -> Option<[String; 2]> {
    if row.values == "true;false" {
        return Some(["false".to_owned(), "true".to_owned()]);
    }
    let numbers: Vec<String> = pairs(row.values).into_keys().map(|number| number.to_string()).collect();
    numbers.try_into().ok()
}

/// The meanings of a values column, by their number; numbers it calls unsure are left out.
fn pairs(values: &str) -> BTreeMap<i64, String> {
    let (values, remark) = match values.rsplit_once(" (") {
        Some((rest, remark)) if remark.ends_with("unsure)") || remark == "inferred)" => (rest, remark),
        _ => (values, ""),
    };
    let unsure: Vec<i64> =
        remark.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let pair = |part: &str| {
        let (number, meaning) = part.split_once('=')?;
        let number = number.trim().parse().ok()?;
        (!unsure.contains(&number)).then(|| (number, meaning.trim().to_owned()))
    };
    values.split(';').filter_map(pair).collect()
}

/// Two wordings, told apart by letters and digits alone.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    plain(one) == plain(other)
}

fn choice(parameter: &Parameter, row: &ItemDescription, key: &str) -> Option<String> {
    if row.name.starts_with("l3qos-") {
        return dscp(key).map(|number| number.to_string());
    }
    if row.name == "alert" {
        return field_choice(parameter, row, key);
    }
    if let Some(unit) = unit_of_table(row) {
        let end = key.find(|c: char| !c.is_ascii_digit()).unwrap_or(key.len());
        let (number, own) = key.split_at(end);
        let own = milliseconds(own.trim()).or_else(|| unit_of(parameter)).unwrap_or(unit);
        let number = number.parse::<i64>().ok()? * own;
        return (number % unit == 0).then(|| (number / unit).to_string());
    }
    let means = |meaning: &str| is_same(key, meaning) || WORDINGS.contains(&(row.name, key, meaning));
    let found = pairs(row.values).into_iter().find(|(_, meaning)| means(meaning));
    // `0;2;3;4;5 (0=no limit)`: numbers that say what they are.
    let is_number = || row.values.split([';', ' ']).any(|number| number == key) && key.parse::<i64>().is_ok();
    let plain = || (row.name == "pwd-retries" && is_number()).then(|| key.to_owned());
    found.map(|(number, _)| number.to_string()).or_else(plain)
}

/// Choices of the fields of `alert`: melodies as `ringer-melody` numbers them, sequences as the row does.
fn field_choice(parameter: &Parameter, row: &ItemDescription, key: &str) -> Option<String> {
    let number: i64 = key.parse().ok()?;
    let known = match field_of(&parameter.id)? {
        "melody" => range(item::describe("ringer-melody")?)?.1 >= number,
        "sequence" => row.values.contains(&format!(" {number}=")),
        _ => false,
    };
    known.then(|| key.to_owned())
}

/// The field of `alert` that a parameter is, in the words of the item table.
pub(crate) fn field_of(id: &str) -> Option<&'static str> {
    Some(match id.strip_prefix("mobile-user.special-ringer.special-ringer-")? {
        "alert-info" => "name",
        "melody" => "melody",
        "tone" => "sequence",
        "tone-duration" => "duration",
        _ => return None,
    })
}

/// Position of a field in the record of its row: `name^melody^sequence^duration; …`.
pub(crate) fn position(row: &ItemDescription, field: &str) -> Option<usize> {
    row.values.split(';').next()?.split('^').position(|name| name == field)
}

/// DSCP of a code point: class selectors (RFC 2474 §4.2.2), assured (RFC 2597 §6) and expedited forwarding
/// (RFC 3246 §2.7), best effort; or the number itself.
fn dscp(key: &str) -> Option<i64> {
    let digits = |text: &str| text.bytes().map(|digit| i64::from(digit) - 48).collect::<Vec<_>>();
    match (key.get(..2), key.get(2..).map(digits).as_deref()) {
        (Some("BE"), _) => Some(0),
        (Some("EF"), _) => Some(46),
        (Some("CS"), Some([class])) => Some(class * 8),
        (Some("AF"), Some([class, drop])) => Some(class * 8 + drop * 2),
        _ => key.parse().ok(),
    }
}

fn milliseconds(unit: &str) -> Option<i64> {
    Some(match unit {
        "ms" | "milliseconds" => 1,
        "s" | "sec" | "seconds" => 1_000,
        "min" | "minutes" => 60_000,
        "hours" => 3_600_000,
        "days" => 86_400_000,
        _ => return None,
    })
}

fn unit_of(parameter: &Parameter) -> Option<i64> {
    milliseconds(&parameter.unit.as_ref()?.en)
}

/// `seconds`, `60-600 s`, `minutes, -720..720`.
fn unit_of_table(row: &ItemDescription) -> Option<i64> {
    let number = matches!(row.kind, "integer" | "enum/integer");
    number.then(|| row.values.split([' ', ',']).find_map(milliseconds))?
}

fn in_unit_of_table(parameter: &Parameter, row: &ItemDescription, number: i64) -> Option<String> {
    let (own, table) = (unit_of(parameter), unit_of_table(row));
    let (own, table) = own.zip(table).unwrap_or((1, 1));
    let scaled = number * own;
    let fits = scaled % table == 0 && permits(row, scaled / table);
    fits.then(|| (scaled / table).to_string())
}

/// `6-24`, `60-600 s`, `0-24, not 1`.
fn range(row: &ItemDescription) -> Option<(i64, i64)> {
    let (first, rest) = row.values.split_once('-')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((first.parse().ok()?, rest[..end].parse().ok()?))
}

/// What the table says of a number on the wire, beyond its unit.
fn permits(row: &ItemDescription, number: i64) -> bool {
    let even = row.values != "even number" || number % 2 == 0;
    let not = row.values.rsplit_once("not ").is_none_or(|(_, other)| other != number.to_string());
    // `alert`: "duration 0=continuous or 1-300 s".
    let in_range = range(row).is_none_or(|(least, most)| (least..=most).contains(&number));
    even && not && in_range
}
