//! Reading the data files into the catalogue: the rows of `parameters/`, their German texts, and the override
//! file of the server. Nothing else knows how the files look.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Area, Catalogue, Certainty, Choice, Delivery, ItemIndex, Kind, Parameter, RecordField, Section, Text,
    TextFormat, Value, ValueType,
};

/// Largest override file that is read, in bytes.
pub const MOST_OVERRIDE_BYTES: usize = 1_048_576;

/// Why the catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file is no YAML of the right form.
    #[error("could not read {file}: {message}")]
    Form {
        /// Which file.
        file: String,
        /// What is wrong, with the line.
        message: String,
    },
    /// A row is not complete or contradicts itself.
    #[error("could not take over {id} of {file}: {what}")]
    Row {
        /// Which file.
        file: String,
        /// Which row.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// The override file is too large.
    #[error("could not read the override file: it is larger than {MOST_OVERRIDE_BYTES} bytes")]
    TooLarge,
}

macro_rules! files {
    ($($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../../parameters/", $name, ".yaml")),
            include_str!(concat!("../../parameters/de/", $name, ".yaml"))),)+]
    };
}

/// Name, rows, German texts; in the order of OSEM's menu.
const FILES: &[(&str, &str, &str)] = files![
    "general",
    "integrations",
    "telephony",
    "audio",
    "features",
    "network",
    "mobile-user",
    "security",
    "diagnostics",
    "records",
];

const UNITS: &str = include_str!("../../parameters/de/units.yaml");

#[derive(Deserialize)]
struct File {
    menu: String,
    sections: Vec<RawSection>,
}

#[derive(Deserialize)]
struct RawSection {
    section: String,
    id: String,
    parameters: Vec<Raw>,
}

#[derive(Deserialize)]
struct Raw {
    id: String,
    label: String,
    kinds: Vec<Kind>,
    #[serde(rename = "type")]
    kind: String,
    help: String,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    value_help: BTreeMap<String, String>,
    default: Option<RawValue>,
    unit: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    min_length: Option<u16>,
    max_length: Option<u16>,
    format: Option<String>,
    indexed: Option<Indexed>,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    read_only: bool,
    item: Option<String>,
    item_source: String,
    item_index: Option<u16>,
    wire: Option<Wire>,
    wire_factor: Option<i64>,
    wire_divisor: Option<i64>,
    same_as: Option<String>,
    field: Option<RecordField>,
    wire_group: Option<String>,
    #[serde(default)]
    care: bool,
    #[serde(default)]
    restarts: bool,
    entry_offset: Option<i32>,
    separator: Option<String>,
    max_entries: Option<u16>,
}

#[derive(Deserialize)]
struct Indexed {
    min: Option<u16>,
    max: Option<u16>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum RawValue {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Wire {
    Choices(BTreeMap<String, String>),
    NoYes([String; 2]),
}

#[derive(Deserialize)]
struct German {
    menu: String,
    sections: BTreeMap<String, String>,
    parameters: BTreeMap<String, GermanTexts>,
}

#[derive(Clone, Default, Deserialize)]
struct GermanTexts {
    label: String,
    help: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    value_help: BTreeMap<String, String>,
}

/// The override file: parameters an administrator has mapped to items (D-13).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    #[serde(default)]
    parameters: BTreeMap<String, Override>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    item: String,
    index: Option<u16>,
    #[serde(default)]
    wire: Option<Wire>,
}

impl Catalogue {
    /// The built-in catalogue with an administrator's override file laid over it.
    ///
    /// # Errors
    /// When the override file is too large, no YAML of the right form, or names an unknown parameter.
    pub fn load(override_text: Option<&str>) -> Result<Self, CatalogueError> {
        let mut areas = read_areas()?;
        if let Some(text) = override_text {
            if text.len() > MOST_OVERRIDE_BYTES {
                return Err(CatalogueError::TooLarge);
            }
            apply(&mut areas, text)?;
        }
        Ok(Self::from_areas(areas))
    }
}

fn parse<'a, T: Deserialize<'a>>(file: &str, text: &'a str) -> Result<T, CatalogueError> {
    serde_saphyr::from_str(text)
        .map_err(|error| CatalogueError::Form { file: file.to_owned(), message: error.to_string() })
}

fn read_areas() -> Result<Vec<Area>, CatalogueError> {
    let units: BTreeMap<String, String> = parse("units", UNITS)?;
    let mut areas = Vec::with_capacity(FILES.len());
    // A row that stands on another's item may come before it, in any file.
    let mut shared: Vec<(String, String)> = Vec::new();
    for (name, rows, german) in FILES {
        let file: File = parse(name, rows)?;
        let german: German = parse(&format!("de/{name}"), german)?;
        let mut sections = Vec::with_capacity(file.sections.len());
        for section in file.sections {
            let title = Text {
                de: german.sections.get(&section.id).cloned().unwrap_or_default(),
                en: section.section,
            };
            let mut parameters = Vec::with_capacity(section.parameters.len());
            for raw in section.parameters {
                shared.extend(raw.same_as.clone().map(|other| (raw.id.clone(), other)));
                let texts = german.parameters.get(&raw.id).cloned().unwrap_or_default();
                parameters.push(Reader { file: name, units: &units, texts }.parameter(raw)?);
            }
            sections.push(Section { id: section.id, title, parameters });
        }
        areas.push(Area { id: (*name).to_owned(), title: Text { en: file.menu, de: german.menu }, sections });
    }
    for (id, other) in shared {
        share(&mut areas, &id, &other)?;
    }
    Ok(areas)
}

fn all(areas: &mut [Area]) -> impl Iterator<Item = &mut Parameter> {
    areas.iter_mut().flat_map(|area| &mut area.sections).flat_map(|section| &mut section.parameters)
}

fn share(areas: &mut [Area], id: &str, other: &str) -> Result<(), CatalogueError> {
    let fault = |what: String| CatalogueError::Row { file: "parameters".into(), id: id.to_owned(), what };
    let delivery =
        all(areas).find(|parameter| parameter.id == other).and_then(|parameter| parameter.delivery.clone());
    let delivery = delivery.ok_or_else(|| fault(format!("same_as names {other}, which has no item")))?;
    if let Some(parameter) = all(areas).find(|parameter| parameter.id == id) {
        parameter.delivery = Some(delivery);
        parameter.same_as = Some(other.to_owned());
    }
    Ok(())
}

struct Reader<'a> {
    file: &'a str,
    units: &'a BTreeMap<String, String>,
    texts: GermanTexts,
}

