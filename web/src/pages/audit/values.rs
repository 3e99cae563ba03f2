//! What a record notes, as somebody reads it: names of fields, before and after, words of the API, times.

use domain::catalogue::{Catalogue, Parameter, Value as ParameterValue};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::components::diff::DiffLine;
use crate::format;
use crate::pages::configuration::words;
use crate::texts::{self, Language, lang};

/// Most numbers of a list that are named.
const MOST_NAMED: usize = 10;

/// Tables in which the words of a field stand; the first that knows one counts.
const TABLES: [(&str, &[&str]); 9] = [
    ("roles", &["role"]),
    ("kind", &["job-kind", "template-kind"]),
    ("action", &["job-kind", "audit-value"]),
    ("state", &["job-state", "client-state"]),
    ("reason", &["contact-reason", "quarantine-reason", "reason", "audit-value"]),
    ("secure_mode", &["secure-mode", "secure-mode-wish"]),
    ("software_update", &["software-update"]),
    ("factor", &["audit-value"]),
    ("value", &["setting-choice"]),
];

/// Name of a field, in words where there are some.
pub(super) fn field(name: &str) -> String {
    texts::find(lang(), "audit-field", name).map_or_else(|| name.replace('_', " "), str::to_owned)
}

/// What was before and after, and everything else that was noted.
pub(super) fn lines(details: &Value) -> (Vec<DiffLine>, Vec<(String, String)>) {
    let Some(fields) = details.as_object() else { return (Vec::new(), Vec::new()) };
    let none = Map::new();
    let side = |name: &str| fields.get(name).and_then(Value::as_object);
    let (before, after) = (side("before"), side("after"));
    let mut names: Vec<&String> = before.into_iter().chain(after).flat_map(Map::keys).collect();
    names.sort_unstable();
    names.dedup();
    let line = |name: &String| DiffLine {
        label: field(name),
        item: None,
        old: before.unwrap_or(&none).get(name).and_then(|value| written(name, value)),
        new: after.unwrap_or(&none).get(name).and_then(|value| written(name, value)),
        nothing: None,
        secret: false,
        remark: None,
    };
    // Whole things are noted with what did not change.
    let both = before.is_some() && after.is_some();
    let mut shown: Vec<DiffLine> =
        names.into_iter().map(line).filter(|line| !both || line.old != line.new).collect();
    let is_side = |name: &str| matches!(name, "before" | "after") && side(name).is_some();
    let mut rest = Vec::new();
    let of_values = |name: &str, value: &Value| match name {
        "changes" => true,
        "set" => value.is_object(),
        "removed" => value.is_array(),
        // How many there are is seen, unless there are too many to be noted.
        "number_set" | "number_removed" => value.as_u64() == Some(noted(fields, name)),
        _ => false,
    };
    for (name, value) in fields.iter().filter(|(name, value)| !is_side(name) && !of_values(name, value)) {
        match (name.as_str(), value.as_array()) {
            // Secrets that changed are named, never shown.
            ("changed", Some(changed)) => shown.extend(changed.iter().filter_map(Value::as_str).map(secret)),
            _ => rest.extend(written(name, value).map(|value| (name.clone(), value))),
        }
    }
    (shown, rest)
}

/// How many values of a template a record names.
fn noted(fields: &Map<String, Value>, number: &str) -> u64 {
    let count = match number {
        "number_set" => fields.get("set").and_then(Value::as_object).map(Map::len),
        _ => fields.get("removed").and_then(Value::as_array).map(Vec::len),
    };
    count.unwrap_or_default() as u64
}

/// Whether values of parameters were changed.
pub(super) fn has_changes(details: &Value) -> bool {
    let any = |name: &str| match details.get(name) {
        Some(Value::Array(entries)) => !entries.is_empty(),
        Some(Value::Object(entries)) => !entries.is_empty(),
        _ => false,
    };
    any("changes") || any("set") || any("removed")
}

/// A parameter by its key as records have it, `a.b` or `a.b[3]`: its label and its id.
fn named<'a>(key: &str, names: Option<&'a Catalogue>) -> (String, Option<&'a Parameter>) {
    let (id, index) = match key.split_once('[') {
        Some((id, rest)) => (id, Some(rest.trim_end_matches(']'))),
        None => (key, None),
    };
    let known = names.and_then(|names| names.parameter(id));
    let label = known.map_or_else(|| id.to_owned(), |known| words::text(&known.label).to_owned());
    (index.map_or_else(|| label.clone(), |index| format!("{label} · {index}")), known)
}

/// Values of a template that were set or removed.
fn of_template(details: &Value, names: Option<&Catalogue>) -> Vec<DiffLine> {
    let set = details.get("set").and_then(Value::as_object).into_iter().flatten().map(|(key, value)| {
        let (label, known) = named(key, names);
        let secret = value.get("secret").and_then(Value::as_bool) == Some(true);
        let new =
            value.as_str().map(|text| match (known, serde_json::from_str::<ParameterValue>(text).ok()) {
                (Some(known), Some(value)) => words::value(known, &value),
                _ => text.trim_matches('"').to_owned(),
            });
        DiffLine {
            item: known.map(|known| known.id.clone()),
            label,
            old: None,
            new,
            nothing: None,
            secret,
            remark: None,
        }
    });
    let removed = details.get("removed").and_then(Value::as_array).into_iter().flatten();
    let removed = removed.filter_map(Value::as_str).map(|key| {
        let (label, known) = named(key, names);
        let new = Some(texts::configuration::removed_from_template(lang()).to_owned());
        DiffLine {
            item: known.map(|known| known.id.clone()),
            label,
            old: None,
            new,
            nothing: None,
            secret: false,
            remark: None,
        }
    });
    set.chain(removed).collect()
}

