//! Reading a template's file: TOML into [`TemplateFile`], with the line of what is wrong. Everything is bounded
//! before it is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    FORMAT, FileFault, LAST_RANK, MOST_CLIENTS, MOST_DESCRIPTION_LENGTH, MOST_FILE_BYTES, MOST_FILES,
    MOST_NAME_LENGTH, MOST_PARAMETERS, NamedFile, TemplateFile, VERSION,
};
use crate::catalogue::{ParameterKey, Value};
use crate::file::LONGEST_FILE_NAME;
use crate::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};

const KEYS: &[&str] = &[
    "format",
    "version",
    "name",
    "description",
    "type",
    "rank",
    "clients",
    "software",
    "software-update",
    "secure-mode",
    "secrets",
    "parameters",
    "files",
];

/// Reads a file. What is left out has its usual value: no description, rank 1, all clients, software update
/// ignored, no wish for a secure mode; `format`, `version`, `name` and `type` are needed.
///
/// # Errors
/// The first thing that is wrong, with its line where it has one.
pub fn read(text: &str) -> Result<TemplateFile, FileFault> {
    if text.len() > MOST_FILE_BYTES {
        return Err(FileFault::TooLarge);
    }
    let table = DeTable::parse(text).map_err(|fault| FileFault::Form {
        line: line_of(text, &fault.span().unwrap_or_default()),
        message: fault.message().chars().take(200).collect(),
    })?;
    let head = Head { text, table: table.get_ref() };
    head.check_kind()?;
    if let Some(key) = head.table.keys().find(|key| !KEYS.contains(&key.get_ref().as_ref())) {
        return Err(FileFault::Unknown { line: line_of(text, &key.span()), key: short(key.get_ref()) });
    }
    let name = head.text_of("name", MOST_NAME_LENGTH, "a text of 1 to 255 characters in one line")?;
    let name = name.ok_or(FileFault::Missing { key: "name" })?;
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(head.wrong_key("name", "a text of 1 to 255 characters in one line"));
    }
    let kind = head.word("type", "\"default\" or \"onboarding\"", TemplateKind::parse)?;
    let update_words = "\"disabled\", \"ignored\", \"always\" or \"only-newer\"";
    let mode_words = "\"off\", \"no-pin\", \"default-pin\" or \"individual-pin\"";
    let description = head.text_of("description", MOST_DESCRIPTION_LENGTH, "a text of up to 4096 characters");
    Ok(TemplateFile {
        name,
        description: description?.unwrap_or_default(),
        kind: kind.ok_or(FileFault::Missing { key: "type" })?,
        rank: head.rank()?,
        clients: head.names("clients")?,
        software: head.names("software")?,
        software_update: head
            .word("software-update", update_words, SoftwareUpdate::parse)?
            .unwrap_or(SoftwareUpdate::Ignored),
        secure_mode: head.word("secure-mode", mode_words, SecureModeWish::parse)?,
        parameters: head.parameters()?,
        secrets: head.secrets()?,
        files: head.files()?,
    })
}

/// Number of the line a place lies in, from 1.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The tables of the file, and its text for counting lines.
struct Head<'a, 't> {
    text: &'a str,
    table: &'a DeTable<'t>,
}

impl<'a, 't> Head<'a, 't> {
    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    fn wrong(&self, value: &Spanned<DeValue<'_>>, key: &str, expected: &'static str) -> FileFault {
        FileFault::Wrong { line: line_of(self.text, &value.span()), key: short(key), expected }
    }

    fn wrong_key(&self, key: &'static str, expected: &'static str) -> FileFault {
        self.get(key).map_or(FileFault::Missing { key }, |value| self.wrong(value, key, expected))
    }

    fn check_kind(&self) -> Result<(), FileFault> {
        if self.get("format").and_then(|format| format.get_ref().as_str()) != Some(FORMAT) {
            return Err(FileFault::OtherFormat);
        }
        let version = self.get("version").ok_or(FileFault::Missing { key: "version" })?;
        if integer(version.get_ref()) == Some(VERSION) {
            Ok(())
        } else {
            Err(FileFault::OtherVersion { line: line_of(self.text, &version.span()) })
        }
    }