impl Reader<'_> {
    fn fault(&self, id: &str, what: impl Into<String>) -> CatalogueError {
        CatalogueError::Row { file: self.file.to_owned(), id: id.to_owned(), what: what.into() }
    }

    fn parameter(&self, raw: Raw) -> Result<Parameter, CatalogueError> {
        let value = self.value_type(&raw)?;
        let entries = raw.indexed.as_ref().map(|indexed| {
            let min = indexed.min.unwrap_or(1);
            (min, indexed.max.unwrap_or(100).max(min))
        });
        let delivery = self.delivery(&raw, entries.is_some())?;
        let unit = raw
            .unit
            .as_ref()
            .map(|unit| Text { en: unit.clone(), de: self.units.get(unit).cloned().unwrap_or_default() });
        let secret = raw.secret
            || raw.kind == "password"
            || delivery.as_ref().is_some_and(|delivery| crate::item::is_secret(&delivery.item));
        let default = raw.default.clone().map(|default| default_value(&value, default));
        Ok(Parameter {
            label: Text { en: raw.label, de: self.texts.label.clone() },
            help: Text { en: raw.help, de: self.texts.help.clone() },
            kinds: raw.kinds,
            value,
            default,
            unit,
            entries,
            secret,
            read_only: raw.read_only,
            care: raw.care,
            restarts: raw.restarts,
            same_as: None,
            delivery,
            id: raw.id,
        })
    }

    fn delivery(&self, raw: &Raw, repeated: bool) -> Result<Option<Delivery>, CatalogueError> {
        let Some(item) = raw.item.clone() else { return Ok(None) };
        let certainty = match raw.item_source.as_str() {
            "documented" => Certainty::Documented,
            "inferred" => Certainty::Inferred,
            other => return Err(self.fault(&raw.id, format!("an item with item_source {other}"))),
        };
        let index = match (repeated, raw.item_index) {
            (true, _) => ItemIndex::Entry(raw.entry_offset.unwrap_or(0)),
            (false, Some(index)) => ItemIndex::Fixed(index),
            (false, None) => ItemIndex::None,
        };
        let factor = raw.wire_factor.unwrap_or(1);
        let divisor = raw.wire_divisor.unwrap_or(1);
        if factor < 1 || divisor < 1 {
            return Err(self.fault(&raw.id, "wire_factor and wire_divisor start at 1"));
        }
        let (field, group) = (raw.field.clone(), raw.wire_group.clone());
        Ok(Some(Delivery { item, index, certainty, field, group, factor, divisor }))
    }

    fn value_type(&self, raw: &Raw) -> Result<ValueType, CatalogueError> {
        let number = |min: i64, max: i64| ValueType::Integer {
            min: raw.min.unwrap_or(min),
            max: raw.max.unwrap_or(max),
        };
        let text = |format, longest: u16| ValueType::Text {
            format,
            min_length: raw.min_length.unwrap_or(0),
            max_length: raw.max_length.unwrap_or(longest),
        };
        Ok(match raw.kind.as_str() {
            "bool" => ValueType::Bool { wire: self.no_yes(raw)? },
            "enum" => ValueType::Enum { choices: self.choices(raw)? },
            "integer" => number(0, i64::from(i32::MAX)),
            "duration" => number(0, 31_536_000),
            "port" => number(1, 65_535),
            "string" | "choice" | "password" if raw.format.as_deref() == Some("digits") => {
                text(TextFormat::Digits, 255)
            }
            "string" | "choice" | "password" => text(TextFormat::Any, 255),
            "phone-number" => text(TextFormat::PhoneNumber, 32),
            "ip" => text(TextFormat::Ip, 45),
            "host" => text(TextFormat::Host, 253),
            "url" => text(TextFormat::Url, 1_024),
            "email" => text(TextFormat::Email, 254),
            "timezone" => text(TextFormat::TimeZone, 64),
            "language" => text(TextFormat::Language, 16),
            "country" => text(TextFormat::Country, 2),
            "datetime" => text(TextFormat::DateTime, 32),
            "certificate" => text(TextFormat::Certificate, u16::MAX),
            "list" => ValueType::List {
                known: raw.values.clone(),
                format: TextFormat::Any,
                max_entries: raw.max_entries.unwrap_or(32),
                separator: raw.separator.clone().unwrap_or_else(|| ",".to_owned()),
            },
            other => return Err(self.fault(&raw.id, format!("unknown type {other}"))),
        })
    }

    fn no_yes(&self, raw: &Raw) -> Result<(String, String), CatalogueError> {
        match raw.wire.clone() {
            None => Ok(("false".to_owned(), "true".to_owned())),
            Some(Wire::NoYes([no, yes])) => Ok((no, yes)),
            Some(Wire::Choices(_)) => Err(self.fault(&raw.id, "a bool needs wire: [no, yes]")),
        }
    }

    fn choices(&self, raw: &Raw) -> Result<Vec<Choice>, CatalogueError> {
        let wire = match &raw.wire {
            None => BTreeMap::new(),
            Some(Wire::Choices(wire)) => wire.clone(),
            Some(Wire::NoYes(_)) => return Err(self.fault(&raw.id, "an enum needs a mapping")),
        };
        if let Some(stray) = wire.keys().find(|key| !raw.values.contains(key)) {
            return Err(self.fault(&raw.id, format!("wire names {stray}, which is no choice")));
        }
        Ok(raw.values.iter().map(|key| self.choice(raw, key, wire.get(key))).collect())
    }

    fn choice(&self, raw: &Raw, key: &str, wire: Option<&String>) -> Choice {
        let german = self.texts.values.get(key).cloned();
        Choice {
            key: key.to_owned(),
            label: Text { en: key.to_owned(), de: german.unwrap_or_else(|| key.to_owned()) },
            help: raw.value_help.get(key).map(|help| Text {
                en: help.clone(),
                de: self.texts.value_help.get(key).cloned().unwrap_or_default(),
            }),
            wire: wire.cloned(),
        }
    }
}