/// Values of parameters that were wanted, by their labels when the catalogue is there.
pub(super) fn changes(details: &Value, names: Option<&Catalogue>) -> Vec<DiffLine> {
    let all = details.get("changes").and_then(Value::as_array).into_iter().flatten();
    let line = |change: &Value| {
        let id = change.get("parameter")?.as_str()?;
        let flag = |name: &str| change.get(name).and_then(Value::as_bool) == Some(true);
        let known = names.and_then(|names| names.parameter(id));
        let label = known.map_or_else(|| id.to_owned(), |known| words::text(&known.label).to_owned());
        let label = match change.get("index").and_then(Value::as_u64) {
            Some(index) => format!("{label} · {index}"),
            None => label,
        };
        // The record holds the value as JSON text.
        let wanted = change.get("value").and_then(Value::as_str).filter(|_| !flag("removes"));
        let in_words = |text: &str| {
            let value = serde_json::from_str::<ParameterValue>(text).ok();
            match (known, value) {
                (Some(known), Some(value)) => words::value(known, &value),
                _ => text.trim_matches('"').to_owned(),
            }
        };
        Some(DiffLine {
            item: known.map(|_| id.to_owned()),
            label,
            old: None,
            new: wanted.map(in_words),
            nothing: None,
            secret: flag("secret"),
            remark: None,
        })
    };
    all.filter_map(line).chain(of_template(details, names)).collect()
}

fn secret(name: &str) -> DiffLine {
    DiffLine {
        label: field(name),
        item: None,
        old: None,
        new: None,
        nothing: None,
        secret: true,
        remark: None,
    }
}

/// A text of a field: a word of the API in words, a time as times are written.
fn text(name: &str, text: &str) -> String {
    if let Ok(at) = text.parse::<Timestamp>() {
        return format::date_time(at);
    }
    if name == "filter"
        && let Some(sentence) = crate::pages::groups::in_words(text)
    {
        return sentence;
    }
    if name == "language" {
        return Language::of_tag(text).name().to_owned();
    }
    let tables = TABLES.iter().find(|(field, _)| *field == name).map_or(&[][..], |(_, tables)| tables);
    let found = tables.iter().find_map(|table| texts::find(lang(), table, text));
    found.unwrap_or(text).to_owned()
}

/// A value as somebody reads it; nothing for `null`.
fn written(name: &str, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(true) => texts::common::yes(lang()).to_owned(),
        Value::Bool(false) => texts::common::no(lang()).to_owned(),
        Value::String(value) => text(name, value),
        Value::Array(values) => {
            let more = values.len().saturating_sub(MOST_NAMED);
            let mut shown: Vec<String> =
                values.iter().take(MOST_NAMED).filter_map(|value| written(name, value)).collect();
            if more > 0 {
                shown.push(texts::audit::and_more(lang(), more as u64));
            }
            shown.join(", ")
        }
        Value::Object(fields) => {
            let parts = fields
                .iter()
                .filter_map(|(inner, value)| Some(format!("{}: {}", field(inner), written(inner, value)?)));
            parts.collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::{changes, lines};
    use serde_json::json;

    #[test]
    fn before_and_after_meet_in_one_line() {
        let details = json!({
            "before": {"roles": ["viewer"], "email": null},
            "after": {"roles": ["viewer", "auditor"], "email": "a@example.com"},
            "changed": ["password"],
            "sessions_ended": 2,
        });
        let (lines, rest) = lines(&details);
        let email = lines.iter().find(|line| line.new.as_deref() == Some("a@example.com")).unwrap();
        assert_eq!(email.old, None);
        assert!(
            lines.iter().any(|line| line.old.as_deref() == Some("Viewer")
                && line.new.as_deref() == Some("Viewer, Auditor"))
        );
        assert!(lines.iter().any(|line| line.secret && line.new.is_none()));
        assert_eq!(rest, [("sessions_ended".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn values_of_a_template_are_lines_and_what_stayed_is_none() {
        let details = json!({
            "before": {"name": "A", "rank": 3, "filter": null}, "after": {"name": "B", "rank": 3, "filter": null},
            "set": {"a.b[2]": "\"x\"", "a.c": {"secret": true}}, "removed": ["a.d"], "number_set": 2,
            "number_removed": 400,
        });
        let (head, rest) = lines(&details);
        assert_eq!((head.len(), head[0].new.as_deref()), (1, Some("B")));
        assert_eq!(rest, [("number_removed".to_owned(), "400".to_owned())]);
        let values = changes(&details, None);
        let shown: Vec<_> = values.iter().map(|line| (line.label.as_str(), line.secret)).collect();
        assert_eq!(shown, [("a.b · 2", false), ("a.c", true), ("a.d", false)]);
        assert_eq!((values[0].new.as_deref(), super::has_changes(&details)), (Some("x"), true));
    }

    #[test]
    fn other_shapes_are_shown_as_they_are() {
        let (lines_of_text, rest) = lines(&json!({"before": "10.0.0.4", "address": "10.0.0.5"}));
        assert!(lines_of_text.is_empty());
        assert_eq!(rest.len(), 2);
        assert_eq!(lines(&json!("x")), (vec![], vec![]));
    }

    #[test]
    fn wanted_values_are_lines_and_no_text_of_json() {
        let details = json!({"changes": [
            {"parameter": "a.b", "index": 2, "value": "\"192.0.2.1\"", "removes": false, "secret": false},
            {"parameter": "a.c", "index": null, "value": null, "removes": false, "secret": true},
        ]});
        let lines = changes(&details, None);
        assert_eq!((lines[0].label.as_str(), lines[0].new.as_deref()), ("a.b · 2", Some("192.0.2.1")));
        assert!(lines[1].secret && lines[1].new.is_none());
    }
}