    fn text_of(
        &self,
        key: &'static str,
        most: usize,
        expected: &'static str,
    ) -> Result<Option<String>, FileFault> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.get_ref().as_str().filter(|text| text.chars().count() <= most);
        text.map(|text| Some(text.to_owned())).ok_or_else(|| self.wrong(value, key, expected))
    }

    fn word<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, FileFault> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let word = value.get_ref().as_str().and_then(parse);
        word.map(Some).ok_or_else(|| self.wrong(value, key, expected))
    }

    fn rank(&self) -> Result<u16, FileFault> {
        let Some(value) = self.get("rank") else { return Ok(1) };
        integer(value.get_ref())
            .and_then(|rank| u16::try_from(rank).ok())
            .filter(|rank| (1..=LAST_RANK).contains(rank))
            .ok_or_else(|| self.wrong(value, "rank", "a number from 1 to 999"))
    }

    /// The texts of a list that is not longer than allowed; none when the key is not there.
    fn texts(
        &self,
        key: &'static str,
        most: usize,
        expected: &'static str,
    ) -> Result<Vec<(&'a Spanned<DeValue<'t>>, &'a str)>, FileFault> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let entries = value.get_ref().as_array().ok_or_else(|| self.wrong(value, key, expected))?;
        if entries.len() > most {
            return Err(FileFault::TooMany { line: line_of(self.text, &value.span()), key, most });
        }
        let text = |entry: &'a Spanned<DeValue<'t>>| {
            let text = entry.get_ref().as_str();
            text.map(|text| (entry, text)).ok_or_else(|| self.wrong(entry, key, expected))
        };
        entries.iter().map(text).collect()
    }

    fn names(&self, key: &'static str) -> Result<Vec<String>, FileFault> {
        let expected = "a list of names of 1 to 255 characters";
        let name = |(entry, text): (&Spanned<DeValue<'_>>, &str)| {
            let good = !text.trim().is_empty()
                && text.chars().count() <= MOST_NAME_LENGTH
                && !text.contains(char::is_control);
            if good { Ok(text.to_owned()) } else { Err(self.wrong(entry, key, expected)) }
        };
        self.texts(key, MOST_CLIENTS, expected)?.into_iter().map(name).collect()
    }

    fn secrets(&self) -> Result<BTreeSet<ParameterKey>, FileFault> {
        let expected = "a list of ids of parameters, with [n] for an entry";
        let secret = |(entry, text): (&Spanned<DeValue<'_>>, &str)| {
            parameter_key(text).ok_or_else(|| self.wrong(entry, "secrets", expected))
        };
        self.texts("secrets", MOST_PARAMETERS, expected)?.into_iter().map(secret).collect()
    }

    fn files(&self) -> Result<Vec<NamedFile>, FileFault> {
        let Some(value) = self.get("files") else { return Ok(Vec::new()) };
        let expected = "tables: [[files]]";
        let entries = value.get_ref().as_array().ok_or_else(|| self.wrong(value, "files", expected))?;
        if entries.len() > MOST_FILES {
            let line = line_of(self.text, &value.span());
            return Err(FileFault::TooMany { line, key: "files", most: MOST_FILES });
        }
        entries.iter().map(|entry| self.file(entry)).collect()
    }

    fn file(&self, entry: &Spanned<DeValue<'_>>) -> Result<NamedFile, FileFault> {
        let expected = "tables: [[files]]";
        let table = entry.get_ref().as_table().ok_or_else(|| self.wrong(entry, "files", expected))?;
        if let Some(key) = table.keys().find(|key| !matches!(key.get_ref().as_ref(), "name" | "sha256")) {
            return Err(FileFault::Unknown {
                line: line_of(self.text, &key.span()),
                key: short(key.get_ref()),
            });
        }
        let name = table.get("name").ok_or(FileFault::Missing { key: "files.name" })?;
        let good = |text: &&str| {
            !text.trim().is_empty() && text.len() <= LONGEST_FILE_NAME && !text.contains(char::is_control)
        };
        let text = name.get_ref().as_str().filter(good);
        let text =
            text.ok_or_else(|| self.wrong(name, "files.name", "a text of 1 to 120 bytes in one line"))?;
        let Some(digits) = table.get("sha256") else {
            return Ok(NamedFile { name: text.to_owned(), sha256: None });
        };
        let hex = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let sha256 = digits.get_ref().as_str().filter(hex);
        let sha256 = sha256.ok_or_else(|| self.wrong(digits, "files.sha256", "64 hexadecimal digits"))?;
        Ok(NamedFile { name: text.to_owned(), sha256: Some(sha256.to_ascii_lowercase()) })
    }

    fn parameters(&self) -> Result<BTreeMap<ParameterKey, Value>, FileFault> {
        let Some(value) = self.get("parameters") else { return Ok(BTreeMap::new()) };
        let expected = "a table: [parameters]";
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong(value, "parameters", expected))?;
        if table.len() > MOST_PARAMETERS {
            let line = line_of(self.text, &value.span());
            return Err(FileFault::TooMany { line, key: "parameters", most: MOST_PARAMETERS });
        }
        let mut parameters = BTreeMap::new();
        for (key, value) in table {
            let id = key.get_ref();
            let parameter = parameter_key(id).ok_or_else(|| FileFault::Wrong {
                line: line_of(self.text, &key.span()),
                key: short(id),
                expected: "the id of a parameter in quotation marks, with [n] for an entry",
            })?;
            let value = value_of(value.get_ref()).ok_or_else(|| {
                self.wrong(value, id, "true, false, a whole number, a text or a list of texts")
            })?;
            parameters.insert(parameter, value);
        }
        Ok(parameters)
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn value_of(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Boolean(value) => Some(Value::Bool(*value)),
        DeValue::Integer(_) => integer(value).map(Value::Integer),
        DeValue::String(text) => Some(Value::Text(text.clone().into_owned())),
        DeValue::Array(entries) => {
            let texts = entries.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().map(Value::List)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// `id`, or `id[3]`; one spelling for each, so that no parameter stands in a file twice.
fn parameter_key(text: &str) -> Option<ParameterKey> {
    let (id, index) = match text.strip_suffix(']') {
        None => (text, None),
        Some(rest) => {
            let (id, digits) = rest.split_once('[')?;
            let index: u16 = digits.parse().ok().filter(|index: &u16| index.to_string() == digits)?;
            (id, Some(index))
        }
    };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let good = (1..=128).contains(&id.len()) && id.bytes().all(allowed);
    good.then(|| ParameterKey { parameter: id.to_owned(), index })
}