fn default_value(value: &ValueType, raw: RawValue) -> Value {
    match (value, raw) {
        (ValueType::Enum { .. } | ValueType::Text { .. }, RawValue::Integer(number)) => {
            Value::Text(number.to_string())
        }
        (_, RawValue::Bool(value)) => Value::Bool(value),
        (_, RawValue::Integer(value)) => Value::Integer(value),
        (_, RawValue::Text(value)) => Value::Text(value),
        (_, RawValue::List(value)) => Value::List(value),
    }
}

fn apply(areas: &mut [Area], text: &str) -> Result<(), CatalogueError> {
    let file = "the override file";
    let overrides: Overrides = parse(file, text)?;
    for (id, row) in overrides.parameters {
        let fault = |what: &str| CatalogueError::Row { file: file.into(), id: id.clone(), what: what.into() };
        let parameter = all(areas)
            .find(|parameter| parameter.id == id)
            .ok_or_else(|| fault("there is no such parameter"))?;
        if row.item.is_empty() || row.item.len() > 128 {
            return Err(fault("the item needs a name of at most 128 characters"));
        }
        let index = match (parameter.entries, row.index) {
            (Some(_), _) => ItemIndex::Entry(0),
            (None, Some(index)) => ItemIndex::Fixed(index),
            (None, None) => ItemIndex::None,
        };
        match (&mut parameter.value, row.wire) {
            (_, None) => {}
            (ValueType::Enum { choices }, Some(Wire::Choices(wire))) => {
                if let Some(stray) = wire.keys().find(|key| !choices.iter().any(|choice| choice.key == **key))
                {
                    return Err(fault(&format!("wire names {stray}, which is no choice")));
                }
                for choice in choices {
                    choice.wire = wire.get(&choice.key).cloned().or(choice.wire.take());
                }
            }
            (ValueType::Bool { wire }, Some(Wire::NoYes([no, yes]))) => *wire = (no, yes),
            _ => return Err(fault("wire does not fit the type of the parameter")),
        }
        parameter.secret |= crate::item::is_secret(&row.item);
        let certainty = Certainty::Mapped;
        parameter.delivery = Some(Delivery {
            item: row.item,
            index,
            certainty,
            field: None,
            group: None,
            factor: 1,
            divisor: 1,
        });
    }
    Ok(())
}
