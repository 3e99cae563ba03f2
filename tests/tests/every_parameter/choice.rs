//! Which value a parameter is to get in the tests: one that the phone does not have yet, and of which the item table
//! says what it is on the wire; or why there is none.

use domain::catalogue::{Kind, Parameter, TextFormat, Value, ValueType};
use domain::item::{self, ItemDescription};

use super::expectation;

/// A parameter, or one entry of it, with the value it gets.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Id of the parameter.
    pub(crate) parameter: String,
    /// Number of the entry.
    pub(crate) entry: Option<u16>,
    /// The value.
    pub(crate) value: Value,
    /// Name of the item.
    pub(crate) item: String,
    /// Its index.
    pub(crate) index: Option<u16>,
    /// Text on the wire; of a field of a record, the text of the field.
    pub(crate) text: String,
    /// Position of the field.
    pub(crate) field: Option<usize>,
    /// Whether it is never shown.
    pub(crate) secret: bool,
}

/// What a phone has: the present text of an item.
pub(crate) type Has<'a> = &'a dyn Fn(&str, Option<u16>) -> Option<String>;

/// The cases of a parameter for one kind of client: one, or the first and the last entry that the phone has.
///
/// # Errors
/// The reason why there is none.
pub(crate) fn cases(
    parameter: &Parameter,
    kind: Kind,
    has: Has<'_>,
    number: &mut usize,
) -> Result<Vec<Case>, &'static str> {
    if !parameter.is_for(kind) {
        return Err("not for this kind of client");
    }
    if parameter.read_only {
        return Err("only reported");
    }
    let row = item_of(parameter);
    let mut entries = vec![None];
    if let Some((first, last)) = parameter.entries {
        let there = |entry: &u16| item_and_index(parameter, Some(*entry), has).is_some();
        let all: Vec<u16> = (first..=last).filter(there).collect();
        entries =
            all.first().into_iter().chain(all.last().filter(|_| all.len() > 1)).copied().map(Some).collect();
    }
    let mut cases = Vec::new();
    for entry in entries {
        let (index, present) =
            item_and_index(parameter, entry, has).ok_or("not an item of the simulated phone")?;
        *number += 1;
        let (value, text, field) = value(parameter, row, &present, *number).ok_or("no wire value known")?;
        let (item, secret) = (row.name.to_owned(), parameter.secret);
        cases.push(Case { parameter: parameter.id.clone(), entry, value, item, index, text, field, secret });
    }
    if cases.is_empty() { Err("not an item of the simulated phone") } else { Ok(cases) }
}

/// The row of the item table that a parameter stands on.
fn item_of(parameter: &Parameter) -> &'static ItemDescription {
    let name = &parameter.delivery.as_ref().expect("deliverable").item;
    item::describe(name).unwrap_or_else(|| panic!("{name} is not in the item table"))
}

/// Index of the item, and its present text.
fn item_and_index(parameter: &Parameter, entry: Option<u16>, has: Has<'_>) -> Option<(Option<u16>, String)> {
    let (name, index) = parameter.item_of(entry)?;
    has(name, index).map(|text| (index, text))
}

type Chosen = (Value, String, Option<usize>);

fn value(
    parameter: &Parameter,
    row: &'static ItemDescription,
    present: &str,
    number: usize,
) -> Option<Chosen> {
    let field = expectation::field_of(&parameter.id).and_then(|field| expectation::position(row, field));
    let present = match field {
        Some(position) => present.split('^').nth(position).unwrap_or_default(),
        None => present,
    };
    candidates(parameter, row, present, number).into_iter().find_map(|value| {
        let text = expectation::text(parameter, row, &value)?;
        (text != present).then_some((value, text, field))
    })
}

/// Values in the order of liking. Every text is another one, so that no two parameters can be mixed up.
fn candidates(parameter: &Parameter, row: &ItemDescription, present: &str, number: usize) -> Vec<Value> {
    match &parameter.value {
        ValueType::Bool { .. } => vec![Value::Bool(true), Value::Bool(false)],
        ValueType::Enum { choices } => choices.iter().map(|choice| Value::Text(choice.key.clone())).collect(),
        ValueType::Integer { min, max } => {
            let next = present.parse::<i64>().map_or(*min, |present| present + 1);
            let all = [next, next + 1, *min, min + 1, *max];
            all.into_iter().filter(|value| (min..=max).contains(&value)).map(Value::Integer).collect()
        }
        ValueType::Text { format, .. } => vec![Value::Text(words(parameter, row, *format, number))],
        ValueType::List { .. } => Vec::new(),
    }
}

fn words(parameter: &Parameter, row: &ItemDescription, format: TextFormat, number: usize) -> String {
    if parameter.secret && format != TextFormat::Certificate {
        // Every policy for passwords is kept, with no digit twice in a row.
        let digits = |base: usize| number / base % 10;
        return format!("Kp{}v{}w{}-ok.", digits(100), digits(10), digits(1));
    }
    match (format, row.values) {
        (TextFormat::Digits | TextFormat::PhoneNumber, _) | (_, "digits") => format!("4711{number}"),
        (_, "digits * # a-d") => format!("12*#ad{number}"),
        (_, "+...") => format!("+{number}"),
        (TextFormat::Host, _) => format!("h{number}.example.net"),
        (TextFormat::Ip, _) => format!("192.0.2.{}", number % 250 + 1),
        (TextFormat::Url, _) => format!("https://h{number}.example.net/x?a=1&b=2"),
        (TextFormat::Language, _) => "it".to_owned(),
        (TextFormat::Country, _) => "CH".to_owned(),
        (TextFormat::Certificate, _) => format!("MIIK{number:04}"),
        // What must be escaped in XML and what needs more than one byte arrives too.
        _ => format!("<{number}> & \"ä\""),
    }
}
