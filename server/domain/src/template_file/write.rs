//! Writing a template's file, for people to read and to keep under version control: equal templates give equal
//! texts, in the order of the catalogue, with the name of every parameter behind it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::{FORMAT, TemplateFile, VERSION};
use crate::catalogue::{Catalogue, Parameter, ParameterKey, Value};

/// The text of a file. Parameters the catalogue does not know come last.
///
/// The limits of [`super::read()`] hold for templates anyway; they are not asked here.
pub fn write(template: &TemplateFile, catalogue: &Catalogue) -> String {
    let mut out = String::with_capacity(1_024);
    head(&mut out, template);
    if !template.secrets.is_empty() {
        out.push_str(
            "\n# Secrets of the template; their values are not in the file. Set them after importing it.\n",
        );
        out.push_str("secrets = [\n");
        for key in &template.secrets {
            let label = catalogue.parameter(&key.parameter).map(comment).unwrap_or_default();
            put(&mut out, format_args!("  {},{label}\n", quoted(&key.to_string())));
        }
        out.push_str("]\n");
    }
    out.push_str("\n[parameters]\n");
    parameters(&mut out, &template.parameters, catalogue);
    for (place, file) in template.files.iter().enumerate() {
        out.push_str(if place == 0 {
            "\n# Files for phones; upload them before importing this where they are not.\n[[files]]\n"
        } else {
            "\n[[files]]\n"
        });
        put(&mut out, format_args!("name = {}\n", quoted(&file.name)));
        if let Some(sha256) = &file.sha256 {
            put(&mut out, format_args!("sha256 = {}\n", quoted(sha256)));
        }
    }
    out
}

/// Writing to a text cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "a text takes everything");
}

fn head(out: &mut String, template: &TemplateFile) {
    put(out, format_args!("format = \"{FORMAT}\"\nversion = {VERSION}\n\n"));
    put(out, format_args!("name = {}\n", quoted(&template.name)));
    put(out, format_args!("description = {}\n", quoted(&template.description)));
    put(out, format_args!("type = \"{}\"\n", template.kind.as_str()));
    put(out, format_args!("rank = {} # 1 is the strongest\n", template.rank));
    put(out, format_args!("clients = {} # models; none: all\n", list(&template.clients)));
    put(out, format_args!("software = {} # SIP, HFA; none: all\n", list(&template.software)));
    put(out, format_args!("software-update = \"{}\"\n", template.software_update.as_str()));
    if let Some(wish) = template.secure_mode {
        put(out, format_args!("secure-mode = \"{}\"\n", wish.as_str()));
    }
}

fn parameters(out: &mut String, values: &BTreeMap<ParameterKey, Value>, catalogue: &Catalogue) {
    let mut known: HashMap<&str, Vec<(&ParameterKey, &Value)>> = HashMap::new();
    for (key, value) in values {
        known.entry(&key.parameter).or_default().push((key, value));
    }
    for area in catalogue.areas() {
        for section in &area.sections {
            let mut titled = false;
            for parameter in &section.parameters {
                for (key, value) in known.remove(parameter.id.as_str()).unwrap_or_default() {
                    if !titled {
                        let title = format!("{}: {}", area.title.en, section.title.en);
                        put(out, format_args!("\n# {}\n", one_line(&title)));
                        titled = true;
                    }
                    line(out, key, value, &comment(parameter));
                }
            }
        }
    }
    let mut others: Vec<_> = known.into_values().flatten().collect();
    others.sort();
    if !others.is_empty() {
        out.push_str("\n# Not in the catalogue\n");
    }
    for (key, value) in others {
        line(out, key, value, "");
    }
}

fn line(out: &mut String, key: &ParameterKey, value: &Value, comment: &str) {
    put(out, format_args!("{} = {}{comment}\n", quoted(&key.to_string()), of_value(value)));
}

/// ` # Registration timer (seconds)`.
fn comment(parameter: &Parameter) -> String {
    let unit = parameter.unit.as_ref().map(|unit| format!(" ({})", unit.en)).unwrap_or_default();
    // Some names end in their unit.
    let unit = if parameter.label.en.ends_with(')') { String::new() } else { unit };
    format!(" # {}{}", one_line(&parameter.label.en), one_line(&unit))
}

fn one_line(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

fn of_value(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => quoted(text),
        Value::List(entries) => list(entries),
    }
}

fn list(entries: &[String]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| quoted(entry)).collect();
    format!("[{}]", entries.join(", "))
}

/// A TOML basic string; one with line breaks stands on several lines.
fn quoted(text: &str) -> String {
    let lines = text.contains('\n');
    let mut quoted = String::with_capacity(text.len() + 8);
    // The break behind the opening quotation marks is none of the text.
    quoted.push_str(if lines { "\"\"\"\n" } else { "\"" });
    for character in text.chars() {
        match character {
            '\n' => quoted.push('\n'),
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                put(&mut quoted, format_args!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push_str(if lines { "\"\"\"" } else { "\"" });
    quoted
}
